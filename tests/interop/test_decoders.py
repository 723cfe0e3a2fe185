"""A live tile is read alike by everybody else's readers, and as PostGIS's own encoding of the same values is read.

Geometry was built before anything was sent, values came after: what is read is what was spliced.
"""

import asyncio
import gzip
import math
from pathlib import Path
from typing import Any

import pytest
import shapely
from mapbox_vector_tile.Mapbox import vector_tile_pb2 as standard

from tests.interop import town
from tests.interop.conftest import WHO, Town
from tests.interop.readers import HALF, Feature, Features, Place, by_id, by_python, by_qgis, from_degrees, readers
from tests.world import BLOCKS
from tiles.layers import LAYERS
from tiles.splice import EMPTY, NOT_SHOWN

#: Rates of the API have four places.
CLOSE = 6e-5


def told(client: Any, place: Place, found: Features) -> tuple[dict[str, Any], dict[int, dict[str, Any]]]:
    """The layer's TileJSON, and what is true by feature id. The API leaves out cells with nothing in them."""
    style = client.get("/style.json").json()["metadata"]
    level = [level for first, level in style["cakupan:levels"] if place.z >= first][-1]
    truth = town.truth(client, place, level)
    if place.layer == "cells":
        truth = {number: dict.fromkeys(LAYERS["cells"].fields, EMPTY) for number in found} | truth
    return client.get(f"/tiles/{place.layer}.json").json(), truth


def near(value: Any) -> Any:
    """A text as it is; a number as the API says it."""
    return value if isinstance(value, str) else pytest.approx(value, abs=CLOSE, rel=1e-6)


def compared(found: Features, truth: dict[int, dict[str, Any]]) -> None:
    """Every field that the API tells of a feature. Of cells it tells neither state nor when they were last seen."""
    assert found
    assert set(found) <= set(truth)
    for number, feature in found.items():
        for name, value in truth[number].items():
            assert feature.fields[name] == near(value), (number, name)


def alike(ours: Features, theirs: Features) -> None:
    """Same ids, same geometry, same values."""
    assert set(ours) == set(theirs)
    for number, feature in theirs.items():
        assert ours[number].geometry == feature.geometry
        for name, value in feature.fields.items():
            assert ours[number].fields[name] == near(value), (number, name)


@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize("place", town.PLACES, ids=lambda place: place.path)
def test_two_readers_agree_with_postgis_and_the_api(painted: Town, tmp_path: Path, place: Place, who: str) -> None:
    with painted.service.client(who) as client:
        plain, packed = (town.fetch(client, place, encoding) for encoding in ("identity", "gzip"))
        reference = by_python(place, plain)
        about, truth = told(client, place, reference)
    assert gzip.decompress(packed) == plain
    peer = town.postgis(painted.service.logins, place, truth)
    compared(reference, truth)
    for name, read in readers(tmp_path, about).items():
        found = read(place, plain)
        alike(found, read(place, peer))
        assert {n: f.geometry for n, f in found.items()} == {n: f.geometry for n, f in reference.items()}, name
        assert {n: f.fields for n, f in found.items()} == {n: f.fields for n, f in reference.items()}, name
        if name == "GDAL":  # which unpacks by itself
            assert read(place, packed) == found


@pytest.mark.parametrize("place", town.PLACES, ids=lambda place: place.path)
def test_what_was_read_is_what_changed(painted: Town, place: Place) -> None:
    """Ids and geometry as before anything was sent, other values; without this the others would prove little."""
    with painted.service.client() as client:
        after = by_python(place, town.fetch(client, place, "identity"))
    before = by_python(place, painted.first["admin", place])
    assert {n: f.geometry for n, f in before.items()} == {n: f.geometry for n, f in after.items()}
    assert {f.fields["completed"] for f in before.values()} <= {0, EMPTY}
    assert any(f.fields["completed"] > 0 for f in after.values())


def test_the_cases_hold_what_is_difficult(painted: Town) -> None:
    """No data, not shown, names of every kind, a tile with little in it."""
    whole, corner = town.PLACES[:2]
    with painted.service.client("admin") as client:
        mine = by_python(whole, town.fetch(client, whole, "identity"))
        few = by_python(corner, town.fetch(client, corner, "identity"))
    assert {f.fields["name"] for f in mine.values()} == set(town.NAMES)
    assert mine[town.UNKNOWN.number].fields["expected"] == -1
    assert mine[town.UNKNOWN.number].fields["completed"] > 0
    assert mine[BLOCKS[5].number].fields["seen"] == -1
    assert 0 < len(few) < len(mine)
    with painted.service.client("supervisor") as client:
        theirs = by_python(whole, town.fetch(client, whole, "identity"))
    hidden = {n for n, f in theirs.items() if all(f.fields[name] == NOT_SHOWN for name in LAYERS["blocks"].fields)}
    assert hidden == {b.number for b in BLOCKS[3:]}


