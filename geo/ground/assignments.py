"""Who works in which block, and who leads whom. Names are those of accounts, which need not exist yet."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from geo import queries
from geo.errors import BadInput
from geo.ground.matching import CODE_COLUMNS, LeftOut, codes_of, column, match
from geo.ground.tables import Table
from geo.identities import sixteen_digits

SQL = queries.load(__file__)

#: Column names recognised, first match wins; PPL and PML are what BPS calls the two.
ENUMERATOR_COLUMNS = ("enumerator", "ppl", "pcl", "petugas", "pencacah")
SUPERVISOR_COLUMNS = ("supervisor", "pml", "pengawas", "pemeriksa")

_LONGEST = 64


@dataclass(frozen=True)
class Imported:
    """What an import of assignments did. `left_out` lists (row, code, why); rows count from 1 without header.

    `enumerators` and `supervisors` are the names in the rows taken; `unassigned` blocks of the edition have nobody now.
    """

    blocks: int
    enumerators: set[str]
    supervisors: set[str]
    left_out: list[LeftOut]
    unassigned: int


async def store(
    db: AsyncConnection,
    edition: str,
    table: Table,
    *,
    starts_on: date,
    columns: Mapping[str, str | None] | None = None,
) -> Imported:
    """Read who works where from a table of text cells: one row a block, with its enumerator and perhaps a supervisor.

    Replaces the assignments of the blocks named and no others. `columns` names those not recognised: `code`,
    `enumerator`, `supervisor`. Accounts of these names need not exist yet. Raises BadInput for unknown columns,
    NotFound for the edition.
    """
    named = columns or {}
    codes = await codes_of(db, edition)
    code_column = column(table, named.get("code"), CODE_COLUMNS, "code")
    enumerator_column = column(table, named.get("enumerator"), ENUMERATOR_COLUMNS, "enumerator")
    supervisor_column = _supervisors(table, named.get("supervisor"))
    matched, left_out = match(table, code_column, codes)
    values: list[dict[str, Any]] = []
    for at, code, row in matched:
        enumerator = (row.get(enumerator_column) or "").strip()
        supervisor = (row.get(supervisor_column) or "").strip() if supervisor_column else ""
        why = "no enumerator" if not enumerator else _unfit(enumerator) or _unfit(supervisor)
        if why:
            left_out.append((at, code, why))
            continue
        values.append(
            {"edition_id": codes.edition_id, "code": code, "enumerator": enumerator,
             "supervisor": supervisor or None, "starts_on": starts_on}
        )  # fmt: skip
    if values:
        await db.execute(SQL["write"], values)
    return Imported(
        blocks=len(values),
        enumerators={v["enumerator"] for v in values},
        supervisors={v["supervisor"] for v in values} - {None},
        left_out=sorted(left_out),
        unassigned=await db.scalar(SQL["unassigned"], {"edition_id": codes.edition_id}) or 0,
    )


def _supervisors(table: Table, wanted: str | None) -> str | None:
    """The column of supervisors, which a table may lack unless it was named."""
    try:
        return column(table, wanted, SUPERVISOR_COLUMNS, "supervisor")
    except BadInput:
        if wanted:
            raise
        return None


def _unfit(name: str) -> str | None:
    """Why this cannot be the name of an account."""
    if sixteen_digits(name):
        return "a name holds what looks like a national number: give account names"
    if len(name) > _LONGEST or not name.isprintable():
        return f"a name has 1 to {_LONGEST} printable characters"
    return None
