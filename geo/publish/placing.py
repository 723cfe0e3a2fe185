"""Where new sites would reach most poor families: maximal covering and p-median, and how far from the best they may be.

Functions of released demand and of places alone; no database. A placement is a question put on a map, not an answer: no
road, no river, no price of land is known here.

A good choice and a bound on all choices come first (`savings`); they settle most candidates for good. What is left is
stated by spopt and solved by HiGHS, so that the answer is of the whole question and not of a smaller one.
"""

import math
import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from geo.errors import BadInput
from geo.publish import reach
from geo.publish.leaves import Degrees, Whole
from geo.publish.reach import Points
from geo.publish.savings import (
    Amounts,
    Relaxed,
    Savings,
    best,
    better,
    exchanged,
    gains,
    greedy,
    ordered,
    relax,
    settled,
    some,
)

Method = Literal["cover", "median"]
METHODS: tuple[Method, ...] = ("cover", "median")

#: What found the answer and proved how good it is: the bound alone, or spopt's statement solved by HiGHS besides.
Solver = Literal["relaxation", "spopt-highs"]

#: New sites that can be asked for at once.
MOST_SITES = 20

#: Pairs of a point and a candidate that saves something there, held in memory; of more, candidates come in rounds.
PAIRS = 3_000_000
_ROUNDS = 2

#: Pairs that spopt is given: it writes down every one of them, which takes it seconds.
_COVER_PAIRS, _MEDIAN_PAIRS = 200_000, 20_000

#: Nodes of the search tree: the solver ends by this count and so everywhere with the same answer; seconds only guard.
_NODES = 2_000

#: By their prices the best candidates, for each site and at least, among which a good choice is made better.
_LEADING, _LEAST = 10, 100

_METRES = 1_000


@dataclass(frozen=True)
class Spots:
    """Places (n,), degrees, EPSG:4326."""

    lon: Degrees
    lat: Degrees


@dataclass(frozen=True)
class Demand:
    """Poor families (n,) at places (n,), degrees, EPSG:4326; never negative, see `reach.demand`."""

    lon: Degrees
    lat: Degrees
    poor: Whole


@dataclass(frozen=True)
class Wish:
    """So many new `sites`, 1 to MOST_SITES, for a reach of `km`, one of `reach.LIMITS_KM`.

    `cover`: the most poor families within `km` of a site. `median`: the least distance of all poor families together to
    their nearest site; `km` then only says what counts as reached. Raises BadInput (`bad-wish`, `bad-km`).
    """

    method: Method
    sites: int
    km: int

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise BadInput(f"a method is one of {', '.join(METHODS)}", code="bad-wish")
        if not 1 <= self.sites <= MOST_SITES:
            raise BadInput(f"between 1 and {MOST_SITES} new sites can be proposed", code="bad-wish")
        reach.limit(self.km)


@dataclass(frozen=True)
class Placed:
    """An answer. `chosen`: positions among the candidates, each next one gains most beside those before it.

    `gained`: poor families that each brings within `km`, in that order; `covered_before`, `covered_after`: poor
    families within `km` without and with the new sites, of `total`. `distance_before`, `distance_after`: kilometres of
    all poor families together to their nearest site; None where there is no site.

    `bound`: with so many of the candidates given, no choice covers more (`cover`: poor families) or leaves less
    distance (`median`: kilometres as above). `gap`: how far the answer may be from that, as a share of what new sites
    can gain (`cover`) or of the distance that is left (`median`); 0 if it is `optimal`.
    `solver`: what found it; `seconds_limit`: when HiGHS would have been stopped. `candidates`, `points`: how many
    candidates and how many points with demand were given, all of which the bound accounts for.
    """

    chosen: tuple[int, ...]
    gained: tuple[int, ...]
    covered_before: int
    covered_after: int
    total: int
    distance_before: float | None
    distance_after: float | None
    bound: float
    gap: float
    optimal: bool
    solver: Solver
    seconds_limit: float
    candidates: int
    points: int


