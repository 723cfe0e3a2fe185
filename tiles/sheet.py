"""The printed sheet of one block: a map for who walks there with a copy of a copy, then what is to be ticked off.

Signs differ in form, not in colour: a dot in a thin square is a house where somebody has been, an open bold square one
where nobody has, a numbered ring a visit due (the number is that of the list), hatching a hole. The map is to a round
scale, in lettered squares that the list refers to; the QR code leads to the live page of the block.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO

import numpy as np
import shapely

from geo.watch.sheets import Buildings, Call, Sheet
from tiles import bearings, panel, signs, ticks
from tiles.frame import MARGIN, Frame, fitting
from tiles.paper import Pages, width
from tiles.wording import Wording

#: Sides of houses and radii of dots and rings, millimetres: at least, so that a copy still shows them.
HOUSE, DOT, STRAY, RING = 1.5, 0.5, 0.7, 2.2
#: Families met in one house from which their number is written beside it.
MANY = 4
#: Size of neighbours' codes, points.
LABEL = 8.0


@dataclass(frozen=True)
class Look:
    """How sheets are printed: paper, words, when; `address` gives the live page of a block by code and level."""

    paper: str
    words: Wording
    printed_at: datetime
    address: Callable[[str, str], str]


def begin(into: BinaryIO, look: Look, title: str) -> Pages:
    """A file of sheets that is written to `into` when it is saved."""
    return Pages(into, f"{look.words('sheet.title')} {title}", look.words.language)


def draw(pages: Pages, sheet: Sheet, bounds: tuple[float, float, float, float], look: Look) -> None:
    """Add the sheet of a block with `bounds` (degrees): a page with the map, then as many as its list needs."""
    frame = fitting(bounds, look.paper)
    squares = [_square(frame, call) for call in sheet.calls]
    listed = ticks.listed(sheet, frame, squares, look.words)
    more = ticks.paginated(listed, look.paper)
    with pages.page(frame.page, f"{sheet.head.code} {sheet.head.name}"):
        wide, high = frame.page
        left = wide - MARGIN - frame.width if frame.across else (wide - frame.width) / 2
        bottom = (high - frame.height) / 2 if frame.across else MARGIN
        said = panel.Said(
            sheet, look.words, look.printed_at, look.address(sheet.head.code, sheet.head.level), 1 + len(more)
        )
        panel.draw(pages, said, frame, left, bottom)
        with pages.moved(left, bottom):
            _map(pages, sheet, frame, look.words)
    ticks.draw(pages, sheet, more, look.paper, look.words)


def _square(frame: Frame, call: Call) -> str | None:
    if call.lon is None or call.lat is None:
        return None
    x, y = frame.at(np.array([call.lon]), np.array([call.lat]))
    return frame.square(float(x[0]), float(y[0]))


def _map(pages: Pages, sheet: Sheet, frame: Frame, words: Wording) -> None:
    """Everything inside the map's frame, and the names of its squares around it."""
    own = frame.drawn(sheet.outline)
    with pages.inside(frame.width, frame.height):
        _squares(pages, frame)
        _houses(pages, frame, sheet.around, plain=True)
        pages.pen(0.3, 0.35, (1.6, 1.0))
        lines = [shapely.boundary(one.shape) for one in sheet.neighbours]
        pages.outline(frame.drawn(shapely.line_merge(shapely.union_all(lines))))  # what two share, once
        _holes(pages, sheet, frame)
        pages.pen(1.0, 0.0)
        pages.outline(own)
        _houses(pages, frame, sheet.houses, plain=False)
        x, y = frame.at(sheet.strays[:, 0], sheet.strays[:, 1])
        for at in zip(x.tolist(), y.tolist(), strict=True):
            pages.ring(*at, STRAY, fill=0, edge=False)
        for hole in sheet.holes or ():
            at = shapely.get_coordinates(shapely.point_on_surface(frame.drawn(hole.shape)))[0]
            pages.haloed(
                float(at[0]),
                float(at[1]),
                words("sheet.about", n=words.number(hole.missing)),
                10 * frame.grown,
                bold=True,
            )
        _calls(pages, frame, sheet.calls)
        taken = [bearings.scale(pages, frame.view, words), bearings.north(pages, frame.view, words)]
        for label in _labels(sheet, frame, own, taken):
            with pages.moved(label.x, label.y, label.angle):
                pages.haloed(0, -1.0 * frame.grown, label.words, LABEL * frame.grown, bold=True)
    pages.pen(0.4)
    pages.box(0, 0, frame.width, frame.height)
    _names(pages, frame)


