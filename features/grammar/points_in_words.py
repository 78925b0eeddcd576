"""A points list in words: its rules read from the model's own bytes, and what each is worth.

    5 points: School sessions missed without permission in three months: at least 13

Whoever prints a points list (a worker's case, the board pack, the public record, a training run) prints these words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from features.grammar.words import describe_bound

__all__ = ["describe_points", "describe_rule_held", "read_points"]


def read_points(trees: Sequence[Mapping[str, Any]], features: Sequence[str]) -> list[dict[str, Any]] | None:
    """Return the rules of a model (its trees as LightGBM dumps them), None where it is no sum of whole points.

    Each rule has `feature`, `threshold`, `at_least` (else below) and `points`.
    """
    rules = []
    for tree in trees:
        root = tree["tree_structure"]
        leaves = [root.get(side, {}).get("leaf_value") for side in ("left_child", "right_child")]
        worth = [leaf for leaf in leaves if leaf]
        if (
            root.get("decision_type") == "=="
            or None in leaves
            or len(worth) > 1
            or any(points != round(points) for points in worth)
        ):
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


def describe_points(rules: Sequence[Mapping[str, Any]], features: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return each rule (as `read_points` gives it) with its points; `features` are those of `definition.json`."""
    by_name = {feature["name"]: feature for feature in features}
    return [
        f"{rule['points']} {'point' if rule['points'] == 1 else 'points'}:"
        f" {describe_rule_held(by_name[rule['feature']], rule)}"
        for rule in rules
    ]


def describe_rule_held(feature: Mapping[str, Any], rule: Mapping[str, Any]) -> str:
    """Say in the council's words what a rule asks: its reason with the values that the rule holds for."""
    words = str(feature["reason"]).format(value=describe_bound(feature, rule))
    return f"{words[:1].upper()}{words[1:]}"
