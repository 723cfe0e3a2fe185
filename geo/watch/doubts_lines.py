"""Strands: points of consecutive interviews on one straight line, at even steps, straighter than a phone can read.

Houses stand along straight lanes, and enumerators walk along them: rows of points are ordinary. But phones are metres
off, so rows of readings are ragged, also where a row of houses is ruled. What is doubted is a row that hardly strays
from its line: the sum of the squares of what is left, in units of how far readings stray at the very least, is held
against the chi-square distribution. Points put by hand onto a row of houses are as straight as the houses are; a row
of which each point lies on a house of its own is left alone.
"""

import numpy as np
import shapely
from numpy.typing import NDArray

from geo.watch.doors import Floats, Houses, metres
from geo.watch.doubts import HOUR, Doubt, Places, Records, as_small, by_enumerator

#: A strand is told if fewer such are to be expected by accident in an enumerator's month.
CHANCE = 0.005
#: Points of a strand, at least, and hours between two beyond which it ends.
LEAST, PAUSE = 5, 6.0
#: Metres by which readings of one phone a few minutes apart stray from each other at least, along either axis. Most of
#: a phone's error is common to both; what is not is rarely below this.
STRAYS = 1.5
#: Seeds: windows of LEAST points that stray by no more than this share of it, on average.
STRAIGHT = 0.35
#: Metres between two points of it, and from end to end, at least: what is shorter is no strand but a heap.
STEP, LENGTH = 2.0, 20.0
#: Metres from the middle of a house at which a point is put onto it, and square metres of ground beyond which it is not
#: asked: anything lies on a block of flats.
ON, WIDE = 2.5, 400.0


def strands(records: Records, houses: Houses) -> list[Doubt]:
    """Doubts of kind `strand`."""
    tree, x, y = _standing(records, houses)
    found: list[Doubt] = []
    for rows in by_enumerator(records, records.met & records.timed):
        if len(rows) >= LEAST:
            found += _of_one(records, rows, x, y, tree)
    return found


def _standing(records: Records, houses: Houses) -> tuple[shapely.STRtree | None, Floats, Floats]:
    """The houses, and the records, on one plane."""
    x, y = records.plane
    if not len(houses) or not records.placed.any():
        return None, x, y
    over = records.lon[records.placed], records.lat[records.placed]
    narrow = houses.area_m2 <= WIDE
    hx, hy = metres(houses.lon[narrow], houses.lat[narrow], *over)
    return shapely.STRtree(np.asarray(shapely.points(hx, hy))), x, y


def _of_one(records: Records, rows: Places, x: Floats, y: Floats, tree: shapely.STRtree | None) -> list[Doubt]:
    """Strands among the records of one enumerator: seeds, grown as far as they stay straight."""
    at = np.column_stack([x[rows], y[rows]])
    breaks = np.diff(records.captured[rows]) > PAUSE * HOUR
    seeds = _seeds(at, breaks)
    found: list[Doubt] = []
    after = 0
    for seed in seeds.tolist():
        if seed < after:
            continue
        first, last = seed, seed + LEAST
        while last < len(rows) and not breaks[last - 1] and _left(at[first : last + 1]) <= STRAIGHT * STRAYS:
            last += 1
        doubt = _strand(records, rows[first:last], at[first:last], len(rows), tree)
        if doubt:
            found.append(doubt)
            after = last
    return found


def _seeds(at: NDArray[np.float64], breaks: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Where LEAST consecutive points begin that hardly stray from a line of even steps, or from a line."""
    count = len(at) - LEAST + 1
    if count < 1:
        return np.empty(0, dtype=np.intp)
    window = np.stack([at[k : k + count] for k in range(LEAST)], axis=1)
    middle = window - window.mean(axis=1, keepdims=True)
    scatter = np.einsum("nki,nkj->nij", middle, middle)
    trace, det = np.trace(scatter, axis1=1, axis2=2), np.linalg.det(scatter)
    least = trace / 2 - np.sqrt(np.maximum(trace**2 / 4 - det, 0))
    across = np.sqrt(np.maximum(least, 0) / (LEAST - 2))
    whole = np.array([not breaks[k : k + LEAST - 1].any() for k in range(count)])
    return np.flatnonzero(whole & (across <= STRAIGHT * STRAYS) & (trace > (LENGTH / 4) ** 2))


def _left(at: NDArray[np.float64]) -> float:
    """How far points stray from the line through them, on average, metres."""
    middle = at - at.mean(axis=0)
    return float(np.linalg.svd(middle, compute_uv=False)[-1] / max(len(at) - 2, 1) ** 0.5)


def _strand(
    records: Records, rows: Places, at: NDArray[np.float64], among: int, tree: shapely.STRtree | None
) -> Doubt | None:
    """The strand that points make, if they do and accident does not."""
    middle = at - at.mean(axis=0)
    _, values, axes = np.linalg.svd(middle, full_matrices=False)
    along = middle @ axes[0]
    steps = np.diff(along)
    one_way = bool((steps > 0).all() or (steps < 0).all())
    length = float(np.ptp(along))
    if not one_way or length < LENGTH or np.abs(steps).min() < STEP or _on_houses(at, tree):
        return None
    across = float(values[-1] ** 2)
    turn = np.arange(len(at)) - (len(at) - 1) / 2
    slope = float(along @ turn / (turn @ turn))
    uneven = float(((along - slope * turn) ** 2).sum())
    straight = as_small(across / STRAYS**2, len(at) - 2)
    even = straight * as_small(uneven / STRAYS**2, len(at) - 2)
    chance = among * min(straight, even)
    if chance >= CHANCE:
        return None
    minutes = float(records.captured[rows[-1]] - records.captured[rows[0]]) / 60
    evidence: dict[str, float | int | str] = {
        "length_m": round(length, 1),
        "step_m": round(abs(slope), 2),
        "off_m": round((across / len(at)) ** 0.5, 3),
        "uneven_m": round((uneven / len(at)) ** 0.5, 3),
        "minutes": round(minutes, 1),
    }
    line = np.column_stack([records.lon[rows], records.lat[rows]])
    return Doubt("strand", rows, chance, evidence, line=line)


def _on_houses(at: NDArray[np.float64], tree: shapely.STRtree | None) -> bool:
    """Whether each point lies on a house of its own."""
    if tree is None or not len(tree):
        return False
    nearest, away = tree.query_nearest(shapely.points(at), return_distance=True, all_matches=False)
    own = len(set(nearest[1].tolist())) == len(at)
    return bool(own and (away <= ON).all())
