"""One training run from matrix to figures: folds x models, then the candidate. `sooner train` calls `train`.

    1  folds        temporal, with the embargo (folds.py)
    2  fits         every model on every fold's training rows; each scores its fold's test dates once
    3  calibration  on pooled out-of-time margins, cross-fitted over the selection folds
    4  judgement    figures at capacity on the selection periods, and on the final period once
    5  candidate    the recommended model, fitted again on every row that has a label by the snapshot

The candidate is fitted on more than any fold was, because a model that ends with the last fold's embargo would start
more than a year stale; what is judged is the way of making it (docs/decisions/0051).
"""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from charter.contracts import SCHEMA_VERSION
from charter.contracts.files import content_id, file_digest, new_folder, write_json, write_text
from charter.invocation import Invocation
from charter.policy import Policy
from training.abstention import sight
from training.coverage import coverage, share_seen
from training.fitting import Trained, fit_all
from training.judging import SELECTION, Results, judge_all
from training.models import words
from training.planning import Plan, fold_document, make_plan
from training.run import Run, keep, make_current, write_scores
from training.threads import one_thread

__all__ = ["train"]


def train(invocation: Invocation) -> Run:
    """Train, judge and keep one run, record it in MLflow, make it the newest, and return it.

    The caller holds the workspace's writer lock.
    """
    from training.tracking import Tracking

    policy = Policy.load(invocation.council.folder / "charter.toml")
    planned = make_plan(invocation)
    with one_thread(), Tracking.started(invocation.workspace) as tracking:
        models = planned.settings.models.in_order
        steps = 2 + len(planned.folds) * len(models) + len(models)
        with invocation.progress("Training", steps) as advance:
            trained = fit_all(planned, advance)
            judged = judge_all(planned, trained, advance)
            run = _keep(invocation, planned, trained, judged, policy.sha256)
        with invocation.progress("Recording in MLflow"):
            tracking.record(run, planned, trained, judged)
        make_current(invocation.workspace, run)
    return run


def _keep(invocation: Invocation, planned: Plan, trained: Trained, results: Results, charter_sha256: str) -> Run:
    """Write the run's folder, named by what went in."""
    matrix = planned.data.matrix
    inputs = {
        "matrix/manifest.json": file_digest(matrix.folder / "manifest.json"),
        "matrix/definition.json": file_digest(matrix.folder / "definition.json"),
        "council.toml": file_digest(invocation.council.folder / "council.toml"),
        "training.toml": file_digest(invocation.programme_folder / "training.toml"),
        "worklist.toml": file_digest(invocation.programme_folder / "worklist.toml"),
        "code": _code_digest(),
    }
    versions = {name: version(name) for name in ("lightgbm", "numpy", "scikit-learn", "scipy")}
    run_id = content_id({"inputs": inputs, "charter": charter_sha256, "versions": versions})
    final = invocation.workspace.scores / run_id
    names = matrix.features
    candidate = trained.candidates[results.model]
    if final.exists() and not Run.intact(final):
        shutil.rmtree(final)
    with new_folder(final) as folder:
        (folder / "models").mkdir()
        for name, fitted in trained.candidates.items():
            write_text(folder / "models" / f"{name}.lgb", fitted.text or "")
        write_text(folder / "model.lgb", candidate.text or "")
        if "points" in trained.candidates:
            write_text(folder / "baseline.lgb", trained.candidates["points"].text or "")
        write_scores(folder / "scores.parquet", results.scored)
        write_json(folder / "metrics.json", _metrics(invocation, run_id, planned, trained, results))
        outputs = {
            path.relative_to(folder).as_posix(): file_digest(path) for path in folder.rglob("*") if path.is_file()
        }
        manifest = {
            "schema_version": SCHEMA_VERSION,
            "id": run_id,
            "programme": invocation.programme,
            "snapshot": matrix.manifest["snapshot"],
            "synthetic": matrix.manifest["synthetic"],
            "matrix": matrix.manifest["id"],
            "definition": matrix.manifest["definition"],
            "charter_sha256": charter_sha256,
            "inputs": inputs,
            "outputs": outputs,
            "versions": versions,
            "settings": planned.settings.as_document(),
            "features": names,
            "seen": list(matrix.manifest["seen"]),
            "model": results.model,
            "baseline": "points" if "points" in trained.candidates else None,
            "calibration": {name: scaling.as_document() for name, scaling in results.scalings.items()},
            "abstention": sight(planned, planned.learned).as_document(),
            "trained_on": [day.isoformat() for day in planned.learned],
        }
        return keep(invocation.workspace, folder, manifest)


def _coverage(invocation: Invocation, planned: Plan) -> list[dict[str, Any]]:
    """Return the coverage of need at the test dates; nothing where the snapshot's tables are gone."""
    tables = invocation.workspace.store / str(planned.data.matrix.manifest["snapshot"]) / "tables"
    if not (tables / "events.parquet").exists():
        return []
    level = planned.settings.bootstrap.level
    return [part.as_document(level) for part in coverage(planned.data, tables, planned.tested)]


def _code_digest() -> str:
    """Return one sha256 over this room's code, so that a run made by other code has another id."""
    total = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        total.update(f"{path.name}\0{file_digest(path)}\n".encode())
    return total.hexdigest()


def _metrics(invocation: Invocation, run_id: str, planned: Plan, trained: Trained, results: Results) -> dict[str, Any]:
    matrix, settings = planned.data.matrix, planned.settings
    newest = planned.tested[-1]
    return {
        "schema_version": SCHEMA_VERSION,
        "run": run_id,
        "programme": invocation.programme,
        "model": results.model,
        "models": list(settings.models.in_order),
        "recommendation": results.recommendation.as_document(),
        "capacity": {"as_of": newest.isoformat(), "places": dict(planned.places.by_date[newest])},
        "bootstrap": {
            "resamples": settings.bootstrap.resamples,
            "level": settings.bootstrap.level,
            "seed": settings.bootstrap.seed,
            "cluster": matrix.definition["entity"],
            "note": "Whole households are drawn again and the cut at capacity is made again in each resample; the"
            " intervals are conditional on the fitted models.",
        },
        "ties": "Equal margins are ordered by a published lottery that anybody can draw again (charter/ranking.py).",
        "folds": [fold_document(fold, counted) for fold, counted in zip(planned.folds, planned.counts, strict=True)],
        "figures": [{**figure.__dict__} for judged in results.periods.values() for figure in judged.figures],
        "curve": [point for judged in results.periods.values() for point in judged.curve],
        "bands": list(results.bands),
        "calibration": list(results.calibration),
        "abstention": dict(results.abstention),
        "replay": [
            {"model": model, "period": SELECTION, **asdict(one), "recall": one.recall}
            for model, replays in results.replays.items()
            for one in replays
        ],
        "stability": dict(results.stability),
        "coverage": _coverage(invocation, planned),
        "seen": share_seen(planned.data),
        "points": words(trained.candidates["points"], matrix.definition, matrix.features)
        if "points" in trained.candidates
        else [],
        "left_out": list(planned.unchanging),
        "suspected_leaks": [{"feature": leak.feature, "sign": leak.sign} for leak in planned.suspected],
    }
