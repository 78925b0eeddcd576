"""Linkage on person files with published results, with what is shipped: nothing is told of the file but its columns."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from charter.council.register import Register
from charter.vault.key import Key
from features.intake.database import compute_rows, fetch_rows, give_rows, open_database, quote_text
from features.linking.accuracy import Accuracy, measure_accuracy
from tests.unit.features.linking.said import link_said, make_source

DATA = Path(__file__).resolve().parents[5] / "shared/data"
REGISTER = Register(sources=(make_source("all", one=False),))
FAKE = """
    select unique_id as ref, 'all' as service, cluster as person, first_name as forename, surname,
           try_cast(dob as date) as birth_date, city as town, email, null::timestamp as known_at from {rows}
"""
FEBRL = """
    select trim(rec_id) as ref, 'all' as service, split_part(rec_id, '-', 2) as person,
           nullif(trim(given_name), '') as forename, nullif(trim(surname), '') as surname,
           try_strptime(trim(date_of_birth), '%Y%m%d')::date as birth_date, nullif(trim(soc_sec_id), '') as shared_key,
           nullif(trim(postcode), '') as postcode, nullif(trim(suburb), '') as town,
           nullif(trim(trim(street_number) || ' ' || trim(address_1)), '') as address, null::timestamp as known_at
    from {rows}
"""
FAMILY = """
    select '{service}' || "Cms Id" as ref, '{service}' as service, "First Name" as forename, "Last Name" as surname,
           "Date Of Birth"::date as birth_date, lower("Gender") as sex, replace(Address, chr(10), ' ') as address,
           null::timestamp as known_at
    from read_csv({path}, header = true, all_varchar = true)
"""


def test_the_481_people_of_two_services_are_found_and_none_twice() -> None:
    folder = DATA / "csc_formats/family_context_fake"
    if not folder.exists():
        pytest.skip("needs ../shared/data/csc_formats beside the repository")
    register = Register(sources=(make_source("csc", one=True), make_source("education", one=True)))
    with open_database(Key(b"k" * 32)) as database:
        both = [
            FAMILY.format(service=service, path=quote_text(str(folder / f"{service}.csv")))
            for service in ("csc", "education")
        ]
        people = compute_rows(database, " union all ".join(both))
        linkage = link_said(database, people, register)
        services = dict(people.select("ref, service").fetchall())
        alike = fetch_rows(
            database,
            "select a.ref, b.ref from p a join p b using (forename, surname, birth_date) "
            "where a.service = 'csc' and b.service = 'education'",
            p=people,
        )
    groups: dict[str, list[str]] = {}
    for ref, person in linkage.representative.items():
        groups.setdefault(person, []).append(services[ref])
    assert len(alike) == 481
    assert all(linkage.representative[one] == linkage.representative[other] for one, other in alike)
    assert all(len(of) == len(set(of)) for of in groups.values())


def found_in(file: str, query: str) -> Accuracy:
    """Return how right a file's links are."""
    if not (DATA / file).exists():
        pytest.skip(f"needs ../shared/data/{file} beside the repository")
    rows = f"read_csv({quote_text(str(DATA / file))}, header = true, all_varchar = true)"
    with open_database(Key(b"k" * 32)) as database:
        said = compute_rows(database, query.format(rows=rows))
        linkage = link_said(database, said, REGISTER)
        people = pa.table({"ref": list(linkage.representative), "person_id": list(linkage.representative.values())})
        return measure_accuracy(database, give_rows(database, people), said.select("ref, person"))["all"]


@pytest.mark.parametrize(
    ("file", "query", "pairs", "precision", "recall"),
    [
        ("splink_fake_1000/fake_1000.csv", FAKE, 2031, 0.9993, 0.90),
        ("febrl/dataset1.csv", FEBRL, 500, 0.9997, 0.975),
        ("febrl/dataset3.csv", FEBRL, 6538, 0.9997, 0.986),
    ],
)
def test_as_shipped_it_finds_what_was_published_or_more(file, query, pairs, precision, recall) -> None:
    """Published: fake_1000 0.675 at 0.9993, FEBRL 3 0.986 at 0.9997 (Splink's own examples, fitted to the file)."""
    found = found_in(file, query)
    assert found.true == pairs
    assert found.precision >= precision
    assert found.recall >= recall
