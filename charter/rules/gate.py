"""The gate: what the board asked, what the audit found, and what follows. A pure function, without any I/O.

    each gate of the charter   is one question about the groups of one characteristic, each against everyone else
      fail                     a group is beyond the limit, by more than chance (`charter.rules.certainty.failing`), or
                               a figure's whole interval beyond its bound
      pass                     every group asked about: the whole intervals are within limit and bound
      insufficient             anything else: also too few households, and a finding that has no interval
    whom it asks               of two groups the worse off, once; neither those of whom no group is recorded, nor groups
                               in which no gap would be found more often than not, where the charter says so
    usefulness                 at least so many of 100 listed, and better than practice (`charter.rules.usefulness`)
    data use                   each service's data is needed, and none carries the order (`charter.rules.data_use`)
    at its stage               of the tested past; of lists that nobody has seen; of lists whose outcomes are known
    the decision               block if any question fails or is missing, else refer if any is insufficient, else pass

Taking help away from everyone else closes a gap. It does not open the gate: the bound is on the figures themselves,
and a group that once failed passes only when its own figure is better than it was then.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from charter.rules.certainty.compared_groups import (
    answers_question,
    ask_once,
    bound_by_overall,
    is_asked,
    list_rows,
    weigh_chances,
)
from charter.rules.certainty.failing import compare_bound, count_households
from charter.rules.certainty.fair_chances import Chances
from charter.rules.certainty.group_answers import decide_group
from charter.rules.certainty.pooling import pool_groups
from charter.rules.certainty.visible_gap import find_needed_data, find_visible_gap
from charter.rules.data_use import answer_data_use, list_about_lists, say_data_use
from charter.rules.expected_harm import expect_a_year, recommend_order, write_pooled
from charter.rules.gate_sentences import (
    REASONS,
    Reason,
    say_day,
    say_due,
    say_figure,
    say_group,
    say_harm,
    say_reason,
    say_visible_gap,
)
from charter.rules.policy import Policy
from charter.rules.questions import Gate
from charter.rules.usefulness import answer_usefulness
from charter.rules.verdicts import Verdict
from charter.rules.waivers import Waiver, find_waiver, say_waived

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
    asked: bool = True
    expected: float | None = None
    pooled: Mapping[str, Any] | None = None

    def as_document(self) -> dict[str, Any]:
        finding = self.finding or {}
        return Verdict(
            self.gate.id,
            self.gate.question,
            self.gate.harm,
            self.verdict,
            self.reason,
            self.sentence,
            self.gate.measure,
            self.finding,
            characteristic=self.gate.characteristic,
            group=finding.get("group"),
            asked=self.asked,
            waiver=self.waiver,
            gap=self.gap,
            due=self.due,
            expected=self.expected,
            pooled=self.pooled,
        ).as_document()


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
    charter asks for, a drift of who is selected, and a harm that was seen while lists were watched.
    """
    policy = policy.of(findings["programme"])
    stage = str(findings.get("stage", "test"))
    asked_gates = policy.asked(*_ASKED[stage])
    chances = weigh_chances(asked_gates, findings, policy.not_recorded)
    answers: list[_Answer] = []
    for gate in asked_gates:
        answers.extend(_answer_gate(gate, findings, policy, today, earlier, chances))
    verdicts = [answer.as_document() for answer in answers]
    if policy.usefulness is not None and stage == "test":
        verdicts += answer_usefulness(policy.usefulness, findings)
    if policy.data_use is not None and stage == "test":
        margin = policy.choosing.fewer_of_100_listed
        verdicts += answer_data_use(policy.data_use, findings, policy.waivers, today, margin)
    questions = _list_questions(verdicts, {gate.id for gate in policy.gates if gate.of_pair})
    edited = findings.get("charter_sha256") != policy.sha256
    crossed = " ".join(
        filter(
            None,
            (
                _say_crossed(red_lines, policy),
                _say_too_soon(findings, policy),
                _say_drifted(findings),
                _say_harmed(findings, policy, today),
            ),
        )
    )
    answered = {question["verdict"] for question in questions}
    decision = "block" if edited or crossed or "fail" in answered else "refer" if "insufficient" in answered else "pass"
    return {
        "schema_version": 1,
        "programme": findings["programme"],
        "run": findings["run"],
        "decision": decision,
        "sentence": _summarise(decision, edited, crossed, questions, verdicts),
        "charter_sha256": policy.sha256,
        "findings_sha256": findings_sha256,
        "decided_on": today.isoformat(),
        "stage": stage,
        "next_decision_by": (findings.get("period") or {}).get("outcomes_due") if stage == "shadow" else None,
        "synthetic": bool(findings.get("synthetic", False)),
        "questions": questions,
        "verdicts": verdicts,
        "red_lines": list(red_lines),
    }


