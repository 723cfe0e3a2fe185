"""The tiles of the live map as one PMTiles file, for a tablet or a web page without us.

The same layers, fields and zooms as the live map has, from the same unchanging halves and the values of one epoch;
cells only where families are expected or were found, since nobody will fill the others. A PMTiles file (specification
3) has one tile a place, so a tile's layers stand behind each other in it, as the vector tile format allows (Mapbox
Vector Tile 2.1, section 4.1: layers are a repeated field).
"""

import gzip
import math
from itertools import product
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pmtiles.tile import Compression, TileType, zxy_to_tileid
from pmtiles.writer import Writer
from sqlalchemy.ext.asyncio import AsyncConnection

from geo.ground import cells
from geo.scope import Scope
from geo.watch import changes, coverage
from geo.watch.live import Snapshot
from tiles import geometry, splice
from tiles.archive import Asked, Progress, about
from tiles.layers import LAYERS, level_at, resolution_at
from tiles.style import legend, tilejson

Boxes = NDArray[np.float64]

#: Tiles between two words about progress.
_EVERY = 25


async def pmtiles(
    db: AsyncConnection, live: Snapshot, scope: Scope, asked: Asked, path: Path, progress: Progress
) -> dict[str, int]:
    """Write the tiles that hold something of the scope; gives how many by layer. `scope` lies within `asked.within`.

    Fields are −1 for no data and −2 for what lies outside of the scope, as in the live map.
    """
    counts = dict.fromkeys(asked.layers, 0)
    box = _bounds(_boxes(live, scope))
    places = sorted(
        (zxy_to_tileid(z, x, y), z, x, y)
        for z in range(asked.max_zoom + 1)
        for x, y in _places(live, scope, box, z, with_cells="cells" in asked.layers)
    )
    with path.open("wb") as file:
        writer = Writer(file)
        writer.tile_f.close()
        with TemporaryFile(dir=path.parent) as writer.tile_f:  # where there is room for it; /tmp may be memory
            for done, (number, z, x, y) in enumerate(places, start=1):
                tile = await _tile(db, live, scope, asked, (z, x, y), counts)
                if tile:
                    writer.write_tile(number, gzip.compress(tile, 6, mtime=0))
                if done % _EVERY == 0 or done == len(places):
                    progress(done, len(places))
            writer.finalize(_header(box, asked.max_zoom), _metadata(live, scope, asked, box))
    return counts


async def _tile(
    db: AsyncConnection, live: Snapshot, scope: Scope, asked: Asked, at: tuple[int, int, int], counts: dict[str, int]
) -> bytes:
    """The layers of one tile, one behind the other."""
    body = b""
    for layer in asked.layers:
        if at[0] < geometry.first_zoom(live, layer):
            continue
        if layer == "cells":
            keys = geometry.cells_in(live, scope, *at)
            if not len(keys):
                continue
            still = await geometry.build_cells(db, keys, *at)
            values = geometry.cell_values(live, scope, still, at[0])
        else:
            still = await geometry.build_areas(db, live, layer, *at, within=asked.within)
            values = geometry.area_values(live, scope, still)
        if len(still.ids):
            body += splice.plain(still, splice.changing(still, values))
            counts[layer] += 1
    return body


# ── which tiles ───────────────────────────────────────────────────────────────────────────────────────────────────


def _boxes(live: Snapshot, scope: Scope) -> Boxes:
    """West, south, east, north of each block of the scope."""
    numbers = np.concatenate([np.arange(max(lo, 1), hi + 1) for lo, hi in scope.ranges])
    found: Boxes = live.tree.bounds[numbers[live.tree.block[numbers]]]
    return found


def _bounds(boxes: Boxes) -> Boxes:
    """The box around boxes."""
    return np.concatenate([boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)])


def _places(live: Snapshot, scope: Scope, box: Boxes, z: int, *, with_cells: bool) -> set[tuple[int, int]]:
    """Columns and rows of the tiles of a zoom that touch a block of the scope or one of its cells, in its bounds."""
    boxes = _boxes(live, scope)
    if with_cells:
        lon, lat = coverage.cell_centres(live, scope, resolution_at(z))
        far = cells.margin(resolution_at(z))
        boxes = np.concatenate([boxes, np.column_stack([lon - far, lat - far, lon + far, lat + far])])
    first, last = _spans(box[None, :], z)[0].reshape(2, 2)
    spans = np.unique(_spans(boxes, z), axis=0)
    spans[:, :2] = np.maximum(spans[:, :2], first)
    spans[:, 2:] = np.minimum(spans[:, 2:], last)
    found: set[tuple[int, int]] = set()
    for x, y, last_x, last_y in spans.tolist():
        found.update(product(range(x, last_x + 1), range(y, last_y + 1)))
    return found


def _spans(boxes: Boxes, z: int) -> NDArray[np.int64]:
    """First column and row, last column and row of the tiles that boxes touch."""
    size = 2**z
    west, south, east, north = boxes.T
    x = [(lon + 180) / 360 for lon in (west, east)]
    y = [(1 - np.arcsinh(np.tan(np.radians(lat))) / np.pi) / 2 for lat in (north, south)]
    at = np.floor(np.column_stack([x[0], y[0], x[1], y[1]]) * size).astype(np.int64)
    clipped: NDArray[np.int64] = np.clip(at, 0, size - 1)
    return clipped


# ── what is said of them ──────────────────────────────────────────────────────────────────────────────────────────


def _header(box: Boxes, max_zoom: int) -> dict[str, Any]:
    west, south, east, north = box.tolist()
    span = max(east - west, north - south, 1e-3)
    return {
        "tile_type": TileType.MVT,
        "tile_compression": Compression.GZIP,
        "min_lon_e7": round(west * 1e7),
        "min_lat_e7": round(south * 1e7),
        "max_lon_e7": round(east * 1e7),
        "max_lat_e7": round(north * 1e7),
        "center_zoom": min(max(int(math.log2(500 / span)), 0), max_zoom),
        "center_lon_e7": round((west + east) / 2 * 1e7),
        "center_lat_e7": round((south + north) / 2 * 1e7),
    }


def _metadata(live: Snapshot, scope: Scope, asked: Asked, box: Boxes) -> dict[str, Any]:
    """Layers as tools know them, and under `cakupan` what our own style and legend say."""
    layers = []
    for layer in asked.layers:
        of = LAYERS[layer]
        (said,) = tilejson(layer, "", tuple(box.tolist()), geometry.first_zoom(live, layer))["vector_layers"]
        fields = dict.fromkeys(of.texts, "String") | dict.fromkeys(of.fields, "Number")
        layers.append(said | {"fields": fields, "maxzoom": asked.max_zoom})
    said_of_all = about(live, scope, asked.within)
    zooms = range(asked.max_zoom + 1)
    return {
        "name": said_of_all["campaign"],
        "description": "Coverage of a registration census" + (", SIMULATED" if said_of_all["simulated"] else ""),
        "type": "overlay",
        "version": str(live.epoch),
        "generator": "cakupan",
        "vector_layers": layers,
        "cakupan": said_of_all
        | {
            "hours": round(live.campaign.hours(), 2),
            "fields": {name: LAYERS["blocks"].fields[name] for name in changes.FIELDS},
            "states": coverage.STATES,
            "levels": [level_at(live.tree, zoom, asked.within) for zoom in zooms],
            "resolutions": [resolution_at(zoom) for zoom in zooms],
            "legend": legend(),
        },
    }
