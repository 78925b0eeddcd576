"""What has nothing to do starts nothing heavy: no library is loaded before it is used."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from charter.errors import ReferredError
from tests.conftest import ROOT

HEAVY = ("lightgbm", "pandas", "sklearn", "scipy", "mlflow", "numba", "duckdb", "pyarrow", "matplotlib", "sqlalchemy")
_NAME_LOADED = f"""
import atexit, sys
atexit.register(lambda: print("loaded:", *[name for name in {HEAVY!r} if name in sys.modules]))
import sooner
sooner.main()
"""


def loaded_by(*words: str) -> tuple[str, str]:
    """Run the command and return what it said on both streams, and which heavy libraries it had loaded at its end."""
    ran = subprocess.run([sys.executable, "-c", _NAME_LOADED, *words], cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode in (0, ReferredError.exit_code), ran.stderr
    output, _, names = ran.stdout.rpartition("loaded:")
    return output + ran.stderr, names.strip()


def test_the_help_loads_no_heavy_library() -> None:
    output, names = loaded_by("--help")
    assert "Look after:" in output
    assert names == ""


@pytest.mark.parametrize(
    ("verb", "beginning"),
    [
        ("pull", "Nothing new since snapshot"),
        ("audit", "Nothing changed since the audit of run"),
        ("train", "Nothing changed since run"),
        ("decide", "Referred to the board"),
        ("promote", "is what lists are made with now"),
        ("rank", "Nothing changed since the lists of"),
    ],
)
def test_a_verb_that_has_nothing_to_do_loads_no_heavy_library(own_workspace: Path, verb: str, beginning: str) -> None:
    words = (verb, "--council", "council", "--workspace", str(own_workspace))
    loaded_by(*words)  # an audit stands for a day, and the demo may have been made the day before
    output, names = loaded_by(*words)
    assert beginning in output
    assert names == ""


def test_a_build_that_has_nothing_to_do_loads_neither_compiler_nor_database(demo_workspace: Path) -> None:
    output, names = loaded_by("build", "--council", "council", "--workspace", str(demo_workspace))
    assert "columns" in output
    assert names == ""


def test_links_that_stand_load_no_more_than_the_database(own_workspace: Path) -> None:
    output, names = loaded_by("link", "--council", "council", "--workspace", str(own_workspace))
    assert "Already linked snapshot" in output
    assert names == "duckdb"


def test_making_a_list_again_loads_no_pandas(own_workspace: Path) -> None:
    """Broken by giving the database an Arrow table: it looks whether that is a frame of pandas, and loads it."""
    output, names = loaded_by("rank", "--refresh", "--council", "council", "--workspace", str(own_workspace))
    assert "worklist" in output
    assert "duckdb" in names.split()
    assert "pandas" not in names.split()


def test_what_a_run_that_stands_is_told_with_loads_neither_model_library_nor_compiler() -> None:
    wanted = ("lightgbm", "pandas", "sklearn", "scipy", "mlflow", "numba", "matplotlib")
    code = (
        f"import sys, training.report.terminal, training.run_inputs; print([n for n in {wanted!r} if n in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
