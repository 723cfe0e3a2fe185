"""Flags as they are asked for: whose they are, what is told, what is decided on them, formats, and the audit."""

import asyncio
import json
import random
from typing import Any
from uuid import uuid4

import httpx2
import pytest
import shapely
from sqlalchemy import create_engine, text

from app.api.flags import FlagReviewOut, FlagRow, FlagsOut, Kind
from geo.schema_decided import REVIEWS
from geo.watch.doubts import KINDS
from tests.app.reading import PLACED, POINTS, points_of, rows_of
from tests.app.townspeople import done
from tests.conftest import Service
from tests.world import BLOCKS, VILLAGES, Block, submission

Row = dict[str, Any]
PATH = "/v1/flags"
HERE, THERE = BLOCKS[0], BLOCKS[3]
#: What is sent: flags expected by kind, all of the first block but for the last.
EXPECTED = {"outside_block": 1, "low_accuracy": 1, "no_point": 1, "stacked": 1, "night": 1, "centroid": 1}


def at(minutes: float, day: int = 18) -> dict[str, str]:
    """An interview of twelve minutes that ends so long after eight in the morning."""
    made = {}
    for name, minute in (("started_at", minutes - 12), ("captured_at", minutes), ("finished_at", minutes)):
        hour = 8 * 60 + int(minute)
        made[name] = f"2022-10-{day}T{hour // 60:02d}:{hour % 60:02d}:{int(minute * 60) % 60:02d}+08:00"
    return made


def walk(block: Block, who: str, first: int) -> list[Row]:
    """A day's walk past two dozen houses."""
    luck = random.Random(block.number)  # noqa: S311  # places of houses
    made = []
    for n in range(24):
        x, y = 0.1 + (n % 6) * 0.12 + luck.uniform(0, 0.03), 0.1 + n // 6 * 0.12 + luck.uniform(0, 0.03)
        lon, lat = (round(value, 7) for value in block.at(x, y))
        made.append(submission(f"{first + n}", block, lon=lon, lat=lat, enumerator=who, **at(15 + 20 * n)))
    return made


def sent() -> list[Row]:
    rows = walk(HERE, "pcl-a", 100) + walk(THERE, "pcl-b", 200)
    rows[1] |= {"lon": rows[20]["lon"], "lat": rows[20]["lat"]}
    rows[5] |= {"accuracy_m": 130.0}
    del rows[8]["lon"], rows[8]["lat"], rows[8]["accuracy_m"]
    rows[13]["lon"] = round(HERE.west - 0.004, 7)
    centre = THERE.shape.centroid
    rows[30] |= {"lon": round(centre.x, 7), "lat": round(centre.y, 7)}
    for n in range(4):
        rows.append(rows[n] | submission(f"n{n}", HERE, enumerator="pcl-a", **at(870 + 15 * n, 19)))
    return rows


async def lay(db: Any) -> None:
    """The list says who lives in which house."""
    await db.execute(
        text(
            "INSERT INTO ground.prelist (edition_id, household_id, number, building, sequence) "
            "SELECT c.edition_id, 'SIM-' || n, :number, CAST(n AS text), 1 FROM ground.campaign c, "
            "generate_series(100, 123) n"
        ),
        {"number": HERE.number},
    )


@pytest.fixture(scope="module")
def filled(service: Service) -> Service:
    done(service.logins, lay)
    answer = service.send(*sent())
    assert answer.json()["counts"]["stored"] == len(sent()), answer.text[:500]
    for _ in range(200):
        if ask(service, limit=0)["records"] == len(sent()):
            return service
        asyncio.run(asyncio.sleep(0.1))
    raise AssertionError("the records were not counted")


def ask(service: Service, who: str = "admin", **query: Any) -> Row:
    with service.client(who) as client:
        answer = client.get(PATH, params=query)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    FlagsOut.model_validate_json(answer.content)
    found: Row = answer.json()
    return found


def decide(service: Service, flag: str, decision: str, who: str = "coordinator", **said: Any) -> httpx2.Response:
    body = {"review_id": str(uuid4()), "decision": decision} | said
    with service.client(who) as client:
        return client.post(f"{PATH}/{flag}/review", json=body)


def of_kind(found: Row, kind: str) -> Row:
    rows: list[Row] = [row for row in found["flags"] if row["kind"] == kind]
    assert len(rows) == 1, kind
    return rows[0]


