"""Indexes for lists: single households page by one, which serves all that the one by number alone did; own rows held back."""

from alembic import op

revision = "0006"
down_revision: str | None = "0005"


def upgrade() -> None:
    """Make them."""
    op.drop_index("household_number_ix", table_name="household", schema="intake")
    op.create_index("household_number_ix", "household", ["number", "household_id"], schema="intake")
    op.create_index("quarantine_actor_ix", "quarantine", ["actor"], schema="intake")


def downgrade() -> None:
    """As it was before."""
    op.drop_index("quarantine_actor_ix", table_name="quarantine", schema="intake")
    op.drop_index("household_number_ix", table_name="household", schema="intake")
    op.create_index("household_number_ix", "household", ["number"], schema="intake")
