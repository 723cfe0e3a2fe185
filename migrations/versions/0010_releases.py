"""The welfare ledger, and sealed releases: tables, the login that reads releases alone, and what it may see."""

import sqlalchemy as sa
from alembic import op
from geoalchemy2 import Geometry
from sqlalchemy.dialects.postgresql import JSONB

revision = "0010"
down_revision: str | None = "0009"

FUNCTIONS = """
CREATE FUNCTION release.scope() RETURNS int4multirange
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE found int4multirange;
BEGIN
WITH mine AS (
    SELECT g.role, e.code AS edition, g.edition_id, g.level, g.code, g.assigned, c.name
    FROM trust.granted g
    JOIN trust.account c ON c.account_id = g.account_id AND c.disabled_at IS NULL
    LEFT JOIN ground.edition e ON e.edition_id = g.edition_id
    WHERE g.account_id = trust.actor()
      AND g.ended_at IS NULL
      AND (g.expires_at IS NULL OR g.expires_at > now())
), seen (numbers) AS (
    SELECT int4range(0, NULL) FROM mine WHERE code IS NULL AND NOT assigned
    UNION ALL
    SELECT int4range(a.number, a.last, '[]')
    FROM mine m
    JOIN release.terms t ON t.edition = m.edition
    JOIN release.area a ON a.level = m.level AND a.code = m.code
    UNION ALL
    SELECT int4range(a.number, a.last, '[]')
    FROM mine m
    CROSS JOIN release.terms t
    JOIN ground.edition e ON e.code = t.edition
    JOIN ground.assignment w ON w.edition_id = e.edition_id
                            AND CASE m.role WHEN 'supervisor' THEN w.supervisor ELSE w.enumerator END = m.name
    JOIN release.area a ON a.code = w.code AND a.number = a.last
    WHERE m.assigned
)
SELECT coalesce(range_agg(numbers), '{}'::int4multirange) INTO found FROM seen;
RETURN found;
END
$$;
COMMENT ON FUNCTION release.scope IS
    'Numbers of release.area that the actor may see down to its leaves, by its grants of any role; none without an actor';

CREATE FUNCTION release.fixed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF EXISTS (SELECT FROM release.release) OR EXISTS (SELECT FROM welfare.making) THEN
        RAISE EXCEPTION '% is fixed: a release was begun', TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION release.fixed IS 'What is published is fixed beforehand: nothing of it changes once a release began';

CREATE FUNCTION welfare.forget() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    TRUNCATE welfare.making, welfare.frozen, welfare.frozen_leaf;
END
$$;
COMMENT ON FUNCTION welfare.forget IS
    'Key and input of a release that is sealed in the same transaction: the files go, where deleted rows would stay';

REVOKE ALL ON FUNCTION release.scope(), release.fixed(), welfare.forget() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION release.scope() TO cakupan_release;
GRANT EXECUTE ON FUNCTION welfare.forget() TO cakupan_worker;
"""

RIGHTS = """
GRANT USAGE ON SCHEMA welfare TO cakupan_worker, cakupan_internal;
GRANT USAGE ON SCHEMA release TO cakupan_worker, cakupan_release;
GRANT SELECT, INSERT ON welfare.event, welfare.entered, welfare.publisher TO cakupan_worker;
GRANT SELECT, INSERT, UPDATE ON welfare.held TO cakupan_worker;
GRANT SELECT, INSERT, DELETE ON welfare.making, welfare.frozen, welfare.frozen_leaf TO cakupan_worker;
GRANT SELECT, INSERT, DELETE ON release.terms, release.calendar, release.area, release.cell TO cakupan_worker;
GRANT SELECT, INSERT ON release.release, release.area_figure, release.cell_figure TO cakupan_worker;
GRANT SELECT ON welfare.event, welfare.held TO cakupan_internal;
GRANT SELECT ON ALL TABLES IN SCHEMA release TO cakupan_release;
CREATE POLICY in_scope ON welfare.event FOR SELECT TO cakupan_internal USING (number <@ (SELECT trust.scope()));
CREATE POLICY in_scope ON welfare.held FOR SELECT TO cakupan_internal
    USING (number <@ (SELECT trust.scope()) OR actor = (SELECT trust.actor()));
CREATE POLICY published ON release.area_figure FOR SELECT TO cakupan_release
    USING (level <> 'block' OR number <@ (SELECT release.scope()));
CREATE POLICY published ON release.cell_figure FOR SELECT TO cakupan_release
    USING (resolution < 8 OR number <@ (SELECT release.scope()));
"""

