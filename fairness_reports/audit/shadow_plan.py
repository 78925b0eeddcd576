"""What each question of the second gate could answer after so many weeks in shadow, before anything is signed.

In shadow nobody decides on anybody, so whoever is on a list mostly is on the next: nine weekly lists say what two or
three that hold other families would. Reviewers judge a few cases of each. For each group:

    found    how often the question would find it, were it well beyond the limit (`find_worse`)
    passes   how often it would pass where nobody is treated differently
    weeks    after how many weeks it would be found four times in five; None: not within two years

How well services see people is asked of everybody, listed or not, and is no matter of weeks: it is not planned.

    sooner audit plan
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from textwrap import wrap
from typing import Any

from charter.invocation import Invocation
from charter.rules.certainty.fair_chances import Chances, Null
from charter.rules.certainty.outcomes import Sizes
from charter.rules.certainty.power import find_pass_chance, find_power, find_worse
from charter.rules.certainty.visible_gap import POWER
from charter.rules.questions import Gate
from fairness_reports.audit.planned_borough import Borough

__all__ = ["AGAINST", "STAYS", "Reviewing", "describe_shadow", "plan_shadow", "read_reviewing"]

STAYS = 0.9
"""Of those on a list, the share that is on one a week later, where nobody has decided anything: assumed."""

AGAINST = 0.4
"""Of listed cases that reviewers judge blind, the share that they would not help: assumed."""

LONGER = (8, 13, 26, 52, 104)
"""Weeks in shadow that are tried."""

_WEEK = 7
_MEASURES = ("selection_rate", "kept", "overridden", "listed_of_reviewed")


@dataclass(frozen=True)
class Reviewing:
    """Lists in shadow for so many weeks, `apart` days one from the next: all teams' places on each, and what is judged.

    `listed` and `below` are the cases that reviewers judge of all teams' lists, and from below their lines.
    """

    weeks: int
    apart: int
    places: int
    listed: int
    below: int

    @property
    def lists(self) -> int:
        """How many lists there are, the first and the last day's among them."""
        return _WEEK * self.weeks // self.apart + 1

    @property
    def stays(self) -> float:
        """The share of a list that is on the next one."""
        return float(STAYS ** (self.apart / _WEEK))

    @property
    def repeated(self) -> float:
        """How many listings say as much as one: of lists that are all alike, as many as there are."""
        later = range(1, self.lists)
        return 1 + 2 * sum((1 - number / self.lists) * self.stays**number for number in later)


def read_reviewing(invocation: Invocation, borough: Borough) -> Reviewing:
    """Return the lists that a council would have in shadow, and how many cases of each its reviewers judge."""
    worklist = invocation.settings.worklist
    places = round(borough.places_a_year / borough.lists_a_year)
    teams = len(invocation.council.teams)
    return Reviewing(
        weeks=invocation.policy.live.shadow_weeks,
        apart=worklist.list.days,
        places=places,
        listed=min(teams * worklist.blind_review.listed, places),
        below=teams * worklist.second_look.below,
    )


def plan_shadow(gates: Sequence[Gate], borough: Borough, shadow: Reviewing, not_recorded: str) -> list[dict[str, Any]]:
    """Return each question about issued lists with how often it would find each group, and pass a fair list."""
    about_lists = [gate for gate in gates if gate.measure in _MEASURES]
    by_weeks = {weeks: _find_all(about_lists, borough, replace(shadow, weeks=weeks), not_recorded) for weeks in LONGER}
    now = _find_all(about_lists, borough, shadow, not_recorded)
    return [
        {
            "gate": gate.id,
            "question": gate.question,
            "measure": gate.measure,
            "groups": [
                {"group": group, "found": power, "passes": passes}
                | {"weeks": next((weeks for weeks in LONGER if by_weeks[weeks][gate.id, group][0] >= POWER), None)}
                for group, (power, passes) in (
                    (group, now[gate.id, group]) for group in _list_groups(gate, borough, not_recorded)
                )
            ],
        }
        for gate in about_lists
    ]


def _list_groups(gate: Gate, borough: Borough, not_recorded: str) -> list[str]:
    return [
        group for group in borough.households[gate.characteristic] if gate.ask_not_recorded or group != not_recorded
    ]


def _find_all(
    gates: Sequence[Gate], borough: Borough, shadow: Reviewing, not_recorded: str
) -> Mapping[tuple[str, str], tuple[float, float]]:
    """Return how often each group of each question would be found, and pass; chance is asked of all together."""
    sizes = {
        (gate, group): _size(gate, borough.households[gate.characteristic][group], borough, shadow)
        for gate in gates
        for group in _list_groups(gate, borough, not_recorded)
    }
    rarity = Chances([Null.of_counts(gate, size) for (gate, _), size in sizes.items() if size is not None]).rarity
    return {
        (gate.id, group): (0.0, 0.0)
        if size is None
        else (find_power(gate, size, find_worse(gate), rarity), find_pass_chance(gate, size))
        for (gate, group), size in sizes.items()
    }


def _size(gate: Gate, homes: int, borough: Borough, shadow: Reviewing) -> Sizes | None:
    """Return both sides' sizes of a question about issued lists; None where fewer are judged than the charter asks."""
    others = borough.everybody - homes
    if homes < 1 or others < 1:
        return None
    if gate.measure == "selection_rate":
        lists_worth = borough.worth * shadow.lists / shadow.repeated
        return _weigh(homes * lists_worth, others * lists_worth, shadow.places / borough.everybody)
    judged = shadow.listed + shadow.below
    cases, share = {
        "kept": (shadow.places, shadow.stays),
        "overridden": (shadow.listed, AGAINST),
        "listed_of_reviewed": (judged * (1 - AGAINST), shadow.listed / max(judged, 1)),
    }[gate.measure]
    # Whoever stays listed is the same household again: of it nothing new is learned.
    different = cases * (1 + (shadow.lists - 1) * (1 - shadow.stays))
    mine, rest = (different * part / borough.everybody for part in (homes, others))
    if min(mine, rest) < gate.minimum_positives:
        return None
    return _weigh(mine * borough.worth, rest * borough.worth, share)


def _weigh(people: float, rest: float, share: float) -> Sizes:
    return Sizes(max(round(people), 1), max(round(rest), 1), min(share, 0.99))


def describe_shadow(rows: Sequence[Mapping[str, Any]], shadow: Reviewing) -> str:
    """Return the plan of the second gate as lines for a terminal."""
    lines = [
        f"In shadow: {shadow.weeks} weeks, {shadow.lists} lists of {shadow.places} places, of each {shadow.listed}"
        f" cases judged blind and {shadow.below} from below the line.",
        "",
    ]
    for row in rows:
        lines += wrap(row["question"], 108)
        lines.append(f"  {'group':<16} {'found':>7} {'passes':>7}  80 % after")
        lines += [_describe_group(group) for group in row["groups"]]
        lines.append("")
    lines.append(
        f"Assumed: of those listed {100 * STAYS:.0f} in 100 are still listed a week later, and of those judged"
        f" {100 * AGAINST:.0f} in 100 would not be helped."
    )
    return "\n".join(lines)


def _describe_group(group: Mapping[str, Any]) -> str:
    after = "–" if group["weeks"] is None else f"{group['weeks']} weeks"
    return f"  {group['group'][:16]:<16} {100 * group['found']:>5.0f} % {100 * group['passes']:>5.0f} %  {after}"
