"""Which services the list can do without: left out one after the other, fitted again, replayed."""

from __future__ import annotations

import lightgbm as lgb
import numpy as np
import pytest

from charter.contracts.matrix import Matrix
from charter.council.training_settings import TrainingSettings
from charter.invocation import Invocation
from training.models.fitting import Bins, fit_model, gather_lessons
from training.models.planning import make_plan
from training.run import Run
from training.studies.minimising import HELPS, NOT_NEEDED, OPEN, answer_loss, rank_services

# Warnings of MLflow's own code, of pinned versions.
pytestmark = [
    pytest.mark.filterwarnings("ignore:The ``noload`` loader:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*inferred as AnyType:UserWarning"),
]


@pytest.mark.parametrize(
    ("loss", "answer"),
    [
        ((-0.004, -0.011, 0.006), NOT_NEEDED),
        ((0.02, 0.005, 0.03), NOT_NEEDED),
        ((0.041, 0.012, 0.07), HELPS),
        ((0.019, -0.008, 0.045), OPEN),
        ((0.0, None, None), OPEN),
    ],
)
def test_a_loss_is_answered_by_both_ends_of_its_interval(
    loss: tuple[float, float | None, float | None], answer: str
) -> None:
    assert answer_loss(loss, 0.03) == answer


def test_the_most_intrusive_service_is_left_out_first(shared_matrix: Matrix) -> None:
    ranked = rank_services(shared_matrix.definition, {"housing": 1, "education": 5})
    assert next(iter(ranked)) == "education"
    assert list(ranked)[-1] == "housing"
    reading = {
        feature["name"] for feature in shared_matrix.definition["features"] if "education" in feature["services"]
    }
    assert set(ranked["education"]) == reading


@pytest.mark.parametrize("model", ["points", "lightgbm"])
def test_a_model_fitted_without_data_reads_none_of_it(trained: Invocation, model: str) -> None:
    run = Run.open(trained.workspace)
    matrix = Matrix.open(trained.workspace.matrix / str(run.manifest["matrix"]))
    planned = make_plan(trained, matrix, TrainingSettings.of(run.manifest["settings"]))
    bins, lessons = Bins.of(planned), gather_lessons(planned, planned.folds[-1])

    def read(without: tuple[str, ...]) -> set[str]:
        fitted = fit_model(planned, bins, lessons, model, without=without)
        used = lgb.Booster(model_str=fitted.text).feature_importance()
        return {matrix.features[column] for column in np.flatnonzero(used)}

    whole = sorted(read(()))
    assert len(whole) > 2
    left = read(tuple(whole[:2]))
    assert left
    assert not left & set(whole[:2])
