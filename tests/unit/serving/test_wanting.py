"""What is wanting before a case is opened or decided on: the same list, words and status on a page and over the API."""

from __future__ import annotations

import html
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from charter.council.worklist_settings import OwnView
from serving.casework.wanting import CHECKS
from serving.desk import Desk
from serving.forget import forget
from serving.identity import Identity
from serving.ranking.bundle import make_bundle
from serving.ranking.worklist import rank_households
from tests.unit.serving.client import Client, guarded
from tests.unit.serving.conftest import AS_OF, SERVICES, World, train, write_release

LEAD = "demo-north-lead_practitioner"
IN_A_WEEK = (datetime.now(UTC) + timedelta(days=7)).date().isoformat()
WHOLE = {"disposition": "deferred", "reason": "capacity", "version": 1, "safe_to_contact_checked": False}


def take_off(desk: Desk, case: str) -> None:
    assert forget(desk.store.members(case)[:1], desk.invocation.workspace) == 1


def declare(desk: Desk, case: str) -> None:
    lead = Identity(LEAD, "lead_practitioner", frozenset({"north"}))
    desk.store.log(lead, "conflict.declared", subject=case, purpose="rank")


def suspend(desk: Desk, _case: str) -> None:
    folder = desk.invocation.workspace.suspensions
    folder.mkdir()
    (folder / "s.json").write_text('{"what": "team", "name": "north"}')


def end(desk: Desk, _case: str) -> None:
    with sqlite3.connect(desk.invocation.workspace.casework) as database:
        database.execute("UPDATE lists SET expires_at = '2026-10-05T00:00:00.000000+00:00'")


def as_it_is(_desk: Desk, _case: str) -> None:
    """Leave everything as it is: the body alone is wanting."""


SITUATIONS: dict[str, tuple[Callable[[Desk, str], None], dict[str, object]]] = {
    "taken_off": (take_off, {}),
    "conflict": (declare, {}),
    "silence": (suspend, {}),
    "ended": (end, {}),
    "practice": (as_it_is, {}),
    "disposition": (as_it_is, {"disposition": "closed"}),
    "reason": (as_it_is, {"reason": "because"}),
    "safe_contact": (as_it_is, {"disposition": "taken_up", "reason": "need_confirmed"}),
    "until": (as_it_is, {"until": "2001-01-01"}),
    "version": (as_it_is, {"version": 7}),
}


def test_every_check_of_the_list_is_tried_below() -> None:
    assert ["role", "team", *SITUATIONS] == [check.id for check in CHECKS]


def send_form(client: Client, token: str, case: str, body: dict[str, object]) -> tuple[int, str]:
    choice = str(body["disposition"])
    fields = {
        "form_token": token,
        "version": str(body["version"]),
        "disposition": str(body["disposition"]),
        "reason": f"{body['disposition']}:{body['reason']}",
    }
    fields |= {"until": str(body["until"])} if "until" in body else {"until": IN_A_WEEK} if choice == "deferred" else {}
    answer = client.post(f"/cases/{case}/decision", fields)
    if answer.status_code == 303:
        answer = client.get(answer.headers["location"])
    return answer.status_code, html.unescape(answer.text)


def send_body(client: Client, case: str, body: dict[str, object], key: str = "decision-1") -> tuple[int, str]:
    headers = {**client.token(LEAD), "idempotency-key": key}
    answer = client.send("POST", f"/v1/referrals/{case}/decisions", json=body, headers=headers)
    return answer.status_code, answer.json().get("detail", "")


@pytest.fixture
def unpractised(world: World) -> Desk:
    """Give a desk on lists of a model whose data is not made up."""
    release = write_release(world.workspace, train(3), "real")
    text = (release / "manifest.json").read_text().replace('"synthetic": true', '"synthetic": false')
    (release / "manifest.json").write_text(text)
    make_bundle(world.invocation, release, SERVICES)
    rank_households(world.invocation, world.matrix, AS_OF)
    return Desk.open(world.invocation, demo=True)


@pytest.mark.parametrize("check", CHECKS[2:], ids=lambda check: check.id)
def test_a_page_and_the_api_say_the_same_of_what_is_wanting(check, request: pytest.FixtureRequest) -> None:
    opened = request.getfixturevalue("unpractised" if check.id == "practice" else "desk")
    desk = replace(opened, settings=opened.settings.replace(own_view=OwnView(one_in=0)))
    client = Client(guarded(desk))
    client.sign_in(LEAD)
    case = desk.store.referrals("early_help", "north-2026-09-28")[0].id
    token = client.form_of("/practice", "/practice")["form_token"]
    arrange, change = SITUATIONS[check.id]
    arrange(desk, case)
    body = WHOLE | change
    (status, page), (api_status, detail) = send_form(client, token, case, body), send_body(client, case, body)
    # What a form can mend is said beside it, on a page that can be read again.
    assert status == (200 if check.field or check.id == "version" else check.status)
    # The API doesn't say that there was a referral that is none any more.
    assert api_status == (404 if check.id == "taken_off" else check.status)
    assert detail in page or check.id == "taken_off"
    assert not desk.store.decisions(case)


def test_stepping_up_waits_neither_for_practice_nor_for_a_list_that_is_shown(unpractised: Desk) -> None:
    desk = replace(unpractised, settings=unpractised.settings.replace(own_view=OwnView(one_in=0)))
    client = Client(guarded(desk))
    client.sign_in(LEAD)
    first, second = (referral.id for referral in desk.store.referrals("early_help", "north-2026-09-28")[:2])
    hidden = client.form_of(f"/cases/{first}", f"/cases/{first}/step-up")
    suspend(desk, first)
    answer = client.post(f"/cases/{first}/step-up", hidden)
    assert "call 999" in client.get(answer.headers["location"]).text
    stepped = {"disposition": "stepped_up", "reason": "safety_concern", "version": 1}
    assert send_body(client, second, stepped)[0] == 201
    assert [desk.store.decisions(case)[0].disposition for case in (first, second)] == ["stepped_up"] * 2


def test_a_decision_sent_again_is_the_one_that_was_made_whatever_is_wanting_by_now(desk: Desk) -> None:
    client = Client(guarded(desk))
    case = desk.store.referrals("early_help", "north-2026-09-28")[0].id
    assert send_body(client, case, WHOLE)[0] == 201
    suspend(desk, case)
    assert send_body(client, case, WHOLE)[0] == 201
    assert send_body(client, case, WHOLE, key="decision-2")[0] == 409
    assert len(desk.store.decisions(case)) == 1
