"""What follows from a decision: what a family agreed to share or took back, and records that were said to be wrong."""

import sqlalchemy as sa
from alembic import op

from serving.store.migrations.only_adding import forbid_changes

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the tables; no row is read or changed."""
    op.create_table(
        "agreements",
        sa.Column("id", sa.Integer, autoincrement=True, nullable=False),
        sa.Column("referral", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("shared", sa.Text, nullable=False),
        sa.Column("recipient", sa.String(128), nullable=False),
        sa.Column("until", sa.String(10), nullable=False),
        sa.Column("actor", sa.String(64), nullable=False),
        sa.Column("role", sa.String(32), nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_agreements"),
        sa.ForeignKeyConstraint(["referral"], ["referrals.id"], name="fk_agreements_referral"),
        sa.CheckConstraint("kind IN ('agreed', 'withdrawn')", name="ck_agreements_kind"),
    )
    op.create_index("ix_agreements_referral", "agreements", ["referral"])
    op.create_table(
        "reports",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("referral", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("service", sa.String(64), nullable=False),
        sa.Column("person", sa.String(64), nullable=False),
        sa.Column("actor", sa.String(64), nullable=False),
        sa.Column("role", sa.String(32), nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False, server_default=""),
        sa.Column("answered_at", sa.String(32), nullable=False, server_default=""),
        sa.Column("answered_role", sa.String(32), nullable=False, server_default=""),
        sa.PrimaryKeyConstraint("id", name="pk_reports"),
        sa.ForeignKeyConstraint(["referral"], ["referrals.id"], name="fk_reports_referral"),
        sa.CheckConstraint("kind IN ('wrong_record', 'somebody_else')", name="ck_reports_kind"),
    )
    op.create_index("ix_reports_referral", "reports", ["referral"])
    op.create_index("ix_reports_kind_outcome", "reports", ["kind", "outcome"])
    forbid_changes("agreements")
