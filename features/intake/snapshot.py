"""`read_sources`: every source of the register becomes one dated, immutable snapshot.

    store/2026-09-28-0123456789abcdef/
      manifest.json       contract `snapshot`: every input with its sha256, rows and quarantined rows
      records/            what the services said, with pseudonyms for people and homes
        events.parquet addresses.parquet coverage.parquet permission.parquet protected.parquet places.parquet
        feeds.parquet     one row per delivery, earlier ones included
        canonical_*.parquet   tables of sources that are canonical already

Names, dates of birth, addresses and identifiers go to the vault and nowhere else. The id is the day it was taken and
a hash of what went in, so the same inputs make the same snapshot; unchanged inputs make none. Everything is written
beside and renamed: a kill leaves the last snapshot as it was.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

from charter.contracts import SCHEMA_VERSION, check_document
from charter.contracts.files import content_id, file_digest, new_folder, read_json, write_json
from charter.council.council import Council
from charter.council.practice import Practice
from charter.council.reading import File
from charter.council.register import Register, Source
from charter.errors import CharterError, DataError
from charter.invocation import Invocation
from charter.rules.policy import Policy
from charter.rules.scenarios import Scenarios
from charter.vault.key import Key
from charter.vault.vault import Vault
from features.intake.canonical import CANONICAL, find_table_file, read_canonical
from features.intake.database import open_database, quote_moment, quote_name, quote_text
from features.intake.delivery import Delivery, find_folder, read_delivery
from features.intake.extract import read_file
from features.intake.history import KEPT, create_kept, settle_versions
from features.intake.quarantine import Quarantine
from features.intake.records import STAGED, count_no_addresses, count_orphans, create_staged, stage_file

__all__ = ["PullResult", "find_newest_snapshot", "read_sources", "refuse_full_disk"]

_ALWAYS = datetime(1900, 1, 1, tzinfo=UTC)
"""Since when a home has been where it is, if the gazetteer does not say."""


@dataclass(frozen=True)
class PullResult:
    """What a pull made; counts only."""

    snapshot: str
    made: bool
    synthetic: bool
    taken_at: datetime
    rows: int
    quarantined: int
    by_rule: Mapping[str, int]
    by_file: Mapping[str, Mapping[str, int]]


@dataclass(frozen=True)
class _Input:
    """One source as it was found: its delivery and the digest of each file."""

    source: Source
    folder: Path
    delivery: Delivery
    digests: Mapping[str, str]


def find_newest_snapshot(store: Path) -> Path | None:
    """Return the folder of the newest pulled snapshot, the one that no other followed; None where there is none."""
    folders = {path.parent.name: path.parent for path in store.glob("*/manifest.json")}
    before = {read_json(folder / "manifest.json").get("previous") for folder in folders.values()}
    heads = sorted(name for name in folders if name not in before)
    return folders[heads[-1]] if heads else None


def read_sources(
    invocation: Invocation,
    *,
    taken_at: datetime | None = None,
    extracts: Path | None = None,
    threads: int | None = None,
    confirmed: frozenset[str] = frozenset(),
) -> PullResult:
    """Read every source into a snapshot and return what was made.

    `confirmed` are services whose delivery may have lost more rows than the register tolerates: somebody asked them.

    `taken_at` is by default the largest received_at for synthetic deliveries, else now. The writer lock is the
    caller's. Raises DataError (11) for data that breaks a rule and CharterError (12) for data that may not be held;
    nothing is left behind then but the list of refused rows in `quarantine/`.
    """
    council, workspace = invocation.council, invocation.workspace
    register = invocation.register
    policy = invocation.policy
    _refuse_unknown_to_charter(register, policy)
    now = datetime.now(UTC)
    inputs = [_find_input(source, council, extracts or workspace.extracts, now) for source in register.sources]
    synthetic = all(entry.delivery.synthetic for entry in inputs)
    if not synthetic:
        _refuse_examples(council, register, policy)
    moment = taken_at or (max(entry.delivery.received_at for entry in inputs) if synthetic else now)
    key = Key.load(council, workspace)
    last = find_newest_snapshot(workspace.store)
    digest = _digest_inputs(register, key, inputs)
    if last is not None and _is_unchanged(last, digest):
        return _report_earlier(last)
    _refuse_other_key(last, key)
    name = f"{moment:%Y-%m-%d}-{content_id([digest, moment.isoformat(), last.name if last else None])}"
    with open_database(key, threads) as database, refuse_full_disk():
        reading = _Reading(
            database,
            register,
            str(council.time_zone),
            Quarantine(database, workspace.quarantine / "refused.parquet"),
            confirmed,
        )
        with invocation.progress("Reading the extracts", sum(len(entry.digests) for entry in inputs)) as advance:
            rows = reading.read(inputs, None if last is None else last / "records", advance)
        manifest = _make_manifest(name, moment, synthetic, inputs, rows, last, register, key)
        sets = {table: _table_bytes(database, table) for table in ("people", "places")}
        Vault.open(workspace.vault, key).put_sets(name, sets)
        reading.quarantine.write(workspace.quarantine / f"{name}.parquet")
        with new_folder(workspace.store / name) as folder:
            _write_records(database, folder / "records", inputs, last)
            write_json(folder / "manifest.json", manifest)
        return PullResult(
            name,
            True,
            synthetic,
            moment,
            sum(row["rows"] for row in rows.values()),
            sum(row["quarantined"] for row in rows.values()),
            reading.quarantine.by_rule(),
            rows,
        )


def _refuse_unknown_to_charter(register: Register, policy: Policy) -> None:
    for source in register.sources:
        for signal in source.signals:
            if not any(policy.allows(signal.name, purpose) for purpose in source.purposes):
                raise CharterError(
                    f"the charter does not know {signal.name!r}: it allows it for no purpose that the register gives.",
                    "Ask the board to add it to an [[allow]] row of charter.toml, or remove it from register.toml.",
                )


def _refuse_examples(council: Council, register: Register, policy: Policy) -> None:
    """Rows written for the fictional borough decide nothing about real people, nor teach anybody about them."""
    files: list[File] = [council, policy, register, Scenarios.load(council.folder / "scenarios.toml", policy)]
    if (council.folder / "practice.toml").exists():
        files.append(Practice.load(council.folder))
    marked = [f"{file.path.name} ({file.marked[0]})" for file in files if file.marked]
    if marked:
        raise CharterError(
            f"these deliveries are not marked synthetic, and {marked[0]} still carries `example = true`.",
            "Copy the council folder, let those who answer for each row edit it, remove the mark, and name the copy "
            "with --council.",
        )


def _find_input(source: Source, council: Council, extracts: Path, now: datetime) -> _Input:
    folder = find_folder(source, council, extracts)
    names = (
        [path.name for name in CANONICAL if (path := find_table_file(folder, name))]
        if source.format == "canonical"
        else [file.name for file in source.files if (folder / file.name).exists()]
    )
    if (folder / "delivery.json").exists():
        names.append("delivery.json")
    digests = {name: file_digest(folder / name) for name in sorted(names)}
    return _Input(source, folder, read_delivery(source, folder, council, now), digests)


def _digest_inputs(register: Register, key: Key, inputs: Sequence[_Input]) -> str:
    """One hash of everything that went in."""
    digests = {f"{entry.source.service}/{name}": digest for entry in inputs for name, digest in entry.digests.items()}
    return content_id([register.sha256, key.id, digests])


def _is_unchanged(last: Path, said: str) -> bool:
    return bool(read_json(last / "manifest.json").get("inputs") == said)


def _report_earlier(last: Path) -> PullResult:
    manifest = read_json(last / "manifest.json")
    rows = {
        f"{row['service']}/{row['file']}": {"rows": row["rows"], "quarantined": row["quarantined"]}
        for row in manifest["sources"]
    }
    return PullResult(
        manifest["snapshot"],
        False,
        manifest["synthetic"],
        datetime.fromisoformat(manifest["taken_at"]),
        sum(row["rows"] for row in rows.values()),
        sum(row["quarantined"] for row in rows.values()),
        {},
        rows,
    )


def _refuse_other_key(last: Path | None, key: Key) -> None:
    if last is not None and read_json(last / "manifest.json").get("key_id") != key.id:
        raise CharterError(
            f"the snapshot {last.name} was made with another key: pseudonyms would not match.",
            "Give the same key in $SOONER_KEY or $SOONER_KEY_FILE, or begin a new workspace with --workspace.",
        )


@contextmanager
def refuse_full_disk() -> Iterator[None]:
    """Say plainly that a disk or the memory is full; what was begun beside has been removed by then."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        raise _no_room("disk") from None
    except duckdb.IOException:
        raise _no_room("disk") from None
    except duckdb.OutOfMemoryException:
        raise _no_room("memory") from None


