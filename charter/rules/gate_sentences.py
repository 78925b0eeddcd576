"""A gate's answer in words: the figure with its direction and size, then the answer with the reason decided on.

    Black (ethnicity): the share of those with a later need who were on a worklist (recall) is 5.0 % against 25.0 % of
    everyone else, a ratio of 0.20 (95 % interval 0.15 to 0.27), 80 % less. Fails: the whole interval is below the limit
    of 0.8: missed help.

A ratio of 1.77 (1.04 to 3.00) under a limit of 1.25 is "77 % more", and "above the limit of 1.25, but the interval
reaches below it": nothing here reads alike of it and of 0.99.
"""

from __future__ import annotations

import math
from calendar import month_name
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from charter.rules import measures
from charter.rules.questions import MEASURES, NOT_SHARES, Gate

__all__ = [
    "REASONS",
    "Reason",
    "say_day",
    "say_due",
    "say_figure",
    "say_group",
    "say_harm",
    "say_reason",
    "say_visible_gap",
]

REASONS = {
    "limit": "the limit decides",
    "bound": "the bound on the figure itself decides",
    "beyond unsure": "beyond the limit, but the interval reaches within it",
    "within unsure": "within the limit, but the interval reaches beyond it",
    "chance": "beyond the limit, but some group may be so by chance",
    "holm": "beyond the limit, but some group may be so by chance",
    "unsure of bound": "a figure is not sure to keep its bound",
    "no interval": "there is no interval to tell by",
    "no better off": "the gap closed and the group is no better off",
    "too few": "too few to tell",
    "not asked": "too few for a gap to be found more often than not, so it is not asked about",
    "not recorded": "whose group nobody recorded, so they are not asked about",
    "no lists": "the run left no lists as they are used",
    "caveat": "the charter says that it says nothing of the group",
    "no finding": "nothing was found out",
    "not needed": "a service's data that the list does without",
    "piece not needed": "a piece of data that the list does without",
    "not shown": "a service's data that is not shown to help",
    "carried": "one part carries the order",
}
"""What an answer was decided on, by its word in decision.json, as a list of answers says it."""


@dataclass(frozen=True)
class Reason:
    """What an answer was decided on (of REASONS), and the figures that decided.

    `rest` where it was everyone else's own figure; `by_chance` how often a fair list would be blocked by somebody so
    far apart, of all the gate's `comparisons`, each one group of one question beside everyone else.
    """

    id: str
    rest: bool = False
    by_chance: float = 1.0
    comparisons: int = 1


def say_group(gate: Gate, finding: Mapping[str, Any]) -> str:
    """Name the group and the measure, without a figure: of a handful of households one would say something."""
    return f"{finding['group']} ({gate.characteristic}): {MEASURES[gate.measure]} ({gate.measure})"


def say_figure(gate: Gate, finding: Mapping[str, Any]) -> str:
    """Say group, measure, both sides, the gap with its interval, its direction and its size."""
    rest = finding.get("rest") or {}
    value, interval = finding[gate.statistic], finding[f"{gate.statistic}_interval"]
    between = "no interval" if interval is None else f"95 % interval {_say_ends(interval)}"
    return (
        f"{say_group(gate, finding)} is {_say_own(gate, finding.get('estimate'))} against"
        f" {_say_own(gate, rest.get('estimate'))} of everyone else, a {gate.statistic} of {_say_number(value)}"
        f" ({between}){_say_size(gate, value)}"
    )


def say_reason(gate: Gate, finding: Mapping[str, Any], verdict: str, reason: Reason) -> str:
    """Say an answer with what it was decided on: one sentence that needs no other to be understood."""
    beyond, within = ("below", "above") if gate.at_least else ("above", "below")
    limit = f"the limit of {gate.limit:g}"
    if verdict == "pass":
        return f"Passes: the whole interval keeps {limit}, and both figures keep the bound of {_say_bound(gate)}."
    if reason.id == "limit":
        return (
            f"Fails: it is {beyond} {limit} by more than chance; at the limit so bad a figure comes up in less than 5"
            f" of 100, and {_say_alike(reason)} chance would block less than 5 of 100 lists: {gate.harm}."
        )
    figure = _say_bounded(gate, finding, rest=reason.rest)
    if reason.id == "bound":
        return f"Fails: {figure} is wholly {beyond} {_say_bound(gate)}, the bound on the figure itself: {gate.harm}."
    why = {
        "beyond unsure": f"it is {beyond} {limit}, but the interval reaches {within} it",
        "within unsure": f"it keeps {limit}, but the interval reaches {beyond} it",
        "chance": f"it is {beyond} {limit}, but {_say_alike(reason)} chance would block"
        f" {100 * reason.by_chance:.0f} of 100 lists by somebody so far apart, and failing asks for less than 5",
        "not asked": "so few that no gap would be found more often than not, so it is not asked about",
        "not recorded": "nobody recorded their group, so the charter does not ask about them",
        "no lists": str(finding.get("note")).rstrip("."),
        "unsure of bound": f"the interval keeps {limit}, but {figure} is not sure to be {within} {_say_bound(gate)},"
        " the bound on the figure itself",
        "no better off": "the gap closed since it failed, but the group itself is no better off than it was",
        "no interval": "there is no interval to tell by",
        "too few": f"fewer on one side than the {gate.minimum_positives} that an answer needs",
    }[reason.id]
    return f"Cannot be told: {why}."


