"""Which coordinate system a file is in, and whether its numbers can be what it says.

A wrong guess moves a whole city, so nothing is guessed: what is missing or contradicts itself is refused, with the
numbers seen and the fix that would fit.
"""

from typing import Any

import numpy as np
import shapely
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError

from geo.errors import BadInput


def source_crs(declared: Any, given: str | None, shapes: Any) -> CRS:
    """The system the coordinates of `shapes` are in: as the file declares, or as `given` where it does not say.

    `declared` is anything pyproj understands, or None. A declared system of degrees may be overruled by `given` where
    the numbers cannot be degrees. Raises `BadInput`: `crs-missing`, `crs-unknown`, `crs-conflict`.
    """
    stated = None if declared is None else CRS.from_user_input(declared)
    if stated is not None and stated.name.startswith("Undefined"):  # how a GeoPackage says that it does not know
        stated = None
    wanted = None if given is None else _given(given)
    if stated is None and wanted is None:
        raise BadInput(
            f"the file does not say its coordinate system; give it with the option crs. {_guess(shapes)}",
            code="crs-missing",
        )
    if stated is None or wanted is None:
        return stated or wanted or CRS.from_epsg(4326)
    if not stated.to_2d().equals(wanted, ignore_axis_order=True) and not (stated.is_geographic and _too_big(shapes)):
        raise BadInput(f"the file says it is in {stated.name}, not {given}; leave crs out", code="crs-conflict")
    return wanted


def check_degrees(shapes: Any) -> None:
    """Refuse shapes that cannot be in longitude and latitude. Raises `BadInput`: `axes-swapped`, `crs-wrong`.

    Swapped axes are only certain where a longitude beyond 90 degrees stands in place of a latitude, as it does
    everywhere in Indonesia.
    """
    x, y = np.abs(shapely.bounds(shapes)).reshape(-1, 2, 2).max(axis=1).T
    wrong = (x > 180) | (y > 90)
    swapped = wrong & (x <= 90) & (y <= 180)
    if not wrong.any():
        return
    if (swapped == wrong).all():
        raise BadInput(
            f"{swapped.sum()} of {len(shapes)} rows have latitude before longitude: {_ranges(shapes[swapped])}. "
            "Proposed fix: read the file with the option swap-axes, which exchanges x and y in every row.",
            code="axes-swapped",
        )
    raise BadInput(
        f"{wrong.sum()} of {len(shapes)} rows cannot be degrees, or lie where the file's coordinate system does not "
        f"reach. {_guess(shapes[wrong])} Give the right system with the option crs.",
        code="crs-wrong",
    )


def degrees(points: Any, source: CRS | None) -> tuple[list[float | None], list[float | None]]:
    """Longitudes and latitudes (EPSG:4326) of an array of points in `source`; None where a point is empty."""
    there = ~(shapely.is_missing(points) | shapely.is_empty(points))
    x, y = shapely.get_coordinates(points[there]).T
    if source is not None and source != CRS.from_epsg(4326):
        x, y = Transformer.from_crs(source, 4326, always_xy=True).transform(x, y)
    return _spread(x, there), _spread(y, there)


def _spread(values: Any, there: Any) -> list[float | None]:
    """The values in the places where `there` holds, None in the others."""
    rest = iter(np.asarray(values).tolist())
    return [next(rest) if known else None for known in there]


def _given(crs: str) -> CRS:
    try:
        return CRS.from_user_input(crs)
    except CRSError as error:
        raise BadInput(f"{crs} is no coordinate system; write for example EPSG:4326", code="crs-unknown") from error


def _too_big(shapes: Any) -> bool:
    return bool((np.abs(shapely.total_bounds(shapes)) > 360).any())


def _ranges(shapes: Any) -> str:
    west, south, east, north = shapely.total_bounds(shapes)
    return f"x runs from {west:,.7g} to {east:,.7g}, y from {south:,.7g} to {north:,.7g}"


def _guess(shapes: Any) -> str:
    """What the coordinates look like, in words."""
    west, south, east, north = shapely.total_bounds(shapes)
    if max(abs(west), abs(east), abs(south), abs(north)) <= 180:
        return f"They look like degrees ({_ranges(shapes)}): EPSG:4326."
    if west >= 100_000 and east <= 1_000_000 and south >= 0 and north <= 10_000_000:
        half = "327" if south > 5_000_000 else "326"
        zones = f"EPSG:{half}46 to EPSG:{half}54 in Indonesia, the last two digits being the zone"
        return f"They look like metres in a UTM zone ({_ranges(shapes)}): {zones}."
    if max(abs(west), abs(east), abs(south), abs(north)) <= 20_050_000:
        return f"They look like metres ({_ranges(shapes)}), perhaps Web Mercator, EPSG:3857."
    return f"They are no degrees ({_ranges(shapes)})."
