"""Adding what is new to the tallies: the only writer of tallies, one fold at a time, one epoch each.

Exactly once: the deltas are deleted and the tallies changed in one transaction. A fold takes the deltas its snapshot
sees, never "up to the highest id": numbers are given before transactions commit, and commit in another order.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import psycopg
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


async def epochs(address: str, every: float) -> AsyncIterator[None]:
    """Yield whenever some process has folded, and every so many seconds in any case. Keeps a connection of its own.

    `address` is a plain `postgresql://` address. Raises psycopg's errors when the server goes away.
    """
    connection = await psycopg.AsyncConnection.connect(address, autocommit=True)
    async with connection:
        await connection.execute(f"LISTEN {CHANNEL}")
        while True:
            async for _ in connection.notifies(timeout=every, stop_after=1):
                pass
            yield


async def fold(db: AsyncConnection) -> Folded | None:
    """Fold what has been committed, within the caller's transaction. None: nothing to do, or another process folds."""
    if not await db.scalar(SQL["lead"]):
        return None
    row = (await db.execute(SQL["fold"], {"most": MOST})).one()
    if not row.deltas:
        return None
    await db.execute(SQL["tell"], {"channel": CHANNEL, "epoch": str(row.epoch)})
    return Folded(row.epoch, row.deltas)
