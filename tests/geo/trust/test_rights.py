"""Who may see which rows: each role against a count in plain Python."""

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

from app.database import Database, Logins
from geo.scope import OPERATOR
from geo.trust import accounts, credentials, grants
from geo.trust.grants import Grant
from tests.geo.trust.conftest import GRANTS, HOUSEHOLD_TABLES, House, seen
from tests.world import BLOCKS, VILLAGES


@pytest.mark.parametrize("actor", [None, "", "0", "-1", "999999"])
async def test_without_an_actor_there_is_nothing(house: House, actor: str | None) -> None:
    async with house.db.internal.begin() as connection:
        if actor is not None:
            await connection.execute(text("SELECT set_config('app.actor', :a, true)"), {"a": actor})
        for table in HOUSEHOLD_TABLES - {"trust.audit"}:
            assert await connection.scalar(text(f"SELECT count(*) FROM {table}")) == 0


@pytest.mark.parametrize("who", GRANTS)
async def test_each_role_sees_exactly_its_scope(house: House, who: str) -> None:
    blocks = GRANTS[who][2]
    mine = {name for name, number in house.numbers.items() if number in blocks}
    async with house.db.as_actor(house.ids[who]) as connection:
        assert await seen(connection) == mine
        own = {"SIM-own"} if who == "enumerator" else set(house.numbers) - {"SIM-own"} if who == "admin" else set()
        assert await seen(connection, "submission") == mine | own
        # rows held back lie in the block they name
        held = await connection.scalar(text("SELECT count(*) FROM intake.quarantine"))
        assert held == len(blocks - {0})
        plans = (await connection.execute(text("SELECT supervisor FROM intake.plan"))).scalars()
        assert set(plans) == {str(n) for n in blocks - {0} | ({1} if who == "admin" else set())}
        for table in ("ground.prelist", "intake.closing", "intake.review"):
            numbers = (await connection.execute(text(f"SELECT number FROM {table}"))).scalars()
            assert set(numbers) == blocks - {0}
        batches = await connection.scalar(text("SELECT count(*) FROM intake.batch"))
        assert batches == (1 if who in {"admin", "enumerator"} else 0)


@pytest.mark.parametrize("actor", ["x", "1; SELECT 1", "1.5", "1e0", "NaN", "99999999999", "(1)", "\u0661", " "])
async def test_with_a_garbled_actor_there_is_an_error_or_nothing(house: House, actor: str) -> None:
    for table in HOUSEHOLD_TABLES - {"trust.audit"}:
        async with house.db.internal.connect() as connection:
            await connection.execute(text("SELECT set_config('app.actor', :a, true)"), {"a": actor})
            with contextlib.suppress(DBAPIError):
                assert await connection.scalar(text(f"SELECT count(*) FROM {table}")) == 0


async def revised(db: Database, statement: str, **of: object) -> None:
    async with db.worker.begin() as connection:
        assert (await connection.execute(text(statement), of)).rowcount == 1


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE trust.granted SET expires_at = now() - interval '1 second' WHERE account_id = :id",
        "UPDATE trust.account SET disabled_at = now() WHERE account_id = :id",
        "UPDATE trust.credential SET revoked_at = now() WHERE account_id = :id",
        "UPDATE trust.credential SET expires_at = now() - interval '1 second' WHERE account_id = :id",
        "UPDATE trust.granted SET edition_id = :other WHERE account_id = :id",
        "UPDATE trust.granted SET ended_at = now(), ended_by = 0 WHERE account_id = :id",
    ],
)
async def test_what_ended_opens_nothing(house: House, change: str) -> None:
    async with house.db.worker.begin() as connection:
        upper = Grant("supervisor", ("village", VILLAGES[0]))
        made = await accounts.create(connection, f"past {uuid4().fields[0]}", upper)
        secret = await credentials.issue(connection, made, "token", "t", datetime.now(UTC) + timedelta(hours=1))
        other = await connection.scalar(
            text(
                "INSERT INTO ground.edition (code, digest) VALUES ('2030_1', '') "
                "ON CONFLICT (code) DO UPDATE SET digest = '' RETURNING edition_id"
            )
        )
    async with house.db.internal.begin() as connection:
        before = await credentials.authenticate(connection, secret)
        assert before is not None
        assert before.scope.ranges == ((4, 7),)
    await revised(house.db, change, **{k: v for k, v in {"id": made, "other": other}.items() if f":{k}" in change})
    async with house.db.internal.begin() as connection:
        after = await credentials.authenticate(connection, secret)
    assert after is None or after.scope.ranges == ()
    if "credential" not in change:
        async with house.db.as_actor(made) as connection:
            assert await seen(connection) == set()
    else:
        assert after is None


