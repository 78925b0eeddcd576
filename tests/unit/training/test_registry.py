"""What MLflow's users get of a champion: margin, likelihood, band and contributions, as serving has them."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from charter.contracts.files import read_json, write_json
from charter.errors import DataError
from charter.invocation import Invocation
from charter.machine.code_version import describe_code, digest_code
from serving.ranking.scoring import Model
from tests.unit.training.test_release import decided, signed
from training.data.dataset import MISSING
from training.judging.choosing import TITLES
from training.keeping.check_rows import make_check_rows
from training.keeping.mlflow_store import using_mlflow
from training.keeping.registry import CANDIDATE, CHAMPION, Registry, make_input_example
from training.keeping.release import release_model
from training.keeping.scoring_manifest import describe_scoring, name_model_file
from training.models.planning import make_plan
from training.run import Run

# MLflow's database models use a loader that SQLAlchemy 2.1 deprecates, its type hints warn about themselves, and pandas
# deprecates a comparison that MLflow makes.
pytestmark = [
    pytest.mark.filterwarnings("ignore:The ``noload`` loader:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*inferred as AnyType:UserWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]

ROOT = Path(__file__).resolve().parents[3]
NAME = "borough-of-fernhill-early_help"


@pytest.fixture(scope="module")
def released(trained_workspace: Path, quick_council: Path, tmp_path_factory: pytest.TempPathFactory) -> Invocation:
    """Return a workspace of its own whose run was audited, signed and released; changed by none."""
    root = tmp_path_factory.mktemp("released") / "workspace"
    shutil.copytree(trained_workspace, root)
    opened = Invocation.open(quick_council, "early_help", root, quiet=True)
    run = Run.open(opened.workspace)
    # Bands that differ, and whose words did not hold: a version must say what the release says.
    metrics = dict(run.metrics)
    first = {"joined": []} | metrics["bands"][0]
    metrics["bands"] = [
        {**first, "id": name, "title": f"Band {name}", "from_score": edge}
        for name, edge in zip("abcd", (0.3, 0.12, 0.05, 0.0), strict=True)
    ]
    write_json(run.folder / "metrics.json", metrics)
    decided(opened)
    signed(opened)
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    release_model(opened)
    return opened


@pytest.fixture
def store(released: Invocation):  # type: ignore[no-untyped-def]  # MLflow is imported where it is used
    with using_mlflow(released.workspace.tracking_uri):
        import mlflow

        yield mlflow


def release_of(invocation: Invocation) -> tuple[Path, dict[str, Any]]:
    (folder,) = [path for path in invocation.workspace.release.iterdir() if path.is_dir()]
    return folder, read_json(folder / "manifest.json")


def some_rows(released: Invocation) -> Any:
    import pandas as pd

    folder, manifest = release_of(released)
    rows = make_check_rows((folder / "model.lgb").read_text(), seed=3)
    rows[:20] = np.where(np.arange(rows.shape[1]) % 3 == 0, np.nan, rows[:20])
    # As `Workbench.data` indexes rows: by as-of date, many to a date.
    days = pd.Index(["2024-01-01"] * 100 + ["2024-03-01"] * (len(rows) - 100), name="as_of")
    return pd.DataFrame(rows.astype(np.float64), columns=manifest["features"], index=days)


def test_the_champion_answers_what_serving_would_say_of_the_same_rows(released: Invocation, store: Any) -> None:
    from charter.rules.abstention import Sight

    folder, manifest = release_of(released)
    rows = some_rows(released)
    answers = store.pyfunc.load_model(f"models:/{NAME}@{CHAMPION}").predict(rows)
    text = (folder / "model.lgb").read_text()
    served = Model.read(text, manifest["features"], manifest["calibration"], manifest["bands"])
    values = rows.to_numpy(np.float32)
    margins = served.margins(values)
    assert list(answers.index) == list(rows.index)
    assert np.asarray(answers["margin"]).tobytes() == margins.tobytes()
    likelihoods = served.likelihoods(margins)
    assert np.asarray(answers["likelihood"]).tobytes() == likelihoods.tobytes()
    enough = Sight.read(manifest["abstention"]).enough(values)
    expected = [served.band(value).title if seen else None for value, seen in zip(likelihoods, enough, strict=True)]
    bands = [title if isinstance(title, str) else None for title in answers["band"]]
    assert bands == expected
    assert len(set(bands)) > 2
    assert None in bands
    explained, base = served.contributions(values)
    assert np.array_equal(answers[[f"contribution.{name}" for name in manifest["features"]]], explained)
    assert np.array_equal(answers["base"], base)
    assert np.allclose(explained.sum(axis=1) + base, margins, atol=1e-9)


def test_what_it_calls_a_likelihood_is_as_frequent_as_the_outcome(released: Invocation, store: Any) -> None:
    import pandas as pd

    planned = make_plan(released)
    data, day = planned.data, planned.tested[-1]
    labels = data.labels(day, data.taken_at)
    known = labels != MISSING
    rows = pd.DataFrame(np.asarray(data.at(day).features)[known].astype(np.float64), columns=data.matrix.features)
    likelihood = store.pyfunc.load_model(f"models:/{NAME}@{CHAMPION}").predict(rows)["likelihood"]
    assert likelihood.mean() == pytest.approx((labels[known] == 1).mean(), abs=0.03)


def test_every_candidate_is_a_version_and_only_the_runs_own_model_has_bands(released: Invocation, store: Any) -> None:
    client, run = store.MlflowClient(), Run.open(released.workspace)
    versions = {version.tags["sooner.model"]: version for version in client.search_model_versions(f"name='{NAME}'")}
    assert set(versions) == {"agreed", "points", "logistic", "lightgbm"}
    rows = some_rows(released)
    for model, version in versions.items():
        answers = store.pyfunc.load_model(f"models:/{NAME}/{version.version}").predict(rows)
        text = run.text(name_model_file(run, model))
        served = Model.read(text, run.manifest["features"], run.manifest["calibration"][model], [])
        assert np.array_equal(answers["likelihood"], served.likelihoods(np.asarray(answers["margin"])))
        assert answers["band"].notna().any() == (model == run.manifest["model"])
        assert TITLES[model] in version.description
    chosen = client.get_model_version_by_alias(NAME, CANDIDATE)
    assert chosen.tags["sooner.model"] == run.manifest["model"]


def test_a_release_whose_words_differ_is_registered_as_it_is_released(released: Invocation, store: Any) -> None:
    """The fixture changed the bands after training: the champion has the release's, and `candidate` is as trained."""
    client = store.MlflowClient()
    champion, candidate = (client.get_model_version_by_alias(NAME, alias) for alias in (CHAMPION, CANDIDATE))
    assert champion.version != candidate.version
    _, manifest = release_of(released)
    folder = Path(client.get_model_version_download_uri(NAME, champion.version).removeprefix("file://"))
    said = json.loads((folder / "artifacts" / "manifest.json").read_text())
    for key in ("bands", "calibration", "abstention", "features", "model_sha256", "programme", "run"):
        assert said[key] == manifest[key]
    assert said["council"] == "Borough of Fernhill"


