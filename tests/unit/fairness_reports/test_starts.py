"""Where lists began one after the other: the mean effect beside statsmodels and linearmodels, and what is refused."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy import stats  # type: ignore[import-untyped]  # it ships no types

from charter.council.starts_file import StartsFile
from charter.errors import DefinitionError, UsageError
from fairness_reports.evidence.history_page import HEADLINES, write_history_page
from fairness_reports.impact.estimates import judge_interval
from fairness_reports.impact.stepped.group_time import (
    NEVER,
    UnitPeriods,
    estimate_by_event,
    estimate_orders,
    estimate_start,
)
from fairness_reports.impact.stepped.permuted_starts import compare_orders, draw_orders
from fairness_reports.impact.stepped.start_history import (
    HANGS,
    LEVEL,
    _go_straight_on,
    judge_history,
    measure_history,
)
from fairness_reports.impact.stepped.start_words import say_history
from tests.resuming import draw_resuming
from tests.trial_files import PAGE
from tests.unit.fairness_reports.simulated_starts import MOMENTS, simulate_starts
from tests.unit.fairness_reports.test_trial import deliver

MOMENT = pa.timestamp("us", "UTC")


@pytest.mark.parametrize("seed", range(3))
def test_the_mean_effect_is_that_of_a_stacked_regression_of_statsmodels(seed: int) -> None:
    """Every comparison has a constant and an effect of its own; units are clusters over all of them."""
    api = pytest.importorskip("statsmodels.api")
    table = simulate_starts(seed, effect=-0.01)
    cells, changes, weights, clusters, shares = [], [], [], [], []
    for start, period in itertools.product(MOMENTS[:-1], range(table.rates.shape[1])):
        if period < start or not (table.starts > max(period, start)).any():
            continue
        inside = np.flatnonzero((table.starts == start) | (table.starts > period))
        cells.append(np.column_stack([np.ones(len(inside)), table.starts[inside] == start]))
        changes.append(table.rates[inside, period] - table.rates[inside, start - 1])
        weights.append(table.weights[inside])
        clusters.append(inside)
        shares.append(table.weights[table.starts == start].sum())
    design = np.zeros((sum(map(len, cells)), 2 * len(cells)))
    row = 0
    for number, cell in enumerate(cells):
        design[row : row + len(cell), 2 * number : 2 * number + 2] = cell
        row += len(cell)
    theirs = api.WLS(np.concatenate(changes), design, weights=np.concatenate(weights)).fit(
        cov_type="cluster", cov_kwds={"groups": np.concatenate(clusters), "use_correction": False}
    )
    mean = np.zeros(design.shape[1])
    mean[1::2] = np.array(shares) / np.sum(shares)
    ours = estimate_start(table)
    assert ours is not None
    assert ours.estimate == pytest.approx(mean @ theirs.params, abs=1e-8)
    few = ours.units / (ours.units - 1)
    assert ours.error == pytest.approx(float(np.sqrt(mean @ theirs.cov_params() @ mean * few)), abs=1e-8)


def test_of_one_start_and_two_periods_it_is_the_panel_regression_of_linearmodels() -> None:
    rng = np.random.default_rng(4)
    starts = np.array([1] * 9 + [NEVER] * 11)
    needs = rng.binomial(300, 0.06, (20, 2)).astype(np.float64)
    ours = estimate_start(UnitPeriods(starts, np.full((20, 2), 300.0), needs))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        panel = pytest.importorskip("linearmodels.panel")
        import pandas as pd

        index = pd.MultiIndex.from_product([range(20), range(2)])
        begun = (np.arange(2)[None, :] >= starts[:, None]).astype(np.float64)
        frame = pd.DataFrame({"rate": needs.ravel() / 300, "begun": begun.ravel()}, index=index)
        theirs = panel.PanelOLS(frame["rate"], frame[["begun"]], entity_effects=True, time_effects=True).fit(
            cov_type="clustered", cluster_entity=True, group_debias=False, debiased=False
        )
    assert ours is not None
    assert ours.estimate == pytest.approx(float(theirs.params["begun"]), abs=1e-8)
    # Theirs is of 40 rows less the 21 constants, ours of 20 units less one.
    assert ours.error == pytest.approx(float(theirs.std_errors["begun"] * np.sqrt((40 - 21) / 40 * 20 / 19)), abs=1e-8)


def test_an_effect_that_grows_is_not_taken_from_those_who_began_before() -> None:
    """Without noise: the regression with constants for units and periods is far off, as is said of it."""
    starts = np.array([2, 5, 8, NEVER])
    clock = np.arange(10)
    grown = -0.01 * np.maximum(clock[None, :] - starts[:, None] + 1, 0)
    table = UnitPeriods(starts, np.full((4, 10), 100.0), 100 * (0.5 + 0.01 * clock + grown))
    after = [start for start in starts.tolist() if start < NEVER]
    truth = np.mean([grown[number, period] for number, start in enumerate(after) for period in range(start, 10)])
    ours = estimate_start(table)
    assert ours is not None
    assert ours.estimate == pytest.approx(float(truth), abs=1e-12)
    centre = lambda x: x - x.mean(axis=0) - x.mean(axis=1, keepdims=True) + x.mean()  # noqa: E731 - a formula
    begun = centre(table.begun)
    assert abs(float((begun * table.rates).sum() / (begun**2).sum()) - truth) > 0.005
    events = estimate_by_event(table)
    assert [events[event] for event in (0, 1, 2)] == pytest.approx([-0.01, -0.02, -0.03], abs=1e-12)
    assert all(abs(value) < 1e-12 for event, value in events.items() if event < 0)


def test_orders_are_all_that_could_have_been_and_the_mean_of_each_is_its_own() -> None:
    assert sorted(map(tuple, draw_orders([1, 1, 2]).tolist())) == [(1, 1, 2), (1, 2, 1), (2, 1, 1)]
    table = simulate_starts(3)
    orders = draw_orders(table.starts.tolist(), most=20)
    assert orders.shape == (21, 12)
    assert (np.sort(orders, axis=1) == np.sort(orders[0])).all()
    for order, figure in zip(orders, estimate_orders(orders, table.weights, table.rates), strict=True):
        one = estimate_start(UnitPeriods(order, table.households, table.needs))
        assert one is not None
        assert one.estimate == pytest.approx(figure, abs=1e-12)


def test_the_interval_holds_the_effects_that_the_orders_do_not_contradict() -> None:
    table = simulate_starts(5, effect=-0.02)
    orders = draw_orders(table.starts.tolist(), most=399)
    figures, of_begun = (estimate_orders(orders, table.weights, values) for values in (table.rates, table.begun))
    test = compare_orders(figures, of_begun, 0.05)
    low, high = test.interval
    for effect, inside in ((low - 1e-6, False), (low + 1e-6, True), (high - 1e-6, True), (high + 1e-6, False)):
        left = compare_orders(
            estimate_orders(orders, table.weights, table.rates - effect * table.begun), of_begun * 0, 0.05
        )
        assert (min(left.fewer, left.more) > 0.025) == inside


def test_what_cannot_be_compared_is_refused_with_its_reason() -> None:
    table = simulate_starts(1, effect=-0.05)
    assert judge_history(table, 0.005).verdict == "helps"
    drifting = judge_history(simulate_starts(1, drift=0.006), 0.005)
    assert (drifting.verdict, drifting.interval) == ("cannot be told", None)
    assert "Needs moved differently before anybody began" in drifting.why
    at_once = UnitPeriods(np.full(12, 8), table.households, table.needs)
    assert "All began at once" in judge_history(at_once, 0.005).why
    few = UnitPeriods(np.array([6, 8, 10, NEVER]), table.households[:4], table.needs[:4])
    assert "4 can begin in 24 orders, so the smallest p is 8.3 %" in judge_history(few, 0.005).why
    soon = UnitPeriods(table.starts - 5, table.households, table.needs)
    assert "Only 3 periods before anybody began" in judge_history(soon, 0.005).why
    nobody = UnitPeriods(np.full(12, NEVER), table.households, table.needs)
    assert "No period since anybody began" in judge_history(nobody, 0.005).why


def test_along_its_own_line_each_place_tells_the_effect_whatever_the_lines_are() -> None:
    rng = np.random.default_rng(8)
    starts, clock = np.array([6, 6, 8, 8, NEVER, NEVER, NEVER]), np.arange(10)
    lines = 0.05 + rng.normal(0, 0.01, 7)[:, None] + rng.normal(0, 0.002, 7)[:, None] * clock
    rates = lines - 0.02 * (clock >= starts[:, None])
    table = UnitPeriods(starts, np.full((7, 10), 400.0), 400 * rates)
    found = _go_straight_on(table, draw_orders(starts.tolist()), many=False)
    assert found.estimate == pytest.approx(-0.02, abs=1e-12)
    assert found.interval == pytest.approx((-0.02, -0.02), abs=1e-9)
    assert _go_straight_on(table, draw_orders(starts.tolist()), many=True).estimate == pytest.approx(-0.02, abs=1e-12)
    alike = estimate_start(table)
    assert alike is not None
    assert abs(alike.estimate + 0.02) > 0.0005


def test_what_hangs_on_places_moving_alike_is_not_said() -> None:
    for number in (17, 29, 30):
        finding = judge_history(simulate_starts(number, drift=0.006), 0.005)
        assert (finding.verdict, finding.why) == ("cannot be told", HANGS), "no check saw that trends part"
        assert finding.interval
        assert finding.straight_on
        assert judge_interval(finding.interval, 0.005) == "harms"
        low, high = finding.straight_on.interval
        assert low < 0 < high


def judge_once(number: int) -> dict[str, Any]:
    """Return what is said of a history with help, one with none, and one whose trends part, by 12 units and by 40."""
    told: dict[str, Any] = {}
    for units in (12, 40):
        for name, options in (("helps", {"effect": -0.015}), ("nothing", {}), ("parts", {"drift": 0.006})):
            finding = judge_history(simulate_starts(number, units, **options), 0.005)
            inside = on_lines = None
            if finding.interval and finding.straight_on:
                inside = finding.interval[0] <= options.get("effect", 0.0) <= finding.interval[1]
                low, high = finding.straight_on.interval
                on_lines = low <= options.get("effect", 0.0) <= high
            told[f"{name} {units}"] = {
                "verdict": finding.verdict,
                "inside": inside,
                "on_lines": on_lines,
                "refused": finding.interval is None,
            }
    return told


def judge_all(drawn: dict[int, Any]) -> dict[str, Any]:
    figures = {}
    for name in drawn[0]:
        rows = [one[name] for one in drawn.values()]
        told = [row for row in rows if not row["refused"]]
        figures[name] = {
            "refused": 1 - len(told) / len(rows),
            "coverage": float(np.mean([row["inside"] for row in told])) if told else None,
            "on_lines": float(np.mean([row["on_lines"] for row in told])) if told else None,
            "helps": sum(row["verdict"] == "helps" for row in told) / len(rows),
            "harms": sum(row["verdict"] == "harms" for row in told) / len(rows),
        }
    return figures


def test_a_few_histories_keep_their_promises_roughly() -> None:
    figures = judge_all({number: judge_once(number) for number in range(2)})
    assert figures["helps 40"]["harms"] == 0
    assert figures["parts 40"]["refused"] == 1


@pytest.mark.deep
def test_simulated_starts_cover_and_do_not_invent() -> None:
    count = 1000
    drawn = draw_resuming("starts", range(count), judge_once, rooms=("fairness_reports/impact",))
    figures = judge_all(drawn)
    print(figures)
    for name in ("helps 12", "nothing 12", "helps 40", "nothing 40"):
        told = round((1 - figures[name]["refused"]) * count)
        assert stats.binom.cdf(round(figures[name]["coverage"] * told), told, 0.94) > 0.001, name
        assert stats.binom.cdf(round(figures[name]["on_lines"] * told), told, 0.94) > 0.001, name
    for units in (12, 40):
        wrong = figures[f"nothing {units}"]["helps"] + figures[f"nothing {units}"]["harms"]
        assert stats.binom.sf(round(wrong * count) - 1, count, 0.05) > 0.001
        assert figures[f"helps {units}"]["harms"] <= 0.001
        assert figures[f"nothing {units}"]["refused"] <= 0.08
        of_parting = figures[f"parts {units}"]["helps"] + figures[f"parts {units}"]["harms"]
        assert stats.binom.sf(round(of_parting * count) - 1, count, 0.05) > 0.001, units


FIRST = date(2024, 1, 8)


def write_starts(world: Any, first: int = 8) -> None:
    """Leave the example of the how-to page, with `first` areas in each of two steps."""
    text = PAGE.read_text(encoding="utf-8").split("# starts.toml\n")[1].split("```")[0]
    head, _, _ = text.partition("[[start]]")
    rows = [
        f'[[start]]\nunit = "E0199{number + 1:04d}"\non = {FIRST + timedelta(days=182 * (number // first))}\n'
        for number in range(2 * first)
    ]
    (world.council / "starts.toml").write_text(head + "\n".join(rows), encoding="utf-8")


def live_and_need(world: Any, effect: float, homes: int = 60) -> None:
    """Let as many homes of one child be in each area, and needs come as often before as after, less the effect."""
    rng = np.random.default_rng(12)
    tables = world.workspace / "store" / "s1" / "tables"
    names = [(f"h{area:02d}{home:02d}", area) for area in range(1, 41) for home in range(homes)]
    same = pa.array([datetime(2016, 1, 1, tzinfo=UTC)] * len(names), MOMENT)
    nothing = pa.nulls(len(names), MOMENT)
    people = [f"p{name}" for name, _ in names]
    times = {"start": same, "end": nothing, "known_at": same}
    ids = [name for name, _ in names]
    areas = [f"E0199{area:04d}" for _, area in names]
    pq.write_table(
        pa.table({"household_id": ids, "kind": ["home"] * len(ids), "area": areas} | times),
        tables / "households.parquet",
    )
    pq.write_table(
        pa.table({"person_id": people, "household_id": ids} | times | {"known_until": nothing}),
        tables / "residence.parquet",
    )
    born = pa.array([date(2015, 1, 1)] * len(people), pa.date32())
    pq.write_table(pa.table({"person_id": people, "birth_date": born}), tables / "people.parquet")
    moments, who = [], []
    for number in range(69):
        day = date(2021, 1, 20) + timedelta(days=30 * number)
        begun = {area for area in range(1, 17) if day >= FIRST + timedelta(days=182 * ((area - 1) // 8))}
        had = rng.random(len(names)) < np.where([area in begun for _, area in names], 0.03 + effect, 0.03)
        who += [person for person, one in zip(people, had, strict=True) if one]
        moments += [datetime(day.year, day.month, day.day, 12, tzinfo=UTC)] * int(had.sum())
    at = pa.array(moments, MOMENT)
    signals = ["homelessness.duty_owed"] * len(who)
    events = {
        "person_id": who,
        "signal": signals,
        "valid_at": at,
        "known_at": at,
        "known_until": pa.nulls(len(who), MOMENT),
    }
    pq.write_table(pa.table(events), tables / "events.parquet")
    deliver(world, [(datetime(2016, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))])


@pytest.fixture
def world(worlds: Callable[..., Any]) -> Any:
    world = worlds(households=200)
    write_starts(world)
    return world


def test_a_councils_history_goes_from_its_records_to_a_page(world: Any) -> None:
    live_and_need(world, -0.02)
    history = measure_history(world.invocation)
    assert (history["units"], history["begun"], history["starts"], history["households"]) == (40, 16, 2, 2400)
    assert (history["verdict"], history["primary"]) == ("helps", "error by unit")
    assert history["interval"][0] < -0.055 < history["interval"][1], (
        "three times 20 of 1,000 a period, less who needs twice"
    )
    words = say_history(history)
    assert "This assumes parallel trends" in words
    assert "If each area had gone straight on as it moved before anybody began: " in words
    page = write_history_page(world.invocation, history, words).read_text(encoding="utf-8")
    assert f"<h1>{HEADLINES['helps']}</h1>" in page
    assert page.count("<circle") == len(history["by_event"]) + 1 + 3


def test_what_was_not_delivered_is_no_period(world: Any) -> None:
    live_and_need(world, 0.0)
    whole = measure_history(world.invocation)
    gap = [
        (datetime(2016, 1, 1, tzinfo=UTC), datetime(2024, 12, 1, tzinfo=UTC)),
        (datetime(2025, 1, 20, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)),
    ]
    deliver(world, gap)
    history = measure_history(world.invocation)
    assert history["undelivered"] == 2
    assert history["periods"] == whole["periods"] - 2
    assert "2 periods are left out: not all records of needs were delivered" in say_history(history)


def test_no_more_than_chance_is_said_as_large(world: Any) -> None:
    live_and_need(world, 0.0)
    history = measure_history(world.invocation)
    assert history["verdict"] == "cannot be told"
    page = write_history_page(world.invocation, history, say_history(history)).read_text(encoding="utf-8")
    assert "<h1>Where lists began it cannot be told</h1>" in page


def test_a_file_that_is_none_or_names_no_area_says_what_to_do(world: Any) -> None:
    path = world.council / "starts.toml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("E01990001", "E01990099"), encoding="utf-8")
    with pytest.raises(DefinitionError, match=r"'E01990099' is no area of council.toml"):
        StartsFile.load(world.invocation.council)
    path.write_text(text.replace('"early_help"', '"homelessness"'), encoding="utf-8")
    with pytest.raises(UsageError, match=r"starts.toml is about homelessness"):
        measure_history(world.invocation)
    path.unlink()
    with pytest.raises(UsageError, match=r"no starts.toml"):
        measure_history(world.invocation)
    assert LEVEL == 0.05
    assert Path(PAGE).exists()