def test_the_words_are_those_of_the_modules() -> None:
    assert Kind.__args__ == KINDS  # type: ignore[attr-defined]  # a Literal's words
    assert set(REVIEWS["flag"]) == {"explained", "revisit", "reopened"}


def test_every_doubt_is_told_with_its_evidence(filled: Service) -> None:
    found = ask(filled)
    assert {kind: many for kind, many in found["kinds"].items() if many} == EXPECTED
    assert (found["total"], found["next"], found["records"]) == (6, None, len(sent()))
    weights = [row["weight"] for row in found["flags"]]
    assert weights == sorted(weights, reverse=True)
    assert set(of_kind(found, "stacked")["households"]) == {"SIM-101", "SIM-120"}
    assert of_kind(found, "stacked")["evidence"]["houses"] == 2
    assert of_kind(found, "low_accuracy")["evidence"]["worst_m"] == 130
    assert (of_kind(found, "no_point")["lon"], of_kind(found, "no_point")["shape"]) == (None, None)
    night = of_kind(found, "night")
    assert (night["count"], night["day"], night["evidence"]["from"]) == (4, "2022-10-19", "22:30")
    centroid = of_kind(found, "centroid")
    assert (centroid["code"], centroid["enumerator"]) == (THERE.code, "pcl-b")
    outside = of_kind(found, "outside_block")
    assert abs(outside["evidence"]["metres"] - 445) < 2
    points, line = outside["shape"]["geometries"]
    assert points["coordinates"] == [line["coordinates"][0]]
    assert abs(line["coordinates"][1][0] - HERE.west) < 1e-6
    assert outside["place"].startswith("Kampung 1")
    assert outside["at"] <= outside["until"]


def test_who_sees_what(filled: Service) -> None:
    assert len(ask(filled, "coordinator")["flags"]) == 6
    mine = ask(filled, "supervisor")
    assert {row["code"] for row in mine["flags"]} == {HERE.code}
    assert mine["records"] == 28
    assert {row["flag"] for row in mine["flags"]} < {row["flag"] for row in ask(filled)["flags"]}
    assert ask(filled, "supervisor", within=VILLAGES[1])["flags"] == []
    for who in ("enumerator", "local_government"):
        with filled.client(who) as client:
            assert client.get(PATH).status_code == 403


def test_filters_and_pages(filled: Service) -> None:
    every = ask(filled)["flags"]
    assert [row["kind"] for row in ask(filled, kind=["night", "stacked"])["flags"]] == [
        row["kind"] for row in every if row["kind"] in {"night", "stacked"}
    ]
    assert ask(filled, kind="night")["kinds"] == ask(filled)["kinds"]
    assert [row["kind"] for row in ask(filled, enumerator="pcl-b")["flags"]] == ["centroid"]
    assert [row["kind"] for row in ask(filled, **{"from": "2022-10-19"})["flags"]] == ["night"]
    until = ask(filled, to="2022-10-18")
    assert (until["total"], until["records"]) == (5, 48)
    assert [row["code"] for row in ask(filled, within=THERE.code)["flags"]] == [THERE.code]
    first = ask(filled, limit=4)
    rest = ask(filled, limit=4, after=first["next"])
    assert [*first["flags"], *rest["flags"]] == every
    assert rest["next"] is None
    with filled.client() as client:
        assert client.get(PATH, params={"after": "x~y"}).json()["type"].endswith(":bad-after")
        assert client.get(PATH, params={"kind": "guilt"}).status_code == 422


def test_people_with_most_doubts_come_first(filled: Service) -> None:
    people = ask(filled, limit=0)["enumerators"]
    assert [one["enumerator"] for one in people] == ["pcl-a", "pcl-b"]
    assert (people[0]["flags"], people[0]["households"], people[0]["records"]) == (5, 9, 28)
    assert people[0]["share"] == pytest.approx(9 / 28, abs=1e-4)


