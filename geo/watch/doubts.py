"""Doubts about records and their points: the words that the modules of doubts share, and the statistics under them.

A doubt is an arrangement that accident hardly makes, told with its evidence; never a verdict. Every kind asks the same
question: how many such arrangements would honest work leave among the records of one enumerator in one block? That
number is the doubt's `chance`, and what lies above a kind's limit is not told at all. All of it works on arrays alone:
`doubts_marks` has what intake marked, `doubts_places` points where no honest phone puts them, `doubts_lines` strands,
`doubts_moved` points that look repaired, `doubts_twice` families recorded twice, `doubts_times` what the clock says.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from math import erfc, exp, lgamma, log
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo.schema import RESULTS
from geo.watch.doors import RADIUS, SIGMA, UNKNOWN, Floats, Ints, metres

Places = NDArray[np.intp]
Mask = NDArray[np.bool_]

#: Kinds, in the order in which they are told.
KINDS = (
    *("outside_block", "low_accuracy", "no_point", "duplicate", "stacked", "cluster", "strand"),
    *("travel", "night", "short", "midpoint", "shifted", "centroid"),
)

#: Results at which a family was met: only of those must a phone have been at the door for a while.
MET = np.isin(RESULTS, ("completed", "partial"))
COMPLETED = RESULTS.index("completed")

HOUR, DAY = 3_600.0, 86_400.0

#: A moment that so many records of one enumerator share is one of typing or importing, not of a visit.
TYPED = 3
#: Households before and after in the order of walking beside which a point should lie, and records that make a walk.
BESIDE, WALK = 2, 8
#: Degrees between coordinates as phones send them, coarsest first, and the share of one's own that must be such.
UNITS, OF_UNIT = (1e-4, 1e-5, 1e-6, 1e-7), 0.95
#: Metres to a degree of latitude, near enough for the size of a unit.
DEGREE = 111_000.0


@dataclass(frozen=True)
class Records:
    """Records (n,) that count in blocks lying together, by enumerator (-1: not given), then by the clock.

    `household`, `enumerator` and `building` (as listed; -1: not known) are numbers given for the occasion, `number` is
    the block's. Degrees (EPSG:4326) and metres, NaN where not given; `edge_lon`, `edge_lat` the place of the declared
    block nearest to a point outside it. `captured`, `started`, `finished`: Unix seconds, the latter two NaN where not
    given. `result` is a place in RESULTS. `counts`: whether the record is its household's newest. `outside`, `poor`: as
    intake marked them. `offset`: seconds by which local time is ahead.
    """

    household: Ints
    enumerator: Ints
    number: Ints
    building: Ints
    lon: Floats
    lat: Floats
    accuracy_m: Floats
    edge_lon: Floats
    edge_lat: Floats
    captured: Floats
    started: Floats
    finished: Floats
    result: Ints
    new: Mask
    counts: Mask
    outside: Mask
    poor: Mask
    offset: float = 0.0

    def __len__(self) -> int:
        """How many there are."""
        return len(self.household)

    def some(self, at: Any) -> "Records":
        """Some of them."""
        arrays = {name: getattr(self, name)[at] for name in self.__dataclass_fields__ if name != "offset"}
        return Records(**arrays, offset=self.offset)

    @cached_property
    def placed(self) -> Mask:
        """Whether a record has a point."""
        found: Mask = np.isfinite(self.lon) & np.isfinite(self.lat)
        return found

    @cached_property
    def met(self) -> Mask:
        """Whether somebody was met, in a record that counts and has a point."""
        found: Mask = MET[self.result] & self.counts & self.placed
        return found

    @cached_property
    def plane(self) -> tuple[Floats, Floats]:
        """Metres east and north of their middle."""
        if not self.placed.any():
            return np.full(len(self), np.nan), np.full(len(self), np.nan)
        return metres(self.lon, self.lat, self.lon[self.placed], self.lat[self.placed])

    @cached_property
    def sigma(self) -> Floats:
        """Of a reading along either axis, metres."""
        found: Floats = np.where(np.isnan(self.accuracy_m), UNKNOWN, self.accuracy_m / RADIUS).clip(*SIGMA)
        return found

    @cached_property
    def day(self) -> Ints:
        """Local day of each since 1970."""
        found: Ints = ((self.captured + self.offset) // DAY).astype(np.int64)
        return found

    @cached_property
    def timed(self) -> Mask:
        """Whether `captured` is a moment of its own, or one that many records of an enumerator share."""
        pairs = np.column_stack([self.enumerator, self.captured])
        _, of, many = np.unique(pairs, axis=0, return_inverse=True, return_counts=True)
        found: Mask = many[of.ravel()] < TYPED
        return found

    @cached_property
    def first(self) -> Floats:
        """When each record's household was first recorded."""
        _, of = np.unique(self.household, return_inverse=True)
        begun = np.full(of.max(initial=-1) + 1, np.inf)
        np.minimum.at(begun, of, self.captured)
        found: Floats = begun[of]
        return found

    @cached_property
    def stray(self) -> Floats:
        """How usual it is for an enumerator that a point lies so far from the ones before and after it on the walk.

        Share of its points as far off, or farther; 1 where it is unknown. The order of walking is that of first visits,
        for whoever comes back comes back to somewhere else.
        """
        found = np.ones(len(self))
        x, y = self.plane
        for rows in by_enumerator(self, self.counts & self.placed):
            if len(rows) < WALK:
                continue
            order = rows[np.argsort(self.first[rows], kind="stable")]
            off = np.full(len(order), np.inf)
            for step in range(1, BESIDE + 1):
                away = np.hypot(x[order[step:]] - x[order[:-step]], y[order[step:]] - y[order[:-step]])
                off[step:] = np.minimum(off[step:], away)
                off[:-step] = np.minimum(off[:-step], away)
            ascending = np.sort(off)
            found[order] = 1 - np.searchsorted(ascending, off, side="left") / len(off)
        return found


