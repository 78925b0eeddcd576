"""The pack's first two pages: what a board is asked, between what, and all answers as one picture.

Nothing here is stated beforehand: each figure is a finding's, or is said not to be known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from charter.council.training_settings import POINTS_LISTS
from charter.rules.data_use import DATA_NEEDED, GATES
from charter.rules.policy import Policy
from charter.rules.questions import Gate
from charter.signing.advice import Advice, write_slot
from fairness_reports.publish.answers_picture import Answer, draw_answers
from fairness_reports.publish.figures_in_words import UNKNOWN, say_date, say_hundred

__all__ = ["describe_front"]

_ASKED = {
    "pass": "Say whether lists may be made and shown to nobody (shadow), so that they can be asked about next.",
    "refer": "Say what to do, although the data cannot answer every question of the charter: the options are below.",
    "block": "Say what to change. Nothing can be released on these findings.",
}
_ANSWERS = {"fail": "No", "insufficient": "Cannot be told", "informs": "Informs", "pass": "Yes, within the limit"}
_TURNED = {"estimate": "estimate", "low": "high", "high": "low"}
_TIMES = (0.5, 1.0, 2.0)
"""With how many times the places the released list is shown."""
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
    metrics: Mapping[str, Any],
    advice: Sequence[Advice] = (),
) -> dict[str, Any]:
    """Return what the two pages show; `models` names each model in words, `metrics` is the run's contract `metrics`.

    `advice` is what roles said of these very findings.
    """
    heard = {one.role: one for one in advice}
    return {
        "asked": _ASKED[decision["decision"]],
        "of_whom": [role.title for role in policy.signers("decision")],
        "by": say_date(policy.review_by.isoformat()),
        "options": _list_options(str(findings["model"]), decision, models, metrics.get("replay") or {}),
        "weeks": findings.get("used_lists") or {"why": "this audit is of an older version"},
        "recommendation": metrics["recommendation"]["sentence"],
        "data": _list_data_answers(decision),
        "answers": _cross_answers(decision, policy),
        "others": _list_others(decision, policy),
        "stops": _list_stops(policy),
        "slots": [
            {"title": role.title, "words": Markup(write_slot(role.id, heard.get(role.id)))}  # noqa: S704 - escaped there
            for role in policy.roles
            if role.advises
        ],
        "picture": _draw(findings, decision, policy),
        "shadow_weeks": policy.live.shadow_weeks,
    }


def _list_options(
    model: str, decision: Mapping[str, Any], models: Mapping[str, str], replay: Mapping[str, Any]
) -> list[dict[str, str]]:
    """Return the options, each with what past lists made so would have done; a dash where nobody knows."""
    figures = {
        (row["model"], row["measure"]): row
        for row in replay.get("figures", ())
        if row["part"] == "all" and row["period"] == replay.get("headline") and row["against"] is None
    }
    title = models.get(model, model)
    name = title if any(map(str.isupper, title[1:])) else f"{title[:1].lower()}{title[1:]}"
    not_open = " (not open: the gate blocks)" if decision["decision"] == "block" else ""
    rows = [_option("Stop: go on as today (last contact first stands for it)", figures, "last_contact")]
    if model not in POINTS_LISTS:
        rows.append(_option(f"A simple list: {models['points'].lower()}", figures, "points"))
    rows.append({"title": f"Shadow{not_open}: lists by {name} that nobody sees", "none": "yes"})
    for times, by_measure in _read_curve(replay).items():
        places = by_measure.get("places_filled", {}).get("estimate")
        if times in _TIMES and places is not None:
            # At the teams' own places the figures are those of every other page, from all draws of the households.
            of_list = {measure: figures.get((model, measure), row) for measure, row in by_measure.items()}
            shown = of_list if times == 1 else by_measure
            rows.append(_option(f"Live after that{not_open}: {name}, {places:.0f} places a year", shown, None))
    return rows


def _read_curve(replay: Mapping[str, Any]) -> dict[float, dict[Any, Any]]:
    """Return the released list's figures at other numbers of places, by times of the places and measure."""
    curve: dict[float, dict[Any, Any]] = {}
    for row in replay.get("curve", ()):
        if row["period"] == replay.get("headline"):
            curve.setdefault(row["times_places"], {})[row["measure"]] = row
    return curve


