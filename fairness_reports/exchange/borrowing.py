"""Strength borrowed from other councils: what a small borough's own figures and its peers' say of its groups together.

    d of a group in a council   the log of how a group fares beside everyone else there
    councils                    d is normal around what councils do in the middle, m, with a spread that they share
    groups                      m is normal around 0 (alike) with a spread that the groups of a question share
    both spreads                half-normal, as wide as sentences that were signed say: exchange.toml's, the charter's

Five councils in which a group fares as everyone else make it likelier that it does so here; the more they differ among
each other, the less they lend. All is summed on a grid (`charter.rules.certainty.pooling`), so no sampler runs.

It decides nothing. Groups are each beside everyone else, and thus not quite independent: of the spreads their figures
say as much as one group less would.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr  # type: ignore[import-untyped]  # it ships no types

from charter.rules.certainty.pooling import BORROWED, find_grid, find_scale_of

__all__ = ["Borrowed", "Strength", "borrow_strength"]

Floats = NDArray[np.float64]

_EVERY = 2
"""Of the pooling grid every second ratio: steps of 2 in 100, which is finer than what one council can tell."""
_SPREADS = 24
_UNLIKE = 2.5758
"""Standard errors between the own figure and what the others lead to expect: 1 in 100 where they speak of the same."""
_NINE_IN_TEN = 1.6449
_NEVER = 1e-300


@dataclass(frozen=True)
class Borrowed:
    """One group's ratio to everyone else with what other councils show.

    `own` is the weight (0 to 1) of the group's own data, `councils` how many others have figures of the group;
    `expected` is what they alone lead to expect, and `unlike` whether the own figure is far from that.
    """

    ratio: float
    interval: tuple[float, float]
    own: float
    councils: int
    expected: tuple[float, float]
    unlike: bool

    @property
    def is_borrowed(self) -> bool:
        """Whether it says more of others than of this group here."""
        return self.own < BORROWED


@dataclass(frozen=True)
class Strength:
    """A question's groups, in their order (None without own figures), and how far councils are apart in it.

    `within`: 9 in 10 councils treat a group at most so many times better or worse than those in the middle.
    """

    groups: tuple[Borrowed | None, ...]
    within: float


def borrow_strength(
    own: Sequence[Floats | None], peers: Sequence[Sequence[Floats | None]], groups: float, councils: float
) -> Strength:
    """Return what each group's ratio is by its own figures and its peers'.

    `own` has a group's likelihood over the pooling grid (`weigh_sides`, `weigh_ratio`), or None; `peers` the same by
    council, in the same order of groups. `groups` and `councils`: 9 in 10 are at most so many times better or worse.
    """
    there: dict[int, Floats] = {
        number: likelihood[::_EVERY] for number, likelihood in enumerate(own) if likelihood is not None
    }
    if not there:
        return Strength(tuple(None for _ in own), 1.0)
    here = np.stack(list(there.values()))
    of_peers = [[council[number] for council in peers] for number in there]
    others = [[likelihood[::_EVERY] for likelihood in of if likelihood is not None] for of in of_peers]
    posterior = _sum_out(here, others, find_scale_of(groups), find_scale_of(councils))
    described = {
        number: _describe(posterior.chance[at], posterior.expected[at], here[at], len(others[at]))
        for at, number in enumerate(there)
    }
    whole = tuple(described.get(number) for number in range(len(own)))
    return Strength(whole, float(np.exp(_NINE_IN_TEN * posterior.spread)))


@dataclass(frozen=True)
class _Posterior:
    """By group (groups, grid): how likely each ratio is, and was before the own figures; the councils' mean spread."""

    chance: Floats
    expected: Floats
    spread: float


