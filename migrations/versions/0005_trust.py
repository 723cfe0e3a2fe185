"""Grants that end, are by assignment or under an agreement; scopes by role; an audit that only grows, and its seals."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision: str | None = "0004"

CHECKS = {
    "assigned": "NOT assigned OR (code IS NULL AND role IN ('enumerator', 'supervisor'))",
    "agreed": "role <> 'local_government' OR (purpose IS NOT NULL AND agreement IS NOT NULL AND expires_at IS NOT NULL)",
    "ended": "(ended_at IS NULL) = (ended_by IS NULL)",
}

#: Grants to local governments made before they had to name an agreement.
SETTLE = """
UPDATE trust.granted SET purpose = coalesce(purpose, 'not stated'), agreement = coalesce(agreement, 'not stated'),
       expires_at = coalesce(expires_at, now() + interval '90 days')
WHERE role = 'local_government'
"""

FUNCTIONS = """
DROP FUNCTION trust.authenticate(bytea);
CREATE FUNCTION trust.scope_of(actor integer, role text) RETURNS int4multirange
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE found int4multirange;
BEGIN
WITH mine AS (
    SELECT g.role, g.edition_id, g.level, g.code, g.assigned, c.name
    FROM trust.granted g
    JOIN trust.account c ON c.account_id = g.account_id AND c.disabled_at IS NULL
    WHERE g.account_id = scope_of.actor
      AND g.ended_at IS NULL
      AND (g.expires_at IS NULL OR g.expires_at > now())
      AND g.role <> 'local_government'
      AND (scope_of.role IS NULL OR g.role = scope_of.role)
), seen (numbers) AS (
    SELECT int4range(0, NULL) FROM mine WHERE code IS NULL AND NOT assigned
    UNION ALL
    SELECT int4range(a.number, a.last, '[]')
    FROM mine m
    JOIN ground.campaign p ON p.edition_id = m.edition_id
    JOIN ground.area a ON a.edition_id = p.edition_id AND a.level = m.level AND a.code = m.code
    UNION ALL
    SELECT int4range(a.number, a.last, '[]')
    FROM mine m
    CROSS JOIN ground.campaign p
    JOIN ground.assignment w ON w.edition_id = p.edition_id
                            AND w.enumerator = m.name AND m.role = 'enumerator'
    JOIN ground.area a ON a.edition_id = p.edition_id AND a.code = w.code AND a.number = a.last
    WHERE m.assigned
    UNION ALL
    SELECT int4range(a.number, a.last, '[]')
    FROM mine m
    CROSS JOIN ground.campaign p
    JOIN ground.assignment w ON w.edition_id = p.edition_id
                            AND w.supervisor = m.name AND m.role = 'supervisor'
    JOIN ground.area a ON a.edition_id = p.edition_id AND a.code = w.code AND a.number = a.last
    WHERE m.assigned
)
SELECT coalesce(range_agg(numbers), '{}'::int4multirange) INTO found FROM seen;
RETURN found;
END
$$;
COMMENT ON FUNCTION trust.scope_of(integer, text) IS
    'The numbers an account may see in one role, or (null) in any, by its grants in the current edition. In plpgsql, which
     keeps its plan; a function in SQL would be planned anew for each statement that a policy guards';

CREATE OR REPLACE FUNCTION trust.scope() RETURNS int4multirange
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$ SELECT trust.scope_of(trust.actor(), NULL) $$;

DROP FUNCTION trust.scope_of(integer);

CREATE FUNCTION trust.authenticate(secret_sha256 bytea)
RETURNS TABLE (account_id integer, name text, kind text, credential_id integer, used_at timestamptz, role text,
               scope int4multirange)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
SELECT c.account_id, c.name, k.kind, k.credential_id, k.used_at, r.role,
       CASE WHEN r.role IS NOT NULL THEN trust.scope_of(c.account_id, r.role) END
FROM trust.credential k
JOIN trust.account c ON c.account_id = k.account_id AND c.disabled_at IS NULL
LEFT JOIN LATERAL (
    SELECT DISTINCT g.role
    FROM trust.granted g
    WHERE g.account_id = c.account_id AND g.ended_at IS NULL AND (g.expires_at IS NULL OR g.expires_at > now())
) r ON true
WHERE k.secret_sha256 = authenticate.secret_sha256
  AND k.revoked_at IS NULL
  AND (k.expires_at IS NULL OR k.expires_at > now())
$$;
COMMENT ON FUNCTION trust.authenticate IS
    'Who holds a token or session, one row for each role in force: the one door, by the hash of the secret';

CREATE FUNCTION trust.wait_for_seal() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO trust.unsealed (audit_id) VALUES (NEW.audit_id);
    RETURN NULL;
END
$$;

CREATE FUNCTION trust.only_grows() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are only ever added', TG_TABLE_NAME;
END
$$;
COMMENT ON FUNCTION trust.only_grows IS 'The owner could take the trigger away; the chain of seals would tell';

CREATE TRIGGER wait_for_seal AFTER INSERT ON trust.audit FOR EACH ROW EXECUTE FUNCTION trust.wait_for_seal();
CREATE TRIGGER only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON trust.audit
    FOR EACH STATEMENT EXECUTE FUNCTION trust.only_grows();
CREATE TRIGGER only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON trust.seal
    FOR EACH STATEMENT EXECUTE FUNCTION trust.only_grows();

