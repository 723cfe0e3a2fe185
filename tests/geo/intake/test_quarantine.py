"""Rows held back: who sees which, what each decision does, and that it is all of it or nothing."""

import asyncio
import json
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from app.database import Database
from geo.errors import BadInput, NotFound, Refused
from geo.ground.areas import Ground
from geo.intake import batch, fold, quarantine
from geo.intake.batch import Envelope
from geo.intake.quarantine import MASK, Decision, Outcome, Question, StillHeld
from geo.intake.reasons import Reason
from geo.intake.recount import recount
from geo.scope import Scope
from geo.trust import accounts, audit, credentials
from tests.conftest import granted
from tests.world import BLOCKS, NOW, VILLAGES, submission

IDENTITY = "6472031210850001"
GRANTS: dict[str, tuple[str, tuple[str, str] | None]] = {
    "admin": ("admin", None),
    "coordinator": ("coordinator", ("district", "6472030")),
    "supervisor": ("supervisor", ("village", VILLAGES[0])),
    "other": ("supervisor", ("village", VILLAGES[1])),
    "enumerator": ("enumerator", ("block", BLOCKS[0].code)),
    "local": ("local_government", ("regency", "6472")),
}
Row = dict[str, Any]


@dataclass(frozen=True)
class Desk:
    """A database, what intake knows, and somebody of each role."""

    db: Database
    ground: Ground
    scopes: dict[str, Scope]

    async def send(self, who: str, *rows: object) -> list[str]:
        """Send rows as somebody; their statuses."""
        own = who if who == "enumerator" else None
        judged = batch.judge(self.ground, rows, own)
        envelope = Envelope(self.scopes[who].actor, "test", b"", 0)
        return [r.status for r in await batch.commit(self.db.worker, self.ground, envelope, rows, judged)]

    async def listing(self, who: str, **question: Any) -> quarantine.Listing:
        scope = self.scopes[who]
        async with self.db.as_actor(scope.actor) as connection:
            return await quarantine.listing(connection, scope, Question(**question))

    async def decide(self, who: str, row: int, action: Any, note: str | None = None, **changes: object) -> Outcome:
        async with self.db.worker.begin() as connection:
            decision = Decision(action, changes, note)
            return await quarantine.resolve(connection, self.ground, self.scopes[who], row, decision)

    async def one(self, statement: str, **of: object) -> Any:
        async with self.db.worker.begin() as connection:
            return (await connection.execute(text(statement), of)).one()

    async def completed(self) -> dict[int, int]:
        """Completed families by block, after folding and a recount that finds no difference."""
        async with self.db.worker.begin() as connection:
            while await fold.fold(connection) is not None:
                pass
        async with self.db.worker.connect() as connection:
            assert (await recount(connection)).differences == []
        async with self.db.worker.begin() as connection:
            rows = await connection.execute(text("SELECT number, completed FROM intake.tally WHERE completed <> 0"))
            return {row.number: row.completed for row in rows}


@pytest.fixture
async def desk(db: Database, ground: Ground) -> Desk:
    scopes = {}
    async with db.worker.begin() as connection:
        for name, (role, area) in GRANTS.items():
            made = await accounts.create(connection, name, granted(role, area))
            secret = await credentials.issue(connection, made, "token", "t", None)
            caller = await credentials.authenticate(connection, secret)
            assert caller is not None
            scopes[name] = caller.scope
    return Desk(db, ground, scopes)


def swapped(household: int | str = "swapped", inside: Any = BLOCKS[0], **changes: object) -> Row:
    made = submission(household, inside)
    return made | {"lon": made["lat"], "lat": made["lon"]} | changes


async def first(desk: Desk, who: str = "admin") -> Row:
    return (await desk.listing(who)).rows[0]


