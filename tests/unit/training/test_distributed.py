"""Training on two workers through Dask: by configuration, close to one machine, and with the directions kept."""

from __future__ import annotations

import shutil
from pathlib import Path

import lightgbm as lgb
import numpy as np
import pytest

from charter.contracts.matrix import Matrix
from charter.council.council import Council
from charter.council.training_settings import Trees
from charter.errors import UsageError
from charter.invocation import Invocation
from training.data.dataset import Dataset
from training.experiment import train_models
from training.models.boosting import BinnedRows, predict_margins, read_directions
from training.models.distributed import learn_distributed

# Warnings of MLflow's, Dask's and LightGBM's own code, of pinned versions.
pytestmark = [pytest.mark.deep, pytest.mark.filterwarnings("ignore")]

TREES = Trees(trees=40, rows_per_leaf=20, row_share=1.0, feature_share=1.0, threads=1, dask="local:2")


def test_two_workers_learn_what_one_machine_learns(shared_matrix: Matrix, council: Council) -> None:
    data = Dataset.open(shared_matrix, council)
    days = data.dates[:10]
    labels = {day: data.labels(day, data.taken_at) for day in days}
    far = learn_distributed(shared_matrix, labels, TREES)
    near = BinnedRows([data.at(day) for day in days], days, shared_matrix, TREES).fit(
        np.concatenate([*labels.values()])
    )
    rows = np.asarray(data.at(data.dates[-1]).features)
    margins = predict_margins(far, rows, 1), predict_margins(near, rows, 1)
    assert np.corrcoef(*margins)[0, 1] > 0.95
    assert lgb.Booster(model_str=far).num_trees() == 40
    assert lgb.Booster(model_str=far).feature_name() == shared_matrix.features


def test_the_directions_of_the_definition_are_kept(shared_matrix: Matrix, council: Council) -> None:
    data = Dataset.open(shared_matrix, council)
    text = learn_distributed(shared_matrix, {day: data.labels(day, data.taken_at) for day in data.dates[:6]}, TREES)
    stated = read_directions(shared_matrix.definition, shared_matrix.features)
    rows = np.asarray(data.at(data.dates[-1]).features)[:200].copy()
    for column, sign in enumerate(stated):
        if not sign:
            continue
        more = rows.copy()
        more[:, column] = np.nan_to_num(rows[:, column]) + 1
        less = rows.copy()
        less[:, column] = np.nan_to_num(rows[:, column])
        assert (sign * (predict_margins(text, more, 1) - predict_margins(text, less, 1)) >= -1e-9).all()


def test_a_run_is_trained_on_two_workers_by_configuration(
    tmp_path: Path, shared_matrix: Matrix, quick_council: Path
) -> None:
    council, root = tmp_path / "council", tmp_path / "workspace"
    shutil.copytree(quick_council, council)
    training = council / "early_help" / "training.toml"
    text = training.read_text(encoding="utf-8")
    text = text.replace("[lightgbm]", '[lightgbm]\ndask = "local:2"').replace('"logistic", "lightgbm"]', '"lightgbm"]')
    training.write_text(text.replace('release = "recommended"', 'release = "lightgbm"'), encoding="utf-8")
    shutil.copytree(shared_matrix.folder.parents[2], root)
    run = train_models(Invocation.open(council, "early_help", root, quiet=True))
    assert run.manifest["settings"]["lightgbm"]["dask"] == "local:2"
    assert lgb.Booster(model_str=run.text()).num_trees() > 0


def test_a_scheduler_that_does_not_answer_is_said_in_a_sentence(shared_matrix: Matrix, council: Council) -> None:
    data = Dataset.open(shared_matrix, council)
    day = data.dates[0]
    with pytest.raises(UsageError, match=r"no scheduler answers at tcp://127\.0\.0\.1:1"):
        learn_distributed(shared_matrix, {day: data.labels(day, data.taken_at)}, Trees(dask="tcp://127.0.0.1:1"))
