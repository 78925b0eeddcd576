"""Which days of a file are dates of birth: by a column's name in several languages, or by the days themselves.

    Geburtsdatum, date_naissance, DOB     a name that says birth
    10/05/1951, the same in each row of a person, decades before the file's other days

A date of birth that is taken for the day of an event gives everybody an event in their first hour, and no sense.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from features.intake.database import quote_name
from features.intake.guessing.column_kinds import SampledFile
from features.intake.guessing.column_names import says_end, split_words, starts_with

__all__ = ["find_births", "names_birth"]

_STEMS = (
    "birth", "born", "geburt", "gebdat", "naissance", "nacimiento", "nascimento", "nascita", "geboorte", "fodsel",
    "foedsel", "fodelse", "urodz", "narozen", "syntyma", "szulet",
)  # fmt: skip
"""How a word for birth begins, without its accents."""
_WHOLE = frozenset(["dob", "dateofbirth", "geb", "gebdatum", "nac", "bday"])
_BEGAN = frozenset(["start", "started", "begin", "began", "begun", "since", "opened", "joined", "registered", "first"])
"""A tenancy began long ago, too, and on one day."""
_YEARS_BEFORE = 15
_OTHERWISE = 0.02
"""So large a share of people may have two dates of birth: a typing error is one."""
_PLAIN = str.maketrans({"ø": "o", "ł": "l", "ß": "ss"})


def names_birth(name: str) -> bool:
    """Whether a column's name says a date of birth, in whatever language we know the word of."""
    folded = unicodedata.normalize("NFKD", name.translate(_PLAIN).replace("Ø", "O"))
    plain = "".join(sign for sign in folded if not unicodedata.combining(sign))
    words = split_words(plain)
    return bool(_WHOLE & set(words)) or any(word.startswith(_STEMS) or word.endswith("birth") for word in words)


def find_births(sample: SampledFile, days: Sequence[str], about: str | None, forms: tuple[str, str]) -> tuple[str, ...]:
    """Return which of a file's `days` are dates of birth: by name, and by the rows of whom each is `about`."""
    named = [name for name in days if names_birth(name)]
    others = [name for name in days if name not in named and sample.filled[name]]
    if about is None or len(others) < 2:
        return tuple(named)
    unsaid = [name for name in others if not (_says_other(name) or name == about)]
    return (*named, *(name for name in unsaid if _is_as_births(sample, name, others, about, forms)))


def _says_other(name: str) -> bool:
    return bool(_BEGAN & set(split_words(name))) or says_end(name) or starts_with("recorded", name)


def _is_as_births(sample: SampledFile, name: str, days: Sequence[str], about: str, forms: tuple[str, str]) -> bool:
    """Whether a day is one for each person, of whom most have several rows, and mostly decades before the others."""
    day = sample.read_day(name, forms)
    newest = ", ".join(f"quantile_disc({sample.read_day(other, forms)}, 0.5)" for other in days if other != name)
    rows, people, apart, middle, last = sample.database.execute(
        f"with births as (select {quote_name(about)} as who, {day} as day from sample where {day} is not null),"
        " each as (select count(*) as n, count(distinct day) as days from births group by who)"
        " select (select count(*) from births), (select count(*) from each),"
        " (select count(*) from each where days > 1), (select quantile_disc(day, 0.5) from births),"
        f" (select greatest({newest}) from sample)"
    ).fetchall()[0]
    if not people or rows < 2 * people or apart > _OTHERWISE * people or last is None:
        return False
    return bool(middle.year <= last.year - _YEARS_BEFORE)
