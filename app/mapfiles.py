"""Lists with places as files for maps: GeoPackage for QGIS, GPX and KML for the phone of who walks there.

GDAL writes all three. A waypoint says in words what somebody at the place needs; which words, SAID lists. GeoPackage
has every column, typed, and the outline where there is one.
"""

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from functools import cache
from pathlib import Path
from string import Formatter
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa
import pyogrio
import shapely
from numpy.typing import NDArray

from app import locales
from geo.errors import BadInput
from geo.schema import COUNTS

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Said:
    """What is said at a place of one list: the parts of its name, and the lines of its description.

    Each is a text with `{columns}` of the row in it, or the key of one in `app/locales`, or several of them between
    bars: the first counts for which the row has every value. Where there is none, nothing is said.
    """

    name: tuple[str, ...]
    lines: tuple[str, ...]


#: Lists that have places.
SAID = {
    "gaps": Said(
        ("{name}", "{gap}"), ("{code}", "{place}", "way.left", "way.{reason}|reason.{reason}", "way.enumerator")
    ),
    "holes": Said(("{name}", "{missing}"), ("{code}", "{place}", "way.missing", "way.left")),
    "callbacks": Said(
        ("{household_id}",),
        ("{name} {code}", "{place}", "way.building", "count.{result}", "way.visits", "way.due", "way.enumerator"),
    ),
    "plan": Said(
        ("{order}", "{name}"),
        ("plan.kind_{kind}", "{code}", "{place}", "way.building", "route.families", "route.time", "way.enumerator"),
    ),
    "prelist": Said(("{household_id}",), ("{name} {code}", "way.building", "way.visits")),
    "reinterviews": Said(
        ("{household_id}",), ("{name} {code}", "{place}", "way.building", "way.enumerator", "outcome.{outcome}")
    ),
    "flags": Said(("flag.{kind}", "{name}"), ("{code}", "{place}", "way.enumerator")),
    "proposals": Said(("proposal.{kind}", "{name}"), ("{code}", "{place}", "{other_name} {other_code}")),
    "households": Said(("{household_id}",), ("{name} {code}", "count.{result}", "way.visit", "way.enumerator")),
    "quarantine": Said(("held.{reason}",), ("{household_id}", "{name} {code}", "{place}", "{detail}")),
    "coverage": Said(("{name}",), ("{code}", "way.done", "way.left")),
    "cells": Said(("{cell}",), ("way.done", "way.left")),
    "areas": Said(("{name}",), ("{code}", "level.{level}")),
}

_WGS84 = "EPSG:4326"
_GEOMETRY = "geometry"

#: What XML 1.0 cannot hold (section 2.2, "Char"); a GeoPackage would end a text at NUL.
_UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

#: How a key of `app/locales` begins.
_KEY = re.compile(r"[a-z]+\.")

#: Types of columns in which no row has a value, by what they are called; every other one is text then.
_WHOLE = {*COUNTS, "expected", "gap", "winnable", "apart", "n", "visit", "visits", "queued", "sequence", "welfare"}
_BROKEN = {"lon", "lat", "coverage", "resolved", "schedule", "accuracy_m", "proposed_lon", "proposed_lat"}
_INSTANT = pa.timestamp("ms", tz="UTC")
_KINDS = {bool: pa.bool_(), int: pa.int64(), float: pa.float64(), datetime: _INSTANT, date: pa.date32()}


@dataclass(frozen=True)
class Reader:
    """Who will read a file: one of `locales.LANGUAGES`, and the time zone in which instants are told."""

    language: str = locales.LANGUAGES[0]
    zone: tzinfo = UTC


def of_places(name: str) -> Said:
    """What is said at the places of the list `name`. Raises BadInput where it has none."""
    if name not in SAID:
        raise BadInput(f"{name} have no places: take json, csv, xlsx or geojson", code="bad-format")
    return SAID[name]


def gpx(name: str, rows: Sequence[Row], head: Row, reader: Reader) -> bytes:
    """Waypoints of GPX 1.1; rows without a point are left out."""
    names, lines, points = _waypoints(name, rows, reader)
    about = {"METADATA_NAME": f"Cakupan: {name}", "METADATA_DESCRIPTION": _about(head)}
    kinds = np.full(len(points), name, dtype=object)
    return _written("GPX", "waypoints", points, {"name": names, "desc": lines, "type": kinds}, about)


def kml(name: str, rows: Sequence[Row], _head: Row, reader: Reader) -> bytes:
    """Placemarks of KML 2.2, in a folder named as the list; rows without a point are left out."""
    names, lines, points = _waypoints(name, rows, reader)
    return _written("KML", name, points, {"Name": names, "Description": lines}, {})


def geopackage(name: str, rows: Sequence[Row], head: Row, shapes: Mapping[Any, str | bytes], key: str) -> bytes:
    """One layer named as the list, EPSG:4326, with a table `about`.

    `shapes` are outlines as GeoJSON by the row's `key`; without one a row's `lon` and `lat` are its point. A row that
    has neither is there without a shape.
    """
    of_places(name)
    titles = list(rows[0]) if rows else ["code"]
    columns = {title: _column(title, [row[title] for row in rows]) for title in titles}
    geometry, kind = _shapes(rows, shapes, key)
    table = pa.table(columns | {_GEOMETRY: pa.array(geometry, pa.binary())})
    with TemporaryDirectory(prefix="cakupan-list-") as folder:
        path = Path(folder) / "list.gpkg"
        pyogrio.write_arrow(
            table,
            path,
            layer=name,
            driver="GPKG",
            geometry_name=_GEOMETRY,
            geometry_type=kind,
            crs=_WGS84,
            dataset_options={"VERSION": "1.2"},  # which the QGIS of old distributions knows
            layer_options={"GEOMETRY_NAME": _GEOMETRY, "DESCRIPTION": _about(head)},
        )
        about = pd.DataFrame({"key": list(head), "value": [_text(value) for value in head.values()]})
        pyogrio.write_dataframe(about, path, layer="about", driver="GPKG")
        return path.read_bytes()


