"""Who may ask what: every route against every kind of account, and numbers against every scope, in every format."""

import asyncio
import itertools
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx2
import pytest

from app.settings import Settings
from geo.watch.coverage import FIELDS, STATES
from tests.app.callers import PEOPLE, in_session, more_people, sessions
from tests.app.matrix import GUARDED, OPEN, PAGES, PUBLISHED, TILE, request_of, routes
from tests.app.reading import PLACED, Row, events_of, rows_of, tile_of
from tests.conftest import Service
from tests.world import BLOCKS, VILLAGES, submission
from tiles.splice import EMPTY

#: Families counted in each block, so that every sum tells of which blocks it is.
COUNTED = {block.code: 2**at for at, block in enumerate(BLOCKS)}
HELD = [submission(f"held{at}", block, result="?") for at, block in enumerate(BLOCKS)]

WATCHING = [who for who, person in PEOPLE.items() if person.blocks]
LISTS = {"coverage": "/v1/coverage", "gaps": "/v1/gaps", "cells": "/v1/cells", "households": "/v1/households",
         "prelist": "/v1/prelist", "quarantine": "/v1/quarantine"}  # fmt: skip

#: Guarded GET routes in which there is neither a number nor a household, and what is in them.
NO_NUMBERS = {
    "GET /v1/areas": "shapes and names are public; test_areas_have_no_numbers",
    "GET /v1/campaign": "dates and a clock",
    "GET /tiles/{layer}.json": "addresses and names of fields",
    "GET /style.json": "colours and classes",
    "GET /v1/me": "the caller's own grants",
    "GET /v1/tokens": "the caller's own tokens",
    "GET /v1/sessions": "the caller's own sessions",
    "GET /v1/access": "grants; test_who_sees_an_area",
    "GET /v1/accounts": "accounts and grants; test_accounts_of_ones_areas",
    "GET /basemap.pmtiles": "a map that says nothing of the census",
    "GET /v1/audit": "what people did, for administrators of everything",
    "GET /v1/footprints": "buildings as imported: public",
    "GET /v1/sites/versions": "who changed the list of sites, which is public",
}
#: The others, each with the tests that hold them against the scope.
NUMBERS = {
    *("GET /v1/coverage", "GET /v1/gaps", "GET /v1/cells", "GET /v1/households", "GET /v1/quarantine"),  # lists
    "GET /v1/prelist",
    "GET /v1/progress",
    "GET /v1/enumerators",  # tests/app/test_enumerators.py
    "GET /v1/holes",  # tests/app/test_holes.py
    "GET /v1/reinterviews",  # tests/app/test_reinterviews.py
    "GET /v1/flags",  # tests/app/test_flags.py
    "GET /v1/proposals",  # tests/app/test_proposals.py
    *("GET /v1/movements", "GET /v1/cutoffs"),  # tests/app/test_movements.py
    *("GET /v1/households/{household_id:path}/welfare", "GET /v1/welfare/held"),  # tests/app/test_welfare.py
    "GET /v1/plan",  # tests/app/test_plan.py
    "GET /v1/releases/{release}/placements",  # tests/app/test_programmes.py
    *("GET /v1/sheets/{code}.pdf", "GET /v1/jobs/{job_id}", "GET /v1/jobs/{job_id}/file"),  # tests/app/test_sheets.py
    *("GET /v1/callbacks", "GET /v1/households/{household_id:path}"),  # tests/app/test_callbacks.py
    *("GET /v1/areas/{code}", "GET /v1/submissions/{submission_id}", "GET /v1/stream"),
    "GET /tiles/{layer}/{z}/{x}/{y}.mvt",
}


def until(check: Callable[[], bool]) -> None:
    limit = time.monotonic() + 5
    while not check():
        assert time.monotonic() < limit, "it did not come"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def crowd(service: Service) -> Service:
    """The service with an account of every kind."""
    return replace(service, tokens=service.tokens | asyncio.run(more_people(service.logins)))


@pytest.fixture(scope="module")
def cookies(crowd: Service) -> dict[str, str]:
    """A session of everybody."""
    return asyncio.run(sessions(crowd.logins))


@pytest.fixture(scope="module")
def filled(crowd: Service) -> Service:
    """Families in every block as COUNTED says, and a row held back in each."""
    rows = [submission(f"{b.code}-{n}", b) for b in BLOCKS for n in range(COUNTED[b.code])]
    assert crowd.send(*rows[::2], *HELD).json()["counts"]["quarantined"] == 6
    assert crowd.send(*rows[1::2], who="enumerator").json()["counts"]["stored"] == 31
    with crowd.client() as client:
        until(lambda: client.get("/v1/coverage?level=scope").json()["coverage"][0]["completed"] == 63)
    return crowd


