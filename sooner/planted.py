"""What the demo says, before anything is trained, of unfairness that it planted: whether the gate should find it.

Power is that of `sooner audit plan`: how often a question would find a figure half of everyone else's. Where it is 0.8
or more for what was planted the demo should end blocked (exit 13); where it is less, the borough is too small for that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["SHOULD_BLOCK", "describe_planted", "find_planted_power"]

SHOULD_BLOCK = 0.8
"""The power from which on a demo that planted something should end blocked."""

_FOUND_BY = {"signals": ("listed_before_need",), "labels": ("recorded_per_independent",)}
"""The measure on which each kind shows: too few signals keep a group off lists, too few outcomes out of the records."""


def find_planted_power(plan: Sequence[Mapping[str, Any]], unfair: str, group: str) -> tuple[str, float] | None:
    """Return the question most likely to find what was planted, and how often it would; None where none is planned.

    `plan` is what `plan_questions` returns, `unfair` signals, labels or both.
    """
    measures = {measure for kind, of in _FOUND_BY.items() if unfair in (kind, "both") for measure in of}
    powers = [
        (float(row["found"]), str(question["gate"]))
        for question in plan
        if question["planned"] and question["measure"] in measures
        for row in question["groups"]
        if row["group"] == group
    ]
    return (max(powers)[1], max(powers)[0]) if powers else None


def describe_planted(plan: Sequence[Mapping[str, Any]], unfair: str, group: str) -> str:
    """Say how often the gate would find what was planted, and whether it should therefore block."""
    what = {"signals": "signals", "labels": "needs", "both": "signals and needs"}[unfair]
    begins = f"Planted: {what} of {group} families are recorded less."
    best = find_planted_power(plan, unfair, group)
    if best is None:
        return f"{begins} No question of the charter asks about that, so the gate cannot be expected to block."
    gate, power = best
    # Rounded down, so that no power below 0.8 is written as 80 times in 100.
    often = f"{gate} would find a figure half of everyone else's {int(100 * power)} times in 100"
    if power >= SHOULD_BLOCK:
        return f"{begins} Before anything is trained: {often}, so the gate should block (exit 13)."
    return (
        f"{begins} Before anything is trained: {often}, and not 80, so a borough of this size cannot promise that the"
        " gate blocks."
    )
