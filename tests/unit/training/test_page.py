"""The page of a run: every part drawn and in words, no outside reference, nobody on it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from markupsafe import Markup, escape

from charter.contracts import check_document
from charter.contracts.workspace import Workspace
from tests.unit.training.test_replay import rules_of, weeks_of
from training.judging.choosing import choose_model
from training.judging.choosing_words import say_choice
from training.judging.replay import Exposure, HouseholdDraws
from training.judging.replay_figures import Replayed, ReplayInput, describe_replay
from training.judging.replay_weeks import WeekPlan
from training.report.drawings import Dot, Series, Span, draw_curves, draw_dots, draw_spans
from training.report.page import FILE, render_page
from training.report.terminal import find_replay_figure, gather_headline, summarise_run
from training.run import Run

# Warnings of MLflow's own code, of pinned versions.
pytestmark = [
    pytest.mark.filterwarnings("ignore:The ``noload`` loader:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*inferred as AnyType:UserWarning"),
]


@pytest.fixture
def run(trained_workspace) -> Run:  # type: ignore[no-untyped-def]  # a path
    return Run.open(Workspace(trained_workspace, "early_help"))


def test_the_page_of_a_run_says_everything_in_words_and_pictures(run: Run) -> None:
    page = (run.folder / FILE).read_text(encoding="utf-8")
    assert page == render_page(run.manifest, run.metrics)
    assert escape(run.metrics["recommendation"]["sentence"]) in page
    assert escape(f"No past week could be replayed: {run.metrics['replay']['why']}.") in page
    assert page.index("Lists as they are used") < page.index("Annex: isolated dates") < page.index("AUROC")
    assert page.count("<svg") == page.count("<title id=") == page.count("<desc id=") >= 8
    for band in run.metrics["bands"]:
        assert escape(band["meaning"]) in page
    for fold in run.metrics["folds"]:
        assert f"{fold['train_from']} to {fold['train_to']}" in page
    assert "days after the list on average" in page


def needed_days(metrics: dict[str, Any]) -> float:
    figure = find_replay_figure(metrics, "lightgbm", "days_before")
    assert figure is not None
    return float(figure["estimate"])


@pytest.fixture(scope="module")
def used() -> dict[str, Any]:
    """Return what a run says of lists as they are used: three models over 80 made-up weeks, the last 26 final."""
    weeks = weeks_of(2, 120, 80, places=3)
    part = np.where(np.arange(80) < 4, -1, np.where(np.arange(80) < 54, 0, 1)).astype(np.int8)
    plan, rules = WeekPlan(weeks.days, part, ("selection", "final"), 7), rules_of(taken_up=0.6)
    draws = HouseholdDraws.of(weeks.names, 100, 10, seed=1)
    generator = np.random.default_rng(1)
    needed = weeks.needed.astype(np.float64)
    margins = {"points": needed + generator.normal(size=len(needed)), "lightgbm": needed}
    shared = ReplayInput(plan, rules, weeks, margins, draws, Exposure.of(weeks, part, draws, 7), 1)
    by_model = {name: shared.replay(name) for name in ("random", *margins)}
    half = {"lightgbm": shared.replay("lightgbm", rules.with_undecided(0.5))}
    curve = {times: shared.with_places(times, 50).replay("lightgbm") for times in (0.5, 1.0, 1.5)}
    replayed = Replayed(plan, rules, *(
        {period: {name: spreads[period] for name, spreads in made.items()} for period in plan.periods}
        for made in (by_model, half)
    ), curve)  # fmt: skip
    choice = choose_model(replayed.deciding("selection"), 0.03, 0.95)
    sentence = say_choice(choice, replayed.deciding(replayed.headline), "12 months", 0.95)
    worked = [{"fewer_of_100_listed": 3.0, "families_a_year": 4.6}]
    return {
        "models": ["random", "points", "lightgbm"],
        "model": choice.model,
        "replay": describe_replay(replayed, 0.95, 100),
        "recommendation": choice.as_document() | {"sentence": sentence, "worked": worked},
    }


def test_lists_as_they_are_used_are_on_the_page_and_the_terminal(run: Run, used: dict[str, Any]) -> None:
    """Every figure is the run's own, of the weeks that chose nothing. Broken by the figures of another period."""
    metrics = {**run.metrics, **used}
    check_document("metrics", metrics)
    page, summary = render_page(run.manifest, metrics), summarise_run(metrics)
    assert used["model"] == "lightgbm"
    assert metrics["replay"]["headline"] == "final"
    assert "26 weeks from 2025-01-13 to 2025-07-07, which chose nothing" in page
    assert "26 weeks from 2025-01-13 to 2025-07-07, which chose nothing" in summary
    for model in ("points", "lightgbm"):
        needed = find_replay_figure(metrics, model, "needed_of_listed")
        before = find_replay_figure(metrics, model, "days_before")
        assert needed is not None
        assert before is not None
        assert needed["period"] == "final"
        share = "{:.0f} % ({:.0f} to {:.0f} %)".format(*(100 * needed[end] for end in ("estimate", "low", "high")))
        assert share in page
        assert f'<td class="number">{before["estimate"]:.0f}</td>' in page
        assert "{:.1f} ({:.1f} to {:.1f})".format(*(100 * needed[e] for e in ("estimate", "low", "high"))) in summary
    step = used["recommendation"]["steps"][0]
    assert f"{100 * step['more']:+.1f} ({100 * step['low']:+.1f} to {100 * step['high']:+.1f})" in page
    assert "the other is better" in page
    assert "3 of 100 listed is 5 families a year" in page
    assert "3 of 100 listed is 5 families a year" in summary
    assert "half of all cases left undecided" in page
    assert "More places, or fewer: LightGBM over these weeks" in page
    assert re.search(r"With half as many places again, [\d.]+ on a list instead of \d+, -?[\d,]+ more", page)
    assert f"was recorded {needed_days(metrics):.0f} days after the family's first such listing" in summary
    shares = [one["estimate"] for one in metrics["replay"]["curve"] if one["measure"] == "listed_of_need"]
    assert shares == sorted(shares)
    assert len(set(shares)) == 3
    assert (
        gather_headline(metrics)["needed_of_listed"][0]
        == find_replay_figure(metrics, "lightgbm", "needed_of_listed")["estimate"]
    )  # type: ignore[index]  # it is there


