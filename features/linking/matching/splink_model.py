"""The same comparisons as Splink 5 reads them: for its charts and its own linkage, which ours is measured beside.

Splink has no word for what people of one home share, nor for what two cannot share by what they say, so its weights are
those against strangers alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from splink import block_on

from features.linking.matching.comparisons import NOTHING_SAID, RARER, make_condition
from features.linking.parameters import Level, Parameters

__all__ = ["make_settings"]


def make_settings(parameters: Parameters, records: int, comparisons: Iterable[str] | None = None) -> dict[str, Any]:
    """Return Splink's settings for so many records (`unique_id`, traits, tf_..., and `keys` of candidates).

    `comparisons` are the traits of which any record says anything; left out: all.
    """
    names = list(parameters.levels if comparisons is None else comparisons)
    return {
        "link_type": "dedupe_only",
        "probability_two_random_records_match": min(parameters.partners / max(records, 1), 0.5),
        "comparisons": [_make_comparison(name, parameters.levels[name]) for name in names],
        "blocking_rules_to_generate_predictions": [block_on("keys", arrays_to_explode=["keys"])],
        "retain_matching_columns": False,
        "retain_intermediate_calculation_columns": True,
    }


def _make_comparison(name: str, levels: tuple[Level, ...]) -> dict[str, Any]:
    unknown = {"sql_condition": NOTHING_SAID[name], "label_for_charts": "unknown", "is_null_level": True}
    return {
        "output_column_name": name,
        "comparison_levels": [unknown, *(_make_level(name, of, levels) for of in levels)],
    }


def _make_level(name: str, level: Level, levels: tuple[Level, ...]) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "sql_condition": "ELSE" if level is levels[-1] else make_condition(name, level.name),
        "label_for_charts": level.name,
        "m_probability": level.m,
        "u_probability": level.u,
    }
    if (name, level.name) in RARER:
        settings |= {
            "tf_adjustment_column": RARER[name, level.name],
            "tf_adjustment_weight": 1.0,
            "tf_minimum_u_value": 1e-7,
            "disable_tf_exact_match_detection": True,
        }
    return settings
