"""What moving a programme's cut-off changes in its list, by area, and what the other scales say of the families moved.

The three scales answer different questions, so a family that one of them calls poor may stand outside a list that is
drawn by another: how many do is said beside every change. Families are counted as the census knows them; who receives
a programme is decided elsewhere, and by more than this.
"""

from dataclasses import dataclass
from datetime import date
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.ext.asyncio import AsyncConnection

from geo import queries
from geo.errors import BadInput
from geo.ground.areas import Tree
from geo.publish import paging
from geo.publish.paging import Wanted
from geo.scope import Scope

SQL = queries.load(__file__)

#: What a list may be cut by: decile 1–10, rank from 1, consultation group 1–4 (up to the cut-off), score (below it).
Scale = Literal["decile", "score", "rank", "consultation"]

#: The largest cut-off of those that are whole numbers; a score may be any.
MOST = {"decile": 10, "rank": 1_000_000_000, "consultation": 4}


@dataclass(frozen=True)
class Preset:
    """A programme, and where its list is cut."""

    programme: str
    scale: Scale
    cut_off: int


#: Cut-offs of 2025: PKH deciles 1–4, Sembako (BPNT) and PBI-JKN deciles 1–5.
PRESETS = (Preset("PKH", "decile", 4), Preset("Sembako", "decile", 5), Preset("PBI-JKN", "decile", 5))

#: Figures of an area: families known, without a value on the scale, in the list before and after, added and dropped;
#: of those how many field status or the forum calls poor, and how many poor ones stay outside the list after.
FIELDS = (
    *("families", "unknown", "before", "after", "added", "dropped", "added_poor_field", "added_poor_consultation"),
    *("dropped_poor_field", "dropped_poor_consultation", "outside_poor_field", "outside_poor_consultation"),
)
_HIDDEN = dict.fromkeys(FIELDS)
_CHANGED = [FIELDS.index("added"), FIELDS.index("dropped")]


@dataclass(frozen=True)
class Question:
    """By which scale a list is cut, where now (`before`) and where it might be (`after`), as known on a local day.

    Of the area numbered `within`, or of everything (0).
    """

    scale: Scale
    before: float
    after: float
    day: date
    zone: str
    within: int = 0


@dataclass(frozen=True)
class Counts:
    """Families by number of their block (b,), ascending; `of` (b, 12) has a column for each of FIELDS."""

    number: NDArray[np.int64]
    of: NDArray[np.int64]


@dataclass(frozen=True)
class Page:
    """Areas (p,) by number, those with most changes first, each with its figures; what the `whole` comes to."""

    numbers: NDArray[np.intp]
    rows: list[dict[str, int | None]]
    total: int
    whole: dict[str, int]
    next: int | None


async def read(db: AsyncConnection, tree: Tree, scope: Scope, asked: Question) -> Counts:
    """Families by block in `scope`, as the transaction's actor may see them.

    Raises BadInput (`bad-cut-off`) where a cut-off is none of its scale.
    """
    for cut_off in (asked.before, asked.after):
        if asked.scale != "score" and not (0 <= cut_off <= MOST[asked.scale] and cut_off == int(cut_off)):
            most = MOST[asked.scale]
            raise BadInput(f"a cut-off by {asked.scale} is a whole number from 0 to {most:,.0f}", code="bad-cut-off")
    spans = paging.spans(tree, scope, asked.within)
    of: dict[str, object] = {
        "measure": asked.scale,
        "before": asked.before,
        "after": asked.after,
        "day": asked.day,
        "zone": asked.zone,
    }
    of |= {"los": [lo for lo, _ in spans], "his": [hi for _, hi in spans]}
    columns = {"number": "i4"} | dict.fromkeys(FIELDS, "i8")
    rows = await queries.arrays(db, SQL["lists"], of, columns)
    return Counts(rows["number"].astype(np.int64), np.column_stack([rows[name] for name in FIELDS]).astype(np.int64))


def listing(tree: Tree, scope: Scope, counts: Counts, wanted: Wanted) -> Page:
    """One page of the areas that are wanted, those in which the list changes most first.

    Areas wholly outside the scope are left out; those only partly in it stand last, with nulls. Raises BadInput where
    `after` is none of the areas.
    """
    upto = np.concatenate((np.zeros((1, len(FIELDS)), dtype=np.int64), np.cumsum(counts.of, axis=0)))
    numbers, covered = paging.in_sight(tree, scope, wanted.numbers)
    first, last = np.searchsorted(counts.number, (numbers, tree.last[numbers] + 1))
    of = upto[last] - upto[first]
    order = np.lexsort((numbers, -of[:, _CHANGED].sum(axis=1), ~covered))
    numbers, covered, of = numbers[order], covered[order], of[order]
    at, following = paging.page(numbers, wanted.after, wanted.limit)
    each = zip(of[at].tolist(), covered[at].tolist(), strict=True)
    rows = [dict(zip(FIELDS, row, strict=True)) if whole else dict(_HIDDEN) for row, whole in each]
    parts = paging.spans(tree, scope, wanted.within)
    ends = [np.searchsorted(counts.number, (lo, hi + 1)) for lo, hi in parts]
    whole = sum((upto[end] - upto[begin] for begin, end in ends), upto[0]).tolist()
    return Page(numbers[at], rows, len(numbers), dict(zip(FIELDS, whole, strict=True)), following)
