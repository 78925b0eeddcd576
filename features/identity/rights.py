"""A resident's rights over what is held: object, withdraw, restrict, erase, each carried out at once and certified.

The person is found by a service and its reference, which is hashed and not kept. The request goes into the ledger
first; then every snapshot is brought in line with the ledger (`replay`), which may be repeated: what was carried out
has a tombstone. Of the person nothing else changes, and of nobody else anything at all.

    restrict                         a choice is in force; records stay, unused
    object, withdraw for a purpose   a choice is in force for that purpose
    object, withdraw for all         and the records of that service (or of all) are removed
    erase                            and who they are is removed too
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

from charter.contracts.files import content_id, file_digest, new_file, new_folder, read_json, write_json, write_text
from charter.contracts.workspace import Workspace
from charter.council import Council
from charter.errors import DataError, UsageError
from charter.invocation import Invocation
from charter.key import Key
from charter.policy import PURPOSES, Policy
from charter.register import Register
from charter.vault import Log, Vault
from features.forget import forget
from features.identity.homes import settle_residence
from features.identity.ledger import ACTIONS, Request, append, choices, read
from features.identity.parameters import Parameters
from features.identity.swap import swap_folder
from features.identity.tables import TABLES, fill_protected, write_table
from features.intake.database import connect, literal
from features.permission import ALL

__all__ = ["Certificate", "ask", "replay", "show"]

_CLEARED = ("events", "addresses", "coverage", "protected")
"""The records that a request clears; choices stay, so that they are honoured, and identities until erasure."""


Forgetting = Callable[[Iterable[str], Workspace], int]
"""A room's `forget`: takes the people to be forgotten out of what the room holds."""


@dataclass(frozen=True)
class Certificate:
    """What was done on a request: counts, ids and times alone."""

    request: str
    action: str
    filed_at: str
    service: str
    purpose: str
    people: tuple[str, ...]
    rows_removed: Mapping[str, Mapping[str, int]]
    matrices_dropped: int


def ask(
    invocation: Invocation,
    action: str,
    *,
    through: str,
    reference: str,
    service: str = ALL,
    purpose: str = ALL,
    now: datetime | None = None,
    forgetting: Sequence[Forgetting] = (),
) -> Certificate:
    """File a resident's request and carry it out. The writer lock is the caller's.

    `forgetting`: the other rooms' `forget`, called before this room drops the matrices that say whose rows are whose.

    `through` and `reference` name the person as one service knows them; `service` and `purpose` are what the request
    is about. Raises UsageError for an unknown word, DataError where nobody is known under the reference.
    """
    workspace, council = invocation.workspace, invocation.council
    register = Register.load(council.folder / "register.toml")
    if action not in ACTIONS:
        raise UsageError(f"{action!r} is not a right that can be used here.", f"Choose one of: {', '.join(ACTIONS)}.")
    if purpose != ALL and purpose not in PURPOSES:
        raise UsageError(f"{purpose!r} is not a purpose.", f"Choose one of: {', '.join(PURPOSES)}.")
    if service != ALL:
        register.source(service)
    key = Key.load(council, workspace)
    ref = key.pseudonym("reference", register.source(through).service, reference)
    refs = _refs_of(workspace, ref, service)
    request = Request(action, (now or datetime.now(UTC)).isoformat(), through, ref, refs, service, purpose)
    append(workspace, request)
    done = replay(invocation, forgetting)
    return done[request.id]


def _snapshots(workspace: Workspace) -> Sequence[Path]:
    return sorted(path.parent for path in workspace.store.glob("*/manifest.json"))


def _linked(workspace: Workspace) -> Sequence[Path]:
    return [snapshot for snapshot in _snapshots(workspace) if (snapshot / "tables" / "links.parquet").exists()]


def _refs_of(workspace: Workspace, ref: str, service: str) -> tuple[str, ...]:
    """Return the references, of the service asked about, of whoever the reference belongs to in any snapshot."""
    found: set[str] = set()
    known = False
    with duckdb.connect() as database:
        for snapshot in _linked(workspace):
            links = literal(str(snapshot / "tables" / "links.parquet"))
            rows = database.execute(
                f"select ref, service from read_parquet({links}) where person_id in "
                f"(select person_id from read_parquet({links}) where ref = ?)",
                [ref],
            ).fetchall()
            known = known or bool(rows)
            found |= {of for of, by in rows if service in (ALL, by)}
    if not known:
        raise DataError(
            "nobody is known under that reference of that service.",
            "Check the service and the reference; who may not be linked is not held here. Nothing was filed.",
        )
    return tuple(sorted(found | {ref}))


