"""A small, real world for serving: a council, a definition, a matrix for ranking, a LightGBM model and its release."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import NullPool

from charter.contracts.files import file_digest, set_current, write_json
from charter.contracts.matrix import NONE, Matrix, MatrixDate
from charter.contracts.workspace import Workspace
from charter.council.council import Council
from charter.invocation import Invocation
from charter.signing.second_gate import open_live
from charter.vault.command_log import LOG_PURPOSE
from charter.vault.key import Key
from charter.vault.made_up import confirm_snapshot
from features.grammar import (
    Cohort,
    Definition,
    Feature,
    Outcome,
    age_of_youngest,
    any_of,
    change,
    count,
    days_since,
    latest,
    months,
    open_at,
    signal,
    total,
)
from serving.desk import Desk
from serving.ranking.bundle import make_bundle
from serving.ranking.worklist import rank_households
from serving.store.store import Store, make_store
from tests.unit.serving.signing_provider import Provider, run_provider

ROOT = Path(__file__).resolve().parents[3]
AS_OF = date(2026, 9, 28)
SERVER = os.environ.get("SOONER_TEST_POSTGRES", "postgresql+psycopg://127.0.0.1:5432/test")
TEAMS = ("north", "east", "south", "west")

ABSENCE = signal("education.unauthorised_absence")
ARREARS = signal("housing.arrears_stage")

DEFINITION = Definition(
    programme="early_help",
    cohort=Cohort("Households with a child under 18", with_age=(0, 17)),
    outcome=Outcome(
        "Within twelve months a need appears that ordinary help could have met",
        any_of(signal("homelessness.duty_owed"), next=months(12)),
    ),
    features=(
        Feature("absences_6m", count(ABSENCE, last=months(6)), "{value} unauthorised absences in six months",
                "Attendance often falls before other services notice.", direction="increasing"),
        Feature("absences_change", change(count(ABSENCE, last=months(3))), "Unauthorised absences: {value}",
                "A change says more than a level."),
        Feature("arrears_stage", latest(ARREARS, last=months(12), details=["letter", "second_letter", "court"]),
                "Newest letter about rent: {value}", "Rent arrears come before homelessness."),
        Feature("arrears_total", total(ARREARS, last=months(12)), "Rent arrears in a year: {value}",
                "Large arrears are hard to pay back alone."),
        Feature("since_contact", days_since(signal("social_care.contact"), last=months(24)),
                "Days since somebody was worried: {value}", "Worries are often repeated.", system_response=True),
        Feature("early_help_open", open_at(signal("early_help.episode")), "Early help open now: {value}",
                "Help that is there already protects.", direction="decreasing", system_response=True),
        Feature("age_youngest", age_of_youngest(), "Age of the youngest: {value}", "Small children need more hands."),
    ),
)  # fmt: skip

SERVICES = {
    name: {"title": title, "contact": f"{name}@fernhill.example", "promised_lag_days": 31, "display": True}
    for name, title in {
        "education": "Schools",
        "housing": "Council housing",
        "social_care": "Children's social care",
        "early_help": "Early help",
    }.items()
}


def rows_of(seed: int, rows: int) -> dict[str, np.ndarray]:
    """Seeded households: features in the definition's order, with values that were not seen."""
    numbers = np.random.default_rng(seed)
    features = np.column_stack(
        [
            numbers.poisson(2.0, rows),
            numbers.integers(-3, 4, rows),
            numbers.integers(0, 4, rows),
            np.round(numbers.exponential(400.0, rows), 2),
            numbers.integers(1, 732, rows),
            numbers.random(rows) < 0.1,
            numbers.integers(0, 16, rows),
        ]
    ).astype(np.float32)
    hidden = numbers.random(rows) < 0.15
    features[hidden, 0:2] = np.nan
    members = numbers.integers(2, 6, rows).astype(np.uint16)
    seen = np.repeat(members[:, None], 5, axis=1)
    seen[hidden, 0:2] = 0
    partly = ~hidden & (numbers.random(rows) < 0.2)
    seen[partly, 0] = 1
    entity = np.array(sorted(hashlib.sha256(f"{seed}/{n}".encode()).hexdigest()[:32] for n in range(rows)), "S32")
    person = [f"{name.decode()[:28]}{n:04d}" for name, size in zip(entity, members, strict=True) for n in range(size)]
    row = np.repeat(np.arange(rows, dtype=np.int32), members)
    return {
        "entity": entity,
        "area": np.array([f"E0199{1 + n % 40:04d}" for n in range(rows)], "S9"),
        "features": features,
        "seen": seen.astype(np.uint16),
        "members": members,
        "person": np.array(person, "S32"),
        "person_row": row,
        "person_age": numbers.integers(0, 45, len(person)).astype(np.float32),
        "outcome_at": np.full((rows, 1), NONE),
        "outcome_known_at": np.full((rows, 1), NONE),
        "outcome_seen": np.zeros((rows, 1), bool),
        "outcome_before": np.zeros((rows, 1), np.int8),
    }


