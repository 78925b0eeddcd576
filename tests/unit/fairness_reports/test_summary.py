"""What `sooner audit` prints: a screenful, each figure once, and nothing of a group that is too small."""

from __future__ import annotations

from pathlib import Path

from charter.contracts.files import find_current, read_json
from charter.contracts.workspace import Workspace
from fairness_reports.publish.summary import summarise_findings


def test_a_screen_holds_it_and_full_says_which_list_each_figure_is_of(demo_workspace: Path) -> None:
    folder = find_current(Workspace(demo_workspace, "early_help").audit)
    assert folder is not None
    document = read_json(folder / "findings.json")
    lines = summarise_findings(document).splitlines()
    assert 20 < len(lines) <= 40
    assert max(map(len, lines)) <= 100
    rows = [line for line in lines if line.startswith("  ") and ": " in line]
    assert len(rows) == len(set(rows)) > 10
    full = summarise_findings(document, full=True).splitlines()
    assert len(full) > 3 * len(lines)
    assert any("capacity x 2" in line for line in full)


def test_a_small_group_has_no_figure_and_a_characteristic_that_nobody_recorded_no_row() -> None:
    def finding(group: str, n: int, characteristic: str = "sex") -> dict:
        told = {"model": "points", "measure": "recall", "at": "capacity", "component": None, "group": group, "n": n}
        return told | {"characteristic": characteristic, "estimate": 0.123, "ratio": 0.9, "ratio_interval": [0.8, 1.1]}

    findings = [finding("female", 9), finding("male", 400), finding("not recorded", 409, "ethnicity")]
    text = summarise_findings({"model": "points", "findings": findings, "notes": []})
    (small,) = (line for line in text.splitlines() if "female" in line)
    assert small.split() == ["sex:", "female", "under", "10"]
    assert "12.3 %" in text
    assert "ethnicity" not in text
