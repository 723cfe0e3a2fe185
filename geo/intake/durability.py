"""Whether what the database acknowledges survives a power cut. Killing processes cannot show it; its settings do."""

from sqlalchemy.ext.asyncio import AsyncConnection

from geo import queries

SQL = queries.load(__file__)


async def wanting(db: AsyncConnection) -> list[str]:
    """Settings that must be on and are not."""
    return list((await db.execute(SQL["wanting"])).scalars())
