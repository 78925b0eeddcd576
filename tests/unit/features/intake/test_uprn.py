"""A UPRN is 1 to 12 digits: no two strangers share a home because a spreadsheet or a placeholder stood for it."""

from __future__ import annotations

import duckdb
import pytest

from charter.errors import DataError
from features.intake.uprn import has_no_form, is_no_address, read_uprn

TENANTS = "person_ref,forename,surname,born,uprn,since\n"


@pytest.mark.parametrize(
    ("text", "uprn"),
    [
        ("100023336958", "100023336958"),
        ("000100023336958", "100023336958"),
        ("100023336958.0", "100023336958"),
        ("100", "100"),
        ("10", "10"),
        ("200000000000", "200000000000"),
    ],
)
def test_padding_changes_nothing(text: str, uprn: str) -> None:
    query = f"select {read_uprn('t')}, {is_no_address('t')}, {has_no_form('t')} from (select $1::varchar as t)"
    assert duckdb.execute(query, [text]).fetchall() == [(uprn, False, False)]


@pytest.mark.parametrize("text", ["0", "000000000000", "0.0", "UNKNOWN", "NULL", "n/k", "999999999999", "", None])
def test_a_word_for_none_is_no_address(text: str | None) -> None:
    query = f"select {read_uprn('t')}, {is_no_address('t')}, {has_no_form('t')} from (select $1::varchar as t)"
    assert duckdb.execute(query, [text]).fetchall() == [(None, True, False)]


@pytest.mark.parametrize("text", ["1.00023E+11", "1000233369581", "12A", "-5", "10.5", "²"])
def test_anything_else_has_no_form(text: str) -> None:
    query = f"select {read_uprn('t')}, {is_no_address('t')}, {has_no_form('t')} from (select $1::varchar as t)"
    assert duckdb.execute(query, [text]).fetchall() == [(None, False, True)]


def test_nobody_gets_a_home_from_a_placeholder_and_it_is_counted(town, rows_of) -> None:
    rows = "H1,Ada,Marsh,01/02/1980,UNKNOWN,01/03/2020\nH2,Ben,Field,,000000000000,01/03/2020\n"
    town.write("housing/tenants.csv", TENANTS + rows)
    counts = town.pull().by_file["housing/tenants.csv"]
    assert counts["no_address"] == 2
    assert rows_of(town.snapshots[-1] / "records" / "addresses.parquet", "id") == []


def test_a_uprn_that_a_spreadsheet_changed_is_refused_by_its_rule_and_never_hashed(town, rows_of) -> None:
    bad = "H1,Ada,Marsh,01/02/1980,1.00023E+11,01/03/2020\nH2,Ben,Field,,1.00023E+11,01/03/2020\n"
    town.write("housing/tenants.csv", TENANTS + bad)
    with pytest.raises(DataError, match=r"2 of 2 rows break the rule uprn\.form"):
        town.pull()
    town.register('dates = "%d/%m/%Y"', 'dates = "%d/%m/%Y"\ntolerance = { bad_value = 0.9 }')
    town.write("housing/tenants.csv", TENANTS + bad.replace("1.00023E+11", "100023336958.0", 1))
    town.pull()
    assert len(rows_of(town.snapshots[-1] / "records" / "addresses.parquet", "id")) == 1
