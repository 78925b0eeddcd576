"""Counting by household pattern gives the counts, and the intervals, of counting row by row."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charter.rules.measures import SHARES
from fairness_reports.audit.measuring.disparities import measure_disparities
from fairness_reports.audit.measuring.tally import CELLS, UNKNOWN, Grouping, Tally, number_cells


def rows_of(seed: int, clusters: int, dates: int = 3) -> tuple[np.ndarray, Grouping, np.ndarray]:
    """Rows of households that rise and fall together: cluster, group and cell of each."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 4, clusters)
    cluster = np.repeat(np.arange(clusters) * 7 + 3, sizes * dates)
    of = np.repeat(np.arange(clusters), sizes * dates)
    group = Grouping.of(rng.choice(["a", "b", "c"], clusters, p=[0.7, 0.25, 0.05])[of].astype(str))
    need = rng.normal(size=clusters)[of]
    label = (need + rng.normal(size=len(of)) > 1.2).astype(np.int8)
    label[rng.random(len(of)) < 0.05] = UNKNOWN
    selected = need + rng.normal(size=len(of)) * 0.5 - 0.4 * (group.code == 1) > 1.0
    return cluster, group, number_cells(label, selected)


def test_cells_are_numbered_as_documented() -> None:
    label = np.array([0, 0, 1, 1, UNKNOWN, UNKNOWN], dtype=np.int8)
    assert number_cells(label, np.array([False, True] * 3)).tolist() == [0, 1, 2, 3, 4, 5]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 2), st.integers(0, 5)), max_size=60), st.integers(0, 100))
def test_a_tally_counts_every_row_once(rows: list[tuple[int, int, int]], shift: int) -> None:
    cluster, group, cell = (np.array([row[i] for row in rows], dtype=np.int64) for i in range(3))
    tally = Tally.make(cluster + shift, Grouping(group, ("a", "b", "c")), cell)
    expected = np.zeros((3, CELLS))
    np.add.at(expected, (group, cell), 1)
    assert np.array_equal(tally.totals, expected)
    assert tally.weight.sum() == len(set(cluster.tolist()))


def test_households_of_one_pattern_are_kept_once() -> None:
    cluster = np.repeat(np.arange(100), 2)
    tally = Tally.make(cluster, Grouping(np.zeros(200, dtype=np.int64), ("a",)), np.tile([0, 3], 100))
    assert tally.weight.tolist() == [100]
    assert tally.patterns.tolist() == [[[1, 0, 0, 1, 0, 0]]]


def test_the_same_seed_draws_the_same_and_another_does_not() -> None:
    tally = Tally.make(*rows_of(1, 300))
    assert np.array_equal(tally.draws(20, 5), tally.draws(20, 5))
    assert not np.array_equal(tally.draws(20, 5), tally.draws(20, 6))


def test_every_draw_has_as_many_households() -> None:
    cluster, group, _ = rows_of(2, 400)
    single = np.unique(cluster, return_index=True)[1]
    tally = Tally.make(cluster[single], Grouping(group.code[single], group.names), np.zeros(len(single), np.int64))
    assert (tally.draws(50, 1).sum(axis=(1, 2)) == 400).all()


COMPARED = ("recall", "false_positive_rate", "selection_rate", "precision")


# Monte Carlo alone moves a spread by about 1 / sqrt(2 draws).
@pytest.mark.parametrize(
    ("draws", "within"), [(3_000, 0.05), pytest.param(40_000, 0.02, marks=pytest.mark.deep)], ids=["short", "long"]
)
def test_draws_are_those_of_drawing_whole_households_row_by_row(draws: int, within: float) -> None:
    cluster, group, cell = rows_of(3, 3000)
    tally = Tally.make(cluster, group, cell)
    fast = tally.draws(4 * draws, 11)
    slow = slow_draws(cluster, group, cell, draws)
    for measure in COMPARED:
        above, below = SHARES[measure].above, SHARES[measure].below
        share = (fast @ above) / (fast @ below)
        rest = (fast.sum(axis=1, keepdims=True) - fast)[:, :2]
        ratio = share[:, :2] / ((rest @ above) / (rest @ below))
        for code, name in enumerate(group.names[:2]):
            for ours, theirs in (
                (share[:, code], slow[measure, name, "share"]),
                (ratio[:, code], slow[measure, name, "ratio"]),
            ):
                assert ours.std() == pytest.approx(np.std(theirs), rel=within), (measure, name)
                assert ours.mean() == pytest.approx(np.mean(theirs), abs=0.05 * np.std(theirs))


