"""The service with routes that fail as none should: with exceptions and errors that quote the values they met.

Runs in a child of its own, as an operator would start it; what is tested is that nothing of it gets out.
"""

import asyncio
import gc
from typing import Any

import structlog
from fastapi import APIRouter, FastAPI
from fastapi.responses import StreamingResponse
from psycopg import sql
from sqlalchemy import text

from app import service
from app.access import HouseDep
from app.settings import Settings
from app.terminal import plain_errors
from geo.watch import gaps

router = APIRouter(prefix="/broken")


@router.get("/raise")
async def raises(said: str) -> None:
    """An exception that nobody foresaw."""
    raise RuntimeError(f"cannot make sense of {said}")


@router.get("/caused")
async def caused(said: str) -> None:
    """One with another as its cause, and several at once."""
    try:
        raise KeyError(said)
    except KeyError as cause:
        raise ExceptionGroup(f"on {said}", [ValueError(said)]) from cause


@router.get("/stream")
async def breaks_off(said: str) -> StreamingResponse:
    """An answer that fails when it has begun."""

    async def parts() -> Any:
        yield "begun\n"
        raise ValueError(said)

    return StreamingResponse(parts())


@router.get("/task")
async def forgotten(said: str) -> None:
    """A task that fails and that nobody waits for; the loop says so when it is collected."""

    async def fails() -> None:
        raise ValueError(said)

    task = asyncio.create_task(fails(), name=said)
    await asyncio.sleep(0.01)
    del task
    gc.collect()


STATEMENTS = {
    "value": "SELECT CAST(:said AS integer)",
    "time": "SELECT CAST(:said AS timestamptz)",
    "json": "SELECT CAST(:said AS jsonb)",
    "unique": """INSERT INTO intake.household
            (household_id, revision, submission_id, number, captured_at, day, result, origin)
        SELECT :said, 1, gen_random_uuid(), 0, now(), current_date, 'completed', 'new' FROM generate_series(1, 2)""",
    "check": "INSERT INTO trust.granted (account_id, role, level) SELECT account_id, 'admin', :said FROM trust.account",
    "raised": "DO $do$ BEGIN RAISE EXCEPTION 'on %', current_setting('cakupan.said'); END $do$",
    "warned": "DO $do$ BEGIN RAISE WARNING 'on %', current_setting('cakupan.said'); END $do$",
    "unknown": "SELECT * FROM intake.no_such_table WHERE household_id = :said",
}


@router.get("/statement")
async def statement(house: HouseDep, which: str, said: str) -> None:
    """A statement that the database refuses, over what it was given."""
    async with house.db.worker.begin() as connection:
        await connection.execute(text("SELECT set_config('cakupan.said', :said, true)"), {"said": said})
        await connection.execute(text(STATEMENTS[which]), {"said": said} if ":said" in STATEMENTS[which] else {})


@router.get("/copy")
async def copy(house: HouseDep, said: str) -> None:
    """Rows that are copied and cannot be taken."""
    async with house.db.worker.begin() as connection:
        raw = await connection.get_raw_connection()
        cursor = raw.driver_connection.cursor()
        async with cursor.copy("COPY intake.tally (number, last_at, epoch) FROM STDIN") as into:
            await into.write(f"{said}\tnow\t1\n")


@router.get("/slow")
async def slow(house: HouseDep, said: str) -> None:
    """A statement with a value in its text, which takes its time."""
    async with house.db.worker.begin() as connection:
        raw = await connection.get_raw_connection()
        asked = sql.SQL("SELECT pg_sleep(20), {}").format(sql.Literal(said))
        await raw.driver_connection.execute(asked)


@router.get("/said")
async def said_aloud(said: str) -> None:
    """What somebody logs without thinking, under names that are left out."""
    structlog.get_logger().warning("careless", household_id=said, lon=said, lat=said, password=said)
    structlog.get_logger().warning("heard")


def serve(settings: Settings) -> None:
    """`./cakupan serve`, with these routes, and one of ours that fails."""

    def fails(*args: object) -> None:
        raise LookupError(f"no page after {args[-2]}")

    made = service.create_app

    def create(*args: Any, **more: Any) -> FastAPI:
        app = made(*args, **more)
        app.include_router(router)
        return app

    service.create_app = create
    gaps.listing = fails
    with plain_errors():
        service.serve(settings)
