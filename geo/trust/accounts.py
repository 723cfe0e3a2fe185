"""Accounts: a name, perhaps a password, perhaps an identity at a log-in provider. What it may see is in its grants.

Passwords are kept hashed by argon2, which takes long on purpose: it is done in a thread, while others are answered.
"""

import asyncio
import secrets
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

from pwdlib import PasswordHash
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from geo import queries
from geo.errors import BadInput, NotFound, Refused
from geo.identities import sixteen_digits
from geo.scope import OPERATOR, Scope
from geo.trust import audit, credentials, grants
from geo.trust.grants import Grant

SQL = queries.load(__file__)

#: Failed log-ins that lock an account, and for how long.
FAILURES, LOCKED_FOR = 5, timedelta(minutes=15)

_hasher = PasswordHash.recommended()


@cache
def _decoy() -> str:
    """Compared with when there is no such account, so that a missing name takes as long as a wrong password."""
    return _hasher.hash(secrets.token_urlsafe(16))


class Found(NamedTuple):
    """An account by its name."""

    account_id: int
    name: str
    disabled: bool


async def create(
    db: AsyncConnection, name: str, grant: Grant | None = None, password: str | None = None, by: Scope = OPERATOR
) -> int:
    """A new account, with its first grant. Gives its number.

    Raises BadInput for a name or password that cannot be, Refused for a name that is taken, and what `grants.give`
    raises.
    """
    check_name(name)
    kept = None if password is None else await hashed(password)
    try:
        async with db.begin_nested():
            account_id: int = (await db.execute(SQL["create"], {"name": name, "hash": kept})).scalar_one()
    except IntegrityError as taken:
        raise Refused(f"there is an account {name} already", code="name-taken") from taken
    await audit.note(db, by.actor, "account.create", account=account_id)
    if grant is not None:
        await grants.give(db, account_id, grant, by)
    return account_id


async def find(db: AsyncConnection, name: str) -> Found:
    """The account of this name. Raises NotFound."""
    row = (await db.execute(SQL["by_name"], {"name": name})).one_or_none()
    if row is None:
        raise NotFound(f"there is no account {name}", code="no-account")
    return Found(*row)


async def listing(
    db: AsyncConnection, part: str = "", after: str = "", limit: int = 1_000, *, account: int | None = None
) -> list[dict[str, Any]]:
    """Accounts in the order of their names, those with `part` in it, or one; no secret is among them."""
    of = {"part": part, "after": after, "limit": limit, "account_id": account}
    return [dict(row) for row in (await db.execute(SQL["listing"], of)).mappings()]


async def names(db: AsyncConnection) -> set[str]:
    """The names of all accounts."""
    return set((await db.execute(SQL["names"])).scalars())


async def is_empty(db: AsyncConnection) -> bool:
    """Whether there is no account yet."""
    return not (await db.execute(SQL["any"])).scalar_one()


async def set_password(db: AsyncConnection, account: int, password: str, by: Scope, *, tokens: bool = False) -> None:
    """Set a password and end every session of the account; with `tokens` revoke its tokens as well.

    `by` must reach the account, or be it. Devices go on sending with their tokens unless these are revoked.
    """
    await grants.must_reach(db, account, by)
    await db.execute(SQL["set_password"], {"account_id": account, "hash": await hashed(password)})
    await (credentials.end_all(db, account) if tokens else credentials.end_sessions(db, account))
    await audit.note(db, by.actor, "account.password", account=account, tokens=tokens or None)


async def disable(db: AsyncConnection, account: int, by: Scope, *, disabled: bool = True) -> None:
    """Shut an account out, or let it in again; its tokens and sessions count no longer, and are not revived."""
    if account == by.actor:
        raise Refused("nobody shuts itself out: ask another administrator", code="own-account")
    await grants.must_reach(db, account, by)
    await db.execute(SQL["disable"], {"account_id": account, "disabled": disabled})
    if disabled:
        await credentials.end_all(db, account)
    await audit.note(db, by.actor, "account.disable" if disabled else "account.enable", account=account)


