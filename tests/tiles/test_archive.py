"""Exported files, each read back with another tool, against what the live map says of the same places."""

import gzip
import json
import math
import warnings
from pathlib import Path
from typing import Any

import geopandas
import mapbox_vector_tile
import pandas as pd
import pyogrio
import pytest
import shapely
from pmtiles.reader import MemorySource, Reader, all_tiles
from pyarrow import parquet
from shapely.geometry import shape

from app.database import Database
from geo.errors import BadInput, NotFound
from geo.ground.areas import Ground
from geo.ground.levels import LEVELS
from geo.scope import OPERATOR, Scope
from geo.watch import coverage
from geo.watch.live import Snapshot
from tests.tiles.test_splice import UPPER, worked
from tests.world import BLOCKS, SIDE, SOUTH, VILLAGES, WEST
from tiles import archive, geometry, pyramid, qgis, splice
from tiles.archive import Asked
from tiles.layers import LAYERS
from tiles.splice import NOT_SHOWN
from tiles.style import MEASURES, NO_DATA_COLOUR, NOT_SHOWN_COLOUR, legend

UPPER_VILLAGE = 4
RESOLUTIONS = (8, 9, 10)
#: A tile in its own coordinates, without the rim.
TILE = shapely.box(0, 0, 4096, 4096)


@pytest.fixture
async def snapshot(db: Database, ground: Ground) -> Snapshot:
    return await worked(db, ground)


class Bar:
    """Notes what is said of progress."""

    def __init__(self) -> None:
        self.said: list[tuple[int, int | None]] = []

    def __call__(self, done: int, total: int | None) -> None:
        self.said.append((done, total))


@pytest.fixture
def made(db: Database, snapshot: Snapshot, tmp_path: Path) -> Any:
    """Writes a file as somebody sees it; the last progress is all of it."""

    async def write(name: str, scope: Scope = OPERATOR, **asked: Any) -> tuple[Path, dict[str, int]]:
        path, bar, wanted = tmp_path / name, Bar(), Asked(**asked)
        writers = {".gpkg": archive.geopackage, ".pmtiles": pyramid.pmtiles}
        if not path.suffix:
            path.mkdir()
        async with db.worker.connect() as connection:
            scope = archive.narrowed(snapshot, scope, wanted.within)
            writer = writers.get(path.suffix, archive.geoparquet)
            counts = await writer(connection, snapshot, scope, wanted, path, bar)
        done, total = bar.said[-1]
        assert done == total
        return path, counts

    return write


def plain(frame: Any) -> dict[Any, dict[str, Any]]:
    """Rows by code or cell, without shapes; nulls as None."""
    key = "cell" if "cell" in frame else "code"
    rows = pd.DataFrame(frame).astype(object).where(lambda f: f.notna(), None).to_dict("records")
    return {(row["level"], row[key]) if key == "code" else row[key]: row for row in rows}


