"""A group fails where it is beyond the limit by more than chance, and chance puts no group so far from the rest."""

from __future__ import annotations

import math

import numpy as np
import pytest

from charter.rules.certainty.failing import FAIL, Standing, find_apart_criterion, measure_furthest, measure_standing
from charter.rules.certainty.power import Sizes, find_best_power, find_power, find_worse
from charter.rules.certainty.score_test import measure_score
from charter.rules.questions import Gate
from fairness_reports.audit.measuring.intervals import bound_ratio
from tests.unit.charter.gates import CONTACTED, GAP, GAP_ABOVE, REACHED, finding

DRAWS = 20_000


def test_the_example_of_the_module() -> None:
    assert Standing(2.1, 2.6).fails(5)
    assert not Standing(2.1, 2.1).fails(5)
    assert not Standing(1.6, 9.0).fails(1)
    assert round(find_apart_criterion(5), 2) == 2.33


def test_the_score_is_miettinen_and_nurminens_whose_interval_ends_where_it_is_two() -> None:
    counts = (
        np.array([5.0, 30.0, 1.0]),
        np.array([50.0, 100.0, 40.0]),
        np.array([20.0, 300.0, 90.0]),
        np.array([100.0, 1000.0, 400.0]),
    )
    low, high = bound_ratio(counts[0] / counts[1], counts[1], counts[2] / counts[3], counts[3])
    for number in range(3):
        mine = [value[number] for value in counts]
        assert float(measure_score(REACHED, low[number], *mine)) == pytest.approx(1.95996, abs=1e-3)
        assert float(measure_score(REACHED, high[number], *mine)) == pytest.approx(-1.95996, abs=1e-3)
    assert float(measure_score(REACHED, 1.0, *(np.array(v) for v in (5.0, 50.0, 20.0, 100.0)))) == pytest.approx(
        -1.54, abs=0.01
    )


def test_the_score_of_a_difference_uses_the_shares_most_likely_at_that_difference() -> None:
    """Held to a search over all pairs of shares at that difference."""
    counted, people, others, rest, gap = 12.0, 60.0, 300.0, 1000.0, -0.05
    shares = np.linspace(1e-6 - gap, 1 - 1e-6, 200_001)
    logs = counted * np.log(shares + gap) + (people - counted) * np.log1p(-shares - gap)
    logs += others * np.log(shares) + (rest - others) * np.log1p(-shares)
    best = shares[np.argmax(logs)]
    variance = ((best + gap) * (1 - best - gap) / people + best * (1 - best) / rest) * 1060 / 1059
    expected = (counted / people - others / rest - gap) / math.sqrt(variance)
    assert float(measure_score(GAP, gap, *(np.array(v) for v in (counted, people, others, rest)))) == pytest.approx(
        expected, abs=1e-4
    )


@pytest.mark.parametrize("gate", [REACHED, CONTACTED, GAP, GAP_ABOVE], ids=lambda gate: gate.id)
@pytest.mark.parametrize("groups", [1, 5])
def test_at_the_limit_a_group_fails_at_most_five_times_in_a_hundred(gate: Gate, groups: int) -> None:
    """Broken by a criterion of 1.28: one in ten."""
    rng = np.random.default_rng(2)
    for people, rest, share in ((60, 600, 0.2), (300, 1500, 0.3), (800, 800, 0.1)):
        at_limit = gate.limit * share if gate.statistic == "ratio" else share + gate.limit
        counted, others = rng.binomial(people, at_limit, DRAWS), rng.binomial(rest, share, DRAWS)
        sign = -1 if gate.at_least else 1
        distance, apart = (
            sign * measure_score(gate, limit, counted, np.array(people), others, np.array(rest))
            for limit in (gate.limit, gate.neutral)
        )
        failing = (distance >= FAIL) & (apart >= find_apart_criterion(groups))
        assert failing.mean() <= 0.052


@pytest.mark.parametrize("groups", [2, 5, 9])
def test_of_fair_groups_hardly_ever_one_fails_however_many_they_are(groups: int) -> None:
    """With a limit close to equality the limit protects nobody, and the comparison with everyone else must."""
    gate = REACHED.replace(limit=0.999)
    rng = np.random.default_rng(3)
    sizes = np.full(groups, 400.0)
    counted = rng.binomial(400, 0.3, (DRAWS, groups)).astype(np.float64)
    others, rest = counted.sum(axis=1, keepdims=True) - counted, sizes.sum() - sizes
    scores = [-measure_score(gate, limit, counted, sizes, others, rest) for limit in (0.999, 1.0)]
    failing = ((scores[0] >= FAIL) & (scores[1] >= find_apart_criterion(groups))).any(axis=1)
    assert 0.02 < failing.mean() <= 0.056


def test_a_finding_stands_where_its_counts_do() -> None:
    row = finding((30, 100, 400, 1000))
    score = float(measure_score(REACHED, 0.8, *(np.array(v) for v in (30.0, 100.0, 400.0, 1000.0))))
    assert measure_standing(REACHED, row).distance == pytest.approx(-score, abs=0.01)
    assert measure_standing(REACHED, finding((3, 20, 400, 1000))) == Standing(-math.inf, -math.inf)


def test_an_average_stands_by_the_end_of_its_interval_that_faces_the_limit() -> None:
    gate = REACHED.replace(measure="recorded_per_independent")
    row = finding((1, 100, 1, 100), measure="recorded_per_independent", ratio=0.5, ratio_interval=[0.4, 0.65])
    assert measure_standing(gate, row).distance == pytest.approx(1.96 * 0.3 / 0.15, abs=0.01)
    assert measure_standing(gate, row).apart == pytest.approx(1.96 * 0.5 / 0.15, abs=0.01)
    assert measure_standing(gate, row | {"ratio_interval": [0.4, 0.81]}).is_beyond is False
    assert measure_standing(gate, row | {"ratio_interval": [0.4, 0.79]}).is_beyond
    assert measure_standing(gate, row | {"ratio_interval": [0.4, None]}).distance == -math.inf
    assert measure_standing(gate, row | {"ratio": 0.9}).distance == -math.inf
    assert measure_standing(gate, row | {"ratio_interval": [0.5, 0.5]}).distance == math.inf
    assert measure_furthest(gate, row) == math.inf
    assert measure_furthest(gate, row | {"ratio_interval": None}) == -math.inf


def test_how_far_a_group_could_be_at_all_depends_on_how_many_they_are() -> None:
    few, many = (measure_furthest(REACHED, finding((1, people, 80, 1000))) for people in (30, 300))
    assert few < 2 < many
    assert measure_furthest(CONTACTED, finding((1, 30, 80, 1000), measure="false_positive_rate")) > 5


def test_power_of_a_difference_of_nobody_of_everybody_and_of_millions() -> None:
    assert find_worse(GAP) == pytest.approx(-0.15)
    sizes = Sizes(200, 2000, 0.3)
    assert find_power(GAP, sizes, -0.15, 5) > 0.8
    assert find_power(REACHED, sizes, 0.0, 1) == 1.0
    assert math.isnan(find_power(CONTACTED, sizes, 4.0, 1))
    assert math.isnan(find_best_power(CONTACTED, sizes, 4.0))
    millions = Sizes(2_000_000_000, 9_000_000_000, 0.3)
    assert find_power(REACHED, millions, 0.79, 5) > 0.99
    assert find_power(REACHED, millions, 0.81, 5) < 0.01
