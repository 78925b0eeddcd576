"""A worker's Monday by keyboard alone, on a list of their own."""

from __future__ import annotations

import re
import time

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_casework import findings, photograph, sign_in_as_worker

pytestmark = [
    pytest.mark.browser,
    # Playwright's own loop policy call warns on newer Pythons; it is not ours to mend.
    pytest.mark.filterwarnings("ignore::DeprecationWarning:playwright"),
]


@pytest.mark.deep
def test_a_worker_opens_files_and_moves_on_by_keyboard_alone(page: Page) -> None:
    """A worker's Monday, thinking left out: three cases, each in under 30 seconds."""
    sign_in_as_worker(page)
    for _ in range(3):
        page.goto("/worklists/north?status=waiting")
        start = time.perf_counter()
        link = page.get_by_role("link", name=re.compile("^(Begin|Go on) with"))
        link.focus()
        with page.expect_navigation():
            page.keyboard.press("Enter")
        if page.get_by_role("heading", name="Your own view first").count():
            page.get_by_label("I can’t tell without the reasons").focus()
            page.keyboard.press("Space")
            page.get_by_role("button", name="Save and show the reasons").focus()
            page.keyboard.press("Enter")
            page.wait_for_selector("#decide")
        page.locator("#decide").get_by_role("link", name="Defer", exact=True).focus()
        page.keyboard.press("Enter")
        page.get_by_label("Waiting for information").focus()
        page.keyboard.press("Space")
        page.keyboard.press("Tab")
        page.keyboard.press("Space")
        page.get_by_role("button", name="Record: Defer").focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("Recorded: Deferred.")
        page.get_by_role("alert").get_by_role("link").focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        assert time.perf_counter() - start < 30
    page.goto("/worklists/north?clear=1")
    page.goto("/my-cases")
    assert page.locator("tbody tr").count() >= 3
    assert findings(page) == []
    photograph(page, "my-cases")
