"""What a release issued: what its model chose, apart from what was drawn by lot."""

from __future__ import annotations

import csv
import json
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from charter.contracts import read_table_contract
from charter.contracts.workspace import Workspace
from charter.errors import DataError
from charter.rules.measures import AS_USED
from fairness_reports.audit.measuring.findings import About
from fairness_reports.audit.measuring.tally import Grouping
from fairness_reports.audit.population.issued_lists import read_issued_lists
from fairness_reports.audit.watching.live_audit import measure_days_before

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


def test_days_before_a_need_count_each_person_once_from_the_first_list_that_held_them() -> None:
    """Broken by counting every list: whoever stays listed long would pull the average towards fewer days."""
    days = np.array(["2026-01-05", "2026-02-02", "2026-03-02"], dtype="datetime64[D]")
    households = 60
    names = np.array([f"{number:032d}" for number in range(households)], dtype="S32")
    as_of, person = np.repeat(days, households), np.tile(names, 3)
    # Every household of the first half waits 90 days from the first date, the others 30; nobody else is in need.
    lead = np.where(np.arange(households) < 30, 90.0, 30.0)
    late = np.concatenate([lead, lead - 28, lead - 56])
    label = np.where(late > 0, 1, 0).astype(np.int8)
    people = SimpleNamespace(
        as_of=as_of, person=person, label=label, selected=np.ones(len(label), dtype=np.bool_), lead_days=late,
        cluster=np.tile(np.arange(households), 3),
    )  # fmt: skip
    groups = Grouping.of(np.tile(np.where(np.arange(households) < 30, "A", "B"), 3))
    rows = measure_days_before(cast("Any", people), groups, About("days_before", "ethnicity", "m", AS_USED))
    assert [(row["group"], row["estimate"], row["clusters"]) for row in rows] == [("A", 90.0, 30), ("B", 30.0, 30)]
    assert rows[1]["ratio"] == pytest.approx(1 / 3)
    nobody = SimpleNamespace(**{**vars(people), "selected": np.zeros(len(label), dtype=np.bool_)})
    empty = measure_days_before(cast("Any", nobody), groups, About("days_before", "ethnicity", "m", AS_USED))
    assert [row["estimate"] for row in empty] == [None, None]
