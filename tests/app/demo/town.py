"""A small town of square blocks, in which tests of the demo know where everything is. A river runs north through it."""

import numpy as np
import shapely

from app.demo.city import Blocks, Buildings, City, Families

SIDE_M = 300.0
DEGREE_M = 111_320.0
WEST, SOUTH = 117.1, -0.5


def squares(n: int = 12, families: int = 60, seed: int = 7) -> City:
    """A town of n × n blocks, n even: the south-western corner is forest, the north-eastern one a gated estate."""
    rng = np.random.default_rng(seed)
    half = n // 2 * SIDE_M
    row, column = np.divmod(np.arange(n * n), n)
    west = column * SIDE_M + np.where(column < n // 2, 0, 150.0)
    south = row * SIDE_M
    corners = [np.array([west, west + SIDE_M]) / DEGREE_M + WEST, np.array([south, south + SIDE_M]) / DEGREE_M + SOUTH]
    outline = shapely.box(corners[0][0], corners[1][0], corners[0][1], corners[1][1])
    kind = np.where(row > n * 0.6, 3, 0).astype(np.int8)
    kind[(row < n // 3) & (column < n // 3)] = 4
    gated = (row >= n - 2) & (column >= n - 3)
    kind[gated] = 1
    block = np.repeat(np.flatnonzero(kind != 4), families).astype(np.int32)
    inner = rng.uniform(0.03, 0.97, (2, len(block))) * SIDE_M
    lon, lat = WEST + (west[block] + inner[0]) / DEGREE_M, SOUTH + (south[block] + inner[1]) / DEGREE_M
    side = 4 / DEGREE_M
    houses = Buildings(
        block,
        lon,
        lat,
        np.full(len(block), 64, np.float32),
        shapely.box(lon - side, lat - side, lon + side, lat + side),
    )
    code = [f"64720210{r // 3:02d}{r:02d}{c:02d}00" for r, c in zip(row, column, strict=True)]
    river = shapely.box(
        WEST + half / DEGREE_M, SOUTH - 0.01, WEST + (half + 150) / DEGREE_M, SOUTH + (n * SIDE_M) / DEGREE_M + 0.01
    )
    people = Families(block, np.arange(len(block), dtype=np.int32), lon, lat)
    blocks = Blocks(code, np.asarray(outline, object), kind, gated)
    nothing = np.empty(0, object)
    return City(seed, "district", [], blocks, houses, people, nothing, np.array([river], object))
