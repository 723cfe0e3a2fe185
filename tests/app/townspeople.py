"""People in and around the first village, and how they log in: what the tests of accounts share."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.access import COOKIE
from app.database import Database, Logins
from geo.scope import OPERATOR
from geo.trust import accounts, grants
from geo.trust.grants import Grant
from tests.conftest import CERTIFICATES, PASSWORD, Service, granted
from tests.world import BLOCKS, VILLAGES

HERE, THERE = ("village", VILLAGES[0]), ("village", VILLAGES[1])
Act = Callable[[AsyncConnection], Awaitable[Any]]


def grant(role: str, area: tuple[str, str] | None = None, **more: Any) -> dict[str, Any]:
    """A grant as it is sent."""
    return {"role": role} | ({"level": area[0], "code": area[1]} if area else {}) | more


async def _people(db: AsyncConnection) -> None:
    """`lurah` administers the first village; others in and around it."""
    for name, given in {
        "lurah": Grant("admin", HERE),
        "camat": Grant("admin", ("district", "6472030")),
        "tetangga": Grant("supervisor", THERE),
        "siti": Grant("enumerator", assigned=True),
        "budi": Grant("supervisor", assigned=True),
        "dinsos": granted("local_government", HERE),
        "baru": None,
    }.items():
        await accounts.create(db, name, given, PASSWORD)
    for name, area in (("mantan", ("district", "6472030")), ("selesai", HERE)):
        number = await accounts.create(db, name, None, PASSWORD)
        await grants.end(db, await grants.give(db, number, Grant("coordinator", area), OPERATOR), OPERATOR)
    assigned = "INSERT INTO ground.assignment SELECT edition_id, code, 'siti', 'budi', '2022-10-15' FROM ground.area "
    await db.execute(text(assigned + "WHERE code = ANY(:codes)"), {"codes": [BLOCKS[1].code, BLOCKS[2].code]})


def done(logins: Logins, act: Act) -> Any:
    """What `act` gives, in a transaction of the worker."""

    async def run() -> Any:
        db = Database(logins, 1)
        try:
            async with db.worker.begin() as connection:
                return await act(connection)
        finally:
            await db.close()

    return asyncio.run(run())


def move_in(logins: Logins) -> None:
    """Settle the people in a database that has the accounts of `tests.conftest.people` already."""
    done(logins, _people)


@pytest.fixture(scope="module")
def town(service: Service) -> Service:
    """A service with people who are only read and tried."""
    done(service.logins, _people)
    return service


@pytest.fixture
def fresh_town(fresh_service: Service) -> Service:
    """A service with people of this test's own."""
    done(fresh_service.logins, _people)
    return fresh_service


@contextmanager
def session(service: Service, who: str, password: str = PASSWORD) -> Iterator[httpx2.Client]:
    """A browser in which somebody is logged in."""
    with httpx2.Client(base_url=service.url, timeout=20, verify=CERTIFICATES) as client:
        assert enters(client, who, password), f"{who} cannot log in"
        yield client


#: Sessions of people of a town that no test changes, by database and name: a log-in is slow on purpose.
_KEPT: dict[tuple[str, str], str] = {}


@contextmanager
def inside(town: Service, who: str) -> Iterator[httpx2.Client]:
    """A browser in which somebody of an unchanging town has logged in before."""
    key = (town.logins.owner, who)
    if key not in _KEPT:
        with session(town, who) as client:
            _KEPT[key] = client.cookies[COOKIE]
    with httpx2.Client(base_url=town.url, timeout=20, verify=CERTIFICATES, cookies={COOKIE: _KEPT[key]}) as client:
        yield client


def enters(client: httpx2.Client, who: str, password: str) -> bool:
    answer = client.post("/login", data={"name": who, "password": password, "to": "/livez"})
    return bool(answer.headers["location"] == "/livez")


def held(client: httpx2.Client, name: str) -> list[dict[str, Any]]:
    """Grants of an account as an administrator sees them."""
    found = client.get("/v1/accounts", params={"q": name}).json()["accounts"]
    return next((row["grants"] for row in found if row["name"] == name), [])
