"""Reading one body of submissions: what may be sent, how large, and which faults are the batch's and which a row's.

Everything here is bytes from somebody unknown. Nothing is written to disk, no path or address in a body is followed,
and what unpacks is counted while it does. A fault of the body as a whole is `BadInput` with a stable code; a fault of
one row becomes a `Fault` in its place, so that the rows beside it are not held up.
"""

import codecs
import csv
import hashlib
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, tzinfo
from functools import cached_property
from itertools import islice
from typing import Any

import orjson
from fastapi import Request
from starlette.requests import ClientDisconnect

from app import json_values
from geo.errors import BadInput
from geo.ground.tables import delimiter
from geo.ground.workbooks import Most, sheet_cells
from geo.intake.reading import from_text, made_id
from geo.intake.reasons import Fault, Reason
from geo.intake.submissions import DEEPEST

MAX_ROWS, MAX_BYTES = 10_000, 20_000_000
JSON, LINES, TABLE, GEOJSON = "application/json", "application/x-ndjson", "text/csv", "application/geo+json"
WORKBOOK = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
MEDIA_TYPES = (JSON, LINES, TABLE, GEOJSON, WORKBOOK)

#: Gzip may come in several members; each costs work, however small it is.
MAX_MEMBERS = 1_000
#: Values and cells of a batch, counted by commas: fifty a row, three times what a submission has.
MAX_VALUES = 500_000
#: Columns of a table.
MAX_COLUMNS = 1_000
#: What a workbook of an upload may come to: 10,000 rows need a tenth of it.
_MOST = Most(unpacked=100_000_000, cells=1_000_000)
#: Characters of a cell; no field of a submission comes near.
_LONGEST = 100_000
#: Of a line that cannot be read this much is kept, characters.
_QUOTED = 1_000

_PIECE = 1 << 14
_LINES = re.compile(rb"[^\n]+")
_TEXT_LINES = re.compile(r"[^\r\n]+")
_DEGREES = re.compile(rb"CRS:?84|EPSG:+4326")


@dataclass(frozen=True)
class Sent:
    """A body as it was sent: its bytes, `identity` or `gzip`, and its media type without parameters."""

    content: bytes
    encoding: str
    kind: str

    @cached_property
    def sha256(self) -> bytes:
        """The digest that the receipt carries: of the bytes as sent, so that a device can compare it with its own."""
        return hashlib.sha256(self.content).digest()


@dataclass(frozen=True)
class Lacking:
    """What a body does not say itself, first of all what its rows are.

    `rows` is what their list is called in JSON, `key` the column that every table of them must have, if any. A row of a
    table has the campaign's time zone for local times, and the `source` that ids are made of; or else `typed` makes its
    cells what they would be in JSON.
    """

    zone: tzinfo = UTC
    source: str = ""
    rows: str = "submissions"
    key: str | None = "household_id"
    typed: Callable[[dict[str, str | None]], dict[str, Any]] | None = None


@dataclass(frozen=True)
class Rows:
    """Rows of a body in order, each a decoded JSON value or a `Fault`; `notices` hold for every row."""

    rows: list[object]
    notices: tuple[str, ...] = ()


async def read(request: Request) -> Sent:
    """The body of a request, as sent. Raises BadInput: `unsupported-body`, `body-too-large`, `malformed-body`.

    One that is too large is not read to its end.
    """
    encoding = ",".join(request.headers.getlist("content-encoding")).strip().lower()
    if encoding not in {"", "identity", "gzip", "x-gzip"}:
        raise BadInput("Content-Encoding is gzip or none", code="unsupported-body")
    parts: list[bytes] = []
    size = 0
    try:
        async for part in request.stream():
            size += len(part)
            if size > MAX_BYTES:
                raise _too_large()
            parts.append(part)
    except ClientDisconnect as gone:  # nobody is left to read the answer; it is no fault of ours either
        raise BadInput("the connection ended before the body did", code="malformed-body") from gone
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return Sent(b"".join(parts), "gzip" if "gzip" in encoding else "identity", kind)


def understand(sent: Sent, lacking: Lacking | None = None) -> Rows:
    """The rows of a body as sent. Raises BadInput as `inflated` and `decode` do."""
    return decode(inflated(sent.content) if sent.encoding == "gzip" else sent.content, sent.kind, lacking)


def inflated(packed: bytes) -> bytes:
    """What gzip holds, in one member or several. Raises BadInput: `malformed-body`, `body-too-large`.

    Counted while it unpacks: no more than MAX_BYTES and one piece is ever held.
    """
    pieces: list[bytes] = []
    size = at = 0
    view = memoryview(packed)
    for _ in range(MAX_MEMBERS):
        member = zlib.decompressobj(wbits=31)
        while not member.eof:
            if at == len(packed):
                raise BadInput("the gzip body ends too early", code="malformed-body")
            fed = view[at : at + _PIECE]
            try:
                pieces.append(member.decompress(fed, MAX_BYTES - size + 1))
            except zlib.error as broken:
                raise BadInput("the body is not gzip, or broken", code="malformed-body") from broken
            at += len(fed)
            size += len(pieces[-1])
            if size > MAX_BYTES:
                raise _too_large()
        at -= len(member.unused_data)
        if at == len(packed):
            return b"".join(pieces)
    raise BadInput(f"gzip has at most {MAX_MEMBERS} members", code="malformed-body")


