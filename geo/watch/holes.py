"""Where expected families are missing inside blocks that were visited: groups of houses nobody has been to, as cells.

The list that enumerators carry may have passed over the same corner as they did: then the block looks full. Footprints
have not: see `doors` for which houses somebody has been to, and which groups of the others are no accident. Matching is
done for all visible blocks of a village at once, so that a family counted across a block's edge, or declared in the
block beside, is still somebody who was met in its house.

What has not been walked yet is no hole, only work: `gaps` has it. A block is looked at once nearly all its list has
been visited, or most of it while nothing has come for days though its device is heard and holds nothing back; and a
group counts only if the families still open on the list cannot fill it. Blocks of which nothing is expected are looked
at always: nobody will be sent there. Where no expected number is known, a block counts as walked when it has gone
quiet. Blocks without footprints show no holes: they are counted (`without_footprints`), not cleared.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from sqlalchemy.ext.asyncio import AsyncConnection

from geo import queries
from geo.errors import BadInput
from geo.ground import cells
from geo.schema import COUNTS, RESULTS
from geo.scope import Scope
from geo.watch import coverage, doors
from geo.watch.doors import Group, Houses, Points
from geo.watch.live import Snapshot
from geo.watch.villages import Kept, blocks_asked

SQL = queries.load(__file__)

#: Resolution of the cells: 44 m², less than a house and its yard. Coarser ones fit the truth worse (decision 0019).
RESOLUTION = 13
#: Metres around the houses of a group that its cells reach: half a house.
AROUND = 3.0

#: Share of its list from which a block is walked; from which, where nothing has come for so many days.
WALKED, WALKED_QUIET, QUIET_DAYS = 0.9, 0.7, 3.0

#: Villages whose groups a process keeps for later questions.
KEPT = 2_000

_C = {name: at for at, name in enumerate(COUNTS)}
_MET = [_C[name] for name in RESULTS]


@dataclass(frozen=True)
class Question:
    """About which blocks: `within` an area's number (0: everywhere). `after` is the `next` of the page before."""

    within: int = 0
    after: str | None = None
    limit: int = 100


@dataclass(frozen=True)
class Page:
    """Holes, most missing first; what all of them come to; blocks looked at that have no footprints."""

    rows: list[dict[str, Any]]
    total: int
    missing: int
    blocks: int
    without_footprints: int
    next: str | None


@dataclass(frozen=True)
class Hole:
    """A group of houses nobody has been to, as it is shown: cells, and a house among them as its place (degrees)."""

    group: Group
    cells: cells.Cells
    lon: float
    lat: float


@dataclass(frozen=True)
class Village:
    """What houses and points of the visible blocks of a village say. `mapped` are the blocks with footprints."""

    holes: Sequence[Hole]
    mapped: frozenset[int]


@dataclass(frozen=True)
class Read:
    """What was read to answer a question: the blocks asked about, villages as kept, and those to be worked out anew.

    `fresh` holds for each of the latter its key, the epoch up to which it holds, houses and points.
    """

    asked: NDArray[np.intp]
    kept: list[Village]
    fresh: list[tuple[Any, int, Houses, Points]]


async def read(db: AsyncConnection, live: Snapshot, scope: Scope, within: int = 0) -> Read:
    """What has moved since it was last asked for, as the transaction's actor may see households; the rest is kept.

    Raises what `blocks_asked` raises for a wide area `within` (0: everywhere).
    """
    asked = blocks_asked(live, scope, within)
    memory = _memory(live)
    found = Read(asked, [], [])
    await db.execute(SQL["in_order"])
    for parent in np.unique(live.tree.parent[asked]).tolist():
        numbers = coverage.visible(live, scope, "block", parent)
        numbers = numbers[live.tree.parent[numbers] == parent]
        near = near_by(live, scope, parent, numbers)
        key, moved = (scope.ranges, parent), int(live.changed[near].max(initial=0))
        village = memory.get(key, moved)
        if village is None:
            found.fresh.append((key, moved, *await _ground(db, live, scope, numbers, near)))
        else:
            found.kept.append(village)
    return found


