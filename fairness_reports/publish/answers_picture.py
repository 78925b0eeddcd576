"""All answers about groups as one picture: a dot and its interval a row, its own limit beside it, by expected harm."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from fairness_reports.publish.figures import write_label

__all__ = ["Answer", "draw_answers", "say_expected"]

_WIDTH, _LABEL, _HARM, _ROW, _TOP = 720, 330, 80, 19, 34
_LETTERS = 56
_LOW, _HIGH = 0.1, 10.0
_LEAST = 0.05
"""More a year, below which a tenth says none."""
_WORDS = {
    "pass": "within the limit",
    "fail": "beyond the limit",
    "insufficient": "cannot be told",
    "": "not asked about",
}
_COLOURS = {"pass": "#00703c", "fail": "#942514", "insufficient": "#505a5f", "": "#b1b4b6"}


@dataclass(frozen=True)
class Answer:
    """One group's answer: the ratio to everyone else, its interval, the limit, the verdict (empty: not asked about).

    `expected` is how many more the gap harms in a year than if the group fared as everyone else; None where uncounted.
    """

    label: str
    ratio: float
    interval: tuple[float | None, float | None] | None
    limit: float
    verdict: str
    expected: float | None = None


def draw_answers(answers: Sequence[Answer]) -> Markup:
    """Draw the answers in their order, on a logarithmic axis of a tenth to ten times; an arrow where a line goes on."""
    height = _TOP + _ROW * len(answers) + 40
    spoken = " ".join(_say(answer) for answer in answers)
    parts = [
        f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-labelledby="answers-t answers-d" class="answers">'
        '<title id="answers-t">Every answer about a group beside everyone else</title>'
        f'<desc id="answers-d">{escape(spoken)}</desc>'
    ]
    bottom = _TOP + _ROW * len(answers)
    parts.append(
        f'<line x1="{_x(1):.1f}" x2="{_x(1):.1f}" y1="{_TOP - 6}" y2="{bottom}" stroke="#0b0c0c"/>'
        f'<text x="{_x(1):.1f}" y="{_TOP - 12}" text-anchor="middle">alike</text>'
        f'<text x="{_WIDTH - 4}" y="{_TOP - 12}" text-anchor="end">more a year</text>'
    )
    parts += [_draw_row(answer, _TOP + _ROW * number + _ROW / 2) for number, answer in enumerate(answers)]
    parts += [
        f'<line x1="{_x(tick):.1f}" x2="{_x(tick):.1f}" y1="{bottom}" y2="{bottom + 5}" stroke="#0b0c0c"/>'
        f'<text x="{_x(tick):.1f}" y="{bottom + 18}" text-anchor="middle">{tick:g}</text>'
        for tick in (0.1, 0.25, 0.5, 1, 2, 4, 10)
    ]
    parts.append(
        f'<text x="{_x(1):.1f}" y="{height - 4}" text-anchor="middle">Times everyone else\'s figure</text></svg>'
    )
    return Markup("".join(parts))  # noqa: S704 - every text above went through escape()


def say_expected(expected: float) -> str:
    """Say how many more a year: to a tenth, and in a word where that is none."""
    return "none" if expected < _LEAST else f"{expected:.1f}"


def _x(value: float) -> float:
    inside = min(max(value, _LOW), _HIGH)
    return _LABEL + (_WIDTH - _LABEL - _HARM) * math.log(inside / _LOW) / math.log(_HIGH / _LOW)


def _draw_row(answer: Answer, y: float) -> str:
    colour = _COLOURS[answer.verdict]
    parts = [write_label(answer.label, _LABEL - 10, y, letters=_LETTERS, line=9)]
    parts.append(
        f'<path d="M{_x(answer.limit):.1f} {y - 8:.1f} v16" stroke="#942514" stroke-width="2" stroke-dasharray="3 2"/>'
    )
    if answer.interval is not None:
        low, high = answer.interval[0] or _LOW, answer.interval[1] or _HIGH
        ends = f'x1="{_x(low):.1f}" x2="{_x(high):.1f}" y1="{y:.1f}" y2="{y:.1f}"'
        parts.append(f'<line {ends} stroke="{colour}" stroke-width="3"/>')
        parts += [_draw_arrow(_x(end), y, way, colour) for end, way in ((low, -1), (high, 1)) if not _LOW < end < _HIGH]
    at = _x(answer.ratio)
    if answer.verdict == "fail":
        parts.append(f'<path d="M{at:.1f} {y - 7:.1f} l7 7 l-7 7 l-7 -7 z" fill="{colour}"/>')
    elif answer.verdict == "pass":
        parts.append(f'<circle cx="{at:.1f}" cy="{y:.1f}" r="6" fill="{colour}"/>')
    else:
        parts.append(f'<circle cx="{at:.1f}" cy="{y:.1f}" r="5" fill="#ffffff" stroke="{colour}" stroke-width="3"/>')
    if answer.expected is not None:
        parts.append(f'<text x="{_WIDTH - 4}" y="{y + 5:.1f}" text-anchor="end">{say_expected(answer.expected)}</text>')
    return "".join(parts)


def _draw_arrow(x: float, y: float, way: int, colour: str) -> str:
    """Draw that an interval goes on beyond the axis."""
    return f'<path d="M{x:.1f} {y - 5:.1f} l{7 * way} 5 l{-7 * way} 5 z" fill="{colour}"/>'


def _say(answer: Answer) -> str:
    ends = ("no end" if end is None else f"{end:.2f}" for end in answer.interval or ())
    between = " to ".join(ends) or "no interval"
    return f"{answer.label}: {answer.ratio:.2f}, {between}, limit {answer.limit:g}, {_WORDS[answer.verdict]}."
