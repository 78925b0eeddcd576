from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np

from training.data.lists import Period
from training.judging.bootstrap import Draws
from training.judging.isolated_lists import measure_stability, replay_policy


def three_months() -> Period:
    """Return four households of a team with two places, on three lists a month apart; 0 and 3 come to need."""
    return Period(
        days=(date(2024, 1, 1), date(2024, 2, 1), date(2024, 3, 1)),
        day=np.repeat(np.arange(3, dtype=np.int32), 4),
        entity=np.tile(np.array([b"a", b"b", b"c", b"d"], dtype="S32"), 3),
        household=np.tile(np.arange(4, dtype=np.int32), 3),
        group=np.repeat(np.arange(3, dtype=np.int32), 4),
        group_team=("one",) * 3,
        group_day=np.arange(3, dtype=np.int32),
        room=np.full(3, 2, dtype=np.int64),
        labels=np.tile(np.array([1, 0, 0, 1], dtype=np.int8), 3),
        components=np.zeros((12, 0), dtype=bool),
        lead_days=np.full(12, np.nan),
        in_touch=np.zeros(12, dtype=bool),
        area=np.zeros(12, dtype="S9"),
    )


PLACE = np.tile(np.array([1, 2, 3, 4]), 3)


def test_without_a_rest_the_same_households_fill_every_list() -> None:
    done = replay_policy(three_months(), PLACE, rest_weeks=0)
    assert (done.listings, done.households, done.found, done.in_need) == (6, 2, 1, 2)
    assert done.recall == 0.5


def test_a_rest_gives_the_places_to_the_next_ones_until_it_is_over() -> None:
    done = replay_policy(three_months(), PLACE, rest_weeks=5)
    assert (done.listings, done.households, done.found) == (6, 4, 2)


def test_places_stay_empty_where_everybody_rests() -> None:
    done = replay_policy(three_months(), PLACE, rest_weeks=52)
    assert (done.listings, done.households) == (4, 4)


def test_stability_is_the_share_that_was_on_the_list_before() -> None:
    period = three_months()
    assert measure_stability(period, PLACE) == 1.0
    changing = np.array([1, 2, 3, 4, 4, 1, 2, 3, 3, 4, 1, 2])
    assert measure_stability(period, changing) == 0.5


def test_one_list_has_no_stability() -> None:
    period = three_months()
    one = Period(**{name: getattr(period, name) for name in Period.__dataclass_fields__} | {"days": period.days[:1]})
    assert measure_stability(one, PLACE) is None


def test_over_the_year_there_is_a_list_every_week_and_who_is_open_to_a_service_takes_no_place() -> None:
    """Two places a week, a rest of a year: in January's four or five weeks everybody is listed once."""
    period = three_months()
    done = replay_policy(period, PLACE, rest_weeks=52, weekly=True)
    assert (done.listings, done.households, done.found) == (4, 4, 2)
    busy = replace(period, in_touch=np.tile(np.array([True, False, False, False]), 3))
    passed = replay_policy(busy, PLACE, rest_weeks=52, weekly=True, pass_over_busy=True)
    assert (passed.listings, passed.households, passed.found) == (3, 3, 1)


def test_a_household_is_found_only_if_its_outcome_had_not_come_before_its_list() -> None:
    """With one place and a rest, the fourth household's turn comes in the fourth week, three weeks on."""
    period = replace(three_months(), room=np.ones(3, dtype=np.int64))
    for lead, found in ((22.0, True), (20.0, False)):
        early = replace(period, lead_days=np.full(12, lead))
        first_list_of_each = replay_policy(early, PLACE, rest_weeks=52, weekly=True)
        assert first_list_of_each.households == 4
        assert first_list_of_each.found == 1 + found


def test_the_share_found_has_an_interval_over_households() -> None:
    period = three_months()
    done = replay_policy(period, PLACE, rest_weeks=5, draws=Draws.of(period, 300, 1))
    assert done.low is not None
    assert done.high is not None
    assert 0 <= done.low <= done.found / done.households <= done.high <= 1
