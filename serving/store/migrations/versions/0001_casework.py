"""Lists, referrals, decisions and an audit log to which rows can only be added."""

import sqlalchemy as sa
from alembic import op

from serving.store.migrations.only_adding import forbid_changes

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables, then forbid changing or removing rows of the log and of decisions."""
    op.create_table(
        "lists",
        sa.Column("programme", sa.String(64), nullable=False),
        sa.Column("id", sa.String(96), nullable=False),
        sa.Column("team", sa.String(64), nullable=False),
        sa.Column("as_of", sa.String(10), nullable=False),
        sa.Column("issued_at", sa.String(32), nullable=False),
        sa.Column("expires_at", sa.String(32), nullable=False),
        sa.Column("capacity", sa.Integer, nullable=False),
        sa.Column("eligible", sa.Integer, nullable=False),
        sa.Column("excluded", sa.Text, nullable=False),
        sa.Column("snapshot", sa.String(64), nullable=False),
        sa.Column("matrix", sa.String(64), nullable=False),
        sa.Column("bundle", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("programme", "id", name="pk_lists"),
    )
    op.create_index("ix_lists_team", "lists", ["team"])
    op.create_table(
        "referrals",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("programme", sa.String(64), nullable=False),
        sa.Column("list", sa.String(96), nullable=False),
        sa.Column("team", sa.String(64), nullable=False),
        sa.Column("entity", sa.String(64), nullable=False),
        sa.Column("rank", sa.Integer, nullable=False),
        sa.Column("margin", sa.Double, nullable=False),
        sa.Column("band", sa.String(32), nullable=False),
        sa.Column("arm", sa.String(16), nullable=False),
        sa.Column("snapshot", sa.String(64), nullable=False),
        sa.Column("matrix", sa.String(64), nullable=False),
        sa.Column("bundle", sa.String(64), nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("removed", sa.String(32), nullable=False, server_default=""),
        sa.PrimaryKeyConstraint("id", name="pk_referrals"),
        sa.ForeignKeyConstraint(["programme", "list"], ["lists.programme", "lists.id"], name="fk_referrals_list"),
        sa.UniqueConstraint("programme", "list", "entity", name="uq_referrals_programme_list_entity"),
        sa.CheckConstraint("arm IN ('ranked', 'random', 'control', 'baseline')", name="ck_referrals_arm"),
    )
    op.create_index("ix_referrals_entity", "referrals", ["entity"])
    op.create_table(
        "members",
        sa.Column("referral", sa.String(32), nullable=False),
        sa.Column("person", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("referral", "person", name="pk_members"),
        sa.ForeignKeyConstraint(["referral"], ["referrals.id"], name="fk_members_referral"),
    )
    op.create_index("ix_members_person", "members", ["person"])
    op.create_table(
        "decisions",
        sa.Column("id", sa.Integer, autoincrement=True, nullable=False),
        sa.Column("referral", sa.String(32), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("disposition", sa.String(32), nullable=False),
        sa.Column("reason", sa.String(64), nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("own_view", sa.String(32), nullable=False),
        sa.Column("reference", sa.String(128), nullable=False),
        sa.Column("actor", sa.String(64), nullable=False),
        sa.Column("actor_kind", sa.String(16), nullable=False),
        sa.Column("role", sa.String(32), nullable=False),
        sa.Column("decided_at", sa.String(32), nullable=False),
        sa.Column("offered_at", sa.String(32)),
        sa.Column("key", sa.String(128), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_decisions"),
        sa.ForeignKeyConstraint(["referral"], ["referrals.id"], name="fk_decisions_referral"),
        sa.UniqueConstraint("key", name="uq_decisions_key"),
        sa.UniqueConstraint("referral", "version", name="uq_decisions_referral_version"),
        sa.CheckConstraint("actor_kind = 'person'", name="ck_decisions_a_person_decides"),
        sa.CheckConstraint("actor <> ''", name="ck_decisions_named_actor"),
        sa.CheckConstraint(
            "disposition IN ('taken_up', 'deferred', 'set_aside', 'stepped_up', 'wrong_data', 'already_supported', "
            "'family_said_no')",
            name="ck_decisions_disposition",
        ),
    )
    op.create_index("ix_decisions_referral", "decisions", ["referral"])
    op.create_index("ix_decisions_decided_at", "decisions", ["decided_at"])
    op.create_table(
        "audit",
        sa.Column("chain", sa.String(64), nullable=False),
        sa.Column("number", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("actor", sa.String(64), nullable=False),
        sa.Column("role", sa.String(32), nullable=False),
        sa.Column("action", sa.String(64), nullable=False),
        sa.Column("subject", sa.String(128), nullable=False),
        sa.Column("purpose", sa.String(64), nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("previous", sa.String(64), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("chain", "number", name="pk_audit"),
    )
    op.create_index("ix_audit_at", "audit", ["at"])
    op.create_index("ix_audit_subject", "audit", ["subject"])
    op.create_table(
        "anchors",
        sa.Column("id", sa.Integer, autoincrement=True, nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("heads", sa.Text, nullable=False),
        sa.Column("signature", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_anchors"),
    )
    for table in ("audit", "anchors", "decisions"):
        forbid_changes(table)
