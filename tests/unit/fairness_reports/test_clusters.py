"""Households as numbers: what `np.unique` gives, without sorting names row by row."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from fairness_reports.audit.measuring.clusters import number_clusters, number_names


@pytest.mark.parametrize(
    "cluster",
    [
        np.array([8, 3, 3, 5]),
        np.array([0, 2, 1, 0]),
        np.array([-4, 7, -4]),
        np.array([10**15, 3, 10**15]),
        np.zeros(0, dtype=np.int64),
    ],
    ids=["gaps", "none", "below nothing", "large", "nobody"],
)
def test_clusters_are_numbered_in_their_order(cluster: NDArray[np.int64]) -> None:
    names, number = np.unique(cluster, return_inverse=True)
    found, clusters = number_clusters(cluster)
    assert np.array_equal(found, number)
    assert clusters == len(names)


@pytest.mark.parametrize("kind", ["S1", "S8", "S13", "S32"])
def test_names_are_numbered_in_alphabetical_order(kind: str) -> None:
    """Broken by leaving them in the order of their marks."""
    rng = np.random.default_rng(1)
    letters = np.array([b"%013x" % value for value in rng.integers(0, 2**50, 300)])
    names = np.where(rng.random(2000) < 0.1, b"", letters[rng.integers(0, 300, 2000)]).astype(kind)
    different, number = np.unique(names, return_inverse=True)
    found, told = number_names(names)
    assert np.array_equal(found, number)
    assert told.tolist() == different.tolist()
    assert [len(one) for one in number_names(names[:0])] == [0, 0]
