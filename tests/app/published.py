"""Two sealed releases over whatever areas a test's database has, written by SQL: nothing is made, nothing counted.

A field table (number 1) and the final one (6), with values that follow from the place of a leaf, so that every sum is
known beforehand. Over the tiny world: the second block has no draw in the field table, the third fewer than ten
households, the fourth low coverage, the fifth a value below zero.
"""

import asyncio
import hashlib
from dataclasses import dataclass
from datetime import UTC, date, datetime

import numpy as np
import shapely
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database import Database, Logins
from geo.ground import cells

FIELD, FINAL = 1, 6
KINDS = {FIELD: ("field", "field_status"), FINAL: ("final", "consultation")}
AS_OF = {FIELD: datetime(2022, 10, 22, 16, 0, tzinfo=UTC), FINAL: datetime(2023, 5, 13, 16, 0, tzinfo=UTC)}
DUES = ((1, "field", date(2022, 10, 22)), (2, "field", date(2022, 10, 28)), (6, "final", date(2023, 5, 13)))
SEALED_AT = {FIELD: datetime(2022, 10, 23, 1, 0, tzinfo=UTC), FINAL: datetime(2023, 5, 14, 1, 0, tzinfo=UTC)}
EXPECTED = 60


@dataclass(frozen=True)
class Figure:
    """What is published of a leaf, or of a sum of leaves."""

    n: int
    value: int
    draws: int
    expected: int

    def __add__(self, other: "Figure") -> "Figure":
        return Figure(
            self.n + other.n, self.value + other.value, self.draws + other.draws, self.expected + other.expected
        )


NOTHING = Figure(0, 0, 0, 0)


def digest(release: int) -> bytes:
    """The digest of a release; it is of nothing."""
    return hashlib.sha256(f"release {release}".encode()).digest()


def leaf(place: int, release: int) -> Figure:
    """The figure of the leaf at a place among all leaves of its system, from 0."""
    field = {
        0: Figure(58, 21, 2, EXPECTED),
        1: Figure(0, 0, 0, EXPECTED),
        2: Figure(8, 3, 1, 9),
        3: Figure(31, 12, 1, EXPECTED),
        4: Figure(55, -2, 2, EXPECTED),
    }.get(place, Figure(50 + place % 9, (place * 7) % 23, 2, EXPECTED))
    if release == FIELD:
        return field
    drawn = field.value + (5 if place != 4 else 1) - place % 3
    return Figure(9 if place == 2 else max(field.n, 49), drawn, 1, field.expected)


def publish(logins: Logins, *, kept: tuple[int, ...] = (FIELD, FINAL)) -> None:
    """Fix terms over the areas there are, if none are, and seal these releases of FIELD and FINAL."""
    asyncio.run(_published(logins, kept))


async def _published(logins: Logins, kept: tuple[int, ...]) -> None:
    db = Database(logins, 1)
    try:
        async with db.worker.begin() as connection:
            await lay(connection, kept)
    finally:
        await db.close()


async def lay(db: AsyncConnection, kept: tuple[int, ...] = (FIELD, FINAL)) -> None:
    """The same on a connection of the worker."""
    if not (await db.execute(text("SELECT FROM release.terms"))).all():
        await fix(db)
    for release in kept:
        await seal(db, release)


async def fix(db: AsyncConnection) -> None:
    """Terms, calendar, areas and cells of the campaign's edition."""
    await db.execute(
        text(
            "INSERT INTO release.terms (campaign, edition, series, time_zone, simulated, measure, fixed_at) "
            "SELECT c.name, e.code, 'prelist', c.time_zone, c.simulated, 'consultation', :at "
            "FROM ground.campaign c JOIN ground.edition e USING (edition_id)"
        ),
        {"at": datetime(2022, 10, 14, 1, 0, tzinfo=UTC)},
    )
    for number, kind, due in DUES:
        of = {"release": number, "kind": kind, "due": due}
        await db.execute(text("INSERT INTO release.calendar VALUES (:release, :kind, :due)"), of)
    await db.execute(
        text(
            "INSERT INTO release.area "
            "SELECT a.number, a.last, a.parent, a.level, a.code, a.name, a.uninhabited, "
            "ST_X(ST_PointOnSurface(a.geom)), ST_Y(ST_PointOnSurface(a.geom)), a.geom, ST_Transform(a.geom, 3857) "
            "FROM ground.area a JOIN ground.campaign c USING (edition_id)"
        )
    )
    await _fix_cells(db)


