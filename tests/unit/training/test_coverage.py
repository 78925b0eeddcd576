from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from charter.contracts.matrix import Matrix
from charter.council.council import Council
from training.data.coverage import measure_coverage, measure_seen_share
from training.data.dataset import Dataset

DAY = date(2024, 1, 1)


def events(folder: Path, rows: Sequence[dict[str, Any]]) -> Path:
    """Write an events table with these rows, everything else as usual."""
    usual = {"known_at": datetime(2024, 6, 1), "known_until": None, "amount": None, "detail": None}
    schema = pa.schema(
        [
            ("person_id", pa.string()),
            ("signal", pa.string()),
            ("valid_at", pa.timestamp("us")),
            ("known_at", pa.timestamp("us")),
            ("known_until", pa.timestamp("us")),
            ("amount", pa.decimal128(18, 4)),
            ("detail", pa.string()),
        ]
    )
    pq.write_table(pa.Table.from_pylist([usual | row for row in rows], schema=schema), folder / "events.parquet")
    return folder


def counted(data: Dataset, folder: Path) -> dict[str, tuple[int, int]]:
    return {part.component: (part.people, part.in_cohort) for part in measure_coverage(data, folder, [DAY])}


@pytest.fixture
def data(shared_matrix: Matrix, council: Council) -> Dataset:
    return Dataset.open(shared_matrix, council)


def test_people_with_the_outcome_count_once_and_in_the_cohort_if_they_were_members(
    data: Dataset, tmp_path: Path
) -> None:
    member = bytes(data.at(DAY).person[0]).decode()
    within = datetime(2024, 5, 1)
    folder = events(
        tmp_path,
        [
            {"person_id": member, "signal": "homelessness.duty_owed", "valid_at": within},
            {"person_id": member, "signal": "homelessness.duty_owed", "valid_at": within + timedelta(days=9)},
            {"person_id": "f" * 32, "signal": "homelessness.duty_owed", "valid_at": within},
            {"person_id": "f" * 32, "signal": "education.severe_absence", "valid_at": within},
            {"person_id": member, "signal": "education.suspension", "valid_at": within},
        ],
    )
    found = counted(data, folder)
    assert found["homelessness.duty_owed"] == (2, 1)
    assert found["education.severe_absence"] == (1, 0)
    assert found["any"] == (2, 1)


@pytest.mark.parametrize(
    "change",
    [
        {"valid_at": datetime(2023, 12, 31, 23, 59)},
        {"valid_at": datetime(2025, 1, 1)},
        {"known_at": datetime(2026, 9, 29)},
        {"known_until": datetime(2024, 7, 1)},
    ],
    ids=["before the horizon", "after it", "not known by the snapshot", "corrected since"],
)
def test_events_outside_the_horizon_or_not_current_do_not_count(
    data: Dataset, tmp_path: Path, change: dict[str, Any]
) -> None:
    row = {"person_id": "f" * 32, "signal": "homelessness.duty_owed", "valid_at": datetime(2024, 5, 1)}
    assert counted(data, events(tmp_path, [row | change]))["any"] == (0, 0)


def test_a_component_with_details_and_amounts_counts_those_alone(data: Dataset, tmp_path: Path) -> None:
    part = dict(data.matrix.definition["outcome"]["components"][0])
    part["events"] = {"name": part["name"], "details": ["main"], "at_least": "10", "below": "20"}
    definition = dict(data.matrix.definition)
    definition["outcome"] = {**definition["outcome"], "components": [part]}
    narrowed = replace(data, matrix=replace(data.matrix, definition=definition))
    base = {"signal": part["name"], "valid_at": datetime(2024, 5, 1)}
    folder = events(
        tmp_path,
        [
            base | {"person_id": "1" * 32, "detail": "main", "amount": Decimal(10)},
            base | {"person_id": "2" * 32, "detail": "relief", "amount": Decimal(10)},
            base | {"person_id": "3" * 32, "detail": "main", "amount": Decimal(20)},
            base | {"person_id": "4" * 32, "detail": "main", "amount": Decimal(9)},
        ],
    )
    assert counted(narrowed, folder)["any"] == (1, 0)


def test_the_share_has_an_interval_or_none_where_nobody_had_the_outcome(data: Dataset, tmp_path: Path) -> None:
    row = {"person_id": "f" * 32, "signal": "homelessness.duty_owed", "valid_at": datetime(2024, 5, 1)}
    parts = {part.component: part for part in measure_coverage(data, events(tmp_path, [row]), [DAY])}
    told = parts["any"].as_document(0.95)
    assert (told["share"], told["low"]) == (0.0, pytest.approx(0.0))
    assert 0.7 < told["high"] < 0.9
    assert parts["education.severe_absence"].as_document(0.95)["share"] is None


def test_every_date_says_who_was_seen(data: Dataset) -> None:
    shares = measure_seen_share(data)
    assert [row["as_of"] for row in shares] == [day.isoformat() for day in data.dates]
    assert {row["share"] for row in shares} == {1.0}
