"""Single households as a list: whose they are, what filters leave, pages, formats, and the audit of every one."""

import json
import random
from datetime import datetime
from functools import partial
from typing import Any

import psycopg
import pytest
from sqlalchemy import create_engine, text

from app.answers import HouseholdsOut
from geo.watch import households as watch
from tests.app.reading import PLACED, page_of, pages_of, rows_of
from tests.conftest import Service
from tests.world import BLOCKS, VILLAGES, Block, submission

Row = dict[str, Any]
PATH = "/v1/households"

#: Blocks that each role sees; `admin` also those that count in none.
SEEN = {"admin": BLOCKS, "coordinator": BLOCKS, "supervisor": BLOCKS[:3], "enumerator": BLOCKS[:1]}
RESULTS = ("completed", "completed", "refused", "not_met", "moved", "partial")


def sent() -> list[Row]:
    """Some of everything: results, origins, days, doubts, without a point, in no block, declared in another block."""
    rows = []
    for n in range(120):
        more: Row = {"result": RESULTS[n // 6 % 6], "origin": "new" if n % 7 == 0 else "prelist"}
        more["captured_at"] = f"2022-10-{16 + n % 5}T{6 + n % 12:02d}:30:00+08:00"
        more |= {"welfare": 1 + n % 3, "enumerator": f"pcl-{n % 4}", "visit": 1 + n % 2}
        if n % 10 == 3:
            more["accuracy_m"] = 900.0
        if n % 12 == 5:
            more |= {"lon": None, "lat": None, "accuracy_m": None}
        rows.append(submission(f"h{n:03d}", BLOCKS[n % 6], **more))
    for n in range(4):
        rows.append(
            submission(
                f"none{n}", block=None, lon=BLOCKS[0].west - 0.01 - n * 1e-4, captured_at="2022-10-20T09:00:00+08:00"
            )
        )
    west, east = BLOCKS[0], BLOCKS[2]
    rows.append(
        submission(
            "elsewhere",
            west,
            lon=east.at(0.5, 0.5)[0],
            lat=east.at(0.5, 0.5)[1],
            captured_at="2022-10-20T09:00:00+08:00",
        )
    )
    return rows


SENT = {row["household_id"]: row for row in sent()}


def counted(row: Row) -> Block | None:
    """The block a household counts in."""
    return next((b for b in BLOCKS if b.code == row.get("block")), None)


def flags(row: Row) -> set[str]:
    found = {"low_accuracy"} if row.get("accuracy_m") == 900 else set()
    return found | ({"outside_block"} if row["household_id"] == "SIM-elsewhere" else set())


def inside(row: Row, box: tuple[float, ...]) -> bool:
    west, south, east, north = box
    return "lon" in row and west <= row["lon"] <= east and south <= row["lat"] <= north


def truth(who: str, **asked: Any) -> set[str]:
    """Which households are the answer, by a loop over what was sent."""
    found = set()
    for name, row in SENT.items():
        block, day = counted(row), row["captured_at"][:10]
        fits = block in SEEN[who] if block else who == "admin"
        if within := asked.get("within"):
            fits &= block is not None and block.code.startswith(within)
        if box := asked.get("bbox"):
            fits &= inside(row, tuple(float(part) for part in box.split(",")))
        fits &= not asked.get("result") or row["result"] in asked["result"]
        fits &= row["origin"] == asked.get("origin", row["origin"])
        fits &= asked.get("from", "") <= day <= asked.get("until", "9")
        fits &= asked.get("flag") is None or asked["flag"] in flags(row)
        fits &= not asked.get("unplaced") or block is None
        if fits:
            found.add(name)
    return found


@pytest.fixture(scope="module")
def filled(service: Service) -> Service:
    answer = service.send(*SENT.values())
    assert answer.json()["counts"]["stored"] == len(SENT), answer.text
    with service.client() as client:
        while client.get("/v1/coverage?level=scope").json()["coverage"][0]["located"] < 115:
            pass
    return service


asked = partial(page_of, PATH, HouseholdsOut)
pages = partial(pages_of, PATH, HouseholdsOut)


def ids(page: Row) -> list[str]:
    return [row["household_id"] for row in page["households"]]


# ── whose ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("who", SEEN)
def test_each_role_sees_exactly_its_scope(filled: Service, who: str) -> None:
    with filled.client(who) as client:
        page = asked(client, limit=1000)
        assert set(ids(page)) == truth(who)
        assert len(ids(page)) == page["total"] == len(truth(who))
        assert page["next"] is None
        for within in (*VILLAGES, BLOCKS[0].code, BLOCKS[5].code, "6472"):
            inner = asked(client, limit=1000, within=within)
            assert set(ids(inner)) == truth(who, within=within), within
            assert inner["total"] == len(ids(inner))
        lost = asked(client, unplaced=True)
        assert set(ids(lost)) == truth(who, unplaced=True)
        assert lost["total"] == len(ids(lost)) == (4 if who == "admin" else 0)
        assert ids(asked(client, unplaced=True, within="6472")) == []


def test_who_may_not(filled: Service) -> None:
    with filled.client("local_government") as client:
        assert client.get(PATH).status_code == 403
    with filled.client(None) as client:
        assert client.get(PATH).status_code == 401


def test_rows_say_what_was_sent(filled: Service) -> None:
    with filled.client() as client:
        rows = {row["household_id"]: row for row in asked(client, limit=1000)["households"]}
    for name, row in SENT.items():
        block, found = counted(row), rows[name]
        assert list(found) == list(HouseholdsOut.model_fields["households"].annotation.__args__[0].model_fields)
        same = ("revision", "block", "lon", "lat", "accuracy_m", "result", "origin", "visit", "welfare", "enumerator")
        assert {field: found[field] for field in same} == {field: row.get(field) for field in same}
        assert (found["code"], found["name"]) == ((block.code, f"RT {block.code[-2:]}") if block else (None, None))
        assert found["day"] == row["captured_at"][:10]
        assert datetime.fromisoformat(found["captured_at"]) == datetime.fromisoformat(row["captured_at"])
        assert set(found["flags"]) == flags(row)
        assert (found["closed"], found["revisit_at"]) == (False, None)
        there = [
            b.code
            for b in BLOCKS
            if "lon" in row and b.west < row["lon"] < b.west + 0.004 and b.south < row["lat"] < b.south + 0.004
        ]
        assert [found["located"]] == (there or [None])


# ── what is asked for ─────────────────────────────────────────────────────────────────────────────────────────────

FILTERS: list[Row] = [
    {"result": ["refused"]},
    {"result": ["completed", "moved"]},
    {"result": ["deceased"]},
    {"origin": "new"},
    {"from": "2022-10-18"},
    {"until": "2022-10-17"},
    {"from": "2022-10-17", "until": "2022-10-17"},
    {"flag": "low_accuracy"},
    {"flag": "outside_block"},
    {"flag": "outside"},
    {"flag": "unheard_of"},
    {"origin": "prelist", "result": ["completed"], "from": "2022-10-17", "within": VILLAGES[0]},
    {"unplaced": True, "result": ["completed"]},
]


@pytest.mark.parametrize("filter_", FILTERS, ids=str)
def test_filters(filled: Service, filter_: Row) -> None:
    for who in SEEN:
        with filled.client(who) as client:
            page = asked(client, limit=1000, **filter_)
        assert set(ids(page)) == truth(who, **filter_), who
        plain = set(filter_) <= {"result", "within", "unplaced"}
        assert page["total"] == (len(ids(page)) if plain else None)


def boxes() -> list[str]:
    a, f = BLOCKS[0], BLOCKS[5]
    middle = SENT["SIM-h002"]
    return [
        f"{a.west},{a.south},{a.west + 0.002},{a.south + 0.002}",
        f"{f.west - 0.002},{f.south + 0.001},{f.west + 0.002},{f.south + 0.006}",
        f"{middle['lon']},{middle['lat']},{middle['lon']},{middle['lat']}",
        f"{middle['lon']},{middle['lat']},{middle['lon'] + 0.004},{middle['lat'] + 0.004}",
        "95,-11,141,6",
        "-180,-90,180,90",
        "10,10,11,11",
        "-180,-90,-180,-90",
    ]


@pytest.mark.parametrize("box", boxes())
@pytest.mark.parametrize("few", [0, 100], ids=["cells", "numbers"])
def test_boxes(filled: Service, monkeypatch: pytest.MonkeyPatch, box: str, few: int) -> None:
    """The box is exact, its edges included, whichever way it is read."""
    monkeypatch.setattr(watch, "FEW", few)
    for who in SEEN:
        for more in ({}, {"within": VILLAGES[1]}, {"result": ["completed"]}):
            with filled.client(who) as client:
                found = [name for page in pages(client, bbox=box, limit=7, **more) for name in ids(page)]
            assert len(found) == len(set(found))
            assert set(found) == truth(who, bbox=box, **more), (who, more)


def test_a_box_is_read_by_cells_only_where_that_is_less(filled: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    small, large = boxes()[0], boxes()[4]

    def kind(who: str, few: int, **of: Any) -> str:
        monkeypatch.setattr(watch, "FEW", few)
        with filled.client(who) as client:
            return str(asked(client, limit=1, **of)["next"])[0]

    assert kind("admin", 100, bbox=small) == "n"
    assert kind("admin", 5, bbox=small) == "c"
    assert kind("supervisor", 5, bbox=small) == "n"
    assert kind("admin", 100, bbox=large) == "c"
    assert kind("coordinator", 5, bbox=large) == "n"
    assert kind("admin", 5, bbox=large, origin="prelist") == "n"
    assert kind("admin", 5, bbox=large, within="6472") == "n"


# ── pages ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("seed", range(40))
def test_pages_are_one_list(filled: Service, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    """Whoever asks whatever: small pages after each other are the one large page, in one order, nothing twice."""
    luck = random.Random(seed)  # noqa: S311  # chooses questions
    monkeypatch.setattr(watch, "FEW", luck.choice([0, 5, 100]))
    monkeypatch.setattr(watch, "LOOK", luck.choice([1, 10, 100_000]))
    of: Row = dict(luck.choice(FILTERS)) if luck.random() < 0.6 else {}
    if luck.random() < 0.4:
        of["bbox"] = luck.choice(boxes())
    if luck.random() < 0.3 and not of.get("unplaced"):
        of["within"] = luck.choice([*VILLAGES, "6472", BLOCKS[1].code])
    who = luck.choice(list(SEEN))
    with filled.client(who) as client:
        limit = luck.choice([1, 2, 7, 30])
        small = list(pages(client, **of, limit=limit))
        monkeypatch.setattr(watch, "LOOK", 100_000)
        (large,) = pages(client, **of, limit=10_000)
    found = [name for page in small for name in ids(page)]
    assert found == ids(large)
    assert set(found) == truth(who, **of)
    assert all(len(page["households"]) <= limit for page in small)
    assert {page["total"] for page in small} == {large["total"]}
    assert len({page["next"] for page in small}) == len(small), "no page leads back"


def test_a_page_with_a_filter_looks_at_so_many(filled: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "LOOK", 45)  # households of two blocks
    with filled.client("coordinator") as client:
        found = [ids(page) for page in pages(client, flag="outside_block")]
        assert [len(page) for page in found] == [1, 0, 0]
        assert [len(ids(page)) for page in pages(client)] == [100, 21]  # without a filter nothing is passed over


def test_pages_while_rows_are_added_and_moved(fresh_service: Service) -> None:
    def rows(*names: str, block: Block, revision: int = 1) -> list[Row]:
        return [submission(name, block, revision) for name in names]

    stay = [f"s{n:02d}" for n in range(30)]
    for n in range(6):
        fresh_service.send(*rows(*stay[n * 5 : n * 5 + 5], block=BLOCKS[n]))
    fresh_service.send(*rows("back", block=BLOCKS[5]), *rows("forth", block=BLOCKS[0]))
    found: list[str] = []
    with fresh_service.client() as client:
        page = asked(client, limit=4)
        found += ids(page)
        step = 0
        while page["next"]:
            step += 1
            fresh_service.send(*rows(f"a{step}", block=BLOCKS[0]), *rows(f"z{step}", block=BLOCKS[5]))
            if step == 3:
                fresh_service.send(
                    *rows("back", block=BLOCKS[0], revision=2), *rows("forth", block=BLOCKS[5], revision=2)
                )
            page = asked(client, limit=4, after=page["next"])
            found += ids(page)
        found = [name.removeprefix("SIM-") for name in found]
        assert [name for name in found if name in stay] == stay, "what stays comes once, in order"
        assert "back" not in found, "it went where we had been"
        assert found.count("forth") == 2, "it went where we came later"
        assert {name for name in found if name[0] == "z"} >= {f"z{n}" for n in range(1, step)}
        assert not [name for name in found if name[0] == "a" and name not in {"a1"}]
        every = ids(asked(client, limit=1000))
        assert len(every) == len(set(every)) == 32 + 2 * step


# ── formats and the audit ─────────────────────────────────────────────────────────────────────────────────────────


def audited(service: Service, act: str = "") -> list[Row]:
    """Rows of the audit, oldest first, as `act`, `account` and `subject`."""
    engine = create_engine(service.logins.worker)
    with engine.connect() as connection:
        rows = connection.execute(
            text("""SELECT u.audit_id, a.name AS account, u.act, u.subject, u.credential_id FROM trust.audit u
                    JOIN trust.account a ON a.account_id = u.actor
                    WHERE u.act IN ('households.list', 'quarantine.read', 'export') AND starts_with(u.act, :act)
                    ORDER BY u.audit_id"""),
            {"act": act},
        )
        found = [dict(row) for row in rows.mappings()]
    engine.dispose()
    return found


@pytest.fixture
def since(filled: Service) -> Any:
    """What the audit says since."""
    before = len(audited(filled))
    return lambda: [(row["account"], row["act"], row["subject"]) for row in audited(filled)[before:]]


def test_formats_say_the_same(filled: Service) -> None:
    found = {}
    with filled.client("supervisor") as client:
        for format_ in PLACED:
            answer = client.get(PATH, params={"format": format_, "limit": 1000})
            assert answer.headers["cache-control"] == "no-store"
            assert ("content-disposition" in answer.headers) is (format_ != "json")
            found[format_] = rows_of(answer.content, "households", format_)
            if format_ == "geojson":
                features = json.loads(answer.content)["features"]
    assert len(found["json"]) == len(truth("supervisor"))
    assert [f["id"] for f in features] == [row["household_id"] for row in found["json"]]
    for row, feature in zip(found["json"], features, strict=True):
        point = None if row["lon"] is None else {"type": "Point", "coordinates": [row["lon"], row["lat"]]}
        assert feature["geometry"] == point
        assert feature["properties"] == {k: v for k, v in row.items() if k not in {"lon", "lat"}}
    for table in ("csv", "xlsx"):
        for row, line in zip(found["json"], found[table], strict=True):
            point = row["lon"] and pytest.approx((row["lon"], row["lat"]), abs=1e-12)  # a workbook keeps 16 digits
            assert point == (line["lon"] and (line["lon"], line["lat"]))
            for field in ("household_id", "block", "code", "day", "result", "enumerator", "captured_at"):
                assert line[field] == row[field], (table, field)
            assert line["flags"] == (",".join(row["flags"]) or None)


@pytest.mark.parametrize("format_", PLACED)
def test_the_audit_says_what_was_given_out_and_nothing_more(filled: Service, since: Any, format_: str) -> None:
    of = {"limit": 30, "format": format_, "within": VILLAGES[0], "result": ["completed"]}
    with filled.client("coordinator") as client:
        answer = client.get(PATH, params=of)
    codes = {row["code"] for row in rows_of(answer.content, "households", format_)}
    assert codes == {BLOCKS[0].code, BLOCKS[1].code, BLOCKS[2].code}
    read = {"blocks": [[5, 7]], "households": len(rows_of(answer.content, "households", format_)), "format": format_}
    export = {"what": "households", "format": format_, "rows": read["households"], "within": VILLAGES[0]}
    edition = {"edition": "2022_2"}
    noted = [("coordinator", "households.list", read | edition)]
    assert since() == noted + ([] if format_ == "json" else [("coordinator", "export", export | edition)])
    assert all(row["credential_id"] for row in audited(filled)[-len(noted) :])


def test_a_page_is_audited_for_its_own_blocks(filled: Service, since: Any) -> None:
    with filled.client() as client:
        first, *_, last = pages(client, limit=30)
    said = [subject for _, _, subject in since()]
    assert [s["households"] for s in said] == [30, 30, 30, 30, 5]
    assert said[0]["blocks"] == [[0, 0], [5, 6]]
    assert {row["code"] for row in last["households"]} == {BLOCKS[5].code}
    assert said[-1]["blocks"] == [[11, 11]]
    assert len(first["households"]) == 30


def test_nothing_given_out_is_nothing_read(filled: Service, since: Any) -> None:
    with filled.client("supervisor") as client:
        for of in ({"within": VILLAGES[1]}, {"unplaced": True}, {"bbox": "10,10,11,11"}, {"result": ["deceased"]}):
            assert ids(asked(client, **of)) == []
        for of in ({"limit": 0}, {"after": "x"}, {"format": "pdf"}, {"within": "nowhere"}):
            assert client.get(PATH, params=of).status_code in {404, 422}
    assert since() == []


@pytest.mark.parametrize("name", ["coverage", "cells", "gaps", "quarantine", "areas"])
def test_every_list_that_leaves_as_a_file_is_noted(filled: Service, since: Any, name: str) -> None:
    many = {}
    with filled.client("supervisor") as client:
        for format_ in PLACED:
            answer = client.get(f"/v1/{name}", params={"format": format_, "within": VILLAGES[0]})
            assert answer.status_code == 200
            many[format_] = len(rows_of(answer.content, name, format_))
    noted = [
        (
            "supervisor",
            "export",
            {"what": name, "format": f, "rows": many[f], "edition": "2022_2", "within": VILLAGES[0]},
        )
        for f in PLACED[1:]
    ]
    assert since() == ([] if name == "areas" else noted), "shapes are public, numbers are not"


def test_an_export_that_is_not_noted_does_not_leave(filled: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: Any, **__: Any) -> None:
        raise psycopg.OperationalError

    monkeypatch.setattr("app.outgoing.audit.note", broken)
    with filled.client() as client:
        answer = client.get("/v1/coverage?format=csv")
        assert answer.status_code == 503
        assert BLOCKS[0].code not in answer.text
        assert client.get("/v1/coverage").status_code == 200
