"""Schools: pupil numbers with their check letter, the roll, and weeks that fit the school year."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import duckdb
import numpy as np

from borough.days import list_half_terms
from borough.services.education import find_check_letters, make_roll
from borough.town import Town

LETTERS = "ABCDEFGHJKLMNPQRTUVWXYZ"


def _letter(digits: str) -> str:
    """Work the check letter out by hand: each of twelve digits times 2 to 13, the sum modulo 23."""
    return LETTERS[sum(int(digit) * weight for weight, digit in enumerate(digits, start=2)) % 23]


def test_a_check_letter_is_the_weighted_sum_modulo_23():
    assert find_check_letters(np.array([1, 100000000000, 990100016000])).to_pylist() == [
        LETTERS[13],
        LETTERS[2],
        _letter("990100016000"),
    ]


def test_every_pupil_number_is_its_own_and_valid(extracts: Path):
    with duckdb.connect() as connection:
        pupils = connection.read_csv(extracts / "education" / "pupils.csv", all_varchar=True)
        numbers = [row[0] for row in pupils.project("upn").fetchall()]
    assert len(set(numbers)) == len(numbers) > 300
    assert all(len(number) == 13 and _letter(number[1:]) == number[0] for number in numbers)


def test_independent_schools_pupils_are_not_on_the_roll(town: Town):
    pupils = make_roll(town)
    assert not town.people.independent[pupils.pupil].any()
    age = (pupils.start - town.people.birth[pupils.pupil]) / 365.25
    assert (age > 3.9).all()
    assert (age < 16.5).all()


def test_a_school_year_has_six_half_terms_and_38_weeks_of_mondays():
    terms = list_half_terms(2024)
    assert [term.name for term in terms] == [f"2024-{number}" for number in range(1, 7)]
    mondays = np.concatenate([term.weeks for term in terms])
    assert len(mondays) == 38
    assert (
        mondays.astype("datetime64[D]").astype("datetime64[W]").astype("datetime64[D]").astype(int) == mondays - 4
    ).all()
    assert all(before.end <= after.start for before, after in pairwise(terms))


def test_weeks_and_half_terms_agree_about_sessions_missed(extracts: Path):
    with duckdb.connect() as connection:
        for name in ("attendance", "half_terms"):
            connection.read_parquet(str(extracts / "education" / f"{name}.parquet")).create_view(name)
        ((pupils, agree, too_many),) = connection.execute(
            """
            with weeks as (select * from attendance where corrected_on is null),
                sums as (
                    select h.upn, h.half_term, h.sessions_missed, h.sessions_possible,
                        coalesce(sum(w.sessions_authorised + w.sessions_unauthorised), 0) as missed
                    from half_terms h left join weeks w on w.upn = h.upn and w.week_beginning >= h.started_on
                        and w.week_beginning < h.ended_on
                    group by all)
            select count(*), avg((missed = sessions_missed)::int), count(*) filter (missed > sessions_possible)
            from sums
            """
        ).fetchall()
    assert pupils > 5000
    assert agree == 1
    assert too_many == 0


def test_absence_is_near_the_national_seven_in_a_hundred_and_severe_absence_is_rare(extracts: Path):
    with duckdb.connect() as connection:
        terms = connection.read_parquet(str(extracts / "education" / "half_terms.parquet"))
        ((missed, severe),) = terms.aggregate(
            "sum(sessions_missed) / sum(sessions_possible), avg((2 * sessions_missed >= sessions_possible)::int)"
        ).fetchall()
    assert 0.055 < missed < 0.085
    assert 0.001 < severe < 0.03
