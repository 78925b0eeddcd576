"""What each question of the charter could answer at this council's size, before anything is trained or signed.

Households, their needs, their groups and the teams' places are real; how good the lists are is assumed (`Listings`), or
taken from the newest run that replayed its weeks. Whether needs are recorded alike is no matter of lists, and follows
from how many independent signs of need there are (recorded_plan.py). Nobody is treated differently in what is planned.
For each group:

    found     how often the question would find it, were its figure half of everyone else's (or double)
    best      how often any test at all could, that blocks as few lists with the group at the limit, and as few fair
              ones by this group, where all groups of the gate share alike in the 5 of 100: where this is low no charter
              can help, and only more lists, groups put together or a wider margin can
    alone     the same of a question that is the only one, of the only group
    passes    how often it would pass where nobody is treated differently

    sooner audit plan
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from statistics import NormalDist
from textwrap import wrap
from typing import Any, NamedTuple

from charter.contracts.files import find_current
from charter.contracts.matrix import Matrix
from charter.errors import UsageError
from charter.invocation import Invocation
from charter.rules.certainty.failing import ERROR, Z
from charter.rules.certainty.fair_chances import Chances, Null
from charter.rules.certainty.outcomes import Sizes
from charter.rules.certainty.power import (
    OFTEN,
    find_best_pass,
    find_best_power,
    find_pass_chance,
    find_power,
    find_power_of_average,
    find_worse,
)
from charter.rules.certainty.visible_gap import POWER
from charter.rules.measures import AS_USED, MEASURES, SHARES
from charter.rules.questions import Gate
from fairness_reports.audit.planned_borough import LONGEST, Borough, read_borough
from fairness_reports.audit.recorded_plan import GROWTH, list_recorded_nulls, plan_recorded

__all__ = ["describe_plan", "plan_borough", "plan_gate", "plan_questions", "read_newest"]

FEWEST = 10
"""Households below which not even their number is told."""

LIMITS = {True: (0.9, 0.8, 0.67), False: (1.25, 1.5, 2.0)}
"""The three limits that are worked out for members, of a ratio that must be at least and of one that may be at most."""

_SPREAD_OF_DAYS = 0.6
"""The days before a need spread by so much of their mean, in every run measured."""


class Stated(NamedTuple):
    """What the plan states of one group: how often a large gap is found, at best, and alone; a fair list passes."""

    found: float
    best: float
    best_alone: float
    passes: float
    best_passes: float


def plan_questions(invocation: Invocation) -> list[dict[str, Any]]:
    """Return each question of the test stage about lists as they are used, with its groups and their power.

    Uses the newest matrix. Raises UsageError where there is none, or no date whose outcomes are known. Questions about
    what does not depend on any order are named as not planned.
    """
    return plan_borough(invocation, read_newest(invocation))


def read_newest(invocation: Invocation) -> Borough:
    """Return what the plan knows of the council by its newest matrix; raise UsageError where there is none."""
    folder = find_current(invocation.workspace.matrix)
    if folder is None:
        raise UsageError(f"there is no matrix of {invocation.programme} to plan an audit on.", "Run `sooner build`.")
    return read_borough(Matrix.open(folder), invocation)


def plan_borough(invocation: Invocation, borough: Borough) -> list[dict[str, Any]]:
    """Return the plan of the first gate's questions for what is known of a council."""
    gates = [gate for gate in invocation.policy.asked("test") if not gate.of_pair]
    return plan_gate(gates, borough, invocation.policy.not_recorded)


def plan_gate(gates: Sequence[Gate], borough: Borough, not_recorded: str) -> list[dict[str, Any]]:
    """Return what each question of one gate could answer: what is chance is asked of all of them together."""

    @cache
    def rarity(times: float) -> float:
        nulls = [null for gate in gates for null in _list_nulls(gate, borough, not_recorded, times)]
        return Chances(nulls).rarity

    return [_plan_question(gate, borough, not_recorded, rarity) for gate in gates]


def _list_nulls(gate: Gate, borough: Borough, not_recorded: str, times: float) -> list[Null]:
    """Return what chance could make of each group that a question may fail, with so many times the data."""
    signs = borough.signs_for(gate)
    if signs is not None:
        return list_recorded_nulls(gate, signs.grown(times), not_recorded)
    if MEASURES[gate.measure].at != AS_USED:
        return []
    nulls = []
    for name in _list_names(gate, borough, not_recorded):
        sizes = borough.size(gate, name)
        if sizes is None or borough.households_of(gate).get(name, 0) * times < gate.minimum_positives:
            continue
        grown = sizes.grown(times)
        if gate.measure == "days_before":
            nulls.append(Null.of_average(gate, _spread_days(grown), _count_listed(grown)))
        else:
            nulls.append(Null.of_counts(gate, grown))
    return nulls


