"""Holds the holes found in a simulated month against those that were planted, on arrays and without a database.

What the service would read is made from the month: of every household the newest record that had arrived by some day,
and the houses of the city by the blocks of the published edition. What is decided is decided by the functions of
`geo.watch.holes` that the service uses.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from app.demo import hours, truth
from app.demo.city import City
from app.demo.fieldwork import Fieldwork
from app.demo.plane import over
from geo.ground import cells
from geo.schema import ORIGINS
from geo.watch import holes
from geo.watch.doors import Houses, Points
from geo.watch.holes import Hole

#: Other faults of whole interviews: where they are, the records do not say who was met where.
OTHERS = ("fabricated_cluster", "fabricated_strand", "wrong_boundary", "miscoded_batch", "over_reporting")

Floats = NDArray[np.float64]
Changed = Callable[[Houses], Houses]


@dataclass(frozen=True)
class Month:
    """A city and its month as known at the end of a day: 0 the first; None, all that ever arrives.

    `changed` makes other houses of those of the city: what footprints are like elsewhere.
    """

    city: City
    fieldwork: Fieldwork
    day: int | None = None
    changed: Changed = field(default=lambda found: found)

    @cached_property
    def now(self) -> float:
        return hours.START + (hours.DAYS if self.day is None else self.day + 1) * hours.DAY

    @cached_property
    def visits(self) -> NDArray[np.intp]:
        """Of every household the record that counts."""
        until = np.inf if self.day is None else self.now
        arrived = truth.sent(self.fieldwork, until) & (self.fieldwork.visits.captured_at <= until)
        found = truth.expected_outcome(self.fieldwork, arrived).visit
        return found[found >= 0].astype(np.intp)

    @cached_property
    def villages(self) -> NDArray[np.int64]:
        return np.array([int(code[:10]) for code in self.city.blocks.code])

    @cached_property
    def outlines(self) -> shapely.STRtree:
        """Blocks as they were published, in the order of the city's."""
        published = {area.code: area.geometry for area in self.fieldwork.areas if area.level == "block"}
        return shapely.STRtree([published[code] for code in self.city.blocks.code])

    def located(self, lon: Floats, lat: Floats) -> NDArray[np.int64]:
        """The published block of each place, −1 for none."""
        found = np.full(len(lon), -1, dtype=np.int64)
        at, block = self.outlines.query(shapely.points(lon, lat), predicate="intersects")
        found[at] = block
        return found

    @cached_property
    def houses(self) -> Houses:
        at = self.city.buildings
        found = Houses(self.located(at.lon, at.lat), at.lon, at.lat, at.area_m2.astype(np.float64))
        return self.changed(found)

    @cached_property
    def expected(self) -> NDArray[np.int64]:
        return np.bincount(self.fieldwork.prelist.block, minlength=len(self.city.blocks))

    @cached_property
    def met(self) -> NDArray[np.int64]:
        """Listed families of each block that somebody asked for, whatever came of it."""
        seen = self.fieldwork.visits
        listed = seen.origin[self.visits] == ORIGINS.index("prelist")
        return np.bincount(seen.block[self.visits[listed]], minlength=len(self.city.blocks))

    @cached_property
    def quiet(self) -> NDArray[np.bool_]:
        """Blocks from which nothing has come for days, though their enumerator's phone has sent all it has."""
        seen, staff = self.fieldwork.visits, self.fieldwork.staff
        last = np.full(len(self.city.blocks), np.inf)
        last[seen.block[self.visits]] = -np.inf
        np.maximum.at(last, seen.block[self.visits], seen.captured_at[self.visits])
        begun = seen.captured_at <= self.now
        waits = np.unique(seen.enumerator[begun & ~truth.sent(self.fieldwork, self.now)])
        idle: NDArray[np.bool_] = self.now - last >= holes.QUIET_DAYS * hours.DAY
        return idle & ~np.isin(staff.enumerator, waits)

    @cached_property
    def found(self) -> list[Hole]:
        """What the service would list."""
        seen = self.fieldwork.visits
        lon, lat, block = seen.lon[self.visits], seen.lat[self.visits], seen.block[self.visits]
        here = self.located(lon, lat)
        day = hours.day_of(seen.captured_at[self.visits]).astype(np.int64)
        groups: list[Hole] = []
        for village in np.unique(self.villages):
            inside = np.flatnonzero(self.villages == village)
            at = np.flatnonzero(np.isin(block, inside) | np.isin(here, inside))
            of = np.isin(self.houses.number, inside)
            some = Houses(*(getattr(self.houses, name)[of] for name in ("number", "lon", "lat", "area_m2")))
            accuracy = seen.accuracy_m[self.visits[at]].astype(np.float64)
            groups += holes.seen(some, Points(lon[at], lat[at], accuracy, day[at])).holes
        number = np.array([hole.group.number for hole in groups], dtype=np.int64)
        missing = np.array([hole.group.missing for hole in groups])
        nothing = np.zeros(len(groups), dtype=np.int64)
        stood = holes.stands(missing, self.expected[number], self.met[number], nothing, self.quiet[number])
        return [groups[at] for at in np.flatnonzero(stood)]

    @cached_property
    def planted(self) -> dict[int, dict[str, Any]]:
        """What is true of each hole, by block."""
        return {
            self.city.blocks.code.index(plant.blocks[0]): plant.detail
            for plant in self.fieldwork.planted
            if plant.kind == "hole"
        }

    @cached_property
    def others(self) -> dict[int, set[str]]:
        """Other faults by block."""
        found: dict[int, set[str]] = {}
        for plant in self.fieldwork.planted:
            if plant.kind in OTHERS:
                for code in plant.blocks:
                    found.setdefault(self.city.blocks.code.index(code), set()).add(plant.kind)
        return found

    def looked_at(self, block: int) -> bool:
        """Whether a block is walked, so that a hole in it can be told from work to be done."""
        share = self.met[block] / max(self.expected[block], 1)
        return bool(share >= holes.WALKED or (self.quiet[block] and share >= holes.WALKED_QUIET))