def check_name(name: str) -> None:
    """Raise BadInput for what cannot be an account's name."""
    if not 1 <= len(name) <= 64 or not name.isprintable() or name != name.strip():
        raise BadInput("a name has 1 to 64 printable characters", code="bad-name")
    if sixteen_digits(name):
        raise BadInput("a name is not a national number: those are never stored", code="bad-name")
    if name.lower() == OPERATOR.name:
        raise BadInput(f"{OPERATOR.name} is what the audit calls the terminal: take another name", code="bad-name")


def check_password(password: str) -> None:
    """Raise BadInput for a password that is too short or absurdly long."""
    if not 10 <= len(password) <= 200:
        raise BadInput("a password has at least 10 and at most 200 characters", code="weak-password")


async def is_password(db: AsyncConnection, account: int, password: str) -> bool:
    """Whether this is the account's password now."""
    kept = (await db.execute(SQL["hash"], {"account_id": account})).scalar_one_or_none() or _decoy()
    return len(password) <= 200 and await asyncio.to_thread(_hasher.verify, password, kept)


async def log_in(
    db: AsyncConnection, name: str, password: str, lasts: timedelta, address: str | None = None
) -> str | None:
    """A new session secret for the right name and password; None otherwise. Five failures lock for fifteen minutes.

    The caller commits in either case, for failures are counted. `address` is kept in the audit.
    """
    row = (await db.execute(SQL["password"], {"name": name})).one_or_none()
    kept = row.password_hash if row and row.password_hash else _decoy()
    right = len(password) <= 200 and await asyncio.to_thread(_hasher.verify, password, kept)
    if row is None:  # what was typed as a name may be a password: it is not kept
        await audit.note(db, 0, "log-in.failed", address=address)
        return None
    if row.disabled or row.locked or not right or not row.password_hash:
        locks = False
        if not row.locked and not row.disabled:
            locks = (await db.execute(
                SQL["failed"], {"account_id": row.account_id, "most": FAILURES, "lock": datetime.now(UTC) + LOCKED_FOR}
            )).scalar_one()  # fmt: skip
        await audit.note(db, row.account_id, "log-in.locked" if locks else "log-in.failed", address=address)
        return None
    return await enter(db, row.account_id, lasts, how="password", address=address)


async def enter(db: AsyncConnection, account: int, lasts: timedelta, *, how: str, address: str | None) -> str:
    """A new session of an account that has shown who it is, `how`; its secret."""
    await db.execute(SQL["succeeded"], {"account_id": account})
    secret = await credentials.issue(db, account, "session", how, datetime.now(UTC) + lasts)
    await audit.note(db, account, "log-in", how=how, address=address)
    return secret


async def of_identity(db: AsyncConnection, identity: str, name: str) -> int | None:
    """The account of somebody whom a log-in provider knows as `identity` (issuer and subject) and calls `name`.

    The first time it is the account of that name, and stays bound to the identity, so that a name given to somebody
    else later opens nothing. None where there is no such account, or it is shut out.
    """
    found: int | None = await db.scalar(SQL["of_identity"], {"identity": identity})
    if found is not None:
        return found
    bound: int | None = await db.scalar(SQL["bind"], {"identity": identity, "name": name})
    if bound is not None:
        await audit.note(db, bound, "account.bind", account=bound)
    return bound


async def act_as(db: AsyncConnection, actor: int, credential: int | None = None) -> None:
    """Set the actor of this transaction; the database derives its scope. `credential` goes into the audit."""
    await db.execute(SQL["act_as"], {"actor": str(actor), "credential": "" if credential is None else str(credential)})


def new_password() -> str:
    """A password that can be read out: four groups of four letters and digits, about 80 bits."""
    letters = "abcdefghjkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(letters) for _ in range(4)) for _ in range(4))


async def hashed(password: str) -> str:
    """What is stored of a password. Raises BadInput as `check_password`."""
    check_password(password)
    return await asyncio.to_thread(_hasher.hash, password)
