"""What the clock says: two places too far apart, work at night, interviews too short to be ones.

Nothing here is judged by a single moment alone: phones' clocks are wrong, and some families say little. Interviews are
held against those of everybody else in the same village, by the logarithm of their minutes, median and MAD, so that a
few made-up ones do not move what is ordinary.
"""

from math import log

import numpy as np
from numpy.typing import NDArray

from geo.watch.doors import Floats
from geo.watch.doubts import COMPLETED, DAY, HOUR, MET, Doubt, Mask, Places, Records, at_least, below, by_enumerator

#: Kilometres an hour beyond which nobody rides between two doors; metres below which nothing is said; what is taken for
#: an accuracy where none was given, and how many of both readings' accuracies are allowed for.
FASTEST, NEAR, NOT_GIVEN, ALLOWED = 90.0, 150.0, 20.0, 2.0
#: The same for a point that is doubted for lying outside its block: then the interview may have been where it should,
#: and only who cannot have made it between the two records at all is told once more.
FASTEST_AT_ALL = 45.0
#: Seconds that two interviews overlap before they are two at once.
OVERLAP = 60.0
#: The night: local hours from which and to which. Records of one night that make a run; the rate of night records taken
#: for ordinary and how many records' worth of evidence that is.
FROM, TO, RUN, NIGHTLY, WEIGHT = 22.0, 5.0, 3, 0.01, 100.0
#: A night is told if its records are less likely.
RARE = 1e-3
#: Minutes of an interview and sigma of their logarithm where nothing better is known (Regsosek's form took about 20),
#: how many interviews' worth of evidence that is, and the least sigma: no village is so even.
MINUTES, SPREAD, PRIOR, EVEN = 18.0, 0.45, 30.0, 0.2
#: Sigmas, and share of the ordinary minutes, below which an interview is very short.
SIGMAS, SHARE = 3.0, 0.5
#: Very short interviews of a day that make a run; chance below which they are told.
SHORT, UNLIKELY = 4, 1e-3
#: A habit: interviews of one enumerator, at least, whose median is below this share of the others'.
HABIT, HABITUAL = 20, 0.5
MAD = 1.4826


def travel(records: Records, outside: Mask) -> list[Doubt]:
    """Doubts of kind `travel`: consecutive records of one enumerator with no time to get from one to the other.

    `outside` (n,): records that are told as lying outside their block.
    """
    found: list[Doubt] = []
    carried = _carried(records)
    x, y = records.plane
    for rows in by_enumerator(records, records.placed & records.timed & ~carried):
        a, b = rows[:-1], rows[1:]
        accuracy = np.where(np.isnan(records.accuracy_m), NOT_GIVEN, records.accuracy_m)
        away = np.hypot(x[b] - x[a], y[b] - y[a]) - ALLOWED * (accuracy[a] + accuracy[b])
        begins = np.where(np.isnan(records.started[b]), records.captured[b], records.started[b])
        between = begins - records.captured[a]
        same = records.household[a] == records.household[b]
        with np.errstate(divide="ignore", invalid="ignore"):
            kmh = np.where(between > 0, away / between * 3.6, np.inf)
        fast = ~same & (away > NEAR) & (kmh > FASTEST) & ((between > 0) | (between < -OVERLAP) | (away > 2 * NEAR))
        apart = np.maximum(records.captured[b] - records.captured[a], 1.0)
        fast &= (away / apart * 3.6 > FASTEST_AT_ALL) | ~(outside[a] | outside[b])
        pairs = np.flatnonzero(fast)
        for chain in np.split(pairs, np.flatnonzero(np.diff(pairs) > 1) + 1) if len(pairs) else []:
            found.append(_journey(records, rows, chain, away, between, kmh))
    return found


def _carried(records: Records) -> NDArray[np.bool_]:
    """Records that took over the point of an earlier one of their household: of a desk, not of a door."""
    order = np.lexsort((records.captured, records.household))
    same = np.diff(records.household[order]) == 0
    lon, lat = records.lon[order], records.lat[order]
    found = np.zeros(len(records), dtype=bool)
    found[order[1:]] = same & (np.diff(lon) == 0) & (np.diff(lat) == 0)
    return found


def _journey(records: Records, rows: Places, chain: Places, away: Floats, between: Floats, kmh: Floats) -> Doubt:
    """One doubt for pairs that follow each other: a point far off makes two."""
    members = rows[chain[0] : chain[-1] + 2]
    worst = int(chain[int(np.argmax(kmh[chain] + away[chain] / 1e6))])
    speed = float(kmh[worst])
    evidence: dict[str, float | int | str] = {
        "metres": round(float(away[worst])),
        "seconds": round(float(between[worst])),
    }
    if np.isfinite(speed):
        evidence["kmh"] = round(speed)
    else:
        evidence["at_once_minutes"] = round(max(-float(between[worst]), 0.0) / 60, 1)
    line = np.column_stack([records.lon[members], records.lat[members]])
    chance = (FASTEST / speed) ** 4 if np.isfinite(speed) else (NEAR / float(away[worst])) ** 4
    return Doubt("travel", members, min(chance, 1.0) * 0.1, evidence, line=line)


