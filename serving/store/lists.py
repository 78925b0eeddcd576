"""Issued lists and their referrals in the casework store: filing, reading, taking off."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    BindParameter,
    Connection,
    Row,
    Select,
    and_,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from charter.acts import SYSTEM
from serving.identity import Identity
from serving.store.connection import PreparedQuery, begin_reading
from serving.store.issued import ConflictError, IssuedList, Referral
from serving.store.leaving.outbox import Outbox
from serving.store.proof import digest_list, digest_referral
from serving.store.sealing_at_rest import name_record
from serving.store.tables import BELOW, lists, members, papers, referrals

__all__ = ["Lists", "read_header"]

_OF_PROGRAMME: BindParameter[Any] = bindparam("programme")
_ONE_LIST = select(lists).where(lists.c.programme == _OF_PROGRAMME, lists.c.id == bindparam("list"))
_EVERY_LIST = select(lists).where(lists.c.programme == _OF_PROGRAMME).order_by(lists.c.as_of.desc(), lists.c.id)
_TEAMS_LISTS = _EVERY_LIST.where(lists.c.team == bindparam("team"))
_OF_LIST = (
    select(referrals)
    .where(referrals.c.programme == _OF_PROGRAMME, referrals.c.list == bindparam("list"))
    .order_by(referrals.c.rank)
)
_ASKED_LIST, _TEAMS_NEWEST = PreparedQuery(_ONE_LIST), PreparedQuery(_TEAMS_LISTS.limit(1))
_RUNNING_ELSEWHERE = PreparedQuery(
    select(lists)
    .where(lists.c.programme != _OF_PROGRAMME, lists.c.expires_at > bindparam("moment"))
    .order_by(lists.c.programme, lists.c.id)
)
_LISTED = PreparedQuery(_OF_LIST.where(referrals.c.status != BELOW))
_BELOW_LINE = PreparedQuery(_OF_LIST.where(referrals.c.status == BELOW))
_ONE_REFERRAL = PreparedQuery(
    select(referrals).where(referrals.c.id == bindparam("referral"), referrals.c.status != BELOW)
)
_MOVED_HERE = PreparedQuery(
    select(referrals)
    .join(lists, and_(lists.c.programme == referrals.c.programme, lists.c.id == referrals.c.list))
    .where(
        referrals.c.programme == _OF_PROGRAMME,
        referrals.c.team == bindparam("team"),
        lists.c.team != bindparam("team"),
        lists.c.expires_at > bindparam("moment"),
        referrals.c.status != BELOW,
    )
    .order_by(referrals.c.list, referrals.c.rank)
)


class Lists(Outbox):
    """The lists that were issued, and the households on them."""

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
                    act.connection.execute(insert(referrals), [self._seal_row(referral) for referral, _ in rows])
                people = [{"referral": r.id, "person": person} for r, persons in rows for person in persons]
                if people:
                    act.connection.execute(insert(members), people)
                act.log(
                    actor=actor,
                    role=SYSTEM,
                    action="list.issued",
                    subject=f"{header.programme}/{header.id}",
                    purpose="rank",
                    detail={
                        "referrals": sum(r.status != BELOW for r, _ in rows),
                        "bundle": header.bundle,
                        "matrix": header.matrix,
                        **self._tell_list(header, rows),
                    },
                )
                new += 1
        return new

    def _seal_row(self, referral: Referral) -> dict[str, Any]:
        return {**vars(referral), "sealed": self._seals.seal_bytes(name_record(referral.id), referral.sealed)}

    def _tell_list(self, header: IssuedList, rows: Sequence[tuple[Referral, Sequence[str]]]) -> dict[str, Any]:
        """Return what the entry of a list says of its rows: digest, team, status, version and why it was taken off."""
        told = {
            referral.id: [
                digest_referral(self._key, referral, people), referral.team, referral.status, referral.version,
                referral.removed,
            ]
            for referral, people in rows
        }  # fmt: skip
        return {"list": digest_list(self._key, header), "rows": told}

    @staticmethod
    def _list_row(connection: Connection, programme: str, list_id: str) -> Row[Any] | None:
        return connection.execute(_ONE_LIST, {"programme": programme, "list": list_id}).one_or_none()

    def lists(self, programme: str, team: str | None = None) -> list[IssuedList]:
        """Return the issued lists of a programme (of one team), newest first."""
        query, values = (_EVERY_LIST, {}) if team is None else (_TEAMS_LISTS, {"team": team})
        with begin_reading(self._engine) as connection:
            rows = connection.execute(query, {"programme": programme, **values}).all()
        return [read_header(row) for row in rows]

    def issued_list(self, programme: str, list_id: str) -> IssuedList | None:
        """Return one list, or None."""
        with begin_reading(self._engine) as connection:
            rows = _ASKED_LIST.ask(connection, {"programme": programme, "list": list_id})
        return read_header(rows[0]) if rows else None

    def list_ids(self) -> frozenset[tuple[str, str]]:
        """Return programme and id of every list."""
        with begin_reading(self._engine) as connection:
            return frozenset(
                (row.programme, row.id) for row in connection.execute(select(lists.c.programme, lists.c.id))
            )

    def snapshots_listed(self) -> frozenset[str]:
        """Return every snapshot that a list was made from."""
        with begin_reading(self._engine) as connection:
            return frozenset(connection.execute(select(lists.c.snapshot).distinct()).scalars())

    def current_list(self, programme: str, team: str) -> IssuedList | None:
        """Return the team's newest list, or None."""
        with begin_reading(self._engine) as connection:
            rows = _TEAMS_NEWEST.ask(connection, {"programme": programme, "team": team})
        return read_header(rows[0]) if rows else None

    def running_elsewhere(self, programme: str, moment: str) -> list[IssuedList]:
        """Return the lists of every other programme that still hold at `moment` (UTC, ISO 8601)."""
        with begin_reading(self._engine) as connection:
            rows = _RUNNING_ELSEWHERE.ask(connection, {"programme": programme, "moment": moment})
        return [read_header(row) for row in rows]

    def referrals(self, programme: str, list_id: str) -> list[Referral]:
        """Return the referrals of a list in their order, those removed since among them."""
        return self._read_list(programme, list_id, _LISTED)

    def worked(self, header: IssuedList, moment: str) -> list[Referral]:
        """Return what a list's team works on at `moment`: its own in their order, then what other teams moved to it.

        What the team moved to another is there no more; what was moved here stays until its own list ends.
        """
        issued = self.referrals(header.programme, header.id)
        values = {"programme": header.programme, "team": header.team, "moment": moment}
        with begin_reading(self._engine) as connection:
            moved = _MOVED_HERE.ask(connection, values)
        still_here = [referral for referral in issued if referral.team == header.team]
        return still_here + [self._read_referral(row) for row in moved]

    def transfer(self, identity: Identity, referral: Referral, team: str, reason: str) -> None:
        """Move a case to another team, with its log entry; the issued list stays as it was issued.

        Raises ConflictError where the case changed since `referral` was read.
        """
        with self._acting() as act:
            changed = act.connection.execute(
                update(referrals)
                .where(
                    referrals.c.id == referral.id,
                    referrals.c.version == referral.version,
                    referrals.c.removed == "",
                    referrals.c.status != BELOW,
                )
                .values(team=team, version=referral.version + 1)
            )
            if changed.rowcount != 1:
                raise ConflictError(
                    "Somebody else changed this case since you opened it, so it was not moved.",
                    "Open the case again and see what changed.",
                )
            act.log(
                actor=identity.user,
                role=identity.role,
                action="referral.transferred",
                subject=referral.id,
                purpose="rank",
                detail={"from": referral.team, "to": team, "reason": reason, "version": referral.version},
            )

    def below(self, programme: str, list_id: str) -> list[Referral]:
        """Return what was kept of households just below the line of a list, for a second look alone."""
        return self._read_list(programme, list_id, _BELOW_LINE)

    def _read_list(self, programme: str, list_id: str, question: PreparedQuery) -> list[Referral]:
        with begin_reading(self._engine) as connection:
            rows = question.ask(connection, {"programme": programme, "list": list_id})
            return [self._read_referral(row) for row in rows]

    def referral(self, referral_id: str) -> Referral | None:
        """Return one referral, or None."""
        with begin_reading(self._engine) as connection:
            rows = _ONE_REFERRAL.ask(connection, {"referral": referral_id})
        return self._read_referral(rows[0]) if rows else None

    def referrals_of(self, programme: str, person: str) -> list[Referral]:
        """Return the referrals of households that somebody (a pseudonym) lived in, the newest list's first."""
        query = (
            select(referrals)
            .join(members, members.c.referral == referrals.c.id)
            .where(members.c.person == person, referrals.c.programme == programme, referrals.c.status != BELOW)
            .order_by(referrals.c.list.desc(), referrals.c.id)
        )
        with begin_reading(self._engine) as connection:
            return [self._read_referral(row) for row in connection.execute(query)]

    def members(self, referral_id: str) -> tuple[str, ...]:
        """Return the pseudonyms of who lived in the household when it was referred, in order."""
        query = select(members.c.person).where(members.c.referral == referral_id).order_by(members.c.person)
        with begin_reading(self._engine) as connection:
            return tuple(connection.execute(query).scalars())

    def still_listed(self, persons: Iterable[str], before: str, *, looks: bool = False) -> bool:
        """Whether a referral of these people, issued before a moment (text, as the database keeps it), stands.

        With `looks`, a look below the line at which nothing was decided.
        """
        with begin_reading(self._engine) as connection:
            return connection.execute(_select_standing(persons, before, looks=looks).limit(1)).first() is not None

    def days_of_looks(self, programme: str) -> list[str]:
        """Return the day of each look below the line that a programme's lists were issued with, taken off since or not.

        A day stands as often as a lot drew a household for its lists.
        """
        query = (
            select(lists.c.as_of)
            .join(referrals, (referrals.c.programme == lists.c.programme) & (referrals.c.list == lists.c.id))
            .where(lists.c.programme == programme, referrals.c.arm == "random")
        )
        with begin_reading(self._engine) as connection:
            return list(connection.execute(query).scalars())

    def people_listed(self) -> frozenset[str]:
        """Return the pseudonyms of everybody in a household whose referral stands."""
        query = (
            select(members.c.person)
            .join(referrals, referrals.c.id == members.c.referral)
            .where(referrals.c.removed == "")
            .distinct()
        )
        with begin_reading(self._engine) as connection:
            return frozenset(connection.execute(query).scalars())

    def first_issued(self) -> str:
        """Return when the first list was issued (text, as the database keeps it); '' where there is none."""
        with begin_reading(self._engine) as connection:
            return connection.execute(select(func.min(lists.c.issued_at))).scalar() or ""

    def retentions(self) -> frozenset[str]:
        """Return the times of retention, by their ids in the rights ledger, that were carried out on these lists."""
        return frozenset(entry.subject for entry in self.done("retention.carried_out"))

    def log_retention(self, request: str) -> None:
        """Note that a time of retention was carried out on these lists."""
        with self._acting() as act:
            act.log(actor="sooner", role=SYSTEM, action="retention.carried_out", subject=request, purpose="rank")

    def remove(self, persons: Iterable[str], why: str, actor: str, *, before: str = "", looks: bool = False) -> int:
        """Take every referral of these people off its list; the sealed record stays. Return how many were removed.

        What was only kept for a second look was never issued, so it is deleted. What was sent about them is called
        back, and what waits to be sent is not. With `before`, only what was issued before that moment (text, as the
        database keeps it); with `looks`, only looks below the line at which nothing was decided.
        """
        removed = 0
        with self._acting() as act:
            rows = act.connection.execute(_select_standing(persons, before, looks=looks).order_by(referrals.c.id)).all()
            self._call_back(act, actor, SYSTEM, [row.id for row in rows], why)
            for row in rows:
                same = referrals.c.id == row.id
                act.connection.execute(delete(papers).where(papers.c.referral == row.id))
                if row.status == BELOW:
                    act.connection.execute(delete(members).where(members.c.referral == row.id))
                    act.connection.execute(delete(referrals).where(same))
                else:
                    act.connection.execute(
                        update(referrals).where(same).values(removed=why, version=referrals.c.version + 1)
                    )
                    removed += 1
                act.log(
                    actor=actor,
                    role=SYSTEM,
                    action="second_look.deleted" if row.status == BELOW else "referral.removed",
                    subject=row.id,
                    purpose="rank",
                    detail={"why": why, "changed": row.status != BELOW},
                )
        return removed

    def waiting(self, header: IssuedList) -> dict[str, tuple[str, tuple[str, ...]]]:
        """Return by household the referral that still waits on a list, and who lived there when it was listed."""
        issued = self.referrals(header.programme, header.id)
        standing = [referral for referral in issued if not referral.removed and referral.status in ("new", "deferred")]
        return {referral.entity: (referral.id, self.members(referral.id)) for referral in standing}

    def take_off(self, whys: Mapping[str, str], actor: str) -> None:
        """Take referrals off their lists, by id and why; the sealed record stays."""
        if not whys:
            return
        with self._acting() as act:
            for referral, why in sorted(whys.items()):
                changed = act.connection.execute(
                    update(referrals)
                    .where(referrals.c.id == referral, referrals.c.removed == "")
                    .values(removed=why, version=referrals.c.version + 1)
                )
                act.log(
                    actor=actor,
                    role=SYSTEM,
                    action="referral.removed",
                    subject=referral,
                    purpose="rank",
                    detail={"why": why, "changed": changed.rowcount == 1},
                )

    def counts(self, programme: str) -> dict[str, dict[str, int]]:
        """Return how many referrals of each team's newest list are in each state: per team, never per worker."""
        newest = (
            select(lists.c.team, func.max(lists.c.as_of).label("as_of"))
            .where(lists.c.programme == programme)
            .group_by(lists.c.team)
            .subquery()
        )
        query = (
            select(referrals.c.team, referrals.c.status, func.count())
            .join(lists, and_(lists.c.programme == referrals.c.programme, lists.c.id == referrals.c.list))
            .join(newest, and_(newest.c.team == lists.c.team, newest.c.as_of == lists.c.as_of))
            .where(referrals.c.programme == programme, referrals.c.removed == "", referrals.c.status != BELOW)
            .group_by(referrals.c.team, referrals.c.status)
        )
        counts: dict[str, dict[str, int]] = {}
        with begin_reading(self._engine) as connection:
            for team, status, number in connection.execute(query):
                counts.setdefault(team, {})[status] = number
        return counts

    def touched(self, **by: str) -> list[Referral]:
        """Return the referrals whose columns have these values (bundle=..., snapshot=..., entity=...), in order."""
        query = select(referrals).where(referrals.c.status != BELOW)
        query = query.order_by(referrals.c.programme, referrals.c.list, referrals.c.rank)
        for column, value in by.items():
            query = query.where(referrals.c[column] == value)
        with begin_reading(self._engine) as connection:
            return [self._read_referral(row) for row in connection.execute(query)]


