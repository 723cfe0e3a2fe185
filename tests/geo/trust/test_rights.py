"""Who may see which rows: the catalogue, and each role against a count in plain Python."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError, ProgrammingError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database import Database, Logins
from geo.ground.areas import load_ground
from geo.intake import batch
from geo.intake.batch import Envelope
from geo.schema import SCHEMAS
from geo.scope import OPERATOR
from geo.trust import accounts, credentials, grants
from geo.trust.grants import Grant
from tests.conftest import granted
from tests.world import BLOCKS, VILLAGES, submission

#: Tables that hold, row by row, what was said of single households or who did what with it.
HOUSEHOLD_TABLES = {
    *("intake.household", "intake.submission", "intake.quarantine", "intake.batch", "intake.heartbeat", "trust.audit"),
    *("intake.closing", "ground.prelist", "intake.review", "intake.plan"),
    *("welfare.event", "welfare.held"),
}

#: Tables with row-level security that no internal caller has a right to read.
OTHER_GUARDED = {"welfare.entered", "welfare.frozen", "release.area_figure", "release.cell_figure"}

#: What the release login reads; shapes, terms and dates are the same for everybody.
RELEASED = {
    f"release.{name}" for name in ("terms", "calendar", "area", "cell", "release", "area_figure", "cell_figure")
}

#: Area of each role's grant, and the blocks it covers.
GRANTS: dict[str, tuple[str, tuple[str, str] | None, set[int]]] = {
    "admin": ("admin", None, {0, 5, 6, 7, 9, 10, 11}),
    "coordinator": ("coordinator", ("district", "6472030"), {5, 6, 7, 9, 10, 11}),
    "supervisor": ("supervisor", ("village", VILLAGES[0]), {5, 6, 7}),
    "enumerator": ("enumerator", ("block", BLOCKS[0].code), {5}),
    "local_government": ("local_government", ("regency", "6472"), set()),
    "nobody": ("supervisor", ("block", BLOCKS[5].code), {11}),
}
MANY = 120


@dataclass(frozen=True)
class House:
    """A database with households and somebody of each role."""

    db: Database
    ids: dict[str, int]
    numbers: dict[str, int]


@pytest.fixture(scope="module")
async def house(database: Logins) -> AsyncIterator[House]:
    """Households in every block and outside all; each block's rows were sent by the admin, some by the enumerator."""
    db = Database(database, 4)
    ids: dict[str, int] = {}
    async with db.worker.begin() as connection:
        ground = await load_ground(connection)
        for name, (role, area, _) in GRANTS.items():
            ids[name] = await accounts.create(connection, name, granted(role, area))
        numbers = {}
        rows = []
        for n in range(MANY):
            block = BLOCKS[n % 6]
            row = submission(n, block)
            if n % 10 == 9:
                row = submission(n, block=None, lon=BLOCKS[0].west - 0.02)
            numbers[str(row["household_id"])] = 0 if n % 10 == 9 else block.number
            rows.append(row)
        bad = [submission(f"bad{n}", BLOCKS[n], result="?") for n in range(6)]
        for actor, some in ((ids["admin"], rows + bad), (ids["enumerator"], [submission("own", BLOCKS[4])])):
            await batch.store(connection, ground, Envelope(actor, "t", b"", 0), some, batch.judge(ground, some))
        numbers["SIM-own"] = BLOCKS[4].number
        for statement in (  # one of each block
            "INSERT INTO ground.prelist SELECT edition_id, 'LISTED-' || number, number FROM ground.area "
            "WHERE number = last",
            "INSERT INTO intake.closing (closing_id, household_id, revision, number, closed, reason, actor) "
            "SELECT gen_random_uuid(), 'SIM-' || number, 1, number, true, 'unsafe', 1 FROM ground.area "
            "WHERE number = last",
            "INSERT INTO intake.review (review_id, subject, about, number, decision, actor) "
            "SELECT gen_random_uuid(), 'flag', 'night.' || number, number, 'explained', 1 FROM ground.area "
            "WHERE number = last",
            "INSERT INTO intake.plan (plan_id, supervisor, day, numbers, actor) "
            "SELECT gen_random_uuid(), number, '2022-10-20', int4multirange(int4range(number, last, '[]')), 1 "
            "FROM ground.area WHERE number IN (1, last)",
        ):
            await connection.execute(text(statement))
    yield House(db, ids, numbers)
    await db.close()


