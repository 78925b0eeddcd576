"""Each feed over its deliveries: what changed is said, what stayed is not, and no value of a row is on the page."""

from __future__ import annotations

import re
from datetime import date, timedelta

import pytest

from charter.errors import DataError
from features.intake.feeds.changes import compare_deliveries, find_lateness
from features.intake.feeds.report import describe_feeds, write_report
from features.pull_plan import find_newest_snapshot
from tests.unit.features.conftest import ARREARS, TENANTS


def delivery(rows: int, filled: int, **details: int) -> dict:
    return {
        "deliveries": "full",
        "received_at": "2024-03-01T00:00:00+00:00",
        "covers_to": "2024-02-01T00:00:00+00:00",
        "files": {"arrears.csv": {"rows": rows, "filled": {"balance": filled}}},
        "signals": {"housing.arrears": {"rows": rows, "details": details}},
    }


def test_what_moved_more_than_chance_would_is_said() -> None:
    before = delivery(1_000, 1_000, letter=900, court=100)
    assert list(compare_deliveries(before, delivery(1_050, 1_000, letter=940, court=110))) == []
    assert list(compare_deliveries(before, delivery(400, 200, letter=200, eviction=200))) == [
        "arrears.csv: rows went from 1,000 to 400.",
        "arrears.csv: balance is empty in 50% of rows, before in 0%.",
        "housing.arrears: new in this delivery: eviction.",
        "housing.arrears: no longer there: court.",
        "housing.arrears: 50% of rows have another code than before.",
    ]


def test_a_full_feed_that_grows_as_ever_may_still_lack_a_month() -> None:
    """Rows go from 240 to 244, and all that month's but four are missing."""
    before, after = delivery(240, 240), delivery(244, 244)
    before["files"]["arrears.csv"] |= {"kept": 60, "unchanged": 180}
    after["files"]["arrears.csv"] |= {"kept": 4, "unchanged": 240}
    assert list(compare_deliveries(before, after)) == ["arrears.csv: new or changed rows went from 60 to 4."]


def test_an_incremental_feed_may_send_any_number_of_rows() -> None:
    before, after = delivery(1_000, 1_000), delivery(3, 3)
    assert list(compare_deliveries(before, after | {"deliveries": "incremental"})) == []


def test_a_delivery_that_comes_later_than_promised_is_late(town) -> None:
    source = town.invocation.register.source("housing")
    assert find_lateness(delivery(1, 1), source) == (
        29,
        "It came 29 days after the time it covers; the promise is 0 at most.",
    )


def test_the_page_shows_each_delivery_and_what_changed(town) -> None:
    town.pull()
    town.deliver("housing", "2024-10-01")
    more = "".join(f"B{n},H1,31/07/2024,{n}.50,letter,02/08/2024,\n" for n in range(1, 31))
    town.write("housing/arrears.csv", ARREARS + more)
    town.pull()
    snapshot = find_newest_snapshot(town.workspace / "store")
    assert snapshot is not None
    document = describe_feeds(town.invocation.register, snapshot)
    (feed,) = document["feeds"]
    assert [row["files"]["arrears.csv"]["rows"] for row in feed["deliveries"]] == [3, 33]
    assert feed["deliveries"][1]["changes"][0] == "arrears.csv: rows went from 3 to 33."
    page, document_path, _ = write_report(town.invocation.register, snapshot, town.workspace / "feeds")
    text = page.read_text(encoding="utf-8") + document_path.read_text(encoding="utf-8")
    assert "arrears.csv: rows went from 3 to 33." in text
    names = [cell for line in TENANTS.splitlines()[1:] for cell in line.split(",") if len(cell) > 2]
    assert len(names) > 4
    assert not [name for name in names if name in text]


@pytest.mark.parametrize(("lag", "told"), [(0, True), (20, False), (35, False), (45, True)])
def test_the_registers_lag_is_held_against_what_deliveries_show(town, lag: int, told: bool) -> None:
    """Rows of 21 August to 29 September, which the delivery of 1 September lacked, came with the one of 1 October."""
    path = town.council / "register.toml"
    stated = re.sub(r"arrival_lag_days = \d+", f"arrival_lag_days = {lag}", path.read_text(encoding="utf-8"))
    assert f"= {lag}\n" in stated
    path.write_text(stated, encoding="utf-8")
    town.pull()
    town.deliver("housing", "2024-10-01")
    days = [date(2024, 8, 21) + timedelta(days=number % 40) for number in range(100)]
    more = "".join(f"C{n},H1,{day:%d/%m/%Y},{n}.50,letter,,\n" for n, day in enumerate(days, start=1))
    town.write("housing/arrears.csv", ARREARS + more)
    town.pull()
    snapshot = find_newest_snapshot(town.workspace / "store")
    assert snapshot is not None
    (feed,) = describe_feeds(town.invocation.register, snapshot)["feeds"]
    measured = feed["deliveries"][1]["arrival"]
    assert (measured["new"], measured["at_least"] < 20, measured["at_most"]) == (100, True, 39)
    sentences = [change for change in feed["deliveries"][1]["changes"] if "Nine in ten" in change]
    assert bool(sentences) == told


def test_columns_that_differ_are_named_for_every_file_before_anything_is_read(town) -> None:
    town.write("housing/tenants.csv", TENANTS.replace("forename", "first_forename"))
    town.write("housing/arrears.csv", ARREARS.replace("balance", "shoe_size"))
    with pytest.raises(DataError, match=r"2 files are not as register.toml declares them") as refused:
        town.pull()
    assert "'forename' is now 'first_forename'" in str(refused.value)
    assert "arrears.csv has an unknown column 'shoe_size'" in str(refused.value)
    assert not (town.workspace / "quarantine").exists()
