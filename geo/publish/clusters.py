"""Where poor families gather: neighbouring cells of a release with significantly many of them, and how sure that is.

A function of published figures alone, without a database. Of all the house only this module imports esda and libpysal,
and only while it computes: they take seconds and 250 MB, so `find` is called in a process apart, while everybody may
import the words of its answer.

Sources: Ord and Getis 1995 for Gi*; Assunção and Reis 1999 for rates standardised by what their variance should be;
Anselin 1995 for local Moran; Efron 2004 for a reference without what stands out; Benjamini and Hochberg 1995 for the
rate of false discoveries, Caldas de Castro and Singer 2006 for using it on maps. Why so: docs/decisions/0029.
"""

import math
import warnings
from collections import Counter
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from geo.errors import BadInput
from geo.ground import cells as h3cells
from geo.publish import bands
from geo.publish.cost import NORMAL_95
from geo.publish.leaves import UNKNOWN, Leaves
from geo.publish.noise import SIGMA

State = Literal["ordinary", "hot", "cold", "untested"]
Reason = Literal["none_yet", "fewer_than_10", "low_coverage", "alone", "too_few"]
Quadrant = Literal["none", "HH", "LL", "HL", "LH"]

#: What a cell is; the position is its code.
STATES: tuple[State, ...] = ("ordinary", "hot", "cold", "untested")
ORDINARY, HOT, COLD, UNTESTED = range(4)

#: Why a cell is not tested; the position is its code, the first that fits holds.
REASONS: tuple[Reason, ...] = ("none_yet", "fewer_than_10", "low_coverage", "alone", "too_few")
TESTED = -1

#: Local Moran where it is significant: many poor among many, few among few, many among few, few among many.
QUADRANTS: tuple[Quadrant, ...] = ("none", "HH", "LL", "HL", "LH")
#: Places in QUADRANTS of what esda numbers from 1, counter-clockwise: HH, LH, LL, HL.
_OF_ESDA = np.array([0, 1, 4, 2, 3], np.int8)

#: Robust standard deviations from the middle beyond which a cell's excess is no longer part of the reference.
FAR = 4.0

#: Level of local Moran, for each cell by itself: a second opinion, not what clusters are made of.
MORAN_LEVEL = 0.05

#: Median of |x| of a standard normal distribution.
_NORMAL_MEDIAN = 0.6744897501960817
#: Bisections for the spread of rates: 2⁻⁴⁰ is finer than any count.
_HALVINGS = 40
#: Sums that differ by less are the same sum, added in another order.
_ALIKE = 1e-9

Whole = NDArray[np.int64]
Small = NDArray[np.int8]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Rules:
    """How clusters are sought; all of it is stated with every answer.

    `permutations`: draws from the reference for Gi*; `moran_permutations`: of all cells for local Moran. `discoveries`:
    the rate of false ones that is accepted among the cells that are called. A hot cell's own share lies above the usual
    one by at least `stands_out` of the standard deviations by which places differ, and by `beyond_chance` of those that
    chance and noise alone make. A cluster has `least_cells` and `least_households`; on fewer cells than `least_tested`
    nothing is tested. `redraws` of the exact counts, for `Cluster.sure`, each with as many `redraw_permutations`.
    """

    permutations: int = 99_999
    moran_permutations: int = 9_999
    seed: int = 2022
    discoveries: float = 0.05
    stands_out: float = 0.5
    beyond_chance: float = 2.0
    least_cells: int = 3
    least_households: int = 30
    least_tested: int = 25
    redraws: int = 200
    redraw_permutations: int = 9_999


@dataclass(frozen=True)
class Cluster:
    """Neighbouring cells with significantly many poor families.

    `number`: from 1, most `excess` first. `positions`: of its cells in the leaves, ascending. `n`, `value`, `draws`,
    `expected`: sums of theirs, as in Leaves (UNKNOWN where any is). `excess`: published poor families beyond what the
    share of all tested cells would give; `excess_error`: its ± by the release's noise, 95 %. `agree`: share of its
    cells that local Moran too calls many among many. `sure`: of redrawn exact counts, each as likely as the release
    lets it be, the share in which at least half of its cells are hot again.
    """

    number: int
    positions: tuple[int, ...]
    n: int
    value: int
    draws: int
    expected: int
    excess: float
    excess_error: float
    agree: float
    sure: float


