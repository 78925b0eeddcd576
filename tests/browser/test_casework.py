"""People at work in the demo's data, in a real browser: a worker, a manager, a board member."""

from __future__ import annotations

import os
import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import SCREENSHOTS

pytestmark = [
    pytest.mark.browser,
    # Playwright's own loop policy call warns on newer Pythons; it is not ours to mend.
    pytest.mark.filterwarnings("ignore::DeprecationWarning:playwright"),
]

NORTH = "North family help team"


def sign_in(page: Page, who: str) -> None:
    page.goto("/sign-in")
    page.get_by_label(who).check()
    page.get_by_role("button", name="Sign in").click()


def sign_in_as_worker(page: Page) -> None:
    sign_in(page, f"{NORTH}: lead practitioner")


def open_case(page: Page, number: int) -> None:
    """Open the case at a place of the list, and give one's own view first where it is asked."""
    page.locator(".sooner-card a").nth(number).click()
    if page.get_by_role("heading", name="Your own view first").count():
        page.get_by_label("I can’t tell without the reasons").check()
        page.get_by_role("button", name="Save and show the reasons").click()


def photograph(page: Page, name: str) -> None:
    if os.environ.get("SOONER_SCREENSHOTS") == "1":
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)


def findings(page: Page) -> list[str]:
    """Return what axe-core finds, and what sticks out of a narrow screen."""
    found = [f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in Axe().run(page).response["violations"]]
    wide = page.viewport_size
    assert wide is not None
    page.set_viewport_size({"width": 320, "height": 700})
    over = page.evaluate("document.documentElement.scrollWidth")
    page.set_viewport_size(wide)
    return found + ([f"{over} pixels wide on a screen of 320"] if over > 320 else [])


