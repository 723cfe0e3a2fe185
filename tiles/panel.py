"""What stands beside a printed map: which block, who, how many are left, what the signs mean, and the way to the page.

On A4 the panel is a band above the map, or a column to its left where the map lies across; on A3 the same, larger.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import shapely

from geo.watch.sheets import Sheet
from tiles.frame import A4_CELL, MARGIN, Frame
from tiles.paper import Pages, fitted, lines, width
from tiles.wording import Wording

#: Room between panel and map: the letters of the squares stand in it.
GAP = 6.0
#: Room for the dates, and the line that says that data are simulated.
DATES = 13.0


@dataclass(frozen=True)
class Said:
    """What a panel needs besides the map: the sheet, words, when it is printed, the page's address, pages in all."""

    sheet: Sheet
    words: Wording
    printed_at: datetime
    address: str
    pages: int


def draw(pages: Pages, said: Said, frame: Frame, left: float, bottom: float) -> None:
    """The panel beside a map whose corner is at (left, bottom)."""
    high = frame.page[1]
    grown = frame.cell / A4_CELL
    x = MARGIN if frame.across else left
    with pages.moved(x, high - MARGIN):
        pages.canvas.scale(grown, grown)  # from here on down, y is below nought
        if frame.across:
            _upright(pages, said, (left - x - GAP) / grown, (high - 2 * MARGIN) / grown)
        else:
            _band(pages, said, frame.width / grown, (high - 2 * MARGIN - frame.height - (bottom - MARGIN)) / grown)


def _band(pages: Pages, said: Said, wide: float, high: float) -> None:
    """Three columns above the map: which block and who; figures and signs; the code."""
    code = 34.0
    first = 0.45 * (wide - code)
    y = _head(pages, said, 0, first - 4)
    _dates(pages, said, 0, min(y - 1, -(high - GAP - DATES)), first - 4)
    y = _figures(pages, said, first, wide - code - first - 4)
    _legend(pages, said.words, first, min(y - 1.5, -(high - GAP - 4 * 4.6)), (wide - code - first - 2) / 2, 4)
    _code(pages, said, wide - code, 0, code)


def _upright(pages: Pages, said: Said, wide: float, high: float) -> None:
    """The same in one column beside the map."""
    y = _head(pages, said, 0, wide)
    y = _figures(pages, said, 0, wide, y - 5)
    y = _dates(pages, said, 0, y - 5, wide)
    _legend(pages, said.words, 0, y - 5, wide, len(SIGNS))
    _code(pages, said, 0, -(high - 50), 44)


def _head(pages: Pages, said: Said, x: float, wide: float) -> float:
    """Code, name and place of the block, and who works there; gives where it ends."""
    head, words = said.sheet.head, said.words
    size = min(22.0, 22.0 * wide / max(width(head.code, 22, bold=True), 1))
    y = -7.0
    pages.text(x, y, head.code, max(size, 11), bold=True)
    y -= 6.2
    pages.text(x, y, fitted(head.name, 13, wide, bold=True), 13, bold=True)
    for line in lines(", ".join(head.place[:3]), 8.5, wide, 2):
        y -= 4.1
        pages.text(x, y, line, 8.5)
    y -= 1.2
    for key, who in (("sheet.enumerator", head.enumerator), ("sheet.supervisor", head.supervisor)):
        y -= 4.6
        label = f"{words(key)}: "
        pages.text(x, y, label, 9)
        start = width(label, 9)
        if who:
            pages.text(x + start, y, fitted(who, 9.5, wide - start, bold=True), 9.5, bold=True)
        else:
            pages.pen(0.2, 0, (0.3, 0.8))
            pages.line((x + start, y - 0.4), (x + wide, y - 0.4))
    return y


def _dates(pages: Pages, said: Said, x: float, y: float, wide: float) -> float:
    """Of which campaign and as of when; that data are simulated cannot be missed. Gives where it ends."""
    about, words = said.sheet.about, said.words
    y -= 3.4
    told = words("sheet.as_of", at=words.moment(about.as_of, about.zone), epoch=words.number(about.epoch))
    printed = words("sheet.printed", at=words.moment(said.printed_at, about.zone))
    for line in (*lines(told, 8, wide, 2, bold=True), *lines(f"{printed}. {about.campaign}", 7.5, wide, 2)):
        bold = line in told
        pages.text(x, y, line, 8 if bold else 7.5, bold=bold)
        y -= 3.5
    if about.simulated:
        pages.box(x, y - 2.4, wide, 4.6, fill=0, edge=False)
        pages.text(x + wide / 2, y - 1.1, words("sheet.simulated"), 8.5, bold=True, grey=1, align="middle")
        y -= 5
    return y


