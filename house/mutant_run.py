"""One wrong change, given to the tests that reach it, in a process of its own."""

from __future__ import annotations

import importlib
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from house.changed_imports import PACKAGES, start_changing
from house.mutants import ROOT, Mutant
from house.reach import Timed

__all__ = ["find_failing", "mypy_refuses", "run_mutant"]

# Imported once, here: what a forked process need not import again. None of the product.
_LIBRARIES: Final = (
    "numpy", "scipy.stats", "scipy.optimize", "sklearn.linear_model", "sklearn.isotonic", "sklearn.metrics", "lightgbm",
    "duckdb", "pyarrow.parquet", "jsonschema", "cryptography.hazmat.primitives.asymmetric.ed25519", "typer",
    "rich.table", "sqlalchemy", "alembic", "starlette.testclient", "jinja2", "mlflow", "httpx", "hypothesis", "numba",
    "matplotlib", "pandas", "pytest",
)  # fmt: skip
_REWRITTEN: Final = "ignore:Module already imported so cannot be rewritten"
_ENDS: Final = (0, 1, 2, 4)
"""All passed; one failed; a file could not be collected; a test was not found in what was left of it."""
_FIRST_TESTS, _FIRST_SECONDS = 12, 4.0


def run_mutant(mutant: Mutant, tests: Sequence[Timed], seconds: float) -> dict[str, Any]:
    """Return `outcome` (killed, survived), the `test` that failed, the `seconds` used, and how many were `left` out."""
    _import_libraries()
    started = time.monotonic()
    chosen = _within(tests, seconds)
    first = _within(chosen[:_FIRST_TESTS], _FIRST_SECONDS)
    result: dict[str, Any] = {"outcome": "survived", "tests": len(chosen), "left": len(tests) - len(chosen)}
    for part in (first, chosen[len(first) :]):
        if part and (failed := _run_forked(mutant, part)):
            result |= {"outcome": "killed", "test": failed}
            break
    return result | {"seconds": round(time.monotonic() - started, 1)}


def _within(tests: Sequence[Timed], seconds: float) -> list[Timed]:
    """Return the first tests that take so long together, one at least."""
    chosen: list[Timed] = []
    for timed in tests:
        seconds -= timed.seconds + 0.02
        if seconds < 0 and chosen:
            break
        chosen.append(timed)
    return chosen


def _import_libraries() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in _LIBRARIES:
            with suppress(ImportError):
                importlib.import_module(name)


def find_failing(tests: Sequence[Timed]) -> set[str]:
    """Return those of some tests that fail in a forked process without any change: they tell nothing of one."""
    _import_libraries()
    failing: set[str] = set()
    while left := [timed for timed in tests if timed.test not in failing]:
        failed = _run_forked(None, left)
        if not failed:
            break
        failing |= {failed} if failed in {timed.test for timed in left} else {timed.test for timed in left}
    return failing


def _run_forked(mutant: Mutant | None, tests: Sequence[Timed]) -> str:
    """Give tests the change, or none; return the first that fails, or "" where all pass.

    "ran on" is one that had to be stopped, "collecting" a file of tests that could not begin.
    """
    folder = Path(tempfile.mkdtemp(prefix="mutant-"))
    try:
        changed = {"path": mutant.path, "source": mutant.source} if mutant else {"path": "", "source": ""}
        (folder / "changed.json").write_text(json.dumps(changed), encoding="utf-8")
        expected = sum(timed.seconds for timed in tests)
        child = os.fork()
        if not child:
            is_compiled = mutant is not None and "njit" in mutant.text
            _run_tests(folder, tests, is_compiled=is_compiled, seconds=20 + 5 * expected)
        code = _wait(child, 600 + 60 * expected)
        if code is None or code < 0:
            return "ran on"
        printed = (folder / "printed").read_text(encoding="utf-8", errors="replace")
        if code not in _ENDS:
            raise RuntimeError(f"pytest ended with {code} on {mutant and mutant.path}: {printed[-2000:]}")
        failed = re.search(r"^(?:FAILED|ERROR) (\S+)", printed, re.MULTILINE)
        return "" if code == 0 else failed[1] if failed else "collecting"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait(child: int, seconds: float) -> int | None:
    """Return a process's exit code, negative for a signal, or None where it had to be stopped."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            with suppress(ProcessLookupError):
                os.killpg(child, signal.SIGKILL)
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def _run_tests(folder: Path, tests: Sequence[Timed], *, is_compiled: bool, seconds: float) -> None:
    """Run tests in this process, which was forked for it, with the changed module; never returns."""
    os.setsid()
    os.chdir(ROOT)
    code = 3
    try:
        printed = os.open(folder / "printed", os.O_WRONLY | os.O_CREAT)
        for stream in (1, 2):
            os.dup2(printed, stream)
        limit = int(seconds) + (120 if is_compiled else 0)
        resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 5))
        os.environ.update(
            PYTEST_DISABLE_PLUGIN_AUTOLOAD="1",
            SOONER_CHANGED=str(folder / "changed.json"),
            PYTHONPATH=f"{ROOT}:{ROOT / 'house' / 'mutated'}",
            TMPDIR=str(folder),
        )
        tempfile.tempdir = None
        sys.path.insert(0, str(ROOT))
        if is_compiled:
            _forget_compiled(folder)
        for name in [name for name in sys.modules if name.partition(".")[0] in (*PACKAGES, "borough", "tests")]:
            del sys.modules[name]
        start_changing()
        import pytest

        options = [
            "-x",
            "-q",
            "-rfE",
            "--tb=no",
            "-W",
            _REWRITTEN,
            "-p",
            "no:cacheprovider",
            "-p",
            "xdist.plugin",
            "-p",
            "house.kept_demo",
        ]
        code = int(pytest.main([*options, f"--basetemp={folder / 'base'}", *(timed.test for timed in tests)]))
    except BaseException:  # noqa: BLE001 - a forked process says what went wrong, and ends
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _forget_compiled(folder: Path) -> None:
    """Have Numba compile anew: what it keeps is known by a function's own code, not by what it calls."""
    import numba

    os.environ["NUMBA_CACHE_DIR"] = str(folder)
    setattr(numba.config, "CACHE_DIR", str(folder))  # noqa: B010 - it makes its names as it starts


def mypy_refuses(mutant: Mutant) -> bool:
    """Whether the type checker, which `make test` runs first, refuses the change."""
    with tempfile.TemporaryDirectory() as folder:
        changed = Path(folder) / "changed.py"
        changed.write_text(mutant.source, encoding="utf-8")
        words = ["--shadow-file", mutant.path, str(changed), "--cache-dir", "build/deep/mypy", mutant.path]
        environment = {key: value for key, value in os.environ.items() if key != "SOONER_CHANGED"}
        done = subprocess.run(  # noqa: S603 - our own interpreter
            [sys.executable, "-m", "mypy", *words], cwd=ROOT, env=environment, capture_output=True
        )
        return done.returncode == 1
