"""The same list as JSON, CSV, GeoJSON or XLSX. Codes stay text, and no cell of a spreadsheet can become a formula."""

import csv
import io
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Literal

import orjson
import xlsxwriter
from fastapi import Response

Format = Literal["json", "csv", "geojson", "xlsx"]

_DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n")
_TYPES = {
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "geojson": "application/geo+json",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def respond(
    format_: Format,
    name: str,
    rows: Sequence[dict[str, Any]],
    head: dict[str, Any],
    shapes: dict[int, Any] | None = None,
    key: str = "n",
) -> Response:
    """`rows` under `name` with what is said of all of them in `head`.

    In GeoJSON a row is the feature of the id in its `key`, its outline taken from `shapes` by that, else its `lon` and
    `lat` as a point.
    """
    if format_ == "json":
        return _answer("json", orjson.dumps(head | {name: list(rows)}), None)
    filename = f"cakupan_{name}_epoch{head.get('epoch', '')}.{format_}"
    if format_ == "geojson":
        return _answer("geojson", _geojson(rows, head, shapes or {}, key), filename)
    return _answer(format_, _csv(rows) if format_ == "csv" else _xlsx(name, rows, head), filename)


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
