"""How often somebody did a thing in a minute or a day, upsert for limits: one row each, for all workers together."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from serving.store.connection import begin_reading, begin_writing
from serving.store.tables import allowances

__all__ = ["DAY", "MINUTE", "Allowances"]

MINUTE, DAY = "%Y-%m-%dT%H:%M", "%Y-%m-%d"
"""The spans that are upsert in, UTC."""

_KEPT = timedelta(days=90)


class Allowances:
    """The counts of one database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def count(self, what: str, who: str, span: str, now: datetime | None = None) -> int:
        """Count one more, and return how many that makes in this minute or day."""
        moment = now or datetime.now(UTC)
        values = {"what": what, "who": who[:64], "span": moment.strftime(span), "count": 1}
        kind = postgresql if self._engine.dialect.name == "postgresql" else sqlite
        row_insert = kind.insert(allowances).values(values)
        upsert = row_insert.on_conflict_do_update(
            index_elements=["what", "who", "span"], set_={"count": allowances.c.count + 1}
        ).returning(allowances.c.count)
        with begin_writing(self._engine, noted=False) as connection:
            count = int(connection.execute(upsert).scalar_one())
            if count == 1:
                old = (moment - _KEPT).strftime(DAY)
                connection.execute(delete(allowances).where(allowances.c.what == what, allowances.c.span < old))
        return count

    def read(self, what: str, who: str, span: str, now: datetime | None = None) -> int:
        """Return how many there were in this minute or day."""
        at = (now or datetime.now(UTC)).strftime(span)
        wanted = select(allowances.c.count).where(
            allowances.c.what == what, allowances.c.who == who[:64], allowances.c.span == at
        )
        with begin_reading(self._engine) as connection:
            return int(connection.execute(wanted).scalar() or 0)
