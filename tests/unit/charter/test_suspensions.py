"""Anyone who may suspends alone and at once; nobody resumes alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from charter.contracts.files import read_json
from charter.contracts.workspace import Workspace
from charter.errors import CharterError, UsageError
from charter.invocation import shipped_council
from charter.rules.policy import Policy
from charter.signing.suspensions import record_resumption, start_suspension

POLICY = Policy.load(shipped_council() / "charter.toml")
OWNER, OFFICER = "senior_responsible_owner", "data_protection_officer"


def stop(
    workspace: Workspace, role: str = OWNER, what: str = "programme", reason: str = "A feed repeats itself."
) -> Path:
    return start_suspension(workspace, POLICY, what=what, name="early_help", role=role, reason=reason)


def test_one_role_suspends_and_two_resume(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path, "early_help")
    path = stop(workspace)
    assert read_json(path)["what"] == "programme"
    assert not record_resumption(workspace, POLICY, suspension=path.stem, role=OWNER)
    assert path.exists()
    with pytest.raises(UsageError, match="nobody resumes alone"):
        record_resumption(workspace, POLICY, suspension=path.stem, role=OWNER)
    assert record_resumption(workspace, POLICY, suspension=path.stem, role=OFFICER)
    assert not path.exists()
    kept = read_json(workspace.suspensions / "resumed" / path.name)
    assert kept["resumed_by"] == [OWNER, OFFICER]


def test_a_role_that_may_not_is_refused_with_those_that_may(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path, "early_help")
    with pytest.raises(CharterError, match="does not let board") as refused:
        stop(workspace, role="board")
    assert OFFICER in refused.value.next_step
    path = stop(workspace)
    with pytest.raises(CharterError, match="does not let"):
        record_resumption(workspace, POLICY, suspension=path.stem, role="board")


def test_nonsense_is_refused(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path, "early_help")
    with pytest.raises(UsageError, match="no 'weather' to suspend"):
        stop(workspace, what="weather")
    with pytest.raises(UsageError, match="needs a reason"):
        stop(workspace, reason="  ")
    with pytest.raises(UsageError, match="no suspension 'x'"):
        record_resumption(workspace, POLICY, suspension="x", role=OWNER)
