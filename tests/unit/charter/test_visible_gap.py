"""The gap that is said to be visible fails four times in five, by the rule that decides: drawn and counted."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from charter.rules.certainty.failing import ERROR, FAIL, Z
from charter.rules.certainty.fair_chances import Null
from charter.rules.certainty.outcomes import Sizes
from charter.rules.certainty.score_test import measure_score
from charter.rules.certainty.visible_gap import find_needed_data, find_visible_gap
from charter.rules.questions import Gate
from fairness_reports.audit.measuring.intervals import bound_difference, bound_ratio
from tests.unit.charter.gates import CONTACTED, GAP, GAP_ABOVE, REACHED, finding

DRAWS = 4000
AVERAGE = REACHED.replace(id="recorded", measure="recorded_per_independent")
AVERAGE_ABOVE = AVERAGE.replace(id="recorded_above", limit=1.25, floor=None, ceiling=3.0)
AVERAGE_GAP = AVERAGE.replace(id="recorded_gap", statistic="difference", limit=-0.1)

Floats = NDArray[np.float64]


def failing_of(gate: Gate, counted: Floats, sizes: Floats) -> NDArray[np.bool_]:
    """Return whether each group beside the others fails, (draws, groups), from their counts."""
    others, rest = counted.sum(axis=1, keepdims=True) - counted, sizes.sum() - sizes
    sign = -1 if gate.at_least else 1
    distance, apart = (
        sign * measure_score(gate, limit, counted, sizes, others, rest) for limit in (gate.limit, gate.neutral)
    )
    criterion = Null.of_counts(gate, Sizes(sizes[0], rest[0], 0.3)).find_criterion(ERROR / len(sizes))
    return (distance >= FAIL) & (apart >= criterion)


@pytest.mark.parametrize("gate", [REACHED, CONTACTED, GAP, GAP_ABOVE], ids=lambda gate: gate.id)
@pytest.mark.parametrize("sizes", [(300, 1500), (200, 250, 300, 1000), (600, 600, 600, 600, 600, 600)], ids=len)
def test_a_group_at_the_visible_gap_fails_four_times_in_five(gate: Gate, sizes: tuple[int, ...]) -> None:
    share, others = 0.3, sum(sizes[1:])
    row = finding((round(share * sizes[0]), sizes[0], round(share * others), others), measure=gate.measure)
    gap = find_visible_gap(gate, row, ERROR / len(sizes))
    assert gap is not None
    true = gap * share if gate.statistic == "ratio" else share + gap
    rng = np.random.default_rng(11)
    shares = np.array([true] + [share] * (len(sizes) - 1))
    counted = rng.binomial(sizes, shares, (DRAWS, len(sizes))).astype(np.float64)
    failing = failing_of(gate, counted, np.array(sizes, dtype=np.float64))[:, 0]
    assert np.mean(failing) == pytest.approx(0.8, abs=0.03)


def test_more_groups_hide_a_gap_where_chance_could_explain_it() -> None:
    row = finding((7, 60, 117, 1000))
    alone, among = (find_visible_gap(REACHED, row, ERROR / groups) for groups in (1, 25))
    assert alone is not None
    assert among is not None
    assert (round(alone, 2), round(among, 2)) == (0.13, 0.04)


def test_of_a_handful_no_gap_however_large_would_fail() -> None:
    assert find_visible_gap(REACHED, finding((3, 40, 32, 400)), ERROR) is None
    # Of everyone else one was reached, and might as well have been nobody: no ratio is sure to be below the limit.
    assert find_visible_gap(REACHED, finding((1, 40, 1, 60)), ERROR) is None
    # Nobody can be contacted more often than always.
    everybody = finding((85, 100, 900, 1000), measure="false_positive_rate")
    assert find_visible_gap(CONTACTED, everybody, ERROR) is None


@pytest.mark.parametrize(
    "changes", [{"ratio_interval": None}, {"ratio_interval": [0.0, 2.0]}, {"ratio_interval": [0.5, None]}]
)
def test_an_average_without_both_ends_shows_no_gap_and_promises_no_data(changes: dict[str, object]) -> None:
    row = finding((30, 100, 300, 1000), measure="recorded_per_independent", **changes)
    assert find_visible_gap(AVERAGE, row, ERROR) is None
    assert find_needed_data(AVERAGE, row) == math.inf


@pytest.mark.parametrize("gate", [AVERAGE, AVERAGE_ABOVE, AVERAGE_GAP], ids=lambda gate: gate.id)
@pytest.mark.parametrize("groups", [1, 5])
def test_an_averages_visible_gap_fails_four_times_in_five(gate: Gate, groups: int) -> None:
    error = 0.12
    ends = (-Z * error, Z * error) if gate.statistic == "difference" else (math.exp(-Z * error), math.exp(Z * error))
    row = finding((30, 100, 300, 1000), measure=gate.measure)
    row |= {
        gate.statistic: sum(ends) / 2 if gate.statistic == "difference" else 1.0,
        f"{gate.statistic}_interval": ends,
    }
    gap = find_visible_gap(gate, row, ERROR / groups)
    assert gap is not None
    errors = np.random.default_rng(5).normal(0, error, 20_000)
    if gate.statistic == "difference":
        value = gap + errors
        facing = value + Z * error
    else:
        value = gap * np.exp(errors)
        facing = value * math.exp(Z * error if gate.at_least else -Z * error)
    failing = np.ones(len(value), dtype=np.bool_)
    for against, criterion in (
        (gate.limit, Z),
        (gate.neutral, Null.of_average(gate, error, 100).find_criterion(ERROR / groups)),
    ):
        beyond = against - value if gate.at_least else value - against
        failing &= (beyond > 0) & (Z * beyond >= criterion * np.abs(facing - value))
    assert failing.mean() == pytest.approx(0.8, abs=0.015)


def test_an_average_too_wide_shows_only_a_gap_that_never_comes_up() -> None:
    row = finding((30, 100, 300, 1000), measure="recorded_per_independent", ratio=1.0, ratio_interval=[0.1, 10.0])
    assert (find_visible_gap(AVERAGE_ABOVE, row, ERROR) or 0) > 20


@pytest.mark.parametrize("gate", [CONTACTED, GAP_ABOVE], ids=lambda gate: gate.id)
def test_with_the_data_that_is_needed_a_fair_group_passes_four_times_in_five(gate: Gate) -> None:
    row = finding((90, 300, 90, 300), measure=gate.measure)
    people = round(300 * find_needed_data(gate, row))
    counted = np.random.default_rng(3).binomial(people, 0.3, (2, 20_000)) / people
    bound = bound_ratio if gate.statistic == "ratio" else bound_difference
    n = np.full(20_000, float(people))
    passing = bound(counted[0], n, counted[1], n)[1] <= gate.limit
    assert passing.mean() == pytest.approx(0.8, abs=0.03)


def test_a_figure_needs_data_until_it_can_be_told_from_the_limit() -> None:
    assert find_needed_data(REACHED, finding((200, 1000, 3000, 10_000))) < find_needed_data(
        REACHED, finding((230, 1000, 3000, 10_000))
    )
    at_the_limit = finding((24, 100, 300, 1000), ratio=0.8, ratio_interval=[0.6, 1.0])
    assert find_needed_data(REACHED, at_the_limit) == math.inf
