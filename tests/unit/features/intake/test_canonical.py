"""Anyone with dated event data can use Sooner the same day: a folder of tables, taken as they are."""

from __future__ import annotations

from datetime import datetime

import duckdb
import pytest

from charter.contracts.files import read_json
from charter.errors import CharterError, DataError

REGISTER = """
[[source]]
service = "housing"
title = "Anything with dates"
format = "canonical"
folder = "tables"
basis = "public task"
purposes = ["link", "train", "rank"]
retention_years = 7
arrival_lag_days = 3

  [[source.signal]]
  name = "arrears"
  title = "Rent arrears"
"""
HEADER = "event_id,person_id,signal,valid_at,known_at,amount\n"
ROW = "1,p1,housing.arrears,2024-07-01,2024-07-02T10:00:00+01:00,2.5\n"


@pytest.fixture
def tables(town):
    (town.council / "register.toml").write_text(REGISTER, encoding="utf-8")
    town.write("tables/events.csv", HEADER + ROW)
    return town


def linked(town, rows_of, name: str) -> list[dict[str, object]]:
    town.pull()
    town.link()
    return rows_of(town.snapshots[-1] / "tables" / f"{name}.parquet")


def test_events_alone_are_enough(tables, rows_of) -> None:
    (event,) = linked(tables, rows_of, "events")
    assert (event["person_id"], event["valid_at"], event["known_at"]) == (
        "p1",
        datetime(2024, 6, 30, 23),
        datetime(2024, 7, 2, 9),
    )
    assert rows_of(tables.snapshots[-1] / "tables/people.parquet") == [
        {"person_id": "p1", "birth_date": None, "death_date": None}
    ]


def test_without_feeds_a_service_is_live_from_its_first_event_to_the_snapshot(tables, rows_of) -> None:
    (feed,) = linked(tables, rows_of, "feeds")
    assert (feed["service"], feed["covers_from"]) == ("housing", datetime(2024, 6, 30, 23))
    assert feed["covers_to"] > datetime(2024, 7, 2)


def test_without_known_times_the_feeds_lag_applies(tables, rows_of) -> None:
    tables.write("tables/events.csv", "event_id,person_id,signal,valid_at\n1,p1,housing.arrears,2024-07-01\n")
    (event,) = linked(tables, rows_of, "events")
    assert event["known_at"] == datetime(2024, 7, 3, 23)
    assert counted_known_dates(tables) == {"housing.arrears": {"rows": 1, "assumed": 1}}


def test_of_rows_that_say_when_they_were_known_nothing_is_assumed(tables, rows_of) -> None:
    tables.write("tables/events.csv", HEADER + ROW + "2,p1,housing.arrears,2024-07-01,,1\n")
    linked(tables, rows_of, "events")
    assert counted_known_dates(tables) == {"housing.arrears": {"rows": 2, "assumed": 1}}


def counted_known_dates(tables) -> dict[str, dict[str, int]]:
    return read_json(tables.snapshots[-1] / "manifest.json")["known_dates"]


def test_what_a_spreadsheet_left_is_read_as_in_any_other_file(tables, rows_of) -> None:
    """#N/A is an empty cell; any other error refuses the delivery, as canonical tables are taken whole."""
    header = "event_id,person_id,signal,valid_at,end_at,amount,detail\n"
    row = "1,p1,housing.arrears,2024-07-01,#N/A,#N/A,#N/A\n"
    tables.write("tables/events.csv", header + row)
    (event,) = linked(tables, rows_of, "events")
    assert (event["end_at"], event["amount"], event["detail"]) == (None, None, None)
    tables.write("tables/events.csv", header + row.replace("#N/A\n", "#REF!\n"))
    with pytest.raises(DataError, match=r"the detail breaks the rule value.error"):
        tables.pull()
    tables.write("tables/events.csv", header + row.replace("p1", "#N/A"))
    with pytest.raises(DataError, match="the person_id is empty"):
        tables.pull()


def test_parquet_is_read_like_csv(tables, rows_of) -> None:
    folder = tables.workspace / "extracts/tables"
    with duckdb.connect() as database:
        database.execute(
            "copy (select 'e' as event_id, 'p2' as person_id, 'housing.arrears' as signal, "
            "date '2024-01-02' as valid_at, "
            f"timestamp '2024-01-03' as known_at) to '{folder / 'events.parquet'}' (format parquet)"
        )
    (event,) = linked(tables, rows_of, "events")
    assert (event["person_id"], event["valid_at"]) == ("p2", datetime(2024, 1, 2))


