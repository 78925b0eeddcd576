"""The board pack, `report.html`: one self-contained page that reads only findings, decision, figures and definition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from charter.contracts.entity_words import EntityWords
from charter.council.register import Register
from charter.rules.policy import Policy
from charter.signing.advice import Advice
from fairness_reports.impact.so_far_words import describe_so_far_part
from fairness_reports.publish.answer_pages import describe_answers
from fairness_reports.publish.council_words import CouncilWords
from fairness_reports.publish.figures import Bar, draw_bars
from fairness_reports.publish.figures_in_words import (
    SHOWN_AS_NOTHING,
    UNKNOWN,
    say_date,
    say_hundred,
    say_interval,
    say_number,
    say_share,
    say_signed,
)
from fairness_reports.publish.front_pages import describe_front, name_model, say_verdict
from fairness_reports.publish.gate_tables import hide_small, tabulate_gate
from fairness_reports.publish.group_parts import (
    AT_CAPACITY,
    describe_characteristic,
    describe_independent,
    list_characteristics,
    say_beyond_records,
    select_rows,
    tabulate_sight,
)
from fairness_reports.publish.list_pages import describe_list, describe_stand_in, list_used
from fairness_reports.publish.order_opinion import describe_whole_order
from fairness_reports.publish.parts import (
    tabulate_added,
    tabulate_folds,
    tabulate_linkage,
    tabulate_proxies,
    tabulate_responses,
    tabulate_services,
    tabulate_strength,
)

__all__ = ["ANSWERS", "AT_CAPACITY", "MODELS", "Pack", "list_used", "render_pack"]

MODELS = {
    "random": "Drawing lots",
    "last_contact": "Last contact first",
    "one_feature": "The best single feature",
    "agreed": "The agreed points list",
    "points": "The points list",
    "logistic": "Logistic regression",
    "lightgbm": "LightGBM",
}
ANSWERS = {"pass": "Within the charter's limits", "refer": "The board decides", "block": "Blocked by the charter"}
_PERFORMANCE = (
    ("precision", "Of 100 listed, in need", True),
    ("recall", "Of 100 in need, listed", True),
    ("false_positives_per_found", "In vain for each found", False),
    ("auroc", "AUROC", False),
)
_TOP = 15
_PAPER_NAMES = MODELS | {
    "lightgbm": "The learned list (LightGBM)",
    "logistic": "The weighted list (logistic regression)",
}
"""What the paper calls each model: for who reads of it once a year."""


@dataclass(frozen=True)
class Pack:
    """What the board pack is made of: the documents that crossed rooms, and pictures made with them.

    `in_use` are the findings on the lists of the release in use, `{}` where none was audited; `strength` is what peers'
    figures make of these very findings (`sooner exchange`), `{}` where no exchange was made of them.
    """

    council: str
    findings: Mapping[str, Any]
    decision: Mapping[str, Any]
    metrics: Mapping[str, Any]
    definition: Mapping[str, Any]
    policy: Policy
    register: Register
    resamples: int
    contact: str = ""
    advice: Sequence[Advice] = ()
    in_use: Mapping[str, Any] = field(default_factory=dict)
    strength: Mapping[str, Any] = field(default_factory=dict)
    beeswarm: str = ""
    dependence: str = ""


def render_pack(pack: Pack) -> str:
    """Return the board pack as one HTML page without any outside reference: the board's paper, then its annex."""
    environment = Environment(
        loader=PackageLoader("fairness_reports.publish"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    css = (files("fairness_reports.publish") / "templates" / "report.css").read_text(encoding="utf-8")
    words = CouncilWords.of(pack.register, pack.definition)
    return environment.get_template("report.html").render(
        **_describe_paper(pack, words),
        **_describe_annex(pack, words, [hide_small(row) for row in pack.findings["findings"]]),
        css=Markup(css),  # noqa: S704 - our own stylesheet
        words=EntityWords.of(pack.definition),
        title=f"{pack.council}, {pack.findings['programme'].replace('_', ' ')}",
        council=pack.council,
        findings=pack.findings,
        policy=pack.policy,
        decision=pack.decision,
    )


def _describe_paper(pack: Pack, words: CouncilWords) -> dict[str, Any]:
    """Return what the pages of the board's paper show."""
    findings, decision, policy = pack.findings, pack.decision, pack.policy
    notes = [words.put_into(note) for note in findings["notes"]]
    # Data that knows the outcome too well comes first, before any figure that may rest on it.
    leaks = len(pack.metrics.get("suspected_leaks", ()))
    beyond = findings.get("beyond_records") or {}
    of_records = [say_beyond_records(beyond)] if beyond.get("answer") == "records" else []
    return {
        "made_on": say_date(str(findings["made_at"])[:10]),
        "model": name_model(findings["model"], _PAPER_NAMES),
        "answer": ANSWERS[decision["decision"]],
        "said": say_verdict(decision),
        "contact": pack.contact,
        "front": describe_front(findings, decision, policy, _PAPER_NAMES, pack.metrics, words, pack.advice),
        "answers": describe_answers(findings, decision, policy),
        "list": describe_list(findings, pack.definition, policy, words),
        "stand_in": describe_stand_in(findings, decision, pack.definition),
        "warnings": notes[:leaks] + of_records,
        "notes": notes[leaks:],
    }


def _describe_annex(pack: Pack, words: CouncilWords, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what the annex shows of `rows`, the findings as they may be shown."""
    policy, titles = pack.policy, pack.policy.characteristic_titles
    verdicts = {verdict.get("finding"): verdict for verdict in pack.decision["verdicts"]}
    groups_of = list_characteristics(rows, policy)
    return _describe_order(pack, words, rows) | {
        "gates": [tabulate_gate(gate, rows, pack.decision["verdicts"]) for gate in policy.asked("test")],
        "recommendation": pack.metrics["recommendation"]["sentence"],
        "known_dates": (pack.metrics.get("known_dates") or {}).get("sentence", ""),
        "precision_figure": _draw_precision(pack),
        "performance": _tabulate_performance(pack),
        "components": _tabulate_components(rows, words),
        "characteristics": [
            describe_characteristic(name, pack.findings["model"], policy, rows, verdicts)
            for name in policy.characteristics
        ],
        "order": describe_whole_order(pack.findings.get("whole_order", ()), titles),
        "independent": describe_independent(policy, words, rows, verdicts),
        "beyond_records": say_beyond_records(pack.findings.get("beyond_records")),
        "seen": [tabulate_sight(titles[name], select_rows(rows, "seen", name), words) for name in groups_of],
        "proxies": tabulate_proxies(rows, words.pieces, titles),
        "services": tabulate_services(rows, words.services),
        "adds": tabulate_added(rows, words.services),
        "linked": tabulate_linkage(rows, titles),
        "responses": [tabulate_responses(rows, name, titles[name]) for name in groups_of],
        "ages": policy.ages_of(pack.findings["programme"]),
        "register": [
            {
                "title": words.pieces[feature["name"]],
                "because": feature["because"],
                "services": "; ".join(words.name(service) for service in feature["services"]),
                "helped": _say_helped(feature["services"], pack.findings.get("last_helped", {})),
                "system_response": feature["system_response"],
            }
            for feature in list_used(pack.definition, pack.findings)
        ],
        "other_lags": pack.findings.get("other_lags", ""),
        "resamples": f"{pack.resamples:,}",
        "facts": _list_facts(pack),
        "strength": tabulate_strength(pack.strength, rows),
        "so_far": describe_so_far_part(pack.in_use),
        "so_far_on": say_date(str(pack.in_use["made_at"])[:10]) if pack.in_use else "",
    }


def _say_helped(services: Sequence[str], last_helped: Mapping[str, str]) -> str:
    """Say when the records that a piece of data is made of were last shown to help; of people at home, nothing."""
    days = [last_helped.get(service, "") for service in services]
    return UNKNOWN if not days else say_date(min(days)) if all(days) else "never"


def _describe_order(pack: Pack, words: CouncilWords, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what moves the order: pieces of data, then services, each that moves anything at all."""
    titles = pack.policy.characteristic_titles
    weights, by_service = (
        _list_weights(rows, measure) for measure in ("contribution_weight", "service_contribution_weight")
    )
    leans = [
        _tabulate_leans(f"{titles[name]}{part}", select_rows(rows, measure, name), top, words)
        for name in (list_characteristics(rows, pack.policy) if weights else ())
        for part, measure, top in (
            ("", "contribution_lean", weights[:_TOP]),
            (", service by service", "service_contribution_lean", by_service),
        )
    ]
    return {
        "weights": _draw_weights("weights", "What moves the scores most", weights[:_TOP], words) if weights else "",
        "by_service": _draw_weights("by-service", "What moves the scores, by service", by_service, words)
        if weights
        else "",
        "sampled": f"{weights[0]['n']:,}" if weights else "",
        "folds": tabulate_folds(rows, weights[:_TOP], words.pieces),
        "dependence": pack.dependence,
        "beeswarm": pack.beeswarm,
        "beeswarm_alt": "Dots for the pieces of data that move scores most; a table of leans says the same in numbers.",
        "leans": [table for table in leans if table["rows"]],
    }


def _list_weights(rows: Sequence[Mapping[str, Any]], measure: str) -> list[Mapping[str, Any]]:
    """Return the weights of a kind, the heaviest first; those that are said as 0.00 move nothing that can be shown."""
    weights = [row for row in rows if row["measure"] == measure and row["group"] is None]
    return sorted(
        (row for row in weights if (row["estimate"] or 0.0) >= SHOWN_AS_NOTHING), key=lambda row: -row["estimate"]
    )


def _find_figure(metrics: Mapping[str, Any], model: str, measure: str) -> Mapping[str, Any] | None:
    for figure in metrics["figures"]:
        whole = figure["part"] == "all" and figure["against"] is None and figure["period"] == "selection"
        if whole and figure["model"] == model and figure["measure"] == measure:
            match: Mapping[str, Any] = figure
            return match
    return None


def _draw_precision(pack: Pack) -> Markup | str:
    rows = []
    for model in pack.metrics["models"]:
        figure = _find_figure(pack.metrics, model, "precision")
        if figure is None or figure["estimate"] is None:
            continue
        ends = None if figure["low"] is None else (figure["low"], figure["high"])
        rows.append(Bar(MODELS.get(model, model), figure["estimate"], ends, strong=model == pack.findings["model"]))
    return (
        draw_bars(
            "precision",
            "Precision at capacity by model",
            rows,
            axis="Share of the list with a later need",
            percent=True,
        )
        if rows
        else ""
    )


def _tabulate_performance(pack: Pack) -> dict[str, Any]:
    rows = []
    for model in pack.metrics["models"]:
        cells = []
        for measure, _, percent in _PERFORMANCE:
            figure = _find_figure(pack.metrics, model, measure)
            if figure is None or figure["estimate"] is None:
                cells.append(UNKNOWN)
                continue
            say = say_hundred if percent else say_number
            ends = "" if figure["low"] is None else f" ({say(figure['low'])} to {say(figure['high'])})"
            cells.append(f"{say(figure['estimate'])}{ends}")
        rows.append({"model": MODELS.get(model, model), "audited": model == pack.findings["model"], "cells": cells})
    return {"columns": [title for _, title, _ in _PERFORMANCE], "rows": rows}


def _tabulate_components(rows: Sequence[Mapping[str, Any]], words: CouncilWords) -> list[dict[str, str]]:
    table = []
    for rate in rows:
        if rate["measure"] != "base_rate" or rate["group"] is not None or rate["component"] is None:
            continue
        recall = next(
            row
            for row in rows
            if row["measure"] == "recall"
            and row["group"] is None
            and row["component"] == rate["component"]
            and row["at"] == AT_CAPACITY
        )
        table.append(
            {
                "name": words.name(rate["component"]),
                "rate": say_share(rate["estimate"]),
                "rate_interval": say_interval(rate["interval"], say_share),
                "recall": say_share(recall["estimate"]),
                "recall_interval": say_interval(recall["interval"], say_share),
            }
        )
    return table


def _draw_weights(identity: str, title: str, rows: Sequence[Mapping[str, Any]], words: CouncilWords) -> Markup:
    weight_bars = [Bar(words.name(row["component"]), row["estimate"], strong=True) for row in rows]
    return draw_bars(identity, title, weight_bars, axis="Mean absolute contribution", label=440)


def _tabulate_leans(
    title: str, rows: Sequence[Mapping[str, Any]], top: Sequence[Mapping[str, Any]], words: CouncilWords
) -> dict[str, Any]:
    """Return which way each piece of data or service moved each group; those that moved none by 0.01 are left out."""
    groups = list(dict.fromkeys(row["group"] for row in rows))
    by = {(row["component"], row["group"]): row["estimate"] for row in rows}
    moving = [
        one["component"]
        for one in top
        if any(abs(by.get((one["component"], group)) or 0.0) >= SHOWN_AS_NOTHING for group in groups)
    ]
    return {
        "title": title,
        "groups": groups,
        "rows": [
            {
                "feature": words.name(component),
                "cells": [say_signed(by.get((component, group))) for group in groups],
            }
            for component in moving
        ],
    }


def _list_facts(pack: Pack) -> list[tuple[str, str]]:
    period = pack.findings["period"]
    return [
        ("Run", pack.findings["run"]),
        ("Dates looked at", f"{period['dates']}, from {say_date(period['first'])} to {say_date(period['last'])}"),
        ("Snapshot", pack.findings["snapshot"]),
        ("Matrix", pack.findings["matrix"]),
        ("Charter", f"version {pack.policy.version}, sha256 {pack.policy.sha256}"),
        ("Code", f"Sooner {pack.findings['code_version']}"),
        *((f"sha256 of {name}", digest) for name, digest in sorted(pack.findings["inputs"].items())),
    ]
