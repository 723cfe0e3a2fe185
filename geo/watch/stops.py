"""What could be done in the blocks of a team: visits due, holes, and what nobody has walked of a block yet.

The rest of a block is cut into parts that one person walks in a few hours: by its houses where they are known, else by
cells. Parts follow from houses and expected families alone, so that a part keeps its name and place while it empties. A
block's gap less its open families is what is left for its parts, shared by houses that nobody has been to.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.ext.asyncio import AsyncConnection

from geo import queries
from geo.ground import cells
from geo.schema import COUNTS
from geo.scope import Scope
from geo.watch import callbacks, coverage, doors, holes
from geo.watch.doors import Houses, Points, metres
from geo.watch.live import Snapshot
from geo.watch.odds import DETOUR, Pace
from geo.watch.routing import Places

#: Families of a part of a block, or of a hole: what one person does in half a day.
PART = 9
#: Visits due that are read for a team: it has some 1,100 families.
CALLBACKS = 3_000
#: An appointment is kept from so long before it to so long after.
EARLY, LATE = timedelta(minutes=10), timedelta(minutes=30)
#: A way through n places on an area A is about so many times √(nA) (Beardwood, Halton and Hammersley, 1959).
TOUR = 0.7124
#: Square metres of the cells of holes and of tallies, on average (H3, resolutions 13 and 10).
CELL, CELL_OF_TALLY = 43.87, 15_047.5

Floats = NDArray[np.float64]
Labels = NDArray[np.intp]

_OPEN = [COUNTS.index(name) for name in ("partial", "not_met", "refused")]
_MET = _OPEN + [COUNTS.index(n) for n in ("completed", "not_found", "moved", "deceased", "ineligible")]
_NEW = COUNTS.index("new")


@dataclass(frozen=True)
class Stop:
    """Something to be done at one place (degrees): `families` there, of which each is a visit of kind `after`.

    `visit` is its number; `inside_m` metres on foot from door to door, detour included; `buildings` to be asked at, 0
    where not known. `opens` and `closes` bound the arrival of a callback. `reason` is `appointment`, `missed`,
    `callback` or `hole`, else the state of the block.
    """

    stop: str
    kind: str
    number: int
    lon: float
    lat: float
    families: float
    after: str
    visit: int
    reason: str
    inside_m: float = 0.0
    buildings: int = 0
    opens: datetime | None = None
    closes: datetime | None = None
    household_id: str | None = None
    building: str | None = None
    sequence: int | None = None
    appointment: datetime | None = None
    earliest: datetime | None = None
    result: str | None = None
    visits: int | None = None

    def minutes(self, pace: Pace) -> float:
        """Minutes of work there, the ways inside of it included."""
        asked = max(self.buildings - self.families, 0.0) * pace.door
        return self.families * (pace.minutes[self.after] + pace.door) + asked + self.inside_m / pace.near


@dataclass(frozen=True)
class Ground:
    """What was read of a team's blocks: houses and points by village, visits due, and what is known of holes."""

    villages: list[tuple[Houses, Points]]
    callbacks: list[dict[str, Any]]
    holes: holes.Read


async def read(db: AsyncConnection, live: Snapshot, scope: Scope, numbers: Sequence[int], format_: str) -> Ground:
    """What stops are made of, as the transaction's actor may see it; `scope` is of exactly these blocks.

    Reading the visits due is audited. Raises BadInput where that is too much for one answer.
    """
    due = callbacks.Question(due=("overdue", "today", "later"), limit=CALLBACKS)
    page = await callbacks.listing(db, live, scope, due, format_)
    found = await holes.read(db, live, scope)
    villages = []
    here = np.array(numbers, dtype=np.intp)
    for parent in np.unique(live.tree.parent[here]).tolist():
        mine = here[live.tree.parent[here] == parent]
        near = holes.near_by(live, scope, parent, mine)
        villages.append(await _village(db, live, mine, near))
    return Ground(villages, page.rows, found)


