"""A spliced tile against PostGIS's own, decoded by two foreign readers, feature by feature."""

import gzip
import os
import zlib
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import h3
import mapbox_vector_tile
import numpy as np
import pyogrio
import pytest
from sqlalchemy import text

from app.database import Database
from geo.ground import cells
from geo.ground.areas import Ground
from geo.intake import batch, fold
from geo.intake.batch import Envelope
from geo.scope import OPERATOR, Scope
from geo.watch import changes, coverage, live
from geo.watch.changes import NO_DATA
from tests.world import BLOCKS, NOW, submission
from tiles import geometry, splice
from tiles.layers import LAYERS
from tiles.splice import EMPTY, NOT_SHOWN, Shape

GOLDEN = Path(__file__).parent.parent / "golden"
UPPER = Scope(7, "supervisor", "supervisor", ((4, 7),))
#: The tile that holds the whole tiny world.
Z, X, Y = 13, 6761, 4107


def decoded(tile: bytes, layer: str) -> dict[int, dict[str, Any]]:
    """Features by id: geometry in the tile's own coordinates, and fields."""
    found = mapbox_vector_tile.decode(tile, default_options={"y_coord_down": True})
    assert list(found) == [layer]
    assert found[layer]["extent"] == 4096
    assert found[layer]["version"] == 2
    return {f["id"]: {"geometry": f["geometry"], "fields": f["properties"]} for f in found[layer]["features"]}


def by_gdal(tile: bytes, folder: Path) -> Any:
    if "MVT" not in pyogrio.list_drivers():
        pytest.skip("this build of GDAL has no MVT driver")
    path = folder / "tile.mvt"
    path.write_bytes(tile)
    return pyogrio.read_dataframe(path)


def square(at: int) -> bytes:
    """A square of side 8 whose corner lies at (at, at): MoveTo, LineTo × 3, ClosePath, zigzag-coded."""
    steps = [9, at * 2, at * 2, 26, 16, 0, 0, 16, 15, 0, 15]
    return b"".join(splice._varint(step) for step in steps)


@pytest.mark.parametrize("many", [0, 1, 2, 126, 127, 128, 129, 300, 5000])
@pytest.mark.parametrize("texts", [False, True], ids=["bare", "texts"])
def test_any_number_of_features(many: int, texts: bool) -> None:
    some = [Shape(2**40 + at, 3, square(at % 4000)) for at in range(many)]
    names = [f"Kampung {at} – Jalan Ké\u00f1é 日本 🏠 {'x' * (at % 200)}" for at in range(many)]
    still = splice.compile_layer("blocks", some, ["gap", "coverage"], {"name": names} if texts else {})
    values = np.column_stack([np.arange(many) - 2.0, np.linspace(0, 1, many)]).astype(np.float32)
    tile = splice.plain(still, splice.changing(still, values))
    found = decoded(tile, "blocks")
    assert list(found) == [2**40 + at for at in range(many)]
    for at, feature in enumerate(found.values()):
        fields = {"gap": values[at, 0], "coverage": values[at, 1]} | ({"name": names[at]} if texts else {})
        assert feature["fields"] == fields
        corner = at % 4000
        assert feature["geometry"]["coordinates"][0][0] == [corner, corner]
    packed = splice.gzipped(still, splice.changing(still, values))
    assert gzip.decompress(packed) == tile
    one = zlib.decompressobj(wbits=31)  # one member, and nothing after it
    assert one.decompress(packed) == tile
    assert one.eof
    assert one.unused_data == b""


@pytest.mark.parametrize("value", [0.0, -1.0, -2.0, 1e-38, 3.4e38, 16_777_216.0, 0.1])
def test_values_come_through_as_they_went_in(value: float) -> None:
    still = splice.compile_layer("areas", [Shape(1, 3, square(1))], ["gap"])
    tile = splice.plain(still, splice.changing(still, np.array([[value]], dtype=np.float32)))
    assert decoded(tile, "areas")[1]["fields"]["gap"] == np.float32(value)


def test_the_name_of_a_tile_is_that_of_its_content() -> None:
    still = splice.compile_layer("areas", [Shape(1, 3, square(1))], ["gap"])
    other = splice.compile_layer("areas", [Shape(2, 3, square(1))], ["gap"])
    tails = [splice.changing(still, np.array([[v]], dtype=np.float32)) for v in (1, 2)]
    assert len({splice.etag(s, t) for s in (still, other) for t in tails}) == 4
    assert splice.etag(still, tails[0]) == splice.etag(still, bytes(tails[0]))


