"""Boosted trees by LightGBM: features binned once and shared by all folds, trained the same way twice.

How it works. The bin edges come from the earliest training fold, the only one whose features every other fold may
know about (a seeded sample of its rows, as LightGBM takes one too). All rows are binned with those edges straight from
the memory-mapped matrix, in batches whose pages are given back at once. A fold is a subset of the binned rows, and its
labels are set for its own cut. So memory holds bins of one byte, and never the matrix.

Every feature with a stated direction is constrained to it. Nothing is reweighted for imbalance: that would spoil the
likelihoods, and ranking does not need it. Not seen is NaN, and each split learns where those rows go.

A category is split by LightGBM's own way for codes: some to the left, all others to the right, with whoever was not
seen. Its codes are stated in the definition, so each has a bin from the start, whether anybody had it by then or not; a
code too rare in a node to be told apart (`cat_smooth`, `min_data_per_group`) stays with the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from charter.contracts.matrix import Matrix, MatrixDate
from charter.council.training_settings import Trees

__all__ = ["BinnedRows", "make_parameters", "predict_margins", "read_directions"]

_EDGE_ROWS = 200_000
"""So many rows tell where bins end: LightGBM's own number."""

_BATCH = 1 << 16


def read_directions(definition: Mapping[str, Any], features: Sequence[str]) -> list[int]:
    """Return each feature's monotone constraint: 1 more can only raise, -1 more can only lower, 0 free."""
    sign = {"increasing": 1, "decreasing": -1, None: 0}
    stated = {feature["name"]: sign[feature["direction"]] for feature in definition["features"]}
    return [stated[name] for name in features]


def make_parameters(settings: Trees, constraints: Sequence[int]) -> dict[str, Any]:
    """Return LightGBM's parameters for our settings; same data, parameters and threads give the same text."""
    return {
        "objective": "binary",
        "num_leaves": settings.leaves,
        "learning_rate": settings.learning_rate,
        "min_data_in_leaf": settings.rows_per_leaf,
        "lambda_l2": settings.l2,
        "feature_fraction": settings.feature_share,
        "bagging_fraction": settings.row_share,
        "bagging_freq": 1 if settings.row_share < 1 else 0,
        "monotone_constraints": list(constraints),
        "monotone_constraints_method": "intermediate",
        "deterministic": True,
        "force_row_wise": True,
        "seed": settings.seed,
        "num_threads": settings.threads,
        "verbosity": -1,
        **_binning_parameters(settings),
    }


def _binning_parameters(settings: Trees) -> dict[str, Any]:
    return {
        "max_bin": settings.bins,
        "data_random_seed": settings.seed,
        "feature_pre_filter": False,
        "num_threads": settings.threads,
        "verbosity": -1,
    }


def _gains_without(features: int, without: Sequence[int]) -> dict[str, Any]:
    left_out = set(without)
    return {"feature_contri": [0.0 if column in left_out else 1.0 for column in range(features)]} if left_out else {}


class _Batches(lgb.Sequence):
    """One date's rows, handed to LightGBM in batches."""

    batch_size = _BATCH

    def __init__(self, rows: MatrixDate) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows.entity)

    def __getitem__(self, where: int | slice | list[int]) -> NDArray[np.float32]:
        batch = np.array(self._rows.features[where])
        self._rows.let_go()
        return batch


