"""Which part of the ground a printed map shows: at a round scale, upright or across, in lettered squares or without.

Lengths on paper are millimetres from the lower left corner of the map, y upward. The ground is taken as flat around the
map's middle, as `geo.watch.doors` does: over the 10 km of a large block that is off by less than the width of a line.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from geo.watch.doors import metres

Box = tuple[float, float, float, float]
Floats = NDArray[np.float64]

#: Papers by name: the shorter and the longer side, millimetres.
PAPERS = {"a4": (210.0, 297.0), "a3": (297.0, 420.0)}
#: Paper that stays blank around everything: printers need it, and squares are named there.
MARGIN = 10.0
#: Squares along the longer and the shorter side of the map: A to H, 1 to 8.
LONG, SHORT = 8, 7
#: The side of a square on A4.
A4_CELL = 27.0
#: Room between a block and the map's edge, as a share of a square: neighbours' codes stand there.
ROOM = 0.35

#: Denominators up to 1:5,000; beyond, these digits with ever more noughts.
_SCALES = (500, 750, 1_000, 1_250, 1_500, 2_000, 2_500, 3_000, 4_000, 5_000)
_STEPS = (1, 1.5, 2, 2.5, 5)
_FINER = (1, 1.25, 1.5, 2, 2.5, 3, 4, 5, 6, 8)
#: Where a block has no outline: what its map shows, metres.
_UNKNOWN = 100.0


@dataclass(frozen=True)
class View:
    """A map of so many millimetres, 1:`scale` around `lon`, `lat` (degrees)."""

    width: float
    height: float
    scale: int
    lon: float
    lat: float

    def at(self, lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
        """Where degrees lie on the map, millimetres."""
        x, y = metres(lon, lat, np.array([self.lon]), np.array([self.lat]))
        return x * 1000 / self.scale + self.width / 2, y * 1000 / self.scale + self.height / 2

    def drawn(self, shape: Any) -> Any:
        """A shape of degrees on the map, millimetres; not cut at its edge."""
        return shapely.transform(shape, lambda at: np.column_stack(self.at(at[:, 0], at[:, 1])))

    @property
    def box(self) -> Box:
        """What the map shows: degrees, west south east north."""
        step = 1e-3
        x, y = self.at(np.array([self.lon + step]), np.array([self.lat + step]))
        lon = step * self.width / 2 / (float(x[0]) - self.width / 2)
        lat = step * self.height / 2 / (float(y[0]) - self.height / 2)
        return self.lon - lon, self.lat - lat, self.lon + lon, self.lat + lat


@dataclass(frozen=True)
class Frame:
    """A map of 1:`scale` around `lon`, `lat` (degrees); `across` where it is wider than high.

    `cell` is a square's side, millimetres.
    """

    paper: str
    across: bool
    scale: int
    lon: float
    lat: float
    cell: float

    @property
    def columns(self) -> int:
        """Squares from left to right."""
        return LONG if self.across else SHORT

    @property
    def rows(self) -> int:
        """Squares from top to bottom."""
        return SHORT if self.across else LONG

    @property
    def width(self) -> float:
        """Millimetres."""
        return self.columns * self.cell

    @property
    def height(self) -> float:
        """Millimetres."""
        return self.rows * self.cell

    @property
    def grown(self) -> float:
        """How much larger signs and words on the map are than on A4: not quite as much as the map."""
        return float((self.cell / A4_CELL) ** 0.5)

    @property
    def page(self) -> tuple[float, float]:
        """Width and height of the paper, millimetres."""
        short, long = PAPERS[self.paper]
        return (long, short) if self.across else (short, long)

    @property
    def view(self) -> View:
        """The map without its squares."""
        return View(self.width, self.height, self.scale, self.lon, self.lat)

    def at(self, lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
        """Where degrees lie on the map, millimetres."""
        return self.view.at(lon, lat)

    def drawn(self, shape: Any) -> Any:
        """A shape of degrees on the map, millimetres; not cut at its edge."""
        return self.view.drawn(shape)

    @property
    def box(self) -> Box:
        """What the map shows: degrees, west south east north."""
        return self.view.box

    def square(self, x: float, y: float) -> str | None:
        """The square of a place on the map, like C4; None beyond its edge."""
        column, row = int(x // self.cell), int((self.height - y) // self.cell)
        if not (0 <= column < self.columns and 0 <= row < self.rows):
            return None
        return f"{chr(ord('A') + column)}{row + 1}"


def fitting(bounds: Box, paper: str) -> Frame:
    """The map of the largest round scale that shows all of `bounds` (degrees), the way round that gives it.

    Bounds that are not known (NaN) give a map around nowhere.
    """
    lon, lat, wide, high = _extent(bounds)
    short = PAPERS[paper][0]
    cell = float((short - 2 * MARGIN) // SHORT)
    best = None
    for across in (False, True):
        columns, rows = (LONG, SHORT) if across else (SHORT, LONG)
        room = 2 * ROOM * cell
        needed = max(wide / (columns * cell - room), high / (rows * cell - room)) * 1000
        found = Frame(paper, across, _round(needed, _STEPS), lon, lat, cell)
        if best is None or found.scale < best.scale:
            best = found
    assert best is not None  # noqa: S101  # there are two ways round
    return best


def viewing(bounds: Box, width: float, height: float, room: float) -> View:
    """The map of `width` and `height` that shows all of `bounds` (degrees) with `room` around, at the largest scale.

    The scale is round, in finer steps than that of sheets: nobody measures on it but along its bar.
    """
    lon, lat, wide, high = _extent(bounds)
    needed = max(wide / (width - 2 * room), high / (height - 2 * room)) * 1000
    return View(width, height, _round(needed, _FINER), lon, lat)


def _extent(bounds: Box) -> tuple[float, float, float, float]:
    """The middle of bounds in degrees, and how wide and high they are in metres."""
    if not np.isfinite(bounds).all():
        return 0.0, 0.0, _UNKNOWN, _UNKNOWN
    west, south, east, north = bounds
    lon, lat = (west + east) / 2, (south + north) / 2
    x, y = metres(np.array([west, east]), np.array([south, north]), np.array([lon]), np.array([lat]))
    return lon, lat, float(x[1] - x[0]), float(y[1] - y[0])


def _round(needed: float, steps: Sequence[float]) -> int:
    """The next round denominator."""
    for scale in _SCALES:
        if scale >= needed:
            return scale
    for power in count(3):
        for step in steps:
            if step * 10**power >= max(needed, _SCALES[-1] + 1):
                return round(step * 10.0**power)
    raise AssertionError("there is always a larger one")
