"""In a real browser axe finds nothing, nothing overflows on a phone, it prints, and it asks nothing of outside."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from borough.ground import draw_ground, write_ground
from charter.invocation import Invocation, shipped_council
from fairness_reports.maps.whole_map import draw_maps

pytestmark = pytest.mark.browser

SCREENSHOTS = Path(__file__).resolve().parents[2] / "docs" / "screenshots"


@pytest.mark.parametrize("audience", ["partners", "public"])
def test_a_map_is_whole_without_scripts_on_a_phone_and_on_paper(
    browser: Browser, tmp_path: Path, audience: str
) -> None:
    write_ground(draw_ground(40, 1), tmp_path / "map" / "food", 1)
    folder = draw_maps(Invocation.open(shipped_council(), "early_help", tmp_path), "food", date(2026, 11, 28))
    page = browser.new_page(viewport={"width": 320, "height": 700})
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto((folder / audience / "map.html").as_uri())
    assert len(asked) == 1
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    assert page.evaluate("[...document.querySelectorAll('.wide')].every(one => one.tabIndex === 0)")
    report = Axe().run(page)
    assert report.violations_count == 0, report.generate_report()
    assert page.pdf(format="A4").startswith(b"%PDF")
    if os.environ.get("SOONER_SCREENSHOTS") == "1":
        for name, width in ((f"map-{audience}", 1280), (f"map-{audience}-390", 390)):
            page.set_viewport_size({"width": width, "height": 1500})
            page.screenshot(path=SCREENSHOTS / f"{name}.png")
        page.set_viewport_size({"width": 800, "height": 1500})
        page.emulate_media(media="print")
        page.screenshot(path=SCREENSHOTS / f"map-{audience}-print.png")
    page.close()
