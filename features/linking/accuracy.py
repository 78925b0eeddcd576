"""How right linkage is where the truth is known: pairwise precision, recall and F1, overall and by group.

A pair is two references of one person. Of the pairs linkage made, precision is the share that are right; of the pairs
there are, recall is the share it made. A group's pairs are those of its people.

    person_id   true  right  wrong      what `sooner link` leaves of a fictional borough for the audit (contract
    3f9c...       10      6      0      `linkage`): counts alone, for no reference and no name may leave this room
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from charter.vault.key import Key
from features.intake.database import Relation, compute_rows, fetch_rows, give_rows, quote_text, read_parquet

__all__ = ["Accuracy", "count_right_pairs", "measure_accuracy", "read_truth"]


@dataclass(frozen=True)
class Accuracy:
    """Pairs made, pairs there are, and pairs both; the shares are from 0 to 1, and 1 where there is nothing to find."""

    made: int
    true: int
    right: int

    @property
    def precision(self) -> float:
        """The share of the pairs made that are right."""
        return self.right / self.made if self.made else 1.0

    @property
    def recall(self) -> float:
        """The share of the pairs there are that were made."""
        return self.right / self.true if self.true else 1.0

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall."""
        return 2 * self.right / (self.made + self.true) if self.made + self.true else 1.0


def read_truth(database: duckdb.DuckDBPyConnection, key: Key, references: Path) -> Relation:
    """Return (ref, person) of the borough's own list of service, reference and person."""
    rows = fetch_rows(database, "select service, reference, person from list", list=read_parquet(database, references))
    pseudonym = key.pseudonyms("reference")
    refs = [pseudonym(service, reference) for service, reference, _ in rows]
    return give_rows(database, pa.table({"ref": refs, "person": [row[2] for row in rows]}))


def measure_accuracy(
    database: duckdb.DuckDBPyConnection, links: Relation, truth: Relation, group: str | None = None
) -> Mapping[str, Accuracy]:
    """Return the accuracy of links (ref, person_id) against the truth (ref, person and any group columns).

    Without `group` the one key is "all"; with it, the values of that column of `truth`. A pair that was made wrongly
    counts for the groups of both. References that may not be linked are not in the links and count for nothing.
    """
    column = "'all'" if group is None else f"coalesce({group}, 'not recorded')"
    judged = compute_rows(
        database,
        f"select ref, l.person_id, t.person, {column}::varchar as told from links l join truth t using (ref)",
        links=links,
        truth=truth,
    )
    pairs = "select sum(n * (n - 1) // 2) from (select count(*) as n from judged {where} group by {by})"

    def number(query: str) -> int:
        return int(fetch_rows(database, query, judged=judged)[0][0] or 0)

    accuracies: dict[str, Accuracy] = {}
    for (name,) in fetch_rows(database, "select distinct told from judged order by told", judged=judged):
        where = f"where told = {quote_text(name)}"
        right = number(pairs.format(where=where, by="person_id, person"))
        true = number(pairs.format(where=where, by="person"))
        wrong = number(
            "select count(*) from judged a join judged b on a.person_id = b.person_id and a.ref < b.ref "
            f"where a.person <> b.person and {quote_text(name)} in (a.told, b.told)"
        )
        accuracies[name] = Accuracy(right + wrong, true, right)
    return accuracies


def count_right_pairs(database: duckdb.DuckDBPyConnection, links: Relation, truth: Relation) -> Relation:
    """Return the table `linkage` of the contract, of links and the truth (ref, person).

    A real person's pairs are counted with whom most of their references were linked to; a wrong pair with the person
    it was made in. Ada has four references, Ben one:

        links     P: ada ada ada ben     Q: ada
        P         true 6 (ada's pairs), right 3 (of the three in P), wrong 3 (ben with each of them)
        Q         nothing: no pair was made there, and ada's are counted in P
    """
    return compute_rows(
        database,
        """
        with told as (select l.person_id, t.person from links l join truth t using (ref)),
        part as (select person, person_id, count(*) as n from told group by all),
        whole as (
            select arg_min(person_id, (-n, person_id)) as person_id, sum(n) * (sum(n) - 1) // 2 as "true",
                   sum(n * (n - 1) // 2) as "right"
            from part group by person
        ),
        wrong as (
            select person_id, sum(n) * (sum(n) - 1) // 2 - sum(n * (n - 1) // 2) as wrong from part group by person_id)
        select person_id, coalesce(any_value(w.wrong), 0)::bigint as wrong,
               coalesce(sum(h."true"), 0)::bigint as "true", coalesce(sum(h."right"), 0)::bigint as "right"
        from wrong w full join whole h using (person_id) group by person_id
        """,
        links=links,
        truth=truth,
    )
