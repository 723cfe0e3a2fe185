"""Who may ask what: every route against every role, and numbers against every scope."""

import base64
import itertools
import time
from collections.abc import Callable
from typing import Any

import httpx2
import mapbox_vector_tile
import pytest
from fastapi.routing import iter_route_contexts

from app.access import COOKIE
from app.database import Logins
from app.main import create_app
from app.settings import Settings
from geo.watch.coverage import FIELDS
from tests.conftest import ACCOUNTS, Service, serving
from tests.world import BLOCKS, VILLAGES, submission

ROLES = tuple(ACCOUNTS)
TILE = "13/6761/4107"

#: What each role gets. 401 is what everybody gets without credentials, save where OPEN says otherwise.
WATCHERS = dict.fromkeys(ROLES, 200) | {"local_government": 403}
EVERYBODY = dict.fromkeys(ROLES, 200)
NO_DECIDERS = ("enumerator", "local_government")
OPEN: dict[str, str] = {
    "GET /livez": "says nothing of anybody",
    "GET /readyz": "says nothing of anybody",
    "GET /metrics": "says nothing of any household",
    "GET /v1/openapi.json": "the contract is public",
    "GET /login": "where one logs in",
    "POST /login": "where one logs in",
    "GET /": "leads to the log-in page",
    "GET /gaps": "leads to the log-in page",
    "GET /quarantine": "leads to the log-in page",
    "GET /assets/{version}/{name:path}": "scripts and styles, the same for all",
    "GET /favicon.ico": "the same for all",
}
GUARDED: dict[str, tuple[str, dict[str, int]]] = {
    "POST /v1/submissions": ("/v1/submissions", dict.fromkeys(ROLES, 201) | {"local_government": 403}),
    "POST /v1/heartbeats": ("/v1/heartbeats", dict.fromkeys(ROLES, 422) | {"local_government": 403}),
    "GET /v1/submissions/{submission_id}": ("/v1/submissions/11111111-1111-4111-8111-111111111111",
                                            dict.fromkeys(ROLES, 404) | {"local_government": 403}),
    "GET /v1/areas": ("/v1/areas", WATCHERS),
    "GET /v1/areas/{code}": ("/v1/areas/6472", WATCHERS),
    "GET /v1/campaign": ("/v1/campaign", EVERYBODY),
    "GET /v1/coverage": ("/v1/coverage", WATCHERS),
    "GET /v1/cells": ("/v1/cells", WATCHERS),
    "GET /v1/gaps": ("/v1/gaps", WATCHERS),
    "GET /v1/quarantine": ("/v1/quarantine", WATCHERS),
    "POST /v1/quarantine/{row_id}/resolve": ("/v1/quarantine/1/resolve",
                                             dict.fromkeys(ROLES, 422) | dict.fromkeys(NO_DECIDERS, 403)),
    "GET /v1/stream": ("/v1/stream", WATCHERS),
    "GET /v1/me": ("/v1/me", EVERYBODY),
    "GET /tiles/{layer}/{z}/{x}/{y}.mvt": (f"/tiles/blocks/{TILE}.mvt", WATCHERS),
    "GET /tiles/{layer}.json": ("/tiles/blocks.json", EVERYBODY),
    "GET /style.json": ("/style.json", WATCHERS),
    "POST /logout": ("/logout", dict.fromkeys(ROLES, 303)),
}  # fmt: skip


def routes(settings: Settings) -> set[str]:
    """Method and path of everything the service answers."""
    nowhere = "postgresql+psycopg://nobody@127.0.0.1:9/none"
    app = create_app(settings, Logins(nowhere, nowhere, nowhere))
    found = set()
    for context in iter_route_contexts(app.routes):
        found |= {f"{method} {context.path}" for method in context.methods or () if method != "HEAD"}
    return found


def asked(client: httpx2.Client, route: str, who: str | None, authorization: str | None = None) -> int:
    """The status of one request; a stream is left at once."""
    method, _, _ = route.partition(" ")
    path = GUARDED[route][0]
    more: dict[str, Any] = {}
    if authorization is not None:
        more["headers"] = [(b"Authorization", authorization.encode("latin-1"))]
    if route == "POST /v1/submissions":
        more["json"] = {"submissions": [submission(f"by-{who}")]}
    with client.stream(method, path, **more) as answer:
        return answer.status_code


def test_every_route_is_in_the_matrix(settings: Settings) -> None:
    assert routes(settings) == set(OPEN) | set(GUARDED), "say here who may ask the new route"
    assert not set(OPEN) & set(GUARDED)


