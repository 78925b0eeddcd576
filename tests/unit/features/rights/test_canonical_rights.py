"""Rights of people whom a canonical delivery names by ids of its own."""

from __future__ import annotations

import pytest

from charter.contracts.files import read_json, writer_lock
from charter.errors import DataError
from features.rights.asking import Certificate, file_request
from features.rights.held import show_person

REGISTER = """
[[source]]
service = "housing"
title = "Anything with dates"
format = "canonical"
folder = "tables"
basis = "public task"
purposes = ["link", "train", "rank"]
retention_years = 7

  [[source.signal]]
  name = "arrears"
  title = "Rent arrears"

[[source]]
service = "council_tax"
title = "More of it"
format = "canonical"
folder = "tables"
basis = "public task"
purposes = ["link", "train", "rank"]
retention_years = 7

  [[source.signal]]
  name = "arrears"
  title = "Council tax arrears"
"""
EVENTS = """event_id,person_id,signal,valid_at,known_at
1,p1,housing.arrears,2024-07-01,2024-07-02
2,p1,council_tax.arrears,2024-07-01,2024-07-02
3,p2,housing.arrears,2024-07-01,2024-07-02
"""
RESIDENCE = """person_id,household_id,start,known_at
p1,home-1,2020-01-01,2020-01-01
p2,home-1,2020-01-01,2020-01-01
"""


@pytest.fixture
def tables(town):
    (town.council / "register.toml").write_text(REGISTER, encoding="utf-8")
    town.write("tables/events.csv", EVENTS)
    town.write("tables/residence.csv", RESIDENCE)
    town.pull()
    town.link()
    return town


def request(town, action: str, **about: str) -> Certificate:
    with writer_lock(town.workspace):
        return file_request(town.invocation, action, through="housing", reference="p1", **about)


def held(town, rows_of, name: str) -> list[dict[str, object]]:
    return rows_of(town.invocation.workspace.snapshot() / "tables" / f"{name}.parquet")


def events(town, rows_of) -> list[tuple[object, object]]:
    return [(row["person_id"], row["signal"]) for row in held(town, rows_of, "events")]


def test_they_are_shown_by_their_own_id(tables) -> None:
    shown = show_person(
        tables.invocation, through="housing", reference="p1", role="desk", reason="asked", log=[].append
    )
    assert [row["signal"] for row in shown["events"]] == ["council_tax.arrears", "housing.arrears"]
    assert shown["residence"] == [{"rows": 1}]
    with pytest.raises(DataError, match="nobody is known"):
        show_person(tables.invocation, through="housing", reference="p9", role="desk", reason="asked", log=[].append)


def test_withdrawing_one_service_leaves_the_others_and_where_they_live(tables, rows_of) -> None:
    certificate = request(tables, "withdraw", service="housing")
    assert certificate.people == ("p1",)
    assert events(tables, rows_of) == [("p1", "council_tax.arrears"), ("p2", "housing.arrears")]
    assert len(held(tables, rows_of, "residence")) == 2
    (choice,) = held(tables, rows_of, "permission")
    assert (choice["person_id"], choice["service"], choice["kind"]) == ("p1", "housing", "refusal")


@pytest.mark.parametrize(("action", "people"), [("object", ["p1", "p2"]), ("erase", ["p2"])])
def test_objecting_and_erasing_clear_everything_and_a_later_delivery_does_not_bring_it_back(
    tables, rows_of, action, people
) -> None:
    request(tables, action)
    assert events(tables, rows_of) == [("p2", "housing.arrears")]
    assert [row["person_id"] for row in held(tables, rows_of, "people")] == people
    assert [row["person_id"] for row in held(tables, rows_of, "residence")] == ["p2"]
    tables.write("tables/events.csv", EVENTS + "4,p2,housing.arrears,2024-08-01,2024-08-02\n")
    tables.pull()
    tables.link()
    assert events(tables, rows_of) == [("p2", "housing.arrears"), ("p2", "housing.arrears")]


def test_a_restriction_filed_by_the_desk_is_in_force_in_the_next_snapshot_too(tables, rows_of) -> None:
    request(tables, "restrict")
    tables.write("tables/events.csv", EVENTS + "4,p2,housing.arrears,2024-08-01,2024-08-02\n")
    tables.pull()
    tables.link()
    kinds = [(row["person_id"], row["kind"], row["status"]) for row in held(tables, rows_of, "permission")]
    assert kinds == [("p1", "restriction", "received")]
    assert read_json(tables.invocation.workspace.snapshot() / "manifest.json")["tables"]["permission"]["rows"] == 1
