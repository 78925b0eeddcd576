"""How often a planted leak is found and an honest programme accused, over made-up programmes."""

from __future__ import annotations

import pytest

from tests.resuming import draw_resuming
from tests.unit.training.leak_worlds import make_world
from training.models.leaks import find_suspects

LEAKS = [("yes", 0.3), ("no", 0.005), ("wrong", 0.04)]
"""What the goal names: 30 % of positives, 0.5 % of negatives; and a field that is right 96 times in 100."""


def suspects_of(seed: int, leak: str = "", share: float = 0.0) -> set[int]:
    world = make_world(seed, leak, share)
    names = [str(column) for column in range(world.features)]
    return {int(leak.feature) for leak in find_suspects(world.sample, names, world.contrast)}


@pytest.mark.parametrize(("leak", "share"), LEAKS)
def test_a_planted_leak_is_found_and_nothing_else(leak: str, share: float) -> None:
    for seed in range(2):
        world = make_world(seed, leak, share)
        assert suspects_of(seed, leak, share) == {world.features - 1}


def test_an_honest_programme_is_not_accused() -> None:
    assert [suspects_of(seed) for seed in range(3)] == [set()] * 3


@pytest.mark.deep
@pytest.mark.parametrize(("leak", "share"), LEAKS)
def test_planted_leaks_are_found_in_95_of_100(leak: str, share: float) -> None:
    suspects = draw_resuming(f"leaks-{leak}", range(1000, 1200), lambda seed: sorted(suspects_of(seed, leak, share)))
    found = [seed for seed, columns in suspects.items() if make_world(seed, leak, share).features - 1 in columns]
    assert len(found) >= 190, f"{len(found)} of {len(suspects)}"


@pytest.mark.deep
def test_honest_programmes_are_accused_in_1_of_100_at_most() -> None:
    suspects = draw_resuming("honest", range(2000, 3000), lambda seed: sorted(suspects_of(seed)))
    accused = [seed for seed, columns in suspects.items() if columns]
    assert len(accused) <= 10, accused
