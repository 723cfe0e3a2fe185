"""Rows of a file judged by whole columns: which of them are surely fine, and what they say.

Words no reason and decides nothing in doubt: a row that is odd in any way is left to `submissions.parse`, which alone
says what is believed. Of the rows taken here it would say the same, field by field, which a property test holds true.
"""

import hashlib
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from geo.identities import identity_number
from geo.intake.reading import FLOAT_SHAPE, NAMESPACE, WHOLE_SHAPE, Sheet, id_name
from geo.intake.submissions import AHEAD, FIELDS, NAME_SHAPE, NUMBERS, UUID_SHAPE, WORDS, Limits
from geo.schema import ORIGINS, RESULTS

Mask = NDArray[np.bool_]

#: Times that are read here, narrower than what is believed: RFC 3339 in the years 1900 to 2199, without leap days, with
#: an offset or without.
_DAY = r"(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31)"
_CLOCK = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{3}|\.[0-9]{6})?"
_LOCAL = re.compile(f"(?:19|20|21)[0-9]{{2}}-{_DAY}[T ]{_CLOCK}")
_INSTANT = re.compile(_LOCAL.pattern + r"(?:Z|[+-][01][0-9]:[0-5][0-9])")
_LONG = "[0-9]{16}"

#: Beyond this a number might hold the digits of an identity.
_SMALL = 1e15
_MICRO = 1_000_000
_HOUR, _DAY_LONG = 3600 * _MICRO, 86_400 * _MICRO
#: Fields in whose shape no identity fits, and `block`, which may look like one; types of values that hold none.
_CLEAN_BY_SHAPE = frozenset(FIELDS) - {"household_id", "enumerator"}
_HOLD_NONE = (pa.types.is_null, pa.types.is_boolean, pa.types.is_date, pa.types.is_time, pa.types.is_timestamp)
_TEXT_NULL = pa.scalar(None, pa.string())


@dataclass(frozen=True)
class Sure:
    """The rows that are surely fine: their positions in the batch read, and a record batch of what they say.

    Its columns are the fields of `Submission`, `submission_id` as sixteen bytes and instants in microseconds since
    1970, with `day`, the local date of `captured_at`, and `digest`, that of its content.
    """

    at: NDArray[np.intp]
    rows: Any


def surely_fine(sheet: Sheet, limits: Limits) -> Sure:
    """What a batch of rows holds that needs no second look."""
    raw = _raw(sheet)
    found = {name: read(raw, name) for name, read in _READERS.items()}
    for name in ("captured_at", "revisit_at", "started_at", "finished_at"):
        found[name] = _instants(_of(raw, name), sheet.zone)
    for name in ("submission_id", "household_id"):
        found[name] = _identified(sheet, name, *found[name])
    columns = {name: values for name, (values, _) in found.items()}
    columns["revision"] = pc.fill_null(columns["revision"], 1)
    columns["origin"] = pc.fill_null(columns["origin"], "prelist")
    columns["day"], one_day = _days(columns["captured_at"], sheet.zone)
    fine = np.logical_and.reduce([fine for _, fine in found.values()]) & one_day
    fine &= _no_identity(raw) & _complete(columns) & _timely(columns["captured_at"], limits)
    at = np.flatnonzero(fine)
    rows = pa.RecordBatch.from_arrays(list(columns.values()), list(columns))
    if len(at) < len(fine):
        rows = rows.filter(pa.array(fine))
    return Sure(at, rows.append_column("digest", _digests(rows)))


def _raw(sheet: Sheet) -> dict[str, Any]:
    """The columns by the fields they are sent as, as `reading.as_submission` does; empty text is null."""
    batch, reading = sheet.batch, sheet.reading
    taken = set(reading.columns.values()) - set(FIELDS)
    found = {name: batch.column(name) for name in batch.schema.names if name not in taken}
    found |= {name: batch.column(column) for name, column in reading.columns.items()}
    found |= {name: pa.array([value] * batch.num_rows) for name, value in reading.fixed.items()}
    return {name: _plain(column) for name, column in found.items()}


