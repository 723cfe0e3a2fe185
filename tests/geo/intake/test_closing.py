"""Closing and undoing it: whom it is open to, what counts afterwards, and that it happens once, whatever else does."""

import asyncio
import random
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from app.database import Database
from geo.errors import BadInput, CakupanError, NotFound, Refused
from geo.ground.areas import Ground
from geo.intake import batch, closing, fold
from geo.intake.batch import Envelope
from geo.intake.closing import Act, Closing, VisitsLeft
from geo.intake.recount import recount
from geo.schema import COUNTS
from geo.schema_decided import CLOSING_REASONS
from geo.scope import Scope
from geo.trust import accounts, credentials
from tests.conftest import granted
from tests.world import BLOCKS, FAMILIES, NOW, VILLAGES, submission

GRANTS: dict[str, tuple[str, tuple[str, str] | None]] = {
    "admin": ("admin", None),
    "supervisor": ("supervisor", ("village", VILLAGES[0])),
    "other": ("supervisor", ("village", VILLAGES[1])),
}
Row = dict[str, Any]
BLOCK = BLOCKS[0]
FINAL = "absent_until_the_end"


def visited(name: str, revision: int, result: str = "not_met", **more: Any) -> Row:
    """A visit: the first on the 20th at half past nine, then day by day; the sixth on the afternoon of the fifth."""
    when = f"2022-10-{min(19 + revision, 24)}T{9 if revision < 6 else 14:02d}:30:00+08:00"
    at = {"captured_at": when, "visit": min(revision, 3)}
    return submission(name, BLOCK, revision, **(at | {"result": result} | more))


@dataclass(frozen=True)
class Desk:
    """A database, what intake knows, and somebody of each role."""

    db: Database
    ground: Ground
    scopes: dict[str, Scope]

    async def send(self, *rows: Row) -> None:
        envelope = Envelope(self.scopes["admin"].actor, "test", b"", 0)
        receipts = await batch.commit(self.db.worker, self.ground, envelope, rows, batch.judge(self.ground, rows))
        assert {r.status for r in receipts} <= {"stored", "superseded"}

    async def decide(self, name: str, act: Act, who: str = "supervisor") -> Closing:
        scope = self.scopes[who]
        async with self.db.for_actor(scope.actor) as connection:
            return await closing.decide(connection, scope, f"SIM-{name}", act)

    async def close(self, name: str, reason: str = FINAL, who: str = "supervisor", **more: Any) -> Closing:
        return await self.decide(name, Act(uuid4(), reason, **more), who)

    async def reopen(self, name: str, who: str = "supervisor", **more: Any) -> Closing:
        return await self.decide(name, Act(uuid4(), None, **more), who)

    async def all_of(self, statement: str, **of: object) -> list[Any]:
        async with self.db.worker.begin() as connection:
            return list((await connection.execute(text(statement), of)).all())

    async def counts(self) -> dict[str, int]:
        """Counts of the block that are not 0, after folding and a recount that finds no difference."""
        async with self.db.worker.begin() as connection:
            while await fold.fold(connection) is not None:
                pass
        async with self.db.worker.connect() as connection:
            assert (await recount(connection)).differences == []
        rows = await self.all_of(f"SELECT {', '.join(COUNTS)} FROM intake.tally WHERE number = {BLOCK.number}")
        return {name: n for name, n in rows[0]._mapping.items() if n} if rows else {}


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


@pytest.fixture
async def spent(desk: Desk) -> Desk:
    """Two families of the block whose third visit is used up, one refused and one not met."""
    for name, result in (("never", "not_met"), ("no", "refused")):
        await desk.send(*(visited(name, revision, result) for revision in (1, 2, 3)))
    return desk


def gap(counts: dict[str, int]) -> int:
    done = counts.get("completed", 0) - counts.get("new", 0) + counts.get("dropped", 0) + counts.get("closed", 0)
    return max(FAMILIES - done, 0)


# ── one act ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_closing_moves_the_gap_by_one_and_undoing_moves_it_back(spent: Desk) -> None:
    before = await spent.counts()
    assert before == {"not_met": 1, "refused": 1, "spent": 2, "located": 2}
    done = await spent.close("never", note="  rumah kosong\n sejak Maret ")
    assert (done.closed, done.reason, done.note) == (True, FINAL, "rumah kosong  sejak Maret")
    assert (done.household_id, done.revision, done.decided_by, done.decided_at) == ("SIM-never", 3, "supervisor", NOW)
    after = await spent.counts()
    assert after == {"not_met": 1, "refused": 1, "spent": 1, "closed": 1, "located": 2}
    assert gap(after) == gap(before) - 1
    undone = await spent.reopen("never")
    assert (undone.closed, undone.reason, undone.note) == (False, None, None)
    assert await spent.counts() == before


