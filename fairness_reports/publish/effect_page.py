"""The page of a trial's answer, for the board: the verdict, the figures as a picture, what to hold against it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from charter.contracts.files import write_text
from charter.invocation import Invocation

__all__ = ["VERDICT_WORDS", "draw_effects", "write_effect_page"]

VERDICT_WORDS: Mapping[str, str] = {
    "helps": "It helps",
    "harms": "It harms",
    "no effect": "No effect worth seeing",
    "cannot be told": "It cannot be told",
    "goes on": "The trial goes on: no answer yet",
}
"""What the page is headed with, all of one size."""

_WIDE, _ROW, _LEFT, _TOP = 640, 34, 250, 10


def write_effect_page(invocation: Invocation, answer: Mapping[str, Any], words: str) -> Path:
    """Write `effect.html` of a trial's answer and return where."""
    environment = Environment(
        loader=PackageLoader("fairness_reports.publish"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    css = (files("fairness_reports.publish") / "templates" / "report.css").read_text(encoding="utf-8")
    look = answer["looks"][-1] if answer["looks"] else None
    rows = _list_rows(look) if look else []
    page = environment.get_template("trial_effect.html").render(
        css=Markup(css),  # noqa: S704 - our own stylesheet
        council=invocation.council.name,
        answer=answer,
        look=look,
        headline=VERDICT_WORDS[answer["verdict"]],
        sentences=words.splitlines(),
        hidden=[row["name"] for row in look["also"] if row["estimate"] is None] if look else [],
        picture=Markup(draw_effects(rows, answer["worth_seeing"])) if rows else "",  # noqa: S704 - escaped where drawn
    )
    path = invocation.workspace.trials / str(answer["trial"]) / "effect.html"
    write_text(path, page)
    return path


def _list_rows(look: Mapping[str, Any]) -> list[tuple[str, float, float, float]]:
    """Return the name, estimate and interval of each figure that there is, the primary outcome first."""
    figures = [("All households by lot", look)]
    figures += [(str(row["name"]), row) for row in look["also"]]
    return [
        (name, row["estimate"], *row["interval"])
        for name, row in figures
        if row["estimate"] is not None and row["interval"] is not None
    ]


def draw_effects(rows: Sequence[tuple[str, float, float, float]], worth_seeing: float) -> str:
    """Return estimates with their intervals as an SVG; left of the line: fewer needs. Grey: too little."""
    far = max(worth_seeing * 1.5, *(abs(end) for _, _, low, high in rows for end in (low, high))) * 1.05
    middle, half = (_LEFT + _WIDE) / 2, (_WIDE - _LEFT - 12) / 2
    bottom = _TOP + _ROW * len(rows)

    def across(value: float) -> float:
        return middle + half * value / far

    parts = [
        f'<rect x="{across(-worth_seeing):.1f}" y="{_TOP}" width="{across(worth_seeing) - across(-worth_seeing):.1f}"'
        f' height="{bottom - _TOP}" fill="#eeefef"/>',
        f'<line x1="{middle:.1f}" x2="{middle:.1f}" y1="{_TOP}" y2="{bottom}" stroke="#0b0c0c"/>',
    ]
    for number, (name, estimate, low, high) in enumerate(rows):
        y = _TOP + _ROW * number + _ROW / 2
        parts.append(
            f'<text x="0" y="{y + 5:.1f}">{escape(name[:34])}</text>'
            f'<line x1="{across(low):.1f}" x2="{across(high):.1f}" y1="{y}" y2="{y}" stroke="#1d70b8"'
            ' stroke-width="3"/>'
            f'<circle cx="{across(estimate):.1f}" cy="{y}" r="{7 if not number else 5}" fill="#1d70b8"/>'
        )
    parts.append(
        f'<text x="{_LEFT}" y="{bottom + 22}">fewer needs</text>'
        f'<text x="{_WIDE - 8}" y="{bottom + 22}" text-anchor="end">more needs</text>'
    )
    return (
        f'<svg viewBox="0 0 {_WIDE} {bottom + 30}" role="img" aria-label="Differences with their intervals"'
        f' width="100%" style="max-width:40rem;min-width:20rem" font-size="14" fill="#0b0c0c">{"".join(parts)}</svg>'
    )
