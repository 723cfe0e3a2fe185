"""The second page of the brief: clusters, reach, sites over capacity, proposed places, and how to read all of it."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from tiles.brief_words import (
    LETTERS,
    Row,
    Told,
    answer,
    area,
    capital,
    distance,
    figure,
    places,
    share,
    site,
    sure,
    with_error,
)
from tiles.paper import Pages, fitted, lines
from tiles.wording import Wording

#: Millimetres: height of a row, room between two tables.
ROW, GAP = 4.9, 5.0
#: Sizes of type, points.
SIZE, TITLE, SMALL = 8.5, 10.5, 7.5
#: Size of the rules, points.
RULE = 8.0
#: Rows at most; how many more there are is said.
CLUSTERS, OVER, PLACES, SETS = 12, len(LETTERS), 8, 6
#: Rules for reading, in the order in which they are said.
RULES = ("poor", "cluster", "sure", "error", "coverage", "distance", "capacity", "place", "once")


class Column(NamedTuple):
    """What stands above a column, how wide it is, at which end its words stand, and what room follows: millimetres."""

    title: str
    wide: float
    right: bool = False
    gap: float = 1.5


class Listed(NamedTuple):
    """A table: its title, columns, rows of words, and what is said where it has none or more than are shown."""

    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]
    note: str = ""


def draw(pages: Pages, told: Told, words: Wording, wide: float, top: float) -> float:
    """All tables, downward from `top`; gives where they end."""
    y = _drawn(pages, _clusters(told, words, wide), 0, top)
    half = (wide - GAP) / 2
    for left, right in ((_reach, _over), (_overlap, _placed)):
        ends = [y - GAP]
        for x, make in ((0.0, left), (half + GAP, right)):
            of = make(told, words, half)
            if of is not None:
                ends.append(_drawn(pages, of, x, y - GAP))
        y = min(ends)
    return y


def rules(pages: Pages, told: Told, words: Wording, wide: float, top: float, measure: str) -> float:
    """How to read it, downward from `top`; gives where it ends."""
    y = top - 3.6
    pages.text(0, y, words("brief.how"), TITLE, bold=True)
    y -= 1.2
    values = {"measure": measure, "site": site(words, told.programme), "against": area(words, told)}
    for rule in RULES:
        if _needless(rule, told):
            continue
        for at, line in enumerate(lines(words(f"brief.rule_{rule}", **values), RULE, wide - 4, 4)):
            y -= 3.6
            if not at:
                pages.text(0.6, y, "•", RULE)
            pages.text(3.4, y, line, RULE)
        y -= 0.5
    return y


def _needless(rule: str, told: Told) -> bool:
    """Whether a rule is about what is not there."""
    if rule == "place":
        return not told.placements
    if rule == "capacity":
        return not told.over
    return rule in {"sure", "cluster"} and not told.clusters["clusters"]


def _drawn(pages: Pages, of: Listed, x: float, top: float) -> float:
    wide = sum(column.wide for column in of.columns)
    y = top - 3.6
    pages.text(x, y, fitted(of.title, TITLE, wide, bold=True), TITLE, bold=True)
    if of.rows:
        y = _row(pages, of.columns, [column.title for column in of.columns], (x, y - 1), SMALL)
        pages.pen(0.35)
        pages.line((x, y - 1.2), (x + wide, y - 1.2))
        y -= 0.7
    for cells in of.rows:
        y = _row(pages, of.columns, cells, (x, y), SIZE)
        pages.pen(0.1, 0.6)
        pages.line((x, y - 1.2), (x + wide, y - 1.2))
    if of.note:
        for line in lines(of.note, SIZE, wide, 3):
            y -= ROW
            pages.text(x, y, line, SIZE)
    return y - 1


def _row(pages: Pages, columns: Sequence[Column], cells: Sequence[str], at: tuple[float, float], size: float) -> float:
    x, y = at[0], at[1] - ROW
    for column, words in zip(columns, cells, strict=True):
        shown = fitted(words, size, column.wide - column.gap)
        if column.right:
            pages.text(x + column.wide - column.gap, y, shown, size, align="right")
        else:
            pages.text(x, y, shown, size)
        x += column.wide
    return y


def _more(words: Wording, there: int, shown: int) -> str:
    return words("brief.more", n=words.number(there - shown)) if there > shown else ""


def _clusters(told: Told, words: Wording, wide: float) -> Listed:
    there: Sequence[Row] = told.clusters["clusters"]
    compared = told.clusters["before_release"] is not None
    whose = site(words, told.programme)
    made: list[tuple[Column, Callable[[Row], str]]] = [
        (Column(words("brief.col_number"), 8), lambda row: str(row["cluster"])),
        (Column(words("brief.col_where"), 0), places),
        (Column(words("brief.col_poor"), 22, right=True), lambda row: figure(words, row)),
        (Column(words("brief.col_families"), 18, right=True), lambda row: words.number(row["households"])),
        (Column(words("brief.col_share"), 22, right=True, gap=3), lambda row: share(words, row["share_band"])),
        (Column(capital(words("brief.col_nearest", site=whose)), 33), lambda row: _nearest(told, words, row)),
        (Column(words("brief.col_sure"), 23), lambda row: sure(words, row["sure"])),
    ]
    if compared:
        made.append((Column(words("brief.col_state"), 14), lambda row: words(f"brief.state_{row['state'] or 'new'}")))
    room = wide - sum(column.wide for column, _ in made)
    columns = [column._replace(wide=room) if not column.wide else column for column, _ in made]
    rows = [[say(row) for _, say in made] for row in there[:CLUSTERS]]
    note = _more(words, len(there), CLUSTERS) if there else answer(words, told)
    return Listed(words("brief.clusters"), columns, rows, note)


def _nearest(told: Told, words: Wording, row: Row) -> str:
    """The class of the nearest site of the programme, and whether it is beyond the distance asked about."""
    found = next((one for one in told.reach["clusters"] if one["cluster"] == row["cluster"]), None)
    if found is None:
        return "-"
    said = distance(words, found["class"])
    return words("brief.none_near", distance=said, km=told.km) if found["without_site"] and found["class"] else said


def _reach(told: Told, words: Wording, wide: float) -> Listed:
    whose = site(words, told.programme)
    there: Sequence[Row] = told.reach["classes"]
    before = bool(there) and there[0].get("before") is not None
    columns = [
        Column(words("brief.col_distance"), wide - (56 if before else 28)),
        Column(words("brief.col_poor"), 28, right=True),
    ]
    rows = [[distance(words, row["class"]), figure(words, row)] for row in there]
    if before:
        columns.append(
            Column(words("brief.col_before", release=told.reach["before_release"]["release"]), 28, right=True)
        )
        rows = [[*said, figure(words, row["before"])] for said, row in zip(rows, there, strict=True)]
    note = "" if rows else words("brief.fact_no_sites", site=whose)
    return Listed(words("brief.reach", site=whose), columns, rows, note)


def _over(told: Told, words: Wording, wide: float) -> Listed | None:
    if not told.sites["sites"]:
        return None
    there = told.over
    columns = [
        Column("", 6),
        Column(words("brief.col_site"), wide - 46),
        Column(words("brief.col_nearby"), 24, right=True),
        Column(words("brief.col_capacity"), 16, right=True),
    ]
    rows = [
        [letter, row["name"], figure(words, row), words.number(row["capacity"])]
        for letter, row in zip(LETTERS, there, strict=False)
    ]
    known = any(one["capacity"] is not None for one in told.sites["sites"])
    why = "none_over" if known and told.judged else "not_judged" if known else "fact_no_capacity"
    note = _more(words, len(there), OVER) if there else words(f"brief.{why}")
    return Listed(words("brief.over"), columns, rows, note)


def _placed(told: Told, words: Wording, wide: float) -> Listed | None:
    if told.placements is None:
        return None
    there: Sequence[Row] = told.placements["placements"]
    most = PLACES + CLUSTERS - min(len(told.clusters["clusters"]), CLUSTERS)  # rows that clusters leave free
    columns = [
        Column("", 9),
        Column(words("brief.col_where"), wide - 41),
        Column(words("brief.col_gained"), 32, right=True),
    ]
    rows = [
        [
            f"+{row['place']}",
            places(row),
            with_error(words, round(row["poor_gained"]), row["error"]),
        ]
        for row in there[:most]
    ]
    notes = [_more(words, len(there), most) if there else words("brief.no_places"), _short(told.placements, words)]
    title = words(f"brief.places_{told.placements['method']}", km=told.km)
    return Listed(title, columns, rows, " ".join(filter(None, notes)))


def _short(placed: Row, words: Wording) -> str:
    """How far from the best the places may be, where that is not known to be nothing."""
    if placed["optimal"]:
        return ""
    gap = placed["gap"]
    return words("brief.perhaps_not_best") if gap is None else words("brief.not_best", gap=f"{math.ceil(100 * gap)} %")


def _overlap(told: Told, words: Wording, wide: float) -> Listed | None:
    """Which programmes reach the same families, where there are several."""
    there: Sequence[Row] = told.reach["overlap"]
    if len(told.sites["programmes"]) < 2 or not there:
        return None
    columns = [Column(words("brief.col_programmes"), wide - 28), Column(words("brief.col_poor"), 28, right=True)]
    rows = [[" + ".join(row["programmes"]) or words("brief.no_programme"), figure(words, row)] for row in there[:SETS]]
    return Listed(words("brief.overlap", km=told.km), columns, rows, _more(words, len(there), SETS))
