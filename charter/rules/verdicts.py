"""One answer of a decision document: which question, about whom, what it says, and what it was decided on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from charter.rules.waivers import Waiver

__all__ = ["Verdict"]


@dataclass(frozen=True)
class Verdict:
    """One question's answer about one group, one service, or the whole list; `verdict` is pass, fail or insufficient.

    `reason` is a word of `gate_sentences.REASONS`; `gap` the smallest that would have been found, `due` when enough
    data is, `expected` what the gap harms in a year, `pooled` the estimate that borrows from other groups.
    """

    gate: str
    question: str
    harm: str
    verdict: str
    reason: str
    sentence: str
    measure: str
    finding: Mapping[str, Any] | None = None
    characteristic: str | None = None
    group: str | None = None
    asked: bool = True
    waiver: Waiver | None = None
    gap: float | None = None
    due: date | None = None
    expected: float | None = None
    pooled: Mapping[str, Any] | None = None

    def as_document(self) -> dict[str, Any]:
        """Return the answer as the contract `decision` has it."""
        found = self.finding or {}
        return {
            "gate": self.gate,
            "question": self.question,
            "harm": self.harm,
            "verdict": self.verdict,
            "reason": self.reason,
            "measure": self.measure,
            "characteristic": self.characteristic,
            "group": self.group,
            "finding": found.get("id"),
            "estimate": found.get("estimate"),
            "sentence": self.sentence,
            "smallest_visible_gap": self.gap,
            "enough_data_by": self.due.isoformat() if self.due else None,
            "asked": self.asked,
            "expected_a_year": self.expected,
            "pooled": self.pooled,
            "waiver": None if self.waiver is None else self.waiver.as_document(),
        }
