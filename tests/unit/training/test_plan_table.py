"""What the plan says of time between training and test."""

from __future__ import annotations

from training.report.terminal import tabulate_folds

FOLD = {
    "fold": "2024-03", "train_from": "2023-01-01", "train_to": "2024-02-01", "train_rows": 900, "train_positives": 40,
    "embargo_days": 28, "test_from": "2024-03-01", "test_to": "2024-05-01", "test_rows": 200, "test_positives": 9,
    "test_unlabelled": 0,
}  # fmt: skip


def test_no_days_are_said_where_each_row_has_an_end_of_its_own() -> None:
    assert "28 days" in tabulate_folds([FOLD])
    assert "by row" not in tabulate_folds([FOLD])
    own = tabulate_folds([FOLD], ends_with="registry.enrolment")
    assert "28 days" not in own
    assert "a fold learns from a row once its horizon, which ends with registry.enrolment, was over" in own
