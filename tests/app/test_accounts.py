"""Accounts, grants, tokens, sessions and passwords over HTTP: who may change what, and every way up that is barred."""

import asyncio
import csv
import io
import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from python_calamine import load_workbook
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app import locales
from app.access import COOKIE
from app.api.access import AccessOut
from app.api.accounts import AccountsOut
from app.api.audit import AuditOut
from app.api.me import MeOut
from app.database import Database, Logins
from app.main import create_app
from app.settings import Settings
from geo.schema import ROLES
from geo.scope import OPERATOR
from geo.trust import accounts, grants
from geo.trust.grants import Grant
from tests.app.test_api import problem
from tests.conftest import CERTIFICATES, PASSWORD, Service, granted, serving
from tests.world import BLOCKS, EDITION, VILLAGES

HERE, THERE = ("village", VILLAGES[0]), ("village", VILLAGES[1])
Act = Callable[[AsyncConnection], Awaitable[Any]]


def grant(role: str, area: tuple[str, str] | None = None, **more: Any) -> dict[str, Any]:
    """A grant as it is sent."""
    return {"role": role} | ({"level": area[0], "code": area[1]} if area else {}) | more


async def _people(db: AsyncConnection) -> None:
    """`lurah` administers the first village; others in and around it."""
    for name, given in {
        "lurah": Grant("admin", HERE),
        "camat": Grant("admin", ("district", "6472030")),
        "tetangga": Grant("supervisor", THERE),
        "siti": Grant("enumerator", assigned=True),
        "budi": Grant("supervisor", assigned=True),
        "dinsos": granted("local_government", HERE),
        "baru": None,
    }.items():
        await accounts.create(db, name, given, PASSWORD)
    for name, area in (("mantan", ("district", "6472030")), ("selesai", HERE)):
        number = await accounts.create(db, name, None, PASSWORD)
        await grants.end(db, await grants.give(db, number, Grant("coordinator", area), OPERATOR), OPERATOR)
    assigned = "INSERT INTO ground.assignment SELECT edition_id, code, 'siti', 'budi', '2022-10-15' FROM ground.area "
    await db.execute(text(assigned + "WHERE code = ANY(:codes)"), {"codes": [BLOCKS[1].code, BLOCKS[2].code]})


def done(logins: Logins, act: Act) -> Any:
    """What `act` gives, in a transaction of the worker."""

    async def run() -> Any:
        db = Database(logins, 1)
        try:
            async with db.worker.begin() as connection:
                return await act(connection)
        finally:
            await db.close()

    return asyncio.run(run())


@pytest.fixture(scope="module")
def town(service: Service) -> Service:
    """A service with people who are only read and tried."""
    done(service.logins, _people)
    return service


@pytest.fixture
def fresh_town(fresh_service: Service) -> Service:
    """A service with people of this test's own."""
    done(fresh_service.logins, _people)
    return fresh_service


@contextmanager
def session(service: Service, who: str, password: str = PASSWORD) -> Iterator[httpx2.Client]:
    """A browser in which somebody is logged in."""
    with httpx2.Client(base_url=service.url, timeout=20, verify=CERTIFICATES) as client:
        assert enters(client, who, password), f"{who} cannot log in"
        yield client


def enters(client: httpx2.Client, who: str, password: str) -> bool:
    answer = client.post("/login", data={"name": who, "password": password, "to": "/livez"})
    return bool(answer.headers["location"] == "/livez")


def held(client: httpx2.Client, name: str) -> list[dict[str, Any]]:
    """Grants of an account as an administrator sees them."""
    found = client.get("/v1/accounts", params={"q": name}).json()["accounts"]
    return next((row["grants"] for row in found if row["name"] == name), [])


# ── up is barred ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "wider",
    [
        grant("admin"),
        grant("enumerator"),
        grant("admin", ("district", "6472030")),
        grant("coordinator", ("regency", "6472")),
        grant("supervisor", THERE),
        grant("enumerator", ("block", BLOCKS[5].code)),
        grant("supervisor", assigned=True),
        grant("enumerator", assigned=True),
    ],
)
def test_nobody_gives_more_than_it_has(town: Service, wider: dict[str, Any]) -> None:
    with session(town, "lurah") as lurah, town.client() as admin:
        problem(lurah.post("/v1/accounts", json={"name": "tangga", "grant": wider}), 403, "not-yours")
        assert admin.get("/v1/accounts", params={"q": "tangga"}).json()["accounts"] == [
            row for row in admin.get("/v1/accounts?q=tetangga").json()["accounts"] if "tangga" in row["name"]
        ]
        for name in ("lurah", "supervisor"):
            problem(lurah.post(f"/v1/accounts/{name}/grants", json=wider), 403, "not-yours")
            assert len(held(admin, name)) == 1


