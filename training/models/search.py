"""A search over LightGBM's settings within a stated budget, by Optuna: seeded, pruned, and resumable after a kill.

How it works. The first trial is `[lightgbm]` as it stands; later ones are suggested by TPE (Bergstra et al. 2011). A
trial is fitted on the selection folds in time order and scored by precision at the teams' places; after each fold a
trial whose mean so far is below the median of the finished trials is pruned. The final period takes no part.

Every trial is a row of an SQLite file in the workspace as soon as it ends. A search that is started again goes on with
it and loses at most the trial that was under way: each suggestion is drawn with a seed of its own, from the finished
trials alone, so the trials come out as if nothing had happened.

The chosen settings are those of the best trial. A fold's own figures come from the settings that the *other* folds
would have chosen, because settings chosen on the very period they are judged on would flatter; what is judged is the
way of making the model, the search included. Only the candidate is made with the settings of the best trial.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import lightgbm as lgb
import numpy as np

from charter.council.training_settings import Search, Trees
from training.data.folds import Fold
from training.data.lists import Period
from training.models.boosting import predict_margins
from training.models.fitting import Bins, gather_lessons
from training.models.planning import Plan

if TYPE_CHECKING:
    import optuna

__all__ = ["Found", "Trial", "search_settings"]

_WHOLE = ("trees", "leaves", "rows_per_leaf")
_BY_SIZE = ("trees", "leaves", "rows_per_leaf", "learning_rate", "l2")
"""Settings whose ratio matters, not their difference: they are drawn on a logarithmic scale."""

_UNPRUNED = 4
"""So many trials finish before any is pruned."""


@dataclass(frozen=True)
class Trial:
    """One finished trial: its settings, and its precision at capacity in each fold it came to; fewer if pruned."""

    number: int
    settings: Mapping[str, float]
    precision: tuple[float, ...]
    pruned: bool
    seconds: float

    def mean(self, without: int | None = None) -> float:
        """Return the mean precision over all folds, or over all but one."""
        values = [value for fold, value in enumerate(self.precision) if fold != without]
        return float(np.mean(values or self.precision))


@dataclass(frozen=True)
class Found:
    """What a search found: the settings for the candidate and for each fold's figures, and every finished trial."""

    stated: Trees
    folds: tuple[str, ...]
    trials: tuple[Trial, ...]

    @property
    def best(self) -> Trial:
        """The trial with the largest mean precision; the earliest among equals, so the stated settings win a tie."""
        return self._best()

    @property
    def chosen(self) -> Trees:
        """The settings of the best trial."""
        return _with_changes(self.stated, self.best.settings)

    @property
    def by_fold(self) -> dict[str, Trees]:
        """The settings that the other folds would have chosen, by fold."""
        return {fold: _with_changes(self.stated, self._best(number).settings) for number, fold in enumerate(self.folds)}

    def _best(self, without: int | None = None) -> Trial:
        whole = [trial for trial in self.trials if not trial.pruned]
        return max(whole, key=lambda trial: (trial.mean(without), -trial.number))

    @property
    def sentence(self) -> str:
        """What was searched and found, for a person."""
        pruned = sum(trial.pruned for trial in self.trials)
        first, best = self.trials[0], self.best
        counts = f"Searched {len(self.trials)} settings of LightGBM, {pruned} of them pruned."
        if best is first:
            return f"{counts} None was better than those of training.toml."
        return (
            f"{counts} The best list {100 * best.mean():.1f} of 100 with the outcome, where those of training.toml list"
            f" {100 * first.mean():.1f}. A search flatters itself: each period's figures are of settings that the other"
            " periods chose."
        )

    def as_document(self) -> dict[str, Any]:
        """Return the search as JSON values, without what differs from run to run: its seconds."""
        return {
            "measure": "precision at capacity, averaged over the selection folds",
            "stated": self.stated.model_dump(),
            "chosen": self.chosen.model_dump(),
            "by_fold": {fold: trees.model_dump() for fold, trees in self.by_fold.items()},
            "sentence": self.sentence,
            "trials": [
                {
                    "trial": trial.number,
                    "settings": dict(trial.settings),
                    "precision": list(trial.precision),
                    "pruned": trial.pruned,
                }
                for trial in self.trials
            ],
        }


