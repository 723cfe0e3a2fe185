"""Tiles are built once, however many wait; what is kept stays within its bound; a failure is told to everybody."""

import asyncio
import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from geo.ground.levels import LEVELS
from tiles import geometry
from tiles.geometry import Kept
from tiles.layers import LAYERS, level_at, resolution_at
from tiles.splice import Still


def still(size: int) -> Still:
    """A half that takes `size` bytes."""
    return Still(np.empty(0, dtype=np.int64), 1, b"x" * size, 0, b"")


async def test_five_hundred_misses_are_one_build() -> None:
    kept = Kept(8)
    built = 0

    async def build() -> Still:
        nonlocal built
        built += 1
        await asyncio.sleep(0.02)
        return still(10)

    found = await asyncio.gather(*(kept.get("a", build) for _ in range(500)))
    assert built == 1
    assert len({id(one) for one in found}) == 1
    assert await kept.get("a", build) is found[0]
    await kept.get("b", build)
    assert built == 2


async def test_memory_stays_within_its_bound_and_the_least_used_goes_first() -> None:
    kept = Kept(8)
    asked: list[int] = []

    async def get(at: int) -> None:
        async def build() -> Still:
            asked.append(at)
            return still(1_000_000)

        await kept.get(at, build)

    for at in range(30):
        await get(at)
        await get(0)  # asked for again and again, it stays
        assert sum(one.size for one in kept._stills.values()) == kept._size <= 8_000_000
    assert asked == list(range(30))
    await get(29)
    assert asked == list(range(30))
    await get(5)
    assert asked[-1] == 5


async def test_a_failure_reaches_every_waiter_and_is_not_kept() -> None:
    kept = Kept(8)
    tries = 0

    async def fail() -> Still:
        nonlocal tries
        tries += 1
        await asyncio.sleep(0.01)
        raise OSError("the database went away")

    found = await asyncio.gather(*(kept.get("a", fail) for _ in range(50)), return_exceptions=True)
    assert tries == 1
    assert [type(one) for one in found] == [OSError] * 50

    async def build() -> Still:
        return still(1)

    assert (await kept.get("a", build)).size == 1


async def test_a_waiter_that_leaves_spoils_nothing() -> None:
    kept = Kept(8)

    async def build() -> Still:
        await asyncio.sleep(0.05)
        return still(1)

    first = asyncio.create_task(kept.get("a", build))
    second = asyncio.create_task(kept.get("a", build))
    await asyncio.sleep(0.01)
    first.cancel()
    assert (await second).size == 1
    with pytest.raises(asyncio.CancelledError):
        await first


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