async def test_nothing_arrived_by_it(spent: Desk) -> None:
    await spent.counts()
    (last,) = await spent.all_of("SELECT last_at FROM intake.tally WHERE number = :n", n=BLOCK.number)
    await spent.all_of("UPDATE ground.campaign SET clock = clock + interval '2 days' RETURNING 1")
    await spent.close("never")
    await spent.counts()
    assert await spent.all_of("SELECT last_at FROM intake.tally WHERE number = :n", n=BLOCK.number) == [last]


@pytest.mark.parametrize("reason", CLOSING_REASONS)
async def test_every_reason_is_taken(spent: Desk, reason: str) -> None:
    assert (await spent.close("no", reason, note="x")).reason == reason


async def test_the_same_act_again_is_one(spent: Desk) -> None:
    act = Act(uuid4(), FINAL, "sekali")
    first = await spent.decide("never", act)
    await spent.all_of("UPDATE ground.campaign SET clock = clock + interval '1 hour' RETURNING 1")
    assert await spent.decide("never", act) == first
    await spent.reopen("never")
    assert await spent.decide("never", act) == first, "also where it was undone since: it is what was done then"
    assert (await spent.counts())["spent"] == 2
    audited = "SELECT act FROM trust.audit WHERE starts_with(act, 'households.') ORDER BY audit_id"
    assert [row.act for row in await spent.all_of(audited)] == ["households.close", "households.reopen"]
    for name, other in (
        ("never", Act(act.closing_id, "unsafe", "sekali")),
        ("never", Act(act.closing_id, FINAL, "lain")),
        ("never", Act(act.closing_id, None, "sekali")),
        ("no", act),
    ):
        with pytest.raises(Refused) as refused:
            await spent.decide(name, other)
        assert refused.value.code == "conflict"


async def test_the_audit_says_what_and_never_whom(spent: Desk) -> None:
    await spent.close("never", note="rahasia")
    (row,) = await spent.all_of("SELECT subject FROM trust.audit WHERE act = 'households.close'")
    (place,) = await spent.all_of("SELECT place FROM intake.closing")
    assert row.subject == {"row": place.place, "reason": FINAL, "visits": 3}


# ── what cannot be ────────────────────────────────────────────────────────────────────────────────────────────────


async def refused(coroutine: Any) -> tuple[type, str]:
    with pytest.raises(CakupanError) as found:
        await coroutine
    return type(found.value), found.value.code


async def test_outside_the_scope_there_is_no_household(spent: Desk) -> None:
    act = Act(uuid4(), FINAL)
    await spent.decide("never", act)
    assert await refused(spent.close("never", who="other")) == (NotFound, "not-found")
    assert await refused(spent.decide("never", act, "other")) == (NotFound, "not-found"), "nor what was done there"
    assert await refused(spent.close("nobody")) == (NotFound, "not-found")


async def test_states_that_are_not_for_it(spent: Desk) -> None:
    await spent.send(*(visited("half", r, "partial") for r in (1, 2, 3)), visited("done", 1, "completed"))
    for name in ("half", "done"):
        assert await refused(spent.close(name)) == (Refused, "not-closable")
    assert await refused(spent.reopen("never")) == (Refused, "not-closed")
    await spent.close("never")
    assert await refused(spent.close("never")) == (Refused, "already-closed")


@pytest.mark.parametrize(
    ("hours", "left"), [([0], 2), ([0, 24], 1), ([0, 1, 2], 2), ([0, 3.9, 24], 1), ([0, 4, 8], 0), ([0, 24, 48], 0)]
)
async def test_visits_that_are_left(desk: Desk, hours: list[float], left: int) -> None:
    for n, hour in enumerate(hours, start=1):
        day, minutes = divmod(round(hour * 60), 24 * 60)
        at = f"2022-10-{20 + day}T{8 + minutes // 60:02d}:{minutes % 60:02d}:00+08:00"
        await desk.send(visited("a", n, captured_at=at))
    if not left:
        assert (await desk.close("a")).closed
        return
    with pytest.raises(VisitsLeft) as soon:
        await desk.close("a")
    assert (soon.value.left, soon.value.code) == (left, "visits-left")
    assert str(left) in str(soon.value)


