"""What begins is counted where it was delivered, whatever became of the other components."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from charter.contracts.matrix import NONE, MatrixDate
from charter.invocation import Invocation
from training.data.dataset import Dataset
from training.data.onsets import measure_onsets
from training.models.planning import make_plan


def see_half(rows: MatrixDate) -> MatrixDate:
    """Let every other household's first component be one that nobody may see; all have the second or not by chance."""
    seen = np.asarray(rows.outcome_seen).copy()
    seen[::2, 0] = False
    at = np.asarray(rows.outcome_at).copy()
    at[::2, 0] = NONE
    return replace(rows, outcome_seen=seen, outcome_at=at)


@pytest.mark.parametrize("place", [0, 1])
def test_a_component_is_counted_over_the_rows_that_it_was_delivered_for(
    make: Callable[[Any], Invocation], how: Any, place: int
) -> None:
    """Broken by the row's label, which is known of whoever had the other component, and not of whoever had neither."""
    data = make_plan(make(how(households=400, base=-1.0, edit=see_half))).data
    days = data.dates[:4]
    part = measure_onsets(data, days, {})["components"][place]
    seen = np.concatenate([np.asarray(data.at(day).outcome_seen)[:, place] for day in days])
    had = np.concatenate([np.asarray(data.at(day).outcome_at)[:, place] != NONE for day in days])
    assert isinstance(data, Dataset)
    assert part["free"] == seen.sum() > 100
    assert part["began"] == pytest.approx(had[seen].mean())
    assert 0 < part["began"] < 1