def test_a_version_has_signature_and_example_and_nothing_pickled(released: Invocation, store: Any) -> None:
    import mlflow

    client = store.MlflowClient()
    version = client.get_model_version_by_alias(NAME, CHAMPION)
    folder = Path(client.get_model_version_download_uri(NAME, version.version).removeprefix("file://"))
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert {"MLmodel", "registered_model.py", "artifacts/model.lgb", "artifacts/manifest.json"} <= files
    assert not [name for name in files if name.endswith((".pkl", ".pickle", ".joblib", ".skops", ".cloudpickle"))]
    assert os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] == "false"
    model = mlflow.pyfunc.load_model(f"models:/{NAME}@{CHAMPION}")
    _, manifest = release_of(released)
    assert model.metadata.signature.inputs.input_names() == manifest["features"]
    names = model.metadata.signature.outputs.input_names()
    assert names[:4] == ["margin", "likelihood", "band", "base"]
    assert list(model.predict(model.input_example).columns) == names


def test_the_example_is_made_from_cut_points_and_is_nobodys_row(released: Invocation) -> None:
    folder, manifest = release_of(released)
    example = make_input_example((folder / "model.lgb").read_text(), manifest["features"])
    assert example.iloc[0].isna().all()
    data = make_plan(released).data
    for day in data.dates:
        rows = np.asarray(data.at(day).features, dtype=np.float64)
        for made in example.to_numpy():
            equal = ((rows == made) | (np.isnan(rows) & np.isnan(made))).all(axis=1)
            assert not equal.any()


