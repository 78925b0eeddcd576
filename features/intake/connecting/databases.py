"""Rows of a database: PostgreSQL copies them out as CSV, any other that SQLAlchemy opens gives them row by row.

With a `cursor` column only rows above its greatest value so far are asked for. That value is kept in the manifest of
the snapshot that holds the rows: a pull that was killed asks again for what it did not keep.

    query   select id, person_ref, day, balance, changed_at from rents.arrears
    asked   select * from (query) rows where changed_at > '2024-03-01 06:00:00' order by changed_at

Errors of a database may quote its URL or a row: they are not passed on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import sqlalchemy
from sqlalchemy import text
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.pool import NullPool

from charter.council.register import ExtractFile, Source
from charter.errors import DataError, UsageError
from charter.machine.secret import read_secret
from features.intake.opening.text_rows import FetchedRows, write_cell

__all__ = ["DatabaseRows"]

_BATCH = 10_000
_BUFFER = 1 << 20
_TYPES: Mapping[int, str] = {16: "BOOLEAN", 1082: "DATE", 1114: "TIMESTAMP", 1184: "TIMESTAMP"}
"""PostgreSQL's types that are no texts to us, by their numbers."""

Advance = Callable[[int], object]


class DatabaseRows:
    """A database of a source, whose files are queries; `advance` is told how many bytes have come."""

    def __init__(self, source: Source, url_from: str) -> None:
        self._source = source
        secret = read_secret(url_from)
        try:
            self._url: URL = make_url(secret)
            if self._url.drivername in ("postgresql", "postgres"):
                self._url = self._url.set(drivername="postgresql+psycopg")
            self._engine: Engine = sqlalchemy.create_engine(self._url, hide_parameters=True, poolclass=NullPool)
        except (sqlalchemy.exc.SQLAlchemyError, ImportError):
            raise UsageError(
                f"${url_from} holds no URL of a database that can be opened here.",
                "Write dialect://user:password@host/database, and install the dialect's driver.",
            ) from None

    def fetch(self, file: ExtractFile, since: str) -> FetchedRows:
        """Return the rows of a file's query, those above `since` where it has a cursor.

        Raises DataError where the database can't be reached, stops in the middle, or refuses the query.
        """
        try:
            with self._engine.connect() as connection:
                if connection.dialect.name == "postgresql":
                    return self._copy(connection, file, since)
                return self._stream(connection, file, since)
        except (sqlalchemy.exc.SQLAlchemyError, OSError) as error:
            raise self._refusal(file, type(error).__name__) from None
        except Exception as error:
            if type(error).__module__.split(".")[0] not in ("psycopg", "pymysql"):
                raise
            raise self._refusal(file, type(error).__name__) from None

    def _refusal(self, file: ExtractFile, cause: str) -> DataError:
        return DataError(
            f"the database of {self._source.service!r} did not give {file.name} ({cause}).",
            "Check that it runs, that its user may read, and the file's `query` in register.toml. Nothing was pulled.",
        )

    def _ask(self, connection: Connection, file: ExtractFile) -> str:
        query = file.query.strip().rstrip(";")
        if not file.cursor:
            return query
        column = connection.dialect.identifier_preparer.quote(file.cursor)
        return f"select * from ({query}) asked where {column} > :since order by {column}"

    def _copy(self, connection: Connection, file: ExtractFile, since: str) -> FetchedRows:
        """Let PostgreSQL write the rows as CSV: times in UTC, days as ISO 8601."""
        raw: Any = connection.connection.driver_connection
        query = self._ask(connection, file).replace("%", "%%").replace(":since", "%(since)s")
        given = {"since": since or "-infinity"} if file.cursor else None
        with raw.cursor() as cursor:
            cursor.execute("set transaction isolation level repeatable read read only")
            cursor.execute("set timezone = 'UTC'; set datestyle = 'ISO'")
            cursor.execute(f"select * from ({query}) described limit 0", given)
            columns = tuple(column.name for column in cursor.description)
            types = {
                column.name: _TYPES[column.type_code] for column in cursor.description if column.type_code in _TYPES
            }
            rows = FetchedRows(file.name, columns, types, since)
            with cursor.copy(f"copy ({query}) to stdout with (format csv)", given) as copy:
                waiting = bytearray()  # a row comes at a time: they are written together
                for chunk in copy:
                    waiting += chunk
                    if len(waiting) > _BUFFER:
                        rows.write_bytes(bytes(waiting))
                        waiting.clear()
                rows.write_bytes(bytes(waiting))
            rows.rows = max(cursor.rowcount, 0)
            if file.cursor and rows.rows:
                cursor.execute(f'select max("{file.cursor}")::text from ({query}) newest', given)
                rows.cursor = str(cursor.fetchone()[0])
        return rows

    def _stream(self, connection: Connection, file: ExtractFile, since: str) -> FetchedRows:
        """Read the rows one by one; a column's type is that of its values."""
        given = {"since": since or "0001-01-01"} if file.cursor else {}
        result = connection.execution_options(stream_results=True, yield_per=_BATCH).execute(
            text(self._ask(connection, file)), given
        )
        columns = tuple(result.keys())
        kinds: list[set[type]] = [set() for _ in columns]
        newest: list[Any] = [None]
        place = columns.index(file.cursor) if file.cursor else -1
        rows = FetchedRows(file.name, columns, {}, since)
        where = f"{self._source.service}/{file.name}"
        for batch in result.partitions():
            rows.write_rows(_write_batch(batch, kinds, where))
            if place >= 0:
                newest[0] = batch[-1][place]
        rows.types = {name: kind for name, seen in zip(columns, kinds, strict=True) if (kind := _kind_of(seen))}
        if newest[0] is not None:
            rows.cursor = write_cell(newest[0], where)
        return rows


def _write_batch(batch: Sequence[Sequence[Any]], kinds: list[set[type]], where: str) -> Iterator[list[str]]:
    for row in batch:
        for cell, seen in zip(row, kinds, strict=True):
            if cell is not None:
                seen.add(type(cell))
        yield [write_cell(cell, where) for cell in row]


def _kind_of(seen: set[type]) -> str:
    if seen == {datetime}:
        return "TIMESTAMP"
    return "DATE" if seen == {date} else "BOOLEAN" if seen == {bool} else ""
