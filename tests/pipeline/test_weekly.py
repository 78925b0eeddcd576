"""The list's steadiness is measured on real weeks: a matrix of its own, the released model, and lists made anew."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

from charter.contracts.files import find_current
from charter.invocation import Invocation
from training.models.planning import make_plan
from training.run import Run
from training.studies.weekly import WEEKS, measure_steadiness


def test_each_weeks_list_is_made_from_what_was_known_that_week(own_workspace: Path) -> None:
    opened = Invocation.open(Path("council"), "early_help", own_workspace, quiet=True)
    run, newest = Run.open(opened.workspace), find_current(opened.workspace.matrix)
    planned = make_plan(opened)
    found = measure_steadiness(opened, planned, str(run.manifest["model"]))
    assert found is not None
    days = [date.fromisoformat(day) for day in found["as_of"]]
    assert days[-1] == planned.selecting[-1].test[-1]
    assert {after - before for before, after in pairwise(days)} == {timedelta(weeks=1)}
    assert len(found["weeks"]) == WEEKS
    places = sum(planned.places.by_date[days[-1]].values())
    assert {one["listed"] for one in found["weeks"]} == {places}
    assert 0.5 < found["kept"]["estimate"] <= 1.0
    assert any(one["kept"] < one["listed"] for one in found["weeks"])
    assert find_current(opened.workspace.matrix) == newest
