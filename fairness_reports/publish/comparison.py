"""The page that compares ways to make a gap smaller: `compare.html`, each beside the plain model with its cost."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from charter.contracts import check_document
from charter.contracts.files import write_json, write_text
from charter.invocation import Invocation
from fairness_reports.audit.mitigations import WAYS, compare_mitigations
from fairness_reports.audit.run_findings import gather_run, write_heading
from fairness_reports.publish.figures_in_words import UNKNOWN, say_interval, say_number, say_share
from fairness_reports.publish.gate_tables import hide_small

__all__ = ["write_comparison"]

_TITLES = {
    "plain": "A small model, trained as those below",
    "reweighed": "Rows weigh as if group and later need had nothing to do with each other",
    "reduction": "Trained so that equal shares of later need are reached",
    "by area": "The plain order; each team's places shared among its areas",
    "by coverage": "The plain order; places shared by how much services see",
}


def write_comparison(
    invocation: Invocation, characteristic: str, run: str | None = None
) -> tuple[Path, dict[str, Any]]:
    """Compare every way by one characteristic; leave `compare.json` and `compare.html` beside the audit, return both.

    Raises what `gather` raises.
    """
    with invocation.progress("Comparing ways to make the gap smaller"):
        audited = gather_run(invocation, run)
        document = write_heading(audited) | {
            "findings": compare_mitigations(audited, invocation.council, characteristic)
        }
    check_document("findings", document)
    folder = invocation.workspace.audit / audited.run.name
    write_json(folder / "compare.json", document)
    title = audited.policy.characteristic_titles[characteristic]
    write_text(folder / "compare.html", _render_comparison(invocation.council.name, title, document))
    return folder / "compare.html", document


def _render_comparison(council: str, title: str, document: Mapping[str, Any]) -> str:
    environment = Environment(
        loader=PackageLoader("fairness_reports.publish"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    css = (files("fairness_reports.publish") / "templates" / "report.css").read_text(encoding="utf-8")
    rows = [hide_small(row) for row in document["findings"]]
    groups = list(dict.fromkeys(row["group"] for row in rows if row["group"] is not None))
    by = {(row["at"], row["measure"], row["group"]): row for row in rows}
    plain = by["capacity, plain", "precision", None]["estimate"]
    table = []
    for way in WAYS:
        at = f"capacity, {way}"
        precision, recall = by[at, "precision", None], by[at, "recall", None]
        estimate = precision["estimate"]
        cost = UNKNOWN if None in (estimate, plain) or way == "plain" else f"{100 * (estimate - plain):+.1f} points"
        gaps = [by[at, "recall", group] for group in groups]
        table.append(
            {
                "name": way.capitalize(),
                "title": _TITLES[way],
                "precision": f"{say_share(estimate)} ({say_interval(precision['interval'], say_share)})",
                "cost": cost,
                "recall": say_share(recall["estimate"]),
                "gaps": [
                    f"{say_number(gap['ratio'])} ({say_interval(gap['ratio_interval'], say_number)})" for gap in gaps
                ],
            }
        )
    return environment.get_template("compare.html").render(
        css=Markup(css),  # noqa: S704 - our own stylesheet
        council=council,
        title=title,
        findings=document,
        groups=groups,
        rows=table,
    )
