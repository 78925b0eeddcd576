"""The board's paper, its answers: all of them as one picture, then in a table, then where to look first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from markupsafe import Markup

from charter.rules.data_use import GATES
from charter.rules.policy import Policy
from charter.rules.questions import Gate
from fairness_reports.publish.answers_picture import Answer, draw_answers, say_expected
from fairness_reports.publish.figures_in_words import UNKNOWN, say_hundred, say_number
from fairness_reports.publish.gate_tables import is_small

__all__ = ["describe_answers"]

_ANSWERS = {"fail": "No", "insufficient": "Cannot be told", "informs": "Informs", "pass": "Yes, within the limit"}
_MEASURES = {
    "listed_before_need": "listed before the need",
    "unneeded_listings": "listed without a need",
    "days_before": "days before the need",
    "recorded_per_independent": "needs recorded",
}
_SIDES = {
    "listed_before_need": "Of 100 in need, {own} were listed before it. Of everyone else it was {rest}.",
    "unneeded_listings": "In a year {own} of 1,000 people were listed without a need. Of everyone else it was {rest}.",
    "days_before": "They were listed {own} days before the need. For everyone else it was {rest} days.",
    "recorded_per_independent": "For each need that others saw, we wrote down {own}. For everyone else it was {rest}.",
}
_SAY: Mapping[str, Callable[[float | None], str]] = {
    "listed_before_need": say_hundred,
    "recorded_per_independent": say_number,
}
"""How a figure is said that is no whole number of people or days."""
_FIRST = 5
"""How many open or failed answers the paper says in sentences; the picture has them all."""


def describe_answers(findings: Mapping[str, Any], decision: Mapping[str, Any], policy: Policy) -> dict[str, Any]:
    """Return what the pages of answers show."""
    answers = _list_told(findings, decision, policy)
    return {
        "picture": _draw(answers, policy),
        "crossed": _cross_answers(decision, policy),
        "others": _list_others(decision, policy),
        "first": _look_first(answers, policy),
    }


def _list_told(
    findings: Mapping[str, Any], decision: Mapping[str, Any], policy: Policy
) -> list[tuple[Mapping[str, Any], Mapping[str, Any], Gate]]:
    """Return each answer about a group that may be shown, with its finding and gate: the most harm a year first.

    Those whose harm cannot be counted come last, in the charter's order.
    """
    gates: Mapping[str, Gate] = {gate.id: gate for gate in policy.gates}
    by_id = {row["id"]: row for row in findings["findings"]}
    answers = []
    for verdict in decision["verdicts"]:
        gate, row = gates.get(verdict["gate"]), by_id.get(verdict["finding"])
        if gate is None or row is None or gate.statistic != "ratio" or row["ratio"] is None or is_small(row):
            continue
        answers.append((verdict, row, gate))
    return sorted(answers, key=lambda answer: (_expected(answer[0]) is None, -(_expected(answer[0]) or 0.0)))


def _expected(verdict: Mapping[str, Any]) -> float | None:
    """Return how many a year the gap harms more than if the group fared as everyone else; None where uncounted."""
    expected: float | None = (verdict.get("pooled") or verdict).get("expected_a_year")
    return expected


def _draw(answers: list[tuple[Mapping[str, Any], Mapping[str, Any], Gate]], policy: Policy) -> Markup | str:
    drawn_rows = [
        Answer(
            f"{_name_group(row, policy)}, {name_measure(row['measure'])}",
            row["ratio"],
            None if row["ratio_interval"] is None else tuple(row["ratio_interval"]),
            gate.limit,
            verdict["verdict"] if verdict.get("asked", True) else "",
            _expected(verdict),
        )
        for verdict, row, gate in answers
    ]
    return draw_answers(drawn_rows) if drawn_rows else ""


def _name_group(row: Mapping[str, Any], policy: Policy) -> str:
    return f"{_title_characteristic(str(row['characteristic']), policy)}: {row['group']}"


def _title_characteristic(name: str, policy: Policy) -> str:
    return " and ".join(policy.characteristic_titles.get(part, part) for part in name.split(" and "))


def name_measure(measure: str) -> str:
    """Return what a measure is called in a few words."""
    return _MEASURES.get(measure, measure.replace("_", " "))


def _cross_answers(decision: Mapping[str, Any], policy: Policy) -> dict[str, Any]:
    """Return the answers about groups: a row for each harm's measure, a column for each characteristic."""
    by_gate = {question["gate"]: question for question in decision.get("questions", ())}
    gates = [gate for gate in policy.gates if gate.id in by_gate]
    columns = list(dict.fromkeys(gate.characteristic for gate in gates))
    rows = []
    for harm, measure in dict.fromkeys((gate.harm, gate.measure) for gate in gates):
        cells = [
            [
                _write_cell(by_gate[gate.id])
                for gate in gates
                if (gate.harm, gate.measure, gate.characteristic) == (harm, measure, name)
            ]
            for name in columns
        ]
        rows.append({"harm": harm, "title": name_measure(measure), "cells": cells})
    return {"columns": [_title_characteristic(name, policy) for name in columns], "rows": rows}


def _write_cell(question: Mapping[str, Any]) -> dict[str, str]:
    return {
        "verdict": "insufficient" if question["verdict"] == "informs" else question["verdict"],
        "answer": _ANSWERS[question["verdict"]],
        "not_asked": ", ".join(str(group) for group in question["not_asked"] if group),
    }


def _list_others(decision: Mapping[str, Any], policy: Policy) -> list[dict[str, str]]:
    """Return the questions that are about no group and no data: whether the list is of use."""
    gates = {gate.id for gate in policy.gates} | set(GATES)
    return [
        _write_cell(question) | {"question": question["question"]}
        for question in decision.get("questions", ())
        if question["gate"] not in gates
    ]


def _say_whole(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:,.0f}"


def _look_first(
    answers: list[tuple[Mapping[str, Any], Mapping[str, Any], Gate]], policy: Policy
) -> list[dict[str, Any]]:
    """Return the answers to talk about first, in sentences: what failed, then the most harm a year."""
    wanting = [answer for answer in answers if answer[0]["verdict"] != "pass" and not answer[0].get("waiver")]
    wanting.sort(key=lambda answer: answer[0]["verdict"] != "fail")
    rows = []
    for verdict, row, gate in wanting[:_FIRST]:
        if row["measure"] not in _SIDES:
            continue
        say = _SAY.get(row["measure"], _say_whole)
        sentences = [_SIDES[row["measure"]].format(own=say(row["estimate"]), rest=say(row["rest"]["estimate"]))]
        pooled, expected = verdict.get("pooled"), _expected(verdict)
        if pooled:
            sentences.append(
                f"The chance that this gap is beyond the limit of {gate.limit:g} is"
                f" {say_hundred(pooled['beyond_limit'])} in 100."
            )
        if expected is not None and say_expected(expected) != "none":
            sentences.append(
                f"It may come to {say_expected(expected)} more a year than if they fared as everyone else."
            )
        rows.append({"title": f"{_name_group(row, policy)}, {name_measure(row['measure'])}", "sentences": sentences})
    return rows
