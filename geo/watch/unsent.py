"""What is probably still on phones: records made since the last word of each enumerator, by its own pace.

Only arithmetic on arrays, so that `benchmarks/silence.py` scores it in seconds. An enumerator's pace is that of its
last days, drawn towards its colleagues'; how much it has worked since its last word goes by the hours at which doors
are knocked at. Whoever is quiet is taken to work on as before.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Local hours, and the share of a day's records that is made by each: mornings, afternoons, some evenings, and nothing
#: at night.
HOURS = (0.0, 8.0, 12.0, 13.0, 18.0, 18.5, 20.5, 24.0)
DONE_BY = (0.0, 0.0, 0.40, 0.40, 0.93, 0.93, 1.0, 1.0)

#: Days before the last word whose pace counts: few, for the pace doubles within a week when work gets going.
LATELY = 3

#: Days of the colleagues' pace that are added to one's own; and days as planned that are added to theirs.
DRAWN, PLANNED = 2.0, 3.0

#: Records for each family that the tallies show on a day: a family visited again is counted once, on the day that
#: changed its result; visits that met nobody or a part, and corrections, come to a quarter more.
RECORDS = 1.25

#: Work comes in spells, so many a day: whoever was heard an hour ago may have made nothing since, or a lot.
SPELLS = 5.0

#: Doubt about a pace, as a share of it; where there was never a word; and of what all share (weather, the season).
OWN_DOUBT, NEVER_DOUBT, SHARED_DOUBT = 0.3, 0.8, 0.25

#: Standard deviations on either side of the middle 80 % of a normal distribution.
_EIGHTY = 1.2816
_DAY = 86_400.0


@dataclass(frozen=True)
class Heard:
    """What is known of enumerators (E,). Instants are seconds since 1970, local by `offset` seconds.

    `word` is when each was last heard of, NaN for never; `begun` since when it is assigned. `queued` records waited on
    its devices then. `made` (E, D) are families of its blocks by day of the campaign, whose first local midnight is
    `start`. `left` are families still to be found in its blocks, infinite where that is not known, and `planned` those
    that each day should bring.
    """

    start: float
    offset: float
    word: Floats
    begun: Floats
    queued: Floats
    made: Floats
    left: Floats
    planned: Floats


@dataclass(frozen=True)
class Unsent:
    """Records probably made that have not arrived, by enumerator (E,), with the bounds of 80 %; and in all."""

    held: Floats
    low: Floats
    high: Floats
    total: float
    total_low: float
    total_high: float


def worked(at: Floats | float, offset: float) -> Floats:
    """Days of work up to a moment: local days since 1970, the running one by the share of its records."""
    days = (np.asarray(at, dtype=np.float64) + offset) / _DAY
    whole = np.floor(days)
    share: Floats = whole + np.interp((days - whole) * 24, HOURS, DONE_BY)
    return share


def estimate(known: Heard, now: float) -> Unsent:
    """What is on phones at `now` (seconds since 1970): what they said waits, and what has been made since.

    Of the latter never more than can be about the families left in the blocks of each; what waits may be about others.
    """
    since = np.fmax(known.word, known.begun)  # NaN gives way
    days = np.maximum(worked(now, known.offset) - worked(since, known.offset), 0.0)
    most = RECORDS * known.left
    more = np.minimum(pace(known) * days, most)
    doubt = np.where(np.isnan(known.word), NEVER_DOUBT, OWN_DOUBT)
    spread = np.sqrt(more + more**2 * (1 / (SPELLS * np.maximum(days, 1e-9)) + doubt**2))
    low, high = _middle(more, spread)
    low = np.where(np.isnan(known.word), 0.0, np.minimum(low, np.floor(more)))  # who never spoke may not have begun
    high = np.minimum(high, np.ceil(most))
    waits, sum_of = float(known.queued.sum()), float(more.sum())
    doubt_of_all = _EIGHTY * float(np.sqrt((np.minimum(spread, most) ** 2).sum() + (SHARED_DOUBT * sum_of) ** 2))
    return Unsent(
        held=known.queued + more,
        low=known.queued + low,
        high=known.queued + high,
        total=waits + sum_of,
        total_low=waits + max(sum_of - doubt_of_all, 0.0),
        total_high=waits + min(sum_of + doubt_of_all, float(most.sum())),
    )


def pace(known: Heard) -> Floats:
    """Records a day of work of each (E,), from what arrived of its last days before its last word."""
    everybody, days = known.made.shape
    if not everybody:
        return np.zeros(0)
    until = np.fmax(known.word, known.begun)
    day = np.clip((until - known.start) // _DAY, -1, days - 1).astype(np.int64)
    begun = np.clip((known.begun - known.start) // _DAY, 0, days).astype(np.int64)
    first = np.minimum(np.maximum(day - LATELY, begun), day + 1)
    sums = np.concatenate([np.zeros((everybody, 1)), known.made.cumsum(axis=1)], axis=1)
    each = np.arange(everybody)
    records = RECORDS * (sums[each, day + 1] - sums[each, first]) + known.queued
    midnights = known.start + first * _DAY
    spent = np.where(np.isnan(known.word), 0.0, worked(until, known.offset) - worked(midnights, known.offset))
    records, spent = np.where(spent > 0, records, 0.0), np.maximum(spent, 0.0)
    planned = RECORDS * float(known.planned.mean())
    theirs = (records.sum() + PLANNED * planned) / (spent.sum() + PLANNED)
    own: Floats = (records + DRAWN * theirs) / (spent + DRAWN)
    return own


def _middle(mean: Floats, spread: Floats) -> tuple[Floats, Floats]:
    """The bounds of the middle 80 % of gamma distributions, as whole numbers (Wilson and Hilferty, 1931)."""
    shape = np.maximum(mean, 1e-9) ** 2 / np.maximum(spread, 1e-9) ** 2
    middle, step = 1 - 1 / (9 * shape), _EIGHTY / (3 * np.sqrt(shape))
    low = np.floor(mean * np.maximum(middle - step, 0.0) ** 3)
    high = np.ceil(mean * np.maximum(middle + step, 0.0) ** 3)
    return low, np.where(mean > 0, np.maximum(high, np.ceil(mean)), 0.0)
