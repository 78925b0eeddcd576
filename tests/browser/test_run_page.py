"""The page of a training run in a real browser: axe finds nothing, and nothing overflows on a phone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

pytestmark = pytest.mark.browser

SCREENSHOT = Path(__file__).resolve().parents[2] / "docs" / "screenshots" / "run.png"


def page_of(workspace: Path) -> Path:
    runs = workspace / "scores" / "early_help"
    return runs / (runs / "current").read_text().strip() / "report.html"


def test_axe_finds_nothing_on_the_page_of_a_run(browser: Browser, workspace: Path) -> None:
    page = browser.new_page(viewport={"width": 1000, "height": 1400})
    page.goto(page_of(workspace).as_uri())
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    if os.environ.get("SOONER_SCREENSHOTS") == "1":
        page.screenshot(path=SCREENSHOT)
    page.close()


def test_the_page_of_a_run_fits_a_phone(browser: Browser, workspace: Path) -> None:
    page = browser.new_page(viewport={"width": 320, "height": 640})
    page.goto(page_of(workspace).as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    assert page.evaluate("[...document.querySelectorAll('.scroll')].every(one => one.tabIndex === 0)")
    page.close()
