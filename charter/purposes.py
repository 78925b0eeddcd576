"""The purposes data is used for: one closed list, read by register, charter, scenarios and requests alike."""

from __future__ import annotations

__all__ = ["CHECKS", "LOOK", "PURPOSES"]

CHECKS = ("residence_check", "age_check", "roll_check", "entitlement_check")
"""The purposes of questions that other services may ask, so that nobody proves twice what the council knows."""

LOOK = "look"
"""The purpose of looks below the line: a person looks at whom a list left out, to learn whom it misses."""

PURPOSES = (
    "link",
    "train",
    "shadow",
    "rank",
    "display",
    LOOK,
    "evaluate",
    "equality_monitoring",
    "area_statistics",
    *CHECKS,
)
"""Every purpose there is, one per stage (design: permission)."""
