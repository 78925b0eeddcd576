"""A council that calls every role otherwise: people open their pages, decide, sign, stop lists and start them again."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import pytest
from typer.testing import CliRunner

import charter.commands
import serving.commands
from charter.acts import ACTS
from charter.contracts.files import file_digest, set_current, write_json
from charter.council.council import Council
from charter.signing.acceptance import Signable, sign_as
from charter.signing.signoffs import read_signoffs, require_signoffs
from serving.casework.page_table import PAGES
from serving.desk import Desk
from serving.ranking.bundle import make_bundle
from serving.ranking.worklist import rank_households
from tests.own_roles import OWN, SHIPPED, copy_with_own_roles
from tests.unit.serving.client import Client, guarded, signed_in
from tests.unit.serving.conftest import AS_OF, SERVICES, TEAMS, World, make_world
from tests.unit.serving.test_page_table import client_in_role, path_of

ENTRIES = [{"service": "education", "signal": "education.suspension", "day": "2026-09-14", "until": None}]


@pytest.fixture
def world(tmp_path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("SOONER_KEY", "5f" * 32)
    monkeypatch.delenv("SOONER_DATABASE", raising=False)
    council = Council.load(copy_with_own_roles(tmp_path / "council")).serving("early_help")
    return make_world(tmp_path, council=council)


@pytest.fixture
def desk(world: World) -> Desk:
    shown = {name: {**service, "details_to": [OWN["front_door"]]} for name, service in SERVICES.items()}
    make_bundle(world.invocation, world.release, shown)

    def recorded(*_of: object) -> Sequence[Sequence[Mapping[str, Any]]]:
        households: Any = _of[3]
        return [ENTRIES for _ in households]

    rank_households(world.invocation, world.matrix, AS_OF, timelines=recorded)
    return Desk.open(world.invocation, demo=True)


@pytest.fixture
def decision(world: World) -> str:
    """Leave a decision that refers to the board, with the charter signed by whoever must; return its sha256."""
    policy = world.invocation.policy
    folder = world.workspace.audit / "run1"
    write_json(folder / "findings.json", {"findings": []})
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
    return file_digest(folder / "decision.json")


def person(role: str, team: str = "") -> str:
    return f"demo-{team}-{OWN[role]}" if team else f"demo-{OWN[role]}"


def test_the_demonstration_offers_people_for_the_roles_that_the_council_has(desk: Desk) -> None:
    page = Client(guarded(desk)).get("/sign-in").text
    offered = set(re.findall(r'name="who" type="radio" value="([^"]+)"', page))
    workers = {person(role, team) for role in ("lead_practitioner", "team_manager") for team in TEAMS}
    others = {person(role) for role in SHIPPED if role not in ("lead_practitioner", "team_manager")}
    assert offered == workers | others
    assert not any(role in page for role in SHIPPED if "_" in role)


WORKING = ("lead_practitioner", "team_manager", "board", "partner")
"""The roles that are tried with every change; all others take as long, and are tried with the long tests."""


@pytest.mark.parametrize(
    "role", [pytest.param(role, marks=[] if role in WORKING else pytest.mark.deep) for role in SHIPPED]
)
def test_every_page_and_act_is_open_to_the_renamed_role_as_it_was_to_the_shipped(desk: Desk, role: str) -> None:
    client, token = client_in_role(desk, OWN[role])
    roles = desk.roles
    asked = [page for page in PAGES if page.act in ACTS and not page.path.endswith(("conflict", "suspend"))]
    for page in asked:
        path = path_of(page, desk)
        fields = {"form_token": token, "team": "north"}
        status = (client.get(path) if page.method == "GET" else client.post(path, fields)).status_code
        assert (status != 403) == roles.may(OWN[role], page.act), (page.method, page.path, status)


def test_a_case_is_decided_and_its_details_shown_to_the_role_that_the_register_names(desk: Desk) -> None:
    lead, door = signed_in(desk, person("lead_practitioner", "north")), signed_in(desk, person("front_door"))
    case = next(
        referral.id
        for referral in desk.store.referrals("early_help", "north-2026-09-28")
        if "Your own view first" not in lead.get(f"/cases/{referral.id}").text
    )
    assert "14 September 2026" in door.get(f"/cases/{case}").text
    assert "14 September 2026" not in lead.get(f"/cases/{case}").text
    hidden = lead.form_of(f"/cases/{case}/decide/deferred", f"/cases/{case}/decision")
    fields = {"reason": "deferred:capacity", "until": (desk.today() + timedelta(weeks=1)).isoformat()}
    assert lead.post(f"/cases/{case}/decision", {**hidden, **fields}).status_code == 303
    assert desk.store.decisions(case)[0].role == OWN["lead_practitioner"]
    assert "(Lead practitioner)" in lead.get(f"/cases/{case}").text
    token = lead.token(person("lead_practitioner", "north"))
    assert lead.get("/v1/worklists/north", headers=token).status_code == 200


def test_the_board_signs_on_its_page(world: World, desk: Desk, decision: str) -> None:
    signers = ("senior_responsible_owner", "chief_data_officer")
    for role in signers:
        client = signed_in(desk, person(role))
        hidden = client.form_of("/board", "/board/decisions/test")
        fields = {**hidden, "says": "accept", "read": "yes"}
        assert client.post("/board/decisions/test", fields).status_code == 303
    folder = world.workspace.audit / "run1"
    assert {signoff.role for signoff in read_signoffs(folder / "signoffs.toml")} == {OWN[role] for role in signers}
    assert require_signoffs(world.invocation, folder, synthetic=True)["decision"] == "refer"
    entries = [entry for entry in desk.store.entries() if entry.action == "decision.accepted"]
    assert [(entry.role, entry.subject) for entry in entries] == [(OWN[role], decision) for role in signers]


def test_the_stop_button_stops_and_two_other_roles_start_again(world: World, desk: Desk) -> None:
    lead, officer = (
        signed_in(desk, person("lead_practitioner", "north")),
        signed_in(desk, person("data_protection_officer")),
    )
    assert lead.get("/worklists/north").status_code == 200
    fields = {**officer.form_of("/board", "/board/suspend"), "what": "programme:early_help", "reason": "A feed repeats"}
    assert officer.post("/board/suspend", fields).status_code == 303
    assert lead.get("/worklists/north").status_code == 409
    for role in ("senior_responsible_owner", "chief_data_officer"):
        client = signed_in(desk, person(role))
        assert client.post("/board/resume", client.form_of("/board", "/board/resume")).status_code == 303
    assert lead.get("/worklists/north").status_code == 200
    (path,) = (world.workspace.suspensions / "resumed").glob("*.json")
    document = json.loads(path.read_text(encoding="utf-8"))
    assert document["role"] == OWN["data_protection_officer"]
    assert document["resumed_by"] == [OWN["senior_responsible_owner"], OWN["chief_data_officer"]]
    board = signed_in(desk, person("board"))
    assert (
        "the data protection officer or the chair of the residents&#39; panel can stop every list"
        in board.get("/board").text
    )
    assert "/board/suspend" not in board.get("/board").text


def run(world: World, verbs: Any, *words: str) -> Any:
    where = ["--council", str(world.invocation.council.folder), "--programme", "early_help",
             "--workspace", str(world.workspace.root), "--json"]  # fmt: skip
    return CliRunner().invoke(verbs, [*words, *where])


def test_the_verbs_take_the_councils_own_words_and_no_others(world: World, decision: str) -> None:
    verbs = charter.commands.verbs
    owner, officer = OWN["senior_responsible_owner"], OWN["data_protection_officer"]
    signed = run(world, verbs, "sign", "--role", owner, "--what", "decision", "--demo")
    assert (json.loads(signed.stdout)["role"], json.loads(signed.stdout)["sha256"]) == (owner, decision)
    suspended = run(world, verbs, "suspend", "--role", officer, "--reason", "a feed repeats")
    name = json.loads(suspended.stdout)["suspension"]
    assert not json.loads(run(world, verbs, "resume", name, "--role", owner).stdout)["resumed"]
    assert json.loads(run(world, verbs, "resume", name, "--role", OWN["chief_data_officer"]).stdout)["resumed"]
    for words in (["sign", "--what", "decision", "--demo"], ["suspend", "--reason", "why"]):
        refused = run(world, verbs, *words, "--role", "senior_responsible_owner")
        assert "knows no role 'senior_responsible_owner'" in str(refused.exception)
    assert "does not let" in str(run(world, verbs, "suspend", "--role", OWN["board"], "--reason", "why").exception)


def test_somebody_asks_where_a_person_lives_in_the_first_role_that_may(world: World, tmp_path) -> None:
    question = tmp_path / "question.json"
    question.write_text(json.dumps({"forename": "A", "surname": "B", "birth_date": str(date(1980, 1, 1)),
                                    "uprn": "1", "asked_by": "registrars"}))  # fmt: skip
    verbs = serving.commands.verbs
    asked = run(world, verbs, "check-residence", "--says", str(question))
    assert "no names are held here" in str(asked.exception), "it came as far as the vault, which there is none of"
    refused = run(world, verbs, "check-residence", "--says", str(question), "--role", OWN["board"])
    assert "does not let" in str(refused.exception)


def test_the_residents_cases_come_out_as_before(world: World) -> None:
    cases = world.invocation.red_lines
    assert len(cases) >= 15
    assert all(case["held"] for case in cases)
