"""The chain of seals: whatever is done to the audit behind its back is found."""

import asyncio
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import pytest
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import DBAPIError

from app.database import Database, Logins
from geo.trust import audit, seals
from geo.trust.seals import Head, Verdict

ROWS = 12

#: The row of the audit with the seal at a place.
AT = "audit_id = (SELECT audit_id FROM trust.seal WHERE place = :place)"


@contextmanager
def as_owner(logins: Logins, *, guarded: bool = False) -> Iterator[Connection]:
    """Somebody who holds the database itself, and took its guards away."""
    engine = create_engine(logins.owner)
    try:
        with engine.begin() as connection:
            if not guarded:
                for table in ("audit", "seal"):
                    connection.execute(text(f"ALTER TABLE trust.{table} DISABLE TRIGGER USER"))
            yield connection
            if not guarded:
                for table in ("audit", "seal"):
                    connection.execute(text(f"ALTER TABLE trust.{table} ENABLE TRIGGER USER"))
    finally:
        engine.dispose()


async def fill(db: Database, rows: int = ROWS) -> None:
    async with db.worker.begin() as connection:
        for n in range(rows):
            await audit.read(connection, n % 3, "households.tile", range(5, 6 + n % 6), n, z=n, note="é “ \\ \u2028")


async def seal_all(db: Database) -> Head:
    found = None
    while True:
        async with db.worker.begin() as connection:
            more = await seals.seal(connection)
        if more is None:
            break
        found = more
    async with db.worker.begin() as connection:
        end = await seals.head(connection)
    assert found is None or found == end
    return end


async def verified(db: Database, known: Sequence[Head] = ()) -> Verdict:
    async with db.worker.begin() as connection:
        return await seals.verify(connection, known)


@pytest.fixture
async def sealed(db: Database) -> Head:
    """The head of a chain over twelve rows."""
    await fill(db)
    return await seal_all(db)


async def test_an_audit_left_alone_is_sound(db: Database) -> None:
    nothing = await verified(db)
    assert (nothing.sound, nothing.sealed, nothing.waiting) == (True, 0, 0)
    assert nothing.head == Head(0, "00" * 32)
    await fill(db)
    before = await verified(db)
    assert (before.sound, before.sealed, before.waiting) == (True, 0, ROWS)
    first = await seal_all(db)
    assert first.place == ROWS
    await fill(db, 3)
    second = await seal_all(db)
    after = await verified(db, [first, second, first])
    assert (after.sound, after.sealed, after.waiting, after.head) == (True, ROWS + 3, 0, second)
    assert await seal_all(db) == second  # nothing waits


async def test_it_tells_how_far_it_is(db: Database, sealed: Head, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seals, "MOST", 5)
    told: list[tuple[int, int | None]] = []
    async with db.worker.begin() as connection:
        await seals.verify(connection, (), lambda done, of: told.append((done, of)))
    assert told == [(5, 12), (10, 12), (12, 12)]


async def test_an_altered_column_is_found(db: Database, sealed: Head, fresh_database: Logins) -> None:
    changes = {
        1: "at = at + interval '1 microsecond'",
        2: "actor = actor + 1",
        4: "credential_id = 7",
        6: "act = 'households.tiles'",
        7: "subject = subject || '{\"households\": 999}'",
        9: "subject = subject - 'blocks'",
        ROWS: "subject = jsonb_set(subject, '{note}', '\"e\"')",
    }
    for many, (place, change) in enumerate(changes.items(), start=1):
        with as_owner(fresh_database) as owner:
            done = owner.execute(text(f"UPDATE trust.audit SET {change} WHERE {AT}"), {"place": place})
            assert done.rowcount == 1
        found = await verified(db)
        assert found.wrong == many, change
        assert f"its seal {place} was altered" in found.faults[-1]


def _removed(owner: Connection) -> None:
    owner.execute(text(f"DELETE FROM trust.audit WHERE {AT}"), {"place": 4})


def _renumbered(owner: Connection) -> None:
    owner.execute(text(f"UPDATE trust.audit SET audit_id = DEFAULT WHERE {AT}"), {"place": 4})


