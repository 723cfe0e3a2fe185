"""When will it be done? A share done by day, carried on by campaigns that went like it so far.

A library of simulated campaigns is made once: how fast enumerators get going, how much they can do against what there
is to do, how unlike each other they are, weekends, rain, doors that stay closed, a rush before the deadline. Those that
went like the observed one so far are weighted by how alike, started from where it stands now, and tell the rest of the
story: their middle is the forecast and their spread its interval. Nothing here knows the demo's city; the intervals are
tried on its months (`benchmarks/forecast.py`), and their width is set so that about 80 % of the 80 % intervals hold.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Campaigns in the library, and how far each goes on past its deadline, in campaign lengths.
CAMPAIGNS, LENGTHS = 6_000, 2
SEED = 20221015

#: Kinds of enumerators in a campaign, by speed.
_KINDS = 12

#: Days that are compared: a level and the pace of the last week tell most.
_RECENT = 7

#: Campaigns that must count for a forecast; how far what is still gained strays besides, as the sigma of a lognormal.
_ALIKE = 60
_LUCK, _LUCK_AT_LAST = 0.03, 0.6

#: Share of campaigns that get going late: a quarter done on day 12 and more than half on day 18 is the rule.
_SLOW = 0.65

#: The interval's share, and its bounds as quantiles.
SHARE = 0.80
_LOW, _HIGH = (1 - SHARE) / 2, (1 + SHARE) / 2


@dataclass(frozen=True)
class Forecast:
    """Shares by day, from the day after the last observed one on: `middle`, and `low … high` holding SHARE of futures.

    `day`, `day_low`, `day_high` count days of the campaign from 1 on which `target` is reached, None where that is past
    the horizon.
    """

    low: Floats
    middle: Floats
    high: Floats
    target: float
    day: int | None
    day_low: int | None
    day_high: int | None


def forecast(observed: Floats, days: int, target: float) -> Forecast:
    """Carry on `observed` (shares at the end of each whole day so far, at least one), of a campaign of `days` days.

    Raises ValueError without a whole day, or for shares that are no numbers.
    """
    if not len(observed) or not np.isfinite(observed).all():
        raise ValueError("a forecast needs one whole day at least")
    paths = _library(days)
    past, now = len(observed), float(observed[-1])
    if past >= paths.shape[1]:  # later than any campaign of the library: it stands still
        still = np.full(1, now)
        return Forecast(still, still, still, target, *(None,) * 3)
    weight = _alike(paths, observed)
    left = (1 - now) / np.maximum(1 - paths[:, past - 1], 1e-9)
    luck = np.exp((_LUCK + _LUCK_AT_LAST * (past / days) ** 4) * _normal())[:, None]
    future = np.minimum(now + (paths[:, past:] - paths[:, past - 1, None]) * left[:, None] * luck, 1.0)
    low, middle, high = _quantiles(future, weight, (_LOW, 0.5, _HIGH))
    reached = future >= target
    first = np.where(reached.any(axis=1), reached.argmax(axis=1) + past + 1, np.inf)
    if now >= target:
        done = int(np.argmax(observed >= target)) + 1
        return Forecast(low, middle, high, target, done, done, done)
    when = _quantiles(first[:, None], weight, (_LOW, 0.5, _HIGH))[:, 0]
    found = [int(day) if np.isfinite(day) else None for day in when]
    return Forecast(low, middle, high, target, found[1], found[0], found[2])


def _alike(paths: Floats, observed: Floats) -> Floats:
    """Weights of the library's campaigns, summing to 1: how alike level and pace were, day by day of late."""
    past = len(observed)
    begun = max(past - _RECENT, 0)
    level = (paths[:, past - 1] - observed[-1]) / 0.04
    steps = np.diff(paths[:, begun:past], axis=1, prepend=paths[:, max(begun - 1, 0), None] if begun else 0.0)
    mine = np.diff(observed[begun:], prepend=observed[begun - 1] if begun else 0.0)
    pace = (steps.mean(axis=1) - mine.mean()) / max(0.12 * mine.mean(), 0.0015)
    middle = past // 2
    shape = (paths[:, middle] - observed[middle]) / 0.08
    far = level**2 + pace**2 + shape**2
    nearest = np.partition(far, _ALIKE)[_ALIKE]
    weight = np.exp(-far / max(2.0, nearest))
    total: Floats = weight / weight.sum()
    return total


def _quantiles(values: Floats, weight: Floats, at: tuple[float, ...]) -> Floats:
    """Weighted quantiles of each column, (len(at), columns)."""
    order = np.argsort(values, axis=0)
    ranked = np.take_along_axis(values, order, axis=0)
    reached = np.cumsum(weight[order], axis=0)
    rows = [np.argmax(reached >= min(q, float(reached[-1].min())), axis=0) for q in at]
    return np.array([np.take_along_axis(ranked, row[None, :], axis=0)[0] for row in rows])


@cache
def _normal() -> Floats:
    """Quantiles of the normal distribution, one for each campaign, in no order."""
    drawn: Floats = np.random.default_rng(SEED + 1).standard_normal(CAMPAIGNS)
    return drawn


@cache
def _library(days: int) -> Floats:
    """Shares resolved at the end of each day, (CAMPAIGNS, LENGTHS · days)."""
    rng = np.random.default_rng(SEED)
    n, span = CAMPAIGNS, LENGTHS * days
    day = np.arange(span, dtype=np.float64)

    def of(low: float, high: float) -> Floats:
        return rng.uniform(low, high, (n, 1))

    slow = rng.random((n, 1)) < _SLOW
    ramp_to = np.where(slow, of(0.25, 0.65), of(0, 0.3)) * days
    ramp = np.where(slow, of(0.1, 0.6), of(0.2, 1))
    ramp = ramp + (1 - ramp) / (1 + np.exp((ramp_to - day) / (of(0.02, 0.15) * days)))
    weekday = np.ones((n, 7))
    weekday[:, 5:6], weekday[:, 6:7] = of(0.6, 1.1), of(0.4, 1.05)
    weekly = np.take_along_axis(weekday, (day.astype(np.int64)[None, :] + rng.integers(0, 7, (n, 1))) % 7, axis=1)
    rough = of(0.03, 0.3)
    noise = np.exp(rough * rng.standard_normal((n, span)) - rough**2 / 2)
    rush = np.where((day > 0.8 * days) & (day < days), of(0.8, 1.5), 1.0)
    after = np.where(day >= days, of(0.2, 1.0), 1.0)
    effort = ramp * weekly * noise * rush * after
    load = np.exp(rng.normal(np.log(1.25), 0.4, (n, 1)))  # what can be done by the deadline, over what there is to do
    capacity = np.cumsum(effort, axis=1) / effort[:, :days].sum(axis=1, keepdims=True) * load
    speed = np.exp(of(0.1, 0.7) * np.linspace(-1.6, 1.6, _KINDS)[None, :])
    speed /= speed.mean(axis=1, keepdims=True)
    done = np.zeros((n, span))
    for kind in range(_KINDS):
        done += 1 - np.exp(-((speed[:, kind, None] * capacity) ** 2.2))
    closed = of(0.0, 0.18)  # doors that stay closed for long
    opening = 1 - closed * np.exp(-np.maximum(day - 0.25 * days, 0) / (of(0.3, 3.0) * days))
    shares: Floats = np.minimum(np.maximum.accumulate(done / _KINDS * opening, axis=1), 1.0)
    return shares
