"""A resident's rights over what is held: object, withdraw, restrict, erase, each carried out at once and certified.

The person is found by a service and its reference, which is hashed and not kept. The request goes into the ledger
first (rights_ledger); then every snapshot is brought in line with the ledger (`replay`), which may be repeated: what
was carried out has a tombstone. Of the person nothing else changes, and of nobody else anything at all.

    restrict                         a choice is in force; records stay, unused
    object, withdraw for a purpose   a choice is in force for that purpose
    object, withdraw for all         and the records of that service (or of all) are removed
    erase                            and who they are is removed too
    overrule                         a named role ends an objection or restriction; records come with the next delivery
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from charter.contracts.files import read_json
from charter.contracts.workspace import Workspace
from charter.council.register import Register
from charter.errors import CharterError, DataError, UsageError
from charter.invocation import Invocation
from charter.purposes import PURPOSES
from charter.vault.key import Key
from charter.vault.link_judgements import drop_judgements
from charter.vault.rights_ledger import ACTIONS, BY, Request, append_request, list_carried_out, read_requests
from charter.vault.vault import Vault
from features.forget import forget
from features.intake.database import quote_text
from features.linking.choices_in_force import find_overruled, list_request_choices
from features.permission import ALL
from features.rights.carrying import Carrying
from features.rights.vault_clearing import clear_vault, find_unmarked

__all__ = [
    "Certificate",
    "Room",
    "file_request",
    "find_objection",
    "find_reference",
    "find_references",
    "overrule_request",
    "replay_requests",
]


@dataclass(frozen=True)
class Room:
    """A room's `forget`, which takes people out of what it holds, and the purposes that it holds them for."""

    forget: Callable[[Iterable[str], Workspace], int]
    purposes: Collection[str]

    def concerned(self, request: Request) -> bool:
        """Whether a request is about what the room does: lifting a choice removes nothing."""
        return request.action != "overrule" and (request.purpose == ALL or request.purpose in self.purposes)


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


def file_request(
    invocation: Invocation,
    action: str,
    *,
    through: str,
    reference: str,
    service: str = ALL,
    purpose: str = ALL,
    by: str = BY[0],
    now: datetime | None = None,
    rooms: Sequence[Room] = (),
) -> Certificate:
    """File a resident's request and carry it out. The writer lock is the caller's.

    `rooms`: the other rooms, which forget before this one drops the matrices that say whose rows are whose.

    `through` and `reference` name the person as one service knows them; `service` and `purpose` are what the request
    is about. Raises UsageError for an unknown word, DataError where nobody is known under the reference.
    """
    workspace, council = invocation.workspace, invocation.council
    register = invocation.register
    if action not in ACTIONS:
        raise UsageError(f"{action!r} is not a right that can be used here.", f"Choose one of: {', '.join(ACTIONS)}.")
    if purpose != ALL and purpose not in PURPOSES:
        raise UsageError(f"{purpose!r} is not a purpose.", f"Choose one of: {', '.join(PURPOSES)}.")
    if by not in BY:
        raise UsageError(f"{by!r} says nothing of who asks.", f"Choose one of: {', '.join(BY)}.")
    if service != ALL:
        register.source(service)
    key = Key.load(council, workspace)
    Vault.open(workspace.vault, key)  # Another key would find nobody: better to say that it is another.
    ref = find_reference(key, register, through, reference)
    refs = find_references(workspace, ref, service)
    request = Request(action, _write_moment(now), through, ref, refs, service, purpose, by)
    append_request(workspace, request)
    return replay_requests(invocation, rooms)[request.id]


def overrule_request(
    invocation: Invocation, request: str, *, role: str, now: datetime | None = None, rooms: Sequence[Room] = ()
) -> Certificate:
    """File a named role's decision that an objection or restriction does not stand, and carry it out.

    A withdrawal or an erasure can't be overruled. Raises UsageError for an unknown request, CharterError for a role
    that may not. The writer lock is the caller's.
    """
    objection = find_objection(invocation, request, role=role)
    answer = Request(
        "overrule", _write_moment(now), objection.through, objection.ref, objection.refs, objection.service,
        objection.purpose, answers=objection.id, decided_by=invocation.roles.find(role).id,
    )  # fmt: skip
    append_request(invocation.workspace, answer)
    return replay_requests(invocation, rooms)[answer.id]


def find_objection(invocation: Invocation, request: str, *, role: str) -> Request:
    """Return an objection or restriction that a role may overrule.

    Raises UsageError for an unknown request, CharterError for a role that may not, or a request that nobody can.
    """
    objection = next((each for each in read_requests(invocation.workspace) if each.id == request), None)
    if objection is None:
        raise UsageError(f"there is no request {request}.", "Take its id from its certificate.")
    invocation.roles.require(role, "objection.overrule")
    if objection.action not in ("object", "restrict"):
        raise CharterError(
            f"the request {request} is to {objection.action}: nobody can overrule that.",
            "It stands; leave it in force.",
        )
    return objection


