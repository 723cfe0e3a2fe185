"""What contradicts the map in villages: read as the caller may see it, worked out by `across`, named, and kept.

A proposal is named after what it is about, not after its points: it stays the same while they stay or some are added.
"""

import hashlib
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from sqlalchemy.ext.asyncio import AsyncConnection

from geo import queries
from geo.schema import COUNTS, RESULTS
from geo.scope import Scope
from geo.watch import across, coverage
from geo.watch.across import Found, Points
from geo.watch.doors import Houses
from geo.watch.live import Snapshot
from geo.watch.villages import Kept, blocks_asked

SQL = queries.load(__file__)

#: Villages whose proposals a process keeps for later questions.
KEPT = 2_000

_MET = [COUNTS.index(name) for name in RESULTS]


@dataclass(frozen=True)
class Proposal:
    """A proposal by its name: what was found, on whose records, on how many days, and its middle in degrees."""

    name: str
    found: Found
    households: tuple[str, ...]
    enumerators: tuple[str, ...]
    days: int
    lon: float
    lat: float


@dataclass(frozen=True)
class Village:
    """Proposals about visible blocks of a village; `beyond` are blocks of others that they lean on."""

    proposals: tuple[Proposal, ...]
    beyond: frozenset[int]


@dataclass(frozen=True)
class Ground:
    """What was read of a village: `rows` of households outside their block are the first of `points`, in that order."""

    parent: int
    points: Points
    rows: Sequence[tuple[str, str | None]]
    outlines: dict[int, Any]
    houses: Houses
    beyond: frozenset[int]


@dataclass(frozen=True)
class Read:
    """What was read to answer a question: the blocks asked about, villages as kept, and those to be worked out.

    `numbers` are all visible blocks of those villages.
    `fresh` holds for each of those its key, the epoch up to which it holds, and what was read.
    """

    asked: NDArray[np.intp]
    numbers: list[int]
    kept: list[Village]
    fresh: list[tuple[Any, int, Ground]]


_NOTHING = Village((), frozenset())


async def read(db: AsyncConnection, live: Snapshot, scope: Scope, within: int = 0) -> Read:
    """What has moved since it was last asked for, as the transaction's actor may see households; the rest is kept.

    Raises what `blocks_asked` raises for a wide area `within` (0: everywhere).
    """
    asked = blocks_asked(live, scope, within)
    memory = _memory(live)
    found = Read(asked, [], [], [])
    await db.execute(SQL["in_order"])
    for parent in np.unique(live.tree.parent[asked]).tolist():
        numbers = coverage.visible(live, scope, "block", parent)
        numbers = numbers[live.tree.parent[numbers] == parent]
        found.numbers.extend(numbers.tolist())
        key = (scope.ranges, parent)
        epoch, village = memory.last(key) or (-1, _NOTHING)
        if epoch == _moved(live, numbers, village.beyond):
            found.kept.append(village)
            continue
        ground = await _ground(db, live, scope, parent, numbers)
        found.fresh.append((key, _moved(live, numbers, ground.beyond), ground))
    return found


def _memory(live: Snapshot) -> Kept[Village]:
    """What this process keeps of these areas: villages by scope and place, up to an epoch."""
    found: Kept[Village] = live.once(("proposals",), lambda: Kept(KEPT))
    return found


def _moved(live: Snapshot, numbers: NDArray[np.intp], beyond: Collection[int]) -> int:
    """The last epoch in which something changed in blocks of a village, or in others it leans on."""
    return int(live.changed[[*numbers.tolist(), *beyond]].max(initial=0))


