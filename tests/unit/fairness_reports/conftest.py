"""A small council with one training run, made by a seeded process in the very contracts that rooms exchange."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from charter.contracts.files import file_digest, set_current, write_json
from charter.contracts.matrix import NONE, MatrixDate
from charter.invocation import Invocation, shipped_council
from charter.rules.policy import Policy

DATES = [date(2023, 9, 1), date(2024, 1, 1), date(2024, 5, 1), date(2024, 9, 1), date(2025, 1, 1), date(2025, 5, 1)]
TAKEN = datetime(2026, 9, 28, tzinfo=UTC)
SERVICES = ("education", "housing", "council_tax", "health_visiting")
FEATURES = ("absences_6m", "arrears_steps_12m", "tax_reminders_12m", "missed_appointments_12m")
COMPONENTS = ("homelessness.duty_owed", "social_care.child_in_need")
GROUPS = (
    ("White", 0.5),
    ("Black", 0.2),
    ("Asian", 0.15),
    ("Mixed", 0.08),
    ("Other", 0.037),
    ("Elsewhere", 0.003),
    ("", 0.03),
)


@dataclass(frozen=True)
class World:
    """Where the small council and its workspace are."""

    council: Path
    workspace: Path
    run: str

    @property
    def invocation(self) -> Invocation:
        return Invocation.open(self.council, "early_help", self.workspace, quiet=True)

    @property
    def policy(self) -> Policy:
        return Policy.load(self.council / "charter.toml")


def _table(path: Path, columns: dict[str, Any], schema: list[tuple[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns, schema=pa.schema(schema)), path)


def _definition() -> dict[str, Any]:
    kinds = ("unauthorised_absence", "arrears_stage", "arrears", "missed_appointment")
    return {
        "schema_version": 1,
        "hash": "0123456789abcdef",
        "programme": "early_help",
        "entity": "household",
        "cohort": {"title": "Households with a child under 18"},
        "outcome": {
            "title": "Within twelve months a need appears that ordinary help could have met",
            "horizon": {"n": 12, "unit": "months"},
            "components": [{"name": name, "signals": [name], "services": [name.split(".")[0]]} for name in COMPONENTS],
        },
        "features": [
            {
                "name": name,
                "title": name.replace("_", " ").capitalize(),
                "unit": "events",
                "signals": [f"{service}.{kind}"],
                "services": [service],
                "expression": {"word": "count"},
                "reason": "{value} recorded",
                "because": "It often comes first.",
                "direction": "increasing",
                "system_response": service == "health_visiting",
                "seen": [f"{service}:12m"],
            }
            for name, service, kind in zip(FEATURES, SERVICES, kinds, strict=True)
        ],
    }


def make_world(
    folder: Path, *, seed: int = 1, households: int = 1600, signals: float = 1.0, labels: float = 1.0
) -> World:
    """Make the world; one group's recorded signals and labels are kept only with the given chances."""
    rng = np.random.default_rng(seed)
    council = folder / "council"
    shutil.copytree(shipped_council(), council)
    workspace = folder / "workspace"
    drawn = rng.choice(2**40, households, replace=False)
    entity = np.sort(np.array([f"{value:032x}" for value in drawn], dtype="S32"))
    sizes = rng.integers(2, 6, households)
    person_row = np.repeat(np.arange(households), sizes).astype(np.int32)
    person = np.array([f"{value:032x}" for value in rng.choice(2**41, len(person_row), replace=False)], dtype="S32")
    adult = np.r_[True, person_row[1:] != person_row[:-1]]
    birth_age = np.where(adult, rng.uniform(22, 50, len(person)), rng.uniform(0, 15, len(person)))
    group = rng.choice(len(GROUPS), households, p=[share for _, share in GROUPS])
    need = rng.normal(size=households)
    unfair = group == 1
    area = np.array([f"E0199{number:04d}" for number in rng.integers(1, 41, households)], dtype="S9")
    matrix_folder = workspace / "matrix" / "early_help" / "m1"
    digests, features_by_date, label_by_date = {}, {}, {}
    for day in DATES:
        now = need + rng.normal(scale=0.4, size=households)
        kept = np.where(unfair, signals, 1.0)
        features = np.column_stack(
            [rng.binomial(rng.poisson(np.exp(1.1 * now - 0.5 * i)), kept) for i in range(len(FEATURES))]
        ).astype(np.float32)
        true = rng.random((households, 2)) < 1 / (1 + np.exp(-(1.3 * now - 2.6)))[:, None]
        true &= rng.random((households, 2)) < np.where(unfair, labels, 1.0)[:, None]
        start = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1_000_000
        at = np.where(true, start + rng.integers(10, 350, true.shape) * 86_400_000_000, NONE)
        ages = (birth_age + (day - DATES[0]).days / 365.25).astype(np.float32)
        rows = MatrixDate(
            as_of=day,
            entity=entity,
            area=area,
            features=features,
            seen=np.minimum(sizes[:, None], rng.integers(1, 6, (households, len(SERVICES)))).astype(np.uint16),
            members=sizes.astype(np.uint16),
            person=person,
            person_row=person_row,
            person_age=ages,
            outcome_at=at,
            outcome_known_at=np.where(true, at + 5 * 86_400_000_000, NONE),
            outcome_seen=rng.random(true.shape) < 0.99,
            outcome_before=np.zeros(true.shape, dtype=np.int8),
        )
        rows.write(matrix_folder / f"as_of={day}")
        digests[day.isoformat()] = {"rows": households, "cannot_tell": 3, "sha256": "0" * 64}
        features_by_date[day], label_by_date[day] = features, true.any(axis=1)
    write_json(matrix_folder / "definition.json", _definition())
    write_json(
        matrix_folder / "manifest.json",
        {
            "schema_version": 1,
            "snapshot": "s1",
            "inputs": {},
            "id": "m1",
            "definition": "0123456789abcdef",
            "taken_at": TAKEN.isoformat(),
            "purpose": "train",
            "synthetic": True,
            "features": list(FEATURES),
            "seen": [f"{service}:12m" for service in SERVICES],
            "components": list(COMPONENTS),
            "as_of": digests,
            "reporting_lag_days": 20.0,
            "horizon": {"n": 12, "unit": "months"},
            "engine": "engine",
        },
    )
    set_current(workspace / "matrix" / "early_help", "m1")
    _run(workspace, council, entity, features_by_date, label_by_date)
    _snapshot(workspace, rng, person, person_row, need, group)
    return World(council, workspace, "r1")


