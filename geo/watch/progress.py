"""How the campaign goes, day by day: done so far against what was due, the pace needed, and when it will be done.

A family is done when nobody need look for it any more: `done` is expected − gap, each block's gap clipped at zero, so
that one block's surplus hides no other's want. Days are local dates of the visits; the last ones grow yet, while phones
send what they hold, and today is not over: a forecast looks at whole days only.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo.schema import COUNTS
from geo.scope import Scope
from geo.watch import forecast
from geo.watch.live import Snapshot
from geo.watch.sums import gap_of

_EPOCH_DAY = date(1970, 1, 1)
_C = {name: at for at, name in enumerate(COUNTS)}

#: Days whose mean is the pace of late.
LATELY = 7

#: Whole days before anything is said of the end.
FEWEST_DAYS = 3


def progress(live: Snapshot, scope: Scope, within: int = 0, target: float = 0.95) -> dict[str, Any]:
    """The campaign's days in the part of `within` (0: everywhere) that is the caller's, and a forecast.

    `progress` has a row a day: `date day completed done due whole`; counts are cumulative families, `due` is what was
    due by that day's end if every day brought as much. `forecast` is null where nothing can be said, and `why` says
    why. An area that is not wholly in scope has no rows: its numbers are not the caller's.
    """
    of, tree = live.campaign, live.tree
    first, last = (within, int(tree.last[within])) if within else (0, len(tree) - 1)
    hidden = within and not scope.covers(first, last)
    ranges = [] if hidden else scope.clip(first, last)
    known = [live.expected[lo : hi + 1] for lo, hi in ranges]
    expected = sum(int(part[part > 0].sum()) for part in known)
    any_known = any(bool((part >= 0).any()) for part in known)
    days, completed, gap = _by_day(live, ranges, expected)
    today, begun = of.today(), of.elapsed()
    rows = _rows(live, days, completed, expected - gap, expected) if begun and not hidden else []
    left = max((of.ends_on - max(today, of.starts_on)).days + 1, 0)
    now = int(gap[-1]) if len(gap) else expected
    head = {
        "day": begun,
        "days": of.days,
        "days_left": left,
        "expected": expected if any_known else None,
        "completed": None if hidden else int(completed[-1]) if len(completed) else 0,
        "gap": now if any_known else None,
        "pace": _lately(rows),
        "pace_needed": ceil(now / left) if any_known and left else None,
        "target": target,
    }
    found, why = _forecast(live, rows, expected, target)
    return head | {"progress": rows, "forecast": found, "why": "not-shown" if hidden else why}


def _by_day(
    live: Snapshot, ranges: Sequence[tuple[int, int]], expected: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Days with visits, ascending (since 1970), families completed by the end of each, and the gap then."""
    at = live.days.span(ranges)
    number, day, counts = live.days.number[at], live.days.key[at], live.days.counts[at].astype(np.int64)
    if not len(at):
        nothing = np.empty(0, dtype=np.int64)
        return nothing, nothing, nothing
    begins = np.flatnonzero(np.diff(number, prepend=-1))  # days of a block lie behind each other, ascending
    running = np.cumsum(counts, axis=0)
    before = np.zeros((len(begins), counts.shape[1]), dtype=np.int64)
    before[1:] = running[begins[1:] - 1]
    running -= np.repeat(before, np.diff(np.append(begins, len(at))), axis=0)
    listed = live.expected[number]
    gap = np.maximum(gap_of(listed, running), 0)
    earlier = np.empty_like(gap)
    earlier[1:] = gap[:-1]
    earlier[begins] = np.maximum(listed[begins], 0)
    days, place = np.unique(day, return_inverse=True)
    won, done = np.zeros(len(days), dtype=np.int64), np.zeros(len(days), dtype=np.int64)
    np.add.at(won, place, earlier - gap)
    np.add.at(done, place, counts[:, _C["completed"]])
    return days, np.cumsum(done), expected - np.cumsum(won)


def _rows(
    live: Snapshot, days: NDArray[np.int64], completed: NDArray[np.int64], done: NDArray[np.int64], expected: int
) -> list[dict[str, Any]]:
    """A row for each day of the campaign so far, and for days after it on which somebody still worked."""
    of, today = live.campaign, live.campaign.today()
    latest = _EPOCH_DAY + timedelta(days=int(days[-1])) if len(days) else of.starts_on
    end = min(today, max(of.ends_on, latest))
    rows = []
    for at in range((end - of.starts_on).days + 1):
        on = of.starts_on + timedelta(days=at)
        place = int(np.searchsorted(days, (on - _EPOCH_DAY).days, side="right")) - 1
        rows.append({
            "date": on,
            "day": at + 1,
            "completed": int(completed[place]) if place >= 0 else 0,
            "done": int(done[place]) if place >= 0 else 0,
            "due": round(expected * min(at + 1, of.days) / of.days),
            "whole": on < today,
        })  # fmt: skip
    return rows


def _lately(rows: Sequence[dict[str, Any]]) -> float | None:
    """Families done a day, the mean of the last whole days; None before there is one."""
    whole = [0, *(row["done"] for row in rows if row["whole"])]
    steps = np.diff(whole)[-LATELY:]
    return round(float(steps.mean()), 1) if len(steps) else None


def _forecast(
    live: Snapshot, rows: Sequence[dict[str, Any]], expected: int, target: float
) -> tuple[dict[str, Any] | None, str | None]:
    of = live.campaign
    observed = np.array([row["done"] / expected for row in rows if row["whole"]]) if expected else np.empty(0)
    if not expected:
        return None, "unknown-expected"
    if len(observed) < FEWEST_DAYS:
        return None, "too-early"
    if observed[-1] <= 0:
        return None, "nothing-done"
    found = forecast.forecast(np.minimum(observed, 1.0), of.days, target)
    bands = np.column_stack((found.low, found.middle, found.high)).round(4).tolist()
    ahead = [
        {"date": of.starts_on + timedelta(days=len(observed) + at), "low": low, "middle": middle, "high": high}
        for at, (low, middle, high) in enumerate(bands)
    ]
    at_end = of.days - len(observed) - 1
    when = {"low": found.day_low, "middle": found.day, "high": found.day_high}
    return {
        "share": forecast.SHARE,
        "at_end": {name: ahead[at_end][name] for name in ("low", "middle", "high")} if at_end >= 0 else None,
        "on": {name: of.starts_on + timedelta(days=day - 1) if day else None for name, day in when.items()},
        "ahead": ahead,
    }, None
