"""One training run in MLflow: an experiment per programme, one parent run, a child per fold and model and per trial.

The store is `MLFLOW_TRACKING_URI` if set, else the workspace's own SQLite file; under `mlflow run` the parent is the
run that MLflow started. What is recorded: parameters, figures by fold, digests of the matrix, definition, settings and
charter, git commit, versions, and the model as LightGBM native text with a signature. No rows, no input example, no
pickle. A new store is migrated while the models train, because that takes as long as training a small borough.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from charter.contracts.files import read_json, write_json
from charter.contracts.workspace import Workspace
from charter.errors import DataError
from charter.invocation import Invocation
from training.run import Run

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from training.judging.periods import Results
    from training.models.fitting import Trained
    from training.models.planning import Plan
    from training.models.search import Found

__all__ = ["CANDIDATE", "CHAMPION", "Registry", "Tracking", "attach_files", "find_tracking_uri"]

CANDIDATE, CHAMPION = "candidate", "champion"

_HEADLINES = ("precision", "recall", "found", "missed", "listed", "false_positives_per_found", "lift")


def find_tracking_uri(workspace: Workspace) -> str:
    """Return the MLflow store in use: the one MLFLOW_TRACKING_URI names, or the workspace's own."""
    return os.environ.get("MLFLOW_TRACKING_URI") or workspace.tracking_uri


def attach_files(workspace: Workspace, run: Run, *names: str) -> None:
    """Add files of a run's folder to its run in MLflow, as artifacts; a run that is not in the store is left alone."""
    recorded = run.folder / "tracking.json"
    if not recorded.exists():
        return
    parent = read_json(recorded)["run"]
    with _using_mlflow(find_tracking_uri(workspace)):
        import mlflow

        client = mlflow.MlflowClient()
        for name in names:
            client.log_artifact(parent, str(run.folder / name))