def _run(
    workspace: Path,
    council: Path,
    entity: np.ndarray[Any, Any],
    features: dict[date, Any],
    labels: dict[date, Any],
) -> None:
    learned, tested = DATES[:2], DATES[2:]
    data = lgb.Dataset(
        np.concatenate([features[day] for day in learned]),
        np.concatenate([labels[day] for day in learned]).astype(float),
        feature_name=list(FEATURES),
    )
    options = {"objective": "binary", "num_leaves": 6, "verbosity": -1, "deterministic": True, "num_threads": 1}
    model = lgb.train(options, data, 30)
    run = workspace / "scores" / "early_help" / "r1"
    run.mkdir(parents=True)
    model.save_model(run / "model.lgb")
    # What a fold learned: of one year alone.
    (run / "folds").mkdir()
    for number, day in enumerate(learned):
        rows = lgb.Dataset(features[day], labels[day].astype(float), feature_name=list(FEATURES))
        lgb.train(options, rows, 30).save_model(run / "folds" / f"{number}.lgb")
    _replay(run, entity, {day: model.predict(features[day], raw_score=True) for day in tested}, labels)
    parts = []
    for day in tested:
        margin = model.predict(features[day], raw_score=True, num_threads=1)
        for name, values in (("lightgbm", margin), ("points", features[day][:, 0].astype(np.float64))):
            parts.append(
                pa.table(
                    {
                        "entity": entity.astype(str),
                        "as_of": pa.array([day] * len(entity), pa.date32()),
                        "fold": ["f1"] * len(entity),
                        "margin": values,
                        "score": 1 / (1 + np.exp(-values)),
                        "model": [name] * len(entity),
                    }
                )
            )
    pq.write_table(pa.concat_tables(parts), run / "scores.parquet")
    figure = {"period": "selection", "part": "all", "against": None}
    figures = [
        {"model": name, "measure": measure, "estimate": value, "low": value * 0.8, "high": value * 1.2, **figure}
        for name, value in (("random", 0.1), ("points", 0.3), ("lightgbm", 0.4))
        for measure in ("precision", "recall")
    ]
    write_json(
        run / "metrics.json",
        {
            "schema_version": 1,
            "run": "r1",
            "programme": "early_help",
            "model": "lightgbm",
            "models": ["random", "points", "lightgbm"],
            "recommendation": {"sentence": "LightGBM is recommended: 40 of 100 listed households had the outcome."},
            "capacity": {"as_of": "2025-05-01", "places": {"north": 8}},
            "folds": [],
            "figures": figures,
            "curve": [],
            "bands": [],
            "points": [],
            "replay": {
                "why": "",
                "matrix": "m1",
                "headline": "selection",
                "days_apart": 121,
                "periods": [{"first": tested[0].isoformat(), "last": tested[-1].isoformat()}],
                "figures": [
                    {
                        **figure,
                        "model": name,
                        "measure": measure,
                        "estimate": value,
                        "low": value - 0.05,
                        "high": value + 0.05,
                        "against": against,
                    }
                    for name, measure, value, against in (
                        ("last_contact", "needed_of_listed", 0.2, None),
                        ("points", "needed_of_listed", 0.3, None),
                        ("lightgbm", "needed_of_listed", 0.4, None),
                        ("lightgbm", "needed_of_listed_difference", 0.2, "last_contact"),
                    )
                ],
            },
        },
    )
    write_json(
        run / "manifest.json",
        {
            "schema_version": 1,
            "id": "r1",
            "programme": "early_help",
            "snapshot": "s1",
            "synthetic": True,
            "matrix": "m1",
            "model": "lightgbm",
            "charter_sha256": file_digest(council / "charter.toml"),
            "features": list(FEATURES),
            "outputs": {path.name: file_digest(path) for path in run.glob("replayed*.parquet")},
        },
    )
    set_current(workspace / "scores" / "early_help", "r1")


