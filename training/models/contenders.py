"""The models that are compared, simplest first, and how each is fitted on one fold's training rows.

    random         no order at all: every margin is equal, so the published lottery (charter/rules/tie_break.py) decides
    last_contact   the household that any service heard of last comes first
    one_feature    the single feature that orders the training rows best
    agreed         the points of points.toml, as people typed them
    points         a points list (points.py)
    logistic       logistic regression on steps (logistic.py)
    lightgbm       boosted trees (boosting.py)

The last four are LightGBM native text, the one format that serving reads. Boosted trees alone read categories: all
others ask for "at least", which a code without an order has not.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charter.council.points_list import Point
from charter.council.training_settings import POINTS_LISTS, TrainingSettings
from charter.errors import DefinitionError
from features.grammar.points_in_words import describe_points
from training.data.dataset import MISSING, Dataset
from training.models.boosting import predict_margins
from training.models.logistic import fit_regression
from training.models.points import fit_points
from training.models.stumps import Stump, write_stumps

__all__ = ["Fitted", "Parted", "Sample", "draw_sample", "fit_simple", "word_rules"]


@dataclass(frozen=True)
class Sample:
    """Labelled training rows of one fold: `features` (rows, features) float32, `labels` (rows,) 0 or 1."""

    features: NDArray[np.float32]
    labels: NDArray[np.int8]

    def hide_columns(self, columns: Collection[int]) -> None:
        """Make some columns what was never seen, for models that may not or cannot read them."""
        self.features[:, list(columns)] = np.nan


def draw_sample(data: Dataset, labels: Mapping[date, NDArray[np.int8]], settings: TrainingSettings) -> Sample:
    """Copy the labelled rows, or a seeded sample of them, for the models that need them in memory."""
    rows_labelled = sum(int((label != MISSING).sum()) for label in labels.values())
    share = min(1.0, settings.logistic.rows / max(rows_labelled, 1))
    generator = np.random.default_rng(settings.lightgbm.seed)
    picked = {
        day: np.flatnonzero((label != MISSING) & (generator.random(len(label)) < share))
        for day, label in labels.items()
    }
    # Column by column: every model that needs a sample looks at one feature at a time.
    total = sum(len(rows) for rows in picked.values())
    features = np.empty((total, len(data.matrix.features)), dtype=np.float32, order="F")
    start = 0
    for day, rows in picked.items():
        features[start : start + len(rows)] = data.at(day).features[rows]
        data.at(day).let_go()
        start += len(rows)
    return Sample(features, np.concatenate([labels[day][rows] for day, rows in picked.items()]))


@dataclass(frozen=True)
class Fitted:
    """A fitted model: LightGBM native text, or else the columns whose largest signed value is the margin.

    `never` is the margin of a row whose ordering value is not seen: below every value of the training rows.
    """

    name: str
    text: str | None = None
    columns: tuple[tuple[int, int], ...] = ()
    never: float = 0.0
    rules: tuple[Stump, ...] = ()
    params: Mapping[str, Any] = field(default_factory=dict)

    def margins(self, features: NDArray[np.float32], threads: int) -> NDArray[np.float64]:
        """Return the raw margin of each row; shape (rows,), finite."""
        if self.text is not None:
            return predict_margins(self.text, features, threads)
        return np.fmax(_largest_signed(features, self.columns), self.never)


def _largest_signed(features: NDArray[np.float32], columns: Sequence[tuple[int, int]]) -> NDArray[np.float64]:
    """Return the largest of each row's signed values; NaN where none is seen."""
    best = np.full(len(features), np.nan if columns else 0.0)
    for column, sign in columns:
        best = np.fmax(best, features[:, column].astype(np.float64) * sign)
    return best


def _ordered_by(name: str, columns: Sequence[tuple[int, int]], sample: Sample, **params: Any) -> Fitted:
    values = _largest_signed(sample.features, columns)
    lowest = float(np.nanmin(values)) - 1.0 if not np.isnan(values).all() else 0.0
    return Fitted(name, columns=tuple(columns), never=lowest, params=params)


def fit_simple(
    name: str,
    sample: Sample,
    definition: Mapping[str, Any],
    names: Sequence[str],
    stated: Sequence[int],
    by: TrainingSettings,
    agreed: Sequence[Point] = (),
) -> Fitted:
    """Fit one of the models below boosted trees; `stated` are the features' directions, `agreed` what people typed."""
    if name == "random":
        return Fitted(name)
    if name == "last_contact":
        return _ordered_by(name, _days_since(definition, names), sample)
    if name == "one_feature":
        return _best_feature(sample, stated, names)
    if name == "agreed":
        rules = _read_agreed(agreed, sample, names)
        return Fitted(name, write_stumps(rules, names, stated), rules=tuple(rules), params={"rules": len(rules)})
    if name == "points":
        rules = fit_points(sample.features, sample.labels, stated, by.points)
        return Fitted(name, write_stumps(rules, names, stated), rules=tuple(rules), params={"rules": len(rules)})
    rules, start = fit_regression(sample.features, sample.labels, stated, by.logistic)
    return Fitted(name, write_stumps(rules, names, stated, start), rules=tuple(rules), params={"steps": len(rules)})


