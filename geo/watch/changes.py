"""What changed since an epoch: the few areas and cells whose figures moved, for viewers that have the rest."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo.ground import cells
from geo.scope import Scope
from geo.watch import coverage
from geo.watch.live import Snapshot

#: Above this many changed rows it is cheaper to load tiles anew.
MOST = 5000

#: Fields of a changed row after its id; −1 is "no data". The same as a tile's, by name.
FIELDS = ("expected", "completed", "gap", "coverage", "resolved", "schedule", "state")


def since(
    live: Snapshot,
    scope: Scope,
    epoch: int,
    levels: Sequence[str],
    resolution: int | None,
    within: int = 0,
) -> dict[str, Any]:
    """Rows `[id, *FIELDS]` of areas of `levels` and of cells that changed after `epoch`, by what they are.

    `resync` is true where there are too many, or the epoch lies ahead of ours: then the viewer loads everything anew.
    """
    head: dict[str, Any] = {"epoch": live.epoch, "as_of": live.as_of, "resync": False, "areas": [], "cells": []}
    if epoch > live.epoch:
        return head | {"resync": True}
    blocks = live.changed_blocks(epoch, scope.ranges)
    areas = [_changed(live, scope, level, blocks, within) for level in dict.fromkeys(levels)]
    numbers = np.unique(np.concatenate([*areas, np.empty(0, dtype=np.intp)])).astype(np.intp)
    if len(numbers) > MOST:
        return head | {"resync": True}
    head["areas"] = _rows(live, numbers, coverage.of_areas(live, scope, numbers))
    if resolution is not None:
        keys, figures = coverage.cell_figures(live, scope, resolution, within)
        at = _changed_cells(live, scope, resolution, keys, epoch, within)
        if len(at) > MOST:
            return head | {"resync": True, "areas": []}
        some = figures.some(at)
        head["cells"] = _rows(live, cells.feature_ids(keys[at], resolution), some)
    return head


def _changed(live: Snapshot, scope: Scope, level: str, blocks: NDArray[np.intp], within: int) -> NDArray[np.intp]:
    """Areas of a level, wholly in scope, that hold any of `blocks`."""
    numbers = coverage.visible(live, scope, level, within)
    held = np.searchsorted(blocks, live.tree.last[numbers], side="right") > np.searchsorted(blocks, numbers)
    return numbers[held]


def _changed_cells(
    live: Snapshot, scope: Scope, resolution: int, keys: NDArray[np.int64], epoch: int, within: int
) -> NDArray[np.intp]:
    last = int(live.tree.last[within]) if within else len(live.tree)
    at = live.cells.span(scope.clip(within, last))
    moved = at[live.cells.epoch[at] > epoch]
    return np.searchsorted(keys, np.unique(cells.parents(live.cells.key[moved], resolution)))


def _rows(live: Snapshot, ids: NDArray[Any], figures: coverage.Figures) -> list[list[float]]:
    elapsed = live.campaign.elapsed() / live.campaign.days
    schedule = figures.coverage / elapsed if elapsed > 0 else np.full(len(ids), np.nan)
    rates = [np.nan_to_num(r, nan=-1.0).round(4).tolist() for r in (figures.coverage, figures.resolved, schedule)]
    columns = (
        ids.tolist(),
        figures.expected.tolist(),
        figures.count("completed").tolist(),
        figures.gap.tolist(),
        *rates,
        figures.states(elapsed).tolist(),
    )
    return [list(row) for row in zip(*columns, strict=True)]
