"""The canonical tables as rows in memory, for the reference engine and for explanations. Small data only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from features.engines.question import EPOCH
from features.grammar.signal import AMOUNT_SCALE
from features.permission import Choice

__all__ = ["KINDS", "Coverage", "Event", "Feed", "Household", "Person", "Residence", "Tables", "read_choices"]


@dataclass(frozen=True)
class Event:
    """A row of `events`; `amount` in ten-thousandths."""

    event_id: str
    person_id: str
    signal: str
    valid_at: datetime
    known_at: datetime
    end_at: datetime | None = None
    known_until: datetime | None = None
    amount: int | None = None
    detail: str | None = None


@dataclass(frozen=True)
class Person:
    """A row of `people`."""

    person_id: str
    birth_date: date | None = None
    death_date: date | None = None


@dataclass(frozen=True)
class Residence:
    """A row of `residence`."""

    person_id: str
    household_id: str
    start: datetime
    known_at: datetime
    end: datetime | None = None
    known_until: datetime | None = None


@dataclass(frozen=True)
class Household:
    """A row of `households`."""

    household_id: str
    kind: str
    area: str
    start: datetime
    known_at: datetime
    end: datetime | None = None


@dataclass(frozen=True)
class Feed:
    """A row of `feeds`."""

    service: str
    covers_from: datetime
    covers_to: datetime
    received_at: datetime


@dataclass(frozen=True)
class Coverage:
    """A row of `coverage`."""

    person_id: str
    service: str
    start: datetime
    known_at: datetime
    end: datetime | None = None
    known_until: datetime | None = None


@dataclass(frozen=True)
class Tables:
    """All canonical tables that features may read; `protected` is not among them."""

    events: tuple[Event, ...] = ()
    people: tuple[Person, ...] = ()
    residence: tuple[Residence, ...] = ()
    households: tuple[Household, ...] = ()
    permission: tuple[Choice, ...] = ()
    feeds: tuple[Feed, ...] = ()
    coverage: tuple[Coverage, ...] = ()

    @classmethod
    def read(cls, folder: Path, people: Sequence[str] | None = None) -> Tables:
        """Read `folder/TABLE.parquet` of every table that is there; a missing table has no rows.

        With `people`, only the rows about them, and those that say since when a service or a table was known at all.
        """
        return cls(
            **{name: tuple(_read_rows(folder / f"{name}.parquet", kind, people)) for name, kind in KINDS.items()}
        )

    def write(self, folder: Path) -> None:
        """Write each table that has rows to `folder/TABLE.parquet`, as link does."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        folder.mkdir(parents=True, exist_ok=True)
        for name, kind in KINDS.items():
            rows = getattr(self, name)
            types = {f.name: _arrow_type(f.name, str(f.type)) for f in fields(kind)}
            columns = {field: [_store_value(field, getattr(row, field)) for row in rows] for field in types}
            if rows:
                schema = pa.schema(list(types.items()))
                pq.write_table(pa.table(columns, schema=schema), folder / f"{name}.parquet")


KINDS: Mapping[str, type] = {
    "events": Event,
    "people": Person,
    "residence": Residence,
    "households": Household,
    "permission": Choice,
    "feeds": Feed,
    "coverage": Coverage,
}
"""The class of a row, by table."""


def read_choices(folder: Path) -> dict[str, list[Choice]]:
    """Return what each person said about the use of their data, by pseudonym; nobody without that table."""
    by_person: dict[str, list[Choice]] = {}
    for choice in _read_rows(folder / "permission.parquet", Choice, None):
        by_person.setdefault(choice.person_id, []).append(choice)
    return by_person


def _read_rows(path: Path, kind: type, people: Sequence[str] | None) -> Iterable[Any]:
    if not path.exists():
        return
    import duckdb

    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        names = [field.name for field in fields(kind)]
        columns = [_select_column(field.name, str(field.type)) for field in fields(kind)]
        where = _ABOUT.get(path.stem, "true") if people is not None else "true"
        sql = f"SELECT {', '.join(columns)} FROM read_parquet($path) WHERE {where}"
        parameters: dict[str, Any] = {"path": str(path)}
        if "$people" in where:
            parameters["people"] = list(people or ())
        for values in connection.execute(sql, parameters).fetchall():
            yield kind(**dict(zip(names, map(_read_value, columns, values), strict=True)))


# Which rows are about some people. Besides theirs: the first known row of coverage, and each service's events that
# were the earliest when they became known, because "since when was it known at all" is asked of all rows.
_ABOUT = {
    "events": "list_contains($people, person_id) OR event_id IN (SELECT event_id FROM read_parquet($path) "
    "WHERE (split_part(signal, '.', 1), known_at, valid_at) IN (SELECT (service, known_at, valid_at) FROM "
    "(SELECT *, min(valid_at) OVER (PARTITION BY service ORDER BY known_at) AS earliest FROM "
    "(SELECT split_part(signal, '.', 1) AS service, known_at, min(valid_at) AS valid_at FROM read_parquet($path) "
    "GROUP BY ALL)) WHERE valid_at = earliest))",
    "people": "list_contains($people, person_id)",
    "residence": "list_contains($people, person_id)",
    "permission": "list_contains($people, person_id)",
    "coverage": "list_contains($people, person_id) OR (service, known_at) IN "
    "(SELECT (service, min(known_at)) FROM read_parquet($path) GROUP BY service)",
}


def _select_column(name: str, annotation: str) -> str:
    """Return a column as whole numbers where it is a time or an amount."""
    if annotation.startswith("datetime"):
        return f'epoch_us("{name}")'
    return f'("{name}"::DECIMAL(18,4) * {AMOUNT_SCALE})::BIGINT' if name == "amount" else f'"{name}"'


def _arrow_type(name: str, annotation: str) -> Any:
    import pyarrow as pa

    if name == "amount":
        return pa.decimal128(18, 4)
    if annotation.startswith("datetime"):
        return pa.timestamp("us", tz="UTC")
    return pa.date32() if annotation.startswith("date") else pa.string()


def _store_value(name: str, value: Any) -> Any:
    return Decimal(value) / AMOUNT_SCALE if name == "amount" and value is not None else value


def _read_value(column: str, value: Any) -> Any:
    if value is not None and column.startswith("epoch_us"):
        return EPOCH + timedelta(microseconds=value)
    return value
