"""What is settled before anything is trained: the matrix, the settings, the folds and their counts, the places.

`sooner train --plan` prints it and stops. Everything that cannot be trained on is refused here, with its exit code.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np

from charter.contracts.files import find_current
from charter.contracts.matrix import Matrix, count_codes
from charter.council.points_list import Point, PointsFile
from charter.council.training_settings import TrainingSettings
from charter.errors import CharterError, DataError, UsageError
from charter.invocation import Invocation
from training.data.dataset import Dataset
from training.data.folds import Fold, FoldCount, count_fold, plan_folds
from training.data.help_record import read_help
from training.data.lists import Places
from training.data.offers import Offers
from training.models.contenders import draw_sample
from training.models.leak_evidence import explain_suspects, gather_contrast, tell_same_day
from training.models.leaks import Leak, find_suspects

__all__ = ["Plan", "describe_fold", "make_plan"]


@dataclass(frozen=True)
class Plan:
    """Everything that is settled before anything is trained."""

    data: Dataset
    settings: TrainingSettings
    folds: list[Fold]
    counts: list[FoldCount]
    places: Places
    unchanging: tuple[str, ...]
    suspected: tuple[Leak, ...]
    agreed: tuple[Point, ...] = ()

    @property
    def tested(self) -> list[date]:
        """All test dates, ascending."""
        return [day for fold in self.folds for day in fold.test]

    @property
    def selecting(self) -> list[Fold]:
        """The folds that choose a model: all but the final one, which stands in where it is the only one."""
        return [fold for fold in self.folds if not fold.final] or self.folds

    @property
    def learned(self) -> list[date]:
        """All dates that the candidate may learn from."""
        return self.data.mature_dates(self.data.taken_at)


def make_plan(invocation: Invocation, matrix: Matrix | None = None, settings: TrainingSettings | None = None) -> Plan:
    """Divide the dates of a matrix (the newest) as settings say (training.toml); refuse what cannot be trained on."""
    matrix = matrix or _newest_matrix(invocation)
    purpose = matrix.manifest.get("purpose", "train")
    if purpose != "train":
        raise CharterError(
            f"the matrix {matrix.manifest['id']} was built for the purpose {purpose}, and may not be trained on.",
            "Run `sooner build`, whose purpose is train.",
        )
    programme = invocation.settings
    settings = settings or programme.training
    settings.require_bands()
    data = Dataset.open(matrix, invocation.council)
    data = replace(
        data,
        offers=Offers.read(invocation.workspace.worklist / "actions.csv", data.taken_at),
        help=read_help(invocation, str(matrix.manifest["snapshot"]), data.taken_at, settings.offers.helped),
        leave_out_treated=settings.offers.treated == "leave_out",
    )
    folds = plan_folds(data, settings.folds)
    tested = [day for fold in folds for day in fold.test]
    capacity = {day: programme.capacity(invocation.council, day) for day in tested}
    counts = [count_fold(data, fold) for fold in folds]
    own_dates = programme.training.as_of.each is not None
    places = Places.of(data, tested, capacity, invocation.council, may_be_few=own_dates)
    return Plan(
        data,
        settings,
        folds,
        counts,
        places,
        _find_unchanging(data, settings),
        _find_leaks(invocation, data, settings, folds[-1]),
        _read_agreed(invocation, data, settings),
    )


def _read_agreed(invocation: Invocation, data: Dataset, settings: TrainingSettings) -> tuple[Point, ...]:
    """Return the rules of points.toml where they are compared; raise DefinitionError where they can't be read."""
    if "agreed" not in settings.models.compare:
        return ()
    path, matrix = invocation.programme_folder / "points.toml", data.matrix
    return tuple(PointsFile.load(path, matrix.features, count_codes(matrix.definition)).points)


def _newest_matrix(invocation: Invocation) -> Matrix:
    folder = find_current(invocation.workspace.matrix)
    if folder is None:
        raise UsageError(f"there is no matrix of {invocation.programme} to train on.", "Run `sooner build`.")
    return Matrix.open(folder)


def _find_leaks(invocation: Invocation, data: Dataset, settings: TrainingSettings, fold: Fold) -> tuple[Leak, ...]:
    """Return the accepted features that know the outcome too well on a fold's training rows; refuse the others."""
    sample = draw_sample(data, {day: data.lessons(day, fold.cut) for day in fold.train}, settings)
    names, definition = list(data.matrix.features), data.matrix.definition
    suspects = find_suspects(sample, names, gather_contrast(invocation, data))
    leaks = tell_same_day(invocation, data, explain_suspects(suspects, sample, definition, names))
    reasons = {accepted.feature: accepted.reason for accepted in settings.leaks.accepted}
    refused = [leak for leak in leaks if leak.feature not in reasons]
    if refused and settings.leaks.suspected == "refuse":
        first, *others = refused
        more = "".join(f" So does {leak.feature}: {leak.sign}." for leak in others)
        raise DataError(
            f"the feature {first.feature} knows the outcome too well: {first.sign}. It was probably recorded after the"
            f" outcome.{more}",
            "Look at when its events become known; if it is right all the same, add it with your reason to"
            " [[leaks.accepted]] of training.toml.",
        )
    return tuple(replace(leak, reason=reasons.get(leak.feature, "")) for leak in leaks)


def _find_unchanging(data: Dataset, settings: TrainingSettings) -> tuple[str, ...]:
    """Return the features that never vary, or refuse them, as [models] unchanging says."""
    lowest = np.fmin.reduce([data.extremes(day)[0] for day in data.dates])
    highest = np.fmax.reduce([data.extremes(day)[1] for day in data.dates])
    names = np.array(data.matrix.features)
    never_seen, constant = names[np.isnan(highest)].tolist(), names[highest == lowest].tolist()
    if len(never_seen) + len(constant) < len(names) and settings.models.unchanging == "leave_out":
        return (*never_seen, *constant)
    for features, what in ((never_seen, "is never seen"), (constant, "has the same value in every row")):
        if features:
            more = f" (and {len(features) - 1} more)" if len(features) > 1 else ""
            raise DataError(
                f"the feature {features[0]}{more} {what}, so nothing can be learned from it.",
                "Look at its feed and at the charter's allow-list, remove it from definition.py, or write"
                ' unchanging = "leave_out" in [models] of training.toml.',
            )
    return ()


def describe_fold(fold: Fold, counted: FoldCount) -> dict[str, Any]:
    """Return a fold and its counts as JSON values."""
    return {
        "fold": fold.name,
        "cut": fold.cut.isoformat(),
        "train_from": fold.train[0].isoformat(),
        "train_to": fold.train[-1].isoformat(),
        "embargo_days": fold.embargo_days,
        "test_from": fold.test[0].isoformat(),
        "test_to": fold.test[-1].isoformat(),
        "train_rows": counted.train_rows,
        "train_positives": counted.train_positives,
        "train_unlabelled": counted.train_unlabelled,
        "test_rows": counted.test_rows,
        "test_positives": counted.test_positives,
        "test_unlabelled": counted.test_unlabelled,
    }
