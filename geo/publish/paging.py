"""Which areas a list of internal figures holds for a caller, and one page of them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geo.errors import BadInput
from geo.ground.areas import Tree
from geo.scope import LAST, Scope

Numbers = NDArray[np.intp]


@dataclass(frozen=True)
class Wanted:
    """Areas (n,) of one level by number, inside the area `within` (0: everywhere); the page of them that is wanted.

    `after` is the number of the last area of the page before.
    """

    numbers: Numbers
    within: int = 0
    after: int | None = None
    limit: int = 100


def spans(tree: Tree, scope: Scope, within: int) -> list[tuple[int, int]]:
    """What of an area (0: of everything) is in scope, as closed ranges of numbers."""
    return scope.clip(within, int(tree.last[within]) if within else LAST)


def in_sight(tree: Tree, scope: Scope, numbers: Numbers) -> tuple[Numbers, NDArray[np.bool_]]:
    """Those of the areas `numbers` (n,) that are in scope at least in part, and whether each is so wholly.

    Of one that is in scope only in part no figure may be told: what the caller sees of it is not the area's.
    """
    last = tree.last[numbers]
    touched = np.zeros(len(numbers), dtype=bool)
    for lo, hi in scope.ranges:
        touched |= (numbers <= hi) & (last >= lo)
    kept = numbers[touched]
    return kept, scope.mask(kept, tree.last[kept])


def page(numbers: Numbers, after: int | None, limit: int) -> tuple[slice, int | None]:
    """The places of one page in a list of areas, and the `after` of the next; that is the number of the page's last.

    Raises BadInput (`bad-after`) where `after` is not in the list.
    """
    begin = 0
    if after is not None:
        where = np.flatnonzero(numbers == after)
        if not len(where):
            raise BadInput("`after` must be the `next` of the page before", code="bad-after")
        begin = int(where[0]) + 1
    found = slice(begin, min(begin + limit, len(numbers)))
    more = limit > 0 and found.stop < len(numbers)
    return found, int(numbers[found.stop - 1]) if more else None