@dataclass(frozen=True)
class Found:
    """What was found, by leaf (L,) in the order of the leaves.

    `state`: position in STATES. `reason`: position in REASONS, TESTED for tested cells. `z`: of Gi*, and `p`: one-sided
    for many poor, NaN where not tested. `moran`: position in QUADRANTS. `cluster`: number of its cluster, 0 for none.
    `clusters` in the order of their numbers; `too_small`: hot groups that are too small to be outlined. `method`: what
    was done, ready for JSON.
    """

    state: Small
    reason: Small
    z: Floats
    p: Floats
    moran: Small
    cluster: Whole
    clusters: tuple[Cluster, ...]
    too_small: int
    method: dict[str, Any]

    @property
    def tested(self) -> int:
        """How many cells were tested."""
        return int((self.reason == TESTED).sum())

    @property
    def untested(self) -> dict[Reason, int]:
        """How many cells were not tested, by reason; reasons that do not occur are left out."""
        many = Counter(self.reason[self.reason != TESTED].tolist())
        return {reason: many[code] for code, reason in enumerate(REASONS) if many[code]}


@dataclass(frozen=True)
class Usual:
    """What is usual among T tested cells.

    `share`: the usual one, and `differ` by how much it differs between places, a standard deviation. Of the cells (T,):
    `excess`: poor families beyond the usual share; `chance`: the variance that chance and the release's noise alone
    give it; `score`: how far the cell's share lies from the usual one, in standard deviations of chance, noise and
    places together; `reference`: whether it does not stand out by itself, neither by its share nor by its excess.
    """

    share: float
    differ: float
    excess: Floats
    chance: Floats
    score: Floats
    reference: Flags


def find(leaves: Leaves, rules: Rules | None = None) -> Found:
    """Clusters among cells, compared with the rest of them. The same leaves and rules give the same answer.

    Raises `BadInput` for leaves that are not cells.
    """
    if leaves.system != "cell":
        raise BadInput("clusters are found on cells")
    rules = rules or Rules()
    reason, pairs = _testable(leaves, rules)
    here = np.flatnonzero(reason == TESTED)
    state = np.where(reason == TESTED, ORDINARY, UNTESTED).astype(np.int8)
    z, p = np.full(len(leaves), np.nan), np.full(len(leaves), np.nan)
    moran, cluster = np.zeros(len(leaves), np.int8), np.zeros(len(leaves), np.int64)
    if not len(here):
        return Found(state, reason, z, p, moran, cluster, (), 0, _method(leaves, rules, here, None))
    as_usual = usual(leaves.n[here], leaves.value[here], leaves.draws[here], rules.discoveries)
    rng = np.random.default_rng(rules.seed)
    z[here], p[here], few = star(as_usual, pairs, rules.permutations, rng)
    hot, cold = _called(p[here], as_usual, 1, rules), _called(few, as_usual, -1, rules)
    state[here[hot]], state[here[cold]] = HOT, COLD
    moran[here] = quadrants(as_usual.excess, pairs, rules)
    groups = _groups(hot, pairs)
    large = [group for group in groups if _large(leaves, here[group], rules)]
    sure = _sure(leaves, here, pairs, as_usual, large, rules)
    told = [_told(leaves, here, here[group], moran, share) for group, share in zip(large, sure, strict=True)]
    told.sort(key=lambda one: (-one.excess, one.positions))
    clusters = tuple(replace(one, number=number) for number, one in enumerate(told, 1))
    for one in clusters:
        cluster[list(one.positions)] = one.number
    method = _method(leaves, rules, here, as_usual)
    return Found(state, reason, z, p, moran, cluster, clusters, len(groups) - len(large), method)


def usual(n: Whole, value: Whole, draws: Whole, discoveries: float) -> Usual:
    """What is usual among cells (T,), of which up to half may be anything.

    Rates v/n scatter around the usual share b, their median, by Var = A + b(1 − b)/n + σ²·draws/n²: families are
    counted whole, places differ (A), and the release adds noise. A is what makes the median of |score| that of a normal
    distribution, not below 0. Moments would take both from the very clusters that are sought.
    """
    rate = value / n
    share = float(np.clip(np.median(rate), 0.5 / n.sum(), 1 - 0.5 / n.sum()))
    excess: Floats = value - share * n
    chance: Floats = n * share * (1 - share) + float(SIGMA**2) * draws
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        typical = np.median(np.abs(excess) / np.sqrt(middle * n**2 + chance))
        low, high = (middle, high) if typical > _NORMAL_MEDIAN else (low, middle)
    score = np.asarray(excess / np.sqrt(low * n**2 + chance), np.float64)
    far = np.array([math.erfc(abs(one) / math.sqrt(2)) for one in score.tolist()])
    middle = float(np.median(excess))
    spread = float(np.median(np.abs(excess - middle))) / _NORMAL_MEDIAN
    reference = ~discovered(far, discoveries) & (np.abs(excess - middle) <= FAR * spread)
    return Usual(share, math.sqrt(low), excess, chance, score, reference)


