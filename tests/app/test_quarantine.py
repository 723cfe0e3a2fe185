"""Rows held back over HTTP: what each format says, who may decide, and what a decision is answered with."""

import asyncio
import csv
import io
import json
from dataclasses import replace
from typing import Any

import httpx2
import pytest
from python_calamine import load_workbook

from app.api.quarantine import OutcomeOut, QuarantineOut
from tests.app.callers import PEOPLE, more_people
from tests.app.test_access import until
from tests.conftest import Service
from tests.world import BLOCKS, VILLAGES, submission

Row = dict[str, Any]
PATH = "/v1/quarantine"


def swapped(household: int | str, inside: Any = BLOCKS[0], **changes: object) -> Row:
    made = submission(household, inside)
    return made | {"lon": made["lat"], "lat": made["lon"]} | changes


def held(service: Service, who: str = "admin", **asked: Any) -> dict[str, Any]:
    with service.client(who) as client:
        answer = client.get(PATH, params=asked)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    found: dict[str, Any] = answer.json()
    QuarantineOut.model_validate_json(answer.content)
    return found


def decide(service: Service, row: int, who: str = "supervisor", **decision: object) -> httpx2.Response:
    with service.client(who) as client:
        return client.post(f"{PATH}/{row}/resolve", json=decision)


def problem(answer: httpx2.Response, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    found: dict[str, Any] = answer.json()
    assert found["type"] == f"urn:cakupan:problem:{code}"
    return found


@pytest.fixture(scope="module")
def filled(service: Service) -> Service:
    """One swapped row in every block sent by the administrator, one that names no block by the enumerator."""
    service.send(*(swapped(n, BLOCKS[n]) for n in range(6)))
    service.send(submission("none", block=None, lon=0.0), who="enumerator")
    return service


def test_rows_by_role_and_area(filled: Service) -> None:
    seen = {who: sorted(r["code"] for r in held(filled, who)["quarantine"]) for who in filled.tokens if who[0] != "l"}
    codes = [b.code for b in BLOCKS]
    assert seen["admin"] == seen["coordinator"] == sorted([codes[0], *codes])
    assert seen["supervisor"] == sorted([codes[0], *codes[:3]])
    assert seen["enumerator"] == [codes[0]] * 2
    second = held(filled, within=VILLAGES[1])
    assert sorted(r["code"] for r in second["quarantine"]) == codes[3:]
    assert second["states"] == {"open": 3, "resolved": 0, "rejected": 0}
    assert held(filled, "supervisor", within=VILLAGES[1])["quarantine"] == []
    (mine,) = (row for row in held(filled, "enumerator")["quarantine"] if row["own"])
    assert (mine["sender"], mine["reason"], mine["level"]) == ("enumerator", "NULL_ISLAND", "block")
    assert (
        mine["place"] == "Kampung 1, Samarinda Ulu (simulasi), Kota Samarinda (simulasi), Kalimantan Timur (simulasi)"
    )


def test_whether_one_may_decide_is_said_and_true(filled: Service) -> None:
    """Somebody may count here and lead there: what is shown is more than what may be decided on."""
    crowd = replace(filled, tokens=filled.tokens | asyncio.run(more_people(filled.logins)))
    for who in ("admin", "supervisor", "enumerator", "mixed", "both_sides"):
        person = PEOPLE[who]
        rows = held(crowd, who)["quarantine"]
        assert {row["code"] for row in rows if row["yours"]} == {block.code for block in person.decides}, who
        for row in rows:
            answer = decide(crowd, row["id"], who, action="amend", changes={"no such field": 1})
            assert (answer.status_code == 422) is row["yours"], (who, row["code"], answer.text)
    mixed = [row["yours"] for row in held(crowd, "mixed")["quarantine"]]
    assert set(mixed) == {True, False}


def test_pages_and_filters(filled: Service) -> None:
    page = held(filled, limit=4)
    rest = held(filled, limit=4, after=page["next"])
    ids = [row["id"] for row in page["quarantine"] + rest["quarantine"]]
    assert ids == sorted(ids, reverse=True)
    assert len(ids) == 7
    assert rest["next"] is None
    assert page["reasons"] == {"AXES_SWAPPED": 6, "NULL_ISLAND": 1}
    only = held(filled, reason="NULL_ISLAND")
    assert [row["reason"] for row in only["quarantine"]] == ["NULL_ISLAND"]
    counts = held(filled, limit=0)
    assert (counts["quarantine"], counts["next"], counts["states"]["open"]) == ([], None, 7)
    with filled.client() as client:
        for wrong in ("state=gone", "reason=GONE", "limit=-1", "limit=1001", "after=x", f"after={2**64}", "format=xml"):
            problem(client.get(f"{PATH}?{wrong}"), 422, "bad-parameter")
        problem(client.get(f"{PATH}?within=nowhere"), 404, "no-area")


def test_all_formats_say_the_same(filled: Service) -> None:
    with filled.client() as client:
        found = {kind: client.get(PATH, params={"format": kind}).content for kind in ("json", "csv", "xlsx", "geojson")}
    rows = json.loads(found["json"])["quarantine"]
    table = list(csv.DictReader(io.StringIO(found["csv"].decode("utf-8-sig"))))
    header, *lines = load_workbook(io.BytesIO(found["xlsx"])).get_sheet_by_name("quarantine").to_python()
    features = json.loads(found["geojson"])["features"]
    assert list(table[0]) == header == list(rows[0])
    for row, from_csv, line, feature in zip(rows, table, lines, features, strict=True):
        assert json.loads(from_csv["raw"]) == json.loads(line[header.index("raw")]) == row["raw"]
        assert from_csv["code"] == line[header.index("code")] == row["code"]
        assert feature["id"] == row["id"]
        assert feature["geometry"]["coordinates"] == [row["lon"], row["lat"]]
        assert feature["properties"]["reason"] == from_csv["reason"] == row["reason"]


def test_a_proposal_accepted_moves_the_count(fresh_service: Service) -> None:
    fresh_service.send(swapped(1), who="enumerator")
    (row,) = held(fresh_service, "supervisor")["quarantine"]
    answer = decide(fresh_service, row["id"], action="amend", changes=row["proposal"])
    assert answer.status_code == 200
    outcome = OutcomeOut.model_validate_json(answer.content)
    assert (outcome.state, outcome.receipt and outcome.receipt.status) == ("resolved", "stored")
    assert str(outcome.submission_id) == row["raw"]["submission_id"]
    with fresh_service.client("enumerator") as client:
        until(lambda: client.get("/v1/coverage?level=scope").json()["coverage"][0]["completed"] == 1)
        assert client.get(f"/v1/submissions/{outcome.submission_id}").json()["status"] == "stored"
    again = problem(decide(fresh_service, row["id"], action="reject", note="twice"), 409, "already-resolved")
    assert again["title"] == "Refused"
    (done,) = held(fresh_service, "supervisor", state="resolved")["quarantine"]
    assert (done["resolved_by"], done["submission_id"]) == ("supervisor", str(outcome.submission_id))


def test_what_cannot_be_believed_is_said_with_its_reason(fresh_service: Service) -> None:
    fresh_service.send(swapped(1))
    (row,) = held(fresh_service)["quarantine"]
    for changes, reason in [({"lon": 1.0, "lat": 50.0}, "OUTSIDE_CAMPAIGN"), ({"lon": "x"}, "NOT_A_NUMBER"),
                            ({"revision": 10**400}, "OUT_OF_RANGE"), ({"nik": None}, None)]:  # fmt: skip
        answer = decide(fresh_service, row["id"], action="amend", changes=changes)
        if reason is None:
            problem(answer, 422, "bad-decision")
        else:
            said = problem(answer, 422, "still-held")
            assert said["reason"] == reason
            assert "SIM-1" not in answer.text
            assert str(row["lat"]) not in answer.text
    assert held(fresh_service)["quarantine"] == [row]


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b"null", b"\xff", b'{"action": "burn"}', b'{"action": "reject", "note": 5}',
        b'{"action": "reject", "more": 1}', b'{"action": "amend", "changes": []}',
        b'{"action": "reject", "note": "' + b"x" * 501 + b'"}', b"[" * 10_000,
    ],
)  # fmt: skip
def test_bodies_that_are_no_decision(filled: Service, body: bytes) -> None:
    row = held(filled)["quarantine"][0]["id"]
    with filled.client() as client:
        problem(client.post(f"{PATH}/{row}/resolve", content=body), 422, "bad-parameter")
        problem(client.post(f"{PATH}/{row}/resolve", content=b" " * 20_001), 413, "body-too-large")


