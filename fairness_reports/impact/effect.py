"""The answer of a registered trial: at planned looks, as it was registered, with what deviated.

    lots of every list      ->  each household once, by its first lot, in the arm that the lot gave it
    the newest snapshot     ->  whose outcome period is over, and who had a need in it
    looks.json              ->  the looks so far; between two of them nothing is compared

A look is due each time another part of all households is over. What it said is kept: asking again shows it again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any, TypeVar

import numpy as np

from charter.contracts import SCHEMA_VERSION
from charter.contracts.files import file_digest, read_json, write_json
from charter.contracts.matrix import Matrix
from charter.council.trial_design import TrialFile
from charter.invocation import Invocation
from charter.rules.holdout import LISTED
from charter.signing.trial_lots import ListLots, check_lots, read_lots
from charter.signing.trials import Registration
from charter.vault.command_log import CommandLog
from fairness_reports.audit.population.audited_people import find_horizon_end
from fairness_reports.disclosure.rules import find_mode
from fairness_reports.impact.analysis_plan import list_deviations
from fairness_reports.impact.estimates import (
    Difference,
    TrialRows,
    bound_compliers,
    estimate_compliers,
    estimate_difference,
    hold_family,
)
from fairness_reports.impact.later_need import OutcomePeriod, read_offers
from fairness_reports.impact.looks import take_look
from fairness_reports.impact.registering import open_matrix
from fairness_reports.impact.trial_groups import find_groups

__all__ = [
    "TrialEntry",
    "answer_registered",
    "list_over",
    "make_rows",
    "say_look",
    "write_difference",
    "write_family",
]


@dataclass(frozen=True)
class TrialEntry:
    """A household's first lot: when, on which list, in which arm."""

    entity: str
    as_of: date
    list: str
    listed: bool


_Kind = TypeVar("_Kind", bound=TrialEntry)


def answer_registered(invocation: Invocation, registration: Registration) -> tuple[dict[str, Any], str]:
    """Return what the trial says by now, and its sentence; a look that is due is taken, logged and kept."""
    trial, matrix = registration.trial, open_matrix(invocation)
    lists = read_lots(invocation.workspace, registration.name)
    entries = _list_entries(lists)
    tables = invocation.workspace.snapshot() / "tables"
    taken_at = datetime.fromisoformat(read_json(tables.parent / "manifest.json")["taken_at"])
    period = OutcomePeriod(invocation.council, matrix.definition, tables, taken_at)
    over, lost = list_over(entries, invocation, matrix, period)
    share = _measure_share(len(over), len(entries) - lost, trial, taken_at.date())
    deviations = [
        *list_deviations(registration, TrialFile.find(invocation.council), matrix.definition, invocation.council),
        *check_lots(lists, registration.seed),
    ]
    path = invocation.workspace.trials / registration.name / "looks.json"
    looks = read_json(path)["looks"] if path.exists() else []
    planned = trial.answer.looks
    due = planned if share >= 1 else int(share * planned + 1e-9)
    ended = bool(looks) and looks[-1]["verdict"] != "goes on"
    if due > len(looks) and not ended and over:
        shares = [*(look["share"] for look in looks), share]
        offers = list(read_offers(invocation.workspace.worklist / "actions.csv"))
        document = _compare(over, registration, matrix, period, shares, offers, invocation)
        looks = [*looks, document | {"snapshot": tables.parent.name, "at": taken_at.isoformat()}]
        write_json(path, {"schema_version": SCHEMA_VERSION, "trial": registration.name, "looks": looks})
        CommandLog.open(invocation.council, invocation.workspace).append(
            actor="command", role="command", action="look at trial", subject=registration.trial_sha256,
            detail={"look": len(looks), "sha256": file_digest(path)},
        )  # fmt: skip
    answer = {
        "trial": registration.name,
        "question": trial.question,
        "estimand": str(registration.analysis["estimand"]),
        "households": len(entries),
        "over": len(over),
        "lost": lost,
        "looks_planned": planned,
        "looks": looks,
        "verdict": looks[-1]["verdict"] if looks else "goes on",
        "deviations": deviations,
        "worth_seeing": trial.answer.worth_seeing,
        "about": "It is about families just above and just below the line, and about being listed now rather than"
        " later: nothing follows for those at the top of the list.",
    }
    return answer, say_look(answer)


def _list_entries(lists: Sequence[ListLots]) -> list[TrialEntry]:
    """Return each household once, by its first lot."""
    first: dict[str, TrialEntry] = {}
    for lots in sorted(lists, key=lambda lots: (lots.as_of, lots.lot.list)):
        for row in lots.draw.lots:
            first.setdefault(row.entity, TrialEntry(row.entity, lots.as_of, lots.lot.list, row.arm == LISTED))
    return [first[entity] for entity in sorted(first)]


