"""Foreign readers of vector tiles, each giving the same plain answer: features by id, in the tile's own coordinates."""

import json
import math
import os
import shutil
import subprocess
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import mapbox_vector_tile
import numpy as np
import pandas as pd
import pyogrio
import pytest
import shapely
from shapely.affinity import affine_transform

EXTENT = 4096

#: Half the side of the world in EPSG:3857, metres.
HALF = 20037508.342789244

#: Debian's own Python, which alone has QGIS.
DEBIANS = Path("/usr/bin/python3")


class Place(NamedTuple):
    """A tile of a layer."""

    layer: str
    z: int
    x: int
    y: int

    @property
    def path(self) -> str:
        return f"/tiles/{self.layer}/{self.z}/{self.x}/{self.y}.mvt"

    @property
    def corner(self) -> tuple[float, float, float]:
        """West and north edge in EPSG:3857, and the size of one of the tile's 4,096 units."""
        side = 2 * HALF / 2**self.z
        return self.x * side - HALF, HALF - self.y * side, side / EXTENT


class Feature(NamedTuple):
    """Geometry as normalised WKB in whole units of the tile, y downwards; fields as the reader gives them."""

    geometry: bytes
    fields: dict[str, Any]


Features = dict[int, Feature]


def whole(geometry: Any) -> bytes:
    """A geometry as WKB that does not depend on where its rings begin, which way they run or how it is wrapped."""
    rounded = shapely.transform(geometry, lambda points: np.round(points) + 0.0)  # and no negative zeros
    parts = shapely.get_parts(rounded)
    kind = shapely.MultiPolygon if rounded.geom_type.endswith("Polygon") else shapely.MultiPoint
    found: bytes = shapely.to_wkb(shapely.normalize(kind(list(parts))))
    return found


def from_metres(place: Place, geometry: Any) -> bytes:
    """The same of a geometry in EPSG:3857."""
    west, north, unit = place.corner
    return whole(affine_transform(geometry, [1 / unit, 0, 0, -1 / unit, -west / unit, north / unit]))


def from_degrees(place: Place, geometry: Any) -> bytes:
    """The same of a geometry in degrees."""

    def project(points: Any) -> Any:
        north = np.log(np.tan(math.pi / 4 + np.radians(points[:, 1]) / 2))
        return np.column_stack((points[:, 0] / 180, north / math.pi)) * HALF

    return from_metres(place, shapely.transform(geometry, project))


def by_id(found: Iterable[tuple[int, Feature]]) -> Features:
    """Features by id. No id comes twice."""
    pairs = list(found)
    assert len({number for number, _ in pairs}) == len(pairs)
    return dict(pairs)


def by_python(place: Place, tile: bytes) -> Features:
    """mapbox-vector-tile, which has protobuf generated from the standard's own schema."""
    layers = mapbox_vector_tile.decode(tile, default_options={"y_coord_down": True})
    assert list(layers) == [place.layer]
    assert (layers[place.layer]["extent"], layers[place.layer]["version"]) == (EXTENT, 2)
    return by_id(
        (f["id"], Feature(whole(shapely.geometry.shape(f["geometry"])), f["properties"]))
        for f in layers[place.layer]["features"]
    )


def by_gdal(folder: Path, about: dict[str, Any], place: Place, tile: bytes) -> Features:
    """GDAL's MVT driver, placed by its open options; fields are those of our TileJSON, as MBTiles names them."""
    if "MVT" not in pyogrio.list_drivers():
        pytest.skip("this build of GDAL has no MVT driver")
    (described,) = about["vector_layers"]
    kinds = {name: "String" if what == "text" else "Number" for name, what in described["fields"].items()}
    layers = json.dumps({"vector_layers": [described | {"fields": kinds}]})
    (folder / "metadata.json").write_text(json.dumps({"json": layers}))
    path = folder / f"{place.layer}.mvt"
    path.write_bytes(tile)
    placed = {"X": place.x, "Y": place.y, "Z": place.z, "METADATA_FILE": str(folder / "metadata.json"), "CLIP": "NO"}
    assert pyogrio.list_layers(path)[:, 0].tolist() == [place.layer]
    frame = pyogrio.read_dataframe(path, **placed)
    assert frame.crs.to_epsg() == 3857
    assert set(frame.columns) == {*kinds, "mvt_id", "geometry"}
    return by_id(
        (int(row.pop("mvt_id")), Feature(from_metres(place, row.pop("geometry")), _there(row)))
        for row in frame.to_dict("records")
    )


def _there(row: dict[str, Any]) -> dict[str, Any]:
    """The fields that a feature has: a table has all in every row."""
    return {name: value for name, value in row.items() if not pd.isna(value)}


def readers(folder: Path, about: dict[str, Any]) -> dict[str, Any]:
    """Those that read a tile in this process."""
    return {"mapbox-vector-tile": by_python, "GDAL": partial(by_gdal, folder, about)}


def by_qgis(place: Place, url: str, points: dict[str, tuple[float, float]], folder: Path) -> dict[str, Feature]:
    """QGIS's vector tile reader, asked what lies at `points` (EPSG:3857): features by code, for it tells no ids.

    `url` is a template with {z}, {x} and {y}; QGIS fetches the tile there itself.
    """
    if not DEBIANS.exists() or not shutil.which("python3", path=str(DEBIANS.parent)):
        pytest.skip("no Debian here, so no QGIS: this test needs its package python3-qgis")
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "QT_QPA_PLATFORM": "offscreen", "LC_ALL": "C.UTF-8"}
    environment["XDG_RUNTIME_DIR"] = str(folder)
    run = partial(subprocess.run, env=environment, capture_output=True, timeout=120, check=False)
    if run([DEBIANS, "-c", "import qgis.core, qgis.gui"]).returncode:
        pytest.skip("QGIS is not installed: apt-get install python3-qgis")
    side = 2 * HALF / 2**place.z
    west, north, _ = place.corner
    asked = {"url": url, "box": [west, north - side, west + side, north], "points": points, "layer": place.layer}
    done = run([DEBIANS, Path(__file__).with_name("qgis_reads.py")], input=json.dumps(asked).encode())
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    found: dict[str, Feature] = {}
    for told in json.loads(done.stdout.splitlines()[-1]):
        geometry = from_metres(place, shapely.from_wkb(bytes.fromhex(told["geometry"])))
        found[told["fields"]["code"]] = Feature(geometry, told["fields"])
    return found
