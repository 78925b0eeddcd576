"""Practice: whoever finds the cases that the list has wrong may decide on real lists for a year."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest

from charter.council.practice import Practice
from charter.errors import DefinitionError
from serving.desk import Desk
from serving.identity import Identity
from serving.practice_cases import PASSED, mark_answers
from serving.ranking.bundle import make_bundle
from serving.ranking.worklist import rank_households
from tests.unit.serving.client import Client, guarded
from tests.unit.serving.conftest import AS_OF, ROOT, SERVICES, World, train, write_release

LEAD = "demo-north-lead_practitioner"


@pytest.fixture
def desk(world: World) -> Desk:
    """Give a desk on lists of a model whose data is not made up."""
    release = write_release(world.workspace, train(3), "real")
    text = (release / "manifest.json").read_text().replace('"synthetic": true', '"synthetic": false')
    (release / "manifest.json").write_text(text)
    make_bundle(world.invocation, release, SERVICES)
    rank_households(world.invocation, world.matrix, AS_OF)
    return Desk.open(world.invocation, demo=True)


def answers(practice: Practice, wrong_about: int = 0) -> dict[str, str]:
    """Return a form's answers, wrong about the last `wrong_about` cases that the list has right."""
    said = [case.wrong for case in practice.cases]
    harmless = [number for number, case in enumerate(practice.cases) if not case.wrong]
    for number in harmless[len(harmless) - wrong_about :]:
        said[number] = True
    return {f"case-{number}": "wrong" if wrong else "right" for number, wrong in enumerate(said)}


def test_the_shipped_practice_has_ten_cases_three_of_them_wrong_and_no_banned_word() -> None:
    practice = Practice.load(ROOT / "council")
    assert (len(practice.cases), sum(case.wrong for case in practice.cases)) == (10, 3)
    assert practice.valid == timedelta(days=365)
    assert not re.search(r"\brisk", (ROOT / "council" / "practice.toml").read_text(), re.IGNORECASE)


def test_calling_every_case_wrong_is_not_enough() -> None:
    practice = Practice.load(ROOT / "council")
    assert not mark_answers(practice, dict.fromkeys(range(10), True)).passed
    assert not mark_answers(practice, dict.fromkeys(range(10), False)).passed
    assert mark_answers(practice, {number: case.wrong for number, case in enumerate(practice.cases)}).passed


def test_real_cases_are_decided_only_after_practice_and_stepping_up_never_waits(desk: Desk) -> None:
    client = Client(guarded(desk))
    client.sign_in(LEAD)
    case, other = (referral.id for referral in desk.store.referrals("early_help", "north-2026-09-28")[:2])
    assert desk.store.own_view(Identity(LEAD, "lead_practitioner", frozenset({"north"})), case) is None
    token = client.token(LEAD)
    body = {"version": 1, "disposition": "deferred", "reason": "capacity"}
    refused = client.send("POST", f"/v1/referrals/{case}/decisions", json=body,
                          headers={**token, "idempotency-key": "practice-1"})  # fmt: skip
    assert refused.status_code == 403
    assert "practised" in refused.json()["detail"]
    assert not desk.store.decisions(case)
    stepped = {"version": 1, "disposition": "stepped_up", "reason": "safety_concern"}
    assert client.send("POST", f"/v1/referrals/{other}/decisions", json=stepped,
                       headers={**token, "idempotency-key": "practice-2"}).status_code == 201  # fmt: skip

    hidden = client.form_of("/practice", "/practice")
    assert "Answer every case" in client.post("/practice", {**hidden, "case-0": "wrong"}).text
    failed = client.post("/practice", {**hidden, **answers(desk.practice, wrong_about=3)})
    assert "Not enough yet" in failed.text
    assert "You were right about 7 of 10" in failed.text
    passed = client.post("/practice", {**hidden, **answers(desk.practice, wrong_about=2)})
    assert "That is enough to decide on real lists until" in passed.text
    assert client.send("POST", f"/v1/referrals/{case}/decisions", json=body,
                       headers={**token, "idempotency-key": "practice-3"}).status_code == 201  # fmt: skip
    assert [entry.actor for entry in desk.store.entries() if entry.action == PASSED] == [LEAD]


def test_practice_holds_for_its_year_and_for_one_person(desk: Desk) -> None:
    one, other = (Identity(name, "lead_practitioner", frozenset({"north"})) for name in ("one", "other"))
    desk.store.log(one, PASSED)
    bundle = str(desk.manifest()["id"])
    assert desk.has_practised(one, bundle)
    assert not desk.has_practised(other, bundle)
    desk.__dict__["practice"] = desk.practice.replace(valid_days=0)
    assert not desk.has_practised(one, bundle), "too long ago"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("wrong = true", "wrong = false", "0 of them wrong"),
        ("right_at_least = 8", "right_at_least = 11", "more right answers"),
        ("valid_days = 365", "", "lacks 'valid_days'"),
    ],
)
def test_a_practice_that_teaches_nothing_is_refused(tmp_path: Path, old: str, new: str, said: str) -> None:
    text = (ROOT / "council" / "practice.toml").read_text()
    (tmp_path / "practice.toml").write_text(text.replace(old, new))
    with pytest.raises(DefinitionError, match=said):
        Practice.load(tmp_path)
