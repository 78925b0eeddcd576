"""Linkage on files with published results: fitted to the file as the published models are, and as shipped.

The shipped rules are for a council's records, where a wrong merge is worse than a missed one: records whose forenames
have nothing in common, or whose dates of birth contradict each other by more than a slip, stay apart. These files
garble just that, so with the shipped rules whom they join is right but fewer are found.
"""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from charter.council.register import Register
from charter.vault.key import Key
from features.intake.database import Relation, compute_rows, fetch_rows, give_rows, open_database, quote_text
from features.linking.accuracy import Accuracy, measure_accuracy
from features.linking.evidence import Evidence
from features.linking.fit import fit_shares
from features.linking.parameters import Parameters
from features.linking.people import link_people
from tests.unit.features.linking.test_people import source

DATA = Path(__file__).resolve().parents[5] / "shared/data"
REGISTER = Register(sources=(source("all", one=False),))
FAKE = """
    select unique_id as ref, 'all' as service, cluster as person, first_name as forename, surname,
           try_cast(dob as date) as birth_date, null as shared_key,
           list_filter([lower(email)], lambda x: x is not null) as homes from {rows}
"""
FEBRL = """
    select trim(rec_id) as ref, 'all' as service, split_part(rec_id, '-', 2) as person, given_name as forename, surname,
           try_strptime(trim(date_of_birth), '%Y%m%d')::date as birth_date, nullif(trim(soc_sec_id), '') as shared_key,
           list_filter([trim(street_number) || ' ' || trim(address_1)], lambda x: length(x) > 6) as homes from {rows}
"""


FAMILY = """
    select '{service}' || "Cms Id" as ref, '{service}' as service, "First Name" as forename, "Last Name" as surname,
           "Date Of Birth"::date as birth_date, null as shared_key, [lower(Address)] as homes
    from read_csv({path}, header = true, all_varchar = true)
"""
FOLDED = "nullif(regexp_replace(lower(strip_accents({0})), '[^a-z]', '', 'g'), '') as {0}"


def evidence_of(database: duckdb.DuckDBPyConnection, said: Relation) -> Evidence:
    """Return the evidence of what was said: names folded as `gather_evidence` folds them."""
    traits = compute_rows(
        database,
        f"select ref, service, {FOLDED.format('forename')}, {FOLDED.format('surname')}, "
        "birth_date, null::varchar as sex, shared_key::varchar as shared_key, []::varchar[] as forename_forms, homes, "
        "[]::bigint[] as came, []::bigint[] as gone, null::date as born_by from said",
        said=said,
    )
    return Evidence(people=said, references=traits.select("ref, service"), traits=traits)


def test_the_481_people_of_two_services_are_found_and_none_twice() -> None:
    folder = DATA / "csc_formats/family_context_fake"
    if not folder.exists():
        pytest.skip("needs ../shared/data/csc_formats beside the repository")
    register = Register(sources=(source("csc", one=True), source("education", one=True)))
    with open_database(Key(b"k" * 32)) as database:
        both = [
            FAMILY.format(service=service, path=quote_text(str(folder / f"{service}.csv")))
            for service in ("csc", "education")
        ]
        evidence = evidence_of(database, compute_rows(database, " union all ".join(both)))
        linkage = link_people(database, evidence, register, Parameters.load())
        services = dict(evidence.references.fetchall())
        alike = fetch_rows(
            database,
            "select a.ref, b.ref from traits a join traits b using (forename, surname, birth_date) "
            "where a.service = 'csc' and b.service = 'education'",
            traits=evidence.traits,
        )
    groups: dict[str, list[str]] = {}
    for ref, person in linkage.representative.items():
        groups.setdefault(person, []).append(services[ref])
    assert len(alike) == 481
    assert all(linkage.representative[one] == linkage.representative[other] for one, other in alike)
    assert all(len(of) == len(set(of)) for of in groups.values())
    assert sum(len(of) == 2 for of in groups.values()) >= 481


def found_in(file: str, query: str, threshold: float | None = None) -> Accuracy:
    """Return how right a file's links are: as shipped, or with a model fitted to the file and nobody kept apart."""
    if not (DATA / file).exists():
        pytest.skip(f"needs ../shared/data/{file} beside the repository")
    rows = f"read_csv({quote_text(str(DATA / file))}, header = true, all_varchar = true)"
    with open_database(Key(b"k" * 32)) as database:
        said = compute_rows(database, query.format(rows=rows))
        evidence, truth = evidence_of(database, said), said.select("ref, person")
        parameters = Parameters.load() if threshold is None else fitted(database, evidence, truth, threshold)
        linkage = link_people(database, evidence, REGISTER, parameters)
        people = pa.table({"ref": list(linkage.representative), "person_id": list(linkage.representative.values())})
        return measure_accuracy(database, give_rows(database, people), truth)["all"]


def fitted(database: duckdb.DuckDBPyConnection, evidence: Evidence, truth: Relation, threshold: float) -> Parameters:
    """Return parameters fitted to the file itself, as those of the published figures are; it says nothing of sex."""
    shipped = Parameters.load()
    levels = tuple(level for level in shipped.level if level.comparison != "sex")
    fit = fit_shares(database, evidence.traits, truth, shipped.model_copy(update={"level": levels}))
    fitted_levels = []
    for level in levels:
        m, u = fit.shares[level.comparison, level.name]
        fitted_levels.append(level.replace(m=max(m, 1e-4), u=max(u, 1e-5)))
    return shipped.model_copy(
        update={
            "level": (*fitted_levels, *shipped.levels["sex"]),
            "partners": 2 * fit.same_pairs / fit.references,
            "apart": frozenset(),
            "threshold": threshold,
            "review": threshold,
        }
    )


@pytest.mark.parametrize(
    ("file", "query", "threshold", "published"),
    [
        ("splink_fake_1000/fake_1000.csv", FAKE, -0.7, 0.675),
        pytest.param("febrl/dataset3.csv", FEBRL, 1.0, 0.9862, marks=pytest.mark.deep),
    ],
)
def test_fitted_to_a_published_file_it_finds_what_was_published(file, query, threshold, published) -> None:
    found = found_in(file, query, threshold)
    assert found.precision >= 0.99
    assert found.recall >= published


@pytest.mark.parametrize(
    ("file", "query", "pairs", "recall"),
    [
        ("splink_fake_1000/fake_1000.csv", FAKE, 2031, 0.36),
        ("febrl/dataset1.csv", FEBRL, 500, 0.92),
        ("febrl/dataset3.csv", FEBRL, 6538, 0.89),
    ],
)
def test_as_shipped_nearly_every_link_of_a_published_file_is_right(file, query, pairs, recall) -> None:
    found = found_in(file, query)
    assert found.true == pairs
    assert found.precision >= 0.99
    assert found.recall >= recall
