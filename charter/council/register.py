"""The data-sharing register: every source, why it may be used, how it is read and what it says (`register.toml`).

    [[source]]                        one delivery of one service
      service, title, contact         who sends it
      format, folder                  canonical | csv | parquet, relative to the extracts (or an absolute folder)
      basis, conditions, gateway      why it may be used at all; `purposes`: what for
      arrival_lag_days, ...           how late it comes, how long it is kept, who may not hear of it
      [[source.signal]]               the kinds of event it records, named `service.kind`
      [[source.file]]                 for csv and parquet: each file with its STRICT columns
        [[source.file.record]]        how its rows become canonical rows: DuckDB SQL expressions over the columns
    [[check]]                         a question that other services may ask: purpose, who asks, why they may

Read by every room that asks "may this service be used for that purpose?"; only `pull` reads the files' mappings.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from charter.acts import ROLES
from charter.council.council import read_toml
from charter.council.entry import one_of, refuse_unknown, require, typed
from charter.errors import CharterError, DataError
from charter.purposes import PURPOSES

__all__ = ["RECORD_FIELDS", "Check", "ExtractFile", "Record", "Register", "Signal", "Source"]

_CONSENT = "consent"
_FORMATS = ("canonical", "csv", "parquet")
_TYPES = ("text", "integer", "decimal", "boolean", "date", "datetime")

RECORD_FIELDS: Mapping[str, tuple[frozenset[str], frozenset[str]]] = {
    "person": (
        frozenset({"reference"}),
        frozenset(
            {
                "forename",
                "surname",
                "birth_date",
                "death_date",
                "sex",
                "postcode",
                "uprn",
                "shared_key",
                "safe_contact",
                "known_at",
            }
        ),
    ),
    "address": (frozenset({"reference", "uprn", "start"}), frozenset({"end", "known_at"})),
    "event": (
        frozenset({"reference", "signal", "key", "valid_at"}),
        frozenset({"end_at", "known_at", "amount", "detail"}),
    ),
    "protected": (frozenset({"reference", "characteristic", "value"}), frozenset({"known_at"})),
    "coverage": (frozenset({"reference", "start"}), frozenset({"end", "known_at"})),
    "permission": (
        frozenset({"reference", "of_service", "service", "purpose", "choice", "status", "start"}),
        frozenset({"end", "decided_by", "known_at"}),
    ),
    "place": (frozenset({"uprn", "area", "home"}), frozenset({"address", "postcode", "start", "end", "known_at"})),
}
"""What a row of a file can become: the fields it must and the fields it may give. `where` is allowed in all."""


@dataclass(frozen=True)
class Signal:
    """A kind of event: `name` is `service.kind`; `unit` says what `amount` counts ('' where there is none)."""

    name: str
    title: str
    details: tuple[str, ...]
    unit: str
    system_response: bool
    interval: bool


@dataclass(frozen=True)
class Record:
    """How rows of a file become canonical rows of one kind: a DuckDB SQL expression per field (see RECORD_FIELDS)."""

    kind: str
    fields: Mapping[str, str]
    where: str


@dataclass(frozen=True)
class ExtractFile:
    """One file of a delivery: its strict columns (name -> type), its unique key, and what its rows become.

    `versions` are the columns that tell the versions of one row apart: key and versions together are unique.
    """

    name: str
    columns: Mapping[str, str]
    key: tuple[str, ...]
    versions: tuple[str, ...]
    records: tuple[Record, ...]
    optional: bool


@dataclass(frozen=True)
class Source:
    """One delivery of one service; days and years are whole numbers, `intrusiveness` is 1 (least) to 5.

    `one_reference_each`: no two references of the service are the same person, so that twins stay two.
    `details_to`: the roles that are shown each record's kind and day; others, only that there was something in a month.
    `youngest_age`: nobody is younger when the service last says they live somewhere (tenants, the liable).
    `dates` and `datetimes` are the strptime formats of its CSV files; datetimes are UTC, dates the council's days.
    """

    service: str
    title: str
    contact: str
    format: str
    folder: str
    basis: str
    conditions: tuple[str, ...]
    gateway: str
    purposes: frozenset[str]
    arrival_lag_days: int
    promised_lag_days: int
    retention_years: int
    confidential_from_household: bool
    own_voice_age: int
    one_reference_each: bool
    youngest_age: int
    intrusiveness: int
    display: bool
    details_to: frozenset[str]
    example: bool
    signals: tuple[Signal, ...]
    files: tuple[ExtractFile, ...]
    dates: str
    datetimes: str
    delivery: Mapping[str, Any]
    tolerance: Mapping[str, float]

    @property
    def bears_people(self) -> bool:
        """Whether it records people at all: a gazetteer does not."""
        return bool(self.signals) or any(r.kind != "place" for f in self.files for r in f.records)


@dataclass(frozen=True)
class Check:
    """A question that other services may ask under a purpose of its own: which of them, and why they may."""

    purpose: str
    title: str
    asked_by: tuple[str, ...]
    basis: str
    conditions: tuple[str, ...]
    gateway: str
    example: bool


@dataclass(frozen=True)
class Register:
    """The register as read; `sha256` is that of the file."""

    sources: tuple[Source, ...]
    sha256: str
    checks: tuple[Check, ...] = ()

    @classmethod
    def load(cls, path: Path) -> Register:
        """Read `register.toml`; raise UsageError, DataError (a row that breaks its form) or CharterError (no basis)."""
        raw = read_toml(path)
        unknown = set(raw) - {"source", "check", "example"}
        if unknown:
            raise DataError(
                f"{path.name} has an unknown key {sorted(unknown)[0]!r}.",
                "A register holds [[source]] and [[check]] rows only.",
            )
        sources = tuple(_source(row) for row in raw.get("source", ()))
        if not sources:
            raise DataError(f"{path.name} names no source.", "Add a [[source]] row for each delivery.")
        _refuse_twice("source", (source.service for source in sources))
        _refuse_twice("signal", (signal.name for source in sources for signal in source.signals))
        checks = tuple(_check(row) for row in raw.get("check", ()))
        _refuse_twice("check", (check.purpose for check in checks))
        return cls(sources, hashlib.sha256(path.read_bytes()).hexdigest(), checks)

    @cached_property
    def _by_service(self) -> Mapping[str, Source]:
        return {source.service: source for source in self.sources}

    @cached_property
    def _by_signal(self) -> Mapping[str, Signal]:
        return {signal.name: signal for source in self.sources for signal in source.signals}

    def source(self, service: str) -> Source:
        """Return the row of `service`; raise CharterError for one that is not in the register."""
        if service not in self._by_service:
            raise CharterError(
                f"the register has no source {service!r}.", f"Choose one of: {', '.join(sorted(self._by_service))}."
            )
        return self._by_service[service]

    def signal(self, name: str) -> Signal:
        """Return the signal `service.kind`; raise CharterError for one that no source declares."""
        if name not in self._by_signal:
            raise CharterError(
                f"no source of the register declares the signal {name!r}.",
                "Add a [[source.signal]] row to register.toml, or use a declared one.",
            )
        return self._by_signal[name]

    @cached_property
    def signals(self) -> tuple[Signal, ...]:
        """All declared signals, in the register's order."""
        return tuple(self._by_signal.values())

    def check(self, purpose: str) -> Check:
        """Return the check of a purpose; raise CharterError where the register has none."""
        for check in self.checks:
            if check.purpose == purpose:
                return check
        raise CharterError(
            f"the register has no check for the purpose {purpose}.",
            "Agree it and add a [[check]] row to register.toml.",
        )

    def permits(self, service: str, purpose: str) -> bool:
        """Whether the lawful basis of `service` covers `purpose`; an unknown service or purpose is not permitted."""
        return service in self._by_service and purpose in self._by_service[service].purposes

    def consent_based(self, service: str) -> bool:
        """Whether `service` may be used for a person only with that person's consent."""
        return service in self._by_service and self._by_service[service].basis == _CONSENT

    @property
    def examples(self) -> tuple[str, ...]:
        """The services whose row is still the shipped example: real data is refused while there is one."""
        marked = [source.service for source in self.sources if source.example]
        return (*marked, *(check.purpose for check in self.checks if check.example))


