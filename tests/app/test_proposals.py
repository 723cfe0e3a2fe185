"""Proposals as they are asked for and decided on: whose they are, what is told, and what an accepted code corrects."""

import asyncio
import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httpx2
import pytest
import shapely
from sqlalchemy import create_engine, text

from app.api.proposals import ProposalRow, ProposalsOut
from geo.schema_decided import REVIEWS
from geo.trust import accounts, credentials
from geo.trust.grants import Grant
from tests.app import edges
from tests.app.edges import BESIDE, DECLARED, EKO, JOKO, SITI, WRONG
from tests.app.reading import PLACED, POINTS, points_of, rows_of
from tests.app.townspeople import done
from tests.conftest import PASSWORD, Service
from tests.world import BLOCKS, VILLAGES, submission

Row = dict[str, Any]
PATH = "/v1/proposals"


def asked(service: Service, who: str = "admin", **query: Any) -> Row:
    with service.client(who) as client:
        answer = client.get(PATH, params=query)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    ProposalsOut.model_validate_json(answer.content)
    found: Row = answer.json()
    return found


def until(service: Service, true: Callable[[Row], bool], **query: Any) -> Row:
    """The answer once it is as it should be: what was sent counts a moment later."""
    for _ in range(200):
        page = asked(service, **query)
        if true(page):
            return page
        asyncio.run(asyncio.sleep(0.05))
    raise AssertionError(page)


def one(page: Row, kind: str) -> Row:
    (row,) = (row for row in page["proposals"] if row["kind"] == kind)
    found: Row = row
    return found


def send(service: Service, *rows: Row) -> None:
    answer = service.send(*rows)
    assert {row["status"] for row in answer.json()["results"]} == {"stored"}, answer.text[:500]


def say(service: Service, name: str, decision: str, who: str = "admin", **more: Any) -> httpx2.Response:
    with service.client(who) as client:
        body = {"review_id": str(uuid4()), "decision": decision} | more
        return client.post(f"{PATH}/{name}/review", json=body)


def problem(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].rpartition(":")[2]


def lay(service: Service) -> Row:
    send(service, *edges.every())
    return until(service, lambda page: page["total"] == 3)


def query(service: Service, statement: str, **of: Any) -> list[Any]:
    engine = create_engine(service.logins.worker)
    with engine.connect() as connection:
        found = list(connection.execute(text(statement), of))
    engine.dispose()
    return found


@pytest.fixture(scope="module")
def town(service: Service) -> Service:
    """A town that no test changes."""
    lay(service)
    return service


@pytest.fixture
def fresh(fresh_service: Service) -> Service:
    lay(fresh_service)
    return fresh_service


# ── the list ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_each_kind_says_what_speaks_for_it(town: Service) -> None:
    page = asked(town)
    assert [row["kind"] for row in page["proposals"]] == ["boundary", "code", "point"]
    assert page["kinds"] == {"boundary": 1, "code": 1, "point": 1}
    edge, code, point = page["proposals"]
    assert (edge["code"], edge["other_code"], edge["enumerators"]) == (DECLARED.code, BESIDE.code, [SITI])
    assert (edge["households"], edge["days"], edge["state"], edge["reviewed"]) == (12, 3, "open", None)
    assert edge["place"].split(", ")[0] == "Kampung 1"
    said = edge["evidence"]
    assert (said["houses"], said["own"], said["own_elsewhere"], said["buildings"]) == (12, 0, 20, None)
    assert 140 < said["length_m"] < 170
    assert 30 <= said["depth_m"] <= 33
    assert (code["code"], code["other_code"], code["enumerators"]) == (WRONG.code, BESIDE.code, [JOKO])
    assert (code["households"], code["evidence"]["records"], code["evidence"]["share"]) == (9, 9, 1.0)
    assert (code["evidence"]["first_day"], code["evidence"]["last_day"]) == ("2022-10-22", "2022-10-22")
    assert (point["code"], point["other_code"], point["enumerators"]) == (BLOCKS[3].code, BLOCKS[4].code, [EKO])
    assert (point["households"], point["evidence"]["most_m"]) == (2, pytest.approx(290, abs=3))


