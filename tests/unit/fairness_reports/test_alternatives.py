"""The list made otherwise, and data that gives a group away."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import lightgbm as lgb
import numpy as np
import pytest

from charter.council.register import Register
from fairness_reports.audit.explaining.alternatives import (
    measure_other_capacities,
    measure_without_data,
    predict_contributions,
)
from fairness_reports.audit.explaining.proxies import TOGETHER, measure_proxies
from fairness_reports.audit.measuring.findings import About
from fairness_reports.audit.run_findings import Audited, gather_run

ABOUT = About("", None, "lightgbm", "capacity")


@pytest.fixture(scope="module")
def audited(shared_world: Any) -> Audited:
    return gather_run(shared_world.invocation)


def test_the_listing_selects_as_the_audit_did(audited: Audited) -> None:
    people = audited.people
    assert np.array_equal(people.listing.select()[people.listed_as], people.selected)
    per_date = [people.listing.select()[people.listing.day == day].sum() for day in range(len(people.listing.days))]
    assert set(per_date) == {20}
    assert people.listing.select(times=0.4).sum() == people.listing.select().sum() * 2 / 5
    assert (people.listing.select(times=2.0) >= people.listing.select()).all()


def test_a_household_that_no_team_serves_is_never_listed(audited: Audited) -> None:
    listing = audited.people.listing
    nobody = np.where(np.arange(len(listing.team)) % 2 == 0, "", listing.team)
    from dataclasses import replace

    left = replace(listing, team=nobody, room=np.where(nobody == "", 0, listing.room))
    assert not left.select()[nobody == ""].any()


def test_more_places_reach_more(audited: Audited) -> None:
    rows = measure_other_capacities(audited.people, audited.groups, ABOUT, 100, 1)
    whole = {row["at"]: row["estimate"] for row in rows if row["measure"] == "recall" and row["group"] is None}
    assert list(whole) == ["capacity x 0.5", "capacity x 2", "capacity x 4"]
    assert whole["capacity x 0.5"] < whole["capacity x 2"] < whole["capacity x 4"]
    assert {row["characteristic"] for row in rows} == {None, "ethnicity", "sex", "disability"}


def test_contributions_sum_to_the_candidates_margin(audited: Audited) -> None:
    model = audited.run / "model.lgb"
    found = predict_contributions(model, audited.matrix, audited.people)
    listing = audited.people.listing
    assert len(found.rows) == int((listing.day >= len(listing.days) - 3).sum())
    booster = lgb.Booster(model_file=str(model))
    day = listing.days[-1]
    at = audited.matrix.at(day)
    expected = booster.predict(np.asarray(at.features), raw_score=True)
    last = found.values[listing.day[found.rows] == len(listing.days) - 1].sum(axis=1)
    # LightGBM's last column, left out here, is the same for every row.
    assert np.ptp(last - expected) < 1e-9


def test_taking_out_what_matters_costs_precision_and_naming_intrusiveness(audited: Audited, shared_world: Any) -> None:
    register = Register.load(shared_world.council / "register.toml")
    found = predict_contributions(audited.run / "model.lgb", audited.matrix, audited.people)
    rows = measure_without_data(
        audited.people, audited.matrix.definition, register, found, audited.groups, ABOUT, 100, 1
    )
    precision = {row["at"]: row for row in rows if row["measure"] == "precision" and row["group"] is None}
    plain = precision["capacity, newest 3 dates"]["estimate"]
    assert precision["capacity, newest 3 dates, without education"]["estimate"] < plain
    assert precision["capacity, newest 3 dates, without education"]["note"].startswith("intrusiveness ")
    assert "capacity, newest 3 dates, without system responses" in precision
    by_group = {(row["at"], row["group"]) for row in rows if row["characteristic"] == "ethnicity"}
    assert ("capacity, newest 3 dates, without system responses", "Black") in by_group


def test_in_the_fair_world_nothing_tells_groups_apart(audited: Audited) -> None:
    rows = measure_proxies(audited.matrix, audited.people, audited.groups, ABOUT, 1)
    for row in rows:
        if row["component"] == TOGETHER:
            assert row["interval"][0] < 0.55
    # A group of a handful is not told apart: that would be about somebody.
    assert not any(row["group"] == "Elsewhere" for row in rows)


def test_a_planted_proxy_is_named(worlds: Callable[..., Any]) -> None:
    world = worlds(signals=0.1)
    audited = gather_run(world.invocation)
    rows = [
        row
        for row in measure_proxies(audited.matrix, audited.people, audited.groups, ABOUT, 1)
        if row["group"] == "Black"
    ]
    together = next(row for row in rows if row["component"] == TOGETHER)
    assert together["interval"][0] > 0.6
    alone = {row["component"]: row["estimate"] for row in rows if row["component"] != TOGETHER}
    assert min(alone, key=lambda name: alone[name]) == "absences_6m"
    assert alone["absences_6m"] < 0.4
