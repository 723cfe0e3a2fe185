"""Census blocks: a village's cell cut again and again until there is one piece for each block.

Cutting convex pieces in straight lines gives streets that meet in T and cross; the bend of the land makes them
crooked. Small blocks lie around the village's centre, wood and hills without people outside. All randomness of a
village comes from its code, so that a village is the same in every scale.
"""

from dataclasses import dataclass
from math import atan2, cos, hypot, pi, sin
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from app.demo.land import Land, Points, Ring, area_of, cut

#: Families of a block: mean and deviation that, with about 6 % of blocks empty, give the median of 91 and quartiles of
#: 72 and 111 that sub-SLS have (domain.md); and the fewest and most.
MEAN_FAMILIES, SPREAD = 93.0, 28.0
FEWEST, MOST = 14, 170

#: Ground that people of one block take up at most, and the least that wood or a hill covers, square metres.
WIDEST_BLOCK, LEAST_WOOD = 90_000.0, 400_000.0
WOOD = 1_350_000.0

#: Square metres a family above which a block is rural; shares of estates and of flats among the others.
RURAL = 850.0
ESTATES, FLATS, GATED = 0.27, 0.04, 0.25

#: Places in `city.KINDS`.
KAMPUNG, ESTATE, FLAT, COUNTRY, EMPTY = range(5)

#: Along an edge there is a corner every so many metres, for the bend to move.
STEP = 45.0
MERGE, ON_EDGE = 0.05, 0.001


@dataclass(frozen=True)
class Plots:
    """Blocks of one village (B,) on the straight plane: ring, families in it, kind, whether it has a gate, is water."""

    rings: list[Ring]
    families: NDArray[np.int64]
    kind: NDArray[np.int8]
    gated: NDArray[np.bool_]
    water: NDArray[np.bool_]


def plots(land: Land, village: int, seed: int) -> Plots:
    """The blocks of a village, numbered from the centre outward; pieces of water last."""
    facts, cell = land.villages[village], land.cells[village]
    rng = np.random.default_rng([seed, int(facts.code)])
    families = _families(facts.families, rng)
    ground = area_of(cell)
    wanted = min(WIDEST_BLOCK, ground / len(families))
    spare = ground - wanted * len(families)
    woods = round(spare / WOOD) if spare > 2 * WOOD else int(spare > LEAST_WOOD)
    # some ground a family, shared out unevenly
    sizes = (families + 40.0) ** 0.7 * rng.lognormal(0, 0.25, len(families))
    order = np.argsort(sizes, kind="stable")
    sizes, families = sizes[order] * ((ground if not woods else ground - spare) / sizes.sum()), families[order]
    rough = rng.lognormal(0, 0.3, woods)
    sizes = np.concatenate((sizes, np.sort(rough) * (spare / rough.sum()) if woods else []))
    heart = (facts.east * 800, facts.north * 800)  # the side that looks to the city
    pieces = _split(cell, sizes.tolist(), heart, rng)
    water = [ring for ring, owner in zip(land.strips, land.owner, strict=True) if owner == village]
    families = np.concatenate((families, np.zeros(woods + len(water), np.int64)))
    kind = _kinds(families, np.array([area_of(ring) for ring in pieces + water]), rng)
    gated = (kind == ESTATE) & (rng.random(len(kind)) < GATED)
    return Plots(pieces + water, families, kind, gated, np.arange(len(kind)) >= len(pieces))


def _families(total: int, rng: np.random.Generator) -> NDArray[np.int64]:
    count = max(2, round(total / MEAN_FAMILIES))
    drawn = rng.normal(MEAN_FAMILIES, SPREAD, count)
    drawn *= total / drawn.sum() if count < 30 else 1.0  # a small village keeps to its total
    return np.clip(np.round(drawn), FEWEST, MOST).astype(np.int64)


def _kinds(families: NDArray[np.int64], areas: Points, rng: np.random.Generator) -> NDArray[np.int8]:
    luck = rng.random(len(families))
    room = areas / np.maximum(families, 1)
    kind = np.where(luck < ESTATES, ESTATE, np.where(luck > 1 - FLATS, FLAT, KAMPUNG))
    kind = np.where(room > RURAL * rng.uniform(0.8, 1.3, len(families)), COUNTRY, kind)
    return np.where(families == 0, EMPTY, kind).astype(np.int8)


def _split(ring: Ring, sizes: list[float], heart: tuple[float, float], rng: np.random.Generator) -> list[Ring]:
    """As many convex parts of `ring` as there are `sizes`, in their order and proportion; the first near `heart`."""
    if len(sizes) == 1:
        return [ring]
    total, upto, first = sum(sizes), 0.0, 0
    while first < len(sizes) - 1 and (not first or upto + sizes[first] / 2 < total / 2):
        upto += sizes[first]
        first += 1
    angle = _long_axis(ring) + rng.normal(0, 0.07)
    nx, ny = cos(angle), sin(angle)
    if nx * heart[0] + ny * heart[1] > sum(nx * x + ny * y for x, y in ring) / len(ring):
        nx, ny = -nx, -ny
    offset = _offset(ring, nx, ny, upto / total)
    near, rest = cut(ring, nx, ny, offset), cut(ring, -nx, -ny, -offset)
    return _split(near, sizes[:first], heart, rng) + _split(rest, sizes[first:], heart, rng)