async def _village(
    db: AsyncConnection, live: Snapshot, numbers: NDArray[np.intp], near: NDArray[np.intp]
) -> tuple[Houses, Points]:
    """Houses of some blocks, and the points that count or lie there."""
    of = {"edition_id": live.campaign.edition_id, "numbers": numbers.tolist()}
    columns = {"number": "i4", "lon": "f8", "lat": "f8", "area_m2": "f8"}
    house = await queries.arrays(db, holes.SQL["houses"], of, columns)
    columns = {"lon": "f8", "lat": "f8", "accuracy_m": "f8", "day": "i8"}
    point = await queries.arrays(db, holes.SQL["points"], {"near": near.tolist(), "numbers": numbers.tolist()}, columns)
    return (
        Houses(house["number"].astype(np.int64), house["lon"], house["lat"], house["area_m2"]),
        Points(point["lon"], point["lat"], point["accuracy_m"], point["day"]),
    )


def found(live: Snapshot, scope: Scope, ground: Ground, day: tuple[datetime, datetime]) -> list[Stop]:
    """Everything that can be done on a local day, from one midnight to the next. Takes some milliseconds a block."""
    page = holes.listing(live, scope, holes.Question(limit=10_000), ground.holes)
    stops = [stop for row in ground.callbacks if (stop := of_callback(live, row, day)) is not None]
    missed: dict[int, list[int]] = {}
    for row in page.rows:
        stops += of_hole(row)
        missed.setdefault(row["n"], []).extend(cells.from_hex(cell) for cell in row["cells"])
    numbers = coverage.visible(live, scope, "block")
    rest = left(live, scope, numbers)
    states = coverage.of_blocks(live, scope, numbers).states(live.campaign.elapsed() / live.campaign.days)
    state = {n: coverage.STATES[s] for n, s in zip(numbers.tolist(), states.tolist(), strict=True)}
    mapped = set()
    for houses, points in ground.villages:
        if not len(houses):
            continue  # nobody has drawn the houses there
        empty = _empty(houses, points, missed)
        for number in np.unique(houses.number).tolist():
            mapped.add(number)
            if rest.get(number):
                here = houses.number == number
                some = Block(live.tree.code[number], number, int(live.expected[number]), rest[number], state[number])
                stops += of_block(some, houses.lon[here], houses.lat[here], empty[here])
    for number, families in rest.items():
        if number not in mapped and families:
            some = Block(live.tree.code[number], number, int(live.expected[number]), families, state[number])
            stops += _by_cells(live, some)
    return stops


def left(live: Snapshot, scope: Scope, numbers: NDArray[np.intp]) -> dict[int, int]:
    """Families of each block that nobody has asked for: its gap less those that are open, and what waits on a phone."""
    figures = coverage.of_blocks(live, scope, numbers)
    rest = figures.gap - figures.counts[:, _OPEN].sum(axis=1) - np.maximum(live.news.waiting[numbers], 0)
    return dict(zip(numbers.tolist(), np.maximum(rest, 0).tolist(), strict=True))


# ── visits due ────────────────────────────────────────────────────────────────────────────────────────────────────


def of_callback(live: Snapshot, row: Mapping[str, Any], day: tuple[datetime, datetime]) -> Stop | None:
    """A visit due as a stop of a day, None where it is for another day. Without a point it is the middle of its block.

    An appointment of today stands until it has passed; one that was missed binds to no hour any more.
    """
    at, dawn, midnight = row["revisit_at"], *day
    if row["earliest"] >= midnight or (at is not None and at >= midnight) or not row["n"]:
        return None
    kept = at is not None and at >= dawn and row["due"] != "overdue"
    if at is not None and not kept and row["due"] != "overdue":
        return None  # it is for today, and the plan for tomorrow
    number = row["n"]
    pointless = row["lon"] is None
    return Stop(
        f"callback.{row['household_id']}",
        "callback",
        number,
        float(live.tree.lon[number]) if pointless else row["lon"],
        float(live.tree.lat[number]) if pointless else row["lat"],
        1.0,
        after=row["result"],
        visit=row["visits"] + 1,
        reason="appointment" if kept else "missed" if at is not None else "callback",
        opens=max(row["earliest"], at - EARLY) if kept else row["earliest"],
        closes=at + LATE if kept else None,
        appointment=at,
        **{name: row[name] for name in ("household_id", "building", "sequence", "earliest", "result", "visits")},
    )


