"""The ledger replayed: whatever the order in which events and records arrive, a day reads the same."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from app.database import Database, Logins
from geo.errors import BadInput, NotFound
from geo.ground.areas import Ground, load_ground
from geo.intake import batch
from geo.intake.batch import Envelope
from geo.publish import ledger, welfare
from geo.publish.judging import Event, Limits, judge
from geo.publish.welfare import Rows
from geo.scope import OPERATOR, Scope
from tests.world import BLOCKS, submission

FIRST = date(2022, 10, 16)
Json = dict[str, Any]
Ledger = dict[tuple[int, int], int]
Door = dict[int, tuple[int, int | None]]

#: Key (day, revision) to value: no two contradict each other, so that any order may come to the same.
LEDGER = st.dictionaries(st.tuples(st.integers(0, 4), st.integers(1, 2)), st.integers(1, 3), max_size=5)
#: Revision to (day, status or none), as devices with any clock send them.
DOOR = st.dictionaries(st.integers(1, 4), st.tuples(st.integers(0, 4), st.sampled_from([None, 1, 2, 3])), max_size=4)
_HOUSEHOLDS = count()


def day(n: int) -> date:
    return FIRST + timedelta(days=n)


async def write(db: Database, ground: Ground, scale: str, *rows: Json, scope: Scope = OPERATOR) -> list[str]:
    """Rows into the ledger as one batch; their statuses."""
    limits = Limits(scale, ground.campaign.today(), ground.tree, scope)
    async with db.worker.begin() as connection:
        judged = [judge(at, row, limits) for at, row in enumerate(rows)]
        receipts = await welfare.store(
            connection, scope, Envelope(scope.actor, "test", b"", 0), Rows(limits, rows, judged)
        )
    return [r.status for r in receipts]


async def visit(db: Database, ground: Ground, *rows: Json) -> None:
    judged = batch.judge(ground, rows)
    await batch.commit(db.worker, ground, Envelope(1, "test", b"", 0), rows, judged)


async def known(db: Database, measure: ledger.Measure, on: date) -> dict[str, float]:
    async with db.worker.begin() as connection:
        await ledger.known(connection, measure, on)
        rows = await connection.execute(text("SELECT household_id, value FROM known"))
        return {row.household_id: row.value for row in rows}


def expected(events: Ledger, door: Door, on: int) -> int | None:
    """What a day reads, worked out from what was meant, not from what was stored."""
    past = [(at, 1, revision, value) for (at, revision), value in events.items() if at <= on]
    seen = max(((revision, at, value) for revision, (at, value) in door.items() if at <= on), default=None)
    if seen and seen[2] is not None:
        past.append((seen[1], 0, 0, seen[2]))
    return max(past)[3] if past else None


async def _arrive(db: Database, events: Ledger, door: Door, order: Sequence[int], cut: int) -> None:
    async with db.worker.begin() as connection:
        ground = await load_ground(connection)
        name = f"SIM-L{next(_HOUSEHOLDS)}"
        listed = text("INSERT INTO ground.prelist (edition_id, household_id, number) VALUES (:e, :h, :n)")
        of = {"e": ground.campaign.edition_id, "h": name, "n": BLOCKS[0].number}
        await connection.execute(listed, of)
    arrivals: list[tuple[str, Json]] = []
    for (at, revision), value in events.items():
        row = {"household_id": name, "field_status": value, "dated": str(day(at)), "revision": revision}
        arrivals.append(("ledger", row))
    for revision, (at, welfare_) in door.items():
        record = submission(f"{name}/{revision}") | {"household_id": name, "revision": revision}
        record["captured_at"] = f"{day(at)}T23:30:00+08:00"
        arrivals.append(("door", record | ({} if welfare_ is None else {"welfare": welfare_})))
    arrivals = [arrivals[i] for i in order]
    for part in (arrivals[:cut], arrivals[cut:], arrivals[:cut]):  # the first of them are sent again
        await write(db, ground, "field_status", *(row for kind, row in part if kind == "ledger"))
        await visit(db, ground, *(row for kind, row in part if kind == "door"))
    for on in range(-1, 6):
        right = expected(events, door, on)
        assert (await known(db, "field_status", day(on))).get(name) == right, on
        async with db.worker.begin() as connection:
            found = (await ledger.history(connection, OPERATOR, name, day(on))).standing["field_status"]
        assert (found.value if found else None) == right, on


@given(st.data())
@settings(max_examples=8, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
def test_in_whatever_order_it_arrives_a_day_reads_the_same(database: Logins, data: st.DataObject) -> None:
    events, door = data.draw(LEDGER), data.draw(DOOR)
    order = data.draw(st.permutations(range(len(events) + len(door))))
    cut = data.draw(st.integers(0, len(order)))

    async def run() -> None:
        db = Database(database, 2)
        try:
            await _arrive(db, events, door, order, cut)
        finally:
            await db.close()

    asyncio.run(run())


async def test_each_scale_is_its_own(db: Database, ground: Ground) -> None:
    await visit(db, ground, submission("a", welfare=1), submission("b"), submission("c"))
    said = {"dated": "2022-10-20"}
    await write(db, ground, "consultation", {"household_id": "SIM-a", "after": 3, "forum": BLOCKS[0].code, **said})
    assert await write(db, ground, "rank", {"household_id": "SIM-b", "score": 31.5, **said}) == ["stored"]
    later = {"household_id": "SIM-b", "decile": 2, "dated": "2022-10-22"}
    assert await write(db, ground, "rank", later) == ["stored"]
    on = date(2022, 10, 23)
    assert await known(db, "field_status", on) == {"SIM-a": 1}
    assert await known(db, "consultation", on) == {"SIM-a": 3}
    assert await known(db, "consultation", date(2022, 10, 19)) == {}
    assert await known(db, "score", on) == {"SIM-b": 31.5}, "a later list of deciles does not take the score back"
    assert await known(db, "decile", on) == {"SIM-b": 2}
    assert await known(db, "rank", on) == {}
    async with db.worker.begin() as connection:  # twice in one transaction: the second replaces the first
        for measure in ("score", "consultation"):
            await ledger.known(connection, measure, on)
        assert (await connection.execute(text("SELECT household_id FROM known"))).scalars().all() == ["SIM-a"]
        with pytest.raises(BadInput):
            await ledger.known(connection, "wealth", on)  # type: ignore[arg-type]  # that is the point of it


async def test_a_history_is_for_those_in_whose_blocks_it_was_written(db: Database, ground: Ground) -> None:
    await visit(db, ground, submission("a", BLOCKS[0], welfare=2), submission("b", BLOCKS[5], welfare=2))
    mine = Scope(7, "pml", "supervisor", ((BLOCKS[0].number, BLOCKS[2].number),))
    on = datetime(2022, 10, 24, tzinfo=UTC).date()
    async with db.worker.begin() as connection:
        found = await ledger.history(connection, mine, "SIM-a", on)
        assert found.standing["field_status"] == ledger.Standing(2, date(2022, 10, 21), "door")
        assert [event["source"] for event in found.events] == ["door"]
        for other in ("SIM-b", "SIM-nobody"):
            with pytest.raises(NotFound):
                await ledger.history(connection, mine, other, on)
        note = (await connection.execute(text("SELECT act, subject FROM trust.audit"))).one()
    assert note.act == "welfare.read"
    assert (note.subject["households"], note.subject["blocks"]) == (1, [[BLOCKS[0].number] * 2])


def test_an_event_is_named_by_what_it_is_about() -> None:
    made = dict.fromkeys(("field_status", "consultation", "before", "score", "rank", "decile", "forum", "reason"))
    one = Event(row=1, scale="rank", household_id="a", dated=FIRST, revision=1, notices=(), **(made | {"score": 1.0}))
    same = Event(row=9, scale="rank", household_id="a", dated=FIRST, revision=1, notices=(), **(made | {"rank": 5}))
    assert one.event_id == same.event_id
    assert one.event_id.version == 5
    assert one.digest() != same.digest()
