"""How a published figure is shown: the share as one of eight bands, and in a word what keeps it from being read.

Display only. The signed value with its noise stays beside it in every answer, so that sums hold; nothing here hides it.
One place for pages, tiles, files and lists, so that no two of them say different things of the same figure.
"""

from collections.abc import Sequence
from typing import Literal

#: Households from which a share is shown. Fewer are said to be fewer, without a share.
SHOWN_FROM = 10

#: Of the families expected, the share that must stand behind a figure for areas to be ranked by it.
LOW_COVERAGE = 0.8

#: Lower bounds, each included, of all bands but the first: shares of the households. None says 0 or 100 %.
BOUNDS = (0.05, 0.10, 0.15, 0.20, 0.30, 0.40, 0.50)
BANDS = ("<5", "5-10", "10-15", "15-20", "20-30", "30-40", "40-50", ">=50")

Note = Literal["none_yet", "fewer_than_10", "low_coverage", "coverage_unknown", "not_shown"]
NOTES: tuple[Note, ...] = ("none_yet", "fewer_than_10", "low_coverage", "coverage_unknown", "not_shown")

#: Instead of a band where there is none.
NO_BAND = -1


def poor_shown(poor: int, households: int, draws: int) -> int | None:
    """The value as a number of families that can be: from 0 to all of them. None below SHOWN_FROM or without a draw."""
    return min(max(poor, 0), households) if draws and households >= SHOWN_FROM else None


def band(poor: int, households: int, draws: int) -> int:
    """Position in BANDS of the share of poor families; NO_BAND where no share is shown."""
    shown = poor_shown(poor, households, draws)
    return NO_BAND if shown is None else sum(shown / households >= bound for bound in BOUNDS)


def notes(households: int, draws: int, expected: int | None) -> Sequence[Note]:
    """What is to be said beside a figure, in the order of NOTES; `expected` in families, None where nobody knows."""
    if not draws:
        return ["none_yet"]
    said: list[Note] = ["fewer_than_10"] if households < SHOWN_FROM else []
    if expected is None:
        said.append("coverage_unknown")
    elif households < LOW_COVERAGE * expected:
        said.append("low_coverage")
    return said
