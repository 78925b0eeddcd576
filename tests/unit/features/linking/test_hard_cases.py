"""Cases in which strangers were taken for one person, or one for two, each with what is right; and the whole kind."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.features.linking.said import Linked, link_rows, make_strangers, say

STRANGERS = make_strangers(60)
FEW = settings(max_examples=4, deadline=None, derandomize=True, database=None)
names = st.text("aeiouklmnprst", min_size=4, max_size=9).map(str.title)
days = st.integers(0, 25_000).map(lambda days: date(1945, 3, 2) + timedelta(days=days)).filter(lambda day: day.day > 1)


def test_a_key_keyed_for_another_child_joins_nobody_and_is_reviewed() -> None:
    linked = link_rows(
        [
            say("school", "e3", "Ivo", "Larch", date(2012, 5, 5), household_id="h8", shared_key="T123456789012"),
            say("care", "s3", "Petra", "Stone", date(2013, 5, 5), household_id="h9", shared_key="T123456789012"),
            *STRANGERS,
        ]
    )
    assert not linked.are_one("e3", "s3")


@FEW
@given(
    st.lists(st.tuples(names, names, days, names, names, days), min_size=10, max_size=20, unique_by=lambda row: row[1])
)
def test_no_key_joins_two_of_whom_nothing_else_agrees(rows) -> None:
    said = list(STRANGERS)
    for place, (one, first, born, other, second, day) in enumerate(rows):
        said.append(say("school", f"a{place}", f"B{one}", f"D{first}", born, shared_key=f"77{place:06}1"))
        said.append(say("care", f"b{place}", f"W{other}", f"V{second}", day, shared_key=f"77{place:06}1"))
    linked = link_rows(said)
    apart = [place for place, row in enumerate(rows) if row[2] != row[5]]
    assert apart
    assert all(not linked.are_one(f"a{place}", f"b{place}") for place in apart)
    assert all(linked.rule(f"a{place}", f"b{place}") for place in apart)


@pytest.mark.parametrize("key", ["UN1", "un7", "9999999999", "0000000000", "Unknown", "N/K", "1234567890"])
def test_a_key_that_says_there_is_none_joins_nobody(key: str) -> None:
    linked = link_rows(
        [
            say("school", "a", "Oona", "Vale", None, shared_key=key),
            say("care", "b", "Oona", "Drake", None, shared_key=key),
            *STRANGERS,
        ]
    )
    assert not linked.are_one("a", "b")
    assert linked.rule("a", "b") != "key"


def test_placeholder_dates_and_names_make_nobody_one() -> None:
    linked = link_rows(
        [
            say("tax", "h8", "John", "Smith", date(1900, 1, 1), household_id="h7"),
            say("care", "s8", "John", "Smith", date(1900, 1, 1), household_id="h6"),
            say("tax", "h5", "Unknown", "Unknown", date(1900, 1, 1)),
            say("care", "s5", "Unknown", "Unknown", date(1900, 1, 1)),
            say("tax", "b1", "Baby 1", "Kerr", date(2020, 2, 3), household_id="h5"),
            say("care", "b2", "Baby Girl 2", "Kerr", date(2020, 2, 3), household_id="h5"),
            *(say("tax", f"j{n}", "John", "Smith", date(1960 + n, 2, 3), household_id=f"j{n}") for n in range(9)),
            *STRANGERS,
        ]
    )
    assert not linked.are_one("h8", "s8")
    assert not linked.are_one("h5", "s5")


@FEW
@given(st.lists(st.tuples(names, names), min_size=40, max_size=60, unique=True))
def test_people_of_one_placeholder_day_and_forename_stay_as_many_as_they_are(rows) -> None:
    """A service that knows a year alone writes 1 January; forenames are common, surnames tell people apart."""
    forenames = ("Mohammed", "Ali", "Maria", "Anna")
    said = [
        say(("school", "care")[place % 2], f"p{place}", forenames[place % 4], surname, date(1980 + place % 9, 1, 1))
        for place, (_, surname) in enumerate(rows)
    ]
    linked = link_rows([*said, *STRANGERS])
    pairs = [(a, b) for a in range(len(rows)) for b in range(a) if rows[a][1][:3] != rows[b][1][:3]]
    assert pairs
    assert [pair for pair in pairs if linked.are_one(f"p{pair[0]}", f"p{pair[1]}")] == []


def _tie(father: date, son: date, name: tuple[str, str]) -> Linked:
    return link_rows(
        [
            say("school", "son", *name, son, household_id="one home"),
            say("tax", "father", *name, father, household_id="one home"),
            say("care", "either", *name, None, household_id="one home"),
            *STRANGERS,
        ]
    )


def test_who_fits_father_and_son_alike_is_neither_and_is_reviewed() -> None:
    linked = _tie(date(1975, 2, 2), date(2011, 10, 9), ("Omar", "Quist"))
    assert len({linked.person[ref] for ref in ("son", "father", "either")}) == 3
    assert any("either" in (pair.one, pair.other) and pair.rule in ("rivals", "close") for pair in linked.review)


@FEW
@given(names, names, st.integers(7000, 12_000), days)
def test_ties_are_never_broken(forename, surname, years, born) -> None:
    linked = _tie(born - timedelta(days=years), born, (forename, surname))
    assert not linked.are_one("either", "son")
    assert not linked.are_one("either", "father")
    assert any("either" in (pair.one, pair.other) for pair in linked.review)


def test_a_swapped_name_is_found() -> None:
    linked = link_rows(
        [
            say("school", "e", "Jun", "Okafor", date(2010, 8, 4), household_id="h13"),
            say("care", "s", "Okafor", "Jun", date(2010, 8, 4), household_id="h13"),
            *STRANGERS,
        ]
    )
    assert linked.are_one("e", "s")


@FEW
@given(st.lists(st.tuples(names, names, days), min_size=10, max_size=20, unique_by=lambda row: row[1]))
def test_swapped_names_with_date_and_home_are_linked_or_reviewed(rows) -> None:
    said = list(STRANGERS)
    for place, (forename, surname, born) in enumerate(rows):
        said.append(say("school", f"a{place}", forename, surname, born, household_id=f"s{place}"))
        said.append(say("care", f"b{place}", surname, forename, born, household_id=f"s{place}"))
    linked = link_rows(said)
    assert rows
    for place in range(len(rows)):
        assert linked.are_one(f"a{place}", f"b{place}") or linked.rule(f"a{place}", f"b{place}")


@pytest.mark.parametrize(
    ("written", "other"),
    [
        (("Юлия", "Иванова"), ("Yuliya", "Ivanova")),
        (("Søren", "Kjær"), ("Soren", "Kjaer")),
        (("Dr Zoë", "O’Neil-Khan"), ("Zoe", "Khan Oneil")),
        (("Mary-Jane", "Frome"), ("Maryjane", "FROME")),
        (("Mr Tobias John", "Lorne"), ("Toby", "Lorne")),
        ((None, "LORNE, Tobias"), ("Tobias", "Lorne")),
        (("T", "Lorne"), ("Tobias", "Lorne")),
        (("Tobias", "Lorne"), ("Tobias", "Lorne-Frome")),
    ],
    ids=[
        "Cyrillic",
        "Danish",
        "double-barrelled, with a title",
        "hyphen",
        "short form",
        "one cell",
        "initial",
        "married",
    ],
)
def test_people_are_compared_as_people_are_written(written, other) -> None:
    born = date(1987, 6, 23)
    linked = link_rows(
        [
            say("school", "a", *written, born, household_id="h"),
            say("care", "b", *other, born, household_id="h"),
            *STRANGERS,
        ]
    )
    assert linked.are_one("a", "b")


def test_twins_in_two_registers_are_told_apart_by_the_forename() -> None:
    born = date(2015, 6, 23)
    linked = link_rows(
        [
            say(service, f"{service} {name}", name, "Lorne", born, household_id="h")
            for service in ("school", "care")
            for name in ("Tobias", "Ines")
        ]
        + STRANGERS
    )
    assert linked.are_one("school Tobias", "care Tobias")
    assert linked.are_one("school Ines", "care Ines")
    assert not linked.are_one("school Tobias", "school Ines")


def test_two_years_that_are_known_alone_are_no_slip_of_each_other() -> None:
    """Of two days of birth in May 1972 and 1986 one was keyed wrong; 1 January 1972 and 1986 may be two people's."""
    town = [
        {**row, "service": ("school", "care")[place % 2],
         "birth_date": row["birth_date"].replace(month=1, day=1) if place % 3 == 0 else row["birth_date"]}
        for place, row in enumerate(make_strangers(200))
    ]  # fmt: skip
    for day, rule in ((date(1972, 1, 1), "close"), (date(1972, 5, 7), None)):
        one = say("school", "a", "Greta", "Amberwick", day)
        linked = link_rows([*town, one, {**one, "service": "care", "ref": "b", "birth_date": day.replace(year=1986)}])
        assert linked.rule("a", "b") == rule
        assert linked.are_one("a", "b") == (rule is None)


