"""Question and analysis are fixed before the first lot; what changes afterwards is said beside the answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from charter.council.trial_design import TrialFile
from charter.errors import DataError, DefinitionError, SignOffError, UsageError
from charter.rules.holdout import TailLot, derive_seed, draw_tail
from charter.signing.trial_lots import ListLots, write_lots
from fairness_reports.impact.analysis_plan import list_deviations
from fairness_reports.impact.registering import describe_lots, open_matrix, register_planned_trial
from tests.trial_files import sign_trial, write_trial


@pytest.fixture
def world(worlds: Callable[..., Any]) -> Any:
    world = worlds(households=200)
    write_trial(world.council)
    return world


def test_nothing_is_registered_that_nobody_signed(world: Any) -> None:
    with pytest.raises(SignOffError, match="not signed"):
        register_planned_trial(world.invocation)


def test_the_analysis_is_fixed_with_the_outcome_of_the_definition(world: Any) -> None:
    sign_trial(world.invocation)
    registration = register_planned_trial(world.invocation)
    assert registration.analysis["primary"] == ["homelessness.duty_owed", "social_care.child_in_need"]
    assert registration.analysis["question"] == TrialFile.load(world.invocation.council).question
    definition = open_matrix(world.invocation).definition
    trial = TrialFile.load(world.invocation.council)
    assert list(list_deviations(registration, trial, definition, world.invocation.council)) == []
    write_trial(world.council, worth_seeing="0.01")
    edited = TrialFile.load(world.invocation.council)
    (sentence,) = list_deviations(registration, edited, definition, world.invocation.council)
    assert "was edited after it was registered" in sentence
    assert (
        len(list(list_deviations(registration, None, {**definition, "hash": "another"}, world.invocation.council))) == 2
    )


def test_an_outcome_that_the_acting_team_records_is_refused(world: Any) -> None:
    write_trial(world.council, acting='["early_help", "homelessness"]')
    sign_trial(world.invocation)
    with pytest.raises(DefinitionError, match="recorded by homelessness, whose workers act on the list"):
        register_planned_trial(world.invocation)
    write_trial(world.council, acting='["homelessness"]', primary='"social_care.child_in_need"')
    sign_trial(world.invocation)
    assert register_planned_trial(world.invocation).analysis["primary"] == ["social_care.child_in_need"]


def test_an_outcome_that_is_not_there_is_refused(world: Any) -> None:
    write_trial(world.council, primary='"homelessness.duty_owd"')
    sign_trial(world.invocation)
    with pytest.raises(DefinitionError, match="no component") as caught:
        register_planned_trial(world.invocation)
    assert "Did you mean 'homelessness.duty_owed'?" in str(caught.value)


def _leave_lots(world: Any, seed: str) -> list[Path]:
    paths = []
    for number in range(40):
        list_id = f"north-{number:02d}"
        lot = TailLot(derive_seed(seed, list_id), list_id, 0.5)
        pool = [(rank, f"h{number:02d}-{rank}") for rank in range(5, 13)]
        draw = draw_tail(lot, pool, 4)
        margins = tuple(float(20 - rank) for rank, _ in pool)
        lots = ListLots("now_or_later_2027", "north", date(2027, 1, 4), lot, 4, draw.households, margins)
        paths.append(write_lots(world.invocation.workspace, lots))
    return paths


def test_lots_are_drawn_again_and_arms_compared_by_what_was_known_before(world: Any) -> None:
    with pytest.raises(UsageError, match="no trial is registered"):
        describe_lots(world.invocation)
    sign_trial(world.invocation)
    registration = register_planned_trial(world.invocation)
    paths = _leave_lots(world, registration.seed)
    document, words = describe_lots(world.invocation)
    assert (document["listed"], document["held_out"]) == (160, 160)
    assert "no more than lots do" in words
    raw = json.loads(paths[0].read_text())
    # Allocation not by lot: somebody puts the first four on the list instead.
    for row in raw["households"]:
        row |= {"has_place": row["rank"] < 9, "arm": "ranked" if row["rank"] < 9 else "control"}
    paths[0].write_text(json.dumps(raw))
    with pytest.raises(DataError, match="was not drawn by its seed"):
        describe_lots(world.invocation)
