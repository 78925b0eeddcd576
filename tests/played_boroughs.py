"""Boroughs played by the demo's own path, each once: how it ended, what it said, and the figures that tests ask for.

A borough is `HOMES KIND SEED`, kind being `fair` or what `--unfair` plants. What is kept is a line in
`build/deep/boroughs-*.jsonl`, so a borough that one test played is not played again for another; its workspace goes.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from charter.contracts.files import find_current, read_json
from tests.conftest import run_sooner
from tests.resuming import draw_resuming
from tests.waiting import PATIENCE

ROOMS = ("borough", "charter", "fairness_reports", "features", "serving", "sooner", "training")
PROGRAMME = "early_help"
DECIDES = "needed_of_listed"

Figure = dict[str, float]
"""`estimate`, `low` and `high`."""


@dataclass(frozen=True)
class PlayedBorough:
    """What is kept of a borough: the demo's exit code, its words, its processor seconds, and the run's figures.

    `figures` has, where the run was trained: `last_contact` and `agreed`, each a Figure of the weeks that choose;
    `recommendation`, `models` and `bands` of metrics.json; `released`, the model in the release, where there is one;
    `failed`, each question of the charter that a group failed, with the group; `asked`, of how many questions a group
    was asked about; `by_group`, of two measures of lists each ethnic group's people and its figure.
    """

    code: int
    said: str
    seconds: float
    figures: dict[str, Any]


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
        ran = run_sooner(*words, "--workspace", str(workspace), timeout=PATIENCE, afresh=True)
        ended = os.times()
        seconds = ended.children_user + ended.children_system - begun.children_user - begun.children_system
        figures = read_figures(workspace) if find_current(workspace / "scores" / PROGRAMME) else {}
        return {"code": ran.code, "said": ran.err, "seconds": round(seconds, 1), "figures": figures}
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def read_figures(workspace: Path) -> dict[str, Any]:
    """Return what is kept of a trained run: the figures of the weeks that choose, for rules that learn nothing."""
    run = find_current(workspace / "scores" / PROGRAMME)
    release = find_current(workspace / "release" / PROGRAMME)
    assert run, "nothing was trained"
    metrics = read_json(run / "metrics.json")
    figures = {
        figure["model"]: {end: figure[end] for end in ("estimate", "low", "high")}
        for figure in metrics["replay"]["figures"]
        if (figure["measure"], figure["period"], figure["part"]) == (DECIDES, "selection", "all")
    }
    return {
        "agreed": figures["agreed"],
        "last_contact": figures["last_contact"],
        "recommendation": metrics["recommendation"],
        "models": metrics["models"],
        "bands": metrics["bands"],
        "released": read_json(release / "manifest.json")["model"] if release else None,
    } | _read_audit(workspace, metrics["model"])


def _read_audit(workspace: Path, model: str) -> dict[str, Any]:
    """Return what the gate asked and what failed, and two figures of each ethnic group."""
    audit = find_current(workspace / "audit" / PROGRAMME)
    assert audit, "nothing was audited"
    decision = read_json(audit / "decision.json")
    by_group: dict[str, dict[str, list[float | None]]] = {"listed_before_need": {}, DECIDES: {}}
    for finding in read_json(audit / "findings.json")["findings"]:
        which = (finding["characteristic"], finding["at"], finding["model"], finding["component"])
        if finding["measure"] in by_group and which == ("ethnicity", "as used", model, None):
            by_group[finding["measure"]][finding["group"]] = [finding["n"], finding["estimate"]]
    return {
        "failed": [[one["gate"], one["group"]] for one in decision["verdicts"] if one["verdict"] == "fail"],
        "asked": sum(bool(question["asked"]) for question in decision["questions"]),
        "by_group": by_group,
    }
