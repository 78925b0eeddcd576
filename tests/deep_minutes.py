"""How long each long test took when it last passed: `deep_minutes.json` beside, from which a page is made."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path

import pytest

KEPT = Path(__file__).with_suffix(".json")


class DeepMinutes:
    """Adds up what the cases of each long test took, and writes down those that passed whole."""

    def __init__(self, kept: Path = KEPT) -> None:
        self._kept = kept
        self._seconds: dict[str, float] = defaultdict(float)
        self._wanting: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add one phase of one case: setting up counts too."""
        if "deep" not in report.keywords:
            return
        test = report.nodeid.split("[")[0]
        self._seconds[test] += report.duration
        if not report.passed:
            self._wanting.add(test)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write down what passed; a run that left out some cases of a test (`-k`) says how many it had."""
        passed = {test: seconds for test, seconds in self._seconds.items() if test not in self._wanting}
        if not passed:
            return
        cases = defaultdict(int)
        for item in session.items:
            cases[item.nodeid.split("[")[0]] += 1
        known = json.loads(self._kept.read_text(encoding="utf-8")) if self._kept.exists() else {}
        for test, seconds in passed.items():
            known[test] = {
                "minutes": round(seconds / 60, 1),
                "cases": cases[test],
                "day": datetime.now(UTC).date().isoformat(),
            }
        self._kept.write_text(json.dumps(dict(sorted(known.items())), indent=1) + "\n", encoding="utf-8")