@pytest.mark.parametrize("name", ["admin", "camat", "coordinator", "siti", "budi"])
def test_an_account_that_sees_more_is_not_changed(town: Service, name: str) -> None:
    with session(town, "lurah") as lurah:
        problem(lurah.post(f"/v1/accounts/{name}/password"), 403, "not-yours")
        problem(lurah.post(f"/v1/accounts/{name}/disable"), 403, "not-yours")
        problem(lurah.post(f"/v1/accounts/{name}/enable"), 403, "not-yours")
    with session(town, name) as still:
        assert still.get("/v1/me").json()["name"] == name


@pytest.mark.parametrize("name", ["tetangga", "baru", "mantan", "nobody", "x" * 64])
def test_an_account_of_elsewhere_does_not_exist(town: Service, name: str) -> None:
    with session(town, "lurah") as lurah:
        for act in ("password", "disable", "enable"):
            problem(lurah.post(f"/v1/accounts/{name}/{act}"), 404, "no-account")
        problem(lurah.post(f"/v1/accounts/{name}/grants", json=grant("enumerator", HERE)), 404, "no-account")
        assert name not in lurah.get("/v1/accounts").text


def test_what_was_wider_once_stays_out_of_reach(fresh_town: Service) -> None:
    """A password set today would open what is granted again tomorrow."""
    with session(fresh_town, "camat") as camat, session(fresh_town, "lurah") as lurah:
        assert camat.post("/v1/accounts/mantan/grants", json=grant("supervisor", HERE)).status_code == 201
        (row,) = (a for a in lurah.get("/v1/accounts").json()["accounts"] if a["name"] == "mantan")
        assert (row["yours"], [g["yours"] for g in row["grants"]]) == (False, [True])
        problem(lurah.post("/v1/accounts/mantan/password"), 403, "not-yours")
        assert camat.post("/v1/accounts/mantan/password").status_code == 200


def test_nobody_changes_itself(town: Service) -> None:
    for who in ("lurah", "admin"):
        with session(town, who) as client:
            (own,) = client.get("/v1/me").json()["grants"]
            problem(client.delete(f"/v1/grants/{own['id']}"), 409, "own-account")
            problem(client.post(f"/v1/accounts/{who}/disable"), 409, "own-account")
            problem(client.post(f"/v1/accounts/{who}/password"), 409, "own-account")
            assert len(client.get("/v1/me").json()["grants"]) == 1


def test_grants_of_others_are_not_ended(town: Service) -> None:
    with town.client() as admin, session(town, "lurah") as lurah:
        for name in ("admin", "camat", "tetangga", "siti"):
            (found,) = held(admin, name)
            problem(lurah.delete(f"/v1/grants/{found['id']}"), 403, "not-yours")
        problem(lurah.delete(f"/v1/grants/{2**31 - 1}"), 404, "no-grant")
        for wrong in ("0", "x", str(2**31)):
            problem(lurah.delete(f"/v1/grants/{wrong}"), 422, "bad-parameter")


CALLS: list[tuple[str, str, dict[str, Any] | None]] = [
    ("GET", "/v1/accounts", None),
    ("POST", "/v1/accounts", {"name": "x", "grant": grant("enumerator", ("block", BLOCKS[0].code))}),
    ("POST", "/v1/accounts/siti/grants", grant("enumerator", ("block", BLOCKS[0].code))),
    ("POST", "/v1/accounts/siti/password", None),
    ("POST", "/v1/accounts/siti/disable", None),
    ("POST", "/v1/accounts/siti/enable", None),
    ("DELETE", "/v1/grants/1", None),
    ("GET", "/v1/audit", None),
]


@pytest.mark.parametrize("who", ["enumerator", "supervisor", "coordinator", "local_government", "baru"])
@pytest.mark.parametrize("call", CALLS, ids=[f"{method} {path}" for method, path, _ in CALLS])
def test_only_administrators_administer(town: Service, call: tuple[str, str, Any], who: str) -> None:
    method, path, body = call
    with session(town, who) as client:
        problem(client.request(method, path, json=body), 403, "no-role" if who == "baru" else "not-allowed")
    with town.client(None) as nobody:
        problem(nobody.request(method, path, json=body), 401, "not-logged-in")


@pytest.mark.parametrize("who", ["enumerator", "local_government", "dinsos"])
def test_who_sees_an_area_is_for_those_who_lead_it(town: Service, who: str) -> None:
    with session(town, who) as client:
        problem(client.get("/v1/access"), 403, "not-allowed")


def test_the_audit_is_for_administrators_of_everything(town: Service) -> None:
    for who in ("lurah", "camat"):
        with session(town, who) as client:
            problem(client.get("/v1/audit"), 403, "not-allowed")


