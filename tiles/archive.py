"""The map as tables for people without a network: GeoPackage for QGIS, GeoParquet for notebooks and DuckDB.

Areas, blocks and H3 cells with the figures of `geo.watch.coverage`, never single households. What lies outside of the
area asked for is left out; what lies outside of the scope has its shape and null figures. Written in batches, so that
memory does not go by the size of a province. The only module that writes these formats; `pyramid` writes tiles.
"""

import json
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyogrio
import shapely
from pyarrow import parquet
from pyproj import CRS
from sqlalchemy.ext.asyncio import AsyncConnection

from geo import queries
from geo.errors import BadInput, NotFound
from geo.ground import cells
from geo.ground.levels import LEVELS
from geo.scope import Scope
from geo.watch import coverage
from geo.watch.live import Snapshot
from tiles import qgis
from tiles.layers import level_at, resolution_at

SQL = queries.load(__file__)

#: The layers of a file, in their order.
LAYERS = ("areas", "blocks", "cells")

#: Resolutions of cells in tables: a stroll, a neighbourhood, a row of houses.
RESOLUTIONS = (8, 9, 10)

#: Rows written at a time, with their outlines.
_AREAS, _CELLS = 1_000, 20_000

_WGS84 = "EPSG:4326"
_GEOMETRY = "geometry"
_TYPES = {"areas": "MultiPolygon", "blocks": "MultiPolygon", "cells": "Polygon"}

_KINDS = {
    "coverage": pa.float64(),
    "resolved": pa.float64(),
    "schedule": pa.float64(),
    "last_at": pa.timestamp("ms", tz="UTC"),
    "state": pa.string(),
}
_FIGURES = [(name, _KINDS.get(name, pa.int32())) for name in coverage.FIELDS]
_PLACE = [("lon", pa.float64()), ("lat", pa.float64())]
_OF_AREAS = pa.schema(
    [
        *(("code", pa.string()), ("name", pa.string()), ("level", pa.string())),
        *(("n", pa.int32()), ("parent", pa.string())),
        *(*_PLACE, *_FIGURES, (_GEOMETRY, pa.binary())),
    ]
)
_OF_CELLS = pa.schema(
    [
        *(("cell", pa.string()), ("resolution", pa.int16()), ("n", pa.int64()), *_PLACE),
        *(figure for figure in _FIGURES if figure[0] not in {"last_at", "state"}),
        (_GEOMETRY, pa.binary()),
    ]
)
_SCHEMAS = {"areas": _OF_AREAS, "blocks": _OF_AREAS, "cells": _OF_CELLS}

Progress = Callable[[int, int | None], None]


@dataclass(frozen=True)
class Asked:
    """Which part of the map goes into a file: what lies within an area (its number, 0: everywhere), and the layers."""

    within: int = 0
    layers: tuple[str, ...] = LAYERS
    max_zoom: int = 14


def may_write(path: Path, *, folder: bool = False) -> None:
    """Raises BadInput where a file (or a folder of files) cannot come to stand at `path`, before any work is done."""
    if path.exists() and path.is_dir() is not folder:
        raise BadInput(f"{path} is {'a file' if folder else 'a folder'}: give another name")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as wrong:
        raise BadInput(f"{path.parent} cannot be made: {wrong.strerror}") from wrong
    if not os.access(path if folder and path.exists() else path.parent, os.W_OK | os.X_OK):
        raise BadInput(f"nothing can be written in {path.parent}")


@contextmanager
def whole(path: Path, *, folder: bool = False) -> Iterator[Path]:
    """A name to write to beside `path`, which takes its place at the end of the block; nothing is left where it fails.

    Of a folder every file takes the place of one of the same name; others in it stay.
    """
    with TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent, ignore_cleanup_errors=True) as beside:
        part = Path(beside) / path.name
        if not folder:
            yield part
            part.replace(path)
            return
        part.mkdir()
        yield part
        path.mkdir(exist_ok=True)
        for file in sorted(part.iterdir()):
            file.replace(path / file.name)


def narrowed(live: Snapshot, scope: Scope, within: int) -> Scope:
    """The scope inside of one area (0: all of it). Raises NotFound where nothing of it is left."""
    ranges = tuple(scope.clip(within, int(live.tree.last[within])) if within else scope.clip(0, len(live.tree) - 1))
    if not ranges:
        raise NotFound("nothing there may be seen by this account")
    return replace(scope, ranges=ranges)


def about(live: Snapshot, scope: Scope, within: int) -> dict[str, Any]:
    """What is true of every figure in a file: as of when, against what, and by whose eyes."""
    campaign = live.campaign
    return {
        "campaign": campaign.name,
        "edition": campaign.edition,
        "series": campaign.series,
        "epoch": live.epoch,
        "as_of": live.as_of.isoformat(timespec="seconds"),
        "time_zone": campaign.zone.key,
        "simulated": campaign.simulated,
        "within": live.tree.code[within] or None,
        "seen_by": scope.name,
    }


