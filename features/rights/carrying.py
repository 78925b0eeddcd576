"""One resident's request carried out on one snapshot: records first, then tables, then the tombstone.

What the vault holds beside a snapshot's sealed rows is features.rights.vault_clearing's.

Whoever is known by a service's reference is found through `links`; people of a canonical delivery, whose ids the
council gives itself, are found by that id. Only rows of these people change.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from charter.contracts.files import content_id, new_file, new_folder, read_json, write_json, write_text
from charter.council.register import Register
from charter.rules.policy import Policy
from charter.vault.key import Key
from charter.vault.rights_ledger import Request
from charter.vault.vault import Vault
from features.intake.database import (
    Relation,
    compute_rows,
    fetch_rows,
    open_database,
    quote_text,
    read_parquet,
)
from features.linking.canonical_tables import (
    TABLES,
    LinkingRules,
    claim_homes,
    conform_rows,
    settle_protected,
    write_tables,
)
from features.linking.corrections import read_corrections
from features.linking.homes import settle_residence
from features.linking.parameters import Parameters
from features.linking.service_records import ServiceRecords
from features.linking.swap import swap_folder
from features.permission import ALL, Choice
from features.rights.vault_clearing import clear_sealed_people

__all__ = ["Carrying"]

_CLEARED = ("events", "addresses", "coverage", "protected")
"""The records that a request clears; choices stay, so that they are honoured, and identities until erasure."""


_BESIDE: Mapping[str, str] = {
    "review": "one in (select id from asked) or other in (select id from asked)",
    "linkage": "person_id in (select id from them)",
}
"""Tables that linking leaves beside the others, with the test of the rows that a request clears."""


@dataclass(frozen=True)
class _Whose:
    """Ids: the references asked about, everybody they are about, and those of them known by references."""

    asked: Relation
    them: Relation
    linked: Relation


class Carrying:
    """A request to be carried out on a snapshot; `people` are whom it was about, known once it is out."""

    def __init__(
        self,
        snapshot: Path,
        request: Request,
        key: Key,
        vault: Vault,
        register: Register,
        policy: Policy,
        *,
        clears: bool,
    ) -> None:
        self._snapshot, self._request, self._key, self._vault = snapshot, request, key, vault
        self._register, self._policy = register, policy
        self._clears = clears
        self.people: frozenset[str] = frozenset()

    def out(self, choices: Sequence[Choice]) -> Mapping[str, int]:
        """Carry it out, leaving `choices` (by reference) in force, and return the rows removed by table."""
        removed: dict[str, int] = {}
        with open_database(self._key) as database:
            references = _give_ids(database, self._request.refs)
            if self._clears:
                self._clear_records(database, references, removed)
                self._clear_canonical(database, references, removed)
            if self._request.action == "erase" and self._snapshot.name in self._vault.snapshots():
                cleared = clear_sealed_people(self._vault, self._snapshot.name, self._request.refs)
                removed["vault/people"] = cleared
            if (self._snapshot / "tables").exists():
                self._rewrite_tables(database, references, removed, choices)
        self._write_tombstone(removed)
        return removed

    def _clear_records(self, database: duckdb.DuckDBPyConnection, asked: Relation, removed: dict[str, int]) -> None:
        for name in _CLEARED:
            path = self._snapshot / "records" / f"{name}.parquet"
            removed[f"records/{name}"] = _rewrite_file(database, path, "ref in (select id from asked)", asked)

    def _clear_canonical(self, database: duckdb.DuckDBPyConnection, asked: Relation, removed: dict[str, int]) -> None:
        """Take the person's rows out of what a canonical delivery said: all of them, or one service's."""
        request = self._request
        mine = "person_id in (select id from asked)"
        service = quote_text(request.service)
        tests = {"events": f"{mine} and starts_with(signal, {quote_text(request.service + '.')})"}
        tests["coverage"] = f"{mine} and service = {service}"
        if request.service == ALL:
            tests = dict.fromkeys(("events", "coverage", "residence", "protected"), mine)
            tests |= {"people": mine} if request.action == "erase" else {}
        for name, test in tests.items():
            path = self._snapshot / "records" / f"canonical_{name}.parquet"
            if path.exists():
                removed[f"records/canonical_{name}"] = _rewrite_file(database, path, test, asked)

    def _rewrite_tables(
        self,
        database: duckdb.DuckDBPyConnection,
        asked: Relation,
        removed: dict[str, int],
        choices: Sequence[Choice],
    ) -> None:
        folder = self._snapshot / "tables"
        names = [*TABLES, "links", *(name for name in _BESIDE if (folder / f"{name}.parquet").exists())]
        tables = {name: read_parquet(database, folder / f"{name}.parquet") for name in names}
        before = {name: _count_rows(database, tables[name]) for name in TABLES}
        them, linked = _find_people(database, asked, tables)
        self.people = frozenset(person for (person,) in fetch_rows(database, "select id from them", them=them))
        manifest = read_json(self._snapshot / "manifest.json")
        taken_at = datetime.fromisoformat(manifest["taken_at"]).astimezone(UTC).replace(tzinfo=None)
        for choice in choices:
            tables["permission"] = _with_choice(database, tables, them, choice)
        if self._clears:
            whose = _Whose(asked, them, linked)
            tables |= self._clear_tables(database, tables, whose, taken_at)
            for name, test in _BESIDE.items():
                if name in tables:
                    tables[name] = _leave_out(database, tables[name], test, asked=asked, them=them)
        for name in TABLES:
            removed[name] = max(before[name] - _count_rows(database, tables[name]), 0)
        version = f"tables-{content_id([folder.resolve().name, self._request.id])}"
        with new_folder(self._snapshot / version) as beside:
            manifest["tables"] = write_tables(database, tables, beside)
        swap_folder(folder, version)
        write_json(self._snapshot / "manifest.json", manifest)

    def _clear_tables(
        self, database: duckdb.DuckDBPyConnection, tables: Mapping[str, Relation], whose: _Whose, taken_at: datetime
    ) -> dict[str, Relation]:
        """Return the tables that a request changes, without what it clears."""
        request, mine = self._request, "person_id in (select id from them)"
        if request.service == ALL:
            stay = ("people", "permission") if request.action != "erase" else ("permission",)
            cleared = {
                name: _leave_out(database, tables[name], mine, them=whose.them)
                for name in ("events", "coverage", "residence", "protected", "people")
                if name not in stay
            }
        else:
            signals, service = quote_text(request.service + "."), quote_text(request.service)
            tests = {
                "events": f"{mine} and starts_with(signal, {signals})",
                "coverage": f"{mine} and service = {service}",
            }
            cleared = {name: _leave_out(database, tables[name], test, them=whose.them) for name, test in tests.items()}
            cleared["links"] = compute_rows(
                database,
                "select * replace (used and ref not in (select id from asked) as used) from links",
                links=tables["links"],
                asked=whose.asked,
            )
            cleared |= self._settle_again(database, tables, cleared["links"], whose, taken_at)
        if request.action == "erase":
            links = cleared.get("links", tables["links"])
            cleared["links"] = _leave_out(database, links, "ref in (select id from asked)", asked=whose.asked)
        return cleared

    def _settle_again(
        self,
        database: duckdb.DuckDBPyConnection,
        tables: Mapping[str, Relation],
        links: Relation,
        whose: _Whose,
        taken_at: datetime,
    ) -> dict[str, Relation]:
        """Return where the people lived and what is known of their characteristics, without the service's word."""
        records = ServiceRecords.open(database, self._snapshot / "records")
        used = compute_rows(
            database,
            "select ref, person_id from links where used and person_id in (select id from linked)",
            links=links,
            linked=whose.linked,
        )
        claims = claim_homes(database, records.addresses, used, read_corrections(self._vault))
        rules = LinkingRules(
            self._register, self._policy.characteristics, Parameters.load_for(self._register.path.parent), taken_at
        )
        people = compute_rows(database, "select id as person_id from linked", linked=whose.linked)
        fresh = {
            "residence": settle_residence(database, claims, rules.parameters.home_order),
            "protected": settle_protected(database, records.protected, people, used, tables["permission"], rules),
        }
        settled = {}
        for name, rows in fresh.items():
            others = _leave_out(database, tables[name], "person_id in (select id from linked)", linked=whose.linked)
            settled[name] = conform_rows(database, name, others, rows)
        return settled

    def _write_tombstone(self, removed: Mapping[str, int]) -> None:
        request = self._request
        line = {
            "request": request.id,
            "kind": request.action,
            "service": request.service,
            "purpose": request.purpose,
            "at": request.filed_at,
            "people": sorted(self.people),
            "rows_removed": dict(removed),
        }
        path = self._snapshot / "tombstones.jsonl"
        lines = path.read_text(encoding="utf-8") if path.exists() else ""
        write_text(path, lines + json.dumps(line, sort_keys=True) + "\n")


