"""Areas of an edition: numbered once in preorder, stored, and read back as arrays.

The descendants of area `n` are exactly the numbers `n … last[n]`, which scopes, policies, feature ids and every sum
upward rest on.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, cast

import numpy as np
import shapely
from numpy.typing import NDArray
from sqlalchemy.ext.asyncio import AsyncConnection

from geo import queries
from geo.errors import BadInput, NotFound, NotReady, Refused
from geo.ground.campaign import Campaign
from geo.ground.campaign import load as load_campaign
from geo.ground.inspection import AreaRow
from geo.ground.levels import LEVELS
from geo.ground.locate import Locator, owner_ranges

SQL = queries.load(__file__)

_ROWS_A_MESSAGE = 10_000
_HOUSE = np.dtype([("footprint_id", ">i8"), ("lon", ">f8"), ("lat", ">f8")])


@dataclass(frozen=True)
class Tree:
    """The areas of one edition as arrays indexed by number; entry 0 stands for `unplaced`."""

    edition: str
    digest: str
    last: NDArray[np.int32]
    parent: NDArray[np.int32]
    level: NDArray[np.int8]
    code: list[str]
    name: list[str]
    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    bounds: NDArray[np.float64]
    by_code: dict[str, list[int]] = field(repr=False)

    def __len__(self) -> int:
        """How many areas there are, `unplaced` included."""
        return len(self.code)

    @property
    def block(self) -> NDArray[np.bool_]:
        """Whether an area is a block: one with nothing below it."""
        found: NDArray[np.bool_] = self.last == np.arange(len(self))
        found[0] = False
        return found

    def blocks_in(self, ranges: Sequence[tuple[int, int]]) -> int:
        """How many blocks lie in closed ranges of numbers that are disjoint."""
        return sum(int(self._upto[min(hi + 1, len(self))] - self._upto[min(lo, len(self))]) for lo, hi in ranges)

    @cached_property
    def _upto(self) -> NDArray[np.int64]:
        """How many blocks lie below each number."""
        return np.concatenate([[0], np.cumsum(self.block)])

    def number_of(self, code: str, level: str | None = None) -> int:
        """The number of an area by its code. Raises NotFound, or BadInput where several levels share the code."""
        found = self.by_code.get(code, [])
        if level is not None:
            found = [n for n in found if LEVELS[self.level[n]] == level]
        if not found:
            raise NotFound(f"there is no area of this code in edition {self.edition}", code="no-area")
        if len(found) > 1:
            raise BadInput("the code stands for several areas: name the level too", code="ambiguous-area")
        return found[0]

    def path(self, number: int) -> list[int]:
        """The areas above `number`, from the top, itself last."""
        found = []
        while number:
            found.append(number)
            number = int(self.parent[number])
        return found[::-1]


@dataclass(frozen=True)
class Ground:
    """All that intake needs to know of the ground: campaign, areas, blocks by declared code, point to block."""

    campaign: Campaign
    tree: Tree
    block_numbers: dict[str, int]
    locator: Locator


@dataclass(frozen=True)
class Stored:
    """What an import of areas left in the edition."""

    edition: str
    areas: dict[str, int]
    blocks: int
    owner_ranges: int
    expected_dropped: int
    footprints_dropped: int
    listed_dropped: int


async def store(
    db: AsyncConnection, edition: str, rows: Sequence[AreaRow], *, progress: Callable[[str], None] = lambda _: None
) -> Stored:
    """Add areas to an edition (replacing those of the same level and code), number it, and note its owner cells.

    Geometries in EPSG:4326. Footprints are located anew; those in no block any more are dropped, as are families of the
    prelist whose block is gone. Raises Refused where households have been counted in the edition: their numbers would
    change under them.
    """
    edition_id = await db.scalar(SQL["open_edition"], {"edition": edition})
    if await db.scalar(SQL["counted"], {"edition_id": edition_id}):
        raise Refused(f"households have been counted in edition {edition}: import the new areas as a new edition")
    merged = {(r.level, r.code): r for r in await _stored(db, edition_id)} | {(r.level, r.code): r for r in rows}
    ordered = preorder(list(merged.values()))
    progress(f"numbering {len(ordered)} areas")
    await db.execute(SQL["keep_expected"], {"edition_id": edition_id})
    await db.execute(SQL["keep_cells"], {"edition_id": edition_id})
    await db.execute(SQL["keep_prelist"], {"edition_id": edition_id})
    await db.execute(SQL["clear"], {"edition_id": edition_id})
    await _write(db, edition_id, ordered)
    dropped = await db.scalar(SQL["return_expected"], {"edition_id": edition_id})
    await db.execute(SQL["return_expected_cells"], {"edition_id": edition_id})
    delisted = await db.scalar(SQL["return_prelist"], {"edition_id": edition_id}) or 0
    blocks = [a for a in ordered if a.number == a.last]
    progress(f"noting the owner cells of {len(blocks)} blocks")
    geometries = np.array([a.row.geometry for a in blocks])
    numbers, codes = np.array([a.number for a in blocks], dtype=np.int32), [a.row.code for a in blocks]
    ranges = owner_ranges(geometries, numbers, codes)
    of_edition = np.full(len(ranges), edition_id, np.int32)
    owned = {"edition_id": of_edition, "lo": ranges["lo"], "hi": ranges["hi"], "number": ranges["number"]}
    await copy_arrays(db, "ground.owner", owned)
    homeless = await _locate_footprints(db, edition_id, Locator(ranges, numbers, codes, geometries))
    digest = hashlib.sha256()
    for a in ordered:
        digest.update(f"{a.number},{a.last},{a.row.level},{a.row.code},{a.row.name}\n".encode())
        digest.update(shapely.to_wkb(a.row.geometry))
    await db.execute(SQL["seal"], {"edition_id": edition_id, "digest": digest.hexdigest()[:16]})
    levels = {level: sum(1 for a in ordered if a.row.level == level) for level in LEVELS}
    return Stored(
        edition, {k: v for k, v in levels.items() if v}, len(blocks), len(ranges), dropped or 0, homeless, delisted
    )


@dataclass(frozen=True)
class Numbered:
    """An area with its place in the preorder."""

    row: AreaRow
    number: int
    last: int
    parent: int


def preorder(rows: Sequence[AreaRow]) -> list[Numbered]:
    """Number areas from 1, parents before children, siblings by code. Raises BadInput for an unknown parent."""
    children: dict[tuple[str, str] | None, list[AreaRow]] = defaultdict(list)
    known: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        known[row.code].append(row.level)
    for row in rows:
        above = None
        if row.parent is not None:
            levels = [at for at in known[row.parent] if LEVELS.index(at) < LEVELS.index(row.level)]
            if not levels:
                raise BadInput(f"{row.level} {row.code} names an area above, {row.parent}, that is not there")
            above = (max(levels, key=LEVELS.index), row.parent)
        children[above].append(row)
    ordered: list[Numbered] = []

    def visit(row: AreaRow, parent: int) -> None:
        at = len(ordered)
        ordered.append(Numbered(row, at + 1, at + 1, parent))
        for child in sorted(children[row.level, row.code], key=lambda r: (r.code, r.level)):
            visit(child, at + 1)
        ordered[at] = Numbered(row, at + 1, len(ordered), parent)

    for root in sorted(children[None], key=lambda r: (r.code, r.level)):
        visit(root, 0)
    return ordered


async def editions(db: AsyncConnection) -> list[str]:
    """Codes of all editions, the oldest first."""
    return list((await db.execute(SQL["editions"])).scalars())


async def load_tree(db: AsyncConnection, campaign: Campaign) -> Tree:
    """The areas of the campaign's edition."""
    rows = (await db.execute(SQL["tree"], {"edition_id": campaign.edition_id})).all()
    if not rows:
        raise NotReady(f"edition {campaign.edition} has no areas: run ./cakupan areas import", code="no-areas")
    by_code: dict[str, list[int]] = defaultdict(list)
    for row in rows:
        by_code[row.code].append(row.number)
    return Tree(
        edition=campaign.edition,
        digest=campaign.digest,
        last=np.array([0, *(r.last for r in rows)], dtype=np.int32),
        parent=np.array([0, *(r.parent for r in rows)], dtype=np.int32),
        level=np.array([-1, *(LEVELS.index(r.level) for r in rows)], dtype=np.int8),
        code=["", *(r.code for r in rows)],
        name=["", *(r.name for r in rows)],
        lon=np.array([np.nan, *(r.lon for r in rows)]),
        lat=np.array([np.nan, *(r.lat for r in rows)]),
        bounds=np.array([(np.nan,) * 4, *((r.west, r.south, r.east, r.north) for r in rows)]),
        by_code=dict(by_code),
    )


