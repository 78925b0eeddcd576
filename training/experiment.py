"""One training run from matrix to figures: folds x models, then the candidate. `sooner train` calls `train`.

    1  folds        temporal, with the embargo (folds.py)
       search       with `--search`: LightGBM's settings, on the selection folds (search.py)
    2  fits         every model on every fold's training rows; each scores its fold's test dates once
    3  replay       every contender's lists of up to two years of weeks; by them and the board's margin one is chosen
    4  calibration  on pooled out-of-time margins, mended where lists are made; bands say what lists showed
    5  annex        figures of isolated dates: at capacity on the selection periods, and on the final period once
    6  candidate    the chosen model, fitted again on every row that has a label by the snapshot

The candidate is fitted on more than any fold was, because a model that ends with the last fold's embargo would start
more than a year stale; what is judged is the way of making it (docs/decisions/0051).
"""

from __future__ import annotations

import shutil
from collections.abc import Collection
from dataclasses import replace
from typing import Any

import numpy as np

from charter.contracts import SCHEMA_VERSION
from charter.contracts.entity_words import EntityWords
from charter.contracts.files import content_id, file_digest, new_folder, write_json, write_text
from charter.council.training_settings import POINTS_LISTS
from charter.errors import DataError
from charter.invocation import Invocation
from charter.machine.code_version import describe_code, is_edited
from charter.machine.threads import one_thread
from training.data.coverage import measure_coverage, measure_seen_share
from training.data.folds import SELECTION
from training.data.known_dates import measure_known_dates
from training.data.lists import list_contact_features
from training.data.onsets import measure_onsets
from training.judging.learned_range import find_learned_range
from training.judging.metrics import NEW_TO_SERVICES, blank_figures
from training.judging.periods import Results, judge_periods
from training.judging.replay_run import Likelihoods, describe_choice, released_model, replay_run
from training.judging.replayed_lists import ReplayedLists
from training.judging.treatment import measure_treatment
from training.judging.unseen_households import judge_disjoint
from training.keeping.final import FinalPeriod
from training.models.contenders import word_rules
from training.models.fitting import Bins, Trained, fit_folds
from training.models.planning import Plan, describe_fold, make_plan
from training.models.search import Found, search_settings
from training.report import page
from training.run import Run, keep_run, make_current
from training.run_inputs import digest_help_sources, digest_inputs, list_versions
from training.scores_table import write_scores

__all__ = ["train_models"]


def train_models(invocation: Invocation, searching: bool = False) -> Run:
    """Train, judge and keep one run, record it in MLflow, make it the newest, and return it.

    `searching`: LightGBM's settings are searched first, within the budget of `[search]`. The caller holds the
    workspace's writer lock.
    """
    from training.keeping.tracking import Tracking

    policy = invocation.policy
    planned = make_plan(invocation)
    _require_known_code(planned)
    with one_thread(), Tracking.started(invocation) as tracking:
        models = planned.settings.models.in_order
        bins = Bins.of(planned)
        search_result = _search_settings(invocation, planned, bins) if searching else None
        if search_result:
            planned = replace(planned, settings=planned.settings.replace(lightgbm=search_result.chosen))
        inputs = _name_inputs(invocation, planned, search_result, policy.sha256)
        final = FinalPeriod.of(invocation.workspace, planned, content_id(inputs))
        with invocation.progress("Training", len(planned.folds) * len(models) + len(models)) as advance:
            trained = fit_folds(planned, bins, advance, search_result.by_fold if search_result else None)
        with invocation.progress("Replaying past weeks", 2 + len(models)) as advance:
            result = replay_run(invocation, planned, trained, policy.choosing.margin, advance, look=final.judged)
        model = released_model(planned, result.choice)
        with invocation.progress("Judging isolated dates", 2) as advance:
            judged = judge_periods(planned, trained, model, result.likelihoods.scaling, advance, final.judged)
            extra = _diagnose_model(planned, bins, trained, judged, search_result) | {"final": final.as_document()}
            extra |= describe_choice(planned, result) | result.likelihoods.as_document()
            extra["abstention"] = _describe_abstention(judged, result.likelihoods)
            run = _keep_run(invocation, planned, trained, judged, extra, inputs, result.lists)
            page.write_page(run)
        final.record(invocation.workspace, planned)
        with invocation.progress("Recording in MLflow"):
            tracking.record(run, planned, trained, judged, search_result)
        make_current(invocation.workspace, run)
    return run


