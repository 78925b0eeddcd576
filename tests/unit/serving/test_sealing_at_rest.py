"""What an older Sooner left unsealed: its words are sealed once, read back with the key alone, and stay as filed."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, select, update
from sqlalchemy.exc import DatabaseError

from charter.errors import CharterError
from serving.store.connection import begin_reading, begin_writing
from serving.store.sealing_at_rest import Seals, name_note, name_record, seal_old_rows
from serving.store.store import DecisionDraft, Store
from serving.store.tables import decisions, referrals
from tests.unit.serving.test_store import WORKER, engine, issue  # noqa: F401 - a fixture

NOTE = "rings after six"


def read_filed(engine: Engine) -> tuple[str, bytes]:  # noqa: F811 - the fixture's name
    """Return the note and the record as they lie in the database."""
    with begin_reading(engine) as connection:
        note = connection.execute(select(decisions.c.note).where(decisions.c.note != "")).scalar_one()
        return note, connection.execute(select(referrals.c.sealed)).scalar_one()


def test_old_notes_and_records_are_sealed_and_decisions_stay_closed(engine: Engine) -> None:  # noqa: F811
    """Broken by a key that is left out, by a rule against changes that is not put back, by sealing twice."""
    store = Store(engine)
    issue(store)
    store.decide(WORKER, "r0", DecisionDraft("deferred", "capacity", 1, note=NOTE))
    (filed,) = store.decisions("r0")
    seals = Seals(b"k" * 32)
    with begin_writing(engine) as connection:
        seal_old_rows(connection, seals)
    note, record = read_filed(engine)
    assert NOTE not in note
    assert record != b"{}"
    with begin_writing(engine) as connection:
        seal_old_rows(connection, seals)
    assert read_filed(engine) == (note, record)
    assert seals.unseal_text(name_note("r0", filed.version), note) == NOTE
    assert seals.unseal_bytes(name_record("r0"), record) == b"{}"
    with pytest.raises(CharterError, match="another key"):
        Seals(b"x" * 32).unseal_text(name_note("r0", filed.version), note)
    with pytest.raises(DatabaseError), begin_writing(engine) as connection:
        connection.execute(update(decisions).values(note="changed"))
    assert read_filed(engine)[0] == note
