"""Who works in an area, and who has not been heard of: enumerators, longest without news first.

An enumerator is at work in an area if it is assigned to blocks there, or if something that it recorded counts there.
News is a submission that arrived or a heartbeat. Submissions are looked for in the area asked about and in the blocks
that the enumerator is assigned to besides, as far as they are the caller's: who has moved on to the next village is not
silent. What its devices say of themselves goes by the enumerator, wherever it is. How much is probably still on its
phone is estimated from the mirror, by `unsent`.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from geo import queries
from geo.errors import BadInput
from geo.schema import COUNTS, RESULTS
from geo.scope import Scope
from geo.watch import coverage, unsent
from geo.watch.live import Snapshot
from geo.watch.sums import gap_of

SQL = queries.load(__file__)

#: What is to be said of an enumerator, first that fits.
STATES = ("never", "quiet", "unsynced", "fresh")

#: Hours without news after which an enumerator is quiet, where nothing else is asked. Most send every evening.
QUIET_HOURS = 24.0

#: Blocks that may be asked about at once: some seconds. A nation is asked about by regency.
MOST_BLOCKS = 50_000

_ZERO = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_DAY = date(1970, 1, 1)
_OF_RESULTS = np.isin(COUNTS, RESULTS).astype(np.int32)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class Question:
    """About whom: those at work `within` an area's number (0: everywhere), in any of `states` (all where empty).

    `quiet` are hours. `after` is the `next` of the page before.
    """

    within: int = 0
    quiet: float = QUIET_HOURS
    states: tuple[str, ...] = ()
    after: str | None = None
    limit: int = 100


@dataclass(frozen=True)
class Page:
    """Rows, those on all pages, how many are in which state whatever was asked for, and where the next page begins.

    `held` are records probably still on the phones of all at work there: as estimated, and the bounds of 80 %.
    """

    rows: list[dict[str, Any]]
    total: int
    states: dict[str, int]
    next: str | None
    held: tuple[int, int, int]


@dataclass
class _Known:
    """What is known of one enumerator. `last` is where and when its newest submission arrived."""

    assigned: set[int] = field(default_factory=set)
    supervisors: set[str] = field(default_factory=set)
    last: tuple[datetime, int] | None = None
    heard: RowMapping | None = None

    def sent(self, received: datetime, number: int) -> None:
        """Keep what arrived later."""
        self.last = max(self.last or (received, number), (received, number))


async def at_work(db: AsyncConnection, live: Snapshot, scope: Scope, question: Question) -> Page:
    """One page of enumerators at work in an area, as the transaction's actor may know of them.

    `scope` is what the caller answers for, not where it works itself; figures are over its part of the area. Instants
    are the campaign's; `hours` since the last word are null for one that never gave any. Raises BadInput for a broken
    `after`, an unknown state or more than MOST_BLOCKS blocks.
    """
    if unknown := set(question.states) - set(STATES):
        raise BadInput(f"no state {sorted(unknown)[0]}: take one of {', '.join(STATES)}", code="bad-state")
    blocks = coverage.visible(live, scope, "block", question.within)
    if len(blocks) > MOST_BLOCKS:
        raise BadInput("this is too wide for one answer: name a smaller area in `within`", code="too-wide")
    here = set(blocks.tolist())
    people = await _people(db, live, scope, question.within, here)
    now = live.campaign.now()
    rows = [_row(live, name, known, here, now, question.quiet) for name, known in people.items()]
    held = _held(live, list(people.values()), rows, here, now)
    rows.sort(key=_key_of)
    found = [row for row in rows if not question.states or row["state"] in question.states]
    key = _key(question.after)
    left = [row for row in found if _key_of(row) > key] if key else found
    page = left[: question.limit]
    more = f"{_key_of(page[-1])[0]}~{page[-1]['name']}" if len(left) > len(page) and page else None
    states = {state: sum(row["state"] == state for row in rows) for state in STATES}
    return Page(page, len(found), states, more, held)


async def _people(
    db: AsyncConnection, live: Snapshot, scope: Scope, within: int, here: set[int]
) -> Mapping[str, _Known]:
    """Enumerators at work in the blocks `here`, by name."""
    people: dict[str, _Known] = defaultdict(_Known)
    await db.execute(SQL["in_order"])
    heard = [number for number in here if not np.isnan(live.last_at[number])]
    for row in await db.execute(SQL["sent"], {"numbers": heard}):
        people[row.enumerator].sent(row.received_at, row.number)
    last = int(live.tree.last[within]) if within else len(live.tree) - 1
    asked = "{" + ",".join(f"[{lo},{hi}]" for lo, hi in scope.clip(within, last)) + "}"
    for row in await db.execute(SQL["assigned"], {"asked": asked, "names": list(people)}):
        if scope.covers(row.number, row.number):
            people[row.enumerator].assigned.add(row.number)
            if row.supervisor:
                people[row.enumerator].supervisors.add(row.supervisor)
    elsewhere = [(number, name) for name, known in people.items() for number in known.assigned - here]
    if elsewhere:
        numbers, names = zip(*elsewhere, strict=True)
        for row in await db.execute(SQL["elsewhere"], {"numbers": list(numbers), "names": list(names)}):
            people[row.enumerator].sent(row.received_at, row.number)
    await _hear(db, people, here)
    return {name: known for name, known in people.items() if known.heard and known.heard["works"]}


async def _hear(db: AsyncConnection, people: Mapping[str, _Known], here: set[int]) -> None:
    """What the devices of some people say, and when the newest of what they sent was captured.

    `works` is false for those who are no enumerators: a supervisor who once sent something itself.
    """
    lasts = [known.last or (None, None) for known in people.values()]
    of = {
        "names": list(people),
        "assigned": [bool(known.assigned & here) for known in people.values()],
        "numbers": [last[1] for last in lasts],
        "received": [last[0] for last in lasts],
    }
    for row in (await db.execute(SQL["people"], of)).mappings():
        people[row["name"]].heard = row


def _row(live: Snapshot, name: str, known: _Known, here: set[int], now: datetime, quiet: float) -> dict[str, Any]:
    """One enumerator as the contract has it."""
    said: Mapping[str, Any] = dict(known.heard or {})
    row = {
        "name": name,
        "supervisor": ", ".join(sorted(known.supervisors)) or None,
        **_figures(live, known.assigned & here),
        "captured_at": said.get("captured_at"),
        "received_at": known.last[0] if known.last else None,
        "heard_at": said.get("heard_at"),
        "queued": said.get("queued"),
        "last_event_at": said.get("last_event_at"),
    }
    word = _word(row)
    hours = max((now - word) / timedelta(hours=1), 0.0) if word else None
    return row | {"hours": None if hours is None else round(hours, 1), "state": _state(row, hours, quiet)}


def _held(
    live: Snapshot, people: Sequence[_Known], rows: Sequence[dict[str, Any]], here: set[int], now: datetime
) -> tuple[int, int, int]:
    """Puts into each row what is probably still on its phones, with the bounds of 80 %; gives the same for all.

    Of what the devices said waits, nothing is taken to wait any more once something arrived after that word.
    """
    campaign = live.campaign
    begins, over = (
        datetime.combine(day, time.min, campaign.zone) for day in (campaign.starts_on, campaign.ends_on + timedelta(1))
    )
    pairs = [(number, at) for at, known in enumerate(people) for number in known.assigned & here]
    numbers, who = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    owner = np.full(len(live.tree), -1, dtype=np.int64)
    owner[numbers] = who
    first = np.full(len(rows), np.nan)
    np.fmin.at(first, who, live.news.staff.since[numbers])
    begun = np.fmax(first, begins.timestamp())
    words = [_word(row) for row in rows]
    word = np.array([np.nan if at is None else at.timestamp() for at in words])
    waits = [row["queued"] or 0 if row["heard_at"] == said else 0 for row, said in zip(rows, words, strict=True)]
    days = campaign.days
    found = unsent.estimate(
        unsent.Heard(
            start=begins.timestamp(),
            offset=begins.utcoffset().total_seconds(),  # type: ignore[union-attr]  # it has a time zone
            word=np.where(word >= begun, word, np.nan),
            begun=begun,
            queued=np.array(waits, dtype=np.float64),
            made=_by_day(live, owner, len(rows), days),
            left=np.array([np.inf if row["gap"] is None and row["blocks"] else row["gap"] or 0 for row in rows]),
            planned=np.array([(row["expected"] or 0) / days for row in rows]),
        ),
        min(now, over).timestamp(),
    )
    names = ("held", "held_low", "held_high")
    for row, values in zip(rows, np.column_stack([found.held, found.low, found.high]).round().tolist(), strict=True):
        row |= {name: int(value) for name, value in zip(names, values, strict=True)}
    return round(found.total), round(found.total_low), round(found.total_high)


def _by_day(live: Snapshot, owner: NDArray[np.int64], people: int, days: int) -> NDArray[np.float64]:
    """Families of each (people, days of the campaign) by the days of the mirror, in blocks by their `owner`."""
    numbers = np.flatnonzero(owner >= 0)
    if not len(numbers):
        return np.zeros((people, days))
    # A slice, for what lies between is little, and nothing of it is copied.
    here = slice(*np.searchsorted(live.days.number, np.array((numbers[0], numbers[-1] + 1), live.days.number.dtype)))
    who = owner[live.days.number[here]]
    day = live.days.key[here] - (live.campaign.starts_on - _FIRST_DAY).days
    families = live.days.counts[here] @ _OF_RESULTS
    fits = (who >= 0) & (day >= 0) & (day < days)
    made = np.bincount((who * days + day)[fits], families[fits], people * days)
    return made.reshape(people, days).astype(np.float64)


def _figures(live: Snapshot, assigned: Iterable[int]) -> dict[str, int | None]:
    """Blocks, and the families expected, done and still to be found in them; null where none is known."""
    numbers = np.array(sorted(assigned), dtype=np.int64)
    expected = live.expected[numbers].astype(np.int64)
    known = expected >= 0
    if not known.any():
        return {"blocks": len(numbers), "expected": None, "done": None, "gap": None}
    gap = gap_of(expected[known], live.counts[numbers[known]])
    whole, left = int(expected[known].sum()), int(gap.sum())
    return {"blocks": len(numbers), "expected": whole, "done": whole - left, "gap": left}


def _state(row: Mapping[str, Any], hours: float | None, quiet: float) -> str:
    """What is to be said of an enumerator, first that fits (STATES)."""
    if hours is None:
        return "never"
    if hours >= quiet:
        return "quiet"
    event, received = row["last_event_at"], row["received_at"]
    if row["queued"] or (event and (received is None or event > received)):
        return "unsynced"
    return "fresh"


def _word(row: Mapping[str, Any]) -> datetime | None:
    """When an enumerator was last heard of."""
    words = [at for at in (row["received_at"], row["heard_at"]) if at is not None]
    return max(words, default=None)


def _key_of(row: Mapping[str, Any]) -> tuple[int, str]:
    """Place in the list: microseconds since 1970 of the last word, 0 where there was none, and the name."""
    word = _word(row)
    return (word - _ZERO) // _MICROSECOND if word else 0, row["name"]


def _key(after: str | None) -> tuple[int, str] | None:
    if after is None:
        return None
    at, divided, name = after.partition("~")
    if not divided or not at.isascii() or not at.isdecimal():
        raise BadInput("after must be the `next` of the page before", code="bad-after")
    return int(at), name