@dataclass(frozen=True)
class _Task:
    """What is asked, in the order of the points with demand. `saved` before anything is built is nothing, everywhere.

    `metres` (points,) to the nearest existing site, whole; where there is none, to the farthest candidate.
    """

    demand: Demand
    candidates: Points
    wish: Wish
    covered: NDArray[np.bool_]
    metres: Amounts

    def savings(self, of: Whole) -> Savings:
        """What the candidates at these positions would save: families brought within reach, or families × metres."""
        spots = Spots(self.candidates.lon[of], self.candidates.lat[of])
        found = [self._part(spots, part) for part in reach.steps(len(of), len(self.demand.poor))]
        candidate, point, value = (np.concatenate(column) for column in zip(*found, strict=True))
        start = np.searchsorted(candidate, np.arange(len(of) + 1)).astype(np.int64)
        return Savings(len(self.demand.poor), start, candidate.astype(np.int32), point.astype(np.int32), value)

    def _part(self, spots: Spots, part: slice) -> tuple[Whole, Whole, Amounts]:
        chords = reach.chords2(spots, self.demand, part)
        if self.wish.method == "cover":
            saved = (chords < reach.chord2(self.wish.km)) & ~self.covered
        else:
            saved = np.maximum(self.metres - _metres(chords), 0)
        value = saved * self.demand.poor.astype(np.float64)
        candidate, point = (at.astype(np.int64) for at in np.nonzero(value))
        return candidate + part.start, point, np.asarray(value[candidate, point], np.float64)


@dataclass(frozen=True)
class _Round:
    """What was found among the candidates `of`, ascending; `chosen` are positions in `of`."""

    of: Whole
    savings: Savings
    chosen: list[int]
    saved: float
    relaxed: Relaxed


@dataclass(frozen=True)
class _Found:
    """A choice by positions among all candidates, what it saves, what none can exceed, and who says so."""

    chosen: list[int]
    saved: float
    bound: float
    solver: Solver = "relaxation"


def place(demand: Demand, existing: Points, candidates: Points, wish: Wish, seconds: float = 20) -> Placed:
    """The best places for new sites among `candidates`, beside the `existing` ones (possibly none).

    All arrays are of degrees, EPSG:4326. Candidates that would gain nobody are not chosen, so that there may be fewer
    than wished. The same question gives the same answer unless HiGHS is stopped by `seconds`. Raises BadInput
    (`no-demand`, `no-candidates`).
    """
    wanted = demand.poor > 0
    if not wanted.any():
        raise BadInput("no poor families are known here", code="no-demand")
    if not len(candidates.lon):
        raise BadInput("there is no place where a site could be", code="no-candidates")
    points = Demand(demand.lon[wanted], demand.lat[wanted], demand.poor[wanted])
    task = _task(points, existing, candidates, wish)
    return _told(task, _solve(task, time.monotonic() + seconds), existing, seconds)


def _task(demand: Demand, existing: Points, candidates: Points, wish: Wish) -> _Task:
    if len(existing.lon):
        before = _extremes(demand, existing, np.min)
        return _Task(demand, candidates, wish, before < reach.chord2(wish.km), _metres(before))
    farthest = _metres(_extremes(demand, candidates, np.max))
    return _Task(demand, candidates, wish, np.zeros(len(demand.poor), bool), farthest)


