"""What the demo refuses before its work, rather than after it."""

from __future__ import annotations

from pathlib import Path

from charter.contracts.workspace import Workspace
from charter.council.council import Council
from charter.invocation import shipped_council
from charter.vault.command_log import CommandLog
from tests.conftest import run_sooner


def test_a_demonstration_that_was_removed_leaves_an_anchor_and_the_next_one_says_so_first(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "workspace", "early_help")
    anchors = CommandLog.open(Council.load(shipped_council()), workspace).anchors
    anchors.add({"worker-1": (3, "00")})

    ran = run_sooner("demo", "--no-serve", "--households", "3000", "--workspace", str(workspace.root))

    assert ran.code == 2
    assert f"{anchors.path} says that {workspace.root} had a casework database, and it is gone." in ran.err
    assert "remove this file too" in ran.err
    assert not workspace.extracts.exists()
