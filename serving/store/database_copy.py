"""A copy of the casework database as one SQLite file, whichever kind it is of, and back again into either kind.

    SQLite       its own online backup, while others write
    PostgreSQL   every table read in one transaction (REPEATABLE READ): as it stood at one moment, while others write

Tables are read as they are there, so a database of an older form is copied in that form; `sooner upgrade` brings it to
the newest once it is back. A copy goes into an empty database alone, all of it or nothing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, MetaData, Table, create_engine, func, insert, inspect, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.engine.interfaces import IsolationLevel
from sqlalchemy.exc import SQLAlchemyError

from charter.contracts.files import new_file
from charter.errors import DataError
from serving.store.connection import lock_forms, make_form, open_engine, read_form
from serving.store.issued import write_moment

__all__ = ["copy_database", "copy_sqlite", "fill_database", "read_chain_ends", "require_empty"]

_ROWS = 1_000
_FORM = "alembic_version"
_NOT_EMPTY = (
    "the casework database is not empty, and nothing takes the place of what is in one.",
    "Name an empty database in SOONER_DATABASE.",
)


def copy_sqlite(source: Path, copy: Path) -> None:
    """Copy an SQLite database as it stands, writers or not; the copy is one file, its owner's alone."""
    copy.touch(mode=0o600)
    reading = sqlite3.connect(f"file:{source}?mode=ro", uri=True, timeout=30)
    with closing(reading) as now, closing(sqlite3.connect(copy)) as other:
        now.backup(other)
        other.execute("pragma journal_mode = delete")


def copy_database(url: str, copy: Path) -> None:
    """Copy the casework database that `url` names into a new SQLite file.

    Raises DataError where it can't be read, or is none of ours.
    """
    if url.startswith("sqlite"):
        copy_sqlite(Path(str(make_url(url).database)), copy)
        return
    copy.touch(mode=0o600)
    with _opened(url) as engine, _opened(f"sqlite:///{copy}") as into, _reading(engine, "REPEATABLE READ") as source:
        form = read_form(source)
        if form is None:
            raise DataError("the casework database is empty.", "Nothing was issued yet: leave it out.")
        with into.begin() as target:
            make_form(target, form)
            _copy_rows(source, target)
    with closing(sqlite3.connect(copy)) as made:
        made.execute("pragma journal_mode = delete")


def require_empty(url: str) -> None:
    """Raise DataError where a database that a copy is to go into holds anything."""
    if url.startswith("sqlite") and not Path(str(make_url(url).database)).exists():
        return
    with _opened(url) as engine, engine.connect() as connection:
        if read_form(connection) is not None:
            raise DataError(*_NOT_EMPTY)


def fill_database(copy: Path, url: str) -> None:
    """Put a copy into the empty database that `url` names, in one transaction.

    Raises DataError where it is not empty, or can't be written.
    """
    if url.startswith("sqlite"):
        require_empty(url)
        with new_file(Path(str(make_url(url).database))) as beside:
            copy_sqlite(copy, beside)
            with closing(sqlite3.connect(beside)) as made:
                _let_nobody_back_in(lambda statement: made.execute(statement), _list_tables(made))
                made.commit()
        return
    copied = create_engine(f"sqlite:///file:{copy}?mode=ro&uri=true")
    with _opened(url) as engine, _opened(url, copied), copied.connect() as source, engine.begin() as target:
        lock_forms(target)
        if read_form(target) is not None:
            raise DataError(*_NOT_EMPTY)
        make_form(target, read_form(source) or "head")
        _copy_rows(source, target)
        _let_nobody_back_in(lambda statement: target.execute(text(statement)), inspect(target).get_table_names())


def _let_nobody_back_in(run: Callable[[str], object], tables: Collection[str]) -> None:
    """End what lets somebody in: a copy may be from before a session, an invitation or an emergency was ended."""
    now = write_moment()
    ends = {
        "sessions": f"UPDATE sessions SET ended_at = '{now}', ended_why = 'restored' WHERE ended_at = ''",  # noqa: S608  # a moment of ours
        "invitations": f"UPDATE invitations SET ended_at = '{now}' WHERE ended_at = ''",  # noqa: S608  # as above
        "emergencies": f"UPDATE emergencies SET used_at = '{now}' WHERE used_at = ''",  # noqa: S608  # as above
    }
    for table, statement in ends.items():
        if table in tables:
            run(statement)


def _list_tables(made: sqlite3.Connection) -> list[str]:
    return [row[0] for row in made.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]


def read_chain_ends(database: Path) -> dict[str, int]:
    """Return the number of the last entry of each chain of the log in a copy."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        rows = connection.execute("select chain, max(number) from audit group by chain").fetchall()
    return {str(chain): int(number) for chain, number in rows}


@contextmanager
def _reading(engine: Engine, isolation: IsolationLevel) -> Iterator[Connection]:
    with engine.connect().execution_options(isolation_level=isolation) as connection, connection.begin():
        yield connection


@contextmanager
def _opened(url: str, engine: Engine | None = None) -> Iterator[Engine]:
    engine = engine or open_engine(url)
    try:
        yield engine
    except SQLAlchemyError as error:
        cause = type(getattr(error, "orig", error)).__name__
        raise DataError(
            f"the casework database can't be copied ({cause}).", "Check that it runs and that SOONER_DATABASE names it."
        ) from None
    finally:
        engine.dispose()


def _copy_rows(source: Connection, target: Connection) -> None:
    """Copy every row of every table, referenced tables first."""
    there = MetaData()
    there.reflect(source)
    here = MetaData()
    here.reflect(target)
    for table in there.sorted_tables:
        if table.name == _FORM:
            continue
        rows = source.execution_options(yield_per=_ROWS).execute(select(table))
        for lot in rows.mappings().partitions(_ROWS):
            target.execute(insert(here.tables[table.name]), [dict(row) for row in lot])
        if target.dialect.name == "postgresql":
            _continue_numbers(target, here.tables[table.name])


def _continue_numbers(target: Connection, table: Table) -> None:
    """Let a table that numbers its own rows go on after the last that was copied."""
    name = next((column.name for column in table.primary_key if column.server_default is not None), "")
    if not name:
        return
    last = target.execute(select(func.max(table.c[name]))).scalar()
    if last is not None:
        numbers = text("SELECT setval(pg_get_serial_sequence(:table, :column), :last)")
        target.execute(numbers, {"table": table.name, "column": name, "last": last})
