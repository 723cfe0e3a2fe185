"""What is kept for one is never given to another: every cache warmed by one caller, and read by the next."""

import asyncio
import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx2
import pytest

from geo.watch.coverage import FIELDS
from tests.app.callers import PEOPLE, more_people
from tests.app.matrix import TILE
from tests.app.reading import events_of, tile_of
from tests.app.test_access import until
from tests.conftest import Service
from tests.world import BLOCKS, submission
from tiles.splice import EMPTY

COUNTED = {block.code: 2**at for at, block in enumerate(BLOCKS)}
#: Pairs of callers whose scopes differ, each way round: all and part, part and part, upper and lower.
PAIRS = list(itertools.permutations(("admin", "supervisor", "part_coordinator", "both_sides"), 2))


@pytest.fixture(scope="module")
def filled(service: Service) -> Service:
    """Families in every block as COUNTED says."""
    crowd = replace(service, tokens=service.tokens | asyncio.run(more_people(service.logins)))
    crowd.send(*(submission(f"{b.code}-{n}", b) for b in BLOCKS for n in range(COUNTED[b.code])))
    with crowd.client() as client:
        until(lambda: client.get("/v1/coverage?level=scope").json()["coverage"][0]["completed"] == 63)
    return crowd


def sum_of(who: str) -> int:
    return sum(COUNTED[block.code] for block in PEOPLE[who].blocks)


@pytest.fixture(params=PAIRS, ids=lambda pair: f"{pair[0]} then {pair[1]}")
def pair(request: pytest.FixtureRequest, filled: Service) -> Iterator[tuple[httpx2.Client, httpx2.Client, str]]:
    """Two clients, of whom the first asks first; and who the second is."""
    first, second = request.param
    with filled.client(first) as warming, filled.client(second) as reading:
        yield warming, reading, second


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
def test_tiles(pair: tuple[httpx2.Client, httpx2.Client, str], encoding: str) -> None:
    warming, reading, who = pair
    mine = {block.code for block in PEOPLE[who].blocks}
    for layer in ("blocks", "areas", "cells"):
        path, headers = f"/tiles/{layer}/{TILE}.mvt", {"Accept-Encoding": encoding}
        warm = warming.get(path, headers=headers)
        answer = reading.get(path, headers=headers | {"If-None-Match": warm.headers["etag"]})
        assert answer.status_code == 200, "the other's tag names another tile"
        assert answer.headers["cache-control"] == "private, no-cache"
        rows = tile_of(answer.content, layer)
        if layer == "cells":
            theirs = tile_of(warm.content, layer)
            assert [row["id"] for row in theirs] == [row["id"] for row in rows], "which cells there are tells nothing"
            assert sum(row["completed"] for row in rows if row["completed"] != EMPTY) == sum_of(who)
        for row in rows if layer == "blocks" else ():
            assert row["completed"] == (COUNTED[row["code"]] if row["code"] in mine else -2)
        again = reading.get(path, headers=headers | {"If-None-Match": answer.headers["etag"]})
        assert again.status_code == 304
        assert not again.content


def test_cells_and_sums(pair: tuple[httpx2.Client, httpx2.Client, str]) -> None:
    warming, reading, who = pair
    for res in (6, 9):
        warming.get("/v1/cells", params={"res": res})
        assert sum(row["completed"] for row in reading.get("/v1/cells", params={"res": res}).json()["cells"]) == sum_of(
            who
        )
    for day in ({}, {"day": "2022-10-23"}):
        warming.get("/v1/coverage", params=day)
        rows = reading.get("/v1/coverage", params=day).json()["coverage"]
        shown = {row["code"] for row in rows if any(row[field] is not None for field in FIELDS)}
        assert shown == {block.code for block in PEOPLE[who].blocks}


def first_change(client: httpx2.Client) -> dict[str, Any]:
    query = {"level": "block", "res": 8, "epoch": 0}
    text = ""
    with client.stream("GET", "/v1/stream", params=query) as answer:
        for line in answer.iter_lines():
            text += line + "\n"
            if '"areas"' in line:
                break
    return events_of(text)[-1]


def test_events_that_equal_viewers_share(pair: tuple[httpx2.Client, httpx2.Client, str]) -> None:
    warming, reading, who = pair
    first_change(warming)
    for client in (reading, warming, reading):
        event = first_change(client)
        if client is reading:
            assert event["total"]["completed"] == sum(row[2] for row in event["cells"]) == sum_of(who)
            assert {row[0] for row in event["areas"]} == {block.number for block in PEOPLE[who].blocks}


def test_a_believed_token_opens_for_its_holder_only(filled: Service) -> None:
    token = filled.tokens["admin"]
    with filled.client("admin") as client:
        assert client.get("/v1/me").json()["name"] == "admin"
    with filled.client(None) as client:
        for secret in (token[:-1], token + "x", token.lower(), token.upper(), "x"):
            assert client.get("/v1/me", headers={"Authorization": f"Bearer {secret}"}).status_code == 401, secret
        assert client.get("/v1/me").status_code == 401
        swapped = {"Authorization": f"Bearer {filled.tokens['enumerator']}"}
        assert client.get("/v1/me", headers=swapped).json()["name"] == "enumerator"


@pytest.mark.parametrize(
    "path",
    [
        *("/v1/coverage", "/v1/cells", "/v1/gaps", "/v1/areas", "/v1/areas/64", "/v1/households", "/v1/quarantine"),
        *(
            "/v1/me",
            "/v1/tokens",
            "/v1/sessions",
            "/v1/access",
            "/v1/accounts",
            "/v1/audit",
            "/v1/campaign",
            "/style.json",
        ),
        *("/v1/coverage?format=csv", "/v1/gaps?format=xlsx", "/v1/households?format=geojson", "/tiles/blocks.json"),
        *("/", "/gaps", "/quarantine", f"/tiles/blocks/{TILE}.mvt", "/tiles/households/14/13523/8215.mvt"),
        *("/v1/areas/nowhere", "/v1/coverage?level=x", "/nowhere"),
    ],
)
def test_nothing_may_be_kept_for_others(filled: Service, path: str) -> None:
    with filled.client() as client:
        said = client.get(path).headers["cache-control"]
    assert said in {"no-store", "private, no-cache"}, "a cache on the way would give it to whoever asks next"
    if path.startswith(
        ("/v1/households", "/v1/quarantine", "/tiles/households", "/v1/audit", "/v1/access", "/v1/tokens")
    ):
        assert said == "no-store", "nor may a browser keep it"
