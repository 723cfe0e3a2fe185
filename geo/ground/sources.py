"""Reading files an operator brings: boundaries of areas, and rows of households or sites.

GDAL can open much more than files: addresses, pipelines, links to coordinate systems. So a path must be a regular local
file with a known suffix and the first bytes to match, the driver that answers must be one of four, and GDAL's own way
out is closed. Uploads never come here. Coordinates leave as EPSG:4326, longitude first.
"""

import json
import warnings
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import date, time
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import shapely
from pyogrio.raw import open_arrow
from pyproj import CRS

from geo.errors import BadInput
from geo.ground.coordinates import check_degrees, degrees, source_crs
from geo.ground.delimited import text_batches
from geo.ground.tables import Table, read_table

__all__ = ["Table", "count_rows", "iter_batches", "iter_rows", "plain_rows", "read_areas", "read_table"]

DRIVERS = {".geojson": "GeoJSON", ".json": "GeoJSON", ".gpkg": "GPKG", ".shp": "ESRI Shapefile", ".fgb": "FlatGeobuf"}
"""What GDAL may read, by suffix."""

PARQUET = (".parquet", ".geoparquet")
TABLES = (".csv", ".tsv", ".txt", ".xlsx")

_FIRST_BYTES = {
    "GeoJSON": b"{",
    "GPKG": b"SQLite format 3\0",
    "ESRI Shapefile": b"\x00\x00\x27\x0a",
    "FlatGeobuf": b"fgb",
    "Parquet": b"PAR1",
}
_NO_NETWORK = {"GDAL_HTTP_PROXY": "127.0.0.1:9", "GDAL_HTTP_TIMEOUT": "1", "GDAL_HTTP_MAX_RETRY": "0"}
"""GeoJSON may name its CRS by a link, and GDAL follows it; the discard port swallows that."""


def read_areas(path: Path, *, crs: str | None = None, layer: str | None = None, swap_axes: bool = False) -> Any:
    """The boundaries in a GeoJSON, GeoPackage, Shapefile, FlatGeobuf or GeoParquet file: a GeoDataFrame in EPSG:4326.

    `crs` says which coordinate system the file is in where it does not say so itself; `layer` picks one of several;
    `swap_axes` is the fix that the error `axes-swapped` proposes. Geometry stays as it was written, broken or not;
    Z is dropped. Raises `BadInput`: `no-file`, `not-local`, `unsupported-format`, `unreadable`, `empty-file`,
    `layer-needed`, `no-such-layer`, `no-geometry`, `crs-missing`, `crs-unknown`, `crs-conflict`, `crs-wrong`,
    `axes-swapped`.
    """
    file, form = _local(path)
    if form == "Parquet":
        frame = _parquet_frame(file)
    elif form in DRIVERS.values():
        frame = _gdal_frame(file, _layer(file, form, layer))
    else:
        raise BadInput(f"{file.name} is a table and holds no boundaries", code="unsupported-format")
    if frame.empty:
        raise BadInput(f"{file.name} holds no rows", code="empty-file")
    shapes = shapely.force_2d(np.asarray(frame.geometry))
    source = source_crs(frame.crs, crs, shapes)
    if swap_axes:
        shapes = shapely.transform(shapes, lambda at: at[:, ::-1])
    if source.is_geographic:
        check_degrees(shapes)
    frame = frame.set_geometry(gpd.GeoSeries(shapes, index=frame.index, crs=source)).to_crs(4326)
    check_degrees(np.asarray(frame.geometry))
    return frame.reset_index(drop=True)


def count_rows(path: Path, *, layer: str | None = None) -> int | None:
    """How many rows `iter_rows` will yield, for showing progress; None where that cannot be known beforehand.

    Raises `BadInput` as `iter_rows` does.
    """
    file, form = _local(path)
    if form == "table":
        return sum(int(batch.num_rows) for batch in text_batches(file))
    if form == "Parquet":
        return int(pq.read_metadata(file).num_rows)
    chosen = _layer(file, form, layer)
    with _quiet():
        count = int(pyogrio.read_info(file, layer=chosen, force_feature_count=True)["features"])
    return count if count >= 0 else None


def iter_rows(
    path: Path, *, crs: str | None = None, layer: str | None = None, start: int = 0, chunk: int = 20_000
) -> Iterator[tuple[int, list[dict[str, Any]]]]:
    """Rows in chunks, each with the index of its first row; beginning at row `start`, always in the file's order.

    Values are plain: text, numbers, dates as ISO 8601 text; otherwise as `iter_batches`, which says more.
    """
    for first, batch in iter_batches(path, crs=crs, layer=layer, start=start, chunk=chunk):
        yield first, plain_rows(batch)


