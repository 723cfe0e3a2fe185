"""A clock that a simulated campaign can let run; assignments, footprints and heartbeats.

`ground.now()` is the campaign's time in SQL, as `Campaign.now()` is in Python: real, except where a simulation set it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision: str | None = "0002"

NOW = """
CREATE FUNCTION ground.now() RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE
RETURN coalesce((SELECT c.clock + (pg_catalog.now() - c.clock_at) * c.clock_speed FROM ground.campaign c),
                (SELECT c.clock FROM ground.campaign c), pg_catalog.now());
COMMENT ON FUNCTION ground.now IS 'The campaign''s time: real, except where a simulation has set its clock';
"""

RIGHTS = """
GRANT SELECT, INSERT, UPDATE, DELETE ON ground.footprint, ground.assignment, intake.heartbeat TO cakupan_worker;
GRANT SELECT ON intake.heartbeat TO cakupan_internal;
ALTER TABLE intake.heartbeat ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY worker ON intake.heartbeat TO cakupan_worker USING (true) WITH CHECK (true);
CREATE POLICY own ON intake.heartbeat FOR SELECT TO cakupan_internal USING (actor = (SELECT trust.actor()));
"""


def upgrade() -> None:
    """Add columns, tables, the function and their rights."""
    op.add_column("campaign", sa.Column("clock_at", sa.DateTime(timezone=True), nullable=True), schema="ground")
    op.add_column(
        "campaign",
        sa.Column(
            "clock_speed",
            sa.Double(),
            server_default=sa.text("0"),
            nullable=False,
            comment="seconds it gains in a real one",
        ),
        schema="ground",
    )
    op.execute(NOW)
    _tables()
    op.execute(RIGHTS)


def downgrade() -> None:
    """Take them away again."""
    for policy in ("worker", "own"):
        op.execute(f"DROP POLICY {policy} ON intake.heartbeat")
    op.drop_table("heartbeat", schema="intake")
    op.drop_table("assignment", schema="ground")
    op.drop_table("footprint", schema="ground")
    op.execute("DROP FUNCTION ground.now()")
    op.drop_column("campaign", "clock_speed", schema="ground")
    op.drop_column("campaign", "clock_at", schema="ground")


def _tables() -> None:
    op.create_table(
        "heartbeat",
        sa.Column("actor", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("queued", sa.Integer(), nullable=False, comment="submissions that wait on the device"),
        sa.Column("last_event_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("heard_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("queued >= 0", name="heartbeat_queued_check"),
        sa.PrimaryKeyConstraint("actor", "device", name="heartbeat_pkey"),
        schema="intake",
        comment="what each device last said of itself",
    )
    op.create_table(
        "assignment",
        sa.Column("edition_id", sa.Integer(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False, comment="of the block"),
        sa.Column("enumerator", sa.Text(), nullable=False, comment="account name"),
        sa.Column("supervisor", sa.Text(), nullable=True, comment="account name"),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.ForeignKeyConstraint(
            ["edition_id"], ["ground.edition.edition_id"], name="assignment_edition_id_fkey", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("edition_id", "code", name="assignment_pkey"),
        schema="ground",
    )
    op.create_index("assignment_enumerator_ix", "assignment", ["enumerator"], unique=False, schema="ground")
    op.create_index("assignment_supervisor_ix", "assignment", ["supervisor"], unique=False, schema="ground")
    op.create_table(
        "footprint",
        sa.Column("footprint_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("edition_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False, comment="block it lies in"),
        sa.Column("lon", sa.Double(), nullable=False),
        sa.Column("lat", sa.Double(), nullable=False),
        sa.Column("area_m2", sa.REAL(), nullable=False),
        sa.CheckConstraint("area_m2 > 0", name="footprint_area_check"),
        sa.ForeignKeyConstraint(
            ["edition_id"], ["ground.edition.edition_id"], name="footprint_edition_id_fkey", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("footprint_id", name="footprint_pkey"),
        schema="ground",
        comment="residential buildings, by a point inside and the ground they cover",
    )
    op.create_index("footprint_number_ix", "footprint", ["edition_id", "number"], unique=False, schema="ground")
