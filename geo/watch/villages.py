"""What is worked out village by village from single households: how much may be asked for at once, and what is kept."""

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field
from threading import Lock
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from geo.errors import BadInput
from geo.schema import COUNTS, RESULTS
from geo.scope import Scope
from geo.watch import coverage
from geo.watch.live import Snapshot

#: Blocks, and households recorded in them, that may be asked about at once: some seconds.
MOST_BLOCKS, MOST_HOUSEHOLDS = 1_000, 150_000

_MET = [COUNTS.index(name) for name in RESULTS]

Value = TypeVar("Value")


def blocks_asked(live: Snapshot, scope: Scope, within: int = 0) -> NDArray[np.intp]:
    """Visible blocks of an area `within` (0: everywhere).

    Raises BadInput (`too-wide`) for more than MOST_BLOCKS of them, or more than MOST_HOUSEHOLDS households there.
    """
    numbers = coverage.visible(live, scope, "block", within)
    if len(numbers) > MOST_BLOCKS or live.counts[numbers][:, _MET].sum() > MOST_HOUSEHOLDS:
        raise BadInput("this is too wide for one answer: name a smaller area in `within`", code="too-wide")
    return numbers


@dataclass
class Kept(Generic[Value]):
    """Up to `most` values by key, each with what it goes by; the one used longest ago goes first.

    It hangs on the areas it was made for (`Snapshot.once`): new ones, and new footprints, begin with an empty one.
    """

    most: int
    values: "OrderedDict[Hashable, tuple[Hashable, Value]]" = field(default_factory=OrderedDict)
    lock: Lock = field(default_factory=Lock)

    def last(self, key: Hashable) -> tuple[Hashable, Value] | None:
        """What is kept under a key, and what it goes by."""
        with self.lock:
            if key in self.values:
                self.values.move_to_end(key)
            return self.values.get(key)

    def get(self, key: Hashable, moved: Hashable = None) -> Value | None:
        """The value as it was kept, if nothing that it goes by has moved."""
        found = self.last(key)
        return found[1] if found and found[0] == moved else None

    def put(self, key: Hashable, value: Value, moved: Hashable = None) -> None:
        """Keep it."""
        with self.lock:
            self.values[key] = (moved, value)
            self.values.move_to_end(key)
            while len(self.values) > self.most:
                self.values.popitem(last=False)