def iter_batches(
    path: Path, *, crs: str | None = None, layer: str | None = None, start: int = 0, chunk: int = 20_000
) -> Iterator[tuple[int, Any]]:
    """Rows in Arrow record batches, each with the index of its first row; from row `start` on, in the file's order.

    CSV and XLSX cells are text or null. GeoJSON, GeoPackage, Shapefile, FlatGeobuf and GeoParquet give the types they
    have, and their points as `lon` and `lat` (double, EPSG:4326; null where empty), which take the place of columns of
    that name. Parquet without geometry gives its columns. All but the last batch have `chunk` rows. Memory holds one,
    save for workbooks. Raises `BadInput` as `read_areas` and `read_table` do, and `not-points`.
    """
    file, form = _local(path)
    if form == "table":
        batches = _after(start, text_batches(file))
    elif form == "Parquet":
        batches = _parquet_batches(file, crs, start, chunk)
    else:
        batches = _gdal_batches(file, _layer(file, form, layer), crs, start, chunk)
    for batch in _of_size(batches, chunk):
        yield start, batch
        start += batch.num_rows


def plain_rows(batch: Any) -> list[dict[str, Any]]:
    """The rows of a record batch as dicts of plain values, dates as ISO 8601 text."""
    columns = {name: [_iso(value) for value in batch.column(name).to_pylist()] for name in batch.schema.names}
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def _after(start: int, batches: Iterator[Any]) -> Iterator[Any]:
    """The batches without their first `start` rows."""
    for batch in batches:
        if start < batch.num_rows:
            yield batch.slice(start)
        start = max(0, start - batch.num_rows)


def _of_size(batches: Iterator[Any], many: int) -> Iterator[Any]:
    """The same rows in batches of `many`, and the rest."""
    waiting: list[Any] = []
    rows = 0
    for batch in batches:
        waiting.append(batch)
        rows += batch.num_rows
        while rows >= many:
            whole = pa.concat_batches(waiting)
            yield whole.slice(0, many)
            waiting, rows = [whole.slice(many)], rows - many
    if rows:
        yield pa.concat_batches(waiting)


def _local(path: Path) -> tuple[Path, str]:
    """The absolute path of a regular local file, and what it is: a driver of `DRIVERS`, `Parquet` or `table`."""
    written = str(path)
    if written.startswith(("/vsi", "\\")) or "://" in written or "!" in str(path.absolute()) or "?" in written:
        raise BadInput(f"{written} is not the plain path of a local file", code="not-local")
    if not path.is_file():
        raise BadInput(f"{written} is no file", code="no-file")
    suffix = path.suffix.lower()
    form = DRIVERS.get(suffix) or ("Parquet" if suffix in PARQUET else "table" if suffix in TABLES else None)
    if form is None:
        known = " ".join((*DRIVERS, *PARQUET, *TABLES))
        raise BadInput(f"{path.name}: the suffix must be one of {known}", code="unsupported-format")
    if form != "table":
        with path.open("rb") as opened:
            head = opened.read(65536)
        start = head.removeprefix(b"\xef\xbb\xbf").lstrip() if form == "GeoJSON" else head
        if not start.startswith(_FIRST_BYTES[form]) or b"gdal_streamed_alg" in head:
            raise BadInput(f"{path.name} is not {form}, as its suffix says", code="unreadable")
    return path.absolute(), form


def _layer(file: Path, driver: str, wanted: str | None) -> str:
    """The layer to read: the one wanted, else the only one with geometry. Refuses other drivers than `driver`."""
    pyogrio.set_gdal_config_options(_NO_NETWORK)
    try:
        with _quiet():
            found = pyogrio.list_layers(file)
            answering = pyogrio.read_info(file, layer=found[0][0])["driver"] if len(found) else driver
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError) as error:
        raise BadInput(f"{file.name} cannot be read: {error}", code="unreadable") from error
    if answering != driver:
        raise BadInput(f"{file.name} is {answering}, not {driver}", code="unsupported-format")
    names = [str(name) for name, geometry in found if geometry is not None]
    if wanted is not None:
        if wanted not in names:
            raise BadInput(f"{file.name} has no layer {wanted}; it has {', '.join(names)}", code="no-such-layer")
        return wanted
    if not names:
        raise BadInput(f"{file.name} holds no geometry", code="no-geometry")
    if len(names) > 1:
        raise BadInput(f"{file.name} has several layers, choose one: {', '.join(names)}", code="layer-needed")
    return names[0]


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep GDAL's warnings from the screen: what they mean for a row, the inspection finds and says with its place."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        yield