async def seen(connection: AsyncConnection, table: str = "household") -> set[str]:
    found = await connection.execute(text(f"SELECT household_id FROM intake.{table}"))
    return set(found.scalars())


# ── the catalogue ─────────────────────────────────────────────────────────────────────────────────────────────────


async def catalogue(house: House, statement: str) -> list[tuple[object, ...]]:
    async with house.db.worker.begin() as connection:
        return [tuple(row) for row in await connection.execute(text(statement), {"schemas": list(SCHEMAS)})]


async def test_tables_with_household_data_have_row_security_forced(house: House) -> None:
    found = await catalogue(
        house,
        """SELECT n.nspname || '.' || c.relname, c.relrowsecurity AND c.relforcerowsecurity,
               EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid
                       AND a.attname IN ('household_id', 'submission_id', 'raw', 'subject', 'lon', 'geom', 'cell')),
               has_table_privilege('cakupan_internal', c.oid, 'SELECT')
           FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
           WHERE n.nspname = ANY(:schemas) AND c.relkind IN ('r', 'p', 'm', 'v')""",
    )
    assert {name for name, forced, _, _ in found if forced} == HOUSEHOLD_TABLES | OTHER_GUARDED
    # shapes, dates, and buildings that say nothing of who lives in them
    public = {"ground.area", "ground.edition", "ground.campaign", "ground.version", "ground.footprint"}
    leaves = {"intake.delta", "intake.tally_cell", "ground.expected_cell"}  # counts; no right to read them
    leaves |= {"release.area", "release.cell"}  # shapes
    for name, forced, telling, readable in found:
        assert forced or not readable or name in public, f"{name} can be read and has no row security"
        assert forced or not telling or name in public | leaves, f"{name} holds household data without row security"


async def test_there_are_no_views_and_nothing_is_granted_to_public(house: House) -> None:
    found = await catalogue(
        house,
        """SELECT n.nspname, c.relname, c.relkind FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
           WHERE n.nspname = ANY(:schemas) AND (c.relkind IN ('v', 'm')
              OR EXISTS (SELECT 1 FROM aclexplode(c.relacl) g WHERE g.grantee = 0))""",
    )
    assert found == []


async def test_the_logins_that_answer_own_nothing_and_have_no_power(house: House) -> None:
    owned = await catalogue(
        house,
        """SELECT classid::regclass FROM pg_shdepend WHERE deptype = 'o'
           AND refobjid IN ('cakupan_internal'::regrole, 'cakupan_release'::regrole)""",
    )
    assert owned == []
    powers = await catalogue(
        house,
        """SELECT rolname FROM pg_roles WHERE rolname IN ('cakupan_internal', 'cakupan_worker', 'cakupan_release')
           AND (rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication)
           UNION SELECT m.member::regrole::text FROM pg_auth_members m
           WHERE m.member IN ('cakupan_internal'::regrole, 'cakupan_worker'::regrole, 'cakupan_release'::regrole)""",
    )
    assert powers == []


async def test_the_rights_of_the_internal_login(house: House) -> None:
    found = await catalogue(
        house,
        """SELECT n.nspname || '.' || c.relname, p.right_
           FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
           CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES']) p (right_)
           WHERE n.nspname = ANY(:schemas) AND c.relkind = 'r'
             AND has_table_privilege('cakupan_internal', c.oid, right_)""",
    )
    public = {"ground.version", "ground.edition", "ground.area", "ground.campaign", "ground.footprint"}
    read = public | HOUSEHOLD_TABLES - {"trust.audit"}
    assert set(found) == {(name, "SELECT") for name in read} | {("trust.audit", "INSERT")}
    columns = await catalogue(
        house,
        """SELECT n.nspname || '.' || c.relname || '.' || a.attname, p.right_
           FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
           CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'REFERENCES']) p (right_)
           WHERE n.nspname = ANY(:schemas) AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
             AND has_column_privilege('cakupan_internal', c.oid, a.attnum, right_)
             AND NOT has_table_privilege('cakupan_internal', c.oid, right_)""",
    )
    assert set(columns) == {("trust.account.account_id", "SELECT"), ("trust.account.name", "SELECT")}
    schemas = await catalogue(
        house,
        """SELECT oid FROM pg_namespace
           WHERE nspname !~ '^pg_' AND has_schema_privilege('cakupan_internal', oid, 'CREATE')
           UNION SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
           WHERE n.nspname = ANY(:schemas) AND CASE WHEN c.relkind = 'S'
               THEN has_sequence_privilege('cakupan_internal', c.oid, 'USAGE, SELECT, UPDATE') END""",
    )
    assert schemas == []