def _list_questions(verdicts: Sequence[Mapping[str, Any]], of_pairs: Collection[str]) -> list[dict[str, Any]]:
    """Return each question with its one answer, over the groups that it asks about.

    Two characteristics together make many small groups: what cannot be told of one informs the board, and a question
    about them is "informs" unless one fails. A question that could ask about no group is insufficient.
    """
    questions = []
    for gate in dict.fromkeys(verdict["gate"] for verdict in verdicts):
        mine = [verdict for verdict in verdicts if verdict["gate"] == gate]
        standing = [verdict for verdict in mine if not verdict["waiver"]]
        asked = [verdict for verdict in standing if verdict["asked"]]
        failed = any(verdict["verdict"] == "fail" for verdict in standing)
        unsure = any(verdict["verdict"] == "insufficient" for verdict in asked)
        nobody = bool(standing) and not asked and len(standing) == len(mine)
        informs = gate in of_pairs and (unsure or nobody)
        answer = "fail" if failed else "informs" if informs else "insufficient" if unsure or nobody else "pass"
        questions.append(
            {
                "gate": gate,
                "question": mine[0]["question"],
                "harm": mine[0]["harm"],
                "verdict": answer,
                "asked": [verdict["group"] for verdict in mine if verdict["asked"]],
                "not_asked": [verdict["group"] for verdict in mine if not verdict["asked"]],
                "waived": len(mine) - len(standing),
            }
        )
    return questions


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


def _say_harmed(findings: Mapping[str, Any], policy: Policy, today: date) -> str:
    """Say who was seen to fare worse than a limit while lists were watched.

    Not of whom the charter waives it, or says that the question's figures say nothing.
    """
    silent = {(caveat.gate, caveat.group) for caveat in policy.caveats}
    harmed = [
        series
        for series in findings.get("harm_watch", ())
        if series["alarm"]
        and (series["gate"], series["group"]) not in silent
        and not find_waiver(policy.waivers, series["gate"], series["group"], today)
    ]
    return " ".join(say_harm(series) for series in harmed)


def _summarise(
    decision: str,
    edited: bool,
    crossed: str,
    questions: Sequence[Mapping[str, Any]],
    verdicts: Sequence[Mapping[str, Any]],
) -> str:
    if edited:
        return "Blocked: the charter was edited after the audit, so its findings answer other questions."
    standing = [verdict for verdict in verdicts if not verdict["waiver"]]
    if decision == "block":
        sentences = [crossed] if crossed else []
        failed = [verdict["sentence"] for verdict in standing if verdict["verdict"] == "fail"]
        return f"Blocked: {' '.join([*sentences, *failed])}"
    waived = len(verdicts) - len(standing)
    but = f" {waived} answers waived by the charter." if waived else ""
    but += _say_not_asked(verdicts)
    if decision == "refer":
        return f"Referred to the board: {_say_open(questions, standing)}{say_data_use(standing)}{but}"
    known = [question for question in questions if question["verdict"] == "pass"]
    pairs = len(questions) - len(known)
    told = f" {pairs} about two characteristics together cannot be told." if pairs else ""
    answered = "the one question is" if len(known) == 1 else f"all {len(known)} questions are"
    return f"Passed: {answered} answered within the charter's limits.{told}{but}"


def _say_open(questions: Sequence[Mapping[str, Any]], standing: Sequence[Mapping[str, Any]]) -> str:
    """Say how many questions cannot be answered, why, until when, and what to look at first."""
    about_lists = list_about_lists(questions)
    open_ids = {question["gate"] for question in about_lists if question["verdict"] == "insufficient"}
    if not open_ids:
        return "every question about its lists is answered within the charter's limits."
    unsure = [verdict for verdict in standing if verdict["gate"] in open_ids and verdict["verdict"] == "insufficient"]
    unsure = [verdict for verdict in unsure if verdict["asked"]] or unsure
    due = sorted(verdict["enough_data_by"] for verdict in unsure if verdict["enough_data_by"])
    soon = (
        f" Enough data is due for {len(due)} of their answers by {say_day(date.fromisoformat(due[-1]))}." if due else ""
    )
    reasons = Counter(verdict["reason"] for verdict in unsure)
    why = "; ".join(f"{reasons[reason]}: {REASONS[reason]}" for reason in REASONS if reasons[reason])
    return (
        f"{len(open_ids)} of {_say_questions(len(about_lists))} cannot be answered with the data there is (by group,"
        f" {why}), and none failed.{soon}{recommend_order(unsure)}"
    )


def _say_questions(number: int) -> str:
    return "1 question" if number == 1 else f"{number} questions"


def _say_not_asked(verdicts: Sequence[Mapping[str, Any]]) -> str:
    """Name the groups too small to be asked about, so that no answer seems to be about them."""
    names = {
        f"{verdict['group']} ({verdict['characteristic']})" for verdict in verdicts if verdict["reason"] == "not asked"
    }
    return (
        f" Nothing could be asked about some groups, which are too small: {', '.join(sorted(names))}." if names else ""
    )


