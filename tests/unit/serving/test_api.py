"""The API for case systems: who may ask, what they get, and that refusals never repeat what was sent."""

from __future__ import annotations

import json
import logging
import math

import pytest

from serving.desk import Desk
from serving.web.api import make_routes
from tests.unit.serving.client import Client, guarded
from tests.unit.serving.conftest import World

LEAD = "demo-north-lead_practitioner"


@pytest.fixture
def client(desk: Desk) -> Client:
    return Client(guarded(desk))


def body(**more: object) -> dict[str, object]:
    return {"version": 1, "disposition": "deferred", "reason": "capacity", **more}


def test_without_a_token_nothing_is_answered(client: Client) -> None:
    for path in ("/v1/worklists/north", "/v1/referrals/abc"):
        answer = client.get(path)
        assert answer.status_code == 401
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["www-authenticate"] == "Bearer"
    assert client.get("/v1/worklists/north", headers={"authorization": "Bearer nonsense"}).status_code == 401


def test_a_cookie_opens_no_api_route(client: Client) -> None:
    """A page's cookie travels with forged requests; a bearer token does not."""
    client.sign_in(LEAD)
    assert client.get("/worklists/north").status_code == 200
    assert client.get("/v1/worklists/north").status_code == 401


def test_a_list_is_given_a_page_at_a_time(client: Client) -> None:
    token = client.token(LEAD)
    first = client.get("/v1/worklists/north?limit=5", headers=token).json()
    assert (first["list"], len(first["referrals"])) == ("north-2026-09-28", 5)
    second = client.get(first["next"], headers=token).json()
    assert [one["rank"] for one in second["referrals"]] == [6, 7, 8]
    assert second["next"] is None
    assert client.get("/v1/worklists/north?limit=0", headers=token).status_code == 400
    assert client.get("/v1/worklists/south", headers=token).status_code == 403


def test_a_referral_comes_with_reasons_by_service_that_sum_to_its_margin(client: Client) -> None:
    token = client.token(LEAD)
    listed = client.get("/v1/worklists/north", headers=token).json()["referrals"]
    for one in listed:
        found = client.get(f"/v1/referrals/{one['id']}", headers=token).json()
        groups = [*found["for"], *found["against"]]
        total = math.fsum([*(group["contribution"] for group in groups), found["unseen"], found["base"]])
        assert abs(total - found["margin"]) < 1e-6
        # This definition calls nothing good, and eight households are too few to compare.
        assert found["strengths"] == {"good": [], "less_than_most": [], "compared": 0}
        assert found["need"]["meaning"].startswith("About ")
        assert set(found["versions"]) == {"snapshot", "matrix", "definition", "bundle"}
    assert client.get("/v1/referrals/0000000000000000", headers=token).status_code == 404


def test_no_api_field_holds_the_word_for_insurers(client: Client) -> None:
    token = client.token(LEAD)
    listed = client.get("/v1/worklists/north", headers=token)
    text = listed.text + client.get(f"/v1/referrals/{listed.json()['referrals'][0]['id']}", headers=token).text
    text += client.get("/v1/openapi.json").text
    assert "risk" not in text.lower()


def test_a_decision_is_filed_once_for_one_key(client: Client, desk: Desk) -> None:
    token = client.token(LEAD)
    case = client.get("/v1/worklists/north", headers=token).json()["referrals"][0]["id"]
    path = f"/v1/referrals/{case}/decisions"
    assert client.send("POST", path, json=body(), headers=token).status_code == 400
    keyed = {**token, "idempotency-key": "decision-1"}
    first = client.send("POST", path, json=body(), headers=keyed)
    again = client.send("POST", path, json=body(), headers=keyed)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert first.json()["version"] == 2
    other = client.send("POST", path, json=body(reason="awaiting_information"), headers=keyed)
    assert other.status_code == 400
    stale = client.send("POST", path, json=body(), headers={**token, "idempotency-key": "decision-2"})
    assert stale.status_code == 409
    assert stale.json()["title"] == "Conflict"
    assert len(desk.store.decisions(case)) == 1


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"disposition": "taken_up", "reason": "need_confirmed"}, 400),
        ({"disposition": "taken_up", "reason": "need_confirmed", "safe_to_contact_checked": True}, 201),
        ({"disposition": "closed"}, 400),
        ({"reason": "because"}, 400),
        ({"version": "1"}, 400),
        ({"family": "Quillfeather"}, 400),
        ({"note": "x" * 501}, 400),
    ],
)
def test_decisions_keep_to_the_contract(client: Client, sent: dict[str, object], status: int) -> None:
    token = {**client.token(LEAD), "idempotency-key": "decision-1"}
    case = client.get("/v1/worklists/north", headers=token).json()["referrals"][0]["id"]
    assert (
        client.send("POST", f"/v1/referrals/{case}/decisions", json=body(**sent), headers=token).status_code == status
    )


def test_refusals_repeat_nothing_of_what_was_sent(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    token = {**client.token(LEAD), "idempotency-key": "decision-1"}
    case = client.get("/v1/worklists/north", headers=token).json()["referrals"][0]["id"]
    path = f"/v1/referrals/{case}/decisions"
    for content in ('{"version": "Quillfeather"}', "{Quillfeather", json.dumps(body(disposition="Quillfeather")),
                    json.dumps(body(reason="Quillfeather"))):  # fmt: skip
        answer = client.send("POST", path, content=content, headers={**token, "content-type": "application/json"})
        assert answer.status_code == 400
        assert "Quillfeather" not in answer.text
    assert "Quillfeather" not in caplog.text


def test_only_json_of_a_bearable_size_is_read(client: Client) -> None:
    token = {**client.token(LEAD), "idempotency-key": "decision-1"}
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""):
        headers = {**token, "content-type": kind}
        assert client.send("POST", "/v1/score", content=b"{}", headers=headers).status_code == 415
    big = {**token, "content-type": "application/json", "content-length": "1000001"}
    assert client.send("POST", "/v1/score", content=b"{}", headers=big).status_code == 413
    assert client.send("PUT", "/v1/score", json={}, headers=token).status_code == 405


def test_reads_are_logged(client: Client, desk: Desk) -> None:
    token = client.token(LEAD)
    case = client.get("/v1/worklists/north", headers=token).json()["referrals"][0]["id"]
    client.get(f"/v1/referrals/{case}", headers=token)
    actions = [(entry.action, entry.subject) for entry in desk.store.entries()]
    assert ("worklist.read", "north-2026-09-28") in actions
    assert ("referral.viewed", case) in actions


def test_while_suspended_the_api_answers_conflict(client: Client, world: World) -> None:
    token = client.token(LEAD)
    case = client.get("/v1/worklists/north", headers=token).json()["referrals"][0]["id"]
    world.workspace.suspensions.mkdir()
    (world.workspace.suspensions / "s.json").write_text('{"what": "all"}')
    assert client.get("/v1/worklists/north", headers=token).status_code == 409
    assert client.get(f"/v1/referrals/{case}", headers=token).status_code == 409


def test_the_contract_names_every_route(client: Client, desk: Desk) -> None:
    contract = client.get("/v1/openapi.json").json()
    ours = {route.path for route in make_routes(lambda: desk)} | {"/v1/score"}
    assert set(contract["paths"]) == ours - {"/v1/openapi.json"}
    for path, operations in contract["paths"].items():
        for operation in operations.values():
            assert operation["summary"]
            refused = {"403"} if path in ("/v1/session", "/v1/outcomes") else {"401", "403"}
            assert refused <= set(operation["responses"])
