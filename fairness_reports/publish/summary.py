"""An audit in a few lines, for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["told"]

_SHOWN = ("selection_rate", "recall", "false_positive_rate")


def told(document: Mapping[str, Any]) -> str:
    """Return the findings' main figures by group as aligned lines, each with its 95 % interval."""
    rows = [("measure", "group", "figure", "everyone else", "ratio", "95 % interval", "n")]
    for found in document["findings"]:
        if found["measure"] not in _SHOWN or found.get("component") or found["group"] is None:
            continue
        rest = found.get("rest") or {}
        rows.append(
            (
                found["measure"].replace("_", " "),
                f"{found['characteristic']}: {found['group']}",
                _share(found["estimate"]),
                _share(rest.get("estimate")),
                _figure(found.get("ratio")),
                _between(found.get("ratio_interval")),
                f"{found['n']:,}",
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    notes = [f"- {note}" for note in document.get("notes", ())]
    return "\n".join([*lines, *notes])


def _share(value: float | None) -> str:
    return "unknown" if value is None else f"{100 * value:.1f} %"


def _figure(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.2f}"


def _between(interval: list[float | None] | None) -> str:
    if interval is None:
        return "cannot be told"
    low, high = ("no end" if end is None else f"{end:.2f}" for end in interval)
    return f"{low} to {high}"
