"""The API's contract is its types: every answer is held to it, and it can't lag behind what is answered."""

from __future__ import annotations

import copy
from typing import Any

import jsonschema
import pytest

from serving.desk import Desk
from serving.web.allowance import CALLS, Allowance
from serving.web.api import ENDPOINTS
from serving.web.contract import make_contract
from tests.unit.serving.client import Client, guarded
from tests.unit.serving.link_sheets import leave_reference

LEAD, DOOR = "demo-north-lead_practitioner", "demo-front_door"


@pytest.fixture
def client(desk: Desk) -> Client:
    return Client(guarded(desk))


def strict_contract() -> dict[str, Any]:
    """Return the contract with every type closed: a field that is answered and not described breaks it."""
    contract = copy.deepcopy(make_contract())
    for schema in contract["components"]["schemas"].values():
        schema["additionalProperties"] = False
    return contract


def describe(contract: dict[str, Any], method: str, path: str, status: int) -> dict[str, Any]:
    responses = contract["paths"][path][method.lower()]["responses"]
    content: dict[str, Any] = responses[str(status)]["content"]
    return {"$ref": next(iter(content.values()))["schema"]["$ref"], "components": contract["components"]}


def test_every_answer_is_as_the_contract_says_and_has_no_field_that_it_does_not_say(client: Client, desk: Desk) -> None:
    """Seen to fail with a field added to an answer alone, and with one taken out of it."""
    token = client.token(LEAD)
    case = desk.store.referrals("early_help", "north-2026-09-28")[0].id
    known = leave_reference(desk, desk.store.members(case)[0])
    decision = {"version": 1, "disposition": "deferred", "reason": "capacity"}
    keyed = {**token, "idempotency-key": "contract-1"}
    calls: list[tuple[str, str, str, dict[str, Any]]] = [
        ("POST", "/v1/session", "/v1/session", {"json": {"who": LEAD}}),
        ("GET", "/v1/lists", "/v1/lists", {"headers": token}),
        ("GET", "/v1/changes", "/v1/changes?limit=3", {"headers": token}),
        ("GET", "/v1/worklists/{team}", "/v1/worklists/north", {"headers": token}),
        ("GET", "/v1/worklists/{team}", "/v1/worklists/south", {"headers": token}),
        ("GET", "/v1/referrals/{referral}", f"/v1/referrals/{case}", {"headers": token}),
        ("GET", "/v1/referrals/{referral}", "/v1/referrals/0", {"headers": token}),
        ("GET", "/v1/referrals/{referral}/people", f"/v1/referrals/{case}/people", {"headers": token}),
        ("POST", "/v1/lookups", "/v1/lookups", {"headers": token, "json": {"service": "housing", "reference": known}}),
        ("POST", "/v1/lookups", "/v1/lookups", {"headers": token, "json": {"service": "nobody", "reference": "T-1"}}),
        ("POST", "/v1/referrals/{referral}/decisions", f"/v1/referrals/{case}/decisions", {"headers": keyed,
                                                                                        "json": decision}),
        ("POST", "/v1/referrals/{referral}/decisions", f"/v1/referrals/{case}/decisions", {"headers": token,
                                                                                        "json": {}}),
        ("POST", "/v1/residence-checks", "/v1/residence-checks", {"headers": client.token(DOOR), "json": {
            "forename": "A", "surname": "B", "birth_date": "1980-01-01", "uprn": "1", "asked_by": "parking"}}),
        ("POST", "/v1/checks", "/v1/checks", {"headers": client.token(DOOR), "json": {
            "purpose": "age_check", "forename": "A", "surname": "B", "uprn": "1", "age": 18}}),
        ("POST", "/v1/outcomes", "/v1/outcomes", {"json": {"receiver": "x", "message": "y", "status": "accepted"}}),
    ]  # fmt: skip
    contract = strict_contract()
    answered = set()
    for method, path, asked, options in calls:
        answer = client.send(method, asked, **options)
        jsonschema.validate(answer.json(), describe(contract, method, path, answer.status_code))
        answered.add(path)
    assert answered == {endpoint.path for endpoint in ENDPOINTS} - {"/v1/openapi.json", "/v1/score"}


def test_each_call_has_an_id_of_its_own_and_every_reference_leads_somewhere() -> None:
    contract = make_contract()
    ids = [operation["operationId"] for path in contract["paths"].values() for operation in path.values()]
    assert len(ids) == len(set(ids)) == len(ENDPOINTS) - 1
    references = {
        value for value in _values_of(contract) if isinstance(value, str) and value.startswith("#/components/schemas/")
    }
    assert len(references) > 10
    assert {reference.rpartition("/")[2] for reference in references} <= set(contract["components"]["schemas"])


def _values_of(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [each for inner in value.values() for each in _values_of(inner)]
    return [each for inner in value for each in _values_of(inner)] if isinstance(value, list) else [value]


def test_what_is_unchanged_is_not_sent_again(client: Client) -> None:
    """Seen to fail with the ETag left out of lists."""
    token = client.token(LEAD)
    for path in ("/v1/worklists/north", "/v1/lists", "/v1/openapi.json"):
        first = client.get(path, headers=token)
        again = client.get(path, headers={**token, "if-none-match": f'W/"x", {first.headers["etag"]}'})
        assert (first.status_code, again.status_code, again.content) == (200, 304, b""), path
        assert client.get(path, headers={**token, "if-none-match": '"other"'}).status_code == 200


def test_answers_say_how_many_calls_are_left_and_the_last_is_refused(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = client.token(LEAD)
    first = client.get("/v1/lists", headers=token).headers
    assert first["ratelimit-policy"] == f'"minute";q={CALLS};w=60'
    assert first["ratelimit"].startswith(f'"minute";r={CALLS - 1};t=')
    monkeypatch.setattr("serving.web.allowance.CALLS", 2)
    assert client.get("/v1/lists", headers=token).status_code == 200
    refused = client.get("/v1/lists", headers=token)
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many")
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    # Another person is not held up by it.
    assert client.get("/v1/lists", headers=client.token("demo-south-lead_practitioner")).status_code == 200


def test_after_a_minute_all_calls_are_there_again() -> None:
    now = [0.0]
    allowance = Allowance(lambda: now[0])
    for _ in range(CALLS):
        assert allowance.take_call("a").allowed
    assert not allowance.take_call("a").allowed
    now[0] = 60.0
    assert allowance.take_call("a").calls == CALLS - 1
