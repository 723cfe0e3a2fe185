"""Ways to do without one safeguard of the intake, each of which the suite has to notice.

Each changes the code of the process that calls it, by another text in a statement or another function, and fails
loudly where the code is no longer what it means to break.
"""

import asyncio
from collections.abc import Awaitable, Callable
from types import MappingProxyType, ModuleType
from typing import Any

import psycopg
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app import group
from geo.intake import batch, fold

#: Seconds by which a sabotaged step comes late, so that others can come between.
LATE = 0.1

#: What keeps a submission from being there twice.
UNIQUE = """
ALTER TABLE intake.submission DROP CONSTRAINT submission_pkey CASCADE;
ALTER TABLE intake.submission DROP CONSTRAINT submission_household_id_revision_key CASCADE;
"""


def _replaced(module: ModuleType, name: str, old: str, new: str) -> None:
    """Let the statement `name` of a module say `new` where it says `old`."""
    said = module.SQL[name].text
    assert said.count(old) == 1, f"{module.__name__}.{name} has changed: adapt the sabotage"
    module.SQL = MappingProxyType({**module.SQL, name: text(said.replace(old, new))})  # type: ignore[attr-defined]  # a test may change what is loaded once


def deltas_for_every_row() -> None:
    """Rows that met a record stored before count again."""
    counted = "FROM {} h CROSS JOIN LATERAL intake.vector(h.result, h.origin, {}, h.cell, h.visit) v"
    _replaced(batch, "fresh", counted.format("inserted", "h.closed"), counted.format("incoming", "false"))


def fold_without_lock() -> None:
    """Two processes fold at the same time. Folds take a while, so that they meet; behind the lock that does no harm."""
    _replaced(fold, "lead", "pg_try_advisory_xact_lock(hashtext('cakupan-fold'))", "true")
    honest = fold.fold

    async def slow(db: AsyncConnection) -> fold.Folded | None:
        folded = await honest(db)
        await asyncio.sleep(LATE / 4)
        return folded

    fold.fold = slow


def fold_by_number() -> Callable[[AsyncConnection], Awaitable[object]]:
    """A fold takes deltas, and deletes what has no higher number than they: numbers commit in another order.

    Gives the second half, to be done in the same transaction.
    """
    taken = """DELETE FROM intake.delta
    WHERE delta_id <= (SELECT max(delta_id) FROM (SELECT delta_id FROM intake.delta ORDER BY delta_id LIMIT :most) d)
    RETURNING *"""
    told = "set_config('cakupan.highest', (SELECT max(delta_id) FROM intake.delta)::text, true)"
    _replaced(fold, "fold", taken, f"SELECT * FROM intake.delta WHERE {told} <> '' LIMIT :most")
    delete = text("DELETE FROM intake.delta WHERE delta_id <= CAST(current_setting('cakupan.highest') AS bigint)")
    return lambda db: db.execute(delete)


def locks_of_the_process() -> None:
    """What keeps two batches apart that settle the same household is this process's alone: one lane, no lock of rows.

    Of a single service nothing is to be seen, for one batch follows the other. Each takes a while before its commit, so
    that those of two services meet; with the lock that does no harm.
    """
    assert group.LANES > 1, "there is one lane already: adapt the sabotage"
    group.LANES = 1
    _replaced(batch, "lock", " FOR UPDATE", "")
    honest = batch.store_all

    async def slow(db: AsyncConnection, *stored: Any) -> Any:
        done = await honest(db, *stored)
        await asyncio.sleep(LATE / 4)
        return done

    batch.store_all = slow  # type: ignore[assignment]  # the same with its words unread


def two_transactions() -> None:
    """Submissions are committed before what follows from them."""
    execute = psycopg.AsyncCursor.execute

    async def executed(self: Any, query: Any, *args: Any, **options: Any) -> Any:
        said = str(query)
        if "CREATE TEMP TABLE IF NOT EXISTS incoming" in said:
            assert "ON COMMIT DELETE ROWS" in said, "the table of what comes in has changed: adapt the sabotage"
            await execute(self, said.replace("ON COMMIT DELETE ROWS", ""))
            return await execute(self, "TRUNCATE incoming")
        done = await execute(self, query, *args, **options)
        if "INSERT INTO intake.submission" in said:
            await self.connection.commit()
        return done

    psycopg.AsyncCursor.execute = executed  # type: ignore[method-assign]  # the hook of a sabotage


def receipts_before_commit() -> None:
    """The answer goes out while the commit is still to come."""
    assert hasattr(batch, "committed"), "batches are committed otherwise: adapt the sabotage"
    under_way: set[asyncio.Task[None]] = set()

    async def early(engine: AsyncEngine, work: Callable[[AsyncConnection], Awaitable[Any]]) -> Any:
        connection = await engine.connect()
        done = await work(connection)
        under_way.add(task := asyncio.create_task(later(connection)))
        task.add_done_callback(under_way.discard)
        return done

    async def later(connection: AsyncConnection) -> None:
        await asyncio.sleep(LATE)
        await connection.commit()
        await connection.close()

    batch.committed = early


#: By name, what is called in the process of a service before it serves.
IN_THE_SERVICE: dict[str, Callable[[], None]] = {
    "deltas for every row": deltas_for_every_row,
    "fold without lock": fold_without_lock,
    "locks of the process": locks_of_the_process,
    "two transactions": two_transactions,
    "receipts before commit": receipts_before_commit,
}
