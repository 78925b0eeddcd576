"""What goes out of the council, in the order in which it goes; what receivers report back; to whom a family agreed."""

import sqlalchemy as sa
from alembic import op

from serving.store.migrations.only_adding import forbid_changes

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the columns and make the tables; no row is read or changed."""
    op.add_column("agreements", sa.Column("receiver", sa.String(64), nullable=False, server_default=""))
    op.add_column("agreements", sa.Column("offers", sa.Text, nullable=False, server_default="[]"))
    op.create_table(
        "outbox",
        sa.Column("id", sa.Integer, autoincrement=True, nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("lane", sa.String(96), nullable=False),
        sa.Column("receiver", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("referral", sa.String(32), nullable=False),
        sa.Column("agreement", sa.Integer, nullable=False, server_default="0"),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("next_at", sa.String(32), nullable=False),
        sa.Column("claimed_until", sa.String(32), nullable=False, server_default=""),
        sa.Column("trouble", sa.String(200), nullable=False, server_default=""),
        sa.Column("receipt", sa.String(300), nullable=False, server_default=""),
        sa.Column("settled_at", sa.String(32), nullable=False, server_default=""),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
        sa.UniqueConstraint("name", name="uq_outbox_name"),
        sa.CheckConstraint(
            "state IN ('waiting', 'delivered', 'refused', 'given_up', 'cancelled')", name="ck_outbox_state"
        ),
    )
    op.create_index("ix_outbox_state_lane", "outbox", ["state", "lane"])
    op.create_index("ix_outbox_referral", "outbox", ["referral"])
    op.create_table(
        "outcomes",
        sa.Column("id", sa.Integer, autoincrement=True, nullable=False),
        sa.Column("key", sa.String(128), nullable=False),
        sa.Column("message", sa.String(64), nullable=False),
        sa.Column("referral", sa.String(32), nullable=False),
        sa.Column("receiver", sa.String(64), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("reference", sa.String(128), nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_outcomes"),
        sa.UniqueConstraint("key", name="uq_outcomes_key"),
        sa.CheckConstraint(
            "status IN ('received', 'accepted', 'declined', 'started', 'finished')", name="ck_outcomes_status"
        ),
    )
    op.create_index("ix_outcomes_referral", "outcomes", ["referral"])
    forbid_changes("outcomes")
