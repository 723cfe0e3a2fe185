"""Points that look moved: onto the exact middle of two others, an exact distance beside one, onto a block's centroid.

Offices that must bring a point into its block do it so. In a dense kampung such relations come about by accident: a
block of 90 families has 4,000 middles, and one pair of points in some lies exactly five metres apart. So the chance of
each is reckoned: how many are to be expected from how close points lie there and to how many decimals they are told,
times how usual it is for this enumerator that a point lies so far from those before and after it on the walk. An honest
point lies beside its neighbours; one that was moved mostly does not.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geo.watch.doors import Floats, Ints
from geo.watch.doubts import DEGREE, Doubt, Mask, Places, Records, by_block, unit

#: A relation is told if fewer such are to be expected by accident among the points of its enumerator in its block.
CHANCE = 0.02
#: Metres around a point in which it is measured how close others lie.
AROUND = 15.0
#: Metres apart at which offices put a point beside another; of pairs as near to that as so many metres it is measured
#: how many lie at about that distance.
ROUND, SLACK = (5.0, 10.0), 1.5
#: Units by which a distance may be off after a point was rounded.
ROUNDED = 0.55
#: Two accuracies are the same if told so.
SAME = 0.05
#: Metres from a centroid: programs differ by so much in where it is.
CENTRE = 0.15
#: Points of one enumerator in one block up to which they are all compared with each other.
MOST = 1_500
#: The middle of two whole numbers is one whole number half of the time, else it may be rounded to either of two.
CELLS = 2.25
#: Points that share one place where an accident is thought of.
PILE = 3


@dataclass(frozen=True)
class Centres:
    """Centroids (k,) of blocks, by number, and points in them for labels; degrees."""

    number: Ints
    lon: Floats
    lat: Floats


def moved(records: Records, centres: Centres, apart: Mask) -> list[Doubt]:
    """Doubts of kinds `midpoint`, `shifted` and `centroid`. `apart` (n,): records left out, doubted for their shape."""
    found = central(records, centres)
    put = np.zeros(len(records), dtype=bool)
    for doubt in found:
        put[doubt.rows] = True
    chosen = records.counts & records.placed & ~apart & ~put
    for rows in by_block(records, chosen):
        some = rows[:MOST]
        if len(some) > 2:
            found += _middles(records, some)
            found += _beside(records, some)
    return found


def central(records: Records, centres: Centres) -> list[Doubt]:
    """Doubts of kind `centroid`: all points of an enumerator at one centre of a block together."""
    found: list[Doubt] = []
    x, y = records.plane
    chosen = records.counts & records.placed
    for rows in by_block(records, chosen):
        here = np.flatnonzero(centres.number == records.number[rows[0]])
        for lon, lat in {*zip(centres.lon[here].tolist(), centres.lat[here].tolist(), strict=True)}:
            high = abs(records.lat[rows] - lat) * DEGREE
            wide = abs(records.lon[rows] - lon) * DEGREE * np.cos(np.radians(lat))
            at = rows[np.hypot(high, wide) <= CENTRE]
            if not len(at):
                continue
            dense = _density(x[rows], y[rows], x[at[:1]], y[at[:1]])[0]
            chance = dense * np.pi * CENTRE**2 * records.stray[at].min()
            if chance < CHANCE:
                away = float(np.hypot(high, wide).min())
                evidence: dict[str, float | int | str] = {"metres": round(away, 2), "count": len(at)}
                found.append(Doubt("centroid", at, float(chance), evidence, line=np.array([[lon, lat]])))
    return found


def _middles(records: Records, rows: Places) -> list[Doubt]:
    """Points exactly in the middle of two others."""
    step = unit(records.lon[rows], records.lat[rows])
    x, y = _lattice(records, rows, step)
    x, y, rows = _distinct(x, y, rows)
    count = len(rows)
    if count < 3:
        return []
    a, b = np.triu_indices(count, 1)
    total = x[a] + x[b]
    order = np.argsort(total, kind="stable")
    a, b, total = a[order], b[order], total[order]
    lo, hi = np.searchsorted(total, 2 * x - 1), np.searchsorted(total, 2 * x + 1, side="right")
    middle = np.repeat(np.arange(count), hi - lo)
    at = np.arange(len(middle)) - np.repeat(np.cumsum(hi - lo) - (hi - lo), hi - lo) + np.repeat(lo, hi - lo)
    fits = (np.abs(y[a[at]] + y[b[at]] - 2 * y[middle]) <= 1) & (a[at] != middle) & (b[at] != middle)
    middle, at = middle[fits], at[fits]
    if not len(middle):
        return []
    px, py = records.plane
    px, py = px[rows], py[rows]
    wide = np.hypot(px[a] - px[b], py[a] - py[b])
    ranked = np.sort(wide)
    cell = CELLS * (step * DEGREE) ** 2
    best: dict[int, Doubt] = {}
    for one, pair in zip(middle.tolist(), at.tolist(), strict=True):
        closer = int(np.searchsorted(ranked, wide[pair], side="right"))
        dense = _density(px, py, px[one : one + 1], py[one : one + 1])[0]
        row = rows[one]
        chance = float(closer * dense * cell * records.stray[row])
        if chance < CHANCE and (one not in best or chance < best[one].chance):
            ends = rows[[a[pair], b[pair]]]
            evidence: dict[str, float | int | str] = {"metres": round(float(wide[pair] / 2), 2)}
            line = np.column_stack([records.lon[ends], records.lat[ends]])
            best[one] = Doubt("midpoint", rows[[one]], chance, evidence, ends, line)
    return _not_of_each_other(list(best.values()))


def _not_of_each_other(found: list[Doubt]) -> list[Doubt]:
    """Of doubts that lean on what others doubt, the less likely accidents: three even steps are two middles."""
    kept: list[Doubt] = []
    doubted: set[int] = set()
    leant: set[int] = set()
    for doubt in sorted(found, key=lambda one: one.chance):
        own = set(doubt.rows.tolist())
        if own & leant or set(doubt.beside.tolist()) & doubted:
            continue
        doubted |= own
        leant |= set(doubt.beside.tolist())
        kept.append(doubt)
    return kept


def _beside(records: Records, rows: Places) -> list[Doubt]:
    """Points exactly some round distance from another."""
    step = unit(records.lon[rows], records.lat[rows]) * DEGREE
    exact = step * ROUNDED
    if exact > SLACK / 3:  # distances of such points are told no more exactly than that
        return []
    x, y = records.plane
    a, b = np.triu_indices(len(rows), 1)
    a, b = rows[a], rows[b]
    wide = np.hypot(x[a] - x[b], y[a] - y[b])
    found: dict[int, Doubt] = {}
    for metres in ROUND:
        about = np.count_nonzero(np.abs(wide - metres) <= SLACK)
        expected = about * exact / SLACK
        for pair in np.flatnonzero(np.abs(wide - metres) <= exact).tolist():
            one, other = int(a[pair]), int(b[pair])
            if records.stray[other] < records.stray[one]:
                one, other = other, one
            chance = expected * min(2 * float(records.stray[one]), 1.0) * _signs(records, one, other, rows, metres)
            if chance < CHANCE and (one not in found or chance < found[one].chance):
                found[one] = _shifted(records, one, other, float(wide[pair]), chance)
    return _not_of_each_other(list(found.values()))


def _signs(records: Records, one: int, other: int, rows: Places, metres: float) -> float:
    """What makes an accident less likely still: the same accuracy, and a move along a parallel or a meridian."""
    chance = 1.0
    known = records.accuracy_m[rows]
    known = known[~np.isnan(known)]
    if abs(records.accuracy_m[one] - records.accuracy_m[other]) < SAME:
        chance *= float(np.mean(np.abs(known - records.accuracy_m[one]) < SAME))
    step = unit(records.lon[rows], records.lat[rows])
    moved = abs(records.lon[one] - records.lon[other]), abs(records.lat[one] - records.lat[other])
    if min(moved) < step / 2:
        chance *= min(2 * step * DEGREE / (np.pi * metres), 1.0)
    return chance


def _shifted(records: Records, one: int, other: int, metres: float, chance: float) -> Doubt:
    same = bool(abs(records.accuracy_m[one] - records.accuracy_m[other]) < SAME)
    evidence: dict[str, float | int | str] = {"metres": round(metres, 3), "same_accuracy": int(same)}
    line = np.array([[records.lon[at], records.lat[at]] for at in (other, one)])
    return Doubt("shifted", np.array([one]), chance, evidence, np.array([other]), line)


def _lattice(records: Records, rows: Places, step: float) -> tuple[Ints, Ints]:
    """Coordinates as whole numbers of units."""
    return (
        np.round(records.lon[rows] / step).astype(np.int64),
        np.round(records.lat[rows] / step).astype(np.int64),
    )


def _distinct(x: Ints, y: Ints, rows: Places) -> tuple[Ints, Ints, Places]:
    """One of each place: points that are the same are doubted as such."""
    _, first = np.unique(np.column_stack([x, y]), axis=0, return_index=True)
    first.sort()
    return x[first], y[first], rows[first]


def _density(x: Floats, y: Floats, at_x: Floats, at_y: Floats) -> NDArray[np.float64]:
    """Points a square metre around some places; of the lonely as if there were one more."""
    near = np.hypot(x[None, :] - at_x[:, None], y[None, :] - at_y[:, None]) <= AROUND
    found: NDArray[np.float64] = np.maximum(near.sum(axis=1), 1) / (np.pi * AROUND**2)
    return found
