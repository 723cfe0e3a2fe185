"""The same list as JSON, as a table, or for a map. Codes stay text, and no cell of a spreadsheet can become a formula.

GeoPackage, GPX and KML, for lists with places alone, are written by `mapfiles`.
"""

import csv
import io
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any, Literal

import orjson
import xlsxwriter
from fastapi import Response

from app import mapfiles
from app.mapfiles import Reader

Format = Literal["json", "csv", "geojson", "xlsx", "gpkg", "gpx", "kml"]

#: Formats that every list has, and those of lists with places (`mapfiles.SAID`).
TABLES: tuple[Format, ...] = ("json", "csv", "geojson", "xlsx")
MAPS: tuple[Format, ...] = ("gpkg", "gpx", "kml")

#: Formats in which outlines are shown.
OUTLINED: tuple[Format, ...] = ("geojson", "gpkg")

_DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n")
_TYPES = {
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "geojson": "application/geo+json",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "gpkg": "application/geopackage+sqlite3",
    "gpx": "application/gpx+xml",
    "kml": "application/vnd.google-earth.kml+xml",
}


def respond(
    format_: Format,
    name: str,
    rows: Sequence[dict[str, Any]],
    head: dict[str, Any],
    shapes: dict[int, Any] | None = None,
    key: str = "n",
    reader: Reader | None = None,
) -> Response:
    """`rows` under `name` with what is said of all of them in `head`.

    In GeoJSON a row is the feature of the id in its `key`, its outline taken from `shapes` by that, else its `lon` and
    `lat` as a point; likewise in a GeoPackage. GPX and KML have points, and say in the words of `reader` what is there.
    Raises BadInput for one of MAPS where the list has no places.
    """
    if format_ == "json":
        return _answer("json", orjson.dumps(head | {name: list(rows)}), None)
    reader = reader or Reader()
    body: bytes
    if format_ == "geojson":
        body = _geojson(rows, head, shapes or {}, key)
    elif format_ == "gpkg":
        body = mapfiles.geopackage(name, rows, head, shapes or {}, key)
    elif format_ in {"gpx", "kml"}:
        body = (mapfiles.gpx if format_ == "gpx" else mapfiles.kml)(name, rows, head, reader)
    else:
        body = _csv(rows) if format_ == "csv" else _xlsx(name, rows, head)
    answer = _answer(format_, body, f"cakupan_{name}_epoch{head.get('epoch', '')}.{format_}")
    if format_ in {"gpx", "kml"}:
        answer.headers["Content-Language"] = reader.language
    return answer


def safe(value: Any) -> Any:
    """A cell's value: text that a spreadsheet would run as a formula is quoted."""
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list):
        return ",".join(str(part) for part in value)
    if isinstance(value, str) and value.startswith(_DANGEROUS):
        return f"'{value}"
    return value


def _answer(format_: str, body: bytes, filename: str | None) -> Response:
    headers = {"Cache-Control": "private, no-cache"}
    if filename:
        headers["Content-Disposition"] = f'attachment; filename="{filename}"'
    return Response(body, media_type=_TYPES[format_], headers=headers)


def _columns(rows: Sequence[dict[str, Any]]) -> list[str]:
    return list(rows[0]) if rows else []


def _csv(rows: Sequence[dict[str, Any]]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(_columns(rows))
    writer.writerows([safe(v) for v in row.values()] for row in rows)
    return out.getvalue().encode("utf-8-sig")


def _xlsx(name: str, rows: Sequence[dict[str, Any]], head: dict[str, Any]) -> bytes:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}) as book:
        if isinstance(as_of := head.get("as_of"), datetime):  # else it says when it was written
            book.set_properties({"created": as_of.astimezone(UTC).replace(tzinfo=None)})
        text = book.add_format({"num_format": "@"})
        bold = book.add_format({"bold": True})
        sheet = book.add_worksheet(name[:31])
        sheet.freeze_panes(1, 0)
        for column, title in enumerate(_columns(rows)):
            sheet.write_string(0, column, title, bold)
            for at, row in enumerate(rows, start=1):
                value = safe(row[title])
                if isinstance(value, str):
                    sheet.write_string(at, column, value, text)
                elif value is not None:
                    sheet.write(at, column, value)
        about = book.add_worksheet("about")
        for at, (key, value) in enumerate(head.items()):
            about.write_string(at, 0, key, bold)
            about.write_string(at, 1, "" if value is None else str(safe(value)))
    return out.getvalue()


def _geojson(rows: Sequence[dict[str, Any]], head: dict[str, Any], shapes: dict[int, Any], key: str) -> bytes:
    features = []
    for row in rows:
        shape = shapes.get(row.get(key, -1))
        point = None if row.get("lon") is None else {"type": "Point", "coordinates": [row["lon"], row["lat"]]}
        features.append(
            {
                "type": "Feature",
                "id": row.get(key),
                "geometry": orjson.Fragment(shape) if shape else point,
                "properties": {k: v for k, v in row.items() if k not in {"lon", "lat"}},
            }
        )
    return orjson.dumps({"type": "FeatureCollection", **head, "features": features})
