"""How lists are made and worked, as worklist.toml says it, and the rows of many weeks' lists."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from charter.contracts.matrix import Matrix
from charter.council.council import Council
from charter.council.programme import Programme
from charter.council.worklist_settings import DEFAULT_ANSWERS, Replay, WorklistFile
from charter.invocation import shipped_council
from training.data.dataset import Dataset
from training.data.list_rules import ListRules
from training.data.lists import Period, Places
from training.data.weeks import gather_weeks

DECISIONS = [{"id": name, "title": name, "reasons": []} for name in ("taken_up", "set_aside", "stepped_up")]


def rules_of(**sections: Any) -> ListRules:
    weeks = {"taken_up": 26, "family_said_no": 52, "set_aside": 8}
    return ListRules.of(WorklistFile.model_validate({"cooling_off": weeks, **sections}))


def test_the_shipped_programme_states_what_is_the_default() -> None:
    worklist = Programme.load(shipped_council() / "early_help").worklist
    assert ListRules.of(worklist) == ListRules.of(worklist.replace(replay=Replay()))
    assert ListRules.of(worklist).answers == DEFAULT_ANSWERS
    assert ListRules.of(worklist).undecided == pytest.approx(0.05)


def test_the_burn_in_is_the_rest_of_the_commonest_decision_that_has_one() -> None:
    answers = {"deferred": 0.4, "taken_up": 0.3, "family_said_no": 0.1}
    rules = rules_of(replay={"answers": answers, "decided_after": 3})
    assert rules.lists_left_out == {"deferred": 1, "taken_up": 27, "family_said_no": 53}
    assert rules.burn_in == 27
    assert rules.mean_rest == pytest.approx(0.4 + 0.3 * 27 + 0.1 * 53 + 0.2)
    assert rules_of(replay={"answers": {"deferred": 1.0}}).burn_in == 0
    monthly = rules_of(list={"days": 28}, replay={"answers": answers})
    assert monthly.lists_left_out["taken_up"] == 7


def test_places_drawn_by_lot_are_no_models() -> None:
    """As `rank` divides them: the last ones, rounded down. Broken by counting them as ranked."""
    rules = rules_of(exploration={"share": 0.25})
    assert rules.count_ranked({"north": 8, "south": 7, "west": 3}) == {"north": 6, "south": 6, "west": 3}
    assert rules_of().count_ranked({"north": 8}) == {"north": 8}


def test_half_undecided_keeps_the_proportions_of_the_rest() -> None:
    half = rules_of(replay={"answers": {"taken_up": 0.6, "set_aside": 0.2}}).with_undecided(0.5)
    assert half.answers == pytest.approx({"taken_up": 0.375, "set_aside": 0.125})
    assert half.undecided == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("section", "rule"),
    [
        ({"answers": {"taken_up": 0.7, "set_aside": 0.4}}, r"adds up to 1\.1"),
        ({"answers": {"taken_up": True}}, "valid number"),
        ({"answers": {"taken_up": -0.1}}, "greater than or equal to 0"),
        ({"answers": {"takenup": 0.1}}, "is 'takenup', which is not known"),
        ({"decided_after": 1.5}, "valid integer"),
        ({"answers": {"wrong_data": 0.1}}, r"names 'wrong_data', which is no \[\[decision\]\]"),
        ({"answer": {}}, "Extra inputs"),
    ],
)
def test_a_slip_is_refused_with_its_key(section: dict[str, Any], rule: str) -> None:
    with pytest.raises(ValueError, match=rule):
        rules_of(replay=section, decision=DECISIONS)


def test_weeks_hold_what_a_period_holds_of_the_same_dates(shared_matrix: Matrix, council: Council) -> None:
    """Broken by numbering households week by week, or by labels of another moment."""
    data = Dataset.open(shared_matrix, council)
    programme = Programme.load(shipped_council() / "early_help")
    capacity = {day: programme.capacity(council, day) for day in data.dates}
    period = Period.of(data, data.dates, Places.of(data, data.dates, capacity, council))
    weeks = gather_weeks(data, lambda day: programme.capacity(council, day))
    assert weeks.days == period.days
    assert (weeks.week == period.day).all()
    assert (weeks.names[weeks.household] == period.entity).all()
    assert len(set(weeks.names.tolist())) == len(weeks.names) == period.households
    assert (weeks.labelled == period.labelled).all()
    assert (weeks.needed == period.positive).all()
    assert (weeks.new == ~period.in_touch).all()
    assert np.allclose(weeks.days_until, period.lead_days, equal_nan=True)
    teams = np.array(weeks.list_team)
    assert (teams[weeks.list_of] == np.array(period.group_team)[period.group]).all()
    assert weeks.room.sum() == sum(sum(places.values()) for places in capacity.values())


def test_who_has_a_worker_is_on_no_list_but_still_there(shared_matrix: Matrix, council: Council) -> None:
    data = Dataset.open(shared_matrix, council)
    places = Programme.load(shipped_council() / "early_help").capacity
    weeks = gather_weeks(data, lambda day: places(council, day), ["early_help_now"])
    column = shared_matrix.features.index("early_help_now")
    helped = np.concatenate([np.asarray(data.at(day).features[:, column]) > 0 for day in data.dates])
    assert helped.any()
    assert ((weeks.list_of < 0) == helped).all()
