"""Residents' cases are asked of the rules in use: break a rule and the case turns."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from charter.acts import ACTS, NO_ROLE
from charter.council.register import Register
from charter.errors import CharterError
from charter.invocation import shipped_council
from charter.rules.policy import Allow, Policy
from charter.rules.roles import Role
from charter.rules.scenarios import Scenario, Scenarios, answer_scenarios

COUNCIL = shipped_council()
POLICY = Policy.load(COUNCIL / "charter.toml")
REGISTER = Register.load(COUNCIL / "register.toml")
SHIPPED = Scenarios.load(COUNCIL / "scenarios.toml", POLICY).scenarios


def test_every_shipped_case_comes_out_as_residents_expect() -> None:
    rows = answer_scenarios(SHIPPED, POLICY, REGISTER)
    assert len(rows) >= POLICY.scenarios_at_least >= 15
    assert [row["story"] for row in rows if not row["held"]] == []


def test_some_cases_are_allowed_and_some_refused() -> None:
    assert {one.expected for one in SHIPPED} == {"allowed", "refused"}


def loosened(policy: Policy, one: Scenario) -> Policy:
    """Return a charter that allows what this case expects to be refused, and refuses what it expects to be allowed."""
    purpose, signal = one.purpose or "", one.signal or ""
    allowed = dict(policy.allowed)
    if one.signal is not None:
        signals = set(allowed.get(purpose, frozenset()))
        allowed[purpose] = frozenset(signals - {signal} if one.expected == "allowed" else signals | {signal})
    audited = policy.audit.characteristics
    if one.characteristic is not None:
        audited = tuple(row for row in audited if row.id != one.characteristic)
    return policy.replace(
        allow=tuple(Allow(purposes=frozenset({name}), signals=signals) for name, signals in allowed.items()),
        audit=policy.audit.replace(characteristics=audited),
        prohibited_inputs=(),
    )


@pytest.mark.parametrize("case", [one for one in SHIPPED if one.act is not None], ids=lambda one: one.id)
def test_changing_what_a_role_may_do_turns_the_case(case: Scenario) -> None:
    role, act = case.role or "", case.act or ""
    if act not in ACTS or role in NO_ROLE:
        # Nothing that a council could write allows it: no such act is anybody's, and nobody is in no role.
        assert case.expected == "refused"
        return
    others = [one for one in POLICY.roles if one.id != role]
    if case.expected == "allowed":
        stripped = Role(id=role, title=role, signs=frozenset(), may=frozenset())
        changed = POLICY.replace(roles=(*others, stripped))
    else:
        changed = POLICY.replace(roles=(*others, Role(id=role, title=role, signs=frozenset(), may=frozenset({act}))))
    (row,) = answer_scenarios((case,), changed, REGISTER)
    assert not row["held"]


@pytest.mark.parametrize(
    "case",
    [
        one
        for one in SHIPPED
        if one.signal is not None and one.signal.split(".")[0] in {s.service for s in REGISTER.sources}
    ],
    ids=lambda one: one.id,
)
def test_changing_the_charters_list_turns_the_case_where_the_register_allows_it(case: Scenario) -> None:
    service, purpose = (case.signal or "").split(".")[0], case.purpose or ""
    (row,) = answer_scenarios((case,), loosened(POLICY, case), REGISTER)
    # The charter alone cannot allow what the register's basis does not: two locks.
    assert row["held"] == (case.expected == "refused" and not REGISTER.permits(service, purpose))


def test_not_auditing_a_characteristic_turns_the_case_about_it() -> None:
    case = next(one for one in SHIPPED if one.id == "ethnicity_to_check_fairness")
    (row,) = answer_scenarios((case,), loosened(POLICY, case), REGISTER)
    assert not row["held"]


def test_a_source_that_the_register_does_not_know_is_refused() -> None:
    one = Scenario(
        id="x", story="s", expected="refused", reason="r", principle="trust", signal="library.visit", purpose="train"
    )
    assert not one.allowed_by(loosened(POLICY, one), REGISTER)


CASE = """
[[scenario]]
id = "one"
story = "Somebody asks."
role = "police"
act = "worklist.read"
expected = "refused"
reason = "Because."
principle = "trust"
"""


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("[[scenario]]", "surprise = 1\n[[scenario]]", "unknown key 'surprise'"),
        ('id = "one"', 'id = "one"\nmood = "bad"', "unknown key 'mood'"),
        ('reason = "Because."', "", "lacks 'reason'"),
        ('"refused"', '"maybe"', 'is "maybe"'),
        ('role = "police"', "", "is not whole"),
        (
            '"worklist.read"',
            '"worklist.reed"',
            "is 'worklist.reed', which nobody may do. Did you mean 'worklist.read'?",
        ),
        ('act = "worklist.read"', 'act = "worklist.read"\npurpose = "rank"', "is not whole"),
        ('role = "police"\nact = "worklist.read"', "", "asks nothing"),
        (
            'role = "police"\nact = "worklist.read"',
            'signal = "housing.notice"\npurpose = "fun"',
            "is 'fun', which is not known",
        ),
        ('principle = "trust"', 'principle = "luck"', "which is no principle of charter.toml"),
        ('principle = "trust"\n', f'principle = "trust"\n{CASE}', "two [[scenario]] with id = 'one'"),
    ],
)
def test_a_case_that_is_not_understood_is_refused(tmp_path: Path, old: str, new: str, words: str) -> None:
    assert old in CASE
    path = tmp_path / "scenarios.toml"
    path.write_text(CASE.replace(old, new, 1))
    with pytest.raises(CharterError, match=re.escape(words)):
        Scenarios.load(path, POLICY)


def test_no_file_is_no_case(tmp_path: Path) -> None:
    assert Scenarios.load(tmp_path / "scenarios.toml", POLICY).scenarios == ()
