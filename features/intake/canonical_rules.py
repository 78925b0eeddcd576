"""What rows of a canonical delivery must keep to: the same rules as those of any file, and each names its line.

one row        kinds, required columns, words of a list, lengths, control characters, dates that can be
events         declared signals; nothing known before it happened, over before it began, or after the delivery came
a key          one row for each version, and no two versions that stand at once
the delivery   people whom `people` knows; no more standing events gone than the register tolerates
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb

from charter.contracts import TableContract
from charter.contracts.matrix import ID_BYTES
from charter.council.council import Council
from charter.council.register import Source
from charter.errors import CharterError, DataError
from features.intake.database import quote_moment, quote_name, quote_text
from features.intake.extract import CONTROL_CHARACTERS
from features.intake.opening.open_table import OpenTable
from features.intake.opening.workbook_errors import ERRORS, NOT_AVAILABLE
from features.intake.records import is_no_area, show_signal
from features.intake.row_rules import LONGEST_TEXT, MESSAGES

__all__ = ["Bounds", "check_events", "check_rows", "check_versions", "refuse_orphans", "refuse_vanished"]

_HANDFUL = 10
_SPANS: Mapping[str, str] = {"events": "end_at < valid_at"} | dict.fromkeys(
    ("residence", "households", "permission", "coverage"), '"end" < start'
)


@dataclass(frozen=True)
class Bounds:
    """What a delivery can hold at all: nothing after the end of the day it came, the council's areas, its services."""

    time_zone: str
    latest: datetime
    areas: frozenset[str]
    sources: tuple[Source, ...]

    @classmethod
    def of(cls, council: Council, received_at: datetime, sources: Sequence[Source]) -> Bounds:
        """Return the bounds of a delivery that was received at a time."""
        day: date = received_at.astimezone(council.time_zone).date() + timedelta(days=1)
        areas = frozenset(area.code for area in council.areas)
        return cls(str(council.time_zone), council.midnight(day).astimezone(UTC), areas, tuple(sources))


@dataclass(frozen=True)
class _Rows:
    """The rows in `reading`, of one open table."""

    database: duckdb.DuckDBPyConnection
    table: OpenTable

    def refuse(self, test: str, rule: str, next_step: str) -> None:
        """Raise DataError naming the first row of which the test is true, and what rule it breaks."""
        count, first = self.database.execute(f"select count(*), min(_row) from reading where {test}").fetchall()[0]
        if count:
            raise DataError(f"{self.table.where}: in {count} rows (first: {self.place(first)}) {rule}.", next_step)

    def place(self, row: int) -> str:
        """Return where a row stands."""
        find_lines = self.table.find_lines
        return f"line {find_lines([row])[row]}" if find_lines else f"row {row}"


def check_rows(
    database: duckdb.DuckDBPyConnection,
    contract: TableContract,
    table: OpenTable,
    bounds: Bounds,
    optional: frozenset[str],
) -> None:
    """Raise DataError for the first rule that rows of `reading` break; `optional` columns may be empty."""
    rows = _Rows(database, table)
    for column in contract.columns:
        name = quote_name(column.name)
        if column.name in table.types:
            rows.refuse(
                f"{_stands(column.name)} and {name} is null",
                f"the {column.name} is not a {column.type}",
                "Correct those rows.",
            )
        if column.required and column.name not in optional:
            rows.refuse(f"{name} is null", f"the {column.name} is empty", "Fill it or leave the row out.")
        if column.allowed:
            words = ", ".join(quote_text(word) for word in column.allowed)
            rows.refuse(
                f"{name} not in ({words})",
                f"the {column.name} is not one of: {', '.join(column.allowed)}",
                "Correct those rows.",
            )
        for rule, test in _tests_of_value(column.name, column.type).items():
            rows.refuse(test, f"the {column.name} breaks the rule {rule}: {MESSAGES[rule][:-1]}", "Correct those rows.")
    for rule, test in _tests_of_row(contract, bounds).items():
        rows.refuse(test, f"the rule {rule} is broken: {MESSAGES[rule][:-1]}", "Correct those rows.")
    if "service" in contract.names:
        services = ", ".join(quote_text(source.service) for source in bounds.sources)
        rows.refuse(f"service not in ({services}, '*')", "the service is none of the register's", "Correct those rows.")
    keys = ", ".join(quote_name(name) for name in contract.key if name in table.types)
    rows.refuse(
        f"_row in (select _row from (select _row, row_number() over (partition by {keys} order by _row) as copy "
        "from reading) where copy > 1)",
        f"the key ({', '.join(contract.key)}) is there twice",
        "Keep one row of each key.",
    )
    if contract.name == "events" and not database.execute("select count(*) from reading").fetchall()[0][0]:
        raise DataError(f"{table.where} is empty.", "A delivery without an event says nothing; ask for it again.")


def _stands(name: str) -> str:
    """Return SQL that is true where something stands in a cell as it came; #N/A says that nothing does."""
    raw = f"{quote_name('raw ' + name)}::varchar"
    return f"coalesce(trim({raw}) not in ('', {quote_text(NOT_AVAILABLE)}), false)"


