"""What each feature adds to a margin, of one row in a fraction of LightGBM's time: TreeSHAP by sums over edges.

LightGBM walks every tree for every row and keeps, at each leaf, the whole path to it. Here all edges of all trees are
arrays, made once; a row costs a few passes over them (Yu et al. 2022, "Linear TreeShap", which adds polynomials over
edges; here they are kept as their values at Gauss-Legendre points, whose sums are exact at their degree).

    a leaf of value v under features j = 1..D, z_j the share of training rows that a path keeps at j's splits,
    o_j whether the row passes all of them (1 or 0)

    P(t)  = v * product over j of f_j(t),  f_j(t) = z_j (1 - t) + o_j t
    j's contribution at the leaf = (o_j - z_j) * integral from 0 to 1 of P(t) / f_j(t) dt       (the Shapley weights)

    example   one split, 30 of 100 rows left, v = 2 left and -1 right, a row that goes left:
              left (1 - 0.3) * 2 + right (0 - 0.7) * -1 = 2.1, and the base is 0.3 * 2 + 0.7 * -1 = -0.1

    at an edge   the sum of P over all leaves below it is what its own leaves share: features go by their last edge, so
                 an edge adds its own term and takes back that of the edge above it with the same feature

Trees of few splits are tabled: a split goes one way or the other, so a tree of 7 has 128 answers, all made beforehand.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.polynomial.legendre import leggauss
from numpy.typing import NDArray

__all__ = ["RowExplainer"]

_ZERO = float(np.float32(1e-35))
"""LightGBM's: what is no further from 0 is 0."""
_CATEGORY, _LEFT_BY_DEFAULT, _ZERO_MISSING, _NAN_MISSING = 1, 2, 1 << 2, 2 << 2
"""Of a split's `decision_type`: one bit each, and two bits for what is missing."""
_MISSING = 3 << 2
_AT_ONCE = 1 << 18
"""Numbers of one pass over rows and edges: what stays near the processor."""

_BITS = 8
"""Splits of a tree whose every outcome is tabled: a byte, so 16 KB of each tree."""
_MOST_TABLES = 500

_Bits = NDArray[np.bool_]
_Whole = NDArray[np.int64]
_Real = NDArray[np.float64]


class Tests(NamedTuple):
    """What is asked at each split of each tree (splits,): a row goes left whose feature is at most the threshold.

    `missing_left`: whether it does where nothing is seen. `by_zero` are the splits that take 0 for not seen, and
    `by_category` those that ask for a category, with the categories that go left.
    """

    feature: _Whole
    threshold: _Real
    missing_left: _Bits
    by_zero: _Whole
    by_category: tuple[tuple[int, _Whole], ...]


class Splits(NamedTuple):
    """Where each split of each tree leads (splits,): to a split, or to ~leaf; each tree's root is first of its own.

    `through` (splits,) and `leaf_count` (leaves,) are rows of training, `value` (leaves,) what the leaf adds.
    """

    left: _Whole
    right: _Whole
    through: _Real
    value: _Real
    leaf_count: _Real
    roots: _Whole


class Edges(NamedTuple):
    """Every edge of every tree (edges,), those nearer the roots first; edge 0 leads to all roots.

    A level's edges to the left come first, then in the same order those to the right.

    `parent` and `above` are the edge before it, and the nearest before it whose split reads the same feature (0 where
    none does); `share` is z of that feature after this edge; `value` the leaf's that it ends at, 1 where at none.
    """

    split: _Whole
    right: _Bits
    parent: _Whole
    above: _Whole
    share: _Real
    value: _Real


class Level(NamedTuple):
    """Where the edges of one level are, to the left and to the right, and the edges before them."""

    left: slice
    right: slice
    parents: _Whole


