"""One batch, one transaction, one receipt per row.

Appends and never contends: no counter is updated that another upload also wants; what changes is left as deltas for
the fold. The caller commits and only then hands out the receipts.
"""

import hashlib
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Any, Literal
from uuid import UUID, uuid4

import orjson
from psycopg.errors import DeadlockDetected
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from geo import queries
from geo.errors import NotFound
from geo.ground.areas import Ground
from geo.intake.placing import Placed, place
from geo.intake.reasons import Fault, Reason
from geo.intake.submissions import Limits, Submission, mask, masked_text, parse

SQL = queries.load(__file__)

Status = Literal["stored", "duplicate", "superseded", "conflict", "quarantined"]
STATUSES: tuple[Status, ...] = ("stored", "duplicate", "superseded", "conflict", "quarantined")

#: Times a batch is tried that met another one over the same households.
TRIES = 4

#: Columns of the table `incoming` and how each is sent.
_COLUMNS = {
    "row": "int4",
    "submission_id": "uuid",
    "household_id": "text",
    "revision": "int4",
    "block": "text",
    "number": "int4",
    "located": "int4",
    "lon": "float8",
    "lat": "float8",
    "cell": "int8",
    "accuracy_m": "float4",
    "captured_at": "timestamptz",
    "day": "date",
    "result": "text",
    "origin": "text",
    "visit": "int2",
    "revisit_at": "timestamptz",
    "welfare": "int2",
    "started_at": "timestamptz",
    "finished_at": "timestamptz",
    "enumerator": "text",
    "flags": "text",
    "digest": "bytea",
    "stored": "bool",
}
_QUOTED = ", ".join('"' + column + '"' for column in _COLUMNS)
_COPY = f"COPY incoming ({_QUOTED}) FROM STDIN (FORMAT BINARY)"


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the sender gets back for one row."""

    row: int
    submission_id: str | None
    status: Status
    reason: Reason | None = None
    detail: str | None = None
    notices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Envelope:
    """What is kept of a batch beside its rows."""

    actor: int
    source: str
    body_sha256: bytes
    size: int
    batch_id: UUID = field(default_factory=uuid4)


def counts(receipts: Sequence[Receipt]) -> dict[str, int]:
    """How many rows met each status, zeros included."""
    found = Counter(r.status for r in receipts)
    return {status: found[status] for status in STATUSES}


def limits_of(ground: Ground, enumerator: str | None = None) -> Limits:
    """What the campaign believes of one record, by its clock as of now."""
    campaign = ground.campaign
    start = datetime.combine(campaign.starts_on, time(), campaign.zone) - timedelta(days=1)
    return Limits(campaign.now(), start, campaign.zone, enumerator)


def judge(ground: Ground, rows: Sequence[object], enumerator: str | None = None) -> list[Placed | Fault]:
    """Parse and place decoded rows (objects, or faults found while decoding), in order. Touches no database.

    `enumerator` names the sender where it sends for itself; rows may name others only where it is None.
    """
    limits = limits_of(ground, enumerator)
    answers: list[Placed | Fault | None] = []
    believed: list[Submission] = []
    for number, raw in enumerate(rows):
        try:
            if isinstance(raw, Fault):
                raise raw
            believed.append(parse(number, raw, limits))
            answers.append(None)
        except Fault as fault:
            answers.append(fault)
    placed = iter(place(ground, believed))
    return [next(placed) if answer is None else answer for answer in answers]


async def commit(
    engine: AsyncEngine,
    ground: Ground,
    envelope: Envelope,
    rows: Sequence[object],
    judged: Sequence[Placed | Fault],
    also: Callable[[AsyncConnection, list[Receipt]], Awaitable[None]] | None = None,
) -> list[Receipt]:
    """Store one judged batch in a transaction of its own, commit it, and only then return the receipts.

    A batch that lost a deadlock to another one over the same households is tried again. `also` runs last in the same
    transaction.
    """
    for attempt in range(TRIES):
        try:
            async with engine.begin() as connection:
                receipts = await store(connection, ground, envelope, rows, judged)
                if also is not None:
                    await also(connection, receipts)
            break
        except OperationalError as clash:
            if not isinstance(clash.orig, DeadlockDetected) or attempt == TRIES - 1:
                raise
    return receipts


async def store(
    db: AsyncConnection, ground: Ground, envelope: Envelope, rows: Sequence[object], judged: Sequence[Placed | Fault]
) -> list[Receipt]:
    """Write one judged batch within the caller's transaction and return a receipt per row, in order."""
    placed = [p for p in judged if isinstance(p, Placed)]
    statuses = await _append(db, ground, envelope, placed) if placed else {}
    receipts: list[Receipt] = []
    held: list[dict[str, Any]] = []
    for number, (raw, answer) in enumerate(zip(rows, judged, strict=True)):
        if isinstance(answer, Fault):
            held.append(_held(number, 0, raw, answer))
            receipts.append(Receipt(number, _id_in(raw), "quarantined", answer.reason, _said(answer)))
            continue
        submission = answer.submission
        status = statuses[number]
        reason = detail_ = None
        if status == "conflict":
            reason, detail_ = Reason.CONFLICT, "another record has this id, or this household and revision"
            held.append(_held(number, answer.number, raw, Fault(reason, "submission_id", detail_)))
        receipts.append(Receipt(number, str(submission.submission_id), status, reason, detail_, submission.notices))
    if held:
        await db.execute(
            SQL["quarantine"],
            {"batch_id": envelope.batch_id, "actor": envelope.actor, "held": orjson.dumps(held).decode()},
        )
    await db.execute(
        SQL["batch"],
        {
            "batch_id": envelope.batch_id,
            "source": envelope.source,
            "actor": envelope.actor,
            "body_sha256": envelope.body_sha256,
            "bytes": envelope.size,
            "counts": orjson.dumps(counts(receipts)).decode(),
        },
    )
    return receipts


