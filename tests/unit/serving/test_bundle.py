"""Bundles: the same scores as training's, bit for bit, or none at all."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import lightgbm
import numpy as np
import pytest

from charter.contracts.files import file_digest, write_json
from charter.errors import DataError
from serving.ranking.bundle import Bundle, make_bundle, make_check_rows, verify_bundle
from serving.ranking.linear_shap import RowExplainer
from serving.ranking.scoring import Model
from serving.web.bundle_in_use import Live
from tests.unit.serving.conftest import ROOT, SERVICES, World, rows_of, train, write_release


def test_the_bundle_scores_as_training_did_bit_for_bit(world: World) -> None:
    rows = rows_of(11, 5000)["features"]
    trained = world.booster.predict(rows, raw_score=True)
    made = Bundle.current(world.workspace)
    assert made.model.margins(rows).tobytes() == np.asarray(trained).tobytes()
    one_by_one = np.concatenate([made.model.margins(rows[n : n + 1]) for n in range(200)])
    assert one_by_one.tobytes() == np.asarray(trained)[:200].tobytes()


def test_single_rows_are_explained_from_arrays_that_say_what_the_model_says(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the arrays say anything else, the model itself explains."""
    bundle = Bundle.current(world.workspace)
    rows = make_check_rows(len(bundle.features))[:3]
    assert bundle.explainer is not None
    for ours, models in zip(bundle.explain(rows), bundle.model.contributions(rows), strict=True):
        np.testing.assert_allclose(ours, models, rtol=0, atol=1e-9)
    explain = RowExplainer.explain
    monkeypatch.setattr(RowExplainer, "explain", lambda self, values: (explain(self, values)[0] + 1e-6, np.nan))
    other = Bundle.current(world.workspace)
    assert other.explainer is None
    assert (other.explain(rows)[0] == other.model.contributions(rows)[0]).all()


def test_contributions_add_up_to_the_margin(world: World) -> None:
    rows = rows_of(12, 5000)["features"]
    model = Bundle.current(world.workspace).model
    contributions, base = model.contributions(rows)
    assert contributions.shape == rows.shape
    assert np.abs(contributions.sum(axis=1) + base - model.margins(rows)).max() < 1e-6


def test_bundling_twice_is_the_same_bundle(world: World) -> None:
    before = Bundle.current(world.workspace)
    again = make_bundle(world.invocation, world.release, SERVICES)
    assert again.name == before.id
    assert len([path for path in world.workspace.bundle.iterdir() if path.is_dir()]) == 1


def test_the_bundle_holds_three_files_and_nothing_of_the_rows_it_was_trained_on(world: World) -> None:
    folder = Bundle.current(world.workspace).folder
    assert sorted(path.name for path in folder.iterdir()) == ["check.npz", "manifest.json", "model.lgb"]
    assert file_digest(folder / "model.lgb") == file_digest(world.release / "model.lgb")


def test_a_changed_model_or_manifest_is_not_opened(world: World) -> None:
    folder = Bundle.current(world.workspace).folder
    model = (folder / "model.lgb").read_text()
    (folder / "model.lgb").write_text(model.replace("leaf_value=", "leaf_value=9 ", 1))
    with pytest.raises(DataError, match="not the one that was promoted"):
        Bundle.open(folder)
    (folder / "model.lgb").write_text(model)
    manifest = json.loads((folder / "manifest.json").read_text())
    write_json(folder / "manifest.json", {**manifest, "calibration": {"slope": 9.0, "intercept": 0.0}})
    with pytest.raises(DataError, match="was edited"):
        Bundle.open(folder)


def test_a_release_whose_model_was_changed_is_refused_and_the_old_bundle_stays(world: World) -> None:
    before = Bundle.current(world.workspace).id
    release = write_release(world.workspace, train(2), "release2")
    with (release / "model.lgb").open("a") as handle:
        handle.write("\n")
    with pytest.raises(DataError, match="was changed"):
        make_bundle(world.invocation, release, SERVICES)
    assert Bundle.current(world.workspace).id == before


