"""Connections: one engine for each login. Address and passwords decide everything; nothing connects at import."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sqlalchemy import make_url
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

import migrations
from app.home import secrets_of
from app.settings import Settings
from geo.trust import accounts

#: How long the server waits for those who answer others: one that stands still must not hold them up.
SERVING = {"statement_timeout": "120s", "idle_in_transaction_session_timeout": "15s"}

#: And for a command on the terminal, which may think for minutes about the areas of a province within a transaction.
AT_WORK = {"statement_timeout": "0", "idle_in_transaction_session_timeout": "1h"}


@dataclass(frozen=True)
class Logins:
    """SQLAlchemy addresses of the four logins. They hold passwords: never print them."""

    owner: str
    worker: str
    internal: str
    release: str


def passwords(settings: Settings) -> dict[str, str]:
    """Passwords of the service's logins by tier: from the settings, else from the secrets kept in `home`."""
    given = {
        "worker": settings.worker_password,
        "internal": settings.internal_password,
        "release": settings.release_password,
    }
    if all(given.values()):
        return {tier: value.get_secret_value() for tier, value in given.items() if value}
    kept = secrets_of(settings.home)
    return {tier: value.get_secret_value() if value else str(getattr(kept, tier)) for tier, value in given.items()}


def logins(settings: Settings, owner: str) -> Logins:
    """The four addresses, given the owner's."""
    url = make_url(owner)
    by_tier = {
        tier: url.set(username=migrations.LOGINS[tier], password=password).render_as_string(hide_password=False)
        for tier, password in passwords(settings).items()
    }
    return Logins(owner, **by_tier)


class Database:
    """The pools of one process: `worker` sees everything and answers nobody, `internal` sees what policies let pass.

    `release` sees sealed releases and nothing else, and answers whoever is outside.
    `health` is one connection of the worker for the question whether the database answers: a busy service must not be
    taken for one that has lost it, and be stopped.
    """

    def __init__(self, logins: Logins, pool_size: int, limits: Mapping[str, str] = SERVING) -> None:
        self.logins = logins
        self.worker = _engine(logins.worker, pool_size, limits)
        self.internal = _engine(logins.internal, pool_size, limits)
        self.release = _engine(logins.release, pool_size, limits)
        self.health = _engine(logins.worker, 1, limits)

    @asynccontextmanager
    async def as_actor(self, actor: int, credential: int | None = None) -> AsyncIterator[AsyncConnection]:
        """A transaction of the internal login in which `actor` acts; the database derives what it may see."""
        async with self.internal.begin() as connection:
            await accounts.act_as(connection, actor, credential)
            yield connection

    @asynccontextmanager
    async def for_actor(self, actor: int, credential: int | None = None) -> AsyncIterator[AsyncConnection]:
        """A transaction of the worker, which sees everything: whoever uses it checks what `actor` may do."""
        async with self.worker.begin() as connection:
            await accounts.act_as(connection, actor, credential)
            yield connection

    @asynccontextmanager
    async def as_reader(self, actor: int | None) -> AsyncIterator[AsyncConnection]:
        """A transaction of the release login in which `actor`, or the public (None), reads what has been published."""
        async with self.release.begin() as connection:
            if actor is not None:
                await accounts.act_as(connection, actor)
            yield connection

    async def close(self) -> None:
        """Give every connection back."""
        await self.worker.dispose()
        await self.internal.dispose()
        await self.release.dispose()
        await self.health.dispose()


def _engine(url: str, pool_size: int, limits: Mapping[str, str]) -> AsyncEngine:
    return create_async_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=10,
        pool_pre_ping=True,
        hide_parameters=True,
        # Compiling costs more than any statement of ours takes: milliseconds for each call of a function in a policy.
        connect_args={"options": " ".join(f"-c {name}={value}" for name, value in limits.items()) + " -c jit=off"},
    )
