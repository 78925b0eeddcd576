"""What a row's outcome is: which components are asked of it, and which label follows."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pytest

from charter.contracts.labels import NOT_KNOWN, find_asked, label_rows
from charter.contracts.matrix import CONTINUING, FREE, NONE, UNSEEN, MatrixDate, Widths

OF_ANY: dict[str, Any] = {}
OF_ONSET = {"onset": True}


def rows_of(before: list[list[int]], seen: list[list[bool]]) -> MatrixDate:
    """Return rows of two components, of which only what was before and what is covered is told."""
    number = len(before)
    values = {"entity": [b"h"] * number, "area": [b""] * number, "features": [[0.0]] * number, "seen": [[1]] * number}
    values |= {"members": [1] * number, "person": [b"p"] * number, "person_row": range(number)}
    values |= {"person_age": [5.0] * number, "outcome_at": [[NONE] * 2] * number, "outcome_seen": seen}
    values |= {"outcome_known_at": [[NONE] * 2] * number, "outcome_before": before}
    return MatrixDate.of(date(2024, 1, 1), Widths(1, 1, 2), values)


def label_of(before: list[int], happened: list[bool], seen: list[bool], outcome: dict[str, Any]) -> int:
    """Return the label of one row beside another one that is free of everything and covered."""
    rows = rows_of([before, [FREE, FREE]], [seen, [True, True]])
    return int(label_rows(rows, outcome, np.array([happened, [False, False]]))[0][0])


@pytest.mark.parametrize(
    ("before", "happened", "seen", "of_any", "of_onset"),
    [
        ([FREE, FREE], [False, False], [True, True], 0, 0),
        ([FREE, FREE], [False, True], [True, True], 1, 1),
        # What goes on is no onset, and says nothing of the one that could begin.
        ([FREE, CONTINUING], [False, True], [True, True], 1, 0),
        ([FREE, CONTINUING], [True, True], [True, True], 1, 1),
        # What nobody could see before is not asked, and not a no of its own.
        ([FREE, UNSEEN], [False, True], [True, True], 0, 0),
        ([UNSEEN, UNSEEN], [True, True], [True, True], NOT_KNOWN, NOT_KNOWN),
        ([CONTINUING, CONTINUING], [True, False], [True, True], 1, NOT_KNOWN),
        # A horizon that is not covered makes a no impossible, but only of what is asked.
        ([FREE, FREE], [False, False], [True, False], NOT_KNOWN, NOT_KNOWN),
        ([FREE, FREE], [True, False], [True, False], 1, 1),
        ([FREE, CONTINUING], [False, False], [True, False], NOT_KNOWN, 0),
        ([FREE, UNSEEN], [False, False], [True, False], 0, 0),
    ],
)
def test_the_label_of_one_household(
    before: list[int], happened: list[bool], seen: list[bool], of_any: int, of_onset: int
) -> None:
    assert label_of(before, happened, seen, OF_ANY) == of_any
    assert label_of(before, happened, seen, OF_ONSET) == of_onset


def test_a_date_that_a_feed_does_not_cover_has_no_label_of_either_kind() -> None:
    rows = rows_of([[FREE, FREE]] * 3, [[True, False]] * 3)
    label, counted = label_rows(rows, OF_ANY, np.array([[True, False], [False, False], [False, True]]))
    assert label.tolist() == [NOT_KNOWN] * 3
    assert not counted.any()


def test_a_feed_that_nobody_could_be_asked_of_takes_no_label_away() -> None:
    rows = rows_of([[FREE, UNSEEN]] * 2, [[True, False]] * 2)
    label, _ = label_rows(rows, OF_ANY, np.array([[True, False], [False, False]]))
    assert label.tolist() == [1, 0]


def test_what_is_asked_is_of_an_onset_free_and_of_any_need_seen() -> None:
    rows = rows_of([[FREE, CONTINUING], [UNSEEN, FREE]], [[True, True]] * 2)
    assert find_asked(rows, OF_ONSET).tolist() == [[True, False], [False, True]]
    assert find_asked(rows, OF_ANY).tolist() == [[True, True], [False, True]]


def test_a_feed_younger_than_the_months_before_is_asked_of_all_and_an_onset_of_none() -> None:
    rows = rows_of([[FREE, UNSEEN]] * 2, [[True, True]] * 2)
    assert find_asked(rows, OF_ANY).tolist() == [[True, True]] * 2
    assert find_asked(rows, OF_ONSET).tolist() == [[True, False]] * 2
    label, _ = label_rows(rows, OF_ANY, np.array([[False, True], [False, False]]))
    assert label.tolist() == [1, 0]