@dataclass(frozen=True)
class _Judge:
    """One selection fold, ready to judge any settings: its training rows, and its test rows with their lists."""

    fold: Fold
    rows: lgb.Dataset
    period: Period

    @classmethod
    def of(cls, planned: Plan, bins: Bins, fold: Fold) -> _Judge:
        rows = bins.rows.labelled(bins.everywhere(planned, gather_lessons(planned, fold)))
        return cls(fold, rows, Period.of(planned.data, fold.test, planned.places))

    def precision(self, planned: Plan, bins: Bins, settings: Trees) -> float:
        """Return the share with the outcome of those that a model of these settings would list."""
        text = bins.rows.learn(self.rows, settings)
        margins = [predict_margins(text, planned.data.at(day).features, settings.threads) for day in self.fold.test]
        on_list = self.period.listed(self.period.places(np.concatenate(margins))) & self.period.labelled
        return float(self.period.positive[on_list].mean()) if on_list.any() else 0.0


def search_settings(planned: Plan, bins: Bins, path: Path, advance: Callable[[int], None]) -> Found:
    """Search within the budget of `[search]`, going on with the trials in `path`; `advance` is told of each trial."""
    by, stated = planned.settings.search, planned.settings.lightgbm
    folds = planned.selecting
    with _open_study(path) as study:
        _let_go_of_killed(study)
        trials = _finished_trials(study)
        advance(len(trials))
        judges = [_Judge.of(planned, bins, fold) for fold in folds] if _goes_on(by, trials) else []
        while _goes_on(by, trials):
            trial = _suggest_trial(study, by, stated, len(trials))
            settings = _with_changes(stated, trial.params)
            _run_trial(study, trial, (judge.precision(planned, bins, settings) for judge in judges))
            trials = _finished_trials(study)
            advance(1)
    return Found(stated, tuple(fold.name for fold in folds), tuple(trials[: by.trials]))


def _goes_on(by: Search, done: Sequence[Trial]) -> bool:
    spent = sum(trial.seconds for trial in done)
    return not done or (len(done) < by.trials and spent < 60 * by.minutes)


def _with_changes(stated: Trees, changed: Mapping[str, float]) -> Trees:
    return stated.replace(**{name: int(v) if name in _WHOLE else float(v) for name, v in changed.items()})


@contextmanager
def _open_study(path: Path) -> Iterator[optuna.Study]:
    """Open the search in an SQLite file, made on first use; nothing in it is pickled."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    path.parent.mkdir(parents=True, exist_ok=True)
    storage = optuna.storages.RDBStorage(f"sqlite:///{path.resolve()}")
    path.chmod(0o600)
    try:
        yield optuna.create_study(
            storage=storage,
            pruner=optuna.pruners.MedianPruner(n_startup_trials=_UNPRUNED),
            study_name="search",
            direction="maximize",
            load_if_exists=True,
        )
    finally:
        storage.remove_session()
        storage.engine.dispose()


def _let_go_of_killed(study: optuna.Study) -> None:
    """Say of a trial that was under way when its process was killed that it failed: it is suggested again."""
    from optuna.trial import TrialState

    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        study.tell(trial.number, state=TrialState.FAIL)


def _finished_trials(study: optuna.Study) -> list[Trial]:
    """Return the trials that came to their end, in order, numbered from 0 whatever failed between them."""
    from optuna.trial import TrialState

    ended = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))
    return [
        Trial(
            number,
            dict(trial.params),
            tuple(trial.user_attrs["precision"]),
            trial.state == TrialState.PRUNED,
            trial.duration.total_seconds() if trial.duration else 0.0,
        )
        for number, trial in enumerate(ended)
    ]


def _suggest_trial(study: optuna.Study, by: Search, stated: Trees, number: int) -> optuna.Trial:
    """Return the next trial: the stated settings first, then what TPE makes of the finished trials and a seed."""
    import optuna

    study.sampler = optuna.samplers.TPESampler(seed=by.seed + number, n_startup_trials=_UNPRUNED, constant_liar=False)
    if number == 0 and not study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.WAITING,)):
        study.enqueue_trial({name: getattr(stated, name) for name in by.ranges})
    trial = study.ask()
    for name, (low, high) in by.ranges.items():
        least, most = min(low, getattr(stated, name)), max(high, getattr(stated, name))
        if name in _WHOLE:
            trial.suggest_int(name, int(least), int(most), log=name in _BY_SIZE)
        else:
            trial.suggest_float(name, least, most, log=name in _BY_SIZE)
    return trial


def _run_trial(study: optuna.Study, trial: optuna.Trial, judged: Iterator[float]) -> None:
    """Judge a trial fold by fold until it is pruned or has them all, and write it down."""
    from optuna.trial import TrialState

    values: list[float] = []
    pruned = False
    for value in judged:
        values.append(value)
        trial.report(float(np.mean(values)), step=len(values))
        pruned = trial.should_prune()
        if pruned:
            break
    trial.set_user_attr("precision", values)
    if pruned:
        study.tell(trial, state=TrialState.PRUNED)
    else:
        study.tell(trial, float(np.mean(values)))
