"""References by numbers that follow what their records say, while people are linked.

A pseudonym is made with the council's key. Whoever compares, samples or settles ties in the order of pseudonyms gets
other people with another key, from the same records. Numbers by service and by what is said are the same with every
key; two records that say all the same in one service are told apart by their pseudonyms, and change nothing by it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import duckdb
import pyarrow as pa

from charter.vault.link_judgements import Judgement
from features.intake.database import Relation, compute_rows, drop_rows, fetch_rows, give_rows
from features.linking.evidence import Evidence

__all__ = ["NumberedReferences", "number_references"]

_SAID = (
    "forename_whole",
    "surname",
    "birth_date",
    "sex",
    "shared_key",
    "address",
    "postcode",
    "town",
    "email",
    "phone",
    "came",
    "gone",
    "born_by",
    "tf_home",
)
"""What tells two records of one service apart, without any pseudonym; tf_home follows how many live there."""


@dataclass(frozen=True)
class NumberedReferences:
    """The references in order; `evidence` has numbers, as texts of one length, in the place of their pseudonyms."""

    refs: Sequence[str]
    numbers: Mapping[str, str]
    evidence: Evidence

    def drop(self, database: duckdb.DuckDBPyConnection) -> None:
        """Let go of the rows that were made for linking."""
        drop_rows(database, self.evidence.traits)
        drop_rows(database, self.evidence.references)

    def find(self, number: str) -> str:
        """Return the pseudonym of a number."""
        return self.refs[int(number)]

    def number_judgements(self, judgements: Collection[Judgement]) -> tuple[Judgement, ...]:
        """Return what was said of pairs that are there, of numbers, in their order."""
        pairs = []
        for judgement in judgements:
            if self.numbers.keys() >= set(judgement.pair):
                one, other = sorted(self.numbers[ref] for ref in judgement.pair)
                pairs.append(replace(judgement, one=one, other=other))
        return tuple(pairs)

    def number_persons(self, persons: Mapping[str, str]) -> dict[str, str]:
        """Return who some references are said to be, by number; those that are not there are left out."""
        return {self.numbers[ref]: person for ref, person in persons.items() if ref in self.numbers}

    def number_readings(self, readings: Mapping[tuple[str, str], bool]) -> Sequence[tuple[str, str, bool]]:
        """Return how pairs were read, by number; those that are not there are left out."""
        return [
            (self.numbers[one], self.numbers[other], same)
            for (one, other), same in readings.items()
            if {one, other} <= self.numbers.keys()
        ]


def number_references(database: duckdb.DuckDBPyConnection, evidence: Evidence) -> NumberedReferences:
    """Return the references of the evidence in an order that no key changes, and the evidence by their numbers."""
    said = ", ".join(f"t.{name}" for name in _SAID)
    rows = fetch_rows(
        database,
        f"select r.ref from refs r left join traits t using (ref) order by r.service, {said}, r.ref",
        refs=evidence.references,
        traits=evidence.traits,
    )
    refs = [ref for (ref,) in rows]
    length = len(str(len(refs)))
    numbers = {ref: f"{place:0{length}d}" for place, ref in enumerate(refs)}
    table = give_rows(database, pa.table({"ref": refs, "number": list(numbers.values())}))

    def put_numbers(relation: Relation) -> Relation:
        query = "select r.* replace (n.number as ref) from rows_of r join numbers n using (ref)"
        return compute_rows(database, query, rows_of=relation, numbers=table)

    by_number = replace(evidence, traits=put_numbers(evidence.traits), references=put_numbers(evidence.references))
    drop_rows(database, table)
    return NumberedReferences(refs, numbers, by_number)
