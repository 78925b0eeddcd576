"""Erasure in this room: scores of people who withdrew are removed, and their runs marked to be trained again.

A model's text holds no rows and stays, so that a list already issued can still be explained; its run can no longer be
released or reproduced (exit 12).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from charter.contracts.files import file_digest, new_file, read_json, write_json
from charter.contracts.matrix import Matrix
from charter.contracts.workspace import Workspace
from training.data.other_lists import WORKED
from training.data.other_runs import WORKED_FILE
from training.judging.replayed_lists import HOUSEHOLDS, LISTINGS
from training.scores_table import SCORES

__all__ = ["forget"]


def forget(person_ids: Iterable[str], workspace: Workspace, matrices: Collection[str] | None = None) -> int:
    """Remove the scores of these people's households from every run of every programme; return how many rows.

    Call it before features' own `forget`: the matrix says which households were theirs. Where a run's matrix is gone
    or was changed, nobody can say whose its scores are, and all of them are removed. The caller holds the writer lock.
    """
    people = np.array(sorted(person.encode() for person in person_ids), dtype="S32")
    removed = 0
    for manifest in sorted((workspace.root / "scores").glob("*/*/manifest.json")):
        if matrices is not None and read_json(manifest)["matrix"] not in matrices:
            continue
        removed += _forget_in(manifest.parent, people, Workspace(workspace.root, manifest.parents[1].name))
    return removed


def _forget_in(run: Path, people: np.ndarray[tuple[int], np.dtype[np.bytes_]], workspace: Workspace) -> int:
    manifest = read_json(run / "manifest.json")
    matrix = workspace.matrix / str(manifest["matrix"])
    same_matrix = (matrix / "manifest.json").exists() and file_digest(matrix / "manifest.json") == manifest[
        "inputs"
    ].get("matrix/manifest.json")
    entities, rows = _their_entities(Matrix.open(matrix), people) if same_matrix else (None, 0)
    removed = _remove_rows(run, "scores.parquet", SCORES, entities, manifest)
    if not (rows if same_matrix else removed):
        return 0
    _forget_replayed(run, people, workspace, manifest, entities)
    manifest["withdrawn_rows"] = int(manifest.get("withdrawn_rows", 0)) + (rows if same_matrix else removed)
    write_json(run / "manifest.json", manifest)
    return removed


def _forget_replayed(
    run: Path,
    people: np.ndarray[tuple[int], np.dtype[np.bytes_]],
    workspace: Workspace,
    manifest: dict[str, Any],
    entities: list[str] | None,
) -> None:
    """Remove their households from the replayed lists, by the matrix of the weeks too."""
    if not (run / "replayed.parquet").exists():
        return
    name = read_json(run / "metrics.json")["replay"]["matrix"]
    weeks = workspace.matrix / str(name)
    known = entities is not None and (weeks / "manifest.json").exists()
    both = sorted({*entities, *_their_entities(Matrix.open(weeks), people)[0]}) if known and entities else entities
    left = {"replayed.parquet": LISTINGS, "replayed_households.parquet": HOUSEHOLDS, WORKED_FILE: WORKED}
    for file, schema in left.items():
        if (run / file).exists():  # an earlier Sooner left no worked lists
            _remove_rows(run, file, schema, both if known else None, manifest)


def _remove_rows(run: Path, file: str, schema: pa.Schema, entities: list[str] | None, manifest: dict[str, Any]) -> int:
    """Remove some entities' rows from a file of a run, of None everybody's; return how many."""
    table = pq.read_table(run / file, schema=schema)
    if entities is None:
        remaining = table.slice(0, 0)
    else:
        remaining = table.filter(pc.invert(pc.is_in(table["entity"], value_set=pa.array(entities, pa.string()))))
    if len(remaining) == len(table):
        return 0
    with new_file(run / file) as beside:
        pq.write_table(remaining, beside, compression="zstd")
    manifest["outputs"][file] = file_digest(run / file)
    return len(table) - len(remaining)


def _their_entities(matrix: Matrix, people: np.ndarray[tuple[int], np.dtype[np.bytes_]]) -> tuple[list[str], int]:
    """Return the entities that these people were members of at any as-of date, and how many rows they have."""
    entities: set[bytes] = set(people.tolist()) if matrix.definition["entity"] == "person" else set()
    for day in matrix.dates:
        rows = matrix.at(day)
        members = np.isin(rows.person, people)
        entities |= set(np.asarray(rows.entity)[np.unique(rows.person_row[members])].tolist())
    chosen = np.array(sorted(entities), dtype="S32")
    number = sum(int(np.isin(matrix.at(day).entity, chosen).sum()) for day in matrix.dates)
    return [entity.decode() for entity in chosen.tolist()], number
