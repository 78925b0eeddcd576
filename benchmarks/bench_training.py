"""Training's claims: a whole run against bare `lightgbm.train`, its memory, a search against bare fits, and scoring.

`sooner train` is the whole verb in a process of its own: plan, leak check, binning, one fold's model and the
candidate, 1,000 resamples, MLflow; without the household-disjoint diagnostic, which is five more fits. The peer does
the same two fits and nothing else, on the same rows with the same parameters. For the search the peer fits the very
settings that were tried, on the same folds, each from raw arrays.

    python -m benchmarks.bench_training ours|bare|search|bare_search HOUSEHOLDS      one process, as JSON

SOONER_BENCH_HOUSEHOLDS=11000 makes the first two smaller; the row's name says how many there were.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.results import Row
from benchmarks.training_matrix import every_other_month, invocation, monthly, size_of
from charter.contracts.files import write_json
from charter.invocation import Invocation

HOUSEHOLDS = int(os.environ.get("SOONER_BENCH_HOUSEHOLDS", "110000"))
SEARCHED = 5_500
TRIALS = 20
REPEATS = 3
_LONG = 120.0
"""Seconds after which a contender is run once."""

_COMMON = """
[models]
compare = ["lightgbm"]
release = "lightgbm"
unchanging = "leave_out"
[[bands]]
id = "a"
title = "All"
from_score = 0.0
stated = [0.0, 1.0]
meaning = "Of a benchmark."
"""
ONE_FOLD = f"""
[folds]
count = 1
dates = 1
final = 0
grouped = 0
[lightgbm]
trees = 150
leaves = 31
{_COMMON}"""
FOUR_FOLDS = f"""
[folds]
count = 4
dates = 2
final = 0
[lightgbm]
trees = 75
leaves = 8
[search]
trials = {TRIALS}
minutes = 600
trees = [50, 100]
leaves = [4, 12]
{_COMMON}"""


def ours(opened: Invocation) -> dict[str, float]:
    """Run the verb."""
    from training.experiment import train_models

    train_models(opened)
    return {}


def bare(opened: Invocation) -> dict[str, float]:
    """Do the fits of the fold and of the candidate with lightgbm alone."""
    from training.models.planning import make_plan

    planned = make_plan(opened)
    began, cpu = time.perf_counter(), time.process_time()
    for days, cut in ((planned.folds[0].train, planned.folds[0].cut), (planned.learned, planned.data.taken_at)):
        _bare_fit(planned, days, cut, planned.settings.lightgbm)
    return {"seconds": time.perf_counter() - began, "cpu": time.process_time() - cpu}


def _bare_fit(planned: Any, days: list[date], cut: Any, trees: Any) -> None:
    import lightgbm

    from training.models.boosting import make_parameters, read_directions

    data = planned.data
    stated = read_directions(data.matrix.definition, data.matrix.features)
    features = np.concatenate([data.at(day).features for day in days])
    labels = np.concatenate([data.labels(day, cut) for day in days])
    labelled = labels >= 0
    if not labelled.all():
        features, labels = features[labelled], labels[labelled]
    lightgbm.train(make_parameters(trees, stated), lightgbm.Dataset(features, labels), num_boost_round=trees.trees)


def searched(opened: Invocation) -> dict[str, Any]:
    """Search: bin once, then up to four fits a trial; return how many fits there were, and what was tried."""
    from training.models.fitting import Bins
    from training.models.planning import make_plan
    from training.models.search import search_settings

    planned = make_plan(opened)
    path = opened.workspace.search / "benchmark.db"
    path.unlink(missing_ok=True)
    began = time.perf_counter()
    found = search_settings(planned, Bins.of(planned), path, lambda _: None)
    return {
        "seconds": time.perf_counter() - began,
        "fits": sum(len(trial.precision) for trial in found.trials),
        "settings": [found.stated.model_copy(update=_whole(trial.settings)).model_dump() for trial in found.trials],
    }


def _whole(settings: Mapping[str, float]) -> dict[str, Any]:
    return {name: int(value) if float(value).is_integer() else value for name, value in settings.items()}


def bare_search(opened: Invocation) -> dict[str, float]:
    """Fit every setting that the search tried on every fold, each from raw arrays."""
    from charter.council.training_settings import Trees
    from training.models.planning import make_plan

    planned = make_plan(opened)
    tried = json.loads((opened.workspace.root / "tried.json").read_text(encoding="utf-8"))
    began = time.perf_counter()
    for settings in tried:
        for fold in planned.folds:
            _bare_fit(planned, list(fold.train), fold.cut, Trees(**settings))
    return {"seconds": time.perf_counter() - began}


_KINDS: dict[str, Callable[[Invocation], dict[str, Any]]] = {
    "ours": ours, "bare": bare, "search": searched, "bare_search": bare_search,
}  # fmt: skip


def _opened(kind: str, households: int) -> Invocation:
    if kind in ("ours", "bare"):
        return invocation(households, monthly(), ONE_FOLD)
    return invocation(households, every_other_month(), FOUR_FOLDS)


def alone(kind: str, households: int) -> dict[str, Any]:
    """Run one contender in a process of its own; seconds are those of the process unless it says its own."""
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.bench_training", kind, str(households)],
        check=True, capture_output=True, text=True, cwd=Path(__file__).parents[1],
    )  # fmt: skip
    whole = time.perf_counter() - began
    found: dict[str, Any] = {"seconds": whole, **json.loads(done.stdout.splitlines()[-1])}
    return found


def turns(kinds: tuple[str, str], households: int) -> list[dict[str, Any]]:
    """Run two contenders in turn, three times, or once where that takes minutes; return the medians of each."""
    found: dict[str, list[dict[str, Any]]] = {kind: [] for kind in kinds}
    for _ in range(REPEATS):
        for kind in kinds:
            found[kind].append(alone(kind, households))
            if kind == "search":
                write_json(_opened(kind, households).workspace.root / "tried.json", found[kind][-1]["settings"])
        if max(one["seconds"] for runs in found.values() for one in runs) > _LONG:
            break
    return [
        {"runs": len(runs)} | {key: median(one[key] for one in runs) for key in ("seconds", "cpu", "peak")}
        | {key: runs[-1][key] for key in ("fits",) if key in runs[-1]}
        for runs in found.values()
    ]  # fmt: skip


def whole_run() -> list[Row]:
    """Measure the verb's time against two bare fits, and its memory against the float32 matrix."""
    opened = _opened("ours", HOUSEHOLDS)
    mine, theirs = turns(("ours", "bare"), HOUSEHOLDS)
    ratio = mine["seconds"] / theirs["seconds"]
    gib = size_of(opened) / 2**30
    note = (
        f"{HOUSEHOLDS:,} households, 24 dates to learn from, 176 columns, 150 trees of 31 leaves; two fits each, the"
        f" fold's and the candidate's; runs: {mine['runs']}"
    )
    peers = {
        "sooner train, s": round(mine["seconds"], 1),
        "two bare fits, s": round(theirs["seconds"], 1),
        "by CPU": round(mine["cpu"] / theirs["cpu"], 2),
    }
    memory = {
        "float32 matrix, GiB": round(gib, 2),
        "peak, GiB": round(mine["peak"], 2),
        "bare fits' peak, GiB": round(theirs["peak"], 2),
    }
    return [
        _row("training/whole run against bare lightgbm.train", ratio, 1.15, peers, note),
        _row("training/peak memory against the float32 matrix", mine["peak"] / gib, 1.5, memory, note),
    ]