# ── every route ───────────────────────────────────────────────────────────────────────────────────────────────────


def asked(client: httpx2.Client, route: str, **more: Any) -> tuple[int, str]:
    """Status and code of a problem of one request; a stream is left at once."""
    with client.stream(**request_of(route), **more) as answer:
        if answer.headers.get("content-type") != "application/problem+json":
            return answer.status_code, ""
        answer.read()
        return answer.status_code, answer.json()["type"].removeprefix("urn:cakupan:problem:")


def test_every_route_is_in_the_matrix(settings: Settings) -> None:
    assert routes(settings) == {*OPEN, *PUBLISHED, *GUARDED}, "say in matrix.py who may ask the new route"
    assert len({*OPEN, *PUBLISHED, *GUARDED}) == len(OPEN) + len(PUBLISHED) + len(GUARDED)


def test_every_route_with_numbers_is_held_against_the_scope() -> None:
    assert NUMBERS | set(NO_NUMBERS) == {route for route in GUARDED if route.startswith("GET ")}


@pytest.mark.parametrize("route", GUARDED)
def test_without_credentials(service: Service, route: str) -> None:
    with service.client(None) as client:
        assert asked(client, route) == (401, "not-logged-in")
        for header in ("Bearer x", "Bearer", "Basic x", "Basic w6k6w6k=", "Basic é", "Digest x", "Bearer \xff"):
            headers = [(b"Authorization", header.encode("latin-1"))]
            assert asked(client, route, headers=headers) == (401, "not-logged-in"), header


@pytest.mark.parametrize("route", OPEN)
def test_open_routes_give_no_numbers(service: Service, route: str) -> None:
    method, _, path = route.partition(" ")
    if method == "POST" or "provider" in path:  # there is none here
        return
    with service.client(None) as client:
        answer = client.get(path.replace("{version}/{name:path}", "x/static/page.css"))
    assert answer.status_code == (303 if path in PAGES else 200)
    if answer.status_code == 303:
        assert answer.headers["location"].startswith("/login?to=")
    assert BLOCKS[0].code not in answer.text


@pytest.mark.parametrize("route", PUBLISHED)
def test_what_is_published_is_for_everybody_but_for_a_wrong_token(crowd: Service, route: str) -> None:
    path, status = PUBLISHED[route]
    for who in (None, *PEOPLE):
        with crowd.client(who) as client:
            found = client.get(path).status_code
        assert found == (401 if who == "disabled" else status), who
    with crowd.client(None) as client:
        for header in ("Bearer x", "Bearer", "Basic x"):
            assert client.get(path, headers={"Authorization": header}).status_code == 401, header


@pytest.mark.parametrize("who", PEOPLE)
@pytest.mark.parametrize("route", GUARDED)
def test_everybody_at_each_route_with_a_token(crowd: Service, route: str, who: str) -> None:
    status, code = GUARDED[route].expected(who, "token")
    with crowd.client(who) as client:
        found = asked(client, route)
    assert found == (status, code) or (not code and found[0] == status)


@pytest.mark.parametrize("route", [route for route in GUARDED if route != "POST /logout"])
def test_everybody_at_each_route_in_a_session(crowd: Service, cookies: dict[str, str], route: str) -> None:
    for who in PEOPLE:
        status, code = GUARDED[route].expected(who, "session")
        with in_session(crowd, cookies[who]) as client:
            found = asked(client, route)
        assert found == (status, code) or (not code and found[0] == status), who


@pytest.mark.parametrize("page", PAGES)
def test_pages_are_for_those_whom_they_concern(crowd: Service, cookies: dict[str, str], page: str) -> None:
    for who, person in PEOPLE.items():
        with in_session(crowd, cookies[who]) as client:
            answer = client.get(page)
        shown = bool((person.roles or {""}) & PAGES[page])
        assert answer.status_code == (303 if person.ended == "disabled" else 200 if shown else 403), who


# ── numbers ───────────────────────────────────────────────────────────────────────────────────────────────────────