async def _fix_cells(db: AsyncConnection) -> None:
    """Every cell of resolution 8 that touches a block, as the nearest block's; and those above."""
    blocks: list[tuple[int, shapely.MultiPolygon]] = [
        (row.number, shapely.MultiPolygon(shapely.get_parts(shapely.from_wkb(bytes(row.shape))).tolist()))
        for row in await db.execute(
            text("SELECT number, ST_AsBinary(geom) AS shape FROM release.area WHERE number = last ORDER BY number")
        )
    ]
    found = np.unique(np.concatenate([cells.cover(shape, 8) for _, shape in blocks]))
    lon, lat = cells.centres(found)
    points = [shapely.Point(x, y) for x, y in zip(lon.tolist(), lat.tolist(), strict=True)]
    owner = [min(blocks, key=lambda block: (shapely.distance(block[1], point), block[0]))[0] for point in points]
    rows = [(int(cell), 8, number) for cell, number in zip(found, owner, strict=True)]
    for resolution in range(7, 3, -1):
        rows += [(int(cell), resolution, 0) for cell in np.unique(cells.parents(found, resolution))]
    keys = np.array([row[0] for row in rows], np.int64)
    lon, lat = cells.centres(keys)
    insert = text(
        "INSERT INTO release.cell SELECT :cell, :resolution, :number, :lon, :lat, shape, ST_Transform(shape, 3857) "
        "FROM ST_SetSRID(ST_GeomFromWKB(:shape), 4326) AS shape"
    )
    shapes = shapely.to_wkb(cells.boundaries(keys))
    for row, x, y, shape in zip(rows, lon.tolist(), lat.tolist(), shapes, strict=True):
        of = {"cell": row[0], "resolution": row[1], "number": row[2], "lon": x, "lat": y, "shape": bytes(shape)}
        await db.execute(insert, of)


async def seal(db: AsyncConnection, release: int) -> None:
    """One release with a figure of every leaf, and the sums above."""
    kind, measure = KINDS[release]
    for number, figure in (await area_figures(db, release)).items():
        of = vars(figure) | {"release": release, "number": number}
        await db.execute(
            text(
                "INSERT INTO release.area_figure "
                "SELECT :release, number, level, :n, :value, :draws, :expected FROM release.area WHERE number = :number"
            ),
            of,
        )
    for cell, figure in (await cell_figures(db, release)).items():
        of = vars(figure) | {"release": release, "cell": cell}
        await db.execute(
            text(
                "INSERT INTO release.cell_figure "
                "SELECT :release, cell, resolution, number, :n, :value, :draws, :expected "
                "FROM release.cell WHERE cell = :cell"
            ),
            of,
        )
    due = next(day for number, _, day in DUES if number == release)
    of = {"release": release, "kind": kind, "measure": measure, "due": due, "digest": digest(release)}
    of |= {"as_of": AS_OF[release], "sealed_at": SEALED_AT[release]}
    insert = "INSERT INTO release.release VALUES (:release, :kind, :measure, :due, :as_of, :sealed_at, :digest)"
    await db.execute(text(insert), of)


async def area_figures(db: AsyncConnection, release: int) -> dict[int, Figure]:
    """The figure of every area by its number: of leaves as `leaf` says, and sums of them."""
    areas = (await db.execute(text("SELECT number, last FROM release.area ORDER BY number"))).all()
    leaves = [number for number, last in areas if number == last]
    told = {number: leaf(place, release) for place, number in enumerate(leaves)}
    return {a.number: sum((told[n] for n in leaves if a.number <= n <= a.last), NOTHING) for a in areas}


async def cell_figures(db: AsyncConnection, release: int) -> dict[int, Figure]:
    """The same by cell, leaves of resolution 8 in the order of the cells."""
    leaves = (await db.scalars(text("SELECT cell FROM release.cell WHERE resolution = 8 ORDER BY cell"))).all()
    told = {int(cell): leaf(place, release) for place, cell in enumerate(leaves)}
    found = dict(told)
    for resolution in range(4, 8):
        above = cells.parents(np.array(list(told), np.int64), resolution)
        for cell, figure in zip(above.tolist(), told.values(), strict=True):
            found[cell] = found.get(cell, NOTHING) + figure
    return found
