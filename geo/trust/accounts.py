"""Who is asking: accounts, their grants, passwords, tokens and sessions.

Secrets are kept hashed: passwords by argon2, tokens and sessions by SHA-256, for they are long and random.
"""

import asyncio
import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from pwdlib import PasswordHash
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from geo import queries
from geo.errors import BadInput, NotFound, Refused
from geo.schema import ROLES
from geo.scope import Scope, of_multirange

SQL = queries.load(__file__)

#: Failed log-ins that lock an account, and for how long.
FAILURES, LOCKED_FOR = 5, timedelta(minutes=15)

_hasher = PasswordHash.recommended()


@cache
def _decoy() -> str:
    """Compared with when there is no such account, so that a missing name takes as long as a wrong password."""
    return _hasher.hash(secrets.token_urlsafe(16))


@dataclass(frozen=True)
class Caller:
    """Who holds a token or session, and what it may see."""

    account_id: int
    name: str
    role: str
    kind: str
    credential_id: int
    scope: Scope


def digest(secret: str) -> bytes:
    """What is stored of a token or session."""
    return hashlib.sha256(secret.encode()).digest()


async def authenticate(db: AsyncConnection, secret: str) -> Caller | None:
    """Who holds this token or session; None where it is unknown, expired or revoked."""
    row = (await db.execute(SQL["authenticate"], {"digest": digest(secret)})).one_or_none()
    if row is None:
        return None
    scope = of_multirange(row.account_id, row.name, row.role, [(r.lower, r.upper) for r in row.scope])
    return Caller(row.account_id, row.name, row.role, row.kind, row.credential_id, scope)


async def create(
    db: AsyncConnection, name: str, role: str, area: tuple[str, str] | None = None, password: str | None = None
) -> int:
    """A new account with one grant: `role` on an area (level, code) of the current edition, or on the whole campaign.

    Raises BadInput for an unknown role, Refused for a name that is taken, NotFound for an unknown area.
    """
    if role not in ROLES:
        raise BadInput(f"no role {role}: take one of {', '.join(ROLES)}")
    if not 1 <= len(name) <= 64 or not name.isprintable() or name != name.strip():
        raise BadInput("a name has 1 to 64 printable characters")
    if password is not None:
        check_password(password)
    hashed = None if password is None else _hasher.hash(password)
    try:
        async with db.begin_nested():
            account_id: int = (await db.execute(SQL["create"], {"name": name, "hash": hashed})).scalar_one()
    except IntegrityError as taken:
        raise Refused(f"there is an account {name} already") from taken
    await grant(db, account_id, role, area)
    return account_id


async def grant(db: AsyncConnection, account_id: int, role: str, area: tuple[str, str] | None) -> None:
    """Grant `role` on an area (level, code) of the campaign's edition, or on the whole campaign."""
    level, code = area or (None, None)
    granted = await db.execute(SQL["grant"], {"account_id": account_id, "role": role, "level": level, "code": code})
    if granted.rowcount == 0:
        raise NotFound(f"the campaign's edition has no {level} {code}", code="no-area")


async def account_id(db: AsyncConnection, name: str) -> int:
    """The account of this name. Raises NotFound."""
    found: int | None = await db.scalar(SQL["by_name"], {"name": name})
    if found is None:
        raise NotFound(f"there is no account {name}", code="no-account")
    return found


async def listing(db: AsyncConnection) -> list[dict[str, Any]]:
    """Every account with its grants; no secret is among them."""
    return [dict(row) for row in (await db.execute(SQL["listing"])).mappings()]


async def set_password(db: AsyncConnection, account: int, password: str) -> None:
    """Set a password and end every session of the account."""
    check_password(password)
    await db.execute(SQL["set_password"], {"account_id": account, "hash": _hasher.hash(password)})
    await db.execute(SQL["end_sessions"], {"account_id": account})


def check_password(password: str) -> None:
    """Raise BadInput for a password that is too short or absurdly long."""
    if not 10 <= len(password) <= 200:
        raise BadInput("a password has at least 10 and at most 200 characters", code="weak-password")


async def log_in(db: AsyncConnection, name: str, password: str, lasts: timedelta) -> str | None:
    """A new session secret for the right name and password; None otherwise. Five failures lock for fifteen minutes.

    The caller commits in either case, for failures are counted.
    """
    row = (await db.execute(SQL["password"], {"name": name})).one_or_none()
    hashed = row.password_hash if row and row.password_hash else _decoy()
    # hashing takes long on purpose, and others are being answered meanwhile
    right = len(password) <= 200 and await asyncio.to_thread(_hasher.verify, password, hashed)
    if row is None or row.disabled:
        return None
    if row.locked or not right or not row.password_hash:
        if not row.locked:
            await db.execute(
                SQL["failed"], {"account_id": row.account_id, "most": FAILURES, "lock": datetime.now(UTC) + LOCKED_FOR}
            )
        return None
    await db.execute(SQL["succeeded"], {"account_id": row.account_id})
    return await issue(db, row.account_id, "session", "browser", datetime.now(UTC) + lasts)


async def issue(db: AsyncConnection, account: int, kind: str, name: str, expires_at: datetime | None) -> str:
    """A new token or session; its secret is shown this once."""
    secret = f"ck_{secrets.token_urlsafe(32)}"
    await db.execute(
        SQL["issue"],
        {"account_id": account, "kind": kind, "name": name, "digest": digest(secret), "expires_at": expires_at},
    )
    return secret


async def tokens(db: AsyncConnection, account: int | None = None) -> list[dict[str, Any]]:
    """Tokens that are in force, of one account or of all."""
    return [dict(row) for row in (await db.execute(SQL["tokens"], {"account_id": account})).mappings()]


async def revoke(db: AsyncConnection, credential_id: int) -> None:
    """Revoke a token or end a session. Raises NotFound."""
    if (await db.execute(SQL["revoke"], {"credential_id": credential_id})).rowcount == 0:
        raise NotFound("there is no such token in force", code="no-token")


async def audit(db: AsyncConnection, actor: int, act: str, **subject: Any) -> None:
    """Append what somebody did to the audit, in the caller's transaction."""
    await db.execute(SQL["audit"], {"actor": actor, "act": act, "subject": queries.as_json(subject)})


async def act_as(db: AsyncConnection, actor: int) -> None:
    """Set the actor of this transaction; the database derives its scope."""
    await db.execute(SQL["act_as"], {"actor": str(actor)})


def new_password() -> str:
    """A password that can be read out: four groups of four letters and digits, about 80 bits."""
    letters = "abcdefghjkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(letters) for _ in range(4)) for _ in range(4))