def test_the_strip_lies_where_the_points_are(town: Service) -> None:
    edge = one(asked(town), "boundary")
    shape = shapely.from_geojson(json.dumps(edge["shape"]))
    assert BESIDE.shape.buffer(1e-6).contains(shape)
    assert shape.contains(shapely.Point(edge["lon"], edge["lat"]))
    assert all(shape.contains(shapely.Point(row["lon"], row["lat"])) for row in edges.strip())
    assert not any(shape.contains(shapely.Point(row["lon"], row["lat"])) for row in edges.own())
    dots = shapely.from_geojson(json.dumps(one(asked(town), "code")["shape"]))
    assert {part.wkt for part in dots.geoms} == {shapely.Point(r["lon"], r["lat"]).wkt for r in edges.miscoded()}


def test_those_who_answer_for_an_area_see_its_proposals(town: Service) -> None:
    assert [row["kind"] for row in asked(town, "supervisor")["proposals"]] == ["boundary", "code"]
    assert asked(town, "coordinator")["total"] == 3
    assert asked(town, within=VILLAGES[1])["total"] == 1
    assert asked(town, "supervisor", within=VILLAGES[1])["proposals"] == []
    for who in ("enumerator", "local_government"):
        with town.client(who) as client:
            assert problem(client.get(PATH)) == (403, "not-allowed")


def test_pages_kinds_and_counts(town: Service) -> None:
    every = asked(town)["proposals"]
    found, after = [], None
    while len(found) < 3:
        page = asked(town, limit=1, **({"after": after} if after else {}))
        found, after = found + page["proposals"], page["next"]
        assert page["total"] == 3
    assert (found, after) == (every, None)
    assert asked(town, kind=["code", "point"])["proposals"] == every[1:]
    assert asked(town, limit=0) | {"epoch": 0, "as_of": 0} == asked(town) | {"epoch": 0, "as_of": 0, "proposals": []}
    assert asked(town, state="accepted")["total"] == 0
    with town.client() as client:
        assert problem(client.get(PATH, params={"after": "nonsense"})) == (422, "bad-after")


def test_reading_is_audited_and_no_household_is_named(town: Service) -> None:
    with town.client("coordinator") as client:
        answer = client.get(PATH)
    assert not [row["household_id"] for row in edges.every() if row["household_id"] in answer.text]
    (subject,) = query(
        town,
        "SELECT a.subject FROM trust.audit a JOIN trust.account c ON c.account_id = a.actor "
        "WHERE a.act = 'proposals.list' AND c.name = 'coordinator' ORDER BY a.audit_id DESC LIMIT 1",
    )
    assert subject[0]["households"] == 12 + 9 + 2
    assert subject[0]["blocks"] == [[DECLARED.number, WRONG.number], [BLOCKS[3].number, BLOCKS[4].number]]


@pytest.mark.parametrize("format_", [*PLACED, *POINTS])
def test_every_format_says_the_same(town: Service, format_: str) -> None:
    every = asked(town)["proposals"]
    with town.client() as client:
        body = client.get(PATH, params={"format": format_}).content
    if format_ in POINTS:
        points = points_of(body, format_)
        assert [(lon, lat) for lon, lat, *_ in points] == [(row["lon"], row["lat"]) for row in every]
        return
    rows = rows_of(body, "proposals", format_)
    for name in ("proposal", "kind", "code", "households", "days", "state"):
        assert [row[name] for row in rows] == [row[name] for row in every], name


def test_maps_draw_strips_and_points(town: Service) -> None:
    with town.client() as client:
        drawn = client.get(PATH, params={"format": "geojson"}).json()["features"]
    assert [feature["geometry"]["type"] for feature in drawn] == ["Polygon", "MultiPoint", "MultiPoint"]


