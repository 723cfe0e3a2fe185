"""One path: batch, receipts, deltas, fold, tallies; and the invariant after each step."""

import asyncio
import itertools
from collections.abc import Sequence
from datetime import date

import numpy as np
import pytest
from psycopg.errors import DeadlockDetected
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from app.database import Database, Logins
from geo.ground.areas import Ground, load_ground
from geo.intake import batch, fold
from geo.intake.batch import Envelope, Receipt
from geo.intake.recount import recount
from geo.watch import live
from tests.world import BLOCKS, FAMILIES, NOW, submission


async def send(db: Database, ground: Ground, *rows: object) -> list[Receipt]:
    judged = batch.judge(ground, rows)
    async with db.worker.begin() as connection:
        return await batch.store(connection, ground, Envelope(1, "test", b"", 0), rows, judged)


async def settle(db: Database) -> None:
    while True:
        async with db.worker.begin() as connection:
            if await fold.fold(connection) is None:
                break
    async with db.worker.connect() as connection:
        assert (await recount(connection)).differences == []


async def tally(db: Database) -> dict[int, dict[str, int]]:
    async with db.worker.begin() as connection:
        rows = (await connection.execute(text("SELECT * FROM intake.tally"))).mappings().all()
    return {r["number"]: {k: v for k, v in r.items() if k not in {"number", "last_at", "epoch"} and v} for r in rows}


def statuses(receipts: Sequence[Receipt]) -> list[str]:
    return [r.status for r in receipts]


async def test_a_batch_is_counted_once_however_often_it_is_sent(db: Database, ground: Ground) -> None:
    rows = [submission(n, BLOCKS[n % 2]) for n in range(40)]
    assert statuses(await send(db, ground, *rows)) == ["stored"] * 40
    for _ in range(3):
        assert statuses(await send(db, ground, *rows)) == ["duplicate"] * 40
    await settle(db)
    assert await tally(db) == {b.number: {"completed": 20, "located": 20} for b in BLOCKS[:2]}


async def test_a_row_twice_in_one_batch(db: Database, ground: Ground) -> None:
    row = submission(1)
    assert statuses(await send(db, ground, row, row)) == ["stored", "duplicate"]
    await settle(db)
    assert (await tally(db))[BLOCKS[0].number]["completed"] == 1


async def test_same_id_or_same_revision_with_other_content_is_a_conflict_and_the_first_counts(
    db: Database, ground: Ground
) -> None:
    await send(db, ground, submission(1))
    same_id = submission(1, result="refused")
    same_revision = submission(1, result="moved", submission_id="11111111-1111-4111-8111-111111111111")
    receipts = await send(db, ground, same_id, same_revision)
    assert statuses(receipts) == ["conflict", "conflict"]
    assert [r.reason for r in receipts] == ["CONFLICT", "CONFLICT"]
    await settle(db)
    assert await tally(db) == {BLOCKS[0].number: {"completed": 1, "located": 1}}
    async with db.worker.begin() as connection:
        kept = (await connection.execute(text("SELECT raw->>'result' FROM intake.quarantine ORDER BY 1"))).scalars()
        assert list(kept) == ["moved", "refused"]


async def test_a_retry_under_a_new_id_with_the_same_content_is_a_duplicate(db: Database, ground: Ground) -> None:
    await send(db, ground, submission(1))
    again = submission(1, submission_id="11111111-1111-4111-8111-111111111111")
    assert statuses(await send(db, ground, again)) == ["duplicate"]


HISTORY = (
    submission(7, BLOCKS[0], 1, result="not_met", captured_at="2022-10-16T23:30:00+08:00"),
    submission(7, BLOCKS[0], 2, result="completed", captured_at="2022-10-18T01:30:00+08:00"),
    submission(7, BLOCKS[4], 3, result="completed", captured_at="2022-10-20T10:00:00+08:00"),
    submission(7, BLOCKS[4], 4, result="completed", origin="new", captured_at="2022-10-21T10:00:00+08:00"),
)


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))), ids=str)
@pytest.mark.parametrize("together", [False, True], ids=["singly", "together"])
async def test_every_order_of_revisions_ends_alike(
    db: Database, ground: Ground, order: tuple[int, ...], together: bool
) -> None:
    if together:
        await send(db, ground, *(HISTORY[at] for at in order))
    else:
        for at in order:
            await send(db, ground, HISTORY[at])
            await settle(db)
    await settle(db)
    assert {n: t for n, t in (await tally(db)).items() if t} == {
        BLOCKS[4].number: {"completed": 1, "new": 1, "located": 1}
    }
    async with db.worker.begin() as connection:
        days = await connection.execute(text("SELECT number, day FROM intake.tally_day WHERE completed <> 0"))
        # the day on which `completed` was first reached, by the local calendar; the move keeps it
        assert [tuple(r) for r in days] == [(BLOCKS[4].number, date(2022, 10, 18))]
        revision = await connection.scalar(text("SELECT revision FROM intake.household"))
        assert revision == 4


