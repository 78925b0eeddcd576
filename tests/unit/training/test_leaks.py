"""A feature that was known only after the outcome is named before anything is trained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from charter.contracts.matrix import NONE, MatrixDate
from charter.errors import DataError
from charter.invocation import Invocation
from training.models.contenders import Sample
from training.models.leaks import find_suspects
from training.models.planning import make_plan

COLUMN = 7


def planted(rows: MatrixDate) -> MatrixDate:
    """Put the outcome itself into a column: what a closure code recorded afterwards would look like."""
    values = np.array(rows.features)
    values[:, COLUMN] = (np.asarray(rows.outcome_at) != NONE).any(axis=1) * 3
    return replace(rows, features=values)


def partly(rows: MatrixDate) -> MatrixDate:
    """Put a third of the outcomes into a column and nothing else: it orders few pairs, and is never wrong."""
    values = np.array(rows.features)
    outcome = (np.asarray(rows.outcome_at) != NONE).any(axis=1)
    values[:, COLUMN] = outcome & (np.arange(len(outcome)) % 3 == 0)
    return replace(rows, features=values)


@pytest.mark.parametrize(("edit", "sign"), [(planted, "of 100 pairs rightly"), (partly, "rows had the outcome")])
def test_a_planted_leak_is_refused_by_name(make: Callable[[Any], Invocation], how: Any, edit: Any, sign: str) -> None:
    with pytest.raises(DataError, match="knows the outcome too well") as refused:
        make_plan(make(how(edit=edit)))
    assert sign in refused.value.message
    assert "[leaks]" in refused.value.next_step
    assert refused.value.exit_code == 11


def test_a_leak_that_was_accepted_is_carried_by_name(make: Callable[[Any], Invocation], how: Any) -> None:
    invocation = make(how(edit=planted))
    path = invocation.council.folder / "early_help" / "training.toml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text + '\n[leaks]\nsuspected = "accept"\n', encoding="utf-8")
    try:
        planned = make_plan(invocation)
    finally:
        path.write_text(text, encoding="utf-8")
    assert [leak.feature for leak in planned.suspected] == [planned.data.matrix.features[COLUMN]]


def test_strong_features_that_are_no_leak_pass() -> None:
    generator = np.random.default_rng(3)
    need = generator.normal(size=5000)
    labels = (generator.random(5000) < 1 / (1 + np.exp(2.5 - 2 * need))).astype(np.int8)
    values = np.column_stack([np.round(need * 3), generator.poisson(1, 5000)]).astype(np.float32)
    assert find_suspects(Sample(values, labels), ["need", "noise"]) == []


def test_a_few_rows_that_all_had_the_outcome_are_no_leak() -> None:
    values = np.zeros((2000, 1), dtype=np.float32)
    values[:20] = 1
    labels = np.zeros(2000, dtype=np.int8)
    labels[:20] = labels[100:300] = 1
    assert find_suspects(Sample(values, labels), ["rare"]) == []
