"""The lie of the land: a plane in metres, the bend that makes it look grown, and the cells of the villages on it.

Everything is first laid out straight: a river along y = 0, a tributary along one x, villages as convex cells between
them, which are easy to cut. `Bend` then moves every point by a handful of waves, each shifting x by y alone or y by x
alone, which never folds: what fitted together before still does, and the river meanders. Rings are lists of corners in
metres, counter-clockwise, not closed.
"""

from dataclasses import dataclass
from itertools import pairwise
from math import cos, hypot, pi, radians, sin

import numpy as np
import shapely
from numpy.typing import NDArray

from app.demo.facts import SAMARINDA, TRIBUTARY_EAST, Regency, Village, villages_of

Ring = list[tuple[float, float]]
Points = NDArray[np.float64]

#: Metres of a degree of latitude and, on the equator, of longitude (WGS 84).
METRES_NORTH, METRES_EAST = 110_574.0, 111_320.0

RIVER_WIDTH, TRIBUTARY_WIDTH = 390.0, 46.0
RIVER_PIECE, TRIBUTARY_PIECE = 600.0, 700.0

#: How far beyond the villages the invisible neighbours lie that give a region its outer edge.
MARGIN = 3_800.0
NEIGHBOURS = 34


@dataclass(frozen=True)
class Plane:
    """Metres east and north of a place, good for some tens of kilometres (equirectangular)."""

    lon: float
    lat: float

    def to_degrees(self, metres: Points) -> Points:
        """Longitude and latitude (N, 2) of points in metres (N, 2)."""
        east = METRES_EAST * cos(radians(self.lat))
        return np.column_stack((self.lon + metres[:, 0] / east, self.lat + metres[:, 1] / METRES_NORTH))

    def to_metres(self, degrees: Points) -> Points:
        """Metres (N, 2) of points in degrees (N, 2)."""
        east = METRES_EAST * cos(radians(self.lat))
        return np.column_stack(((degrees[:, 0] - self.lon) * east, (degrees[:, 1] - self.lat) * METRES_NORTH))


@dataclass(frozen=True)
class Bend:
    """Waves (W, 3) of height, length and phase that move points sideways (`east`) and then up and down (`north`)."""

    east: Points
    north: Points

    def __call__(self, straight: Points) -> Points:
        """Where points (N, 2) of the straight plane come to lie, metres."""
        x = straight[:, 0] + _waves(self.east, straight[:, 1])
        return np.column_stack((x, straight[:, 1] + _waves(self.north, x)))


@dataclass(frozen=True)
class Land:
    """A regency laid out straight. `cells`: of `villages`; `strips`: pieces of water; `owner`: village of each."""

    regency: Regency
    villages: tuple[Village, ...]
    cells: list[Ring]
    strips: list[Ring]
    owner: list[int]
    bend: Bend
    plane: Plane


def lay_out(regency: Regency, seed: int) -> Land:
    """The villages and waters of a regency; the same for every scale."""
    rng = np.random.default_rng([seed, int(regency.code)])
    villages = villages_of(regency)
    bend = _bend(regency, rng)
    cells = _cells([(v.east * 1000, v.north * 1000) for v in villages], rng)
    strips = _strips(cells)
    places = np.array([(v.east * 1000, v.north * 1000) for v in villages])
    middles = np.array([np.mean(strip, axis=0) for strip in strips])
    apart = np.hypot(*(middles[:, None] - places[None]).transpose(2, 0, 1))
    return Land(regency, villages, cells, strips, apart.argmin(1).tolist(), bend, Plane(regency.lon, regency.lat))


def around(land: Land, chosen: set[int]) -> list[int]:
    """The villages whose blocks share an edge or corner with those of the `chosen` ones, these included."""
    shapes = np.array([shapely.Polygon(ring) for ring in [*land.cells, *land.strips]])
    rows = [*chosen, *(len(land.cells) + i for i, owner in enumerate(land.owner) if owner in chosen)]
    near = np.unique(shapely.STRtree(shapes).query(shapes[rows], predicate="dwithin", distance=1.0)[1])
    return [int(row) for row in near if row < len(land.cells)]


def area_of(ring: Ring) -> float:
    """The area of a ring, square metres."""
    twice = 0.0
    x, y = ring[-1]
    for x1, y1 in ring:
        twice += x * y1 - x1 * y
        x, y = x1, y1
    return twice / 2


