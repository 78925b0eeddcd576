"""The connection to the casework database: SQLite in the workspace, or PostgreSQL where $SOONER_DATABASE names one.

SQLite runs in WAL mode with full synchronisation (a decision that was answered for is on disk), and takes its write
lock when a transaction begins, so that two workers wait for each other instead of failing half-way. Errors of the
database never hold the values of a statement: a note to a family would end up in a log.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Delete, Engine, Select, create_engine, event, inspect, text
from sqlalchemy.engine import Dialect, make_url
from sqlalchemy.exc import ArgumentError, OperationalError

from charter.errors import DataError, UsageError
from serving.store.saving import commit_if_awaited

__all__ = [
    "PreparedQuery",
    "begin_reading",
    "begin_writing",
    "lift_protection",
    "list_forms",
    "lock_forms",
    "make_form",
    "migrate_database",
    "open_engine",
    "read_form",
    "read_together",
    "try_writing",
]

_MIGRATIONS = Path(__file__).parent / "migrations"
_MIGRATION_LOCK = 7_005_001
_PATIENCE = 15
"""Seconds that an act waits for others that write, or for a connection: less than a request may take."""
_READS = "sooner_reads"
"""The option of a connection that only reads."""
_CONNECTING = 5
"""Seconds after which a PostgreSQL server that does not answer counts as down."""
_MOST_WRITTEN = 100
"""Forms of one question that are kept: one for each length of its lists."""


def open_engine(url: str) -> Engine:
    """Return an engine for `url`; raise UsageError for one that is neither SQLite nor PostgreSQL."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise UsageError(
            "$SOONER_DATABASE is not a database URL.", "Write one like postgresql+psycopg://host/name, or unset it."
        ) from None
    if parsed.get_backend_name() == "sqlite":
        engine = create_engine(
            parsed, hide_parameters=True, connect_args={"timeout": _PATIENCE, "check_same_thread": False}
        )
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_immediate)
        return engine
    if parsed.get_backend_name() == "postgresql":
        if parsed.drivername == "postgresql":
            parsed = parsed.set(drivername="postgresql+psycopg")
        query = {"connect_timeout": str(_CONNECTING), **parsed.query}
        return create_engine(
            parsed.set(query=query), hide_parameters=True, pool_size=8, max_overflow=8, pool_pre_ping=True,
            pool_timeout=_PATIENCE,
        )  # fmt: skip
    raise UsageError(
        f"$SOONER_DATABASE names a {parsed.get_backend_name()} database.", "Sooner keeps cases in SQLite or PostgreSQL."
    )


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # The driver's own implicit transactions would begin too late; `_begin_immediate` begins them.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        f"busy_timeout={_PATIENCE * 1000}",
        "recursive_triggers=ON",
        # What is deleted is written over, so that no byte of the file has it any more.
        "secure_delete=ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_immediate(connection: Connection) -> None:
    options = connection.get_execution_options()
    if not options.get(_READS) and options.get("isolation_level") != "AUTOCOMMIT":
        connection.exec_driver_sql("BEGIN IMMEDIATE")


class _Reader:
    """The one connection that a request reads by, while it reads; given back before it writes, and at its end."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._connection: Connection | None = None
        self._reading = 0

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Give the connection; after an error another one is taken, for this one may be broken."""
        if self._connection is None:
            self._connection = _connect_reading(self.engine)
        self._reading += 1
        try:
            yield self._connection
        except BaseException:
            self._reading -= 1
            self.give_back()
            raise
        self._reading -= 1

    def give_back(self) -> None:
        """Give the connection back, unless somebody is just reading by it."""
        if self._connection is not None and not self._reading:
            connection, self._connection = self._connection, None
            connection.close()


_READER: ContextVar[_Reader | None] = ContextVar("reader", default=None)
"""Of the request that is being answered, where it reads together; None elsewhere."""


