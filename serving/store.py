"""The casework store: issued lists, referrals, decisions and the audit log, each act and its entry in one transaction.

Reviewers may work at the same time: a decision names the version of the referral it was made on, and the second of
two on the same version is told so (`ConflictError`) instead of being lost. A decision sent twice with one key is made
once. Every process writes its own chain of the log (charter.log).
"""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Row, and_, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError, OperationalError

from charter.errors import SoonerError, UsageError
from charter.log import Anchor, Entry, anchor, follow, verify
from serving.database import reading, writing
from serving.identity import Identity
from serving.tables import BELOW, DISPOSITIONS, anchors, audit, decisions, lists, members, referrals

__all__ = ["ConflictError", "Decision", "IssuedList", "Referral", "Store", "now_text"]

_ANCHOR_EVERY = 100


class ConflictError(SoonerError):
    """Somebody else changed the case since it was shown."""

    exit_code = 11


@dataclass(frozen=True)
class IssuedList:
    """One list of one team. Times are UTC in ISO 8601; `excluded` says whom it left out and why, by entity."""

    programme: str
    id: str
    team: str
    as_of: str
    issued_at: str
    expires_at: str
    capacity: int
    eligible: int
    excluded: Mapping[str, str]
    snapshot: str
    matrix: str
    bundle: str


@dataclass(frozen=True)
class Referral:
    """One household on a list; `sealed` is the record of what was shown (serving.sealed), `digest` its sha256."""

    id: str
    programme: str
    list: str
    team: str
    entity: str
    rank: int
    margin: float
    band: str
    arm: str
    snapshot: str
    matrix: str
    bundle: str
    sealed: bytes
    digest: str
    status: str = "new"
    version: int = 1
    removed: str = ""


@dataclass(frozen=True)
class Decision:
    """What a person decided on one version of a referral."""

    referral: str
    version: int
    disposition: str
    reason: str
    note: str
    own_view: str
    reference: str
    actor: str
    role: str
    decided_at: str
    offered_at: str | None


def now_text(moment: datetime | None = None) -> str:
    """Return a moment (default: now) as the database keeps it: UTC in ISO 8601 with microseconds."""
    return (moment or datetime.now(UTC)).astimezone(UTC).isoformat(timespec="microseconds")


@dataclass
class _Act:
    """One transaction, and the end of the process's chain of the log within it."""

    connection: Connection
    chain: str
    last: Entry | None
    key: bytes

    def log(
        self,
        *,
        actor: str,
        role: str,
        action: str,
        subject: str,
        purpose: str,
        detail: Mapping[str, Any] | None = None,
    ) -> Entry:
        """Add an entry to the log, in this transaction."""
        entry = follow(
            self.last,
            chain=self.chain,
            actor=actor,
            role=role,
            action=action,
            subject=subject,
            purpose=purpose,
            detail=detail,
        )
        row = {**asdict(entry), "detail": json.dumps(dict(entry.detail), sort_keys=True)}
        self.connection.execute(insert(audit), row)
        if self.key and entry.number % _ANCHOR_EVERY == 1:
            _anchor(self.connection, entry, self.key)
        self.last = entry
        return entry


def _anchor(connection: Connection, last: Entry, key: bytes) -> None:
    signed = anchor([last], key)
    heads = {chain: list(head) for chain, head in signed.heads.items()}
    connection.execute(insert(anchors), {"at": signed.at, "heads": json.dumps(heads), "signature": signed.signature})


