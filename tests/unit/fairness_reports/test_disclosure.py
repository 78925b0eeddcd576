"""Counts of people leave through one door."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fairness_reports.publish.disclosure import HIDDEN, suppress_counts

COUNTS = st.dictionaries(st.text("abcdef", min_size=1, max_size=3), st.integers(0, 60), min_size=1, max_size=8)


def test_one_to_five_are_hidden_and_nought_is_shown() -> None:
    assert suppress_counts({"a": 0, "b": 1, "c": 5, "d": 6}, total_shown=False) == {
        "a": "0",
        "b": "c",
        "c": "c",
        "d": "6",
    }


def test_a_lone_hidden_count_takes_the_smallest_other_with_it_where_a_total_is_shown() -> None:
    assert suppress_counts({"a": 3, "b": 40, "c": 9}, total_shown=True) == {"a": "c", "b": "40", "c": "c"}


@given(COUNTS)
def test_no_small_count_is_ever_shown(counts: dict[str, int]) -> None:
    for total_shown in (False, True):
        shown = suppress_counts(counts, total_shown=total_shown)
        assert shown.keys() == counts.keys()
        assert not any(value != HIDDEN and 1 <= int(value) <= 5 for value in shown.values())


@given(COUNTS)
def test_no_hidden_count_can_be_had_by_subtraction_from_a_shown_total(counts: dict[str, int]) -> None:
    shown = suppress_counts(counts, total_shown=True)
    hidden = [name for name, value in shown.items() if value == HIDDEN]
    if len(hidden) == 1:
        # Nothing else could be hidden with it: every other part is nought.
        assert all(count == 0 for name, count in counts.items() if name != hidden[0])
