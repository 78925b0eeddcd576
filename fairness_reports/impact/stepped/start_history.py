"""What changed where lists began, less what changed meanwhile where they had not: without a trial, from the records.

    starts.toml             ->  which place began when
    the newest snapshot     ->  needs of each place in each period that was delivered (unit_periods)
    group_time              ->  the mean effect of having begun, each place against those that had not by then
    permuted_starts         ->  its test under 30 places, and the checks'; from 30 on the error by place is used

It assumes parallel trends: that without lists, needs would have moved alike in places that began and in those that had
not. What can be asked of the time before anybody began is asked first; any answer against it ends in "cannot be told".
With few places such checks see little (Roth, American Economic Review: Insights 2022, 4:305-322), so what is found must
stand as well where each place would have gone straight on along its own line, with that line's error in the interval
(smoothness with M = 0 of Rambachan and Roth, Review of Economic Studies 2023, 90:2555-2591).
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

__all__ = [
    "HANGS",
    "LEAST_BEFORE",
    "LEVEL",
    "MANY",
    "HistoryFinding",
    "OnOwnLines",
    "TrendCheck",
    "judge_history",
    "measure_history",
]

LEVEL = 0.05
MANY = 30
"""Units from which on the error by unit is used; under it the other orders of starts are, or where few have begun."""
_MANY_BEGUN = 10
LEAST_BEFORE = 4
"""Periods before anybody began under which nobody can see whether places moved alike."""

HANGS = (
    "What is found hangs on places having moved alike: had each gone straight on as it moved before anybody began, the"
    " interval would say something else."
)
"""Why an answer does not stand by itself."""

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
class OnOwnLines:
    """The effect if each unit had gone straight on as it moved before anybody began, with its interval."""

    estimate: float
    interval: tuple[float, float]


@dataclass(frozen=True)
class HistoryFinding:
    """What is found: a verdict and, where it is "cannot be told", why; the effect both ways, the checks, by event.

    `interval` is the effect's if all had moved alike, `straight_on` if each place had gone on along its own line.
    """

    verdict: str
    why: str
    primary: str = "other orders of starts"
    interval: tuple[float, float] | None = None
    straight_on: OnOwnLines | None = None
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
    straight_on = _go_straight_on(table, orders, many)
    interval = effect.interval(LEVEL) if many else test.interval
    verdict, why = _judge_both(interval, straight_on.interval, worth_seeing)
    primary = "error by unit" if many else HistoryFinding.primary
    return HistoryFinding(verdict, why, primary, interval, straight_on, effect, test, checks, events)


def _judge_both(
    interval: tuple[float, float], straight_on: tuple[float, float], worth_seeing: float
) -> tuple[str, str]:
    """Return what both intervals say; "cannot be told" with the reason where one says something else."""
    verdict = judge_interval(interval, worth_seeing)
    if verdict == "cannot be told":
        return verdict, BOTH
    if judge_interval(straight_on, worth_seeing) != verdict:
        return "cannot be told", HANGS
    return verdict, ""


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
    estimates = [trend, made_up.estimate, number.estimate]
    alone = np.array([p_of_trend, made_up.p_value, number.p_value])
    names = ("trend", "made-up starts", "households")
    return tuple(map(TrendCheck, names, estimates, alone.tolist(), hold_family(alone).tolist()))


def _compare_slopes(table: UnitPeriods, orders: NDArray[np.int64]) -> tuple[float, float]:
    """Return how much more needs rose a period in who began last than in who began first, and how seldom orders do.

    Both are weighted by households.
    """
    slopes = _find_slopes(table)
    late = np.unique(orders[0], return_inverse=True)[1].max()
    place = np.searchsorted(np.unique(orders[0]), orders) / max(late, 1)
    weights = table.weights / table.weights.sum()
    apart = place - (place @ weights)[:, None]
    slants = (apart * (weights * slopes)).sum(axis=1) / (apart**2 @ weights)
    return float(slants[0]), float((np.abs(slants) >= abs(slants[0]) - 1e-12).mean())


def _find_slopes(table: UnitPeriods) -> Floats:
    """Return by how much each unit's needs rose a period before anybody began, by least squares, (units,)."""
    periods = np.arange(table.first) - (table.first - 1) / 2
    return np.asarray(table.rates[:, : table.first] @ periods / (periods @ periods))


def _go_straight_on(table: UnitPeriods, orders: NDArray[np.int64], many: bool) -> OnOwnLines:
    """Return what is found of what is left once each unit's own line is taken off, by the test that is primary."""
    detrended = _take_off_lines(table)
    effect = estimate_start(detrended) if many else None
    if effect is not None:
        return OnOwnLines(effect.estimate, effect.interval(LEVEL))
    test = _test_orders(table.weights, detrended.rates, orders, table.begun)
    return OnOwnLines(test.estimate, test.interval)


def _take_off_lines(table: UnitPeriods) -> UnitPeriods:
    """Return the table with each unit's own straight line of before taken off, in all periods.

    What is left may be under nought; a unit's change still adds up to one figure, so its error has the line's in it.
    """
    clock = np.arange(table.households.shape[1])
    line = _find_slopes(table)[:, None] * clock
    return UnitPeriods(table.starts, table.households, table.needs - line * table.households)


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
    effect, test, straight_on = finding.by_unit, finding.by_order, finding.straight_on
    return {
        "verdict": finding.verdict,
        "why": finding.why,
        "estimate": effect.estimate if effect else None,
        "interval": _bounded(finding.interval),
        "straight_on": {"estimate": straight_on.estimate, "interval": _bounded(straight_on.interval)}
        if straight_on
        else None,
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