@pytest.mark.parametrize("route", GUARDED)
def test_without_credentials(service: Service, route: str) -> None:
    with service.client(None) as client:
        assert asked(client, route, None) == 401
        for header in ("Bearer x", "Bearer", "Basic x", "Basic w6k6w6k=", "Basic é", "Digest x", "Bearer \xff"):
            assert asked(client, route, None, header) == 401, header


@pytest.mark.parametrize("route", OPEN)
def test_open_routes_give_no_numbers(service: Service, route: str) -> None:
    method, _, path = route.partition(" ")
    if method == "POST":
        return
    with service.client(None) as client:
        answer = client.get(path.replace("{version}/{name:path}", "x/static/page.css"))
    assert answer.status_code in ({303} if route in {"GET /", "GET /gaps", "GET /quarantine"} else {200})
    if answer.status_code == 303:
        assert answer.headers["location"].startswith("/login?to=")
    assert BLOCKS[0].code not in answer.text


@pytest.mark.parametrize("who", ROLES)
@pytest.mark.parametrize("route", GUARDED)
def test_each_role_at_each_route(service: Service, route: str, who: str) -> None:
    with service.client(who) as client:
        assert asked(client, route, who) == GUARDED[route][1][who]


@pytest.mark.parametrize("layer", ["areas", "blocks", "cells", "households"])
def test_local_government_sees_no_tile(service: Service, layer: str) -> None:
    with service.client("local_government") as client:
        assert client.get(f"/tiles/{layer}/14/13523/8215.mvt").status_code == 403
        assert client.get("/tiles/households.json").status_code == 403


# ── numbers ───────────────────────────────────────────────────────────────────────────────────────────────────────


def until(check: Callable[[], bool]) -> None:
    limit = time.monotonic() + 5
    while not check():
        assert time.monotonic() < limit, "it did not come"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def filled(service: Service) -> Service:
    """Thirty households in every block, counted."""
    rows = [submission(f"f{n}", BLOCKS[n % 6]) for n in range(180)]
    assert service.send(*rows).json()["counts"]["stored"] == 180
    with service.client() as client:
        until(lambda: client.get("/v1/coverage?level=scope").json()["coverage"][0]["completed"] >= 180)
    return service


@pytest.mark.parametrize(
    ("who", "blocks"),
    [("admin", BLOCKS), ("coordinator", BLOCKS), ("supervisor", BLOCKS[:3]), ("enumerator", BLOCKS[:1])],
)
def test_nulls_outside_the_scope(filled: Service, who: str, blocks: tuple[Any, ...]) -> None:
    mine = {block.code for block in blocks}
    with filled.client(who) as client:
        for row in client.get("/v1/coverage").json()["coverage"]:
            shown = {name for name in FIELDS if row[name] is not None}
            assert (row["code"] in mine) is bool(shown), row["code"]
        outside = client.get("/v1/coverage", params={"within": VILLAGES[1], "level": "village"})
        assert outside.status_code == 200  # shapes are public, numbers are not
        assert (outside.json()["coverage"][0]["completed"] is None) is (who not in {"admin", "coordinator"})
        assert (client.get("/v1/areas/64").json()["area"]["completed"] is None) is (who != "admin")
        states = ["unknown", "empty", "over", "done", "silent", "unvisited", "behind", "started"]
        assert {b["code"] for b in client.get("/v1/gaps", params={"state": states}).json()["gaps"]} == mine
        total = client.get("/v1/coverage?level=scope").json()["coverage"][0]["completed"]
        # sums over cells hold what lies in the scope, whatever other block a cell reaches into
        for res in (5, 10):
            rows = client.get("/v1/cells", params={"res": res}).json()["cells"]
            assert sum(row["completed"] for row in rows) == total
        assert client.get("/v1/me").json()["everything"] is (who == "admin")


def tile_fields(client: httpx2.Client, layer: str = "blocks") -> dict[str, dict[str, Any]]:
    answer = client.get(f"/tiles/{layer}/{TILE}.mvt")
    found = mapbox_vector_tile.decode(answer.content)[layer]["features"]
    return {feature["properties"]["code"]: feature["properties"] for feature in found}


