"""A pytest plugin (`-p house.reach_notes`): the lines of the product that each test reached, and its seconds.

A line that a fixture of a file reached counts for every test of that file; one that a process reached, which a test
started, for that test. The folder is SOONER_REACHED's; `tests.jsonl` in it gets a row for each test that passed:

    ["tests/unit/charter/test_gate.py::test_x", 0.02, {"charter/rules/gate.py": [61, 62]}]
"""

from __future__ import annotations

import json
import os
import time
from collections import defaultdict
from collections.abc import Generator
from pathlib import Path

import pytest

from house.changed_imports import take_reached

Noting = Generator[None, pytest.TestReport, pytest.TestReport]

_by_fixtures: dict[str, set[tuple[str, int]]] = defaultdict(set)
_seconds_of_fixtures: dict[str, float] = {}
_rows: list[tuple[str, float, set[tuple[str, int]]]] = []


def _take_all() -> set[tuple[str, int]]:
    """Return what this process noted, and those that ended since."""
    lines = take_reached()
    for path in Path(os.environ["SOONER_REACHED"]).glob("[0-9]*.json"):
        lines |= {(module, line) for module, line in json.loads(path.read_text(encoding="utf-8"))}
        path.unlink()
    return lines


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[object]) -> Generator[None, object, object]:
    """Note how long a fixture takes: a test that is run alone waits for those that others share."""
    started = time.perf_counter()
    made = yield
    _seconds_of_fixtures[fixturedef.argname] = time.perf_counter() - started
    return made


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, None, None]:
    """Note what the fixtures of a file reach."""
    yield
    _by_fixtures[item.nodeid.partition("::")[0]] |= _take_all()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Noting:
    """Note what a test reaches, if it passes."""
    report = yield
    if call.when == "call":
        lines = _take_all()
        if report.passed:
            fixtures = getattr(item, "fixturenames", ())
            seconds = call.duration + sum(_seconds_of_fixtures.get(name, 0.0) for name in fixtures)
            _rows.append((item.nodeid, seconds, lines))
    return report


def pytest_sessionfinish() -> None:
    """Leave the rows."""
    with (Path(os.environ["SOONER_REACHED"]) / "tests.jsonl").open("a", encoding="utf-8") as file:
        for test, seconds, lines in _rows:
            modules: dict[str, list[int]] = defaultdict(list)
            for module, line in sorted(lines | _by_fixtures[test.partition("::")[0]]):
                modules[module].append(line)
            file.write(json.dumps([test, round(seconds, 3), modules]) + "\n")
