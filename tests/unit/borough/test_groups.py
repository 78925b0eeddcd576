"""Groups are dealt out last, so that nothing that happens differs between them."""

from __future__ import annotations

import numpy as np
import pytest

from borough.groups import deal_groups
from borough.population import GROUPS
from borough.services import education, homelessness, social_care
from borough.town import Town
from charter.council.council import Council


@pytest.fixture(scope="module")
def larger(fernhill: Council) -> Town:
    return deal_groups(Town.build(fernhill, 3000, 5, "standard"), "")


def test_groups_have_their_shares(larger: Town):
    share = np.bincount(larger.population.unit_group, minlength=len(GROUPS)) / larger.population.units
    assert share == pytest.approx(larger.rates.shares("people", "ethnicity"), abs=0.001)
    own = larger.people.group == larger.population.unit_group[larger.people.unit]
    assert 0.93 < own.mean() < 0.97


def test_groups_have_the_same_outcomes(larger: Town):
    total = np.zeros(larger.population.units)
    for service in (homelessness, education, social_care):
        unit, month = service.list_outcomes(larger)
        total += np.bincount(unit[month >= 60], minlength=len(total))
    by_group = [total[larger.population.unit_group == group].mean() for group in range(len(GROUPS))]
    assert total.sum() > 300
    assert max(by_group) / min(by_group) < 1.15


def test_groups_have_the_same_need(larger: Town):
    lasting, group = larger.need.z["shared"][60:].mean(axis=0), larger.population.unit_group
    means = [lasting[group == index].mean() for index in range(len(GROUPS))]
    assert max(means) - min(means) < 0.1


@pytest.mark.parametrize(("trait", "rate"), [("disabled", "disability"), ("declines", "declines")])
def test_disability_and_not_telling_are_as_common_wherever_outcomes_happen(larger: Town, trait: str, rate: str):
    people = larger.people
    has = getattr(people, trait)
    unit, month = social_care.list_outcomes(larger)
    troubled = np.isin(people.unit, unit[month >= 60]) & (people.role == 2)
    share = larger.rates.of("people", rate)
    assert has.mean() == pytest.approx(share, abs=0.002)
    assert has[troubled].mean() == pytest.approx(share, abs=0.02)


def test_an_unfair_borough_has_the_same_groups(fernhill: Council):
    fair, unfair = (deal_groups(Town.build(fernhill, 200, 1, "standard"), kind) for kind in ("", "both"))
    assert (fair.people.group == unfair.people.group).all()
    assert (fair.population.unit_group == unfair.population.unit_group).all()
    units = np.arange(fair.population.units)
    rng = np.random.default_rng(1)
    assert fair.recording.signal(rng, units).all()
    dropped = ~unfair.recording.outcome(rng, units)
    assert set(unfair.population.unit_group[dropped]) == {GROUPS.index("Asian")}
