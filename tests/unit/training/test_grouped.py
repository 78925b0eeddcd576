"""The diagnostic that no household, and nobody of it, was learned from before it is tested on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from charter.contracts.matrix import MatrixDate
from charter.invocation import Invocation, shipped_council
from features.grammar.definition import Definition
from training.judging.unseen_households import _mark_met, judge_disjoint
from training.models.fitting import Bins, fit_model, gather_lessons, score_out_of_time
from training.models.planning import make_plan

FREE = next(
    column
    for column, feature in enumerate(
        Definition.load(shipped_council() / "early_help" / "definition.py").document()["features"]
    )
    if feature["direction"] is None
)
"""A feature that may go either way."""


def figures_of(invocation: Invocation, **trees: float) -> dict[str, dict[str, Any]]:
    planned = make_plan(invocation)
    settings, model = planned.settings, "lightgbm"
    planned = replace(planned, settings=settings.replace(lightgbm=settings.lightgbm.replace(**trees)))
    bins, fold = Bins.of(planned), planned.selecting[-1]
    temporal = score_out_of_time(planned, fold, fit_model(planned, bins, gather_lessons(planned, fold), model))
    found = judge_disjoint(planned, bins, fold, model, temporal)
    assert found is not None
    assert len(found["rows_left_out"]) == found["groups"] == 5
    assert all(rows > 0 for rows in found["rows_left_out"])
    return {figure["measure"]: figure for figure in found["figures"]}


def stamped(rows: MatrixDate) -> MatrixDate:
    """Give each household a number of its own that says nothing of others, and an outcome that it always has."""
    values = np.array(rows.features)
    lots = np.array([int(name[:8], 16) for name in np.asarray(rows.entity)], dtype=np.int64)
    values[:] = np.nan
    values[:, FREE] = lots % 997
    day = int(np.asarray(rows.outcome_at).max())
    fated = (lots % 7 == 0)[:, None] & (np.arange(rows.outcome_at.shape[1]) == 0)
    none = np.iinfo(np.int64).min
    return replace(
        rows,
        features=values,
        outcome_at=np.where(fated, day, none),
        outcome_known_at=np.where(fated, day, none),
    )


def test_a_model_that_only_remembers_households_is_found_out(make: Callable[[Any], Invocation], how: Any) -> None:
    """Each household's fate hangs on its number: learned by heart it is known, and of strangers nothing is."""
    figures = figures_of(
        make(how(households=400, edit=stamped)),
        trees=60,
        leaves=63,
        rows_per_leaf=5,
        learning_rate=0.2,
        feature_share=1,
    )
    assert figures["auroc_temporal"]["estimate"] > 0.7
    assert figures["auroc_disjoint"]["estimate"] < 0.6
    assert figures["auroc_difference"]["high"] < 0


def test_a_model_of_need_does_nearly_as_well_on_strangers(make: Callable[[Any], Invocation], how: Any) -> None:
    figures = figures_of(make(how(households=600)))
    assert abs(figures["auroc_difference"]["estimate"]) < 0.05


def members(rows: MatrixDate) -> list[tuple[bytes, bytes]]:
    """Return (household, person) pairs."""
    household = np.asarray(rows.entity)[np.asarray(rows.person_row)]
    return list(zip(household.tolist(), np.asarray(rows.person).tolist(), strict=True))


def test_nobody_of_the_tested_households_is_learned_from_wherever_they_lived(
    make: Callable[[Any], Invocation], how: Any
) -> None:
    """A person who lived elsewhere before takes that household's rows out as well."""

    def moved(rows: MatrixDate) -> MatrixDate:
        person = np.array(rows.person)
        if rows.as_of.year >= 2024:
            person[:3] = np.asarray(rows.person)[-3:]
        return replace(rows, person=person)

    planned = make_plan(make(how(households=100, edit=moved)))
    fold = planned.selecting[-1]
    home = np.asarray(planned.data.at(fold.test[0]).entity)[:1]
    people = {name for day in fold.test for row, name in members(planned.data.at(day)) if row == home[0]}
    for day, shared in _mark_met(planned.data, fold, home).items():
        rows = planned.data.at(day)
        theirs = {row for row, name in members(rows) if row == home[0] or name in people}
        slowly = [name in theirs for name in np.asarray(rows.entity).tolist()]
        assert shared.tolist() == slowly
