"""Third visits used up, and closings: counted once, in any order of arrival, and equal to a recount."""

import itertools
from uuid import uuid4

import pytest
from sqlalchemy import text

from app.database import Database
from geo.ground.areas import Ground
from geo.intake import closing
from geo.intake.closing import Act
from geo.intake.recount import recount
from geo.scope import OPERATOR
from tests.geo.intake.test_path import send, settle, tally
from tests.world import BLOCKS, submission

HERE = BLOCKS[0].number


async def close(db: Database, household: str) -> None:
    async with db.worker.begin() as connection:
        await closing.decide(connection, OPERATOR, household, Act(uuid4(), "absent_until_the_end"))


async def is_closed(db: Database, household: str) -> bool:
    async with db.worker.begin() as connection:
        found = await connection.scalar(
            text("SELECT closed FROM intake.household WHERE household_id = :id"), {"id": household}
        )
    return bool(found)


@pytest.mark.parametrize("result", ["partial", "not_met", "refused"])
async def test_the_third_visit_is_used_up(db: Database, ground: Ground, result: str) -> None:
    await send(db, ground, submission(1, BLOCKS[0], 1, result=result, visit=2))
    await settle(db)
    assert "spent" not in (await tally(db))[HERE]
    await send(db, ground, submission(1, BLOCKS[0], 2, result=result, visit=3))
    await settle(db)
    assert (await tally(db))[HERE]["spent"] == 1
    await send(db, ground, submission(1, BLOCKS[1], 3, result=result, visit=3))
    await settle(db)
    assert "spent" not in (await tally(db))[HERE]
    assert (await tally(db))[BLOCKS[1].number]["spent"] == 1
    await send(db, ground, submission(1, BLOCKS[1], 4, result="completed", visit=3))
    await settle(db)
    assert "spent" not in (await tally(db))[BLOCKS[1].number]


async def test_at_once(db: Database, ground: Ground) -> None:
    """Households heard of for the first time are counted by another statement."""
    await send(db, ground, *(submission(n, BLOCKS[0], 1, result="refused", visit=3) for n in range(4)))
    await send(db, ground, submission("unsaid", BLOCKS[0], 1, result="refused", visit=None))
    await settle(db)
    assert (await tally(db))[HERE] == {"refused": 5, "spent": 4, "located": 5}


STEPS = (("refused", 1), ("not_met", 2), ("refused", 3), ("completed", 3))


async def test_revisions_in_any_order(db: Database, ground: Ground) -> None:
    orders = list(itertools.permutations(range(4)))
    for step in range(4):
        rows = []
        for number, order in enumerate(orders):
            result, visit = STEPS[order[step]]
            rows.append(submission(number, BLOCKS[0], order[step] + 1, result=result, visit=visit))
        await send(db, ground, *rows)
        await settle(db)
        tops = [STEPS[max(order[: step + 1])] for order in orders]
        assert (await tally(db))[HERE].get("spent", 0) == tops.count(("refused", 3))


async def test_a_closing_stands_until_somebody_is_met(db: Database, ground: Ground) -> None:
    await send(db, ground, submission(1, BLOCKS[0], 3, result="refused", visit=3))
    await close(db, "SIM-1")
    await settle(db)
    assert (await tally(db))[HERE] == {"refused": 1, "closed": 1, "located": 1}
    await send(db, ground, submission(1, BLOCKS[0], 2, result="completed"))  # older: it was refused after that
    await send(db, ground, submission(1, BLOCKS[0], 4, result="not_met", visit=3))  # still nobody
    await settle(db)
    assert await is_closed(db, "SIM-1")
    assert (await tally(db))[HERE] == {"not_met": 1, "closed": 1, "located": 1}
    await send(db, ground, submission(1, BLOCKS[0], 5, result="completed", visit=3))
    await settle(db)
    assert not await is_closed(db, "SIM-1")
    assert (await tally(db))[HERE] == {"completed": 1, "located": 1}
    await send(db, ground, submission(1, BLOCKS[0], 6, result="refused", visit=3))  # nobody has closed that
    await settle(db)
    assert not await is_closed(db, "SIM-1")
    assert (await tally(db))[HERE] == {"refused": 1, "spent": 1, "located": 1}


async def test_somebody_met_in_between_counts_too(db: Database, ground: Ground) -> None:
    """Two later records come at once, the higher of which says refused: the closing is of what was known before."""
    await send(db, ground, submission(1, BLOCKS[0], 1, result="refused", visit=3))
    await close(db, "SIM-1")
    await send(
        db,
        ground,
        submission(1, BLOCKS[0], 2, result="partial", visit=3),
        submission(1, BLOCKS[0], 3, result="refused", visit=3),
    )
    await settle(db)
    assert not await is_closed(db, "SIM-1")
    assert (await tally(db))[HERE] == {"refused": 1, "spent": 1, "located": 1}


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE intake.household SET closed = false",
        "INSERT INTO intake.closing (closing_id, household_id, revision, number, closed, actor) "
        "VALUES (gen_random_uuid(), 'SIM-1', 1, 5, false, 1)",
        "INSERT INTO intake.delta (number, cell, day, spent, last_at) SELECT 5, 0, '2022-10-20', 1, now()",
    ],
)
async def test_the_recount_sees_what_was_closed_or_used_up_behind_its_back(
    db: Database, ground: Ground, change: str
) -> None:
    await send(db, ground, submission(1, BLOCKS[0], 1, result="refused", visit=3))
    await close(db, "SIM-1")
    await settle(db)
    async with db.worker.begin() as connection:
        await connection.execute(text(change))
    async with db.worker.connect() as connection:
        assert not (await recount(connection)).sound
