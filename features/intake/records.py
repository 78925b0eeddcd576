"""Rows of a file become canonical rows: the register's SQL expressions, run over the typed tables.

    staged table   key of its versions            times
    events         event_id (service, file, key)  valid_at, end_at, known_at
    addresses      row_id (service, file, key)    start, end, known_at
    coverage       row_id                         start, end, known_at
    permission     row_id                         start, end, known_at
    people         none: every row is evidence    known_at
    protected      none                           known_at
    places         none                           start, end, known_at

A row that is sent again under its key is a later version: the one before it ends being known when the next is. That
is settled before the record's `where` is applied, so that a correction to "it did not happen" closes the event.
Dates become midnight in the council's time zone, as UTC. A time is UTC; where a file's clock is another, its expression
says so: `timezone('Europe/London', seen_at)`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import duckdb

from charter.council.register import RECORD_FIELDS, ExtractFile, Record, Register, Source
from charter.errors import DataError
from charter.purposes import PURPOSES
from features.intake.database import join_texts, quote_moment, quote_name, quote_text
from features.intake.extract import name_table
from features.intake.identifiers import fold_key
from features.intake.person_cells import empty_cells, list_cell_tests
from features.intake.precision import not_before
from features.intake.quarantine import Quarantine
from features.intake.uprn import has_no_form, is_no_address, read_uprn

__all__ = ["STAGED", "Staging", "create_staged", "is_no_area", "show_signal", "stage_file"]

STAGED: Mapping[str, Mapping[str, str]] = {
    "events": {
        "service": "varchar",
        "id": "varchar",
        "ref": "varchar",
        "signal": "varchar",
        "valid_at": "timestamp",
        "end_at": "timestamp",
        "known_at": "timestamp",
        "known_until": "timestamp",
        "amount": "decimal(18, 4)",
        "detail": "varchar",
    },
    "addresses": {
        "service": "varchar",
        "id": "varchar",
        "ref": "varchar",
        "household_id": "varchar",
        "start": "timestamp",
        "end": "timestamp",
        "known_at": "timestamp",
        "known_until": "timestamp",
    },
    "coverage": {
        "service": "varchar",
        "id": "varchar",
        "ref": "varchar",
        "start": "timestamp",
        "end": "timestamp",
        "known_at": "timestamp",
        "known_until": "timestamp",
    },
    "permission": {
        "source": "varchar",
        "id": "varchar",
        "ref": "varchar",
        "service": "varchar",
        "purpose": "varchar",
        "kind": "varchar",
        "status": "varchar",
        "start": "timestamp",
        "end": "timestamp",
        "decided_by": "varchar",
        "known_at": "timestamp",
        "known_until": "timestamp",
    },
    "protected": {
        "service": "varchar",
        "ref": "varchar",
        "characteristic": "varchar",
        "value": "varchar",
        "known_at": "timestamp",
    },
    "people": {
        "service": "varchar",
        "ref": "varchar",
        "forename": "varchar",
        "surname": "varchar",
        "birth_date": "date",
        "death_date": "date",
        "sex": "varchar",
        "postcode": "varchar",
        "household_id": "varchar",
        "address": "varchar",
        "town": "varchar",
        "email": "varchar",
        "phone": "varchar",
        "shared_key": "varchar",
        "safe_contact": "varchar",
        "known_at": "timestamp",
    },
    "places": {
        "household_id": "varchar",
        "area": "varchar",
        "kind": "varchar",
        "address": "varchar",
        "start": "timestamp",
        "end": "timestamp",
        "known_at": "timestamp",
    },
}
"""The staged tables and their columns. `people` and `places` hold names and addresses: they go to the vault alone."""

_TIMES = frozenset({"valid_at", "end_at", "known_at", "start", "end"})
_CHOICES = {
    "kind": ("consent", "refusal", "objection", "restriction"),
    "status": ("received", "upheld", "overruled"),
}
_EXPECTED = 300
"""How many days ahead a birth may lie: of a child who is expected."""
_LSOA = "[EW]01[0-9]{6}|95[A-Z]{2}[0-9]{2}[A-Z][0-9]|N2[01][0-9]{6}|S01[0-9]{6}"
"""The form of a small area's code: England and Wales, Northern Ireland, Scotland."""
_HOMES = ("home", "communal", "protected", "none")