def _list_names(gate: Gate, borough: Borough, not_recorded: str) -> list[str]:
    return [name for name in borough.households[gate.characteristic] if gate.ask_not_recorded or name != not_recorded]


def _plan_question(gate: Gate, borough: Borough, not_recorded: str, rarity: Callable[[float], float]) -> dict[str, Any]:
    """Return what one question could answer of each of its groups, and what it could with other limits."""
    row: dict[str, Any] = {"gate": gate.id, "question": gate.question, "measure": gate.measure, "limit": gate.limit}
    signs = borough.signs_for(gate)
    if signs is not None:
        rows = plan_recorded(gate, signs, borough.years, not_recorded, rarity)
        return row | _describe_question(borough, rows) | {"choices": []}
    if MEASURES[gate.measure].at != AS_USED:
        why = (
            "it is about lists of isolated dates, which nobody works"
            if gate.measure in SHARES
            else "what it asks about does not depend on any list"
        )
        return row | {"planned": False, "why": why, "groups": []}
    names = _list_names(gate, borough, not_recorded)
    groups = [_plan_group(gate, borough, name, rarity) for name in names]
    choices = [_work_choice(gate, borough, limit, names) for limit in LIMITS[gate.at_least]]
    return row | _describe_question(borough, groups) | {"choices": choices}


