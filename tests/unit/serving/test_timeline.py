"""The timeline of a case: by month and service, details only for roles that the register names."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from serving.casework.case.glance import find_newest_change, name_people
from serving.casework.timeline_view import list_entries
from serving.casework.view import CaseFile
from serving.desk import Desk
from serving.ranking.bundle import make_bundle
from serving.ranking.reproduction import reproduce_record
from serving.ranking.sealed_record import ListedPerson, RecordedEvent, SealedRecord, Timeline
from serving.ranking.worklist import rank_households
from serving.store.store import Referral
from tests.unit.serving.client import Client, guarded
from tests.unit.serving.conftest import AS_OF, SERVICES, World
from tests.unit.serving.generated_cases import make_case

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
                      "signals": {"education.suspension": "Suspension", "education.absence": "Absence in a week"},
                      "units": {"education.suspension": "sessions"}, "weekly": ["education.absence"]},
        "social_care": {"title": "Social care", "display": True, "details_to": []},
        "early_help": {"title": "Early help", "display": True, "details_to": ["front_door"],
                       "signals": {"early_help.episode": "Early help"}},
        "housing": {"title": "Housing", "display": True, "confidential": True, "details_to": ["front_door"]},
    }
}  # fmt: skip


def record_of(entries: Sequence[Mapping[str, Any]] | None) -> SealedRecord:
    timeline = None if entries is None else Timeline(12, tuple(RecordedEvent(**entry) for entry in entries))
    return replace(make_case(1).record, timeline=timeline, people=(ListedPerson("ann", 9), ListedPerson("bob", 40)))


def said(role: str, entries: Sequence[Mapping[str, Any]] = ENTRIES) -> list[tuple[str, str, str, str]]:
    listed = list_entries(record_of(entries), MANIFEST, [role], ["Ann", "Bob"])
    return [(entry.when, entry.source, entry.who, entry.what) for entry in listed or ()]


def test_a_role_that_the_register_names_sees_what_and_when_and_others_that_there_was_something() -> None:
    assert said("front_door") == [
        ("14 September 2026", "Schools", "", "Suspension"),
        ("10 September 2026", "Schools", "", "Suspension"),
        ("September 2026", "Social care", "", "something recorded"),
        ("4 May 2026, until 1 August 2026", "Early help", "", "Early help"),
    ]
    assert said("lead_practitioner") == [
        ("September 2026", "Schools", "", "something recorded"),
        ("September 2026", "Social care", "", "something recorded"),
        ("May 2026", "Early help", "", "something recorded"),
    ]


def test_a_thing_is_said_with_its_people_its_amount_and_the_service_s_own_word() -> None:
    """Seen to fail with the amount, the detail, the person and the week each left out."""
    kept = [
        {"service": "education", "signal": "education.suspension", "day": "2026-09-14", "until": None,
         "person": person, "amount": "3.0000", "detail": "fixed_term"}
        for person in ("ann", "bob")
    ]  # fmt: skip
    week = {"service": "education", "signal": "education.absence", "day": "2026-09-07", "until": None, "person": "ann"}
    assert said("front_door", [*kept, week]) == [
        ("14 September 2026", "Schools", "Ann and Bob", "Suspension: 3 sessions, fixed term"),
        ("Week of 7 September 2026", "Schools", "Ann", "Absence in a week"),
    ]
    untold = said("lead_practitioner", [*kept, week])
    assert untold == [("September 2026", "Schools", "", "something recorded")]


def test_a_list_without_a_timeline_says_so() -> None:
    assert list_entries(record_of(None), MANIFEST, ["front_door"], ["Ann", "Bob"]) is None


@pytest.mark.parametrize("role", ["front_door", "lead_practitioner"])
@pytest.mark.parametrize("seed", range(40))
def test_the_newest_change_is_the_first_entry_of_the_timeline_that_a_reason_counts(seed: int, role: str) -> None:
    """Only entries of the newest day are put into words, and it is the entry that all in words would have given.

    Seen to fail with the oldest day in its place, and with what is over counted.
    """
    chance = random.Random(seed)  # noqa: S311  # no secret
    signals = ["education.suspension", "education.absence", "social_care.contact", "early_help.episode"]
    entries = []
    for _ in range(chance.randrange(12)):
        signal = chance.choice(signals)
        days = sorted(f"2026-{chance.randint(1, 3):02}-{chance.randint(1, 4):02}" for _ in range(2))
        until = chance.choice([None, "", days[1]])
        entries.append({"service": signal.split(".")[0], "signal": signal, "day": days[0], "until": until,
                        "person": chance.choice(["ann", "bob", None])})  # fmt: skip
    record = record_of(entries)
    counted = tuple(chance.sample(signals, chance.randrange(3)))
    reasons = tuple(replace(reason, signals=counted) for reason in record.reasons.for_[:1])
    record = replace(record, reasons=replace(record.reasons, for_=reasons))
    referral = Referral(
        record.id, record.programme, record.list, record.team, record.entity, 1, 0.0, "", "list", "", "", "", b"", ""
    )
    file = CaseFile(referral, record, MANIFEST)
    listed = list_entries(record, MANIFEST, [role], name_people(file)) or ()
    signs = {signal for reason in reasons for signal in reason.signals}
    services = {signal.split(".")[0] for signal in signs}
    speaking = [
        entry
        for entry in listed
        if (entry.signal in signs or (not entry.signal and entry.service in services)) and not entry.until
    ]
    assert find_newest_change(file, [role]) == next(iter(speaking or listed), None)


def recorded(
    snapshot: str, as_of: date, months: int, households: Sequence[Sequence[str]]
) -> list[Sequence[Mapping[str, Any]]]:
    assert (snapshot, as_of, months) == ("snapshot1", AS_OF, 24)
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
        assert "September 2026" in pages[who]
    assert "14 September 2026" in pages["demo-front_door"]
    assert "14 September 2026" not in pages["demo-north-lead_practitioner"]
    assert reproduce_record(world.invocation, referral.id, world.matrix, recorded) == referral.sealed
