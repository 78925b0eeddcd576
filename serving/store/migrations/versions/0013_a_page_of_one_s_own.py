"""Released copies that one person opens with a code: sealed under it, by a digest of it, for some days."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Make the table; no row is read or changed."""
    op.create_table(
        "own_pages",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("export", sa.String(64), nullable=False),
        sa.Column("person", sa.String(64), nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("released_role", sa.String(32), nullable=False),
        sa.Column("ends_at", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_own_pages"),
    )
    op.create_index("ix_own_pages_person", "own_pages", ["person"])
