"""MLflow's model registry: every candidate of a run a version, and the aliases `candidate` and `champion`.

    name         COUNCIL-PROGRAMME, so that councils may share a server: borough-of-fernhill-early_help
    version      a model's native text, what its release says of scoring (`manifest.json`), and the file that answers
                 with both (registered_model.py): margin, likelihood, band and contributions
    candidate    the newest run's model, to be audited; the other models of a run are versions without an alias
    champion     the released one; its bands and its calibration are the release's own

Nothing later reads a model from here (docs/decisions/0055): what is signed and served is the release. Nobody's row is
in it; the input example is made from the model's cut points.
"""

from __future__ import annotations

import re
import unicodedata
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version as find_version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from charter.contracts import SCHEMA_VERSION
from charter.contracts.files import content_id, read_json, write_json, write_text
from charter.errors import DataError
from charter.invocation import Invocation
from training.judging.choosing import TITLES
from training.keeping.check_rows import make_check_rows
from training.keeping.mlflow_store import find_tracking_uri, using_mlflow
from training.keeping.scoring_manifest import name_model_file
from training.run import Run

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]  # it ships no types
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.models import ModelSignature

__all__ = ["CANDIDATE", "CHAMPION", "Registry", "make_input_example"]

CANDIDATE, CHAMPION = "candidate", "champion"

_ANSWERS = Path(__file__).with_name("registered_model.py")
_NEEDS = ("lightgbm", "mlflow", "numpy", "pandas")
_SCORING = "sooner.scoring"
_EXAMPLES = 4


class Registered(NamedTuple):
    """A version in the registry, and MLflow's id of the model that was logged for it."""

    version: str
    model_id: str | None


@dataclass(frozen=True)
class Registry:
    """A programme's versions in the store in use."""

    invocation: Invocation

    @property
    def name(self) -> str:
        """The name of the registered model: the council's and the programme's, as an address may hold them."""
        plain = unicodedata.normalize("NFKD", self.invocation.council.name).encode("ascii", "ignore").decode()
        words = re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")
        return "-".join(word for word in (words, self.invocation.programme) if word)

    def register(self, client: MlflowClient, source: str, run: Run, scoring: Mapping[str, Any]) -> Registered:
        """Log a model of a run under the MLflow run `source` and make it a version; return its numbers.

        `scoring` is what `describe_scoring` or a release says of it. The caller has pointed MLflow at the store.
        """
        import mlflow.pyfunc
        from mlflow.models.model import Model

        model = str(scoring["model"])
        text = run.text(name_model_file(run, model))
        with TemporaryDirectory() as beside, warnings.catch_warnings(), _needs_known():
            warnings.simplefilter("ignore")  # MLflow compares an example's columns in a way that pandas deprecates
            folder = Path(beside)
            write_text(folder / "model.lgb", text)
            write_json(folder / "manifest.json", {**self._describe(run), **scoring})
            answers = folder / _ANSWERS.name  # MLflow keeps the mode of what it copies
            write_text(answers, _ANSWERS.read_text(encoding="utf-8"))
            # Not `mlflow.pyfunc.log_model`, which records in whichever run or experiment the caller's process is in.
            experiment = client.get_run(source).info.experiment_id
            begun = client.create_logged_model(experiment, name="model", source_run_id=source)
            logged = Model.log(
                None,
                mlflow.pyfunc,
                run_id=source,
                model_id=begun.model_id,
                python_model=str(answers),
                artifacts={"model": str(folder / "model.lgb"), "manifest": str(folder / "manifest.json")},
                signature=_describe_answers(scoring["features"]),
                input_example=make_input_example(text, scoring["features"]),
                pip_requirements=[f"{name}=={find_version(name)}" for name in _NEEDS],
            )
        client.finalize_logged_model(begun.model_id, "READY")
        self._require_model(client)
        version = client.create_model_version(
            self.name,
            logged.model_uri,
            run_id=source,
            model_id=logged.model_id,
            description=_describe_version(run, model),
            tags={
                "sooner.run": run.id,
                "sooner.model": model,
                "sooner.model_sha256": scoring["model_sha256"],
                _SCORING: content_id(scoring),
            },
        )
        return Registered(str(version.version), logged.model_id)

    def name_champion(self, run: Run, scoring: Mapping[str, Any], tags: Mapping[str, str]) -> None:
        """Give the version of a run's model the alias `champion`, with tags for approvals and expiry.

        `scoring` is the release's. A version that says otherwise, or has the name and form of an earlier Sooner, is
        registered again from the run's files. Raises DataError where the store in use does not have the run.
        """
        recorded = read_json(run.folder / "tracking.json") if (run.folder / "tracking.json").exists() else {}
        with using_mlflow(find_tracking_uri(self.invocation.workspace)):
            import mlflow

            client = mlflow.MlflowClient()
            present = _find_version(client, run, recorded)
            number = str(present.version)
            if present.name != self.name or present.tags.get(_SCORING) != content_id(scoring):
                number = self.register(client, recorded["run"], run, scoring).version
            for name, value in tags.items():
                client.set_model_version_tag(self.name, number, name, value)
            client.set_registered_model_alias(self.name, CHAMPION, number)
            if recorded.get("model") not in (None, self.name):
                # The name that an earlier Sooner gave would keep a champion, one that answers without calibration.
                client.delete_registered_model_alias(recorded["model"], CHAMPION)

    def _describe(self, run: Run) -> dict[str, Any]:
        """Return what a version's manifest says besides scoring: where it comes from."""
        copied = ("snapshot", "matrix", "definition", "charter_sha256", "synthetic")
        return {
            "schema_version": SCHEMA_VERSION,
            "council": self.invocation.council.name,
            "programme": self.invocation.programme,
            "run": run.id,
            **{key: run.manifest[key] for key in copied},
        }

    def _require_model(self, client: MlflowClient) -> None:
        from mlflow.exceptions import MlflowException

        try:
            client.get_registered_model(self.name)
        except MlflowException:
            council, programme = self.invocation.council.name, self.invocation.programme
            client.create_registered_model(
                self.name,
                tags={"sooner.council": council, "sooner.programme": programme},
                description=f"{council}: models of the programme {programme}. What is served is the signed release, and"
                " never read from here.",
            )


