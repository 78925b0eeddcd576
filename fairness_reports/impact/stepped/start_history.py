"""What changed where lists began, less what changed meanwhile where they had not: without a trial, from the records.

    starts.toml             ->  which place began when
    the newest snapshot     ->  needs of each place in each period that was delivered (unit_periods)
    group_time              ->  the mean effect of having begun, each place against those that had not by then
    permuted_starts         ->  its test under 30 places, and the checks'; from 30 on the error by place is used

It assumes parallel trends: that without lists, needs would have moved alike in places that began and in those that had
not. What can be asked of the time before anybody began is asked first; any answer against it ends in "cannot be told".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charter.council.starts_file import StartsFile
from charter.errors import UsageError
from charter.invocation import Invocation
from fairness_reports.impact.estimates import BOTH, hold_family, judge_interval
from fairness_reports.impact.stepped.group_time import (
    NEVER,
    StartEffect,
    UnitPeriods,
    estimate_by_event,
    estimate_orders,
    estimate_start,
)
from fairness_reports.impact.stepped.permuted_starts import OrderTest, compare_orders, draw_orders
from fairness_reports.impact.stepped.unit_periods import Counted, count_unit_periods
from fairness_reports.impact.trial_power import count_orders

__all__ = ["LEAST_BEFORE", "LEVEL", "MANY", "HistoryFinding", "TrendCheck", "judge_history", "measure_history"]

LEVEL = 0.05
MANY = 30
"""Units from which on the error by unit is used; under it the other orders of starts are, or where few have begun."""
_MANY_BEGUN = 10
LEAST_BEFORE = 4
"""Periods before anybody began under which nobody can see whether places moved alike."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class TrendCheck:
    """One thing that must not differ: what is found (a share of households or their number), p alone and adjusted."""

    about: str
    found: float
    p_value: float
    adjusted: float

    @property
    def fails(self) -> bool:
        """Whether it found what chance alone seldom makes."""
        return self.adjusted < LEVEL


@dataclass(frozen=True)
class HistoryFinding:
    """What is found: a verdict and, where it is "cannot be told", why; the effect both ways, the checks, by event."""

    verdict: str
    why: str
    primary: str = "other orders of starts"
    interval: tuple[float, float] | None = None
    by_unit: StartEffect | None = None
    by_order: OrderTest | None = None
    checks: tuple[TrendCheck, ...] = ()
    by_event: Mapping[int, float] | None = None


def judge_history(table: UnitPeriods, worth_seeing: float) -> HistoryFinding:
    """Return what a history of starts says; below nought: fewer needs where lists had begun."""
    why = _find_lack(table)
    effect = None if why else estimate_start(table)
    if why or effect is None:
        return HistoryFinding("cannot be told", why or "Nobody is left who had not begun, to compare with.")
    orders = draw_orders(table.starts.tolist())
    checks = _check_before(table, orders)
    failed = next((check for check in checks if check.fails), None)
    events = estimate_by_event(table)
    if failed:
        return HistoryFinding("cannot be told", _say_failure(failed), checks=checks, by_event=events)
    test = _test_orders(table.weights, table.rates, orders, table.begun)
    many = _has_many(table)
    interval = effect.interval(LEVEL) if many else test.interval
    verdict = judge_interval(interval, worth_seeing)
    why = BOTH if verdict == "cannot be told" else ""
    primary = "error by unit" if many else HistoryFinding.primary
    return HistoryFinding(verdict, why, primary, interval, effect, test, checks, events)


def _has_many(table: UnitPeriods) -> bool:
    """Whether units are enough for an error by unit: of a moment at which one alone began it would know nothing."""
    begun = table.starts[table.starts < table.rates.shape[1]]
    _, together = np.unique(begun, return_counts=True)
    return len(table.starts) >= MANY and len(begun) >= _MANY_BEGUN and int(together.min()) > 1


def _find_lack(table: UnitPeriods) -> str:
    """Return why nothing can be compared at all; empty where it can."""
    units, periods = table.households.shape
    if not units or table.first >= periods:
        return "No period since anybody began is over and delivered."
    if table.first < LEAST_BEFORE:
        return (
            f"Only {table.first} periods before anybody began were delivered, and {LEAST_BEFORE} are needed to see"
            " whether places moved alike."
        )
    if len(np.unique(np.minimum(table.starts, periods))) < 2:
        return "All began at once, so nobody is left to compare with."
    orders = count_orders(table.starts.tolist())
    if 2 / orders > LEVEL:
        return (
            f"Too few places: {units} can begin in {orders} orders, so the smallest p is {200 / orders:.1f} %, whatever"
            " happened."
        )
    return ""


def _test_orders(weights: Floats, values: Floats, orders: NDArray[np.int64], begun: Floats) -> OrderTest:
    figures = estimate_orders(orders, weights, values)
    return compare_orders(figures, estimate_orders(orders, weights, begun), LEVEL)


