"""Uploads that arrive together: one transaction, nobody harmed by another."""

import asyncio
from collections import Counter

import pytest
from sqlalchemy import text

from app.database import Database, Logins
from app.group import LANES, MOST, Together
from geo.ground.areas import Ground
from geo.intake import batch, fold
from geo.intake.batch import Envelope, Receipt
from geo.intake.recount import recount
from tests.world import BLOCKS, submission


def envelope(actor: int = 1) -> Envelope:
    return Envelope(actor, "test", b"", 0)


async def sound(db: Database) -> None:
    while True:
        async with db.worker.begin() as connection:
            if await fold.fold(connection) is None:
                break
    async with db.worker.connect() as connection:
        assert (await recount(connection)).differences == []


async def transactions(db: Database) -> int:
    async with db.worker.connect() as connection:
        found: int = await connection.scalar(text("SELECT count(DISTINCT xmin::text) FROM intake.batch"))
    return found


def statuses(receipts: list[Receipt]) -> list[str]:
    return [r.status for r in receipts]


async def test_many_small_uploads_share_few_transactions(db: Database, ground: Ground) -> None:
    house = Together(db.worker)
    found = await asyncio.gather(
        *(house.commit(ground, envelope(n), [submission(f"{n}-{m}") for m in range(2)]) for n in range(100))
    )
    assert [statuses(f) for f in found] == [["stored"] * 2] * 100
    assert [[r.row for r in f] for f in found] == [[0, 1]] * 100
    assert await transactions(db) <= 2 * LANES
    await sound(db)


async def test_the_bound_on_rows_and_large_batches_alone(db: Database, ground: Ground) -> None:
    house = Together(db.worker)
    large = [submission(f"large-{n}", BLOCKS[n % 6]) for n in range(MOST + 1)]
    small = [[submission(f"{n}-{m}", BLOCKS[m % 6]) for m in range(MOST // 2)] for n in range(4)]
    found = await asyncio.gather(*(house.commit(ground, envelope(), rows) for rows in (large, *small)))
    assert [Counter(statuses(f)) for f in found] == [{"stored": MOST + 1}] + [{"stored": MOST // 2}] * 4
    assert await transactions(db) == 3
    await sound(db)


async def test_the_sender_names_the_enumerator(db: Database, ground: Ground) -> None:
    house = Together(db.worker)
    rows = [submission(1, enumerator="else")], [submission(2, enumerator="else")]
    await asyncio.gather(
        house.commit(ground, envelope(), rows[0], "own"), house.commit(ground, envelope(), rows[1], None)
    )
    async with db.worker.connect() as connection:
        found = await connection.execute(text("SELECT household_id, enumerator FROM intake.household"))
        assert dict(tuple(row) for row in found) == {"SIM-1": "own", "SIM-2": "else"}


async def test_a_poisoned_batch_harms_nobody_else(db: Database, ground: Ground) -> None:
    house = Together(db.worker)
    too_wide = envelope(2**40)  # the judge lets it pass, the database cannot take it

    async def send(n: int) -> list[Receipt]:
        return await house.commit(ground, too_wide if n == 5 else envelope(n), [submission(n)])

    found = await asyncio.gather(*(send(n) for n in range(12)), return_exceptions=True)
    assert isinstance(found.pop(5), Exception)
    assert [statuses(f) for f in found if isinstance(f, list)] == [["stored"]] * 11
    assert statuses(await send(5 + 12)) == ["stored"]  # the lanes go on
    await sound(db)


async def test_who_stops_waiting_disturbs_nobody(db: Database, ground: Ground) -> None:
    house = Together(db.worker)
    sent = [asyncio.create_task(house.commit(ground, envelope(n), [submission(n)])) for n in range(30)]
    await asyncio.sleep(0)
    for task in sent[10:15]:
        task.cancel()  # before it was begun
    while not house.busy:
        await asyncio.sleep(0)
    sent[0].cancel()  # while it is stored
    found = await asyncio.gather(*sent, return_exceptions=True)
    gone = {n for n, f in enumerate(found) if isinstance(f, asyncio.CancelledError)}
    assert gone == {0, *range(10, 15)}
    assert all(statuses(f) == ["stored"] for f in found if isinstance(f, list))
    await house.close()
    async with db.worker.connect() as connection:
        kept = set((await connection.execute(text("SELECT household_id FROM intake.household"))).scalars())
    assert kept == {f"SIM-{n}" for n in range(30) if n not in range(10, 15)}
    assert statuses(await house.commit(ground, envelope(), [submission(0)])) == ["duplicate"]
    await sound(db)


async def test_the_same_batch_thirty_two_times_at_once(db: Database, ground: Ground) -> None:
    house = Together(db.worker)
    rows = [submission(n, BLOCKS[n % 6], 1 + n % 3) for n in range(40)]
    found = await asyncio.gather(*(house.commit(ground, envelope(n), rows) for n in range(32)))
    assert [sum(f[n].status == "stored" for f in found) for n in range(40)] == [1] * 40
    assert {r.status for f in found for r in f} == {"stored", "duplicate"}
    await sound(db)


async def test_a_database_that_is_gone_fails_all_at_once(fresh_database: Logins, ground: Ground) -> None:
    nowhere = Database(
        Logins(fresh_database.owner, *[fresh_database.worker.replace("cakupan_worker", "nobody")] * 3), 1
    )
    house = Together(nowhere.worker)
    asked = 0
    inner = batch.commit_all

    async def counted(*given: object) -> list[list[Receipt]]:
        nonlocal asked
        asked += 1
        return await inner(*given)  # type: ignore[arg-type]  # passed on as they came

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batch, "commit_all", counted)
        found = await asyncio.gather(
            *(house.commit(ground, envelope(), [submission(n)]) for n in range(8)), return_exceptions=True
        )
    assert all(isinstance(f, Exception) for f in found)
    assert asked <= LANES
    await nowhere.close()