@contextmanager
def read_together(engine: Engine) -> Iterator[None]:
    """Let all that is read by `begin_reading` within share a connection: a page asks some thirty questions.

    Nothing is one transaction by that: each question sees what is committed when it is asked. At most one connection is
    held at any time: it is given back before anything is written. Within another it is that one.
    """
    around = _READER.get()
    if around is not None and around.engine is engine:
        yield
        return
    reader = _Reader(engine)
    token = _READER.set(reader)
    try:
        yield
    finally:
        _READER.reset(token)
        reader.give_back()


@contextmanager
def begin_writing(engine: Engine, *, noted: bool = True) -> Iterator[Connection]:
    """Give a connection in one transaction; it is committed at the end, or nothing of it happened.

    `noted`: whether whoever asked is told that something was saved (serving.store.saving).
    Raises GivenUpError, and commits nothing, where the request was answered before it came to that.
    """
    reader = _READER.get()
    if reader is not None:
        reader.give_back()
    with engine.connect() as connection, connection.begin() as transaction:
        yield connection
        with commit_if_awaited(noted=noted):
            transaction.commit()


@contextmanager
def begin_reading(engine: Engine) -> Iterator[Connection]:
    """Give a connection for reading that never waits for a writer."""
    reader = _READER.get()
    if reader is not None and reader.engine is engine:
        with reader.read() as connection:
            yield connection
        return
    with _connect_reading(engine) as connection:
        yield connection


def _connect_reading(engine: Engine) -> Connection:
    # SQLite's driver begins no transaction by itself (_prepare_sqlite), so there is no level to set and put back.
    how: Mapping[str, Any] = {_READS: True} if engine.dialect.name == "sqlite" else {"isolation_level": "AUTOCOMMIT"}
    return engine.connect().execution_options(**how)


@dataclass(frozen=True)
class _Written:
    """A question as one kind of database takes it: its text, and each value by name, or by name and place in a list."""

    text: str
    names: Sequence[tuple[str, str, int | None]]
    fixed: Mapping[str, Any]
    by_place: bool

    def fill(self, values: Mapping[str, Any]) -> Any:
        """Return the values as the driver takes them."""
        filled = {
            key: self.fixed[key] if not name else values[name] if place is None else values[name][place]
            for key, name, place in self.names
        }
        return tuple(filled[key] for key, _, _ in self.names) if self.by_place else filled


class PreparedQuery:
    """A question that is asked at each request: written once for each kind of database, and put to its driver itself.

    SQLAlchemy takes several times as long to put a question as SQLite takes to answer it. Values are texts and whole
    numbers, and lists of them for `bindparam(..., expanding=True)`; answers are rows with the columns' names, as the
    driver gives them. Where the driver refuses, SQLAlchemy asks again, so that errors are what they are everywhere.
    """

    def __init__(self, query: Select[Any]) -> None:
        self._query = query
        row = namedtuple("Row", [column.name for column in query.selected_columns], rename=True)  # type: ignore[misc]
        self._make_row: Callable[[Sequence[Any]], Any] = row._make
        self._written: dict[tuple[Any, ...], _Written] = {}

    def ask(self, connection: Connection, values: Mapping[str, Any]) -> list[Any]:
        """Return every row of the answer, in the order of the question."""
        lists = {name: len(value) for name, value in values.items() if isinstance(value, list | tuple)}
        if 0 in lists.values():
            return list(connection.execute(self._query, values))
        key = (connection.dialect.name, *lists.items())
        written = self._written.get(key)
        if written is None:
            if len(self._written) >= _MOST_WRITTEN:
                self._written.clear()
            written = self._written.setdefault(key, _write_question(self._query, connection.dialect, values))
        try:
            cursor = connection.connection.cursor()
            try:
                cursor.execute(written.text, written.fill(values))
                return list(map(self._make_row, cursor.fetchall()))
            finally:
                cursor.close()
        except connection.dialect.loaded_dbapi.Error:
            return list(connection.execute(self._query, values))


