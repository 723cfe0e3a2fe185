"""What each possible place would save, which few places save most together, and how much no choice can exceed.

Maximal covering and the p-median are one question: of the candidates choose a few, so that the best of them for each
point, added up, is most. Here is the cheap part of the answer, on arrays: a good choice, and a bound that holds for all
choices. The bound also settles most candidates, so that a solver is only needed for what is left.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geo.publish.leaves import Whole

Amounts = NDArray[np.float64]
Flags = NDArray[np.bool_]

#: What adding up fractions may get wrong, as a share of the sum.
_ROUNDING = 1e-11

#: Entries looked at in one search for a bound, and steps of it at most: counts and no clock, the same everywhere.
_WORK, _STEPS = 400_000_000, 400

#: Steps without a lower bound before they are halved, how short they get, and what each keeps of the one before.
_STALE, _SHORTEST, _KEPT = 6, 1e-4, 0.8


@dataclass(frozen=True)
class Savings:
    """What candidate j would save at point i, whole numbers above 0; pairs without any are left out.

    `candidate`, `point`, `value` (e,) in the order of candidates; those of j stand from `start[j]` to `start[j + 1]`.
    """

    points: int
    start: Whole
    candidate: NDArray[np.int32]
    point: NDArray[np.int32]
    value: Amounts

    @property
    def candidates(self) -> int:
        """How many candidates there are."""
        return len(self.start) - 1

    def of(self, candidate: int) -> slice:
        """Where the entries of a candidate stand."""
        return slice(int(self.start[candidate]), int(self.start[candidate + 1]))


@dataclass(frozen=True)
class Relaxed:
    """A bound: no choice of so many candidates saves more. `multipliers` (points,) prove it; `scores` (candidates,)."""

    bound: float
    multipliers: Amounts
    scores: Amounts


def some(savings: Savings, of: Whole) -> Savings:
    """The savings of some candidates, given by ascending positions; those become their numbers."""
    at = np.concatenate([np.arange(savings.start[one], savings.start[one + 1]) for one in of.tolist()])
    size = (savings.start[1:] - savings.start[:-1])[of]
    start = np.concatenate([[0], np.cumsum(size)])
    candidate = np.repeat(np.arange(len(of), dtype=np.int32), size)
    return Savings(savings.points, start, candidate, savings.point[at], savings.value[at])


def best(savings: Savings, chosen: Sequence[int]) -> Amounts:
    """What the best of the chosen saves at each point (points,)."""
    have = np.zeros(savings.points)
    for candidate in chosen:
        these = savings.of(candidate)
        at = savings.point[these]
        have[at] = np.maximum(have[at], savings.value[these])
    return have


def gains(savings: Savings, have: Amounts) -> Amounts:
    """What each candidate would save beyond what each point has (candidates,)."""
    beyond = np.maximum(savings.value - have[savings.point], 0)
    return _by_candidate(savings, beyond)


def greedy(savings: Savings, sites: int, start: Sequence[int] = ()) -> list[int]:
    """So many candidates, each next one saving most beside those before it; fewer where nothing is left to save."""
    chosen = list(start)
    have = best(savings, chosen)
    while len(chosen) < min(sites, savings.candidates):
        more = gains(savings, have)
        if more.max() <= 0:
            break
        chosen.append(int(more.argmax()))
        have = np.maximum(have, best(savings, chosen[-1:]))
    return chosen


def exchanged(savings: Savings, chosen: Sequence[int]) -> list[int]:
    """The choice after every exchange of one chosen for one other candidate that saves more (Teitz and Bart 1968)."""
    now = list(chosen)
    total, since, at = float(best(savings, now).sum()), 0, 0
    while since < len(now):
        rest = now[:at] + now[at + 1 :]
        have = best(savings, rest)
        more = gains(savings, have)
        other = int(more.argmax())
        if have.sum() + more[other] > total + 0.5:
            now[at], total, since = other, float(have.sum() + more[other]), 0
        else:
            since += 1
        at = (at + 1) % len(now)
    return now


def relax(savings: Savings, chosen: Sequence[int], sites: int, prices: Amounts | None = None) -> Relaxed:
    """A low bound on what `sites` candidates can save, by subgradients from a good choice, and from `prices` if given.

    The rule that a point is served once is dropped at a price, its multiplier: whatever the prices, the sum of prices
    and of the best candidates' savings beyond them is a bound (Cornuéjols, Fisher and Nemhauser 1977). Each step keeps
    a part of the one before it, which saves half of them.
    """
    have = best(savings, chosen)
    found, step = float(have.sum()), np.zeros(savings.points)
    prices = _between(savings, chosen) if prices is None else prices
    lowest = Relaxed(np.inf, prices, np.zeros(savings.candidates))
    length, stale = 1.0, 0
    for _ in range(min(_STEPS, 1 + _WORK // max(1, len(savings.point)))):
        beyond = np.maximum(savings.value - prices[savings.point], 0)
        scores = _by_candidate(savings, beyond)
        top = np.argsort(-scores, kind="stable")[:sites]
        bound = float(prices.sum() + scores[top].sum())
        if bound < lowest.bound:
            lowest, stale = Relaxed(bound, prices, scores), 0
        else:
            stale += 1
        if stale > _STALE:
            length, stale = length / 2, 0
        step = _slope(savings, beyond, top) + _KEPT * step
        step[(prices <= 0) & (step > 0)] = 0
        steep = float(step @ step)
        if steep == 0 or length < _SHORTEST or lowest.bound < better(found):
            break
        prices = np.maximum(prices - length * (bound - found) / steep * step, 0)
    most = best(savings, range(savings.candidates))  # as prices they leave nothing to save beyond
    return min(lowest, Relaxed(float(most.sum()), most, np.zeros(savings.candidates)), key=lambda one: one.bound)


def better(found: float) -> float:
    """The least that a better choice saves: savings are whole numbers, and their sums a little off."""
    return found + 1 - 1e-6 - _ROUNDING * abs(found)


def settled(relaxed: Relaxed, found: float, sites: int) -> tuple[Flags, Flags]:
    """Which candidates are in every choice that saves more than `found`, and which are in none (candidates,) each."""
    order = np.argsort(-relaxed.scores, kind="stable")
    top = np.zeros(len(order), bool)
    top[order[:sites]] = True
    last = float(relaxed.scores[order[min(sites, len(order)) - 1]])
    following = float(relaxed.scores[order[sites]]) if len(order) > sites else -np.inf
    least = better(found)
    always = top & (relaxed.bound - relaxed.scores + following < least)
    never = ~top & (relaxed.bound - last + relaxed.scores < least)
    return always, never


def ordered(savings: Savings, chosen: Sequence[int]) -> list[int]:
    """The chosen, each next one saving most beside those before it; without those that would save nothing more."""
    left, order = sorted(chosen), list[int]()
    have = np.zeros(savings.points)
    while left:
        more = [float((np.maximum(best(savings, [one]), have) - have).sum()) for one in left]
        if max(more) <= 0:
            break
        order.append(left.pop(int(np.argmax(more))))
        have = np.maximum(have, best(savings, order[-1:]))
    return order


def _between(savings: Savings, chosen: Sequence[int]) -> Amounts:
    """Midway between what the best and the second best of the chosen save at each point: good prices to begin with."""
    first, second = np.zeros(savings.points), np.zeros(savings.points)
    for candidate in chosen:
        these = savings.of(candidate)
        at, value = savings.point[these], savings.value[these]
        second[at] = np.maximum(second[at], np.minimum(first[at], value))
        first[at] = np.maximum(first[at], value)
    return (first + second) / 2


def _slope(savings: Savings, beyond: Amounts, top: NDArray[np.intp]) -> Amounts:
    """How the bound changes with each price: 1 less the candidates of the bound that serve the point."""
    slope = np.ones(savings.points)
    for candidate in top.tolist():
        these = savings.of(candidate)
        slope[savings.point[these]] -= beyond[these] > 0
    return slope


def _by_candidate(savings: Savings, amounts: Amounts) -> Amounts:
    """Sums of entries (e,) by candidate (candidates,)."""
    return np.asarray(np.bincount(savings.candidate, amounts, savings.candidates), np.float64)