BREEDING: list[tuple[str, dict[str, Any] | None]] = [
    ("/v1/tokens", {"name": "more", "days": 3}),
    ("/v1/password", {"old": PASSWORD, "new": "another-password"}),
    ("/v1/accounts", {"name": "x", "grant": grant("admin")}),
    ("/v1/accounts/siti/grants", grant("admin")),
    ("/v1/accounts/siti/password", None),
    ("/v1/accounts/siti/enable", None),
]


@pytest.mark.parametrize(("path", "body"), BREEDING, ids=[path for path, _ in BREEDING])
def test_a_stolen_token_cannot_breed(town: Service, path: str, body: dict[str, Any] | None) -> None:
    with town.client() as client:
        before = client.get("/v1/accounts?limit=1000").json()
        problem(client.post(path, json=body), 403, "session-needed")
        assert client.get("/v1/accounts?limit=1000").json() == before
        assert [row["name"] for row in client.get("/v1/tokens").json()["tokens"]] == ["test"]


@pytest.mark.parametrize(
    "sign",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
    ],
)
def test_another_site_changes_nothing(town: Service, sign: dict[str, str]) -> None:
    with session(town, "admin") as admin:
        before = admin.get("/v1/accounts").json()["accounts"]
        own = [row["id"] for row in admin.get("/v1/sessions").json()["sessions"]]
        for path, body in [*BREEDING, ("/v1/accounts/siti/disable", None)]:
            problem(admin.post(path, json=body, headers=sign), 403, "not-allowed")
        for path in ("/v1/grants/2", "/v1/tokens/1", f"/v1/sessions/{own[0]}"):
            problem(admin.delete(path, headers=sign), 403, "not-allowed")
        assert admin.get("/v1/accounts").json()["accounts"] == before
        assert [row["id"] for row in admin.get("/v1/sessions").json()["sessions"]] == own


# ── administrators at work ────────────────────────────────────────────────────────────────────────────────────────


def test_an_account_from_its_first_day_to_its_last(fresh_town: Service) -> None:
    until = (datetime.now(UTC) + timedelta(days=9)).isoformat()
    with session(fresh_town, "lurah") as lurah:
        wanted = {"name": "ani", "grant": grant("enumerator", ("block", BLOCKS[0].code), expires_at=until)}
        made = lurah.post("/v1/accounts", json=wanted)
        assert (made.status_code, made.json()["name"]) == (201, "ani")
        problem(lurah.post("/v1/accounts", json=wanted), 409, "name-taken")
        first = made.json()["password"]
        given = lurah.post("/v1/accounts/ani/grants", json=grant("supervisor", HERE))
        assert given.status_code == 201
        with session(fresh_town, "ani", first) as ani:
            me = ani.get("/v1/me").json()
            assert (me["roles"], me["blocks"], [g["area"] for g in me["grants"]]) == (
                ["supervisor", "enumerator"], 3, ["RT 01", "Kampung 1"],
            )  # fmt: skip
            token = ani.post("/v1/tokens", json={"name": "hp", "days": 30}).json()["token"]
            assert lurah.delete(f"/v1/grants/{given.json()['id']}").status_code == 204
            assert ani.get("/v1/me").json()["roles"] == ["enumerator"]  # at once
            problem(lurah.delete(f"/v1/grants/{given.json()['id']}"), 404, "no-grant")
            second = lurah.post("/v1/accounts/ani/password").json()["password"]
            assert ani.get("/v1/me").status_code == 401
            assert not enters(ani, "ani", first)
            assert enters(ani, "ani", second)
            assert lurah.post("/v1/accounts/ani/disable").status_code == 204
            assert ani.get("/v1/me").status_code == 401
            assert ani.get("/v1/me", headers={"Authorization": f"Bearer {token}"}).status_code == 401
            assert not enters(ani, "ani", second)
            (row,) = (a for a in lurah.get("/v1/accounts?q=ani").json()["accounts"] if a["name"] == "ani")
            assert row["disabled_at"]
            assert "ani" not in {r["account"] for r in lurah.get("/v1/access").json()["access"]}
            assert lurah.post("/v1/accounts/ani/enable").status_code == 204
            assert enters(ani, "ani", second)
            assert ani.get("/v1/tokens").json()["tokens"] == []
    with fresh_town.client() as admin:
        acts = [row["act"] for row in admin.get("/v1/audit?account=lurah&limit=1000").json()["audit"]]
    for act in ("account.create", "grant.give", "grant.end", "account.password", "account.disable", "account.enable"):
        assert act in acts