async def test_the_release_login_reads_releases_and_nothing_else(house: House) -> None:
    """Also no other table of the database: neither the catalogue of PostGIS nor what an extension may bring."""
    found = await catalogue(
        house,
        """SELECT n.nspname || '.' || c.relname, p.right_
           FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
           CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER'])
               p (right_)
           WHERE n.nspname <> ALL (ARRAY['pg_catalog', 'information_schema']) AND n.nspname !~ '^pg_'
             AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
             AND has_schema_privilege('cakupan_release', n.oid, 'USAGE')
             AND (has_table_privilege('cakupan_release', c.oid, right_)
                  OR (right_ IN ('SELECT', 'INSERT', 'UPDATE', 'REFERENCES')
                      AND has_any_column_privilege('cakupan_release', c.oid, right_)))""",
    )
    postgis = {(name, right) for name, right in found if str(name).startswith("public.")}
    assert {name for name, _ in postgis} <= {
        "public.spatial_ref_sys",
        "public.geometry_columns",
        "public.geography_columns",
    }
    assert set(found) - postgis == {(name, "SELECT") for name in RELEASED}
    schemas = await catalogue(
        house,
        """SELECT nspname FROM pg_namespace
           WHERE nspname = ANY(:schemas) AND has_schema_privilege('cakupan_release', oid, 'USAGE')""",
    )
    assert schemas == [("release",)]


async def test_what_is_only_added_to_nobody_of_the_service_changes(house: House) -> None:
    found = await catalogue(
        house,
        """SELECT c.relname, string_agg(p.right_, ' ' ORDER BY p.right_)
           FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
           CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER']) p (right_)
           WHERE n.nspname = ANY(:schemas) AND c.relkind = 'r'
             AND (c.relname IN ('audit', 'seal', 'unsealed', 'event', 'entered', 'publisher', 'release', 'area_figure',
                  'cell_figure') OR right_ IN ('TRUNCATE', 'TRIGGER'))
             AND has_table_privilege('cakupan_worker', c.oid, right_)
           GROUP BY c.relname""",
    )
    added = ("audit", "seal", "event", "entered", "publisher", "release", "area_figure", "cell_figure")
    assert dict(found) == dict.fromkeys(added, "INSERT SELECT") | {"unsealed": "DELETE INSERT SELECT"}


async def test_policies_let_the_internal_login_see_by_scope_and_by_actor_alone(house: House) -> None:
    """Whatever a new table's policy says, it asks the database for the scope, once for a statement."""
    found = await catalogue(
        house,
        """SELECT schemaname || '.' || tablename, roles::text, cmd, coalesce(qual, with_check) FROM pg_policies
           WHERE schemaname = ANY(:schemas) AND NOT (policyname = 'worker' AND roles = '{cakupan_worker}')""",
    )
    scope = "number <@ ( SELECT trust.scope() AS scope)"
    own = "actor = ( SELECT trust.actor() AS actor)"
    overseen = "( SELECT trust.overseen() AS overseen)"
    read = {"intake.batch": f"({own})", "intake.heartbeat": f"(({own}) OR trust.works_in(actor, {overseen}))"}
    read |= dict.fromkeys(("intake.submission", "intake.quarantine"), f"(({scope}) OR ({own}))")
    read |= dict.fromkeys(("intake.household", "intake.closing", "intake.review"), f"({scope})")
    read["intake.plan"] = f"({scope.replace('number', 'numbers')})"
    current = "( SELECT c.edition_id\n   FROM ground.campaign c)"
    read["welfare.event"], read["welfare.held"] = f"({scope})", f"(({scope}) OR ({own}))"
    read["ground.prelist"] = f"((edition_id = {current}) AND ({scope}))"
    assert set(found) == {(table, "{cakupan_internal}", "SELECT", rule) for table, rule in read.items()} | {
        ("trust.audit", "{cakupan_internal}", "INSERT", f"({own})"),
        *(
            (table, "{cakupan_release}", "SELECT", f"({coarse} OR (number <@ ( SELECT release.scope() AS scope)))")
            for table, coarse in COARSE.items()
        ),
    }