def list_over(
    entries: Sequence[_Kind], invocation: Invocation, matrix: Matrix, period: OutcomePeriod
) -> tuple[list[_Kind], int]:
    """Return the households whose horizon and reporting lag are over and delivered; of how many a part never will be.

    Coverage is the clock: a household of which nobody knows whether a need came is not over, whichever arm it is in.
    """
    lag, days = timedelta(days=float(matrix.manifest["reporting_lag_days"])), {entry.as_of for entry in entries}
    signals = sorted({name for part in matrix.definition["outcome"]["components"] for name in part["signals"]})
    ends = {day: find_horizon_end(matrix.definition, invocation.council, day) + lag for day in days}
    past = {day for day, end in ends.items() if end <= period.taken_at}
    covered = period.read_covered(signals)
    followed = {day for day in past if period.is_followed(day, covered)}
    gone = {day for day in past if period.is_lost(day, covered)}
    return [entry for entry in entries if entry.as_of in followed], sum(entry.as_of in gone for entry in entries)


def _measure_share(over: int, entries: int, trial: TrialFile, today: date) -> float:
    """Return which share of all the households that the trial will have is over; 1 only when no lot is to come."""
    if not entries:
        return 0.0
    gone = (min(today, trial.until) - trial.starts).days / (trial.until - trial.starts).days
    if gone >= 1:
        return over / entries
    return min(over / (entries / max(gone, 1e-9)), 1 - 1e-9)


def _compare(
    over: Sequence[TrialEntry],
    registration: Registration,
    matrix: Matrix,
    period: OutcomePeriod,
    shares: Sequence[float],
    offers: Sequence[tuple[str, datetime]],
    invocation: Invocation,
) -> dict[str, Any]:
    """Return one look: the primary outcome, who took the offer, and the secondary outcomes and groups together."""
    trial = registration.trial
    signals = {str(part["name"]): part["signals"] for part in matrix.definition["outcome"]["components"]}
    primary = [signal for name in registration.analysis["primary"] for signal in signals.get(name, ())]
    rows = make_rows(over, period, primary, offers)
    look = take_look(rows, trial.answer, shares)
    compliers, strength = estimate_compliers(rows)
    document = asdict(look) | {
        "interval": list(look.interval) if look.interval else None,
        "bounds": list(look.bounds),
        "compliers": write_difference(compliers, trial.answer.level),
        "compliers_bounds": list(bound_compliers(rows, trial.answer.level) or ()) or None,
        "first_stage_f": float(min(strength, 1e9)),
        "offered_listed": float(rows.offered[rows.listed == 1].mean()) if rows.listed.any() else None,
        "offered_held_out": float(rows.offered[rows.listed == 0].mean()) if (rows.listed == 0).any() else None,
    }
    families: list[tuple[str, str, TrialRows]] = [
        ("outcome", name, make_rows(over, period, signals[name], offers))
        for name in registration.analysis["secondary"]
        if name in signals
    ]
    households = [(entry.as_of, entry.entity) for entry in over]
    groups = find_groups(period, invocation.policy, registration.analysis["groups"], households)
    families += [(characteristic, group, rows.choose(inside)) for (characteristic, group), inside in groups.items()]
    return document | {"also": write_family(families, trial.answer.level)}


def make_rows(
    over: Sequence[TrialEntry],
    period: OutcomePeriod,
    signals: Sequence[str],
    offers: Sequence[tuple[str, datetime]],
) -> TrialRows:
    """Return households as an analysis takes them: arm, need by any of `signals`, offer within the horizon, stratum."""
    needs = period.find_needs({entry.as_of for entry in over}, signals)
    helped: dict[str, list[datetime]] = {}
    for entity, at in offers:
        helped.setdefault(entity, []).append(at)
    ends = {
        day: (period.council.midnight(day), find_horizon_end(period.definition, period.council, day))
        for day in {entry.as_of for entry in over}
    }
    offered = [
        any(ends[entry.as_of][0] <= at < ends[entry.as_of][1] for at in helped.get(entry.entity, ())) for entry in over
    ]
    lists = np.array([entry.list for entry in over])
    return TrialRows(
        listed=np.array([float(entry.listed) for entry in over]),
        need=np.array([float((entry.as_of, entry.entity) in needs) for entry in over]),
        offered=np.array(offered, dtype=np.float64),
        stratum=np.unique(lists, return_inverse=True)[1].astype(np.int64),
    )


