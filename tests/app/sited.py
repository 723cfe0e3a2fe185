"""Sites over the tiny world, written by SQL in two versions, and a country beside it where the poor live together."""

import asyncio

import numpy as np
import shapely
from numpy.typing import NDArray
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database import Database, Logins
from geo.ground import cells
from tests.app.published import FIELD, FINAL
from tests.world import BLOCKS

#: (id, programme, kind, name, place, capacity). The world is 1.3 km wide: the last lies some 3 km to the east of it.
POST = ("PKH-1", "PKH", "post", "Pos PKH", BLOCKS[0].at(0.5, 0.5), 10)
SITES = (
    POST,
    ("PKH-2", "PKH", "post", "=Pos jauh", BLOCKS[5].at(8.0, 0.5), 5_000),
    ("SHOP-1", "Sembako", "shop", "E-Warong", BLOCKS[4].at(0.5, 0.5), None),
)
FAR = ("FAR-1", "Puskesmas", "clinic", "Puskesmas", BLOCKS[5].at(12.0, 0.5), 100)


def place_sites(logins: Logins) -> None:
    """Version 1 holds FAR alone, version 2 SITES alone."""
    asyncio.run(_placed(logins))


async def _placed(logins: Logins) -> None:
    db = Database(logins, 1)
    try:
        async with db.worker.begin() as connection:
            await lay_sites(connection)
    finally:
        await db.close()


async def lay_sites(db: AsyncConnection) -> None:
    """The same on a connection of the worker."""
    version = text("INSERT INTO site.version (change, actor) VALUES ('import', 0) RETURNING version")
    insert = text(
        "INSERT INTO site.revision (site_id, version, programme, kind, name, lon, lat, capacity, closed) "
        "VALUES (:id, :version, :programme, :kind, :name, :lon, :lat, :capacity, :closed)"
    )
    for rows in (((FAR, False),), ((FAR, True), *((site, False) for site in SITES))):
        number = (await db.execute(version)).scalar_one()
        for (name, programme, kind, called, (lon, lat), capacity), closed in rows:
            of = {"id": name, "programme": programme, "kind": kind, "name": called, "lon": lon, "lat": lat}
            await db.execute(insert, of | {"version": number, "capacity": capacity, "closed": closed})


# ── clusters ──────────────────────────────────────────────────────────────────────────────────────────────────────

#: A country of cells beside the world, all of its last block: half a degree wide enough for two groups of poor cells.
COUNTRY = shapely.box(117.60, -0.60, 117.74, -0.46)
#: Where families are poor in both releases, and where in the field table alone; kilometres around.
LASTING, PASSING, AROUND_KM = (117.64, -0.50), (117.70, -0.56), 2.0
FAMILIES, ORDINARY, POOR = 120, 12, 70
_KM = 111.2


def lay_clusters(logins: Logins) -> None:
    """Cells of COUNTRY with figures in both releases, by the owner of the tables: to others they are fixed by now."""
    engine = create_engine(logins.owner)
    try:
        with engine.begin() as connection:
            connection.execute(text("ALTER TABLE release.cell DISABLE TRIGGER USER"))
            _lay_cells(connection)
            connection.execute(text("ALTER TABLE release.cell ENABLE TRIGGER USER"))
    finally:
        engine.dispose()


def _lay_cells(db: Connection) -> None:
    leaves = cells.cover(COUNTRY, 8)
    above = cells.parents(leaves, 7)
    coarse = np.unique(above)
    insert = text(
        "INSERT INTO release.cell SELECT :cell, :resolution, :number, :lon, :lat, shape, ST_Transform(shape, 3857) "
        "FROM ST_SetSRID(ST_GeomFromWKB(:shape), 4326) AS shape"
    )
    for keys, resolution, number in ((leaves, 8, BLOCKS[5].number), (coarse, 7, 0)):
        shapes = shapely.to_wkb(cells.boundaries(keys))
        columns = (keys.tolist(), *(axis.tolist() for axis in cells.centres(keys)), shapes)
        of = {"resolution": resolution, "number": number}
        rows = [
            of | {"cell": cell, "lon": lon, "lat": lat, "shape": bytes(shape)}
            for cell, lon, lat, shape in zip(*columns, strict=True)
        ]
        db.execute(insert, rows)
    figure = text(
        "INSERT INTO release.cell_figure SELECT :release, cell, resolution, number, :n, :value, 1, :n "
        "FROM release.cell WHERE cell = :cell"
    )
    for release in (FIELD, FINAL):
        value, held = values(leaves, release), {cell: above == cell for cell in coarse.tolist()}
        told = {cell: (1, poor) for cell, poor in zip(leaves.tolist(), value.tolist(), strict=True)}
        told |= {cell: (int(own.sum()), int(value[own].sum())) for cell, own in held.items()}
        db.execute(
            figure,
            [{"release": release, "cell": c, "n": FAMILIES * many, "value": poor} for c, (many, poor) in told.items()],
        )


def values(keys: NDArray[np.int64], release: int) -> NDArray[np.int64]:
    """Poor families of each leaf of COUNTRY."""
    lon, lat = cells.centres(keys)
    found = ORDINARY + np.arange(len(keys)) % 5
    for place in (LASTING, PASSING) if release == FIELD else (LASTING,):
        found = np.where(np.hypot(lon - place[0], lat - place[1]) * _KM < AROUND_KM, POOR + found, found)
    return found
