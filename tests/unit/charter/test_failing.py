"""How far beyond the limit a group must be depends on the other groups that are asked about."""

from __future__ import annotations

import math
from statistics import NormalDist

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charter.rules.failing import find_criterion, list_criteria


def holm(distances: list[float]) -> list[bool]:
    """Say which hypotheses Holm's procedure rejects, as the paper writes it: p-values against 0.025 over those left."""
    values = [1 - NormalDist().cdf(distance) if distance > -math.inf else 1.0 for distance in distances]
    rejected = [False] * len(values)
    for step, place in enumerate(sorted(range(len(values)), key=lambda i: values[i])):
        if values[place] > 0.025 / (len(values) - step):
            break
        rejected[place] = True
    return rejected


def test_the_example_of_the_module() -> None:
    criteria = list_criteria([3.1, 2.3, 0.4, -math.inf])
    assert [round(criterion, 2) for criterion in criteria] == [2.5, 2.39, 2.39, 2.39]


def test_one_group_alone_fails_at_the_whole_interval() -> None:
    assert list_criteria([0.0]) == [find_criterion(1)] == [pytest.approx(1.959964)]


@settings(deadline=None)
@given(st.lists(st.one_of(st.just(-math.inf), st.floats(-1, 5)), min_size=1, max_size=9))
def test_to_be_beyond_ones_own_criterion_is_holms_rule(distances: list[float]) -> None:
    criteria = list_criteria(distances)
    failing = [distance >= criterion for distance, criterion in zip(distances, criteria, strict=True)]
    assert failing == holm(distances)


@given(st.lists(st.floats(-1, 5), min_size=2, max_size=9))
def test_a_groups_own_distance_does_not_move_its_criterion(distances: list[float]) -> None:
    assert list_criteria(distances)[0] == list_criteria([99.0, *distances[1:]])[0]
