"""The answer of a registered stepped trial: once, when every household's outcome period is over, as it was registered.

turns of every list   ->  each household once, by its first turn, in the arm that the lot of steps gave its unit
the steps             ->  which period a turn was in: each is compared within itself
permuted_starts       ->  the test and interval by other orders of steps; the error by unit beside them
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from charter.contracts import SCHEMA_VERSION
from charter.contracts.files import file_digest, read_json, write_json
from charter.council.trial_design import TrialFile
from charter.invocation import Invocation
from charter.signing.trial_steps import check_turns, find_begins, read_turns
from charter.signing.trials import Registration
from charter.vault.command_log import CommandLog
from fairness_reports.impact.analysis_plan import list_deviations
from fairness_reports.impact.effect import TrialEntry, list_over, make_rows, write_difference, write_family
from fairness_reports.impact.estimates import TrialRows, estimate_compliers, judge_interval
from fairness_reports.impact.later_need import OutcomePeriod, read_offers
from fairness_reports.impact.registering import open_matrix
from fairness_reports.impact.stepped.permuted_starts import OrderTest
from fairness_reports.impact.stepped.step_estimates import (
    StepCounts,
    compare_steps,
    estimate_step_difference,
    leave_out_units,
)
from fairness_reports.impact.trial_groups import find_groups

__all__ = ["answer_stepped", "judge_steps", "say_stepped"]


@dataclass(frozen=True)
class _Entry(TrialEntry):
    """A household's first turn, with its unit and the period, from 0."""

    unit: str = ""
    period: int = 0


def judge_steps(test: OrderTest | None, worth_seeing: float) -> str:
    """Return the verdict of the lot's own interval: helps, harms, no effect, or cannot be told."""
    return "cannot be told" if test is None else judge_interval(test.interval, worth_seeing)


def answer_stepped(invocation: Invocation, registration: Registration) -> tuple[dict[str, Any], str]:
    """Return what the trial says by now, and its sentence; its one look is taken when all is over, logged and kept."""
    trial, matrix = registration.trial, open_matrix(invocation)
    begins, lists = find_begins(registration), read_turns(invocation.workspace, registration.name)
    entries = _list_entries(registration, lists)
    tables = invocation.workspace.snapshot() / "tables"
    taken_at = datetime.fromisoformat(read_json(tables.parent / "manifest.json")["taken_at"])
    period = OutcomePeriod(invocation.council, matrix.definition, tables, taken_at)
    over, lost = list_over(entries, invocation, matrix, period)
    path = invocation.workspace.trials / registration.name / "looks.json"
    looks = read_json(path)["looks"] if path.exists() else []
    whole = bool(over) and taken_at.date() >= trial.until and len(over) + lost == len(entries)
    if whole and not looks:
        signals = {str(part["name"]): part["signals"] for part in matrix.definition["outcome"]["components"]}
        look = _compare(over, registration, signals, period, invocation)
        looks = [look | {"snapshot": tables.parent.name, "at": taken_at.isoformat()}]
        write_json(path, {"schema_version": SCHEMA_VERSION, "trial": registration.name, "looks": looks})
        CommandLog.open(invocation.council, invocation.workspace).append(
            actor="command", role="command", action="look at trial", subject=registration.trial_sha256,
            detail={"look": 1, "sha256": file_digest(path)},
        )  # fmt: skip
    answer = {
        "trial": registration.name,
        "question": trial.question,
        "estimand": str(registration.analysis["estimand"]),
        "households": len(entries),
        "over": len(over),
        "lost": lost,
        "looks_planned": 1,
        "looks": looks,
        "verdict": looks[-1]["verdict"] if looks else "goes on",
        "deviations": [
            *list_deviations(registration, TrialFile.find(invocation.council), matrix.definition, invocation.council),
            *check_turns(lists, begins),
        ],
        "worth_seeing": trial.answer.worth_seeing,
        "about": "It is about households whose turn it was by rank, in the order in which lists came to them.",
    }
    return answer, say_stepped(answer)


def _list_entries(registration: Registration, lists: Sequence[Any]) -> list[_Entry]:
    """Return each household once, by its first turn; the arm is the lot's, whatever the file of turns says."""
    begins, trial = find_begins(registration), registration.trial
    first: dict[str, _Entry] = {}
    for turns in sorted(lists, key=lambda turns: (turns.as_of, turns.list)):
        number = (turns.as_of - trial.starts).days // (7 * trial.stepped.step_weeks)
        for turn in turns.turns:
            if turn.unit in begins:
                begun = begins[turn.unit] <= turns.as_of
                entry = _Entry(turn.entity, turns.as_of, f"period {number}", begun, turn.unit, number)
                first.setdefault(turn.entity, entry)
    return [first[entity] for entity in sorted(first)]


