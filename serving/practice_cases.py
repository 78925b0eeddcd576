"""Practice: whoever finds the made-up cases that the list has wrong may decide on real lists for a time.

The cases are the council's (`charter.council.practice`). Passing is a line in the audit log, so it ends by itself.
Nobody needs it where all data is made up: there every decision is practice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from charter.council.practice import Practice

__all__ = ["PASSED", "Result", "mark_answers"]

PASSED = "practice.passed"
"""What the audit log calls it."""


@dataclass(frozen=True)
class Result:
    """How somebody did: which answers were right, how many wrong cases were found, and whether that is enough."""

    right: tuple[bool, ...]
    found: int
    passed: bool


def mark_answers(practice: Practice, answers: Mapping[int, bool]) -> Result:
    """Return how somebody did; `answers` says by case number whether they think the list has it wrong."""
    right = tuple(answers.get(number) == case.wrong for number, case in enumerate(practice.cases))
    found = sum(good and case.wrong for good, case in zip(right, practice.cases, strict=True))
    passed = sum(right) >= practice.right_at_least and found >= practice.wrong_found_at_least
    return Result(right, found, passed)
