"""How many families should be found in each block, by series, with source and date; and their spread over cells.

Codes that match no block are listed and left out; nothing is guessed.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import shapely
from sqlalchemy.ext.asyncio import AsyncConnection

from geo import queries
from geo.errors import BadInput, NotFound
from geo.ground.levels import LEVELS
from geo.ground.sources import Table
from geo.ground.spread import spread_blocks

SQL = queries.load(__file__)

#: Column names recognised for the block's code and for its families, first match wins.
CODE_COLUMNS = ("idsubsls", "idsls", "block_id", "block", "block_code", "village_code", "iddesa", "kode", "code")
COUNT_COLUMNS = ("expected", "families_total", "families", "kk", "jumlah_kk", "households", "muatan")

_WHOLE = re.compile(r"[0-9]{1,7}(?:\.0+)?")


@dataclass(frozen=True)
class Imported:
    """What an import of expected families did. `left_out` lists (row, code, why); rows count from 1 without header."""

    series: str
    blocks: int
    families: int
    by_level: dict[str, int]
    left_out: list[tuple[int, str, str]]
    missing_blocks: int


async def store(
    db: AsyncConnection,
    edition: str,
    table: Table,
    *,
    series: str,
    source: str,
    dated: date,
    columns: tuple[str | None, str | None] = (None, None),
    progress: Callable[[int, int], None] | None = None,
) -> Imported:
    """Read expected families from a table of text cells into one series of an edition, and spread them over cells.

    Replaces what the series says of the blocks named. Raises BadInput for unknown columns, NotFound for the edition.
    """
    edition_id = await db.scalar(SQL["edition"], {"edition": edition})
    if edition_id is None:
        raise NotFound(f"there is no edition {edition}: import its areas first", code="no-edition")
    code_column = _column(table, columns[0], CODE_COLUMNS, "code")
    count_column = _column(table, columns[1], COUNT_COLUMNS, "families")
    areas = (await db.execute(SQL["codes"], {"edition_id": edition_id})).all()
    blocks = {a.code: a for a in areas if a.number == a.last}
    inner = {a.code: a.level for a in areas if a.number != a.last}
    found, left_out = _match(table.rows, code_column, count_column, blocks, inner)
    values = [
        {"edition_id": edition_id, "series": series, "number": blocks[code].number, "expected": families,
         "source": source, "dated": dated}
        for code, families in found.items()
    ]  # fmt: skip
    if values:
        await db.execute(SQL["write"], values)
        await _spread(db, edition_id, series, {v["number"]: v["expected"] for v in values}, progress)
    sums = await db.execute(SQL["sums"], {"edition_id": edition_id, "series": series})
    by_level = {row.level: row.families for row in sums}
    return Imported(
        series,
        blocks=len(values),
        families=sum(found.values()),
        by_level={level: by_level[level] for level in LEVELS if level in by_level},
        left_out=left_out,
        missing_blocks=len(blocks) - len(values),
    )


def _column(table: Table, wanted: str | None, known: Sequence[str], what: str) -> str:
    by_name = {c.strip().lower(): c for c in table.columns}
    for name in [wanted.lower()] if wanted else known:
        if name in by_name:
            return by_name[name]
    option = f"--{what}-column"
    raise BadInput(f"no column {wanted or f'for the {what}'}: name one with {option}; there are {table.columns}")


def _match(
    rows: Sequence[dict[str, str | None]],
    code_column: str,
    count_column: str,
    blocks: dict[str, Any],
    inner: dict[str, str],
) -> tuple[dict[str, int], list[tuple[int, str, str]]]:
    """Families by code of block, and the rows left out with the reason."""
    seen = Counter((row.get(code_column) or "").strip() for row in rows)
    found: dict[str, int] = {}
    left_out: list[tuple[int, str, str]] = []
    for at, row in enumerate(rows, start=1):
        code = (row.get(code_column) or "").strip()
        families = (row.get(count_column) or "").strip()
        if not code:
            why = "no code"
        elif seen[code] > 1:
            why = "the code stands in several rows"
        elif code in inner:
            why = f"is a {inner[code]} with blocks below it: expected families belong to blocks"
        elif code not in blocks:
            why = "no block of the edition has this code"
        elif not _WHOLE.fullmatch(families):
            why = f"the number of families is no whole number: {families[:20] or 'empty'}"
        else:
            found[code] = int(families.split(".")[0])
            continue
        left_out.append((at, code, why))
    return found, left_out


async def _spread(
    db: AsyncConnection,
    edition_id: int,
    series: str,
    families: dict[int, int],
    progress: Callable[[int, int], None] | None,
) -> None:
    """Spread whole families over cells of resolution 10 by area: a guess, and marked `estimated`."""
    rows = (await db.execute(SQL["geometries"], {"edition_id": edition_id, "numbers": list(families)})).all()
    numbers = np.array([r.number for r in rows], dtype=np.int32)
    geometries = shapely.from_wkb(np.array([bytes(r.geom) for r in rows], dtype=object))
    at, cells, counts = spread_blocks(
        geometries, np.array([families[int(n)] for n in numbers], dtype=np.int64), progress=progress
    )
    await db.execute(SQL["clear_cells"], {"edition_id": edition_id, "series": series, "numbers": list(families)})
    raw = await db.get_raw_connection()
    driver: Any = raw.driver_connection
    statement = (
        "COPY ground.expected_cell (edition_id, series, number, cell, expected, estimated) FROM STDIN (FORMAT BINARY)"
    )
    async with driver.cursor() as cursor, cursor.copy(statement) as copy:
        copy.set_types(["int4", "text", "int4", "int8", "int4", "bool"])
        for number, cell, count in zip(numbers[at].tolist(), cells.tolist(), counts.tolist(), strict=True):
            await copy.write_row((edition_id, series, number, cell, count, True))
