"""What a start costs: `sooner --help`, and `sooner rank` of a day whose lists are issued already, in processor time.

Each figure is the median of ten runs, user and system seconds of the whole process. Two checkouts take turns where
`SOONER_BENCH_BESIDE` names another one. `SOONER_BENCH_DEMO` names a demo's workspace to rank in (a copy of it, for each
checkout); without it a demo of 2,500 homes is played first.

    SOONER_BENCH_BESIDE=../before SOONER_BENCH_DEMO=workspace python -m benchmarks help
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.results import Row

ROOT = Path(__file__).parents[1]
RUNS = 10
GOAL = 0.3
"""Seconds for `sooner --help`."""


def processor_seconds(checkout: Path, words: Sequence[str]) -> float:
    """Run `sooner` of a checkout and return the user and system seconds that it took; raise where it fails."""
    child = subprocess.Popen(
        [sys.executable, "-m", "sooner", *words],
        cwd=checkout,
        env={**os.environ, "PYTHONPATH": str(checkout)},
        stdout=subprocess.DEVNULL,
    )
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise subprocess.CalledProcessError(child.returncode, child.args)
    return used.ru_utime + used.ru_stime


def median_seconds(words: dict[Path, Sequence[str]]) -> dict[Path, float]:
    """Return each checkout's median over the runs, after one that isn't counted; they take turns."""
    for checkout, line in words.items():
        processor_seconds(checkout, line)
    seconds: dict[Path, list[float]] = {checkout: [] for checkout in words}
    for _ in range(RUNS):
        for checkout, line in words.items():
            seconds[checkout].append(processor_seconds(checkout, line))
    return {checkout: statistics.median(figures) for checkout, figures in seconds.items()}


def play_demo(folder: Path) -> Path:
    """Return a demo's workspace: the one that is named, or one that is played now."""
    if given := os.environ.get("SOONER_BENCH_DEMO"):
        return Path(given).resolve()
    words = ["demo", "--no-serve", "--households", "2500", "--quiet", "--workspace", str(folder / "demo")]
    subprocess.run([sys.executable, "-m", "sooner", *words], check=True, cwd=ROOT)
    return folder / "demo"


def run() -> list[Row]:
    """Measure both, beside another checkout where one is named."""
    beside = os.environ.get("SOONER_BENCH_BESIDE")
    checkouts = [ROOT, *([Path(beside).resolve()] if beside else [])]
    helps = median_seconds({checkout: ["--help"] for checkout in checkouts})
    with tempfile.TemporaryDirectory() as folder:
        demo = play_demo(Path(folder))
        words: dict[Path, Sequence[str]] = {}
        for number, checkout in enumerate(checkouts):
            workspace = Path(folder) / str(number)
            shutil.copytree(demo, workspace, ignore=shutil.ignore_patterns("extracts", "mlartifacts"))
            words[checkout] = ["rank", "--quiet", "--workspace", str(workspace)]
        ranks = median_seconds(words)
    return [
        Row(
            "sooner --help",
            round(helps[ROOT], 3),
            "s of processor time",
            f"{GOAL} or less",
            helps[ROOT] <= GOAL,
            _beside(helps),
            f"median of {RUNS}, all verbs listed",
        ),
        Row(
            "sooner rank of an issued day",
            round(ranks[ROOT], 2),
            "s of processor time",
            None,
            None,
            _beside(ranks),
            f"median of {RUNS}; its lists stand and are named again",
        ),
    ]


def _beside(medians: dict[Path, float]) -> dict[str, float | str]:
    return {_commit(checkout): round(figure, 3) for checkout, figure in medians.items() if checkout != ROOT}


def _commit(checkout: Path) -> str:
    words = ["git", "-C", str(checkout), "rev-parse", "--short", "HEAD"]
    return f"at commit {subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()}, s"
