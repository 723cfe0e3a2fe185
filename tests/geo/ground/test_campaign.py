"""The campaign's clock: real, standing where a simulation put it, or running faster than life; the same in SQL."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from app.database import Database
from geo.errors import Refused
from geo.ground import campaign
from geo.ground.areas import Ground
from geo.intake.batch import Envelope, commit, judge
from geo.intake.fold import fold
from tests import world

MIDNIGHT = datetime(2022, 10, 25, 15, 59, tzinfo=UTC)  # 23:59 in Makassar


async def clocks(db: Database) -> tuple[datetime, datetime]:
    """What the clock shows in SQL and in Python, in one transaction."""
    async with db.worker.begin() as connection:
        shown = (await connection.execute(text("SELECT ground.now()"))).scalar_one()
        found = await campaign.load(connection)
        real = (await connection.execute(text("SELECT now()"))).scalar_one()
        return shown, found.now() - (datetime.now(UTC) - real) * found.clock_speed


async def test_a_clock_stands_where_it_was_put(db: Database) -> None:
    assert await clocks(db) == (world.NOW, world.NOW)


async def test_a_clock_runs_as_fast_as_it_is_told_in_sql_and_in_python(db: Database) -> None:
    async with db.worker.begin() as connection:
        assert await campaign.set_clock(connection, MIDNIGHT, 3600.0) == MIDNIGHT
        await connection.execute(text("UPDATE ground.campaign SET clock_at = clock_at - interval '10 seconds'"))
    in_sql, in_python = await clocks(db)
    assert timedelta(hours=10) <= in_sql - MIDNIGHT < timedelta(hours=40)
    assert abs(in_sql - in_python) < timedelta(seconds=60), "a sixtieth of a real second"


async def test_the_day_moves_by_itself(db: Database) -> None:
    async with db.worker.begin() as connection:
        await campaign.set_clock(connection, MIDNIGHT, 60.0)
        assert (await campaign.load(connection)).elapsed() == 11
        await connection.execute(text("UPDATE ground.campaign SET clock_at = clock_at - interval '2 seconds'"))
        assert (await campaign.load(connection)).elapsed() == 12


async def test_another_speed_makes_no_jump(db: Database) -> None:
    async with db.worker.begin() as connection:
        await campaign.set_clock(connection, MIDNIGHT, 60.0)
    async with db.worker.begin() as connection:
        shown = await campaign.set_clock(connection, None)
    assert MIDNIGHT <= shown < MIDNIGHT + timedelta(minutes=30)
    assert await clocks(db) == (shown, shown)


async def test_nobody_sets_the_clock_of_a_real_campaign(db: Database) -> None:
    async with db.worker.begin() as connection:
        await connection.execute(text("UPDATE ground.campaign SET clock = NULL, simulated = false"))
        with pytest.raises(Refused):
            await campaign.set_clock(connection, MIDNIGHT)
        real = (await connection.execute(text("SELECT ground.now() = now()"))).scalar_one()
        assert real
        assert abs((await campaign.load(connection)).now() - datetime.now(UTC)) < timedelta(seconds=5)


async def test_a_clock_that_is_set_by_command_stands(db: Database) -> None:
    async with db.worker.begin() as connection:
        await campaign.set_clock(connection, MIDNIGHT, 60.0)
        found = await campaign.save(connection, {"clock": world.NOW})
    assert (found.clock, found.clock_at, found.clock_speed) == (world.NOW, None, 0.0)


async def test_the_clock_changes_no_fingerprint(db: Database) -> None:
    async with db.worker.begin() as connection:
        before = await campaign.fingerprint(connection)
        await campaign.set_clock(connection, MIDNIGHT, 60.0)
        assert await campaign.fingerprint(connection) == before
        await campaign.save(connection, {"name": "another"})
        assert await campaign.fingerprint(connection) != before


async def test_what_arrives_bears_the_time_of_the_campaign(db: Database, ground: Ground) -> None:
    rows: list[object] = [world.submission(1), world.submission(2, lon=0.0)]
    await commit(db.worker, ground, Envelope(0, "test", b"", 0), rows, judge(ground, rows))
    async with db.worker.begin() as connection:
        await fold(connection)
        for of in ("received_at FROM intake.submission", "received_at FROM intake.batch", "as_of FROM intake.epoch",
                   "received_at FROM intake.quarantine", "last_at FROM intake.tally"):  # fmt: skip
            assert (await connection.execute(text(f"SELECT {of}"))).scalars().all() == [world.NOW]
