"""Doubts about records and points, as a list for whoever looks into them: evidence, and what people decided on it.

What is doubted is decided by the modules `doubts_*`, on arrays, and `doubts_told` makes flags of it. Records are looked
at village by village, with those that count in its visible blocks: an enumerator's records in two villages are not held
against each other. Villages are kept until a record more arrives for their blocks.

Reading rows is audited: they name households.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.ext.asyncio import AsyncConnection

from geo import queries
from geo.errors import BadInput, NotFound
from geo.intake import reviews
from geo.intake.reviews import Review
from geo.schema import COUNTS, RESULTS
from geo.scope import Scope
from geo.trust import audit
from geo.watch import coverage
from geo.watch.doors import Houses
from geo.watch.doubts import KINDS
from geo.watch.doubts_moved import Centres
from geo.watch.doubts_told import Flag, Ground, Village, looked_at, shape
from geo.watch.live import Snapshot
from geo.watch.villages import Kept, blocks_asked

SQL = queries.load(__file__)

#: States of a flag, as asked for and answered: nobody has decided, or what was decided.
STATES = ("open", "explained", "revisit")
#: Enumerators that are told with their shares.
MOST_NAMED = 50
#: Villages whose flags a process keeps for later questions.
KEPT = 500

#: Up to when something holds: the epoch of its blocks, and how many records have arrived for them.
Moved = tuple[int, int]

_FIRST_DAY = date(1970, 1, 1)
_FLAG = "flag"
_MET = [COUNTS.index(name) for name in RESULTS]


@dataclass(frozen=True)
class Question:
    """Which flags: `within` an area's number (0: everywhere), of `kinds` (all where empty), one `enumerator`, days.

    `since` and `until` are local days, both included; `state` is one of STATES or `all`. `after` is the `next` of the
    page before; `limit` 0 only counts.
    """

    within: int = 0
    kinds: tuple[str, ...] = ()
    enumerator: str | None = None
    since: date = date.min
    until: date = date.max
    state: str = "open"
    after: str | None = None
    limit: int = 100


@dataclass(frozen=True)
class Page:
    """Rows, least likely accidents first, and how many there are on all pages; open ones by kind whatever was asked.

    `enumerators` are those with open flags, `records` the submissions looked at. `next` is where the next page begins.
    """

    rows: list[dict[str, Any]]
    total: int
    kinds: dict[str, int]
    enumerators: list[dict[str, Any]]
    records: int
    next: str | None


@dataclass(frozen=True)
class Read:
    """What was read to answer a question: blocks asked about, decisions that stand, villages as kept and anew.

    `fresh` holds for each of the latter its key, up to when it holds, and what was read.
    """

    asked: NDArray[np.intp]
    reviews: dict[str, Review]
    kept: list[Village]
    fresh: list[tuple[Any, Moved, Ground]]


async def read(db: AsyncConnection, live: Snapshot, scope: Scope, within: int = 0) -> Read:
    """What has moved since it was last asked for, as the transaction's actor may see it; the rest is kept.

    Raises what `blocks_asked` raises for a wide area `within` (0: everywhere).
    """
    asked = blocks_asked(live, scope, within)
    memory = _memory(live)
    found = Read(asked, await reviews.standing(db, scope, _FLAG, asked.tolist()), [], [])
    await db.execute(SQL["in_order"])
    for parent in np.unique(live.tree.parent[asked]).tolist():
        numbers = coverage.visible(live, scope, "block", parent)
        numbers = numbers[live.tree.parent[numbers] == parent]
        # a corrected point need not change any count, so the epoch alone does not tell
        arrived = await db.scalar(SQL["arrived"], {"numbers": numbers.tolist()})
        key, moved = (scope.ranges, parent), (int(live.changed[numbers].max(initial=0)), int(arrived or 0))
        village = memory.get(key, moved)
        if village is None:
            found.fresh.append((key, moved, await _ground(db, live, scope, numbers)))
        else:
            found.kept.append(village)
    return found


def listing(live: Snapshot, scope: Scope, question: Question, found: Read) -> Page:
    """One page of the flags in the blocks that were `read` for the question. Takes a core for milliseconds a block.

    Raises BadInput (`bad-after`) for a broken `after`.
    """
    key = _key(question.after)
    days = _days(question)
    villages = _villages(live, scope, found)
    asked = set(found.asked.tolist())
    every = [
        flag
        for village in villages
        for flag in village.flags
        if flag.number in asked and days[0] <= flag.days[1] and flag.days[0] <= days[1]
    ]
    records = Counter[str | None]()
    for village in villages:
        for (number, name, day), many in village.records.items():
            if number in asked and days[0] <= day <= days[1]:
                records[name] += many
    unsettled = [flag for flag in every if flag.name not in found.reviews]
    who = _people(unsettled, records)
    if question.enumerator is not None:
        every, unsettled = (
            [one for one in some if one.enumerator == question.enumerator] for some in (every, unsettled)
        )
        records = Counter({question.enumerator: records[question.enumerator]})
    kinds = Counter(flag.kind for flag in unsettled)
    wanted = [flag for flag in every if _wanted(flag, question, found.reviews)]
    wanted.sort(key=_key_of)
    left = [flag for flag in wanted if _key_of(flag) > key] if key else wanted
    page = left[: question.limit]
    return Page(
        [_row(live, flag, found.reviews.get(flag.name)) for flag in page],
        total=len(wanted),
        kinds={kind: kinds[kind] for kind in KINDS},
        enumerators=who,
        records=sum(records.values()),
        next=f"{page[-1].weight:.3f}~{page[-1].name}" if len(left) > len(page) and page else None,
    )


def known(live: Snapshot, scope: Scope, found: Read, name: str) -> bool:
    """Whether there is a flag of this name in the blocks that were `read`, or something stands on one."""
    return name in found.reviews or any(
        name == flag.name for one in _villages(live, scope, found) for flag in one.flags
    )


def number_of(name: str) -> int:
    """The number of the block that the name of a flag holds. Raises NotFound where it is no name of a flag."""
    kind, _, rest = name.partition("-")
    number, _, digest = rest.partition("-")
    if kind not in KINDS or not (number.isascii() and number.isdecimal() and len(number) < 10 and digest):
        raise NotFound("there is no such flag, or it is not yours to see")
    return int(number)


async def given_out(db: AsyncConnection, scope: Scope, rows: Sequence[dict[str, Any]], format_: str) -> None:
    """Note in the audit that rows with single households were given out."""
    households = {household for row in rows for household in row["households"]}
    if households:
        numbers = {row["n"] for row in rows}
        await audit.read(db, scope.actor, "flags.list", numbers, len(households), format=format_)


# ── what is read ──────────────────────────────────────────────────────────────────────────────────────────────────


def _memory(live: Snapshot) -> Kept[Village]:
    """What this process keeps of these areas: villages by scope and place."""
    found: Kept[Village] = live.once(("flags",), lambda: Kept(KEPT))
    return found


async def _ground(db: AsyncConnection, live: Snapshot, scope: Scope, numbers: NDArray[np.intp]) -> Ground:
    """Records, houses and centres of blocks. Only blocks of the scope are asked for."""
    if not scope.mask(numbers, numbers).all():
        raise ValueError("a block lies outside the scope")
    of = {"edition_id": live.campaign.edition_id, "numbers": numbers.tolist()}
    columns = {"number": "i4", "lon": "f8", "lat": "f8", "area_m2": "f8"}
    house = await queries.arrays(db, SQL["houses"], of, columns)
    centre = await queries.arrays(db, SQL["centres"], of, {"number": "i4", "lon": "f8", "lat": "f8"})
    ahead = live.campaign.begins.utcoffset() or timedelta()
    return Ground(
        await _table(db, of | {"results": list(RESULTS)}),
        Houses(house["number"].astype(np.int64), house["lon"], house["lat"], house["area_m2"]),
        Centres(centre["number"].astype(np.int64), centre["lon"], centre["lat"]),
        ahead.total_seconds(),
    )


async def _table(db: AsyncConnection, of: dict[str, Any]) -> bytes:
    """The records as CSV: read by columns in a thread, so that nobody else has to wait for it."""
    raw = await db.get_raw_connection()
    driver: Any = raw.driver_connection
    select = str(SQL["records"].compile(dialect=db.dialect))
    async with driver.cursor() as cursor, cursor.copy(f"COPY ({select}) TO STDOUT (FORMAT CSV)", of) as copy:
        return b"".join([bytes(part) async for part in copy])


def _villages(live: Snapshot, scope: Scope, found: Read) -> list[Village]:
    """Villages that were read, looked at and kept where they are new."""
    villages = list(found.kept)
    for key, moved, ground in found.fresh:
        if key[0] != scope.ranges:
            raise ValueError("a village was read for another scope")
        village = _memory(live).get(key, moved)
        if village is None:
            village = looked_at(ground)
            _memory(live).put(key, village, moved)
        villages.append(village)
    return villages


# ── what is told ──────────────────────────────────────────────────────────────────────────────────────────────────


def _row(live: Snapshot, flag: Flag, review: Review | None) -> dict[str, Any]:
    """One flag as the contract has it."""
    about = coverage.describe(live, flag.number)
    lon, lat = np.median(flag.points, axis=0).round(7).tolist() if len(flag.points) else (None, None)
    return {
        "flag": flag.name,
        "kind": flag.kind,
        "code": about["code"],
        "name": about["name"],
        "level": about["level"],
        "n": flag.number,
        "place": coverage.above(live, flag.number),
        "lon": lon,
        "lat": lat,
        "enumerator": flag.enumerator,
        "day": _FIRST_DAY + timedelta(days=flag.days[0]),
        "at": datetime.fromtimestamp(flag.at, UTC),
        "until": datetime.fromtimestamp(flag.until, UTC),
        "households": list(flag.households),
        "count": len(flag.households),
        "weight": flag.weight,
        "evidence": flag.evidence,
        "shape": shape(flag),
        "state": review.decision if review else "open",
        "reviewed": review
        and {name: getattr(review, name) for name in ("decision", "note", "decided_by", "decided_at")},
    }


def _people(open_ones: Sequence[Flag], records: Counter[str | None]) -> list[dict[str, Any]]:
    """Enumerators with open flags, those with the most weight first."""
    weight: Counter[str] = Counter()
    flags: Counter[str] = Counter()
    households: dict[str, set[str]] = {}
    for flag in open_ones:
        if flag.enumerator is not None:
            weight[flag.enumerator] += round(flag.weight * 1_000)
            flags[flag.enumerator] += 1
            households.setdefault(flag.enumerator, set()).update(flag.households)
    most = sorted(weight, key=lambda name: (-weight[name], name))[:MOST_NAMED]
    return [
        {
            "enumerator": name,
            "flags": flags[name],
            "households": len(households[name]),
            "records": records[name],
            "share": round(min(len(households[name]) / max(records[name], 1), 1.0), 4),
        }
        for name in most
    ]


def _wanted(flag: Flag, question: Question, decided: dict[str, Review]) -> bool:
    """Whether a flag is of the kinds and in the state asked for."""
    state = decided[flag.name].decision if flag.name in decided else "open"
    return (not question.kinds or flag.kind in question.kinds) and question.state in {state, "all"}


def _days(question: Question) -> tuple[int, int]:
    return (question.since - _FIRST_DAY).days, (question.until - _FIRST_DAY).days


def _key_of(flag: Flag) -> tuple[float, str]:
    return -flag.weight, flag.name


def _key(after: str | None) -> tuple[float, str] | None:
    if after is None:
        return None
    weight, _, name = after.partition("~")
    if not (weight.isascii() and weight.replace(".", "", 1).isdecimal() and len(weight) <= 6 and name):
        raise BadInput("after must be the `next` of the page before", code="bad-after")
    return -float(weight), name