def _replay(
    run: Path, entity: np.ndarray[Any, Any], margins: dict[date, Any], labels: dict[date, Any], places: int = 150
) -> None:
    """Write lists as they are used: each date's largest margins, a little noise by drawing, listed once a year."""
    listings: list[dict[str, Any]] = []
    for model, arm, sign in (("lightgbm", "ranked", 1.0), ("points", "baseline", 0.5)):
        for lottery in range(5):
            noise, resting = np.random.default_rng(lottery), np.zeros(len(entity), dtype=np.int64)
            for day, margin in margins.items():
                value = np.where(
                    resting > 0, -np.inf, sign * margin + noise.normal(scale=1 - sign + 0.2, size=len(entity))
                )
                listed = np.argsort(-value)[:places]
                resting = np.maximum(resting - 1, 0)
                resting[listed] = 2
                listings += [
                    {
                        "model": model,
                        "arm": arm,
                        "lottery": lottery,
                        "as_of": day,
                        "fold": "f1",
                        "team": "north",
                        "entity": entity[row].decode(),
                        "outcome": "need" if labels[day][row] else "none",
                        "days": float(100 + row % 7) if labels[day][row] else None,
                    }
                    for row in listed
                ]
    pq.write_table(pa.Table.from_pylist(listings), run / "replayed.parquet")
    needed = np.sum([labels[day] for day in margins], axis=0)
    households = {
        "entity": entity.astype(str),
        "last": [list(margins)[-1]] * len(entity),
        "lists": [len(margins)] * len(entity),
        "known": [len(margins)] * len(entity),
        "needed": needed,
    }
    pq.write_table(pa.table(households), run / "replayed_households.parquet")


def _snapshot(
    workspace: Path,
    rng: np.random.Generator,
    person: np.ndarray[Any, Any],
    person_row: np.ndarray[Any, Any],
    need: np.ndarray[Any, Any],
    group: np.ndarray[Any, Any],
) -> None:
    tables = workspace / "store" / "s1" / "tables"
    known = datetime(2020, 1, 1, tzinfo=UTC)
    people = person.astype(str)
    values = {
        "ethnicity": [GROUPS[one][0] for one in group[person_row]],
        "sex": rng.choice(["female", "male"], len(people)).tolist(),
        "disability": rng.choice(["yes", "no", ""], len(people), p=[0.06, 0.84, 0.1]).tolist(),
    }
    moment = pa.timestamp("us", "UTC")
    _table(
        tables / "protected.parquet",
        {
            "person_id": [one for _ in values for one in people],
            "characteristic": [name for name in values for _ in people],
            "value": [one for name in values for one in values[name]],
            "known_at": [known] * (len(values) * len(people)),
        },
        [("person_id", pa.string()), ("characteristic", pa.string()), ("value", pa.string()), ("known_at", moment)],
    )
    chance = 1 / (1 + np.exp(-(1.2 * need[person_row] - 2.0)))
    times, persons = [], []
    for year in range(2023, 2027):
        had = np.flatnonzero(rng.random(len(people)) < chance)
        persons += people[had].tolist()
        times += [datetime(year, 1 + int(m), 3, tzinfo=UTC) for m in rng.integers(0, 9, len(had))]
    _table(
        tables / "events.parquet",
        {
            "event_id": [f"{i:032x}" for i in range(len(times))],
            "person_id": persons,
            "signal": ["hospital.emergency_admission"] * len(times),
            "valid_at": times,
            "end_at": [None] * len(times),
            "known_at": times,
            "known_until": [None] * len(times),
        },
        [
            ("event_id", pa.string()),
            ("person_id", pa.string()),
            ("signal", pa.string()),
            ("valid_at", moment),
            ("end_at", moment),
            ("known_at", moment),
            ("known_until", moment),
        ],
    )
    _table(
        tables / "feeds.parquet",
        {
            "service": ["hospital"],
            "covers_from": [datetime(2016, 1, 1, tzinfo=UTC)],
            "covers_to": [TAKEN],
            "received_at": [TAKEN],
        },
        [("service", pa.string()), ("covers_from", moment), ("covers_to", moment), ("received_at", moment)],
    )
    write_json(
        workspace / "store" / "s1" / "manifest.json",
        {"schema_version": 1, "snapshot": "s1", "taken_at": TAKEN.isoformat(), "synthetic": True, "sources": []},
    )
    set_current(workspace / "store", "s1")


@pytest.fixture(scope="session")
def shared_world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Return a fair world that tests read and do not change."""
    return make_world(tmp_path_factory.mktemp("world"))


@pytest.fixture
def worlds(tmp_path: Path) -> Callable[..., World]:
    """Make a world of one's own, with options."""
    return lambda **options: make_world(tmp_path, **options)


@pytest.fixture
def read_json() -> Callable[[Path], Any]:
    return lambda path: json.loads(path.read_text())


@pytest.fixture(scope="session")
def make() -> Callable[..., World]:
    """Make a world in a folder of the test's choice."""
    return make_world
