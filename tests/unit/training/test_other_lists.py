"""To whose lists a replay gives way, day by day: on another list, or at rest after what was decided."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from charter.contracts.files import set_current, write_json
from charter.contracts.workspace import Workspace
from charter.invocation import Invocation, shipped_council
from training.data.other_lists import WORKED, read_other_lists
from training.data.other_runs import WORKED_FILE, digest_other_lists

FAMILY = "a" * 32
MONDAY, THURSDAY = date(2026, 7, 6), date(2026, 7, 9)


def release(workspace: Workspace, decision: str | None = None) -> Workspace:
    """Leave a release whose run listed one family for a week, and what was decided on it the Thursday after."""
    (workspace.release / "r1").mkdir(parents=True)
    write_json(workspace.release / "r1" / "manifest.json", {"run": "run1"})
    set_current(workspace.release, "r1")
    (workspace.scores / "run1").mkdir(parents=True)
    row = {"entity": FAMILY, "as_of": MONDAY, "until": date(2026, 7, 13)}
    row |= {"decision": decision, "decided_on": THURSDAY if decision else None}
    pq.write_table(pa.Table.from_pylist([row], schema=WORKED), workspace.scores / "run1" / WORKED_FILE)
    return workspace


def open_programme(tmp_path: Path, programme: str) -> Invocation:
    council = tmp_path / "council"
    if not council.exists():
        shutil.copytree(shipped_council(), council)
    return Invocation.open(council, programme, tmp_path / "workspace", quiet=True)


@pytest.mark.parametrize(
    ("programme", "decision", "days"),
    [
        # Whose lists of a day are made first keeps the family: early_help comes before homelessness.
        ("homelessness", None, {date(2026, 7, 5): 0, MONDAY: 1, date(2026, 7, 12): 1, date(2026, 7, 13): 0}),
        ("early_help", None, {MONDAY: 0, date(2026, 7, 7): 1, date(2026, 7, 12): 1, date(2026, 7, 13): 0}),
        # Set aside: eight weeks from the Thursday on, by the worklist.toml of whoever gives way.
        ("early_help", "set_aside", {MONDAY: 0, date(2026, 7, 13): 1, date(2026, 9, 2): 1, date(2026, 9, 3): 0}),
        ("early_help", "deferred", {date(2026, 7, 12): 1, date(2026, 7, 13): 0}),
    ],
)
def test_a_family_is_left_out_while_another_list_holds_it_and_while_it_rests(
    tmp_path: Path, programme: str, decision: str | None, days: dict[date, int]
) -> None:
    """Broken by the same day's later list, by a day too long, by a rest that undecided or deferred cases have."""
    invocation = open_programme(tmp_path, programme)
    other = next(name for name in invocation.council.programmes if name != programme)
    release(Workspace(tmp_path / "workspace", other), decision)
    others = read_other_lists(invocation)
    assert {day: len(others.find_held(day)) for day in days} == days


def test_what_nobody_gives_way_to_is_named_with_why(tmp_path: Path) -> None:
    invocation = open_programme(tmp_path, "early_help")
    assert read_other_lists(invocation).say() == "Nobody gives way to lists of homelessness: it has no release."
    assert digest_other_lists(invocation) == {}
    other = release(Workspace(tmp_path / "workspace", "homelessness"))
    assert read_other_lists(invocation).say().startswith("Households on the past lists of homelessness (1 listing)")
    assert list(digest_other_lists(invocation)) == [f"{WORKED_FILE} of homelessness"]
    (other.scores / "run1" / WORKED_FILE).unlink()
    assert "homelessness: the run of its release left no past lists." in read_other_lists(invocation).say()
