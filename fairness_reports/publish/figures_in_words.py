"""Figures in words, the same way on every page: what is not known is a dash, never a 0."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

from charter.rules.gate_sentences import say_day

__all__ = [
    "SHOWN_AS_NOTHING",
    "UNKNOWN",
    "say_date",
    "say_hundred",
    "say_interval",
    "say_number",
    "say_share",
    "say_signed",
]

UNKNOWN = "–"

SHOWN_AS_NOTHING = 0.005
"""What is smaller is said as 0.00."""

_WHOLE = 100


def say_share(value: float | None) -> str:
    """Return a share as a percentage with one decimal place."""
    return UNKNOWN if value is None else f"{100 * value:.1f} %"


def say_hundred(value: float | None) -> str:
    """Return a share as a whole number of 100."""
    return UNKNOWN if value is None else f"{100 * value:.0f}"


def say_number(value: float | None) -> str:
    """Return a figure with two decimal places; from a hundred on whole, for nobody can read more."""
    if value is None:
        return UNKNOWN
    return f"{value:,.0f}" if abs(value) >= _WHOLE else f"{value:.2f}"


def say_signed(value: float | None, digits: int = 2) -> str:
    """Return a figure with its sign and two decimal places, or `digits`; what rounds to nothing has no sign."""
    if value is None:
        return UNKNOWN
    text = f"{value:+.{digits}f}"
    return text if float(text) else text[1:]


def say_interval(interval: Sequence[float | None] | None, say: Callable[[float | None], str]) -> str:
    """Return an interval in words; an end that the data cannot bound is "no end"."""
    if interval is None:
        return "cannot be told"
    low, high = ("no end" if end is None else say(end) for end in interval)
    return f"{low} to {high}"


def say_date(day: str) -> str:
    """Return an ISO date as people here write it: 3 October 2026."""
    return say_day(date.fromisoformat(day))
