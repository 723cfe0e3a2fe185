"""Whom to visit again, and when: up to three visits at least four hours apart, appointments first.

A household is *open* while its result is partial, not met or refused and nobody closed it. What is *due* follows from
the appointment made at the last visit, else from the hour from which the next visit counts:

`overdue`   a local day before today, or an appointment that passed more than an hour ago
`today`     some time today
`later`     another day
`spent`     the third visit is used up: to be closed, or visited by somebody else
`closed`    closed by a supervisor

The order is for who walks: appointments that were missed, longest ago first; today's appointments by the hour; then
those overdue without one, and today's, block by block; later ones by the hour; spent and closed ones block by block.
A household whose due changes while pages are read, by itself at midnight too, may come twice or not at all.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any

import numpy as np
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from geo import queries
from geo.errors import BadInput
from geo.intake.visits import BETWEEN, MOST
from geo.schema import COUNTS
from geo.scope import LAST, Scope
from geo.trust import audit
from geo.watch import coverage, sums
from geo.watch.live import Snapshot

SQL = queries.load(__file__)

#: What is due, as asked for and answered.
DUE = ("overdue", "today", "later", "spent", "closed")

#: The places of the list in its order, each with what is due there: with an appointment first, then without.
RANKS = ("overdue", "today", "overdue", "today", "later", "spent", "closed")

#: How long after its appointment a visit is overdue: people are late, and phones send a little later.
GRACE = timedelta(hours=1)

#: Open and closed households that are gone through for one answer: some seconds. A nation is asked about by regency.
MOST_OPEN = 1_000_000

_OPEN = [COUNTS.index(name) for name in ("partial", "not_met", "refused")]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_KEY = re.compile(r"([0-6])~([0-9]{1,17})~([0-9]{1,10})~([A-Za-z0-9._:/@+-]{1,64})")


@dataclass(frozen=True)
class Question:
    """Which visits: `within` an area's number (0: everywhere), `due` so (all but closed where empty).

    `after` is the `next` of the page before; `limit` 0 only counts.
    """

    within: int = 0
    due: tuple[str, ...] = ()
    after: str | None = None
    limit: int = 100


@dataclass(frozen=True)
class Page:
    """Rows, those on all pages, how many there are of each due whatever was asked, and where the next page begins."""

    rows: list[dict[str, Any]]
    total: int
    due: dict[str, int]
    next: str | None


async def listing(db: AsyncConnection, live: Snapshot, scope: Scope, question: Question, format_: str = "json") -> Page:
    """One page of the visits due that the transaction's actor may see; giving it out is audited with its `format_`.

    Raises BadInput for what is no `due` or no `after`, and where more than MOST_OPEN households would be gone through.
    """
    if unknown := set(question.due) - set(DUE):
        raise BadInput(f"nothing is due {sorted(unknown)[0]}: take one of {', '.join(DUE)}", code="bad-due")
    wanted = question.due or DUE[:-1]
    ranges = _ranges(live, scope, question.within)
    asked = _days(live) | _key(question.after)
    asked |= {
        "los": [lo for lo, _ in ranges],
        "his": [hi for _, hi in ranges],
        "ranks": [rank for rank, due in enumerate(RANKS) if due in wanted],
        "limit": question.limit + 1 if question.limit else 0,
    }
    await db.execute(SQL["as_gathered"])
    found = (await db.execute(SQL["listing"], asked)).mappings().all()
    counts = found[0]["counts"] or {}
    due = {name: sum(counts.get(str(rank), 0) for rank, of in enumerate(RANKS) if of == name) for name in DUE}
    listed = [row for row in found if row["household_id"] is not None]
    page = listed[: question.limit]
    rows = await _rows(db, live, page)
    if rows:
        numbers = {row["number"] for row in page}
        await audit.read(db, scope.actor, "callbacks.list", numbers, len(rows), format=format_)
    more = _after(page[-1]) if len(listed) > len(page) and page else None
    return Page(rows, sum(due[name] for name in dict.fromkeys(wanted)), due, more)


def _ranges(live: Snapshot, scope: Scope, within: int) -> list[tuple[int, int]]:
    """The numbers asked for, as far as they lie in the scope. Raises BadInput where too many households are there."""
    ranges = scope.clip(within, int(live.tree.last[within]) if within else LAST)
    counts = sums.of(live, scope).counts
    last = len(live.tree) - 1
    both = np.array([(lo, min(hi, last)) for lo, hi in ranges if lo <= last], dtype=np.int64).reshape(-1, 2)
    of = sums.of(live, scope)
    there = counts[of.places(both[:, 1]) + 1] - counts[of.places(both[:, 0])]
    if int(there[:, _OPEN].sum()) > MOST_OPEN:
        raise BadInput("this is too wide for one answer: name a smaller area in `within`", code="too-wide")
    return ranges


def _days(live: Snapshot) -> dict[str, Any]:
    """What the rules need of the calendar: local midnights as instants, by the campaign's clock and time zone."""
    now, zone, today = live.campaign.now(), live.campaign.zone, live.campaign.today()
    return {
        "today": datetime.combine(today, time.min, zone),
        "tomorrow": datetime.combine(today + timedelta(days=1), time.min, zone),
        "missed": now - GRACE,
        "between": BETWEEN,
        "most": MOST,
    }


async def _rows(db: AsyncConnection, live: Snapshot, page: Sequence[RowMapping]) -> list[dict[str, Any]]:
    """What is shown of a page, in its order."""
    if not page:
        return []
    of = {"edition_id": live.campaign.edition_id, "ids": [row["household_id"] for row in page]}
    known = {row["household_id"]: row for row in (await db.execute(SQL["shown"], of)).mappings()}
    # what moved out of sight since the list was made is left out
    return [_row(live, row, known[row["household_id"]]) for row in page if row["household_id"] in known]


def _row(live: Snapshot, row: RowMapping, more: RowMapping) -> dict[str, Any]:
    """One household in the order of the contract."""
    tree, number, due = live.tree, row["number"], RANKS[row["rank"]]
    return {
        "household_id": row["household_id"],
        "code": tree.code[number] if number else None,
        "name": tree.name[number] if number else None,
        "n": number,
        "place": coverage.above(live, number),
        "lon": more["lon"],
        "lat": more["lat"],
        "result": more["result"],
        "visits": row["used"],
        "captured_at": row["captured_at"],
        "earliest": row["captured_at"] + BETWEEN,
        "revisit_at": row["agreed_at"],
        "due": due,
        "due_at": None if due in {"spent", "closed"} else row["due_at"],
        "enumerator": more["enumerator"],
        "building": more["building"],
        "sequence": more["sequence"],
        "closed": row["closed"],
        "reason": more["reason"],
        "closed_at": more["closed_at"],
    }


def _after(row: RowMapping) -> str:
    """The key of the last row of a page."""
    return f"{row['rank']}~{(row['at'] - _EPOCH) // _MICROSECOND}~{row['number']}~{row['household_id']}"


def _key(after: str | None) -> dict[str, Any]:
    """Where a page begins, as parameters."""
    if after is None:
        return {"rank": None, "at": None, "number": None, "id": None}
    found = _KEY.fullmatch(after)
    if found is None or int(found[3]) > LAST:
        raise BadInput("after must be the `next` of the page before", code="bad-after")
    at = _EPOCH + int(found[2]) * _MICROSECOND
    return {"rank": int(found[1]), "at": at, "number": int(found[3]), "id": found[4]}
