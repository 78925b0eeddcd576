"""The same definition on Apache Spark, `local[2]`: Parquet to Parquet, start-up excluded. Cells: see `make deep`."""

from __future__ import annotations

import importlib.util
import statistics
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import borough_at_scale
from benchmarks.results import Row

_SIZE, _DATES, _RUNS = (3_000, 500_000), 6, 3


def run() -> list[Row]:
    """Time the whole way on Spark, after a small run that starts the JVM and the workers."""
    name = "Spark local[2], Parquet to Parquet"
    if importlib.util.find_spec("pyspark") is None:
        note = 'not run: pip install "sooner[spark]" and Java 17 are needed'
        return [Row(name, 0.0, "s", "a figure", False, note=note)]
    from features.engines.engine import Engine
    from features.engines.spark import open_session, write_rows

    question, tables = borough_at_scale.question(_DATES), borough_at_scale.make(*_SIZE)
    spark = open_session("local[2]")
    spark.sparkContext.setLogLevel("ERROR")
    on_spark, here = [], []
    with tempfile.TemporaryDirectory() as folder:
        write_rows(spark, borough_at_scale.question(2), str(borough_at_scale.make(20, 4000, 2)), f"{folder}/small")
        for turn in range(_RUNS):
            began = time.perf_counter()
            write_rows(spark, question, str(tables), f"{folder}/rows")
            on_spark.append(time.perf_counter() - began)
            began = time.perf_counter()
            for _ in Engine(question, Path(tables)).blocks():
                pass
            here.append(time.perf_counter() - began)
            print(f"    {turn}: Spark {on_spark[-1]:.1f} s, here {here[-1]:.2f} s", file=sys.stderr, flush=True)
    spark.stop()
    note = (
        f"{_SIZE[0]:,} households, {_SIZE[1]:,} events, {_DATES} dates, 176 columns; on one machine Spark is all cost: "
        "its place is data that one machine can't hold"
    )
    local = round(statistics.median(here), 2)
    return [
        Row(
            name, round(statistics.median(on_spark), 2), "s", None, None, {"our engine here, no output, s": local}, note
        )
    ]
