"""The game that the bound is about, played thousands of times on the house's own noise, without a database.

Two worlds differ in one family: in one of them it is poor. A coin picks a world; its table is published with a fresh
key; the attacker sees every figure of both systems at all levels, knows everybody else, and says which world it was.
Noise is symmetric and falls off to both sides, so what is left of the sums once everybody else is taken away says all
there is to say: more than half of it, and the family is poor. No test does better (Neyman and Pearson).
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from geo.publish import noise
from geo.publish.noise import Purpose
from tests.disclosure.attacks.knowledge import Guess

#: Four leaves of a system, the two areas above them, and the one above these.
LEAVES = ("a", "b", "c", "d")
SUMS = np.array([*np.eye(4), [1, 1, 0, 0], [0, 0, 1, 1], [1, 1, 1, 1]])
#: The first leaf as all levels together tell it: least squares.
FIRST = np.linalg.pinv(SUMS)[0]
#: In every leaf so many families, the victim first in the first leaf.
FAMILIES = 24
#: Games in which the others are as they were.
AS_LONG = 100

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class World:
    """Who is poor, by leaf; `poor[0][0]` is the victim in both tables."""

    poor: tuple[tuple[bool, ...], ...]

    def content(self, leaf: int) -> bytes:
        """What of a leaf goes into its noise."""
        return _content(leaf, self.poor[leaf])


@cache
def _content(leaf: int, poor: tuple[bool, ...]) -> bytes:
    return noise.content([(f"K-{leaf}-{n}", 1, one) for n, one in enumerate(poor)])


#: Publishes one table of a world: the figures of both systems at all levels, as many times as one may ask.
Publisher = Callable[[World, Purpose], Sequence[Numbers]]

FIELD = Purpose("simulasi", "2022_2", "field", "field_status", 1)
FINAL = Purpose("simulasi", "2022_2", "final", "consultation", 6)


def ours(world: World, purpose: Purpose) -> Sequence[Numbers]:
    """As the house does: one draw a leaf, from a key that nobody knows; sums of what is published."""
    key = noise.new_key()
    return [
        SUMS @ [
            sum(world.poor[at]) + noise.draw(key, purpose, system, leaf, world.content(at))
            for at, leaf in enumerate(LEAVES)
        ]
        for system in ("block", "cell")
    ]  # fmt: skip


def every_level(world: World, purpose: Purpose) -> Sequence[Numbers]:
    """Naive: every area of every level is drawn for itself, in files that are made one by one."""
    return [_drawn(SUMS @ [sum(leaf) for leaf in world.poor]) for _ in range(40)]


def only_poor(world: World, purpose: Purpose) -> Sequence[Numbers]:
    """Naive: nobody poor, no row, no noise."""
    true = np.array([sum(leaf) for leaf in world.poor], float)
    return [SUMS @ np.where(true > 0, _drawn(true), 0) for _ in range(2)]


def on_demand(world: World, purpose: Purpose) -> Sequence[Numbers]:
    """Naive: made again whenever somebody asks."""
    return [part for _ in range(25) for part in ours(world, purpose)]


def _drawn(true: Numbers) -> Numbers:
    key = noise.new_key()
    return true + [noise.draw(key, FIELD, "naive", str(n), b"") for n in range(len(true))]


def play(
    publish: Publisher, trials: int, purposes: Sequence[Purpose] = (FIELD,), *, alone: bool = False
) -> list[Guess]:
    """Guesses of so many games, each with all tables of `purposes`; `alone`: nobody else of the leaf is poor."""
    chance = random.Random(9)  # noqa: S311 -- decides who is poor; the noise has keys of its own
    found = []
    for trial in range(trials):
        if trial % AS_LONG == 0:
            rest = [tuple(not alone and chance.random() < 0.4 for _ in range(FAMILIES)) for _ in LEAVES]
            worlds = [World(((coin, *rest[0][1:]), *rest[1:])) for coin in (False, True)]
        coin = trial % 2 == 0
        known = worlds[False]
        published = [figures for purpose in purposes for figures in publish(worlds[coin], purpose)]
        found.append((coin, says(known, published)))
    return found


def says(known: World, published: Sequence[Numbers]) -> bool:
    """What the attacker says: the first leaf as all levels together tell it, less everybody else in it."""
    others = np.array([sum(leaf) for leaf in known.poor], float)
    empty = [n for n in range(1, len(LEAVES)) if others[n] == 0]
    if others[0] == 0 and empty and all(figures[n] == 0 for figures in published for n in empty):
        return any(figures[0] != 0 for figures in published)  # where nobody is poor nothing is said: here is something
    left = [float(FIRST @ figures - others[0]) for figures in published]
    return sum(left) > len(left) / 2
