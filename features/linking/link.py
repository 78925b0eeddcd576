"""`link`: references become people, addresses become households, records become the canonical tables.

    store/SNAPSHOT/tables/     events people protected residence households permission feeds coverage (contracts)
                               links.parquet: which reference is whom, why and how surely (pseudonyms)
                               review.parquet: pairs too close to call, for a person (features.linking.review)
                               linkage.parquet: of a fictional borough, how right each person's links are

What the tables are made from names their folder (`tables-HASH`, which `tables` points at), so linking the same twice
does nothing, and a kill leaves the old tables or the new. `store/current` moves last.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from charter.contracts import check_document
from charter.contracts.files import content_id, file_digest, new_folder, read_json, set_current, write_json
from charter.errors import CharterError, DataError
from charter.invocation import Invocation
from charter.rules.assessments import require_assessments
from charter.vault.key import Key
from charter.vault.rights_ledger import read_requests
from charter.vault.vault import Vault
from features.intake.database import connect, literal
from features.intake.snapshot import newest, room_for_writing
from features.linking.accuracy import keep_accuracy, load_truth
from features.linking.canonical_tables import TABLES, make_tables, write_table
from features.linking.choices_in_force import choices
from features.linking.corrections import digest_of, filed_in
from features.linking.evidence import gather
from features.linking.identities import best_identities
from features.linking.judgements import read as read_judgements
from features.linking.judgements import standing
from features.linking.linking_choices import forbids_all, forbids_service, lapse, leave_out, said_by_reference
from features.linking.parameters import Parameters
from features.linking.people import Linkage, link_people
from features.linking.residence_index import residents
from features.linking.review import keep_review
from features.linking.swap import swap_folder
from features.permission import Choice

__all__ = ["LinkResult", "link"]


@dataclass(frozen=True)
class LinkResult:
    """What linking found; counts only."""

    snapshot: str
    made: bool
    references: int
    left_out: int
    people: int
    households: int
    by_method: Mapping[str, int]
    for_review: int


def link(invocation: Invocation, *, threads: int | None = None, parameters: Parameters | None = None) -> LinkResult:
    """Link the newest pulled snapshot and return what was found. The writer lock is the caller's.

    `parameters`: others than the shipped ones, to see how much hangs on them.
    Raises DataError where there is no snapshot or no room, CharterError for another key than the snapshot's.
    """
    workspace, council = invocation.workspace, invocation.council
    snapshot = newest(workspace.store)
    if snapshot is None:
        raise DataError(f"there is no snapshot in {workspace.root.name}/store/.", "Run `sooner pull` first.")
    register = invocation.register
    policy = invocation.policy
    parameters = parameters or Parameters.load()
    judgements = tuple(standing(read_judgements(workspace)).values())
    require_assessments(policy.assessments, "link", synthetic=bool(read_json(snapshot / "manifest.json")["synthetic"]))
    key = Key.load(council, workspace)
    manifest = read_json(snapshot / "manifest.json")
    if manifest["key_id"] != key.id:
        raise CharterError(
            f"the snapshot {snapshot.name} was made with another key.",
            "Give the same key in $SOONER_KEY or $SOONER_KEY_FILE.",
        )
    vault = Vault.open(workspace.vault, key)
    corrections = filed_in(vault)
    made_from = content_id(
        [
            manifest["inputs"],
            register.sha256,
            list(policy.characteristics),
            parameters.sha256,
            [asdict(one) for one in judgements],
            *digest_of(corrections),
        ]
    )
    if manifest.get("linkage", {}).get("made_from") == made_from:
        set_current(workspace.store, snapshot.name)
        return _result(snapshot, manifest, made=False)
    taken_at = datetime.fromisoformat(manifest["taken_at"]).astimezone(UTC).replace(tzinfo=None)
    with connect(key, threads) as database, room_for_writing(), invocation.progress("Linking", 4) as done:
        gather(database, vault, snapshot, register)
        _load_choices(database, snapshot, choices(read_requests(workspace), taken_at))
        lapse(database, "choices", "select ref, birth_date from evidence", register, council.time_zone.key)
        said = said_by_reference(database, "choices")
        left_out = leave_out(database, register, said, taken_at)
        done()
        linkage = link_people(database, register, parameters, judgements)
        people = _people(linkage, _people_before(workspace.store, manifest), key)
        objecting = {people[ref] for ref, of in said.items() if ref in people and forbids_all(of, taken_at)}
        services = dict(database.execute("select ref, service from refs").fetchall())
        unused = {ref for ref, person in people.items() if person in objecting} | {
            ref for ref, of in said.items() if ref in people and forbids_service(of, services[ref], taken_at)
        }
        _keep_people(database, people, unused, linkage)
        done()
        make_tables(database, snapshot / "records", register, policy.characteristics, parameters, taken_at, corrections)
        lapse(database, "permission", "select person_id, birth_date from people", register, council.time_zone.key)
        keep_review(database, linkage.review)
        written = [*TABLES, "links", "review"]
        truth = workspace.extracts / "truth" / "references.parquet"
        if manifest["synthetic"] and truth.exists():
            load_truth(database, key, truth)
            keep_accuracy(database)
            written.append("linkage")
        done()
        with new_folder(snapshot / f"tables-{made_from}") as beside:
            for name in written:
                write_table(database, name, beside / f"{name}.parquet")
        vault.replace(best_identities(database, vault, snapshot))
        vault.replace_residents(residents(database, key, register, taken_at))
        manifest |= {
            "tables": _described(database, snapshot / f"tables-{made_from}", written),
            "linkage": {
                "made_from": made_from,
                "parameters": parameters.version,
                "references": len(people),
                "left_out": left_out + len(unused),
                "by_method": dict(Counter(one.method for one in linkage.links.values())),
                "for_review": len(linkage.review),
            },
        }
        check_document("snapshot", manifest)
        swap_folder(snapshot / "tables", f"tables-{made_from}")
        write_json(snapshot / "manifest.json", manifest)
        set_current(workspace.store, snapshot.name)
        done()
    return _result(snapshot, manifest, made=True)


def _result(snapshot: Path, manifest: Mapping[str, Any], *, made: bool) -> LinkResult:
    linkage = manifest["linkage"]
    return LinkResult(
        snapshot=snapshot.name,
        made=made,
        references=linkage["references"],
        left_out=linkage["left_out"],
        people=manifest["tables"]["people"]["rows"],
        households=manifest["tables"]["households"]["rows"],
        by_method=linkage["by_method"],
        for_review=linkage["for_review"],
    )


def _people_before(store: Path, manifest: Mapping[str, Any]) -> Mapping[str, str]:
    """Return each reference's person in the snapshot before, so that people keep their pseudonyms."""
    links = store / str(manifest.get("previous")) / "tables" / "links.parquet"
    if not links.exists():
        return {}
    with duckdb.connect() as database:
        return dict(database.execute(f"select ref, person_id from read_parquet({literal(str(links))})").fetchall())


