"""Welfare from a file, row by row into the ledger: what an office sends of one scale.

Rows go in chunks, one transaction each. Nothing remembers how far a killed import came: run again it finds what was
stored, which are duplicates. Rows held back also go to a file beside the input.
"""

import asyncio
import csv
import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import count, islice
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from geo.errors import BadInput
from geo.ground.areas import Ground
from geo.ground.tables import Row, text_rows
from geo.intake import batch
from geo.intake.batch import Envelope
from geo.publish.judging import ALIASES, FIELDS, Limits, judge, typed
from geo.publish.welfare import LedgerReceipt, Rows, store
from geo.scope import Scope

#: Rows in one transaction.
CHUNK = 20_000


@dataclass(frozen=True)
class Reading:
    """How to read a file: of which scale it is, the day of rows that say none, fields that have other names in it."""

    scale: str
    dated: date | None = None
    columns: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Summary:
    """What became of a file's rows; `ignored` are its columns that were not looked at."""

    rows: int
    counts: Counter[str]
    reasons: Counter[str]
    ignored: list[str]
    refused: Path | None


async def import_file(
    engine: AsyncEngine,
    ground: Ground,
    scope: Scope,
    path: Path,
    reading: Reading,
    *,
    progress: Callable[[int, int | None], None] = lambda _done, _all: None,
    say: Callable[[str], None] = lambda _: None,
) -> Summary:
    """Import one scale from CSV or XLSX, its first line naming the fields. `say` takes notices about the file.

    Raises BadInput for a file that cannot be read, a scale there is none of, or a day to come.
    """
    limits = Limits(reading.scale, ground.campaign.today(), ground.tree, scope, reading.dated)
    columns, rows = text_rows(path, say)
    names = _named(columns, reading)
    sha = await asyncio.to_thread(_sha256, path)
    summary = Summary(0, Counter(), Counter(), [c for c in columns if names[c] not in FIELDS[reading.scale]], None)
    refused = Refused(path.with_name(f"{path.name}.refused.csv"), columns)
    chunks = _chunks(rows, names, limits)
    try:
        while (found := await asyncio.to_thread(next, chunks, None)) is not None:
            sent, chunk = found
            envelope = Envelope(scope.actor, f"welfare {reading.scale} {path.name}"[:200], sha, 0)

            async def work(
                db: AsyncConnection, envelope: Envelope = envelope, chunk: Rows = chunk
            ) -> list[LedgerReceipt]:
                return await store(db, scope, envelope, chunk)

            receipts = await batch.committed(engine, work)
            summary.rows += len(receipts)
            summary.counts.update(r.status for r in receipts)
            summary.reasons.update(str(r.reason) for r in receipts if r.reason)
            refused.write(receipts, sent, chunk.first)
            progress(summary.rows, None)
    finally:
        refused.close()
    summary.refused = refused.path if refused.rows else None
    return summary


class Told(Protocol):
    """What is known of one row: its number, and why it was not stored, None where it was."""

    @property
    def row(self) -> int:
        """Its number in the file, from 0."""

    @property
    def reason(self) -> str | None:
        """A code."""

    @property
    def detail(self) -> str | None:
        """A sentence."""


class Refused:
    """The file beside the input that holds the rows not stored, each with its number from 1 and the reason."""

    def __init__(self, path: Path, columns: list[str]) -> None:
        """Begin anew: what an earlier run refused is refused again, or stored by now."""
        self.path = path
        self.rows = 0
        self._columns = columns
        self._file: Any = None
        path.unlink(missing_ok=True)

    def write(self, receipts: Sequence[Told], sent: Sequence[Mapping[str, Any]], first: int) -> None:
        """Add those of the rows `sent` that were not stored, for whatever reason."""
        for receipt in receipts:
            if receipt.reason is None:
                continue
            if self._file is None:
                self._file = self.path.open("w", encoding="utf-8-sig", newline="")
                self._writer = csv.writer(self._file)
                self._writer.writerow(["row", "reason", "detail", *self._columns])
            row = sent[receipt.row - first]
            values = [row[column] for column in self._columns]
            self._writer.writerow([receipt.row + 1, receipt.reason, receipt.detail, *values])
            self.rows += 1

    def close(self) -> None:
        """Close the file, if there is one."""
        if self._file is not None:
            self._file.close()


def _named(columns: list[str], reading: Reading) -> dict[str, str]:
    """The field that each column stands for, by its own name where it is none."""
    known = FIELDS.get(reading.scale, ())
    if unknown := set(reading.columns) - {*known, *ALIASES}:
        raise BadInput(f"{reading.scale} has no field {sorted(unknown)[0]}; it has {', '.join(known)}")
    if missing := set(reading.columns.values()) - set(columns):
        raise BadInput(
            f"the file has no column {sorted(missing)[0]}; it has {', '.join(columns)}", code="no-such-column"
        )
    by_column = {column: name for name, column in reading.columns.items()}
    free = {c: c if c not in reading.columns else f"column {c}" for c in columns}  # a name given away means nothing
    names = {column: by_column.get(column, free[column]) for column in columns}
    if "household_id" not in names.values():
        raise BadInput("no column household_id: name it with --column household_id=COLUMN", code="no-header")
    return names


def _chunks(rows: Iterator[Row], names: Mapping[str, str], limits: Limits) -> Iterator[tuple[list[Row], Rows]]:
    """Stretches of the file, as read and judged."""
    for first in count(0, CHUNK):
        sent = list(islice(rows, CHUNK))
        if not sent:
            return
        raw = [typed({names[column]: cell for column, cell in row.items()}) for row in sent]
        yield sent, Rows(limits, raw, [judge(at, row, limits) for at, row in enumerate(raw, first)], first)


def _sha256(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
