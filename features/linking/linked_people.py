"""Who is whom, as relations: each reference's person, why, and whether what it says may be used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from features.intake.database import Relation, compute_rows, define_rows, give_rows
from features.linking.joining.linkage import Linkage

__all__ = ["LinkedPeople", "keep_people", "relate_people"]


@dataclass(frozen=True)
class LinkedPeople:
    """`every` and `used`: ref and person_id, of all references and of those whose records may be used; `links`: why."""

    every: Relation
    used: Relation
    links: Relation


def relate_people(
    database: duckdb.DuckDBPyConnection,
    references: Relation,
    people: Mapping[str, str],
    unused: Set[str],
    linkage: Linkage,
) -> LinkedPeople:
    """Return who is whom: `people` by reference, `references` with their services, without the `unused` in use."""
    refs: Sequence[str] = sorted(people)
    links = [linkage.links[ref] for ref in refs]
    rows = give_rows(
        database,
        pa.table(
            {
                "ref": pa.array(refs, pa.string()),
                "person_id": pa.array([people[ref] for ref in refs], pa.string()),
                "method": pa.array([link.method for link in links], pa.string()),
                "other_ref": pa.array([link.other for link in links], pa.string()),
                "weight": pa.array([link.weight for link in links], pa.float64()),
                "evidence": pa.array([link.evidence for link in links], pa.string()),
                "bits": pa.array([link.bits for link in links], pa.list_(pa.float64())),
                "certain": pa.array([ref not in linkage.uncertain for ref in refs], pa.bool_()),
                "used": pa.array([ref not in unused for ref in refs], pa.bool_()),
            }
        ),
    )
    return LinkedPeople(
        every=define_rows(database, "select ref, person_id from given", given=rows),
        used=compute_rows(database, "select ref, person_id from given where used", given=rows),
        links=compute_rows(
            database,
            "select l.person_id, r.service, l.ref, l.method, l.other_ref, l.weight, l.evidence, l.bits, l.certain, "
            "l.used from given l join refs r using (ref)",
            given=rows,
            refs=references,
        ),
    )


def keep_people(database: duckdb.DuckDBPyConnection, links: Relation, unused: Set[str]) -> LinkedPeople:
    """Return who is whom as `links` have it, without the `unused` in use; what was out of use stays so."""
    kept = compute_rows(
        database,
        "select * replace (used and ref not in (select unnest($1::varchar[])) as used) from links",
        [sorted(unused)],
        links=links,
    )
    return LinkedPeople(
        every=define_rows(database, "select ref, person_id from kept", kept=kept),
        used=compute_rows(database, "select ref, person_id from kept where used", kept=kept),
        links=kept,
    )
