"""Which block a point lies in: exactly, and a million points at a time.

The rule: the blocks that the point touches, boundary included, and among them the one with the lowest code; 0 where
there is none. The quick way: for every H3 cell of resolution 11 that lies wholly inside the winning block its owner is
noted once, when blocks are imported; a point in such a cell needs no geometry. Points in other cells get the exact
test. Both ways give the same answer always, because

- a point is indexed at resolution 11 directly (by way of a finer parent a few points in 10,000 come out elsewhere), and
- a cell is owned only if a disc that holds it altogether lies in the block and touches no block that would win. Coarser
  cells stand for their resolution-11 descendants, whose discs are `cells.reach` wide.

Geometries are (multi)polygons in EPSG:4326, valid, their edges straight in degrees. No database here.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray

from geo.errors import BadInput
from geo.ground import cells

Geometries = NDArray[np.object_]
Numbers = NDArray[np.int32]
Progress = Callable[[int, int], None]
"""Called with what is done and what there is to do, in pieces of work of about equal size."""

OWNER = 11
"""Resolution at which points are located."""
RANGES = np.dtype([("lo", np.int64), ("hi", np.int64), ("number", np.int32)])
"""Cells `lo` to `hi` of resolution 11, both included, belong to block `number`."""

_START = 5  # coarsest resolution whose discs are drawn flat in degrees
_CHUNK = 16  # cells of resolution 5 refined together: bounds memory to some millions of pairs
_SAFETY = 1.001  # discs are 0.1 % wider than proven, far more than rounding and flat drawing can take
_MAX_LATITUDE = 80.0  # nearer to the poles, or at the antimeridian, no cell is owned and the exact test decides


class Pairs(NamedTuple):
    """Pairs of a cell and a block: `cells` int64 (n,), `blocks` intp (n,), places in the given geometries."""

    cells: cells.Cells
    blocks: NDArray[np.intp]


class Refined(NamedTuple):
    """Blocks taken apart into cells: those wholly inside, of any resolution, and the finest ones near a boundary."""

    inside: Pairs
    near: Pairs


def checked(geometries: Geometries) -> Geometries:
    """The geometries as an array of objects. Raises `BadInput` for what is no polygon or multipolygon."""
    many = np.asarray(geometries, dtype=object)
    if many.ndim != 1 or not np.isin(shapely.get_type_id(many), (3, 6)).all():
        raise BadInput("blocks must be polygons or multipolygons")
    return many


def refine(
    geometries: Geometries, target: int, *, exclusive: bool = False, progress: Progress | None = None
) -> Refined:
    """Take blocks apart into H3 cells, from coarse to fine, stopping where a cell lies wholly inside a block.

    *Inside* means that the hexagons of all descendants at `target` lie in the block and off its boundary. What is left
    at `target` is *near*: within a disc's radius of the boundary. With `exclusive` a cell is inside only if no earlier
    geometry comes near it, and near pairs are not kept.
    """
    blocks = checked(geometries)
    edges = shapely.boundary(blocks)
    shapely.prepare(blocks)
    shapely.prepare(edges)
    start = _start(blocks, target)
    heads = _heads(start.cells)
    total = max(1, -(-len(heads) // _CHUNK))
    inside, near = [Pairs(start.cells[:0], start.blocks[:0])], [Pairs(start.cells[:0], start.blocks[:0])]
    for done, first in enumerate(range(0, len(heads), _CHUNK), 1):
        last = heads[first + _CHUNK] if first + _CHUNK < len(heads) else len(start.cells)
        part = slice(heads[first], last)
        found = _descend(blocks, edges, Pairs(start.cells[part], start.blocks[part]), target, exclusive)
        inside += found[0]
        near += found[1]
        if progress:
            progress(done, total)
    return Refined(_joined(inside), _joined(near))


def _joined(parts: list[Pairs]) -> Pairs:
    return Pairs(np.concatenate([p.cells for p in parts]), np.concatenate([p.blocks for p in parts]))


def _heads(sorted_cells: cells.Cells) -> NDArray[np.intp]:
    """Places where a new cell begins, in an array where equal cells stand together."""
    if not sorted_cells.size:
        return np.empty(0, np.intp)
    return np.flatnonzero(np.concatenate(([True], sorted_cells[1:] != sorted_cells[:-1])))


def _half_widths(lat: cells.Degrees, radius: float) -> cells.Degrees:
    """How far discs of `radius` (radians) at these latitudes reach in longitude, degrees; 180 around a pole."""
    ratio = np.sin(min(radius, np.pi / 2)) / np.maximum(np.cos(np.radians(lat)), 1e-12)
    return np.where(ratio < 1, np.degrees(np.arcsin(np.minimum(ratio, 1))), 180.0)


def _start(blocks: Geometries, target: int) -> Pairs:
    """Cells of resolution 5 with the blocks whose boxes their discs meet, by cell, then in the order of the blocks."""
    tree = shapely.STRtree(blocks)
    found = cells.roots()
    for resolution in range(_START + 1):
        if resolution:
            found = np.sort(cells.children(found, resolution - 1)[0])
        radius = cells.reach(resolution, target) * _SAFETY
        lon, lat = cells.centres(found)
        wide = _half_widths(lat, radius)
        over = (np.abs(lon) + wide > 180) | (np.abs(lat) + np.degrees(radius) > 90)
        west, east = np.where(over, -180.0, lon - wide), np.where(over, 180.0, lon + wide)
        boxes = shapely.box(west, lat - np.degrees(radius), east, lat + np.degrees(radius))
        place, block = tree.query(boxes)
        if resolution < _START:
            found = found[np.unique(place)]
    flat = ~over[place] & (np.abs(lat[place]) < _MAX_LATITUDE)
    place, block = place[flat], block[flat]
    order = np.lexsort((block, place))
    return Pairs(found[place[order]], block[order])


def _descend(
    blocks: Geometries, edges: Geometries, start: Pairs, target: int, exclusive: bool
) -> tuple[list[Pairs], list[Pairs]]:
    """Refine pairs of resolution-5 cells down to `target`; the pairs inside at each resolution, and those near."""
    inside: list[Pairs] = []
    pairs, settled = start, np.zeros(len(start.cells), bool)
    for resolution in range(_START, target + 1):
        touching, settled = _classify(blocks, edges, pairs, settled, cells.reach(resolution, target) * _SAFETY)
        pairs, settled = Pairs(pairs.cells[touching], pairs.blocks[touching]), settled[touching]
        won, open_ = _contested(pairs.cells, settled) if exclusive else (settled, ~settled)
        inside.append(Pairs(pairs.cells[won], pairs.blocks[won]))
        pairs, settled = Pairs(pairs.cells[open_], pairs.blocks[open_]), settled[open_]
        if resolution < target:
            finer, place = cells.children(pairs.cells, resolution)
            pairs, settled = Pairs(finer, pairs.blocks[place]), settled[place]
    return inside, [] if exclusive else [pairs]


def _classify(
    blocks: Geometries, edges: Geometries, pairs: Pairs, settled: NDArray[np.bool_], radius: float
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """For each pair whether the cell's disc touches the block, and whether it lies inside; `settled` ones do already.

    A disc on the sphere is never wider in degrees than at its own half-width in longitude, so a circle of that radius
    in the plane of degrees holds it.
    """
    heads = _heads(pairs.cells)
    lon, lat = cells.centres(pairs.cells[heads])
    centre = np.repeat(np.arange(len(heads)), np.diff(heads, append=len(pairs.cells)))
    asked = np.flatnonzero(~settled)
    at, block = centre[asked], pairs.blocks[asked]
    points, widths = np.asarray(shapely.points(lon, lat)), _half_widths(lat, radius)
    near = shapely.dwithin(edges[block], points[at], widths[at])  # type: ignore[call-overload]  # stubs know one width
    clear = np.flatnonzero(~near)
    within = shapely.contains_xy(blocks[block[clear]], lon[at[clear]], lat[at[clear]])
    touching, inside = np.ones(len(settled), bool), settled.copy()
    touching[asked[clear]] = within
    inside[asked[clear]] = within
    return touching, inside


def _contested(paired: cells.Cells, inside: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which pairs win their cell at once, and which stay open; equal cells stand together, the best block first.

    A block that holds the cell wins if it comes first, and beats all that come after it in any case.
    """
    heads = _heads(paired)
    first = np.repeat(heads, np.diff(heads, append=len(paired)))
    before: NDArray[np.intp] = np.cumsum(inside) - inside
    beaten: NDArray[np.bool_] = before > before[first]
    won = inside & (first == np.arange(len(paired)))
    return won, ~beaten & ~inside[first]


