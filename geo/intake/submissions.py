"""One believable record. Parses what a device sends about one household, strictly, or says why not.

Knows neither the database nor the areas: where a point may lie is decided in `placing`.
"""

import hashlib
import math
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from itertools import takewhile
from struct import Struct
from typing import Any, TypeVar
from uuid import UUID

import orjson

from geo.identities import MASK, identity_number, masked_text, sixteen_digits
from geo.intake.reasons import Fault, Reason
from geo.schema import ORIGINS, RESULTS

#: Fields of the contract (design, section 7). Others are ignored and named in the receipt's notices.
FIELDS = (
    "submission_id",
    "household_id",
    "revision",
    "block",
    "lon",
    "lat",
    "accuracy_m",
    "captured_at",
    "result",
    "origin",
    "visit",
    "revisit_at",
    "welfare",
    "started_at",
    "finished_at",
    "enumerator",
)
T = TypeVar("T")

_FIELDS = frozenset(FIELDS)
_RESULTS = frozenset(RESULTS)
_ORIGINS = frozenset(ORIGINS)
NAME_SHAPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,63}")
UUID_SHAPE = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
#: The canonical content: its numbers, each with its form in bytes (little-endian), then its words.
NUMBERS = {
    "revision": "i",
    "visit": "i",
    "welfare": "i",
    "lon": "d",
    "lat": "d",
    "accuracy_m": "d",
    "captured_at": "d",
    "revisit_at": "d",
    "started_at": "d",
    "finished_at": "d",
}
#: No word but the last may hold a bar, which stands between them.
WORDS = ("household_id", "block", "result", "origin", "enumerator")
_NUMBERS = Struct("<" + "".join(NUMBERS.values()))
#: Types of values in which nothing lies.
_FLAT = frozenset({str, int, float, bool, type(None)})

#: How deep objects and lists may lie in each other.
DEEPEST = 32

#: Characters of a row that is kept as it was sent, as JSON; of a longer one only its beginning is.
MOST_KEPT = 20_000

#: How far ahead of the campaign's clock a device may be: clocks drift by minutes, seldom by more.
AHEAD = timedelta(minutes=10)


@dataclass(slots=True)
class Submission:
    """One complete record about one household. `lon` and `lat` in degrees, both or neither."""

    row: int
    submission_id: UUID
    household_id: str
    revision: int
    block: str | None
    lon: float | None
    lat: float | None
    accuracy_m: float | None
    captured_at: datetime
    result: str
    origin: str
    visit: int | None
    revisit_at: datetime | None
    welfare: int | None
    started_at: datetime | None
    finished_at: datetime | None
    enumerator: str | None
    notices: tuple[str, ...]

    def digest(self) -> bytes:
        """Sixteen bytes that name the canonical content; `submission_id` and the row are no part of it."""
        none, revisit, started, finished = math.nan, self.revisit_at, self.started_at, self.finished_at
        numbers = _NUMBERS.pack(
            self.revision,
            self.visit or 0,
            self.welfare or 0,
            none if self.lon is None else self.lon,
            none if self.lat is None else self.lat,
            none if self.accuracy_m is None else self.accuracy_m,
            self.captured_at.timestamp(),
            none if revisit is None else revisit.timestamp(),
            none if started is None else started.timestamp(),
            none if finished is None else finished.timestamp(),
        )
        words = f"{self.household_id}|{self.block or ''}|{self.result}|{self.origin}|{self.enumerator or ''}"
        return hashlib.blake2b(numbers + words.encode(), digest_size=16).digest()


@dataclass(frozen=True)
class Limits:
    """What is believed of one record: the campaign's clock, the first moment that counts, its time zone.

    `enumerator` is the sender's name where it may only send for itself.
    """

    now: datetime
    not_before: datetime
    zone: tzinfo
    enumerator: str | None = None


