"""Movements and cut-offs as they are asked for: whose they are, filters, pages, formats, and what is noted."""

import json
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from app.api.movements import CutoffsOut, MovementsOut
from tests.app.reading import FORMATS, rows_of
from tests.app.townspeople import done
from tests.conftest import Service
from tests.geo.publish.test_movements import EVENT, FIRST, SECOND, event
from tests.world import BLOCKS, VILLAGES

Row = dict[str, Any]
#: Families of each forum, and how many of them it moved to a poorer group; the second stands out.
FORUMS = ((20, 1), (20, 18), (20, 0), (10, 2), (10, 1), (0, 0))


async def lay(db: Any) -> None:
    """Forums, and families of deciles 1 to 10 in turn; the poorest tenth is poor by field status."""
    rows = []
    for block, (families, moved) in zip(BLOCKS, FORUMS, strict=True):
        for n in range(families):
            name, dated = f"{block.number}-{n}", FIRST if n % 2 else SECOND
            after = 2 if n < moved else 3
            said = {"before": 3, "consultation": after, "reason": "wrong_income" if n < moved else None}
            rows.append(event(name, block.number, "consultation", dated, **said))
            rows.append(event(name, block.number, "rank", decile=n % 10 + 1))
            rows.append(event(name, block.number, "field_status", field_status=1 if n % 10 == 0 else 3))
    await db.execute(EVENT, rows)


@pytest.fixture(scope="module")
def consulted(service: Service) -> Service:
    done(service.logins, lay)
    return service


def ask(service: Service, name: str, who: str = "admin", **query: Any) -> Row:
    with service.client(who) as client:
        answer = client.get(f"/v1/{name}", params=query)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    {"movements": MovementsOut, "cutoffs": CutoffsOut}[name].model_validate_json(answer.content)
    found: Row = answer.json()
    return found


def test_the_forum_that_stands_out_comes_first_with_its_evidence(consulted: Service) -> None:
    found = ask(consulted, "movements")
    first = found["movements"][0]
    assert (first["code"], first["outlier"], first["families"], first["poorer"]) == (BLOCKS[1].code, True, 20, 18)
    assert first["reasons"] == {"wrong_income": 18}
    assert first["matrix"] == [[0, 0, 0, 0], [0, 0, 0, 0], [0, 18, 2, 0], [0, 0, 0, 0]]
    assert first["place"].startswith("Kampung 1")
    assert [row["outlier"] for row in found["movements"]] == [True] + [False] * 5
    whole = {name: found["whole"][name] for name in ("families", "moved", "net", "forums", "outliers")}
    assert whole == {"families": 80, "moved": 22, "net": -22, "forums": 5, "outliers": 1}
    assert (found["ordinary"], found["total"], found["until"]) == (None, 6, "2022-10-24")


def test_levels_and_days(consulted: Service) -> None:
    villages = ask(consulted, "movements", level="village")["movements"]
    assert [(row["code"], row["moved"], row["outliers"]) for row in villages] == [
        (VILLAGES[0], 19, 1),
        (VILLAGES[1], 3, 0),
    ]
    assert villages[0]["odds"] is None
    early = ask(consulted, "movements", to="2022-10-20")["whole"]["families"]
    late = ask(consulted, "movements", **{"from": "2022-10-21"})["whole"]["families"]
    assert (early, late) == (40, 40)


def test_what_another_cut_off_changes(consulted: Service) -> None:
    found = ask(consulted, "cutoffs")
    whole = found["whole"]
    assert (whole["before"], whole["after"], whole["added"], whole["dropped"]) == (32, 40, 8, 0)
    assert (whole["added_poor_field"], whole["outside_poor_field"]) == (0, 0)
    assert whole["outside_poor_consultation"] == 8
    assert [row["added"] for row in found["cutoffs"]] == [6, 2]
    down = ask(consulted, "cutoffs", **{"from": 1, "to": 0, "level": "block", "within": VILLAGES[1]})
    assert (down["whole"]["dropped"], down["whole"]["dropped_poor_field"]) == (2, 2)
    assert [row["dropped"] for row in down["cutoffs"]] == [1, 1, 0]
    assert {one["programme"]: one["cut_off"] for one in down["presets"]} == {"PKH": 4, "Sembako": 5, "PBI-JKN": 5}
    by_group = ask(consulted, "cutoffs", scale="consultation", **{"from": 2, "to": 3})
    assert by_group["whole"]["added"] == 58
    with consulted.client() as client:
        assert client.get("/v1/cutoffs", params={"to": 11}).json()["type"].endswith(":bad-cut-off")
        assert client.get("/v1/cutoffs", params={"scale": "score", "to": "nan"}).status_code == 422


@pytest.mark.parametrize("name", ["movements", "cutoffs"])
def test_who_sees_what(consulted: Service, name: str) -> None:
    mine = ask(consulted, name, "supervisor", level="block")
    assert {row["code"] for row in mine[name]} == {b.code for b in BLOCKS[:3]}
    assert mine["whole"]["families"] == 60
    above = ask(consulted, name, "supervisor", level="district")[name]
    assert [(row["code"], row["families"]) for row in above] == [("6472030", None)]
    elsewhere = ask(consulted, name, "supervisor", within=VILLAGES[1], level="block")
    assert (elsewhere[name], elsewhere["whole"]["families"]) == ([], 0)
    for who in ("enumerator", "local_government"):
        with consulted.client(who) as client:
            assert client.get(f"/v1/{name}").status_code == 403


@pytest.mark.parametrize("name", ["movements", "cutoffs"])
def test_pages_and_formats_say_the_same(consulted: Service, name: str) -> None:
    every = ask(consulted, name, level="block")[name]
    first = ask(consulted, name, level="block", limit=4)
    rest = ask(consulted, name, level="block", limit=4, after=first["next"])
    assert [*first[name], *rest[name]] == every
    assert ask(consulted, name, limit=0)[name] == []
    with consulted.client() as client:
        assert client.get(f"/v1/{name}", params={"after": 999}).json()["type"].endswith(":bad-after")
        for format_ in FORMATS[1:]:
            body = client.get(f"/v1/{name}", params={"level": "block", "format": format_}).content
            rows = rows_of(body, name, format_)
            for key in ("code", "families", "before" if name == "cutoffs" else "share"):
                assert [row[key] for row in rows] == [row[key] for row in every], (format_, key)
            if name == "movements":
                assert json.loads(rows[0]["reasons"]) == {"wrong_income": 18}
                assert "matrix" not in rows[0]
        drawn = client.get(f"/v1/{name}", params={"level": "block", "format": "geojson"}).json()
    assert drawn["features"][0]["geometry"]["type"] == "Polygon"


def test_what_leaves_as_a_file_is_noted(consulted: Service) -> None:
    with consulted.client("supervisor") as client:
        assert client.get("/v1/movements", params={"format": "xlsx"}).status_code == 200
    engine = create_engine(consulted.logins.owner)
    with engine.connect() as connection:
        last = "SELECT subject FROM trust.audit WHERE act = 'export' ORDER BY audit_id DESC LIMIT 1"
        subject = connection.scalar(text(last))
    engine.dispose()
    assert (subject["what"], subject["format"], subject["rows"]) == ("movements", "xlsx", 3)
