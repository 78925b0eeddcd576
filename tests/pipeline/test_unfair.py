"""Does the gate find what is planted, and leave alone what is fair? Boroughs of several sizes, by the demo itself.

Some hours on two cores: `make deep ONLY=unfair` takes an hour at a time and goes on where it stopped. A borough has a
workspace of its own, removed after; kept is what the demo said and how it ended.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.conftest import run_sooner
from tests.resuming import draw_resuming
from tests.waiting import PATIENCE

pytestmark = pytest.mark.deep

ROOMS = ("borough", "charter", "fairness_reports", "features", "serving", "sooner", "training")
GROUP = "Asian"
"""Whom `[unfair]` of borough.toml is about."""

BLOCKED = 13


def play(root: Path, borough: str) -> list[object]:
    """Play one borough, `HOMES KIND SEED`, to its end; return the exit code and what it said."""
    homes, kind, seed = borough.split()
    workspace = root / "workspace"
    planted = () if kind == "fair" else ("--unfair", kind)
    words = ("demo", "--no-serve", "--households", homes, "--seed", seed, *planted)
    try:
        ran = run_sooner(*words, "--workspace", str(workspace), timeout=PATIENCE)
        return [ran.code, ran.err]
    finally:
        shutil.rmtree(workspace, ignore_errors=True)


def play_all(root: Path, kind: str, sizes: dict[int, int]) -> dict[str, tuple[int, str]]:
    """Play so many boroughs of each size, one after the other, from where an earlier run stopped."""
    names = [f"{homes} {kind} {seed}" for homes, number in sizes.items() for seed in range(1, number + 1)]
    played = draw_resuming(f"unfair-{kind}", names, lambda name: play(root, name), rooms=ROOMS)
    return {name: (int(code), str(said)) for name, (code, said) in played.items()}


@pytest.mark.parametrize("kind", ["signals", "labels", "both"])
def test_what_is_planted_is_blocked_wherever_the_stated_power_is_80_in_100(tmp_path: Path, kind: str) -> None:
    """And where it is less the demo says so, before anything is trained."""
    played = play_all(tmp_path, kind, {3_000: 3, 10_000: 3, 30_000: 1})
    assert len(played) == 7
    for name, (code, said) in played.items():
        power = re.search(r"would find a figure half of everyone else's (\d+) times in 100", said)
        assert power, (name, said)
        if int(power[1]) >= 80:
            assert "so the gate should block (exit 13)" in said, (name, said)
            assert code == BLOCKED, (name, said)
            assert f"{GROUP} (ethnicity)" in said, (name, said)
        else:
            assert "cannot promise that the gate blocks" in said, (name, said)
            assert code in (0, BLOCKED), (name, said)


def test_what_is_planted_in_ten_thousand_homes_is_blocked_more_often_than_promised(tmp_path: Path) -> None:
    """Nine of ten families of a group lose their signals: far more than the half that power is stated for."""
    played = play_all(tmp_path, "signals", {10_000: 3})
    assert sum(code == BLOCKED and f"{GROUP} (ethnicity)" in said for code, said in played.values()) >= 2, played


def test_a_fair_borough_is_never_blocked(tmp_path: Path) -> None:
    played = play_all(tmp_path, "fair", {3_000: 5, 10_000: 10})
    assert len(played) == 15
    assert {code for code, _ in played.values()} == {0}, played
