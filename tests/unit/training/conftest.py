"""A small matrix in the real contract, made by a seeded process: latent need drives features and outcomes."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from charter.contracts.files import content_id, folder_digest, set_current, write_json
from charter.contracts.matrix import NONE, Matrix, MatrixDate
from charter.contracts.workspace import Workspace
from charter.council.council import Council
from charter.invocation import Invocation, shipped_council
from features.grammar.definition import Definition
from features.grammar.period import Period

TAKEN_AT = "2026-09-28T06:00:00+00:00"


@dataclass(frozen=True)
class Made:
    """How a matrix is made: how many households, how strongly features follow need, and what goes wrong."""

    households: int = 900
    strength: float = 1.0
    seed: int = 1
    every: int = 2
    lag_days: float = 30.0
    base: float = -3.2
    edit: Callable[[MatrixDate], MatrixDate] | None = None
    manifest: dict[str, Any] = field(default_factory=dict)


def as_of_dates(every: int) -> list[date]:
    first, step = date(2020, 9, 1), Period(every, "months")
    days = [first]
    while step.after(days[-1]) <= date(2025, 7, 1):
        days.append(step.after(days[-1]))
    return days


def make_matrix(workspace: Workspace, made: Made) -> Matrix:
    """Write a matrix of early help's definition under the workspace and make it current."""
    council = Council.load(shipped_council()).serving("early_help")
    definition = Definition.load(shipped_council() / "early_help" / "definition.py").document()
    names = [feature["name"] for feature in definition["features"]]
    components = [component["name"] for component in definition["outcome"]["components"]]
    horizon = Period.of(definition["outcome"]["horizon"])
    generator = np.random.default_rng(made.seed)
    entity = np.array(sorted(generator.bytes(16).hex().encode() for _ in range(made.households)), dtype="S32")
    area = generator.choice([a.code.encode() for a in council.areas], made.households).astype("S9")
    need = generator.normal(size=made.households)
    weight = np.where(generator.random(len(names)) < 0.3, made.strength, 0.0)
    sign = np.array([-1.0 if feature["direction"] == "decreasing" else 1.0 for feature in definition["features"]])
    unseen = generator.random((made.households, len(names))) < 0.1
    manifest: dict[str, Any] = {"as_of": {}}
    folders: dict[str, MatrixDate] = {}
    for day in as_of_dates(made.every):
        here = generator.random(made.households) < 0.95
        noise = generator.normal(size=(made.households, len(names)))
        values = np.maximum(0, np.round(need[:, None] * weight * sign + noise)).astype(np.float32)
        values[unseen] = np.nan
        midnight = council.midnight(day)
        length = council.midnight(horizon.after(day)) - midnight
        chance = 1 / (1 + np.exp(-(made.base + 1.2 * need)))
        happens = generator.random((made.households, len(components))) < chance[:, None] / len(components)
        start, lasts = int(midnight.timestamp()) * 1_000_000, length // timedelta(microseconds=1)
        at = start + (generator.random((made.households, len(components))) * lasts).astype(np.int64)
        known = at + 86_400_000_000 * generator.integers(0, 25, at.shape)
        folders[day.isoformat()] = MatrixDate(
            as_of=day,
            entity=entity[here],
            area=area[here],
            features=np.ascontiguousarray(values[here]),
            seen=np.full((int(here.sum()), 1), 3, dtype=np.uint16),
            members=np.full(int(here.sum()), 3, dtype=np.uint16),
            person=np.repeat(entity[here], 3),
            person_row=np.repeat(np.arange(here.sum(), dtype=np.int32), 3),
            person_age=np.tile(np.array([3, 9, 36], dtype=np.float32), int(here.sum())),
            outcome_at=np.where(happens, at, NONE)[here],
            outcome_known_at=np.where(happens, known, NONE)[here],
            outcome_seen=np.ones((int(here.sum()), len(components)), dtype=bool),
            outcome_before=np.zeros((int(here.sum()), len(components)), dtype=np.int8),
        )
        if made.edit:
            folders[day.isoformat()] = made.edit(folders[day.isoformat()])
    return _write(workspace, definition, folders, made, names, components, manifest)


