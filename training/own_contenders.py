"""Contenders of one's own, replayed over the weeks and by the rules that Sooner's models are judged by.

Each is any scikit-learn classifier, or pipeline that ends in one. It is fitted anew on every fold's rows, with the
labels known at the fold's cut, and ranks the weeks in which that fold's model could have been in use. All contenders
share weeks, draws of the households, lots and decisions. Nothing is said of the final weeks: they are for one look.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from charter.errors import DataError, UsageError
from charter.invocation import Invocation
from training.data.dataset import MISSING, Dataset
from training.data.folds import SELECTION
from training.data.list_decisions import read_list_rules
from training.judging.choosing import TITLES
from training.judging.metrics import Figure
from training.judging.replay_figures import DECIDES, LOTS, Replayed, ReplayInput
from training.judging.replay_run import plan_replay
from training.judging.replay_weeks import build_weeks, choose_fold
from training.models.boosting import read_directions
from training.models.contenders import draw_sample, fit_simple
from training.models.fitting import gather_lessons
from training.models.planning import Plan

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]  # it ships no types
    from matplotlib.axes import Axes

__all__ = ["OwnReplay", "make_frame", "replay_contenders"]

BASELINE = "points"
"""Sooner's points list stands beside: what one's own has to be better than to be worth not adding up by hand."""

TOLD = ("needed_of_listed", "needed_of_families", "listed_of_need", "days_before", "unneeded_per_1000", "new_of_listed")


@dataclass(frozen=True)
class OwnReplay:
    """What the replay of one's own contenders measured: figures with intervals, and differences to each before."""

    weeks: str
    figures: Sequence[Figure] = field(repr=False)

    @property
    def table(self) -> pd.DataFrame:
        """A row for each contender: of 100 listed those with a need recorded, its interval, and the other figures."""
        import pandas as pd

        rows: dict[str, dict[str, Any]] = {}
        for figure in self._of_everyone():
            if figure.against is None and figure.measure in TOLD:
                row = rows.setdefault(figure.model, {})
                row[figure.measure] = figure.estimate
                if figure.measure == DECIDES:
                    row |= {"low": figure.low, "high": figure.high}
        columns = [DECIDES, "low", "high", *TOLD[1:]]
        return pd.DataFrame.from_dict(rows, orient="index").reindex(columns=columns)

    @property
    def differences(self) -> pd.DataFrame:
        """A row for each pair, by (contender, less): how many more of those listed, paired by household."""
        import pandas as pd

        rows = {
            (figure.model, figure.against): (figure.estimate, figure.low, figure.high)
            for figure in self._of_everyone()
            if figure.against is not None
        }
        index = pd.MultiIndex.from_tuples(list(rows), names=["contender", "less"])
        return pd.DataFrame(list(rows.values()), index=index, columns=["more", "low", "high"])

    def plot(self, axes: Axes | None = None) -> Axes:
        """Draw each contender's share of listings before a need, with its interval, and return the axes."""
        import matplotlib.pyplot as plt

        table = self.table.iloc[::-1]
        if axes is None:
            _, axes = plt.subplots(figsize=(8, 1.2 + 0.5 * len(table)), layout="constrained")
        share, low, high = (100 * table[name].to_numpy(dtype=float) for name in (DECIDES, "low", "high"))
        beside = np.nan_to_num(np.vstack([share - low, high - share]))
        axes.errorbar(share, np.arange(len(table)), xerr=beside, fmt="o", color="#1d70b8", capsize=4)
        axes.set_yticks(np.arange(len(table)), [TITLES.get(name, name) for name in table.index])
        axes.set_ylim(-0.6, len(table) - 0.4)
        axes.set_xlim(left=0)
        axes.set_xlabel("Of 100 listed, families with a need recorded within the horizon")
        axes.set_title(self.weeks, fontsize="medium", loc="left")
        axes.grid(axis="x", color="#b1b4b6", linewidth=0.5)
        axes.set_axisbelow(True)
        return axes

    def _of_everyone(self) -> list[Figure]:
        return [figure for figure in self.figures if figure.part == "all" and figure.period == SELECTION]


def replay_contenders(invocation: Invocation, planned: Plan, contenders: Mapping[str, Any]) -> OwnReplay:
    """Replay one's own contenders, by name, with drawing lots and the points list beside them.

    Raises UsageError for a name of Sooner's own models or for what has no `fit` and no way to score, DataError where no
    past week can be replayed.
    """
    _require_classifiers(contenders)
    rules = read_list_rules(invocation, planned.data.taken_at)
    plan = plan_replay(invocation, planned)
    if plan.why:
        raise DataError(f"no past week can be replayed: {plan.why}.", "See `sooner train --plan`.")
    data, weeks = build_weeks(invocation, planned, plan, rules)
    margins = _score_contenders(planned, data, contenders)
    shared = ReplayInput.of(planned, plan, rules, weeks, margins)
    spreads = {name: shared.replay(name)[SELECTION] for name in (LOTS, *margins)}
    replayed = Replayed(plan, rules, {SELECTION: spreads})
    days = plan.days_of(0)
    span = (
        f"{plan.count_weeks(0)} weeks of lists from {days[0]} to {days[-1]}, 95 % intervals by drawing households again"
    )
    return OwnReplay(span, replayed.figures(planned.settings.bootstrap.level))