async def load_ground(db: AsyncConnection) -> Ground:
    """Campaign, areas and locator of the current edition. Raises NotReady before there are any."""
    campaign = await load_campaign(db)
    tree = await load_tree(db, campaign)
    block_numbers = {tree.code[n]: int(n) for n in np.flatnonzero(tree.block)}
    return Ground(campaign, tree, block_numbers, await load_locator(db, campaign.edition_id))


async def load_locator(db: AsyncConnection, edition_id: int) -> Locator:
    """Point to block in any edition, the campaign's or not."""
    of = {"edition_id": edition_id}
    blocks = (await db.execute(SQL["blocks"], of)).all()
    ranges = await queries.arrays(db, SQL["owners"], of, {"lo": "i8", "hi": "i8", "number": "i4"})
    numbers = np.array([b.number for b in blocks], dtype=np.int32)
    geometries = shapely.from_wkb(np.array([bytes(b.geom) for b in blocks], dtype=object))
    return Locator(ranges, numbers, [b.code for b in blocks], geometries)


async def _stored(db: AsyncConnection, edition_id: int) -> list[AreaRow]:
    found = []
    for r in await db.execute(SQL["stored"], {"edition_id": edition_id}):
        shape = cast("shapely.MultiPolygon", shapely.from_wkb(bytes(r.geom)))  # the column holds nothing else
        found.append(AreaRow(r.level, r.code, r.name, r.parent, shape, r.uninhabited, r.derived))
    return found


