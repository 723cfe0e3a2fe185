"""The welfare ledger read: what each scale says of a household on a day, by replay of what was written down by then.

Nothing of it is ever changed or taken away, so that the same day always reads the same, save for what arrives later
about it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, get_args

from sqlalchemy.ext.asyncio import AsyncConnection

from geo import queries
from geo.errors import BadInput, NotFound
from geo.scope import Scope
from geo.trust import audit

SQL = queries.load(__file__)

#: What may be known of a household: field status 1–3, consultation group 1–4, score, rank from 1, decile 1–10.
Measure = Literal["field_status", "consultation", "score", "rank", "decile"]

_STATEMENTS = {measure: f"known_{measure}" for measure in get_args(Measure)} | {"field_status": "known_field"}


async def known(db: AsyncConnection, measure: Measure, day: date) -> None:
    """Make the temporary table `known`: household_id (its key), value (double precision), dated, revision.

    It has a row for each household of which `measure` is known on `day`, as of now, and is gone with the transaction;
    one of before in the same transaction is replaced. Sees everything and answers nobody: for the worker.
    Raises BadInput for an unknown measure.
    """
    if measure not in _STATEMENTS:
        raise BadInput(f"no measure {measure}: take one of {', '.join(_STATEMENTS)}")
    await db.execute(SQL["forget"])
    await db.execute(SQL["known_table"])
    await db.execute(SQL[_STATEMENTS[measure]], {"day": day})
    await db.execute(SQL["index"])
    await db.execute(SQL["look"])


@dataclass(frozen=True)
class Standing:
    """What a measure says of one household on a day, from which day on, and where that was written down."""

    value: float
    dated: date
    source: str


@dataclass(frozen=True)
class History:
    """All that was written down of one household, oldest first, and what that says of it `on` a day.

    `standing` has an entry for each measure, None where nothing is known; `events` have the ledger's columns, `actor`
    by name, and `source`: `ledger` or `door`.
    """

    household_id: str
    on: date
    standing: dict[str, Standing | None]
    events: list[dict[str, Any]]


async def history(db: AsyncConnection, scope: Scope, household_id: str, on: date) -> History:
    """One household's ledger, as far as the transaction's actor may see it. Reading it is audited.

    What was written while the household was counted or listed in a block outside the scope is not shown, and does not
    count here. Raises NotFound where it is not the caller's to see.
    """
    of = {"household_id": household_id, "scope": scope.multirange}
    number: int | None = (await db.execute(SQL["place"], of)).scalar_one()
    rows = [dict(row) for row in (await db.execute(SQL["written"], of)).mappings()]
    if number is None and not rows:
        raise NotFound("there is no such household, or it is not yours to see")
    numbers = {row.pop("number") for row in rows} | ({number} if number is not None else set())
    await audit.read(db, scope.actor, "welfare.read", numbers, 1)
    return History(household_id, on, {name: standing(rows, name, on) for name in _STATEMENTS}, rows)


def standing(events: Sequence[Mapping[str, Any]], measure: str, on: date) -> Standing | None:
    """What `measure` says on a day, by replay of a household's events in any order: `known` for one household.

    Events are as in `History`. Of ledger and door the later day counts, of the same day the ledger.
    """
    past = [e for e in events if e["dated"] <= on]
    ledger = [e for e in past if e["source"] == "ledger" and e[measure] is not None]
    door = [e for e in past if e["source"] == "door"] if measure == "field_status" else []
    last = max(ledger, key=lambda e: (e["dated"], e["revision"]), default=None)
    seen = max(door, key=lambda e: e["revision"], default=None)  # its records are complete: the highest says it all
    if seen is not None and seen[measure] is not None and (last is None or seen["dated"] > last["dated"]):
        last = seen
    return None if last is None else Standing(last[measure], last["dated"], last["source"])
