"""A role may say no: its reason stands in the way of promotion until it signs after all."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from charter.contracts.files import file_digest
from charter.errors import CharterError, DataError, SignOffError, UsageError
from charter.invocation import Invocation, shipped_council
from charter.signing.acceptance import Signable, refuse_as, sign_as
from charter.signing.decisions import decide_run
from charter.signing.refusals import Refusal, lift_refusal, list_refusals, note_refusal
from charter.signing.signoffs import read_signoffs, require_signoffs
from charter.vault.log import FileLog
from tests.unit.charter.audits import audited, policy_of

OFFICER, OWNER = "chief_data_officer", "senior_responsible_owner"


@pytest.fixture
def invocation(tmp_path: Path) -> Invocation:
    shutil.copytree(shipped_council(), tmp_path / "council")
    return Invocation.open(tmp_path / "council", "early_help", tmp_path / "workspace", quiet=True)


@pytest.fixture
def folder(invocation: Invocation) -> Path:
    """Give an audit whose decision passes and is signed by all."""
    folder = audited(invocation)
    assert decide_run(invocation)["decision"] == "pass"
    for what in ("charter", "decision"):
        for role in policy_of(invocation).signers(what):
            sign_as(invocation, role.id, Signable(what), demo=True)
    return folder


def test_a_refusal_ends_the_roles_own_sign_off_and_stops_promotion_until_it_signs(
    invocation: Invocation, folder: Path
) -> None:
    require_signoffs(invocation, folder, synthetic=True)
    refusal = refuse_as(invocation, OFFICER, "  The map is wrong. ", actor="somebody")
    assert refusal.reason == "The map is wrong."
    assert OFFICER not in {row.role for row in read_signoffs(folder / "signoffs.toml")}
    with pytest.raises(SignOffError, match="Chief data officer refused this decision: The map is wrong"):
        require_signoffs(invocation, folder, synthetic=True)
    entry = FileLog(invocation.workspace.log).entries()[-1]
    assert (entry.action, entry.actor, entry.role) == ("refuse decision", "somebody", OFFICER)
    assert entry.subject == file_digest(folder / "decision.json")
    assert "map" not in str(entry)
    sign_as(invocation, OFFICER, Signable("decision"), demo=True)
    assert require_signoffs(invocation, folder, synthetic=True)["decision"] == "pass"


def test_a_refusal_without_a_sign_off_before_it_counts_as_much(invocation: Invocation, folder: Path) -> None:
    (folder / "signoffs.toml").unlink()
    refuse_as(invocation, OFFICER, "No.", actor="somebody")
    assert [row.role for row in list_refusals(folder, file_digest(folder / "decision.json"))] == [OFFICER]
    assert not (folder / "signoffs.toml").exists()


def test_what_cannot_be_refused_is_said(invocation: Invocation, folder: Path) -> None:
    with pytest.raises(UsageError, match="a refusal needs a reason"):
        refuse_as(invocation, OFFICER, " ", actor="somebody")
    with pytest.raises(UsageError, match="residents_panel does not sign a decision") as refused:
        refuse_as(invocation, "residents_panel", "No.", actor="somebody")
    assert OFFICER in refused.value.next_step
    with pytest.raises(CharterError):
        refuse_as(invocation, "mayor", "No.", actor="somebody")
    (folder / "decision.json").unlink()
    with pytest.raises(DataError, match="no decision on run r1 to refuse"):
        refuse_as(invocation, OFFICER, "No.", actor="somebody")


def test_refusals_are_of_bytes_and_one_role_says_no_once(tmp_path: Path) -> None:
    first = Refusal(OFFICER, "a" * 64, "One reason.", "2026-11-28T09:00:00+00:00")
    again = Refusal(OFFICER, "a" * 64, "Another.", "2026-11-28T10:00:00+00:00")
    other = Refusal(OWNER, "a" * 64, "Mine.", "2026-11-28T11:00:00+00:00")
    of_another = Refusal(OFFICER, "b" * 64, "Elsewhere.", "2026-11-28T12:00:00+00:00")
    for row in (first, again, other, of_another):
        note_refusal(tmp_path, row)
    assert list_refusals(tmp_path, "a" * 64) == (again, other)
    lift_refusal(tmp_path, OFFICER, "a" * 64)
    assert list_refusals(tmp_path, "a" * 64) == (other,)
    assert list_refusals(tmp_path, "b" * 64) == (of_another,)
    before = (tmp_path / "refusals.json").stat().st_mtime_ns
    lift_refusal(tmp_path, OFFICER, "c" * 64)
    assert (tmp_path / "refusals.json").stat().st_mtime_ns == before
