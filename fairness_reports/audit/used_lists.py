"""Lists as they are used, by group: of those in need who was listed before, in vain, and how many days before.

    those in need   one row for each audited person whose household came to be in need within the weeks counted
    everybody       one row for each audited person and each week's list

Households are drawn again, each with all its people and weeks. Training's own figures are of families; these are of the
people in them, as every figure of the audit is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charter.rules.measures import AS_USED, CELLS, USED
from fairness_reports.audit.measuring.disparities import Side
from fairness_reports.audit.measuring.findings import (
    About,
    list_findings,
    measure_tally,
    measure_whole_tally,
    write_figure,
)
from fairness_reports.audit.measuring.means import average_everyone, average_groups
from fairness_reports.audit.measuring.tally import Grouping, Tally
from fairness_reports.audit.population.replayed_people import ReplayedPeople, UsedLists

__all__ = ["describe_used_lists", "measure_used_lists", "write_unmeasured"]

Floats = NDArray[np.float64]

_TN, _FP, _FN, _TP, _OFF, _ON = range(CELLS)
_OF_NEED = ("listed_before_need",)
_OF_WEEKS = ("unneeded_listings", "listings", "needed_of_listed")
_OF_PEOPLE = ("listed_at_all",)
PEOPLE_A_YEAR = 1000


def measure_used_lists(
    people: ReplayedPeople, groups: Mapping[str, Grouping], model: str, *, resamples: int, seed: int
) -> list[dict[str, Any]]:
    """Return the findings of one model's lists as they are used, for everybody and for every group."""
    lists = people.lists_of(model)
    about = About("", None, model, AS_USED)
    everyone = Grouping(np.zeros(len(people.household), dtype=np.int64), ("everyone",))
    rows: list[dict[str, Any]] = []
    for name, grouping in {"": everyone, **groups}.items():
        of = about.of_group(name or None, None)
        for measures, chosen, cells, draws in _spread_over_cells(people, lists):
            code = Grouping(grouping.code[chosen], grouping.names)
            tally = Tally.of_cells(people.household[chosen], code, cells)
            measure = measure_tally if name else measure_whole_tally
            chosen_measures = [USED[measure_id] for measure_id in measures]
            rows += measure(tally, chosen_measures, of, resamples=resamples if draws else 0, seed=seed)
        rows += _average_days(people, lists, grouping if name else None, of)
    return [_scale_rate(row, PEOPLE_A_YEAR * people.lists_a_year) for row in rows]


def _spread_over_cells(
    people: ReplayedPeople, lists: UsedLists
) -> list[tuple[tuple[str, ...], NDArray[np.int64], Floats, bool]]:
    """Return what each kind of row measures, whose rows they are, their cells (rows, CELLS), and whether to draw.

    Of 104 lists from which a horizon is known 60 are within one of a need: a household on 3 of those and on 1 other is
    3 TP, 57 FN, 1 FP and 43 TN. Rates have so many rows that their closed forms are as good as drawing.
    """
    of = people.household
    in_need = np.flatnonzero(people.in_need[of])
    every = np.arange(len(of))
    before = lists.before[of[in_need]]
    need_cells = np.zeros((len(in_need), CELLS))
    need_cells[:, _TP], need_cells[:, _FN] = before, 1 - before
    week_cells = np.zeros((len(of), CELLS))
    week_cells[:, _TP], week_cells[:, _FP] = lists.needed[of], lists.unneeded[of]
    week_cells[:, _FN] = people.needed[of] - lists.needed[of]
    week_cells[:, _TN] = people.known[of] - people.needed[of] - lists.unneeded[of]
    week_cells[:, _ON] = lists.unknown[of]
    week_cells[:, _OFF] = people.lists[of] - people.known[of] - lists.unknown[of]
    people_cells = np.zeros((len(of), CELLS))
    people_cells[:, _ON], people_cells[:, _OFF] = lists.ever[of], 1 - lists.ever[of]
    return [
        (_OF_NEED, in_need, need_cells, True),
        (_OF_WEEKS, every, week_cells, False),
        (_OF_PEOPLE, every, people_cells, False),
    ]


def _average_days(
    people: ReplayedPeople, lists: UsedLists, grouping: Grouping | None, about: About
) -> list[dict[str, Any]]:
    """Return the days from the first listing to the need, among those who were listed before it."""
    of = people.household
    days, before = lists.days[of], lists.before[of]
    of_days = about.of_measure("days_before")
    if grouping is None:
        return [write_figure(of_days, average_everyone(of, days, before), labelled=False)]
    return list_findings(of_days, average_groups(of, grouping, days, before))


def _scale_rate(row: dict[str, Any], factor: float) -> dict[str, Any]:
    """Return a rate for one person and list as one for 1,000 people and a year; other findings as they are."""
    if not USED[row["measure"]].rate:
        return row

    def scale(value: Any) -> Any:
        if isinstance(value, list):
            return [scale(end) for end in value]
        return None if value is None else value * factor

    scaled: dict[str, Any] = {
        name: scale(row[name]) for name in ("estimate", "interval", "difference", "difference_interval") if name in row
    }
    rest = row.get("rest")
    if rest:
        scaled["rest"] = rest | {name: scale(rest[name]) for name in ("estimate", "interval")}
    return row | scaled


def write_unmeasured(groups: Mapping[str, Grouping], model: str, why: str) -> list[dict[str, Any]]:
    """Return findings without any figure, for every group and measure that a gate may ask: there are no such lists."""
    nobody = Side(None, None, 0, 0, 0, 0)
    rows = []
    for name, grouping in groups.items():
        for measure in USED.values():
            for group in grouping.names if measure.asked else ():
                about = About(measure.id, name, model, AS_USED, note=why, group=group)
                row = write_figure(about, nobody)
                row |= {"rest": {"estimate": None, "interval": None, "n": 0, "positives": None, "clusters": 0}}
                row |= dict.fromkeys(("difference", "difference_interval", "ratio", "ratio_interval"))
                rows.append(row)
    return rows


def describe_used_lists(people: ReplayedPeople | str) -> dict[str, Any]:
    """Return what a findings document says of the weeks, or why there are none."""
    if isinstance(people, str):
        return {"why": people}
    return {
        "why": "",
        "first": people.first.isoformat(),
        "last": people.last.isoformat(),
        "days": people.days,
        "lists": people.days // people.apart,
        "days_apart": people.apart,
        "drawings": people.drawings,
        "models": list(people.models),
    }
