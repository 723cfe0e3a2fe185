"""Rows held back, as a work list: who may see them, and what a person decides on each.

A row leaves the list by being believed (checked again, or amended and then checked like any other) or by being rejected
with a note. The row itself is never changed: what was observed stays beside what was stored instead.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID, uuid5

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from geo import queries
from geo.errors import BadInput, NotFound, Refused
from geo.ground.areas import Ground
from geo.identities import MASK, masked_text
from geo.intake import batch
from geo.intake.batch import Envelope, Receipt
from geo.intake.placing import Placed
from geo.intake.reasons import Fault, Reason
from geo.intake.submissions import FIELDS
from geo.schema import HELD_STATES
from geo.scope import LAST, Scope
from geo.trust import audit

SQL = queries.load(__file__)

Action = Literal["revalidate", "amend", "take", "reject"]


#: Open rows beyond which nobody counts: the menu says "999+".
MOST_WAITING = 1000

#: No row has an id as high.
_NEWEST = 2**63 - 1

_NAMESPACE = UUID("2f0c1c39-43b1-5e0f-9b38-1f4a6f7c2b11")


class StillHeld(BadInput):
    """The row cannot be believed even so; it stays open. `reason` says why."""

    code = "still-held"

    def __init__(self, reason: Reason, said: str) -> None:
        super().__init__(said)
        self.reason = reason


@dataclass(frozen=True)
class Question:
    """Which rows: of areas numbered `first … last` (0: everywhere), in any of `states`, for any of `reasons` (or all).

    `after` is the id of the last row of the page before.
    """

    first: int = 0
    last: int = LAST
    states: tuple[str, ...] = ("open",)
    reasons: tuple[str, ...] = ()
    after: int | None = None
    limit: int = 100


@dataclass(frozen=True)
class Listing:
    """One page, newest first; rows by state, and by reason within the states asked for; where the next page begins."""

    rows: list[dict[str, Any]]
    states: dict[str, int]
    reasons: dict[str, int]
    next: int | None


@dataclass(frozen=True)
class Decision:
    """What a person decides: `changes` replace fields of the row (None takes one away) and go with `amend` only."""

    action: Action
    changes: Mapping[str, object] = field(default_factory=dict)
    note: str | None = None


@dataclass(frozen=True)
class Outcome:
    """What came of a decision: the row's state, and the receipt and id of what was stored if anything was."""

    id: int
    state: str
    receipt: Receipt | None
    submission_id: UUID | None


async def listing(db: AsyncConnection, scope: Scope, question: Question) -> Listing:
    """Rows held back that the transaction's actor may see: those of areas in its scope, and those it sent itself.

    A row is a household's, so reading any is audited; `limit` 0 only counts. Raises BadInput for an unknown state or
    reason.
    """
    if unknown := set(question.states) - set(HELD_STATES):
        raise BadInput(f"no state {sorted(unknown)[0]}: take one of {', '.join(HELD_STATES)}", code="bad-state")
    if unknown := set(question.reasons) - set(Reason):
        raise BadInput(f"no reason {sorted(unknown)[0]}", code="bad-reason")
    where = _where(scope, question)
    states, reasons = Counter[str](), Counter[str]()
    for row in await db.execute(SQL["counts"], where):
        states[row.state] += row.rows
        reasons[row.reason] += row.rows if row.state in question.states else 0
    more = {
        "states": list(question.states),
        "reasons": list(question.reasons),
        "after": _NEWEST if question.after is None else question.after,
        "limit": question.limit + 1,
        "actor": scope.actor,
    }
    found: list[dict[str, Any]] = []
    if question.limit:
        if scope.everything and not question.first:
            await db.execute(SQL["newest_first"])
        found = [_shown(row) for row in (await db.execute(SQL["listing"], where | more)).mappings()]
    rows = found[: question.limit]
    if rows:
        read = [number for row in rows for number in (row["number"], row["known_number"]) if number is not None]
        await audit.read(db, scope.actor, "quarantine.read", read, len(rows), rows=[row["id"] for row in rows])
    return Listing(
        rows,
        {state: states[state] for state in HELD_STATES},
        {reason: n for reason, n in sorted(reasons.items()) if n},
        rows[-1]["id"] if len(found) > len(rows) > 0 else None,
    )


def _where(scope: Scope, question: Question) -> dict[str, int | None]:
    """Numbers that hold the scope, for the index; rows sent by oneself lie anywhere, unless an area is asked for."""
    if question.first:
        return {"first": question.first, "last": question.last, "mine": None}
    first, last = (scope.ranges[0][0], scope.ranges[-1][1]) if scope.ranges else (LAST, 0)
    return {"first": first, "last": last, "mine": scope.actor}


async def waiting(db: AsyncConnection) -> int:
    """How many open rows the transaction's actor may see, at most MOST_WAITING."""
    found: int = (await db.execute(SQL["waiting"], {"most": MOST_WAITING})).scalar_one()
    return found


