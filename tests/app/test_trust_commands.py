"""Commands of accounts, grants and tokens as a person runs them, on a copy of the tiny world."""

import csv
import re
import stat
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.commands_roster import SecretFile
from geo.trust import accounts, audit, credentials
from tests.app.conftest import Ask, Run
from tests.world import BLOCKS, VILLAGES


async def acts(db: AsyncConnection) -> list[str]:
    return [row["act"] for row in await audit.listing(db)][::-1]


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def day(days: int) -> str:
    return f"{datetime.now(UTC) + timedelta(days=days):%Y-%m-%d}"


# ── accounts, grants, tokens ──────────────────────────────────────────────────────────────────────────────────────


def test_an_account_and_its_grants(cakupan: Run, ask: Ask) -> None:
    said = cakupan("account", "create", "sari", "--role", "supervisor", "--area", VILLAGES[0], "--expires", day(30))
    assert f"account sari: supervisor on village {VILLAGES[0]} until {day(30)} 24:00" in said
    password = re.search(r"password \(shown this once\): (\S+)", said)
    assert password is not None
    more = cakupan("grant", "give", "sari", "--role", "enumerator", "--assigned")
    assert "sari enumerator on assigned blocks" in more
    number = re.search(r"grant (\d+)", more)
    assert number is not None

    listed = cakupan("account", "list", "SAR")
    assert f"supervisor on village {VILLAGES[0]} in edition" in listed
    assert "enumerator on assigned blocks" in listed
    assert "sari" not in cakupan("account", "list", "budi")

    assert f"grant {number[1]} has ended" in cakupan("grant", "end", number[1])
    assert "assigned" not in cakupan("account", "list")
    assert "no-grant" in cakupan("grant", "end", number[1], exit_code=1)

    async def log_in(db: AsyncConnection) -> str | None:
        return await accounts.log_in(db, "sari", password[1], timedelta(hours=1))

    assert ask(log_in) is not None
    shown = cakupan("account", "show", "sari")
    assert "enumerator assigned blocks" in shown
    assert "ended 20" in shown
    assert "operator" in shown
    assert "open password" in shown
    assert re.search(r"sessions .* password 20", shown)
    assert ask(acts) == ["account.create", "grant.give", "grant.give", "grant.end", "log-in"]


def test_a_local_government_needs_an_agreement(cakupan: Run) -> None:
    how = ("account", "create", "pemkot", "--role", "local_government", "--area", "6472")
    assert "purpose, an agreement" in cakupan(*how, exit_code=1)
    said = cakupan(*how, "--purpose", "bantuan", "--agreement", "PKS/12", "--no-password")
    assert "password" not in said
    assert re.search(rf"until {day(365)[:7]}", said)  # a year, where nobody says otherwise
    assert "PKS/12: bantuan" in cakupan("account", "show", "pemkot")
    assert "not both" in cakupan(*how, "--password", "simulasi-22", "--no-password", exit_code=1)


def test_who_may_see_an_area(cakupan: Run) -> None:
    cakupan("account", "create", "ketua", "--role", "admin", "--no-password")
    cakupan("account", "create", "camat", "--role", "coordinator", "--area", "6472030", "--no-password")
    cakupan("account", "create", "sari", "--role", "enumerator", "--area", BLOCKS[0].code, "--no-password")
    said = cakupan("grant", "list", "--area", VILLAGES[0])
    assert f"Kampung 1 ({VILLAGES[0]}): 3 accounts" in said
    assert said.index("ketua") < said.index("camat") < said.index("sari")
    assert f"block {BLOCKS[0].code} a part" in said
    assert "2 accounts" in cakupan("grant", "list", "--area", VILLAGES[1])
    assert "3 accounts" in cakupan("grant", "list")
    assert "no-area" in cakupan("grant", "list", "--area", "99", exit_code=1)


