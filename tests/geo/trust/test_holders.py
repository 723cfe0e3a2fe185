"""Who may see what: the two ways of asking say the same, and nobody is changed by whom it is not reached."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from app.database import Database
from geo.errors import NotFound, Refused
from geo.scope import LAST, OPERATOR, Scope
from geo.trust import accounts, grants, holders
from geo.trust.grants import Grant
from tests.world import BLOCKS, VILLAGES

HERE = ("village", VILLAGES[0])
#: The numbers of the first village.
LURAH = Scope(actor=0, name="lurah", role="admin", ranges=((4, 7),))


@pytest.fixture
async def people(db: Database) -> Database:
    """One account for each way to hold something."""
    until = datetime.now(UTC) + timedelta(days=9)
    async with db.worker.begin() as connection:
        for name, grant in {
            "everything": Grant("admin"),
            "above": Grant("coordinator", ("regency", "6472")),
            "here": Grant("supervisor", HERE),
            "there": Grant("supervisor", ("village", VILLAGES[1])),
            "block": Grant("enumerator", ("block", BLOCKS[0].code)),
            "sent": Grant("enumerator", assigned=True),
            "leading": Grant("supervisor", assigned=True),
            "unsent": Grant("enumerator", assigned=True),
            "town-hall": Grant("local_government", HERE, expires_at=until, purpose="p", agreement="a"),
            "shut": Grant("supervisor", HERE),
        }.items():
            number = await accounts.create(connection, name, grant)
            if name == "shut":
                await accounts.disable(connection, number, OPERATOR)
        await connection.execute(
            text(
                "INSERT INTO ground.assignment SELECT edition_id, code, 'sent', 'leading', '2022-10-15' "
                "FROM ground.area WHERE code = ANY(:codes)"
            ),
            {"codes": [BLOCKS[1].code, BLOCKS[4].code]},
        )
        await connection.execute(
            text(
                "INSERT INTO trust.granted (account_id, role, expires_at) "
                "SELECT account_id, 'admin', now() - interval '1 day' FROM trust.account WHERE name = 'block'"
            )
        )
    return db


async def test_areas_and_everybody_say_the_same(people: Database) -> None:
    async with people.worker.begin() as connection:
        everybody = await holders.areas(connection, OPERATOR.ranges)
        of_areas = await holders.areas(connection, ((0, LAST - 1),))
    told = [(row["account"], row["role"], row["area"]) for row in everybody.rows]
    assert told == [(row["account"], row["role"], row["area"]) for row in of_areas.rows]
    assert [name for name, _, _ in told] == [
        "everything", "above", "here", "leading", "there", "block", "sent", "town-hall",
    ]  # fmt: skip
    assert everybody.accounts == of_areas.accounts == len(told)
    clipped = [tuple((lo, min(hi, LAST - 1)) for lo, hi in row["seen"]) for row in everybody.rows]
    assert clipped == [row["seen"] for row in of_areas.rows]


async def test_what_is_seen_of_what_is_asked(people: Database) -> None:
    async with people.worker.begin() as connection:
        seen = {row["account"]: row["seen"] for row in (await holders.areas(connection, LURAH.ranges)).rows}
        assert seen == {
            "everything": ((4, 7),), "above": ((4, 7),), "here": ((4, 7),), "town-hall": ((4, 7),),
            "block": ((5, 5),), "sent": ((6, 6),), "leading": ((6, 6),),
        }  # fmt: skip
        two = await holders.areas(connection, ((6, 6), (10, 10)))
        assert {r["account"]: r["seen"] for r in two.rows}["sent"] == ((6, 6), (10, 10))
        assert {r["account"]: r["seen"] for r in two.rows}["there"] == ((10, 10),)
        assert await holders.areas(connection, ((1, 1),), limit=1) != two


async def test_accounts_as_an_administrator_of_some_areas_knows_them(people: Database) -> None:
    async with people.worker.begin() as connection:
        found = {row["name"]: row["yours"] for row in await holders.accounts(connection, LURAH)}
        assert found == {
            "above": False, "block": False, "everything": False, "here": True, "leading": False, "sent": False,
            "shut": True, "town-hall": True,
        }  # fmt: skip
        assert len(await holders.accounts(connection, OPERATOR)) == 10
        assert [row["name"] for row in await holders.accounts(connection, LURAH, part="E", after="b", limit=2)] == [
            "everything", "here",
        ]  # fmt: skip
        assert await holders.changeable(connection, LURAH, "here") == await holders.known(connection, LURAH, "here")
        for name in ("above", "everything", "sent", "block"):  # `block` was an administrator of everything once
            with pytest.raises(Refused):
                await holders.changeable(connection, LURAH, name)
        for name in ("there", "unsent", "nobody"):
            with pytest.raises(NotFound):
                await holders.known(connection, LURAH, name)
            with pytest.raises(NotFound):
                await holders.changeable(connection, LURAH, name)


async def test_an_account_knows_its_own_grants(people: Database) -> None:
    async with people.worker.begin() as connection:
        number = (await accounts.find(connection, "block")).account_id
        own = await holders.of_account(connection, number)
        assert (own.by_password, [(g["role"], g["code"]) for g in own.grants]) == (
            False, [("enumerator", BLOCKS[0].code)],
        )  # fmt: skip
        await grants.end(connection, own.grants[0]["id"], OPERATOR)
        assert (await holders.of_account(connection, number)).grants == []