def _find_version(client: MlflowClient, run: Run, recorded: Mapping[str, Any]) -> ModelVersion:
    from mlflow.exceptions import MlflowException

    try:
        version = client.get_model_version(recorded.get("model", "none"), recorded.get("version", "0"))
    except MlflowException:
        version = None
    if version is None or version.tags.get("sooner.run") != run.id:
        raise DataError(
            f"the MLflow store in use has no model version of run {run.id}.",
            "Set MLFLOW_TRACKING_URI as it was for `sooner train`, or train again.",
        )
    return version


def _describe_version(run: Run, model: str) -> str:
    sentence = run.metrics["recommendation"]["sentence"]
    title = TITLES[model]
    if model == run.manifest["model"]:
        return f"The model of run {run.id}: {title}. {sentence}"
    return (
        f"A contender of run {run.id}: {title}. It has no bands, because they are measured on the lists of the run's"
        " own model."
    )


def make_input_example(text: str, features: list[str]) -> pd.DataFrame:
    """Return a row of which nothing is seen and some made from the model's own cut points: nobody's, as float64."""
    import pandas as pd

    rows = make_check_rows(text)[:_EXAMPLES].astype(np.float64)
    rows[0] = np.nan
    return pd.DataFrame(rows, columns=features)


@contextmanager
def _needs_known() -> Iterator[None]:
    """Tell MLflow which packages a version's needs are, for as long as the block lasts.

    It compares what a version needs with what is installed, and reads the files of every installed package to know
    which modules are whose: a tenth of training a small borough. Our needs are named by what is installed.
    """
    from mlflow.utils import requirements_utils

    before = requirements_utils._MODULES_TO_PACKAGES
    known = before or {name: [name] for name in _NEEDS}
    requirements_utils._MODULES_TO_PACKAGES = known  # type: ignore[assignment]  # MLflow types it as None alone
    try:
        yield
    finally:
        requirements_utils._MODULES_TO_PACKAGES = before


def _describe_answers(features: list[str]) -> ModelSignature:
    """Return the signature: float64 features, of which NaN is not seen; and the columns of registered_model.py."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    columns = [ColSpec("double", "margin"), ColSpec("double", "likelihood"), ColSpec("string", "band", required=False)]
    columns += [ColSpec("double", name) for name in ("base", *(f"contribution.{feature}" for feature in features))]
    return ModelSignature(inputs=Schema([ColSpec("double", name) for name in features]), outputs=Schema([*columns]))
