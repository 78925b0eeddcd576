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
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

from charter.contracts import check_document
from charter.contracts.files import (
    content_id,
    file_digest,
    find_current,
    new_folder,
    read_json,
    set_current,
    write_json,
    write_text,
)
from charter.contracts.reference_index import write_references
from charter.invocation import Invocation
from charter.vault.blind_pairs import read_pairs, settle_readings
from charter.vault.key import Key
from charter.vault.link_judgements import Judgement
from charter.vault.rights_ledger import read_requests
from charter.vault.vault import NamedPerson, Vault
from features.intake.database import Relation, compute_rows, fetch_rows, open_database, quote_text, read_parquet
from features.intake.snapshot import refuse_full_disk
from features.linking.accuracy import count_right_pairs, read_truth
from features.linking.canonical_tables import LinkingRules, Said, claim_homes, make_tables, write_tables
from features.linking.check_index import Spoken, index_checks
from features.linking.choices_in_force import list_choices
from features.linking.compared_fit import Comparison, Lessons, compare_fitted
from features.linking.corrections import Correction, read_corrections
from features.linking.evidence import Evidence, gather_evidence
from features.linking.fitted_numbers import FITTED, loosen_parameters, write_fitted
from features.linking.identities import choose_identities
from features.linking.joining.linkage import Linkage
from features.linking.joining.people import link_people
from features.linking.judged_links import Labels, Measured, judge_links, read_labels
from features.linking.linked_people import LinkedPeople, keep_people, relate_people
from features.linking.linking_choices import (
    forbids_all,
    forbids_service,
    gather_choices,
    group_choices,
    lapse_consents,
    leave_out,
)
from features.linking.parameters import Parameters
from features.linking.review import relate_pairs
from features.linking.review_sheets import leave_blind_sheets, leave_sheets
from features.linking.service_records import ServiceRecords
from features.linking.standing_links import LinkResult, read_link_inputs, report_links
from features.linking.swap import swap_folder
from features.permission import Choice

__all__ = ["link_records", "settle_tables_again"]


def link_records(
    invocation: Invocation,
    *,
    threads: int | None = None,
    parameters: Parameters | None = None,
    fit: bool = False,
    labels: Path | None = None,
) -> LinkResult:
    """Link the newest pulled snapshot and return what was found. The writer lock is the caller's.

    `parameters`: others than the council's, to see how much hangs on them. `fit`: link with what these records teach,
    and leave it in the workspace as a `linkage.toml`. `labels`: who is whom, to judge the links by, and to learn from
    where both are asked for. Fitting also learns from pairs that two readers settled (charter.vault.blind_pairs).
    Raises DataError where there is no snapshot or no room, CharterError for another key than the snapshot's.
    """
    inputs = read_link_inputs(invocation, parameters)
    snapshot, manifest, key = inputs.snapshot, inputs.manifest, inputs.key
    parameters = loosen_parameters(inputs.in_force) if fit else inputs.in_force
    readings = settle_readings(inputs.vault) if fit else {}
    digest = file_digest(labels) if labels else ""
    made_from = inputs.name_tables(parameters, ["fitted", digest, *sorted(map(list, readings.items()))] if fit else [])
    said = read_labels(labels, key) if labels else None
    store = invocation.workspace.store
    if inputs.are_linked(made_from):
        set_current(store, snapshot.name)
        return report_links(snapshot, manifest, _judge(snapshot, said), made=False)
    taken_at = datetime.fromisoformat(manifest["taken_at"]).astimezone(UTC).replace(tzinfo=None)
    rules = LinkingRules(invocation.register, invocation.policy.characteristics, parameters, taken_at)
    lessons = Lessons(said.person if said and fit else {}, readings)
    steps = 5 if lessons.persons else 4
    with open_database(key, threads) as database, refuse_full_disk(), invocation.progress("Linking", steps) as advance:
        work = _Linking(invocation, database, snapshot, manifest, key, inputs.vault, rules)
        linked = work.link(inputs.judgements, inputs.corrections, lessons, inputs.in_force, advance)
        manifest |= work.write(linked, made_from)
        check_document("snapshot", manifest)
        swap_folder(snapshot / "tables", f"tables-{made_from}")
        write_json(snapshot / "manifest.json", manifest)
        if fit:
            write_text(invocation.workspace.root / FITTED, linked.fitted)
        set_current(store, snapshot.name)
        advance()
    found = report_links(snapshot, manifest, _judge(snapshot, said), made=True)
    return replace(found, compared=linked.compared)