def _figures(pages: Pages, said: Said, x: float, wide: float, y: float = 0.0) -> float:
    """How many families are left and of how many; what is not known. Gives where it ends."""
    sheet, words = said.sheet, said.words
    figures, number = sheet.figures, words.number
    y -= 6.6
    left = number(figures["gap"])
    pages.text(x, y, left, 20, bold=True)
    start = width(left, 20, bold=True) + 1.8
    pages.text(x + start, y + 2.6, words("sheet.left"), 8.5)
    pages.text(
        x + start, y - 0.8, fitted(words(f"state.{figures['state']}"), 8.5, wide - start, bold=True), 8.5, bold=True
    )
    told = [
        words("sheet.done", done=number(figures["completed"]), expected=number(figures["expected"])),
        words(
            "sheet.to_do",
            calls=number(len(sheet.calls)),
            missing=number(None if sheet.missing is None else len(sheet.missing)),
            houses=number(int((sheet.houses.met == 0).sum()) if sheet.mapped else None),
        ),
        *unknown(sheet, words),
    ]
    y -= 1.0
    for line in [line for part in told for line in lines(part, 8, wide, 2)]:
        y -= 3.6
        pages.text(x, y, line, 8)
    return y


def unknown(sheet: Sheet, words: Wording) -> list[str]:
    """What nobody knows of the block, each in a few words."""
    tests = (
        ("outline", bool(shapely.is_empty(sheet.outline))),
        ("expected", sheet.figures["expected"] is None),
        ("houses", not sheet.mapped),
        ("list", sheet.missing is None),
    )
    missing = [words(f"sheet.no_{what}") for what, lacking in tests if lacking]
    return [words("sheet.unknown", what=", ".join(missing))] if missing else []


def _code(pages: Pages, said: Said, x: float, top: float, side: float) -> None:
    """The code that leads to the page, and how many pages there are; `top` is its upper edge."""
    pages.code(x, top - side, side, said.address)
    middle = x + side / 2
    pages.text(middle, top - side - 2.6, said.words("sheet.live"), 7.5, align="middle")
    address = said.address.partition("://")[2].partition("/")[0]
    pages.text(middle, top - side - 5.8, fitted(address, 7, side), 7, align="middle")
    pages.text(middle, top - side - 12, f"1/{said.pages}", 12, bold=True, align="middle")


def _house(pages: Pages, x: float, y: float) -> None:
    pages.pen(0.15, 0.35)
    pages.box(x - 1.5, y - 1.5, 3, 3, fill=1)
    pages.ring(x, y, 0.65, fill=0, edge=False)


def _empty(pages: Pages, x: float, y: float) -> None:
    pages.pen(0.45)
    pages.box(x - 1.5, y - 1.5, 3, 3, fill=1)


def _ring(pages: Pages, x: float, y: float) -> None:
    pages.pen(0.35)
    pages.ring(x, y, 2.0, fill=1)
    pages.text(x, y - 0.95, "7", 7.5, bold=True, align="middle")


def _hole(pages: Pages, x: float, y: float) -> None:
    shape = shapely.box(x - 3, y - 1.5, x + 3, y + 1.5)
    pages.pen(0.2, 0.35)
    pages.hatched(shape, 1.5)
    pages.pen(0.35, 0.0, (0.2, 1.0))
    pages.outline(shape)


def _edge(pages: Pages, x: float, y: float) -> None:
    pages.pen(1.0)
    pages.line((x - 2.8, y), (x + 2.8, y))


def _other(pages: Pages, x: float, y: float) -> None:
    pages.pen(0.3, 0.35, (1.6, 1.0))
    pages.line((x - 3, y), (x + 3, y))


def _stray(pages: Pages, x: float, y: float) -> None:
    pages.ring(x, y, 0.7, fill=0, edge=False)


def _beyond(pages: Pages, x: float, y: float) -> None:
    pages.pen(0.12, 0.65)
    pages.box(x - 1.2, y - 1.2, 2.4, 2.4)


#: The signs of the map in the order of the legend, by the ends of their texts' keys.
SIGNS: dict[str, Callable[[Pages, float, float], None]] = {
    "seen": _house,
    "unseen": _empty,
    "call": _ring,
    "hole": _hole,
    "stray": _stray,
    "edge": _edge,
    "other": _other,
    "beyond": _beyond,
}


def _legend(pages: Pages, words: Wording, x: float, y: float, wide: float, rows: int) -> None:
    """What the signs mean, downward from y in columns of so many rows."""
    for place, (name, sign) in enumerate(SIGNS.items()):
        column, row = divmod(place, rows)
        left, middle = x + column * wide, y - 2.3 - row * 4.6
        sign(pages, left + 3.2, middle)
        pages.text(left + 7.6, middle - 0.9, fitted(words(f"sheet.sign_{name}"), 7.2, wide - 8.4), 7.2)
