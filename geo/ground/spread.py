"""How many families to expect in each cell of a block: whole numbers that add up to the block exactly.

The expected families of a block are known; where in the block they live is not. They are spread over its H3 cells of
resolution 10 by residential footprints where those are known, else by area, which is a guess and marked so.

Shares are fractions and families are not. They are rounded by largest remainder, resolution by resolution from coarse
to fine: first among the coarsest cells of the block, then each cell's families among its children, ties to the lower
cell. So every sum upward is exact, and a coarse cell holds its fair share. Rounded among the finest cells at once, a
forest village of 400 families and 30,000 equal cells would put them all into the 400 cells with the lowest numbers.

Geometries are (multi)polygons in EPSG:4326, valid. Areas are compared within a block only, in square degrees. No
database here.
"""

from typing import NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray

from geo.errors import BadInput
from geo.ground import cells
from geo.ground.locate import Geometries, Progress, checked, refine

Families = NDArray[np.int32]

_BATCH = 128  # blocks taken together: the largest villages have 60,000 cells, so memory stays below a gigabyte


class Spread(NamedTuple):
    """Families by (block, cell of resolution 10), by block, then cell; pairs without families are left out.

    `blocks` int32 (n,) places in what was given, `cells` int64 (n,), `families` int32 (n,), all above 0.
    """

    blocks: NDArray[np.int32]
    cells: cells.Cells
    families: Families


def by_area(geometry: shapely.Polygon | shapely.MultiPolygon, expected: int) -> tuple[cells.Cells, Families]:
    """Spread the `expected` families of one block by area: its cells of resolution 10, ascending, and families there.

    Raises `BadInput` as `spread_blocks` does.
    """
    found = spread_blocks(np.array([geometry], dtype=object), np.array([expected]))
    return found.cells, found.families


def by_points(
    lon: cells.Degrees, lat: cells.Degrees, weights: NDArray[np.float64], expected: int
) -> tuple[cells.Cells, Families]:
    """Spread the `expected` families of one block by its residential footprints: cells, ascending, and families there.

    Raises `BadInput` as `spread_points` does.
    """
    found = spread_points(np.zeros(len(lon), np.int32), lon, lat, weights, np.array([expected]))
    return found.cells, found.families


def spread_points(
    blocks: NDArray[np.integer],
    lon: cells.Degrees,
    lat: cells.Degrees,
    weights: NDArray[np.float64],
    expecteds: NDArray[np.integer],
) -> Spread:
    """Spread the families of many blocks by residential footprints: all arrays (n,) but `expecteds` (blocks,).

    `blocks` says in which place of `expecteds` (whole numbers) each footprint's block stands; `lon` and `lat` are
    degrees; a weight is the ground a house covers, or 1. Cells are found as for households: the point at resolution 15,
    then its parent. The families of a block sum to its expected number exactly. Raises `BadInput` for a negative count,
    for weights that are no finite numbers from 0 up, and where families are expected but no footprint carries weight.
    """
    shares, owner = np.asarray(weights, np.float64), np.asarray(blocks, np.int32)
    if not shares.shape == owner.shape == np.shape(lon) or not (np.isfinite(shares).all() and (shares >= 0).all()):
        raise BadInput("every footprint needs a finite weight of 0 or more")
    expected = _count(expecteds)
    fine = cells.parents(cells.index(lon, lat, cells.HOUSEHOLD), cells.TALLY)
    held = shares > 0
    return _apportion(owner[held], fine[held], shares[held], expected)