def test_accounts_of_an_area(town: Service) -> None:
    with town.client() as admin, session(town, "lurah") as lurah:
        every = AccountsOut.model_validate_json(admin.get("/v1/accounts").content)
        mine = AccountsOut.model_validate_json(lurah.get("/v1/accounts").content)
    assert {a.name for a in every.accounts} >= {"admin", "baru", "mantan", "tetangga", "selesai"}
    assert all(a.yours for a in every.accounts)
    assert {a.name: a.yours for a in mine.accounts} == {
        "admin": False, "budi": False, "camat": False, "coordinator": False, "dinsos": True, "enumerator": True,
        "local_government": False, "lurah": True, "selesai": True, "siti": False, "supervisor": True,
    }  # fmt: skip
    assert [a.name for a in mine.accounts if a.own] == ["lurah"]
    assert {a.name: [g.yours for g in a.grants] for a in mine.accounts}["selesai"] == []
    (agreed,) = next(a.grants for a in mine.accounts if a.name == "dinsos")
    assert (agreed.purpose, agreed.agreement, agreed.granted_by) == ("tests", "T/1", None)


def test_of_an_account_only_what_touches_the_area_is_shown(fresh_town: Service) -> None:
    with session(fresh_town, "camat") as camat, session(fresh_town, "lurah") as lurah:
        assert camat.post("/v1/accounts/supervisor/grants", json=grant("supervisor", THERE)).status_code == 201
        assert len(held(camat, "supervisor")) == 2
        assert [g["code"] for g in held(lurah, "supervisor")] == [VILLAGES[0]]
        problem(lurah.post("/v1/accounts/supervisor/password"), 403, "not-yours")


def test_pages_and_search(town: Service) -> None:
    with town.client() as admin:
        seen: list[str] = []
        after: str | None = ""
        while after is not None:
            page = admin.get("/v1/accounts", params={"limit": 3, "after": after}).json()
            assert len(page["accounts"]) <= 3
            seen += [row["name"] for row in page["accounts"]]
            after = page["next"]
        assert seen == sorted(set(seen))
        assert len(seen) == 14
        assert [r["name"] for r in admin.get("/v1/accounts?q=GOVERN").json()["accounts"]] == ["local_government"]
        assert [r["name"] for r in admin.get("/v1/accounts?q=l_g").json()["accounts"]] == ["local_government"]
        assert admin.get("/v1/accounts?q=%25").json()["accounts"] == []
        problem(admin.get("/v1/accounts?q=%00"), 422, "bad-name")
        for wrong in ("limit=0", "limit=1001", f"q={'x' * 65}", "format=xml"):
            problem(admin.get(f"/v1/accounts?{wrong}"), 422, "bad-parameter")


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b"null", b"\xff", b"[" * 3_000, b'{"name": "x"}', b'{"name": 5, "grant": {"role": "admin"}}',
        b'{"name": "", "grant": {"role": "admin"}}', b'{"name": "x", "grant": {"role": "king"}}',
        b'{"name": "x", "grant": {"role": "admin", "level": "village"}}',
        b'{"name": "x", "grant": {"role": "admin", "code": "6472"}}',
        b'{"name": "x", "grant": {"role": "admin", "level": "village", "code": "a\\u0000"}}',
        b'{"name": "x", "grant": {"role": "admin", "level": "planet", "code": "1"}}',
        b'{"name": "x", "grant": {"role": "admin", "expires_at": 1900000000}}',
        b'{"name": "x", "grant": {"role": "admin", "expires_at": "2030-01-01"}}',
        b'{"name": "x", "grant": {"role": "admin", "expires_at": "9999-12-31T23:59:59-12:00"}}',
        b'{"name": "x", "grant": {"role": "enumerator", "assigned": 1}}',
        b'{"name": "x", "grant": {"role": "admin"}, "password": "chosen-by-somebody"}',
        b'{"name": "\\ud800", "grant": {"role": "admin"}}',
    ],
)  # fmt: skip
def test_bodies_that_are_no_account(town: Service, body: bytes) -> None:
    with session(town, "admin") as admin:
        problem(admin.post("/v1/accounts", content=body), 422, "bad-parameter")
        problem(admin.post("/v1/accounts", content=b" " * 4_001), 413, "body-too-large")


@pytest.mark.parametrize(
    ("name", "given", "status", "code"),
    [
        ("a/b", grant("admin"), 422, "bad-name"),
        ("..", grant("admin"), 422, "bad-name"),
        (" spaced ", grant("admin"), 422, "bad-name"),
        ("a\u0007", grant("admin"), 422, "bad-name"),
        ("6472031210850001", grant("admin"), 422, "bad-name"),
        ("x", grant("admin", ("village", "nowhere")), 404, "no-area"),
        ("x", grant("coordinator", assigned=True), 422, "bad-grant"),
        ("x", grant("admin", expires_at="2001-01-01T00:00:00Z"), 422, "bad-grant"),
        ("x", grant("admin", expires_at="0001-01-01T00:00:00+23:59"), 422, "bad-grant"),
        ("x", grant("local_government", HERE), 422, "bad-grant"),
        ("x", grant("local_government", HERE, purpose="p", agreement="a"), 422, "bad-grant"),
        ("admin", grant("admin"), 409, "name-taken"),
    ],
)
def test_accounts_that_cannot_be(town: Service, name: str, given: dict[str, Any], status: int, code: str) -> None:
    with session(town, "admin") as admin:
        problem(admin.post("/v1/accounts", json={"name": name, "grant": given}), status, code)
        assert admin.get("/v1/accounts", params={"q": "x"}).json()["accounts"] == []


