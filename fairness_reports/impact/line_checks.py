"""What must hold before a jump at the line may be read as an effect: nobody sorts around it, and nothing else jumps.

    density      as many just above as just below, but for the slope of the density
    covariates   what was true before the list does not jump at its line
    placebo      nothing jumps where there is no line
    bandwidths   the answer does not hang on how near is near (shown, no test)

A check that fails is a reason to say nothing of an effect. The density is asked alone, because whether people sort is
the first question; the p values of the others are adjusted together (Holm).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats  # type: ignore[import-untyped]  # it ships no types

from fairness_reports.impact.estimates import hold_family
from fairness_reports.impact.line_estimates import Jump, LineRows, choose_bandwidth, estimate_jump

__all__ = ["BANDWIDTHS", "FEWEST", "Check", "check_line", "compare_bandwidths", "measure_density"]

Floats = NDArray[np.float64]

BANDWIDTHS = (0.5, 1.0, 2.0)
"""Times the chosen bandwidth at which the estimate is shown too."""
_WIDER = 2.0
"""Times the bandwidth within which the density is looked at. Within once, and with a slope alone, 9 of 100 lines of
worked-off lists were called sorted (5 promised): their density bends near the line."""
FEWEST = 30
"""Households on a side within the bandwidth below which nothing is compared there."""


@dataclass(frozen=True)
class Check:
    """One check: what is looked at, the jump found (None where too few), p alone and as adjusted."""

    about: str
    name: str
    jump: float | None
    p_value: float | None
    adjusted: float | None = None

    def fails(self, level: float) -> bool:
        """Whether it found what chance alone seldom makes."""
        return self.adjusted is not None and self.adjusted < level


def measure_density(distance: Floats, bandwidth: float) -> tuple[float, float] | None:
    """Return the jump of the log density at the line and its p value; None where too few are within the bandwidth.

    Of all households at the distance d from the line, on whichever side, the share above it is f(d) / (f(d) + f(-d)).
    Where log f is a smooth curve its even parts cancel: the logit of that share is j + 2 b d + 2 c d^3 + O(d^5), with j
    the jump of log f at 0. So j is the constant of a logistic regression of the side on d and d^3: exact in its
    likelihood, with no bins to choose. p is the likelihood ratio's.
    """
    inside = np.abs(distance) < bandwidth
    side = (distance[inside] >= 0).astype(np.float64)
    if min(side.sum(), len(side) - side.sum()) < FEWEST:
        return None
    far = np.abs(distance[inside]) / bandwidth
    slope = np.column_stack([far, far**3])
    whole, without = _fit_logit(np.column_stack([np.ones_like(far), slope]), side), _fit_logit(slope, side)
    ratio = max(0.0, 2 * (whole[1] - without[1]))
    return float(whole[0][0]), float(stats.chi2.sf(ratio, 1))


def _fit_logit(design: Floats, side: Floats) -> tuple[Floats, float]:
    """Return the coefficients of a logistic regression by Newton's method, and its log likelihood."""
    slopes = np.zeros(design.shape[1])
    for _ in range(50):
        chance = 1 / (1 + np.exp(-design @ slopes))
        curve = (design * (chance * (1 - chance))[:, None]).T @ design
        step = np.linalg.solve(curve + 1e-12 * np.eye(len(slopes)), design.T @ (side - chance))
        slopes = slopes + np.clip(step, -2, 2)
        if float(np.abs(step).max()) < 1e-10:
            break
    linear = design @ slopes
    return slopes, float(side @ linear - np.logaddexp(0, linear).sum())


def check_line(rows: LineRows, before: Mapping[tuple[str, str], Floats], bandwidth: float) -> tuple[Check, ...]:
    """Return every check; `before` are figures (households,) from before the list, by what they are about and name."""
    density = measure_density(rows.distance, _WIDER * bandwidth)
    checks = [Check("density", "how many there are", *(density or (None, None)))]
    for (about, name), values in before.items():
        checks.append(_check_jump(about, name, rows.about(values), bandwidth))
    for name, side, sign in (("below the line", rows.distance < 0, -1), ("above the line", rows.distance >= 0, 1)):
        part = rows.choose(side)
        near = np.abs(part.distance) < bandwidth
        middle = sign * float(np.median(np.abs(part.distance[near]))) if near.any() else 0.0
        moved = LineRows(part.distance - middle, part.outcome)
        checks.append(_check_jump("placebo", name, moved, choose_bandwidth(moved)))
    told = [number for number, check in enumerate(checks) if number and check.p_value is not None]
    held = hold_family(np.array([checks[number].p_value for number in told], dtype=np.float64))
    adjusted = dict(zip(told, held.tolist(), strict=True))
    if checks[0].p_value is not None:
        adjusted[0] = checks[0].p_value
    return tuple(
        Check(check.about, check.name, check.jump, check.p_value, adjusted.get(number))
        for number, check in enumerate(checks)
    )


def _check_jump(about: str, name: str, rows: LineRows, bandwidth: float | None) -> Check:
    jump = _measure_enough(rows, bandwidth)
    return Check(about, name, jump.estimate, jump.p_value) if jump else Check(about, name, None, None)


def _measure_enough(rows: LineRows, bandwidth: float | None) -> Jump | None:
    """Return the jump; None where too few are near enough, or all of them are the same and nothing could jump."""
    near = rows.outcome[np.abs(rows.distance) < bandwidth] if bandwidth else rows.outcome[:0]
    if bandwidth is None or not len(near) or not np.ptp(near) > 0:
        return None
    jump = estimate_jump(rows, bandwidth)
    return jump if jump and jump.error > 0 and min(jump.below, jump.above) >= FEWEST else None


def compare_bandwidths(rows: LineRows, bandwidth: float) -> tuple[Jump, ...]:
    """Return the jump at half, once and twice the bandwidth, where enough households are within it."""
    jumps = (_measure_enough(rows, times * bandwidth) for times in BANDWIDTHS)
    return tuple(jump for jump in jumps if jump is not None)
