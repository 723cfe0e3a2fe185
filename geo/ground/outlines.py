"""Measuring outlines: areas, places, overlaps, holes, repairs and unions, over whole arrays at once.

Geometries are arrays of shapely polygons in EPSG:4326. Areas are m² in an equal-area projection of the WGS 84 ellipsoid
(Lambert's cylindrical, Snyder 1987, p. 81), within a millionth of the geodesic ones. Nothing here knows codes.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Transformer

Shapes = NDArray[np.object_]
Numbers = NDArray[np.float64]
Places = NDArray[np.int64]

DUST_M2 = 1.0
"""Overlaps and holes up to this are rounding of coordinates and are not reported at all."""


@cache
def _equal_area() -> Transformer:
    return Transformer.from_crs(4326, "+proj=cea +ellps=WGS84", always_xy=True)


def _project(degrees: Numbers) -> Numbers:
    return np.column_stack(_equal_area().transform(degrees[:, 0], degrees[:, 1]))


def areas_m2(shapes: Shapes) -> Numbers:
    """The area of each shape in m²; 0 for missing and empty ones. Of an invalid one what its rings add up to."""
    flat = np.asarray(shapely.transform(shapes, _project), dtype=object)
    return np.nan_to_num(np.abs(shapely.area(flat)))


def places(shapes: Shapes) -> list[tuple[float | None, float | None]]:
    """A point (lon, lat) inside each shape; (None, None) for missing and empty ones."""
    there = ~(shapely.is_missing(shapes) | shapely.is_empty(shapes))
    inside = iter(shapely.get_coordinates(shapely.point_on_surface(shapes[there])).round(7).tolist())
    return [tuple(next(inside)) if known else (None, None) for known in there]


def polygons(shapes: Shapes) -> Shapes:
    """The polygonal part of each shape as a MultiPolygon; None where there is none."""
    parts, owner = shapely.get_parts(shapes, return_index=True)
    while (nested := shapely.get_type_id(parts) >= 6).any():  # collections may hold collections
        inner, place = shapely.get_parts(parts[nested], return_index=True)
        parts, owner = np.append(parts[~nested], inner), np.append(owner[~nested], owner[nested][place])
    flat = (shapely.get_type_id(parts) == 3) & ~shapely.is_empty(parts)
    found = np.full(len(shapes), None, dtype=object)
    order = np.argsort(owner[flat], kind="stable")
    index = owner[flat][order]
    if len(index):
        shapely.multipolygons(parts[flat][order], indices=index, out=found)
    return found


def repaired(shapes: Shapes) -> Shapes:
    """Valid MultiPolygons of the same ground; None where nothing is left. Shells inside shells are united with them."""
    return polygons(shapely.make_valid(shapes, method="structure", keep_collapsed=False))


def overlaps(shapes: Shapes) -> tuple[Places, Places, Shapes, Numbers]:
    """Pairs of valid shapes that share ground: their positions (first below second), the shared ground and its m²."""
    tree = shapely.STRtree(shapes)
    crossing = tree.query(shapes, predicate="overlaps")
    inside = tree.query(shapes, predicate="contains")
    pairs = np.concatenate([crossing, inside], axis=1)
    pairs = np.unique(np.sort(pairs[:, pairs[0] != pairs[1]], axis=0), axis=1)
    first, second = pairs[0], pairs[1]
    shared = shapely.intersection(shapes[first], shapes[second])
    area = areas_m2(shared)
    real = area > DUST_M2
    return first[real], second[real], shared[real], area[real]


def holes(outline: Any) -> tuple[Shapes, Numbers]:
    """The holes of one (multi)polygon as polygons, and their m²."""
    rings, owner = shapely.get_rings(shapely.get_parts(outline), return_index=True)
    inner = np.append(False, owner[1:] == owner[:-1])[: len(rings)]  # the first ring of each polygon is its shell
    found = np.asarray(shapely.polygons(rings[inner]), dtype=object)
    area = areas_m2(found)
    real = area > DUST_M2
    return found[real], area[real]


def without_holes(outline: Any, up_to_m2: float) -> Any:
    """The MultiPolygon `outline` with its holes of at most `up_to_m2` filled."""
    parts = shapely.get_parts(outline)
    for place in np.flatnonzero(shapely.get_num_interior_rings(parts)):
        rings = shapely.get_rings(parts[place : place + 1])
        kept = areas_m2(np.asarray(shapely.polygons(rings[1:]), dtype=object)) > up_to_m2
        parts[place] = shapely.polygons(rings[0], rings[1:][kept])
    return shapely.multipolygons(parts)


def united(shapes: Shapes, groups: Sequence[str]) -> dict[str, Any]:
    """One MultiPolygon for each group: the union of its shapes. `groups` names the group of each shape."""
    if not len(groups):
        return {}
    names, member = np.unique(np.asarray(groups, dtype=object).astype(str), return_inverse=True)
    order = np.argsort(member, kind="stable")
    cuts = np.searchsorted(member[order], np.arange(1, len(names)))
    unions = [shapely.union_all(some) for some in np.split(np.asarray(shapes)[order], cuts)]
    return dict(zip((str(name) for name in names), polygons(np.array(unions, dtype=object)), strict=True))


def outside(children: Shapes, parents: Shapes) -> tuple[Shapes, Numbers]:
    """The part of each child that lies outside its parent (None where it does not), and its m². Row by row."""
    rest = np.full(len(children), None, dtype=object)
    shapely.prepare(parents)
    out = ~shapely.covers(parents, children)
    rest[out] = shapely.difference(children[out], parents[out])
    return rest, areas_m2(rest)


def metres_apart(shapes: Shapes) -> float:
    """How far the most distant of two or more shapes lies from the one nearest to it; metres, within a few per cent."""
    middle = np.radians(np.nanmean(shapely.bounds(shapes)[:, [1, 3]]))
    local = shapely.transform(shapes, lambda at: at * 111_320.0 * np.array([np.cos(middle), 1.0]))
    _, distance = shapely.STRtree(local).query_nearest(local, exclusive=True, all_matches=False, return_distance=True)
    return float(distance.max(initial=0))
