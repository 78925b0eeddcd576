"""A question's answers as tables, and the one rule of what is too small to be shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from charter.rules import questions
from charter.rules.gate_sentences import REASONS
from charter.rules.questions import NOT_SHARES, Gate
from fairness_reports.disclosure.rules import read_rules
from fairness_reports.publish.figures_in_words import say_date, say_hundred, say_interval, say_number, say_share

__all__ = ["FEWEST", "VERDICTS", "hide_small", "is_small", "tabulate_gate"]

FEWEST = read_rules().fewest_of_rate
"""Households below which a group's figures are not shown: they would say something about somebody."""

VERDICTS = {"pass": "Yes, within the limit", "fail": "No", "insufficient": "Cannot be told"}


def is_small(row: Mapping[str, Any]) -> bool:
    """Whether a finding compares groups, and either side rests on fewer than FEWEST households."""
    if row["group"] is None:
        return False
    sides = [row, row["rest"]] if row.get("rest") else [row]
    return any((side["n"] if side.get("clusters") is None else side["clusters"]) < FEWEST for side in sides)


def hide_small(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a finding as it may be shown: without any figure where there are too few households."""
    if not is_small(row):
        return row
    hidden = dict.fromkeys(
        ("estimate", "interval", "difference", "difference_interval", "ratio", "ratio_interval"), None
    )
    rest = {**row["rest"], "estimate": None, "interval": None} if row.get("rest") else None
    return {**row, **hidden, "rest": rest}


def tabulate_gate(
    gate: Gate, rows: Sequence[Mapping[str, Any]], verdicts: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Return one gate's question with its answer for every group, in words."""
    by_id = {row["id"]: row for row in rows}
    say = say_number if gate.measure in NOT_SHARES else say_share
    mine = [verdict for verdict in verdicts if verdict["gate"] == gate.id]
    table = []
    for verdict in mine:
        row = by_id.get(verdict["finding"])
        if row is None:
            continue
        table.append(
            {
                "group": row["group"],
                "verdict": verdict["verdict"],
                "answer": _say_answer(verdict),
                "waiver": verdict.get("waiver"),
                "until": say_date(verdict["waiver"]["expires"]) if verdict.get("waiver") else "",
                "estimate": say(row["estimate"]),
                "rest": say(row["rest"]["estimate"]),
                "value": say_number(row[gate.statistic]),
                "interval": say_interval(row[f"{gate.statistic}_interval"], say_number),
                "clusters": f"{row['clusters']:,}" if row["clusters"] >= FEWEST else f"under {FEWEST}",
            }
        )
    sentences = [verdict["sentence"] for verdict in mine if verdict["verdict"] == "fail" or verdict["finding"] is None]
    return {
        "question": gate.question,
        "harm": gate.harm,
        "statistic": gate.statistic,
        "limit": f"{gate.limit:g}",
        "bound": say(gate.bound) if gate.of_overall is None else f"{gate.of_overall:g} times the overall rate",
        "bound_words": "and nobody's figure below" if gate.at_least else "and nobody's figure above",
        "measure": questions.MEASURES[gate.measure].capitalize(),
        "rows": table,
        "pooled": _tabulate_pooled(mine, by_id),
        "lines": sentences,
    }


def _tabulate_pooled(
    verdicts: Sequence[Mapping[str, Any]], by_id: Mapping[str, Mapping[str, Any]]
) -> list[dict[str, str]]:
    """Return the estimates that borrow from a question's other groups, in words; of the small ones none."""
    rows = []
    for verdict in verdicts:
        row, pooled = by_id.get(verdict["finding"]), verdict.get("pooled")
        if pooled is None or row is None or is_small(row):
            continue
        low, high = (say_number(end) for end in pooled["interval"])
        rows.append(
            {
                "group": verdict["group"],
                "ratio": say_number(pooled["ratio"]),
                "range": f"{low} to {high}",
                "beyond": say_hundred(pooled["beyond_limit"]),
                "own": say_hundred(pooled["own_weight"]),
            }
        )
    return rows


def _say_answer(verdict: Mapping[str, Any]) -> str:
    """Say a verdict with what it was decided on; decisions made before that was written down have the verdict alone."""
    answer, reason = VERDICTS[verdict["verdict"]], verdict.get("reason")
    return answer if reason is None or verdict["verdict"] == "pass" else f"{answer}: {REASONS[reason]}"
