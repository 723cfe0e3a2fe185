"""What the catalogue says of tables, functions and logins: who has which right, and what guards the rows."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from geo.schema import SCHEMAS
from tests.geo.trust.conftest import HOUSEHOLD_TABLES, OTHER_GUARDED, RELEASED, House


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
    leaves |= {"release.area", "release.cell", "site.revision"}  # shapes, and public places
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
    assert sorted(schemas) == [("release",), ("site",)]


async def test_what_is_only_added_to_nobody_of_the_service_changes(house: House) -> None:
    found = await catalogue(
        house,
        """SELECT c.relname, string_agg(p.right_, ' ' ORDER BY p.right_)
           FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
           CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER']) p (right_)
           WHERE n.nspname = ANY(:schemas) AND c.relkind = 'r'
             AND (n.nspname = 'site' OR c.relname IN ('audit', 'seal', 'unsealed', 'event', 'entered', 'publisher',
                  'release', 'area_figure', 'cell_figure') OR right_ IN ('TRUNCATE', 'TRIGGER'))
             AND has_table_privilege('cakupan_worker', c.oid, right_)
           GROUP BY c.relname""",
    )
    added = ("audit", "seal", "event", "entered", "publisher", "release", "area_figure", "cell_figure")
    added += ("version", "revision")
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
    "welfare.forget": {"worker"},
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
