"""Signing in with the council's account in a real browser, at a real OpenID Connect server; and a page that shuts."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import create_engine, update

from serving.access.emergency import open_emergency
from serving.desk import Desk
from serving.store.store import write_moment
from serving.store.tables import sessions
from tests.browser.test_casework import findings, photograph, photograph_narrow
from tests.unit.serving.conftest import World
from tests.unit.serving.entering import write_table
from tests.unit.serving.served import Served, serving
from tests.unit.serving.signing_provider import Provider, run_provider

pytestmark = [
    pytest.mark.browser,
    # Playwright's own loop policy call warns on newer Pythons; it is not ours to mend.
    pytest.mark.filterwarnings("ignore::DeprecationWarning:playwright"),
]
HEADING = "Households to think about first"


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with run_provider() as running:
        yield running


@pytest.fixture(scope="module")
def entered(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Serve a small world whose council has this provider."""

    def prepare(world: World) -> None:
        write_table(
            world.invocation.council.folder, provider, **{"asked_again_seconds = 5": "asked_again_seconds = 30"}
        )

    with pytest.MonkeyPatch.context() as patch:
        for name in ("STAFF", "OTHER"):
            patch.setenv(f"SOONER_SECRET_{name}", "a secret of the tests")
        with serving(tmp_path_factory.mktemp("entered"), workers=1, prepare=prepare) as running:
            yield running


@pytest.fixture
def visitor(browser: Browser, entered: Served) -> Iterator[Page]:
    context = browser.new_context(base_url=entered.address, viewport={"width": 1280, "height": 900})
    yield context.new_page()
    context.close()


def enter(page: Page, user: str) -> None:
    """Sign in as a person does: our button, the provider's page, and back."""
    page.goto("/sign-in")
    page.get_by_role("button", name="Sign in with your council account").click()
    page.locator("input[name=sub]").fill(user)
    page.get_by_role("button", name="Authorize").click()


def take_time(entered: Served, **columns: datetime) -> None:
    """Set times of every session, as if it had passed."""
    told = {name: write_moment(value) for name, value in columns.items()}
    with create_engine(f"sqlite:///{entered.world.workspace.casework}").begin() as connection:
        connection.execute(update(sessions).values(told))


def test_a_worker_signs_in_and_a_page_that_is_open_shuts_when_they_leave_their_group(
    visitor: Page, entered: Served, provider: Provider
) -> None:
    """The browser's and the server's clocks are put on; `make deep` waits for them."""
    provider.person("b-1", ["workers-north"])
    visitor.clock.install()
    enter(visitor, "b-1")
    expect(visitor.locator("h1")).to_contain_text(HEADING)
    assert findings(visitor) == []
    provider.person("b-1", ["canteen"])
    take_time(entered, asked_at=datetime.now(UTC) - timedelta(seconds=31))
    visitor.clock.run_for(16_000)
    expect(visitor.locator("main")).to_contain_text("Your session has ended, and its page was shut.")
    assert findings(visitor) == []
    visitor.go_back()
    expect(visitor.get_by_text(HEADING)).to_have_count(0)


@pytest.mark.deep
def test_a_revoked_person_s_open_page_is_shut_within_a_minute(
    visitor: Page, provider: Provider, capsys: pytest.CaptureFixture[str]
) -> None:
    provider.person("b-2", ["workers-north"])
    enter(visitor, "b-2")
    expect(visitor.locator("h1")).to_contain_text(HEADING)
    provider.revoke("b-2")
    began = time.monotonic()
    expect(visitor.locator("main")).to_contain_text("its page was shut", timeout=60_000)
    with capsys.disabled():
        print(f"shut after {time.monotonic() - began:.0f} s")


def test_roles_guests_emergencies_and_who_is_in_are_pages_for_everybody(
    visitor: Page, entered: Served, provider: Provider
) -> None:
    provider.person("b-3", ["managers-north", "security"])
    visitor.goto("/sign-in")
    assert findings(visitor) == []
    photograph(visitor, "sign-in")
    photograph_narrow(visitor, "sign-in")
    for path in ("/sign-in/invited", "/sign-in/emergency"):
        visitor.goto(path)
        assert findings(visitor) == []
        visitor.get_by_role("button", name="Go on").click()
        expect(visitor.locator(".govuk-error-message")).to_be_visible()
        assert findings(visitor) == []
    desk = Desk.open(entered.world.invocation, demo=False, chain="test")
    open_emergency(desk, "b-4", "team_manager", ["north"], "The provider is down.", 30)
    desk.close()
    enter(visitor, "b-3")
    expect(visitor.locator("h1")).to_contain_text("Which of your roles?")
    assert findings(visitor) == []
    photograph(visitor, "choose-role")
    visitor.get_by_label("Security officer").check()
    visitor.get_by_role("button", name="Go on").click()
    expect(visitor.locator("h1")).to_contain_text("Who is signed in")
    assert findings(visitor) == []
    photograph(visitor, "who-is-in")
    photograph_narrow(visitor, "who-is-in")
    visitor.get_by_role("button", name="Invite a guest").click()
    expect(visitor.locator(".sooner-code")).to_be_visible()
    assert findings(visitor) == []
    photograph(visitor, "invitation")
    visitor.goto("/access")
    visitor.get_by_role("button", name="It was in order").click()
    expect(visitor.locator(".govuk-notification-banner")).to_contain_text("The review is kept.")


def test_without_scripts_one_signs_in_and_out_all_the_same(
    browser: Browser, entered: Served, provider: Provider
) -> None:
    provider.person("b-5", ["workers-north"])
    context = browser.new_context(base_url=entered.address, java_script_enabled=False)
    page = context.new_page()
    enter(page, "b-5")
    expect(page.locator("h1")).to_contain_text(HEADING)
    page.get_by_role("button", name="Sign out").click()
    expect(page.locator("main")).to_contain_text("You have signed out.")
    page.goto("/worklists/north")
    expect(page.locator("h1")).to_contain_text("Sign in")
    context.close()
