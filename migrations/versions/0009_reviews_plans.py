"""What supervisors decide and plan: reviews of doubts and proposals, plans of a day, and the key of the draw."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import INT4MULTIRANGE, JSONB

revision = "0009"
down_revision: str | None = "0008"

DRAW = "decides who is drawn for a second interview; nobody may foresee it"

#: A plan is seen by those who answer for all blocks of its team.
RIGHTS = """
GRANT SELECT, INSERT ON intake.review, intake.plan TO cakupan_worker;
GRANT SELECT ON intake.review, intake.plan TO cakupan_internal;
ALTER TABLE intake.review ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE intake.plan ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY worker ON intake.review TO cakupan_worker USING (true) WITH CHECK (true);
CREATE POLICY worker ON intake.plan TO cakupan_worker USING (true) WITH CHECK (true);
CREATE POLICY in_scope ON intake.review FOR SELECT TO cakupan_internal USING (number <@ (SELECT trust.scope()));
CREATE POLICY in_scope ON intake.plan FOR SELECT TO cakupan_internal USING (numbers <@ (SELECT trust.scope()));
"""


def upgrade() -> None:
    """Make tables and the key."""
    op.add_column(
        "campaign",
        sa.Column(
            "draw_key",
            sa.LargeBinary(),
            server_default=sa.text("uuid_send(gen_random_uuid())"),
            nullable=False,
            comment=DRAW,
        ),
        schema="ground",
    )
    op.create_table(
        "review",
        sa.Column(
            "review_id", sa.Uuid(), nullable=False, comment="made by who decides: the same act sent twice is one"
        ),
        sa.Column("place", sa.BigInteger(), sa.Identity(), nullable=False, comment="order of the acts"),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column(
            "about",
            sa.Text(),
            nullable=False,
            comment="name of the flag or proposal, or the household visited once more",
        ),
        sa.Column("number", sa.Integer(), nullable=False, comment="block it lies in"),
        sa.Column("decision", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True, comment="in that person's words"),
        sa.Column("actor", sa.Integer(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("subject IN ('flag', 'proposal', 'reinterview')", name="review_subject_check"),
        sa.CheckConstraint(
            "decision IN ('explained', 'revisit', 'reopened', 'accepted', 'rejected', 'agrees', 'differs', "
            "'not_reached')",
            name="review_decision_check",
        ),
        sa.PrimaryKeyConstraint("review_id", name="review_pkey"),
        comment="what people decided on doubts and proposals; appended to, never changed",
        schema="intake",
    )
    op.create_index("review_about_ix", "review", ["subject", "about", "place"], schema="intake")
    op.create_index("review_number_ix", "review", ["number"], schema="intake")
    op.create_table(
        "plan",
        sa.Column(
            "plan_id", sa.Uuid(), nullable=False, comment="made by who saves it: the same plan sent twice is one"
        ),
        sa.Column(
            "place", sa.BigInteger(), sa.Identity(), nullable=False, comment="order of saving: the newest counts"
        ),
        sa.Column("supervisor", sa.Text(), nullable=False, comment="account name"),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column(
            "numbers",
            INT4MULTIRANGE(),
            nullable=False,
            comment="blocks of the team it is for: who answers for all of them sees it",
        ),
        sa.Column(
            "routes",
            JSONB(),
            nullable=True,
            comment="stops of each enumerator in walking order; null: the proposal stands",
        ),
        sa.Column("actor", sa.Integer(), nullable=False),
        sa.Column("saved_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("NOT isempty(numbers)", name="plan_numbers_check"),
        sa.PrimaryKeyConstraint("plan_id", name="plan_pkey"),
        comment="plans of a day as supervisors changed them; appended to, never changed",
        schema="intake",
    )
    op.create_index("plan_day_ix", "plan", ["supervisor", "day", "place"], schema="intake")
    op.execute(RIGHTS)


def downgrade() -> None:
    """Take them away again; what was decided and planned is lost."""
    op.drop_table("plan", schema="intake")
    op.drop_table("review", schema="intake")
    op.drop_column("campaign", "draw_key", schema="ground")