def _refuse_twice(what: str, names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise DataError(f"register.toml names the {what} {name!r} twice.", "Keep one of the two rows.")
        seen.add(name)


_SOURCE_KEYS = frozenset(
    {
        "service",
        "title",
        "contact",
        "format",
        "folder",
        "basis",
        "conditions",
        "gateway",
        "purposes",
        "arrival_lag_days",
        "promised_lag_days",
        "retention_years",
        "confidential_from_household",
        "own_voice_age",
        "one_reference_each",
        "youngest_age",
        "intrusiveness",
        "display",
        "details_to",
        "example",
        "signal",
        "file",
        "dates",
        "datetimes",
        "delivery",
        "tolerance",
    }
)


def _source(row: Mapping[str, Any]) -> Source:
    service = require(row, "service", "a [[source]]", str)
    where = f"source {service!r}"
    refuse_unknown(row, _SOURCE_KEYS, where)
    basis = row.get("basis", "")
    if not isinstance(basis, str) or not basis.strip():
        raise CharterError(
            f"the register gives no lawful basis for {service!r}.",
            "Write `basis = ...` with its conditions in register.toml, or remove the source.",
        )
    purposes = frozenset(require(row, "purposes", where, list))
    if purposes - set(PURPOSES):
        raise DataError(
            f"register.toml: {where} has an unknown purpose {sorted(purposes - set(PURPOSES))[0]!r}.",
            f"Choose from: {', '.join(PURPOSES)}.",
        )
    intrusiveness = typed(row.get("intrusiveness", 3), "intrusiveness", where, int)
    if not 1 <= intrusiveness <= 5:
        raise DataError(f"register.toml: intrusiveness of {where} is not 1 to 5.", "1 is the least intrusive.")
    return Source(
        service=service,
        title=require(row, "title", where, str),
        contact=row.get("contact", ""),
        format=one_of(row.get("format", "csv"), _FORMATS, "format", where),
        folder=row.get("folder", service),
        basis=basis.strip(),
        conditions=tuple(row.get("conditions", ())),
        gateway=row.get("gateway", ""),
        purposes=purposes,
        arrival_lag_days=typed(row.get("arrival_lag_days", 0), "arrival_lag_days", where, int),
        promised_lag_days=typed(row.get("promised_lag_days", 0), "promised_lag_days", where, int),
        retention_years=require(row, "retention_years", where, int),
        confidential_from_household=typed(
            row.get("confidential_from_household", False), "confidential_from_household", where, bool
        ),
        own_voice_age=typed(row.get("own_voice_age", 16), "own_voice_age", where, int),
        youngest_age=typed(row.get("youngest_age", 0), "youngest_age", where, int),
        one_reference_each=typed(row.get("one_reference_each", False), "one_reference_each", where, bool),
        intrusiveness=intrusiveness,
        display=typed(row.get("display", True), "display", where, bool),
        details_to=_roles(row.get("details_to", []), where),
        example=typed(row.get("example", False), "example", where, bool),
        signals=tuple(_signal(signal, service) for signal in row.get("signal", ())),
        files=tuple(_file(file, where) for file in row.get("file", ())),
        dates=typed(row.get("dates", "%Y-%m-%d"), "dates", where, str),
        datetimes=typed(row.get("datetimes", "%Y-%m-%dT%H:%M:%SZ"), "datetimes", where, str),
        delivery=typed(row.get("delivery", {}), "delivery", where, dict),
        tolerance=_tolerance(row.get("tolerance", {}), where),
    )


def _roles(names: Sequence[str], where: str) -> frozenset[str]:
    unknown = sorted(set(names) - set(ROLES))
    if unknown:
        raise DataError(
            f"register.toml: details_to of {where} names no role: {unknown[0]!r}.", f"Choose from: {', '.join(ROLES)}."
        )
    return frozenset(names)


def _check(row: Mapping[str, Any]) -> Check:
    purpose = require(row, "purpose", "a [[check]]", str)
    where = f"check {purpose!r}"
    refuse_unknown(row, Check.__dataclass_fields__, where)
    one_of(purpose, PURPOSES, "purpose", where)
    basis = row.get("basis", "")
    if not isinstance(basis, str) or not basis.strip():
        raise CharterError(
            f"the register gives no lawful basis for the {where}.", "Write `basis = ...`, or remove the check."
        )
    return Check(
        purpose,
        require(row, "title", where, str),
        tuple(require(row, "asked_by", where, list)),
        basis.strip(),
        tuple(row.get("conditions", ())),
        row.get("gateway", ""),
        typed(row.get("example", False), "example", where, bool),
    )


_TOLERANCE = {
    "bad_value": 0.02,
    "known_before_valid": 0.0,
    "duplicate_key": 0.0,
    "unknown_reference": 0.2,
    "vanished_rows": 0.1,
}


def _tolerance(row: Mapping[str, Any], where: str) -> Mapping[str, float]:
    """Shares of a file's rows (0 to 1) that may break each rule before the whole delivery is refused."""
    refuse_unknown(row, _TOLERANCE, f"tolerance of {where}")
    shares = {name: float(row.get(name, share)) for name, share in _TOLERANCE.items()}
    for name, share in shares.items():
        if not 0 <= share < 1:
            raise DataError(
                f"register.toml: tolerance {name!r} of {where} is not a share from 0 to below 1.", "0.02 is 2 %."
            )
    return shares


def _signal(row: Mapping[str, Any], service: str) -> Signal:
    name = require(row, "name", f"a signal of {service!r}", str)
    full = name if "." in name else f"{service}.{name}"
    if full.split(".", 1)[0] != service:
        raise DataError(f"register.toml: the signal {full!r} is not of {service!r}.", "Name it `service.kind`.")
    refuse_unknown(
        row, ("name", "title", "details", "unit", "system_response", "interval", "example"), f"signal {full!r}"
    )
    return Signal(
        name=full,
        title=require(row, "title", f"signal {full!r}", str),
        details=tuple(row.get("details", ())),
        unit=row.get("unit", ""),
        system_response=typed(row.get("system_response", False), "system_response", f"signal {full!r}", bool),
        interval=typed(row.get("interval", False), "interval", f"signal {full!r}", bool),
    )


def _file(row: Mapping[str, Any], where: str) -> ExtractFile:
    name = require(row, "name", f"a file of {where}", str)
    here = f"file {name!r} of {where}"
    refuse_unknown(row, ("name", "columns", "key", "versions", "record", "optional", "example"), here)
    columns = require(row, "columns", here, dict)
    for column, kind in columns.items():
        one_of(kind, _TYPES, f"the type of column {column!r}", here)
    key, versions = tuple(row.get("key", ())), tuple(row.get("versions", ()))
    for column in (*key, *versions):
        if column not in columns:
            raise DataError(
                f"register.toml: the key {column!r} of {here} is not one of its columns.", "Name one of `columns`."
            )
    return ExtractFile(
        name,
        dict(columns),
        key,
        versions,
        tuple(_record(record, here) for record in row.get("record", ())),
        typed(row.get("optional", False), "optional", here, bool),
    )


def _record(row: Mapping[str, Any], where: str) -> Record:
    kind = one_of(row.get("kind"), tuple(RECORD_FIELDS), "the kind of a record", where)
    required, optional = RECORD_FIELDS[kind]
    here = f"a {kind} record of {where}"
    refuse_unknown(row, required | optional | {"kind", "where", "example"}, here)
    for field in sorted(required):
        require(row, field, here, str)
    fields = {field: typed(value, field, here, str) for field, value in row.items() if field in required | optional}
    return Record(kind, fields, typed(row.get("where", "true"), "where", here, str))
