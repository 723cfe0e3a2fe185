"""Sites of programmes, in versions: public places, read by the login that reads releases."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision: str | None = "0010"

RIGHTS = """
GRANT USAGE ON SCHEMA site TO cakupan_worker, cakupan_release;
GRANT SELECT, INSERT ON site.version, site.revision TO cakupan_worker;
GRANT SELECT ON site.version, site.revision TO cakupan_release;
"""

#: Tables of which rows are only ever added.
GROWING = ("site.version", "site.revision")


def upgrade() -> None:
    """Make the tables and the rights."""
    op.execute("CREATE SCHEMA site")
    op.create_table(
        "version",
        sa.Column("version", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("change", sa.Text(), nullable=False),
        sa.Column(
            "note",
            sa.Text(),
            nullable=True,
            comment="why, in the words of who changed it; of an import the name of the file",
        ),
        sa.Column("actor", sa.Integer(), nullable=False, comment="account; 0 the operator"),
        sa.Column("recorded_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("change IN ('import', 'edit', 'close')", name="version_change_check"),
        sa.PrimaryKeyConstraint("version", name="version_pkey"),
        schema="site",
        comment="versions of the list of sites; rows are only ever added",
    )
    op.create_table(
        "revision",
        sa.Column("site_id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("programme", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("lon", sa.Double(), nullable=False),
        sa.Column("lat", sa.Double(), nullable=False),
        sa.Column("capacity", sa.Integer(), nullable=True, comment="poor families it can serve; nobody knows: null"),
        sa.Column("closed", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column(
            "block",
            sa.Text(),
            nullable=True,
            comment="code of the block it stood in when this was written; null between blocks",
        ),
        sa.CheckConstraint("lon BETWEEN -180 AND 180 AND lat BETWEEN -90 AND 90", name="revision_place_check"),
        sa.CheckConstraint("capacity >= 0", name="revision_capacity_check"),
        sa.CheckConstraint("site_id <> '' AND programme <> '' AND name <> ''", name="revision_named_check"),
        sa.ForeignKeyConstraint(["version"], ["site.version.version"], name="revision_version_fkey"),
        sa.PrimaryKeyConstraint("site_id", "version", name="revision_pkey"),
        schema="site",
        comment="what each version says of the sites it changed; of the others the newest older row holds",
    )
    op.execute(RIGHTS)
    for table in GROWING:
        op.execute(
            f"CREATE TRIGGER only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION trust.only_grows()"
        )


def downgrade() -> None:
    """Take them away again; the sites are lost."""
    op.execute("DROP SCHEMA site CASCADE")