def _plain(column: Any) -> Any:
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_large_string(column.type):
        column = column.cast(pa.string())
    if pa.types.is_string(column.type) and pc.any(pc.equal(column, "")).as_py():
        column = pc.if_else(pc.equal(column, ""), _TEXT_NULL, column)
    return column


def _of(raw: Mapping[str, Any], name: str) -> Any:
    """The column of a field; nulls where there is none."""
    column = raw.get(name)
    return pa.nulls(len(next(iter(raw.values()))), pa.string()) if column is None else column


def _numpy(mask: Any) -> Mask:
    """A mask without nulls, which count as false."""
    found: Mask = pc.fill_null(mask, False).to_numpy(zero_copy_only=False)
    return found


def _shaped(column: Any, shape: re.Pattern[str]) -> tuple[Any, Mask]:
    """A column of text, null where it has another shape; which are of the shape, or null."""
    if not pa.types.is_string(column.type):
        return pa.nulls(len(column), pa.string()), _numpy(pc.is_null(column))
    fits = pc.match_substring_regex(column, f"^(?:{shape.pattern})$")
    fine = _numpy(pc.or_kleene(fits, pc.is_null(column)))
    return (column if fine.all() else pc.if_else(fits, column, _TEXT_NULL)), fine


def _number(column: Any, shape: re.Pattern[str]) -> tuple[Any, Mask]:
    """A column of doubles, null where there is none, and which are one or null."""
    if pa.types.is_float32(column.type) or pa.types.is_float64(column.type) or pa.types.is_integer(column.type):
        values, fine = column.cast(pa.float64(), safe=False), _numpy(pc.is_null(column))
    else:
        text, fine = _shaped(column, shape)
        values = text.cast(pa.float64())
    return values, fine | _numpy(pc.less(pc.abs(values), _SMALL))  # what is not a number is not less


def _measure(raw: Mapping[str, Any], name: str, low: float, high: float) -> tuple[Any, Mask]:
    values, fine = _number(_of(raw, name), FLOAT_SHAPE)
    return values, fine & _numpy(_within(values, low, high))


def _within(values: Any, low: float, high: float) -> Any:
    return pc.or_kleene(pc.is_null(values), pc.and_(pc.greater_equal(values, low), pc.less_equal(values, high)))


def _whole(raw: Mapping[str, Any], name: str, high: int) -> tuple[Any, Mask]:
    """Whole numbers from 1 on."""
    values, fine = _number(_of(raw, name), WHOLE_SHAPE)
    whole = pc.and_(_within(values, 1, high), pc.fill_null(pc.equal(values, pc.floor(values)), True))
    return pc.if_else(whole, values, None).cast(pa.int32()), fine & _numpy(whole)


def _choice(raw: Mapping[str, Any], name: str, words: tuple[str, ...]) -> tuple[Any, Mask]:
    column = _of(raw, name)
    if not pa.types.is_string(column.type):
        return pa.nulls(len(column), pa.string()), _numpy(pc.is_null(column))
    return column, _numpy(pc.or_(pc.is_null(column), pc.is_in(column, pa.array(words))))


def _household(raw: Mapping[str, Any], _: str) -> tuple[Any, Mask]:
    column = _of(raw, "household_id")
    return _shaped(column.cast(pa.string()) if pa.types.is_integer(column.type) else column, NAME_SHAPE)


_READERS: dict[str, Callable[[Mapping[str, Any], str], tuple[Any, Mask]]] = {
    "submission_id": lambda raw, name: _shaped(_of(raw, name), UUID_SHAPE),
    "household_id": _household,
    "revision": lambda raw, name: _whole(raw, name, 1_000_000),
    "block": lambda raw, name: _shaped(_of(raw, name), NAME_SHAPE),
    "lon": lambda raw, name: _number(_of(raw, name), FLOAT_SHAPE),
    "lat": lambda raw, name: _number(_of(raw, name), FLOAT_SHAPE),
    "accuracy_m": lambda raw, name: _measure(raw, name, 0, 100_000),
    "result": lambda raw, name: _choice(raw, name, RESULTS),
    "origin": lambda raw, name: _choice(raw, name, ORIGINS),
    "visit": lambda raw, name: _whole(raw, name, 3),
    "welfare": lambda raw, name: _whole(raw, name, 3),
    "enumerator": lambda raw, name: _shaped(_of(raw, name), NAME_SHAPE),
}


