"""Sums upward as differences: running sums over the blocks of one scope, in the order of the numbers.

The mirror holds the nation; what answers one caller is made from the caller's own slice of it, so that neither time nor
memory goes by the size of the nation. Remembered for each scope until the next epoch.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo.schema import COUNTS
from geo.scope import Scope
from geo.watch.live import Snapshot

Running = NDArray[np.int64]

_C = {name: at for at, name in enumerate(COUNTS)}
_EPOCH_DAY = date(1970, 1, 1)
_NEVER = np.empty(0, dtype=np.float64)


def gap_of(expected: NDArray[Any], counts: NDArray[Any]) -> NDArray[np.int64]:
    """Expected families not yet accounted for in each block, −1 where nothing is expected to be known."""
    done = counts[:, _C["completed"]] - counts[:, _C["new"]] + counts[:, _C["dropped"]] + counts[:, _C["closed"]]
    return np.where(expected < 0, -1, np.maximum(expected.astype(np.int64) - done, 0))


@dataclass(frozen=True)
class Sums:
    """Running sums over the numbers of one scope, ascending, each with a leading zero: so a slice sums as a difference.

    `lo` are the first numbers of the scope's ranges and `start` their places here. `unknown` are places of blocks with
    counts but without expected families, `apart` running sums over those alone. `last_at` ends with a NaN.
    """

    lo: NDArray[np.int64]
    start: NDArray[np.int64]
    counts: NDArray[np.int64]
    expected: NDArray[np.int64]
    gap: NDArray[np.int64]
    known: NDArray[np.int64]
    unknown: NDArray[np.intp]
    apart: NDArray[np.int64]
    last_at: NDArray[np.float64]

    def places(self, numbers: NDArray[np.integer]) -> NDArray[np.int64]:
        """Where numbers of the scope stand here."""
        return _places(self.lo, self.start, numbers)

    def numbers(self, places: NDArray[np.integer]) -> NDArray[np.int64]:
        """Which numbers stand at places."""
        at = np.searchsorted(self.start, places, side="right") - 1
        return self.lo[at] + places - self.start[at]

    def between(
        self, first: NDArray[np.int64], after: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        """Sums over the places `first … after - 1`, in rows: the fields of `coverage.Figures`, in their order."""
        unknown = self.known[after] == self.known[first]
        apart = np.searchsorted(self.unknown, np.stack((first, after)))
        heard = np.fmax.reduceat(self.last_at, np.column_stack((first, after)).ravel())[::2] if len(first) else _NEVER
        return (
            np.where(unknown, -1, self.expected[after] - self.expected[first]),
            np.where(unknown, -1, self.gap[after] - self.gap[first]),
            self.counts[after] - self.counts[first],
            self.apart[apart[1]] - self.apart[apart[0]],
            heard,
        )


def of(live: Snapshot, scope: Scope, day: date | None = None) -> Sums:
    """Running sums over what lies in the scope, and nothing else; up to and including `day` where given.

    When something was last heard is known of now alone, so with `day` it is unknown.
    """

    def make() -> Sums:
        ranges = scope.clip(0, len(live.tree) - 1)
        expected = _of_ranges(live.expected, ranges)
        counts = _of_ranges(live.counts, ranges) if day is None else _until(live, ranges, day)
        known = expected >= 0
        unknown = np.flatnonzero(~known & counts.any(axis=1))
        return Sums(
            *_laid(ranges),
            _running(counts),
            _running(np.where(known, expected, 0)),
            _running(np.where(known, gap_of(expected, counts), 0)),
            _running(known),
            unknown,
            _running(counts[unknown]),
            np.append(_of_ranges(live.last_at, ranges) if day is None else np.full(len(counts), np.nan), np.nan),
        )

    found: Sums = live.remember(("sums", scope.ranges, day), make)
    return found


def _running(values: NDArray[Any]) -> NDArray[np.int64]:
    """Running sums with a leading zero."""
    found = np.zeros((len(values) + 1, *values.shape[1:]), dtype=np.int64)
    np.cumsum(values, axis=0, out=found[1:])
    return found


def _of_ranges(values: NDArray[Any], ranges: Sequence[tuple[int, int]]) -> NDArray[Any]:
    """What stands at closed ranges of numbers, behind each other; not copied where there is but one."""
    parts = [values[lo : hi + 1] for lo, hi in ranges]
    return parts[0] if len(parts) == 1 else np.concatenate([values[:0], *parts])


def _laid(ranges: Sequence[tuple[int, int]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First numbers of ranges, and the places at which these begin and the last ends, laid behind each other."""
    both = np.array(ranges, dtype=np.int64).reshape(-1, 2)
    return both[:, 0], _running(both[:, 1] - both[:, 0] + 1)


def _places(lo: NDArray[np.int64], start: NDArray[np.int64], numbers: NDArray[np.integer]) -> NDArray[np.int64]:
    """Where numbers stand among those of ranges so laid."""
    at = np.searchsorted(lo, numbers, side="right") - 1
    return start[at] + numbers - lo[at]


def _until(live: Snapshot, ranges: Sequence[tuple[int, int]], day: date) -> NDArray[np.int64]:
    """Counts of ranges of numbers up to and including a day."""
    lo, start = _laid(ranges)
    counts = np.zeros((int(start[-1]), len(COUNTS)), dtype=np.int64)
    at = live.days.span(ranges)
    at = at[live.days.key[at] <= (day - _EPOCH_DAY).days]
    number = live.days.number[at]
    begins = np.flatnonzero(np.diff(number, prepend=-1))  # days of a number lie behind each other
    if len(begins):
        counts[_places(lo, start, number[begins])] = np.add.reduceat(live.days.counts[at], begins, axis=0)
    return counts