def test_an_account_is_shut_out_and_let_in(cakupan: Run, ask: Ask) -> None:
    cakupan("account", "create", "sari", "--role", "enumerator", "--assigned", "--no-password")
    token = cakupan("token", "create", "sari", "--name", "phone 7").strip()
    assert "phone 7" in cakupan("token", "list", "sari")

    async def known(db: AsyncConnection) -> bool:
        return await credentials.authenticate(db, token) is not None

    assert ask(known)
    cakupan("account", "disable", "sari")
    assert not ask(known)
    assert "shut out" in cakupan("account", "show", "sari")
    cakupan("account", "enable", "sari")
    assert not ask(known)  # a token that was revoked stays so
    assert "phone 7" not in cakupan("token", "list")
    assert "has a new password" in cakupan("account", "password", "sari", "--password", "simulasi-22-x")
    assert "no-account" in cakupan("account", "show", "nobody", exit_code=1)


def test_names_are_shown_as_they_are(cakupan: Run) -> None:
    for name in ("a[/bold]b", "ber_dua", "100%", "back\\slash"):
        cakupan("account", "create", name, "--role", "enumerator", "--assigned", "--no-password")
        assert name in cakupan("account", "list", name)
        assert f"account {name}" in cakupan("account", "show", name)
    assert "ber_dua" not in cakupan("account", "list", "berXdua")
    assert "there is no account [/x]" in cakupan("account", "show", "[/x]", exit_code=1)
    assert "bad-name" in cakupan("account", "create", "Operator", "--role", "admin", exit_code=1)


def test_times_that_cannot_be(cakupan: Run) -> None:
    how = ("account", "create", "sari", "--role", "enumerator", "--assigned", "--expires")
    for wrong in ("31-12-2030", "2030-02-30", "2030-01-01T10:00:00", "soon"):
        assert f"{wrong} is no time" in cakupan(*how, wrong, exit_code=1)
    assert "in the future" in cakupan(*how, "2020-01-01", exit_code=1)
    assert "until 2030-01-01 09:00" in cakupan(*how, "2030-01-01T09:00:00+08:00")  # the campaign's zone


# ── import ────────────────────────────────────────────────────────────────────────────────────────────────────────


def roster(path: Path, lines: Iterable[str]) -> Path:
    path.write_text("\n".join(["name;role;level;code;assigned;expires;purpose;agreement", *lines]))
    return path


def test_a_roster(cakupan: Run, ask: Ask, tmp_path: Path) -> None:
    cakupan("account", "create", "lama", "--role", "enumerator", "--area", BLOCKS[0].code, "--no-password")
    cakupan("account", "create", "keluar", "--role", "enumerator", "--assigned", "--no-password")
    cakupan("account", "disable", "keluar")
    path = roster(
        tmp_path / "staff.csv",
        [
            "ani;enumerator;;;yes",
            f"budi;supervisor;village;{VILLAGES[0]};;{day(40)}",
            f"budi;Supervisor;;{VILLAGES[1]}",
            f"lama;enumerator;;{BLOCKS[0].code}",
            f"lama;enumerator;;{BLOCKS[1].code}",
            "keluar;enumerator;;;ya",
            "cici;enumerator;;9999",
            "dedi;chief;;;yes",
            "eko;enumerator;;;;;;",
            f"pemkot;local_government;;6472;;{day(90)};bantuan;PKS/9",
            f"pemkab;local_government;;6472;;{day(90)}",
            "6472031212750001;enumerator;;;yes",
            "=1+1;enumerator;;;yes",
            "fifi;coordinator;;*",
            "gita;enumerator;;;yes;yesterday",
            f"budi;supervisor;;{VILLAGES[0]};;{day(41)}",
        ],
    )
    how = ("account", "import", path, "--tokens", tmp_path / "tokens.csv", "--passwords", tmp_path / "words.csv")
    said = cakupan(*how, "--report", tmp_path / "refused.csv")
    assert " 4 6 1 9 " in said  # made, granted, there already, refused
    whys = {row["account"]: row["why"] for row in rows_of(tmp_path / "refused.csv")}
    assert whys.pop("cici").startswith("area 9999: there is no area")
    assert whys == {
        "keluar": "the account is shut out: ./cakupan account enable",
        "dedi": "no role chief: take one of enumerator, supervisor, coordinator, local_government, admin",
        "eko": "neither an area nor assigned=yes; * is the whole campaign",
        "pemkab": "a local government's grant needs a purpose, an agreement's number and an end",
        "6472031212750001": "a name is not a national number: those are never stored",
        "=1+1": "a name that a spreadsheet would take for a formula",
        "gita": "yesterday is no time: write 2022-11-01, or 2022-11-01T09:00:00+08:00",
        "budi": "a row above gives the same with another end",
    }
    assert mode(tmp_path / "tokens.csv") == mode(tmp_path / "words.csv") == 0o600
    tokens, words = rows_of(tmp_path / "tokens.csv"), rows_of(tmp_path / "words.csv")
    assert [row["name"] for row in tokens] == ["ani"]
    assert sorted(row["name"] for row in words) == ["budi", "fifi", "pemkot"]
    secret, password = tokens[0]["token"], next(row["password"] for row in words if row["name"] == "budi")
    assert secret not in said
    assert password not in said

    async def let_in(db: AsyncConnection) -> None:
        ani = await credentials.authenticate(db, secret)
        assert ani is not None
        assert (ani.name, ani.role) == ("ani", "enumerator")
        session = await accounts.log_in(db, "budi", password, timedelta(hours=1))
        budi = await credentials.authenticate(db, session or "")
        assert budi is not None
        assert budi.scope.ranges == ((4, 11),)

    ask(let_in)
    before = ask(acts)
    assert before.count("account.create") == 6
    assert before.count("grant.give") == 8
    assert before.count("token.create") == 1

    again = cakupan(*how)
    assert " 0 0 7 9 " in again
    assert rows_of(tmp_path / "tokens.csv") == tokens
    assert ask(acts) == before


