"""Reading answers of every kind back: lists in their four formats, tiles, events of the stream."""

import csv
import io
import json
from typing import Any

import mapbox_vector_tile
from python_calamine import CalamineWorkbook

FORMATS = ("json", "csv", "geojson", "xlsx")

Row = dict[str, Any]

#: Columns that are text, whatever they look like.
_CODES = {"code", "parent", "block", "name", "located", "supervisor"}


def rows_of(body: bytes, name: str, format_: str) -> list[Row]:
    """Rows of the list `name`; None where a cell is empty, numbers as numbers where they look like some."""
    if format_ == "json":
        found: list[Row] = json.loads(body)[name]
        return found
    if format_ == "geojson":
        return [feature["properties"] for feature in json.loads(body)["features"]]
    if format_ == "csv":
        return [
            {key: _value(key, value) for key, value in row.items()}
            for row in csv.DictReader(io.StringIO(body.decode("utf-8-sig")))
        ]
    table = CalamineWorkbook.from_filelike(io.BytesIO(body)).get_sheet_by_index(0).to_python()
    return (
        [{key: _value(str(key), cell) for key, cell in zip(table[0], line, strict=True)} for line in table[1:]]
        if table
        else []
    )


def text_of(body: bytes, format_: str) -> str:
    """All that a list says, as text to be searched."""
    if format_ != "xlsx":
        return body.decode()
    book = CalamineWorkbook.from_filelike(io.BytesIO(body))
    return "\n".join(str(book.get_sheet_by_name(name).to_python()) for name in book.sheet_names)


def tile_of(body: bytes, layer: str) -> list[Row]:
    """Properties of the features of one layer of a vector tile, with their `id`."""
    layers = mapbox_vector_tile.decode(body) if body else {}
    return [
        feature["properties"] | {"id": feature.get("id")} for feature in layers.get(layer, {"features": []})["features"]
    ]


def events_of(text: str) -> list[Row]:
    """Data of the events of a stream."""
    return [json.loads(line.removeprefix("data: ")) for line in text.splitlines() if line.startswith("data: ")]


def _value(column: str, cell: Any) -> Any:
    if cell == "":
        return None
    if column in _CODES:
        return cell
    try:
        return float(cell)
    except (TypeError, ValueError):
        return cell
