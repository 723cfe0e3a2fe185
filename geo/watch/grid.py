"""Sums by H3 cell: from the pairs of one scope, in the order of the cells.

A cell's descendants are neighbours in the order of the feature ids of resolution 10, at every coarser resolution: so
one sorting of a scope's pairs serves them all, and the figures of a tile's cells cost what lies in the tile. The
sorting holds as long as no pair is added; counts change far more often.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo.ground import cells
from geo.schema import COUNTS
from geo.scope import Scope
from geo.watch.live import Snapshot

Longs = NDArray[np.int64]

#: Scopes whose pairs are kept sorted at once.
MOST_SORTED = 32


@dataclass(frozen=True)
class CellSums:
    """Sums over the pairs of each cell, in rows, ascending by feature id.

    `expected` is −1 where no block of the cell has known expected families; `apart` is the part of `counts` that comes
    from blocks without.
    """

    ids: Longs
    expected: Longs
    counts: Longs
    apart: Longs


def sums(live: Snapshot, scope: Scope, resolution: int, within: int = 0, only: Longs | None = None) -> CellSums:
    """Sums by cell of `resolution` over what lies in the scope and inside `within` (0: everywhere).

    With `only`, ascending feature ids, of those cells alone. Cells without any pair do not come.
    """
    ids, at = _sorted(live, _ranges(live, scope, within))
    shift = 3 * (cells.TALLY - resolution)
    if only is not None:
        places = _spans(np.searchsorted(ids, only << shift), np.searchsorted(ids, (only + 1) << shift))
        ids, at = ids[places], at[places]
    mine = ids >> shift
    begins = np.flatnonzero(np.diff(mine, prepend=-1))
    counts = live.cells.counts[at].astype(np.int64)
    sure = live.expected[live.cells.number[at]] >= 0
    known = _added(sure, begins) > 0
    expected = np.where(known, _added(live.cells.expected[at], begins), -1)
    apart = np.zeros((len(begins), len(COUNTS)), dtype=np.int64)
    if not sure.all():
        apart = _added(np.where(sure[:, None], 0, counts), begins)
    return CellSums(mine[begins], expected, _added(counts, begins), apart)


def changed(live: Snapshot, scope: Scope, resolution: int, since: int, within: int = 0) -> Longs:
    """Feature ids of the cells whose sums may have changed after epoch `since`, ascending."""
    at = live.cells.span(_ranges(live, scope, within))
    moved = at[live.cells.epoch[at] > since]
    found: Longs = np.unique(cells.feature_ids(live.cells.key[moved], cells.TALLY) >> 3 * (cells.TALLY - resolution))
    return found


def centres(live: Snapshot, ids: Longs, resolution: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Longitude and latitude of the centre of each cell, degrees. Those asked for before are remembered."""
    empty = np.empty(0)
    known, lon, lat = live.lasting.get(("centres", resolution), (np.empty(0, dtype=np.int64), empty, empty))
    at = np.searchsorted(known, ids)
    missing = np.ones(len(ids), dtype=bool)
    inside = at < len(known)
    missing[inside] = known[at[inside]] != ids[inside]
    if missing.any():
        more = cells.centres(cells.from_feature_ids(ids[missing], resolution))
        at = at[missing]
        known, lon, lat = np.insert(known, at, ids[missing]), np.insert(lon, at, more[0]), np.insert(lat, at, more[1])
        live.lasting["centres", resolution] = known, lon, lat
        at = np.searchsorted(known, ids)
    return lon[at], lat[at]


def _ranges(live: Snapshot, scope: Scope, within: int) -> list[tuple[int, int]]:
    return scope.clip(within, int(live.tree.last[within]) if within else len(live.tree) - 1)


def _sorted(live: Snapshot, ranges: list[tuple[int, int]]) -> tuple[Longs, NDArray[np.intp]]:
    """Feature ids of resolution 10 of the pairs in ranges of numbers, ascending, and where each stands."""
    memory, key = live.cells.memory, tuple(ranges)
    if key not in memory:
        at = live.cells.span(ranges)
        ids = cells.feature_ids(live.cells.key[at], cells.TALLY)
        by_id = np.argsort(ids, kind="stable")  # cells of a block are neighbours already: runs that need only be merged
        memory[key] = ids[by_id], at[by_id]
        while len(memory) > MOST_SORTED:
            memory.popitem(last=False)
    memory.move_to_end(key)
    order: tuple[Longs, NDArray[np.intp]] = memory[key]
    return order


def _spans(first: NDArray[np.intp], after: NDArray[np.intp]) -> NDArray[np.intp]:
    """All places `first … after - 1` of many spans, behind each other."""
    many = after - first
    ends = np.cumsum(many)
    places: NDArray[np.intp] = np.repeat(first - (ends - many), many) + np.arange(int(ends[-1]) if len(ends) else 0)
    return places


def _added(values: NDArray[Any], begins: NDArray[np.intp]) -> Longs:
    """Sums of the rows from each of `begins` to the next."""
    if not len(begins):
        return np.zeros((0, *values.shape[1:]), dtype=np.int64)
    added: Longs = np.add.reduceat(values, begins, axis=0, dtype=np.int64)
    return added