def star(as_usual: Usual, pairs: Whole, permutations: int, rng: np.random.Generator) -> tuple[Floats, Floats, Floats]:
    """Gi* of each cell and its neighbours: z, and one-sided p for many and for few poor, all (T,).

    Excesses summed over a cell and its neighbours, held against sums over as many cells drawn from the reference, all
    different; z has the mean and the variance of those draws, as Ord and Getis have them for drawing from all cells. p
    is not smaller than what chance and the release's noise alone give such a sum.
    """
    sums, size = _rings(as_usual.excess, pairs)
    alone = sums / np.sqrt(_rings(as_usual.chance, pairs)[0])
    pool = as_usual.excess[as_usual.reference]
    drawn = np.cumsum(pool[_different(len(pool), int(size.max()), permutations, rng)], axis=1)
    z, many, few = np.empty(len(sums)), np.empty(len(sums)), np.empty(len(sums))
    spread = float(pool.std())
    for k in np.unique(size).tolist():
        of = size == k
        scale = spread * math.sqrt(k * (len(pool) - k) / (len(pool) - 1))
        z[of] = (sums[of] - k * pool.mean()) / scale if scale > 0 else 0.0
        null = np.sort(drawn[:, k - 1])
        at_least = permutations - np.searchsorted(null, sums[of] - _ALIKE, side="left")
        many[of] = (at_least + 1) / (permutations + 1)
        few[of] = (np.searchsorted(null, sums[of] + _ALIKE, side="right") + 1) / (permutations + 1)
    tail = np.array([0.5 * math.erfc(one / math.sqrt(2)) for one in alone.tolist()])
    return z, np.maximum(many, tail), np.maximum(few, 1 - tail)


def discovered(p: Floats, rate: float) -> Flags:
    """Which of the p-values are discoveries at this rate of false ones (Benjamini and Hochberg's step up)."""
    order = np.argsort(p, kind="stable")
    below = np.flatnonzero(p[order] <= rate * np.arange(1, len(p) + 1) / len(p))
    found = np.zeros(len(p), bool)
    if len(below):
        found[order[: below[-1] + 1]] = True
    return found


def _called(p: Floats, as_usual: Usual, sign: int, rules: Rules) -> Flags:
    """Discoveries among cells that stand out themselves, and not by their neighbours alone; `sign` −1 for few poor."""
    out = sign * as_usual.score >= rules.stands_out
    clear = sign * as_usual.excess >= rules.beyond_chance * np.sqrt(as_usual.chance)
    return discovered(p, rules.discoveries) & out & clear


def quadrants(excess: Floats, pairs: Whole, rules: Rules) -> Small:
    """Position in QUADRANTS of each cell (T,), by esda: local Moran under permutations of all cells that hold its own.

    A second opinion by the book: significant at 5 %, each cell for itself.
    """
    found = np.zeros(len(excess), np.int8)
    if np.ptp(excess) == 0:  # nothing differs, nothing is tested
        return found
    import esda  # noqa: PLC0415  # seconds and 250 MB: only the process that computes pays for them
    from libpysal.weights import W  # noqa: PLC0415  # as above

    beside: dict[int, list[int]] = {i: [] for i in range(len(excess))}
    for a, b in pairs.tolist():
        beside[a].append(b)
        beside[b].append(a)
    asked: dict[str, Any] = {"permutations": rules.moran_permutations, "seed": rules.seed, "n_jobs": 1}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # esda means to change a default that is not relied on
        moran = esda.Moran_Local(excess, W(beside, silence_warnings=True), keep_simulations=False, **asked)
    sure = moran.p_sim <= MORAN_LEVEL
    found[sure] = _OF_ESDA[moran.q[sure]]
    return found


def _testable(leaves: Leaves, rules: Rules) -> tuple[Small, Whole]:
    """Why each leaf (L,) is not tested, and pairs of neighbours among those that are, by their place among them."""
    low = (leaves.expected != UNKNOWN) & (leaves.n < bands.LOW_COVERAGE * leaves.expected)
    reason = np.full(len(leaves), TESTED, np.int8)
    for name, flag in (
        ("low_coverage", low),
        ("fewer_than_10", leaves.n < bands.SHOWN_FROM),
        ("none_yet", leaves.draws == 0),
    ):
        reason[flag] = REASONS.index(name)
    here = np.flatnonzero(reason == TESTED)
    pairs = h3cells.neighbours(leaves.key[here])
    alone = np.bincount(pairs.ravel(), minlength=len(here)) == 0
    reason[here[alone]] = REASONS.index("alone")
    if (~alone).sum() < rules.least_tested:
        reason[here[~alone]] = REASONS.index("too_few")
        return reason, pairs[:0]
    return reason, np.asarray((np.cumsum(~alone) - 1)[pairs], np.int64)


