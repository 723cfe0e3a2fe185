"""Points that lie in another block than the declared one: whether the point is suspect, the code, or the edge.

When one point strays the point is suspect, when a whole day's records of somebody lie elsewhere the code is, and when
households fall across the same edge day after day the edge is. On arrays alone; nothing is decided here.

`boundary`  Points of one block fill a strip along its edge in the block beside. They are deeper in it than their
            accuracy explains, were taken on several days or by several people, and in front of what the neighbour's own
            people recorded: whoever works there ends where these begin. Since a block often has one enumerator, breadth
            of evidence (houses, days, length, nobody of the neighbour's in it) has to stand for many people.
`code`      Nearly all that somebody declared in a block on one day lies well inside another one, among those recorded
            there by right, or behind them.
`point`     What is left and far off: single points, gathered by who took them.

GPS scatter is held against the worst case, every family living on the very edge: even then a point is not deeper in the
neighbour than so many sigmas of its accuracy but by an accident whose chance is known, and the chances of many points
multiply. One house that an edge cuts through is no strip, however many families it has.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from geo.watch import doors, strips
from geo.watch.doors import RADIUS, Houses
from geo.watch.strips import Across, Plane

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Places = NDArray[np.intp]

#: Accuracy in metres: beyond it a point says nothing of an edge; where none was given; and the best there is.
ACCURATE, UNKNOWN, BEST = 25.0, 12.0, 3.0
#: Phones flatter themselves between walls: a sigma is taken for so much more.
FLATTERED = 1.2
#: One point counts for no more than so much of evidence (e^-5), whatever its depth: it may be wrong for other reasons.
MOST = 5.0
#: A strip is proposed if scatter alone makes one like it less often than this, or than that where its houses are known:
#: at least HOUSES, of which so great a share was visited.
CHANCE, CHANCE_FILLED, FILLED = 1e-4, 1e-2, 0.75
#: A strip: households, houses told apart by so many metres, metres along the edge, at least; days, of one person alone.
HOUSEHOLDS, HOUSES, APART, LENGTH, DAYS = 6, 5, 7.0, 25.0, 2
#: Of a strip's households those of one day at most, where one person took them.
ONE_DAY = 0.85
#: Metres: from point to point of one strip; from the edge to its first point; how deep it may be.
LINKED, BEGINS, DEEP = 60.0, 20.0, 150.0
#: Metres: blocks so near to each other share an edge; around a strip, houses that its points may be of instead.
TOUCHING, AROUND = 2.0, 40.0
#: Of pairs of a point across the edge and one of the neighbour's own beside, those in which the former is nearer to the
#: edge. The neighbour's own in the strip, at most.
AHEAD, OWN = 0.9, 0.2
#: Metres from a strip within which the neighbour's own points are beside it.
BESIDE = 60.0

#: A day under a wrong code: records, share of them elsewhere, metres that a quarter of them lie outside at least.
RECORDS, ELSEWHERE, INSIDE = 5, 0.8, 25.0
#: A point is far off if it lies so many times its accuracy, and so many metres, outside its block.
TIMES, FAR = 3.0, 50.0


@dataclass(frozen=True)
class Points:
    """Where families were met, arrays (n,).

    `number` of the block declared and of the one the point lies in (`located`, 0: none), degrees, accuracy in metres
    (NaN: not given), local day since 1970, and by whom: numbers that tell people apart, 0 unknown.
    """

    number: Ints
    located: Ints
    lon: Floats
    lat: Floats
    accuracy_m: Floats
    day: Ints
    who: Ints

    def __len__(self) -> int:
        """How many there are."""
        return len(self.number)


@dataclass(frozen=True)
class Found:
    """One proposal. `points` are places in Points; they were declared in `number` and lie in `other` (0: in several).

    `shape` in degrees: the strip, else the points. `evidence` are figures, by name.
    """

    kind: str
    number: int
    other: int
    points: Places
    shape: Any
    evidence: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class _Seen:
    """What is worked out once: points in metres, how far they lie outside their block, and what may be told from them.

    `sure`: accurate enough and outside a block whose outline is known. `outside` (n,) metres, 0 inside.
    """

    points: Points
    plane: Plane
    xy: Floats
    accuracy: Floats
    outside: Floats
    sure: NDArray[np.bool_]
    shapes: Mapping[int, Any]


@dataclass(frozen=True)
class _Strip:
    """A strip: its points, its outline (metres), and the neighbour's `own` points in it.

    `length` in metres along the edge; `buildings`, and how many of them were visited; `chance`: of scatter alone.
    """

    points: Places
    shape: Any
    own: Places
    length: float
    buildings: int
    visited: int
    chance: float

    @property
    def stands(self) -> bool:
        """Whether the evidence is enough."""
        filled = self.buildings >= HOUSES and self.visited >= FILLED * self.buildings
        few = len(self.own) <= OWN * (len(self.own) + len(self.points))
        return few and self.chance <= (CHANCE_FILLED if filled else CHANCE)


def found(points: Points, outlines: Mapping[int, Any], houses: Houses) -> list[Found]:
    """What the points of blocks that lie together say: those declared there, and those of the blocks they lie in.

    `outlines` are polygons in degrees by number; of a block without one nothing is said. `houses` are residential
    footprints of the blocks, as far as any are mapped.
    """
    if not len(points) or not outlines:
        return []
    seen = _seen(points, outlines)
    days = _days(seen)
    edges, used = _edges(seen, days, houses)
    codes, miscoded = _codes(seen, days, used)
    return edges + codes + _strays(seen, used | miscoded)


def _seen(points: Points, outlines: Mapping[int, Any]) -> _Seen:
    numbers = list(outlines)
    boxes = shapely.bounds(np.array([outlines[number] for number in numbers], dtype=object))
    plane = strips.over(boxes[:, [0, 2]].ravel(), boxes[:, [1, 3]].ravel())
    flat = dict(zip(numbers, plane.flat(np.array([outlines[number] for number in numbers], dtype=object)), strict=True))
    xy = np.column_stack(plane.metres(points.lon, points.lat))
    accuracy = np.where(np.isnan(points.accuracy_m), UNKNOWN, points.accuracy_m)
    outside = np.zeros(len(points))
    away = np.flatnonzero(points.located != points.number)
    for number in np.unique(points.number[away]).tolist():
        if number in flat:
            here = away[points.number[away] == number]
            outside[here] = shapely.distance(flat[number], shapely.points(xy[here]))
    return _Seen(points, plane, xy, accuracy, outside, (accuracy <= ACCURATE) & (outside > 0), flat)


def _days(seen: _Seen) -> list[Places]:
    """Days of somebody on which nearly all that was declared in a block lies outside of it: all records of each."""
    points = seen.points
    known = np.isin(points.number, list(seen.shapes))
    told = np.flatnonzero((seen.accuracy <= ACCURATE) & (points.who != 0) & known)
    if not len(told):
        return []
    key = np.column_stack([points.who[told], points.number[told], points.day[told]])
    _, group = np.unique(key, axis=0, return_inverse=True)
    group = group.ravel()
    many = np.bincount(group)
    gone = np.bincount(group, weights=seen.outside[told] > seen.accuracy[told])
    whole = (many >= RECORDS) & (gone >= ELSEWHERE * many)
    return [told[group == one] for one in np.flatnonzero(whole).tolist()]


# ── strips ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _edges(seen: _Seen, days: Sequence[Places], houses: Houses) -> tuple[list[Found], NDArray[np.bool_]]:
    """Proposals about edges, and which points they explain."""
    points = seen.points
    used = np.zeros(len(points), dtype=np.bool_)
    day = np.zeros(len(points), dtype=np.bool_)
    for whole in days:
        day[whole] = True
    at = np.flatnonzero(seen.sure & (points.located > 0) & (seen.outside <= DEEP))
    pairs, pair = np.unique(np.column_stack([points.number[at], points.located[at]]), axis=0, return_inverse=True)
    proposals = []
    for one, (number, other) in enumerate(pairs.tolist()):
        here = at[pair.ravel() == one]
        if len(here) < HOUSEHOLDS or not _adjoin(seen, number, other):
            continue
        parts = [part for part in _together(seen.xy[here], here) if _is_strip(seen, part, day[part])]
        drawn = [strip for strip in (_strip(seen, part, houses) for part in parts) if strip.stands]
        if drawn:
            proposals.append(_edge(seen, drawn))
            used[proposals[-1].points] = True
    return proposals, used


def _adjoin(seen: _Seen, number: int, other: int) -> bool:
    return other in seen.shapes and bool(shapely.distance(seen.shapes[number], seen.shapes[other]) <= TOUCHING)


def _together(xy: Floats, places: Places) -> list[Places]:
    """Places in groups, each within LINKED metres of another one of its group."""
    at = np.asarray(shapely.points(xy))
    groups = shapely.get_parts(shapely.union_all(shapely.buffer(at, LINKED / 2)))
    which, where = shapely.STRtree(groups).query(at, predicate="intersects"), np.zeros(len(at), dtype=np.intp)
    where[which[0]] = which[1]
    return [places[where == one] for one in range(len(groups))]


def _is_strip(seen: _Seen, part: Places, whole_day: NDArray[np.bool_]) -> bool:
    """Whether points of one block that lie together in another fill a strip along the edge."""
    points, depth = seen.points, seen.outside[part]
    if len(part) < HOUSEHOLDS or _houses(seen.xy[part]) < HOUSES or depth.min() > BEGINS:
        return False
    people, of_day = np.unique(points.who[part]), np.unique(points.day[part], return_counts=True)[1]
    if len(people) < 2 and (len(of_day) < DAYS or of_day.max() > ONE_DAY * len(part)):
        return False
    if whole_day.mean() > ELSEWHERE and np.quantile(depth[whole_day], 0.75) >= INSIDE:
        return False
    if _along(seen, part) < LENGTH or scatter(depth, seen.accuracy[part]) > CHANCE_FILLED:
        return False
    own, its = _own(seen, part)
    if not len(own):
        return True
    ahead = float((depth[:, None] < its[None, :]).mean())
    inside = int((its < np.median(depth)).sum())
    return ahead >= AHEAD and inside <= OWN * (inside + len(part))


def scatter(depth: Floats, accuracy: Floats) -> float:
    """How likely scatter alone puts points (n,) so many metres beyond an edge that is right, at most.

    At worst every family lives on the edge itself, so that each point is beyond it by the half of a normal
    distribution. The chances p of the single points are put together after Fisher: the sum of −ln p over n of them is
    Gamma-distributed with shape n.
    """
    sigma = np.maximum(accuracy, BEST) / RADIUS * FLATTERED
    told = sum(min(-math.log(max(math.erfc(z / math.sqrt(2)), 1e-300)), MOST) for z in (depth / sigma).tolist())
    terms = [k * math.log(told) - math.lgamma(k + 1) for k in range(len(depth))] if told > 0 else [0.0]
    top = max(terms)
    return math.exp(min(top - told + math.log(sum(math.exp(term - top) for term in terms)), 0.0))


def _own(seen: _Seen, part: Places) -> tuple[Places, Floats]:
    """What the neighbour's people recorded in their block beside these points, and how far from the edge it lies."""
    points, number, other = seen.points, int(seen.points.number[part[0]]), int(seen.points.located[part[0]])
    own = np.flatnonzero((points.number == other) & (points.located == other) & (seen.accuracy <= ACCURATE))
    near = shapely.distance(shapely.multipoints(seen.xy[part]), shapely.points(seen.xy[own])) <= BESIDE
    own = own[near]
    return own, shapely.distance(seen.shapes[number], shapely.points(seen.xy[own]))


