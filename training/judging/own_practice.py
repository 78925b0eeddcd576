"""The council's own practice beside lists: whom it helped over the same weeks, and sooner than whom a list names them.

Practice is a ranker that nobody can release: each family that a list could have named, and whose help began between two
lists, is a listing of the first of them. It is measured as models are, over the same draws of the households.

    list        help began         need recorded
     |--------------x--------------------x-----------|  horizon ends
       sooner: so many days                              practice had the family: its help came before the need
     |-----------------------------------x-----------|   nobody had it: a need, and no help within a horizon before it

What a list adds are families that nobody had, and days for those who were helped later. Help may prevent a need, so of
those helped fewer needs are recorded than there would have been: the comparison favours lists, and the page says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from charter.contracts.spans import is_covered
from features.grammar.period import Period
from training.data.dataset import Dataset, to_microseconds
from training.data.help_record import NEVER, HelpRecord
from training.judging.bootstrap import Spread, bound

if TYPE_CHECKING:
    from training.data.weeks import ListWeeks
    from training.judging.replay_figures import ReplayInput

__all__ = ["PRACTICE", "PracticeWeeks", "compare_practice", "find_practice", "measure_practice", "say_practice"]

PRACTICE = "practice"
"""The name of the council's own practice among the orderings that are compared."""

_DAY = 86_400_000_000

Float = NDArray[np.float64]
Document = Mapping[str, Any]


@dataclass(frozen=True)
class PracticeWeeks:
    """Of each row of the weeks, (rows,): help began before the next list, days until help (NaN), and who had it.

    `had`: help began within a horizon before the list, or after it and not after the need. Of each week, (weeks,):
    `events` is how often help began before the next list, `within_reach` how often for a family that a list could have
    named. `why` says why nothing can be compared.
    """

    signals: tuple[str, ...]
    helped: NDArray[np.bool_]
    days_until: NDArray[np.float32]
    had: NDArray[np.bool_]
    events: NDArray[np.int64]
    within_reach: NDArray[np.int64]
    why: str = ""

    @classmethod
    def nothing(cls, signals: tuple[str, ...], why: str) -> PracticeWeeks:
        """Return that nothing can be compared, and why."""
        none, zero = np.zeros(0, dtype=np.bool_), np.zeros(0, dtype=np.int64)
        return cls(signals, none, np.zeros(0, dtype=np.float32), none, zero, zero, why)


def find_practice(
    data: Dataset, record: HelpRecord, weeks: ListWeeks, counted: NDArray[np.bool_], apart: int
) -> PracticeWeeks:
    """Return what practice did over the weeks of a matrix; `counted` (weeks,) are those that figures are of.

    Lists are `apart` days apart. Nothing where no signal says that help began, or its record does not cover the weeks.
    """
    if not record.signals:
        return PracticeWeeks.nothing((), "no signal in [offers] helped of training.toml says that help began")
    if why := _find_gap(data, record, counted):
        return PracticeWeeks.nothing(record.signals, why)
    helped, days_until, had_before = [], [], []
    events, within_reach = (np.zeros(len(data.dates), dtype=np.int64) for _ in range(2))
    for week, day in enumerate(data.dates):
        rows, start, next_list = data.at(day), _moment(data, day), _moment(data, day) + apart * _DAY
        first = record.find_first(rows, start, to_microseconds(data.horizon_end(day)))
        came = first != NEVER
        helped.append(came & (first < next_list))
        days_until.append(np.where(came, (first - start) / _DAY, np.nan).astype(np.float32))
        had_before.append(record.find_first(rows, _moment(data, _horizon(data).before(day)), start) != NEVER)
        listable = weeks.list_of[weeks.start[week] : weeks.start[week + 1]] >= 0
        people = np.asarray(rows.person)[listable[np.asarray(rows.person_row)]]
        began = record.person[(record.began >= start) & (record.began < next_list)]
        events[week], within_reach[week] = len(began), np.isin(began, people).sum()
        rows.let_go()
    until = np.concatenate(days_until)
    came_first = np.less_equal(until, weeks.days_until, where=weeks.needed, out=np.zeros(len(until), dtype=np.bool_))
    had = np.concatenate(had_before) | came_first
    return PracticeWeeks(record.signals, np.concatenate(helped), until, had, events, within_reach)


