"""Households from a file, through the same intake as every device: judged, stored and receipted row by row.

Rows go in chunks, one transaction each, and how far the file has been read is written in that same transaction: a
killed import goes on where it stopped and counts nothing twice. Rows held back also go to a file beside the input.
"""

import asyncio
import csv
import hashlib
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import numpy as np
import pyarrow as pa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from geo import queries
from geo.ground.areas import Ground
from geo.ground.sources import count_rows, iter_batches
from geo.intake import bulk
from geo.intake.batch import Envelope
from geo.intake.bulk import Bulk, Held, Outcome
from geo.intake.fold import fold
from geo.intake.reading import Reading, Sheet

__all__ = ["Reading", "Summary", "import_file"]

SQL = queries.load(__file__)

#: Rows in one transaction.
CHUNK = 20_000


class Chunk(NamedTuple):
    """A stretch of the file that ends at row `end`: those of its rows that are wanted, judged."""

    end: int
    bulk: Bulk


@dataclass
class Summary:
    """What became of a file's rows; `passed_over` of them were not asked for."""

    rows: int
    resumed_at: int
    passed_over: int
    counts: Counter[str]
    reasons: Counter[str]
    flags: Counter[str]
    refused: Path | None


async def import_file(
    engine: AsyncEngine,
    ground: Ground,
    path: Path,
    reading: Reading,
    *,
    actor: int = 0,
    progress: Callable[[int, int | None], None] = lambda _done, _all: None,
) -> Summary:
    """Import households from CSV, XLSX, GeoJSON, GeoPackage or GeoParquet; go on where an earlier run stopped.

    Tallies follow while it runs, save for what was stored last. Receipts of this run and of the runs it goes on from
    are summed. Raises BadInput for a file that cannot be read.
    """
    total = count_rows(path)  # before anything else is done with a path that may lead nowhere
    sha = await asyncio.to_thread(_sha256, path, reading)
    done, counted = await _begun(engine, sha, ground)
    counts, reasons, flags = (Counter[str](counted.get(name)) for name in ("counts", "reasons", "flags"))
    summary = Summary(done, done, counted.get("passed_over", 0), counts, reasons, flags, None)
    refused = Refused(path.with_name(f"{path.name}.refused.csv"), done)
    progress(done, total)
    envelope = Envelope(actor, f"import {path.name}"[:200], sha, 0)
    all_new = True
    try:
        async with (
            _folding(engine) as stored,
            aclosing(_ahead(_judged(ground, path, reading, envelope, done))) as chunks,
        ):
            async for chunk in chunks:

                async def note(connection: AsyncConnection, outcome: Outcome, chunk: Chunk = chunk) -> None:
                    """How far the file has been read, in the transaction of the rows themselves."""
                    _sum_up(summary, chunk, outcome)
                    refused.write(chunk.bulk.sheet, outcome.held)
                    far = {"sha": sha, "edition_id": ground.campaign.edition_id, "rows": summary.rows}
                    await connection.execute(SQL["so_far"], far | {"counts": queries.as_json(_kept(summary))})

                all_new = (await bulk.commit(engine, ground, chunk.bulk, note, all_new=all_new)).all_new
                stored.set()
                progress(summary.rows, total)
    finally:
        refused.close()
    summary.refused = refused.path if refused.rows else None
    return summary


