"""The pages of evidence in a real browser: axe finds nothing, nothing overflows on a phone, they print."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from fairness_reports.evidence.exchange_page import write_exchange_page
from fairness_reports.evidence.history_page import write_history_page
from fairness_reports.evidence.line_page import write_line_page
from fairness_reports.evidence.value_page import write_value_page
from fairness_reports.exchange.strength import measure_strength, say_strength
from fairness_reports.impact.line import measure_line, say_line
from fairness_reports.impact.stepped.start_history import measure_history
from fairness_reports.impact.stepped.start_words import say_history
from fairness_reports.impact.value import measure_value, say_value
from tests.unit.fairness_reports.conftest import make_world
from tests.unit.fairness_reports.test_effect import happen_soon, offer
from tests.unit.fairness_reports.test_exchange import exchange_figures, leave_exchange
from tests.unit.fairness_reports.test_line import leave_lines, need_at
from tests.unit.fairness_reports.test_starts import live_and_need, write_starts
from tests.unit.fairness_reports.test_value import leave_curve

pytestmark = pytest.mark.browser

SCREENSHOTS = Path(__file__).resolve().parents[2] / "docs" / "screenshots"


def make_line(folder: Path) -> Path:
    world = make_world(folder, households=200)
    distances = leave_lines(world)
    happen_soon(world, dict.fromkeys(distances, ""), need_at(distances, 0.35))
    offer(world, {name: "ranked" if distance >= 0 else "control" for name, distance in distances.items()})
    line = measure_line(world.invocation)
    return write_line_page(world.invocation, line, say_line(line))


def make_history(folder: Path) -> Path:
    world = make_world(folder, households=200)
    write_starts(world)
    live_and_need(world, -0.02)
    history = measure_history(world.invocation)
    return write_history_page(world.invocation, history, say_history(history))


def make_value(folder: Path) -> Path:
    world = make_world(folder, households=200)
    leave_curve(world, 30)
    value = measure_value(world.invocation)
    return write_value_page(world.invocation, value, say_value(value))


def make_exchange(folder: Path) -> Path:
    world = leave_exchange(make_world(folder, households=200), folder)
    exchange_figures(world)
    strength = measure_strength(world.invocation)
    return write_exchange_page(world.invocation, strength, say_strength(strength))


@pytest.mark.parametrize(
    ("name", "make"),
    [("line", make_line), ("history", make_history), ("value", make_value), ("exchange", make_exchange)],
)
def test_a_page_of_evidence_is_whole_on_a_phone_and_on_paper(
    browser: Browser, tmp_path: Path, name: str, make: Callable[[Path], Path]
) -> None:
    page = browser.new_page(viewport={"width": 320, "height": 700})
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(make(tmp_path).as_uri())
    assert len(asked) == 1
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    assert page.evaluate("[...document.querySelectorAll('.scroll')].every(one => one.tabIndex === 0)")
    report = Axe().run(page)
    assert report.violations_count == 0, report.generate_report()
    assert page.pdf(format="A4").startswith(b"%PDF")
    if os.environ.get("SOONER_SCREENSHOTS") == "1":
        for suffix, width in (("", 1000), ("-390", 390)):
            page.set_viewport_size({"width": width, "height": 900})
            page.screenshot(path=SCREENSHOTS / f"evidence-{name}{suffix}.png", full_page=not suffix)
    page.close()
