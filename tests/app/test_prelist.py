"""The families of the prelist: whose, in which state and order; pages while things change, formats, and the audit."""

import random
from base64 import urlsafe_b64encode
from collections import Counter
from functools import partial
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from app.answers import PrelistOut
from geo.ground import prelist
from geo.watch import prelist as watch
from geo.watch.prelist import STATES, natural
from tests.app.reading import FORMATS, page_of, pages_of, rows_of
from tests.app.townspeople import done
from tests.conftest import Service
from tests.world import BLOCKS, EDITION, VILLAGES, Block, submission

Row = dict[str, Any]
PATH = "/v1/prelist"
SEEN = {"admin": BLOCKS, "coordinator": BLOCKS, "supervisor": BLOCKS[:3], "enumerator": BLOCKS[:1]}

#: Buildings of a block as people walk, with places in them.
WALK = (
    *(("1", 1), ("1", 2), ("1", None), ("2", 1), ("9", 1), ("9A", 1), ("9a", 2), ("10", 1), ("10", 9), ("10", 10)),
    *(("012", 1), ("12", 1), ("12A", 1), ("12B", 1), ("100", 1), ("A2", 1), ("A10", 1), ("Blok 2", 1), ("Blok 10", 1)),
    *((None, 3), (None, 20), (None, None)),
)
RESULTS = {
    "completed": "done", "partial": "open", "not_met": "open", "refused": "open", "not_found": "dropped",
    "moved": "dropped", "deceased": "dropped", "ineligible": "dropped",
}  # fmt: skip
HEARD = list(RESULTS)


def listed() -> list[Row]:
    """The list in the order of the walk; blocks 1, 2, 4 and 5 have one."""
    return [
        {"id": f"SIM-p{at}-{n:02d}", "block": BLOCKS[at].code, "building": building, "sequence": place}
        for at in (0, 1, 3, 4)
        for n, (building, place) in enumerate(WALK)
    ]


