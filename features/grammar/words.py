"""Plain English from expressions: what a column is, and how a value is said to people."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from features.grammar.expression import WORDS, Aggregate, Change, Composition, Expression, KnownTo, PerMember, Ratio
from features.grammar.period import Window
from features.grammar.signal import Signal

__all__ = [
    "DAYS_SINCE",
    "describe_bound",
    "describe_expression",
    "describe_reason",
    "describe_rule",
    "describe_value",
    "name_piece",
]

DAYS_SINCE = ("days_since", "days_since_change")
"""Words whose larger values are longer ago, and beyond their window mean that there was none."""

_VALUE = re.compile(r"\s*[:,]?\s*\{value\}")
_DISTINCT = {"detail": "kinds", "signal": "signals", "person": "people"}


def describe_expression(expression: Expression, titles: Mapping[str, str] | None = None) -> str:
    """Return one English phrase for an expression; `titles` are the register's titles by signal."""
    if isinstance(expression, Composition):
        return _describe_composition(expression)
    if isinstance(expression, Change):
        recent = describe_expression(expression.of, titles)
        return f"Change against the {expression.of.window.last} before: {recent[0].lower()}{recent[1:]}"
    if isinstance(expression, Ratio):
        among = describe_expression(expression.among, titles)
        return f"{_strip_window(describe_expression(expression.of, titles))} for each of: {among.partition(': ')[2]}"
    if isinstance(expression, PerMember):
        of = describe_expression(expression.of, titles)
        ages = "" if expression.age is None else f" aged {expression.age[0]} to {expression.age[1]}"
        return f"For each member{ages} that was seen: {of[0].lower()}{of[1:]}"
    phrase, steps = WORDS[expression.word].phrase, ", ".join(_space_words(step) for step in expression.steps)
    if expression.word == "latest" and steps:
        phrase = "Newest step ({steps}): {what}"
    what = " or ".join(_describe_signal(signal, titles or {}) for signal in expression.signals)
    column = _DISTINCT.get(expression.of or "", "")
    return f"{phrase.format(what=what, column=column, steps=steps)}, {expression.window}"


def _strip_window(phrase: str) -> str:
    return phrase.rpartition(", ")[0]


def describe_rule(rule: Aggregate | KnownTo, titles: Mapping[str, str] | None = None) -> str:
    """Return one English phrase for a cohort rule."""
    if isinstance(rule, KnownTo):
        return f"Known to {_space_words(rule.service)}, {rule.window}"
    return describe_expression(rule, titles)


def _describe_composition(expression: Composition) -> str:
    if expression.word == "members":
        return "Number of people in the household, at the as-of date"
    if expression.age is None:
        return "Age of the youngest person in the household, at the as-of date"
    return f"Number of members aged {expression.age[0]} to {expression.age[1]}, at the as-of date"


def _describe_signal(signal: Signal, titles: Mapping[str, str]) -> str:
    text = titles.get(signal.name) or f"{_space_words(signal.service)}, {_space_words(signal.kind)}"
    limits = [" or ".join(_space_words(detail) for detail in signal.details)] if signal.details else []
    if signal.at_least is not None:
        limits.append(f"at least {signal.at_least}")
    if signal.below is not None:
        limits.append(f"below {signal.below}")
    return f"{text} ({', '.join(limits)})" if limits else text


def _space_words(name: str) -> str:
    return name.replace("_", " ")


def describe_value(feature: Mapping[str, Any], value: float | None, as_of: date | None = None) -> str:
    """Return a value of a feature (as `definition.json` holds it) as people say it: "yes", "£1,250", "3".

    None and NaN are "not seen". `as_of` tells exactly from how many days on `days_since` means that there was none.
    """
    if value is None or math.isnan(value):
        return "not seen"
    unit, expression = feature["unit"], feature["expression"]
    if unit == "yes or no":
        return "yes" if value else "no"
    if unit in ("step", "category"):
        steps = ("none", *map(_space_words, expression["steps"]), "another")
        return steps[min(int(value), len(steps) - 1)]
    if unit == "GBP":
        return f"-£{-value:,.0f}" if value < 0 else f"£{value:,.0f}"
    if expression["word"] in DAYS_SINCE and value > _window_days(expression, as_of):
        return "none"
    return f"{value:,.2f}".rstrip("0").rstrip(".")


def describe_bound(feature: Mapping[str, Any], rule: Mapping[str, Any]) -> str:
    """Say which values of a feature a rule holds for: "at least 3", "below £500", "yes", "notice or further".

    `rule` has a `threshold`, and `at_least`: whether it holds from there on, or below.
    """
    unit, at_least, threshold = feature["unit"], rule["at_least"], rule["threshold"]
    if unit == "yes or no":
        return "yes" if at_least else "no"
    if unit == "step":
        step = describe_value(feature, min(math.ceil(threshold), len(feature["expression"]["steps"])))
        return f"{step} or further" if at_least else f"not yet {step}"
    number = f"£{threshold:,.0f}" if unit == "GBP" else f"{threshold:,.2f}".rstrip("0").rstrip(".")
    return f"at least {number}" if at_least else f"below {number}"


def _window_days(expression: Mapping[str, Any], as_of: date | None) -> float:
    """Return how many days the window has at `as_of`, or at most; unbounded where it looks back to the start."""
    last = Window.of(expression["window"]).last
    if last is None:
        return float("inf")
    # The twelve months before 1 March of a leap year hold as many days as any window of that length.
    day = as_of or date(2024, 3, 1)
    return (day - last.before(day)).days


def describe_reason(feature: Mapping[str, Any], value: float | None, as_of: date | None = None) -> str:
    """Return a feature's reason with its value in it, for people."""
    return str(feature["reason"]).format(value=describe_value(feature, value, as_of))


def name_piece(feature: Mapping[str, Any]) -> str:
    """Return what the council calls a piece of data: its reason in definition.json without the value.

    "Letters and steps about rent owed in six months: {value}" is called "Letters and steps about rent owed in six
    months". The `title` of a feature is made from its expression where the council gave none, so it is nobody's word.
    """
    return _VALUE.sub("", str(feature["reason"])).strip()
