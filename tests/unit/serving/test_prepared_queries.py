"""Queries put to the database's driver answer as SQLAlchemy does, whatever their lists, and fail as it does."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import bindparam, insert, select, text
from sqlalchemy.dialects.postgresql import psycopg
from sqlalchemy.exc import OperationalError, ProgrammingError

from serving.store import connection as asked
from serving.store.connection import PreparedQuery, begin_reading, begin_writing, open_engine, read_together
from serving.store.tables import metadata, papers

_WANTED = (
    select(papers.c.id, papers.c.actor)
    .where(
        papers.c.kind == "draft",
        papers.c.actor != bindparam("actor"),
        papers.c.id.in_(bindparam("papers", expanding=True)),
    )
    .order_by(papers.c.id.desc())
)


@pytest.mark.parametrize("names", [[], ["1"], ["1", "2"], ["3", "1", "2", "no such"], ["' or 1 = 1 --", "1"]])
def test_an_answer_is_the_one_of_sqlalchemy(url: str, names: list[str]) -> None:
    engine = open_engine(url)
    metadata.create_all(engine)
    with begin_writing(engine, noted=False) as connection:
        for name, kind, actor in (
            ("1", "draft", "a"),
            ("2", "draft", "b"),
            ("3", "draft", "me"),
            ("4", "filters", "a"),
        ):
            connection.execute(
                insert(papers),
                {"id": name, "kind": kind, "actor": actor, "referral": "", "at": "", "sealed": b""},
            )
    prepared = PreparedQuery(_WANTED)
    with begin_reading(engine) as connection:
        for asked_for in (names, [*names, "2"], names):
            values = {"actor": "me", "papers": asked_for}
            rows = prepared.ask(connection, values)
            assert [tuple(row) for row in rows] == [tuple(row) for row in connection.execute(_WANTED, values)]
            assert [row.actor for row in rows] == [row[1] for row in rows]
    engine.dispose()


def test_where_the_driver_refuses_the_error_is_the_one_of_everywhere(url: str) -> None:
    engine = open_engine(url)
    metadata.create_all(engine)
    prepared = PreparedQuery(_WANTED)
    with begin_reading(engine) as connection:
        prepared.ask(connection, {"actor": "me", "papers": ["1"]})
        connection.execute(text("DROP TABLE papers"))
        with pytest.raises((OperationalError, ProgrammingError)):
            prepared.ask(connection, {"actor": "me", "papers": ["1"]})
    engine.dispose()


def test_postgresql_gets_its_own_text_and_values_by_name() -> None:
    written = asked._write_question(_WANTED, psycopg.dialect(), {"actor": "me", "papers": ["1", "2"]})
    filled = written.fill({"actor": "you", "papers": ["7", "8"]})
    assert sorted(filled.values()) == ["7", "8", "draft", "you"]
    assert all(f"%({name})s" in written.text for name in filled)


def test_what_is_read_together_within_another_shares_its_connection(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path}/casework.db")
    with read_together(engine), begin_reading(engine) as outer:
        with read_together(engine), begin_reading(engine) as inner:
            assert inner is outer
        assert not outer.closed