def create_staged(database: duckdb.DuckDBPyConnection) -> None:
    """Create the empty staged tables."""
    for name, columns in STAGED.items():
        typed_columns = ", ".join(f"{quote_name(column)} {kind}" for column, kind in columns.items())
        database.execute(f"create table {name} ({typed_columns})")
    database.execute("create table no_addresses (service varchar, file varchar, rows bigint)")
    database.execute("create table references_of_events (service varchar, file varchar, ref varchar, rows bigint)")
    database.execute("create table taken_back (id varchar)")


@dataclass(frozen=True)
class Staging:
    """What mapping records needs to know: the register, the council's areas and zone, and when the delivery came.

    Where the council names no areas, any may stand in a gazetteer. A `full` delivery takes rows back by their absence:
    of it nobody asks which were taken back by what they say.
    """

    database: duckdb.DuckDBPyConnection
    register: Register
    quarantine: Quarantine
    time_zone: str
    areas: frozenset[str]
    received_at: datetime
    full: bool = False

    @property
    def latest(self) -> str:
        """Return SQL for the end of the day on which the delivery was received: nothing of it can be later."""
        zone = quote_text(self.time_zone)
        day = f"timezone({zone}, ({quote_moment(self.received_at)})::timestamptz)::date"
        return f"timezone({zone}, ({day} + 1)::timestamp)::timestamp"

    def expressions(self, source: Source, file: ExtractFile, record: Record) -> Mapping[str, str]:
        """Return an SQL expression for each field the record may give, bound and typed; null where it gives none."""
        required, optional = RECORD_FIELDS[record.kind]
        fields = {field: record.fields.get(field) for field in sorted(required | optional)}
        kinds = self._bind_record(source, file, {**fields, "where": record.where})
        expressions: dict[str, str] = {}
        for field, text in fields.items():
            if text is None:
                expressions[field] = "null"
                continue
            if field not in kinds:
                kinds[field] = self._bind_expression(source, file, record, field, text)
            expressions[field] = self._type_field(source, file, record, field, kinds[field])
        for field in ("known_at", "end_at"):
            if record.kind == "event" and kinds.get(field) == "DATE":
                expressions[field] = not_before(expressions["valid_at"], expressions[field], self.time_zone)
        if "where" not in kinds:
            self._bind_expression(source, file, record, "where", record.where)
        return expressions

    def _type_field(self, source: Source, file: ExtractFile, record: Record, field: str, kind: str) -> str:
        text = record.fields[field]
        if field in _TIMES:
            if kind == "DATE":
                zone = quote_text(self.time_zone)
                return f"timezone({zone}, ({text})::timestamp)::timestamp"
            if kind in ("TIMESTAMP", '"NULL"'):
                return f"({text})::timestamp"
            if kind == "TIMESTAMP WITH TIME ZONE":
                return f"timezone('UTC', ({text}))::timestamp"
            raise _bad_expression(source, file, record, field, f"gives {kind}, not a date or a time")
        if field in ("birth_date", "death_date"):
            return f"({text})::date"
        if field == "amount":
            return f"({text})::decimal(18, 4)"
        return f"({text})::varchar"

    def _bind_record(self, source: Source, file: ExtractFile, texts: Mapping[str, str | None]) -> dict[str, str]:
        """Bind all expressions of a record at once and return their types; none where they don't bind together.

        Then each is bound by itself, which says which of them is wrong.
        """
        given = {field: text for field, text in texts.items() if text is not None}
        selected = ", ".join(f"({text})" for text in given.values())
        try:
            described = self.database.execute(f"describe select {selected} from {name_table(source, file)}").fetchall()
        except duckdb.Error:
            return {}
        # One that names several columns at once would shift the types of those after it.
        return dict(zip(given, (str(row[1]) for row in described), strict=True)) if len(described) == len(given) else {}

    def _bind_expression(self, source: Source, file: ExtractFile, record: Record, field: str, text: str) -> str:
        """Bind the expression and return its type; DuckDB's message names columns alone, as no row is read."""
        try:
            described = self.database.execute(f"describe select ({text}) from {name_table(source, file)}").fetchall()
        except duckdb.Error as error:
            reason = str(error).splitlines()[0].rstrip(".")
            raise _bad_expression(source, file, record, field, reason) from None
        return str(described[0][1])


