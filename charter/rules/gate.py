"""The gate: what the board asked, what the audit found, and what follows. A pure function, without any I/O.

    each gate of the charter   asks about every group of one characteristic, against everyone else
      fail                     the whole interval is beyond the limit, or a figure's whole interval beyond its bound
      pass                     the whole intervals are within limit and bound, among enough households
      insufficient             anything else: also too few households, and a finding that has no interval
    at its stage               of the tested past; of lists that nobody has seen; of lists whose outcomes are known
    the decision               block if anything fails or is missing, else refer if anything is insufficient, else pass

How far beyond the limit a group must be to fail depends on how many are asked about (`charter.rules.failing`). Passing
needs no such rule, since every group must pass.

Taking help away from everyone else closes a gap. It does not open the gate: the bound is on the figures themselves,
and a group that once failed passes only when its own figure is better than it was then.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from charter.rules.failing import (
    Z,
    compare_bound,
    count_households,
    find_overall_rate,
    is_beyond,
    keeps_limit,
    list_criteria,
    measure_distance,
)
from charter.rules.gate_sentences import (
    REASONS,
    Reason,
    say_due,
    say_figure,
    say_group,
    say_reason,
    say_visible_gap,
)
from charter.rules.measures import MEASURES
from charter.rules.policy import Policy
from charter.rules.questions import Gate
from charter.rules.visible_gap import find_needed_data, find_visible_gap
from charter.rules.waivers import Waiver

__all__ = ["decide_findings"]

_LONGEST_DAYS = 3653
# What is asked at each stage: once outcomes are known, everything that could be asked without them is asked again.
_ASKED = {"test": ("test",), "shadow": ("shadow",), "live": ("shadow", "live")}


@dataclass(frozen=True)
class _Answer:
    """One gate's answer about one group."""

    gate: Gate
    verdict: str
    reason: str
    sentence: str
    finding: Mapping[str, Any] | None = None
    gap: float | None = None
    due: date | None = None
    waiver: Waiver | None = None

    def as_document(self) -> dict[str, Any]:
        finding = self.finding or {}
        return {
            "gate": self.gate.id,
            "question": self.gate.question,
            "harm": self.gate.harm,
            "verdict": self.verdict,
            "reason": self.reason,
            "measure": self.gate.measure,
            "characteristic": self.gate.characteristic,
            "group": finding.get("group"),
            "finding": finding.get("id"),
            "estimate": finding.get("estimate"),
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


def decide_findings(
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
        answers.extend(_answer_gate(gate, findings, policy, today, earlier))
    edited = findings.get("charter_sha256") != policy.sha256
    open_answers = [answer for answer in answers if answer.waiver is None]
    failed = [answer for answer in open_answers if answer.verdict == "fail"]
    # Two characteristics together make many small groups: what cannot be told of one informs the board.
    unsure = [answer for answer in open_answers if answer.verdict == "insufficient" and not answer.gate.of_pair]
    crossed = " ".join(
        filter(None, (_say_crossed(red_lines, policy), _say_too_soon(findings, policy), _say_drifted(findings)))
    )
    decision = "block" if edited or crossed or failed else "refer" if unsure else "pass"
    return {
        "schema_version": 1,
        "programme": findings["programme"],
        "run": findings["run"],
        "decision": decision,
        "sentence": _summarise(decision, edited, crossed, failed, unsure, answers),
        "charter_sha256": policy.sha256,
        "findings_sha256": findings_sha256,
        "decided_on": today.isoformat(),
        "stage": stage,
        "next_decision_by": (findings.get("period") or {}).get("outcomes_due") if stage == "shadow" else None,
        "synthetic": bool(findings.get("synthetic", False)),
        "verdicts": [answer.as_document() for answer in answers],
        "red_lines": list(red_lines),
    }


def _say_crossed(red_lines: Sequence[Mapping[str, Any]], policy: Policy) -> str:
    """Say which residents' case came out otherwise than expected, or that there are too few; empty where all held."""
    broken = [line for line in red_lines if not line["held"]]
    if broken:
        cases = "; ".join(f"{line['story']} Expected {line['expected']}, is {line['answer']}" for line in broken)
        return f"a case that residents were shown comes out otherwise: {cases}."
    if len(red_lines) < policy.scenarios_at_least:
        return (
            f"scenarios.toml has {len(red_lines)} of the {policy.scenarios_at_least} residents' cases that the charter"
            " asks for."
        )
    return ""


def _say_too_soon(findings: Mapping[str, Any], policy: Policy) -> str:
    """Say that the shadow period has been too short; empty where it is over, or this is no question of going live."""
    if findings.get("stage", "test") == "test":
        return ""
    days = int((findings.get("period") or {}).get("days", 0))
    if days >= 7 * policy.live.shadow_weeks:
        return ""
    return f"lists were in shadow for {days // 7} of the {policy.live.shadow_weeks} weeks that the charter asks for."


def _say_drifted(findings: Mapping[str, Any]) -> str:
    """Say whose selection drifted; other drifts are told in the report and refer to nobody's treatment."""
    alarms = [series for series in findings.get("drift", ()) if series["alarm"] and series["about"] == "selection"]
    titles = "; ".join(f"{series['title']} since {series['alarm']}" for series in alarms)
    return f"who is selected has drifted from what was tested: {titles}." if titles else ""


def _summarise(
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
        sentences = [crossed] if crossed else []
        return f"Blocked: {' '.join([*sentences, *(answer.sentence for answer in failed)])}"
    waived = sum(answer.waiver is not None for answer in answers)
    but = f" {waived} waived by the charter." if waived else ""
    if decision == "refer":
        due = sorted(answer.due for answer in unsure if answer.due)
        soon = f" Enough data is due for {len(due)} of them by {due[-1]}." if due else ""
        reasons = Counter(answer.reason for answer in unsure)
        why = "; ".join(f"{reasons[reason]}: {REASONS[reason]}" for reason in REASONS if reasons[reason])
        return (
            f"Referred to the board: of {len(answers)} questions about groups {len(unsure)} cannot be answered with"
            f" the data there is ({why}), and none failed.{soon}{but}"
        )
    known = sum(answer.verdict != "insufficient" or not answer.gate.of_pair for answer in answers)
    pairs = (
        f" {len(answers) - known} about two characteristics together cannot be told." if known < len(answers) else ""
    )
    return f"Passed: all {known} questions about groups are answered within the charter's limits.{pairs}{but}"


def _answer_gate(
    gate: Gate, findings: Mapping[str, Any], policy: Policy, today: date, earlier: Sequence[Mapping[str, Any]]
) -> list[_Answer]:
    """Answer one gate about every group; a gate that no finding answers fails."""
    rows = [finding for finding in findings["findings"] if _answers(finding, gate, findings)]
    every = findings["findings"]
    if not rows:
        sentence = f"Nothing was found out about {gate.measure} by {gate.characteristic}."
        return [_Answer(gate, "fail", "no finding", sentence)]
    distances = [measure_distance(gate, finding) for finding in rows]
    answers = []
    for finding, distance, criterion in zip(rows, distances, list_criteria(distances), strict=True):
        rule = Reason("", distance=distance, criterion=criterion, groups=len(rows))
        bounded = gate.at_overall(find_overall_rate(gate, finding, every))
        verdict, reason = _decide_group(bounded, finding, rule, earlier)
        answer = _write_answer(bounded, finding, verdict, reason, findings, today)
        answers.append(_waive(_apply_caveats(answer, policy), policy, today))
    return answers


def _answers(finding: Mapping[str, Any], gate: Gate, findings: Mapping[str, Any]) -> bool:
    """Whether a finding is one that the gate asks about."""
    return (
        finding["measure"] == gate.measure
        and finding["characteristic"] == gate.characteristic
        and finding["group"] is not None
        and finding.get("component") is None
        and finding["at"] == MEASURES[gate.measure].at
        and finding["model"] == findings.get("model", finding["model"])
    )


def _decide_group(
    gate: Gate, finding: Mapping[str, Any], rule: Reason, earlier: Sequence[Mapping[str, Any]]
) -> tuple[str, Reason]:
    """Return the verdict about one group and what it was decided on; `rule` says how far it is and must be beyond."""
    rest = finding.get("rest") or {}
    value, interval = finding[gate.statistic], finding[f"{gate.statistic}_interval"]
    bounds = [compare_bound(gate, side) for side in (finding, rest)]
    if min(count_households(finding), count_households(rest)) < gate.minimum_positives:
        return "insufficient", replace(rule, id="too few")
    if rule.distance >= rule.criterion:
        return "fail", replace(rule, id="limit")
    if "fail" in bounds:
        return "fail", replace(rule, id="bound", rest=bounds[0] != "fail")
    if value is None or interval is None:
        return "insufficient", replace(rule, id="no interval")
    if rule.distance >= Z:
        return "insufficient", replace(rule, id="holm")
    if not keeps_limit(gate, value, interval):
        return "insufficient", replace(rule, id="beyond unsure" if is_beyond(gate, value) else "within unsure")
    if "insufficient" in bounds:
        return "insufficient", replace(rule, id="unsure of bound", rest=bounds[0] == "pass")
    if _is_no_better_off(gate, finding, earlier):
        return "insufficient", replace(rule, id="no better off")
    return "pass", replace(rule, id="limit")


def _write_answer(
    gate: Gate, finding: Mapping[str, Any], verdict: str, reason: Reason, findings: Mapping[str, Any], today: date
) -> _Answer:
    """Put the answer into words; one that cannot be told says what could have been, and when it can."""
    why = say_reason(gate, finding, verdict, reason)
    if reason.id == "too few":
        fewest = min(count_households(finding), count_households(finding.get("rest") or {}))
        due = _find_due(gate.minimum_positives / fewest if fewest else math.inf, findings, today)
        return _Answer(gate, verdict, reason.id, f"{say_group(gate, finding)}. {why}{say_due(due)}", finding, None, due)
    sentence = f"{say_figure(gate, finding)}. {why}"
    if verdict != "insufficient" or reason.id == "no better off":
        return _Answer(gate, verdict, reason.id, sentence, finding)
    gap, due = None, _find_due(find_needed_data(gate, finding, reason.criterion), findings, today)
    if reason.id != "no interval":
        gap = find_visible_gap(gate, finding, reason.criterion)
        sentence += say_visible_gap(gate, gap, reason.groups)
    return _Answer(gate, verdict, reason.id, f"{sentence}{say_due(due)}", finding, gap, due)


def _apply_caveats(answer: _Answer, policy: Policy) -> _Answer:
    """Make an answer insufficient where the charter says that it says nothing of the group."""
    group = (answer.finding or {}).get("group")
    for caveat in policy.caveats:
        if answer.verdict != "insufficient" and (caveat.gate, caveat.group) == (answer.gate.id, group):
            sentence = f"{answer.sentence} Of this group it says nothing: {caveat.reason}"
            return replace(answer, verdict="insufficient", reason="caveat", sentence=sentence)
    return answer


def _waive(answer: _Answer, policy: Policy, today: date) -> _Answer:
    """Attach the charter's waiver that holds today, if there is one; a verdict of pass needs none."""
    if answer.verdict == "pass" or answer.finding is None:
        return answer
    for waiver in policy.waivers:
        is_of_group = waiver.gate == answer.gate.id and waiver.group == answer.finding["group"]
        if is_of_group and waiver.expires > today:
            sentence = f"{answer.sentence} Waived until {waiver.expires} by {waiver.role}: {waiver.reason}"
            return replace(answer, sentence=sentence, waiver=waiver)
    return answer


def _is_no_better_off(gate: Gate, finding: Mapping[str, Any], earlier: Sequence[Mapping[str, Any]]) -> bool:
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


def _find_due(factor: float, findings: Mapping[str, Any], today: date) -> date | None:
    """Return when `factor` times the data of the audit's period will be there; None beyond ten years."""
    observed = (findings.get("period") or {}).get("days")
    if not observed or observed * (factor - 1) > _LONGEST_DAYS:
        return None
    return today + timedelta(days=math.ceil(observed * (factor - 1)))
