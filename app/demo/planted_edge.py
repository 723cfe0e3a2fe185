"""One edge of the published edition that is not where the ground has it: a strip of houses lies in the wrong block."""

import json
from dataclasses import replace

import numpy as np
import shapely
from numpy.typing import NDArray

from app.demo.draft import Draft
from app.demo.fieldwork import Plant
from geo.ground.inspection import AreaRow

HOUSES = 10  # in the strip, at least
MOST = 0.4  # of the houses of the block that loses them
SHORTEST = 40.0  # metres of common edge
STEP = 4.0  # metres by which the edge is moved on until enough houses are across
ON_THE_LINE = 1e-10  # degrees, a hundredth of a millimetre


def wrong_boundary(draft: Draft, number: float, rng: np.random.Generator) -> list[AreaRow]:
    """The city's areas with `number` edges moved. Blocks above and coverage stay whole."""
    areas = list(draft.city.areas)
    place = {area.code: at for at, area in enumerate(areas) if area.level == "block"}
    outlines = draft.city.blocks.outline.copy()
    tree = shapely.STRtree(outlines)
    made = 0
    for block in rng.permutation(_well_visited(draft)).tolist():
        if made == round(number):
            break
        if block in draft.closed:
            continue
        beside = np.setdiff1d(tree.query(outlines[block], predicate="intersects"), [block, *draft.closed])
        village = draft.city.blocks.code[block][:10]
        for other in [b for b in beside.tolist() if draft.city.blocks.code[b][:10] == village]:
            changed = _moved(draft, outlines, block, other, tree)
            if not changed:
                continue
            strip = _list(draft, block, other, outlines, changed)
            for b, outline in changed.items():
                outlines[b] = outline
                at = place[draft.city.blocks.code[b]]
                areas[at] = replace(areas[at], geometry=shapely.MultiPolygon([outline]))
            draft.taken[np.isin(draft.rows["case"], strip)] = True
            draft.closed.update((block, other))
            made += 1
            break
    return areas


def _well_visited(draft: Draft) -> NDArray[np.intp]:
    """Blocks of which most families are done, so that the strip shows."""
    families = np.bincount(draft.city.families.block, minlength=len(draft.city.blocks))
    seen = np.bincount(draft.rows["block"], minlength=len(families))
    kept: NDArray[np.intp] = np.flatnonzero((seen > 0.9 * families) & (families >= 3 * HOUSES))
    return kept


def _moved(
    draft: Draft, outlines: NDArray[np.object_], loser: int, winner: int, tree: shapely.STRtree
) -> dict[int, shapely.Polygon] | None:
    """New outlines of both blocks and of those that touch the moved edge's ends; None where no clean cut is found.

    The cut is parallel to the chord of the common edge. Its ends become vertices of every outline they lie on, so that
    the coverage stays a coverage.
    """
    plane = draft.people.plane
    a, b = _unrounded(plane.per_degree, outlines[winner]), _unrounded(plane.per_degree, outlines[loser])
    shared = shapely.line_merge(shapely.intersection(a, b))
    if shared.geom_type != "LineString" or shared.length < SHORTEST:
        return None
    start, end = np.array(shared.coords[0]), np.array(shared.coords[-1])
    chord = float(np.hypot(*(end - start)))
    if chord < SHORTEST:
        return None
    along = (end - start) / chord
    inward = np.array([-along[1], along[0]])
    middle = np.array(shapely.centroid(b).coords[0])
    if inward @ (middle - start) < 0:
        inward = -inward
    houses = draft.city.buildings_of(loser)
    kx, ky = plane.per_degree
    doors = np.column_stack([draft.city.buildings.lon[houses] * kx, draft.city.buildings.lat[houses] * ky])
    depth = np.sort((doors - start) @ inward)
    if len(depth) < 2 * HOUSES:
        return None
    first = max(float(depth[HOUSES - 1]) + 3.0, STEP)
    for offset in np.arange(first, first + 12 * STEP, STEP):
        if np.count_nonzero(depth < offset) > MOST * len(depth):
            return None
        corners = [start - along * 5000 - inward * 2000, end + along * 5000 - inward * 2000]
        corners += [end + along * 5000 + inward * offset, start - along * 5000 + inward * offset]
        half = shapely.Polygon(corners)
        changed = _cut(outlines, loser, winner, shapely.transform(half, lambda at: at / [kx, ky]), tree)
        if changed and _houses_in(draft, houses, shapely.difference(changed[winner], outlines[winner])) >= HOUSES:
            return changed
    return None