def _written(driver: str, layer: str, points: NDArray[Any], fields: dict[str, Any], options: dict[str, str]) -> bytes:
    """Points with fields of text, as GDAL's `driver` writes them."""
    out = io.BytesIO()
    pyogrio.raw.write(
        out,
        shapely.to_wkb(points),
        list(fields.values()),
        list(fields),
        layer=layer,
        driver=driver,
        geometry_type="Point",
        crs=_WGS84,
        dataset_options=options,
        layer_options={},
    )
    return out.getvalue()


# ── what is said ──────────────────────────────────────────────────────────────────────────────────────────────────


def _waypoints(name: str, rows: Sequence[Row], reader: Reader) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Names, descriptions and points of the rows that have a point: where it is proposed to lie, if it is."""
    said, texts = of_places(name), locales.texts(reader.language)
    points, proposed = _points(rows), _points(rows, "proposed_")
    points = np.where(shapely.is_missing(proposed), points, proposed)
    there = np.flatnonzero(~shapely.is_missing(points))
    names, lines = np.empty(len(there), dtype=object), np.empty(len(there), dtype=object)
    for at, place in enumerate(there.tolist()):
        values = {key: _shown(value, reader.zone) for key, value in rows[place].items()}
        names[at] = " · ".join(_parts(said.name, values, texts))
        lines[at] = "\n".join(_parts(said.lines, values, texts))
    return names, lines, points[there]


def _parts(parts: Sequence[str], values: Mapping[str, str], texts: Mapping[str, str]) -> list[str]:
    """The parts that can be said. Values are put in once: what somebody wrote is never read as a template."""
    said = []
    for part in parts:
        ways = [_template(way, values, texts) for way in part.split("|")]
        said += [way.format_map(values) for way in ways if _known(way, values)][:1]
    return said


def _template(way: str, values: Mapping[str, str], texts: Mapping[str, str]) -> str:
    """A text to put values into, looked up where `way` is a key; empty where there is none of that key."""
    if not _KEY.match(way):
        return way
    return texts.get(way.format_map(values), "") if _known(way, values) else ""


def _known(template: str, values: Mapping[str, str]) -> bool:
    """Whether there is something to be said, and a value for everything in it."""
    return bool(template) and all(values.get(name) for name in _fields(template))


@cache
def _fields(template: str) -> list[str]:
    return [name for _, name, _, _ in Formatter().parse(template) if name]


def _shown(value: Any, zone: tzinfo) -> str:
    """A value in words; empty where there is none."""
    if isinstance(value, datetime):
        return f"{value.astimezone(zone):%Y-%m-%d %H:%M}"
    return _text(value)


def _about(head: Row) -> str:
    line = f"{head.get('series', '')} {head.get('edition', '')}, epoch {head.get('epoch', '')}".strip()
    line = f"{line}, as of {_text(head.get('as_of'))}"
    return f"{line}, SIMULATED" if head.get("simulated") else line


# ── columns and shapes ────────────────────────────────────────────────────────────────────────────────────────────


def _column(title: str, values: list[Any]) -> pa.Array:
    """Values as a column of one type: that of all that are there, else text."""
    kinds = {type(value) for value in values if value is not None}
    if not kinds:
        kind = pa.int64() if title in _WHOLE else pa.float64() if title in _BROKEN else pa.string()
        return pa.nulls(len(values), _INSTANT if title.endswith("_at") else kind)
    if kinds == {int, float}:
        return pa.array(values, pa.float64())
    if len(kinds) == 1 and (plain := _KINDS.get(kinds.pop())) is not None:
        return pa.array(values, plain)
    return pa.array([None if value is None else _text(value) for value in values], pa.string())


def _text(value: Any) -> str:
    """A value as text that every format can hold."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        value = ",".join(str(part) for part in value)
    if isinstance(value, dict):
        value = orjson.dumps(value).decode()
    return _UNWRITABLE.sub("�", str(value))


def _points(rows: Sequence[Row], prefix: str = "") -> NDArray[Any]:
    """Where rows are, in degrees; None where that is not known or cannot be."""
    pairs = [(row.get(f"{prefix}lon"), row.get(f"{prefix}lat")) for row in rows]
    lon, lat = np.array(pairs, dtype=np.float64).reshape(-1, 2).T
    points = np.full(len(rows), None, dtype=object)
    there = (np.abs(lon) <= 180) & (np.abs(lat) <= 90)
    points[there] = shapely.points(lon[there], lat[there])
    return points


def _shapes(rows: Sequence[Row], shapes: Mapping[Any, str | bytes], key: str) -> tuple[NDArray[Any], str]:
    """Shapes as WKB and the type that the layer has for them."""
    found = _points(rows)
    outlined = [at for at, row in enumerate(rows) if row.get(key) in shapes]
    if not outlined:
        return shapely.to_wkb(found), "Point"
    texts = (shapes[rows[at][key]] for at in outlined)
    drawn = shapely.from_geojson([text.decode() if isinstance(text, bytes) else text for text in texts])
    found[outlined] = [shapely.MultiPolygon([shape]) if shape.geom_type == "Polygon" else shape for shape in drawn]
    areas = len(outlined) == len(rows) and all(shape.geom_type == "MultiPolygon" for shape in found)
    return shapely.to_wkb(found), "MultiPolygon" if areas else "Unknown"
