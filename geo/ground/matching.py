"""Tables that say something of blocks, one row each: which column holds what, and which block a row means.

Codes that match no block are listed and left out; nothing is guessed.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from geo import queries
from geo.errors import BadInput, NotFound
from geo.ground.tables import Row, Table

SQL = queries.load(__file__)

#: Column names recognised for the block's code, first match wins.
CODE_COLUMNS = ("idsubsls", "idsls", "block_id", "block", "block_code", "village_code", "iddesa", "kode", "code")

#: A row left out: its number from 1 without header, the code it gives, and why.
LeftOut = tuple[int, str, str]


@dataclass(frozen=True)
class Codes:
    """The codes of an edition: `blocks` to their numbers, and the level of areas that have blocks below them."""

    edition_id: int
    blocks: dict[str, int]
    inner: dict[str, str]


async def codes_of(db: AsyncConnection, edition: str) -> Codes:
    """The codes of an edition, which nobody else numbers or imports into until this transaction ends.

    Raises NotFound where there is no such edition.
    """
    edition_id = await edition_of(db, edition)
    areas = (await db.execute(SQL["codes"], {"edition_id": edition_id})).all()
    blocks = {a.code: a.number for a in areas if a.number == a.last}
    return Codes(edition_id, blocks, {a.code: a.level for a in areas if a.number != a.last})


async def edition_of(db: AsyncConnection, edition: str) -> int:
    """The id of an edition, locked as `codes_of` says. Raises NotFound where there is no such edition."""
    edition_id: int | None = await db.scalar(SQL["edition"], {"edition": edition})
    if edition_id is None:
        raise NotFound(f"there is no edition {edition}: import its areas first", code="no-edition")
    return edition_id


def column(table: Table, wanted: str | None, known: Sequence[str], what: str) -> str:
    """The column that is `wanted`, else the first one `known`, in any case of letters.

    Raises BadInput where there is none; `what` names the option that would say it.
    """
    by_name = {c.strip().lower(): c for c in table.columns}
    for name in [wanted.lower()] if wanted else known:
        if name in by_name:
            return by_name[name]
    option = f"--{what}-column"
    raise BadInput(f"no column {wanted or f'for the {what}'}: name one with {option}; there are {table.columns}")


def match(table: Table, code_column: str, codes: Codes) -> tuple[list[tuple[int, str, Row]], list[LeftOut]]:
    """The rows that mean a block, as (number from 1, code, row), and those left out."""
    seen = Counter((row.get(code_column) or "").strip() for row in table.rows)
    matched: list[tuple[int, str, Row]] = []
    left_out: list[LeftOut] = []
    for at, row in enumerate(table.rows, start=1):
        code = (row.get(code_column) or "").strip()
        if not code:
            why = "no code"
        elif seen[code] > 1:
            why = "the code stands in several rows"
        elif code in codes.inner:
            why = f"is a {codes.inner[code]} with blocks below it: only its blocks can be named"
        elif code not in codes.blocks:
            why = "no block of the edition has this code"
        else:
            matched.append((at, code, row))
            continue
        left_out.append((at, code, why))
    return matched, left_out
