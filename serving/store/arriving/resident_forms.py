"""What residents sent by the public forms, in the order in which it came, and who acknowledged and answered it when.

What was typed is sealed as notes are. The log says that a form came, of which kind, and who acted on it: never a word
of it. Its clock is the law's: a complaint is acknowledged within 30 days (Data Protection Act 2018, section 164A),
a request for data to be published is answered within 20 working days, everything else that asks for something within
one month (`charter/clocks.py`).
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Row, delete, insert, select, update

from charter.acts import SYSTEM
from charter.clocks import ACKNOWLEDGE_DAYS, INFORMATION_DAYS, add_month, add_working_days
from charter.errors import UsageError
from serving.identity import Identity
from serving.store.audit_log import AuditLog
from serving.store.connection import begin_reading
from serving.store.issued import write_moment
from serving.store.tables import resident_forms

__all__ = [
    "COMPLAINT",
    "DATA",
    "FEEDBACK",
    "FORM_KINDS",
    "FormKind",
    "ResidentForm",
    "ResidentForms",
    "find_due_day",
]

COMPLAINT, DATA, FEEDBACK = "complaint", "data", "feedback"


@dataclass(frozen=True)
class FormKind:
    """One public form: its title, what the words are asked for ('' where none are), and whether they must be there."""

    title: str
    words: str = ""
    needs_words: bool = False
    needs_reach: bool = True


FORM_KINDS: Mapping[str, FormKind] = {
    "access": FormKind("See what we hold about you"),
    "objection": FormKind("Say no to the use of your data", "Which use? Leave it empty for all"),
    "correction": FormKind("Have a mistake put right", "What is wrong, and what is right?", needs_words=True),
    "challenge": FormKind("Challenge a place on a list", "What do you want to say?", needs_words=True),
    COMPLAINT: FormKind("Complain about how we use data", "What went wrong?", needs_words=True),
    DATA: FormKind("Ask for data to be published", "Which data, and since when?", needs_words=True),
    FEEDBACK: FormKind("Tell us what you think", "What do you want to say?", needs_words=True, needs_reach=False),
}
"""Every form that residents can send, by its name in an address."""


@dataclass(frozen=True)
class ResidentForm:
    """One form that came; `fields` are what was typed. Times are UTC in ISO 8601, '' where it has not been."""

    id: str
    kind: str
    at: str
    acknowledged_at: str
    acknowledged_by: str
    answered_at: str
    answered_by: str
    fields: Mapping[str, str] = field(default_factory=dict)

    @property
    def reference(self) -> str:
        """What the resident and the desk call it."""
        return f"{self.id[:4]}-{self.id[4:8]}".upper()

    @property
    def waits(self) -> bool:
        """Whether its clock runs: a complaint until it is acknowledged, anything else until it is answered."""
        if self.kind == FEEDBACK or self.answered_at:
            return False
        return not self.acknowledged_at if self.kind == COMPLAINT else True


def find_due_day(form: ResidentForm, zone: ZoneInfo) -> date:
    """Return the last day of a form's clock, in the council's own days.

    A complaint of 31 January is acknowledged by 2 March; a copy that is asked for then is given by 28 February.
    """
    came = datetime.fromisoformat(form.at).astimezone(zone).date()
    if form.kind == COMPLAINT:
        return came + timedelta(days=ACKNOWLEDGE_DAYS)
    return add_working_days(came, INFORMATION_DAYS) if form.kind == DATA else add_month(came)


class ResidentForms(AuditLog):
    """The forms as one process keeps and reads them."""

    def keep_form(self, kind: str, fields: Mapping[str, str]) -> ResidentForm:
        """Keep a form that came; return it with its reference."""
        name, at = secrets.token_hex(16), write_moment()
        sealed = self._seals.seal_bytes(f"form/{name}", json.dumps(dict(fields)).encode())
        with self._acting() as act:
            act.connection.execute(insert(resident_forms), {"id": name, "kind": kind, "at": at, "sealed": sealed})
            act.log(actor="resident", role=SYSTEM, action="form.came", subject=name, purpose="evaluate",
                    detail={"kind": kind})  # fmt: skip
        return ResidentForm(name, kind, at, "", "", "", "", dict(fields))

    def forms(self) -> list[ResidentForm]:
        """Return all forms without what was typed, oldest first."""
        with begin_reading(self._engine) as connection:
            rows = connection.execute(select(resident_forms).order_by(resident_forms.c.at)).all()
        return [_read_row(row, {}) for row in rows]

    def open_form(self, identity: Identity, name: str) -> ResidentForm | None:
        """Return a form with what was typed, and log who read it; None where there is none."""
        with begin_reading(self._engine) as connection:
            row = connection.execute(select(resident_forms).where(resident_forms.c.id == name)).one_or_none()
        if row is None:
            return None
        self.log(identity, "form.read", subject=name, purpose="evaluate")
        return _read_row(row, json.loads(self._seals.unseal_bytes(f"form/{name}", bytes(row.sealed))))

    def list_past(self, is_past: Callable[[str], bool]) -> list[str]:
        """Return the ids of forms that are past their date: answered, or owed no answer, so long ago."""
        over = {form.id: form.answered_at or ("" if form.kind != FEEDBACK else form.at) for form in self.forms()}
        return [name for name, at in over.items() if at and is_past(at)]

    def end_forms(self, is_past: Callable[[str], bool]) -> int:
        """Remove forms that are past their date, each with an entry of the log; return how many there were."""
        names = self.list_past(is_past)
        with self._acting() as act:
            for name in names:
                act.connection.execute(delete(resident_forms).where(resident_forms.c.id == name))
                act.log(actor="sooner", role=SYSTEM, action="form.ended", subject=name, purpose="evaluate")
        return len(names)

    def note_form(self, identity: Identity, name: str, step: str) -> None:
        """Note that a form was `acknowledged` or `answered`, once; raise UsageError where it was already."""
        if step not in ("acknowledged", "answered"):
            raise UsageError("That is no step of a form.", "Open the page again.")
        moment = resident_forms.c[f"{step}_at"]
        with self._acting() as act:
            noted = act.connection.execute(
                update(resident_forms)
                .where(resident_forms.c.id == name, moment == "")
                .values({f"{step}_at": write_moment(), f"{step}_by": identity.user})
            )
            if noted.rowcount != 1:
                raise UsageError("That was done already.", "Open the page again.")
            act.log(actor=identity.user, role=identity.role, action=f"form.{step}", subject=name, purpose="evaluate")


def _read_row(row: Row[tuple[object, ...]], fields: Mapping[str, str]) -> ResidentForm:
    values = {name: row._mapping[name] for name in ResidentForm.__dataclass_fields__ if name != "fields"}
    return ResidentForm(**values, fields=fields)
