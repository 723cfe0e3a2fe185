"""Silent or unvisited: what the devices of the assigned say decides, by the campaign's clock."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text

from app.database import Database
from geo.ground import campaign
from geo.ground.areas import Ground
from geo.intake import batch, fold, heartbeats
from geo.intake.batch import Envelope
from geo.scope import OPERATOR, Scope
from geo.trust import accounts
from geo.watch import changes, coverage, gaps, live
from geo.watch.gaps import Question
from geo.watch.live import Snapshot
from tests.world import BLOCKS, NOW, submission

#: Who works where: two blocks each, the last block nobody's.
STAFF = {"siti": (BLOCKS[0], BLOCKS[1]), "budi": (BLOCKS[2], BLOCKS[3]), "wati": (BLOCKS[4],)}
BEGAN = NOW - timedelta(days=6)


async def employ(db: Database) -> dict[str, int]:
    """Accounts and assignments; the numbers of the accounts."""
    async with db.worker.begin() as connection:
        numbers = {name: await accounts.create(connection, name, None, None) for name in STAFF}
        write = text(
            "INSERT INTO ground.assignment (edition_id, code, enumerator, supervisor, starts_on) "
            "SELECT edition_id, :code, :name, 'bu rina', :began FROM ground.campaign"
        )
        for name, blocks in STAFF.items():
            for block in blocks:
                await connection.execute(write, {"code": block.code, "name": name, "began": BEGAN.date()})
    return numbers


async def say(db: Database, actor: int, queued: int, blocks: dict[str, int] | None = None, *, ago: timedelta) -> None:
    """A heartbeat of so long ago."""
    async with db.worker.begin() as connection:
        await heartbeats.store(connection, actor, "phone", queued, None, blocks)
        await connection.execute(
            text("UPDATE intake.heartbeat SET heard_at = :at WHERE actor = :actor"), {"at": NOW - ago, "actor": actor}
        )


async def send(db: Database, ground: Ground, *rows: object) -> None:
    async with db.worker.begin() as connection:
        judged = batch.judge(ground, rows)
        await batch.store(connection, ground, Envelope(1, "test", b"", 0), rows, judged)
    async with db.worker.begin() as connection:
        assert await fold.fold(connection)


async def mirror(db: Database, ground: Ground) -> Snapshot:
    async with db.worker.connect() as connection:
        return await live.load(connection, ground.campaign, ground.tree)


def said(now: Snapshot) -> dict[str, tuple[str, str]]:
    """State and reason by block."""
    everything = Question(states=coverage.STATES)
    return {b["code"]: (b["state"], b["reason"]) for b in gaps.listing(now, OPERATOR, everything, OPERATOR).blocks}


HOUR = timedelta(hours=1)


async def test_without_a_word_a_block_is_silent_and_without_assignment_unvisited(db: Database, ground: Ground) -> None:
    await employ(db)
    found = said(await mirror(db, ground))
    assert {found[b.code] for b in BLOCKS[:5]} == {("silent", "device_never")}
    assert found[BLOCKS[5].code] == ("unvisited", "nobody_assigned")


@pytest.mark.parametrize(
    ("word", "state", "why"),
    [
        ((0, None, HOUR), "unvisited", "nobody_yet"),
        ((0, None, 47 * HOUR), "unvisited", "nobody_yet"),
        ((0, None, 49 * HOUR), "silent", "device_quiet"),
        ((3, None, HOUR), "silent", "unsynced"),
        ((3, {BLOCKS[0].code: 3}, HOUR), "silent", "unsynced"),
        ((3, {BLOCKS[1].code: 3}, HOUR), "unvisited", "nobody_yet"),
        ((0, {}, HOUR), "unvisited", "nobody_yet"),
        ((0, None, 8 * 24 * HOUR), "silent", "device_never"),  # before the assignment began
    ],
)
async def test_what_a_device_says_decides(
    db: Database, ground: Ground, word: tuple[int, dict[str, int] | None, timedelta], state: str, why: str
) -> None:
    numbers = await employ(db)
    await say(db, numbers["siti"], word[0], word[1], ago=word[2])
    assert said(await mirror(db, ground))[BLOCKS[0].code] == (state, why)


async def test_what_arrives_from_one_block_is_a_word_about_the_other(db: Database, ground: Ground) -> None:
    await employ(db)
    await send(db, ground, *(submission(n, BLOCKS[0]) for n in range(50)))
    found = said(await mirror(db, ground))
    assert found[BLOCKS[0].code] == ("started", "on_course")
    assert found[BLOCKS[1].code] == ("unvisited", "nobody_yet")
    assert found[BLOCKS[2].code] == ("silent", "device_never")


async def test_an_old_word_says_nothing_once_something_has_arrived(db: Database, ground: Ground) -> None:
    numbers = await employ(db)
    await say(db, numbers["siti"], 9, ago=3 * HOUR)
    assert said(await mirror(db, ground))[BLOCKS[1].code] == ("silent", "unsynced")
    await send(db, ground, *(submission(n, BLOCKS[0]) for n in range(9)))
    assert said(await mirror(db, ground))[BLOCKS[1].code] == ("unvisited", "nobody_yet")


async def test_what_is_known_of_devices_is_told_to_those_who_answer_for_the_block(db: Database, ground: Ground) -> None:
    numbers = await employ(db)
    await say(db, numbers["siti"], 4, {BLOCKS[0].code: 1, BLOCKS[1].code: 3}, ago=2 * HOUR)
    now = await mirror(db, ground)
    lower = Scope(7, "lower", "supervisor", ((9, 11),))
    told = {b["code"]: b for b in gaps.listing(now, OPERATOR, Question(), OPERATOR).blocks}
    assert told[BLOCKS[1].code]["enumerator"] == "siti"
    assert told[BLOCKS[1].code]["supervisor"] == "bu rina"
    assert (told[BLOCKS[1].code]["queued"], told[BLOCKS[1].code]["waiting"]) == (4, 3)
    assert told[BLOCKS[1].code]["heard_at"] == NOW - 2 * HOUR
    untold = {b["code"]: b for b in gaps.listing(now, OPERATOR, Question(), lower).blocks}
    for field in ("enumerator", "supervisor", "heard_at", "queued", "waiting"):
        assert untold[BLOCKS[1].code][field] is None
    assert untold[BLOCKS[4].code]["enumerator"] == "wati"
    # A name that may not be told cannot be found out by searching for it either.
    assert {b["code"] for b in gaps.listing(now, OPERATOR, Question(words="SITI"), OPERATOR).blocks} == {
        BLOCKS[0].code, BLOCKS[1].code,
    }  # fmt: skip
    assert gaps.listing(now, OPERATOR, Question(words="siti"), lower).blocks == []
    assert gaps.listing(now, OPERATOR, Question(words="siti")).blocks == []


async def test_a_block_that_falls_silent_is_told_without_an_epoch(db: Database, ground: Ground) -> None:
    numbers = await employ(db)
    await say(db, numbers["siti"], 0, ago=HOUR)
    first = await mirror(db, ground)
    begun = first.news.at
    async with db.worker.begin() as connection:
        await campaign.save(connection, {"clock": NOW + 50 * HOUR})
        later = await campaign.load(connection)
    changed = replace(first, campaign=later)
    async with db.worker.connect() as connection:
        second = await live.hear(connection, changed)
        third = await live.hear(connection, second)
    flipped = second.flipped_blocks(begun, OPERATOR.ranges)
    assert flipped.tolist() == [BLOCKS[0].number, BLOCKS[1].number]
    assert third.flipped_blocks(second.news.at, OPERATOR.ranges).size == 0
    rows = changes.since(second, OPERATOR, second.epoch, ("block",), None, heard=begun)["areas"]
    state = 1 + changes.FIELDS.index("state")
    assert {(row[0], row[state]) for row in rows} == {
        (b.number, coverage.STATES.index("silent")) for b in (BLOCKS[0], BLOCKS[1])
    }
    assert changes.since(second, OPERATOR, second.epoch, ("block",), None)["areas"] == []
    lower = Scope(7, "lower", "supervisor", ((9, 11),))
    assert changes.since(second, lower, second.epoch, ("block",), None, heard=begun)["areas"] == []


async def test_the_newest_assignment_counts(db: Database, ground: Ground) -> None:
    await employ(db)
    before = await mirror(db, ground)
    assert before.news.enumerator(BLOCKS[0].number) == "siti"
    async with db.worker.begin() as connection:
        await connection.execute(
            text("UPDATE ground.assignment SET enumerator = 'budi' WHERE code = :code"), {"code": BLOCKS[0].code}
        )
    async with db.worker.connect() as connection:
        after = await live.hear(connection, before)
        assert (await live.hear(connection, after)).news.staff is after.news.staff  # not read anew
    assert after.news.enumerator(BLOCKS[0].number) == "budi"
