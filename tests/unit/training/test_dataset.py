"""Labels at a cut: the table that design's label rule is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from charter.contracts.matrix import NONE, Matrix, MatrixDate
from charter.council.council import Council
from charter.errors import DataError
from charter.invocation import Invocation
from training.data.dataset import MISSING, Dataset, to_microseconds

DAY = date(2022, 1, 1)
# Horizon 12 months, reporting lag 30 days: rows of 1 January 2022 mature on 31 January 2023.
BEFORE, AFTER = datetime(2023, 1, 30, tzinfo=UTC), datetime(2023, 1, 31, tzinfo=UTC)
EARLY, LATE = datetime(2022, 3, 1, tzinfo=UTC), datetime(2023, 6, 1, tzinfo=UTC)


def with_outcomes(rows: MatrixDate, known: list[datetime | None], seen: list[bool]) -> MatrixDate:
    """Give every row but the last the same outcomes: each component happened on 1 February 2022, known as said.

    The last row is seen and nothing happened to it: the feeds cover the date.
    """
    number = len(rows.entity)
    at = [to_microseconds(datetime(2022, 2, 1, tzinfo=UTC)) if moment else NONE for moment in known]
    told = [to_microseconds(moment) if moment else NONE for moment in known]
    return replace(
        rows,
        outcome_at=np.tile(np.array(at, dtype=np.int64), (number, 1)),
        outcome_known_at=np.tile(np.array(told, dtype=np.int64), (number, 1)),
        outcome_seen=np.vstack([np.tile(np.array(seen), (number - 1, 1)), np.ones((1, len(seen)), dtype=bool)]),
        outcome_before=np.zeros((number, len(seen)), dtype=np.int8),
    )


@pytest.mark.parametrize(
    ("known", "seen", "cut", "label"),
    [
        # nothing happened                              the horizon has not ended: no label, never 0
        ([None, None], [True, True], BEFORE, MISSING),
        ([None, None], [True, True], AFTER, 0),
        # known within the horizon                      not a positive before the horizon and lag have ended
        ([EARLY, None], [True, True], BEFORE, MISSING),
        ([EARLY, None], [True, True], AFTER, 1),
        # happened, but known only later                a 0 until it is known: nobody could have told
        ([LATE, None], [True, True], AFTER, 0),
        ([LATE, None], [True, True], LATE, 0),
        ([LATE, None], [True, True], LATE + timedelta(microseconds=1), 1),
        # a component that could not be seen            missing, unless another one is positive
        ([None, None], [True, False], AFTER, MISSING),
        ([EARLY, None], [True, False], AFTER, 1),
        ([LATE, None], [True, False], AFTER, MISSING),
        ([None, None], [False, False], AFTER, MISSING),
    ],
)
def test_a_label_at_a_cut(
    shared_matrix: Matrix,
    council: Council,
    known: list[datetime | None],
    seen: list[bool],
    cut: datetime,
    label: int,
) -> None:
    data = Dataset.open(shared_matrix, council)
    data.__dict__["_dates"] = {DAY: with_outcomes(shared_matrix.at(date(2022, 1, 1)), known, seen)}
    assert set(data.labels(DAY, cut)[:-1]) == {label}


def test_a_date_that_a_feed_does_not_cover_has_no_label_of_either_kind(shared_matrix: Matrix, council: Council) -> None:
    data = Dataset.open(shared_matrix, council)
    rows = with_outcomes(shared_matrix.at(date(2022, 1, 1)), [EARLY, None], [True, True])
    data.__dict__["_dates"] = {DAY: rows}
    assert set(data.labels(DAY, AFTER)) == {1}
    seen = np.array(rows.outcome_seen)
    seen[:, 1] = False
    data.__dict__["_dates"] = {DAY: replace(rows, outcome_seen=seen)}
    assert set(data.labels(DAY, AFTER)) == {MISSING}
    assert not data.components(DAY, AFTER).any()


def test_rows_mature_after_the_calendar_horizon_and_the_measured_lag(shared_matrix: Matrix, council: Council) -> None:
    data = Dataset.open(shared_matrix, council)
    assert data.horizon_end(date(2023, 5, 1)) == datetime(2024, 4, 30, 23, tzinfo=UTC)
    assert data.matures(date(2023, 5, 1)) == datetime(2024, 5, 30, 23, tzinfo=UTC)


def test_no_training_row_has_a_label_before_it_matures(shared_matrix: Matrix, council: Council) -> None:
    data = Dataset.open(shared_matrix, council)
    for day in data.dates:
        just_before = data.matures(day) - timedelta(microseconds=1)
        assert set(data.labels(day, just_before)) == {MISSING}
        assert MISSING not in set(data.labels(day, data.matures(day)))


def test_a_matrix_that_does_not_say_when_it_was_taken_is_refused(
    make: Callable[[Any], Invocation], how: Any, council: Council
) -> None:
    invocation = make(how(households=200))
    matrix = Matrix.open(next(invocation.workspace.matrix.glob("*/manifest.json")).parent)
    bare = replace(matrix, manifest={key: value for key, value in matrix.manifest.items() if key != "taken_at"})
    with pytest.raises(DataError, match="no label can mature"):
        Dataset.open(bare, council)
