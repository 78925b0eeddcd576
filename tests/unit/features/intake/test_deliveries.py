"""Deliveries have a period and a moment: whatever order they arrive in, the records are the same."""

from __future__ import annotations

import itertools
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from charter.errors import DataError

HEADER = "id,person_ref,day,balance,stage,recorded,corrected\n"
TENANTS = "person_ref,forename,surname,born,uprn,since\n"
RECORDS = ("events", "addresses", "coverage", "permission", "protected", "places")


@pytest.fixture
def monthly(town):
    """Give the council, without a delivery yet; its known times are those of deliveries."""
    shutil.rmtree(town.workspace / "extracts/housing")
    town.register('known_at = "coalesce(corrected, recorded)"\n', "")
    town.register('dates = "%d/%m/%Y"', 'dates = "%d/%m/%Y"\ntolerance = { vanished_rows = 0.99 }')
    return town


def write_month(town, month: int, rows: dict[str, float], *, kind: str = "full", people: int = 3) -> str:
    name = f"2024-{month:02}"
    said = {
        "schema_version": 1,
        "service": "housing",
        "covers_from": "2020-01-01T00:00:00+00:00",
        "covers_to": f"2024-{month:02}-28T00:00:00+00:00",
        "received_at": f"2024-{month:02}-28T06:00:00+00:00",
        "synthetic": True,
        "deliveries": kind,
    }
    town.write(f"housing/{name}/delivery.json", json.dumps(said))
    names = ("Ada", "Ben", "Cy", "Dee")
    tenants = "".join(f"H{n},{names[n]},Marsh,,{n + 100},01/03/2020\n" for n in range(people))
    town.write(f"housing/{name}/tenants.csv", TENANTS + tenants)
    lines = "".join(f"{key},H{int(key[1:]) % people},0{1 + int(key[1:]) % 9}/01/2024,{amount},letter,,\n"
                    for key, amount in rows.items())  # fmt: skip
    town.write(f"housing/{name}/arrears.csv", HEADER + lines)
    return name


def make_months(seed: int, months: int) -> list[dict[str, float]]:
    """Return each month's rows: some new, some corrected, some gone, and some of those back again."""
    chance = np.random.default_rng(seed)
    rows: dict[str, float] = {f"A{n}": 10.0 * (n + 1) for n in range(5)}
    said = []
    for month in range(months):
        rows = {key: amount + 1 if chance.random() < 0.3 else amount for key, amount in rows.items()}
        rows = {key: amount for key, amount in rows.items() if chance.random() > 0.15}
        rows |= {f"A{10 * (month + 1) + n}": 5.0 for n in range(2)}
        if chance.random() < 0.5:
            rows["A0"] = 10.0
        said.append(dict(rows))
    return said


def records_of(town, rows_of) -> dict[str, list[dict[str, object]]]:
    from features.pull_plan import find_newest_snapshot

    newest = find_newest_snapshot(town.workspace / "store")
    assert newest is not None
    return {name: rows_of(newest / "records" / f"{name}.parquet") for name in (*RECORDS, "feeds")}


def shuffle_months(seed: int) -> list[int]:
    return [int(month) for month in np.random.default_rng(seed).permutation(12)]


def arrive(town, batches, months: list[dict[str, float]], kind: str = "full") -> None:
    """Let batches of months come, each pulled as it comes, in a workspace of its own."""
    shutil.rmtree(town.workspace, ignore_errors=True)
    for batch in batches:
        for month in batch:
            write_month(town, month + 1, months[month], kind=kind)
        town.pull()


def one_by_one(order) -> list[tuple[int, ...]]:
    return [(month,) for month in order]


def test_any_order_of_twelve_monthly_deliveries_leaves_the_same_records(monthly, rows_of) -> None:
    months = make_months(5, 12)
    arrive(monthly, [range(12)], months)
    expected = records_of(monthly, rows_of)
    assert len(expected["events"]) > 30
    assert {row["known_rule"] for row in expected["events"]} == {"assumed", "first_seen", "changed"}
    order = shuffle_months(11)
    assert order != sorted(order)
    arrive(monthly, [order[:5], order[5:10], order[10:]], months)
    assert records_of(monthly, rows_of) == expected


@pytest.mark.deep
@pytest.mark.parametrize("seed", range(4))
def test_twelve_deliveries_one_by_one_in_any_order_leave_the_same_records(monthly, rows_of, seed: int) -> None:
    months = make_months(seed, 12)
    arrive(monthly, one_by_one(range(12)), months)
    expected = records_of(monthly, rows_of)
    arrive(monthly, one_by_one(shuffle_months(seed)), months)
    assert records_of(monthly, rows_of) == expected


