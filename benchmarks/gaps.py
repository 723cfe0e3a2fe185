"""Time to list gaps: the thousand largest of a nation of 1.4 million blocks, and those of a province of 14,000.

    PYTHONPATH=. .venv/bin/python benchmarks/gaps.py

The mirror is filled with made-up counts, as `tests/geo/watch/test_slices.py` does; no database takes part, since none
does in an answer. Measured is the CPU time of `gaps.listing` from a fresh epoch in which 250 blocks have changed, and
with it the encoding of its rows to JSON. The list is compared with one sorted plainly before anything is timed.
"""

import argparse
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime

import numpy as np
import orjson

from benchmarks.stage import interval
from geo.ground.areas import Tree
from geo.ground.campaign import Campaign
from geo.ground.levels import LEVELS
from geo.schema import COUNTS
from geo.scope import OPERATOR
from geo.watch import coverage, gaps, news
from geo.watch.live import Pairs, Snapshot

#: Areas of each level within one of the level above.
NATION, PROVINCE = (25, 20, 7, 20, 20), (1, 5, 7, 20, 20)


def mirror(inside: tuple[int, ...]) -> Snapshot:
    """A mirror of blocks with 60 expected families each, some unknown, and random counts."""
    sizes = [1]
    for many in reversed(inside[1:]):
        sizes.insert(0, 1 + many * sizes[0])
    total = 1 + inside[0] * sizes[0]
    last, level, parent = np.zeros(total, np.int32), np.full(total, -1, np.int8), np.zeros(total, np.int32)
    above = np.array([0])
    for at, many in enumerate(inside):
        numbers = (above[:, None] + 1 + np.arange(many) * sizes[at]).ravel()
        last[numbers], level[numbers], parent[numbers] = numbers + sizes[at] - 1, at, np.repeat(above, many)
        above = numbers
    rng = np.random.default_rng(3)
    nowhere = np.zeros(total)
    texts = [f"{n:016d}" for n in range(total)]
    tree = Tree("2022_2", "made up", last, parent, level, texts, texts, nowhere, nowhere, np.zeros((total, 4)), {})
    expected, counts = np.full(total, -1, np.int32), np.zeros((total, len(COUNTS)), np.int32)
    expected[above] = np.where(rng.random(len(above)) < 0.02, -1, rng.integers(20, 200, len(above)))
    counts[above, 0] = counts[above, -1] = rng.integers(0, 150, len(above))
    heard = np.full(total, np.nan)
    heard[above] = 1_666_500_000.0
    none, long = np.empty(0, np.int32), np.empty(0, np.int64)
    empty = Pairs(none, long, none, none, long)
    campaign = Campaign(
        "made up", date(2022, 10, 15), date(2022, 11, 14), "Asia/Jakarta", 1, "2022_2", "made up", "prelist", 50, 5000,
        True, datetime(2022, 10, 24, tzinfo=UTC), None, 0,
    )  # fmt: skip
    made = Snapshot(
        campaign,
        tree,
        1,
        campaign.now(),
        expected,
        counts,
        heard,
        np.ones(total, np.int64),
        empty,
        empty,
        news.none(total),
    )
    for name in ("block", *LEVELS):
        coverage.select(made, name, 0)  # once for these areas
    return made


def milliseconds(work: Callable[[Snapshot], object], live: Snapshot, rounds: int) -> tuple[float, float, float]:
    """CPU of one answer, the first of its epoch."""
    took = []
    rng = np.random.default_rng(4)
    for _ in range(rounds):
        changed = live.changed.copy()
        changed[rng.integers(1, len(changed), 250)] = live.epoch + 1
        fresh = live = replace(live, memory=OrderedDict(), epoch=live.epoch + 1, changed=changed)
        begun = time.process_time()
        work(fresh)
        took.append((time.process_time() - begun) * 1000)
    return interval(took)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    given = parser.parse_args()
    for name, inside, limit in (("nation", NATION, 1000), ("province", PROVINCE, 1000), ("province", PROVINCE, 14_000)):
        live = mirror(inside)
        blocks = int((live.tree.level == len(LEVELS) - 1).sum())

        def worst(of: Snapshot, limit: int = limit) -> gaps.Gaps:
            return gaps.listing(of, OPERATOR, gaps.Question(limit=limit))

        check(live, worst(live))
        for what, work in (("listed", worst), ("with JSON", lambda of, worst=worst: orjson.dumps(worst(of).blocks))):
            low, middle, high = milliseconds(work, live, given.rounds)
            print(
                f"{name:10}{limit:>7,} of {blocks:>9,} blocks, {what:10}{middle:8.1f} ms ({low:.1f}–{high:.1f})",
                flush=True,
            )


def check(live: Snapshot, found: gaps.Gaps) -> None:
    """The list is the one that plain sorting gives."""
    block = np.flatnonzero(live.tree.level == len(LEVELS) - 1)
    gap = np.where(live.expected < 0, 0, np.maximum(live.expected - live.counts[:, 0], 0))[block]
    order = np.lexsort((block, -gap))
    order = order[gap[order] > 0][: len(found.blocks)]
    told = [(row["gap"], row["n"]) for row in found.blocks if row["gap"]]
    assert told == list(zip(gap[order].tolist(), block[order].tolist(), strict=True))[: len(told)]
    assert told


if __name__ == "__main__":
    main()
