"""Points where no honest phone puts them: several houses at one and the same place, many of them within some steps.

Families share houses (in a city 0.66 to 0.89 houses a family), rooms are let, and flats hold dozens: many families
within a few metres are ordinary there, and so are equal points where one reading served a whole house. So houses are
counted, not families: by the number of the building where the list knows it; families of which it is not known are
taken to share one house with the rest, as far as houses do; and a large building takes any number of them.
"""

from dataclasses import dataclass
from math import log

import numpy as np
import shapely
from numpy.typing import NDArray

from geo.watch.doors import LARGE, Floats, Houses, metres
from geo.watch.doubts import DEGREE, HOUR, Doubt, Mask, Places, Records, at_least, below, by_block, unit

#: Doubts are told if fewer such are to be expected by accident in an enumerator's block.
CHANCE = 0.01
#: The same where several houses have exactly equal points: also where a phone may have given its last reading again.
EQUAL = 0.05
#: Six units within 25 feet (the US census study of domain.md).
MANY, WITHIN = 6, 7.6
#: Chance that a house holds two families or more, and of each one more: rooms let in a kampung, up to eight in a house
#: in two hundred.
SHARED, MORE = 0.145, 0.6
#: A building of more ground than this, square metres, may hold any number; metres around a point in which it may stand.
HALL, REACH = 250.0, 15.0
#: Houses that stand within a reading's scatter of a house.
NEIGHBOURS = 3
#: Minutes within which a phone may have given its last reading again, and the chance that it did; else none.
AGAIN, GIVEN_AGAIN, ELSE = 15.0, 0.02, 1e-5
#: Interviews that follow each other within so many hours are one sitting.
SITTING = 1.0
#: Sigma of the logarithm of the minutes from one interview to the next, and minutes where nothing better is known.
SPREAD, MINUTES = 0.45, 15.0
#: Houses that may matter to a disc lie no farther from its middle, metres.
FAR = 40.0


@dataclass(frozen=True)
class _Ground:
    """Houses near records, on their plane: a tree of them, ground in m², and which are large."""

    x: Floats
    y: Floats
    area_m2: Floats
    large: Mask
    tree: shapely.STRtree

    def near(self, x: float, y: float, reach: float) -> Places:
        """Houses within reach."""
        found: Places = self.tree.query(shapely.Point(x, y), predicate="dwithin", distance=reach)
        return found


def stacked(records: Records, houses: Houses, but: Mask) -> list[Doubt]:
    """Doubts of kind `stacked`: several houses at exactly one place. `but` (n,): records left out."""
    chosen = np.flatnonzero(records.met & ~but)
    if not len(chosen):
        return []
    ground = _ground(records, houses)
    step = unit(records.lon[chosen], records.lat[chosen])
    both = np.column_stack([np.round(records.lon[chosen] / step), np.round(records.lat[chosen] / step)])
    _, of, many = np.unique(both, axis=0, return_inverse=True, return_counts=True)
    of = of.ravel()
    order = np.argsort(of, kind="stable")
    groups = np.split(chosen[order], np.cumsum(many)[:-1])
    return [doubt for rows in groups if len(rows) > 1 and (doubt := _stack(records, rows, ground, step))]


def clusters(records: Records, houses: Houses) -> list[Doubt]:
    """Doubts of kind `cluster`: MANY or more families of several houses WITHIN some metres, where fewer stand."""
    ground = _ground(records, houses)
    pace = _pace(records)
    x, y = records.plane
    found: list[Doubt] = []
    for rows in by_block(records, records.met):
        if len(rows) < MANY:
            continue
        tree = shapely.STRtree(np.asarray(shapely.points(x[rows], y[rows])))
        a, b = tree.query(shapely.points(x[rows], y[rows]), predicate="dwithin", distance=WITHIN)
        full = np.flatnonzero(np.bincount(a, minlength=len(rows)) >= MANY)
        taken = np.zeros(len(records), dtype=bool)
        doubts = []
        for one in full.tolist():
            inside = np.sort(rows[b[a == one]])
            doubts += [
                doubt
                for some in _sittings(records, inside)
                if (
                    doubt := _cluster(
                        records, some, (float(x[rows[one]]), float(y[rows[one]])), ground, (len(rows), pace)
                    )
                )
            ]
        for doubt in sorted(doubts, key=lambda one: (one.chance, -len(one.rows))):
            if not taken[doubt.rows].any():
                taken[doubt.rows] = True
                found.append(doubt)
    return found


