"""Who is left off a list: who rests after a decision, and for how many lists; who has a worker already."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from charter.errors import DefinitionError
from charter.rules.left_out import count_lists_left_out, find_resting, mark_with_worker

LIST = date(2026, 7, 6)
WEEKS = {"taken_up": 26, "family_said_no": 52, "deferred": 0}


def test_a_rest_runs_from_the_day_of_the_decision() -> None:
    decided = [("a", "taken_up", LIST + timedelta(days=3))]
    assert find_resting(decided, WEEKS, date(2027, 1, 6)) == {"a": "taken_up"}
    assert find_resting(decided, WEEKS, date(2027, 1, 7)) == {}


def test_the_rest_that_lasts_longest_counts_and_a_decision_without_one_gives_none() -> None:
    decided = [
        ("a", "family_said_no", LIST),
        ("a", "taken_up", LIST + timedelta(days=20)),
        ("b", "deferred", LIST),
        ("c", "of no list", LIST),
    ]
    assert find_resting(decided, WEEKS, LIST + timedelta(weeks=27)) == {"a": "family_said_no"}


@given(st.integers(0, 60), st.integers(0, 13), st.integers(1, 31))
def test_as_many_lists_are_missed_as_the_rest_covers(weeks: int, after: int, apart: int) -> None:
    """Broken by counting from the list's date, or by rounding down."""
    decided = [("a", "taken_up", LIST + timedelta(days=after))]
    number = count_lists_left_out(weeks, after, apart)
    days = [LIST + timedelta(days=apart * list_number) for list_number in range(1, number + 1)]
    resting = [bool(find_resting(decided, {"taken_up": weeks}, day)) for day in days]
    assert resting[:-1] == [day < decided[0][2] + timedelta(weeks=weeks) for day in days[:-1]]
    assert all(resting[:-1])
    assert not resting[-1]


def test_who_has_a_worker_is_read_from_the_features_that_the_council_names() -> None:
    features = np.array([[1.0, 0.0], [0.0, 5.0], [np.nan, 0.0], [0.0, 0.0]], dtype=np.float32)
    names = ["help_now", "absences"]
    assert mark_with_worker(features, names, ["help_now"]).tolist() == [True, False, False, False]
    assert mark_with_worker(features, names, ["help_now", "absences"]).tolist() == [True, True, False, False]
    assert not mark_with_worker(features, names, []).any()
    with pytest.raises(DefinitionError, match="with_worker names plan_now"):
        mark_with_worker(features, names, ["plan_now"])
