"""The second gate's page, `live/report.html`: what was issued, by group, beside what people decided; and drift."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from charter.contracts.entity_words import EntityWords
from charter.contracts.files import write_text
from charter.invocation import Invocation
from charter.rules.gate import decide_findings
from charter.rules.policy import Policy
from charter.signing.signoffs import find_today
from fairness_reports.audit.watching.live_audit import ACTED, BLIND, audit_issued
from fairness_reports.impact.so_far_words import describe_so_far_part
from fairness_reports.publish.figures_in_words import UNKNOWN, say_date, say_interval, say_number, say_share
from fairness_reports.publish.gate_tables import FEWEST, hide_small, tabulate_gate
from fairness_reports.publish.pack import ANSWERS

__all__ = ["render_live_page", "write_live_page"]

_STAGES = {
    "shadow": "These lists were shown to nobody, or their outcomes are not known yet: rates of error come later.",
    "live": "Outcomes of the oldest lists are known, so rates of error are asked about too.",
}
_WHO = {"capacity": "The lists alone", BLIND: "Reviewers alone", ACTED: "Lists and workers together"}
_MEASURES = ("selection_rate", "recall", "false_positive_rate", "precision")
_HARMS = {
    "selection_rate": "newly listed",
    "seen": "seen by services",
    "overridden": "decided against the list",
    "listed_of_reviewed": "listed, of those a reviewer would help",
    "recall": "listed before a need",
    "false_positive_rate": "listed without a need",
    "days_before": "days before the need",
}
_ABOUT = {"input": "Data", "score": "Score", "coverage": "Who is seen", "selection": "Who is listed"}


def write_live_page(invocation: Invocation) -> tuple[Path, dict[str, Any]]:
    """Audit what the current release issued; return the page and the findings.

    The page answers the board's questions with the very function that `decide --live` uses.
    """
    folder, document = audit_issued(invocation)
    day = find_today(invocation)
    policy = invocation.policy
    decision = decide_findings(document, policy, day, red_lines=invocation.red_lines)
    write_text(folder / "report.html", render_live_page(invocation.council.name, document, decision, policy))
    return folder / "report.html", document


def render_live_page(council: str, findings: Mapping[str, Any], decision: Mapping[str, Any], policy: Policy) -> str:
    """Return the page as HTML without any outside reference."""
    environment = Environment(
        loader=PackageLoader("fairness_reports.publish"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    css = (files("fairness_reports.publish") / "templates" / "report.css").read_text(encoding="utf-8")
    rows = [hide_small(row) for row in findings["findings"]]
    gate_ids = {verdict["gate"] for verdict in decision["verdicts"]}
    return environment.get_template("live.html").render(
        css=Markup(css),  # noqa: S704 - our own stylesheet
        council=council,
        words=EntityWords.of(findings),
        findings=findings,
        decision=decision,
        answer=ANSWERS[decision["decision"]],
        said=decision["sentence"],
        say_date=say_date,
        stage=_STAGES[findings["stage"]],
        weeks=policy.live.shadow_weeks,
        gates=[tabulate_gate(gate, rows, decision["verdicts"]) for gate in policy.gates if gate.id in gate_ids],
        together=_tabulate_together(rows),
        drift=[
            _describe_drift(series)
            for series in sorted(findings["drift"], key=lambda series: (not series["alarm"], series["about"]))
        ],
        harm=[_describe_harm(series, policy) for series in findings.get("harm_watch", ()) if series["households"]],
        watched=len(findings.get("harm_watch", ())),
        so_far=describe_so_far_part(findings),
        level=f"{100 * policy.live.false_alarms_a_year:g}",
    )


def _tabulate_together(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the lists alone, people alone and both, for everyone; a measure that nobody has taken is unknown."""
    by = {(row["at"], row["measure"]): row for row in rows if row["group"] is None and row.get("component") is None}
    table = []
    for at, who in _WHO.items():
        mine = [by.get((at, measure)) for measure in _MEASURES]
        cells = [
            UNKNOWN if row is None else f"{say_share(row['estimate'])} ({say_interval(row['interval'], say_share)})"
            for row in mine
        ]
        table.append({"who": who, "cells": cells})
    return table


def _describe_harm(series: Mapping[str, Any], policy: Policy) -> dict[str, str]:
    """Return one watched question of one group, in words; of few households no figure."""
    few = min(series["households"], series["households_of_rest"]) < FEWEST
    fewer = series["limit"] < (1 if series["statistic"] == "ratio" else 0)
    title = policy.characteristic_titles.get(series["characteristic"], series["characteristic"])
    seen_on = say_date(series["alarm"]) if series["alarm"] else ""
    return {
        "title": f"{title}: {series['group']}, {_HARMS.get(series['measure'], series['measure'])}",
        "limit": f"{'at least' if fewer else 'at most'} {series['limit']:g}",
        "value": UNKNOWN if few else say_number(series["value"]),
        "interval": UNKNOWN if few else say_interval(series["interval"], say_number),
        "households": f"under {FEWEST}" if series["households"] < FEWEST else f"{series['households']:,}",
        "answer": f"Beyond the limit, seen on {seen_on}" if seen_on else "Not beyond it, as far as can be told",
        "verdict": "fail" if seen_on else "insufficient",
    }


def _describe_drift(series: Mapping[str, Any]) -> dict[str, str]:
    return {
        "about": _ABOUT[series["about"]],
        "title": series["title"],
        "reference": say_number(series["reference"]),
        "mean": say_number(series["mean"]),
        "interval": say_interval(series["interval"], say_number),
        "n": f"{series['n']:,}",
        "alarm": f"Changed, seen on {series['alarm']}" if series["alarm"] else "No change that can be told",
        "verdict": "fail" if series["alarm"] else "pass",
    }