class Refused:
    """The file beside the input that holds the rows not stored, each with its row number and the reason."""

    def __init__(self, path: Path, done: int) -> None:
        """Go on in a file left by a killed run, without what it wrote beyond its last commit."""
        self.path = path
        self.rows = 0
        self._columns: list[str] = []
        kept: list[list[str]] = []
        if done and path.exists():
            with path.open(encoding="utf-8-sig", newline="") as old:
                header, *lines = list(csv.reader(old)) or [[]]
            self._columns = header[3:]
            kept = [line for line in lines if line and int(line[0]) <= done]
        elif path.exists():
            path.unlink()
        self._file: Any = None
        if kept:
            self._open()
            self._writer.writerows(kept)
            self.rows = len(kept)

    def write(self, sheet: Sheet, held: Sequence[Held]) -> None:
        """Add the rows of a sheet that were quarantined or in conflict; rows count from 1, without the header."""
        if held and self._file is None:
            self._columns = list(sheet.batch.schema.names)
            self._open()
        for each, row in zip(held, sheet.rows([each.at for each in held]), strict=True):
            values = [row.get(c) for c in self._columns]
            self._writer.writerow([sheet.numbers[each.at], each.reason, each.detail, *values])
            self.rows += 1
        if self._file is not None:
            self._file.flush()

    def close(self) -> None:
        """Close the file, if there is one."""
        if self._file is not None:
            self._file.close()

    def _open(self) -> None:
        self._file = self.path.open("w", encoding="utf-8-sig", newline="")
        self._writer = csv.writer(self._file)
        self._writer.writerow(["row", "reason", "detail", *self._columns])


def _judged(ground: Ground, path: Path, reading: Reading, envelope: Envelope, start: int) -> Iterator[Chunk]:
    """The file from row `start` in chunks, each a batch of its own; of `envelope` all have the same but the id.

    Raises BadInput where `reading` names a column that is not there.
    """
    source = reading.source or path.name
    for first, read in iter_batches(path, crs=reading.crs, start=start, chunk=CHUNK):
        reading.check(read.schema.names)
        wanted = reading.wanted(read)
        numbers = np.flatnonzero(wanted) + (first + 1)
        rows = read if wanted.all() else read.filter(pa.array(wanted))
        sheet = Sheet(rows, numbers, reading, source, ground.campaign.zone)
        yield Chunk(first + len(wanted), bulk.judge(ground, sheet, replace(envelope, batch_id=uuid4())))


async def _ahead(chunks: Iterator[Chunk]) -> AsyncGenerator[Chunk, None]:
    """The chunks, each while a thread reads the next one: reading and storing keep a processor each."""
    upcoming = asyncio.create_task(asyncio.to_thread(next, chunks, None))
    try:
        while (chunk := await upcoming) is not None:
            upcoming = asyncio.create_task(asyncio.to_thread(next, chunks, None))
            yield chunk
    finally:
        upcoming.cancel()


@asynccontextmanager
async def _folding(engine: AsyncEngine) -> AsyncIterator[asyncio.Event]:
    """Folds, meanwhile, whenever the event it gives is set: on another connection, and so on another processor.

    What is stored last may be left for the caller to fold.
    """
    stored, over = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        while await stored.wait() and not over.is_set():
            stored.clear()
            async with engine.begin() as connection:
                await fold(connection)

    task = asyncio.create_task(work())
    try:
        yield stored
    finally:
        over.set()
        stored.set()
        await task


def _sum_up(summary: Summary, chunk: Chunk, outcome: Outcome) -> None:
    summary.passed_over += chunk.end - summary.rows - chunk.bulk.sheet.batch.num_rows
    summary.rows = chunk.end
    summary.counts.update({status: n for status, n in outcome.counts.items() if n})
    summary.reasons.update(str(each.reason) for each in outcome.held)
    summary.flags.update(outcome.flags)


def _kept(summary: Summary) -> dict[str, Any]:
    """What a run that goes on from here has to know."""
    return {name: getattr(summary, name) for name in ("counts", "reasons", "flags", "passed_over")}


async def _begun(engine: AsyncEngine, sha: bytes, ground: Ground) -> tuple[int, dict[str, Any]]:
    async with engine.begin() as connection:
        of = {"sha": sha, "edition_id": ground.campaign.edition_id}
        row = (await connection.execute(SQL["begun"], of)).one_or_none()
    return (row.rows_done, row.counts) if row else (0, {})


def _sha256(path: Path, reading: Reading) -> bytes:
    """Names a file read in a certain way: read in another, it is another import."""
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256")
    found.update(repr(reading).encode())
    return found.digest()
