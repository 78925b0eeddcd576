"""Before anything is signed: which questions could be answered, and how near the best test there could be."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from typer.testing import CliRunner

from charter.errors import UsageError
from charter.invocation import shipped_council
from charter.rules.certainty.failing import ERROR, FAIL, Z, measure_standing
from charter.rules.certainty.fair_chances import Null, find_null
from charter.rules.certainty.outcomes import Sizes
from charter.rules.certainty.power import (
    find_best_pass,
    find_best_power,
    find_pass_chance,
    find_power,
    find_worse,
)
from charter.rules.certainty.score_test import measure_score
from charter.rules.policy import Policy
from charter.rules.questions import Gate
from fairness_reports.audit.audit_plan import describe_plan, plan_gate, plan_questions
from fairness_reports.audit.measuring.findings import About, list_findings
from fairness_reports.audit.measuring.means import average_everyone, average_groups
from fairness_reports.audit.measuring.tally import Grouping
from fairness_reports.audit.planned_borough import Borough, Listings, _count_listings, weigh_homes
from fairness_reports.audit.recorded_plan import Signs, SignsOfNeed, plan_recorded
from fairness_reports.commands import verbs
from sooner.planted import describe_planted, find_planted_power
from tests.unit.fairness_reports.simulated_boroughs import Unfair, decide_borough, draw_borough

SHIPPED = Policy.load(shipped_council() / "charter.toml")
MISSED, UNNEEDED = (
    next(gate for gate in SHIPPED.gates if gate.id == name)
    for name in ("missed_help_ethnicity", "unneeded_listing_ethnicity")
)
DRAWS = 20_000


def borough(homes: int, places_a_week: float, precise: float = 0.25) -> Borough:
    """Return a borough whose households with children are 45 in 100, one in ten of them in need within two years."""
    shares = {"White": 0.55, "Black": 0.15, "Asian": 0.15, "Mixed": 0.1, "Other": 0.05}
    households = {name: round(0.45 * homes * share) for name, share in shares.items()}
    in_need = {name: round(0.1 * number) for name, number in households.items()}
    return Borough(
        households={"ethnicity": households},
        in_need={"ethnicity": in_need},
        everybody=sum(households.values()),
        everybody_in_need=sum(in_need.values()),
        years=2.0,
        lists_a_year=52.18,
        places_a_year=52.18 * places_a_week,
        listings=Listings(precise, before=1.0, repeated=1.0, measured=True),
    )


def draw_failing(gate: Gate, sizes: Sizes, gap: float, rarity: float) -> float:
    rng = np.random.default_rng(7)
    share = gap * sizes.share
    counted, others = rng.binomial(sizes.people, share, DRAWS), rng.binomial(sizes.rest, sizes.share, DRAWS)
    sign = -1 if gate.at_least else 1
    distance, apart = (
        sign * measure_score(gate, limit, counted, np.array(sizes.people), others, np.array(sizes.rest))
        for limit in (gate.limit, 1.0)
    )
    return float(((distance >= FAIL) & (apart >= Null.of_counts(gate, sizes).find_criterion(rarity))).mean())


@pytest.mark.parametrize("sizes", [Sizes(60, 600, 0.3), Sizes(250, 1200, 0.12), Sizes(900, 5000, 0.05)], ids=str)
@pytest.mark.parametrize("gate", [MISSED, UNNEEDED], ids=lambda gate: gate.id)
def test_the_stated_power_is_the_share_of_drawn_boroughs_in_which_the_rule_fails(gate: Gate, sizes: Sizes) -> None:
    """Broken by a normal curve for few, or by another criterion than the rule's."""
    for rarity in (ERROR, 0.01, 0.003):
        drawn = draw_failing(gate, sizes, find_worse(gate), rarity)
        assert find_power(gate, sizes, find_worse(gate), rarity) == pytest.approx(drawn, abs=0.015)


