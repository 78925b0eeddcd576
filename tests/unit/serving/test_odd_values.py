"""Every input is bounded: odd values get 400, 404 or 413 and never 500, with both databases."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from serving.desk import Desk
from serving.ranking.worklist import rank_households
from serving.web import guard
from serving.web.bodies import ScoreBody
from tests.unit.serving.client import BASE, Client, guarded
from tests.unit.serving.conftest import AS_OF, make_world

FORM = "application/x-www-form-urlencoded"
LEAD = "demo-north-lead_practitioner"
ODD = [
    "\u00b2", "0", "-1", "1e3", "2147483648", "9223372036854775808", "9" * 5000, "\x00", "a\x00b", "\u202e",
    "x" * 5000, "1.5", " ", "\u0661", "true", "%00", "\x1b[2J",
]  # fmt: skip


@pytest.fixture
def desk(tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """Give a desk on issued lists, in a database of each kind."""
    monkeypatch.setenv("SOONER_KEY", "5f" * 32)
    monkeypatch.setenv("SOONER_DATABASE", url)
    world = make_world(tmp_path / "world")
    rank_households(world.invocation, world.matrix, AS_OF)
    desk = Desk.open(world.invocation, demo=True)
    yield desk
    desk.close()


def test_no_odd_value_is_answered_with_a_fault_of_ours(desk: Desk) -> None:
    client = Client(guarded(desk))
    headers = client.token(LEAD)
    case = desk.store.referrals("early_help", "north-2026-09-28")[0].id
    whole = {"version": 7, "disposition": "deferred", "reason": "capacity", "note": "", "reference": ""}
    statuses: dict[int, int] = {}

    def note(status: int, what: object) -> None:
        assert status < 500, what
        statuses[status] = statuses.get(status, 0) + 1

    for number, value in enumerate(ODD):
        for name in ("after", "limit"):
            note(client.get("/v1/worklists/north", params={name: value}, headers=headers).status_code, (name, value))
        for path in ("/v1/referrals/{}", "/v1/worklists/{}"):
            quoted = "".join(f"%{byte:02X}" for byte in value[:400].encode("utf-8", "surrogatepass"))
            note(client.get(path.format(quoted), headers=headers).status_code, (path, value))
        key = {**headers, "idempotency-key": f"key-{number:05d}"}
        for name in ("version", "disposition", "reason", "note", "reference"):
            wholes = [2**31, 2**63, 2**200] if name == "version" else []
            bodies = [{**whole, name: odd} for odd in (value, *wholes)]
            for body in bodies:
                answer = client.send("POST", f"/v1/referrals/{case}/decisions", json=body, headers=key)
                note(answer.status_code, (name, value, answer.text))
    assert not desk.store.decisions(case), "none of these is a decision"
    surrogate = f'{{"version": 1, "disposition": "deferred", "reason": "capacity", "note": "{chr(92)}ud800"}}'
    as_json = {**headers, "idempotency-key": "key-surrogate", "content-type": "application/json"}
    answer = client.send("POST", f"/v1/referrals/{case}/decisions", content=surrogate.encode(), headers=as_json)
    assert answer.status_code == 400
    # A key of a hundred characters is as long as the contract allows: it is kept, and found again.
    key = {**headers, "idempotency-key": "k" * 100}
    for _ in range(2):
        answer = client.send("POST", f"/v1/referrals/{case}/decisions", json=whole | {"version": 1}, headers=key)
        assert answer.status_code == 201, answer.text
    assert len(desk.store.decisions(case)) == 1
    assert {200, 400, 404} <= set(statuses)


@pytest.mark.parametrize("value", ["\x00", "a\x00b", "\u202e", "x" * 5000, "\x1b[2J"])
def test_no_odd_value_reaches_a_score(value: str) -> None:
    """Found by schemathesis: a NUL in an id was a fault of ours, with PostgreSQL alone."""
    for body in ({"referrals": [value]}, {"rows": [{value: 1.0}]}):
        with pytest.raises(ValidationError):
            ScoreBody.model_validate_json(json.dumps(body))


def test_no_odd_field_of_a_form_is_answered_with_a_fault_of_ours(desk: Desk) -> None:
    client = Client(guarded(desk))
    client.sign_in(LEAD)
    case = desk.store.referrals("early_help", "north-2026-09-28")[0].id
    token = client.form_of("/practice", "/practice")["form_token"]
    asked = 0
    for value in ODD:
        for name in ("version", "disposition", "reason", "note", "key"):
            answer = client.post(f"/cases/{case}/decision", {"form_token": token, name: value})
            assert answer.status_code < 500, (name, value)
            asked += 1
    assert asked == len(ODD) * 5


def test_a_body_is_bounded_whatever_its_headers_say_and_405_says_what_is_allowed(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = Client(guarded(desk))
    headers = {**client.token(LEAD), "content-type": "application/json"}

    async def much() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"x" * 100_000

    async def slow() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(1)
        yield b"}"

    assert client.send("POST", "/v1/score", content=much(), headers=headers).status_code == 413
    assert (
        client.send("POST", "/sign-in", content=much(), headers={"content-type": FORM, "origin": BASE}).status_code
        == 413
    )
    monkeypatch.setattr(guard, "READING", 0.2)
    late = client.send("POST", "/v1/residence-checks", content=slow(), headers=headers)
    assert late.status_code == 408
    assert late.json()["code"] == "too_slow"
    for method, path in (
        ("DELETE", "/v1/lists"),
        ("PUT", "/worklists/north"),
        ("POST", "/livez"),
        ("PATCH", "/sign-in"),
    ):
        refused = client.send(method, path, headers=headers)
        assert refused.status_code == 405, path
        assert "GET" in refused.headers["allow"]
    # Known to the guard as something that changes, and to its route as no such method.
    for method, path in (("POST", "/v1/lists"), ("GET", "/v1/residence-checks")):
        refused = client.send(method, path, headers=headers)
        assert refused.status_code == 405, path
        assert refused.headers["allow"]
