"""Tables, constraints and indexes, as `geo/schema.py` has them."""

import geoalchemy2
import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision: str | None = None


def upgrade() -> None:
    op.execute("CREATE SCHEMA intake")
    op.execute("CREATE SCHEMA trust")
    op.create_table(
        "edition",
        sa.Column("edition_id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False, comment="changes with the areas; names caches of shapes"),
        sa.Column("numbered_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("edition_id", name="edition_pkey"),
        sa.UniqueConstraint("code", name="edition_code_key"),
        schema="ground",
    )
    op.create_table(
        "batch",
        sa.Column("batch_id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("actor", sa.Integer(), nullable=False),
        sa.Column("body_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("counts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("batch_id", name="batch_pkey"),
        schema="intake",
    )
    op.create_table(
        "delta",
        sa.Column("delta_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("cell", sa.BigInteger(), nullable=False, comment="H3, resolution 10; 0 without a point"),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("completed", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("new", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("partial", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("not_met", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("refused", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("not_found", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("moved", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("deceased", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("ineligible", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("dropped", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("closed", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("located", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("delta_id", name="delta_pkey"),
        schema="intake",
    )
    op.create_table(
        "epoch",
        sa.Column("epoch", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("as_of", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("deltas", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("epoch", name="epoch_pkey"),
        schema="intake",
    )
    op.create_table(
        "file_import",
        sa.Column("file_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("edition_id", sa.Integer(), nullable=False),
        sa.Column("rows_done", sa.BigInteger(), nullable=False),
        sa.Column("counts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("file_sha256", "edition_id", name="file_import_pkey"),
        schema="intake",
        comment="how far a file of households has been read, so that a killed import resumes",
    )
    op.create_table(
        "household",
        sa.Column("household_id", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("submission_id", sa.Uuid(), nullable=False),
        sa.Column("block", sa.Text(), nullable=True),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("located", sa.Integer(), nullable=True),
        sa.Column("cell", sa.BigInteger(), nullable=True),
        sa.Column(
            "geom",
            geoalchemy2.types.Geometry(
                geometry_type="POINT",
                srid=4326,
                dimension=2,
                spatial_index=False,
                from_text="ST_GeomFromEWKT",
                name="geometry",
            ),
            nullable=True,
        ),
        sa.Column("accuracy_m", sa.REAL(), nullable=True),
        sa.Column("captured_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("day", sa.Date(), nullable=False, comment="of the first revision that reached the current result"),
        sa.Column("result", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("visit", sa.SmallInteger(), nullable=True),
        sa.Column("revisit_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("welfare", sa.SmallInteger(), nullable=True),
        sa.Column("enumerator", sa.Text(), nullable=True),
        sa.Column("flags", sa.Text(), nullable=True),
        sa.Column("closed", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.PrimaryKeyConstraint("household_id", name="household_pkey"),
        schema="intake",
    )
    op.create_index("household_cell_ix", "household", ["cell"], unique=False, schema="intake")
    op.create_index("household_number_ix", "household", ["number"], unique=False, schema="intake")
    op.create_table(
        "quarantine",
        sa.Column("quarantine_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("batch_id", sa.Uuid(), nullable=False),
        sa.Column("row", sa.Integer(), nullable=False),
        sa.Column("actor", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False, comment="block it would count in, 0 where unknown"),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("proposal", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column(
            "raw",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="as sent, numbers that look like identities masked",
        ),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.Text(), server_default=sa.text("'open'"), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("quarantine_id", name="quarantine_pkey"),
        sa.UniqueConstraint("digest", name="quarantine_digest_key"),
        schema="intake",
    )
    op.create_index("quarantine_number_ix", "quarantine", ["number"], unique=False, schema="intake")
    op.create_table(
        "submission",
        sa.Column("submission_id", sa.Uuid(), nullable=False),
        sa.Column("household_id", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("batch_id", sa.Uuid(), nullable=False),
        sa.Column("row", sa.Integer(), nullable=False),
        sa.Column("actor", sa.Integer(), nullable=False),
        sa.Column("block", sa.Text(), nullable=True, comment="declared code"),
        sa.Column("number", sa.Integer(), nullable=False, comment="counted block"),
        sa.Column("located", sa.Integer(), nullable=True, comment="block the point lies in, 0 for none"),
        sa.Column("lon", sa.Double(), nullable=True),
        sa.Column("lat", sa.Double(), nullable=True),
        sa.Column("cell", sa.BigInteger(), nullable=True, comment="H3, resolution 15"),
        sa.Column("accuracy_m", sa.REAL(), nullable=True),
        sa.Column("captured_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("day", sa.Date(), nullable=False, comment="local date of captured_at"),
        sa.Column("result", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("visit", sa.SmallInteger(), nullable=True),
        sa.Column("revisit_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("welfare", sa.SmallInteger(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("enumerator", sa.Text(), nullable=True),
        sa.Column("flags", sa.Text(), nullable=True, comment="doubts seen at the door, separated by spaces"),
        sa.Column(
            "digest", sa.LargeBinary(), nullable=False, comment="of the canonical content, without submission_id"
        ),
        sa.Column("received_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("origin IN ('prelist', 'new')", name="submission_origin_check"),
        sa.CheckConstraint(
            "result IN ('completed', 'partial', 'not_met', 'refused', 'not_found', 'moved', 'deceased', 'ineligible')",
            name="submission_result_check",
        ),
        sa.CheckConstraint(
            "(lon IS NULL) = (lat IS NULL) AND (lon IS NULL) = (cell IS NULL)", name="submission_point_check"
        ),
        sa.CheckConstraint("revision >= 1", name="submission_revision_check"),
        sa.PrimaryKeyConstraint("submission_id", name="submission_pkey"),
        sa.UniqueConstraint("household_id", "revision", name="submission_household_id_revision_key"),
        schema="intake",
    )
    op.create_table(
        "tally",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("completed", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("new", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("partial", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("not_met", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("refused", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("not_found", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("moved", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("deceased", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("ineligible", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("dropped", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("closed", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("located", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="tally_pkey"),
        schema="intake",
        comment="counts of each block",
    )
    op.create_index("tally_epoch_ix", "tally", ["epoch"], unique=False, schema="intake")
    op.create_table(
        "tally_cell",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("cell", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("completed", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("new", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("partial", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("not_met", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("refused", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("not_found", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("moved", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("deceased", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("ineligible", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("dropped", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("closed", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("located", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("number", "cell", name="tally_cell_pkey"),
        schema="intake",
        comment="counts of each (block, cell of resolution 10) pair",
    )
    op.create_index("tally_cell_epoch_ix", "tally_cell", ["epoch"], unique=False, schema="intake")
    op.create_table(
        "tally_day",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("completed", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("new", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("partial", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("not_met", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("refused", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("not_found", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("moved", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("deceased", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("ineligible", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("dropped", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("closed", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("located", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("number", "day", name="tally_day_pkey"),
        schema="intake",
        comment="counts of each block by day",
    )
    op.create_index("tally_day_epoch_ix", "tally_day", ["epoch"], unique=False, schema="intake")
    op.create_table(
        "account",
        sa.Column("account_id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("failures", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("locked_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("account_id", name="account_pkey"),
        sa.UniqueConstraint("name", name="account_name_key"),
        schema="trust",
    )
    op.create_table(
        "audit",
        sa.Column("audit_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("actor", sa.Integer(), nullable=False),
        sa.Column("act", sa.Text(), nullable=False),
        sa.Column("subject", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("audit_id", name="audit_pkey"),
        schema="trust",
    )
    op.create_table(
        "area",
        sa.Column("edition_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.Column("parent", sa.Integer(), nullable=False, comment="number of the area above, 0 at the top"),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("derived", sa.Boolean(), nullable=False, comment="outline dissolved from the areas below"),
        sa.Column("uninhabited", sa.Boolean(), nullable=False),
        sa.Column("area_m2", sa.Double(), nullable=False),
        sa.Column("lon", sa.Double(), nullable=False, comment="a point inside, for labels"),
        sa.Column("lat", sa.Double(), nullable=False),
        sa.Column(
            "geom",
            geoalchemy2.types.Geometry(
                geometry_type="MULTIPOLYGON",
                srid=4326,
                dimension=2,
                spatial_index=False,
                from_text="ST_GeomFromEWKT",
                name="geometry",
                nullable=False,
            ),
            nullable=False,
        ),
        sa.Column(
            "geom_3857",
            geoalchemy2.types.Geometry(
                geometry_type="MULTIPOLYGON",
                srid=3857,
                dimension=2,
                spatial_index=False,
                from_text="ST_GeomFromEWKT",
                name="geometry",
                nullable=False,
            ),
            nullable=False,
        ),
        sa.CheckConstraint("level IN ('province', 'regency', 'district', 'village', 'block')", name="area_level_check"),
        sa.CheckConstraint("number >= 1 AND last >= number AND parent < number", name="area_preorder_check"),
        sa.ForeignKeyConstraint(
            ["edition_id"], ["ground.edition.edition_id"], name="area_edition_id_fkey", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("edition_id", "number", name="area_pkey"),
        sa.UniqueConstraint("edition_id", "level", "code", name="area_edition_id_level_code_key"),
        schema="ground",
    )
    op.create_index(
        "area_block_code_key",
        "area",
        ["edition_id", "code"],
        unique=True,
        schema="ground",
        postgresql_where=sa.text("number = last"),
    )
    op.create_index("area_geom_3857_ix", "area", ["geom_3857"], unique=False, schema="ground", postgresql_using="gist")
    op.create_table(
        "campaign",
        sa.Column("campaign_id", sa.SmallInteger(), server_default=sa.text("1"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("edition_id", sa.Integer(), nullable=False),
        sa.Column("series", sa.Text(), nullable=False),
        sa.Column("accuracy_limit_m", sa.REAL(), server_default=sa.text("50"), nullable=False),
        sa.Column("outside_limit_m", sa.REAL(), server_default=sa.text("5000"), nullable=False),
        sa.Column("simulated", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("clock", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("series IN ('prelist', 'verified', 'footprint', 'civil')", name="campaign_series_check"),
        sa.CheckConstraint("campaign_id = 1", name="campaign_one_check"),
        sa.CheckConstraint("clock IS NULL OR simulated", name="campaign_clock_check"),
        sa.CheckConstraint("ends_on >= starts_on", name="campaign_dates_check"),
        sa.ForeignKeyConstraint(["edition_id"], ["ground.edition.edition_id"], name="campaign_edition_id_fkey"),
        sa.PrimaryKeyConstraint("campaign_id", name="campaign_pkey"),
        schema="ground",
    )
    op.create_table(
        "expected",
        sa.Column("edition_id", sa.Integer(), nullable=False),
        sa.Column("series", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("expected", sa.Integer(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("dated", sa.Date(), nullable=False),
        sa.CheckConstraint("series IN ('prelist', 'verified', 'footprint', 'civil')", name="expected_series_check"),
        sa.CheckConstraint("expected >= 0", name="expected_expected_check"),
        sa.ForeignKeyConstraint(
            ["edition_id"], ["ground.edition.edition_id"], name="expected_edition_id_fkey", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("edition_id", "series", "number", name="expected_pkey"),
        schema="ground",
    )
    op.create_table(
        "expected_cell",
        sa.Column("edition_id", sa.Integer(), nullable=False),
        sa.Column("series", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("cell", sa.BigInteger(), nullable=False, comment="H3, resolution 10"),
        sa.Column("expected", sa.Integer(), nullable=False),
        sa.Column("estimated", sa.Boolean(), nullable=False, comment="spread by area, not by footprints"),
        sa.ForeignKeyConstraint(
            ["edition_id"], ["ground.edition.edition_id"], name="expected_cell_edition_id_fkey", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("edition_id", "series", "number", "cell", name="expected_cell_pkey"),
        schema="ground",
    )
    op.create_table(
        "owner",
        sa.Column("edition_id", sa.Integer(), nullable=False),
        sa.Column("lo", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hi", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["edition_id"], ["ground.edition.edition_id"], name="owner_edition_id_fkey", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("edition_id", "lo", name="owner_pkey"),
        schema="ground",
        comment="ranges of H3 cells of resolution 11 that lie wholly inside one block",
    )
    op.create_table(
        "credential",
        sa.Column("credential_id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("secret_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind IN ('token', 'session')", name="credential_kind_check"),
        sa.ForeignKeyConstraint(
            ["account_id"], ["trust.account.account_id"], name="credential_account_id_fkey", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("credential_id", name="credential_pkey"),
        sa.UniqueConstraint("secret_sha256", name="credential_secret_sha256_key"),
        schema="trust",
    )
    op.create_index("credential_account_id_ix", "credential", ["account_id"], unique=False, schema="trust")
    op.create_table(
        "granted",
        sa.Column("granted_id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("edition_id", sa.Integer(), nullable=True),
        sa.Column("level", sa.Text(), nullable=True),
        sa.Column("code", sa.Text(), nullable=True, comment="null: the whole campaign"),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "role IN ('enumerator', 'supervisor', 'coordinator', 'local_government', 'admin')",
            name="granted_role_check",
        ),
        sa.CheckConstraint(
            "(code IS NULL) = (level IS NULL) AND (code IS NULL) = (edition_id IS NULL)", name="granted_area_check"
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["trust.account.account_id"], name="granted_account_id_fkey", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["edition_id"], ["ground.edition.edition_id"], name="granted_edition_id_fkey", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("granted_id", name="granted_pkey"),
        schema="trust",
    )
    op.create_index("granted_account_id_ix", "granted", ["account_id"], unique=False, schema="trust")


def downgrade() -> None:
    op.drop_index("granted_account_id_ix", table_name="granted", schema="trust")
    op.drop_table("granted", schema="trust")
    op.drop_index("credential_account_id_ix", table_name="credential", schema="trust")
    op.drop_table("credential", schema="trust")
    op.drop_table("owner", schema="ground")
    op.drop_table("expected_cell", schema="ground")
    op.drop_table("expected", schema="ground")
    op.drop_table("campaign", schema="ground")
    op.drop_index("area_geom_3857_ix", table_name="area", schema="ground", postgresql_using="gist")
    op.drop_index("area_block_code_key", table_name="area", schema="ground", postgresql_where=sa.text("number = last"))
    op.drop_table("area", schema="ground")
    op.drop_table("audit", schema="trust")
    op.drop_table("account", schema="trust")
    op.drop_index("tally_day_epoch_ix", table_name="tally_day", schema="intake")
    op.drop_table("tally_day", schema="intake")
    op.drop_index("tally_cell_epoch_ix", table_name="tally_cell", schema="intake")
    op.drop_table("tally_cell", schema="intake")
    op.drop_index("tally_epoch_ix", table_name="tally", schema="intake")
    op.drop_table("tally", schema="intake")
    op.drop_table("submission", schema="intake")
    op.drop_index("quarantine_number_ix", table_name="quarantine", schema="intake")
    op.drop_table("quarantine", schema="intake")
    op.drop_index("household_number_ix", table_name="household", schema="intake")
    op.drop_index("household_cell_ix", table_name="household", schema="intake")
    op.drop_table("household", schema="intake")
    op.drop_table("file_import", schema="intake")
    op.drop_table("epoch", schema="intake")
    op.drop_table("delta", schema="intake")
    op.drop_table("batch", schema="intake")
    op.drop_table("edition", schema="ground")
    op.execute("DROP SCHEMA trust")
    op.execute("DROP SCHEMA intake")
