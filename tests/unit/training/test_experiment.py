"""A whole training run on a real matrix: what it leaves, and what it says."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from charter.contracts import check_document, read_table_contract
from charter.contracts.files import file_digest
from charter.contracts.matrix import Matrix, MatrixDate
from charter.errors import CharterError, DataError, UsageError
from charter.invocation import Invocation, shipped_council
from training.data.dataset import Dataset
from training.experiment import train_models
from training.models.boosting import predict_margins
from training.models.planning import make_plan
from training.report.terminal import find_figure, summarise_run
from training.run import Run

# MLflow's database models use a loader that SQLAlchemy 2.1 deprecates, and its type hints warn about themselves.
pytestmark = [
    pytest.mark.filterwarnings("ignore:The ``noload`` loader:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*inferred as AnyType:UserWarning"),
]


def run_of(invocation: Invocation) -> Run:
    return Run.open(invocation.workspace)


def test_a_run_keeps_its_contracts_and_every_digest(trained: Invocation) -> None:
    run = run_of(trained)
    check_document("metrics", run.metrics)
    left = {path.relative_to(run.folder).as_posix() for path in run.folder.rglob("*") if path.is_file()}
    assert left - {"manifest.json", "tracking.json", "report.html"} == set(run.manifest["outputs"])
    for name, digest in run.manifest["outputs"].items():
        assert file_digest(run.folder / name) == digest
    assert run.text() == run.text(f"models/{run.manifest['model']}.lgb")


def test_scores_are_out_of_time_and_one_a_row(trained: Invocation) -> None:
    run = run_of(trained)
    scores = pq.read_table(run.folder / "scores.parquet")
    contract = read_table_contract("scores")
    assert tuple(scores.column_names) == contract.names
    assert len(scores.group_by(list(contract.key)).aggregate([])) == len(scores)
    planned = make_plan(trained)
    for fold in planned.folds:
        days = set(pc.unique(scores.filter(pc.equal(scores["fold"], fold.name))["as_of"]).to_pylist())
        assert days == set(fold.test)
        assert all(planned.data.matures(day) <= fold.cut for day in fold.train)
    assert set(pc.unique(scores["model"]).to_pylist()) == set(planned.settings.models.compare)
    assert not pc.any(pc.is_nan(scores["margin"])).as_py()
    assert 0 < pc.min(scores["score"]).as_py() <= pc.max(scores["score"]).as_py() < 1


def test_a_row_scored_by_a_fold_is_not_scored_by_the_candidate(trained: Invocation) -> None:
    """The candidate has seen the folds' test rows; their published scores come from models that had not."""
    run = run_of(trained)
    planned = make_plan(trained)
    day = planned.folds[0].test[0]
    rows = planned.data.at(day)
    scores = pq.read_table(run.folder / "scores.parquet")
    mine = scores.filter(pc.and_(pc.equal(scores["model"], "lightgbm"), pc.equal(scores["as_of"], day)))
    candidate = predict_margins(run.text("models/lightgbm.lgb"), np.asarray(rows.features), 1)
    assert mine["entity"].to_pylist() == [bytes(entity).decode() for entity in rows.entity]
    assert not np.allclose(mine["margin"].to_numpy(), candidate)


def test_the_same_inputs_give_the_same_run_and_bytes(trained: Invocation) -> None:
    run = run_of(trained)
    before = dict(run.manifest["outputs"])
    shutil.rmtree(run.folder)
    again = train_models(trained)
    assert again.id == run.id
    assert again.manifest["outputs"] == before


def test_a_run_whose_files_were_damaged_is_made_again(trained: Invocation) -> None:
    run = run_of(trained)
    (run.folder / "model.lgb").write_text("tree\n")
    with pytest.raises(DataError, match="not what training wrote"):
        run.text()
    assert train_models(trained).text().startswith("tree\nversion=v4")


