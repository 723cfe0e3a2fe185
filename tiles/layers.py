"""The layers that can be drawn: zooms, fields, and the least role that may see them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from geo.ground.areas import Tree
from geo.ground.levels import LEVELS

#: Zooms of every tile set; a client draws the last one larger.
MIN_ZOOM, MAX_ZOOM = 0, 16

#: Earliest and latest zoom that begins to draw blocks, and how many of them a tile may then hold: about 100 kB.
BLOCKS_FROM, BLOCKS_AT_LAST, MOST_BLOCKS = 11, 14, 1200

#: Level of areas by the first zoom that shows it.
_LEVELS = ((0, "province"), (6, "regency"), (9, "district"), (11, "village"))

#: Resolution of cells by the first zoom that shows it: at most about 4,000 cells in a tile.
_RESOLUTIONS = ((0, 4), (6, 5), (7, 6), (9, 7), (10, 8), (12, 9), (13, 10))


@dataclass(frozen=True)
class Layer:
    """One layer of the map. `households`: of single ones; `days`: its values are known for every day so far."""

    id: str
    description: str
    min_zoom: int
    max_zoom: int
    fields: dict[str, str]
    texts: tuple[str, ...] = ()
    geometry: Literal["polygon", "point"] = "polygon"
    households: bool = False
    days: bool = False


_FIGURES = {
    "expected": "families expected",
    "completed": "families completed",
    "gap": "expected families not yet accounted for",
    "coverage": "completed over expected",
    "resolved": "families accounted for over expected",
    "schedule": "coverage over the share of days begun",
    "state": "position in unknown, empty, over, done, silent, unvisited, behind, started",
    "seen": "last submission, hours since the campaign's first midnight",
}

LAYERS = {
    layer.id: layer
    for layer in (
        Layer("areas", "Areas of a level that fits the zoom", 0, 16, _FIGURES, ("code", "name"), days=True),
        Layer("blocks", "Census blocks", BLOCKS_FROM, 16, _FIGURES, ("code", "name"), days=True),
        Layer("cells", "H3 cells of a resolution that fits the zoom", 0, 14, _FIGURES),
        Layer(
            "households",
            "Single households, for those who may see them",
            14,
            16,
            {"revision": "revision", "accuracy_m": "accuracy, metres"},
            ("household_id", "result", "origin", "flags"),
            "point",
            households=True,
        ),
    )
}


def blocks_from(tree: Tree) -> int:
    """The first zoom that draws blocks: from it on no tile holds more of them than a phone line carries at once."""
    return first_zoom_of(tree.lon[tree.block], tree.lat[tree.block])


def first_zoom_of(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> int:
    """The same for blocks whose points, in degrees, are these; where they lie densest decides.

    It holds everywhere, since a map draws one level at a time.
    """
    x, y = (lon + 180) / 360, (1 - np.arcsinh(np.tan(np.radians(lat))) / np.pi) / 2
    for zoom in range(BLOCKS_FROM, BLOCKS_AT_LAST):
        tiles = (x * 2**zoom).astype(np.int64) << 32 | (y * 2**zoom).astype(np.int64)
        if not len(tiles) or np.unique(tiles, return_counts=True)[1].max() <= MOST_BLOCKS:
            return zoom
    return BLOCKS_AT_LAST


def level_at(tree: Tree, zoom: int, within: int = 0) -> str:
    """The level of areas to draw at a zoom: the one meant for it, else the nearest finer, else the nearest coarser.

    With `within` among the levels of that area (its number) and of what lies in it.
    """
    there = np.unique(tree.level[within : tree.last[within] + 1] if within else tree.level[1:])
    return level_of([LEVELS[at] for at in there], zoom)


def level_of(there: Sequence[str], zoom: int) -> str:
    """The same among the levels that are `there`, coarsest first."""
    meant = LEVELS.index([level for first, level in _LEVELS if zoom >= first][-1])
    return next((level for level in there if LEVELS.index(level) >= meant), there[-1])


def resolution_at(zoom: int) -> int:
    """The resolution of cells to draw at a zoom."""
    return [resolution for first, resolution in _RESOLUTIONS if zoom >= first][-1]
