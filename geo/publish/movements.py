"""How forums moved families at the consultation: by forum and by every area above, and which forums stand out.

A forum may move a family to another group, and is meant to; that one moves nearly everybody is a reason to ring it up,
and no more. Movements stay inside the house: no release holds them.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.ext.asyncio import AsyncConnection

from geo import queries
from geo.ground.areas import Tree
from geo.publish import paging, peers
from geo.publish.paging import Wanted
from geo.publish.peers import Ordinary
from geo.scope import Scope

SQL = queries.load(__file__)

#: Consultation groups: 1 very poor … 4 not poor.
GROUPS = 4
#: From which share of its families a forum has moved nearly all of them.
NEARLY_ALL = 0.8
#: How unlikely the movements of a forum are where it stands out, and how many of those told may be mere accidents.
ODD, FALSE = 0.001, 0.01
#: Odds are told up to here: beyond, the distribution is not to be believed so far out.
MOST_ODDS = 1e9
#: Reasons of an area that are told one by one, the commonest first; the others are summed under OTHERS.
REASONS, OTHERS = 10, "*"

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Moves:
    """What forums did, by number of their block (f,), ascending, and `reasons` of the families moved, by that number.

    `matrix` (f, 5, 5) has families by group before (0: not known) and after.
    """

    forum: Ints
    matrix: Ints
    reasons: Mapping[int, Mapping[str, int]]


@dataclass(frozen=True)
class Judged:
    """Forums (f,) held against each other, whether one is an `outlier`, and what ordinary ones of their size move.

    `odds`: one in so many ordinary ones moves as many; `usual` is their mean, and `seldom` what they seldom exceed. NaN
    and −1 where nothing is to be said.
    """

    ordinary: Ordinary | None
    odds: NDArray[np.float64]
    usual: NDArray[np.float64]
    seldom: Ints
    outlier: NDArray[np.bool_]


@dataclass(frozen=True)
class Page:
    """Areas (p,) by number, those with outliers first, each with its figures; what the `whole` comes to."""

    numbers: NDArray[np.intp]
    rows: list[dict[str, Any]]
    total: int
    whole: dict[str, Any]
    ordinary: Ordinary | None
    next: int | None


#: Figures of an area, in the order of the contract; all null where it is not wholly in scope.
FIELDS = (
    *("families", "moved", "poorer", "richer", "stayed", "unknown", "share", "net"),
    *("forums", "outliers", "outlier", "odds", "usual", "seldom", "reasons", "matrix"),
)
_HIDDEN = dict.fromkeys(FIELDS)


async def read(db: AsyncConnection, tree: Tree, scope: Scope, since: date, until: date) -> Moves:
    """What forums did to families in `scope`, as the transaction's actor may see it; days are local dates.

    Families count whose newest consultation up to the day `until` is of `since` or later. A forum is the block that the
    event names; where it names none of `tree`, the block of the family.
    """
    spans = {"los": [lo for lo, _ in scope.ranges], "his": [hi for _, hi in scope.ranges]}
    asked = {"scope": scope.multirange, "since": since, "until": until}
    rows = (await db.execute(SQL["moves"], spans | asked)).all()
    blocks = {code: _block(tree, code) for code in {row.forum for row in rows if row.forum}}
    at = np.array([blocks.get(row.forum) or row.number for row in rows], dtype=np.int64)
    forum, place = np.unique(at[at > 0], return_inverse=True)
    matrix = np.zeros((len(forum), GROUPS + 1, GROUPS + 1), dtype=np.int64)
    reasons: dict[int, Counter[str]] = {}
    placed = [(number, row) for number, row in zip(at.tolist(), rows, strict=True) if number > 0]
    for where, (number, row) in zip(place.tolist(), placed, strict=True):
        matrix[where, row.before, row.after] += row.families
        if row.reason is not None:
            reasons.setdefault(number, Counter())[row.reason] += row.families
    return Moves(forum, matrix, reasons)


def _block(tree: Tree, code: str) -> int:
    """The block of a code; 0 where there is none."""
    return next((number for number in tree.by_code.get(code, []) if tree.last[number] == number), 0)


def judge(matrix: Ints) -> Judged:
    """Which forums stand out among all of these; `matrix` (f, 5, 5) as in Moves.

    Of those with at least LEAST_FAMILIES families, whoever moved nearly all, and whoever moved as many as an ordinary
    one does less than once in a thousand, so that of a hundred told at most one is an accident (false discovery rate).
    """
    families, moved = _known(matrix), _moved(matrix)
    enough = families >= peers.LEAST_FAMILIES
    odds, usual = np.full(len(families), np.nan), np.full(len(families), np.nan)
    seldom = np.full(len(families), -1, dtype=np.int64)
    outlier = enough & (moved >= NEARLY_ALL * families)
    ordinary = peers.learn(families, moved)
    if ordinary is not None:
        chance = peers.chances(ordinary, families[enough], moved[enough])
        odds[enough] = np.minimum(1 / np.maximum(chance, 1 / MOST_ODDS), MOST_ODDS)
        usual[enough] = ordinary.share * families[enough]
        seldom[enough] = peers.seldom_more(ordinary, families[enough])
        outlier[enough] |= (chance < ODD) & (peers.false_share(chance) < FALSE)
    return Judged(ordinary, odds, usual, seldom, outlier)


def listing(tree: Tree, scope: Scope, moves: Moves, wanted: Wanted) -> Page:
    """One page of the areas that are wanted, outliers first, then by odds and by the share moved.

    Areas wholly outside the scope are left out; those only partly in it stand last, with nulls. All forums in scope are
    held against each other, whatever is wanted. Raises BadInput where `after` is none of the areas.
    """
    judged = judge(moves.matrix)
    sums = _Sums(tree, moves, judged)
    numbers, covered = paging.in_sight(tree, scope, wanted.numbers)
    order = sums.order(numbers, covered)
    numbers, covered = numbers[order], covered[order]
    at, following = paging.page(numbers, wanted.after, wanted.limit)
    each = zip(numbers[at].tolist(), covered[at].tolist(), strict=True)
    rows = [sums.row(number) if whole else dict(_HIDDEN) for number, whole in each]
    return Page(
        numbers[at],
        rows,
        len(numbers),
        sums.whole(paging.spans(tree, scope, wanted.within)),
        judged.ordinary,
        following,
    )


class _Sums:
    """Figures of areas as sums over their forums, which lie side by side."""

    def __init__(self, tree: Tree, moves: Moves, judged: Judged) -> None:
        self.tree, self.moves, self.judged = tree, moves, judged
        begin = np.zeros((1, GROUPS + 1, GROUPS + 1), dtype=np.int64)
        self.upto = np.concatenate((begin, np.cumsum(moves.matrix, axis=0)))
        self.odd = np.append(0, np.cumsum(judged.outlier))

    def span(self, number: int, last: int) -> slice:
        """Places of the forums in closed numbers."""
        lo, hi = np.searchsorted(self.moves.forum, (number, last + 1))
        return slice(int(lo), int(hi))

    def order(self, numbers: NDArray[np.intp], covered: NDArray[np.bool_]) -> NDArray[np.intp]:
        """Places of areas in the order in which they are told."""
        lo = np.searchsorted(self.moves.forum, numbers)
        hi = np.searchsorted(self.moves.forum, self.tree.last[numbers] + 1)
        matrix = self.upto[hi] - self.upto[lo]
        known = np.maximum(_known(matrix), 1)
        single = self.tree.block[numbers] & (hi > lo)
        odds = np.zeros(len(numbers))
        odds[single] = np.nan_to_num(self.judged.odds[lo[single]])
        outliers = self.odd[hi] - self.odd[lo]
        keys = (numbers, -_moved(matrix) / known, -odds, -outliers, matrix.sum(axis=(1, 2)) == 0, ~covered)
        found: NDArray[np.intp] = np.lexsort(keys)
        return found

    def row(self, number: int) -> dict[str, Any]:
        """The figures of one area."""
        at = self.span(number, int(self.tree.last[number]))
        found = self._figures([at])
        alone = bool(self.tree.block[number]) and at.stop > at.start
        odds = float(self.judged.odds[at.start]) if alone else np.nan
        found |= {"odds": None, "usual": None, "seldom": None}
        if np.isfinite(odds):
            usual = round(float(self.judged.usual[at.start]), 1)
            found |= {"odds": float(f"{odds:.3g}"), "usual": usual, "seldom": int(self.judged.seldom[at.start])}
        matrix = self.upto[at.stop] - self.upto[at.start]
        found |= {"reasons": self._reasons(at), "matrix": matrix[1:, 1:].tolist()}
        return {name: found[name] for name in FIELDS}

    def whole(self, spans: list[tuple[int, int]]) -> dict[str, Any]:
        """What closed ranges of numbers come to."""
        found = self._figures([self.span(lo, hi) for lo, hi in spans])
        return {name: found[name] for name in FIELDS[: FIELDS.index("outlier")]}

    def _figures(self, spans: list[slice]) -> dict[str, Any]:
        matrix = sum((self.upto[at.stop] - self.upto[at.start] for at in spans), np.zeros_like(self.upto[0]))
        moved, known = int(_moved(matrix[None])[0]), int(_known(matrix[None])[0])
        poorer = int(np.tril(matrix[1:, 1:], -1).sum())
        outliers = sum(int(self.odd[at.stop] - self.odd[at.start]) for at in spans)
        return {
            "families": int(matrix.sum()),
            "moved": moved,
            "poorer": poorer,
            "richer": moved - poorer,
            "stayed": known - moved,
            "unknown": int(matrix[0].sum()),
            "share": round(moved / known, 4) if known else None,
            "net": moved - 2 * poorer,
            "forums": sum(at.stop - at.start for at in spans),
            "outliers": outliers,
            "outlier": outliers > 0,
        }

    def _reasons(self, at: slice) -> dict[str, int]:
        told: Counter[str] = Counter()
        for forum in self.moves.forum[at].tolist():
            told.update(self.moves.reasons.get(forum, {}))
        first = sorted(told.items(), key=lambda one: (-one[1], one[0]))
        rest = sum(many for _, many in first[REASONS:])
        return dict(first[:REASONS]) | ({OTHERS: rest} if rest else {})


def _known(matrix: Ints) -> Ints:
    """Families (n,) whose groups before and after are both known."""
    found: Ints = matrix[:, 1:, 1:].sum(axis=(1, 2))
    return found


def _moved(matrix: Ints) -> Ints:
    """Families (n,) whose groups before and after are known and differ."""
    found: Ints = _known(matrix) - np.trace(matrix[:, 1:, 1:], axis1=1, axis2=2)
    return found
