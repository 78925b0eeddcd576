"""Which tests reach a changed line, from what house/reach_notes.py left."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from house.changed_imports import PACKAGES
from house.mutants import ROOT, Mutant

__all__ = ["Reach", "Timed", "find_noted_lines", "keep_demo", "measure_reach"]

_KEY = "5a" * 32
"""The tests' own: pseudonyms of the demo that they read are made with it."""


@dataclass(frozen=True)
class Timed:
    """A test, and the seconds that it took."""

    test: str
    seconds: float


def keep_demo(kept: Path) -> Path:
    """Return the folder of the demo that the tests read, as tests/conftest.py leaves it; made once."""
    folder = kept / "demo"
    if not (folder / "done").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        words = ("demo", "--no-serve", "--households", "3000", "--seed", "1", "--council", "council", "--workspace")
        done = _run_python("-m", "sooner", *words, str(folder / "workspace"))
        (folder / "done").write_text(f"{done.returncode}\n{done.stdout}\n{done.stderr}", encoding="utf-8")
    return folder


def measure_reach(files: Iterable[str], kept: Path, until: float) -> bool:
    """Note of each test of these files which lines it reaches; False where `until` came before the last.

    What fails without any change is not asked of a changed module, and is said.
    """
    reached = kept / "reached"
    reached.mkdir(parents=True, exist_ok=True)
    for file in files:
        left = reached / f"{file.replace('/', '-')}.jsonl"
        if left.exists():
            continue
        if time.monotonic() > until:
            return False
        with tempfile.TemporaryDirectory() as folder:
            options = (
                "-m",
                "pytest",
                "-m",
                "not deep and not browser",
                "-p",
                "no:cacheprovider",
                "-p",
                "house.reach_notes",
            )
            done = _run_python(*options, "-p", "house.kept_demo", file, SOONER_REACHED=folder)
            if done.returncode:
                print(
                    f"{file} ended with {done.returncode} without any change:\n{done.stdout[-2000:]}", file=sys.stderr
                )
            notes = Path(folder) / "tests.jsonl"
            shutil.copy(notes, left) if notes.exists() else left.touch()
    return True


def _run_python(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    path = f"{ROOT}:{ROOT / 'house' / 'mutated'}"
    return subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, *words],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path, "SOONER_KEY": _KEY, **environment},
        capture_output=True,
        text=True,
    )


@dataclass(frozen=True)
class Reach:
    """For each module and line, the tests that reach it."""

    tests: dict[str, dict[int, list[Timed]]]

    @classmethod
    def load(cls, folder: Path) -> Reach:
        """Read what `measure_reach` left."""
        tests: dict[str, dict[int, list[Timed]]] = {}
        files = sorted((folder / "reached").glob("*.jsonl"))
        for line in (line for file in files for line in file.read_text(encoding="utf-8").splitlines()):
            test, seconds, modules = json.loads(line)
            for module, numbers in modules.items():
                for number in numbers:
                    tests.setdefault(module, {}).setdefault(number, []).append(Timed(test, seconds))
        return cls(tests)

    def tests_of(self, mutant: Mutant) -> list[Timed]:
        """Return the tests that reach the change, those of its own file and room first, then the fastest."""
        noted = find_noted_lines(mutant.text, mutant.line)
        lines = self.tests.get(mutant.path, {})
        reaching = [timed for line in (lines if noted is None else noted) for timed in lines.get(line, ())]
        if not reaching and (noted is None or not lines):
            reaching = list(self._tests_of_importers(mutant.path))
        room, module = f"/{mutant.path.partition('/')[0]}/", f"/test_{Path(mutant.path).stem}.py"
        order = {timed: (module not in timed.test, room not in timed.test, timed.seconds) for timed in reaching}
        return sorted(order, key=order.__getitem__)

    def without(self, tests: Collection[str]) -> Reach:
        """Return it without some tests."""
        by_module = {
            module: {line: [timed for timed in reaching if timed.test not in tests] for line, reaching in lines.items()}
            for module, lines in self.tests.items()
        }
        return Reach(by_module)

    def list_timed(self, tests: Collection[str]) -> list[Timed]:
        """Return these tests with their seconds."""
        every = {timed for lines in self.tests.values() for reaching in lines.values() for timed in reaching}
        return sorted((timed for timed in every if timed.test in tests), key=lambda timed: timed.test)

    def _tests_of_importers(self, path: str) -> Iterator[Timed]:
        name = path.removesuffix(".py").replace("/", ".")
        parent, _, last = name.rpartition(".")
        words = (f"from {name} import", f"import {name}\n", f"from {parent} import {last}")
        for module, text in self._texts:
            if any(word in text for word in words):
                for timed in self.tests.get(module, {}).values():
                    yield from timed

    @cached_property
    def _texts(self) -> list[tuple[str, str]]:
        files = (file for package in PACKAGES for file in (ROOT / package).rglob("*.py"))
        return [(file.relative_to(ROOT).as_posix(), file.read_text(encoding="utf-8")) for file in files]


def find_noted_lines(text: str, line: int) -> set[int] | None:
    """Return the lines whose notes tell that a line of a module ran; None: any of the module, it runs on import."""
    tree = ast.parse(text)
    chain = list(_enclosing(tree, line))
    functions = [node for node in chain if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    if not functions:
        return None
    innermost = chain[-1]
    if isinstance(innermost, ast.FunctionDef | ast.AsyncFunctionDef):
        return {node.lineno for node in ast.walk(innermost) if isinstance(node, ast.stmt) and node is not innermost}
    return {innermost.lineno}


def _enclosing(tree: ast.AST, line: int) -> Iterable[ast.stmt]:
    """Yield the statements around a line, the outermost first."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.stmt):
            if node.lineno <= line <= (node.end_lineno or node.lineno):
                yield node
                yield from _enclosing(node, line)
        else:
            yield from _enclosing(node, line)
