"""The same records make the same people with any key of a council."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import replace

import duckdb

from charter.vault.key import Key
from charter.vault.vault import Vault
from features.intake.database import compute_rows, fetch_rows, open_database
from features.linking.evidence import Evidence, gather_evidence
from features.linking.joining.linkage import Linkage
from features.linking.joining.people import link_people
from features.linking.parameters import Parameters
from tests.unit.features.conftest import Town


def rename_by_another_key(database: duckdb.DuckDBPyConnection, evidence: Evidence) -> Evidence:
    """Return the evidence with other pseudonyms of references and homes."""
    traits = compute_rows(
        database,
        "select * replace (md5(ref) as ref, list_sort(list_transform(homes, lambda home: md5(home))) as homes) from t",
        t=evidence.traits,
    )
    references = compute_rows(database, "select md5(ref) as ref, service from r", r=evidence.references)
    return replace(evidence, traits=traits, references=references)


def find_people(linkage: Linkage) -> Collection[frozenset[str]]:
    people: dict[str, set[str]] = {}
    for ref, person in linkage.representative.items():
        people.setdefault(person, set()).add(ref)
    return set(map(frozenset, people.values()))


def test_no_key_decides_who_is_who(borough_town: Town) -> None:
    files, register = borough_town.invocation.workspace, borough_town.invocation.register
    key = Key.load(borough_town.invocation.council, files)
    with open_database(key) as database:
        evidence = gather_evidence(database, Vault.open(files.vault, key), files.snapshot(), register)
        ours = link_people(database, evidence, register, Parameters.load())
        theirs = link_people(database, rename_by_another_key(database, evidence), register, Parameters.load())
        refs = [ref for (ref,) in fetch_rows(database, "select ref from r", r=evidence.references)]
    ref_of = {hashlib.md5(ref.encode()).hexdigest(): ref for ref in refs}  # noqa: S324  another name, not a secret
    assert len(find_people(ours)) > 1000
    assert {frozenset(map(ref_of.__getitem__, refs)) for refs in find_people(theirs)} == find_people(ours)
    assert len(ours.review) > 20
    assert {frozenset((ref_of[pair.one], ref_of[pair.other])) for pair in theirs.review} == {
        frozenset((pair.one, pair.other)) for pair in ours.review
    }
    assert all(pair.one < pair.other for linkage in (ours, theirs) for pair in linkage.review)
    assert theirs.expected_wrong == ours.expected_wrong
