"""The minutes of long tests: those of a test whose every case passed, and of no other."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tests.deep_minutes import DeepMinutes


def report(test: str, seconds: float, *, passed: bool = True, deep: bool = True) -> Any:
    return SimpleNamespace(nodeid=test, keywords={"deep": 1} if deep else {}, duration=seconds, passed=passed)


def session(*tests: str) -> Any:
    return SimpleNamespace(items=[SimpleNamespace(nodeid=test) for test in tests])


def test_a_long_test_has_the_minutes_of_all_its_cases(tmp_path: Path) -> None:
    """Broken by the minutes of one case, of a test that failed, or of a short one; what was known before stays."""
    kept = tmp_path / "minutes.json"
    kept.write_text(json.dumps({"t.py::before": {"minutes": 3, "cases": 1, "day": "2026-11-28"}}), encoding="utf-8")
    minutes = DeepMinutes(kept)
    for one in (
        report("t.py::a[1]", 60), report("t.py::a[2]", 120), report("t.py::b", 60, passed=False),
        report("t.py::short", 60, deep=False),
    ):  # fmt: skip
        minutes.pytest_runtest_logreport(one)
    minutes.pytest_sessionfinish(session("t.py::a[1]", "t.py::a[2]", "t.py::b"))
    known = json.loads(kept.read_text(encoding="utf-8"))
    assert set(known) == {"t.py::a", "t.py::before"}
    assert (known["t.py::a"]["minutes"], known["t.py::a"]["cases"]) == (3.0, 2)
