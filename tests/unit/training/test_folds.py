from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from charter.contracts.matrix import NONE, Matrix, MatrixDate
from charter.council.council import Council
from charter.council.training_settings import Folds
from charter.errors import DataError
from charter.invocation import Invocation
from training.data.dataset import Dataset
from training.data.folds import FINAL, count_fold, plan_folds
from training.models.planning import make_plan


def test_every_training_row_was_labelled_before_the_first_test_date(shared_matrix: Matrix, council: Council) -> None:
    data = Dataset.open(shared_matrix, council)
    for fold in plan_folds(data, Folds(count=4, dates=3, final=3)):
        assert fold.cut == council.midnight(fold.test[0])
        assert all(data.matures(day) <= fold.cut for day in fold.train)
        assert fold.embargo_days >= 365 + data.lag.days


def test_test_periods_follow_each_other_and_the_final_one_is_last(shared_matrix: Matrix, council: Council) -> None:
    data = Dataset.open(shared_matrix, council)
    folds = plan_folds(data, Folds(count=4, dates=3, final=2))
    tested = [day for fold in folds for day in fold.test]
    assert tested == sorted(set(tested))
    assert [fold.name for fold in folds].index(FINAL) == 4
    assert tested[-1] == data.mature_dates(data.taken_at)[-1]


def test_a_longer_reporting_lag_takes_rows_away_from_training(
    make: Callable[[Any], Invocation], how: Any, council: Council
) -> None:
    invocation = make(how(households=200, lag_days=150.0))
    data = Dataset.open(Matrix.open(next(invocation.workspace.matrix.glob("*/manifest.json")).parent), council)
    for fold in plan_folds(data, Folds(count=2, dates=2, final=2)):
        assert fold.embargo_days >= 365 + 150


def test_too_few_dates_are_refused_with_what_to_do(shared_matrix: Matrix, council: Council) -> None:
    with pytest.raises(DataError, match="30 as-of dates have labels") as refused:
        plan_folds(Dataset.open(shared_matrix, council), Folds(count=9, dates=3, final=3))
    assert "[as_of]" in refused.value.next_step


def test_a_fold_with_nothing_to_train_on_is_refused(shared_matrix: Matrix, council: Council) -> None:
    with pytest.raises(DataError, match="no earlier as-of date's labels were known by then"):
        plan_folds(Dataset.open(shared_matrix, council), Folds(count=8, dates=3, final=3))


def _without_outcomes(rows: MatrixDate) -> MatrixDate:
    return replace(rows, outcome_at=np.full_like(rows.outcome_at, NONE))


def _all_with_outcomes(rows: MatrixDate) -> MatrixDate:
    at = np.full_like(rows.outcome_at, int(rows.outcome_at.max()))
    return replace(rows, outcome_at=at, outcome_known_at=at)


def _never_covered(rows: MatrixDate) -> MatrixDate:
    return replace(_without_outcomes(rows), outcome_seen=np.zeros_like(rows.outcome_seen))


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (_without_outcomes, "all negative"),
        (_all_with_outcomes, "all positive"),
        (_never_covered, "0 labelled rows"),
    ],
)
def test_a_label_of_one_class_is_refused(
    make: Callable[[Any], Invocation], how: Any, edit: Callable[[MatrixDate], MatrixDate], says: str
) -> None:
    with pytest.raises(DataError, match=says) as refused:
        make_plan(make(how(households=200, edit=edit)))
    assert refused.value.exit_code == 11


def test_one_fold_without_positives_is_named(make: Callable[[Any], Invocation], how: Any) -> None:
    def edit(rows: MatrixDate) -> MatrixDate:
        return _without_outcomes(rows) if rows.as_of.year >= 2024 else rows

    with pytest.raises(DataError, match=r"fold 2024-03 tests on \d+ labelled rows, all negative"):
        make_plan(make(how(households=200, edit=edit)))


def test_counts_say_what_has_no_label(shared_matrix: Matrix, council: Council) -> None:
    data = Dataset.open(shared_matrix, council)
    (fold,) = plan_folds(data, Folds(count=1, dates=1, final=0))
    counted = count_fold(data, fold)
    assert counted.train_rows + counted.train_unlabelled == sum(len(data.at(day).entity) for day in fold.train)
    assert 0 < counted.test_positives < counted.test_rows


def of_history(matrix: Matrix, council: Council, until: datetime) -> Dataset:
    """Return the rows of a council that began on 1 September 2020, as a snapshot of a later moment has them."""
    dates = {day: rows for day, rows in matrix.manifest["as_of"].items() if date.fromisoformat(day) <= until.date()}
    manifest = dict(matrix.manifest) | {"as_of": dates, "taken_at": until.isoformat()}
    return Dataset.open(replace(matrix, manifest=manifest), council)


@pytest.mark.parametrize(
    ("months", "settings"),
    [
        (18, Folds(count=1, dates=1, final=0)),
        (18, Folds(count=4, dates=3, final=3)),
        (36, Folds(count=4, dates=3, final=3)),
    ],
)
def test_a_short_history_says_from_which_day_it_is_long_enough(
    shared_matrix: Matrix, council: Council, months: int, settings: Folds
) -> None:
    """Eighteen months and three years. Broken by a lag or a horizon that is left out, or by one date too many."""
    until = datetime(2020 + (8 + months) // 12, (8 + months) % 12 + 1, 1, 6, tzinfo=UTC)
    with pytest.raises(DataError, match="as-of date") as refused:
        plan_folds(of_history(shared_matrix, council, until), settings)
    told = re.search(r"these folds can be judged from (\S+) on", refused.value.next_step)
    assert told is not None
    assert "until then use agreed points, in shadow: `sooner run --no-model`." in refused.value.next_step
    enough = datetime.fromisoformat(f"{told[1]}T23:59:59+00:00")
    assert enough > until
    assert plan_folds(of_history(shared_matrix, council, enough), settings)
    with pytest.raises(DataError):
        plan_folds(of_history(shared_matrix, council, enough - timedelta(days=1)), settings)


def test_six_years_are_enough_for_the_shipped_folds(shared_matrix: Matrix, council: Council) -> None:
    data = of_history(shared_matrix, council, datetime(2026, 9, 1, 6, tzinfo=UTC))
    assert len(plan_folds(data, Folds(count=4, dates=3, final=3))) == 5
