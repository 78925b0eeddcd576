"""The second gate's audit: of what a release really issued, first in shadow, then as outcomes become known.

    model alone      everybody that the issued lists held                        at = capacity
    both together    of those, whom workers went on to offer help                at = acted on
    each decision    places on lists with an offer, and without one, by worker   at = offered, decided against
    people alone     whom blind reviewers would have offered help, list unknown  at = blind review

Selection, sight, overrides, stability and blind review need no outcome; rates of error come by themselves for every
list whose horizon and reporting lag are over by the newest snapshot. Drift, and harm beyond the charter's limits, are
watched from the first list on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charter.contracts import check_document
from charter.contracts.files import file_digest, find_current, read_json, write_json
from charter.contracts.matrix import Matrix
from charter.errors import DataError
from charter.invocation import Invocation
from charter.machine.lean_lightgbm import lightgbm
from charter.rules.certainty.failing import ERROR
from charter.rules.measures import AS_USED, SHARES
from fairness_reports.audit.explaining.linkage_error import measure_linkage
from fairness_reports.audit.measuring.findings import About, list_findings, measure_everyone, measure_groups
from fairness_reports.audit.measuring.means import average_groups
from fairness_reports.audit.measuring.tally import Grouping
from fairness_reports.audit.measuring.units import Units
from fairness_reports.audit.population.audited_people import (
    People,
    Scores,
    find_horizon_end,
    gather_people,
    group_people,
)
from fairness_reports.audit.population.independent import read_independent_outcome
from fairness_reports.audit.population.issued_lists import Issued, read_issued_lists
from fairness_reports.audit.population.protected import read_characteristics
from fairness_reports.audit.run_findings import (
    AT,
    RESAMPLES,
    SEED,
    Audited,
    gather_run,
    measure_characteristic,
    measure_pairs,
    measure_sight_of_groups,
    write_heading,
)
from fairness_reports.audit.watching.drift import watch_series
from fairness_reports.audit.watching.harm_bets import watch_harms
from fairness_reports.audit.watching.harm_watch import gather_households, list_spoken
from fairness_reports.audit.watching.watch import make_household_series, make_selection_series
from fairness_reports.impact.so_far import describe_so_far
from features.build import build_matrix
from features.grammar.words import name_piece

__all__ = ["ACTED", "BLIND", "DECIDED_AGAINST", "OFFERED", "audit_issued", "measure_days_before"]

ACTED = "acted on"
OFFERED = "offered"
DECIDED_AGAINST = "decided against"
BLIND = "blind review"

_FEWEST = 30
"""Newly listed households of the tested dates below which no group's share of them is a reference."""

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]


def audit_issued(invocation: Invocation) -> tuple[Path, dict[str, Any]]:
    """Audit what the current release issued; leave findings.json in its run's `live/` and return both.

    Raises DataError where nothing was released or issued.
    """
    workspace = invocation.workspace
    folder = find_current(workspace.release)
    if folder is None:
        raise DataError(f"no model of {invocation.programme} was promoted yet.", "Run `sooner promote`.")
    release = read_json(folder / "manifest.json")
    with invocation.progress("Auditing what was issued", total=4) as step:
        issued = read_issued_lists(workspace, release["id"])
        matrix = Matrix.open(build_matrix(invocation, purpose="evaluate", as_of=issued.dates))
        step()
        booster = lightgbm.Booster(model_file=str(folder / "model.lgb"))
        margins = {day: _predict_margins(booster, release["features"], matrix, day) for day in issued.dates}
        audited = _gather_issued(invocation, release, matrix, margins, issued)
        step()
        document = write_heading(audited) | {
            "stage": "live" if audited.units.labelled else "shadow",
            "findings": _measure_issued(audited, issued),
            "period": _describe_period(invocation, matrix, issued),
        }
        step()
        tested = gather_run(invocation, release["run"])
        before = _predict_margins(booster, release["features"], tested.matrix, tested.matrix.dates[-1])
        days = invocation.settings.worklist.list.days
        titles = {feature["name"]: name_piece(feature) for feature in matrix.definition["features"]}
        series = make_household_series(tested.matrix, before, matrix, margins, titles, apart=days)
        series += make_selection_series(tested.people, tested.groups, audited.people, audited.groups, _FEWEST)
        document["drift"] = watch_series(series, audited.policy.live.false_alarms_a_year)
        document["harm_watch"] = _watch_for_harm(invocation, matrix, audited, issued, days)
        document["so_far"] = describe_so_far(invocation)
        check_document("findings", document)
        target = workspace.audit / release["run"] / "live"
        write_json(target / "findings.json", document)
        step()
    return target, document


