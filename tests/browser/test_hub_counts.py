"""A hub's week in a real browser: without scripts on 320 pixels, by keyboard, printed; axe finds nothing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from serving.desk import Desk
from tests.browser.test_casework import findings
from tests.browser.test_checked_once import answer_from, desk, photograph, press_until
from tests.unit.serving.client import BASE

__all__ = ["desk"]
pytestmark = [
    pytest.mark.browser,
    # Playwright's own loop policy call warns on newer Pythons; it is not ours to mend.
    pytest.mark.filterwarnings("ignore::DeprecationWarning:playwright"),
]


def lay_hubs(desk: Desk) -> Path:
    folder = desk.invocation.workspace.maps / "food"
    folder.mkdir(parents=True)
    rows = [f"{name} hub,1.9,53.6,Friday,open,demo-partner" for name in ("Hill", "Quay")]
    (folder / "hubs.csv").write_text("\n".join(["hub,longitude,latitude,hours,state,counted_by", *rows, ""]))
    return folder


def test_a_week_is_counted_by_keyboard_without_scripts_on_a_phone(browser: Browser, desk: Desk) -> None:
    folder = lay_hubs(desk)
    with ThreadPoolExecutor(1) as pool:
        context = browser.new_context(base_url=BASE, viewport={"width": 320, "height": 800}, java_script_enabled=False)
        answer_from(context, desk, pool, "demo-partner")
        page = context.new_page()
        page.goto("/hub-counts")
        for name, text in (("#parcels-food-Hill-hub", "24"), ("#turned_away-food-Hill-hub", "3")):
            press_until(page, "Tab", name)
            page.keyboard.type(text)
        press_until(page, "Tab", "main button")
        with page.expect_navigation():
            page.keyboard.press("Enter")
        expect(page.get_by_role("status")).to_contain_text("The week is kept")
        monday = desk.today() - timedelta(days=(desk.today().weekday() + 1) % 7 + 6)
        assert f"Hill hub,{monday},24,3" in (folder / "partners.csv").read_text()
        photograph(page, "hub-counts-320")
        page.emulate_media(media="print")
        photograph(page, "hub-counts-print")
        context.close()
        context = browser.new_context(base_url=BASE, viewport={"width": 320, "height": 800})
        answer_from(context, desk, pool, "demo-partner")
        page = context.new_page()
        page.goto("/hub-counts")
        assert findings(page) == []
        page.get_by_role("button", name="Keep this week of Quay hub").click()
        expect(page.get_by_role("heading", name="There is a problem")).to_be_visible()
        assert findings(page) == []
        page.set_viewport_size({"width": 1280, "height": 900})
        assert findings(page) == []
        photograph(page, "hub-counts-error-1280")
        context.close()