def _rewrite_file(database: duckdb.DuckDBPyConnection, path: Path, test: str, asked: Relation) -> int:
    """Write a Parquet file again without the rows of `test`; return how many they were."""
    rows = read_parquet(database, path)
    rest = _leave_out(database, rows, test, asked=asked)
    number = _count_rows(database, rows) - _count_rows(database, rest)
    if number:
        with new_file(path) as beside:
            database.execute(f"copy ({rest.sql_query()}) to {quote_text(str(beside))} (format parquet)")
    return number


def _leave_out(database: duckdb.DuckDBPyConnection, rows: Relation, test: str, **relations: Relation) -> Relation:
    """Return the rows of which `test` is not true."""
    return compute_rows(database, f"select * from whole where ({test}) is not true", whole=rows, **relations)


def _find_people(
    database: duckdb.DuckDBPyConnection, asked: Relation, tables: Mapping[str, Relation]
) -> tuple[Relation, Relation]:
    """Return the ids of everybody asked about, and those of them known by references."""
    linked = compute_rows(
        database,
        "select distinct person_id as id from links where ref in (select id from asked)",
        links=tables["links"],
        asked=asked,
    )
    names = ("people", "events", "residence", "permission")
    ids = "union ".join(
        f"select person_id as id from {name} where person_id in (select id from asked) " for name in names
    )
    them = compute_rows(
        database,
        f"select id from linked union {ids}",
        linked=linked,
        asked=asked,
        **{name: tables[name] for name in names},
    )
    return them, linked