def _swapped(owner: Connection) -> None:
    owner.execute(
        text(
            """UPDATE trust.audit a SET act = b.act, at = b.at, actor = b.actor, subject = b.subject
               FROM trust.audit b, trust.seal s, trust.seal t
               WHERE (s.place, s.audit_id, t.place, t.audit_id)
                  IN ((4, a.audit_id, 5, b.audit_id), (5, a.audit_id, 4, b.audit_id))"""
        )
    )


def _removed_with_its_seal(owner: Connection) -> None:
    _removed(owner)
    owner.execute(text("DELETE FROM trust.seal WHERE place = 4"))


def _closed_up(owner: Connection) -> None:
    _removed_with_its_seal(owner)
    for place in range(5, ROWS + 1):
        owner.execute(text("UPDATE trust.seal SET place = place - 1 WHERE place = :place"), {"place": place})


def _the_first(owner: Connection) -> None:
    owner.execute(text(f"DELETE FROM trust.audit WHERE {AT}"), {"place": 1})
    owner.execute(text("DELETE FROM trust.seal WHERE place = 1"))


def _a_seal_alone(owner: Connection) -> None:
    owner.execute(text("DELETE FROM trust.seal WHERE place = :place"), {"place": ROWS})


def _forged(owner: Connection) -> None:
    owner.execute(text("INSERT INTO trust.audit (actor, act, subject) VALUES (1, 'log-in', '{}')"))


def _forged_and_sealed(owner: Connection) -> None:
    _forged(owner)
    owner.execute(
        text("INSERT INTO trust.seal (place, audit_id, digest) SELECT 13, max(audit_id), sha256('x') FROM trust.audit")
    )


def _seal_altered(owner: Connection) -> None:
    owner.execute(text("UPDATE trust.seal SET digest = sha256('x') WHERE place = 6"))


@pytest.mark.parametrize(
    ("tamper", "said"),
    [
        (_removed, ["of seal 4 was removed"]),
        (_renumbered, ["of seal 4 was removed", "was slipped in"]),
        (_swapped, ["its seal 4 was altered", "its seal 5 was altered"]),
        (_removed_with_its_seal, ["seals 4 to 4 are missing"]),
        (_closed_up, ["its seal 4 was altered"]),
        (_the_first, ["seals 1 to 1 are missing"]),
        (_a_seal_alone, ["was slipped in"]),
        (_forged, ["was slipped in"]),
        (_forged_and_sealed, ["its seal 13 was altered"]),
        (_seal_altered, ["its seal 6 was altered", "its seal 7 was altered"]),
    ],
)
async def test_tampering_is_found(
    db: Database, sealed: Head, fresh_database: Logins, tamper: Callable[[Connection], None], said: list[str]
) -> None:
    with as_owner(fresh_database) as owner:
        tamper(owner)
    found = await verified(db)
    assert not found.sound
    for words in said:
        assert any(words in fault for fault in found.faults), found.faults


async def test_a_row_removed_before_its_seal_is_found(db: Database, fresh_database: Logins) -> None:
    await fill(db)
    with as_owner(fresh_database) as owner:
        owner.execute(text("DELETE FROM trust.audit WHERE subject ->> 'z' = '5'"))
    found = await verified(db)
    assert found.faults[0].endswith("was removed before its seal")
    await seal_all(db)
    found = await verified(db)
    assert (found.wrong, found.sealed, found.waiting) == (1, ROWS - 1, 1)


async def test_the_end_cut_off_is_found_by_a_head_written_down(
    db: Database, sealed: Head, fresh_database: Logins
) -> None:
    with as_owner(fresh_database) as owner:
        owner.execute(
            text("DELETE FROM trust.audit WHERE audit_id IN (SELECT audit_id FROM trust.seal WHERE place > 9)")
        )
        owner.execute(text("DELETE FROM trust.seal WHERE place > 9"))
    assert (await verified(db)).sound  # the chain alone cannot know what followed
    found = await verified(db, [sealed])
    assert found.faults == (f"seal {ROWS} was written down and is not there",)
    await fill(db, 3)  # the work goes on, and reaches that place again
    again = await seal_all(db)
    assert again.place == sealed.place
    found = await verified(db, [sealed, again])  # and is written down as well
    assert found.faults == (f"seal {ROWS} is not the one that was written down",)


