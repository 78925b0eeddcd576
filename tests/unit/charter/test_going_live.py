"""The second gate: of what the current release issued, decided, signed and opened; a breach suspends at once."""

from __future__ import annotations

import shutil
from datetime import date, timedelta
from pathlib import Path

import pytest

from charter.contracts.files import read_json, write_json
from charter.contracts.workspace import Workspace
from charter.errors import BlockedError, DataError, SignOffError, UsageError
from charter.invocation import Invocation, shipped_council
from charter.signing.acceptance import Signable, sign_as
from charter.signing.decisions import decide_run, go_live
from charter.signing.second_gate import in_shadow
from charter.signing.signoffs import find_today, read_signoffs, require_signoffs
from charter.signing.suspensions import GATE, suspend_on_breach
from charter.vault.log import FileLog
from tests.unit.charter.audits import audited, policy_of, promoted


@pytest.fixture
def invocation(tmp_path: Path) -> Invocation:
    """Open a council with an audited run and its release."""
    shutil.copytree(shipped_council(), tmp_path / "council")
    invocation = Invocation.open(tmp_path / "council", "early_help", tmp_path / "workspace", quiet=True)
    audited(invocation)
    promoted(invocation)
    return invocation


def sign_all(invocation: Invocation, until: date | None = None) -> None:
    for role in policy_of(invocation).signers("charter"):
        sign_as(invocation, role.id, Signable("charter"), demo=True)
    for role in policy_of(invocation).signers("decision"):
        sign_as(invocation, role.id, Signable("decision", live=True), demo=True, until=until)


def test_signed_lists_may_be_seen_until_the_next_decision_is_due(invocation: Invocation) -> None:
    folder = audited(invocation, live=True)
    assert decide_run(invocation, live=True)["decision"] == "pass"
    sign_all(invocation)
    release, until = go_live(invocation)
    # The charter's roles sign for a year; the outcomes that the next decision needs are known before that.
    assert (release, until) == ("release-of-r1", date(2027, 9, 1))
    assert {row.expires for row in read_signoffs(folder / "signoffs.toml")} == {until}
    assert in_shadow(invocation.workspace, release, date(2027, 8, 31)) == ""
    assert in_shadow(invocation.workspace, release, until) != ""
    assert FileLog(invocation.workspace.log).entries()[-1].action == "go live"


def test_the_first_sign_off_to_end_closes_the_gate(invocation: Invocation) -> None:
    audited(invocation, live=True)
    decide_run(invocation, live=True)
    sign_all(invocation)
    soon = find_today(invocation) + timedelta(days=30)
    sign_as(invocation, "chief_data_officer", Signable("decision", live=True), demo=True, until=soon)
    assert go_live(invocation)[1] == soon
    with pytest.raises(UsageError, match="not after 2027-09-01"):
        sign_as(invocation, "chief_data_officer", Signable("decision", live=True), demo=True, until=date(2027, 9, 2))


def test_nothing_opens_without_the_second_gates_own_decision(invocation: Invocation) -> None:
    with pytest.raises(DataError, match="has not been audited"):
        decide_run(invocation, live=True)
    folder = audited(invocation, live=True)
    with pytest.raises(DataError, match="no decision on run live"):
        go_live(invocation)
    decide_run(invocation, live=True)
    with pytest.raises(SignOffError):
        go_live(invocation)
    # The decision on the tested past does not stand in for it, and the other way round.
    decide_run(invocation)
    of_past, of_lists = (read_json(audit / "decision.json") for audit in (folder.parent, folder))
    write_json(folder / "decision.json", of_past)
    write_json(folder.parent / "decision.json", of_lists)
    for audit, live in ((folder, True), (folder.parent, False)):
        with pytest.raises(DataError, match="is not of this gate"):
            require_signoffs(invocation, audit, synthetic=True, live=live)


def test_a_model_that_was_promoted_since_was_never_watched(invocation: Invocation) -> None:
    folder = audited(invocation, live=True)
    write_json(folder / "findings.json", read_json(folder / "findings.json") | {"inputs": {"model.lgb": "f" * 64}})
    decide_run(invocation, live=True)
    sign_all(invocation)
    with pytest.raises(DataError, match="another model was promoted since this audit"):
        go_live(invocation)
    assert in_shadow(invocation.workspace, "release-of-r1", find_today(invocation)) != ""


def test_where_nothing_was_promoted_there_is_nothing_to_watch(tmp_path: Path) -> None:
    invocation = Invocation.open(shipped_council(), "early_help", tmp_path / "workspace", quiet=True)
    with pytest.raises(DataError, match="no model of early_help was promoted yet"):
        decide_run(invocation, live=True)


def test_a_blocked_second_gate_suspends_the_programme_and_is_logged(invocation: Invocation) -> None:
    audited(invocation, value=0.3, live=True)
    decision = decide_run(invocation, live=True)
    assert decision["decision"] == "block"
    (path,) = invocation.workspace.suspensions.glob("*.json")
    document = read_json(path)
    assert (document["what"], document["name"], document["role"]) == ("programme", "early_help", GATE)
    assert document["reason"] == decision["sentence"]
    entry = FileLog(invocation.workspace.log).entries()[-1]
    assert (entry.action, entry.role, entry.subject) == ("suspend", GATE, path.stem)
    with pytest.raises(BlockedError, match="cannot be accepted"):
        sign_as(invocation, "chief_data_officer", Signable("decision", live=True), demo=True)


def test_a_breach_is_written_beside_what_people_suspended(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path, "early_help")
    other = {"what": "team", "name": "early_help", "role": GATE, "reason": "", "at": "", "resumed_by": []}
    write_json(workspace.suspensions / "0.json", other)
    path = suspend_on_breach(workspace, "A gap.")
    assert path.name != "0.json"
    assert suspend_on_breach(workspace, "Another gap.") == path
    assert read_json(path)["reason"] == "A gap."
