"""A parent's permission ends where the young person's own voice begins; an objection does not."""

from __future__ import annotations

from datetime import datetime

import pytest

from features.rights.held import list_lapsed_consents

REGISTER = """
[[source]]
service = "housing"
title = "Visits"
format = "canonical"
folder = "tables"
basis = "consent"
own_voice_age = 13
purposes = ["link", "train", "rank", "equality_monitoring"]
retention_years = 7

  [[source.signal]]
  name = "arrears"
  title = "Rent arrears"
"""
EVENTS = "event_id,person_id,signal,valid_at,known_at\n" + "".join(
    f"{number},p{number},housing.arrears,2024-07-01,2024-07-02\n" for number in range(1, 6)
)
PEOPLE = "person_id,birth_date\np1,2010-02-03\np2,2010-02-03\np3,2015-02-03\np4,\np5,1980-02-03\n"
CHOICES = "person_id,service,purpose,kind,status,start,known_at\n" + "".join(
    f"{person},housing,*,{kind},received,{day},{day}\n"
    for person, kind, day in (
        ("p1", "consent", "2012-01-01"),
        ("p2", "consent", "2012-01-01"),
        ("p2", "consent", "2023-06-01"),
        ("p2", "objection", "2011-01-01"),
        ("p3", "consent", "2016-01-01"),
        ("p4", "consent", "2016-01-01"),
        ("p5", "consent", "2016-01-01"),
    )
)


@pytest.fixture
def choices(town, rows_of):
    (town.council / "register.toml").write_text(REGISTER, encoding="utf-8")
    for name, text in (("events", EVENTS), ("people", PEOPLE), ("permission", CHOICES)):
        town.write(f"tables/{name}.csv", text)
    town.write("tables/protected.csv", PROTECTED)
    town.pull()
    town.link()
    rows = rows_of(town.invocation.workspace.snapshot() / "tables/permission.parquet", "person_id, start")
    return town, {(row["person_id"], row["kind"], row["start"].year): row["end"] for row in rows}


PROTECTED = "person_id,characteristic,value,known_at\n" + "".join(
    f"{person},sex,female,2020-01-01\n" for person in ("p1", "p2", "p5")
)


def test_consent_given_by_a_parent_ends_on_the_birthday_from_which_the_own_voice_counts(choices) -> None:
    _, ends = choices
    assert ends["p1", "consent", 2012] == datetime(2023, 2, 3)
    # Still a child; nobody knows the birthday; an adult; given in their own voice.
    assert ends["p3", "consent", 2016] == datetime(2028, 2, 3)
    assert ends["p4", "consent", 2016] is None
    assert ends["p5", "consent", 2016] is None
    assert ends["p2", "consent", 2023] is None


def test_an_objection_does_not_lapse(choices) -> None:
    _, ends = choices
    assert ends["p2", "objection", 2011] is None


def test_the_young_person_is_asked_again_unless_they_have_spoken(choices) -> None:
    town, _ = choices
    assert list_lapsed_consents(town.invocation) == [{"person_id": "p1", "service": "housing", "since": "2023-02-03"}]


def test_whoever_objects_to_everything_is_in_no_group_of_the_audit(choices, rows_of) -> None:
    """p2 objects to housing alone: what another said of them may be counted."""
    town, _ = choices
    with_everything = CHOICES + "p5,*,equality_monitoring,objection,received,2023-01-01,2023-01-01\n"
    with_everything += "p1,*,*,restriction,overruled,2023-01-01,2023-01-01\n"
    town.write("tables/permission.csv", with_everything)
    town.pull()
    town.link()
    said = {
        row["person_id"]: row["value"]
        for row in rows_of(town.invocation.workspace.snapshot() / "tables/protected.parquet")
    }
    # An overruling that names nobody who decided it does not count: the restriction stands.
    assert said == {"p1": "not recorded", "p2": "female", "p5": "not recorded"}
