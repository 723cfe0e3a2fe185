"""Tiles of a sealed release: what the login that reads releases sees of it, and nothing else.

A tile is a function of the release and of what the reader may see; it knows no campaign, no epoch and no mirror. Shapes
are public, so what is hidden is drawn too, without a figure.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from geo import queries
from geo.ground import cells
from geo.ground.levels import LEVELS
from geo.publish import bands, published
from geo.publish.leaves import finest
from geo.publish.published import Sealed
from tiles.layers import LAYERS, MAX_ZOOM, first_zoom_of, level_of, resolution_at

SQL = queries.load(__file__)

LayerId = Literal["areas", "blocks", "cells"]

#: Fields of a feature by layer. Those that are hidden are left out, with −1 for the band and `not_shown` in the notes.
FIELDS = {
    "households": "families behind the figure, exact",
    "poor": "of them poor or very poor, with noise; may be negative",
    "error": "± of it, families: right in 95 of 100",
    "band": f"position of the share of poor families in {', '.join(bands.BANDS)} %; -1 where none is shown",
    "notes": f"of {', '.join(bands.NOTES)}, with commas between",
}
NAMES: Mapping[LayerId, tuple[str, ...]] = {"areas": ("code", "name"), "blocks": ("code", "name"), "cells": ("cell",)}

_PLACE = {name: place for place, name in enumerate(bands.BANDS)}

#: Zoom of the last tiles of cells: they grow no finer, and a corner lies within 3 m of its place.
_CELLS_TO = 12

#: Part of every tag. Another number wherever the tile of a release that stays the same comes out differently.
_FORM = b"1"


@dataclass(frozen=True)
class Ground:
    """What is fixed of all releases: levels above the block, the first zoom of blocks, bounds in degrees."""

    levels: tuple[str, ...]
    blocks_from: int
    bounds: tuple[float, float, float, float]


def etag(sealed: Sealed) -> str:
    """Names every tile of a release for whoever sees as much of it; known before a tile is drawn."""
    return f'"{sealed.digest[:24]}{hashlib.sha256(_FORM + sealed.scope.encode()).hexdigest()[:8]}"'


async def ground(db: AsyncConnection) -> Ground:
    """What is fixed of all releases; it reads every block, so keep it."""
    levels = tuple((await db.scalars(SQL["levels"], {"levels": list(LEVELS)})).all())
    points = await queries.arrays(db, SQL["points"], {}, {"lon": "f8", "lat": "f8"})
    box = (await db.execute(SQL["bounds"])).one()
    bounds = (float(box.west), float(box.south), float(box.east), float(box.north))
    return Ground(levels, first_zoom_of(points["lon"], points["lat"]), bounds)


def first_zoom(fixed: Ground, layer: LayerId) -> int:
    """The first zoom at which a layer has tiles."""
    return fixed.blocks_from if layer == "blocks" else LAYERS[layer].min_zoom


async def tile(
    db: AsyncConnection, sealed: Sealed, fixed: Ground, layer: LayerId, where: tuple[int, int, int]
) -> bytes:
    """One tile, `where` being z, x and y; nothing where nothing lies. Policies of the connection's reader decide."""
    z, x, y = where
    at = {"z": z, "x": x, "y": y}
    if z < first_zoom(fixed, layer) or (layer == "areas" and not fixed.levels):
        return b""
    resolution = min(resolution_at(z), finest(sealed))
    of: dict[str, Any] = {"release": sealed.release}
    if layer == "areas":
        of["level"] = level_of(fixed.levels, z)
    elif layer == "cells":
        of["resolution"] = resolution
    rows = (await db.execute(SQL[f"{layer.removesuffix('s')}_figures"], at | of)).mappings().all()
    if not rows:
        return b""
    given = at | {"layer": layer} | _said(rows)
    if layer == "cells":
        given["ids"] = cells.feature_ids(np.array(given["keys"], np.int64), resolution).tolist()
    return bytes(await db.scalar(SQL["cells" if layer == "cells" else "areas"], given))


def _said(rows: Sequence[RowMapping]) -> dict[str, list[Any]]:
    """What is said of each feature, by column."""
    figures = [published.figure(row) for row in rows]
    said = {name: [figure[name] for figure in figures] for name in ("households", "poor", "error")}
    said["band"] = [_PLACE.get(figure["share_band"], bands.NO_BAND) for figure in figures]
    said["notes"] = [",".join(figure["notes"]) for figure in figures]
    return said | {"keys": [row["key"] for row in rows]}


def tilejson(layer: LayerId, address: str, fixed: Ground) -> dict[str, Any]:
    """TileJSON 3 of a layer; `address` is a template with {z}, {x} and {y}."""
    zooms = {"minzoom": first_zoom(fixed, layer), "maxzoom": _CELLS_TO if layer == "cells" else MAX_ZOOM}
    described = {"id": layer, "description": LAYERS[layer].description, **zooms}
    return {
        "tilejson": "3.0.0",
        "name": f"Cakupan {layer}",
        "description": f"{LAYERS[layer].description}, as published",
        "tiles": [address],
        **zooms,
        "bounds": list(fixed.bounds),
        "vector_layers": [described | {"fields": dict.fromkeys(NAMES[layer], "text") | FIELDS}],
    }
