"""The published order: margin, then the lottery, then each team's capacity."""

from __future__ import annotations

import hashlib
from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from charter.errors import DataError
from charter.rules.tie_break import lots, order_rows, rank_within, select

DAY = date(2026, 3, 1)


def slow_order(names: list[str], day: date, margins: list[float]) -> list[int]:
    """Apply the rule as published, one row at a time."""
    rows = sorted(
        range(len(names)),
        key=lambda i: (-margins[i], hashlib.sha256(f"{names[i]}{day.isoformat()}".encode()).hexdigest()),
    )
    places = [0] * len(names)
    for place, row in enumerate(rows, start=1):
        places[row] = place
    return places


def test_larger_margin_comes_first() -> None:
    assert order_rows(["a", "b", "c"], DAY, [0.1, 2.0, -1.0]).tolist() == [2, 1, 3]


@given(st.lists(st.sampled_from([0.0, -0.0, 1.0, 1.5]), max_size=40), st.dates())
def test_order_is_the_published_rule(margins: list[float], day: date) -> None:
    names = [f"household-{i}" for i in range(len(margins))]
    expected = slow_order(names, day, margins)
    assert order_rows(np.array(names, dtype=str), day, margins).tolist() == expected
    assert order_rows(np.array(names, dtype="S32"), day, margins).tolist() == expected


def test_ties_fall_differently_on_another_day() -> None:
    names = [f"h{i}" for i in range(50)]
    assert order_rows(names, DAY, np.zeros(50)).tolist() != order_rows(names, date(2026, 3, 8), np.zeros(50)).tolist()


def test_order_does_not_depend_on_row_order() -> None:
    rng = np.random.default_rng(5)
    names, margins = np.array([f"h{i}" for i in range(200)]), rng.integers(0, 5, 200).astype(float)
    shuffled = rng.permutation(200)
    assert (order_rows(names, DAY, margins)[shuffled] == order_rows(names[shuffled], DAY, margins[shuffled])).all()


@pytest.mark.parametrize(
    ("names", "margins", "words"),
    [
        (["a", "b"], [1.0], "one margin for each"),
        (["a", "b"], [1.0, float("nan")], "not a finite number"),
        (["a", "a"], [1.0, 2.0], "occurs twice"),
    ],
)
def test_order_refuses_what_has_no_place(names: list[str], margins: list[float], words: str) -> None:
    with pytest.raises(DataError, match=words):
        order_rows(names, DAY, margins)


def test_rank_within_counts_from_one_in_each_team() -> None:
    rank = np.array([5, 1, 4, 2, 3])
    assert rank_within(rank, ["n", "s", "s", "n", "s"]).tolist() == [2, 1, 3, 1, 2]


def test_select_cuts_each_team_at_its_capacity() -> None:
    rank = np.arange(1, 7)
    team = ["n", "n", "n", "s", "", "x"]
    assert select(rank, team, {"n": 2, "s": 5}).tolist() == [True, True, False, True, False, False]


def test_nobody_is_selected_from_nobody() -> None:
    empty = np.zeros(0, dtype=np.int64)
    assert order_rows([], DAY, []).tolist() == []
    assert select(empty, [], {"n": 2}).tolist() == []


def test_lots_drawn_before_give_the_same_order() -> None:
    names, margins = np.array([f"h{i}" for i in range(60)]), np.repeat([2.0, 1.0, 2.0], 20)
    assert order_rows(names, DAY, margins, lots(names, DAY)).tolist() == order_rows(names, DAY, margins).tolist()
    assert order_rows(names, DAY, margins, lots(names[::-1], DAY)).tolist() != order_rows(names, DAY, margins).tolist()
