"""How long the server waits for whom: whoever answers others is cut off when it stands still, a command may think."""

from sqlalchemy import text

from app import terminal
from app.database import Database, Logins
from app.settings import Settings
from app.terminal import Desk


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