# ── deciding ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_accepted_edge_is_listed_and_changes_no_count(fresh: Service) -> None:
    name = one(asked(fresh), "boundary")["proposal"]
    before = query(fresh, "SELECT count(*) FROM intake.submission")
    act = str(uuid4())
    first = say(fresh, name, "accepted", "supervisor", review_id=act, note="RT says so")
    assert first.status_code == 200, first.text
    assert (first.json()["corrected"], first.json()["left"]) == (None, None)
    assert say(fresh, name, "accepted", "supervisor", review_id=act, note="RT says so").json() == first.json()
    assert problem(say(fresh, name, "rejected", "supervisor", review_id=act)) == (409, "conflict")
    assert query(fresh, "SELECT count(*) FROM intake.submission") == before
    row = one(asked(fresh, state="accepted"), "boundary")
    assert (row["state"], row["reviewed"]["decision"], row["reviewed"]["note"]) == (
        "accepted",
        "accepted",
        "RT says so",
    )
    assert row["reviewed"]["decided_by"] == "supervisor"
    assert asked(fresh)["kinds"]["boundary"] == 0
    assert say(fresh, name, "reopened").status_code == 200
    assert one(asked(fresh), "boundary")["reviewed"] is None
    assert say(fresh, name, "rejected").status_code == 200
    assert one(asked(fresh, state="rejected"), "boundary")["proposal"] == name


def test_much_more_of_the_same_comes_back_open(fresh: Service) -> None:
    name = one(asked(fresh), "boundary")["proposal"]
    assert say(fresh, name, "rejected", note="a road").status_code == 200
    send(fresh, *edges.strip(12, 3))
    few = until(fresh, lambda page: one(page, "boundary")["households"] == 15, state="all")
    assert one(few, "boundary")["state"] == "rejected"
    send(fresh, *edges.strip(15, 4))
    row = one(until(fresh, lambda page: page["kinds"]["boundary"] == 1), "boundary")
    assert (row["proposal"], row["households"], row["state"]) == (name, 19, "open")
    assert (row["reviewed"]["decision"], row["reviewed"]["note"]) == ("rejected", "a road")
    assert say(fresh, name, "accepted").status_code == 200
    assert one(asked(fresh, state="accepted"), "boundary")["reviewed"]["decision"] == "accepted"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("boundary.5.7", (404, "not-found")),
        ("boundary.9.10", (404, "not-found")),
        ("boundary.999999.7", (404, "not-found")),
        ("point.4.000000000000", (404, "not-found")),
        ("x", (422, "bad-parameter")),
    ],
)
def test_what_is_not_there_or_not_yours_cannot_be_decided(town: Service, name: str, expected: tuple[int, str]) -> None:
    assert problem(say(town, name, "accepted", "supervisor")) == expected


def test_decisions_and_notes_are_checked(town: Service) -> None:
    name = one(asked(town), "point")["proposal"]
    assert problem(say(town, name, "explained")) == (422, "bad-parameter")
    assert problem(say(town, name, "rejected", note="6472031210850001")) == (422, "identity-number")
    assert problem(say(town, name, "rejected", "enumerator")) == (403, "not-allowed")
    assert problem(say(town, name, "rejected", "supervisor")) == (404, "not-found")
    assert set(REVIEWS["proposal"]) == {"accepted", "rejected", "reopened"}
    assert set(ProposalRow.model_fields) == set(asked(town)["proposals"][0])


# ── an accepted code ──────────────────────────────────────────────────────────────────────────────────────────────


def counts(service: Service, *codes: str) -> list[tuple[int, int]]:
    with service.client() as client:
        rows = client.get("/v1/coverage", params={"level": "block"}).json()["coverage"]
    by = {row["code"]: (row["completed"], row["not_met"]) for row in rows}
    return [by[code] for code in codes]


