"""Who works a case: moved to another team, kept from whoever knows the family, and a new list where a manager asks."""

from __future__ import annotations

import csv
from datetime import timedelta

import pytest

from charter.errors import CharterError
from serving.desk import Desk
from serving.ranking.bundle import Bundle
from serving.ranking.scoring import Model
from serving.ranking.worklist import rank_households
from serving.store.store import ConflictError, Store
from serving.web.scores import score_referrals
from tests.unit.serving.client import Client, signed_in
from tests.unit.serving.conftest import AS_OF, World

LEAD, MANAGER = "demo-north-lead_practitioner", "demo-north-team_manager"
SOUTH = "demo-south-lead_practitioner"


def first_case(desk: Desk) -> str:
    return desk.store.referrals("early_help", "north-2026-09-28")[0].id


def entries(store: Store, action: str) -> list[tuple[str, str]]:
    return [(entry.actor, entry.subject) for entry in store.entries() if entry.action == action]


def move(client: Client, case: str, **fields: str) -> int:
    hidden = client.form_of(f"/cases/{case}/transfer", f"/cases/{case}/transfer")
    answer = client.post(f"/cases/{case}/transfer", {**hidden, **fields})
    return 400 if "problem=1" in answer.headers.get("location", "") else answer.status_code


def test_a_manager_moves_a_case_and_the_issued_list_stays_as_it_was(world: World, desk: Desk) -> None:
    case = first_case(desk)
    manager, south = signed_in(desk, MANAGER), signed_in(desk, SOUTH)
    assert south.get(f"/cases/{case}").status_code == 403
    assert move(manager, case, team="south") == 400
    assert move(manager, case, team="north", why="moved_home") == 400
    assert move(manager, case, team="south", why="moved_home") == 303
    assert manager.get(f"/cases/{case}").status_code == 403
    assert case not in manager.get("/worklists/north").text
    page = south.get("/worklists/south").text
    assert case in page
    assert "Moved here from" in page
    assert south.get(f"/cases/{case}").status_code == 200
    listed = south.get("/v1/worklists/south", headers=south.token(SOUTH)).json()["referrals"]
    assert (len(listed), listed[-1]["id"]) == (9, case)
    assert desk.store.counts("early_help")["south"]["new"] == 9
    assert entries(desk.store, "referral.transferred") == [(MANAGER, case)]
    desk.store.verify_log()
    rank_households(world.invocation, world.matrix, AS_OF)
    with (world.workspace.worklist / AS_OF.isoformat() / "issued.csv").open(encoding="utf-8") as handle:
        teams = [row["team"] for row in csv.DictReader(handle)]
    assert teams.count("north") == teams.count("south") == 8


def test_a_moved_case_is_scored_for_its_new_team_alone(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """What its list was made with is told out of the sealed record: the model is not asked again."""
    for name in ("margins", "contributions"):
        monkeypatch.setattr(Model, name, None)
    case = first_case(desk)
    manager, south = signed_in(desk, MANAGER), signed_in(desk, SOUTH)
    assert move(manager, case, team="south", why="moved_home") == 303
    bundle = Bundle.current(desk.invocation.workspace)
    sessions = desk.sessions
    for client, who, allowed in ((manager, MANAGER, False), (south, SOUTH, True)):
        session = sessions.read(client.token(who)["authorization"].split()[1])
        assert session is not None
        if allowed:
            (score,) = score_referrals(desk, session.identity, [case])["scores"]
            assert (score["referral"], score["bundle"]) == (case, bundle.id)
            referral = desk.store.referral(case)
            assert referral is not None
            record = desk.record(referral)
            assert (score["margin"], score["base"], score["band"]) == (record.margin, record.reasons.base, record.band)
            named = zip(bundle.features, record.contributions, strict=True)
            assert score["contributions"] == {name: value for name, value in named if value != 0}
        else:
            with pytest.raises(CharterError):
                score_referrals(desk, session.identity, [case])


def test_only_a_manager_of_the_team_moves_a_case(desk: Desk) -> None:
    case = first_case(desk)
    worker, other = signed_in(desk, LEAD), signed_in(desk, "demo-south-team_manager")
    assert "Move this case" not in worker.get(f"/cases/{case}").text
    hidden = worker.form_of(f"/cases/{case}/conflict", f"/cases/{case}/conflict")
    wanted = {"version": "1", "team": "south", "why": "moved_home"}
    assert worker.post(f"/cases/{case}/transfer", {**hidden, **wanted}).status_code == 403
    hidden = other.form_of("/manager", "/manager/refresh")
    assert other.post(f"/cases/{case}/transfer", {**hidden, **wanted}).status_code == 403
    assert entries(desk.store, "referral.transferred") == []


def test_a_case_that_changed_meanwhile_is_not_moved(desk: Desk) -> None:
    seen = desk.store.referral(first_case(desk))
    assert seen is not None
    manager = signed_in(desk, MANAGER)
    assert move(manager, seen.id, team="south", why="cover", version="7") == 409
    assert move(manager, seen.id, team="south", why="cover") == 303
    identity = desk.sessions.read(manager.token(MANAGER)["authorization"].split()[1])
    assert identity is not None
    with pytest.raises(ConflictError):
        desk.store.transfer(identity.identity, seen, "east", "cover")
    assert len(entries(desk.store, "referral.transferred")) == 1


def test_whoever_knows_the_family_sees_it_nowhere_and_a_colleague_is_told(desk: Desk) -> None:
    case = first_case(desk)
    worker, colleague, manager = signed_in(desk, LEAD), signed_in(desk, "demo-front_door"), signed_in(desk, MANAGER)
    assert case in worker.get("/worklists/north").text
    worker.post(f"/cases/{case}/conflict", worker.form_of(f"/cases/{case}/conflict", f"/cases/{case}/conflict"))
    assert entries(desk.store, "conflict.declared") == [(LEAD, case)]
    assert case not in worker.get("/worklists/north").text
    listed = worker.get("/v1/worklists/north", headers=worker.token(LEAD)).json()["referrals"]
    assert case not in {one["id"] for one in listed}
    assert "Waits for you: a colleague knows this family" in colleague.get("/worklists/north").text
    assert "A colleague said that they know this family" in colleague.get(f"/cases/{case}").text
    assert f"/cases/{case}" in manager.get("/manager").text
    manager.post(f"/cases/{case}/conflict", manager.form_of(f"/cases/{case}/conflict", f"/cases/{case}/conflict"))
    assert f"/cases/{case}" not in manager.get("/manager").text


def test_a_list_stays_fixed_until_its_manager_asks_for_a_new_one(world: World, desk: Desk) -> None:
    later = AS_OF + timedelta(days=2)
    manager = signed_in(desk, MANAGER)
    hidden = manager.form_of("/manager", "/manager/refresh")
    assert manager.post("/manager/refresh", {**hidden, "team": "south"}).status_code == 403
    for _ in range(2):
        assert manager.post("/manager/refresh", hidden).status_code == 303
    assert "Asked for on" in manager.get("/manager").text
    assert entries(desk.store, "refresh.asked") == [(MANAGER, "early_help/north-2026-09-28")]
    made = rank_households(world.invocation, world.matrix_at(later), later)
    assert {one.team: one.new for one in made.lists} == {"north": True, "east": False, "south": False, "west": False}
    assert "Ask for a new list" in manager.get("/manager").text
