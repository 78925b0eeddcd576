from __future__ import annotations

import shutil

import pytest

from charter.contracts.files import write_json
from charter.errors import DataError, WithdrawnError
from charter.invocation import Invocation
from training.keeping.reproduce import retrain_model
from training.run import Run

# MLflow's database models use a loader that SQLAlchemy 2.1 deprecates, and its type hints warn about themselves.
pytestmark = [
    pytest.mark.filterwarnings("ignore:The ``noload`` loader:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*inferred as AnyType:UserWarning"),
]


def test_a_run_trained_again_gives_the_same_bytes(trained: Invocation) -> None:
    run = Run.open(trained.workspace)
    assert retrain_model(trained, run) == (run.folder / "model.lgb").read_bytes()


@pytest.mark.parametrize("name", ["points", "logistic", "lightgbm"])
def test_every_model_that_can_be_released_can_be_reproduced(trained: Invocation, name: str) -> None:
    run = Run.open(trained.workspace)
    outputs = {**run.manifest["outputs"], "model.lgb": run.manifest["outputs"][f"models/{name}.lgb"]}
    other = Run(run.folder, {**run.manifest, "model": name, "outputs": outputs})
    assert retrain_model(trained, other) == (run.folder / "models" / f"{name}.lgb").read_bytes()


def test_a_withdrawn_matrix_is_exit_12_with_the_cause(trained: Invocation) -> None:
    run = Run.open(trained.workspace)
    shutil.rmtree(trained.workspace.matrix / run.manifest["matrix"])
    with pytest.raises(WithdrawnError, match="withdrawn or cleared since") as refused:
        retrain_model(trained, run)
    assert refused.value.exit_code == 12


def test_withdrawn_rows_are_exit_12(trained: Invocation) -> None:
    run = Run.open(trained.workspace)
    write_json(run.folder / "manifest.json", {**run.manifest, "withdrawn_rows": 2})
    with pytest.raises(WithdrawnError, match="2 were withdrawn"):
        retrain_model(trained, Run.open(trained.workspace))


def test_other_bytes_name_the_library_that_changed(trained: Invocation) -> None:
    run = Run.open(trained.workspace)
    settings = {**run.manifest["settings"], "points": {"rules": 3, "most": 5}, "lightgbm": _fewer(run)}
    versions = {**run.manifest["versions"], "lightgbm": "0.1"}
    changed = Run(run.folder, {**run.manifest, "settings": settings, "versions": versions})
    with pytest.raises(DataError, match=r"another model: lightgbm was 0\.1"):
        retrain_model(trained, changed)


def _fewer(run: Run) -> dict[str, object]:
    return {**run.manifest["settings"]["lightgbm"], "trees": 3}