def _houses(xy: Floats) -> int:
    """How many houses points (n, 2) stand for: those at less than APART metres from each other are one."""
    return len(shapely.get_parts(shapely.union_all(shapely.buffer(shapely.points(xy), APART / 2))))


def _along(seen: _Seen, part: Places) -> float:
    """Metres of the edge in front of which points lie: as far as the feet of the outermost are apart."""
    edge = seen.shapes[int(seen.points.number[part[0]])]
    feet = shapely.get_coordinates(shapely.shortest_line(shapely.points(seen.xy[part]), edge)).reshape(-1, 2, 2)[:, 1]
    return float(np.hypot(*(feet[:, None] - feet[None, :]).T).max())


def _strip(seen: _Seen, part: Places, houses: Houses) -> _Strip:
    """What there is to be said of points that fill a strip."""
    points, (own, _) = seen.points, _own(seen, part)
    number, other = int(points.number[part[0]]), int(points.located[part[0]])
    across = Across(seen.xy[part], seen.outside[part], seen.xy[own])
    shape = strips.outline(across, seen.shapes[number], seen.shapes[other])
    here = np.flatnonzero((points.located == other) & (points.number == other))
    own = here[shapely.intersects_xy(shape, *seen.xy[here].T)]
    buildings, visited = _buildings(seen, shape, houses)
    return _Strip(
        part, shape, own, _along(seen, part), buildings, visited, scatter(seen.outside[part], seen.accuracy[part])
    )


