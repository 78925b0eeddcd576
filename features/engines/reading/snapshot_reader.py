"""DuckDB reads a snapshot's tables and folds them to whole numbers; from here on there are no strings and no nulls.

Persons, households, areas and details become codes in the order of their texts; times microseconds; amounts
ten-thousandths; "no such time" and "no amount" the ends of int64.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import duckdb
import numpy as np
from numpy.typing import NDArray

from charter.contracts.matrix import ID_BYTES
from charter.errors import DataError
from features.engines.compiled.kernel_plan import LARGEST
from features.grammar.signal import Signal
from features.progress_bar import stop_progress_bar

__all__ = ["Codes", "Columns", "Store"]

Columns = Mapping[str, NDArray[Any]]

# What a missing table looks like, by the columns the engine reads.
_EMPTY = {
    "events": "event_id VARCHAR, person_id VARCHAR, signal VARCHAR, valid_at TIMESTAMP, end_at TIMESTAMP, "
    "known_at TIMESTAMP, known_until TIMESTAMP, amount DECIMAL(18,4), detail VARCHAR",
    "people": "person_id VARCHAR, birth_date DATE, death_date DATE",
    "residence": "person_id VARCHAR, household_id VARCHAR, start TIMESTAMP, \"end\" TIMESTAMP, "
    "known_at TIMESTAMP, known_until TIMESTAMP",
    "households": "household_id VARCHAR, kind VARCHAR, area VARCHAR, start TIMESTAMP, \"end\" TIMESTAMP, "
    "known_at TIMESTAMP",
    "permission": "person_id VARCHAR, service VARCHAR, purpose VARCHAR, kind VARCHAR, status VARCHAR, "
    "start TIMESTAMP, \"end\" TIMESTAMP, decided_by VARCHAR, known_at TIMESTAMP, known_until TIMESTAMP",
    "feeds": "service VARCHAR, covers_from TIMESTAMP, covers_to TIMESTAMP, received_at TIMESTAMP",
    "coverage": "person_id VARCHAR, service VARCHAR, start TIMESTAMP, \"end\" TIMESTAMP, known_at TIMESTAMP, "
    "known_until TIMESTAMP",
}  # fmt: skip


@dataclass(frozen=True)
class Codes:
    """The texts behind the codes, ascending."""

    people: NDArray[np.bytes_]
    households: NDArray[np.bytes_]


class Store:
    """A snapshot's tables, opened for one build; close it, or use it in a `with` block."""

    def __init__(self, tables: Path, *, threads: int = 2, entity: str = "household") -> None:
        self.tables, self.threads = tables, threads
        self.connection = duckdb.connect(config={"threads": threads})
        self.connection.execute("SET TimeZone = 'UTC'")
        stop_progress_bar(self.connection)
        for name, columns in _EMPTY.items():
            path = tables / f"{name}.parquet"
            if path.exists():
                source = str(path).replace("'", "''")
                self.connection.execute(f"CREATE VIEW {name} AS SELECT * FROM read_parquet('{source}')")
            else:
                self.connection.execute(f"CREATE TEMP TABLE {name} ({columns})")
        self._make_codes(entity)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.connection.close()

    def columns(self, sql: str, parameters: Sequence[Any] = ()) -> Columns:
        """Run a query and return its columns as arrays; it must return no nulls."""
        arrays = self.connection.execute(sql, list(parameters)).fetchnumpy()
        return {name: np.ma.getdata(values) for name, values in arrays.items()}

    def _make_codes(self, entity: str) -> None:
        self.entity = entity
        people = "SELECT person_id FROM residence"
        if entity == "person":
            people += " UNION SELECT person_id FROM events"
        for table, column, ids in (("whole_person", "person_id", people), ("whole_home", "household_id", "residence")):
            source = f"({ids})" if ids.startswith("SELECT") else ids
            self.connection.execute(f"""
                CREATE TEMP TABLE {table} AS SELECT {column}, row_number() OVER (ORDER BY {column}) - 1 AS place,
                    count(*) OVER () AS whole FROM (SELECT DISTINCT {column} FROM {source})""")  # our own words

    @property
    def event_rows(self) -> int:
        """How many rows the table `events` has."""
        return int(self.connection.execute("SELECT count(*) FROM events").fetchall()[0][0])

    def take(self, part: int, parts: int) -> Codes:
        """Code the entities of one of `parts` equal ranges of ids, and the people they may concern; return the ids.

        Everything read from now on is about them alone, save what is asked of a whole table.
        """
        slice_of = f"WHERE place * {parts} // whole = {part}"
        home, person = ("", slice_of) if self.entity == "person" else (slice_of, "")
        if not person and parts > 1:
            person = (
                "WHERE person_id IN (SELECT person_id FROM residence JOIN whole_home USING (household_id) "
                f"{slice_of.replace('place', 'whole_home.place')})"
            )
        for table, column, where in (("home", "household_id", home), ("person", "person_id", person)):
            self.connection.execute(f"""
                CREATE OR REPLACE TEMP TABLE {table} AS
                SELECT {column}, (row_number() OVER (ORDER BY {column}) - 1)::INT AS code
                FROM whole_{table} {where if parts > 1 else ""}""")  # our own words and numbers
        return self.codes()

    def codes(self) -> Codes:
        """Return the ids behind the codes; raise DataError for one that is longer than the matrix holds."""
        ids = []
        for table, column in (("person", "person_id"), ("home", "household_id")):
            longest = self.connection.execute(f"SELECT coalesce(max(strlen({column})), 0) FROM {table}").fetchall()[0][
                0
            ]  # our own words
            if longest > ID_BYTES:
                raise DataError(
                    f"an id in the column {column} has {longest} bytes; the matrix holds {ID_BYTES}.",
                    "Use shorter ids.",
                )
            rows = self.connection.execute(f"SELECT {column} FROM {table} ORDER BY code").fetchall()  # the same
            ids.append(np.array([row[0].encode() for row in rows], dtype=f"S{ID_BYTES}"))
        return Codes(*ids)

    def rank_event_ids(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the place of each event's id among theirs, by its bytes, of the events at some places of the file."""
        import pyarrow.compute as pc

        self.connection.register("wanted", {"place": rows, "number": np.arange(len(rows))})
        ids = self.connection.sql(
            "SELECT event_id FROM wanted JOIN read_parquet(?, file_row_number = true) ON file_row_number = place "
            "ORDER BY number",
            params=[str(self.tables / "events.parquet")],
        ).to_arrow_table()
        self.connection.unregister("wanted")
        return np.asarray(pc.rank(ids["event_id"], tiebreaker="dense")).astype(np.int64)

    def _make_code_table(self, table: str, column: str, values: Sequence[str], first: int = 0) -> None:
        self.connection.execute(
            f"CREATE OR REPLACE TEMP TABLE {table} AS "  # our own words
            f"SELECT unnest(?::VARCHAR[]) AS {column}, generate_subscripts(?::VARCHAR[], 1)::INT - {1 - first} AS code",
            [list(values), list(values)],
        )

    def outcome_events(self, conditions: Sequence[str], now: int) -> Columns:
        """Return the standing events of the outcome; `conditions` are SQL, one per component, in order."""
        parts = [
            f"SELECT person.code AS person, {place}::INT AS component, epoch_us(valid_at) AS valid, "
            f"epoch_us(known_at) AS known FROM events JOIN person USING (person_id) WHERE {condition} "
            f"AND epoch_us(known_at) < {now} AND (known_until IS NULL OR epoch_us(known_until) >= {now})"
            for place, condition in enumerate(conditions)
        ]
        return self.columns(" UNION ALL ".join(parts))

    def reporting_lag(self, conditions: Sequence[str], taken_at: int) -> float:
        """Return the 95th percentile (nearest rank) of known minus valid, in days, over first versions."""
        where = " OR ".join(f"({condition})" for condition in conditions)
        lags = self.connection.execute(
            f"""
            WITH lags AS (
                SELECT arg_min(epoch_us(known_at) - epoch_us(valid_at), known_at) AS lag FROM events
                WHERE ({where}) AND epoch_us(known_at) <= {taken_at} GROUP BY event_id),
            ranked AS (SELECT lag, row_number() OVER (ORDER BY lag) AS place, count(*) OVER () AS n FROM lags)
            SELECT lag FROM ranked WHERE place = (95 * n + 99) // 100"""  # our own words and numbers
        ).fetchall()
        return float(lags[0][0]) / 86_400_000_000 if lags else 0.0

    def residence(self) -> Columns:
        """Return who lived where, coded."""
        return self.columns(f"""
            SELECT home.code AS household, person.code AS person, epoch_us(start) AS start,
                coalesce(epoch_us("end"), {LARGEST}) AS ended, epoch_us(known_at) AS known,
                coalesce(epoch_us(known_until), {LARGEST}) AS until
            FROM residence JOIN home USING (household_id) JOIN person USING (person_id)""")  # numbers

    def first_known(self) -> NDArray[np.int64]:
        """Return when each coded person was first known of at all, by an event or an address."""
        return np.asarray(
            self.columns("""
            SELECT min(epoch_us(known_at)) AS known FROM person JOIN (
                SELECT person_id, known_at FROM events UNION ALL SELECT person_id, known_at FROM residence
            ) USING (person_id) GROUP BY code ORDER BY code""")["known"]
        )

    def births(self) -> Columns:
        """Return birth and death of each coded person as yyyymmdd; 0 is not recorded."""
        return self.columns("""
            SELECT coalesce(max(strftime(birth_date::DATE, '%Y%m%d')::INT), 0) AS birth,
                coalesce(max(strftime(death_date::DATE, '%Y%m%d')::INT), 0) AS death
            FROM person LEFT JOIN people USING (person_id) GROUP BY code ORDER BY code""")

    def homes(self) -> tuple[Columns, list[str], int]:
        """Return the rows of `households` in order, the areas by code (0 is unknown), and when the first was known."""
        area_rows = self.connection.execute(
            "SELECT DISTINCT area FROM households WHERE area <> '' ORDER BY 1"
        ).fetchall()
        areas = ["", *(row[0] for row in area_rows)]
        self._make_code_table("district", "area", areas)
        rows = self.columns(f"""
            SELECT home.code AS household, (kind = 'home')::INT AS kind, coalesce(district.code, 0) AS area,
                epoch_us(start) AS start, coalesce(epoch_us("end"), {LARGEST}) AS ended, epoch_us(known_at) AS known
            FROM households JOIN home USING (household_id) LEFT JOIN district USING (area)
            ORDER BY household, start, known""")  # numbers
        first = self.connection.execute(
            f"SELECT coalesce(min(epoch_us(known_at)), {LARGEST}) FROM households"
        ).fetchall()  # numbers
        return rows, areas, first[0][0]

    def choices(self, purpose: str, services: Sequence[str]) -> Columns:
        """Return the choices about `purpose`, ordered for folding; service -1 is all of them."""
        self._make_code_table("asked", "service", services)
        return self.columns(
            f"""
            SELECT person.code AS person, CASE permission.service WHEN '*' THEN -1 ELSE asked.code END::INT AS service,
                CASE kind WHEN 'consent' THEN 0 WHEN 'refusal' THEN 1 ELSE 2 END AS kind,
                dense_rank() OVER (ORDER BY person_id, permission.service, purpose, kind) AS key,
                (CASE WHEN kind = 'consent' THEN status = 'overruled'
                    ELSE status <> 'overruled' OR coalesce(decided_by, '') = '' END)::INT AS forbids,
                epoch_us(start) AS start, coalesce(epoch_us("end"), {LARGEST}) AS ended, epoch_us(known_at) AS known,
                coalesce(epoch_us(known_until), {LARGEST}) AS until
            FROM permission JOIN person USING (person_id) LEFT JOIN asked USING (service)
            WHERE purpose IN (?, '*') AND (permission.service = '*' OR asked.code IS NOT NULL)
            ORDER BY key, start, known, forbids""",  # numbers
            [purpose],
        )

    def coverage(self, service: str) -> Columns:
        """Return whom a service could have seen, ordered by person and start; `person` -1 is nobody we know."""
        return self.columns(
            f"""
            SELECT coalesce(person.code, -1) AS person, epoch_us(start) AS start,
                coalesce(epoch_us("end"), {LARGEST}) AS ended, epoch_us(known_at) AS known,
                coalesce(epoch_us(known_until), {LARGEST}) AS until
            FROM coverage LEFT JOIN person USING (person_id) WHERE service = ?
            ORDER BY person, start""",  # numbers
            [service],
        )

    def feeds(self) -> dict[str, list[tuple[int, int, int]]]:
        """Return (covers_from, covers_to, received_at) of every delivery, by service."""
        deliveries: dict[str, list[tuple[int, int, int]]] = {}
        for service, *times in self.connection.execute(
            "SELECT service, epoch_us(covers_from), epoch_us(covers_to), epoch_us(received_at) FROM feeds"
        ).fetchall():
            deliveries.setdefault(service, []).append((times[0], times[1], times[2]))
        return deliveries

    def first_events(self, service: str, times: Sequence[int]) -> list[int]:
        """Return, for each of `times`, when the first event of a service known before it happened; LARGEST if none."""
        return [
            int(
                self.connection.execute(
                    f"SELECT coalesce(min(epoch_us(valid_at)), {LARGEST}) FROM events "  # numbers
                    "WHERE starts_with(signal, ?) AND epoch_us(known_at) < ?",
                    [f"{service}.", int(time)],
                ).fetchall()[0][0]
            )
            for time in times
        ]

    def own_days(self, signal: str) -> Columns:
        """Return the events of one signal as (person, valid, known, until), for rows at each entity's own date."""
        return self.columns(
            f"""
            SELECT person.code AS person, epoch_us(valid_at) AS valid, epoch_us(known_at) AS known,
                coalesce(epoch_us(known_until), {LARGEST}) AS until
            FROM events JOIN person USING (person_id) WHERE signal = ?""",  # numbers
            [signal],
        )

    def own_ends(self, signal: Signal) -> Columns:
        """Return the events of one signal as (person, valid, ended, known, until), for each entity's own horizon."""
        details = "" if not signal.details else "AND list_contains(?, detail)"
        return self.columns(
            f"""
            SELECT person.code AS person, epoch_us(valid_at) AS valid, coalesce(epoch_us(end_at), {LARGEST}) AS ended,
                epoch_us(known_at) AS known, coalesce(epoch_us(known_until), {LARGEST}) AS until
            FROM events JOIN person USING (person_id) WHERE signal = ? {details}""",  # numbers and a condition of ours
            [signal.name, *([list(signal.details)] if signal.details else [])],
        )
