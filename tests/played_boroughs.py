"""Boroughs played by the demo's own path, each once: how it ended, what it said, and the figures that tests ask for.

A borough is `HOMES KIND SEED`, kind being `fair` or what `--unfair` plants. What is kept is a line in
`build/deep/boroughs-*.jsonl`, so a borough that one test played is not played again for another; its workspace goes.
"""

from __future__ import annotations

import os
import shutil
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from charter.contracts.files import find_current, read_json
from tests.conftest import run_sooner
from tests.resuming import draw_resuming
from tests.waiting import PATIENCE
from training.workbench import Workbench

ROOMS = ("borough", "charter", "fairness_reports", "features", "serving", "sooner", "training")
PROGRAMME = "early_help"
DECIDES = "needed_of_listed"

Figure = dict[str, float]
"""`estimate`, `low` and `high`."""


@dataclass(frozen=True)
class PlayedBorough:
    """What is kept of a borough: the demo's exit code, its words, its processor seconds, and the run's figures.

    `figures` has, where the run was trained: `last_contact` and `agreed`, each a Figure of the weeks that choose;
    `recommendation`, `models` and `bands` of metrics.json; `released`, the model in the release, where there is one.
    """

    code: int
    said: str
    seconds: float
    figures: dict[str, Any]


class AgreedPoints:
    """The points list that people agreed (points.toml): a contender that learns nothing, the same in every borough."""

    def __init__(self, path: str) -> None:
        self.path = path

    def get_params(self, deep: bool = True) -> dict[str, str]:  # noqa: ARG002 - scikit-learn's signature
        """Say how another one like it is made, as scikit-learn asks."""
        return {"path": self.path}

    def fit(self, values: pd.DataFrame, labels: np.ndarray) -> AgreedPoints:  # noqa: ARG002 - scikit-learn's signature
        """Learn nothing."""
        return self

    def decision_function(self, values: pd.DataFrame) -> np.ndarray:
        """Return each row's points; what is not seen gives none."""
        points = tomllib.loads(Path(self.path).read_text(encoding="utf-8"))["point"]
        given = [point["points"] * (values[point["feature"]] >= point["at_least"]) for point in points]
        return np.sum(given, axis=0).astype(np.float64)


def play_boroughs(root: Path, names: Iterable[str]) -> dict[str, PlayedBorough]:
    """Play boroughs one after the other, from where an earlier run of any test stopped."""
    kept = draw_resuming("boroughs", names, lambda name: play_borough(root, name), rooms=ROOMS)
    return {name: PlayedBorough(**fields) for name, fields in kept.items()}


def play_borough(root: Path, name: str) -> dict[str, Any]:
    """Play one borough to its end and return the fields of a PlayedBorough."""
    homes, kind, seed = name.split()
    # Each in a folder of its own: a workspace's anchors lie beside it, and outlive it.
    folder = root / "-".join((homes, kind, seed))
    folder.mkdir(parents=True)
    workspace = folder / "workspace"
    planted = () if kind == "fair" else ("--unfair", kind)
    words = ("demo", "--no-serve", "--households", homes, "--seed", seed, *planted)
    begun = os.times()
    try:
        ran = run_sooner(*words, "--workspace", str(workspace), timeout=PATIENCE)
        ended = os.times()
        seconds = ended.children_user + ended.children_system - begun.children_user - begun.children_system
        figures = read_figures(workspace) if find_current(workspace / "scores" / PROGRAMME) else {}
        return {"code": ran.code, "said": ran.err, "seconds": round(seconds, 1), "figures": figures}
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def read_figures(workspace: Path) -> dict[str, Any]:
    """Return what is kept of a trained run, and the agreed points' figure over the same weeks."""
    run = find_current(workspace / "scores" / PROGRAMME)
    release = find_current(workspace / "release" / PROGRAMME)
    assert run, "nothing was trained"
    metrics = read_json(run / "metrics.json")
    points = workspace / "council" / PROGRAMME / "points.toml"
    own = Workbench.open(workspace, PROGRAMME, workspace / "council").replay({"frozen": AgreedPoints(str(points))})
    agreed = own.table.loc["frozen"]
    practised = next(
        figure
        for figure in metrics["replay"]["figures"]
        if (figure["model"], figure["measure"], figure["period"], figure["part"])
        == ("last_contact", DECIDES, "selection", "all")
    )
    return {
        "agreed": {"estimate": agreed[DECIDES], "low": agreed["low"], "high": agreed["high"]},
        "last_contact": {end: practised[end] for end in ("estimate", "low", "high")},
        "recommendation": metrics["recommendation"],
        "models": metrics["models"],
        "bands": metrics["bands"],
        "released": read_json(release / "manifest.json")["model"] if release else None,
    }
