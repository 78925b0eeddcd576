"""How right links are, by group: counted by hand on a table small enough to read."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from fairness_reports.audit.explaining.linkage_error import measure_linkage

HEARD, UNHEARD = range(20), range(20, 40)


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    """Twenty people linked wholly right; twenty of whom half of the pairs were found, and one pair in four is wrong."""
    rows = [(f"p{n:02}", 0, 6, 6) for n in HEARD] + [(f"p{n:02}", 1, 6, 3) for n in UNHEARD]
    with duckdb.connect() as database:
        database.execute('create table linkage (person_id varchar, wrong bigint, "true" bigint, "right" bigint)')
        database.executemany("insert into linkage values (?, ?, ?, ?)", rows)
        database.execute(f"copy linkage to '{tmp_path / 'linkage.parquet'}' (format parquet)")
    return tmp_path


def test_each_group_has_its_own_figures_beside_everyone_else_s(tables: Path) -> None:
    recorded = {"ethnicity": {f"p{n:02}".encode(): "A" for n in HEARD} | {b"p20": "B"}}
    rows = measure_linkage(tables, recorded, "not recorded", "m")
    found = {(row["group"], row["measure"]): row for row in rows}
    assert found[None, "linkage_recall"]["estimate"] == pytest.approx((20 * 6 + 20 * 3) / 240)
    assert found[None, "linkage_precision"]["estimate"] == pytest.approx(180 / 200)
    assert found["A", "linkage_f1"]["estimate"] == 1
    assert found["not recorded", "linkage_recall"]["estimate"] == pytest.approx(0.5)
    assert found["not recorded", "linkage_precision"]["estimate"] == pytest.approx(0.75)
    assert found["not recorded", "linkage_recall"]["n"] == 19
    assert found["A", "linkage_recall"]["difference"] == pytest.approx(0.5)
    assert found["B", "linkage_recall"]["interval"] is None
    assert all(0 <= end <= 1 for row in rows for end in row["interval"] or ())


def test_nothing_is_said_where_nobody_knows_the_truth(tmp_path: Path) -> None:
    assert measure_linkage(tmp_path, {"ethnicity": {}}, "not recorded", "m") == []
