"""The closed grammar of a definition: cohort, outcome and features as plain, frozen values.

A programme's `definition.py` imports its words from here and builds COHORT, OUTCOME and FEATURES from them. Every
value checks itself when it is made and raises DefinitionError with the rule and the fix. Nothing here reads data.
"""

from __future__ import annotations

from features.grammar import expression
from features.grammar.definition import Cohort, Definition, Feature, Outcome
from features.grammar.expression import *  # noqa: F403  # one list of words, where the words are
from features.grammar.period import Period, Window, days, months, since_start, weeks, years
from features.grammar.signal import Signal, signal

__all__ = [
    "Cohort",
    "Definition",
    "Feature",
    "Outcome",
    "Period",
    "Signal",
    "Window",
    "days",
    "months",
    "signal",
    "since_start",
    "weeks",
    "years",
]
__all__ += expression.__all__