def _no_room(what: str) -> DataError:
    return DataError(f"there is no room left in {what}.", "Make room and try again: nothing was lost or changed.")


@dataclass(frozen=True)
class _Reading:
    """Reads all inputs into the kept and staged tables of one connection."""

    database: duckdb.DuckDBPyConnection
    register: Register
    time_zone: str
    quarantine: Quarantine
    confirmed: frozenset[str]

    def read(
        self, inputs: Sequence[_Input], previous: Path | None, done: Callable[[], object]
    ) -> Mapping[str, Mapping[str, int]]:
        """Return rows and quarantined rows by `service/file`."""
        create_staged(self.database)
        create_kept(self.database)
        rows: dict[str, Mapping[str, int]] = {}
        for entry in inputs:
            if entry.source.format != "canonical":
                rows |= self._read_source(entry, previous, done)
        by_folder: dict[Path, list[_Input]] = {}
        for entry in inputs:
            if entry.source.format == "canonical":
                by_folder.setdefault(entry.folder.resolve(), []).append(entry)
        if len(by_folder) > 1:
            raise DataError(
                "the register names more than one canonical folder.", "Put the tables of all of them in one folder."
            )
        for folder, sharing in by_folder.items():
            counts = read_canonical(self.database, [entry.source for entry in sharing], folder, self.time_zone)
            rows |= {
                f"{sharing[0].source.service}/{name}": {"rows": count, "quarantined": 0}
                for name, count in counts.items()
            }
            done()
        return rows

    def _read_source(
        self, one: _Input, previous: Path | None, done: Callable[[], object]
    ) -> Mapping[str, Mapping[str, int]]:
        counts: dict[str, int] = {}
        for file in one.source.files:
            counts[file.name] = read_file(self.database, one.source, file, one.folder / file.name, self.quarantine)
            self._refuse_empty(one, file.name, counts[file.name], previous)
        if not any(counts.values()):
            raise DataError(
                f"the delivery of {one.source.service!r} is empty: no file of it has a row.",
                "Ask the service to send it again. Nothing was pulled.",
            )
        for file in one.source.files:
            stage_file(self.database, self.register, one.source, file, self.time_zone, self.quarantine)
            done()
        for file in one.source.files:
            self.database.execute(f"drop table {quote_name(one.source.service)}.{quote_name(Path(file.name).stem)}")
        orphans = count_orphans(self.database, one.source)
        no_addresses = count_no_addresses(self.database, one.source)
        settle_versions(
            self.database, one.source, one.delivery, previous, confirmed=one.source.service in self.confirmed
        )
        return {
            f"{one.source.service}/{file.name}": {
                "rows": counts[file.name],
                "quarantined": self.quarantine.count(one.source, file),
                "orphans": orphans.get(file.name, (0, 0))[0],
                "no_address": no_addresses.get(file.name, 0),
            }
            for file in one.source.files
        }

    def _refuse_empty(self, one: _Input, name: str, rows: int, previous: Path | None) -> None:
        """Refuse a file that had rows in the last snapshot and has none now: it was lost, not emptied."""
        if rows or previous is None:
            return
        before = read_json(previous.parent / "manifest.json")["sources"]
        if any(row["service"] == one.source.service and row["file"] == name and row["rows"] for row in before):
            raise DataError(
                f"{one.source.service}/{name} is empty, but had rows in the last snapshot.",
                "Ask the service to send it again. Nothing was pulled.",
            )