def _bad_expression(source: Source, file: ExtractFile, record: Record, field: str, reason: str) -> DataError:
    return DataError(
        f"register.toml: {field!r} of the {record.kind} record of {source.service}/{file.name} is wrong: {reason}.",
        "Write it as DuckDB SQL over the file's declared columns.",
    )


def stage_file(stager: Staging, source: Source, file: ExtractFile) -> None:
    """Add the canonical rows of one file to the staged tables.

    Raises DataError for an expression that doesn't fit its file or its rows, an undeclared signal, or more rows that
    break a rule than the register tolerates.
    """
    database = stager.database
    database.execute(f"set schema = {quote_text(source.service)}")
    try:
        for record in file.records:
            _make[record.kind](stager, source, file, record)
    except duckdb.ConversionException:
        raise DataError(
            f"register.toml: a record of {source.service}/{file.name} makes an amount or date that doesn't fit.",
            "Amounts have at most 14 digits before the point and 4 after it.",
        ) from None
    except (duckdb.InvalidInputException, duckdb.OutOfRangeException):
        raise DataError(
            f"register.toml: an expression of a record of {source.service}/{file.name} fails on some of its rows.",
            "Write it so that it gives null there: try_cast, try_strptime, nullif.",
        ) from None
    finally:
        database.execute("set schema = 'main'")


_STAYS = "f_kept is true and (f_known_until <= f_known_at) is not true"
"""SQL of a mapped row that neither `where` leaves out, nor a later version that was known as soon."""


@dataclass(frozen=True)
class _Versions:
    """SQL of what tells the versions of a row apart, and of the id of the row that is staged."""

    key: str
    identity: str


Tests = Mapping[tuple[str, str], str]
"""Rules of a record's rows: SQL that is true where it is broken, by (field, rule)."""


def _map_rows(
    stager: Staging, source: Source, file: ExtractFile, record: Record, tests: Tests, versions: _Versions | None = None
) -> Tests:
    """Make the temporary table `mapped`: every field of the record, and when the next version of its key was known.

    Return those of `tests` that some of its rows break: most break none, and all are asked in one look.
    """
    key = versions.key if versions else ""
    fields = stager.expressions(source, file, record)
    selected = ", ".join(f"{expression} as {quote_name('f_' + name)}" for name, expression in fields.items())
    row_key = _key_sql(source, file) if key == "f_row" else "null::varchar"
    stager.database.execute(
        f"create or replace temp table mapped as select _row, {row_key} as f_row, {selected}, ({record.where}) as "
        f"f_kept, null::timestamp as f_known_until from {name_table(source, file)}"
    )
    if key:
        _end_versions(stager.database, key)
    looked = ["f_kept is not true and f_known_until is null", f"not ({_STAYS})"]
    looked += [f"{_STAYS} and ({test})" for test in tests.values()]
    taken_back, left_out, *broken = stager.database.execute(
        f"select {', '.join(f'count(*) filter (where {test})' for test in looked)} from mapped"
    ).fetchall()[0]
    if versions and taken_back and not stager.full:
        stager.database.execute(
            f"insert into main.taken_back select {versions.identity} from mapped where f_kept is not true "
            "and f_known_until is null"
        )
    # What `where` leaves out goes, and versions that ended as they began: nobody could have seen those.
    if left_out:
        stager.database.execute(f"delete from mapped where not ({_STAYS})")
    return {place: test for (place, test), count in zip(tests.items(), broken, strict=True) if count}