def _option(title: str, figures: Mapping[Any, Mapping[str, Any]], model: str | None) -> dict[str, str]:
    def find(measure: str) -> Mapping[str, Any] | None:
        return figures.get(measure if model is None else (model, measure))

    reached = find("listed_of_need")
    missed = reached and {end: _rest_of(reached[other]) for end, other in _TURNED.items()}
    return {"title": title, "listed": _say_range(find("needed_of_listed")), "missed": _say_range(missed), "none": ""}


def _rest_of(share: float | None) -> float | None:
    return None if share is None else 1 - share


def _say_range(figure: Mapping[str, Any] | None) -> str:
    """Say a share of 100 with its range: 38 (31 to 46)."""
    if figure is None or figure["estimate"] is None:
        return UNKNOWN
    if figure["low"] is None or figure["high"] is None:
        return say_hundred(figure["estimate"])
    return f"{say_hundred(figure['estimate'])} ({say_hundred(figure['low'])} to {say_hundred(figure['high'])})"


def _cross_answers(decision: Mapping[str, Any], policy: Policy) -> dict[str, Any]:
    """Return the answers about groups: a row for each harm's measure, a column for each characteristic."""
    by_gate = {question["gate"]: question for question in decision.get("questions", ())}
    asked = [gate for gate in policy.gates if gate.id in by_gate]
    columns = list(dict.fromkeys(gate.characteristic for gate in asked))
    rows = []
    for harm, measure in dict.fromkeys((gate.harm, gate.measure) for gate in asked):
        cells = [
            [
                _write_cell(by_gate[gate.id])
                for gate in asked
                if (gate.harm, gate.measure, gate.characteristic) == (harm, measure, name)
            ]
            for name in columns
        ]
        rows.append({"harm": harm, "title": _name_measure(measure), "cells": cells})
    return {"columns": [_title_characteristic(name, policy) for name in columns], "rows": rows}


def _title_characteristic(name: str, policy: Policy) -> str:
    return " and ".join(policy.characteristic_titles.get(part, part) for part in name.split(" and "))


def _write_cell(question: Mapping[str, Any]) -> dict[str, str]:
    return {
        "verdict": "insufficient" if question["verdict"] == "informs" else question["verdict"],
        "answer": _ANSWERS[question["verdict"]],
        "not_asked": ", ".join(str(group) for group in question["not_asked"] if group),
    }


def _list_others(decision: Mapping[str, Any], policy: Policy) -> list[dict[str, str]]:
    """Return the questions that are about no group: of use, and about data."""
    gates = {gate.id for gate in policy.gates}
    unneeded = _list_data_answers(decision)["unneeded"]
    said = {DATA_NEEDED: f"No, not {', '.join(unneeded)}"} if unneeded else {}
    return [
        _write_cell(question)
        | {"question": question["question"], "answer": said.get(question["gate"], _ANSWERS[question["verdict"]])}
        for question in decision.get("questions", ())
        if question["gate"] not in gates
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
    """Draw every answer about a group: by harm as the charter has them, the most in a year first; uncounted last."""
    gates: Mapping[str, Gate] = {gate.id: gate for gate in policy.gates}
    by_id = {row["id"]: row for row in findings["findings"]}
    answers = []
    for verdict in decision["verdicts"]:
        gate, row = gates.get(verdict["gate"]), by_id.get(verdict["finding"])
        few = row is not None and min(row.get("clusters") or 0, (row.get("rest") or {}).get("clusters") or 0) < _FEWEST
        if gate is None or row is None or gate.statistic != "ratio" or row["ratio"] is None or few:
            continue
        answer = Answer(
            f"{row['group']} ({row['characteristic']}): {_name_measure(row['measure'])}",
            row["ratio"],
            None if row["ratio_interval"] is None else tuple(row["ratio_interval"]),
            gate.limit,
            verdict["verdict"] if verdict.get("asked", True) else "",
            (verdict.get("pooled") or verdict).get("expected_a_year"),
        )
        answers.append((gate.harm, answer))
    harms = list(dict.fromkeys(gate.harm for gate in policy.gates))
    answers.sort(key=lambda drawn: (drawn[1].expected is None, harms.index(drawn[0]), -(drawn[1].expected or 0.0)))
    return draw_answers([answer for _, answer in answers]) if answers else ""


def _name_measure(measure: str) -> str:
    return _MEASURES.get(measure, measure.replace("_", " "))