def _answer_gate(
    gate: Gate,
    findings: Mapping[str, Any],
    policy: Policy,
    today: date,
    earlier: Sequence[Mapping[str, Any]],
    chances: Chances,
) -> list[_Answer]:
    """Answer one gate about every group; a gate that no finding answers fails."""
    rows, unrecorded = list_rows(gate, findings, policy.not_recorded)
    if not rows and not unrecorded:
        sentence = f"Nothing was found out about {gate.measure} by {gate.characteristic}."
        return [_Answer(gate, "fail", "no finding", sentence)]
    asked_rows = ask_once(gate, rows)
    pooled = _pool_rows(gate, asked_rows, findings, policy)
    answers = []
    for finding, beside in zip(asked_rows, pooled, strict=True):
        bounded = bound_by_overall(gate, finding, findings)
        asked = is_asked(gate, finding, chances)
        verdict, reason = decide_group(bounded, finding, chances, earlier)
        if not asked and verdict != "fail":
            verdict, reason = "insufficient", replace(reason, id="not asked")
        answer = _write_answer(bounded, finding, verdict, reason, findings, today, chances)
        answer = replace(
            answer,
            asked=asked or verdict == "fail",
            expected=expect_a_year(gate, finding, findings),
            pooled=beside,
        )
        answers.append(_waive(_apply_caveats(answer, policy), policy, today))
    if not any(answer.verdict == "fail" for answer in answers):
        answers += _bound_everybody(gate, findings)
    for finding in unrecorded:
        answer = _write_answer(gate, finding, "insufficient", Reason("not recorded"), findings, today, chances)
        answers.append(replace(answer, asked=False))
    return answers


def _bound_everybody(gate: Gate, findings: Mapping[str, Any]) -> list[_Answer]:
    """Return the failure where everybody's figure, all groups together, is wholly beyond the bound; else nothing."""
    for row in findings["findings"]:
        if row["characteristic"] is None and answers_question(gate, row, findings):
            bounded = bound_by_overall(gate, row, findings)
            if count_households(row) >= gate.minimum_positives and compare_bound(bounded, row) == "fail":
                # Of no group: pages that set a finding beside everyone else's have nothing to set it beside.
                together = {**row, "id": None, "group": "everybody"}
                sentence = f"{say_group(gate, together)}. {say_reason(bounded, together, 'fail', Reason('bound'))}"
                return [_Answer(gate, "fail", "bound", sentence, together)]
    return []


def _pool_rows(
    gate: Gate, rows: Sequence[Mapping[str, Any]], findings: Mapping[str, Any], policy: Policy
) -> list[Mapping[str, Any] | None]:
    """Return beside each answer the estimate that borrows from the others; none where the charter expects nothing."""
    if policy.pooling is None:
        return [None for _ in rows]
    return [
        write_pooled(pooled, expect_a_year(gate, row, findings, pooled.mean if pooled else None))
        for row, pooled in zip(rows, pool_groups(gate, rows, policy.pooling), strict=True)
    ]


def _write_answer(
    gate: Gate,
    finding: Mapping[str, Any],
    verdict: str,
    reason: Reason,
    findings: Mapping[str, Any],
    today: date,
    chances: Chances,
) -> _Answer:
    """Put the answer into words; one that cannot be told says what could have been, and when it can."""
    why = say_reason(gate, finding, verdict, reason)
    if reason.id == "too few":
        fewest = min(count_households(finding), count_households(finding.get("rest") or {}))
        due = _find_due(gate.minimum_positives / fewest if fewest else math.inf, findings, today)
        return _Answer(gate, verdict, reason.id, f"{say_group(gate, finding)}. {why}{say_due(due)}", finding, None, due)
    if reason.id == "no lists":
        return _Answer(gate, verdict, reason.id, f"{say_group(gate, finding)}. {why}", finding)
    sentence = f"{say_figure(gate, finding)}. {why}"
    if verdict != "insufficient" or reason.id in {"no better off", "not recorded"}:
        return _Answer(gate, verdict, reason.id, sentence, finding)
    gap, due = None, _find_due(find_needed_data(gate, finding), findings, today)
    if reason.id != "no interval":
        gap = find_visible_gap(gate, finding, chances.rarity)
        sentence += say_visible_gap(gate, gap, reason.comparisons)
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
    waiver = find_waiver(policy.waivers, answer.gate.id, answer.finding["group"], today)
    if waiver is None:
        return answer
    return replace(answer, sentence=f"{answer.sentence} {say_waived(waiver)}", waiver=waiver)


def _find_due(factor: float, findings: Mapping[str, Any], today: date) -> date | None:
    """Return when `factor` times the data of the audit's period will be there; None beyond ten years."""
    observed = (findings.get("used_lists") or {}).get("days") or (findings.get("period") or {}).get("days")
    if not observed or observed * (factor - 1) > _LONGEST_DAYS:
        return None
    return today + timedelta(days=math.ceil(observed * (factor - 1)))
