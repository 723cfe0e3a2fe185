"""Accounts of every kind, and what each may see: those that the tests of access go through."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import httpx2
from sqlalchemy import text

from app.access import COOKIE
from app.database import Database, Logins
from geo.scope import OPERATOR
from geo.trust import accounts, credentials, grants
from tests.conftest import CERTIFICATES, PASSWORD, Service, granted
from tests.world import BLOCKS, VILLAGES, Block


@dataclass(frozen=True)
class Person:
    """What an account was granted: (role, area); the blocks of which it sees numbers and households, where it decides.

    `ended` is what was done to it afterwards: its grants `expired`, it was `disabled`, or nothing.
    """

    grants: tuple[tuple[str, tuple[str, str] | None], ...]
    blocks: tuple[Block, ...] = ()
    decides: tuple[Block, ...] = ()
    ended: str = ""

    @property
    def roles(self) -> frozenset[str]:
        """Its roles in force."""
        return frozenset() if self.ended else frozenset(role for role, _ in self.grants)

    @property
    def everything(self) -> bool:
        """Whether it administers the whole campaign."""
        return ("admin", None) in self.grants


UPPER, LOWER = BLOCKS[:3], BLOCKS[3:]
_UPPER, _LOWER = ("village", VILLAGES[0]), ("village", VILLAGES[1])

#: The first five are those of `conftest.ACCOUNTS`.
PEOPLE = {
    "admin": Person((("admin", None),), BLOCKS, BLOCKS),
    "coordinator": Person((("coordinator", ("district", "6472030")),), BLOCKS, BLOCKS),
    "supervisor": Person((("supervisor", _UPPER),), UPPER, UPPER),
    "enumerator": Person((("enumerator", ("block", BLOCKS[0].code)),), BLOCKS[:1]),
    "local_government": Person((("local_government", ("regency", "6472")),)),
    "part_admin": Person((("admin", _UPPER),), UPPER, UPPER),
    "part_coordinator": Person((("coordinator", _LOWER),), LOWER, LOWER),
    "mixed": Person((("supervisor", _UPPER), ("enumerator", _LOWER)), BLOCKS, UPPER),
    "mixed_admin": Person((("admin", _UPPER), ("enumerator", _LOWER)), BLOCKS, UPPER),
    "both_sides": Person((("enumerator", ("block", BLOCKS[4].code)), ("local_government", _UPPER)), BLOCKS[4:5]),
    "expired": Person((("supervisor", _UPPER),), ended="expired"),
    "disabled": Person((("admin", None),), ended="disabled"),
}


async def more_people(logins: Logins, names: Sequence[str] = tuple(PEOPLE)[5:]) -> dict[str, str]:
    """Make those that `conftest.people` does not; their tokens."""
    db = Database(logins, 1)
    tokens = {}
    async with db.worker.begin() as connection:
        for name in names:
            first, *others = PEOPLE[name].grants
            made = await accounts.create(connection, name, granted(*first), PASSWORD)
            for role, area in others:
                await grants.give(connection, made, granted(role, area), OPERATOR)
            tokens[name] = await credentials.issue(connection, made, "token", "test", None)
            if PEOPLE[name].ended:
                await connection.execute(text(_ENDED[PEOPLE[name].ended]), {"id": made, "at": _YESTERDAY})
    await db.close()
    return tokens


_YESTERDAY = datetime.now(UTC) - timedelta(days=1)
#: Disabling by hand, and not by `accounts.disable`, which would revoke the token as well: each must suffice.
_ENDED = {
    "expired": "UPDATE trust.granted SET expires_at = :at WHERE account_id = :id",
    "disabled": "UPDATE trust.account SET disabled_at = :at WHERE account_id = :id",
}


async def sessions(logins: Logins) -> dict[str, str]:
    """A session of each of PEOPLE, as logging in makes it; their secrets."""
    db = Database(logins, 1)
    lasts = datetime.now(UTC) + timedelta(hours=1)
    async with db.worker.begin() as connection:
        ids = {name: (await accounts.find(connection, name)).account_id for name in PEOPLE}
        made = {n: await credentials.issue(connection, ids[n], "session", "password", lasts) for n in PEOPLE}
    await db.close()
    return made


def in_session(service: Service, secret: str) -> httpx2.Client:
    """A client that is logged in as a browser is."""
    return httpx2.Client(base_url=service.url, cookies={COOKIE: secret}, timeout=20, verify=CERTIFICATES)
