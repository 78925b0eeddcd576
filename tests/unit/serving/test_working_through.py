"""Working through a list: what waits comes first, a decision can be taken back, and nothing typed is lost."""

from __future__ import annotations

import re
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import create_engine, select, text, update
from sqlalchemy.exc import DatabaseError

from charter.council.worklist_settings import OwnView
from charter.errors import UsageError
from serving.casework.working.queue import read_queue
from serving.desk import Desk
from serving.forget import forget
from serving.identity import Identity
from serving.session import COOKIE
from serving.store.connection import begin_reading, list_forms, read_together
from serving.store.papers import DRAFT
from serving.store.store import DecisionDraft, write_moment
from serving.store.tables import decisions, lists, papers, sessions, undone
from tests.unit.serving.client import Client, guarded, signed_in
from tests.unit.serving.conftest import World

LEAD, COLLEAGUE, DOOR = "demo-north-lead_practitioner", "demo-north-team_manager", "demo-front_door"
WORKER = Identity(LEAD, "lead_practitioner", frozenset({"north"}))


@pytest.fixture
def desk(desk: Desk) -> Desk:
    return replace(desk, settings=desk.settings.replace(own_view=OwnView(one_in=0)))


@pytest.fixture
def lead(desk: Desk) -> Client:
    return signed_in(desk, LEAD)


def cases_of(desk: Desk, team: str = "north") -> list[str]:
    return [referral.id for referral in desk.store.referrals("early_help", f"{team}-2026-09-28")]


def end_by_time(world: World) -> None:
    """Let the time of every session be over."""
    with create_engine(f"sqlite:///{world.workspace.casework}").begin() as connection:
        connection.execute(update(sessions).values(ends_at=write_moment(datetime.now(UTC) - timedelta(minutes=1))))


def file_form(client: Client, case: str, choice: str, **fields: str) -> str:
    """Send a choice's form, and return where it leads."""
    hidden = client.form_of(f"/cases/{case}/decide/{choice}", f"/cases/{case}/decision")
    return client.post(f"/cases/{case}/decision", {**hidden, **fields}).headers["location"]


def shown_ids(client: Client, path: str = "/worklists/north") -> list[str]:
    page = client.get(path).text.partition('<ol class="sooner-list">')[2].partition("</ol>")[0]
    return re.findall(r'<h2[^>]*><a class="govuk-link" href="/cases/([0-9a-f]+)">', page)


def test_what_waits_comes_first_and_the_page_says_how_many_are_decided(lead: Client, desk: Desk) -> None:
    first, second, *_ = cases_of(desk)
    assert shown_ids(lead) == cases_of(desk)
    page = lead.get(file_form(lead, first, "set_aside", reason="set_aside:no_need_found")).text
    assert "Recorded: Set aside." in page
    assert f'href="/cases/{second}">Next case: ' in page
    assert shown_ids(lead) == [*cases_of(desk)[1:], first]
    assert "1 of 8 decided." in lead.get("/worklists/north").text


def test_a_decision_is_taken_back_by_whoever_made_it_for_five_minutes(lead: Client, desk: Desk, world: World) -> None:
    """Seen to fail with the five minutes, the actor and the case's version each left out of `can_undo`."""
    case = cases_of(desk)[0]
    page = lead.get(file_form(lead, case, "set_aside", reason="set_aside:no_need_found")).text
    assert f'action="/cases/{case}/undo"' in page
    colleague = Identity(COLLEAGUE, "team_manager", frozenset({"north"}))
    assert desk.store.can_undo(colleague, case) is None
    assert desk.store.can_undo(WORKER, case, datetime.now(UTC) + timedelta(minutes=6)) is None
    with pytest.raises(UsageError, match="5 minutes"):
        desk.store.undo(colleague, case)
    hidden = lead.form_of(f"/cases/{case}?done=decided", f"/cases/{case}/undo")
    done = lead.post(f"/cases/{case}/undo", hidden).headers["location"]
    assert "Taken back. The case is as it was before." in lead.get(done).text
    referral = desk.store.referral(case)
    assert referral is not None
    assert (referral.status, desk.store.decisions(case)) == ("new", [])
    assert desk.store.actions("early_help") == []
    assert desk.store.last_dispositions(datetime.now(UTC) - timedelta(days=1)) == []
    actions = [entry.action for entry in desk.store.entries() if entry.subject == case]
    assert {"referral.decided", "referral.undone"} <= set(actions)
    engine = create_engine(f"sqlite:///{world.workspace.casework}")
    with pytest.raises(DatabaseError, match="only be added"), engine.begin() as connection:
        connection.execute(undone.delete())
    assert "/undo" not in lead.get(f"/cases/{case}").text
    # Deciding again works, and the form that was taken back files nothing when it is sent once more.
    assert "done=decided" in file_form(lead, case, "set_aside", reason="set_aside:no_need_found")