def test_a_worker_reads_the_list_and_a_case(page: Page) -> None:
    sign_in_as_worker(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("Households to think about first")
    cards = page.locator(".sooner-card")
    assert 1 <= cards.count() <= 8
    assert findings(page) == []
    photograph(page, "worklist")
    open_case(page, 0)
    headings = ["Why this household may need help", "Strengths"]
    headings += [
        "What services recorded, month by month",
        "What could and could not be seen",
        "Who is already involved",
        "What this list is not",
    ]
    for heading in headings:
        expect(page.get_by_role("heading", name=heading)).to_be_visible()
    assert page.locator(".sooner-reason").count() > 2
    assert findings(page) == []
    photograph(page, "case")


def test_no_page_of_the_demo_shows_a_code_a_column_or_the_word_for_insurers(page: Page) -> None:
    sign_in_as_worker(page)
    texts = [page.locator("body").inner_text()]
    for number in range(page.locator(".sooner-card").count()):
        page.goto("/worklists/north")
        open_case(page, number)
        texts.append(page.locator("body").inner_text())
    assert len(texts) > 3
    for text in texts:
        assert not re.search(r"\brisk", text, re.IGNORECASE)
        assert not re.search(r"\b[a-z]+_[a-z0-9_]+\b", re.sub(r"\S+@\S+", "", text)), text
        assert not re.search(r"\b(nan|None|null|\{value\})\b", text)


def test_a_worker_disagrees_and_sees_it_filed(page: Page) -> None:
    sign_in_as_worker(page)
    open_case(page, 1)
    page.get_by_role("button", name="Record my decision").click()
    expect(page.get_by_role("alert")).to_contain_text("Choose your decision.")
    assert findings(page) == []
    page.get_by_label("Set aside", exact=True).check()
    page.get_by_label("Because").select_option(label="I looked and found no unmet need")
    page.get_by_label(re.compile("shareable with the family")).fill("We spoke; school and home go well.")
    page.get_by_role("button", name="Record my decision").click()
    expect(page.get_by_role("heading", name="Decisions so far")).to_be_visible()
    expect(page.locator("main")).to_contain_text("We spoke; school and home go well.")
    photograph(page, "decision")
    page.get_by_role("link", name="Worklist of").click()
    page.get_by_label("Status").select_option(label="Set aside")
    page.get_by_role("button", name="Show").click()
    expect(page.locator(".sooner-card")).to_have_count(1)


def test_taking_up_asks_whether_contact_is_safe(page: Page) -> None:
    sign_in_as_worker(page)
    open_case(page, 2)
    page.get_by_label("Take up", exact=True).check()
    page.get_by_label("Because").select_option(label="I see the same need")
    page.get_by_role("button", name="Record my decision").click()
    expect(page.get_by_role("alert")).to_contain_text("contact is safe")
    page.get_by_label(re.compile("I have checked how and when")).check()
    page.get_by_role("button", name="Record my decision").click()
    expect(page.locator(".govuk-tag").filter(has_text="Taken up")).to_be_visible()


def test_stepping_up_is_one_action(page: Page) -> None:
    sign_in_as_worker(page)
    page.locator(".sooner-card a").nth(3).click()
    page.get_by_role("button", name="Step up now").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Stepped up")
    assert findings(page) == []


def test_the_whole_way_works_by_keyboard_and_without_javascript(page: Page, served: str) -> None:
    assert page.context.browser is not None
    plain = page.context.browser.new_context(base_url=served, java_script_enabled=False).new_page()
    plain.goto("/sign-in")
    plain.keyboard.press("Tab")
    assert plain.locator(":focus").inner_text() == "Skip to main content"
    sign_in_as_worker(plain)
    plain.locator(".sooner-card a").nth(4).focus()
    plain.keyboard.press("Enter")
    if plain.get_by_role("heading", name="Your own view first").count():
        plain.get_by_label("I would offer help").focus()
        plain.keyboard.press("Space")
        plain.get_by_role("button", name="Save and show the reasons").focus()
        plain.keyboard.press("Enter")
    plain.get_by_label("Defer", exact=True).focus()
    plain.keyboard.press("Space")
    plain.get_by_label("Because").select_option(label="Waiting for information")
    plain.get_by_role("button", name="Record my decision").focus()
    plain.keyboard.press("Enter")
    expect(plain.locator("main")).to_contain_text("waiting for information")
    plain.context.close()


def test_a_manager_sees_figures_of_the_team(page: Page) -> None:
    sign_in(page, f"{NORTH}: team manager")
    page.get_by_role("link", name="Managing the lists").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Managing the lists")
    assert findings(page) == []
    photograph(page, "manager")


def test_a_manager_judges_a_case_blind(page: Page) -> None:
    sign_in(page, f"{NORTH}: team manager")
    page.get_by_role("link", name="Managing the lists").click()
    page.locator('a[href^="/manager/second-look/"]').first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Second look")
    expect(page.get_by_role("heading", name="What would you do?")).to_be_visible()
    assert findings(page) == []
    photograph(page, "second-look")
    page.get_by_label("I can’t tell from this").check()
    page.get_by_role("button", name="Save and go on").click()
    page.goto("/manager")
    expect(page.locator("main")).to_contain_text("judged")


def test_a_reviewer_judges_blind_for_the_second_gate(page: Page) -> None:
    sign_in_as_worker(page)
    page.get_by_role("link", name="Blind review").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Blind review: case 1 of")
    assert findings(page) == []
    photograph(page, "blind-review")
    page.get_by_label("I would offer help").check()
    page.get_by_role("button", name="Save and go on").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Blind review: case 2 of")


def test_a_worker_practises_and_passes(page: Page) -> None:
    sign_in_as_worker(page)
    page.get_by_role("link", name="Practice").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Practice")
    assert findings(page) == []
    photograph(page, "practice")
    page.get_by_role("button", name="See what was right").click()
    expect(page.get_by_role("alert")).to_contain_text("Answer every case")
    wrong = {"A father and a baby in Castle Rise", "A mother and a daughter in Harbour", "A young mother in Mill Lane"}
    for card in page.locator(".sooner-card").all():
        title = card.get_by_role("heading", level=2).inner_text().partition(". ")[2]
        answer = "The list has this case wrong" if title in wrong else "The list tells it as it is"
        card.get_by_label(answer).check()
    page.get_by_role("button", name="See what was right").click()
    expect(page.get_by_role("status")).to_contain_text("That is enough to decide on real lists until")
    assert findings(page) == []
    photograph(page, "practice-passed")


def test_an_analyst_sees_figures_of_all(page: Page) -> None:
    sign_in(page, "Analyst")
    expect(page.get_by_role("heading", level=1)).to_have_text("For analysts")
    assert page.locator("tbody tr").count() > 3
    assert findings(page) == []
    photograph(page, "analyst")


def test_a_board_member_reads_the_decision_and_the_pack(page: Page) -> None:
    sign_in(page, "Governance board")
    expect(page.get_by_role("heading", level=1)).to_have_text("For the board")
    assert findings(page) == []
    photograph(page, "board")
    for gate in ("of the gate", "of the second gate"):
        page.goto("/board")
        page.get_by_role("link", name=f"Read the pack {gate}").first.click()
        expect(page.get_by_role("heading", level=1)).to_be_visible()


def test_a_role_refuses_and_accepts_a_decision_by_keyboard_and_without_javascript(page: Page, served: str) -> None:
    assert page.context.browser is not None
    plain = page.context.browser.new_context(base_url=served, java_script_enabled=False).new_page()
    sign_in(plain, "Senior responsible owner")
    plain.locator('form[action="/board/decisions/live"]').get_by_label("Why not?").focus()
    plain.keyboard.type("Blind reviews are missing.")
    plain.keyboard.press("Tab")
    plain.keyboard.press("Enter")
    expect(plain.locator("main")).to_contain_text("Refused on")
    expect(plain.locator("main")).to_contain_text("Blind reviews are missing.")
    sign_in(page, "Senior responsible owner")
    assert findings(page) == []
    photograph(page, "sign-off")
    plain.get_by_label("I have read the pack").focus()
    plain.keyboard.press("Space")
    plain.keyboard.press("Tab")
    plain.keyboard.press("Enter")
    expect(plain.locator("main")).not_to_contain_text("Blind reviews are missing.")
    expect(plain.locator("main")).to_contain_text("typed in a demonstration")
    plain.context.close()


def test_a_manager_moves_a_case_and_asks_for_a_new_list(page: Page) -> None:
    sign_in(page, f"{NORTH}: team manager")
    page.goto("/worklists/north")
    page.locator(".sooner-card a").nth(5).click()
    household = page.get_by_role("heading", level=1).inner_text()
    assert findings(page) == []
    page.get_by_label("Team").select_option(label="South family help team")
    page.get_by_label("Why").select_option(label="Their help fits better")
    page.get_by_role("button", name="Move the case").click()
    sign_in(page, "South family help team: lead practitioner")
    expect(page.locator("main")).to_contain_text("Moved here from North family help team")
    expect(page.locator("main")).to_contain_text(household)
    sign_in(page, f"{NORTH}: team manager")
    page.goto("/manager")
    page.get_by_role("button", name="Ask for a new list").click()
    expect(page.locator("main")).to_contain_text("The next ranking of a later day makes it")


def test_whoever_knows_the_family_does_not_see_the_case_any_more(page: Page) -> None:
    sign_in_as_worker(page)
    before = page.locator(".sooner-card").count()
    open_case(page, before - 1)
    page.get_by_role("button", name="I know this family").click()
    expect(page.locator(".sooner-card")).to_have_count(before - 1)
    sign_in(page, "Front door, all teams")
    expect(page.locator("main")).to_contain_text("Waits for you: a colleague knows this family")
    assert findings(page) == []


def test_one_role_stops_every_list_and_two_start_them_again(page: Page) -> None:
    sign_in(page, "Senior responsible owner")
    page.get_by_label("Why stop now?").fill("A feed looks wrong.")
    page.get_by_role("button", name="Stop it now").click()
    expect(page.locator("main")).to_contain_text("A feed looks wrong.")
    assert findings(page) == []
    photograph(page, "suspended")
    sign_in_as_worker(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("No list is shown now")
    assert findings(page) == []
    for who in ("Senior responsible owner", "Chief data officer"):
        sign_in(page, who)
        page.get_by_role("button", name="Ask to resume").click()
    sign_in_as_worker(page)
    expect(page.locator(".sooner-card").first).to_be_visible()


def test_a_printed_list_leaves_out_what_cannot_be_clicked(page: Page) -> None:
    sign_in_as_worker(page)
    page.emulate_media(media="print")
    expect(page.locator(".sooner-filters")).to_be_hidden()
    expect(page.locator(".sooner-card").first).to_be_visible()
