"""All questions of one page by one connection: each sees what is committed, and none is held while writing."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, event, text
from sqlalchemy.exc import DBAPIError

from serving.store.connection import begin_reading, begin_writing, migrate_database, open_engine, read_together


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    engine = open_engine(url)
    migrate_database(engine)
    with begin_writing(engine) as connection:
        connection.execute(text("CREATE TABLE drops (number INTEGER PRIMARY KEY)"))
    yield engine
    engine.dispose()


@pytest.fixture
def taken(engine: Engine) -> list[str]:
    """Give what is taken from the pool (`out`) and given back (`in`), in order."""
    moves: list[str] = []
    event.listen(engine, "checkout", lambda *_: moves.append("out"))
    event.listen(engine, "checkin", lambda *_: moves.append("in"))
    return moves


def count(engine: Engine) -> int:
    with begin_reading(engine) as connection:
        return int(connection.execute(text("SELECT count(*) FROM drops")).scalar_one())


def add(engine: Engine, number: int) -> None:
    with begin_writing(engine) as connection:
        connection.execute(text("INSERT INTO drops VALUES (:number)"), {"number": number})


def test_thirty_questions_take_one_connection_and_give_it_back(engine: Engine, taken: list[str]) -> None:
    with read_together(engine):
        assert [count(engine) for _ in range(30)] == [0] * 30
    assert taken == ["out", "in"]
    count(engine), count(engine)
    assert taken == ["out", "in"] * 3


def test_at_most_one_is_held_while_something_is_written_and_what_is_written_is_read(
    engine: Engine, taken: list[str]
) -> None:
    """Broken by keeping it: as many requests as the pool has connections would wait for each other for ever."""
    with read_together(engine):
        assert count(engine) == 0
        add(engine, 1)
        assert count(engine) == 1
    assert taken == ["out", "in"] * 3


def test_a_question_sees_what_another_thread_has_committed_meanwhile(engine: Engine) -> None:
    """Broken by one transaction for all of a page: it would show the state at its first question."""
    with read_together(engine):
        assert count(engine) == 0
        other = threading.Thread(target=add, args=(engine, 1))
        other.start()
        other.join()
        assert count(engine) == 1


def test_after_an_error_another_connection_is_taken(engine: Engine, taken: list[str]) -> None:
    with read_together(engine):
        with pytest.raises(DBAPIError), begin_reading(engine) as connection:
            connection.execute(text("SELECT nothing FROM nowhere"))
        assert count(engine) == 0
    assert taken == ["out", "in"] * 2


def test_a_question_within_a_question_is_answered_by_the_same_connection(engine: Engine, taken: list[str]) -> None:
    with read_together(engine), begin_reading(engine) as outer:
        assert count(engine) == 0
        add(engine, 1)
        assert outer.execute(text("SELECT count(*) FROM drops")).scalar_one() == 1
    assert taken.count("out") == 2
    assert taken.count("in") == 2


def test_requests_of_two_threads_share_nothing(engine: Engine, taken: list[str]) -> None:
    def read() -> None:
        with read_together(engine):
            count(engine)

    with read_together(engine):
        count(engine)
        other = threading.Thread(target=read)
        other.start()
        other.join()
    assert taken == ["out", "out", "in", "in"]
