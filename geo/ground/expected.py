"""How many families should be found in each block, by series, with source and date; and their spread over cells."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray
from sqlalchemy.ext.asyncio import AsyncConnection

from geo import queries
from geo.ground.areas import copy_arrays
from geo.ground.levels import LEVELS
from geo.ground.matching import CODE_COLUMNS, Codes, LeftOut, codes_of, column, match
from geo.ground.spread import Spread, spread_blocks, spread_points
from geo.ground.tables import Table

SQL = queries.load(__file__)

#: Column names recognised for the families of a block, first match wins.
COUNT_COLUMNS = ("expected", "families_total", "families", "kk", "jumlah_kk", "households", "muatan")

_WHOLE = re.compile(r"[0-9]{1,7}(?:\.0+)?")

_HOUSE = np.dtype([("lon", ">f8"), ("lat", ">f8"), ("area_m2", ">f8")])

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Imported:
    """What an import of expected families did. `left_out` lists (row, code, why); rows count from 1 without header."""

    series: str
    blocks: int
    families: int
    by_level: dict[str, int]
    left_out: list[LeftOut]
    missing_blocks: int


class Basis(NamedTuple):
    """How many families of a series were spread over cells by footprints, and how many by area."""

    series: str
    by_footprints: int
    by_area: int


async def store(
    db: AsyncConnection,
    edition: str,
    table: Table,
    *,
    series: str,
    source: str,
    dated: date,
    columns: tuple[str | None, str | None] = (None, None),
    progress: Progress | None = None,
) -> Imported:
    """Read expected families from a table of text cells into one series of an edition, and spread them over cells.

    Replaces what the series says of the blocks named. Raises BadInput for unknown columns, NotFound for the edition.
    """
    codes = await codes_of(db, edition)
    code_column = column(table, columns[0], CODE_COLUMNS, "code")
    found, left_out = _families(table, code_column, column(table, columns[1], COUNT_COLUMNS, "families"), codes)
    values: list[dict[str, Any]] = [
        {"edition_id": codes.edition_id, "series": series, "number": codes.blocks[code], "expected": families,
         "source": source, "dated": dated}
        for code, families in found.items()
    ]  # fmt: skip
    if values:
        await db.execute(SQL["write"], values)
        await _spread(db, codes.edition_id, series, {v["number"]: v["expected"] for v in values}, progress)
    sums = await db.execute(SQL["sums"], {"edition_id": codes.edition_id, "series": series})
    by_level = {row.level: row.families for row in sums}
    return Imported(
        series,
        blocks=len(values),
        families=sum(found.values()),
        by_level={level: by_level[level] for level in LEVELS if level in by_level},
        left_out=left_out,
        missing_blocks=len(codes.blocks) - len(values),
    )


def _families(table: Table, code_column: str, count_column: str, codes: Codes) -> tuple[dict[str, int], list[LeftOut]]:
    """Families by code of block, and the rows left out with the reason."""
    matched, left_out = match(table, code_column, codes)
    found: dict[str, int] = {}
    for at, code, row in matched:
        families = (row.get(count_column) or "").strip()
        if _WHOLE.fullmatch(families):
            found[code] = int(families.split(".")[0])
        else:
            why = f"the number of families is no whole number: {families[:20] or 'empty'}"
            left_out.append((at, code, why))
    return found, sorted(left_out)


async def spread_again(db: AsyncConnection, edition_id: int, progress: Progress | None = None) -> None:
    """Spread every series of an edition over cells anew, after its footprints have changed."""
    families: dict[str, dict[int, int]] = {}
    for row in await db.execute(SQL["stored"], {"edition_id": edition_id}):
        families.setdefault(row.series, {})[row.number] = row.expected
    for series, of_blocks in families.items():
        await _spread(db, edition_id, series, of_blocks, progress)


async def bases(db: AsyncConnection, edition_id: int) -> list[Basis]:
    """What each series of an edition was spread over cells by, in the order of their names."""
    return [Basis(*row) for row in await db.execute(SQL["bases"], {"edition_id": edition_id})]


async def _spread(
    db: AsyncConnection, edition_id: int, series: str, families: Mapping[int, int], progress: Progress | None
) -> None:
    """Spread whole families over cells of resolution 10, replacing how they were spread in these blocks.

    In a block with footprints families go by them; in any other by area, which is a guess and marked `estimated`.
    """
    of = {"edition_id": edition_id, "numbers": list(families)}
    numbers = np.array(sorted(n for n, expected in families.items() if expected), dtype=np.int32)
    found = (await db.execute(SQL["footprints"], of | {"numbers": numbers.tolist()})).all()
    houses = np.frombuffer(b"".join(bytes(f.houses) for f in found), _HOUSE)
    standing = np.repeat([f.number for f in found], [len(f.houses) // _HOUSE.itemsize for f in found])
    built = np.isin(numbers, [f.number for f in found])
    await db.execute(SQL["clear_cells"], of | {"series": series})
    for blocks, estimated in ((numbers[built], False), (numbers[~built], True)):
        expected = np.array([families[n] for n in blocks.tolist()], dtype=np.int64)
        if estimated:
            spread = spread_blocks(await _outlines(db, edition_id, blocks), expected, progress=progress)
        else:
            place = np.searchsorted(blocks, standing)
            spread = spread_points(place, houses["lon"], houses["lat"], houses["area_m2"], expected)
        await _write(db, (edition_id, series), blocks, spread, estimated)


async def _outlines(db: AsyncConnection, edition_id: int, blocks: NDArray[np.int32]) -> NDArray[np.object_]:
    """The outlines of blocks, in the order of their numbers."""
    rows = await db.execute(SQL["geometries"], {"edition_id": edition_id, "numbers": blocks.tolist()})
    return np.asarray(shapely.from_wkb(np.array([bytes(r.geom) for r in rows], dtype=object)))


async def _write(
    db: AsyncConnection, of: tuple[int, str], blocks: NDArray[np.int32], spread: Spread, estimated: bool
) -> None:
    """Write the families of some `blocks`, which `spread` names by their place; `of` is their edition and series."""
    edition_id, series = of
    count = len(spread.cells)
    columns = {
        "edition_id": np.full(count, edition_id, np.int32),
        "series": np.full(count, series.encode()),
        "number": blocks[spread.blocks],
        "cell": spread.cells,
        "expected": spread.families,
        "estimated": np.full(count, estimated),
    }
    await copy_arrays(db, "ground.expected_cell", columns)
