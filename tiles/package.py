"""A GeoPackage whose bytes follow from what is in it: the same at every making, on the same machine.

GDAL writes into every one when it was made; here that is the instant as of which it is.
"""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import pyarrow as pa
import pyogrio

#: Name of the column of shapes, as WKB in EPSG:4326.
GEOMETRY = "geometry"

#: When a table was last changed (GeoPackage 1.2, clause 1.1.3.1.1, in the form of requirement 15).
_CHANGED = "UPDATE gpkg_contents SET last_change = ?"


class Layer(NamedTuple):
    """Rows under a name; with a column GEOMETRY of the type named, or without one and `None`."""

    name: str
    rows: pa.Table
    geometry: str | None
    description: str = ""


def packed(layers: Sequence[Layer], at: datetime) -> bytes:
    """The layers and tables in their order as a GeoPackage 1.2, as if it had been written at `at`."""
    with TemporaryDirectory(prefix="cakupan-release-") as folder:
        path = Path(folder) / "release.gpkg"
        for place, layer in enumerate(layers):
            shaped = {"geometry_name": GEOMETRY, "crs": "EPSG:4326"} if layer.geometry else {}
            pyogrio.write_arrow(
                layer.rows,
                path,
                layer=layer.name,
                driver="GPKG",
                geometry_type=layer.geometry,
                dataset_options={} if place else {"VERSION": "1.2"},  # which the QGIS of old distributions knows
                layer_options={"IDENTIFIER": layer.name, "DESCRIPTION": layer.description}
                | ({"GEOMETRY_NAME": GEOMETRY} if layer.geometry else {}),
                **shaped,
            )
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute(_CHANGED, (f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.000Z",))
        return path.read_bytes()
