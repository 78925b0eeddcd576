"""`--engine spark`: the same matrix, byte for byte, and the same worklists' scores."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import borough_at_scale
from charter.contracts.matrix import Matrix, MatrixDate
from charter.errors import UsageError
from features.engines.engine import Engine, assemble_dates
from features.engines.spark import collect_dates, measure_reporting_lag, open_session, write_rows

pytest.importorskip("pyspark", reason="needs the extra `spark`")

pytestmark = [
    pytest.mark.deep,
    # PySpark warns of pandas 3, which nothing here uses.
    pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas:FutureWarning"),
    # Its sockets to the Java side are closed when the interpreter ends.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    running = open_session("local[2]")
    running.sparkContext.setLogLevel("ERROR")
    yield running
    running.stop()


def test_three_thousand_households_are_the_same_in_every_cell(spark: Any, tmp_path: Path) -> None:
    question, tables = borough_at_scale.question(6), borough_at_scale.make(3000, 500_000)
    engine = Engine(question, tables)
    lag = engine.reporting_lag_days
    mine = assemble_dates(question, engine.blocks())
    out = str(tmp_path / "rows")
    assert write_rows(spark, question, str(tables), out, buckets=4) == [
        {"cannot_tell": cannot_tell, "cannot_begin": cannot_begin} for _, cannot_tell, cannot_begin in mine
    ]
    collect_dates(spark, question, out, tmp_path)
    assert measure_reporting_lag(spark, question, str(tables)) == lag
    matrix = Matrix(tmp_path, {"id": "spark"}, {})
    for rows, *_ in mine:
        theirs = matrix.at(rows.as_of)
        assert len(rows.entity) > 2000
        for name in MatrixDate.ARRAYS:
            one, other = getattr(rows, name), getattr(theirs, name)
            assert (one.dtype, one.shape) == (other.dtype, other.shape)
            assert one.tobytes() == other.tobytes(), f"{name} at {rows.as_of}"


def test_the_number_of_buckets_changes_nothing(spark: Any, tmp_path: Path) -> None:
    question, tables = borough_at_scale.question(2), borough_at_scale.make(20, 4000, 2)
    found = []
    for buckets in (1, 7):
        out = str(tmp_path / f"rows{buckets}")
        write_rows(spark, question, str(tables), out, buckets=buckets)
        collect_dates(spark, question, out, tmp_path / f"matrix{buckets}")
        found.append(Matrix(tmp_path / f"matrix{buckets}", {"id": "spark"}, {}).at(question.dates[-1]))
    assert np.isfinite(found[0].features).any()
    assert found[0].features.tobytes() == found[1].features.tobytes()
    assert found[0].person.tobytes() == found[1].person.tobytes()


def test_a_cluster_that_is_not_there_is_named_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyspark.sql", None)
    with pytest.raises(UsageError, match="PySpark is not installed"):
        open_session("local[1]")
