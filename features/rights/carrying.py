"""One resident's request carried out on one snapshot: records first, then tables, then the tombstone.

Whoever is known by a service's reference is found through `links`; people of a canonical delivery, whose ids the
council gives itself, are found by that id. Only rows of these people change.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from charter.contracts.files import content_id, file_digest, new_file, new_folder, read_json, write_json, write_text
from charter.council.register import Register
from charter.rules.policy import Policy
from charter.vault.key import Key
from charter.vault.residence_check import PURPOSE
from charter.vault.rights_ledger import Request
from charter.vault.vault import Vault
from features.intake.database import connect, literal
from features.linking.canonical_tables import TABLES, fill_protected, write_table
from features.linking.corrections import PAPER, address_claims, filed_in
from features.linking.homes import settle_residence
from features.linking.parameters import Parameters
from features.linking.swap import swap_folder
from features.permission import ALL, Choice

__all__ = ["Carrying"]

_CLEARED = ("events", "addresses", "coverage", "protected")
"""The records that a request clears; choices stay, so that they are honoured, and identities until erasure."""


_BESIDE: Mapping[str, str] = {
    "review": "one in (select id from asked) or other in (select id from asked)",
    "linkage": "person_id in (select id from them)",
}
"""Tables that linking leaves beside the others, with the test of the rows that a request clears."""

PAPERS = (PAPER, "export", "challenge")
"""What the desk files in people's own words; each paper names the references of whom it is about."""


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
        with connect(self._key) as database:
            _give(database, "asked", self._request.refs)
            if self._clears:
                self._clear_records(database, removed)
                self._clear_canonical(database, removed)
            if self._request.action == "erase":
                self._clear_identities(database, removed)
            if (self._snapshot / "tables").exists():
                self._rewrite_tables(database, removed, choices)
        self._bury(removed)
        return removed

    def _clear_records(self, database: duckdb.DuckDBPyConnection, removed: dict[str, int]) -> None:
        for name in _CLEARED:
            path = self._snapshot / "records" / f"{name}.parquet"
            removed[f"records/{name}"] = _rewrite(database, path, "ref in (select id from asked)")

    def _clear_canonical(self, database: duckdb.DuckDBPyConnection, removed: dict[str, int]) -> None:
        """Take the person's rows out of what a canonical delivery said: all of them, or one service's."""
        request = self._request
        mine = "person_id in (select id from asked)"
        service = literal(request.service)
        tests = {"events": f"{mine} and starts_with(signal, {literal(request.service + '.')})"}
        tests["coverage"] = f"{mine} and service = {service}"
        if request.service == ALL:
            tests = dict.fromkeys(("events", "coverage", "residence", "protected"), mine)
            tests |= {"people": mine} if request.action == "erase" else {}
        for name, test in tests.items():
            path = self._snapshot / "records" / f"canonical_{name}.parquet"
            if path.exists():
                removed[f"records/canonical_{name}"] = _rewrite(database, path, test)

    def _clear_identities(self, database: duckdb.DuckDBPyConnection, removed: dict[str, int]) -> None:
        """Take the person's rows out of the vault's sealed set of this snapshot, and what the desk filed for them."""
        asked = set(self._request.refs)
        for kind in PAPERS:
            mine = [one for one, paper in self._vault.papers(kind).items() if asked & set(json.loads(paper)["refs"])]
            self._vault.drop_papers(kind, mine)
        if self._snapshot.name not in self._vault.snapshots():
            return
        held = pq.read_table(BytesIO(self._vault.get_set(self._snapshot.name, "people")))
        database.register("held", held)
        kept = database.sql("select * from held where ref not in (select id from asked)").to_arrow_table()
        database.unregister("held")
        into = BytesIO()
        pq.write_table(kept, into)
        self._vault.put_sets(self._snapshot.name, {"people": into.getvalue()})
        removed["vault/people"] = held.num_rows - kept.num_rows

    def _rewrite_tables(
        self, database: duckdb.DuckDBPyConnection, removed: dict[str, int], choices: Sequence[Choice]
    ) -> None:
        tables = self._snapshot / "tables"
        written = [*TABLES, "links", *(name for name in _BESIDE if (tables / f"{name}.parquet").exists())]
        for name in written:
            database.execute(
                f"create table {name} as select * from read_parquet({literal(str(tables / f'{name}.parquet'))})"
            )
        self._find_people(database)
        manifest = read_json(self._snapshot / "manifest.json")
        self._taken_at = datetime.fromisoformat(manifest["taken_at"]).astimezone(UTC).replace(tzinfo=None)
        before = {name: _one(database, f"select count(*) from {name}") for name in TABLES}
        for choice in choices:
            _file(database, choice)
        if self._clears:
            self._clear_tables(database)
        for name, test in _BESIDE.items():
            if name in written and self._clears:
                database.execute(f"delete from {name} where {test}")
        for name in TABLES:
            removed[name] = max(before[name] - _one(database, f"select count(*) from {name}"), 0)
        version = f"tables-{content_id([(tables).resolve().name, self._request.id])}"
        with new_folder(self._snapshot / version) as beside:
            for name in written:
                write_table(database, name, beside / f"{name}.parquet")
        manifest["tables"] = {
            name: {
                "rows": _one(database, f"select count(*) from {name}"),
                "sha256": file_digest(self._snapshot / version / f"{name}.parquet"),
            }
            for name in written
        }
        swap_folder(tables, version)
        write_json(self._snapshot / "manifest.json", manifest)
        if self._request.purpose in (ALL, PURPOSE):
            self._vault.forget_residents(self.people)
        if self._request.action == "erase" and self._request.service == ALL:
            self._vault.forget(self.people)

    def _find_people(self, database: duckdb.DuckDBPyConnection) -> None:
        """Make the tables `them` (everybody asked about) and `linked` (those of them known by references)."""
        database.execute(
            "create table linked as select distinct person_id as id from links where ref in (select id from asked)"
        )
        given = "union ".join(
            f"select person_id as id from {name} where person_id in (select id from asked) "
            for name in ("people", "events", "residence", "permission")
        )
        database.execute(f"create table them as select id from linked union {given}")
        self.people = frozenset(one for (one,) in database.execute("select id from them").fetchall())

    def _clear_tables(self, database: duckdb.DuckDBPyConnection) -> None:
        request = self._request
        if request.service == ALL:
            kept = ("people", "permission") if request.action != "erase" else ("permission",)
            for name in ("events", "coverage", "residence", "protected", "people"):
                if name not in kept:
                    database.execute(f"delete from {name} where person_id in (select id from them)")
        else:
            database.execute(
                "delete from events where person_id in (select id from them) and starts_with(signal, ?)",
                [request.service + "."],
            )
            database.execute(
                "delete from coverage where person_id in (select id from them) and service = ?", [request.service]
            )
            database.execute("update links set used = false where ref in (select id from asked)")
            database.execute("create table person_of as select ref, person_id from links where used")
            self._settle_again(database)
            self._fill_protected_again(database)
        if request.action == "erase":
            database.execute("delete from links where ref in (select id from asked)")

    def _settle_again(self, database: duckdb.DuckDBPyConnection) -> None:
        """Settle where the person lived without the claims of the service that was cleared."""
        path = literal(str(self._snapshot / "records" / "addresses.parquet"))
        addresses = address_claims(database, f"read_parquet({path})", filed_in(self._vault))
        database.execute("create table all_residence as select * from residence")
        claims = (
            f"(select l.person_id, a.* from {addresses} a join person_of l using (ref) "
            "where l.person_id in (select id from linked))"
        )
        settle_residence(database, claims, Parameters.load().home_order)
        database.execute(
            "insert into residence by name select * from all_residence where person_id not in (select id from linked)"
        )

    def _fill_protected_again(self, database: duckdb.DuckDBPyConnection) -> None:
        """Say anew what is known of the person's characteristics without the service that was cleared."""
        database.execute("delete from protected where person_id in (select id from linked)")
        records = self._snapshot / "records"
        fill_protected(
            database,
            records,
            self._register,
            self._policy.characteristics,
            "select id as person_id from linked",
            self._taken_at,
        )

    def _bury(self, removed: Mapping[str, int]) -> None:
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
        held = path.read_text(encoding="utf-8") if path.exists() else ""
        write_text(path, held + json.dumps(line, sort_keys=True) + "\n")


