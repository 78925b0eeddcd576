"""A county at once: the matrix of 1.1 million households, in the memory that one ordinary machine can spare."""

from __future__ import annotations

from benchmarks.bench_engine import alone
from benchmarks.borough_at_scale import EVENTS
from benchmarks.results import Row

_HOUSEHOLDS, _DATES, _GOAL = 1_100_000, 24, 8.0


def run() -> list[Row]:
    """Make the whole matrix once, in a process of its own: it is the peak that counts, and it does not vary."""
    (once,) = alone("definition", _HOUSEHOLDS, EVENTS, _DATES, 1)
    note = (
        f"{_HOUSEHOLDS:,} households, {EVENTS:,} events, {_DATES} dates, 176 columns, "
        f"{once['rows']:,.0f} rows written; one run"
    )
    sides = {"wall_s": round(once["wall"], 1), "cpu_s": round(once["cpu"], 1)}
    return [
        Row(
            "engine/peak memory at 1.1 million households", round(once["peak"], 2), "GiB", f"under {_GOAL:g} GiB",
            once["peak"] < _GOAL, sides, note,
        )
    ]  # fmt: skip
