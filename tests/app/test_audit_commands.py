"""Commands of the audit, and what the terminal shows as others see it, on a copy of the tiny world."""

import csv
import json
import os
import re
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.ext.asyncio import AsyncConnection
from typer.testing import CliRunner

from app.cli import app
from app.database import Logins
from app.heads import Heads, file_of
from geo.ground.areas import load_ground
from geo.intake import batch
from geo.intake.batch import Envelope
from geo.trust import accounts, audit, seals
from geo.trust.grants import Grant
from tests.app.conftest import Ask, Run
from tests.world import BLOCKS, VILLAGES, submission


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def day(days: int) -> str:
    return f"{datetime.now(UTC) + timedelta(days=days):%Y-%m-%d}"


def test_the_audit_is_listed(cakupan: Run, tmp_path: Path) -> None:
    cakupan("account", "create", "sari", "--role", "enumerator", "--assigned", "--no-password")
    cakupan("token", "create", "sari", "--name", "=cmd|x")
    said = cakupan("audit", "list")
    assert said.index("token.create") < said.index("grant.give") < said.index("account.create")
    assert said.count("operator") == 3
    assert said.count("not yet") == 3
    assert "token.create" not in cakupan("audit", "list", "--act", "account.")
    assert "account.create" not in cakupan("audit", "list", "--limit", 2)
    assert "grant.give" in cakupan("audit", "list", "--since", day(-1), "--until", day(1), "--account", "operator")
    assert "grant.give" not in cakupan("audit", "list", "--until", day(-2))
    assert "grant.give" not in cakupan("audit", "list", "--account", "sari")
    assert "no-account" in cakupan("audit", "list", "--account", "nobody", exit_code=1)

    lines = CliRunner().invoke(app, ["audit", "list", "--format", "jsonl"]).stdout.splitlines()
    assert [json.loads(line)["act"] for line in lines] == ["token.create", "grant.give", "account.create"]
    assert json.loads(lines[0])["subject"]["name"] == "=cmd|x"
    rows = list(csv.DictReader(CliRunner().invoke(app, ["audit", "list", "--format", "csv"]).stdout.splitlines()))
    assert [row["account"] for row in rows] == ["operator"] * 3
    assert json.loads(rows[2]["subject"]).keys() == {"account"}
    assert datetime.fromisoformat(rows[0]["at"]).tzinfo is not None