def _squares(pages: Pages, frame: Frame) -> None:
    pages.pen(0.15, 0.6)
    for column in range(1, frame.columns):
        pages.line((column * frame.cell, 0), (column * frame.cell, frame.height))
    for row in range(1, frame.rows):
        pages.line((0, row * frame.cell), (frame.width, row * frame.cell))


def _names(pages: Pages, frame: Frame) -> None:
    """Letters above and below the map, numbers on either side."""
    for column in range(frame.columns):
        middle = (column + 0.5) * frame.cell
        for y in (frame.height + 1.2, -3.6):
            pages.text(middle, y, chr(ord("A") + column), 9, bold=True, align="middle")
    for row in range(frame.rows):
        middle = frame.height - (row + 0.5) * frame.cell - 1.2
        for x, align in ((-1.4, "right"), (frame.width + 1.4, "left")):
            pages.text(x, middle, str(row + 1), 9, bold=True, align=align)


def _houses(pages: Pages, frame: Frame, houses: Buildings, *, plain: bool) -> None:
    """Houses as squares of the ground they cover; `plain` those of other blocks, of which nothing is said."""
    x, y = frame.at(houses.lon, houses.lat)
    side = np.maximum(np.sqrt(houses.area_m2) * 1000 / frame.scale, HOUSE * (0.7 if plain else 1))
    for at_x, at_y, wide, met in zip(x.tolist(), y.tolist(), side.tolist(), houses.met.tolist(), strict=True):
        seen = plain or met > 0
        if plain:
            pages.pen(0.12, 0.65)
        elif seen:
            pages.pen(0.15, 0.35)
        else:
            pages.pen(0.45, 0.0)
        pages.box(at_x - wide / 2, at_y - wide / 2, wide, wide, fill=None if plain else 1)
        if seen and not plain:
            pages.ring(at_x, at_y, max(DOT, min(wide / 5, 0.9 * frame.grown)), fill=0, edge=False)
            if met >= MANY:
                pages.haloed(at_x, at_y - wide / 2 - 2.1, f"x{met}", 6.5)


def _holes(pages: Pages, sheet: Sheet, frame: Frame) -> None:
    for hole in sheet.holes or ():
        shape = frame.drawn(hole.shape)
        pages.pen(0.2, 0.35)
        pages.hatched(shape, 1.5)
        pages.pen(0.35, 0.0, (0.2, 1.0))
        pages.outline(shape)


def _calls(pages: Pages, frame: Frame, calls: Sequence[Call]) -> None:
    """Numbered rings at their houses, or beside them with a line to the house where there is no room."""
    placed = [
        (n, call.lon, call.lat)
        for n, call in enumerate(calls, start=1)
        if call.lon is not None and call.lat is not None and _square(frame, call)
    ]
    if not placed:
        return
    number, lon, lat = zip(*placed, strict=True)
    x, y = frame.at(np.array(lon), np.array(lat))
    radius = RING * frame.grown
    ring_x, ring_y = signs.apart(x, y, radius)
    pages.pen(0.25)
    for from_x, from_y, to_x, to_y in zip(x.tolist(), y.tolist(), ring_x.tolist(), ring_y.tolist(), strict=True):
        if (from_x, from_y) != (to_x, to_y):
            pages.line((from_x, from_y), (to_x, to_y))
            pages.ring(from_x, from_y, 0.35, fill=0, edge=False)
    for n, at_x, at_y in zip(number, ring_x.tolist(), ring_y.tolist(), strict=True):
        pages.pen(0.35)
        pages.ring(at_x, at_y, radius, fill=1)
        size = (7.5 if n < 100 else 6) * frame.grown
        pages.text(at_x, at_y - 0.13 * size, str(n), size, bold=True, align="middle")


def _labels(sheet: Sheet, frame: Frame, own: shapely.Geometry, taken: Sequence[shapely.Polygon]) -> list[signs.Written]:
    """Codes of the blocks beside it: without what they have in common with it where they are of its village."""
    wanted = []
    for one in sheet.neighbours:
        above = sheet.head.above
        same = above and one.code.startswith(above) and len(one.code) > len(above)
        short = one.code[len(above) :].lstrip("-") if same else one.code
        choices = [words for words in (f"{short}  {one.name}", short) if words.strip()]
        size = LABEL * frame.grown
        sizes = [(words, width(words, size, bold=True) + 0.8, 3.2 * frame.grown) for words in choices]
        wanted.append(signs.Wanted(frame.drawn(one.shape), sizes))
    inner = shapely.box(0.5, 0.5, frame.width - 0.5, frame.height - 0.5)
    return signs.along(own, wanted, inner, taken, frame.scale)
