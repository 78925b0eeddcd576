"""The planted unfairness is caught and the fair borough is never blocked: twenty boroughs of each kind, end to end."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.conftest import run_sooner

pytestmark = pytest.mark.deep

SEEDS = range(1, 21)
BLOCKED, REFERRED = 13, 15


def exit_codes(tmp_path: Path, *options: str) -> dict[int, tuple[int, str]]:
    """Run the whole demo for every seed; return the gate's decision and its sentence by seed."""
    found = {}
    for seed in SEEDS:
        workspace = tmp_path / str(seed)
        ran = run_sooner("demo", "--no-serve", "--quiet", "--seed", str(seed), "--workspace", str(workspace), *options)
        assert ran.code in {0, BLOCKED}, ran.err
        audit = workspace / "audit" / "early_help"
        decision = json.loads((audit / (audit / "current").read_text().strip() / "decision.json").read_text())
        found[seed] = (ran.code, decision["sentence"])
        shutil.rmtree(workspace)
    return found


def test_a_fair_borough_is_never_blocked(tmp_path: Path) -> None:
    blocked = {seed: sentence for seed, (code, sentence) in exit_codes(tmp_path).items() if code == BLOCKED}
    assert blocked == {}


def test_unfair_signals_are_blocked_with_group_and_measure_named(tmp_path: Path) -> None:
    found = exit_codes(tmp_path, "--unfair", "signals")
    caught = [seed for seed, (code, _) in found.items() if code == BLOCKED]
    assert len(caught) >= 19, found
    assert all("Asian" in found[seed][1] and "recall" in found[seed][1] for seed in caught)


def test_unfair_labels_are_caught_by_what_others_recorded(tmp_path: Path) -> None:
    found = exit_codes(tmp_path, "--unfair", "labels")
    caught = [seed for seed, (code, _) in found.items() if code == BLOCKED]
    assert len(caught) >= 19, found
    assert all("recorded_per_independent" in found[seed][1] for seed in caught)
