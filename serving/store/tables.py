"""The tables of the casework database, as SQLAlchemy sees them; `migrations/` makes them.

    lists      one issued list of one team: what it was made from and until when it holds
    referrals  one household on a list, with the sealed record of what the worker was shown
    members    who lived in the household when it was referred: for objections, erasure and tracing faults
    decisions  what a person decided on a referral: one for each version of it, so that none is doubled
    undone     decisions that whoever made them took back at once
    agreements what a family agreed to share, with whom and until when, or took back
    reports    records that a worker said are wrong, or of somebody else, and how that was answered
    outbox     what goes out of the council, in order: to whom, how often it was tried, and its receipt
    after_help what became of help, in three answers given once; for evaluation, and never for a score
    outcomes   what receivers reported back of what they were sent
    papers     what somebody typed and has not sent, and how they filtered a list: sealed, one person's own
    audit      the audit log (charter.vault.log): rows can be added, never changed or removed
    anchors    signed heads of all chains of the log
    sessions   who is signed in, until when, and why they no longer are; what a provider gave is sealed
    invitations  guests: who invited them, in which role, until when
    resident_forms  what residents sent by the public forms: sealed, with who acknowledged and answered it, and when
    family_answers  what families said of our contact: counts alone, by team and quarter
    own_pages    released copies that one person opens with a code: sealed under it, by a digest of it, for some days
    emergencies  access in an emergency: for whom, why (sealed), until when, and what a review said
    allowances   how often somebody did a thing in a minute or a day, for limits
    readings     which different cases or addresses somebody asked for on a day, so that each counts once
    unusual_readings  days on which somebody read more than is usual, and what they said of it: sealed, for 90 days

The system can't be the actor of a decision: `actor_kind` admits `person` alone, and the database says so.
"""

from __future__ import annotations

