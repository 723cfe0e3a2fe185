"""What answers one caller is made from its slice of the nation: memory goes by the scope, and by nothing else."""

import tracemalloc
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pytest

from geo.ground import cells
from geo.ground.areas import Tree
from geo.ground.campaign import Campaign
from geo.ground.levels import LEVELS
from geo.schema import COUNTS
from geo.scope import OPERATOR, Scope
from geo.watch import changes, coverage, gaps, households, news
from geo.watch.households import Question
from geo.watch.live import Pairs, Snapshot
from tiles import geometry
from tiles.layers import LAYERS
from tiles.splice import Still

#: Areas of each level in one of the level above: 1.4 million blocks in 25 provinces.
INSIDE = dict(zip(LEVELS, (25, 20, 7, 20, 20), strict=True))
WIDE, STEP, WEST, SOUTH = 1400, 0.004, 98.0, -3.0
EPOCH = 7


def numbers() -> dict[str, np.ndarray]:
    """Numbers of the areas of each level in preorder, from 1."""
    found, above = {}, np.array([0])
    for at, level in enumerate(LEVELS):
        above = (above[:, None] + 1 + np.arange(INSIDE[level]) * size(at)).ravel()
        found[level] = above
    return found


def size(at: int) -> int:
    """Numbers of an area of a level with all below it."""
    return 1 + (INSIDE[LEVELS[at + 1]] * size(at + 1) if at + 1 < len(LEVELS) else 0)


