"""Files an operator brings: what they hold, and what they must not be able to do."""

import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pytest
import xlsxwriter
from shapely import Point, box

from geo.errors import BadInput
from geo.ground.sources import count_rows, iter_rows, read_areas


@pytest.fixture(scope="module")
def shared() -> Path:
    root = Path(os.environ.get("CAKUPAN_SHARED", Path(__file__).parents[4] / "shared")) / "data"
    if not root.is_dir():
        pytest.skip("the shared trial data is not on this machine (CAKUPAN_SHARED)")
    return root


def squares(crs: object = 4326) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(
        {"village_code": ["0123456789", "6472010001"], "village": ["Nol", "Satu"]},
        geometry=[box(117, -1, 117.1, -0.9), box(117.1, -1, 117.2, -0.9)],
        crs=crs,
    )


def collection(features: list[dict[str, Any]], **more: object) -> str:
    return json.dumps({"type": "FeatureCollection", "features": features, **more})


def code_of(path: Path, **options: Any) -> str:
    with pytest.raises(BadInput) as error:
        read_areas(path, **options)
    return error.value.code


@pytest.mark.filterwarnings(
    "ignore:Column names longer", "ignore:Normalized/laundered field name"
)  # Shapefiles cut names, that is the point
@pytest.mark.parametrize("suffix", ["geojson", "json", "gpkg", "shp", "fgb", "parquet", "geoparquet"])
def test_every_format_gives_the_same_areas(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"areas.{suffix}"
    if "parquet" in suffix:
        squares().to_parquet(path)
    else:
        squares().to_file(path, driver="GeoJSON" if "json" in suffix else None)
    frame = read_areas(path)
    assert frame.crs.to_epsg() == 4326
    codes = {row.iloc[0]: row.geometry for _, row in frame.iterrows()}
    assert set(codes) == {"0123456789", "6472010001"}
    assert codes["6472010001"].equals(squares().geometry[1])


@pytest.mark.parametrize(
    ("name", "options", "rows", "west"),
    [
        ("messy/indonesia/samarinda_utm50s_noprj.shp", {"crs": "EPSG:32750"}, 59, 117.05),
        ("messy/indonesia/samarinda_villages_axes_swapped.geojson", {"swap_axes": True}, 59, 117.05),
        ("messy/indonesia/jakarta_structures_deprecated_mercator.shp", {}, 400, 106.62),
        ("messy/indonesia/jakarta_structures_3857_nodbf_noprj.shp", {"crs": "EPSG:3857"}, 400, 106.62),
        ("messy/mapshaper/mixed_crs.gpkg", {"layer": "oregon_2269"}, 1, -124.61),
        ("messy/mapshaper/mixed_crs.gpkg", {"layer": "oregon_4326"}, 1, -124.61),
        ("messy/mapshaper/two_states_mercator.shp", {}, 2, -124.73),
        ("boundaries/indonesia_provinces_kemendagri.parquet", {}, 38, 94.97),
        ("elsewhere/providence_ri_blocks_2010.gpkg", {}, 3014, -71.47),
    ],
)
def test_real_files_land_where_they_belong(
    shared: Path, name: str, options: dict[str, Any], rows: int, west: float
) -> None:
    frame = read_areas(shared / name, **options)
    assert len(frame) == rows
    assert frame.total_bounds[0] == pytest.approx(west, abs=0.01)


@pytest.mark.parametrize(
    ("name", "options", "code", "said"),
    [
        ("messy/indonesia/samarinda_utm50s_noprj.shp", {}, "crs-missing", "metres in a UTM zone"),
        ("messy/indonesia/jakarta_structures_3857_nodbf_noprj.shp", {}, "crs-missing", "EPSG:3857"),
        ("messy/indonesia/samarinda_villages_axes_swapped.geojson", {}, "axes-swapped", "59 of 59 rows"),
        ("boundaries/samarinda_villages.geojson", {"swap_axes": True}, "axes-swapped", "59 of 59 rows"),
        ("messy/mapshaper/null_crs_gdal.gpkg", {}, "crs-missing", "look like degrees"),
        ("messy/gdal/first_geometry_null.gpkg", {}, "crs-missing", "look like degrees"),
        ("messy/mapshaper/mixed_crs.gpkg", {}, "layer-needed", "oregon_2269, oregon_4326"),
        ("messy/mapshaper/mixed_crs.gpkg", {"layer": "none"}, "no-such-layer", "oregon_2269"),
        ("messy/mapshaper/missing_crs_mixed_ranges.gpkg", {"layer": "OR_land_2269"}, "crs-missing", "look like metres"),
        ("messy/gdal/huge_feature_count.gpkg", {"layer": "test2"}, "empty-file", "no rows"),
        ("messy/gdal/huge_feature_count.gpkg", {"layer": "test"}, "crs-wrong", "1 of 1 rows"),
        ("messy/mapshaper/sample.json", {}, "unreadable", "cannot be read"),
        ("boundaries/samarinda_villages.geojson", {"crs": "EPSG:32750"}, "crs-conflict", "WGS 84"),
        ("boundaries/samarinda_villages.geojson", {"crs": "mercator"}, "crs-unknown", "mercator"),
        ("messy/gdal/samples.kml", {}, "unsupported-format", "suffix"),
        ("messy/gdal/poly.gpkg.zip", {}, "unsupported-format", "suffix"),
        ("expected/jambi_podes2019_families.csv", {}, "unsupported-format", "holds no boundaries"),
        ("expected/indonesia_census2010_village_population.parquet", {}, "unreadable", "GeoParquet"),
    ],
)
def test_real_traps_are_refused_and_named(
    shared: Path, name: str, options: dict[str, Any], code: str, said: str
) -> None:
    with pytest.raises(BadInput, match=said) as error:
        read_areas(shared / name, **options)
    assert error.value.code == code


def test_declared_degrees_that_cannot_be_may_be_overruled(tmp_path: Path) -> None:
    path = tmp_path / "metres.geojson"
    ring = [[505000, 9921000], [506000, 9921000], [506000, 9922000], [505000, 9921000]]
    feature = {"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates": [ring]}}
    path.write_text(collection([feature]), encoding="utf-8")
    assert code_of(path) == "crs-wrong"
    assert read_areas(path, crs="EPSG:32750").total_bounds[0] == pytest.approx(117.04, abs=0.01)


