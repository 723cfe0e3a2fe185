"""Making releases as the office's command does, and stopping half-way as a power cut does."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncEngine

from app.database import Database, Logins
from geo.errors import Refused
from geo.publish import freeze as freezing
from geo.publish import making

T = TypeVar("T")


def _by(logins: Logins, act: Callable[[AsyncEngine], Awaitable[T]]) -> T:
    async def run() -> T:
        db = Database(logins, 1)
        try:
            return await act(db.worker)
        finally:
            await db.close()

    return asyncio.run(run())


def make(logins: Logins, publisher: Path) -> int:
    """Make the release that is due, or go on with one that was begun; its number."""
    return _by(logins, lambda engine: making.make(engine, publisher)).release


def refused(logins: Logins, publisher: Path) -> str:
    """The code with which making another one is refused; nothing where it is not."""
    try:
        make(logins, publisher)
    except Refused as why:
        return str(why.code)
    return ""


def freeze(logins: Logins, publisher: Path) -> None:
    """Begin the release that is due, and get no further than its input."""

    async def begin(engine: AsyncEngine) -> None:
        async with engine.begin() as db:
            await freezing.begin(db)
            await freezing.freeze(db, publisher)

    _by(logins, begin)
