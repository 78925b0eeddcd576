"""Days on which somebody read more than is usual: what they said of it, kept for 90 days, and no measure of work.

Whoever read sees it, and whoever may read the log sees it with them. What they say is sealed as notes are.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import ColumnElement, bindparam, delete, insert, select, update

from charter.acts import SYSTEM
from charter.errors import UsageError
from charter.vault.log import Entry
from serving.identity import Identity
from serving.store.audit_log import AuditLog
from serving.store.connection import PreparedQuery, begin_reading
from serving.store.counting.allowances import DAY
from serving.store.issued import write_moment
from serving.store.tables import unusual_readings

__all__ = ["KEPT_DAYS", "LONGEST_REASON", "Readings", "UnusualReading", "find_false_readings"]

KEPT_DAYS = 90
LONGEST_REASON = 500
_UNEXPLAINED = PreparedQuery(
    select(unusual_readings.c.id).where(
        unusual_readings.c.who == bindparam("reader"), unusual_readings.c.said_at == "",
        unusual_readings.c.day >= bindparam("since"),
    )
)  # fmt: skip


@dataclass(frozen=True)
class UnusualReading:
    """A day on which somebody read more than is `usual`; `reason` is what they said, `said_at` when (UTC), or ''.

    `what` is `cases_outside` or `addresses`; `count` grows while the day lasts.
    """

    id: str
    day: str
    what: str
    who: str
    role: str
    count: int
    usual: int
    reason: str
    said_at: str


class Readings(AuditLog):
    """What was unusual, as one process keeps and reads it."""

    def note_unusual(self, identity: Identity, what: str, count: int, usual: int, now: datetime) -> None:
        """Note that somebody read more than is usual today; the log says so once a day."""
        day = now.strftime(DAY)
        is_same = (
            (unusual_readings.c.who == identity.user)
            & (unusual_readings.c.day == day)
            & (unusual_readings.c.what == what)
        )
        with self._acting() as act:
            grown = act.connection.execute(
                update(unusual_readings).where(is_same, unusual_readings.c.count < count).values(count=count)
            )
            if grown.rowcount or act.connection.execute(select(unusual_readings.c.id).where(is_same)).first():
                return
            name = secrets.token_hex(16)
            row = {"id": name, "day": day, "what": what, "who": identity.user, "role": identity.role, "count": count,
                   "usual": usual, "reason": b""}  # fmt: skip
            act.connection.execute(insert(unusual_readings), row)
            act.connection.execute(delete(unusual_readings).where(unusual_readings.c.day < _first_day(now.date())))
            act.log(actor="sooner", role=SYSTEM, action="reading.unusual", subject=name, purpose="evaluate",
                    detail={"what": what, "whose": identity.user})  # fmt: skip

    def list_unusual(self, today: date, who: str = "", *, unsealed: bool = True) -> list[UnusualReading]:
        """Return what was unusual in the last 90 days, the newest day first: of everybody, or of one person.

        Not `unsealed`, it has no reasons.
        """
        wanted = select(unusual_readings).where(unusual_readings.c.day >= _first_day(today))
        wanted = wanted.where(unusual_readings.c.who == who) if who else wanted
        order = (unusual_readings.c.day.desc(), unusual_readings.c.who, unusual_readings.c.what)
        with begin_reading(self._engine) as connection:
            rows = [row._mapping for row in connection.execute(wanted.order_by(*order))]
        return [
            UnusualReading(**{**row, "reason": self._open_reason(row["id"], row["reason"]) if unsealed else ""})
            for row in rows
        ]

    def count_unexplained(self, who: str, today: date) -> int:
        """Return for how many days somebody has not said why they read more than is usual."""
        with begin_reading(self._engine) as connection:
            return len(_UNEXPLAINED.ask(connection, {"reader": who, "since": _first_day(today)}))

    def say_why(self, identity: Identity, name: str, reason: str) -> None:
        """Keep why somebody read so much: their own words of their own reading; raise UsageError for anything else."""
        words = reason.strip()
        if not words or len(words) > LONGEST_REASON:
            raise UsageError(f"Say why in 1 to {LONGEST_REASON} characters.", "Name no family.")
        is_own: ColumnElement[bool] = (unusual_readings.c.id == name) & (unusual_readings.c.who == identity.user)
        with self._acting() as act:
            said = act.connection.execute(
                update(unusual_readings)
                .where(is_own)
                .values(reason=self._seals.seal_bytes(f"reading/{name}", words.encode()), said_at=write_moment())
            )
            if said.rowcount != 1:
                raise UsageError("There is nothing of yours to explain by that name.", "Open the page again.")
            act.log(actor=identity.user, role=identity.role, action="reading.explained", subject=name,
                    purpose="evaluate")  # fmt: skip

    def end_unusual(self, today: date) -> int:
        """Remove what is past its 90 days; return how many days of somebody that were."""
        with self._acting() as act:
            past = unusual_readings.c.day < _first_day(today)
            return act.connection.execute(delete(unusual_readings).where(past)).rowcount

    def _open_reason(self, name: str, sealed: bytes) -> str:
        return self._seals.unseal_bytes(f"reading/{name}", bytes(sealed)).decode()


def find_false_readings(entries: Sequence[Entry], rows: Sequence[UnusualReading], today: date) -> list[str]:
    """Return every unusual reading that is gone before its days are over, or is not as the log's entries tell it.

    Whoever could take away what is asked about them would be asked nothing.
    """
    told = {entry.subject: entry for entry in entries if entry.action == "reading.unusual"}
    explained = {entry.subject for entry in entries if entry.action == "reading.explained"}
    kept = {row.id for row in rows}
    # A day's grace: the council's day and the log's are not the same.
    since = (today - timedelta(days=KEPT_DAYS - 1)).isoformat()
    faults = [
        f"the unusual reading {name} was removed"
        for name, entry in told.items()
        if name not in kept and entry.at[:10] >= since
    ]
    for row in rows:
        entry = told.get(row.id)
        is_told = entry is not None and (entry.detail.get("what"), entry.detail.get("whose")) == (row.what, row.who)
        if not is_told or bool(row.said_at) != (row.id in explained):
            faults.append(f"the unusual reading {row.id} was edited")
    return faults


def _first_day(today: date) -> str:
    return (today - timedelta(days=KEPT_DAYS)).isoformat()
