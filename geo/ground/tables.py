"""Reading tables of text: CSV and XLSX as offices write them, every cell as text.

Excel saves CSV in the local encoding with semicolons, or as UTF-16 with tabs, and turns codes into numbers. Rows are
numbered without blank ones, in the order of the file, so that a number means the same row each time.
"""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import Any

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
        return _headed(_csv_cells(path, say), path.name, say)
    if path.suffix.lower() == ".xlsx":
        return _headed(sheet_cells(path, path.name, say), path.name, say)
    raise BadInput(f"{path.name}: a table must be .csv or .xlsx", code="unsupported-format")


def _headed(cells: Iterator[list[str | None]], name: str, say: Say) -> tuple[list[str], Iterator[Row]]:
    """Split the header off and name the cells of each row. Blank rows are passed over."""
    filled = (row for row in cells if any(row))
    header = next(filled, None)
    if header is None:
        raise BadInput(f"{name} is empty", code="empty-file")
    columns = [column for column in header if column]
    if twice := sorted({column for column in columns if columns.count(column) > 1}):
        raise BadInput(f"{name} has two columns called {', '.join(twice)}", code="duplicate-column")
    return columns, _named(filled, header, say)


def _named(rows: Iterator[list[str | None]], header: list[str | None], say: Say) -> Iterator[Row]:
    for number, row in enumerate(rows, 1):
        if any(row[len(header) :]) or any(cell and not column for cell, column in zip(row, header, strict=False)):
            say(f"row {number} has cells under no column name; they are left out")
        cells = row + [None] * (len(header) - len(row))
        yield {column: cell for column, cell in zip(header, cells, strict=False) if column}


def _csv_cells(path: Path, say: Say) -> Iterator[list[str | None]]:
    with path.open("rb") as raw:
        encoding = _encoding(raw, say)
        raw.seek(0)
        text = TextIOWrapper(raw, encoding=encoding, newline="")
        try:
            head = text.read(65536)
            if "\0" in head:
                raise BadInput(f"{path.name} is not text", code="not-text")
            text.seek(0)
            csv.field_size_limit(CELL_CHARACTERS)
            reader = csv.reader(text, delimiter=delimiter(head), strict=True)
            for row in reader:
                yield [cell.strip() or None for cell in row]
        except csv.Error as error:
            raise BadInput(f"{path.name}, line {reader.line_num}: {error}", code="unreadable") from error
        except UnicodeError as error:
            raise BadInput(f"{path.name} is not text in {encoding}", code="not-text") from error


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
