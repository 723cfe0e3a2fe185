"""Holds the doubts told of a simulated month against the faults that were planted there, on arrays, without a database.

Beside what the demo plants, a few things are planted here that it lacks: night runs, people who are always too quick,
records without a point. And innocents, which should not be doubted: one reading for a whole boarding house or block of
flats, and families found days after their neighbours.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import shapely
from numpy.typing import NDArray

from app.demo import hours, truth
from app.demo.city import KINDS as LOOKS
from app.demo.city import City
from app.demo.fieldwork import Fieldwork, Plant
from geo.schema import ORIGINS
from geo.watch import doubts, doubts_told
from geo.watch.doors import Houses, metres
from geo.watch.doubts import Doubt, Records
from geo.watch.doubts_moved import Centres

#: Which planted fault shows as which kind; `repaired` by how it was done.
SHOWS = {
    "outside_block": "outside_block",
    "low_accuracy": "low_accuracy",
    "copied": "stacked",
    "fabricated_cluster": "cluster",
    "fabricated_strand": "strand",
    "impossible_travel": "travel",
    "duplicate": "duplicate",
}
REPAIRED = {"midpoint": "midpoint", "beside": "shifted", "centroid": "centroid"}
#: Shares of people and of families for what is planted here, and of houses of several families with one reading.
NIGHTS, QUICK, BARE, LATE, ONE_READING = 0.03, 0.02, 0.004, 0.003, 0.3
PLACES = {"kampung": ("kampung",), "flats": ("flats",), "elsewhere": ("estate", "rural")}


@dataclass(frozen=True)
class Fault:
    """One planted fault: the kind as which it should show, and its households (places in Fieldwork.household_id)."""

    kind: str
    households: frozenset[int]


@dataclass(frozen=True)
class Found:
    """One doubt: its kind, what it doubts and leans on (households), and the look of its block."""

    kind: str
    rows: frozenset[int]
    beside: frozenset[int]
    look: str
    weight: float
    evidence: dict[str, float | int | str]


@dataclass
class Month:
    """A city and all that ever arrived of its month.

    `listed`: whether the prelist says who lives in which house. `extras`: what is planted here besides. `decimals` of
    degrees that phones send. `in_order`: whether people walk from house to house, or criss-cross.
    """

    city: City
    fieldwork: Fieldwork
    listed: bool = True
    extras: bool = True
    decimals: int = 7
    in_order: bool = True
    changed: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    more: list[Fault] = field(default_factory=list)

    def __post_init__(self) -> None:
        seen = self.fieldwork.visits
        self.at = np.flatnonzero(truth.sent(self.fieldwork) & truth.believed(self.fieldwork))
        self.at = self.at[np.lexsort((seen.captured_at[self.at], seen.enumerator[self.at]))]
        names = ("lon", "lat", "captured_at", "minutes", "accuracy_m")
        self.changed = {name: getattr(seen, name)[self.at].astype(np.float64) for name in names}
        self.case = seen.case[self.at].astype(np.int64)
        self.counts = np.isin(self.at, truth.expected_outcome(self.fieldwork).visit)
        self.place = {name: at for at, name in enumerate(self.fieldwork.household_id)}
        if self.extras:
            self._innocents()
            self._plant()
        if not self.in_order:
            self._criss_cross()
        for name in ("lon", "lat"):
            self.changed[name] = self.changed[name].round(self.decimals)

    @cached_property
    def clean(self) -> NDArray[np.bool_]:
        """Records of households that no fault touches, and that were recorded once."""
        taken = {self.place[name] for plant in self.fieldwork.planted for name in _touched(plant)}
        once = np.bincount(self.case, minlength=len(self.place))[self.case] == 1
        done = self.fieldwork.visits.result[self.at] == 0
        found: NDArray[np.bool_] = ~np.isin(self.case, list(taken)) & once & done & self.counts
        return found

    def _innocents(self) -> None:
        rng = np.random.default_rng([self.fieldwork.seed, 5])
        family = self.fieldwork.family[self.case]
        building = np.where(family >= 0, self.city.families.building[family], -1)
        rows = np.flatnonzero(self.clean & (building >= 0))
        for house in np.unique(building[rows]).tolist():
            here = rows[building[rows] == house] if rng.random() < ONE_READING else rows[:0]
            if len(here) > 1:
                for name in ("lon", "lat", "accuracy_m"):
                    self.changed[name][here] = self.changed[name][here[0]]
                self.clean[here] = False
        new = np.flatnonzero(self.clean & (self.fieldwork.visits.origin[self.at] == ORIGINS.index("new")))
        for row in rng.permutation(new)[: round(LATE * len(self.city.families))].tolist():
            day = float(hours.day_of(self.changed["captured_at"][[row]])[0]) + rng.integers(2, 6)
            if day < hours.DAYS:
                self.changed["captured_at"][row] = hours.START + day * hours.DAY + rng.uniform(6.5, 7.5) * hours.HOUR
                self.clean[row] = False

    def _criss_cross(self) -> None:
        rng = np.random.default_rng([self.fieldwork.seed, 7])
        who = self.fieldwork.visits.enumerator[self.at]
        for one in np.unique(who[self.clean]).tolist():
            rows = np.flatnonzero(self.clean & (who == one))
            taken = rng.permutation(rows)
            for name in ("captured_at", "minutes"):
                self.changed[name][rows] = self.changed[name][taken]

    def _plant(self) -> None:
        rng = np.random.default_rng([self.fieldwork.seed, 6])
        seen, staff = self.fieldwork.visits, self.fieldwork.staff
        who = seen.enumerator[self.at]
        people = rng.permutation(len(staff.enumerators)).tolist()
        for _ in range(max(1, round(NIGHTS * len(staff.enumerators)))):
            rows = np.flatnonzero(self.clean & (who == people.pop()))
            if len(rows) < 8:
                continue
            begin = int(rng.integers(0, len(rows) - 6))
            run = rows[begin : begin + int(rng.integers(4, 7))]
            night = hours.START + float(hours.day_of(self.changed["captured_at"][run[:1]])[0]) * hours.DAY
            self.changed["captured_at"][run] = night + 22.5 * hours.HOUR + np.cumsum(rng.uniform(12, 25, len(run))) * 60
            self._add("night", run)
        for _ in range(max(1, round(QUICK * len(staff.enumerators)))):
            rows = np.flatnonzero(self.clean & (who == people.pop()))
            self.changed["minutes"][rows] *= rng.uniform(0.2, 0.4)
            self._add("short", rows)
        rows = rng.permutation(np.flatnonzero(self.clean))[: round(BARE * len(self.city.families))]
        for row in rows.tolist():
            self.changed["lon"][row] = self.changed["lat"][row] = self.changed["accuracy_m"][row] = np.nan
            self._add("no_point", np.array([row]))

    def _add(self, kind: str, rows: NDArray[np.intp]) -> None:
        self.clean[rows] = False
        self.more.append(Fault(kind, frozenset(self.case[rows].tolist())))

    @cached_property
    def faults(self) -> list[Fault]:
        """Everything planted that should show as some kind."""
        found = list(self.more)
        for plant in self.fieldwork.planted:
            kind = SHOWS.get(plant.kind) or REPAIRED.get(str(plant.detail.get("how")))
            households = [self.place[name] for name in plant.households]
            if plant.kind == "duplicate":
                households = households[1:]
            arrived = np.isin(households, self.case[self.counts])
            if kind and arrived.any():
                found.append(Fault(kind, frozenset(households)))
        return found

    @cached_property
    def others(self) -> set[int]:
        """Households of any planted fault."""
        found = {self.place[name] for plant in self.fieldwork.planted for name in plant.households}
        return found | {one for fault in self.more for one in fault.households}

    @cached_property
    def records(self) -> Records:
        seen = self.fieldwork.visits
        lon, lat = self.changed["lon"], self.changed["lat"]
        block, finished = seen.block[self.at].astype(np.int64), self.changed["captured_at"]
        published = {area.code: area.geometry for area in self.fieldwork.areas if area.level == "block"}
        outlines = np.array([published[code] for code in self.city.blocks.code], dtype=object)
        points = np.asarray(shapely.points(lon, lat))
        outside = ~shapely.intersects(outlines[block], points) & np.isfinite(lon)
        edge = np.full((len(block), 2), np.nan)
        lines = shapely.shortest_line(outlines[block[outside]], points[outside])
        edge[outside] = shapely.get_coordinates(lines)[::2]
        x, y = metres(lon, lat, lon[np.isfinite(lon)], lat[np.isfinite(lon)])
        ex, ey = metres(edge[:, 0], edge[:, 1], lon[np.isfinite(lon)], lat[np.isfinite(lon)])
        prelist = self.fieldwork.prelist
        building = np.full(len(self.fieldwork.household_id), -1, dtype=np.int64)
        if self.listed:
            building[: len(prelist.building)] = prelist.building
        order = np.lexsort((finished, seen.enumerator[self.at]))
        found = Records(
            household=self.case,
            enumerator=seen.enumerator[self.at].astype(np.int64),
            number=block,
            building=building[self.case],
            lon=lon,
            lat=lat,
            accuracy_m=self.changed["accuracy_m"],
            edge_lon=edge[:, 0],
            edge_lat=edge[:, 1],
            captured=finished,
            started=finished - self.changed["minutes"] * 60,
            finished=finished,
            result=seen.result[self.at].astype(np.int64),
            new=seen.origin[self.at] == ORIGINS.index("new"),
            counts=self.counts,
            outside=outside & (np.hypot(x - ex, y - ey) > np.nan_to_num(self.changed["accuracy_m"])),
            poor=self.changed["accuracy_m"] > 50,
            offset=8 * 3600.0,
        )
        return found.some(order)

    @cached_property
    def found(self) -> list[Found]:
        """What the service would tell."""
        look = [LOOKS[kind] for kind in self.city.blocks.kind.tolist()]
        told = []
        for records, found in self.villages():
            for doubt in found:
                at = int(np.bincount(records.number[doubt.rows]).argmax())
                told.append(
                    Found(
                        doubt.kind,
                        frozenset(records.household[doubt.rows].tolist()),
                        frozenset(records.household[doubt.beside].tolist()),
                        look[at],
                        doubt.weight,
                        doubt.evidence,
                    )
                )
        return told

    def villages(self) -> Iterator[tuple[Records, list[Doubt]]]:
        """Records of each village, and the doubts about them."""
        village = np.array([int(code[:10]) for code in self.city.blocks.code])
        at = self.city.buildings
        houses = Houses(at.block.astype(np.int64), at.lon, at.lat, at.area_m2.astype(np.float64))
        shapes = {area.code: area.geometry for area in self.fieldwork.areas if area.level == "block"}
        centre = shapely.get_coordinates(shapely.centroid([shapes[code] for code in self.city.blocks.code]))
        for one in np.unique(village).tolist():
            blocks = np.flatnonzero(village == one)
            some = self.records.some(np.isin(self.records.number, blocks))
            here = np.isin(houses.number, blocks)
            near = Houses(*(getattr(houses, name)[here] for name in ("number", "lon", "lat", "area_m2")))
            yield some, doubts_told.seen(some, near, Centres(blocks, centre[blocks, 0], centre[blocks, 1]))


def _touched(plant: Plant) -> list[str]:
    """Households of a fault, and those that it leans on."""
    leant = plant.detail.get("from", plant.detail.get("after", []))
    return [*plant.households, *([leant] if isinstance(leant, str) else leant)]


@dataclass(frozen=True)
class Score:
    """Of one kind: `planted` faults and those `found`; flags `told`, of these `right`, and `other`: another fault's.

    `alarms`: flags that touch no fault, by the look of their block.
    """

    planted: int = 0
    found: int = 0
    told: int = 0
    right: int = 0
    other: int = 0
    alarms: dict[str, int] = field(default_factory=lambda: dict.fromkeys(PLACES, 0))

    def __add__(self, more: "Score") -> "Score":
        alarms = {place: self.alarms[place] + more.alarms[place] for place in PLACES}
        names = ("planted", "found", "told", "right", "other")
        return replace(self, **{name: getattr(self, name) + getattr(more, name) for name in names}, alarms=alarms)

    @property
    def recall(self) -> float:
        return self.found / self.planted if self.planted else float("nan")

    @property
    def precision(self) -> float:
        """Share of what was told that is such a fault; what points at another fault left out."""
        return self.right / (self.told - self.other) if self.told > self.other else float("nan")


def score(month: Month) -> dict[str, Score]:
    """Each kind's score."""
    scores = {}
    for kind in doubts.KINDS:
        faults = [fault for fault in month.faults if fault.kind == kind]
        told = [one for one in month.found if one.kind == kind]
        wanted = {household for fault in faults for household in fault.households}
        covered = {household for one in told for household in one.rows | one.beside}
        right = [one for one in told if (one.rows | one.beside) & wanted]
        wrong = [one for one in told if not (one.rows | one.beside) & (wanted | month.others)]
        scores[kind] = Score(
            planted=len(faults),
            found=sum(bool(fault.households & covered) for fault in faults),
            told=len(told),
            right=len(right),
            other=len(told) - len(right) - len(wrong),
            alarms={place: sum(one.look in looks for one in wrong) for place, looks in PLACES.items()},
        )
    return scores


def families(city: City) -> dict[str, int]:
    """Families by the look of their blocks."""
    look = np.array([LOOKS[kind] for kind in city.blocks.kind.tolist()])[city.families.block]
    return {place: int(np.isin(look, looks).sum()) for place, looks in PLACES.items()}
