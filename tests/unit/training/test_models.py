from __future__ import annotations

import re
from dataclasses import replace
from itertools import combinations, product
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from charter.contracts.matrix import Matrix
from charter.council.points_list import PointsFile
from charter.council.training_settings import Band, Logistic, Points, TrainingSettings
from charter.errors import DefinitionError
from charter.invocation import shipped_council
from training.models.boosting import read_directions
from training.models.contenders import Parted, Sample, fit_simple, word_rules
from training.models.logistic import fit_coefficients, fit_regression, mark_rules, propose_steps
from training.models.points import fit_points
from training.models.stumps import add_stumps

BY = TrainingSettings(
    points=Points(rules=6),
    bands=(Band(id="a", title="A", from_score=0.0, stated=(0.0, 1.0), meaning="All."),),
)


def planted(rows: int = 6000, seed: int = 5) -> tuple[Any, Any]:
    """Return counts in six columns; the outcome follows column 0 up and column 1 down, the rest is noise."""
    generator = np.random.default_rng(seed)
    values = generator.poisson(0.8, size=(rows, 6)).astype(np.float32)
    values[generator.random(values.shape) < 0.1] = np.nan
    odds = -2.5 + 1.2 * np.nan_to_num(values[:, 0]) - 0.8 * np.nan_to_num(values[:, 1])
    return values, (generator.random(rows) < 1 / (1 + np.exp(-odds))).astype(np.int8)


def test_a_points_list_has_few_rules_of_whole_points_that_only_add() -> None:
    values, labels = planted()
    rules = fit_points(values, labels, [0] * 6, Points(rules=4, most=5))
    assert 1 <= len(rules) <= 4
    assert all(rule.adds in {1.0, 2.0, 3.0, 4.0, 5.0} for rule in rules)
    assert [rule.adds for rule in rules] == sorted((rule.adds for rule in rules), reverse=True)


def test_a_points_list_finds_the_planted_signals_and_their_direction() -> None:
    values, labels = planted()
    rules = fit_points(values, labels, [0] * 6, Points(rules=5, most=5))
    assert {(rule.feature, rule.at_least) for rule in rules} == {(0, True), (1, False)}


def test_a_points_list_keeps_to_the_stated_directions() -> None:
    values, labels = planted()
    rules = fit_points(values, labels, [-1, 0, 0, 0, 0, 0], Points(rules=6, most=5))
    assert {(rule.feature, rule.at_least) for rule in rules} == {(1, False)}


def test_a_points_list_is_as_good_as_any_found_by_trying_all() -> None:
    """Two rules of up to three points: every pair of rules and points is tried, and none orders better."""
    values, labels = planted(800, seed=8)
    values = values[:, :3]
    limits = Points(rules=2, most=3)
    found = fit_points(values, labels, [0] * 3, limits)
    rules = [replace(rule, at_least=way) for rule in propose_steps(values, 6) for way in (True, False)]
    ours = average_precision_score(labels, add_stumps(found, values))
    applies = [rule.applies(values[:, rule.feature]).astype(float) for rule in rules]
    for first, second in combinations(range(len(rules)), 2):
        for points in product((1, 2, 3), repeat=2):
            total = applies[first] * points[0] + applies[second] * points[1]
            assert average_precision_score(labels, total) <= ours * 1.02


def test_a_points_list_of_nothing_that_helps_is_empty_and_leaves_everybody_equal() -> None:
    values, labels = planted()
    assert fit_points(values[:, :2], labels, [-1, 1], Points()) == []
    fitted = fit_simple("points", Sample(values[:, :2], labels), {}, ["a", "b"], [-1, 1], BY)
    assert set(fitted.margins(values[:50, :2], 1)) == {0.0}


