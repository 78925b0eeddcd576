"""Sign-offs are of bytes, end, and open real data only when they were really signed; promotion has one door."""

from __future__ import annotations

import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from charter.contracts.files import file_digest, read_json, write_json
from charter.errors import (
    BlockedError,
    CharterError,
    DataError,
    ReferredError,
    SignOffError,
    SoonerError,
    UsageError,
)
from charter.invocation import Invocation, shipped_council
from charter.signing.acceptance import Signable, sign_as
from charter.signing.decisions import decide_run
from charter.signing.signoffs import (
    SignOff,
    add_signoff,
    find_expiry,
    find_today,
    list_missing,
    read_charter_signoffs,
    read_signoffs,
    require_signoffs,
)
from charter.vault.command_log import CommandLog
from charter.vault.log import verify_chains
from tests.unit.charter.audits import audited, policy_of

ROLES = ("senior_responsible_owner", "data_protection_officer", "residents_panel")


@pytest.fixture
def invocation(tmp_path: Path) -> Invocation:
    council = tmp_path / "council"
    shutil.copytree(shipped_council(), council)
    return Invocation.open(council, "early_help", tmp_path / "workspace", quiet=True)


def sign_all(invocation: Invocation) -> None:
    policy = policy_of(invocation)
    for what in ("charter", "decision"):
        for role in policy.signers(what):
            sign_as(invocation, role.id, Signable(what), demo=True)


def test_the_door_opens_with_a_passing_decision_and_every_signature(invocation: Invocation) -> None:
    folder = audited(invocation)
    assert decide_run(invocation)["decision"] == "pass"
    sign_all(invocation)
    assert require_signoffs(invocation, folder, synthetic=True)["decision"] == "pass"


def test_no_decision_no_champion(invocation: Invocation) -> None:
    with pytest.raises(DataError, match="no decision"):
        require_signoffs(invocation, audited(invocation), synthetic=True)


def test_a_blocked_decision_opens_nothing_and_cannot_be_signed(invocation: Invocation) -> None:
    folder = audited(invocation, value=0.4)
    assert decide_run(invocation)["decision"] == "block"
    with pytest.raises(BlockedError):
        require_signoffs(invocation, folder, synthetic=True)
    with pytest.raises(BlockedError, match="cannot be accepted"):
        sign_as(invocation, "chief_data_officer", Signable("decision"), demo=True)


def test_a_referral_waits_for_the_board(invocation: Invocation) -> None:
    folder = audited(invocation, spread=0.5)
    assert decide_run(invocation)["decision"] == "refer"
    for role in ROLES:
        sign_as(invocation, role, Signable("charter"), demo=True)
    with pytest.raises(ReferredError):
        require_signoffs(invocation, folder, synthetic=True)
    sign_as(invocation, "senior_responsible_owner", Signable("decision"), demo=True)
    with pytest.raises(ReferredError):
        require_signoffs(invocation, folder, synthetic=True)
    sign_as(invocation, "chief_data_officer", Signable("decision"), demo=True)
    assert require_signoffs(invocation, folder, synthetic=True)["decision"] == "refer"


def test_each_missing_signature_is_exit_14_and_named(invocation: Invocation) -> None:
    folder = audited(invocation)
    decide_run(invocation)
    with pytest.raises(SignOffError, match=r"Senior responsible owner.*has not been signed") as refused:
        require_signoffs(invocation, folder, synthetic=True)
    assert refused.value.exit_code == 14
    sign_all(invocation)
    (folder / "signoffs.toml").unlink()
    with pytest.raises(SignOffError, match="the decision lacks"):
        require_signoffs(invocation, folder, synthetic=True)


def test_demo_signatures_never_open_real_data(invocation: Invocation) -> None:
    folder = audited(invocation)
    decide_run(invocation)
    sign_all(invocation)
    with pytest.raises(SignOffError, match="synthetic data alone"):
        require_signoffs(invocation, folder, synthetic=False)