def _sum_out(here: Floats, others: Sequence[Sequence[Floats]], groups: float, councils: float) -> _Posterior:
    """Sum both spreads out: for each pair of them, how likely all figures are, and what they say of each group."""
    _, middles = _expect_middles(groups)
    spreads, steps = _expect_steps(councils)
    peers, weight, evidence = [], np.zeros((len(spreads), len(middles))), []
    for at, step in enumerate(steps):
        # What the councils' figures say together of what councils do in the middle, (groups, grid).
        logs = np.stack([_add_logs(of, step) for of in others])
        peak = logs.max(axis=1)
        lent = np.exp(logs - peak[:, None])
        fit = (middles * (lent * (here @ step.T))[:, None, :]).sum(axis=2)
        scale = (middles * lent[:, None, :]).sum(axis=2)
        # Each group is beside everyone else: of the ratios of so many groups one less are free to differ.
        weight[at] = (np.log(fit).sum(axis=0) + peak.sum()) * _count_free(len(here)) / len(here)
        peers.append(lent)
        evidence.append((fit, scale))
    chances = np.exp(weight - weight.max())
    chances /= chances.sum()
    chance, expected = np.zeros_like(here), np.zeros_like(here)
    for at, (step, lent, (fit, scale)) in enumerate(zip(steps, peers, evidence, strict=True)):
        updated = np.einsum("gs,sm->gm", chances[at] / fit, middles) * lent
        chance += here * (updated @ step)
        before = np.einsum("gs,sm->gm", chances[at] / scale, middles) * lent
        expected += before @ step
    return _Posterior(
        chance / chance.sum(axis=1, keepdims=True),
        expected / expected.sum(axis=1, keepdims=True),
        float(chances.sum(axis=1) @ spreads),
    )


def _count_free(groups: int) -> int:
    """Return how many of the groups' ratios are free to differ: of two groups one, since each is the other turned."""
    return max(groups - 1, 1)


def _add_logs(councils: Sequence[Floats], step: Floats) -> Floats:
    """Return the log of how likely all these councils' figures are at each ratio in the middle, (grid,)."""
    if not councils:
        return np.zeros(len(step))
    return np.asarray(np.log(np.maximum(np.stack(councils) @ step.T, _NEVER)).sum(axis=0))


@lru_cache(maxsize=8)
def _expect_middles(scale: float) -> tuple[Floats, Floats]:
    """Return equally likely spreads of groups, and how likely each ratio in the middle is at each (spreads, grid)."""
    spreads = _spread_evenly(scale)
    edges = _find_edges()
    chance = np.diff(ndtr(edges / spreads[:, None]), axis=1)
    return spreads, np.asarray(np.maximum(chance, _NEVER), dtype=np.float64)


@lru_cache(maxsize=4)
def _expect_steps(scale: float) -> tuple[Floats, Floats]:
    """Return equally likely spreads of councils, and from each middle to each council's ratio (spreads, grid, grid)."""
    spreads, edges, middle = _spread_evenly(scale), _find_edges(), find_grid()[::_EVERY]
    steps = [np.diff(ndtr((edges[None, :] - middle[:, None]) / spread), axis=1) for spread in spreads]
    return spreads, np.stack(steps)


def _spread_evenly(scale: float) -> Floats:
    parts = [NormalDist().inv_cdf(0.5 + (i + 0.5) / _SPREADS / 2) for i in range(_SPREADS)]
    return np.asarray(scale * np.array(parts), dtype=np.float64)


def _find_edges() -> Floats:
    grid = find_grid()[::_EVERY]
    return np.asarray(np.r_[-np.inf, (grid[1:] + grid[:-1]) / 2, np.inf])


def _describe(chance: Floats, expected: Floats, here: Floats, councils: int) -> Borrowed:
    (low, middle, high), (_, variance) = _find_ends(chance), _find_moments(chance)
    before, (expected_mean, expected_variance) = _find_ends(expected), _find_moments(expected)
    own_mean, own_variance = _find_moments(here / here.sum())
    away = abs(own_mean - expected_mean) / np.sqrt(own_variance + expected_variance)
    return Borrowed(
        middle,
        (low, high),
        float(np.clip(1 - variance / expected_variance, 0, 1)),
        councils,
        (before[0], before[2]),
        bool(councils and away > _UNLIKE),
    )


def _find_ends(chance: Floats) -> tuple[float, float, float]:
    """Return the ratios below which 2.5, 50 and 97.5 in 100 lie: within a cell of the grid, its part."""
    edges, below = _find_edges()[1:-1], np.cumsum(chance)[:-1]
    low, middle, high = (float(np.exp(np.interp(part, below, edges))) for part in (0.025, 0.5, 0.975))
    return low, middle, high


def _find_moments(chance: Floats) -> tuple[float, float]:
    log_ratio = find_grid()[::_EVERY]
    mean = float(chance @ log_ratio)
    return mean, float(chance @ log_ratio**2) - mean**2
