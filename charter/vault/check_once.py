"""The minimal checks for other services: yes, no, or can't tell, so that nobody proves twice what the council knows.

    residence_check    is this person resident at this address?         name, birth date, UPRN
    age_check          is somebody of this name at this address so old?  name, UPRN, age
    roll_check         is this child on the roll of a school here?      name, birth date
    entitlement_check  does this person get one of these now?           name, birth date

Each is a purpose with a register entry of its own (`[[check]]`), asked by the services that the entry names, and
answered from an index in the vault that holds nothing else: `link` writes one sealed row for each person and purpose,
found by a pseudonym of what is asked with. A row of one purpose is never found by another's question. "Can't tell" is
said of whoever isn't known, shares what is asked with with somebody, lives at a protected or shared address, has died,
or doesn't want it: nobody learns which. Whom the entry does not tell "no" hears "can't tell" instead.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from charter.council.register import Check, Register
from charter.errors import CharterError, UsageError
from charter.purposes import CHECKS
from charter.vault.key import Key
from charter.vault.vault import Vault

__all__ = [
    "AGE",
    "CANNOT_TELL",
    "ENTITLEMENT",
    "NEEDS",
    "NO",
    "RESIDENCE",
    "ROLL",
    "YES",
    "Asker",
    "Question",
    "answer_question",
    "find_age_token",
    "find_birth_token",
    "fold_name",
    "has_letters",
    "index_row",
    "make_tokens",
]

RESIDENCE, AGE, ROLL, ENTITLEMENT = CHECKS
YES, NO, CANNOT_TELL = "yes", "no", "can't tell"
_OLDEST = 120
_LABELS = {RESIDENCE: "residence check", AGE: "age check", ROLL: "roll check", ENTITLEMENT: "entitlement check"}
NEEDS: Mapping[str, tuple[str, ...]] = {
    RESIDENCE: ("birth_date", "uprn"),
    AGE: ("uprn", "age"),
    ROLL: ("birth_date",),
    ENTITLEMENT: ("birth_date",),
}
"""What each question is asked with, besides forename and surname."""


@dataclass(frozen=True)
class Question:
    """Who is asked about, and what. `asked_by` is the service that asks, as it says; what is not asked with is empty.

    Never kept.
    """

    forename: str
    surname: str
    birth_date: date | None = None
    uprn: str = ""
    asked_by: str = ""
    purpose: str = RESIDENCE
    age: int = 0

    @classmethod
    def read(cls, document: Mapping[str, object]) -> Question:
        """Return the question that a JSON object asks; raise UsageError, repeating nothing, where it asks none.

        Without a `purpose` it asks whether somebody is resident. `asked_by` may be left out by who is one service.
        """
        purpose = document.get("purpose", RESIDENCE)
        if not isinstance(purpose, str) or purpose not in NEEDS:
            raise UsageError("that is no question that is checked once.", f"`purpose` is one of: {', '.join(NEEDS)}.")
        names = ("forename", "surname", *NEEDS[purpose])
        texts = [document.get(name) for name in (*names, "asked_by") if name != "age" and name in document]
        age = document.get("age", 0)
        whole = isinstance(age, int) and not isinstance(age, bool) and 0 <= age <= _OLDEST
        is_known = set(names) <= set(document) <= {*names, "asked_by", "purpose"}
        if not is_known or not whole or not all(isinstance(text, str) and text.strip() for text in texts):
            raise UsageError("that is no question.", f"Give each of these: {', '.join(names)}; age as a whole number.")
        return cls(
            str(document["forename"]), str(document["surname"]), _read_day(document.get("birth_date")),
            str(document.get("uprn", "")), str(document.get("asked_by", "")), purpose, int(str(age)),
        )  # fmt: skip

    def find_token(self, key: Key) -> str:
        """Return the pseudonym that whoever is asked about is found by, under this purpose's own key.

        Raises UsageError for names without a letter.
        """
        if not has_letters(self.forename, self.surname):
            raise UsageError("that is no name.", "Give forename and surname in letters.")
        if self.purpose == AGE:
            return find_age_token(key, self.forename, self.surname, key.pseudonym("household", _plain_uprn(self.uprn)))
        if self.birth_date is None:
            raise UsageError("that is no question.", "Give a birth_date.")
        return find_birth_token(key, self.purpose, self.forename, self.surname, self.birth_date)


def _read_day(text: object) -> date | None:
    try:
        return None if text is None else date.fromisoformat(str(text))
    except ValueError:
        raise UsageError("birth_date is not a day.", "Write it like 1980-02-01.") from None


def _plain_uprn(text: str) -> str:
    return text.strip().lstrip("0")


@dataclass(frozen=True)
class Asker:
    """Who asks, by how they signed in: a `service` that a program asks for, or the `role` of a person."""

    service: str = ""
    role: str = ""

    @property
    def name(self) -> str:
        """What the log and the limits call them."""
        return self.service or self.role


def find_birth_token(key: Key, purpose: str, forename: str, surname: str, birth_date: date) -> str:
    """Return the pseudonym that a person is found by where they are asked about with their birth date."""
    return make_tokens(key, purpose)(fold_name(forename), fold_name(surname), birth_date.isoformat())


def find_age_token(key: Key, forename: str, surname: str, home: str) -> str:
    """Return the pseudonym that a person is found by where they are asked about with their home (a pseudonym)."""
    return make_tokens(key, AGE)(fold_name(forename), fold_name(surname), home)


def make_tokens(key: Key, purpose: str) -> Callable[[str, str, str], str]:
    """Return what makes a purpose's tokens, its key derived once: of two folded names, and a birth date or a home."""
    return key.pseudonyms(_LABELS[purpose])


