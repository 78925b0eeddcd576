"""The page about wrong changes that tests notice, from house/mutation.json and the reasons in house/survivors.toml."""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = ["mutation_table", "read_reasons", "wilson_interval"]

RESULTS = Path(__file__).with_name("mutation.json")
REASONS = Path(__file__).with_name("survivors.toml")
_NOTICED = ("killed", "refused")
_Z = 1.959964


def wilson_interval(hits: int, number: int) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a share (JASA 22, 1927)."""
    share, spread = hits / number, _Z**2 / number
    middle = (share + spread / 2) / (1 + spread)
    half = _Z * math.sqrt(share * (1 - share) / number + spread / (4 * number)) / (1 + spread)
    return middle - half, middle + half


def mutation_table(results: Path = RESULTS, reasons: Path = REASONS) -> str:
    """Return the table by room, and the changes that nobody noticed with the reason of each."""
    document = json.loads(results.read_text(encoding="utf-8"))
    rows = document["drawn"]
    left = document["asked"] - len(rows)
    seeds = sorted({row["seed"] for row in rows})
    by = f"the seed{'s' * (len(seeds) > 1)} {' and '.join(map(str, seeds))}"
    lines = [
        f"{len(rows)} of {sum(document['changes'].values()):,} changes, drawn by {by}."
        + (f" {left} more were drawn and not examined." if left else "")
        + " The share of all weighs each place by its changes.\n",
        "| place | changes | drawn | a test failed | mypy refused | nobody noticed | noticed | 95 % |",
        "|---|--:|--:|--:|--:|--:|--:|---|",
    ]
    for room, changes in document["changes"].items():
        lines.append(_row(room, changes, [row for row in rows if row["room"] == room]))
    lines.append(_weighted_row(document["changes"], rows))
    lines += ["", *_survivors(rows, read_reasons(reasons))]
    return "\n".join(lines)


def _row(name: str, changes: int, rows: Sequence[dict[str, Any]]) -> str:
    number = len(rows)
    by = {outcome: sum(row["outcome"] == outcome for row in rows) for outcome in _NOTICED}
    noticed = sum(by.values())
    share, interval = "", ""
    if number:
        low, high = wilson_interval(noticed, number)
        share, interval = f"{100 * noticed / number:.0f} %", f"{100 * low:.0f} to {100 * high:.0f} %"
    figures = (f"{changes:,}", number, by["killed"], by["refused"], number - noticed, share, interval)
    return f"| {name} | " + " | ".join(str(figure) for figure in figures) + " |"


def _weighted_row(changes: Mapping[str, int], rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the row of all: each place weighs as many as it has changes; no share where a place was not examined."""
    total = sum(changes.values())
    share = variance = 0.0
    for room, number in changes.items():
        outcomes = [row["outcome"] in _NOTICED for row in rows if row["room"] == room]
        if not outcomes:
            return f"| **all** | {total:,} | {len(rows)} | | | | | not every place was examined yet |"
        noticed, weight = sum(outcomes), number / total
        share += weight * noticed / len(outcomes)
        # A variance that is not 0 where every change was noticed: two of each added (Agresti and Coull 1998).
        smoothed = (noticed + 2) / (len(outcomes) + 4)
        variance += weight**2 * smoothed * (1 - smoothed) / (len(outcomes) + 4)
    low, high = (max(0.0, min(1.0, share + sign * _Z * math.sqrt(variance))) for sign in (-1, 1))
    by = {outcome: sum(row["outcome"] == outcome for row in rows) for outcome in _NOTICED}
    figures = (f"{total:,}", len(rows), by["killed"], by["refused"], len(rows) - sum(by.values()))
    shown = " | ".join(str(figure) for figure in figures)
    return f"| **all** | {shown} | {100 * share:.0f} % | {100 * low:.0f} to {100 * high:.0f} % |"


def read_reasons(path: Path) -> dict[tuple[str, str], str]:
    """Return the reason of each change that nobody noticed, by its module and the changed lines."""
    document = tomllib.loads(path.read_text(encoding="utf-8"))
    return {(row["path"], row["change"].strip()): row["reason"] for row in document.get("survivor", [])}


def _survivors(rows: Iterable[dict[str, Any]], reasons: dict[tuple[str, str], str]) -> list[str]:
    """Return each change that nobody noticed, once, with its reason or that there is none yet."""
    lines: list[str] = []
    for row in rows:
        if row["outcome"] not in _NOTICED:
            reason = reasons.get((row["path"], row["change"].strip()), "no reason yet")
            changed = "\n".join(f"      {line}" for line in row["change"].splitlines())
            entry = f"- `{row['path']}`, line {row['line']}: {reason}\n\n{changed}\n"
            if entry not in lines:
                lines.append(entry)
    return lines
