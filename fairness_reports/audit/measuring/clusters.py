"""Households as numbers from 0: what every count by household begins with, without sorting where numbers are small."""

from __future__ import annotations

import weakref

import numpy as np
from numpy.typing import NDArray

__all__ = ["number_clusters", "number_names", "sort_clusters"]

_WORD = 8
_REMEMBERED: list[tuple[weakref.ref[NDArray[np.int64]], NDArray[np.int64], NDArray[np.int64]]] = []
_SPARSE = 8
"""Numbers up to so many times the rows are looked up in a table; larger ones are sorted."""


def number_clusters(cluster: NDArray[np.int64]) -> tuple[NDArray[np.int64], int]:
    """Return each row's cluster as a number from 0, in the clusters' order, (rows,), and how many clusters there are.

    Clusters 8, 3, 3 and 5 are 2, 0, 0 and 1 of 3.
    """
    if not len(cluster):
        return np.zeros(0, dtype=np.int64), 0
    low, high = int(cluster.min()), int(cluster.max())
    if low < 0 or high >= _SPARSE * len(cluster) + _SPARSE:
        names, number = np.unique(cluster, return_inverse=True)
        return number.astype(np.int64), len(names)
    there = np.zeros(high + 1, dtype=np.bool_)
    there[cluster] = True
    place = np.cumsum(there) - 1
    clusters = int(place[-1]) + 1
    return (cluster if clusters == len(there) else place[cluster]), clusters


def sort_clusters(cluster: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows in the order of their clusters (rows,), and where in that order each cluster starts (clusters,).

    Clusters 8, 3, 3 and 5: rows 1, 2, 3, 0, which start at 0, 2 and 3. An audit counts the same households in many
    ways: of an array that nobody can write to, the order is remembered until another is asked about.
    """
    for of, order, starts in _REMEMBERED:
        if of() is cluster:
            return order, starts
    order = np.argsort(cluster, kind="stable")
    ordered = cluster[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]][: len(ordered)])
    if not cluster.flags.writeable:
        _REMEMBERED[:] = [(weakref.ref(cluster), order, starts)]
    return order, starts


def number_names(names: NDArray[np.bytes_]) -> tuple[NDArray[np.int64], NDArray[np.bytes_]]:
    """Return each row's name as a number from 0, in alphabetical order, (rows,), and the different names.

    What `np.unique` gives. Names occur at many dates and are slow to sort: rows are sorted by one number for each name,
    and the different names alone by themselves. Two names with one number are all but impossible, and found.
    """
    width = -(-max(names.dtype.itemsize, 1) // _WORD) * _WORD
    words = np.ascontiguousarray(names.astype(f"S{width}")).view(np.uint64).reshape(len(names), width // _WORD)
    marks = np.random.default_rng(20260928).integers(0, 2**63, words.shape[1], dtype=np.uint64) * 2 + 1
    _, first, met = np.unique((words * marks).sum(axis=1, dtype=np.uint64), return_index=True, return_inverse=True)
    different = names[first]
    if not np.array_equal(different[met], names):  # pragma: no cover - see above
        different, number = np.unique(names, return_inverse=True)
        return number.astype(np.int64), different
    order = np.argsort(different, kind="stable")
    place = np.empty(len(different), dtype=np.int64)
    place[order] = np.arange(len(different))
    return place[met], different[order]
