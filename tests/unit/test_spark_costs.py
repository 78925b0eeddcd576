"""From which size Spark pays is computed from what was measured, and never of arrays that differ."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import bench_spark
from benchmarks.bench_spark import Pair, growth_row, pays_row

SPARK = {"seconds": {"rows": 8.0, "listed": 2.0}, "processor": 20.0, "rows": 1000, "listed": 50}
HERE = {"seconds": {"rows": 2.0}, "processor": 3.0, "peak": 1.0}


def test_spark_pays_from_where_one_machine_is_full() -> None:
    row = pays_row(Pair(1000, SPARK, HERE, 1.0))
    assert row.figure == 64_000
    assert row.peers["households that fill 24 GiB"] == 24_000
    assert row.peers["bytes a household"] == round(2**30 / 1000)
    assert row.peers["below it, one machine is so many times as fast as Spark on the same cores"] == 5.0
    assert row.peers["cores of a cluster that would be as fast as one machine's two, at best"] == 10
    assert row.name.endswith("measured at 1,000")


def test_growth_is_a_household_s_and_has_spark_s_own_beside_it() -> None:
    small = Pair(1000, SPARK, HERE, 1.0)
    large = Pair(10_000, {**SPARK, "seconds": {"rows": 150.0}}, {**HERE, "seconds": {"rows": 30.0}}, 12.0)
    row = growth_row(small, large)
    assert (row.figure, row.met) == (1.5, False)
    assert row.peers["one machine without Spark, x"] == 1.5
    assert row.peers["bound: Spark alone handing the events out and sorting them, x"] == 1.2


def test_no_time_is_told_where_arrays_or_lists_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    def alone(contender: str, *_: object) -> dict[str, object]:
        return {"seconds": {"rows": 1.0}, "digests": ["a", "b" if contender == "here" else "c"]}

    monkeypatch.setattr(bench_spark, "_run_alone", alone)
    with pytest.raises(RuntimeError, match="Spark and the engine differ at 70 households"):
        bench_spark.measure_size(70, Path("model.lgb"))
