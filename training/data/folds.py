"""Temporal folds with the embargo, and the table of them that `sooner train --plan` prints before anything is trained.

Test dates are taken from the newest labelled as-of date backwards: the `final` block, then `count` blocks of `dates`.
A fold's cut is midnight of its first test date; it trains on the rows that had labels at that cut, so between the
newest training date and the first test date lies the embargo: horizon plus measured reporting lag.

    as-of dates   1 2 3 4 5 6 7 8 9 | horizon + lag | 16 17 18 | 19 20 21 | 22 23 24
    fold 1        train ............|    embargo    | test     |
    fold 2        train ............ . . .|    embargo         | test     |
    final         train ............ . . . . . .|    embargo              | test, once
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

import numpy as np

from charter.council.training_settings import Folds
from charter.errors import DataError
from training.data.dataset import MISSING, Dataset
from training.data.history_needed import say_first_days

__all__ = ["FINAL", "SELECTION", "Fold", "FoldCount", "count_fold", "plan_folds"]

FINAL = "final"
"""The period that chooses nothing: the last dates, scored once."""

SELECTION = "selection"
"""The periods that choose, together."""

_REMEDY = "Add earlier dates to [as_of] of training.toml and build again, or ask for fewer folds in [folds]."


@dataclass(frozen=True)
class Fold:
    """A training period, the embargo that follows it, and the test dates; `cut` is the moment of training."""

    name: str
    cut: datetime
    train: tuple[date, ...]
    test: tuple[date, ...]

    @property
    def final(self) -> bool:
        """Whether this is the last period, which never takes part in choosing a model."""
        return self.name == FINAL

    @property
    def embargo_days(self) -> int:
        """Days between the newest training date and the first test date."""
        return (self.test[0] - self.train[-1]).days


@dataclass(frozen=True)
class FoldCount:
    """How many rows a fold trains and tests on: with a label, positive, and without a label."""

    fold: str
    train_rows: int
    train_positives: int
    train_unlabelled: int
    test_rows: int
    test_positives: int
    test_unlabelled: int


def plan_folds(data: Dataset, settings: Folds) -> list[Fold]:
    """Return the folds, oldest first, the final one last; raise DataError where the dates do not suffice."""
    labelled = data.mature_dates(data.taken_at)
    needed = settings.count * settings.dates + settings.final
    if len(labelled) <= needed:
        raise DataError(
            f"{len(labelled)} as-of dates have labels by {data.taken_at.date()}, and the folds need {needed} to test"
            " on and at least one earlier to train on.",
            f"{_REMEDY} {say_first_days(data, settings)}",
        )
    blocks = _divide_dates(labelled, settings)
    folds = [_make_fold(data, name, test) for name, test in blocks]
    for fold in folds:
        if not fold.train:
            raise DataError(
                f"fold {fold.name} tests from {fold.test[0]}, and no earlier as-of date's labels were known by then"
                f" (horizon plus a reporting lag of {data.lag.days} days).",
                f"{_REMEDY} {say_first_days(data, settings)}",
            )
    return folds


def _divide_dates(labelled: list[date], settings: Folds) -> list[tuple[str, tuple[date, ...]]]:
    blocks: list[tuple[str, tuple[date, ...]]] = []
    end = len(labelled)
    if settings.final:
        blocks.append((FINAL, tuple(labelled[end - settings.final : end])))
        end -= settings.final
    for _ in range(settings.count):
        test = tuple(labelled[end - settings.dates : end])
        blocks.append((f"{test[0]:%Y-%m}", test))
        end -= settings.dates
    return blocks[::-1]


def _make_fold(data: Dataset, name: str, test: tuple[date, ...]) -> Fold:
    cut = data.council.midnight(test[0])
    return Fold(name, cut, tuple(data.mature_dates(cut)), test)


def count_fold(data: Dataset, fold: Fold) -> FoldCount:
    """Count a fold's rows; raise DataError for one that has no positive, or nothing but positives."""
    train = np.concatenate([data.lessons(day, fold.cut) for day in fold.train])
    test = np.concatenate([data.labels(day, data.taken_at) for day in fold.test])
    for part, labels in (("trains", train), ("tests", test)):
        _refuse_one_class(fold, part, labels[labels != MISSING])
    return FoldCount(
        fold.name,
        int((train != MISSING).sum()),
        int((train == 1).sum()),
        int((train == MISSING).sum()),
        int((test != MISSING).sum()),
        int((test == 1).sum()),
        int((test == MISSING).sum()),
    )


def _refuse_one_class(fold: Fold, part: str, labels: np.ndarray[tuple[int], np.dtype[np.int8]]) -> None:
    if labels.size and 0 < labels.sum() < labels.size:
        return
    what = "without a label" if not labels.size else "positive" if labels[0] else "negative"
    raise DataError(
        f"fold {fold.name} {part} on {labels.size} labelled rows, all {what}: nothing can be learned or judged there.",
        "Choose dates in [as_of] of training.toml whose outcomes were recorded, or a more common outcome.",
    )
