"""A reviewer judges blind, in the order of a list that nobody has begun."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_casework import findings, photograph, sign_in_as_worker

pytestmark = [
    pytest.mark.browser,
    # Playwright's own loop policy call warns on newer Pythons; it is not ours to mend.
    pytest.mark.filterwarnings("ignore::DeprecationWarning:playwright"),
]


def test_a_reviewer_judges_blind_for_the_second_gate(page: Page) -> None:
    sign_in_as_worker(page)
    page.get_by_role("link", name="Blind review").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Blind review: case 1 of")
    assert findings(page) == []
    photograph(page, "blind-review")
    page.get_by_label("I would offer help").check()
    page.get_by_role("button", name="Save and go on").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Blind review: case 2 of")
