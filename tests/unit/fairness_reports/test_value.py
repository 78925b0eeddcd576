"""What lists cost for what they reach: by hand, side by side, with no upper end where there may be no need at all."""

from __future__ import annotations

import csv
from collections.abc import Callable
from typing import Any

import pytest

from charter.contracts.files import find_current, read_json, write_json
from charter.council.costs_file import CostsFile, Scenario
from charter.errors import DataError, UsageError
from fairness_reports.evidence.value_page import write_value_page
from fairness_reports.impact.value import AsReplayed, Range, measure_value, price_scenario, say_value

TIMES = (0.5, 1.0, 1.5, 2.0)


@pytest.fixture
def world(worlds: Callable[..., Any]) -> Any:
    """Return a council whose newest run replayed 100 listings a year, 30 with a need; of half the places maybe none."""
    world = worlds(households=200)
    leave_curve(world, 30)
    return world


def leave_curve(world: Any, needed: float) -> None:
    path = (find_current(world.invocation.workspace.scores) or world.workspace) / "metrics.json"
    metrics = read_json(path)
    metrics["replay"]["curve"] = [
        {"times_places": times, "period": "selection", "measure": measure, "estimate": figure, "low": low, "high": high}
        for times in TIMES
        for measure, figure, low, high in (
            ("needed_of_listed", needed / 100, 0.0 if times < 1 else 0.2, 0.4),
            ("places_filled", 100 * times, 100 * times, 100 * times),
        )
    ]
    write_json(path, metrics)


def test_one_scenario_by_hand(world: Any) -> None:
    """100 listed, 40 take help up: 60,000 a year, 6,000 for thinking, 74,000 for help; 12 needs, at 0.1 averted 1.2."""
    costs = CostsFile.load(world.invocation.council)
    replayed = AsReplayed("r", Range(100, 100, 100), Range(0.3, 0.2, 0.4))
    outlook = price_scenario(Scenario(id="x", title="X"), replayed, costs, 0.4)
    assert (outlook.listed, outlook.taken_up) == (100, 40)
    assert outlook.pounds == pytest.approx(60_000 + 100 * 60 + 40 * 1850)
    assert outlook.for_each_taken_up == pytest.approx(3_500)
    assert outlook.needs == Range(pytest.approx(12), pytest.approx(8), pytest.approx(16))
    place = costs.effect.averted.index(0.1)
    assert outlook.averted[place].estimate == pytest.approx(1.2)
    each = outlook.for_each_averted[place]
    assert each == Range(pytest.approx(140_000 / 1.2), pytest.approx(140_000 / 1.6), pytest.approx(140_000 / 0.8))
    assert outlook.breaks_even is not None
    assert outlook.breaks_even.estimate == pytest.approx(140_000 / (12 * 7400))


def test_scenarios_stand_side_by_side_on_one_page_and_in_a_table(world: Any) -> None:
    value = measure_value(world.invocation)
    titles = [row["title"] for row in value["scenarios"]]
    assert titles == ["As now", "Half the places", "Half as many places more", "Twice the places"]
    assert [row["listed"] for row in value["scenarios"]] == [100, 50, 150, 200]
    half = value["scenarios"][1]
    assert all(pounds["high"] is None and pounds["low"] > 0 for pounds in half["for_each_averted"])
    words = say_value(value)
    assert words.startswith("THE COSTS ARE STILL SOONER'S EXAMPLES")
    assert "with no upper end" in words
    assert "not measured. No trial has answered yet" in words
    path = write_value_page(world.invocation, value, words)
    page = path.read_text(encoding="utf-8")
    assert page.index("<svg") < page.index("<table"), "a picture first"
    assert page.count("<path") == 1, "one scenario has no upper end"
    assert page.count("An example") == 4
    assert page.count("no upper end") == len(value["effects"]) + 1
    with path.with_suffix(".csv").open(newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert len(rows) == len(titles) * len(value["effects"])
    for row in rows:
        if row["averted"]:
            assert float(row["averted"]) == pytest.approx(float(row["needs"]) * float(row["stated_effect"]))
            assert float(row["for_each_averted"]) == pytest.approx(float(row["pounds"]) / float(row["averted"]))


def test_where_nobody_listed_had_a_need_there_is_no_figure(world: Any) -> None:
    leave_curve(world, 0)
    value = measure_value(world.invocation)
    assert "no figure, because no need was found" in say_value(value)
    assert "no figure" in write_value_page(world.invocation, value, say_value(value)).read_text(encoding="utf-8")


def test_what_was_not_replayed_is_refused(world: Any) -> None:
    path = world.council / "costs.toml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("times_places = 1.5", "times_places = 1.7"), encoding="utf-8")
    with pytest.raises(DataError, match=r"half_as_many_more has 1.7 times the places") as error:
        measure_value(world.invocation)
    assert "0.5, 1, 1.5, 2" in str(error.value.next_step)
    path.write_text(text.replace("times_places = 1.5", 'times_places = 1.5\nrun = "abc"'), encoding="utf-8")
    with pytest.raises(DataError, match="no runs begin so"):
        measure_value(world.invocation)
    path.write_text(text.replace("[0.05, 0.1, 0.2, 0.3]", "[0.2, 0.1]"), encoding="utf-8")
    with pytest.raises(Exception, match="is not in order"):
        measure_value(world.invocation)
    path.unlink()
    with pytest.raises(UsageError, match=r"no costs.toml"):
        measure_value(world.invocation)