async def resolve(db: AsyncConnection, ground: Ground, scope: Scope, row_id: int, decision: Decision) -> Outcome:
    """Carry out a decision on one open row of the caller's scope, within the caller's transaction.

    What is stored names the original enumerator and, as its actor, the person who decided. Raises NotFound outside the
    scope, Refused (`already-resolved`) where somebody was faster, BadInput for a decision that is none, StillHeld where
    the row cannot be believed; then the caller must roll back, and nothing has happened.
    """
    note = _note(decision)
    found = await db.execute(SQL["held"], {"id": row_id, "scope": scope.multirange})
    held = found.mappings().one_or_none()
    if held is None:
        raise NotFound("there is no such row, or it is not yours to see")
    if held["state"] != "open":
        raise Refused("somebody has decided on this row already", code="already-resolved")
    receipt, stored = None, None
    if decision.action != "reject":
        row = _amended(held, decision)
        if decision.action == "take":
            row["revision"] = await _next_revision(db, row)
        receipt, stored = await _store(db, ground, scope, held, row)
    state = "rejected" if decision.action == "reject" else "resolved"
    await db.execute(
        SQL["close"], {"id": row_id, "state": state, "actor": scope.actor, "note": note, "submission_id": stored}
    )
    await audit.note(
        db,
        scope.actor,
        f"quarantine.{decision.action}",
        row=row_id,
        fields=sorted(decision.changes),
        submission_id=stored,
    )
    return Outcome(row_id, state, receipt, stored)


def _note(decision: Decision) -> str | None:
    """The note as it may be kept. Raises BadInput for a decision that contradicts itself."""
    note = "".join(c if c.isprintable() else " " for c in masked_text(decision.note or "")).strip()
    if decision.action == "reject" and not note:
        raise BadInput("say in a note why the row is rejected", code="bad-decision")
    if (decision.action == "amend") != bool(decision.changes):
        raise BadInput("`changes` go with `amend`, and only with it", code="bad-decision")
    return note or None


def _amended(held: RowMapping, decision: Decision) -> dict[str, object]:
    """The row as it is to be checked. Raises BadInput for changes of what is no field, StillHeld for masked values.

    What is amended or taken instead of another record is a record of its own: where it brings no id that could serve
    it gets one, always the same.
    """
    raw = held["raw"]
    row: dict[str, object] = {} if not isinstance(raw, dict) or raw.keys() in ({"fault"}, {"cut"}) else dict(raw)
    if decision.changes.keys() - row.keys() - set(FIELDS):
        raise BadInput("`changes` name a field that neither the row nor a submission has", code="bad-decision")
    if decision.action == "take" and held["reason"] != Reason.CONFLICT:
        raise BadInput("only a row in conflict can be taken instead of another", code="bad-decision")
    row = {name: value for name, value in (row | dict(decision.changes)).items() if value is not None}
    if decision.action != "revalidate" and "submission_id" not in decision.changes:
        conflict = held["reason"] == Reason.CONFLICT
        if conflict or not isinstance(row.get("submission_id"), str) or not _is_uuid(str(row["submission_id"])):
            row["submission_id"] = str(uuid5(_NAMESPACE, held["digest"]))
    for name, value in row.items():
        if MASK in name or MASK in str(value):
            said = f"{name}: holds what looked like an identity number and was not kept: replace it, or take it away"
            raise StillHeld(Reason.IDENTITY_NUMBER, said)
    return row


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False


async def _next_revision(db: AsyncConnection, row: Mapping[str, object]) -> int:
    """The revision with which a row in conflict becomes the newest word on its household."""
    top: int = (await db.execute(SQL["top"], {"household_id": str(row.get("household_id"))})).scalar_one()
    sent = row.get("revision")
    return sent if isinstance(sent, int) and sent > top else top + 1


async def _store(
    db: AsyncConnection, ground: Ground, scope: Scope, held: RowMapping, row: dict[str, object]
) -> tuple[Receipt, UUID]:
    """Check and store the row like any other, as a batch of one; its receipt and the id it is stored under."""
    (judged,) = batch.judge(ground, [row], held["sender"] if held["only_itself"] else None)
    if isinstance(judged, Fault):
        raise StillHeld(judged.reason, f"{judged.field}: {judged.detail}" if judged.field else judged.detail)
    body = json.dumps(row).encode()
    envelope = Envelope(scope.actor, "quarantine", hashlib.sha256(body).digest(), len(body))
    (receipt,) = await batch.store(db, ground, envelope, [row], [judged])
    if receipt.status == "conflict":
        raise StillHeld(Reason.CONFLICT, receipt.detail or "another record is stored already")
    return receipt, await _stored_as(db, judged)


async def _stored_as(db: AsyncConnection, placed: Placed) -> UUID:
    key = {"household_id": placed.submission.household_id, "revision": placed.submission.revision}
    found: UUID = (await db.execute(SQL["stored_as"], key)).scalar_one()
    return found


def _shown(row: RowMapping) -> dict[str, Any]:
    """A row with what can be told of it without knowing the areas. Points as sent, None where there is none."""
    shown = dict(row)
    raw = shown["raw"] if isinstance(shown["raw"], dict) else {}
    proposal = shown["proposal"] or {}
    point = [_number(raw.get(name)) for name in ("lon", "lat")]
    shown["lon"], shown["lat"] = point if None not in point else (None, None)
    shown["proposed_lon"], shown["proposed_lat"] = (_number(proposal.get(name)) for name in ("lon", "lat"))
    for name in ("household_id", "block"):
        shown[name] = str(raw[name])[:64] if raw.get(name) is not None else None
    return shown


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