def test_mlflows_evaluate_works_from_the_champion(released: Invocation, store: Any) -> None:
    planned = make_plan(released)
    data, day = planned.data, planned.tested[-1]
    labels = data.labels(day, data.taken_at)
    import pandas as pd

    known = labels != MISSING
    rows = pd.DataFrame(np.asarray(data.at(day).features)[known].astype(np.float64), columns=data.matrix.features)
    model = store.pyfunc.load_model(f"models:/{NAME}@{CHAMPION}")
    brier = float(((model.predict(rows)["likelihood"] - labels[known]) ** 2).mean())
    experiment = store.create_experiment("tried", artifact_location=released.workspace.artifacts.as_uri())
    with warnings.catch_warnings(), store.start_run(experiment_id=experiment):
        warnings.simplefilter("ignore")
        result = store.models.evaluate(
            f"models:/{NAME}@{CHAMPION}",
            rows.assign(need=labels[known].astype(np.int64)),
            targets="need",
            predictions="likelihood",
            model_type="regressor",
            evaluator_config={"log_model_explainability": False},
        )
    assert result.metrics["mean_squared_error"] == pytest.approx(brier)
    assert result.metrics["example_count"] == known.sum()


@pytest.mark.deep
def test_mlflow_models_serve_answers_over_http(released: Invocation, store: Any) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = dict(os.environ) | {"MLFLOW_TRACKING_URI": released.workspace.tracking_uri}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    words = [sys.executable, "-m", "mlflow", "models", "serve", "-m", f"models:/{NAME}@{CHAMPION}"]
    words += ["--env-manager", "local", "--host", "127.0.0.1", "--port", str(port)]
    rows = some_rows(released).iloc[:5]
    expected = store.pyfunc.load_model(f"models:/{NAME}@{CHAMPION}").predict(rows)
    body = {"dataframe_split": json.loads(rows.to_json(orient="split", index=False))}
    serving = subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        answered = _ask(f"http://127.0.0.1:{port}/invocations", body, serving)
    finally:
        serving.terminate()
        serving.communicate(timeout=60)
    assert [row["margin"] for row in answered] == pytest.approx(list(expected["margin"]))
    assert [row["likelihood"] for row in answered] == pytest.approx(list(expected["likelihood"]))
    bands = [title if isinstance(title, str) else None for title in expected["band"]]
    assert [row["band"] for row in answered] == bands
    assert set(answered[0]) == set(expected.columns)


def _ask(url: str, body: Any, serving: subprocess.Popen[bytes]) -> list[dict[str, Any]]:
    end = time.monotonic() + 180
    while time.monotonic() < end and serving.poll() is None:
        try:
            answer = httpx.post(url, json=body, timeout=30)
        except httpx.ConnectError:
            time.sleep(0.5)
            continue
        assert answer.status_code == 200, answer.text
        rows: list[dict[str, Any]] = answer.json()["predictions"]
        return rows
    raise AssertionError("mlflow models serve did not come up")


def parent_of(store: Any, released: Invocation) -> Any:
    tracked = read_json(Run.open(released.workspace).folder / "tracking.json")
    return store.MlflowClient().get_run(tracked["run"])