def _describe_question(borough: Borough, groups: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    asked = [group for group in groups if group["asked"]]
    return {
        "planned": True,
        "assumed": None if borough.listings.measured else borough.listings.precise,
        "years": round(borough.years, 2),
        "groups": groups,
        "found": min((group["found"] for group in asked), default=None),
        "best": min((group["best"] for group in asked), default=None),
        "passes": math.prod(group["passes"] for group in asked) if asked else None,
        "best_passes": min((group["best_passes"] for group in asked), default=None),
        "advice": _advise(groups, asked),
    }


def _plan_group(gate: Gate, borough: Borough, name: str, rarity: Callable[[float], float]) -> dict[str, Any]:
    sizes, gap = borough.size(gate, name), find_worse(gate)
    row: dict[str, Any] = {"group": name, "households": borough.households_of(gate).get(name, 0)}
    if sizes is None or row["households"] < max(gate.minimum_positives, 1):
        return row | {
            "asked": False,
            "found": 0.0,
            "best": 0.0,
            "best_alone": 0.0,
            "passes": 0.0,
            "best_passes": 0.0,
            "years_to_find": None,
        }
    power = _power_of_days if gate.measure == "days_before" else _power_of_shares
    stated = power(gate, sizes, gap, rarity(1.0))
    grown = next((k for k in GROWTH if power(gate, sizes.grown(k), gap, rarity(k)).found >= POWER), None)
    return row | {
        "asked": gate.too_few == "refer" or stated.found >= OFTEN,
        **stated._asdict(),
        "years_to_find": None if grown is None else round(grown * borough.years, 1),
    }


def _power_of_shares(gate: Gate, sizes: Sizes, gap: float, rarity: float) -> Stated:
    power, alone = find_power(gate, sizes, gap, rarity), find_best_power(gate, sizes, gap)
    # Told from everybody alike as rarely by chance as the gate asks, and from the limit: the harder of the two.
    of_equals = find_best_power(gate.model_copy(update={"limit": gate.neutral}), sizes, gap, rarity)
    best = max(min(alone, of_equals), power)
    return Stated(power, best, max(alone, power), find_pass_chance(gate, sizes), find_best_pass(gate, sizes))


def _power_of_days(gate: Gate, sizes: Sizes, gap: float, rarity: float) -> Stated:
    """Return the same of an average by the normal curve, which there is the best any test can do."""
    error = _spread_days(sizes)
    found = find_power_of_average(gate, error, _count_listed(sizes), gap, rarity)
    passes = NormalDist().cdf(abs(math.log(gate.limit)) / error - Z)
    return Stated(found, found, found, passes, passes)


def _spread_days(sizes: Sizes) -> float:
    """Return the standard error of the logarithm of a ratio of days, of those who are listed."""
    listed = (sizes.people * sizes.share, sizes.rest * sizes.share)
    return _SPREAD_OF_DAYS * math.sqrt(sum(1 / max(count, 1e-9) for count in listed))


def _count_listed(sizes: Sizes) -> int:
    return round(min(sizes.people, sizes.rest) * sizes.share)


def _work_choice(gate: Gate, borough: Borough, limit: float, names: Sequence[str]) -> dict[str, Any]:
    """Return what another limit is as a difference and in families a year, and how often a fair list would pass."""
    asked = gate.model_copy(update={"limit": limit})
    largest = max(names, key=lambda name: borough.households[gate.characteristic][name])
    others = [name for name in names if name != largest] or list(names)
    middle = sorted(others, key=lambda name: borough.households[gate.characteristic][name])[len(others) // 2]
    sizes = borough.size(asked, middle)
    row: dict[str, Any] = {"limit": limit, "group": middle, "difference": None, "families_a_year": None, "passes": None}
    if sizes is None:
        return row
    if gate.measure == "days_before":
        return row | {"passes": _power_of_days(asked, sizes, find_worse(asked), ERROR).passes}
    gap = abs(limit - 1) * sizes.share
    yearly = gap * sizes.people / borough.years
    return row | {"difference": gap, "families_a_year": yearly, "passes": find_pass_chance(asked, sizes)}


def _advise(groups: Sequence[Mapping[str, Any]], asked: Sequence[Mapping[str, Any]]) -> str:
    """Say what a board should do about a question, in one or two sentences."""
    weak = [group for group in asked if group["found"] < POWER]
    left_out = [group["group"] for group in groups if not group["asked"]]
    words = []
    if not asked:
        words.append(
            "This question cannot be answered at this size: a large gap would be found in no group more often than not."
        )
    elif weak:
        words.append(f"It would miss a large gap more than once in five for {_name(g['group'] for g in weak)}.")
    else:
        words.append("It can be answered: a large gap would be found at least four times in five.")
    if left_out and asked:
        words.append(f"It cannot ask about {_name(left_out)}.")
    if weak or left_out:
        waits = [group["years_to_find"] for group in (*weak, *(g for g in groups if not g["asked"]))]
        longest = None if None in waits else max(waits, default=None)
        if longest is not None and longest <= LONGEST:
            words.append(f"{longest:g} years of lists would do.")
        else:
            words.append(
                "More lists alone will not do within the two years that are replayed: put groups together in"
                " [[audit.characteristic]], accept a wider margin, or look at the order below the line."
            )
    return " ".join(words)


def _name(names: Any) -> str:
    return ", ".join(names)


def describe_plan(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the plan as lines for a terminal."""
    lines: list[str] = []
    for row in rows:
        lines += wrap(row["question"], 108)
        if not row["planned"]:
            lines += [f"  not planned: {row['why']}.", ""]
            continue
        lines.append(f"  {'group':<16} {'homes':>9} {'found':>7} {'best':>6} {'passes':>7} {'best':>6}  80 % after")
        lines += [_describe_group(group) for group in row["groups"]]
        lines += [_describe_choice(choice) for choice in row["choices"] if choice["families_a_year"] is not None]
        lines += [*wrap(row["advice"], 108, initial_indent="  ", subsequent_indent="  "), ""]
    assumed = next((row["assumed"] for row in rows if row["planned"]), None)
    if assumed is not None:
        lines.append(f"Assumed: {100 * assumed:.0f} of 100 listed have a need; a trained run is measured instead.")
    return "\n".join(lines).rstrip()


def _describe_choice(choice: Mapping[str, Any]) -> str:
    return (
        f"  limit {choice['limit']:g}: {100 * choice['difference']:.2g} points, {choice['families_a_year']:.1f} a year"
        f" ({choice['group']}); a fair list passes {100 * choice['passes']:.0f} in 100"
    )


def _describe_group(group: Mapping[str, Any]) -> str:
    homes = f"{group['households']:,}" if group["households"] >= FEWEST else f"under {FEWEST}"
    cells = [f"{100 * group[name]:.0f} %" for name in ("found", "best", "passes", "best_passes")]
    years = group["years_to_find"]
    after = "now" if group["found"] >= POWER else "–" if years is None else f"{years:g} years"
    mark = "" if group["asked"] else "  not asked about"
    return (
        f"  {group['group'][:16]:<16} {homes:>9} {cells[0]:>7} {cells[1]:>6} {cells[2]:>7} {cells[3]:>6}  {after}{mark}"
    )
