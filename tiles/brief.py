"""Poverty clusters and sites on two sheets of A4, for a meeting: the answer and a map, then the tables behind it.

Who reads it has a copy in black and white before them and never saw a GIS. The same answers give the same bytes:
nothing says when it was printed.
"""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from tiles import brief_map, brief_tables
from tiles.brief_map import Outline
from tiles.brief_words import Told, answer, area, date, facts
from tiles.frame import MARGIN, PAPERS
from tiles.paper import Pages, fitted, lines
from tiles.wording import Wording

__all__ = ["Brief", "Outline", "Told", "draw"]

#: The side of the code that leads to the page, millimetres.
CODE = 31.0
#: The map's height at most, millimetres.
MAP = 190.0
#: Sizes of type, points: name of the brief, the answer, facts beside it, the foot.
TITLE, ANSWER, FACT, FOOT = 10.0, 15.0, 10.0, 7.0
#: Room of the foot, millimetres.
FOOT_ROOM = 6.0


@dataclass(frozen=True)
class Brief:
    """What is told, of which release (`head`, as every answer says it), where, and the page with the same question."""

    told: Told
    head: Mapping[str, Any]
    zone: ZoneInfo
    outlines: Sequence[Outline]
    address: str


def draw(brief: Brief, words: Wording) -> bytes:
    """The brief as a PDF."""
    into = io.BytesIO()
    pages = Pages(into, f"{words('brief.title')}: {area(words, brief.told)}", words.language)
    wide, high = PAPERS["a4"]
    with pages.page((wide, high), words("brief.page_map")), pages.moved(MARGIN, MARGIN):
        _first(pages, brief, words, wide - 2 * MARGIN, high - 2 * MARGIN)
    with pages.page((wide, high), words("brief.page_tables")), pages.moved(MARGIN, MARGIN):
        _second(pages, brief, words, wide - 2 * MARGIN, high - 2 * MARGIN)
    pages.save()
    return into.getvalue()


def _first(pages: Pages, brief: Brief, words: Wording, wide: float, high: float) -> None:
    """The answer, what else is to be known, and the map with its legend."""
    told = brief.told
    y = _head(pages, brief, words, wide, high)
    for fact in facts(words, told):
        for at, line in enumerate(lines(fact, FACT, wide - 4, 2)):
            y -= 4.5
            if not at:
                pages.text(0.4, y, "•", FACT, bold=True)
            pages.text(4, y, line, FACT)
        y -= 0.6
    view = brief_map.seen(told, brief.outlines, wide, min(MAP, y - 3 - brief_map.UNDER - FOOT_ROOM))
    y -= 3 + view.height
    with pages.moved(0, y):
        brief_map.draw(pages, view, told, brief.outlines, words)
    brief_map.legend(pages, y, view, told, words)
    _foot(pages, brief, words, wide, 1)


def _second(pages: Pages, brief: Brief, words: Wording, wide: float, high: float) -> None:
    y = brief_tables.draw(pages, brief.told, words, wide, high)
    measure = words(f"published.measure_{brief.head['measure']}", cut_off=brief.head.get("cut_off"))
    brief_tables.rules(pages, brief.told, words, wide, y - 3, measure)
    _foot(pages, brief, words, wide, 2)


def _head(pages: Pages, brief: Brief, words: Wording, wide: float, high: float) -> float:
    """What it is, as of when, the answer, and the code that leads to the page; gives where it ends."""
    told, head = brief.told, brief.head
    room = wide - CODE - 4
    y = high - 3.6
    pages.text(0, y, fitted(f"{words('brief.title')} · {area(words, told)}", TITLE, room, bold=True), TITLE, bold=True)
    y -= 4.4
    when = date(words, head["as_of"], brief.zone)
    kind = words(f"published.kind_{head['kind']}")
    said = words("brief.release", release=head["release"], kind=kind, as_of=when)
    pages.text(0, y, fitted(f"{said}. {head['campaign']}", 8.5, room), 8.5)
    if head["simulated"]:
        y -= 6
        pages.box(0, y - 1.4, room, 5, fill=0, edge=False)
        pages.text(room / 2, y, words("sheet.simulated"), 9, bold=True, grey=1, align="middle")
    y -= 3
    for line in lines(answer(words, told), ANSWER, room, 5, bold=True):
        y -= 6.3
        pages.text(0, y, line, ANSWER, bold=True)
    pages.code(wide - CODE, high - CODE, CODE, brief.address)
    pages.text(wide - CODE / 2, high - CODE - 2.4, words("brief.live"), 7, align="middle")
    return min(y, high - CODE - 3) - 1.5


def _foot(pages: Pages, brief: Brief, words: Wording, wide: float, number: int) -> None:
    """Of which release and which sites it is: who has both gets the same brief."""
    head, told = brief.head, brief.told
    at = told.head["sites_recorded_at"]
    sites = (
        words("brief.sites_none")
        if at is None
        else words("brief.sites_version", version=told.head["sites_version"], at=date(words, at, brief.zone))
    )
    as_of = words("brief.as_of", release=head["release"], at=words.moment(head["as_of"], brief.zone))
    said = f"{as_of}; {sites}; {words('published.term_digest')} {head['digest'][:16]}"
    pages.pen(0.2, 0.4)
    pages.line((0, 3.6), (wide, 3.6))
    pages.text(0, 0.4, fitted(said, FOOT, wide - 12), FOOT)
    pages.text(wide, 0.4, f"{number}/2", 9, bold=True, align="right")
