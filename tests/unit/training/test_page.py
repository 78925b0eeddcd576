"""The page of a run: every part drawn and in words, no outside reference, nobody on it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date

import pyarrow.parquet as pq
import pytest
from markupsafe import Markup, escape

from charter.contracts.workspace import Workspace
from training.report.drawings import Dot, Series, Span, draw_curves, draw_dots, draw_spans
from training.report.page import FILE, render_page
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
        assert band["meaning"] in page
    for fold in run.metrics["folds"]:
        assert f"{fold['train_from']} to {fold['train_to']}" in page
    assert "With 5 more places on every list" in page
    assert "days after the list on average" in page


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
