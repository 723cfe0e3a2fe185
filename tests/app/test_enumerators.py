"""Enumerators at work: who is listed for whom, what is said of each, and in which order."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.api.enumerators import EnumeratorsOut
from app.database import Database
from geo.ground import assignments, campaign
from geo.ground.areas import load_ground
from geo.ground.sources import Table
from geo.intake import batch, heartbeats
from geo.intake.batch import Envelope
from geo.scope import Scope
from geo.trust import accounts
from geo.trust.grants import Grant
from geo.watch import enumerators as watch
from geo.watch import live, unsent
from tests.app.callers import PEOPLE, more_people
from tests.app.reading import FORMATS, rows_of
from tests.conftest import Service
from tests.plans import plan_of, sent_on
from tests.world import BLOCKS, EDITION, FAMILIES, NOW, VILLAGES, Block, submission

PATH = "/v1/enumerators"

#: Who is assigned where: `far` to both villages, `gone` without an account, `never` without a word.
WORK = {
    "fresh": (BLOCKS[0],),
    "never": (BLOCKS[1],),
    "far": (BLOCKS[2], BLOCKS[3]),
    "waits": (BLOCKS[4],),
    "gone": (BLOCKS[5],),
}

#: Hours before NOW: `name` sent from `block`; a heartbeat with its queue and last event.
SENT = {
    "far": ((BLOCKS[2], 60.0), (BLOCKS[3], 2.0)),
    "fresh": ((BLOCKS[0], 1.0),),
    "waits": ((BLOCKS[4], 5.0),),
    "helper": ((BLOCKS[0], 30.0),),
    "paper": ((BLOCKS[5], 50.0),),
    "boss": ((BLOCKS[0], 3.0),),
    "walker": ((BLOCKS[1], 6.0),),
}
BEATS = {"fresh": (0.5, 0, 1.5), "waits": (4.0, 3, 4.5), "far": (1.0, 0, 3.0), "walker": (4.0, 0, 4.5)}

LISTED = {
    "fresh": {0}, "never": {1}, "far": {2, 3}, "waits": {4}, "gone": {5}, "helper": {0}, "paper": {5}, "walker": {1},
}  # fmt: skip

Work = Callable[[AsyncConnection], Awaitable[Any]]


def at(hours: float) -> datetime:
    return NOW - timedelta(hours=hours)


def run(service: Service, work: Work) -> Any:
    async def once() -> Any:
        db = Database(service.logins, 1)
        try:
            async with db.worker.begin() as connection:
                return await work(connection)
        finally:
            await db.close()

    return asyncio.run(once())


async def clock(db: AsyncConnection, moment: datetime) -> None:
    await campaign.set_clock(db, moment)


async def send(db: AsyncConnection, name: str, block: Block, hours: float, actor: int) -> None:
    """Two families that `name` recorded, an hour and two before they arrived."""
    await clock(db, at(hours))
    ground = await load_ground(db)
    rows = [
        submission(f"{name}-{block.code}-{n}", block, enumerator=name, captured_at=at(hours + n + 1).isoformat())
        for n in range(2)
    ]
    receipts = await batch.store(db, ground, Envelope(actor, "t", b"", 0), rows, batch.judge(ground, rows))
    assert [receipt.status for receipt in receipts] == ["stored"] * 2


async def build(db: AsyncConnection) -> None:
    """Assignments, accounts, what was sent and what devices said; the clock ends at NOW."""
    staff = [
        {"block": b.code, "enumerator": name, "supervisor": "supervisor" if b in BLOCKS[:3] else "other"}
        for name, blocks in WORK.items()
        for b in blocks
    ]
    table = Table(columns=["block", "enumerator", "supervisor"], rows=staff, notices=[])
    await assignments.store(db, EDITION, table, starts_on=date(2022, 10, 15))
    ids = {}
    for name in ("fresh", "never", "far", "waits"):
        ids[name] = await accounts.create(db, name, Grant("enumerator", assigned=True))
    ids["helper"] = await accounts.create(db, "helper", Grant("enumerator", ("village", VILLAGES[0])))
    ids["walker"] = await accounts.create(db, "walker", Grant("enumerator", ("district", "6472030")))
    ids["boss"] = await accounts.create(db, "boss", Grant("supervisor", ("village", VILLAGES[1])))
    sent = [(hours, name, block) for name, some in SENT.items() for block, hours in some]
    for hours, name, block in sorted(sent, key=lambda one: -one[0]):  # as time goes
        await send(db, name, block, hours, ids.get(name, ids["boss"]))
    for name, (hours, queued, event) in BEATS.items():
        await clock(db, at(hours))
        await heartbeats.store(db, ids[name], "phone", queued, at(event))
    await clock(db, NOW)


@pytest.fixture(scope="module")
def crew(service: Service) -> Service:
    """The service with enumerators at work, everything counted, and an account of every kind."""
    made = replace(service, tokens=service.tokens | asyncio.run(more_people(service.logins)))
    run(made, build)
    with made.client() as client:
        for _ in range(100):
            if client.get("/v1/coverage?level=scope").json()["coverage"][0]["completed"] == 2 * sum(
                map(len, SENT.values())
            ):
                return made
            asyncio.run(asyncio.sleep(0.05))
    raise AssertionError("it was not counted")


def listed(crew: Service, who: str = "admin", **query: Any) -> EnumeratorsOut:
    with crew.client(who) as client:
        answer = client.get(PATH, params=query)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return EnumeratorsOut.model_validate_json(answer.content)


def test_longest_without_news_first(crew: Service) -> None:
    found = listed(crew)
    said = {row.name: (row.state, row.hours) for row in found.enumerators}
    assert said == {
        "gone": ("never", None),
        "never": ("never", None),
        "paper": ("quiet", 50.0),
        "helper": ("quiet", 30.0),
        "waits": ("unsynced", 4.0),
        "walker": ("unsynced", 4.0),  # its last event came after all that arrived
        "far": ("fresh", 1.0),
        "fresh": ("fresh", 0.5),
    }
    assert [row.name for row in found.enumerators] == list(said)
    assert found.states == {"never": 2, "quiet": 2, "unsynced": 2, "fresh": 2}
    assert (found.total, found.quiet, found.next) == (8, 24.0, None)


def test_what_is_said_of_each(crew: Service) -> None:
    rows = {row.name: row for row in listed(crew).enumerators}
    far, waits, never, helper = (rows[name] for name in ("far", "waits", "never", "helper"))
    assert (far.supervisor, far.blocks, far.expected, far.done, far.gap) == (
        "other, supervisor",
        2,
        2 * FAMILIES,
        4,
        116,
    )
    assert (far.received_at, far.captured_at, far.heard_at) == (at(2), at(3), at(1))
    assert (waits.queued, waits.last_event_at, waits.received_at) == (3, at(4.5), at(5))
    assert (never.blocks, never.done, never.received_at, never.heard_at) == (1, 2, None, None)  # walker was there
    assert (helper.blocks, helper.expected, helper.supervisor, helper.captured_at) == (0, None, None, at(31))


def test_the_hours_asked_for_make_one_quiet(crew: Service) -> None:
    assert listed(crew, quiet=1000).states == {"never": 2, "quiet": 0, "unsynced": 2, "fresh": 4}
    assert listed(crew, quiet=3).states == {"never": 2, "quiet": 4, "unsynced": 0, "fresh": 2}
    assert [row.name for row in listed(crew, quiet=3, state=["quiet"]).enumerators] == [
        "paper",
        "helper",
        "waits",
        "walker",
    ]


@pytest.mark.parametrize("format_", FORMATS)
def test_each_sees_those_at_work_in_what_it_answers_for(crew: Service, format_: str) -> None:
    """Also where it works itself as an enumerator: of its colleagues there it learns nothing."""
    for who, person in PEOPLE.items():
        for within in (None, *VILLAGES, BLOCKS[4].code):
            asked = {at for at, b in enumerate(BLOCKS) if b in person.decides and b.code.startswith(within or "")}
            with crew.client(who) as client:
                answer = client.get(PATH, params={"format": format_} | ({"within": within} if within else {}))
            if not person.roles & {"supervisor", "coordinator", "admin"}:
                assert answer.status_code in {401, 403}, who
                continue
            rows = rows_of(answer.content, "enumerators", format_)
            assert {row["name"] for row in rows} == {name for name, where in LISTED.items() if where & asked}, who
            for row in rows:
                blocks = len(set(WORK.get(str(row["name"]), ())) & {BLOCKS[n] for n in asked})
                assert (row["blocks"], row["expected"]) == (blocks, blocks * FAMILIES or None), (who, row["name"])


def test_who_has_moved_on_is_not_quiet_but_elsewhere_is_not_told(crew: Service) -> None:
    """`far` last sent from the first village 60 hours ago, from the second 2 hours ago."""
    (row,) = (row for row in listed(crew, within=VILLAGES[0]).enumerators if row.name == "far")
    assert (row.blocks, row.received_at, row.state) == (1, at(2), "fresh")
    (row,) = (row for row in listed(crew, "supervisor").enumerators if row.name == "far")
    assert (row.blocks, row.received_at, row.heard_at, row.supervisor) == (1, at(60), at(1), "supervisor")


def test_pages(crew: Service) -> None:
    whole = [row.name for row in listed(crew).enumerators]
    for limit in (1, 3, 8):
        found, after = [], None
        while True:
            page = listed(crew, limit=limit, **({"after": after} if after else {}))
            found += [row.name for row in page.enumerators]
            assert page.total == 8
            if not (after := page.next):
                break
        assert found == whole


@pytest.mark.parametrize(
    "query", ["after=", "after=x", "after=-1~a", "after=1", "after=%D9%A1~a", "quiet=0", "quiet=x", "quiet=nan",
              "quiet=1001", "state=late", "limit=0", "limit=10001", "within=nowhere", "format=exe", "format=gpx"],
)  # fmt: skip
def test_questions_that_are_none(crew: Service, query: str) -> None:
    with crew.client() as client:
        answer = client.get(f"{PATH}?{query}")
    assert answer.status_code == (404 if "within" in query else 422), answer.text
    assert answer.json()["type"].startswith("urn:cakupan:problem:")


def test_files_that_leave_are_noted(crew: Service) -> None:
    with crew.client("supervisor") as client:
        assert client.get(PATH).status_code == 200
        answer = client.get(PATH, params={"format": "csv", "within": VILLAGES[0]})
    assert "cakupan_enumerators_epoch" in answer.headers["content-disposition"]
    with crew.client() as client:
        notes = client.get("/v1/audit", params={"act": "export", "account": "supervisor"}).json()["audit"]
    said = {"what": "enumerators", "format": "csv", "within": VILLAGES[0]}
    assert said.items() <= notes[0]["subject"].items()
    assert all(note["subject"]["format"] != "json" for note in notes)


def test_too_wide_a_question_is_refused(crew: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "MOST_BLOCKS", 5)
    with crew.client() as client:
        answer = client.get(PATH)
        assert (answer.status_code, answer.json()["type"]) == (422, "urn:cakupan:problem:too-wide")
        assert client.get(PATH, params={"within": VILLAGES[0]}).status_code == 200


def test_the_database_itself_keeps_devices_of_others_apart(crew: Service) -> None:
    """Whatever is asked, and however wide a scope is claimed."""

    async def seen(who: str) -> set[str]:
        db = Database(crew.logins, 1)
        async with db.worker.begin() as connection:
            actor = (await accounts.find(connection, who)).account_id
        async with db.as_actor(actor) as connection:
            devices = "SELECT c.name FROM intake.heartbeat h JOIN trust.account c ON c.account_id = h.actor"
            found = set((await connection.execute(text(devices))).scalars())
            everywhere = text("SELECT enumerator FROM trust.assigned('{[0,)}', '{waits}')")
            found |= {f"to {name}" for name in (await connection.execute(everywhere)).scalars()}
        await db.close()
        return found

    everybody = {*BEATS, *(f"to {name}" for name in WORK)}
    for who, wanted in {
        "admin": everybody,
        "supervisor": everybody - {"waits", "to waits", "to gone"},
        "part_coordinator": everybody - {"fresh", "to fresh", "to never"},
        "enumerator": set(),
        "local_government": set(),
        "fresh": {"fresh"},
    }.items():
        assert asyncio.run(seen(who)) == wanted, who


async def test_a_page_costs_by_who_sent_not_by_how_much(db: Database) -> None:
    """Of 20,000 submissions by two names a few are looked at."""
    async with db.worker.begin() as connection:
        made = await accounts.create(connection, "lead", Grant("admin"))
        await connection.execute(
            text(
                """INSERT INTO intake.submission (submission_id, household_id, revision, batch_id, "row", actor, number,
                       captured_at, day, result, origin, digest, enumerator, received_at)
                   SELECT gen_random_uuid(), n, 1, gen_random_uuid(), 0, 1, 5 + n % 3, :now, '2022-10-20', 'completed',
                       'new', '', 'ppl-' || n / 3 % 2, :now - n * interval '1 second'
                   FROM generate_series(1, 20000) n"""
            ),
            {"now": NOW},
        )
        ground = await load_ground(connection)
        snapshot = await live.load(connection, ground.campaign, ground.tree)
    snapshot.last_at[:] = NOW.timestamp()
    scope = Scope(made, "lead", "admin", ((1, 11),))
    async with db.as_actor(made) as connection:
        with sent_on(db.internal) as sent:
            page = await watch.at_work(connection, snapshot, scope, watch.Question())
        assert [(row["name"], row["received_at"]) for row in page.rows] == [
            ("ppl-1", NOW - timedelta(seconds=3)),
            ("ppl-0", NOW - timedelta(seconds=1)),
        ]
        for one in sent:
            if "intake.submission" in one.statement:
                for generic in (False, True):
                    plan = await plan_of(connection, one, generic=generic)
                    assert plan.indexes >= {"submission_number_ix"}
                    assert plan.looked_at["submission"] <= 20, one.statement


# ── what is still on phones ───────────────────────────────────────────────────────────────────────────────────────


def test_what_is_probably_on_their_phones(crew: Service) -> None:
    """It is 17:00; a day's work is mostly done, and on the days before nearly nothing arrived."""
    found = listed(crew)
    rows = {row.name: row for row in found.enumerators}
    for row in rows.values():
        assert 0 <= row.held_low <= row.held <= row.held_high, row.name
        assert row.blocks or row.held == (row.queued or 0), "of blocks that are not its own nothing is estimated"
    assert rows["waits"].held_low >= 3, "its device said so"
    assert rows["gone"].held > rows["fresh"].held, "who was never heard has had all days to fill a phone"
    assert (rows["gone"].held_low, rows["gone"].held_high > 2 * rows["gone"].held) == (0, True)
    assert rows["far"].held <= rows["far"].gap * unsent.RECORDS
    assert found.held_low <= found.held <= found.held_high
    assert abs(sum(row.held for row in rows.values()) - found.held) <= len(rows) / 2
    assert listed(crew, state=["fresh"]).held == found.held, "whatever was asked for"
    (far,) = (row for row in listed(crew, "supervisor").enumerators if row.name == "far")
    assert far.held < rows["far"].held or far.held == 0, "in the blocks that are the caller's"