def heard() -> list[Row]:
    """What was sent: of every second family of the list something, some from elsewhere; new ones; odd origins."""
    rows = [
        submission(f"p{at}-{n:02d}", BLOCKS[at], result=HEARD[n // 2 % 8], visit=1 + n % 3)
        for at in (0, 1, 3, 4)
        for n in range(0, len(WALK), 2)
    ]
    rows[1] |= {"block": BLOCKS[5].code}  # SIM-p0-02, found in the other village
    rows[2] |= {"block": BLOCKS[1].code}  # SIM-p0-04, found next door
    rows[3] |= {"origin": "new"}  # though it is on the list
    rows += [submission(f"n{at}-{n}", BLOCKS[at], origin="new") for at in range(6) for n in range(3)]
    rows.append(submission("stray", BLOCKS[0], origin="prelist"))  # though it is on no list
    rows.append(submission("lost", block=None, lon=BLOCKS[0].west - 0.01, origin="new"))
    return rows


SENT = {str(row["household_id"]): row for row in heard()}


async def _lay(db: Any) -> None:
    cells = [{name: None if value is None else str(value) for name, value in row.items()} for row in reversed(listed())]
    await prelist.store(db, EDITION, ["id", "block", "building", "sequence"], cells)


async def _close(db: Any) -> None:
    """As a supervisor's act leaves it: SIM-p0-06, a refusal."""
    await db.execute(text("UPDATE intake.household SET closed = true WHERE household_id = 'SIM-p0-06'"))


def truth(who: str, within: str = "", states: tuple[str, ...] = STATES) -> list[Row]:
    """The rows of the answer, worked out by a loop: `id code building sequence state found`."""
    seen, found = [block.code for block in SEEN[who] if block.code.startswith(within)], []
    visible = {block.code for block in SEEN[who]}
    entries = listed()
    for block in seen:
        for row in entries:
            sent = SENT.get(row["id"])
            sent = sent if sent and sent["block"] in visible else None
            state = "missing" if sent is None else RESULTS[str(sent["result"])]
            state = "done" if row["id"] == "SIM-p0-06" else state
            if row["block"] == block and state in states:
                found.append(row | {"state": state, "found": sent and sent["block"], "listed": True})
        there = {row["id"] for row in entries if row["block"] in visible}
        for household in sorted(SENT):
            if SENT[household].get("block") == block and household not in there and "new" in states:
                bare = {"id": household, "block": block, "building": None, "sequence": None}
                found.append(bare | {"state": "new", "found": block, "listed": False})
    return found


@pytest.fixture(scope="module")
def filled(service: Service) -> Service:
    done(service.logins, _lay)
    answer = service.send(*SENT.values())
    assert answer.json()["counts"]["stored"] == len(SENT), answer.text
    done(service.logins, _close)
    return service


asked = partial(page_of, PATH, PrelistOut)
pages = partial(pages_of, PATH, PrelistOut)


def ids(page: Row) -> list[str]:
    return [row["household_id"] for row in page["prelist"]]


# ── order ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_buildings_in_the_order_in_which_people_count() -> None:
    right = ["1", "2", "9", "9A", "10", "012", "12", "12A", "12a", "12B", "100", "A2", "A10", "Blok 2", "Blok 10"]
    shuffled = list(right)
    random.Random(1).shuffle(shuffled)  # noqa: S311  # shuffles what is sorted again
    assert sorted(shuffled, key=lambda text: (natural(text), text)) == [
        *right[:7], "12A", "12a", *right[9:],
    ]  # fmt: skip
    assert natural("") < natural("0") < natural("A")


# ── whose, and in which state ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("who", SEEN)
def test_each_role_sees_exactly_its_scope_in_the_order_of_the_walk(filled: Service, who: str) -> None:
    with filled.client(who) as client:
        for within in ("", *VILLAGES, BLOCKS[0].code, BLOCKS[2].code, BLOCKS[5].code, "6472"):
            page = asked(client, limit=1000, state=list(STATES), **({"within": within} if within else {}))
            right = truth(who, within)
            assert ids(page) == [row["id"] for row in right], within
            fields = {
                "block": "code",
                "building": "building",
                "sequence": "sequence",
                "state": "state",
                "found": "found",
            }
            for row, true in zip(page["prelist"], right, strict=True):
                assert {name: row[field] for name, field in fields.items()} == {name: true[name] for name in fields}
                assert row["listed"] is true["listed"]
            counted = Counter(row["state"] for row in right)
            inside = [block for block in SEEN[who] if block.code.startswith(within)]
            assert page["states"] == ({state: counted[state] for state in STATES} if inside else None)
            assert page["total"] == (len(right) if inside else None)
            assert page["listed"] is any(row["listed"] for row in right)
            assert page["next"] is None


def test_rows_say_what_was_sent_and_nothing_else(filled: Service) -> None:
    with filled.client() as client:
        rows = {row["household_id"]: row for row in asked(client, limit=1000, state=list(STATES))["prelist"]}
    assert "SIM-lost" not in rows, "it counts in no block"
    for name, row in rows.items():
        assert list(row) == list(PrelistOut.model_fields["prelist"].annotation.__args__[0].model_fields)
        sent = SENT.get(name, {"visit": 0})
        same = {field: sent.get(field) for field in ("result", "origin", "lon", "lat")}
        assert {field: row[field] for field in same} == same
        assert row["visits"] == sent["visit"]
        block = next(b for b in BLOCKS if b.code == row["code"])
        assert (row["n"], row["name"]) == (block.number, f"RT {block.code[-2:]}")
    assert (rows["SIM-p0-02"]["code"], rows["SIM-p0-02"]["found"]) == (BLOCKS[0].code, BLOCKS[5].code)
    assert (rows["SIM-p0-06"]["result"], rows["SIM-p0-06"]["state"]) == ("refused", "done")
    contradicting = {n for n, r in rows.items() if r["result"] and r["listed"] is (r["origin"] == "new")}
    assert contradicting == {"SIM-stray", "SIM-p0-06"}


def test_missing_ones_are_what_is_asked_for_when_nothing_is_said(filled: Service) -> None:
    with filled.client("coordinator") as client:
        page = asked(client, limit=1000)
        assert ids(page) == [row["id"] for row in truth("coordinator", states=("missing",))]
        for states in (["open"], ["new", "dropped"], ["done", "done"]):
            page = asked(client, limit=1000, state=states)
            right = truth("coordinator", states=tuple(states))
            assert ids(page) == [row["id"] for row in right]
            assert page["total"] == len(right)
            assert page["states"] == asked(client)["states"]


def test_a_family_found_where_one_may_not_look_stays_missing(filled: Service) -> None:
    with filled.client("supervisor") as client:
        assert "SIM-p0-02" in ids(asked(client, limit=1000))
    with filled.client("enumerator") as client:
        assert {"SIM-p0-02", "SIM-p0-04"} <= set(ids(asked(client, limit=1000)))


def test_who_may_not(filled: Service) -> None:
    with filled.client("local_government") as client:
        assert client.get(PATH).status_code == 403
    with filled.client(None) as client:
        assert client.get(PATH).status_code == 401


def test_too_many_blocks_are_not_counted_but_listed(filled: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "COUNTED", 3)
    with filled.client("coordinator") as client:
        wide = asked(client, limit=1000)
        assert (wide["states"], wide["total"], wide["listed"]) == (None, None, True)
        assert len(ids(wide)) == len(truth("coordinator", states=("missing",)))
        assert asked(client, within=VILLAGES[0])["states"] is not None


# ── pages ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("seed", range(20))
def test_pages_are_one_list(filled: Service, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    luck = random.Random(seed)  # noqa: S311  # chooses questions
    monkeypatch.setattr(watch, "FIRST", luck.choice([1, 2, 4]))
    monkeypatch.setattr(watch, "LOOK", luck.choice([1, 2, 500]))
    monkeypatch.setattr(watch, "COUNTED", luck.choice([0, 500]))
    who, within = luck.choice(list(SEEN)), luck.choice(["", *VILLAGES, BLOCKS[3].code])
    states = tuple(state for state in STATES if luck.random() < 0.5) or ("missing",)
    of: Row = {"state": states, "limit": luck.choice([1, 2, 7, 30])} | ({"within": within} if within else {})
    with filled.client(who) as client:
        found = list(pages(client, **of))
    assert [name for page in found for name in ids(page)] == [row["id"] for row in truth(who, within, states)]
    assert all(len(page["prelist"]) <= of["limit"] for page in found)
    assert len({page["next"] for page in found}) == len(found), "no page leads back"


def test_pages_while_families_are_found(fresh_service: Service) -> None:
    """What stays missing comes once, in order, though the family that the last page ended with is missing no more."""
    done(fresh_service.logins, _lay)
    right = [row["id"] for row in listed()]
    found: list[str] = []
    gone: set[str] = set()
    with fresh_service.client() as client:
        page = asked(client, limit=9)
        while True:
            found += ids(page)
            if not page["next"]:
                break
            last, ahead = found[-1], right[right.index(found[-1]) + 2]
            gone |= {ahead}
            for name in (last, ahead):
                block = next(b for b in BLOCKS if b.code == next(r["block"] for r in listed() if r["id"] == name))
                assert fresh_service.send(submission(name.removeprefix("SIM-"), block)).status_code == 201
            page = asked(client, limit=9, after=page["next"])
    assert found == [name for name in right if name not in gone]


def test_nothing_but_counts(filled: Service) -> None:
    with filled.client("supervisor") as client:
        page = asked(client, limit=0, within=BLOCKS[1].code)
        assert (page["prelist"], page["next"]) == ([], None)
        assert page["states"] == asked(client, within=BLOCKS[1].code)["states"]
        assert page["total"] == page["states"]["missing"] > 0


# ── formats, the audit, hostile questions ─────────────────────────────────────────────────────────────────────────


def audited(service: Service) -> list[Row]:
    engine = create_engine(service.logins.worker)
    with engine.connect() as connection:
        rows = connection.execute(
            text("""SELECT a.name AS account, u.act, u.subject FROM trust.audit u
                    JOIN trust.account a ON a.account_id = u.actor
                    WHERE u.act IN ('prelist.list', 'export') ORDER BY u.audit_id""")
        )
        found = [dict(row) for row in rows.mappings()]
    engine.dispose()
    return found


@pytest.mark.parametrize("format_", FORMATS)
def test_what_is_given_out_is_audited_and_the_same_in_every_format(filled: Service, format_: str) -> None:
    before = len(audited(filled))
    with filled.client("supervisor") as client:
        answer = client.get(PATH, params={"format": format_, "within": BLOCKS[0].code, "state": list(STATES)})
        rows = rows_of(answer.content, "prelist", format_)
        right = truth("supervisor", BLOCKS[0].code)
        assert [row["household_id"] for row in rows] == [row["id"] for row in right]
        assert [row["building"] for row in rows] == [row["building"] for row in right], "012 and 12 are text"
        noted = audited(filled)[before:]
        read = {"blocks": [[5, 6]], "households": len(rows), "format": format_, "edition": EDITION}
        assert noted[0] == {"account": "supervisor", "act": "prelist.list", "subject": read}, "next door one was found"
        assert len(noted) == (1 if format_ == "json" else 2)
        asked(client, limit=0)
        asked(client, within=VILLAGES[1])
        asked(client, within=BLOCKS[2].code)
        assert len(audited(filled)) == before + len(noted), "nothing given out is nothing read"


WRONG = [
    "limit=-1", "limit=10001", "limit=x", "after=", "after=x", "after=W10", "after=WzVd", "after=bnVsbA",
    "after=WzUsZmFsc2UsIiIsMSwxXQ", "after=WyI1IixmYWxzZSwiIiwxLCJGIl0", "after=WzUsMCwiIiwxLCJGIl0",
    "after=Wy0xLGZhbHNlLCIiLDEsIkYiXQ", "after=Wzk5OTk5OTk5OTk5LGZhbHNlLCIiLDEsIkYiXQ", f"after={'W' * 500}",
    "after=%00", "after=%F0%9F%8F%A0", "state=", "state=gone", "state=missing&state=x", "format=exe",
    "within_level=planet&within=64",
]  # fmt: skip


@pytest.mark.parametrize("query", WRONG)
def test_questions_that_are_none(filled: Service, query: str) -> None:
    with filled.client() as client:
        answer = client.get(f"{PATH}?{query}")
    assert answer.status_code == (404 if "within" in query else 422), answer.text
    assert answer.json()["type"].startswith("urn:cakupan:problem:")
    for word in ("SELECT", "psycopg", "ground."):
        assert word not in answer.text


@pytest.mark.parametrize(
    "key", ['[0,false,"",1,"F"]', '[2147483647,true,"",0,"F"]', '[5,false,"",0,""]', '[5,true,"\\u0000",-9,"~"]']
)
def test_odd_keys_only_lead_somewhere(filled: Service, key: str) -> None:
    with filled.client("enumerator") as client:
        page = asked(client, after=urlsafe_b64encode(key.encode()).decode().rstrip("="), limit=1000)
    assert set(ids(page)) <= {row["id"] for row in truth("enumerator", states=("missing",))}


def test_without_any_list_everything_is_new(fresh_service: Service) -> None:
    fresh_service.send(submission("a", BLOCKS[0]), submission("b", BLOCKS[0], origin="new"))
    with fresh_service.client() as client:
        page = asked(client, state=["missing", "new"], within=BLOCKS[0].code)
    assert (page["listed"], ids(page)) == (False, ["SIM-a", "SIM-b"])
    assert page["states"] == {"missing": 0, "open": 0, "done": 0, "dropped": 0, "new": 2}


def test_each_block_is_as_the_tallies_have_it(filled: Service) -> None:
    """Closed and open ones, dropped and done, over list and new ones together, are the households that count."""

    def of(block: Block) -> Counter[str]:
        with filled.client() as client:
            found = asked(client, within=block.code, state=["open", "done", "dropped", "new"], limit=1000)["prelist"]
        return Counter(row["result"] for row in found if row["found"] == block.code)

    for block in BLOCKS[2:4]:
        right = Counter(str(row["result"]) for row in SENT.values() if row.get("block") == block.code)
        assert of(block) == right
