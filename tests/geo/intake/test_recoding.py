"""Correcting a code while devices go on sending: nothing is lost, and nothing counts twice, whoever is first."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database import Database
from geo.ground.areas import Ground
from geo.intake import batch, fold, recoding, reviews
from geo.intake.batch import Envelope
from geo.intake.recoding import Miscoded, Recoded
from geo.intake.recount import recount
from geo.intake.reviews import Act, Subject
from geo.scope import OPERATOR
from tests.world import BLOCKS, submission

DECLARED, LIE = BLOCKS[2], BLOCKS[1]
MANY = 12
NAME = "code.7.6.0123456789ab"

Row = dict[str, Any]


def miscoded(n: int, revision: int = 1, **changes: object) -> Row:
    """A record under the code of one block that lies in another."""
    lon, lat = LIE.at(0.3 + n % 4 * 0.1, 0.2 + n // 4 * 0.1)
    return submission(f"m{n}", DECLARED, revision, lon=lon, lat=lat, enumerator="joko", **changes)


def found() -> Miscoded:
    return Miscoded(NAME, DECLARED.number, [f"SIM-m{n}" for n in range(MANY)])


async def send(db: Database, ground: Ground, *rows: Row) -> list[str]:
    judged = batch.judge(ground, rows)
    return [r.status for r in await batch.commit(db.worker, ground, Envelope(1, "test", b"", 0), rows, judged)]


async def recode(db: Database, ground: Ground, review: UUID | None = None) -> Recoded:
    act = Act(review or uuid4(), "accepted")

    async def work(connection: AsyncConnection) -> Recoded:
        await reviews.decide(connection, OPERATOR, Subject("proposal", f"{NAME}~{MANY}", DECLARED.number), act)
        return await recoding.recode(connection, ground, OPERATOR, found(), act.review_id)

    return await batch.committed(db.worker, work)


async def sound(db: Database) -> dict[int, int]:
    """Completed families by block, after folding and a recount that finds no difference."""
    async with db.worker.begin() as connection:
        while await fold.fold(connection) is not None:
            pass
    async with db.worker.connect() as connection:
        assert (await recount(connection)).differences == []
    async with db.worker.begin() as connection:
        rows = await connection.execute(text("SELECT number, completed FROM intake.tally WHERE completed <> 0"))
        return {row.number: row.completed for row in rows}


async def stored(db: Database, n: int) -> list[tuple[int, str]]:
    """Revisions of a household and the block each names."""
    async with db.worker.begin() as connection:
        asked = text("SELECT revision, block FROM intake.submission WHERE household_id = :id ORDER BY 1")
        return [(row.revision, row.block) for row in await connection.execute(asked, {"id": f"SIM-m{n}"})]


async def test_open_families_are_left_to_their_device(db: Database, ground: Ground) -> None:
    results = ("completed", "moved", "deceased", "ineligible", "not_found", "partial", "refused", "not_met")
    await send(db, ground, *(miscoded(n, result=result) for n, result in enumerate(results)))
    assert await recode(db, ground) == Recoded(corrected=5, left=3)
    assert await sound(db) == {LIE.number: 1}
    assert await recode(db, ground) == Recoded(corrected=0, left=3)
    # a next visit counts as if nothing had been
    assert await send(db, ground, miscoded(7, 2, visit=2)) == ["stored"]
    assert await sound(db) == {LIE.number: 1, DECLARED.number: 1}


async def test_what_a_device_sent_a_moment_before_is_corrected_and_not_met(db: Database, ground: Ground) -> None:
    await send(db, ground, *(miscoded(n) for n in range(3)))
    right = miscoded(1, 2) | {"block": LIE.code}
    rows = [miscoded(0, 2, welfare=1), right]
    async with db.worker.begin() as connection:
        judged = batch.judge(ground, rows)
        await batch.store(connection, ground, Envelope(1, "test", b"", 0), rows, judged)
        waiting = asyncio.create_task(recode(db, ground))
        await asyncio.sleep(0.2)
        assert not waiting.done()
    assert await waiting == Recoded(corrected=2, left=0)
    assert await stored(db, 0) == [(1, DECLARED.code), (2, DECLARED.code), (3, LIE.code)]
    assert await stored(db, 1) == [(1, DECLARED.code), (2, LIE.code)]
    assert await sound(db) == {LIE.number: 3}


async def test_the_same_decision_twice_at_once_corrects_once(db: Database, ground: Ground) -> None:
    await send(db, ground, *(miscoded(n) for n in range(MANY)))
    review = uuid4()
    assert await asyncio.gather(*(recode(db, ground, review) for _ in range(3))) == [Recoded(MANY, 0)] * 3
    assert await recode(db, ground, review) == Recoded(MANY, 0)
    both = await asyncio.gather(*(recode(db, ground) for _ in range(2)))
    assert both == [Recoded(0, 0)] * 2
    assert await sound(db) == {LIE.number: MANY}


async def test_devices_and_a_decision_at_the_same_time(db: Database, ground: Ground) -> None:
    """Whoever is first: each record is kept or held for a person, the highest revision counts, tallies are sound."""
    await send(db, ground, *(miscoded(n) for n in range(MANY)))
    for turn in range(2):
        revision = max([top for n in range(MANY) for top, _ in await stored(db, n)]) + 1
        batches = [[miscoded(n, revision, welfare=turn % 3 + 1) for n in range(at, MANY, 3)] for at in range(3)]
        said = await asyncio.gather(*(send(db, ground, *rows) for rows in batches), recode(db, ground))
        statuses = [status for some in said[:-1] for status in some]
        assert set(statuses) <= {"stored", "superseded", "conflict"}
        async with db.worker.begin() as connection:
            held = await connection.scalar(text("SELECT count(*) FROM intake.quarantine WHERE reason = 'CONFLICT'"))
            tops = await connection.scalar(
                text(
                    "SELECT count(*) FROM intake.household h WHERE revision = (SELECT max(revision) FROM "
                    "intake.submission s WHERE s.household_id = h.household_id)"
                )
            )
        assert tops == MANY
        assert held >= statuses.count("conflict")
        assert sum((await sound(db)).values()) == MANY
    await recode(db, ground)
    assert await sound(db) == {LIE.number: MANY}