# ── the list ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_row_says_what_was_sent_by_whom_and_what_is_proposed(desk: Desk) -> None:
    sent = swapped()
    assert await desk.send("enumerator", sent) == ["quarantined"]
    row = await first(desk, "supervisor")
    assert (row["reason"], row["state"], row["sender"], row["own"]) == ("AXES_SWAPPED", "open", "enumerator", False)
    assert row["raw"] == sent
    assert (row["lon"], row["lat"]) == (sent["lon"], sent["lat"])
    assert row["proposal"] == {"lon": sent["lat"], "lat": sent["lon"]}
    assert (row["proposed_lon"], row["proposed_lat"]) == (sent["lat"], sent["lon"])
    assert (row["block"], row["household_id"], row["number"]) == (BLOCKS[0].code, "SIM-swapped", BLOCKS[0].number)
    assert (row["received_at"], row["known"]) == (NOW, None)
    assert (await first(desk, "enumerator"))["own"]


async def test_each_sees_its_scope_and_what_it_sent_itself(desk: Desk) -> None:
    await desk.send("admin", *(swapped(n, BLOCKS[n]) for n in range(6)))
    # names no block: it lies where its sender works
    await desk.send("enumerator", submission("none", block=None, lon=0.0), swapped("abroad", BLOCKS[5]))
    await desk.send("admin", "no object")
    seen = {who: sorted(r["number"] for r in (await desk.listing(who)).rows) for who in GRANTS}
    every = [b.number for b in BLOCKS]
    assert seen == {
        "admin": sorted([0, BLOCKS[0].number, *every, BLOCKS[5].number]),
        "coordinator": sorted([BLOCKS[0].number, *every, BLOCKS[5].number]),
        "supervisor": sorted([BLOCKS[0].number, *every[:3]]),
        "other": [*every[3:], BLOCKS[5].number],
        "enumerator": [BLOCKS[0].number, BLOCKS[0].number, BLOCKS[5].number],
        "local": [],
    }
    async with desk.db.as_actor(desk.scopes["supervisor"].actor) as connection:
        assert await quarantine.waiting(connection) == 4


async def test_pages_filters_and_counts(desk: Desk) -> None:
    rows = [swapped(n, BLOCKS[n % 6]) for n in range(12)] + [submission(f"n{n}", BLOCKS[0], lon=0.0) for n in range(3)]
    await desk.send("admin", *rows)
    ids: list[int] = []
    after = None
    while True:
        page = await desk.listing("admin", after=after, limit=4)
        assert page.reasons == {"AXES_SWAPPED": 12, "NULL_ISLAND": 3}
        ids += [row["id"] for row in page.rows]
        after = page.next
        if after is None:
            break
    assert len(ids) == len(set(ids)) == 15
    assert ids == sorted(ids, reverse=True)
    null = await desk.listing("admin", reasons=("NULL_ISLAND",))
    assert [row["reason"] for row in null.rows] == ["NULL_ISLAND"] * 3
    block = await desk.listing("admin", first=BLOCKS[1].number, last=BLOCKS[1].number)
    assert [row["number"] for row in block.rows] == [BLOCKS[1].number] * 2
    await desk.decide("admin", ids[0], "reject", note="twice")
    assert (await desk.listing("admin", limit=0)).states == {"open": 14, "resolved": 0, "rejected": 1}
    gone = await desk.listing("admin", states=("rejected",))
    assert [(r["id"], r["note"], r["resolved_by"], r["resolved_at"]) for r in gone.rows] == [
        (ids[0], "twice", "admin", NOW)
    ]
    assert sum(gone.reasons.values()) == 1
    for wrong in ({"states": ("gone",)}, {"reasons": ("GONE",)}):
        with pytest.raises(BadInput):
            await desk.listing("admin", **wrong)


async def test_reading_rows_is_audited_and_counting_is_not(desk: Desk) -> None:
    await desk.send("admin", swapped())
    await desk.listing("supervisor", limit=0)
    row = await first(desk, "supervisor")
    found = await desk.one("SELECT actor, subject FROM trust.audit WHERE act = 'quarantine.read'")
    number = row["number"]
    said = {"rows": [row["id"]], "households": 1, "blocks": [[number, number]], "edition": "2022_2"}
    assert tuple(found) == (desk.scopes["supervisor"].actor, said)


