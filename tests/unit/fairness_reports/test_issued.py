"""What a release issued: what its model chose, apart from what was drawn by lot."""

from __future__ import annotations

import csv
import json
from datetime import date
from pathlib import Path

import pytest

from charter.contracts import read_table_contract
from charter.contracts.workspace import Workspace
from charter.errors import DataError
from fairness_reports.audit.population.issued_lists import read_issued_lists

ROW = {"list": "l1", "as_of": "2026-09-01", "team": "north", "rank": "1", "margin": "0.1", "inclusion": "1.0"}


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Give a workspace in which release `one` issued one list: two households by rank and one by lot."""
    files = Workspace(tmp_path, "early_help")
    bundle = files.bundle / "b1"
    bundle.mkdir(parents=True)
    (bundle / "manifest.json").write_text(json.dumps({"release": "one"}))
    folder = files.worklist / "2026-09-01"
    folder.mkdir(parents=True)
    (folder / "list.json").write_text(json.dumps({"lists": [{"id": "l1", "as_of": "2026-09-01", "bundle": "b1"}]}))
    with (folder / "issued.csv").open("w", newline="") as handle:
        writer = csv.DictWriter(handle, read_table_contract("issued").names, restval="")
        writer.writeheader()
        for entity, arm in (("a", "ranked"), ("b", "ranked"), ("c", "random")):
            writer.writerow(ROW | {"entity": entity, "arm": arm})
    return files


def test_a_model_does_not_answer_for_what_was_drawn_by_lot(workspace: Workspace) -> None:
    day = date(2026, 9, 1)
    assert read_issued_lists(workspace, "one").listed == {(day, b"a"), (day, b"b")}


def test_a_release_that_issued_nothing_has_nothing_to_audit(workspace: Workspace) -> None:
    with pytest.raises(DataError, match="has issued no list"):
        read_issued_lists(workspace, "another")
