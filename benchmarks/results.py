"""`benchmarks/results.json`: one row per figure, the newest of each name, missed goals included."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from charter.contracts.files import read_json, write_json

__all__ = ["RESULTS", "Row", "is_bounded", "machine", "record"]

RESULTS = Path(__file__).parent / "results.json"


@dataclass(frozen=True)
class Row:
    """One measured figure: what, how much, in which unit, its goal in words, whether met, and the peers beside it."""

    name: str
    figure: float
    unit: str
    goal: str | None = None
    met: bool | None = None
    peers: Mapping[str, float | str] = field(default_factory=dict)
    note: str = ""


def machine() -> str:
    """Describe this machine without naming it: cores, memory, architecture, Python."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores, {memory:.0f} GiB, {platform.machine()}, Python {platform.python_version()}"


def is_bounded(row: Mapping[str, Any]) -> bool:
    """Whether a row that missed its goal has a measurement beside it of what bounds it: `bound: ...`."""
    return "bound: " in row["note"] or any(name.startswith("bound: ") for name in row["peers"])


def record(row: Row) -> None:
    """Put `row` into results.json in place of the older row of its name."""
    rows = {old["name"]: old for old in read_json(RESULTS)} if RESULTS.exists() else {}
    rows[row.name] = {**asdict(row), "date": datetime.now(UTC).date().isoformat(), "machine": machine()}
    write_json(RESULTS, [rows[name] for name in sorted(rows)])
