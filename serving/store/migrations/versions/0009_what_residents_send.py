"""What residents send by the public forms: sealed, with its clock, until a role has answered it."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Make the table; no row is read or changed."""
    op.create_table(
        "resident_forms",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("acknowledged_at", sa.String(32), nullable=False, server_default=""),
        sa.Column("acknowledged_by", sa.String(64), nullable=False, server_default=""),
        sa.Column("answered_at", sa.String(32), nullable=False, server_default=""),
        sa.Column("answered_by", sa.String(64), nullable=False, server_default=""),
        sa.PrimaryKeyConstraint("id", name="pk_resident_forms"),
    )
    op.create_index("ix_resident_forms_at", "resident_forms", ["at"])
