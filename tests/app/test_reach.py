"""How far an administrator reaches, and a token: accounts, grants, tokens and sessions that are not one's own."""

import asyncio
import base64
import itertools
from dataclasses import replace

import httpx2
import pytest

from tests.app.callers import PEOPLE, in_session, more_people, sessions
from tests.app.reading import FORMATS, rows_of
from tests.conftest import Service
from tests.world import BLOCKS, VILLAGES


@pytest.fixture(scope="module")
def crowd(service: Service) -> Service:
    """The service with an account of every kind."""
    return replace(service, tokens=service.tokens | asyncio.run(more_people(service.logins)))


@pytest.fixture(scope="module")
def cookies(crowd: Service) -> dict[str, str]:
    """A session of everybody."""
    return asyncio.run(sessions(crowd.logins))


def names(answer: httpx2.Response, name: str, format_: str, column: str) -> set[str]:
    assert answer.status_code == 200, answer.text
    return {row[column] for row in rows_of(answer.content, name, format_)}


@pytest.mark.parametrize("format_", FORMATS)
def test_who_sees_an_area(crowd: Service, format_: str) -> None:
    upper = {"admin", "coordinator", "supervisor", "enumerator", "part_admin", "mixed", "mixed_admin", "both_sides",
             "local_government"}  # fmt: skip
    lower = {"admin", "coordinator", "part_coordinator", "mixed", "mixed_admin", "both_sides", "local_government"}
    for who, person in PEOPLE.items():
        if not person.decides:
            continue
        with crowd.client(who) as client:
            for blocks, village, holders in ((BLOCKS[:3], VILLAGES[0], upper), (BLOCKS[3:], VILLAGES[1], lower)):
                answer = client.get("/v1/access", params={"within": village, "format": format_})
                if set(blocks) <= set(person.decides):
                    assert names(answer, "access", format_, "account") == holders, who
                else:
                    assert (answer.status_code, answer.json()["type"]) == (404, "urn:cakupan:problem:not-found"), who
            answer = client.get("/v1/access", params={"format": format_})
            assert names(answer, "access", format_, "account") == (
                upper | lower if len(person.decides) == 6 else lower if who == "part_coordinator" else upper
            )


@pytest.mark.parametrize("format_", FORMATS)
def test_accounts_of_ones_areas(crowd: Service, format_: str) -> None:
    with crowd.client("admin") as client:
        found = names(client.get("/v1/accounts", params={"format": format_}), "accounts", format_, "name")
    assert found == set(PEOPLE)
    for who in ("part_admin", "mixed_admin"):  # what the second sees as an enumerator is not its to administer
        with crowd.client(who) as client:
            found = names(client.get("/v1/accounts", params={"format": format_}), "accounts", format_, "name")
        assert found == set(PEOPLE) - {"part_coordinator"}


LOWER_GRANT = {"role": "supervisor", "level": "village", "code": VILLAGES[1]}
UPPER_GRANT = {"role": "enumerator", "level": "block", "code": BLOCKS[0].code}


