"""Which houses of a village somebody has been to, and which groups of adjoining houses nobody has: on arrays alone.

Phones say where a family was met to within some metres, and houses stand as close. So points are matched with houses
one to one where that can be: the surest pairs first, each house taking one point. A point whose own house is taken
already is that of a further family there. Without this a row of visited houses would serve the row behind it too.

Single houses without a point are ordinary: empty ones, sheds, points that strayed. A group of adjoining ones is no
accident if such a group would hardly come about by strewing as many over the block. How many ways there are to pick k
adjoining houses out of many is known where each has six neighbours (fixed polyhexes, OEIS A001207), which is about what
houses have; so the number of chance groups can be written down and nothing need be drawn at random.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

#: Phones give the radius with 68 % of readings inside: so many sigmas of either axis (a Rayleigh distribution).
RADIUS = 1.515
#: Sigma of a reading, metres: at least, at most (a poorer one says little of a single house), and where none was given.
SIGMA, UNKNOWN = (2.0, 15.0), 5.0
#: Sigmas from a house beyond which a point is not of it.
REACH = 3.0
#: A point takes a free house instead of its nearest if that is at most e^2 times less likely.
WILLING = 2.0
#: Neighbours of a house: so many of the nearest, none farther than so many metres.
NEIGHBOURS, FAR = 6, 60.0
#: Fewer adjoining houses are never a group.
LEAST = 5
#: A group is reported if fewer than so many like it are to be expected in its block by chance.
CHANCE = 0.005
#: The ordinary rate of houses without a point where nothing better is known, and how many houses' worth of evidence
#: the village's rate is for a block and that figure for a village.
ORDINARY, WEIGHT = 0.08, 50.0
#: A block of which so much is visited tells what is ordinary.
WALKED = 0.6
#: Families of a house where nothing better is known: the middle of 1 / 0.89 and 1 / 0.66 (Regsosek's manual).
FAMILIES, VARIANCE = 1.3, 0.6
#: A building so many times the village's median is large: it holds families by the ground it covers.
LARGE = 3.0
#: Share of a group's families by which its extent is unsure: points of the houses around it fall onto its edge.
EDGE = 0.12
#: An 80 % interval of a normal distribution reaches so many sigmas to either side.
Z80 = 1.2816

#: Fixed polyhexes of 1 to 18 cells, and the factor by which there are more of each further size.
POLYHEXES = (
    *(1, 3, 11, 44, 186, 814, 3652, 16689, 77359, 362671, 1716033, 8182213, 39267086, 189492795, 918837374),
    *(4474080844, 21866153748, 107217298977),
)
GROWTH = 5.1
#: Houses around a group of k, all visited: about 1.5 k + 4, measured by strewing over the simulated city.
AROUND, AROUND_ONE = 1.5, 4.0


@dataclass(frozen=True)
class Houses:
    """Residential footprints (n,): the number of their block, degrees (EPSG:4326) and ground in m²."""

    number: Ints
    lon: Floats
    lat: Floats
    area_m2: Floats

    def __len__(self) -> int:
        """How many there are."""
        return len(self.number)


@dataclass(frozen=True)
class Points:
    """Where somebody knocked (m,): degrees, accuracy in metres (NaN: not given), local day since 1970."""

    lon: Floats
    lat: Floats
    accuracy_m: Floats
    day: Ints

    def __len__(self) -> int:
        """How many there are."""
        return len(self.lon)


@dataclass(frozen=True)
class Group:
    """Adjoining houses of one block that nobody has been to: `houses` are places in Houses.

    `missing` families are expected there, between `low` and `high` four times of five. `chance`: how many such groups
    accident makes in the block. `day`: the last on which somebody was at a house beside it, None where nobody was.
    """

    number: int
    houses: NDArray[np.intp]
    missing: float
    low: float
    high: float
    chance: float
    day: int | None


def unvisited(houses: Houses, points: Points) -> list[Group]:
    """Groups of houses nobody has been to, in blocks that lie together: a village, with all points known around there.

    Blocks where next to nobody has been yet come as one group or several: what has not been walked is the caller's to
    know.
    """
    if not len(houses):
        return []
    x, y = metres(houses.lon, houses.lat, houses.lon, houses.lat)
    held, of = matched(houses, points)
    empty = held == 0
    a, b = _neighbours(x, y)
    within = houses.number[a] == houses.number[b]
    both = within & empty[a] & empty[b]
    label = _connected(len(x), a[both], b[both])
    label[~empty] = -1
    size = np.bincount(label[empty], minlength=len(x))
    large = np.flatnonzero(size >= LEAST)
    if not len(large):
        return []
    rate, count = _ordinary(houses.number, empty, np.where(empty, size[label], 0))
    mean, spread = _families(houses, held, empty)
    last = np.full(len(x), -1, dtype=np.int64)
    near = of >= 0
    np.maximum.at(last, of[near], points.day[near])
    beside = np.full(len(x), -1, dtype=np.int64)
    np.maximum.at(beside, label[a[empty[a]]], last[b[empty[a]]])
    found = []
    for one in large.tolist():
        members = np.flatnonzero(label == one)
        number = int(houses.number[one])
        accident = chance(count[one], len(members), rate[one])
        if accident < CHANCE:
            lived_in = min((1 - rate[one]) / (1 - ORDINARY), 1.0)
            missing = float(mean[members].sum()) * lived_in
            sigma = (spread[members].sum() + (EDGE * missing) ** 2) ** 0.5
            low, high = max(missing - Z80 * sigma, 1.0), missing + Z80 * sigma
            day = int(beside[one]) if beside[one] >= 0 else None
            found.append(Group(number, members, missing, low, high, accident, day))
    return found


def metres(lon: Floats, lat: Floats, over_lon: Floats, over_lat: Floats) -> tuple[Floats, Floats]:
    """Degrees as metres east and north of the middle of others, on a flat map that does for a district (WGS 84)."""
    middle = float(np.mean(over_lat))
    phi = np.radians(middle)
    per_lon = 111412.84 * np.cos(phi) - 93.5 * np.cos(3 * phi)
    per_lat = 111132.92 - 559.82 * np.cos(2 * phi) + 1.175 * np.cos(4 * phi)
    return (lon - float(np.mean(over_lon))) * per_lon, (lat - middle) * per_lat


def matched(houses: Houses, points: Points) -> tuple[Ints, NDArray[np.intp]]:
    """Families met at each house (n,), and the house of each point (m,), −1 for one that is of none."""
    held, of = np.zeros(len(houses), dtype=np.int64), np.full(len(points), -1, dtype=np.intp)
    if not len(points):
        return held, of
    x, y = metres(houses.lon, houses.lat, houses.lon, houses.lat)
    px, py = metres(points.lon, points.lat, houses.lon, houses.lat)
    tree = shapely.STRtree(np.asarray(shapely.points(x, y)))
    sigma = np.where(np.isnan(points.accuracy_m), UNKNOWN, points.accuracy_m / RADIUS).clip(*SIGMA)
    # a door is at an edge of the house: of a disc of its ground, the square of either axis is half the radius'
    house = houses.area_m2 / np.pi / 2
    reach = np.minimum(REACH * np.sqrt(sigma**2 + house.max()), FAR)
    i, j = tree.query(shapely.points(px, py), predicate="dwithin", distance=reach)
    square = sigma[i] ** 2 + house[j]
    odds = ((px[i] - x[j]) ** 2 + (py[i] - y[j]) ** 2) / square / 2
    close = odds <= REACH**2 / 2
    i, j, cost = i[close], j[close], (odds + np.log(square))[close]
    order = np.argsort(cost, kind="stable")
    i, j, cost = i[order], j[order], cost[order]
    best = np.full(len(points), np.inf)
    np.minimum.at(best, i, cost)
    likely = cost <= best[i] + WILLING
    home, taken = of.tolist(), held.tolist()
    for point, house in zip(i[likely].tolist(), j[likely].tolist(), strict=True):
        if home[point] < 0 and not taken[house]:
            home[point], taken[house] = house, 1
    of = np.array(home, dtype=np.intp)
    rest = np.flatnonzero((of[i] < 0) & (cost == best[i]))  # further families: at the nearest
    of[i[rest]] = j[rest]
    return np.bincount(of[of >= 0], minlength=len(houses)).astype(np.int64), of


def chance(count: int, size: int, rate: float) -> float:
    """How many groups of at least `size` adjoining houses accident makes of `count`, each empty at a `rate`."""
    k = np.arange(size, size + 60)
    known = np.minimum(k, len(POLYHEXES))
    ways = np.log(np.array(POLYHEXES, dtype=np.float64))[known - 1] + (k - known) * np.log(GROWTH)
    each = ways + k * np.log(rate) + (AROUND * k + AROUND_ONE) * np.log1p(-rate)
    return float(count * np.exp(each).sum())


def _neighbours(x: Floats, y: Floats) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Pairs of houses that stand beside each other: one of the nearest of the other. Each pair both ways."""
    places = np.asarray(shapely.points(x, y))
    tree = shapely.STRtree(places)
    a, b = tree.query(places, predicate="dwithin", distance=FAR / 2)
    lonely = np.bincount(a, minlength=len(x)) <= NEIGHBOURS  # itself included
    further, others = tree.query(places[lonely], predicate="dwithin", distance=FAR)
    near = ~lonely[a]
    a, b = np.append(a[near], np.flatnonzero(lonely)[further]), np.append(b[near], others)
    a, b = a[a != b], b[a != b]
    away = (x[a] - x[b]) ** 2 + (y[a] - y[b]) ** 2
    order = np.lexsort((b, away, a))
    a, b = a[order], b[order]
    near = np.arange(len(a)) - np.searchsorted(a, a) < NEIGHBOURS
    a, b = a[near], b[near]
    return np.concatenate([a, b]), np.concatenate([b, a])