def _edge(seen: _Seen, drawn: Sequence[_Strip]) -> Found:
    """The proposal about one edge: all strips along it."""
    points = seen.points
    members = np.sort(np.concatenate([strip.points for strip in drawn]))
    number, other = int(points.number[members[0]]), int(points.located[members[0]])
    own = len(np.unique(np.concatenate([strip.own for strip in drawn])))
    buildings = sum(strip.buildings for strip in drawn)
    evidence = _evidence(seen, members) | {
        "houses": _houses(seen.xy[members]),
        "length_m": round(sum(strip.length for strip in drawn)),
        "depth_m": round(float(np.quantile(seen.outside[members], 0.9)), 1),
        "own": own,
        "own_share": round(own / (own + len(members)), 3),
        "own_elsewhere": int(((points.located == other) & (points.number == other)).sum()) - own,
        "buildings": buildings or None,
        "visited": sum(strip.visited for strip in drawn) if buildings else None,
        "chance": float(f"{math.prod(strip.chance for strip in drawn):.1e}"),
    }
    shape = seen.plane.degrees(shapely.union_all([strip.shape for strip in drawn]))
    return Found("boundary", number, other, members, shape, evidence)


def _buildings(seen: _Seen, shape: Any, houses: Houses) -> tuple[int, int]:
    """Residential buildings in a strip, and those that somebody recorded a point at: each point is of one house."""
    if not len(houses):
        return 0, 0
    around = shapely.buffer(shape, AROUND)
    at = np.column_stack(seen.plane.metres(houses.lon, houses.lat))
    some = np.flatnonzero(shapely.intersects_xy(around, *at.T))
    near = np.flatnonzero(shapely.intersects_xy(around, *seen.xy.T) & (seen.accuracy <= ACCURATE))
    if not len(some):
        return 0, 0
    of = doors.Houses(*(getattr(houses, name)[some] for name in ("number", "lon", "lat", "area_m2")))
    points = seen.points
    met = doors.Points(points.lon[near], points.lat[near], points.accuracy_m[near], points.day[near])
    held, _ = doors.matched(of, met)
    inside = shapely.intersects_xy(shape, *at[some].T)
    return int(inside.sum()), int((held[inside] > 0).sum())


