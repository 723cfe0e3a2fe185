"""The scale bar and the arrow to the north of every printed map."""

import shapely

from tiles.frame import View
from tiles.paper import Pages, width
from tiles.wording import Wording

#: Lengths of a scale bar at most, millimetres.
BAR = 50.0


def bar(scale: int) -> int:
    """The length of the scale bar of a map, metres: 1, 2 or 5 with noughts, as long as has room."""
    lengths = [step * noughts for noughts in (10, 100, 1_000, 10_000, 100_000) for step in (1, 2, 5)]
    return max(length for length in lengths if length * 1000 / scale <= BAR)


def scale(pages: Pages, view: View, words: Wording) -> shapely.Polygon:
    """The scale bar in the lower left corner; gives the room it takes."""
    ground = bar(view.scale)
    long = ground * 1000 / view.scale
    said = f"1 : {words.number(view.scale)}"
    wide = long + width(said, 9, bold=True) + width(words.metres(ground), 7.5) + 8
    pages.box(0, 0, wide, 6.4, fill=1, edge=False)
    pages.pen(0.25)
    for part in range(4):
        pages.box(2 + part * long / 4, 2.2, long / 4, 1.6, fill=part % 2)
    pages.text(2 + long + 1.5, 2.0, words.metres(ground), 7.5)
    pages.text(wide - 1.5, 2.0, said, 9, bold=True, align="right")
    return shapely.box(0, 0, wide, 6.4)


def north(pages: Pages, view: View, words: Wording) -> shapely.Polygon:
    """An arrow in the upper right corner; gives the room it takes."""
    x, y = view.width - 4.5, view.height - 8.6
    arrow(pages, x, y, words)
    return shapely.box(x - 3.2, y - 0.6, x + 3.4, y + 8.6)


def arrow(pages: Pages, x: float, y: float, words: Wording) -> None:
    """An arrow whose middle stands at x and whose foot at y."""
    pages.box(x - 3.2, y - 0.6, 6.6, 9.2, fill=1, edge=False)
    pages.pen(0.2)
    pages.outline(shapely.Polygon([(x - 1.6, y), (x, y + 5), (x + 1.6, y), (x, y + 1.1)]), fill=0)
    pages.text(x, y + 5.6, words("sheet.north"), 8, bold=True, align="middle")
