"""What the data is worth: left out, trained again, compared on the same resamples."""

from __future__ import annotations

import lightgbm as lgb
import numpy as np
import pytest

from charter.contracts.files import file_digest
from charter.contracts.matrix import Matrix
from charter.invocation import Invocation
from training.boosting import BinnedRows
from training.dataset import Dataset
from training.run import Run
from training.settings import Trees
from training.studies import FILE, parts, study

# Warnings of MLflow's own code, of pinned versions.
pytestmark = [
    pytest.mark.filterwarnings("ignore:The ``noload`` loader:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*inferred as AnyType:UserWarning"),
]


def test_a_column_left_out_is_never_split_on(shared_matrix: Matrix, council) -> None:
    data = Dataset.open(shared_matrix, council)
    days = data.dates[:6]
    settings = Trees(trees=20, rows_per_leaf=20, threads=1)
    bins = BinnedRows([data.at(day) for day in days], days, shared_matrix, settings)
    labels = np.concatenate([data.labels(day, data.taken_at) for day in days])
    whole = lgb.Booster(model_str=bins.fit(labels)).feature_importance()
    most = np.argsort(-whole)[:3].tolist()
    without = lgb.Booster(model_str=bins.fit(labels, without=most)).feature_importance()
    assert (whole[most] > 0).all()
    assert (without[most] == 0).all()
    assert without.sum() > 0


def test_every_service_and_the_system_responses_are_left_out_in_turn(shared_matrix: Matrix) -> None:
    made = parts(shared_matrix.definition)
    features = shared_matrix.definition["features"]
    assert [part.name for part in made[:2]] == ["nothing", "system_responses"]
    assert {part.service for part in made[2:]} == {service for one in features for service in one["services"]}
    assert set(made[1].features) == {one["name"] for one in features if one["system_response"]}


def test_a_study_says_what_each_part_adds_with_a_paired_interval(trained: Invocation) -> None:
    run = Run.open(trained.workspace)
    before = file_digest(run.folder / "manifest.json")
    document = study(trained, run)
    assert (run.folder / FILE).exists()
    assert file_digest(run.folder / "manifest.json") == before == document["inputs"]["run/manifest.json"]
    whole, *others = document["studies"]
    assert whole["left_out"] == "nothing"
    assert not whole["adds"]
    for one in others:
        for measure, adds in one["adds"].items():
            expected = whole["figures"][measure]["estimate"] - one["figures"][measure]["estimate"]
            assert adds["estimate"] == pytest.approx(expected)
            assert adds["low"] <= adds["high"]
    flags = {part["component"]: part["system_response"] for part in whole["components"]}
    assert flags == {
        "homelessness.duty_owed": False,
        "education.permanent_exclusion": False,
        "education.severe_absence": False,
        "social_care.child_in_need": True,
    }
    # The same model as the run's own folds: nothing left out gives the run's own figure.
    metrics = run.metrics
    own = next(
        figure["estimate"]
        for figure in metrics["figures"]
        if (figure["model"], figure["measure"], figure["part"], figure["period"], figure["against"])
        == ("lightgbm", "precision", "all", "selection", None)
    )
    assert whole["figures"]["precision"]["estimate"] == pytest.approx(own)
    assert {row["service"] for row in document["seen"]} == {"all"}