def _write_question(query: Select[Any], dialect: Dialect, values: Mapping[str, Any]) -> _Written:
    """Write a question for a kind of database; each of its values is found by a mark that stands in its place."""
    marks: dict[str, tuple[str, int | None]] = {}
    marked: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, list | tuple):
            marked[name] = [f"\0{name}/{place}" for place in range(len(value))]
            marks |= {mark: (name, place) for place, mark in enumerate(marked[name])}
        else:
            marked[name] = f"\0{name}"
            marks[marked[name]] = (name, None)
    compiled: Any = query.compile(dialect=dialect)
    state = compiled.construct_expanded_state(marked)
    given = state.parameters
    keys = state.positiontup if compiled.positional else list(given)
    places = [(key, *marks.get(given[key], ("", None))) for key in keys]
    fixed = {key: given[key] for key, name, _ in places if not name}
    return _Written(state.statement, places, fixed, bool(compiled.positional))


@contextmanager
def lift_protection(connection: Connection, tables: Collection[str], verb: str) -> Iterator[None]:
    """Open tables to whose rows only more can be added to one change, `update` or `delete`, within a transaction."""
    lite = connection.dialect.name == "sqlite"
    triggers = {}
    for table in tables:
        if lite:
            name = f"{table}_no_{verb}"
            query = text("SELECT sql FROM sqlite_master WHERE name = :name")
            triggers[name] = str(connection.execute(query, {"name": name}).scalar_one())
            connection.execute(text(f"DROP TRIGGER {name}"))
        else:
            connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER {table}_only_add"))
    yield
    for trigger in triggers.values():
        connection.execute(text(trigger))
    for table in () if lite else tables:
        connection.execute(text(f"ALTER TABLE {table} ENABLE TRIGGER {table}_only_add"))


def try_writing(engine: Engine, statement: Delete) -> bool:
    """Return whether a statement that changes nothing can be run and rolled back, or somebody else is just writing.

    For a probe: it waits a second for whoever writes, and no longer. Raises what the database raises otherwise.
    """
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        lite = connection.dialect.name == "sqlite"
        try:
            if lite:
                connection.exec_driver_sql("PRAGMA busy_timeout=1000")
            connection.exec_driver_sql("BEGIN IMMEDIATE" if lite else "BEGIN")
            connection.execute(statement)
            connection.exec_driver_sql("ROLLBACK")
        except OperationalError as error:
            if "locked" not in str(error.orig):
                raise
        finally:
            if lite:
                connection.exec_driver_sql(f"PRAGMA busy_timeout={_PATIENCE * 1000}")
    return True


def migrate_database(engine: Engine, *, older: bool = False) -> None:
    """Make the tables of an empty database; with `older`, bring one of an older form to the newest.

    Raises DataError where it can't be reached or is of a newer Sooner, and, without `older`, where it is of an older
    form: `sooner upgrade` makes copies first.
    """
    forms = list_forms()
    try:
        with engine.begin() as connection:
            lock_forms(connection)
            at = read_form(connection)
            if at == forms[-1]:
                return
            if at is not None and at not in forms:
                raise DataError(
                    f"the casework database is of a newer Sooner (its form is {at}, this one knows {forms[-1]}).",
                    "Install the newer Sooner, or name another database with SOONER_DATABASE.",
                )
            if at is not None and not older:
                raise DataError(
                    f"the casework database has the form {at} of an older Sooner (this one's is {forms[-1]}).",
                    "Stop serving, then run `sooner upgrade`: it makes copies first.",
                )
            make_form(connection)
    except OperationalError as error:
        raise DataError(
            f"the casework database can't be opened ({type(error.orig).__name__}).",
            "Check that it runs and that SOONER_DATABASE names it, or unset it to use the workspace's own.",
        ) from None


def list_forms() -> list[str]:
    """Return the forms that this Sooner knows, oldest first."""
    return sorted(path.name.partition("_")[0] for path in _MIGRATIONS.glob("versions/[0-9]*.py"))


def read_form(connection: Connection) -> str | None:
    """Return which form the database has (the number of its newest migration), or None where it is empty."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    version = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return str(version) if version is not None else None


def lock_forms(connection: Connection) -> None:
    """Let no other process change the form of the database until the transaction ends."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})


def make_form(connection: Connection, form: str = "head") -> None:
    """Bring a database to a form (the number of a migration), by default the newest."""
    # Here and not above: a worker that starts on a database of the newest form needs no Alembic, which loads slowly.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, form)
