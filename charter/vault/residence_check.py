"""The minimal check for other services: is this person resident at this address? Yes, no, or can't tell.

Asked under a purpose and a register entry of its own (`[[check]]`), by the services that the entry names, and answered
from an index in the vault that holds nothing else: `link` writes one sealed row for each person, found by a pseudonym
of their folded name and birth date. "Can't tell" is said of whoever isn't known, shares name and birth date with
somebody, lives at a protected or shared address, has died, or doesn't want it: nobody learns which.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date

from charter.council.register import Register
from charter.errors import CharterError, UsageError
from charter.vault.key import Key
from charter.vault.vault import Vault

__all__ = ["CANNOT_TELL", "NO", "PURPOSE", "YES", "Question", "answer_question", "index_row", "residents_token"]

PURPOSE = "residence_check"
YES, NO, CANNOT_TELL = "yes", "no", "can't tell"


@dataclass(frozen=True)
class Question:
    """Who is asked about, and where; `asked_by` is the service that asks. Never kept."""

    forename: str
    surname: str
    birth_date: date
    uprn: str
    asked_by: str

    @classmethod
    def read(cls, document: Mapping[str, object]) -> Question:
        """Return the question that a JSON object asks; raise UsageError, repeating nothing, where it asks none."""
        names = ("forename", "surname", "birth_date", "uprn", "asked_by")
        if set(document) != set(names) or not all(
            isinstance(value, str) and value.strip() for value in document.values()
        ):
            raise UsageError("that is no question.", f"Give each of these as a text: {', '.join(names)}.")
        try:
            born = date.fromisoformat(str(document["birth_date"]))
        except ValueError:
            raise UsageError("birth_date is not a day.", "Write it like 1980-02-01.") from None
        return cls(
            str(document["forename"]), str(document["surname"]), born, str(document["uprn"]), str(document["asked_by"])
        )


def residents_token(key: Key, forename: str, surname: str, birth_date: date) -> str:
    """Return the pseudonym that a person is found by, under this purpose's own key."""
    return key.pseudonym("residence check", _fold_name(forename), _fold_name(surname), birth_date.isoformat())


def _fold_name(name: str) -> str:
    plain = "".join(sign for sign in unicodedata.normalize("NFKD", name) if not unicodedata.combining(sign))
    return re.sub(r"[^a-z]", "", plain.lower())


def index_row(people: Collection[str], homes: Collection[str]) -> bytes:
    """Return what the index keeps: whom a row is about, and the homes that may be told (none where nothing may)."""
    return json.dumps({"people": sorted(people), "homes": sorted(homes)}).encode()


def answer_question(vault: Vault, key: Key, register: Register, question: Question) -> str:
    """Return YES, NO or CANNOT_TELL, by the same steps whoever is asked about.

    Raises CharterError where the register has no such check, or the service may not ask it.
    """
    entry = register.check(PURPOSE)
    if question.asked_by not in entry.asked_by:
        raise CharterError(
            "that service may not ask where anybody lives.",
            "Agree it, and add the service to [[check]] in the register.",
        )
    token = residents_token(key, question.forename, question.surname, question.birth_date)
    home = key.pseudonym("household", question.uprn.strip().lstrip("0"))
    homes = json.loads(vault.resident(token) or index_row((), ()))["homes"]
    if not homes:
        return CANNOT_TELL
    return YES if home in homes else NO
