"""Whom to interview a second time, so that what is found holds for all: a draw that nobody chose.

Doubtful points are looked at because they are doubtful; how often interviews differ in an area they cannot tell. A draw
can. A household is in it if the HMAC-SHA256 of its id, under a key made for the campaign, lies below `share` as a
fraction of 2^64. So each has the same chance whatever was said, flagged or sent when; a larger share holds all of a
smaller one; a household stays drawn however many are added; and who does not have the key can foresee nobody.
"""

import hashlib
import hmac
import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from geo import queries
from geo.errors import BadInput, NotFound, Refused
from geo.intake import reviews
from geo.intake.reviews import Act, Review, Subject
from geo.scope import LAST, Scope
from geo.trust import audit
from geo.watch import coverage
from geo.watch.live import Snapshot
from geo.watch.villages import blocks_asked

SQL = queries.load(__file__)

#: Shares that may be drawn, and the one that is drawn where nobody says.
LEAST, USUAL, GREATEST = 0.001, 0.05, 0.5

STATES = ("open", "done", "all")
#: What a second interview can have come to; who was not reached has none yet.
MADE = ("agrees", "differs")

#: Quantile of the normal distribution for an interval of 80 %.
_Z = 1.2815515655446004
#: Bytes of a block of SHA-256, to which HMAC pads its key (RFC 2104, section 2).
_BLOCK = 64
_KEY = re.compile(r"([0-9]{1,10})~([A-Za-z0-9._:/@+-]{1,64})")


@dataclass(frozen=True)
class Question:
    """Which draw: `within` an area's number (0: everywhere), completed on days `since` to `until`, both included.

    `state` is one of STATES: `open` are those without a second interview so far. `after` is the `next` of the page
    before; `limit` 0 only counts.
    """

    within: int = 0
    since: date = date.min
    until: date = date.max
    share: float = USUAL
    state: str = "all"
    after: str | None = None
    limit: int = 100


@dataclass(frozen=True)
class Page:
    """Rows; of all completed (`of`) how many are `drawn` and of these `done`; how often it differs, by enumerator too.

    `total` are the rows on all pages, of the state asked for. What is said of enumerators and of all is not.
    """

    rows: list[dict[str, Any]]
    drawn: int
    of: int
    done: int
    not_reached: int
    differs: dict[str, float] | None
    enumerators: list[dict[str, Any]]
    total: int
    next: str | None


async def listing(db: AsyncConnection, live: Snapshot, scope: Scope, question: Question, format_: str = "json") -> Page:
    """One page of the households drawn that the transaction's actor may see; giving it out is audited with `format_`.

    The order is by block and id. Raises BadInput for a `share`, `state` or `after` that is none (`bad-share`,
    `bad-state`, `bad-after`), and for an area that `blocks_asked` finds too wide.
    """
    if not LEAST <= question.share <= GREATEST:  # also what is no number
        raise BadInput(f"share is a number from {LEAST} to {GREATEST}", code="bad-share")
    if question.state not in STATES:
        raise BadInput(f"no state {question.state[:32]}: take one of {', '.join(STATES)}", code="bad-state")
    key = _after(question.after)
    ranges = _ranges(live, scope, question.within)
    await db.execute(SQL["in_order"])
    inner, outer = _pads(await _draw_key(db))
    asked = {
        "los": [lo for lo, _ in ranges],
        "his": [hi for _, hi in ranges],
        "since": question.since,
        "until": question.until,
        "inner": inner,
        "outer": outer,
        "edge": math.floor(question.share * 2**64).to_bytes(8, "big"),
    }
    found = (await db.execute(SQL["drawn"], asked)).mappings().all()
    of = Counter(found[0]["of"])
    drawn = [row for row in found if row["household_id"] is not None]
    wanted = [row for row in drawn if _is_wanted(row, question.state)]
    left = [row for row in wanted if key is None or (row["number"], row["household_id"]) > key]
    page = left[: question.limit]
    rows = await _rows(db, live, question, page)
    if rows:
        numbers = {row["n"] for row in rows}
        await audit.read(db, scope.actor, "reinterviews.list", numbers, len(rows), format=format_)
    made = [row["decision"] for row in drawn if row["decision"] in MADE]
    return Page(
        rows,
        drawn=len(drawn),
        of=of.total(),
        done=len(made),
        not_reached=sum(row["decision"] == "not_reached" for row in drawn),
        differs=interval(made.count("differs"), len(made)),
        enumerators=_by_enumerator(drawn, of),
        total=len(wanted),
        next=f"{page[-1]['number']}~{page[-1]['household_id']}" if len(left) > len(page) and page else None,
    )


