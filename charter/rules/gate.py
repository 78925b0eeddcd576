"""The gate: what the board asked, what the audit found, and what follows. A pure function, without any I/O.

    each gate of the charter   asks about every group of one characteristic, against everyone else
      fail                     the whole interval is beyond the limit, or a figure's whole interval beyond its bound
      pass                     the whole intervals are within limit and bound, among enough households
      insufficient             anything else: also too few households, and a finding that has no interval
    at its stage               of the tested past; of lists that nobody has seen; of lists whose outcomes are known
    the decision               block if anything fails or is missing, else refer if anything is insufficient, else pass

Within one gate several groups are asked about, and one in forty fair ones would fail by chance: failing follows Holm's
step-down rule (Scandinavian Journal of Statistics 1979, 6:65-70) over the gate's groups. Passing needs no such rule,
since every group must pass.

Taking help away from everyone else closes a gap. It does not open the gate: the bound is on the figures themselves,
and a group that once failed passes only when its own figure is better than it was then.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import NormalDist
from typing import Any

from charter.rules.policy import Policy
from charter.rules.questions import MEASURES, NOT_SHARES, Gate
from charter.rules.waivers import Waiver

__all__ = ["decide", "visible_gap"]

_Z = NormalDist().inv_cdf(0.975)
# A gap seen four times in five: its distance from the limit in standard errors.
_POWER = _Z + NormalDist().inv_cdf(0.8)
_LONGEST_DAYS = 3653
# What is asked at each stage: once outcomes are known, everything that could be asked without them is asked again.
_ASKED = {"test": ("test",), "shadow": ("shadow",), "live": ("shadow", "live")}


@dataclass(frozen=True)
class _Answer:
    """One gate's answer about one group."""

    gate: Gate
    verdict: str
    sentence: str
    finding: Mapping[str, Any] | None = None
    gap: float | None = None
    due: date | None = None
    waiver: Waiver | None = None

    def as_document(self) -> dict[str, Any]:
        found = self.finding or {}
        return {
            "gate": self.gate.id,
            "question": self.gate.question,
            "harm": self.gate.harm,
            "verdict": self.verdict,
            "measure": self.gate.measure,
            "characteristic": self.gate.characteristic,
            "group": found.get("group"),
            "finding": found.get("id"),
            "estimate": found.get("estimate"),
            "sentence": self.sentence,
            "smallest_visible_gap": self.gap,
            "enough_data_by": self.due.isoformat() if self.due else None,
            "waiver": None
            if self.waiver is None
            else {
                "role": self.waiver.role,
                "reason": self.waiver.reason,
                "expires": self.waiver.expires.isoformat(),
            },
        }


