"""H3 cells as whole numbers: the only module that imports h3, so that one page holds every rule about them.

A cell is a signed 64-bit integer, as in the database (bigint); the top bit of an H3 index is 0, so it stays positive.
Layout, from the top: 1 bit zero, 4 bits mode (1 = cell), 3 bits reserved, 4 bits resolution, 7 bits base cell, and
15 digits of 3 bits, the digits finer than the resolution all 7 (H3 documentation, "H3 Index: Bit Layout").
Because the digits of a cell begin with those of its parent, parents are bit masks and the descendants of a cell at one
resolution fill one range of integers. That hierarchy belongs to the indexes: the descendants of a cell stick out of its
hexagon a little, see `reach`.

All coordinates are degrees of longitude and latitude, EPSG:4326. h3 takes latitude first; nobody outside this module
needs to know.
"""

import math
import re
from collections.abc import Iterable
from itertools import chain, pairwise, repeat

import h3.api.basic_int as h3
import numpy as np
import shapely
from numpy.typing import NDArray

from geo.errors import BadInput

Cells = NDArray[np.int64]
Degrees = NDArray[np.float64]

HOUSEHOLD = 15
"""Resolution at which a household's point is stored."""
TALLY = 10
"""Resolution at which tallies and expected families are kept; coarser ones are parents by bits."""
COARSEST = 4
"""Coarsest resolution that is ever shown."""

_FINEST = 15
_BASE_CELLS = 122
_MODE = 1 << 59
_RESOLUTION_SHIFT = 52
_BELOW_RESOLUTION = (1 << _RESOLUTION_SHIFT) - 1
_HEX = re.compile(r"8[0-9a-f]{14}")
_TALLY_AREA = 1.2e-6
"""Square degrees of a cell of resolution TALLY near the equator, on average."""
_SPACING = 0.38196601125010500003
"""Distance of two neighbouring centres at resolution 0, on a face of the icosahedron around the unit sphere
(RES0_U_GNOMONIC of the H3 library)."""


def _checked(resolution: int) -> int:
    if not 0 <= resolution <= _FINEST:
        raise BadInput(f"an H3 resolution lies between 0 and {_FINEST}, not {resolution}")
    return int(resolution)


def _fill(resolution: int) -> int:
    """The bits of the digits finer than `resolution`, all ones."""
    return (1 << (3 * (_FINEST - resolution))) - 1


def index(lon: Degrees, lat: Degrees, resolution: int) -> Cells:
    """The cell of each point: arrays (n,) of degrees in, cells (n,) of `resolution` out.

    Raises `BadInput` where a coordinate is no number or off the globe: h3 itself answers latitude 91 with a valid cell.
    """
    x, y = np.asarray(lon, np.float64), np.asarray(lat, np.float64)
    if x.ndim != 1 or x.shape != y.shape:
        raise BadInput("longitudes and latitudes must be two arrays of the same length")
    if not (np.all(np.abs(x) <= 180) and np.all(np.abs(y) <= 90)):  # NaN compares false
        raise BadInput("a coordinate is not a number, or lies off the globe")
    found = map(h3.latlng_to_cell, y.tolist(), x.tolist(), repeat(_checked(resolution)))
    return np.fromiter(found, np.int64, len(x))


def resolution(cells: Cells) -> NDArray[np.int64]:
    """The resolution of each cell."""
    return (np.asarray(cells, np.int64) >> _RESOLUTION_SHIFT) & 15


def parents(cells: Cells, resolution: int) -> Cells:
    """The ancestor of each cell at `resolution`, by bits. Raises `BadInput` where a cell is coarser than that."""
    fine = np.asarray(cells, np.int64)
    r = _checked(resolution)
    if fine.size and ((fine >> _RESOLUTION_SHIFT) & 15).min() < r:
        raise BadInput(f"a cell coarser than resolution {r} has no parent there")
    return (fine & ~(15 << _RESOLUTION_SHIFT)) | (r << _RESOLUTION_SHIFT) | _fill(r)


def feature_ids(cells: Cells, resolution: int) -> NDArray[np.int64]:
    """Whole numbers below 2^52 for cells of one resolution: base cell and digits, the rest is the same for all."""
    return (np.asarray(cells, np.int64) & _BELOW_RESOLUTION) >> (3 * (_FINEST - _checked(resolution)))