def test_a_tile_warmed_by_one_shows_another_nothing_of_it(filled: Service) -> None:
    with filled.client("admin") as admin, filled.client("supervisor") as supervisor:
        for _ in range(2):
            every = tile_fields(admin)
            assert all(fields["completed"] >= 30 for fields in every.values())
            mine = tile_fields(supervisor)
            for code, fields in mine.items():
                if code.startswith(VILLAGES[0]):
                    assert fields == every[code]
                else:
                    assert {fields[n] for n in ("expected", "completed", "gap", "coverage", "state")} == {-2}
        tags = [c.get(f"/tiles/blocks/{TILE}.mvt").headers["etag"] for c in (admin, supervisor)]
        assert tags[0] != tags[1]
        stale = supervisor.get(f"/tiles/blocks/{TILE}.mvt", headers={"If-None-Match": tags[0]})
        assert stale.status_code == 200
        cells = [len(c.get(f"/tiles/cells/{TILE}.mvt").content) for c in (admin, supervisor)]
        assert cells[0] > cells[1]


def test_single_households_in_scope_only(filled: Service) -> None:
    found = {}
    for who in ("admin", "supervisor", "enumerator"):
        names = set()
        with filled.client(who) as client:
            for x, y in itertools.product(range(13522, 13525), range(8213, 8217)):
                answer = client.get(f"/tiles/households/14/{x}/{y}.mvt")
                assert answer.headers["cache-control"] == "no-store"
                for layer in mapbox_vector_tile.decode(answer.content).values():
                    names |= {feature["properties"]["household_id"] for feature in layer["features"]}
        found[who] = {name for name in names if name.startswith("SIM-f")}
    assert found["admin"] == {f"SIM-f{n}" for n in range(180)}
    assert found["supervisor"] == {f"SIM-f{n}" for n in range(180) if n % 6 < 3}
    assert found["enumerator"] == {f"SIM-f{n}" for n in range(0, 180, 6)}


def test_receipts_are_the_senders_and_the_scopes(filled: Service) -> None:
    row = submission("own-receipt", BLOCKS[5])
    assert filled.send(row, who="enumerator").status_code == 201
    for who, status in {"admin": 200, "coordinator": 200, "enumerator": 200, "supervisor": 404}.items():
        with filled.client(who) as client:
            assert client.get(f"/v1/submissions/{row['submission_id']}").status_code == status, who


# ── credentials ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_token_as_password_of_basic(service: Service) -> None:
    with service.client(None) as client:
        for name in ("qgis", "", "anything at all"):
            secret = base64.b64encode(f"{name}:{service.tokens['supervisor']}".encode()).decode()
            answer = client.get("/v1/me", headers={"Authorization": f"Basic {secret}"})
            assert answer.json()["name"] == "supervisor"
        assert "Basic" in client.get("/v1/me").headers["www-authenticate"]


def log_in(client: httpx2.Client, name: str, password: str, to: str = "/") -> httpx2.Response:
    return client.post("/login", data={"name": name, "password": password, "to": to})


def test_log_in_and_out(fresh_service: Service) -> None:
    with fresh_service.client(None) as client:
        answer = log_in(client, "supervisor", fresh_service.password, "/gaps?state=behind")
        assert answer.status_code == 303
        assert answer.headers["location"] == "/gaps?state=behind"
        cookie = answer.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "samesite=lax" in cookie.lower()
        secret = client.cookies[COOKIE]
        assert client.get("/v1/me").json()["role"] == "supervisor"
        assert client.post("/logout", headers={"Origin": "http://elsewhere.example"}).status_code == 403
        assert client.get("/v1/me").status_code == 200
        assert client.post("/logout", headers={"Origin": fresh_service.url}).status_code == 303
        client.cookies.set(COOKIE, secret)
        assert client.get("/v1/me").status_code == 401  # dead at once


@pytest.mark.parametrize("to", ["//elsewhere.example", "/\\elsewhere.example", "https://elsewhere.example", "x"])
def test_log_in_leads_nowhere_else(service: Service, to: str) -> None:
    with service.client(None) as client:
        assert log_in(client, "admin", service.password, to).headers["location"] == "/"


def test_five_wrong_passwords_lock(fresh_service: Service) -> None:
    with fresh_service.client(None) as client:
        for _ in range(5):
            assert log_in(client, "admin", "wrong password").headers["location"].startswith("/login?failed=1")
        assert log_in(client, "admin", fresh_service.password).headers["location"].startswith("/login?failed=1")
        assert log_in(client, "nobody", "wrong password").headers["location"].startswith("/login?failed=1")
        assert log_in(client, "supervisor", fresh_service.password).headers["location"] == "/"


def test_not_ready_on_a_database_that_could_lose(settings: Settings, fresh_database: Logins) -> None:
    with serving(settings, fresh_database, may_lose=False) as url, httpx2.Client(base_url=url) as client:
        answer = client.get("/readyz")
        assert answer.status_code == 503
        assert answer.json()["type"] == "urn:cakupan:problem:not-durable"
        assert "fsync" in answer.json()["detail"]
        assert client.get("/livez").status_code == 200
