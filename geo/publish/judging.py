"""Rows of welfare as they are sent, judged one by one: an event of the ledger, or why it is none.

Three scales, never one column: a row is of the scale under which it was sent, and has the fields of that scale alone.
Knows no database: which household there is, and whether it is the sender's to write of, is decided in `welfare`.
"""

import hashlib
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid5

import orjson

from geo.errors import BadInput
from geo.ground.areas import Tree
from geo.identities import masked_text
from geo.intake.notes import LONGEST
from geo.intake.reading import FLOAT_SHAPE, WHOLE_SHAPE
from geo.intake.reasons import Fault
from geo.intake.submissions import NAME_SHAPE, identity_in
from geo.schema_welfare import SCALES
from geo.scope import Scope


class LedgerReason(StrEnum):
    """Why a row of welfare was not believed. Stable: clients branch on them."""

    MALFORMED = "MALFORMED"
    NOT_AN_OBJECT = "NOT_AN_OBJECT"
    MISSING = "MISSING"
    BAD_ID = "BAD_ID"
    BAD_TEXT = "BAD_TEXT"
    BAD_DATE = "BAD_DATE"
    FUTURE_DATE = "FUTURE_DATE"
    NOT_A_NUMBER = "NOT_A_NUMBER"
    OUT_OF_RANGE = "OUT_OF_RANGE"
    LOOKS_LIKE_IDENTITY = "LOOKS_LIKE_IDENTITY"
    UNKNOWN_HOUSEHOLD = "UNKNOWN_HOUSEHOLD"
    UNKNOWN_FORUM = "UNKNOWN_FORUM"
    OUTSIDE_SCOPE = "OUTSIDE_SCOPE"
    CONFLICT = "CONFLICT"


@dataclass(frozen=True, slots=True)
class Unfit(Exception):
    """One row that could not be believed: the reason, the field it lies in, what to do."""

    reason: LedgerReason
    field: str
    detail: str

    @property
    def said(self) -> str:
        """What is told and kept of it: it may quote what was sent, so it is masked and made printable."""
        text = masked_text(f"{self.field}: {self.detail}" if self.field else self.detail)
        return "".join(c if c.isprintable() else "�" for c in text)


#: Fields of a row by scale; others are ignored and named in the receipt's notices.
FIELDS: dict[str, tuple[str, ...]] = {
    "field_status": ("household_id", "field_status", "reason", "dated", "revision"),
    "consultation": ("household_id", "consultation", "before", "forum", "reason", "dated", "revision"),
    "rank": ("household_id", "score", "rank", "decile", "dated", "revision"),
}
#: What fields of the consultation are called in lists of forums.
ALIASES = {"after": "consultation", "block": "forum"}

#: Whole numbers, each with the values it may have: those of the three scales (domain.md), and revisions.
WHOLES = {
    "field_status": (1, 3),
    "consultation": (1, 4),
    "before": (1, 4),
    "rank": (1, 2**31 - 1),
    "decile": (1, 10),
    "revision": (1, 1_000_000),
}
#: The numbers of an event, by the names of the ledger's columns.
VALUES = ("field_status", "consultation", "before", "score", "rank", "decile")

_NAMESPACE = UUID("5b0d8a54-2f0e-5f5c-9d0c-8f1f6b0c9a11")
_DAY = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[T ]00:00(?::00(?:\.0+)?)?)?")
#: Years in which a campaign may lie.
_YEARS = (1900, 2200)


@dataclass(frozen=True, slots=True)
class Event:
    """One believable row. `dated` is the local day from which it holds; fields of other scales are None."""

    row: int
    scale: str
    household_id: str
    dated: date
    revision: int
    field_status: int | None
    consultation: int | None
    before: int | None
    score: float | None
    rank: int | None
    decile: int | None
    forum: str | None
    reason: str | None
    notices: tuple[str, ...]

    @property
    def event_id(self) -> UUID:
        """Names what it is about: a second event of the same name is the same one, or contradicts it."""
        return uuid5(_NAMESPACE, f"{self.scale}\n{self.household_id}\n{self.dated}\n{self.revision}")

    def digest(self) -> bytes:
        """Sixteen bytes that name the canonical content; the row is no part of it."""
        values = [getattr(self, name) for name in (*VALUES, "forum", "reason")]
        body = orjson.dumps([self.scale, self.household_id, self.dated, self.revision, *values])
        return hashlib.blake2b(body, digest_size=16).digest()


@dataclass(frozen=True)
class Limits:
    """What is believed of a row: the scale it was sent under, the campaign's day, its areas, the sender's scope.

    `dated` is the day for rows that say none.
    """

    scale: str
    today: date
    tree: Tree
    scope: Scope
    dated: date | None = None

    def __post_init__(self) -> None:
        """Raise BadInput for a scale there is none of, and for a day to come."""
        if self.scale not in SCALES:
            raise BadInput(f"no scale {self.scale}: take one of {', '.join(SCALES)}", code="bad-scale")
        if self.dated is not None and self.dated > self.today:
            raise BadInput("nothing is known of a day to come", code="bad-day")


def judge(row: int, raw: object, limits: Limits) -> Event | Unfit:
    """The event in `raw`, a decoded JSON object or a row from `typed`, or why it is none.

    `raw` may be a fault that was found while the row was read.
    """
    try:
        return _event(row, raw, limits)
    except Unfit as unfit:
        return unfit