def test_a_large_cut_is_rounded_to_what_people_can_remember() -> None:
    generator = np.random.default_rng(2)
    owed = generator.gamma(2, 400, size=(4000, 1)).astype(np.float32)
    labels = (generator.random(4000) < np.where(owed[:, 0] > 900, 0.6, 0.05)).astype(np.int8)
    rules = fit_points(owed, labels, [1], Points())
    assert any(600 <= rule.threshold <= 1100 for rule in rules)
    assert all(rule.threshold == pytest.approx(float(f"{rule.threshold:.2g}")) for rule in rules)


def test_steps_lead_away_from_the_commonest_value_on_both_sides() -> None:
    """Days since something: most households stand at the end of the window, and the recent ones matter."""
    days = np.concatenate([np.full(900, 1096.0), np.arange(100.0)]).astype(np.float32)[:, None]
    rules = propose_steps(days, 4)
    assert {rule.at_least for rule in rules} == {False}
    assert sorted(rule.threshold for rule in rules) == [13.0, 25.0, 50.0, 1096.0]


def test_the_regression_agrees_with_its_own_rules_and_the_probabilities_are_calibrated() -> None:
    values, labels = planted()
    rules, start = fit_regression(values, labels, [0] * 6, Logistic(l2=0.001))
    likely = 1 / (1 + np.exp(-add_stumps(rules, values, start)))
    assert likely.mean() == pytest.approx(labels.mean(), abs=1e-3)
    assert likely[labels == 1].mean() > 2 * likely[labels == 0].mean()


def test_a_step_against_the_stated_direction_is_dropped() -> None:
    values, labels = planted()
    rules, _ = fit_regression(values, labels, [-1, 1, 1, 1, 1, 1], Logistic())
    assert all(rule.adds <= 0 for rule in rules if rule.feature == 0)
    assert all(rule.adds >= 0 for rule in rules if rule.feature != 0)


def test_a_feature_that_never_varies_has_no_step() -> None:
    values, _ = planted()
    values[:, 2], values[:, 3] = 7.0, np.nan
    assert {rule.feature for rule in propose_steps(values, 4)} == {0, 1, 4, 5}


def test_the_ridge_of_the_regression_is_the_usual_one() -> None:
    """Half of l2 times the squared weights plus the negative log likelihood has its smallest value there."""
    values, labels = planted(1500)
    held = mark_rules(propose_steps(values, 2), values)
    weights, intercept = fit_coefficients(held, labels, l2=10.0)

    def cost(w: Any) -> float:
        odds = held @ w + intercept
        return float(np.logaddexp(0, odds).sum() - odds[labels == 1].sum() + 5.0 * (w**2).sum())

    generator = np.random.default_rng(0)
    assert all(cost(weights) <= cost(weights + generator.normal(0, 0.05, len(weights))) for _ in range(50))


def sample_of(matrix: Matrix) -> Sample:
    rows = matrix.at(matrix.dates[0])
    labels = (np.arange(len(rows.entity)) % 9 == 0).astype(np.int8)
    return Sample(np.asarray(rows.features), labels)


def test_lots_are_drawn_by_the_published_rule_because_all_margins_are_equal(shared_matrix: Matrix) -> None:
    fitted = fit_simple("random", sample_of(shared_matrix), shared_matrix.definition, shared_matrix.features, [], BY)
    assert set(fitted.margins(np.asarray(shared_matrix.at(shared_matrix.dates[0]).features), 1)) == {0.0}


def test_last_contact_puts_the_newest_first_and_the_unseen_last(shared_matrix: Matrix) -> None:
    sample = sample_of(shared_matrix)
    fitted = fit_simple("last_contact", sample, shared_matrix.definition, shared_matrix.features, [], BY)
    columns = [column for column, _ in fitted.columns]
    assert columns
    rows = np.full((3, len(shared_matrix.features)), np.nan, dtype=np.float32)
    rows[0, columns[0]], rows[1, columns[0]] = 3.0, 1.0
    assert np.argsort(-fitted.margins(rows, 1)).tolist() == [1, 0, 2]