def spread_blocks(
    geometries: Geometries, expecteds: NDArray[np.integer], *, progress: Progress | None = None
) -> Spread:
    """Spread the families of many blocks by area: `geometries` (n,), `expecteds` (n,) whole numbers.

    The families of a block sum to its expected number exactly. Raises `BadInput` for a negative count, for what is no
    polygon, and where families are expected in a block without area.
    """
    expected = _count(expecteds)
    blocks = checked(geometries)
    if len(blocks) != len(expected):
        raise BadInput("every block needs a number of expected families")
    wanted = np.flatnonzero(expected > 0)
    parts = [Spread(np.empty(0, np.int32), np.empty(0, np.int64), np.empty(0, np.int32))]
    for first in range(0, len(wanted), _BATCH):
        batch = wanted[first : first + _BATCH]
        owner, cell, weight = _areas(blocks[batch])
        part = _apportion(owner, cell, weight, expected[batch])
        parts.append(part._replace(blocks=batch[part.blocks].astype(np.int32)))
        if progress:
            progress(min(first + _BATCH, len(wanted)), len(wanted))
    return Spread(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _count(expecteds: NDArray[np.integer]) -> NDArray[np.int64]:
    """Expected families as int64. Raises `BadInput` for fractions and negative numbers."""
    given = np.asarray(expecteds)
    if given.size and (not np.issubdtype(given.dtype, np.integer) or given.min() < 0):
        raise BadInput("expected families are whole numbers of 0 or more")
    return given.astype(np.int64)


def _areas(blocks: Geometries) -> tuple[NDArray[np.int32], cells.Cells, NDArray[np.float64]]:
    """Cells of resolution 10 of each block with their area inside it: block, cell, square degrees.

    Cells near a boundary are cut; those inside count as whole ones, as large as the block's cut ones are on average
    before the cut, so that equal cells weigh exactly the same.
    """
    refined = refine(blocks, cells.TALLY)
    cut, where = np.unique(refined.near.cells, return_inverse=True)
    outlines = cells.boundaries(cut)
    owner = refined.near.blocks
    part = shapely.area(shapely.intersection(outlines[where], blocks[owner]))
    summed = np.bincount(owner, shapely.area(outlines)[where], len(blocks))
    whole = summed / np.maximum(np.bincount(owner, minlength=len(blocks)), 1)
    inner, holder = _descendants(refined.inside.cells, refined.inside.blocks)
    held = part > 0
    return (
        np.concatenate([owner[held], holder]).astype(np.int32),
        np.concatenate([refined.near.cells[held], inner]),
        np.concatenate([part[held], whole[holder]]),
    )


def _descendants(mixed: cells.Cells, owner: NDArray[np.intp]) -> tuple[cells.Cells, NDArray[np.intp]]:
    """All cells of resolution 10 under cells of any coarser resolution, with the owner of each."""
    level = cells.resolution(mixed)
    found, owners = mixed[:0], owner[:0]
    for resolution in range(cells.TALLY + 1):
        now = level == resolution
        found, owners = np.concatenate([found, mixed[now]]), np.concatenate([owners, owner[now]])
        if resolution < cells.TALLY:
            found, place = cells.children(found, resolution)
            owners = owners[place]
    return found, owners


def _apportion(
    blocks: NDArray[np.int32], fine: cells.Cells, weights: NDArray[np.float64], expected: NDArray[np.int64]
) -> Spread:
    """Share out `expected` families of each block over its cells of resolution 10 in proportion to their weights.

    A cell may stand several times; what it weighs is the sum. Every weight is above 0.
    """
    order = np.lexsort((fine, blocks))
    blocks, fine, weights = blocks[order], fine[order], weights[order]
    got = np.bincount(blocks, minlength=len(expected))
    if ((expected > 0) & (got == 0)).any():
        raise BadInput("families are expected in a block without area, or without a footprint")
    group, given, total = blocks.astype(np.intp), expected, np.bincount(blocks, weights, len(expected)).astype(float)
    for resolution in range(cells.COARSEST, cells.TALLY + 1):
        level = cells.parents(fine, resolution)
        new = np.concatenate(([True], (level[1:] != level[:-1]) | (blocks[1:] != blocks[:-1])))
        heads = np.flatnonzero(new) if len(fine) else np.empty(0, np.intp)
        weight = np.add.reduceat(weights, heads) if len(heads) else weights
        above = group[heads]
        given = _largest_remainder(above, given, weight / total[above])
        group, total = np.cumsum(new)[: len(fine)] - 1, weight
    some = heads[given > 0]
    return Spread(blocks[some], fine[some], given[given > 0].astype(np.int32))


def _largest_remainder(
    group: NDArray[np.intp], given: NDArray[np.int64], share: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Whole parts of what each group is `given`, by `share` of the group; ties go to the part that stands first.

    Parts of a group stand together. Shares of a group sum to 1.
    """
    quota = given[group] * share
    parts = np.floor(quota).astype(np.int64)
    missing = given - np.bincount(group, parts, len(given)).astype(np.int64)
    # Remainders that differ by rounding alone are ties.
    remainder = np.round(quota - parts, 9)
    order = np.lexsort((-remainder, group))
    place = np.arange(len(group)) - np.searchsorted(group, group)
    parts[order] += place < missing[group]
    return parts
