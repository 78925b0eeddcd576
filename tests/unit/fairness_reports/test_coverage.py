"""Do 95 % intervals hold what they promise? Two thousand simulations for each size, alone and in households."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from charter.rules.measures import SHARES
from fairness_reports.audit.measuring.disparities import measure_disparities
from fairness_reports.audit.measuring.intervals import bound_difference
from fairness_reports.audit.measuring.tally import Grouping, Tally, number_cells

RESAMPLES = 1000
TOGETHER = 3
"""People of one household where rows repeat; they agree with an intraclass correlation of one third."""


def people(rng: np.random.Generator, number: int, share: float, households: bool) -> tuple[np.ndarray, np.ndarray]:
    """Draw whether each person was reached, and the household of each."""
    if not households:
        return rng.random(number) < share, np.arange(number)
    homes = -(-number // TOGETHER)
    of_home = rng.beta(2 * share, 2 * (1 - share), homes)
    return (rng.random((homes, TOGETHER)) < of_home[:, None]).ravel(), np.repeat(np.arange(homes), TOGETHER)


def simulate(number: int, households: bool, simulations: int, seed: int) -> tuple[dict[str, tuple[int, int]], float]:
    """Return by figure how many intervals held the truth, of how many; and the mean width over Newcombe's."""
    rng = np.random.default_rng(seed)
    held = {"share": [0, 0], "difference": [0, 0], "ratio": [0, 0]}
    widths = []
    for number_of_simulation in range(simulations):
        # Shares differ from one simulation to the next, so that no single lattice of counts decides.
        p, q = rng.uniform(0.05, 0.6, 2)
        reached, home = people(rng, number, p, households)
        others, other_home = people(rng, 10 * number if number < 10_000 else number, q, households)
        tally = Tally.make(
            np.r_[home, other_home + len(home)],
            Grouping(np.r_[np.zeros(len(home), int), np.ones(len(other_home), int)], ("group", "rest")),
            number_cells(np.ones(len(home) + len(other_home), dtype=np.int8), np.r_[reached, others]),
        )
        found = measure_disparities(tally, SHARES["recall"], tally.draws(RESAMPLES, number_of_simulation))[0]
        for name, interval, truth in (
            ("share", found.side.interval, p),
            ("difference", found.difference_interval, p - q),
            ("ratio", found.ratio_interval, p / q),
        ):
            if interval is not None:
                held[name][0] += interval[0] <= truth <= interval[1]
                held[name][1] += 1
        low, high = bound_difference(
            np.array([reached.mean()]),
            np.array([float(len(reached))]),
            np.array([others.mean()]),
            np.array([float(len(others))]),
        )
        assert found.difference_interval is not None
        widths.append((found.difference_interval[1] - found.difference_interval[0]) / float(high[0] - low[0]))
    return {name: (counted, all_of) for name, (counted, all_of) in held.items()}, float(np.mean(widths))


@pytest.mark.deep
@pytest.mark.parametrize("households", [False, True], ids=["alone", "in households"])
@pytest.mark.parametrize("number", [10, 30, 100, 300, 1000, 10_000])
def test_intervals_hold_the_truth_as_often_as_they_say(number: int, households: bool) -> None:
    held, width = simulate(number, households, 2000, seed=number + households)
    shares = ", ".join(f"{name} {100 * counted / all_of:.1f} %" for name, (counted, all_of) in held.items())
    print(f"{number} people {'in households' if households else 'alone'}: {shares}; width {width:.2f} of Newcombe's")
    for name, (counted, all_of) in held.items():
        assert all_of > 1900, "an interval is there nearly always"
        rejected = binomtest(counted, all_of, 0.94, alternative="less").pvalue < 0.001
        assert not rejected, f"{name}: {counted} of {all_of}"
    if not households:
        assert width <= 1.25


def test_a_short_run_of_the_same() -> None:
    held, width = simulate(100, False, 60, seed=1)
    assert all(counted >= 0.85 * all_of for counted, all_of in held.values())
    assert width <= 1.25
