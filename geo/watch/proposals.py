"""Points that contradict the map: whether the point, the code or the edge is suspect, as proposals a person decides on.

See `across` for what is told from points, and `suspects` for how villages are read and kept. What was decided on a
proposal stands until its evidence has grown much: then it is open again, with what was decided before.

Rows show where single households lie: giving them out is audited.
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import orjson
import shapely
from sqlalchemy.ext.asyncio import AsyncConnection

from geo import queries
from geo.errors import BadInput, NotFound
from geo.intake import reviews
from geo.intake.reviews import Act, Review, Subject
from geo.scope import Scope
from geo.trust import audit
from geo.watch import coverage, suspects
from geo.watch.live import Snapshot
from geo.watch.suspects import Proposal

SQL = queries.load(__file__)

KINDS = ("boundary", "code", "point")
STATES = ("open", "accepted", "rejected", "all")

#: A decision no longer stands once there are so many times, and so many, more households than when it was made.
GROWN, MORE = 1.5, 5

_NAME = re.compile(
    r"(boundary|code)\.([0-9]{1,9})\.([0-9]{1,9})(?:\.[0-9a-f]{12})?|(point)\.([0-9]{1,9})\.[0-9a-f]{12}"
)
_KEY = re.compile(r"([0-9]{1,9})~([a-z0-9.]{1,60})")
_FIRST_DAY = date(1970, 1, 1)


@dataclass(frozen=True)
class Question:
    """Which proposals: `within` an area's number (0: everywhere), of `kinds` (all where empty), in `state`.

    `after` is the `next` of the page before; `limit` 0 only counts.
    """

    within: int = 0
    kinds: tuple[str, ...] = ()
    state: str = "open"
    after: str | None = None
    limit: int = 100


@dataclass(frozen=True)
class Page:
    """Rows, most households first; those on all pages; open ones by kind whatever was asked; where the next begins."""

    rows: list[dict[str, Any]]
    total: int
    kinds: dict[str, int]
    next: str | None


@dataclass(frozen=True)
class Read:
    """What was read to answer a question: villages, and the decisions that stand by what they are about."""

    suspects: suspects.Read
    standing: dict[str, Review]


async def read(db: AsyncConnection, live: Snapshot, scope: Scope, within: int = 0) -> Read:
    """What `suspects.read` reads, and what was decided, as the transaction's actor may see both."""
    found = await suspects.read(db, live, scope, within)
    return Read(found, await reviews.standing(db, scope, "proposal", found.numbers))


def listing(live: Snapshot, scope: Scope, question: Question, found: Read) -> Page:
    """One page of the proposals of blocks that were `read` for the question. Takes a core for a moment.

    Raises BadInput for a broken `after`, and for a kind or state that is none.
    """
    if unknown := set(question.kinds) - set(KINDS) or {question.state} - set(STATES):
        raise BadInput(f"no {sorted(unknown)[0][:32]}: take one of {', '.join(KINDS + STATES)}", code="bad-state")
    key, asked = _key(question.after), set(found.suspects.asked.tolist())
    standing = _standing(found.standing.values())
    rows = []
    for proposal in suspects.proposals(live, scope, found.suspects):
        if proposal.found.number in asked:
            rows.append(_row(live, proposal, standing.pop(proposal.name, None)))
    rows += [row for name, review in standing.items() if (row := _gone(live, asked, name, review))]
    kinds = Counter(row["kind"] for row in rows if row["state"] == "open")
    rows = [row for row in rows if row["kind"] in (question.kinds or KINDS) and question.state in {"all", row["state"]}]
    rows.sort(key=_key_of)
    left = [row for row in rows if _key_of(row) > key] if key else rows
    page = left[: question.limit]
    more = f"{page[-1]['households']}~{page[-1]['proposal']}" if len(left) > len(page) and page else None
    return Page(page, len(rows), {kind: kinds[kind] for kind in KINDS}, more)


async def given(db: AsyncConnection, scope: Scope, page: Page, format_: str = "json") -> None:
    """Note in the audit that the caller was given a page, in the caller's transaction."""
    if page.rows:
        of = {number for row in page.rows for number in (row["n"], row["other_n"]) if number}
        households = sum(row["households"] for row in page.rows)
        await audit.read(db, scope.actor, "proposals.list", of, households, format=format_)


# ── deciding ──────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Target:
    """What is decided on: the proposal as it is now (None: nothing is left of it), and as what that is kept."""

    name: str
    number: int
    about: str
    proposal: Proposal | None


def place_of(live: Snapshot, scope: Scope, name: str) -> int:
    """The area to be read for a proposal: its block, or the village. Raises NotFound where it is not the caller's."""
    matched = _NAME.fullmatch(name)
    number = int(matched[2] or matched[5]) if matched else 0
    if not 0 < number < len(live.tree) or not scope.clip(number, int(live.tree.last[number])):
        raise _none()
    return number


