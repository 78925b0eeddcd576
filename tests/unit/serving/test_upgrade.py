"""Upgrading: the plan changes nothing, the change keeps a copy, and what doesn't read is said first."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing

import pytest
from sqlalchemy import text

from charter.errors import DataError
from serving.database import connect, database_url, form, forms, migrate, reading, writing
from serving.upgrade import planned, upgraded
from serving.worklist import rank
from tests.unit.serving.conftest import AS_OF, ROOT, World


@pytest.fixture
def ranked(world: World) -> World:
    for name in ("charter.toml", "register.toml"):
        shutil.copy(ROOT / "council" / name, world.invocation.council.folder / name)
    rank(world.invocation, world.matrix, AS_OF)
    return world


def test_the_newest_form_needs_nothing(ranked: World) -> None:
    steps = planned(ranked.invocation)
    assert [step.now == step.then for step in steps] == [True, True, True]
    assert steps[0].sentence == f"Casework database: form {forms()[-1]}."
    assert upgraded(ranked.invocation) is None


def test_before_the_first_list_there_is_no_database_and_none_is_made(world: World) -> None:
    for name in ("charter.toml", "register.toml"):
        shutil.copy(ROOT / "council" / name, world.invocation.council.folder / name)
    assert planned(world.invocation)[0].sentence == "Casework database: none yet."
    assert not world.workspace.casework.exists()


def test_an_older_form_is_copied_and_brought_up(ranked: World) -> None:
    """An empty database with Alembic's table alone stands for the form before the first."""
    path = ranked.workspace.casework
    for one in path.parent.glob("casework.db*"):
        one.unlink()
    with closing(sqlite3.connect(path)) as old, old:
        old.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
        old.execute("CREATE TABLE kept (word TEXT)")
        old.execute("INSERT INTO kept VALUES ('before')")
    engine = connect(database_url(ranked.workspace))
    migrate(engine)
    with reading(engine) as connection:
        assert form(connection) == forms()[-1]
        assert connection.execute(text("SELECT word FROM kept")).scalar() == "before"


def test_a_database_of_a_newer_sooner_is_refused_and_its_copy_is_whole(ranked: World) -> None:
    with writing(connect(database_url(ranked.workspace))) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    assert planned(ranked.invocation)[0].sentence == f"Casework database: form 9999 -> form {forms()[-1]}."
    with pytest.raises(DataError, match="newer Sooner"):
        upgraded(ranked.invocation)
    (copy,) = (ranked.workspace.root / "backup").glob("casework-*.db")
    with closing(sqlite3.connect(copy)) as kept:
        assert kept.execute("SELECT count(*) FROM lists").fetchone() == (4,)


def test_a_bundle_that_does_not_serve_is_said_before_anything_is_done(ranked: World) -> None:
    folder = ranked.workspace.bundle / (ranked.workspace.bundle / "current").read_text().strip()
    (folder / "model.lgb").write_text("half a model")
    with pytest.raises(DataError, match="not the one that was promoted"):
        planned(ranked.invocation)
