"""What every attack is made of: whom it is after, what it knows of everybody else, and what its guesses are worth.

The advantage is P(says yes | yes) − P(says yes | no): 0 for a tossed coin or for one who says nothing, 1 for certainty.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import sqrt

from tests.disclosure.city import Family
from tests.disclosure.doors import Figures
from tests.disclosure.stage import OURS, Seen, leaves_of

Leaf = tuple[str, str]
#: What is true of a victim, and what the attacker says.
Guess = tuple[bool, bool]


@dataclass(frozen=True)
class Measured:
    """An advantage with its confidence interval, from so many guesses."""

    advantage: float
    low: float
    high: float
    trials: int

    def __str__(self) -> str:
        return f"{self.advantage:.2f} ({self.low:.2f} to {self.high:.2f}; {self.trials})"


@dataclass(frozen=True)
class Attack:
    """One attack: `run` gives guesses from what was seen of a service; it must bite on each of the `naive` ones.

    `bound` is what ours allows: 0 where nothing an outsider sees depends on the victim at all.
    """

    name: str
    naive: tuple[str, ...]
    bound: float
    run: Callable[[Seen], Sequence[Guess]]


def attack(name: str, *naive: str, bound: float) -> Callable[[Callable[[Seen], Sequence[Guess]]], Attack]:
    """Make a function an attack."""

    return lambda run: Attack(name, naive, bound, run)


def measured(guesses: Iterable[Guess], z: float = 1.96) -> Measured:
    """The advantage of guesses; its interval from Wilson's of the two proportions (Newcombe 1998, method 10)."""
    found = list(guesses)
    yes = [said for true, said in found if true]
    no = [said for true, said in found if not true]
    assert yes, "no victim of whom it is true"
    assert no, "no victim of whom it is not true"
    (p, p_low, p_high), (q, q_low, q_high) = _wilson(yes, z), _wilson(no, z)
    low, high = p - q - sqrt((p - p_low) ** 2 + (q_high - q) ** 2), p - q + sqrt((p_high - p) ** 2 + (q - q_low) ** 2)
    return Measured(p - q, low, high, len(found))


def _wilson(said: Sequence[bool], z: float) -> tuple[float, float, float]:
    n, p = len(said), sum(said) / len(said)
    middle, half = (p + z * z / (2 * n)), z * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return p, (middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n)


def value(figures: Figures, leaf: Leaf) -> int | None:
    """The published value of a leaf; None where none is shown."""
    found: int | None = figures.get(leaf, {}).get("poor")
    return found


def others(seen: Seen, release: int, leaf: Leaf, victim: Family) -> int:
    """Poor families behind a figure, the victim left out: the attacker knows them all."""
    behind = seen.truth.entered if seen.door.name == OURS else seen.truth.counted
    return sum(poor for family, poor in behind[release].get(leaf, []) if family is not victim)


def left(seen: Seen, release: int, leaf: Leaf, victim: Family) -> float | None:
    """What of a figure is the victim's and the noise's; None where there is no figure."""
    shown = value(seen.leaves[release], leaf)
    return None if shown is None else shown - others(seen, release, leaf, victim)


def likely(parts: Iterable[float | None]) -> bool:
    """Whether sums of 'is it poor' and symmetric noise speak for poor: the best test there is, whatever the noise."""
    known = [part for part in parts if part is not None]
    return bool(known) and sum(known) > len(known) / 2


def change(seen: Seen, release: int, victim: Family, before: int | None = None) -> list[float | None]:
    """What is left of the change of the victim's two leaves since the release before."""
    found: list[float | None] = []
    for leaf in leaves_of(victim):
        now = left(seen, release, leaf, victim)
        then = left(seen, before, leaf, victim) if before else 0
        if before and now is not None and then is None and seen.door.name == OURS:
            then = 0  # nothing had been published of it
        found.append(None if now is None or then is None else now - then)
    return found
