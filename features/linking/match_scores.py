"""How likely two records are one person: Splink 5 on DuckDB, with fixed parameters, prediction only.

Candidate pairs share a date of birth; or a home and the beginning of a forename or surname; or a surname and the
first letter of a forename. Pairs whose forenames have nothing in common are left out, because relatives at one address
share all the rest, unless the parameters let them be: then a home alone makes a candidate. The weight is the sum over
comparisons of log2(m/u) plus that of the prior, with names that are rare among the records counting for more (term
frequencies).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import duckdb
from splink import DuckDBAPI, Linker, block_on

from features.intake.database import Relation
from features.linking.parameters import Parameters

__all__ = ["make_condition", "make_settings", "score_pairs"]

_NULL: Mapping[str, str] = {
    "forename": "forename_l is null or forename_r is null",
    "surname": "surname_l is null or surname_r is null",
    "birth_date": "birth_date_l is null or birth_date_r is null",
    "home": "len(homes_l) = 0 or len(homes_r) = 0",
    "sex": "sex_l is null or sex_r is null",
}
_CONDITIONS: Mapping[tuple[str, str], str] = {
    ("forename", "same"): "forename_l = forename_r",
    ("forename", "same by a short form"): (
        "list_contains(forename_forms_l, forename_r) or list_contains(forename_forms_r, forename_l) "
        "or list_has_any(forename_forms_l, forename_forms_r)"
    ),
    ("forename", "alike"): (
        "jaro_winkler_similarity(forename_l, forename_r) >= 0.88 or damerau_levenshtein(forename_l, forename_r) <= 1"
    ),
    ("surname", "same"): "surname_l = surname_r",
    ("surname", "alike"): (
        "jaro_winkler_similarity(surname_l, surname_r) >= 0.92 or damerau_levenshtein(surname_l, surname_r) <= 1"
    ),
    ("birth_date", "same"): "birth_date_l = birth_date_r",
    ("birth_date", "day and month swapped, or one digit off"): (
        "damerau_levenshtein(strftime(birth_date_l, '%Y%m%d'), strftime(birth_date_r, '%Y%m%d')) <= 1 "
        "or strftime(birth_date_l, '%Y%m%d') = strftime(birth_date_r, '%Y%d%m')"
    ),
    ("home", "shared"): "list_has_any(homes_l, homes_r)",
    ("home", "moved from one to the other"): "list_has_any(gone_l, came_r) or list_has_any(gone_r, came_l)",
    ("sex", "same"): "sex_l = sex_r",
}
_RARE_COUNTS_MORE = ("forename", "surname")
_BLOCKS = (block_on("birth_date"), block_on("surname", "substr(forename, 1, 1)"))
_AT_HOME = (
    block_on("homes", "substr(forename, 1, 1)", arrays_to_explode=["homes"]),
    block_on("homes", "substr(surname, 1, 2)", arrays_to_explode=["homes"]),
)
_AT_HOME_ALONE = (block_on("homes", arrays_to_explode=["homes"]),)


def make_condition(comparison: str, level: str | None) -> str:
    """Return SQL over two records, `_l` and `_r`, that is true at `level`, or where one says nothing (None)."""
    return _NULL[comparison] if level is None else _CONDITIONS.get((comparison, level), "true")


def _make_comparison(name: str, parameters: Parameters) -> dict[str, Any]:
    levels: list[dict[str, Any]] = [
        {"sql_condition": _NULL[name], "label_for_charts": "unknown", "is_null_level": True}
    ]
    for level in parameters.levels[name]:
        condition = _CONDITIONS.get((name, level.name), "ELSE")
        splink_level: dict[str, Any] = {
            "sql_condition": condition,
            "label_for_charts": level.name,
            "m_probability": level.m,
            "u_probability": level.u,
        }
        if name in _RARE_COUNTS_MORE and level.name == "same":
            splink_level |= {"tf_adjustment_column": name, "tf_adjustment_weight": 1.0, "tf_minimum_u_value": 0.0005}
        levels.append(splink_level)
    return {"output_column_name": name, "comparison_levels": levels}


def make_settings(parameters: Parameters, references: int) -> dict[str, Any]:
    """Return Splink's settings for so many references: blocking, comparisons and every number fixed."""
    return {
        "link_type": "dedupe_only",
        "probability_two_random_records_match": parameters.prior(references),
        "comparisons": [_make_comparison(name, parameters) for name in parameters.levels],
        "blocking_rules_to_generate_predictions": [
            *_BLOCKS,
            *(_AT_HOME if "forename" in parameters.apart else _AT_HOME_ALONE),
        ],
        "retain_matching_columns": True,
        "retain_intermediate_calculation_columns": False,
    }


def score_pairs(
    database: duckdb.DuckDBPyConnection, nodes: Relation, references: int, parameters: Parameters
) -> list[tuple[str, str, float, str]]:
    """Return (reference, reference, match weight in bits, evidence in words), strongest first, from `review` bits on.

    `nodes` are records by `unique_id`, made of so many references. Weights are rounded to 1e-6, ties ordered by
    reference: the same on any number of threads.
    """
    linker = Linker(DuckDBAPI(database).register(nodes.alias), make_settings(parameters, references), log_level=None)
    scored = linker.inference.predict(threshold_match_weight=parameters.review)
    apart = "where gamma_forename <> 0" if "forename" in parameters.apart else ""
    words = ", ".join(_in_words(name, parameters) for name in parameters.levels)
    pairs = database.execute(
        f"""
        select least(unique_id_l, unique_id_r) as one, greatest(unique_id_l, unique_id_r) as other,
               round(match_weight, 6) as weight, concat_ws('; ', {words}) as evidence
        from {scored.physical_name} {apart} order by weight desc, one, other
        """
    ).fetchall()
    linker.table_management.delete_tables_created_by_splink_from_db()  # type: ignore[no-untyped-call]  # Splink's
    return pairs


def _in_words(name: str, parameters: Parameters) -> str:
    """Return SQL that says how a pair compares in `name`: Splink numbers the levels from the last (0) to the first."""
    levels = parameters.levels[name]
    title = name.replace("_", " ")
    cases = " ".join(
        f"when {len(levels) - 1 - place} then '{title} {level.name}'" for place, level in enumerate(levels)
    )
    return f"case gamma_{name} {cases} else '{title} not known to both' end"
