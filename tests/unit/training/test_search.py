"""The search over LightGBM's settings: its budget, its seed, what it may look at, and what a kill costs."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from charter.contracts import check_document
from charter.contracts.matrix import Matrix
from charter.council.training_settings import Search, Trees
from charter.invocation import Invocation
from training.experiment import train_models
from training.keeping.mlflow_store import find_tracking_uri
from training.keeping.reproduce import retrain_model
from training.models.fitting import Bins
from training.models.planning import Plan, make_plan
from training.models.search import Found, Trial, _Judge, search_settings
from training.run import Run

pytestmark = [
    pytest.mark.filterwarnings("ignore:The ``noload`` loader:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*inferred as AnyType:UserWarning"),
]

ROOT = Path(__file__).resolve().parents[3]
QUICK = Search(trials=7, minutes=10, seed=3, trees=(5, 30), leaves=(2, 8), rows_per_leaf=(10, 80))


@pytest.fixture(scope="module")
def planned(shared_matrix: Matrix, quick_council: Path, tmp_path_factory: pytest.TempPathFactory) -> Plan:
    root = tmp_path_factory.mktemp("search") / "workspace"
    invocation = Invocation.open(quick_council, "early_help", root, quiet=True)
    made = make_plan(invocation, shared_matrix)
    return replace(made, settings=made.settings.replace(search=QUICK))


@pytest.fixture(scope="module")
def bins(planned: Plan) -> Bins:
    return Bins.of(planned)


@pytest.fixture(scope="module")
def found(planned: Plan, bins: Bins, tmp_path_factory: pytest.TempPathFactory) -> Found:
    return search_settings(planned, bins, tmp_path_factory.mktemp("whole") / "search.db", ignore)


def ignore(_: int) -> None:
    pass


def with_budget(planned: Plan, **budget: float) -> Plan:
    return replace(planned, settings=planned.settings.replace(search=QUICK.replace(**budget)))


def timeless(found: Found) -> list[Trial]:
    return [replace(trial, seconds=0.0) for trial in found.trials]


def test_it_keeps_to_its_trials_and_begins_with_the_stated_settings(planned: Plan, found: Found) -> None:
    assert len(found.trials) == QUICK.trials
    stated = {name: getattr(planned.settings.lightgbm, name) for name in QUICK.ranges}
    assert found.trials[0].settings == stated
    assert found.best.mean() >= found.trials[0].mean()
    for trial in found.trials:
        for name, (low, high) in QUICK.ranges.items():
            assert min(low, stated[name]) <= trial.settings[name] <= max(high, stated[name])


def test_it_keeps_to_its_minutes(planned: Plan, bins: Bins, tmp_path: Path) -> None:
    assert len(search_settings(with_budget(planned, minutes=1e-6), bins, tmp_path / "search.db", ignore).trials) == 1


def test_the_final_period_takes_no_part(planned: Plan, found: Found) -> None:
    assert found.folds == tuple(fold.name for fold in planned.folds if not fold.final)
    assert all(len(trial.precision) <= len(found.folds) for trial in found.trials)


def test_a_trial_is_what_training_with_its_settings_gives(planned: Plan, bins: Bins, found: Found) -> None:
    judge = _Judge.of(planned, bins, planned.folds[1])
    assert judge.precision(planned, bins, found.chosen) == found.best.precision[1]


def test_a_search_that_was_stopped_goes_on_as_if_nothing_had_happened(
    planned: Plan, bins: Bins, found: Found, tmp_path: Path
) -> None:
    path = tmp_path / "search.db"
    told: list[int] = []
    search_settings(with_budget(planned, trials=3), bins, path, ignore)
    assert timeless(search_settings(planned, bins, path, told.append)) == timeless(found)
    assert told == [3] + [1] * (QUICK.trials - 3)
    assert timeless(search_settings(with_budget(planned, trials=4), bins, path, ignore)) == timeless(found)[:4]


def trial(number: int, *precision: float, pruned: bool = False) -> Trial:
    return Trial(number, {"leaves": 2 + number}, precision, pruned, 1.0)


def test_a_pruned_trial_is_never_chosen_and_a_tie_goes_to_the_earlier_one() -> None:
    found = Found(Trees(), ("a", "b"), (trial(0, 0.3, 0.3), trial(1, 0.3, 0.3), trial(2, 0.9, pruned=True)))
    assert found.best.number == 0
    assert found.chosen.leaves == 2
    assert "None was better" in found.sentence


def test_a_folds_own_figures_come_from_settings_that_the_other_folds_chose() -> None:
    """Each trial is best by far in one fold: there the figures would flatter, so another trial's are taken."""
    found = Found(Trees(), ("a", "b", "c"), (trial(0, 0.9, 0.2, 0.1), trial(1, 0.1, 0.9, 0.3), trial(2, 0.2, 0.3, 0.9)))
    assert {fold: trees.leaves - 2 for fold, trees in found.by_fold.items()} == {"a": 1, "b": 2, "c": 0}