async def _locate_footprints(db: AsyncConnection, edition_id: int, locator: Locator) -> int:
    """Give the footprints of an edition the new numbers of their blocks; tells how many lie in none and are dropped."""
    parts = (await db.execute(SQL["footprints"], {"edition_id": edition_id})).all()
    houses = np.frombuffer(b"".join(bytes(p.houses) for p in parts), _HOUSE)
    before = np.repeat([p.number for p in parts], [len(p.houses) // _HOUSE.itemsize for p in parts])
    numbers = locator.locate(houses["lon"], houses["lat"])
    moved = numbers != before
    await db.execute(SQL["moving"])
    places = {"footprint_id": houses["footprint_id"][moved].astype(np.int64), "number": numbers[moved]}
    await copy_arrays(db, "moving", places)
    await db.execute(SQL["move"])
    return int((numbers == 0).sum())


async def _write(db: AsyncConnection, edition_id: int, ordered: Sequence[Numbered]) -> None:
    await db.execute(SQL["incoming"])
    geometries = np.array([a.row.geometry for a in ordered])
    labels = shapely.get_coordinates(shapely.point_on_surface(geometries))
    wkb = shapely.to_wkb(geometries)
    columns = "number, last, parent, level, code, name, derived, uninhabited, lon, lat, wkb"
    raw = await db.get_raw_connection()
    driver: Any = raw.driver_connection
    statement = f"COPY arriving ({columns}) FROM STDIN (FORMAT BINARY)"
    async with driver.cursor() as cursor, cursor.copy(statement) as copy:
        copy.set_types(["int4", "int4", "int4", "text", "text", "text", "bool", "bool", "float8", "float8", "bytea"])
        for a, at, w in zip(ordered, labels.tolist(), wkb, strict=True):
            r = a.row
            named = (a.number, a.last, a.parent, r.level, r.code, r.name, r.derived, r.uninhabited)
            await copy.write_row((*named, *at, w))
    await db.execute(SQL["write"], {"edition_id": edition_id})


async def outlines(db: AsyncConnection, campaign: Campaign, numbers: Sequence[int]) -> dict[int, str]:
    """Outlines of areas as GeoJSON text (EPSG:4326), simplified to about ten metres. Shapes are public."""
    rows = await db.execute(SQL["outlines"], {"edition_id": campaign.edition_id, "numbers": list(numbers)})
    return {row.number: row.geometry for row in rows}


async def known_codes(db: AsyncConnection, edition: str) -> dict[str, str]:
    """Level by code of the areas that an edition has already; empty for a new edition."""
    return {row.code: row.level for row in await db.execute(SQL["known"], {"edition": edition})}


async def copy_arrays(db: AsyncConnection, table: str, columns: Mapping[str, NDArray[Any]]) -> None:
    """Append the rows of arrays (n,) to a table by binary COPY, many times faster than row by row.

    `columns` are named as in the table and have its widths: int32 for integer, int64, float32, float64, bool; bytes
    for a text that is as long in every row. PostgreSQL's documentation of COPY has the form, "Binary Format".
    """
    given = {name: np.asarray(values) for name, values in columns.items()}
    sent: list[tuple[str, Any]] = [("fields", ">i2")]
    for name, values in given.items():
        sent += [(f"{name} length", ">i4"), (name, values.dtype.newbyteorder(">"))]
    rows = np.empty(len(next(iter(given.values()))), dtype=sent)
    rows["fields"] = len(given)
    for name, values in given.items():
        rows[f"{name} length"], rows[name] = values.dtype.itemsize, values
    raw = await db.get_raw_connection()
    driver: Any = raw.driver_connection
    statement = f"COPY {table} ({', '.join(given)}) FROM STDIN (FORMAT BINARY)"
    async with driver.cursor() as cursor, cursor.copy(statement) as copy:
        await copy.write(b"PGCOPY\n\xff\r\n\0" + bytes(8))
        for first in range(0, len(rows), _ROWS_A_MESSAGE):
            await copy.write(rows[first : first + _ROWS_A_MESSAGE].tobytes())
        await copy.write(b"\xff\xff")
