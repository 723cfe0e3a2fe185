"""What is told of the doubts about a village: flags, each under a name that lasts as long as its evidence does.

A flag is named by its kind, its block and a digest of what it is made of: households with their points, or with the
moments of their records. As long as that stays the same so does the name, and what was decided on it stands; once a
point is corrected, or one more record joins, it is another flag, and open. Knows neither the database nor who asks.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import csv

from geo.watch import doubts_lines, doubts_marks, doubts_moved, doubts_places, doubts_times, doubts_twice
from geo.watch.doors import Houses
from geo.watch.doubts import KINDS, Doubt, Records
from geo.watch.doubts_moved import Centres

#: Kinds of which the points are what is doubted; of the others the moments are.
_OF_POINTS = frozenset(KINDS) - {"travel", "night", "short", "no_point"}

_TEXT, _NUMBER = pa.string(), pa.float64()
#: Columns of the records as they are read (`flags.sql`), in their order.
COLUMNS = {
    "household": _TEXT,
    "enumerator": _TEXT,
    "number": pa.int64(),
    "building": _TEXT,
    **dict.fromkeys(("lon", "lat", "accuracy_m", "edge_lon", "edge_lat", "captured", "started", "finished"), _NUMBER),
    **dict.fromkeys(("result", "new", "counts", "outside", "poor"), pa.int64()),
}


@dataclass(frozen=True)
class Flag:
    """A doubt as it is kept: who, where, when, and what to draw. `points` and `line` (k, 2), degrees."""

    name: str
    kind: str
    number: int
    enumerator: str | None
    at: float
    until: float
    days: tuple[int, int]
    households: tuple[str, ...]
    weight: float
    evidence: dict[str, float | int | str]
    points: NDArray[np.float64]
    line: NDArray[np.float64]


@dataclass(frozen=True)
class Village:
    """Flags of a village, and how many records were looked at by (block, enumerator, day)."""

    flags: list[Flag]
    records: Counter[tuple[int, str | None, int]]


@dataclass(frozen=True)
class Ground:
    """What was read of a village. `records`: CSV of COLUMNS, without a head; `offset`: seconds local time is ahead."""

    records: bytes
    houses: Houses
    centres: Centres
    offset: float


def looked_at(ground: Ground) -> Village:
    """The flags of a village, and what was looked at. Takes a core for some milliseconds a block."""
    if not ground.records:
        return Village([], Counter())
    options = csv.ConvertOptions(column_types=COLUMNS, strings_can_be_null=True, quoted_strings_can_be_null=False)
    table = csv.read_csv(pa.BufferReader(ground.records), csv.ReadOptions(column_names=list(COLUMNS)), None, options)
    households, enumerators, records = _records(table, ground.offset)
    flags = {
        flag.name: flag
        for doubt in seen(records, ground.houses, ground.centres)
        for flag in [_flag(records, households, enumerators, doubt)]
    }
    many: Counter[tuple[int, str | None, int]] = Counter()
    keys, count = np.unique(
        np.column_stack([records.number, records.enumerator, records.day]), axis=0, return_counts=True
    )
    for (number, who, day), times in zip(keys.tolist(), count.tolist(), strict=True):
        many[number, enumerators[who] if who >= 0 else None, day] += times
    return Village(list(flags.values()), many)


def _records(table: Any, offset: float) -> tuple[list[str], list[str], Records]:
    """Names of households and enumerators, and the records with places in those instead."""
    values, names = {}, {}
    for column in ("household", "enumerator", "building"):
        encoded = table[column].combine_chunks().dictionary_encode()
        values[column] = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
        names[column] = encoded.dictionary.to_pylist()
    for column, kind in COLUMNS.items():
        if kind != _TEXT:
            values[column] = table[column].to_numpy()
    for column in ("new", "counts", "outside", "poor"):
        values[column] = values[column].astype(bool)
    order = np.lexsort((values["household"], values["captured"], values["enumerator"]))
    return names["household"], names["enumerator"], Records(**values, offset=offset).some(order)


def seen(records: Records, houses: Houses, centres: Centres) -> list[Doubt]:
    """All doubts about records of blocks that lie together.

    Strands and clusters first: points put down evenly are each other's middles, and are not doubted for that too. Nor
    are points at a centroid for being equal.
    """
    marks = doubts_marks.marked(records)
    shaped = [*doubts_places.clusters(records, houses), *doubts_lines.strands(records, houses)]
    moved = doubts_moved.moved(records, centres, _rows_of(records, shaped))
    central = _rows_of(records, [doubt for doubt in moved if doubt.kind == "centroid"])
    outside = _rows_of(records, [doubt for doubt in marks if doubt.kind == "outside_block"])
    return [
        *marks,
        *doubts_twice.duplicates(records, houses),
        *doubts_places.stacked(records, houses, central),
        *shaped,
        *doubts_times.travel(records, outside),
        *doubts_times.nights(records),
        *doubts_times.short(records),
        *moved,
    ]


def _rows_of(records: Records, doubted: Iterable[Doubt]) -> NDArray[np.bool_]:
    found = np.zeros(len(records), dtype=bool)
    for doubt in doubted:
        found[doubt.rows] = True
    return found


def _flag(records: Records, households: Sequence[str], enumerators: Sequence[str], doubt: Doubt) -> Flag:
    """A doubt under its name, with words for places in arrays."""
    rows = doubt.rows[np.argsort(records.captured[doubt.rows], kind="stable")]
    number = int(np.bincount(records.number[rows]).argmax())
    who = int(records.enumerator[rows[-1]])
    enumerator = enumerators[who] if who >= 0 else None
    names = [households[at] for at in records.household[rows].tolist()]
    made = [doubt.name, enumerator or ""]
    if not doubt.name:
        point = zip(records.lon[rows].round(7).tolist(), records.lat[rows].round(7).tolist(), strict=True)
        exact = point if doubt.kind in _OF_POINTS else records.captured[rows].tolist()
        made += sorted(f"{name} {what}" for name, what in zip(names, exact, strict=True))
    digest = blake2b("|".join(made).encode(), digest_size=8).hexdigest()
    drawn = rows[records.placed[rows]]
    return Flag(
        name=f"{doubt.kind}-{number}-{digest}",
        kind=doubt.kind,
        number=number,
        enumerator=enumerator,
        at=float(records.captured[rows[0]]),
        until=float(records.captured[rows[-1]]),
        days=(int(records.day[rows].min()), int(records.day[rows].max())),
        households=tuple(dict.fromkeys(names)),
        weight=doubt.weight,
        evidence=doubt.evidence,
        points=np.column_stack([records.lon[drawn], records.lat[drawn]]).round(7),
        line=doubt.line.round(7),
    )


def shape(flag: Flag) -> dict[str, Any] | None:
    """What to draw, as a GeoJSON geometry (EPSG:4326): the points, and the line that the evidence is about."""
    points = {"type": "MultiPoint", "coordinates": np.unique(flag.points, axis=0).tolist()}
    line = {"type": "LineString", "coordinates": flag.line.tolist()}
    if len(flag.line) > 1 and len(flag.points):
        return {"type": "GeometryCollection", "geometries": [points, line]}
    return points if len(flag.points) else None