def _connected(count: int, a: NDArray[np.intp], b: NDArray[np.intp]) -> NDArray[np.intp]:
    """For each of `count` the first one that pairs lead to from it."""
    label = np.arange(count)
    while True:
        least = label.copy()
        np.minimum.at(least, a, label[b])
        least = least[least]
        if (least == label).all():
            return label
        label = least


def _ordinary(number: Ints, empty: NDArray[np.bool_], group: Ints) -> tuple[Floats, Ints]:
    """Of each house: the rate of empty ones in its block besides its `group`, and how many houses the block has.

    `group` are the empty houses that adjoin each of them, itself included. Few houses say little: the rate leans on the
    village's, for which the largest group of every block is left out, and that on what is ordinary. Nothing else is
    left out: where many houses are empty, chance makes groups too.
    """
    _, block = np.unique(number, return_inverse=True)
    every, bare = np.bincount(block), np.bincount(block, weights=empty)
    largest = np.zeros(len(every), dtype=np.int64)
    np.maximum.at(largest, block, np.where(group >= LEAST, group, 0))
    walked = (bare - largest) / np.maximum(every - largest, 1) <= 1 - WALKED
    village = ((bare - largest)[walked].sum() + WEIGHT * ORDINARY) / ((every - largest)[walked].sum() + WEIGHT)
    rate = (bare[block] - group + WEIGHT * village) / (every[block] - group + WEIGHT)
    return rate, every[block]


def _families(houses: Houses, held: Ints, empty: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Families to be expected in each house, and their variance: what visited houses of its kind held.

    Of small ones in the block, leaning on the village; of large ones by their ground, in the village.
    """
    _, block = np.unique(houses.number, return_inverse=True)
    large = houses.area_m2 > LARGE * np.median(houses.area_m2)
    seen, whole = ~empty & ~large, float(WEIGHT)
    village = (held[seen].sum() + whole * FAMILIES) / (seen.sum() + whole)
    variance = (((held[seen] - village) ** 2).sum() + whole * VARIANCE) / (seen.sum() + whole)
    met = np.bincount(block[seen], weights=held[seen], minlength=block.max() + 1)
    mean: Any = (met + whole * village) / (np.bincount(block[seen], minlength=block.max() + 1) + whole)
    mean, spread = mean[block], np.full(len(houses), variance)
    big = ~empty & large
    if large.any():
        ground = houses.area_m2[big].sum()
        small = max(float(np.median(houses.area_m2)), 1.0)
        each = held[big].sum() / ground if ground > 0 else village / small
        mean[large] = np.maximum(each * houses.area_m2[large], village)
        spread[large] = mean[large] ** 2 / 4  # a large building may be half empty, or as much fuller
    return mean, spread
