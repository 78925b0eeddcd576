"""The suite begins with what takes longest, and no worker waits for the demo while there is something else to do."""

from __future__ import annotations

import subprocess
import sys

from tests.conftest import ROOT

ORDER = (
    "tests/pipeline/test_as_used.py",  # makes the demo
    "tests/pipeline/test_bad_input.py",  # makes a path of its own
    "tests/browser/test_keyboard.py",  # asks for the demo as it runs
    "tests/unit/charter/test_key.py",
)


def test_while_the_demo_is_made_come_those_that_do_without_it() -> None:
    words = ["--collect-only", "-q", "-p", "no:cacheprovider", "-o", "addopts=", *sorted(ORDER)]
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", *words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    files = [line.split("::")[0] for line in ran.stdout.splitlines() if "::" in line]
    assert tuple(dict.fromkeys(files)) == ORDER, ran.stdout + ran.stderr
