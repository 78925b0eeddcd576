"""Practice: made-up cases, some of which the list has wrong; whoever finds those may decide on real lists for a time.

The cases are the council's (`practice.toml`). Passing is a line in the audit log, so it ends by itself. Nobody needs it
where all data is made up: there every decision is practice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from charter.council.reading import Origin, read_toml
from charter.errors import DefinitionError

__all__ = ["PASSED", "Practice", "PracticeCase", "Result"]

PASSED = "practice.passed"
"""What the audit log calls it."""

_CASES, _WRONG = 10, 3


@dataclass(frozen=True)
class PracticeCase:
    """A made-up case: what its page says, what somebody who looks would find, and whether the list has it wrong."""

    title: str
    band: str
    for_: tuple[str, ...]
    against: tuple[str, ...]
    not_seen: tuple[str, ...]
    known: str
    wrong: bool
    because: str


@dataclass(frozen=True)
class Result:
    """How somebody did: which answers were right, how many wrong cases were found, and whether that is enough."""

    right: tuple[bool, ...]
    found: int
    passed: bool


@dataclass(frozen=True)
class Practice:
    """All of `practice.toml`."""

    cases: tuple[PracticeCase, ...]
    right_at_least: int
    found_at_least: int
    valid: timedelta

    @classmethod
    def load(cls, council: Path) -> Practice:
        """Read `council/practice.toml`; raise DefinitionError where it has too few cases or asks too much."""
        raw = read_toml(Origin.of(council / "practice.toml"))
        try:
            cases = tuple(
                PracticeCase(
                    row["title"], row["band"], tuple(row["for"]), tuple(row["against"]), tuple(row["not_seen"]),
                    row["known"], bool(row["wrong"]), row["because"],
                )
                for row in raw["case"]
            )  # fmt: skip
            practice = cls(
                cases,
                int(raw["right_at_least"]),
                int(raw["wrong_found_at_least"]),
                timedelta(days=int(raw["valid_days"])),
            )
        except KeyError as error:
            raise DefinitionError(f"practice.toml lacks the key {error}.", "Add it, as in Sooner's own.") from None
        wrong = sum(case.wrong for case in cases)
        if len(cases) < _CASES or wrong < _WRONG:
            raise DefinitionError(
                f"practice.toml has {len(cases)} cases, {wrong} of them wrong.",
                f"Practice needs {_CASES} or more, {_WRONG} or more of them wrong.",
            )
        if not (0 < practice.right_at_least <= len(cases) and 0 < practice.found_at_least <= wrong):
            raise DefinitionError("practice.toml asks for more right answers than there are cases.", "Ask for fewer.")
        return practice

    def marked(self, answers: Mapping[int, bool]) -> Result:
        """Return how somebody did; `answers` says by case number whether they think the list has it wrong."""
        right = tuple(answers.get(number) == case.wrong for number, case in enumerate(self.cases))
        found = sum(good and case.wrong for good, case in zip(right, self.cases, strict=True))
        return Result(right, found, sum(right) >= self.right_at_least and found >= self.found_at_least)