@dataclass(frozen=True)
class EdgeSums:
    """A model's trees as `explain` reads them; never changed, so safe to share between threads.

    `factors` and `terms` (edges * 3, points) are, of each edge, what it does to P and what it adds to its feature:
    for a row that passes neither it nor the edge above of its feature, that one alone, or both; a leaf's value is in
    the factors. `again` are the edges of each level whose feature a path reads again.
    """

    tests: Tests
    edges: Edges
    levels: tuple[Level, ...]
    again: tuple[_Whole, ...]
    factors: _Real
    terms: _Real
    features: int
    _room: threading.local = field(default_factory=threading.local, repr=False)

    @classmethod
    def make(cls, tests: Tests, splits: Splits, features: int) -> EdgeSums:
        """Make them of all trees' splits."""
        edges, levels, most = _list_edges(tests, splits)
        again = [
            level.left.start + np.flatnonzero(edges.above[level.left.start : level.right.stop]) for level in levels
        ]
        factors, terms = _weigh_edges(edges, -(-most // 2))
        return cls(tests, edges, levels, tuple(each for each in again if len(each)), factors, terms, features)

    def explain(self, rows: _Real) -> _Real:
        """Return what each feature adds to each row's margin, (n, features)."""
        step = max(1, _AT_ONCE // self.factors.size)
        result = np.zeros((len(rows), self.features))
        for first in range(0, len(rows), step):
            some = slice(first, first + step)
            each = self.add_edges(_go_left(self.tests, rows[some]))
            result[some] = _sum_places(self._places, each, self.features)
        return result

    def add_edges(self, left: _Bits) -> _Real:
        """Return what each edge adds to its feature, (n, edges), for rows that go `left` (n, splits) or not."""
        inside = left.take(self.edges.split, axis=1) != self.edges.right
        inside[:, 0] = True
        for again in self.again:
            inside[:, again] &= inside.take(self.edges.above[again], axis=1)
        state = self._triples + inside
        state += inside.take(self.edges.above, axis=1)
        product, terms = self._find_room(len(left))
        # Clipped, which nothing is here, what is taken is written where it belongs and not copied once more.
        self.factors.take(state, axis=0, out=product, mode="clip")
        self.terms.take(state, axis=0, out=terms, mode="clip")
        total: _Real = np.einsum("neq,neq->ne", self._sum_below(product), terms)
        return total

    def _sum_below(self, product: _Real) -> _Real:
        """Return the sum of P over the leaves below each edge, (n, edges, points), made in place of the factors."""
        for left, right, parents in self.levels:
            above = product.take(parents, axis=1)
            product[:, left] *= above
            product[:, right] *= above
        for left, right, parents in reversed(self.levels):
            product[:, parents] = product[:, left] + product[:, right]
        return product

    @cached_property
    def _triples(self) -> _Whole:
        return 3 * np.arange(len(self.edges.split))

    @cached_property
    def _places(self) -> _Whole:
        return self.tests.feature[self.edges.split]

    def _find_room(self, rows: int) -> tuple[_Real, _Real]:
        """Return this thread's own two arrays (rows, edges, points): a new megabyte each time costs as much as all."""
        room = self._room
        if not hasattr(room, "arrays") or room.arrays.shape[1] < rows:
            room.arrays = np.empty((2, rows, len(self.edges.split), self.factors.shape[1]))
        return room.arrays[0, :rows], room.arrays[1, :rows]


@dataclass(frozen=True)
class Tables:
    """Trees of at most `_BITS` splits, each with what its features get for every way its splits may turn out.

    `tests` has `_BITS` of each tree, the last ones of a smaller tree going right for everybody; `added` (trees * ways,
    slots) is by the splits that go left, as bits; `places` (trees * slots) are the slots' features.
    """

    tests: Tests
    added: _Real
    places: _Whole
    features: int

    @classmethod
    def make(cls, sums: EdgeSums, roots: _Whole) -> Tables:
        """Make them with the sums of edges, of every way at once."""
        tests, trees = sums.tests, len(roots)
        sizes = np.diff(roots, append=len(tests.feature))
        tree_of = np.repeat(np.arange(trees), sizes)
        bit_of = np.arange(len(tests.feature)) - roots[tree_of]
        ways = np.arange(1 << _BITS)[:, None]
        added = np.zeros((trees, len(ways), _BITS))
        at = tree_of * _BITS + bit_of
        # A feature that a tree reads twice has the slot of its first split.
        _, first, which = np.unique(tree_of * sums.features + tests.feature, return_index=True, return_inverse=True)
        slot = at[first][which][sums.edges.split]
        for way in ways:
            each = sums.add_edges((way >> (_BITS - 1 - bit_of) & 1 == 1)[None, :])
            added[:, way[0]] = np.bincount(slot, weights=each[0], minlength=trees * _BITS).reshape(trees, _BITS)
        source = np.full(trees * _BITS, -1)
        source[at] = np.arange(len(at))
        features = np.where(source >= 0, tests.feature[source], 0)
        return cls(_pad_tests(tests, source, at), added.reshape(-1, _BITS), features, sums.features)

    def explain(self, rows: _Real) -> _Real:
        """Return what each feature adds to each row's margin, (n, features)."""
        left = _go_left(self.tests, rows).reshape(len(rows), -1, _BITS)
        ways = np.packbits(left, axis=2)[:, :, 0].astype(np.int64)
        ways += np.arange(0, len(self.added), 1 << _BITS)
        return _sum_places(self.places, self.added.take(ways, axis=0).reshape(len(rows), -1), self.features)


@dataclass(frozen=True)
class RowExplainer:
    """Contributions of single rows, as LightGBM gives them but for the last digits."""

    trees: EdgeSums | Tables
    base: float

    @classmethod
    def read(cls, text: str, features: int) -> RowExplainer | None:
        """Read LightGBM's native text.

        None for what these sums are not made for: averaged, linear or many-valued trees, splits that no row of
        training went through, and trees without any split.
        """
        header, *trees = text.partition("end of trees")[0].split("\nTree=")
        documents = [_read_fields(tree) for tree in trees]
        with_splits = [tree for tree in documents if tree.get("split_feature")]
        if "average_output" in header.split() or _read_fields(header).get("num_tree_per_iteration") != "1":
            return None
        if not with_splits or any(tree.get("is_linear") == "1" for tree in documents):
            return None
        tests, splits = _read_tests(with_splits), _read_splits(with_splits)
        if min(splits.through.min(), splits.leaf_count.min()) <= 0:
            return None
        sums = EdgeSums.make(tests, splits, features)
        small = np.diff(splits.roots, append=len(splits.left)).max() <= _BITS and len(with_splits) <= _MOST_TABLES
        return cls(Tables.make(sums, splits.roots) if small else sums, sum(map(_compute_base, documents)))

    def explain(self, rows: NDArray[np.float32]) -> tuple[_Real, _Real]:
        """Return what each feature adds to each row's margin, (n, features), and the base of each row, (n,)."""
        return self.trees.explain(rows.astype(np.float64)), np.full(len(rows), self.base)


def _sum_places(places: _Whole, each: _Real, features: int) -> _Real:
    """Return `each` (n, places) summed by row and by the feature of each place, (n, features)."""
    rows = len(each)
    at = places if rows == 1 else (places + features * np.arange(rows)[:, None]).ravel()
    total = np.bincount(at, weights=each.ravel(), minlength=features * rows)
    return np.asarray(total, dtype=np.float64).reshape(rows, features)


def _go_left(tests: Tests, rows: _Real) -> _Bits:
    """Return whether each row goes left by each test, (n, tests)."""
    values = rows.take(tests.feature, axis=1)
    left = values <= tests.threshold
    left |= np.isnan(values) & tests.missing_left
    if len(tests.by_zero):
        zero = np.abs(values[:, tests.by_zero]) <= _ZERO
        left[:, tests.by_zero] = np.where(zero, tests.missing_left[tests.by_zero], left[:, tests.by_zero])
    for test, goes_left in tests.by_category:
        # Cut to whole numbers as LightGBM does: -0.5 is category 0. What is missing or not in the list goes right.
        left[:, test] = np.isin(np.trunc(rows[:, tests.feature[test]]), goes_left)
    return left


def _read_fields(block: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in block.splitlines() if "=" in line)


def _numbers(tree: Mapping[str, str], name: str) -> _Real:
    return np.array(tree.get(name, "").split(), dtype=np.float64)


def _join(trees: Sequence[Mapping[str, str]], name: str) -> _Real:
    return np.concatenate([_numbers(tree, name) for tree in trees])


def _read_tests(trees: Sequence[Mapping[str, str]]) -> Tests:
    """Return what is asked at all splits, one tree after the other."""
    kind, threshold = _join(trees, "decision_type").astype(np.int64), _join(trees, "threshold")
    # Where training saw nothing missing, what is missing now is 0.
    missing_left = np.where(kind & _MISSING, (kind & _LEFT_BY_DEFAULT) != 0, threshold >= 0)
    ask_category = np.flatnonzero(kind & _CATEGORY)
    missing_left[ask_category] = False
    by_zero = np.flatnonzero((kind & (_MISSING | _CATEGORY)) == _ZERO_MISSING)
    # A tree's splits by category have its lists of categories in order, each the list that its threshold numbers.
    lists = [(_read_categories(tree), _numbers(tree, "threshold")) for tree in trees]
    sizes = np.cumsum([0, *(len(numbers) for _, numbers in lists)])
    tree_of = np.searchsorted(sizes, ask_category, side="right") - 1
    by_category = tuple(
        (int(split), lists[tree][0][int(threshold[split])]) for split, tree in zip(ask_category, tree_of, strict=True)
    )
    return Tests(_join(trees, "split_feature").astype(np.int64), threshold, missing_left, by_zero, by_category)


def _pad_tests(tests: Tests, source: _Whole, at: _Whole) -> Tests:
    """Return the tests at their places among `source` (-1 for none, which nobody goes left by)."""
    here = source >= 0
    return Tests(
        np.where(here, tests.feature[source], 0),
        np.where(here, tests.threshold[source], -np.inf),
        here & tests.missing_left[source],
        at[tests.by_zero],
        tuple((int(at[split]), goes_left) for split, goes_left in tests.by_category),
    )


def _read_splits(trees: Sequence[Mapping[str, str]]) -> Splits:
    """Return where all splits lead, one tree after the other."""
    sizes = np.array([len(_numbers(tree, "split_feature")) for tree in trees])
    roots = np.cumsum(sizes) - sizes
    # A split is counted from the first of its tree, a leaf ~l from the tree's first leaf; a tree has one leaf more.
    split_from, leaf_from = np.repeat(roots, sizes), np.repeat(roots + np.arange(len(trees)), sizes)
    left, right = (_join(trees, name).astype(np.int64) for name in ("left_child", "right_child"))
    return Splits(
        np.where(left >= 0, left + split_from, left - leaf_from),
        np.where(right >= 0, right + split_from, right - leaf_from),
        _join(trees, "internal_count"),
        _join(trees, "leaf_value"),
        _join(trees, "leaf_count"),
        roots,
    )


def _read_categories(tree: Mapping[str, str]) -> list[_Whole]:
    """Return the categories that go left at each of a tree's splits by category: bits of words of 32."""
    bounds, words = _numbers(tree, "cat_boundaries").astype(int), _numbers(tree, "cat_threshold").astype("<u4")
    return [
        np.flatnonzero(np.unpackbits(words[first:last].view(np.uint8), bitorder="little"))
        for first, last in pairwise(bounds)
    ]


def _list_edges(tests: Tests, splits: Splits) -> tuple[Edges, tuple[Level, ...], int]:
    """Return all edges, where each level of them is, and the most features that one path reads."""
    leaf_at = len(splits.left)
    share_of = np.concatenate([splits.through, splits.leaf_count])
    value_of = np.concatenate([np.ones(leaf_at), splits.value])
    none = np.zeros(1, dtype=np.int64)
    edges = Edges(none, none != 0, none, none, np.ones(1), np.ones(1))
    read, levels = none, []
    splits_here, parents = splits.roots, np.zeros(len(splits.roots), dtype=np.int64)
    while len(splits_here):
        first, each = len(edges.split), len(splits_here)
        levels.append(Level(slice(first, first + each), slice(first + each, first + 2 * each), parents))
        split, parent = np.tile(splits_here, 2), np.tile(parents, 2)
        right = np.arange(len(split)) >= each
        to = np.where(right, splits.right[split], splits.left[split])
        at = np.where(to >= 0, to, leaf_at + ~to)
        above = _find_above(edges, tests.feature, split, parent)
        share = edges.share[above] * share_of[at] / splits.through[split]
        here = Edges(split, right, parent, above, share, value_of[at])
        read = np.concatenate([read, read[parent] + (above == 0)])
        edges = Edges(*(np.concatenate(pair) for pair in zip(edges, here, strict=True)))
        splits_here, parents = to[to >= 0], first + np.flatnonzero(to >= 0)
    return edges, tuple(levels), int(read.max())


def _find_above(edges: Edges, feature: _Whole, split: _Whole, parent: _Whole) -> _Whole:
    """Return the nearest of the edges before each of some, those after `split`, that reads the same feature, or 0."""
    above = parent
    while (other := (above != 0) & (feature[edges.split[above]] != feature[split])).any():
        above = np.where(other, edges.parent[above], above)
    return above


def _weigh_edges(edges: Edges, points: int) -> tuple[_Real, _Real]:
    """Return `factors` and `terms` of `EdgeSums`, exact for paths that read twice as many features as `points`."""
    at, weights = leggauss(points)
    t, weights = (at + 1) / 2, weights / 2
    inside = np.array([[False, False], [False, True], [True, True]], dtype=np.float64)
    own, above = inside[:, :1], inside[:, 1:]
    z_own, z_above = edges.share[:, None, None], edges.share[edges.above][:, None, None]
    f_own, f_above = z_own * (1 - t) + own * t, z_above * (1 - t) + above * t
    # Nothing stands above a feature's first edge: its factor is 1, and it adds nothing.
    first = (edges.above == 0)[:, None, None]
    f_above = np.where(first, 1.0, f_above)
    terms = (own - z_own) / f_own - np.where(first, 0.0, (above - z_above) / f_above)
    factors = f_own / f_above
    factors *= edges.value[:, None, None]
    factors[0], terms[0] = 1.0, 0.0
    return factors.reshape(-1, points), (terms * weights).reshape(-1, points)


def _compute_base(tree: Mapping[str, str]) -> float:
    """Return the mean of a tree's values over its rows of training."""
    values, counts = _numbers(tree, "leaf_value"), _numbers(tree, "leaf_count")
    return float(values @ counts / counts.sum()) if len(values) > 1 else float(values[0])