SEEN = ("education:6_months", "education:3_months", "housing:12_months", "social_care:24_months", "early_help:now")


def write_matrix(
    folder: Path, arrays: dict[str, np.ndarray], *, purpose: str = "rank", snapshot: str = "snapshot1",
    freshness: str = "2026-09-27T23:00:00+00:00",
) -> Path:  # fmt: skip
    """Leave a matrix of one date in `folder`, with the contract's own writer."""
    document = DEFINITION.document({"housing.arrears_stage": "GBP"})
    MatrixDate(AS_OF, **arrays).write(folder / f"as_of={AS_OF}")
    write_json(folder / "definition.json", document)
    write_json(
        folder / "manifest.json",
        {
            "schema_version": 1,
            "snapshot": snapshot,
            "inputs": {},
            "id": f"matrix-{snapshot}",
            "definition": document["hash"],
            "purpose": purpose,
            "synthetic": True,
            "features": [feature["name"] for feature in document["features"]],
            "seen": list(SEEN),
            "components": ["homelessness.duty_owed"],
            "as_of": {
                AS_OF.isoformat(): {
                    "rows": len(arrays["entity"]),
                    "cannot_tell": 0,
                    "sha256": hashlib.sha256(arrays["features"].tobytes()).hexdigest(),
                }
            },
            "reporting_lag_days": 10,
            "horizon": {"n": 12, "unit": "months"},
            "freshness": dict.fromkeys(SERVICES, freshness),
        },
    )
    Matrix.open(folder)
    return folder


@cache
def train(seed: int = 1) -> lightgbm.Booster:
    """Train a small real model on seeded households."""
    features = rows_of(seed, 3000)["features"].astype(np.float64)
    numbers = np.random.default_rng(seed)
    pull = np.nan_to_num(features[:, 0]) * 0.5 + features[:, 2] * 0.6 - features[:, 5] * 2 - 3
    label = numbers.random(len(pull)) < 1 / (1 + np.exp(-pull))
    return lightgbm.train(
        {"objective": "binary", "num_leaves": 8, "num_threads": 1, "deterministic": True, "force_row_wise": True,
         "seed": seed, "verbose": -1},
        lightgbm.Dataset(features.astype(np.float32), label.astype(int)),
        num_boost_round=30,
    )  # fmt: skip


def write_release(workspace: Workspace, booster: lightgbm.Booster, name: str = "release1") -> Path:
    """Leave a release as training does."""
    folder = workspace.release / name
    folder.mkdir(parents=True)
    (folder / "model.lgb").write_text(booster.model_to_string(), encoding="utf-8")
    document = DEFINITION.document({"housing.arrears_stage": "GBP"})
    write_json(folder / "definition.json", document)
    write_json(
        folder / "manifest.json",
        {
            "schema_version": 1,
            "snapshot": "snapshot1",
            "inputs": {},
            "id": name,
            "programme": "early_help",
            "run": "run1",
            "model_sha256": file_digest(folder / "model.lgb"),
            "matrix": "matrix-train",
            "definition": document["hash"],
            "features": [feature["name"] for feature in document["features"]],
            "seen": list(SEEN),
            "synthetic": True,
            "model": "lightgbm",
            "calibration": {"method": "platt", "slope": 1.0, "intercept": 0.0},
            "bands": [
                {"id": "a", "title": "Likely", "from_score": 0.3,
                 "meaning": "About 4 in 10 households like this went on to have such a need within a year."},
                {"id": "b", "title": "More likely than most", "from_score": 0.0,
                 "meaning": "About 1 in 10 households like this went on to have such a need within a year."},
            ],
            "decision": {"decision": "pass"},
        },
    )  # fmt: skip
    set_current(workspace.release, name)
    # As the second gate leaves it where it opened, so that pages may show the lists.
    open_live(workspace, name, {"run": "r1", "stage": "shadow"}, "0" * 64, date.max)
    return folder