def _find_gap(data: Dataset, record: HelpRecord, counted: NDArray[np.bool_]) -> str:
    """Return why the record of help does not cover the weeks, with a horizon before the first and after the last."""
    days = [day for day, counts in zip(data.dates, counted.tolist(), strict=True) if counts]
    begin, end = _moment(data, _horizon(data).before(days[0])), to_microseconds(data.horizon_end(days[-1]))
    services = " and ".join(sorted({signal.partition(".")[0] for signal in record.signals}))
    if not record.covered:
        return f"there is no delivery of {services}, which records help"
    if not is_covered(record.covered, begin, end):
        return f"the record of {services} does not cover a horizon before the first counted list and after the last"
    return ""


def _horizon(data: Dataset) -> Period:
    return Period.of(data.matrix.definition["outcome"]["horizon"])


def _moment(data: Dataset, day: Any) -> int:
    return to_microseconds(data.council.midnight(day))


def measure_practice(shared: ReplayInput, practice: PracticeWeeks, part: int) -> dict[str, Spread]:
    """Return practice's figures of one part of the weeks, as `replay.measure_replay` names them."""
    weeks, draws, exposure = shared.weeks, shared.draws, shared.exposure
    rows = np.flatnonzero(practice.helped & (shared.plan.part == part)[weeks.week] & (weeks.list_of >= 0))
    known = rows[weeks.labelled[rows]]
    needed = known[weeks.needed[known]]
    first = needed[np.unique(weeks.household[needed], return_index=True)[1]]  # rows are by week

    def total(which: NDArray[np.int64], weight: Float | None = None) -> Float:
        """Return the sample's total, then each draw's."""
        value = np.bincount(weeks.household[which], weights=weight, minlength=len(weeks.names)).astype(np.float64)
        return np.concatenate([[value.sum()], draws.totals(value)])

    every, spells, came = total(rows), total(known), total(needed)
    families = total(known[np.unique(weeks.household[known], return_index=True)[1]])
    before, days = total(first), total(first, weeks.days_until[first].astype(np.float64))
    years = exposure.years[part]

    def spread(top: Float, bottom: Float, rest_on: float = families[0]) -> Spread:
        share = np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom > 0)
        return Spread(np.full(draws.lotteries, share[0]), share[1:], float(rest_on))

    return {
        "needed_of_listed": spread(came, spells),
        "needed_of_families": spread(before, families),
        "listed_of_need": spread(before, exposure.in_need[:, part], float(exposure.in_need[0, part])),
        "days_before": spread(days, before, before[0]),
        "unneeded_per_1000": spread(spells - came, exposure.households[:, part] * years / 1000),
        "new_of_listed": spread(total(known[weeks.new[known]]), spells),
        "new_needed_of_listed": spread(total(needed[weeks.new[needed]]), spells),
        "places_filled": spread(every, np.full(every.shape, years)),
    }