# ── decisions ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_proposal_accepted_counts_the_family(desk: Desk) -> None:
    await desk.send("enumerator", swapped())
    row = await first(desk)
    assert await desk.completed() == {}
    outcome = await desk.decide("supervisor", row["id"], "amend", **row["proposal"])
    assert (outcome.state, outcome.receipt and outcome.receipt.status) == ("resolved", "stored")
    assert str(outcome.submission_id) == row["raw"]["submission_id"]
    assert await desk.completed() == {BLOCKS[0].number: 1}
    stored = await desk.one("SELECT enumerator, actor, lon, lat FROM intake.submission")
    assert tuple(stored) == ("enumerator", desk.scopes["supervisor"].actor, row["raw"]["lat"], row["raw"]["lon"])
    assert (await desk.one("SELECT source FROM intake.batch WHERE counts ->> 'stored' = '1'")).source == "quarantine"
    (kept,) = (await desk.listing("supervisor", states=("resolved",))).rows
    assert kept["raw"] == row["raw"], "what was observed is never changed"
    assert (kept["resolved_by"], kept["submission_id"]) == ("supervisor", outcome.submission_id)
    audited = await desk.one("SELECT subject FROM trust.audit WHERE act = 'quarantine.amend'")
    assert audited.subject == {"row": row["id"], "fields": ["lat", "lon"], "submission_id": str(outcome.submission_id)}
    # sent again by its device, the row adds nothing
    await desk.send("enumerator", swapped())
    assert (await desk.listing("admin", limit=0)).states == {"open": 0, "resolved": 1, "rejected": 0}


async def test_what_was_ahead_of_the_clock_is_believed_once_the_clock_is_there(desk: Desk) -> None:
    await desk.send("admin", submission(1, captured_at="2022-10-24T18:00:00+08:00"))
    row = (await first(desk))["id"]
    with pytest.raises(StillHeld) as held:
        await desk.decide("supervisor", row, "revalidate")
    assert held.value.reason is Reason.CLOCK_AHEAD
    campaign = replace(desk.ground.campaign, clock=NOW + timedelta(hours=2))
    later = replace(desk, ground=replace(desk.ground, campaign=campaign))
    assert (await later.decide("supervisor", row, "revalidate")).state == "resolved"
    assert await desk.completed() == {BLOCKS[0].number: 1}


async def test_what_cannot_be_believed_stays_open_and_nothing_is_left(desk: Desk) -> None:
    await desk.send("admin", submission(1), swapped(2))
    row = await first(desk)
    wrong: list[tuple[dict[str, object], Reason]] = [
        ({"lon": 10.0, "lat": 50.0}, Reason.OUTSIDE_CAMPAIGN),
        ({"lon": "117.1"}, Reason.NOT_A_NUMBER),
        ({"household_id": IDENTITY}, Reason.IDENTITY_NUMBER),
        ({"result": None}, Reason.MISSING_FIELD),
        ({**row["proposal"], "household_id": "SIM-1"}, Reason.CONFLICT),
    ]
    for changes, reason in wrong:
        with pytest.raises(StillHeld) as held:
            await desk.decide("admin", row["id"], "amend", **changes)
        assert held.value.reason is reason
    after = await first(desk)
    assert after == row
    counts = await desk.one(
        "SELECT (SELECT count(*) FROM intake.submission) AS s, (SELECT count(*) FROM intake.batch) AS b, "
        "(SELECT count(*) FROM intake.quarantine) AS q, (SELECT count(*) FROM trust.audit "
        "WHERE act LIKE 'quarantine.%' AND act <> 'quarantine.read') AS a"
    )
    assert tuple(counts) == (1, 1, 1, 0)
    assert await desk.completed() == {BLOCKS[0].number: 1}