def _check_before(table: UnitPeriods, orders: NDArray[np.int64]) -> tuple[TrendCheck, ...]:
    """Return the checks: two of periods before anybody began, where no effect can be, and one of how many lived there.

    trend         whether the slope of needs goes with the order of starts
    made-up       whether needs changed at starts that are moved back into the middle of that time
    households    whether the number of households changes at the real starts
    """
    trend, p_of_trend = _compare_slopes(table, orders)
    moved = np.where(orders < NEVER, np.maximum(orders - table.first // 2, 1), NEVER)
    before = table.rates[:, : table.first]
    made_up = compare_orders(estimate_orders(moved, table.weights, before), np.zeros(len(orders)), LEVEL)
    number = _test_orders(table.weights, np.log(table.households), orders, table.begun)
    found = [trend, made_up.estimate, number.estimate]
    alone = np.array([p_of_trend, made_up.p_value, number.p_value])
    names = ("trend", "made-up starts", "households")
    return tuple(map(TrendCheck, names, found, alone.tolist(), hold_family(alone).tolist()))


def _compare_slopes(table: UnitPeriods, orders: NDArray[np.int64]) -> tuple[float, float]:
    """Return how much more needs rose a period in who began last than in who began first, and how seldom orders do.

    Slopes are those of least squares within each unit before anybody began; both are weighted by households.
    """
    periods = np.arange(table.first) - (table.first - 1) / 2
    slopes = table.rates[:, : table.first] @ periods / (periods @ periods)
    late = np.unique(orders[0], return_inverse=True)[1].max()
    place = np.searchsorted(np.unique(orders[0]), orders) / max(late, 1)
    weights = table.weights / table.weights.sum()
    apart = place - (place @ weights)[:, None]
    slants = (apart * (weights * slopes)).sum(axis=1) / (apart**2 @ weights)
    return float(slants[0]), float((np.abs(slants) >= abs(slants[0]) - 1e-12).mean())


def _say_failure(check: TrendCheck) -> str:
    words = {
        "trend": "Needs moved differently before anybody began, by who began when",
        "made-up starts": "Needs changed at made-up starts, when nobody had begun",
        "households": "The number of households changed where lists began",
    }
    return f"{words[check.about]}. So trends are not parallel, and nothing is said of an effect."


def measure_history(invocation: Invocation) -> dict[str, Any]:
    """Return what the starts in starts.toml changed, as JSON values.

    Raises UsageError where there is no starts.toml, or it is about another programme; DataError without a matrix.
    """
    starts = StartsFile.load(invocation.council)
    if starts.programme != invocation.programme:
        raise UsageError(
            f"starts.toml is about {starts.programme}.", f"Type `sooner trial history --programme {starts.programme}`."
        )
    counted = count_unit_periods(invocation, starts)
    finding = judge_history(counted.table, starts.worth_seeing)
    return _describe_counted(counted, starts) | _describe_finding(finding) | {"programme": invocation.programme}


def _describe_counted(counted: Counted, starts: StartsFile) -> dict[str, Any]:
    table = counted.table
    periods = table.households.shape[1]
    begun = table.starts < periods
    return {
        "title": starts.title,
        "unit": starts.unit,
        "period_months": starts.period_months,
        "worth_seeing": starts.worth_seeing,
        "units": len(counted.units),
        "begun": int(begun.sum()),
        "starts": len(np.unique(table.starts[begun])),
        "periods": periods,
        "periods_before": table.first if len(counted.units) else 0,
        "from": counted.days[0].isoformat() if counted.days else None,
        "undelivered": counted.undelivered,
        "empty": counted.empty,
        "households": round(float(table.weights.sum())) if len(counted.units) else 0,
        "rate_before": float(
            (table.needs * (1 - table.begun)).sum() / max((table.households * (1 - table.begun)).sum(), 1)
        ),
    }


def _describe_finding(finding: HistoryFinding) -> dict[str, Any]:
    effect, test = finding.by_unit, finding.by_order
    return {
        "verdict": finding.verdict,
        "why": finding.why,
        "estimate": effect.estimate if effect else None,
        "interval": _bounded(finding.interval),
        "primary": finding.primary,
        "by_order": {"p_value": test.p_value, "interval": _bounded(test.interval), "orders": test.orders}
        if test
        else None,
        "by_unit": {"error": effect.error, "interval": list(effect.interval(LEVEL))} if effect else None,
        "checks": [asdict(check) for check in finding.checks],
        "by_event": [{"periods_after": event, "estimate": value} for event, value in (finding.by_event or {}).items()],
    }


def _bounded(interval: tuple[float, float] | None) -> list[float | None] | None:
    """Return an interval as JSON has it: no end where it is open."""
    return None if interval is None else [end if np.isfinite(end) else None for end in interval]