def _write(
    workspace: Workspace,
    definition: dict[str, Any],
    folders: dict[str, MatrixDate],
    made: Made,
    names: list[str],
    components: list[str],
    manifest: dict[str, Any],
) -> Matrix:
    name = content_id([made.households, made.strength, made.seed, made.every, repr(made.edit)])
    folder = workspace.matrix / name
    for day, rows in folders.items():
        rows.write(folder / f"as_of={day}")
        digest = folder_digest(folder / f"as_of={day}")
        manifest["as_of"][day] = {"rows": len(rows.entity), "cannot_tell": 0, "sha256": digest}
    manifest |= {
        "schema_version": 1,
        "snapshot": "2026-09-28-test",
        "inputs": {},
        "id": name,
        "definition": definition["hash"],
        "taken_at": TAKEN_AT,
        "purpose": "train",
        "synthetic": True,
        "features": names,
        "seen": ["all"],
        "components": components,
        "reporting_lag_days": made.lag_days,
        "horizon": definition["outcome"]["horizon"],
        "engine": "test",
    }
    write_json(folder / "manifest.json", manifest | made.manifest)
    write_json(folder / "definition.json", definition)
    set_current(workspace.matrix, name)
    return Matrix.open(folder)


@pytest.fixture(scope="session")
def shared_matrix(tmp_path_factory: pytest.TempPathFactory) -> Matrix:
    """Return a matrix that no test changes."""
    return make_matrix(Workspace(tmp_path_factory.mktemp("matrix"), "early_help"), Made())


@pytest.fixture(scope="session")
def quick_council(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the shipped council that trains in a second: fewer folds, trees and resamples."""
    folder = tmp_path_factory.mktemp("council") / "council"
    shutil.copytree(shipped_council(), folder)
    training = folder / "early_help" / "training.toml"
    text = training.read_text(encoding="utf-8")
    for was, now in (
        ("count = 4", "count = 2"),
        ("trees = 150", "trees = 25"),
        ("\nresamples = 1000", "\nresamples = 200"),
        ("ranking_resamples = 200", "ranking_resamples = 100"),
        ("threads = 2", "threads = 1"),
    ):
        assert was in text
        text = text.replace(was, now)
    training.write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def council() -> Council:
    return Council.load(shipped_council()).serving("early_help")


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an MLflow store without a run: migrating a new one takes longer than training so small a matrix."""
    store = tmp_path_factory.mktemp("store") / "mlflow.db"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of MLflow's own code, of pinned versions
        import mlflow

        mlflow.MlflowClient(f"sqlite:///{store}").search_experiments()
    return store


@pytest.fixture
def make(tmp_path: Path, quick_council: Path, empty_store: Path) -> Callable[[Made], Invocation]:
    """Return a function that makes a workspace with a matrix of one's own."""

    def made(how: Made) -> Invocation:
        opened = Invocation.open(quick_council, "early_help", tmp_path / "own", quiet=True)
        make_matrix(opened.workspace, how)
        shutil.copy(empty_store, opened.workspace.root / "mlflow.db")
        return opened

    return made


@pytest.fixture
def how() -> type[Made]:
    return Made


@pytest.fixture
def taken_at() -> datetime:
    return datetime.fromisoformat(TAKEN_AT)


@pytest.fixture(scope="session")
def trained_workspace(tmp_path_factory: pytest.TempPathFactory, shared_matrix: Matrix, quick_council: Path) -> Path:
    """Return a workspace with one training run; a test that changes it copies it first (`trained`)."""
    from training.experiment import train_models

    root = tmp_path_factory.mktemp("trained") / "workspace"
    shutil.copytree(shared_matrix.folder.parents[2], root)
    train_models(Invocation.open(quick_council, "early_help", root, quiet=True))
    return root


@pytest.fixture
def trained(tmp_path: Path, trained_workspace: Path, quick_council: Path) -> Invocation:
    """Return an invocation over a copy of the trained workspace."""
    shutil.copytree(trained_workspace, tmp_path / "workspace")
    return Invocation.open(quick_council, "early_help", tmp_path / "workspace", quiet=True)