def _end_versions(database: duckdb.DuckDBPyConnection, key: str) -> None:
    """Say of each mapped row when the next version of its key was known; most keys have one alone."""
    same = " and ".join(f"repeated.{name} is not distinct from mapped.{name}" for name in key.split(", "))
    found = database.execute(
        f"create or replace temp table repeated as select {key} from mapped group by {key} having count(*) > 1"
    ).fetchall()
    if not found[0][0]:
        return
    database.execute(
        "update mapped set f_known_until = following.known_at from (select _row, lead(f_known_at) over (partition by "
        f"{key} order by f_known_at, _row) as known_at from mapped where exists (select 1 from repeated where {same})"
        ") following where following._row = mapped._row and following.known_at is not null"
    )


def _set_apart(stager: Staging, source: Source, file: ExtractFile, tests: Tests) -> None:
    """Quarantine the mapped rows that break any test."""
    if not tests:
        return
    bad = " union all ".join(
        f"select _row as row_number, {quote_text(field)} as field, {quote_text(rule)} as rule from mapped where {test}"
        for (field, rule), test in tests.items()
    )
    if stager.quarantine.add(source, file, bad):
        stager.quarantine.refuse_where_many(source, file)
        stager.database.execute(f"delete from mapped where _row in (select row_number from ({bad}))")


def _reference_sql(source: Source, field: str = "f_reference") -> str:
    return f"reference_of({quote_text(source.service + chr(31))} || {field})"


def _key_sql(source: Source, file: ExtractFile) -> str:
    """Return the SQL text that names a row of the file across deliveries: by its key, or by all it says."""
    columns = file.key or tuple(file.columns)
    parts = [f"coalesce({quote_name(name)}::varchar, '')" for name in columns]
    return join_texts([quote_text(source.service), quote_text(file.name), *parts])


_UNDECLARED = ("signal", "undeclared")


def _stage_event(stager: Staging, source: Source, file: ExtractFile, record: Record) -> None:
    parts = join_texts([quote_text(source.service), quote_text(file.name), "f_signal", "f_key"])
    identity = f"event_of({parts})"
    details = ", ".join(
        f"{quote_text(signal.name)}: [{', '.join(quote_text(d) for d in signal.details)}]" for signal in source.signals
    )
    undeclared = {_UNDECLARED: f"f_signal not in ({_list_signals(source)})"}
    tests = {
        ("reference", "reference.missing"): "f_reference is null",
        ("key", "key.missing"): "f_key is null",
        ("valid_at", "time.missing"): "f_valid_at is null",
        ("known_at", "time.known_before_valid"): "f_known_at < f_valid_at",
        ("valid_at", "time.future"): f"f_valid_at >= {stager.latest}",
        ("known_at", "time.future"): f"f_known_at >= {stager.latest}",
        ("end_at", "time.end_before_start"): "f_end_at < f_valid_at",
        ("detail", "detail.unknown"): f"f_detail is not null and len(map {{{details}}}[f_signal]) > 0 "
        f"and not list_contains(map {{{details}}}[f_signal], f_detail)",
    }
    broken = _map_rows(stager, source, file, record, {**undeclared, **tests}, _Versions("f_signal, f_key", identity))
    if _UNDECLARED in broken:
        rows = stager.database.execute(f"select min(f_signal) from mapped where {undeclared[_UNDECLARED]}").fetchall()
        raise DataError(
            f"register.toml: {source.service}/{file.name} makes events of a signal that {source.service!r} does not "
            "declare.",
            f"Add a [[source.signal]] row for it to register.toml{show_signal(rows[0][0], source.service)}.",
        )
    _set_apart(stager, source, file, broken)
    # Somebody's pseudonym is made once, and not for each of their events: it costs more than all the rest of a row.
    stager.database.execute(
        f"create or replace temp table referred as select f_reference, {_reference_sql(source)} as ref, rows "
        "from (select f_reference, count(*) as rows from mapped group by f_reference)"
    )
    stager.database.execute(
        f"insert into main.references_of_events select {quote_text(source.service)}, {quote_text(file.name)}, ref, "
        "rows from referred"
    )
    stager.database.execute(
        f"insert into main.events select {quote_text(source.service)}, {identity}, ref, f_signal, f_valid_at, "
        "f_end_at, f_known_at, f_known_until, f_amount, f_detail from mapped join referred using (f_reference)"
    )