def test_the_audit_is_verified(
    cakupan: Run, ask: Ask, fresh_database: Logins, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAKUPAN_HOME", str(tmp_path))
    for tier in ("worker", "internal", "release"):
        monkeypatch.setenv(f"CAKUPAN_{tier.upper()}_PASSWORD", make_url(getattr(fresh_database, tier)).password or "")
    cakupan("account", "create", "sari", "--role", "enumerator", "--assigned", "--no-password")
    assert " 0 2 0 └" in cakupan("audit", "verify")
    head = ask(seals.seal)
    Heads(file_of(tmp_path, make_url(fresh_database.owner).database or "")).keep(head)
    cakupan("account", "disable", "sari")
    ask(seals.seal)
    said = cakupan("audit", "verify", "--head", f"{head.place}:{head.digest.upper()}")
    assert " 3 0 2 └" in said
    assert "sound: nothing was altered" in said
    paper = re.search(r"(3:[0-9a-f]{64})", said)
    assert paper is not None
    assert "is no head" in cakupan("audit", "verify", "--head", "3:abc", exit_code=1)
    assert "seal 3 is not the one that was written down" in cakupan(
        "audit", "verify", "--head", f"3:{'0' * 64}", exit_code=1
    )

    engine = create_engine(fresh_database.owner)
    with engine.begin() as owner:
        for table in ("audit", "seal"):
            owner.execute(text(f"ALTER TABLE trust.{table} DISABLE TRIGGER only_grows"))
        owner.execute(text("DELETE FROM trust.seal WHERE place = 3"))
        owner.execute(text("DELETE FROM trust.audit WHERE act = 'account.disable'"))
    engine.dispose()
    assert "sound: nothing" in cakupan("audit", "verify")  # the file's last head is older: who notes none finds none
    wrong = cakupan("audit", "verify", "--head", paper[1], exit_code=1)
    assert "found wrong: 1 seal 3 was written down and is not there" in wrong


def test_whom_a_breach_concerns(cakupan: Run, ask: Ask, tmp_path: Path) -> None:
    async def fill(db: AsyncConnection) -> int:
        ground = await load_ground(db)
        sari = await accounts.create(db, "sari", Grant("supervisor", ("village", VILLAGES[0])))
        rows = [submission(n, BLOCKS[n % 6]) for n in range(60)]
        await batch.store(db, ground, Envelope(sari, "t", b"", 0), rows, batch.judge(ground, rows))
        await audit.read(db, sari, "households.tile", [BLOCKS[0].number, BLOCKS[1].number], 12)
        return sari

    ask(fill)
    said = cakupan("audit", "affected", "--since", day(-1))
    assert "sari households.tile 1 12" in said
    assert "at most 20 households" in said
    assert f"{VILLAGES[0]} Kampung 1 20" in said
    assert "upper bound" in said
    due = datetime.now(UTC) + timedelta(hours=72)
    assert f"{due + timedelta(hours=8):%Y-%m-%d}" in said
    assert "at most 0" in cakupan("audit", "affected", "--since", day(-1), "--until", day(-2))
    assert "at most 0" in cakupan("audit", "affected", "--since", day(-1), "--credential", 7)

    kept = tmp_path / "affected.csv"
    kept.touch(0o644)
    said = cakupan("audit", "affected", "--since", day(-1), "--account", "sari", "--out", kept)
    found = rows_of(kept)
    assert len(found) == 20
    assert {(row["village"], row["block"]) for row in found} == {(VILLAGES[0], b.code) for b in BLOCKS[:2]}
    assert mode(kept) == 0o600
    assert not any(row["household_id"] in said for row in found)

    async def last(db: AsyncConnection) -> dict[str, Any]:
        return (await audit.listing(db, limit=1))[0]

    noted = ask(last)
    assert (noted["act"], noted["account"]) == ("export", None)
    assert noted["subject"]["households"] == 20
    assert noted["subject"]["what"] == "affected"
    assert "cannot be written" in cakupan("audit", "affected", "--since", day(-1), "--out", tmp_path, exit_code=1)


# ── what somebody else would see ──────────────────────────────────────────────────────────────────────────────────


def test_coverage_and_gaps_as_somebody_sees_them(cakupan: Run, ask: Ask, tmp_path: Path) -> None:
    cakupan("account", "create", "sari", "--role", "supervisor", "--area", VILLAGES[0], "--no-password")
    cakupan("account", "create", "diluar", "--role", "supervisor", "--assigned", "--no-password")
    own = cakupan("coverage", "--level", "village", "--as", "sari")
    assert "coverage by village, as sari sees it" in own
    assert f"{VILLAGES[0]} Kampung 1 180 0" in own
    assert f"{VILLAGES[1]} Kampung 2 – –" in own
    assert "all 180 0" in own
    assert f"{VILLAGES[1]} Kampung 2 180 0" in cakupan("coverage", "--level", "village")
    assert "3 blocks, 180 families to be found, as sari sees it" in cakupan("gaps", "--as", "sari")
    assert "0 blocks, 0 families" in cakupan("gaps", "--as", "diluar")
    assert "no-account" in cakupan("gaps", "--as", "nobody", exit_code=1)

    cakupan("report", tmp_path / "map.html")
    noted = ask(lambda db: audit.listing(db, act="export"))
    assert [row["subject"]["what"] for row in noted] == ["report"]
    assert os.path.getsize(tmp_path / "map.html") > 1000
