"""Footprints: read from files, located in their blocks, and families spread by them, exactly."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import shapely
from sqlalchemy import text

from app.database import Database
from geo.errors import BadInput, NotFound
from geo.ground import areas, campaign, cells, expected, footprints
from geo.ground.sources import Table
from tests import world
from tests.world import BLOCKS, EDITION, FAMILIES

#: In the first block three houses, in the second two, one far away from all.
HOUSES = np.array([BLOCKS[0].at(0.1, 0.1), BLOCKS[0].at(0.1, 0.1), BLOCKS[0].at(0.9, 0.9),
                   BLOCKS[1].at(0.2, 0.5), BLOCKS[1].at(0.8, 0.5), (110.0, -7.0)])  # fmt: skip
M2 = np.array([30.0, 70.0, 100.0, 50.0, 50.0, 50.0])


async def rows(db: Database, statement: str) -> list[Any]:
    async with db.worker.connect() as connection:
        return [tuple(row) for row in await connection.execute(text(statement))]


async def import_houses(db: Database, houses: Any = HOUSES, m2: Any = M2) -> footprints.Imported:
    async with db.worker.begin() as connection:
        return await footprints.store(connection, EDITION, houses[:, 0], houses[:, 1], m2)


async def spread_of(db: Database, number: int, series: str = "prelist") -> tuple[dict[int, int], set[bool]]:
    found = await rows(
        db,
        f"SELECT cell, expected, estimated FROM ground.expected_cell WHERE number = {number} AND series = '{series}'",
    )
    return {cell: families for cell, families, _ in found}, {estimated for _, _, estimated in found}


def cell_of(place: Sequence[float]) -> int:
    fine = cells.index(np.array([place[0]]), np.array([place[1]]), 15)
    return int(cells.parents(fine, 10)[0])


async def fingerprint(db: Database) -> str:
    async with db.worker.connect() as connection:
        return await campaign.fingerprint(connection)


async def test_families_go_where_houses_are_and_no_longer_by_area(db: Database) -> None:
    before = await spread_of(db, BLOCKS[2].number)
    assert (await spread_of(db, BLOCKS[0].number))[1] == {True}
    done = await import_houses(db)
    assert (done.footprints, done.blocks, done.outside) == (5, 2, 1)
    assert done.numbers.tolist() == [BLOCKS[0].number] * 3 + [BLOCKS[1].number] * 2 + [0]
    assert done.series == [("prelist", 2 * FAMILIES, 4 * FAMILIES)]
    assert await spread_of(db, BLOCKS[0].number) == (
        {cell_of(HOUSES[0]): FAMILIES // 2, cell_of(HOUSES[2]): FAMILIES // 2}, {False},
    )  # fmt: skip
    assert (await spread_of(db, BLOCKS[1].number))[1] == {False}
    assert await spread_of(db, BLOCKS[2].number) == before  # without footprints: by area, a guess as it was
    assert before[1] == {True}


async def test_an_import_is_the_whole_truth(db: Database) -> None:
    await import_houses(db)
    done = await import_houses(db, HOUSES[3:], M2[3:])
    assert (done.footprints, done.blocks, done.outside) == (2, 1, 1)
    assert await rows(db, "SELECT DISTINCT number FROM ground.footprint") == [(BLOCKS[1].number,)]
    families, estimated = await spread_of(db, BLOCKS[0].number)
    assert (sum(families.values()), estimated) == (FAMILIES, {True})


async def test_every_series_is_spread_again_and_later_ones_find_the_houses(db: Database) -> None:
    table = Table(["block", "kk"], [{"block": BLOCKS[0].code, "kk": "7"}, {"block": BLOCKS[2].code, "kk": "0"}], [])
    how = {"source": "test", "dated": date(2022, 10, 1)}
    async with db.worker.begin() as connection:
        await expected.store(connection, EDITION, table, series="civil", **how)
    done = await import_houses(db)
    assert done.series == [("civil", 7, 0), ("prelist", 2 * FAMILIES, 4 * FAMILIES)]
    assert await spread_of(db, BLOCKS[0].number, "civil") == (
        {min(cell_of(HOUSES[0]), cell_of(HOUSES[2])): 4, max(cell_of(HOUSES[0]), cell_of(HOUSES[2])): 3}, {False},
    )  # fmt: skip
    async with db.worker.begin() as connection:
        await expected.store(connection, EDITION, table, series="verified", **how)
    assert await spread_of(db, BLOCKS[0].number, "verified") == await spread_of(db, BLOCKS[0].number, "civil")
    assert await spread_of(db, BLOCKS[2].number, "verified") == ({}, set())


async def test_a_running_service_hears_of_it(db: Database) -> None:
    seen = [await fingerprint(db)]
    for houses, m2 in ((HOUSES, M2), (HOUSES, M2[::-1].copy()), (HOUSES[3:], M2[3:])):
        await import_houses(db, houses, m2)
        seen.append(await fingerprint(db))
        assert await fingerprint(db) == seen[-1]
    assert len(set(seen)) == 4


async def test_it_works_before_there_is_a_campaign(db: Database) -> None:
    async with db.worker.begin() as connection:
        await areas.store(connection, "other", world.area_rows())
        done = await footprints.store(connection, "other", HOUSES[:, 0], HOUSES[:, 1], M2)
    assert (done.footprints, done.series) == (5, [])
    assert await rows(db, "SELECT count(*) FROM ground.expected_cell WHERE NOT estimated") == [(0,)]


@pytest.mark.parametrize("wrong", [0.0, -1.0, np.nan, np.inf, 1e-60, 1e60])
async def test_areas_that_weigh_nothing_are_refused(db: Database, wrong: float) -> None:
    with pytest.raises(BadInput, match="above 0"):
        await import_houses(db, m2=np.append(M2[:-1], wrong))


async def test_what_cannot_be_meant_changes_nothing(db: Database) -> None:
    await import_houses(db)
    with pytest.raises(BadInput, match="none of 1 footprints"):
        await import_houses(db, HOUSES[5:], M2[5:])
    with pytest.raises(BadInput):
        await import_houses(db, HOUSES[:0], M2[:0])
    with pytest.raises(BadInput):
        await import_houses(db, HOUSES, M2[:2])
    with pytest.raises(NotFound) as missing:
        async with db.worker.begin() as connection:
            await footprints.store(connection, "1999", HOUSES[:, 0], HOUSES[:, 1], M2)
    assert missing.value.code == "no-edition"
    assert await rows(db, "SELECT count(*) FROM ground.footprint") == [(5,)]


async def test_a_place_that_is_none_lies_outside(db: Database) -> None:
    done = await import_houses(db, np.vstack([HOUSES[:5], [np.nan, -0.5]]))
    assert (done.footprints, done.outside) == (5, 1)


async def test_new_areas_take_the_houses_on_their_ground(db: Database) -> None:
    """Blocks with lower codes come over a block: numbers move, houses go along; one that shrinks loses its houses."""
    await import_houses(db)
    spread = await spread_of(db, BLOCKS[1].number)
    old = BLOCKS[0]
    south, north = old.south, old.south + world.SIDE
    parts = [shapely.box(old.west + x0 * world.SIDE, south, old.west + x1 * world.SIDE, north) for x0, x1 in
             ((0.0, 0.5), (0.5, 0.8))]  # fmt: skip
    halves = [
        replace(world.area_rows()[5], code=f"{old.code[:-2]}00{n}", geometry=shapely.MultiPolygon([part]))
        for n, part in enumerate(parts)
    ]
    async with db.worker.begin() as connection:
        stored = await areas.store(connection, EDITION, halves)
    assert stored.footprints_dropped == 0
    lowest = await rows(
        db,
        "SELECT a.code, count(*) FROM ground.footprint f JOIN ground.area a USING (edition_id, number)"
        " GROUP BY a.code ORDER BY a.code",
    )
    assert lowest == [(halves[0].code, 2), (old.code, 1), (BLOCKS[1].code, 2)]
    moved = await rows(db, f"SELECT number FROM ground.area WHERE code = '{BLOCKS[1].code}'")
    assert moved == [(BLOCKS[1].number + 2,)]
    assert await spread_of(db, BLOCKS[1].number + 2) == spread
    shrunk = replace(world.area_rows()[6], geometry=shapely.MultiPolygon([BLOCKS[1].shape.buffer(-world.SIDE * 0.3)]))
    async with db.worker.begin() as connection:
        stored = await areas.store(connection, EDITION, [shrunk])
    assert stored.footprints_dropped == 2
    assert await rows(db, "SELECT count(*) FROM ground.footprint") == [(3,)]


# ── reading ───────────────────────────────────────────────────────────────────────────────────────────────────────

POINTS = gpd.GeoDataFrame(
    {"type": ["Residential", "School", "Residential", "Residential"], "area_m2": [40.0, 900.0, np.nan, 0.0]},
    geometry=gpd.points_from_xy([117.14, 117.15, 117.16, 117.17], [-0.5, -0.5, -0.5, -0.5]),
    crs=4326,
)


def written(frame: Any, path: Path) -> Path:
    frame.to_parquet(path) if path.suffix == ".parquet" else frame.to_file(path, engine="pyogrio")
    return path


@pytest.mark.parametrize("name", ["houses.geojson", "houses.gpkg", "houses.parquet", "houses.shp", "houses.fgb"])
def test_points_with_their_areas(tmp_path: Path, name: str) -> None:
    frame = POINTS.to_crs(32750) if name.endswith("gpkg") else POINTS
    read = footprints.read(written(frame, tmp_path / name), where={"type": "Residential"})
    at = read.rows[0] - 1
    assert len(read.rows) == 1
    assert (read.lon.round(7).tolist(), read.lat.round(7).tolist(), read.area_m2.tolist()) == ([117.14], [-0.5], [40])
    assert [why for _, why in read.left_out] == ["no area above 0 m²"] * 2
    assert read.passed_over == 1
    assert sorted([at + 1, *(row for row, _ in read.left_out)]) == [1, 3, 4] or name.endswith("fgb")  # sorted in space


def test_points_without_areas_are_all_alike(tmp_path: Path) -> None:
    points = POINTS.drop(columns="area_m2")
    points.loc[1, "geometry"] = None
    read = footprints.read(written(points, tmp_path / "houses.gpkg"))
    assert read.area_m2.tolist() == [1, 1, 1]
    assert read.left_out == [(2, "no place")]
    assert read.rows.tolist() == [1, 3, 4]


def test_outlines_count_by_their_ground_and_stand_inside(tmp_path: Path) -> None:
    utm = 32750
    ell = shapely.Polygon([(0, 0), (30, 0), (30, 4), (4, 4), (4, 30), (0, 30)])
    bow_tie = shapely.Polygon([(0, 0), (10, 10), (10, 0), (0, 10)])
    flat = shapely.Polygon([(0, 0), (10, 5), (0, 0)])
    shapes = [shapely.affinity.translate(s, 515_000, 9_944_000) for s in (ell, shapely.MultiPolygon([ell]), bow_tie)]
    shapes += [shapely.affinity.translate(flat, 515_000, 9_944_000), None]
    frame = gpd.GeoDataFrame({"n": range(5)}, geometry=shapes, crs=utm)
    read = footprints.read(written(frame, tmp_path / "houses.gpkg"))
    scale = 0.9996**2  # of UTM near its central meridian
    assert read.area_m2.tolist() == pytest.approx([224 / scale, 224 / scale, 50 / scale], rel=1e-4)
    inside = gpd.GeoSeries(gpd.points_from_xy(read.lon, read.lat), crs=4326).to_crs(utm)
    assert all(shape.distance(point) < 0.02 for shape, point in zip(shapes[:2], inside[:2], strict=True))
    assert read.left_out == [(4, "no place"), (5, "no place")]


@pytest.mark.parametrize(
    "body",
    [
        "lon,lat,area_m2\n117.14,-0.5,40\n,,30\n117.15,-0.5,much\n",
        "full_plus_code;Longitude;LATITUDE;area_in_meters\nx;117.14;-0.5;40\nx;abc;-0.5;30\nx;117.15;-0.5;-3\n",
    ],
)
def test_tables(tmp_path: Path, body: str) -> None:
    path = tmp_path / "houses.csv"
    path.write_text(body)
    read = footprints.read(path)
    assert (read.lon.tolist(), read.lat.tolist(), read.area_m2.tolist()) == ([117.14], [-0.5], [40])
    assert read.left_out == [(2, "no place"), (3, "no area above 0 m²")]


def test_files_that_cannot_be_meant(tmp_path: Path) -> None:
    def code(name: str, body: str, **how: Any) -> str:
        (tmp_path / name).write_text(body)
        with pytest.raises(BadInput) as raised:
            footprints.read(tmp_path / name, **how)
        return raised.value.code

    assert code("a.csv", "x,y\n1,2\n") == "no-such-column"
    assert code("a.csv", "lon,lat\n") == "empty-file"
    assert code("a.csv", "lon,lat\n-0.5,117.1\n") == "axes-swapped"
    assert code("a.csv", "lon,lat\n117.1,-0.5\n", where={"type": "house"}) == "no-such-column"
    line = {"type": "LineString", "coordinates": [[117.1, -0.5], [117.2, -0.5]]}
    assert code("a.geojson", json.dumps({"type": "Feature", "properties": {}, "geometry": line})) == "not-points"
    (tmp_path / "b.csv").write_text("lon,lat\n-0.5,117.1\n")
    assert footprints.read(tmp_path / "b.csv", swap_axes=True).lon.tolist() == [117.1]