def parse(row: int, raw: object, limits: Limits) -> Submission:
    """The record in `raw`, a decoded JSON object. Raises Fault with a reason code."""
    if not isinstance(raw, dict):
        raise Fault(Reason.NOT_AN_OBJECT, "", "a row is an object with named fields")
    flat, known = _FLAT.issuperset(map(type, raw.values())), raw.keys() <= _FIELDS
    if not flat and _too_deep(raw):
        raise Fault(Reason.BAD_VALUE, "", f"is nested deeper than {DEEPEST}")
    if not (flat and known and _clearly_clean(raw)) and (found := identity_in(raw)):
        raise Fault(Reason.IDENTITY_NUMBER, found, "holds what looks like a national or family-card number")
    notices = () if known else tuple(f"UNKNOWN_FIELD {_printable(name)}" for name in raw if name not in _FIELDS)
    lon, lat = _point(raw)
    block = _name(raw, "block")
    if lon is None and block is None:
        raise Fault(Reason.MISSING_FIELD, "block", "without coordinates the block must be given")
    captured_at = _instant(raw, "captured_at", required=True)
    if captured_at is None:
        raise Fault(Reason.MISSING_FIELD, "captured_at", "is required")
    if captured_at > limits.now + AHEAD:
        raise Fault(Reason.CLOCK_AHEAD, "captured_at", "lies beyond the campaign's clock: check the device's date")
    if captured_at < limits.not_before:
        raise Fault(Reason.BEFORE_CAMPAIGN, "captured_at", "lies before the campaign began: check the device's date")
    return Submission(
        row=row,
        submission_id=_uuid(raw),
        household_id=_required(_name(raw, "household_id"), "household_id"),
        revision=_required(_whole(raw, "revision", 1, 1_000_000), "revision"),
        block=block,
        lon=lon,
        lat=lat,
        accuracy_m=_measure(raw, "accuracy_m", 0, 100_000),
        captured_at=captured_at,
        result=_required(_choice(raw, "result", _RESULTS), "result"),
        origin=_choice(raw, "origin", _ORIGINS) or "prelist",
        visit=_whole(raw, "visit", 1, 3),
        revisit_at=_instant(raw, "revisit_at"),
        welfare=_whole(raw, "welfare", 1, 3),
        started_at=_instant(raw, "started_at"),
        finished_at=_instant(raw, "finished_at"),
        enumerator=limits.enumerator or _name(raw, "enumerator"),
        notices=notices,
    )


def identity_in(raw: Mapping[Any, Any]) -> str:
    """The first field, `block` apart, that holds what looks like a national number; empty where none does."""
    for name, value in raw.items():
        if name not in _FIELDS and identity_number(str(name)):
            return "the name of a field"
        if value is None or (isinstance(value, str) and len(value) < 16):  # by far the most
            continue
        if name == "block" or isinstance(value, bool):
            continue
        if isinstance(value, float):
            if not value.is_integer():  # digits after a point are no number of anybody
                continue
            value = int(value)  # noqa: PLW2901  # a sender who writes 1.0 means 1
        if identity_number(value if isinstance(value, str) else str(value)):
            return _printable(name)
    return ""


def _clearly_clean(raw: Mapping[Any, Any]) -> bool:
    """Whether no flat value can hold sixteen digits in a row: spares nearly every record the look at each value."""
    long = []
    for value in raw.values():
        if type(value) is str:
            if len(value) >= 16:
                long.append(value)
        elif value is not None and not -1e15 < value < 1e15:
            return False
    return not sixteen_digits("\n".join(long))


def mask(value: object) -> object:
    """`value` as it may be kept: numbers that look like identities masked, text storable, depth and length bounded."""
    keeper = _Keeper()
    text = orjson.dumps(kept := keeper.kept(value, 0)).decode()
    return {"cut": text[:2000]} if keeper.left < 0 or len(text) > MOST_KEPT else kept


class _Keeper:
    """What may be kept of a row, as long as it is no longer than that: the rest of a huge one is not even looked at."""

    def __init__(self) -> None:
        self.left = MOST_KEPT  # every value takes one character at least, and a text as many as it has

    def kept(self, value: object, depth: int) -> object:
        """One value of a row, and what lies in it. Text is masked decoded: escapes would hide where a number begins."""
        self.left -= 1
        if isinstance(value, dict | list):
            if depth == DEEPEST:
                return "nested too deeply"
            if isinstance(value, list):
                return [self.kept(inside, depth + 1) for inside in takewhile(self._more, value)]
            fields = takewhile(self._more, value.items())
            return {self._text(str(name)): self.kept(inside, depth + 1) for name, inside in fields}
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int | float):
            if not abs(value) < 1e18:
                return "a number out of any range"
            return MASK if value == int(value) and identity_number(str(int(value))) else value
        return self._text(str(value))

    def _more(self, _: object) -> bool:
        return self.left >= 0

    def _text(self, text: str) -> str:
        """`text` masked, without what UTF-8 or jsonb cannot hold; as much of it as may be kept at all."""
        self.left -= len(text)
        return masked_text(text[:MOST_KEPT].replace("\0", "�").encode(errors="replace").decode())