def settle_tables_again(invocation: Invocation, snapshot: Path, cause: str) -> None:
    """Make a linked snapshot's tables again of its records as they are now, nobody linked anew.

    `cause` names the version. Of the newest linked snapshot, the vault names those who are left in it. The writer lock
    is the caller's.
    """
    manifest = read_json(snapshot / "manifest.json")
    key = Key.load(invocation.council, invocation.workspace)
    vault = Vault.open(invocation.workspace.vault, key)
    taken_at = datetime.fromisoformat(manifest["taken_at"]).astimezone(UTC).replace(tzinfo=None)
    parameters = Parameters.load_for(invocation.council.folder)
    rules = LinkingRules(invocation.register, invocation.policy.characteristics, parameters, taken_at)
    version = f"tables-{content_id([(snapshot / 'tables').resolve().name, cause])}"
    with open_database(key) as database, refuse_full_disk():
        work = _Linking(invocation, database, snapshot, manifest, key, vault, rules)
        linked = work.keep(read_corrections(vault))
        manifest |= {"tables": work.write_version(linked, version), "linkage": linked.counts}
        if find_current(invocation.workspace.store) == snapshot:
            work.name_people(linked)
    check_document("snapshot", manifest)
    swap_folder(snapshot / "tables", version)
    write_json(snapshot / "manifest.json", manifest)


@dataclass(frozen=True)
class _Linked:
    """All that linking leaves, before any of it is written."""

    tables: Mapping[str, Relation]
    identities: Mapping[str, NamedPerson]
    residents: Mapping[str, bytes]
    counts: Mapping[str, Any]
    fitted: str
    compared: Comparison | None = None


