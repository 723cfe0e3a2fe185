"""Tables of text by the column: what `tables` reads row by row, cell for cell the same and many times faster.

A CSV file is taken in blocks of whole lines. Where quotes stand around whole cells only, or nowhere, a cell is what
lies between two delimiters, whoever reads it: there Arrow does. All else is left to the module csv, whose word counts.
"""

import re
from collections.abc import Iterator
from io import BytesIO, TextIOWrapper
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from geo.ground.tables import CELL_CHARACTERS, CsvForm, Row, csv_cells, csv_form, header_of, named, text_rows

#: Bytes of CSV split at once, and rows of what is read row by row.
BLOCK = 1 << 22
_ROWS = 20_000

#: Bytes within which the header is expected.
_HEAD = 1 << 16
_MARK = b"\xef\xbb\xbf"


def text_batches(path: Path) -> Iterator[Any]:
    """The table in a CSV or XLSX file as Arrow record batches of some length, every column text, null where empty.

    Rows, columns and refusals are those of `tables.text_rows`.
    """
    if path.suffix.lower() == ".xlsx":
        columns, rows = text_rows(path, _unsaid)
        yield from _batches(columns, rows)
        return
    with path.open("rb") as raw:
        form = csv_form(raw, path.name, _unsaid)
        if form.encoding not in {"utf-8", "utf-8-sig"} or _odd_ends(raw.read(_HEAD) + raw.readline()):
            columns, rows = text_rows(path, _unsaid)
            yield from _batches(columns, rows)
            return
        raw.seek(len(_MARK) if form.encoding == "utf-8-sig" else 0)
        yield from _by_block(raw, form)


def _by_block(raw: BinaryIO, form: CsvForm) -> Iterator[Any]:
    """The rows of a file of UTF-8, open at its first line."""
    first = raw.tell()
    header = header_of((row for row in csv_cells((line.decode() for line in raw), form) if any(row)), form.name)
    begun = raw.tell()
    raw.seek(first)
    before = raw.read(begun - first).count(b"\n")
    columns, shape = [name for name in header if name], _quoted_cells(form.delimiter)
    while block := raw.read(BLOCK):
        block += raw.readline()
        whole = _without_quotes(block, shape)
        if whole is not None and (split := _split(whole, form.delimiter, header)) is not None:
            yield split
        else:
            lines = TextIOWrapper(BytesIO(block), "utf-8", newline="")
            # Where quotes hold more than a cell, a line's end may lie within: nobody knows where a later block begins.
            later = TextIOWrapper(raw if whole is None else BytesIO(), "utf-8", newline="")
            filled = (row for row in csv_cells(chain(lines, later), form, before) if any(row))
            yield from _batches(columns, named(filled, header, _unsaid))
            if whole is None:
                later.detach()
                return
        before += block.count(b"\n")


def _batches(columns: list[str], rows: Iterator[Row]) -> Iterator[Any]:
    schema = pa.schema([(name, pa.string()) for name in columns])
    while taken := list(islice(rows, _ROWS)):
        yield pa.RecordBatch.from_arrays(
            [pa.array([row[name] for row in taken], pa.string()) for name in columns], schema=schema
        )


def _odd_ends(block: bytes) -> bool:
    """Whether lines end in a carriage return alone, or zeros lie among the text."""
    return block.count(b"\r") != block.count(b"\r\n") or b"\0" in block


def _quoted_cells(delimiter: str) -> re.Pattern[bytes]:
    """A cell in quotes that hold neither quote, delimiter nor line end, between what divides cells."""
    sign = re.escape(delimiter.encode())
    return re.compile(rb"(?<![^\n" + sign + rb'])"[^"\r\n' + sign + rb']*"(?=[\r\n' + sign + rb"]|\Z)")


def _without_quotes(block: bytes, quoted: re.Pattern[bytes]) -> bytes | None:
    """The block with its quotes left out, None where they may mean something."""
    if _odd_ends(block):
        return None
    quotes = block.count(b'"')
    if quotes and quotes != 2 * len(quoted.findall(block)):
        return None
    return block.replace(b'"', b"") if quotes else block


def _split(block: bytes, delimiter: str, header: list[str | None]) -> Any:
    """The rows of a block without quotes; None where Arrow finds lines of different length, or not UTF-8."""
    places = [str(place) for place in range(len(header))]
    try:
        table = arrow_csv.read_csv(
            pa.BufferReader(block),
            arrow_csv.ReadOptions(column_names=places, use_threads=False, block_size=len(block) + 1),
            arrow_csv.ParseOptions(delimiter=delimiter, quote_char=False),
            arrow_csv.ConvertOptions(column_types=dict.fromkeys(places, pa.string()), strings_can_be_null=False),
        )
    except pa.ArrowInvalid:
        return None
    read = [_trimmed(column.combine_chunks()) for column in table.columns]
    if any(_longest(column) > CELL_CHARACTERS for column in read):
        return None
    filled = [column for column in read if column.null_count < len(column)]
    names = [name for name in header if name]
    batch = pa.RecordBatch.from_arrays([column for column, name in zip(read, header, strict=True) if name], names)
    if any(not column.null_count for column in filled):
        return batch
    blank = pc.is_null(read[0])
    for column in read[1:]:
        blank = pc.and_(blank, pc.is_null(column))
    return batch.filter(pc.invert(blank))


def _trimmed(column: Any) -> Any:
    """Text without surrounding blanks, null where nothing is left."""
    text = pc.utf8_trim_whitespace(column)
    return pc.if_else(pc.equal(text, ""), None, text)


def _longest(column: Any) -> int:
    return pc.max(pc.binary_length(column)).as_py() or 0


def _unsaid(_: str) -> None:
    """Notices are for those who read a table whole."""
