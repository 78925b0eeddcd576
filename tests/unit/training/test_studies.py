"""What the data is worth: left out, trained again, compared on the same resamples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import lightgbm as lgb
import numpy as np
import pytest

from charter.contracts.files import file_digest, write_json
from charter.contracts.matrix import Matrix
from charter.council.register import Register
from charter.council.training_settings import Trees
from charter.errors import DataError
from charter.invocation import Invocation
from fairness_reports.audit.explaining.minimisation import read_added_precision
from fairness_reports.audit.measuring.findings import About
from fairness_reports.publish.parts import tabulate_added
from training.data.dataset import Dataset
from training.models.boosting import BinnedRows
from training.run import Run
from training.studies.data_worth import FILE, divide_data, study_data

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
    without = lgb.Booster(model_str=bins.learn(bins.labelled(labels), without=most)).feature_importance()
    assert (whole[most] > 0).all()
    assert (without[most] == 0).all()
    assert without.sum() > 0


def test_every_service_and_the_system_responses_are_left_out_in_turn(shared_matrix: Matrix) -> None:
    made = divide_data(shared_matrix.definition)
    features = shared_matrix.definition["features"]
    assert [part.name for part in made[:2]] == ["nothing", "system_responses"]
    assert {part.service for part in made[2:]} == {service for one in features for service in one["services"]}
    assert set(made[1].features) == {one["name"] for one in features if one["system_response"]}


def test_a_study_says_what_each_part_adds_with_a_paired_interval(trained: Invocation) -> None:
    run = Run.open(trained.workspace)
    before = file_digest(run.folder / "manifest.json")
    document = study_data(trained, run)
    assert (run.folder / FILE).exists()
    assert file_digest(run.folder / "manifest.json") == before == document["inputs"]["run/manifest.json"]
    whole, *others = document["studies"]
    assert whole["left_out"] == "nothing"
    assert not whole["adds"]
    for one in others:
        for measure, gain in one["adds"].items():
            expected = whole["figures"][measure]["estimate"] - one["figures"][measure]["estimate"]
            assert gain["estimate"] == pytest.approx(expected)
            assert gain["low"] <= gain["high"]
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
    the_audit_reads_it(trained, run, document)


def the_audit_reads_it(trained: Invocation, run: Run, document: Mapping[str, Any]) -> None:
    """Check that the audit's findings on minimisation are the studies' own, the most intrusive data first."""
    register = Register.load(trained.council.folder / "register.toml")
    rows = read_added_precision(run.folder, register, About("", None, "lightgbm", "capacity"))
    by_part = {
        one["service"] or one["left_out"]: one["adds"]["precision"] for one in document["studies"] if one["adds"]
    }
    assert {row["component"]: row["estimate"] for row in rows} == {
        part: found["estimate"] for part, found in by_part.items()
    }
    assert all(row["interval"] == [by_part[row["component"]][end] for end in ("low", "high")] for row in rows)
    told = tabulate_added(rows, {})
    intrusive = [int(row["intrudes"]) for row in told if row["intrudes"].isdigit()]
    assert intrusive == sorted(intrusive, reverse=True)
    assert {row["shown"] for row in told} <= {"yes", "cannot be shown"}
    write_json(run.folder / "manifest.json", dict(run.manifest) | {"trained_on": []})
    with pytest.raises(DataError, match=r"studies.json is not of this run"):
        read_added_precision(run.folder, register, About("", None, "lightgbm", "capacity"))
