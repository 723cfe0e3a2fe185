"""Events into the welfare ledger, a receipt for each row; rows that cannot be believed are held back with a reason.

Appends only: a correction is another event with a higher revision. Rows of one batch go in one transaction, together
with the batch itself and its line in the audit.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from geo import queries
from geo.intake import batch
from geo.intake.batch import Envelope
from geo.intake.reasons import Fault
from geo.intake.submissions import mask
from geo.publish.judging import Event, LedgerReason, Limits, Unfit, household_in
from geo.scope import LAST, Scope
from geo.trust import audit

SQL = queries.load(__file__)

LedgerStatus = Literal["stored", "duplicate", "conflict", "held"]
LEDGER_STATUSES: tuple[LedgerStatus, ...] = get_args(LedgerStatus)

#: Columns of the table `arriving`, but for the block, and how each is sent.
_COLUMNS = {
    "row": "int4",
    "event_id": "uuid",
    "household_id": "text",
    "dated": "date",
    "revision": "int4",
    "field_status": "int2",
    "consultation": "int2",
    "before": "int2",
    "score": "float8",
    "rank": "int4",
    "decile": "int2",
    "forum": "text",
    "reason": "text",
    "digest": "bytea",
}
_QUOTED = ", ".join(f'"{name}"' for name in _COLUMNS)
_COPY = f"COPY arriving ({_QUOTED}) FROM STDIN (FORMAT BINARY)"

#: Why an event was not stored, by what the database says became of it.
_HELD = {
    "unknown": Unfit(LedgerReason.UNKNOWN_HOUSEHOLD, "household_id", "neither counted nor on the prelist"),
    "outside": Unfit(LedgerReason.OUTSIDE_SCOPE, "household_id", "is not yours to write of"),
    "conflict": Unfit(
        LedgerReason.CONFLICT,
        "revision",
        "the ledger holds something else of this day; to correct it, send a higher revision",
    ),
}

#: No row has an id as high.
_NEWEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class LedgerReceipt:
    """What the sender gets back for one row."""

    row: int
    household_id: str | None
    status: LedgerStatus
    reason: LedgerReason | None = None
    detail: str | None = None
    notices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rows:
    """Rows of a batch as sent, and what each was judged to be; `limits` by which. `first` is the place of the first."""

    limits: Limits
    raw: Sequence[object]
    judged: Sequence[Event | Unfit]
    first: int = 0


@dataclass(frozen=True)
class Question:
    """Which rows held back: of areas numbered `first … last` (0: everywhere), of one scale or all.

    `after` is the id of the last row of the page before.
    """

    first: int = 0
    last: int = LAST
    scale: str | None = None
    after: int | None = None
    limit: int = 100


@dataclass(frozen=True)
class Listing:
    """One page, newest first; how many there are for each reason; where the next page begins."""

    rows: list[dict[str, Any]]
    reasons: dict[str, int]
    next: int | None


def counts(receipts: Sequence[LedgerReceipt]) -> dict[str, int]:
    """How many rows met each status, zeros included."""
    found = Counter(r.status for r in receipts)
    return {status: found[status] for status in LEDGER_STATUSES}


async def store(db: AsyncConnection, scope: Scope, envelope: Envelope, rows: Rows) -> list[LedgerReceipt]:
    """Write the rows of a batch within the caller's transaction, the worker's; a receipt for each, in their order.

    Only households that count, or are listed, in the scope are written of. Where it loses a deadlock to another import
    the caller does it again: `batch.committed`.
    """
    events = [judged for judged in rows.judged if isinstance(judged, Event)]
    of = {
        "scale": rows.limits.scale,
        "batch_id": envelope.batch_id,
        "actor": envelope.actor,
        "scope": scope.multirange,
    }
    await _bring(db, events)
    await db.execute(SQL["place"])
    appended: int = (await db.execute(SQL["append"], of)).rowcount
    fates: dict[int, str] = {}
    if appended < len(events):
        fates = {row.row: row.fate for row in await db.execute(SQL["fates"], of)}
    receipts = [
        _receipt(place, raw, judged, fates.get(place, "stored"))
        for place, (raw, judged) in enumerate(zip(rows.raw, rows.judged, strict=True), rows.first)
    ]
    held = [_held_row(rows, envelope.actor, receipt) for receipt in receipts if receipt.reason]
    if held:
        once = {row["digest"]: row for row in reversed(held)}  # each once, as the first of them came
        await db.execute(SQL["hold"], of | {"held": orjson.dumps(list(once.values())).decode()})
    if appended:
        await db.execute(SQL["resolve"], of)
    counted = counts(receipts)
    await batch.write_down(db, [], [(envelope, counted)])
    said = {"scale": rows.limits.scale, "batch": str(envelope.batch_id), "counts": counted}
    await audit.note(db, envelope.actor, "welfare.import", **said)
    return receipts


async def listing(db: AsyncConnection, scope: Scope, question: Question) -> Listing:
    """Rows held back and not resolved since: those of households in the scope, and those the caller sent itself.

    `number` is 0 where the household is not known, or not in the scope. Reading any is audited; `limit` 0 only counts.
    """
    where = {
        "scope": scope.multirange,
        "first": question.first,
        "last": question.last,
        "mine": None if question.first else scope.actor,
        "scale": question.scale,
    }
    reasons = {row.reason: row.rows for row in await db.execute(SQL["held_counts"], where)}
    found: list[dict[str, Any]] = []
    if question.limit:
        after = _NEWEST if question.after is None else question.after
        more = {"actor": scope.actor, "after": after, "limit": question.limit + 1}
        found = [dict(row) for row in (await db.execute(SQL["held"], where | more)).mappings()]
    rows = found[: question.limit]
    if rows:
        read = [row["number"] for row in rows]
        await audit.read(db, scope.actor, "welfare.held.read", read, len(rows), rows=[row["id"] for row in rows])
    return Listing(rows, reasons, rows[-1]["id"] if len(found) > len(rows) > 0 else None)


async def _bring(db: AsyncConnection, events: Sequence[Event]) -> None:
    """Send events to the table `arriving`."""
    await db.execute(SQL["arriving"])
    await db.execute(SQL["clear"])
    if not events:
        return
    raw = await db.get_raw_connection()
    driver: Any = raw.driver_connection
    full = []
    async with driver.cursor() as cursor, cursor.copy(_COPY) as copy:
        copy.set_types(list(_COLUMNS.values()))
        write = copy.formatter.write_row  # without a wait for each row; gives the bytes of rows that filled its buffer
        for e in events:
            full.append(
                write(
                    (
                        e.row, e.event_id, e.household_id, e.dated, e.revision, e.field_status, e.consultation,
                        e.before, e.score, e.rank, e.decile, e.forum, e.reason, e.digest(),
                    )
                )
            )  # fmt: skip
        await copy.write(b"".join(full))


def _receipt(place: int, raw: object, judged: Event | Unfit, fate: str) -> LedgerReceipt:
    if isinstance(judged, Unfit):
        return LedgerReceipt(place, household_in(raw), "held", judged.reason, judged.said)
    if unfit := _HELD.get(fate):
        status: LedgerStatus = "conflict" if fate == "conflict" else "held"
        return LedgerReceipt(place, judged.household_id, status, unfit.reason, unfit.said, judged.notices)
    done: LedgerStatus = "duplicate" if fate == "duplicate" else "stored"
    return LedgerReceipt(place, judged.household_id, done, notices=judged.notices)


def _held_row(rows: Rows, actor: int, receipt: LedgerReceipt) -> dict[str, Any]:
    """A row as it is held back. Codes of areas are kept as they are: they are nobody's number."""
    raw = rows.raw[receipt.row - rows.first]
    kept = mask({"fault": receipt.detail} if isinstance(raw, Fault) else raw)
    if isinstance(kept, dict) and isinstance(raw, dict):
        codes = rows.limits.tree.by_code
        kept |= {n: raw[n] for n in ("forum", "block") if isinstance(raw.get(n), str) and raw[n] in codes}
    name = [actor, rows.limits.scale, receipt.reason, kept]
    return {
        "row": receipt.row,
        "household_id": receipt.household_id,
        "reason": receipt.reason,
        "detail": receipt.detail,
        "raw": kept,
        "digest": f"\\x{hashlib.blake2b(orjson.dumps(name), digest_size=16).hexdigest()}",
    }
