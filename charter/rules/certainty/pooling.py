"""Strength borrowed from the other groups: a partially pooled estimate beside each group's own interval.

    own figure       of the group's people a share is counted, of everyone else's another: their ratio is exp(d)
    groups           d of each group is normal around 0 (alike) with a spread that all groups of a question share
    spread           half-normal, as wide as the board's sentence says: 9 in 10 groups within `within` of everyone else

Of a group of 40 in need of whom nobody was listed, beside 30 of 300 others, the own ratio is 0, which nobody believes:
with 1.5 expected and no other group it is 0.88 (0.32 to 1.20), mostly borrowed. A group of 4,000 stays where it is.

Both likelihoods are on a grid and the spread is summed out over it, so no sampler runs: the others' share is integrated
over its own posterior, Beta(counted + 1/2, not counted + 1/2); an average's ratio is normal on the log scale. Groups
are each beside everyone else and thus not quite independent, which is left out of account. A half-normal spread is
Gelman's (Bayesian Analysis 2006, 1:515-533); `make deep ONLY=pooling` compares all of it with PyMC.

The estimate orders and recommends. It decides nothing: a prior alone may pass nobody and stop nobody.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charter.rules.certainty.score_test import Side, read_sides
from charter.rules.questions import Gate, Pooling

__all__ = [
    "BORROWED",
    "Pooled",
    "expect_ratios",
    "find_grid",
    "find_scale_of",
    "pool_groups",
    "weigh_ratio",
    "weigh_row",
    "weigh_sides",
]

Floats = NDArray[np.float64]

BORROWED = 0.5
"""A group's own weight below which its estimate is mostly the other groups'."""

_NINTH = 1.5951
"""Where 9 in 10 of |u| |v| lie, u and v standard normal: a difference normal with a half-normal spread of 1."""
_ANYWHERE = 1e-9
"""How likely a group is to be anywhere at all, whatever was expected: so that one known exactly is where it is."""
_STEP = 0.01
_WIDEST = 5.0
_SPREADS = 80
_SHARES = 41
_Z = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True)
class Pooled:
    """One group's ratio to everyone else, pooled with the other groups'.

    `beyond` is the probability that it is beyond the limit, `beyond_sceptical` the same where the board's expectation
    is twice as wide; `own` the weight (0 to 1) of the group's own data.
    """

    ratio: float
    interval: tuple[float, float]
    mean: float
    beyond: float
    beyond_sceptical: float
    own: float

    @property
    def is_borrowed(self) -> bool:
        """Whether it says more of the other groups than of this one."""
        return self.own < BORROWED


def pool_groups(gate: Gate, rows: Sequence[Mapping[str, Any]], prior: Pooling) -> list[Pooled | None]:
    """Return each row's pooled estimate, in their order; None where it has no figures, or the question is no ratio."""
    likelihoods = [weigh_row(gate, row) if gate.statistic == "ratio" else None for row in rows]
    there = [likelihood for likelihood in likelihoods if likelihood is not None]
    if not there:
        return [None for _ in rows]
    scale = find_scale_of(prior.within)
    estimates = zip(_update(np.stack(there), scale), _update(np.stack(there), 2 * scale), strict=True)
    pooled = iter([_describe(gate, *pair) for pair in estimates])
    return [None if likelihood is None else next(pooled) for likelihood in likelihoods]


def find_scale_of(within: float) -> float:
    """Return the scale of a half-normal spread by which 9 in 10 are at most `within` times better or worse."""
    return math.log(within) / _NINTH


def find_grid() -> Floats:
    """Return the log ratios of the grid, from exp(-5) to exp(5)."""
    return np.arange(-_WIDEST, _WIDEST + _STEP / 2, _STEP)


def weigh_row(gate: Gate, row: Mapping[str, Any]) -> Floats | None:
    """Return how likely a finding's figures are at each log ratio of the grid, the likeliest 1; None without any."""
    sides = read_sides(gate, row)
    if sides is not None:
        return weigh_sides(*sides)
    value, (low, high) = row["ratio"], row["ratio_interval"] or (None, None)
    if not value or not low or not high:
        return None
    return weigh_ratio(math.log(value), math.log(high / low) / (2 * _Z))


def weigh_ratio(log_ratio: float, error: float) -> Floats:
    """Return how likely an average's log ratio with this standard error is at each of the grid, the likeliest 1."""
    away = ((find_grid() - log_ratio) / max(error, _STEP)) ** 2 / 2
    return np.asarray(np.exp(away.min() - away))