def target(live: Snapshot, scope: Scope, name: str, found: Read) -> Target | None:
    """The proposal of a name among what was `read`, or what was decided on it before; None where there is neither."""
    proposal = next((one for one in suspects.proposals(live, scope, found.suspects) if one.name == name), None)
    review = _standing(found.standing.values()).get(name)
    number = proposal.found.number if proposal else place_of(live, scope, name)
    if review is not None and not (proposal and _grown(proposal, review)):
        return Target(name, number, review.about, proposal)
    return Target(name, number, f"{name}~{len(proposal.households)}", proposal) if proposal else None


async def decide(db: AsyncConnection, scope: Scope, name: str, about: Target | None, act: Act) -> Review:
    """Keep a decision on a proposal, within the caller's transaction of the worker.

    Sent again, the answer is that of the first time, also where nothing is left of the proposal since. Raises NotFound
    where there is no such proposal, and what `reviews.decide` raises.
    """
    known = (await db.execute(SQL["decided"], {"review_id": act.review_id})).one_or_none()
    if known is not None and known.about.partition("~")[0] == name:
        return await reviews.decide(db, scope, Subject("proposal", known.about, known.number), act)
    if about is None:
        raise _none()
    return await reviews.decide(db, scope, Subject("proposal", about.about, about.number), act)


def miscoded(about: Target | None) -> tuple[int, tuple[str, ...]]:
    """The block declared and the households of a proposal about a code, as far as anything is left of it."""
    if about is None or about.proposal is None:
        return (about.number if about else 0), ()
    return about.number, about.proposal.households


def _none() -> NotFound:
    return NotFound("there is no such proposal, or it is not yours to see")


def _standing(kept: Iterable[Review]) -> dict[str, Review]:
    """The newest decision by the name of its proposal. It is kept with how many households there were then."""
    return {_name_of(review)[0]: review for review in sorted(kept, key=lambda one: (one.decided_at, _name_of(one)[1]))}


def _name_of(review: Review) -> tuple[str, int]:
    name, _, households = review.about.partition("~")
    return name, int(households or 0)


def _grown(proposal: Proposal, review: Review) -> bool:
    """Whether so much has been added since a decision that it should be looked at again."""
    now, then = len(proposal.households), _name_of(review)[1]
    return now >= GROWN * then and now >= then + MORE


# ── rows ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _row(live: Snapshot, proposal: Proposal, review: Review | None) -> dict[str, Any]:
    """One proposal, as the contract has it."""
    found = proposal.found
    evidence = dict(found.evidence)
    for name in ("first_day", "last_day"):
        if name in evidence:
            evidence[name] = (_FIRST_DAY + timedelta(days=evidence[name])).isoformat()
    return _places(live, proposal.name, found.kind, found.number, found.other) | {
        "enumerators": list(proposal.enumerators),
        "households": len(proposal.households),
        "days": proposal.days,
        "evidence": evidence,
        "lon": round(proposal.lon, 6),
        "lat": round(proposal.lat, 6),
        "shape": orjson.loads(shapely.to_geojson(found.shape)),
        "state": "open" if review is None or _grown(proposal, review) else review.decision,
        "reviewed": _reviewed(review),
    }


def _gone(live: Snapshot, asked: set[int], name: str, review: Review) -> dict[str, Any] | None:
    """A decision of which nothing is left to be seen: records were corrected since. None for one about other blocks."""
    matched = _NAME.fullmatch(name)
    if matched is None or matched[1] is None:
        return None
    number, other = int(matched[2]), int(matched[3])
    if number not in asked or other >= len(live.tree):
        return None
    return _places(live, name, matched[1], number, other) | {
        "enumerators": [],
        "households": 0,
        "days": 0,
        "evidence": {},
        "lon": None,
        "lat": None,
        "shape": None,
        "state": review.decision,
        "reviewed": _reviewed(review),
    }


def _places(live: Snapshot, name: str, kind: str, number: int, other: int) -> dict[str, Any]:
    """The blocks that a proposal is about; their codes and names are public."""
    about = coverage.describe(live, number)
    beside = coverage.describe(live, other) if other else {}
    return {
        "proposal": name,
        "kind": kind,
        "code": about["code"],
        "name": about["name"],
        "level": about["level"],
        "n": number,
        "place": coverage.above(live, number),
        "other_code": beside.get("code"),
        "other_name": beside.get("name"),
        "other_n": other or None,
    }


def _reviewed(review: Review | None) -> dict[str, Any] | None:
    if review is None:
        return None
    return {name: getattr(review, name) for name in ("decision", "note", "decided_by", "decided_at")}


def _key_of(row: dict[str, Any]) -> tuple[int, str]:
    return -row["households"], row["proposal"]


def _key(after: str | None) -> tuple[int, str] | None:
    if after is None:
        return None
    found = _KEY.fullmatch(after)
    if found is None:
        raise BadInput("after must be the `next` of the page before", code="bad-after")
    return -int(found[1]), found[2]