def test_last_contact_needs_a_feature_that_counts_days(shared_matrix: Matrix) -> None:
    without = {"features": [f for f in shared_matrix.definition["features"] if "days_since" not in str(f)]}
    with pytest.raises(DefinitionError, match="counts days since"):
        fit_simple("last_contact", sample_of(shared_matrix), without, shared_matrix.features, [], BY)


def test_the_best_single_feature_is_the_planted_one() -> None:
    values, labels = planted()
    names = ["a", "b", "c", "d", "e", "f"]
    fitted = fit_simple("one_feature", Sample(values, labels), {"features": []}, names, [0] * 6, BY)
    assert fitted.params["feature"] == "a"
    assert fitted.columns == ((0, 1),)


def test_points_are_said_in_words(shared_matrix: Matrix) -> None:
    stated = read_directions(shared_matrix.definition, shared_matrix.features)
    fitted = fit_simple(
        "points", sample_of(shared_matrix), shared_matrix.definition, shared_matrix.features, stated, BY
    )
    said = word_rules(fitted, shared_matrix.definition, shared_matrix.features)
    assert len(said) == len(fitted.rules)
    assert all(re.match(r"\d+ points?: ", sentence) for sentence in said)


def test_agreed_points_are_added_up_as_they_were_typed(shared_matrix: Matrix) -> None:
    """Broken by fitting them, by a bound that counts as below it, or by a rule of the wrong feature."""
    path = shipped_council() / "early_help" / "points.toml"
    rows = PointsFile.load(path, shared_matrix.features).points
    names, sample = shared_matrix.features, sample_of(shared_matrix)
    stated = read_directions(shared_matrix.definition, names)
    fitted = fit_simple("agreed", sample, shared_matrix.definition, names, stated, BY, rows)
    expected = np.zeros(len(sample.features))
    for row in rows:
        expected += np.where(sample.features[:, names.index(row.feature)] >= row.at_least, row.points, 0)
    assert fitted.margins(sample.features, 1).tolist() == expected.tolist()
    assert len(set(expected.tolist())) > 3
    assert len(word_rules(fitted, shared_matrix.definition, names)) == len(rows)
    fewer = fit_simple("agreed", sample, shared_matrix.definition, ["another", *names[1:]], stated, BY, rows)
    assert len(fewer.rules) == len(rows) - 1


def test_the_area_of_one_feature_is_scikit_learns_both_ways_and_who_is_not_seen_comes_last() -> None:
    values, labels = planted()
    for column in range(values.shape[1]):
        seen = np.isnan(values[:, column])
        up = np.where(seen, -1.0, values[:, column])
        down = np.where(seen, -99.0, -values[:, column])
        expected = (roc_auc_score(labels, up), roc_auc_score(labels, down))
        assert Parted.of(Sample(values, labels), column).aurocs() == pytest.approx(expected, abs=1e-12)
    assert np.isnan(Parted.of(Sample(values, np.zeros(len(values), dtype=np.int8)), 0).aurocs()).all()


def test_rows_beyond_a_step_are_counted_as_the_rule_applies() -> None:
    values, labels = planted()
    for rule in propose_steps(values, 4):
        rows = rule.applies(values[:, rule.feature])
        counted = Parted.of(Sample(values, labels), rule.feature).held(rule.threshold, rule.at_least)
        assert counted == (rows.sum(), (rows & (labels == 1)).sum())
        assert rule.share == pytest.approx(rows.mean())


def test_where_nothing_was_seen_of_anybody_a_regression_is_the_share_alone() -> None:
    unseen = np.full((80, 2), np.nan, dtype=np.float32)
    labels = (np.arange(80) % 4 == 0).astype(np.int8)
    rules, intercept = fit_regression(unseen, labels, [0, 0], Logistic())
    assert rules == []
    assert 1 / (1 + np.exp(-intercept)) == pytest.approx(0.25)
