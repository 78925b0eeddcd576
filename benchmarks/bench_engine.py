"""The engine's own figures on the whole work: against a scan of the same columns, as the work grows, in memory.

Each figure is the median of three; contenders take turns, so that a busy minute hits both. Every run is a process of
its own, once more than counted, so that nothing is compiled or read from a cold disk while the clock runs; what
compiling costs is bench_compiling's. CPU seconds are those of all threads.

    python -m benchmarks.bench_engine DEFINITION HOUSEHOLDS EVENTS DATES RUNS      one process, as JSON
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from statistics import median
from tempfile import mkdtemp
from typing import Any

from benchmarks.borough_at_scale import EVENTS, HOUSEHOLDS, WORKSPACE, make, question
from benchmarks.results import Row

REPEATS = 3
COLUMNS = 176
Run = dict[str, float]


def scan(tables: Path) -> Run:
    """Let DuckDB read the event columns that the engine reads, and do the least with each."""
    import duckdb

    began, cpu = time.perf_counter(), time.process_time()
    with duckdb.connect(config={"threads": 2}) as connection:
        connection.execute(
            "SELECT max(person_id), max(signal), max(detail), max(valid_at), max(known_at), max(known_until), "
            "sum(amount) FROM read_parquet(?)",
            [str(tables / "events.parquet")],
        ).fetchall()
    return {"wall": time.perf_counter() - began, "cpu": time.process_time() - cpu}


def write(dates: int) -> Run:
    """Put as many cells as the matrix has into memory and on the disk: no time, no permission, no count."""
    import numpy as np

    folder = Path(mkdtemp(dir=WORKSPACE))
    began, cpu = time.perf_counter(), time.process_time()
    for day in range(dates):
        np.save(folder / f"{day}.npy", np.full((HOUSEHOLDS, COLUMNS), day, dtype=np.float32))
    found = {"wall": time.perf_counter() - began, "cpu": time.process_time() - cpu}
    shutil.rmtree(folder)
    return found


def build(definition: str, tables: Path, dates: int) -> Run:
    """Make the matrix from Parquet to float32 arrays on disk, as `sooner build` does."""
    from features.engines.engine import Engine
    from features.writer import DateWriter

    asked = question(dates, import_module(f"benchmarks.{definition}").DEFINITION)
    folder = Path(mkdtemp(dir=WORKSPACE))
    began, cpu, rows = time.perf_counter(), time.process_time(), 0
    engine = Engine(asked, tables)
    with ExitStack() as stack:
        writers = [stack.enter_context(DateWriter(folder / str(day), asked)) for day in asked.dates]
        for block in engine.blocks():
            writers[block.date_index].append(block)
            rows += len(block.outcome_seen)
    found = {"wall": time.perf_counter() - began, "cpu": time.process_time() - cpu, "rows": float(rows)}
    shutil.rmtree(folder)
    return found


def alone(definition: str, households: int, events: int, dates: int, runs: int, cache: Path | None = None) -> list[Run]:
    """Run `runs` times in a process of its own; `definition` may be scan or write; `cache` has the compiled code."""
    make(households, events)
    arguments = [definition, str(households), str(events), str(dates), str(runs)]
    command = [sys.executable, "-m", "benchmarks.bench_engine", *arguments]
    environment = os.environ | ({"NUMBA_CACHE_DIR": str(cache)} if cache else {})
    root = Path(__file__).parents[1]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=root, env=environment)
    return list(json.loads(done.stdout))


def turns(*contenders: Callable[[], Run]) -> list[Run]:
    """Run the contenders in turn, three times; return the medians of each."""
    found: list[list[Run]] = [[] for _ in contenders]
    for _ in range(REPEATS):
        for place, contender in enumerate(contenders):
            found[place].append(contender())
    return [{name: median(run[name] for run in runs) for name in runs[0]} for runs in found]


def warm(definition: str, households: int, events: int, dates: int) -> Callable[[], Run]:
    """Return a contender: the second run of a process of its own."""
    return lambda: alone(definition, households, events, dates, 2)[-1]


def run() -> list[Row]:
    """Measure the whole work, and what a fifth of its events and a quarter of its dates cost."""
    whole, read, written, few, short = turns(
        warm("definition", HOUSEHOLDS, EVENTS, 24),
        warm("scan", HOUSEHOLDS, EVENTS, 24),
        warm("write", HOUSEHOLDS, EVENTS, 24),
        warm("definition", HOUSEHOLDS, EVENTS // 5, 24),
        warm("definition", HOUSEHOLDS, EVENTS, 6),
    )
    sides = {f"engine_{name}": value for name, value in whole.items()} | {f"scan_{n}": v for n, v in read.items()}
    return [
        row(
            "engine/Parquet to matrix against a DuckDB scan of the same columns",
            whole["wall"] / read["wall"], "x", 15, {**sides, "by_cpu": whole["cpu"] / read["cpu"],
             "bound: the scan, and as many cells written to the disk, times the scan":
             (read["wall"] + written["wall"]) / read["wall"]},
        ),
        row("engine/events x5 cost", whole["wall"] / few["wall"], "x", 3, {"by_cpu": whole["cpu"] / few["cpu"]}),
        row("engine/dates x4 cost", whole["wall"] / short["wall"], "x", 3, {"by_cpu": whole["cpu"] / short["cpu"]}),
        row("engine/peak memory", whole["peak"], "GiB", 4, {}),
    ]  # fmt: skip


def row(name: str, figure: float, unit: str, limit: float, peers: dict[str, Any]) -> Row:
    """Return a figure of ours whose goal is `limit` or less."""
    peers = {key: round(float(value), 3) for key, value in peers.items()}
    note = f"{HOUSEHOLDS:,} households, {EVENTS:,} events, 24 dates, {COLUMNS} columns unless the name says otherwise"
    return Row(name, round(figure, 3), unit, f"{limit:g} {unit} or less", figure <= limit, peers, note)


def _main(definition: str, households: str, events: str, dates: str, runs: str) -> None:
    tables, found = make(int(households), int(events)), []
    for _ in range(int(runs)):
        bare = {"scan": lambda: scan(tables), "write": lambda: write(int(dates))}
        found.append(bare[definition]() if definition in bare else build(definition, tables, int(dates)))
        found[-1]["peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(json.dumps(found))


if __name__ == "__main__":
    _main(*sys.argv[1:])