def decode(content: bytes, content_type: str, lacking: Lacking | None = None) -> Rows:
    """The rows of a body that is not compressed. A malformed line, cell row or feature is a row's fault.

    Raises BadInput: `unsupported-body`, `malformed-body`, `not-utf8`, `too-deep`, `duplicate-key`, `duplicate-column`,
    `no-header`, `body-too-large`, `empty-batch`, `too-many-rows`.
    """
    kind = content_type.partition(";")[0].strip().lower()
    reader = _READERS.get(kind)
    if reader is None:
        raise BadInput(f"send one of {', '.join(MEDIA_TYPES)}", code="unsupported-body")
    notices: list[str] = []
    if kind != WORKBOOK:
        content = _as_utf8(content, notices)
        if content.count(b",") > MAX_VALUES:  # each costs a thousand times its byte
            raise BadInput(f"a batch has at most {MAX_VALUES} values; send less at a time", code="body-too-large")
    rows = reader(content, lacking or Lacking(), notices)
    if not rows:
        raise BadInput("the batch has no rows", code="empty-batch")
    if len(rows) > MAX_ROWS:
        raise BadInput(f"a batch has at most {MAX_ROWS} rows; send less at a time", code="too-many-rows")
    return Rows(rows, tuple(dict.fromkeys(notices)))


def _too_large() -> BadInput:
    return BadInput(f"a batch has at most {MAX_BYTES} bytes, unpacked too; send less at a time", code="body-too-large")


def _as_utf8(content: bytes, notices: list[str]) -> bytes:
    """The body without its byte order mark; from UTF-16 where the mark says so."""
    if content.startswith(codecs.BOM_UTF8):
        notices.append("DECODED utf-8-sig")
        return content[3:]
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        notices.append("DECODED utf-16")
        try:
            return content.decode("utf-16").encode()
        except UnicodeError as broken:
            raise BadInput("the body begins like UTF-16 and is not", code="not-utf8") from broken
    return content