# ── against PostGIS ───────────────────────────────────────────────────────────────────────────────────────────────


async def worked(db: Database, ground: Ground) -> live.Snapshot:
    """A few households in, so that values differ."""
    rows = [submission(n, BLOCKS[n % 4], result=("completed", "moved", "not_met")[n % 3]) for n in range(50)]
    async with db.worker.begin() as connection:
        await batch.store(connection, ground, Envelope(1, "t", b"", 0), rows, batch.judge(ground, rows))
    async with db.worker.begin() as connection:
        assert await fold.fold(connection)
        return await live.load(connection, ground.campaign, ground.tree)


AREAS = """
SELECT ST_AsMVT(s, :layer, 4096, 'geom', 'number') FROM (
    SELECT number, code, name, ST_AsMVTGeom(geom_3857, ST_TileEnvelope(:z, :x, :y), 4096, 64, true) AS geom
    FROM ground.area WHERE CASE :layer WHEN 'blocks' THEN number = last ELSE level = :level END ORDER BY number
) s WHERE geom IS NOT NULL
"""


def hours_of(instant: datetime | None) -> float | None:
    """Hours since midnight of 15 October in Makassar."""
    return None if instant is None else (instant - datetime(2022, 10, 14, 16, tzinfo=UTC)).total_seconds() / 3600


def figures_of(snapshot: live.Snapshot, scope: Scope, level: str) -> dict[int, dict[str, Any]]:
    """What each area's fields should be, from the rows that the API gives."""
    found = {}
    for row in coverage.by_area(snapshot, scope, level):
        fields = LAYERS["blocks"].fields
        if row["completed"] is None:
            found[row["n"]] = dict.fromkeys(fields, NOT_SHOWN)
        else:
            told = row | {"state": coverage.STATES.index(row["state"]), "seen": hours_of(row["last_at"])}
            found[row["n"]] = {name: NO_DATA if told[name] is None else told[name] for name in fields}
    return found


@pytest.mark.parametrize(("layer", "level", "tile"), [
    ("blocks", "block", (Z, X, Y)), ("blocks", "block", (16, 54093, 32860)), ("areas", "village", (Z, X, Y)),
    ("areas", "district", (10, 845, 513)), ("areas", "province", (5, 26, 16)),
])  # fmt: skip
@pytest.mark.parametrize("scope", [OPERATOR, UPPER], ids=lambda scope: scope.name)
async def test_areas_are_postgis_shapes_with_our_values(
    db: Database, ground: Ground, tmp_path: Path, layer: str, level: str, tile: tuple[int, int, int], scope: Scope
) -> None:
    snapshot = await worked(db, ground)
    z, x, y = tile
    async with db.internal.begin() as connection:
        still = await geometry.build_areas(connection, snapshot, layer, z, x, y)
        of = {"layer": layer, "level": level, "z": z, "x": x, "y": y}
        theirs = decoded(bytes(await connection.scalar(text(AREAS), of)), layer)
    values = geometry.area_values(snapshot, scope, still)
    body = splice.plain(still, splice.changing(still, values))
    ours = decoded(body, layer)
    assert len(ours) >= 1
    assert {n: f["geometry"] for n, f in ours.items()} == {n: f["geometry"] for n, f in theirs.items()}
    truth = figures_of(snapshot, scope, level)
    for number, feature in ours.items():
        told = dict(feature["fields"])
        assert {name: told.pop(name) for name in ("code", "name")} == theirs[number]["fields"]
        assert told == pytest.approx(truth[number], abs=6e-5)
    frame = by_gdal(body, tmp_path)
    assert sorted(frame["mvt_id"]) == sorted(ours)
    for _, row in frame.iterrows():
        for name in ("code", "name", "gap", "coverage", "state"):
            assert row[name] == ours[row["mvt_id"]]["fields"][name]


