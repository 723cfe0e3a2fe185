"""Where tiles lie, and what each zoom draws."""

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from geo.ground.levels import LEVELS
from tiles import geometry
from tiles.layers import BLOCKS_AT_LAST, BLOCKS_FROM, LAYERS, MOST_BLOCKS, blocks_from, level_at, resolution_at


def test_bounds_of_tiles() -> None:
    assert geometry.bounds(0, 0, 0) == pytest.approx((-180, -85.0511287798066, 180, 85.0511287798066))
    west, south, east, north = geometry.bounds(13, 6761, 4107)
    assert east - west == pytest.approx(360 / 2**13)
    assert south < -0.51 < -0.502 < north < 0
    lower = geometry.bounds(13, 6761, 4108)
    assert lower[3] == south
    assert math.isclose(north - south, east - west, rel_tol=1e-3)  # square near the equator


def test_every_zoom_has_a_level_and_a_resolution() -> None:
    assert [resolution_at(z) for z in range(17)] == sorted(resolution_at(z) for z in range(17))
    assert {resolution_at(z) for z in range(17)} == set(range(4, 11))

    def tree(*levels: int) -> Any:
        return SimpleNamespace(level=np.array([-1, *levels]))

    assert [level_at(tree(2, 3, 4), z) for z in (0, 6, 9, 11, 16)] == ["district"] * 3 + ["village"] * 2
    assert level_at(tree(0), 16) == LEVELS[0]  # the nearest coarser, where there is no finer
    assert list(LAYERS) == ["areas", "blocks", "cells", "households"]


def villages(lon: np.ndarray, lat: np.ndarray) -> Any:
    """As much of a tree as has blocks at these points, and one area that is none."""
    nowhere = np.array([np.nan])
    block = np.concatenate([[False], np.ones(len(lon), dtype=bool)])
    return SimpleNamespace(lon=np.concatenate([nowhere, lon]), lat=np.concatenate([nowhere, lat]), block=block)


@pytest.mark.parametrize(("many", "zoom"), [
    (0, BLOCKS_FROM), (MOST_BLOCKS, BLOCKS_FROM),
    (MOST_BLOCKS + 1, BLOCKS_FROM + 1), (3 * MOST_BLOCKS, BLOCKS_FROM + 1),
    (20 * MOST_BLOCKS, BLOCKS_FROM + 3), (500 * MOST_BLOCKS, BLOCKS_AT_LAST),
])  # fmt: skip
def test_where_blocks_lie_dense_they_are_drawn_later(many: int, zoom: int) -> None:
    west, south, east, north = geometry.bounds(BLOCKS_FROM, 1631, 1059)  # in Jakarta
    side = math.ceil(math.sqrt(many))
    at = np.arange(many)
    lon = west + (at % side + 0.5) / max(side, 1) * (east - west)
    lat = south + (at // side + 0.5) / max(side, 1) * (north - south)
    assert blocks_from(villages(lon, lat)) == zoom