async def test_notes_and_reasons_that_are_none(spent: Desk) -> None:
    assert await refused(spent.close("no", "bored")) == (BadInput, "bad-closing")
    assert await refused(spent.close("no", "other")) == (BadInput, "bad-closing")
    assert await refused(spent.close("no", note="x" * 501)) == (BadInput, "bad-closing")
    assert await refused(spent.close("no", note="KK 6472031210850001 pindah")) == (BadInput, "identity-number")
    assert await refused(spent.reopen("no", note="6472031210850001")) == (BadInput, "identity-number")
    assert await spent.all_of("SELECT FROM intake.closing") == []


# ── what comes in between ─────────────────────────────────────────────────────────────────────────────────────────


async def test_a_closing_lapses_when_somebody_is_met_after_all(spent: Desk) -> None:
    await spent.close("never")
    await spent.send(visited("never", 4, "not_met"))
    assert (await spent.counts())["closed"] == 1, "still nobody"
    await spent.send(visited("never", 5, "completed"))
    assert await spent.counts() == {"completed": 1, "refused": 1, "spent": 1, "located": 2}
    await spent.send(visited("never", 6, "refused"))
    assert await spent.counts() == {"refused": 2, "spent": 2, "located": 2}, "what has lapsed does not come back"
    assert (await spent.close("never")).revision == 6


async def test_a_record_that_came_late_changes_nothing(spent: Desk) -> None:
    await spent.send(visited("late", 3, "refused"), visited("late", 1, "refused"))
    await spent.close("late")
    await spent.send(visited("late", 2, "completed"))
    assert (await spent.counts())["closed"] == 1


async def test_thirty_two_at_once_are_one(spent: Desk) -> None:
    async def settled(act: Act) -> str:
        try:
            return "done" if (await spent.decide("never", act)).closed else "undone"
        except Refused as told:
            return told.code

    for acts, expected in (
        ([Act(uuid4(), FINAL) for _ in range(32)], ["already-closed"] * 31 + ["done"]),
        ([Act(uuid4()) for _ in range(32)], ["not-closed"] * 31 + ["undone"]),
        ([Act(UUID(int=7), FINAL)] * 32, ["done"] * 32),
    ):
        assert sorted(await asyncio.gather(*map(settled, acts))) == expected
    assert len(await spent.all_of("SELECT FROM intake.closing")) == 3
    assert (await spent.counts())["closed"] == 1


@pytest.mark.parametrize("seed", range(6))
async def test_acts_and_records_in_any_order(desk: Desk, seed: int) -> None:
    """Whatever happens at once: what is kept equals a recount, and nobody who was met is closed."""
    luck = random.Random(seed)  # noqa: S311  # nothing secret
    names = [f"f{n}" for n in range(4)]
    await desk.send(*(visited(name, 3, "refused") for name in names))
    ends = {name: luck.choice(["completed", "refused", "not_met", "moved", "partial"]) for name in names}
    revisions = {name: [1, 2, 4, 5] for name in names}

    async def record(name: str, revision: int) -> None:
        result = ends[name] if revision == 5 else luck.choice(["not_met", "refused", "completed"])
        await desk.send(visited(name, revision, result, captured_at=f"2022-10-24T0{revision}:00:00+08:00"))

    refusals: set[str] = set()

    async def act(name: str, *, closes: bool) -> None:
        try:
            await (desk.close(name) if closes else desk.reopen(name))
        except Refused as told:
            refusals.add(told.code)

    work = [record(name, revision) for name in names for revision in revisions[name]]
    work += [act(name, closes=luck.random() < 0.7) for name in names for _ in range(8)]
    luck.shuffle(work)
    await asyncio.gather(*work)
    assert refusals <= {"already-closed", "not-closed", "not-closable", "visits-left"}
    counts = await desk.counts()
    closed = "SELECT household_id, result FROM intake.household WHERE closed"
    rows = await desk.all_of(closed)
    assert counts.get("closed", 0) == len(rows)
    assert {row.result for row in rows} <= {"refused", "not_met"}
    for name in names:
        row = (await desk.all_of("SELECT result FROM intake.household WHERE household_id = :id", id=f"SIM-{name}"))[0]
        assert row.result == ends[name]


async def test_half_an_act_is_none(spent: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    before = await spent.counts()

    async def broken(*_: Any, **__: Any) -> None:
        raise ConnectionError

    with monkeypatch.context() as patched:
        patched.setattr("geo.intake.closing.audit.note", broken)
        with pytest.raises(ConnectionError):
            await spent.close("never")
    assert await spent.all_of("SELECT FROM intake.closing") == []
    assert await spent.counts() == before
