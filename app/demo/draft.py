"""The month while it is being made: rows that can still be changed, and what is still free to be changed.

The ordinary month fills it, faults are planted into it, and `finished` makes of it what everybody reads.
"""

import zlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.demo import hours
from app.demo.city import KINDS, City
from app.demo.fieldwork import Plant, Prelist, Staff, Visits
from app.demo.hours import DAY, HOUR, Crew
from app.demo.people import new_id, rank
from app.demo.plane import Plane
from app.demo.rates import Ordinary
from app.demo.visits import COMPLETED, Stops, Walk

#: GPS: accuracy is what phones call it, the radius with 68 % of readings inside.
ACCURACY, ACCURACY_SPREAD, LEAST, WORST = 6.0, 0.45, 2.0, 45.0  # metres; sigma of the lognormal; beyond is planted
DENSE, POOR = 1.4, 5.0  # factors between narrow walls, and of a reading that gets corrected
RADIUS = 1.515  # of 68 % in units of the sigma of either axis

#: Columns of one visit while the month is made. `x`, `y` stand in for lon and lat until the point is read.
ROW = np.dtype(
    [
        ("case", "i4"),
        ("enumerator", "i4"),
        ("captured_at", "f8"),
        ("minutes", "f4"),
        ("block", "i4"),
        ("lon", "f8"),
        ("lat", "f8"),
        ("accuracy_m", "f4"),
        ("result", "i1"),
        ("origin", "i1"),
        ("visit", "i1"),
        ("revisit_at", "f8"),
        ("planted", "i1"),
    ]
)
Rows = NDArray[np.void]


NAN = float("nan")
NOT_POOR = 3  # field status of families of which nothing else is known
KAMPUNG = KINDS.index("kampung")
#: When the last record of a day is made at the kitchen table, at the latest. Hours.
LATEST = 22.0
#: Enumerators below which one may have several large faults.
FEW = 12


@dataclass(frozen=True)
class People:
    """Who is counted, by whom, and in which order the doors come."""

    prelist: Prelist
    staff: Staff
    crew: Crew
    stops: Stops
    plane: Plane


def stream(seed: int, *what: str | int) -> np.random.Generator:
    """Random numbers for one purpose alone, so that one purpose never disturbs another."""
    return np.random.default_rng([seed, *(zlib.crc32(str(word).encode()) for word in what)])


