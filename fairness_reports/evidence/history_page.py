"""The page of what changed where lists began, for the board: before and after as a picture, checks, what it is not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from charter.contracts.files import write_text
from charter.invocation import Invocation
from fairness_reports.evidence.paper import render_paper
from fairness_reports.impact.stepped.start_history import LEVEL
from fairness_reports.publish.effect_page import draw_effects

__all__ = ["HEADLINES", "draw_events", "write_history_page"]

HEADLINES: Mapping[str, str] = {
    "helps": "Where lists began it helped",
    "harms": "Where lists began it harmed",
    "no effect": "Where lists began no effect worth seeing",
    "cannot be told": "Where lists began it cannot be told",
}
"""What the page is headed with, all of one size."""

_CHECKED = {
    "trend": "Needs before anybody began, by who began when",
    "made-up starts": "Needs at made-up starts, before anybody began",
    "households": "How many households lived there",
}
_WIDE, _HIGH, _LEFT, _BELOW = 640, 280, 64, 52


def write_history_page(invocation: Invocation, history: Mapping[str, Any], words: str) -> Path:
    """Write `history.html` of the programme and return where."""
    rows = []
    if history["interval"] is not None:
        figures = (
            ("By other orders of starts", history["estimate"], history["by_order"]),
            (f"By the error of each {history['unit']}", history["estimate"], history["by_unit"]),
            (f"Each {history['unit']} straight on", history["straight_on"]["estimate"], history["straight_on"]),
        )
        bounded = [(name, estimate, figure["interval"]) for name, estimate, figure in figures]
        rows = [(name, estimate, *interval) for name, estimate, interval in bounded if None not in interval]
    events: Sequence[Mapping[str, float]] = history["by_event"]
    page = render_paper(
        "history.html",
        council=invocation.council.name,
        history=history,
        headline=HEADLINES[history["verdict"]],
        sentences=words.replace("`", "").splitlines(),
        events=Markup(draw_events(events)) if len(events) > 1 else "",  # noqa: S704 - numbers alone
        effects=Markup(draw_effects(rows, history["worth_seeing"])) if rows else "",  # noqa: S704 - escaped where drawn
        checks=[
            {
                "words": _CHECKED[check["about"]],
                "p": f"{check['adjusted']:.3f}",
                "answer": "DIFFERS" if check["adjusted"] < LEVEL else "no difference found",
            }
            for check in history["checks"]
        ],
    )
    path = invocation.workspace.trials / "history.html"
    write_text(path, page)
    return path


def draw_events(events: Sequence[Mapping[str, float]]) -> str:
    """Return differences by how many periods after the start they are, as an SVG; hollow: before it."""
    shown = sorted([*events, {"periods_after": -1, "estimate": 0.0}], key=lambda event: event["periods_after"])
    far = 1.15 * max(0.001, *(abs(event["estimate"]) for event in shown))
    first, last = shown[0]["periods_after"] - 0.5, shown[-1]["periods_after"] + 0.5

    def across(periods: float) -> float:
        return _LEFT + (_WIDE - 16 - _LEFT) * (periods - first) / (last - first)

    def down(estimate: float) -> float:
        return 12 + (_HIGH - _BELOW - 12) * (far - estimate) / (2 * far)

    ticks = "".join(
        f'<text x="{_LEFT - 8}" y="{down(share) + 5:.1f}" text-anchor="end">{1000 * share:+.0f}</text>'
        f'<line x1="{_LEFT}" x2="{_WIDE - 16}" y1="{down(share):.1f}" y2="{down(share):.1f}" stroke="#d8d8d8"/>'
        for share in (-far, -far / 2, 0.0, far / 2, far)
    )
    dots = "".join(
        f'<circle cx="{across(event["periods_after"]):.1f}" cy="{down(event["estimate"]):.1f}" r="6"'
        f' fill="{"#1d70b8" if event["periods_after"] >= 0 else "#ffffff"}" stroke="#1d70b8" stroke-width="3"/>'
        for event in shown
    )
    return (
        f'<svg viewBox="0 0 {_WIDE} {_HIGH}" role="img" aria-label="Differences of 1,000 households, by periods after'
        ' the start" width="100%" style="max-width:40rem;min-width:20rem" font-size="14" fill="#0b0c0c">'
        f'{ticks}<line x1="{_LEFT}" x2="{_WIDE - 16}" y1="{down(0):.1f}" y2="{down(0):.1f}" stroke="#0b0c0c"/>'
        f'<line x1="{across(-0.5):.1f}" x2="{across(-0.5):.1f}" y1="12" y2="{_HIGH - _BELOW}" stroke="#0b0c0c"'
        f' stroke-width="2"/>{dots}<text x="{_LEFT}" y="{_HIGH - _BELOW + 24}">before lists began</text>'
        f'<text x="{_WIDE - 16}" y="{_HIGH - _BELOW + 24}" text-anchor="end">after</text></svg>'
    )
