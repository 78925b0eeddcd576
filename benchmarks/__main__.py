"""`python -m benchmarks [NAME]`: run every benchmark, the one called NAME, or those whose name contains NAME.

A benchmark is a module `benchmarks/bench_*.py` with a function `run() -> list[Row]`. A figure that misses its goal is
kept as missed; only a benchmark that cannot run at all makes this exit with 1.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from benchmarks.results import record

FOLDER = Path(__file__).parent


def names(wanted: str) -> list[str]:
    """Return the benchmark called `wanted`, or those whose name contains it."""
    every = [path.stem.removeprefix("bench_") for path in sorted(FOLDER.glob("bench_*.py"))]
    return [wanted] if wanted in every else [name for name in every if wanted in name]


def main() -> int:
    """Run the benchmarks named on the command line and print each row."""
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    chosen = names(wanted)
    if not chosen:
        print(f"no benchmark is called {wanted!r}; there are: {', '.join(names(''))}", file=sys.stderr)
        return 2
    for name in chosen:
        print(f"{name} ...", file=sys.stderr, flush=True)
        for row in importlib.import_module(f"benchmarks.bench_{name}").run():
            record(row)
            goal = "" if row.goal is None else f"  goal {row.goal}: {'met' if row.met else 'MISSED'}"
            print(f"  {row.name}: {row.figure:g} {row.unit}{goal}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
