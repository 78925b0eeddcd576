"""The board pack in a real browser: axe finds nothing, nothing overflows on a phone, and it prints."""

from __future__ import annotations

import os
import re
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
            for one in ("#answers", "#told")
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


def test_the_paper_prints_on_eight_pages_at_most_and_each_part_on_one(browser: Browser, workspace: Path) -> None:
    """With its slots filled. Broken by an annex that prints unasked, or by a first page of two sheets."""
    whole = report_of(workspace).read_text(encoding="utf-8")
    words = "We have read the figures and think that shadow is right, if the panel is asked again. " * 3
    filled = re.sub(r"(<!-- advice of \w+ --><span>).*?</span>", rf"\1{words}</span>", whole)
    assert filled != whole
    page = browser.new_page()
    page.set_content(filled)
    printed = page.pdf(format="A4", prefer_css_page_size=True)
    assert printed.startswith(b"%PDF")
    assert count_pages(printed) == filled.count('<section class="page"') <= 8
    page.set_content(filled.replace('<details class="annex"', '<details open class="annex"'))
    assert count_pages(page.pdf(format="A4", prefer_css_page_size=True)) > 8
    page.close()


def count_pages(printed: bytes) -> int:
    return len(re.findall(rb"/Type ?/Page\b(?!s)", printed))


def test_the_annex_is_one_click_away(browser: Browser, workspace: Path) -> None:
    page = browser.new_page(java_script_enabled=False)
    page.goto(report_of(workspace).as_uri())
    assert not page.locator("#questions").is_visible()
    page.get_by_role("link", name="open the annex").click()
    assert page.locator("#questions").is_visible()
    page.close()
