"""Commands of releases as an operator runs them, on a copy of the tiny world."""

import json
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.ext.asyncio import AsyncConnection
from typer.testing import CliRunner

from app.cli import app
from app.database import Logins
from geo.publish import publisher
from geo.trust import audit
from tests import world
from tests.app.conftest import Ask, Run
from tests.geo.publish.filling import at, count, families

A, B, *_ = world.BLOCKS


@pytest.fixture(autouse=True)
def home(cakupan: Run, fresh_database: Logins, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own, for what is kept beside the database."""
    monkeypatch.setenv("CAKUPAN_HOME", str(tmp_path))
    for tier in ("worker", "internal", "release"):
        monkeypatch.setenv(f"CAKUPAN_{tier.upper()}_PASSWORD", make_url(getattr(fresh_database, tier)).password or "")
    return publisher.file_of(tmp_path, make_url(fresh_database.owner).database or "")


def day(ask: Ask, when: date) -> None:
    async def work(db: AsyncConnection) -> None:
        await at(db, when)

    ask(work)


def test_the_calendar_is_shown_and_fixed_before_the_campaign(cakupan: Run, ask: Ask) -> None:
    said = cakupan("release", "calendar")
    assert "nothing is fixed yet; the usual calendar would be" in said
    assert "1 field table 2022-10-22" in said
    assert "6 final table 2023-05-13" in said
    assert "terms-fixed" in cakupan("release", "calendar", "--measure", "consultation", exit_code=1)
    day(ask, date(2022, 10, 14))
    options = ("--measure", "score", "--cut-off", 31.5, "--field", "2022-10-25", "--field", "2022-11-01")
    said = cakupan("release", "calendar", *options, "--final", "2023-06-01")
    assert "1 field table 2022-10-25 planned" in said
    assert "3 final table 2023-06-01 planned" in said
    assert "a score below 31.5" in said
    assert "One table cost ε 2.6 at δ 1e-06 (ρ 0.11)" in said
    assert "Both tables cost ε 3.7" in said
    assert "bad-terms" in cakupan("release", "calendar", "--cut-off", 3, exit_code=1)


def test_a_release_is_made_listed_and_verified(cakupan: Run, ask: Ask, home: Path, fresh_database: Logins) -> None:
    day(ask, date(2022, 10, 20))
    assert "not-due: no release is due on 2022-10-20: the next one, release 1, is due on 2022-10-22" in cakupan(
        "release", "make", exit_code=1
    )
    day(ask, date(2022, 10, 29))

    async def fill(db: AsyncConnection) -> None:
        await count(db, [*families(A, 1, 45, poor=5), *families(B, 101, 107)])

    ask(fill)
    said = cakupan("release", "make", "--dry-run")
    assert "usual calendar holds" in said
    assert "Release 1, due on 2022-10-22, was not made in time and is passed over for good." in said
    assert "release 2, field table, due on 2022-10-28" in said
    assert "blocks 6 1 45 7 0" in said
    assert "A figure moves when 20 households have newly entered it." in said
    assert "block ± 6, village ± 6" in said
    assert "Cost until now: none. Cost after it: ε 2.6" in said
    assert not home.exists()
    assert "Aborted" in cakupan("release", "make", exit_code=1)  # nobody says yes
    assert not home.exists()

    done = CliRunner().invoke(app, ["release", "make", "--yes"])
    assert done.exit_code == 0, done.output
    digest = done.stdout.splitlines()[-1]
    assert json.loads(home.read_bytes())["sealed"] == {"2": digest}
    assert "2 field table 2022-10-28 2022-10-29 12:00" in cakupan("release", "list")
    assert digest in cakupan("release", "list")
    said = cakupan("release", "calendar")
    assert (
        "1 field table 2022-10-22 passed over 2 field table 2022-10-28 sealed 3 field table 2022-11-03 planned" in said
    )
    assert "sound: every release is what was sealed" in cakupan("release", "verify")
    noted = ask(lambda db: audit.listing(db, act="release."))
    assert [(row["act"], row["account"]) for row in noted] == [("release.make", None), ("release.terms", None)]
    assert noted[0]["subject"] == {"release": 2, "kind": "field", "digest": digest}
    assert "not-due" in cakupan("release", "make", "--yes", exit_code=1)

    engine = create_engine(fresh_database.owner)
    with engine.begin() as owner:
        owner.execute(text("ALTER TABLE release.release DISABLE TRIGGER only_grows"))
        owner.execute(text("UPDATE release.release SET as_of = as_of + interval '1 day'"))
    engine.dispose()
    assert "not sound: release 2 comes to" in cakupan("release", "verify", exit_code=1)
    home.unlink()
    assert "is not here" in cakupan("release", "verify", exit_code=1)
    day(ask, date(2022, 11, 4))
    said = cakupan("release", "make", "--yes", exit_code=1)
    assert "not-the-publisher" in said
    assert "only the system that has it publishes" in said
