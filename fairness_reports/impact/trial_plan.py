"""What a trial could tell, before anybody is held out: at the council's own rates, for each design, with what it costs.

The need of families near the line is taken to be that of all listed families of the replay, and to be a fifth lower in
the row beside it: further down the list it is. Nothing here looks at what a trial itself brought.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from charter.contracts.matrix import Matrix
from charter.council.trial_design import Answer, TrialFile
from charter.invocation import Invocation
from charter.signing.trial_steps import spread_steps
from fairness_reports.audit.population.audited_people import find_horizon_end
from fairness_reports.impact.own_rates import OwnRates, read_own_rates
from fairness_reports.impact.registering import open_matrix
from fairness_reports.impact.trial_power import (
    count_orders,
    find_smallest,
    measure_power,
    stepped_error,
    two_arm_error,
    two_arm_households,
)

__all__ = ["plan_trial", "say_plan"]

_LOWER_DOWN = 0.8
_LONGEST = 520
"""Lists beyond which no duration is named."""


@dataclass(frozen=True)
class _Rates:
    """What both designs are planned with: `places` of each team's list, those of them that go by lot, and own rates."""

    own: OwnRates
    places: Mapping[str, int]
    by_lot: int
    take_up: float


def plan_trial(invocation: Invocation) -> dict[str, Any]:
    """Return the plan of the council's trial.toml for each design, as JSON values.

    Raises UsageError where there is no trial.toml, DataError where no run has replayed past weeks, what `capacity`
    raises where no team offers help.
    """
    trial, matrix = TrialFile.load(invocation.council), open_matrix(invocation)
    settings = invocation.settings
    places = settings.capacity(invocation.council, trial.starts)
    by_lot = sum(int(trial.holdout.tail * number + 1e-9) for number in places.values())
    rates = _Rates(
        read_own_rates(invocation.workspace), places, by_lot, settings.worklist.replay.answers.get("taken_up", 0)
    )
    return {
        "trial": trial.name,
        "question": trial.question,
        "design": trial.design,
        "run": rates.own.run,
        "need": rates.own.need,
        "take_up": rates.take_up,
        "worth_seeing": trial.answer.worth_seeing,
        "power_asked": trial.answer.power,
        "level": trial.answer.level,
        "looks": trial.answer.looks,
        "holdout": _plan_holdout(invocation, trial, matrix, rates),
        "stepped": _plan_stepped(invocation, trial, rates),
    }


def _count_lists(trial: TrialFile, own: OwnRates) -> int:
    return max(1, round((trial.until - trial.starts).days / max(own.apart, 1)))


def _per_arm(rates: _Rates, lists: int) -> float:
    """Return how many households each arm will have after so many lists, each counted once."""
    return rates.by_lot * lists * rates.own.share_fresh(lists)


def _plan_holdout(invocation: Invocation, trial: TrialFile, matrix: Matrix, rates: _Rates) -> dict[str, Any]:
    lists, answer = _count_lists(trial, rates.own), trial.answer
    arm = _per_arm(rates, lists)
    last = trial.until - timedelta(days=1)
    over = find_horizon_end(matrix.definition, invocation.council, last)
    answer_on = (over + timedelta(days=float(matrix.manifest["reporting_lag_days"]))).date()
    smallest = find_smallest(arm, arm, rates.own.need, answer.level, answer.power) if arm else None
    moved = rates.take_up - answer.crossing
    needed = _find_lists(rates, answer)
    return {
        "lists": lists,
        "per_arm": round(arm),
        "places_by_lot": rates.by_lot,
        "places": sum(rates.places.values()),
        "power": _power(arm, answer, rates.own.need),
        "power_lower_down": _power(arm, answer, rates.own.need * _LOWER_DOWN),
        "smallest": smallest,
        "smallest_of_helped": smallest / moved if smallest is not None and moved > 0 else None,
        "needed_per_arm": two_arm_households(rates.own.need, answer.worth_seeing, answer.level, answer.power),
        "needed_lists": needed,
        "needed_until": _date_of(trial.starts, needed, rates.own.apart),
        "answer_on": answer_on.isoformat(),
        "wait": round(arm),
        "wait_above_line": round(arm / 2),
        "stands_weeks": trial.holdout.lot_stands_weeks,
        "curve": [
            {"lists": count, "power": _power(_per_arm(rates, count), answer, rates.own.need)}
            for count in range(4, max(2 * lists, 60) + 1, 4)
        ],
    }


def _power(arm: float, answer: Answer, need: float) -> float:
    if arm < 1:
        return 0.0
    difference = min(answer.worth_seeing, need)
    return measure_power(difference, two_arm_error(arm, arm, need, difference), answer.level)


def _find_lists(rates: _Rates, answer: Answer) -> int | None:
    """Return how many lists give the asked power, None beyond ten years of weekly lists."""
    return next(
        (
            lists
            for lists in range(1, _LONGEST + 1)
            if _power(_per_arm(rates, lists), answer, rates.own.need) >= answer.power
        ),
        None,
    )


def _date_of(start: date, lists: int | None, apart: float) -> str | None:
    return (start + timedelta(days=round(lists * apart))).isoformat() if lists else None