def told(name: str, rows: list[Row]) -> set[str]:
    """The blocks of which some rows tell a number or a household."""
    if name == "cells":
        total = sum(int(row["completed"]) for row in rows)
        return {block.code for at, block in enumerate(BLOCKS) if total >> at & 1}
    if name in {"households", "prelist", "quarantine"}:
        return {
            code for row in rows for code in COUNTED if code in str([row["household_id"], row.get("raw"), row["code"]])
        }
    found = {str(row["code"]) for row in rows if any(row[field] is not None for field in FIELDS)}
    for row in rows:
        assert row["completed"] is None or int(row["completed"]) == COUNTED[str(row["code"])]
    return found


@pytest.fixture
def held_by_ids(filled: Service) -> dict[str, int]:
    """Number of the row held back in each block."""
    with filled.client() as client:
        rows = client.get("/v1/quarantine").json()["quarantine"]
    return {row["code"]: row["id"] for row in rows if row["household_id"].startswith("SIM-held")}


@pytest.mark.parametrize("format_", PLACED)
@pytest.mark.parametrize("name", LISTS)
def test_lists_tell_of_ones_own_blocks_only(filled: Service, name: str, format_: str) -> None:
    for who, within in itertools.product(WATCHING, (None, *VILLAGES, BLOCKS[4].code)):
        asked_for = {b.code for b in BLOCKS if b.code.startswith(within or "")}
        more: dict[str, Any] = {"within": within} if within else {}
        if name == "gaps":
            more["state"] = list(STATES)
        if name == "prelist":  # there is none, so that all are on no list
            more["state"] = ["missing", "new"]
        if name == "cells":
            more["res"] = 10
        with filled.client(who) as client:
            answer = client.get(LISTS[name], params={"format": format_, **more})
        assert answer.status_code == 200, answer.text
        rows = rows_of(answer.content, name, format_)
        assert told(name, rows) == {b.code for b in PEOPLE[who].blocks} & asked_for, (who, within)
        if name == "coverage":  # shapes are public, numbers are not
            assert {row["code"] for row in rows} == asked_for
        if name in {"households", "prelist", "quarantine"}:
            assert answer.headers["cache-control"] == "no-store"
        else:
            assert "private" in answer.headers["cache-control"]


@pytest.mark.parametrize("who", WATCHING)
def test_sums_are_of_ones_own(filled: Service, who: str) -> None:
    mine = {block.code for block in PEOPLE[who].blocks}
    with filled.client(who) as client:
        total = client.get("/v1/coverage?level=scope").json()["coverage"][0]["completed"]
        assert total == sum(COUNTED[code] for code in mine)
        for res in (5, 7, 10):  # over cells that reach into others' blocks too
            rows = client.get("/v1/cells", params={"res": res}).json()["cells"]
            assert sum(row["completed"] for row in rows) == total
        assert client.get("/v1/progress").json()["completed"] == total
        for at, village in enumerate(VILLAGES):
            whole = {block.code for block in BLOCKS[at * 3 : at * 3 + 3]}
            row = client.get("/v1/coverage", params={"level": "village", "within": village}).json()["coverage"][0]
            assert row["completed"] == (sum(COUNTED[c] for c in whole) if whole <= mine else None)
            days = client.get("/v1/progress", params={"within": village, "within_level": "village"}).json()
            assert days["completed"] == row["completed"]
            assert bool(days["progress"]) is (whole <= mine)
            part = client.get("/v1/coverage", params={"level": "scope", "within": village}).json()["coverage"][0]
            assert part["completed"] == sum(COUNTED[c] for c in whole & mine)
        above = {code: client.get(f"/v1/areas/{code}").json()["area"] for code in ("64", "6472", "6472030")}
        for code, area in above.items():
            covered = who == "admin" or (who == "coordinator" and code == "6472030")
            assert (area["completed"] is not None) is covered, code
        for block in BLOCKS:
            area = client.get(f"/v1/areas/{block.code}").json()["area"]
            assert any(area[field] is not None for field in FIELDS) is (block.code in mine)
            assert area["completed"] == (COUNTED[block.code] if block.code in mine else None)
        states = client.get("/v1/gaps").json()["states"]
        assert sum(states.values()) == len(mine)


def test_areas_have_no_numbers(filled: Service) -> None:
    for format_ in PLACED:
        with filled.client("enumerator") as client:
            rows = rows_of(client.get("/v1/areas", params={"format": format_}).content, "areas", format_)
        assert len(rows) == 11
        assert not {name for row in rows for name in row} & set(FIELDS)