def _list_signals(source: Source) -> str:
    return ", ".join(quote_text(signal.name) for signal in source.signals) or "''"


def _version_rows(record: Record) -> _Versions:
    """Return what tells versions apart of a record whose rows are known by the file's own key."""
    return _Versions("f_row", f"row_of(f_row || chr(31) || {quote_text(record.kind)})")


_SPAN = {
    ("reference", "reference.missing"): "f_reference is null",
    ("start", "time.missing"): "f_start is null",
    ("end", "time.end_before_start"): "f_end < f_start",
}


_NOWHERE = ("uprn", "no_address")


def _stage_address(stager: Staging, source: Source, file: ExtractFile, record: Record) -> None:
    versions = _version_rows(record)
    nowhere = {_NOWHERE: is_no_address("f_uprn")}
    tests = {**_SPAN, ("uprn", "uprn.form"): has_no_form("f_uprn")}
    broken = _map_rows(stager, source, file, record, {**nowhere, **tests}, versions)
    _set_apart(stager, source, file, {place: test for place, test in broken.items() if place in tests})
    if _NOWHERE in broken:
        _leave_out_no_address(stager, source, file)
    stager.database.execute(
        f"insert into main.addresses select {quote_text(source.service)}, {versions.identity}, "
        f"{_reference_sql(source)}, {_home_sql('f_uprn')}, f_start, f_end, f_known_at, f_known_until from mapped"
    )


def _home_sql(uprn: str) -> str:
    """Return the pseudonym of a UPRN: the same however it was padded; null where the text is no UPRN."""
    return f"household_of({read_uprn(uprn)})"


def _leave_out_no_address(stager: Staging, source: Source, file: ExtractFile) -> None:
    """Drop, and count, the mapped rows that say that no address is known: nobody gets a home from them."""
    nowhere = is_no_address("f_uprn")
    stager.database.execute(
        f"insert into main.no_addresses select {quote_text(source.service)}, {quote_text(file.name)}, count(*) "
        f"from mapped where {nowhere}"
    )
    stager.database.execute(f"delete from mapped where {nowhere}")


def _stage_coverage(stager: Staging, source: Source, file: ExtractFile, record: Record) -> None:
    versions = _version_rows(record)
    _set_apart(stager, source, file, _map_rows(stager, source, file, record, _SPAN, versions))
    stager.database.execute(
        f"insert into main.coverage select {quote_text(source.service)}, {versions.identity}, "
        f"{_reference_sql(source)}, f_start, f_end, f_known_at, f_known_until from mapped"
    )


def _stage_permission(stager: Staging, source: Source, file: ExtractFile, record: Record) -> None:
    versions = _version_rows(record)
    services = ", ".join(quote_text(source_row.service) for source_row in stager.register.sources)
    tests = {
        **_SPAN,
        ("choice", "code.unknown"): f"f_choice is null or f_choice not in ({_list_words(_CHOICES['kind'])})",
        ("status", "code.unknown"): f"f_status is null or f_status not in ({_list_words(_CHOICES['status'])})",
        ("purpose", "code.unknown"): f"f_purpose is null or f_purpose not in ({_list_words(PURPOSES)}, '*')",
        ("service", "code.unknown"): f"f_service is null or f_service not in ({services}, '*')",
        ("of_service", "code.unknown"): f"f_of_service is null or f_of_service not in ({services})",
    }
    _set_apart(stager, source, file, _map_rows(stager, source, file, record, tests, versions))
    stager.database.execute(
        f"insert into main.permission select {quote_text(source.service)}, {versions.identity}, "
        "reference_of(f_of_service || chr(31) || f_reference), f_service, f_purpose, f_choice, f_status, f_start, "
        "f_end, f_decided_by, f_known_at, f_known_until from mapped"
    )