def _rewrite(database: duckdb.DuckDBPyConnection, path: Path, gone: str) -> int:
    """Write a Parquet file again without the rows of the test `gone`; return how many they were."""
    rows = f"read_parquet({literal(str(path))})"
    number = _one(database, f"select count(*) from {rows} where {gone}")
    if number:
        with new_file(path) as beside:
            database.execute(
                f"copy (select * from {rows} where not ({gone})) to {literal(str(beside))} (format parquet)"
            )
    return number


def _file(database: duckdb.DuckDBPyConnection, choice: Choice) -> None:
    """Put a choice in force for the person of a reference, or of a canonical id; once."""
    database.execute(
        "insert into permission by name select distinct person_id, $1 as service, $2 as purpose, $3 as kind, "
        "$4 as status, $5::timestamp as start, $5::timestamp as known_at, $7 as decided_by from "
        "(select person_id from links where ref = $6 union select id from them where id = $6) who "
        "where not exists (select 1 from permission p where p.person_id = who.person_id and p.service = $1 "
        "and p.purpose = $2 and p.kind = $3 and p.status = $4 and p.start = $5)",
        [choice.service, choice.purpose, choice.kind, choice.status, choice.start, choice.person_id, choice.decided_by],
    )


def _one(database: duckdb.DuckDBPyConnection, query: str) -> int:
    return int(database.execute(query).fetchall()[0][0])


def _give(database: duckdb.DuckDBPyConnection, name: str, ids: Sequence[str]) -> None:
    database.execute(f"create or replace temp table {name} as select unnest($1::varchar[]) as id", [list(ids)])
