"""The page for budgeting by outcomes: a picture first, scenarios side by side, every pound with its source; a CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup, escape

from charter.contracts.files import write_text
from charter.invocation import Invocation
from fairness_reports.evidence.paper import render_paper

__all__ = ["draw_costs", "write_value_page"]

_WIDE, _ROW, _LEFT, _TOP = 640, 40, 230, 8


def write_value_page(invocation: Invocation, value: Mapping[str, Any], words: str) -> Path:
    """Write `value.html` and `value.csv` of the programme and return where the page is."""
    middle = len(value["effects"]) // 2
    folder = invocation.workspace.value
    write_text(folder / "value.csv", _write_table(value))
    page = render_paper(
        "value.html",
        council=invocation.council.name,
        value=value,
        middle=middle,
        effect=100 * value["effects"][middle],
        picture=Markup(draw_costs(value["scenarios"], middle)),  # noqa: S704 - escaped where drawn
        scenarios=[_word_scenario(row) for row in value["scenarios"]],
        last=words.replace("`", "").splitlines()[-1],
    )
    write_text(folder / "value.html", page)
    return folder / "value.html"


def _word_scenario(row: Mapping[str, Any]) -> dict[str, Any]:
    even = row["breaks_even"]
    return {
        "title": row["title"],
        "listed": f"{row['listed']:,.0f}",
        "taken_up": f"{row['taken_up']:,.0f}",
        "pounds": f"£{row['pounds']:,.0f}",
        "for_each": "" if row["for_each_taken_up"] is None else f"£{row['for_each_taken_up']:,.0f}",
        "needs": _word_range(row["needs"], "", ".0f"),
        "averted": [_word_range(number, "", ".1f") for number in row["averted"]],
        "for_each_averted": [_word_range(pounds, "£", ",.0f") for pounds in row["for_each_averted"]],
        "breaks_even": "" if even is None else _word_break_even(even),
    }


def _word_range(number: Mapping[str, float | None], sign: str, kind: str) -> str:
    if number["estimate"] is None:
        return "no figure"
    low, high = number["low"], number["high"]
    end = f"to {sign}{high:{kind}}" if high is not None else "no upper end"
    return f"{sign}{number['estimate']:{kind}} ({sign}{low or 0:{kind}} {end})"


def _word_break_even(share: Mapping[str, float | None]) -> str:
    if share["estimate"] is None or share["estimate"] > 1:
        return "more than all of them: it does not"
    low, high = share["low"] or 0.0, share["high"]
    end = f"to {100 * high:.0f}" if high is not None and high <= 1 else "to more than all"
    return f"{100 * share['estimate']:.0f} of 100 ({100 * low:.0f} {end})"


def _write_table(value: Mapping[str, Any]) -> str:
    """Return a line for each scenario and effect, with every figure and its interval."""
    text = io.StringIO()
    rows = list(_list_lines(value))
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _list_lines(value: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for row in value["scenarios"]:
        for effect, averted, pounds in zip(value["effects"], row["averted"], row["for_each_averted"], strict=True):
            line = {key: row[key] for key in ("id", "title", "run", "times_places", "listed", "taken_up", "pounds")}
            line |= {"for_each_listed": row["for_each_listed"], "for_each_taken_up": row["for_each_taken_up"]}
            line["stated_effect"] = effect
            for name, number in (("needs", row["needs"]), ("averted", averted), ("for_each_averted", pounds)):
                line |= {name: number["estimate"], f"{name}_low": number["low"], f"{name}_high": number["high"]}
            yield line


def draw_costs(scenarios: Sequence[Mapping[str, Any]], effect: int) -> str:
    """Return pounds for each need averted by scenario as an SVG; an arrow where there is no upper end."""
    rows = [(row["title"], row["for_each_averted"][effect]) for row in scenarios]
    ends = [float(end) for _, pounds in rows for end in (pounds["high"], pounds["estimate"]) if end is not None]
    far = 1.08 * max(ends, default=1.0)
    bottom = _TOP + _ROW * len(rows)

    def across(pounds: float) -> float:
        return _LEFT + (_WIDE - 24 - _LEFT) * min(1.0, pounds / far)

    parts = [f'<line x1="{_LEFT}" x2="{_LEFT}" y1="{_TOP}" y2="{bottom}" stroke="#0b0c0c"/>']
    for number, (title, pounds) in enumerate(rows):
        y = _TOP + _ROW * number + _ROW / 2
        parts.append(f'<text x="0" y="{y + 5:.1f}">{escape(title[:32])}</text>')
        if pounds["estimate"] is None:
            parts.append(f'<text x="{_LEFT + 8}" y="{y + 5:.1f}">no figure</text>')
            continue
        high = across(pounds["high"]) if pounds["high"] is not None else _WIDE - 12
        parts.append(
            f'<line x1="{across(pounds["low"] or 0):.1f}" x2="{high:.1f}" y1="{y}" y2="{y}" stroke="#1d70b8"'
            f' stroke-width="4"/><circle cx="{across(pounds["estimate"]):.1f}" cy="{y}" r="7" fill="#1d70b8"/>'
        )
        if pounds["high"] is None:
            parts.append(f'<path d="M{_WIDE - 14} {y - 7} L{_WIDE - 2} {y} L{_WIDE - 14} {y + 7} Z" fill="#1d70b8"/>')
    for part in range(3):
        at = far * part / 2.16
        parts.append(f'<text x="{across(at):.1f}" y="{bottom + 22}" text-anchor="middle">£{at:,.0f}</text>')
    return (
        f'<svg viewBox="0 0 {_WIDE} {bottom + 32}" role="img" aria-label="Pounds for each need averted, by scenario"'
        f' width="100%" style="max-width:44rem;min-width:20rem" font-size="14" fill="#0b0c0c">{"".join(parts)}</svg>'
    )
