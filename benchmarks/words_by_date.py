"""Of the second definition, the words of which an event cannot be added once for all the dates that it counts at.

A sum takes two additions however many dates there are. Which event is the latest, whose, on which day, and whether it
says something else than the one before, is asked at each date, and in order; ties are decided by the events' ids.
"""

from __future__ import annotations

from dataclasses import replace

from benchmarks import every_word
from features.grammar import Aggregate

__all__ = ["DEFINITION", "FEATURES"]

_WORDS = {"latest", "category", "days_since_change", "distinct", "active_days"}

FEATURES = [
    feature
    for feature in every_word.FEATURES
    if isinstance(feature.expression, Aggregate) and feature.expression.word in _WORDS
]
DEFINITION = replace(every_word.DEFINITION, programme="words_by_date", features=tuple(FEATURES))
