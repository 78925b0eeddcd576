"""Whole gates over drawn boroughs, a hundred at a time, kept as they are drawn: how each comparison came out.

Runs go on where they stopped; what was drawn by other code of the gate, or asked otherwise, is not counted.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from tests.resuming import draw_resuming
from tests.unit.fairness_reports.simulated_boroughs import GATES, Unfair, decide_borough
from tests.unit.fairness_reports.simulated_shadows import SHADOW_GATES, Hidden, decide_shadow

PART = 100
WORSE = {"halved": ("missed_help_ethnicity", {"listed_before_need": 0.5}),
         "doubled": ("unneeded_listing_ethnicity", {"unneeded": 2.0})}  # fmt: skip
WORSE_IN_SHADOW = {
    "hardly listed": ("listed_ethnicity", {"listed": 0.3125}),
    "half listed": ("listed_ethnicity", {"listed": 0.5}),
    "half seen": ("visible_ethnicity", {"seen": 0.5}),
    "hardly kept": ("stable_ethnicity", {"kept": 0.3125}),
    "doubly turned down": ("overridden_ethnicity", {"against": 2.4}),
}
"""What is drawn of one group, and the question about it."""
_DRAWN_BY = (
    "charter/rules/certainty",
    "charter/rules/measures.py",
    "charter/rules/questions.py",
    "fairness_reports/audit/measuring",
    "tests/unit/fairness_reports/simulated_boroughs.py",
)
_OF_SHADOW = ("fairness_reports/audit/shadow_plan.py", "tests/unit/fairness_reports/simulated_shadows.py")
_ASKED, _ASKED_IN_SHADOW = (
    json.dumps([gate.model_dump(mode="json") for gate in gates], sort_keys=True) for gates in (GATES, SHADOW_GATES)
)


def decide_part(key: str) -> dict[str, Any]:
    """Return of a hundred boroughs how many were blocked, and how often each comparison came out as what."""
    homes, kind, group, part = key.split()
    unfair = Unfair("ethnicity", group, **WORSE[kind][1]) if kind in WORSE else None
    return _count_part(int(part), lambda seed: decide_borough(int(homes), seed, unfair))


def decide_shadow_part(key: str) -> dict[str, Any]:
    """Return the same of the second gate of a hundred shadow periods."""
    homes, kind, group, part = key.split(";")
    hidden = Hidden(group, **WORSE_IN_SHADOW[kind][1]) if kind in WORSE_IN_SHADOW else None
    return _count_part(int(part), lambda seed: decide_shadow(int(homes), seed, hidden))


def _count_part(part: int, decide: Callable[[int], list[tuple[str, str, str]]]) -> dict[str, Any]:
    blocked, counts = 0, Counter[str]()
    for seed in range(part * PART, (part + 1) * PART):
        answers = decide(seed)
        blocked += any(verdict == "fail" for *_, verdict in answers)
        counts.update("|".join(answer) for answer in answers)
        failed = {question for question, _, verdict in answers if verdict == "fail"}
        counts.update(f"{question}||fail" for question in failed)
    return {"blocked": blocked, "counts": dict(sorted(counts.items()))}


def draw_parts(homes: int, kind: str, group: str, boroughs: int) -> tuple[int, Counter[str]]:
    """Return how many of so many boroughs the first gate blocked, and the counts over all of them."""
    keys = [f"{homes} {kind} {group} {part}" for part in range(boroughs // PART)]
    return _add_parts(draw_resuming("whole-gates", keys, decide_part, rooms=_DRAWN_BY, settings=_ASKED))


def draw_shadow_parts(homes: int, kind: str, group: str, boroughs: int) -> tuple[int, Counter[str]]:
    """Return the same of the second gate."""
    keys = [f"{homes};{kind};{group};{part}" for part in range(boroughs // PART)]
    rooms = (*_DRAWN_BY, *_OF_SHADOW)
    return _add_parts(draw_resuming("second-gates", keys, decide_shadow_part, rooms=rooms, settings=_ASKED_IN_SHADOW))


def _add_parts(parts: Mapping[str, Any]) -> tuple[int, Counter[str]]:
    counts: Counter[str] = Counter()
    for part in parts.values():
        counts.update(part["counts"])
    return sum(part["blocked"] for part in parts.values()), counts
