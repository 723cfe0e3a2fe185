"""Households from a file, through the same intake as every device: judged, stored and receipted row by row.

Rows go in chunks, one transaction each, and how far the file has been read is written in that same transaction: a
killed import goes on where it stopped and counts nothing twice. Rows held back also go to a file beside the input.
"""

import asyncio
import csv
import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID, uuid5

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from geo import queries
from geo.errors import BadInput
from geo.ground.areas import Ground
from geo.ground.sources import count_rows, iter_rows
from geo.intake import batch
from geo.intake.batch import Envelope, Receipt
from geo.intake.placing import Placed
from geo.intake.reasons import Fault
from geo.intake.submissions import FIELDS

SQL = queries.load(__file__)

#: Rows in one transaction.
CHUNK = 20_000

_NAMESPACE = UUID("c7a1b6a0-2022-5c15-8b0e-5e9a05ec0001")
_FLOATS = frozenset({"lon", "lat", "accuracy_m"})
_WHOLES = frozenset({"revision", "visit", "welfare"})
_INSTANTS = frozenset({"captured_at", "revisit_at", "started_at", "finished_at"})
_FLOAT = re.compile(r"[+-]?[0-9]{1,12}(?:\.[0-9]{1,20})?")
_WHOLE = re.compile(r"[0-9]{1,9}(?:\.0+)?")


class Chunk(NamedTuple):
    """The wanted rows of a stretch of the file that ends at row `end`: their numbers from 1, as read, sent, judged."""

    end: int
    numbers: list[int]
    rows: list[dict[str, Any]]
    raws: list[object]
    judged: list[Placed | Fault]


