"""After help: asked once, read by no list, and a team's look back hides what is of few."""

from __future__ import annotations

from dataclasses import replace

import pytest

from charter.council.worklist_settings import OwnView
from charter.errors import SoonerError
from serving.desk import Desk
from serving.identity import Identity
from serving.store.help_answers import HelpAnswer
from serving.store.store import ConflictError
from tests.unit.serving.client import Client, signed_in

LEAD, SOUTH = "demo-north-lead_practitioner", "demo-south-lead_practitioner"
WHO = Identity(LEAD, "lead_practitioner", frozenset({"north"}))
GIVEN = {"taken": "yes", "ended": "finished", "went": "better", "step_down": "enough", "words": "We sleep again."}


@pytest.fixture
def desk(desk: Desk) -> Desk:
    return replace(desk, settings=desk.settings.replace(own_view=OwnView(one_in=0)))


def cases_of(desk: Desk) -> list[str]:
    return [referral.id for referral in desk.store.referrals("early_help", "north-2026-09-28")]


def take_up(client: Client, case: str) -> None:
    action = f"/cases/{case}/decision"
    hidden = client.form_of(f"/cases/{case}/decide/taken_up", action)
    client.post(action, {**hidden, "reason": "taken_up:need_confirmed", "safe": "yes"})


def test_what_became_of_help_is_asked_once_and_closes_the_case(desk: Desk) -> None:
    """Seen to fail with the case left open, and with a second answer taken."""
    client, case = signed_in(desk, LEAD), cases_of(desk)[0]
    path = f"/cases/{case}/after"
    assert client.get(path).status_code == 404, "help was not offered yet"
    take_up(client, case)
    assert case in client.get("/my-cases").text.partition("Looked at last")[0]
    hidden = client.form_of(path, path)
    back = client.post(path, {**hidden, **GIVEN, "went": ""})
    assert back.headers["location"].endswith("problem=1")
    page = client.get(back.headers["location"]).text
    assert "Answer: How are things for them now" in page
    assert "We sleep again." in page, "nothing typed is lost"
    before = desk.store.actions("early_help")
    answer = client.post(path, {**hidden, **GIVEN})
    page = client.get(answer.headers["location"]).text
    assert "no list reads the answers" in page
    assert "Better, they say" in page
    assert client.get(path).status_code == 404
    assert client.post(path, {**hidden, **GIVEN}).status_code == 409
    assert case not in client.get("/my-cases").text.partition("Looked at last")[0]
    assert desk.store.actions("early_help") == before, "what other rooms read is as it was"


def test_words_lie_sealed(desk: Desk) -> None:
    case = cases_of(desk)[0]
    desk.store.keep_help_answer(WHO, HelpAnswer(case, **GIVEN, role="", at=""))
    assert b"We sleep again" not in desk.invocation.workspace.casework.read_bytes()
    with pytest.raises(ConflictError):
        desk.store.keep_help_answer(WHO, HelpAnswer(case, **GIVEN, role="", at=""))
    with pytest.raises(SoonerError, match="Answer all four"):
        desk.store.keep_help_answer(WHO, HelpAnswer(cases_of(desk)[1], **{**GIVEN, "went": "?"}, role="", at=""))


def test_a_team_looks_back_and_few_are_not_counted(desk: Desk) -> None:
    """Seen to fail with the smallest number taken out."""
    client = signed_in(desk, LEAD)
    for number, case in enumerate(cases_of(desk)[:5]):
        if number == 4:
            page = client.get("/look-back/north").text
            assert "fewer than 5" in page
            assert "We sleep again" not in page
        went = "same" if number == 0 else "better"
        desk.store.keep_help_answer(WHO, HelpAnswer(case, **{**GIVEN, "went": went}, role="", at=""))
    page = client.get("/look-back/north").text
    assert "We sleep again." in page
    assert page.count("fewer than 5") == 2, "one said the same, four said better: neither is counted"
    assert signed_in(desk, SOUTH).get("/look-back/north").status_code == 403
