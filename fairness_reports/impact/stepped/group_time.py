"""What a start changed where places began one after the other: each against those that have not begun by then.

    begun in period     0     1     2     3          needs of 100 households
    3rd unit            5     5     4     4          begins in 2: -1 in 2 against the 4th, who has not begun
    4th unit            6     6     6     5          begins in 3: nobody is left to compare it with

For those who begin in period g and any later t, the change from g - 1 to t, less the same change of those who have
not begun by t (Callaway and Sant'Anna, Journal of Econometrics 2021, 225:200-230, "not yet treated", no covariates).
Their mean weighs each by its households. The regression with a constant for each unit and period would compare
with those who began before, too, and weigh some changes negatively where effects grow (Goodman-Bacon, the same volume,
225:254-277), so it is not used. It assumes parallel trends: that without the start, needs of those who began would have
moved as needs of those who had not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import stats  # type: ignore[import-untyped]  # it ships no types

__all__ = ["NEVER", "StartEffect", "UnitPeriods", "estimate_by_event", "estimate_orders", "estimate_start"]

Floats = NDArray[np.float64]
Starts = NDArray[np.int64]

NEVER = 1_000_000
"""The start of a unit that has not begun: a period after all."""


@dataclass(frozen=True)
class UnitPeriods:
    """What was counted of each unit in each period, (units, periods); `starts` (units,) is the first period begun."""

    starts: Starts
    households: Floats
    needs: Floats

    @cached_property
    def rates(self) -> Floats:
        """The share of households with a need, (units, periods)."""
        return self.needs / self.households

    @cached_property
    def weights(self) -> Floats:
        """Each unit's mean number of households, (units,)."""
        return np.asarray(self.households.mean(axis=1))

    @cached_property
    def begun(self) -> Floats:
        """1 where a unit has begun, (units, periods)."""
        return (np.arange(self.households.shape[1])[None, :] >= self.starts[:, None]).astype(np.float64)

    @property
    def first(self) -> int:
        """The period in which the first of them begins; so many periods are before anybody's start."""
        return int(min(self.starts.min(), self.households.shape[1]))


@dataclass(frozen=True)
class StartEffect:
    """A mean effect with its standard error by unit and how many units are in it."""

    estimate: float
    error: float
    units: int

    def interval(self, level: float) -> tuple[float, float]:
        """Return the interval of 1 - `level`, of Student's t with a degree for each unit but one."""
        times = float(stats.t.ppf(1 - level / 2, max(self.units - 1, 1)))
        return self.estimate - times * self.error, self.estimate + times * self.error


@dataclass(frozen=True)
class _Cell:
    """One comparison: groups (numbers) that began in `since` + 1, and those that serve as comparison until `period`."""

    group: int
    others: NDArray[np.int64]
    since: int
    period: int
    event: int


def _list_cells(groups: Starts, periods: int, *, before: bool = False) -> Iterator[_Cell]:
    """Yield each comparison after a start, or before it; `groups` are the distinct starts, in order."""
    for number, start in enumerate(groups.tolist()):
        if not 1 <= start < periods:
            continue
        for period in range(start - 1) if before else range(start, periods):
            others = np.flatnonzero(groups > max(period, start))
            if len(others):
                yield _Cell(number, others, start - 1, period, period - start)


def estimate_orders(orders: Starts, weights: Floats, values: Floats) -> Floats:
    """Return the mean effect on `values` (units, periods) for each order (orders, units); NaN where none compares."""
    groups = np.unique(orders[0])
    inside = (orders[:, :, None] == groups).astype(np.float64)
    size = np.einsum("kug,u->kg", inside, weights)
    sums = np.einsum("kug,up->kgp", inside, weights[:, None] * values)
    total, share = np.zeros(len(orders)), np.zeros(len(orders))
    for cell in _list_cells(groups, values.shape[1]):
        change = sums[:, :, cell.period] - sums[:, :, cell.since]
        other = change[:, cell.others].sum(axis=1) / size[:, cell.others].sum(axis=1)
        total += change[:, cell.group] - size[:, cell.group] * other
        share += size[:, cell.group]
    with np.errstate(invalid="ignore"):
        return total / share


def estimate_start(table: UnitPeriods) -> StartEffect | None:
    """Return the mean effect of having begun, with the error by unit; None where nobody is left to compare with.

    The error adds up each unit's part in all comparisons before it is squared, so that periods of a unit may be alike;
    times n / (n - 1) for n units, as of a regression that stacks the comparisons.
    """
    groups = np.unique(table.starts)
    total, share, parts = 0.0, 0.0, np.zeros(len(table.starts))
    compared = np.zeros(len(table.starts), dtype=bool)
    for cell in _list_cells(groups, table.rates.shape[1]):
        effect, part = _compare_cell(table, groups, cell)
        weight = float(table.weights[table.starts == groups[cell.group]].sum())
        total, share, parts = total + weight * effect, share + weight, parts + weight * part
        compared |= np.isin(table.starts, groups[[cell.group, *cell.others]])
    if not share:
        return None
    units = int(compared.sum())
    error = float(np.sqrt(np.sum((parts / share) ** 2) * units / max(units - 1, 1)))
    return StartEffect(total / share, error, units)


def _compare_cell(table: UnitPeriods, groups: Starts, cell: _Cell) -> tuple[float, Floats]:
    """Return one comparison's effect, and each unit's part in its error, (units,)."""
    change = table.rates[:, cell.period] - table.rates[:, cell.since]
    effect, parts = 0.0, np.zeros(len(change))
    sides = ((table.starts == groups[cell.group], 1.0), (np.isin(table.starts, groups[cell.others]), -1.0))
    for inside, sign in sides:
        weight = table.weights * inside / table.weights[inside].sum()
        mean = float(weight @ change)
        effect += sign * mean
        parts += sign * weight * (change - mean)
    return effect, parts


def estimate_by_event(table: UnitPeriods) -> dict[int, float]:
    """Return the mean effect by how many periods after the start it is, 0 the first; below -1: before, where none is.

    The period just before a start is what all are compared with, so it is left out.
    """
    groups = np.unique(table.starts)
    totals: dict[int, list[float]] = {}
    for before in (True, False):
        for cell in _list_cells(groups, table.rates.shape[1], before=before):
            effect, _ = _compare_cell(table, groups, cell)
            weight = float(table.weights[table.starts == groups[cell.group]].sum())
            mean = totals.setdefault(cell.event, [0.0, 0.0])
            mean[0] += weight * effect
            mean[1] += weight
    return {event: total / weight for event, (total, weight) in sorted(totals.items())}
