"""Which families have a site of a programme within which distance, and what comes to each site: sums of leaves.

Functions of published figures and of the list of sites alone; no database. Distances are straight lines over the sphere
from a leaf's own point to a site. They are never told, only their class: a leaf's point stands for all its families,
who live some hundred metres around it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from geo.errors import BadInput
from geo.publish import bands, cost
from geo.publish.leaves import UNKNOWN, Degrees, Leaves, Whole

#: Upper bounds of the distance classes but the last, kilometres; a bound itself belongs to the next class.
LIMITS_KM = (1, 2, 5, 10)
CLASSES = ("<1", "1-2", "2-5", "5-10", ">10")

#: Instead of a class where there is no site at all.
NO_CLASS = -1

#: Instead of a position where there is none.
NOWHERE = -1

#: Mean radius of the Earth (IUGG 1980, R1), kilometres.
EARTH_KM = 6371.0088

#: How a site stands: nobody can say, has room, may be full, is full beyond what the noise could make.
FULLNESS = ("unknown", "within", "near", "over")
Fullness = Literal["unknown", "within", "near", "over"]

Classes = NDArray[np.int8]
Flags = NDArray[np.bool_]
Positions = NDArray[np.int64]

#: Distances held in memory at once.
_AT_ONCE = 1_000_000


class Points(Protocol):
    """Whatever has places: arrays of degrees, EPSG:4326."""

    @property
    def lon(self) -> Degrees:
        """Longitudes."""

    @property
    def lat(self) -> Degrees:
        """Latitudes."""


@dataclass(frozen=True)
class Places:
    """S sites in any order: `lon`, `lat` (S,) degrees, EPSG:4326; `capacity` (S,) in poor families, or UNKNOWN."""

    ids: tuple[str, ...]
    programme: tuple[str, ...]
    lon: Degrees
    lat: Degrees
    capacity: Whole

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def programmes(self) -> tuple[str, ...]:
        """Every programme that has a site, in the order of their names."""
        return tuple(sorted(set(self.programme)))

    def positions(self, programme: str) -> Positions:
        """Where the sites of a programme stand in this list."""
        return np.array([i for i, name in enumerate(self.programme) if name == programme], np.int64)

    def take(self, positions: Positions) -> "Places":
        """The sites at these positions."""
        at = positions.tolist()
        ids, programme = tuple(self.ids[i] for i in at), tuple(self.programme[i] for i in at)
        return Places(ids, programme, self.lon[positions], self.lat[positions], self.capacity[positions])


@dataclass(frozen=True)
class Sums:
    """Figures of G groups of leaves, each array (G,): what `Leaves` says, added up, and how many leaves there are.

    `expected` is UNKNOWN where that of any leaf is, as in the release's own sums.
    """

    n: Whole
    value: Whole
    draws: Whole
    expected: Whole
    leaves: Whole

    def __len__(self) -> int:
        return len(self.n)

    def parts(self, group: int) -> dict[str, int | None]:
        """What `published.figure` tells a figure from."""
        expected = int(self.expected[group])
        said = {"n": int(self.n[group]), "value": int(self.value[group]), "draws": int(self.draws[group])}
        return {**said, "expected": None if expected == UNKNOWN else expected}


@dataclass(frozen=True)
class ClusterReach:
    """How C clusters are reached by P programmes: classes (C, P) of their nearest and of their farthest leaf.

    NO_CLASS where a programme has no site.
    """

    programmes: tuple[str, ...]
    nearest: Classes
    farthest: Classes

    def without_site(self, km: int) -> Flags:
        """Whether (C, P) no leaf of the cluster has a site of the programme within `km`, one of LIMITS_KM."""
        return ~within(self.nearest, km)

    def all_within(self, km: int) -> Flags:
        """Whether (C, P) every leaf of the cluster has one."""
        return within(self.farthest, km)


def nearest(points: Points, places: Places) -> Positions:
    """The position (L,) of the site nearest to each point; of equally near ones that of the smallest id.

    NOWHERE where there is no site.
    """
    return _nearest(points, places)[0]


def classes(points: Points, places: Places) -> Classes:
    """The distance class (L,) of each point to the nearest site, a position in CLASSES; NO_CLASS without a site."""
    chords = _nearest(points, places)[1]
    found = np.searchsorted(_chords(LIMITS_KM), chords, side="right").astype(np.int8)
    return np.where(np.isfinite(chords), found, np.int8(NO_CLASS))


def within(of: Classes, km: int) -> Flags:
    """Whether each class lies within `km`. Raises BadInput (`bad-km`) where that is none of LIMITS_KM."""
    return np.asarray((of != NO_CLASS) & (of <= limit(km)))


def limit(km: int) -> int:
    """The last class within `km`. Raises BadInput (`bad-km`) where that is none of LIMITS_KM."""
    if km not in LIMITS_KM:
        raise BadInput(f"a distance is one of {', '.join(map(str, LIMITS_KM))} km, not {km}", code="bad-km")
    return LIMITS_KM.index(km)


def reached(leaves: Leaves, groups: NDArray[np.integer], many: int) -> Sums:
    """Sums by group: `groups` (L,) are numbers from 0 to `many` − 1; leaves of a negative one are left out."""
    kept = groups >= 0
    of = groups[kept].astype(np.int64)
    unknown = leaves.expected == UNKNOWN

    def add(column: NDArray[np.int64]) -> Whole:
        total = np.zeros(many, np.int64)
        np.add.at(total, of, column[kept])
        return total

    expected = np.where(add(unknown.astype(np.int64)) > 0, UNKNOWN, add(np.where(unknown, 0, leaves.expected)))
    ones = np.ones(len(leaves), np.int64)
    return Sums(add(leaves.n), add(leaves.value), add(leaves.draws), expected, add(ones))


def demand(leaves: Leaves) -> Whole:
    """Poor families of each leaf as they are shown: never negative, 0 where the release shows no number (L,)."""
    shown = (leaves.draws > 0) & (leaves.n >= bands.SHOWN_FROM)
    return np.where(shown, np.clip(leaves.value, 0, leaves.n), 0)


def loads(leaves: Leaves, places: Places, km: int | None = None) -> Sums:
    """For each site (S,) the sums of the leaves to which it is the nearest of its programme, and within `km` if given.

    A leaf counts once for every programme. Raises BadInput (`bad-km`).
    """
    total = np.zeros((5, len(places)), np.int64)
    for programme in places.programmes:
        own = places.positions(programme)
        these = places.take(own)
        at = nearest(leaves, these)
        if km is not None:
            at = np.where(within(classes(leaves, these), km), at, NOWHERE)
        sums = reached(leaves, at, len(own))
        total[:, own] = [sums.n, sums.value, sums.draws, sums.expected, sums.leaves]
    return Sums(*total)


def fullness(load: Sums, capacity: Whole) -> tuple[Fullness, ...]:
    """How each site stands (S,) with the poor families who come to it, by the ± that is told with them.

    `over`: more than its capacity, whatever the noise; `near`: perhaps more; `within`: not. `unknown` where a capacity
    is, or nothing is published yet; so too where few of the families expected are counted, unless it is `over`.
    """
    return tuple(_full(load, i, int(room)) for i, room in enumerate(capacity.tolist()))


def overlap(leaves: Leaves, places: Places, km: int) -> tuple[list[tuple[str, ...]], Sums]:
    """Sums of the leaves by the set of programmes that have a site within `km`, the most programmes first.

    Every leaf stands in one set, those without any in the empty one. Raises BadInput (`bad-km`).
    """
    programmes = places.programmes
    has = np.zeros((len(leaves), len(programmes)), bool)
    for i, programme in enumerate(programmes):
        has[:, i] = within(classes(leaves, places.take(places.positions(programme))), km)
    sets, of = np.unique(has, axis=0, return_inverse=True)
    order = sorted(range(len(sets)), key=lambda i: (-int(sets[i].sum()), *(~sets[i]).tolist()))
    rank = np.empty(len(sets), np.int64)
    rank[order] = np.arange(len(sets))
    names = [tuple(name for name, in_it in zip(programmes, sets[i], strict=True) if in_it) for i in order]
    return names, reached(leaves, rank[of.reshape(-1)], len(sets))


def cluster_reach(leaves: Leaves, places: Places, clusters: Sequence[Positions]) -> ClusterReach:
    """How clusters, each the positions of its leaves, are reached by every programme; a cluster has at least a leaf."""
    programmes = places.programmes
    near = np.full((len(clusters), len(programmes)), NO_CLASS, np.int8)
    far = near.copy()
    for i, programme in enumerate(programmes):
        of = classes(leaves, places.take(places.positions(programme)))
        near[:, i] = [of[cells].min() for cells in clusters]
        far[:, i] = [of[cells].max() for cells in clusters]
    return ClusterReach(programmes, near, far)


def chords2(points: Points, others: Points, these: slice) -> NDArray[np.float64]:
    """Squared straight lines through the unit sphere from the points `these` (n) to all the others (m): (n, m)."""
    here, there = _vectors(points.lon[these], points.lat[these]), _vectors(others.lon, others.lat)
    # Differences and not a matrix product: the same on every machine, and exact for places close by.
    sides = [here[axis][:, None] - there[axis][None, :] for axis in range(3)]
    return np.asarray(sides[0] ** 2 + sides[1] ** 2 + sides[2] ** 2)


def chord2(km: float) -> float:
    """The squared straight line through the unit sphere that belongs to a distance over the Earth."""
    return float((2 * np.sin(km / (2 * EARTH_KM))) ** 2)


def kilometres(chords: NDArray[np.float64]) -> NDArray[np.float64]:
    """The distances over the Earth that belong to squared straight lines through the unit sphere."""
    return np.asarray(2 * EARTH_KM * np.arcsin(np.minimum(np.sqrt(chords) / 2, 1)))


def steps(points: int, others: int) -> list[slice]:
    """Parts of `points` so small that their distances to all `others` fit into memory comfortably."""
    size = max(1, _AT_ONCE // max(1, others))
    return [slice(start, start + size) for start in range(0, points, size)]


def _nearest(points: Points, places: Places) -> tuple[Positions, NDArray[np.float64]]:
    """Positions and squared chords (L,) of the nearest sites; NOWHERE and infinity where there is none."""
    many = len(points.lon)
    found, chords = np.full(many, NOWHERE, np.int64), np.full(many, np.inf)
    if not len(places):
        return found, chords
    order = np.array(sorted(range(len(places)), key=lambda i: places.ids[i]), np.int64)
    sorted_places = places.take(order)  # `argmin` takes the first of equal ones
    for part in steps(many, len(places)):
        squares = chords2(points, sorted_places, part)
        best = squares.argmin(axis=1)
        found[part], chords[part] = order[best], squares[np.arange(len(best)), best]
    return found, chords


def _vectors(lon: Degrees, lat: Degrees) -> tuple[Degrees, Degrees, Degrees]:
    x, y = np.radians(lon), np.radians(lat)
    return np.cos(y) * np.cos(x), np.cos(y) * np.sin(x), np.sin(y)


def _chords(limits: Sequence[int]) -> NDArray[np.float64]:
    return np.array([chord2(km) for km in limits])


def _full(load: Sums, site: int, room: int) -> Fullness:
    told = load.parts(site)
    poor, draws, expected = int(load.value[site]), int(load.draws[site]), told["expected"]
    if room == UNKNOWN or (load.leaves[site] and not draws):
        return "unknown"
    off = round(cost.error(draws), 1)
    if poor - off > room:
        return "over"
    if expected is not None and load.n[site] < bands.LOW_COVERAGE * expected:
        return "unknown"
    return "near" if poor + off > room else "within"