def _long_axis(ring: Ring) -> float:
    """The direction, radians, of the longer side of the smallest rectangle around a convex ring."""
    best, found = float("inf"), 0.0
    x, y = ring[-1]
    for x1, y1 in ring:
        length = hypot(x1 - x, y1 - y)
        if length > 1:
            ux, uy = (x1 - x) / length, (y1 - y) / length
            along = [ux * a + uy * b for a, b in ring]
            across = [ux * b - uy * a for a, b in ring]
            wide, high = max(along) - min(along), max(across) - min(across)
            if wide * high < best:
                best, found = wide * high, atan2(uy, ux) + (0 if wide >= high else pi / 2)
        x, y = x1, y1
    return found


def _offset(ring: Ring, nx: float, ny: float, share: float) -> float:
    """Where to cut so that `share` of the area lies before the cut."""
    reach = [nx * x + ny * y for x, y in ring]
    low, high, wanted = min(reach), max(reach), share * area_of(ring)
    for _ in range(16):
        middle = (low + high) / 2
        part = cut(ring, nx, ny, middle)
        if len(part) > 2 and area_of(part) > wanted:
            high = middle
        else:
            low = middle
    return (low + high) / 2


def stitch(rings: list[Ring], land: Land) -> NDArray[Any]:
    """Outlines (B,) of rings that fit together, bent, EPSG:4326, with the very same corners on shared edges.

    Where a corner of one ring lies on an edge of another, the other gets that corner too; edges are subdivided from
    the same end for both neighbours, and corners rounded to 1e-7 degree (about a centimetre).
    """
    corners = np.array([corner for ring in rings for corner in ring])
    sizes = np.array([len(ring) for ring in rings])
    ends = np.cumsum(sizes)
    following = np.arange(1, len(corners) + 1)
    following[ends - 1] = ends - sizes
    edge, node = _with_corners_on_edges(corners, following, _merged(corners))
    ring_of = np.repeat(np.arange(len(rings)), sizes)[edge]
    after = np.append(node[1:], 0)
    last = np.flatnonzero(np.append(ring_of[1:] != ring_of[:-1], True))
    after[last] = node[np.append(0, last[:-1] + 1)]
    real = node != after
    start, stop, ring_of = node[real], after[real], ring_of[real]
    points, ring_of = _subdivided(corners, start, stop, ring_of)
    degrees = np.round(land.plane.to_degrees(land.bend(points)), 7)
    fresh = np.ones(len(degrees), dtype=bool)  # rounding may have made two corners one
    fresh[1:] = (degrees[1:] != degrees[:-1]).any(1) | (ring_of[1:] != ring_of[:-1])
    return np.asarray(shapely.polygons(shapely.linearrings(degrees[fresh], indices=ring_of[fresh])))


def _merged(corners: Points) -> NDArray[np.int64]:
    """For each corner the first one in the same place: neighbours compute shared corners each in their own way."""
    points = np.asarray(shapely.points(corners))
    at, other = shapely.STRtree(points).query(points, predicate="dwithin", distance=MERGE)
    node = np.arange(len(corners))
    np.minimum.at(node, at, other)
    while (node[node] != node).any():
        node = node[node]
    return node


def _with_corners_on_edges(
    corners: Points, following: NDArray[np.int64], node: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Corners in the order in which rings pass them, others' corners on their edges included: edge and node of each.

    Edge i leads from corner i to `following[i]`. What lies on an edge is asked of corners as they were computed, for
    merging may have moved them off it.
    """
    edges = np.asarray(shapely.linestrings(np.stack((corners, corners[following]), axis=1)))
    points = np.asarray(shapely.points(corners))
    at, edge = shapely.STRtree(edges).query(points, predicate="dwithin", distance=ON_EDGE)
    inside = (node[at] != node[edge]) & (node[at] != node[following[edge]])
    at, edge = at[inside], edge[inside]
    _, once = np.unique(edge * len(corners) + node[at], return_index=True)
    at, edge = at[once], edge[once]
    part = ((corners[at] - corners[edge]) * (corners[following[edge]] - corners[edge])).sum(1)
    all_edges = np.concatenate((np.arange(len(corners)), edge))
    all_nodes = np.concatenate((node, node[at]))
    order = np.lexsort((np.concatenate((np.full(len(corners), -np.inf), part)), all_edges))
    return all_edges[order], all_nodes[order]


def _subdivided(
    corners: Points, start: NDArray[np.int64], stop: NDArray[np.int64], ring_of: NDArray[np.int64]
) -> tuple[Points, NDArray[np.int64]]:
    """Points along the edges (their stops left out), the same ones whichever way an edge is walked."""
    low, high = np.minimum(start, stop), np.maximum(start, stop)
    along = corners[high] - corners[low]
    pieces = np.maximum(1, np.ceil(np.hypot(*along.T) / STEP)).astype(np.int64)
    row = np.repeat(np.arange(len(start)), pieces)
    step = np.arange(len(row)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    step = np.where(start[row] == low[row], step, pieces[row] - step)
    points = corners[low[row]] + along[row] * (step / pieces[row])[:, None]
    points[step == pieces[row]] = corners[high[row]][step == pieces[row]]
    return points, ring_of[row]
