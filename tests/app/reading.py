"""Reading answers of every kind back: lists in every format, tiles, events of the stream."""

import csv
import io
import json
from collections.abc import Iterator
from tempfile import TemporaryDirectory
from typing import Any
from xml.etree import ElementTree

import geopandas
import httpx2
import mapbox_vector_tile
import pandas as pd
import pyogrio
from pydantic import BaseModel
from python_calamine import CalamineWorkbook

from app.formats import MAPS, TABLES

#: Formats of every list, those with all rows of a list with places, and those with its points alone.
FORMATS = TABLES
PLACED = (*TABLES, "gpkg")
POINTS = tuple(kind for kind in MAPS if kind != "gpkg")

Row = dict[str, Any]


def page_of(path: str, shape: type[BaseModel], client: httpx2.Client, **of: Any) -> Row:
    """One page of a list of single households: of the documented shape, and not to be stored on the way."""
    answer = client.get(path, params=of)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    shape.model_validate_json(answer.content)
    found: Row = answer.json()
    return found


def pages_of(path: str, shape: type[BaseModel], client: httpx2.Client, **of: Any) -> Iterator[Row]:
    """Every page of a question."""
    page = page_of(path, shape, client, **of)
    yield page
    while page["next"]:
        page = page_of(path, shape, client, **of, after=page["next"])
        yield page


#: Columns that are text, whatever they look like.
_CODES = {"code", "parent", "block", "name", "located", "supervisor", "building", "found"}


def rows_of(body: bytes, name: str, format_: str) -> list[Row]:
    """Rows of the list `name`; None where a cell is empty, numbers as numbers where they look like some."""
    if format_ == "json":
        found: list[Row] = json.loads(body)[name]
        return found
    if format_ == "geojson":
        return [feature["properties"] for feature in json.loads(body)["features"]]
    if format_ == "gpkg":
        table = pd.DataFrame(layer_of(body, name).drop(columns="geometry"))
        return table.astype(object).where(table.notna(), None).to_dict("records")
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


def layer_of(body: bytes, layer: str) -> geopandas.GeoDataFrame:
    """One layer of a GeoPackage."""
    with TemporaryDirectory() as folder:  # GDAL warns of one that has no name
        path = f"{folder}/list.gpkg"
        with open(path, "wb") as file:
            file.write(body)
        return pyogrio.read_dataframe(path, layer=layer)


def points_of(body: bytes, format_: str) -> list[tuple[float, float, str, str]]:
    """Longitude, latitude, name and description of every waypoint or placemark, as an XML parser reads them."""
    root = ElementTree.fromstring(body)  # noqa: S314  # what we wrote ourselves
    if format_ == "gpx":
        space = "{http://www.topografix.com/GPX/1/1}"
        assert (root.tag, root.get("version")) == (f"{space}gpx", "1.1")
        every = root.findall(f"{space}wpt")
        places = [(float(str(one.get("lon"))), float(str(one.get("lat")))) for one in every]
    else:
        space = "{http://www.opengis.net/kml/2.2}"
        assert root.tag == f"{space}kml"
        every = root.findall(f".//{space}Placemark")
        texts = [one.findtext(f"{space}Point/{space}coordinates") or "" for one in every]
        places = [(float(text.split(",")[0]), float(text.split(",")[1])) for text in texts]
    line = {"gpx": "desc", "kml": "description"}[format_]
    return [
        (*place, one.findtext(f"{space}name") or "", one.findtext(f"{space}{line}") or "")
        for place, one in zip(places, every, strict=True)
    ]


def text_of(body: bytes, format_: str) -> str:
    """All that a list says, as text to be searched."""
    if format_ == "gpkg":
        return body.decode("latin-1")
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
