"""The campaign's calendar: who works when, and when a phone has a line.

The shape of the month is fitted to real progress: a quarter of the families done on day 12, a good half on day 18 or
19, nine tenths at the deadline on day 31. Early days go to the heads of the neighbourhoods and to learning.
"""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from app.demo.city import TIME_ZONE
from app.demo.rates import Ordinary

ZONE = ZoneInfo(TIME_ZONE)
#: Midnight before the first day, a Saturday. Unix seconds.
START = datetime(2022, 10, 15, tzinfo=ZONE).timestamp()
DAYS = 31
DAY = 86_400.0
HOUR = 3_600.0

#: Hours in which doors are knocked at: morning, afternoon, evening.
WINDOWS = ((8.0, 12.0), (13.0, 18.0), (18.5, 20.5))
FRIDAY = ((8.0, 11.5), (14.0, 18.0), (18.5, 20.5))
SUNDAY = ((10.0, 12.0), (13.0, 18.0), (18.5, 20.5))
#: How much likelier than on average nobody is at home, by window, and what the weekend makes of it.
ABSENT = (1.25, 1.0, 0.5)
ABSENT_WEEKEND = 0.75

#: Hours a day an average enumerator is out once the work runs, and its share on the first days and the last ones.
OUT = 6.9
FIRST_DAYS = 0.36
IN_FULL_SWING = 12.0  # day on which half of the ramp is climbed
CLIMB = 1.0
WEEKDAY = (1.0, 1.0, 1.0, 1.0, 0.85, 1.05, 0.75)  # Monday to Sunday
RAINY = 0.3  # days, by district: October and November are wet in Kalimantan
RAIN = 0.6
EVENINGS = 0.35
FREE_DAYS = 0.05
SHORTEST = 0.3  # hours: nobody sets out for less
SPREAD = 0.32  # of the enumerators' own pace, as the sigma of a lognormal


@dataclass(frozen=True)
class Crew:
    """What enumerators (E,) are like: pace around 1, first day of work, phone without a line, day of the last sync."""

    pace: NDArray[np.float64]
    first_day: NDArray[np.int16]
    unsynced: NDArray[np.bool_]
    silent_from: NDArray[np.float64]

    def __len__(self) -> int:
        """How many there are."""
        return len(self.pace)


@dataclass(frozen=True)
class Sessions:
    """When one enumerator is out, in the order of the clock: Unix seconds, and how much likelier absence is."""

    start: list[float]
    end: list[float]
    absent: list[float]


def crew(rng: np.random.Generator, enumerators: int, ordinary: Ordinary) -> Crew:
    """The enumerators' habits. `silent_from` is infinite for all but those whose last days stay on the phone."""
    pace = np.exp(rng.normal(0, SPREAD, enumerators))
    late = rng.random(enumerators) < ordinary.late_starters
    first_day = np.where(late, rng.integers(3, 9, enumerators), rng.integers(0, 2, enumerators))
    unsynced = rng.random(enumerators) < ordinary.unsynced
    never = np.zeros(enumerators, dtype=np.bool_)
    working_still = rng.permutation(np.flatnonzero(pace <= np.median(pace)))
    never[working_still[: round(ordinary.never_sent * enumerators)]] = True
    silent = np.where(never, rng.integers(25, 29, enumerators), np.inf)
    return Crew(pace, first_day.astype(np.int16), unsynced & ~never, silent)


def how_many(share: float, among: int) -> int:
    """`share` of `among` as a whole number, at least one where there is anything to take and something is wanted."""
    return min(among, max(1, round(share * among))) if share > 0 else 0


def rain(rng: np.random.Generator, districts: int) -> NDArray[np.float64]:
    """(districts, DAYS) of what the weather leaves of a working day."""
    wet = rng.random((districts, DAYS)) < RAINY
    return np.where(wet, RAIN, 1.0)


def learning(day: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much of a full day's hours is spent on interviews, by day of the campaign from 0."""
    climbed: NDArray[np.float64] = FIRST_DAYS + (1 - FIRST_DAYS) / (1 + np.exp((IN_FULL_SWING - day) / CLIMB))
    return climbed


def sessions(rng: np.random.Generator, pace: float, first_day: int, weather: NDArray[np.float64]) -> Sessions:
    """When somebody is out. `weather` (DAYS,) is a row of `rain`."""
    days = np.arange(DAYS)
    weekday = (days + 5) % 7
    out = (
        OUT
        * pace
        * learning(days.astype(np.float64))
        * weather
        * np.array(WEEKDAY)[weekday]
        * np.exp(rng.normal(0, 0.15, DAYS))
    )
    out[(days < first_day) | (rng.random(DAYS) < FREE_DAYS)] = 0
    evening = np.where(rng.random(DAYS) < EVENINGS, 0.2, 0.0)
    morning = rng.uniform(0.3, 0.5, DAYS)
    parts = np.stack([morning, 1 - morning - evening, evening], axis=1) * out[:, None]
    windows = np.array([{4: FRIDAY, 6: SUNDAY}.get(int(day), WINDOWS) for day in weekday])
    length = np.minimum(parts, windows[..., 1] - windows[..., 0])
    start = windows[..., 0] + rng.random((DAYS, 3)) * (windows[..., 1] - windows[..., 0] - length)
    start = START + days[:, None] * DAY + start * HOUR
    absent = np.where(weekday >= 5, ABSENT_WEEKEND, 1.0)[:, None] * np.array(ABSENT)
    real = length >= SHORTEST
    start = np.floor(start[real])
    return Sessions(start.tolist(), np.floor(start + length[real] * HOUR).tolist(), absent[real].tolist())


def day_of(moment: NDArray[np.float64]) -> NDArray[np.int32]:
    """Day of the campaign, from 0, of moments in Unix seconds."""
    return np.floor((moment - START) / DAY).astype(np.int32)


def syncs(rng: np.random.Generator, people: Crew) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Enumerator and moment (Unix seconds) of every line a phone has, in the order of the clock.

    Ordinary phones have one every half hour to few hours; unsynced ones on every second or third evening. On the
    evening of the deadline every phone is brought to the office, but those whose last days are never sent.
    """
    count = len(people)
    gaps = rng.uniform(0.5, 3.5, (count, DAYS, 8)).cumsum(axis=2)
    hour = 7.5 + gaps
    usual = (hour < 21.75) & ~people.unsynced[:, None, None]
    period, offset = rng.integers(2, 4, count)[:, None], rng.integers(0, 3, count)[:, None]
    rare = ((np.arange(DAYS)[None, :] + offset) % period == 0) & people.unsynced[:, None]
    hour[:, :, 0] = np.where(rare, 19 + rng.random((count, DAYS)) * 2, hour[:, :, 0])
    usual[:, :, 0] |= rare
    at = START + np.arange(DAYS)[None, :, None] * DAY + hour * HOUR
    who, day, _ = np.nonzero(usual)
    moments = at[usual]
    kept = day < people.silent_from[who]
    office = np.flatnonzero(np.isinf(people.silent_from))
    last = START + (DAYS - 1) * DAY + (22.5 + rng.random(len(office))) * HOUR
    who, moments = np.concatenate([who[kept], office]), np.floor(np.concatenate([moments[kept], last]))
    order = np.argsort(moments, kind="stable")
    return who[order].astype(np.int32), moments[order]