# ── one place ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _coincidence(records: Records, rows: Places, step: float) -> float:
    """How many equal points honest readings would leave among those of this enumerator in this block."""
    one = rows[0]
    same = (records.number == records.number[one]) & (records.enumerator == records.enumerator[one]) & records.met
    sigma = float(np.median(records.sigma[same]))
    chance = (step * DEGREE) ** 2 / (4 * np.pi * sigma**2)
    return float(np.count_nonzero(same)) * NEIGHBOURS * chance


def _stack(records: Records, rows: Places, ground: _Ground | None, step: float) -> Doubt | None:
    """The doubt about equal points, unless the families may well share a house."""
    rows = rows[np.argsort(records.captured[rows], kind="stable")]
    buildings, unknown = _buildings(records, rows)
    x, y = records.plane
    hall = ground is not None and ground.large[ground.near(float(x[rows[0]]), float(y[rows[0]]), REACH)].any()
    gaps = np.diff(records.captured[rows]) / 60
    again = GIVEN_AGAIN if (gaps <= AGAIN).all() and records.timed[rows].all() else ELSE
    if buildings > 1 and not hall:
        usual = min(2 * float(records.stray[rows].min()), 1.0)
        chance = max(again, min(_coincidence(records, rows, step), 1.0) ** (buildings - 1) * usual)
        limit = EQUAL
    else:
        chance = 1.0 if hall or not unknown else boarding(unknown + buildings) * float(records.stray[rows].min())
        limit = CHANCE
    if chance >= limit:
        return None
    evidence: dict[str, float | int | str] = {
        "houses": buildings + (1 if unknown and not buildings else 0),
        "unlisted": unknown,
        "minutes": round(float(records.captured[rows[-1]] - records.captured[rows[0]]) / 60, 1),
        "accuracy_m": round(float(np.nan_to_num(np.nanmedian(np.append(records.accuracy_m[rows], 0)))), 1),
    }
    return Doubt("stacked", rows, chance, evidence)


def boarding(families: int) -> float:
    """Chance that a house holds so many families or more."""
    return 1.0 if families < 2 else SHARED * MORE ** (families - 2)


def _buildings(records: Records, rows: Places) -> tuple[int, int]:
    """Houses that the list knows for these families, and families of which it does not know the house."""
    listed = records.building[rows]
    return len(np.unique(listed[listed >= 0])), int(np.count_nonzero(listed < 0))


# ── within some steps ─────────────────────────────────────────────────────────────────────────────────────────────


def _ground(records: Records, houses: Houses) -> _Ground | None:
    """The houses on the records' plane; None where none is known."""
    if not len(houses) or not records.placed.any():
        return None
    x, y = metres(houses.lon, houses.lat, records.lon[records.placed], records.lat[records.placed])
    large = houses.area_m2 > max(LARGE * float(np.median(houses.area_m2)), HALL)
    return _Ground(x, y, houses.area_m2, large, shapely.STRtree(np.asarray(shapely.points(x, y))))


def _pace(records: Records) -> float:
    """Minutes from one completed interview to the next, where they follow each other: the median of all."""
    rows = np.flatnonzero(records.met & records.timed)
    same = np.diff(records.enumerator[rows]) == 0
    gaps = np.diff(records.captured[rows])[same] / 60
    gaps = gaps[(gaps > 0) & (gaps < SITTING * 60)]
    return float((np.median(gaps) * len(gaps) + MINUTES * 20) / (len(gaps) + 20)) if len(gaps) else MINUTES