def _solve(task: _Task, until: float) -> _Found:
    """The best choice that is found among all candidates, and a bound for all of them.

    Where they are too many to be held at once, those that save most in each square of a grid are looked at first. What
    is found and its prices tell which others can be in a better choice; those are looked at then.
    """
    everyone, sites = np.arange(len(task.candidates.lon)), task.wish.sites
    alone, pairs = _scores(task, np.zeros(len(task.demand.poor)))
    if pairs <= PAIRS:
        return _proven(task, _search(task, everyone, ()), until)
    most = max(PAIRS * len(everyone) // pairs, 4 * MOST_SITES)
    ceiling, prices = math.inf, None
    looked, start = _spread(task.candidates, alone, most), everyone[:0]
    for _ in range(_ROUNDS):
        found = _search(task, looked, start.tolist(), prices)
        start, prices = found.of[found.chosen], found.relaxed.multipliers
        scores, _ = _scores(task, prices)
        bound = float(prices.sum() + np.sort(scores)[::-1][:sites].sum())
        ceiling = min(ceiling, max(bound, found.saved))
        left = np.flatnonzero(~settled(Relaxed(bound, prices, scores), found.saved, sites)[1])
        looked = np.union1d(left[np.argsort(-scores[left], kind="stable")][:most], start)
        if len(left) <= most:
            return _proven(task, _search(task, looked, start.tolist(), prices), until)
    return replace(_proven(task, _search(task, looked, start.tolist(), prices), until), bound=ceiling)


def _search(task: _Task, of: Whole, start: Sequence[int], prices: Amounts | None = None) -> _Round:
    """A good choice among the candidates `of`, from a `start` (possibly nothing), and a bound for them."""
    savings, sites = task.savings(of), task.wish.sites
    chosen = greedy(savings, sites, np.searchsorted(of, start).tolist())
    have = best(savings, chosen)
    if len(chosen) < sites or savings.candidates <= sites:  # nothing is left to save, or to choose
        return _Round(of, savings, chosen, float(have.sum()), Relaxed(float(have.sum()), have, np.zeros(len(of))))
    relaxed = relax(savings, chosen, sites, prices)
    leading = np.argsort(-relaxed.scores, kind="stable")[: max(_LEADING * sites, _LEAST)]
    near = np.union1d(leading, chosen)
    few = some(savings, near)
    starts = (np.searchsorted(near, these).tolist() for these in (chosen, leading[:sites]))
    tried = [near[exchanged(few, these)].tolist() for these in starts]
    chosen = max(tried, key=lambda these: float(best(savings, these).sum()))
    return _Round(of, savings, chosen, float(best(savings, chosen).sum()), relaxed)


def _proven(task: _Task, found: _Round, until: float) -> _Found:
    """The best choice among the candidates looked at, or the one found and a bound."""
    chosen, saved, savings = found.chosen, found.saved, found.savings
    if found.relaxed.bound < better(saved):
        return _Found(found.of[chosen].tolist(), saved, saved)
    always, never = settled(found.relaxed, saved, task.wish.sites)
    core = _core(task, savings, np.flatnonzero(always), np.flatnonzero(~always & ~never))
    if core is None:
        return _Found(found.of[chosen].tolist(), saved, found.relaxed.bound)
    more, bound = _decided(core, until)
    other = [*np.flatnonzero(always).tolist(), *more]
    also = float(best(savings, other).sum())
    chosen, saved = (other, also) if also > saved else (chosen, saved)
    bound = saved if bound is None else min(found.relaxed.bound, max(saved, bound))
    return _Found(found.of[chosen].tolist(), saved, bound, "spopt-highs" if core.sites else "relaxation")


@dataclass(frozen=True)
class _Core:
    """What the bound left open: which `sites` of the candidates `open` go beside those that are in every better choice.

    `cost` (n, m) for `poor` families (n,) at points whose best is still open: 1 where they stay unreached (`cover`), or
    kilometres (`median`), whose column 0 is what they have already. `saved` if nothing is added.
    """

    method: Method
    sites: int
    open: Whole
    cost: Amounts
    poor: Whole
    saved: float


def _core(task: _Task, savings: Savings, always: Whole, left: Whole) -> _Core | None:
    """What is left of a task, None where it is too large for spopt."""
    have = best(savings, always.tolist())
    beyond = (savings.value > have[savings.point]) & np.isin(savings.candidate, left)
    points, row = np.unique(savings.point[beyond], return_inverse=True)
    column = np.searchsorted(left, savings.candidate[beyond])
    sites, saved, poor = task.wish.sites - len(always), float(have.sum()), task.demand.poor[points]
    if not sites or not len(points):
        return _Core(task.wish.method, 0, left, np.empty((0, 0)), poor, saved)
    if task.wish.method == "cover":
        reached = np.zeros((len(points), len(left)), bool)
        reached[row, column] = True
        alike, which = np.unique(reached, axis=0, return_inverse=True)
        poor = np.bincount(which.reshape(-1), poor, len(alike)).astype(np.int64)
        return _Core("cover", sites, left, 1.0 - alike, poor, saved) if alike.size <= _COVER_PAIRS else None
    if len(points) * (len(left) + 1) > _MEDIAN_PAIRS:
        return None
    cost = np.repeat(task.metres[points, None], len(left) + 1, axis=1)
    cost[:, 0] -= have[points] / poor
    cost[row, 1 + column] -= savings.value[beyond] / poor[row]
    return _Core("median", sites, left, cost / _METRES, poor, saved)


def _decided(core: _Core, until: float) -> tuple[list[int], float | None]:
    """The best of the open candidates, and what no choice saves more than; None where this is proven to be the best."""
    if not core.sites:
        return [], None
    import pulp  # noqa: PLC0415  # with spopt seconds and 250 MB: only the process that computes pays for them

    unit = 1 if core.method == "cover" else _METRES
    limit = max(1.0, until - time.monotonic())
    exact = {"gapRel": 0, "gapAbs": 0.5 / unit, "mip_max_nodes": _NODES}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # spopt calls what PuLP 4 will not have any more
        model = _model(core)
        with suppress(RuntimeError, KeyError, IndexError):  # stopped early: no answer, or PuLP has no word for it
            model.solve(pulp.HiGHS(msg=False, threads=1, timeLimit=limit, **exact), results=False)
    taken = [i for i, variable in enumerate(model.fac_vars) if (variable.value() or 0) > 0.5]
    if core.method == "median":
        taken = [i - 1 for i in taken if i]
    chosen = core.open[taken[: core.sites]].tolist()
    solver = model.problem.solverModel
    if solver.modelStatusToString(solver.getModelStatus()) == "Optimal":
        return chosen, None
    dual = float(solver.getInfo().mip_dual_bound)
    more = -dual if core.method == "cover" else (float(core.poor @ core.cost[:, 0]) - dual) * unit
    return chosen, core.saved + more if math.isfinite(more) else math.inf


def _model(core: _Core) -> Any:
    """The open question as spopt states it. What stands already is a place of its own that must be in the solution."""
    from spopt.locate import MCLP, PMedian  # noqa: PLC0415  # as above

    if core.method == "cover":
        return MCLP.from_cost_matrix(core.cost, core.poor, 0.5, core.sites)
    stands = np.zeros(core.cost.shape[1], np.int64)
    stands[0] = 1
    return PMedian.from_cost_matrix(core.cost, core.poor, core.sites + 1, predefined_facilities_arr=stands)


def _told(task: _Task, found: _Found, existing: Points, seconds: float) -> Placed:
    order = _ordered(task, found.chosen)
    if not len(order) and task.wish.method == "median" and not len(existing.lon):
        order = np.zeros(1, np.int64)  # one must be built, and all are equally far from everybody
    poor, covered, metres, gained = task.demand.poor, task.covered, task.metres, list[int]()
    spots = Spots(task.candidates.lon[order], task.candidates.lat[order])
    for one in reach.chords2(spots, task.demand, slice(None)):
        near = one < reach.chord2(task.wish.km)
        gained.append(int(poor[near & ~covered].sum()))
        covered, metres = covered | near, np.minimum(metres, _metres(one))
    before, already = float(poor @ task.metres), int(poor[task.covered].sum())
    most, optimal = math.floor(found.bound + 1e-6), found.bound < better(found.saved)
    bound = float(already + most) if task.wish.method == "cover" else (before - most) / _METRES
    return Placed(
        chosen=tuple(order.tolist()),
        gained=tuple(gained),
        covered_before=already,
        covered_after=already + sum(gained),
        total=int(poor.sum()),
        distance_before=before / _METRES if len(existing.lon) else None,
        distance_after=float(poor @ metres) / _METRES if len(existing.lon) or len(order) else None,
        bound=bound,
        gap=0.0 if optimal else (most - found.saved) / (most if task.wish.method == "cover" else before - found.saved),
        optimal=optimal,
        solver=found.solver,
        seconds_limit=seconds,
        candidates=len(task.candidates.lon),
        points=len(poor),
    )


def _ordered(task: _Task, chosen: Sequence[int]) -> Whole:
    """The chosen as they are told, see `Placed`."""
    of = np.array(sorted(chosen), np.int64)
    return of[ordered(task.savings(of), range(len(of)))] if len(of) else of


def _scores(task: _Task, prices: Amounts) -> tuple[Amounts, int]:
    """What every candidate would save beyond the prices (candidates,), and how many pairs save anything at all."""
    many, size = len(task.candidates.lon), max(1, PAIRS // len(prices))
    scores, pairs = [], 0
    for start in range(0, many, size):
        part = task.savings(np.arange(start, min(start + size, many)))
        scores.append(gains(part, prices))
        pairs += len(part.value)
    return np.concatenate(scores), pairs


def _spread(candidates: Points, weight: Amounts, most: int) -> Whole:
    """Of the candidates the one of most weight in each square of a grid, the finest with at most so many."""
    side = 1e-4
    while True:
        x, y = np.floor(candidates.lon / side).astype(np.int64), np.floor(candidates.lat / side).astype(np.int64)
        order = np.lexsort((-weight, y, x))
        first = np.ones(len(order), bool)
        first[1:] = (np.diff(x[order]) != 0) | (np.diff(y[order]) != 0)
        if first.sum() <= most:
            return np.sort(order[first])
        side *= 1.25


def _extremes(demand: Demand, others: Points, of: Callable[..., Any]) -> Amounts:
    """The least or greatest squared chord of each point with demand to the others."""
    parts = reach.steps(len(demand.poor), len(others.lon))
    return np.concatenate([of(reach.chords2(demand, others, part), axis=1) for part in parts])


def _metres(chords: Amounts) -> Amounts:
    """Whole metres over the Earth: sums of them are exact, and nobody knows a leaf's families better."""
    return np.rint(reach.kilometres(chords) * _METRES)
