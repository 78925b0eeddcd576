"""Of how many records it is assumed when they became known: those of back-loaded history that don't say it.

    told               the record's own known time, or the delivery that first held it
    assumed            the day it happened and its feed's usual lag (`arrival_lag_days` of the register)

What became known later than is assumed was no help to anybody's list, and flatters a replayed one.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from charter.contracts.files import read_json

__all__ = ["measure_known_dates", "say_assumed"]


def measure_known_dates(snapshot: Path, definition: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return how many records of a snapshot a definition's features and outcome read, and of how many it is assumed.

    With the sentence that stands beside every headline.

    None where the snapshot is gone, or was pulled by a version that didn't count them.
    """
    path = snapshot / "manifest.json"
    counts = read_json(path).get("known_dates") if path.exists() else None
    if not counts:
        return None
    parts = [*definition["features"], *definition["outcome"]["components"]]
    signals = {signal for part in parts for signal in part["signals"]} & counts.keys()
    rows, assumed = (sum(counts[signal][name] for signal in signals) for name in ("rows", "assumed"))
    return {"rows": rows, "assumed": assumed, "sentence": say_assumed(rows, assumed)}


def say_assumed(rows: int, assumed: int) -> str:
    """Return of what share of the records it is assumed when they became known, in a sentence."""
    if not assumed:
        return f"Of each of the {rows:,} records behind these figures it is recorded when it became known."
    share = 100 * assumed / rows
    return (
        f"Of {rows:,} records behind these figures {assumed:,}"
        f" ({'under 0.1' if share < 0.05 else format(share, '.1f')} of 100) do not say when they became known. Their"
        " feed's usual delay is assumed; where it was longer, these lists knew what nobody knew yet."
    )
