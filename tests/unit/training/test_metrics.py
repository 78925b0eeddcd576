from __future__ import annotations

from datetime import date

import numpy as np

from training.data.lists import Period
from training.judging.metrics import measure_stability


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


def test_stability_is_the_share_that_was_on_the_list_before() -> None:
    period = three_months()
    assert measure_stability(period, PLACE) == 1.0
    changing = np.array([1, 2, 3, 4, 4, 1, 2, 3, 3, 4, 1, 2])
    assert measure_stability(period, changing) == 0.5


def test_one_list_has_no_stability() -> None:
    period = three_months()
    one = Period(**{name: getattr(period, name) for name in Period.__dataclass_fields__} | {"days": period.days[:1]})
    assert measure_stability(one, PLACE) is None