def _make_manifest(
    name: str,
    taken: datetime,
    synthetic: bool,
    inputs: Sequence[_Input],
    rows: Mapping[str, Mapping[str, int]],
    last: Path | None,
    register: Register,
    key: Key,
) -> Mapping[str, Any]:
    digests = {f"{entry.source.service}/{file}": digest for entry in inputs for file, digest in entry.digests.items()}
    manifest = {
        "schema_version": SCHEMA_VERSION,
        "snapshot": name,
        "taken_at": taken.isoformat(),
        "synthetic": synthetic,
        "sources": [
            {
                "service": where.split("/", 1)[0],
                "file": where.split("/", 1)[1],
                "sha256": digests[where],
                "rows": count["rows"],
                "quarantined": count["quarantined"],
            }
            for where, count in rows.items()
            if where in digests
        ],
        "previous": None if last is None else last.name,
        "tables": {},
        "register_sha256": register.sha256,
        "key_id": key.id,
        "inputs": _digest_inputs(register, key, inputs),
    }
    check_document("snapshot", manifest)
    return manifest


def _table_bytes(database: duckdb.DuckDBPyConnection, table: str) -> bytes:
    """Return a staged table as Parquet bytes, to be sealed; its rows in a stated order."""
    columns = ", ".join(quote_name(name) for name in STAGED[table])
    into = BytesIO()
    pq.write_table(database.sql(f"select {columns} from {table} order by all").to_arrow_table(), into)
    return into.getvalue()