def _sittings(records: Records, rows: Places) -> list[Places]:
    """All of these records, and besides those of each sitting, where there are MANY."""
    gaps = np.diff(records.captured[rows]) > SITTING * HOUR
    parts = np.split(rows, np.flatnonzero(gaps) + 1)
    return [rows, *(part for part in parts if MANY <= len(part) < len(rows))]


def _cluster(
    records: Records, rows: Places, middle: tuple[float, float], ground: _Ground | None, of: tuple[int, float]
) -> Doubt | None:
    """The doubt about families within some steps of a place; `of`: points of the block, ordinary minutes apart."""
    among, pace = of
    buildings, unknown = _buildings(records, rows)
    houses = buildings + (1 if unknown else 0)
    expected, standing, hall = _standing(records, rows, middle, ground)
    if hall and buildings <= 1:
        return None
    space = at_least(houses - 1, expected) if ground is not None else 1.0
    if unknown > 1 and not hall:
        space *= boarding(unknown)
    gap = _gap(records, rows)
    time = (
        1.0 if gap is None else below(log(max(gap, 0.05) / pace) / SPREAD) ** (len(rows) - 2) if gap < pace / 2 else 1.0
    )
    chance = min(among * space * time, 1.0)
    if chance >= CHANCE or (houses < MANY and time > 1e-6):
        return None
    x, y = records.plane
    radius = float(np.hypot(x[rows] - x[rows].mean(), y[rows] - y[rows].mean()).max())
    evidence: dict[str, float | int | str] = {
        "radius_m": round(radius, 1),
        "houses": buildings,
        "unlisted": unknown,
        "buildings": standing,
        "minutes": round(float(records.captured[rows[-1]] - records.captured[rows[0]]) / 60, 1),
    }
    return Doubt("cluster", rows, chance, evidence)


def _gap(records: Records, rows: Places) -> float | None:
    """Minutes from one record to the next, in the middle; None where the moments are not their own."""
    if not records.timed[rows].all():
        return None
    return float(np.median(np.diff(records.captured[rows]))) / 60


def _standing(
    records: Records, rows: Places, middle: tuple[float, float], ground: _Ground | None
) -> tuple[float, int, bool]:
    """Houses whose readings are to be expected within the disc; buildings standing there; whether one is large."""
    if ground is None:
        return 0.0, 0, False
    near = ground.near(*middle, FAR)
    away = np.hypot(ground.x[near] - middle[0], ground.y[near] - middle[1])
    sigma = float(np.median(records.sigma[records.met]))
    spread = np.sqrt(sigma**2 + ground.area_m2[near] / np.pi / 2)
    wide = np.sqrt(ground.area_m2[near] / np.pi)
    hall = bool((ground.large[near] & (away <= WITHIN + wide)).any())
    return float(_inside(away, spread).sum()), int(np.count_nonzero(away <= WITHIN + wide / 2)), hall


def _inside(away: Floats, sigma: Floats) -> NDArray[np.float64]:
    """Chance of a reading within the disc, of houses so far from its middle."""
    ring = WITHIN * np.sqrt((np.arange(4) + 0.5) / 4)
    angle = np.arange(12) * np.pi / 6
    x, y = (ring[:, None] * np.cos(angle)).ravel(), (ring[:, None] * np.sin(angle)).ravel()
    square = (away[:, None] - x) ** 2 + y**2
    dense = np.exp(-square / (2 * sigma[:, None] ** 2)) / (2 * np.pi * sigma[:, None] ** 2)
    found: NDArray[np.float64] = np.minimum(np.pi * WITHIN**2 * dense.mean(axis=1), 1.0)
    return found