@dataclass(frozen=True)
class Score:
    """How well holes were found. Counts unless said otherwise; `overlap` and the rest are one for each planted hole.

    `planted`: in walked blocks. `overlap`: area of intersection over that of union; `doors`: share of the missed
    families whose door lies in the cells; `missing`: estimated over true families; `held`: whether those lie in the
    interval. `full`: blocks without a gap where nothing was planted, `full_alarms` of them with an alarm; `alarms`: all
    holes found where none was planted, `faults` of them where another fault is.
    """

    planted: int = 0
    met: int = 0
    overlap: tuple[float, ...] = ()
    doors: tuple[float, ...] = ()
    missing: tuple[float, ...] = ()
    held: tuple[float, ...] = ()
    found: int = 0
    alarms: int = 0
    faults: int = 0
    full: int = 0
    full_alarms: int = 0
    blocks: int = 0

    def __add__(self, other: "Score") -> "Score":
        return Score(*(getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__))

    @property
    def recall(self) -> float:
        return self.met / self.planted

    @property
    def precision(self) -> float:
        """Share of what was found that is a planted hole; what points at another fault left out."""
        return (self.found - self.alarms) / max(self.found - self.faults, 1)


def score(month: Month) -> Score:
    """Scores what was found in a month against what was planted."""
    found: dict[int, list[Hole]] = {}
    for hole in month.found:
        found.setdefault(hole.group.number, []).append(hole)
    walked = {block: detail for block, detail in month.planted.items() if month.looked_at(block)}
    total = Score(planted=len(walked), found=len(month.found), blocks=len(np.unique(month.city.families.block)))
    for block, detail in walked.items():
        total += _of_one(detail, found.get(block, []))
    alarms = [hole.group.number for hole in month.found if not _touches(month.planted.get(hole.group.number), hole)]
    gap = np.maximum(month.expected - month.met, 0)
    full = np.flatnonzero((month.expected > 0) & (gap == 0))
    clean = set(full.tolist()) - set(month.planted) - set(month.others)
    return total + Score(
        alarms=len(alarms),
        faults=sum(block in month.others for block in alarms),
        full=len(clean),
        full_alarms=len(clean & set(alarms)),
    )


def _of_one(detail: dict[str, Any], found: list[Hole]) -> Score:
    """How well one planted hole was found."""
    door = np.array(detail["doors"])
    plane = over(door[:, 0], door[:, 1])
    true = plane.flat(shapely.from_geojson(json.dumps(detail["polygon"])))
    shapes = [shapely.union_all(cells.boundaries(hole.cells)) for hole in found if _touches(detail, hole)]
    if not shapes:
        return Score(overlap=(0.0,), doors=(0.0,))
    shape = plane.flat(shapely.union_all(shapes))
    overlap = shapely.area(shapely.intersection(shape, true)) / shapely.area(shapely.union(shape, true))
    inside = shapely.contains_xy(shape, *plane.metres(door[:, 0], door[:, 1])).mean()
    groups = [hole.group for hole in found if _touches(detail, hole)]
    missing, low, high = (sum(getattr(group, name) for group in groups) for name in ("missing", "low", "high"))
    families = int(detail["families"])
    held = np.floor(low) <= families <= np.ceil(high)
    return Score(
        met=1, overlap=(float(overlap),), doors=(float(inside),), missing=(missing / families,), held=(float(held),)
    )


def _touches(detail: dict[str, Any] | None, hole: Hole) -> bool:
    if detail is None:
        return False
    true = shapely.from_geojson(json.dumps(detail["polygon"]))
    return bool(shapely.intersects(true, shapely.union_all(cells.boundaries(hole.cells))))


def with_empty(share: float, seed: int = 7) -> Changed:
    """Adds houses nobody lives in, `share` of all, each some steps beside another."""

    def change(houses: Houses) -> Houses:
        rng = np.random.default_rng(seed)
        like = rng.integers(0, len(houses), round(share * len(houses)))
        angle, away = rng.uniform(0, 2 * np.pi, len(like)), 9.0 / 111_000
        return Houses(
            np.append(houses.number, houses.number[like]),
            np.append(houses.lon, houses.lon[like] + away * np.cos(angle)),
            np.append(houses.lat, houses.lat[like] + away * np.sin(angle)),
            np.append(houses.area_m2, houses.area_m2[like]),
        )

    return change


def without(share: float, seed: int = 7) -> Changed:
    """Takes houses away at random, `share` of all: nobody has mapped them."""

    def change(houses: Houses) -> Houses:
        kept = np.random.default_rng(seed).random(len(houses)) >= share
        return replace(houses, **{name: getattr(houses, name)[kept] for name in houses.__dataclass_fields__})

    return change
