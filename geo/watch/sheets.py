"""What a printed sheet says of a block: what somebody needs who walks there without a phone, and nothing else.

Outline and neighbours, houses with and without a visit, whom to visit again, who is still missing from the list, holes,
and the figures. Families are matched with houses as `doors` does it, a village at a time, so that a dot stands in the
house somebody was met in and not where the phone guessed it. What is not known (no footprints, no list, no expected
number) is None or empty and marked so: the sheet says it.

Blocks are read some of a village at a time: `read` asks the database, `told` works on what came and takes a core for
some milliseconds a block. Whatever is read of single households is audited.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import shapely
from numpy.typing import NDArray
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from geo import queries
from geo.errors import BadInput, NotFound
from geo.ground.levels import LEVELS
from geo.scope import Scope
from geo.trust import audit
from geo.watch import callbacks, coverage, doors, holes, prelist
from geo.watch.doors import Houses, Points
from geo.watch.live import Snapshot

SQL = queries.load(__file__)

#: Blocks that are read at once: those of a village.
AT_ONCE = 40
#: Sheets of one file: those of a district.
MOST = 1_000
#: Callbacks and missing families that are read of a block; more than any sheet has room for.
ROWS = 10_000

Box = tuple[float, float, float, float]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class About:
    """What is true of all that a sheet says: of which campaign, against what, as of when."""

    campaign: str
    simulated: bool
    series: str
    edition: str
    epoch: int
    as_of: datetime
    zone: ZoneInfo


@dataclass(frozen=True)
class Neighbour:
    """Another block that the paper shows a part of: its outline (EPSG:4326), cut at the paper's edge."""

    code: str
    name: str
    shape: Any


@dataclass(frozen=True)
class Buildings:
    """Houses (n,): a place in degrees, ground in m², and how many families were met there."""

    lon: Floats
    lat: Floats
    area_m2: Floats
    met: NDArray[np.int64]


@dataclass(frozen=True)
class Call:
    """A visit due. `lon`, `lat` are of the house it was matched with, else as observed; None without a point."""

    lon: float | None
    lat: float | None
    household_id: str
    building: str | None
    sequence: int | None
    result: str
    visits: int
    due: str
    due_at: datetime | None
    agreed: bool


@dataclass(frozen=True)
class Gone:
    """A hole: its outline (EPSG:4326), and how many families are likely to be missing there."""

    shape: Any
    missing: int


@dataclass(frozen=True)
class Head:
    """Which block a sheet is of. `above` is the code of the area it lies in, `place` the names above, nearest first."""

    number: int
    code: str
    above: str
    name: str
    level: str
    place: tuple[str, ...]
    enumerator: str | None
    supervisor: str | None


@dataclass(frozen=True)
class Sheet:
    """What a sheet says of a block; `figures` as coverage has them, `outline` a MultiPolygon (EPSG:4326), may be empty.

    `mapped`: whether any house is known here. `missing` are (building, sequence) of families of the list nobody has
    met, in walking order, None where there is no list. `strays` (n, 2) are points of visits that belong to no house.
    `around` are houses of other blocks. `holes` are None where they cannot be looked for.
    """

    about: About
    head: Head
    figures: Mapping[str, Any]
    outline: Any
    neighbours: tuple[Neighbour, ...]
    mapped: bool
    houses: Buildings
    around: Buildings
    strays: Floats
    calls: tuple[Call, ...]
    missing: tuple[tuple[str | None, int | None], ...] | None
    holes: tuple[Gone, ...] | None


@dataclass(frozen=True)
class Read:
    """What was read of some blocks of a village: `boxes` are what the paper shows of each (degrees)."""

    numbers: list[int]
    boxes: Mapping[int, Box]
    shapes: Mapping[int, Any]
    near: Mapping[int, list[int]]
    houses: Houses
    visits: Sequence[RowMapping]
    calls: Mapping[int, list[dict[str, Any]]]
    missing: Mapping[int, list[dict[str, Any]] | None]
    holes: holes.Read | None
    within: int


def asked(live: Snapshot, scope: Scope, within: int, states: Sequence[str] = ()) -> list[int]:
    """Numbers of the blocks in scope `within` an area (0: everywhere) that are in any of `states` (all: empty).

    Raises NotFound where there is none, BadInput for an unknown state or more than MOST.
    """
    if unknown := set(states) - set(coverage.STATES):
        raise BadInput(f"no state {sorted(unknown)[0]}: take one of {', '.join(coverage.STATES)}", code="bad-state")
    numbers = coverage.visible(live, scope, "block", within)
    if states and len(numbers):
        found = coverage.of_blocks(live, scope, numbers).states(live.campaign.elapsed() / live.campaign.days)
        numbers = numbers[np.isin(found, [coverage.STATES.index(state) for state in states])]
    if not len(numbers):
        raise NotFound("there is no such block, or it is not yours to see", code="no-blocks")
    if len(numbers) > MOST:
        raise BadInput(f"these are {len(numbers):,} blocks, and a file holds {MOST:,}: name a smaller area in `within`",
                       code="too-wide")  # fmt: skip
    chosen: list[int] = numbers.tolist()
    return chosen