async def test_a_failure_at_the_very_end_undoes_all(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    await desk.send("admin", swapped())
    row = await first(desk)

    async def failing(*_: object, **__: object) -> None:
        raise ConnectionError

    with monkeypatch.context() as patched:
        patched.setattr(audit, "note", failing)
        with pytest.raises(ConnectionError):
            await desk.decide("admin", row["id"], "amend", **row["proposal"])
    assert await first(desk) == row
    assert await desk.completed() == {}


@pytest.mark.parametrize(
    ("action", "note", "changes"),
    [
        ("reject", None, {}),
        ("reject", " \n ", {}),
        ("reject", "no", {"lon": 1.0}),
        ("revalidate", None, {"lon": 1.0}),
        ("amend", None, {}),
        ("amend", None, {"no_such_field": 1}),
        ("take", None, {}),
    ],
)
async def test_decisions_that_are_none(desk: Desk, action: str, note: str | None, changes: dict[str, object]) -> None:
    await desk.send("admin", swapped())
    with pytest.raises(BadInput) as refused:
        await desk.decide("admin", (await first(desk))["id"], action, note, **changes)
    assert refused.value.code == "bad-decision"


async def test_the_note_holds_no_identity_number(desk: Desk) -> None:
    await desk.send("admin", swapped())
    await desk.decide("admin", (await first(desk))["id"], "reject", note=f" was {IDENTITY}\0\n")
    assert (await desk.one("SELECT note FROM intake.quarantine")).note == f"was {MASK}"


async def test_nobody_decides_outside_its_scope(desk: Desk) -> None:
    await desk.send("admin", swapped(1, BLOCKS[0]), "no object")
    rows = {r["number"]: r["id"] for r in (await desk.listing("admin")).rows}
    for who, number in [("other", 5), ("local", 5), ("supervisor", 0), ("coordinator", 0)]:
        with pytest.raises(NotFound):
            await desk.decide(who, rows[number], "reject", note="no")
    with pytest.raises(NotFound):
        await desk.decide("admin", 2**62, "reject", note="no")
    assert (await desk.decide("coordinator", rows[5], "reject", note="no")).state == "rejected"
    assert (await desk.decide("admin", rows[0], "reject", note="no")).state == "rejected"


async def test_nobody_decides_elsewhere_on_what_it_sent_itself(desk: Desk) -> None:
    await desk.send("supervisor", swapped(inside=BLOCKS[4]))
    row = await first(desk, "supervisor")
    assert row["own"]
    with pytest.raises(NotFound):
        await desk.decide("supervisor", row["id"], "amend", **row["proposal"])
    assert (await desk.decide("other", row["id"], "amend", **row["proposal"])).state == "resolved"


async def test_of_two_who_decide_at_once_one_comes_too_late(desk: Desk) -> None:
    await desk.send("enumerator", *(swapped(n) for n in range(5)))
    for row in (await desk.listing("admin")).rows:
        both = await asyncio.gather(
            desk.decide("supervisor", row["id"], "amend", **row["proposal"]),
            desk.decide("coordinator", row["id"], "reject", note="no"),
            return_exceptions=True,
        )
        late = [one for one in both if isinstance(one, Refused)]
        assert [one.code for one in late] == ["already-resolved"]
        assert sum(isinstance(one, Outcome) for one in both) == 1
    states = (await desk.listing("admin", limit=0)).states
    assert states["open"] == 0
    assert await desk.completed() == ({BLOCKS[0].number: states["resolved"]} if states["resolved"] else {})


# ── conflicts ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_conflict_taken_becomes_the_next_revision(desk: Desk) -> None:
    await desk.send("enumerator", submission(1, result="refused"), submission(1, BLOCKS[1], 2, result="not_met"))
    assert await desk.send("enumerator", submission(1)) == ["conflict"]
    row = await first(desk, "supervisor")
    assert (row["known"]["result"], row["known"]["revision"]) == ("refused", 1)
    outcome = await desk.decide("supervisor", row["id"], "take")
    assert outcome.state == "resolved"
    stored = await desk.one("SELECT revision, result, submission_id FROM intake.household")
    assert tuple(stored) == (3, "completed", outcome.submission_id)
    assert str(outcome.submission_id) != row["raw"]["submission_id"]
    assert await desk.completed() == {BLOCKS[0].number: 1}


async def test_two_families_under_one_id_are_told_apart(desk: Desk) -> None:
    await desk.send("enumerator", submission(1))
    assert await desk.send("enumerator", submission(1, accuracy_m=9.0)) == ["conflict"]
    row = (await first(desk))["id"]
    with pytest.raises(StillHeld) as held:
        await desk.decide("supervisor", row, "revalidate")
    assert held.value.reason is Reason.CONFLICT
    assert (await desk.decide("supervisor", row, "amend", household_id="SIM-another")).state == "resolved"
    assert await desk.completed() == {BLOCKS[0].number: 2}


async def test_what_its_device_mended_meanwhile_is_a_duplicate_and_closes_the_row(desk: Desk) -> None:
    await desk.send("enumerator", swapped(7))
    await desk.send("enumerator", submission(7))
    row = await first(desk, "supervisor")
    assert row["known"]["submission_id"] == row["raw"]["submission_id"]
    outcome = await desk.decide("supervisor", row["id"], "amend", **row["proposal"])
    assert (outcome.state, outcome.receipt and outcome.receipt.status) == ("resolved", "duplicate")
    assert await desk.completed() == {BLOCKS[0].number: 1}


# ── rows that are not whole ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("where", ["household_id", "nik"])
async def test_what_was_masked_must_be_replaced(desk: Desk, where: str) -> None:
    await desk.send("enumerator", submission(1) | {where: IDENTITY})
    row = await first(desk, "supervisor")
    assert (row["reason"], row["raw"][where]) == ("IDENTITY_NUMBER", MASK)
    for action, changes in (("revalidate", {}), ("amend", {"result": "moved"})):
        with pytest.raises(StillHeld) as held:
            await desk.decide("supervisor", row["id"], action, **changes)
        assert held.value.reason is Reason.IDENTITY_NUMBER
    mended = {where: "SIM-1" if where == "household_id" else None}
    assert (await desk.decide("supervisor", row["id"], "amend", **mended)).state == "resolved"
    assert IDENTITY not in str(await desk.one("SELECT jsonb_agg(s) FROM intake.submission s"))


async def test_a_broken_line_is_typed_in_by_hand(desk: Desk) -> None:
    await desk.send("enumerator", "half a line", batch.Fault(Reason.MALFORMED, "", 'is not JSON: {"submission'))
    whole = {k: v for k, v in submission(1).items() if k != "submission_id"}
    ids = set()
    for number, row in enumerate((await desk.listing("supervisor")).rows):
        outcome = await desk.decide("supervisor", row["id"], "amend", **whole | {"household_id": f"SIM-{number}"})
        assert outcome.receipt is not None
        assert outcome.receipt.notices == ()
        ids.add(outcome.submission_id)
    assert len(ids) == 2
    assert all(isinstance(one, UUID) for one in ids)
    assert await desk.completed() == {BLOCKS[0].number: 2}


async def test_a_code_of_sixteen_digits_is_kept(desk: Desk) -> None:
    code = "6472030112120001"  # reads like a national number
    numbers = desk.ground.block_numbers | {code: BLOCKS[0].number}
    there = replace(desk, ground=replace(desk.ground, block_numbers=numbers))
    await there.send("enumerator", swapped(1, block=code))
    row = await first(desk, "supervisor")
    assert row["raw"]["block"] == code
    assert (await there.decide("supervisor", row["id"], "amend", **row["proposal"])).state == "resolved"


@pytest.mark.parametrize(
    "raw", [None, [], "text", 7, {"cut": "x"}, {"submission_id": "x" * 36, "revision": [1]}, {"lon": {}, "lat": True}]
)
async def test_any_row_can_be_shown_and_rejected(desk: Desk, raw: object) -> None:
    await desk.send("admin", raw)
    row = await first(desk)
    assert row["raw"] == json.loads(json.dumps(raw))
    assert (row["lon"], row["lat"], row["known"]) == (None, None, None)
    with pytest.raises(StillHeld):
        await desk.decide("admin", row["id"], "revalidate")
    assert (await desk.decide("admin", row["id"], "reject", note="nothing in it")).state == "rejected"
