"""Pages of a PDF, in millimetres: lines, signs and words, all of them vectors. The only user of reportlab.

Type is the standard Helvetica that every reader brings, so nothing is embedded: what Latin-1 (Windows-1252) lacks comes
out as a question mark. Everything is black or grey, for copies. The same calls give the same bytes.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO

import numpy as np
import shapely
from numpy.typing import NDArray
from reportlab.graphics.barcode.qrencoder import QRCode, QRErrorCorrectLevel
from reportlab.lib.units import mm
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfgen.canvas import Canvas

#: A point of type in millimetres.
POINT = 25.4 / 72

_PLAIN, _BOLD = "Helvetica", "Helvetica-Bold"
_CUT = "..."
_BREAK = re.compile(r"[^\S\xa0]+")


def printable(words: str) -> str:
    """What can be printed of some words: question marks for the rest, and for what breaks a line."""
    whole = "".join(c if c.isprintable() else " " for c in words)
    return whole.encode("cp1252", "replace").decode("cp1252")


def width(words: str, size: float, *, bold: bool = False) -> float:
    """How wide words of `size` points are, millimetres."""
    return float(stringWidth(printable(words), _BOLD if bold else _PLAIN, size)) / float(mm)


def fitted(words: str, size: float, room: float, *, bold: bool = False) -> str:
    """As much of some words as has `room` (millimetres)."""
    if width(words, size, bold=bold) <= room:
        return words
    while words and width(words + _CUT, size, bold=bold) > room:
        words = words[:-1]
    return words.rstrip() + _CUT if words else ""


def lines(words: str, size: float, room: float, most: int, *, bold: bool = False) -> list[str]:
    """Some words in at most so many lines of `room` millimetres; what is left over is cut.

    No line ends at a space that is said to hold (U+00A0).
    """
    found: list[str] = []
    line = ""
    for word in _BREAK.split(words.strip()):
        longer = f"{line} {word}".strip()
        if line and width(longer, size, bold=bold) > room:
            found.append(line)
            longer = word
        line = longer
    found.append(line)
    if len(found) > most:
        found = [*found[: most - 1], " ".join(found[most - 1 :])]
    return [fitted(line, size, room, bold=bold) for line in found]


class Pages:
    """A PDF that grows page by page and is written to `into` at the end. Greys go from 0, black, to 1."""

    def __init__(self, into: BinaryIO, title: str, language: str) -> None:
        self.canvas: Any = Canvas(into, invariant=1, pageCompression=1, lang=language)
        self.canvas.setTitle(printable(title))
        self.canvas.setAuthor("Cakupan")
        self.canvas.setCreator("Cakupan")
        self.count = 0

    @contextmanager
    def page(self, size: tuple[float, float], mark: str | None = None) -> Iterator[None]:
        """One page of a width and height; with `mark` it is in the table of contents."""
        self.canvas.setPageSize((size[0] * mm, size[1] * mm))
        self.canvas.scale(mm, mm)
        self.canvas.setLineJoin(1)
        self.canvas.setLineCap(1)
        self.count += 1
        if mark:
            self.canvas.bookmarkPage(f"p{self.count}")
            self.canvas.addOutlineEntry(printable(mark), f"p{self.count}")
        yield
        self.canvas.showPage()

    def save(self) -> None:
        """Write all of it."""
        self.canvas.save()

    @contextmanager
    def moved(self, x: float, y: float, angle: float = 0.0) -> Iterator[None]:
        """Draw as if (x, y) were the corner, turned by degrees."""
        self.canvas.saveState()
        self.canvas.translate(x, y)
        if angle:
            self.canvas.rotate(angle)
        yield
        self.canvas.restoreState()

    @contextmanager
    def inside(self, wide: float, high: float) -> Iterator[None]:
        """Draw nothing beyond a rectangle at the corner."""
        self.canvas.saveState()
        path = self.canvas.beginPath()
        path.rect(0, 0, wide, high)
        self.canvas.clipPath(path, stroke=0)
        yield
        self.canvas.restoreState()

    def text(
        self, x: float, y: float, words: str, size: float, *, bold: bool = False, grey: float = 0.0, align: str = "left"
    ) -> None:
        """Words of `size` points whose base line is at y; `align` says which end (or middle) is at x."""
        self.canvas.setFont(_BOLD if bold else _PLAIN, size * POINT)
        self.canvas.setFillGray(grey)
        draw = {
            "left": self.canvas.drawString,
            "middle": self.canvas.drawCentredString,
            "right": self.canvas.drawRightString,
        }
        draw[align](x, y, printable(words))

    def haloed(self, x: float, y: float, words: str, size: float, *, bold: bool = False) -> None:
        """Words in the middle of x, with white around so that they can be read upon lines."""
        self.canvas.saveState()
        self.canvas.setStrokeGray(1)
        self.canvas.setLineWidth(0.7)
        left = x - width(words, size, bold=bold) / 2
        for mode in (1, 0):  # their edge in white, then themselves
            said = self.canvas.beginText(left, y)
            said.setTextRenderMode(mode)
            said.setFont(_BOLD if bold else _PLAIN, size * POINT)
            self.canvas.setFillGray(0)
            said.textOut(printable(words))
            said.setTextRenderMode(0)
            self.canvas.drawText(said)
        self.canvas.restoreState()

    def pen(self, thick: float, grey: float = 0.0, dash: Sequence[float] = ()) -> None:
        """How lines are drawn from now on: millimetres."""
        self.canvas.setLineWidth(thick)
        self.canvas.setStrokeGray(grey)
        self.canvas.setDash(list(dash))

    def line(self, *places: tuple[float, float]) -> None:
        """A line through some places."""
        path = self.canvas.beginPath()
        path.moveTo(*places[0])
        for place in places[1:]:
            path.lineTo(*place)
        self.canvas.drawPath(path)

    def box(
        self, x: float, y: float, wide: float, high: float, *, fill: float | None = None, edge: bool = True
    ) -> None:
        """A rectangle, filled with a grey or not."""
        if fill is not None:
            self.canvas.setFillGray(fill)
        self.canvas.rect(x, y, wide, high, stroke=int(edge), fill=int(fill is not None))

    def ring(self, x: float, y: float, radius: float, *, fill: float | None = None, edge: bool = True) -> None:
        """A circle, filled with a grey or not."""
        if fill is not None:
            self.canvas.setFillGray(fill)
        self.canvas.circle(x, y, radius, stroke=int(edge), fill=int(fill is not None))

    def outline(self, shape: Any, *, fill: float | None = None, edge: bool = True) -> None:
        """A polygon, or several, or lines (millimetres); what is filled has its holes left out."""
        path = self._path(shape)
        if fill is not None:
            self.canvas.setFillGray(fill)
        self.canvas.drawPath(path, stroke=int(edge), fill=int(fill is not None), fillMode=0)

    def hatched(self, shape: Any, apart: float) -> None:
        """A polygon filled with lines that rise to the right, so many millimetres apart."""
        if shapely.is_empty(shape):
            return
        self.canvas.saveState()
        self.canvas.clipPath(self._path(shape), stroke=0, fillMode=0)
        west, south, east, north = shapely.bounds(shape).tolist()
        high = north - south
        for x in np.arange(west - high, east, apart).tolist():
            self.line((x, south), (x + high, north))
        self.canvas.restoreState()

    def code(self, x: float, y: float, side: float, words: str) -> None:
        """A QR code of `side` millimetres, its margin of four modules included, level Q: it bears losing a quarter."""
        dark = modules(words)
        module = side / (len(dark) + 8)
        self.box(x, y, side, side, fill=1, edge=False)
        self.canvas.setFillGray(0)
        path = self.canvas.beginPath()
        for row, line in enumerate(dark):
            edges = np.flatnonzero(np.diff(np.concatenate(([0], line.astype(np.int8), [0]))))
            top = y + side - (row + 5) * module
            for first, last in edges.reshape(-1, 2).tolist():
                path.rect(x + (first + 4) * module, top, (last - first) * module, module)
        self.canvas.drawPath(path, stroke=0, fill=1, fillMode=1)

    def _path(self, shape: Any) -> Any:
        path = self.canvas.beginPath()
        for part in shapely.get_parts(shape, return_index=False).tolist():
            polygon = part.geom_type == "Polygon"
            for ring in [part.exterior, *part.interiors] if polygon else [part]:
                places = shapely.get_coordinates(ring).tolist()
                path.moveTo(*places[0])
                for place in places[1 : -1 if polygon else None]:
                    path.lineTo(*place)
                if polygon:
                    path.close()
        return path


def modules(words: str) -> NDArray[np.bool_]:
    """The modules (n, n) of a QR code without its margin: True where dark, the first row on top (ISO/IEC 18004)."""
    made = QRCode(None, QRErrorCorrectLevel.Q)
    made.addData(words)
    made.make()
    side = made.getModuleCount()
    return np.array([[made.isDark(row, column) for column in range(side)] for row in range(side)], dtype=np.bool_)
