"""Visits due: whose, when, in which order; pages, formats and the audit of them."""

import random
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import httpx2
import pytest
from sqlalchemy import create_engine, text

from app.api.callbacks import Callback, CallbacksOut
from app.api.households import ClosingReason, HouseholdOut
from geo.intake.visits import BETWEEN, Told, judged
from geo.schema_decided import CLOSING_REASONS
from geo.watch.callbacks import DUE
from tests.app.reading import PLACED, POINTS, page_of, pages_of, points_of, rows_of
from tests.conftest import Service
from tests.world import BLOCKS, NOW, VILLAGES, Block, submission

Row = dict[str, Any]
PATH = "/v1/callbacks"
ZONE = ZoneInfo("Asia/Makassar")
OPEN = ("partial", "not_met", "refused")
LEFT_OUT = ("overdue", "today", "later", "spent")
SEEN = {"admin": BLOCKS, "coordinator": BLOCKS, "supervisor": BLOCKS[:3], "enumerator": BLOCKS[:1]}
CLOSED = ("c00", "c01", "c02")


def at(day: int, hour: float) -> str:
    """An instant of October 2022 by the local clock; `NOW` is the 24th at five in the afternoon."""
    return (datetime(2022, 10, day, tzinfo=ZONE) + timedelta(hours=hour)).isoformat()


#: What is due, by a name: block, and visits as (day, hour, result, appointment).
SAID: dict[str, tuple[int, list[tuple[int, float, str, str | None]]]] = {
    "missed": (2, [(22, 9, "not_met", at(23, 10))]),
    "missed-longer": (4, [(20, 9, "refused", at(21, 16.5))]),
    "missed-today": (0, [(23, 9, "partial", at(24, 15.9))]),
    "hardly-late": (0, [(23, 9, "not_met", at(24, 16.1))]),  # 54 minutes ago: somebody may be at the door
    "this-evening": (0, [(24, 8, "not_met", at(24, 19.5))]),
    "tomorrow": (1, [(24, 8, "refused", at(25, 0))]),
    "next-week": (0, [(24, 9, "not_met", at(31, 9))]),
    "yesterday": (3, [(22, 9, "not_met", None), (23, 9, "not_met", None)]),
    "before": (0, [(19, 9, "not_met", None)]),
    "midday": (1, [(24, 8, "not_met", None)]),  # from noon on
    "at-midnight": (0, [(24, 16.9, "not_met", None)]),  # from nine in the evening on
    "void": (1, [(23, 9, "not_met", at(23, 9))]),  # an appointment at the visit itself is none
    "used-up": (0, [(20, 9, "not_met", None), (21, 9, "not_met", None), (22, 9, "not_met", at(24, 18))]),
    "used-up-half": (5, [(20, 9, "partial", None), (21, 9, "partial", None), (22, 9, "partial", None)]),
    "met": (0, [(20, 9, "not_met", None), (21, 9, "completed", None)]),
    "c00": (0, [(20, 9, "refused", None), (21, 9, "refused", None), (22, 9, "refused", None)]),
    "c01": (1, [(20, 9, "refused", None), (21, 9, "refused", None), (22, 9, "not_met", None)]),
    "c02": (4, [(20, 9, "refused", None), (21, 9, "refused", None), (22, 9, "not_met", None)]),
}
EXPECTED = {
    "overdue": ["missed-longer", "missed", "missed-today", "before", "void", "yesterday"],
    "today": ["hardly-late", "this-evening", "at-midnight", "midday"],
    "later": ["tomorrow", "next-week"],
    "spent": ["used-up", "used-up-half"],
    "closed": list(CLOSED),
}
#: The order of the list: appointments missed, then of today; without one block by block; later, spent, closed.
ORDER = [
    *("missed-longer", "missed", "missed-today", "hardly-late", "this-evening", "before", "void", "yesterday"),
    *("at-midnight", "midday", "tomorrow", "next-week", "used-up", "used-up-half", *CLOSED),
]


def sent() -> list[Row]:
    rows = []
    for name, (block, visits) in SAID.items():
        for n, (day, hour, result, again) in enumerate(visits, start=1):
            more = {"captured_at": at(day, hour), "result": result, "visit": n, "revisit_at": again}
            rows.append(submission(name, BLOCKS[block], n, enumerator=f"pcl-{block}", **more))
    return rows