async def review(db: AsyncConnection, scope: Scope, household_id: str, act: Act) -> Review:
    """Keep what came of a second interview, within the caller's transaction of the worker.

    Raises NotFound for a household outside the scope, Refused (`not-drawn`) for one that no draw holds: it was chosen,
    and would count for nothing. And as `reviews.decide` does.
    """
    number = await db.scalar(SQL["one"], {"household_id": household_id})
    if number is None or not scope.covers(number, number):
        raise NotFound("there is no such household, or it is not yours to see")
    if fraction(await _draw_key(db), household_id) >= GREATEST:
        raise Refused(
            "this household is in no draw: what was found there would say nothing of others", code="not-drawn"
        )
    return await reviews.decide(db, scope, Subject("reinterview", household_id, number), act)


def fraction(key: bytes, household_id: str) -> float:
    """Where a household stands in the draw, from 0 to 1: it is drawn for every share above."""
    digest = hmac.digest(key, household_id.encode(), "sha256")
    return int.from_bytes(digest[:8], "big") / 2**64


def interval(count: int, of: int) -> dict[str, float] | None:
    """A share and where the true one lies four times of five: `share`, `low`, `high`. None of nothing.

    Wilson's interval (1927): it holds for few interviews too, and where none or all of them differ.
    """
    if not of:
        return None
    share, z2 = count / of, _Z**2
    middle = (share + z2 / (2 * of)) / (1 + z2 / of)
    half = _Z * math.sqrt(share * (1 - share) / of + z2 / (4 * of**2)) / (1 + z2 / of)
    return {"share": share, "low": max(0.0, min(share, middle - half)), "high": min(1.0, max(share, middle + half))}


def _pads(key: bytes) -> tuple[bytes, bytes]:
    """The key as HMAC puts it before what is hashed within, and before that hash (RFC 2104, section 2)."""
    whole = (key if len(key) <= _BLOCK else hashlib.sha256(key).digest()).ljust(_BLOCK, b"\0")
    return bytes(byte ^ 0x36 for byte in whole), bytes(byte ^ 0x5C for byte in whole)


async def _draw_key(db: AsyncConnection) -> bytes:
    return bytes((await db.execute(SQL["key"])).scalar_one())


def _ranges(live: Snapshot, scope: Scope, within: int) -> list[tuple[int, int]]:
    """The numbers asked for, as far as they lie in the scope. Raises BadInput where there are too many."""
    blocks_asked(live, scope, within)
    return scope.clip(within, int(live.tree.last[within]) if within else LAST)


def _is_wanted(row: RowMapping, state: str) -> bool:
    return state == "all" or (row["decision"] in MADE) == (state == "done")


async def _rows(
    db: AsyncConnection, live: Snapshot, question: Question, page: Sequence[RowMapping]
) -> list[dict[str, Any]]:
    """What is shown of a page, in its order."""
    if not page:
        return []
    of = {"edition_id": live.campaign.edition_id, "ids": [row["household_id"] for row in page]}
    known = {row["household_id"]: row for row in (await db.execute(SQL["shown"], of)).mappings()}
    # what moved out of sight since the draw was made is left out
    return [_row(live, known[row["household_id"]], question.share) for row in page if row["household_id"] in known]


def _row(live: Snapshot, row: RowMapping, share: float) -> dict[str, Any]:
    """One household in the order of the contract."""
    tree, number = live.tree, row["number"]
    said = {name: row[name] for name in ("decision", "note", "decided_by", "decided_at")}
    return {
        "household_id": row["household_id"],
        "code": tree.code[number] if number else None,
        "name": tree.name[number] if number else None,
        "n": number,
        "place": coverage.above(live, number),
        "lon": row["lon"],
        "lat": row["lat"],
        "captured_at": row["captured_at"],
        "result": row["result"],
        "enumerator": row["enumerator"],
        "building": row["building"],
        "sequence": row["sequence"],
        "chance": share,
        "outcome": row["decision"],
        "reviewed": said if row["decision"] else None,
    }


def _by_enumerator(drawn: Iterable[RowMapping], of: Counter[str]) -> list[dict[str, Any]]:
    """How far it is with each enumerator's interviews, by name; of those nobody's drawn nothing is said."""
    found: dict[str, Counter[str]] = {}
    for row in drawn:
        found.setdefault(row["enumerator"], Counter())[row["decision"] or "open"] += 1
    return [
        {
            "enumerator": name or None,
            "of": of[name],
            "drawn": outcomes.total(),
            "done": sum(outcomes[made] for made in MADE),
            "differs": interval(outcomes["differs"], sum(outcomes[made] for made in MADE)),
        }
        for name, outcomes in sorted(found.items())
    ]


def _after(after: str | None) -> tuple[int, str] | None:
    if after is None:
        return None
    found = _KEY.fullmatch(after)
    if found is None or int(found[1]) > LAST:
        raise BadInput("after must be the `next` of the page before", code="bad-after")
    return int(found[1]), found[2]