def write_difference(difference: Difference | None, level: float) -> dict[str, Any] | None:
    """Return an estimate with its interval of 1 - `level` as JSON values; None where there is none."""
    if difference is None:
        return None
    return {"estimate": difference.estimate, "interval": list(difference.interval(level))}


def write_family(
    families: Sequence[tuple[str, str, TrialRows]],
    level: float,
    estimates: Sequence[Difference | None] | None = None,
) -> list[dict[str, Any]]:
    """Return secondary outcomes and groups, with p values adjusted over all of them, small counts hidden.

    `estimates` are their differences, None where one cannot be told; left out: by household, within lists.
    """
    if estimates is None:
        estimates = [estimate_difference(rows) for _, _, rows in families]
    comparable = [number for number, estimate in enumerate(estimates) if estimate is not None and estimate.error > 0]
    adjusted = dict(zip(comparable, hold_family(np.array([_p_value(estimates[n]) for n in comparable])), strict=True))
    written = []
    for number, (about, name, rows) in enumerate(families):
        counts = np.array([np.sum((rows.listed == arm) & (rows.need == need)) for arm in (0, 1) for need in (0, 1)])
        hidden = bool(find_mode("dfe").is_small(counts).any())
        row: dict[str, Any] = {"about": about, "name": name, "hidden": hidden, "estimate": None, "interval": None}
        row |= {"households": None if hidden else len(rows.listed), "p_value": None}
        if number in adjusted and not hidden:
            estimate = write_difference(estimates[number], level) or {}
            row |= estimate | {"p_value": float(adjusted[number])}
        written.append(row)
    return written


def _p_value(difference: Difference | None) -> float:
    return difference.p_value if difference else 1.0


_HEADLINES = {
    "helps": "HELPS.",
    "harms": "HARMS. Stop the lots: being listed now is followed by more needs.",
    "no effect": "NO EFFECT worth seeing.",
    "cannot be told": "CANNOT BE TOLD. That is no answer, and not a no.",
    "goes on": "GOES ON. No bound is crossed; nothing follows from the figures yet.",
}


def say_look(answer: Mapping[str, Any]) -> str:
    """Return the answer in sentences."""
    changed = "".join(f"\nNot as registered: {sentence}" for sentence in answer["deviations"])
    if answer["lost"]:
        changed = (
            f"\nOf {answer['lost']} households the records of needs have a gap that no delivery will fill: nobody knows"
            f" what came of them, and they count on neither side.{changed}"
        )
    if not answer["looks"]:
        return (
            f"{answer['question']}\nNothing has been compared: of {answer['households']} households in the trial the"
            f" outcome period of {answer['over']} is over, and the first of {answer['looks_planned']} looks is not due."
            + changed
        )
    look = answer["looks"][-1]
    lines = [
        str(answer["question"]),
        f"{_HEADLINES[look['verdict']]} Look {look['number']} of {answer['looks_planned']}.",
        f"Of {look['listed']} listed by lot {look['needs_listed']} had a need, of"
        f" {look['households'] - look['listed']} held out {look['needs_held_out']}.",
    ]
    if look["interval"] is not None:
        low, high = look["interval"]
        lines.append(
            f"Within lists that is {_say_points(look['estimate'])} of 100 families ({_say_points(low)} to"
            f" {_say_points(high)}); of all possible lots as far from their mean: p = {look['p_value']:.4f}."
        )
    if look["compliers"]:
        low, high = look["compliers"]["interval"]
        lines.append(
            f"Of those who were offered help because they were listed: {_say_points(look['compliers']['estimate'])} of"
            f" 100 ({_say_points(low)} to {_say_points(high)})."
        )
    lines += _say_bounds(look)
    lines.append(str(answer["estimand"]))
    return "\n".join(lines) + changed


def _say_bounds(look: Mapping[str, Any]) -> list[str]:
    """Return the interval that holds however little offers differ, or that they don't; nothing of a look before it."""
    if "compliers_bounds" not in look:
        return []
    if look["compliers_bounds"] is None:
        return ["Offers do not differ between the arms by more than chance: no effect of an offer is named."]
    low, high = look["compliers_bounds"]
    return [
        f"However little offers differ, an offer's effect lies between {_say_points(low)} and {_say_points(high)} of"
        " 100 (Anderson and Rubin; an addition to what was registered)."
    ]


def _say_points(difference: float) -> str:
    points = 100 * difference
    return f"{abs(points):.1f} {'fewer' if points < 0 else 'more'}"