def _complete(columns: Mapping[str, Any]) -> Mask:
    """Which rows have what every row must have, and a place: a block, or two coordinates of which none is 0."""
    lon, lat = columns["lon"], columns["lat"]
    there = pc.and_(
        pc.equal(pc.is_valid(lon), pc.is_valid(lat)), pc.or_(pc.is_valid(lon), pc.is_valid(columns["block"]))
    )
    for axis in (lon, lat):
        there = pc.and_(there, pc.fill_null(pc.not_equal(axis, 0.0), True))
    for name in ("submission_id", "household_id", "captured_at", "result"):
        there = pc.and_(there, pc.is_valid(columns[name]))
    return _numpy(there)


def _no_identity(raw: Mapping[str, Any]) -> Mask:
    """Which rows hold nothing that might be an identity, in any field but `block`. Names of fields count too."""
    many = len(next(iter(raw.values())))
    clean = np.ones(many, bool)
    for name, column in raw.items():
        if name not in FIELDS and identity_number(name):
            return np.zeros(many, bool)
        if name in _CLEAN_BY_SHAPE or any(is_such(column.type) for is_such in _HOLD_NONE):
            continue
        if pa.types.is_string(column.type):
            clean &= ~_numpy(pc.match_substring_regex(column, _LONG))
        else:
            clean &= _number(column, FLOAT_SHAPE)[1]  # what is neither text nor number is left to a closer look
    return clean


# ── time ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _instants(column: Any, zone: tzinfo) -> tuple[Any, Mask]:
    """Microseconds since 1970 of a column of times, null where there is none; those without an offset are of `zone`."""
    offset, fine = _shaped(column, _INSTANT)
    known = pc.is_valid(offset)
    moments = offset.cast(pa.timestamp("us", "UTC")).cast(pa.int64())
    if fine.all():
        return moments, fine
    local, plain = _shaped(column, _LOCAL)
    walls = local.cast(pa.timestamp("us")).cast(pa.int64())
    shift, settled = _shifts(walls, lambda wall: wall.replace(tzinfo=zone))
    moments = pc.if_else(known, moments, pc.subtract(walls, shift))
    return moments, fine | (plain & settled)


def _days(moments: Any, zone: tzinfo) -> tuple[Any, Mask]:
    """The local date of each instant, and for which it is certain."""
    shift, settled = _shifts(moments, lambda wall: wall.replace(tzinfo=UTC).astimezone(zone))
    local = pc.fill_null(pc.add(moments, shift), 0).to_numpy() // _DAY_LONG
    return pa.array(local.astype(np.int32)).cast(pa.date32()), settled