def nights(records: Records) -> list[Doubt]:
    """Doubts of kind `night`: records of one enumerator in one night, that others hardly ever make."""
    hour = (records.captured + records.offset) % DAY / HOUR
    dark = ((hour >= FROM) | (hour < TO)) & records.timed
    night = ((records.captured + records.offset - 12 * HOUR) // DAY).astype(np.int64)
    found: list[Doubt] = []
    for rows in by_enumerator(records, records.timed):
        late = rows[dark[rows]]
        if len(late) < RUN:
            continue
        others = np.count_nonzero(dark) - len(late), np.count_nonzero(records.timed) - len(rows)
        rate = (others[0] + NIGHTLY * WEIGHT) / (others[1] + WEIGHT)
        for run in np.split(late, np.flatnonzero(np.diff(night[late])) + 1):
            all_of_it = np.count_nonzero(night[rows] == night[run[0]])
            chance = at_least(len(run), rate * all_of_it)
            if len(run) >= RUN and chance < RARE:
                evidence: dict[str, float | int | str] = {
                    "from": _clock(hour[run[0]]),
                    "until": _clock(hour[run[-1]]),
                    "of": int(all_of_it),
                }
                found.append(Doubt("night", run, chance, evidence))
    return found


def _clock(hour: float) -> str:
    minutes = int(hour * 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def short(records: Records) -> list[Doubt]:
    """Doubts of kind `short`: very short interviews, several of one day, or as somebody's habit."""
    minutes = _minutes(records)
    known = np.flatnonzero(~np.isnan(minutes))
    found: list[Doubt] = []
    for rows in by_enumerator(records, ~np.isnan(minutes)):
        others = minutes[known[records.enumerator[known] != records.enumerator[rows[0]]]]
        middle, sigma = _ordinary(others)
        own = float(np.median(minutes[rows]))
        habit = len(rows) >= HABIT and own < HABITUAL * middle
        if habit:
            chance = below(log(own / middle) / sigma) * 0.1
            found.append(Doubt("short", rows, chance, _lengths(records, rows, minutes, middle), name="habit"))
        limit = min(middle * np.exp(-SIGMAS * sigma), SHARE * (min(own, middle) if habit else middle))
        brief = rows[minutes[rows] < limit]
        rate = (np.count_nonzero(others < limit) + PRIOR * below(-SIGMAS)) / (len(others) + PRIOR)
        for run in np.split(brief, np.flatnonzero(np.diff(records.day[brief])) + 1) if len(brief) else []:
            of_day = int(np.count_nonzero(records.day[rows] == records.day[run[0]]))
            chance = at_least(len(run), rate * of_day)
            if len(run) >= SHORT and chance < UNLIKELY:
                evidence = _lengths(records, run, minutes, middle) | {"of": of_day}
                found.append(Doubt("short", run, chance, evidence))
    return found


def _minutes(records: Records) -> Floats:
    """Length of interviews, NaN of records that are none: of completed ones, the first time somebody was met there."""
    finished = np.where(np.isnan(records.finished), records.captured, records.finished)
    minutes = (finished - records.started) / 60
    order = np.lexsort((records.captured, records.household))
    met = MET[records.result[order]]
    seen = np.cumsum(met)
    begins = np.append(True, np.diff(records.household[order]) != 0)
    before = (seen - met) - np.maximum.accumulate(np.where(begins, seen - met, 0))
    real = np.zeros(len(records), dtype=bool)
    real[order] = (before == 0) & (records.result[order] == COMPLETED)
    found: Floats = np.where(real & (minutes > 0), minutes, np.nan)
    return found


def _ordinary(minutes: Floats) -> tuple[float, float]:
    """Median of some interviews' minutes, and sigma of their logarithm by the MAD, leaning on what is known."""
    if not len(minutes):
        return MINUTES, SPREAD
    logs = np.log(minutes)
    middle = float(np.median(logs))
    sigma = MAD * float(np.median(np.abs(logs - middle)))
    share = PRIOR / (len(minutes) + PRIOR)
    return float(np.exp(middle * (1 - share) + log(MINUTES) * share)), max(sigma * (1 - share) + SPREAD * share, EVEN)


def _lengths(records: Records, rows: Places, minutes: Floats, middle: float) -> dict[str, float | int | str]:
    return {
        "minutes": round(float(np.median(minutes[rows])), 1),
        "shortest_minutes": round(float(minutes[rows].min()), 1),
        "peers_minutes": round(middle, 1),
    }
