"""What families say of our contact: counts by team and quarter, and no answer by itself."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Make the table; no row is read or changed."""
    op.create_table(
        "family_answers",
        sa.Column("programme", sa.String(64), nullable=False),
        sa.Column("team", sa.String(64), nullable=False),
        sa.Column("quarter", sa.String(10), nullable=False),
        sa.Column("all_right", sa.String(16), nullable=False),
        sa.Column("helped", sa.String(16), nullable=False),
        sa.Column("group_named", sa.String(64), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint(
            "programme", "team", "quarter", "all_right", "helped", "group_named", name="pk_family_answers"
        ),
    )
