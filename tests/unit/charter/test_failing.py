"""A group fails where it is beyond the limit by more than chance, and chance puts no group so far from the rest."""

from __future__ import annotations

import math

import numpy as np
import pytest

from charter.rules.certainty.failing import ERROR, FAIL, Standing, measure_standing
from charter.rules.certainty.fair_chances import Chances, Null, find_null
from charter.rules.certainty.outcomes import Sizes
from charter.rules.certainty.power import find_best_power, find_power, find_power_of_average, find_worse
from charter.rules.certainty.score_test import measure_score, read_sides
from charter.rules.questions import Gate
from fairness_reports.audit.measuring.intervals import bound_ratio
from tests.unit.charter.gates import CONTACTED, GAP, GAP_ABOVE, REACHED, finding

DRAWS = 20_000


def test_what_chance_adds_up_to_over_a_whole_gate() -> None:
    """Broken by counting every group alike: 15 so large that chance takes nobody beyond the limit add nothing."""
    large = Null(np.array([2.65]), np.array([0.004]), np.array([0.0]))
    small = Null(np.array([2.65]), np.array([0.004]), np.array([0.003]))
    gate = Chances([large] * 15 + [small] * 12)
    assert gate.find_fail_chance(0.004) == pytest.approx(0.036)
    assert gate.count_groups(0.004) == 12
    assert gate.find_fail_chance(0.003) == 0.0
    assert gate.rarity == ERROR
    assert Chances([small] * 30).rarity == pytest.approx(0.004, rel=1e-3)
    assert small.find_criterion(0.003) == math.inf
    assert (small.find_rarity(2.65), small.find_rarity(3.0), small.find_rarity(0.5)) == (0.004, 0.0, 1.0)


@pytest.mark.parametrize("gate", [REACHED, CONTACTED, GAP, GAP_ABOVE], ids=lambda gate: gate.id)
def test_how_rare_a_figure_is_is_how_often_it_is_drawn(gate: Gate) -> None:
    """Broken by the normal curve: nobody of 40 at 5 % is 1.4 errors away, and comes up in 13 of 100 lists, not in 8."""
    rng = np.random.default_rng(4)
    for sizes in (Sizes(40, 400, 0.05), Sizes(25, 900, 0.02), Sizes(300, 900, 0.3)):
        counted, others = rng.binomial(sizes.people, sizes.share, 50_000), rng.binomial(sizes.rest, sizes.share, 50_000)
        score = measure_score(gate, gate.neutral, counted, np.array(sizes.people), others, np.array(sizes.rest))
        apart = -score if gate.at_least else score
        null = Null.of_counts(gate, sizes)
        for far in (1.3, 2.0, 2.6):
            assert null.find_rarity(far) == pytest.approx((apart >= far).mean(), abs=0.004)


def test_a_household_of_few_says_as_much_as_one_of_everyone_else() -> None:
    """Broken by reading of one child listed of 87 that no two of them live together: then 87 say as much as 87."""
    alike = finding((40, 400, 80, 1000))
    few = finding((1, 87, 80, 1000), clusters=40)
    few["rest"] = {**few["rest"], "clusters": 500, "interval": alike["interval"]}
    sizes = Sizes.of(REACHED, few)
    assert sizes is not None
    assert sizes.people == pytest.approx(sizes.rest * 40 / 500, abs=1)
    assert few["interval"][1] < 0.07
    turned = finding((80, 1000, 1, 87))
    assert Sizes.of(REACHED, turned) == Sizes(1000, 87, 1 / 87)


@pytest.mark.parametrize(("interval", "people"), [([0.0, 0.0], 1e15), ([0.0, 1.0], 1.0)])
def test_an_interval_without_width_or_without_an_end_is_read(interval: list[float], people: float) -> None:
    """Broken by dividing by its width: lists that nobody of a group was ever on were a fault of ours."""
    row = finding((0, 50, 100, 1000))
    row["rest"] = {**row["rest"], "estimate": 0.0, "interval": interval, "clusters": None, "n": None}
    sides = read_sides(REACHED, row)
    assert sides is not None
    assert sides[1].people == people


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
        null = Null.of_counts(gate, Sizes(people, rest, share))
        failing = (distance >= FAIL) & (apart >= null.find_criterion(ERROR / groups))
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
    null = Null.of_counts(gate, Sizes(400, 400 * (groups - 1), 0.3))
    criterion = null.find_criterion(Chances([null] * groups).rarity)
    failing = ((scores[0] >= FAIL) & (scores[1] >= criterion)).any(axis=1)
    assert 0.02 < failing.mean() <= 0.056


def test_a_finding_stands_where_its_counts_do() -> None:
    row = finding((30, 100, 400, 1000))
    score = float(measure_score(REACHED, 0.8, *(np.array(v) for v in (30.0, 100.0, 400.0, 1000.0))))
    assert measure_standing(REACHED, row).distance == pytest.approx(-score, abs=0.01)
    assert measure_standing(REACHED, row | {"ratio_interval": None}) == Standing(-math.inf, -math.inf)


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
    assert find_null(gate, row | {"ratio_interval": None}) is None
    assert find_null(gate, row | {"ratio_interval": [0.4, None]}) is None


def test_an_average_is_as_rare_as_students_curve_says_of_its_households() -> None:
    """Broken by the normal curve: of 30 households 2.9 errors come up in 4 of 1,000 lists and not in 2."""
    gate = REACHED.replace(measure="recorded_per_independent", statistic="difference", limit=-0.1)
    few, many = (Null.of_average(gate, 0.05, households).find_rarity(2.9) for households in (30, 3000))
    assert (round(1000 * few, 1), round(1000 * many, 1)) == (3.5, 1.9)
    beyond = gate.replace(limit=-0.2)
    null = Null.of_average(beyond, 0.05, 3000)
    # 4 errors to the limit, and 1.96 beyond it.
    assert null.find_fail_chance(0.05) == pytest.approx(0.0, abs=1e-7)
    assert find_power_of_average(beyond, 0.05, 3000, -0.2 - 0.05 * 1.96, 0.05) == pytest.approx(0.5, abs=0.01)
    ratio = REACHED.replace(measure="recorded_per_independent")
    assert find_power_of_average(ratio, 0.1, 100, 0.5, 0.01) > 0.98


def test_power_of_a_difference_of_nobody_of_everybody_and_of_millions() -> None:
    assert find_worse(GAP) == pytest.approx(-0.15)
    sizes = Sizes(200, 2000, 0.3)
    assert find_power(GAP, sizes, -0.15, 0.01) > 0.8
    assert find_power(REACHED, sizes, 0.0, 0.05) == 1.0
    assert math.isnan(find_power(CONTACTED, sizes, 4.0, 0.05))
    assert math.isnan(find_best_power(CONTACTED, sizes, 4.0))
    millions = Sizes(2_000_000_000, 9_000_000_000, 0.3)
    assert find_power(REACHED, millions, 0.79, 0.01) > 0.99
    assert find_power(REACHED, millions, 0.81, 0.01) < 0.01
