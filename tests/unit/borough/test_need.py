"""Need drives events, and groups have the same of it."""

from __future__ import annotations

import numpy as np
import pytest

from borough.need import DOMAINS
from borough.town import Town
from charter.council.council import Council


def _everywhere(town: Town) -> tuple[np.ndarray, np.ndarray]:
    month, unit = np.indices((town.days.months, town.population.units))
    return month.ravel(), unit.ravel()


@pytest.mark.parametrize("domain", DOMAINS)
def test_a_level_is_one_on_average_and_higher_where_need_is(town: Town, domain: str):
    month, unit = _everywhere(town)
    level = town.need.level(domain, 1.0, month, unit)
    assert level.mean() == pytest.approx(1.0, abs=0.15)
    assert np.corrcoef(np.log(level), town.need.z[domain][month, unit])[0, 1] > 0.99


def test_need_lasts_in_part_and_fades_in_part(town: Town):
    z = town.need.z["shared"]
    month, year = (np.corrcoef(z[60], z[60 + step])[0, 1] for step in (1, 36))
    assert month > 0.95
    assert 0.3 < year < 0.8


def test_parting_raises_need_in_both_homes(town: Town):
    old, new, _ = town.population.partings
    z, grid = town.need.z["shared"], town.population.unit_at
    raised = []
    for left, joined in zip(old, new, strict=True):
        months = np.flatnonzero((grid == joined).any(axis=1))
        if len(months) > 24 and months[0] > 12:
            raised.append(z[months[0] + 6, [left, joined]].mean() - z[months[0] - 6, [left, joined]].mean())
    assert np.mean(raised) > 0.3


def test_in_the_points_borough_need_never_changes_and_is_the_same_everywhere(fernhill: Council):
    town = Town.build(fernhill, 200, 1, "points")
    month, unit = _everywhere(town)
    levels = [town.need.level(domain, 1.5, month, unit) for domain in DOMAINS]
    assert len(np.unique(levels[0])) == 2
    assert all((level == levels[0]).all() for level in levels)
    assert levels[0].mean() == pytest.approx(1.0, abs=0.1)
