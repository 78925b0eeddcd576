"""The board pack in a real browser: axe finds nothing, nothing overflows on a phone, and it prints."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

pytestmark = pytest.mark.browser

SCREENSHOTS = Path(__file__).resolve().parents[2] / "docs" / "screenshots"


def report_of(workspace: Path) -> Path:
    audit = workspace / "audit" / "early_help"
    return audit / (audit / "current").read_text().strip() / "report.html"


def test_axe_finds_nothing_on_the_board_pack_even_with_everything_opened(browser: Browser, workspace: Path) -> None:
    page = browser.new_page(viewport={"width": 1000, "height": 1400})
    page.goto(report_of(workspace).as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    if os.environ.get("SOONER_SCREENSHOTS") == "1":
        page.evaluate("document.querySelectorAll('details').forEach(one => one.open = false)")
        tops = [
            page.evaluate(f'document.querySelector("{one}").getBoundingClientRect().top + scrollY')
            for one in ("#answers", "#annex")
        ]
        for name, top, bottom in (("board-pack", 0, tops[0]), ("board-pack-answers", *tops)):
            clip = {"x": 0, "y": top, "width": 1000, "height": bottom - top}
            page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True, clip=clip)
    page.close()


def test_nothing_overflows_on_a_phone_and_every_table_can_be_scrolled_by_keyboard(
    browser: Browser, workspace: Path
) -> None:
    page = browser.new_page(viewport={"width": 320, "height": 640})
    page.goto(report_of(workspace).as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    assert page.evaluate("[...document.querySelectorAll('.scroll')].every(one => one.tabIndex === 0)")
    page.close()


def test_the_board_pack_prints(browser: Browser, workspace: Path) -> None:
    page = browser.new_page()
    page.goto(report_of(workspace).as_uri())
    printed = page.pdf(format="A4")
    assert printed.startswith(b"%PDF")
    assert printed.count(b"/Type /Page\n") + printed.count(b"/Type /Page ") + printed.count(b"/Type /Page/") >= 3
    page.close()
