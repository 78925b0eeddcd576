"""Latent need: what no service sees, and what drives what they record.

Each unit has a need that lasts and one that comes and goes from month to month (an autoregression of first order); part
of it is common to money, school and family, part is its own. All are standard normal. An event of strength b follows
`level = exp(b z - b^2 / 2)`, which is one on average. In the `points` variant a unit instead is in
need, for good and in every domain alike, or is not: then each recorded event adds the same evidence, and adding points
up is all there is to do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from borough.chance import Chance
from borough.population import Population
from borough.rates import Rates

__all__ = ["DOMAINS", "Need", "draw_need", "draw_noise"]

DOMAINS = ("shared", "money", "school", "family")
_HIGHEST = 3.2
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Need:
    """Standardised need by domain, each an array [month, unit]; or, in the points variant, one level per unit."""

    z: dict[str, Floats]
    points: Floats | None

    def level(self, domain: str, strength: float, month: NDArray[np.integer], unit: NDArray[np.integer]) -> Floats:
        """Return the multiplier of mean one of a rate of `strength` at each month and unit."""
        if self.points is not None:
            level: Floats = self.points[unit]
            return level
        values = np.minimum(self.z[domain][month, unit], np.float32(_HIGHEST))
        strong = np.float32(strength)
        return np.asarray(np.exp(strong * values - strong * strong / 2), dtype=np.float32)

    def lasting(self, domain: str) -> Floats:
        """Return each unit's mean need over the ten years, on the scale of a standard normal."""
        if self.points is not None:
            return np.log(self.points)
        mean = self.z[domain].mean(axis=0, dtype=np.float32)
        return np.asarray(mean / mean.std(), dtype=np.float32)


def draw_need(rates: Rates, chance: Chance, population: Population, months: int, areas: int, variant: str) -> Need:
    """Return the need of every unit in each of the months, for the variant `standard` or `points`."""
    units = population.units
    lasting, fading = rates.of("need", "lasting"), rates.of("need", "fading")
    if variant == "points":
        rng = chance.stream("need", "points")
        share, high = rates.of("need", "points_share"), rates.of("need", "points_level")
        troubled = rng.random(units) < share
        points = np.where(troubled, high, (1 - share * high) / (1 - share)).astype(np.float32)
        flat = np.log(points)
        return Need({domain: np.broadcast_to(flat, (months, units)) for domain in DOMAINS}, points)
    area = chance.stream("need", "area").normal(0, rates.of("homes", "area_spread"), areas).astype(np.float32)
    shared = _draw_series(chance.stream("need", "shared"), months, units, lasting, fading)
    shared += area[population.unit_area]
    _add_parting(shared, rates, population)
    weight = np.float32(np.sqrt(rates.of("need", "shared")))
    rest = np.float32(np.sqrt(1 - rates.of("need", "shared")))
    z = {"shared": shared}
    for domain in DOMAINS[1:]:
        series = _draw_series(chance.stream("need", domain), months, units, lasting, fading)
        series *= rest
        series += weight * shared
        z[domain] = series
    return Need(z, None)


def draw_noise(rng: np.random.Generator, rates: Rates, months: int, size: int) -> Floats:
    """Return luck that comes, goes and lasts as need does but belongs to nobody's need, shape [month, size]."""
    return _draw_series(rng, months, size, rates.of("need", "lasting"), rates.of("need", "fading"))


def _draw_series(rng: np.random.Generator, months: int, units: int, lasting: float, fading: float) -> Floats:
    """Return a lasting part plus an autoregression that starts in its own distribution, shape [month, unit].

    With lasting 0.4 and fading 0.8, the variance of 1 is 0.4 for good and 0.6 that comes and goes: each month keeps 0.8
    of the last and adds noise of variance (1 - 0.64) x 0.6, so that 0.64 x 0.6 + 0.36 x 0.6 is 0.6 again.
    """
    base = rng.standard_normal(units, dtype=np.float32)
    base *= np.float32(np.sqrt(lasting))
    carry, step = np.float32(fading), np.float32(np.sqrt((1 - fading**2) * (1 - lasting)))
    z = rng.standard_normal((months, units), dtype=np.float32)
    z[0] *= np.float32(np.sqrt(1 - lasting))
    for month in range(1, months):
        z[month] *= step
        z[month] += carry * z[month - 1]
    z += base
    return z


def _add_parting(shared: Floats, rates: Rates, population: Population) -> None:
    """Raise the need of both units for a year after parents part.

    Unit 4 came of unit 1 and first has a whole month in the grid at month 30: months 30 to 41 of both are raised.
    """
    old, new, _ = population.partings
    if not len(old):
        return
    entry = population.unit_at
    months = len(shared)
    # The month grid says when the new unit first lived a whole month; the parting was just before.
    first = np.full(population.units, months, dtype=np.int64)
    grid_month, grid_place = np.nonzero(np.isin(entry, new))
    order = np.argsort(-grid_month, kind="stable")
    first[entry[grid_month[order], grid_place[order]]] = grid_month[order]
    extra = np.float32(rates.of("need", "parting"))
    for offset in range(12):
        month = first[new] + offset
        inside = month < months
        shared[month[inside], old[inside]] += extra
        shared[month[inside], new[inside]] += extra
