"""A points list's own points: read from its model, and what each rule gives one household.

The contributions of a record are exact, and measured against the average household: nobody adds them up by hand. A
model that is a sum of whole points is its rules: "at least so much of this: so many points"; not seen gives none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from features.grammar.words import describe_bound
from serving.ranking.sealed_record import SealedRecord

__all__ = ["GivenPoints", "list_points", "read_points"]


@dataclass(frozen=True)
class GivenPoints:
    """A rule in words, the `points` that it is worth, and what it gave this household: those, or 0."""

    rule: str
    points: int
    given: int


def read_points(trees: Sequence[Mapping[str, Any]], features: Sequence[str]) -> list[dict[str, Any]] | None:
    """Return the rules of a model (its trees as LightGBM dumps them), None where it is no sum of whole points.

    Each rule has `feature`, `threshold`, `at_least` (else below) and `points`.
    """
    rules = []
    for tree in trees:
        root = tree["tree_structure"]
        leaves = [root.get(side, {}).get("leaf_value") for side in ("left_child", "right_child")]
        worth = [leaf for leaf in leaves if leaf]
        if None in leaves or len(worth) > 1 or any(points != round(points) for points in worth):
            return None
        if worth:
            # LightGBM sends `value <= threshold` left; the next number up makes that "at least" and "below" again.
            threshold = float(np.nextafter(root["threshold"], np.inf))
            rules.append(
                {
                    "feature": features[root["split_feature"]],
                    "threshold": threshold,
                    "at_least": bool(leaves[1]),
                    "points": round(worth[0]),
                }
            )
    return rules


def list_points(record: SealedRecord, manifest: Mapping[str, Any]) -> tuple[GivenPoints, ...]:
    """Return the rules of a record's points list, what it was given by first; none where they don't make its total."""
    features = manifest.get("features", ())
    columns = {feature["name"]: number for number, feature in enumerate(features)}
    given = []
    for rule in manifest.get("points", ()):
        column = columns[rule["feature"]]
        value = record.values[column]
        holds = value is not None and (value >= rule["threshold"]) == rule["at_least"]
        words = str(features[column]["reason"]).format(value=describe_bound(features[column], rule))
        given.append(GivenPoints(f"{words[:1].upper()}{words[1:]}", rule["points"], rule["points"] if holds else 0))
    if sum(rule.given for rule in given) != record.margin:
        return ()
    return tuple(sorted(given, key=lambda rule: (-abs(rule.given), -abs(rule.points), rule.rule)))