def read_header(row: Row[Any]) -> IssuedList:
    """Return a row of `lists` as a value; what it says of whom it left out as nothing where that can't be read."""
    return IssuedList(**{**row._asdict(), "excluded": _read_excluded(row.excluded)})


@lru_cache(maxsize=8)
def _read_excluded(text: str) -> Mapping[str, str]:
    """Read what a list says of whom it left out: thousands in a borough, and a page asks for its list several times."""
    try:
        excluded: dict[str, str] = json.loads(text)
    except ValueError:
        return {"": "unreadable"}
    return excluded


def _select_standing(persons: Iterable[str], before: str, *, looks: bool) -> Select[Any]:
    """Select id and status of the referrals of these people that stand, of those issued before a moment if any."""
    query = (
        select(referrals.c.id, referrals.c.status)
        .join(members, members.c.referral == referrals.c.id)
        .where(members.c.person.in_(sorted(set(persons))), referrals.c.removed == "")
        .distinct()
    )
    if looks:
        waits = (referrals.c.arm == "random") & referrals.c.status.in_(("new", "deferred"))
        query = query.where(or_(referrals.c.status == BELOW, waits))
    if not before:
        return query
    of_list = (lists.c.programme == referrals.c.programme) & (lists.c.id == referrals.c.list)
    return query.join(lists, of_list).where(lists.c.issued_at < before)