@dataclass(frozen=True)
class _Linking:
    """One snapshot linked: first everything is computed, then everything is written."""

    invocation: Invocation
    database: duckdb.DuckDBPyConnection
    snapshot: Path
    manifest: Mapping[str, Any]
    key: Key
    vault: Vault
    rules: LinkingRules

    def link(
        self,
        judgements: Sequence[Judgement],
        corrections: Sequence[Correction],
        lessons: Lessons,
        in_force: Parameters,
        done: Callable[[], object],
    ) -> _Linked:
        """Return what the snapshot's records say, linked: evidence, people, homes and tables.

        Where the lessons name persons, what is learned of them is compared with the numbers in force.
        """
        database, rules = self.database, self.rules

        def link(parameters: Parameters, lessons: Lessons) -> Linkage:
            labels = (lessons.persons, lessons.readings)
            return link_people(database, evidence, rules.register, parameters, judgements, *labels)

        records = ServiceRecords.open(database, self.snapshot / "records")
        evidence, chosen, left_out = self._allowed_evidence(records)
        done()
        linkage = link(rules.parameters, lessons)
        compared = None
        if lessons.persons:
            compared = compare_fitted(lambda *by: link(*by).representative, in_force, rules.parameters, lessons)
            done()
        before = _people_before(self.invocation.workspace.store, self.manifest)
        by_reference = _name_people(linkage, before, self.key)
        unused = self._find_unused(evidence, by_reference, chosen)
        people = relate_people(database, evidence.references, by_reference, unused, linkage)
        done()
        linked = _Linked(
            *self._settle(records, evidence, chosen, people, corrections, relate_pairs(database, linkage.review)),
            counts={
                "references": len(by_reference),
                "left_out": left_out + len(unused),
                "by_method": dict(Counter(link.method for link in linkage.links.values())),
                "for_review": len(linkage.review),
                "uncertain": len(linkage.uncertain),
                "expected_wrong": round(linkage.expected_wrong, 1),
            },
            fitted=write_fitted(rules.parameters, linkage.model, linkage.comparisons, compared),
            compared=compared,
        )
        done()
        return linked

    def keep(self, corrections: Sequence[Correction]) -> _Linked:
        """Return what the records say under the links that stand: nobody is linked anew, and who has gone is out."""
        database, folder = self.database, self.snapshot / "tables"
        records = ServiceRecords.open(database, self.snapshot / "records")
        evidence, chosen, _ = self._allowed_evidence(records)
        links = compute_rows(
            database,
            "select l.* from links l join refs r using (ref, service)",
            links=read_parquet(database, folder / "links.parquet"),
            refs=evidence.references,
        )
        by_reference = dict(fetch_rows(database, "select ref, person_id from links", links=links))
        people = keep_people(database, links, self._find_unused(evidence, by_reference, chosen))
        review = compute_rows(
            database,
            "select * from review where one in (select ref from links) and other in (select ref from links)",
            review=read_parquet(database, folder / "review.parquet"),
            links=links,
        )
        return _Linked(
            *self._settle(records, evidence, chosen, people, corrections, review),
            counts={**self.manifest["linkage"], "references": len(by_reference)},
            fitted="",
        )

    def _settle(
        self,
        records: ServiceRecords,
        evidence: Evidence,
        chosen: _Choices,
        people: LinkedPeople,
        corrections: Sequence[Correction],
        review: Relation,
    ) -> tuple[Mapping[str, Relation], Mapping[str, NamedPerson], Mapping[str, bytes]]:
        """Return the tables, who people are, and the index of residents, knowing who is whom."""
        database, rules = self.database, self.rules
        claims = claim_homes(database, records.addresses, people.used, corrections)
        tables = make_tables(
            database, records, people, claims, Said(evidence.people, chosen.choices, corrections), rules
        )
        permission = lapse_consents(database, tables.permission, tables.people, rules.register, self._time_zone)
        tables = replace(tables, permission=permission)
        beside = {"links": people.links, "review": review} | self._measure_links(people)
        places = pq.read_table(BytesIO(self.vault.get_set(self.snapshot.name, "places")))
        return (
            tables.by_name() | beside,
            choose_identities(database, evidence.people, places, people, tables),
            index_checks(
                database, self.key, Spoken(evidence.people, claims, people), tables, rules, self.invocation.policy
            ),
        )

    def write(self, linked: _Linked, made_from: str) -> Mapping[str, Any]:
        """Write tables, identities and the index; return what the manifest says of them."""
        described = self.write_version(linked, f"tables-{made_from}")
        self.name_people(linked)
        version = self.rules.parameters.version
        return {"tables": described, "linkage": {"made_from": made_from, "parameters": version, **linked.counts}}

    def write_version(self, linked: _Linked, version: str) -> Mapping[str, Any]:
        """Write the tables as a version of their folder; return what the manifest says of them."""
        links = linked.tables["links"]
        with new_folder(self.snapshot / version) as beside:
            write_references(
                beside, fetch_rows(self.database, "select ref, person_id from links where used", links=links)
            )
            return write_tables(self.database, linked.tables, beside)

    def name_people(self, linked: _Linked) -> None:
        """Make identities, index and sheets for reviewers all that the vault knows of people."""
        self.vault.replace(linked.identities)
        self.vault.replace_residents(linked.residents)
        links, name = linked.tables["links"], self.snapshot.name
        leave_sheets(self.database, self.vault, name, links, linked.tables["review"], self.rules.parameters)
        leave_blind_sheets(self.database, self.vault, name, links, [pair.refs for pair in read_pairs(self.vault)])

    @property
    def _time_zone(self) -> str:
        return self.invocation.council.time_zone.key

    def _allowed_evidence(self, records: ServiceRecords) -> tuple[Evidence, _Choices, int]:
        """Return the evidence of the references that may be linked, what was chosen, and how many may not be."""
        database, register = self.database, self.rules.register
        evidence = gather_evidence(database, self.vault, self.snapshot, register)
        filed = list_choices(read_requests(self.invocation.workspace), self.rules.taken_at)
        sent = gather_choices(database, records.permission, filed)
        chosen = lapse_consents(database, sent, evidence.traits, register, self._time_zone)
        by_reference = group_choices(database, chosen)
        allowed, left_out = leave_out(database, evidence, register, by_reference, self.rules.taken_at)
        return allowed, _Choices(chosen, by_reference), left_out

    def _find_unused(self, evidence: Evidence, people: Mapping[str, str], said: _Choices) -> Set[str]:
        """Return the references that were linked only so that it is known whose values must say "not seen"."""
        at = self.rules.taken_at
        choices_of = {ref: of for ref, of in said.by_reference.items() if ref in people}
        objecting = {people[ref] for ref, of in choices_of.items() if forbids_all(of, at)}
        rows = fetch_rows(self.database, "select ref, service from refs", refs=evidence.references)
        services: Mapping[str, str] = dict(rows)
        # Whoever objects through one of two accounts means the service: the other account's records are left out too.
        denied = {
            (people[ref], service)
            for ref, of in choices_of.items()
            for service in {choice.service for choice in of}
            if forbids_service(of, service, at)
        }
        return {ref for ref, person in people.items() if person in objecting or (person, services[ref]) in denied}

    def _measure_links(self, people: LinkedPeople) -> dict[str, Relation]:
        """Return, of a fictional borough, how right its links are."""
        truth = self.invocation.workspace.extracts / "truth" / "references.parquet"
        if not self.manifest["synthetic"] or not truth.exists():
            return {}
        real_people = read_truth(self.database, self.key, truth)
        return {"linkage": count_right_pairs(self.database, people.links, real_people)}