def _gdal_frame(file: Path, layer: str) -> Any:
    try:
        with _quiet():
            return pyogrio.read_dataframe(
                file, layer=layer, force_2d=True, on_invalid="ignore", datetime_as_string=True
            )
    except (pyogrio.errors.DataSourceError, pyogrio.errors.FeatureError, shapely.errors.GEOSException) as error:
        raise BadInput(f"{file.name} cannot be read: {error}", code="unreadable") from error


def _parquet_frame(file: Path) -> Any:
    try:
        return gpd.read_parquet(file)
    except (pa.ArrowInvalid, ValueError) as error:
        raise BadInput(f"{file.name} is no GeoParquet that can be read: {error}", code="unreadable") from error


def _gdal_batches(file: Path, layer: str, crs: str | None, start: int, chunk: int) -> Iterator[Any]:
    options = {"layer": layer, "batch_size": chunk, "skip_features": start, "use_pyarrow": True}
    if file.suffix.lower() in (".geojson", ".json"):
        options["DATE_AS_STRING"] = "YES"  # else GDAL rewrites what looks like a date, and drops offsets that differ
    try:
        with ExitStack() as stack:
            with _quiet():
                meta, batches = stack.enter_context(open_arrow(file, **options, datetime_as_string=True))
            yield from _plain(_quietly(batches), meta["geometry_name"] or "wkb_geometry", meta["crs"], crs)
    except (pyogrio.errors.DataSourceError, pyogrio.errors.FeatureError, pa.ArrowException) as error:
        raise BadInput(f"{file.name} cannot be read: {error}", code="unreadable") from error


def _quietly(batches: Iterator[Any]) -> Iterator[Any]:
    """The batches, with GDAL kept quiet only while it reads: callers run between two of them."""
    while True:
        with _quiet():
            batch = next(batches, None)
        if batch is None:
            return
        yield batch


def _parquet_batches(file: Path, crs: str | None, start: int, chunk: int) -> Iterator[Any]:
    """Rows of a Parquet file from `start` on; row groups before it are not read."""
    try:
        with pq.ParquetFile(file) as opened:
            geometry, declared = _geo_metadata(opened)
            ends = np.cumsum([opened.metadata.row_group(group).num_rows for group in range(opened.num_row_groups)])
            first = int(np.searchsorted(ends, start, side="right"))
            skip = start - (int(ends[first - 1]) if first else 0)
            if first < len(ends):
                batches = opened.iter_batches(batch_size=chunk, row_groups=list(range(first, len(ends))))
                yield from _after(skip, _plain(batches, geometry, declared, crs))
    except pa.ArrowException as error:
        raise BadInput(f"{file.name} cannot be read: {error}", code="unreadable") from error


def _geo_metadata(opened: Any) -> tuple[str | None, Any]:
    """Geometry column and CRS of a GeoParquet file (GeoParquet 1.1: a missing CRS is longitude, latitude)."""
    written = (opened.schema_arrow.metadata or {}).get(b"geo")
    if written is None:
        return None, None
    about = json.loads(written)
    column = about["columns"][about["primary_column"]]
    if column["encoding"] != "WKB":
        raise BadInput("the GeoParquet file encodes its points otherwise than as WKB", code="unsupported-format")
    return about["primary_column"], column.get("crs", "OGC:CRS84")


def _plain(batches: Iterable[Any], geometry: str | None, declared: Any, given: str | None) -> Iterator[Any]:
    """The batches without their geometry, with its points as `lon` and `lat`."""
    source: CRS | None = None
    for batch in batches:
        names = [name for name in batch.schema.names if name != geometry and not name.startswith("__index_level_")]
        columns = {name: batch.column(name) for name in names}
        if geometry is not None:
            points = _points(batch.column(geometry))
            if source is None and not shapely.is_empty(points).all():
                source = source_crs(declared, given, points)
            lon, lat = degrees(points, source)
            columns["lon"], columns["lat"] = pa.array(lon, pa.float64()), pa.array(lat, pa.float64())
        yield pa.RecordBatch.from_arrays(list(columns.values()), list(columns))


def _iso(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date | time) else value


def _points(column: Any) -> Any:
    """The points of a WKB column; missing ones are empty."""
    try:
        points = shapely.from_wkb(column.to_numpy(zero_copy_only=False))
    except (NotImplementedError, shapely.errors.GEOSException) as error:
        raise BadInput(f"the rows must be points: {error}", code="not-points") from error
    points[shapely.is_missing(points)] = shapely.Point()
    odd = shapely.get_type_id(points) != 0
    if odd.any():
        raise BadInput(f"the rows must be points; there is a {points[odd][0].geom_type}", code="not-points")
    return points