def test_a_range_that_descends_is_refused() -> None:
    with pytest.raises(ValueError, match="not from above 0 upwards"):
        Search(leaves=(31, 4))
    with pytest.raises(ValueError, match="greater than or equal to 1"):
        Search(trials=0)


def searching_council(quick_council: Path, tmp_path: Path) -> Path:
    council = tmp_path / "council"
    shutil.copytree(quick_council, council)
    training = council / "early_help" / "training.toml"
    text = training.read_text(encoding="utf-8")
    for was, now in (("trials = 20", "trials = 5"), ("trees = [50, 400]", "trees = [5, 30]")):
        assert was in text
        text = text.replace(was, now)
    training.write_text(text, encoding="utf-8")
    return council


@pytest.mark.deep
def test_a_run_records_its_search_and_its_model_can_be_made_again(
    make: Callable[[Any], Invocation], how: Any, quick_council: Path, tmp_path: Path
) -> None:
    made = make(how(households=300))
    invocation = Invocation.open(
        searching_council(quick_council, tmp_path), "early_help", made.workspace.root, quiet=True
    )
    run = train_models(invocation, searching=True)
    check_document("metrics", run.metrics)
    assert len(run.metrics["search"]["trials"]) == 5
    assert run.manifest["settings"]["lightgbm"] == run.metrics["search"]["chosen"]
    assert retrain_model(invocation, run) == (run.folder / "model.lgb").read_bytes()
    assert train_models(invocation, searching=True).id == run.id
    _check_mlflow(invocation, run)


def _check_mlflow(invocation: Invocation, run: Run) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(find_tracking_uri(invocation.workspace))
    experiment = client.get_experiment_by_name("early_help")
    parent = client.search_runs([experiment.experiment_id], f"tags.`sooner.run` = '{run.id}'")[-1].info.run_id
    trials = client.search_runs(
        [experiment.experiment_id], f"tags.`mlflow.parentRunId` = '{parent}' and tags.`sooner.trial` != ''"
    )
    by_number = {int(one.data.tags["sooner.trial"]): one for one in trials}
    assert sorted(by_number) == list(range(5))
    for told in run.metrics["search"]["trials"]:
        kept = by_number[told["trial"]]
        assert {name: float(value) for name, value in kept.data.params.items()} == pytest.approx(told["settings"])
        steps = client.get_metric_history(kept.info.run_id, "precision")
        assert [one.value for one in sorted(steps, key=lambda one: one.step)] == told["precision"]


@pytest.mark.deep
def test_killed_in_the_middle_it_loses_at_most_the_trial_it_was_in(
    make: Callable[[Any], Invocation], how: Any, quick_council: Path, tmp_path: Path
) -> None:
    """SIGKILL on the real command; started again, it ends with the very trials of a search that nobody killed."""
    workspace = make(how(households=300)).workspace.root
    council = searching_council(quick_council, tmp_path)
    words = ["--council", str(council), "--programme", "early_help", "--quiet", "--workspace", str(workspace)]
    killed = subprocess.Popen([sys.executable, "-m", "sooner", "train", "--search", *words], cwd=ROOT)
    _wait_for(workspace, 2, killed)
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    ended, _ = _trials(workspace)
    assert 2 <= ended < 5
    planned = make_plan(Invocation.open(council, "early_help", workspace, quiet=True))
    told: list[int] = []
    (path,) = (workspace / "search" / "early_help").glob("*.db")
    again = search_settings(planned, Bins.of(planned), path, told.append)
    assert told == [ended] + [1] * (5 - ended)
    assert _trials(workspace)[0] == 5
    assert _trials(workspace)[1] <= 1
    assert timeless(again) == timeless(search_settings(planned, Bins.of(planned), tmp_path / "undisturbed.db", ignore))


def _trials(workspace: Path) -> tuple[int, int]:
    """Return how many trials the search's file holds as ended, and as lost."""
    paths = list((workspace / "search" / "early_help").glob("*.db"))
    if not paths:
        return 0, 0
    with sqlite3.connect(paths[0]) as connection:
        try:
            states = [row[0] for row in connection.execute("SELECT state FROM trials")]
        except sqlite3.OperationalError:  # the file is there, its tables are not yet
            return 0, 0
    return sum(state in ("COMPLETE", "PRUNED") for state in states), states.count("FAIL")


def _wait_for(workspace: Path, ended: int, running: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 120
    while _trials(workspace)[0] < ended:
        assert running.poll() is None, "the command ended before it could be killed"
        assert time.monotonic() < until
        time.sleep(0.01)
