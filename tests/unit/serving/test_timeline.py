"""The timeline of a case: by month and service, details only for roles that the register names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import pytest

from serving.casework.timeline_view import view_timeline
from serving.desk import Desk
from serving.ranking.bundle import make_bundle
from serving.ranking.reproduction import reproduce_record
from serving.ranking.sealed_record import RecordedEvent, Timeline
from serving.ranking.worklist import rank_households
from tests.unit.serving.client import Client, guarded
from tests.unit.serving.conftest import AS_OF, SERVICES, World

ENTRIES = [
    {"service": "education", "signal": "education.suspension", "day": "2026-09-14", "until": None},
    {"service": "education", "signal": "education.suspension", "day": "2026-09-10", "until": None},
    {"service": "social_care", "signal": "social_care.contact", "day": "2026-09-02", "until": None},
    {"service": "early_help", "signal": "early_help.episode", "day": "2026-05-04", "until": "2026-08-01"},
    {"service": "housing", "signal": "housing.notice", "day": "2026-05-03", "until": None},
]
MANIFEST = {
    "services": {
        "education": {"title": "Schools", "display": True, "details_to": ["front_door"],
                      "signals": {"education.suspension": "Suspension"}},
        "social_care": {"title": "Social care", "display": True, "details_to": []},
        "early_help": {"title": "Early help", "display": True, "details_to": ["front_door"],
                       "signals": {"early_help.episode": "Early help"}},
        "housing": {"title": "Housing", "display": True, "confidential": True, "details_to": ["front_door"]},
    }
}  # fmt: skip


def said(role: str) -> dict[str, dict[str, tuple[str, ...]]]:
    months = view_timeline(Timeline(12, tuple(RecordedEvent(**entry) for entry in ENTRIES)), MANIFEST, [role])
    return {month.title: {one.service: one.details for one in month.recorded} for month in months or ()}


def test_a_role_that_the_register_names_sees_what_and_when_and_others_that_there_was_something() -> None:
    assert said("front_door") == {
        "September 2026": {"Schools": ("Suspension: on 2 days",), "Social care": ()},
        "May 2026": {"Early help": ("Early help: on 4 May 2026, until 1 August 2026",)},
    }
    assert said("lead_practitioner") == {
        "September 2026": {"Schools": (), "Social care": ()},
        "May 2026": {"Early help": ()},
    }


def test_a_list_without_a_timeline_says_so() -> None:
    assert view_timeline(None, MANIFEST, ["front_door"]) is None


def recorded(
    snapshot: str, as_of: date, months: int, households: Sequence[Sequence[str]]
) -> list[Sequence[Mapping[str, Any]]]:
    assert (snapshot, as_of, months) == ("snapshot1", AS_OF, 12)
    return [ENTRIES for _ in households]


@pytest.fixture
def desk(world: World) -> Desk:
    shown = {name: {**one, "details_to": ["front_door"]} for name, one in SERVICES.items()}
    make_bundle(world.invocation, world.release, shown)
    rank_households(world.invocation, world.matrix, AS_OF, timelines=recorded)
    return Desk.open(world.invocation, demo=True)


def test_the_case_page_shows_each_role_its_own_and_the_record_is_made_again(world: World, desk: Desk) -> None:
    referral = desk.store.referrals("early_help", "north-2026-09-28")[0]
    pages = {}
    for who in ("demo-front_door", "demo-north-lead_practitioner"):
        client = Client(guarded(desk))
        client.sign_in(who)
        pages[who] = client.get(f"/cases/{referral.id}").text
        assert "September 2026</h3>" in pages[who]
    assert "on 2 days" in pages["demo-front_door"]
    assert "on 2 days" not in pages["demo-north-lead_practitioner"]
    assert reproduce_record(world.invocation, referral.id, world.matrix, recorded) == referral.sealed