@dataclass
class Draft:
    """A month in the making. Cases are the entries of the prelist, then new households, whose identifiers are `new`.

    `family` holds the family of every case. `taken` (V,): rows that a fault has changed or leans on; `closed`: blocks
    and `busy`: enumerators that have their fault already.
    """

    city: City
    people: People
    seed: int
    rows: Rows
    new: list[str]
    family: list[int]
    taken: NDArray[np.bool_] = field(init=False)
    closed: set[int] = field(default_factory=set)
    busy: set[int] = field(default_factory=set)
    added: list[Rows] = field(default_factory=list)
    plants: list[Plant] = field(default_factory=list)
    ends: dict[tuple[int, int], float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Nothing is taken, and every working day ends with its last visit."""
        self.taken = np.zeros(len(self.rows), dtype=np.bool_)
        days = hours.day_of(self.rows["captured_at"])
        for who, day, at in zip(
            self.rows["enumerator"].tolist(), days.tolist(), self.rows["captured_at"].tolist(), strict=True
        ):
            self.ends[who, day] = max(at, self.ends.get((who, day), 0.0))

    def household(self, case: int) -> str:
        """Identifier of a case."""
        listed = len(self.people.prelist.household_id)
        return self.people.prelist.household_id[case] if case < listed else self.new[case - listed]

    def add_case(self, what: str, family: int) -> int:
        """A household that the prelist lacks, named after `what`; its case."""
        self.new.append(new_id(self.seed, what))
        self.family.append(family)
        return len(self.family) - 1

    def evening(self, enumerator: int, day: int, minutes: float, *, after: float = 15.0) -> float | None:
        """A moment after the last record of that day or a later one; None where the month is over.

        Something of `minutes` ends then that began at least `after` minutes behind whatever was before.
        """
        for later in range(day, hours.DAYS):
            before = self.ends.get((enumerator, later), hours.START + later * DAY + 18.25 * HOUR)
            at = float(np.ceil(before + (after + minutes) * 60))
            if at <= hours.START + later * DAY + LATEST * HOUR:
                self.ends[enumerator, later] = at
                return at
        return None

    def add(self, like: int, **changes: Any) -> None:
        """One more row, a copy of row `like` but for the changes."""
        row = self.rows[like : like + 1].copy()
        row["revisit_at"] = NAN
        for name, value in changes.items():
            row[name] = value
        self.added.append(row)

    def spare(self, enumerator: int) -> bool:
        """Whether somebody may get another large fault: only where there are too few people for one each."""
        return enumerator not in self.busy or len(self.people.crew) < FEW

    def door(self, case: int) -> list[float] | None:
        """Where the family of a case truly lives, longitude and latitude; None where there is none."""
        at = self.family[case]
        return None if at < 0 else [float(self.city.families.lon[at]), float(self.city.families.lat[at])]

    def visits(self, status: NDArray[np.int8] | None) -> Visits:
        """The rows in the order of the clock, numbered by household. `status` (F,): field status of each family."""
        rows = np.concatenate([self.rows, *self.added])
        rows = rows[np.argsort(rows["captured_at"], kind="stable")]
        family = np.array(self.family, dtype=np.int32)[rows["case"]]
        known = np.full(len(rows), NOT_POOR, dtype=np.int8) if status is None else status[family]
        columns = {name: np.ascontiguousarray(rows[name]) for name in ROW.names or ()}
        return Visits(
            **columns,
            revision=(rank(rows["case"]) + 1).astype(np.int32),
            welfare=np.where(rows["result"] == COMPLETED, np.where(family < 0, NOT_POOR, known), 0).astype(np.int8),
        )


def ordinary(city: City, people: People, rates: Ordinary, seed: int) -> Draft:
    """The month without any fault: every enumerator's walk, and what the phones read on the way."""
    stops, crew = people.stops, people.crew
    districts, district = np.unique([code[:7] for code in city.blocks.code], return_inverse=True)
    weather = hours.rain(stream(seed, "rain"), len(districts))
    parts: list[tuple[NDArray[np.float64], NDArray[np.float64]]] = []
    who, bounds = np.unique(stops.enumerator, return_index=True)
    for e, here in zip(who.tolist(), np.split(np.arange(len(stops.block)), bounds[1:]), strict=True):
        rng = stream(seed, "walk", e)
        mine = stops.take(here)
        out = hours.sessions(rng, crew.pace[e], int(crew.first_day[e]), weather[district[mine.block[0]]])
        begun = out.start[0] if out.start else hours.START
        blocks = list(dict.fromkeys(mine.block.tolist()))
        seen = np.array(Walk(mine, out, city.blocks.gated[mine.block].tolist(), rates, rng, blocks, begun).month())
        if len(seen):
            read = _read(rng, seen, mine, city)
            seen[:, 0] += here[0]
            parts.append((seen, read))
    return _drafted(city, people, np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts]), seed)


def _read(rng: np.random.Generator, seen: NDArray[np.float64], stops: Stops, city: City) -> NDArray[np.float64]:
    """What the phone makes of each place: metres east, metres north, accuracy."""
    stop, how = seen[:, 0].astype(int), seen[:, 7]
    dense = np.where(city.blocks.kind[stops.block[stop]] == KAMPUNG, DENSE, 1.0)
    accuracy = ACCURACY * dense * np.exp(rng.normal(0, ACCURACY_SPREAD, len(seen))) * np.where(how > 0, POOR, 1.0)
    accuracy = np.round(accuracy.clip(LEAST, WORST), 1)
    off = rng.normal(0, 1, (2, len(seen))) * accuracy / RADIUS
    read = np.column_stack([stops.x[stop] + off[0], stops.y[stop] + off[1], accuracy])
    last: dict[int, int] = {}
    for at, (place, kind) in enumerate(zip(stop.tolist(), how.tolist(), strict=True)):
        if kind < 0:
            read[at] = read[last[place]]
        last[place] = at
    return read


def _drafted(city: City, people: People, seen: NDArray[np.float64], read: NDArray[np.float64], seed: int) -> Draft:
    """The rows of all walks, and the cases they are about."""
    stops, entries = people.stops, people.prelist
    stop = seen[:, 0].astype(int)
    new = np.unique(stop[stops.entry[stop] < 0])
    case = stops.entry.copy()
    case[new] = len(entries.block) + np.arange(len(new))
    rows = np.zeros(len(seen), dtype=ROW)
    rows["case"], rows["enumerator"], rows["origin"] = case[stop], stops.enumerator[stop], stops.entry[stop] < 0
    for at, name in enumerate(("captured_at", "minutes", "block", "result", "visit", "revisit_at"), start=1):
        rows[name] = seen[:, at]
    rows["lon"], rows["lat"] = people.plane.degrees(read[:, 0], read[:, 1])
    rows["accuracy_m"] = read[:, 2]
    names = [new_id(seed, f"family/{family}") for family in stops.family[new].tolist()]
    family = entries.family.tolist() + stops.family[new].tolist()
    return Draft(city, people, seed, rows, names, family)
