"""Pictures of a training run as inline SVG: text that can be read aloud, shapes as well as colours, no script.

    dots     estimates with their intervals on one axis, each beside what was promised
    curves   one line for each model over an axis of numbers
    spans    stretches of time in rows: what a fold trains on, leaves out and tests on

Every picture has a title and a description; the page has the same numbers in a table beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from markupsafe import Markup, escape

__all__ = ["Dot", "Series", "Span", "draw_curves", "draw_dots", "draw_spans"]

WIDTH = 720
_LABEL = 210
_ROW = 30
_BLUE, _INK, _GREY, _PALE = "#1d70b8", "#0b0c0c", "#505a5f", "#dce5ee"
# Told apart by dash and marker as well: print is grey, and one reader in twelve sees fewer colours.
_LINES = (("#1d70b8", ""), ("#942514", "7 3"), ("#00703c", "2 3"), ("#505a5f", "10 3 2 3"), ("#4c2c92", "4 6"))


@dataclass(frozen=True)
class Dot:
    """One row: an estimate with its interval (None: cannot be told), and the range promised, if any was."""

    label: str
    estimate: float | None
    low: float | None
    high: float | None
    promised: tuple[float, float] | None = None
    strong: bool = False


@dataclass(frozen=True)
class Series:
    """One line: its name, and its points (x, y) from left to right."""

    label: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Span:
    """One row of time: what it is, and its stretches (from, until, what: train, embargo or test)."""

    label: str
    stretches: Sequence[tuple[date, date, str]]


def draw_dots(
    identity: str,
    title: str,
    rows: Sequence[Dot],
    *,
    axis: str,
    say: Callable[[float], str],
    mark: float | None = None,
    label: float = _LABEL,
) -> Markup:
    """Draw estimates with intervals on a linear axis that holds all of them and `mark`, which gets a line.

    `label` is the room for the rows' names.
    """
    ends: list[float] = [
        value for row in rows for value in (row.estimate, row.low, row.high, *(row.promised or ())) if value is not None
    ]
    low = min([*ends, mark or 0.0, 0.0])
    high = max([*ends, mark or 0.0]) or 1.0
    plot, height = WIDTH - label - 30, 22 + _ROW * len(rows) + 44

    def x(value: float) -> float:
        return label + plot * (value - low) / (high - low)

    bottom = height - 44
    spoken = "; ".join(
        f"{row.label} {say(row.estimate) if row.estimate is not None else 'cannot be told'}" for row in rows
    )
    parts = [_open_svg(identity, title, f"{axis}. {spoken}.", height)]
    if mark is not None:
        parts.append(_draw_line(x(mark), 8, x(mark), bottom, _INK, "4 3"))
    for number, row in enumerate(rows):
        y = 22 + _ROW * number + _ROW / 2
        parts.append(_draw_text(label - 12, y + 5, row.label, "end", bold=row.strong))
        if row.promised:
            start, right = x(row.promised[0]), x(row.promised[1])
            parts.append(
                f'<rect x="{start:.1f}" y="{y - 10:.1f}" width="{right - start:.1f}" height="20" fill="{_PALE}"/>'
            )
        if row.estimate is None:
            parts.append(_draw_text(x(max(low, 0.0)) + 8, y + 5, "cannot be told", "start"))
            continue
        if row.low is not None and row.high is not None:
            parts.append(_draw_line(x(row.low), y, x(row.high), y, _BLUE if row.strong else _GREY, "", 3))
        parts.append(f'<circle cx="{x(row.estimate):.1f}" cy="{y:.1f}" r="6" fill="{_BLUE if row.strong else _GREY}"/>')
    parts += _draw_axis(x, low, high, bottom, say)
    parts.append(_draw_text(label + plot / 2, height - 4, axis, "middle"))
    return _close_svg(parts)


def draw_curves(
    identity: str,
    title: str,
    series: Sequence[Series],
    *,
    across: str,
    up: str,
    say: Callable[[float], str],
    mark: tuple[float, str] | None = None,
) -> Markup:
    """Draw lines on axes from 0; `mark` is an upright line with its words."""
    points = [point for line in series for point in line.points]
    right = max([x for x, _ in points] or [1.0]) or 1.0
    top = max([y for _, y in points] or [1.0]) * 1.08 or 1.0
    start, above, plot, height = 70, 22 * ((len(series) + 2) // 3) + 30, WIDTH - 100, 260
    bottom = above + height

    def x(value: float) -> float:
        return start + plot * value / right

    def y(value: float) -> float:
        return bottom - height * value / top

    spoken = "; ".join(
        f"{line.label} from {say(line.points[0][1])} to {say(line.points[-1][1])}" for line in series if line.points
    )
    parts = [_open_svg(identity, title, f"{up} over {across}. {spoken}.", bottom + 50)]
    for number, line in enumerate(series):
        colour, dash = _LINES[number % len(_LINES)]
        place = " ".join(f"{x(a):.1f},{y(b):.1f}" for a, b in line.points)
        parts.append(
            f'<polyline points="{place}" fill="none" stroke="{colour}" stroke-width="2.5" stroke-dasharray="{dash}"/>'
        )
        at, row = start + (number % 3) * 220, 18 + 22 * (number // 3)
        parts += [
            _draw_line(at, row - 5, at + 36, row - 5, colour, dash, 2.5),
            _draw_text(at + 44, row, line.label, "start"),
        ]
    if mark is not None:
        parts += [
            _draw_line(x(mark[0]), above - 4, x(mark[0]), bottom, _INK, "4 3"),
            _draw_text(x(mark[0]) + 6, above + 8, mark[1], "start"),
        ]
    for tick in _choose_ticks(0.0, top):
        parts += [
            _draw_line(start, y(tick), start + plot, y(tick), "#e3e5e6"),
            _draw_text(start - 8, y(tick) + 5, say(tick), "end"),
        ]
    parts += _draw_axis(x, 0.0, right, bottom, lambda value: f"{value:g}")
    parts += [_draw_text(start + plot / 2, bottom + 46, across, "middle"), _draw_text(start, above - 10, up, "start")]
    return _close_svg(parts)


def draw_spans(identity: str, title: str, rows: Sequence[Span]) -> Markup:
    """Draw stretches of time: training solid, the embargo hatched by dots, tests outlined."""
    days = [day for row in rows for start, end, _ in row.stretches for day in (start, end)]
    first, last = min(days), max(days)
    plot, height = WIDTH - _LABEL - 20, 34 + _ROW * len(rows) + 30

    def x(day: date) -> float:
        return _LABEL + plot * (day - first).days / max((last - first).days, 1)

    spoken = "; ".join(
        f"{row.label}: " + ", ".join(f"{what} {start} to {end}" for start, end, what in row.stretches) for row in rows
    )
    parts = [_open_svg(identity, title, f"{spoken}.", height)]
    look = {"train": (_BLUE, ""), "embargo": ("none", "3 3"), "test": ("#ffffff", "")}
    at = _LABEL
    for what, words in (("train", "trains on"), ("embargo", "left out"), ("test", "tested on")):
        parts += [_place_box(at, 6, 30, 14, *look[what]), _draw_text(at + 38, 18, words, "start")]
        at += 140
    for number, row in enumerate(rows):
        y = 34 + _ROW * number
        parts.append(_draw_text(_LABEL - 12, y + 16, row.label, "end"))
        parts += [
            _place_box(x(start), y + 3, max(x(end) - x(start), 3), 18, *look[what])
            for start, end, what in row.stretches
        ]
    bottom = height - 24
    for year in range(first.year + 1, last.year + 1):
        at_year = x(date(year, 1, 1))
        parts += [
            _draw_line(at_year, 30, at_year, bottom, "#b1b4b6"),
            _draw_text(at_year, bottom + 18, str(year), "middle"),
        ]
    return _close_svg(parts)


def _place_box(x: float, y: float, width: float, height: float, fill: str, dash: str) -> str:
    return (
        f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{height}" fill="{fill}" stroke="{_BLUE}"'
        f' stroke-width="1.5" stroke-dasharray="{dash}"/>'
    )


def _draw_axis(
    x: Callable[[float], float], low: float, high: float, bottom: float, say: Callable[[float], str]
) -> list[str]:
    parts = [_draw_line(x(low), bottom, x(high), bottom, "#b1b4b6")]
    for tick in _choose_ticks(low, high):
        parts += [
            _draw_line(x(tick), bottom, x(tick), bottom + 5, "#b1b4b6"),
            _draw_text(x(tick), bottom + 20, say(tick), "middle"),
        ]
    return parts


def _choose_ticks(low: float, high: float) -> list[float]:
    """Return four to eight round numbers from low to high."""
    span = high - low or 1.0
    steps = (float(f"{base}e{power}") for power in range(-6, 9) for base in (1, 2, 5))
    step = next(value for value in steps if span / value <= 7)
    first = int(-(-low // step))
    return [round(number * step, 10) for number in range(first, int(high // step) + 1)]


def _draw_line(x1: float, y1: float, x2: float, y2: float, colour: str, dash: str = "", width: float = 1) -> str:
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" stroke-width="{width}"'
        f' stroke-dasharray="{dash}"/>'
    )


def _draw_text(x: float, y: float, words: str, anchor: str, *, bold: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{weight}>{escape(words)}</text>'


def _open_svg(identity: str, title: str, description: str, height: float) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-labelledby="{identity}-title {identity}-text">'
        f'<title id="{identity}-title">{escape(title)}</title><desc id="{identity}-text">{escape(description)}</desc>'
    )


def _close_svg(parts: Sequence[str]) -> Markup:
    return Markup("".join([*parts, "</svg>"]))  # noqa: S704 - every text above went through escape()
