"""Populations made to be taken for each other: whoever links them is judged by the truth that is kept beside.

Families live in homes, some of them flats of one block that all have the block's number; parents pass on names; twins
share all but the forename. Three services know them, each with its slips: dates that say a year or nothing, names in
the other column, in another script, shortened or misspelt, keys keyed for somebody else or saying that there is none.
Every person is of one group, by what makes them hard to tell apart; "not recorded" is a group.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

import pyarrow as pa

__all__ = ["GROUPS", "Mix", "make_population"]

GROUPS = ("plain", "placeholder date", "common name", "script", "twin", "block", "not recorded")
_COMMON = (
    "mohammed",
    "ali",
    "ahmed",
    "fatima",
    "khan",
    "omar",
    "aisha",
    "hassan",
    "ibrahim",
    "yusuf",
    "maryam",
    "john",
    "james",
    "mary",
    "sarah",
    "david",
    "olivia",
    "jack",
    "emily",
    "thomas",
    "daniel",
    "anna",
    "maria",
    "jose",
    "juan",
    "luis",
    "ana",
)
_COMMON_SURNAMES = (
    "khan",
    "ahmed",
    "ali",
    "hussain",
    "begum",
    "smith",
    "jones",
    "patel",
    "singh",
    "kaur",
    "nguyen",
    "garcia",
    "silva",
    "kowalski",
    "popescu",
)
_SYLLABLES = (
    "ba",
    "be",
    "bo",
    "da",
    "de",
    "di",
    "fa",
    "fe",
    "go",
    "ha",
    "he",
    "jo",
    "ka",
    "ke",
    "ki",
    "la",
    "le",
    "li",
    "lo",
    "ma",
    "me",
    "mi",
    "mo",
    "na",
    "ne",
    "ni",
    "no",
    "pa",
    "pe",
    "ra",
    "re",
    "ri",
    "ro",
    "sa",
    "se",
    "si",
    "so",
    "ta",
    "te",
    "ti",
    "to",
    "va",
    "ve",
    "wa",
    "wi",
    "za",
)
_ENDS = ("n", "l", "r", "s", "th", "rd", "ck", "m", "ne", "tt", "son", "ley", "ton", "well", "man")
_CYRILLIC = dict(zip("abvgdeziklmnoprstufhyj", "абвгдезиклмнопрстуфхыж", strict=True))
_WRITTEN_AS = {"mohammed": ("muhammad", "mohamed", "mohamad", "muhammed"), "yusuf": ("yousef", "yousif"),
               "aisha": ("ayesha", "aysha"), "hassan": ("hasan",), "ahmed": ("ahmad",), "hussain": ("hussein",),
               "fatima": ("fatma", "fatimah"), "omar": ("umar",), "maryam": ("mariam",)}  # fmt: skip
SERVICES = ("school", "care", "tax")


@dataclass(frozen=True)
class Mix:
    """Shares of people or records that are hard in each way."""

    placeholder_dates: float = 0.3
    common_names: float = 0.4
    scripts: float = 0.05
    twins: float = 0.04
    blocks: float = 0.15
    wrong_keys: float = 0.01
    no_keys: float = 0.3
    swaps: float = 0.02
    slips: float = 0.05
    no_dates: float = 0.1
    namesakes: float = 0.01


@dataclass
class _Person:
    number: int
    forename: str
    surname: str
    born: date
    sex: str
    home: str
    key: str
    group: str
    address_known: bool = True
    other: dict[str, str] = field(default_factory=dict)


def make_population(seed: int, references: int, mix: Mix | None = None) -> pa.Table:
    """Return about so many references: ref, service, person, group and what `link_people`'s evidence is made of."""
    chance, mix = random.Random(seed), mix or Mix()  # noqa: S311 a made-up town has no secret
    people = list(_make_people(chance, max(4, int(references / 1.9)), mix))
    rows = [row for person in people for row in _record(chance, person, people, mix)]
    chance.shuffle(rows)
    names = list(rows[0])
    kinds = {"birth_date": pa.date32(), "known_at": pa.timestamp("us")}
    return pa.table({name: pa.array([row[name] for row in rows], kinds.get(name, pa.string())) for name in names})