def parts(live: Snapshot, scope: Scope, numbers: Sequence[int]) -> list[list[int]]:
    """Blocks as they are read: those of a village together, AT_ONCE at most. Raises ValueError outside the scope."""
    whole = np.array(numbers, dtype=np.intp)
    if not scope.mask(whole, whole).all():
        raise ValueError("a block lies outside the scope")
    found: list[list[int]] = []
    for number in numbers:
        beside = found and live.tree.parent[found[-1][-1]] == live.tree.parent[number]
        if beside and len(found[-1]) < AT_ONCE:
            found[-1].append(number)
        else:
            found.append([number])
    return found


async def read(db: AsyncConnection, live: Snapshot, scope: Scope, boxes: Mapping[int, Box]) -> Read:
    """What sheets need of some blocks of one village (the keys of `boxes`), as the transaction's actor may see them.

    `boxes` are what the paper shows of each: degrees, west south east north. Reading households is audited. Raises
    ValueError where a block is not in scope or they have not one parent.
    """
    numbers = sorted(boxes)
    parent = int(live.tree.parent[numbers[0]])
    if len(parts(live, scope, numbers)) != 1:
        raise ValueError("these blocks are not of one village")
    calls, missing = {}, {}
    for number in numbers:  # by the lists that everybody else uses, so that paper and screen say the same
        due = await callbacks.listing(db, live, scope, callbacks.Question(number, limit=ROWS), "pdf")
        calls[number] = due.rows
        page = await prelist.listing(db, live, scope, prelist.Question(number, limit=ROWS), "pdf")
        missing[number] = page.rows if page.listed else None
    village = coverage.visible(live, scope, "block", parent)
    village = village[live.tree.parent[village] == parent]
    gone = None
    try:
        within = numbers[0] if len(numbers) == 1 else parent
        gone = await holes.read(db, live, scope, within)
    except BadInput:  # an area of thousands of blocks without villages: its holes are not looked for
        village = np.array(numbers, dtype=np.intp)
    near = {number: _beside(live, box, number) for number, box in boxes.items()}
    shown = sorted({*numbers, *(n for some in near.values() for n in some)})
    of = {"edition_id": live.campaign.edition_id}
    shapes = {
        row.number: shapely.from_wkb(bytes(row.wkb)) for row in await db.execute(SQL["shapes"], of | {"numbers": shown})
    }
    columns = {"number": "i4", "lon": "f8", "lat": "f8", "area_m2": "f8"}
    every = sorted({*shown, *village.tolist()})
    house = await queries.arrays(db, holes.SQL["houses"], of | {"numbers": every}, columns)
    near_by = holes.near_by(live, scope, parent, village)
    met = {"near": near_by.tolist(), "numbers": village.tolist()}
    visits = (await db.execute(SQL["visits"], met)).mappings().all()
    mine = sum(row["number"] in boxes for row in visits)
    if mine:
        await audit.read(db, scope.actor, "sheets.read", numbers, mine, format="pdf")
    houses = Houses(house["number"].astype(np.int64), house["lon"], house["lat"], house["area_m2"])
    return Read(numbers, boxes, shapes, near, houses, visits, calls, missing, gone, within)


def told(live: Snapshot, scope: Scope, found: Read, answered: Scope | None = None) -> list[Sheet]:
    """The sheets of blocks that were `read`, in their order. Takes a core for some milliseconds a block.

    Who works there is told of those in `answered`, what the caller answers for, and of itself.
    """
    gone: dict[int, list[Gone]] = {}
    if found.holes is not None:
        for row in holes.listing(live, scope, holes.Question(found.within, limit=ROWS), found.holes).rows:
            gone.setdefault(row["n"], []).append(Gone(shapely.from_geojson(holes.outline(row)), row["missing"]))
    met = _met(found)
    figures = coverage.of_blocks(live, scope, np.array(found.numbers, dtype=np.intp))
    rows = coverage.rows(figures, live.campaign.elapsed() / live.campaign.days)
    about, sheets = _about(live), []
    for number, row in zip(found.numbers, rows, strict=True):
        here = found.houses.number == number
        calls = tuple(_call(one, met, found.houses) for one in found.calls[number])
        stray = (met.number == number) & (met.house < 0)
        stray[[met.place[one.household_id] for one in calls if one.household_id in met.place]] = False
        families = found.missing[number]
        sheets.append(
            Sheet(
                about,
                _head(live, scope, number, answered),
                figures=row,
                outline=found.shapes[number],
                neighbours=_neighbours(live, found, number),
                mapped=bool(here.any()),
                houses=_buildings(found.houses, met, here),
                around=_buildings(found.houses, met, ~here & _inside(found.houses, found.boxes[number])),
                strays=np.column_stack((met.points.lon[stray], met.points.lat[stray])),
                calls=calls,
                missing=None if families is None else tuple((one["building"], one["sequence"]) for one in families),
                holes=tuple(gone.get(number, ())) if found.holes is not None and here.any() else None,
            )
        )
    return sheets


