"""Does it help? Outcomes by arm, only where the year is over, and never a figure of a handful."""

from __future__ import annotations

import csv
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from charter.contracts import read_table_contract
from charter.contracts.files import find_current, read_json
from charter.errors import DataError
from fairness_reports.impact.trial import measure_trial

DAY = date(2024, 9, 1)
MOMENT = pa.timestamp("us", "UTC")


def issue(world: Any, entities: list[str], arms: list[str], as_of: date = DAY) -> None:
    folder = world.invocation.workspace.worklist / as_of.isoformat()
    folder.mkdir(parents=True)
    with (folder / "issued.csv").open("w", newline="") as handle:
        writer = csv.DictWriter(handle, read_table_contract("issued").names)
        writer.writeheader()
        for rank, (entity, arm) in enumerate(zip(entities, arms, strict=True), start=1):
            writer.writerow(
                {"list": "n", "as_of": as_of, "entity": entity, "team": "north", "rank": rank, "margin": 0, "arm": arm}
            )


def happen(world: Any, households: list[str], with_need: set[str]) -> None:
    """Give every household one resident, and some of them an outcome half a year after the list."""
    tables = world.workspace / "store" / "s1" / "tables"
    start = datetime(2020, 1, 1, tzinfo=UTC)
    residents = {"person_id": [f"p{i}" for i in range(len(households))], "household_id": households}
    nothing = pa.nulls(len(households), MOMENT)
    same = pa.array([start] * len(households), MOMENT)
    pq.write_table(
        pa.table(residents | {"start": same, "end": nothing, "known_at": same, "known_until": nothing}),
        tables / "residence.parquet",
    )
    people = [f"p{i}" for i, name in enumerate(households) if name in with_need]
    at = pa.array([datetime(2025, 3, 1, tzinfo=UTC)] * len(people), MOMENT)
    pq.write_table(
        pa.table(
            {
                "person_id": pa.array(people, pa.string()),
                "signal": pa.array(["homelessness.duty_owed"] * len(people), pa.string()),
                "valid_at": at,
                "known_at": at,
                "known_until": pa.nulls(len(people), MOMENT),
            }
        ),
        tables / "events.parquet",
    )
    deliver(world, [(datetime(2016, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))])


def deliver(world: Any, spans: list[tuple[datetime, datetime]]) -> None:
    """Let every service of the outcome have delivered some stretches of time, and no other."""
    path = world.workspace / "store" / "s1" / "tables" / "feeds.parquet"
    feeds = pq.read_table(path)
    folder = find_current(world.invocation.workspace.matrix)
    assert folder is not None
    components = read_json(folder / "definition.json")["outcome"]["components"]
    services = sorted({name for part in components for name in part["services"]})
    others = feeds.filter(pc.invert(pc.field("service").isin(services)))
    rows = [
        {"service": service, "covers_from": begin, "covers_to": end, "received_at": end}
        for service in services
        for begin, end in spans
    ]
    pq.write_table(pa.concat_tables([others, pa.Table.from_pylist(rows, schema=feeds.schema)]), path)


@pytest.fixture
def world(worlds: Callable[..., Any]) -> Any:
    return worlds(households=200)


def test_arms_are_compared_as_they_were_assigned(world: Any) -> None:
    rng = np.random.default_rng(1)
    households = [f"h{i:03d}" for i in range(160)]
    arms = ["ranked"] * 80 + ["control"] * 80
    need = set(households[:16]) | set(households[80:112])
    shuffled = rng.permutation(160)
    issue(world, [households[i] for i in shuffled], [arms[i] for i in shuffled])
    happen(world, households, need)
    found = measure_trial(world.invocation)
    by_arm = {arm["arm"]: arm for arm in found["arms"]}
    assert found["verdict"] == "measured"
    assert by_arm["ranked"]["estimate"] == 0.2
    assert by_arm["control"]["estimate"] == 0.4
    (comparison,) = found["comparisons"]
    assert comparison["difference"] == pytest.approx(0.2)
    assert comparison["interval"][0] > 0
    assert "different households" in found["sentence"], "no lot of a registered trial decided between them"
    assert "control 40.0 % of 80" in found["sentence"]


