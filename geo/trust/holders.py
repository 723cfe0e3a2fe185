"""Who may see what, as people ask it: accounts with the grants that let them, as far as the one who asks may know.

An administrator of some areas learns of the accounts that have to do with these, and of their grants those that touch
them; who may see what elsewhere is not its to know. All of it is of now.
"""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from geo import queries
from geo.errors import NotFound, Refused
from geo.scope import OPERATOR, Ranges, Scope, closed

SQL = queries.load(__file__)


@dataclass(frozen=True)
class Seen:
    """Who may see some numbers: a row for each grant, and how many `accounts` that are on all pages together."""

    accounts: int
    rows: list[dict[str, Any]]


@dataclass(frozen=True)
class Own:
    """What an account may know of itself: whether it has a password, and its grants in force."""

    by_password: bool
    grants: list[dict[str, Any]]


async def accounts(
    db: AsyncConnection, by: Scope, *, part: str = "", after: str = "", limit: int = 1_000
) -> list[dict[str, Any]]:
    """Accounts that `by`, in its role of administrator, may know of, in the order of their names, with `grants`.

    Those with `part` in the name. `yours` says whether `by` may change the account, and of each grant whether it may
    end it. No secret is among them.
    """
    known = None if by.everything else await _known(db, by)
    of = {"part": part, "after": after, "limit": limit, "known": known}
    found = [dict(row) for row in (await db.execute(SQL["accounts"], of)).mappings()]
    numbers = [row["account_id"] for row in found]
    yours = await _within(db, by, numbers)
    held: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for grant in await _grants(db, by, numbers):
        held[grant["account_id"]].append(grant)
    return [row | {"yours": row["account_id"] in yours, "grants": held[row["account_id"]]} for row in found]


async def known(db: AsyncConnection, by: Scope, name: str) -> int:
    """The number of the account called `name`. Raises NotFound for one that `by` may not know of."""
    number: int | None = await db.scalar(SQL["by_name"], {"name": name})
    if number is None or not (await _within(db, by, [number]) or await _grants(db, by, [number])):
        raise NotFound("there is no such account in your areas", code="no-account")
    return number


async def changeable(db: AsyncConnection, by: Scope, name: str) -> int:
    """The number of the account called `name`, which `by` is about to change.

    Raises NotFound for one that `by` may not know of, Refused for one that may see more, or could once: a password
    set today would open what is granted again tomorrow.
    """
    number = await known(db, by, name)
    if not await _within(db, by, [number]):
        raise Refused("the account may see more than you, or could once: ask an administrator above", code="not-yours")
    return number


async def areas(db: AsyncConnection, asked: Ranges, *, after: int | None = None, limit: int = 1_000) -> Seen:
    """Who may see any of the numbers `asked`, administrators first; `seen` of each row says which, as closed ranges.

    The caller answers for `asked`: they must be its own. `after` is the `id` of the last row of the page before.
    """
    found = await _areas(db, asked, after=after, limit=limit, shut=False)
    rows = [row | {"seen": closed([(r.lower, r.upper) for r in row["seen"]])} for row in found]
    return Seen(rows[0]["accounts"] if rows else 0, rows)


async def of_account(db: AsyncConnection, account: int) -> Own:
    """What an account may know of itself."""
    by_password = bool(await db.scalar(SQL["by_password"], {"account_id": account}))
    return Own(by_password, await _grants(db, OPERATOR, [account]))


async def _areas(
    db: AsyncConnection, asked: Ranges, *, after: int | None = None, limit: int | None = None, shut: bool
) -> list[dict[str, Any]]:
    of = {"after": after, "limit": limit, "shut": shut}
    if asked == OPERATOR.ranges:
        return [dict(row) for row in (await db.execute(SQL["everybody"], of)).mappings()]
    numbers = "{" + ",".join(f"[{lo},{hi}]" for lo, hi in asked) + "}"
    return [dict(row) for row in (await db.execute(SQL["areas"], of | {"asked": numbers})).mappings()]


async def _known(db: AsyncConnection, by: Scope) -> list[int]:
    """Accounts that have to do with the areas of `by`: by a grant in force, or by none and all that were."""
    touching = {row["account_id"] for row in await _areas(db, by.ranges, shut=True)}
    return list(touching | set((await db.execute(SQL["idle"], {"seen": by.multirange})).scalars()))


async def _within(db: AsyncConnection, by: Scope, accounts: list[int]) -> set[int]:
    """Those of the accounts that `by` may change."""
    if by.everything:
        return set(accounts)
    return set((await db.execute(SQL["within"], {"seen": by.multirange, "accounts": accounts})).scalars())


async def _grants(db: AsyncConnection, by: Scope, accounts: list[int]) -> list[dict[str, Any]]:
    """Grants in force of the accounts, those that touch the areas of `by`."""
    of = {"everything": by.everything, "seen": by.multirange, "accounts": accounts}
    return [dict(row) for row in (await db.execute(SQL["grants"], of)).mappings()]
