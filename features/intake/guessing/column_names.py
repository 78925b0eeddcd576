"""What a column is likely to be, by its name: a reference, a date of birth, the day something was recorded.

Names are read word by word: `tenancyRef`, `tenancy_ref` and `Tenancy Ref` are the words tenancy and ref. These are
guesses for a person to confirm (`sooner init`); `pull` reads a council's register and guesses at nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = [
    "NAMED",
    "find_named",
    "is_identifier",
    "is_person_reference",
    "names_somebody",
    "says_day",
    "says_end",
    "split_words",
    "starts_with",
]

_IDENTIFIERS = frozenset(
    [
        "ref",
        "reference",
        "id",
        "ids",
        "number",
        "no",
        "nbr",
        "num",
        "code",
        "key",
        "uid",
        "uprn",
        "usrn",
        "upn",
        "ypid",
        "postcode",
        "phone",
        "account",
    ]
)
_PEOPLE = frozenset(
    [
        "person",
        "people",
        "client",
        "resident",
        "tenant",
        "pupil",
        "child",
        "patient",
        "applicant",
        "liable",
        "claimant",
        "customer",
        "member",
        "learner",
        "student",
        "individual",
        "user",
        "subject",
        "household",
        "family",
        "participant",
        "employee",
    ]
)
_PLACES = frozenset(["uprn", "usrn", "postcode", "phone", "code", "area", "lsoa", "ward"])
_NUMBERS_OF_PEOPLE = (("upn",), ("ypid",), ("nhs", "number"), ("unique", "pupil", "number"))

NAMED: dict[str, tuple[frozenset[str], ...]] = {
    "forename": tuple(map(frozenset, (["forename"], ["first", "name"], ["firstname"], ["given", "name"]))),
    "surname": tuple(map(frozenset, (["surname"], ["last", "name"], ["lastname"], ["family", "name"]))),
    "birth_date": tuple(
        map(frozenset, (["dob"], ["date", "of", "birth"], ["birth", "date"], ["birthdate"], ["dateofbirth"]))
    ),
    "death_date": tuple(map(frozenset, (["dod"], ["date", "of", "death"], ["death", "date"]))),
    "uprn": (frozenset(["uprn"]),),
    "postcode": tuple(map(frozenset, (["postcode"], ["post", "code"]))),
    "address": (frozenset(["address"]),),
}
"""By the field of a record: the names that a column of it has, each as its words."""

_STARTS = {
    "recorded": frozenset(["recorded", "record", "logged", "entered", "created", "received"]),
    "corrected": frozenset(["corrected", "updated", "modified", "amended"]),
}
_ENDS = frozenset(["to", "end", "ended", "until", "left", "closed", "finished", "ceased"])
_DAYS = frozenset(["date", "day", "on", "at", "from", "start", "started", "dob"])


def split_words(name: str) -> tuple[str, ...]:
    """Return the words of a column's name, in small letters."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    return tuple(word for word in re.split(r"[^a-z0-9]+", apart.lower()) if word)


def is_identifier(name: str) -> bool:
    """Whether a column names something rather than counts it, so that its leading zeros are part of it."""
    return bool(_IDENTIFIERS & set(split_words(name)))


def is_person_reference(name: str) -> bool:
    """Whether a column says whom a row is about: a reference of a person, pupil, tenant, applicant and so on."""
    words = split_words(name)
    return words in _NUMBERS_OF_PEOPLE or (bool(_PEOPLE & set(words)) and bool(_IDENTIFIERS & set(words)))


def names_somebody(name: str) -> bool:
    """Whether a column could say whom a row is about: it names something, and no place, phone or code."""
    return is_identifier(name) and not _PLACES & set(split_words(name))


def find_named(field: str, columns: Iterable[str]) -> str | None:
    """Return the first column that has one of the names of a field of `NAMED`; `mother_forename` is no `forename`."""
    return next((name for name in columns if frozenset(split_words(name)) in NAMED[field]), None)


def starts_with(what: str, name: str) -> bool:
    """Whether a column says when a row was `recorded` or `corrected`: its name begins with such a word."""
    return bool(set(split_words(name)[:1]) & _STARTS[what])


def says_end(name: str) -> bool:
    """Whether a column says until when: `tenancy_end`, `left_on`, `liable_to`."""
    return bool(_ENDS & set(split_words(name)))


def says_day(name: str) -> bool:
    """Whether a column says when, by its name alone: what is left to go by where it is empty."""
    words = split_words(name)
    return bool(_DAYS & set(words)) or says_end(name)
