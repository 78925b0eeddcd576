from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import lightgbm as lgb
import numpy as np
import pytest

from charter.contracts.matrix import Matrix, MatrixDate
from charter.council.council import Council
from charter.council.training_settings import Trees
from training.data.dataset import Dataset
from training.models.boosting import BinnedRows, make_parameters, predict_margins, read_directions

SMALL = Trees(trees=20, rows_per_leaf=20, seed=3)


@pytest.fixture(scope="module")
def data(shared_matrix: Matrix) -> Dataset:
    from charter.invocation import shipped_council

    return Dataset.open(shared_matrix, Council.load(shipped_council()).serving("early_help"))


def dates_of(data: Dataset, number: int = 6) -> list[MatrixDate]:
    return [data.at(day) for day in data.dates[:number]]


def labels_of(data: Dataset, number: int = 6) -> np.ndarray[tuple[int], np.dtype[np.int8]]:
    return np.concatenate([data.labels(day, data.taken_at) for day in data.dates[:number]])


def trees_of(text: str) -> str:
    return text[: text.index("\nparameters:")]


def test_the_same_rows_settings_and_threads_give_the_same_bytes(data: Dataset) -> None:
    texts = {BinnedRows(dates_of(data), data.dates[:3], data.matrix, SMALL).fit(labels_of(data)) for _ in range(2)}
    assert len(texts) == 1


def test_any_number_of_threads_gives_the_same_trees(data: Dataset) -> None:
    texts = [
        BinnedRows(dates_of(data), data.dates[:3], data.matrix, SMALL.replace(threads=threads)).fit(labels_of(data))
        for threads in (1, 2, 3)
    ]
    assert len({trees_of(text) for text in texts}) == 1
    assert "[num_threads: 3]" in texts[2]


def test_binning_once_and_taking_a_subset_trains_as_lightgbm_itself_does(data: Dataset) -> None:
    """With all rows in the earliest fold, ours is `lightgbm.train` on the same array, to the last bit."""
    parts, labels = dates_of(data), labels_of(data)
    ours = BinnedRows(parts, data.dates[:6], data.matrix, SMALL).fit(labels)
    stated = read_directions(data.matrix.definition, data.matrix.features)
    array = np.concatenate([np.asarray(part.features) for part in parts])
    bare = lgb.train(
        make_parameters(SMALL, stated),
        lgb.Dataset(array, labels.astype(np.float32), feature_name=data.matrix.features),
        num_boost_round=SMALL.trees,
    )
    assert trees_of(ours) == trees_of(bare.model_to_string())


def test_rows_without_a_label_are_not_learned_from(data: Dataset) -> None:
    labels = labels_of(data)
    hidden = np.arange(len(labels)) % 3 == 0
    bins = BinnedRows(dates_of(data), data.dates[:3], data.matrix, SMALL)
    flipped = np.where(hidden, np.int8(-1), labels)
    once = bins.fit(flipped)
    assert bins.fit(flipped) == once
    assert once != bins.fit(labels)
    assert f"internal_count={int((~hidden).sum())}" in once or SMALL.row_share < 1


def test_more_of_a_feature_with_a_direction_never_lowers_the_margin(data: Dataset) -> None:
    text = BinnedRows(dates_of(data), data.dates[:3], data.matrix, SMALL.replace(trees=60)).fit(labels_of(data))
    stated = read_directions(data.matrix.definition, data.matrix.features)
    base = np.asarray(data.at(data.dates[0]).features[:50])
    checked = 0
    for column, sign in enumerate(stated):
        if sign == 0:
            continue
        swept = np.repeat(base, 12, axis=0)
        swept[:, column] = np.tile(np.linspace(0, 8, 12, dtype=np.float32), len(base))
        margins = predict_margins(text, swept, threads=1).reshape(len(base), 12)
        assert (np.diff(margins, axis=1) * sign >= -1e-12).all()
        checked += int((np.ptp(margins, axis=1) > 0).any())
    assert checked >= 3


def test_a_feed_that_starts_later_than_the_earliest_fold_still_teaches(data: Dataset) -> None:
    """Its column is all missing in the fold that sets the edges; later rows must be able to split on it."""
    labels = labels_of(data)
    start = 0
    parts = []
    for place, part in enumerate(dates_of(data)):
        values = np.array(part.features)
        truth = labels[start : start + len(values)].astype(np.float32)
        values[:, 0] = np.nan if place < 3 else truth * 4 + 1
        start += len(values)
        parts.append(replace(part, features=values))
    text = BinnedRows(parts, data.dates[:3], data.matrix, SMALL).fit(labels)
    model = lgb.Booster(model_str=text)
    assert model.feature_importance("gain")[0] == model.feature_importance("gain").max()


def test_a_feed_that_starts_later_and_differs_between_dates_alone_still_has_edges(data: Dataset) -> None:
    """A queue's days have a case or two each: within none of them need a column differ."""
    parts = []
    for place, part in enumerate(dates_of(data)):
        values = np.array(part.features)
        values[:, 0] = np.nan if place < 3 else place
        parts.append(replace(part, features=values))
    text = BinnedRows(parts, data.dates[:3], data.matrix, SMALL).fit(labels_of(data))
    assert lgb.Booster(model_str=text).num_trees() > 0


def test_reordered_columns_would_score_otherwise(data: Dataset) -> None:
    """The order of the manifest is part of the model: scoring takes arrays, and a name check would not help."""
    text = BinnedRows(dates_of(data), data.dates[:3], data.matrix, SMALL).fit(labels_of(data))
    rows = np.asarray(data.at(data.dates[0]).features)
    assert not np.array_equal(
        predict_margins(text, rows, 1), predict_margins(text, np.ascontiguousarray(rows[:, ::-1]), 1)
    )
    assert f"feature_names={' '.join(data.matrix.features)}\n" in text


def test_a_sample_finds_the_edges_and_the_same_sample_twice(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """Above so many rows a seeded sample tells where bins end; every row is still learned from."""
    whole = BinnedRows(dates_of(data), data.dates[:6], data.matrix, SMALL).fit(labels_of(data))
    monkeypatch.setattr("training.models.boosting._EDGE_ROWS", 900)
    twice = [BinnedRows(dates_of(data), data.dates[:6], data.matrix, SMALL).fit(labels_of(data)) for _ in range(2)]
    assert twice[0] == twice[1]
    rows = np.asarray(data.at(data.dates[-1]).features)
    assert np.corrcoef(predict_margins(twice[0], rows, 1), predict_margins(whole, rows, 1))[0, 1] > 0.95


def test_binning_gives_the_matrix_back_as_it_goes(data: Dataset) -> None:
    """A matrix may be larger than memory: when its rows are binned, none of its pages is still held."""
    dates = dates_of(data)
    assert np.asarray(dates[0].features).sum() != 0
    assert held(data, dates) > 0
    BinnedRows(dates, data.dates[:3], data.matrix, SMALL)
    assert held(data, dates) == 0


def held(data: Dataset, dates: list[MatrixDate]) -> int:
    """Return how many KiB of the dates' feature files this process holds, by the kernel's account."""
    names = {f"{data.matrix.folder}/as_of={rows.as_of}/features.npy" for rows in dates}
    found, ours = 0, False
    for line in Path("/proc/self/smaps").read_text(encoding="utf-8").splitlines():
        if " " in line and "-" in line.split(" ", 1)[0]:
            ours = line.split(maxsplit=5)[-1] in names
        elif ours and line.startswith("Rss:"):
            found += int(line.split()[1])
    return found
