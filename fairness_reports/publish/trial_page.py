"""The page of a trial's plan, for the board: what it could tell and when, who would wait, a picture of its power."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from charter.contracts.files import write_text
from charter.invocation import Invocation

__all__ = ["draw_power", "write_plan_page"]

_WIDE, _HIGH, _LEFT, _BELOW = 640, 280, 56, 44


def write_plan_page(invocation: Invocation, plan: Mapping[str, Any], words: str) -> Path:
    """Write `plan.html` of a trial and return where."""
    environment = Environment(
        loader=PackageLoader("fairness_reports.publish"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    css = (files("fairness_reports.publish") / "templates" / "report.css").read_text(encoding="utf-8")
    page = environment.get_template("trial_plan.html").render(
        css=Markup(css),  # noqa: S704 - our own stylesheet
        council=invocation.council.name,
        plan=plan,
        paragraphs=[part.splitlines() for part in words.split("\n\n")],
        picture=Markup(draw_power(plan["holdout"]["curve"], plan["power_asked"])),  # noqa: S704 - numbers alone
    )
    path = invocation.workspace.trials / str(plan["trial"]) / "plan.html"
    write_text(path, page)
    return path


def draw_power(curve: Sequence[Mapping[str, float]], asked: float) -> str:
    """Return power by number of lists as an SVG: the line, and what was asked for as a dashed one."""
    most = curve[-1]["lists"]

    def across(lists: float) -> float:
        return _LEFT + (_WIDE - _LEFT - 16) * lists / most

    def down(power: float) -> float:
        return 12 + (_HIGH - _BELOW - 12) * (1 - power)

    line = " ".join(f"{across(row['lists']):.1f},{down(row['power']):.1f}" for row in curve)
    ticks = [
        f'<text x="{_LEFT - 8}" y="{down(share) + 5:.1f}" text-anchor="end">{100 * share:.0f} %</text>'
        f'<line x1="{_LEFT}" x2="{_WIDE - 16}" y1="{down(share):.1f}" y2="{down(share):.1f}" stroke="#d8d8d8"/>'
        for share in (0, 0.2, 0.4, 0.6, 0.8, 1)
    ]
    marks = [
        f'<text x="{across(lists):.1f}" y="{_HIGH - _BELOW + 20}" text-anchor="middle">{lists:.0f}</text>'
        for lists in (most * part / 4 for part in range(5))
    ]
    return (
        f'<svg viewBox="0 0 {_WIDE} {_HIGH}" role="img" aria-label="Power by number of dates" width="100%"'
        ' style="max-width:40rem" font-size="14" fill="#0b0c0c">'
        + "".join(ticks + marks)
        + f'<line x1="{_LEFT}" x2="{_WIDE - 16}" y1="{down(asked):.1f}" y2="{down(asked):.1f}" stroke="#0b0c0c"'
        ' stroke-dasharray="6 4" stroke-width="2"/>'
        f'<polyline points="{line}" fill="none" stroke="#1d70b8" stroke-width="4"/>'
        f'<text x="{(_LEFT + _WIDE) / 2:.0f}" y="{_HIGH - 4}" text-anchor="middle">Dates of lists with a lot</text>'
        "</svg>"
    )
