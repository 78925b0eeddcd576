"""The audit log as one process writes it: each act and its entry in one transaction, in a chain of its own.

Every process writes its own chain (charter.vault.log), so that no two wait for each other; signed anchors join them.
"""

from __future__ import annotations

import json
import logging
import threading
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import (
    BindParameter,
    CompoundSelect,
    Connection,
    Engine,
    Row,
    Select,
    and_,
    bindparam,
    func,
    insert,
    or_,
    select,
    union,
)

from charter.errors import DataError
from charter.vault.anchors import Anchors
from charter.vault.log import Anchor, Entry, LoggedAct, anchor_chains, follow_entry, verify_chains
from serving.identity import Identity
from serving.store.connection import PreparedQuery, begin_reading, begin_writing
from serving.store.issued import Referral
from serving.store.sealing_at_rest import Seals, name_record
from serving.store.tables import anchors, audit, members, referrals

__all__ = ["NEED_SEEN", "Act", "AuditLog", "find_monday"]

NEED_SEEN = "need.seen"
"""What the log calls it where somebody says that they see a need at a look below the line."""

_ANCHOR_EVERY = 100
_NEED_WAS_SEEN = ("taken_up", "stepped_up", "family_said_no")
"""What becomes of a case only where somebody saw a need."""
_DETAIL = list(Entry.__dataclass_fields__).index("detail")
_ADD_ENTRY = insert(audit)
_SEALED = list(Referral.__dataclass_fields__).index("sealed")
_LOG = logging.getLogger("sooner.log")


@dataclass
class Act:
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
        entry = follow_entry(
            self.last, self.chain, LoggedAct(actor, role, action, subject, purpose, detail or {}), key=self.key
        )
        row = {**vars(entry), "detail": json.dumps(dict(entry.detail), sort_keys=True)}
        self.connection.execute(_ADD_ENTRY, row)
        if self.key and entry.number % _ANCHOR_EVERY == 1:
            _anchor(self.connection, entry, self.key)
        self.last = entry
        return entry


def find_monday(day: date) -> date:
    """Return the Monday of a day's week."""
    return day - timedelta(days=day.weekday())


def _anchor(connection: Connection, last: Entry, key: bytes) -> None:
    signed = anchor_chains([last], key)
    heads = {chain: list(head) for chain, head in signed.heads.items()}
    connection.execute(insert(anchors), {"at": signed.at, "heads": json.dumps(heads), "signature": signed.signature})


def _read_entry(row: Row[Any]) -> Entry:
    return Entry(**{**row._mapping, "detail": _read_detail(row.detail)})


def _fill_entry(fields: tuple[Any, ...]) -> Entry:
    return Entry(*fields)


def _read_detail(text: str) -> Mapping[str, Any]:
    """Return an entry's detail; one that is no JSON any more as what its digest can't be."""
    try:
        detail = json.loads(text)
    except (ValueError, TypeError, RecursionError):
        detail = None
    return detail if isinstance(detail, dict) else {"unreadable": text}


def _read_heads(text: str) -> Mapping[str, tuple[int, str]]:
    try:
        return {str(chain): (int(number), str(digest)) for chain, (number, digest) in json.loads(text).items()}
    except (ValueError, TypeError, AttributeError):
        return {}


def _select_kin(families: frozenset[str]) -> CompoundSelect[Any]:
    """Select every referral that shares a person, or the household itself, with one of `families`."""
    declared, listed = members.alias("declared"), members.alias("listed")
    before, since = referrals.alias("before"), referrals.alias("since")
    by_person = (
        select(listed.c.referral)
        .join(declared, declared.c.person == listed.c.person)
        .where(declared.c.referral.in_(families))
    )
    by_household = select(since.c.id).join(before, before.c.entity == since.c.entity).where(before.c.id.in_(families))
    return union(by_person, by_household)


def _select_conflicts() -> Select[Any]:
    """Select how many people declared a conflict about each of `referrals`, on it or on a list of the same people."""
    declared, listed = members.alias("declared"), members.alias("listed")
    said = audit.c.action == "conflict.declared"
    wanted: BindParameter[Any] = bindparam("referrals", expanding=True)
    here = select(audit.c.subject.label("referral"), audit.c.actor).where(said, audit.c.subject.in_(wanted))
    elsewhere = (
        select(listed.c.referral, audit.c.actor)
        .join(declared, declared.c.referral == audit.c.subject)
        .join(listed, listed.c.person == declared.c.person)
        .where(said, listed.c.referral.in_(wanted))
    )
    both = here.union(elsewhere).subquery()
    return select(both.c.referral, func.count()).group_by(both.c.referral)


_CONFLICTS = PreparedQuery(_select_conflicts())
_DECLARED = PreparedQuery(
    select(audit.c.subject).where(audit.c.action == "conflict.declared", audit.c.actor == bindparam("actor"))
)