@dataclass(frozen=True)
class Doubt:
    """One doubt. `rows`: places in Records of what is doubted, by the clock; `chance`: how many accident makes.

    `beside`: records that the evidence leans on and that are not doubted themselves. `line`: what to draw besides the
    points, degrees (k, 2). `name`: what names it among those of its kind and enumerator, where that is not its records.
    """

    kind: str
    rows: Places
    chance: float
    evidence: dict[str, float | int | str] = field(default_factory=dict)
    beside: Places = field(default_factory=lambda: np.empty(0, dtype=np.intp))
    line: Floats = field(default_factory=lambda: np.empty((0, 2)))
    name: str = ""

    @property
    def weight(self) -> float:
        """From 0 to 1, the more the less likely by accident: a hundredth gives 0.68, a millionth 0.97."""
        return round(float(1 - min(max(self.chance, 1e-12), 1.0) ** 0.25), 3)


def by_enumerator(records: Records, chosen: Mask) -> Iterator[Places]:
    """Places of the chosen records, one enumerator at a time, by the clock; those of nobody are left out."""
    rows = np.flatnonzero(chosen & (records.enumerator >= 0))
    yield from np.split(rows, np.flatnonzero(np.diff(records.enumerator[rows])) + 1) if len(rows) else []


def by_block(records: Records, chosen: Mask) -> Iterator[Places]:
    """Likewise, one enumerator in one block at a time."""
    for rows in by_enumerator(records, chosen):
        order = rows[np.argsort(records.number[rows], kind="stable")]
        yield from np.split(order, np.flatnonzero(np.diff(records.number[order])) + 1)


def unit(lon: Floats, lat: Floats) -> float:
    """Degrees between coordinates as they were sent; 1e-7 for all that are told to seven decimals or more."""
    both = np.concatenate([lon, lat])
    for step in UNITS[:-1]:
        places = both / step
        if np.mean(np.abs(places - np.round(places)) < 1e-3) >= OF_UNIT:
            return step
    return UNITS[-1]


def at_least(count: int, mean: float) -> float:
    """Chance of `count` or more where `mean` are to be expected (Poisson)."""
    if count <= 0:
        return 1.0
    if mean <= 0:
        return 0.0
    term = exp(count * log(mean) - mean - lgamma(count + 1))
    total, k = 0.0, count
    while term > 1e-18 * max(total, 1e-300) and k < count + 1_000:
        total += term
        k += 1
        term *= mean / k
    return min(total, 1.0)


def as_small(square: float, free: int) -> float:
    """Chance of a sum of `free` squares of standard normal numbers as small as `square`: an upper bound of it."""
    if square <= 0:
        return 1e-12
    return min(1.0, exp(free / 2 * log(square / 2) - lgamma(free / 2 + 1)))


def below(value: float) -> float:
    """Chance of a standard normal number below `value`."""
    return erfc(-value / 2**0.5) / 2