#: Tables with row-level security, tables of which rows are only ever added, and those fixed once a release began.
FIGURES = ("release.area_figure", "release.cell_figure")
GUARDED = ("welfare.event", "welfare.held", "welfare.entered", "welfare.frozen", *FIGURES)
GROWING = ("welfare.event", "welfare.entered", "welfare.publisher", "release.release", *FIGURES)
FIXED = ("release.terms", "release.calendar", "release.area", "release.cell")


def upgrade() -> None:
    """Make tables, functions, rights and policies."""
    op.execute("CREATE SCHEMA welfare")
    op.execute("CREATE SCHEMA release")
    op.create_table(
        "area",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.Column("parent", sa.Integer(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("uninhabited", sa.Boolean(), nullable=False),
        sa.Column("lon", sa.Double(), nullable=False, comment="a point inside, for labels"),
        sa.Column("lat", sa.Double(), nullable=False),
        sa.Column("geom", Geometry("MULTIPOLYGON", 4326, spatial_index=False), nullable=False),
        sa.Column("geom_3857", Geometry("MULTIPOLYGON", 3857, spatial_index=False), nullable=False),
        sa.CheckConstraint("number >= 1 AND last >= number AND parent < number", name="area_preorder_check"),
        sa.PrimaryKeyConstraint("number", name="area_pkey"),
        sa.UniqueConstraint("level", "code", name="area_level_code_key"),
        schema="release",
        comment="the areas of the edition when the terms were fixed",
    )
    op.create_index("area_released_3857_ix", "area", ["geom_3857"], schema="release", postgresql_using="gist")
    op.create_table(
        "area_figure",
        sa.Column("release", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False, comment="households behind the figure, exact"),
        sa.Column(
            "value", sa.Integer(), nullable=False, comment="of them poor or very poor, with noise; may be negative"
        ),
        sa.Column("draws", sa.Integer(), nullable=False, comment="draws of noise in it; 0: nothing published yet"),
        sa.Column("expected", sa.Integer(), nullable=True, comment="families expected there, as of the release"),
        sa.PrimaryKeyConstraint("release", "number", name="area_figure_pkey"),
        schema="release",
        comment="published figures of areas; blocks are seen by the local government whose they are",
    )
    op.create_index("area_figure_level_ix", "area_figure", ["release", "level", "number"], schema="release")
    op.create_table(
        "calendar",
        sa.Column("release", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("due", sa.Date(), nullable=False, comment="first day on which it may be made"),
        sa.CheckConstraint("kind IN ('field', 'final')", name="calendar_kind_check"),
        sa.CheckConstraint("release BETWEEN 1 AND 6", name="calendar_six_check"),
        sa.PrimaryKeyConstraint("release", name="calendar_pkey"),
        schema="release",
        comment="when which table is published, fixed before the campaign begins",
    )
    op.create_table(
        "cell",
        sa.Column("cell", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("resolution", sa.SmallInteger(), nullable=False),
        sa.Column(
            "number",
            sa.Integer(),
            nullable=False,
            comment="block to which a leaf belongs, by its centre; 0 for the others",
        ),
        sa.Column("lon", sa.Double(), nullable=False, comment="of its centre"),
        sa.Column("lat", sa.Double(), nullable=False),
        sa.Column("geom", Geometry("POLYGON", 4326, spatial_index=False), nullable=False),
        sa.Column("geom_3857", Geometry("POLYGON", 3857, spatial_index=False), nullable=False),
        sa.CheckConstraint("(resolution = 8) = (number > 0)", name="cell_number_check"),
        sa.CheckConstraint("resolution BETWEEN 4 AND 8", name="cell_resolution_check"),
        sa.PrimaryKeyConstraint("cell", name="cell_pkey"),
        schema="release",
        comment="H3 cells over those areas, resolutions 4 to 8",
    )
    op.create_index("cell_released_3857_ix", "cell", ["geom_3857"], schema="release", postgresql_using="gist")
    op.create_table(
        "cell_figure",
        sa.Column("release", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("cell", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("resolution", sa.SmallInteger(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False, comment="as in release.cell"),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("value", sa.Integer(), nullable=False),
        sa.Column("draws", sa.Integer(), nullable=False),
        sa.Column("expected", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("release", "cell", name="cell_figure_pkey"),
        schema="release",
        comment="the same of H3 cells; those of resolution 8 are seen by the local government whose they are",
    )
    op.create_index("cell_figure_resolution_ix", "cell_figure", ["release", "resolution", "cell"], schema="release")
    op.create_table(
        "release",
        sa.Column("release", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("measure", sa.Text(), nullable=False),
        sa.Column("due", sa.Date(), nullable=False),
        sa.Column("as_of", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sealed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column(
            "digest", sa.LargeBinary(), nullable=False, comment="SHA-256 of its canonical bytes, without sealed_at"
        ),
        sa.CheckConstraint("kind IN ('field', 'final')", name="release_kind_check"),
        sa.CheckConstraint("measure IN ('field_status', 'consultation', 'score')", name="release_measure_check"),
        sa.PrimaryKeyConstraint("release", name="release_pkey"),
        schema="release",
        comment="sealed releases; rows are only ever added",
    )
    op.create_table(
        "terms",
        sa.Column("terms_id", sa.SmallInteger(), server_default=sa.text("1"), nullable=False),
        sa.Column("campaign", sa.Text(), nullable=False),
        sa.Column("edition", sa.Text(), nullable=False),
        sa.Column("series", sa.Text(), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("simulated", sa.Boolean(), nullable=False),
        sa.Column("measure", sa.Text(), nullable=False, comment="of the final table"),
        sa.Column("cut_off", sa.Double(), nullable=True, comment="score below which a family counts as poor"),
        sa.Column("fixed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("(measure = 'score') = (cut_off IS NOT NULL)", name="terms_cut_off_check"),
        sa.CheckConstraint("measure IN ('consultation', 'score')", name="terms_measure_check"),
        sa.CheckConstraint("terms_id = 1", name="terms_one_check"),
        sa.PrimaryKeyConstraint("terms_id", name="terms_pkey"),
        schema="release",
        comment="what is published of this campaign, fixed before it begins",
    )
    op.create_table(
        "entered",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("household_id", sa.Text(), nullable=False),
        sa.Column("release", sa.SmallInteger(), nullable=False),
        sa.CheckConstraint("kind IN ('field', 'final')", name="entered_kind_check"),
        sa.CheckConstraint("system IN ('block', 'cell')", name="entered_system_check"),
        sa.PrimaryKeyConstraint("kind", "system", "household_id", name="entered_pkey"),
        schema="welfare",
        comment="which household entered which published table: each once",
    )
    op.create_table(
        "event",
        sa.Column("event_id", sa.Uuid(), nullable=False, comment="UUIDv5 of scale, household, dated and revision"),
        sa.Column("place", sa.BigInteger(), sa.Identity(), nullable=False, comment="order of recording"),
        sa.Column("household_id", sa.Text(), nullable=False),
        sa.Column(
            "number", sa.Integer(), nullable=False, comment="block in which the household counted, or was listed, then"
        ),
        sa.Column("scale", sa.Text(), nullable=False),
        sa.Column("dated", sa.Date(), nullable=False, comment="day from which it holds"),
        sa.Column(
            "revision",
            sa.Integer(),
            server_default=sa.text("1"),
            nullable=False,
            comment="a correction of that day is higher",
        ),
        sa.Column("field_status", sa.SmallInteger(), nullable=True, comment="1 very poor, 2 poor, 3 not poor"),
        sa.Column(
            "consultation", sa.SmallInteger(), nullable=True, comment="group after the forum: 1 very poor … 4 not poor"
        ),
        sa.Column("before", sa.SmallInteger(), nullable=True, comment="group before the forum"),
        sa.Column("score", sa.Double(), nullable=True, comment="of the proxy means test; lower is poorer"),
        sa.Column("rank", sa.Integer(), nullable=True, comment="1 … N in the regency; 1 is the poorest"),
        sa.Column("decile", sa.SmallInteger(), nullable=True, comment="1 … 10 in the regency; 1 is the poorest"),
        sa.Column("forum", sa.Text(), nullable=True, comment="code of the area whose forum decided"),
        sa.Column("reason", sa.Text(), nullable=True, comment="why, in the words of who decided"),
        sa.Column("batch_id", sa.Uuid(), nullable=False, comment="in intake.batch"),
        sa.Column("row", sa.Integer(), nullable=False),
        sa.Column("actor", sa.Integer(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False, comment="of the canonical content"),
        sa.Column("recorded_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "(scale = 'consultation') = (consultation IS NOT NULL)", name="event_consultation_alone_check"
        ),
        sa.CheckConstraint(
            "(scale = 'field_status') = (field_status IS NOT NULL)", name="event_field_status_alone_check"
        ),
        sa.CheckConstraint("(scale = 'rank') = (num_nonnulls(score, rank, decile) > 0)", name="event_rank_alone_check"),
        sa.CheckConstraint("scale = 'consultation' OR num_nonnulls(before, forum) = 0", name="event_forum_alone_check"),
        sa.CheckConstraint("scale IN ('field_status', 'consultation', 'rank')", name="event_scale_check"),
        sa.CheckConstraint(
            "field_status BETWEEN 1 AND 3 AND consultation BETWEEN 1 AND 4 AND before BETWEEN 1 AND 4 AND rank >= 1 AND decile BETWEEN 1 AND 10",
            name="event_values_check",
        ),
        sa.CheckConstraint("revision >= 1", name="event_revision_check"),
        sa.PrimaryKeyConstraint("event_id", name="event_pkey"),
        schema="welfare",
        comment="the welfare ledger; appended to, never changed",
    )
    op.create_index("event_household_ix", "event", ["household_id", "scale", "dated", "revision"], schema="welfare")
    op.create_index("event_number_ix", "event", ["number", "scale", "dated"], schema="welfare")
    op.create_table(
        "frozen",
        sa.Column("release", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("household_id", sa.Text(), nullable=False),
        sa.Column(
            "leaf", sa.BigInteger(), nullable=False, comment="number in release.area, or H3 cell of resolution 8"
        ),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("poor", sa.Boolean(), nullable=False),
        sa.CheckConstraint("system IN ('block', 'cell')", name="frozen_system_check"),
        sa.PrimaryKeyConstraint("release", "system", "household_id", name="frozen_pkey"),
        schema="welfare",
        comment="the input of a release that is being made; the rows go when it is sealed",
    )
    op.create_table(
        "frozen_leaf",
        sa.Column("release", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("leaf", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("expected", sa.Integer(), nullable=True, comment="families expected there then"),
        sa.CheckConstraint("system IN ('block', 'cell')", name="frozen_leaf_system_check"),
        sa.PrimaryKeyConstraint("release", "system", "leaf", name="frozen_leaf_pkey"),
        schema="welfare",
        comment="what else a release that is being made reads, frozen with its input",
    )
    op.create_table(
        "held",
        sa.Column("held_id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("batch_id", sa.Uuid(), nullable=False),
        sa.Column("row", sa.Integer(), nullable=False),
        sa.Column("actor", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False, comment="block of the household, 0 where it is not known"),
        sa.Column("scale", sa.Text(), nullable=False),
        sa.Column("household_id", sa.Text(), nullable=True, comment="where the row says one that could be"),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("raw", JSONB(), nullable=False, comment="as sent, numbers that look like identities masked"),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("scale IN ('field_status', 'consultation', 'rank')", name="held_scale_check"),
        sa.PrimaryKeyConstraint("held_id", name="held_pkey"),
        sa.UniqueConstraint("digest", name="held_digest_key"),
        schema="welfare",
        comment="rows of the ledger that could not be believed, until a better one of the same household came",
    )
    op.create_index("held_household_ix", "held", ["household_id", "scale"], schema="welfare")
    op.create_index("held_number_ix", "held", ["number"], schema="welfare")
    op.create_table(
        "making",
        sa.Column("release", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column(
            "key", sa.LargeBinary(), nullable=False, comment="of this release's noise; the row goes when it is sealed"
        ),
        sa.Column("as_of", sa.DateTime(timezone=True), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False, comment="of what is frozen"),
        sa.CheckConstraint("octet_length(key) = 32", name="making_key_check"),
        sa.PrimaryKeyConstraint("release", name="making_pkey"),
        schema="welfare",
        comment="a release that is being made",
    )
    op.create_table(
        "publisher",
        sa.Column("publisher_id", sa.SmallInteger(), server_default=sa.text("1"), nullable=False),
        sa.Column(
            "nonce_sha256", sa.LargeBinary(), nullable=False, comment="of a word kept beside the service, not in here"
        ),
        sa.Column("system_identifier", sa.BigInteger(), nullable=False, comment="of the database server"),
        sa.Column("database_oid", sa.BigInteger(), nullable=False),
        sa.Column("bound_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("publisher_id = 1", name="publisher_one_check"),
        sa.PrimaryKeyConstraint("publisher_id", name="publisher_pkey"),
        schema="welfare",
        comment="the one system that publishes: a copy or a restored one never does",
    )
    op.execute(FUNCTIONS)
    for table in GUARDED:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY worker ON {table} TO cakupan_worker USING (true) WITH CHECK (true)")
    op.execute(RIGHTS)
    for table in GROWING:
        op.execute(
            f"CREATE TRIGGER only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION trust.only_grows()"
        )
    for table in FIXED:
        op.execute(
            f"CREATE TRIGGER fixed BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION release.fixed()"
        )


def downgrade() -> None:
    """Take them away again; ledger and releases are lost."""
    op.execute("DROP SCHEMA release CASCADE")
    op.execute("DROP SCHEMA welfare CASCADE")
