"""Cases that were over long ago: all that the database holds of each goes, and the log says that it did.

    over       the latest of: the list's end, decisions and until when one waits, agreements and until when they hold,
               reports and answers, messages, outcomes, what became of help
    goes       those rows, what somebody typed, who lived there, the sealed record; a list with its last referral
    stays      entries of the log: ids that lead to nobody any more, roles, digests

What a list left out is a row of the list, so it goes with it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, delete, func, select, tuple_, union_all

from charter.acts import SYSTEM
from serving.store.audit_log import AuditLog
from serving.store.connection import begin_reading, lift_protection
from serving.store.tables import (
    after_help,
    agreements,
    decisions,
    lists,
    members,
    outbox,
    outcomes,
    papers,
    referrals,
    reports,
    undone,
)

__all__ = ["CaseEnds", "CasePromise", "EndedCases"]

_ABOUT_CASES = (papers, outbox, outcomes, after_help, agreements, reports, undone, decisions, members)
"""Tables with rows about a referral, those that refer to others first."""
_ONLY_ADDED = ("outcomes", "after_help", "agreements", "undone", "decisions")
_AT_ONCE = 500

Item = TypeVar("Item")


@dataclass(frozen=True)
class CasePromise:
    """For how many calendar `years` a case is kept, judged at `moment` (aware, in the council's time zone).

    `held` are people, by their pseudonyms, whose cases stay whatever their date; with `holds_all` every case does.
    """

    years: int
    moment: datetime
    held: frozenset[str] = frozenset()
    holds_all: bool = False

    def is_past(self, over_at: str) -> bool:
        """Whether a case that was over at a moment or on a day (ISO 8601, UTC) is past its date."""
        over = datetime.fromisoformat(over_at)
        over = over.replace(tzinfo=self.moment.tzinfo) if over.tzinfo is None else over.astimezone(self.moment.tzinfo)
        try:
            due = over.replace(year=over.year + self.years)
        except ValueError:  # 29 February, in a year that lacks it
            due = over.replace(year=over.year + self.years, day=28)
        return due <= self.moment


@dataclass(frozen=True)
class EndedCases:
    """Referrals, and lists by programme and id, that are past their date."""

    referrals: tuple[str, ...] = ()
    lists: tuple[tuple[str, str], ...] = ()


class CaseEnds(AuditLog):
    """The end of cases, as one process brings it about."""

    def find_ended(self, promise: CasePromise) -> EndedCases:
        """Return what is past its date; nothing is changed."""
        with begin_reading(self._engine) as connection:
            return _find_ended(connection, promise)

    def end_cases(self, promise: CasePromise) -> EndedCases:
        """Remove what is past its date, with an entry for each case and list, and return what it was."""
        return self._end(lambda connection: _find_ended(connection, promise), {"years": promise.years})

    def end_programmes(self, programmes: Collection[str] | None) -> EndedCases:
        """Remove every case and list of programmes (of all where None), with an entry for each, whatever their dates.

        For a closure (charter.signing.closures), which nothing is held back from: holds are asked about before it.
        """
        return self._end(lambda connection: _find_all(connection, programmes), {"why": "closed"})

    def _end(self, find: Callable[[Connection], EndedCases], why: Mapping[str, Any]) -> EndedCases:
        with self._acting() as act:
            ended = find(act.connection)
            if not ended.lists and not ended.referrals:
                return ended
            with lift_protection(act.connection, _ONLY_ADDED, "delete"):
                for some in _in_parts(ended.referrals):
                    for table in _ABOUT_CASES:
                        act.connection.execute(delete(table).where(table.c.referral.in_(some)))
                    act.connection.execute(delete(referrals).where(referrals.c.id.in_(some)))
            for names in _in_parts(ended.lists):
                act.connection.execute(delete(lists).where(tuple_(lists.c.programme, lists.c.id).in_(names)))
            subjects = chain(
                (("case.ended", referral) for referral in ended.referrals),
                (("list.ended", f"{programme}/{name}") for programme, name in ended.lists),
            )
            for action, subject in subjects:
                act.log(
                    actor="sooner",
                    role=SYSTEM,
                    action=action,
                    subject=subject,
                    purpose="rank",
                    detail=why,
                )
        self._write_over()
        return ended

    def _write_over(self) -> None:
        """Leave no copy of what was deleted in SQLite's log of writes."""
        if self._engine.dialect.name == "sqlite":
            with begin_reading(self._engine) as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")


def _find_all(connection: Connection, programmes: Collection[str] | None) -> EndedCases:
    cases, headers = select(referrals.c.id), select(lists.c.programme, lists.c.id)
    if programmes is not None:
        cases = cases.where(referrals.c.programme.in_(sorted(programmes)))
        headers = headers.where(lists.c.programme.in_(sorted(programmes)))
    names = [(row.programme, row.id) for row in connection.execute(headers)]
    return EndedCases(tuple(sorted(connection.execute(cases).scalars())), tuple(sorted(names)))


def _find_ended(connection: Connection, promise: CasePromise) -> EndedCases:
    if promise.holds_all:
        return EndedCases()
    of_list = (lists.c.programme == referrals.c.programme) & (lists.c.id == referrals.c.list)
    moments = union_all(
        select(referrals.c.id.label("referral"), lists.c.expires_at.label("at")).join(lists, of_list),
        *(select(column.table.c.referral, column) for column in _list_moments()),
    ).subquery()
    over = select(moments.c.referral, func.max(moments.c.at)).group_by(moments.c.referral)
    held = _find_held(connection, promise.held)
    past = {case for case, at in connection.execute(over) if case not in held and promise.is_past(at)}
    rest: dict[tuple[str, str], set[str]] = {}
    for row in connection.execute(select(referrals.c.programme, referrals.c.list, referrals.c.id)):
        rest.setdefault((row.programme, row.list), set()).add(row.id)
    headers = connection.execute(select(lists.c.programme, lists.c.id, lists.c.expires_at)).all()
    gone = [
        (row.programme, row.id)
        for row in headers
        if promise.is_past(row.expires_at) and rest.get((row.programme, row.id), set()) <= past
    ]
    return EndedCases(tuple(sorted(past)), tuple(sorted(gone)))


def _list_moments() -> Sequence[ColumnElement[str]]:
    """Return every column that says when something happened in a case, or until when it lasts."""
    return (
        decisions.c.decided_at,
        decisions.c.offered_at,
        decisions.c.until,
        undone.c.at,
        agreements.c.at,
        agreements.c.until,
        after_help.c.at,
        reports.c.at,
        reports.c.answered_at,
        outbox.c.at,
        outbox.c.settled_at,
        outcomes.c.at,
    )


def _find_held(connection: Connection, people: Collection[str]) -> frozenset[str]:
    """Return the referrals of households in which any of these people lived."""
    return frozenset(
        chain.from_iterable(
            connection.execute(select(members.c.referral).where(members.c.person.in_(some))).scalars()
            for some in _in_parts(sorted(people))
        )
    )


def _in_parts(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    return (items[start : start + _AT_ONCE] for start in range(0, len(items), _AT_ONCE))
