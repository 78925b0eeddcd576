"""Lists as they are used, by group: each week once, each household's need once, intervals by drawing households."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from charter.errors import DataError
from charter.rules.measures import AS_USED
from fairness_reports.audit.population.replayed_people import NO_LISTS, ReplayedPeople
from fairness_reports.audit.run_findings import Audited, gather_run, measure_run
from fairness_reports.audit.used_lists import measure_used_lists


@pytest.fixture(scope="module")
def audited(shared_world: Any) -> Audited:
    return gather_run(shared_world.invocation)


@pytest.fixture(scope="module")
def used(audited: Audited) -> ReplayedPeople:
    assert isinstance(audited.used, ReplayedPeople)
    return audited.used


def rows_of(audited: Audited, resamples: int = 400) -> pd.DataFrame:
    assert isinstance(audited.used, ReplayedPeople)
    groups = {"ethnicity": audited.used_groups["ethnicity"]}
    return pd.DataFrame(measure_used_lists(audited.used, groups, "lightgbm", resamples=resamples, seed=1))


def counted(audited: Audited) -> pd.DataFrame:
    """Count by plain pandas: a row per audited person with what the lists did to the household, by drawing."""
    used = audited.used
    assert isinstance(used, ReplayedPeople)
    listings = pq.read_table(audited.run / "replayed.parquet").to_pandas()
    listings = listings[listings["model"] == "lightgbm"]
    first = listings[listings["outcome"] == "need"].sort_values("as_of").groupby(["lottery", "entity"]).first()
    by_home = pd.DataFrame({
        "before": first.groupby("entity").size() / 5,
        "days": first.groupby("entity")["days"].sum() / 5,
        "unneeded": listings[listings["outcome"] == "none"].groupby("entity").size() / 5,
        "listings": listings.groupby("entity").size() / 5,
    })  # fmt: skip
    homes = pq.read_table(audited.run / "replayed_households.parquet").to_pandas().set_index("entity")
    people = pd.DataFrame({"entity": used.entity[used.household].astype(str)}).join(homes, on="entity")
    people = people.join(by_home, on="entity").fillna({"before": 0, "days": 0, "unneeded": 0, "listings": 0})
    grouping = audited.used_groups["ethnicity"]
    return people.assign(group=np.array(grouping.names)[grouping.code])


def test_each_figure_is_a_plain_count(audited: Audited) -> None:
    """Broken by counting a household's need once a week, or a listing once a drawing."""
    rows, people = rows_of(audited), counted(audited)
    groups = people["group"].unique()
    assert len(groups) > 4
    for group in groups:
        mine = people[people["group"] == group]
        needy = mine[mine["needed"] > 0]
        expected = {
            "listed_before_need": needy["before"].mean(),
            "unneeded_listings": 1000 * 365.25 / 121 * mine["unneeded"].sum() / mine["known"].sum(),
            "listings": 1000 * 365.25 / 121 * mine["listings"].sum() / mine["lists"].sum(),
            "days_before": mine["days"].sum() / mine["before"].sum(),
        }
        for measure, value in expected.items():
            (row,) = rows[(rows["measure"] == measure) & (rows["group"] == group)].to_dict("records")
            assert row["estimate"] == pytest.approx(value), (group, measure)
            assert row["at"] == AS_USED


def test_intervals_are_those_of_drawing_households_again(audited: Audited) -> None:
    """Broken by drawing people instead of households."""
    rows, people = rows_of(audited), counted(audited)
    rng = np.random.default_rng(5)
    homes = people.assign(
        a=people["before"] * (people["needed"] > 0), b=(people["needed"] > 0) * 1.0,
        u=people["unneeded"], k=people["known"],
        black=people["group"] == "Black",
    )  # fmt: skip
    for measure, top, bottom in (("listed_before_need", "a", "b"), ("unneeded_listings", "u", "k")):
        by_home = [
            homes[homes["black"] == side]
            .groupby("entity")[[top, bottom]]
            .sum()
            .reindex(homes["entity"].unique())
            .fillna(0)
            for side in (True, False)
        ]
        mine, others = (part.to_numpy() for part in by_home)
        times = rng.multinomial(len(mine), np.full(len(mine), 1 / len(mine)), size=2000)
        (a, b), (c, d) = (times @ mine).T, (times @ others).T
        drawn = np.log((a / b) / (c / d))
        (row,) = rows[(rows["measure"] == measure) & (rows["group"] == "Black")].to_dict("records")
        low, high = np.log(row["ratio_interval"])
        assert high - low == pytest.approx(2 * 1.96 * drawn.std(), rel=0.12), measure


def test_a_household_counts_with_the_people_of_its_last_list(used: ReplayedPeople, audited: Audited) -> None:
    rows = audited.matrix.at(used.last)
    ages = np.asarray(rows.person_age)
    inside = (ages >= 0) & (ages < 18)
    assert len(used.household) == inside.sum()
    assert set(used.person.tolist()) == set(np.asarray(rows.person)[inside].tolist())


def test_the_findings_hold_every_models_lists_and_say_which_weeks(shared_world: Any) -> None:
    document = measure_run(gather_run(shared_world.invocation))
    models = {row["model"] for row in document["findings"] if row["at"] == AS_USED and row["characteristic"] == "sex"}
    assert models == {"lightgbm", "points"}
    assert document["used_lists"]["drawings"] == 5
    assert {"replayed.parquet", "replayed_households.parquet"} <= set(document["inputs"])
    useful = {
        (row["measure"], row["model"]): row
        for row in document["findings"]
        if row["measure"].startswith("needed_of_100")
    }
    assert useful["needed_of_100", "lightgbm"]["estimate"] == 0.4
    assert useful["needed_of_100_more", "lightgbm"]["component"] == "last_contact"


def test_a_run_that_left_no_lists_says_so_and_keeps_its_figures_of_isolated_dates(worlds: Callable[..., Any]) -> None:
    world = worlds(households=300)
    run = world.workspace / "scores" / "early_help" / "r1"
    for path in run.glob("replayed*.parquet"):
        path.unlink()
    document = measure_run(gather_run(world.invocation))
    assert document["used_lists"] == {"why": NO_LISTS}
    assert any(NO_LISTS in note for note in document["notes"])
    empty = [row for row in document["findings"] if row["measure"] == "listed_before_need"]
    assert empty
    assert all(row["estimate"] is None and row["note"] == NO_LISTS for row in empty)
    assert any(row["measure"] == "recall" and row["estimate"] is not None for row in document["findings"])


def test_lists_that_the_run_did_not_write_and_weeks_that_are_gone_are_told(worlds: Callable[..., Any]) -> None:
    world = worlds(households=300)
    run = world.workspace / "scores" / "early_help" / "r1"
    metrics = json.loads((run / "metrics.json").read_text())
    metrics["replay"]["matrix"] = "gone"
    (run / "metrics.json").write_text(json.dumps(metrics))
    assert "cleared" in str(gather_run(world.invocation).used)
    metrics["replay"]["why"] = "each row has a date of its own"
    (run / "metrics.json").write_text(json.dumps(metrics))
    assert "a date of its own" in str(gather_run(world.invocation).used)
    (run / "replayed.parquet").write_bytes((run / "replayed_households.parquet").read_bytes())
    metrics["replay"]["why"] = ""
    (run / "metrics.json").write_text(json.dumps(metrics))
    with pytest.raises(DataError, match="is not what the run r1 wrote"):
        gather_run(world.invocation)