def slow_draws(
    cluster: np.ndarray, group: Grouping, cell: np.ndarray, draws: int
) -> dict[tuple[str, str, str], list[float]]:
    """Draw whole households with replacement, and count the rows of each draw anew."""
    rng = np.random.default_rng(99)
    names, number = np.unique(cluster, return_inverse=True)
    found: dict[tuple[str, str, str], list[float]] = {}
    for _ in range(draws):
        times = np.bincount(rng.integers(0, len(names), len(names)), minlength=len(names))[number]
        for measure in COMPARED:
            above, below = times * SHARES[measure].above[cell], times * SHARES[measure].below[cell]
            for code, name in enumerate(group.names[:2]):
                inside = group.code == code
                share = above[inside].sum() / below[inside].sum()
                rest = above[~inside].sum() / below[~inside].sum()
                found.setdefault((measure, name, "share"), []).append(share)
                found.setdefault((measure, name, "ratio"), []).append(share / rest)
    return found


@pytest.mark.parametrize("many", [0, 10**9], ids=["all at once", "one by one"])
def test_however_patterns_are_drawn_the_spread_is_the_same(monkeypatch: pytest.MonkeyPatch, many: int) -> None:
    tally = Tally.make(*rows_of(3, 3000))
    mixed = tally.draws(8_000, 1)
    monkeypatch.setattr("fairness_reports.audit.measuring.tally._MANY_ALIKE", many)
    other = tally.draws(8_000, 1)
    assert other.std(axis=0) == pytest.approx(mixed.std(axis=0), rel=0.05)
    assert other.mean(axis=0) == pytest.approx(mixed.mean(axis=0), rel=0.05)


def test_a_tiny_group_gets_a_closed_form_and_an_empty_measure_none() -> None:
    cluster, group, cell = rows_of(4, 60)
    tally = Tally.make(cluster, group, np.where(group.code == 2, 0, cell))
    by_group = {one.group: one for one in measure_disparities(tally, SHARES["recall"], tally.draws(200, 1))}
    assert by_group["a"].method == "small"
    assert by_group["c"].side.estimate is None
    assert by_group["c"].ratio is None
    assert by_group["c"].ratio_interval is None


def test_one_group_alone_has_nobody_to_be_compared_with() -> None:
    cluster, _, cell = rows_of(5, 100)
    tally = Tally.make(cluster, Grouping(np.zeros(len(cluster), dtype=np.int64), ("all",)), cell)
    (only,) = measure_disparities(tally, SHARES["recall"], tally.draws(200, 1))
    assert only.side.estimate is not None
    assert only.rest.estimate is None
    assert only.ratio is None


def test_nobody_at_all_is_counted_as_nobody() -> None:
    empty = np.zeros(0, dtype=np.int64)
    tally = Tally.make(empty, Grouping(empty, ("a",)), empty)
    assert tally.totals.tolist() == [[0] * CELLS]
    (only,) = measure_disparities(tally, SHARES["recall"], tally.draws(10, 1))
    assert only.side.interval is None


def test_several_batches_of_draws_are_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    tally = Tally.make(*rows_of(6, 200))
    whole = tally.draws(3_000, 3)
    monkeypatch.setattr("fairness_reports.audit.measuring.tally._DRAWN_AT_ONCE", 20_000)
    batched = tally.draws(3_000, 3)
    assert batched.shape == whole.shape
    assert np.array_equal(batched, tally.draws(3_000, 3))
    assert batched.std(axis=0) == pytest.approx(whole.std(axis=0), rel=0.1)


def test_households_spread_over_cells_are_alike_where_all_their_counts_are() -> None:
    """In the order of their counts. Broken by a signature that leaves a cell out."""
    rng = np.random.default_rng(12)
    cluster, code = rng.integers(0, 300, 900), rng.integers(0, 3, 900)
    cells = rng.integers(0, 3, (900, CELLS)) / 20
    tally = Tally.of_cells(cluster, Grouping(code, ("a", "b", "c")), cells)
    counts = np.zeros((300, 3, CELLS))
    np.add.at(counts, (cluster, code), cells)
    patterns, weight = np.unique(np.round(counts[np.unique(cluster)].reshape(-1, 18), 9), axis=0, return_counts=True)
    assert np.array_equal(tally.patterns.reshape(-1, 18), patterns)
    assert tally.weight.tolist() == weight.tolist()
    nobody = Tally.of_cells(cluster[:0], Grouping(code[:0], ("a",)), cells[:0])
    assert nobody.totals.tolist() == [[0.0] * CELLS]