@dataclass(frozen=True)
class _Choices:
    """What was chosen, as a relation and by reference."""

    choices: Relation
    by_reference: Mapping[str, Sequence[Choice]]


def _judge(snapshot: Path, labels: Labels | None) -> Sequence[Measured]:
    return judge_links(_people_of(snapshot), labels) if labels else ()


def _people_before(store: Path, manifest: Mapping[str, Any]) -> Mapping[str, str]:
    """Return each reference's person in the snapshot before, so that people keep their pseudonyms."""
    return _people_of(store / str(manifest.get("previous")))


def _people_of(snapshot: Path) -> Mapping[str, str]:
    """Return each reference's person in a linked snapshot; none in one that is not linked, or not there."""
    links = snapshot / "tables" / "links.parquet"
    if not links.exists():
        return {}
    with duckdb.connect() as database:
        return dict(database.execute(f"select ref, person_id from read_parquet({quote_text(str(links))})").fetchall())


def _name_people(linkage: Linkage, before: Mapping[str, str], key: Key) -> Mapping[str, str]:
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
    person_of: dict[str, str] = {}
    pseudonyms: set[str] = set()
    for _, person, representative in sorted(claims):
        if representative not in person_of and person not in pseudonyms:
            person_of[representative] = person
            pseudonyms.add(person)
    pseudonym = key.pseudonyms("person")
    for representative in sorted(groups):
        if representative not in person_of:
            fresh = pseudonym(representative)
            person_of[representative] = pseudonym(representative, "apart") if fresh in pseudonyms else fresh
            pseudonyms.add(person_of[representative])
    return {ref: person_of[representative] for ref, representative in linkage.representative.items()}
