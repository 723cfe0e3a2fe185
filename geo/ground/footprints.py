"""Residential footprints: the houses by which the expected families of a block are spread over its cells.

Where families live inside a block nobody has written down; where houses stand, others have mapped. A house counts by
the ground it covers: a block of flats holds more families than a hut. Blocks without footprints stay spread by area.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from sqlalchemy.ext.asyncio import AsyncConnection

from geo import queries
from geo.errors import BadInput
from geo.ground import outlines
from geo.ground.areas import copy_arrays, load_locator
from geo.ground.cells import Degrees
from geo.ground.columns import text
from geo.ground.coordinates import check_degrees, degrees
from geo.ground.expected import Basis, Progress, bases, spread_again
from geo.ground.locate import Numbers
from geo.ground.matching import edition_of
from geo.ground.sources import TABLES, iter_rows, read_areas

SQL = queries.load(__file__)

#: Recognised names of columns, in any case, first match wins; the last are those of Google's open buildings.
AREA_COLUMNS = ("area_m2", "area_in_meters")
LON_COLUMNS = ("lon", "longitude")
LAT_COLUMNS = ("lat", "latitude")

_POINT, _POLYGON, _MULTIPOLYGON = 0, 3, 6

Column = Sequence[Any]


@dataclass(frozen=True)
class Footprints:
    """Buildings of a file: arrays (n,) of degrees (EPSG:4326) and m², `rows` their numbers from 1 without header.

    `left_out` lists (row, why); `passed_over` rows were not asked for.
    """

    lon: Degrees
    lat: Degrees
    area_m2: NDArray[np.float64]
    rows: NDArray[np.int64]
    left_out: list[tuple[int, str]]
    passed_over: int


@dataclass(frozen=True)
class Imported:
    """What an import of footprints did: how many are kept, in how many blocks, and how many lie `outside` all blocks.

    `numbers` int32 (n,) are the blocks of what was given, 0 outside; `series` says what families are now spread by.
    """

    footprints: int
    blocks: int
    outside: int
    numbers: Numbers
    series: list[Basis]


async def store(
    db: AsyncConnection,
    edition: str,
    lon: Degrees,
    lat: Degrees,
    area_m2: NDArray[np.floating],
    *,
    progress: Progress | None = None,
) -> Imported:
    """Make these the footprints of an edition, arrays (n,) of degrees and m², and spread its expected families anew.

    An import is the whole truth of its edition: what was there before goes. Points outside all blocks are counted and
    left out. Raises BadInput for an area that is no number above 0 and where no point lies in any block, NotFound for
    the edition.
    """
    area = _kept(area_m2)
    if not np.shape(lon) == np.shape(lat) == area.shape or not _weigh(area).all():
        raise BadInput("every footprint needs a place and an area above 0 m²")
    edition_id = await edition_of(db, edition)
    numbers = (await load_locator(db, edition_id)).locate(lon, lat)
    held = numbers > 0
    if not held.any():
        raise BadInput(f"none of {len(area):,} footprints lies in a block of edition {edition}: nothing was changed")
    await db.execute(SQL["clear"], {"edition_id": edition_id})
    kept = int(held.sum())
    columns: dict[str, NDArray[Any]] = {
        "edition_id": np.full(kept, edition_id, np.int32),
        "number": numbers[held],
        "lon": np.asarray(lon, np.float64)[held],
        "lat": np.asarray(lat, np.float64)[held],
        "area_m2": area[held],
    }
    await copy_arrays(db, "ground.footprint", columns)
    await spread_again(db, edition_id, progress)
    blocks = len(np.unique(numbers[held]))
    return Imported(kept, blocks, len(area) - kept, numbers, await bases(db, edition_id))


async def within(
    db: AsyncConnection, edition_id: int, span: tuple[int, int], page: tuple[int, int]
) -> list[dict[str, Any]]:
    """Footprints of the blocks in a closed range of numbers (`span`), in the order of ids: `id n lon lat area_m2`.

    Degrees (EPSG:4326) and m². `page`: the id after which to begin, and how many at most. They are public.
    """
    asked = {"edition_id": edition_id, "lo": span[0], "hi": span[1], "after": page[0], "limit": page[1]}
    return [dict(row) for row in (await db.execute(SQL["within"], asked)).mappings()]


def read(
    path: Path,
    *,
    crs: str | None = None,
    layer: str | None = None,
    swap_axes: bool = False,
    where: Mapping[str, str] | None = None,
) -> Footprints:
    """The buildings in a file of points or outlines, or in a CSV or XLSX table with `lon`, `lat` and perhaps `area_m2`.

    An outline counts by the ground it covers and stands at a point inside. Points count by their column `area_m2`, or
    all alike where there is none. `crs`, `layer` and `swap_axes` are those of `sources.read_areas`; `where` names the
    rows that are wanted by the text of their columns. Rows without a place or an area are listed and left out. Raises
    BadInput as `sources.read_areas` and `read_table` do, for a column that is not there, and for shapes that are
    neither all points nor all outlines.
    """
    if path.suffix.lower() in TABLES:
        columns = _table(path)
        lon, lat = (_floats(_named(columns, known, known[0])) for known in (LON_COLUMNS, LAT_COLUMNS))
        lon, lat = (lat, lon) if swap_axes else (lon, lat)
        check_degrees(np.asarray(shapely.points(lon, lat), dtype=object))
        area = _areas(columns, len(lon))
    else:
        frame = read_areas(path, crs=crs, layer=layer, swap_axes=swap_axes)
        columns = {str(name): frame[name].tolist() for name in frame.columns if name != frame.geometry.name}
        lon, lat, area = _shapes(np.array(frame.geometry, dtype=object), columns)
    wanted = _wanted(columns, where or {}, len(lon))
    placed = np.isfinite(lon) & np.isfinite(lat)
    weighed = _weigh(_kept(area))
    left_out = [(int(row) + 1, "no place") for row in np.flatnonzero(wanted & ~placed)]
    left_out += [(int(row) + 1, "no area above 0 m²") for row in np.flatnonzero(wanted & placed & ~weighed)]
    rows = np.flatnonzero(wanted & placed & weighed)
    return Footprints(lon[rows], lat[rows], area[rows], rows + 1, sorted(left_out), int((~wanted).sum()))


def _kept(area_m2: NDArray[np.floating]) -> NDArray[np.float32]:
    """Areas as the column keeps them: what is too large becomes infinite, what is too small 0."""
    with np.errstate(over="ignore", under="ignore"):
        return np.asarray(area_m2).astype(np.float32)


def _weigh(area: NDArray[np.float32]) -> NDArray[np.bool_]:
    return np.isfinite(area) & (area > 0)


def _table(path: Path) -> dict[str, list[Any]]:
    """The columns of a table, as text."""
    columns: dict[str, list[Any]] = {}
    for _, rows in iter_rows(path):
        for name in rows[0]:
            columns.setdefault(name, []).extend(row[name] for row in rows)
    if not columns:
        raise BadInput(f"{path.name} holds no rows", code="empty-file")
    return columns


def _shapes(shapes: outlines.Shapes, columns: Mapping[str, Column]) -> tuple[Degrees, Degrees, NDArray[np.float64]]:
    """Longitude, latitude and m² of points or outlines; NaN where there is none."""
    kinds = set(shapely.get_type_id(shapes[~shapely.is_missing(shapes)]).tolist())
    if kinds <= {_POINT}:
        lon, lat = degrees(shapes, None)
        return _floats(lon), _floats(lat), _areas(columns, len(shapes))
    if not kinds <= {_POLYGON, _MULTIPOLYGON}:
        raise BadInput("footprints are all points, or all outlines", code="not-points")
    broken = ~shapely.is_valid(shapes)
    shapes[broken] = outlines.repaired(shapes[broken])
    inside = np.array(outlines.places(shapes), dtype=np.float64)
    return inside[:, 0], inside[:, 1], outlines.areas_m2(shapes)


def _areas(columns: Mapping[str, Column], count: int) -> NDArray[np.float64]:
    """What points weigh: their column of m², or 1 each."""
    known = {name.lower() for name in columns}
    return _floats(_named(columns, AREA_COLUMNS, "area_m2")) if known & {*AREA_COLUMNS} else np.ones(count)


def _named(columns: Mapping[str, Column], known: Sequence[str], what: str) -> Column:
    by_name = {name.strip().lower(): name for name in columns}
    for name in known:
        if name in by_name:
            return columns[by_name[name]]
    raise BadInput(f"no column {what}; there are {', '.join(columns)}", code="no-such-column")


def _floats(cells: Column) -> NDArray[np.float64]:
    """Cells as numbers; NaN where one is empty or no number."""
    return np.array([_float(cell) for cell in cells], dtype=np.float64)


def _float(cell: Any) -> float:
    try:
        return float(cell)
    except (TypeError, ValueError):
        return float("nan")


def _wanted(columns: Mapping[str, Column], where: Mapping[str, str], count: int) -> NDArray[np.bool_]:
    """Which rows are asked for; an empty cell is the empty text."""
    found = np.ones(count, bool)
    for name, value in where.items():
        if name not in columns:
            raise BadInput(f"the file has no column {name}; it has {', '.join(columns)}", code="no-such-column")
        found &= np.array([(text(cell) or "") == value for cell in columns[name]], dtype=bool)
    return found