def owner_ranges(
    geometries: Geometries, numbers: Numbers, codes: Sequence[str], *, progress: Progress | None = None
) -> NDArray[np.void]:
    """Which cells of resolution 11 belong wholly to one block: a structured array of `RANGES`, sorted and disjoint.

    `geometries` (n,) (multi)polygons EPSG:4326, `numbers` (n,) int32 and `codes` (n,) of the blocks. Where blocks
    overlap or touch, a cell belongs to the lowest code or to none. Raises `BadInput` for what is no polygon.
    """
    order = _by_code(numbers, codes)
    owned = refine(checked(geometries)[order], OWNER, exclusive=True, progress=progress).inside
    low, high = cells.children_ranges(owned.cells, OWNER)
    ranges = np.empty(len(low), RANGES)
    ranges["lo"], ranges["hi"] = low, high
    ranges["number"] = np.asarray(numbers, np.int32)[order][owned.blocks]
    ranges = ranges[np.argsort(low)]
    if not len(ranges):
        return ranges
    # The integers between two neighbouring cells are no cells, so neighbours are told by their place in the order.
    apart = cells.positions(ranges["lo"][1:], OWNER) != cells.positions(ranges["hi"][:-1], OWNER) + 1
    starts = np.flatnonzero(np.concatenate(([True], apart | (np.diff(ranges["number"]) != 0))))
    merged = ranges[starts]
    merged["hi"] = ranges["hi"][np.append(starts[1:], len(ranges)) - 1]
    return merged