def _plan_stepped(invocation: Invocation, trial: TrialFile, rates: _Rates) -> dict[str, Any]:
    design, answer = trial.stepped, trial.answer
    teams, areas = len(rates.places), len(invocation.council.areas)
    units = teams if design.unit == "team" else areas
    starts = [step - 1 for step in spread_steps(units, min(design.steps, units))]
    orders = count_orders(starts)
    a_week = rates.own.listings / max(rates.own.apart, 1) * 7
    households = a_week * design.step_weeks / units
    error = stepped_error(starts, households, rates.own.need, design.alike)
    waiting = sum(households * start for start in starts)
    return {
        "unit": design.unit,
        "units": units,
        "steps": max(starts) + 1,
        "weeks": design.step_weeks * (max(starts) + 1),
        "orders": orders,
        "smallest_p": min(1.0, 2 / orders),
        "power": measure_power(answer.worth_seeing, error, answer.level) if 2 / orders <= answer.level else 0.0,
        "wait": round(waiting),
        "areas": areas,
        "teams": teams,
        "alike": design.alike,
    }


def say_plan(plan: Mapping[str, Any]) -> str:
    """Return the plan in sentences, with power by duration as a picture of bars."""
    holdout, stepped = plan["holdout"], plan["stepped"]
    lines = [
        str(plan["question"]),
        f"Own rates (run {plan['run'][:8]}): of 100 listed families {100 * plan['need']:.1f} have a need within the"
        f" horizon; {100 * plan['take_up']:.0f} of 100 take the offer.",
        "",
        f"HOLDOUT AT THE LINE: {holdout['places_by_lot']} of the {holdout['places']} places of each date go by lot; on"
        f" {holdout['lists']} dates some {holdout['per_arm']} households in each arm.",
        f"  Power for {100 * plan['worth_seeing']:g} fewer of 100: {100 * holdout['power']:.0f} %"
        f" ({100 * holdout['power_lower_down']:.0f} % if need near the line is a fifth lower).",
        f"  {_say_smallest(plan)}",
        f"  {_say_duration(plan)}",
        f"  Answer from {holdout['answer_on']}. As many families are listed as ever.",
        f"  {holdout['wait']} are held out for up to {holdout['stands_weeks']} weeks, of whom some"
        f" {holdout['wait_above_line']} would have been listed at once.",
        *_draw_bars(holdout["curve"], plan["power_asked"]),
        "",
        f"STEPPED START of {stepped['units']} {stepped['unit']}s in {stepped['steps']} steps, over"
        f" {stepped['weeks']} weeks:",
        f"  {_say_orders(plan)}",
        f"  Some {stepped['wait']} families are not listed who would have been, while their {stepped['unit']} waits.",
    ]
    return "\n".join(lines)


def _say_smallest(plan: Mapping[str, Any]) -> str:
    smallest, helped = plan["holdout"]["smallest"], plan["holdout"]["smallest_of_helped"]
    asked = f"{100 * plan['power_asked']:.0f} %"
    if smallest is None:
        return f"No difference at all would be found {asked} of the time: even if nobody listed had a need."
    of_helped = f", {100 * helped:.1f} of 100 who take the offer because of the list" if helped and helped <= 1 else ""
    none = "; more than help can change where so few take it" if helped and helped > 1 else ""
    return f"Found {asked} of the time: {100 * smallest:.1f} fewer of 100 listed{of_helped}{none}."


def _say_duration(plan: Mapping[str, Any]) -> str:
    holdout = plan["holdout"]
    asked = f"{100 * plan['power_asked']:.0f} %"
    if holdout["power"] >= plan["power_asked"]:
        return f"That is enough: {asked} was asked for, which {holdout['needed_per_arm']} in each arm give."
    if holdout["needed_lists"] is None:
        return (
            f"NOT ENOUGH, and no duration of ten years is: {asked} needs {holdout['needed_per_arm']} in each arm."
            " Take a larger share of places by lot, a larger difference, or join with other councils."
        )
    return (
        f"NOT ENOUGH: {asked} needs {holdout['needed_per_arm']} in each arm, so lots until {holdout['needed_until']}"
        f" ({holdout['needed_lists']} dates of lists)."
    )


def _say_orders(plan: Mapping[str, Any]) -> str:
    stepped = plan["stepped"]
    if stepped["smallest_p"] > plan["level"]:
        return (
            f"NO TEST CAN REACH {100 * plan['level']:g} %: {stepped['units']} {stepped['unit']}s can start in"
            f" {stepped['orders']} orders, so the smallest two-sided p is {100 * stepped['smallest_p']:.1f} %."
            f" Step by area ({stepped['areas']} here), by week, or draw households."
        )
    return (
        f"{stepped['orders']:,} orders; power for {100 * plan['worth_seeing']:g} fewer of 100:"
        f" {100 * stepped['power']:.0f} % where families of one {stepped['unit']} are alike by {stepped['alike']:g}."
    )


def _draw_bars(curve: list[dict[str, float]], asked: float) -> list[str]:
    """Return a bar for each eighth of the curve."""
    shown = curve[:: -(-len(curve) // 8)]
    return [
        f"  {row['lists']:>4.0f} dates {'#' * round(40 * row['power']):<40} {100 * row['power']:.0f} %"
        f"{' enough' if row['power'] >= asked else ''}"
        for row in shown
    ]