def _predict_margins(booster: lightgbm.Booster, features: list[str], matrix: Matrix, day: date) -> Floats:
    """Return the release's margin of every row of one date."""
    columns = [matrix.features.index(name) for name in features]
    rows = np.asarray(matrix.at(day).features)[:, columns]
    return np.asarray(booster.predict(rows, raw_score=True, num_threads=1), dtype=np.float64)


def _gather_issued(
    invocation: Invocation,
    release: Mapping[str, Any],
    matrix: Matrix,
    margins: Mapping[date, Floats],
    issued: Issued,
) -> Audited:
    """Return the people of every issued date, selected where their household was on an issued list."""
    policy = invocation.policy
    register = invocation.register
    snapshot = invocation.workspace.snapshot(matrix.manifest["snapshot"])
    scores = Scores(
        str(release["model"]),
        {
            day: (np.asarray(matrix.at(day).entity), margin, 1 / (1 + np.exp(-margin)))
            for day, margin in margins.items()
        },
    )
    programme = invocation.settings
    people = gather_people(matrix, scores, invocation.council, programme, policy)
    people = replace(people, selected=issued.among(issued.listed, people.as_of, people.entity))
    taken_at = datetime.fromisoformat(matrix.manifest["taken_at"])
    recorded = read_characteristics(snapshot / "tables", policy, taken_at)
    return Audited(
        run=invocation.workspace.scores / release["run"],
        manifest={"model": release["model"]},
        matrix=matrix,
        snapshot=snapshot,
        policy=policy,
        people=people,
        groups={name: group_people(values, people, policy.not_recorded) for name, values in recorded.items()},
        independent=read_independent_outcome(people, matrix, snapshot / "tables", invocation.council, policy, register),
        linked=measure_linkage(snapshot / "tables", recorded, policy.not_recorded, str(release["model"])),
        inputs={
            **issued.inputs,
            "model.lgb": str(release["model_sha256"]),
            "matrix/manifest.json": file_digest(matrix.folder / "manifest.json"),
            "charter.toml": policy.sha256,
            "register.toml": register.sha256,
        },
    )


def _measure_issued(audited: Audited, issued: Issued) -> list[dict[str, Any]]:
    people = audited.people
    about = About("", None, audited.model, AT)
    rows = measure_everyone(audited.units, SHARES.values(), about, resamples=RESAMPLES, seed=SEED)
    acted = issued.among(
        {key: True for key, was_offered in issued.acted.items() if was_offered}, people.as_of, people.entity
    )
    reviewed = issued.among(issued.reviewed, people.as_of, people.entity)
    helped = issued.among(
        {key: True for key, would_help in issued.reviewed.items() if would_help}, people.as_of, people.entity
    )
    both = people.selected & acted
    rows += _measure_selection(audited, "", audited.units.everyone, both, ACTED)
    rows += _measure_places(audited, issued)
    rows += _measure_selection(audited, "", audited.units.everyone, helped, BLIND, reviewed)
    for name, groups in audited.groups.items():
        rows += measure_characteristic(audited, name, groups) + measure_sight_of_groups(audited, name, groups)
        rows += _measure_selection(audited, name, groups, both, ACTED)
        rows += _measure_selection(audited, name, groups, helped, BLIND, reviewed)
        rows += _measure_unlabelled(people, groups, issued, about.of_group(name, None))
        if audited.units.labelled:
            rows += measure_days_before(people, groups, About("days_before", name, audited.model, AS_USED))
    return rows + measure_pairs(audited)


def _measure_selection(
    audited: Audited, name: str, groups: Grouping, selected: Bools, at: str, among: Bools | None = None
) -> list[dict[str, Any]]:
    """Return the main measures with another selection, among some rows; none where there are none."""
    people = audited.people
    chosen = np.ones(len(selected), dtype=np.bool_) if among is None else among
    if not (selected & chosen).any():
        return []
    units = Units(people.cluster[chosen], selected[chosen], people.label[chosen])
    main = [SHARES[measure] for measure in ("selection_rate", "recall", "false_positive_rate", "precision")]
    about = About("", name or None, audited.model, at)
    if not name:
        return measure_everyone(units, main, about, resamples=RESAMPLES, seed=SEED)
    part = Grouping(groups.code[chosen], groups.names)
    return measure_groups(units, part, main, about, resamples=RESAMPLES, seed=SEED)