REVOKE ALL ON FUNCTION trust.scope_of(integer, text), trust.authenticate(bytea), trust.wait_for_seal(),
    trust.only_grows() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION trust.scope_of(integer, text) TO cakupan_worker;
GRANT EXECUTE ON FUNCTION trust.authenticate(bytea) TO cakupan_worker, cakupan_internal;
GRANT SELECT, INSERT, DELETE ON trust.unsealed TO cakupan_worker;
REVOKE DELETE ON trust.account, trust.granted, trust.credential FROM cakupan_worker;
GRANT SELECT, INSERT ON trust.seal TO cakupan_worker;
INSERT INTO trust.unsealed (audit_id) SELECT audit_id FROM trust.audit;
"""

#: As they were before.
UNDO = """
DROP TRIGGER only_grows ON trust.audit;
DROP TRIGGER wait_for_seal ON trust.audit;
DROP FUNCTION trust.authenticate(bytea), trust.wait_for_seal();

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

CREATE OR REPLACE FUNCTION trust.scope() RETURNS int4multirange
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$ SELECT trust.scope_of(trust.actor()) $$;
DROP FUNCTION trust.scope_of(integer, text);

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

REVOKE ALL ON FUNCTION trust.scope_of(integer), trust.authenticate(bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION trust.scope_of(integer) TO cakupan_worker;
GRANT EXECUTE ON FUNCTION trust.authenticate(bytea) TO cakupan_worker, cakupan_internal;
GRANT DELETE ON trust.account, trust.granted, trust.credential TO cakupan_worker;
"""


def upgrade() -> None:
    """Add columns, tables, functions and triggers."""
    instant = sa.DateTime(timezone=True)
    for column in (
        sa.Column(
            "assigned",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="the blocks assigned to it",
        ),
        sa.Column("purpose", sa.Text(), nullable=True, comment="what a local government may use it for"),
        sa.Column("agreement", sa.Text(), nullable=True, comment="number of the agreement with a local government"),
        sa.Column(
            "granted_by", sa.Integer(), server_default=sa.text("0"), nullable=False, comment="account; 0: the operator"
        ),
        sa.Column("ended_at", instant, nullable=True),
        sa.Column("ended_by", sa.Integer(), nullable=True, comment="account; 0: the operator"),
    ):
        op.add_column("granted", column, schema="trust")
    op.alter_column("granted", "code", comment="null: the whole campaign, or the blocks assigned", schema="trust")
    op.execute(SETTLE)
    for name, rule in CHECKS.items():
        op.create_check_constraint(op.f(f"granted_{name}_check"), "granted", rule, schema="trust")
    identity = "issuer and subject at the log-in provider, since the first log-in"
    op.add_column("account", sa.Column("identity", sa.Text(), nullable=True, comment=identity), schema="trust")
    op.create_unique_constraint(op.f("account_identity_key"), "account", ["identity"], schema="trust")
    op.add_column("credential", sa.Column("used_at", instant, nullable=True), schema="trust")
    _audit()
    op.execute(FUNCTIONS)


def _audit() -> None:
    instant = sa.DateTime(timezone=True)
    by = sa.text("NULLIF(current_setting('app.credential', true), '')::integer")
    with_ = sa.Column(
        "credential_id", sa.Integer(), server_default=by, nullable=True, comment="token or session it was done with"
    )
    op.add_column("audit", with_, schema="trust")
    op.alter_column("audit", "actor", comment="account; 0: the operator, or nobody known", schema="trust")
    op.create_index("audit_at_ix", "audit", ["at"], unique=False, schema="trust")
    op.create_table_comment("audit", "what people did; rows are only ever added", schema="trust")
    op.create_table(
        "unsealed",
        sa.Column("audit_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("audit_id", name=op.f("unsealed_pkey")),
        schema="trust",
        comment="rows of the audit that wait for their seal",
    )
    op.create_table(
        "seal",
        sa.Column(
            "place", sa.BigInteger(), autoincrement=False, nullable=False, comment="in the chain, from 1 without gaps"
        ),
        sa.Column("audit_id", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False, comment="SHA-256 of the digest before and this row"),
        sa.Column("sealed_at", instant, server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("place", name=op.f("seal_pkey")),
        sa.UniqueConstraint("audit_id", name=op.f("seal_audit_id_key")),
        schema="trust",
        comment="the audit's hash chain",
    )


def downgrade() -> None:
    """Take them away again."""
    op.execute(UNDO)
    op.drop_table("seal", schema="trust")
    op.drop_table("unsealed", schema="trust")
    op.execute("DROP FUNCTION trust.only_grows()")
    op.drop_index("audit_at_ix", table_name="audit", schema="trust")
    op.drop_table_comment("audit", schema="trust")
    op.alter_column("audit", "actor", comment=None, schema="trust")
    op.drop_column("audit", "credential_id", schema="trust")
    op.drop_column("credential", "used_at", schema="trust")
    op.drop_constraint(op.f("account_identity_key"), "account", schema="trust")
    op.drop_column("account", "identity", schema="trust")
    for name in CHECKS:
        op.drop_constraint(op.f(f"granted_{name}_check"), "granted", schema="trust")
    op.execute("DELETE FROM trust.granted WHERE ended_at IS NOT NULL OR assigned")
    op.alter_column("granted", "code", comment="null: the whole campaign", schema="trust")
    for column in ("ended_by", "ended_at", "granted_by", "agreement", "purpose", "assigned"):
        op.drop_column("granted", column, schema="trust")