@dataclass(frozen=True)
class World:
    """A workspace with a promoted bundle and a matrix for ranking."""

    invocation: Invocation
    matrix: Path
    release: Path
    booster: lightgbm.Booster
    arrays: dict[str, np.ndarray]

    @property
    def workspace(self) -> Workspace:
        return self.invocation.workspace

    @property
    def at(self) -> MatrixDate:
        """The households at the list's date."""
        return Matrix.open(self.matrix).at(AS_OF)

    def matrix_at(self, day: date) -> Path:
        """Leave the same households' matrix of another date, and return its folder."""
        folder = write_matrix(self.workspace.matrix / f"matrix-{day}", self.arrays)
        (folder / f"as_of={AS_OF}").rename(folder / f"as_of={day}")
        text = (folder / "manifest.json").read_text(encoding="utf-8")
        (folder / "manifest.json").write_text(text.replace(AS_OF.isoformat(), day.isoformat()), encoding="utf-8")
        return folder


def make_council(folder: Path, edit: Callable[[str], str] = lambda text: text) -> Council:
    """Copy the shipped council with the early help programme's settings; `edit` changes council.toml.

    Each of its teams has 8 places, whatever the shipped council has by now.
    """
    programme = folder / "early_help"
    programme.mkdir(parents=True)
    text = (ROOT / "council" / "council.toml").read_text(encoding="utf-8")
    (folder / "council.toml").write_text(edit(re.sub(r"\bplaces = 5\b", "places = 8", text)))
    for name in ("charter.toml", "practice.toml"):
        shutil.copy(ROOT / "council" / name, folder / name)
    for name in ("training.toml", "worklist.toml"):
        shutil.copy(ROOT / "council" / "early_help" / name, programme / name)
    return Council.load(folder).serving("early_help")


def make_world(folder: Path, rows: int = 400, council: Council | None = None, **edits: Any) -> World:
    """Make a council (or take one), a workspace, a release and its bundle, and a matrix for ranking under `folder`."""
    made = council or make_council(folder / "council", **edits)
    invocation = Invocation(made, "early_help", Workspace(folder / "workspace", "early_help"), quiet=True)
    arrays = rows_of(7, rows)
    matrix = write_matrix(invocation.workspace.matrix / "matrix-snapshot1", arrays)
    booster = train()
    release = write_release(invocation.workspace, booster)
    make_bundle(invocation, release, SERVICES)
    # As `sooner synth` and `sooner pull` leave it: the demonstration's people sign in on made-up data alone.
    confirm_snapshot(invocation.workspace, Key.load(made, invocation.workspace), "snapshot1")
    return World(invocation, matrix, release, booster, arrays)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Return a world of its own for each test, with a key of its own and no database elsewhere."""
    monkeypatch.setenv("SOONER_KEY", "5f" * 32)
    monkeypatch.delenv("SOONER_DATABASE", raising=False)
    return make_world(tmp_path)


@pytest.fixture
def desk(world: World) -> Desk:
    """Open a desk on the lists of AS_OF; a module that needs another has its own."""
    rank_households(world.invocation, world.matrix, AS_OF)
    return Desk.open(world.invocation, demo=True)


@pytest.fixture(scope="session")
def provider() -> Iterator[Provider]:
    """Run a real OpenID Connect server until the tests of this process are over."""
    with run_provider() as running:
        yield running


def copy_world(world: World, folder: Path) -> World:
    """Return a copy of a world in a folder, with what lies beside its workspace: for a test that spoils it."""
    root = world.workspace.root
    shutil.copytree(root, folder / root.name)
    for beside in root.parent.glob(f"{root.name}.*.jsonl"):
        shutil.copy2(beside, folder / beside.name)
    moved = Workspace(folder / root.name, world.workspace.programme)
    return replace(world, invocation=replace(world.invocation, workspace=moved))


def log_key(world: World) -> bytes:
    """Return the key of a world's audit log."""
    return Key.load(world.invocation.council, world.workspace).derive(LOG_PURPOSE)


def open_casework(world: World) -> Store:
    """Return the store of a world's casework database, as its own service opens it."""
    return make_store(world.workspace, chain="test", key=log_key(world))


def postgres() -> str:
    """Return the URL of a PostgreSQL server, or skip with what brings one."""
    pytest.importorskip("psycopg", reason="needs psycopg: pip install 'sooner[postgres]'")
    try:
        with create_engine(SERVER, poolclass=NullPool).connect():
            return SERVER
    except DatabaseError:
        pytest.skip("needs a PostgreSQL server: name one in SOONER_TEST_POSTGRES")


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Give an empty database of each kind; a schema of its own in PostgreSQL."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'casework.db'}"
        return
    server, schema = postgres(), f"sooner_{uuid.uuid4().hex[:12]}"
    with create_engine(server, poolclass=NullPool).begin() as connection:
        connection.execute(text(f"CREATE SCHEMA {schema}"))
    yield f"{server}?options=-csearch_path%3D{schema}"
    with create_engine(server, poolclass=NullPool).begin() as connection:
        connection.execute(text(f"DROP SCHEMA {schema} CASCADE"))