async def test_a_lower_revision_that_comes_later_is_superseded(db: Database, ground: Ground) -> None:
    assert statuses(await send(db, ground, HISTORY[3])) == ["stored"]
    assert statuses(await send(db, ground, HISTORY[0], HISTORY[1])) == ["superseded", "superseded"]
    assert statuses(await send(db, ground, HISTORY[0])) == ["duplicate"]


async def test_where_a_household_counts(db: Database, ground: Ground) -> None:
    lon, lat = BLOCKS[2].at(0.5, 0.5)
    west = BLOCKS[0].west - 0.01
    receipts = await send(
        db,
        ground,
        submission("declared", BLOCKS[0], lon=lon, lat=lat),
        submission("located", BLOCKS[0], block=None, lon=lon, lat=lat),
        submission("unknown-block", block="6472030001-SIM99", lon=lon, lat=lat),
        submission("no-point", BLOCKS[1], lon=None, lat=None, accuracy_m=None),
        submission("unplaced", block=None, lon=west, lat=lat),
        submission("unknown-block-no-point", block="6472030001-SIM99", lon=None, lat=None),
    )
    assert [r.status for r in receipts] == ["stored"] * 5 + ["quarantined"]
    assert receipts[2].notices == ("UNKNOWN_BLOCK block",)
    assert receipts[5].reason == "UNKNOWN_BLOCK"
    await settle(db)
    assert await tally(db) == {
        0: {"completed": 1, "located": 1},
        BLOCKS[0].number: {"completed": 1, "located": 1},
        BLOCKS[1].number: {"completed": 1},
        BLOCKS[2].number: {"completed": 2, "located": 2},
    }
    async with db.worker.begin() as connection:
        flags = await connection.execute(text("SELECT household_id, flags FROM intake.household WHERE flags <> ''"))
        assert dict(tuple(row) for row in flags) == {
            "SIM-declared": "outside_block",
            "SIM-unknown-block": "unknown_block",
        }


async def test_thirty_two_times_at_once(db: Database, ground: Ground) -> None:
    rows = [submission(n, BLOCKS[n % 6], 1 + n % 3) for n in range(60)]

    async def once() -> list[str]:
        while True:
            try:
                return statuses(await send(db, ground, *rows))
            except OperationalError as clash:
                if not isinstance(clash.orig, DeadlockDetected):
                    raise

    found = await asyncio.gather(*(once() for _ in range(32)))
    assert [sum(f[n] == "stored" for f in found) for n in range(60)] == [1] * 60
    assert {status for f in found for status in f} == {"stored", "duplicate"}
    await settle(db)


async def test_the_mirror_equals_the_database_after_every_epoch(db: Database, ground: Ground) -> None:
    async def load() -> live.Snapshot:
        async with db.worker.connect() as connection:
            return await live.load(connection, ground.campaign, ground.tree)

    mirror = await load()
    for step in range(6):
        await send(db, ground, *(submission(f"{step}-{n}", BLOCKS[(step + n) % 6]) for n in range(9)))
        await send(db, ground, *(submission(n, BLOCKS[step], step + 1) for n in range(4)))
        await settle(db)
        async with db.worker.connect() as connection:
            mirror = await live.advance(connection, mirror)
        anew = await load()
        assert mirror.epoch == anew.epoch > 0
        np.testing.assert_array_equal(mirror.counts, anew.counts)
        for name in ("number", "key", "counts", "expected"):
            np.testing.assert_array_equal(getattr(mirror.cells, name), getattr(anew.cells, name))
            np.testing.assert_array_equal(getattr(mirror.days, name), getattr(anew.days, name))
    assert mirror.counts[:, 0].sum() == 6 * 9 + 4
    assert mirror.expected.max() == FAMILIES
    assert mirror.campaign.now() == NOW


async def test_check_sees_a_tally_that_is_off(db: Database, ground: Ground) -> None:
    await send(db, ground, submission(1), submission(2))
    await settle(db)
    for table in ("tally", "tally_cell", "tally_day"):
        async with db.worker.begin() as connection:
            await connection.execute(text(f"UPDATE intake.{table} SET completed = completed + 1"))
        async with db.worker.connect() as connection:
            found = (await recount(connection)).differences
        assert found
        assert all(d.by == {"completed": 1} for d in found)
        async with db.worker.begin() as connection:
            await connection.execute(text(f"UPDATE intake.{table} SET completed = completed - 1"))
    await settle(db)


async def test_a_connection_whose_first_batch_failed_takes_the_next(fresh_database: Logins) -> None:
    db = Database(fresh_database, 1)
    async with db.worker.begin() as connection:
        ground = await load_ground(connection)
    rows = [submission(1)]
    async with db.worker.connect() as connection:
        await batch.store(connection, ground, Envelope(1, "test", b"", 0), rows, batch.judge(ground, rows))
        await connection.rollback()
    assert statuses(await send(db, ground, *rows)) == ["stored"]
    await db.close()