def _write_records(
    database: duckdb.DuckDBPyConnection, folder: Path, inputs: Sequence[_Input], last: Path | None
) -> None:
    folder.mkdir()
    for table in KEPT:
        _copy_rows(database, f"select * from kept_{table}", folder / f"{table}.parquet")
    covers_from = {entry.source.service: entry.delivery.covers_from for entry in inputs}
    whens = ", ".join(
        f"{quote_text(service)}: {quote_moment(start)}" for service, start in covers_from.items() if start is not None
    )
    _copy_rows(
        database,
        f"select * replace (coalesce(known_at, map {{{whens}}}[service]) as known_at) from protected",
        folder / "protected.parquet",
    )
    always = quote_moment(_ALWAYS)
    _copy_rows(
        database,
        f'select household_id, area, kind, coalesce(start, {always}) as start, "end", '
        f"coalesce(known_at, {always}) as known_at from places",
        folder / "places.parquet",
    )
    database.execute(
        "create temp table feeds (service varchar, covers_from timestamp, covers_to timestamp, received_at timestamp)"
    )
    if last is not None:
        database.execute(
            f"insert into feeds select * from read_parquet({quote_text(str(last / 'records/feeds.parquet'))})"
        )
    for entry in inputs:
        if entry.delivery.covers_from is not None and entry.delivery.covers_to is not None:
            times = (entry.delivery.covers_from, entry.delivery.covers_to, entry.delivery.received_at)
            database.execute(
                f"insert into feeds values (?, {', '.join(quote_moment(time) for time in times)})",
                [entry.source.service],
            )
    _copy_rows(database, "select distinct * from feeds order by all", folder / "feeds.parquet")
    present = {row[0] for row in database.execute("select table_name from duckdb_tables()").fetchall()}
    for name in CANONICAL:
        if f"canonical_{name}" in present:
            _copy_rows(database, f"select * from canonical_{name}", folder / f"canonical_{name}.parquet")


def _copy_rows(database: duckdb.DuckDBPyConnection, query: str, path: Path) -> None:
    database.execute(f"copy ({query}) to {quote_text(str(path))} (format parquet)")
