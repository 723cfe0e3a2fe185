"""Accounts and grants over HTTP: who may change what, and every way up that is barred."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.api.accounts import AccountsOut
from tests.app.test_api import problem
from tests.app.townspeople import HERE, THERE, enters, fresh_town, grant, held, inside, session, town
from tests.conftest import PASSWORD, Service
from tests.world import BLOCKS, VILLAGES

__all__ = ["fresh_town", "town"]

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
    with inside(town, "lurah") as lurah, town.client() as admin:
        problem(lurah.post("/v1/accounts", json={"name": "tangga", "grant": wider}), 403, "not-yours")
        assert admin.get("/v1/accounts", params={"q": "tangga"}).json()["accounts"] == [
            row for row in admin.get("/v1/accounts?q=tetangga").json()["accounts"] if "tangga" in row["name"]
        ]
        for name in ("lurah", "supervisor"):
            problem(lurah.post(f"/v1/accounts/{name}/grants", json=wider), 403, "not-yours")
            assert len(held(admin, name)) == 1


@pytest.mark.parametrize("name", ["admin", "camat", "coordinator", "siti", "budi"])
def test_an_account_that_sees_more_is_not_changed(town: Service, name: str) -> None:
    with inside(town, "lurah") as lurah:
        problem(lurah.post(f"/v1/accounts/{name}/password"), 403, "not-yours")
        problem(lurah.post(f"/v1/accounts/{name}/disable"), 403, "not-yours")
        problem(lurah.post(f"/v1/accounts/{name}/enable"), 403, "not-yours")
    with inside(town, name) as still:
        assert still.get("/v1/me").json()["name"] == name


@pytest.mark.parametrize("name", ["tetangga", "baru", "mantan", "nobody", "x" * 64])
def test_an_account_of_elsewhere_does_not_exist(town: Service, name: str) -> None:
    with inside(town, "lurah") as lurah:
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
        with inside(town, who) as client:
            (own,) = client.get("/v1/me").json()["grants"]
            problem(client.delete(f"/v1/grants/{own['id']}"), 409, "own-account")
            problem(client.post(f"/v1/accounts/{who}/disable"), 409, "own-account")
            problem(client.post(f"/v1/accounts/{who}/password"), 409, "own-account")
            assert len(client.get("/v1/me").json()["grants"]) == 1


def test_grants_of_others_are_not_ended(town: Service) -> None:
    with town.client() as admin, inside(town, "lurah") as lurah:
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
    with inside(town, who) as client:
        problem(client.request(method, path, json=body), 403, "no-role" if who == "baru" else "not-allowed")
    with town.client(None) as nobody:
        problem(nobody.request(method, path, json=body), 401, "not-logged-in")


@pytest.mark.parametrize("who", ["enumerator", "local_government", "dinsos"])
def test_who_sees_an_area_is_for_those_who_lead_it(town: Service, who: str) -> None:
    with inside(town, who) as client:
        problem(client.get("/v1/access"), 403, "not-allowed")


def test_the_audit_is_for_administrators_of_everything(town: Service) -> None:
    for who in ("lurah", "camat"):
        with inside(town, who) as client:
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
    with inside(town, "admin") as admin:
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
    with town.client() as admin, inside(town, "lurah") as lurah:
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
    with inside(town, "admin") as admin:
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
    with inside(town, "admin") as admin:
        problem(admin.post("/v1/accounts", json={"name": name, "grant": given}), status, code)
        assert admin.get("/v1/accounts", params={"q": "x"}).json()["accounts"] == []