def test_every_figure_has_an_estimate_inside_its_interval(trained: Invocation) -> None:
    figures = run_of(trained).metrics["figures"]
    assert {figure["period"] for figure in figures} == {"selection", "final"}
    parts = {figure["part"].split()[0] for figure in figures}
    assert parts == {"all", "fold", "team", "area", "component", "5"}
    told = [figure for figure in figures if figure["low"] is not None and figure["estimate"] is not None]
    assert len(told) > 0.8 * len(figures)
    for figure in told:
        width = figure["high"] - figure["low"]
        assert figure["low"] - 0.6 * width - 1e-9 <= figure["estimate"] <= figure["high"] + 0.6 * width + 1e-9, figure


def test_found_and_missed_add_up(trained: Invocation) -> None:
    run = run_of(trained)
    planned = make_plan(trained)
    for period, folds in (("selection", planned.folds[:-1]), ("final", planned.folds[-1:])):
        positives = sum(
            int((planned.data.labels(day, planned.data.taken_at) == 1).sum()) for fold in folds for day in fold.test
        )
        for model in run.metrics["models"]:
            all_of = {
                figure["measure"]: figure["estimate"]
                for figure in run.metrics["figures"]
                if (figure["model"], figure["period"], figure["part"], figure["against"])
                == (model, period, "all", None)
            }
            assert all_of["found"] + all_of["missed"] == positives
            assert all_of["precision"] == pytest.approx(all_of["found"] / all_of["listed"])


def test_the_curve_finds_more_with_more_places_and_meets_the_figures_at_capacity(trained: Invocation) -> None:
    metrics = run_of(trained).metrics
    for model in metrics["models"]:
        points = [p for p in metrics["curve"] if p["model"] == model and p["period"] == "selection"]
        assert [p["found"] for p in points] == sorted(p["found"] for p in points)
        at_one = next(p for p in points if p["times_capacity"] == 1.0)
        found = next(
            figure["estimate"]
            for figure in metrics["figures"]
            if (figure["model"], figure["period"], figure["part"], figure["measure"])
            == (model, "selection", "all", "found")
        )
        assert at_one["found"] == found
        for point in points:
            if "precision_low" in point and point["precision_low"] is not None:
                assert point["precision_low"] <= point["precision_high"]
                assert point["recall_low"] <= point["recall"] <= point["recall_high"]


def test_the_areas_figures_add_up_to_the_borough(trained: Invocation) -> None:
    figures = run_of(trained).metrics["figures"]
    for measure in ("listed", "found", "missed"):
        by_area = [
            figure["estimate"]
            for figure in figures
            if (figure["model"], figure["period"], figure["measure"]) == ("points", "selection", measure)
            and figure["part"].startswith("area ")
        ]
        assert len(by_area) > 5
        assert sum(by_area) == find_figure(run_of(trained).metrics, "points", measure)["estimate"]


@pytest.mark.parametrize("seed", [1, 6])
def test_features_that_tell_nothing_are_refused_or_said_not_to_be_worth_using(
    make: Callable[[Any], Invocation], how: Any, seed: int
) -> None:
    generator = np.random.default_rng(seed)

    def edit(rows: MatrixDate) -> MatrixDate:
        return replace(rows, features=generator.permutation(np.array(rows.features)))

    said = verdict_on(make(how(households=500, edit=edit)))
    assert any(words in said for words in ("no better than chance", "told from drawing lots"))


def verdict_on(invocation: Invocation) -> str:
    """Return the recommendation's sentence, or the one it was refused with."""
    try:
        return str(train_models(invocation).metrics["recommendation"]["sentence"])
    except DataError as refused:
        return refused.message


def test_training_speaks_of_need_and_likelihood_and_names_nobody(trained: Invocation) -> None:
    run = run_of(trained)
    scores = pq.read_table(run.folder / "scores.parquet")
    someone = scores["entity"][0].as_py()
    for name in ("metrics.json", "manifest.json", "tracking.json"):
        text = (run.folder / name).read_text(encoding="utf-8")
        assert "risk" not in text.lower()
        assert someone not in text


def test_a_matrix_built_for_another_purpose_is_refused(make: Callable[[Any], Invocation], how: Any) -> None:
    with pytest.raises(CharterError, match="built for the purpose rank"):
        make_plan(make(how(households=200, manifest={"purpose": "rank"})))


