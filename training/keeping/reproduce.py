"""Train a run's model again from what the run stored, and prove that it comes out the same, byte for byte."""

from __future__ import annotations

import hashlib
from pathlib import Path

from charter.contracts.matrix import Matrix
from charter.council.training_settings import TrainingSettings
from charter.errors import DataError, WithdrawnError
from charter.invocation import Invocation
from charter.machine.threads import one_thread
from training.models.fitting import fit_candidate
from training.models.planning import make_plan
from training.run import Run

__all__ = ["retrain_model"]


def retrain_model(invocation: Invocation, run: Run) -> bytes:
    """Return the candidate of `run` trained again, equal to its model.lgb.

    Raises WithdrawnError (12) where its matrix, or rows of it, were withdrawn since; DataError (11) where the bytes
    differ, naming what changed: library versions, or else the code.
    """
    run.refuse_withdrawn()
    folder = invocation.workspace.matrix / str(run.manifest["matrix"])
    if not (folder / "manifest.json").exists():
        raise WithdrawnError(
            f"run {run.id} was trained on the matrix {run.manifest['matrix']}, which was withdrawn or cleared since.",
            "The run's own record still stands; to train on what is permitted now: `sooner build`, `sooner train`.",
        )
    with one_thread():
        return _train_again(invocation, run, folder)


def _train_again(invocation: Invocation, run: Run, folder: Path) -> bytes:
    planned = make_plan(invocation, Matrix.open(folder), TrainingSettings.of(run.manifest["settings"]))
    if run.manifest["inputs"].get("offers", planned.data.offers.sha256) != planned.data.offers.sha256:
        raise WithdrawnError(
            f"run {run.id} knew of offers of help that were withdrawn or corrected since.",
            "The run's own record still stands; to train on what is known now: `sooner train`.",
        )
    known, helped = run.manifest["inputs"].get("helped"), planned.data.help.sha256
    if planned.settings.offers.treated == "leave_out" and (known or helped) != helped:
        raise WithdrawnError(
            f"run {run.id} left out families of whose help the record was withdrawn, corrected or cleared since.",
            "The run's own record still stands; to train on what is known now: `sooner train`.",
        )
    text = (fit_candidate(planned, str(run.manifest["model"])).text or "").encode()
    if hashlib.sha256(text).hexdigest() != run.manifest["outputs"]["model.lgb"]:
        raise DataError(
            f"run {run.id} trained again gives another model: {_name_changes(run)}.",
            "Check out the commit and install the versions that the run names, then try again.",
        )
    return text


def _name_changes(run: Run) -> str:
    from importlib.metadata import version

    changed = [f"{name} was {was}" for name, was in run.manifest["versions"].items() if version(name) != was]
    return ", ".join(changed) if changed else "its matrix or the code of training was changed"
