"""Single households as a list: a page at a time, each page found by an index whatever is asked.

Pages go by (number, id), which is how scopes and areas lie; in a box asked of a wide scope by (cell, id). Either way a
key of the page before is where the next one begins: a household that stays where it is comes exactly once, however many
are added in between; one that moves to another block may come twice, or not at all.

What a filter asks for may be rare, so a page looks at LOOK households at most, by the counts of the mirror: it may come
short of its limit, or empty, and still not be the last. Every page given out is audited, and each single household that
is looked at with its history.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Literal, NamedTuple

import numpy as np
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from geo import queries
from geo.errors import BadInput, NotFound
from geo.ground import cells
from geo.intake import visits
from geo.intake.visits import Told, Visits
from geo.schema import COUNTS, RESULTS
from geo.scope import Scope
from geo.trust import audit
from geo.watch import sums
from geo.watch.live import Snapshot

SQL = queries.load(__file__)

#: Households that a page with a filter looks at, about: a fifth of a second.
LOOK = 100_000

#: Numbers of areas up to which a scope is so small that a box in it is found by reading all of it.
FEW = 100

#: Square degrees up to which a box is small: 31 km², 120,000 families in the densest city.
SMALL = 0.0025

#: No cell is larger.
_LAST_CELL = 2**63 - 1

_KEY = re.compile(r"([nc])([0-9]{1,19})~([A-Za-z0-9._:/@+-]{0,64})")

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Question:
    """Which households: `within` an area's number (0: everywhere), or `unplaced`, those that count in no block.

    `box` holds the point (degrees: west, south, east, north), `since` and `until` are days, both included. `after` is
    the `next` of the page before.
    """

    within: int = 0
    unplaced: bool = False
    box: Box | None = None
    results: tuple[str, ...] = ()
    origin: str | None = None
    since: date = date.min
    until: date = date.max
    flag: str | None = None
    after: str | None = None
    limit: int = 100

    @property
    def filtered(self) -> bool:
        """Whether households of the areas asked for may be left out, the box apart."""
        return bool(self.results or self.origin or self.flag) or (self.since, self.until) != (date.min, date.max)


@dataclass(frozen=True)
class Page:
    """Rows in the order of their keys; how many there are on all pages, where that is known; where the next begins."""

    rows: list[dict[str, Any]]
    total: int | None
    next: str | None


@dataclass(frozen=True)
class History:
    """A household as lists have it, its revisions in the order they were captured, its visits, acts of closing it."""

    household: dict[str, Any]
    revisions: list[dict[str, Any]]
    visits: Visits
    closings: list[dict[str, Any]]


class _Key(NamedTuple):
    """Where a page begins: after an id of a number (`n`) or cell (`c`); without an id, with all of it."""

    kind: Literal["n", "c"]
    at: int
    id: str = ""

    def __str__(self) -> str:
        return f"{self.kind}{self.at}~{self.id}"


async def listing(db: AsyncConnection, live: Snapshot, scope: Scope, question: Question, format_: str = "json") -> Page:
    """One page of the households that the transaction's actor may see; giving it out is audited with its `format_`.

    The order is by number and id, or by cell and id. Raises BadInput for an `after` that was not given out for this
    question.
    """
    ranges = _ranges(live, scope, question)
    by_cell = _is_by_cell(scope, question, ranges)
    key = _key(question.after, "c" if by_cell else "n")
    beyond = None
    if by_cell and question.box:
        los, his = cells.ranges_over(question.box)
        name, spans = "by_cell", list(zip(los.tolist(), his.tolist(), strict=True))
    else:
        name, (spans, beyond) = "by_number", _looked_at(live, scope, question, ranges, key)
    found = await _found(db, name, _after(spans, key), replace(scope, ranges=tuple(ranges)), question)
    page = found[: question.limit]
    after = beyond
    if len(found) > len(page):
        after = _Key(key.kind, page[-1]["cell" if by_cell else "number"], page[-1]["household_id"])
    if page:
        numbers = {row["number"] for row in page}
        await audit.read(db, scope.actor, "households.list", numbers, len(page), format=format_)
    return Page(
        [_shown(live, row) for row in page], _total(live, scope, question, ranges), str(after) if after else None
    )


async def one(db: AsyncConnection, live: Snapshot, scope: Scope, household_id: str) -> History:
    """All that the transaction's actor may see of one household; that is audited. Raises NotFound outside its scope.

    Revisions and acts that counted in a block outside the scope are not among them.
    """
    of = {"household_id": household_id}
    row = (await db.execute(SQL["one"], of)).mappings().one_or_none()
    told = (await db.execute(SQL["revisions"], of)).mappings().all()
    if row is None or not told or not scope.covers(row["number"], row["number"]):
        raise NotFound("there is no such household, or it is not yours to see")
    found = visits.judged(Told(one["revision"], one["captured_at"], one["visit"]) for one in told)
    revisions = []
    for said, it in zip(told, found.judged, strict=True):
        hours = None if it.hours is None else round(it.hours, 2)
        revisions.append(dict(said) | {"hours": hours, "counts": it.counts, "too_soon": it.too_soon})
    closings = [dict(act) for act in (await db.execute(SQL["closings"], of)).mappings()]
    await audit.read(db, scope.actor, "households.read", [row["number"]], 1)
    return History(_shown(live, row), revisions, found, closings)


async def _found(
    db: AsyncConnection, name: str, spans: Sequence[tuple[int, int, str]], scope: Scope, question: Question
) -> Sequence[RowMapping]:
    """Rows of a page and one more, where there is one."""
    los, his, ids = ([span[at] for span in spans] for at in range(3))
    west, south, east, north = question.box or (None,) * 4
    asked = {
        "los": los,
        "his": his,
        "ids": ids,
        "scope": scope.multirange,
        "results": list(question.results),
        "origin": question.origin,
        "since": question.since,
        "until": question.until,
        "flag": question.flag,
        "west": west,
        "south": south,
        "east": east,
        "north": north,
        "limit": question.limit + 1,
    }
    if name == "by_number":
        del asked["scope"]  # its ranges are those asked for
    await db.execute(SQL["in_order"])
    return (await db.execute(SQL[name], asked)).mappings().all()


def _ranges(live: Snapshot, scope: Scope, question: Question) -> list[tuple[int, int]]:
    """The numbers asked for, as far as they lie in the scope."""
    if question.unplaced:
        return [] if question.within else scope.clip(0, 0)
    last = int(live.tree.last[question.within]) if question.within else len(live.tree) - 1
    return scope.clip(question.within, last)


def _is_by_cell(scope: Scope, question: Question, ranges: Sequence[tuple[int, int]]) -> bool:
    """Whether a box is read by its cells: those of a small box are few; else none may be passed over on the way."""
    if question.box is None:
        return False
    west, south, east, north = question.box
    if (east - west) * (north - south) <= SMALL:
        return sum(hi - lo + 1 for lo, hi in ranges) > FEW
    return scope.everything and not (question.within or question.unplaced or question.filtered)


def _key(after: str | None, kind: Literal["n", "c"]) -> _Key:
    if after is None:
        return _Key(kind, 0)
    found = _KEY.fullmatch(after)
    if found is None or found[1] != kind or int(found[2]) > _LAST_CELL:
        raise BadInput("after must be the `next` of the page before, and the rest as it was", code="bad-after")
    return _Key(kind, int(found[2]), found[3])


def _after(spans: Sequence[tuple[int, int]], key: _Key) -> list[tuple[int, int, str]]:
    """What of ascending ranges lies after a key, each with the id after which its first number or cell begins."""
    rest = [(max(lo, key.at), hi) for lo, hi in spans if hi >= key.at]
    return [(lo, hi, key.id if lo == key.at else "") for lo, hi in rest]


def _looked_at(
    live: Snapshot, scope: Scope, question: Question, ranges: Sequence[tuple[int, int]], key: _Key
) -> tuple[list[tuple[int, int]], _Key | None]:
    """The ranges that a page looks at, and where the next one begins if it need not find anything there."""
    rest = [(lo, hi) for lo, hi, _ in _after(ranges, key)]
    if not rest or not (question.filtered or question.box):
        return rest, None
    of, households = sums.of(live, scope), _households(live, scope)
    first, last = of.places(np.array([rest[0][0], rest[-1][1]])).tolist()
    after = max(int(np.searchsorted(households, households[first] + LOOK, side="right")) - 1, first + 1)
    if after > last:
        return rest, None
    edge = int(of.numbers(np.array([after]))[0])
    return [(lo, min(hi, edge - 1)) for lo, hi in rest if lo < edge], _Key("n", edge)


def _households(live: Snapshot, scope: Scope) -> sums.Running:
    """Running sums of households of any result over the numbers of the scope."""
    found: sums.Running = live.remember(
        ("households", scope.ranges), lambda: sums.of(live, scope).counts[:, _columns(RESULTS)].sum(axis=1)
    )
    return found


def _columns(results: Sequence[str]) -> list[int]:
    return [COUNTS.index(result) for result in results]


def _total(live: Snapshot, scope: Scope, question: Question, ranges: Sequence[tuple[int, int]]) -> int | None:
    """How many households the tallies count; None where they do not tell."""
    if question.box or question.origin or question.flag or (question.since, question.until) != (date.min, date.max):
        return None
    of = sums.of(live, scope)
    both = np.array(ranges, dtype=np.int64).reshape(-1, 2)
    counts = of.counts[of.places(both[:, 1]) + 1] - of.counts[of.places(both[:, 0])]
    return int(counts[:, _columns(list(dict.fromkeys(question.results)) or RESULTS)].sum())


def _shown(live: Snapshot, row: RowMapping) -> dict[str, Any]:
    """A row in the order of the contract."""
    tree, number = live.tree, row["number"]
    return {
        "household_id": row["household_id"],
        "revision": row["revision"],
        "block": row["block"],
        "code": tree.code[number] if number else None,
        "name": tree.name[number] if number else None,
        "located": tree.code[row["located"]] if row["located"] else None,
        "lon": row["lon"],
        "lat": row["lat"],
        "accuracy_m": None if row["accuracy_m"] is None else round(row["accuracy_m"], 2),
        "captured_at": row["captured_at"],
        "day": row["day"],
        "result": row["result"],
        "origin": row["origin"],
        "visit": row["visit"],
        "revisit_at": row["revisit_at"],
        "welfare": row["welfare"],
        "enumerator": row["enumerator"],
        "flags": (row["flags"] or "").split(),
        "closed": row["closed"],
    }
