"""What changes at the line of lists, where no trial is: families just above it beside families just below it.

    worklist/*/line.csv   ->  each household once, by the first list near whose line it was
    the newest snapshot   ->  whose outcome period is over, who had a need in it, who had one before
    line_checks           ->  whether the line is one that can be compared across at all
    line_estimates        ->  the jump, its interval; how much more often those above were offered help

It assumes that families whose margins differ by nearly nothing differ in nearly nothing else, so that only being
listed jumps at the line; the checks can show that to be wrong, and never that it is right. Why the first list only: a
household that stays below the line is below many lines, and above one at most, after which it rests. Counted each time,
the two sides would be made of families with different pasts.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charter.contracts.files import read_json
from charter.contracts.matrix import Matrix
from charter.council.trial_design import Answer, TrialFile
from charter.errors import DataError
from charter.invocation import Invocation
from fairness_reports.audit.population.audited_people import find_horizon_end
from fairness_reports.disclosure.rules import find_mode
from fairness_reports.impact.estimates import BOTH, WEAK, judge_interval
from fairness_reports.impact.later_need import OutcomePeriod, read_offers
from fairness_reports.impact.line_checks import FEWEST, Check, check_line, compare_bandwidths
from fairness_reports.impact.line_estimates import Jump, LineRows, choose_bandwidth, estimate_jump, estimate_ratio
from fairness_reports.impact.registering import open_matrix
from fairness_reports.impact.trial_groups import find_groups

__all__ = ["LEVEL", "VERDICTS", "Finding", "judge_line", "measure_line", "say_line"]

LEVEL = 0.05
VERDICTS = ("helps", "harms", "no effect", "cannot be told")


@dataclass(frozen=True)
class Finding:
    """What is found at a line: a verdict, why where it is "cannot be told", the jump, the checks, other bandwidths."""

    verdict: str
    why: str
    jump: Jump | None
    checks: tuple[Check, ...]
    bandwidths: tuple[Jump, ...]


@dataclass(frozen=True)
class _Place:
    """A household at the first line near which it was; `distance` 0 or more: listed."""

    entity: str
    as_of: date
    distance: float


def judge_line(rows: LineRows, before: Mapping[tuple[str, str], NDArray[np.float64]], worth_seeing: float) -> Finding:
    """Return what a line says; below nought: fewer needs among the listed.

    A check that fails comes first: then nothing is said of an effect, however clear the jump looks.
    """
    bandwidth = choose_bandwidth(rows)
    jump = estimate_jump(rows, bandwidth) if bandwidth else None
    if bandwidth is None or jump is None or not jump.error > 0 or min(jump.below, jump.above) < FEWEST:
        why = f"Fewer than {FEWEST} families on a side are near enough to the line."
        return Finding("cannot be told", why, None, (), ())
    checks = check_line(rows, before, bandwidth)
    failed = [check for check in checks if check.fails(LEVEL)]
    if failed:
        return Finding("cannot be told", _say_failure(failed[0]), None, checks, ())
    verdict = judge_interval(jump.interval(LEVEL), worth_seeing)
    why = BOTH if verdict == "cannot be told" else ""
    return Finding(verdict, why, jump, checks, compare_bandwidths(rows, bandwidth))


def _say_failure(check: Check) -> str:
    if check.about == "density":
        side = "above" if (check.jump or 0) > 0 else "below"
        return (
            f"Families are sorted around the line: more are just {side} it than a smooth order would put there. So"
            " those on its two sides are not alike, and nothing is said of an effect."
        )
    if check.about == "placebo":
        return f"Needs jump {check.name} too, where nobody's treatment changes. So nothing is said of an effect."
    return (
        f"Families on the two sides of the line were not alike before: {check.about.replace('_', ' ')}, {check.name}."
        " So nothing is said of an effect."
    )


def measure_line(invocation: Invocation) -> dict[str, Any]:
    """Return what changes at the line of the programme's lists so far, as JSON values.

    Raises DataError where no list kept its line (`[line] kept` of worklist.toml), or there is no matrix.
    """
    places, lists = _read_places(invocation)
    matrix = open_matrix(invocation)
    tables = invocation.workspace.snapshot() / "tables"
    taken_at = datetime.fromisoformat(read_json(tables.parent / "manifest.json")["taken_at"])
    period = OutcomePeriod(invocation.council, matrix.definition, tables, taken_at)
    signals = sorted({name for part in matrix.definition["outcome"]["components"] for name in part["signals"]})
    over = _list_over(places, invocation, matrix, period, signals)
    trial = TrialFile.find(invocation.council)
    worth_seeing = trial.answer.worth_seeing if trial else Answer().worth_seeing
    rows, before = _gather_rows(over, period, signals, invocation)
    finding = judge_line(rows, before, worth_seeing)
    document: dict[str, Any] = {
        "programme": invocation.programme,
        "lists": lists,
        "households": len(places),
        "over": len(over),
        "above": int((rows.distance >= 0).sum()),
        "worth_seeing": worth_seeing,
        "verdict": finding.verdict,
        "why": finding.why,
        "jump": _write_jump(finding.jump),
        "checks": [asdict(check) for check in finding.checks],
        "bandwidths": [_write_jump(jump) for jump in finding.bandwidths],
        "offers": None,
        "of_offered": None,
        "points": [],
    }
    if finding.jump is not None:
        document |= _describe_offers(over, rows, finding.jump.bandwidth, invocation, matrix)
        document["points"] = _bin_points(rows, finding.jump.bandwidth)
    return document


def _read_places(invocation: Invocation) -> tuple[list[_Place], int]:
    """Return each household at its first line, and how many lists kept theirs."""
    first: dict[str, _Place] = {}
    lists: set[str] = set()
    rows: list[dict[str, str]] = []
    for path in sorted(invocation.workspace.worklist.glob("*/line.csv")):
        with path.open(encoding="utf-8", newline="") as handle:
            rows += csv.DictReader(handle)
    for row in sorted(rows, key=lambda row: (row["as_of"], row["list"])):
        lists.add(row["list"])
        place = _Place(row["entity"], date.fromisoformat(row["as_of"]), float(row["distance"]))
        first.setdefault(place.entity, place)
    if not first:
        raise DataError(
            "no list has kept who was just below its line, so nothing can be compared there.",
            "Set `kept` under [line] of worklist.toml, say so to residents, and run `sooner rank` as ever.",
        )
    return [first[entity] for entity in sorted(first)], len(lists)


def _list_over(
    places: Sequence[_Place], invocation: Invocation, matrix: Matrix, period: OutcomePeriod, signals: Sequence[str]
) -> list[_Place]:
    """Return the households whose horizon and reporting lag are over, and of whose needs all of it was delivered."""
    lag = timedelta(days=float(matrix.manifest["reporting_lag_days"]))
    days = {place.as_of for place in places}
    ends = {day: find_horizon_end(matrix.definition, invocation.council, day) + lag for day in days}
    covered = period.read_covered(signals)
    followed = {day for day, end in ends.items() if end <= period.taken_at and period.is_followed(day, covered)}
    return [place for place in places if place.as_of in followed]


def _gather_rows(
    over: Sequence[_Place], period: OutcomePeriod, signals: Sequence[str], invocation: Invocation
) -> tuple[LineRows, dict[tuple[str, str], NDArray[np.float64]]]:
    """Return distances with the outcome, and what is compared from before: earlier needs, people, groups."""
    households = [(place.as_of, place.entity) for place in over]
    days = {place.as_of for place in over}
    needs, earlier, members = (
        (period.find_needs(days, signals), period.find_needs_before(days, signals), period.list_members(days))
        if over
        else (set(), set(), {})
    )
    before = {
        ("need", "as long before"): np.array([float(household in earlier) for household in households]),
        ("household", "how many people"): np.array([float(len(members.get(one, ()))) for one in households]),
    }
    if over:
        groups = find_groups(period, invocation.policy, list(invocation.policy.characteristics), households)
        before |= {key: inside.astype(np.float64) for key, inside in groups.items()}
    distance = np.array([place.distance for place in over], dtype=np.float64)
    return LineRows(distance, np.array([float(one in needs) for one in households], dtype=np.float64)), before


def _describe_offers(
    over: Sequence[_Place], rows: LineRows, bandwidth: float, invocation: Invocation, matrix: Matrix
) -> dict[str, Any]:
    """Return how much more often those above were offered help, and what an offer changed where that is enough."""
    helped: dict[str, list[datetime]] = {}
    for entity, at in read_offers(invocation.workspace.worklist / "actions.csv"):
        helped.setdefault(entity, []).append(at)
    spans = {
        day: (invocation.council.midnight(day), find_horizon_end(matrix.definition, invocation.council, day))
        for day in {place.as_of for place in over}
    }
    offered = np.array(
        [
            float(any(spans[place.as_of][0] <= at < spans[place.as_of][1] for at in helped.get(place.entity, ())))
            for place in over
        ]
    )
    first = estimate_jump(rows.about(offered), bandwidth)
    strong = first is not None and first.error > 0 and (first.estimate / first.error) ** 2 >= WEAK
    ratio = estimate_ratio(rows, offered, bandwidth) if strong else None
    return {"offers": _write_jump(first), "of_offered": _write_jump(ratio)}


def _bin_points(rows: LineRows, bandwidth: float) -> list[dict[str, float]]:
    """Return shares with a need in parts of each side, of as many households each; none whose counts are small."""
    points = []
    for side in (rows.distance < 0, rows.distance >= 0):
        inside = np.flatnonzero(side & (np.abs(rows.distance) < 2 * bandwidth))
        ordered = inside[np.argsort(rows.distance[inside], kind="stable")]
        for part in np.array_split(ordered, max(1, min(8, len(ordered) // 40))):
            needs = float(rows.outcome[part].sum())
            if not find_mode("dfe").is_small(np.array([needs, len(part) - needs])).any():
                middle = float(rows.distance[part].mean())
                points.append({"distance": middle, "need": needs / len(part), "households": float(len(part))})
    return points


def _write_jump(jump: Jump | None) -> dict[str, Any] | None:
    return asdict(jump) | {"interval": list(jump.interval(LEVEL))} if jump else None


_HEADLINES = {
    "helps": "HELPS, as far as the line can tell.",
    "harms": "HARMS, as far as the line can tell: those just above it had more needs.",
    "no effect": "NO EFFECT worth seeing at the line.",
    "cannot be told": "CANNOT BE TOLD. That is no answer, and not a no.",
}


def say_line(document: Mapping[str, Any]) -> str:
    """Return what the line says in sentences."""
    lines = [
        f"{_HEADLINES[document['verdict']]} {document['why']}".rstrip(),
        f"{document['lists']:,} lists; {document['households']:,} households near a line, each at its first; the"
        f" outcome period of {document['over']:,} is over, {document['above']:,} of them listed.",
    ]
    jump, offers, ratio = document["jump"], document["offers"], document["of_offered"]
    if jump:
        low, high = jump["interval"]
        lines.append(
            f"Of 100 families just above the line {_say_points(jump['estimate'])} had a need than of those just below"
            f" ({_say_points(low)} to {_say_points(high)}); {jump['above']:,} and {jump['below']:,} are near enough."
        )
    if offers:
        lines.append(f"Of 100 just above, {_say_points(offers['estimate'])} were offered help within the period.")
    if ratio:
        low, high = ratio["interval"]
        lines.append(
            f"Of 100 who were offered help because they were above: {_say_points(ratio['estimate'])} with a need"
            f" ({_say_points(low)} to {_say_points(high)})."
        )
    elif jump:
        lines.append(
            "What an offer itself changed cannot be told: the two sides were offered help too nearly alike, as where"
            " those below one week are listed the next."
        )
    lines.append(
        "This assumes that families just above and just below differ in nothing but being listed. It is about families"
        " at the line, now rather than later; a lot (`sooner trial plan`) assumes nothing and tells more."
    )
    return "\n".join(lines)


def _say_points(difference: float) -> str:
    points = 100 * difference
    return f"{abs(points):.1f} {'fewer' if points < 0 else 'more'}"