def test_training_margins_that_differ_in_one_bit_fail_the_self_test(world: World) -> None:
    release = write_release(world.workspace, train(2), "release2")
    rows = make_check_rows(7)
    margins = np.asarray(train(2).predict(rows, raw_score=True))
    np.savez(release / "check.npz", rows=rows, margins=margins)
    make_bundle(world.invocation, release, SERVICES)
    made = Bundle.current(world.workspace)
    margins[3] = np.nextafter(margins[3], np.inf)
    np.savez(release / "check.npz", rows=rows, margins=margins)
    with pytest.raises(DataError, match="does not score as its release did"):
        verify_bundle(made, release)


def test_no_promoted_model_is_said(world: World) -> None:
    (world.workspace.bundle / "current").unlink()
    with pytest.raises(DataError, match="sooner promote"):
        Bundle.current(world.workspace)


def test_a_definition_that_is_gone_or_another_is_refused(world: World) -> None:
    (world.release / "definition.json").unlink()
    with pytest.raises(DataError, match="not there any more"):
        make_bundle(world.invocation, world.release, SERVICES)


@pytest.mark.parametrize(
    "rows",
    [np.zeros((2, 6), np.float32), np.zeros((2, 7), np.float64), np.zeros(7, np.float32)],
    ids=["too few columns", "another type", "no rows"],
)
def test_rows_of_another_shape_are_refused_and_never_scored_wrongly(world: World, rows: np.ndarray) -> None:
    with pytest.raises(DataError, match="can't be scored"):
        Bundle.current(world.workspace).model.margins(rows)


def test_text_that_is_no_model_is_refused() -> None:
    with pytest.raises(DataError, match="not LightGBM"):
        Model.read("tree\nnonsense", ("a",), {}, [])


def test_bands_are_cut_on_the_calibrated_likelihood(world: World) -> None:
    model = Bundle.current(world.workspace).model
    assert model.likelihoods(np.array([0.0]))[0] == 0.5
    assert [model.band(value).id for value in (0.0, 0.299, 0.3, 1.0)] == ["b", "b", "a", "a"]


def test_a_worker_swaps_to_a_new_bundle_and_keeps_the_old_one_when_the_new_fails(world: World) -> None:
    live = Live(world.workspace)
    first = live.bundle.id
    second = make_bundle(world.invocation, write_release(world.workspace, train(2), "release2"), SERVICES)
    live._looked = 0.0
    assert live.bundle.id == second.name != first
    third = make_bundle(world.invocation, write_release(world.workspace, train(3), "release3"), SERVICES)
    (third / "model.lgb").write_text("broken")
    live._looked = 0.0
    assert live.bundle.id == second.name


def test_serving_needs_no_training_library(tmp_path: Path) -> None:
    """The service's modules load with the core dependencies alone, even where the others are installed."""
    heavy = ("mlflow", "shap", "fairlearn", "duckdb", "numba", "splink", "training", "fairness_reports", "borough")
    code = (
        "import os, sys; os.environ['SOONER_WORKSPACE'] = sys.argv[1]; import serving.web.service, "
        "serving.web.bundle_in_use, "
        "serving.ranking.worklist, serving.ranking.sealed_record, serving.web.scores; "
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "[]"


@pytest.mark.parametrize("name", ["points", "agreed"])
def test_a_points_list_is_scored_and_explained_by_the_same_code(world: World, name: str) -> None:
    """Training writes every model in LightGBM's text; a one-split tree stands for a rule of a points list."""
    rows = rows_of(5, 500)["features"]
    label = (np.nan_to_num(rows[:, 0]) >= 3).astype(int)
    params = {"objective": "binary", "num_leaves": 2, "num_threads": 1, "verbose": -1, "min_data_in_leaf": 5}
    stump = lightgbm.train(params, lightgbm.Dataset(rows, label), num_boost_round=3)
    release = write_release(world.workspace, stump, name)
    made = Bundle.open(make_bundle(world.invocation, release, SERVICES))
    assert made.model.margins(rows).tobytes() == np.asarray(stump.predict(rows, raw_score=True)).tobytes()