def test_a_decision_stands_as_long_as_the_evidence(filled: Service) -> None:
    flag = of_kind(ask(filled), "night")["flag"]
    said = {"review_id": str(uuid4()), "note": "Ronda malam bersama ketua RT"}
    answers = [decide(filled, flag, "explained", "supervisor", **said) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].content == answers[1].content
    kept = FlagReviewOut.model_validate_json(answers[0].content)
    assert (kept.flag, kept.decided_by) == (flag, "supervisor")
    assert ask(filled)["kinds"]["night"] == 0
    row = of_kind(ask(filled, state="explained"), "night")
    assert (row["state"], row["reviewed"]["note"]) == ("explained", said["note"])
    assert {row["kind"] for row in ask(filled, state="all")["flags"]} == set(EXPECTED)
    assert decide(filled, flag, "revisit", review_id=said["review_id"]).status_code == 409
    assert decide(filled, flag, "revisit").status_code == 200
    assert of_kind(ask(filled, state="revisit"), "night")["reviewed"]["decided_by"] == "coordinator"
    assert decide(filled, flag, "reopened").status_code == 200
    assert of_kind(ask(filled), "night")["reviewed"] is None


def test_what_cannot_be_decided(filled: Service) -> None:
    mine, other = (of_kind(ask(filled), kind)["flag"] for kind in ("stacked", "centroid"))
    assert decide(filled, other, "explained", "supervisor").status_code == 404
    assert decide(filled, mine, "explained", "enumerator").status_code == 403
    assert decide(filled, f"stacked-{HERE.number}-00ff00ff00ff00ff", "explained").status_code == 404
    assert decide(filled, "stacked-999999999-00ff00ff00ff00ff", "explained").status_code == 404
    assert decide(filled, mine, "guilty").status_code == 422
    answer = decide(filled, mine, "explained", note="6472030101900001")
    assert answer.json()["type"].endswith(":identity-number")


_SAID = ("note", "decided_by", "decided_at")


def unsaid(format_: str) -> set[str]:
    """Columns that a format has not, or has elsewhere."""
    return {"shape", "reviewed"} | ({"lon", "lat"} if format_ == "geojson" else set())


@pytest.mark.parametrize("format_", PLACED)
def test_every_format_says_the_same(filled: Service, format_: str) -> None:
    every = ask(filled)["flags"]
    with filled.client() as client:
        rows = rows_of(client.get(PATH, params={"format": format_}).content, "flags", format_)
    for name in ("flag", "kind", "code", "count", "weight", "state"):
        assert [row[name] for row in rows] == [flag[name] for flag in every], name
    if format_ != "json":
        assert [json.loads(row["evidence"]) for row in rows] == [flag["evidence"] for flag in every]
        assert list(rows[0]) == [*(name for name in FlagRow.model_fields if name not in unsaid(format_)), *_SAID]


def test_maps_get_shapes_and_phones_points(filled: Service) -> None:
    every = ask(filled)["flags"]
    with filled.client() as client:
        drawn = client.get(PATH, params={"format": "geojson"}).json()
        for format_ in POINTS:
            points = points_of(client.get(PATH, params={"format": format_}).content, format_)
            assert len(points) == 5  # one has none
    for flag, feature in zip(every, drawn["features"], strict=True):
        assert feature["geometry"] == flag["shape"]
        if flag["shape"]:
            assert shapely.from_geojson(json.dumps(flag["shape"])).is_valid


def test_reading_is_audited(filled: Service) -> None:
    ask(filled, "supervisor", kind="night")
    engine = create_engine(filled.logins.owner)
    with engine.connect() as connection:
        rows = connection.execute(
            text("SELECT subject FROM trust.audit WHERE act = 'flags.list' ORDER BY audit_id DESC LIMIT 1")
        ).all()
        before = connection.scalar(text("SELECT count(*) FROM trust.audit WHERE act = 'flags.list'"))
    ask(filled, limit=0)
    with engine.connect() as connection:
        after = connection.scalar(text("SELECT count(*) FROM trust.audit WHERE act = 'flags.list'"))
    engine.dispose()
    assert (rows[0].subject["households"], rows[0].subject["blocks"]) == (4, [[HERE.number, HERE.number]])
    assert before == after


def test_a_corrected_point_clears_its_flag(filled: Service) -> None:
    flag = of_kind(ask(filled), "low_accuracy")["flag"]
    mended = sent()[5] | {"revision": 2, "submission_id": str(uuid4()), "accuracy_m": 5.0} | at(700)
    assert filled.send(mended).json()["counts"]["stored"] == 1
    for _ in range(100):
        if ask(filled, limit=0)["kinds"]["low_accuracy"] == 0:
            break
        asyncio.run(asyncio.sleep(0.1))
    else:
        raise AssertionError("the flag is still told")
    assert decide(filled, flag, "explained").status_code == 404
