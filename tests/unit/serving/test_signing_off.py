"""Signing on the board's page: the very bytes that were read, by the roles that must; a refusal stops a promotion."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from charter.contracts.files import file_digest, set_current, write_json
from charter.errors import ReferredError, SignOffError
from charter.rules.policy import Policy
from charter.signing.acceptance import Signable, sign_as
from charter.signing.members_words import BEGIN, END
from charter.signing.signoffs import read_signoffs, require_signoffs
from serving.desk import Desk
from serving.identity import Identity
from serving.session import COOKIE, Beginning
from tests.unit.serving.client import Client, guarded, signed_in
from tests.unit.serving.conftest import World

PATH = "/board/decisions/test"


@pytest.fixture
def audit(world: World) -> Path:
    """Leave an audit whose decision refers to the board, as `sooner decide` does, with the charter signed."""
    council = world.invocation.council.folder
    policy = Policy.load(council / "charter.toml")
    folder = world.workspace.audit / "run1"
    write_json(folder / "findings.json", {"findings": []})
    (folder / "report.html").write_text("<!doctype html><title>Pack</title><h1>Pack</h1>", encoding="utf-8")
    write_json(
        folder / "decision.json",
        {
            "schema_version": 1, "programme": "early_help", "run": "run1", "decision": "refer",
            "sentence": "Too little data to say.", "charter_sha256": policy.sha256,
            "findings_sha256": file_digest(folder / "findings.json"), "decided_at": "2026-09-28T09:00:00+00:00",
            "verdicts": [],
        },
    )  # fmt: skip
    set_current(world.workspace.audit, "run1")
    for role in policy.signers("charter"):
        sign_as(world.invocation, role.id, Signable("charter"), demo=True)
    return folder


@pytest.fixture
def desk(world: World, audit: Path) -> Desk:
    assert audit.exists()
    return Desk.open(world.invocation, demo=True)


def says(client: Client, answer: str, **fields: str) -> int:
    hidden = client.form_of("/board", PATH)
    return client.post(PATH, {**hidden, "says": answer, **fields}).status_code


def test_two_roles_accept_on_the_page_and_the_door_opens(world: World, desk: Desk, audit: Path) -> None:
    with pytest.raises(ReferredError):
        require_signoffs(world.invocation, audit, synthetic=True)
    sro, cdo = signed_in(desk, "demo-senior_responsible_owner"), signed_in(desk, "demo-chief_data_officer")
    assert says(sro, "accept") == 400
    assert says(sro, "accept", read="yes") == 303
    assert "typed in a demonstration" in sro.get("/board").text
    assert says(cdo, "accept", read="yes") == 303
    assert require_signoffs(world.invocation, audit, synthetic=True)["decision"] == "refer"
    with pytest.raises(SignOffError):
        require_signoffs(world.invocation, audit, synthetic=False)
    assert {one.kind for one in read_signoffs(audit / "signoffs.toml")} == {"demo"}
    signed = [entry for entry in desk.store.entries() if entry.action == "decision.accepted"]
    assert [entry.role for entry in signed] == ["senior_responsible_owner", "chief_data_officer"]
    assert {entry.subject for entry in signed} == {file_digest(audit / "decision.json")}


def test_a_refusal_ends_the_roles_own_sign_off_and_stops_a_promotion(world: World, desk: Desk, audit: Path) -> None:
    sro, cdo = signed_in(desk, "demo-senior_responsible_owner"), signed_in(desk, "demo-chief_data_officer")
    for client in (sro, cdo):
        assert says(client, "accept", read="yes") == 303
    assert says(sro, "refuse") == 400
    assert says(sro, "refuse", reason="The hospital feed is half empty.") == 303
    assert "The hospital feed is half empty." in cdo.get("/board").text
    with pytest.raises(SignOffError, match="The hospital feed is half empty"):
        require_signoffs(world.invocation, audit, synthetic=True)
    assert [one.role for one in read_signoffs(audit / "signoffs.toml")] == ["chief_data_officer"]
    assert says(sro, "accept", read="yes") == 303
    assert require_signoffs(world.invocation, audit, synthetic=True)["run"] == "run1"


def test_a_decision_that_changed_since_it_was_read_is_not_signed(desk: Desk, audit: Path) -> None:
    sro = signed_in(desk, "demo-senior_responsible_owner")
    hidden = sro.form_of("/board", PATH)
    path = audit / "decision.json"
    path.write_text(path.read_text(encoding="utf-8").replace("Too little", "Much too little"), encoding="utf-8")
    assert sro.post(PATH, {**hidden, "says": "accept", "read": "yes"}).status_code == 409
    assert read_signoffs(audit / "signoffs.toml") == ()


def test_a_blocked_decision_offers_nothing_to_accept(desk: Desk, audit: Path) -> None:
    sro = signed_in(desk, "demo-senior_responsible_owner")
    hidden = sro.form_of("/board", PATH)
    path = audit / "decision.json"
    path.write_text(path.read_text(encoding="utf-8").replace('"refer"', '"block"'), encoding="utf-8")
    assert f'action="{PATH}"' not in sro.get("/board").text
    forged = {**hidden, "decision": file_digest(path), "says": "accept", "read": "yes"}
    assert sro.post(PATH, forged).status_code == 400
    assert read_signoffs(audit / "signoffs.toml") == ()


def test_only_roles_that_sign_are_asked_and_on_real_data_none_on_a_page(desk: Desk) -> None:
    for who in ("demo-board", "demo-data_protection_officer"):
        page = signed_in(desk, who).get("/board").text
        assert "Too little data to say." in page
        assert f'action="{PATH}"' not in page
    sro = signed_in(desk, "demo-senior_responsible_owner")
    hidden = sro.form_of("/board", PATH)
    real = replace(desk, demo=False)
    closed = Client(guarded(real))
    owner = Identity("u-1", "senior_responsible_owner", frozenset())
    token = real.sessions.begin(owner, Beginning(way="emergency"))
    closed.cookies.set(COOKIE, token, domain="127.0.0.1")
    assert "sooner sign --what decision" in closed.get("/board").text
    session = real.sessions.read(token)
    assert session is not None
    hidden = {**hidden, "form_token": session.form_token}
    assert closed.post(PATH, {**hidden, "says": "accept", "read": "yes"}).status_code == 403
    worker = signed_in(desk, "demo-north-lead_practitioner")
    assert worker.post(PATH, {**hidden, "says": "accept", "read": "yes"}).status_code == 403


WORDS = "/board/words/test"
MARKS = f"{BEGIN}{END}"


def test_a_member_speaks_with_what_they_read_and_it_stands_in_page_log_and_pack(desk: Desk, audit: Path) -> None:
    """Without JavaScript. Broken by words without what was read, by markup in them, or by a pack without them."""
    (audit / "report.html").write_text(f"<title>Pack</title>{MARKS}<!-- way back -->", encoding="utf-8")
    member = signed_in(desk, "demo-board")
    hidden = member.form_of("/board", WORDS)
    said = {"says": "against", "words": "Too few <b>Black</b> families to tell."}
    assert member.post(WORDS, hidden | said).status_code == 400
    assert member.post(WORDS, hidden | said | {"says": "maybe", "read-paper": "yes"}).status_code == 400
    assert not (audit / "members.json").exists()
    assert member.post(WORDS, hidden | said | {"read-paper": "yes", "read-annex": "yes"}).status_code == 303
    assert member.post(WORDS, hidden | {"says": "question", "words": "Why?", "read-paper": "yes"}).status_code == 303
    page, pack = member.get("/board").text, (audit / "report.html").read_text(encoding="utf-8")
    for text in (page, pack, member.get("/board/packs/test").text):
        assert "Too few &lt;b&gt;Black&lt;/b&gt; families to tell." in text
        assert "has read the paper and the annex" in text
        assert text.index("Too few") < text.index("Why?")
    assert 'href="/board#test"' in member.get("/board/packs/test").text
    spoken = [entry for entry in desk.store.entries() if entry.action == "decision.discussed"]
    assert [(one.role, one.subject) for one in spoken] == [("board", file_digest(audit / "decision.json"))] * 2
    assert "Black" not in str([one.detail for one in spoken])


def test_who_may_not_speak_has_no_form_and_a_newer_decision_is_not_spoken_of(desk: Desk, audit: Path) -> None:
    """Broken by a form for every reader of the page, or by words on a decision that nobody read."""
    owner, member = signed_in(desk, "demo-senior_responsible_owner"), signed_in(desk, "demo-board")
    assert WORDS not in owner.get("/board").text
    hidden = member.form_of("/board", WORDS)
    (audit / "decision.json").write_text((audit / "decision.json").read_text().replace("Too little", "Very little"))
    said = {"says": "for", "words": "Yes.", "read-paper": "yes"}
    assert member.post(WORDS, hidden | said).status_code == 409
    assert not (audit / "members.json").exists()
    assert member.post("/board/words/other", hidden | said).status_code == 404
    token = {"form_token": owner.form_of("/board", PATH)["form_token"]}
    assert owner.post(WORDS, token | said).status_code == 403
