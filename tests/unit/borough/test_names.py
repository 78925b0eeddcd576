"""Services write names and dates down wrongly, alike for everybody, so that exact matching misses pairs."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np

from borough.names import _misdate_births
from borough.population import GROUPS
from borough.town import Town

_PEOPLE = (
    ("housing", "tenancies", "person_ref", "%d/%m/%Y"),
    ("homelessness", "people", "person_ref", "%d-%b-%Y"),
    ("education", "pupils", "upn", "%Y-%m-%d"),
    ("social_care", "children", "child_id", "%Y-%m-%d"),
    ("early_help", "family_members", "member_ref", "%d/%m/%Y"),
    ("health_visiting", "children", "child_ref", "%d.%m.%Y"),
    ("hospital", "patients", "patient_ref", "%Y-%m-%d"),
)


def _pairs(extracts: Path) -> list[tuple[str, bool]]:
    """Return, for each true pair of records of two services, the group and whether they match exactly."""
    with duckdb.connect() as connection:
        connection.execute(
            "create table record (service text, reference text, forename text, surname text, birth date)"
        )
        for service, name, reference, pattern in _PEOPLE:
            connection.read_csv(extracts / service / f"{name}.csv", all_varchar=True).project(
                f"'{service}' as service, {reference} as reference, lower(forename) as forename, "
                f"lower(surname) as surname, strptime(date_of_birth, '{pattern}')::date as birth"
            ).distinct().insert_into("record")
        for name in ("references", "people"):
            connection.read_parquet(str(extracts / "truth" / f"{name}.parquet")).create_view(f"true_{name}")
        return connection.execute(
            """
            with known as (select * from record join true_references using (service, reference))
            select ethnicity, coalesce(a.forename = b.forename and a.surname = b.surname and a.birth = b.birth, false)
            from known a join known b on a.person = b.person and a.service < b.service
            join true_people on true_people.person = a.person
            """
        ).fetchall()


def test_exact_matching_misses_at_least_fifteen_in_a_hundred_true_pairs(extracts: Path):
    exact = np.array([match for _, match in _pairs(extracts)])
    assert len(exact) > 1000
    assert 0.6 < exact.mean() <= 0.85


def test_names_go_wrong_alike_in_every_group(extracts: Path):
    pairs = _pairs(extracts)
    overall = np.mean([match for _, match in pairs])
    for name in GROUPS:
        own = [match for group, match in pairs if group == name]
        # A person's records come in about five pairs, which go wrong together.
        error = np.sqrt(overall * (1 - overall) * 5 / len(own))
        assert abs(np.mean(own) - overall) < 4 * error, name


def test_a_date_gone_wrong_has_day_and_month_swapped_or_is_a_little_out():
    birth = np.full(4000, np.datetime64("2015-03-07").astype(int), dtype=np.int32)
    written = _misdate_births(np.random.default_rng(1), birth, 0.5)
    wrong = written[written != birth].astype("datetime64[D]")
    assert 0.45 < len(wrong) / len(birth) < 0.55
    assert set(wrong.astype(str)) == {"2015-07-03"}
    end = np.full(4000, np.datetime64("2015-03-27").astype(int), dtype=np.int32)
    late = _misdate_births(np.random.default_rng(1), end, 0.5)
    assert set(late[late != end].astype("datetime64[D]").astype(str)) == {"2015-03-28", "2016-03-26"}


def test_a_slip_changes_a_name_but_not_its_first_letter(town: Town):
    names = town.names
    spellings = names.forenames.to_pylist()
    rows = [spellings[at : at + names.width] for at in range(0, len(spellings), names.width)]
    assert all(slip[0] == row[0][0] for row in rows for slip in row[2:])
    changed = np.mean([slip != row[0] for row in rows for slip in row[2:]])
    assert changed > 0.9
