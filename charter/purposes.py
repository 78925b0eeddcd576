"""The purposes data is used for: one closed list, read by register, charter, scenarios and requests alike."""

from __future__ import annotations

__all__ = ["PURPOSES"]

PURPOSES = (
    "link",
    "train",
    "shadow",
    "rank",
    "display",
    "evaluate",
    "equality_monitoring",
    "area_statistics",
    "residence_check",
)
"""Every purpose there is, one per stage (design: permission)."""