@pytest.mark.parametrize("who", ["part_admin", "mixed_admin"])
def test_an_administrator_of_an_area_reaches_no_further(crowd: Service, cookies: dict[str, str], who: str) -> None:
    with crowd.client() as admin:
        rows = admin.get("/v1/accounts").json()["accounts"]
    ids = {row["name"]: [grant["id"] for grant in row["grants"]] for row in rows}
    with in_session(crowd, cookies[who]) as client:
        wide = {"role": "admin"}
        for grant in (LOWER_GRANT, wide, {"role": "enumerator", "assigned": True}):
            answer = client.post("/v1/accounts", json={"name": f"by {who}", "grant": grant})
            assert (answer.status_code, answer.json()["type"]) == (403, "urn:cakupan:problem:not-yours")
            answer = client.post("/v1/accounts/supervisor/grants", json=grant)
            assert (answer.status_code, answer.json()["type"]) == (403, "urn:cakupan:problem:not-yours")
            answer = client.post(f"/v1/accounts/{who}/grants", json=grant)
            assert answer.status_code == 403, "nor may it give itself more"
        for name in ("admin", "coordinator", "mixed", "mixed_admin", "both_sides"):
            for act in ("password", "disable", "enable"):
                if name != who:
                    assert client.post(f"/v1/accounts/{name}/{act}").status_code == 403, (name, act)
        for act in ("password", "disable", "enable", "grants"):
            answer = client.post(f"/v1/accounts/part_coordinator/{act}", json=UPPER_GRANT)
            assert answer.status_code == 404, f"{act}: who works elsewhere is not known here"
        for name in ("admin", "part_coordinator"):
            assert client.delete(f"/v1/grants/{ids[name][0]}").status_code == 403
        assert client.post(f"/v1/accounts/{who}/password").status_code == 409
        assert client.post(f"/v1/accounts/{who}/disable").status_code in {403, 409}
    with crowd.client() as admin:
        after = admin.get("/v1/accounts").json()["accounts"]
    assert after == rows, "and nothing came of it"


def test_tokens_and_sessions_are_ones_own(crowd: Service, cookies: dict[str, str]) -> None:
    with crowd.client("supervisor") as client:
        tokens = {row["id"] for row in client.get("/v1/tokens").json()["tokens"]}
        ids = {row["id"] for row in client.get("/v1/sessions").json()["sessions"]}
    assert tokens
    assert ids
    for who in ("admin", "enumerator", "expired"):  # an administrator shuts accounts out, and ends no single session
        with in_session(crowd, cookies[who]) as client:
            assert tokens.isdisjoint(row["id"] for row in client.get("/v1/tokens").json()["tokens"])
            assert ids.isdisjoint(row["id"] for row in client.get("/v1/sessions").json()["sessions"])
            for token, session in itertools.product(tokens, ids):
                assert client.delete(f"/v1/tokens/{token}").status_code == 404
                assert client.delete(f"/v1/sessions/{session}").status_code == 404
    with crowd.client("supervisor") as client:
        assert {row["id"] for row in client.get("/v1/tokens").json()["tokens"]} == tokens


def test_a_token_makes_nothing_that_outlives_it(crowd: Service, cookies: dict[str, str]) -> None:
    with crowd.client("admin") as client:
        for path, body in (
            ("/v1/tokens", {"name": "bred", "days": 10}),
            ("/v1/accounts", {"name": "bred", "grant": UPPER_GRANT}),
            ("/v1/accounts/supervisor/grants", UPPER_GRANT),
            ("/v1/accounts/supervisor/password", {}),
            ("/v1/password", {"old": crowd.password, "new": "another-password"}),
        ):
            answer = client.post(path, json=body)
            assert (answer.status_code, answer.json()["type"]) == (403, "urn:cakupan:problem:session-needed"), path
        basic = base64.b64encode(f"x:{crowd.tokens['admin']}".encode()).decode()
        answer = client.post("/v1/tokens", json={"name": "b", "days": 1}, headers={"Authorization": f"Basic {basic}"})
        assert answer.status_code == 403
    with in_session(crowd, cookies["admin"]) as client:
        made = client.post("/v1/tokens", json={"name": "device", "days": 10})
        assert made.status_code == 201
        assert made.headers["cache-control"] == "no-store"
        assert client.delete(f"/v1/tokens/{made.json()['id']}").status_code == 204


def test_a_token_as_password_of_basic(crowd: Service) -> None:
    with crowd.client(None) as client:
        for name in ("qgis", "", "anything at all"):
            secret = base64.b64encode(f"{name}:{crowd.tokens['supervisor']}".encode()).decode()
            answer = client.get("/v1/me", headers={"Authorization": f"Basic {secret}"})
            assert answer.json()["name"] == "supervisor"
        assert "Basic" in client.get("/v1/me").headers["www-authenticate"]
