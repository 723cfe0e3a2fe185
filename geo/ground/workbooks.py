"""Reading workbooks (XLSX), once it is known that they are not made to hurt.

The library that reads them unpacks a sheet whole into a full rectangle: two cells in opposite corners of a sheet, a
file of five kilobytes, ask it for hundreds of gigabytes and end the process. So a workbook is walked through first,
unpacked in small pieces that are counted and thrown away.
"""

import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time
from io import BytesIO
from pathlib import Path
from typing import Any
from xml.parsers import expat

from python_calamine import CalamineError, CalamineWorkbook

from geo.errors import BadInput

Say = Callable[[str], None]

EXACT_IN_EXCEL = 10**15
"""Excel keeps fifteen digits: a longer code stored as a number has lost its end."""

_PIECE = 1 << 16
_REFERENCE = re.compile(r"([A-Za-z]{1,3})([0-9]{1,7})")
_CELL = re.compile(rb'<c r="([A-Z]{1,3})([0-9]{1,7})"')
_ANY_CELL = re.compile(rb"<(?:[^\s<>/\"':]+:)?c(?=[\s/>])")


@dataclass(frozen=True)
class Most:
    """What a workbook may come to (promises: zip bombs): bytes unpacked, entries, bytes unpacked for one packed.

    `cells` bounds the smallest rectangle around the filled cells of all sheets together.
    """

    unpacked: int = 200 * 1024**2
    entries: int = 64
    ratio: int = 100
    cells: int = 20_000_000


def sheet_cells(source: Path | bytes, name: str, say: Say, most: Most | None = None) -> Iterator[list[str | None]]:
    """The rows of the first sheet that holds anything, every cell as text without surrounding blanks, or None.

    `source` is a file or its bytes, `name` what it is called in messages; notices go to `say`. Raises `BadInput`:
    `unreadable`, `too-large`.
    """
    with _refusing(name):
        _examine(source, name, most or Most())
        book = (
            CalamineWorkbook.from_path(str(source))
            if isinstance(source, Path)
            else CalamineWorkbook.from_filelike(BytesIO(source))
        )
        sheets = (book.get_sheet_by_name(title) for title in book.sheet_names)
        sheet = next((sheet for sheet in sheets if sheet.height), None)
        if sheet is None:
            return
        if len(book.sheet_names) > 1:
            say(f"the workbook has {len(book.sheet_names)} sheets; {sheet.name} was read")
        for row in sheet.iter_rows():
            yield [_cell_text(cell, say) for cell in row]


@contextmanager
def _refusing(name: str) -> Iterator[None]:
    """Turn whatever is wrong with a workbook into `BadInput`."""
    try:
        yield
    except (CalamineError, zipfile.BadZipFile, zlib.error, expat.ExpatError) as error:
        raise BadInput(f"{name} is no workbook that can be read: {error}", code="unreadable") from error
    except (OSError, EOFError, RuntimeError, NotImplementedError, UnicodeError, ValueError) as error:
        raise BadInput(f"{name} is no XLSX workbook", code="unreadable") from error  # encrypted, unknown compression
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # how the library's own faults arrive; no Exception, and no name
            raise
        raise BadInput(f"{name} is no workbook that can be read", code="unreadable") from error


def _examine(source: Path | bytes, name: str, most: Most) -> None:
    """Refuse what would unpack out of proportion, or is no workbook. Believes nothing that the archive declares."""
    with zipfile.ZipFile(source if isinstance(source, Path) else BytesIO(source)) as archive:
        entries = archive.infolist()
        names = {entry.filename.replace("\\", "/").lower() for entry in entries}
        allowed = min(most.unpacked, most.ratio * max(1, sum(entry.compress_size for entry in entries)))
        walk = _Walk(most, allowed, len(entries))
        targets = {"workbook.xml", "sharedstrings.xml"}
        # what the sheets lean on comes first, whatever the order in the archive
        for entry in sorted(entries, key=_order):
            walk.through(archive, entry, must=_last(entry.filename) in targets)
            targets |= walk.targets
    if walk.too_much:
        raise BadInput(f"{name} unpacks to too much; save it as CSV", code="too-large")
    if "xl/workbook.xml" not in names or names & {"content.xml", "xl/workbook.bin"}:  # other formats, other readers
        raise BadInput(f"{name} is no XLSX workbook", code="unreadable")


def _last(path: str) -> str:
    """The last part of a path in an archive, as the library compares it."""
    return path.replace("\\", "/").rpartition("/")[2].lower()


def _order(entry: zipfile.ZipInfo) -> int:
    return {"workbook.xml.rels": 0, "sharedstrings.xml": 1}.get(_last(entry.filename), 2)