#: What of a release everybody sees: anything above a block, and cells larger than the leaves.
COARSE = {"release.area_figure": "(level <> 'block'::text)", "release.cell_figure": "(resolution < 8)"}

#: Functions that anybody may call: each works on what it is given, or reads with the rights of who calls it.
HARMLESS = {"ground.cell_parent", "ground.now", "trust.actor"}

#: Functions that act with the rights of the owner, and the logins that may call them.
FOR_THE_OWNER = {
    "trust.scope": {"internal", "worker"},
    "trust.scope_of": {"worker"},
    "trust.overseen": {"internal"},
    "trust.works_in": {"internal"},
    "trust.assigned": {"internal"},
    "trust.authenticate": {"internal", "worker"},
    "trust.wait_for_seal": set[str](),
    "release.scope": {"release"},
    "release.fixed": set[str](),
}


async def test_functions_that_act_for_the_owner_are_pinned(house: House) -> None:
    found = await catalogue(
        house,
        """SELECT p.oid::regprocedure::text, p.prosecdef, p.prorettype = 'trigger'::regtype, p.proconfig,
               has_function_privilege('public', p.oid, 'EXECUTE'),
               ARRAY(SELECT login FROM unnest(ARRAY['internal', 'worker', 'release']) login
                     WHERE has_function_privilege('cakupan_' || login, p.oid, 'EXECUTE'))
           FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
           WHERE n.nspname = ANY(:schemas)""",
    )
    named = {str(name).partition("(")[0]: row for name, *row in found}
    assert {name for name, row in named.items() if row[0]} == set(FOR_THE_OWNER)
    assert {name for name, row in named.items() if row[3]} == HARMLESS
    for name, (definer, trigger, config, public, logins) in named.items():
        if definer or trigger:
            assert config == ["search_path=pg_catalog, pg_temp"], name
            assert not public, name
        if definer:
            assert set(logins) == FOR_THE_OWNER[name], name
    assert await catalogue(
        house,
        """SELECT nspname FROM pg_namespace
           WHERE nspname = ANY(:schemas) AND has_schema_privilege('public', oid, 'USAGE')""",
    ) == []  # fmt: skip


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM trust.account",
        "SELECT * FROM trust.granted",
        "SELECT * FROM trust.credential",
        "SELECT * FROM trust.audit",
        "SELECT * FROM intake.tally",
        "SELECT * FROM intake.delta",
        "SELECT trust.scope_of(1, NULL)",
        "INSERT INTO intake.batch SELECT * FROM intake.batch",
        "UPDATE intake.household SET number = 5",
        "DELETE FROM intake.submission",
        "DELETE FROM intake.quarantine",
        "UPDATE ground.area SET number = number",
        "DELETE FROM ground.prelist",
        "INSERT INTO intake.closing SELECT * FROM intake.closing",
        "INSERT INTO intake.review SELECT * FROM intake.review",
        "INSERT INTO intake.plan SELECT * FROM intake.plan",
        "SELECT intake.closed('SIM-1')",
        "INSERT INTO welfare.event SELECT * FROM welfare.event",
        "SELECT * FROM welfare.entered",
        "SELECT * FROM welfare.frozen",
        "SELECT * FROM welfare.making",
        "SELECT * FROM welfare.publisher",
        "SELECT * FROM release.area_figure",
        "SELECT release.scope()",
        "INSERT INTO trust.audit (actor, act, subject) VALUES (-1, 'x', '{}')",
        "ALTER TABLE intake.household DISABLE ROW LEVEL SECURITY",
        "CREATE TABLE public.copied AS SELECT 1",
        "SET ROLE cakupan_worker",
    ],
)
async def test_the_internal_login_is_refused(house: House, statement: str) -> None:
    async with house.db.as_actor(house.ids["admin"]) as connection:
        with pytest.raises(ProgrammingError):
            await connection.execute(text(statement))
        await connection.rollback()


# ── rows ──────────────────────────────────────────────────────────────────────────────────────────────────────────


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
