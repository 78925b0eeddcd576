"""What is held of one person, for themself: who they are, what each service said, what they chose and asked.

The rows are those of the newest linked snapshot, in all their versions, and of this person alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from charter.contracts.files import read_json
from charter.errors import DataError
from charter.invocation import Invocation
from charter.vault.key import Key
from charter.vault.rights_ledger import read_requests
from charter.vault.vault import Log, Vault
from features.intake.database import quote_text
from features.linking.canonical_tables import TABLES
from features.linking.linking_choices import find_lapsed_consents
from features.rights.asking import find_reference

__all__ = [
    "Person",
    "find_person",
    "identify_person",
    "list_lapsed_consents",
    "list_requests",
    "open_tables",
    "show_person",
]


class Person:
    """One person of the newest linked snapshot, whose rows can be asked for; use `whose`."""

    def __init__(self, snapshot: Path, person_id: str, ref: str) -> None:
        self.snapshot, self.person_id, self.ref = snapshot, person_id, ref

    def rows(self, query: str) -> list[dict[str, Any]]:
        """Return the rows of `query` over the snapshot's tables, whose one parameter is the person's pseudonym."""
        with open_tables(self.snapshot) as database:
            result = database.execute(query, [self.person_id])
            names = [column[0] for column in result.description or ()]
            return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def open_tables(snapshot: Path) -> duckdb.DuckDBPyConnection:
    """Return a connection that has the snapshot's tables as views."""
    database = duckdb.connect()
    for name in (*TABLES, "links"):
        path = quote_text(str(snapshot / "tables" / f"{name}.parquet"))
        database.execute(f"create view {name} as select * from read_parquet({path})")
    return database


def find_person(invocation: Invocation, key: Key, through: str, reference: str) -> Person:
    """Return the person of a service's reference.

    Raises DataError where nobody is known under it, CharterError for another key than the vault was sealed with.
    """
    Vault.open(invocation.workspace.vault, key)
    register = invocation.register
    ref = find_reference(key, register, through, reference)
    snapshot = invocation.workspace.snapshot()
    with open_tables(snapshot) as database:
        rows = database.execute(
            "select person_id from links where ref = $1 union all select person_id from people where person_id = $1",
            [ref],
        ).fetchall()
    if not rows:
        raise DataError("nobody is known under that reference of that service.", "Check both; nothing was shown.")
    return Person(snapshot, str(rows[0][0]), ref)


def show_person(
    invocation: Invocation, *, through: str, reference: str, role: str, reason: str, log: Log
) -> Mapping[str, Any]:
    """Return who the person is, counts by signal, links, choices and requests.

    Who they are comes from the vault, so a role and a reason are needed and logged. Raises as `ask` does.
    """
    workspace = invocation.workspace
    key = Key.load(invocation.council, workspace)
    person = find_person(invocation, key, through, reference)
    answer: dict[str, Any] = {
        "snapshot": person.snapshot.name,
        "person_id": person.person_id,
        "events": person.rows(
            "select signal, count(*) as rows, min(valid_at) as first, max(valid_at) as last from events "
            "where person_id = ? group by signal order by signal"
        ),
        "links": person.rows("select service, method, weight, evidence from links where person_id = ? order by all"),
        "residence": person.rows("select count(*) as rows from residence where person_id = ?"),
        "permission": person.rows(
            'select service, purpose, kind, status, start, "end" from permission where person_id = ? order by all'
        ),
        "requests": list_requests(invocation, person),
    }
    answer["identity"] = identify_person(invocation, key, person, role=role, reason=reason, log=log)
    return answer


def list_requests(invocation: Invocation, person: Person) -> list[dict[str, str]]:
    """Return what was asked through any of the person's references."""
    return [
        {"request": request.id, "action": request.action, "filed_at": request.filed_at, "service": request.service,
         "purpose": request.purpose, "by": request.by, "decided_by": request.decided_by}
        for request in read_requests(invocation.workspace)
        if person.ref in request.refs
    ]  # fmt: skip


def identify_person(
    invocation: Invocation, key: Key, person: Person, *, role: str, reason: str, log: Log
) -> dict[str, Any] | None:
    """Return who the person is, from the vault, after a line in the log; None where the vault doesn't know them."""
    vault = Vault.open(invocation.workspace.vault, key)
    who = vault.identify([person.person_id], role=role, reason=reason, log=log).get(person.person_id)
    if who is None:
        return None
    return {"name": who.name, "birth_date": who.birth_date, "address": who.address, "safe_contact": who.safe_contact}


def list_lapsed_consents(invocation: Invocation) -> list[dict[str, str]]:
    """Return whose parents' consent has lapsed and who was not asked since: person, service and the day it lapsed."""
    register = invocation.register
    zone = invocation.council.time_zone
    snapshot = invocation.workspace.snapshot()
    taken_at = datetime.fromisoformat(read_json(snapshot / "manifest.json")["taken_at"]).astimezone(UTC)
    with open_tables(snapshot) as database:
        lapses = find_lapsed_consents(database, register, zone.key, taken_at.replace(tzinfo=None))
    return [
        {
            "person_id": person,
            "service": service,
            "since": since.replace(tzinfo=UTC).astimezone(zone).date().isoformat(),
        }
        for person, service, since in lapses
    ]
