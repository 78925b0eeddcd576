"""The residents' site in a real browser, from plain files: axe finds nothing, it needs no script and asks nobody."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from charter.invocation import Invocation
from fairness_reports.residents.site import write_site
from tests.browser.conftest import ROOT, SCREENSHOTS

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def site(workspace: Path) -> Path:
    folder, _ = write_site(Invocation.open(ROOT / "council", "early_help", workspace, quiet=True))
    return folder


@pytest.fixture
def asking(browser: Browser) -> Iterator[tuple[Page, list[str]]]:
    """Give a page at a desk's width, and every address that it asks for."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    yield page, asked
    page.close()


def open_all(page: Page) -> None:
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")


def test_axe_finds_nothing_nothing_overflows_and_nobody_is_asked(site: Path, asking: tuple[Page, list[str]]) -> None:
    page, asked = asking
    paths = sorted(site.glob("*.html"))
    assert len(paths) >= 10
    for path in paths:
        page.set_viewport_size({"width": 1280, "height": 900})
        page.goto(path.as_uri())
        open_all(page)
        found = Axe().run(page)
        assert found.violations_count == 0, (path.name, found.generate_report())
        page.set_viewport_size({"width": 320, "height": 640})
        assert page.evaluate("document.documentElement.scrollWidth") <= 320, path.name
    assert all(address.startswith("file:") for address in asked)


def test_the_points_add_up_and_without_script_the_table_says_it_all(
    site: Path, browser: Browser, asking: tuple[Page, list[str]]
) -> None:
    """Broken by a sum that forgets what was unticked, and by a total of 0 where nothing adds it up."""
    page, _ = asking
    page.goto((site / "points-early_help.html").as_uri())
    boxes = page.locator("input[type=checkbox]")
    worth = [int(boxes.nth(number).get_attribute("value") or 0) for number in range(boxes.count())]
    assert len(worth) > 2
    boxes.nth(0).check()
    boxes.nth(1).check()
    assert page.locator("#total").inner_text() == str(worth[0] + worth[1])
    boxes.nth(0).uncheck()
    assert page.locator("#total").inner_text() == str(worth[1])
    context = browser.new_context(java_script_enabled=False)
    plain = context.new_page()
    plain.goto((site / "points-early_help.html").as_uri())
    assert not plain.locator("#result").is_visible()
    assert plain.locator("tbody tr").count() == len(worth)
    context.close()


def test_it_prints_without_its_menu_and_is_pictured(site: Path, asking: tuple[Page, list[str]]) -> None:
    page, _ = asking
    page.goto((site / "index.html").as_uri())
    assert page.pdf(format="A4").startswith(b"%PDF")
    page.emulate_media(media="print")
    assert not page.locator("nav").is_visible()
    if os.environ.get("SOONER_SCREENSHOTS") == "1":
        page.screenshot(path=SCREENSHOTS / "residents-print.png", full_page=True)
        page.goto((site / "promises.html").as_uri())
        page.screenshot(path=SCREENSHOTS / "residents-promises-print.png", full_page=True)
        page.emulate_media(media="screen")
        pictured = (
            ("residents", "index"), ("residents-points", "points-early_help"), ("residents-promises", "promises"),
        )  # fmt: skip
        for name, file in pictured:
            for width in (1280, 390):
                page.set_viewport_size({"width": width, "height": 900})
                page.goto((site / f"{file}.html").as_uri())
                suffix = "" if width == 1280 else f"-{width}"
                page.screenshot(path=SCREENSHOTS / f"{name}{suffix}.png", full_page=True)