def _unrounded(per_degree: tuple[float, float], shape: shapely.Geometry) -> shapely.Geometry:
    """Degrees as metres without any rounding, so that common edges stay common."""
    return shapely.transform(shape, lambda at: at * np.array(per_degree))


def _cut(
    outlines: NDArray[np.object_], loser: int, winner: int, half: shapely.Polygon, tree: shapely.STRtree
) -> dict[int, shapely.Polygon] | None:
    """Outlines by block after `half` (degrees) of the loser went to the winner, if all of them are still sound."""
    line = shapely.intersection(shapely.LineString(half.exterior.coords[2:4]), outlines[loser])
    if line.geom_type != "LineString" or line.is_empty:
        return None
    ends = shapely.MultiPoint([line.coords[0], line.coords[-1]])
    near = {*tree.query(shapely.buffer(ends, ON_THE_LINE), predicate="intersects").tolist(), loser, winner}
    noded = {b: shapely.snap(outlines[b], ends, ON_THE_LINE) for b in near}
    pieces = shapely.get_parts(shapely.polygonize([shapely.node(shapely.union(noded[loser].exterior, line))]))
    side = [piece for piece in pieces if half.contains(piece.point_on_surface())]
    rest = [piece for piece in pieces if not half.contains(piece.point_on_surface())]
    if len(side) != 1 or len(rest) != 1 or noded[loser].interiors:
        return None
    noded[winner], noded[loser] = shapely.union(noded[winner], side[0]), rest[0]
    if any(shape.geom_type != "Polygon" or not shape.is_valid or shape.interiors for shape in noded.values()):
        return None
    around = sorted({*tree.query(shapely.union(outlines[loser], outlines[winner]), predicate="intersects").tolist()})
    return noded if shapely.coverage_is_valid([noded.get(b, outlines[b]) for b in around]) else None


def _houses_in(draft: Draft, houses: slice, shape: shapely.Geometry) -> int:
    inside = shapely.contains_xy(shape, draft.city.buildings.lon[houses], draft.city.buildings.lat[houses])
    return int(np.count_nonzero(inside))


def _list(
    draft: Draft, loser: int, winner: int, outlines: NDArray[np.object_], changed: dict[int, shapely.Polygon]
) -> list[int]:
    """Lists the moved edge; the cases in the strip."""
    city, staff = draft.city, draft.people.staff
    strip = shapely.difference(changed[winner], outlines[winner])
    homes = city.families_of(loser)
    inside = np.flatnonzero(shapely.contains_xy(strip, city.families.lon[homes], city.families.lat[homes]))
    cases = np.flatnonzero(np.isin(np.array(draft.family), inside + homes.start)).tolist()
    detail = {
        "houses": _houses_in(draft, city.buildings_of(loser), strip),
        "strip": json.loads(shapely.to_geojson(strip)),
        "true_edge": json.loads(
            shapely.to_geojson(shapely.line_merge(shapely.intersection(outlines[loser], outlines[winner])))
        ),
    }
    codes = [city.blocks.code[loser], city.blocks.code[winner]]
    people = [staff.enumerators[e] for e in dict.fromkeys(staff.enumerator[[loser, winner]].tolist()) if e >= 0]
    draft.plants.append(Plant("wrong_boundary", codes, people, [draft.household(case) for case in cases], detail))
    return cases
