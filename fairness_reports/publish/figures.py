"""Figures of the board pack as inline SVG: text that can be read aloud, shapes as well as colours, no script.

Every figure has a title and a description, and the table with the same numbers stands beside it in the report.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

__all__ = ["Bar", "Dot", "draw_bars", "draw_dots", "write_label"]

WIDTH = 720
_LABEL = 190
_ROW = 30
_TOP = 34
_COLOURS = {"pass": "#00703c", "fail": "#942514", "insufficient": "#505a5f", "": "#1d70b8"}


@dataclass(frozen=True)
class Dot:
    """One row of a dot figure: a figure with its interval (None: unknown; infinite ends allowed) and its verdict."""

    label: str
    estimate: float | None
    interval: tuple[float, float] | None
    verdict: str = ""


@dataclass(frozen=True)
class Bar:
    """One row of a bar figure: a value of 0 or more with an optional interval."""

    label: str
    value: float
    interval: tuple[float, float] | None = None
    strong: bool = False


def draw_dots(
    identity: str, title: str, rows: Sequence[Dot], *, limit: float | None, low: float, high: float, axis: str
) -> Markup:
    """Draw ratios on a logarithmic axis from `low` to `high`, with 1 and the limit marked.

    What lies outside the axis is drawn at its edge with an arrow; the table has the number.
    """
    plot = WIDTH - _LABEL - 20
    height = _TOP + _ROW * len(rows) + 40

    def x(value: float) -> float:
        inside = min(max(value, low), high)
        return _LABEL + plot * math.log(inside / low) / math.log(high / low)

    bottom = height - 40
    parts = [_open_figure(identity, title, f"{axis}. {_describe_dots(rows)}", height)]
    marks = [(1.0, "equal", "#0b0c0c", "")] + ([(limit, f"limit {limit:g}", "#942514", "4 3")] if limit else [])
    for value, word, colour, dash in marks:
        anchor = "end" if value < 1 else "start" if value > 1 else "middle"
        parts.append(
            f'<line x1="{x(value):.1f}" x2="{x(value):.1f}" y1="{_TOP - 8}" y2="{bottom}" stroke="{colour}"'
            f' stroke-dasharray="{dash}"/>'
            f'<text x="{x(value):.1f}" y="{_TOP - 14}" text-anchor="{anchor}" fill="{colour}">{escape(word)}</text>'
        )
    for number, row in enumerate(rows):
        y = _TOP + _ROW * number + _ROW / 2
        parts.append(write_label(row.label, _LABEL - 12, y, letters=24, line=13))
        parts.append(_draw_dot(row, x, y, low, high))
    parts.append(_draw_ticks(x, [tick for tick in (0.1, 0.25, 0.5, 1, 2, 4, 10) if low <= tick <= high], bottom))
    parts.append(f'<text x="{_LABEL + plot / 2:.1f}" y="{height - 4}" text-anchor="middle">{escape(axis)}</text></svg>')
    return Markup("".join(parts))  # noqa: S704 - every text above went through escape()


def _draw_dot(row: Dot, x: Callable[[float], float], y: float, low: float, high: float) -> str:
    colour = _COLOURS[row.verdict]
    if row.estimate is None or row.interval is None:
        return f'<text x="{x(1.0) + 8:.1f}" y="{y + 5:.1f}" fill="#505a5f">cannot be told</text>'
    lower, upper = row.interval
    parts = [
        f'<line x1="{x(lower):.1f}" x2="{x(upper):.1f}" y1="{y:.1f}" y2="{y:.1f}" stroke="{colour}" stroke-width="3"/>'
    ]
    if lower < low:
        parts.append(_draw_arrow(x(low), y, -1, colour))
    if upper > high:
        parts.append(_draw_arrow(x(high), y, 1, colour))
    at = x(row.estimate)
    if row.verdict == "fail":
        parts.append(f'<path d="M{at:.1f} {y - 8:.1f} l8 8 l-8 8 l-8 -8 z" fill="{colour}"/>')
    elif row.verdict == "insufficient":
        parts.append(f'<circle cx="{at:.1f}" cy="{y:.1f}" r="6" fill="#ffffff" stroke="{colour}" stroke-width="3"/>')
    else:
        parts.append(f'<circle cx="{at:.1f}" cy="{y:.1f}" r="7" fill="{colour}"/>')
    return "".join(parts)


def _draw_arrow(x: float, y: float, way: int, colour: str) -> str:
    return f'<path d="M{x:.1f} {y - 6:.1f} l{8 * way} 6 l{-8 * way} 6 z" fill="{colour}"/>'


def draw_bars(
    identity: str, title: str, rows: Sequence[Bar], *, axis: str, percent: bool = False, label: float = 250
) -> Markup:
    """Draw values from 0 as bars, with intervals where there are any; `label` is the room for their names."""
    plot = WIDTH - label - 10
    start = label
    top = max([row.interval[1] if row.interval else row.value for row in rows] + [1e-9])
    height = 8 + _ROW * len(rows) + 26

    def x(value: float) -> float:
        return start + (plot - 70) * max(value, 0.0) / top

    spoken = "; ".join(f"{row.label} {_say_value(row.value, percent)}" for row in rows)
    parts = [_open_figure(identity, title, f"{axis}. {spoken}.", height)]
    for number, row in enumerate(rows):
        y = 8 + _ROW * number
        fill = "#1d70b8" if row.strong else "#b1b4b6"
        parts.append(write_label(row.label, start - 10, y + 14, letters=round((start - 10) / 7), line=14))
        parts.append(f'<rect x="{start}" y="{y + 5}" width="{x(row.value) - start:.1f}" height="18" fill="{fill}"/>')
        end = x(row.value)
        if row.interval:
            end = x(row.interval[1])
            parts.append(
                f'<line x1="{x(row.interval[0]):.1f}" x2="{end:.1f}" y1="{y + 14}" y2="{y + 14}" stroke="#0b0c0c"'
                ' stroke-width="2"/>'
            )
        parts.append(f'<text x="{end + 8:.1f}" y="{y + 19}">{_say_value(row.value, percent)}</text>')
    parts.append(f'<text x="{start}" y="{height - 6}">{escape(axis)}</text></svg>')
    return Markup("".join(parts))  # noqa: S704 - every text above went through escape()


def write_label(text: str, x: float, y: float, *, letters: int, line: float) -> str:
    """Write a row's name as SVG text that ends at `x`, its middle at `y`: on as many lines as it needs, none cut."""
    lines = textwrap.wrap(text, letters) or [""]
    top = y + 5 - line * (len(lines) - 1) / 2
    spans = "".join(
        f'<tspan x="{x:g}" y="{top + line * number:.1f}">{escape(words)} </tspan>' for number, words in enumerate(lines)
    )
    return f'<text text-anchor="end">{spans}</text>'


def _open_figure(identity: str, title: str, description: str, height: float) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-labelledby="{identity}-t {identity}-d">'
        f'<title id="{identity}-t">{escape(title)}</title><desc id="{identity}-d">{escape(description)}</desc>'
    )


def _draw_ticks(x: Callable[[float], float], values: Sequence[float], y: float) -> str:
    return "".join(
        f'<line x1="{x(value):.1f}" x2="{x(value):.1f}" y1="{y}" y2="{y + 5}" stroke="#0b0c0c"/>'
        f'<text x="{x(value):.1f}" y="{y + 18}" text-anchor="middle" class="tick">{value:g}</text>'
        for value in values
    )


def _describe_dots(rows: Sequence[Dot]) -> str:
    return " ".join(
        f"{row.label}: "
        + (
            "cannot be told."
            if row.estimate is None or row.interval is None
            else f"{row.estimate:.2f}, {row.interval[0]:.2f} to {row.interval[1]:.2f}."
        )
        for row in rows
    )


def _say_value(value: float, percent: bool) -> str:
    return f"{100 * value:.1f} %" if percent else f"{value:.2f}"
