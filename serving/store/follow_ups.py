"""What follows from a decision: what a family agreed to share, and records that a worker said are wrong.

    agreements  what may be shared, with whom, until when; a withdrawal is a row of its own, and neither is ever changed
    reports     a record that is wrong, or is of somebody else: filed, then answered once, by a person

The words of a report lie among the sealed papers; the log holds that there was one and how it was answered.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import insert, select, update

from charter.errors import UsageError
from serving.identity import Identity
from serving.store.audit_log import Act
from serving.store.connection import begin_reading
from serving.store.issued import ConflictError, write_moment
from serving.store.leaving.outbox import MessageDraft, Outbox
from serving.store.tables import agreements, reports

__all__ = ["OUTCOMES", "REPORT", "SHARED", "Agreement", "AgreementDraft", "FollowUps", "Report"]

SHARED = {
    "contact": "Names, and how to reach them safely",
    "needs": "What the family wants help with, in their words",
    "records": "What services recorded, as the family saw it",
}
"""What a family can agree to share."""

OUTCOMES = {
    "wrong_record": {
        "corrected": "The service corrects it",
        "stands": "The service says that it is right",
        "no_answer": "The service doesn’t answer",
    },
    "somebody_else": {
        "apart": "Two people: kept apart from now on",
        "same": "One person: the record is theirs",
        "cannot_tell": "Nobody can tell: kept apart",
    },
}
"""How each kind of report can be answered."""

REPORT = "report"
"""The kind of paper that a report's words are."""


@dataclass(frozen=True)
class Agreement:
    """What a family agreed to, or that they took it back; `shared` are ids of SHARED, `until` a day (ISO 8601).

    `receiver` is the id of who is sent it (receivers.toml), '' where people type it in; `offers` is the help chosen.
    """

    referral: str
    kind: str
    shared: tuple[str, ...]
    recipient: str
    until: str
    role: str
    at: str
    receiver: str = ""
    offers: tuple[str, ...] = ()


@dataclass(frozen=True)
class AgreementDraft:
    """An agreement as somebody sent it."""

    shared: Sequence[str]
    recipient: str
    until: str
    receiver: str = ""
    offers: Sequence[str] = ()


@dataclass(frozen=True)
class Report:
    """A record that is said to be wrong (`service`), or a person (pseudonym) whose records are somebody else's too."""

    id: str
    referral: str
    kind: str
    service: str
    person: str
    actor: str
    role: str
    at: str
    outcome: str
    answered_at: str
    answered_role: str

    @property
    def outcome_title(self) -> str:
        """How it was answered, in words; '' while it is not."""
        return OUTCOMES[self.kind].get(self.outcome, "")


class FollowUps(Outbox):
    """What families agreed to, and what was reported."""

    def agree(
        self, identity: Identity, referral_id: str, draft: AgreementDraft, message: MessageDraft | None = None
    ) -> None:
        """Record what a family agreed to share, and put the message that tells a receiver, both or neither.

        What was sent on an agreement before this one is called back. Raises UsageError where nothing, nobody or no day
        is named.
        """
        if (
            not draft.shared
            or any(name not in SHARED for name in draft.shared)
            or not draft.recipient
            or not draft.until
        ):
            raise UsageError("An agreement says what may be shared, with whom, and until when.", "Say all three.")
        with self._acting() as act:
            self._call_back(act, identity.user, identity.role, [referral_id], "agreed anew")
            number = self._add_agreement(act, identity, referral_id, "agreed", draft)
            if message is not None:
                self._put_message(act, identity, message, number)

    def withdraw(self, identity: Identity, referral_id: str) -> Agreement:
        """Record that a family took its agreement back, call back what was sent, and return what it was.

        Raises UsageError where none stands.
        """
        standing = self.agreement(referral_id)
        if standing is None:
            raise UsageError("There is no agreement of this family to take back.", "Open the case again.")
        with self._acting() as act:
            self._add_agreement(act, identity, referral_id, "withdrawn", AgreementDraft((), standing.recipient, ""))
            self._call_back(act, identity.user, identity.role, [referral_id], "withdrawn")
        return standing

    def _add_agreement(self, act: Act, identity: Identity, referral_id: str, kind: str, draft: AgreementDraft) -> int:
        row = {"referral": referral_id, "kind": kind, "shared": json.dumps(list(draft.shared)),
               "recipient": draft.recipient, "until": draft.until, "actor": identity.user, "role": identity.role,
               "at": write_moment(), "receiver": draft.receiver, "offers": json.dumps(list(draft.offers))}  # fmt: skip
        number = act.connection.execute(insert(agreements).returning(agreements.c.id), row).scalar_one()
        act.log(
            actor=identity.user, role=identity.role, action=f"family.{kind}", subject=referral_id,
            purpose="rank", detail={"shared": list(draft.shared), "until": draft.until, "receiver": draft.receiver},
        )  # fmt: skip
        return int(number)

    def agreements(self, referral_id: str) -> list[Agreement]:
        """Return all that a family agreed to and took back, oldest first."""
        query = select(agreements).where(agreements.c.referral == referral_id).order_by(agreements.c.id)
        with begin_reading(self._engine) as connection:
            rows = connection.execute(query).all()
        return [
            Agreement(
                row.referral,
                row.kind,
                tuple(json.loads(row.shared)),
                row.recipient,
                row.until,
                row.role,
                row.at,
                row.receiver,
                tuple(json.loads(row.offers)),
            )
            for row in rows
        ]

    def agreement(self, referral_id: str) -> Agreement | None:
        """Return what a family agrees to now, or None."""
        newest = self.agreements(referral_id)[-1:]
        return newest[0] if newest and newest[0].kind == "agreed" else None

    def report(self, identity: Identity, referral_id: str, kind: str, *, service: str = "", person: str = "") -> str:
        """File a report on a case, and return its id."""
        name = uuid.uuid4().hex
        with self._acting() as act:
            row = {"id": name, "referral": referral_id, "kind": kind, "service": service, "person": person,
                   "actor": identity.user, "role": identity.role, "at": write_moment()}  # fmt: skip
            act.connection.execute(insert(reports), row)
            act.log(
                actor=identity.user, role=identity.role, action="record.reported", subject=referral_id,
                purpose="rank", detail={"report": name, "kind": kind, "service": service},
            )  # fmt: skip
        return name

    def answer_report(self, identity: Identity, report: Report, outcome: str) -> None:
        """Answer a report once; raise UsageError for another outcome, ConflictError where it was answered already."""
        if outcome not in OUTCOMES[report.kind]:
            raise UsageError("Choose how it was answered.", "Open the page again and choose.")
        with self._acting() as act:
            changed = act.connection.execute(
                update(reports)
                .where(reports.c.id == report.id, reports.c.outcome == "")
                .values(outcome=outcome, answered_at=write_moment(), answered_role=identity.role)
            )
            if changed.rowcount != 1:
                raise ConflictError("This was answered already.", "Open the page again and read the answer.")
            act.log(
                actor=identity.user, role=identity.role, action="report.answered", subject=report.referral,
                purpose="rank", detail={"report": report.id, "outcome": outcome},
            )  # fmt: skip

    def reports(self, **by: str) -> list[Report]:
        """Return the reports whose columns have these values (referral=..., kind=..., actor=...), oldest first."""
        query = select(reports).order_by(reports.c.at, reports.c.id)
        for column, value in by.items():
            query = query.where(reports.c[column] == value)
        with begin_reading(self._engine) as connection:
            return [Report(**row._mapping) for row in connection.execute(query)]
