"""Loads named statements, so that every statement can be pasted into psql.

A file holds statements, each after a line `-- name: its_name`; the comment lines that follow say why it exists. A
module takes the file of its own stem: `SQL = queries.load(__file__)` reads `sql/<stem>.sql` beside it.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import orjson
from sqlalchemy import TextClause, text

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
