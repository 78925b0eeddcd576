"""What the case page may show of services' records: known then, permitted then and now, and of no confidential feed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from charter.contracts.files import write_json
from charter.contracts.workspace import Workspace
from charter.council.council import Council
from charter.invocation import Invocation
from features.engines.rows import Event, Tables
from features.permission import Choice
from features.timeline import list_timelines
from tests.conftest import ROOT

AS_OF = date(2026, 3, 2)
TAKEN = datetime(2026, 6, 1, tzinfo=UTC)
Given = Callable[..., list[list[dict[str, str | None]]]]


@pytest.fixture
def given(tmp_path: Path) -> Given:
    """Put rows into a snapshot, and ask for the timelines of two households: of ann and bob, and of cem."""

    def asked(
        events: list[Event], choices: list[Choice] | None = None, folder: Path = ROOT / "council"
    ) -> list[list[dict[str, str | None]]]:
        workspace = Workspace(tmp_path / "workspace", "early_help")
        manifest = {"snapshot": "s1", "taken_at": TAKEN.isoformat(), "synthetic": True, "sources": []}
        write_json(workspace.store / "s1" / "manifest.json", {"schema_version": 1, **manifest})
        Tables(events=tuple(events), permission=tuple(choices or ())).write(workspace.store / "s1" / "tables")
        invocation = Invocation(Council.load(folder).serving("early_help"), "early_help", workspace)
        return list_timelines(invocation, "s1", AS_OF, 12, [["ann", "bob"], ["cem"]])

    return asked


def event(person: str, signal: str, days: int, *, known: int | None = None, end: int | None = None) -> Event:
    """Return an event so many days before the as-of date, known a day later."""
    t = Council.load(ROOT / "council").midnight(AS_OF)
    ended = None if end is None else t - timedelta(days=end)
    known_at = t - timedelta(days=days - 1 if known is None else known)
    return Event(f"{person}/{signal}/{days}", person, signal, t - timedelta(days=days), known_at=known_at, end_at=ended)


def test_days_of_what_was_known_newest_first(given: Given) -> None:
    found = given(
        [
            replace(event("ann", "housing.arrears_stage", 40), amount=4125000, detail="letter"),
            event("bob", "education.suspension", 3),
            event("bob", "education.suspension", 2, known=-1),
            event("ann", "housing.arrears_stage", 400),
            event("cem", "early_help.episode", 500, end=10),
        ]
    )
    bare = {"amount": None, "detail": None}
    assert found == [
        [
            {"service": "education", "signal": "education.suspension", "day": "2026-02-27", "until": None,
             "person": "bob", **bare},
            {"service": "housing", "signal": "housing.arrears_stage", "day": "2026-01-21", "until": None,
             "person": "ann", "amount": "412.5000", "detail": "letter"},
        ],
        [{"service": "early_help", "signal": "early_help.episode", "day": "2024-10-18", "until": "2026-02-20",
          "person": "cem", **bare}],
    ]  # fmt: skip


def test_confidential_and_undisplayed_feeds_are_never_there(given: Given, tmp_path: Path) -> None:
    events = [event("ann", "youth_justice.disposal", 5), event("ann", "hospital.emergency_admission", 5)]
    (ann, _) = given(events)
    assert [row["signal"] for row in ann] == ["youth_justice.disposal"]
    shutil.copytree(ROOT / "council", tmp_path / "council")
    head, row = (tmp_path / "council/register.toml").read_text(encoding="utf-8").split('service = "youth_justice"')
    row = row.replace("confidential_from_household = false", "confidential_from_household = true", 1)
    (tmp_path / "council/register.toml").write_text(f'{head}service = "youth_justice"{row}', encoding="utf-8")
    assert given(events, folder=tmp_path / "council") == [[], []]


@pytest.mark.parametrize("days", [30, -30])
def test_who_objects_is_left_out_whether_before_the_list_or_since(given: Given, days: int) -> None:
    t = Council.load(ROOT / "council").midnight(AS_OF)
    said = t - timedelta(days=days)
    objection = Choice("ann", "*", "*", "objection", "received", said, None, None, said - timedelta(days=1), None)
    found = given([event("ann", "education.suspension", 5), event("bob", "education.suspension", 5)], [objection])
    assert len(found[0]) == 1
