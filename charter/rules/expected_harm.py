"""What a gap harms in a year, and which referrals a board looks at first: a recommendation beside the answers.

Families in need who were not listed before it, or unneeded listings, more than if the group fared as everyone else; of
the pooled ratio where the charter says what it expects of groups, else of the group's own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from charter.rules.certainty.failing import count_households
from charter.rules.certainty.pooling import Pooled
from charter.rules.questions import Gate

__all__ = ["expect_a_year", "recommend_order", "write_pooled"]

_NAMED = 3
_SMALLEST = 0.1
"""Chance of being beyond the limit below which nobody is named to look at first."""


def expect_a_year(
    gate: Gate, finding: Mapping[str, Any], findings: Mapping[str, Any], ratio: float | None = None
) -> float | None:
    """Return how many more the gap harms in a year, of another `ratio` than the group's own where one is given.

    None of what is no count of families or listings.
    """
    weeks, rest, own = findings.get("used_lists") or {}, finding.get("rest") or {}, finding["estimate"]
    if not weeks.get("days") or own is None or rest.get("estimate") is None:
        return None
    gap = float(rest["estimate"]) - (float(own) if ratio is None else ratio * float(rest["estimate"]))
    if gate.measure == "listed_before_need":
        return gap * count_households(finding) * 365.25 / float(weeks["days"])
    if gate.measure == "unneeded_listings":
        return -gap / 1000 * float(finding["n"]) / float(weeks["lists"])
    return None


def write_pooled(pooled: Pooled | None, expected: float | None) -> dict[str, Any] | None:
    """Return a pooled estimate as decision.json has it."""
    if pooled is None:
        return None
    return {
        "ratio": pooled.ratio,
        "interval": list(pooled.interval),
        "beyond_limit": pooled.beyond,
        "beyond_limit_sceptical": pooled.beyond_sceptical,
        "own_weight": pooled.own,
        "borrowed": pooled.is_borrowed,
        "expected_a_year": expected,
    }


def recommend_order(verdicts: Sequence[Mapping[str, Any]]) -> str:
    """Say which answers that cannot be told to look at first: by families a year, fewer than one by the chance."""
    open_answers = [
        verdict
        for verdict in verdicts
        if verdict.get("pooled") and verdict["verdict"] == "insufficient" and not verdict["waiver"]
    ]
    likely = [verdict for verdict in open_answers if verdict["pooled"]["beyond_limit"] >= _SMALLEST]
    likely.sort(key=lambda verdict: (-_count_families(verdict), -verdict["pooled"]["beyond_limit"]))
    if not likely:
        return ""
    named = "; ".join(_say_chance(verdict) for verdict in likely[:_NAMED])
    return f" Look first at {named}."


def _count_families(verdict: Mapping[str, Any]) -> int:
    """Return how many families (or listings) more a year, whole ones."""
    return max(int(verdict["pooled"]["expected_a_year"] or 0), 0)


def _say_chance(verdict: Mapping[str, Any]) -> str:
    pooled, families = verdict["pooled"], _count_families(verdict)
    year = f", some {families} more a year" if families else ""
    borrowed = ", mostly by what the other groups show" if pooled["borrowed"] else ""
    chance = f"beyond the limit with a chance of {100 * pooled['beyond_limit']:.0f} in 100{borrowed}"
    return f"{verdict['group']} ({verdict['characteristic']}), {verdict['harm']}: {chance}{year}"
