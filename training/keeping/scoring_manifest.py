"""What scoring with a run's model needs to know: its features, calibration, bands and abstention.

A release takes it from here, and each version in MLflow's registry has the same beside its model: one says what the
other says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from training.run import Run

__all__ = ["describe_scoring", "name_model_file", "select_scoring"]

_KEYS = ("model", "model_sha256", "features", "calibration", "bands", "abstention")


def name_model_file(run: Run, model: str) -> str:
    """Return which file of a run's folder holds a model's text."""
    return "model.lgb" if model == run.manifest["model"] else f"models/{model}.lgb"


def describe_scoring(run: Run, model: str) -> dict[str, Any]:
    """Return the model's name and digest, `features`, `calibration`, `bands` and, where the run has it, `abstention`.

    Bands are measured on the lists of the run's own model; another model of it has none.
    """
    manifest = run.manifest
    document = {
        "model": model,
        "model_sha256": manifest["outputs"][name_model_file(run, model)],
        "features": manifest["features"],
        "calibration": manifest["calibration"][model],
        "bands": _bands_to_release(run.metrics["bands"]) if model == manifest["model"] else [],
    }
    return document | ({"abstention": manifest["abstention"]} if "abstention" in manifest else {})


def select_scoring(release: Mapping[str, Any]) -> dict[str, Any]:
    """Return of a release's manifest what scoring needs to know, as `describe_scoring` gives it."""
    return {key: release[key] for key in _KEYS if key in release}


def _bands_to_release(bands: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return a run's bands; those of an older run lose their words, which no replayed list had shown."""
    unsaid = {"title": "How likely is not known yet", "meaning": "Train again to see what lists show."}
    return [{**band} if "joined" in band else {**band, **unsaid} for band in bands]
