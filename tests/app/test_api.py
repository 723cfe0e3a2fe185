"""What each route answers, and what it says when it cannot: the contract of version 1."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from pydantic import BaseModel, TypeAdapter
from sqlalchemy import text

from app import answers
from app.api.progress import ProgressOut
from app.api.submissions import BatchOut, ReceiptNow
from app.bodies import MAX_BYTES, MAX_ROWS
from app.database import Database, Logins
from app.headers import HEADERS
from app.main import create_app
from app.settings import Settings
from geo.intake.reasons import Reason
from geo.watch.coverage import STATES
from tests.app.test_access import GUARDED, OPEN, until
from tests.conftest import Service
from tests.world import BLOCKS, EDITION, FAMILIES, VILLAGES, submission

TILE = "13/6761/4107"


@pytest.fixture(scope="module")
def client(service: Service) -> Iterator[httpx2.Client]:
    with service.client() as found:
        yield found


@pytest.fixture(scope="module", autouse=True)
def _counted(service: Service) -> None:
    rows = [submission(n, BLOCKS[n % 3]) for n in range(30)]
    assert service.send(*rows).status_code == 201
    with service.client() as found:
        until(lambda: found.get("/v1/coverage?level=scope").json()["coverage"][0]["completed"] == 30)


def problem(answer: httpx2.Response, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    found: dict[str, Any] = answer.json()
    assert found["type"] == f"urn:cakupan:problem:{code}"
    assert found["status"] == status
    assert found["title"]
    assert found["detail"]
    for word in ("psycopg", "sqlalchemy", "SELECT", "Traceback", "relation", "intake."):
        assert word not in answer.text
    return found


# ── submissions ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_receipts(client: httpx2.Client) -> None:
    good, bad = submission("r1"), submission("r2", result="?")
    answer = client.post("/v1/submissions", json={"submissions": [good, bad, good | {"extra": 1}]})
    assert answer.status_code == 201
    found = BatchOut.model_validate_json(answer.content)
    assert [r.status for r in found.results] == ["stored", "quarantined", "duplicate"]
    assert [r.row for r in found.results] == [0, 1, 2]
    assert found.results[1].reason is Reason.BAD_VALUE
    assert found.results[2].notices == ["UNKNOWN_FIELD extra"]
    assert found.counts == {"stored": 1, "duplicate": 1, "superseded": 0, "conflict": 0, "quarantined": 1}
    now = ReceiptNow.model_validate_json(client.get(f"/v1/submissions/{good['submission_id']}").content)
    assert (now.status, now.row, now.batch_id) == ("stored", 0, found.batch_id)
    client.post("/v1/submissions", json={"submissions": [submission("r1", BLOCKS[0], 2)]})
    assert client.get(f"/v1/submissions/{good['submission_id']}").json()["status"] == "superseded"


def send(client: httpx2.Client, body: bytes, kind: str = "application/json", **headers: str) -> httpx2.Response:
    return client.post("/v1/submissions", content=body, headers={"Content-Type": kind} | headers)


def test_lines_with_a_bad_one(client: httpx2.Client) -> None:
    lines = [json.dumps(submission(f"l{n}")).encode() for n in range(3)]
    lines.insert(1, b'{"submission_id": "broken\x00 6472031210850001')
    lines.insert(3, b"null")
    answer = send(client, b"\n".join(lines) + b"\r\n\n", "application/x-ndjson; charset=utf-8")
    assert answer.status_code == 201
    results = answer.json()["results"]
    assert [r["status"] for r in results] == ["stored", "quarantined", "stored", "quarantined", "stored"]
    assert [results[1]["reason"], results[3]["reason"]] == ["MALFORMED", "NOT_AN_OBJECT"]
    assert "6472031210850001" not in answer.text


@pytest.mark.parametrize(
    ("body", "kind", "status", "code"),
    [
        (b"", "application/json", 422, "malformed-body"),
        (b"{", "application/json", 422, "malformed-body"),
        (b"[]", "application/json", 422, "malformed-body"),
        (b"null", "application/json", 422, "malformed-body"),
        (b'{"submissions": {}}', "application/json", 422, "malformed-body"),
        (b'{"submissions": NaN}', "application/json", 422, "malformed-body"),
        (b'\xef\xbb\xbf{"submissions": []}', "application/json", 422, "empty-batch"),
        ('{"submissions": ["é"]}'.encode("latin-1"), "application/json", 422, "not-utf8"),
        ('{"submissions": []}'.encode("utf-16"), "application/json", 422, "empty-batch"),
        (b'{"submissions": ' + b"[" * 100_000, "application/json", 422, "too-deep"),
        (b'{"submissions": []}', "application/json", 422, "empty-batch"),
        (b"\n\n", "application/x-ndjson", 422, "empty-batch"),
        (b"{}", "text/plain", 415, "unsupported-body"),
        (b"<kml/>", "application/vnd.google-earth.kml+xml", 415, "unsupported-body"),
        (b'{"submissions": [' + b"1," * MAX_ROWS + b"1]}", "application/json", 422, "too-many-rows"),
        (b"1\n" * (MAX_ROWS + 1), "application/x-ndjson", 422, "too-many-rows"),
    ],
)
def test_bodies_that_cannot_be_taken(client: httpx2.Client, body: bytes, kind: str, status: int, code: str) -> None:
    problem(send(client, body, kind), status, code)


def test_encodings_that_are_not_taken(client: httpx2.Client) -> None:
    problem(send(client, b"x", **{"Content-Encoding": "br"}), 415, "unsupported-body")
    problem(send(client, b"x", **{"Content-Encoding": "gzip"}), 422, "malformed-body")


def test_a_body_too_large(client: httpx2.Client) -> None:
    body = b'{"submissions": ["' + b"x" * MAX_BYTES + b'"]}'
    problem(send(client, body), 413, "body-too-large")

    def drops() -> Iterator[bytes]:  # without a length said beforehand
        for _ in range(25):
            yield b" " * 1_000_000

    answer = client.post("/v1/submissions", content=drops(), headers={"Content-Type": "application/json"})
    problem(answer, 413, "body-too-large")


def test_the_most_rows_there_may_be(client: httpx2.Client) -> None:
    lines = b"1\n" * MAX_ROWS
    answer = send(client, lines, "application/x-ndjson")
    assert answer.status_code == 201
    assert answer.json()["counts"]["quarantined"] == MAX_ROWS


@pytest.mark.parametrize("depth", [40, 200, 900])
def test_deep_rows_are_refused(client: httpx2.Client, depth: int) -> None:
    deep: Any = 1
    for _ in range(depth):
        deep = {"a": deep} if depth % 3 else [deep]
    answer = client.post("/v1/submissions", json={"submissions": [submission("deep") | {"note": deep}, deep]})
    problem(answer, 422, "too-deep")


# ── what the map asks ─────────────────────────────────────────────────────────────────────────────────────────────

SHAPES: list[tuple[str, type[BaseModel]]] = [
    ("/v1/areas", answers.AreasOut),
    ("/v1/areas?level=block&limit=2", answers.AreasOut),
    ("/v1/areas/6472030001", answers.AreaOut),
    ("/v1/coverage", answers.CoverageOut),
    ("/v1/coverage?level=scope", answers.CoverageOut),
    ("/v1/coverage?level=village&within=6472&day=2022-10-20", answers.CoverageOut),
    ("/v1/cells?res=7", answers.CellsOut),
    ("/v1/cells?res=10&bbox=117.14,-0.51,117.145,-0.5", answers.CellsOut),
    ("/v1/gaps", answers.GapsOut),
    ("/v1/progress?within=6472", ProgressOut),
    ("/v1/progress?target=0.5", ProgressOut),
    ("/v1/gaps?state=over&state=done&limit=1", answers.GapsOut),
]


@pytest.mark.parametrize(("path", "model"), SHAPES, ids=[path for path, _ in SHAPES])
@pytest.mark.parametrize("who", ["admin", "enumerator"])
def test_answers_are_as_the_document_says(service: Service, path: str, model: type[BaseModel], who: str) -> None:
    with service.client(who) as client:
        answer = client.get(path)
    assert answer.status_code == 200
    found = TypeAdapter(model).validate_json(answer.content)
    assert set(answer.json()) == set(type(found).model_fields)
    assert answer.json()["edition"] == EDITION


def test_areas(client: httpx2.Client) -> None:
    found = client.get("/v1/areas").json()
    assert [a["n"] for a in found["areas"]] == list(range(1, 12))
    assert {a["code"] for a in client.get("/v1/areas?q=kampung").json()["areas"]} == set(VILLAGES)
    assert len(client.get(f"/v1/areas?within={VILLAGES[0]}").json()["areas"]) == 4
    seen, after = [], 0
    while True:
        page = client.get(f"/v1/areas?limit=4&after={after}").json()
        seen += [a["n"] for a in page["areas"]]
        after = page["next"]
        if after is None:
            break
    assert seen == list(range(1, 12))
    one = client.get(f"/v1/areas/{VILLAGES[0]}").json()
    assert [a["level"] for a in one["path"]] == ["province", "regency", "district", "village"]
    assert one["area"]["bounds"] == [117.14, -0.506, 117.152, -0.502]


def test_coverage_pages(client: httpx2.Client) -> None:
    first = client.get("/v1/coverage?limit=4").json()
    second = client.get(f"/v1/coverage?limit=4&after={first['next']}").json()
    assert [r["code"] for r in first["coverage"] + second["coverage"]] == [b.code for b in BLOCKS]
    assert second["next"] is None
    assert first["coverage"][0]["expected"] == FAMILIES


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/v1/areas/nowhere", 404, "no-area"),
        ("/v1/areas?level=hamlet", 422, "bad-parameter"),
        ("/v1/areas?limit=0", 422, "bad-parameter"),
        ("/v1/coverage?within=nowhere", 404, "no-area"),
        ("/v1/coverage?within=6472&within_level=block", 404, "no-area"),
        ("/v1/coverage?level=planet", 422, "bad-parameter"),
        ("/v1/coverage?day=yesterday", 422, "bad-parameter"),
        ("/v1/coverage?format=exe", 422, "bad-parameter"),
        ("/v1/coverage?after=-1", 422, "bad-parameter"),
        ("/v1/cells?res=3", 422, "bad-parameter"),
        ("/v1/cells?res=11", 422, "bad-parameter"),
        ("/v1/cells?bbox=1,2,3", 422, "bad-bbox"),
        ("/v1/cells?bbox=117,1,116,2", 422, "bad-bbox"),
        ("/v1/cells?bbox=nan,nan,nan,nan", 422, "bad-bbox"),
        ("/v1/gaps?state=lost", 422, "bad-parameter"),
        ("/v1/gaps?after=1-x", 422, "bad-after"),
        ("/v1/stream?res=99", 422, "bad-parameter"),
        ("/v1/stream?level=planet", 422, "bad-parameter"),
        ("/v1/submissions/11111111-1111-4111-8111-111111111111", 404, "not-found"),
        ("/v1/submissions/x", 422, "bad-parameter"),
        ("/tiles/blocks/3/8/0.mvt", 404, "no-tile"),
        ("/tiles/blocks/17/0/0.mvt", 422, "bad-parameter"),
        ("/tiles/roads/3/0/0.mvt", 422, "bad-parameter"),
        ("/tiles/blocks/1/-1/0.mvt", 422, "bad-parameter"),
        (f"/tiles/blocks/1/{10**30}/0.mvt", 404, "no-tile"),
        ("/tiles/roads.json", 422, "bad-parameter"),
        ("/style.json?measure=beauty", 422, "bad-parameter"),
        ("/nowhere", 404, "http-404"),
        ("/v1/coverage%00", 404, "http-404"),
    ],
)
def test_problems(client: httpx2.Client, path: str, status: int, code: str) -> None:
    problem(client.get(path), status, code)


def test_methods_that_are_not_there(client: httpx2.Client) -> None:
    answer = client.delete("/v1/coverage")
    problem(answer, 405, "http-405")
    assert "GET" in answer.headers["allow"]


@pytest.mark.parametrize("path", [route.partition(" ")[2] for route in [*OPEN, *GUARDED] if "{" not in route])
def test_security_headers_on_every_answer(service: Service, path: str) -> None:
    for who in ("admin", None):
        with service.client(who) as client, client.stream("GET", path) as answer:
            for name, value in HEADERS.items():
                assert answer.headers[name] == value, f"{name} of {path}"


def test_an_unforeseen_error_says_nothing(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("canary 117.1405")

    monkeypatch.setattr("app.api.gaps.said_of_all", broken)
    with service.client() as client:
        answer = client.get("/v1/gaps")
    problem(answer, 500, "internal")
    assert "canary" not in answer.text
    assert answer.headers["X-Frame-Options"] == "DENY"


# ── tiles ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_tiles_are_named_by_their_content(client: httpx2.Client) -> None:
    path = f"/tiles/blocks/{TILE}.mvt"
    answer = client.get(path)
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["content-type"] == "application/vnd.mapbox-vector-tile"
    tag = answer.headers["etag"]
    again = client.get(path, headers={"If-None-Match": tag})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    bare = client.get(path, headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in bare.headers
    assert bare.content == answer.content
    client.post("/v1/submissions", json={"submissions": [submission(uuid4().hex)]})
    until(lambda: client.get(path, headers={"If-None-Match": tag}).status_code == 200)


@pytest.mark.parametrize("path", ["/tiles/blocks/2/0/0.mvt", "/tiles/blocks/13/0/0.mvt", "/tiles/cells/13/0/0.mvt"])
def test_nothing_lies_there(client: httpx2.Client, path: str) -> None:
    assert client.get(path).status_code == 204


@pytest.mark.parametrize("layer", ["areas", "blocks", "cells", "households"])
def test_tilejson(client: httpx2.Client, layer: str) -> None:
    found = client.get(f"/tiles/{layer}.json").json()
    assert found["tilejson"] == "3.0.0"
    assert found["vector_layers"][0]["id"] == layer
    z, x, y = TILE.split("/")
    address = found["tiles"][0].replace("{z}", z).replace("{x}", x).replace("{y}", y)
    assert client.get(address).status_code in {200, 204}
    west, south, east, north = found["bounds"]
    assert (west, south, east, north) == pytest.approx((117.14, -0.51, 117.152, -0.502))


def test_style(client: httpx2.Client) -> None:
    found = client.get("/style.json?measure=gap").json()
    assert found["version"] == 8
    assert set(found["sources"]) == {"areas", "blocks", "cells", "households"}
    for source in found["sources"].values():
        assert client.get(source["url"]).status_code == 200
    assert {layer["source"] for layer in found["layers"] if "source" in layer} <= set(found["sources"])


# ── the document ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def document(settings: Settings) -> dict[str, Any]:
    nowhere = "postgresql+psycopg://nobody@127.0.0.1:9/none"
    return create_app(settings, Logins(nowhere, nowhere, nowhere, nowhere)).openapi()


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        if path.startswith(("/v1", "/tiles", "/style")):
            for method, operation in methods.items():
                yield f"{method.upper()} {path}", operation


def test_every_operation_is_described(document: dict[str, Any]) -> None:
    found = dict(operations(document))
    assert len(found) >= 12
    for name, operation in found.items():
        assert operation.get("description"), name
        status, good = next((s, r) for s, r in operation["responses"].items() if s in {"200", "201", "202", "204"})
        assert ("content" in good) == (status != "204"), name
        for kind, content in good.get("content", {}).items():
            assert content["schema"], f"{name} {kind}"
        assert {"401", "503"} <= set(operation["responses"]), name
        for status, response in operation["responses"].items():
            if int(status) >= 400:
                assert list(response["content"]) == ["application/problem+json"], f"{name} {status}"
        if operation.get("parameters"):
            assert "422" in operation["responses"], name


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    def walk(value: Any) -> Iterator[str]:
        if isinstance(value, dict):
            for key, inside in value.items():
                if key == "$ref":
                    yield inside
                yield from walk(inside)
        elif isinstance(value, list):
            for inside in value:
                yield from walk(inside)

    schemas = document["components"]["schemas"]
    assert {ref.rpartition("/")[2] for ref in walk(document)} <= set(schemas)
    assert schemas["Reason"]["enum"] == [reason.value for reason in Reason]
    assert set(schemas["AreaFigures"]["properties"]["state"]["anyOf"][0]["enum"]) == set(STATES)
    assert "HTTPValidationError" not in schemas


def test_the_document_is_served(client: httpx2.Client, document: dict[str, Any]) -> None:
    served = client.get("/v1/openapi.json").json()
    assert served["paths"] == json.loads(json.dumps(document["paths"]))
    assert set(client.get("/v1/campaign").json()) >= {"name", "starts_on", "ends_on", "day", "days", "simulated"}
    assert client.get("/livez").json() == {"status": "alive"}
    assert client.get("/readyz").json()["status"] == "ready"
    assert b"python_info" in client.get("/metrics").content


async def test_an_enumerator_sends_for_itself_and_others_for_whom_they_name(service: Service) -> None:
    async def stored(household: str) -> str | None:
        db = Database(service.logins, 1)
        async with db.worker.begin() as connection:
            found = text("SELECT enumerator FROM intake.household WHERE household_id = :id")
            name: str | None = await connection.scalar(found, {"id": f"SIM-{household}"})
        await db.close()
        return name

    assert service.send(submission("own", enumerator="somebody-else"), who="enumerator").status_code == 201
    assert await stored("own") == "enumerator"
    assert service.send(submission("other", enumerator="budi"), who="supervisor").status_code == 201
    assert await stored("other") == "budi"
