"""From a decision that passes to a release folder; and every closed door on the way."""

from __future__ import annotations

import json
import shutil
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import pytest

from charter.contracts import check_document
from charter.contracts.files import file_digest, find_current, read_json, write_json
from charter.errors import (
    BlockedError,
    DataError,
    ReferredError,
    SignOffError,
    SoonerError,
    UsageError,
    WithdrawnError,
)
from charter.invocation import Invocation
from charter.signing.acceptance import Signable, sign_as
from training.experiment import train_models
from training.keeping import release
from training.keeping.check_rows import make_check_rows
from training.keeping.registry import CHAMPION, Registry
from training.keeping.release import release_model, roll_back_release
from training.run import Run

# MLflow's database models use a loader that SQLAlchemy 2.1 deprecates, and its type hints warn about themselves.
pytestmark = [
    pytest.mark.filterwarnings("ignore:The ``noload`` loader:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*inferred as AnyType:UserWarning"),
]


@pytest.fixture(autouse=True)
def _own_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def decided(invocation: Invocation, decision: str = "pass", **changes: Any) -> Path:
    """Leave findings and a decision on the newest run, as `audit` and `decide` do."""
    run = Run.open(invocation.workspace)
    folder = invocation.workspace.audit / run.id
    findings = {
        "schema_version": 1,
        "snapshot": run.manifest["snapshot"],
        "inputs": {"scores.parquet": run.manifest["outputs"]["scores.parquet"]},
        "run": run.id,
        "programme": "early_help",
        "code_version": "test",
        "model": run.manifest["model"],
        "charter_sha256": run.manifest["charter_sha256"],
        "findings": [],
    }
    write_json(folder / "findings.json", findings | changes.pop("findings", {}))
    document = {
        "schema_version": 1,
        "programme": "early_help",
        "run": run.id,
        "decision": decision,
        "sentence": f"The decision is {decision}.",
        "charter_sha256": run.manifest["charter_sha256"],
        "findings_sha256": file_digest(folder / "findings.json"),
        "verdicts": [],
    }
    write_json(folder / "decision.json", document | changes)
    (invocation.workspace.audit / "current").write_text(f"{run.id}\n")
    return folder


def signed(invocation: Invocation) -> None:
    """Sign everything as a demo does, in every role that must."""
    roles = tomllib.loads((invocation.council.folder / "charter.toml").read_text(encoding="utf-8"))["role"]
    for role in roles:
        for what in {"charter", "decision"} & set(role.get("signs", [])):
            sign_as(invocation, role["id"], Signable(what), demo=True)


def test_a_passed_and_signed_run_is_released_with_its_contract(trained: Invocation) -> None:
    decided(trained)
    signed(trained)
    folder = release_model(trained)
    run = Run.open(trained.workspace)
    manifest = read_json(folder / "manifest.json")
    check_document("release", manifest)
    assert find_current(trained.workspace.release) == folder
    assert folder.name == manifest["id"]
    assert (manifest["run"], manifest["model"]) == (run.id, run.manifest["model"])
    assert manifest["model_sha256"] == file_digest(folder / "model.lgb") == run.manifest["outputs"]["model.lgb"]
    assert manifest["calibration"] == run.manifest["calibration"][manifest["model"]]
    assert manifest["bands"] == run.metrics["bands"]
    assert read_json(folder / "definition.json")["hash"] == manifest["definition"]


def test_the_release_carries_the_points_list_to_fall_back_on(trained: Invocation) -> None:
    decided(trained)
    signed(trained)
    folder = release_model(trained)
    baseline = read_json(folder / "manifest.json")["baseline"]
    assert baseline["model"] == "points"
    assert baseline["model_sha256"] == file_digest(folder / "baseline.lgb")
    assert baseline["rules"]