def test_a_row_in_the_workspace_is_a_demo_whatever_it_says(invocation: Invocation) -> None:
    policy = policy_of(invocation)
    now = datetime.now(UTC)
    real = SignOff.of(ROLES[0], "charter", policy.sha256, now, date(2099, 1, 1), "signed")
    add_signoff(invocation.workspace.signoffs, real)
    assert read_charter_signoffs(invocation) == ()
    add_signoff(invocation.council.folder / "signoffs.toml", real)
    assert [one.kind for one in read_charter_signoffs(invocation)] == ["signed"]


def test_an_edited_charter_needs_a_new_audit_and_new_signatures(invocation: Invocation) -> None:
    folder = audited(invocation)
    decide_run(invocation)
    sign_all(invocation)
    charter = invocation.council.folder / "charter.toml"
    charter.write_text(charter.read_text() + "\n# a harmless remark\n")
    invocation = invocation.reread()
    with pytest.raises(SignOffError, match="edited after the decision"):
        require_signoffs(invocation, folder, synthetic=True)
    audited(invocation)
    decide_run(invocation)
    with pytest.raises(SignOffError, match="edited after it was signed"):
        require_signoffs(invocation, folder, synthetic=True)


def test_edited_findings_and_decisions_are_refused(invocation: Invocation) -> None:
    folder = audited(invocation)
    decide_run(invocation)
    sign_all(invocation)
    decision = folder / "decision.json"
    text = decision.read_text()
    decision.write_text(text.replace('"decision": "pass"', '"decision":  "pass"'))
    with pytest.raises(SignOffError, match="edited after it was signed"):
        require_signoffs(invocation, folder, synthetic=True)
    decision.write_text(text)
    findings = folder / "findings.json"
    findings.write_text(findings.read_text() + "\n")
    with pytest.raises(DataError, match=r"findings.json was edited"):
        require_signoffs(invocation, folder, synthetic=True)


def test_signatures_expire(invocation: Invocation) -> None:
    folder = audited(invocation)
    decide_run(invocation)
    sign_all(invocation)
    later = find_today(invocation) + timedelta(days=366)
    with pytest.raises(SignOffError, match="has expired"):
        require_signoffs(invocation, folder, synthetic=True, day=later)


def test_expiry_is_so_many_months_later_or_the_months_last_day(invocation: Invocation) -> None:
    role = policy_of(invocation).role("chief_data_officer")
    assert find_expiry(role, date(2026, 9, 28)) == date(2027, 9, 28)
    assert find_expiry(role.replace(months=6), date(2026, 8, 31)) == date(2027, 2, 28)


@pytest.mark.parametrize(
    ("role", "what", "error", "words"),
    [
        ("chief_data_officer", "cheque", UsageError, "to sign"),
        ("chief_data_officer", "charter", UsageError, "does not sign a charter"),
        ("mayor", "charter", CharterError, "knows no role"),
        ("chief_data_officer", "decision", DataError, "no audit"),
    ],
)
def test_what_cannot_be_signed_is_refused(
    invocation: Invocation, role: str, what: str, error: type[SoonerError], words: str
) -> None:
    with pytest.raises(error, match=words):
        sign_as(invocation, role, Signable(what), demo=True)


def test_a_decision_must_exist_to_be_signed(invocation: Invocation) -> None:
    audited(invocation)
    with pytest.raises(DataError, match="no decision on run r1 to sign"):
        sign_as(invocation, "chief_data_officer", Signable("decision"), demo=True)


def test_a_typed_signature_is_a_demos(invocation: Invocation) -> None:
    with pytest.raises(UsageError, match="counts as a demo"):
        sign_as(invocation, ROLES[0], Signable("charter"), demo=False)


