"""Batches in, one receipt per row: each batch in a transaction of its own, or several with nothing in common in one.

Appends and never contends: no counter is updated that another upload also wants; what changes is left as deltas for
the fold. The caller commits and only then hands out the receipts.
"""

import hashlib
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Any, Literal, TypeVar
from uuid import UUID, uuid4

import orjson
from psycopg.errors import DeadlockDetected
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from geo import queries
from geo.errors import NotFound
from geo.ground.areas import Ground
from geo.identities import masked_text
from geo.intake.incoming import bring, tell_how_many
from geo.intake.placing import Placed, place
from geo.intake.reasons import Fault, Reason
from geo.intake.submissions import Limits, Submission, mask, parse

SQL = queries.load(__file__)

Status = Literal["stored", "duplicate", "superseded", "conflict", "quarantined"]
STATUSES: tuple[Status, ...] = ("stored", "duplicate", "superseded", "conflict", "quarantined")

T = TypeVar("T")

CONFLICT = Fault(Reason.CONFLICT, "submission_id", "another record has this id, or this household and revision")

#: Times a batch is tried that met another one over the same households.
TRIES = 4


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


@dataclass(frozen=True)
class Batch:
    """A batch ready to be stored: its rows as sent, and for each where it counts or why it is held back."""

    envelope: Envelope
    rows: Sequence[object]
    judged: Sequence[Placed | Fault]

    @property
    def placed(self) -> list[Placed]:
        """The rows that can be believed."""
        return [p for p in self.judged if isinstance(p, Placed)]


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
    return judge_all(ground, [(rows, enumerator)])[0]


def judge_some(ground: Ground, rows: Sequence[tuple[int, object]], limits: Limits) -> list[Placed | Fault]:
    """`judge` for some rows of a batch, each with its place in it."""
    return _placed(ground, [[_parsed(number, raw, limits) for number, raw in rows]])[0]


def judge_all(ground: Ground, batches: Sequence[tuple[Sequence[object], str | None]]) -> list[list[Placed | Fault]]:
    """`judge` for several batches, each with its sender: one look at the map for all of them."""
    answers: list[list[Submission | Fault]] = []
    for rows, enumerator in batches:
        limits = limits_of(ground, enumerator)
        answers.append([_parsed(number, raw, limits) for number, raw in enumerate(rows)])
    return _placed(ground, answers)


def _placed(ground: Ground, answers: Sequence[Sequence[Submission | Fault]]) -> list[list[Placed | Fault]]:
    placed = iter(place(ground, [a for answer in answers for a in answer if isinstance(a, Submission)]))
    return [[a if isinstance(a, Fault) else next(placed) for a in answer] for answer in answers]


def _parsed(number: int, raw: object, limits: Limits) -> Submission | Fault:
    if isinstance(raw, Fault):
        return raw
    try:
        return parse(number, raw, limits)
    except Fault as fault:
        return fault


def apart(batches: Sequence[Batch]) -> list[list[Batch]]:
    """Batches in as few groups as may be, none of which names a submission or a household in two of its batches.

    Storing group after group comes to the same as storing batch after batch in the given order: those that share
    something stay in that order, and others cannot tell.
    """
    groups: list[list[Batch]] = []
    last: dict[object, int] = {}
    for each in batches:
        named: set[object] = set()
        for p in each.placed:
            named.add(p.submission.submission_id)
            named.add(p.submission.household_id)
        shared = last.keys() & named
        at = max((last[name] for name in shared), default=-1) + 1
        last.update(dict.fromkeys(named, at))
        if at == len(groups):
            groups.append([])
        groups[at].append(each)
    return groups


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

    async def work(connection: AsyncConnection) -> list[Receipt]:
        receipts = await store(connection, ground, envelope, rows, judged)
        if also is not None:
            await also(connection, receipts)
        return receipts

    return await committed(engine, work)


async def commit_all(engine: AsyncEngine, ground: Ground, batches: Sequence[Batch]) -> list[list[Receipt]]:
    """Store a group as from `apart` in one transaction, commit it, and only then return the receipts of each batch."""
    return await committed(engine, lambda connection: store_all(connection, ground, batches))