def test_without_a_matrix_the_next_step_is_build(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no matrix") as refused:
        make_plan(Invocation.open(shipped_council(), "early_help", tmp_path, quiet=True))
    assert "sooner build" in refused.value.next_step


@pytest.mark.parametrize(("value", "says"), [(np.nan, "is never seen"), (3.0, "the same value in every row")])
def test_a_feature_that_never_varies_is_refused_or_left_out_and_named(
    make: Callable[[Any], Invocation], how: Any, tmp_path: Path, value: float, says: str
) -> None:
    def edit(rows: Any) -> Any:
        values = np.array(rows.features)
        values[:, 4] = value
        return replace(rows, features=values)

    lenient = make(how(households=200, edit=edit))
    name = Matrix.open(next(lenient.workspace.matrix.glob("*/manifest.json")).parent).features[4]
    assert make_plan(lenient).unchanging == (name,)
    strict_council = tmp_path / "council"
    shutil.copytree(lenient.council.folder, strict_council)
    training = strict_council / "early_help" / "training.toml"
    training.write_text(training.read_text().replace('unchanging = "leave_out"', 'unchanging = "refuse"'))
    strict = Invocation.open(strict_council, "early_help", lenient.workspace.root, quiet=True)
    with pytest.raises(DataError, match=says) as refused:
        make_plan(strict)
    assert name in refused.value.message
    assert refused.value.exit_code == 11


def test_nothing_but_features_that_never_vary_is_refused(make: Callable[[Any], Invocation], how: Any) -> None:
    with pytest.raises(DataError, match="the same value in every row"):
        make_plan(make(how(households=200, edit=lambda rows: replace(rows, features=np.zeros_like(rows.features)))))


def test_training_twice_leaves_one_folder_and_the_pointer(trained: Invocation) -> None:
    run = run_of(trained)
    train_models(trained)
    folders = [path for path in trained.workspace.scores.iterdir() if path.is_dir()]
    assert [folder.name for folder in folders] == [run.id]
    assert (trained.workspace.scores / "current").read_text() == f"{run.id}\n"


def test_without_replayed_lists_there_is_one_band_and_it_has_no_figure(trained: Invocation) -> None:
    run = run_of(trained)
    (band,) = run.metrics["bands"]
    assert band["joined"] == [agreed["title"] for agreed in run.manifest["settings"]["bands"]]
    assert (band["observed"], band["low"], band["high"], band["n"]) == (None, None, None, 0)
    assert run.metrics["calibration"] == []
    assert set(run.metrics["abstention"]) == {"of_all"}


def test_labels_of_the_candidate_stop_at_the_snapshot(trained: Invocation) -> None:
    planned = make_plan(trained)
    data = Dataset.open(planned.data.matrix, trained.council)
    assert all(data.matures(day) <= data.taken_at for day in planned.learned)
    assert run_of(trained).manifest["trained_on"] == [day.isoformat() for day in planned.learned]
    assert json.loads((run_of(trained).folder / "manifest.json").read_text())["synthetic"] is True


def test_the_final_period_is_looked_at_by_the_first_run_alone(trained: Invocation, tmp_path: Path) -> None:
    first = run_of(trained)
    assert first.metrics["final"] == {
        "dates": [day.isoformat() for day in make_plan(trained).folds[-1].test],
        "judged": True,
        "taken_by": None,
    }
    council = tmp_path / "council"
    shutil.copytree(trained.council.folder, council)
    training = council / "early_help" / "training.toml"
    training.write_text(training.read_text().replace("learning_rate = 0.05", "learning_rate = 0.06"))
    other = train_models(Invocation.open(council, "early_help", trained.workspace.root, quiet=True))
    assert other.id != first.id
    assert other.metrics["final"] == first.metrics["final"] | {"judged": False, "taken_by": first.id}
    assert {figure["period"] for figure in other.metrics["figures"]} == {"selection"}
    scores = pq.read_table(other.folder / "scores.parquet")
    assert "final" not in set(pc.unique(scores["fold"]).to_pylist())
    assert "looked at before" in summarise_run(other.metrics)
    shutil.rmtree(first.folder)
    assert train_models(trained).manifest["outputs"] == first.manifest["outputs"]