def test_the_check_rows_score_as_training_said_and_belong_to_nobody(trained: Invocation) -> None:
    decided(trained)
    signed(trained)
    folder = release_model(trained)
    with np.load(folder / "check.npz", allow_pickle=False) as left:
        rows, margins = left["rows"], left["margins"]
    scored = lgb.Booster(model_file=str(folder / "model.lgb")).predict(rows, raw_score=True, num_threads=1)
    assert scored.tobytes() == margins.tobytes()
    assert np.array_equal(rows, make_check_rows((folder / "model.lgb").read_text()), equal_nan=True)
    assert len(np.unique(margins)) > 3


def test_the_registry_says_who_approved_it_until_when(trained: Invocation) -> None:
    import mlflow

    decided(trained)
    signed(trained)
    folder = release_model(trained)
    version = mlflow.MlflowClient(trained.workspace.tracking_uri).get_model_version_by_alias(
        Registry(trained).name, CHAMPION
    )
    assert version.tags["sooner.release"] == folder.name
    assert "(demo)" in version.tags["sooner.approved_by"]
    assert version.tags["sooner.expires"] > "2026"
    assert version.tags["sooner.decision"] == "pass"


def test_releasing_twice_is_one_release(trained: Invocation) -> None:
    decided(trained)
    signed(trained)
    assert release_model(trained) == release_model(trained)
    assert len(read_json(trained.workspace.release / "history.json")) == 1


def test_a_release_that_stands_is_left_as_it_is(trained: Invocation) -> None:
    decided(trained)
    signed(trained)
    folder = release_model(trained)
    left = [*folder.iterdir(), trained.workspace.release / "named.json"]
    before = {path: path.stat().st_mtime_ns for path in left}
    assert len(before) > 4
    release_model(trained)
    assert {path: path.stat().st_mtime_ns for path in left} == before
    (folder / "check.npz").write_bytes(b"")
    release_model(trained)
    assert (folder / "check.npz").stat().st_size, "a file that was changed is made again"
    named = trained.workspace.release / "named.json"
    told = read_json(named)
    write_json(named, told | {"store": "another"})
    release_model(trained)
    assert read_json(named) == told, "another store is told too"


def test_a_referral_that_the_board_accepted_is_released_and_says_so(trained: Invocation) -> None:
    decided(trained, "refer")
    with pytest.raises(SoonerError):
        release_model(trained)
    signed(trained)
    manifest = read_json(release_model(trained) / "manifest.json")
    assert manifest["decision"]["decision"] == "refer"


@pytest.mark.parametrize(
    ("decision", "sign", "error"),
    [("pass", False, SignOffError), ("block", False, BlockedError), ("refer", False, (ReferredError, SignOffError))],
)
def test_a_closed_door_stays_closed(trained: Invocation, decision: str, sign: bool, error: Any) -> None:
    decided(trained, decision)
    if sign:
        signed(trained)
    with pytest.raises(error):
        release_model(trained)
    assert find_current(trained.workspace.release) is None


def test_without_a_decision_there_is_no_champion(trained: Invocation) -> None:
    with pytest.raises(DataError, match="no decision on run"):
        release_model(trained)


def test_demo_sign_offs_do_not_open_real_data(trained: Invocation) -> None:
    run = Run.open(trained.workspace)
    write_json(run.folder / "manifest.json", {**run.manifest, "synthetic": False})
    tracked = read_json(run.folder / "tracking.json")
    write_json(run.folder / "tracking.json", tracked | {"commit": tracked["commit"].removesuffix("-dirty")})
    decided(trained)
    signed(trained)
    with pytest.raises(SignOffError):
        release_model(trained)


