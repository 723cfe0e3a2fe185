"""What a person decided on a row held back; names of accounts beside what they sent."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision: str | None = "0003"

#: Two columns only: hashes of passwords stay out of the internal login's reach.
RIGHTS = "GRANT SELECT (account_id, name) ON trust.account TO cakupan_internal"
UNDO = "REVOKE SELECT (account_id, name) ON trust.account FROM cakupan_internal"

BEFORE = "block it would count in, 0 where unknown"
NUMBER = "of its area: the block, else where its sender works, else 0"


def upgrade() -> None:
    """Add columns, checks, the index of what is open, and the right to read names."""
    for column in (
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resolved_by", sa.Integer(), nullable=True, comment="account of the person who decided"),
        sa.Column("note", sa.Text(), nullable=True, comment="why, in that person's words"),
        sa.Column("submission_id", sa.Uuid(), nullable=True, comment="of what was stored instead"),
    ):
        op.add_column("quarantine", column, schema="intake")
    op.alter_column("quarantine", "number", comment=NUMBER, schema="intake")
    op.create_check_constraint(
        op.f("quarantine_state_check"), "quarantine", "state IN ('open', 'resolved', 'rejected')", schema="intake"
    )
    op.create_check_constraint(
        op.f("quarantine_resolved_check"), "quarantine", "(state = 'open') = (resolved_at IS NULL)", schema="intake"
    )
    op.create_index(
        "quarantine_open_ix",
        "quarantine",
        ["quarantine_id"],
        unique=False,
        schema="intake",
        postgresql_where=sa.text("state = 'open'"),
    )
    op.execute(RIGHTS)


def downgrade() -> None:
    """Take them away again."""
    op.execute(UNDO)
    op.drop_index("quarantine_open_ix", table_name="quarantine", schema="intake")
    op.drop_constraint(op.f("quarantine_resolved_check"), "quarantine", schema="intake")
    op.drop_constraint(op.f("quarantine_state_check"), "quarantine", schema="intake")
    op.alter_column("quarantine", "number", comment=BEFORE, schema="intake")
    for column in ("submission_id", "note", "resolved_by", "resolved_at"):
        op.drop_column("quarantine", column, schema="intake")