# ── one's own tokens, sessions, password ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("who", ROLES)
def test_everybody_makes_tokens_of_its_own(fresh_service: Service, who: str) -> None:
    with session(fresh_service, who) as client:
        made = client.post("/v1/tokens", json={"name": " QGIS kantor ", "days": 365})
        assert made.status_code == 201
        assert made.headers["cache-control"] == "no-store"
        secret = made.json()["token"]
        rows = client.get("/v1/tokens").json()["tokens"]
        assert [row["name"] for row in rows] == ["test", "QGIS kantor"]
        assert rows[1]["id"] == made.json()["id"]
        assert secret not in client.get("/v1/tokens").text
        bearer = {"Authorization": f"Bearer {secret}"}
        with fresh_service.client(None) as other:
            assert other.get("/v1/me", headers=bearer).json()["name"] == who
            assert client.delete(f"/v1/tokens/{rows[1]['id']}").status_code == 204
            assert other.get("/v1/me", headers=bearer).status_code == 401
        problem(client.delete(f"/v1/tokens/{rows[1]['id']}"), 404, "no-token")


def test_tokens_have_bounds(fresh_town: Service) -> None:
    with session(fresh_town, "supervisor") as client:
        problem(client.post("/v1/tokens", json={"name": "x", "days": 366}), 422, "bad-expiry")
        for wrong in ({"days": 0}, {"days": 3651}, {"days": "9"}, {"days": 1.5}, {"name": ""}, {"name": "x" * 65}):
            problem(client.post("/v1/tokens", json={"name": "x", "days": 9} | wrong), 422, "bad-parameter")
        for name in (" ", "a\u0000", "6472031210850001", "NIK 6472031210850001."):
            problem(client.post("/v1/tokens", json={"name": name, "days": 9}), 422, "bad-name")
        for n in range(49):
            assert client.post("/v1/tokens", json={"name": f"t{n}", "days": 9}).status_code == 201
        problem(client.post("/v1/tokens", json={"name": "one more", "days": 9}), 409, "too-many-tokens")
    with session(fresh_town, "lurah") as client:
        assert client.post("/v1/tokens", json={"name": "x", "days": 3650}).status_code == 201
    with session(fresh_town, "baru") as client:
        problem(client.post("/v1/tokens", json={"name": "x", "days": 9}), 403, "no-role")
        assert client.get("/v1/tokens").json() == {"tokens": []}
        assert client.get("/v1/me").json()["role"] == "none"


def test_tokens_and_sessions_of_others_are_not_there(town: Service) -> None:
    with session(town, "admin") as admin, session(town, "supervisor") as supervisor:
        (session_id,) = (r["id"] for r in supervisor.get("/v1/sessions").json()["sessions"] if r["this"])
        (token_id,) = (r["id"] for r in supervisor.get("/v1/tokens").json()["tokens"])
        problem(admin.delete(f"/v1/tokens/{token_id}"), 404, "no-token")
        problem(admin.delete(f"/v1/sessions/{session_id}"), 404, "no-session")
        problem(supervisor.delete(f"/v1/tokens/{session_id}"), 404, "no-token")
        problem(supervisor.delete(f"/v1/sessions/{token_id}"), 404, "no-session")
        assert supervisor.get("/v1/me").status_code == 200


def test_a_session_elsewhere_is_ended(fresh_service: Service) -> None:
    with session(fresh_service, "supervisor") as here, session(fresh_service, "supervisor") as there:
        rows = here.get("/v1/sessions").json()["sessions"]
        assert sorted(row["this"] for row in rows) == [False, True]
        assert {row["how"] for row in rows} == {"password"}
        (other,) = (row["id"] for row in rows if not row["this"])
        assert here.delete(f"/v1/sessions/{other}").status_code == 204
        assert there.get("/v1/me").status_code == 401
        assert here.get("/v1/me").status_code == 200


