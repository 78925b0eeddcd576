"""What drawing a list's places by lot gives: of those in need half as many listed before it as of everybody ever.

Of 2,000 homes each week's places are drawn among those who were on no list in the weeks before (rests); needs come at
any week alike.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from charter.invocation import shipped_council
from charter.rules.policy import Policy

HOMES, WEEKS = 2000, 104


def draw_lists(places: int, rest: int, seed: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return the week of each home's first listing by lot; WEEKS for never."""
    rng = np.random.default_rng(seed)
    first, free_from = np.full(HOMES, WEEKS), np.zeros(HOMES, dtype=np.int64)
    for week in range(WEEKS):
        listed = rng.choice(np.flatnonzero(free_from <= week), places, replace=False)
        first[listed] = np.minimum(first[listed], week)
        free_from[listed] = week + rest
    return first


@pytest.mark.parametrize(("places", "rest"), [(1, 26), (4, 13), (10, 26), (18, 26)])
def test_a_lottery_lists_half_as_many_before_a_need_as_ever(places: int, rest: int) -> None:
    """By a formula too, where nobody rests for long: 1 - (1 - exp(-hW)) / hW of 1 - exp(-hW)."""
    ever, before = [], []
    for seed in range(12):
        first = draw_lists(places, rest, seed)
        need = np.random.default_rng(100 + seed).integers(0, WEEKS, HOMES)
        ever.append((first < WEEKS).mean())
        before.append((first < need).mean())
    ratio = np.mean(before) / np.mean(ever)
    expected = places * WEEKS / HOMES
    formula = (1 - (1 - math.exp(-expected)) / expected) / (1 - math.exp(-expected))
    assert ratio >= 0.5 - 0.03
    assert ratio == pytest.approx(formula, abs=0.04 + 0.05 * expected)


def test_the_shipped_floors_are_the_lotterys() -> None:
    policy = Policy.load(shipped_council() / "charter.toml")
    floors = {
        gate.measure: gate.floor_of_overall for gate in policy.gates if gate.measure in {"listed_before_need", "recall"}
    }
    assert floors == {"listed_before_need": 0.5, "recall": 1.0}
