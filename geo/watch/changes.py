"""What changed since an epoch: the few areas and cells whose figures moved, for viewers that have the rest."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo.scope import Scope
from geo.watch import coverage, grid
from geo.watch.live import Snapshot

#: Above this many changed rows it is cheaper to load tiles anew.
MOST = 5000

#: "No data" in every field.
NO_DATA = -1.0

#: What the map knows of an area or cell: fields of a changed row after its id, and of a tile. `seen` is the last
#: submission in hours since the campaign's first local midnight; `state` a position in `coverage.STATES`.
FIELDS = ("expected", "completed", "gap", "coverage", "resolved", "schedule", "state", "seen")


def since(
    live: Snapshot,
    scope: Scope,
    epoch: int,
    levels: Sequence[str],
    resolution: int | None,
    within: int = 0,
    heard: float = np.inf,
) -> dict[str, Any]:
    """Rows `[id, *FIELDS]` of areas of `levels` and of cells that changed after `epoch`, by what they are.

    `heard` is the moment of the news (`news.at`) that the viewer has: blocks that have fallen silent since come too.
    `resync` is true where there are too many, or the epoch lies ahead of ours: then the viewer loads everything anew.
    """
    head: dict[str, Any] = {"epoch": live.epoch, "as_of": live.as_of, "resync": False, "areas": [], "cells": []}
    if epoch > live.epoch:
        return head | {"resync": True}
    blocks = np.union1d(live.changed_blocks(epoch, scope.ranges), live.flipped_blocks(heard, scope.ranges))
    areas = [_changed(live, scope, level, blocks, within) for level in dict.fromkeys(levels)]
    numbers = np.unique(np.concatenate([*areas, np.empty(0, dtype=np.intp)])).astype(np.intp)
    if len(numbers) > MOST:
        return head | {"resync": True}
    head["areas"] = _rows(live, numbers, coverage.of_areas(live, scope, numbers))
    if resolution is not None:
        moved = grid.changed(live, scope, resolution, epoch, within)
        if len(moved) > MOST:
            return head | {"resync": True, "areas": []}
        _, figures = coverage.cell_figures(live, scope, resolution, within, moved)
        head["cells"] = _rows(live, moved, figures)
    return head


def _changed(live: Snapshot, scope: Scope, level: str, blocks: NDArray[np.intp], within: int) -> NDArray[np.intp]:
    """Areas of a level, wholly in scope, that hold any of `blocks`."""
    numbers = coverage.visible(live, scope, level, within)
    held = np.searchsorted(blocks, live.tree.last[numbers], side="right") > np.searchsorted(blocks, numbers)
    return numbers[held]


def columns(live: Snapshot, figures: coverage.Figures, day: date | None = None) -> list[NDArray[Any]]:
    """The FIELDS of figures, one array each; with `day` as they stood at its end."""
    elapsed = live.campaign.elapsed(day) / live.campaign.days
    rate, nothing = figures.coverage, np.full(len(figures.gap), np.nan)
    schedule = rate / elapsed if elapsed > 0 else nothing
    seen = nothing if day else np.maximum((figures.last_at - live.campaign.begins.timestamp()) / 3600, 0)
    return [
        figures.expected,
        figures.count("completed"),
        figures.gap,
        *(np.nan_to_num(share, nan=NO_DATA, posinf=NO_DATA) for share in (rate, figures.resolved, schedule)),
        figures.states(elapsed),
        np.nan_to_num(seen, nan=NO_DATA),
    ]


def _rows(live: Snapshot, ids: NDArray[Any], figures: coverage.Figures) -> list[list[float]]:
    each = [c.round(4) if c.dtype.kind == "f" else c for c in columns(live, figures)]
    return [list(row) for row in zip(ids.tolist(), *(c.tolist() for c in each), strict=True)]