@pytest.mark.deep
@pytest.mark.parametrize("kind", ["full", "incremental"])
def test_all_orders_of_four_deliveries_leave_the_same_records(monthly, rows_of, kind: str) -> None:
    for seed in range(3):
        months = make_months(seed, 4)
        arrive(monthly, one_by_one(range(4)), months, kind)
        expected = records_of(monthly, rows_of)
        for order in itertools.permutations(range(4)):
            arrive(monthly, one_by_one(order), months, kind)
            assert records_of(monthly, rows_of) == expected, (seed, order)


def test_incremental_deliveries_add_and_take_nothing_back_unless_they_say_so(monthly, rows_of) -> None:
    first, later = {"A1": 10.0, "A2": 20.0}, {"A2": 25.0, "A3": 30.0}
    arrive(monthly, [(0,), (1,)], [first, later], "incremental")
    events = records_of(monthly, rows_of)["events"]
    standing = [row for row in events if row["known_until"] is None]
    assert sorted(float(row["amount"]) for row in standing) == [10.0, 25.0, 30.0]
    assert len(events) == 4
    write_month(monthly, 3, {"A1": 0.0}, kind="incremental")
    monthly.pull()
    standing = [row for row in records_of(monthly, rows_of)["events"] if row["known_until"] is None]
    assert sorted(float(row["amount"]) for row in standing) == [25.0, 30.0]


def test_people_of_an_incremental_feed_stay_known(monthly) -> None:
    write_month(monthly, 1, {"A1": 10.0}, kind="incremental", people=4)
    monthly.pull()
    write_month(monthly, 2, {"A2": 10.0}, kind="incremental", people=3)
    monthly.pull()
    assert monthly.link().references == 4


def test_a_late_delivery_that_can_not_be_put_in_its_place_is_refused_and_how_is_said(monthly) -> None:
    write_month(monthly, 1, {"A1": 10.0})
    monthly.pull()
    name = write_month(monthly, 3, {"A1": 11.0})
    monthly.pull()
    shutil.rmtree(monthly.workspace / "extracts/housing" / name)
    write_month(monthly, 2, {"A1": 12.0})
    snapshots = monthly.snapshots
    with pytest.raises(
        DataError, match="1 of 2 deliveries that were pulled lack, the first of 28 March 2024"
    ) as refused:
        monthly.pull()
    assert "side by side" in refused.value.next_step
    assert monthly.snapshots == snapshots


def test_two_deliveries_of_one_moment_are_refused(monthly) -> None:
    write_month(monthly, 1, {"A1": 10.0})
    shutil.copytree(monthly.workspace / "extracts/housing/2024-01", monthly.workspace / "extracts/housing/again")
    with pytest.raises(DataError, match="were received at one moment"):
        monthly.pull()


def test_rows_are_kept_set_apart_or_unchanged_and_nothing_else(monthly) -> None:
    monthly.register("vanished_rows = 0.99", "vanished_rows = 0.99, bad_value = 0.9")
    write_month(monthly, 1, {"A1": 10.0, "A2": 20.0})
    monthly.pull()
    write_month(monthly, 2, {"A1": 10.0, "A2": 21.0, "A3": 1.23456})
    counts = monthly.pull().by_file["housing/2024-02/arrears.csv"]
    assert (counts["rows"], counts["kept"], counts["quarantined"], counts["unchanged"]) == (3, 1, 1, 1)
    file = Path(monthly.workspace / "extracts/housing/2024-02/arrears.csv")
    file.write_text(file.read_text() + "\n\n")
    counts = monthly.pull().by_file["housing/2024-02/arrears.csv"]
    assert (counts["blank_lines"], counts["unchanged"], counts["kept"]) == (2, 2, 0)


def test_what_happens_after_the_delivery_came_is_set_apart(monthly) -> None:
    write_month(monthly, 1, {"A1": 10.0})
    path = monthly.workspace / "extracts/housing/2024-01/arrears.csv"
    path.write_text(HEADER + "A1,H1,29/01/2024,1,letter,,\n")
    with pytest.raises(DataError, match=r"rule time.future \(first: line 2, valid_at\)"):
        monthly.pull()
    path.write_text(HEADER + "A1,H1,28/01/2024,1,letter,,\n")
    assert monthly.pull().made


def test_a_file_may_come_in_parts(monthly, rows_of) -> None:
    monthly.register('name = "arrears.csv"', 'name = "arrears*.csv"')
    name = write_month(monthly, 1, {"A1": 10.0, "A2": 20.0})
    folder = monthly.workspace / "extracts/housing" / name
    (folder / "arrears_2.csv").write_text(HEADER + "A3,H1,03/01/2024,5,letter,,\nA4,H1,soon,5,letter,,\n")
    with pytest.raises(DataError, match=r"value.type \(first: 2024-01/arrears_2.csv, line 3, day\)"):
        monthly.pull()
    (folder / "arrears_2.csv").write_text(HEADER + "A3,H1,03/01/2024,5,letter,,\n")
    assert monthly.pull().by_file["housing/2024-01/arrears*.csv"]["rows"] == 3
    assert len(records_of(monthly, rows_of)["events"]) == 3
