"""A batch of many rows at once: those surely fine go as columns, the others one by one, in one transaction.

Comes to the same as `batch` with the same rows, and uses its words for every row that is not simply stored.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from psycopg.errors import UniqueViolation
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from geo import queries
from geo.ground.areas import Ground
from geo.intake import batch
from geo.intake.batch import STATUSES, Envelope
from geo.intake.columns import Sure, surely_fine
from geo.intake.copying import packed
from geo.intake.incoming import COLUMNS, bring, bring_packed
from geo.intake.placing import DOUBTS, Placed, Points, places
from geo.intake.reading import Sheet
from geo.intake.reasons import Fault, Reason

SQL = queries.load(__file__)


@dataclass(frozen=True)
class Bulk:
    """A batch read from a file and judged: `sure` rows as they are stored, packed for the database; the others.

    `sure.rows` has the columns of the table, beside those of `Sure`. `odd` are positions in the batch, `judged` says
    of each where it counts or why it is held back.
    """

    envelope: Envelope
    sheet: Sheet
    sure: Sure
    packed: memoryview
    odd: list[int]
    judged: list[Placed | Fault]


@dataclass(frozen=True)
class Held:
    """A row that was not stored: its position in the batch, and why."""

    at: int
    reason: Reason
    detail: str


@dataclass(frozen=True)
class Outcome:
    """What became of a batch: rows by status, doubts about those stored, and the rows held back, in order.

    `all_new` tells whether none of its rows met another record.
    """

    counts: dict[str, int]
    flags: Counter[str]
    held: list[Held]
    all_new: bool


def judge(ground: Ground, sheet: Sheet, envelope: Envelope) -> Bulk:
    """Parse and place the rows of a sheet. Touches no database."""
    limits = batch.limits_of(ground)
    sure = _placed(ground, surely_fine(sheet, limits))
    odd = np.delete(np.arange(sheet.batch.num_rows), sure.at).tolist()
    judged = batch.judge_some(ground, list(zip(odd, sheet.sent(odd), strict=True)), limits)
    return Bulk(envelope, sheet, sure, _packed(envelope, sure), odd, judged)


def _placed(ground: Ground, sure: Sure) -> Sure:
    """The rows whose place is beyond doubt, with `number`, `located`, `cell` and `flags`; by household."""
    rows = sure.rows
    declared = _declared(ground, rows.column("block"))
    lon, lat, accuracy = (_or_nan(rows.column(name)) for name in ("lon", "lat", "accuracy_m"))
    points = Points(lon, lat, accuracy, declared, rows.column("block").is_valid().to_numpy(False) & (declared == 0))
    found = places(ground, points)
    nowhere = ~points.present
    added = {
        "number": pa.array(np.where(declared > 0, declared, found.located)),
        "located": pa.array(found.located, mask=nowhere),
        "cell": pa.array(found.cell, mask=nowhere),
        "flags": pa.array(DOUBTS, pa.string()).take(pa.array(found.doubts)),
    }
    for name, column in added.items():
        rows = rows.append_column(name, column)
    # In the order in which they are stored: the database finds them sorted.
    order = pc.sort_indices(rows.column("household_id")).to_numpy()
    kept = order[~(found.suspect | found.homeless)[order]]
    return Sure(sure.at[kept], rows.take(pa.array(kept)))


def _declared(ground: Ground, blocks: Any) -> NDArray[np.int32]:
    """The numbers of declared blocks, 0 where there is none or the edition lacks it."""
    coded = blocks.dictionary_encode()
    numbers = np.array([*(ground.block_numbers.get(code, 0) for code in coded.dictionary.to_pylist()), 0], np.int32)
    found: NDArray[np.int32] = numbers[pc.fill_null(coded.indices, len(numbers) - 1).to_numpy()]
    return found


def _or_nan(column: Any) -> NDArray[np.float64]:
    found: NDArray[np.float64] = pc.fill_null(column, np.nan).to_numpy()
    return found


def _packed(envelope: Envelope, sure: Sure) -> memoryview:
    """The sure rows for `incoming`; their place is that among themselves."""
    many = len(sure.at)
    columns = {name: sure.rows.column(name) for name in sure.rows.schema.names} | {
        "place": pa.array(np.arange(many)),
        "row": pa.array(sure.at),
        "batch_id": pa.array([envelope.batch_id.bytes] * many, pa.binary(16)),
        "actor": pa.array(np.full(many, envelope.actor)),
    }
    return packed(columns, COLUMNS)


async def commit(
    engine: AsyncEngine,
    ground: Ground,
    bulk: Bulk,
    also: Callable[[AsyncConnection, Outcome], Awaitable[None]],
    *,
    all_new: bool,
) -> Outcome:
    """Store a judged batch in a transaction of its own and commit it, as `batch.commit` does.

    `all_new` says that no row is expected to meet another record: cheaper if that is true, and dearer if not.
    """

    async def work(connection: AsyncConnection) -> Outcome:
        outcome = await store(connection, ground, bulk, all_new=all_new)
        await also(connection, outcome)
        return outcome

    return await batch.committed(engine, work)


async def store(db: AsyncConnection, ground: Ground, bulk: Bulk, *, all_new: bool) -> Outcome:
    """Write a judged batch within the caller's transaction."""
    envelope, placed = bulk.envelope, [p for p in bulk.judged if isinstance(p, Placed)]
    many = len(bulk.sure.at)
    await bring_packed(db, bulk.packed)
    if placed:
        many = await bring(db, ground.campaign.zone, [(envelope.batch_id, envelope.actor, placed)], place=many)
    others = {} if all_new and await _append_new(db) else await batch.append(db, many)
    status = np.zeros(many, np.int8)
    status[list(others)] = [STATUSES.index(other) for other in others.values()]
    lost, rows = _held(ground, bulk, placed, np.flatnonzero(status == STATUSES.index("conflict")))
    counts = dict(zip(STATUSES, np.bincount(status, minlength=len(STATUSES)).tolist(), strict=True))
    counts["quarantined"] = len(bulk.judged) - len(placed)
    await batch.write_down(db, rows, [(envelope, counts)])
    return Outcome(counts, _doubts(bulk, placed, status), lost, not others)