def _tests_of_value(name: str, kind: str) -> Mapping[str, str]:
    """Return the rules of a column's values, each with an SQL condition that is true where it is broken."""
    column = quote_name(name)
    if kind == "string":
        tests = {
            "value.error": f"regexp_matches({column}, {quote_text(ERRORS)})",
            "value.control": f"regexp_matches({column}, {quote_text(CONTROL_CHARACTERS)})",
            "value.long": f"length({column}) > {LONGEST_TEXT}",
        }
        return {"id.long": f"strlen({column}) > {ID_BYTES}", **tests} if name in _IDS else tests
    if kind in ("date", "datetime"):
        return {"value.range": f"{column} < date '1850-01-01' or {column} >= date '2200-01-01'"}
    return {}


_IDS = ("person_id", "household_id")


def _tests_of_row(contract: TableContract, bounds: Bounds) -> Mapping[str, str]:
    tests: dict[str, str] = {}
    if contract.name in _SPANS:
        tests["time.end_before_start"] = _SPANS[contract.name]
    if contract.name == "people":
        expected = bounds.latest + timedelta(days=300)
        tests["person.dates"] = f"birth_date >= {quote_moment(expected)} or death_date < birth_date"
    if contract.name == "households":
        tests["area.unknown"] = is_no_area("area", bounds.areas)
    return tests


def check_events(database: duckdb.DuckDBPyConnection, table: OpenTable, bounds: Bounds) -> None:
    """Raise CharterError for a signal that is not declared, DataError for times that can't be."""
    rows = _Rows(database, table)
    names = [signal.name for source in bounds.sources for signal in source.signals]
    declared = ", ".join(quote_text(name) for name in names) or "''"
    signal, first = database.execute(
        f"select arg_min(signal, _row), min(_row) from reading where signal not in ({declared})"
    ).fetchall()[0]
    if signal is not None:
        service = signal.split(".", 1)[0]
        known = show_signal(signal, service) if service in {source.service for source in bounds.sources} else ""
        raise CharterError(
            f"{table.where}, {rows.place(first)}: its signal is one that the register does not declare{known}.",
            "Add a [[source]] with its basis and a [[source.signal]] to register.toml, or leave those rows out.",
        )
    latest = quote_moment(bounds.latest)
    for test, rule in (
        ("known_at < valid_at", "it was known before it happened (time.known_before_valid)"),
        (f"valid_at >= {latest} or known_at >= {latest}", "it is after the delivery was received (time.future)"),
    ):
        rows.refuse(test, rule, "Correct those rows.")


def check_versions(database: duckdb.DuckDBPyConnection, contract: TableContract) -> None:
    """Raise DataError where two versions of one row stand at once: the earlier one must end when the next is known."""
    if "known_until" not in contract.names:
        return
    keys = ", ".join(quote_name(name) for name in contract.key if name != "known_at")
    count = database.execute(
        f"select count(*) from (select known_until, lead(known_at) over (partition by {keys} order by known_at) as "
        f"following from canonical_{contract.name}) where following is not null "
        "and (known_until is null or known_until > following)"
    ).fetchall()[0][0]
    if count:
        raise DataError(
            f"{contract.name}: of {count} rows a version still stands when the next is known (rule versions.overlap).",
            "Give the earlier version a known_until: the known_at of the one that replaced it.",
        )


def refuse_orphans(database: duckdb.DuckDBPyConnection, sources: Sequence[Source]) -> None:
    """Raise DataError where people are delivered, and too many events are of somebody who is not among them."""
    present = database.execute("select count(*) from duckdb_tables() where table_name = 'canonical_people'").fetchall()
    if not present[0][0]:
        return
    for source in sources:
        orphans, every = database.execute(
            "select count(*) filter (where person_id not in (select person_id from canonical_people)), count(*) "
            "from canonical_events where starts_with(signal, ?)",
            [source.service + "."],
        ).fetchall()[0]
        share = source.tolerance.unknown_reference
        if orphans > share * every:
            raise DataError(
                f"{orphans:,} of {every:,} events of {source.service!r} are of somebody whom `people` does not know "
                f"(rule reference.unknown; at most {share:.0%} may).",
                "Ask whether ids lost their zeros, or came from elsewhere. Nothing was pulled.",
            )


def refuse_vanished(database: duckdb.DuckDBPyConnection, sources: Sequence[Source], previous: Path | None) -> None:
    """Raise DataError where more events of the last delivery are gone than the register of one of `sources` allows."""
    path = None if previous is None else previous / "canonical_events.parquet"
    if path is None or not path.exists():
        return
    for source in sources:
        standing, gone = database.execute(
            "select count(*), count(*) filter (where event_id not in (select event_id from canonical_events)) from "
            f"(select distinct event_id from read_parquet({quote_text(str(path))}) where starts_with(signal, ?))",
            [source.service + "."],
        ).fetchall()[0]
        share = source.tolerance.vanished_rows
        if gone > max(_HANDFUL, share * standing):
            raise DataError(
                f"the delivery of {source.service!r} lacks {gone:,} of the {standing:,} events that stood in the last "
                f"one (rule rows.vanished; at most {share:.0%} may go).",
                "Ask whether the transfer broke off. If they are really gone, run `sooner pull "
                f"--confirm {source.service}`. Nothing was pulled.",
            )
