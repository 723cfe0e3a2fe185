"""Roles, and the areas a caller may see. Every function that answers a caller takes a `Scope`."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: Closed ranges of area numbers, ascending and disjoint.
Ranges = tuple[tuple[int, int], ...]

#: The largest number a range may end in; an unbounded range ends here.
LAST = 2_147_483_646

#: Roles that may see single households of their scope.
SEES_HOUSEHOLDS = frozenset({"enumerator", "supervisor", "coordinator", "admin"})


@dataclass(frozen=True)
class Scope:
    """What one caller may see: closed ranges of area numbers in the current edition, ascending and disjoint.

    `actor` is its account, 0 the operator; `credential` the token or session it came with, for the audit.
    """

    actor: int
    name: str
    role: str
    ranges: Ranges
    credential: int | None = None

    @property
    def everything(self) -> bool:
        """Whether nothing is hidden from this caller, the `unplaced` tally included."""
        return self.ranges == ((0, LAST),)

    @property
    def multirange(self) -> str:
        """The numbers as PostgreSQL writes an int4multirange."""
        return "{" + ",".join(f"[{lo},{hi}]" for lo, hi in self.ranges) + "}"

    @property
    def sees_households(self) -> bool:
        """Whether single households of the scope may be shown."""
        return self.role in SEES_HOUSEHOLDS

    def covers(self, number: int, last: int) -> bool:
        """Whether the whole of `number … last` lies in the scope."""
        return any(lo <= number and last <= hi for lo, hi in self.ranges)

    def mask(self, first: NDArray[np.integer], last: NDArray[np.integer]) -> NDArray[np.bool_]:
        """For each closed range `first[i] … last[i]`, whether the whole of it lies in the scope."""
        seen = np.zeros(len(first), dtype=bool)
        for lo, hi in self.ranges:
            seen |= (first >= lo) & (last <= hi)
        return seen

    def clip(self, number: int, last: int) -> list[tuple[int, int]]:
        """The parts of `number … last` that lie in the scope."""
        cut = ((max(lo, number), min(hi, last)) for lo, hi in self.ranges)
        return [(lo, hi) for lo, hi in cut if lo <= hi]


def closed(halves: Sequence[tuple[int | None, int | None]]) -> Ranges:
    """Half-open ranges as the database gives them, None being no bound, as closed ones."""
    return tuple((0 if lo is None else lo, LAST if hi is None else hi - 1) for lo, hi in halves)


def merged(*scopes: Ranges) -> Ranges:
    """All numbers of several scopes, as ascending ranges that neither overlap nor touch."""
    found: list[tuple[int, int]] = []
    for lo, hi in sorted(part for ranges in scopes for part in ranges):
        if found and lo <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(found[-1][1], hi))
        else:
            found.append((lo, hi))
    return tuple(found)


#: The operator at the terminal, who holds the database itself.
OPERATOR = Scope(actor=0, name="operator", role="admin", ranges=((0, LAST),))
