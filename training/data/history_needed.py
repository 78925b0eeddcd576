"""From which day a history is long enough for the folds that are asked for, if as-of dates go on as they have.

    first as-of date   |-- horizon + lag --| its labels are known: the first date to test on
                                           | ... as many dates as folds test on |-- horizon + lag --| the day

A council with 18 months of records and a horizon of a year can judge nothing yet, whatever its settings; what it needs
is the day on which it can, and what to use until then.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from charter.council.training_settings import Folds
from features.grammar.period import Period
from training.data.dataset import Dataset

__all__ = ["find_first_day", "say_first_days"]

_FEWEST = Folds(count=1, dates=1, final=0)
"""The least that tells anything: one fold of one date."""


def find_first_day(data: Dataset, settings: Folds) -> date:
    """Return the first day on which the folds have the dates that they need, without any earlier history."""
    days, learned = list(data.dates), data.matures(data.dates[0])
    step = _find_step(days)

    def find_day(number: int) -> date:
        return days[number] if number < len(days) else step.times(number - len(days) + 1).after(days[-1])

    first = 1
    while data.council.midnight(find_day(first)) < learned:
        first += 1
    return data.matures(find_day(first + settings.count * settings.dates + settings.final - 1)).date()


def _find_step(days: Sequence[date]) -> Period:
    """Return how far apart the newest two dates are, in months where that is so; a month of a single date."""
    if len(days) < 2:
        return Period(1, "months")
    before, last = days[-2:]
    if before.day == last.day:
        return Period(12 * (last.year - before.year) + last.month - before.month, "months")
    return Period((last - before).days, "days")


def say_first_days(data: Dataset, settings: Folds) -> str:
    """Return from when on these folds, and the least of folds, can be judged, and what to use until then."""
    these, least = find_first_day(data, settings), find_first_day(data, _FEWEST)
    fewer = f", and one fold of one date from {least} on" if least < these else ""
    return (
        f"Without earlier history these folds can be judged from {these} on{fewer}; until then use agreed points, in"
        " shadow: `sooner run --no-model`."
    )
