"""The unchanging half of a tile, built by PostGIS once; and which values go with it."""

from datetime import date
from typing import NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray
from sqlalchemy.ext.asyncio import AsyncConnection

from geo import queries
from geo.ground import cells
from geo.scope import Scope
from geo.watch import changes, coverage
from geo.watch.live import Snapshot
from tiles import splice
from tiles.layers import LAYERS, blocks_from, level_at, resolution_at
from tiles.splice import EMPTY, NOT_SHOWN, Still

SQL = queries.load(__file__)

#: First zoom at which all cells of a tile are few enough to be drawn, wherever on the globe it lies.
ALL_CELLS_FROM = 4


def first_zoom(live: Snapshot, layer: str) -> int:
    """The first zoom at which a layer has tiles; of blocks it goes by how densely they lie."""
    if layer != "blocks":
        return LAYERS[layer].min_zoom
    found: int = live.once(("blocks from",), lambda: blocks_from(live.tree))
    return found


async def build_areas(
    db: AsyncConnection, live: Snapshot, layer: str, z: int, x: int, y: int, within: int = 0
) -> Still:
    """Outlines of areas or blocks in one tile, with code and name as texts.

    With `within` those alone that lie within the area of this number; their level is then no higher than its own.
    """
    level = level_at(live.tree, z, within)
    of = {"edition_id": live.campaign.edition_id, "z": z, "x": x, "y": y}
    tile = await db.scalar(SQL[layer], of | ({"level": level} if layer == "areas" else {}))
    last = int(live.tree.last[within]) if within else len(live.tree)
    found = [shape for shape in splice.shapes(bytes(tile)) if within <= shape.id <= last]
    texts = {
        "code": [live.tree.code[s.id] for s in found],
        "name": [live.tree.name[s.id] for s in found],
    }
    return splice.compile_layer(layer, found, list(LAYERS[layer].fields), texts)


async def build_cells(db: AsyncConnection, keys: NDArray[np.int64], z: int, x: int, y: int) -> Still:
    """Hexagons of given cells, clipped to one tile."""
    wkbs = shapely.to_wkb(cells.boundaries(keys)).tolist()
    ids = cells.feature_ids(keys, resolution_at(z)).tolist()
    tile = await db.scalar(SQL["cells"], {"ids": ids, "wkbs": wkbs, "z": z, "x": x, "y": y})
    return splice.compile_layer("cells", splice.shapes(bytes(tile)), list(LAYERS["cells"].fields))


class Households(NamedTuple):
    """Single households as a tile; how many there are in it, and the blocks they count in."""

    body: bytes
    households: int
    numbers: list[int]


async def households(db: AsyncConnection, scope: Scope, z: int, x: int, y: int) -> Households:
    """Single households in one tile. The transaction's actor must be set; its policy decides what comes."""
    los, his = cells.ranges_over(bounds(z, x, y))
    of = {"z": z, "x": x, "y": y, "los": los.tolist(), "his": his.tolist(), "scope": scope.multirange}
    found = (await db.execute(SQL["households"], of)).one()
    return Households(bytes(found.body), found.households, found.numbers)


def area_values(live: Snapshot, scope: Scope, still: Still, day: date | None = None) -> NDArray[np.float32]:
    """Values of each area of a tile, in the order of `LAYERS` fields; −2 outside the scope.

    With `day` as they stood at its end.
    """
    seen = scope.mask(still.ids, live.tree.last[still.ids])
    values = np.full((len(still.ids), still.fields), NOT_SHOWN, dtype=np.float32)
    figures = coverage.of_areas(live, scope, still.ids[seen], day)
    values[seen] = np.column_stack(changes.columns(live, figures, day))
    return values


def cells_over(live: Snapshot, z: int, x: int, y: int) -> NDArray[np.int64]:
    """Cells of the zoom's resolution that touch a tile, whether anybody lives there or not.

    So a tile's shapes depend on no count and no scope, and tell nobody where families live. Far out, where that would
    be half the globe, only as far as the areas reach.
    """
    resolution = resolution_at(z)
    west, south, east, north = bounds(z, x, y)
    if z < ALL_CELLS_FROM:
        far = cells.margin(resolution)
        (left, low), (right, high) = (
            live.tree.bounds[1:, :2].min(axis=0) - far,
            live.tree.bounds[1:, 2:].max(axis=0) + far,
        )
        west, south, east, north = max(west, left), max(south, low), min(east, right), min(north, high)
        if west >= east or south >= north:
            return np.empty(0, dtype=np.int64)
    return cells.over((west, south, east, north), resolution)


def cells_in(live: Snapshot, scope: Scope, z: int, x: int, y: int) -> NDArray[np.int64]:
    """Those of them with figures in the scope, for a file that nobody updates."""
    resolution = resolution_at(z)
    keys, _ = coverage.cell_figures(live, scope, resolution)
    lon, lat = coverage.cell_centres(live, scope, resolution)
    return keys[cells.around(lon, lat, resolution, bounds(z, x, y))]


def cell_values(live: Snapshot, scope: Scope, still: Still, z: int) -> NDArray[np.float32]:
    """Values of each cell of a tile, over the part of it that lies in the scope; −3 where there is nothing in it."""
    resolution = resolution_at(z)
    keys, figures = coverage.cell_figures(live, scope, resolution, only=still.ids)
    values = np.full((len(still.ids), still.fields), EMPTY, dtype=np.float32)
    at = np.searchsorted(still.ids, cells.feature_ids(keys, resolution))
    values[at] = np.column_stack(changes.columns(live, figures))
    return values


def bounds(z: int, x: int, y: int) -> tuple[float, float, float, float]:
    """West, south, east, north of a tile in degrees."""
    size = 2**z

    def lat(row: int) -> float:
        return float(np.degrees(np.arctan(np.sinh(np.pi * (1 - 2 * row / size)))))

    return x / size * 360 - 180, lat(y + 1), (x + 1) / size * 360 - 180, lat(y)
