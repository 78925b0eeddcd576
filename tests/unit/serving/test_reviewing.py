"""Blind review: listed and not, without name, place or reference; what was said reaches the second gate's audit."""

from __future__ import annotations

import re
from dataclasses import replace

from charter.contracts.files import read_json
from charter.signing import suspensions
from fairness_reports.audit.population.issued_lists import read_issued_lists
from serving.casework.reviewing import draw_sample
from serving.casework.view import make_reference
from serving.desk import Desk
from tests.unit.serving.client import Client, signed_in
from tests.unit.serving.conftest import AS_OF, World

LEAD, MANAGER = "demo-north-lead_practitioner", "demo-north-team_manager"
PATH = "/reviews/north"


def judge(client: Client, view: str, **fields: str) -> int:
    return client.post(PATH, {**client.form_of(PATH, PATH), "view": view, **fields}).status_code


def test_listed_and_unlisted_are_judged_blind_and_reach_the_second_gate(world: World, desk: Desk) -> None:
    header = desk.store.current_list("early_help", "north")
    assert header is not None
    drawn = draw_sample(desk.store, header, desk.settings.blind_review.listed)
    assert len(drawn) == 6
    worker = signed_in(desk, LEAD)
    for number, one in enumerate(drawn, start=1):
        page = worker.get(PATH).text
        assert f"Blind review: case {number} of 6" in page
        for secret in (one.id, one.entity, make_reference(one), "households like", "Just below"):
            assert secret not in page
        assert judge(worker, "offer" if number % 2 else "wait") == 303
    assert "Nothing is left to judge" in worker.get(PATH).text
    desk.exporter.catch_up()
    release = read_json(world.release / "manifest.json")["id"]
    found = read_issued_lists(world.workspace, release)
    assert found.reviewed == {
        (AS_OF, one.entity.encode()): bool(number % 2) for number, one in enumerate(drawn, start=1)
    }
    assert sum(key in found.listed for key in found.reviewed) == 4
    assert "reviews.csv" in found.inputs
    assert {entry.action for entry in desk.store.entries() if entry.subject == drawn[0].id} == {
        "review.viewed", "review.given",
    }  # fmt: skip


def test_unsure_is_said_once_and_is_no_view(world: World, desk: Desk) -> None:
    worker = signed_in(desk, LEAD)
    assert judge(worker, "unsure") == 303
    assert "case 2 of 6" in worker.get(PATH).text
    desk.exporter.catch_up()
    assert not (world.workspace.worklist / "reviews.csv").exists()


def test_a_case_that_somebody_else_judged_meanwhile_is_told(desk: Desk) -> None:
    worker, manager = signed_in(desk, LEAD), signed_in(desk, MANAGER)
    hidden = worker.form_of(PATH, PATH)
    assert judge(manager, "wait") == 303
    assert worker.post(PATH, {**hidden, "view": "offer"}).status_code == 409
    assert judge(worker, "offer", list="north-2025-01-01") == 409
    assert worker.post(PATH, worker.form_of(PATH, PATH)).status_code == 303
    assert len([entry for entry in desk.store.entries() if entry.action == "review.given"]) == 1


def test_it_works_in_shadow_and_not_while_suspended_nor_for_other_teams(world: World, desk: Desk) -> None:
    shadow = replace(desk, settings=desk.settings.replace(list=desk.settings.list.replace(shown=False)))
    worker = signed_in(shadow, LEAD)
    assert worker.get("/worklists/north").status_code == 409
    assert worker.get(PATH).status_code == 200
    assert not re.search(r"\brisk", worker.get(PATH).text, re.IGNORECASE)
    assert signed_in(desk, "demo-south-team_manager").get(PATH).status_code == 403
    assert signed_in(desk, "demo-board").get(PATH).status_code == 403
    suspensions.suspend_on_breach(world.workspace, "The gate failed.")
    assert worker.get(PATH).status_code == 409


def test_whoever_is_taken_off_leaves_the_reviews_too(desk: Desk) -> None:
    worker = signed_in(desk, LEAD)
    header = desk.store.current_list("early_help", "north")
    assert header is not None
    first = draw_sample(desk.store, header, desk.settings.blind_review.listed)[0]
    assert judge(worker, "offer") == 303
    assert [row["entity"] for row in desk.store.reviews("early_help")] == [first.entity]
    desk.store.remove(desk.store.members(first.id)[:1], "objection", actor="sooner")
    assert desk.store.reviews("early_help") == []
