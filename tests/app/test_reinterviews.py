"""Whom to interview a second time: who is drawn, for whom, what moves the draw, and what came of it."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from sqlalchemy import create_engine, text

from app.api.reinterviews import Reinterview, ReinterviewsOut
from geo.schema_decided import REVIEWS
from geo.watch.reinterviews import fraction, interval
from tests.app.reading import PLACED, POINTS, points_of, rows_of
from tests.conftest import Service
from tests.world import BLOCKS, VILLAGES, submission

Row = dict[str, Any]
PATH = "/v1/reinterviews"
OF = 60
SHARE = 0.3
CREW = ("pcl-ani", "pcl-budi")


def sent(first: int = 0, last: int = OF, **changes: Any) -> list[Row]:
    """Households of every block by number; every tenth was not met."""
    rows = []
    for block in BLOCKS:
        for n in range(first, last):
            result = "not_met" if n % 10 == 9 else "completed"
            more = {"enumerator": CREW[n % 2], "result": result, "captured_at": f"2022-10-{20 + n % 4}T09:00:00+08:00"}
            rows.append(submission(f"{block.number}-{n:03d}", block, **(more | changes)))
    return rows


def asked(client: httpx2.Client, **of: Any) -> Row:
    answer = client.get(PATH, params={"share": SHARE, "limit": 10_000} | of)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    ReinterviewsOut.model_validate_json(answer.content)
    found: Row = answer.json()
    return found


def ids(page: Row) -> list[str]:
    return [row["household_id"] for row in page["reinterviews"]]


def say(client: httpx2.Client, household: str, decision: str, **more: Any) -> httpx2.Response:
    body = {"review_id": str(uuid4()), "decision": decision} | more
    return client.post(f"{PATH}/{household}/review", json=body)


@pytest.fixture(scope="module")
def key(service: Service) -> bytes:
    engine = create_engine(service.logins.worker)
    with engine.connect() as connection:
        found = bytes(connection.execute(text("SELECT draw_key FROM ground.campaign")).scalar_one())
    engine.dispose()
    return found


@pytest.fixture(scope="module")
def filled(service: Service) -> Service:
    assert service.send(*sent()).json()["counts"]["stored"] == OF * len(BLOCKS)
    return service


def expected(key: bytes, share: float = SHARE, blocks: tuple[Any, ...] = BLOCKS) -> list[str]:
    """Who is drawn, worked out again from the key, in the order of blocks and ids."""
    all_of_them = [f"SIM-{block.number}-{n:03d}" for block in blocks for n in range(OF) if n % 10 != 9]
    return [one for one in all_of_them if fraction(key, one) < share]


@pytest.mark.parametrize("share", [0.001, 0.05, 0.3, 0.5])
def test_the_draw_is_the_keyed_hash_of_the_id_and_nothing_else(filled: Service, key: bytes, share: float) -> None:
    with filled.client() as client:
        page = asked(client, share=share)
    assert ids(page) == expected(key, share)
    assert (page["drawn"], page["of"], page["total"]) == (len(ids(page)), 9 * OF // 10 * len(BLOCKS), len(ids(page)))
    assert {row["chance"] for row in page["reinterviews"]} <= {share}


def test_each_sees_the_draw_of_its_own_area(filled: Service, key: bytes) -> None:
    for who, blocks in (("coordinator", BLOCKS), ("supervisor", BLOCKS[:3])):
        with filled.client(who) as client:
            assert ids(asked(client)) == expected(key, SHARE, blocks)
            assert ids(asked(client, within=BLOCKS[1].code)) == expected(key, SHARE, BLOCKS[1:2])
            other = asked(client, within=VILLAGES[1])
            assert (ids(other) != [], other["of"] > 0) == ((who == "coordinator",) * 2)
    for who in ("enumerator", "local_government"):
        with filled.client(who) as client:
            assert client.get(PATH).status_code == 403
            assert say(client, ids(other)[0] if ids(other) else "SIM-5-001", "agrees").status_code == 403


def test_rows_say_where_and_who(filled: Service) -> None:
    with filled.client("supervisor") as client:
        page = asked(client)
        days = [asked(client, **{"from": day, "to": day}) for day in ("2022-10-20", "2022-10-21")]
        early = asked(client, to="2022-10-21")
    assert sorted(ids(days[0]) + ids(days[1])) == sorted(ids(early))
    assert days[0]["of"] + days[1]["of"] == early["of"] < page["of"]
    assert set(ids(early)) < set(ids(page))
    for row in page["reinterviews"]:
        assert list(row) == list(Reinterview.model_fields)
        block = next(one for one in BLOCKS if one.number == row["n"])
        assert (row["code"], row["name"]) == (block.code, f"RT {block.code[-2:]}")
        assert row["place"].startswith("Kampung 1")
        assert (row["result"], row["outcome"], row["reviewed"]) == ("completed", None, None)
        assert row["enumerator"] == CREW[int(row["household_id"][-3:]) % 2]
        assert row["lon"] is not None
    assert [one["enumerator"] for one in page["enumerators"]] == list(CREW)
    assert [one["of"] for one in page["enumerators"]] == [90, 72]
    assert sum(one["drawn"] for one in page["enumerators"]) == page["drawn"]


def pages(client: httpx2.Client, **of: Any) -> Iterator[str]:
    page = asked(client, **of)
    yield from ids(page)
    while page["next"]:
        page = asked(client, **of, after=page["next"])
        yield from ids(page)


def test_pages_are_the_list(filled: Service, key: bytes) -> None:
    with filled.client() as client:
        assert list(pages(client, limit=7)) == expected(key)
        only = asked(client, limit=0)
        assert (only["reinterviews"], only["next"], only["drawn"]) == ([], None, len(expected(key)))


WRONG = [
    "share=0", "share=0.6", "share=nan", "share=x", "limit=-1", "limit=10001", "after=x", "after=1~", "after=1~%27",
    "after=9999999999~a", "from=soon", "state=none", "format=exe",
]  # fmt: skip


@pytest.mark.parametrize("query", WRONG)
def test_questions_that_are_none(filled: Service, query: str) -> None:
    with filled.client() as client:
        answer = client.get(f"{PATH}?{query}")
    assert answer.status_code == 422, answer.text
    assert "SELECT" not in answer.text


def test_a_nation_is_not_drawn_at_once(filled: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    with filled.client() as client:
        for limit, few in (("MOST_BLOCKS", 3), ("MOST_HOUSEHOLDS", 200)):
            with monkeypatch.context() as changed:
                changed.setattr(f"geo.watch.villages.{limit}", few)
                answer = client.get(PATH)
                assert (answer.status_code, answer.json()["type"]) == (422, "urn:cakupan:problem:too-wide")
                assert client.get(PATH, params={"within": VILLAGES[0]}).status_code == 200


def test_formats_say_the_same_and_reading_is_audited(filled: Service) -> None:
    with filled.client("supervisor") as client:
        before = len(audited(filled))
        found = {
            kind: rows_of(client.get(PATH, params={"share": SHARE, "format": kind}).content, "reinterviews", kind)
            for kind in PLACED
        }
        asked(client, limit=0)
        said = audited(filled)[before:]
        rows = asked(client)["reinterviews"]
        for kind in POINTS:
            body = client.get(PATH, params={"share": SHARE, "format": kind}).content
            points = points_of(body, kind)
            assert [one[2] for one in points] == [row["household_id"] for row in rows]
            assert all(row["name"] in one[3] for row, one in zip(rows, points, strict=True))
    for kind, listed in found.items():
        assert [row["household_id"] for row in listed] == [row["household_id"] for row in found["json"]], kind
    assert {"note", "decided_by", "decided_at"} <= set(found["xlsx"][0]) & set(found["csv"][0])
    reads = [subject for act, subject in said if act == "reinterviews.list"]
    assert [one["format"] for one in reads] == list(PLACED), "nothing given out is nothing read"
    assert {(one["households"], str(one["blocks"])) for one in reads} == {(len(rows), "[[5, 7]]")}
    assert [subject["what"] for act, subject in said if act == "export"] == ["reinterviews"] * (len(PLACED) - 1)


def audited(service: Service) -> list[tuple[str, Row]]:
    engine = create_engine(service.logins.worker)
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT act, subject FROM trust.audit ORDER BY audit_id"))
        found = [(row.act, row.subject) for row in rows]
    engine.dispose()
    return found


# ── what moves the draw, and what came of it ──────────────────────────────────────────────────────────────────────


def test_nothing_sent_moves_the_draw(fresh_service: Service) -> None:
    fresh_service.send(*sent(0, 30))
    with fresh_service.client() as client:
        early, wide = ids(asked(client)), ids(asked(client, share=0.5))
        assert set(early) < set(wide), "a larger share holds all of a smaller one"
        fresh_service.send(*sent(30, 60))
        late = ids(asked(client))
        assert [one for one in late if int(one[-3:]) < 30] == early, "who was drawn stays so, and nobody joins them"
        assert len(late) > len(early)
        far = {"lon": BLOCKS[5].at(0.5, 0.5)[0], "lat": BLOCKS[5].at(0.5, 0.5)[1], "accuracy_m": 300, "welfare": 3}
        done = [(block, n) for block in BLOCKS for n in range(60) if n % 10 != 9]
        again = [submission(f"{b.number}-{n:03d}", b, 2, enumerator="pcl-lain", **far) for b, n in done]
        fresh_service.send(*again)
        assert ids(asked(client)) == late, "doubtful points, other answers and other people neither"
        gone = submission(late[0].removeprefix("SIM-"), BLOCKS[0], 3, result="moved")
        fresh_service.send(gone)
        assert ids(asked(client)) == late[1:], "only what is completed is drawn"


def test_what_came_of_it(fresh_service: Service) -> None:
    fresh_service.send(*sent())
    with fresh_service.client("supervisor") as client:
        first = ids(asked(client))
        said = {
            first[0]: "agrees",
            first[1]: "differs",
            first[2]: "not_reached",
            first[3]: "agrees",
            first[4]: "differs",
        }
        for household, decision in said.items():
            answer = say(client, household, decision, note=f"catatan {decision}")
            assert (answer.status_code, answer.json()["decided_by"]) == (200, "supervisor"), answer.text
        assert say(client, first[4], "reopened").json()["decision"] == "reopened"
        page = asked(client)
        assert ids(page) == first
        outcomes = {row["household_id"]: row["outcome"] for row in page["reinterviews"]}
        assert outcomes == dict.fromkeys(first) | said | {first[4]: None}
        assert page["reinterviews"][1]["reviewed"]["note"] == "catatan differs"
        assert (page["done"], page["not_reached"]) == (3, 1)
        assert page["differs"] == pytest.approx(interval(1, 3))
        assert sum(one["done"] for one in page["enumerators"]) == 3
        for one in page["enumerators"]:
            mine = [
                o
                for h, o in outcomes.items()
                if CREW[int(h[-3:]) % 2] == one["enumerator"] and o in {"agrees", "differs"}
            ]
            assert one["differs"] == (pytest.approx(interval(mine.count("differs"), len(mine))) if mine else None)
        assert ids(asked(client, state="done")) == [first[0], first[1], first[3]]
        assert asked(client, state="open")["total"] == len(first) - 3
        assert asked(client, share=0.5)["done"] == 3, "a larger draw keeps what was found"
    with fresh_service.client() as client:
        assert [act for act, _ in audited(fresh_service) if act.startswith("reviews")] == ["reviews.reinterview"] * 6


def test_what_is_refused(fresh_service: Service, key: bytes) -> None:
    fresh_service.send(*sent(0, 30))
    with fresh_service.client() as client:
        drawn = ids(asked(client, share=0.5))
        never = next(f"SIM-5-{n:03d}" for n in range(30) if n % 10 != 9 and f"SIM-5-{n:03d}" not in drawn)
        mine, other = drawn[0], drawn[-1]
        assert problem(say(client, never, "agrees")) == (409, "not-drawn")
        assert problem(say(client, "nobody", "agrees")) == (404, "not-found")
        assert say(client, mine, "explained").status_code == 422
        assert problem(say(client, mine, "agrees", note="NIK 6472031210850001")) == (422, "identity-number")
        act = {"review_id": str(uuid4())}
        assert say(client, mine, "agrees", **act).json() == say(client, mine, "agrees", **act).json()
        assert problem(say(client, mine, "differs", **act)) == (409, "conflict")
    with fresh_service.client("supervisor") as client:
        assert problem(say(client, other, "agrees")) == (404, "not-found")
        assert "agrees" in {row["outcome"] for row in asked(client)["reinterviews"]} or mine not in ids(asked(client))


def problem(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].rpartition(":")[2]


def test_the_words_are_those_of_the_tables() -> None:
    outcome = Reinterview.model_fields["outcome"].annotation
    assert set(REVIEWS["reinterview"]) - {"reopened"} == set(outcome.__args__[0].__args__)  # type: ignore[union-attr]  # an optional Literal
