"""The closed grammar of a definition: cohort, outcome and features as plain, frozen values.

A programme's `definition.py` imports its words from here and builds COHORT, OUTCOME and FEATURES from them. Every
value checks itself when it is made and raises DefinitionError with the rule and the fix. Nothing here reads data.
"""

from __future__ import annotations

from features.grammar.definition import Cohort, Definition, Feature, Outcome
from features.grammar.expression import (
    Aggregate,
    Change,
    Composition,
    Expression,
    active_days,
    age_of_youngest,
    any_of,
    change,
    children,
    count,
    days_since,
    distinct,
    known_to,
    latest,
    maximum,
    mean,
    members,
    open_at,
    total,
)
from features.grammar.period import Period, Window, days, months, since_start, weeks, years
from features.grammar.signal import Signal, signal

__all__ = [
    "Aggregate",
    "Change",
    "Cohort",
    "Composition",
    "Definition",
    "Expression",
    "Feature",
    "Outcome",
    "Period",
    "Signal",
    "Window",
    "active_days",
    "age_of_youngest",
    "any_of",
    "change",
    "children",
    "count",
    "days",
    "days_since",
    "distinct",
    "known_to",
    "latest",
    "maximum",
    "mean",
    "members",
    "months",
    "open_at",
    "signal",
    "since_start",
    "total",
    "weeks",
    "years",
]