def _say_alike(reason: Reason) -> str:
    if reason.comparisons > 1:
        return f"were all {reason.comparisons} comparisons of the gate alike,"
    return "were the group as everyone else,"


def say_visible_gap(gate: Gate, gap: float | None, comparisons: int) -> str:
    """Say which gap would have failed four times in five, if any would."""
    of = f", as one of {comparisons} comparisons," if comparisons > 1 else ""
    if gap is None:
        return f" With so little data{of} no gap, however large, would have failed four times in five."
    less = "less" if gate.at_least else "more"
    return f" A {gate.statistic} of {gap:.2f} or {less}{of} would have failed four times in five."


def say_due(due: date | None) -> str:
    """Say when enough data is due."""
    return " Enough data is not due within ten years." if due is None else f" Enough data is due by {say_day(due)}."


def say_day(day: date) -> str:
    """Say a day as people here write it: 3 October 2026."""
    return f"{day.day} {month_name[day.month]} {day.year}"


def say_harm(series: Mapping[str, Any]) -> str:
    """Say of a watched question and group since when it is beyond its limit, and what can be believed at every look."""
    low, high = series["interval"] or (None, None)
    fewer = series["limit"] < (1 if series["statistic"] == "ratio" else 0)
    facing, most, beyond = (high, "at most", "below") if fewer else (low, "at least", "above")
    believed = "" if facing is None else f", and {most} {facing:.2f} at whatever list one looks"
    return (
        f"Watched at every list, {series['group']} ({series['characteristic']}) fares worse than the limit since"
        f" {say_day(date.fromisoformat(series['alarm']))}: {MEASURES[series['measure']]} ({series['measure']}) is at a"
        f" {series['statistic']} of {_say_number(series['value'])} to everyone else{believed}, {beyond} the limit of"
        f" {series['limit']:g}: {series['harm']}."
    )


def _say_bounded(gate: Gate, finding: Mapping[str, Any], *, rest: bool) -> str:
    """Say the figure that the bound is about, with its interval."""
    side = (finding.get("rest") or {}) if rest else finding
    whose = "everyone else's own figure" if rest else "the group's own figure"
    interval = side.get("interval")
    between = "" if interval is None else f" ({' to '.join(_say_own(gate, end) for end in interval)})"
    return f"{whose}, {_say_own(gate, side.get('estimate'))}{between},"


def _say_bound(gate: Gate) -> str:
    """Say the bound on the figure itself, and which overall rate it follows, if it does."""
    if gate.of_overall is None:
        return f"{gate.bound:g}"
    rate = MEASURES[measures.MEASURES[gate.measure].overall]
    times = f"{gate.of_overall:g} times {rate}, over everybody"
    return times if math.isnan(gate.bound) else f"{gate.bound:.2g} ({times})"


def _say_size(gate: Gate, value: float | None) -> str:
    """Say how much more or less it is: ", 80 % less"; of a difference of shares in points."""
    if value is None:
        return ""
    if gate.statistic == "ratio":
        amount, unit, more = f"{abs(100 * (value - 1)):.0f}", " %", value > 1
    elif gate.measure in NOT_SHARES:
        amount, unit, more = f"{abs(value):.2f}", "", value > 0
    else:
        amount, unit, more = f"{abs(100 * value):.1f}", " points", value > 0
    return f", {amount}{unit} {'more' if more else 'less'}" if float(amount) else ", as good as the same"


def _say_own(gate: Gate, estimate: float | None) -> str:
    """Say one side's own figure: a share in hundredths."""
    return _say_number(estimate) if estimate is None or gate.measure in NOT_SHARES else f"{100 * estimate:.1f} %"


def _say_ends(interval: Sequence[float | None]) -> str:
    return " to ".join("no end" if end is None else _say_number(end) for end in interval)


def _say_number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.2f}"
