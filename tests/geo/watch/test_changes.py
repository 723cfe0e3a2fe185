"""What changed since an epoch, laid over the old figures, gives the new ones: from every epoch, for every viewer."""

import itertools

import numpy as np
import pytest

from geo.ground import cells
from geo.ground.levels import LEVELS
from geo.scope import OPERATOR, Scope
from geo.watch import changes, coverage
from geo.watch.live import Snapshot
from tests.geo.watch.conftest import Work
from tests.geo.watch.test_coverage import NOBODY, UPPER

Copy = dict[int, list[float]]


def areas_of(live: Snapshot, scope: Scope, within: int = 0) -> Copy:
    """Every area a viewer may see, as the stream would tell it."""
    numbers = np.unique(np.concatenate([coverage.select(live, level, within) for level in LEVELS]))
    numbers = numbers[scope.mask(numbers, live.tree.last[numbers])]
    return {int(row[0]): row for row in changes._rows(live, numbers, coverage.of_areas(live, scope, numbers))}


def cells_of(live: Snapshot, scope: Scope, resolution: int) -> Copy:
    keys, figures = coverage.cell_figures(live, scope, resolution)
    return {int(row[0]): row for row in changes._rows(live, cells.feature_ids(keys, resolution), figures)}


@pytest.mark.parametrize("scope", [OPERATOR, UPPER, NOBODY], ids=lambda scope: scope.name)
@pytest.mark.parametrize("resolution", [6, 10])
async def test_an_old_copy_and_the_changes_are_the_new_state(work: Work, scope: Scope, resolution: int) -> None:
    for old, new in itertools.combinations(work.snapshots, 2):
        found = changes.since(new, scope, old.epoch, LEVELS, resolution)
        assert not found["resync"]
        assert (found["epoch"], found["as_of"]) == (new.epoch, new.as_of)
        moved = {row[0]: row for row in found["areas"]}
        assert len(moved) == len(found["areas"])
        assert areas_of(old, scope) | moved == areas_of(new, scope)
        assert cells_of(old, scope, resolution) | {r[0]: r for r in found["cells"]} == cells_of(new, scope, resolution)


async def test_only_what_moved_is_told(work: Work) -> None:
    found = changes.since(work.snapshots[2], OPERATOR, work.snapshots[1].epoch, ("block", "village"), None)
    assert [row[0] for row in found["areas"]] == [4, 6]  # the second batch went to one block of the upper village
    assert found["cells"] == []
    assert changes.since(work.now, OPERATOR, work.now.epoch, LEVELS, 8)["areas"] == []


async def test_within_an_area(work: Work) -> None:
    found = changes.since(work.now, OPERATOR, 0, ("block",), 10, within=8)
    assert {row[0] for row in found["areas"]} == {10, 11}
    inside = coverage.by_cell(work.now, OPERATOR, 10, within=8)
    told = {row[0]: row[2] for row in found["cells"]}
    assert told == {r["n"]: r["completed"] for r in inside if r["n"] in told}
    assert sum(told.values()) == sum(r["completed"] for r in inside)


async def test_too_much_or_an_epoch_ahead_is_loaded_anew(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    assert changes.since(work.now, OPERATOR, work.now.epoch + 1, ("block",), None)["resync"]
    monkeypatch.setattr(changes, "MOST", 3)
    assert changes.since(work.now, OPERATOR, 0, ("block",), None) | {"as_of": None} == {
        "epoch": work.now.epoch, "as_of": None, "resync": True, "areas": [], "cells": [],
    }  # fmt: skip
    assert changes.since(work.now, OPERATOR, 0, (), 10)["resync"]
    assert not changes.since(work.now, UPPER, work.snapshots[-2].epoch, ("block",), 10)["resync"]


async def test_fields_are_those_of_tiles(work: Work) -> None:
    from tiles.layers import LAYERS  # noqa: PLC0415  # the one place below app where both are held together

    assert tuple(LAYERS["areas"].fields) == changes.FIELDS == tuple(LAYERS["cells"].fields)
    row = changes.since(work.now, OPERATOR, 0, ("block",), None)["areas"][0]
    assert len(row) == 1 + len(changes.FIELDS)
