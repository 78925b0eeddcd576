"""What changed between two deliveries of a feed, in sentences: rows, columns left empty, codes, and how late it came.

A change is told where chance would seldom make one as large in a feed that stayed as it was:

    rows            a fifth more or fewer, and more than three times the square root of what there was. Where both had
                    rows of the one before, more is told of new or changed ones: a full feed grows, whatever it lacks
    empty cells     a share that moved by a tenth of the rows
    codes           a tenth of the rows have another code than before; a code that is new or gone
    freshness       later than the register promises; rows that came later or sooner than its lag (arrival.py)
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from charter.council.register import Source

__all__ = ["compare_deliveries", "find_lateness"]

_ROWS, _EMPTY, _CODES = 0.2, 0.1, 0.1
_CHANCE = 3

Delivery = Mapping[str, Any]


def compare_deliveries(earlier: Delivery, later: Delivery) -> Iterator[str]:
    """Yield what changed from one delivery of a feed to the next, as `profile.json` has them."""
    same_kind = earlier.get("deliveries") == later.get("deliveries") == "full"
    for name, file in later["files"].items():
        before = earlier["files"].get(name)
        if before is None:
            yield f"{name} is new."
            continue
        if same_kind:
            carries_on = before.get("unchanged") and file.get("unchanged")
            if not carries_on or file["rows"] < before["rows"]:
                yield from _compare_rows(f"{name}: rows", before["rows"], file["rows"])
            if carries_on:
                yield from _compare_rows(f"{name}: new or changed rows", before["kept"], file["kept"])
        yield from _compare_columns(name, before, file)
    for name in earlier["files"]:
        if name not in later["files"]:
            yield f"{name} is gone."
    for signal, counts in later["signals"].items():
        if signal in earlier["signals"]:
            yield from _compare_codes(signal, earlier["signals"][signal], counts)


def _compare_rows(what: str, before: int, after: int) -> Iterator[str]:
    if abs(after - before) > max(_ROWS * before, _CHANCE * math.sqrt(before)):
        yield f"{what} went from {before:,} to {after:,}."


def _compare_columns(name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    for column, filled in after["filled"].items():
        if column not in before["filled"] or not before["rows"] or not after["rows"]:
            continue
        was, now = (1 - before["filled"][column] / before["rows"]), (1 - filled / after["rows"])
        if abs(now - was) > _EMPTY:
            yield f"{name}: {column} is empty in {now:.0%} of rows, before in {was:.0%}."


def _compare_codes(signal: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    codes = sorted({*before["details"], *after["details"]})
    if not codes or not before["rows"] or not after["rows"]:
        return
    new = [code for code in codes if code not in before["details"]]
    gone = [code for code in codes if code not in after["details"]]
    if new:
        yield f"{signal}: new in this delivery: {', '.join(new)}."
    if gone:
        yield f"{signal}: no longer there: {', '.join(gone)}."
    shares = [
        after["details"].get(code, 0) / after["rows"] - before["details"].get(code, 0) / before["rows"]
        for code in codes
    ]
    moved = max(sum(share for share in shares if share > 0), -sum(share for share in shares if share < 0))
    if moved > _CODES:
        yield f"{signal}: {moved:.0%} of rows have another code than before."


def find_lateness(delivery: Delivery, source: Source) -> tuple[int | None, str]:
    """Return how many days after the time it covers a delivery came, and what is said where that is too many."""
    if not delivery.get("covers_to"):
        return None, ""
    came = datetime.fromisoformat(delivery["received_at"]) - datetime.fromisoformat(delivery["covers_to"])
    if came.days <= source.promised_lag_days:
        return came.days, ""
    days = "1 day" if came.days == 1 else f"{came.days} days"
    return came.days, f"It came {days} after the time it covers; the promise is {source.promised_lag_days} at most."