def compare_practice(shared: ReplayInput, practice: PracticeWeeks, model: str, level: float) -> dict[str, Any]:
    """Return as JSON values what a model's lists add to practice, by period.

    listed_of_helped       of families that practice helped, the share that a list named within a horizon before
    days_sooner            from the first such listing to the help
    nobody_had_of_listed   of 100 listings, those of families with a need that nobody had helped
    nobody_had_a_year      such families, each once
    """
    document = {"why": practice.why, "signals": list(practice.signals), "model": model}
    if practice.why:
        return document | {"periods": [], "figures": []}
    # Here and not above: who only reads what came of it (a run that stands) starts without the compiler.
    from training.judging.replay_kernel import BEFORE

    weeks = shared.weeks
    every = np.ones_like(weeks.labelled)
    came = ~np.isnan(practice.days_until)
    later = _judge_by(shared, replace(weeks, labelled=every, needed=came, days_until=practice.days_until))
    alone = _judge_by(shared, replace(weeks, needed=weeks.needed & ~practice.had))
    sooner, lists = later.replay(model), alone.make_lists(model)
    nobody = alone.measure(lists)
    figures, periods = [], []
    for part, period in enumerate(shared.plan.periods):
        years, counted = shared.exposure.years[part], shared.plan.part == part
        counts = {"events": practice.events[counted], "within_reach": practice.within_reach[counted]}
        periods.append({"period": period} | {name: int(number.sum()) for name, number in counts.items()})
        by_name = {
            "listed_of_helped": sooner[period]["listed_of_need"],
            "days_sooner": sooner[period]["days_before"],
            "nobody_had_of_listed": nobody[period]["needed_of_listed"],
            "nobody_had_a_year": Spread(
                lists.expected[:, part, BEFORE] / years,
                lists.drawn[:, part, BEFORE] / years,
                float(lists.expected[:, part, BEFORE].mean()),
            ),
        }
        for name, spread in by_name.items():
            ends = zip(("estimate", "low", "high"), bound(spread, level), strict=True)
            figures.append({"period": period, "measure": name, **dict(ends)})
    return document | {"periods": periods, "figures": figures}


def _judge_by(shared: ReplayInput, weeks: ListWeeks) -> ReplayInput:
    """Return the same lists judged by what else came of their rows."""
    exposure = type(shared.exposure).of(weeks, shared.plan.part, shared.draws, shared.rules.apart)
    return replace(shared, weeks=weeks, exposure=exposure)


def say_practice(document: Document, title: str, period: str, whom: str = "families") -> list[str]:
    """Return what lists of the model called `title` add to the council's own practice, over a period, of `whom`."""
    if document["why"]:
        return [f"Lists are not set beside the council's own practice: {document['why']}."]
    by_name = {figure["measure"]: figure for figure in document["figures"] if figure["period"] == period}
    helped, days, nobody, yearly = by_name.values()
    count = next(row for row in document["periods"] if row["period"] == period)
    named = _name_signals(document["signals"])
    sentences = [
        f"Beside the council's own practice ({named}): help began {count['events']:,} times"
        f" in these weeks, {count['within_reach']:,} of them for {whom} that a list could have named.",
        f"By {title} {_in_hundred(helped)} of 100 {whom} that practice helped would have been listed before"
        f"{_say_days(days)}.",
        f"Of 100 listed, {_in_hundred(nobody)} had a need recorded and nobody had helped them:"
        f" {_say_number(yearly)} {whom} a year.",
        f"Help may have prevented the needs of those who had it, and they count here as {whom} without a need.",
    ]
    return [" ".join(sentences)]


def _name_signals(signals: Sequence[str]) -> str:
    return ", ".join(signal.replace(".", ": ").replace("_", " ") for signal in signals)


def _say_days(days: Document) -> str:
    return f", {_say_number(days)} days sooner on average" if days["estimate"] is not None else ""


def _in_hundred(figure: Document) -> str:
    if figure["estimate"] is None:
        return "nobody can tell how many"
    if figure["low"] is None:
        return f"{100 * figure['estimate']:.1f}"
    return f"{100 * figure['estimate']:.1f} ({100 * figure['low']:.1f} to {100 * figure['high']:.1f})"


def _say_number(figure: Document) -> str:
    if figure["estimate"] is None:
        return "nobody can tell how many"
    if figure["low"] is None:
        return f"{figure['estimate']:.0f}"
    return f"{figure['estimate']:.0f} ({figure['low']:.0f} to {figure['high']:.0f})"
