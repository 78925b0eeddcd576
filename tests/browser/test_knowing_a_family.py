"""Whoever knows a family is shown nothing of it any more."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_casework import findings, open_case, photograph, sign_in, sign_in_as_worker

pytestmark = [
    pytest.mark.browser,
    # Playwright's own loop policy call warns on newer Pythons; it is not ours to mend.
    pytest.mark.filterwarnings("ignore::DeprecationWarning:playwright"),
]


def test_whoever_knows_the_family_does_not_see_the_case_any_more(page: Page) -> None:
    sign_in_as_worker(page)
    before = page.locator(".sooner-card").count()
    open_case(page, before - 1)
    page.get_by_role("link", name="I know this family").click()
    assert findings(page) == []
    page.get_by_role("button", name="I know this family").click()
    expect(page.locator(".sooner-card")).to_have_count(before - 1)
    sign_in(page, "Front door, all teams")
    expect(page.locator("main")).to_contain_text("All your teams")
    assert findings(page) == []
    photograph(page, "all-teams")
    page.goto("/worklists/north")
    expect(page.locator("main")).to_contain_text("Waits for you: a colleague knows this family")
    assert findings(page) == []
