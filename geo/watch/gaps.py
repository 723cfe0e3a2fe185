"""Where families are still to be found: blocks, worst first, each with the reason."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np

from geo.errors import BadInput
from geo.scope import Scope
from geo.watch import coverage
from geo.watch.coverage import STATES
from geo.watch.live import Snapshot

#: States of blocks where somebody still has to go, listed when no state is asked for.
OPEN = ("silent", "unvisited", "behind", "started")

#: Why a block is on the list, by state; `app/locales` puts it in words.
REASONS = {
    "unknown": "no_expected",
    "empty": "nothing_expected",
    "over": "more_than_expected",
    "done": "all_accounted_for",
    "silent": "device_silent",
    "unvisited": "nobody_yet",
    "behind": "behind_schedule",
    "started": "on_course",
}


@dataclass(frozen=True)
class Gaps:
    """One page of blocks, what all blocks of the question come to, and where the next page begins."""

    blocks: list[dict[str, Any]]
    total: int
    gap: int
    states: dict[str, int]
    next: str | None


def worst_first(
    live: Snapshot,
    scope: Scope,
    within: int = 0,
    states: Collection[str] = (),
    after: str | None = None,
    limit: int = 100,
) -> Gaps:
    """Blocks of the scope inside `within` (0: everywhere) in any of `states`, largest gap first, then by number.

    `after` is the `next` of the page before. Raises BadInput for an unknown state or a broken `after`.
    """
    if unknown := set(states) - set(STATES):
        raise BadInput(f"no state {sorted(unknown)[0]}: take one of {', '.join(STATES)}", code="bad-state")
    elapsed = live.campaign.elapsed() / live.campaign.days
    numbers = coverage.visible(live, scope, "block", within)
    figures = coverage.of_blocks(live, scope, numbers)
    state = figures.states(elapsed)
    gap = np.maximum(figures.gap, 0)
    wanted = np.isin(state, [STATES.index(s) for s in states or OPEN])
    order = np.lexsort((numbers, -gap))
    order = order[wanted[order]]
    tally = np.bincount(state, minlength=len(STATES))
    first = _position(after, gap[order], numbers[order])
    page = order[first : first + limit]
    rows = coverage.rows(figures.some(page), elapsed)
    blocks = [
        coverage.describe(live, int(numbers[i])) | row | {"reason": REASONS[row["state"]]}
        for i, row in zip(page, rows, strict=True)
    ]
    more = first + limit < len(order)
    return Gaps(
        blocks,
        total=len(order),
        gap=int(gap[order].sum()),
        states={s: int(tally[i]) for i, s in enumerate(STATES)},
        next=f"{blocks[-1]['gap'] or 0}-{blocks[-1]['n']}" if more and blocks else None,
    )


def _position(after: str | None, gap: np.ndarray[Any, Any], numbers: np.ndarray[Any, Any]) -> int:
    """How many rows of the ordered list come before or at `after`; rows may have moved since it was given out."""
    if after is None:
        return 0
    try:
        at_gap, at_number = (int(part) for part in after.split("-"))
    except ValueError as broken:
        raise BadInput("after must be the `next` of the page before", code="bad-after") from broken
    return int(np.count_nonzero((gap > at_gap) | ((gap == at_gap) & (numbers <= at_number))))
