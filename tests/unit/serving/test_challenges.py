"""A household's challenge reaches the reviewer, and a person answers it; nothing else does."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from charter.council.worklist_settings import OwnView
from charter.errors import DataError, UsageError
from charter.vault.vault import Vault
from serving.desk import Desk
from serving.forget import forget
from serving.ranking.worklist import rank_households
from serving.store.challenges import PAPER, Challenge, file_challenge
from serving.store.leaving.own_record import gather_record
from tests.unit.serving.client import Client, guarded
from tests.unit.serving.conftest import AS_OF, World

LEAD = "demo-north-lead_practitioner"
WORDS = "We paid in March <b>already</b>."


@pytest.fixture
def desk(world: World) -> Desk:
    rank_households(world.invocation, world.matrix, AS_OF)
    opened = Desk.open(world.invocation, demo=True)
    Vault.open(world.workspace.vault, opened.key)
    return replace(opened, settings=opened.settings.replace(own_view=OwnView(one_in=0)))


def first(desk: Desk) -> tuple[str, str]:
    """Return a referral of the north team and one of its people."""
    case = desk.store.referrals("early_help", "north-2026-09-28")[0].id
    return case, desk.store.members(case)[0]


def challenge(desk: Desk, person: str, about: str = "wrong_data", words: str = WORDS) -> tuple[Challenge, ...]:
    return file_challenge(
        desk.invocation, person, ["a" * 32], about=about, words=words, by="parent", role="resident_desk"
    )


def page(client: Client, case: str) -> str:
    answer = client.get(f"/cases/{case}")
    assert answer.status_code == 200
    return answer.text


def test_the_reviewer_reads_it_on_the_case_and_answers_it_once(desk: Desk) -> None:
    case, person = first(desk)
    client = Client(guarded(desk))
    client.sign_in(LEAD)
    assert "challenges this referral" not in page(client, case)
    (filed,) = challenge(desk, person)
    shown = page(client, case)
    assert "Something recorded is wrong" in shown
    assert "We paid in March &lt;b&gt;already" in shown
    hidden = client.form_of(f"/cases/{case}", f"/cases/{case}/challenge")
    assert hidden["challenge"] == filed.id
    without_words = client.post(f"/cases/{case}/challenge", {**hidden, "outcome": "upheld", "answer": " "})
    assert without_words.status_code == 400
    fields = {**hidden, "outcome": "upheld", "answer": "You are right: it was paid."}
    assert client.post(f"/cases/{case}/challenge", fields).status_code == 303
    shown = page(client, case)
    assert "They are right." in shown
    assert "it was paid. (Lead practitioner" in shown
    assert f'action="/cases/{case}/challenge"' not in shown
    assert client.post(f"/cases/{case}/challenge", fields).status_code == 403


def test_only_a_reviewer_of_the_team_may_answer(desk: Desk) -> None:
    case, person = first(desk)
    (filed,) = challenge(desk, person)
    for who, form_of in (("demo-east-lead_practitioner", "/worklists/east"), ("demo-board", "/board")):
        client = Client(guarded(desk))
        client.sign_in(who)
        fields = client.form_of(form_of, "/sign-out")
        refused = client.post(
            f"/cases/{case}/challenge", {**fields, "challenge": filed.id, "outcome": "upheld", "answer": "Yes."}
        )
        assert refused.status_code == 403, who


def test_the_words_are_sealed_and_the_log_holds_that_there_were_some(desk: Desk) -> None:
    case, person = first(desk)
    (filed,) = challenge(desk, person)
    entry = next(one for one in desk.store.entries() if one.action == "challenge.filed")
    assert (entry.subject, entry.role, entry.detail["challenge"]) == (case, "resident_desk", filed.id)
    for path in desk.invocation.workspace.root.rglob("*"):
        if path.is_file():
            assert b"in March" not in path.read_bytes(), path
    paper = json.loads(desk.vault.papers(PAPER)[filed.id])
    assert (paper["words"], paper["outcome"]) == (WORDS, "")


def test_what_cannot_be_challenged_is_said(desk: Desk) -> None:
    _, person = first(desk)
    with pytest.raises(UsageError, match="nothing that a challenge is about"):
        challenge(desk, person, about="gossip")
    with pytest.raises(UsageError, match="1 to 1000 characters"):
        challenge(desk, person, words=" ")
    with pytest.raises(DataError, match="no referral of this person's household stands"):
        challenge(desk, "f" * 32)
    forget([person], desk.invocation.workspace)
    with pytest.raises(DataError, match="no referral"):
        challenge(desk, person)


def test_a_resident_is_told_the_lists_and_who_looked(desk: Desk) -> None:
    case, person = first(desk)
    client = Client(guarded(desk))
    client.sign_in(LEAD)
    page(client, case)
    told = gather_record([person], desk.invocation.workspace)
    (listed,) = told["lists"]
    assert (listed["referral"], listed["team"], listed["status"]) == (case, "north", "new")
    assert not {"rank", "margin", "band", "sealed"} & set(listed)
    assert [(one["role"], one["action"]) for one in told["seen_by"]] == [
        ("system", "list.issued"),
        ("lead_practitioner", "identify"),
        ("lead_practitioner", "referral.viewed"),
    ]
    other = desk.store.referrals("early_help", "north-2026-09-28")[-1].id
    (issued,) = gather_record([desk.store.members(other)[0]], desk.invocation.workspace)["seen_by"]
    assert issued["action"] == "list.issued"
