from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from charter.contracts.files import file_digest, read_json, write_json
from charter.contracts.matrix import Matrix
from charter.contracts.workspace import Workspace
from charter.invocation import Invocation
from training.data.other_lists import WORKED
from training.data.other_runs import WORKED_FILE
from training.forget import forget
from training.judging.replayed_lists import HOUSEHOLDS, LISTINGS
from training.run import Run

# MLflow's database models use a loader that SQLAlchemy 2.1 deprecates, and its type hints warn about themselves.
pytestmark = [
    pytest.mark.filterwarnings("ignore:The ``noload`` loader:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*inferred as AnyType:UserWarning"),
]


def people_of(invocation: Invocation, households: int) -> tuple[list[str], set[str]]:
    """Return one member of each of some households, and those households."""
    run = Run.open(invocation.workspace)
    matrix = Matrix.open(invocation.workspace.matrix / run.manifest["matrix"])
    rows = matrix.at(matrix.dates[0])
    people = [bytes(rows.person[3 * row]).decode() for row in range(households)]
    entities = {bytes(rows.entity[row]).decode() for row in range(households)}
    return people, entities


def entities_in(run: Run) -> set[str]:
    return set(pq.read_table(run.folder / "scores.parquet")["entity"].to_pylist())


def test_scores_of_a_persons_household_are_removed_and_nobody_elses(trained: Invocation) -> None:
    run = Run.open(trained.workspace)
    people, entities = people_of(trained, 3)
    before = entities_in(run)
    assert entities <= before
    assert forget(people, trained.workspace) > 0
    assert entities_in(run) == before - entities


def test_the_run_is_marked_with_every_row_it_learned_from_and_its_digest_follows(trained: Invocation) -> None:
    people, entities = people_of(trained, 2)
    forget(people, trained.workspace)
    run = Run.open(trained.workspace)
    matrix = Matrix.open(trained.workspace.matrix / run.manifest["matrix"])
    theirs = [np.isin(matrix.at(day).entity.astype(str), list(entities)).sum() for day in matrix.dates]
    assert run.manifest["withdrawn_rows"] == sum(theirs) > 30
    assert run.manifest["outputs"]["scores.parquet"] == file_digest(run.folder / "scores.parquet")


def leave_lists(trained: Invocation, matrix: str) -> Run:
    """Leave replayed lists of everybody beside the run, as one whose weeks could be replayed does."""
    run = Run.open(trained.workspace)
    names = sorted(entities_in(run))
    rows = [dict.fromkeys(LISTINGS.names) | {"entity": name} for name in names]
    pq.write_table(pa.Table.from_pylist(rows, schema=LISTINGS), run.folder / "replayed.parquet")
    homes = [dict.fromkeys(HOUSEHOLDS.names) | {"entity": name} for name in names]
    pq.write_table(pa.Table.from_pylist(homes, schema=HOUSEHOLDS), run.folder / "replayed_households.parquet")
    worked = [dict.fromkeys(WORKED.names) | {"entity": name} for name in names]
    pq.write_table(pa.Table.from_pylist(worked, schema=WORKED), run.folder / WORKED_FILE)
    metrics = read_json(run.folder / "metrics.json")
    write_json(run.folder / "metrics.json", metrics | {"replay": {"matrix": matrix}})
    return run


def test_replayed_lists_lose_their_household_and_keep_everybody_else(trained: Invocation) -> None:
    """Broken by removing rows from the scores alone."""
    run = leave_lists(trained, str(Run.open(trained.workspace).manifest["matrix"]))
    people, entities = people_of(trained, 3)
    everybody = entities_in(run)
    forget(people, trained.workspace)
    outputs = Run.open(trained.workspace).manifest["outputs"]
    for name in ("replayed.parquet", "replayed_households.parquet", WORKED_FILE):
        assert set(pq.read_table(run.folder / name)["entity"].to_pylist()) == everybody - entities
        assert outputs[name] == file_digest(run.folder / name)


def test_replayed_lists_whose_matrix_is_gone_lose_every_row(trained: Invocation) -> None:
    run = leave_lists(trained, "gone")
    forget(people_of(trained, 1)[0], trained.workspace)
    assert not pq.read_metadata(run.folder / "replayed.parquet").num_rows
    assert not pq.read_metadata(run.folder / "replayed_households.parquet").num_rows
    assert not pq.read_metadata(run.folder / WORKED_FILE).num_rows
    assert entities_in(run)


def test_somebody_unknown_changes_nothing(trained: Invocation) -> None:
    run = Run.open(trained.workspace)
    before = file_digest(run.folder / "scores.parquet")
    assert forget(["0" * 32], trained.workspace) == 0
    assert file_digest(run.folder / "scores.parquet") == before
    assert "withdrawn_rows" not in Run.open(trained.workspace).manifest


def test_where_nobody_can_say_whose_the_scores_are_all_of_them_go(trained: Invocation) -> None:
    run = Run.open(trained.workspace)
    people, _ = people_of(trained, 1)
    manifest = trained.workspace.matrix / run.manifest["matrix"] / "manifest.json"
    manifest.write_text(manifest.read_text() + "\n")
    rows = pq.read_metadata(run.folder / "scores.parquet").num_rows
    assert forget(people, trained.workspace) == rows
    assert entities_in(run) == set()
    assert forget(people, trained.workspace) == 0


def test_a_workspace_without_runs_has_nothing_to_forget(tmp_path: Path) -> None:
    assert forget(["0" * 32], Workspace(tmp_path / "empty", "early_help")) == 0
