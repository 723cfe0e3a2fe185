"""Assignments: who works where, by code; rows that cannot be meant are listed and left out."""

from datetime import date

import pytest
from sqlalchemy import text

from app.database import Database
from geo.errors import BadInput, NotFound
from geo.ground import assignments
from geo.ground.sources import Table
from tests.world import BLOCKS, EDITION, VILLAGES

STARTS = date(2022, 10, 15)
CODES = [block.code for block in BLOCKS]


def table(columns: str, *lines: str) -> Table:
    names = columns.split(",")
    return Table(names, [dict(zip(names, [c or None for c in line.split(",")], strict=True)) for line in lines], [])


async def store(db: Database, given: Table, starts_on: date = STARTS, **columns: str) -> assignments.Imported:
    async with db.worker.begin() as connection:
        return await assignments.store(connection, EDITION, given, starts_on=starts_on, columns=columns)


async def kept(db: Database) -> list[tuple[object, ...]]:
    async with db.worker.connect() as connection:
        found = await connection.execute(
            text("SELECT code, enumerator, supervisor, starts_on FROM ground.assignment ORDER BY code")
        )
        return [tuple(row) for row in found]


async def test_who_works_where(db: Database) -> None:
    done = await store(
        db, table("block,enumerator,supervisor", f"{CODES[0]},sari,budi", f"{CODES[1]},sari,budi", f"{CODES[2]},adi,")
    )
    assert (done.blocks, done.enumerators, done.supervisors) == (3, {"sari", "adi"}, {"budi"})
    assert (done.left_out, done.unassigned) == ([], 3)
    assert await kept(db) == [
        (CODES[0], "sari", "budi", STARTS), (CODES[1], "sari", "budi", STARTS), (CODES[2], "adi", None, STARTS),
    ]  # fmt: skip


async def test_only_the_blocks_named_change(db: Database) -> None:
    await store(db, table("idsubsls,PPL,PML", f"{CODES[0]},sari,budi", f"{CODES[1]},sari,budi"))
    later = date(2022, 10, 20)
    done = await store(db, table("kode,ppl", f"{CODES[1]},adi"), later)
    assert (done.blocks, done.supervisors, done.unassigned) == (1, set(), 4)
    assert await kept(db) == [(CODES[0], "sari", "budi", STARTS), (CODES[1], "adi", None, later)]


async def test_rows_that_cannot_be_meant_are_listed(db: Database) -> None:
    done = await store(
        db,
        table(
            "block,enumerator,supervisor",
            f"{CODES[0]},sari,budi",
            f"{CODES[1]},sari,budi",
            "9999999999-X,sari,budi",
            f"{VILLAGES[0]},sari,budi",
            ",sari,budi",
            f"{CODES[1]},adi,budi",
            f"{CODES[2]},,budi",
            f"{CODES[3]},6472031205900001,budi",
            f"{CODES[4]},sari,{'x' * 65}",
        ),
    )
    assert [code for code, *_ in await kept(db)] == [CODES[0]]
    assert done.left_out == [
        (2, CODES[1], "the code stands in several rows"),
        (3, "9999999999-X", "no block of the edition has this code"),
        (4, VILLAGES[0], "is a village with blocks below it: only its blocks can be named"),
        (5, "", "no code"),
        (6, CODES[1], "the code stands in several rows"),
        (7, CODES[2], "no enumerator"),
        (8, CODES[3], "a name holds what looks like a national number: give account names"),
        (9, CODES[4], "a name has 1 to 64 printable characters"),
    ]
    assert done.unassigned == 5


async def test_columns_of_other_names(db: Database) -> None:
    given = table("wilayah,nama,ketua", f"{CODES[0]},sari,budi")
    for named in ({}, {"code": "wilayah"}, {"code": "wilayah", "enumerator": "nama", "supervisor": "kepala"}):
        with pytest.raises(BadInput, match="-column"):
            await store(db, given, **named)
    done = await store(db, given, code="wilayah", enumerator="nama", supervisor="ketua")
    assert done.supervisors == {"budi"}


async def test_an_edition_that_is_not_there(db: Database) -> None:
    async with db.worker.begin() as connection:
        with pytest.raises(NotFound):
            await assignments.store(connection, "1999", table("block,ppl", f"{CODES[0]},sari"), starts_on=STARTS)
