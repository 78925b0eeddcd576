"""The vault: who people are, sealed and kept apart from everything that is analysed.

One SQLite file whose every value is sealed with AES-256-GCM under a data key that the council's key opens
(envelope). The name of what is sealed is authenticated with it, so that a row can't be moved to another person.
It holds

    identities   person pseudonym -> name, birth date, address, safe contact; one sealed row each
    sets         the identity rows of a snapshot as `pull` read them, for `link` alone
    residents    for what is checked once (charter.vault.check_once): a pseudonym -> what may be told
    papers       what the resident desk files in people's own words: corrections, drafts of exports, challenges
    carried_out  ids of the requests that were carried out here: a vault restored from a backup lacks the later ones

`identify` is the one way back from a pseudonym to a person: it needs a role and a reason, and writes them to the log
before it returns anything. What SQLite deletes it also overwrites.
"""

from __future__ import annotations

import json
import os
import sqlite3
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from charter.contracts.files import new_file
from charter.errors import CharterError, DataError
from charter.purposes import CHECKS
from charter.vault.envelope import VAULT_FILE, read_sealed_key, seal_value, unseal_value, wrapping_key
from charter.vault.key import Key

__all__ = ["Log", "NamedPerson", "Vault", "VaultError", "rotate_vault"]

Log = Callable[[Mapping[str, object]], object]
"""Takes one entry: action, role, reason, subjects (pseudonyms) and how many."""

_CHECK = b"sooner vault"
_DECOY = "0" * 32
"""The token of the row that stands for everybody who isn't there, whatever is checked."""

_SCHEMA = """
create table if not exists meta (name text primary key, sealed blob not null);
create table if not exists identities (person_id text primary key, sealed blob not null) without rowid;
create table if not exists sets (snapshot text not null, name text not null, sealed blob not null,
                                 primary key (snapshot, name));
create table if not exists residents (token text primary key, sealed blob not null) without rowid;
create table if not exists papers (kind text not null, id text not null, sealed blob not null,
                                   primary key (kind, id)) without rowid;
create table if not exists carried_out (request text primary key) without rowid;
"""


class VaultError(DataError):
    """A vault that is not there, or can't be read or written."""


@dataclass(frozen=True)
class NamedPerson:
    """Who a pseudonym is; '' or None where no service said."""

    name: str
    birth_date: date | None
    address: str
    safe_contact: str