def test_real_people_are_not_put_in_order_by_what_nobody_was_asked_about(
    trained: Invocation, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The same run of made-up people is released."""
    folder = decided(trained)
    signed(trained)
    council = trained.council.copied_to(Path(shutil.copytree(trained.council.folder, tmp_path / "council")))
    (council.folder / "engagement.toml").write_text("", encoding="utf-8")
    asked = replace(trained, council=council)
    run = Run.open(trained.workspace)
    write_json(run.folder / "manifest.json", {**run.manifest, "synthetic": False})
    tracked = read_json(run.folder / "tracking.json")
    write_json(run.folder / "tracking.json", tracked | {"commit": tracked["commit"].removesuffix("-dirty")})
    monkeypatch.setattr(release, "require_signoffs", lambda *_, **__: read_json(folder / "decision.json"))
    with pytest.raises(SignOffError, match="no engagement record says who was asked"):
        release_model(asked)
    write_json(run.folder / "manifest.json", run.manifest)
    assert release_model(asked)


def test_an_audit_of_other_scores_or_of_another_model_is_not_enough(trained: Invocation) -> None:
    decided(trained, findings={"inputs": {"scores.parquet": "0" * 64}})
    signed(trained)
    with pytest.raises(DataError, match="not of run"):
        release_model(trained)
    other = "lightgbm" if Run.open(trained.workspace).manifest["model"] != "lightgbm" else "points"
    decided(trained, findings={"model": other})
    signed(trained)
    with pytest.raises(DataError, match="the candidate is"):
        release_model(trained)


def test_an_edited_model_is_not_released(trained: Invocation) -> None:
    decided(trained)
    signed(trained)
    path = Run.open(trained.workspace).folder / "model.lgb"
    path.write_text(path.read_text().replace("leaf_value=", "leaf_value=9", 1))
    with pytest.raises(DataError, match="not what training wrote"):
        release_model(trained)


def test_a_run_whose_people_withdrew_is_not_released(trained: Invocation) -> None:
    decided(trained)
    signed(trained)
    run = Run.open(trained.workspace)
    write_json(run.folder / "manifest.json", {**run.manifest, "withdrawn_rows": 3})
    with pytest.raises(WithdrawnError, match="3 were withdrawn") as refused:
        release_model(trained)
    assert refused.value.exit_code == 12


def second_run(invocation: Invocation) -> Run:
    """Train with other settings, so that there is another run to release."""
    path = invocation.council.folder / "early_help" / "training.toml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("trees = 25", "trees = 26"), encoding="utf-8")
    try:
        return train_models(invocation)
    finally:
        path.write_text(text, encoding="utf-8")


def test_rolling_back_returns_to_the_release_before(trained: Invocation) -> None:
    import mlflow

    decided(trained)
    signed(trained)
    first = release_model(trained)
    with pytest.raises(UsageError, match="first release"):
        roll_back_release(trained)
    second_run(trained)
    decided(trained)
    signed(trained)
    second = release_model(trained)
    assert first != second
    assert roll_back_release(trained) == first
    assert find_current(trained.workspace.release) == first
    client = mlflow.MlflowClient(trained.workspace.tracking_uri)
    champion = client.get_model_version_by_alias(Registry(trained).name, CHAMPION)
    assert champion.tags["sooner.release"] == first.name
    history = [entry["action"] for entry in read_json(trained.workspace.release / "history.json")]
    assert history == ["release", "release", "rollback"]


def test_rolling_back_needs_the_earlier_decision_to_hold_still(trained: Invocation) -> None:
    folder = decided(trained)
    signed(trained)
    release_model(trained)
    second_run(trained)
    decided(trained)
    signed(trained)
    second = release_model(trained)
    (folder / "signoffs.toml").unlink()
    with pytest.raises(SignOffError):
        roll_back_release(trained)
    assert find_current(trained.workspace.release) == second


def test_without_a_release_there_is_nothing_to_roll_back(trained: Invocation) -> None:
    with pytest.raises(UsageError, match="no release"):
        roll_back_release(trained)


def test_a_release_names_nobody(trained: Invocation) -> None:
    decided(trained)
    signed(trained)
    folder = release_model(trained)
    text = json.dumps(read_json(folder / "manifest.json"))
    assert "risk" not in text.lower()
    matrix = trained.workspace.matrix / read_json(folder / "manifest.json")["matrix"]
    someone = np.load(next(matrix.glob("as_of=*/entity.npy")), allow_pickle=False)[0]
    for path in folder.rglob("*"):
        if path.is_file():
            assert bytes(someone) not in path.read_bytes()