def listing(live: Snapshot, scope: Scope, question: Question, found: Read) -> Page:
    """One page of holes in the blocks that were `read` for the question. Takes a core for some milliseconds a block.

    Raises BadInput for a broken `after`.
    """
    key = _key(question.after)
    villages = list(found.kept)
    for name, moved, houses, points in found.fresh:
        villages.append(seen(houses, points))
        _memory(live).put(name, villages[-1], moved)
    asked = set(found.asked.tolist())
    rows = _rows(live, scope, [hole for village in villages for hole in village.holes if hole.group.number in asked])
    rows.sort(key=_key_of)
    left = [row for row in rows if _key_of(row) > key] if key else rows
    page = left[: question.limit]
    mapped = {number for village in villages for number in village.mapped}
    lived_in = (live.expected[found.asked] > 0) | (live.counts[found.asked] != 0).any(axis=1)
    return Page(
        page,
        total=len(rows),
        missing=sum(row["missing"] for row in rows),
        blocks=len(asked),
        without_footprints=len(set(found.asked[lived_in].tolist()) - mapped),
        next=f"{page[-1]['missing']}~{page[-1]['hole']}" if len(left) > len(page) and page else None,
    )


def outline(row: dict[str, Any]) -> str:
    """The union of a row's cells as a MultiPolygon, GeoJSON text (EPSG:4326)."""
    own = np.array([cells.from_hex(cell) for cell in row["cells"]], dtype=np.int64)
    whole = shapely.union_all(shapely.set_precision(cells.boundaries(own), 1e-7))
    return str(shapely.to_geojson(shapely.MultiPolygon(shapely.get_parts(whole).tolist())))


def _memory(live: Snapshot) -> Kept[Village]:
    """What this process keeps of these areas: villages by scope and place, up to an epoch."""
    found: Kept[Village] = live.once(("holes",), lambda: Kept(KEPT))
    return found


def near_by(live: Snapshot, scope: Scope, parent: int, numbers: NDArray[np.intp]) -> NDArray[np.intp]:
    """The blocks themselves, and those of the district with a household in a cell that is theirs too.

    Where a household counts and where it lies may differ: a day's work sent under the code of another block is work
    done all the same. Cells of resolution 10, so most of these are next door.
    """
    above = int(live.tree.parent[parent])
    last = int(live.tree.last[above]) if above else len(live.tree) - 1
    at = live.cells.span(scope.clip(max(above, 1), last))
    number, key = live.cells.number[at], live.cells.key[at]
    own = np.unique(key[np.isin(number, numbers)])
    met = live.cells.counts[at].any(axis=1)
    return np.union1d(numbers, number[np.isin(key, own) & met])


async def _ground(
    db: AsyncConnection, live: Snapshot, scope: Scope, numbers: NDArray[np.intp], near: NDArray[np.intp]
) -> tuple[Houses, Points]:
    """Houses of blocks, and the points that count or lie there. Only blocks of the scope are asked for."""
    if not (scope.mask(numbers, numbers).all() and scope.mask(near, near).all()):
        raise ValueError("a block lies outside the scope")
    of = {"edition_id": live.campaign.edition_id, "numbers": numbers.tolist()}
    columns = {"number": "i4", "lon": "f8", "lat": "f8", "area_m2": "f8"}
    house = await queries.arrays(db, SQL["houses"], of, columns)
    columns = {"lon": "f8", "lat": "f8", "accuracy_m": "f8", "day": "i8"}
    of = {"near": near.tolist(), "numbers": numbers.tolist()}
    point = await queries.arrays(db, SQL["points"], of, columns)
    return (
        Houses(house["number"].astype(np.int64), house["lon"], house["lat"], house["area_m2"]),
        Points(point["lon"], point["lat"], point["accuracy_m"], point["day"]),
    )


def seen(houses: Houses, points: Points) -> Village:
    """What houses and points of blocks that lie together say, whether the blocks have been walked or not."""
    found = []
    for group in doors.unvisited(houses, points):
        lon, lat = houses.lon[group.houses], houses.lat[group.houses]
        x, y = doors.metres(lon, lat, lon, lat)
        middle = int(np.argmin(x**2 + y**2))
        found.append(Hole(group, covering(lon, lat), float(lon[middle]), float(lat[middle])))
    return Village(found, frozenset(np.unique(houses.number).tolist()))


