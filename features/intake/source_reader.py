"""All sources read into the kept and staged tables of one connection, delivery by delivery; every row is counted.

    rows read  =  kept  +  set apart  +  unchanged

of each file: `unchanged` rows are those that the delivery before had just so, known by a digest of what they say.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from charter.contracts.files import read_json
from charter.council.council import Council
from charter.council.register import ExtractFile, Register, Source
from charter.errors import DataError
from features.intake.canonical import CanonicalReading, read_canonical
from features.intake.database import quote_name, quote_text
from features.intake.extract import FileTally, name_table, read_file
from features.intake.feeds.arrival import measure_arrival
from features.intake.feeds.profile import count_signals
from features.intake.history import Settling, create_kept, load_kept, settle_versions
from features.intake.inputs import Input, SourcePlan, name_input
from features.intake.quarantine import Quarantine
from features.intake.records import STAGED, Staging, create_staged, stage_file
from features.intake.reference_counts import count_no_addresses, count_orphans
from features.intake.row_digests import count_unchanged

__all__ = ["FileCounts", "SourceReader"]

_EVIDENCE = ("people", "protected")
"""Staged tables without versions that name the service of each row: those of the last delivery, or of all of them."""


@dataclass(frozen=True)
class FileCounts:
    """What became of the rows of one file, and what was seen in it."""

    rows: int
    quarantined: int
    unchanged: int = 0
    orphans: int = 0
    no_address: int = 0
    blank_lines: int = 0
    empty_columns: tuple[str, ...] = ()
    not_available: int = 0

    @property
    def kept(self) -> int:
        """Rows that are new, or say something new."""
        return self.rows - self.quarantined - self.unchanged

    def document(self) -> dict[str, Any]:
        """Return the counts by name."""
        return {
            "rows": self.rows,
            "kept": self.kept,
            "quarantined": self.quarantined,
            "unchanged": self.unchanged,
            "orphans": self.orphans,
            "no_address": self.no_address,
            "blank_lines": self.blank_lines,
            "empty_columns": list(self.empty_columns),
            "not_available": self.not_available,
        }


@dataclass
class SourceReader:
    """Reads the deliveries of all sources; `previous` is the records folder of the last snapshot, if there is one.

    The connection holds the staged rows of people and the digests of rows that the last snapshot sealed, in
    `people_before` and `digests_before`. `confirmed` are services whose rows are really gone.
    """

    database: duckdb.DuckDBPyConnection
    register: Register
    council: Council
    quarantine: Quarantine
    previous: Path | None
    confirmed: frozenset[str]
    done: Callable[[], object]
    counts: dict[str, FileCounts] = field(default_factory=dict)
    profile: list[Mapping[str, Any]] = field(default_factory=list)

    def read(self, plans: Sequence[SourcePlan]) -> Mapping[str, FileCounts]:
        """Return what became of the rows of each `service/file`."""
        create_staged(self.database)
        create_kept(self.database)
        for plan in plans:
            if plan.source.format != "canonical":
                self._read_source(plan)
        self._read_canonical([plan for plan in plans if plan.source.format == "canonical"])
        return self.counts

    def _read_source(self, plan: SourcePlan) -> None:
        source, previous = plan.source, None if plan.anew else self.previous
        first = not load_kept(self.database, source, previous)
        if plan.anew:
            self.database.execute("delete from digests where service = ?", [source.service])
        self.database.execute("create or replace temp table places_of_others as select * from places")
        if not first and not (plan.inputs and plan.inputs[0].delivery.full):
            self._load_evidence(source)
        moments = sorted(datetime.fromisoformat(str(row["received_at"])) for row in plan.pulled)
        for entry in plan.inputs:
            self.quarantine.begin_delivery(entry.name)
            if entry.delivery.full:
                self._clear_evidence(source)
            earlier = max((moment for moment in moments if moment < entry.delivery.received_at), default=None)
            confirmed = source.service in self.confirmed
            self._read_delivery(entry, Settling(first, confirmed, None if first else earlier), previous)
            first = False
        self.quarantine.begin_delivery("")

    def _read_delivery(self, entry: Input, settling: Settling, previous: Path | None) -> None:
        source = entry.source
        tallies: dict[str, FileTally] = {}
        for file in source.files:
            tallies[file.name] = read_file(self.database, source, file, entry.parts.get(file.name, ()), self.quarantine)
            if entry.delivery.full:
                self._refuse_empty(source, file, tallies[file.name].rows, previous)
        if (entry.delivery.full or settling.first) and not any(tally.rows for tally in tallies.values()):
            raise DataError(
                f"the delivery of {source.service!r} is empty: no file of it has a row.",
                "Ask the service to send it again. Nothing was pulled.",
            )
        staging = Staging(
            self.database,
            self.register,
            self.quarantine,
            str(self.council.time_zone),
            frozenset(area.code for area in self.council.areas),
            entry.delivery.received_at,
            entry.delivery.full,
        )
        unchanged: dict[str, int] = {}
        for file in source.files:
            stage_file(staging, source, file)
            unchanged[file.name] = count_unchanged(
                self.database, source, file, self._set_apart(source, file), full=entry.delivery.full
            )
            self.done()
        for file in source.files:
            self.database.execute(f"drop table {name_table(source, file)}")
        signals = count_signals(self.database, source)
        arrival = None
        if settling.earlier is not None:
            arrival = measure_arrival(self.database, source, entry.delivery.received_at, settling.earlier)
        orphans = count_orphans(self.database, source)
        no_addresses = count_no_addresses(self.database, source)
        for table in ("references_of_events", "no_addresses"):
            self.database.execute(f"delete from {table}")
        settle_versions(self.database, source, entry.delivery, settling)
        files = {}
        for file in source.files:
            tally = tallies[file.name]
            counts = self.counts[f"{source.service}/{self.quarantine.name_file(file)}"] = FileCounts(
                tally.rows,
                self.quarantine.count(source, file),
                unchanged[file.name],
                orphans.get(file.name, (0, 0))[0],
                no_addresses.get(file.name, 0),
                tally.blank_lines,
                tally.empty_columns,
                sum(tally.not_available.values()),
            )
            files[file.name] = {**counts.document(), "filled": dict(tally.filled)}
        self.profile.append({**name_input(entry), "files": files, "signals": signals, "arrival": arrival})

    def _set_apart(self, source: Source, file: ExtractFile) -> str:
        """Return SQL that gives the numbers of the file's rows that were set apart."""
        name = self.quarantine.name_file(file)
        return (
            f"select row_number from main.quarantine where service = {quote_text(source.service)} "
            f"and file = {quote_text(name)}"
        )

    def _load_evidence(self, source: Source) -> None:
        """Take over what earlier deliveries said of people: an incremental one adds to it."""
        mine = f"service = {quote_text(source.service)}"
        for table, rows in (("people", "people_before"), ("protected", "protected_before")):
            columns = ", ".join(quote_name(name) for name in STAGED[table])
            self.database.execute(f"insert into {table} select {columns} from {rows} where {mine}")

    def _clear_evidence(self, source: Source) -> None:
        """Forget what the source's delivery before this one said of people and places: it is replaced."""
        for table in _EVIDENCE:
            self.database.execute(f"delete from {table} where service = ?", [source.service])
        self.database.execute("delete from places")
        self.database.execute("insert into places select * from places_of_others")

    def _refuse_empty(self, source: Source, file: ExtractFile, rows: int, previous: Path | None) -> None:
        """Refuse a file that had rows in the last snapshot and has none now: it was lost, not emptied."""
        if rows or previous is None:
            return
        before = read_json(previous.parent / "manifest.json")["sources"]
        if any(row["service"] == source.service and row["file"].endswith(file.name) and row["rows"] for row in before):
            raise DataError(
                f"{source.service}/{self.quarantine.name_file(file)} is empty, but had rows in the last snapshot.",
                "Ask the service to send it again. Nothing was pulled.",
            )

    def _read_canonical(self, plans: Sequence[SourcePlan]) -> None:
        folders = {entry.folder.resolve(): entry for plan in plans for entry in plan.inputs}
        if len(folders) > 1:
            raise DataError(
                "the register names more than one canonical folder, or one that holds several deliveries.",
                "Put the tables of all of them in one folder.",
            )
        for folder, entry in folders.items():
            reading = CanonicalReading(
                self.database,
                tuple(plan.source for plan in plans),
                self.council,
                entry.delivery.received_at,
                self.previous,
                self.confirmed,
            )
            for name, (rows, unchanged) in read_canonical(reading, folder).items():
                self.counts[f"{entry.source.service}/{name}"] = FileCounts(rows, 0, unchanged)
            self.done()