def typed(cells: Mapping[str, str | None]) -> dict[str, Any]:
    """A row of text cells as JSON would have it: numbers where a field is one, empty cells left out.

    Text that is no number stays text, for `judge` to say so.
    """
    row: dict[str, Any] = {name: cell for name, cell in cells.items() if cell is not None}
    for name in row.keys() & _NUMBERS:
        text = row[name]
        if name == "score" and FLOAT_SHAPE.fullmatch(text):
            row[name] = float(text)
        elif name != "score" and WHOLE_SHAPE.fullmatch(text):
            row[name] = int(float(text))
    return row


_NUMBERS = frozenset({*WHOLES, "score", "after"})


def household_in(raw: object) -> str | None:
    """The id of a row, where it says one that could be."""
    found = raw.get("household_id") if isinstance(raw, dict) else None
    return found if isinstance(found, str) and NAME_SHAPE.fullmatch(found) and masked_text(found) == found else None


def _event(row: int, raw: object, limits: Limits) -> Event:
    if isinstance(raw, Fault):
        raise Unfit(LedgerReason.MALFORMED, raw.field, raw.detail)
    if not isinstance(raw, dict):
        raise Unfit(LedgerReason.NOT_AN_OBJECT, "", "a row is an object with named fields")
    known = FIELDS[limits.scale]
    sent = _named(raw, known)
    if nested := next((name for name, value in sent.items() if isinstance(value, dict | list)), None):
        raise Unfit(LedgerReason.BAD_TEXT, _printable(nested), "a field holds text or a number, nothing nested")
    if field := identity_in({name: value for name, value in sent.items() if name != "forum"}):  # it is an area's code
        raise Unfit(LedgerReason.LOOKS_LIKE_IDENTITY, field, "holds what looks like a national or family-card number")
    unknown = tuple(f"UNKNOWN_FIELD {_printable(name)}" for name in sent if name not in known)
    said = {name: sent.get(name) for name in known}
    wholes = {name: _whole(name, said.get(name)) for name in WHOLES}
    event = Event(
        row=row,
        scale=limits.scale,
        household_id=_household(said["household_id"]),
        dated=_dated(said["dated"], limits),
        revision=wholes.pop("revision") or 1,
        score=_score(said.get("score")),
        forum=_forum(said.get("forum"), limits),
        reason=_text(said.get("reason")),
        notices=unknown,
        **wholes,
    )
    _complete(event)
    return event


def _named(raw: Mapping[Any, Any], known: tuple[str, ...]) -> dict[Any, Any]:
    """The row with the names of its fields; of two that mean the same the proper one counts."""
    return {
        ALIASES[name] if name in ALIASES and ALIASES[name] in known and ALIASES[name] not in raw else name: value
        for name, value in raw.items()
    }


def _complete(event: Event) -> None:
    """Raise Unfit where the scale's own value is missing."""
    if event.scale == "rank":
        if event.score is event.rank is event.decile is None:
            raise Unfit(LedgerReason.MISSING, "score", "a row gives a score, a rank or a decile")
    elif getattr(event, event.scale) is None:
        raise Unfit(LedgerReason.MISSING, event.scale, "is required")
    if event.scale == "consultation" and event.forum is None:
        raise Unfit(LedgerReason.MISSING, "forum", "is required: the code of the area whose forum decided")


def _household(value: object) -> str:
    if value is None or value == "":
        raise Unfit(LedgerReason.MISSING, "household_id", "is required")
    if not isinstance(value, str) or not NAME_SHAPE.fullmatch(value):
        said = "must be text of 1 to 64 letters, digits and . _ : / @ + -"
        raise Unfit(LedgerReason.BAD_ID, "household_id", said)
    return value


def _dated(value: object, limits: Limits) -> date:
    if value is None or value == "":
        if limits.dated is None:
            raise Unfit(LedgerReason.MISSING, "dated", "say from which day it holds, in each row or for the whole file")
        return limits.dated
    found = _DAY.fullmatch(value) if isinstance(value, str) else None
    try:
        day = date.fromisoformat(found[1]) if found else None
    except ValueError:
        day = None
    if day is None or not _YEARS[0] <= day.year <= _YEARS[1]:
        raise Unfit(LedgerReason.BAD_DATE, "dated", "must be a day like 2022-11-01")
    if day > limits.today:
        raise Unfit(LedgerReason.FUTURE_DATE, "dated", "lies after the campaign's day")
    return day


def _whole(name: str, value: object) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise Unfit(LedgerReason.NOT_A_NUMBER, name, "must be a whole number")
    low, high = WHOLES[name]
    if not low <= value <= high:
        raise Unfit(LedgerReason.OUT_OF_RANGE, name, f"must lie between {low} and {high}")
    return value


def _score(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= sys.float_info.max:
        raise Unfit(LedgerReason.NOT_A_NUMBER, "score", "must be a finite number with a point, not text")
    return float(value) or 0.0  # there is one zero


def _forum(value: object, limits: Limits) -> str | None:
    """The code of an area of the edition that lies in the sender's scope: nobody speaks for others' forums."""
    if value is None or value == "":
        return None
    numbers = limits.tree.by_code.get(value, []) if isinstance(value, str) else []
    if not numbers or not isinstance(value, str):
        raise Unfit(LedgerReason.UNKNOWN_FORUM, "forum", "no area of the campaign's edition has this code")
    if not any(limits.scope.covers(n, int(limits.tree.last[n])) for n in numbers):
        raise Unfit(LedgerReason.OUTSIDE_SCOPE, "forum", "is not yours to speak for")
    return value


def _text(value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > LONGEST or not value.isprintable():
        raise Unfit(LedgerReason.BAD_TEXT, "reason", f"must be printable text of at most {LONGEST} characters")
    return value.strip() or None


def _printable(name: object) -> str:
    return "".join(c if c.isprintable() else "?" for c in str(name))[:64]