def _people(linkage: Linkage, before: Mapping[str, str], key: Key) -> Mapping[str, str]:
    """Return each reference's person: as before where any reference of the group had one, else a new pseudonym.

    Where a group was split, the larger part keeps the pseudonym; where two met, the one that more references had.
    """
    groups: dict[str, list[str]] = {}
    for ref, representative in linkage.representative.items():
        groups.setdefault(representative, []).append(ref)
    claims: list[tuple[int, str, str]] = []
    for representative, refs in groups.items():
        had = Counter(before[ref] for ref in refs if ref in before)
        claims += [(-count, person, representative) for person, count in had.items()]
    named: dict[str, str] = {}
    taken: set[str] = set()
    for _, person, representative in sorted(claims):
        if representative not in named and person not in taken:
            named[representative] = person
            taken.add(person)
    pseudonym = key.pseudonyms("person")
    for representative in sorted(groups):
        if representative not in named:
            fresh = pseudonym(representative)
            named[representative] = pseudonym(representative, "apart") if fresh in taken else fresh
            taken.add(named[representative])
    return {ref: named[representative] for ref, representative in linkage.representative.items()}


def _load_choices(database: duckdb.DuckDBPyConnection, snapshot: Path, filed: Sequence[Choice]) -> None:
    """Make the table `choices`: those that services sent, and those in the rights ledger, by reference."""
    columns = 'ref, service, purpose, kind, status, start, "end", decided_by, known_at, known_until'
    records = literal(str(snapshot / "records" / "permission.parquet"))
    database.execute(f"create table choices as select {columns} from read_parquet({records})")
    for one in filed:
        said = (one.person_id, one.service, one.purpose, one.kind, one.status, one.start, one.known_at, one.decided_by)
        database.execute(
            "insert into choices (ref, service, purpose, kind, status, start, known_at, decided_by) "
            "values (?, ?, ?, ?, ?, ?, ?, ?)",
            said,
        )


def _keep_people(
    database: duckdb.DuckDBPyConnection, people: Mapping[str, str], unused: Set[str], linkage: Linkage
) -> None:
    """Make the tables `person_of` (ref, person_id; without the unused), `person_said` (with them) and `links`."""
    refs: Sequence[str] = sorted(people)
    found = [linkage.links[ref] for ref in refs]
    links = pa.table(
        {
            "ref": pa.array(refs, pa.string()),
            "person_id": pa.array([people[ref] for ref in refs], pa.string()),
            "method": pa.array([one.method for one in found], pa.string()),
            "other_ref": pa.array([one.other for one in found], pa.string()),
            "weight": pa.array([one.weight for one in found], pa.float64()),
            "evidence": pa.array([one.evidence for one in found], pa.string()),
            "certain": pa.array([ref not in linkage.uncertain for ref in refs], pa.bool_()),
        }
    )
    database.register("links_arrow", links)
    database.execute("create table person_said as select ref, person_id from links_arrow")
    database.execute("create temp table unused as select unnest($1::varchar[]) as ref", [sorted(unused)])
    database.execute("create table person_of as select * from person_said where ref not in (select ref from unused)")
    database.execute(
        "create table links as select l.person_id, r.service, l.ref, l.method, l.other_ref, l.weight, l.evidence, "
        "l.certain, l.ref not in (select ref from unused) as used from links_arrow l join refs r using (ref)"
    )
    database.unregister("links_arrow")


def _described(
    database: duckdb.DuckDBPyConnection, folder: Path, names: Sequence[str]
) -> Mapping[str, Mapping[str, Any]]:
    described = {}
    for name in names:
        rows = database.execute(f"select count(*) from {name}").fetchall()[0][0]
        described[name] = {"rows": rows, "sha256": file_digest(folder / f"{name}.parquet")}
    return described
