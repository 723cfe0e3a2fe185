"""The tallies mirrored in memory, in the order of the numbers, and moved on with each epoch.

Every process holds one mirror. It sees everything and answers nobody: `coverage`, `gaps` and the tiles read it through
a scope. A snapshot never changes; moving on makes a new one, so that an answer is of one epoch throughout.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.ext.asyncio import AsyncConnection

from geo import queries
from geo.ground import cells
from geo.ground.areas import Tree
from geo.ground.campaign import Campaign
from geo.schema import COUNTS
from geo.watch import news
from geo.watch.news import News

SQL = queries.load(__file__)

#: A pair's key: number above, the 37 significant bits of a cell of resolution 10 below.
_CELL_BITS = 37

#: Columns that every tally has, as `queries.arrays` takes them.
_TALLY = dict.fromkeys(COUNTS, "i4") | {"epoch": "i8"}

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]


@dataclass(frozen=True)
class Pairs:
    """Counts of (block, key) pairs, ascending by number, then key; `counts` has a row per pair, a column per count.

    `memory` keeps what depends on which pairs there are; it goes along while only counts change.
    """

    number: Ints
    key: Longs
    counts: Ints
    expected: Ints
    epoch: Longs
    memory: "OrderedDict[Any, Any]" = field(default_factory=OrderedDict, repr=False, compare=False)

    def span(self, ranges: Sequence[tuple[int, int]]) -> NDArray[np.intp]:
        """Positions of the pairs whose number lies in closed `ranges`."""
        # Bounds of the same type: for any other numpy would copy all numbers.
        bounds = [np.array((lo, hi + 1), dtype=self.number.dtype) for lo, hi in ranges if lo <= hi]
        spans = [np.arange(*np.searchsorted(self.number, both), dtype=np.intp) for both in bounds]
        return np.concatenate(spans) if spans else np.empty(0, dtype=np.intp)


@dataclass(frozen=True)
class Snapshot:
    """Everything as of one epoch. Arrays are indexed by number; `expected` is −1 where nothing is known."""

    campaign: Campaign
    tree: Tree
    epoch: int
    as_of: datetime
    expected: Ints
    counts: Ints
    last_at: NDArray[np.float64]
    changed: Longs
    cells: Pairs
    days: Pairs
    news: News
    memory: "OrderedDict[Any, Any]" = field(default_factory=OrderedDict, repr=False, compare=False)
    lasting: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)

    def remember(self, key: object, make: Any) -> Any:
        """`make()`, computed once for this snapshot. Keys carry the scope where the answer depends on it."""
        if key not in self.memory:
            self.memory[key] = make()
            while len(self.memory) > 256:
                self.memory.popitem(last=False)
        self.memory.move_to_end(key)
        return self.memory[key]

    def once(self, key: object, make: Any) -> Any:
        """`make()`, computed once for these areas and kept as the snapshots move on: for what depends on no count."""
        if key not in self.lasting:
            self.lasting[key] = make()
        return self.lasting[key]

    def changed_blocks(self, since: int, ranges: Sequence[tuple[int, int]]) -> NDArray[np.intp]:
        """Numbers of blocks in closed `ranges` whose counts changed after epoch `since`."""
        parts = [np.flatnonzero(self.changed[lo : hi + 1] > since) + lo for lo, hi in ranges]
        return np.concatenate([np.empty(0, dtype=np.intp), *parts])

    def flipped_blocks(self, after: float, ranges: Sequence[tuple[int, int]]) -> NDArray[np.intp]:
        """Numbers of blocks in closed `ranges` that fell silent, or no longer are, after a moment of `news.at`."""
        flipped = self.news.flipped if self.news.latest > after else self.news.flipped[:0]
        parts = [np.flatnonzero(flipped[lo : hi + 1] > after) + lo for lo, hi in ranges]
        return np.concatenate([np.empty(0, dtype=np.intp), *parts])


async def load(db: AsyncConnection, campaign: Campaign, tree: Tree, series: str | None = None) -> Snapshot:
    """Mirror everything, in one snapshot of the database where the caller has set one."""
    of = {"edition_id": campaign.edition_id, "series": series or campaign.series}
    expected = np.full(len(tree), -1, dtype=np.int32)
    known = await queries.arrays(db, SQL["expected"], of, {"number": "i4", "expected": "i4"})
    expected[known["number"]] = known["expected"]
    spread = await queries.arrays(db, SQL["expected_cells"], of, {"number": "i4", "cell": "i8", "expected": "i4"})
    spread.sort(order=("number", "cell"))
    nothing = np.zeros((len(spread), len(COUNTS)), dtype=np.int32)
    empty = np.empty(0, dtype=np.int64)
    blank = Snapshot(
        campaign,
        tree,
        epoch=0,
        as_of=campaign.now(),
        expected=expected,
        counts=np.zeros((len(tree), len(COUNTS)), dtype=np.int32),
        last_at=np.full(len(tree), np.nan),
        changed=np.zeros(len(tree), dtype=np.int64),
        cells=Pairs(
            spread["number"].copy(),
            spread["cell"].copy(),
            nothing,
            spread["expected"].copy(),
            np.zeros(len(spread), dtype=np.int64),
        ),
        days=Pairs(empty.astype(np.int32), empty, nothing[:0], empty.astype(np.int32), empty),
        news=news.none(len(tree)),
    )
    return await hear(db, await advance(db, blank))


async def hear(db: AsyncConnection, before: Snapshot) -> Snapshot:
    """The snapshot with the news of now. No count changes, and so no epoch; only states of blocks may."""
    found = await news.load(db, before.campaign, before.tree, before.last_at, before.news)
    same = found.latest == before.news.latest
    return replace(before, news=found, memory=before.memory if same else OrderedDict())


async def advance(db: AsyncConnection, before: Snapshot) -> Snapshot:
    """The snapshot of the newest epoch; `before` itself where there is none newer."""
    newest = (await db.execute(SQL["epoch"])).one_or_none()
    if newest is None or newest.epoch == before.epoch:
        return before
    since = {"since": before.epoch}
    blocks = await queries.arrays(db, SQL["blocks"], since, {"number": "i4", **_TALLY, "last_at": "f8"})
    counts, last_at, changed = before.counts.copy(), before.last_at.copy(), before.changed.copy()
    at = blocks["number"]
    counts[at] = _counts(blocks)
    changed[at] = blocks["epoch"]
    last_at[at] = blocks["last_at"]
    pairs = await queries.arrays(db, SQL["pairs"], since, {"number": "i4", "key": "i8", **_TALLY})
    days = await queries.arrays(db, SQL["days"], since, {"number": "i4", "key": "i8", **_TALLY})
    return replace(
        before,
        epoch=newest.epoch,
        as_of=newest.as_of,
        counts=counts,
        last_at=last_at,
        changed=changed,
        cells=_merge(before.cells, pairs, of_cells=True),
        days=_merge(before.days, days, of_cells=False),
        memory=OrderedDict(),
    )


def _packed(number: Ints | Longs, key: Longs, *, of_cells: bool) -> Longs:
    """One sortable integer per pair."""
    low = cells.feature_ids(key, 10) if of_cells else key
    return (number.astype(np.int64) << _CELL_BITS) | low


def _counts(rows: NDArray[np.void]) -> Ints:
    """The counts of tally rows, a column per count."""
    return np.column_stack([rows[name] for name in COUNTS])


def _merge(before: Pairs, rows: NDArray[np.void], *, of_cells: bool) -> Pairs:
    """Pairs with tally `rows` laid over them: known ones replaced, new ones put in place."""
    if not len(rows):
        return before
    rows.sort(order=("number", "key"))
    number, key, counts, epoch = rows["number"], rows["key"], _counts(rows), rows["epoch"]
    old = _packed(before.number, before.key, of_cells=of_cells)
    new = _packed(number, key, of_cells=of_cells)
    at = np.searchsorted(old, new)
    known = np.zeros(len(new), dtype=bool)
    inside = at < len(old)
    known[inside] = old[at[inside]] == new[inside]
    kept_counts, kept_epoch = before.counts.copy(), before.epoch.copy()
    kept_counts[at[known]] = counts[known]
    kept_epoch[at[known]] = epoch[known]
    fresh = ~known
    if not fresh.any():
        return replace(before, counts=kept_counts, epoch=kept_epoch)
    where = at[fresh]
    return Pairs(
        np.insert(before.number, where, number[fresh]),
        np.insert(before.key, where, key[fresh]),
        np.insert(kept_counts, where, counts[fresh], axis=0),
        np.insert(before.expected, where, 0),
        np.insert(kept_epoch, where, epoch[fresh]),
    )
