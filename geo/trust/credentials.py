"""Tokens and sessions: long random secrets, of which only the SHA-256 is kept; and who holds one."""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from geo import queries
from geo.errors import NotFound
from geo.scope import Ranges, Scope, closed, merged
from geo.trust import audit, grants

SQL = queries.load(__file__)

#: Roles, the one that may do most first.
STRONGEST = ("admin", "coordinator", "supervisor", "enumerator", "local_government")

#: The role of an account that has none in force.
NO_ROLE = "none"


@dataclass(frozen=True)
class Caller:
    """Who holds a token or session, and what it may see in each of its roles: closed ranges of area numbers."""

    account_id: int
    name: str
    kind: str
    credential_id: int
    used_at: datetime | None
    scopes: Mapping[str, Ranges]

    @cached_property
    def role(self) -> str:
        """The strongest of its roles, `none` without any."""
        return next((role for role in STRONGEST if role in self.scopes), NO_ROLE)

    @cached_property
    def scope(self) -> Scope:
        """What it may see in any of its roles."""
        return Scope(self.account_id, self.name, self.role, merged(*self.scopes.values()), self.credential_id)

    def only(self, roles: tuple[str, ...]) -> "Caller | None":
        """The caller in these roles alone: a supervisor here may be an enumerator there. None without any of them."""
        kept = {role: seen for role, seen in self.scopes.items() if role in roles}
        if len(kept) == len(self.scopes):
            return self if kept else None
        return replace(self, scopes=kept) if kept else None


def new_secret() -> str:
    """A token or session nobody can guess: 256 random bits."""
    return f"ck_{secrets.token_urlsafe(32)}"


def digest(secret: str) -> bytes:
    """What is stored of a token or session."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


async def authenticate(db: AsyncConnection, secret: str) -> Caller | None:
    """Who holds this token or session; None where it is unknown, expired or revoked, or its account is shut out."""
    rows = (await db.execute(SQL["authenticate"], {"digest": digest(secret)})).all()
    if not rows:
        return None
    first = rows[0]
    scopes = {row.role: closed([(r.lower, r.upper) for r in row.scope]) for row in rows if row.role is not None}
    return Caller(first.account_id, first.name, first.kind, first.credential_id, first.used_at, scopes)


async def seen_by(db: AsyncConnection, account: int, name: str) -> Scope:
    """What an account sees at this moment in any of its roles: what a token or session of it would."""
    rows = await db.execute(SQL["scopes"], {"account_id": account})
    scopes = {row.role: closed([(r.lower, r.upper) for r in row.scope]) for row in rows}
    return Caller(account, name, "terminal", 0, None, scopes).scope


async def issue(db: AsyncConnection, account: int, kind: str, name: str, expires_at: datetime | None) -> str:
    """A new token or session; its secret is shown this once."""
    secret = new_secret()
    await db.execute(
        SQL["issue"],
        {"account_id": account, "kind": kind, "name": name, "digest": digest(secret), "expires_at": expires_at},
    )
    return secret


async def give_token(db: AsyncConnection, account: int, name: str, expires_at: datetime, by: Scope) -> str:
    """A new token of an account that `by` reaches, or is; its secret is shown this once."""
    await grants.must_reach(db, account, by)
    secret = await issue(db, account, "token", name, expires_at)
    await audit.note(db, by.actor, "token.create", account=account, name=name, expires_at=expires_at)
    return secret


async def tokens(db: AsyncConnection, account: int | None = None) -> list[dict[str, Any]]:
    """Tokens that are in force, of one account or of all: number, account, name, instants of making, use and expiry."""
    return [dict(row) for row in (await db.execute(SQL["tokens"], {"account_id": account})).mappings()]


async def sessions(db: AsyncConnection, account: int) -> list[dict[str, Any]]:
    """Sessions of an account that have not ended, newest first."""
    return [dict(row) for row in (await db.execute(SQL["sessions"], {"account_id": account})).mappings()]


async def revoke(db: AsyncConnection, credential_id: int, by: Scope) -> None:
    """Revoke a token or end a session of an account that `by` reaches, or is. Raises NotFound."""
    found = (await db.execute(SQL["of"], {"credential_id": credential_id})).one_or_none()
    if found is None:
        raise NotFound("there is no such token in force", code="no-token")
    await grants.must_reach(db, found.account_id, by)
    await db.execute(SQL["revoke"], {"credential_id": credential_id})
    act = "token.revoke" if found.kind == "token" else "log-out"
    await audit.note(db, by.actor, act, account=found.account_id, credential=credential_id)


async def end_sessions(db: AsyncConnection, account: int) -> None:
    """End every session of an account."""
    await db.execute(SQL["end"], {"account_id": account, "kinds": ["session"]})


async def end_all(db: AsyncConnection, account: int) -> None:
    """End every session and revoke every token of an account."""
    await db.execute(SQL["end"], {"account_id": account, "kinds": ["session", "token"]})


async def used(db: AsyncConnection, credential_id: int) -> None:
    """Remember that a credential was used; to the hour is enough."""
    await db.execute(SQL["used"], {"credential_id": credential_id})