def from_feature_ids(ids: NDArray[np.int64], resolution: int) -> Cells:
    """The cells of `resolution` with these feature ids. Raises `BadInput` for a number beyond the last base cell."""
    numbers = np.asarray(ids, np.int64)
    r = _checked(resolution)
    if numbers.size and not (numbers.min() >= 0 and numbers.max() >> (3 * r) < _BASE_CELLS):
        raise BadInput(f"not the feature id of a cell of resolution {r}")
    return (numbers << (3 * (_FINEST - r))) | (_MODE | r << _RESOLUTION_SHIFT | _fill(r))


def to_hex(cell: int) -> str:
    """The cell as every H3 tool writes it: 15 lower-case hexadecimal digits."""
    return f"{int(cell):x}"


def from_hex(text: str) -> int:
    """The cell written as 15 lower-case hexadecimal digits. Raises `BadInput` for everything else."""
    if not _HEX.fullmatch(text) or not h3.is_valid_cell(int(text, 16)):
        raise BadInput("not an H3 cell: 15 lower-case hexadecimal digits are expected")
    return int(text, 16)


def children_ranges(cells: Cells, resolution: int) -> tuple[Cells, Cells]:
    """Least and greatest descendant at `resolution` of each cell; every descendant there lies between, nothing else.

    Raises `BadInput` where a cell is finer than `resolution`.
    """
    coarse = np.asarray(cells, np.int64)
    r = _checked(resolution)
    own = (coarse >> _RESOLUTION_SHIFT) & 15
    if own.size and own.max() > r:
        raise BadInput(f"a cell finer than resolution {r} has no children there")
    free = (np.int64(1) << (3 * (_FINEST - own))) - 1 - _fill(r)  # the digits that run from 0 to 6
    low = ((coarse & ~free) & ~(15 << _RESOLUTION_SHIFT)) | (r << _RESOLUTION_SHIFT)
    return low, low + free // 7 * 6


def children_range(cell: int, resolution: int) -> tuple[int, int]:
    """Least and greatest descendant of one cell at `resolution`, see `children_ranges`."""
    low, high = children_ranges(np.array([cell], np.int64), resolution)
    return int(low[0]), int(high[0])


def positions(cells: Cells, resolution: int) -> NDArray[np.int64]:
    """The place of each cell of one `resolution` in the order of all of them, so that neighbours in it differ by 1.

    Around the twelve pentagons, which lack a child, the numbers leave gaps.
    """
    r = _checked(resolution)
    ids = feature_ids(cells, r)
    place = ids >> (3 * r)
    for digit in range(r - 1, -1, -1):
        place = place * 7 + ((ids >> (3 * digit)) & 7)
    return place


_PENTAGON_IDS = np.array(sorted((cell & _BELOW_RESOLUTION) >> 45 for cell in h3.get_pentagons(0)), np.int64)


def children(cells: Cells, resolution: int) -> tuple[Cells, NDArray[np.intp]]:
    """The direct children of cells that all have `resolution`, and for each the place of its parent in `cells`.

    They come digit by digit: first the centre child of every cell, in the order of the cells, and so on.
    """
    coarse = np.asarray(cells, np.int64)
    r = _checked(resolution + 1)
    shift = 3 * (_FINEST - r)
    empty = coarse + (1 << _RESOLUTION_SHIFT) - (7 << shift)
    found = np.concatenate([empty + (digit << shift) for digit in range(7)])
    places = np.tile(np.arange(coarse.size), 7)
    ids = feature_ids(coarse, resolution)
    pentagon = np.isin(ids >> (3 * resolution), _PENTAGON_IDS) & (ids & ((1 << (3 * resolution)) - 1) == 0)
    if pentagon.any():  # a pentagon lacks the child in direction 1
        keep = np.ones((7, coarse.size), bool)
        keep[1] = ~pentagon
        return found[keep.ravel()], places[keep.ravel()]
    return found, places


def roots() -> Cells:
    """The 122 cells of resolution 0, in ascending order."""
    return np.array(sorted(h3.get_res0_cells()), np.int64)


