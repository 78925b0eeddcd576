"""Linkage on person files with published results, with what is shipped: nothing is told of the file but its columns."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pytest

from charter.council.register import Register
from charter.vault.key import Key
from features.intake.database import compute_rows, fetch_rows, give_rows, open_database, quote_text
from features.linking.accuracy import Accuracy, measure_accuracy
from features.linking.compared_fit import Comparison, Lessons, compare_fitted
from features.linking.fitted_numbers import loosen_parameters
from features.linking.parameters import Parameters
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


def test_fitted_numbers_are_judged_on_people_they_did_not_learn_from() -> None:
    """Of fake_1000 with four tenths of its people labelled: as shipped and fitted can hardly be told apart."""
    taught: list[set[str]] = []
    with open_database(Key(b"k" * 32)) as database:
        path = DATA / "splink_fake_1000/fake_1000.csv"
        if not path.exists():
            pytest.skip("needs ../shared/data/splink_fake_1000 beside the repository")
        rows = f"read_csv({quote_text(str(path))}, header = true, all_varchar = true)"
        people = compute_rows(database, FAKE.format(rows=rows))
        everybody = dict(people.select("ref, person").fetchall())
        persons = {ref: person for ref, person in everybody.items() if int(person) % 10 < 4}

        def link(parameters: Parameters, lessons: Lessons) -> Mapping[str, str]:
            taught.append(set(lessons.persons.values()))
            assert all(persons[one] in taught[-1] for pair in lessons.readings for one in pair)
            return link_said(database, people, REGISTER, parameters, lessons.readings, lessons.persons).representative

        refs = sorted(persons, key=lambda ref: (persons[ref], ref))
        readings = {pair: persons[pair[0]] == persons[pair[1]] for pair in pairwise(refs[:40])}
        shipped = Parameters.load()
        compared = compare_fitted(link, shipped, loosen_parameters(shipped), Lessons(persons, readings))
    nobody, first, second = taught
    assert not nobody
    assert first
    assert second
    assert not first & second
    assert first | second == set(persons.values())
    assert compared.people == len(first | second)
    difference, low, high = compared.difference
    assert low <= difference <= high
    assert difference == pytest.approx(compared.fitted - compared.in_force)
    assert abs(difference) < 0.02
    advice = "are better" if low > 0 else "are worse" if high < 0 else "nothing tells them apart"
    assert advice in compared.sentence()


def test_what_a_comparison_advises_follows_its_interval() -> None:
    for difference, words in {
        (0.02, 0.01, 0.03): "the fitted numbers are better",
        (-0.02, -0.03, -0.01): "the fitted numbers are worse: keep those in force",
        (0.02, -0.01, 0.05): "nothing tells them apart: keep those in force",
        (float("nan"), float("nan"), float("nan")): "Nothing tells whether",
    }.items():
        assert words in Comparison(40, 0.9, 0.9 + difference[0], difference).sentence()
