"""Does the gate find what is planted, and leave alone what is fair? Twenty boroughs of the demo's size, each way.

An hour or more on two cores: `make deep ONLY=unfair`. Two boroughs at a time, each in a workspace removed after.
"""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from charter.contracts.files import find_current, read_json
from charter.contracts.workspace import Workspace
from tests.conftest import run_sooner
from tests.waiting import PATIENCE

pytestmark = pytest.mark.deep

SEEDS = range(1, 21)
GROUP = "Asian"
"""Whom `[unfair]` of borough.toml is about."""

CANNOT_BE_SEEN = "Whether needs are recorded alike for every group cannot be seen"


@dataclass(frozen=True)
class Judged:
    """What the gate said of one borough."""

    seed: int
    code: int
    said: str
    decision: dict[str, Any]
    pack: str

    def failed(self) -> list[dict[str, Any]]:
        return [one for one in self.decision["verdicts"] if one["verdict"] == "fail"]


def judged(root: Path, seed: int, unfair: str) -> Judged:
    """Take one borough from synth to decide by the real commands; keep what the gate said and remove the rest."""
    workspace = Workspace(root / f"{unfair or 'fair'}-{seed}", "early_help")
    where = ("--workspace", str(workspace.root))
    planted = ("--unfair", unfair) if unfair else ()
    try:
        for words in (
            ("synth", "--seed", str(seed), *planted),
            ("pull",),
            ("link",),
            ("build",),
            ("train",),
            ("audit",),
        ):
            ran = run_sooner(*words, "--quiet", *where, timeout=PATIENCE)
            assert ran.code == 0, (seed, words, ran.err)
        ran = run_sooner("decide", *where)
        folder = find_current(workspace.audit)
        assert folder is not None
        pack = (folder / "report.html").read_text(encoding="utf-8")
        return Judged(seed, ran.code, ran.err, read_json(folder / "decision.json"), pack)
    finally:
        shutil.rmtree(workspace.root, ignore_errors=True)


def all_judged(root: Path, unfair: str, seeds: range = SEEDS) -> list[Judged]:
    with ThreadPoolExecutor(2) as two:
        return list(two.map(lambda seed: judged(root, seed, unfair), seeds))


def told(found: list[Judged]) -> str:
    return json.dumps([(one.seed, one.code, one.said) for one in found], indent=1)


def test_unequal_recording_of_signals_is_blocked_in_at_least_19_of_20(tmp_path: Path) -> None:
    found = all_judged(tmp_path, "signals")
    caught = [
        one
        for one in found
        if one.code == 13
        and f"{GROUP} (ethnicity)" in one.said
        and any(fail["group"] == GROUP and fail["measure"] in one.said for fail in one.failed())
    ]
    assert len(caught) >= 19, told(found)


def test_a_fair_borough_is_never_blocked(tmp_path: Path) -> None:
    found = all_judged(tmp_path, "")
    assert {one.code for one in found} <= {0, 15}, told(found)


def test_unequal_recording_of_outcomes_is_caught_by_what_others_recorded_or_said_to_be_out_of_sight(
    tmp_path: Path,
) -> None:
    found = all_judged(tmp_path, "labels", range(1, 6))
    for one in found:
        caught = any(fail["group"] == GROUP and fail["measure"] == "recorded_per_independent" for fail in one.failed())
        assert (one.code == 13 and caught) or CANNOT_BE_SEEN in one.pack, told(found)