class Vault:
    """An open vault; use `Vault.open`."""

    def __init__(self, folder: Path, key: Key) -> None:
        self._path = folder / VAULT_FILE
        self._key = key
        self._data = self._data_key()

    def _data_key(self) -> bytes:
        """Return the key that seals the records, as it is now: another process may have rotated it."""
        sealed = read_sealed_key(self._path.parent, "data")
        return unseal_value(self._key.wrapping, "data", sealed) if sealed else self._key.derive("vault")

    @classmethod
    def open(cls, folder: Path, key: Key) -> Vault:
        """Open (or begin) the vault in `folder`; raise CharterError for another key than it was sealed with."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        vault = cls(folder, key)
        with vault._connect(begins=True) as connection:
            connection.executescript(_SCHEMA)
            row = connection.execute("select sealed from meta where name = 'check'").fetchone()
            if row is None:
                connection.execute("insert into meta values ('check', ?)", (vault._seal("check", _CHECK),))
            else:
                vault._unseal("check", row[0])
        (folder / VAULT_FILE).chmod(0o600)
        return vault

    @contextmanager
    def _connect(self, *, begins: bool = False) -> Iterator[sqlite3.Connection]:
        """One transaction: all of it or none; what is deleted is overwritten with zeros.

        A vault that is gone since it was opened is not begun anew.
        """
        try:
            where = f"{self._path.resolve().as_uri()}?mode={'rwc' if begins else 'rw'}"
            connection = sqlite3.connect(where, uri=True, timeout=10)
            try:
                connection.execute("pragma secure_delete = on")
                with connection:
                    yield connection
            finally:
                connection.close()
        except sqlite3.DatabaseError as error:
            raise VaultError(
                f"the vault can't be used: {error}.", "Free some space or restore it from its backup, then try again."
            ) from None

    def _seal(self, name: str, value: bytes) -> bytes:
        return seal_value(self._data, name, value)

    def _unseal(self, name: str, sealed: bytes) -> bytes:
        try:
            return unseal_value(self._data, name, sealed)
        except CharterError:
            now = self._data_key()
            if now == self._data:
                raise
            self._data = now
            return unseal_value(now, name, sealed)

    def put_sets(self, snapshot: str, sets: Mapping[str, bytes]) -> None:
        """Seal the named byte strings of one snapshot, replacing any of the same name."""
        with self._connect() as connection:
            connection.executemany(
                "insert or replace into sets values (?, ?, ?)",
                [
                    (snapshot, name, self._seal(f"set/{snapshot}/{name}", zlib.compress(value, 1)))
                    for name, value in sets.items()
                ],
            )

    def get_set(self, snapshot: str, name: str) -> bytes:
        """Return what `put_sets` sealed; raise DataError where there is none."""
        with self._connect() as connection:
            row = connection.execute(
                "select sealed from sets where snapshot = ? and name = ?", (snapshot, name)
            ).fetchone()
        if row is None:
            raise DataError(f"the vault holds no {name} of the snapshot {snapshot}.", "Run `sooner pull` again.")
        return zlib.decompress(self._unseal(f"set/{snapshot}/{name}", row[0]))

    def snapshots(self) -> frozenset[str]:
        """Return the snapshots of which the vault holds any set."""
        with self._connect() as connection:
            return frozenset(row[0] for row in connection.execute("select distinct snapshot from sets"))

    def drop_sets(self, snapshot: str) -> None:
        """Forget the identity rows of one snapshot."""
        with self._connect() as connection:
            connection.execute("delete from sets where snapshot = ?", (snapshot,))

    def replace(self, identities: Mapping[str, NamedPerson]) -> None:
        """Make `identities` all that the vault knows of people, at once."""
        rows = [
            (person_id, self._seal(person_id, _encode_identity(identity))) for person_id, identity in identities.items()
        ]
        with self._connect() as connection:
            connection.execute("delete from identities")
            connection.executemany("insert into identities values (?, ?)", rows)

    def forget(self, person_ids: Iterable[str]) -> int:
        """Erase the identities of `person_ids`; return how many there were."""
        with self._connect() as connection:
            return sum(
                connection.execute("delete from identities where person_id = ?", (person_id,)).rowcount
                for person_id in person_ids
            )

    def person_ids(self) -> frozenset[str]:
        """Return the pseudonyms of everybody whose identity is here."""
        with self._connect() as connection:
            return frozenset(row[0] for row in connection.execute("select person_id from identities"))

    def replace_residents(self, rows: Mapping[str, bytes]) -> None:
        """Make `rows`, by token, all that is checked once can be answered from, and a decoy for whoever isn't there."""
        kept_rows = {_DECOY: b'{"people": [], "homes": []}', **rows}
        sealed = [(token, self._seal(f"resident/{token}", value)) for token, value in kept_rows.items()]
        with self._connect() as connection:
            connection.execute("delete from residents")
            connection.executemany("insert into residents values (?, ?)", sealed)

    def forget_residents(self, person_ids: Iterable[str], purpose: str = "") -> None:
        """Let what is checked once tell nothing of these people from now on; with a `purpose`, by that one alone."""
        people = set(person_ids)
        with self._connect() as connection:
            rows = connection.execute("select token, sealed from residents").fetchall()
            kept_rows = [(token, json.loads(self._unseal(f"resident/{token}", sealed))) for token, sealed in rows]
            gone = [
                (token,)
                for token, row in kept_rows
                # A row that names no purpose is of the first: an older Sooner had no other.
                if people & set(row["people"]) and purpose in ("", row.get("purpose", CHECKS[0]))
            ]
            connection.executemany("delete from residents where token = ?", gone)

    def resident(self, token: str) -> bytes | None:
        """Return a token's row, or the decoy's where there is none, with the same work; None without an index."""
        with self._connect() as connection:
            row = connection.execute(
                "select token, sealed from residents where token in (?1, ?2) order by token = ?1 desc limit 1",
                (token, _DECOY),
            ).fetchone()
        return self._unseal(f"resident/{row[0]}", row[1]) if row else None

    def file_paper(self, kind: str, paper_id: str, value: bytes) -> None:
        """Seal one paper of a kind, replacing any of the same id."""
        with self._connect() as connection:
            connection.execute(
                "insert or replace into papers values (?, ?, ?)",
                (kind, paper_id, self._seal(f"paper/{kind}/{paper_id}", value)),
            )

    def paper(self, kind: str, paper_id: str) -> bytes | None:
        """Return one paper of a kind, None where there is none of that id."""
        with self._connect() as connection:
            row = connection.execute("select sealed from papers where kind = ? and id = ?", (kind, paper_id)).fetchone()
        return self._unseal(f"paper/{kind}/{paper_id}", row[0]) if row else None

    def replace_papers(self, kind: str, papers: Mapping[str, bytes]) -> None:
        """Make `papers`, by id, all papers of a kind, at once."""
        rows = [(kind, name, self._seal(f"paper/{kind}/{name}", value)) for name, value in papers.items()]
        with self._connect() as connection:
            connection.execute("delete from papers where kind = ?", (kind,))
            connection.executemany("insert into papers values (?, ?, ?)", rows)

    def papers(self, kind: str) -> Mapping[str, bytes]:
        """Return every paper of a kind, by id."""
        with self._connect() as connection:
            rows = connection.execute("select id, sealed from papers where kind = ? order by id", (kind,)).fetchall()
        return {paper_id: self._unseal(f"paper/{kind}/{paper_id}", sealed) for paper_id, sealed in rows}

    def drop_papers(self, kind: str, paper_ids: Iterable[str]) -> None:
        """Forget papers of a kind."""
        with self._connect() as connection:
            connection.executemany(
                "delete from papers where kind = ? and id = ?", [(kind, paper_id) for paper_id in paper_ids]
            )

    def empty(self) -> int:
        """Forget everybody and everything that was filed, for good; return how many people there were.

        The vault's own keys stay: what was logged and sealed elsewhere is proved and read by them.
        """
        with self._connect() as connection:
            number = int(connection.execute("select count(*) from identities").fetchone()[0])
            for table in _NAMES:
                connection.execute(f"delete from {table}")  # noqa: S608  # our own table's name
        with closing(sqlite3.connect(self._path)) as connection:
            connection.execute("vacuum")
        return number

    def carried_out(self) -> frozenset[str]:
        """Return the ids of the requests that were carried out here."""
        with self._connect() as connection:
            return frozenset(row[0] for row in connection.execute("select request from carried_out"))

    def mark_carried_out(self, requests: Iterable[str]) -> None:
        """Note that requests were carried out here."""
        with self._connect() as connection:
            connection.executemany("insert or ignore into carried_out values (?)", [(name,) for name in requests])

    def identify(self, person_ids: Iterable[str], *, role: str, reason: str, log: Log) -> Mapping[str, NamedPerson]:
        """Return who the pseudonyms are, after writing who asked and why to `log`; unknown ones are left out.

        Raises CharterError without a role or a reason: nothing is logged or returned then.
        """
        subjects = sorted(set(person_ids))
        if not role.strip() or not reason.strip():
            raise CharterError(
                "nobody is identified without a role and a reason.", "Name the role that asks and why it needs to know."
            )
        log({"action": "identify", "role": role, "reason": reason, "subjects": subjects, "count": len(subjects)})
        with self._connect() as connection:
            sealed_rows = {
                person_id: row[0]
                for person_id in subjects
                if (
                    row := connection.execute(
                        "select sealed from identities where person_id = ?", (person_id,)
                    ).fetchone()
                )
            }
        return {
            person_id: _decode_identity(self._unseal(person_id, sealed)) for person_id, sealed in sealed_rows.items()
        }