def _measure_places(audited: Audited, issued: Issued) -> list[dict[str, Any]]:
    """Return how many places had a later need, where help was offered and where a worker decided against it.

    A place is one household on one list: here it counts once, however many people of the audited ages live there.
    """
    people = audited.people
    _, place = np.unique(np.rec.fromarrays([people.as_of, people.entity]), return_index=True)
    rows = []
    for at, answer in ((OFFERED, True), (DECIDED_AGAINST, False)):
        decided = frozenset(key for key, was_offered in issued.acted.items() if was_offered is answer)
        chosen = (people.selected & issued.among(decided, people.as_of, people.entity))[place]
        units = Units(people.cluster[place], chosen, people.label[place])
        if chosen.any() and units.labelled:
            about = About("", None, audited.model, at)
            rows += measure_everyone(units, [SHARES["precision"]], about, resamples=RESAMPLES, seed=SEED)
    return rows


def measure_days_before(people: People, groups: Grouping, about: About) -> list[dict[str, Any]]:
    """Return the days from the first issued list before a need to that need, by group: each person counts once."""
    rows = np.flatnonzero((people.label == 1) & people.selected)
    ordered = rows[np.lexsort((people.as_of[rows], people.person[rows]))]
    person = people.person[ordered]
    first = np.zeros(len(people.label))
    first[ordered[np.r_[True, person[1:] != person[:-1]][: len(ordered)]]] = 1.0
    days = np.where(first > 0, people.lead_days, 0.0)
    return list_findings(about, average_groups(people.cluster, groups, days, first))


def _measure_unlabelled(people: People, groups: Grouping, issued: Issued, about: About) -> list[dict[str, Any]]:
    """Return sight, stability, overrides and agreement with blind reviews by group; figures of nobody are null."""
    declined = {key for book in (issued.acted, issued.reviewed) for key, agrees in book.items() if not agrees}
    judged = issued.among(frozenset({*issued.acted, *issued.reviewed}), people.as_of, people.entity) & people.selected
    against = issued.among(frozenset(declined), people.as_of, people.entity)
    helped = frozenset(key for key, would_help in issued.reviewed.items() if would_help)
    wanted = issued.among(helped, people.as_of, people.entity)
    again, next_one = _find_next(people, issued)
    sight = np.mean(list(people.seen.values()), axis=0) if people.seen else np.zeros(len(judged))
    everybody = np.ones(len(judged), dtype=np.bool_)
    findings = []
    for measure, rows, value in (
        ("seen", everybody, sight),
        ("kept", people.selected & next_one, again.astype(np.float64)),
        ("overridden", judged, against.astype(np.float64)),
        ("listed_of_reviewed", wanted, people.selected.astype(np.float64)),
    ):
        counted = rows.astype(np.float64)
        findings += list_findings(
            about.of_measure(measure), average_groups(people.cluster, groups, value * counted, counted)
        )
    return findings


def _find_next(people: People, issued: Issued) -> tuple[Bools, Bools]:
    """Say of each row whether its household is on the next issued list, and whether there was one for it."""
    again, there = np.zeros(len(people.entity), dtype=np.bool_), np.zeros(len(people.entity), dtype=np.bool_)
    for day, later in zip(issued.dates, issued.dates[1:], strict=False):
        rows, after = people.as_of == np.datetime64(day, "D"), people.as_of == np.datetime64(later, "D")
        next_list = people.entity[after & people.selected]
        again[rows] = np.isin(people.entity[rows], next_list)
        there[rows] = np.isin(people.entity[rows], people.entity[after])
    return again, there


def _watch_for_harm(
    invocation: Invocation, matrix: Matrix, audited: Audited, issued: Issued, apart: int
) -> list[dict[str, Any]]:
    """Return what can be believed of each question and group at every list, all lists together."""
    first = issued.dates[0]
    horizon = find_horizon_end(matrix.definition, invocation.council, first) - invocation.council.midnight(first)
    households = gather_households(audited.people, audited.groups, issued)
    spoken = list_spoken(households, audited.groups, audited.policy, horizon / timedelta(days=1), apart)
    return watch_harms(spoken, ERROR)


def _describe_period(invocation: Invocation, matrix: Matrix, issued: Issued) -> dict[str, Any]:
    """Return the dates of the lists, the days from first to last, and when the first has known outcomes."""
    first, last = issued.dates[0], issued.dates[-1]
    lag = timedelta(days=float(matrix.manifest["reporting_lag_days"]))
    due = find_horizon_end(matrix.definition, invocation.council, first) + lag
    return {
        "first": first.isoformat(),
        "last": last.isoformat(),
        "days": (last - first).days,
        "dates": len(issued.dates),
        "outcomes_due": due.date().isoformat(),
    }