class _Walk:
    """Counts what the parts of a workbook come to, the way the library will read them."""

    def __init__(self, most: Most, allowed: int, entries: int) -> None:
        self.most = most
        self.left = allowed
        self.targets: set[str] = set()
        self._entries = entries
        self._cells = 0
        self._characters = 0
        self._lengths: list[int] = []

    @property
    def too_much(self) -> bool:
        """Whether it comes to more than there may be."""
        return (
            self.left < 0
            or self._entries > self.most.entries
            or self._cells > self.most.cells
            or self._characters > self.most.unpacked
        )

    def through(self, archive: zipfile.ZipFile, entry: zipfile.ZipInfo, *, must: bool) -> None:
        """Walk through one part. One that `must` be XML raises where it is not; pictures and the like are counted."""
        if self.too_much:
            return
        content = self._unpacked(archive, entry)
        if self.too_much or self._glanced(content):
            return
        self._begin(_last(entry.filename) == "sharedstrings.xml")
        try:
            self._parser.Parse(content, True)
        except (expat.ExpatError, ValueError):
            if must:
                raise
        self._cells += self._height * self._width

    def _unpacked(self, archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
        """What really is in a part, read until it is too much."""
        entry.file_size = 1 << 62  # only declared; reading ends where the packed bytes do
        pieces: list[bytes] = []
        with archive.open(entry) as part:
            while self.left >= 0 and (piece := part.read(_PIECE)):
                self.left -= len(piece)
                pieces.append(piece)
        return b"".join(pieces)

    def _glanced(self, content: bytes) -> bool:
        """Whether a glance was enough: a sheet written as every program writes it, and small by its names of cells.

        Walking costs ten times what reading does, so it is left for what looks odd.
        """
        if b"<" not in content[:100] or content.startswith((b"\xff\xfe", b"\xfe\xff")):
            return False
        if b"<Relationship" in content or b"sst" in content[:1000]:
            return False
        cells = _CELL.findall(content)
        if len(cells) != len(_ANY_CELL.findall(content)):
            return False
        if not cells:
            return True
        rows = {int(row) for _, row in cells}
        columns = {_place(f"{column.decode()}1")[1] for column in {column for column, _ in cells}}
        area = (max(rows) - min(rows) + 1) * (max(columns) - min(columns) + 1)
        longest = max(self._lengths, default=0)
        if self._cells + area > self.most.cells or self._characters + longest * len(cells) > self.most.unpacked:
            return False
        self._cells += area
        self._characters += longest * len(cells)
        return True

    def _begin(self, strings: bool) -> None:
        self._strings = strings
        self._row = self._column = 0
        self._box: tuple[int, int, int, int] | None = None
        self._text: list[str] | None = None
        self._shared = False
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters_of
        parser.StartDoctypeDeclHandler = self._doctype
        self._parser = parser

    @property
    def _height(self) -> int:
        return 0 if self._box is None else self._box[1] - self._box[0] + 1

    @property
    def _width(self) -> int:
        return 0 if self._box is None else self._box[3] - self._box[2] + 1

    def _doctype(self, *_: object) -> None:
        raise ValueError("a workbook declares no document type")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        kind = name.rpartition(":")[2]
        if kind == "c":
            self._shared = attributes.get("t") == "s"
            if "r" in attributes:
                self._row, self._column = _place(attributes["r"])
        elif kind == "row" and "r" in attributes:
            self._row = int(attributes["r"]) - 1
        elif kind in {"v", "is", "f"}:
            self._fill()
            self._text = [] if self._shared else None
        elif kind == "si" and self._strings:
            self._lengths.append(0)
        elif kind == "Relationship":
            self.targets.add(_last(attributes.get("Target", "")))

    def _fill(self) -> None:
        """Take the place of the present cell into the rectangle."""
        row, column = self._row, self._column
        top, bottom, left, right = self._box or (row, row, column, column)
        self._box = min(top, row), max(bottom, row), min(left, column), max(right, column)

    def _end(self, name: str) -> None:
        kind = name.rpartition(":")[2]
        if kind == "c":
            self._column += 1
        elif kind == "row":
            self._row, self._column = self._row + 1, 0
        elif kind == "v" and self._text is not None:
            at = "".join(self._text)
            self._characters += self._lengths[int(at)] if at.isdecimal() and int(at) < len(self._lengths) else 0
            self._text = None

    def _characters_of(self, text: str) -> None:
        if self._strings and self._lengths:
            self._lengths[-1] += len(text)
        elif self._text is not None:
            self._text.append(text)


def _place(reference: str) -> tuple[int, int]:
    """Row and column, from 0, of a cell like B7."""
    found = _REFERENCE.fullmatch(reference)
    if found is None:
        raise ValueError("no cell has such a name")
    column = 0
    for letter in found[1].upper():
        column = column * 26 + ord(letter) - 64
    return int(found[2]) - 1, column - 1


def _cell_text(cell: Any, say: Say) -> str | None:
    """A cell of a workbook as text: whole numbers without `.0`, dates and times in ISO 8601."""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float) and cell.is_integer():
        if abs(cell) >= EXACT_IN_EXCEL:
            say("a cell holds a number of more than fifteen digits, whose end Excel has lost: format codes as text")
        return str(int(cell))
    if isinstance(cell, datetime | date | time):
        return cell.isoformat()
    return str(cell).strip() or None
