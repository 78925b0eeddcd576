"""What Spark costs where one machine would do, how it grows, and from which size it pays: from events to scored lists.

Spark with two workers on this machine and the engine alone take the same tables, one after the other, each a process
of its own, from Parquet to each small area's list; their arrays and lists are compared by digest. Each runs once at
each size: parts of minutes vary little beside what is told here.

    python -m benchmarks spark                                             110,000 households, then 1.1 million
    SOONER_BENCH_SPARK="1000 4000" python -m benchmarks.bench_spark        other sizes, printed and not recorded

SOONER_BENCH_SPARK_DATES is how many as-of dates are built, 1 if it is not there, as `sooner rank` does.

    python -m benchmarks.bench_spark spark|here|events HOUSEHOLDS DATES MODEL      one process, as JSON
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import spark_contenders
from benchmarks.borough_at_scale import EVENTS, WORKSPACE, make
from benchmarks.definition import FEATURES
from benchmarks.results import Row
from benchmarks.scoring import grow_trees

SIZES = "110000 1100000"
DATES = int(os.environ.get("SOONER_BENCH_SPARK_DATES", "1"))
_EVERYBODY = 1_100_000
"""Households whose events are `EVENTS`; fewer have as many each."""
_GROWTH = 1.2
_CORES = 2
_TREES = {"trees": 150, "leaves": 8}
"""As the shipped training.toml has them."""
_MEMORY = (24, 64)
"""GiB of an ordinary machine, and of a large one."""


@dataclass(frozen=True)
class Pair:
    """What Spark and the engine alone said of one size, and the seconds of Spark's handing out alone."""

    households: int
    spark: Mapping[str, Any]
    here: Mapping[str, Any]
    bare: float

    @property
    def seconds(self) -> tuple[float, float]:
        """Seconds by the clock of the whole way: Spark's, ours."""
        return sum(self.spark["seconds"].values()), sum(self.here["seconds"].values())


def run() -> list[Row]:
    """Measure both ways at each size; tell their costs, their growth, and from which size Spark pays."""
    if importlib.util.find_spec("pyspark") is None:
        note = 'not run: pip install "sooner[spark]" and Java 17 are needed'
        return [Row("spark/events to lists", 0.0, "s", "a figure", False, note=note)]
    sizes = [int(word) for word in os.environ.get("SOONER_BENCH_SPARK", SIZES).split()]
    WORKSPACE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=WORKSPACE) as folder:
        model = Path(folder) / "model.lgb"
        rng = np.random.default_rng(1)
        rows = rng.poisson(1.0, (20_000, len(FEATURES))).astype(np.float32)
        names = [feature.name for feature in FEATURES]
        model.write_text(grow_trees(rows, names, rng, **_TREES), encoding="utf-8")
        pairs = [measure_size(size, model) for size in sizes]
    return [*map(_cost_row, pairs), growth_row(pairs[0], pairs[-1]), pays_row(pairs[-1])]


def measure_size(households: int, model: Path) -> Pair:
    """Run all three on the tables of one size; raise RuntimeError where an array or a list differs."""
    here = _run_alone("here", households, model)
    spark = _run_alone("spark", households, model)
    bare = _run_alone("events", households, model)
    if here["digests"] != spark["digests"]:
        raise RuntimeError(f"Spark and the engine differ at {households:,} households")
    return Pair(households, spark, here, sum(bare["seconds"].values()))


def _run_alone(contender: str, households: int, model: Path) -> dict[str, Any]:
    make(households, _events_of(households))
    words = [contender, str(households), str(DATES), str(model)]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.bench_spark", *words],
        check=True, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1],
    )  # fmt: skip
    outcome = dict(json.loads(done.stdout.splitlines()[-1]))
    print(f"    {households:,} {contender}: {outcome['seconds']}", file=sys.stderr, flush=True)
    return outcome


def _events_of(households: int) -> int:
    return EVENTS * households // _EVERYBODY


def _note(pair: Pair) -> str:
    return (
        f"{pair.households:,} households, {_events_of(pair.households):,} events, as-of dates: {DATES}, 176 columns, "
        f"{pair.spark['rows']:,} rows, {pair.spark['listed']:,} listed; one run; the arrays of every date and the "
        "lists are the same bytes; Spark's start is not counted"
    )


def _cost_row(pair: Pair) -> Row:
    far, near = pair.seconds
    parts = {f"Spark, {part}, s": round(seconds, 1) for part, seconds in pair.spark["seconds"].items()}
    peers = {
        "one machine without Spark, s": round(near, 1),
        "one machine without Spark, peak GiB": round(pair.here["peak"], 2),
        "Spark, processor s": round(pair.spark["processor"]),
        "one machine, processor s": round(pair.here["processor"]),
        **parts,
    }
    name = f"spark/{pair.households:,} households, events to lists on local[2]"
    return Row(name, round(far, 1), "s", None, None, peers, _note(pair))


def growth_row(small: Pair, large: Pair) -> Row:
    """Return how much more a household costs on Spark in the larger borough."""
    more = large.households / small.households
    growth = large.seconds[0] / small.seconds[0] / more
    return Row(
        f"spark/a household's cost, {large.households:,} against {small.households:,} households",
        round(growth, 2), "x", f"{_GROWTH:g} x or less", growth <= _GROWTH,
        {
            "one machine without Spark, x": round(large.seconds[1] / small.seconds[1] / more, 2),
            "bound: Spark alone handing the events out and sorting them, x": round(large.bare / small.bare / more, 2),
        },
        _note(large),
    )  # fmt: skip


def pays_row(pair: Pair) -> Row:
    """Return from how many households one machine's memory is full, which is where Spark begins to pay.

    All of the peak is counted as the households' own, which is too much, and above 40 million event rows the engine
    goes through in ranges of households, each in the memory of one: it pays from this size or later.
    """
    far, near = pair.seconds
    each = pair.here["peak"] / pair.households
    full = [round(gib / each) for gib in _MEMORY]
    peers = {
        f"households that fill {_MEMORY[0]} GiB": full[0],
        "bytes a household": round(each * 2**30),
        f"one machine's hours for those of {_MEMORY[1]} GiB": round(near / pair.households * full[1] / 3600, 1),
        "below it, one machine is so many times as fast as Spark on the same cores": round(far / near, 1),
        "cores of a cluster that would be as fast as one machine's two, at best": round(_CORES * far / near),
    }
    name = f"spark/households that fill {_MEMORY[1]} GiB of one machine, from where Spark pays"
    if pair.households != _EVERYBODY:
        name += f", measured at {pair.households:,}"
    note = f"{_note(pair)}; or later: above 40 million event rows the engine goes through in ranges of households"
    return Row(name, full[1], "households", None, None, peers, note)


def _main(words: Sequence[str]) -> None:
    if not words:
        for row in run():
            print(json.dumps(asdict(row), indent=1))
        return
    contender, households, dates, model = words
    tables = make(int(households), _events_of(int(households)))
    contenders = {
        "spark": lambda: spark_contenders.list_on_spark(tables, int(dates), Path(model)),
        "here": lambda: spark_contenders.list_here(tables, int(dates), Path(model)),
        "events": lambda: spark_contenders.hand_out_events(tables),
    }
    print(json.dumps(contenders[contender]()))


if __name__ == "__main__":
    _main(sys.argv[1:])