@pytest.mark.parametrize("share", [0.05, 0.15, 0.4])
@pytest.mark.parametrize("people", [100, 400, 2000])
def test_the_rule_is_within_six_points_of_the_best_that_any_test_could(people: int, share: float) -> None:
    """Broken by Holm's rule over five groups: 15 points below."""
    sizes = Sizes(people, 5 * people, share)
    ours, best = find_power(MISSED, sizes, 0.5, ERROR), find_best_power(MISSED, sizes, 0.5)
    assert ours <= best + 0.005
    # The goal is 5 points: missed by one where 20 of 400 are counted, for what is chance is exact there.
    assert ours >= min(0.8, best - 0.06)
    assert find_pass_chance(MISSED, sizes) >= min(0.8, find_best_pass(MISSED, sizes) - 0.05)


def test_no_test_finds_more_than_its_error_where_there_is_nothing_to_find() -> None:
    sizes = Sizes(300, 1500, 0.2)
    assert find_best_power(MISSED, sizes, 0.8) == pytest.approx(0.05, abs=0.01)
    assert find_best_power(MISSED, sizes, 0.05) > 0.999


def test_a_small_borough_is_told_that_it_cannot_ask_and_a_large_one_that_it_can() -> None:
    small = plan_gate([MISSED], borough(3000, 0.5), "not recorded")[0]
    assert not any(group["asked"] for group in small["groups"])
    assert "cannot be answered at this size" in small["advice"]
    large = plan_gate([MISSED], borough(400_000, 60), "not recorded")[0]
    assert [group["group"] for group in large["groups"] if group["asked"]] == [
        "White",
        "Black",
        "Asian",
        "Mixed",
        "Other",
    ]
    assert large["found"] > 0.8
    assert large["advice"].startswith("It can be answered")


def test_homes_with_more_children_than_others_say_less_together() -> None:
    """Broken by counting every home for one: the plan then promised up to 25 points more than drawn boroughs showed."""
    drawn = draw_borough(3_000, 1)
    children = drawn.kids["sex"].sum(axis=1)
    worth = weigh_homes(np.repeat(np.arange(len(children)), children))
    assert worth == pytest.approx(children.mean() ** 2 / (children**2).mean())
    assert weigh_homes(np.array([7, 3, 3, 3])) == pytest.approx(0.8)
    assert weigh_homes(np.array([])) == 1.0
    alike, less = (
        plan_gate([MISSED], replace(borough(30_000, 4.5), worth=worth), "not recorded")[0]["groups"][0]["found"]
        for worth in (1.0, 0.8)
    )
    assert less < alike - 0.05


def test_a_family_that_is_listed_twice_counts_once_and_its_listings_say_less(tmp_path: Path) -> None:
    """Broken by counting each listing: power was then stated up to 11 points above what drawn boroughs showed."""
    path = tmp_path / "replayed.parquet"
    rows = "('m', 'a', 0, 'need'), ('m', 'a', 0, 'need'), ('m', 'a', 0, 'none'), ('m', 'b', 0, 'none'),"
    rows += "('m', 'b', 0, 'none'), ('m', 'b', 1, 'unknown'), ('other', 'b', 0, 'need')"
    duckdb.sql(f"COPY (SELECT * FROM (VALUES {rows}) AS t(model, entity, lottery, outcome)) TO '{path}'")
    counted = _count_listings(path, "m")
    # Listed without a need: a once and b twice, (1 + 4) / 3.
    assert (counted.before, counted.repeated) == (2.0, pytest.approx(5 / 3))
    assert _count_listings(tmp_path / "none.parquet", "m") == Listings()
    once = borough(30_000, 4.5)
    twice = replace(once, listings=replace(once.listings, before=2.0, repeated=2.0))
    assert twice.listed_of_need == pytest.approx(once.listed_of_need / 2)
    sizes = [one.size(UNNEEDED, "White") for one in (once, twice)]
    assert sizes[0] is not None
    assert sizes[1] is not None
    assert sizes[1].people == pytest.approx(sizes[0].people / 2, rel=1e-3)
    assert sizes[1].share == sizes[0].share