def block_of(name: str) -> Block:
    return BLOCKS[SAID[name][0]]


def close(service: Service, name: str, who: str = "coordinator", **said: Any) -> httpx2.Response:
    body = {"closing_id": f"00000000-0000-4000-8000-{sum(name.encode()):012d}", "reason": "refused_for_good"} | said
    with service.client(who) as client:
        return client.post(f"/v1/households/SIM-{name}/close", json=body)


def reopen(service: Service, name: str, closing_id: str, who: str = "coordinator", **said: Any) -> httpx2.Response:
    with service.client(who) as client:
        return client.post(f"/v1/households/SIM-{name}/reopen", json={"closing_id": closing_id} | said)


@pytest.fixture(scope="module")
def filled(service: Service) -> Service:
    answer = service.send(*sent())
    assert answer.json()["counts"]["stored"] + answer.json()["counts"].get("superseded", 0) == len(sent()), answer.text
    for name in CLOSED:
        assert close(service, name).status_code == 200
    return service


asked = partial(page_of, PATH, CallbacksOut)
pages = partial(pages_of, PATH, CallbacksOut)


def names(page: Row) -> list[str]:
    return [row["household_id"].removeprefix("SIM-") for row in page["callbacks"]]


def test_the_words_are_those_of_the_tables() -> None:
    assert ClosingReason.__args__ == CLOSING_REASONS  # type: ignore[attr-defined]  # a Literal's words


@pytest.mark.parametrize("who", SEEN)
@pytest.mark.parametrize("within", [None, VILLAGES[1], BLOCKS[0].code])
def test_what_is_due_for_whom(filled: Service, who: str, within: str | None) -> None:
    mine = {n for n in SAID if block_of(n) in SEEN[who] and (not within or block_of(n).code.startswith(within))}
    of = {"within": within} if within else {}
    with filled.client(who) as client:
        page = asked(client, due=DUE, **of)
        assert names(page) == [name for name in ORDER if name in mine]
        assert page["total"] == len(names(page))
        assert page["due"] == {due: len(mine & set(EXPECTED[due])) for due in DUE}
        assert names(asked(client, **of)) == [name for name in ORDER if name in mine and name not in CLOSED]
        for due in DUE:
            some = asked(client, due=due, **of)
            assert sorted(names(some)) == sorted(mine & set(EXPECTED[due]))
            assert some["due"] == page["due"], "counts do not go by what was asked"
        only = asked(client, limit=0, **of)
        assert (only["callbacks"], only["due"], only["next"]) == ([], page["due"], None)


def test_who_may_not(filled: Service) -> None:
    with filled.client("local_government") as client:
        assert client.get(PATH).status_code == 403
        assert client.get("/v1/households/SIM-missed").status_code == 403


def test_rows_say_when_and_what_was(filled: Service) -> None:
    with filled.client() as client:
        page = asked(client, due=DUE)
    assert list(page["callbacks"][0]) == list(Callback.model_fields)
    for row in page["callbacks"]:
        name = row["household_id"].removeprefix("SIM-")
        block, visits = block_of(name), SAID[name][1]
        day, hour, result, again = visits[-1]
        last = datetime.fromisoformat(at(day, hour))
        agreed = again if again and datetime.fromisoformat(again) > last else None
        assert (row["code"], row["n"], row["name"]) == (block.code, block.number, f"RT {block.code[-2:]}")
        assert row["place"].startswith("Kampung")
        assert (row["result"], row["visits"], row["enumerator"]) == (result, len(visits), f"pcl-{SAID[name][0]}")
        assert datetime.fromisoformat(row["captured_at"]) == last
        assert datetime.fromisoformat(row["earliest"]) == last + timedelta(hours=4)
        assert (row["revisit_at"] and datetime.fromisoformat(row["revisit_at"])) == (
            agreed and datetime.fromisoformat(agreed)
        )
        assert name in EXPECTED[row["due"]]
        waits = row["due"] not in {"spent", "closed"}
        assert row["due_at"] == ((row["revisit_at"] or row["earliest"]) if waits else None)
        assert (row["building"], row["sequence"]) == (None, None)
        assert (row["closed"], row["reason"]) == ((True, "refused_for_good") if name in CLOSED else (False, None))
        assert (row["closed_at"] is None) is (name not in CLOSED)


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
def test_pages_are_the_list(filled: Service, limit: int) -> None:
    with filled.client("coordinator") as client:
        found = list(pages(client, due=DUE, limit=limit))
        assert [name for page in found for name in names(page)] == ORDER
        assert all(len(page["callbacks"]) == limit for page in found[:-1])
        some = [name for page in pages(client, due=["spent", "overdue"], limit=limit) for name in names(page)]
    assert some == [name for name in ORDER if name in EXPECTED["spent"] + EXPECTED["overdue"]]