def test_a_chain_of_likenesses_makes_nobody() -> None:
    """Each is a slip from the next; the first and the last have nothing in common but their street's block."""
    forenames = ("Anna", "Anne", "Anner", "Tanner", "Tarner", "Darner", "Darnel", "Daniel")
    said = [
        say("tax", f"c{n}", name, "Ash", date(1980 + n, 5, 6), household_id="block") for n, name in enumerate(forenames)
    ]
    linked = link_rows([*said, *STRANGERS])
    assert not linked.are_one("c0", "c7")


def _make_families(count: int, namesakes: int) -> list[dict[str, Any]]:
    """Return families of four in two services, with dates; of ten families, `namesakes` sons have the father's name."""
    rows = []
    for family in range(count):
        surname = f"{'bcdfghjk'[family % 8]}a{'lmnprstv'[family // 8 % 8]}o{'bdgk'[family // 64]}en".title()
        son = "Wilfred" if family % 10 < namesakes else "Benedikt"
        for position, forename in enumerate(("Wilfred", f"O{surname[:5].lower()}", son, "Philippa")):
            born = date(1970 + 30 * (position > 1), 1, 2) + timedelta(days=97 * family % 3600 + position)
            rows += [
                say(service, f"{service}{family}.{position}", forename, surname, born, household_id=f"h{family}")
                for service in ("school", "care")
            ]
    return rows


@pytest.mark.parametrize(("namesakes", "asked"), [(1, True), (0, False)])
def test_a_record_without_a_date_is_asked_about_where_fathers_and_sons_have_one_name(namesakes, asked) -> None:
    """The records themselves tell whether there are such: nothing is set."""
    families = _make_families(100, namesakes)
    mothers = families[2::8]
    undated = [{**mother, "service": "tax", "ref": f"tax {mother['ref']}", "birth_date": None} for mother in mothers]
    linked = link_rows([*families, *undated])
    assert len(mothers) == 100
    assert {linked.are_one(mother["ref"], f"tax {mother['ref']}") for mother in mothers} == {not asked}
    if asked:
        assert {linked.rule(mother["ref"], f"tax {mother['ref']}") for mother in mothers} == {"untold"}
