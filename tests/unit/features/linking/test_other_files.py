"""Files of people of other shapes than a council's: what they do not say must not make one person of many."""

from __future__ import annotations

import random
from datetime import date
from typing import Any

from tests.unit.features.linking.said import link_rows, make_strangers, say

FORENAMES = ("Ada", "Ben", "Cora", "Dev", "Edith", "Finn", "Greta", "Hugo", "Iris", "Jonas", "Karim", "Lena", "Milo",
             "Nora", "Omar", "Petra", "Quinn", "Rosa", "Sven", "Tara", "Umar", "Vera", "Walid", "Yusuf")  # fmt: skip


def _make_families(count: int) -> list[dict[str, Any]]:
    """Return families of four, each person once or twice; of each a name and a postcode, and nothing else."""
    chance = random.Random(4)  # noqa: S311 a made-up town has no secret
    rows = []
    for family in range(count):
        surname = f"{chance.choice('bdfgklmnprst')}a{chance.choice('bdfgklmnprst')}o{chance.choice('bdfgklmnprst')}ell"
        for position, forename in enumerate(chance.sample(FORENAMES, 4)):
            for copy in range(chance.choice((1, 2))):
                ref = f"{family}.{position}.{copy}"
                rows.append(say("tax", ref, forename, surname, None, postcode=f"N{family % 9} {family}AB"))
    return rows


def test_a_family_known_by_names_and_a_postcode_alone_is_not_one_person() -> None:
    rows = _make_families(120)
    linked = link_rows(rows)
    people: dict[str, set[str]] = {}
    for row in rows:
        people.setdefault(linked.person[row["ref"]], set()).add(row["forename"])
    assert len(people) > 400
    assert all(len(forenames) == 1 for forenames in people.values())


def test_two_whose_common_names_are_each_others_are_two_and_a_slip_is_one() -> None:
    names = ("Frank", "Werner", "Martin", "Otto", "Karl", "Walter", "Simon", "Thomas")
    chance = random.Random(1)  # noqa: S311 a made-up town has no secret
    town = [
        say("tax", f"t{number}", *chance.sample(names, 2), date(1930 + number % 70, 1 + number % 12, 1 + number % 28))
        for number in range(300)
    ]
    swapped = [
        say("school", "s1", "Greta", "Amberwick", date(2011, 4, 5)),
        say("care", "s2", "Amberwick", "Greta", date(2011, 4, 5)),
    ]
    strangers = [
        say("school", "w1", "Frank", "Werner", date(2005, 3, 1)),
        say("care", "w2", "Werner", "Frank", date(2004, 5, 26)),
    ]
    linked = link_rows([*town, *swapped, *strangers])
    assert linked.are_one("s1", "s2")
    assert not linked.are_one("w1", "w2")


def test_people_of_the_past_have_dates_of_birth_and_a_slip_into_the_past_is_none() -> None:
    past = [{**row, "birth_date": row["birth_date"].replace(year=row["birth_date"].year - 200)}
            for row in make_strangers(60)]  # fmt: skip
    same = say("tax", "again", past[0]["forename"], past[0]["surname"], past[0]["birth_date"])
    namesake = say("tax", "other", past[1]["forename"], past[1]["surname"], date(1702, 9, 9))
    linked = link_rows([*past, same, namesake])
    assert linked.are_one(past[0]["ref"], "again")
    assert not linked.are_one(past[1]["ref"], "other")
    slip = say("school", "slip", "Greta", "Amberwick", date(1018, 4, 5), household_id="home")
    right = say("care", "right", "Greta", "Amberwick", date(2018, 4, 5), household_id="home")
    assert link_rows([*make_strangers(60), slip, right]).are_one("slip", "right")


def test_an_initial_or_no_further_name_is_no_other_name() -> None:
    born = date(1962, 4, 9)
    rows = [
        say("school", "a", "Anna Maria", "Amberwick", born, household_id="home"),
        say("care", "b", "Anna M", "Amberwick", born, household_id="home"),
        say("tax", "c", "Anna", "Amberwick", born, household_id="home"),
    ]
    linked = link_rows([*make_strangers(200), *rows])
    assert linked.are_one("a", "b")
    assert linked.are_one("a", "c")


ODD = (
    "",
    " ",
    "x" * 200,
    "\u202e Ana",
    "--",
    "李",
    "Ж" * 50,
    "null",
    "a\nb",
    "q\"'",
    "%_\\",
    "Baby",
    None,
    "e\u0301",
    "0" * 40,
)
"""What no name, address or key is, and stands in files all the same."""


def test_whatever_stands_in_a_file_ends_in_people() -> None:
    """The year 18, names of 200 letters, addresses that are none, nobody with a home: rows stay people."""
    chance = random.Random(1)  # noqa: S311 a made-up town has no secret
    days = (None, date(18, 1, 1), date(1, 1, 1), date(9999, 12, 31), date(1900, 1, 1), date(2024, 2, 29))
    traits = ("postcode", "address", "town", "email", "phone", "shared_key", "sex")
    rows = [
        say(
            chance.choice(("school", "care", "tax")),
            f"r{number}",
            chance.choice(ODD),
            chance.choice(ODD),
            chance.choice(days),
            **{name: chance.choice(ODD) for name in traits},
        )
        for number in range(150)
    ]
    linked = link_rows(rows)
    assert linked.person.keys() == {row["ref"] for row in rows}
    assert len(set(linked.person.values())) > 140
