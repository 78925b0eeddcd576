"""An index of the log by what it is about and what was done: a case's page asks who looked at it, of a long log."""

from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Make the index; no row is read or changed."""
    op.create_index("ix_audit_subject_action", "audit", ["subject", "action"])
