"""A category is learned by LightGBM's own splits of codes, and readers of its trees read those splits as it does."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import pytest

from charter.contracts.matrix import Matrix, MatrixDate, Widths
from charter.council.points_list import PointsFile
from charter.council.training_settings import Trees
from charter.errors import DefinitionError
from fairness_reports.audit.explaining.alike_rows import predict_alike
from fairness_reports.audit.mitigations import spread_codes
from features.grammar import Cohort, Definition, Feature, Outcome, any_of, category, count, months, signal
from features.grammar.points_in_words import read_points
from training.keeping.check_rows import make_check_rows
from training.models.boosting import BinnedRows, predict_margins
from training.models.contenders import Sample
from training.own_contenders import make_frame

TENURES = ("owned", "council", "private", "temporary", "hostel", "tied")
NEEDY = (3, 5)
"""The codes of what precedes a need here: neither beside each other, nor the largest or smallest."""
LATE = 4
SETTINGS = Trees(trees=25, rows_per_leaf=20, seed=3)
DAYS = (date(2022, 1, 1), date(2023, 1, 1), date(2024, 1, 1))


def made_matrix() -> Matrix:
    asked = (
        Feature("visits", count(signal("clinic.visit"), last=months(6)), "Visits: {value}", "Asked."),
        Feature("tenure", category(signal("housing.tenure"), details=TENURES, last=months(24)), "{value}", "Asked."),
    )
    outcome = Outcome("A need", any_of(signal("duty.owed"), next=months(12)))
    definition = Definition("rented", Cohort("Everybody"), outcome, asked).document()
    return Matrix(Path("nowhere"), {"features": ["visits", "tenure"]}, definition)


def made_rows(day: date, seed: int, codes: int = 8) -> tuple[MatrixDate, np.ndarray[Any, np.dtype[np.int8]]]:
    """Return rows of a date and their labels; before the second date nobody had the code LATE."""
    rng = np.random.default_rng(seed)
    values = np.column_stack([rng.poisson(1.0, 3000), rng.integers(0, codes, 3000)]).astype(np.float32)
    if day == DAYS[0]:
        values[values[:, 1] == LATE, 1] = 0
    values[rng.random(3000) < 0.1, 1] = np.nan
    chance = np.where(np.isin(values[:, 1], NEEDY), 0.5, 0.08) + 0.05 * values[:, 0]
    if day != DAYS[0]:
        chance = np.where(values[:, 1] == LATE, 0.9, chance)
    names = [f"{n:032x}".encode() for n in range(3000)]
    empty: dict[str, Any] = {"seen": np.zeros((3000, 0)), "members": np.ones(3000), "area": [b""] * 3000}
    empty |= {"person": [], "person_row": [], "person_age": [], "outcome_before": np.zeros((3000, 1))}
    empty |= {name: np.zeros((3000, 1)) for name in ("outcome_at", "outcome_known_at", "outcome_seen")}
    rows = MatrixDate.of(day, Widths(2, 0, 1), empty | {"entity": names, "features": values})
    return rows, (rng.random(3000) < chance).astype(np.int8)


@pytest.fixture(scope="module")
def learned() -> str:
    parts = [made_rows(day, seed) for seed, day in enumerate(DAYS)]
    bins = BinnedRows([rows for rows, _ in parts], DAYS[:1], made_matrix(), SETTINGS)
    return bins.fit(np.concatenate([labels for _, labels in parts]))


def every_kind() -> np.ndarray[Any, np.dtype[np.float32]]:
    """Rows of every code, one that no definition states, and not seen, beside every number of visits."""
    codes = np.array([*range(8), 30, np.nan], dtype=np.float32)
    return np.array([[visits, code] for visits in (0, 1, 2, 3, 5, np.nan) for code in codes], dtype=np.float32)


def nodes_of(tree: dict[str, Any]) -> list[dict[str, Any]]:
    waiting, nodes = [tree["tree_structure"]], []
    while waiting:
        node = waiting.pop()
        if "split_feature" in node:
            nodes.append(node)
            waiting += [node["left_child"], node["right_child"]]
    return nodes


def goes_left(node: dict[str, Any], row: np.ndarray[Any, np.dtype[np.float32]]) -> bool:
    """Where LightGBM's documents say that a row goes: of codes those that are named go left, all others right."""
    value = float(row[node["split_feature"]])
    if node["decision_type"] == "==":
        return not np.isnan(value) and str(int(value)) in node["threshold"].split("||")
    if np.isnan(value):
        return bool(node["default_left"]) if node["missing_type"] == "NaN" else node["threshold"] >= 0
    return value <= node["threshold"]


def walked(tree: dict[str, Any], row: np.ndarray[Any, np.dtype[np.float32]]) -> float:
    node = tree["tree_structure"]
    while "split_feature" in node:
        node = node["left_child"] if goes_left(node, row) else node["right_child"]
    return float(node["leaf_value"])


