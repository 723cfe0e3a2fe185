"""Metres on the ground of one city: a flat map around its middle, good to parts in a thousand across a province."""

from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import shapely
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Numbers = NDArray[np.floating[Any]]
Shape = TypeVar("Shape", bound=shapely.Geometry)


@dataclass(frozen=True)
class Plane:
    """A flat map: metres east and north of `lon`, `lat` (EPSG:4326, degrees)."""

    lon: float
    lat: float

    @property
    def per_degree(self) -> tuple[float, float]:
        """Metres in a degree of longitude and of latitude, after the usual series for WGS 84."""
        phi = np.radians(self.lat)
        return (
            float(111412.84 * np.cos(phi) - 93.5 * np.cos(3 * phi)),
            float(111132.92 - 559.82 * np.cos(2 * phi) + 1.175 * np.cos(4 * phi)),
        )

    def metres(self, lon: Numbers, lat: Numbers) -> tuple[Floats, Floats]:
        """Numbers to metres."""
        per_lon, per_lat = self.per_degree
        x, y = np.asarray(lon, dtype=np.float64), np.asarray(lat, dtype=np.float64)
        return (x - self.lon) * per_lon, (y - self.lat) * per_lat

    def degrees(self, x: Numbers, y: Numbers) -> tuple[Floats, Floats]:
        """Metres to degrees, rounded to the seven places (a centimetre) that devices send."""
        per_lon, per_lat = self.per_degree
        return np.round(np.asarray(x) / per_lon + self.lon, 7), np.round(np.asarray(y) / per_lat + self.lat, 7)

    def flat(self, shape: Shape) -> Shape:
        """A shape in degrees as one in metres."""
        return shapely.transform(shape, lambda at: np.column_stack(self.metres(at[:, 0], at[:, 1])))

    def round(self, shape: Shape) -> Shape:
        """A shape in metres as one in degrees."""
        return shapely.transform(shape, lambda at: np.column_stack(self.degrees(at[:, 0], at[:, 1])))


def over(lon: Numbers, lat: Numbers) -> Plane:
    """The plane around the middle of these places."""
    return Plane(float(np.mean(lon)), float(np.mean(lat)))
