"""Rows of a file as a device would send them: fields from other columns, text made numbers, ids that the file lacks.

Knows one row at a time; `columns` does the same for many.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Any
from uuid import UUID, uuid5

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from geo.errors import BadInput
from geo.ground.sources import plain_rows
from geo.intake.submissions import FIELDS

#: Of the UUIDv5 that stand for ids.
NAMESPACE = UUID("c7a1b6a0-2022-5c15-8b0e-5e9a05ec0001")

_FLOATS = frozenset({"lon", "lat", "accuracy_m"})
_WHOLES = frozenset({"revision", "visit", "welfare"})
_INSTANTS = frozenset({"captured_at", "revisit_at", "started_at", "finished_at"})
FLOAT_SHAPE = re.compile(r"[+-]?[0-9]{1,12}(?:\.[0-9]{1,20})?")
WHOLE_SHAPE = re.compile(r"[0-9]{1,9}(?:\.0+)?")


@dataclass(frozen=True)
class Reading:
    """How to read a file: fields from other columns, fields fixed for every row, what its ids are made of.

    `where` names the rows that are wanted by the text of their columns; others are passed over.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    fixed: Mapping[str, Any] = field(default_factory=dict)
    source: str | None = None
    key: str | None = None
    crs: str | None = None
    where: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raise BadInput for fields that a submission does not have."""
        if unknown := (set(self.columns) | set(self.fixed)) - set(FIELDS):
            raise BadInput(f"a submission has no field {sorted(unknown)[0]}; it has {', '.join(FIELDS)}")

    def check(self, columns: Iterable[str]) -> None:
        """Raise BadInput for a named column that the file does not have."""
        named = {*self.columns.values(), *self.where, *([] if self.key is None else [self.key])}
        if unknown := named - set(columns):
            raise BadInput(f"the file has no column {sorted(unknown)[0]}; it has {', '.join(columns)}")

    def wanted(self, batch: Any) -> NDArray[np.bool_]:
        """Which rows of a record batch are asked for; an empty cell is the empty text."""
        found = np.ones(batch.num_rows, bool)
        for name, value in self.where.items():
            cells = (row[name] for row in plain_rows(batch.select([name])))
            found &= np.array([("" if cell is None else str(cell)) == value for cell in cells], bool)
        return found


@dataclass(frozen=True)
class Sheet:
    """A batch of rows as read, with what reading them takes: the number of each in the file, the source's name."""

    batch: Any
    numbers: NDArray[np.int64]
    reading: Reading
    source: str
    zone: tzinfo

    def rows(self, positions: Sequence[int]) -> list[dict[str, Any]]:
        """Some rows as they are in the file."""
        return plain_rows(self.batch.take(pa.array(positions, pa.int64())))

    def sent(self, positions: Sequence[int]) -> list[dict[str, Any]]:
        """Some rows as a device would send them."""
        numbers = self.numbers[list(positions)].tolist()
        return [
            as_submission(row, number, self.reading, self.source, self.zone)
            for row, number in zip(self.rows(positions), numbers, strict=True)
        ]


def as_submission(row: Mapping[str, Any], number: int, reading: Reading, source: str, zone: tzinfo) -> dict[str, Any]:
    """One row of a file as a device would send it: text made numbers where it is one, local times given their offset.

    Ids that the file lacks are UUIDv5 of the source and the row's key, so that the same row always gets the same; a
    row without a key gets none. A field named by `reading` wins over a column that happens to have its name.
    """
    taken = set(reading.columns.values()) - set(FIELDS)
    raw = {name: value for name, value in row.items() if name not in taken}
    raw |= {name: row[column] for name, column in reading.columns.items()}
    raw |= reading.fixed
    raw = from_text(raw, zone)
    key = row.get(reading.key) if reading.key else number
    for name in ("submission_id", "household_id"):
        if raw.get(name) in (None, ""):
            raw[name] = None if key in (None, "") else made_id(source, name, key)
        elif not isinstance(raw[name], str):
            raw[name] = str(raw[name])
    if raw.get("revision") is None:
        raw["revision"] = 1
    return {name: value for name, value in raw.items() if value is not None and value != ""}


def from_text(raw: Mapping[str, Any], zone: tzinfo) -> dict[str, Any]:
    """A row whose cells are text, with numbers where a field is one and local times given their offset of `zone`.

    Text that is no number stays text, for `submissions.parse` to say so.
    """
    made = dict(raw)
    for name in _FLOATS & made.keys():
        made[name] = _typed(made[name], FLOAT_SHAPE, float)
    for name in _WHOLES & made.keys():
        made[name] = _typed(made[name], WHOLE_SHAPE, lambda text: int(float(text)))
    for name in _INSTANTS & made.keys():
        made[name] = _local(made[name], zone)
    return made


def made_id(source: str, name: str, key: object) -> str:
    """The UUIDv5 that stands for an id which a row of `source` lacks: the same row always gets the same."""
    return str(uuid5(NAMESPACE, id_name(source, name, key)))


def id_name(source: str, name: str, key: object) -> str:
    """What a made id is the UUIDv5 of."""
    return f"{source}\n{name}\n{key}"


def _typed(value: Any, shape: re.Pattern[str], convert: Callable[[str], Any]) -> Any:
    if isinstance(value, str):
        text = value.strip()
        return convert(text) if shape.fullmatch(text) else (text or None)
    if isinstance(value, float) and value.is_integer() and convert is not float:
        return int(value)
    return value


def _local(value: Any, zone: tzinfo) -> Any:
    """A time without an offset is the campaign's local time."""
    if not isinstance(value, str):
        return value
    try:
        moment = datetime.fromisoformat(value.strip())
    except ValueError:
        return value
    return value.strip() if moment.tzinfo or len(value.strip()) <= 10 else moment.replace(tzinfo=zone).isoformat()