async def test_two_grants_add_up(house: House) -> None:
    async with house.db.worker.begin() as connection:
        made = await accounts.create(connection, "two", Grant("enumerator", ("block", BLOCKS[0].code)))
        await grants.give(connection, made, Grant("enumerator", ("block", BLOCKS[4].code)), OPERATOR)
        secret = await credentials.issue(connection, made, "token", "t", None)
    async with house.db.internal.begin() as connection:
        found = await credentials.authenticate(connection, secret)
    assert found is not None
    assert found.scope.ranges == ((5, 5), (10, 10))
    async with house.db.as_actor(made) as connection:
        assert await seen(connection) == {name for name, n in house.numbers.items() if n in {5, 10}}


async def test_an_unknown_secret_is_nobody(house: House) -> None:
    async with house.db.internal.begin() as connection:
        for secret in ("", "ck_", "x" * 5000, "'; --", "\x00"):
            assert await credentials.authenticate(connection, secret) is None


async def test_sixty_four_callers_on_four_connections_see_only_their_own(house: House) -> None:
    people = list(GRANTS)
    mine = {who: {name for name, n in house.numbers.items() if n in GRANTS[who][2]} for who in people}

    async def ask(at: int) -> None:
        for step in range(8):
            who = people[(at + step) % len(people)]
            async with house.db.as_actor(house.ids[who]) as connection:
                first = await seen(connection)
                await asyncio.sleep(0.001)
                assert first == await seen(connection) == mine[who]
                if (at + step) % 5 == 0:
                    await connection.rollback()  # a caller that breaks off leaves nothing to the next

    async with asyncio.timeout(60):
        await asyncio.gather(*(ask(at) for at in range(64)))
    async with house.db.internal.begin() as connection:
        assert await seen(connection) == set()


async def test_the_index_serves_a_policy_guarded_range(fresh_database: Logins) -> None:
    db = Database(fresh_database, 1)
    async with db.worker.begin() as connection:
        made = await accounts.create(connection, "s", Grant("supervisor", ("village", VILLAGES[0])))
        await connection.execute(
            text(
                """INSERT INTO intake.household
                       (household_id, revision, submission_id, number, captured_at, day, result, origin)
                   SELECT 'many-' || n, 1, gen_random_uuid(), n % 2000, now(), current_date, 'completed', 'new'
                   FROM generate_series(1, 20000) n"""
            )
        )
    owner = create_engine(fresh_database.owner)
    with owner.begin() as as_owner:
        as_owner.execute(text("ANALYZE intake.household"))
    owner.dispose()
    async with db.as_actor(made) as connection:
        plan = await connection.execute(
            text("EXPLAIN SELECT household_id FROM intake.household WHERE number BETWEEN 4 AND 7")
        )
        lines = "\n".join(plan.scalars())
        assert "household_number_ix" in lines, lines
        assert "Index Cond: ((number >= 4) AND (number <= 7))" in lines, lines
        assert (
            await connection.scalar(text("SELECT count(*) FROM intake.household WHERE number BETWEEN 4 AND 20")) == 40
        )
    await db.close()
