"""Adding what is new to the tallies: the only writer of tallies, one fold at a time, one epoch each.

Exactly once: the deltas are deleted and the tallies changed in one transaction. A fold takes the deltas its snapshot
sees, never "up to the highest id": numbers are given before transactions commit, and commit in another order.
"""

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from geo import queries

SQL = queries.load(__file__)

#: Channel on which a fold tells every process that there is a new epoch.
CHANNEL = "cakupan_epoch"

#: Most deltas taken by one fold, so that a fold stays short whatever has piled up.
MOST = 200_000


@dataclass(frozen=True)
class Folded:
    """One fold: its epoch and how many deltas it took."""

    epoch: int
    deltas: int


async def fold(db: AsyncConnection) -> Folded | None:
    """Fold what has been committed, within the caller's transaction. None: nothing to do, or another process folds."""
    if not await db.scalar(SQL["lead"]):
        return None
    row = (await db.execute(SQL["fold"], {"most": MOST})).one()
    if not row.deltas:
        return None
    await db.execute(SQL["tell"], {"channel": CHANNEL, "epoch": str(row.epoch)})
    return Folded(row.epoch, row.deltas)
