"""Functions, rights and row-level security: what the tables mean, and who may see which rows.

Internal callers own nothing and see rows only through policies; without an actor in the transaction they see none.
"""

from alembic import op

revision = "0002"
down_revision: str | None = "0001"

FUNCTIONS = """
CREATE FUNCTION ground.cell_parent(cell bigint, resolution integer) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (cell & ~(15::bigint << 52)) | (resolution::bigint << 52) | ((1::bigint << (3 * (15 - resolution))) - 1);
COMMENT ON FUNCTION ground.cell_parent IS 'H3 parent by bit arithmetic; not STRICT, which would stop inlining';

CREATE FUNCTION intake.vector(result text, origin text, closed boolean, cell bigint)
RETURNS TABLE (completed integer, new integer, partial integer, not_met integer, refused integer, not_found integer,
               moved integer, deceased integer, ineligible integer, dropped integer, closed integer, located integer)
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 1
AS $$
SELECT ($1 = 'completed')::integer,
       ($1 = 'completed' AND $2 = 'new')::integer,
       ($1 = 'partial')::integer,
       ($1 = 'not_met')::integer,
       ($1 = 'refused')::integer,
       ($1 = 'not_found')::integer,
       ($1 = 'moved')::integer,
       ($1 = 'deceased')::integer,
       ($1 = 'ineligible')::integer,
       ($1 IN ('not_found', 'moved', 'deceased', 'ineligible') AND $2 = 'prelist')::integer,
       ($3 AND $1 IN ('refused', 'not_met'))::integer,
       ($4 IS NOT NULL)::integer
$$;
COMMENT ON FUNCTION intake.vector IS 'What one household adds to a tally; the only definition of it';

CREATE FUNCTION trust.actor() RETURNS integer
LANGUAGE sql STABLE PARALLEL SAFE
RETURN NULLIF(current_setting('app.actor', true), '')::integer;
COMMENT ON FUNCTION trust.actor IS 'Who acts in this transaction; null, and so nobody, where it was not set';

CREATE FUNCTION trust.scope_of(actor integer) RETURNS int4multirange
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
SELECT coalesce(range_agg(CASE WHEN g.code IS NULL THEN int4range(0, NULL) ELSE int4range(a.number, a.last, '[]') END),
                '{}'::int4multirange)
FROM trust.granted g
JOIN trust.account c ON c.account_id = g.account_id AND c.disabled_at IS NULL
LEFT JOIN ground.campaign p ON true
LEFT JOIN ground.area a ON a.edition_id = p.edition_id AND a.edition_id = g.edition_id
                       AND a.level = g.level AND a.code = g.code
WHERE g.account_id = scope_of.actor
  AND (g.expires_at IS NULL OR g.expires_at > now())
  AND g.role <> 'local_government'
  AND (g.code IS NULL OR a.number IS NOT NULL)
$$;
COMMENT ON FUNCTION trust.scope_of IS 'The numbers an account may see, from its grants in the current edition';

CREATE FUNCTION trust.scope() RETURNS int4multirange
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$ SELECT trust.scope_of(trust.actor()) $$;

CREATE FUNCTION trust.authenticate(secret_sha256 bytea)
RETURNS TABLE (account_id integer, name text, role text, kind text, credential_id integer, scope int4multirange)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
SELECT c.account_id, c.name, r.role, k.kind, k.credential_id, trust.scope_of(c.account_id)
FROM trust.credential k
JOIN trust.account c ON c.account_id = k.account_id AND c.disabled_at IS NULL
CROSS JOIN LATERAL (
    SELECT g.role
    FROM trust.granted g
    WHERE g.account_id = c.account_id AND (g.expires_at IS NULL OR g.expires_at > now())
    ORDER BY array_position(ARRAY['admin', 'coordinator', 'supervisor', 'enumerator', 'local_government'], g.role)
    LIMIT 1
) r
WHERE k.secret_sha256 = authenticate.secret_sha256
  AND k.revoked_at IS NULL
  AND (k.expires_at IS NULL OR k.expires_at > now())
$$;
COMMENT ON FUNCTION trust.authenticate IS 'Who holds a token or session: the one door, by the hash of the secret';

REVOKE ALL ON FUNCTION trust.scope_of(integer), trust.scope(), trust.authenticate(bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION trust.scope_of(integer) TO cakupan_worker;
GRANT EXECUTE ON FUNCTION trust.scope(), trust.authenticate(bytea) TO cakupan_worker, cakupan_internal;
"""