def decide(
    findings: Mapping[str, Any],
    policy: Policy,
    today: date,
    *,
    findings_sha256: str = "0" * 64,
    earlier: Sequence[Mapping[str, Any]] = (),
    red_lines: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Return the decision document (contract `decision`) on a findings document (contract `findings`).

    `today` decides which waivers still hold and when enough data is due; `earlier` are decisions on earlier runs of
    the programme; `red_lines` the residents' cases with the answers they got (`answer_scenarios`). Deny by default:
    findings made under another charter, a gate without a finding, a case that came out otherwise than the panel
    expects, and fewer cases than the charter asks for, all block; so do findings of fewer weeks in shadow than the
    charter asks for, and a drift of who is selected.
    """
    policy = policy.of(findings["programme"])
    stage = str(findings.get("stage", "test"))
    answers: list[_Answer] = []
    for gate in policy.asked(*_ASKED[stage]):
        answers.extend(_answers(gate, findings, policy, today, earlier))
    edited = findings.get("charter_sha256") != policy.sha256
    open_answers = [answer for answer in answers if answer.waiver is None]
    failed = [answer for answer in open_answers if answer.verdict == "fail"]
    # Two characteristics together make many small groups: what cannot be told of one informs the board.
    unsure = [answer for answer in open_answers if answer.verdict == "insufficient" and not answer.gate.of_pair]
    crossed = " ".join(filter(None, (_crossed(red_lines, policy), _too_soon(findings, policy), _drifted(findings))))
    decision = "block" if edited or crossed or failed else "refer" if unsure else "pass"
    return {
        "schema_version": 1,
        "programme": findings["programme"],
        "run": findings["run"],
        "decision": decision,
        "sentence": _summary(decision, edited, crossed, failed, unsure, answers),
        "charter_sha256": policy.sha256,
        "findings_sha256": findings_sha256,
        "decided_on": today.isoformat(),
        "stage": stage,
        "next_decision_by": (findings.get("period") or {}).get("outcomes_due") if stage == "shadow" else None,
        "synthetic": bool(findings.get("synthetic", False)),
        "verdicts": [answer.as_document() for answer in answers],
        "red_lines": list(red_lines),
    }


def _crossed(red_lines: Sequence[Mapping[str, Any]], policy: Policy) -> str:
    """Say which residents' case came out otherwise than expected, or that there are too few; empty where all held."""
    broken = [line for line in red_lines if not line["held"]]
    if broken:
        named = "; ".join(f"{line['story']} Expected {line['expected']}, is {line['answer']}" for line in broken)
        return f"a case that residents were shown comes out otherwise: {named}."
    if len(red_lines) < policy.scenarios_at_least:
        return (
            f"scenarios.toml has {len(red_lines)} of the {policy.scenarios_at_least} residents' cases that the charter"
            " asks for."
        )
    return ""


def _too_soon(findings: Mapping[str, Any], policy: Policy) -> str:
    """Say that the shadow period has been too short; empty where it is over, or this is no question of going live."""
    if findings.get("stage", "test") == "test":
        return ""
    days = int((findings.get("period") or {}).get("days", 0))
    if days >= 7 * policy.live.shadow_weeks:
        return ""
    return f"lists were in shadow for {days // 7} of the {policy.live.shadow_weeks} weeks that the charter asks for."


def _drifted(findings: Mapping[str, Any]) -> str:
    """Say whose selection drifted; other drifts are told in the report and refer to nobody's treatment."""
    alarms = [one for one in findings.get("drift", ()) if one["alarm"] and one["about"] == "selection"]
    named = "; ".join(f"{one['title']} since {one['alarm']}" for one in alarms)
    return f"who is selected has drifted from what was tested: {named}." if named else ""


def _summary(
    decision: str,
    edited: bool,
    crossed: str,
    failed: Sequence[_Answer],
    unsure: Sequence[_Answer],
    answers: Sequence[_Answer],
) -> str:
    if edited:
        return "Blocked: the charter was edited after the audit, so its findings answer other questions."
    if decision == "block":
        said = [crossed] if crossed else []
        return f"Blocked: {' '.join([*said, *(answer.sentence for answer in failed)])}"
    waived = sum(answer.waiver is not None for answer in answers)
    but = f" {waived} waived by the charter." if waived else ""
    if decision == "refer":
        due = sorted(answer.due for answer in unsure if answer.due)
        soon = f" Enough data is due for {len(due)} of them by {due[-1]}." if due else ""
        return (
            f"Referred to the board: of {len(answers)} questions about groups {len(unsure)} cannot be answered with"
            f" the data there is, and none failed.{soon}{but}"
        )
    told = sum(answer.verdict != "insufficient" or not answer.gate.of_pair for answer in answers)
    pairs = f" {len(answers) - told} about two characteristics together cannot be told." if told < len(answers) else ""
    return f"Passed: all {told} questions about groups are answered within the charter's limits.{pairs}{but}"


def _answers(
    gate: Gate, findings: Mapping[str, Any], policy: Policy, today: date, earlier: Sequence[Mapping[str, Any]]
) -> list[_Answer]:
    """Answer one gate about every group; a gate that no finding answers fails."""
    found = [finding for finding in findings["findings"] if _belongs(finding, gate, findings)]
    if not found:
        return [_Answer(gate, "fail", f"Nothing was found out about {gate.measure} by {gate.characteristic}.")]
    failing = _holm([_distance(gate, finding) for finding in found])
    return [
        _waived(_qualified(_answer(gate, finding, failing[i], findings, today, earlier), policy), policy, today)
        for i, finding in enumerate(found)
    ]


def _belongs(finding: Mapping[str, Any], gate: Gate, findings: Mapping[str, Any]) -> bool:
    return (
        finding["measure"] == gate.measure
        and finding["characteristic"] == gate.characteristic
        and finding["group"] is not None
        and finding.get("component") is None
        and finding["at"] == "capacity"
        and finding["model"] == findings.get("model", finding["model"])
    )


def _answer(
    gate: Gate,
    finding: Mapping[str, Any],
    failing: bool,
    findings: Mapping[str, Any],
    today: date,
    earlier: Sequence[Mapping[str, Any]],
) -> _Answer:
    said = _said(gate, finding)
    rest = finding.get("rest") or {}
    fewest = min(_households(finding), _households(rest))
    if fewest < gate.minimum_positives:
        due = _due(gate.minimum_positives / fewest if fewest else math.inf, findings, today)
        # Without figures: of a handful of households they would say something about somebody.
        who = f"{finding['group']} ({gate.characteristic}), {MEASURES[gate.measure]} ({gate.measure})"
        why = f"fewer households on one side than the {gate.minimum_positives} that an answer needs"
        return _Answer(gate, "insufficient", f"{who}: {why}.{_when(due)}", finding, None, due)
    beyond = [side for side in (finding, rest) if _bound(gate, side) == "fail"]
    if failing or beyond:
        why = f"the limit is {gate.limit:g}" if failing else f"the bound on the figure itself is {gate.bound:g}"
        return _Answer(gate, "fail", f"{said}; {why}: {gate.harm}.", finding)
    value, interval = finding[gate.statistic], finding[f"{gate.statistic}_interval"]
    within = _within(gate, value, interval) and all(_bound(gate, side) == "pass" for side in (finding, rest))
    if within and not _taken_from_others(gate, finding, earlier):
        return _Answer(gate, "pass", f"{said}, within the limit of {gate.limit:g}.", finding)
    if within:
        return _Answer(
            gate,
            "insufficient",
            f"{said}: the gap closed since it failed, but the group itself is no better off than it was.",
            finding,
        )
    gap, factor = _gap(gate, value, interval)
    due = _due(factor, findings, today)
    seen = "" if gap is None else f" A {gate.statistic} of {gap:.2f} or worse would have been seen."
    return _Answer(gate, "insufficient", f"{said}: too few to tell.{seen}{_when(due)}", finding, gap, due)


def _qualified(answer: _Answer, policy: Policy) -> _Answer:
    """Make an answer insufficient where the charter says that it says nothing of the group."""
    group = (answer.finding or {}).get("group")
    for caveat in policy.caveats:
        if answer.verdict != "insufficient" and (caveat.gate, caveat.group) == (answer.gate.id, group):
            sentence = f"{answer.sentence} Of this group it says nothing: {caveat.reason}"
            return _Answer(answer.gate, "insufficient", sentence, answer.finding)
    return answer


def _waived(answer: _Answer, policy: Policy, today: date) -> _Answer:
    """Attach the charter's waiver that holds today, if there is one; a verdict of pass needs none."""
    if answer.verdict == "pass" or answer.finding is None:
        return answer
    for waiver in policy.waivers:
        named = waiver.gate == answer.gate.id and waiver.group == answer.finding["group"]
        if named and waiver.expires > today:
            return _Answer(
                answer.gate,
                answer.verdict,
                f"{answer.sentence} Waived until {waiver.expires} by {waiver.role}: {waiver.reason}",
                answer.finding,
                answer.gap,
                answer.due,
                waiver,
            )
    return answer


def _distance(gate: Gate, finding: Mapping[str, Any]) -> float:
    """Return how far the group is beyond the limit, in standard errors; minus infinity where it cannot be told.

    The standard error is that of the end of the interval that faces the limit, so that 1.96 means exactly that the
    whole 95 % interval is beyond.
    """
    value, interval = finding[gate.statistic], finding[f"{gate.statistic}_interval"]
    rest = finding.get("rest") or {}
    if value is None or interval is None or min(_households(finding), _households(rest)) < gate.minimum_positives:
        return -math.inf
    low, high = interval
    facing, beyond = (high, gate.limit - value) if gate.at_least else (low, value - gate.limit)
    if facing is None or beyond <= 0:
        return -math.inf
    width = abs(facing - value)
    return math.inf if width == 0 else _Z * beyond / width


def _holm(distances: Sequence[float]) -> list[bool]:
    """Say which groups fail by Holm's rule at 2.5 % one-sided, given their distances beyond the limit."""
    failing = [False] * len(distances)
    by_distance = sorted(range(len(distances)), key=lambda i: -distances[i])
    for step, i in enumerate(by_distance):
        if distances[i] < NormalDist().inv_cdf(1 - 0.025 / (len(distances) - step)):
            break
        failing[i] = True
    return failing


def _within(gate: Gate, value: float | None, interval: Sequence[float | None] | None) -> bool:
    """Whether the figure and its whole interval keep the limit."""
    if value is None or interval is None:
        return False
    end = interval[0] if gate.at_least else interval[1]
    if end is None:
        return False
    return min(value, end) >= gate.limit if gate.at_least else max(value, end) <= gate.limit


def _bound(gate: Gate, side: Mapping[str, Any]) -> str:
    """Compare one side's figure with the gate's bound: pass, fail or insufficient."""
    estimate, interval = side.get("estimate"), side.get("interval")
    if estimate is None or interval is None:
        return "insufficient"
    low, high = interval
    if gate.at_least:
        return "fail" if high < gate.bound else "pass" if low >= gate.bound else "insufficient"
    return "fail" if low > gate.bound else "pass" if high <= gate.bound else "insufficient"


def _taken_from_others(gate: Gate, finding: Mapping[str, Any], earlier: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the group failed this gate before and its own figure has not become better since."""
    for decision in earlier:
        for verdict in decision["verdicts"]:
            same = verdict["gate"] == gate.id and verdict.get("group") == finding["group"]
            before = verdict.get("estimate")
            if not same or verdict["verdict"] != "fail" or before is None:
                continue
            now = finding["estimate"]
            if (now <= before) if gate.at_least else (now >= before):
                return True
    return False


def _households(side: Mapping[str, Any]) -> int:
    """How many clusters the figure rests on; rows where the table has no clusters."""
    clusters = side.get("clusters")
    return int(side.get("n") or 0) if clusters is None else int(clusters)


def visible_gap(gate: Gate, finding: Mapping[str, Any]) -> float | None:
    """Return the smallest true gap of a group that would fail four times in five, at this finding's precision.

    A ratio or a difference, as the gate asks; None where the finding has no interval to tell by.
    """
    return _gap(gate, finding[gate.statistic], finding[f"{gate.statistic}_interval"])[0]


def _gap(gate: Gate, value: float | None, interval: Sequence[float | None] | None) -> tuple[float | None, float]:
    """Return the smallest true gap that would have failed four times in five, and how much more data is needed.

    Needed for what: so that a group without any gap would pass, and so that this group's figure could be told from
    the limit. Standard errors fall with the square root of the data.
    """
    if value is None or interval is None:
        return None, math.inf
    low, high = interval
    if gate.statistic == "ratio":
        if not low or high is None or value <= 0:
            return None, math.inf
        error = (math.log(high) - math.log(low)) / (2 * _Z)
        sign = -1 if gate.at_least else 1
        gap = gate.limit * math.exp(sign * _POWER * error)
        room, distance = abs(math.log(gate.limit)), abs(math.log(value / gate.limit))
    else:
        if low is None or high is None:
            return None, math.inf
        error = (high - low) / (2 * _Z)
        gap = gate.limit + (-1 if gate.at_least else 1) * _POWER * error
        room, distance = abs(gate.limit), abs(value - gate.limit)
    fair = (_POWER * error / room) ** 2
    told = (_Z * error / distance) ** 2 if distance else math.inf
    return gap, max(fair, told, 1.0)


def _due(factor: float, findings: Mapping[str, Any], today: date) -> date | None:
    """Return when `factor` times the data of the audit's period will be there; None beyond ten years."""
    observed = (findings.get("period") or {}).get("days")
    if not observed or observed * (factor - 1) > _LONGEST_DAYS:
        return None
    return today + timedelta(days=math.ceil(observed * (factor - 1)))


def _when(due: date | None) -> str:
    return " Enough data is not due within ten years." if due is None else f" Enough data is due by {due}."


def _said(gate: Gate, finding: Mapping[str, Any]) -> str:
    """Say the figure in words: group, measure, both sides, the comparison and its interval."""
    rest = finding.get("rest") or {}
    value, interval = finding[gate.statistic], finding[f"{gate.statistic}_interval"]
    between = "no interval" if interval is None else f"95 % interval {_figure(interval[0])} to {_figure(interval[1])}"
    say = _figure if gate.measure in NOT_SHARES else _share
    return (
        f"{finding['group']} ({gate.characteristic}): {MEASURES[gate.measure]} ({gate.measure}) is"
        f" {say(finding['estimate'])} against {say(rest.get('estimate'))} of everyone else,"
        f" a {gate.statistic} of {_figure(value)} ({between})"
    )


def _share(value: float | None) -> str:
    return "unknown" if value is None else f"{100 * value:.1f} %"


def _figure(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.2f}"