def replay(invocation: Invocation, forgetting: Sequence[Forgetting] = ()) -> Mapping[str, Certificate]:
    """Bring every snapshot in line with the ledger; return a certificate for each request carried out just now.

    Requests that already have a tombstone in a snapshot are done there. The writer lock is the caller's.
    """
    workspace, council = invocation.workspace, invocation.council
    key = Key.load(council, workspace)
    vault = Vault.open(workspace.vault, key)
    certificates: dict[str, Certificate] = {}
    for request in read(workspace):
        rows: dict[str, Mapping[str, int]] = {}
        people: set[str] = set()
        for snapshot in _snapshots(workspace):
            if request.id in _done(snapshot):
                continue
            carried = _Carrying(snapshot, request, key, vault, council)
            rows[snapshot.name] = carried.out()
            people |= carried.people
        if rows:
            for room in forgetting:
                room(people, workspace)
            dropped = forget(people, workspace)
            certificates[request.id] = Certificate(
                request.id,
                request.action,
                request.filed_at,
                request.service,
                request.purpose,
                tuple(sorted(people)),
                rows,
                dropped,
            )
    return certificates


def _done(snapshot: Path) -> frozenset[str]:
    path = snapshot / "tombstones.jsonl"
    if not path.exists():
        return frozenset()
    return frozenset(json.loads(line)["request"] for line in path.read_text(encoding="utf-8").splitlines())