@pytest.mark.parametrize(
    "changes",
    [
        '{"lon": NaN, "lat": 1}',
        '{"lon": 1e999, "lat": 1}',
        '{"household_id": "\\u0000"}',
        '{"household_id": "\\ud83d"}',
        '{"captured_at": 5}',
        '{"block": {"a": ' + "[" * 100 + "]" * 100 + "}}",
        '{"captured_at": "0001-01-01T00:00:00+23:59"}',
    ],
)
def test_no_change_breaks_it(filled: Service, changes: str) -> None:
    row = held(filled, reason="AXES_SWAPPED")["quarantine"][0]["id"]
    with filled.client() as client:
        answer = client.post(f"{PATH}/{row}/resolve", content=f'{{"action": "amend", "changes": {changes}}}')
    assert answer.status_code == 422, answer.text
    assert held(filled)["states"]["open"] == 7


def test_who_may_decide_on_what(filled: Service) -> None:
    rows = {row["code"]: row["id"] for row in held(filled)["quarantine"]}
    decision = {"action": "reject", "note": "no"}
    for who in ("enumerator", "local_government"):
        problem(decide(filled, rows[BLOCKS[0].code], who, **decision), 403, "not-allowed")
    problem(decide(filled, rows[BLOCKS[5].code], "supervisor", **decision), 404, "not-found")
    for row in (0, -1, 2**64, "x"):
        problem(decide(filled, row, **decision), 422, "bad-parameter")  # type: ignore[arg-type]  # a decision of the wrong form
    problem(decide(filled, 2**63 - 1, **decision), 404, "not-found")
    problem(decide(filled, rows[BLOCKS[1].code], action="reject"), 422, "bad-decision")


def test_the_menu_says_how_many_wait(fresh_service: Service) -> None:
    with fresh_service.client("supervisor") as client:
        assert 'id="waiting" class="waiting" hidden' in client.get("/gaps").text
        fresh_service.send(swapped(1), swapped(2), swapped(3, BLOCKS[5]))
        assert "<b>2</b>" in client.get("/gaps").text
        page = client.get("/quarantine").text
    assert "fault.AXES_SWAPPED" in page
    with fresh_service.client() as client:
        assert "<b>3</b>" in client.get("/").text
        assert "fault.AXES_SWAPPED" not in client.get("/").text