class Store:
    """The casework database as one process uses it; safe to share between threads.

    `key` signs the anchors of the log; without it none are written.
    """

    def __init__(self, engine: Engine, *, chain: str = "worker", key: bytes = b"") -> None:
        self._engine = engine
        self._chain = f"{chain}-{uuid.uuid4().hex[:12]}"
        self._key = key
        self._last: Entry | None = None
        self._writer = threading.Lock()

    @contextmanager
    def _acting(self) -> Iterator[_Act]:
        """Give one transaction and the end of this process's chain; the chain moves on only if it is committed."""
        with self._writer:
            with writing(self._engine) as connection:
                act = _Act(connection, self._chain, self._last, self._key)
                yield act
            self._last = act.last

    def answers(self) -> bool:
        """Whether the database can be read now."""
        try:
            with reading(self._engine) as connection:
                return connection.execute(select(lists.c.id).limit(1)).all() is not None
        except OperationalError:
            return False

    # Lists

    def issue(self, issued: Sequence[tuple[IssuedList, Sequence[tuple[Referral, Sequence[str]]]]], actor: str) -> int:
        """File new lists with their referrals and members, all or none; return how many lists were new.

        A list that is there already is left as it is.
        """
        new = 0
        with self._acting() as act:
            for header, rows in issued:
                if self._list_row(act.connection, header.programme, header.id) is not None:
                    continue
                act.connection.execute(insert(lists), {**asdict(header), "excluded": json.dumps(dict(header.excluded))})
                if rows:
                    act.connection.execute(insert(referrals), [asdict(referral) for referral, _ in rows])
                people = [{"referral": r.id, "person": person} for r, persons in rows for person in persons]
                if people:
                    act.connection.execute(insert(members), people)
                act.log(
                    actor=actor,
                    role="system",
                    action="list.issued",
                    subject=f"{header.programme}/{header.id}",
                    purpose="rank",
                    detail={
                        "referrals": sum(r.status != BELOW for r, _ in rows),
                        "bundle": header.bundle,
                        "matrix": header.matrix,
                    },
                )
                new += 1
        return new

    @staticmethod
    def _list_row(connection: Connection, programme: str, list_id: str) -> Row[Any] | None:
        return connection.execute(
            select(lists).where(lists.c.programme == programme, lists.c.id == list_id)
        ).one_or_none()

    def lists(self, programme: str, team: str | None = None) -> list[IssuedList]:
        """Return the issued lists of a programme (of one team), newest first."""
        wanted = select(lists).where(lists.c.programme == programme)
        if team is not None:
            wanted = wanted.where(lists.c.team == team)
        with reading(self._engine) as connection:
            rows = connection.execute(wanted.order_by(lists.c.as_of.desc(), lists.c.id)).all()
        return [_issued_list(row) for row in rows]

    def issued_list(self, programme: str, list_id: str) -> IssuedList | None:
        """Return one list, or None."""
        with reading(self._engine) as connection:
            row = self._list_row(connection, programme, list_id)
        return _issued_list(row) if row is not None else None

    def current_list(self, programme: str, team: str) -> IssuedList | None:
        """Return the team's newest list, or None."""
        newest = self.lists(programme, team)
        return newest[0] if newest else None

    def running_elsewhere(self, programme: str, moment: str) -> list[IssuedList]:
        """Return the lists of every other programme that still hold at `moment` (UTC, ISO 8601)."""
        wanted = select(lists).where(lists.c.programme != programme, lists.c.expires_at > moment)
        with reading(self._engine) as connection:
            rows = connection.execute(wanted.order_by(lists.c.programme, lists.c.id)).all()
        return [_issued_list(row) for row in rows]

    # Referrals

    def referrals(self, programme: str, list_id: str) -> list[Referral]:
        """Return the referrals of a list in their order, those removed since among them."""
        return self._listed(programme, list_id, referrals.c.status != BELOW)

    def below(self, programme: str, list_id: str) -> list[Referral]:
        """Return what was kept of households just below the line of a list, for a second look alone."""
        return self._listed(programme, list_id, referrals.c.status == BELOW)

    def _listed(self, programme: str, list_id: str, which: ColumnElement[bool]) -> list[Referral]:
        wanted = select(referrals).where(referrals.c.programme == programme, referrals.c.list == list_id, which)
        with reading(self._engine) as connection:
            return [Referral(**row._mapping) for row in connection.execute(wanted.order_by(referrals.c.rank))]

    def referral(self, referral_id: str) -> Referral | None:
        """Return one referral, or None."""
        with reading(self._engine) as connection:
            wanted = select(referrals).where(referrals.c.id == referral_id, referrals.c.status != BELOW)
            row = connection.execute(wanted).one_or_none()
        return Referral(**row._mapping) if row is not None else None

    def members(self, referral_id: str) -> tuple[str, ...]:
        """Return the pseudonyms of who lived in the household when it was referred, in order."""
        wanted = select(members.c.person).where(members.c.referral == referral_id).order_by(members.c.person)
        with reading(self._engine) as connection:
            return tuple(connection.execute(wanted).scalars())

    def remove(self, persons: Iterable[str], why: str, actor: str) -> int:
        """Take every referral of these people off its list; the sealed record stays. Return how many were removed.

        What was only kept for a second look was never issued, so it is deleted.
        """
        wanted = sorted(set(persons))
        if not wanted:
            return 0
        removed = 0
        with self._acting() as act:
            found = act.connection.execute(
                select(referrals.c.id, referrals.c.status)
                .join(members, members.c.referral == referrals.c.id)
                .where(members.c.person.in_(wanted), referrals.c.removed == "")
                .distinct()
                .order_by(referrals.c.id)
            ).all()
            for row in found:
                mine = referrals.c.id == row.id
                if row.status == BELOW:
                    act.connection.execute(delete(members).where(members.c.referral == row.id))
                    act.connection.execute(delete(referrals).where(mine))
                else:
                    act.connection.execute(
                        update(referrals).where(mine).values(removed=why, version=referrals.c.version + 1)
                    )
                    removed += 1
                act.log(
                    actor=actor,
                    role="system",
                    action="second_look.deleted" if row.status == BELOW else "referral.removed",
                    subject=row.id,
                    purpose="rank",
                    detail={"why": why},
                )
        return removed

    # Decisions

    def decide(
        self,
        identity: Identity,
        referral_id: str,
        *,
        version: int,
        disposition: str,
        reason: str,
        note: str = "",
        own_view: str = "",
        reference: str = "",
        key: str | None = None,
        at: datetime | None = None,
    ) -> Decision:
        """File a person's decision on `version` of a referral, with its log entry.

        The same `key` again returns the decision already made. Raises UsageError for an unknown disposition or
        referral, or a key used for something else; ConflictError if the referral changed since that version.
        """
        if disposition not in DISPOSITIONS:
            raise UsageError(f"{disposition!r} is no decision.", f"Choose one of: {', '.join(DISPOSITIONS)}.")
        moment = now_text(at)
        decision = Decision(
            referral_id,
            version,
            disposition,
            reason,
            note,
            own_view,
            reference,
            identity.user,
            identity.role,
            moment,
            moment if disposition == "taken_up" else None,
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
            with reading(self._engine) as connection:
                before = self._by_key(connection, key)
            if before is not None:
                return _same_decision(before, decision)
            raise _changed() from None
        return decision

    @staticmethod
    def _decide(act: _Act, decision: Decision, key: str) -> None:
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
            known = act.connection.execute(
                select(referrals.c.id).where(referrals.c.id == decision.referral)
            ).one_or_none()
            if known is None:
                raise UsageError("there is no such referral.", "Go back to the worklist.")
            raise _changed()
        act.connection.execute(insert(decisions), {**asdict(decision), "actor_kind": "person", "key": key})
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
            },
        )

    @staticmethod
    def _by_key(connection: Connection, key: str) -> Decision | None:
        row = connection.execute(select(decisions).where(decisions.c.key == key)).one_or_none()
        return _decision(row) if row is not None else None

    def decisions(self, referral_id: str | None = None, programme: str | None = None) -> list[Decision]:
        """Return decisions in the order they were made: of one referral, or of a whole programme."""
        wanted = select(decisions).order_by(decisions.c.id)
        if referral_id is not None:
            wanted = wanted.where(decisions.c.referral == referral_id)
        if programme is not None:
            wanted = wanted.join(referrals, referrals.c.id == decisions.c.referral).where(
                referrals.c.programme == programme
            )
        with reading(self._engine) as connection:
            return [_decision(row) for row in connection.execute(wanted)]

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
            .where(referrals.c.programme == programme)
            .order_by(decisions.c.id)
        )
        with reading(self._engine) as connection:
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

    def last_dispositions(self, since: datetime) -> list[tuple[str, str, str]]:
        """Return (entity, disposition, decided_at) of all decisions since a moment, over all programmes."""
        wanted = (
            select(referrals.c.entity, decisions.c.disposition, decisions.c.decided_at)
            .join(referrals, referrals.c.id == decisions.c.referral)
            .where(decisions.c.decided_at >= now_text(since))
            .order_by(decisions.c.id)
        )
        with reading(self._engine) as connection:
            return [(row.entity, row.disposition, row.decided_at) for row in connection.execute(wanted)]

    def counts(self, programme: str) -> dict[str, dict[str, int]]:
        """Return how many referrals of each team's newest list are in each state: per team, never per worker."""
        newest = (
            select(lists.c.team, func.max(lists.c.as_of).label("as_of"))
            .where(lists.c.programme == programme)
            .group_by(lists.c.team)
            .subquery()
        )
        wanted = (
            select(referrals.c.team, referrals.c.status, func.count())
            .join(lists, and_(lists.c.programme == referrals.c.programme, lists.c.id == referrals.c.list))
            .join(newest, and_(newest.c.team == lists.c.team, newest.c.as_of == lists.c.as_of))
            .where(referrals.c.programme == programme, referrals.c.removed == "", referrals.c.status != BELOW)
            .group_by(referrals.c.team, referrals.c.status)
        )
        found: dict[str, dict[str, int]] = {}
        with reading(self._engine) as connection:
            for team, status, number in connection.execute(wanted):
                found.setdefault(team, {})[status] = number
        return found

    # Tracing

    def touched(self, **by: str) -> list[Referral]:
        """Return the referrals whose columns have these values (bundle=..., snapshot=..., entity=...), in order."""
        wanted = select(referrals).where(referrals.c.status != BELOW)
        wanted = wanted.order_by(referrals.c.programme, referrals.c.list, referrals.c.rank)
        for column, value in by.items():
            wanted = wanted.where(referrals.c[column] == value)
        with reading(self._engine) as connection:
            return [Referral(**row._mapping) for row in connection.execute(wanted)]

    # The log

    def log(
        self,
        identity: Identity,
        action: str,
        *,
        subject: str = "",
        purpose: str = "",
        detail: Mapping[str, Any] | None = None,
    ) -> Entry:
        """Add one entry to the audit log; it is on disk when this returns."""
        with self._acting() as act:
            return act.log(
                actor=identity.user,
                role=identity.role,
                action=action,
                subject=subject,
                purpose=purpose,
                detail=detail,
            )

    def own_view(self, identity: Identity, referral_id: str) -> str | None:
        """Return the view a reviewer gave of a case before seeing the reasons, or None."""
        detail = self._said(identity, "own_view.given", referral_id)
        return str(detail["view"]) if detail else None

    def knows_family(self, identity: Identity, referral_id: str) -> bool:
        """Whether a reviewer said that they know this family, so that somebody else must decide."""
        return self._said(identity, "conflict.declared", referral_id) is not None

    def last_done(self, identity: Identity, action: str) -> str | None:
        """Return when a person last did `action` (UTC, ISO 8601), or None."""
        wanted = select(func.max(audit.c.at)).where(audit.c.action == action, audit.c.actor == identity.user)
        with reading(self._engine) as connection:
            return connection.execute(wanted).scalar()

    def _said(self, identity: Identity, action: str, referral_id: str) -> Mapping[str, Any] | None:
        wanted = (
            select(audit.c.detail)
            .where(audit.c.action == action, audit.c.subject == referral_id, audit.c.actor == identity.user)
            .order_by(audit.c.at)
        )
        with reading(self._engine) as connection:
            detail = connection.execute(wanted).scalars().first()
        found: Mapping[str, Any] | None = json.loads(detail) if detail else None
        return found

    def second_looks(self, referral_ids: Sequence[str]) -> dict[str, str]:
        """Return the view that a manager gave of each case at a second look, the newest of each."""
        wanted = (
            select(audit.c.subject, audit.c.detail)
            .where(audit.c.action == "second_look.given", audit.c.subject.in_(list(referral_ids)))
            .order_by(audit.c.at)
        )
        with reading(self._engine) as connection:
            return {row.subject: str(json.loads(row.detail)["view"]) for row in connection.execute(wanted)}

    def conflicts(self, referral_ids: Sequence[str]) -> dict[str, int]:
        """Return how many reviewers said that they know the family, by referral."""
        wanted = (
            select(audit.c.subject, func.count())
            .where(audit.c.action == "conflict.declared", audit.c.subject.in_(list(referral_ids)))
            .group_by(audit.c.subject)
        )
        with reading(self._engine) as connection:
            return {row.subject: int(row[1]) for row in connection.execute(wanted)}

    def close(self) -> None:
        """Sign how far this process's chain came, and let go of the database."""
        with self._writer:
            if self._key and self._last is not None:
                with writing(self._engine) as connection:
                    _anchor(connection, self._last, self._key)
        self._engine.dispose()

    def entries(self) -> list[Entry]:
        """Return all entries of the audit log, by chain and number."""
        with reading(self._engine) as connection:
            rows = connection.execute(select(audit).order_by(audit.c.chain, audit.c.number)).all()
        return [Entry(**{**row._mapping, "detail": json.loads(row.detail)}) for row in rows]

    def verify_log(self) -> Mapping[str, int]:
        """Return how many entries each chain of the log holds; raise DataError where it was tampered with."""
        with reading(self._engine) as connection:
            rows = connection.execute(select(anchors).order_by(anchors.c.id)).all()
        signed = [
            Anchor(row.at, {c: (int(n), str(d)) for c, (n, d) in json.loads(row.heads).items()}, row.signature)
            for row in rows
        ]
        return verify(self.entries(), signed if self._key else (), self._key)


def _issued_list(row: Row[Any]) -> IssuedList:
    return IssuedList(**{**row._mapping, "excluded": json.loads(row.excluded)})


def _decision(row: Row[Any]) -> Decision:
    kept = {name: row._mapping[name] for name in Decision.__dataclass_fields__}
    return Decision(**kept)


def _changed() -> ConflictError:
    return ConflictError(
        "Somebody else changed this case since you opened it, so your decision was not filed.",
        "Open the case again, see what changed, and decide then.",
    )


def _same_decision(before: Decision, decision: Decision) -> Decision:
    same = ("referral", "version", "disposition", "reason", "note", "actor")
    if any(getattr(before, name) != getattr(decision, name) for name in same):
        raise UsageError("this idempotency key was used for another decision.", "Use a new key for each decision.")
    return before