@pytest.fixture(scope="module")
def nation() -> Snapshot:
    """The mirror of a nation: a pair of cell and block and three days of work for every block."""
    of = numbers()
    many = 1 + sum(len(found) for found in of.values())
    last, level, parent = np.zeros(many, np.int32), np.full(many, -1, np.int8), np.zeros(many, np.int32)
    for at, name in enumerate(LEVELS):
        last[of[name]], level[of[name]] = of[name] + size(at) - 1, at
        if at:
            parent[of[name]] = np.repeat(of[LEVELS[at - 1]], INSIDE[name])
    block = of["block"]
    place = np.arange(len(block))
    lon, lat = WEST + place % WIDE * STEP, SOUTH + place // WIDE * STEP
    x, y = np.zeros(many), np.zeros(many)
    x[block], y[block] = lon, lat
    nowhere = np.zeros((many, 4))
    tree = Tree("2022_2", "nation", last, parent, level, ["6472030001"] * many, ["RT 01"] * many, x, y, nowhere, {})
    expected = np.full(many, -1, np.int32)
    expected[block] = np.where(place % 50 == 49, -1, 60)
    counts = np.zeros((many, len(COUNTS)), np.int32)
    counts[block, 0], counts[block, 4], counts[block, -1] = place % 61, place % 3, place % 61
    changed = np.zeros(many, np.int64)
    changed[block[::10]] = EPOCH
    key = cells.index(lon, lat, cells.TALLY)
    pairs = Pairs(block.astype(np.int32), key, counts[block], expected[block].clip(0), changed[block])
    day = np.tile(np.arange(19_280, 19_283), len(block))
    days = Pairs(np.repeat(pairs.number, 3), day, np.repeat(counts[block] // 3, 3, axis=0), day[:0], day[:0])
    campaign = Campaign(
        "nation", date(2022, 10, 15), date(2022, 11, 14), "Asia/Jakarta", 1, "2022_2", "nation", "prelist", 50, 5000,
        True, datetime(2022, 10, 24, tzinfo=UTC), None, 0,
    )  # fmt: skip
    at = np.full(many, np.nan)
    at[block] = 1_666_500_000.0
    made = Snapshot(campaign, tree, EPOCH, campaign.now(), expected, counts, at, changed, pairs, days, news.none(many))
    for name in ("block", *LEVELS):
        coverage.select(made, name, 0)  # once for these areas, whoever asks
    return made


def scope_of(live: Snapshot, level: str) -> Scope:
    """A caller with one area of a level, far from the beginning."""
    found = coverage.select(live, level, 0)
    number = int(found[len(found) // 2])
    return Scope(7, level, "supervisor", ((number, int(live.tree.last[number])),))


def scattered(live: Snapshot) -> Scope:
    """A caller with twenty blocks all over the nation."""
    found = coverage.select(live, "block", 0)[:: len(INSIDE) * 14_000]
    return Scope(8, "scattered", "supervisor", tuple((n, n) for n in found.tolist()))


def tile_of(live: Snapshot, scope: Scope) -> Still:
    """An area tile of 500 blocks, those of the scope among them."""
    found = coverage.select(live, "block", 0)
    first = int(np.searchsorted(found, scope.ranges[0][0]))
    return Still(found[first : first + 500].astype(np.int64), len(LAYERS["blocks"].fields), b"", 0, b"")


def cell_tile(live: Snapshot, scope: Scope) -> Any:
    """Values of a tile of cells around the scope."""
    number = scope.ranges[0][1]
    x = int((float(live.tree.lon[number]) + 180) / 360 * 2**13)
    y = int((1 - float(live.tree.lat[number]) / 180) * 2**12)  # near enough to the equator
    keys = geometry.cells_over(live, 13, x, y)
    assert len(keys)
    still = Still(cells.feature_ids(keys, 10), len(LAYERS["cells"].fields), b"", 0, b"")
    return geometry.cell_values(live, scope, still, 13)


ANSWERS: dict[str, Callable[[Snapshot, Scope], Any]] = {
    "coverage": lambda live, scope: coverage.by_area(live, scope, "block", after=scope.ranges[0][0] - 1, limit=20),
    "coverage of a day": lambda live, scope: coverage.by_area(live, scope, "village", day=date(2022, 10, 16), limit=20),
    "coverage far away": lambda live, scope: coverage.by_area(live, scope, "block", limit=20),
    "total": lambda live, scope: coverage.by_area(live, scope, "scope"),
    "one area": lambda live, scope: coverage.one_area(live, scope, scope.ranges[0][0]),
    "gaps": lambda live, scope: gaps.listing(live, scope, gaps.Question(limit=20)),
    "cells": lambda live, scope: coverage.by_cell(live, scope, 8),
    "area tile": lambda live, scope: geometry.area_values(live, scope, tile_of(live, scope)),
    "cell tile": cell_tile,
    "stream": lambda live, scope: changes.since(live, scope, EPOCH - 1, ("block", "village"), 10),
    "households": lambda live, scope: households._looked_at(
        live, scope, Question(flag="x"), scope.clip(0, len(live.tree) - 1), households._Key("n", 0)
    ),
}  # fmt: skip


def taken(live: Snapshot, scope: Scope, answer: Callable[[Snapshot, Scope], Any]) -> int:
    """Bytes at the peak of one answer, the first of its epoch."""
    fresh = replace(live, memory=OrderedDict())
    tracemalloc.start()
    try:
        answer(fresh, scope)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", ANSWERS)
def test_memory_goes_by_the_scope(nation: Snapshot, name: str) -> None:
    """A village has 20 blocks, a district 400, a regency 2,800, the nation 1,400,000."""
    answer = ANSWERS[name]
    taken(nation, scope_of(nation, "village"), answer)  # imports and the like
    small = {level: taken(nation, scope_of(nation, level), answer) for level in ("village", "district", "regency")}
    small["scattered"] = taken(nation, scattered(nation), answer)
    assert small["village"] < 300_000
    assert small["scattered"] < 300_000
    assert small["district"] < 300_000 + 400 * 3_000
    assert small["regency"] < 300_000 + 2_800 * 3_000


def test_the_measure_sees_a_nation(nation: Snapshot) -> None:
    """The same answers for one who sees everything take a hundred times as much, so a copy could not hide."""
    for name in ("total", "gaps"):
        assert taken(nation, OPERATOR, ANSWERS[name]) > 30_000_000


def test_a_slice_answers_as_the_whole_does(nation: Snapshot) -> None:
    for level in ("village", "regency"):
        scope = scope_of(nation, level)
        number, last = scope.ranges[0]
        for day in (None, date(2022, 10, 16)):
            mine = coverage.by_area(nation, scope, "village", number, day)
            assert mine == coverage.by_area(nation, OPERATOR, "village", number, day)
            whole = coverage.by_area(nation, OPERATOR, level, number, day)[0]
            total = coverage.by_area(nation, scope, "scope", day=day)[0]
            assert {f: total[f] for f in coverage.FIELDS} == {f: whole[f] for f in coverage.FIELDS}
        inside = gaps.listing(nation, scope, gaps.Question(limit=10))
        assert inside == gaps.listing(nation, OPERATOR, gaps.Question(number, limit=10))
        assert [b["n"] for b in inside.blocks if not number <= b["n"] <= last] == []
        assert coverage.by_cell(nation, scope, 7) == coverage.by_cell(nation, OPERATOR, 7, number)


def test_what_lies_outside_is_refused_and_not_summed(nation: Snapshot) -> None:
    scope = scope_of(nation, "village")
    number, last = scope.ranges[0]
    for outside in (0, 1, number - 1, last + 1, int(nation.tree.parent[number])):
        with pytest.raises(ValueError, match="outside the scope"):
            coverage.of_areas(nation, scope, np.array([number, outside]))
        with pytest.raises(ValueError, match="outside the scope"):
            coverage.of_blocks(nation, scope, np.array([number + 1, outside]))
    nobody = Scope(9, "nobody", "supervisor", ())
    assert len(coverage.of_areas(nation, nobody, np.empty(0, dtype=np.intp)).gap) == 0
    assert coverage.by_area(nation, nobody, "scope")[0]["completed"] == 0
