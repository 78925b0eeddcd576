"""What people decided on referrals, in the casework store: each on one version of a referral, none lost or doubled."""

from __future__ import annotations

import json
import uuid
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, exists, insert, select, update
from sqlalchemy.exc import IntegrityError

from charter.council.worklist_settings import DISPOSITIONS
from charter.errors import UsageError
from serving.identity import Identity
from serving.store.audit_log import Act, AuditLog
from serving.store.connection import begin_reading
from serving.store.issued import ConflictError, Decision, DecisionDraft, write_moment
from serving.store.proof import digest_decision
from serving.store.sealing_at_rest import name_note
from serving.store.tables import BELOW, decisions, referrals, undone

__all__ = ["DECIDED_MEANWHILE", "UNDO_MINUTES", "Decisions"]

DECIDED_MEANWHILE = (
    "Somebody else changed this case since you opened it, so your decision was not filed.",
    "Open the case again, see what changed, and decide then.",
)
"""What somebody is told whose decision was made on another version, and what to do next."""


UNDO_MINUTES = 5
"""For so long whoever made a decision can take it back."""

_STANDS: ColumnElement[bool] = ~exists().where(
    and_(undone.c.referral == decisions.c.referral, undone.c.version == decisions.c.version)
)


class Decisions(AuditLog):
    """The decisions that people made."""

    def decide(
        self,
        identity: Identity,
        referral_id: str,
        draft: DecisionDraft,
        *,
        own_view: str = "",
        key: str | None = None,
        at: datetime | None = None,
    ) -> Decision:
        """File a person's decision on the draft's version of a referral, with its log entry.

        `own_view` is what they would have done before they saw the reasons. The same `key` again returns the decision
        already made. Raises UsageError for an unknown disposition or referral, or a key used for something else;
        ConflictError if the referral changed since that version.
        """
        if draft.disposition not in DISPOSITIONS:
            raise UsageError(f"{draft.disposition!r} is no decision.", f"Choose one of: {', '.join(DISPOSITIONS)}.")
        moment = write_moment(at)
        decision = Decision(
            referral_id,
            draft.version,
            draft.disposition,
            draft.reason,
            draft.note,
            own_view,
            draft.reference,
            identity.user,
            identity.role,
            moment,
            moment if draft.disposition == "taken_up" else None,
            draft.until or None,
        )
        key = key or uuid.uuid4().hex
        try:
            with self._acting() as act:
                before = self._by_key(act.connection, key)
                if before is not None:
                    return _same_decision(before, decision)
                self._decide(act, decision, key)
        except IntegrityError:
            # Another worker filed it between our look and our insert: say which of the two cases it was.
            with begin_reading(self._engine) as connection:
                before = self._by_key(connection, key)
            if before is not None:
                return _same_decision(before, decision)
            raise ConflictError(*DECIDED_MEANWHILE) from None
        return decision

    def can_undo(self, identity: Identity, referral_id: str, now: datetime | None = None) -> Decision | None:
        """Return the decision that somebody may still take back: their own, the case's last, a few minutes old."""
        standing = self.decisions(referral_id)
        if not standing or standing[-1].actor != identity.user:
            return None
        age = (now or datetime.now(UTC)) - datetime.fromisoformat(standing[-1].decided_at)
        with begin_reading(self._engine) as connection:
            version = connection.execute(
                select(referrals.c.version).where(referrals.c.id == referral_id, referrals.c.removed == "")
            ).scalar()
        last = version == standing[-1].version + 1
        return standing[-1] if last and age <= timedelta(minutes=UNDO_MINUTES) else None

    def undo(self, identity: Identity, referral_id: str, now: datetime | None = None) -> Decision:
        """Take back somebody's own decision: the case is as it was before; both stay in the log.

        Raises UsageError where it is too late or another's, ConflictError where somebody changed the case meanwhile.
        """
        decision = self.can_undo(identity, referral_id, now)
        if decision is None:
            raise UsageError(
                f"Only your own last decision can be taken back, and only for {UNDO_MINUTES} minutes.",
                "Decide again: the newest decision counts.",
            )
        before = self.decisions(referral_id)[:-1]
        with self._acting() as act:
            changed = act.connection.execute(
                update(referrals)
                .where(referrals.c.id == referral_id, referrals.c.version == decision.version + 1)
                .values(status=before[-1].disposition if before else "new", version=decision.version + 2)
            )
            if changed.rowcount != 1:
                raise ConflictError(*DECIDED_MEANWHILE)
            row = {"referral": referral_id, "version": decision.version, "actor": identity.user,
                   "role": identity.role, "at": write_moment(now)}  # fmt: skip
            act.connection.execute(insert(undone), row)
            act.log(
                actor=identity.user, role=identity.role, action="referral.undone", subject=referral_id,
                purpose="rank", detail={"version": decision.version, "disposition": decision.disposition},
            )  # fmt: skip
        return decision

    def _decide(self, act: Act, decision: Decision, key: str) -> None:
        changed = act.connection.execute(
            update(referrals)
            .where(
                referrals.c.id == decision.referral,
                referrals.c.version == decision.version,
                referrals.c.removed == "",
                referrals.c.status != BELOW,
            )
            .values(status=decision.disposition, version=decision.version + 1)
        )
        if changed.rowcount != 1:
            row = act.connection.execute(
                select(referrals.c.id).where(referrals.c.id == decision.referral)
            ).one_or_none()
            if row is None:
                raise UsageError("there is no such referral.", "Go back to the worklist.")
            raise ConflictError(*DECIDED_MEANWHILE)
        note = self._seals.seal_text(name_note(decision.referral, decision.version), decision.note)
        act.connection.execute(
            insert(decisions), {**asdict(decision), "note": note, "actor_kind": "person", "key": key}
        )
        record = act.connection.execute(select(referrals.c.digest).where(referrals.c.id == decision.referral)).scalar()
        # The note may say anything about the family, so the log holds that there is one and not what it says.
        act.log(
            actor=decision.actor,
            role=decision.role,
            action="referral.decided",
            subject=decision.referral,
            purpose="rank",
            detail={
                "version": decision.version,
                "disposition": decision.disposition,
                "reason": decision.reason,
                "note": bool(decision.note),
                "decision": digest_decision(self._key, decision),
                "record": record,
            },
        )

    def was_filed(self, key: str) -> bool:
        """Whether a decision was filed with this key."""
        with begin_reading(self._engine) as connection:
            return self._by_key(connection, key) is not None

    def _by_key(self, connection: Connection, key: str) -> Decision | None:
        row = connection.execute(select(decisions).where(decisions.c.key == key, _STANDS)).one_or_none()
        return self._read_decision(row) if row is not None else None

    def _read_decision(self, row: Row[Any]) -> Decision:
        decision = Decision(**{name: row._mapping[name] for name in Decision.__dataclass_fields__})
        note = self._seals.unseal_text(name_note(decision.referral, decision.version), decision.note)
        return replace(decision, note=note)

    def decisions(self, referral_id: str | None = None, programme: str | None = None) -> list[Decision]:
        """Return the decisions that stand, in the order they were made: of one referral, or of a whole programme."""
        wanted = select(decisions).where(_STANDS).order_by(decisions.c.id)
        if referral_id is not None:
            wanted = wanted.where(decisions.c.referral == referral_id)
        if programme is not None:
            wanted = wanted.join(referrals, referrals.c.id == decisions.c.referral).where(
                referrals.c.programme == programme
            )
        with begin_reading(self._engine) as connection:
            return [self._read_decision(row) for row in connection.execute(wanted)]

    def actions(self, programme: str) -> list[dict[str, str]]:
        """Return the rows of contract `actions`: what was decided on which entity of which list."""
        wanted = (
            select(
                referrals.c.entity,
                referrals.c.list,
                decisions.c.disposition,
                decisions.c.decided_at,
                decisions.c.offered_at,
            )
            .join(referrals, referrals.c.id == decisions.c.referral)
            .where(referrals.c.programme == programme, _STANDS)
            .order_by(decisions.c.id)
        )
        with begin_reading(self._engine) as connection:
            rows = connection.execute(wanted).all()
        return [
            {
                "entity": row.entity,
                "list": row.list,
                "disposition": row.disposition,
                "decided_at": row.decided_at,
                "offered_at": row.offered_at or "",
                "known_at": row.decided_at,
            }
            for row in rows
        ]

    def reviews(self, programme: str) -> list[dict[str, str]]:
        """Return the rows of contract `reviews`: each household's newest blind view, by list; unsure is no view."""
        views = {"offer": "help", "wait": "no_help"}
        with begin_reading(self._engine) as connection:
            entries = {row.subject: row for row in connection.execute(self._blind())}
            wanted = select(referrals.c.id, referrals.c.entity, referrals.c.list).where(
                referrals.c.programme == programme, referrals.c.removed == "", referrals.c.id.in_(list(entries))
            )
            standing = {row.id: row for row in connection.execute(wanted)}
        return [
            {"entity": standing[name].entity, "list": standing[name].list, "view": views[view], "known_at": entry.at}
            for name, entry in entries.items()
            if name in standing and (view := str(json.loads(entry.detail)["view"])) in views
        ]

    def wishes(self, day: str) -> frozenset[str]:
        """Return the households that said no and wish to be left alone beyond a day (ISO 8601), over all programmes."""
        wanted = (
            select(referrals.c.entity)
            .join(decisions, decisions.c.referral == referrals.c.id)
            .where(decisions.c.disposition == "family_said_no", decisions.c.until > day, _STANDS)
        )
        with begin_reading(self._engine) as connection:
            return frozenset(connection.execute(wanted).scalars())

    def last_dispositions(self, since: datetime) -> list[tuple[str, str, str]]:
        """Return (entity, disposition, decided_at) of all decisions since a moment, over all programmes."""
        wanted = (
            select(referrals.c.entity, decisions.c.disposition, decisions.c.decided_at)
            .join(referrals, referrals.c.id == decisions.c.referral)
            .where(decisions.c.decided_at >= write_moment(since), _STANDS)
            .order_by(decisions.c.id)
        )
        with begin_reading(self._engine) as connection:
            return [(row.entity, row.disposition, row.decided_at) for row in connection.execute(wanted)]


def _same_decision(before: Decision, decision: Decision) -> Decision:
    same = ("referral", "version", "disposition", "reason", "note", "actor", "until")
    if any(getattr(before, name) != getattr(decision, name) for name in same):
        raise UsageError("this idempotency key was used for another decision.", "Use a new key for each decision.")
    return before
