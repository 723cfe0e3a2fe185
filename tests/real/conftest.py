"""Real places walked as a user walks them: commands in, answers of the running service out."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest
from typer.testing import CliRunner

from app.cli import app
from app.database import Database, Logins
from app.settings import Settings
from geo.ground.areas import load_tree
from geo.ground.campaign import load
from geo.intake.recount import Recount, recount
from geo.watch import live
from geo.watch.live import Snapshot
from tests.conftest import serving

Run = Callable[..., str]


@pytest.fixture(scope="module")
def cakupan(settings: Settings, empty_database: Logins) -> Iterator[Run]:
    """Runs one command of `./cakupan` against this file's empty database and gives what it printed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATABASE_URL", empty_database.owner)
        patch.setenv("CAKUPAN_HOME", str(settings.home))

        def run(*words: object, exit_code: int = 0) -> str:
            done = CliRunner().invoke(app, [str(word) for word in words])
            assert done.exit_code == exit_code, f"{done.output}\n{done.exception}"
            return done.output

        yield run


Get = Callable[..., dict[str, Any]]


@contextlib.contextmanager
def asking(settings: Settings, logins: Logins, cakupan: Run) -> Iterator[Get]:
    """The service over this database, asked as its administrator."""
    cakupan("account", "create", "admin", "--role", "admin", "--password", "simulasi-saja-22")
    token = cakupan("token", "create", "admin").split()[-1]
    with (
        serving(settings, logins) as url,
        httpx2.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=60) as client,
    ):

        def get(path: str, **parameters: object) -> dict[str, Any]:
            answer = client.get(path, params=parameters)
            assert answer.status_code == 200, answer.text
            found: dict[str, Any] = answer.json()
            return found

        yield get


def mirrored(logins: Logins) -> Snapshot:
    """What every process of the service holds in memory."""

    async def work() -> Snapshot:
        db = Database(logins, 1)
        async with db.worker.connect() as connection:
            campaign = await load(connection)
            found = await live.load(connection, campaign, await load_tree(connection, campaign))
        await db.close()
        return found

    return asyncio.run(work())


def recounted(logins: Logins) -> Recount:
    """Everything recounted from the submissions."""

    async def work() -> Recount:
        db = Database(logins, 1)
        async with db.worker.connect() as connection:
            found = await recount(connection)
        await db.close()
        return found

    return asyncio.run(work())