@contextmanager
def _using_mlflow(uri: str) -> Iterator[None]:
    """Point MLflow at `uri`, without telemetry or chatter, and put the process back as it was.

    Raises DataError where another program holds the store's SQLite file.
    """
    ours = {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
        "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    }
    before = {name: os.environ.get(name) for name in (*ours, "MLFLOW_TRACKING_URI")}
    os.environ |= ours
    import mlflow
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    logger = logging.getLogger("mlflow")
    level = logger.level
    logger.setLevel(logging.WARNING)
    mlflow.set_tracking_uri(uri)
    try:
        yield
    except (MlflowException, SQLAlchemyError, OSError) as error:
        if "database is locked" not in str(error):
            raise
        raise DataError(
            "another program holds MLflow's store, so nothing could be recorded in it.",
            "Close what has its file open, such as a database browser or another training, and run this again. "
            "Nothing that was there before is changed.",
        ) from None
    finally:
        mlflow.set_tracking_uri(None)  # type: ignore[arg-type]  # None means: ask the environment again
        logger.setLevel(level)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@dataclass(frozen=True)
class Tracking:
    """A run being recorded: where, and the experiment as soon as the store is ready."""

    invocation: Invocation
    uri: str
    _ready: Future[str]

    @classmethod
    @contextmanager
    def started(cls, invocation: Invocation) -> Iterator[Tracking]:
        """Open the store in the background; on leaving, MLflow's global settings are as they were."""
        uri = find_tracking_uri(invocation.workspace)
        with _using_mlflow(uri), ThreadPoolExecutor(max_workers=1) as pool:
            yield cls(invocation, uri, pool.submit(_open_experiment, uri, invocation.workspace))

    def open(self) -> str:
        """Wait until the store is ready and return the id of the experiment."""
        return self._ready.result()

    def record(self, run: Run, planned: Plan, trained: Trained, results: Results, found: Found | None = None) -> None:
        """Record the run: parent, children, the candidate's model version, and `tracking.json` beside the run."""
        import mlflow

        experiment = self.open()
        client = mlflow.MlflowClient()
        parent = os.environ.get("MLFLOW_RUN_ID") or client.create_run(experiment, run_name=run.id).info.run_id
        try:
            _record_parent(client, parent, run, planned, results)
            client.log_text(parent, self._register_in_english(planned), "register.md")
            _record_children(client, experiment, parent, planned, trained, results)
            if found:
                _record_trials(client, experiment, parent, found)
            version = _register_candidate(client, parent, run)
        except BaseException:
            client.set_terminated(parent, "FAILED")
            raise
        write_json(
            run.folder / "tracking.json",
            {
                "run": parent,
                "experiment": experiment,
                "model": self.invocation.workspace.programme,
                "version": version,
                "commit": _read_commit(),
            },
        )

    def _register_in_english(self, planned: Plan) -> str:
        """Return what each feature is, where it comes from and why it is asked, for who reads MLflow alone."""
        from features.feature_list import render_markdown
        from features.grammar.definition import Definition

        definition = Definition.of(planned.data.matrix.definition)
        return render_markdown(definition, self.invocation.register, self.invocation.policy)


def _open_experiment(uri: str, workspace: Workspace) -> str:
    """Return the id of the programme's experiment, made on first use, or the one `mlflow run` records in.

    Migrates a new store. Where the store has no server to keep artifacts, they go to the workspace.
    """
    import mlflow

    client = mlflow.MlflowClient(uri)
    if "MLFLOW_RUN_ID" in os.environ:
        return str(client.get_run(os.environ["MLFLOW_RUN_ID"]).info.experiment_id)
    place = None if urlsplit(uri).scheme in ("http", "https", "databricks") else workspace.artifacts.resolve().as_uri()
    experiment = client.get_experiment_by_name(workspace.programme)
    if experiment is not None and experiment.lifecycle_stage != "active":
        client.restore_experiment(experiment.experiment_id)
    if experiment is not None and uri == workspace.tracking_uri and experiment.artifact_location != place:
        # The workspace was copied or moved, and MLflow would go on writing to where it was.
        client.rename_experiment(
            experiment.experiment_id, f"{workspace.programme} (elsewhere, {experiment.experiment_id})"
        )
        experiment = None
    if experiment is not None:
        return str(experiment.experiment_id)
    return str(client.create_experiment(workspace.programme, artifact_location=place))


def _record_parent(client: MlflowClient, parent: str, run: Run, planned: Plan, results: Results) -> None:
    from mlflow.data.code_dataset_source import CodeDatasetSource
    from mlflow.data.meta_dataset import MetaDataset
    from mlflow.entities import DatasetInput, InputTag, Param, RunTag

    manifest = run.manifest
    settings = {
        f"{section}.{key}": value
        for section, values in manifest["settings"].items()
        if isinstance(values, Mapping)
        for key, value in values.items()
    }
    tags = {
        "sooner.run": run.id,
        "sooner.programme": manifest["programme"],
        "sooner.snapshot": manifest["snapshot"],
        "sooner.synthetic": manifest["synthetic"],
        "sooner.matrix": manifest["matrix"],
        "sooner.definition": manifest["definition"],
        "sooner.charter_sha256": manifest["charter_sha256"],
        "sooner.commit": _read_commit(),
        "sooner.model": manifest["model"],
        "sooner.recommendation": run.metrics["recommendation"]["sentence"],
    } | {f"sooner.version.{name}": value for name, value in manifest["versions"].items()}
    client.log_batch(
        parent,
        metrics=[*_figures_as_metrics(results, manifest["model"]), *_replay_as_metrics(run)],
        params=[Param(name, str(value)) for name, value in settings.items()],
        tags=[RunTag(name, str(value)) for name, value in tags.items()],
    )
    data = MetaDataset(  # type: ignore[abstract]  # MLflow's own class, which leaves out an optional property
        CodeDatasetSource(tags={"sooner.matrix": manifest["matrix"], "sooner.snapshot": manifest["snapshot"]}),
        name=f"matrix {manifest['matrix']}",
        digest=manifest["inputs"]["matrix/manifest.json"][:36],
    )
    entity = data._to_mlflow_entity()  # MLflow's own log_input calls this; the client has no public way
    client.log_inputs(parent, [DatasetInput(entity, [InputTag("mlflow.data.context", "training")])])
    folder = planned.data.matrix.folder
    client.log_dict(parent, read_json(folder / "manifest.json"), "matrix.json")
    client.log_dict(parent, dict(manifest), "run.json")
    for path in (folder / "definition.json", run.folder / "metrics.json", run.folder / "report.html"):
        client.log_artifact(parent, str(path))


def _figures_as_metrics(results: Results, chosen: str) -> list[Any]:
    """Return every whole-period figure as a metric `period.model.measure`, and the candidate's as `measure`."""
    from mlflow.entities import Metric

    now = _milliseconds_now()
    metrics = []
    for judged in results.periods.values():
        for figure in judged.figures:
            if figure.part != "all" or figure.against or figure.estimate is None:
                continue
            metrics.append(Metric(f"{figure.period}.{figure.model}.{figure.measure}", figure.estimate, now, 0))
            if figure.model == chosen and figure.period == "selection":
                metrics.append(Metric(figure.measure, figure.estimate, now, 0))
    return metrics


def _replay_as_metrics(run: Run) -> list[Any]:
    """Return the replay's figures of all weeks of a period as `replay.period.model.measure`."""
    from mlflow.entities import Metric

    now = _milliseconds_now()
    return [
        Metric(f"replay.{one['period']}.{one['model']}.{one['measure']}", one["estimate"], now, 0)
        for one in run.metrics["replay"]["figures"]
        if one["part"] == "all" and not one["against"] and one["estimate"] is not None
    ]


def _record_children(
    client: MlflowClient, experiment: str, parent: str, planned: Plan, trained: Trained, results: Results
) -> None:
    """Record one child run for each fold and model; the parent has their headlines with the fold as step."""
    from mlflow.entities import Metric, Param

    now = _milliseconds_now()
    lines = []
    for step, fold in enumerate(planned.folds):
        for model in planned.settings.models.in_order:
            figures = [
                figure
                for judged in results.periods.values()
                for figure in judged.figures
                if figure.model == model and figure.part == f"fold {fold.name}" and figure.estimate is not None
            ]
            tags = {"mlflow.parentRunId": parent, "sooner.fold": fold.name, "sooner.model": model}
            child = client.create_run(experiment, run_name=f"{fold.name} {model}", tags=tags).info.run_id
            params = {"fold": fold.name, "model": model, **trained.by_fold[fold.name][model].params}
            client.log_batch(
                child,
                metrics=[Metric(figure.measure, float(figure.estimate or 0.0), now, step) for figure in figures],
                params=[Param(name, str(value)) for name, value in params.items()],
            )
            client.set_terminated(child)
            # MLflow draws these as lines over time.
            lines += [
                Metric(f"fold.{model}.{figure.measure}", float(figure.estimate or 0.0), now, step)
                for figure in figures
                if figure.measure in _HEADLINES
            ]
    client.log_batch(parent, metrics=lines)


def _record_trials(client: MlflowClient, experiment: str, parent: str, found: Found) -> None:
    """Record one child run for each trial of a search: its settings, and its precision with the fold as step."""
    from mlflow.entities import Metric, Param

    now = _milliseconds_now()
    for trial in found.trials:
        tags = {
            "mlflow.parentRunId": parent,
            "sooner.trial": str(trial.number),
            "sooner.state": "pruned" if trial.pruned else "finished",
            "sooner.best": str(trial is found.best).lower(),
        }
        child = client.create_run(experiment, run_name=f"trial {trial.number}", tags=tags).info.run_id
        by_fold = [Metric("precision", value, now, step) for step, value in enumerate(trial.precision)]
        whole = [Metric("mean_precision", trial.mean(), now, 0), Metric("seconds", trial.seconds, now, 0)]
        client.log_batch(
            child,
            metrics=by_fold + whole,
            params=[Param(name, str(value)) for name, value in sorted(trial.settings.items())],
        )
        client.set_terminated(child, "KILLED" if trial.pruned else "FINISHED")


def _register_candidate(client: MlflowClient, parent: str, run: Run) -> str:
    """Log the candidate as native text with its signature, and register it under the alias `candidate`."""
    import lightgbm as lgb
    import mlflow.lightgbm
    from mlflow.exceptions import MlflowException
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    programme = str(run.manifest["programme"])
    signature = ModelSignature(
        inputs=Schema([ColSpec("double", name) for name in run.manifest["features"]]),
        outputs=Schema([ColSpec("double", "likelihood")]),
    )
    with mlflow.start_run(run_id=parent):
        logged = mlflow.lightgbm.log_model(
            lgb.Booster(model_str=run.text()),
            name="model",
            signature=signature,
            pip_requirements=[f"lightgbm=={run.manifest['versions']['lightgbm']}"],
        )
    try:
        client.get_registered_model(programme)
    except MlflowException:
        client.create_registered_model(programme, description=f"The {programme} programme's models.")
    version = client.create_model_version(
        programme,
        logged.model_uri,
        run_id=parent,
        model_id=logged.model_id,
        tags={
            "sooner.run": run.id,
            "sooner.model": run.manifest["model"],
            "sooner.model_sha256": run.manifest["outputs"]["model.lgb"],
        },
    )
    client.set_registered_model_alias(programme, CANDIDATE, version.version)
    return str(version.version)


def _read_commit() -> str:
    """Return the commit of the checkout this code runs from, `-dirty` if edited; `none` for an installed package."""
    from git import InvalidGitRepositoryError, NoSuchPathError, Repo

    try:
        with Repo(Path(__file__).parent, search_parent_directories=True) as repo:
            return repo.head.commit.hexsha + ("-dirty" if repo.is_dirty(untracked_files=False) else "")
    except (InvalidGitRepositoryError, NoSuchPathError, ValueError):
        return "none"


def _milliseconds_now() -> int:
    return int(datetime.now(UTC).timestamp() * 1000)


@dataclass(frozen=True)
class Registry:
    """The model registry of the store in use, for promotion: aliases and tags of a programme's versions."""

    workspace: Workspace

    def champion(self, run: Run, tags: Mapping[str, str]) -> None:
        """Give a run's version the alias `champion`, with tags for approvals and expiry.

        Raises DataError where the store in use does not have the version.
        """
        recorded = run.folder / "tracking.json"
        recorded_ids = json.loads(recorded.read_text(encoding="utf-8")) if recorded.exists() else {}
        with _using_mlflow(find_tracking_uri(self.workspace)):
            import mlflow
            from mlflow.exceptions import MlflowException

            programme = self.workspace.programme
            client = mlflow.MlflowClient()
            try:
                version = client.get_model_version(programme, recorded_ids.get("version", "0"))
            except MlflowException:
                version = None
            if version is None or version.tags.get("sooner.run") != run.id:
                raise DataError(
                    f"the MLflow store in use has no model version of run {run.id}.",
                    "Set MLFLOW_TRACKING_URI as it was for `sooner train`, or train again.",
                )
            for name, value in tags.items():
                client.set_model_version_tag(programme, version.version, name, value)
            client.set_registered_model_alias(programme, CHAMPION, version.version)
