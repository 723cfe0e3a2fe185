"""`welfare import`, `show` and `held` as a person runs them, on a copy of the tiny world."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli import app
from app.database import Database, Logins
from app.settings import Settings
from geo.ground.areas import load_ground
from geo.intake import batch
from geo.intake.batch import Envelope
from tests.world import BLOCKS, submission

Run = Callable[..., str]


async def _count(logins: Logins) -> None:
    db = Database(logins, 1)
    rows = [submission(1, welfare=1), submission(2)]
    async with db.worker.begin() as connection:
        ground = await load_ground(connection)
        await batch.store(connection, ground, Envelope(1, "test", b"", 0), rows, batch.judge(ground, rows))
    await db.close()


@pytest.fixture
def cakupan(settings: Settings, fresh_database: Logins, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs one command and gives what it printed, blanks and lines of tables taken together."""
    asyncio.run(_count(fresh_database))
    monkeypatch.setenv("DATABASE_URL", fresh_database.owner)
    monkeypatch.setenv("CAKUPAN_HOME", str(settings.home))

    def run(*words: object, exit_code: int = 0) -> str:
        done = CliRunner().invoke(app, [str(word) for word in words])
        assert done.exit_code == exit_code, f"{done.output}\n{done.exception!r}"
        return " ".join(done.output.replace("│", " ").split())

    return run


def test_the_ledger_at_the_terminal(cakupan: Run, tmp_path: Path) -> None:
    path = tmp_path / "forum.csv"
    rows = [f"SIM-1,{BLOCKS[0].code},3,2,sakit", f"SIM-2,{BLOCKS[0].code},3,9,", f"SIM-9,{BLOCKS[0].code},1,1,"]
    path.write_text("\n".join(["household_id,block,before,sesudah,reason", *rows]), encoding="utf-8")
    what = ("welfare", "import", path, "--scale", "consultation", "--dated", "2022-10-23")
    assert "no-such-column" not in cakupan(*what, "--column", "after=sesudah")
    said = cakupan(*what, "--column", "after=sesudah")
    assert "3 rows of forum.csv" in said
    assert " 0 1 0 2 " in said  # stored, duplicate, conflict, held: it was there already
    assert "UNKNOWN_HOUSEHOLD 1" in said
    assert (tmp_path / "forum.csv.refused.csv").exists()

    shown = cakupan("welfare", "show", "SIM-1")
    assert "SIM-1 on 2022-10-24" in shown
    assert "field_status 1 2022-10-21 door" in shown
    assert "consultation 2 2022-10-23 ledger" in shown
    assert f"before 3, consultation 2 {BLOCKS[0].code} sakit operator" in shown
    assert "consultation – – –" in cakupan("welfare", "show", "SIM-1", "--on", "2022-10-22")
    assert "not-found" in cakupan("welfare", "show", "SIM-77", exit_code=1)

    held = cakupan("welfare", "held")
    assert "OUT_OF_RANGE 1" in held
    assert f"consultation SIM-2 {BLOCKS[0].code} OUT_OF_RANGE" in held
    assert "SIM-9" not in cakupan("welfare", "held", "--within", BLOCKS[0].code)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--scale", "wealth"), "bad-scale"),
        (("--scale", "rank", "--dated", "2022-10-25"), "bad-day"),
        (("--scale", "rank", "--column", "score"), "bad-input"),
    ],
)
def test_what_cannot_be_imported(cakupan: Run, tmp_path: Path, words: tuple[str, ...], code: str) -> None:
    path = tmp_path / "skor.csv"
    path.write_text("household_id,score\nSIM-1,1\n", encoding="utf-8")
    assert code in cakupan("welfare", "import", path, *words, exit_code=1)
