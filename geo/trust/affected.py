"""After a breach: whose records went out, by whom and when, from the audit. For the duty to notify within 3 × 24 hours.

The audit says for each read of single households in which blocks they count. All households that count there or did
once, all families on the lists of those blocks, and all rows held back there are held to be affected: more than were
given out, never fewer.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from geo import queries
from geo.trust.audit import ranges

SQL = queries.load(__file__)


@dataclass(frozen=True)
class Question:
    """Which reads: `since … until`, of one account, with one credential; None leaves a bound or a choice open."""

    since: datetime
    until: datetime | None = None
    account: int | None = None
    credential: int | None = None


@dataclass(frozen=True)
class Affected:
    """`readers` has a row for each account and act; `villages` the households concerned, by where they are now.

    `blocks` are closed ranges of numbers in `edition`; reads in other editions are `elsewhere`, by edition.
    """

    readers: list[dict[str, Any]]
    villages: list[dict[str, Any]]
    blocks: list[tuple[int, int]]
    edition: str
    elsewhere: dict[str, int]

    @property
    def households(self) -> int:
        """Households that have to do with the blocks read."""
        return sum(row["households"] for row in self.villages)


async def affected(db: AsyncConnection, question: Question) -> Affected:
    """What was read, and which households that may concern. The caller's transaction sees everything."""
    of = {
        "since": question.since,
        "until": question.until,
        "account": question.account,
        "credential": question.credential,
    }
    edition: str = (await db.execute(SQL["edition"])).scalar_one()
    readers = [dict(row) for row in (await db.execute(SQL["readers"], of)).mappings()]
    seen: list[tuple[int, int]] = []
    elsewhere: dict[str, int] = {}
    for row in await db.execute(SQL["blocks"], of):
        if row.edition == edition:
            seen.append((row.first, row.last))
        else:
            elsewhere[row.edition] = elsewhere.get(row.edition, 0) + 1
    blocks = ranges(number for first, last in seen for number in range(first, last + 1))
    found = await db.execute(SQL["concerned"], _in(blocks) | {"each": False})
    villages = [{name: row[name] for name in ("village", "name", "households")} for row in found.mappings()]
    return Affected(readers, villages, blocks, edition, elsewhere)


async def households(db: AsyncConnection, found: Affected) -> AsyncIterator[tuple[str, str, str | None]]:
    """Ids of the households affected, with the codes of village and block, for the notices. Streamed.

    A row held back that names no household is `row N held back`.
    """
    async with db.stream(SQL["concerned"], _in(found.blocks) | {"each": True}) as rows:
        async for row in rows:
            yield row.household_id, row.village or "", row.block


def _in(blocks: list[tuple[int, int]]) -> dict[str, Any]:
    return {"firsts": [first for first, _ in blocks], "lasts": [last for _, last in blocks]}