async def receipt(db: AsyncConnection, submission_id: UUID) -> dict[str, Any]:
    """The receipt of one submission as of now. The transaction's actor decides what it may see; raises NotFound."""
    row = (await db.execute(SQL["receipt"], {"submission_id": submission_id})).mappings().one_or_none()
    if row is None:
        raise NotFound("no such submission, or not yours to see")
    return dict(row)


async def _append(
    db: AsyncConnection, ground: Ground, envelope: Envelope, placed: Sequence[Placed]
) -> dict[int, Status]:
    """Append submissions, settle their households and leave deltas; the status of each row."""
    await _copy(db, ground, placed)
    mine = {"batch_id": envelope.batch_id, "actor": envelope.actor}
    statuses: dict[int, Status] = dict.fromkeys((p.submission.row for p in placed), "stored")
    missed = list(statuses.keys() - (await db.execute(SQL["submissions"], mine)).scalars())
    if missed:
        await db.execute(SQL["missed"], {"rows": missed})
    households = list((await db.execute(SQL["fresh"])).scalars())
    if households:
        await db.execute(SQL["appear"], {"households": households})
        await db.execute(SQL["lock"], {"households": households})
        await db.execute(SQL["settle"], {"households": households})
    if missed or households:
        found = await db.execute(SQL["receipts"], {"batch_id": envelope.batch_id, "households": households})
        statuses |= {row.row: row.status for row in found}
    return statuses


async def _copy(db: AsyncConnection, ground: Ground, placed: Sequence[Placed]) -> None:
    """Bring the rows to the database in one binary COPY."""
    raw = await db.get_raw_connection()
    await db.execute(SQL["incoming"])
    zone = ground.campaign.zone
    driver: Any = raw.driver_connection
    async with driver.cursor() as cursor, cursor.copy(_COPY) as copy:
        copy.set_types(list(_COLUMNS.values()))
        for p in placed:
            s = p.submission
            day = s.captured_at.astimezone(zone).date()
            await copy.write_row(
                (
                    s.row, s.submission_id, s.household_id, s.revision, s.block, p.number, p.located, s.lon, s.lat,
                    p.cell, s.accuracy_m, s.captured_at, day, s.result, s.origin, s.visit, s.revisit_at, s.welfare,
                    s.started_at, s.finished_at, s.enumerator, p.flags, s.digest(), True,
                )
            )  # fmt: skip
    if len(placed) > 500:
        await db.execute(text("ANALYZE incoming"))


def _held(row: int, number: int, raw: object, fault: Fault) -> dict[str, Any]:
    """A row for the quarantine. Its digest leaves out where it came from, so that sending it again adds nothing."""
    kept = mask({"fault": _said(raw)} if isinstance(raw, Fault) else raw)
    name = hashlib.blake2b(orjson.dumps([fault.reason, kept]), digest_size=16).hexdigest()
    return {
        "row": row,
        "number": number,
        "reason": fault.reason,
        "detail": _said(fault),
        "proposal": fault.proposal,
        "raw": kept,
        "digest": f"\\x{name}",
    }


def _said(fault: Fault) -> str:
    """What is told and kept of a fault. It may quote a line as it was sent, so it is masked and made printable."""
    text = masked_text(f"{fault.field}: {fault.detail}" if fault.field else fault.detail)
    return "".join(c if c.isprintable() else "�" for c in text)


def _id_in(raw: object) -> str | None:
    found = raw.get("submission_id") if isinstance(raw, dict) else None
    return found if isinstance(found, str) and len(found) == 36 and found.isprintable() else None