async def _ground(db: AsyncConnection, live: Snapshot, scope: Scope, parent: int, numbers: NDArray[np.intp]) -> Ground:
    """Points declared in blocks of a village, those of the blocks they lie in instead, outlines and houses there."""
    if not scope.mask(numbers, numbers).all():
        raise ValueError("a block lies outside the scope")
    rows = (await db.execute(SQL["outside"], {"numbers": numbers.tolist()})).all()
    away = np.array([(row.number, row.located, row.day, row.who) for row in rows], dtype=np.int64).reshape(-1, 4)
    at = np.array([(row.lon, row.lat, row.accuracy_m) for row in rows], dtype=np.float64).reshape(-1, 3)
    others = np.setdiff1d(away[:, 1], np.append(numbers, 0))
    seen = others[scope.mask(others, others)]
    here = np.append(numbers, seen).tolist() if len(rows) else []
    columns = {"number": "i4", "lon": "f8", "lat": "f8", "accuracy_m": "f8", "day": "i8", "who": "i8"}
    inside = await queries.arrays(db, SQL["inside"], {"numbers": here}, columns)
    points = Points(
        np.append(away[:, 0], inside["number"]),
        np.append(away[:, 1], inside["number"]),
        np.append(at[:, 0], inside["lon"]),
        np.append(at[:, 1], inside["lat"]),
        np.append(at[:, 2], inside["accuracy_m"]),
        np.append(away[:, 2], inside["day"]),
        np.append(away[:, 3], inside["who"]),
    )
    about = np.unique(away[:, :2])
    pairs = Counter(map(tuple, away[:, :2].tolist()))
    strips = {other for (_, other), many in pairs.items() if many >= across.HOUSEHOLDS} - {0}
    of = {"edition_id": live.campaign.edition_id}
    outlines = await db.execute(SQL["outlines"], of | {"numbers": about.tolist()})
    columns = {"number": "i4", "lon": "f8", "lat": "f8", "area_m2": "f8"}
    of_strips = of | {"numbers": sorted({*strips, *(number for number, other in pairs if other in strips)})}
    house = await queries.arrays(db, SQL["houses"], of_strips, columns)
    return Ground(
        parent,
        points,
        [(row.household_id, row.enumerator) for row in rows],
        {row.number: shapely.from_wkb(bytes(row.geom)) for row in outlines},
        Houses(house["number"].astype(np.int64), house["lon"], house["lat"], house["area_m2"]),
        frozenset(others.tolist()),
    )


def proposals(live: Snapshot, scope: Scope, found: Read) -> list[Proposal]:
    """All proposals of the villages that were read for a scope. Takes a core for some milliseconds a village."""
    villages = list(found.kept)
    for key, moved, ground in found.fresh:
        villages.append(worked_out(ground))
        _memory(live).put(key, villages[-1], moved)
    every = [proposal for village in villages for proposal in village.proposals]
    if not all(scope.covers(proposal.found.number, proposal.found.number) for proposal in every):
        raise ValueError("a block lies outside the scope")
    return every


def worked_out(ground: Ground) -> Village:
    """What points of a village say."""
    found = across.found(ground.points, ground.outlines, ground.houses)
    return Village(tuple(_named(ground, one) for one in found), ground.beyond)


def _named(ground: Ground, found: Found) -> Proposal:
    """A proposal by its name: edges by both blocks, codes by who first used them when, points by who took them."""
    rows = [ground.rows[at] for at in found.points.tolist()]
    people = Counter(enumerator for _, enumerator in rows if enumerator)
    who = next(iter(people), "")
    if found.kind == "boundary":
        name = f"boundary.{found.number}.{found.other}"
    elif found.kind == "code":
        name = f"code.{found.number}.{found.other}.{_digest(who, found.evidence['first_day'])}"
    else:
        name = f"point.{ground.parent}.{_digest(who)}"
    lon, lat = _middle(found.shape)
    return Proposal(
        name,
        found,
        tuple(household for household, _ in rows),
        tuple(enumerator for enumerator, _ in people.most_common()),
        len(np.unique(ground.points.day[found.points])),
        lon,
        lat,
    )


def _digest(*words: object) -> str:
    return hashlib.blake2b("|".join(map(str, words)).encode(), digest_size=6).hexdigest()


def _middle(shape: Any) -> tuple[float, float]:
    """A place in a strip, or the point nearest to the middle of several; degrees."""
    places = shapely.get_coordinates(shape if shape.geom_type == "MultiPoint" else shapely.point_on_surface(shape))
    off = places - np.median(places, axis=0)
    lon, lat = places[int(np.argmin((off**2).sum(axis=1)))].tolist()
    return lon, lat
