"""What is to be ticked off on a printed sheet: visits due, families missing from the list, houses without a visit.

Each line has an empty box and room for a note. Lines flow in columns over as many pages as they need, up to MOST; what
has no room then is counted, and to be looked up on the live page.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby, pairwise

import numpy as np

from geo.watch.sheets import Call, Sheet
from tiles.frame import MARGIN, PAPERS, Frame
from tiles.paper import Pages, fitted, width
from tiles.wording import Wording

#: Pages of a list at most.
MOST = 12
#: Head of a page, title of a part, room between columns: millimetres. Side of a box to be ticked.
HEAD, TITLE, BETWEEN, TICK = 12.0, 9.0, 6.0, 3.6
#: Families of a building in one line.
FAMILIES = 5

Drawing = Callable[[Pages, float], None]


@dataclass(frozen=True)
class Part:
    """Lines of one kind, each `high` and drawn from its lower left corner, in columns of `least` or more."""

    title: str
    high: float
    least: float
    lines: tuple[Drawing, ...]
    named: Drawing


@dataclass(frozen=True)
class Block:
    """A part, or some of it, on a page: its upper edge, and columns."""

    part: Part
    top: float
    columns: int


def listed(sheet: Sheet, frame: Frame, squares: Sequence[str | None], words: Wording) -> list[Part]:
    """All that is to be ticked off, in the order of who walks. `squares` are those of the callbacks."""
    found, note = [], partial(_named_note, words=words)
    if sheet.calls:
        numbered = zip(range(1, len(sheet.calls) + 1), sheet.calls, squares, strict=True)
        lines = tuple(_call(sheet, n, call, square, words) for n, call, square in numbered)
        found.append(
            Part(words("sheet.calls", n=words.number(len(lines))), 9.5, 120, lines, partial(_named_calls, words=words))
        )
    if sheet.missing:
        title = words("sheet.missing", n=words.number(len(sheet.missing)))
        found.append(Part(title, 6.6, 85, tuple(_buildings(sheet.missing, words)), note))
    bare = _bare(sheet, frame)
    if bare:
        title = words("sheet.houses", n=words.number(sum(count for _, count in bare)))
        found.append(Part(title, 6.6, 85, tuple(_square(square, count) for square, count in bare), note))
    return found


def paginated(parts: Sequence[Part], paper: str) -> list[list[Block]]:
    """The pages of a list, each with what stands on it."""
    short, long = PAPERS[paper]
    wide, top = short - 2 * MARGIN, long - MARGIN - HEAD
    pages: list[list[Block]] = []
    y = -1.0
    for part in parts:
        columns = max(1, int((wide + BETWEEN) // (part.least + BETWEEN)))
        rest = part.lines
        while rest:
            rows = int((y - MARGIN - TITLE) // part.high)
            if rows < min(3, -(-len(rest) // columns)):
                pages.append([])
                y = top
                rows = int((y - MARGIN - TITLE) // part.high)
            some, rest = rest[: rows * columns], rest[rows * columns :]
            pages[-1].append(Block(replace(part, lines=some), y, columns))
            y -= TITLE + -(-len(some) // columns) * part.high + 3
    return pages


def draw(pages: Pages, sheet: Sheet, found: Sequence[Sequence[Block]], paper: str, words: Wording) -> None:
    """The pages of a list."""
    short, long = PAPERS[paper]
    wide = short - 2 * MARGIN
    left = sum(len(block.part.lines) for page in found[MOST:] for block in page)
    for at, page in enumerate(found[:MOST], start=2):
        with pages.page((short, long)):
            _head(pages, sheet, words, (MARGIN, long - MARGIN, wide), f"{at}/{min(len(found), MOST) + 1}")
            for block in page:
                _block(pages, block, wide)
            if left and at == MOST + 1:
                pages.text(MARGIN, MARGIN - 4, words("sheet.more", n=words.number(left)), 8, bold=True)


def _head(pages: Pages, sheet: Sheet, words: Wording, at: tuple[float, float, float], count: str) -> None:
    """Which block a page is of, should it come loose."""
    x, y, wide = at
    pages.text(x, y - 5, sheet.head.code, 13, bold=True)
    start = x + width(sheet.head.code, 13, bold=True) + 3
    about = sheet.about
    told = words.moment(about.as_of, about.zone) + (f"   {words('sheet.simulated')}" if about.simulated else "")
    end = x + wide - width(count, 12, bold=True) - 4
    pages.text(x + wide, y - 5, count, 12, bold=True, align="right")
    pages.text(end, y - 5, told, 8, align="right")
    pages.text(start, y - 5, fitted(sheet.head.name, 10, end - width(told, 8) - 3 - start), 10)
    pages.pen(0.4)
    pages.line((x, y - 7.5), (x + wide, y - 7.5))


def _block(pages: Pages, block: Block, wide: float) -> None:
    part, columns = block.part, block.columns
    pages.text(MARGIN, block.top - 5.2, part.title, 10.5, bold=True)
    column = (wide - (columns - 1) * BETWEEN) / columns
    rows = -(-len(part.lines) // columns)
    for at in range(-(-len(part.lines) // rows)):
        with pages.moved(MARGIN + at * (column + BETWEEN), block.top - TITLE + 0.8):
            part.named(pages, column)
    for place, line in enumerate(part.lines):
        at, row = divmod(place, rows)
        with pages.moved(MARGIN + at * (column + BETWEEN), block.top - TITLE - (row + 1) * part.high):
            line(pages, column)
            pages.pen(0.1, 0.55)
            pages.line((0, 0), (column, 0))


def _tick(pages: Pages, x: float, y: float) -> None:
    pages.pen(0.35)
    pages.box(x, y, TICK, TICK)


def _note(pages: Pages, start: float, end: float) -> None:
    pages.pen(0.2, 0.0, (0.3, 0.9))
    pages.line((start, 1.4), (end, 1.4))


def _call(sheet: Sheet, number: int, call: Call, square: str | None, words: Wording) -> Drawing:
    """A visit due: box, number, square, which family, what came of it, visits used, when; room for a note."""
    who = named(call.building, call.sequence, words) or words("sheet.unlisted", id=call.household_id[-12:])
    result = words(f"count.{call.result}")
    zone = sheet.about.zone
    when = words(f"sheet.due_{call.due}")
    if call.due_at is not None and (call.agreed or call.due != "overdue"):
        at = f"{words.day(call.due_at, zone)} {words.time(call.due_at, zone)}"
        when = words("sheet.agreed" if call.agreed else "sheet.from", at=at)
        when = f"{words('sheet.due_overdue')}: {when}" if call.due == "overdue" else when

    def drawn(pages: Pages, wide: float) -> None:
        _tick(pages, 0.3, 4.9)
        pages.text(11.5, 5.3, str(number), 11, bold=True, align="right")
        pages.text(14, 5.3, square or "-", 10)
        room = _room(wide)
        pages.text(23, 5.5, fitted(f"{who} - {result}", 9, room - 23, bold=True), 9, bold=True)
        pages.text(23, 1.6, fitted(when, 8, room - 23 - 14), 8)
        for visit in range(3):  # visits used, of three
            pages.pen(0.25)
            pages.ring(room - 10 + visit * 3.4, 2.6, 1.1, fill=0 if visit < call.visits else None)
        _note(pages, room + 2, wide)

    return drawn


def _room(wide: float) -> float:
    """Where the note begins in the line of a visit due."""
    return min(0.62 * wide, 108.0)


def _named_calls(pages: Pages, wide: float, words: Wording) -> None:
    pages.text(_room(wide) - 11, 0, words("sheet.used"), 6.5, align="left")
    _named_note(pages, wide, words)


def _named_note(pages: Pages, wide: float, words: Wording) -> None:
    pages.text(wide, 0, words("sheet.note"), 6.5, align="right")


def named(building: str | None, sequence: int | None, words: Wording) -> str:
    """Where a family stands on the list."""
    found = [] if building is None else [words("sheet.building", n=building)]
    return ", ".join([*found, *([] if sequence is None else [words("sheet.sequence", n=sequence)])])


def _buildings(missing: Sequence[tuple[str | None, int | None]], words: Wording) -> list[Drawing]:
    """Families missing from the list, those of a building in one line, FAMILIES at most."""
    found = []
    for building, families in groupby(missing, key=lambda one: one[0]):
        sequences = [sequence for _, sequence in families]
        cuts = [*range(0, len(sequences), FAMILIES), len(sequences)]
        found += [_building(building, sequences[first:last], words) for first, last in pairwise(cuts)]
    return found


def _building(building: str | None, sequences: Sequence[int | None], words: Wording) -> Drawing:
    label = words("sheet.no_building") if building is None else words("sheet.building", n=building)

    def drawn(pages: Pages, wide: float) -> None:
        pages.text(0, 2.0, fitted(label, 8.5, 27, bold=True), 8.5, bold=True)
        x = 28.0
        for sequence in sequences:
            _tick(pages, x, 1.5)
            said = "" if sequence is None else str(sequence)
            pages.text(x + TICK + 0.8, 2.0, said, 8.5)
            x += TICK + 1.6 + max(width(said, 8.5), 3.5)
        _note(pages, x + 1, wide)

    return drawn


def _bare(sheet: Sheet, frame: Frame) -> list[tuple[str, int]]:
    """Houses without a visit by square of the map, row by row."""
    bare = sheet.houses.met == 0
    x, y = frame.at(sheet.houses.lon[bare], sheet.houses.lat[bare])
    names = [frame.square(*at) for at in zip(x.tolist(), y.tolist(), strict=True)]
    found, counts = np.unique([name or "-" for name in names], return_counts=True)
    both = zip(found.tolist(), counts.tolist(), strict=True)
    return [
        (name, min(count - first, BOXES)) for name, count in sorted(both, key=_row) for first in range(0, count, BOXES)
    ]


#: Houses of a square in one line.
BOXES = 12


def _row(counted: tuple[str, int]) -> tuple[str, str]:
    return counted[0][1:], counted[0]


def _square(square: str, count: int) -> Drawing:
    def drawn(pages: Pages, wide: float) -> None:
        pages.text(0, 2.0, square, 9.5, bold=True)
        for house in range(count):
            _tick(pages, 9 + house * (TICK + 0.9), 1.5)
        _note(pages, 10 + count * (TICK + 0.9), wide)

    return drawn
