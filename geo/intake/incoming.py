"""The table `incoming`: rows of one or several batches on their way in, sent in one binary COPY."""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import tzinfo
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from geo import queries
from geo.intake.copying import HEAD, TAIL
from geo.intake.placing import Placed

SQL = queries.load(__file__)

#: Columns of the table and how each is sent.
COLUMNS = {
    "place": "int4",
    "row": "int4",
    "batch_id": "uuid",
    "actor": "int4",
    "submission_id": "uuid",
    "household_id": "text",
    "revision": "int4",
    "block": "text",
    "number": "int4",
    "located": "int4",
    "lon": "float8",
    "lat": "float8",
    "cell": "int8",
    "accuracy_m": "float4",
    "captured_at": "timestamptz",
    "day": "date",
    "result": "text",
    "origin": "text",
    "visit": "int2",
    "revisit_at": "timestamptz",
    "welfare": "int2",
    "started_at": "timestamptz",
    "finished_at": "timestamptz",
    "enumerator": "text",
    "flags": "text",
    "digest": "bytea",
}
_QUOTED = ", ".join('"' + column + '"' for column in COLUMNS)
_COPY = f"COPY incoming ({_QUOTED}) FROM STDIN (FORMAT BINARY)"

#: Rows above which the planner is told how many there are; below, its guess for a table of a few pages is good.
_MANY = 2000

_MESSAGE = 1 << 18


async def bring(
    db: AsyncConnection, zone: tzinfo, batches: Iterable[tuple[UUID, int, Sequence[Placed]]], *, place: int = 0
) -> int:
    """Bring rows to the database: a batch's id, its actor and its placed rows. Gives how many rows there are then.

    Rows are numbered through all batches in `place`, from the number of those brought before by `bring_packed`. `zone`
    is that of the campaign, for the local day.
    """
    if not place:
        await _empty(db)
    full = []
    async with _copy(db) as copy:
        copy.set_types(list(COLUMNS.values()))
        write = copy.formatter.write_row  # without a wait for each row; gives the bytes of rows that filled its buffer
        for batch_id, actor, placed in batches:
            for p in placed:
                s = p.submission
                full.append(
                    write(
                        (
                            place, s.row, batch_id, actor, s.submission_id, s.household_id, s.revision, s.block,
                            p.number, p.located, s.lon, s.lat, p.cell, s.accuracy_m, s.captured_at,
                            s.captured_at.astimezone(zone).date(), s.result, s.origin, s.visit, s.revisit_at, s.welfare,
                            s.started_at, s.finished_at, s.enumerator, p.flags, s.digest(),
                        )
                    )
                )  # fmt: skip
                place += 1
        await copy.write(b"".join(full))
    return place


async def bring_packed(db: AsyncConnection, rows: memoryview) -> None:
    """Bring rows that were packed, by `copying.packed` with COLUMNS, as the first ones."""
    await _empty(db)
    async with _copy(db) as copy:
        await copy.write(HEAD)
        for first in range(0, len(rows), _MESSAGE):
            await copy.write(bytes(rows[first : first + _MESSAGE]))
        await copy.write(TAIL)


async def tell_how_many(db: AsyncConnection, rows: int) -> None:
    """Tell the planner how many rows were brought, where it would not guess so. A glance is enough."""
    if rows > _MANY:
        await db.execute(SQL["glance"])
        await db.execute(SQL["look"])


async def _empty(db: AsyncConnection) -> None:
    await db.execute(SQL["incoming"])
    await db.execute(SQL["clear"])


@asynccontextmanager
async def _copy(db: AsyncConnection) -> AsyncIterator[Any]:
    raw = await db.get_raw_connection()
    driver: Any = raw.driver_connection
    async with driver.cursor() as cursor, cursor.copy(_COPY) as copy:
        yield copy
