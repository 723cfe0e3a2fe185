"""The simulated city as a plane: distances in metres, and what lies where.

Clusters and sites are planted by distance, so that their truth can be checked by geometry alone.
"""

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from app.demo.city import KINDS, City
from app.demo.plane import Plane, over

Metres = NDArray[np.float64]
Degrees = NDArray[np.float64]
Truths = NDArray[np.bool_]

EMPTY = KINDS.index("empty")


def distances_m(lon: float, lat: float, lons: Degrees, lats: Degrees) -> Metres:
    """From one point to others (n,), metres; true within a few metres up to some tens of kilometres."""
    return np.asarray(np.hypot(*Plane(lon, lat).metres(lons, lats)))


@dataclass(frozen=True)
class Terrain:
    """Of one city. `door` (F, 2): the families' doors in metres, in their order; `doors` the same as a tree."""

    plane: Plane
    door: Metres
    doors: shapely.STRtree
    blocks: shapely.STRtree
    inhabited: shapely.STRtree
    water: shapely.STRtree

    def metres(self, lon: Degrees, lat: Degrees) -> Metres:
        """Degrees (n,) as places (n, 2) on the plane."""
        return np.column_stack(self.plane.metres(lon, lat))

    def degrees(self, xy: Metres) -> Degrees:
        """Places (n, 2) on the plane as longitude and latitude (n, 2)."""
        return np.column_stack(self.plane.degrees(xy[:, 0], xy[:, 1]))

    def wet(self, xy: Metres) -> Truths:
        """Which places (n, 2) lie in water."""
        found = np.zeros(len(xy), bool)  # the few, long outlines of water are prepared where they ask, not the points
        found[tree(self.degrees(xy)).query(self.water.geometries, predicate="intersects")[1]] = True
        return found

    def in_city(self, xy: Metres) -> Truths:
        """Which places (n, 2) lie in a block."""
        return self._hit(self.blocks, xy)

    def habitable(self, xy: Metres) -> Truths:
        """Which places (n, 2) lie in a block that is not empty, and not in water."""
        return self._hit(self.inhabited, xy) & ~self.wet(xy)

    def _hit(self, tree: shapely.STRtree, xy: Metres) -> Truths:
        found = np.zeros(len(xy), bool)
        found[tree.query(shapely.points(self.degrees(xy)), predicate="intersects")[0]] = True
        return found

    def water_m(self, xy: Metres) -> Metres:
        """From places (n, 2) to the nearest water, metres; infinite where there is none."""
        far = np.full(len(xy), np.inf)
        if len(self.water) and len(xy):
            pairs, away = self.water.query_nearest(
                shapely.points(self.degrees(xy)), return_distance=True, all_matches=False
            )
            far[pairs[0]] = away * np.mean(self.plane.per_degree)
        return far

    def crossing_m(self, start: Metres, end: Metres) -> Metres:
        """How much of the straight ways from `start` (n, 2) to `end` (2,) leads over water, metres."""
        ends = np.broadcast_to(self.degrees(end[None]), start.shape)
        ways = np.asarray(shapely.linestrings(np.stack([self.degrees(start), ends], axis=1)), object)
        found = np.zeros(len(start))
        way, piece = self.water.query(ways, predicate="intersects")
        over = shapely.intersection(ways[way], self.water.geometries[piece])
        np.add.at(found, way, shapely.length(shapely.transform(over, lambda at: at * self.plane.per_degree)))
        return found


def survey(city: City) -> Terrain:
    """The plane of a city: its origin is the middle of the families' doors."""
    families, blocks = city.families, city.blocks
    plane = over(families.lon, families.lat)
    door: Metres = np.column_stack(plane.metres(families.lon, families.lat))
    return Terrain(
        plane,
        door,
        tree(door),
        shapely.STRtree(blocks.outline),
        shapely.STRtree(blocks.outline[blocks.kind != EMPTY]),
        shapely.STRtree(shapely.make_valid(np.asarray(city.water, object))),
    )


def tree(xy: Metres) -> shapely.STRtree:
    """A tree of places (n, 2)."""
    return shapely.STRtree(np.asarray(shapely.points(xy), object))


def nearest(places: Metres, xy: Metres) -> tuple[NDArray[np.intp], Metres]:
    """For each of `xy` (n, 2) the position of the nearest of `places` (m, 2), m > 0, and how far it is, metres."""
    found = np.asarray(tree(places).nearest(shapely.points(xy)), np.intp)
    away = places[found] - xy
    return found, np.hypot(away[:, 0], away[:, 1])