class BinnedRows:
    """All rows of some as-of dates, binned once; any labelled subset of them can be learned from, by any settings."""

    def __init__(self, dates: Sequence[MatrixDate], earliest: Sequence[date], matrix: Matrix, settings: Trees) -> None:
        self._settings = settings
        self._rows = sum(len(rows.entity) for rows in dates)
        self._constraints = read_directions(matrix.definition, matrix.features)
        names, binning, categories = matrix.features, _binning_parameters(settings), matrix.categories
        first = [rows for rows in dates if rows.as_of in set(earliest)]
        sample = _sample_rows(first, settings.seed)
        ends = {rows.as_of: rows.extremes() for rows in dates}
        late = _mark_unchanging([ends[rows.as_of] for rows in first]) & ~_mark_unchanging(list(ends.values()))
        late[list(categories)] = False
        _state_codes(sample, categories)
        if late.any():
            _borrow_columns(sample, late, dates)
            binning["enable_bundle"] = False
        columns: list[int] | str = list(categories) or "auto"
        binning_of: dict[str, Any] = {"feature_name": names, "categorical_feature": columns, "params": binning}
        edges = lgb.Dataset(sample, free_raw_data=True, **binning_of).construct()
        self._binned = lgb.Dataset(
            [_Batches(rows) for rows in dates],
            label=np.zeros(self._rows),
            reference=edges,
            **binning_of,
        ).construct()

    def fit(self, labels: NDArray[np.int8], settings: Trees | None = None) -> str:
        """Return the native text of a model of the rows whose label is 0 or 1; shape of `labels` (rows,)."""
        return self.learn(self.labelled(labels), settings)

    def labelled(self, labels: NDArray[np.int8]) -> lgb.Dataset:
        """Return the rows whose label is 0 or 1, which `learn` may learn from any number of times."""
        labelled = np.flatnonzero(labels >= 0)
        chosen = self._binned.subset(labelled.tolist()) if len(labelled) < self._rows else self._binned
        return chosen.construct().set_label(labels[labelled].astype(np.float32))

    def learn(self, rows: lgb.Dataset, settings: Trees | None = None, without: Sequence[int] = ()) -> str:
        """Return the native text of a model of `rows`; `settings` may differ from ours in all but the binning.

        The columns `without` are never split on: their gains count for nothing.
        """
        used = settings or self._settings
        chosen = make_parameters(used, self._constraints) | _gains_without(len(self._constraints), without)
        model = lgb.train(chosen, rows, num_boost_round=used.trees)
        return model.model_to_string()


def predict_margins(text: str, features: NDArray[np.float32], threads: int) -> NDArray[np.float64]:
    """Return the raw margins of rows in the matrix's column order; shape (rows,)."""
    model = lgb.Booster(model_str=text)
    margins = model.predict(np.asarray(features), raw_score=True, num_threads=threads)
    return np.asarray(margins, dtype=np.float64)


def _sample_rows(dates: Sequence[MatrixDate], seed: int) -> NDArray[np.float32]:
    """Return the rows of some dates that edges are found on: all, or a seeded sample of them; (rows, features)."""
    numbers = [len(rows.entity) for rows in dates]
    total = sum(numbers)
    chosen = np.arange(total)
    if total > _EDGE_ROWS:
        chosen = np.sort(np.random.default_rng(seed).choice(total, _EDGE_ROWS, replace=False))
    parts = []
    for rows, start, number in zip(dates, np.cumsum([0, *numbers]), numbers, strict=False):
        parts.append(np.array(rows.features[chosen[(chosen >= start) & (chosen < start + number)] - start]))
        rows.let_go()
    return np.concatenate(parts)


def _state_codes(sample: NDArray[np.float32], categories: Mapping[int, int]) -> None:
    """Fill the columns of categories with every code equally often, and not seen once: each gets a bin of its own.

    Which codes there are is no news of later dates: the definition states them.
    """
    for column, codes in categories.items():
        sample[:, column] = np.arange(len(sample)) % codes
        sample[:1, column] = np.nan


def _mark_unchanging(ends: Sequence[tuple[NDArray[np.float32], NDArray[np.float32]]]) -> NDArray[np.bool_]:
    """Return which columns never vary, given their extremes at some dates: constant, or never seen."""
    return np.asarray(~(np.fmax.reduce([high for _, high in ends]) > np.fmin.reduce([low for low, _ in ends])))


def _borrow_columns(sample: NDArray[np.float32], late: NDArray[np.bool_], dates: Sequence[MatrixDate]) -> None:
    """Fill the columns of the earliest rows that do not vary there from the first date at which they do.

    A feed that starts later has no edges in the earliest fold. Columns are binned one by one, so borrowing a column
    of a later date gives it edges without touching the others (bundles of columns are switched off for it).
    """
    varying = [(rows, ~_mark_unchanging([rows.extremes()])) for rows in dates]
    for column in np.flatnonzero(late):
        # Where dates have few rows each, a column can differ between them and within none.
        parts = next(([rows] for rows, varies in varying if varies[column]), dates)
        values = np.concatenate([rows.features[:, column] for rows in parts])
        sample[:, column] = np.resize(values, len(sample))