def compare(found: dict[Any, dict[str, Any]], wanted: list[dict[str, Any]]) -> None:
    """Every figure of the live answer, and no other row."""
    keyed = {row.get("cell") or (row["level"], row["code"]): row for row in wanted}
    assert set(found) == set(keyed)
    for key, row in keyed.items():
        for name in (*coverage.FIELDS, "n", "lon", "lat", "name", "parent"):
            if name in row and name in found[key]:
                told = found[key][name]
                if name == "last_at" and told is not None:
                    assert told.to_pydatetime() == row[name].replace(microsecond=row[name].microsecond // 1000 * 1000)
                elif isinstance(row[name], float):
                    assert told == pytest.approx(row[name])
                else:
                    assert told == row[name], (key, name)


def check(frames: dict[str, Any], snapshot: Snapshot, scope: Scope, within: int = 0) -> None:
    """Frames of all layers against the live figures and the world's shapes."""
    areas = [row for level in LEVELS[:-1] for row in coverage.by_area(snapshot, scope, level, within)]
    compare(plain(frames["areas"].drop(columns="geometry")), areas)
    compare(plain(frames["blocks"].drop(columns="geometry")), coverage.by_area(snapshot, scope, "block", within))
    cells = [row for r in RESOLUTIONS for row in coverage.by_cell(snapshot, scope, r, within)]
    compare(plain(frames["cells"].drop(columns="geometry")), cells)
    for frame in frames.values():
        assert frame.crs.to_epsg() == 4326
        assert frame.geometry.is_valid.all()
    shapes = dict(zip(frames["blocks"]["code"], frames["blocks"].geometry, strict=True))
    for block in BLOCKS:
        if block.code in shapes:
            assert shapely.equals(shapes[block.code].normalize(), shapely.MultiPolygon([block.shape]).normalize())
    assert (shapely.get_num_coordinates(frames["cells"].geometry.values) >= 7).all()


# ── tables ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("scope", "within"), [(OPERATOR, 0), (UPPER, 0), (OPERATOR, UPPER_VILLAGE), (UPPER, 3)])
async def test_geopackage(made: Any, snapshot: Snapshot, scope: Scope, within: int) -> None:
    path, counts = await made("map.gpkg", scope, within=within)
    assert pyogrio.list_layers(path)[:, 0].tolist() == ["areas", "blocks", "cells", "about", "layer_styles"]
    frames = {layer: pyogrio.read_dataframe(path, layer=layer) for layer in archive.LAYERS}
    assert counts == {layer: len(frame) for layer, frame in frames.items()}
    check(frames, snapshot, scope, within)
    said = dict(pyogrio.read_dataframe(path, layer="about")[["key", "value"]].itertuples(index=False))
    assert said["epoch"] == str(snapshot.epoch)
    assert (said["edition"], said["series"], said["simulated"]) == ("2022_2", "prelist", "true")
    assert said["as_of"] == snapshot.as_of.isoformat(timespec="seconds")
    assert (said["seen_by"], said["within"]) == (scope.name, snapshot.tree.code[within])
    info = pyogrio.read_info(path, layer="blocks")
    assert "SIMULATED" in info["layer_metadata"]["DESCRIPTION"]
    assert info["geometry_type"] == "MultiPolygon"
    assert info["geometry_name"] == "geometry", "by which QGIS finds the style"
    assert info["fid_column"] == "fid"


async def test_outside_the_scope_shapes_and_no_figures(made: Any, snapshot: Snapshot) -> None:
    path, _ = await made("map.gpkg", UPPER)
    blocks = pyogrio.read_dataframe(path, layer="blocks").set_index("code")
    assert len(blocks) == len(BLOCKS)
    hidden = blocks.loc[[b.code for b in BLOCKS[3:]]]
    assert hidden[list(coverage.FIELDS)].isna().all(axis=None)
    assert not hidden.geometry.is_empty.any()
    assert blocks.loc[BLOCKS[0].code, "completed"] > 0
    areas = pyogrio.read_dataframe(path, layer="areas").set_index("code")
    assert areas.loc["6472030", "expected"] != areas.loc["6472030", "expected"], "in scope in part: no figure"
    seen = pyogrio.read_dataframe(path, layer="cells")
    assert seen[seen["resolution"] == 10]["completed"].sum() == sum(blocks["completed"].dropna())


@pytest.mark.parametrize(("scope", "within"), [(OPERATOR, 0), (UPPER, 0), (OPERATOR, UPPER_VILLAGE)])
async def test_geoparquet(made: Any, snapshot: Snapshot, scope: Scope, within: int) -> None:
    folder, counts = await made("map", scope, within=within)
    assert sorted(file.name for file in folder.iterdir()) == ["areas.parquet", "blocks.parquet", "cells.parquet"]
    frames = {layer: geopandas.read_parquet(folder / f"{layer}.parquet") for layer in archive.LAYERS}
    assert counts == {layer: len(frame) for layer, frame in frames.items()}
    check(frames, snapshot, scope, within)
    for layer in archive.LAYERS:
        metadata = parquet.read_metadata(folder / f"{layer}.parquet").metadata
        said = json.loads(metadata[b"cakupan"])
        assert (said["epoch"], said["edition"], said["series"]) == (snapshot.epoch, "2022_2", "prelist")
        assert said["simulated"] is True
        geo = json.loads(metadata[b"geo"])
        assert geo["version"] == "1.0.0"
        assert geo["columns"]["geometry"]["crs"]["id"] == {"authority": "EPSG", "code": 4326}


async def test_one_layer_alone(made: Any) -> None:
    path, counts = await made("blocks.parquet", layers=("blocks",))
    assert len(geopandas.read_parquet(path)) == counts["blocks"] == len(BLOCKS)
    path, _ = await made("cells.gpkg", layers=("cells",))
    assert pyogrio.list_layers(path)[:, 0].tolist() == ["cells", "about", "layer_styles"]


async def test_many_batches_are_one_table(made: Any, snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "_AREAS", 4)
    monkeypatch.setattr(archive, "_CELLS", 7)
    for name in ("map.gpkg", "map"):
        path, _ = await made(name)
        read = (
            (lambda layer, path=path: pyogrio.read_dataframe(path, layer=layer))
            if path.suffix
            else (lambda layer, path=path: geopandas.read_parquet(path / f"{layer}.parquet"))
        )
        check({layer: read(layer) for layer in archive.LAYERS}, snapshot, OPERATOR)


# ── styles for QGIS ───────────────────────────────────────────────────────────────────────────────────────────────


async def test_styles_for_qgis_have_the_classes_of_the_map(made: Any) -> None:
    path, _ = await made("map.gpkg")
    styles = pyogrio.read_dataframe(path, layer="layer_styles")
    assert len(styles) == 3 * len(qgis.MEASURES_SHOWN)
    assert (styles["f_geometry_column"] == "geometry").all()
    assert (styles["f_table_schema"] == "").all()
    assert sorted(styles[styles["useAsDefault"]]["f_table_name"]) == ["areas", "blocks", "cells"]
    assert (styles[styles["useAsDefault"]]["styleName"] == "coverage").all()
    for row in styles.itertuples():
        for colour in (*MEASURES[row.styleName].colours, NO_DATA_COLOUR, NOT_SHOWN_COLOUR):
            red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
            assert f"{red},{green},{blue},255" in row.styleQML
        for edge in MEASURES[row.styleName].breaks:
            assert f"&gt;= {edge}" in row.styleQML
            assert f"&lt; {edge}" in row.styleQML
        assert "IS NULL" in row.styleQML
    areas = styles[styles["f_table_name"] == "areas"].iloc[0]["styleQML"]
    assert [f"\"level\" = '{level}'" in areas.replace("&quot;", '"') for level in LEVELS] == [True] * 4 + [False]


# ── tiles ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def tiles_of(path: Path) -> tuple[Reader, dict[tuple[int, int, int], dict[str, Any]]]:
    """A reader, and every tile decoded."""
    source = MemorySource(path.read_bytes())
    found = {}
    for at, body in all_tiles(source):
        found[at] = mapbox_vector_tile.decode(gzip.decompress(body), default_options={"y_coord_down": True})
    return Reader(source), found


async def live_tile(db: Database, snapshot: Snapshot, scope: Scope, layer: str, at: tuple[int, int, int]) -> Any:
    """The features that the live map has at a place."""
    async with db.worker.connect() as connection:
        if layer == "cells":
            keys = geometry.cells_in(snapshot, scope, *at)
            if not len(keys):
                return None
            still = await geometry.build_cells(connection, keys, *at)
            values = geometry.cell_values(snapshot, scope, still, at[0])
        else:
            still = await geometry.build_areas(connection, snapshot, layer, *at)
            values = geometry.area_values(snapshot, scope, still)
    tile = splice.plain(still, splice.changing(still, values))
    return (
        mapbox_vector_tile.decode(tile, default_options={"y_coord_down": True}).get(layer) if len(still.ids) else None
    )


@pytest.mark.parametrize("scope", [OPERATOR, UPPER], ids=["operator", "upper"])
async def test_pmtiles_hold_the_tiles_of_the_live_map(
    db: Database, made: Any, snapshot: Snapshot, scope: Scope
) -> None:
    path, counts = await made("map.pmtiles", scope)
    _, found = tiles_of(path)
    assert {z for z, _, _ in found} == set(range(15))
    for at, layers in found.items():
        for layer in archive.LAYERS:
            wanted = at[0] >= geometry.first_zoom(snapshot, layer)
            live = await live_tile(db, snapshot, scope, layer, at) if wanted else None
            assert layers.get(layer) == live, (at, layer)
    assert counts == {layer: sum(layer in tile for tile in found.values()) for layer in archive.LAYERS}
    # and none is missing: the figures of the last zoom are those of the answers, each once
    last = [tile for (z, _, _), tile in found.items() if z == 14]
    blocks = {f["id"]: f["properties"] for tile in last for f in tile["blocks"]["features"]}
    rows = {row["n"]: row for row in coverage.by_area(snapshot, scope, "block")}
    assert set(blocks) <= set(rows)
    for number, row in rows.items():
        if row["completed"] is not None:
            assert blocks[number]["completed"] == row["completed"]
        elif number in blocks:
            assert {blocks[number][name] for name in LAYERS["blocks"].fields} == {NOT_SHOWN}
    cells = {f["id"]: f["properties"] for tile in last for f in tile["cells"]["features"]}
    rows = {row["n"]: row for row in coverage.by_cell(snapshot, scope, 10)}
    assert {n: properties["completed"] for n, properties in cells.items()} == {
        n: r["completed"] for n, r in rows.items()
    }


async def test_what_lies_outside_of_the_area_is_left_out(made: Any, snapshot: Snapshot) -> None:
    path, _ = await made("map.pmtiles", within=UPPER_VILLAGE)
    reader, found = tiles_of(path)
    numbers = set(range(UPPER_VILLAGE, UPPER_VILLAGE + 4))
    for tile in found.values():
        assert {
            f["id"] for layer in ("areas", "blocks") for f in tile.get(layer, {"features": ()})["features"]
        } <= numbers
    far = {at[0]: {f["id"] for f in tile["areas"]["features"]} for at, tile in found.items() if "areas" in tile}
    assert set(range(6, 15)) <= set(far), "once it is larger than a grain"
    assert set().union(*far.values()) == {UPPER_VILLAGE}, "far away its own level is drawn"
    header = reader.header()
    box = [header[f"{side}_e7"] / 1e7 for side in ("min_lon", "min_lat", "max_lon", "max_lat")]
    assert box == pytest.approx([WEST, SOUTH + SIDE, WEST + 3 * SIDE, SOUTH + 2 * SIDE])


@pytest.mark.parametrize("within", [0, UPPER_VILLAGE])
async def test_no_tile_lies_outside_of_the_bounds(made: Any, within: int) -> None:
    path, _ = await made("map.pmtiles", within=within, max_zoom=16)
    south = SOUTH + (SIDE if within else 0)
    for z, x, y in tiles_of(path)[1]:
        west, bottom, east, top = geometry.bounds(z, x, y)
        assert west <= WEST + 3 * SIDE
        assert east >= WEST
        assert bottom <= SOUTH + 2 * SIDE
        assert top >= south


async def test_pmtiles_say_what_they_are(made: Any, snapshot: Snapshot) -> None:
    path, _ = await made("map.pmtiles", max_zoom=12)
    reader, found = tiles_of(path)
    header, said = reader.header(), reader.metadata()
    assert (header["min_zoom"], header["max_zoom"], header["clustered"]) == (0, 12, True)
    assert header["addressed_tiles_count"] == len(found)
    assert header["tile_type"].name == "MVT"
    assert header["tile_compression"].name == "GZIP"
    layers = {layer["id"]: layer for layer in said["vector_layers"]}
    assert list(layers) == list(archive.LAYERS)
    assert layers["blocks"]["minzoom"] == geometry.first_zoom(snapshot, "blocks")
    assert layers["blocks"]["fields"] == {
        **dict.fromkeys(LAYERS["blocks"].texts, "String"),
        **dict.fromkeys(LAYERS["blocks"].fields, "Number"),
    }
    own = said["cakupan"]
    assert (own["epoch"], own["edition"], own["series"], own["simulated"]) == (
        snapshot.epoch,
        "2022_2",
        "prelist",
        True,
    )
    assert own["as_of"] == snapshot.as_of.isoformat(timespec="seconds")
    assert own["legend"] == json.loads(json.dumps(legend()))
    assert own["levels"][12] == "village"


async def test_gdal_reads_the_same(made: Any, snapshot: Snapshot, tmp_path: Path) -> None:
    path, _ = await made("map.pmtiles")
    reader, found = tiles_of(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # that clipped rings are closed anew
        for layer in archive.LAYERS:
            assert layer in pyogrio.list_layers(path)[:, 0]
        blocks = pyogrio.read_dataframe(path, layer="blocks")
        at = max(found)
        (tmp_path / "tile.mvt").write_bytes(gzip.decompress(reader.get(*at)))
        for layer in found[at]:
            one = pyogrio.read_dataframe(tmp_path / "tile.mvt", layer=layer)
            inside = [f["id"] for f in found[at][layer]["features"] if shape(f["geometry"]).intersects(TILE)]
            assert sorted(one["mvt_id"]) == sorted(inside), "GDAL leaves out what lies in the rim alone"
    rows = {row["code"]: row for row in coverage.by_area(snapshot, OPERATOR, "block")}
    assert set(blocks["code"]) == set(rows)
    for row in blocks.itertuples():
        assert (row.completed, row.gap, row.name) == tuple(
            rows[row.code][name] for name in ("completed", "gap", "name")
        )
    assert blocks.crs.to_epsg() == 3857
    west, south, east, north = blocks.to_crs(4326).total_bounds
    for told, true in zip((west, south, east, north), (WEST, SOUTH, WEST + 3 * SIDE, SOUTH + 2 * SIDE), strict=True):
        assert math.isclose(told, true, abs_tol=360 / 2**14 / 4096 * 2)


# ── files ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_file_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    kept = tmp_path / "map.gpkg"
    kept.write_text("of yesterday")

    def interrupted() -> None:
        with archive.whole(kept) as part:
            part.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert kept.read_text() == "of yesterday"
    assert list(tmp_path.iterdir()) == [kept]
    with archive.whole(kept) as part:
        part.write_text("of today")
        assert kept.read_text() == "of yesterday"
    assert kept.read_text() == "of today"
    assert list(tmp_path.iterdir()) == [kept]


def test_a_folder_too(tmp_path: Path) -> None:
    kept = tmp_path / "map"
    kept.mkdir()
    (kept / "areas.parquet").write_text("of yesterday")
    (kept / "notes.txt").write_text("mine")

    def failing() -> None:
        with archive.whole(kept, folder=True) as part:
            (part / "areas.parquet").write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        failing()
    assert (kept / "areas.parquet").read_text() == "of yesterday"
    with archive.whole(kept, folder=True) as part:
        (part / "areas.parquet").write_text("of today")
    assert (kept / "areas.parquet").read_text() == "of today"
    assert (kept / "notes.txt").read_text() == "mine"
    assert list(tmp_path.iterdir()) == [kept]


def test_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder.gpkg").mkdir()
    for path, folder, said in (
        (tmp_path / "file", True, "is a file"),
        (tmp_path / "folder.gpkg", False, "is a folder"),
        (tmp_path / "file" / "map.gpkg", False, "cannot be made"),
    ):
        with pytest.raises(BadInput, match=said):
            archive.may_write(path, folder=folder)
    archive.may_write(tmp_path / "new" / "map.gpkg")


async def test_who_sees_nothing_gets_nothing(snapshot: Snapshot) -> None:
    with pytest.raises(NotFound):
        archive.narrowed(snapshot, Scope(7, "nobody", "supervisor", ()), 0)
    lower = snapshot.tree.number_of(VILLAGES[1])
    with pytest.raises(NotFound):
        archive.narrowed(snapshot, UPPER, lower)
    assert archive.narrowed(snapshot, UPPER, 3).ranges == ((4, 7),)
