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
from features.intake.database import literal

__all__ = ["Accuracy", "accuracy", "keep_accuracy", "load_truth"]


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


def load_truth(database: duckdb.DuckDBPyConnection, key: Key, references: Path) -> None:
    """Make the table `truth` (ref, person) from the borough's own list of service, reference and person."""
    rows = database.execute(
        f"select service, reference, person from read_parquet({literal(str(references))})"
    ).fetchall()
    pseudonym = key.pseudonyms("reference")
    table = pa.table({"ref": [pseudonym(row[0], row[1]) for row in rows], "person": [row[2] for row in rows]})
    database.register("truth_arrow", table)
    database.execute("create or replace table truth as select * from truth_arrow")
    database.unregister("truth_arrow")


def accuracy(database: duckdb.DuckDBPyConnection, links: Path, group: str | None = None) -> Mapping[str, Accuracy]:
    """Return the accuracy of `links.parquet` against the table `truth` (ref, person and any group columns).

    Without `group` the one key is "all"; with it, the values of that column of `truth`. A pair that was made wrongly
    counts for the groups of both. References that may not be linked are not in the links and count for nothing.
    """
    grouped = "'all'" if group is None else f"coalesce({group}, 'not recorded')"
    database.execute(
        f"create or replace temp table judged as select ref, l.person_id, t.person, {grouped}::varchar as told "
        f"from read_parquet({literal(str(links))}) l join truth t using (ref)"
    )
    pairs = "select sum(n * (n - 1) // 2) from (select count(*) as n from judged {where} group by {by})"
    found: dict[str, Accuracy] = {}
    for (name,) in database.execute("select distinct told from judged order by told").fetchall():
        where = f"where told = {literal(name)}"
        right = _number(database, pairs.format(where=where, by="person_id, person"))
        true = _number(database, pairs.format(where=where, by="person"))
        wrong = _number(
            database,
            "select count(*) from judged a join judged b on a.person_id = b.person_id and a.ref < b.ref "
            f"where a.person <> b.person and {literal(name)} in (a.told, b.told)",
        )
        found[name] = Accuracy(right + wrong, true, right)
    return found


def _number(database: duckdb.DuckDBPyConnection, query: str) -> int:
    return int(database.execute(query).fetchall()[0][0] or 0)


def keep_accuracy(database: duckdb.DuckDBPyConnection) -> None:
    """Make the table `linkage` of the contract from `links` and `truth` (ref, person).

    A real person's pairs are counted with whom most of their references were linked to; a wrong pair with the person
    it was made in.
    """
    database.execute(
        """
        create or replace table linkage as
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
        """
    )
