"""What became of help that a family took up: asked once of whoever worked the case; no score reads it."""

import sqlalchemy as sa
from alembic import op

from serving.store.migrations.only_adding import forbid_changes

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Make the table; no row is read or changed."""
    op.create_table(
        "after_help",
        sa.Column("referral", sa.String(32), nullable=False),
        sa.Column("taken", sa.String(16), nullable=False),
        sa.Column("ended", sa.String(16), nullable=False),
        sa.Column("went", sa.String(16), nullable=False),
        sa.Column("step_down", sa.String(32), nullable=False),
        sa.Column("words", sa.Text, nullable=False),
        sa.Column("actor", sa.String(64), nullable=False),
        sa.Column("role", sa.String(32), nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("referral", name="pk_after_help"),
        sa.ForeignKeyConstraint(["referral"], ["referrals.id"], name="fk_after_help_referral"),
    )
    op.create_index("ix_after_help_at", "after_help", ["at"])
    forbid_changes("after_help")
