"""What this room holds of people, for their own export: the lists their household was on, and who looked.

Of the household's values nothing is given here: they hold what others in the home brought to them. Workers are named by
their role.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import select

from charter.contracts.workspace import Workspace
from charter.vault.log import FileLog
from serving.store.connection import begin_reading, migrate_database, open_engine
from serving.store.place import find_database_url, is_begun
from serving.store.tables import audit, decisions, lists, members, referrals

__all__ = ["gather_record"]

_Rows = list[dict[str, Any]]


def gather_record(
    person_ids: Collection[str], workspace: Workspace, *, checks: Collection[str] = ()
) -> Mapping[str, _Rows]:
    """Return `lists` (each referral of the people's household, with its decisions) and `seen_by`, oldest first.

    `seen_by` is every line of the audit logs about these people, about a referral of theirs, or about one of `checks`:
    the pseudonyms by which a residence check may have asked about them.
    """
    listings: _Rows = []
    lines: _Rows = []
    if is_begun(workspace):
        engine = open_engine(find_database_url(workspace))
        migrate_database(engine)
        with begin_reading(engine) as connection:
            wanted = (
                select(referrals, lists.c.as_of, lists.c.issued_at)
                .join(members, members.c.referral == referrals.c.id)
                .join(lists, (lists.c.programme == referrals.c.programme) & (lists.c.id == referrals.c.list))
                .where(members.c.person.in_(sorted(person_ids)))
                .order_by(lists.c.issued_at, referrals.c.id)
            )
            rows = connection.execute(wanted).all()
            ids = [row.id for row in rows]
            decision_rows = connection.execute(
                select(decisions).where(decisions.c.referral.in_(ids)).order_by(decisions.c.id)
            ).all()
            entries = connection.execute(select(audit).order_by(audit.c.at)).all()
        engine.dispose()
        listings = [
            {
                "referral": row.id,
                "programme": row.programme,
                "team": row.team,
                "entity": row.entity,
                "as_of": row.as_of,
                "issued_at": row.issued_at,
                "status": row.status,
                "taken_off": row.removed,
                "decisions": [
                    {"decided_at": decision.decided_at, "role": decision.role, "disposition": decision.disposition,
                     "reason": decision.reason, "has_note": bool(decision.note)}
                    for decision in decision_rows
                    if decision.referral == row.id
                ],
            }
            for row in rows
        ]  # fmt: skip
        subjects = {*ids, *checks, *(row.list for row in rows), *(f"{row.programme}/{row.list}" for row in rows)}
        lines = [
            _line(entry.at, entry.role, entry.action, entry.purpose)
            for entry in entries
            if _about(entry.subject, entry.detail, subjects)
        ]
    people = set(person_ids)
    lines += [
        _line(entry.at, entry.role, entry.action, entry.purpose)
        for entry in FileLog(workspace.log).entries()
        if entry.subject in people or people & set(entry.detail.get("subjects", ()))
    ]
    return {"lists": listings, "seen_by": sorted(lines, key=lambda line: line["at"])}


def _about(subject: str, detail: str, subjects: Collection[str]) -> bool:
    """Whether a line of the log is about one of the subjects: the referral, its list, or one of several referrals."""
    several = json.loads(detail).get("referrals")
    return subject in subjects or (isinstance(several, list) and bool(set(several) & set(subjects)))


def _line(at: str, role: str, action: str, purpose: str) -> dict[str, Any]:
    return {"at": at, "role": role, "action": action, "purpose": purpose}