GRANTS = """
GRANT USAGE ON SCHEMA ground, intake, trust TO cakupan_worker, cakupan_internal;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ground, intake TO cakupan_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON trust.account, trust.granted, trust.credential TO cakupan_worker;
GRANT SELECT, INSERT ON trust.audit TO cakupan_worker;
REVOKE ALL ON ground.version FROM cakupan_worker;
GRANT SELECT ON ground.version, ground.edition, ground.area, ground.campaign TO cakupan_worker, cakupan_internal;
GRANT SELECT ON intake.household, intake.submission, intake.quarantine, intake.batch TO cakupan_internal;
GRANT INSERT ON trust.audit TO cakupan_internal;
"""

POLICIES = """
CREATE POLICY worker ON intake.household TO cakupan_worker USING (true) WITH CHECK (true);
CREATE POLICY worker ON intake.submission TO cakupan_worker USING (true) WITH CHECK (true);
CREATE POLICY worker ON intake.quarantine TO cakupan_worker USING (true) WITH CHECK (true);
CREATE POLICY worker ON intake.batch TO cakupan_worker USING (true) WITH CHECK (true);
CREATE POLICY worker ON trust.audit TO cakupan_worker USING (true) WITH CHECK (true);
CREATE POLICY in_scope ON intake.household FOR SELECT TO cakupan_internal
    USING (number <@ (SELECT trust.scope()));
CREATE POLICY in_scope ON intake.submission FOR SELECT TO cakupan_internal
    USING (number <@ (SELECT trust.scope()) OR actor = (SELECT trust.actor()));
CREATE POLICY in_scope ON intake.quarantine FOR SELECT TO cakupan_internal
    USING (number <@ (SELECT trust.scope()) OR actor = (SELECT trust.actor()));
CREATE POLICY own ON intake.batch FOR SELECT TO cakupan_internal USING (actor = (SELECT trust.actor()));
CREATE POLICY own ON trust.audit FOR INSERT TO cakupan_internal WITH CHECK (actor = (SELECT trust.actor()));
"""


def upgrade() -> None:
    """Make functions, rights and policies."""
    op.execute(FUNCTIONS)
    op.execute(GRANTS)
    for table in ("intake.household", "intake.submission", "intake.quarantine", "intake.batch", "trust.audit"):
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
    op.execute(POLICIES)


def downgrade() -> None:
    """Take them away again."""
    for policy, tables in (
        ("worker", ("intake.household", "intake.submission", "intake.quarantine", "intake.batch", "trust.audit")),
        ("in_scope", ("intake.household", "intake.submission", "intake.quarantine")),
        ("own", ("intake.batch", "trust.audit")),
    ):
        for table in tables:
            op.execute(f"DROP POLICY {policy} ON {table}")
    for login in ("cakupan_worker", "cakupan_internal"):
        op.execute(f"REVOKE ALL ON ALL TABLES IN SCHEMA ground, intake, trust FROM {login}")
        op.execute(f"REVOKE ALL ON SCHEMA ground, intake, trust FROM {login}")
        op.execute(f"REVOKE ALL ON ALL FUNCTIONS IN SCHEMA ground, intake, trust FROM {login}")
    op.execute(
        "DROP FUNCTION trust.authenticate(bytea), trust.scope(), trust.scope_of(integer), trust.actor(), "
        "intake.vector(text, text, boolean, bigint), ground.cell_parent(bigint, integer)"
    )
