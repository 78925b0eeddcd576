"""What would change in lists and figures at half and at twice the lag: counted on the same dates, or nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from charter.contracts.matrix import Matrix, MatrixDate
from charter.contracts.workspace import Workspace
from charter.council.training_settings import TrainingSettings
from charter.invocation import Invocation
from tests.unit.training.conftest import Made, make_matrix
from training.models.planning import make_plan
from training.run import Run
from training.studies import late_records
from training.studies.late_records import measure_other_lags

# Warnings of MLflow's own code, of pinned versions.
pytestmark = [
    pytest.mark.filterwarnings("ignore:The ``noload`` loader:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*inferred as AnyType:UserWarning"),
]


def doubled(rows: MatrixDate) -> MatrixDate:
    """Return the rows with their values in another order: whom the model would list changes."""
    return replace(rows, features=np.ascontiguousarray(rows.features[::-1]))


def test_lists_at_other_lags_are_compared_place_by_place(
    trained: Invocation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run.open(trained.workspace)
    matrix = Matrix.open(trained.workspace.matrix / str(run.manifest["matrix"]))
    planned = make_plan(trained, matrix, TrainingSettings.of(run.manifest["settings"]))
    assert measure_other_lags(trained, planned, run) is None
    for name in ("tables", "records"):
        path = trained.workspace.store / str(matrix.manifest["snapshot"]) / name / "events.parquet"
        path.parent.mkdir(parents=True)
        path.touch()
    monkeypatch.setattr(late_records, "count_assumed", lambda *_: (0, 7))
    nothing = measure_other_lags(trained, planned, run)
    assert nothing is not None
    assert (nothing["lags"], "No record's known time is assumed" in nothing["sentence"]) == ([], True)
    other = make_matrix(Workspace(tmp_path / "other", "early_help"), Made(edit=doubled))
    built = {0.5: matrix.folder, 2.0: other.folder}
    monkeypatch.setattr(late_records, "count_assumed", lambda *_: (5, 7))
    monkeypatch.setattr(late_records, "shift_arrival", lambda _, __, times, ___: times)
    monkeypatch.setattr(late_records, "build_matrix", lambda times, **_: built[times])
    document = measure_other_lags(trained, planned, run)
    assert document is not None
    half, twice = document["lags"]
    assert (half["changed"], half["kept"], half["with_need_then"]) == (0, half["listed"], half["with_need"])
    assert half["listed"] > 20
    assert 0 < twice["changed"] < twice["cells"]
    assert twice["kept"] < twice["listed"] / 2
    assert twice["with_need_then"] < twice["with_need"]
    assert f"in half that time, {half['listed']} of {half['listed']} places" in document["sentence"]
    assert not list(trained.workspace.root.glob(".lag-*"))
