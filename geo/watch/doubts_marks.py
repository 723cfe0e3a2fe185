"""Doubts that intake marks at the door: points outside the declared block, poor readings, records without a point.

Each is told once for an enumerator, block and day. Intake marks every point that lies outside by more than its own
accuracy; but that is the radius of two readings in three, so of a house on the edge one reading in fifteen lies so
far out. What is told here lies out by several times its accuracy. None of these is unlikely as such: their weight says
how far off they are, and stays low.
"""

import numpy as np

from geo.watch.doors import metres
from geo.watch.doubts import Doubt, Mask, Places, Records, by_block

#: Outside: at least so many times the accuracy (4.5 sigmas: one honest reading in 30,000), and so many metres, which is
#: what walls make of it and what outlines are off by.
TIMES, LEAST = 3.0, 25.0
#: What is taken for the accuracy where none was given, metres.
NOT_GIVEN = 20.0
#: Chances from which weights follow: of a point as far out as it takes, ten times as far; of a poor reading; of none.
OUTSIDE, POOR, NONE = 0.5, 0.6, 0.4


def marked(records: Records) -> list[Doubt]:
    """Doubts of kinds `outside_block`, `low_accuracy` and `no_point`."""
    away = _away(records)
    accuracy = np.where(np.isnan(records.accuracy_m), NOT_GIVEN, records.accuracy_m)
    far = records.counts & records.outside & (away > np.maximum(TIMES * accuracy, LEAST))
    found = [_outside(records, rows, away) for rows in _by_day(records, far)]
    found += [_poor(records, rows) for rows in _by_day(records, records.counts & records.poor)]
    found += [_bare(records, rows) for rows in _by_day(records, records.counts & ~records.placed)]
    return found


def _away(records: Records) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Metres from each point to its declared block, NaN where it is not outside."""
    if not records.placed.any():
        return np.full(len(records), np.nan)
    over = records.lon[records.placed], records.lat[records.placed]
    x, y = metres(records.lon, records.lat, *over)
    ex, ey = metres(records.edge_lon, records.edge_lat, *over)
    return np.hypot(x - ex, y - ey)


def _by_day(records: Records, chosen: Mask) -> list[Places]:
    """The chosen, by enumerator, block and day; those of nobody each block and day together."""
    found: list[Places] = []
    groups = list(by_block(records, chosen))
    nobody = np.flatnonzero(chosen & (records.enumerator < 0))
    if len(nobody):
        order = nobody[np.argsort(records.number[nobody], kind="stable")]
        groups += np.split(order, np.flatnonzero(np.diff(records.number[order])) + 1)
    for rows in groups:
        order = rows[np.argsort(records.captured[rows], kind="stable")]
        found += np.split(order, np.flatnonzero(np.diff(records.day[order])) + 1)
    return found


def _outside(records: Records, rows: Places, away: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Doubt:
    worst = rows[int(np.argmax(away[rows]))]
    times = float(np.median(away[rows])) / LEAST
    line = np.array(
        [
            [records.lon[worst], records.lat[worst]],
            [records.edge_lon[worst], records.edge_lat[worst]],
        ]
    )
    evidence: dict[str, float | int | str] = {
        "metres": round(float(np.median(away[rows]))),
        "farthest_m": round(float(away[worst])),
        "accuracy_m": _middle(records, rows),
    }
    return Doubt("outside_block", rows, OUTSIDE / (max(times, 1.0) * len(rows) ** 0.5), evidence, line=line)


def _poor(records: Records, rows: Places) -> Doubt:
    evidence: dict[str, float | int | str] = {
        "accuracy_m": _middle(records, rows),
        "worst_m": round(float(np.nanmax(records.accuracy_m[rows])), 1),
    }
    return Doubt("low_accuracy", rows, POOR / len(rows) ** 0.5, evidence)


def _bare(records: Records, rows: Places) -> Doubt:
    same = (records.enumerator == records.enumerator[rows[0]]) & (records.day == records.day[rows[0]]) & records.counts
    return Doubt("no_point", rows, NONE / len(rows) ** 0.5, {"of": int(np.count_nonzero(same))})


def _middle(records: Records, rows: Places) -> float:
    """The median accuracy, 0 where none was given."""
    known = records.accuracy_m[rows]
    known = known[~np.isnan(known)]
    return round(float(np.median(known)), 1) if len(known) else 0