def test_signing_for_a_demo_leaves_the_council_folder_alone_and_is_logged(invocation: Invocation) -> None:
    before = {path: file_digest(path) for path in invocation.council.folder.rglob("*") if path.is_file()}
    sign_as(invocation, ROLES[0], Signable("charter"), demo=True)
    assert {path: file_digest(path) for path in invocation.council.folder.rglob("*") if path.is_file()} == before
    log = CommandLog.open(invocation.council, invocation.workspace).file
    entries = log.entries()
    assert [(entry.action, entry.role) for entry in entries] == [("sign charter", ROLES[0])]
    verify_chains(entries, entry_key=log.key)


def test_signing_again_replaces_the_row(invocation: Invocation) -> None:
    sign_as(invocation, ROLES[0], Signable("charter"), demo=True)
    sign_as(invocation, ROLES[0], Signable("charter"), demo=True)
    assert len(read_signoffs(invocation.workspace.signoffs)) == 1


def test_rows_survive_being_written_and_read(tmp_path: Path) -> None:
    path = tmp_path / "signoffs.toml"
    when, until = datetime(2026, 1, 2, tzinfo=UTC), date(2027, 1, 2)
    one = SignOff.of("r", "charter", "a" * 64, when, until, "signed", minute='Minute "7"', signature="c2ln")
    two = SignOff.of("r", "decision", "b" * 64, datetime(2026, 1, 3, tzinfo=UTC), date(2027, 1, 3), "demo")
    add_signoff(path, one)
    add_signoff(path, two)
    assert read_signoffs(path) == (one, two)
    assert read_signoffs(tmp_path / "none.toml") == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("surprise = 1", "unknown key 'surprise'"),
        ('[[signoff]]\nrole = "r"', "lacks 'signed_at'"),
        ('[[signoff]]\nrole = "r"\ncharter_sha256 = "a"\nsigned_at = 2026-01-01T00:00:00Z', "lacks 'expires'"),
        (
            '[[signoff]]\nrole = "r"\ncharter_sha256 = "a"\nsigned_at = 2026-01-01T00:00:00Z\nexpires = 2027-01-01\n'
            'kind = "forged"',
            "is 'forged', which is not known",
        ),
        (
            '[[signoff]]\nrole = "r"\ncharter_sha256 = "a"\nsigned_at = 2026-01-01T00:00:00Z\n'
            'expires = 2027-01-01T00:00:00Z\nkind = "demo"',
            "not a date",
        ),
        (
            '[[signoff]]\nrole = "r"\nsigned_at = 2026-01-01T00:00:00\nexpires = 2027-01-01\nkind = "demo"',
            "not a time with its zone",
        ),
        (
            '[[signoff]]\nrole = "r"\nsigned_at = 2026-01-01T00:00:00Z\nexpires = 2027-01-01\nkind = "demo"',
            "names not one thing",
        ),
    ],
)
def test_a_file_that_is_not_of_signoffs_is_refused(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "signoffs.toml"
    path.write_text(text)
    with pytest.raises(DataError, match=words):
        read_signoffs(path)


def test_missing_lists_the_roles_left(invocation: Invocation) -> None:
    policy = policy_of(invocation)
    sign_as(invocation, ROLES[1], Signable("charter"), demo=True)
    left = list_missing(
        "charter", policy.sha256, policy, read_charter_signoffs(invocation), find_today(invocation), synthetic=True
    )
    assert [role.id for role in left] == [ROLES[0], ROLES[2]]


def test_deciding_again_after_a_block_remembers_it(invocation: Invocation) -> None:
    audited(invocation, value=0.5, run="r1")
    assert decide_run(invocation)["decision"] == "block"
    folder = audited(invocation, value=1.0, run="r2")
    findings = read_json(folder / "findings.json")
    for row in findings["findings"]:
        if row["measure"] in {"listed_before_need", "recorded_per_independent"}:
            row["estimate"], row["rest"]["estimate"] = 0.1, 0.1
            row["interval"] = row["rest"]["interval"] = [0.09, 0.11]
    write_json(folder / "findings.json", findings)
    assert decide_run(invocation)["decision"] == "refer"