async def geopackage(
    db: AsyncConnection, live: Snapshot, scope: Scope, asked: Asked, path: Path, progress: Progress
) -> dict[str, int]:
    """Write a GeoPackage with styles for QGIS and a table `about`; gives the rows by layer. EPSG:4326."""
    said = about(live, scope, asked.within)
    counts = dict.fromkeys(asked.layers, 0)
    async for layer, rows in _batches(db, live, scope, asked, progress):
        first = counts[layer] == 0
        pyogrio.write_arrow(
            rows,
            path,
            layer=layer,
            driver="GPKG",
            geometry_name=_GEOMETRY,
            geometry_type=_TYPES[layer],
            crs=_WGS84,
            append=not first,
            dataset_options={"VERSION": "1.2"} if first else {},  # which the QGIS of old distributions knows
            layer_options=_options(layer, said) if first else {},
        )
        counts[layer] += rows.num_rows
    there = [layer for layer, many in counts.items() if many]
    _table(path, "about", pd.DataFrame({"key": list(said), "value": [_text(value) for value in said.values()]}))
    drawn = {
        "areas": qgis.parts("level", lambda zoom: level_at(live.tree, zoom, asked.within)),
        "blocks": [qgis.Part()],
        "cells": qgis.parts("resolution", lambda zoom: max(resolution_at(zoom), RESOLUTIONS[0])),
    }
    styles = [qgis.style(layer, _GEOMETRY, measure, drawn[layer]) for layer in there for measure in qgis.MEASURES_SHOWN]
    _table(path, "layer_styles", pd.DataFrame(styles), FID="id")
    return counts


async def geoparquet(
    db: AsyncConnection, live: Snapshot, scope: Scope, asked: Asked, path: Path, progress: Progress
) -> dict[str, int]:
    """Write GeoParquet 1.0, one file a layer: into `path` if that is a folder, else as that one file."""
    counts = dict.fromkeys(asked.layers, 0)
    said = {"cakupan": json.dumps(about(live, scope, asked.within))}
    writers: dict[str, parquet.ParquetWriter] = {}
    try:
        for layer in asked.layers:
            schema = _SCHEMAS[layer].with_metadata({"geo": _geo(layer), **said})
            file = path / f"{layer}.parquet" if path.is_dir() else path
            writers[layer] = parquet.ParquetWriter(file, schema, compression="zstd")
        async for layer, rows in _batches(db, live, scope, asked, progress):
            writers[layer].write_table(rows.replace_schema_metadata(writers[layer].schema.metadata))
            counts[layer] += rows.num_rows
    finally:
        for writer in writers.values():
            writer.close()
    return counts


def _geo(layer: str) -> str:
    """What GeoParquet says of the geometry (specification 1.0.0, "File metadata")."""
    column = {"encoding": "WKB", "geometry_types": [_TYPES[layer]], "crs": CRS(_WGS84).to_json_dict()}
    return json.dumps({"version": "1.0.0", "primary_column": _GEOMETRY, "columns": {_GEOMETRY: column}})


async def _batches(
    db: AsyncConnection, live: Snapshot, scope: Scope, asked: Asked, progress: Progress
) -> AsyncIterator[tuple[str, pa.Table]]:
    """The rows of each layer, a batch at a time."""
    levels = {"areas": LEVELS[:-1], "blocks": LEVELS[-1:], "cells": ()}
    wanted = [(layer, level) for layer in asked.layers for level in levels[layer]]
    total = sum(len(coverage.select(live, level, asked.within)) for _, level in wanted)
    resolutions = RESOLUTIONS if "cells" in asked.layers else ()
    total += sum(len(coverage.cell_figures(live, scope, r)[0]) for r in resolutions)
    done = 0
    for layer, level in wanted:
        after = 0
        while rows := coverage.by_area(live, scope, level, asked.within, after=after, limit=_AREAS):
            after = rows[-1]["n"]
            yield layer, await _with_outlines(db, live, rows)
            progress(done := done + len(rows), total)
    for resolution in resolutions:
        for table in _of_cells(live, scope, resolution):
            yield "cells", table
            progress(done := done + table.num_rows, total)


async def _with_outlines(db: AsyncConnection, live: Snapshot, rows: list[dict[str, Any]]) -> pa.Table:
    of = {"edition_id": live.campaign.edition_id, "numbers": [row["n"] for row in rows]}
    shapes = (await db.execute(SQL["outlines"], of)).all()
    table = [row | {_GEOMETRY: bytes(shape.wkb)} for row, shape in zip(rows, shapes, strict=True)]
    return pa.Table.from_pylist(table, _OF_AREAS)


def _of_cells(live: Snapshot, scope: Scope, resolution: int) -> Iterator[pa.Table]:
    keys, figures = coverage.cell_figures(live, scope, resolution)
    lon, lat = coverage.cell_centres(live, scope, resolution)
    elapsed = live.campaign.elapsed() / live.campaign.days
    for first in range(0, len(keys), _CELLS):
        at = np.arange(first, min(first + _CELLS, len(keys)))
        some = keys[at]
        known = pa.Table.from_pylist(coverage.rows(figures.some(at), elapsed), _figures_schema())
        columns = {
            "cell": [cells.to_hex(key) for key in some.tolist()],
            "resolution": np.full(len(at), resolution, dtype=np.int16),
            "n": cells.feature_ids(some, resolution),
            "lon": lon[at].round(6),
            "lat": lat[at].round(6),
            **{name: known[name] for name in known.column_names},
            _GEOMETRY: shapely.to_wkb(cells.boundaries(some)),
        }
        yield pa.table({name: columns[name] for name in _OF_CELLS.names}, schema=_OF_CELLS)


def _figures_schema() -> pa.Schema:
    return pa.schema([field for field in _OF_CELLS if field.name in coverage.FIELDS])


def _table(path: Path, layer: str, rows: pd.DataFrame, **options: str) -> None:
    """A table without shapes beside the layers."""
    pyogrio.write_dataframe(rows, path, layer=layer, driver="GPKG", layer_options=options)


def _options(layer: str, said: dict[str, Any]) -> dict[str, str]:
    line = f"{said['campaign']}: {said['series']} {said['edition']}, epoch {said['epoch']}, as of {said['as_of']}"
    line = f"{line}, SIMULATED" if said["simulated"] else line
    return {"GEOMETRY_NAME": _GEOMETRY, "IDENTIFIER": layer, "DESCRIPTION": line}


def _text(value: object) -> str:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
