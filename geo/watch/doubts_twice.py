"""Families recorded twice: a new one at a door that had its families already, days after everybody next door.

Nobody's name is known, so nothing proves it. A family that the list lacks is mostly met on the walk, within minutes of
its neighbours; one that is recorded again comes by itself, some day later. That alone is no doubt either: families are
found late. So the houses are asked too: where a house stands free within reach, it may well be that family's; where
every house around has its families already, the new one may be one of them. Families that do not exist look the same.
Of who criss-crosses the village nothing can be said.
"""

import numpy as np
import shapely

from geo.watch.doors import Floats, Houses, Points, matched, metres
from geo.watch.doubts import DAY, HOUR, Doubt, Places, Records, by_block

#: Sigmas between two readings of one door, at most; metres by which doors of one house lie apart.
REACH, DOOR = 2.5, 3.0
#: Metres around in which neighbours are, and hours: who is met within so many of a neighbour's first visit was met on
#: the walk. So many neighbours must be known.
NEXT, ON_THE_WALK, LEAST = 40.0, 3.0, 3
#: Share of the listed households that an enumerator who walks from door to door visits by themselves, at most.
STROLLS = 0.3
#: Hours after its double at which a family may be one recorded again.
LATER = 12.0
#: A house free for a late family is within so many sigmas of its point.
FREE = 1.8
#: Chances from which weights follow: half of what is told is wrong where houses are known, and more where they are not.
#: From MANY by one enumerator in one block on they are told as one, and are less likely.
KNOWN, UNKNOWN, MANY, OF_MANY = 0.35, 0.6, 3, 0.1


def duplicates(records: Records, houses: Houses) -> list[Doubt]:
    """Doubts of kind `duplicate`: `rows` are the new households, `beside` for each the nearest there before."""
    if not (records.met & records.new).any():
        return []
    near = _near(records)
    alone = _alone(records, near)
    late = np.flatnonzero(records.new & (alone >= ON_THE_WALK))
    walks = _walks(records, alone)
    doubles = {row: double for row in late.tolist() if (double := _double(records, row, near)) is not None}
    pairs = {row: double for row, double in doubles.items() if walks[records.enumerator[double]]}
    suspects = np.array(sorted(pairs), dtype=np.intp)
    chosen = np.zeros(len(records), dtype=bool)
    chosen[suspects[~_free(records, suspects, houses)]] = True
    found: list[Doubt] = []
    for rows in by_block(records, chosen):
        beside = np.array([pairs[row] for row in rows.tolist()], dtype=np.intp)
        parts = [np.arange(len(rows))] if len(rows) >= MANY else np.arange(len(rows))[:, None]
        found += [_doubt(records, rows[at], beside[at], alone, len(houses) > 0) for at in parts]
    return found


def _near(records: Records) -> tuple[Places, Places]:
    """Pairs of a record and a listed household NEXT to it, where somebody was met; by the first of each pair."""
    x, y = records.plane
    met = np.flatnonzero(records.met)
    listed = met[~records.new[met]]
    tree = shapely.STRtree(np.asarray(shapely.points(x[listed], y[listed])))
    a, b = tree.query(shapely.points(x[met], y[met]), predicate="dwithin", distance=NEXT)
    a, b = met[a], listed[b]
    other = records.household[a] != records.household[b]
    a, b = a[other], b[other]
    order = np.argsort(a, kind="stable")
    return a[order], b[order]


def _alone(records: Records, near: tuple[Places, Places]) -> Floats:
    """Hours between the first visit to each household and to any listed one next door; NaN where too few are known."""
    a, b = near
    found = np.full(len(records), np.inf)
    np.minimum.at(found, a, np.abs(records.first[a] - records.first[b]) / HOUR)
    found[np.bincount(a, minlength=len(records)) < LEAST] = np.nan
    return found


def _walks(records: Records, alone: Floats) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Of each enumerator, whether it goes from door to door: hardly a listed household was visited by itself.

    The last place is for records of nobody.
    """
    listed = records.met & ~records.new & ~np.isnan(alone) & (records.enumerator >= 0)
    who = records.enumerator[listed]
    count = int(records.enumerator.max(initial=-1)) + 2
    every = np.bincount(who, minlength=count)
    single = np.bincount(who[alone[listed] >= ON_THE_WALK], minlength=count)
    found: np.ndarray[tuple[int], np.dtype[np.bool_]] = (single <= STROLLS * every) & (every >= LEAST)
    found[-1] = False
    return found


def _double(records: Records, row: int, near: tuple[Places, Places]) -> int | None:
    """The listed household that a new one may be; None where there is none."""
    x, y = records.plane
    some = near[1][slice(*np.searchsorted(near[0], (row, row + 1)))]
    away = np.hypot(x[some] - x[row], y[some] - y[row])
    reach = np.sqrt(records.sigma[some] ** 2 + records.sigma[row] ** 2 + DOOR**2)
    before = (away <= REACH * reach) & (records.first[some] < records.first[row] - LATER * HOUR)
    if not before.any():
        return None
    odds = np.where(before, (away / reach) ** 2 + 2 * np.log(reach), np.inf)
    return int(some[int(np.argmin(odds))])


def _free(records: Records, suspects: Places, houses: Houses) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Of which of these households a house stands within reach that nobody else was met at."""
    found = np.zeros(len(suspects), dtype=bool)
    if not len(houses) or not len(suspects):
        return found
    others = records.counts & records.placed
    others[suspects] = False
    rows = np.flatnonzero(others)
    points = Points(records.lon[rows], records.lat[rows], records.accuracy_m[rows], records.day[rows])
    held, _ = matched(houses, points)
    empty = np.flatnonzero(held == 0)
    if not len(empty):
        return found
    over = records.lon[records.placed], records.lat[records.placed]
    hx, hy = metres(houses.lon, houses.lat, *over)
    x, y = records.plane
    tree = shapely.STRtree(np.asarray(shapely.points(hx[empty], hy[empty])))
    reach = FREE * np.sqrt(records.sigma[suspects] ** 2 + float(np.median(houses.area_m2)) / np.pi / 2)
    at, _ = tree.query(shapely.points(x[suspects], y[suspects]), predicate="dwithin", distance=reach)
    found[np.unique(at)] = True
    return found


def _doubt(records: Records, rows: Places, doubles: Places, alone: Floats, known: bool) -> Doubt:
    x, y = records.plane
    away: Floats = np.hypot(x[rows] - x[doubles], y[rows] - y[doubles])
    days = (records.first[rows] - records.first[doubles]) / DAY
    evidence: dict[str, float | int | str] = {
        "metres": round(float(np.median(away)), 1),
        "days": round(float(np.median(days)), 1),
        "alone_hours": round(float(np.median(alone[rows])), 1),
        "others": int(np.count_nonzero(records.enumerator[rows] != records.enumerator[doubles])),
    }
    chance = (KNOWN if known else UNKNOWN) * (OF_MANY if len(rows) >= MANY else 1.0)
    ends = np.stack([rows, doubles], axis=1).ravel() if len(rows) == 1 else rows[:0]
    line = np.column_stack([records.lon[ends], records.lat[ends]])
    return Doubt("duplicate", rows, chance, evidence, doubles, line)
