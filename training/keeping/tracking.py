"""One training run in MLflow: a parent run, a child per fold and model, per other candidate and per trial.

The store is `MLFLOW_TRACKING_URI` if set, else the workspace's own SQLite file; under `mlflow run` the parent is the
run that MLflow started. What is recorded: parameters, the figures that tell the run's story (run_story.py), all others
as artifacts, digests of the matrix, definition, settings and charter, the code, versions, and every candidate as a
version of the registry (registry.py). No rows, no pickle. A new store is migrated while the models train, because that
takes as long as training a small borough.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from charter.contracts.files import read_json, write_json
from charter.contracts.workspace import Workspace
from charter.invocation import Invocation
from charter.machine.code_version import describe_code
from training.keeping.mlflow_store import find_tracking_uri, open_experiment, using_mlflow
from training.keeping.registry import CANDIDATE, Registry
from training.keeping.run_story import gather_story, measure_candidate, tell_run
from training.keeping.scoring_manifest import describe_scoring
from training.run import Run

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from training.judging.periods import Results
    from training.models.fitting import Trained
    from training.models.planning import Plan
    from training.models.search import Found

__all__ = ["Tracking", "attach_files"]

_NOTE = "mlflow.note.content"
_COMMIT = re.compile(r"[0-9a-f]{40}(-dirty)?")
_LINE = "precision"
"""The figure of isolated dates that is drawn as a line over the folds."""


def attach_files(workspace: Workspace, run: Run, *names: str) -> None:
    """Add files of a run's folder to its run in MLflow, as artifacts; a run that is not in the store is left alone."""
    recorded = run.folder / "tracking.json"
    if not recorded.exists():
        return
    parent = read_json(recorded)["run"]
    with using_mlflow(find_tracking_uri(workspace)):
        import mlflow

        client = mlflow.MlflowClient()
        for name in names:
            client.log_artifact(parent, str(run.folder / name))


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
        with using_mlflow(uri), ThreadPoolExecutor(max_workers=1) as pool:
            yield cls(invocation, uri, pool.submit(open_experiment, uri, invocation.workspace))

    def open(self) -> str:
        """Wait until the store is ready and return the id of the experiment."""
        return self._ready.result()

    def record(self, run: Run, planned: Plan, trained: Trained, results: Results, found: Found | None = None) -> None:
        """Record the run: parent, children, a version for each candidate, and `tracking.json` beside the run."""
        import mlflow

        experiment = self.open()
        client = mlflow.MlflowClient()
        parent = os.environ.get("MLFLOW_RUN_ID") or client.create_run(experiment, run_name=run.id).info.run_id
        code = describe_code()
        try:
            _record_parent(client, parent, run, planned, code)
            client.log_text(parent, self._register_in_english(planned), "register.md")
            _record_folds(client, experiment, parent, planned, trained, results)
            if found:
                _record_trials(client, experiment, parent, found)
            versions = self._register_candidates(client, experiment, parent, run, list(trained.candidates))
            page = f"#/experiments/{experiment}/runs/{parent}/artifacts"
            council = self.invocation.council.name
            client.set_tag(parent, _NOTE, tell_run(council, run.manifest, run.metrics, versions, page))
        except BaseException:
            client.set_terminated(parent, "FAILED")
            raise
        write_json(
            run.folder / "tracking.json",
            {
                "run": parent,
                "experiment": experiment,
                "model": Registry(self.invocation).name,
                "version": versions[str(run.manifest["model"])],
                "versions": versions,
                "commit": code,
            },
        )

    def _register_candidates(
        self, client: MlflowClient, experiment: str, parent: str, run: Run, candidates: list[str]
    ) -> dict[str, str]:
        """Make every candidate a version, the run's own model last and under the alias `candidate`; return them.

        The others have a child run each, so that in MLflow all have the same figures under the same names.
        """
        registry, chosen, versions = Registry(self.invocation), str(run.manifest["model"]), {}
        for model in sorted(candidates, key=lambda name: name == chosen):
            source = parent
            if model != chosen:
                tags = {"mlflow.parentRunId": parent, "sooner.candidate": model, "sooner.model": model}
                source = client.create_run(experiment, run_name=f"candidate {model}", tags=tags).info.run_id
            registered = registry.register(client, source, run, describe_scoring(run, model))
            story = gather_story(run.metrics) if model == chosen else measure_candidate(run.metrics, model)
            client.log_batch(source, metrics=_as_metrics(story, registered.model_id))
            client.set_terminated(source)
            versions[model] = registered.version
        client.set_registered_model_alias(registry.name, CANDIDATE, versions[chosen])
        return versions

    def _register_in_english(self, planned: Plan) -> str:
        """Return what each feature is, where it comes from and why it is asked, for who reads MLflow alone."""
        from features.feature_list import render_markdown
        from features.grammar.definition import Definition

        definition = Definition.of(planned.data.matrix.definition)
        return render_markdown(definition, self.invocation.register, self.invocation.policy)


def _record_parent(client: MlflowClient, parent: str, run: Run, planned: Plan, code: str) -> None:
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
        "sooner.commit": code,
        "sooner.model": manifest["model"],
        "sooner.recommendation": run.metrics["recommendation"]["sentence"],
    } | {f"sooner.version.{name}": value for name, value in manifest["versions"].items()}
    tags |= _describe_system(client.get_run(parent).data.tags, code)
    client.log_batch(
        parent,
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


def _describe_system(present: Mapping[str, str], code: str) -> dict[str, str]:
    """Return MLflow's own tags of who ran what; those that `mlflow run` has set stay as they are."""
    from mlflow.tracking.context.registry import resolve_tags

    commit = {"mlflow.source.git.commit": code.split("-")[0]} if _COMMIT.fullmatch(code) else {}
    tags = resolve_tags({"mlflow.source.name": "sooner train", "mlflow.source.type": "LOCAL"} | commit)
    return {name: value for name, value in tags.items() if name not in present}


def _as_metrics(figures: Mapping[str, float], model_id: str | None) -> list[Any]:
    """Return figures as metrics of a run and of the model that was logged in it."""
    from mlflow.entities import Metric

    now = _milliseconds_now()
    return [Metric(name, value, now, 0, model_id=model_id) for name, value in figures.items()]


def _record_folds(
    client: MlflowClient, experiment: str, parent: str, planned: Plan, trained: Trained, results: Results
) -> None:
    """Record one child run for each fold and model; the parent has one line for each model, over the folds."""
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
                Metric(f"isolated.{_LINE}.by_fold.{model}", float(figure.estimate or 0.0), now, step)
                for figure in figures
                if figure.measure == _LINE
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


def _milliseconds_now() -> int:
    return int(datetime.now(UTC).timestamp() * 1000)