def _make_people(chance: random.Random, count: int, mix: Mix) -> Iterator[_Person]:
    number = home = 0
    while number < count:
        home += 1
        block = chance.random() < mix.blocks
        place = f"block{home // 40}" if block else f"home{home}"
        surname = chance.choice(_COMMON_SURNAMES) if chance.random() < mix.common_names else _coin(chance, 2, 3)
        script = chance.random() < mix.scripts
        unrecorded = chance.random() < 0.1
        family: list[_Person] = []
        for position in range(chance.choice((1, 2, 2, 3, 4, 5))):
            adult = position < 2
            born = date(1950 if adult else 2006, 1, 1) + timedelta(days=chance.randrange(18_000 if adult else 6_000))
            common = chance.random() < mix.common_names
            forename = chance.choice(_COMMON) if common else _coin(chance, 2, 2)
            if not adult and chance.random() < mix.namesakes * 5:
                forename = family[0].forename
            hard = {"script": script, "not recorded": unrecorded, "block": block, "common name": common}
            group = next((name for name, holds in hard.items() if holds), "plain")
            family.append(
                _Person(
                    number + len(family),
                    forename,
                    surname,
                    born,
                    chance.choice("FM"),
                    place,
                    _key(chance),
                    group,
                    not unrecorded,
                )
            )
        if chance.random() < mix.twins * 3:
            first = family[-1]
            twin = replace(
                first,
                number=number + len(family),
                forename=_twin_name(chance, first.forename),
                key=_key(chance),
                group="twin",
                other={},
            )
            family[-1] = replace(first, group="twin", other={})
            family.append(twin)
        for person in family:
            if chance.random() < mix.placeholder_dates:
                person.group = "placeholder date"
                person.other["date"] = chance.choice(("year", "year", "year", "1900-01-01", "day of the service"))
        number += len(family)
        yield from family


def _twin_name(chance: random.Random, forename: str) -> str:
    return (
        forename + " " + _coin(chance, 2, 2)
        if chance.random() < 0.1
        else chance.choice((_coin(chance, 2, 2), chance.choice(_COMMON)))
    )


def _coin(chance: random.Random, least: int, most: int) -> str:
    return "".join(chance.choice(_SYLLABLES) for _ in range(chance.randint(least, most))) + chance.choice(_ENDS)


def _key(chance: random.Random) -> str:
    return f"{chance.randrange(10**9, 10**10)}"


def _record(chance: random.Random, person: _Person, people: Sequence[_Person], mix: Mix) -> Iterator[dict[str, object]]:
    known = [service for service in SERVICES if chance.random() < 0.62] or ["tax"]
    again = ["tax"] if "tax" in known and chance.random() < 0.15 else []
    for place, service in enumerate([*known, *again]):
        forename, surname = _write_name(chance, person, mix)
        birth = _write_birth(chance, person, service, mix)
        key: str | None = person.key
        if service == "tax" or chance.random() < mix.no_keys:
            key = chance.choice((None, None, "UN1", "9999999999"))
        elif chance.random() < mix.wrong_keys:
            key = chance.choice(people).key
        home: str | None = person.home
        if not person.address_known or chance.random() < 0.1:
            home = None
        elif chance.random() < 0.15:
            home = f"moved{person.number // 3}"
        yield {
            "ref": f"{service}{person.number}.{place}",
            "service": service,
            "person": str(person.number),
            "hard": person.group,
            "forename": forename.title() if chance.random() < 0.7 else forename.upper(),
            "surname": surname.title(),
            "birth_date": birth,
            "sex": person.sex if chance.random() < 0.7 else None,
            "postcode": None,
            "household_id": home,
            "shared_key": key,
            "known_at": None,
        }  # fmt: skip


def _write_name(chance: random.Random, person: _Person, mix: Mix) -> tuple[str, str]:
    forename, surname = person.forename, person.surname
    forename = chance.choice(_WRITTEN_AS.get(forename, (forename,))) if chance.random() < 0.3 else forename
    if person.group == "script" and chance.random() < 0.5:
        forename, surname = ("".join(_CYRILLIC.get(letter, letter) for letter in name) for name in (forename, surname))
    if chance.random() < mix.slips:
        forename = _slip(chance, forename)
    if chance.random() < mix.slips:
        surname = _slip(chance, surname)
    if chance.random() < mix.slips / 2:
        forename = chance.choice((forename[:1], "unknown", "baby", "Baby of " + surname))
    return (surname, forename) if chance.random() < mix.swaps else (forename, surname)


def _write_birth(chance: random.Random, person: _Person, service: str, mix: Mix) -> date | None:
    written, born = person.other.get("date"), person.born
    if chance.random() < mix.no_dates or (service == "tax" and chance.random() < 0.5):
        return None
    if written and chance.random() < 0.8:
        of_service = {"school": date(2000, 1, 1), "care": date(1980, 7, 1), "tax": date(1970, 1, 1)}[service]
        return {"year": date(born.year, 1, 1), "1900-01-01": date(1900, 1, 1)}.get(written, of_service)
    if born.day <= 12 and chance.random() < mix.slips / 2:
        return date(born.year, born.day, born.month)
    return born


def _slip(chance: random.Random, name: str) -> str:
    if len(name) < 3:
        return name
    at = chance.randrange(len(name) - 1)
    return chance.choice(
        (name[:at] + name[at + 1 :], name[:at] + name[at + 1] + name[at] + name[at + 2 :], name[: at + 1] + name[at:])
    )