@dataclass(frozen=True)
class _Met:
    """Visits (m,) matched with houses: the `house` of each (−1: none), the block it counts in, its place by id.

    `held` are the families met at each house.
    """

    points: Points
    number: NDArray[np.int64]
    house: NDArray[np.intp]
    place: Mapping[str, int]
    held: NDArray[np.int64]


def _met(found: Read) -> _Met:
    """Families and the houses they were met in."""
    rows = found.visits
    lon, lat = (np.array([row[name] for row in rows], dtype=np.float64) for name in ("lon", "lat"))
    accuracy = np.array([np.nan if row["accuracy_m"] is None else row["accuracy_m"] for row in rows], dtype=np.float64)
    points = Points(lon, lat, accuracy, np.zeros(len(rows), dtype=np.int64))
    held, house = np.zeros(0, dtype=np.int64), np.full(len(rows), -1, dtype=np.intp)
    if len(found.houses):
        held, house = doors.matched(found.houses, points)
    number = np.array([row["number"] for row in rows], dtype=np.int64)
    return _Met(points, number, house, {row["household_id"]: at for at, row in enumerate(rows)}, held)


def _about(live: Snapshot) -> About:
    of = live.campaign
    return About(of.name, of.simulated, of.series, of.edition, live.epoch, live.as_of, of.zone)


def _head(live: Snapshot, scope: Scope, number: int, answered: Scope | None) -> Head:
    """Which block it is, and who works there as far as the caller may know."""
    tree, news = live.tree, live.news
    place = tuple(tree.name[n] for n in reversed(tree.path(int(tree.parent[number])))) if tree.parent[number] else ()
    who = news.enumerator(number)
    known = who == scope.name or (answered is not None and answered.covers(number, number))
    return Head(
        number,
        tree.code[number],
        tree.code[tree.parent[number]],
        tree.name[number],
        LEVELS[tree.level[number]],
        place,
        who if known else None,
        news.supervisor(number) if known else None,
    )


def _beside(live: Snapshot, box: Box, number: int) -> list[int]:
    """Other blocks that may show in a box of degrees."""
    west, south, east, north = live.tree.bounds.T
    meets = live.tree.block & (west <= box[2]) & (east >= box[0]) & (south <= box[3]) & (north >= box[1])
    return [n for n in np.flatnonzero(meets).tolist() if n != number]


def _neighbours(live: Snapshot, found: Read, number: int) -> tuple[Neighbour, ...]:
    """The parts of other blocks that the paper shows."""
    cut = {n: shapely.clip_by_rect(found.shapes[n], *found.boxes[number]) for n in found.near[number]}
    return tuple(
        Neighbour(live.tree.code[n], live.tree.name[n], shape)
        for n, shape in cut.items()
        if not shapely.is_empty(shape)
    )


def _inside(houses: Houses, box: Box) -> NDArray[np.bool_]:
    west, south, east, north = box
    found: NDArray[np.bool_] = (
        (houses.lon >= west) & (houses.lon <= east) & (houses.lat >= south) & (houses.lat <= north)
    )
    return found


def _buildings(houses: Houses, met: _Met, some: NDArray[np.bool_]) -> Buildings:
    return Buildings(houses.lon[some], houses.lat[some], houses.area_m2[some], met.held[some])


def _call(row: Mapping[str, Any], met: _Met, houses: Houses) -> Call:
    """A row of the list of callbacks, at the house it was matched with."""
    lon, lat = row["lon"], row["lat"]
    at = met.place.get(row["household_id"])
    if at is not None and met.house[at] >= 0:
        lon, lat = float(houses.lon[met.house[at]]), float(houses.lat[met.house[at]])
    return Call(
        lon,
        lat,
        row["household_id"],
        row["building"],
        row["sequence"],
        row["result"],
        row["visits"],
        row["due"],
        row["due_at"],
        row["revisit_at"] is not None,
    )