def cut(ring: Ring, nx: float, ny: float, offset: float) -> Ring:
    """The part of a convex ring where nx·x + ny·y ≤ offset; empty where nothing is left."""
    kept: Ring = []
    x, y = ring[-1]
    before = nx * x + ny * y - offset
    for x1, y1 in ring:
        after = nx * x1 + ny * y1 - offset
        if (before < 0 < after) or (after < 0 < before):
            at = before / (before - after)
            kept.append((x + at * (x1 - x), y + at * (y1 - y)))
        if after <= 0:
            kept.append((x1, y1))
        x, y, before = x1, y1, after
    return kept


def _waves(waves: Points, along: Points) -> Points:
    height, length, phase = waves.T
    moved: Points = (height * np.sin(2 * pi * along[:, None] / length + phase)).sum(1)
    return moved


def _bend(regency: Regency, rng: np.random.Generator) -> Bend:
    """One broad wave, the river's great bend, and shorter ones that make streets and edges crooked."""
    crest = pi / 2 if regency.code == SAMARINDA else rng.uniform(0, 2 * pi)
    phase = rng.uniform(0, 2 * pi, 8)
    north = [(1500, 19_000, crest), (560, 7_300, phase[0]), (60, 1_900, phase[1]), (13, 610, phase[2])]
    east = [(700, 11_000, phase[3]), (260, 4_300, phase[4]), (50, 1_600, phase[5]), (13, 540, phase[6])]
    return Bend(np.array(east), np.array(north))


def _cells(places: Ring, rng: np.random.Generator) -> list[Ring]:
    """The ground nearest to each place, on its side of the waters and away from the invisible neighbours."""
    middle = np.mean(places, axis=0)
    wide, high = np.ptp(places, axis=0) / 2 + MARGIN
    turn = np.linspace(0, 2 * pi, NEIGHBOURS, endpoint=False) + rng.normal(0, 0.05, NEIGHBOURS)
    stretch = rng.uniform(0.92, 1.12, NEIGHBOURS)
    beyond = [
        (float(middle[0] + s * wide * cos(t)), float(middle[1] + s * high * sin(t)))
        for s, t in zip(stretch, turn, strict=True)
    ]
    sides = [_side(place) for place in places]
    return [
        _cell(place, side, [other for other, its in zip(places, sides, strict=True) if its == side] + beyond)
        for place, side in zip(places, sides, strict=True)
    ]


def _side(place: tuple[float, float]) -> tuple[float, float, float, float]:
    """West, south, east and north of the ground between the waters that a place lies on."""
    far, bank, edge = 1e5, RIVER_WIDTH / 2, TRIBUTARY_WIDTH / 2
    branch = TRIBUTARY_EAST * 1000
    if place[1] < 0:
        return -far, -far, far, -bank
    if place[0] < branch:
        return -far, bank, branch - edge, far
    return branch + edge, bank, far, far


def _cell(place: tuple[float, float], side: tuple[float, float, float, float], others: Ring) -> Ring:
    """The part of a side that is nearer to a place than to any other."""
    x, y = place
    west, south, east, north = side
    ring: Ring = [(west, south), (east, south), (east, north), (west, north)]
    for ox, oy in sorted(others, key=lambda other: hypot(other[0] - x, other[1] - y)):
        if (ox, oy) != place:
            ring = cut(ring, ox - x, oy - y, (ox * ox + oy * oy - x * x - y * y) / 2)
    return ring


def _strips(cells: list[Ring]) -> list[Ring]:
    """River and tributary in pieces, as far as there is a village on either bank."""
    bank, edge, branch = RIVER_WIDTH / 2, TRIBUTARY_WIDTH / 2, TRIBUTARY_EAST * 1000
    corners = [corner for ring in cells for corner in ring]
    banks = [[x for x, y in corners if abs(y - side) < 1] for side in (-bank, bank)]
    west, east = max(min(row) for row in banks), min(max(row) for row in banks)
    sides = [[y for x, y in corners if abs(x - side) < 1 and y > 0] for side in (branch - edge, branch + edge)]
    top = min(max(row) for row in sides)
    along = np.linspace(west, east, 1 + max(1, round((east - west) / RIVER_PIECE))).tolist()
    up = np.linspace(bank, top, 1 + max(1, round((top - bank) / TRIBUTARY_PIECE))).tolist()
    river: list[Ring] = [[(a, -bank), (b, -bank), (b, bank), (a, bank)] for a, b in pairwise(along)]
    branches: list[Ring] = [
        [(branch - edge, a), (branch + edge, a), (branch + edge, b), (branch - edge, b)] for a, b in pairwise(up)
    ]
    return river + branches
