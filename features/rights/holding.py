"""Whom legal holds of the ledger name: what Sooner made of them stays as long as their records do."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from charter.contracts.workspace import Workspace
from charter.vault.rights_ledger import read_requests
from features.intake.keeping.expiry import list_holds

__all__ = ["find_held_people"]


def find_held_people(workspace: Workspace) -> frozenset[str] | None:
    """Return the pseudonyms of people whom holds name, as any snapshot links them; None where one names everybody.

    A hold on a whole service names everybody: nobody can say of a case that nothing in it came from that service.
    """
    holds = list_holds(read_requests(workspace))
    if any(not hold.refs for hold in holds):
        return None
    refs = pa.array(sorted({ref for hold in holds for ref in hold.refs}), pa.string())
    people = set(refs.to_pylist())  # of canonical deliveries people are known by their references
    for path in workspace.store.glob("*/tables/links.parquet"):
        links = pq.read_table(path, columns=["ref", "person_id"])
        people |= set(links.filter(pc.is_in(links["ref"].cast(pa.string()), value_set=refs))["person_id"].to_pylist())
    return frozenset(people)
