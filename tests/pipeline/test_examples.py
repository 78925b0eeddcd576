"""What examples/README.md says of somebody else's event history: drafted, completed from the example, pulled whole."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from tests.conftest import ROOT, run_sooner

DATA = ROOT.parent / "shared/data"


@pytest.mark.skipif(
    not (DATA / "triage_food_inspections").is_dir(), reason="needs ../shared/data beside the repository"
)
def test_one_file_of_events_is_drafted_completed_and_pulled_to_the_last_row(tmp_path: Path) -> None:
    sent, council = tmp_path / "sent", tmp_path / "mine"
    sent.mkdir()
    (sent / "triage_food_inspections").symlink_to(DATA / "triage_food_inspections")
    named = ("--name", "City inspections", "--extracts", str(sent), "--programme", "failing")
    ran = run_sooner("init", str(council), *named)
    assert ran.code == 0, ran.err
    shutil.copytree(ROOT / "examples/inspections", council, dirs_exist_ok=True)
    ran = run_sooner("check", str(council))
    assert ran.code == 0, ran.err
    where = ("--council", str(council), "--extracts", str(sent), "--workspace", str(tmp_path / "workspace"))
    assert run_sooner("pull", *where).code == 12
    for path in council.rglob("*.toml"):
        path.write_text(
            re.sub(r"^\s*example = true\n", "", path.read_text(encoding="utf-8"), flags=re.M), encoding="utf-8"
        )
    ran = run_sooner("pull", *where, "--json")
    assert ran.code == 0, ran.err
    (counts,) = json.loads(ran.out)["by_file"].values()
    assert (counts["rows"], counts["kept"], counts["quarantined"]) == (966, 966, 0)
