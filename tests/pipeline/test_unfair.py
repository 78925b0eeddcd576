"""Does the gate find what is planted, and leave alone what is fair? Boroughs of several sizes, by the demo itself.

Some hours on two cores: `make deep ONLY=unfair` takes an hour at a time and goes on where it stopped. What is kept of a
borough is in tests/played_boroughs.py; fair ones are shared with test_whole_boroughs.py.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from scipy.stats import binom

from tests.played_boroughs import play_boroughs

pytestmark = pytest.mark.deep

GROUP = "Asian"
"""Whom `[unfair]` of borough.toml is about."""

BLOCKED = 13


def play_all(root: Path, kind: str, sizes: dict[int, int]) -> dict[str, tuple[int, str]]:
    """Play so many boroughs of each size, one after the other, from where an earlier run stopped."""
    names = [f"{homes} {kind} {seed}" for homes, number in sizes.items() for seed in range(1, number + 1)]
    return {name: (played.code, played.said) for name, played in play_boroughs(root, names).items()}


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


def test_a_fair_borough_is_blocked_no_more_often_than_the_gate_says(tmp_path: Path) -> None:
    """Decision 146: of 100 questions of a fair list, 2 fail at most. Broken by a borough that treats groups unlike."""
    sizes = {3_000: 5, 10_000: 10}
    names = [f"{homes} fair {seed}" for homes, number in sizes.items() for seed in range(1, number + 1)]
    played = play_boroughs(tmp_path, names)
    assert len(played) == 15
    asked = sum(borough.figures["asked"] for borough in played.values())
    failed = {name: borough.figures["failed"] for name, borough in played.items() if borough.code}
    assert sum(len({gate for gate, _ in groups}) for groups in failed.values()) <= binom.ppf(0.975, asked, 0.02), failed