def _days_since(definition: Mapping[str, Any], names: Sequence[str]) -> tuple[tuple[int, int], ...]:
    dated = {f["name"] for f in definition["features"] if _mentions_word(f["expression"], "days_since")}
    if not dated:
        raise DefinitionError(
            "no feature of the definition counts days since anything, so nobody's last contact is known.",
            "Add a days_since feature, or leave last_contact out of [models] compare in training.toml.",
        )
    return tuple((column, -1) for column, name in enumerate(names) if name in dated)


def _mentions_word(expression: Any, word: str) -> bool:
    if isinstance(expression, Mapping):
        return any(_mentions_word(value, word) for value in expression.values())
    if isinstance(expression, list):
        return any(_mentions_word(value, word) for value in expression)
    return bool(expression == word)


def _read_agreed(agreed: Sequence[Point], sample: Sample, names: Sequence[str]) -> list[Stump]:
    """Return the agreed points as rules, as people typed them: nothing of them is fitted but how many rows each holds.

    A rule of a feature that is not there, as where a study leaves it out, is left out too.
    """
    columns = {name: column for column, name in enumerate(names)}
    rules = [
        Stump(columns[row.feature], row.at_least, True, row.points, 0.0) for row in agreed if row.feature in columns
    ]
    shares = [float(rule.applies(sample.features[:, rule.feature]).mean()) for rule in rules]
    return [replace(rule, share=share) for rule, share in zip(rules, shares, strict=True)]


def _best_feature(sample: Sample, stated: Sequence[int], names: Sequence[str]) -> Fitted:
    """Choose the feature and sign with the largest AUROC on the training rows; not seen comes last."""
    best = (-1.0, 0, 1)
    for column, direction in enumerate(stated):
        area = dict(zip((1, -1), Parted.of(sample, column).aurocs(), strict=True))
        for sign in (direction,) if direction else (1, -1):
            best = max(best, (area[sign], column, sign))
    return _ordered_by("one_feature", [(best[1], best[2])], sample, feature=names[best[1]])


@dataclass(frozen=True)
class Parted:
    """One feature's values in ascending order, of rows with the outcome and of those without; `unseen` numbers each."""

    positive: NDArray[np.float32]
    negative: NDArray[np.float32]
    unseen: tuple[int, int]

    @classmethod
    def of(cls, sample: Sample, column: int) -> Parted:
        """Part and sort one column of a sample."""
        values = sample.features[:, column]
        both = [np.sort(values[sample.labels == label]) for label in (1, 0)]
        present = [part[: len(part) - int(np.isnan(part).sum())] for part in both]  # NaN is sorted to the end
        return cls(present[0], present[1], (len(both[0]) - len(present[0]), len(both[1]) - len(present[1])))

    def aurocs(self) -> tuple[float, float]:
        """Return the AUROC of rising and of falling values; who is not seen comes last, NaN: one class."""
        pairs = (len(self.positive) + self.unseen[0]) * (len(self.negative) + self.unseen[1])
        if not pairs:
            return np.nan, np.nan
        below = np.searchsorted(self.negative, self.positive, side="left").sum(dtype=np.float64)
        until = np.searchsorted(self.negative, self.positive, side="right").sum(dtype=np.float64)
        above = float(below + until) / 2
        pairs_seen = len(self.positive) * len(self.negative)
        unseen = len(self.positive) * self.unseen[1] + self.unseen[0] * self.unseen[1] / 2
        return (above + unseen) / pairs, (pairs_seen - above + unseen) / pairs

    def held(self, threshold: float, at_least: bool) -> tuple[int, int]:
        """Return how many rows, and how many with the outcome, are at least, or else below, a threshold."""
        cut = [int(np.searchsorted(part, np.float32(threshold))) for part in (self.positive, self.negative)]
        if at_least:
            cut = [len(self.positive) - cut[0], len(self.negative) - cut[1]]
        return cut[0] + cut[1], cut[0]


def word_rules(fitted: Fitted, definition: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    """Return the rules of a points list as sentences; empty for a model that has none."""
    if fitted.name not in POINTS_LISTS:
        return []
    rules = [
        {
            "feature": names[rule.feature],
            "threshold": rule.threshold,
            "at_least": rule.at_least,
            "points": round(rule.adds),
        }
        for rule in fitted.rules
    ]
    return describe_points(rules, definition["features"])
