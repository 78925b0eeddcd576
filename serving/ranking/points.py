"""A points list's own points: what each of its rules gives one household.

The contributions of a record are exact, and measured against the average household: nobody adds them up by hand. A
model that is a sum of whole points is its rules: "at least so much of this: so many points"; not seen gives none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from features.grammar.points_in_words import describe_rule_held
from serving.ranking.sealed_record import SealedRecord

__all__ = ["GivenPoints", "list_points"]


@dataclass(frozen=True)
class GivenPoints:
    """A rule in words, the `points` that it is worth, and what it gave this household: those, or 0."""

    rule: str
    points: int
    given: int


def list_points(record: SealedRecord, manifest: Mapping[str, Any]) -> tuple[GivenPoints, ...]:
    """Return the rules of a record's points list, what it was given by first; none where they don't make its total."""
    features = manifest.get("features", ())
    columns = {feature["name"]: number for number, feature in enumerate(features)}
    given = []
    for rule in manifest.get("points", ()):
        column = columns[rule["feature"]]
        value = record.values[column]
        holds = value is not None and (value >= rule["threshold"]) == rule["at_least"]
        words = describe_rule_held(features[column], rule)
        given.append(GivenPoints(words, rule["points"], rule["points"] if holds else 0))
    if sum(rule.given for rule in given) != record.margin:
        return ()
    return tuple(sorted(given, key=lambda rule: (-abs(rule.given), -abs(rule.points), rule.rule)))