from sqlalchemy import (
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from charter.council.worklist_settings import DISPOSITIONS

__all__ = [
    "BELOW",
    "after_help",
    "agreements",
    "allowances",
    "anchors",
    "audit",
    "decisions",
    "emergencies",
    "family_answers",
    "invitations",
    "lists",
    "members",
    "metadata",
    "outbox",
    "outcomes",
    "own_pages",
    "papers",
    "readings",
    "referrals",
    "reports",
    "resident_forms",
    "sessions",
    "undone",
    "unusual_readings",
]

BELOW = "below"
"""The status of a household just below the line: kept for a second look, on no list, and never decided on."""

metadata = MetaData(
    naming_convention={
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    }
)

# Times are UTC in ISO 8601 with microseconds: they sort as text and mean the same in both databases.
lists = Table(
    "lists",
    metadata,
    Column("programme", String(64), primary_key=True),
    Column("id", String(96), primary_key=True),
    Column("team", String(64), nullable=False, index=True),
    Column("as_of", String(10), nullable=False),
    Column("issued_at", String(32), nullable=False),
    Column("expires_at", String(32), nullable=False),
    Column("capacity", Integer, nullable=False),
    Column("eligible", Integer, nullable=False),
    Column("excluded", Text, nullable=False),
    Column("snapshot", String(64), nullable=False),
    Column("matrix", String(64), nullable=False),
    Column("bundle", String(64), nullable=False),
)

referrals = Table(
    "referrals",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("programme", String(64), nullable=False),
    Column("list", String(96), nullable=False),
    Column("team", String(64), nullable=False),
    Column("entity", String(64), nullable=False, index=True),
    Column("rank", Integer, nullable=False),
    Column("margin", Double, nullable=False),
    Column("band", String(32), nullable=False),
    Column("arm", String(16), nullable=False),
    Column("snapshot", String(64), nullable=False),
    Column("matrix", String(64), nullable=False),
    Column("bundle", String(64), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("status", String(32), nullable=False),
    Column("version", Integer, nullable=False),
    Column("removed", String(32), nullable=False, server_default=""),
    ForeignKeyConstraint(["programme", "list"], ["lists.programme", "lists.id"], name="fk_referrals_list"),
    UniqueConstraint("programme", "list", "entity"),
    CheckConstraint("arm IN ('ranked', 'random', 'control', 'baseline')", name="arm"),
)

members = Table(
    "members",
    metadata,
    Column("referral", String(32), ForeignKey("referrals.id"), primary_key=True),
    Column("person", String(64), primary_key=True, index=True),
)

decisions = Table(
    "decisions",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("referral", String(32), ForeignKey("referrals.id"), nullable=False, index=True),
    Column("version", Integer, nullable=False),
    Column("disposition", String(32), nullable=False),
    Column("reason", String(64), nullable=False),
    Column("note", Text, nullable=False),
    Column("own_view", String(32), nullable=False),
    Column("reference", String(128), nullable=False),
    Column("actor", String(64), nullable=False),
    Column("actor_kind", String(16), nullable=False),
    Column("role", String(32), nullable=False),
    Column("decided_at", String(32), nullable=False, index=True),
    Column("offered_at", String(32)),
    Column("key", String(128), nullable=False, unique=True),
    Column("until", String(10)),
    UniqueConstraint("referral", "version"),
    CheckConstraint("actor_kind = 'person'", name="a_person_decides"),
    CheckConstraint("actor <> ''", name="named_actor"),
    CheckConstraint(f"disposition IN ({', '.join(repr(name) for name in DISPOSITIONS)})", name="disposition"),
)

undone = Table(
    "undone",
    metadata,
    Column("referral", String(32), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("actor", String(64), nullable=False),
    Column("role", String(32), nullable=False),
    Column("at", String(32), nullable=False),
    ForeignKeyConstraint(
        ["referral", "version"], ["decisions.referral", "decisions.version"], name="fk_undone_decision"
    ),
)

papers = Table(
    "papers",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("actor", String(64), nullable=False),
    Column("referral", String(32), nullable=False, index=True),
    Column("at", String(32), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Index("ix_papers_kind_actor", "kind", "actor"),
)

agreements = Table(
    "agreements",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("referral", String(32), ForeignKey("referrals.id"), nullable=False, index=True),
    Column("kind", String(16), nullable=False),
    Column("shared", Text, nullable=False),
    Column("recipient", String(128), nullable=False),
    Column("until", String(10), nullable=False),
    Column("actor", String(64), nullable=False),
    Column("role", String(32), nullable=False),
    Column("at", String(32), nullable=False),
    Column("receiver", String(64), nullable=False, server_default=""),
    Column("offers", Text, nullable=False, server_default="[]"),
    CheckConstraint("kind IN ('agreed', 'withdrawn')", name="kind"),
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("name", String(64), nullable=False, unique=True),
    Column("lane", String(96), nullable=False),
    Column("receiver", String(64), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("referral", String(32), nullable=False, index=True),
    Column("agreement", Integer, nullable=False, server_default="0"),
    Column("at", String(32), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("next_at", String(32), nullable=False),
    Column("claimed_until", String(32), nullable=False, server_default=""),
    Column("trouble", String(200), nullable=False, server_default=""),
    Column("receipt", String(300), nullable=False, server_default=""),
    Column("settled_at", String(32), nullable=False, server_default=""),
    CheckConstraint("state IN ('waiting', 'delivered', 'refused', 'given_up', 'cancelled')", name="state"),
    Index("ix_outbox_state_lane", "state", "lane"),
)

outcomes = Table(
    "outcomes",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("key", String(128), nullable=False, unique=True),
    Column("message", String(64), nullable=False),
    Column("referral", String(32), nullable=False, index=True),
    Column("receiver", String(64), nullable=False),
    Column("status", String(16), nullable=False),
    Column("reference", String(128), nullable=False),
    Column("at", String(32), nullable=False),
    CheckConstraint("status IN ('received', 'accepted', 'declined', 'started', 'finished')", name="status"),
)

resident_forms = Table(
    "resident_forms",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("at", String(32), nullable=False, index=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("acknowledged_at", String(32), nullable=False, server_default=""),
    Column("acknowledged_by", String(64), nullable=False, server_default=""),
    Column("answered_at", String(32), nullable=False, server_default=""),
    Column("answered_by", String(64), nullable=False, server_default=""),
)

after_help = Table(
    "after_help",
    metadata,
    Column("referral", String(32), ForeignKey("referrals.id"), primary_key=True),
    Column("taken", String(16), nullable=False),
    Column("ended", String(16), nullable=False),
    Column("went", String(16), nullable=False),
    Column("step_down", String(32), nullable=False),
    Column("words", Text, nullable=False),
    Column("actor", String(64), nullable=False),
    Column("role", String(32), nullable=False),
    Column("at", String(32), nullable=False, index=True),
)

reports = Table(
    "reports",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("referral", String(32), ForeignKey("referrals.id"), nullable=False, index=True),
    Column("kind", String(16), nullable=False),
    Column("service", String(64), nullable=False),
    Column("person", String(64), nullable=False),
    Column("actor", String(64), nullable=False),
    Column("role", String(32), nullable=False),
    Column("at", String(32), nullable=False),
    Column("outcome", String(16), nullable=False, server_default=""),
    Column("answered_at", String(32), nullable=False, server_default=""),
    Column("answered_role", String(32), nullable=False, server_default=""),
    CheckConstraint("kind IN ('wrong_record', 'somebody_else')", name="kind"),
    Index("ix_reports_kind_outcome", "kind", "outcome"),
)

audit = Table(
    "audit",
    metadata,
    Column("chain", String(64), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", String(32), nullable=False, index=True),
    Column("actor", String(64), nullable=False),
    Column("role", String(32), nullable=False),
    Column("action", String(64), nullable=False),
    Column("subject", String(128), nullable=False, index=True),
    Column("purpose", String(64), nullable=False),
    Column("detail", Text, nullable=False),
    Column("previous", String(64), nullable=False),
    Column("digest", String(64), nullable=False),
    Index("ix_audit_action_actor", "action", "actor"),
    Index("ix_audit_subject_action", "subject", "action"),
)

anchors = Table(
    "anchors",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("at", String(32), nullable=False),
    Column("heads", Text, nullable=False),
    Column("signature", String(64), nullable=False),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("way", String(16), nullable=False),
    Column("provider", String(32), nullable=False, server_default=""),
    Column("proof", String(64), unique=True),
    Column("actor", String(64), nullable=False, index=True),
    Column("role", String(32), nullable=False),
    Column("teams", Text, nullable=False),
    Column("began_at", String(32), nullable=False),
    Column("used_at", String(32), nullable=False),
    Column("asked_at", String(32), nullable=False),
    Column("vouched_at", String(32), nullable=False),
    Column("ends_at", String(32), nullable=False),
    Column("ended_at", String(32), nullable=False, server_default="", index=True),
    Column("ended_why", String(16), nullable=False, server_default=""),
    Column("ended_by", String(64), nullable=False, server_default=""),
    Column("sealed", LargeBinary, nullable=False),
)

invitations = Table(
    "invitations",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("code", String(64), nullable=False, unique=True),
    Column("role", String(32), nullable=False),
    Column("teams", Text, nullable=False),
    Column("sponsor", String(64), nullable=False),
    Column("sponsor_role", String(32), nullable=False),
    Column("made_at", String(32), nullable=False),
    Column("ends_at", String(32), nullable=False),
    Column("subject", String(64), unique=True),
    Column("ended_at", String(32), nullable=False, server_default=""),
    Column("ended_by", String(64), nullable=False, server_default=""),
)

emergencies = Table(
    "emergencies",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("code", String(64), nullable=False, unique=True),
    Column("actor", String(64), nullable=False),
    Column("role", String(32), nullable=False),
    Column("teams", Text, nullable=False),
    Column("reason", LargeBinary, nullable=False),
    Column("opened_at", String(32), nullable=False),
    Column("ends_at", String(32), nullable=False),
    Column("used_at", String(32), nullable=False, server_default=""),
    Column("reviewed_at", String(32), nullable=False, server_default=""),
    Column("reviewed_by", String(64), nullable=False, server_default=""),
    Column("outcome", String(16), nullable=False, server_default=""),
    CheckConstraint("outcome IN ('', 'in_order', 'not_in_order')", name="outcome"),
    CheckConstraint("reviewed_by = '' OR reviewed_by <> actor", name="somebody_else_reviews"),
)

allowances = Table(
    "allowances",
    metadata,
    Column("what", String(32), primary_key=True),
    Column("who", String(64), primary_key=True),
    Column("span", String(16), primary_key=True),
    Column("count", Integer, nullable=False),
)

family_answers = Table(
    "family_answers",
    metadata,
    Column("programme", String(64), primary_key=True),
    Column("team", String(64), primary_key=True),
    Column("quarter", String(10), primary_key=True),
    Column("all_right", String(16), primary_key=True),
    Column("helped", String(16), primary_key=True),
    Column("group_named", String(64), primary_key=True),
    Column("number", Integer, nullable=False),
)

readings = Table(
    "readings",
    metadata,
    Column("day", String(10), primary_key=True),
    Column("what", String(16), primary_key=True),
    Column("who", String(64), primary_key=True),
    Column("subject", String(64), primary_key=True),
)

unusual_readings = Table(
    "unusual_readings",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("day", String(10), nullable=False),
    Column("what", String(16), nullable=False),
    Column("who", String(64), nullable=False),
    Column("role", String(32), nullable=False),
    Column("count", Integer, nullable=False),
    Column("usual", Integer, nullable=False),
    Column("reason", LargeBinary, nullable=False),
    Column("said_at", String(32), nullable=False, server_default=""),
    UniqueConstraint("who", "day", "what", name="uq_unusual_readings_who_day_what"),
)

own_pages = Table(
    "own_pages",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("export", String(64), nullable=False),
    Column("person", String(64), nullable=False, index=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("released_role", String(32), nullable=False),
    Column("ends_at", String(32), nullable=False),
)