async def committed(engine: AsyncEngine, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
    """Do `work` in a transaction of its own and commit it; again where it lost a deadlock to another batch."""
    for attempt in range(TRIES):
        try:
            async with engine.begin() as connection:
                done = await work(connection)
            break
        except OperationalError as clash:
            if not isinstance(clash.orig, DeadlockDetected) or attempt == TRIES - 1:
                raise
    return done


async def store(
    db: AsyncConnection, ground: Ground, envelope: Envelope, rows: Sequence[object], judged: Sequence[Placed | Fault]
) -> list[Receipt]:
    """Write one judged batch within the caller's transaction and return a receipt per row, in order."""
    return (await store_all(db, ground, [Batch(envelope, rows, judged)]))[0]


async def store_all(db: AsyncConnection, ground: Ground, batches: Sequence[Batch]) -> list[list[Receipt]]:
    """Write a group as from `apart` within the caller's transaction; the receipts of each batch, in order."""
    statuses = iter(await _append(db, ground, batches))
    receipts: list[list[Receipt]] = []
    held: dict[str, dict[str, Any]] = {}  # each once, as the first of them came
    for each in batches:
        receipts.append([])
        for number, (raw, answer) in enumerate(zip(each.rows, each.judged, strict=True)):
            fault, counted = (answer, 0) if isinstance(answer, Fault) else (None, answer.number)
            status: Status = "quarantined"
            if isinstance(answer, Placed):
                status = next(statuses)
                fault = CONFLICT if status == "conflict" else None
            if fault is not None:
                row = held_row(ground, each.envelope, number, counted, raw, fault)
                held.setdefault(row["digest"], row)
            receipts[-1].append(_receipt(number, raw, answer, status, fault))
    kept = [(each.envelope, counts(mine)) for each, mine in zip(batches, receipts, strict=True)]
    await write_down(db, held.values(), kept)
    return receipts


async def write_down(
    db: AsyncConnection, held: Collection[dict[str, Any]], batches: Sequence[tuple[Envelope, dict[str, int]]]
) -> None:
    """Keep rows for the quarantine, no two with one digest, and the batches with what became of their rows."""
    if held:
        await db.execute(SQL["quarantine"], {"held": orjson.dumps(list(held)).decode()})
    kept = [_kept(envelope, counted) for envelope, counted in batches]
    await db.execute(SQL["batches"], {"batches": orjson.dumps(kept).decode()})


async def receipt(db: AsyncConnection, submission_id: UUID) -> dict[str, Any]:
    """The receipt of one submission as of now. The transaction's actor decides what it may see; raises NotFound."""
    row = (await db.execute(SQL["receipt"], {"submission_id": submission_id})).mappings().one_or_none()
    if row is None:
        raise NotFound("no such submission, or not yours to see")
    return dict(row)


async def _append(db: AsyncConnection, ground: Ground, batches: Sequence[Batch]) -> list[Status]:
    """Append submissions, settle their households and leave deltas; the status of each placed row, in order."""
    sent = [(each.envelope.batch_id, each.envelope.actor, each.placed) for each in batches]
    if not any(placed for _, _, placed in sent):
        return []
    many = await bring(db, ground.campaign.zone, sent)
    others = await append(db, many)
    return [others.get(place, "stored") for place in range(many)]


async def append(db: AsyncConnection, many: int) -> dict[int, Status]:
    """Append the `many` rows brought before, settle their households and leave deltas.

    Gives the statuses of rows by their `place`; those it does not name are stored.
    """
    await tell_how_many(db, many)
    appended: int = (await db.execute(SQL["submissions"])).rowcount
    if appended < many:
        await db.execute(SQL["missed"])
    households = list((await db.execute(SQL["fresh"])).scalars())
    if households:
        await db.execute(SQL["appear"], {"households": households})
        await db.execute(SQL["lock"], {"households": households})
        await db.execute(SQL["settle"], {"households": households})
    if appended == many and not households:
        return {}
    return {row.place: row.status for row in await db.execute(SQL["receipts"], {"households": households})}


def _receipt(row: int, raw: object, answer: Placed | Fault, status: Status, fault: Fault | None) -> Receipt:
    if isinstance(answer, Fault):
        return Receipt(row, _id_in(raw), status, answer.reason, said(answer))
    sent = answer.submission
    if fault is None:
        return Receipt(row, str(sent.submission_id), status, notices=sent.notices)
    return Receipt(row, str(sent.submission_id), status, fault.reason, fault.detail, sent.notices)


def _kept(envelope: Envelope, counted: dict[str, int]) -> dict[str, Any]:
    """A row for the table of batches."""
    return {
        "batch_id": envelope.batch_id,
        "source": envelope.source,
        "actor": envelope.actor,
        "body_sha256": f"\\x{envelope.body_sha256.hex()}",
        "bytes": envelope.size,
        "counts": counted,
    }


def held_row(ground: Ground, envelope: Envelope, row: int, counted: int, raw: object, fault: Fault) -> dict[str, Any]:
    """A row for the quarantine. Its digest leaves out where it came from, so that sending it again adds nothing.

    It lies in the block it names, else where it would count. A code of the edition is kept: it is nobody's number.
    """
    kept = mask({"fault": said(raw)} if isinstance(raw, Fault) else raw)
    block = raw.get("block") if isinstance(raw, dict) else None
    declared = ground.block_numbers.get(block, 0) if isinstance(block, str) else 0
    if declared and isinstance(kept, dict):
        kept["block"] = block
    name = hashlib.blake2b(orjson.dumps([fault.reason, kept]), digest_size=16).hexdigest()
    return {
        "batch_id": envelope.batch_id,
        "actor": envelope.actor,
        "row": row,
        "number": declared or counted,
        "reason": fault.reason,
        "detail": said(fault),
        "proposal": fault.proposal,
        "raw": kept,
        "digest": f"\\x{name}",
    }


def said(fault: Fault) -> str:
    """What is told and kept of a fault. It may quote a line as it was sent, so it is masked and made printable."""
    text = masked_text(f"{fault.field}: {fault.detail}" if fault.field else fault.detail)
    return "".join(c if c.isprintable() else "�" for c in text)


def _id_in(raw: object) -> str | None:
    found = raw.get("submission_id") if isinstance(raw, dict) else None
    return found if isinstance(found, str) and len(found) == 36 and found.isprintable() else None