def test_codes_are_set_apart_whatever_their_order(learned: str) -> None:
    rows = np.array([[1, code] for code in range(8)], dtype=np.float32)
    margins = predict_margins(learned, rows, 1)
    assert sorted(np.argsort(-margins)[:3].tolist()) == sorted((*NEEDY, LATE))
    assert any(node["decision_type"] == "==" for tree in lgb.Booster(model_str=learned).dump_model()["tree_info"]
               for node in nodes_of(tree))  # fmt: skip


def test_a_code_that_nobody_had_at_first_is_learned_from_later(learned: str) -> None:
    rows = np.array([[1, LATE], [1, 1]], dtype=np.float32)
    late, common = predict_margins(learned, rows, 1)
    assert late > common + 1


def test_an_unstated_code_goes_where_what_was_not_seen_goes(learned: str) -> None:
    """Both go right in every split of codes; a number that no definition states is nobody's code."""
    unseen, unstated = predict_margins(learned, np.array([[1, np.nan], [1, 30]], dtype=np.float32), 1)
    assert unseen == unstated


def test_margins_are_what_the_trees_say_of_every_code(learned: str) -> None:
    rows, trees = every_kind(), lgb.Booster(model_str=learned).dump_model()["tree_info"]
    said = [sum(walked(tree, row) for tree in trees) for row in rows]
    np.testing.assert_allclose(said, predict_margins(learned, rows, 1), rtol=0, atol=1e-9)


def test_contributions_of_rows_that_go_alike_are_lightgbms_own(learned: str) -> None:
    booster, rows = lgb.Booster(model_str=learned), np.repeat(every_kind(), 3, axis=0)
    explained = np.asarray(booster.predict(rows, pred_contrib=True))
    added = predict_alike(booster, rows)
    assert np.abs(added[:, 1]).max() > 0.5
    np.testing.assert_allclose(added, explained[:, :-1], rtol=0, atol=1e-9)


def test_check_rows_try_every_code_that_is_split_on_and_one_that_is_not(learned: str) -> None:
    rows = make_check_rows(learned)
    splits = [node for tree in lgb.Booster(model_str=learned).dump_model()["tree_info"] for node in nodes_of(tree)]
    coded = [node for node in splits if node["decision_type"] == "=="]
    assert coded
    for node in coded:
        assert {goes_left(node, row) for row in rows if not np.isnan(row[1])} == {True, False}
        assert {float(code) for code in node["threshold"].split("||")} <= set(rows[:, 1].tolist())


def test_no_split_of_codes_is_taken_for_a_rule_of_a_points_list() -> None:
    root = {"split_feature": 1, "decision_type": "==", "threshold": "3||5",
            "left_child": {"leaf_value": 2.0}, "right_child": {"leaf_value": 0.0}}  # fmt: skip
    assert read_points([{"tree_structure": root}], ["visits", "tenure"]) is None


def test_a_points_list_that_counts_a_category_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "points.toml"
    path.write_text('[[point]]\nfeature = "tenure"\nat_least = 2\npoints = 1\n', encoding="utf-8")
    with pytest.raises(DefinitionError, match="tenure from 2 on, but it is a category"):
        PointsFile.load(path, ["tenure"], ["tenure"])


def test_models_that_ask_for_at_least_read_no_codes() -> None:
    sample = Sample(np.ones((4, 2), dtype=np.float32), np.array([0, 1, 0, 1], dtype=np.int8))
    sample.hide_columns(made_matrix().categories)
    assert np.isnan(sample.features).all(axis=0).tolist() == [False, True]


def test_codes_are_pandas_categories_for_a_contender_of_ones_own() -> None:
    from sklearn.ensemble import HistGradientBoostingClassifier

    rows, labels = made_rows(DAYS[1], 1)
    frame = make_frame(np.asarray(rows.features), ["visits", "tenure"], made_matrix().categories)
    assert frame["tenure"].dtype.name == "category"
    model = HistGradientBoostingClassifier(categorical_features="from_dtype", max_iter=20).fit(frame, labels)
    assert model.is_categorical_.tolist() == [False, True]
    known = every_kind()[np.nan_to_num(every_kind()[:, 1]) < 8]
    codes = make_frame(known, ["visits", "tenure"], made_matrix().categories)
    assert np.isfinite(model.predict_proba(codes)).all()


def test_where_numbers_alone_are_compared_each_code_is_a_column() -> None:
    rows = np.array([[2, 3], [0, np.nan]], dtype=np.float32)
    spread = spread_codes(rows, made_matrix())
    assert spread.tolist() == [[2, 0, 0, 0, 1, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0, 0, 0]]