def _rings(values: Floats, pairs: Whole) -> tuple[Floats, Whole]:
    """The sum over each cell and its neighbours, and how many these are."""
    sums, size = values.copy(), np.ones(len(values), np.int64)
    for a, b in (pairs.T, pairs.T[::-1]):
        np.add.at(sums, a, values[b])
        np.add.at(size, a, 1)
    return sums, size


def _different(pool: int, many: int, rows: int, rng: np.random.Generator) -> Whole:
    """Rows of `many` different places below `pool`, each as likely as any other: what repeats one is drawn again."""
    drawn = rng.integers(pool, size=(rows, many))
    again = np.arange(rows)
    while len(again):
        ordered = np.sort(drawn[again], axis=1)
        again = again[(ordered[:, 1:] == ordered[:, :-1]).any(axis=1)]
        drawn[again] = rng.integers(pool, size=(len(again), many))
    return drawn


def _groups(hot: Flags, pairs: Whole) -> list[Whole]:
    """Hot cells that hang together by edges: ascending positions, groups in the order of their first."""
    first = np.arange(len(hot))
    joined = pairs[hot[pairs].all(axis=1)]
    while (first[joined[:, 0]] != first[joined[:, 1]]).any():
        least = first[joined].min(axis=1)
        np.minimum.at(first, joined[:, 0], least)
        np.minimum.at(first, joined[:, 1], least)
    return [np.flatnonzero(hot & (first == name)) for name in np.unique(first[hot]).tolist()]


def _large(leaves: Leaves, positions: Whole, rules: Rules) -> bool:
    return len(positions) >= rules.least_cells and int(leaves.n[positions].sum()) >= rules.least_households


def _sure(leaves: Leaves, here: Whole, pairs: Whole, as_usual: Usual, groups: list[Whole], rules: Rules) -> list[float]:
    """See Cluster.sure. A cell's exact count, given the published one, is normal: what is usual there times the noise.

    The redrawn counts are tested as a map without noise is.
    """
    if not groups or not rules.redraws:
        return [0.0] * len(groups)
    rng = np.random.default_rng([rules.seed, 1])
    n, value, draws = leaves.n[here], leaves.value[here], leaves.draws[here]
    before = n**2 * as_usual.differ**2 + n * as_usual.share * (1 - as_usual.share)
    weight = before / (before + SIGMA**2 * draws)
    mean, spread = weight * value + (1 - weight) * as_usual.share * n, np.sqrt((1 - weight) * before)
    nothing, again = np.zeros_like(draws), np.zeros(len(groups))
    for _ in range(rules.redraws):
        exact = np.rint(np.clip(rng.normal(mean, spread), 0, n)).astype(np.int64)
        seen = usual(n, exact, nothing, rules.discoveries)
        p = star(seen, pairs, rules.redraw_permutations, rng)[1]
        hot = _called(p, seen, 1, rules)
        again += [2 * hot[group].sum() >= len(group) for group in groups]
    return [round(float(share), 3) for share in again / rules.redraws]


def _told(leaves: Leaves, here: Whole, positions: Whole, moran: Small, sure: float) -> Cluster:
    n, value, draws = (int(column[positions].sum()) for column in (leaves.n, leaves.value, leaves.draws))
    expected = leaves.expected[positions]
    of = n / int(leaves.n[here].sum())
    noise = draws * (1 - of) ** 2 + (int(leaves.draws[here].sum()) - draws) * of**2
    return Cluster(
        number=0,
        positions=tuple(positions.tolist()),
        n=n,
        value=value,
        draws=draws,
        expected=UNKNOWN if (expected == UNKNOWN).any() else int(expected.sum()),
        excess=round(value - of * int(leaves.value[here].sum()), 1),
        excess_error=round(NORMAL_95 * SIGMA * math.sqrt(noise), 1),
        agree=round(float((moran[positions] == QUADRANTS.index("HH")).mean()), 3),
        sure=sure,
    )


def _method(leaves: Leaves, rules: Rules, here: Whole, as_usual: Usual | None) -> dict[str, Any]:
    n, value = int(leaves.n[here].sum()), int(leaves.value[here].sum())
    return asdict(rules) | {
        "statistic": "Getis-Ord Gi* of poor families beyond the usual share",
        "second": "local Moran, p <= 0.05",
        "weights": "cells that share an edge, and the cell itself, 1 each",
        "correction": "Benjamini-Hochberg",
        "resolution": leaves.resolution,
        "tested": len(here),
        "households": n,
        "poor": value,
        "share": round(value / n, 4) if n else None,
        "usual_share": round(as_usual.share, 4) if as_usual else None,
        "usual_spread": round(as_usual.differ, 4) if as_usual else None,
        "reference": int(as_usual.reference.sum()) if as_usual else 0,
    }
