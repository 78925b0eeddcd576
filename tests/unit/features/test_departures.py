"""Who leaves a list between rankings: a death since it was made, and help that is there already; nobody else."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from charter.contracts.files import write_json
from charter.contracts.workspace import Workspace
from charter.council.council import Council
from charter.invocation import Invocation
from features.departures import find_departures
from features.engines.rows import Event, Feed, Household, Person, Residence, Tables
from tests.conftest import ROOT

AS_OF = date(2026, 3, 2)
LONG_AGO = datetime(2015, 1, 1, tzinfo=UTC)
TAKEN = datetime(2026, 3, 2, tzinfo=UTC)
LISTED = {"home-a": ["ann", "bob"], "home-b": ["cem", "dee"], "home-c": ["eve", "fay"]}


def test_a_death_and_open_help_take_off_and_a_move_does_not(tmp_path: Path) -> None:
    born = [Person(person, date(2015, 5, 5)) for people in LISTED.values() for person in people]
    tables = Tables(
        people=tuple(replace(one, death_date=date(2026, 2, 28)) if one.person_id == "bob" else one for one in born),
        residence=tuple(
            Residence(person, home, LONG_AGO, LONG_AGO) for home, people in LISTED.items() for person in people[:1]
        ),
        households=tuple(Household(home, "home", "E01990001", LONG_AGO, LONG_AGO) for home in LISTED),
        feeds=(Feed("social_care", LONG_AGO, TAKEN, TAKEN),),
        events=(
            Event("e1", "cem", "social_care.child_in_need", TAKEN - timedelta(days=3), TAKEN - timedelta(days=2)),
            Event(
                "e2", "eve", "social_care.child_in_need", TAKEN - timedelta(days=90), TAKEN - timedelta(days=89),
                end_at=TAKEN - timedelta(days=10),
            ),
        ),
    )  # fmt: skip
    workspace = Workspace(tmp_path / "workspace", "early_help")
    tables.write(workspace.store / "one" / "tables")
    manifest = {"snapshot": "one", "taken_at": TAKEN.isoformat(), "synthetic": True, "sources": []}
    write_json(workspace.store / "one" / "manifest.json", {"schema_version": 1, **manifest})
    invocation = Invocation(Council.load(ROOT / "council").serving("early_help"), "early_help", workspace)
    assert find_departures(invocation, "one", AS_OF, LISTED) == {"home-a": "death", "home-b": "already_helped"}
    assert find_departures(invocation, "one", AS_OF, {}) == {}
