"""Residence as it could have been known: claims of services, settled afresh each time something new is known."""

from __future__ import annotations

from datetime import datetime

import duckdb
import pytest

from features.linking.homes import MOST_AT_HOME, find_crowded_homes, settle_residence

CASES = {
    "one service, one home": (
        "A housing 2018 .    2018 .",
        ["A 2018 .    2018 ."],
    ),
    "the end is known later than the beginning": (
        """A housing 2018 .    2018 2021
           A housing 2018 2020 2021 .""",
        ["A 2018 .    2018 2021", "A 2018 2020 2021 ."],
    ),
    "the first service of the order is believed; the other fills the gap it leaves": (
        """A housing 2018 2020 2018 .
           B tax     2016 .    2018 .""",
        ["A 2018 2020 2018 .", "B 2016 2018 2018 .", "B 2020 .    2018 ."],
    ),
    "until the first service says so, the second is all there is": (
        """B tax     2016 .    2016 .
           A housing 2018 .    2020 .""",
        ["A 2018 .    2020 .", "B 2016 .    2016 2020", "B 2016 2018 2020 ."],
    ),
    "two homes of one service at one time are two homes": (
        """A school  2018 .    2018 .
           B school  2018 .    2018 .""",
        ["A 2018 .    2018 .", "B 2018 .    2018 ."],
    ),
    "two services of one home are one residence": (
        """A housing 2018 2020 2018 .
           A tax     2019 .    2019 .""",
        ["A 2018 .    2019 .", "A 2018 2020 2018 2019"],
    ),
    "a claim that was taken back leaves nothing": (
        "A housing 2018 .    2018 2019",
        ["A 2018 .    2018 2019"],
    ),
    "a service without a place in the order comes after those with one": (
        """A clinic  2018 .    2018 .
           B tax     2018 .    2018 .""",
        ["B 2018 .    2018 ."],
    ),
}


def when(word: str) -> datetime | None:
    return None if word == "." else datetime(int(word), 1, 1)


@pytest.mark.parametrize("case", CASES, ids=list(CASES))
def test_residence(case: str) -> None:
    claims, expected = CASES[case]
    with duckdb.connect() as database:
        database.execute(
            "create table claims (person_id varchar, household_id varchar, service varchar, start timestamp, "
            '"end" timestamp, known_at timestamp, known_until timestamp)'
        )
        for line in claims.splitlines():
            home, service, *times = line.split()
            database.execute("insert into claims values ('p', ?, ?, ?, ?, ?, ?)", [home, service, *map(when, times)])
        residence = settle_residence(database, database.table("claims"), ("housing", "school", "tax"))
        found = residence.select('household_id, start, "end", known_at, known_until').fetchall()
    assert sorted(found, key=str) == sorted(
        ((row.split()[0], *map(when, row.split()[1:])) for row in expected), key=str
    )


def _crowd(rows: str) -> list[tuple[str, datetime]]:
    with duckdb.connect() as database:
        residence = database.sql(
            'select person_id, household_id, start::timestamp as start, "end"::timestamp as "end", '
            f"known_at::timestamp as known_at, null::timestamp as known_until from ({rows})"
        )
        return find_crowded_homes(database, residence).fetchall()


def test_a_home_of_more_people_than_a_household_has_is_crowded_from_when_that_was_known() -> None:
    people = (
        "select 'p' || n as person_id, 'block' as household_id, make_date(2000 + n, 1, 1) as start, "
        'null::date as "end", make_date(2000 + n, 3, 1) as known_at from range(1, {}) r(n)'
    )
    assert _crowd(people.format(MOST_AT_HOME + 1)) == []
    assert _crowd(people.format(MOST_AT_HOME + 9)) == [("block", datetime(2000 + MOST_AT_HOME + 1, 3, 1))]


def test_people_who_follow_each_other_do_not_crowd_a_home() -> None:
    one_by_one = (
        "select 'p' || n as person_id, 'home' as household_id, make_date(1950 + n, 1, 1) as start, "
        'make_date(1951 + n, 1, 1) as "end", make_date(1950 + n, 1, 1) as known_at from range(60) r(n)'
    )
    assert _crowd(one_by_one) == []
