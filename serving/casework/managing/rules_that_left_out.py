"""How many households each rule kept off the newest lists: counts over all teams, of no household in particular.

list of 28 September    12 somebody works with already, 3 rest after a decision, 1 on another programme's list
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from serving.casework.view import STATUS
from serving.desk import Desk
from serving.ranking.elsewhere import LISTED
from serving.store.issued import NOT_BEGUN, WITH_WORKER

__all__ = ["LeftOut", "count_left_out"]

_RULES = {
    WITH_WORKER: "Somebody works with them already ([leave_out] of worklist.toml)",
    NOT_BEGUN: "Lists have not begun where they live (a stepped trial)",
    LISTED: "On another programme’s list that was made first",
}


@dataclass(frozen=True)
class LeftOut:
    """A rule in words, and how many households it kept off the newest list of their team."""

    rule: str
    households: int


def count_left_out(desk: Desk) -> list[LeftOut]:
    """Return each rule that left somebody out of a team's newest list, the one that left out most first."""
    counts: Counter[str] = Counter()
    for team in desk.invocation.council.teams:
        for header in desk.store.lists(desk.programme, team.id)[:1]:
            counts.update(header.left_out.values())
    return [LeftOut(_name_rule(why), households) for why, households in counts.most_common()]


def _name_rule(why: str) -> str:
    if why in _RULES:
        return _RULES[why]
    if why not in STATUS:
        return "Cannot be read: see `sooner verify-log`"
    return f"They rest after a decision: {STATUS[why].lower()} ([cooling_off] of worklist.toml)"
