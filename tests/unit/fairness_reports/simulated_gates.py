"""Whole gates over drawn boroughs, a hundred at a time, kept as they are drawn: how each comparison came out.

Runs go on where they stopped; what was drawn by other code of the gate, or asked otherwise, is not counted.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from tests.resuming import draw_resuming
from tests.unit.fairness_reports.simulated_boroughs import GATES, Unfair, decide_borough

PART = 100
WORSE = {"halved": ("missed_help_ethnicity", {"listed_before_need": 0.5}),
         "doubled": ("unneeded_listing_ethnicity", {"unneeded": 2.0})}  # fmt: skip
_DRAWN_BY = (
    "charter/rules/certainty",
    "charter/rules/measures.py",
    "charter/rules/questions.py",
    "fairness_reports/audit/measuring",
    "tests/unit/fairness_reports/simulated_boroughs.py",
)
_ASKED = json.dumps([gate.model_dump(mode="json") for gate in GATES], sort_keys=True)


def decide_part(key: str) -> dict[str, Any]:
    """Return of a hundred boroughs how many were blocked, and how often each comparison came out as what."""
    homes, kind, group, part = key.split()
    unfair = Unfair("ethnicity", group, **WORSE[kind][1]) if kind in WORSE else None
    blocked, counts = 0, Counter[str]()
    for seed in range(int(part) * PART, (int(part) + 1) * PART):
        answers = decide_borough(int(homes), seed, unfair)
        blocked += any(verdict == "fail" for *_, verdict in answers)
        counts.update("|".join(answer) for answer in answers)
        failed = {question for question, _, verdict in answers if verdict == "fail"}
        counts.update(f"{question}||fail" for question in failed)
    return {"blocked": blocked, "counts": dict(sorted(counts.items()))}


def draw_parts(homes: int, kind: str, group: str, boroughs: int) -> tuple[int, Counter[str]]:
    """Return how many of so many boroughs were blocked, and the counts over all of them."""
    keys = [f"{homes} {kind} {group} {part}" for part in range(boroughs // PART)]
    parts = draw_resuming("whole-gates", keys, decide_part, rooms=_DRAWN_BY, settings=_ASKED)
    counts: Counter[str] = Counter()
    for part in parts.values():
        counts.update(part["counts"])
    return sum(part["blocked"] for part in parts.values()), counts
