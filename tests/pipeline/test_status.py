"""`sooner status`: nothing is stale after a whole run; what changed makes what rests on it stale, and no more."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from charter.contracts.files import find_current
from charter.contracts.workspace import Workspace
from charter.council.council import Council
from charter.invocation import Invocation
from sooner.status import list_stages
from tests.conftest import ROOT, run_sooner


@pytest.fixture
def invocation(demo_workspace: Path, tmp_path: Path) -> Invocation:
    """Give the demo's results with a copy of the council that they were made by."""
    shutil.copytree(ROOT / "council", tmp_path / "council")
    workspace = Workspace(demo_workspace, "early_help")
    return Invocation(Council.load(tmp_path / "council"), "early_help", workspace, quiet=True)


def stale(invocation: Invocation) -> dict[str, tuple[str, ...]]:
    stages = list_stages(invocation)
    assert all(stage.id for stage in stages)
    return {stage.kind: stage.stale for stage in stages if stage.stale}


def test_after_a_whole_run_nothing_is_stale(invocation: Invocation) -> None:
    assert stale(invocation) == {}


@pytest.mark.parametrize(
    ("file", "old", "new", "first", "said"),
    [
        ("register.toml", "retention_years", "retention_years ", "snapshot", "register.toml changed since"),
        ("early_help/definition.py", "last=months(6)", "last=months(7)", "matrix", "definition.py changed since"),
        ("early_help/training.toml", "leaves = 8", "leaves = 9", "run", "training.toml changed since"),
    ],
)
def test_what_changed_makes_what_rests_on_it_stale(
    invocation: Invocation, file: str, old: str, new: str, first: str, said: str
) -> None:
    path = invocation.council.folder / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    changed = stale(
        Invocation(Council.load(path.parents[file.count("/")]), "early_help", invocation.workspace, quiet=True)
    )
    kinds = ["snapshot", "matrix", "run", "decision", "release", "list"]
    assert list(changed) == kinds[kinds.index(first) :]
    assert said in changed[first]
    assert all(reasons[0].startswith("older than its") for kind, reasons in changed.items() if kind != first)


def test_a_decision_that_is_not_signed_is_signed_next(invocation: Invocation, tmp_path: Path) -> None:
    """`promote` would refuse; the roles sign one after the other, and then it is next."""
    root = tmp_path / "work"
    root.mkdir()
    for part in invocation.workspace.root.iterdir():
        if part.name == "audit":
            shutil.copytree(part, root / "audit", symlinks=True)
        elif part.name != "release":
            (root / part.name).symlink_to(part)
    again = Invocation(invocation.council, "early_help", Workspace(root, "early_help"), quiet=True)
    roles = [role.id for role in again.policy.signers("decision")]
    assert len(roles) > 1

    def find_next() -> str:
        return next(stage.verb for stage in list_stages(again) if not stage.id)

    audited = find_current(again.workspace.audit)
    assert audited is not None
    signed = audited / "signoffs.toml"
    text = signed.read_text(encoding="utf-8")
    assert find_next() == "promote"
    signed.write_text("", encoding="utf-8")
    assert find_next() == f"sign --what decision --role {roles[0]}"
    first = next(row for row in text.split("[[signoff]]")[1:] if f'role = "{roles[0]}"' in row)
    signed.write_text(f"[[signoff]]{first}", encoding="utf-8")
    assert find_next() == f"sign --what decision --role {roles[1]}"


def test_the_command_says_what_to_run_next(demo_workspace: Path, tmp_path: Path) -> None:
    where = ("--workspace", str(demo_workspace), "--council", str(ROOT / "council"))
    ran = run_sooner("status", *where, "--json")
    assert len(json.loads(ran.out)["stages"]) == 6
    ran = run_sooner("status", "--workspace", str(tmp_path / "empty"), "--council", str(ROOT / "council"))
    assert (ran.code, ran.out.splitlines()[-1]) == (0, "Next: `sooner pull`.")