@pytest.mark.parametrize(
    "spans",
    [
        [(datetime(2016, 1, 1, tzinfo=UTC), datetime(2025, 6, 1, tzinfo=UTC))],
        [(datetime(2025, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))],
        [
            (datetime(2016, 1, 1, tzinfo=UTC), datetime(2024, 12, 1, tzinfo=UTC)),
            (datetime(2025, 2, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)),
        ],
    ],
    ids=["ends early", "starts late", "has a gap"],
)
def test_no_arm_is_measured_over_a_time_that_was_not_delivered(
    world: Any, spans: list[tuple[datetime, datetime]]
) -> None:
    """Whoever is known to have had a need counts as little as all of whom nothing was delivered."""
    households = [f"h{i:03d}" for i in range(160)]
    issue(world, households, ["ranked"] * 80 + ["control"] * 80)
    happen(world, households, set(households[:16]))
    deliver(world, spans)
    answer = measure_trial(world.invocation)
    assert answer["verdict"] == "insufficient"
    assert [(arm["measured"], arm["estimate"]) for arm in answer["arms"]] == [(0, None), (0, None)]


def test_a_household_counts_once_by_its_first_list(world: Any) -> None:
    households = [f"h{i:03d}" for i in range(80)]
    issue(world, households, ["ranked"] * 40 + ["random"] * 40)
    issue(world, households, ["random"] * 40 + ["ranked"] * 40, as_of=DAY + timedelta(days=7))
    happen(world, households, set(households[:10]))
    found = measure_trial(world.invocation)
    by_arm = {arm["arm"]: arm for arm in found["arms"]}
    (comparison,) = found["comparisons"]
    assert sorted(comparison["arms"]) == ["random", "ranked"]
    assert comparison["by_lot"] is False, "places drawn at random beside the ranking are no trial of the offer"
    assert by_arm["ranked"]["estimate"] == 0.25
    assert by_arm["random"]["estimate"] == 0.0


def test_a_year_that_is_not_over_is_insufficient_and_says_until_when(world: Any) -> None:
    households = [f"h{i:03d}" for i in range(80)]
    issue(world, households, ["ranked"] * 40 + ["control"] * 40, as_of=date(2026, 9, 28))
    happen(world, households, set())
    found = measure_trial(world.invocation)
    assert found["verdict"] == "insufficient"
    assert found["answer_from"] == "2027-10-17"
    assert "2027-10-17" in found["sentence"]
    assert all(arm["estimate"] is None for arm in found["arms"])


def test_too_few_in_an_arm_is_insufficient(world: Any) -> None:
    households = [f"h{i:03d}" for i in range(60)]
    issue(world, households, ["ranked"] * 55 + ["control"] * 5)
    happen(world, households, set(households))
    found = measure_trial(world.invocation)
    assert found["verdict"] == "insufficient"
    assert found["comparisons"] == []


def test_offers_of_help_are_counted(world: Any) -> None:
    households = [f"h{i:03d}" for i in range(40)]
    issue(world, households, ["ranked"] * 40)
    happen(world, households, set())
    path: Path = world.invocation.workspace.worklist / "actions.csv"
    with path.open("w", newline="") as handle:
        writer = csv.DictWriter(handle, read_table_contract("actions").names)
        writer.writeheader()
        row = {"list": "n", "disposition": "taken_up", "decided_at": "2024-09-03", "known_at": "2024-09-03"}
        writer.writerow(row | {"entity": "h000", "offered_at": "2024-09-05"})
        writer.writerow(row | {"entity": "h001", "offered_at": ""})
    assert measure_trial(world.invocation)["arms"][0]["offered_help"] == 1


def test_without_lists_or_a_matrix_there_is_nothing_to_compare(world: Any) -> None:
    with pytest.raises(DataError, match="no list has been issued"):
        measure_trial(world.invocation)
    issue(world, ["h1"], ["ranked"])
    (world.workspace / "matrix" / "early_help" / "current").unlink()
    with pytest.raises(DataError, match="no matrix"):
        measure_trial(world.invocation)
