"""What tests of commands share: a command as a person runs it, and a look into the database behind it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection
from typer.testing import CliRunner

from app.cli import app
from app.database import Database, Logins
from app.settings import Settings

Run = Callable[..., str]
T = TypeVar("T")
Work = Callable[[AsyncConnection], Awaitable[T]]
Ask = Callable[[Work[Any]], Any]


@pytest.fixture
def cakupan(settings: Settings, fresh_database: Logins, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs one command and gives what it printed, blanks and lines of tables taken together."""
    monkeypatch.setenv("DATABASE_URL", fresh_database.owner)
    monkeypatch.setenv("CAKUPAN_HOME", str(settings.home))

    def run(*words: object, exit_code: int = 0) -> str:
        done = CliRunner().invoke(app, [str(word) for word in words])
        assert done.exit_code == exit_code, f"{done.output}\n{done.exception!r}"
        return " ".join(done.output.replace("│", " ").split())

    return run


@pytest.fixture
def ask(fresh_database: Logins) -> Callable[[Work[Any]], Any]:
    """Runs something in a transaction of the worker."""

    def run(work: Work[T]) -> T:
        async def at_once() -> T:
            db = Database(fresh_database, 1)
            try:
                async with db.worker.begin() as connection:
                    return await work(connection)
            finally:
                await db.close()

        return asyncio.run(at_once())

    return run