def _shifts(walls: Any, local: Callable[[datetime], datetime]) -> tuple[Any, Mask]:
    """How far a zone's clocks are ahead, in microseconds, and for which rows that is certain.

    Asked for each hour that occurs, at its beginning and its end: where they differ, a clock was set within.
    """
    hours, place = np.unique(pc.fill_null(walls, 0).to_numpy() // _HOUR, return_inverse=True)
    ahead = np.zeros((len(hours), 2), np.int64)
    for at, hour in enumerate(hours.tolist()):
        begin = datetime(1970, 1, 1) + timedelta(hours=hour)  # noqa: DTZ001  # a clock on the wall
        for end, wall in enumerate((begin, begin + timedelta(hours=1, microseconds=-1))):
            ahead[at, end] = (local(wall).utcoffset() or timedelta()) // timedelta(microseconds=1)
    return pa.array(ahead[place, 0]), (ahead[:, 0] == ahead[:, 1])[place]


def _timely(captured: Any, limits: Limits) -> Mask:
    """Which rows were captured within the campaign, by its clock."""
    first, last = (_micros(moment) for moment in (limits.not_before, limits.now + AHEAD))
    return _numpy(pc.and_(pc.greater_equal(captured, first), pc.less_equal(captured, last)))


def _micros(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


# ── ids and digests: a hash for each row, of bytes that were joined for all ───────────────────────────────────────


def _identified(sheet: Sheet, name: str, given: Any, fine: Mask) -> tuple[Any, Mask]:
    """Ids as given, made where there is none. `submission_id` as sixteen bytes."""
    key = sheet.reading.key
    keys = pa.array(sheet.numbers) if key is None else _plain(sheet.batch.column(key))
    lacking = _numpy(pc.is_null(given)) & fine
    if pa.types.is_string(keys.type) or pa.types.is_integer(keys.type):
        lacking &= _numpy(pc.is_valid(keys))
    else:
        lacking[:] = False
    made = np.zeros((len(given), 16), np.uint8)
    if lacking.any():
        made[lacking] = _uuid5(id_name(sheet.source, name, ""), keys.filter(pa.array(lacking)))
    if name == "household_id":
        written = _written(made[lacking])
        return pc.replace_with_mask(given, pa.array(lacking), written), fine
    known = _numpy(pc.is_valid(given))
    if known.any():
        digits = "".join(pc.replace_substring(given.drop_null(), "-", "").to_pylist())
        made[known] = np.frombuffer(bytes.fromhex(digits), np.uint8).reshape(-1, 16)
    return _bytes16(made, known | lacking), fine


def _uuid5(prefix: str, keys: Any) -> NDArray[np.uint8]:
    """The UUIDv5 (RFC 9562, section 5.5) of `prefix` and each key: an array (n, 16) of bytes."""
    begun = hashlib.sha1(NAMESPACE.bytes + prefix.encode(), usedforsecurity=False)
    found = bytearray()
    for key in keys.to_pylist():
        each = begun.copy()
        each.update(str(key).encode())
        found += each.digest()[:16]
    made = np.frombuffer(found, np.uint8).reshape(-1, 16).copy()
    made[:, 6] = made[:, 6] & 0x0F | 0x50
    made[:, 8] = made[:, 8] & 0x3F | 0x80
    return made


def _written(ids: NDArray[np.uint8]) -> Any:
    """UUIDs as text."""
    digits = ids.tobytes().hex()
    each = (digits[first : first + 32] for first in range(0, len(digits), 32))
    return pa.array([f"{d[:8]}-{d[8:12]}-{d[12:16]}-{d[16:20]}-{d[20:]}" for d in each], pa.string())


def _bytes16(values: NDArray[np.uint8], valid: Mask) -> Any:
    whole = pa.Array.from_buffers(pa.binary(16), len(values), [None, pa.py_buffer(np.ascontiguousarray(values))])
    return whole if valid.all() else pc.if_else(pa.array(valid), whole, pa.scalar(None, pa.binary(16)))


def _digests(rows: Any) -> Any:
    """What `Submission.digest` gives for each row."""
    numbers = np.empty(rows.num_rows, [(name, f"<{kind}") for name, kind in NUMBERS.items()])
    for name, kind in NUMBERS.items():
        column = rows.column(name)
        if kind == "i":
            numbers[name] = pc.fill_null(column, 0).to_numpy()
        else:
            seconds = name.endswith("_at")
            values = pc.divide(column.cast(pa.float64()), float(_MICRO)) if seconds else column
            numbers[name] = pc.fill_null(values, math.nan).to_numpy()
    words = [pc.fill_null(rows.column(name), "") for name in WORDS]
    joined = pc.binary_join_element_wise(*words, "|").cast(pa.binary()).to_pylist()
    packed, blake2b = numbers.tobytes(), hashlib.blake2b
    each = zip(range(0, len(packed), numbers.itemsize), joined, strict=True)
    found = b"".join([blake2b(packed[at : at + numbers.itemsize] + said, digest_size=16).digest() for at, said in each])
    return _bytes16(np.frombuffer(found, np.uint8).reshape(-1, 16), np.ones(len(joined), bool))