def rotate_vault(folder: Path, key: Key, file_key: bytes | None = None) -> int:
    """Seal everything in the vault with a new data key, opened by `key`'s own file or by `file_key`; return how much.

    The new vault is written beside and renamed: a kill leaves the old one, opened by the old key, or the new one. The
    writer lock is the caller's.
    """
    vault = Vault.open(folder, key)
    wrapping = wrapping_key(file_key) if file_key else key.wrapping
    data = os.urandom(32)
    with new_file(folder / VAULT_FILE) as beside:
        beside.touch(mode=0o600)
        fresh = sqlite3.connect(beside)
        try:
            fresh.executescript(_SCHEMA)
            with fresh:
                number = sum(_seal_anew(vault, fresh, table, data) for table in _NAMES)
                marks = [(request,) for request in sorted(vault.carried_out())]
                fresh.executemany("insert into carried_out values (?)", marks)
                fresh.executemany(
                    "insert into meta values (?, ?)",
                    [
                        ("check", seal_value(data, "check", _CHECK)),
                        ("data", seal_value(wrapping, "data", data)),
                        ("root", seal_value(wrapping, "root", key.master)),
                    ],
                )
        finally:
            fresh.close()
    return number


_NAMES: Mapping[str, Callable[..., str]] = {
    "identities": lambda person_id: person_id,
    "sets": lambda snapshot, name: f"set/{snapshot}/{name}",
    "residents": lambda token: f"resident/{token}",
    "papers": lambda kind, paper_id: f"paper/{kind}/{paper_id}",
}
"""By table: the name that a row is sealed under, from its key."""


def _seal_anew(vault: Vault, fresh: sqlite3.Connection, table: str, data: bytes) -> int:
    """Copy a table's rows into the new vault, each sealed anew; return how many there were."""
    number = 0
    with vault._connect() as connection:
        for *key_parts, sealed in connection.execute(f"select * from {table}"):  # noqa: S608  # our own table's name
            name = _NAMES[table](*key_parts)
            marks = ", ".join("?" * (len(key_parts) + 1))
            row = (*key_parts, seal_value(data, name, vault._unseal(name, sealed)))
            fresh.execute(f"insert into {table} values ({marks})", row)  # noqa: S608  # as above
            number += 1
    return number


def _encode_identity(identity: NamedPerson) -> bytes:
    born = identity.birth_date
    document = {
        "name": identity.name,
        "birth_date": born.isoformat() if born else None,
        "address": identity.address,
        "safe_contact": identity.safe_contact,
    }
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


def _decode_identity(value: bytes) -> NamedPerson:
    raw = json.loads(value)
    born = raw["birth_date"]
    return NamedPerson(raw["name"], date.fromisoformat(born) if born else None, raw["address"], raw["safe_contact"])
