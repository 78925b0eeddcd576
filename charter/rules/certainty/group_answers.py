"""One group's answer to one question: fail, pass or insufficient, and what it was decided on.

fail            beyond the limit by more than chance, over the whole gate; or a figure's whole interval beyond its bound
pass            the whole interval within the limit, both figures' within the bound, and no worse than when it failed
insufficient    anything else
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from charter.rules.certainty.failing import (
    ERROR,
    compare_bound,
    count_households,
    is_beyond,
    is_beyond_bound,
    keeps_limit,
    measure_standing,
    pool_sides,
)
from charter.rules.certainty.fair_chances import Chances, find_null
from charter.rules.gate_sentences import Reason
from charter.rules.questions import Gate

__all__ = ["decide_group"]


def decide_group(
    gate: Gate, finding: Mapping[str, Any], chances: Chances, earlier: Sequence[Mapping[str, Any]] = ()
) -> tuple[str, Reason]:
    """Return the verdict about one group and what it was decided on; `chances` are those of the whole gate.

    The gate's bound is a number here (`bound_by_overall`), where the overall rate is known.
    """
    standing = measure_standing(gate, finding)
    rule = Reason(
        "",
        # Asked only of who is beyond the limit: of others nothing hangs on it.
        by_chance=_find_chance(gate, finding, chances) if standing.is_beyond else 1.0,
        comparisons=chances.count_groups(chances.rarity),
    )
    rest = finding.get("rest") or {}
    value, interval = finding[gate.statistic], finding[f"{gate.statistic}_interval"]
    if finding["estimate"] is None and finding.get("note") and not finding["n"]:
        return "insufficient", replace(rule, id="no lists")
    if count_households(finding) < gate.minimum_positives:
        return "insufficient", replace(rule, id="too few")
    few_others = count_households(rest) < gate.minimum_positives
    if not few_others and standing.is_beyond and rule.by_chance <= ERROR:
        return "fail", replace(rule, id="limit")
    bounds = [_answer_bound(gate, side, chances) for side in (finding, _turn_round(finding))]
    if bounds[0] == "fail":
        return "fail", replace(rule, id="bound")
    if few_others:
        return "insufficient", replace(rule, id="too few")
    if bounds[1] == "fail":
        return "fail", replace(rule, id="bound", rest=True)
    if value is None or interval is None:
        return "insufficient", replace(rule, id="no interval")
    if standing.is_beyond:
        return "insufficient", replace(rule, id="chance")
    if not keeps_limit(gate, value, interval):
        return "insufficient", replace(rule, id="beyond unsure" if is_beyond(gate, value) else "within unsure")
    if "insufficient" in bounds:
        return "insufficient", replace(rule, id="unsure of bound", rest=bounds[0] == "pass")
    if _is_no_better_off(gate, finding, earlier):
        return "insufficient", replace(rule, id="no better off")
    return "pass", replace(rule, id="limit")


def _find_chance(gate: Gate, finding: Mapping[str, Any], chances: Chances) -> float:
    """Return how often chance alone would block a fair list by somebody so far apart; 1 where that is not known."""
    null = find_null(gate, finding)
    apart = measure_standing(gate, finding).apart
    return 1.0 if null is None else chances.find_fail_chance(null.find_rarity(apart))


def _answer_bound(gate: Gate, finding: Mapping[str, Any], chances: Chances) -> str:
    """Return how a side's own figure keeps the bound: pass, fail, or insufficient, also where it may be by chance."""
    answer = compare_bound(gate, finding)
    everybody = pool_sides(finding)
    by_chance = everybody is not None and not is_beyond_bound(gate, everybody)
    if answer == "fail" and by_chance and _find_chance(gate, finding, chances) > ERROR:
        return "insufficient"
    return answer


def _turn_round(finding: Mapping[str, Any]) -> dict[str, Any]:
    """Return the finding of everyone else beside the group."""
    rest = finding.get("rest") or {}
    own = {name: finding.get(name) for name in ("estimate", "interval", "n", "clusters")}
    turned = {**finding, "estimate": None, "interval": None, "n": 0, "clusters": 0, **rest, "rest": own}
    gap, ends = finding["difference"], finding["difference_interval"]
    turned["difference"] = None if gap is None else -gap
    turned["difference_interval"] = None if ends is None else [None if end is None else -end for end in ends[::-1]]
    ratio, ends = finding["ratio"], finding["ratio_interval"]
    turned["ratio"] = 1 / ratio if ratio else None
    turned["ratio_interval"] = None if ends is None or not ratio else [1 / end if end else None for end in ends[::-1]]
    return turned


def _is_no_better_off(gate: Gate, finding: Mapping[str, Any], earlier: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the group failed this gate before and its own figure has not become better since."""
    for decision in earlier:
        for verdict in decision["verdicts"]:
            same = verdict["gate"] == gate.id and verdict.get("group") == finding["group"]
            before = verdict.get("estimate")
            if not same or verdict["verdict"] != "fail" or before is None:
                continue
            now = finding["estimate"]
            if (now <= before) if gate.at_least else (now >= before):
                return True
    return False