def test_an_accepted_code_counts_finished_records_where_they_lie(fresh: Service) -> None:
    name = one(asked(fresh), "code")["proposal"]
    assert counts(fresh, WRONG.code, BESIDE.code) == [(27, 1), (20, 0)]
    days = query(fresh, "SELECT household_id, day FROM intake.household ORDER BY 1")
    act = str(uuid4())
    answer = say(fresh, name, "accepted", "supervisor", review_id=act)
    assert answer.status_code == 200, answer.text
    assert (answer.json()["corrected"], answer.json()["left"]) == (8, 1)
    until(fresh, lambda _: counts(fresh, WRONG.code, BESIDE.code) == [(20, 1), (27, 0)])
    with fresh.client() as client:
        for sent in edges.miscoded():
            seen = client.get(f"/v1/households/{sent['household_id']}").json()["household"]
            kept = ("lon", "lat", "accuracy_m", "result", "visit", "welfare", "enumerator", "origin")
            assert {field: seen[field] for field in kept} == {field: sent.get(field) for field in kept}
            final = sent["result"] != "not_met"
            assert (seen["code"], seen["revision"]) == ((BESIDE.code, 2) if final else (WRONG.code, 1))
            assert seen["flags"] == ([] if final else ["outside_block"])
    assert query(fresh, "SELECT household_id, day FROM intake.household ORDER BY 1") == days
    # the same once more, and by somebody else: nothing is added
    assert say(fresh, name, "accepted", "supervisor", review_id=act).json() == answer.json()
    again = say(fresh, name, "accepted", "coordinator").json()
    assert (again["corrected"], again["left"]) == (0, 0)
    until(fresh, lambda page: page["kinds"]["code"] == 0)
    gone = one(asked(fresh, state="accepted"), "code")
    assert (gone["code"], gone["other_code"], gone["households"], gone["shape"]) == (WRONG.code, BESIDE.code, 0, None)
    ((batches, actor),) = query(
        fresh,
        "SELECT count(*), max(a.name) FROM intake.batch b JOIN trust.account a ON a.account_id = b.actor "
        "WHERE source = 'review' AND CAST(counts ->> 'stored' AS integer) > 0",
    )
    assert (batches, actor) == (1, "supervisor")


def test_both_blocks_must_be_the_deciders(fresh: Service) -> None:
    name = one(asked(fresh), "code")["proposal"]

    async def add(db: Any) -> str:
        number = await accounts.create(db, "tetangga", Grant("supervisor", ("block", WRONG.code)), PASSWORD)
        return await credentials.issue(db, number, "token", "t", None)

    fresh.tokens["tetangga"] = done(fresh.logins, add)
    row = one(asked(fresh, "tetangga"), "code")
    assert (row["proposal"], row["households"]) == (name, 9)
    assert problem(say(fresh, name, "accepted", "tetangga")) == (409, "reaches-further")
    assert one(asked(fresh), "code")["state"] == "open"
    assert query(fresh, "SELECT count(*) FROM intake.review") == [(0,)]
    assert say(fresh, name, "rejected", "tetangga").status_code == 200


def test_what_a_device_sends_next_is_kept_and_comes_before_a_person(fresh: Service) -> None:
    """Its revision meets ours: both are kept, ours counts, and somebody decides, as with any two that meet."""
    name = one(asked(fresh), "code")["proposal"]
    assert say(fresh, name, "accepted").json()["corrected"] == 8
    sent = edges.miscoded()
    late = submission("miscoded-0", WRONG, 2, **{k: sent[0][k] for k in ("lon", "lat")}, enumerator=JOKO)
    revisit = submission("miscoded-8", WRONG, 2, **{k: sent[8][k] for k in ("lon", "lat")}, visit=2, enumerator=JOKO)
    results = fresh.send(late, revisit).json()["results"]
    assert [row["status"] for row in results] == ["conflict", "stored"]
    with fresh.client() as client:
        (held,) = client.get("/v1/quarantine").json()["quarantine"]
        assert (held["household_id"], held["known"]["block"]) == ("SIM-miscoded-0", BESIDE.code)
        taken = client.post(f"/v1/quarantine/{held['id']}/resolve", json={"action": "take"}).json()
        assert taken["state"] == "resolved"
        assert client.get("/v1/households/SIM-miscoded-0").json()["household"]["revision"] == 3
