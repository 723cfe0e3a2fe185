"""Lists as GeoPackage, GPX and KML: every list with places, what is said there, and text that no XML can hold."""

import io
import json
from datetime import UTC, date, datetime
from typing import Any, get_args
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import pyogrio
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from app import formats, locales, release_files
from app.main import create_app
from app.mapfiles import SAID, Reader
from app.settings import Settings
from geo.errors import BadInput
from tests.app.reading import layer_of, points_of
from tests.conftest import Service
from tests.world import BLOCKS, submission

Row = dict[str, Any]

LISTS = {
    "areas": "/v1/areas?level=block",
    "coverage": "/v1/coverage?level=village",
    "cells": "/v1/cells?res=9",
    "gaps": "/v1/gaps?state=silent&state=unvisited&state=behind&state=started",
    "households": "/v1/households?limit=1000",
    "quarantine": "/v1/quarantine",
}
OUTLINED = {"areas", "coverage", "cells", "gaps"}
WITHOUT = ("/v1/enumerators", "/v1/access", "/v1/accounts", "/v1/audit", "/v1/progress", "/v1/movements", "/v1/cutoffs")
WITHOUT += ("/v1/welfare/held",)
HEAD = {"epoch": 3, "as_of": datetime(2022, 10, 24, 9, tzinfo=UTC), "edition": "2022_2", "series": "prelist"}
MAKASSAR = ZoneInfo("Asia/Makassar")


@pytest.fixture(scope="module")
def worked(service: Service) -> Service:
    """The service with forty families done, one without a point, and one held back whose axes are swapped."""
    rows = [submission(n, BLOCKS[n % 4]) for n in range(40)]
    rows.append(submission("nowhere", lon=None, lat=None))
    swapped = submission("swapped")
    rows.append(swapped | {"lon": swapped["lat"], "lat": swapped["lon"]})
    assert service.send(*rows).json()["counts"]["stored"] == 41
    with service.client() as client:
        while client.get("/v1/coverage?level=scope").json()["coverage"][0]["completed"] < 41:
            pass
    return service


def taken(service: Service, name: str, kind: str, language: str = "id") -> bytes:
    with service.client() as client:
        answer = client.get(f"{LISTS[name]}&format={kind}" if "?" in LISTS[name] else f"{LISTS[name]}?format={kind}",
                            headers={"Accept-Language": language})  # fmt: skip
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == formats._TYPES[kind]
    assert f'filename="cakupan_{name}_epoch' in answer.headers["content-disposition"]
    assert answer.headers["content-disposition"].endswith(f'.{kind}"')
    assert answer.headers.get("content-language") == (None if kind == "gpkg" else language)
    return answer.content


def rows_in(service: Service, name: str) -> list[Row]:
    with service.client() as client:
        found: list[Row] = client.get(LISTS[name]).json()[name]
    assert len(found) >= 1
    return found


@pytest.mark.parametrize("name", LISTS)
def test_a_geopackage_says_what_the_list_says(worked: Service, name: str) -> None:
    rows, body = rows_in(worked, name), taken(worked, name, "gpkg")
    layer = layer_of(body, name)
    assert list(layer.columns) == [*rows[0], "geometry"]
    assert layer.crs == "EPSG:4326"
    assert len(layer) == len(rows)
    for row, (_, found) in zip(rows, layer.iterrows(), strict=True):
        for column, value in row.items():
            if column.endswith("_at"):
                assert (value is None) == (found[column] is None or found[column] != found[column])
                assert value is None or datetime.fromisoformat(value) == found[column].to_pydatetime().replace(
                    tzinfo=found[column].tzinfo or UTC
                )
            elif value is None:
                assert found[column] is None or found[column] != found[column], column
            elif isinstance(value, list):
                assert found[column] == ",".join(map(str, value))
            elif isinstance(value, dict):
                assert json.loads(found[column]) == value
            elif column != "day":
                assert found[column] == value, column
    kinds = set(layer.geometry.geom_type.dropna())
    assert kinds == ({"MultiPolygon"} if name in OUTLINED else {"Point"} if name == "households" else set())
    assert dict(layer_of(body, "about").to_numpy().tolist())["series"] == "prelist"