# ── codes and single points ───────────────────────────────────────────────────────────────────────────────────────


def _codes(seen: _Seen, days: Sequence[Places], used: NDArray[np.bool_]) -> tuple[list[Found], NDArray[np.bool_]]:
    """Proposals about codes, all days of somebody under one code in one; and which points they explain."""
    points = seen.points
    taken = np.zeros(len(points), dtype=np.bool_)
    by: dict[tuple[int, int], list[Places]] = {}
    for whole in days:
        left = whole[~used[whole]]
        if len(left) >= RECORDS and np.quantile(seen.outside[left], 0.75) >= INSIDE:
            by.setdefault((int(points.who[left[0]]), int(points.number[left[0]])), []).append(left)
    proposals = []
    for (who, number), groups in by.items():
        on = np.unique(points.day[np.concatenate(groups)])
        every = (points.who == who) & (points.number == number) & np.isin(points.day, on) & ~used
        members = np.flatnonzero(every & (points.located != number) & (points.located > 0) & (seen.outside > 0))
        if not len(members):
            continue
        taken[members] = True
        evidence = _evidence(seen, members) | {
            "records": int(every.sum()),
            "share": round(len(members) / int(every.sum()), 3),
            "blocks": len(np.unique(points.located[members])),
            "first_day": int(on[0]),
            "last_day": int(on[-1]),
        }
        other = _most(points.located[members])
        proposals.append(Found("code", number, other, members, _dots(seen, members), evidence))
    return proposals, taken


def _strays(seen: _Seen, used: NDArray[np.bool_]) -> list[Found]:
    """Proposals about points far off, one for each who took some."""
    points = seen.points
    far = seen.sure & ~used & (seen.outside > np.maximum(TIMES * seen.accuracy, FAR))
    proposals = []
    for who in np.unique(points.who[far]).tolist():
        mine = points.who == who
        members = np.flatnonzero(far & mine)
        own = np.flatnonzero(mine & np.isin(points.number, points.number[members]))
        evidence = _evidence(seen, members) | {
            "records": len(own),
            "share": round(len(members) / len(own), 3),
            "most_m": round(float(seen.outside[members].max())),
        }
        where = np.unique(points.located[members])
        other = int(where[0]) if len(where) == 1 else 0
        number = _most(points.number[members])
        proposals.append(Found("point", number, other, members, _dots(seen, members), evidence))
    return proposals


def _evidence(seen: _Seen, members: Places) -> dict[str, Any]:
    """What is said of every proposal."""
    accuracy = seen.points.accuracy_m[members]
    given = accuracy[~np.isnan(accuracy)]
    return {
        "metres": round(float(np.median(seen.outside[members])), 1),
        "accuracy_m": round(float(np.median(given)), 1) if len(given) else None,
    }


def _most(numbers: Ints) -> int:
    """The commonest of some numbers, the lowest of several."""
    values, counts = np.unique(numbers, return_counts=True)
    return int(values[counts.argmax()])


def _dots(seen: _Seen, members: Places) -> Any:
    return shapely.MultiPoint(np.column_stack([seen.points.lon[members], seen.points.lat[members]]))
