"""How long the server waits for whom: whoever answers others is cut off when it stands still, a command may think."""

import asyncio
from contextlib import AsyncExitStack

from sqlalchemy import text

from app import terminal
from app.database import Database, Logins
from app.main import create_app
from app.settings import Settings
from app.terminal import Desk
from tests.app.asking import ask, living


async def patience(db: Database) -> tuple[str, str]:
    async with db.worker.connect() as connection:
        said = [
            await connection.scalar(text(f"SHOW {name}"))
            for name in ("idle_in_transaction_session_timeout", "statement_timeout")
        ]
    return str(said[0]), str(said[1])


async def test_the_service_is_cut_off_when_it_stands_still(db: Database) -> None:
    assert await patience(db) == ("15s", "2min")


async def test_a_command_may_think_for_minutes_about_the_areas_of_a_province(settings: Settings, db: Database) -> None:
    async def work(desk: Desk) -> tuple[str, str]:
        return await patience(desk.db)

    found: Logins = db.logins
    assert await terminal._at_desk(settings, found, work) == ("1h", "0")


async def test_a_busy_service_is_not_taken_for_a_broken_one(settings: Settings, fresh_database: Logins) -> None:
    """Who looks after containers stops one that is not ready; where all are busy that would make it worse."""
    app = create_app(settings.model_copy(update={"pool_size": 2, "fold_seconds": 5.0}), fresh_database, may_lose=True)
    async with living(app), AsyncExitStack() as held:
        db = app.state.house.db
        async with asyncio.timeout(20):
            for pool in (db.worker, db.internal) * 2:
                await held.enter_async_context(pool.connect())
        async with asyncio.timeout(3):
            assert (await ask(app, "/readyz")).status == 200
            assert (await ask(app, "/livez")).status == 200