def count_cells(over: Sequence[_Entry], rows: TrialRows, registration: Registration) -> StepCounts:
    """Return households and needs by unit and period of the trial."""
    begins, trial = find_begins(registration), registration.trial
    units = sorted(begins)
    weeks = 7 * trial.stepped.step_weeks
    starts = np.array([(begins[unit] - trial.starts).days // weeks for unit in units], dtype=np.int64)
    periods = 1 + max(entry.period for entry in over)
    at = np.array([units.index(entry.unit) * periods + entry.period for entry in over])
    size = len(units) * periods
    households, needs = (np.bincount(at, weights, minlength=size) for weights in (None, rows.need))
    return StepCounts(
        starts, households.astype(np.float64).reshape(-1, periods), needs.astype(np.float64).reshape(-1, periods)
    )


def _compare(
    over: Sequence[_Entry],
    registration: Registration,
    signals: Mapping[str, Sequence[str]],
    period: OutcomePeriod,
    invocation: Invocation,
) -> dict[str, Any]:
    """Return the one look: the primary outcome both ways, who took the offer, other outcomes and groups together."""
    answer = registration.trial.answer
    offers = list(read_offers(invocation.workspace.worklist / "actions.csv"))
    primary = [signal for name in registration.analysis["primary"] for signal in signals.get(name, ())]
    rows = make_rows(over, period, primary, offers)
    counts = count_cells(over, rows, registration)
    test, by_unit = compare_steps(counts, answer.level), estimate_step_difference(counts)
    compliers, strength = estimate_compliers(rows)
    families = [
        ("outcome", name, make_rows(over, period, signals[name], offers))
        for name in registration.analysis["secondary"]
        if name in signals
    ]
    cells = [count_cells(over, of_outcome, registration) for _, _, of_outcome in families]
    households = [(entry.as_of, entry.entity) for entry in over]
    groups = find_groups(period, invocation.policy, registration.analysis["groups"], households)
    for (characteristic, group), inside in groups.items():
        families.append((characteristic, group, rows.choose(inside)))
        members = [entry for entry, is_inside in zip(over, inside.tolist(), strict=True) if is_inside]
        cells.append(count_cells(members, rows.choose(inside), registration))
    finite = test is not None and bool(np.isfinite(test.interval).all())
    return {
        "number": 1,
        "share": 1.0,
        "households": len(over),
        "listed": int(rows.listed.sum()),
        "needs_listed": int(rows.listed @ rows.need),
        "needs_held_out": int((1 - rows.listed) @ rows.need),
        "estimate": test.estimate if test else None,
        "error": by_unit.error if by_unit else None,
        "interval": list(test.interval) if test and finite else None,
        "p_value": test.p_value if test else None,
        "orders": test.orders if test else None,
        "by_unit": write_difference(by_unit, answer.level),
        "verdict": judge_steps(test, answer.worth_seeing),
        "compliers": write_difference(compliers, answer.level),
        "first_stage_f": float(min(strength, 1e9)),
        "also": write_family(families, answer.level, [leave_out_units(of_family) for of_family in cells]),
    }


_HEADLINES = {
    "helps": "HELPS.",
    "harms": "HARMS: being listed now is followed by more needs.",
    "no effect": "NO EFFECT worth seeing.",
    "cannot be told": "CANNOT BE TOLD. That is no answer, and not a no.",
}


def say_stepped(answer: Mapping[str, Any]) -> str:
    """Return the answer in sentences."""
    changed = "".join(f"\nNot as registered: {sentence}" for sentence in answer["deviations"])
    if answer["lost"]:
        changed = f"\nOf {answer['lost']} households nobody knows what came of them; they count nowhere.{changed}"
    if not answer["looks"]:
        return (
            f"{answer['question']}\nNothing has been compared: of {answer['households']} households in the trial the"
            f" outcome period of {answer['over']} is over, and it is looked at once, when all are.{changed}"
        )
    look = answer["looks"][-1]
    lines = [
        str(answer["question"]),
        _HEADLINES[look["verdict"]],
        f"Of {look['listed']} whose turn it was where lists had begun {look['needs_listed']} had a need, of"
        f" {look['households'] - look['listed']} where they had not {look['needs_held_out']}.",
    ]
    if look["interval"] is not None:
        low, high = look["interval"]
        lines.append(
            f"Within periods that is {_say_points(look['estimate'])} of 100 families ({_say_points(low)} to"
            f" {_say_points(high)}) by {look['orders']:,} orders of steps; p = {look['p_value']:.4f}."
        )
    if look["by_unit"]:
        low, high = look["by_unit"]["interval"]
        lines.append(f"By the error of each unit: {_say_points(low)} to {_say_points(high)}.")
    lines.append(str(answer["estimand"]))
    return "\n".join(lines) + changed


def _say_points(difference: float) -> str:
    points = 100 * difference
    return f"{abs(points):.1f} {'fewer' if points < 0 else 'more'}"
