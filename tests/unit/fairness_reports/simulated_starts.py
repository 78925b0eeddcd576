"""Places whose lists begin one after the other, with an effect that is known: counts of households and of needs."""

from __future__ import annotations

import numpy as np

from fairness_reports.impact.stepped.group_time import NEVER, UnitPeriods

MOMENTS = (8, 10, 12, NEVER)


def simulate_starts(
    number: int, units: int = 12, *, effect: float = 0.0, drift: float = 0.0, growing: bool = False, periods: int = 14
) -> UnitPeriods:
    """Return units of 150 to 600 households of whom some 50 of 1,000 have a need in a period.

    `effect` is added to the share once a unit has begun (`growing`: as often as periods have gone by), `drift` to each
    period's share of units that ever begin: trends that are not parallel.
    """
    rng = np.random.default_rng([number, 55])
    starts = rng.permutation(np.array([MOMENTS[unit % len(MOMENTS)] for unit in range(units)]))
    clock = np.arange(periods)
    share = rng.normal(0.05, 0.01, units)[:, None] + 0.003 * np.sin(clock) + rng.normal(0, 0.003, (units, periods))
    after = clock[None, :] - starts[:, None] + 1
    share += effect * (np.maximum(after, 0) if growing else after > 0) + drift * clock * (starts < NEVER)[:, None]
    households = np.repeat(rng.integers(150, 600, units)[:, None], periods, axis=1)
    needs = rng.binomial(households, np.clip(share, 0.001, 0.999))
    return UnitPeriods(starts, households.astype(np.float64), needs.astype(np.float64))