def test_a_roster_that_cannot_be_read(cakupan: Run, tmp_path: Path) -> None:
    (tmp_path / "odd.csv").write_text("nama,umur\nani,30\n")
    assert "no column role" in cakupan("account", "import", tmp_path / "odd.csv", exit_code=1)
    path = roster(tmp_path / "staff.csv", ["ani;enumerator;;;yes"])
    secret = "not a file of ours, and no end of line"
    (tmp_path / "notes.txt").write_text(secret)
    (tmp_path / "notes.txt").chmod(0o644)
    how = ("account", "import", path, "--tokens")
    assert "is no file of tokens made here" in cakupan(*how, tmp_path / "notes.txt", exit_code=1)
    assert (tmp_path / "notes.txt").read_text() == secret
    assert mode(tmp_path / "notes.txt") == 0o644
    assert "cannot be written" in cakupan(*how, tmp_path / "no" / "folder.csv", exit_code=1)
    assert "neither token nor password" in cakupan("account", "import", path)


def test_a_roster_goes_on_where_it_was_killed(
    cakupan: Run, ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed after the secrets of the second batch were written, before they counted: none is lost, none is twice."""
    path = roster(tmp_path / "staff.csv", [f"ppl-{n:04d};enumerator;;;yes" for n in range(450)])
    kept = tmp_path / "tokens.csv"
    write, times = SecretFile.write, []

    def killed(self: SecretFile, made: dict[str, str]) -> None:
        write(self, made)
        times.append(len(made))
        if len(times) == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(SecretFile, "write", killed)
        cakupan("account", "import", path, "--tokens", kept, exit_code=130)
    assert times == [200, 200]
    with kept.open("ab") as file:
        file.write(b"ppl-04")  # a line that the failing power cut short
    said = cakupan("account", "import", path, "--tokens", kept)
    assert " 250 250 200 0 " in said
    found = {row["name"]: row["token"] for row in rows_of(kept)}
    assert len(rows_of(kept)) == len(found) == 450

    async def count(db: AsyncConnection) -> set[bytes]:
        return set(await db.scalars(text("SELECT secret_sha256 FROM trust.credential")))

    assert ask(count) == {credentials.digest(secret) for secret in found.values()}
