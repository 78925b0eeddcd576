"""The page of long tests: each with the minutes it took when it last passed, from tests/deep_minutes.json."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1] / "tests"

INTRODUCTION = """# Long tests

`make deep` runs them, `make deep ONLY=name` those of a name. None may take longer than an hour: one that would, goes on
the next time where it stopped. Minutes are those of the clock when a test last passed, setting up included, on whatever
machine ran it; of one that goes on where it stopped, of its last part.
"""
_RESUMING = ("draw_resuming", "played_boroughs", 'house.mutation"', "file.flush()")


def deep_tests(tests: Path = TESTS) -> str:
    """Return the page."""
    known = json.loads((tests / "deep_minutes.json").read_text(encoding="utf-8"))
    lines = [INTRODUCTION, "| test | goes on where it stopped | minutes | cases | when |", "|---|---|--:|--:|---|"]
    for test, resumes in _list_tests(tests):
        row = known.get(test, {})
        day = f"{date.fromisoformat(row['day']):%-d %B %Y}" if row else "not timed yet"
        file, _, name = test.removeprefix("tests/").partition("::")
        words = name.rpartition("::")[2].removeprefix("test_").replace("_", " ")
        lines.append(
            f"| {words} (`{file}`) | {'yes' if resumes else ''} | {row.get('minutes', '')} | {row.get('cases', '')}"
            f" | {day} |"
        )
    return "\n".join(lines) + "\n"


def _list_tests(tests: Path) -> Iterator[tuple[str, bool]]:
    """Yield each long test by its path and name, and whether its file keeps what was drawn."""
    for path in sorted(tests.rglob("test_*.py")):
        text = path.read_text(encoding="utf-8")
        if "mark.deep" not in text:
            continue
        module = ast.parse(text)
        whole = any(
            isinstance(node, ast.Assign)
            and ast.unparse(node.targets[0]) == "pytestmark"
            and "mark.deep" in ast.unparse(node.value)
            for node in module.body
        )
        named = path.relative_to(tests.parent).as_posix()
        resumes = any(word in text for word in _RESUMING)
        for place, node, marks in _find_tests(module):
            if whole or "mark.deep" in marks:
                yield f"{named}::{place}{node.name}", resumes


def _find_tests(module: ast.Module) -> Iterator[tuple[str, ast.FunctionDef, str]]:
    """Yield each test of a file with the class that it is in, written as pytest writes it, and its marks as text."""
    for node in module.body:
        within = [node] if isinstance(node, ast.FunctionDef) else node.body if isinstance(node, ast.ClassDef) else []
        place = f"{node.name}::" if isinstance(node, ast.ClassDef) else ""
        for test in within:
            if isinstance(test, ast.FunctionDef) and test.name.startswith("test_"):
                decorators = {*test.decorator_list, *(node.decorator_list if place else [])}
                yield place, test, " ".join(map(ast.unparse, decorators))
