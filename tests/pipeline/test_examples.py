"""What examples/README.md says of somebody else's event history: its commands in their order, to list and verdict."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from charter.contracts.files import find_current, read_json
from charter.contracts.workspace import Workspace
from charter.machine.code_version import describe_code, is_edited
from tests.conftest import ROOT, run_sooner

DATA = ROOT.parent / "shared/data"
pytestmark = pytest.mark.skipif(
    not (DATA / "triage_food_inspections").is_dir(), reason="needs ../shared/data beside the repository"
)


def test_one_file_of_events_is_pulled_to_the_last_row(tmp_path: Path) -> None:
    where = ("--council", str(ROOT / "examples/inspections"), "--workspace", str(tmp_path / "workspace"))
    ran = run_sooner("pull", *where, "--extracts", str(DATA), "--json")
    assert ran.code == 0, ran.err
    (counts,) = json.loads(ran.out)["by_file"].values()
    assert (counts["rows"], counts["kept"], counts["quarantined"]) == (966, 966, 0)


@pytest.mark.deep
def test_the_page_takes_a_queue_from_its_file_to_list_and_verdict(tmp_path: Path) -> None:
    if is_edited(describe_code()):
        pytest.skip("real data is trained by committed code alone")
    page = (ROOT / "examples/README.md").read_text(encoding="utf-8").partition("## Data that is no council's")[2]
    commands = [line.strip() for line in re.findall(r"^    (?:cp|sooner) .*$", page, re.M)]
    assert len(commands) == 17
    keys = []
    for command in commands:
        words = command.replace("DATA", str(DATA)).partition(" || ")[0].split()
        if words[0] == "cp":
            shutil.copytree(ROOT / words[2], tmp_path / "city")
            continue
        if words[1] == "pull":
            write_keys(tmp_path / "city/charter.toml", keys)
        ran = run_sooner(*words[1:], cwd=tmp_path, env={"PYTHONPATH": str(ROOT), "HOME": str(tmp_path)})
        assert ran.code == (15 if words[1] == "decide" else 0), (command, ran.out, ran.err)
        if words[1] == "role-key":
            keys.append((words[2].removesuffix(".key"), re.findall(r"^public_key = .*$", ran.out, re.M)[0]))
    workspace = Workspace(tmp_path / "workspace", "failing")
    run, audit, listed = (find_current(folder) for folder in (workspace.scores, workspace.audit, workspace.worklist))
    assert run is not None
    assert audit is not None
    assert listed is not None
    queue = read_json(run / "metrics.json")["queue"]
    assert {"first_come", "done", "lightgbm"} <= {figure["model"] for figure in queue["figures"]}
    assert queue["periods"][0]["cases"] == queue["periods"][0]["done_known"] > 100
    assert read_json(audit / "findings.json")["used_lists"]["why"] == ""


def write_keys(charter: Path, keys: list[tuple[str, str]]) -> None:
    """Put each role's public half into its row, as the page says."""
    assert keys
    text = charter.read_text(encoding="utf-8")
    for role, line in keys:
        assert f'id = "{role}"\n' in text
        text = text.replace(f'id = "{role}"\n', f'id = "{role}"\n{line}\n')
    charter.write_text(text, encoding="utf-8")
