"""Which weeks are replayed, and their rows: the list dates of at most two years, and a matrix built at each of them.

    first fold's            burn-in            counted                         last list
    test date  |---------------------|---------------------------|............|-- horizon + lag --| coverage ends
               models exist from here  nobody counted before this   choosing | final

A week is ranked by the newest fold whose cut is not after it: a model fitted with the labels known by then. Lists end
a horizon and a reporting lag before the outcome's feeds do, so that every listing's spell is known, yes and no alike.
The weeks from the final period's first test date on choose nothing; a run that may not look at them leaves them out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from charter.contracts.matrix import Matrix
from charter.invocation import Invocation
from features.build import build_matrix
from training.data.dataset import Dataset
from training.data.folds import FINAL, SELECTION, Fold
from training.data.list_rules import ListRules
from training.data.other_lists import read_other_lists
from training.data.weeks import ListWeeks, gather_weeks
from training.models.planning import Plan

__all__ = ["FEWEST_WEEKS", "MOST_YEARS", "WeekPlan", "build_weeks", "choose_fold", "plan_weeks", "say_weeks"]

MOST_YEARS = 2
FEWEST_WEEKS = 26
"""Over fewer counted weeks nothing is said of a model: half a year of lists holds each season's needs but once."""


@dataclass(frozen=True)
class WeekPlan:
    """The list dates, and the part that each counts in (`periods` names them); `why` says why none can be told."""

    days: tuple[date, ...]
    part: NDArray[np.int8]
    periods: tuple[str, ...]
    apart: int
    why: str = ""

    @classmethod
    def nothing(cls, apart: int, why: str) -> WeekPlan:
        """Return that no week is replayed, and why."""
        return cls((), np.zeros(0, dtype=np.int8), (), apart, why)

    def days_of(self, period: int) -> list[date]:
        """Return the list dates of one period."""
        return [day for day, part in zip(self.days, self.part.tolist(), strict=True) if part == period]

    def count_weeks(self, period: int) -> int:
        """Return how many weeks the lists of one period last."""
        return len(self.days_of(period)) * self.apart // 7

    @property
    def burn_in(self) -> int:
        """How many lists are made before any is counted."""
        return int((self.part < 0).sum())


def plan_weeks(planned: Plan, rules: ListRules, look: bool = True) -> WeekPlan:
    """Return the weeks to replay; the final period's only where this run may `look` at them."""
    data, final = planned.data, next((fold for fold in planned.folds if fold.final), None)
    first, apart = planned.folds[0].test[0], timedelta(days=rules.apart)
    end = find_coverage_end(data)
    days = []
    day = first
    while data.matures(day) <= end and (look or final is None or day < final.test[0]):
        days.append(day)
        day += apart
    most = rules.burn_in + round(MOST_YEARS * 365.25 / rules.apart)
    days = days[-most:]
    part = np.full(len(days), -1, dtype=np.int8)
    choosing = [fold for fold in planned.folds if fold.name != FINAL] or planned.folds
    for number, when in enumerate(days):
        if number >= rules.burn_in:
            part[number] = 0 if final is None or final in choosing or when < final.test[0] else 1
    periods = (SELECTION, FINAL)[: int(part.max(initial=0)) + 1]
    plan = WeekPlan(tuple(days), part, periods, rules.apart)
    if plan.count_weeks(0) >= FEWEST_WEEKS:
        return plan
    needed = rules.burn_in + -(-7 * FEWEST_WEEKS // rules.apart)
    last = first + (needed - 1) * apart
    why = (
        f"after the {rules.burn_in * rules.apart // 7} weeks in which the first rests end there are"
        f" {plan.count_weeks(0)} weeks of lists whose outcome is known, and {FEWEST_WEEKS} are needed"
    )
    if final is not None and final not in choosing and last >= final.test[0]:
        remedy = "more folds in [folds] of training.toml would begin earlier"
    else:
        remedy = f"there are from {data.matures(last).date()} on"
    return WeekPlan.nothing(rules.apart, f"{why}; {remedy}")


def say_weeks(plan: WeekPlan) -> str:
    """Return what the replay of a plan's weeks could tell, in a sentence."""
    if plan.why:
        return f"Lists as they are used: nothing can be told yet: {plan.why}. Until then use agreed points, in shadow."
    counted = ", ".join(
        f"{plan.count_weeks(part)} weeks {'choose nothing' if period == FINAL else 'choose the model'}"
        for part, period in enumerate(plan.periods)
    )
    return (
        f"Lists as they are used: {len(plan.days)} lists from {plan.days[0]} to {plan.days[-1]}; the first"
        f" {plan.burn_in} are burn-in, {counted}."
    )


def find_coverage_end(data: Dataset) -> datetime:
    """Return until when every feed of the outcome had delivered by the snapshot; when it was taken, at the latest."""
    freshness = data.matrix.manifest.get("freshness", {})
    signals = {signal for part in data.matrix.definition["outcome"]["components"] for signal in part["signals"]}
    services = {signal.partition(".")[0] for signal in signals}
    return min([data.taken_at, *(datetime.fromisoformat(freshness[name]) for name in services if name in freshness)])


def build_weeks(invocation: Invocation, planned: Plan, plan: WeekPlan, rules: ListRules) -> tuple[Dataset, ListWeeks]:
    """Build the matrix of the weeks from the plan's snapshot, or find it, and gather its rows.

    Households give way to other programmes' lists (data/other_lists.py).
    """
    snapshot = str(planned.data.matrix.manifest["snapshot"])
    built = build_matrix(invocation, purpose="train", snapshot=snapshot, as_of=plan.days)
    data = Dataset.open(Matrix.open(built), invocation.council)
    programme = invocation.settings
    places = {day: rules.count_ranked(programme.capacity(invocation.council, day)) for day in plan.days}
    return data, gather_weeks(data, lambda day: places[day], rules.with_worker, read_other_lists(invocation))


def choose_fold(folds: Sequence[Fold], day: date) -> Fold:
    """Return the fold whose models could have been in use on a day: the newest that was cut by then."""
    return [fold for fold in folds if fold.test[0] <= day][-1]
