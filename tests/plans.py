"""What a function asks of the database, and how the planner answers it: each statement as it was really sent."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from psycopg import sql
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

_NAMED = re.compile(r"%\((\w+)\)s")


class Sent(NamedTuple):
    """A statement with `%(name)s` in it, and its parameters."""

    statement: str
    parameters: dict[str, Any]


@dataclass
class Plan:
    """What one execution read: rows looked at and kinds of scans by table, indexes, buffers; milliseconds, rows."""

    looked_at: dict[str, int] = field(default_factory=dict)
    scans: dict[str, set[str]] = field(default_factory=dict)
    indexes: set[str] = field(default_factory=set)
    buffers: int = 0
    milliseconds: float = 0
    rows: int = 0


@contextmanager
def sent_on(engine: AsyncEngine) -> Iterator[list[Sent]]:
    """Every statement that is sent on the connections of an engine."""
    found: list[Sent] = []

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        found.append(Sent(statement, dict(parameters)))

    event.listen(engine.sync_engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(engine.sync_engine, "before_cursor_execute", note)


async def plan_of(db: AsyncConnection, sent: Sent, *, generic: bool) -> Plan:
    """Execute a statement once more in the same transaction, with the plan made for these parameters or for any."""
    names = list(dict.fromkeys(_NAMED.findall(sent.statement)))
    statement = _NAMED.sub(lambda found: f"${names.index(found[1]) + 1}", sent.statement).replace("%%", "%")
    raw = await db.get_raw_connection()
    driver: Any = raw.driver_connection
    async with driver.cursor() as cursor:
        await cursor.execute(f"SET LOCAL plan_cache_mode = force_{'generic' if generic else 'custom'}_plan")
        await cursor.execute(f"PREPARE asked AS {statement}".encode())
        values = sql.SQL(", ").join(sql.Literal(sent.parameters[name]) for name in names)
        explain = sql.SQL("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE asked")
        await cursor.execute(explain + sql.SQL("(") + values + sql.SQL(")") if names else explain)
        ((said,),) = await cursor.fetchall()
        await cursor.execute("DEALLOCATE asked")
    plan = Plan(milliseconds=said[0]["Execution Time"], rows=said[0]["Plan"]["Actual Rows"])
    plan.buffers = said[0]["Plan"]["Shared Hit Blocks"] + said[0]["Plan"]["Shared Read Blocks"]
    _walk(said[0]["Plan"], plan)
    return plan


def _walk(node: dict[str, Any], plan: Plan) -> None:
    if "Index Name" in node:
        plan.indexes.add(node["Index Name"])
    if table := node.get("Relation Name"):
        removed = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
        looked = round((node["Actual Rows"] + removed) * node["Actual Loops"])
        plan.looked_at[table] = plan.looked_at.get(table, 0) + looked
        plan.scans.setdefault(table, set()).add(node["Node Type"])
    for child in node.get("Plans", ()):
        _walk(child, plan)