def test_the_best_test_keeps_the_promise_of_the_whole_gate_too() -> None:
    """Broken by a best test that may block each group 5 times in 100: no gate of many groups could be so good."""
    plans = (plan_gate(gates, borough(10_000, 2), "not recorded") for gates in ([MISSED] * 12, [MISSED]))
    many, few = (plan[0]["groups"][0] for plan in plans)
    assert few["found"] <= few["best"] <= few["best_alone"]
    assert many["found"] <= many["best"] < few["best"]
    assert many["best_alone"] == few["best_alone"]


def test_a_borough_drawn_household_by_household_is_decided_and_what_is_done_to_a_group_shows() -> None:
    """Broken by a drawing in which nobody is listed: then everything is insufficient, and nothing is ever blocked."""
    found = dict.fromkeys(("fair", "unlisted"), 0)
    for seed in range(3):
        for name, unfair in (("fair", None), ("unlisted", Unfair("ethnicity", "White", listed_before_need=0.0))):
            answers = decide_borough(30_000, seed, unfair)
            assert {"pass", "insufficient"} <= {verdict for *_, verdict in answers}
            found[name] += ("missed_help_ethnicity", "White", "fail") in answers
    assert found == {"fair": 0, "unlisted": 3}


def test_three_limits_are_worked_out_in_points_and_families() -> None:
    choices = plan_gate([MISSED], borough(110_000, 15), "not recorded")[0]["choices"]
    assert [choice["limit"] for choice in choices] == [0.9, 0.8, 0.67]
    narrow, middle, wide = choices
    assert middle["families_a_year"] == pytest.approx(2 * narrow["families_a_year"])
    assert narrow["passes"] < middle["passes"] < wide["passes"]


def test_the_plan_is_told_in_words_and_the_same_twice(shared_world: Any) -> None:
    rows = plan_questions(shared_world.invocation)
    assert rows == plan_questions(shared_world.invocation)
    lines = describe_plan(rows)
    assert "homes" in lines
    assert max(len(line) for line in lines.splitlines()) <= 112
    by_gate = {row["gate"]: row for row in rows}
    assert by_gate["recorded_need_ethnicity"]["planned"]
    assert "under 10" in lines


RECORDED_ALIKE = next(gate for gate in SHIPPED.gates if gate.id == "recorded_need_ethnicity")


def draw_recorded(seed: int, gap: float, households: int, rest: int) -> tuple[bool, SignsOfNeed]:
    """Draw households with a sign of need, 1 to 5 people each at 10 dates; whether the gate fails, and what was drawn.

    Of each in three needs are recorded of everyone else, and `gap` times as many of the group.
    """
    rng = np.random.default_rng(seed)
    of_group = np.arange(households + rest) < households
    size = rng.integers(1, 6, len(of_group)) * 10.0
    above = size * (rng.random(len(of_group)) < np.where(of_group, gap, 1.0) / 3)
    cluster = np.arange(len(of_group))
    grouping = Grouping.of(np.where(of_group, "Asian", "White"))
    disparities = average_groups(cluster, grouping, above, size)
    about = About(RECORDED_ALIKE.measure, "ethnicity", "points", "capacity")
    finding = next(row for row in list_findings(about, disparities) if row["group"] == "Asian")
    everybody = average_everyone(cluster, above, size)
    assert everybody.interval is not None
    assert everybody.estimate is not None
    error = (everybody.interval[1] - everybody.interval[0]) / (2 * Z) / everybody.estimate
    signs = SignsOfNeed({"ethnicity": {"Asian": Signs(households, rest)}}, len(of_group) * error**2)
    standing, null = measure_standing(RECORDED_ALIKE, finding), find_null(RECORDED_ALIKE, finding)
    return standing.is_beyond and null is not None and null.find_rarity(standing.apart) <= ERROR, signs


