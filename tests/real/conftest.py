"""Real places walked as a user walks them: commands in, answers of the running service out.

Each file of tests defines a fixture `walked` of module scope that runs the commands; the others build on it.
"""

from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pandas as pd
import pytest
from typer.testing import CliRunner

from app.cli import app
from app.database import Logins
from app.settings import Settings
from tests.conftest import PASSWORD, serving

Run = Callable[..., str]
Get = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def cakupan(settings: Settings, empty_database: Logins) -> Iterator[Run]:
    """Runs one command of `./cakupan` against this file's empty database and gives what it printed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATABASE_URL", empty_database.owner)
        patch.setenv("CAKUPAN_HOME", str(settings.home))

        def run(*words: object, exit_code: int = 0) -> str:
            done = CliRunner().invoke(app, [str(word) for word in words])
            assert done.exit_code == exit_code, f"{done.output}\n{done.exception!r}"
            return done.output

        yield run


@pytest.fixture(scope="module")
def get(settings: Settings, empty_database: Logins, cakupan: Run, walked: object) -> Iterator[Get]:
    """Asks the running service as its administrator."""
    cakupan("account", "create", "admin", "--role", "admin", "--password", PASSWORD)
    token = cakupan("token", "create", "admin").split()[-1]
    with (
        serving(settings, empty_database) as url,
        httpx2.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=60) as client,
    ):

        def ask(path: str, **parameters: str | int) -> dict[str, Any]:
            answer = client.get(path, params=parameters)
            assert answer.status_code == 200, answer.text
            found: dict[str, Any] = answer.json()
            return found

        yield ask


@pytest.fixture(scope="module")
def blocks(get: Get) -> pd.DataFrame:
    """Coverage of every block, by code."""
    return pd.DataFrame(get("/v1/coverage", level="block", limit=100_000)["coverage"]).set_index("code")