@pytest.mark.parametrize(
    "path", ["/vsicurl/http://127.0.0.1/a.geojson", "/vsizip/a.zip/a.shp", "http://127.0.0.1/a.gpkg", "a.zip!b.gpkg"]
)
def test_only_plain_paths_are_opened(path: str) -> None:
    assert code_of(Path(path)) in {"not-local", "no-file"}


def test_a_directory_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "a.gpkg").mkdir()
    assert code_of(tmp_path / "a.gpkg") == "no-file"


@pytest.mark.parametrize("suffix", ["geojson", "gpkg", "shp", "fgb", "parquet"])
@pytest.mark.parametrize(
    "content",
    [
        "<OGRVRTDataSource><OGRVRTLayer name='a'/></OGRVRTDataSource>",
        '{"type": "gdal_streamed_alg", "command_line": "gdal vector convert a b"}',
        '{"type": "Topology", "objects": {"a": {"type": "GeometryCollection", "geometries": []}}, "arcs": []}',
        "",
    ],
)
def test_other_drivers_do_not_answer(tmp_path: Path, suffix: str, content: str) -> None:
    path = tmp_path / f"a.{suffix}"
    path.write_text(content, encoding="utf-8")
    assert code_of(path) in {"unreadable", "unsupported-format"}


def test_a_pipeline_dressed_as_geojson_is_not_run(tmp_path: Path) -> None:
    squares().to_file(tmp_path / "other.geojson")
    path = tmp_path / "a.geojson"
    command = f"gdal vector convert {tmp_path / 'other.geojson'} --output-format stream streamed_dataset"
    path.write_text(json.dumps({"type": "gdal_streamed_alg", "command_line": command}), encoding="utf-8")
    assert code_of(path) == "unreadable"  # and not "unsupported-format", which is said once GDAL has opened it


class Recorder(BaseHTTPRequestHandler):
    """Counts who calls."""

    calls: list[str] = []  # noqa: RUF012 shared with the server's instances on purpose

    def do_GET(self) -> None:
        self.calls.append(self.path)
        self.send_response(404)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 the name is the library's
        pass


@pytest.fixture
def address() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Recorder)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/crs"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_linked_coordinate_system_is_not_fetched(tmp_path: Path, address: str) -> None:
    path = tmp_path / "a.geojson"
    crs = {"type": "link", "properties": {"href": address, "type": "ogcwkt"}}
    path.write_text(collection(json.loads(squares().to_json())["features"], crs=crs), encoding="utf-8")
    read_areas(path)
    assert list(iter_rows(write_points(tmp_path / "b.geojson", crs=crs)))
    assert Recorder.calls == []


def write_points(path: Path, **more: object) -> Path:
    """Five households, one of them in three dimensions, one without a point, one with an empty one."""
    points = [[117.1, -0.5], [117.2, -0.6, 12.5], None, [], [117.3, -0.7]]
    features = [
        {
            "type": "Feature",
            "properties": {"id": f"00{row}", "captured_at": "2022-10-20T08:00:00+08:00", "visit": row},
            "geometry": None if at is None else {"type": "Point", "coordinates": at},
        }
        for row, at in enumerate(points)
    ]
    path.write_text(collection(features, **more), encoding="utf-8")
    return path