def _by_code(numbers: Numbers, codes: Sequence[str]) -> NDArray[np.intp]:
    """The order in which blocks win: by code, then by number."""
    if len(numbers) != len(codes):
        raise BadInput("every block needs a number and a code")
    return np.lexsort((np.asarray(numbers), np.asarray(codes, dtype=str)))


class Locator:
    """Point to block for one edition: its owner ranges, and its blocks in the order in which they win."""

    def __init__(
        self, ranges: NDArray[np.void], numbers: Numbers, codes: Sequence[str], geometries: Geometries
    ) -> None:
        """`ranges` as from `owner_ranges` of the same blocks; the others as there."""
        order = _by_code(numbers, codes)
        self._lo, self._hi, self._owner = (np.ascontiguousarray(ranges[name]) for name in ("lo", "hi", "number"))
        self._numbers = np.append(np.asarray(numbers, np.int32)[order], np.int32(0))  # the last: in no block
        self._blocks = checked(geometries)[order]
        shapely.prepare(self._blocks)
        self._tree = shapely.STRtree(self._blocks)

    def locate(self, lon: cells.Degrees, lat: cells.Degrees) -> Numbers:
        """The number of the block of each point, arrays (n,) of degrees; 0 in none, and for what is no place."""
        x, y = np.asarray(lon, np.float64), np.asarray(lat, np.float64)
        found = np.zeros(len(x), np.int32)
        real = np.flatnonzero((np.abs(x) <= 180) & (np.abs(y) <= 90))
        x, y = x[real], y[real]
        cell = cells.index(x, y, OWNER)
        owned = np.zeros(len(x), bool)
        if len(self._lo):
            place = np.maximum(np.searchsorted(self._lo, cell, side="right") - 1, 0)
            owned = (self._lo[place] <= cell) & (cell <= self._hi[place])
            found[real[owned]] = self._owner[place[owned]]
        rest = np.flatnonzero(~owned)
        rest = rest[np.argsort(cell[rest])]  # neighbours ask the same block: four times faster than at random
        found[real[rest]] = self._touching(x[rest], y[rest])
        return found

    def _touching(self, x: cells.Degrees, y: cells.Degrees) -> Numbers:
        point, block = self._tree.query(shapely.points(x, y))
        hit = shapely.intersects_xy(self._blocks[block], x[point], y[point])
        return self._first(len(x), point[hit], block[hit])

    def _first(self, many: int, point: NDArray[np.intp], block: NDArray[np.intp]) -> Numbers:
        """Of the blocks found for each of `many` points the number of the one that wins."""
        best = np.full(many, len(self._blocks), np.intp)
        np.minimum.at(best, point, block)
        return self._numbers[best]

    def exact(self, lon: cells.Degrees, lat: cells.Degrees) -> Numbers:
        """The same answer as `locate` without cells and prepared geometries: slow, the yardstick of the tests."""
        x, y = np.asarray(lon, np.float64), np.asarray(lat, np.float64)
        real = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
        point, block = self._tree.query(shapely.points(x[real], y[real]), predicate="intersects")
        return self._first(len(x), real[point], block)

    def within(self, lon: cells.Degrees, lat: cells.Degrees, metres: float) -> NDArray[np.bool_]:
        """Whether each point, arrays (n,) of degrees, lies in a block or at most `metres` away; False for no place."""
        return self.nearest(lon, lat, metres) > 0

    def nearest(self, lon: cells.Degrees, lat: cells.Degrees, metres: float) -> Numbers:
        """The number of the block of each point, arrays (n,) of degrees, else of the nearest one at most `metres` away.

        0 where there is none, and for what is no place; of blocks as near the one that wins.
        """
        x, y = np.asarray(lon, np.float64), np.asarray(lat, np.float64)
        found = self.locate(x, y)
        rest = np.flatnonzero((found == 0) & (np.abs(x) <= 180) & (np.abs(y) <= 90))
        if not len(rest) or metres <= 0:
            return found
        per_lon, per_lat = _metres_per_degree(np.minimum(np.abs(y[rest]), 89.0))
        dx, dy = 1.01 * metres / per_lon, 1.01 * metres / per_lat
        boxes = shapely.box(x[rest] - dx, y[rest] - dy, x[rest] + dx, y[rest] + dy)
        point, block = self._tree.query(boxes)
        away = self.distance_m(x[rest[point]], y[rest[point]], self._numbers[block])
        near = away <= metres
        order = np.lexsort((block[near], away[near]))[::-1]  # the nearest is written last
        found[rest[point[near][order]]] = self._numbers[block[near][order]]
        return found

    def distance_m(self, lon: cells.Degrees, lat: cells.Degrees, number: Numbers) -> NDArray[np.float64]:
        """Metres from each point to the polygon of the block given for it, 0 inside; NaN for no place or no such block.

        The nearest point is found with longitudes shrunk as at the block's latitude, then measured on the WGS84
        ellipsoid: to about 0.1 % within 50 km.
        """
        x, y, asked = np.asarray(lon, np.float64), np.asarray(lat, np.float64), np.asarray(number, np.int32)
        metres = np.full(len(x), np.nan)
        by_number = np.argsort(self._numbers[:-1], kind="stable")
        ranked = self._numbers[by_number]
        place = np.searchsorted(ranked, asked)
        known = place < len(ranked)
        known[known] = ranked[place[known]] == asked[known]
        points = np.flatnonzero(known & np.isfinite(x) & np.isfinite(y))
        block = by_number[place[points]]
        order = np.argsort(block, kind="stable")
        for same in np.split(order, np.flatnonzero(np.diff(block[order])) + 1) if len(order) else ():
            here = points[same]
            metres[here] = _metres(self._blocks[block[same[0]]], x[here], y[here])
        return metres