def _anchor_outside(anchors: Anchors, last: Entry) -> None:
    """Anchor what was committed; what can't be written now is covered by the next line, and never undoes the act."""
    try:
        anchors.add({last.chain: (last.number, last.digest)})
    except (DataError, OSError) as error:
        _LOG.error("an entry of the audit log is not anchored outside yet: %s", error)


class AuditLog:
    """The end of the log that one process writes; safe to share between threads.

    `key` seals entries, notes and records, and signs the anchors; without it nothing is sealed or anchored. `anchors`
    are those outside the database: each group of entries is anchored there once it is committed.
    """

    def _read_referral(self, row: Row[Any]) -> Referral:
        # By position, the columns being the fields in their order: a page reads a list's sixty.
        sealed = self._seals.unseal_bytes(name_record(row[0]), row[_SEALED])
        values: tuple[Any, ...] = (*row[:_SEALED], sealed, *row[_SEALED + 1 :])
        return Referral(*values)

    def __init__(
        self, engine: Engine, *, chain: str = "worker", key: bytes = b"", anchors: Anchors | None = None
    ) -> None:
        self._engine = engine
        self._anchors = anchors
        self._seals = Seals(key)
        self._chain = f"{chain}-{uuid.uuid4().hex[:12]}"
        self._key = key
        self._last: Entry | None = None
        self._writer = threading.Lock()

    @contextmanager
    def _acting(self) -> Iterator[Act]:
        """Give one transaction and the end of this process's chain; the chain moves on only if it is committed."""
        with self._writer:
            with begin_writing(self._engine) as connection:
                act = Act(connection, self._chain, self._last, self._key)
                yield act
            if self._anchors is not None and act.last is not self._last and act.last is not None:
                _anchor_outside(self._anchors, act.last)
            self._last = act.last

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

    def needs_seen(self, referral_ids: Sequence[str]) -> frozenset[str]:
        """Return the looks below the line, of these referrals, at which a need was seen, or help offered at once."""
        if not referral_ids:
            return frozenset()
        entries = select(audit.c.subject).where(audit.c.action == NEED_SEEN, audit.c.subject.in_(list(referral_ids)))
        cases = select(referrals.c.id).where(
            referrals.c.id.in_(list(referral_ids)), referrals.c.status.in_(_NEED_WAS_SEEN)
        )
        with begin_reading(self._engine) as connection:
            return frozenset(connection.execute(union(entries, cases)).scalars())

    def knows_family(self, identity: Identity, referral_id: str) -> bool:
        """Whether a reviewer said that they know this family, on whichever list, so that somebody else must decide."""
        return referral_id in self.families_known(identity)

    def families_known(self, identity: Identity) -> frozenset[str]:
        """Return every referral, past and present, of whoever lived in a household that a reviewer said they know.

        A conflict of interest is about people: it follows each of them to another list, programme or household.
        """
        with begin_reading(self._engine) as connection:
            families = frozenset(row.subject for row in _DECLARED.ask(connection, {"actor": identity.user}))
            if not families:
                return families
            return families | {row[0] for row in connection.execute(_select_kin(families))}

    def persons_known(self, identity: Identity) -> frozenset[str]:
        """Return the pseudonyms of whoever lived in a household that a reviewer said they know."""
        families = self.families_known(identity)
        with begin_reading(self._engine) as connection:
            query = select(members.c.person).where(members.c.referral.in_(families)).distinct()
            return frozenset(connection.execute(query).scalars())

    def refresh_asked(self, programme: str, list_id: str) -> str | None:
        """Return when a manager asked for a new list before this one ends (UTC, ISO 8601), or None."""
        query = select(func.min(audit.c.at)).where(
            audit.c.action == "refresh.asked", audit.c.subject == f"{programme}/{list_id}"
        )
        with begin_reading(self._engine) as connection:
            return connection.execute(query).scalar()

    def set_places(self, identity: Identity, programme: str, team: str, monday: date, places: int, why: str) -> None:
        """Note how many places a team's list of a week has."""
        detail = {"places": places, "why": why}
        self.log(identity, "places.set", subject=f"{programme}/{team}/{monday}", purpose="rank", detail=detail)

    def places_set(self, programme: str, team: str, day: date) -> int | None:
        """Return how many places were last said for the week of a day, or None where nobody said any."""
        query = (
            select(audit.c.detail)
            .where(
                audit.c.action == "places.set",
                audit.c.subject == f"{programme}/{team}/{find_monday(day)}",
            )
            .order_by(audit.c.at.desc())
            .limit(1)
        )
        with begin_reading(self._engine) as connection:
            detail = connection.execute(query).scalar()
        return int(json.loads(detail)["places"]) if detail else None

    def last_done(self, identity: Identity, action: str) -> str | None:
        """Return when a person last did `action` (UTC, ISO 8601), or None."""
        query = select(func.max(audit.c.at)).where(audit.c.action == action, audit.c.actor == identity.user)
        with begin_reading(self._engine) as connection:
            return connection.execute(query).scalar()

    def count_acts(self, actor: str, since: str, until: str) -> dict[str, int]:
        """Return how often somebody did each thing between two moments (UTC, ISO 8601)."""
        query = (
            select(audit.c.action, func.count())
            .where(audit.c.actor == actor, audit.c.at >= since, audit.c.at < until)
            .group_by(audit.c.action)
        )
        with begin_reading(self._engine) as connection:
            return {row[0]: int(row[1]) for row in connection.execute(query)}

    def entries_at(self, heads: Mapping[str, tuple[int, str]]) -> list[Entry]:
        """Return the entry of each chain that has the number of its head, where there is one."""
        with begin_reading(self._engine) as connection:
            rows = [
                connection.execute(select(audit).where(audit.c.chain == chain, audit.c.number == number)).one_or_none()
                for chain, (number, _) in heads.items()
            ]
        return [_read_entry(row) for row in rows if row is not None]

    def done(self, action: str) -> list[Entry]:
        """Return every entry of one action, oldest first."""
        query = select(audit).where(audit.c.action == action).order_by(audit.c.at, audit.c.chain, audit.c.number)
        with begin_reading(self._engine) as connection:
            return [_read_entry(row) for row in connection.execute(query)]

    def _said(self, identity: Identity, action: str, referral_id: str) -> Mapping[str, Any] | None:
        query = (
            select(audit.c.detail)
            .where(audit.c.action == action, audit.c.subject == referral_id, audit.c.actor == identity.user)
            .order_by(audit.c.at)
        )
        with begin_reading(self._engine) as connection:
            detail = connection.execute(query).scalars().first()
        statement: Mapping[str, Any] | None = json.loads(detail) if detail else None
        return statement

    def second_looks(self, referral_ids: Sequence[str]) -> dict[str, str]:
        """Return the view that a manager gave of each case at a second look, the newest of each."""
        query = (
            select(audit.c.subject, audit.c.detail)
            .where(audit.c.action == "second_look.given", audit.c.subject.in_(list(referral_ids)))
            .order_by(audit.c.at)
        )
        with begin_reading(self._engine) as connection:
            return {row.subject: str(json.loads(row.detail)["view"]) for row in connection.execute(query)}

    def blind_views(self, referral_ids: Sequence[str]) -> dict[str, str]:
        """Return what was said of each case by somebody who did not know who was listed, the newest of each."""
        with begin_reading(self._engine) as connection:
            rows = connection.execute(self._blind().where(audit.c.subject.in_(list(referral_ids)))).all()
        return {row.subject: str(json.loads(row.detail)["view"]) for row in rows}

    @staticmethod
    def _blind() -> Select[tuple[str, str, str]]:
        """Select subject, detail and time of all blind views, oldest first.

        Of second looks only those below the line are drawn whatever was decided, so only they count.
        """
        below = and_(audit.c.action == "second_look.given", audit.c.detail.contains('"kind": "below"'))
        return (
            select(audit.c.subject, audit.c.detail, audit.c.at)
            .where(or_(audit.c.action == "review.given", below))
            .order_by(audit.c.at, audit.c.chain, audit.c.number)
        )

    def conflicts(self, referral_ids: Sequence[str]) -> dict[str, int]:
        """Return how many reviewers said that they know the family, by referral, wherever they said it."""
        with begin_reading(self._engine) as connection:
            rows = _CONFLICTS.ask(connection, {"referrals": list(referral_ids)})
            return {row.referral: int(row[1]) for row in rows}

    def close(self) -> None:
        """Sign how far this process's chain came, and let go of the database."""
        with self._writer:
            if self._key and self._last is not None:
                with begin_writing(self._engine) as connection:
                    _anchor(connection, self._last, self._key)
        self._engine.dispose()

    def entries(self) -> list[Entry]:
        """Return all entries of the audit log, by chain and number."""
        columns = [audit.c[name] for name in Entry.__dataclass_fields__]
        with begin_reading(self._engine) as connection:
            rows = connection.execute(select(*columns).order_by(audit.c.chain, audit.c.number)).all()
        # By position, in the order of the fields: there may be hundreds of thousands.
        return [_fill_entry((*row[:_DETAIL], _read_detail(row[_DETAIL]), *row[_DETAIL + 1 :])) for row in rows]

    def verify_log(self) -> Mapping[str, int]:
        """Return how many entries each chain of the log holds; raise DataError where it was tampered with."""
        return verify_chains(self.entries(), self.signed_anchors() if self._key else (), self._key, entry_key=self._key)

    def signed_anchors(self) -> list[Anchor]:
        """Return the anchors inside the database, as they are."""
        with begin_reading(self._engine) as connection:
            rows = connection.execute(select(anchors).order_by(anchors.c.id)).all()
        return [Anchor(row.at, _read_heads(row.heads), row.signature) for row in rows]
