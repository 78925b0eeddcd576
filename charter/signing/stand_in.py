"""The points list that stands in where the model in use cannot be read: it is decided, and signed, beside the model.

    findings     name it (`stand_in`), and hold what its own past lists did to every group
    decision     asks it all that the charter asks of a list: `stand_in` of `decision.json`, so in the signed bytes
    promote      takes it along unless its own answer is block

Questions about data use are of the model's data alone, and not asked again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from charter.rules.gate import decide_findings
from charter.rules.policy import Policy

__all__ = ["decide_with_stand_in", "find_signed_stand_in", "list_waivers"]

_OF_NO_LIST = frozenset({"recorded_per_independent", "recorded_given_independent", "seen"})
"""Measures that no list changes: what was found of them holds for whatever list is in use."""


def decide_with_stand_in(
    findings: Mapping[str, Any],
    policy: Policy,
    today: date,
    *,
    findings_sha256: str = "0" * 64,
    earlier: Sequence[Mapping[str, Any]] = (),
    red_lines: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Return what `decide_findings` decides on the model, with the same gate's answer about what stands in for it.

    Nothing is added where the findings name nothing that could: of a live audit, or of a run without a points list.
    """
    decision = decide_findings(
        findings, policy, today, findings_sha256=findings_sha256, earlier=earlier, red_lines=red_lines
    )
    name = findings.get("stand_in")
    if not name:
        return decision
    is_model = name == findings["model"]
    document = (
        decision
        if is_model
        else _decide_stand_in(findings, str(name), policy, today, earlier=earlier, red_lines=red_lines)
    )
    answer = {key: document[key] for key in ("decision", "sentence", "questions")}
    return decision | {"stand_in": {"model": name, **answer, "waivers": list_waivers(document)}}


def _decide_stand_in(
    findings: Mapping[str, Any],
    name: str,
    policy: Policy,
    today: date,
    *,
    earlier: Sequence[Mapping[str, Any]],
    red_lines: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    rows = [
        {**row, "model": name}
        for row in findings["findings"]
        if row["model"] == name or (row["model"] == findings["model"] and row["measure"] in _OF_NO_LIST)
    ]
    of_list = {**findings, "model": name, "findings": rows}
    return decide_findings(of_list, policy.replace(data_use=None), today, earlier=earlier, red_lines=red_lines)


def find_signed_stand_in(decision: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return what a decision lets stand in: its model, decision, sentence and waivers; None where nothing may."""
    answer = decision.get("stand_in")
    if answer is None or answer["decision"] == "block":
        return None
    return {key: answer[key] for key in ("model", "decision", "sentence", "waivers")}


def list_waivers(decision: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what the board let through: shown on every worklist, with who answers for it, and until when."""
    return [
        {"question": verdict["question"], "group": verdict["group"], **verdict["waiver"]}
        for verdict in decision["verdicts"]
        if verdict.get("waiver")
    ]