def _with_choice(
    database: duckdb.DuckDBPyConnection, tables: Mapping[str, Relation], them: Relation, choice: Choice
) -> Relation:
    """Return `permission` with a choice in force for the person of a reference, or of a canonical id; once."""
    return compute_rows(
        database,
        "select * from permission union all by name "
        "select distinct person_id, $1 as service, $2 as purpose, $3 as kind, "
        "$4 as status, $5::timestamp as start, $5::timestamp as known_at, $7 as decided_by from "
        "(select person_id from links where ref = $6 union select id from them where id = $6) who "
        "where not exists (select 1 from permission p where p.person_id = who.person_id and p.service = $1 "
        "and p.purpose = $2 and p.kind = $3 and p.status = $4 and p.start = $5)",
        [choice.service, choice.purpose, choice.kind, choice.status, choice.start, choice.person_id, choice.decided_by],
        permission=tables["permission"],
        links=tables["links"],
        them=them,
    )


def _count_rows(database: duckdb.DuckDBPyConnection, rows: Relation) -> int:
    return int(fetch_rows(database, "select count(*) from counted", counted=rows)[0][0])


def _give_ids(database: duckdb.DuckDBPyConnection, ids: Sequence[str]) -> Relation:
    """Return ids as rows."""
    return compute_rows(database, "select unnest($1::varchar[]) as id", [list(ids)])