# ── what is to be walked from door to door ────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Walked:
    """What is to be done there: families, why, metres on foot inside, and houses to be asked at (0: not known)."""

    families: int
    reason: str
    inside_m: float
    buildings: int


def _to_walk(name: str, number: int, place: tuple[float, float], some: Walked) -> Stop:
    """A part of a hole or block as a stop, its kind being how its name begins."""
    kind = name.partition(".")[0]
    return Stop(
        name, kind, number, *place, float(some.families), "first", 1, some.reason, some.inside_m, some.buildings
    )


# ── holes ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def of_hole(row: Mapping[str, Any]) -> list[Stop]:
    """A hole as one stop or, where it is more than half a day's work, as several: the first keeps the hole's name."""
    key = np.array([cells.from_hex(cell) for cell in row["cells"]], dtype=np.int64)
    lon, lat = cells.centres(key)
    label = divided(*metres(lon, lat, lon, lat), max(1, round(row["missing"] / PART)))
    many = np.bincount(label)
    families, buildings = shared(row["missing"], many), shared(row["buildings"], many)
    stops = []
    for at, size in enumerate(many.tolist()):
        if families[at]:
            middle = _middle(lon, lat, label == at)
            place = (row["lon"], row["lat"]) if len(many) == 1 else (float(lon[middle]), float(lat[middle]))
            inside = TOUR * float(np.sqrt(size * CELL * max(buildings[at], families[at]))) * DETOUR
            name = f"hole.{row['hole']}" + (f"~{at + 1}" if at else "")
            stops.append(_to_walk(name, row["n"], place, Walked(int(families[at]), "hole", inside, int(buildings[at]))))
    return stops


# ── the rest of blocks ────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Block:
    """A block with `rest` families that nobody has asked for. `state` says how it stands."""

    code: str
    number: int
    expected: int
    rest: int
    state: str


def of_block(block: Block, lon: Floats, lat: Floats, empty: NDArray[np.bool_]) -> list[Stop]:
    """The parts of a block where families are left, by its houses (degrees); nobody has been to the `empty` ones."""
    x, y = metres(lon, lat, lon, lat)
    label = divided(x, y, max(1, round(block.expected / PART)))
    weight = np.bincount(label[empty], minlength=label.max() + 1)
    families = shared(block.rest, weight if weight.any() else np.bincount(label))
    stops = []
    for at in np.flatnonzero(families).tolist():
        here = (label == at) & (empty | (weight[at] == 0))
        inside = _tour(x[here], y[here]) * DETOUR
        middle = np.flatnonzero(here)[_middle(lon[here], lat[here])]
        some = Walked(int(families[at]), block.state, inside, int(weight[at]))
        place = float(lon[middle]), float(lat[middle])
        stops.append(_to_walk(f"block.{block.code}.{at + 1}", block.number, place, some))
    return stops


def _by_cells(live: Snapshot, block: Block) -> list[Stop]:
    """The parts of a block without houses: groups of its cells, by the families expected there and not yet met."""
    at = live.cells.span([(block.number, block.number)])
    at = at[live.cells.expected[at] > 0]
    if not len(at):
        place = float(live.tree.lon[block.number]), float(live.tree.lat[block.number])
        return [_to_walk(f"block.{block.code}.1", block.number, place, Walked(block.rest, block.state, 0.0, 0))]
    expected = live.cells.expected[at].astype(np.int64)
    met = live.cells.counts[at][:, _MET].sum(axis=1) - live.cells.counts[at][:, _NEW]
    lon, lat = cells.centres(live.cells.key[at])
    label = divided(*metres(lon, lat, lon, lat), max(1, round(block.expected / PART)))
    open_ = np.maximum(expected - met, 0)
    weight = np.bincount(label, weights=open_, minlength=label.max() + 1)
    families = shared(block.rest, weight if weight.any() else np.bincount(label, weights=expected))
    stops = []
    for part in np.flatnonzero(families).tolist():
        middle = _middle(lon, lat, label == part)
        inside = TOUR * float(np.sqrt((label == part).sum() * CELL_OF_TALLY * families[part])) * DETOUR
        some = Walked(int(families[part]), block.state, inside, 0)
        place = float(lon[middle]), float(lat[middle])
        stops.append(_to_walk(f"block.{block.code}.{part + 1}", block.number, place, some))
    return stops


