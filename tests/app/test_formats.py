"""JSON, CSV, GeoJSON and XLSX say the same; codes stay text; no cell of a spreadsheet runs."""

import csv
import io
import json
import zipfile
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from python_calamine import load_workbook

from app import formats
from tests.conftest import Service
from tests.world import BLOCKS, submission

ROUTES = {
    "areas": "/v1/areas?level=block",
    "coverage": "/v1/coverage?level=village",
    "cells": "/v1/cells?res=9",
    "gaps": "/v1/gaps?state=unvisited&state=behind&state=started",
}

Row = dict[str, Any]


@pytest.fixture(scope="module")
def worked(service: Service) -> Service:
    rows = [submission(n, BLOCKS[n % 4]) for n in range(40)]
    assert service.send(*rows).json()["counts"]["stored"] == 40
    with service.client() as client:
        while client.get("/v1/coverage?level=scope").json()["coverage"][0]["completed"] < 40:
            pass
    return service


def in_all(service: Service, name: str) -> dict[str, Any]:
    found = {}
    with service.client() as client:
        for kind in ("json", "csv", "geojson", "xlsx"):
            answer = client.get(f"{ROUTES[name]}&format={kind}")
            assert answer.status_code == 200, answer.text
            assert answer.headers["content-type"] == formats._TYPES[kind]
            assert ("content-disposition" in answer.headers) is (kind != "json")
            found[kind] = answer.content
    return found


def as_text(value: Any) -> str:
    """A value of the JSON answer as the table shows it."""
    if value is None:
        return ""
    if isinstance(value, list):
        return ",".join(str(part) for part in value)
    return str(value)


@pytest.mark.parametrize("name", ROUTES)
def test_all_formats_say_the_same(worked: Service, name: str) -> None:
    found = in_all(worked, name)
    rows: list[Row] = json.loads(found["json"])[name]
    assert len(rows) > 1
    assert found["csv"].startswith(b"\xef\xbb\xbf")
    table = list(csv.DictReader(io.StringIO(found["csv"].decode("utf-8-sig"))))
    book = load_workbook(io.BytesIO(found["xlsx"]))
    header, *lines = book.get_sheet_by_name(name).to_python()
    features = json.loads(found["geojson"])["features"]
    assert len(table) == len(lines) == len(features) == len(rows)
    assert list(table[0]) == header == list(rows[0])
    for row, from_csv, line, feature in zip(rows, table, lines, features, strict=True):
        from_xlsx = dict(zip(header, line, strict=True))
        for column, value in row.items():
            if column != "last_at":
                assert from_csv[column] == as_text(value)
                assert from_xlsx[column] == (as_text(value) if isinstance(value, str | list | None) else value)
            if column not in {"lon", "lat"}:
                assert feature["properties"][column] == value
        assert from_csv["last_at" if "last_at" in row else "n"] != "None"
        assert feature["id"] == row["n"]
        assert feature["geometry"]["type"] in {"Polygon", "MultiPolygon"}
    about = dict(book.get_sheet_by_name("about").to_python())
    assert about["epoch"] == str(json.loads(found["json"])["epoch"])
    assert about["series"] == "prelist"


def test_codes_are_text_in_a_workbook(worked: Service) -> None:
    found = in_all(worked, "coverage")
    book = load_workbook(io.BytesIO(found["xlsx"]))
    header, *lines = book.get_sheet_by_name("coverage").to_python()
    assert [line[header.index("code")] for line in lines] == ["6472030001", "6472030002"]
    sheet = zipfile.ZipFile(io.BytesIO(found["xlsx"])).read("xl/worksheets/sheet1.xml").decode()
    assert "<f>" not in sheet
    assert 't="s"' in sheet


@pytest.mark.parametrize("text", ["=1+1", "+62", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "=cmd|' /C calc'!A0", " =1"])
def test_no_cell_runs(text: str) -> None:
    rows = [{"code": "0012", "name": text, "n": -1, "at": datetime(2022, 10, 24, tzinfo=UTC), "none": None}]
    written = formats.respond("csv", "x", rows, {}).body
    (row,) = csv.DictReader(io.StringIO(bytes(written).decode("utf-8-sig"), newline=""))
    assert row["name"] in {f"'{text}", text}
    assert not row["name"].startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    assert (row["code"], row["n"], row["none"]) == ("0012", "-1", "")
    body = bytes(formats.respond("xlsx", "x", rows, {"note": text}).body)
    for part in ("sheet1", "sheet2"):
        assert "<f>" not in zipfile.ZipFile(io.BytesIO(body)).read(f"xl/worksheets/{part}.xml").decode()
    book = load_workbook(io.BytesIO(body))
    assert book.get_sheet_by_name("x").to_python()[1][0] == "0012"


@pytest.mark.parametrize("kind", ["json", "csv", "geojson", "xlsx"])
def test_no_rows(kind: formats.Format) -> None:
    answer = formats.respond(kind, "gaps", [], {"epoch": 0, "next": None})
    assert answer.status_code == 200
    if kind in {"json", "geojson"}:
        found = orjson.loads(bytes(answer.body))
        assert found["gaps" if kind == "json" else "features"] == []