def test_the_tile_is_sound_by_the_standard(painted: Town) -> None:
    """Rules of Mapbox Vector Tile 2.1 that lenient readers do not hold anybody to."""
    for place in town.PLACES:
        with painted.service.client() as client:
            tile = standard.tile()
            tile.ParseFromString(town.fetch(client, place, "identity"))
        (layer,) = tile.layers
        assert (layer.version, layer.extent, layer.name) == (2, 4096, place.layer)
        assert len(set(layer.keys)) == len(layer.keys)  # 4.1: keys are unique
        for feature in layer.features:
            assert len(feature.tags) == 2 * len(layer.keys)  # 4.4: pairs, none twice
            assert sorted(feature.tags[::2]) == list(range(len(layer.keys)))
            assert max(feature.tags[1::2]) < len(layer.values)
        # 4.1: one kind in each value
        assert all(len(value.ListFields()) == 1 for value in layer.values)


# ── MapLibre in Chromium ──────────────────────────────────────────────────────────────────────────────────────────

#: A map of our own on one of the service's pages, with the service's own style; what its source holds of one tile.
READ = r"""
async ([{layer, z, x, y}, tiles]) => {
  const [sheet] = document.querySelectorAll("link[rel=stylesheet]");
  const library = await import(sheet.href.replace(/static\/.*/, "vendor/maplibre-gl.mjs"));
  const style = await (await fetch("/style.json")).json();
  if (tiles) style.sources[layer] = {type: "vector", tiles: [location.origin + tiles], minzoom: z, maxzoom: z};
  style.layers = style.layers.filter((one) => one.source === layer && one.type === "fill");
  for (const one of style.layers) { one.layout.visibility = "visible"; one.minzoom = 0; one.maxzoom = 24; }
  const container = document.createElement("div");
  container.style.cssText = "position:fixed;inset:0;width:64px;height:64px";
  document.body.append(container);
  const size = 2 ** z;
  const lat = (row) => (Math.atan(Math.sinh(Math.PI * (1 - 2 * row / size))) * 180) / Math.PI;
  const map = new library.Map({
    container, style, center: [((x + 0.5) / size) * 360 - 180, lat(y + 0.5)], zoom: z + 0.01, fadeDuration: 0,
    renderWorldCopies: false,
  });
  const failed = new Promise((_, no) => map.on("error", (e) => no(new Error(e.error.message))));
  await Promise.race([new Promise((done) => map.once("idle", done)), failed]);
  const found = map.querySourceFeatures(layer, {sourceLayer: layer});
  const told = found.map((one) => ({id: one.id, fields: one.properties, geometry: one.geometry}));
  map.remove();
  container.remove();
  return told;
}
"""


def by_maplibre(place: Place, told: list[dict[str, Any]]) -> Features:
    """Features as MapLibre's source holds them."""
    return by_id(
        (one["id"], Feature(from_degrees(place, shapely.geometry.shape(one["geometry"])), one["fields"]))
        for one in told
    )


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize("who", ["supervisor", "admin"])
async def test_maplibre_reads_the_same(painted: Town, visit: Any, who: str) -> None:
    """In real Chromium, through the service's own style; PostGIS's own encoding is laid under another address."""
    page = (await visit(painted.service, "/gaps", who=who)).page
    peers: dict[str, bytes] = {}

    async def answered(route: Any) -> None:
        body = peers.get(route.request.url.partition("/peer/")[2])
        await (route.fulfill(body=body, content_type="application/vnd.mapbox-vector-tile") if body else route.abort())

    await page.route("**/peer/**", answered)
    for place in town.PLACES:
        with painted.service.client(who) as client:
            reference = by_python(place, town.fetch(client, place, "identity"))
            _, truth = told(client, place, reference)
        name = f"{place.layer}/{place.z}/{place.x}/{place.y}.mvt"
        peers[name] = await asyncio.to_thread(town.postgis, painted.service.logins, place, truth)
        found = by_maplibre(place, await page.evaluate(READ, [place._asdict(), None]))
        assert found == reference
        theirs = by_maplibre(place, await page.evaluate(READ, [place._asdict(), f"/peer/{name}"]))
        alike(found, theirs)


# ── QGIS ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def middles() -> dict[str, tuple[float, float]]:
    """A point inside each block by code, EPSG:3857."""
    found = {}
    for block in BLOCKS:
        lon, lat = block.at(0.5, 0.5)
        north = math.log(math.tan(math.pi / 4 + math.radians(lat) / 2))
        found[block.code] = (lon / 180 * HALF, north / math.pi * HALF)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("who", WHO)
def test_qgis_reads_the_same(painted: Town, tmp_path: Path, who: str) -> None:
    """QGIS logs in by HTTP Basic and fetches the tiles itself; PostGIS's own encoding it reads from files."""
    place = town.PLACES[0]
    with painted.service.client(who) as client:
        reference = by_python(place, town.fetch(client, place, "identity"))
        _, truth = told(client, place, reference)
    by_code = {feature.fields["code"]: feature for feature in reference.values()}
    address = painted.service.url.replace("://", f"://{who}:{painted.service.tokens[who]}@")
    found = by_qgis(place, f"{address}/tiles/blocks/{{z}}/{{x}}/{{y}}.mvt", middles(), tmp_path)
    assert found == by_code
    folder = tmp_path / str(place.z) / str(place.x)
    folder.mkdir(parents=True)
    (folder / f"{place.y}.mvt").write_bytes(town.postgis(painted.service.logins, place, truth))
    peer = by_qgis(place, f"file://{tmp_path}/{{z}}/{{x}}/{{y}}.mvt", middles(), tmp_path)
    alike(
        {n: found[f.fields["code"]] for n, f in reference.items()},
        {n: peer[f.fields["code"]] for n, f in reference.items()},
    )