WRONG = [
    "limit=-1", "limit=10001", "limit=x", "due=soon", "due=", "due=today&due=x", "after=", "after=x", "after=7~0~1~a",
    "after=0~0~1~", "after=0~999999999999999999~1~a", "after=0~0~9999999999~a", "after=0~0~1~a%27--", "format=exe",
    f"after=0~0~1~{'a' * 70}", "after=0~-1~1~a",
]  # fmt: skip


@pytest.mark.parametrize("query", WRONG)
def test_questions_that_are_none(filled: Service, query: str) -> None:
    with filled.client() as client:
        answer = client.get(f"{PATH}?{query}")
    assert answer.status_code == 422, answer.text
    assert answer.json()["type"].startswith("urn:cakupan:problem:bad-")
    assert "SELECT" not in answer.text


def test_more_than_anybody_reads_is_too_wide(filled: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("geo.watch.callbacks.MOST_OPEN", 10)
    with filled.client() as client:
        answer = client.get(PATH)
        assert (answer.status_code, answer.json()["type"]) == (422, "urn:cakupan:problem:too-wide")
        assert names(asked(client, within=BLOCKS[2].code)) == ["missed"]


# ── the audit and formats ─────────────────────────────────────────────────────────────────────────────────────────


def audited(service: Service) -> list[tuple[str, Row]]:
    engine = create_engine(service.logins.worker)
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT act, subject FROM trust.audit ORDER BY audit_id"))
        found = [(row.act, row.subject) for row in rows if row.act.startswith(("callbacks", "households", "export"))]
    engine.dispose()
    return found


def test_formats_say_the_same_and_are_noted(filled: Service) -> None:
    before = len(audited(filled))
    found = {}
    with filled.client("supervisor") as client:
        for format_ in PLACED:
            answer = client.get(PATH, params={"format": format_, "due": DUE})
            assert answer.headers["cache-control"] == "no-store"
            found[format_] = rows_of(answer.content, "callbacks", format_)
        asked(client, limit=0)
        asked(client, within=BLOCKS[5].code)
    for format_, rows in found.items():
        assert [row["household_id"] for row in rows] == [row["household_id"] for row in found["json"]], format_
    said = audited(filled)[before:]
    reads = [subject for act, subject in said if act == "callbacks.list"]
    assert [subject["format"] for subject in reads] == list(PLACED), "nothing given out is nothing read"
    read = {"blocks": [[5, 7]], "households": len(found["json"]), "edition": "2022_2"}
    assert all(subject == read | {"format": subject["format"]} for subject in reads)
    assert [subject["what"] for act, subject in said if act == "export"] == ["callbacks"] * (len(PLACED) - 1)


@pytest.mark.parametrize("format_", POINTS)
def test_a_phone_finds_the_way(filled: Service, format_: str) -> None:
    with filled.client("supervisor") as client:
        answer = client.get(PATH, params={"format": format_, "due": "overdue"}, headers={"accept-language": "en"})
        rows = asked(client, due="overdue")["callbacks"]
    found = points_of(answer.content, format_)
    assert [point[:3] for point in found] == [(row["lon"], row["lat"], row["household_id"]) for row in rows]
    assert all(row["name"] in point[3] for row, point in zip(rows, found, strict=True))


# ── one household ─────────────────────────────────────────────────────────────────────────────────────────────────


def history(service: Service, name: str, who: str = "coordinator") -> Row:
    with service.client(who) as client:
        answer = client.get(f"/v1/households/SIM-{name}")
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    HouseholdOut.model_validate_json(answer.content)
    found: Row = answer.json()
    return found


def test_one_household_with_its_history(filled: Service) -> None:
    before = len(audited(filled))
    found = history(filled, "c01", "supervisor")
    assert (found["household"]["household_id"], found["household"]["closed"]) == ("SIM-c01", True)
    assert (found["visits"], found["left"]) == (3, 0)
    assert [(row["revision"], row["result"], row["visit"], row["hours"]) for row in found["history"]] == [
        (1, "refused", 1, None), (2, "refused", 2, 24.0), (3, "not_met", 3, 24.0)]  # fmt: skip
    assert all(row["counts"] and not row["too_soon"] for row in found["history"])
    (act,) = found["closings"]
    assert (act["closed"], act["reason"], act["decided_by"], act["revision"]) == (
        True, "refused_for_good", "coordinator", 3)  # fmt: skip
    assert audited(filled)[before:] == [("households.read", {"blocks": [[6, 6]], "households": 1, "edition": "2022_2"})]


def test_households_of_others_are_not_there(filled: Service) -> None:
    before = len(audited(filled))
    for who, name in (("supervisor", "c02"), ("enumerator", "c01"), ("admin", "nobody")):
        with filled.client(who) as client:
            answer = client.get(f"/v1/households/SIM-{name}")
        assert (answer.status_code, answer.json()["type"]) == (404, "urn:cakupan:problem:not-found")
    assert audited(filled)[before:] == []


@pytest.mark.parametrize("name", ["", "%00", "a%20b", "-a", "a" * 65, "%C3%A9"])
def test_ids_that_are_none(filled: Service, name: str) -> None:
    with filled.client() as client:
        assert client.get(f"/v1/households/{name}").status_code == 422
        assert client.post(f"/v1/households/{name}/close", json={}).status_code == 422


def test_ids_with_slashes(fresh_service: Service) -> None:
    ids = ["a/b", "x/close", "x/reopen", "x/close/close", "http://a:b@c/d"]
    for n, name in enumerate(ids):
        rows = [
            submission(f"{n}", BLOCKS[0], day, household_id=name, result="refused", visit=day,
                       captured_at=at(20 + day, 9), submission_id=f"00000000-0000-4000-8000-{n:06d}{day:06d}")
            for day in (1, 2, 3)
        ]  # fmt: skip
        assert fresh_service.send(*rows).status_code == 201
    with fresh_service.client() as client:
        for n, name in enumerate(ids):
            for path in (name, name.replace("/", "%2F")):
                assert client.get(f"/v1/households/{path}").json()["household"]["household_id"] == name
            body = {"closing_id": f"00000000-0000-4000-8000-{n:012d}", "reason": "unsafe"}
            assert client.post(f"/v1/households/{name}/close", json=body).json()["household_id"] == name
            body = {"closing_id": f"10000000-0000-4000-8000-{n:012d}"}
            assert client.post(f"/v1/households/{name}/reopen", json=body).json()["closed"] is False


# ── closing ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_closing_and_undoing_it(fresh_service: Service) -> None:
    fresh_service.send(*sent())
    done = close(fresh_service, "used-up", who="supervisor", note="tetangga: pulang kampung")
    assert done.status_code == 200, done.text
    assert done.headers["cache-control"] == "no-store"
    assert close(fresh_service, "used-up", who="supervisor", note="tetangga: pulang kampung").json() == done.json()
    assert history(fresh_service, "used-up")["closings"] == [
        {name: value for name, value in done.json().items() if name != "household_id"}
    ]
    with fresh_service.client("supervisor") as client:
        (row,) = asked(client, due="closed")["callbacks"]
        assert (row["reason"], row["closed_at"]) == ("refused_for_good", done.json()["decided_at"])
    again = reopen(fresh_service, "used-up", "20000000-0000-4000-8000-000000000001", note="salah ketuk")
    assert (again.json()["closed"], again.json()["note"], again.json()["reason"]) == (False, "salah ketuk", None)
    assert [act["closed"] for act in history(fresh_service, "used-up")["closings"]] == [True, False]
    with fresh_service.client("supervisor") as client:
        assert names(asked(client, due="spent")) == ["c00", "used-up", "c01"]


def test_what_cannot_be_closed(fresh_service: Service) -> None:
    fresh_service.send(*sent())
    early = close(fresh_service, "yesterday")
    assert (early.status_code, early.json()["type"], early.json()["left"]) == (
        409, "urn:cakupan:problem:visits-left", 1)  # fmt: skip
    for name, code in (("used-up-half", "not-closable"), ("met", "not-closable")):
        assert close(fresh_service, name).json()["type"] == f"urn:cakupan:problem:{code}"
    assert reopen(fresh_service, "c00", "20000000-0000-4000-8000-000000000001").json()["type"].endswith("not-closed")
    assert close(fresh_service, "c00").status_code == 200
    other = {"closing_id": "30000000-0000-4000-8000-000000000001"}
    assert close(fresh_service, "c00", **other).json()["type"].endswith("already-closed")
    assert close(fresh_service, "c00", note="lain").json()["type"].endswith("conflict")
    assert close(fresh_service, "c02", who="supervisor").status_code == 404
    assert close(fresh_service, "c01", who="enumerator").status_code == 403
    number = close(fresh_service, "c01", note="NIK 6472031210850001")
    assert (number.status_code, number.json()["type"]) == (422, "urn:cakupan:problem:identity-number")
    for wrong in ({"reason": "bored"}, {"reason": None}, {"closing_id": "x"}, {"note": "x" * 501}, {"more": 1}):
        assert close(fresh_service, "c01", **wrong).status_code == 422
    assert close(fresh_service, "c01", note=5).status_code == 422
    with fresh_service.client() as client:
        assert asked(client)["due"]["closed"] == 1


def test_a_visit_too_soon_is_told(fresh_service: Service) -> None:
    hours = (9, 10.5, 16)
    rows = [submission("rush", BLOCKS[0], n, result="refused", visit=n, captured_at=at(22, hour))
            for n, hour in enumerate(hours, start=1)]  # fmt: skip
    fresh_service.send(*rows)
    found = history(fresh_service, "rush")
    assert [row["too_soon"] for row in found["history"]] == [False, True, False]
    assert [row["hours"] for row in found["history"]] == [None, 1.5, 7.0]
    assert (found["visits"], found["left"]) == (3, 1)
    assert close(fresh_service, "rush").json()["left"] == 1
    fresh_service.send(submission("rush", BLOCKS[0], 4, result="refused", visit=3, captured_at=at(23, 9)))
    assert close(fresh_service, "rush").status_code == 200


@pytest.mark.parametrize("seed", range(3))
def test_the_list_knows_as_many_visits_as_the_history(fresh_service: Service, seed: int) -> None:
    """The list finds them by SQL, among a hundred thousand; the history and closing by Python."""
    luck = random.Random(seed)  # noqa: S311  # nothing secret
    told: dict[str, list[Told]] = {}
    rows = []
    for n in range(60):
        name = f"r{n:02d}"
        for revision in sorted(luck.sample(range(1, 7), luck.randint(1, 5))):
            when = NOW - timedelta(hours=luck.choice([0.5, 3, 4, 5, 7, 8, 9, 24, 48]) + luck.randint(0, 1))
            visit = luck.choice([None, 1, 2, 3])
            told.setdefault(name, []).append(Told(revision, when, visit))
            more = {"captured_at": when.astimezone(UTC).isoformat(), "visit": visit, "result": "not_met"}
            rows.append(submission(name, BLOCKS[n % 6], revision, **more))
    luck.shuffle(rows)
    assert "quarantined" not in {row["status"] for row in fresh_service.send(*rows).json()["results"]}
    with fresh_service.client() as client:
        found = {row["household_id"].removeprefix("SIM-"): row for row in asked(client)["callbacks"]}
    assert {name: row["visits"] for name, row in found.items()} == {name: judged(of).used for name, of in told.items()}
    for name, row in found.items():
        assert (row["due"] == "spent") is (row["visits"] == 3)
        latest = max(told[name], key=lambda one: one.revision).captured_at
        assert datetime.fromisoformat(row["earliest"]) == latest + BETWEEN