def _text(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as other:
        raise BadInput("the body is not UTF-8: save it as UTF-8", code="not-utf8") from other


# ── JSON ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _json_rows(content: bytes, lacking: Lacking, _: list[str]) -> list[object]:
    sent = _whole(content)
    if not isinstance(sent, dict) or not isinstance(sent.get(lacking.rows), list):
        raise BadInput(f'the body must be {{"{lacking.rows}": […]}}', code="malformed-body")
    rows: list[object] = sent[lacking.rows]
    return rows


def _line_rows(content: bytes, _: Lacking, __: list[str]) -> list[object]:
    rows: list[object] = []
    lines: list[bytes] = []
    for found in _LINES.finditer(content):
        line = found.group()
        if line.isspace():
            continue
        if len(lines) > MAX_ROWS:
            break
        lines.append(line)
        try:
            rows.append(json_values.value(line))
        except json_values.NotJson:
            rows.append(Fault(Reason.MALFORMED, "", f"is not JSON: {_quoted(line.decode('utf-8', 'replace'))}"))
    if any(type(row) is Fault for row in rows):
        _text(content)
    elif not json_values.suspect(content, rows):
        return rows
    return [_once(line, row) for line, row in zip(lines, rows, strict=True)]


def _once(line: bytes, row: object) -> object:
    """The row of a line; a fault where a field is named twice in it."""
    if type(row) is not Fault and json_values.suspect(line, row) and json_values.names_twice(line, row):
        return Fault(Reason.MALFORMED, "", f"names a field twice: {_quoted(line.decode())}")
    return row


def _feature_rows(content: bytes, _: Lacking, __: list[str]) -> list[object]:
    sent = _whole(content)
    features = sent.get("features") if isinstance(sent, dict) else None
    if not isinstance(sent, dict) or sent.get("type") != "FeatureCollection" or not isinstance(features, list):
        raise BadInput("the body must be a FeatureCollection", code="malformed-body")
    if (crs := sent.get("crs")) is not None and not _DEGREES.search(orjson.dumps(crs)):
        raise BadInput("GeoJSON is in degrees, WGS 84; the body names another system", code="malformed-body")
    return [_feature(feature) for feature in features]


def _feature(feature: object) -> object:
    """A feature as a row: its properties, and its point as `lon` and `lat`."""
    if not isinstance(feature, dict):
        return feature
    properties, geometry = feature.get("properties") or {}, feature.get("geometry")
    if feature.get("type") != "Feature" or not isinstance(properties, dict):
        return Fault(Reason.MALFORMED, "", f"is no Feature: {_quoted(orjson.dumps(feature).decode())}")
    if geometry is None:
        return properties
    at = geometry.get("coordinates") if isinstance(geometry, dict) and geometry.get("type") == "Point" else None
    if at == []:  # how an empty point is written
        return properties
    if not isinstance(at, list) or len(at) < 2:
        return properties | {"lon": geometry, "lat": None}  # no number: held back for that, with all that was sent
    return properties | {"lon": at[0], "lat": at[1]}


def _whole(content: bytes) -> Any:
    """The JSON value of a whole body."""
    try:
        return json_values.strictly(content, DEEPEST)
    except json_values.NotJson as broken:
        _text(content)
        raise BadInput("the body is not JSON", code="malformed-body") from broken


# ── tables ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _table_rows(content: bytes, lacking: Lacking, _: list[str]) -> list[object]:
    """One row a line: a quote left open harms its own line and no other."""
    lines = (found.group() for found in _TEXT_LINES.finditer(_text(content)) if not found.group().isspace())
    first = next(lines, "")
    between = delimiter(first)
    header = _cells(first, between)
    if header is None:
        raise BadInput("the first line has a quote left open", code="malformed-body")
    rows: list[object] = []
    names = _names(header, lacking.key) if any(header) else []
    for line in lines:
        cells = _cells(line, between)
        if cells is None:
            rows.append(Fault(Reason.MALFORMED, "", f"has a quote out of place: {_quoted(line)}"))
        elif not any(cells):
            continue
        elif len(cells) != len(names):
            said = f"has {len(cells)} cells, the first line {len(names)}: {_quoted(line)}"
            rows.append(Fault(Reason.MALFORMED, "", said))
        else:
            rows.append(_tabled(names, cells, lacking))
        if len(rows) > MAX_ROWS:
            break
    return rows


def _cells(line: str, between: str) -> list[str | None] | None:
    """The cells of one line; None where its quotes do not fit, or a cell is too long."""
    try:
        (cells,) = csv.reader([line], delimiter=between, strict=True)
    except csv.Error:
        return None
    if any(len(cell) > _LONGEST for cell in cells):  # the reader's own limit is one for the whole process
        return None
    return [cell.strip() or None for cell in cells]


def _workbook_rows(content: bytes, lacking: Lacking, notices: list[str]) -> list[object]:
    said: list[str] = []
    try:
        filled = (cells for cells in sheet_cells(content, "the workbook", said.append, _MOST) if any(cells))
        header = next(filled, None)
        names = _names(header, lacking.key) if header else []
        rows: list[object] = [_tabled(names, cells, lacking) for cells in islice(filled, MAX_ROWS + 1)]
    except BadInput as bad:
        if bad.code == "too-large":
            raise _too_large() from bad
        raise BadInput(str(bad), code="malformed-body" if bad.code == "unreadable" else bad.code) from bad
    notices += ("WORKBOOK " + "".join(c if c.isprintable() else "?" for c in text)[:200] for text in said)
    return rows


def _names(header: list[str | None], key: str | None) -> list[str]:
    """The fields that the columns stand for; one without a name is named by its place, so that its cells show."""
    names = [name or f"column {place}" for place, name in enumerate(header, 1)]
    if len(names) > MAX_COLUMNS:
        raise BadInput(f"a table has at most {MAX_COLUMNS} columns", code="malformed-body")
    if key is not None and key not in names:
        raise BadInput(f"the first line must name the fields; {key} is not among them", code="no-header")
    if len(set(names)) < len(names):
        raise BadInput("two columns have the same name", code="duplicate-column")
    return names


def _tabled(names: list[str], cells: list[str | None], lacking: Lacking) -> dict[str, Any]:
    """A row of text as a device would send it.

    Lists of a device that broke may lack `submission_id`: it is made of household and revision then, so that the same
    row is a duplicate however often, in whichever file and order it is sent.
    """
    named = dict(zip(names, cells, strict=True))
    if lacking.typed is not None:
        return lacking.typed(named)
    row = from_text({name: cell for name, cell in named.items() if cell is not None}, lacking.zone)
    if "submission_id" not in row and "household_id" in row and "revision" in row:
        key = f"{row['household_id']}\n{row['revision']}"
        row["submission_id"] = made_id(lacking.source, "submission_id", key)
    return row


def _quoted(line: str) -> str:
    return line if len(line) <= _QUOTED else f"{line[:_QUOTED]}…"


_READERS: dict[str, Callable[[bytes, Lacking, list[str]], list[object]]] = {
    JSON: _json_rows,
    LINES: _line_rows,
    "application/ndjson": _line_rows,
    "application/jsonl": _line_rows,
    TABLE: _table_rows,
    GEOJSON: _feature_rows,
    WORKBOOK: _workbook_rows,
}