def test_a_run_of_an_older_version_still_has_its_page(run: Run) -> None:
    old = {**run.metrics, "replay": [{"model": "points", "rest_weeks": 26}]}
    old["recommendation"] = {"model": "points", "best": "points", "sentence": "It was so.", "beats_lots": True}
    check_document("metrics", old)
    page = render_page(run.manifest, old)
    assert "It was so." in page
    assert "Lists as they are used" not in page
    assert "Annex: isolated dates" in summarise_run(old)


def test_a_run_of_anything_else_speaks_of_no_household(run: Run) -> None:
    """Broken by a sentence of the page or the terminal that names rows by itself."""
    bootstrap = {**run.metrics["bootstrap"], "cluster": "person", "note": ""}
    words = {**run.metrics["recommendation"], "sentence": "One is better."}
    places = {
        **run.metrics,
        "bootstrap": bootstrap,
        "called": ["place", "places"],
        "recommendation": words,
        "bands": [],
    }
    for text in (render_page(run.manifest, places), summarise_run(places)):
        said = re.sub(r"<[^>]*>", " ", text)
        assert "places" in said
        assert not re.findall(r".{40}(?:[Hh]ousehold|[Ff]amil).{20}", said)


def test_the_page_refers_to_nothing_outside_and_names_nobody(run: Run) -> None:
    page = (run.folder / FILE).read_text(encoding="utf-8")
    assert not re.search(r"(?:src|href)=|<script|url\(|http", page)
    entities = pq.read_table(run.folder / "scores.parquet", columns=["entity"])["entity"].unique().to_pylist()
    assert not any(entity in page for entity in entities)


@pytest.mark.parametrize(
    ("draw", "words"),
    [
        (lambda: draw_dots("a", "T", [Dot("<b>", 0.5, 0.2, 0.9, (0.1, 0.4))], axis="x", say=str), ["&lt;b&gt;", "0.5"]),
        (lambda: draw_dots("a", "T", [Dot("none", None, None, None)], axis="x", say=str), ["cannot be told"]),
        (lambda: draw_dots("a", "T", [], axis="x", say=str), ["T"]),
        (lambda: draw_curves("a", "T", [Series("one", [(0, 0.1), (10, 0.4)])], across="places", up="share", say=str,
                        mark=(5, "here")), ["one", "here", "places"]),
        (lambda: draw_curves("a", "T", [Series("flat", [(0, 0.0)])], across="x", up="y", say=str), ["flat"]),
        (lambda: draw_spans("a", "T", [Span("2023-03", [(date(2020, 1, 1), date(2022, 1, 1), "train")])]),
         ["2023-03", "trains on", "2021"]),
    ],
)  # fmt: skip
def test_a_picture_holds_its_words_escaped_and_a_description(draw: Callable[[], Markup], words: Sequence[str]) -> None:
    made = draw()
    assert made.startswith("<svg")
    assert made.endswith("</svg>")
    assert all(word in made for word in words)
    assert "<b>" not in made
    assert "nan" not in made