def test_a_new_password_ends_the_other_sessions(fresh_service: Service) -> None:
    with session(fresh_service, "supervisor") as here, session(fresh_service, "supervisor") as there:
        before = here.cookies[COOKIE]
        problem(here.post("/v1/password", json={"old": PASSWORD, "new": "short"}), 422, "weak-password")
        problem(here.post("/v1/password", json={"old": PASSWORD, "new": "x" * 201}), 422, "weak-password")
        answer = here.post("/v1/password", json={"old": PASSWORD, "new": "yang-baru-sekali"})
        assert (answer.status_code, answer.headers["cache-control"]) == (204, "no-store")
        assert "HttpOnly" in answer.headers["set-cookie"]
        assert here.cookies[COOKIE] != before
        assert here.get("/v1/me").status_code == 200
        assert len(here.get("/v1/sessions").json()["sessions"]) == 1
        assert there.get("/v1/me").status_code == 401
        there.cookies.set(COOKIE, before)
        assert there.get("/v1/me").status_code == 401
        there.cookies.clear()
        assert not enters(there, "supervisor", PASSWORD)
        assert enters(there, "supervisor", "yang-baru-sekali")
    with fresh_service.client("supervisor") as by_token:
        assert by_token.get("/v1/me").status_code == 200


def test_a_wrong_old_password_counts_like_a_failed_log_in(fresh_service: Service) -> None:
    with session(fresh_service, "supervisor") as client:
        for _ in range(5):
            answer = client.post("/v1/password", json={"old": "guessed-wrongly", "new": "yang-baru-sekali"})
            problem(answer, 403, "wrong-password")
        answer = client.post("/v1/password", json={"old": PASSWORD, "new": "yang-baru-sekali"})
        problem(answer, 403, "wrong-password")  # locked: a stolen session must not go on guessing
        assert not enters(client, "supervisor", PASSWORD)
        assert client.get("/v1/me").status_code == 200
    with fresh_service.client() as admin:
        (row,) = admin.get("/v1/accounts?q=supervisor").json()["accounts"]
        assert row["locked"]
        acts = [r["act"] for r in admin.get("/v1/audit?account=supervisor&act=log-in.").json()["audit"]]
        assert acts.count("log-in.locked") == 1
        assert acts.count("log-in.failed") == 6


def test_me_says_whether_the_view_has_changed(fresh_town: Service) -> None:
    with session(fresh_town, "supervisor") as client, session(fresh_town, "camat") as camat:
        before = MeOut.model_validate_json(client.get("/v1/me").content)
        assert (before.role, before.roles, before.blocks, before.by_password) == ("supervisor", ["supervisor"], 3, True)
        assert [(g.role, g.area, g.until) for g in before.grants] == [("supervisor", "Kampung 1", None)]
        assert client.get("/v1/me").json()["sees"] == before.sees
        camat.post("/v1/accounts/supervisor/grants", json=grant("supervisor", THERE))
        (given,) = (g["id"] for g in held(camat, "supervisor") if g["code"] == VILLAGES[1])
        camat.delete(f"/v1/grants/{before.grants[0].id}")
        after = client.get("/v1/me").json()
        assert after["sees"] != before.sees
        assert [g["id"] for g in after["grants"]] == [given]


# ── who may see an area ───────────────────────────────────────────────────────────────────────────────────────────


def seen(client: httpx2.Client, **asked: Any) -> AccessOut:
    answer = client.get("/v1/access", params=asked)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return AccessOut.model_validate_json(answer.content)


def test_who_may_see_an_area(town: Service) -> None:
    with session(town, "supervisor") as client:
        found = seen(client)
        assert (found.blocks, found.accounts, found.edition, found.next) == (3, len(found.access), EDITION, None)
        assert {(r.account, r.role, r.blocks, r.whole) for r in found.access} == {
            ("admin", "admin", 3, True), ("camat", "admin", 3, True), ("lurah", "admin", 3, True),
            ("coordinator", "coordinator", 3, True), ("supervisor", "supervisor", 3, True),
            ("budi", "supervisor", 2, False), ("siti", "enumerator", 2, False), ("enumerator", "enumerator", 1, False),
            ("dinsos", "local_government", 3, True), ("local_government", "local_government", 3, True),
        }  # fmt: skip
        assert [r.role for r in found.access] == sorted(
            (r.role for r in found.access),
            key=["admin", "coordinator", "supervisor", "enumerator", "local_government"].index,
        )
        assert [r.account for r in found.access if r.own] == ["supervisor"]
        government = next(r for r in found.access if r.account == "dinsos")
        assert (government.purpose, government.agreement, government.area) == ("tests", "T/1", "Kampung 1")
        assert government.until is not None
        one = seen(client, within=BLOCKS[0].code)
        assert (one.blocks, {r.account for r in one.access} & {"enumerator", "siti", "budi"}) == (1, {"enumerator"})
        part = seen(client, within="6472030", within_level="district")  # the part of it that is the caller's
        assert [r.account for r in part.access] == [r.account for r in found.access]
        problem(client.get("/v1/access", params={"within": VILLAGES[1]}), 404, "not-found")
        problem(client.get("/v1/access?within=nowhere"), 404, "no-area")
    with session(town, "budi") as client:
        assert {r.account for r in seen(client).access} >= {"budi", "siti", "supervisor", "admin"}
        assert "enumerator" not in {r.account for r in seen(client).access}
        problem(client.get("/v1/access", params={"within": BLOCKS[0].code}), 404, "not-found")
    with town.client() as client:
        every = seen(client)
        assert {r.account for r in every.access} >= {"tetangga", "lurah"}
        assert "baru" not in {r.account for r in every.access}
        assert seen(client, within=VILLAGES[1]).blocks == 3


