"""What MLflow's users find: one parent, a child per fold and model, a registered candidate, and nobody's rows."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from charter.errors import DataError
from charter.invocation import Invocation, shipped_council
from tests.waiting import PATIENCE
from training.keeping.registry import CANDIDATE, CHAMPION, Registry
from training.keeping.scoring_manifest import describe_scoring
from training.keeping.tracking import Tracking
from training.run import Run

# MLflow's database models use a loader that SQLAlchemy 2.1 deprecates, and its type hints warn about themselves.
pytestmark = [
    pytest.mark.filterwarnings("ignore:The ``noload`` loader:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*inferred as AnyType:UserWarning"),
]

ROOT = Path(__file__).resolve().parents[3]
RUNS = 1 + 3 * 7 + 3
"""A parent, a child for each of three folds and seven models, one for each candidate that is not the run's model."""

NAME = "borough-of-fernhill-early_help"
"""The registered model: the council's name and the programme's."""


def client_of(uri: str):  # type: ignore[no-untyped-def]  # MLflow is imported where it is used
    import mlflow

    return mlflow.MlflowClient(uri)


@pytest.fixture(scope="module")
def tracked(trained_workspace: Path) -> tuple[object, list[object], Path]:
    """Return a client on the trained workspace's store, all its runs, and the workspace."""
    client = client_of(f"sqlite:///{trained_workspace / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("early_help")
    return client, client.search_runs([experiment.experiment_id], max_results=1000), trained_workspace


def parents(runs):  # type: ignore[no-untyped-def]  # MLflow's runs
    return [run for run in runs if "mlflow.parentRunId" not in run.data.tags]


def test_there_is_one_parent_and_a_child_for_each_fold_and_model_and_other_candidate(tracked) -> None:  # type: ignore[no-untyped-def]
    _, runs, _ = tracked
    (parent,) = parents(runs)
    children = [run for run in runs if run is not parent]
    assert {run.data.tags["mlflow.parentRunId"] for run in children} == {parent.info.run_id}
    names = {(run.data.tags.get("sooner.fold"), run.data.tags["sooner.model"]) for run in children}
    assert len(names) == len(children) == RUNS - 1
    assert len([fold for fold, _ in names if fold is None]) == 3
    assert {run.info.status for run in runs} == {"FINISHED"}


def test_the_parent_holds_settings_figures_digests_and_versions(tracked) -> None:  # type: ignore[no-untyped-def]
    _, runs, workspace = tracked
    (parent,) = parents(runs)
    manifest = Run.open(_workspace(workspace)).manifest
    assert parent.data.params["lightgbm.trees"] == str(manifest["settings"]["lightgbm"]["trees"])
    assert parent.data.tags["sooner.charter_sha256"] == manifest["charter_sha256"]
    assert parent.data.tags["sooner.version.lightgbm"] == manifest["versions"]["lightgbm"]
    assert {"isolated.precision", "isolated.recall", "isolated.final.auroc"} <= set(parent.data.metrics)
    (data,) = parent.inputs.dataset_inputs
    assert data.dataset.digest == manifest["inputs"]["matrix/manifest.json"][:36]


def test_the_parent_holds_the_definition_the_register_in_english_and_the_page(tracked) -> None:  # type: ignore[no-untyped-def]
    client, runs, workspace = tracked
    (parent,) = parents(runs)
    names = {one.path for one in client.list_artifacts(parent.info.run_id)}
    assert {"definition.json", "matrix.json", "metrics.json", "run.json", "register.md", "report.html"} <= names
    page, register = (
        Path(client.download_artifacts(parent.info.run_id, name)) for name in ("report.html", "register.md")
    )
    own = Run.open(_workspace(workspace)).folder
    assert page.read_bytes() == (own / "report.html").read_bytes()
    assert "Attendance often falls before other services notice anything." in register.read_text(encoding="utf-8")


def _workspace(root: Path):  # type: ignore[no-untyped-def]  # a helper
    from charter.contracts.workspace import Workspace

    return Workspace(root, "early_help")


def test_figures_by_fold_are_lines_over_time(tracked) -> None:  # type: ignore[no-untyped-def]
    client, runs, _ = tracked
    (parent,) = parents(runs)
    history = client.get_metric_history(parent.info.run_id, "isolated.precision.by_fold.points")
    assert sorted(point.step for point in history) == [0, 1, 2]


def test_the_candidate_is_registered_as_native_text_with_its_signature(tracked) -> None:  # type: ignore[no-untyped-def]
    import lightgbm as lgb
    import numpy as np

    client, _, workspace = tracked
    run = Run.open(_workspace(workspace))
    version = client.get_model_version_by_alias(NAME, CANDIDATE)
    assert version.tags["sooner.run"] == run.id
    folder = Path(client.get_model_version_download_uri(NAME, version.version).removeprefix("file://"))
    files = [path for path in folder.rglob("*") if path.is_file()]
    (text,) = [path for path in files if path.name == "model.lgb"]
    rows = np.zeros((3, len(run.manifest["features"])), dtype=np.float32)
    ours = lgb.Booster(model_str=run.text()).predict(rows, raw_score=True)
    assert np.array_equal(lgb.Booster(model_file=str(text)).predict(rows, raw_score=True), ours)
    described = next(path for path in files if path.name == "MLmodel").read_text()
    assert run.manifest["features"][0] in described
    assert not [path for path in files if path.suffix in {".pkl", ".pickle", ".joblib", ".skops"}]


def test_no_row_and_nobody_is_in_mlflow(tracked) -> None:  # type: ignore[no-untyped-def]
    _, _, workspace = tracked
    scores = pq.read_table(Run.open(_workspace(workspace)).folder / "scores.parquet")
    someone = scores["entity"][0].as_py().encode()
    for path in [workspace / "mlflow.db", *(workspace / "mlartifacts").rglob("*")]:
        if path.is_file():
            assert someone not in path.read_bytes(), path.name


@pytest.mark.deep
def test_training_leaves_mlflows_settings_as_they_were(trained: Invocation, monkeypatch: pytest.MonkeyPatch) -> None:
    import mlflow

    from training.experiment import train_models

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    before = mlflow.get_tracking_uri()
    train_models(trained)
    assert "MLFLOW_TRACKING_URI" not in os.environ
    assert mlflow.get_tracking_uri() == before
    assert mlflow.active_run() is None


def test_a_store_named_by_the_environment_is_honoured(
    trained: Invocation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from training.experiment import train_models

    elsewhere = tmp_path / "elsewhere.db"
    shutil.copy(trained.workspace.root / "mlflow.db", elsewhere)
    before = (trained.workspace.root / "mlflow.db").read_bytes()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{elsewhere}")
    train_models(trained)
    assert (trained.workspace.root / "mlflow.db").read_bytes() == before
    experiment = client_of(f"sqlite:///{elsewhere}").get_experiment_by_name("early_help")
    assert len(parents(client_of(f"sqlite:///{elsewhere}").search_runs([experiment.experiment_id]))) == 2


def test_mlflow_run_leaves_exactly_one_parent_run_in_the_store_it_names(trained: Invocation, tmp_path: Path) -> None:
    """The project file, run as MLflow's users run it: the run that MLflow starts is the one we record in."""
    store = f"sqlite:///{tmp_path / 'named.db'}"
    shutil.copy(trained.workspace.root / "mlflow.db", tmp_path / "named.db")
    client = client_of(store)
    client.rename_experiment(client.get_experiment_by_name("early_help").experiment_id, "before")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")} | {
        "MLFLOW_TRACKING_URI": store,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    command = [sys.executable, "-m", "mlflow", "run", str(ROOT), "-e", "train", "--env-manager", "local"]
    command += [
        "--experiment-name",
        "by_hand",
        "-P",
        f"workspace={trained.workspace.root}",
        "-P",
        f"council={trained.council.folder}",
    ]
    ran = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE)
    assert ran.returncode == 0, ran.stderr[-3000:]
    experiment = client.get_experiment_by_name("by_hand")
    runs = client.search_runs([experiment.experiment_id], max_results=1000)
    (parent,) = parents(runs)
    assert len(runs) == RUNS
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert "isolated.precision" in parent.data.metrics
    assert parent.data.tags["mlflow.source.type"] == "PROJECT"
    assert client.get_experiment_by_name("early_help") is None


@pytest.mark.deep
def test_a_workspace_that_was_copied_keeps_its_artifacts_at_home(
    trained: Invocation, trained_workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from training.experiment import train_models

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    before = sorted((trained_workspace / "mlartifacts").rglob("*"))
    own = sorted(trained.workspace.artifacts.rglob("model.lgb"))
    train_models(trained)
    assert sorted((trained_workspace / "mlartifacts").rglob("*")) == before
    assert len(sorted(trained.workspace.artifacts.rglob("model.lgb"))) == len(own) + 4


def test_a_champion_must_be_in_the_store_in_use(
    trained: Invocation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run.open(trained.workspace)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    scoring = describe_scoring(run, run.manifest["model"])
    Registry(trained).name_champion(run, scoring, {"sooner.approved_by": "board"})
    version = client_of(trained.workspace.tracking_uri).get_model_version_by_alias(NAME, CHAMPION)
    assert version.tags["sooner.approved_by"] == "board"
    other = tmp_path / "other.db"
    shutil.copy(trained.workspace.root / "mlflow.db", other)
    client_of(f"sqlite:///{other}").delete_registered_model(NAME)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{other}")
    with pytest.raises(DataError, match="has no model version of run") as refused:
        Registry(trained).name_champion(run, scoring, {})
    assert "MLFLOW_TRACKING_URI" in refused.value.next_step


def test_a_store_that_another_program_holds_is_one_sentence_and_no_traceback(
    tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = tmp_path / "mlflow.db"
    shutil.copy(empty_store, store)
    invocation = Invocation.open(shipped_council(), "early_help", tmp_path, quiet=True)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{store}?timeout=0.1")
    monkeypatch.setattr("mlflow.store.db.utils.MAX_RETRY_COUNT", 2)  # MLflow itself tries for 100 seconds
    holder = sqlite3.connect(store, isolation_level=None)
    holder.execute("begin exclusive")
    with (
        pytest.raises(DataError, match="another program holds MLflow's store") as refused,
        Tracking.started(invocation) as tracking,
    ):
        tracking.open()
    assert "run this again" in refused.value.next_step
    holder.execute("rollback")
    holder.close()
    with Tracking.started(invocation) as tracking:
        assert tracking.open()