def _require_known_code(planned: Plan) -> None:
    """Raise DataError where real people's data would be learned from by code that nobody could find again."""
    if not planned.data.matrix.manifest["synthetic"] and is_edited(code := describe_code()):
        raise DataError(
            f"the code that would train on real data is {code}: no commit and no installed version holds it, so nobody "
            "could make the model again.",
            "Commit what you changed, or install a version of Sooner, and run this again.",
        )


def _describe_abstention(judged: Results, likelihoods: Likelihoods) -> dict[str, Any]:
    """Return how many rows have no band: of all, and of those on replayed lists, where there are any."""
    of_listed = {"of_listed": dict(likelihoods.without_band)} if likelihoods.without_band else {}
    return {"of_all": dict(judged.abstention), **of_listed}


def _search_settings(invocation: Invocation, planned: Plan, bins: Bins) -> Found:
    """Search, in a file named by everything but the budget: a larger budget goes on with the trials there are."""
    settings = planned.settings.as_document()
    budget = {"trials", "minutes"}
    tried = {key: value for key, value in settings["search"].items() if key not in budget}
    study = content_id(
        {
            "inputs": _digest_inputs(invocation, planned, but=("training.toml",)),
            "settings": settings | {"search": tried},
        }
    )
    by = planned.settings.search
    with invocation.progress(f"Searching ({by.trials} trials, {by.minutes:g} minutes)", by.trials) as advance:
        return search_settings(planned, bins, invocation.workspace.search / f"{study}.db", advance)


def _diagnose_model(
    planned: Plan, bins: Bins, trained: Trained, results: Results, found: Found | None
) -> dict[str, Any]:
    """Return what is measured of the released model alone: treated households, strangers, and the search."""
    folds, model, trees = planned.selecting, results.model, found.by_fold if found else {}
    margins = trained.margins[model]
    whole = np.concatenate([margins[fold.name] for fold in folds])
    newest = folds[-1]
    diagnoses: dict[str, Any] = {"treated": measure_treatment(planned, bins, folds, results.draws, model, whole, trees)}
    strangers = judge_disjoint(planned, bins, newest, model, margins[newest.name], trees.get(newest.name))
    if strangers:
        diagnoses["grouped"] = strangers
    return diagnoses | ({"search": found.as_document()} if found else {})


def _name_inputs(invocation: Invocation, planned: Plan, found: Found | None, charter_sha256: str) -> dict[str, Any]:
    """Return what goes into a run and names it: files, charter, libraries, and what a search found."""
    inputs = {"inputs": _digest_inputs(invocation, planned), "charter": charter_sha256, "versions": list_versions()}
    return inputs | ({"search": found.as_document()} if found else {})


def _digest_inputs(invocation: Invocation, planned: Plan, but: Collection[str] = ()) -> dict[str, str]:
    treated = {"offers": planned.data.offers.sha256, "helped": planned.data.help.sha256}
    return digest_inputs(invocation, planned.data.matrix.folder, treated, but)


def _keep_run(
    invocation: Invocation,
    planned: Plan,
    trained: Trained,
    results: Results,
    extra: dict[str, Any],
    named: dict[str, Any],
    lists: ReplayedLists | None,
) -> Run:
    """Write the run's folder, named by what went in."""
    matrix, run_id = planned.data.matrix, content_id(named)
    final = invocation.workspace.scores / run_id
    names = matrix.features
    candidate = trained.candidates[results.model]
    if final.exists() and not Run.intact(final):
        shutil.rmtree(final)
    with new_folder(final) as folder:
        (folder / "models").mkdir()
        (folder / "folds").mkdir()
        for name, fitted in trained.candidates.items():
            write_text(folder / "models" / f"{name}.lgb", fitted.text or "")
        write_text(folder / "model.lgb", candidate.text or "")
        for fold, fitted_of in trained.by_fold.items():
            write_text(folder / "folds" / f"{fold}.lgb", fitted_of[results.model].text or "")
        if "points" in trained.candidates:
            write_text(folder / "baseline.lgb", trained.candidates["points"].text or "")
        write_scores(folder / "scores.parquet", results.scored)
        if lists is not None:
            lists.write(folder)
        metrics = _metrics_document(invocation, run_id, planned, trained, results) | extra
        if not list_contact_features(matrix.definition):
            _forget_contact(metrics)
        write_json(folder / "metrics.json", metrics)
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
            "charter_sha256": named["charter"],
            "inputs": named["inputs"],
            "outputs": outputs,
            "versions": named["versions"],
            "help_sources": digest_help_sources(invocation, str(matrix.manifest["snapshot"])),
            "settings": planned.settings.as_document(),
            "features": names,
            "seen": list(matrix.manifest["seen"]),
            "model": results.model,
            "baseline": "points" if "points" in trained.candidates else None,
            "calibration": {name: scaling.as_document() for name, scaling in results.scalings.items()},
            "abstention": find_learned_range(planned, planned.learned).as_document(),
            "trained_on": [day.isoformat() for day in planned.learned],
        }
        return keep_run(invocation.workspace, folder, manifest)


