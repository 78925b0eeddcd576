"""Contributions of each feature to a model's margins: tree by tree, once for all rows that go the same way in a tree.

    a tree splits           arrears at 0 and 3, visits at 2
    rows (arrears, visits)  (1, 0)  (2, 1)  (7, 0)  (2, 5)
    go alike                the first two: between 0 and 3, up to 2

What LightGBM says that a tree adds (SHAP values, as TreeExplainer's) depends on a row only through the ways that it
goes there. A tree of eight leaves knows some thirty kinds of rows, however many households there are: each kind is
asked about once, and what it is told is added to all of its rows. Sums are made tree by tree, so they are LightGBM's
own but for the last bits; rows that are alike in all trees have the same ones to the bit, and stay equals in a list.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charter.machine.lean_lightgbm import lightgbm

__all__ = ["predict_alike"]

_NOTHING = float(np.float32(1e-35))
"""What LightGBM takes for 0, where it takes 0 for not seen."""

_MOST_KINDS = 1 << 22
"""Kinds of rows of one tree that are looked up in a table; more are sorted."""

Splits = dict[int, list[float] | None]
"""By column the thresholds that are split at, ascending; None where it is split by category."""


def predict_alike(booster: lightgbm.Booster, data: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return what each feature adds to each row's margin (rows, features)."""
    trees = [_read_splits(tree["tree_structure"]) for tree in booster.dump_model()["tree_info"]]
    ends = {column: _find_ends(column, trees) for column in sorted({column for tree in trees for column in tree})}
    ways = {column: _find_ways(data[:, column].astype(np.float64), ends[column]) for column in ends}
    added = np.zeros((data.shape[1], len(data)))
    for number, tree in enumerate(trees if len(data) else ()):
        first, kind = _group_rows(tree, ends, ways, len(data))
        explained = booster.predict(
            data[first], pred_contrib=True, start_iteration=number, num_iteration=1, num_threads=1
        )
        values = np.asarray(explained, dtype=np.float64)
        for column in tree:
            added[column] += values[:, column][kind]
    return np.ascontiguousarray(added.T)


def _group_rows(
    tree: Splits, ends: Mapping[int, NDArray[np.float64] | None], ways: Mapping[int, NDArray[np.int64]], rows: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return one row of each kind (kinds,), and each row's kind (rows,): those that go the same way in one tree."""
    kind, kinds = np.zeros(rows, dtype=np.int64), 1
    for column, thresholds in tree.items():
        whole = ends[column]
        if whole is None or thresholds is None:
            way, number = ways[column], int(ways[column].max()) + 1
        else:
            # Between which of the tree's thresholds each of the model's lies; 0 and what is not seen stay apart.
            of_tree = np.array(sorted({*thresholds, *_find_nothing()}))
            of_way = np.append(np.searchsorted(of_tree, np.append(whole, np.inf), side="left"), len(of_tree) + 1)
            way, number = of_way[ways[column]], len(of_tree) + 2
        if kinds * number > _MOST_KINDS:
            there, kind = np.unique(kind, return_inverse=True)
            kinds = len(there)
        kind, kinds = kind * number + way, kinds * number
    if kinds > _MOST_KINDS:
        _, first, kind = np.unique(kind, return_index=True, return_inverse=True)
        return first, kind
    one_of = np.full(kinds, -1, dtype=np.int64)
    one_of[kind] = np.arange(rows)
    there = np.flatnonzero(one_of >= 0)
    place = np.zeros(kinds, dtype=np.int64)
    place[there] = np.arange(len(there))
    return one_of[there], place[kind]


def _find_ways(values: NDArray[np.float64], ends: NDArray[np.float64] | None) -> NDArray[np.int64]:
    """Return between which ends each value lies, numbered from 0; of categories each value is a way of its own.

    Whatever is not a number is a way of its own, the last.
    """
    if ends is None:
        return np.unique(values, return_inverse=True)[1]
    return np.where(np.isnan(values), len(ends) + 1, np.searchsorted(ends, values, side="left"))


def _find_ends(column: int, trees: list[Splits]) -> NDArray[np.float64] | None:
    """Return all thresholds of a column over all trees, with those around 0; None where any splits by category."""
    mine = [tree[column] for tree in trees if column in tree]
    if any(thresholds is None for thresholds in mine):
        return None
    return np.array(sorted({*_find_nothing(), *(end for thresholds in mine for end in thresholds or ())}))


def _find_nothing() -> tuple[float, float]:
    """Return the ends between which a value is 0 for LightGBM: a split may send 0 anywhere."""
    return float(np.nextafter(-_NOTHING, -1)), _NOTHING


def _read_splits(root: Mapping[str, Any]) -> Splits:
    splits: dict[int, set[float] | None] = defaultdict(set)
    for node in _walk_splits(root):
        column, thresholds = int(node["split_feature"]), splits[int(node["split_feature"])]
        if node["decision_type"] != "<=":
            splits[column] = None
        elif thresholds is not None:
            thresholds.add(float(node["threshold"]))
    return {column: None if ends is None else sorted(ends) for column, ends in splits.items()}


def _walk_splits(root: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    nodes = [root]
    while nodes:
        node = nodes.pop()
        if "split_feature" in node:
            yield node
            nodes += [node["left_child"], node["right_child"]]