def reach(resolution: int, target: int) -> float:
    """Radius, in radians on the sphere, of the disc around a cell's centre that holds all its descendants.

    For a cell of `resolution`, wherever on the globe it lies, and the whole hexagons of its descendants at `target`.
    H3 draws its hexagons on the faces of an icosahedron that touches the sphere and projects them onto it from the
    centre, which only ever shortens distances. There, cells of resolution k have centres u_k = u_0 / 7^(k/2) apart and
    corners u_k / √3 from the centre, and a child's centre is its parent's or one u of its own resolution off. By the
    triangle inequality the disc of radius u_(r+1) + … + u_target + u_target / √3 holds everything.
    """
    spacing = [_SPACING / 7 ** (k / 2) for k in range(_checked(target) + 1)]
    return sum(spacing[_checked(resolution) + 1 :]) + spacing[target] / math.sqrt(3)


def centres(cells: Cells) -> tuple[Degrees, Degrees]:
    """Longitude and latitude of the centre of each cell, degrees."""
    many = np.asarray(cells, np.int64)
    flat = np.fromiter(chain.from_iterable(map(h3.cell_to_latlng, many.tolist())), np.float64, 2 * many.size)
    return flat[1::2], flat[0::2]


def boundaries(cells: Cells) -> NDArray[np.object_]:
    """The outline of each cell as a polygon, EPSG:4326, edges drawn straight in degrees.

    A cell across the antimeridian keeps one piece and runs past 180°. The cells that hold a pole have no true outline
    in degrees.
    """
    many = np.asarray(cells, np.int64)
    rings = list(map(h3.cell_to_boundary, many.tolist()))
    corners = np.fromiter(map(len, rings), np.intp, many.size)
    flat = np.fromiter(chain.from_iterable(chain.from_iterable(rings)), np.float64, 2 * int(corners.sum()))
    points = flat.reshape(-1, 2)[:, ::-1].copy()
    ring = np.repeat(np.arange(many.size), corners)
    if points.size and np.abs(points[:, 0]).max() > 150:
        starts = np.cumsum(corners) - corners
        wide = np.maximum.reduceat(points[:, 0], starts) - np.minimum.reduceat(points[:, 0], starts) > 180
        points[wide[ring] & (points[:, 0] < 0), 0] += 360
    return np.asarray(shapely.polygons(shapely.linearrings(points, indices=ring)))


def neighbours(cells: Cells) -> NDArray[np.int64]:
    """Pairs (m, 2) of positions in `cells`, the lesser first, ascending, of cells that share an edge; each pair once.

    `cells` (n,): of one resolution, none twice, in any order.
    """
    many = np.asarray(cells, np.int64)
    rings = [h3.grid_disk(cell, 1) for cell in many.tolist()]  # itself among them
    own = np.repeat(np.arange(many.size), np.fromiter(map(len, rings), np.intp, many.size))
    beside = np.fromiter(chain.from_iterable(rings), np.int64, own.size)
    order = np.argsort(many, kind="stable")
    place = np.searchsorted(many, beside, sorter=order).clip(max=max(many.size - 1, 0))
    other = order[place] if many.size else place
    here = (many[other] == beside) & (own < other)
    pairs = np.column_stack([own[here], other[here]]).astype(np.int64)
    return pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]


def outline(cells: Cells) -> shapely.MultiPolygon:
    """The union of the hexagons of cells of one resolution, EPSG:4326; every corner of it is a corner of a hexagon.

    Exact: edges that two of the cells share are left out by name, nothing is computed of coordinates. Parts in the
    order of their westernmost corner. Not for cells across the antimeridian. Empty for no cells.
    """
    many = np.unique(np.asarray(cells, np.int64))
    if not many.size:
        return shapely.MultiPolygon()
    found = h3.cells_to_h3shape(many.tolist(), tight=False)
    parts = [shapely.Polygon(_ring(part.outer), [_ring(hole) for hole in part.holes]) for part in found]
    parts.sort(key=lambda part: part.bounds)
    return shapely.MultiPolygon(parts)


