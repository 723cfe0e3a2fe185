"""Loads named statements, so that every statement can be pasted into psql.

A file holds statements, each after a line `-- name: its_name`; the comment lines that follow say why it exists. A
module takes the file of its own stem: `SQL = queries.load(__file__)` reads `sql/<stem>.sql` beside it.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray
from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

_NAME = re.compile(r"^-- name: *([a-z][a-z0-9_]*) *$", re.MULTILINE)


def load(module: str) -> Mapping[str, TextClause]:
    """The statements of `sql/<stem>.sql` beside the file `module`, by name. Parameters are written `:name`."""
    path = Path(module)
    parts = _NAME.split((path.parent / "sql" / f"{path.stem}.sql").read_text(encoding="utf-8"))
    found: dict[str, TextClause] = {}
    for name, body in zip(parts[1::2], parts[2::2], strict=True):
        if name in found:
            raise ValueError(f"{path.stem}.sql names {name} twice")
        found[name] = text(body.strip().rstrip(";"))
    return MappingProxyType(found)


def as_json(value: object) -> str:
    """A parameter for `CAST(:name AS jsonb)`."""
    return orjson.dumps(value, default=str).decode()


#: What a binary COPY begins with (signature, flags, length of an extension) and what it ends with.
_HEAD, _TAIL = 19, 2


async def arrays(
    db: AsyncConnection, statement: TextClause, parameters: Mapping[str, Any], columns: Mapping[str, str]
) -> NDArray[np.void]:
    """The rows of a SELECT as a structured array, many times faster than row by row.

    `columns` names every column and its numpy type: `i4`, `i8` or `f8`, for integer, bigint and double precision. None
    of them may be null. Raises ValueError where the statement gives something else.
    """
    raw = await db.get_raw_connection()
    driver: Any = raw.driver_connection
    select = str(statement.compile(dialect=db.dialect))
    async with driver.cursor() as cursor, cursor.copy(f"COPY ({select}) TO STDOUT (FORMAT BINARY)", parameters) as copy:
        body = b"".join([bytes(part) async for part in copy])
    sent = [("fields", ">i2")]
    for name, kind in columns.items():
        sent += [(f"{name} length", ">i4"), (name, f">{kind}")]
    try:
        rows = np.frombuffer(body[_HEAD:-_TAIL], dtype=sent)
    except ValueError as uneven:
        raise ValueError("a column is null, or of another width") from uneven
    found = np.empty(len(rows), dtype=[(name, kind) for name, kind in columns.items()])
    fits = (rows["fields"] == len(columns)).all()
    for name in columns:
        fits &= (rows[f"{name} length"] == found.dtype[name].itemsize).all()
        found[name] = rows[name]
    if not fits:
        raise ValueError("a column is null, or of another width")
    return found