async def test_a_chain_built_anew_is_found_by_a_head_written_down(db: Database, fresh_database: Logins) -> None:
    await fill(db, 5)
    middle = await seal_all(db)
    await fill(db, 5)
    last = await seal_all(db)
    with as_owner(fresh_database) as owner:
        owner.execute(text("UPDATE trust.audit SET actor = 9 WHERE subject ->> 'z' = '2'"))
        owner.execute(text("DELETE FROM trust.seal"))
        owner.execute(text("INSERT INTO trust.unsealed SELECT audit_id FROM trust.audit"))
    forged = await seal_all(db)
    assert forged.place == last.place
    assert (await verified(db)).sound
    assert (await verified(db, [forged])).sound
    for known in ([middle], [last], [last, forged], [forged, last]):
        found = await verified(db, known)
        assert found.faults == (f"seal {known[0].place} is not the one that was written down",), known


async def test_many_faults_are_counted_and_the_first_listed(db: Database, fresh_database: Logins) -> None:
    await fill(db, 130)
    await seal_all(db)
    with as_owner(fresh_database) as owner:
        owner.execute(text("UPDATE trust.audit SET actor = 9"))
    found = await verified(db)
    assert (found.wrong, len(found.faults)) == (130, 100)


@pytest.mark.parametrize("who", ["owner", "worker", "internal"])
async def test_rows_are_only_ever_added(db: Database, sealed: Head, fresh_database: Logins, who: str) -> None:
    engine = create_engine(getattr(fresh_database, who))
    said = "only ever added" if who == "owner" else "only ever added|permission denied"
    for table in ("audit", "seal"):
        for how in (f"UPDATE trust.{table} SET audit_id = 1", f"DELETE FROM trust.{table}", f"TRUNCATE trust.{table}"):
            with engine.connect() as connection, pytest.raises(DBAPIError, match=said):
                connection.execute(text(how))
    engine.dispose()
    assert (await verified(db, [sealed])).sealed == ROWS


async def test_appends_under_way_while_two_seal_are_each_sealed_once(db: Database, fresh_database: Logins) -> None:
    """Numbers are given out before they are committed, and transactions end in any order, some never."""
    appended, stop, chance = 0, asyncio.Event(), random.Random(5)  # noqa: S311  # for delays

    async def append(who: int, pools: Database) -> None:
        nonlocal appended
        for _ in range(40):
            rows = chance.randint(1, 3)
            async with pools.worker.connect() as connection:
                await connection.begin()
                for _ in range(rows):
                    await audit.note(connection, who, "x")
                    await asyncio.sleep(chance.random() * 0.004)
                if chance.random() < 0.2:
                    await connection.rollback()
                else:
                    await connection.commit()
                    appended += rows

    async def seal() -> int:
        times = 0
        while not stop.is_set():
            async with db.worker.begin() as connection:
                times += await seals.seal(connection) is not None
                await asyncio.sleep(chance.random() * 0.01)  # the other one comes while this one holds the lock
        return times

    writers = Database(fresh_database, 6)
    sealers = [asyncio.create_task(seal()) for _ in range(2)]
    async with asyncio.timeout(60):
        await asyncio.gather(*(append(who, writers) for who in range(6)))
        stop.set()
        assert sum(await asyncio.gather(*sealers)) > 3
    await writers.close()
    end = await seal_all(db)
    found = await verified(db, [end])
    assert (found.sound, found.sealed, found.waiting) == (True, appended, 0), found
    with as_owner(fresh_database, guarded=True) as owner:
        seen = owner.execute(text("SELECT count(*), count(DISTINCT audit_id), max(place) FROM trust.seal")).one()
        rows = owner.execute(text("SELECT count(*) FROM trust.audit")).scalar_one()
    assert tuple(seen) == (appended,) * 3
    assert rows == appended