def search_run() -> Row:
    """Measure four folds x 20 trials against 80 bare fits of the same settings."""
    mine, theirs = turns(("search", "bare_search"), SEARCHED)
    ratio = mine["seconds"] / theirs["seconds"]
    peers = {
        "search, s": round(mine["seconds"], 1),
        "80 bare fits, s": round(theirs["seconds"], 1),
        "fits after pruning": mine["fits"],
        "each fit against a bare one": round(ratio * 4 * TRIALS / mine["fits"], 2),
    }
    note = (
        f"{SEARCHED:,} households, 24 dates, 176 columns; the search also scores each fold's test rows and writes every"
        f" trial down; runs: {mine['runs']}"
    )
    return _row("training/search of four folds x 20 trials against 80 bare fits", ratio, 0.7, peers, note)


def _row(name: str, figure: float, limit: float, peers: Mapping[str, float | str], note: str) -> Row:
    return Row(name, round(figure, 3), "x", f"{limit:g} x or less", figure <= limit, peers, note)


def run() -> list[Row]:
    """Measure a whole run and scoring; the search is measured apart (bench_search.py)."""
    from benchmarks.scoring import scoring_run

    return [*whole_run(), scoring_run()]


def _main(kind: str, households: str) -> None:
    cpu = time.process_time()
    found = _KINDS[kind](_opened(kind, int(households)))
    usage = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({"cpu": time.process_time() - cpu, "peak": usage.ru_maxrss / 2**20} | found))


if __name__ == "__main__":
    _main(*sys.argv[1:])