def _metres(block: shapely.Polygon | shapely.MultiPolygon, x: cells.Degrees, y: cells.Degrees) -> NDArray[np.float64]:
    """Metres from points to one polygon."""
    if block.is_empty:
        return np.full(len(x), np.nan)
    per_lon, per_lat = _metres_per_degree(np.array([(block.bounds[1] + block.bounds[3]) / 2]))
    shrink = float(per_lon[0] / per_lat[0])
    shape = shapely.transform(block, lambda at: at * (shrink, 1.0))
    shapely.prepare(shape)
    ends = shapely.get_coordinates(shapely.shortest_line(shape, shapely.points(x * shrink, y))).reshape(-1, 2, 2)
    east, north = (ends[:, 1, 0] - ends[:, 0, 0]) / shrink, ends[:, 1, 1] - ends[:, 0, 1]
    per_lon, per_lat = _metres_per_degree((ends[:, 0, 1] + ends[:, 1, 1]) / 2)
    return np.hypot(east * per_lon, north * per_lat)


def _metres_per_degree(lat: cells.Degrees) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Length of a degree of longitude and of latitude, WGS84, metres (series of the meridian and parallel radii)."""
    phi = np.radians(lat)
    per_lon = 111412.84 * np.cos(phi) - 93.5 * np.cos(3 * phi) + 0.118 * np.cos(5 * phi)
    per_lat = 111132.92 - 559.82 * np.cos(2 * phi) + 1.175 * np.cos(4 * phi) - 0.0023 * np.cos(6 * phi)
    return per_lon, per_lat
