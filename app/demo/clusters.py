"""Where poverty gathers: discs around a door, in which far more families are poor than around them.

A cluster is exactly the families whose door lies within `radius_m` of its centre, so its truth needs no judgement.
"""

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from app.demo.city import KINDS, City, Scale
from app.demo.terrain import Metres, Terrain
from geo.ground import cells

#: How many clusters are wanted: least and most.
WANTED: dict[Scale, tuple[int, int]] = {"small": (1, 1), "district": (3, 6), "city": (8, 14), "province": (20, 30)}
RADIUS_M = (300.0, 900.0)
#: Radii wished for; where many live they shrink, not below the least of `RADIUS_M`.
WISHED_M = (450.0, 900.0)
#: Share of all families that the clusters together may hold, else what surrounds them would have no poor left.
HELD = 0.10
#: Families a cluster has at least: promises, section 4, shows none below 30 households.
LEAST_FAMILIES = 60
#: Share of a cluster's ground that must be habitable, and of its families that must live in kampung or countryside.
HABITABLE = 0.85
HUMBLE = 0.8
#: Metres between the rims of two clusters, and by how much `HELD` may be passed: what is tried, the best first.
PASSES = ((1_000.0, 1.0), (500.0, 1.0), (250.0, 1.5), (250.0, 3.0))
CANDIDATES = 60
CELL_RESOLUTION = 9
#: A cell of resolution 9 reaches at most so far from any of its points, metres.
_CELL_REACH_M = 500.0


@dataclass(frozen=True)
class Cluster:
    """A planted cluster: families within `radius_m` of `lon`, `lat` (EPSG:4326, degrees).

    `blocks`: codes of blocks, and `cells`: H3 cells of resolution 9, in both of which more than half of the families
    belong to it. `families`: how many belong to it; `poor`: of these with field status 1 or 2; `poor_final`: of these
    in consultation group 1 or 2 after the forum.
    """

    id: str
    lon: float
    lat: float
    radius_m: float
    blocks: tuple[str, ...]
    cells: tuple[int, ...]
    families: int
    poor: int
    poor_final: int


@dataclass(frozen=True)
class Disc:
    """A place for a cluster. `centre` (2,) and `radius`: metres on the plane; `inside`: places in City.families."""

    centre: Metres
    radius: float
    inside: NDArray[np.intp]


def humble(city: City) -> NDArray[np.bool_]:
    """Which blocks (B,) are kampung or countryside without a gate."""
    plain = [KINDS.index("kampung"), KINDS.index("rural")]
    return np.isin(city.blocks.kind, plain) & ~city.blocks.gated


def place(city: City, terrain: Terrain, rng: np.random.Generator) -> list[Disc]:
    """Discs that do not touch one another, all on habitable ground; fewer than wanted where there is no room."""
    plain = humble(city)[city.families.block]
    wanted = int(rng.integers(WANTED[city.scale][0], WANTED[city.scale][1] + 1))
    doors = np.flatnonzero(plain)
    if not len(doors):
        return []
    likely = _roominess(city)[doors]
    found: list[Disc] = []
    for gap, more in PASSES:
        most = max(LEAST_FAMILIES, round(more * HELD * len(city.families) / wanted))
        for door in rng.choice(doors, CANDIDATES * wanted, p=likely / likely.sum()):
            if len(found) == wanted:
                return found
            disc = _fit(terrain, terrain.door[door], rng.uniform(*WISHED_M), most)
            if disc and _apart(disc, found, gap) and plain[disc.inside].mean() >= HUMBLE and _dry(terrain, disc):
                found.append(disc)
    return found


def describe(
    city: City, terrain: Terrain, discs: list[Disc], poor: NDArray[np.bool_], final: NDArray[np.bool_]
) -> list[Cluster]:
    """The clusters in numbers. `poor`, `final` (F,): poor by field status, and by the consultation's outcome."""
    block = city.families.block
    sizes = np.bincount(block, minlength=len(city.blocks))
    found = []
    for number, disc in enumerate(discs, 1):
        held = np.bincount(block[disc.inside], minlength=len(city.blocks))
        lon, lat = terrain.degrees(disc.centre[None])[0]
        found.append(
            Cluster(
                f"SIM-C{number}",
                float(lon),
                float(lat),
                disc.radius,
                tuple(city.blocks.code[b] for b in np.flatnonzero(2 * held > sizes)),
                _cells(city, terrain, disc),
                len(disc.inside),
                int(poor[disc.inside].sum()),
                int(final[disc.inside].sum()),
            )
        )
    return found


def _roominess(city: City) -> NDArray[np.float64]:
    """How likely each family (F,) is a centre: likelier where fewer live, since discs are to be wide and few of all."""
    block = city.families.block
    size = np.bincount(block, minlength=len(city.blocks))
    return np.asarray(np.sqrt(shapely.area(city.blocks.outline) / np.maximum(size, 1))[block])


def _fit(terrain: Terrain, centre: Metres, wish: float, most: int) -> Disc | None:
    near = terrain.doors.query(shapely.Point(centre), predicate="dwithin", distance=wish)
    if len(near) < LEAST_FAMILIES:
        return None
    away = np.hypot(*(terrain.door[near] - centre).T)
    radius = wish if len(near) <= most else float(np.floor(np.partition(away, most - 1)[most - 1]))
    inside = np.sort(near[away <= radius])
    if radius < RADIUS_M[0] or len(inside) < LEAST_FAMILIES:
        return None
    return Disc(centre, radius, inside)


def _apart(disc: Disc, others: list[Disc], gap: float) -> bool:
    return all(np.hypot(*(disc.centre - other.centre)) >= disc.radius + other.radius + gap for other in others)


def _dry(terrain: Terrain, disc: Disc) -> bool:
    """Whether enough of the disc is habitable, judged at points strewn evenly like the seeds of a sunflower."""
    seeds = np.arange(256)
    angle, far = seeds * np.pi * (3 - 5**0.5), disc.radius * np.sqrt((seeds + 0.5) / 256)
    strewn = disc.centre + np.column_stack([far * np.cos(angle), far * np.sin(angle)])
    return bool(terrain.habitable(strewn).mean() >= HABITABLE)


def _cells(city: City, terrain: Terrain, disc: Disc) -> tuple[int, ...]:
    reach = disc.radius + _CELL_REACH_M
    near = terrain.doors.query(shapely.Point(disc.centre), predicate="dwithin", distance=reach)
    of = cells.index(city.families.lon[near], city.families.lat[near], CELL_RESOLUTION)
    found, place_of = np.unique(of, return_inverse=True)
    held = np.bincount(place_of[np.isin(near, disc.inside)], minlength=len(found))
    return tuple(int(cell) for cell in found[2 * held > np.bincount(place_of, minlength=len(found))])
