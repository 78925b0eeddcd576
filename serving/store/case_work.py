"""Who works on which case now: opened, picked, looked at lately; all of it lines of the audit log.

Nobody's work is counted from it: a page asks of one case, or of one's own cases, and never of a colleague's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, func, select

from serving.identity import Identity
from serving.store.audit_log import AuditLog
from serving.store.connection import PreparedQuery, begin_reading
from serving.store.issued import Referral, write_moment
from serving.store.tables import BELOW, audit, decisions, lists, referrals, undone

__all__ = ["OPEN_MINUTES", "CaseWork", "Opening", "write_cursor"]

OPEN_MINUTES = 15
"""Whoever looked at a case within so many minutes may have it open."""

_CHANGES = ("referral.decided", "referral.undone", "referral.transferred", "family.agreed", "family.withdrawn")
_PICKED, _LET_GO, _CLOSED = "referral.picked", "referral.let_go", "referral.closed"


def write_cursor(referral: Referral, at: str) -> str:
    """Return the cursor of a change: its moment without the zone, which is always UTC, and the referral."""
    return f"{at[:26]}/{referral.id}"


@dataclass(frozen=True)
class Opening:
    """Somebody else who may have a case open: their role, and when they looked (UTC, ISO 8601)."""

    role: str
    at: str


_TAKEN_BACK = (undone.c.referral == decisions.c.referral) & (undone.c.version == decisions.c.version)
_STANDING = PreparedQuery(
    select(decisions)
    .outerjoin(undone, _TAKEN_BACK)
    .where(decisions.c.referral.in_(bindparam("referrals", expanding=True)), undone.c.referral.is_(None))
    .order_by(decisions.c.id)
)
_HELD = PreparedQuery(
    select(audit.c.subject, audit.c.action, audit.c.actor, audit.c.role)
    .where(audit.c.action.in_((_PICKED, _LET_GO)), audit.c.subject.in_(bindparam("referrals", expanding=True)))
    .order_by(audit.c.at, audit.c.chain, audit.c.number)
)
_OPENED = PreparedQuery(
    select(audit.c.subject, audit.c.role, audit.c.at)
    .where(
        audit.c.at >= bindparam("since"), audit.c.action == "referral.viewed", audit.c.actor != bindparam("actor"),
        audit.c.subject.in_(bindparam("referrals", expanding=True)),
    )
    .order_by(audit.c.at)
)  # fmt: skip
_RETURNED = PreparedQuery(
    select(referrals)
    .join(decisions, (decisions.c.referral == referrals.c.id) & (decisions.c.until.is_not(None)))
    .outerjoin(undone, _TAKEN_BACK)
    .where(
        referrals.c.programme == bindparam("programme"), referrals.c.team == bindparam("team"),
        referrals.c.list != bindparam("list"), referrals.c.status == "deferred", referrals.c.removed == "",
        undone.c.referral.is_(None), decisions.c.until <= bindparam("today"),
    )
    .order_by(decisions.c.until, referrals.c.id)
)  # fmt: skip


class CaseWork(AuditLog):
    """What people have in hand."""

    def opened_by_others(
        self, identity: Identity, referral_ids: Sequence[str], now: datetime | None = None
    ) -> dict[str, Opening]:
        """Return who else looked at each case within OPEN_MINUTES, the newest look of each."""
        since = write_moment((now or datetime.now(UTC)) - timedelta(minutes=OPEN_MINUTES))
        values = {"since": since, "actor": identity.user, "referrals": list(referral_ids)}
        with begin_reading(self._engine) as connection:
            return {row.subject: Opening(row.role, row.at) for row in _OPENED.ask(connection, values)}

    def picks(self, referral_ids: Sequence[str]) -> dict[str, tuple[str, str]]:
        """Return who picked each case and holds it still: user and role."""
        holders: dict[str, tuple[str, str]] = {}
        with begin_reading(self._engine) as connection:
            for row in _HELD.ask(connection, {"referrals": list(referral_ids)}):
                if row.action == _PICKED:
                    holders[row.subject] = (row.actor, row.role)
                else:
                    holders.pop(row.subject, None)
        return holders

    def pick(self, identity: Identity, referral_id: str, *, let_go: bool = False) -> None:
        """Note that somebody picked a case, or lets it go."""
        self.log(identity, _LET_GO if let_go else _PICKED, subject=referral_id, purpose="rank")

    def did_lately(self, identity: Identity, action: str, subject: str = "", now: datetime | None = None) -> bool:
        """Whether somebody did something (to `subject`, where one is given) within the last minutes."""
        since = write_moment((now or datetime.now(UTC)) - timedelta(minutes=OPEN_MINUTES))
        wanted = select(audit.c.number).where(
            audit.c.action == action, audit.c.actor == identity.user, audit.c.at >= since
        )
        if subject:
            wanted = wanted.where(audit.c.subject == subject)
        with begin_reading(self._engine) as connection:
            return connection.execute(wanted.limit(1)).first() is not None

    def changes(self, programme: str, teams: Sequence[str], after: str, most: int) -> list[tuple[Referral, str]]:
        """Return referrals of some teams with the moment of their newest change, those after a cursor, oldest first.

        A cursor is a moment, or a moment and a referral (`write_cursor`). To be listed is a change too.
        """
        acted = (
            select(audit.c.subject, func.max(audit.c.at).label("at"))
            .where(audit.c.action.in_(_CHANGES))
            .group_by(audit.c.subject)
            .subquery()
        )
        of_list = (lists.c.programme == referrals.c.programme) & (lists.c.id == referrals.c.list)
        wanted = (
            select(referrals, lists.c.issued_at, acted.c.at)
            .join(lists, of_list)
            .outerjoin(acted, acted.c.subject == referrals.c.id)
            .where(
                referrals.c.programme == programme, referrals.c.team.in_(list(teams)), referrals.c.removed == "",
                referrals.c.status != BELOW,
            )
        )  # fmt: skip
        with begin_reading(self._engine) as connection:
            rows = connection.execute(wanted).all()
        fields = Referral.__dataclass_fields__
        changes = [
            (Referral(**{name: row._mapping[name] for name in fields}), max(row.issued_at, row.at or ""))
            for row in rows
        ]
        later = [(referral, at) for referral, at in changes if write_cursor(referral, at) > after]
        return sorted(later, key=lambda change: (change[1], change[0].id))[:most]

    def recent_cases(self, identity: Identity, programme: str, most: int = 5) -> list[Referral]:
        """Return the cases that somebody looked at last, newest first, those taken off left out."""
        newest = func.max(audit.c.at).label("at")
        seen = (
            select(audit.c.subject, newest)
            .where(audit.c.action == "referral.viewed", audit.c.actor == identity.user)
            .group_by(audit.c.subject)
            .order_by(newest.desc())
            .limit(4 * most)
            .subquery()
        )
        wanted = (
            select(referrals)
            .join(seen, seen.c.subject == referrals.c.id)
            .where(referrals.c.programme == programme, referrals.c.removed == "", referrals.c.status != BELOW)
            .order_by(seen.c.at.desc())
            .limit(most)
        )
        with begin_reading(self._engine) as connection:
            return [self._read_referral(row) for row in connection.execute(wanted)]

    def own_cases(self, identity: Identity, programme: str) -> list[Referral]:
        """Return the cases that are somebody's own until they are closed: picked, or whose last decision is theirs."""
        picked = select(audit.c.subject).where(audit.c.action == _PICKED, audit.c.actor == identity.user)
        decided = select(decisions.c.referral).where(decisions.c.actor == identity.user)
        closed = select(audit.c.subject).where(audit.c.action == _CLOSED)
        wanted = select(referrals).where(
            referrals.c.programme == programme,
            referrals.c.removed == "",
            referrals.c.status.in_(("new", "deferred", "taken_up")),
            referrals.c.id.in_(picked.union(decided)),
            referrals.c.id.not_in(closed),
        )
        with begin_reading(self._engine) as connection:
            rows = [self._read_referral(row) for row in connection.execute(wanted.order_by(referrals.c.list.desc()))]
        holders = self.picks([referral.id for referral in rows])
        last = self._last_actors([referral.id for referral in rows])
        return [
            referral
            for referral in rows
            if holders.get(referral.id, ("", ""))[0] == identity.user
            or (referral.status != "new" and last.get(referral.id) == identity.user)
        ]

    def _last_actors(self, referral_ids: Sequence[str]) -> dict[str, str]:
        """Return who made the newest decision on each case that stands."""
        return {row.referral: row.actor for row in self._standing(referral_ids)}

    def due_days(self, referral_ids: Sequence[str]) -> dict[str, str]:
        """Return the day on which each deferred case returns (ISO 8601), by the newest decision that stands."""
        rows = {row.referral: row for row in self._standing(referral_ids)}
        return {name: row.until for name, row in rows.items() if row.disposition == "deferred" and row.until}

    def _standing(self, referral_ids: Sequence[str]) -> Sequence[Any]:
        """Return the decisions on some cases that were not taken back, oldest first."""
        with begin_reading(self._engine) as connection:
            return _STANDING.ask(connection, {"referrals": list(referral_ids)})

    def returned(self, programme: str, team: str, list_id: str, today: str) -> list[Referral]:
        """Return a team's deferred cases of other lists whose day has come, oldest day first."""
        values = {"programme": programme, "team": team, "list": list_id, "today": today}
        with begin_reading(self._engine) as connection:
            rows = [self._read_referral(row) for row in _RETURNED.ask(connection, values)]
        due = self.due_days([referral.id for referral in rows])
        unique = {referral.id: referral for referral in rows if due.get(referral.id, "9") <= today}
        return list(unique.values())
