"""An index of the audit log by what was done and by whom: asked at each opening of a list."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the index; no row is read or changed."""
    op.create_index("ix_audit_action_actor", "audit", ["action", "actor"])