def test_columns_have_types(worked: Service) -> None:
    layer = layer_of(taken(worked, "households", "gpkg"), "households")
    assert layer["code"].tolist()[0] == BLOCKS[0].code
    assert str(layer["revision"].dtype) == "int64"
    assert str(layer["lon"].dtype) == "float64"
    assert str(layer["closed"].dtype) == "bool"
    assert str(layer["captured_at"].dtype).startswith("datetime64")
    assert str(layer["revisit_at"].dtype).startswith("datetime64"), "also where no row has one"
    assert layer["captured_at"][0] == datetime.fromisoformat("2022-10-21T09:30:00+08:00")


def test_codes_keep_their_zeros_and_formulas_stay_text() -> None:
    rows = [{"code": "0012", "name": "=1+1", "n": 1, "lon": 1.5, "lat": 2.5, "day": date(2022, 10, 24), "gap": None}]
    layer = layer_of(bytes(formats.respond("gpkg", "gaps", rows, HEAD).body), "gaps")
    assert (layer["code"][0], layer["name"][0], str(layer["gap"].dtype)) == ("0012", "=1+1", "float64")
    assert layer["day"][0].isoformat().startswith("2022-10-24")
    assert layer.geometry[0] == shapely.Point(1.5, 2.5)
    for kind in ("gpx", "kml"):
        (point,) = points_of(bytes(formats.respond(kind, "gaps", rows, HEAD).body), kind)
        assert point == (1.5, 2.5, "=1+1", "0012"), "what a spreadsheet would run is run by no map"


@pytest.mark.parametrize("kind", ["gpx", "kml"])
@pytest.mark.parametrize("name", LISTS)
def test_every_row_with_a_point_is_a_waypoint(worked: Service, name: str, kind: str) -> None:
    rows, body = rows_in(worked, name), taken(worked, name, kind)
    points = points_of(body, kind)
    if name == "quarantine":
        wanted = [(row["proposed_lon"], row["proposed_lat"]) for row in rows]
        assert wanted[0][0] > 100, "as sent the point would lie nowhere on earth"
    else:
        wanted = [(row["lon"], row["lat"]) for row in rows if row["lon"] is not None]
        assert len(rows) - len(wanted) == (name == "households")
    assert [point[:2] for point in points] == [pytest.approx(place, abs=1e-9) for place in wanted]
    assert all(name and "{" not in name + said for _, _, name, said in points)
    layer = "waypoints" if kind == "gpx" else name
    read = pyogrio.read_dataframe(io.BytesIO(body), layer=layer)
    assert [(p.x, p.y) for p in read.geometry] == [pytest.approx(point[:2]) for point in points]
    assert read["name" if kind == "gpx" else "Name"].tolist() == [point[2] for point in points]


def test_a_gpx_is_what_phones_read(worked: Service) -> None:
    """GPX 1.1 with nothing but points, and in them nothing but what the schema has, in its order."""
    root = ElementTree.fromstring(taken(worked, "gaps", "gpx"))  # noqa: S314  # made by the service a moment ago
    assert {one.tag.partition("}")[2] for one in root} == {"metadata", "wpt"}
    for point in root.findall("{http://www.topografix.com/GPX/1/1}wpt"):
        assert [one.tag.partition("}")[2] for one in point] == ["name", "desc", "type"]
        assert set(point.keys()) == {"lon", "lat"}


def test_what_is_said_at_a_gap(worked: Service) -> None:
    row = next(row for row in rows_in(worked, "gaps") if row["code"] == BLOCKS[0].code)
    for language, left, kind in (
        ("id", "dari 60 keluarga belum ditemukan", "kml"),
        ("en", "of 60 families still to be found", "gpx"),
    ):
        (said,) = (
            point for point in points_of(taken(worked, "gaps", kind, language), kind) if BLOCKS[0].code in point[3]
        )
        reason = locales.texts(language)[f"reason.{row['reason']}"]
        assert said[2] == f"RT 01 · {row['gap']}"
        assert said[3].split("\n")[:4] == [BLOCKS[0].code, row["place"], f"{row['gap']} {left}", reason]


@pytest.mark.parametrize("language", locales.LANGUAGES)
@pytest.mark.parametrize("reason", ["nobody_yet", "nobody_assigned", "unsynced", "device_quiet", "device_never",
                                    "behind_schedule", "on_course", "no_expected"])  # fmt: skip