@dataclass(frozen=True)
class Reading:
    """How to read a file: fields from other columns, fields fixed for every row, what its ids are made of.

    `where` names the rows that are wanted by the text of their columns; others are passed over.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    fixed: Mapping[str, Any] = field(default_factory=dict)
    source: str | None = None
    key: str | None = None
    crs: str | None = None
    where: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raise BadInput for fields that a submission does not have."""
        if unknown := (set(self.columns) | set(self.fixed)) - set(FIELDS):
            raise BadInput(f"a submission has no field {sorted(unknown)[0]}; it has {', '.join(FIELDS)}")

    def check(self, columns: Iterable[str]) -> None:
        """Raise BadInput for a named column that the file does not have."""
        named = {*self.columns.values(), *self.where, *([] if self.key is None else [self.key])}
        if unknown := named - set(columns):
            raise BadInput(f"the file has no column {sorted(unknown)[0]}; it has {', '.join(columns)}")

    def wants(self, row: Mapping[str, Any]) -> bool:
        """Whether a row is asked for; an empty cell is the empty text."""
        return all(("" if row[name] is None else str(row[name])) == value for name, value in self.where.items())


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

    Raises BadInput for a file that cannot be read. Receipts of this run and of the runs it goes on from are summed.
    """
    total = count_rows(path)  # before anything else is done with a path that may lead nowhere
    sha = await asyncio.to_thread(_sha256, path, reading)
    done, counted = await _begun(engine, sha, ground)
    counts, reasons, flags = (Counter[str](counted.get(name)) for name in ("counts", "reasons", "flags"))
    summary = Summary(done, done, counted.get("passed_over", 0), counts, reasons, flags, None)
    refused = Refused(path.with_name(f"{path.name}.refused.csv"), done)
    progress(done, total)
    chunks = _judged(ground, path, reading, done)
    upcoming = asyncio.create_task(asyncio.to_thread(next, chunks, None))
    try:
        while (chunk := await upcoming) is not None:
            upcoming = asyncio.create_task(asyncio.to_thread(next, chunks, None))
            envelope = Envelope(actor, f"import {path.name}"[:200], sha, 0)

            async def note(connection: AsyncConnection, receipts: list[Receipt], chunk: Chunk = chunk) -> None:
                """How far the file has been read, in the transaction of the rows themselves."""
                _sum_up(summary, chunk, receipts)
                refused.write(chunk, receipts)
                far = {"sha": sha, "edition_id": ground.campaign.edition_id, "rows": summary.rows}
                await connection.execute(SQL["so_far"], far | {"counts": queries.as_json(_kept(summary))})

            await batch.commit(engine, ground, envelope, chunk.raws, chunk.judged, note)
            progress(summary.rows, total)
    finally:
        upcoming.cancel()
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

    def write(self, chunk: Chunk, receipts: Sequence[Receipt]) -> None:
        """Add the rows of a chunk that were quarantined or in conflict; rows count from 1, without the header."""
        for number, row, receipt in zip(chunk.numbers, chunk.rows, receipts, strict=True):
            if receipt.reason is None:
                continue
            if self._file is None:
                self._columns = list(row)
                self._open()
            values = [row.get(c) for c in self._columns]
            self._writer.writerow([number, receipt.reason, receipt.detail, *values])
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


def as_submission(row: Mapping[str, Any], number: int, reading: Reading, source: str, zone: tzinfo) -> dict[str, Any]:
    """One row of a file as a device would send it: text made numbers where it is one, local times given their offset.

    Ids that the file lacks are UUIDv5 of the source and the row's key, so that the same row always gets the same; a
    row without a key gets none. A field named by `reading` wins over a column that happens to have its name.
    """
    taken = set(reading.columns.values()) - set(FIELDS)
    raw = {name: value for name, value in row.items() if name not in taken}
    raw |= {name: row[column] for name, column in reading.columns.items()}
    raw |= reading.fixed
    raw = from_text(raw, zone)
    key = row.get(reading.key) if reading.key else number
    for name in ("submission_id", "household_id"):
        if raw.get(name) in (None, ""):
            raw[name] = None if key in (None, "") else made_id(source, name, key)
        elif not isinstance(raw[name], str):
            raw[name] = str(raw[name])
    if raw.get("revision") is None:
        raw["revision"] = 1
    return {name: value for name, value in raw.items() if value is not None and value != ""}


def from_text(raw: Mapping[str, Any], zone: tzinfo) -> dict[str, Any]:
    """A row whose cells are text, with numbers where a field is one and local times given their offset of `zone`.

    Text that is no number stays text, for `submissions.parse` to say so.
    """
    made = dict(raw)
    for name in _FLOATS & made.keys():
        made[name] = _typed(made[name], _FLOAT, float)
    for name in _WHOLES & made.keys():
        made[name] = _typed(made[name], _WHOLE, lambda text: int(float(text)))
    for name in _INSTANTS & made.keys():
        made[name] = _local(made[name], zone)
    return made


def made_id(source: str, name: str, key: object) -> str:
    """The UUIDv5 that stands for an id which a row of `source` lacks: the same row always gets the same."""
    return str(uuid5(_NAMESPACE, f"{source}\n{name}\n{key}"))


def _typed(value: Any, shape: re.Pattern[str], convert: Callable[[str], Any]) -> Any:
    if isinstance(value, str):
        text = value.strip()
        return convert(text) if shape.fullmatch(text) else (text or None)
    if isinstance(value, float) and value.is_integer() and convert is not float:
        return int(value)
    return value


def _local(value: Any, zone: tzinfo) -> Any:
    """A time without an offset is the campaign's local time."""
    if not isinstance(value, str):
        return value
    try:
        moment = datetime.fromisoformat(value.strip())
    except ValueError:
        return value
    return value.strip() if moment.tzinfo or len(value.strip()) <= 10 else moment.replace(tzinfo=zone).isoformat()


def _judged(ground: Ground, path: Path, reading: Reading, start: int) -> Iterator[Chunk]:
    """The file from row `start` in chunks. Raises BadInput where `reading` names a column that is not there."""
    source = reading.source or path.name
    for first, read in iter_rows(path, crs=reading.crs, start=start, chunk=CHUNK):
        reading.check(read[0])
        wanted = [(number, row) for number, row in enumerate(read, first + 1) if reading.wants(row)]
        raws: list[object] = [as_submission(row, n, reading, source, ground.campaign.zone) for n, row in wanted]
        numbers, rows = [number for number, _ in wanted], [row for _, row in wanted]
        yield Chunk(first + len(read), numbers, rows, raws, batch.judge(ground, raws))


def _sum_up(summary: Summary, chunk: Chunk, receipts: Sequence[Receipt]) -> None:
    summary.passed_over += chunk.end - summary.rows - len(receipts)
    summary.rows = chunk.end
    summary.counts.update(r.status for r in receipts)
    summary.reasons.update(str(r.reason) for r in receipts if r.reason)
    for receipt, judged in zip(receipts, chunk.judged, strict=True):
        if receipt.status in {"stored", "superseded"} and isinstance(judged, Placed):
            summary.flags.update((judged.flags or "").split())


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
