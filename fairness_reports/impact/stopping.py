"""When a trial may stop early: how much of the allowed error each look may spend, and the bound that spends it.

The error that looking often would add up to is spread over the looks by a spending function of the share of households
whose outcome period is over (Lan and DeMets, Biometrika 1983, 70:659-663). Benefit spends little at first (O'Brien and
Fleming's shape), harm evenly (Pocock's): a trial that harms should end soon, one that helps should be sure. Each
side has half of the level, as if the other did not stop it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial

import numpy as np
from numpy.typing import NDArray
from scipy import stats  # type: ignore[import-untyped]  # it ships no types
from scipy.optimize import brentq  # type: ignore[import-untyped]  # it ships no types

__all__ = ["SPENDING", "find_bounds", "spend_evenly", "spend_late"]

Floats = NDArray[np.float64]

_POINTS = 801
_FAR = 8.0
"""Standard deviations beyond which nothing is added up."""


def spend_late(level: float, share: float) -> float:
    """Return how much of a one-sided level O'Brien and Fleming's shape has spent when `share` of the trial is over."""
    return float(2 * stats.norm.sf(stats.norm.isf(level / 2) / np.sqrt(min(share, 1.0))))


def spend_evenly(level: float, share: float) -> float:
    """Return how much of a one-sided level Pocock's shape has spent when `share` of the trial is over."""
    return float(level * np.log(1 + (np.e - 1) * min(share, 1.0)))


SPENDING: Mapping[str, Callable[[float, float], float]] = {"benefit": spend_late, "harm": spend_evenly}


def find_bounds(spend: Callable[[float, float], float], level: float, shares: Sequence[float]) -> list[float]:
    """Return the bound of z at each look, whose `shares` (0 to 1) ascend; `level` is one-sided.

    One look at 1 has the normal quantile. With two at 1/2 and 1 O'Brien and Fleming's shape at 0.025 gives 2.963 and
    1.969. A look's chance of crossing, given none before, is added up over the paths that are still inside
    (Armitage, McPherson and Rowe, Journal of the Royal Statistical Society A 1969, 132:235-244).
    """
    return list(_find_bounds(spend, level, tuple(shares)))


@lru_cache(maxsize=64)
def _find_bounds(spend: Callable[[float, float], float], level: float, shares: tuple[float, ...]) -> tuple[float, ...]:
    bounds: list[float] = []
    spent, before = 0.0, 0.0
    place, mass = np.zeros(1), np.ones(1)  # where the sum may be by now, and how much of it is there
    for share in shares:
        now = spend(level, share)
        step, deviation = np.sqrt(share - before), np.sqrt(share)
        chance = partial(_cross_bound, place=place, mass=mass, step=step, deviation=deviation)
        bound = _find_root(chance, max(now - spent, 1e-15))
        bounds.append(bound)
        inside = np.linspace(-_FAR * deviation, bound * deviation, _POINTS)
        weights = np.full(_POINTS, inside[1] - inside[0])
        weights[1:-1:2] *= 4 / 3
        weights[2:-1:2] *= 2 / 3
        weights[[0, -1]] /= 3
        density = stats.norm.pdf((inside[:, None] - place[None, :]) / step) @ mass / step
        place, mass, spent, before = inside, density * weights, now, share
    return tuple(bounds)


def _cross_bound(z: float, place: Floats, mass: Floats, step: float, deviation: float) -> float:
    """Return the chance that a sum which is at `place` with `mass` is beyond the bound `z` a step later."""
    return float(mass @ stats.norm.sf((z * deviation - place) / step))


def _find_root(chance: Callable[[float], float], goal: float) -> float:
    return float(brentq(lambda z: chance(z) - goal, -_FAR, 2 * _FAR))