def _too_deep(value: object) -> bool:
    """Whether objects and lists lie more than DEEPEST deep in each other. Walks, for recursion ends in a crash."""
    level: list[Any] = [value]
    for _ in range(DEEPEST):
        inside = (part for outer in level for part in (outer.values() if isinstance(outer, dict) else outer))
        level = [part for part in inside if isinstance(part, dict | list)]
        if not level:
            return False
    return True


def _printable(name: object) -> str:
    return "".join(c if c.isprintable() else "?" for c in str(name))[:64]


def _required(value: T | None, name: str) -> T:
    if value is None:
        raise Fault(Reason.MISSING_FIELD, name, "is required")
    return value


def _number(raw: Mapping[Any, Any], name: str) -> float | None:
    value = raw.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= sys.float_info.max:
        raise Fault(Reason.NOT_A_NUMBER, name, "must be a finite number, not text")
    return float(value)


def _point(raw: Mapping[Any, Any]) -> tuple[float | None, float | None]:
    lon, lat = _number(raw, "lon"), _number(raw, "lat")
    if (lon is None) != (lat is None):
        raise Fault(Reason.MISSING_FIELD, "lon" if lon is None else "lat", "coordinates come in pairs")
    if lon == 0 or lat == 0:
        raise Fault(Reason.NULL_ISLAND, "lon" if lon == 0 else "lat", "is exactly 0: the device had no position")
    return lon, lat


def _measure(raw: Mapping[Any, Any], name: str, low: float, high: float) -> float | None:
    value = _number(raw, name)
    if value is not None and not low <= value <= high:
        raise Fault(Reason.OUT_OF_RANGE, name, f"must lie between {low} and {high}")
    return value


def _whole(raw: Mapping[Any, Any], name: str, low: int, high: int) -> int | None:
    value = raw.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise Fault(Reason.NOT_A_NUMBER, name, "must be a whole number")
    if not low <= value <= high:
        raise Fault(Reason.OUT_OF_RANGE, name, f"must lie between {low} and {high}")
    return value


def _choice(raw: Mapping[Any, Any], name: str, values: frozenset[str]) -> str | None:
    value = raw.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or value not in values:
        raise Fault(Reason.BAD_VALUE, name, f"must be one of {', '.join(sorted(values))}")
    return value


def _name(raw: Mapping[Any, Any], name: str) -> str | None:
    value = raw.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str) or not NAME_SHAPE.fullmatch(value):
        reason = Reason.BAD_ID if name == "household_id" else Reason.BAD_TEXT
        raise Fault(reason, name, "must be text of 1 to 64 letters, digits and . _ : / @ + -")
    return value


def _uuid(raw: Mapping[Any, Any]) -> UUID:
    value = raw.get("submission_id")
    if value is None:
        raise Fault(Reason.MISSING_FIELD, "submission_id", "is required")
    if not isinstance(value, str) or not UUID_SHAPE.fullmatch(value):
        raise Fault(Reason.BAD_ID, "submission_id", "must be a UUID")
    return UUID(value)


def _instant(raw: Mapping[Any, Any], name: str, *, required: bool = False) -> datetime | None:
    value = raw.get(name)
    if value is None:
        if required:
            raise Fault(Reason.MISSING_FIELD, name, "is required")
        return None
    try:
        moment = datetime.fromisoformat(value)
        if "T" not in value and " " not in value and "t" not in value:
            raise ValueError("a date alone")
        if moment.tzinfo is None:
            raise ValueError("no offset")
        moment.timestamp()
    except (TypeError, ValueError, OverflowError) as wrong:
        raise Fault(Reason.BAD_TIME, name, "must be RFC 3339 with an offset, like 2022-10-15T09:30:00+07:00") from wrong
    if not 1900 <= moment.year <= 2200:
        raise Fault(Reason.BAD_TIME, name, "lies outside any campaign")
    return moment