async def _append_new(db: AsyncConnection) -> bool:
    """Append what was brought as if nobody had heard of any of it. False, with nothing done, where somebody has."""
    try:
        async with db.begin_nested():
            for name in ("append_new", "settle_new", "count_new"):
                await db.execute(SQL[name])
    except IntegrityError as met:
        if not isinstance(met.orig, UniqueViolation):
            raise
        return False
    return True


def _held(
    ground: Ground, bulk: Bulk, placed: Sequence[Placed], conflicts: NDArray[np.intp]
) -> tuple[list[Held], list[dict[str, Any]]]:
    """The rows held back, in their order; and as they are kept, each once, as the first of them came."""
    found = {at: (fault, 0) for at, fault in zip(bulk.odd, bulk.judged, strict=True) if isinstance(fault, Fault)}
    surely = len(bulk.sure.at)
    for place in conflicts.tolist():
        if place < surely:
            found[int(bulk.sure.at[place])] = batch.CONFLICT, bulk.sure.rows.column("number")[place].as_py()
        else:
            found[placed[place - surely].submission.row] = batch.CONFLICT, placed[place - surely].number
    held, kept = [], dict[str, dict[str, Any]]()
    order = sorted(found)
    for at, raw in zip(order, bulk.sheet.sent(order), strict=True):
        fault, counted = found[at]
        row = batch.held_row(ground, bulk.envelope, at, counted, raw, fault)
        kept.setdefault(row["digest"], row)
        held.append(Held(at, fault.reason, fault.detail if fault is batch.CONFLICT else row["detail"]))
    return held, list(kept.values())


def _doubts(bulk: Bulk, placed: Sequence[Placed], status: NDArray[np.int8]) -> Counter[str]:
    """Doubts about the rows that were stored, the highest revision or not."""
    flags = pa.concat_arrays([bulk.sure.rows.column("flags"), pa.array([p.flags for p in placed], pa.string())])
    kept = np.isin(status, [STATUSES.index("stored"), STATUSES.index("superseded")])
    found = Counter[str]()
    for each in flags.filter(pa.array(kept)).drop_null().value_counts().to_pylist():
        found.update(dict.fromkeys(each["values"].split(), each["counts"]))
    return found
