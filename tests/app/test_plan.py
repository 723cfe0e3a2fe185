"""The plan of a day as supervisors get it: whose it is, rules and appointments, changes by hand, files, the audit."""

import asyncio
import io
import json
from datetime import date, datetime, timedelta
from typing import Any
from uuid import uuid4
from xml.etree import ElementTree

import httpx2
import numpy as np
import pytest
from python_calamine import CalamineWorkbook
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.api.plan import PlanOut
from geo.ground import footprints
from geo.trust import accounts, credentials
from geo.trust.grants import Grant
from tests.app.reading import rows_of
from tests.app.townspeople import done
from tests.conftest import PASSWORD, Service
from tests.world import BLOCKS, EDITION, Block, submission

#: The clock of the world stands on the afternoon of the 24th (17:00 in Makassar), so the next day is the 25th.
DAY = "2022-10-25"
TEAM = {BLOCKS[0]: "siti", BLOCKS[1]: "siti", BLOCKS[2]: "tono"}
ACROSS, APART = 8, 14 / 111_000


def door(block: Block, at: int) -> dict[str, float]:
    """Houses in rows of eight, about 14 m apart."""
    west, south = block.at(0.3, 0.3)
    return {"lon": round(west + at % ACROSS * APART, 7), "lat": round(south + at // ACROSS * APART, 7)}


def visit(block: Block, at: int, revision: int = 1, /, **changes: Any) -> dict[str, object]:
    who = {"enumerator": TEAM[block]} if block in TEAM else {}
    return submission(f"{block.number}-{at}", block, revision, **door(block, at), **who, **changes)


def records() -> list[dict[str, object]]:
    """A first block walked to two thirds, some families of which are to be visited again."""
    found = [visit(BLOCKS[0], at, captured_at=f"2022-10-2{at % 4}T10:{at:02d}:00+08:00") for at in range(30)]
    found += [visit(BLOCKS[0], at, result="not_met", captured_at="2022-10-23T09:30:00+08:00") for at in range(30, 36)]
    found += [visit(BLOCKS[0], 36, result="refused", visit=2, captured_at="2022-10-23T09:40:00+08:00")]
    found += [visit(BLOCKS[0], 37, result="not_met", visit=3, captured_at="2022-10-23T09:50:00+08:00")]  # used up
    agreed = {"captured_at": "2022-10-24T11:00:00+08:00", "result": "partial"}
    found += [
        visit(BLOCKS[0], 38, **agreed, revisit_at="2022-10-25T10:00:00+08:00"),
        visit(BLOCKS[0], 39, **agreed, revisit_at="2022-10-26T10:00:00+08:00"),  # another day
        visit(BLOCKS[2], 40, **agreed, revisit_at="2022-10-25T15:00:00+08:00"),
    ]
    return found


async def _settle(db: AsyncConnection) -> dict[str, str]:
    tokens = {}
    for name, given in {
        "budi": Grant("supervisor", assigned=True),
        "wati": Grant("supervisor", assigned=True),
        "siti": Grant("enumerator", assigned=True),
    }.items():
        made = await accounts.create(db, name, given, PASSWORD)
        tokens[name] = await credentials.issue(db, made, "token", "test", None)
    led = {block: (who, "budi") for block, who in TEAM.items()} | {BLOCKS[3]: ("tini", "wati")}
    statement = "INSERT INTO ground.assignment SELECT edition_id, code, :who, :led, '2022-10-15' FROM ground.area "
    for block, (who, leader) in led.items():
        await db.execute(text(f"{statement} WHERE code = :code"), {"who": who, "led": leader, "code": block.code})
    at = [door(BLOCKS[0], n) for n in range(ACROSS**2)]
    lon, lat = (np.array([one[name] for one in at]) for name in ("lon", "lat"))
    await footprints.store(db, EDITION, lon, lat, np.full(len(lon), 80.0))
    return tokens


@pytest.fixture(scope="module")
def town(service: Service) -> Service:
    service.tokens.update(done(service.logins, _settle))
    for sent in (records(),):
        answer = service.send(*sent)
        assert {row["status"] for row in answer.json()["results"]} == {"stored"}, answer.text[:500]
    for _ in range(200):
        got = ask(service, "budi")
        if got.status_code == 200 and "callback.SIM-5-38" in got.text:
            return service
        asyncio.run(asyncio.sleep(0.1))
    raise AssertionError(got.text[:500])


def ask(town: Service, who: str = "budi", **query: Any) -> httpx2.Response:
    with town.client(who) as client:
        return client.get("/v1/plan", params=query)


def plan(town: Service, who: str = "budi", **query: Any) -> dict[str, Any]:
    answer = ask(town, who, **query)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    PlanOut.model_validate_json(answer.content)
    found: dict[str, Any] = answer.json()
    return found


def put(town: Service, said: dict[str, Any], who: str = "budi", **changes: Any) -> httpx2.Response:
    body = {
        "plan_id": str(uuid4()),
        "base": said["saved"]["plan_id"] if said["saved"] else None,
        "supervisor": said["supervisor"],
        "day": said["day"],
        "hours": said["hours"],
        "routes": order(said),
    }
    with town.client(who) as client:
        return client.put("/v1/plan", json=body | changes)


def order(said: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"enumerator": route["enumerator"], "stops": [one["stop"] for one in route["stops"]]}
        for route in said["routes"]
    ]


def stops(said: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["stop"]: one for route in said["routes"] for one in route["stops"]}


def test_a_team_gets_what_can_be_done_within_its_hours(town: Service) -> None:
    got = plan(town)
    assert (got["supervisor"], got["day"], got["saved"], got["supervisors"]) == ("budi", DAY, None, ["budi"])
    assert [route["enumerator"] for route in got["routes"]] == ["siti", "tono"]
    every = stops(got) | {one["stop"]: one for one in got["left"]}
    assert {one["kind"] for one in every.values()} == {"callback", "block"}
    for route in got["routes"]:
        assert 0 < route["hours"] <= 7.05
        times = [(one["arrive"], one["leave"]) for one in route["stops"]]
        assert times == sorted(times)
        assert all(arrive < leave for arrive, leave in times)
    assert got["families"] == pytest.approx(sum(one["won"] for one in stops(got).values()), abs=0.2)
    # what nobody has asked for is shared by the parts of each block, as whole families
    rest = {b: sum(o["families"] for o in every.values() if o["code"] == b.code and o["kind"] == "block") for b in TEAM}
    assert rest == {BLOCKS[0]: 60 - 40, BLOCKS[1]: 60, BLOCKS[2]: 60 - 1}
    assert {one["assigned"] for one in every.values()} == {"siti", "tono"}


def test_rules_of_visits_and_appointments_are_honoured(town: Service) -> None:
    got = plan(town)
    every = stops(got) | {one["stop"]: one for one in got["left"]}
    assert "callback.SIM-5-37" not in every, "its third visit is used up"
    assert "callback.SIM-5-39" not in every, "its appointment is on another day"
    for name, hour in (("callback.SIM-5-38", 10), ("callback.SIM-7-40", 15)):
        one = stops(got)[name]
        agreed = datetime.fromisoformat(f"{DAY}T{hour}:00:00+08:00")
        assert datetime.fromisoformat(one["appointment"]) == agreed
        assert not one["late"]
        work = timedelta(minutes=one["work_minutes"])
        begun = datetime.fromisoformat(one["leave"]) - work
        assert agreed - timedelta(minutes=11) <= begun <= agreed + timedelta(minutes=31)
    for one in stops(got).values():
        if one["kind"] == "callback":
            assert datetime.fromisoformat(one["arrive"]) >= datetime.fromisoformat(one["earliest"])
            assert 1 <= one["visits"] <= 2


def test_today_nobody_is_sent_within_four_hours_of_a_visit(town: Service) -> None:
    got = plan(town, day="2022-10-24", hours=3)
    names = set(stops(got)) | {one["stop"] for one in got["left"]}
    assert "callback.SIM-5-38" not in names, "the appointment is tomorrow"
    now = datetime.fromisoformat("2022-10-24T17:00:00+08:00")
    assert all(datetime.fromisoformat(one["arrive"]) >= now for one in stops(got).values())


def test_the_same_question_has_the_same_answer(town: Service) -> None:
    first = plan(town, hours=5)
    assert order(first) == order(plan(town, "admin", supervisor="budi", hours=5))
    assert order(plan(town, hours=2.5)) != order(first)


def test_a_plan_is_for_who_answers_for_the_team(town: Service) -> None:
    for who in ("admin", "coordinator"):
        assert plan(town, who, supervisor="wati")["supervisors"] == ["budi", "wati"]
        which = ask(town, who)
        assert (which.status_code, which.json()["supervisors"]) == (422, ["budi", "wati"])
        assert which.json()["type"].endswith("which-supervisor")
    assert plan(town, "supervisor", supervisor="budi")["supervisors"] == ["budi"]
    for who in ("budi", "supervisor"):
        refused = ask(town, who, supervisor="wati")
        assert (refused.status_code, refused.json()["type"].rpartition(":")[2]) == (404, "no-team")
    for who in ("siti", "enumerator", "local_government"):
        assert ask(town, who, supervisor="budi").status_code == 403
    assert put(town, plan(town, "admin", supervisor="wati"), "budi").status_code == 404
    assert ask(town, day="2022-10-20").json()["type"].endswith("bad-day")


def test_changes_by_hand_are_kept_and_nobody_overwrites_them(town: Service) -> None:
    before = plan(town, day="2022-10-26")
    turned = [
        {"enumerator": "siti", "stops": [one["stop"] for one in reversed(before["routes"][0]["stops"])]},
        {"enumerator": "tono", "stops": []},
    ]
    name = str(uuid4())
    first = put(town, before, plan_id=name, routes=turned)
    assert first.status_code == 200, first.text
    again = put(town, before, plan_id=name, routes=turned)
    assert again.json()["saved"] == first.json()["saved"]
    got = plan(town, day="2022-10-26")
    assert order(got) == turned
    assert (got["saved"]["plan_id"], got["saved"]["saved_by"]) == (name, "budi")
    arrives = [one["arrive"] for one in got["routes"][0]["stops"]]
    assert arrives == sorted(arrives)
    missing = {one["stop"] for one in before["routes"][1]["stops"]}
    assert missing <= {one["stop"] for one in got["left"]}
    # another one, upon what stood before
    late = put(town, before, "admin", routes=order(before))
    assert (late.status_code, late.json()["type"].rpartition(":")[2]) == (409, "plan-changed")
    other = put(town, got, plan_id=name, routes=order(before))
    assert (other.status_code, other.json()["type"].rpartition(":")[2]) == (409, "conflict")
    back = put(town, got, "admin", routes=None)
    assert (back.json()["saved"], order(back.json())) == (None, order(before))
    assert plan(town, day=DAY)["saved"] is None, "of another day nothing was changed"


def test_an_appointment_missed_by_hand_is_marked(town: Service) -> None:
    before = plan(town, day=DAY)
    own = "callback.SIM-5-38"
    rest = [one["stop"] for one in before["routes"][0]["stops"] if one["stop"] != own]
    blocks = [one["stop"] for one in before["left"] if one["kind"] == "block"][:4]
    said = put(town, before, routes=[{"enumerator": "siti", "stops": [*rest, *blocks, own]}]).json()
    assert [one["stop"] for one in stops(said).values() if one["late"]] == [own]
    assert put(town, said, routes=None).status_code == 200


def test_stops_that_are_none_of_the_team_are_refused_and_what_is_done_is_named(town: Service) -> None:
    before = plan(town, day="2022-10-27")
    for stop, code in (
        (f"block.{BLOCKS[3].code}.1", "unknown-stop"),
        ("callback.SIM-nobody", "unknown-stop"),
        ("nonsense", "unknown-stop"),
    ):
        got = put(town, before, routes=[{"enumerator": "siti", "stops": [stop]}])
        assert (got.status_code, got.json()["type"].rpartition(":")[2]) == (422, code), stop
    for wrong in (
        [{"enumerator": "tini", "stops": []}],
        [{"enumerator": "siti", "stops": [before["left"][0]["stop"]] * 2}],
    ):
        assert put(town, before, routes=wrong).json()["type"].endswith("bad-plan")
    finished = "callback.SIM-5-3"  # interviewed long ago
    said = put(town, before, routes=[{"enumerator": "siti", "stops": [finished, before["left"][0]["stop"]]}]).json()
    assert said["gone"] == [{"stop": finished, "enumerator": "siti"}]
    assert [one["stop"] for one in said["routes"][0]["stops"]] == [before["left"][0]["stop"]]


def test_files_open_again(town: Service) -> None:
    got = plan(town)
    walked = [route for route in got["routes"] if route["stops"]]
    every = [one for route in walked for one in route["stops"]]
    root = ElementTree.fromstring(ask(town, format="gpx").content)  # noqa: S314  # made by ourselves
    ns = {"g": "http://www.topografix.com/GPX/1/1"}
    assert [rte.findtext("g:name", "", ns) for rte in root.findall("g:rte", ns)] == [r["enumerator"] for r in walked]
    at = [(float(p.get("lat", 0)), float(p.get("lon", 0))) for p in root.findall("g:wpt", ns)]
    assert at == [(one["lat"], one["lon"]) for one in every]
    names = [p.findtext("g:name", "", ns) for p in root.findall("g:rte/g:rtept", ns)]
    assert [int(name.split()[0]) for name in names] == [n for r in walked for n in range(1, len(r["stops"]) + 1)]
    book = CalamineWorkbook.from_filelike(io.BytesIO(ask(town, format="xlsx").content))
    assert book.sheet_names == ["siti", "tono"]
    page = book.get_sheet_by_name("siti").to_python()
    assert [row[0] for row in page[3:]] == [float(n) for n in range(1, len(got["routes"][0]["stops"]) + 1)]
    assert all(row[7] == "☐" for row in page[3:])
    for format_ in ("csv", "geojson", "gpkg"):
        rows = rows_of(ask(town, format=format_).content, "plan", format_)
        assert [row["stop"] for row in rows] == [one["stop"] for one in every], format_
    assert ask(town, format="kml").content.count(b"<Placemark") == len(every)


def test_what_was_read_and_saved_is_in_the_audit(town: Service) -> None:
    plan(town)
    with town.client() as client:
        rows = client.get("/v1/audit", params={"act": "plan."}).json()["audit"]
    acts = {row["act"] for row in rows}
    assert {"plan.read", "plan.save"} <= acts
    newest = next(row for row in rows if row["act"] == "plan.read")
    assert newest["subject"]["supervisor"] == "budi"
    assert newest["subject"]["households"] > 0
    assert "SIM-" not in json.dumps(rows)


def test_yesterday_moves_the_odds_and_new_records_the_plan(town: Service) -> None:
    before = plan(town)
    odds = {row["what"]: row for row in before["odds"]}
    assert odds["first"]["of"] == 41
    assert all(0 < row["low"] <= row["share"] <= row["high"] < 1 for row in odds.values())
    again = [
        visit(BLOCKS[0], at, 2, visit=2, captured_at="2022-10-24T16:30:00+08:00", result="completed")
        for at in range(30, 36)
    ]
    town.send(*again)
    for _ in range(100):
        after = plan(town)
        moved = {row["what"]: row for row in after["odds"]}
        if moved["not_met"]["of"] > odds["not_met"]["of"]:
            break
        asyncio.run(asyncio.sleep(0.1))
    assert "callback.SIM-5-30" not in stops(after)
    assert moved["not_met"]["of"] == odds["not_met"]["of"] + 6
    assert moved["not_met"]["share"] > odds["not_met"]["share"]
    assert moved["not_met"]["share"] > moved["not_met"]["before"], "it was the last day that did it"
    assert date.fromisoformat(after["day"]).isoformat() == DAY