def covering(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> cells.Cells:
    """The cells of a group of houses (degrees), ascending: those the houses stand in, and those between them.

    Between is inside the hull of the houses and AROUND metres further, by the cell's centre.
    """
    own = np.unique(cells.index(lon, lat, RESOLUTION))
    x, y = doors.metres(lon, lat, lon, lat)
    hull = shapely.MultiPoint(np.column_stack((x, y))).convex_hull.buffer(AROUND)
    metre = 1 / 110_000.0
    box = (lon.min() - 9 * metre, lat.min() - 9 * metre, lon.max() + 9 * metre, lat.max() + 9 * metre)
    near = cells.over((float(box[0]), float(box[1]), float(box[2]), float(box[3])), RESOLUTION)
    inside = shapely.contains_xy(hull, *doors.metres(*cells.centres(near), lon, lat))
    return np.union1d(own, near[inside])


def stands(
    missing: NDArray[np.float64],
    expected: NDArray[np.int64],
    met: NDArray[np.int64],
    waiting: NDArray[np.int64],
    quiet: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Which groups are holes and not work still to be done; arrays (n,), a place for each group.

    `missing` families there; of its block: `expected` (−1: not known), listed families `met` whatever came of it,
    submissions `waiting` on devices, and whether it is `quiet`: nothing for QUIET_DAYS, though its device is heard and
    has sent all.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(expected > 0, met / expected, 0.0)
    walked = (expected == 0) | (share >= WALKED)
    idle = quiet & (met > 0) & ((expected < 0) | (share >= WALKED_QUIET))
    still = np.where(expected < 0, 0, np.maximum(expected - met, 0)) + waiting
    stood: NDArray[np.bool_] = idle | (walked & (missing > still))
    return stood


def _rows(live: Snapshot, scope: Scope, holes: Sequence[Hole]) -> list[dict[str, Any]]:
    """The holes among groups, as the contract has them. Raises ValueError where one is not in scope."""
    if not holes:
        return []
    numbers = np.array([hole.group.number for hole in holes], dtype=np.intp)
    figures = coverage.of_blocks(live, scope, numbers)
    met = figures.counts[:, _MET].sum(axis=1) - figures.count("new")
    waiting = np.maximum(live.news.waiting[numbers], 0).astype(np.int64)
    since = live.campaign.now().timestamp() - live.last_at[numbers]
    quiet = (since >= QUIET_DAYS * 86400) & ~live.news.silent[numbers]
    missing = np.array([hole.group.missing for hole in holes])
    elapsed = live.campaign.elapsed() / live.campaign.days
    said = coverage.rows(figures, elapsed)
    stood = np.flatnonzero(stands(missing, figures.expected, met, waiting, quiet))
    return [_row(live, scope, holes[at], said[at]) for at in stood.tolist()]


def _row(live: Snapshot, scope: Scope, hole: Hole, block: dict[str, Any]) -> dict[str, Any]:
    """One hole; a block with `scope` checked is described by its figures."""
    group = hole.group
    about = coverage.describe(live, group.number)
    name = cells.to_hex(int(cells.index(np.array([hole.lon]), np.array([hole.lat]), RESOLUTION)[0]))
    return {
        "hole": f"{about['code']}.{name}",
        "code": about["code"],
        "name": about["name"],
        "level": about["level"],
        "n": group.number,
        "place": coverage.above(live, group.number),
        "lon": round(hole.lon, 6),
        "lat": round(hole.lat, 6),
        "buildings": len(group.houses),
        "missing": round(group.missing),
        "low": int(np.floor(group.low)),
        "high": int(np.ceil(group.high)),
        "gap": block["gap"],
        "coverage": block["coverage"],
        "state": block["state"],
        "since": None if group.day is None else date.fromordinal(date(1970, 1, 1).toordinal() + group.day),
        "cells": [cells.to_hex(cell) for cell in hole.cells.tolist()],
    }


def _key_of(row: dict[str, Any]) -> tuple[int, str]:
    return -row["missing"], row["hole"]


def _key(after: str | None) -> tuple[int, str] | None:
    if after is None:
        return None
    missing, _, hole = after.partition("~")
    if not (missing.isascii() and missing.isdigit() and len(missing) <= 9 and hole):
        raise BadInput("after must be the `next` of the page before", code="bad-after")
    return -int(missing), hole
