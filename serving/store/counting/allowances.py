"""How often somebody did a thing in a minute or a day, for limits: one row each, for all workers together."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, Engine, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from serving.store.connection import begin_reading, begin_writing
from serving.store.tables import allowances, readings

__all__ = ["DAY", "MINUTE", "Allowances"]

MINUTE, DAY = "%Y-%m-%dT%H:%M", "%Y-%m-%d"
"""The spans that are counted in, of the zone that the moment is given in; UTC where none is given."""

_KEPT = timedelta(days=90)
_READINGS_KEPT = timedelta(days=2)


class _TooManyError(Exception):
    """Ends a transaction, so that what is one too many leaves nothing."""


class Allowances:
    """The counts of one database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._kind = postgresql if engine.dialect.name == "postgresql" else sqlite

    def count(self, what: str, who: str, span: str, now: datetime | None = None, *, times: int = 1) -> int:
        """Count so many more, and return how many that makes in this minute or day."""
        moment = now or datetime.now(UTC)
        with begin_writing(self._engine, noted=False) as connection:
            return self._add(connection, what, who, moment.strftime(span), moment, times)

    def count_subject(self, what: str, who: str, subject: str, most: int, now: datetime) -> int | None:
        """Count something that somebody asks for, once in a day; return how many different ones that makes.

        None where it would be more than `most`: then nothing is counted, so that asking again is refused again.
        """
        day = now.strftime(DAY)
        row = {"day": day, "what": what, "who": who[:64], "subject": subject[:64]}
        is_same = [readings.c[name] == value for name, value in row.items()]
        with begin_reading(self._engine) as connection:
            if connection.execute(select(readings.c.day).where(*is_same)).one_or_none() is not None:
                return self.read(what, who, DAY, now)
        try:
            with begin_writing(self._engine, noted=False) as connection:
                return self._count_new(connection, row, most, now)
        except _TooManyError:
            # Another process may have counted the same just now.
            with begin_reading(self._engine) as connection:
                known = connection.execute(select(readings.c.day).where(*is_same)).one_or_none() is not None
            return self.read(what, who, DAY, now) if known else None

    def _count_new(self, connection: Connection, row: Mapping[str, str], most: int, now: datetime) -> int:
        """Count what was not asked for before; raise _TooManyError where it is too many, or somebody was quicker."""
        # The count first: its row is what two processes wait for each other at.
        number = self._add(connection, row["what"], row["who"], row["day"], now, 1)
        adding = self._kind.insert(readings).values(dict(row)).on_conflict_do_nothing().returning(readings.c.day)
        if connection.execute(adding).one_or_none() is None or number > most:
            raise _TooManyError
        if number == 1:
            connection.execute(delete(readings).where(readings.c.day < (now - _READINGS_KEPT).strftime(DAY)))
        return number

    def read(self, what: str, who: str, span: str, now: datetime | None = None) -> int:
        """Return how many there were in this minute or day."""
        at = (now or datetime.now(UTC)).strftime(span)
        wanted = select(allowances.c.count).where(
            allowances.c.what == what, allowances.c.who == who[:64], allowances.c.span == at
        )
        with begin_reading(self._engine) as connection:
            return int(connection.execute(wanted).scalar() or 0)

    def _add(self, connection: Connection, what: str, who: str, span: str, moment: datetime, times: int) -> int:
        values = {"what": what, "who": who[:64], "span": span, "count": times}
        upsert = (
            self._kind.insert(allowances)
            .values(values)
            .on_conflict_do_update(
                index_elements=["what", "who", "span"], set_={"count": allowances.c.count + times}
            )
            .returning(allowances.c.count)
        )  # fmt: skip
        count = int(connection.execute(upsert).scalar_one())
        if count == times:
            old = (moment - _KEPT).strftime(DAY)
            connection.execute(delete(allowances).where(allowances.c.what == what, allowances.c.span < old))
        return count
