"""The page of what changes at the line of lists, for the board: the step as a picture, its checks, what it is not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from charter.contracts.files import write_text
from charter.invocation import Invocation
from fairness_reports.evidence.paper import render_paper
from fairness_reports.impact.line import LEVEL
from fairness_reports.publish.effect_page import draw_effects

__all__ = ["HEADLINES", "draw_dots", "write_line_page"]

HEADLINES: Mapping[str, str] = {
    "helps": "At the line it helps",
    "harms": "At the line it harms",
    "no effect": "At the line no effect worth seeing",
    "cannot be told": "At the line it cannot be told",
}
"""What the page is headed with, all of one size."""

_CHOSEN = "Families as near as chosen"

_WIDE, _HIGH, _LEFT, _BELOW = 640, 300, 56, 48


def write_line_page(invocation: Invocation, line: Mapping[str, Any], words: str) -> Path:
    """Write `line.html` of the programme and return where."""
    steps = sorted((_name_step(jump, line), jump["estimate"], *jump["interval"]) for jump in line["bandwidths"])
    rows = sorted(steps, key=lambda step: step[0] != _CHOSEN)
    points: Sequence[Mapping[str, float]] = line["points"]
    page = render_paper(
        "line.html",
        council=invocation.council.name,
        line=line,
        headline=HEADLINES[line["verdict"]],
        sentences=words.replace("`", "").splitlines(),
        smallest=int(min((point["households"] for point in points), default=0)),
        dots=Markup(draw_dots(points)) if len(points) > 1 else "",  # noqa: S704 - numbers alone
        effects=Markup(draw_effects(rows, line["worth_seeing"])) if rows else "",  # noqa: S704 - escaped where drawn
        checks=[_word_check(check) for check in line["checks"]],
    )
    path = invocation.workspace.trials / "line.html"
    write_text(path, page)
    return path


def _name_step(jump: Mapping[str, Any], line: Mapping[str, Any]) -> str:
    times = jump["bandwidth"] / line["jump"]["bandwidth"]
    return _CHOSEN if abs(times - 1) < 1e-9 else f"Families {times:.1f} times as far"


def _word_check(check: Mapping[str, Any]) -> dict[str, str]:
    about = {"density": "How many there are", "placebo": "Needs, where no line is"}
    name = "" if check["about"] == "density" else f": {check['name']}"
    words = about.get(check["about"], check["about"].replace("_", " ").capitalize()) + name
    if check["adjusted"] is None:
        return {"words": words, "p": "", "answer": "too few, or all the same"}
    fails = check["adjusted"] < LEVEL
    return {"words": words, "p": f"{check['adjusted']:.3f}", "answer": "JUMPS" if fails else "no jump found"}


def draw_dots(points: Sequence[Mapping[str, float]]) -> str:
    """Return shares with a need by distance from the line as an SVG; listed to the right."""
    far = 1.1 * max(abs(point["distance"]) for point in points)
    most = max(0.05, 1.15 * max(point["need"] for point in points))
    middle = (_LEFT + _WIDE - 16) / 2

    def across(distance: float) -> float:
        return middle + (_WIDE - 16 - _LEFT) / 2 * distance / far

    def down(share: float) -> float:
        return 12 + (_HIGH - _BELOW - 12) * (1 - share / most)

    ticks = "".join(
        f'<text x="{_LEFT - 8}" y="{down(share) + 5:.1f}" text-anchor="end">{100 * share:.0f} %</text>'
        f'<line x1="{_LEFT}" x2="{_WIDE - 16}" y1="{down(share):.1f}" y2="{down(share):.1f}" stroke="#d8d8d8"/>'
        for share in (most * part / 4 for part in range(5))
    )
    dots = "".join(
        f'<circle cx="{across(point["distance"]):.1f}" cy="{down(point["need"]):.1f}" r="7"'
        f' fill="{"#1d70b8" if point["distance"] >= 0 else "#ffffff"}" stroke="#1d70b8" stroke-width="3"/>'
        for point in points
    )
    return (
        f'<svg viewBox="0 0 {_WIDE} {_HIGH}" role="img" aria-label="Share with a need, by distance from the line"'
        ' width="100%" style="max-width:40rem;min-width:20rem" font-size="14" fill="#0b0c0c">'
        f'{ticks}<line x1="{middle:.1f}" x2="{middle:.1f}" y1="12" y2="{_HIGH - _BELOW}" stroke="#0b0c0c"'
        f' stroke-width="2"/>{dots}'
        f'<text x="{_LEFT}" y="{_HIGH - _BELOW + 24}">below the line, not listed</text>'
        f'<text x="{_WIDE - 16}" y="{_HIGH - _BELOW + 24}" text-anchor="end">above the line, listed</text></svg>'
    )