def _coverage_document(invocation: Invocation, planned: Plan) -> list[dict[str, Any]]:
    """Return the coverage of need at the test dates; nothing where the snapshot's tables are gone."""
    tables = invocation.workspace.store / str(planned.data.matrix.manifest["snapshot"]) / "tables"
    if not (tables / "events.parquet").exists():
        return []
    level = planned.settings.bootstrap.level
    return [part.as_document(level) for part in measure_coverage(planned.data, tables, planned.tested)]


def _list_rows(results: Results) -> dict[str, Any]:
    """Return by model which rows of the selection dates it would have listed."""
    period, places = results.draws.period, results.periods[SELECTION].places
    return {name: period.listed(place) for name, place in places.items()}


def _forget_contact(metrics: dict[str, Any]) -> None:
    """Say of no family that it was new to services, where no feature tells whether one was in touch."""
    metrics["figures"] = blank_figures(metrics["figures"], NEW_TO_SERVICES)
    if "replay" in metrics:
        figures = blank_figures(metrics["replay"]["figures"], NEW_TO_SERVICES)
        metrics["replay"] = {**metrics["replay"], "figures": figures}


def _metrics_document(
    invocation: Invocation, run_id: str, planned: Plan, trained: Trained, results: Results
) -> dict[str, Any]:
    matrix, settings = planned.data.matrix, planned.settings
    called = matrix.definition["cohort"].get("called")
    newest = planned.tested[-1]
    return {
        "schema_version": SCHEMA_VERSION,
        "run": run_id,
        "programme": invocation.programme,
        "model": results.model,
        "models": list(settings.models.in_order),
        **({"called": called} if called else {}),
        "capacity": {"as_of": newest.isoformat(), "places": dict(planned.places.by_date[newest])},
        "bootstrap": {
            "resamples": settings.bootstrap.resamples,
            "level": settings.bootstrap.level,
            "seed": settings.bootstrap.seed,
            "cluster": matrix.definition["entity"],
            "note": f"Whole {EntityWords.of(matrix.definition).many} are drawn again and the cut at capacity is made"
            " again in each resample; the intervals are conditional on the fitted models.",
        },
        "ties": "Equal margins are ordered by a published lottery that anybody can draw again (rules.tie_break).",
        "folds": [describe_fold(fold, counted) for fold, counted in zip(planned.folds, planned.counts, strict=True)],
        "figures": [{**figure.__dict__} for judged in results.periods.values() for figure in judged.figures],
        "curve": [point for judged in results.periods.values() for point in judged.curve],
        "stability": dict(results.stability),
        "coverage": _coverage_document(invocation, planned),
        "seen": measure_seen_share(planned.data),
        "known_dates": measure_known_dates(
            invocation.workspace.store / str(matrix.manifest["snapshot"]), matrix.definition
        ),
        "onsets": measure_onsets(planned.data, results.draws.period.days, _list_rows(results)),
        **{
            name: word_rules(trained.candidates[name], matrix.definition, matrix.features)
            if name in trained.candidates
            else []
            for name in POINTS_LISTS
        },
        "left_out": list(planned.unchanging),
        "suspected_leaks": [
            {"feature": leak.feature, "sign": leak.sign, "reason": leak.reason} for leak in planned.suspected
        ],
    }
