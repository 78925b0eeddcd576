"""Ways to make a gap smaller are compared on one page, with their cost, and none is used."""

from __future__ import annotations

from pathlib import Path

import pytest

from charter.contracts.files import find_current, read_json
from charter.contracts.workspace import Workspace
from fairness_reports.audit.mitigations import WAYS
from tests.conftest import run_sooner


@pytest.mark.deep
def test_every_way_is_beside_the_plain_model_with_its_cost(own_workspace: Path) -> None:
    workspace = Workspace(own_workspace, "early_help")
    folder = find_current(workspace.audit)
    assert folder is not None
    before = (folder / "findings.json").read_bytes()
    ran = run_sooner("audit", "compare", "ethnicity", "--workspace", str(own_workspace))
    assert ran.code == 0, ran.err
    rows = read_json(folder / "compare.json")["findings"]
    by = {(row["at"], row["measure"], row["group"]): row for row in rows}
    needed = by["capacity, plain", "recall", None]["positives"] / by["capacity, plain", "selection_rate", None]["n"]
    for way in WAYS:
        # Any way finds need more often than drawing lots would.
        assert by[f"capacity, {way}", "precision", None]["estimate"] > 1.5 * needed
    reached = [tuple(one["estimate"] for one in rows if one["at"] == f"capacity, {way}") for way in WAYS]
    assert len(set(reached)) == len(WAYS)
    page = (folder / "compare.html").read_text(encoding="utf-8")
    assert page.count(" points</td>") == len(WAYS) - 1
    # Comparing is no decision: nothing else has changed.
    assert (folder / "findings.json").read_bytes() == before
