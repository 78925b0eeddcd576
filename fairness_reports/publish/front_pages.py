"""The pack's first two pages: what a board is asked, between what, and all answers as one picture.

Nothing here is stated beforehand: each figure is a finding's, or is said not to be known.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from charter.rules.data_use import DATA_NEEDED, GATES
from charter.rules.measures import AS_USED
from charter.rules.policy import Policy
from charter.rules.questions import Gate
from fairness_reports.publish.answers_picture import Answer, draw_answers
from fairness_reports.publish.figures_in_words import UNKNOWN, say_date, say_hundred, say_interval

__all__ = ["describe_front"]

_ASKED = {
    "pass": "Say whether lists may be made and shown to nobody (shadow), so that they can be asked about next.",
    "refer": "Say what to do, although the data cannot answer every question of the charter: the options are below.",
    "block": "Say what to change. Nothing can be released on these findings.",
}
_FEWEST = 10
_MEASURES = {
    "listed_before_need": "listed before the need",
    "unneeded_listings": "listed without a need",
    "days_before": "days before the need",
    "recorded_per_independent": "needs recorded",
}


def describe_front(
    findings: Mapping[str, Any],
    decision: Mapping[str, Any],
    policy: Policy,
    models: Mapping[str, str],
    recommendation: str,
) -> dict[str, Any]:
    """Return what the two pages show; `models` names each model in words."""
    return {
        "asked": _ASKED[decision["decision"]],
        "of_whom": [role.title for role in policy.signers("decision")],
        "by": say_date(policy.review_by.isoformat()),
        "options": _tabulate_options(findings, decision, models),
        "weeks": findings.get("used_lists") or {"why": "this audit is of an older version"},
        "recommendation": recommendation,
        "data": _list_data_answers(decision),
        "answers": _list_answers(decision),
        "stops": _list_stops(policy),
        "picture": _draw(findings, decision, policy),
        "shadow_weeks": policy.live.shadow_weeks,
    }


def _tabulate_options(
    findings: Mapping[str, Any], decision: Mapping[str, Any], models: Mapping[str, str]
) -> list[dict[str, str]]:
    """Return the options with what happens under each: of 100 listed, and of 100 in need; a dash where nobody knows."""
    model = str(findings["model"])
    rows = [_option(findings, "Stop: go on as today (last contact first)", "last_contact")]
    if model != "points":
        rows.append(_option(findings, f"A simple list: {models['points'].lower()}", "points"))
    name = models.get(model, model)
    blocked = " (not open: the gate blocks)" if decision["decision"] == "block" else ""
    rows.append(_option(findings, f"Shadow: lists by {name[0].lower()}{name[1:]}, seen by nobody{blocked}", model))
    return rows


def _option(findings: Mapping[str, Any], title: str, model: str) -> dict[str, str]:
    found = {
        row["measure"]: row
        for row in findings["findings"]
        if row["model"] == model and row["at"] == AS_USED and row["group"] is None and row.get("component") is None
    }
    useful, reached = found.get("needed_of_100"), found.get("listed_before_need")
    missed = None if reached is None or reached["estimate"] is None else 1 - reached["estimate"]
    ends = (
        None
        if missed is None or reached is None or not reached["interval"]
        else [1 - end for end in reached["interval"][::-1]]
    )
    return {
        "title": title,
        "listed": say_hundred(useful["estimate"]) if useful else UNKNOWN,
        "listed_interval": say_interval(useful["interval"], say_hundred) if useful and useful["interval"] else UNKNOWN,
        "missed": say_hundred(missed),
        "missed_interval": say_interval(ends, say_hundred) if ends else UNKNOWN,
    }


def _list_answers(decision: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return each question with its one answer, the worst first."""
    words = {"fail": "No", "insufficient": "Cannot be told", "informs": "Informs", "pass": "Yes, within the limit"}
    order = list(words)
    questions = sorted(decision.get("questions", ()), key=lambda question: order.index(question["verdict"]))
    unneeded = _list_data_answers(decision)["unneeded"]
    said = {DATA_NEEDED: f"No, not {', '.join(unneeded)}"} if unneeded else {}
    return [
        {
            "question": question["question"],
            "verdict": "insufficient" if question["verdict"] == "informs" else question["verdict"],
            "answer": said.get(question["gate"], words[question["verdict"]]),
            "not_asked": ", ".join(str(group) for group in question["not_asked"] if group),
        }
        for question in questions
    ]


def _list_data_answers(decision: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the charter's questions about data were answered; what need not be received first."""
    mine = [verdict for verdict in decision["verdicts"] if verdict["gate"] in GATES]
    unneeded = [
        str(row["group"]).replace("_", " ") for row in mine if row["reason"] == "not needed" and not row["waiver"]
    ]
    order = ("not needed", "carried", "not shown", "limit")
    return {
        "unneeded": unneeded,
        "sentences": [row["sentence"] for row in sorted(mine, key=lambda row: order.index(row["reason"]))],
    }


def _list_stops(policy: Policy) -> list[str]:
    able = [role.title for role in policy.roles if role.may_suspend]
    stops = [f"Any one of these, alone and at once: {'; '.join(able)}."] if able else []
    stops.append(
        "Who is listed drifts from what was tested, or a question of the second gate fails: lists stop by themselves."
    )
    if policy.usefulness is not None:
        stops.append(
            f"Fewer than {policy.usefulness.of_100_listed:g} of 100 families listed turn out to have had a need."
        )
    return stops


def _draw(findings: Mapping[str, Any], decision: Mapping[str, Any], policy: Policy) -> Markup | str:
    """Draw every answer about a group: the most that a gap harms in a year first, then the others."""
    gates: Mapping[str, Gate] = {gate.id: gate for gate in policy.gates}
    by_id = {row["id"]: row for row in findings["findings"]}
    answers = []
    for verdict in decision["verdicts"]:
        gate, row = gates.get(verdict["gate"]), by_id.get(verdict["finding"])
        few = row is not None and min(row.get("clusters") or 0, (row.get("rest") or {}).get("clusters") or 0) < _FEWEST
        if gate is None or row is None or gate.statistic != "ratio" or row["ratio"] is None or few:
            continue
        answers.append(
            Answer(
                f"{row['group']} ({row['characteristic']}): {_name_measure(row['measure'])}",
                row["ratio"],
                None if row["ratio_interval"] is None else tuple(row["ratio_interval"]),
                gate.limit,
                verdict["verdict"] if verdict.get("asked", True) else "",
                (verdict.get("pooled") or verdict).get("expected_a_year"),
            )
        )
    answers.sort(key=lambda answer: -(answer.expected if answer.expected is not None else -1e9))
    return draw_answers(answers) if answers else ""


def _name_measure(measure: str) -> str:
    return _MEASURES.get(measure, measure.replace("_", " "))
