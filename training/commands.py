"""The verb of this room: `train`; `promote` is sequenced by `sooner`, from `training.keeping.release`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from charter.verbs import Verbs

if TYPE_CHECKING:
    from charter.invocation import Invocation
    from training.run import Run

__all__ = ["verbs"]

verbs = Verbs("Which model, and how good: folds, baselines, LightGBM, figures at capacity, MLflow.")


@verbs.add("train", under="run", example="sooner train --search")
def train(
    invocation: Invocation,
    plan: Annotated[bool, typer.Option("--plan", help="Print the folds and stop.")] = False,
    search: Annotated[
        bool, typer.Option("--search", help="Search LightGBM's settings first, within the budget of [search].")
    ] = False,
    studies: Annotated[
        bool, typer.Option("--studies", help="Train again without system responses and without each service.")
    ] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Train even where nothing changed since the newest run.")
    ] = False,
) -> None:
    """Train folds x models on the newest matrix, judge them at the teams' capacity, and record one MLflow run."""
    from training.report.terminal import summarise_run, tabulate_studies

    if plan:
        _report_plan(invocation)
        return
    from charter.contracts.files import writer_lock

    with writer_lock(invocation.workspace.root):
        run = _find_run(invocation) if not (search or again) else None
        if run is None:
            from training.experiment import train_models

            run = train_models(invocation, search)
        study = _study_data(invocation, run) if studies else None
    invocation.report(
        {"run": run.id, "model": run.manifest["model"], "folder": str(run.folder), **_headline_figures(run.metrics)}
        | ({"studies": study["studies"]} if study else {}),
        "\n\n".join([summarise_run(run.metrics), *([tabulate_studies(study)] if study else [])]),
    )


def _find_run(invocation: Invocation) -> Run | None:
    """Return the newest run where training now would make the same, and say so.

    Where MLflow is told to record elsewhere (`mlflow run`, another store), a record there is what was asked for.
    """
    if {"MLFLOW_RUN_ID", "MLFLOW_TRACKING_URI"} & os.environ.keys():
        return None
    from training.run import Run
    from training.run_inputs import find_unchanged_run

    folder = find_unchanged_run(invocation)
    if folder is not None:
        invocation.say(f"Nothing changed since run {folder.name}: it stands. Train all the same with --again.")
    return Run.open(invocation.workspace, folder.name) if folder is not None else None


def _report_plan(invocation: Invocation) -> None:
    from training.judging.replay_run import say_plan
    from training.models.planning import describe_fold, make_plan
    from training.report.terminal import tabulate_folds

    folds_plan = make_plan(invocation)
    folds = [describe_fold(*fold) for fold in zip(folds_plan.folds, folds_plan.counts, strict=True)]
    weeks = say_plan(invocation, folds_plan)
    document = {"folds": folds, "left_out": list(folds_plan.unchanging), "replay": weeks}
    ending = folds_plan.data.matrix.definition["outcome"].get("ends_with")
    table = tabulate_folds(folds, ends_with=ending["name"] if ending else "")
    invocation.report(document, f"{table}\n\n{weeks}")


def _study_data(invocation: Invocation, run: Run) -> Mapping[str, Any]:
    from training.keeping.tracking import attach_files
    from training.report import page
    from training.studies import data_worth

    document = data_worth.study_data(invocation, run)
    page.write_page(run)
    attach_files(invocation.workspace, run, data_worth.FILE, page.FILE)
    return document


def _headline_figures(metrics: object) -> dict[str, object]:
    from training.report.terminal import gather_headline

    return gather_headline(metrics)  # type: ignore[arg-type]  # read from JSON