def weigh_sides(group: Side, rest: Side, rounded: int = 0) -> Floats:
    """Return how likely two counted shares are at each log ratio of the grid, the likeliest 1.

    Where the group's count was `rounded` by at most so many, all that it may be are summed.
    """
    people = group.people
    shares = _spread_share(rest.counted, rest.people)
    share = shares[:, None] * np.exp(find_grid())
    with np.errstate(divide="ignore"):
        log_share, log_others = np.log(share), np.log1p(-np.minimum(share, 1))
    weights = []
    for counted in sorted({min(max(group.counted + away, 0.0), people) for away in range(-rounded, rounded + 1)}):
        ways = math.lgamma(people + 1) - math.lgamma(counted + 1) - math.lgamma(people - counted + 1)
        with np.errstate(invalid="ignore"):
            weight = ways + counted * log_share + (people - counted) * log_others
        weights.append(np.where((share < 1) | ((share == 1) & (counted == people)), weight, -np.inf))
    together = np.stack(weights)
    return np.asarray(np.exp(together - together.max()).mean(axis=(0, 1)))


def _spread_share(counted: float, people: float) -> Floats:
    """Return shares that stand for the posterior of a share: the middles of equally likely parts of its Beta."""
    middle = math.log((counted + 0.5) / (people + 1))
    spread = math.sqrt(max(1 / (counted + 0.5) - 1 / (people + 1), 1e-12))
    log_share = np.minimum(middle + spread * np.linspace(-9, 9, 4001), -1e-12)
    weight = (counted + 0.5) * log_share + (people - counted + 0.5) * np.log1p(-np.exp(log_share))
    chance = np.cumsum(np.exp(weight - weight.max()))
    parts = (np.arange(_SHARES) + 0.5) / _SHARES
    return np.asarray(np.exp(np.interp(parts, chance / chance[-1], log_share)), dtype=np.float64)


@dataclass(frozen=True)
class _Posterior:
    """A group's log ratio: how likely each of the grid is, and the weight of its own data."""

    chance: Floats
    own: float


def _update(likelihoods: Floats, scale: float) -> list[_Posterior]:
    """Return each group's posterior, `likelihoods` (groups, grid), for spreads half-normal with this scale."""
    log_ratio = find_grid()
    spreads, prior = expect_ratios(scale)
    # How likely all the groups' figures are at each spread; and each group's log ratio at each.
    joint = prior[None, :, :] * likelihoods[:, None, :]
    evidence = joint.sum(axis=2)
    weight = np.exp(np.log(evidence).sum(axis=0) - np.log(evidence).sum(axis=0).max())
    weight /= weight.sum()
    at_spread = joint / evidence[:, :, None]
    mean = at_spread @ log_ratio
    variance = at_spread @ log_ratio**2 - mean**2
    own = 1 - (variance / (spreads**2)) @ weight
    chance = np.einsum("j,kjt->kt", weight, at_spread)
    return [_Posterior(chance[k], float(np.clip(own[k], 0, 1))) for k in range(len(likelihoods))]


@lru_cache(maxsize=8)
def expect_ratios(scale: float) -> tuple[Floats, Floats]:
    """Return equally likely spreads, and how likely each log ratio of the grid is at each (spreads, grid).

    `scale` is the half-normal's (`find_scale_of`).
    """
    log_ratio = find_grid()
    spreads = scale * np.array([NormalDist().inv_cdf(0.5 + (i + 0.5) / _SPREADS / 2) for i in range(_SPREADS)])
    edges = np.r_[-np.inf, (log_ratio[1:] + log_ratio[:-1]) / 2, np.inf]
    below = [[0.5 * (1 + math.erf(edge / spread / math.sqrt(2))) for edge in edges] for spread in spreads]
    prior = np.diff(np.asarray(below, dtype=np.float64), axis=1)
    return spreads, (1 - _ANYWHERE) * prior + _ANYWHERE / len(log_ratio)


def _describe(gate: Gate, posterior: _Posterior, sceptical: _Posterior) -> Pooled:
    log_ratio = find_grid()
    below = np.cumsum(posterior.chance)
    ends = [float(np.exp(log_ratio[int(np.searchsorted(below, part))])) for part in (0.025, 0.5, 0.975)]
    return Pooled(
        ends[1],
        (ends[0], ends[2]),
        float(posterior.chance @ np.exp(log_ratio)),
        _find_chance_beyond(gate, posterior.chance),
        _find_chance_beyond(gate, sceptical.chance),
        posterior.own,
    )


def _find_chance_beyond(gate: Gate, chance: Floats) -> float:
    """Return how likely a log ratio beyond the limit is: of the grid's cell that holds the limit, its part."""
    below = float(np.interp(math.log(gate.limit), find_grid() + _STEP / 2, np.cumsum(chance)))
    return min(max(below if gate.at_least else 1 - below, 0.0), 1.0)