def _require_classifiers(contenders: Mapping[str, Any]) -> None:
    for name, estimator in contenders.items():
        if name in TITLES:
            raise UsageError(f"{name} is the name of one of Sooner's own models.", "Choose another name for yours.")
        if not hasattr(estimator, "fit") or not any(
            hasattr(estimator, way) for way in ("decision_function", "predict_proba")
        ):
            raise UsageError(
                f"{name} is no classifier: it has no `fit`, or neither `decision_function` nor `predict_proba`.",
                "Give a scikit-learn classifier, or a pipeline that ends in one.",
            )


def _score_contenders(planned: Plan, data: Dataset, contenders: Mapping[str, Any]) -> dict[str, NDArray[np.float64]]:
    """Return each contender's margin of every row of the weeks, by the fold whose model could have been in use."""
    from sklearn.base import clone  # type: ignore[import-untyped]  # it ships no types

    names, definition, categories = data.matrix.features, data.matrix.definition, data.matrix.categories
    stated = read_directions(definition, names)
    fold_of = {day: choose_fold(planned.folds, day) for day in data.dates}
    parts: dict[str, list[NDArray[np.float64]]] = {name: [] for name in (BASELINE, *contenders)}
    fitted: dict[tuple[str, str], Any] = {}
    for day in data.dates:
        fold, rows = fold_of[day], np.asarray(data.at(day).features)
        if (fold.name, BASELINE) not in fitted:
            lessons = gather_lessons(planned, fold)
            sample = draw_sample(planned.data, lessons, planned.settings)
            sample.hide_columns(categories)
            points = fit_simple(BASELINE, sample, definition, names, stated, planned.settings)
            fitted[fold.name, BASELINE] = points
            learned = [label[label != MISSING] for label in lessons.values()]
            values = np.concatenate(
                [np.asarray(planned.data.at(when).features)[label != MISSING] for when, label in lessons.items()]
            )
            frame = make_frame(values, names, categories)
            for name, estimator in contenders.items():
                fitted[fold.name, name] = _fit(clone(estimator), name, frame, np.concatenate(learned))
        parts[BASELINE].append(fitted[fold.name, BASELINE].margins(rows, planned.settings.lightgbm.threads))
        for name in contenders:
            parts[name].append(_score_rows(fitted[fold.name, name], make_frame(rows, names, categories)))
        data.at(day).let_go()
    return {name: np.concatenate(margins) for name, margins in parts.items()}


def _fit(estimator: Any, name: str, frame: pd.DataFrame, label: NDArray[np.int8]) -> Any:
    """Fit a contender; raise DataError where it can't take cells that say "not seen"."""
    try:
        return estimator.fit(frame, label)
    except ValueError as error:
        if "NaN" not in str(error) or not frame.isna().to_numpy().any():
            raise
        raise DataError(
            f"the contender {name!r} takes no empty cells, and a cell is empty where nobody could have been seen.",
            "Put an imputer before it: make_pipeline(SimpleImputer(add_indicator=True), ...) of scikit-learn.",
        ) from None


def make_frame(
    values: NDArray[np.float32], names: Sequence[str], categories: Mapping[int, int], index: pd.Index | None = None
) -> pd.DataFrame:
    """Return rows as scikit-learn takes them, (rows, features); codes of categories as pandas' own categories.

    `categories` are how many codes each such column has. A not seen value stays NaN.
    """
    import pandas as pd

    rows = pd.DataFrame(values, columns=list(names), index=index)
    for column, codes in categories.items():
        kind = pd.CategoricalDtype(np.arange(codes, dtype=np.float32))
        rows[names[column]] = rows[names[column]].astype(kind)
    return rows


def _score_rows(estimator: Any, rows: pd.DataFrame) -> NDArray[np.float64]:
    """Return what orders rows: the decision function, or else the log odds of the second class."""
    if hasattr(estimator, "decision_function"):
        return np.asarray(estimator.decision_function(rows), dtype=np.float64)
    chance = np.clip(np.asarray(estimator.predict_proba(rows))[:, 1].astype(np.float64), 1e-12, 1 - 1e-12)
    return np.asarray(np.log(chance / (1 - chance)))