class _Carrying:
    """One request, carried out on one snapshot: records first, then tables, then the tombstone."""

    def __init__(self, snapshot: Path, request: Request, key: Key, vault: Vault, council: Council) -> None:
        self._snapshot, self._request, self._key, self._vault = snapshot, request, key, vault
        self._register = Register.load(council.folder / "register.toml")
        self._policy = Policy.load(council.folder / "charter.toml")
        self.people: frozenset[str] = frozenset()

    def out(self) -> Mapping[str, int]:
        """Do it and return the rows removed by table."""
        removed: dict[str, int] = {}
        with connect(self._key) as database:
            _give(database, "asked", self._request.refs)
            if self._request.clears:
                self._clear_records(database, removed)
            if self._request.action == "erase":
                self._clear_identities(database, removed)
            if (self._snapshot / "tables").exists():
                self._rewrite_tables(database, removed)
        self._bury(removed)
        return removed

    def _clear_records(self, database: duckdb.DuckDBPyConnection, removed: dict[str, int]) -> None:
        for name in _CLEARED:
            path = self._snapshot / "records" / f"{name}.parquet"
            rows = f"read_parquet({literal(str(path))})"
            gone = _one(database, f"select count(*) from {rows} where ref in (select id from asked)")
            if gone:
                with new_file(path) as beside:
                    database.execute(
                        f"copy (select * from {rows} where ref not in (select id from asked)) "
                        f"to {literal(str(beside))} (format parquet)"
                    )
            removed[f"records/{name}"] = gone

    def _clear_identities(self, database: duckdb.DuckDBPyConnection, removed: dict[str, int]) -> None:
        """Take the person's rows out of the vault's sealed set of this snapshot."""
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

    def _rewrite_tables(self, database: duckdb.DuckDBPyConnection, removed: dict[str, int]) -> None:
        tables = self._snapshot / "tables"
        for name in (*TABLES, "links"):
            database.execute(
                f"create table {name} as select * from read_parquet({literal(str(tables / f'{name}.parquet'))})"
            )
        people = database.execute(
            "select distinct person_id from links where ref in (select id from asked) order by person_id"
        ).fetchall()
        self.people = frozenset(person for (person,) in people)
        _give(database, "them", sorted(self.people))
        manifest = read_json(self._snapshot / "manifest.json")
        before = {name: _one(database, f"select count(*) from {name}") for name in TABLES}
        self._file_choices(database, datetime.fromisoformat(manifest["taken_at"]).astimezone(UTC).replace(tzinfo=None))
        if self._request.clears:
            self._clear_tables(database)
        for name in TABLES:
            removed[name] = max(before[name] - _one(database, f"select count(*) from {name}"), 0)
        version = f"tables-{content_id([(tables).resolve().name, self._request.id])}"
        with new_folder(self._snapshot / version) as beside:
            for name in (*TABLES, "links"):
                write_table(database, name, beside / f"{name}.parquet")
        manifest["tables"] = {
            name: {
                "rows": _one(database, f"select count(*) from {name}"),
                "sha256": file_digest(self._snapshot / version / f"{name}.parquet"),
            }
            for name in (*TABLES, "links")
        }
        swap_folder(tables, version)
        write_json(self._snapshot / "manifest.json", manifest)
        if self._request.action == "erase" and self._request.service == ALL:
            self._vault.forget(self.people)

    def _file_choices(self, database: duckdb.DuckDBPyConnection, taken_at: datetime) -> None:
        for choice in choices([self._request], taken_at):
            database.execute(
                "insert into permission by name select distinct person_id, $1 as service, $2 as purpose, $3 as kind, "
                "$4 as status, $5::timestamp as start, $5::timestamp as known_at from links where ref = $6 "
                "and not exists (select 1 from permission p where p.person_id = links.person_id and p.service = $1 "
                "and p.purpose = $2 and p.kind = $3 and p.status = $4 and p.start = $5)",
                [choice.service, choice.purpose, choice.kind, choice.status, choice.start, choice.person_id],
            )

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
        addresses = literal(str(self._snapshot / "records" / "addresses.parquet"))
        database.execute("create table all_residence as select * from residence")
        claims = (
            f"(select l.person_id, a.* from read_parquet({addresses}) a join person_of l using (ref) "
            "where l.person_id in (select id from them))"
        )
        settle_residence(database, claims, Parameters.load().home_order)
        database.execute(
            "insert into residence by name select * from all_residence where person_id not in (select id from them)"
        )

    def _fill_protected_again(self, database: duckdb.DuckDBPyConnection) -> None:
        """Say anew what is known of the person's characteristics without the service that was cleared."""
        database.execute("delete from protected where person_id in (select id from them)")
        records = self._snapshot / "records"
        fill_protected(
            database, records, self._register, self._policy.characteristics, "select id as person_id from them"
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


def _one(database: duckdb.DuckDBPyConnection, query: str) -> int:
    return int(database.execute(query).fetchall()[0][0])


def _give(database: duckdb.DuckDBPyConnection, name: str, ids: Sequence[str]) -> None:
    database.execute(f"create or replace temp table {name} as select unnest($1::varchar[]) as id", [list(ids)])


def show(
    invocation: Invocation, *, through: str, reference: str, role: str, reason: str, log: Log
) -> Mapping[str, Any]:
    """Return what the newest linked snapshot holds of one person: who they are, counts by signal, choices, requests.

    Who they are comes from the vault, so a role and a reason are needed and logged. Raises as `ask` does.
    """
    workspace, council = invocation.workspace, invocation.council
    key = Key.load(council, workspace)
    register = Register.load(council.folder / "register.toml")
    ref = key.pseudonym("reference", register.source(through).service, reference)
    snapshot = workspace.snapshot()
    with duckdb.connect() as database:
        for name in (*TABLES, "links"):
            path = literal(str(snapshot / "tables" / f"{name}.parquet"))
            database.execute(f"create view {name} as select * from read_parquet({path})")
        rows = database.execute("select person_id from links where ref = ?", [ref]).fetchall()
        if not rows:
            raise DataError("nobody is known under that reference of that service.", "Check both; nothing was shown.")
        person = rows[0][0]

        def held(query: str) -> list[dict[str, Any]]:
            found = database.execute(query, [person])
            names = [column[0] for column in found.description or ()]
            return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

        shown = {
            "snapshot": snapshot.name,
            "person_id": person,
            "events": held(
                "select signal, count(*) as rows, min(valid_at) as first, max(valid_at) as last from events "
                "where person_id = ? group by signal order by signal"
            ),
            "links": held("select service, method, weight, evidence from links where person_id = ? order by all"),
            "residence": held("select count(*) as rows from residence where person_id = ?"),
            "permission": held(
                'select service, purpose, kind, status, start, "end" from permission where person_id = ? order by all'
            ),
            "requests": [
                {"action": one.action, "filed_at": one.filed_at, "service": one.service, "purpose": one.purpose}
                for one in read(workspace)
                if ref in one.refs
            ],
        }
    identities = Vault.open(workspace.vault, key).identify([person], role=role, reason=reason, log=log)
    who = identities.get(person)
    shown["identity"] = (
        None
        if who is None
        else {"name": who.name, "birth_date": who.birth_date, "address": who.address, "safe_contact": who.safe_contact}
    )
    return shown