def _ring(corners: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    return [(lon, lat) for lat, lon in corners]


def cover(polygon: shapely.Polygon | shapely.MultiPolygon, resolution: int) -> Cells:
    """Every cell of `resolution` that shares a point with the (multi)polygon, ascending; at least one, however small.

    Raises `BadInput` for anything but a polygon or multipolygon.
    """
    if not isinstance(polygon, shapely.Polygon | shapely.MultiPolygon):
        raise BadInput("only polygons and multipolygons can be covered with cells")
    if polygon.is_empty:
        return np.empty(0, np.int64)
    found = h3.polygon_to_cells_experimental(h3.geo_to_h3shape(polygon), _checked(resolution), contain="overlap")
    return np.unique(np.array(found, np.int64))  # parts that lie in one cell name it twice


def holding(polygons: NDArray[np.object_], resolution: int) -> Cells:
    """Every cell of `resolution` that can hold a household of one of the (multi)polygons, ascending.

    Those that share a point with one, and those beyond whose descendants stick out as far: a household's cell is the
    parent of its point's, which is not always the one it is drawn in. A few hold none. Not for places near the poles.
    Raises `BadInput` for anything but polygons and multipolygons.
    """
    many = np.asarray(polygons, dtype=object)
    found = np.unique(np.concatenate([np.empty(0, np.int64), *(cover(shape, resolution) for shape in many)]))
    if not found.size:
        return found
    beside = np.unique(np.array(list(chain.from_iterable(h3.grid_disk(cell, 1) for cell in found.tolist())), np.int64))
    beside = beside[~np.isin(beside, found)]
    lon, lat = centres(beside)
    far = math.degrees(reach(resolution, HOUSEHOLD)) / math.cos(math.radians(float(np.abs(lat).max()))) * 1.01
    near = shapely.STRtree(many).query(shapely.points(lon, lat), predicate="dwithin", distance=far)[0]
    return np.union1d(found, beside[near])


def margin(resolution: int) -> float:
    """Degrees, near the equator, within which of its centre a cell and all its descendants stay.

    Generous: 0.35° at resolution 4, finer ones by the square root of seven each.
    """
    return float(0.35 / 7 ** ((resolution - 4) / 2))


def ranges_over(box: tuple[float, float, float, float], most: int = 400) -> tuple[Cells, Cells]:
    """Ranges of household cells, ascending and disjoint, that hold every point of a box (west, south, east, north).

    First and last cell of each; they come of about `most` coarser cells, or of a few more. A cell's descendants stick
    out of it, so the box is widened by as much before it is covered. Meant for places far from the poles.
    """
    many = [_cells_over(box, r) for r in range(TALLY + 1)]
    r = max((r for r in range(TALLY + 1) if many[r] <= most), default=0)
    west, south, east, north = box
    west, east = max(west - margin(r), -180.0), min(east + margin(r), 180.0)
    south, north = max(south - margin(r), -90.0), min(north + margin(r), 90.0)
    # In parts: a polygon over more than half the globe would mean the other half.
    edges = np.linspace(west, east, int((east - west) // 90) + 2).tolist()
    parts = [cover(shapely.box(a, south, b, north), r) for a, b in pairwise(edges)]
    found = np.unique(np.concatenate(parts))
    los, his = children_ranges(found, HOUSEHOLD)
    begins = np.append(True, np.diff(positions(found, r)) > 1)
    return los[begins], his[np.append(begins[1:], True)]


def over(box: tuple[float, float, float, float], resolution: int) -> Cells:
    """Every cell of `resolution` that shares a point with a box (west, south, east, north), ascending.

    For boxes of less than half the globe, far from the poles.
    """
    west, south, east, north = box
    return cover(shapely.box(max(west, -180.0), max(south, -89.0), min(east, 180.0), min(north, 89.0)), resolution)


def _cells_over(box: tuple[float, float, float, float], resolution: int) -> float:
    """About how many cells of a resolution lie over a box that is widened by the margin."""
    west, south, east, north = box
    wide = 2 * margin(resolution)
    return (east - west + wide) * (north - south + wide) / (_TALLY_AREA * 7.0 ** (TALLY - resolution))


def around(lon: Degrees, lat: Degrees, resolution: int, box: tuple[float, float, float, float]) -> NDArray[np.bool_]:
    """Which cells, by their centres, may touch a box (degrees: west, south, east, north); none that does is missed."""
    west, south, east, north = box
    far = margin(resolution)
    held: NDArray[np.bool_] = (lon >= west - far) & (lon <= east + far)
    held &= (lat >= south - far) & (lat <= north + far)
    return held