def test_a_supervisor_here_who_is_an_enumerator_there_asks_as_a_supervisor(fresh_town: Service) -> None:
    with session(fresh_town, "camat") as camat, session(fresh_town, "supervisor") as client:
        camat.post("/v1/accounts/supervisor/grants", json=grant("enumerator", ("block", BLOCKS[5].code)))
        assert client.get("/v1/me").json()["blocks"] == 4
        assert seen(client).blocks == 3
        problem(client.get("/v1/access", params={"within": BLOCKS[5].code}), 404, "not-found")


def test_who_may_see_by_pages(town: Service) -> None:
    with town.client() as client:
        every = [r.id for r in seen(client).access]
        pages: list[int] = []
        after: int | None = None
        while True:
            page = seen(client, limit=3, **({"after": after} if after else {}))
            pages += [r.id for r in page.access]
            after = page.next
            if after is None:
                break
        assert pages == every


def test_lists_in_all_formats_say_the_same(town: Service) -> None:
    with session(town, "admin") as client:
        for path, name in (("/v1/access", "access"), ("/v1/accounts", "accounts"), ("/v1/audit?limit=5", "audit")):
            with_format = path + ("&" if "?" in path else "?") + "format="
            answers = {kind: client.get(with_format + kind) for kind in ("csv", "xlsx", "geojson")}
            assert {a.headers["cache-control"] for a in answers.values()} == {"no-store"}
            rows = client.get(path).json()[name]
            table = list(csv.DictReader(io.StringIO(answers["csv"].content.decode("utf-8-sig"))))
            header, *lines = load_workbook(io.BytesIO(answers["xlsx"].content)).get_sheet_by_name(name).to_python()
            assert list(table[0]) == header == list(rows[0])
            assert len(table) == len(lines) == len(rows) == len(answers["geojson"].json()["features"])
    with session(town, "admin") as client:
        line = next(csv.DictReader(io.StringIO(client.get("/v1/audit?format=csv").content.decode("utf-8-sig"))))
        assert isinstance(json.loads(line["subject"]), dict)


# ── the audit ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_audit_is_read_and_says_so(fresh_town: Service) -> None:
    with session(fresh_town, "admin") as client:
        client.post("/v1/tokens", json={"name": "hp", "days": 3})
        found = AuditOut.model_validate_json(client.get("/v1/audit").content)
        assert [r.id for r in found.audit] == sorted((r.id for r in found.audit), reverse=True)
        made = next(r for r in found.audit if r.act == "token.create")
        assert (made.account, made.credential is not None) == ("admin", True)
        again = AuditOut.model_validate_json(client.get("/v1/audit?act=audit.read").content)
        assert [(r.account, r.subject) for r in again.audit] == [("admin", {"rows": len(found.audit)})]
        grants_only = client.get("/v1/audit?act=grant.&limit=1000").json()["audit"]
        assert {r["act"] for r in grants_only} == {"grant.give", "grant.end"}
        first = client.get("/v1/audit?limit=2&act=grant.").json()
        rest = client.get(f"/v1/audit?limit=1000&act=grant.&after={first['next']}").json()
        assert [r["id"] for r in first["audit"] + rest["audit"]] == [r["id"] for r in grants_only]
        assert client.get("/v1/audit?since=2100-01-01T00:00:00Z").json()["audit"] == []
        assert client.get("/v1/audit?until=2001-01-01T00:00:00Z").json()["audit"] == []
        assert client.get("/v1/audit?since=0001-01-01T00:00:00%2B23:59&limit=1").status_code == 200
        problem(client.get("/v1/audit?account=nobody"), 404, "no-account")
        problem(client.get("/v1/audit?account=%00"), 422, "bad-name")
        for wrong in ("since=yesterday", "since=5", "since=2030-01-01T00:00:00", "act=%25", "limit=0", "after=0"):
            problem(client.get(f"/v1/audit?{wrong}"), 422, "bad-parameter")


