"""Sessions, invitations, access in an emergency, and counts for limits: who is signed in is the server's to say."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Make the tables; no row is read or changed. Whoever was signed in signs in again."""
    op.create_table(
        "sessions",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("way", sa.String(16), nullable=False),
        sa.Column("provider", sa.String(32), nullable=False, server_default=""),
        sa.Column("proof", sa.String(64)),
        sa.Column("actor", sa.String(64), nullable=False),
        sa.Column("role", sa.String(32), nullable=False),
        sa.Column("teams", sa.Text, nullable=False),
        sa.Column("began_at", sa.String(32), nullable=False),
        sa.Column("used_at", sa.String(32), nullable=False),
        sa.Column("asked_at", sa.String(32), nullable=False),
        sa.Column("vouched_at", sa.String(32), nullable=False),
        sa.Column("ends_at", sa.String(32), nullable=False),
        sa.Column("ended_at", sa.String(32), nullable=False, server_default=""),
        sa.Column("ended_why", sa.String(16), nullable=False, server_default=""),
        sa.Column("ended_by", sa.String(64), nullable=False, server_default=""),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_sessions"),
        sa.UniqueConstraint("proof", name="uq_sessions_proof"),
    )
    op.create_index("ix_sessions_actor", "sessions", ["actor"])
    op.create_index("ix_sessions_ended_at", "sessions", ["ended_at"])
    op.create_table(
        "invitations",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("code", sa.String(64), nullable=False),
        sa.Column("role", sa.String(32), nullable=False),
        sa.Column("teams", sa.Text, nullable=False),
        sa.Column("sponsor", sa.String(64), nullable=False),
        sa.Column("sponsor_role", sa.String(32), nullable=False),
        sa.Column("made_at", sa.String(32), nullable=False),
        sa.Column("ends_at", sa.String(32), nullable=False),
        sa.Column("subject", sa.String(64)),
        sa.Column("ended_at", sa.String(32), nullable=False, server_default=""),
        sa.Column("ended_by", sa.String(64), nullable=False, server_default=""),
        sa.PrimaryKeyConstraint("id", name="pk_invitations"),
        sa.UniqueConstraint("code", name="uq_invitations_code"),
        sa.UniqueConstraint("subject", name="uq_invitations_subject"),
    )
    op.create_table(
        "emergencies",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("code", sa.String(64), nullable=False),
        sa.Column("actor", sa.String(64), nullable=False),
        sa.Column("role", sa.String(32), nullable=False),
        sa.Column("teams", sa.Text, nullable=False),
        sa.Column("reason", sa.LargeBinary, nullable=False),
        sa.Column("opened_at", sa.String(32), nullable=False),
        sa.Column("ends_at", sa.String(32), nullable=False),
        sa.Column("used_at", sa.String(32), nullable=False, server_default=""),
        sa.Column("reviewed_at", sa.String(32), nullable=False, server_default=""),
        sa.Column("reviewed_by", sa.String(64), nullable=False, server_default=""),
        sa.Column("outcome", sa.String(16), nullable=False, server_default=""),
        sa.PrimaryKeyConstraint("id", name="pk_emergencies"),
        sa.UniqueConstraint("code", name="uq_emergencies_code"),
        sa.CheckConstraint("outcome IN ('', 'in_order', 'not_in_order')", name="ck_emergencies_outcome"),
        sa.CheckConstraint("reviewed_by = '' OR reviewed_by <> actor", name="ck_emergencies_somebody_else_reviews"),
    )
    op.create_table(
        "allowances",
        sa.Column("what", sa.String(32), nullable=False),
        sa.Column("who", sa.String(64), nullable=False),
        sa.Column("span", sa.String(16), nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("what", "who", "span", name="pk_allowances"),
    )