@pytest.mark.parametrize("who", WATCHING)
def test_a_stream_tells_of_ones_own(filled: Service, who: str) -> None:
    mine = {block.number for block in PEOPLE[who].blocks}
    for within in (None, VILLAGES[1]):
        asked_for = {b.number for b in BLOCKS if b.code.startswith(within or "")}
        query: dict[str, Any] = {"level": ["block", "village", "regency"], "res": 10, "epoch": 0}
        with (
            filled.client(who) as client,
            client.stream("GET", "/v1/stream", params=query | ({"within": within} if within else {})) as answer,
        ):
            text = ""
            for line in answer.iter_lines():
                text += line + "\n"
                if '"areas"' in line:
                    break
        event = events_of(text)[-1]
        seen = {int(row[0]) for row in event["areas"]}
        assert seen & {b.number for b in BLOCKS} == mine & asked_for
        villages = {4: {5, 6, 7}, 8: {9, 10, 11}}
        assert seen - {b.number for b in BLOCKS} <= {n for n, blocks in villages.items() if blocks <= mine} | (
            {1, 2} if who == "admin" else set()
        )
        total = sum(COUNTED[b.code] for b in BLOCKS if b.number in mine & asked_for)
        assert event["total"]["completed"] == total == sum(row[2] for row in event["cells"])


def names_in_tiles(client: httpx2.Client) -> set[str]:
    """Ids of all households in tiles that cover the world."""
    found = set()
    for x, y in itertools.product(range(13522, 13525), range(8213, 8217)):
        answer = client.get(f"/tiles/households/14/{x}/{y}.mvt")
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"
        found |= {row["household_id"] for row in tile_of(answer.content, "households")}
    return found


@pytest.mark.parametrize("who", WATCHING)
def test_tiles_tell_of_ones_own(filled: Service, who: str) -> None:
    mine = {block.code for block in PEOPLE[who].blocks}
    hidden = dict.fromkeys(("expected", "completed", "gap", "coverage", "resolved", "schedule", "state"), -2)
    with filled.client(who) as client:
        for row in tile_of(client.get(f"/tiles/blocks/{TILE}.mvt").content, "blocks"):
            if row["code"] in mine:
                assert row["completed"] == COUNTED[row["code"]]
            else:
                assert hidden.items() <= row.items()
        for row in tile_of(client.get(f"/tiles/areas/{TILE}.mvt").content, "areas"):
            whole = {code for code in COUNTED if code.startswith(row["code"])} <= mine
            assert (row["completed"] != -2) is whole
        cells = tile_of(client.get(f"/tiles/cells/{TILE}.mvt").content, "cells")
        filled_cells = [row["completed"] for row in cells if row["completed"] != EMPTY]
        assert sum(filled_cells) == sum(COUNTED[code] for code in mine)
        assert names_in_tiles(client) == {f"SIM-{code}-{n}" for code in mine for n in range(COUNTED[code])}


@pytest.mark.parametrize("who", ["local_government", "expired"])
@pytest.mark.parametrize("layer", ["areas", "blocks", "cells", "households"])
def test_who_watches_nothing_sees_no_tile(filled: Service, layer: str, who: str) -> None:
    with filled.client(who) as client:
        assert client.get(f"/tiles/{layer}/14/13523/8215.mvt").status_code == 403
        assert client.get("/tiles/households.json").status_code == 403


def test_receipts_are_the_senders_and_the_scopes(filled: Service) -> None:
    every = [(block, f"{block.code}-{n}") for block in BLOCKS for n in range(COUNTED[block.code])]
    rows = [(at, block, name) for at, (block, name) in enumerate(every) if at % 9 in {0, 1}]
    for who, person in PEOPLE.items():
        if person.ended or who == "local_government":
            continue
        with filled.client(who) as client:
            for at, block, name in rows:
                status = client.get(f"/v1/submissions/{submission(name)['submission_id']}").status_code
                own = who == ("enumerator" if at % 2 else "admin")
                assert status == (200 if own or block in person.blocks else 404), (who, name)


@pytest.mark.parametrize("who", PEOPLE)
def test_decisions_are_for_ones_own_blocks(filled: Service, who: str, held_by_ids: dict[str, int]) -> None:
    person = PEOPLE[who]
    with filled.client(who) as client:
        for block in BLOCKS:
            answer = client.post(f"/v1/quarantine/{held_by_ids[block.code]}/resolve", json={"action": "take"})
            if person.ended == "disabled":
                assert answer.status_code == 401
            elif not person.decides:
                assert answer.status_code == 403
            elif block in person.decides:
                assert answer.json()["type"].endswith("bad-decision"), "a row without a conflict cannot be taken"
            else:
                assert (answer.status_code, answer.json()["type"]) == (404, "urn:cakupan:problem:not-found")
