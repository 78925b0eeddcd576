"""Until when a case is deferred, what was undone, and sealed papers: what was typed, and how a list was filtered."""

import sqlalchemy as sa
from alembic import op

from serving.store.migrations.only_adding import forbid_changes

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the column and make the tables; no row is read or changed."""
    op.add_column("decisions", sa.Column("until", sa.String(10)))
    op.create_table(
        "undone",
        sa.Column("referral", sa.String(32), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("actor", sa.String(64), nullable=False),
        sa.Column("role", sa.String(32), nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("referral", "version", name="pk_undone"),
        sa.ForeignKeyConstraint(
            ["referral", "version"], ["decisions.referral", "decisions.version"], name="fk_undone_decision"
        ),
    )
    op.create_table(
        "papers",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("actor", sa.String(64), nullable=False),
        sa.Column("referral", sa.String(32), nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_papers"),
    )
    op.create_index("ix_papers_referral", "papers", ["referral"])
    op.create_index("ix_papers_kind_actor", "papers", ["kind", "actor"])
    forbid_changes("undone")
