"""Each person's events stand in the order that a sort by all keys gives, whatever order they are read in."""

from __future__ import annotations

import numpy as np

from features.engines.compiled import kernel


def test_histories_are_ordered_as_one_sort_of_all_keys_would() -> None:
    rng = np.random.default_rng(20261129)
    unordered = 0
    for trial in range(40):
        number, people = int(rng.integers(0, 400)), int(rng.integers(1, 6))
        owner = np.sort(rng.integers(0, people, number))
        start = np.searchsorted(owner, np.arange(people + 1)).astype(np.int64)
        valid = rng.integers(0, int(rng.integers(2, 200)), number)
        if trial % 3 == 0:
            valid = np.sort(valid)
        known, tie = rng.integers(0, 4, number), rng.integers(0, 3, number).astype(np.int32)
        whole = np.lexsort((tie, known, valid, owner))
        assert np.array_equal(kernel.order_histories(start, valid, known, tie), whole), trial
        unordered += int(not np.array_equal(whole, np.arange(number)))
    assert unordered > 30
