"""An audit in a few lines, for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["summarise_findings"]

_SHOWN = ("selection_rate", "recall", "false_positive_rate")


def summarise_findings(document: Mapping[str, Any]) -> str:
    """Return the findings' main figures by group as aligned lines, each with its 95 % interval."""
    rows = [("measure", "group", "figure", "everyone else", "ratio", "95 % interval", "n")]
    for finding in document["findings"]:
        if finding["measure"] not in _SHOWN or finding.get("component") or finding["group"] is None:
            continue
        rest = finding.get("rest") or {}
        rows.append(
            (
                finding["measure"].replace("_", " "),
                f"{finding['characteristic']}: {finding['group']}",
                _say_share(finding["estimate"]),
                _say_share(rest.get("estimate")),
                _say_figure(finding.get("ratio")),
                _say_interval(finding.get("ratio_interval")),
                f"{finding['n']:,}",
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    notes = [f"- {note}" for note in document.get("notes", ())]
    return "\n".join([*lines, *notes])


def _say_share(value: float | None) -> str:
    return "unknown" if value is None else f"{100 * value:.1f} %"


def _say_figure(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.2f}"


def _say_interval(interval: list[float | None] | None) -> str:
    if interval is None:
        return "cannot be told"
    low, high = ("no end" if end is None else f"{end:.2f}" for end in interval)
    return f"{low} to {high}"