def _list_words(words: tuple[str, ...]) -> str:
    return ", ".join(quote_text(word) for word in words)


_NAMELESS = {("reference", "reference.missing"): "f_reference is null"}


def _stage_protected(stager: Staging, source: Source, file: ExtractFile, record: Record) -> None:
    _set_apart(stager, source, file, _map_rows(stager, source, file, record, _NAMELESS))
    stager.database.execute(
        f"insert into main.protected select distinct {quote_text(source.service)}, {_reference_sql(source)}, "
        "f_characteristic, f_value, f_known_at from mapped where f_value is not null and f_characteristic is not null"
    )


def _stage_person(stager: Staging, source: Source, file: ExtractFile, record: Record) -> None:
    dates = f"f_birth_date >= {stager.latest} + interval {_EXPECTED} day or f_death_date < f_birth_date"
    cells = list_cell_tests(record, {("birth_date", "person.dates"): dates})
    broken = _map_rows(stager, source, file, record, {**_NAMELESS, **cells})
    _set_apart(stager, source, file, {place: test for place, test in broken.items() if place in _NAMELESS})
    wrong = {place: test for place, test in broken.items() if place in cells}
    empty_cells(stager.database, stager.quarantine, source, file, wrong)
    stager.database.execute(
        f"insert into main.people select distinct {quote_text(source.service)}, {_reference_sql(source)}, f_forename, "
        f"f_surname, f_birth_date, f_death_date, f_sex, f_postcode, {_home_sql('f_uprn')}, f_address, f_town, "
        f"f_email, f_phone, {fold_key('f_shared_key')}, f_safe_contact, f_known_at from mapped"
    )


def _stage_place(stager: Staging, source: Source, file: ExtractFile, record: Record) -> None:
    tests = {
        ("uprn", "reference.missing"): is_no_address("f_uprn"),
        ("uprn", "uprn.form"): has_no_form("f_uprn"),
        ("area", "area.unknown"): is_no_area("f_area", stager.areas),
        ("home", "code.unknown"): f"f_home is null or f_home not in ({_list_words(_HOMES)})",
    }
    _set_apart(stager, source, file, _map_rows(stager, source, file, record, tests))
    stager.database.execute(
        f"insert into main.places select {_home_sql('f_uprn')}, coalesce(f_area, ''), f_home, "
        "concat_ws(', ', f_address, f_postcode), f_start, f_end, f_known_at from mapped"
    )


def is_no_area(area: str, areas: frozenset[str]) -> str:
    """Return SQL that is true of an area that is none of the council's `areas` and has no LSOA code's form.

    Where the council names no areas, any is one.
    """
    if not areas:
        return "false"
    own = ", ".join(quote_text(code) for code in sorted(areas))
    return f"{area} is not null and {area} not in ({own}) and not regexp_full_match({area}, {quote_text(_LSOA)})"


def show_signal(signal: str, service: str) -> str:
    """Return an undeclared signal as a message may show it: nothing where it could be somebody's value."""
    return f": {signal!r}" if re.fullmatch(rf"{re.escape(service)}\.[a-z0-9_]{{1,60}}", signal) else ""


_make = {
    "event": _stage_event,
    "address": _stage_address,
    "coverage": _stage_coverage,
    "permission": _stage_permission,
    "protected": _stage_protected,
    "person": _stage_person,
    "place": _stage_place,
}