def _write_moment(moment: datetime | None) -> str:
    return (moment or datetime.now(UTC)).isoformat()


def find_reference(key: Key, register: Register, through: str, reference: str) -> str:
    """Return how a service's reference is known here; the people of a canonical delivery keep the id they have."""
    source = register.source(through)
    return reference if source.format == "canonical" else key.pseudonym("reference", source.service, reference)


def _list_snapshots(workspace: Workspace) -> Sequence[Path]:
    return sorted(path.parent for path in workspace.store.glob("*/manifest.json"))


def find_references(workspace: Workspace, ref: str, service: str) -> tuple[str, ...]:
    """Return the references, of the service asked about, of whoever the reference belongs to in any snapshot.

    Raises DataError where nobody is known under it.
    """
    refs: set[str] = set()
    somebody = False
    with duckdb.connect() as database:
        for snapshot in _list_snapshots(workspace):
            if not (snapshot / "tables" / "links.parquet").exists():
                continue
            links = _table_sql(snapshot, "links")
            rows = database.execute(
                f"select ref, service from {links} where person_id in (select person_id from {links} where ref = ?)",
                [ref],
            ).fetchall()
            somebody = somebody or bool(rows) or _is_canonical(database, snapshot, ref)
            refs |= {of for of, by in rows if service in (ALL, by)}
    if not somebody:
        raise DataError(
            "nobody is known under that reference of that service.",
            "Check the service and the reference; who may not be linked is not held here. Nothing was filed.",
        )
    return tuple(sorted(refs | {ref}))


def _table_sql(snapshot: Path, name: str) -> str:
    return f"read_parquet({quote_text(str(snapshot / 'tables' / f'{name}.parquet'))})"


def _is_canonical(database: duckdb.DuckDBPyConnection, snapshot: Path, person: str) -> bool:
    """Whether a canonical delivery gave a person this id."""
    if not (snapshot / "records" / "canonical_events.parquet").exists():
        return False
    rows = database.execute(f"select 1 from {_table_sql(snapshot, 'people')} where person_id = ?", [person]).fetchall()
    return bool(rows)


def replay_requests(invocation: Invocation, rooms: Sequence[Room] = ()) -> Mapping[str, Certificate]:
    """Bring every snapshot in line with the ledger; return a certificate for each request carried out just now.

    Requests that already have a tombstone in a snapshot, or a mark in the vault, are done there. The writer lock is the
    caller's.
    """
    workspace, council = invocation.workspace, invocation.council
    requests = read_requests(workspace)
    if not requests:
        return {}
    key = Key.load(council, workspace)
    vault = Vault.open(workspace.vault, key)
    unmarked = list(find_unmarked(vault, requests))
    by_id = {request.id: request for request in requests}
    lifted = find_overruled(requests)
    honoured = {snapshot: list_carried_out(snapshot) for snapshot in _list_snapshots(workspace)}
    certificates: dict[str, Certificate] = {}
    for request in (request for request in requests if request.action in (*ACTIONS, "overrule")):
        rows: dict[str, Mapping[str, int]] = {}
        people: set[str] = set()
        for snapshot, tombstones in honoured.items():
            if request.id in tombstones:
                continue
            clears = request.clears and request.id not in lifted
            carried = Carrying(snapshot, request, key, vault, invocation.register, invocation.policy, clears=clears)
            rows[snapshot.name] = carried.out(list_request_choices(request, by_id, _taken_at(snapshot)))
            people |= carried.people
        if rows:
            if request.action == "erase":
                drop_judgements(workspace, frozenset(request.refs))
            for room in rooms:
                if room.concerned(request):
                    room.forget(people, workspace)
            certificates[request.id] = _make_certificate(request, people, rows, forget(people, workspace))
            # A later snapshot has brought its people into the vault again.
            unmarked += [request] if request not in unmarked else []
    about = clear_vault(workspace, vault, unmarked)
    on_vault = [request for request in unmarked if request.action != "retained" and request.id not in certificates]
    return certificates | {one.id: _make_certificate(one, about.get(one.id, ()), {}, 0) for one in on_vault}


def _taken_at(snapshot: Path) -> datetime:
    moment = datetime.fromisoformat(read_json(snapshot / "manifest.json")["taken_at"])
    return moment.astimezone(UTC).replace(tzinfo=None)


def _make_certificate(
    request: Request, people: Collection[str], rows: Mapping[str, Mapping[str, int]], dropped: int
) -> Certificate:
    return Certificate(
        request.id,
        request.action,
        request.filed_at,
        request.service,
        request.purpose,
        tuple(sorted(people)),
        rows,
        dropped,
    )