def _empty(houses: Houses, points: Points, missed: Mapping[int, Sequence[int]]) -> NDArray[np.bool_]:
    """Which houses nobody has been to, those in holes left out: they are stops already."""
    held, _ = doors.matched(houses, points)
    inside = np.isin(
        cells.index(houses.lon, houses.lat, holes.RESOLUTION), [cell for every in missed.values() for cell in every]
    )
    empty: NDArray[np.bool_] = (held == 0) & ~inside
    return empty


# ── cutting ───────────────────────────────────────────────────────────────────────────────────────────────────────


def divided(x: Floats, y: Floats, count: int) -> Labels:
    """Places (n,) in `count` compact groups of like size, at most n: cut across their longer side, again and again."""
    label = np.zeros(len(x), dtype=np.intp)
    parts = [(np.arange(len(x)), 0, min(count, len(x)))]
    while parts:
        here, first, many = parts.pop()
        if many <= 1:
            label[here] = first
            continue
        along = x if np.ptp(x[here]) >= np.ptp(y[here]) else y
        ordered = here[np.argsort(along[here], kind="stable")]
        fewer = many // 2
        cut = round(len(here) * fewer / many)
        parts += [(ordered[:cut], first, fewer), (ordered[cut:], first + fewer, many - fewer)]
    return label


def shared(whole: int, weight: NDArray[Any]) -> NDArray[np.int64]:
    """A whole number shared by weights, as whole numbers, largest remainder first; `weight` is not all 0."""
    exact = whole * weight / weight.sum()
    given: NDArray[np.int64] = np.floor(exact).astype(np.int64)
    order = np.argsort(given - exact, kind="stable")
    given[order[: whole - int(given.sum())]] += 1
    return given


def _middle(lon: Floats, lat: Floats, some: NDArray[np.bool_] | None = None) -> int:
    """The place nearest to the middle of `some`, one of them."""
    at = np.arange(len(lon)) if some is None else np.flatnonzero(some)
    x, y = metres(lon[at], lat[at], lon[at], lat[at])
    return int(at[np.argmin(x**2 + y**2)])


def _tour(x: Floats, y: Floats) -> float:
    """Metres from house to the nearest next one, from a corner on."""
    left_over = np.ones(len(x), dtype=np.bool_)
    at, gone = int(np.argmin(x + y)), 0.0
    for _ in range(len(x) - 1):
        left_over[at] = False
        away = np.where(left_over, np.hypot(x - x[at], y - y[at]), np.inf)
        at = int(np.argmin(away))
        gone += float(away[at])
    return gone


def places(stops: Sequence[Stop], won: Floats, pace: Pace, about: tuple[Floats, Floats], dawn: datetime) -> Places:
    """Stops for `routing`: metres around the middle of `about` (degrees), minutes since `dawn`; nobody owns them."""
    lon, lat = np.array([(one.lon, one.lat) for one in stops], dtype=np.float64).reshape(-1, 2).T
    x, y = metres(lon, lat, *about)
    opens = [(one.opens - dawn) / timedelta(minutes=1) if one.opens else -np.inf for one in stops]
    closes = [(one.closes - dawn) / timedelta(minutes=1) if one.closes else np.inf for one in stops]
    kept = np.array([one.reason == "appointment" for one in stops], dtype=np.bool_)
    minutes = np.array([one.minutes(pace) for one in stops], dtype=np.float64)
    owner = np.full(len(stops), -1, dtype=np.int64)
    return Places(x, y, won, minutes, np.array(opens), np.array(closes), owner, kept)