def test_every_reason_is_said_once(language: str, reason: str) -> None:
    row = {"code": "1", "name": "RT", "lon": 1.0, "lat": 2.0, "reason": reason, "queued": 3,
           "heard_at": datetime(2022, 10, 24, 9, tzinfo=UTC), "enumerator": None}  # fmt: skip
    body = bytes(formats.respond("gpx", "gaps", [row], HEAD, reader=Reader(language, MAKASSAR)).body)
    ((_, _, _, said),) = points_of(body, "gpx")
    assert len(said.split("\n")) == 2
    assert ("17:00" in said) == (reason == "device_quiet"), "in the campaign's time zone"


def test_what_is_said_of_a_callback() -> None:
    row = {"household_id": "H-1", "code": "0012", "name": "RT 02", "place": "Kampung 1", "lon": 1.0, "lat": 2.0,
           "result": "not_met", "visits": 2, "due_at": datetime(2022, 10, 24, 9, tzinfo=UTC), "enumerator": "ppl-7",
           "building": "17", "sequence": 2, "closed": False, "reason": None}  # fmt: skip
    body = bytes(formats.respond("kml", "callbacks", [row], HEAD, reader=Reader("en", MAKASSAR)).body)
    assert points_of(body, "kml") == [
        (1.0, 2.0, "H-1", "RT 02 0012\nKampung 1\nBuilding 17, family 2\nNot met\nVisits so far: 2\n"
         "Visit again: 2022-10-24 17:00\nEnumerator: ppl-7")
    ]  # fmt: skip


def test_every_key_exists() -> None:
    for said in SAID.values():
        for way in (way for part in (*said.name, *said.lines) for way in part.split("|")):
            if "{" not in way:
                assert way in locales.texts("id"), way


@given(st.text(st.characters(), max_size=40), st.sampled_from(["gpx", "kml", "gpkg"]))
@settings(max_examples=60, deadline=None)
def test_no_text_breaks_a_file(text: str, kind: formats.Format) -> None:
    rows = [
        {"code": text, "name": f"<{text}]]>&{{code}}\0\x1b\ud800￾", "lon": 1.0, "lat": 2.0, "gap": 1, "place": text}
    ]
    body = bytes(formats.respond(kind, "gaps", rows, HEAD | {"edition": text}).body)
    if kind == "gpkg":
        name = layer_of(body, "gaps")["name"][0]
    else:
        ((_, _, name, _),) = points_of(body, kind)
    assert "]]>&{code}\ufffd\ufffd\ufffd\ufffd" in name
    assert name.startswith("<")


@pytest.mark.parametrize("kind", ["gpkg", "gpx", "kml"])
def test_no_rows_and_rows_nowhere(kind: formats.Format) -> None:
    nowhere = [{"code": "1", "name": "a", "lon": lon, "lat": lat} for lon, lat in
               ((None, None), (1.0, None), (float("nan"), 1.0), (181.0, 0.0), (0.0, 117.0))]  # fmt: skip
    for rows in ([], nowhere):
        body = bytes(formats.respond(kind, "gaps", rows, HEAD).body)
        if kind == "gpkg":
            layer = layer_of(body, "gaps")
            assert len(layer) == len(rows)
            assert layer.geometry.isna().all()
        else:
            assert points_of(body, kind) == []


@pytest.mark.parametrize("kind", formats.MAPS)
@pytest.mark.parametrize("path", WITHOUT)
def test_lists_without_places_are_no_maps(worked: Service, path: str, kind: formats.Format) -> None:
    with worked.client() as client:
        before = client.get("/v1/audit?act=export").json()["audit"]
        answer = client.get(path, params={"format": kind})
        assert (answer.status_code, answer.json()["type"]) == (422, "urn:cakupan:problem:bad-format")
        assert client.get("/v1/audit?act=export").json()["audit"] == before, "nothing has left"
    with pytest.raises(BadInput):
        formats.respond(kind, path.rpartition("/")[2], [], {})


def test_the_document_says_which_lists_have_places(settings: Settings, service: Service) -> None:
    paths = create_app(settings, service.logins).openapi()["paths"]
    for path, methods in paths.items():
        asked = {parameter["name"] for parameter in methods.get("get", {}).get("parameters", [])}
        if "format" in asked:
            said = set(methods["get"]["responses"]["200"]["content"])
            kinds = formats.TABLES + (formats.MAPS if path.removeprefix("/v1/") in SAID else ())
            if path.startswith("/v1/releases/") or path == "/v1/sites":
                kinds = get_args(release_files.Format)
            assert said == {formats._TYPES[kind].partition(";")[0] for kind in kinds}, path
