"""What is checked once, in a real browser: by keyboard alone, without scripts, on 320 pixels; axe finds nothing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from charter.vault.check_once import RESIDENCE, find_birth_token, index_row
from charter.vault.vault import Vault
from serving.desk import Desk
from serving.ranking.worklist import rank_households
from tests.browser.test_casework import findings
from tests.unit.serving.client import BASE, signed_in
from tests.unit.serving.conftest import AS_OF, ROOT, make_world

pytestmark = [
    pytest.mark.browser,
    # Playwright's own loop policy call warns on newer Pythons; it is not ours to mend.
    pytest.mark.filterwarnings("ignore::DeprecationWarning:playwright"),
]
HOME = "990001234567"
PICTURES = os.environ.get("SOONER_PICTURES", "")


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """Open a desk of a small council with a register, whose vault may tell of one person's home."""
    monkeypatch.setenv("SOONER_KEY", "5f" * 32)
    monkeypatch.delenv("SOONER_DATABASE", raising=False)
    world = make_world(tmp_path)
    shutil.copy(ROOT / "council" / "register.toml", world.invocation.council.folder)
    rank_households(world.invocation, world.matrix, AS_OF)
    desk = Desk.open(world.invocation, demo=True)
    home = desk.key.pseudonym("household", HOME)
    told = find_birth_token(desk.key, RESIDENCE, "Zoë", "O’Brien", date(1980, 2, 1))
    Vault.open(world.workspace.vault, desk.key).replace_residents({told: index_row(["p1"], [home])})
    return desk


@pytest.fixture
def pages(browser: Browser, desk: Desk) -> Iterator[Page]:
    """Give a page whose every request the desk's own guarded app answers, signed in, without scripts."""
    with ThreadPoolExecutor(1) as pool:
        context = browser.new_context(base_url=BASE, viewport={"width": 320, "height": 800}, java_script_enabled=False)
        answer_from(context, desk, pool)
        yield context.new_page()
        context.close()


def answer_from(
    context: BrowserContext, desk: Desk, pool: ThreadPoolExecutor, user: str = "demo-resident_desk"
) -> None:
    client = pool.submit(signed_in, desk, user).result()

    def answer(route: Route) -> None:
        request = route.request
        headers = {name: text for name, text in request.headers.items() if name in ("content-type", "origin")}
        path = request.url.removeprefix(BASE)
        sent = pool.submit(client.send, request.method, path, content=request.post_data_buffer, headers=headers)
        told = sent.result()
        if told.status_code == 303:  # A browser goes past the route to where it is sent on.
            told = pool.submit(client.get, told.headers["location"]).result()
        kept = {name: text for name, text in told.headers.items() if name != "content-encoding"}
        route.fulfill(status=told.status_code, headers=kept, body=told.content)

    context.route("**/*", answer)


def photograph(page: Page, name: str) -> None:
    if PICTURES:
        page.screenshot(path=f"{PICTURES}/{name}.png", full_page=True)


def press_until(page: Page, key: str, selector: str) -> None:
    """Press a key until what is meant has the focus, as somebody without a mouse does."""
    for _ in range(40):
        if page.locator(f"{selector}:focus").count():
            return
        page.keyboard.press(key)
    pytest.fail(f"no key leads to {selector}")


def test_a_question_is_asked_by_keyboard_without_scripts_on_a_phone(pages: Page, browser: Browser, desk: Desk) -> None:
    pages.goto("/check-once")
    photograph(pages, "check-once-320")
    press_until(pages, "Tab", 'a[href="/check-once/residence_check"]')
    with pages.expect_navigation():
        pages.keyboard.press("Enter")
    for name, text in (("forename", "Zoë"), ("surname", "O’Brien"), ("birth_date", "1980-02-01"), ("uprn", HOME)):
        press_until(pages, "Tab", f"#{name}")
        pages.keyboard.type(text)
    press_until(pages, "Tab", "#asked_by-1")
    pages.keyboard.press("Space")
    press_until(pages, "Tab", "main button")
    photograph(pages, "check-once-form-320")
    with pages.expect_navigation():
        pages.keyboard.press("Enter")
    expect(pages.locator("main strong")).to_have_text("Yes")
    photograph(pages, "check-once-answer-320")
    with ThreadPoolExecutor(1) as pool:
        context = browser.new_context(base_url=BASE, viewport={"width": 1280, "height": 900})
        answer_from(context, desk, pool)
        page = context.new_page()
        for path in ("/check-once", "/check-once/age_check"):
            page.goto(path)
            assert findings(page) == [], path
            photograph(page, f"{path.replace('/', '-')[1:]}-1280")
        page.get_by_role("button", name="Ask", exact=True).click()
        expect(page.get_by_role("heading", name="There is a problem")).to_be_visible()
        assert findings(page) == []
        photograph(page, "check-once-error-1280")
        context.close()