@pytest.mark.parametrize(("households", "rest"), [(60, 300), (150, 700), (400, 2000)])
def test_the_stated_power_of_recorded_needs_is_the_share_of_drawn_boroughs_in_which_it_fails(
    households: int, rest: int
) -> None:
    """Broken by counting a group's households among everyone else, or by forgetting that half the needs are half."""
    drawn = [draw_recorded(seed, 0.5, households, rest)[0] for seed in range(300)]
    signs = draw_recorded(1, 1.0, households, rest)[1]
    row = plan_recorded(RECORDED_ALIKE, signs, 2.0, "not recorded", lambda _: ERROR)[0]
    assert row["found"] == pytest.approx(np.mean(drawn), abs=0.08)
    assert row["asked"] == (row["found"] >= 0.5)


def test_the_question_about_recorded_needs_is_planned_from_signs_of_need_where_there_are_any() -> None:
    signs = SignsOfNeed({"ethnicity": {"Asian": Signs(400, 2000), "Other": Signs(12, 2388)}}, 3.0)
    planned = plan_gate([RECORDED_ALIKE], replace(borough(10_000, 2), signs=signs), "not recorded")[0]
    by_group = {group["group"]: group for group in planned["groups"]}
    assert planned["planned"]
    assert by_group["Asian"]["found"] > 0.8
    assert (by_group["Other"]["found"], by_group["Other"]["asked"]) == (0.0, False)
    assert "It cannot ask about Other" in planned["advice"]
    without = SignsOfNeed({}, math.inf, "There is no delivery of hospital.")
    for nothing in (None, without):
        unplanned = plan_gate([RECORDED_ALIKE], replace(borough(10_000, 2), signs=nothing), "not recorded")[0]
        assert not unplanned["planned"]


def test_a_demo_says_of_what_it_planted_whether_the_gate_should_find_it() -> None:
    """Broken by reading another group, another measure, or 0.799 as 80 in 100."""

    def plan(listed: float, recorded: float) -> list[dict[str, Any]]:
        powers = {"listed_before_need": listed, "recorded_per_independent": recorded, "days_before": 0.99}
        return [
            {"gate": f"gate of {measure}", "measure": measure, "planned": True, "groups": [
                {"group": "Asian", "found": power}, {"group": "White", "found": 0.99}]}
            for measure, power in powers.items()
        ]  # fmt: skip

    assert find_planted_power(plan(0.3, 0.9), "signals", "Asian") == ("gate of listed_before_need", 0.3)
    assert find_planted_power(plan(0.3, 0.9), "labels", "Asian") == ("gate of recorded_per_independent", 0.9)
    assert find_planted_power(plan(0.3, 0.9), "both", "Asian") == ("gate of recorded_per_independent", 0.9)
    assert (
        find_planted_power([{"gate": "g", "measure": "listed_before_need", "planned": False}], "signals", "A") is None
    )
    assert "79 times in 100, and not 80" in describe_planted(plan(0.799, 0.1), "both", "Asian")
    assert "80 times in 100, so the gate should block" in describe_planted(plan(0.1, 0.8), "labels", "Asian")
    assert "cannot be expected to block" in describe_planted([], "labels", "Asian")


def test_the_verb_prints_it(shared_world: Any) -> None:
    options = ["--council", str(shared_world.council), "--workspace", str(shared_world.workspace)]
    done = CliRunner().invoke(verbs, ["audit", "plan", "--json", *options])
    assert done.exit_code == 0, done.exception
    assert json.loads(done.stdout)["plan"][0]["gate"] == "missed_help_ethnicity"


def test_without_a_matrix_or_known_outcomes_nothing_is_planned(worlds: Callable[..., Any]) -> None:
    world = worlds(households=200)
    manifest = world.workspace / "matrix" / "early_help" / "m1" / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"taken_at": "2024-01-01T00:00:00+00:00"}))
    with pytest.raises(UsageError, match="outcomes are known yet"):
        plan_questions(world.invocation)
    (world.workspace / "matrix" / "early_help" / "current").unlink()
    with pytest.raises(UsageError, match="no matrix"):
        plan_questions(world.invocation)
