"""What a supervisor works with: third visits used up, closings, the prelist, and what waits on a phone by block."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0008"
down_revision: str | None = "0007"

WAITING = "how many of them wait by code of block, where the device says"

#: Tables that hold counts.
COUNTED = ("delta", "tally", "tally_cell", "tally_day")

FUNCTIONS = """
DROP FUNCTION intake.vector(text, text, boolean, bigint);
CREATE FUNCTION intake.vector(result text, origin text, closed boolean, cell bigint, visit smallint)
RETURNS TABLE (completed integer, new integer, partial integer, not_met integer, refused integer, not_found integer,
               moved integer, deceased integer, ineligible integer, dropped integer, closed integer, located integer,
               spent integer)
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
       ($4 IS NOT NULL)::integer,
       ($1 IN ('partial', 'not_met', 'refused') AND NOT $3 AND coalesce($5, 0) >= 3)::integer
$$;
COMMENT ON FUNCTION intake.vector IS 'What one household adds to a tally; the only definition of it';

CREATE FUNCTION intake.closed(household text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
SELECT coalesce((
    SELECT c.closed AND NOT EXISTS (
        SELECT FROM intake.submission s
        WHERE s.household_id = c.household_id AND s.revision > c.revision AND s.result NOT IN ('refused', 'not_met')
    )
    FROM intake.closing c WHERE c.household_id = $1 ORDER BY c.place DESC LIMIT 1
), false)
$$;
COMMENT ON FUNCTION intake.closed IS
    'Whether a household is closed: so the newest act says, and no later record says that somebody was met';

REVOKE ALL ON FUNCTION intake.vector(text, text, boolean, bigint, smallint), intake.closed(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION intake.vector(text, text, boolean, bigint, smallint), intake.closed(text) TO cakupan_worker;
"""

#: Third visits that were used up before they were counted. The instant is long ago: nothing arrived just now.
COUNT = """
INSERT INTO intake.delta (number, cell, day, spent, last_at)
SELECT number, coalesce(ground.cell_parent(cell, 10), 0), day, count(*), to_timestamp(0)
FROM intake.household
WHERE result IN ('partial', 'not_met', 'refused') AND NOT closed AND visit >= 3
GROUP BY 1, 2, 3
"""

RIGHTS = """
GRANT SELECT, INSERT ON intake.closing TO cakupan_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON ground.prelist TO cakupan_worker;
GRANT SELECT ON intake.closing, ground.prelist, ground.footprint TO cakupan_internal;
ALTER TABLE intake.closing ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE ground.prelist ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY worker ON intake.closing TO cakupan_worker USING (true) WITH CHECK (true);
CREATE POLICY worker ON ground.prelist TO cakupan_worker USING (true) WITH CHECK (true);
CREATE POLICY in_scope ON intake.closing FOR SELECT TO cakupan_internal USING (number <@ (SELECT trust.scope()));
CREATE POLICY in_scope ON ground.prelist FOR SELECT TO cakupan_internal
    USING (edition_id = (SELECT c.edition_id FROM ground.campaign c) AND number <@ (SELECT trust.scope()));
"""

#: As it was before.
UNDO = """
DROP FUNCTION intake.vector(text, text, boolean, bigint, smallint);
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
DROP FUNCTION intake.closed(text);
"""


def upgrade() -> None:
    """Make tables, columns and functions, and count what was used up before."""
    for table in COUNTED:
        op.add_column(
            table, sa.Column("spent", sa.Integer(), server_default=sa.text("0"), nullable=False), schema="intake"
        )
    op.add_column("heartbeat", sa.Column("blocks", JSONB(), nullable=True, comment=WAITING), schema="intake")
    op.create_table(
        "closing",
        sa.Column(
            "closing_id", sa.Uuid(), nullable=False, comment="made by who decides: the same act sent twice is one"
        ),
        sa.Column("place", sa.BigInteger(), sa.Identity(), nullable=False, comment="order of the acts"),
        sa.Column("household_id", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False, comment="of the household when it was decided"),
        sa.Column("number", sa.Integer(), nullable=False, comment="block in which it counted then"),
        sa.Column("closed", sa.Boolean(), nullable=False, comment="false: an earlier closing is undone"),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True, comment="in that person's words"),
        sa.Column("actor", sa.Integer(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "reason IN ('refused_for_good', 'absent_until_the_end', 'no_access', 'unsafe', 'moved_away_unconfirmed', "
            "'other')",
            name="closing_reason_check",
        ),
        sa.CheckConstraint("closed = (reason IS NOT NULL)", name="closing_why_check"),
        sa.PrimaryKeyConstraint("closing_id", name="closing_pkey"),
        comment="refusals and non-contacts closed by a supervisor, and undone; appended to, never changed",
        schema="intake",
    )
    op.create_index("closing_household_ix", "closing", ["household_id", "place"], schema="intake")
    op.create_table(
        "prelist",
        sa.Column("edition_id", sa.Integer(), nullable=False),
        sa.Column("household_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False, comment="block it is listed in"),
        sa.Column("building", sa.Text(), nullable=True, comment="number of the building, as printed"),
        sa.Column("sequence", sa.Integer(), nullable=True, comment="of the family in its building or block"),
        sa.ForeignKeyConstraint(
            ["edition_id"], ["ground.edition.edition_id"], name="prelist_edition_id_fkey", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("edition_id", "household_id", name="prelist_pkey"),
        comment="families that should be found, without names",
        schema="ground",
    )
    op.create_index("prelist_number_ix", "prelist", ["edition_id", "number", "household_id"], schema="ground")
    op.create_index(
        "household_open_ix",
        "household",
        ["number", "household_id"],
        schema="intake",
        postgresql_where=sa.text("result IN ('partial', 'not_met', 'refused')"),
    )
    op.execute(FUNCTIONS)
    op.execute(COUNT)
    op.execute(RIGHTS)


def downgrade() -> None:
    """Take them away again; closings are lost, and what they closed is open."""
    op.execute("DELETE FROM intake.delta WHERE last_at = to_timestamp(0)")
    op.execute(UNDO)
    op.execute("REVOKE SELECT ON ground.footprint FROM cakupan_internal")
    op.drop_index("household_open_ix", table_name="household", schema="intake")
    op.drop_table("prelist", schema="ground")
    op.drop_table("closing", schema="intake")
    op.drop_column("heartbeat", "blocks", schema="intake")
    for table in COUNTED:
        op.drop_column(table, "spent", schema="intake")
