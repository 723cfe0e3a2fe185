"""Reading tables of text: CSV and XLSX as offices write them, every cell as text.

Excel saves CSV in the local encoding with semicolons, or as UTF-16 with tabs, and turns codes into numbers. Rows are
numbered without blank ones, in the order of the file, so that a number means the same row each time.
"""

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from geo.errors import BadInput
from geo.ground.workbooks import Say, sheet_cells

Row = dict[str, str | None]

CELL_CHARACTERS = 1_000_000

_BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


@dataclass(frozen=True)
class Table:
    """A table read whole. Cells are text without surrounding blanks, or None; `notices` say what was assumed."""

    columns: list[str]
    rows: list[Row]
    notices: list[str]


def read_table(path: Path) -> Table:
    """The table in a CSV file (UTF-8, UTF-16 with BOM, else Latin-1; comma, semicolon, tab or bar) or an XLSX workbook.

    Of a workbook the first sheet that holds anything is read. Raises `BadInput`: `no-file`, `unsupported-format`,
    `empty-file`, `not-text`, `duplicate-column`, `unreadable`, `too-large`.
    """
    notices: list[str] = []
    columns, rows = text_rows(path, notices.append)
    return Table(columns, list(rows), list(dict.fromkeys(notices)))


def text_rows(path: Path, say: Say) -> tuple[list[str], Iterator[Row]]:
    """Columns and rows as in `read_table`, the rows one by one; notices go to `say` as they come up."""
    if not path.is_file():
        raise BadInput(f"{path.name} is no file", code="no-file")
    if path.suffix.lower() == ".csv" or path.suffix.lower() in {".tsv", ".txt"}:
        return headed(_csv_cells(path, say), path.name, say)
    if path.suffix.lower() == ".xlsx":
        return headed(sheet_cells(path, path.name, say), path.name, say)
    raise BadInput(f"{path.name}: a table must be .csv or .xlsx", code="unsupported-format")


def headed(cells: Iterator[list[str | None]], name: str, say: Say) -> tuple[list[str], Iterator[Row]]:
    """Split the header off and name the cells of each row. Blank rows are passed over."""
    filled = (row for row in cells if any(row))
    header = header_of(filled, name)
    return [column for column in header if column], named(filled, header, say)


def header_of(filled: Iterator[list[str | None]], name: str) -> list[str | None]:
    """The first filled row: a column's name, or None, for each place. Raises `BadInput` where it cannot be one."""
    header = next(filled, None)
    if header is None:
        raise BadInput(f"{name} is empty", code="empty-file")
    columns = [column for column in header if column]
    if twice := sorted({column for column in columns if columns.count(column) > 1}):
        raise BadInput(f"{name} has two columns called {', '.join(twice)}", code="duplicate-column")
    return header


def named(filled: Iterable[list[str | None]], header: list[str | None], say: Say) -> Iterator[Row]:
    """Rows of cells by the names of their columns; what stands under no name is left out, with a notice."""
    for number, row in enumerate(filled, 1):
        if any(row[len(header) :]) or any(cell and not column for cell, column in zip(row, header, strict=False)):
            say(f"row {number} has cells under no column name; they are left out")
        cells = row + [None] * (len(header) - len(row))
        yield {column: cell for column, cell in zip(header, cells, strict=False) if column}


def _csv_cells(path: Path, say: Say) -> Iterator[list[str | None]]:
    with path.open("rb") as raw:
        form = csv_form(raw, path.name, say)
        lines = TextIOWrapper(raw, encoding=form.encoding, newline="")
        yield from csv_cells(lines, form)


class CsvForm(NamedTuple):
    """How a CSV file is written: what it is called in messages, its encoding, its delimiter."""

    name: str
    encoding: str
    delimiter: str


def csv_form(raw: BinaryIO, name: str, say: Say) -> CsvForm:
    """The form of an open file, which is left at its beginning. Raises `BadInput`, `not-text`."""
    encoding = _encoding(raw, say)
    raw.seek(0)
    text = TextIOWrapper(raw, encoding=encoding, newline="")
    try:
        head = text.read(65536)
    except UnicodeError as error:
        raise BadInput(f"{name} is not text in {encoding}", code="not-text") from error
    finally:
        text.detach()
    if "\0" in head:
        raise BadInput(f"{name} is not text", code="not-text")
    raw.seek(0)
    return CsvForm(name, encoding, delimiter(head))


def csv_cells(lines: Iterable[str], form: CsvForm, before: int = 0) -> Iterator[list[str | None]]:
    """The cells of lines, row by row, without surrounding blanks; None where empty. `before` lines came earlier.

    Raises `BadInput`: `unreadable`, `not-text`.
    """
    csv.field_size_limit(CELL_CHARACTERS)
    reader = csv.reader(lines, delimiter=form.delimiter, strict=True)
    try:
        for row in reader:
            yield [cell.strip() or None for cell in row]
    except csv.Error as error:
        raise BadInput(f"{form.name}, line {before + reader.line_num}: {error}", code="unreadable") from error
    except UnicodeError as error:
        raise BadInput(f"{form.name} is not text in {form.encoding}", code="not-text") from error


def _encoding(raw: Any, say: Say) -> str:
    """The encoding of an open binary file: by its mark, else UTF-8 if all of it is, else Latin-1 with a notice."""
    start = raw.read(4)
    for mark, encoding in _BOMS:
        if start.startswith(mark):
            return encoding
    raw.seek(0)
    try:
        probe = TextIOWrapper(raw, encoding="utf-8", newline="")
        while probe.read(1 << 20):
            pass
    except UnicodeDecodeError:
        say("the file is not UTF-8; it was read as Latin-1: check names with accents")
        return "latin-1"
    else:
        return "utf-8"
    finally:
        probe.detach()


def delimiter(head: str) -> str:
    """The delimiter that stands most often in the first filled line, outside of quotes; a comma where none does."""
    line = re.sub(r'"[^"]*"', "", head.lstrip()).partition("\n")[0]
    return max(",;\t|", key=line.count)