def test_no_secret_is_ever_read_again(fresh_town: Service, capfd: pytest.CaptureFixture[str]) -> None:
    with session(fresh_town, "admin") as client:
        token = client.post("/v1/tokens", json={"name": "hp", "days": 3}).json()["token"]
        wanted = {"name": "ani", "grant": grant("supervisor", HERE)}
        first = client.post("/v1/accounts", json=wanted).json()["password"]
        second = client.post("/v1/accounts/ani/password").json()["password"]
        client.post("/v1/password", json={"old": PASSWORD, "new": "kata-sandi-kanari"})
        secrets = [token, first, second, PASSWORD, "kata-sandi-kanari", client.cookies[COOKIE], "argon2"]
        lists = ("accounts?limit=1000", "access?limit=1000", "audit?limit=1000", "tokens", "sessions", "me")
        answers = [client.get(f"/v1/{path}") for path in lists]
        answers += [client.get(f"/v1/{path}&format=csv") for path in lists[:3]]
        answers += [client.get("/account"), client.get("/access")]
    logged = "".join(capfd.readouterr())
    for secret in secrets:
        assert [str(a.url) for a in answers if secret in a.text] == []
        assert secret not in logged


# ── pages, words, the document ────────────────────────────────────────────────────────────────────────────────────


def test_pages_are_open_to_those_they_are_for(town: Service) -> None:
    opened = dict.fromkeys(("admin", "lurah", "coordinator", "supervisor", "budi"), (200, 200))
    opened |= dict.fromkeys(("enumerator", "siti", "local_government", "baru"), (200, 403))
    for who, (account, access) in opened.items():
        with session(town, who) as client:
            page = client.get("/account")
            assert page.status_code == account
            assert ('href="/access"' in page.text) is (access == 200)
            assert ('id="make"' in page.text) is (who != "baru")
            answer = client.get("/access")
            assert answer.status_code == access
            assert ('id="accounts"' in answer.text) is (who in {"admin", "lurah"})
    with session(town, "baru") as client:
        for path in ("/", "/gaps", "/access"):
            answer = client.get(path)
            assert answer.status_code == 403
            assert "Akun Anda belum punya peran" in answer.text
            assert 'href="/gaps"' not in answer.text
    with session(town, "enumerator") as client:
        assert "Halaman ini bukan untuk peran Anda" in client.get("/access").text
    with town.client(None) as nobody:
        for path in ("/account", "/access"):
            assert nobody.get(path).headers["location"] == f"/login?to={path}"


def test_the_log_in_page_says_why_one_is_there(town: Service) -> None:
    with town.client(None) as nobody:
        assert "Sesi Anda sudah berakhir" in nobody.get("/login?ended=1&to=/account").text
        page = nobody.get("/login?failed=provider").text
        assert "lewat penyedia tidak berhasil" in page
        assert 'role="alert"' in page
        assert "/login/provider" not in page


def test_the_log_in_page_offers_the_provider(settings: Settings, fresh_database: Logins) -> None:
    by = {"oidc_issuer": "https://sso.example.id", "oidc_client_id": "cakupan", "oidc_label": 'SSO "BPS" & co'}
    with serving(settings.model_copy(update=by), fresh_database) as url, httpx2.Client(base_url=url) as client:
        page = client.get("/login?to=/gaps%3Fstate=behind%26x=1").text
    assert 'href="/login/provider?to=/gaps%3Fstate%3Dbehind%26x%3D1"' in page
    assert "Masuk dengan SSO &#34;BPS&#34; &amp; co" in page


@pytest.mark.parametrize("language", locales.LANGUAGES)
def test_every_role_and_trouble_is_put_in_words(language: str) -> None:
    said = locales.texts(language)
    assert [r for r in (*ROLES, "none") if f"role.{r}" not in said] == []
    assert [r for r in ROLES if f"can.{r}" not in said] == []
    codes = {
        "not-yours", "own-account", "session-needed", "wrong-password", "no-session", "too-many-tokens", "name-taken",
        "bad-name", "bad-grant", "no-account", "no-grant", "no-token", "no-role", "weak-password", "no-area",
    }  # fmt: skip
    assert [c for c in codes if f"trouble.{c}" not in said] == []
    kinds = ("on_area", "on_everything", "on_assigned", "everything", "assigned", "assigned_own", "area")
    assert [k for k in kinds if f"grant.{k}" not in said] == []


def test_bodies_are_written_out_in_the_document(settings: Settings) -> None:
    nowhere = "postgresql+psycopg://nobody@127.0.0.1:9/none"
    paths = create_app(settings, Logins(nowhere, nowhere, nowhere)).openapi()["paths"]
    for path in ("/v1/accounts", "/v1/accounts/{name}/grants", "/v1/tokens", "/v1/password"):
        schema = paths[path]["post"]["requestBody"]["content"]["application/json"]["schema"]
        assert "$ref" not in json.dumps(schema)
        assert "$defs" not in schema
        assert {"403", "413", "422"} <= set(paths[path]["post"]["responses"])
    assert set(paths["/v1/accounts"]["post"]["requestBody"]["content"]["application/json"]["schema"]["properties"]) == {
        "name", "grant",
    }  # fmt: skip
