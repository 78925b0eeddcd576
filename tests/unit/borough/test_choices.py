"""Choices are made, withdrawn and settled, and name people whom the service knows."""

from __future__ import annotations

from pathlib import Path

import duckdb


def _choices(connection: duckdb.DuckDBPyConnection, extracts: Path) -> duckdb.DuckDBPyRelation:
    return connection.read_csv(extracts / "choices" / "choices.csv", all_varchar=True)


def test_every_choice_names_somebody_by_a_reference_of_the_service(extracts: Path):
    with duckdb.connect() as connection:
        _choices(connection, extracts).create_view("choice")
        connection.read_parquet(str(extracts / "truth" / "references.parquet")).create_view("known")
        unknown = connection.execute(
            "select count(*) from choice anti join known "
            "on known.service = choice.reference_of and known.reference = choice.reference"
        ).fetchall()
    assert unknown == [(0,)]


def test_a_withdrawn_consent_is_sent_again_with_its_end(extracts: Path):
    with duckdb.connect() as connection:
        withdrawn = _choices(connection, extracts).filter('"end" is not null')
        rows = withdrawn.project('kind, corrected_on = "end"').fetchall()
    assert len(rows) > 3
    assert set(rows) == {("consent", True)}


def test_settled_objections_say_who_decided(extracts: Path):
    with duckdb.connect() as connection:
        settled = _choices(connection, extracts).filter("status != 'received'")
        assert set(settled.project("kind, decided_by").fetchall()) <= {
            ("objection", "data_protection_officer"),
            ("restriction", "data_protection_officer"),
        }
        assert len(settled) > 0


def test_nine_families_in_ten_consent_to_health_visiting(extracts: Path):
    with duckdb.connect() as connection:
        asked = _choices(connection, extracts).filter("service = 'health_visiting' and corrected_on is null")
        ((consents,),) = asked.filter("kind = 'consent'").aggregate("count(*)").fetchall()
        children = connection.read_csv(extracts / "health_visiting" / "children.csv", all_varchar=True)
        ((registered,),) = children.aggregate("count(*)").fetchall()
    assert 0.85 < consents / registered < 0.95