def test_geojson_rows_keep_text_and_time_and_may_lack_points(tmp_path: Path) -> None:
    [(first, rows)] = iter_rows(write_points(tmp_path / "a.geojson"))
    assert first == 0
    assert [(row["lon"], row["lat"]) for row in rows] == [
        (117.1, -0.5), (117.2, -0.6), (None, None), (None, None), (117.3, -0.7),
    ]  # fmt: skip
    assert rows[1] == {"id": "001", "captured_at": "2022-10-20T08:00:00+08:00", "visit": 1, "lon": 117.2, "lat": -0.6}


def households(suffix: str, folder: Path) -> Path:
    path = folder / f"rows.{suffix}"
    count = 107
    plain = pd.DataFrame({"id": [f"0{row}" for row in range(count)], "n": range(count)})
    if suffix == "csv":
        plain.assign(lon=117.5, lat=-0.5).to_csv(path, index=False)
    elif suffix == "xlsx":
        with xlsxwriter.Workbook(str(path)) as book:
            sheet = book.add_worksheet()
            sheet.write_row(0, 0, ["id", "n"])
            for row in range(count):
                sheet.write_row(row + 1, 0, [f"0{row}", row])
    elif suffix == "plain.parquet":
        plain.assign(lon=117.5, lat=-0.5, at=pd.Timestamp("2022-10-20", tz="UTC")).to_parquet(path, row_group_size=10)
    else:
        points = [Point(500_000 + row, 9_945_000) for row in range(count)]
        frame = gpd.GeoDataFrame(plain, geometry=points, crs=32750)
        if suffix == "parquet":
            frame.to_parquet(path, row_group_size=10)
        else:
            frame.to_crs(4326 if suffix == "geojson" else 32750).to_file(path)
    return path


@pytest.mark.parametrize("suffix", ["csv", "xlsx", "geojson", "gpkg", "fgb", "shp", "parquet", "plain.parquet"])
def test_reading_resumes_where_it_stopped(tmp_path: Path, suffix: str) -> None:
    path = households(suffix, tmp_path)
    whole = [row for _, rows in iter_rows(path, chunk=1000) for row in rows]
    assert len(whole) == count_rows(path) == 107
    if suffix != "fgb":  # FlatGeobuf sorts rows by place when it is written
        assert [row["id"] for row in whole] == [f"0{row}" for row in range(107)]
    if suffix not in {"csv", "xlsx", "plain.parquet"}:
        assert {round(row["lon"], 2) for row in whole} == {117.0}
        assert {round(row["lat"], 2) for row in whole} == {-0.5}
    for start, chunk in ((0, 10), (7, 9), (50, 50), (106, 3), (107, 3), (500, 3)):
        parts = list(iter_rows(path, start=start, chunk=chunk))
        assert [row for _, rows in parts for row in rows] == whole[start:]
        assert [first for first, _ in parts] == list(range(start, len(whole), chunk))


def test_plain_parquet_gives_iso_text_and_numbers(tmp_path: Path) -> None:
    [(_, rows)] = iter_rows(households("plain.parquet", tmp_path))
    assert rows[3] == {"id": "03", "n": 3, "lon": 117.5, "lat": -0.5, "at": "2022-10-20T00:00:00+00:00"}


@pytest.mark.filterwarnings("ignore:'crs' was not provided")
def test_rows_without_a_coordinate_system_ask_for_one(tmp_path: Path) -> None:
    path = tmp_path / "a.gpkg"
    gpd.GeoDataFrame({"id": ["1"]}, geometry=[Point(500_000, 9_945_000)]).to_file(path)
    with pytest.raises(BadInput) as error:
        list(iter_rows(path))
    assert error.value.code == "crs-missing"
    [(_, [row])] = iter_rows(path, crs="EPSG:32750")
    assert (round(row["lon"], 3), round(row["lat"], 3)) == (117.0, -0.498)


def test_rows_must_be_points(shared: Path) -> None:
    for name in ("boundaries/samarinda_villages.geojson", "messy/pyogrio/curvepolygon.gpkg"):
        with pytest.raises(BadInput) as error:
            list(iter_rows(shared / name))
        assert error.value.code == "not-points"


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("jakarta_rw/jakarta_osm_buildings_points.parquet", 7689),
        ("jakarta_rw/jakarta_osm_sites.geojson", 780),
        ("elsewhere/gambia_malaria_survey_utm28n.csv", 2035),
        ("odk/onadata/large_csv_upload.csv", 800),
        ("messy/gdal/nullvalues.geojson", 2),
    ],
)
def test_real_rows_are_all_there(shared: Path, name: str, rows: int) -> None:
    read = [row for _, chunk in iter_rows(shared / name, chunk=333) for row in chunk]
    assert len(read) == count_rows(shared / name) == rows
    assert [row for _, chunk in iter_rows(shared / name, start=rows // 2) for row in chunk] == read[rows // 2 :]