def test_the_figures_of_run_and_model_are_the_pages_own_and_few(trained: Invocation) -> None:
    run = Run.open(trained.workspace)
    with using_mlflow(trained.workspace.tracking_uri):
        import mlflow

        client = mlflow.MlflowClient()
        parent = parent_of(mlflow, trained)
        assert 8 <= len(parent.data.metrics) < 40
        figures = {
            (figure["model"], figure["measure"]): figure["estimate"]
            for figure in run.metrics["figures"]
            if (figure["period"], figure["part"], figure["against"]) == ("selection", "all", None)
        }
        models = {model.model_id: model for model in client.search_logged_models([parent.info.experiment_id])}
        assert len(models) == 4
        seen = set()
        for logged in models.values():
            assert logged.status == "READY"
            measured = {metric.key: metric.value for metric in logged.metrics or ()}
            source = client.get_run(logged.source_run_id)
            name = source.data.tags["sooner.model"]
            seen.add(name)
            for measure in ("precision", "recall", "auroc"):
                value = figures[name, measure]
                assert measured[f"isolated.{measure}"] == value == source.data.metrics[f"isolated.{measure}"]
        assert seen == {"agreed", "points", "logistic", "lightgbm"}


def test_a_notebook_that_works_in_another_experiment_is_left_there(
    trained: Invocation, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow

    from training.experiment import train_models

    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", "0")  # what set_experiment changes is put back afterwards
    monkeypatch.setattr(mlflow.tracking.fluent, "_active_experiment_id", None)
    with using_mlflow(trained.workspace.tracking_uri):
        mine = mlflow.set_experiment("of a notebook")
        run = train_models(trained)
        assert mlflow.MlflowClient().search_logged_models([mine.experiment_id]) == []
        parent = mlflow.MlflowClient().get_run(read_json(run.folder / "tracking.json")["run"])
        assert mlflow.MlflowClient().get_experiment(parent.info.experiment_id).name == "early_help"
        assert parent.info.status == "FINISHED"


def test_the_run_says_what_was_recommended_why_and_by_which_code(trained: Invocation) -> None:
    run = Run.open(trained.workspace)
    with using_mlflow(trained.workspace.tracking_uri):
        import mlflow

        parent = parent_of(mlflow, trained)
        artifacts = {file.path for file in mlflow.MlflowClient().list_artifacts(parent.info.run_id)}
    tags = parent.data.tags
    note = tags["mlflow.note.content"]
    assert run.metrics["recommendation"]["sentence"] in note
    assert "Nobody in it exists" in note
    assert f"#/experiments/{parent.info.experiment_id}/runs/{parent.info.run_id}/artifacts/report.html" in note
    assert "report.html" in artifacts
    assert tags["sooner.commit"].removesuffix("-dirty") == describe_code().removesuffix("-dirty")
    assert tags["mlflow.source.git.commit"] == describe_code().removesuffix("-dirty")
    assert tags["mlflow.source.name"] == "sooner train"
    assert tags["mlflow.user"]


def test_a_runs_id_covers_the_code_of_every_room_that_can_change_it(trained: Invocation) -> None:
    assert Run.open(trained.workspace).manifest["inputs"]["code"] == digest_code(("charter", "features", "training"))


def test_two_councils_on_one_server_have_names_of_their_own(trained: Invocation) -> None:
    other = replace(trained, council=trained.council.model_copy(update={"name": "Cyngor Sir Ynys Môn"}))
    assert (Registry(trained).name, Registry(other).name) == (NAME, "cyngor-sir-ynys-mon-early_help")


def test_a_run_that_an_earlier_sooner_registered_is_promoted_under_the_new_name(trained: Invocation) -> None:
    """Its version has the programme's name alone, is the bare booster, and was the champion."""
    run = Run.open(trained.workspace)
    tracked = read_json(run.folder / "tracking.json")
    with using_mlflow(trained.workspace.tracking_uri):
        import mlflow

        client = mlflow.MlflowClient()
        uri = client.get_model_version(NAME, tracked["version"]).source
        client.delete_registered_model(NAME)
        client.create_registered_model("early_help")
        client.create_model_version("early_help", uri, run_id=tracked["run"], tags={"sooner.run": run.id})
        client.set_registered_model_alias("early_help", CHAMPION, "1")
    old = {key: tracked[key] for key in ("run", "experiment", "commit")}
    write_json(run.folder / "tracking.json", old | {"model": "early_help", "version": "1"})
    decided(trained)
    signed(trained)
    release_model(trained)
    with using_mlflow(trained.workspace.tracking_uri):
        client = mlflow.MlflowClient()
        assert client.get_model_version_by_alias(NAME, CHAMPION).tags["sooner.run"] == run.id
        assert CHAMPION not in client.get_registered_model("early_help").aliases


def real_data(invocation: Invocation) -> Run:
    """Say of the newest run, and of its matrix, that they are of real people."""
    run = Run.open(invocation.workspace)
    for folder in (run.folder, invocation.workspace.matrix / run.manifest["matrix"]):
        write_json(folder / "manifest.json", read_json(folder / "manifest.json") | {"synthetic": False})
    return Run.open(invocation.workspace)


def test_edited_code_trains_nothing_on_real_data(trained: Invocation, tmp_path: Path) -> None:
    """The rooms as they are, committed in a repository of their own, and one line more than was committed."""
    real_data(trained)
    rooms = tmp_path / "rooms"
    for room in ("charter", "features", "training", "fairness_reports", "serving", "borough", "sooner"):
        shutil.copytree(ROOT / room, rooms / room, ignore=shutil.ignore_patterns("__pycache__"))
    for words in (("init", "-q"), ("add", "."), ("commit", "-q", "-m", "first")):
        named = ["git", "-C", str(rooms), "-c", "user.name=t", "-c", "user.email=t@t.example", *words]
        subprocess.run(named, check=True)
    with (rooms / "features" / "build.py").open("a") as file:
        file.write("# a line more\n")
    words = [sys.executable, "-m", "sooner", "train", "--programme", "early_help"]
    words += ["--council", str(trained.council.folder), "--workspace", str(trained.workspace.root)]
    ran = subprocess.run(
        words, cwd=rooms, env=os.environ | {"PYTHONPATH": str(rooms)}, capture_output=True, text=True, timeout=300
    )
    assert ran.returncode == 11, (ran.stdout, ran.stderr)
    assert "-dirty: no commit and no installed version holds it" in ran.stderr
    assert "Commit what you changed" in ran.stderr


def test_a_run_of_edited_code_on_real_data_is_not_released(trained: Invocation) -> None:
    run = real_data(trained)
    tracked = read_json(run.folder / "tracking.json")
    write_json(run.folder / "tracking.json", tracked | {"commit": "0" * 40 + "-dirty"})
    decided(trained)
    with pytest.raises(DataError, match="edited and not committed"):
        release_model(trained)


def test_a_version_is_logged_without_reading_every_installed_package(
    released: Invocation, store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow.utils import requirements_utils

    def refuse() -> None:
        raise AssertionError("every installed package was read")

    monkeypatch.setattr(requirements_utils, "_MODULES_TO_PACKAGES", None)
    monkeypatch.setattr(requirements_utils.importlib_metadata, "packages_distributions", refuse)
    warned: list[str] = []
    monkeypatch.setattr(requirements_utils._logger, "warning", warned.append)
    run = Run.open(released.workspace)
    client, recorded = store.MlflowClient(), read_json(run.folder / "tracking.json")
    registered = Registry(released).register(client, recorded["run"], run, describe_scoring(run, "points"))
    assert int(registered.version) > 0
    assert not warned
    assert requirements_utils._MODULES_TO_PACKAGES is None, "what somebody else logs is compared as ever"
