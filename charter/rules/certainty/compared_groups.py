"""Whom a question asks about: the findings that answer it, of two groups the worse off, and none too small to tell.

And the whole gate: every group of every question that may fail, together, since chance is asked of all at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from charter.rules.certainty.failing import count_households, find_overall_rate, measure_standing
from charter.rules.certainty.fair_chances import Chances, find_null
from charter.rules.certainty.outcomes import Sizes
from charter.rules.certainty.power import OFTEN, find_power, find_worse
from charter.rules.measures import MEASURES
from charter.rules.questions import Gate

__all__ = ["answers_question", "ask_once", "bound_by_overall", "is_asked", "list_rows", "weigh_chances"]

_TWO = 2


def list_rows(
    gate: Gate, findings: Mapping[str, Any], not_recorded: str
) -> tuple[list[Mapping[str, Any]], list[Mapping[str, Any]]]:
    """Return the findings of the groups that a question may ask about, and of those whom the charter leaves out."""
    found = [
        row
        for row in findings["findings"]
        if row["characteristic"] == gate.characteristic
        and row["group"] is not None
        and answers_question(gate, row, findings)
    ]
    left_out = [row for row in found if row["group"] == not_recorded and not gate.ask_not_recorded]
    return [row for row in found if row not in left_out], left_out


def answers_question(gate: Gate, finding: Mapping[str, Any], findings: Mapping[str, Any]) -> bool:
    """Whether a finding is of what a question asks about, whoever it is of."""
    return (
        finding["measure"] == gate.measure
        and finding.get("component") is None
        and finding["at"] == MEASURES[gate.measure].at
        and finding["model"] == findings.get("model", finding["model"])
    )


def ask_once(gate: Gate, rows: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """Return whom to answer about: of two groups, where the charter leaves the unrecorded out, the worse off alone."""
    if len(rows) != _TWO or gate.ask_not_recorded:
        return rows
    return [max(rows, key=lambda row: (measure_standing(gate, row).apart, row["group"]))]


def bound_by_overall(gate: Gate, finding: Mapping[str, Any], findings: Mapping[str, Any]) -> Gate:
    """Return the question with the bound that follows from the overall rate of the same audit."""
    return gate.at_overall(find_overall_rate(gate, finding, findings["findings"]))


def weigh_chances(gates: Sequence[Gate], findings: Mapping[str, Any], not_recorded: str) -> Chances:
    """Return what chance could make of everything that one gate asks.

    Of two groups that are asked about once, as the one worse off, both count: either might have been the one.
    """
    nulls = [
        find_null(bound_by_overall(gate, row, findings), row)
        for gate in gates
        for row in list_rows(gate, findings, not_recorded)[0]
        if count_households(row) >= gate.minimum_positives
    ]
    return Chances([null for null in nulls if null is not None])


def is_asked(gate: Gate, finding: Mapping[str, Any], chances: Chances) -> bool:
    """Whether a group is asked about: by the charter all are, or those in which a large gap would be found, mostly."""
    if gate.too_few == "refer":
        return True
    if min(count_households(finding), count_households(finding.get("rest") or {})) < gate.minimum_positives:
        return False
    sizes = Sizes.of(gate, finding)
    if sizes is None:
        return finding[f"{gate.statistic}_interval"] is not None
    return find_power(gate, sizes, find_worse(gate), chances.rarity) >= OFTEN
