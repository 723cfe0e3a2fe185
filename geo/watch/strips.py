"""The outline of a strip along an edge that people of the block beside have filled: where the edge perhaps runs.

The ground of the neighbour that is nearer to the points across the edge than to its own people's, along as much of the
edge as there are points, smoothed. Shapes are flat: metres.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from geo.watch import doors

Floats = NDArray[np.float64]

#: Metres: beyond the deepest point, where nobody of the neighbour's is near; to either side of the last ones.
BEHIND, ASIDE = 10.0, 40.0
#: Metres by which corners are rounded off and by which a line may be simplified.
ROUND, SIMPLE = 6.0, 1.5
#: Digits of a degree in what is given out: a centimetre.
DIGITS = 7


@dataclass(frozen=True)
class Plane:
    """A flat map of a village: degrees as metres east and north of its middle, and back."""

    west: float
    south: float
    per_lon: float
    per_lat: float

    def metres(self, lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
        """Degrees as metres."""
        return (lon - self.west) * self.per_lon, (lat - self.south) * self.per_lat

    def flat(self, shape: Any) -> Any:
        """A shape, or an array of them, in metres."""
        off, per = np.array([self.west, self.south]), np.array([self.per_lon, self.per_lat])
        return shapely.transform(shape, lambda at: (at - off) * per)

    def degrees(self, shape: Any) -> Any:
        """A shape in degrees, a centimetre exact."""
        off, per = np.array([self.west, self.south]), np.array([self.per_lon, self.per_lat])
        return shapely.transform(shape, lambda at: np.round(at / per + off, DIGITS))


def over(lon: Floats, lat: Floats) -> Plane:
    """The plane for places (n,), degrees."""
    west, south = float(np.mean(lon)), float(np.mean(lat))
    ones = doors.metres(np.array([west + 1.0]), np.array([south + 1.0]), np.array([west]), np.array([south]))
    return Plane(west, south, float(ones[0][0]), float(ones[1][0]))


@dataclass(frozen=True)
class Across:
    """Points (n, 2) of one block that lie `inside` of the block beside, and (m, 2) its `own` around there; metres.

    `depth` (n,) is how far the former lie from their block.
    """

    inside: Floats
    depth: Floats
    own: Floats


def outline(points: Across, block: Any, beside: Any) -> Any:
    """The strip of `beside` that the points fill, a polygon or several (metres), all of it in `beside`."""
    reach = float(points.depth.max()) + BEHIND
    at = shapely.points(points.inside)
    home = shapely.shortest_line(at, block)
    along = shapely.union_all(shapely.buffer(home, ASIDE)).union(shapely.convex_hull(shapely.union_all(home)))
    near = shapely.intersection_all([beside, shapely.buffer(block, reach), along])
    mine = shapely.intersection(near, _nearer(points, near))
    smooth = shapely.buffer(shapely.buffer(shapely.buffer(mine, ROUND), -2 * ROUND), ROUND)
    smooth = shapely.simplify(smooth, SIMPLE)
    kept = shapely.intersection(shapely.make_valid(smooth), beside)
    parts = [part for part in shapely.get_parts(kept) if part.geom_type == "Polygon"]
    held = [part for part in parts if shapely.intersects(part, at).any()]
    return (
        shapely.union_all(held) if held else shapely.intersection(shapely.union_all(shapely.buffer(at, ROUND)), beside)
    )


def _nearer(points: Across, near: Any) -> Any:
    """What of the plane is nearer to a point inside than to one of the neighbour's own (a Voronoi diagram)."""
    if not len(points.own):
        return near
    every = np.round(np.concatenate([points.inside, points.own]), 1)
    places, first = np.unique(every, axis=0, return_index=True)
    if len(places) < 2:
        return near
    cells = shapely.get_parts(
        shapely.voronoi_polygons(shapely.MultiPoint(places), extend_to=shapely.buffer(near, 50.0), ordered=True)
    )
    return shapely.union_all(cells[first < len(points.inside)])
