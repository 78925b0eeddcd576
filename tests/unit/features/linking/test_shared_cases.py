"""Who is whom in situations from other tools' bug reports, each with the answer that is right (`../shared/cases`)."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from charter.contracts.files import writer_lock
from charter.invocation import Invocation
from charter.vault.key import Key
from features.intake.database import fetch_rows, open_database, read_parquet
from features.linking.link import link_records
from features.pull_plan import PullResult
from tests.unit.features.intake.test_cases import CASES, Case

pytestmark = pytest.mark.skipif(not CASES.exists(), reason="the cases are not here")


@dataclass(frozen=True)
class Answer:
    """What pulling set apart, who each reference is, the homes of each person, and what is left for a person."""

    pulled: PullResult
    person: dict[str, str]
    homes: dict[str, set[str]]
    review: dict[frozenset[str], str]

    def are_one(self, *refs: str) -> bool:
        return len({self.person[ref] for ref in refs}) == 1


def _link(number: str, root: Path, register: str = "link") -> Answer:
    """Pull and link a case; people and references are named as the services name them."""
    case = Case.of(number, root, register)
    pulled = case.pull()
    invocation = Invocation.open(root / "council", "", root / "workspace", quiet=True)
    with writer_lock(invocation.workspace.root):
        link_records(invocation)
    key, tables = Key.load(invocation.council, invocation.workspace), invocation.workspace.snapshot() / "tables"
    name_of = key.pseudonyms("reference")
    said = {name_of(service, ref): ref for service, ref in _list_references(case.folder / "extracts")}
    with open_database(key) as database:
        links, residence, review = (read_parquet(database, tables / f"{name}.parquet") for name in _TABLES)
        person = {said[ref]: who for ref, who in fetch_rows(database, "select ref, person_id from t", t=links)}
        homes: dict[str, set[str]] = {who: set() for who in person.values()}
        for who, home in fetch_rows(database, "select person_id, household_id from t", t=residence):
            homes[who].add(home)
        left = {
            frozenset((said[one], said[other])): rule
            for one, other, rule in fetch_rows(database, "select one, other, rule from t", t=review)
        }
    assert len(person) == len(said) > 1
    return Answer(pulled, person, homes, left)


_TABLES = ("links", "residence", "review")


def _list_references(extracts: Path) -> Iterator[tuple[str, str]]:
    """Yield the service and the reference of each person that a case's files name."""
    for path in sorted(extracts.glob("*/*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                if "forename" in row:
                    yield path.parent.name, row.get("ref") or row["person_ref"]


def test_07_who_has_no_uprn_shares_no_home(tmp_path: Path) -> None:
    answer = _link("07", tmp_path, "housing")
    assert len(set(answer.person.values())) == 5
    assert all(not homes for homes in answer.homes.values())
    assert answer.pulled.by_file["housing/tenants.csv"]["no_address"] == 5


def test_14_a_key_keyed_for_another_child_joins_nobody_and_its_wrong_letter_is_said(tmp_path: Path) -> None:
    answer = _link("14", tmp_path)
    assert not answer.are_one("E3", "S3")
    assert answer.pulled.by_rule == {"key.form": 2}


def test_15_placeholder_days_and_names_make_nobody_one(tmp_path: Path) -> None:
    answer = _link("15", tmp_path)
    assert not answer.are_one("H8", "S8")
    assert not answer.are_one("H5", "S5")
    assert len(set(answer.person.values())) == 6


def test_17_who_fits_father_and_son_alike_is_neither_and_is_reviewed(tmp_path: Path) -> None:
    answer = _link("17", tmp_path)
    assert len({answer.person[ref] for ref in ("E17", "H17", "S17")}) == 3
    assert {frozenset(("E17", "S17")), frozenset(("H17", "S17"))} <= answer.review.keys()


def test_18_a_swapped_name_is_linked_or_reviewed(tmp_path: Path) -> None:
    answer = _link("18", tmp_path)
    assert answer.are_one("E14", "S14") or frozenset(("E14", "S14")) in answer.review
    assert len(set(answer.person.values())) == 2
