"""Before and during a trial: fixing its question and analysis, and drawing its lots again."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import numpy as np

from charter.contracts.files import find_current, read_json
from charter.contracts.matrix import Matrix
from charter.council.council import Council
from charter.council.trial_design import TrialFile
from charter.errors import DataError, UsageError
from charter.invocation import Invocation
from charter.rules.holdout import LISTED
from charter.signing.trial_lots import ListLots, check_lots, read_lots
from charter.signing.trial_steps import check_turns, find_begins, read_turns, spread_steps
from charter.signing.trials import Registration, list_registrations, register_trial
from fairness_reports.impact.analysis_plan import list_units, write_analysis
from fairness_reports.impact.trial_power import count_orders

__all__ = ["choose_registration", "describe_lots", "open_matrix", "register_planned_trial"]


def register_planned_trial(invocation: Invocation) -> Registration:
    """Register the council's trial.toml and return what was fixed.

    Raises UsageError for a trial of another programme, or steps that could tell nothing; DataError where there is no
    matrix, whose definition says what the outcome is, and what `register_trial` and `write_analysis` raise.
    """
    trial = TrialFile.load(invocation.council)
    if trial.programme != invocation.programme:
        raise UsageError(
            f"trial.toml is about {trial.programme}.", f"Type `sooner trial register --programme {trial.programme}`."
        )
    if trial.design == "stepped":
        _require_steps(trial, invocation.council)
    matrix = open_matrix(invocation)
    synthetic = bool(matrix.manifest["synthetic"])
    analysis = write_analysis(trial, matrix.definition, invocation.council)
    return register_trial(invocation, trial, analysis, synthetic=synthetic)


def _require_steps(trial: TrialFile, council: Council) -> None:
    """Raise UsageError where no order of steps could be told from chance, or the trial ends before the last step."""
    units, design = list_units(trial, council), trial.stepped
    steps = min(design.steps, len(units))
    orders = count_orders(spread_steps(len(units), steps)) if units else 1
    if 2 / orders > trial.answer.level:
        raise UsageError(
            f"{len(units)} {design.unit}s can start in {orders} orders, so no test can reach"
            f" {100 * trial.answer.level:g} %, and the trial is not registered.",
            'Step by area (unit = "area" under [stepped] of trial.toml), or choose design = "holdout".',
        )
    last = trial.starts + timedelta(weeks=design.step_weeks * (steps - 1))
    if trial.until < last:
        raise UsageError(
            f"the last step would be on {last}, after the trial's end on {trial.until}.",
            "Write a later `until` in trial.toml, fewer `steps`, or fewer `step_weeks`.",
        )


def open_matrix(invocation: Invocation) -> Matrix:
    """Return the newest matrix, whose definition says what the outcome is; raise DataError where there is none."""
    folder = find_current(invocation.workspace.matrix)
    if folder is None:
        raise DataError("there is no matrix, so the outcome is not defined.", "Run `sooner build`.")
    return Matrix.open(folder)


def choose_registration(invocation: Invocation) -> Registration | None:
    """Return the registered trial of trial.toml, else the one registered last; None where none was."""
    registrations = {entry.name: entry for entry in list_registrations(invocation.workspace)}
    trial = TrialFile.find(invocation.council)
    if trial is not None and trial.name in registrations:
        return registrations[trial.name]
    return max(registrations.values(), key=lambda entry: entry.registered_at, default=None)


def describe_lots(invocation: Invocation) -> tuple[dict[str, Any], str]:
    """Draw every lot again and compare the arms by what was known before; return the document and its sentences.

    Raises UsageError where no trial is registered, DataError where a lot was not drawn by its seed.
    """
    registration = choose_registration(invocation)
    if registration is None:
        raise UsageError("no trial is registered.", "Type `sooner trial register`.")
    if registration.trial.design == "stepped":
        return _describe_steps(invocation, registration)
    lists = read_lots(invocation.workspace, registration.name)
    faults = list(check_lots(lists, registration.seed))
    if faults:
        raise DataError("\n".join(faults), "Keep the files as they are; whoever signed the trial decides what follows.")
    arms = Counter(row.arm for lots in lists for row in lots.draw.lots)
    gap, spread = _compare_margins(lists)
    document = {
        "trial": registration.name,
        "lists": len(lists),
        "listed": arms[LISTED],
        "held_out": sum(arms.values()) - arms[LISTED],
        "drawn_again": True,
        "margin_gap": gap,
        "margin_gap_by_chance": spread,
        "issued": _count_issued(invocation, registration),
    }
    words = (
        f"{len(lists)} lists had a lot; each was drawn again from its seed and came out the same. {arms[LISTED]}"
        f" households were listed by lot, {document['held_out']} held out."
    )
    if gap is not None and spread is not None:
        verdict = "no more than lots do" if abs(gap) <= 2 * spread else "MORE than lots do; look into it"
        words += (
            f" Before the lot the listed were {gap:+.2f} standard deviations of the margin from the others of their"
            f" lists: {verdict} (lots alone: 95 % within {2 * spread:.2f})."
        )
    return document, words


def _describe_steps(invocation: Invocation, registration: Registration) -> tuple[dict[str, Any], str]:
    """Draw the steps again and say who begins when; raise DataError where a list was made otherwise."""
    begins, lists = find_begins(registration), read_turns(invocation.workspace, registration.name)
    faults = list(check_turns(lists, begins))
    if faults:
        raise DataError("\n".join(faults), "Keep the files as they are; whoever signed the trial decides what follows.")
    begun = Counter(turn.begun for turns in lists for turn in turns.turns)
    by_day = sorted((day.isoformat(), unit) for unit, day in begins.items())
    document = {
        "trial": registration.name,
        "lists": len(lists),
        "listed": begun[True],
        "held_out": begun[False],
        "drawn_again": True,
        "begins": [{"on": day, "unit": unit} for day, unit in by_day],
    }
    days = Counter(day for day, _ in by_day)
    return document, (
        f"The steps were drawn again from the seed: {', '.join(f'{number} on {day}' for day, number in days.items())}."
        f" On {len(lists)} lists it was the turn of {begun[True]} households where lists had begun, and of"
        f" {begun[False]} where they had not."
    )


def _count_issued(invocation: Invocation, registration: Registration) -> int:
    """Return how many lists of the trial's days had no lot: they went out before it was registered, or by a refresh."""
    trial = registration.trial
    with_lot = {lots.lot.list for lots in read_lots(invocation.workspace, registration.name)}
    issued = {
        str(entry["id"])
        for path in invocation.workspace.worklist.glob("*/list.json")
        for entry in read_json(path)["lists"]
        if trial.starts.isoformat() <= entry["as_of"] < trial.until.isoformat()
    }
    return len(issued - with_lot)


def _compare_margins(lists: tuple[ListLots, ...]) -> tuple[float | None, float | None]:
    """Return how far the margins of the arms are apart within lists, in standard deviations, and what chance allows.

    A list of two with margins 1 and 3, of which 3 is listed: 3 less their mean 2 is 1, and so is their deviation.
    """
    gaps, variances = [], []
    for lots in lists:
        pairs = [(row, margin) for row, margin in zip(lots.households, lots.margins, strict=True) if row.arm]
        margins = np.array([margin for _, margin in pairs])
        if len(pairs) < 2 or not margins.std() > 0:
            continue
        z = (margins - margins.mean()) / margins.std()
        arm = np.array([row.arm == LISTED for row, _ in pairs])
        total, winners = len(pairs), int(arm.sum())
        gaps.append(z[arm].sum())
        # Of a draw without putting back: the variance of a sum of `winners` of z.
        variances.append(winners * (total - winners) / (total - 1))
    if not gaps:
        return None, None
    size = sum(sum(bool(row.arm) for row in lots.households) for lots in lists) / 2
    return float(np.sum(gaps) / size), float(np.sqrt(np.sum(variances)) / size)
