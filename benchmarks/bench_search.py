"""The claim about the search, apart because its 80 bare fits take longest: see bench_training.py."""

from __future__ import annotations

from benchmarks.bench_training import search_run
from benchmarks.results import Row


def run() -> list[Row]:
    """Measure the search against 80 bare fits."""
    return [search_run()]
