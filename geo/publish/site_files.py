"""Sites from a file an operator brings: a table with coordinates, or a map of points or outlines, in one version.

Uploads never come here: what a service is sent is not given to GDAL (`app.bodies`).
"""

import asyncio
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any
from zipfile import BadZipFile, ZipFile

import numpy as np
import shapely
from sqlalchemy.ext.asyncio import AsyncEngine

from geo.errors import BadInput
from geo.ground.areas import Ground
from geo.ground.sources import TABLES, iter_rows, read_areas
from geo.ground.tables import read_table
from geo.intake import batch
from geo.publish import site_changes, site_rows
from geo.publish.files import Refused
from geo.publish.site_changes import Incoming, Outcome
from geo.scope import Scope

#: Rows of a file. Of health posts, of which there are most, Indonesia has 300,000: a province has fewer than these.
MOST_ROWS = 50_000

#: What a zipped shapefile may unpack to, bytes, and the parts of it that are looked at.
_MOST_UNPACKED = 500_000_000
_PARTS = (".shp", ".shx", ".dbf", ".prj", ".cpg")


@dataclass(frozen=True)
class Reading:
    """How to read a file: fields that have other names in it, its CRS and layer where it does not say."""

    columns: Mapping[str, str] = field(default_factory=dict)
    crs: str | None = None
    layer: str | None = None
    swap_axes: bool = False


@dataclass(frozen=True)
class Rules:
    """What holds for the whole file, as in `site_changes.Incoming`."""

    programme: str | None = None
    kind: str | None = None
    note: str | None = None
    replace: bool = False
    dry_run: bool = False


@dataclass(frozen=True)
class Summary:
    """What became of a file; `ignored` are its columns that were not looked at."""

    outcome: Outcome
    ignored: list[str]
    refused: Path | None

    @property
    def reasons(self) -> Counter[str]:
        """How many rows were refused, by reason."""
        return Counter(str(r.reason) for r in self.outcome.receipts if r.reason)

    @property
    def doubts(self) -> Counter[str]:
        """How many doubts there are about the file's sites, by kind."""
        return Counter(str(d.doubt) for r in self.outcome.receipts for d in r.doubts)


async def import_file(
    engine: AsyncEngine,
    ground: Ground,
    scope: Scope,
    path: Path,
    reading: Reading,
    rules: Rules,
    *,
    progress: Callable[[int, int | None], None] = lambda _done, _all: None,
    say: Callable[[str], None] = lambda _: None,
) -> Summary:
    """Bring the sites of a file in, as one version; rows that were refused go to a file beside it.

    Raises BadInput as `read` and `site_changes.bring` do.
    """
    columns, rows = read(path, reading, say)
    progress(0, len(rows))
    names = site_rows.named(columns, reading.columns)
    note = rules.note or path.name
    incoming = Incoming(rows, names, rules.programme, rules.kind, note, rules.replace, rules.dry_run)
    judged = await asyncio.to_thread(site_changes.judged, incoming, ground, scope)
    outcome = await batch.committed(engine, lambda db: site_changes.bring(db, scope, ground, incoming, judged))
    progress(len(rows), len(rows))
    refused = Refused(path.with_name(f"{path.name}.refused.csv"), columns)
    try:
        refused.write(outcome.receipts, rows, 0)
    finally:
        refused.close()
    ignored = [column for column in columns if column not in names.values()]
    return Summary(outcome, ignored, refused.path if refused.rows else None)


def read(path: Path, reading: Reading, say: Callable[[str], None]) -> tuple[list[str], list[dict[str, Any]]]:
    """Columns and rows of a file, all in memory; of a map `lon` and `lat` (EPSG:4326) stand for the shape.

    CSV, XLSX; GeoJSON, GeoPackage, Shapefile (also zipped), FlatGeobuf, GeoParquet. Raises BadInput as `read_table`,
    `iter_rows` and `read_areas` do, and `too-many-rows`.
    """
    if path.suffix.lower() in TABLES:
        table = read_table(path)
        for notice in table.notices:
            say(notice)
        columns, rows = table.columns, [dict(row) for row in table.rows]
    else:
        with _unzipped(path) as file:
            rows = _of_map(file, reading, say)
        columns = list(rows[0]) if rows else []
    if not rows:
        raise BadInput(f"{path.name} holds no rows", code="empty-file")
    if len(rows) > MOST_ROWS:
        raise BadInput(f"{path.name} has more than {MOST_ROWS:,} rows: these are no sites", code="too-many-rows")
    return columns, rows


def _of_map(file: Path, reading: Reading, say: Callable[[str], None]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    try:
        for _, some in iter_rows(file, crs=reading.crs, layer=reading.layer):
            rows += some
            if len(rows) > MOST_ROWS:
                return rows
    except BadInput as bad:
        if bad.code != "not-points":
            raise
        say("there are outlines in the file: a point inside of each is taken")
        return _of_outlines(file, reading)
    if reading.swap_axes:
        rows = [row | {"lon": row["lat"], "lat": row["lon"]} for row in rows]
    return rows


def _of_outlines(file: Path, reading: Reading) -> list[dict[str, Any]]:
    frame = read_areas(file, crs=reading.crs, layer=reading.layer, swap_axes=reading.swap_axes)
    shapes = np.asarray(frame.geometry, object)
    there = ~(shapely.is_missing(shapes) | shapely.is_empty(shapes))
    points = np.full(len(shapes), shapely.Point(), object)
    points[there] = shapely.point_on_surface(shapely.make_valid(shapes[there]))
    rows: list[dict[str, Any]] = frame.drop(columns=frame.geometry.name).to_dict("records")
    places = [(None, None) if point.is_empty else (point.x, point.y) for point in points]
    return [row | {"lon": lon, "lat": lat} for row, (lon, lat) in zip(rows, places, strict=True)]


@contextmanager
def _unzipped(path: Path) -> Iterator[Path]:
    """The shapefile in a zip, unpacked while it is read; any other path as it is."""
    if path.suffix.lower() != ".zip":
        yield path
        return
    if not path.is_file():
        raise BadInput(f"{path} is no file", code="no-file")
    with TemporaryDirectory(prefix="cakupan-sites-") as folder:
        yield _shapefile(path, Path(folder))


def _shapefile(path: Path, folder: Path) -> Path:
    try:
        with ZipFile(path) as packed:
            inside = [name for name in packed.infolist() if PurePosixPath(name.filename).suffix.lower() in _PARTS]
            stems = {str(PurePosixPath(one.filename).with_suffix("")) for one in inside if _is_shp(one.filename)}
            if len(stems) != 1:
                raise BadInput(f"{path.name} must hold one shapefile; it holds {len(stems)}", code="unreadable")
            (stem,) = stems
            if sum(one.file_size for one in inside) > _MOST_UNPACKED:
                raise BadInput(f"{path.name} is too large", code="too-large")
            for one in inside:
                name = PurePosixPath(one.filename)
                if str(name.with_suffix("")) == stem:
                    with packed.open(one) as source, (folder / f"sites{name.suffix.lower()}").open("wb") as target:
                        shutil.copyfileobj(source, target)
    except BadZipFile as broken:
        raise BadInput(f"{path.name} is no zip file", code="unreadable") from broken
    return folder / "sites.shp"


def _is_shp(name: str) -> bool:
    return PurePosixPath(name).suffix.lower() == ".shp"
