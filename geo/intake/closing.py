"""Closing a refusal or a non-contact, and undoing it: a person's act, after the third visit, with a reason.

Acts are only ever added, each under an id that whoever decides has made: the same act sent twice is one. What counts
follows from the newest act of a household, and lapses by itself once somebody was met after all.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from geo import queries
from geo.errors import BadInput, NotFound, Refused
from geo.intake import notes, visits
from geo.intake.visits import BETWEEN, Told, Visits
from geo.schema_decided import CLOSING_REASONS
from geo.scope import Scope
from geo.trust import audit

SQL = queries.load(__file__)

#: Results that may be closed: refusals and non-contacts (domain, Q). Whoever answered in part was met.
CLOSABLE = ("refused", "not_met")


@dataclass(frozen=True)
class Act:
    """What a person decides: to close for a `reason`, or without one to undo that. `closing_id` names the act."""

    closing_id: UUID
    reason: str | None = None
    note: str | None = None

    @property
    def closes(self) -> bool:
        """Whether it closes, or undoes a closing."""
        return self.reason is not None


@dataclass(frozen=True)
class Closing:
    """An act that stands. `revision` is the household's when it was decided."""

    closing_id: UUID
    household_id: str
    revision: int
    closed: bool
    reason: str | None
    note: str | None
    decided_by: str | None
    decided_at: datetime


class VisitsLeft(Refused):
    """The household is to be visited again first; `left` says how often."""

    code = "visits-left"

    def __init__(self, found: Visits) -> None:
        soon = f"; {BETWEEN.seconds // 3600} hours must lie between two" if found.valid < found.used else ""
        super().__init__(f"{found.left} more visits are due before this may be closed{soon}")
        self.left = found.left


async def decide(db: AsyncConnection, scope: Scope, household_id: str, act: Act) -> Closing:
    """Close one household of the caller's scope or undo that, within the caller's transaction of the worker.

    Raises NotFound outside the scope, Refused where it cannot be (`not-closable`, `already-closed`, `not-closed`,
    VisitsLeft) or where the id names another act (`conflict`), BadInput for a reason or note that is none. Sent again,
    the answer is that of the first time and nothing else happens.
    """
    act = Act(act.closing_id, _reason(act), _note(act))
    asked = {"household_id": household_id, "scope": scope.multirange}
    held = (await db.execute(SQL["held"], asked)).mappings().one_or_none()
    if held is None:
        raise NotFound("there is no such household, or it is not yours to see")
    if known := await _known(db, act.closing_id):
        if (known.household_id, known.reason, known.note) != (household_id, act.reason, act.note):
            raise _taken()
        return known
    used = await _may(db, held, act)
    of = {
        "closing_id": act.closing_id,
        "household_id": household_id,
        "revision": held["revision"],
        "closed": act.closes,
        "reason": act.reason,
        "note": act.note,
    }
    done = (await db.execute(SQL["append"], of | {"number": held["number"], "actor": scope.actor})).one_or_none()
    if done is None:
        raise _taken()
    await db.execute(SQL["settle"], {"household_id": household_id, "closed": act.closes})
    name = "close" if act.closes else "reopen"
    await audit.note(db, scope.actor, f"households.{name}", row=done.place, reason=act.reason, visits=used)
    return Closing(**of, decided_by=scope.name, decided_at=done.decided_at)


def _reason(act: Act) -> str | None:
    if act.reason is not None and act.reason not in CLOSING_REASONS:
        raise BadInput(f"no reason {act.reason[:32]}: take one of {', '.join(CLOSING_REASONS)}", code="bad-closing")
    return act.reason


def _note(act: Act) -> str | None:
    """The note as it may be kept. Raises BadInput where it may not."""
    note = notes.kept(act.note, "bad-closing")
    if act.reason == "other" and not note:
        raise BadInput("say in a note why", code="bad-closing")
    return note


async def _known(db: AsyncConnection, closing_id: UUID) -> Closing | None:
    row = (await db.execute(SQL["known"], {"closing_id": closing_id})).mappings().one_or_none()
    return Closing(**row) if row else None


def _taken() -> Refused:
    return Refused("this closing_id names another act: make a new one", code="conflict")


async def _may(db: AsyncConnection, held: RowMapping, act: Act) -> int | None:
    """Visits that count, for a closing. Raises Refused where the household is not in a state for the act."""
    if not act.closes:
        if not held["closed"]:
            raise Refused("this household is not closed", code="not-closed")
        return None
    if held["closed"]:
        raise Refused("this household is closed already", code="already-closed")
    if held["result"] not in CLOSABLE:
        raise Refused("only refusals and families that were not met can be closed", code="not-closable")
    rows = await db.execute(SQL["told"], {"household_id": held["household_id"]})
    found = visits.judged(Told(row.revision, row.captured_at, row.visit) for row in rows)
    if found.left:
        raise VisitsLeft(found)
    return found.valid