def test_all_tables_come_through_as_they_are(tables, rows_of) -> None:
    tables.write("tables/residence.csv", "person_id,household_id,start,known_at\np1,h1,2020-01-01,2020-01-01\n")
    tables.write("tables/households.csv", "household_id,kind,area,start,known_at\nh1,home,E01,2020-01-01,2020-01-01\n")
    tables.write("tables/people.csv", "person_id,birth_date\np1,2015-01-01\n")
    (home,) = linked(tables, rows_of, "households")
    assert (home["household_id"], home["area"]) == ("h1", "E01")
    assert len(rows_of(tables.snapshots[-1] / "tables/residence.parquet")) == 1
    assert rows_of(tables.snapshots[-1] / "tables/people.parquet")[0]["birth_date"].year == 2015


@pytest.mark.parametrize(
    ("name", "text", "error", "said"),
    [
        ("events.csv", HEADER.replace("amount", "price") + ROW, DataError, "unknown column 'price'"),
        ("events.csv", HEADER.replace("signal,", "") + "1,p,2024-01-01,,\n", DataError, "lacks the column 'signal'"),
        ("events.csv", HEADER, DataError, r"events\.csv is empty"),
        ("events.csv", HEADER + ROW.replace("2024-07-01", "soon"), DataError, "valid_at is not a datetime"),
        ("events.csv", HEADER + ROW.replace("2.5", "inf"), DataError, "amount is not a decimal"),
        ("events.csv", HEADER + ROW.replace("p1", ""), DataError, "person_id is empty"),
        ("events.csv", HEADER + ROW.replace("p1", "p" * 33), DataError, "longer than 32 bytes"),
        ("events.csv", HEADER + ROW + ROW, DataError, "is there twice"),
        ("events.csv", HEADER + ROW.replace("07-02T", "06-02T"), DataError, "known before it happened"),
        ("events.csv", HEADER + ROW.replace("housing.arrears", "x.y"), CharterError, "does not declare"),
        (
            "households.csv",
            "household_id,kind,area,start,known_at\nh,castle,E,2020-01-01,2020-01-01\n",
            DataError,
            "not one of",
        ),
    ],
)
def test_what_breaks_the_contract_is_refused_by_name(tables, name, text, error, said) -> None:
    tables.write(f"tables/{name}", text)
    with pytest.raises(error, match=said):
        tables.pull()
    assert tables.snapshots == []


def test_a_folder_without_events_is_refused(tables) -> None:
    (tables.workspace / "extracts/tables/events.csv").unlink()
    with pytest.raises(DataError, match="has no events"):
        tables.pull()


def test_two_months_in_one_file_are_refused_by_the_line_of_the_second_header(tables) -> None:
    tables.write("tables/events.csv", HEADER + ROW + HEADER.strip() + ",detail\n" + ROW.strip() + ",letter\n")
    with pytest.raises(DataError, match=r"events.csv, line 3: it has 7 of 6 cells"):
        tables.pull()
    tables.write("tables/events.csv", HEADER + ROW + HEADER + ROW.replace("1,", "2,", 1))
    with pytest.raises(DataError, match=r"events.csv, line 3: it repeats the header"):
        tables.pull()


def test_ids_are_trimmed_and_amounts_are_never_rounded(tables, rows_of) -> None:
    tables.write("tables/events.csv", HEADER + ROW.replace("p1", " p1 ") + ROW.replace("1,", "2,", 1))
    assert {row["person_id"] for row in linked(tables, rows_of, "events")} == {"p1"}
    tables.write("tables/events.csv", HEADER + ROW.replace("2.5", "2.55555"))
    with pytest.raises(DataError, match="the amount is not a decimal"):
        tables.pull()


def test_known_on_the_day_it_happened_is_known_when_it_happened(tables, rows_of) -> None:
    row = "1,p1,housing.arrears,2024-07-01T10:30:00Z,2024-07-01,2.5\n"
    tables.write("tables/events.csv", HEADER + row)
    (event,) = linked(tables, rows_of, "events")
    assert event["known_at"] == event["valid_at"] == datetime(2024, 7, 1, 10, 30)