async def test_of_a_past_day_only_what_was_known_at_its_end(db: Database, ground: Ground) -> None:
    days = [date(2022, 10, 17), date(2022, 10, 20), date(2022, 10, 23)]
    rows = [
        submission(n, BLOCKS[n % 4], result="completed", captured_at=f"{days[n % 3]}T09:00:00+07:00") for n in range(50)
    ]
    async with db.worker.begin() as connection:
        await batch.store(connection, ground, Envelope(1, "t", b"", 0), rows, batch.judge(ground, rows))
    async with db.worker.begin() as connection:
        assert await fold.fold(connection)
        snapshot = await live.load(connection, ground.campaign, ground.tree)
    async with db.internal.begin() as connection:
        still = await geometry.build_areas(connection, snapshot, "blocks", Z, X, Y)
    fields = list(LAYERS["blocks"].fields)
    assert fields == list(changes.FIELDS)
    for at, day in enumerate(days):
        values = geometry.area_values(snapshot, OPERATOR, still, day)
        truth = {b.number: sum(n % 4 == i and n % 3 <= at for n in range(50)) for i, b in enumerate(BLOCKS)}
        assert dict(zip(still.ids.tolist(), values[:, fields.index("completed")], strict=True)) == truth
        told = {row["n"]: row for row in coverage.by_area(snapshot, OPERATOR, "block", day=day)}
        for name in ("gap", "coverage", "schedule"):
            now = dict(zip(still.ids.tolist(), values[:, fields.index(name)], strict=True))
            assert now == pytest.approx({n: NO_DATA if told[n][name] is None else told[n][name] for n in now}, abs=6e-5)
        assert set(values[:, fields.index("seen")]) == {NO_DATA}
        assert {row["last_at"] for row in told.values()} == {None}
    outside = geometry.area_values(snapshot, UPPER, still, days[0])
    assert (outside[~UPPER.mask(still.ids, still.ids)] == NOT_SHOWN).all()


async def test_hundreds_of_cells(db: Database, ground: Ground, tmp_path: Path) -> None:
    middle = h3.latlng_to_cell(BLOCKS[1].south, BLOCKS[1].west, 10)
    keys = np.sort(np.array([h3.str_to_int(cell) for cell in h3.grid_disk(middle, 12)], dtype=np.int64))
    assert len(keys) == 469
    async with db.internal.begin() as connection:
        still = await geometry.build_cells(connection, keys, Z, X, Y)
    assert 127 < len(still.ids) <= 469
    assert set(still.ids) <= set(cells.feature_ids(keys, 10))
    snapshot = await worked(db, ground)
    mine = geometry.cells_over(snapshot, Z, X, Y)
    async with db.internal.begin() as connection:
        still = await geometry.build_cells(connection, mine, Z, X, Y)
    body = splice.plain(still, splice.changing(still, geometry.cell_values(snapshot, OPERATOR, still, Z)))
    ours = decoded(body, "cells")
    truth = {row["n"]: row for row in coverage.by_cell(snapshot, OPERATOR, 10)}
    filled = {number: feature for number, feature in ours.items() if number in truth}
    assert 0 < len(filled) < len(ours) > 1000
    assert {value for n, f in ours.items() if n not in truth for value in f["fields"].values()} == {EMPTY}
    for number, feature in filled.items():
        for name in ("expected", "completed", "gap"):
            told = truth[number][name]
            assert feature["fields"][name] == (NO_DATA if told is None else told)
    assert sum(f["fields"]["completed"] for f in filled.values()) == sum(r["completed"] for r in truth.values())
    assert sorted(by_gdal(body, tmp_path)["mvt_id"]) == sorted(ours)


@pytest.mark.parametrize("layer", ["blocks", "areas", "cells"])
async def test_golden_tiles(db: Database, ground: Ground, layer: str) -> None:
    """Byte for byte as accepted: `CAKUPAN_ACCEPT=1 ./cakupan test tests/tiles` accepts what there is now."""
    snapshot = await worked(db, ground)
    assert snapshot.campaign.now() == NOW
    async with db.internal.begin() as connection:
        if layer == "cells":
            keys = geometry.cells_over(snapshot, Z, X, Y)
            still = await geometry.build_cells(connection, keys, Z, X, Y)
            values = geometry.cell_values(snapshot, OPERATOR, still, Z)
        else:
            still = await geometry.build_areas(connection, snapshot, layer, Z, X, Y)
            values = geometry.area_values(snapshot, UPPER, still)
    tile = splice.plain(still, splice.changing(still, values))
    path = GOLDEN / f"{layer}-{Z}-{X}-{Y}.mvt"
    if os.environ.get("CAKUPAN_ACCEPT"):
        path.write_bytes(tile)
    assert path.is_file(), "there is no golden tile yet: run CAKUPAN_ACCEPT=1 ./cakupan test tests/tiles"
    accepted = path.read_bytes()
    assert decoded(tile, layer) == decoded(accepted, layer)
    assert tile == accepted


def test_a_foreign_wire_type_is_refused() -> None:
    with pytest.raises(ValueError, match="wire type"):
        splice.shapes(b"\x0d\x00\x00\x00\x00")


def test_an_empty_tile() -> None:
    assert len(splice.compile_layer("areas", splice.shapes(b""), ["gap"]).ids) == 0