def test_a_made_up_address_claims_nothing(lead: Client, desk: Desk) -> None:
    case = cases_of(desk)[0]
    for code in ("decided", "undone", "picked", "moved", "answered"):
        assert "govuk-notification-banner" not in lead.get(f"/cases/{case}?done={code}").text


def test_a_deferred_case_returns_on_its_day_even_when_its_list_has_ended(
    lead: Client, desk: Desk, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    case, *others = cases_of(desk)
    day = desk.today() + timedelta(days=7)
    assert "done=decided" in file_form(lead, case, "deferred", reason="deferred:capacity", until=day.isoformat())
    assert shown_ids(lead) == [*others, case]
    queue = read_queue(desk, WORKER, desk.invocation.council.teams[0])
    assert len(queue.waiting) == 7
    monkeypatch.setattr(Desk, "today", lambda _self: day)
    queue = read_queue(desk, WORKER, desk.invocation.council.teams[0])
    assert [referral.id for referral in queue.waiting] == [case, *others]
    assert "back today" in lead.get("/worklists/north").text
    # A newer list that does not hold it: it stands beside that list's own.
    engine = create_engine(f"sqlite:///{world.workspace.casework}")
    with engine.begin() as connection:
        row = dict(connection.execute(select(lists).where(lists.c.team == "north")).one()._mapping)
        connection.execute(lists.insert(), {**row, "id": "north-2026-10-05", "as_of": "2026-10-05"})
    queue = read_queue(desk, WORKER, desk.invocation.council.teams[0])
    assert [referral.id for referral in queue.waiting] == [case]


def test_what_was_typed_is_kept_when_a_session_ends_a_colleague_is_quicker_or_one_goes_away(
    lead: Client, desk: Desk, world: World
) -> None:
    """Seen to fail with each of the three places that keep a draft taken away."""
    kept, conflicting, late, *_ = cases_of(desk)
    assert file_form(lead, kept, "set_aside", note="First words.", act="keep") == f"/cases/{kept}?done=kept"
    assert "First words." in lead.get(f"/cases/{kept}/decide/set_aside").text
    assert "(begun)" in lead.get(f"/cases/{kept}").text
    assert "Typed and not sent" in lead.get("/my-cases").text
    hidden = lead.form_of(f"/cases/{conflicting}/decide/set_aside", f"/cases/{conflicting}/decision")
    other = signed_in(desk, COLLEAGUE)
    assert "done=decided" in file_form(other, conflicting, "set_aside", reason="set_aside:no_need_found")
    fields = {**hidden, "reason": "set_aside:no_need_found", "note": "Second words."}
    assert "Second words." in lead.get(lead.post(f"/cases/{conflicting}/decision", fields).headers["location"]).text
    hidden = lead.form_of(f"/cases/{late}/decide/set_aside", f"/cases/{late}/decision")
    end_by_time(world)
    answer = lead.post(f"/cases/{late}/decision", {**hidden, "note": "Third words."})
    assert answer.headers["location"] == "/sign-in?ended=kept"
    assert "What you typed is kept" in lead.get("/sign-in?ended=kept").text
    forged = lead.post(f"/cases/{late}/decision", {**hidden, "form_token": "0" * 64, "note": "Forged."})
    assert forged.headers["location"] == "/sign-in?ended=lost"
    assert not desk.store.decisions(late)
    lead.sign_in(LEAD)
    assert "Third words." in lead.get(f"/cases/{late}/decide/set_aside").text
    # Sealed, one person's own, and gone with the case.
    raw = world.workspace.casework.read_bytes()
    assert not [words for words in (b"First words", b"Second words", b"Third words") if words in raw]
    assert "Third words." not in signed_in(desk, COLLEAGUE).get(f"/cases/{late}/decide/set_aside").text
    assert forget(desk.store.members(late)[:1], world.workspace) == 1
    assert desk.papers.read(DRAFT, LEAD, f"{late}/set_aside") is None


def test_filters_are_kept_until_they_are_cleared_and_a_name_finds_its_case(lead: Client, desk: Desk) -> None:
    reference = f"{cases_of(desk)[3][:4]}-{cases_of(desk)[3][4:8]}"
    assert shown_ids(lead, f"/worklists/north?q={reference.lower()}") == [cases_of(desk)[3]]
    assert shown_ids(lead) == [cases_of(desk)[3]]
    assert len(shown_ids(signed_in(desk, COLLEAGUE))) == 8
    assert len(shown_ids(lead, "/worklists/north?clear=1")) == 8
    assert len(shown_ids(lead)) == 8
    youngest = shown_ids(lead, "/worklists/north?sort=youngest")
    ages = [min(person.age or 0 for person in record.people)
            for case in youngest for record in [desk.record(desk.store.touched(id=case)[0])]]  # fmt: skip
    assert ages == sorted(ages)


def test_colleagues_see_who_has_a_case_in_hand_or_open(lead: Client, desk: Desk) -> None:
    first, second, *_ = cases_of(desk)
    lead.post(f"/cases/{first}/pick", lead.form_of(f"/cases/{first}", f"/cases/{first}/pick"))
    lead.get(f"/cases/{second}")
    other = signed_in(desk, COLLEAGUE)
    page = other.get("/worklists/north").text
    assert "In hand: Lead practitioner" in page
    assert "Open now: Lead practitioner" in page
    assert "Open by somebody else too: Lead practitioner" in other.get(f"/cases/{second}").text
    assert f"/cases/{first}" in lead.get("/my-cases").text.partition("Looked at last")[0]
    lead.post(f"/cases/{first}/pick", lead.form_of(f"/cases/{first}", f"/cases/{first}/pick"))
    assert "In hand" not in other.get("/worklists/north").text


def test_the_front_door_has_one_list_of_all_teams_a_page_at_a_time(desk: Desk) -> None:
    door = signed_in(desk, DOOR)
    assert len(shown_ids(door, "/worklists")) == 25
    assert len(shown_ids(door, "/worklists?page=2")) == 7
    assert "0 of 32 decided." in door.get("/worklists").text
    assert signed_in(desk, LEAD).get("/").headers["location"] == "/worklists/north"


def test_a_later_draft_of_the_same_choice_takes_the_place_of_the_earlier(desk: Desk, world: World) -> None:
    for words in ("one", "two"):
        desk.papers.keep(DRAFT, LEAD, "case/set_aside", {"note": words}, referral="case")
    paper = desk.papers.read(DRAFT, LEAD, "case/set_aside")
    assert paper is not None
    assert paper.fields == {"note": "two"}
    engine = create_engine(f"sqlite:///{world.workspace.casework}")
    with engine.begin() as connection:
        connection.execute(update(papers).values(sealed=b"altered"))
    assert desk.papers.read(DRAFT, LEAD, "case/set_aside") is None


def test_a_decision_s_day_is_in_the_database_and_an_older_form_has_none(desk: Desk, world: World) -> None:
    case = cases_of(desk)[0]
    until = (desk.today() + timedelta(days=3)).isoformat()
    desk.store.decide(WORKER, case, DecisionDraft("deferred", "capacity", 1, until=until))
    engine = create_engine(f"sqlite:///{world.workspace.casework}")
    with engine.begin() as connection:
        assert connection.execute(select(decisions.c.until)).scalars().all() == [until]
        assert connection.execute(text("select version_num from alembic_version")).scalar() == list_forms()[-1]
    assert desk.store.due_days([case]) == {case: until}


def test_a_session_that_ended_lets_nobody_in(lead: Client, desk: Desk, world: World) -> None:
    end_by_time(world)
    assert lead.get(f"/cases/{cases_of(desk)[0]}").headers["location"] == "/sign-in"
    assert COOKIE in lead.cookies
    assert guarded(desk) is not None


def test_who_else_has_a_case_open_is_asked_of_that_case_and_not_of_the_whole_log(desk: Desk) -> None:
    """Fails without the index: with 100,000 entries a case page took 320 ms of the processor, and takes 59 with it."""
    case = desk.store.referrals("early_help", "north-2026-09-28")[0].id
    asked: list[str] = []
    identity = Identity("demo-north-lead_practitioner", "lead_practitioner", frozenset({"north"}))
    with read_together(desk.store._engine), begin_reading(desk.store._engine) as connection:
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        driver.set_trace_callback(asked.append)
        assert desk.store.opened_by_others(identity, [case]) == {}
        driver.set_trace_callback(None)
    (query,) = (text for text in asked if "audit" in text)
    with sqlite3.connect(desk.invocation.workspace.casework) as database:
        plan = str(database.execute(f"EXPLAIN QUERY PLAN {query}").fetchall())
    assert "ix_audit_subject_action" in plan, plan