def fold_name(name: str) -> str:
    """Return the letters of a name, of whichever script, without accents and capitals; '' where there is none."""
    plain = "".join(sign for sign in unicodedata.normalize("NFKD", name) if not unicodedata.combining(sign))
    return "".join(sign for sign in plain.casefold() if sign.isalpha())


def has_letters(forename: str, surname: str) -> bool:
    """Whether both names have a letter: nobody is found by signs alone, which all names without letters share."""
    return bool(fold_name(forename) and fold_name(surname))


def index_row(people: Collection[str], homes: Collection[str], *, purpose: str = RESIDENCE, **told: Any) -> bytes:
    """Return what the index keeps: whom a row is about, the homes that may be told, and what else is `told`.

    `born` (ISO 8601) for an age, `held` (true or false) for a roll or an entitlement; nothing where nothing may be.
    """
    of = {} if purpose == RESIDENCE else {"purpose": purpose}
    return json.dumps({"people": sorted(people), "homes": sorted(homes), **of, **told}).encode()


def answer_question(
    vault: Vault, key: Key, register: Register, question: Question, asker: Asker | None = None, *, today: date
) -> str:
    """Return YES, NO or CANNOT_TELL, by the same steps whoever is asked about; `today` is the council's.

    Raises CharterError where the register has no such check, or whoever asks may not ask it. Without an `asker` it is
    the service that the question names.
    """
    asker = asker or Asker(service=question.asked_by)
    entry = register.check(question.purpose)
    _require_asker(entry, question, asker)
    row = json.loads(vault.resident(question.find_token(key)) or index_row((), ()))
    answer = _find_answer(row, question, key, today)
    return CANNOT_TELL if answer == NO and not entry.tells_no(asker.name) else answer


def _require_asker(entry: Check, question: Question, asker: Asker) -> None:
    named = {asker.service, question.asked_by} - {""}
    may_ask = named <= set(entry.asked_by) and (not asker.role or not entry.roles or asker.role in entry.roles)
    if not may_ask or not asker.name:
        raise CharterError(
            "that service may not ask this of anybody.",
            "Agree it, and add the service, or the role, to [[check]] in the register.",
        )
    if question.purpose == AGE and question.age not in entry.ages:
        raise CharterError(
            "nobody is asked about that age.", "Ask about one of `ages` of the [[check]] in the register."
        )


def _find_answer(row: Mapping[str, Any], question: Question, key: Key, today: date) -> str:
    home = key.pseudonym("household", _plain_uprn(question.uprn))
    told = {
        RESIDENCE: home in row["homes"] if row["homes"] else None,
        AGE: _is_so_old(row["born"], question.age, today) if row.get("born") else None,
    }.get(question.purpose, row.get("held"))
    if told is None:
        return CANNOT_TELL
    return YES if told else NO


def _is_so_old(born: str, age: int, today: date) -> bool:
    """Whether somebody has had so many birthdays; who was born on 29 February has theirs on 1 March of other years."""
    birthday = date.fromisoformat(born)
    return (today.year - birthday.year) - ((today.month, today.day) < (birthday.month, birthday.day)) >= age
