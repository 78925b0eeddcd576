"""What compiling the engine's loops costs: once, when they are installed, and what is then left to a first build.

Each is measured in a folder for compiled code that begins empty, three times, by processor seconds. The bound is what
one loop takes alone, the sums: a build cannot begin without it.
"""

from __future__ import annotations

from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.bench_engine import alone
from benchmarks.results import Row
from benchmarks.whole_process import run_process

REPEATS = 3
LIMIT = 5.0
"""Processor seconds, of each."""
_INSTALLING = ("-m", "features.engines.compiled")
_IMPORTING = ("-c", "import features.engines.compiled.signatures")
_SUMS = (
    "-c",
    "from features.engines.compiled.signatures import SIGNATURES, sums;"
    "sums.accumulate_events.compile(SIGNATURES[sums.accumulate_events])",
)


def run() -> list[Row]:
    """Measure compiling everything, importing alone, the sums alone, and a first build beside its second."""
    found = [_measure_once() for _ in range(REPEATS)]
    importing, whole, sums, left = (median(column) for column in zip(*found, strict=True))
    return [
        Row(
            "engine/compiling the kernel, once an installation",
            round(whole - importing, 1),
            "s of processor time",
            f"under {LIMIT:g}",
            whole - importing < LIMIT,
            {
                "bound: one loop of it alone, the sums, s": round(sums - importing, 1),
                "importing Numba and the loops, s": round(importing, 1),
            },
            "`python -m features.engines.compiled`, as `make` installs; the loops are kept beside their modules",
        ),
        Row(
            "engine/compiling left to the first build of an installation",
            round(left, 1),
            "s of processor time",
            f"under {LIMIT:g}",
            left < LIMIT,
            {},
            "the first build of a process less its second: reading the compiled loops, and what imports in passing",
        ),
    ]


def _measure_once() -> tuple[float, float, float, float]:
    """Return processor seconds: importing, compiling everything, compiling the sums, and what a first build adds."""
    importing = run_process(_IMPORTING).processor
    with TemporaryDirectory() as cache:
        whole = run_process(_INSTALLING, variables={"NUMBA_CACHE_DIR": cache}).processor
        first, second = alone("definition", 300, 30_000, 24, 2, Path(cache))
    with TemporaryDirectory() as cache:
        sums = run_process(_SUMS, variables={"NUMBA_CACHE_DIR": cache}).processor
    return importing, whole, sums, first["cpu"] - second["cpu"]
