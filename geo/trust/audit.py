"""The audit: what people did. Rows are only ever added, and sealed into a chain afterwards (`seals`).

`subject` says what it was done to: numbers of accounts, grants, rows; for reads of single households `edition`,
`blocks` (closed ranges of numbers) and `households` (how many were given out). Never an id, a point or a name typed in.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from geo import queries

SQL = queries.load(__file__)


async def note(db: AsyncConnection, actor: int, act: str, **subject: Any) -> None:
    """Append what somebody did, in the caller's transaction: both happen, or neither."""
    await db.execute(SQL["note"], {"actor": actor, "act": act, "subject": queries.as_json(_known(subject))})


async def notes(db: AsyncConnection, actor: int, said: Sequence[tuple[str, dict[str, Any]]]) -> None:
    """Append many acts of one actor at once, each with its subject, as `note` does one."""
    if said:
        rows = [{"actor": actor, "act": act, "subject": queries.as_json(_known(of))} for act, of in said]
        await db.execute(SQL["note"], rows)


async def read(db: AsyncConnection, actor: int, act: str, numbers: Iterable[int], households: int, **more: Any) -> None:
    """Note that somebody was given `households` single ones, which count in blocks of the campaign's edition."""
    said = more | {"blocks": ranges(numbers), "households": households}
    await db.execute(SQL["read"], {"actor": actor, "act": act, "subject": queries.as_json(said)})


async def listing(
    db: AsyncConnection,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    account: int | None = None,
    act: str | None = None,
    after: int | None = None,
    limit: int = 1_000,
) -> list[dict[str, Any]]:
    """Rows of the audit, newest first, those before row `after`: `id at account act subject credential sealed`.

    `act` is one act, or with a dot at its end all that begin so.
    """
    of = {"since": since, "until": until, "account": account, "act": act, "after": after, "limit": limit}
    return [dict(row) for row in (await db.execute(SQL["listing"], of)).mappings()]


def ranges(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Numbers as closed ranges, ascending."""
    found: list[tuple[int, int]] = []
    for number in sorted(set(numbers)):
        if found and found[-1][1] == number - 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found


def _known(subject: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in subject.items() if value is not None}
