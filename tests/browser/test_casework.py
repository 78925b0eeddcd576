"""People at work in the demo's data, in a real browser: a worker, a manager, a board member."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from charter.invocation import Invocation
from features.linking.blind_review import draw_pairs
from tests.browser.conftest import ROOT, SCREENSHOTS

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
    with page.expect_navigation():
        page.locator(".sooner-card a").nth(number).click()
    if page.get_by_role("heading", name="Your own view first").count():
        page.get_by_label("I can’t tell without the reasons").check()
        page.get_by_role("button", name="Save and show the reasons").click()


def photograph(page: Page, name: str) -> None:
    if os.environ.get("SOONER_SCREENSHOTS") == "1":
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)


BEFORE_DEPTH = """() => {
    const range = document.createRange();
    range.setStart(document.querySelector("main"), 0);
    range.setEndBefore(document.querySelector("#depth"));
    const words = range.cloneContents();
    words.querySelectorAll(".govuk-visually-hidden").forEach(hidden => hidden.remove());
    return words.textContent.trim().split(/\\s+/).length;
}"""


def photograph_narrow(page: Page, name: str) -> None:
    """Photograph a page as it is on telephones."""
    wide = page.viewport_size
    assert wide is not None
    for width in (390, 320):
        page.set_viewport_size({"width": width, "height": 800})
        photograph(page, f"{name}-{width}")
    page.set_viewport_size(wide)


def findings(page: Page) -> list[str]:
    """Return what axe-core finds, and what sticks out of a narrow screen."""
    found = [f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in Axe().run(page).response["violations"]]
    wide = page.viewport_size
    assert wide is not None
    page.set_viewport_size({"width": 320, "height": 700})
    over = page.evaluate("document.documentElement.scrollWidth")
    page.set_viewport_size(wide)
    return found + ([f"{over} pixels wide on a screen of 320"] if over > 320 else [])


def choose(page: Page, title: str) -> None:
    """Go to the page of a choice."""
    page.locator("#decide").get_by_role("link", name=title, exact=True).click()


def test_a_worker_reads_the_list_and_a_case(page: Page) -> None:
    sign_in_as_worker(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("Households to think about first")
    cards = page.locator(".sooner-card")
    assert 1 <= cards.count() <= 8
    assert findings(page) == []
    photograph(page, "worklist")
    photograph_narrow(page, "worklist")
    open_case(page, 0)
    headings = ["Why now", "Not seen", "Safe contact", "Working with them now", "Your decision"]
    headings += ["Why this household may need help", "Strengths", "What services recorded"]
    headings += ["What could and could not be seen", "Who is already involved", "What this list is not"]
    for heading in headings:
        expect(page.get_by_role("heading", name=heading, exact=True)).to_be_visible()
    assert page.locator(".sooner-reason").count() > 2
    assert page.locator(".sooner-strip circle, .sooner-strip rect").count() > 2
    assert findings(page) == []
    photograph(page, "case")
    photograph_narrow(page, "case")
    page.get_by_role("link", name="A sheet to take along").click()
    expect(page.get_by_role("heading", name="Saying no costs nothing")).to_be_visible()
    assert findings(page) == []
    page.emulate_media(media="print")
    photograph(page, "sheet")


def test_a_case_is_one_screen_with_the_decision_two_tabs_away(page: Page) -> None:
    """At 1280 x 900 all six answers are on the screen; under 450 words stand before the depth."""
    sign_in_as_worker(page)
    page.set_viewport_size({"width": 1280, "height": 900})
    number = page.locator(".sooner-card").count()
    assert number > 3
    for place in range(number):
        page.goto("/worklists/north")
        open_case(page, place)
        page.locator("#depth").wait_for(state="attached")
        words = page.evaluate(BEFORE_DEPTH)
        assert 60 < words < 450, (place, words)
        for heading in ("Why now", "Not seen", "Safe contact", "Working with them now", "Your decision"):
            box = page.get_by_role("heading", name=heading, exact=True).bounding_box()
            assert box is not None
            assert box["y"] + box["height"] < 900, (place, heading)
    page.goto(page.url.partition("?")[0])
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert page.locator(":focus").inner_text() == "Go to your decision"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.matches('#decide li:first-child a')")


def test_a_worker_disagrees_sees_it_filed_and_takes_it_back(page: Page) -> None:
    sign_in_as_worker(page)
    page.goto("/worklists/north?clear=1")
    open_case(page, 1)
    choose(page, "Set aside")
    expect(page.locator("main")).to_contain_text("No list of any programme holds the household for 8 weeks.")
    page.get_by_label(re.compile("shareable with the family")).fill("We spoke; school and home go well.")
    page.get_by_role("button", name="Record: Set aside").click()
    expect(page.get_by_role("alert")).to_contain_text("Choose a reason for")
    assert page.title().startswith("Error: ")
    expect(page.get_by_label(re.compile("shareable with the family"))).to_have_value(
        "We spoke; school and home go well."
    )
    assert findings(page) == []
    page.get_by_label("I looked and found no unmet need").check()
    page.get_by_role("button", name="Record: Set aside").click()
    expect(page.get_by_role("alert")).to_contain_text("Recorded: Set aside.")
    expect(page.locator("main")).to_contain_text("We spoke; school and home go well.")
    assert findings(page) == []
    photograph(page, "decision")
    page.reload()
    expect(page.get_by_role("alert")).to_contain_text("Recorded: Set aside.")
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("alert")).to_contain_text("Taken back.")
    assert page.get_by_role("heading", name="Decisions so far").count() == 0


def test_offering_help_asks_whether_contact_is_safe(page: Page) -> None:
    sign_in_as_worker(page)
    open_case(page, 2)
    page.locator("#decide li a").first.click()
    page.get_by_label("I see the same need").check()
    page.get_by_role("button", name=re.compile("^Record: ")).click()
    expect(page.get_by_role("alert")).to_contain_text("contact is safe")
    page.get_by_label(re.compile("I have checked how and when")).check()
    page.get_by_role("button", name=re.compile("^Record: ")).click()
    expect(page.get_by_role("alert")).to_contain_text("Recorded: ")


def test_stepping_up_is_one_action_and_says_first_what_to_do_in_danger(page: Page) -> None:
    sign_in_as_worker(page)
    page.locator(".sooner-card a").nth(3).click()
    page.get_by_role("button", name="Step up now").click()
    expect(page.locator("main .govuk-warning-text")).to_contain_text("call 999 now")
    expect(page.get_by_role("heading", level=1)).to_have_text("Stepped up")
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("Stepped up")
    assert findings(page) == []
    photograph(page, "stepped-up")


def test_the_whole_way_works_by_keyboard_and_without_javascript(page: Page, served: str) -> None:
    assert page.context.browser is not None
    plain = page.context.browser.new_context(base_url=served, java_script_enabled=False).new_page()
    plain.goto("/sign-in")
    plain.keyboard.press("Tab")
    assert plain.locator(":focus").inner_text() == "Skip to main content"
    sign_in_as_worker(plain)
    plain.goto("/worklists/north?clear=1")
    plain.locator(".sooner-card a").nth(0).focus()
    plain.keyboard.press("Enter")
    if plain.get_by_role("heading", name="Your own view first").count():
        plain.get_by_label("I would offer help").focus()
        plain.keyboard.press("Space")
        plain.get_by_role("button", name="Save and show the reasons").focus()
        plain.keyboard.press("Enter")
    photograph(plain, "case-without-javascript")
    plain.locator("#decide").get_by_role("link", name="Defer", exact=True).focus()
    plain.keyboard.press("Enter")
    plain.get_by_label("Waiting for information").focus()
    plain.keyboard.press("Space")
    plain.get_by_label(re.compile("^In 1 week")).focus()
    plain.keyboard.press("Space")
    plain.get_by_role("button", name="Record: Defer").focus()
    plain.keyboard.press("Enter")
    expect(plain.locator("main")).to_contain_text("waiting for information")
    plain.context.close()


def test_a_manager_sees_figures_of_the_team(page: Page) -> None:
    sign_in(page, f"{NORTH}: team manager")
    page.get_by_role("link", name="Managing the lists").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Managing the lists")
    assert findings(page) == []
    photograph(page, "manager")
    photograph_narrow(page, "manager")


def test_a_manager_lets_another_team_stand_in_and_ends_it(page: Page) -> None:
    sign_in(page, f"{NORTH}: team manager")
    page.get_by_role("link", name="Managing the lists").click()
    page.get_by_role("button", name="Let them stand in").click()
    expect(page.get_by_role("alert")).to_contain_text("Choose the team that stands in.")
    assert page.title().startswith("Error: ")
    assert findings(page) == []
    page.get_by_label("Team that stands in").select_option(label="East family help team")
    page.get_by_label("Last day").fill(page.get_by_label("First day").input_value())
    page.get_by_role("button", name="Let them stand in").click()
    expect(page.locator("main")).to_contain_text("East family help team stands in on")
    assert findings(page) == []
    photograph(page, "manager-cover")
    photograph_narrow(page, "manager-cover")
    sign_in(page, "East family help team: lead practitioner")
    page.get_by_role("link", name=NORTH, exact=True).click()
    expect(page.locator(".sooner-card").first).to_be_visible()
    sign_in(page, f"{NORTH}: team manager")
    page.get_by_role("link", name="Managing the lists").click()
    page.get_by_role("button", name=re.compile("^End it now")).click()
    expect(page.locator("main")).to_contain_text("Nobody stands in for this team.")


def test_a_reviewer_compares_two_records_by_keyboard_and_without_javascript(
    page: Page, served: str, workspace: Path
) -> None:
    """Two records side by side, an answer that is none, the next pair, and one that is read blind."""
    invocation = Invocation.open(ROOT / "council", "early_help", workspace, quiet=True)
    drawing = {"role": "data_protection_officer", "reason": "a yearly check", "log": lambda _: None}
    draw_pairs(invocation, size=4, seed=1, **drawing)
    assert page.context.browser is not None
    plain = page.context.browser.new_context(base_url=served, java_script_enabled=False).new_page()
    sign_in(plain, "Resident desk")
    plain.get_by_role("link", name="Pairs of records").click()
    first = plain.get_by_role("link", name=re.compile("^Begin with"))
    for says, heading in (("", "There is a problem"), ("I can’t tell", "Done")):
        if says:
            plain.get_by_label(says).focus()
            plain.keyboard.press("Space")
        else:
            first.focus()
            plain.keyboard.press("Enter")
            expect(plain.get_by_role("heading", level=1)).to_have_text("Are these one person?")
        plain.get_by_role("button", name="Keep it and go on").focus()
        plain.keyboard.press("Enter")
        expect(plain.get_by_role("heading", name=heading)).to_be_visible()
    plain.context.close()
    sign_in(page, "Resident desk")
    page.get_by_role("link", name="Pairs of records").click()
    expect(page.locator("main")).to_contain_text(re.compile(r"1 of \d+ looked at"))
    assert findings(page) == []
    page.get_by_role("link", name=re.compile("^Go on with")).click()
    assert findings(page) == []
    photograph(page, "link-pair")
    photograph_narrow(page, "link-pair")
    page.get_by_role("button", name="Keep it and go on").click()
    assert findings(page) == []
    page.goto("/link-readings")
    expect(page.locator("main")).to_contain_text(re.compile(r"You are the first reader; \d left"))
    assert findings(page) == []
    page.get_by_label("Two people").check()
    page.get_by_role("button", name="Keep my reading and go on").click()
    expect(page.get_by_role("alert")).to_contain_text("Your reading is kept.")


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
    photograph_narrow(page, "analyst")


def test_a_board_member_reads_the_decision_and_the_pack(page: Page) -> None:
    sign_in(page, "Governance board")
    expect(page.get_by_role("heading", level=1)).to_have_text("For the board")
    assert findings(page) == []
    photograph(page, "board")
    photograph_narrow(page, "board")
    page.get_by_role("link", name="How to read an answer").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("How to read an answer")
    assert page.locator("figure circle").count() == 3
    assert findings(page) == []
    photograph(page, "how-to-read")
    for gate in ("of the gate", "of the second gate"):
        page.goto("/board")
        page.get_by_role("link", name=f"Read the pack {gate}").first.click()
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        # Who goes back is still signed in, although nothing in the pack may run.
        page.get_by_role("link", name="Back to the board’s page").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("For the board")


def test_a_member_speaks_of_a_decision_by_keyboard_and_without_javascript(page: Page, served: str) -> None:
    assert page.context.browser is not None
    plain = page.context.browser.new_context(base_url=served, java_script_enabled=False).new_page()
    sign_in(plain, "Governance board")
    form = plain.locator('form[action="/board/words/test"]')
    form.get_by_label("Against").focus()
    plain.keyboard.press("Space")
    plain.keyboard.press("Tab")
    plain.keyboard.type("Too little is known of small groups.")
    plain.keyboard.press("Tab")
    plain.keyboard.press("Space")
    form.get_by_role("button", name="Say it").focus()
    plain.keyboard.press("Enter")
    expect(plain.locator("main")).to_contain_text("Too little is known of small groups.")
    expect(plain.locator("main")).to_contain_text("has read the paper")
    plain.get_by_role("link", name="Read the pack of the gate").click()
    expect(plain.locator("main")).to_contain_text("Too little is known of small groups.")
    plain.context.close()
    sign_in(page, "Governance board")
    assert findings(page) == []


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


def test_a_resident_complains_without_javascript_and_the_desk_answers(page: Page, served: str) -> None:
    page.goto("/public/complaint")
    assert findings(page) == []
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("alert")).to_contain_text("Tell us how we can reach you safely")
    assert findings(page) == []
    assert page.context.browser is not None
    plain = page.context.browser.new_context(base_url=served, java_script_enabled=False).new_page()
    plain.goto("/public/complaint")
    plain.get_by_label("How we can reach you safely").fill("020 7946 0000, in the evening")
    plain.get_by_label("What went wrong?").fill("Nobody rang back.")
    plain.get_by_role("button", name="Send").click()
    expect(plain.get_by_role("heading", level=1)).to_have_text("We have it")
    reference = plain.locator(".govuk-panel__body strong").inner_text()
    plain.context.close()
    sign_in(page, "Data protection officer")
    page.goto("/requests")
    assert findings(page) == []
    page.get_by_role("link", name=reference).click()
    expect(page.locator("main")).to_contain_text("Nobody rang back.")
    assert findings(page) == []
    photograph(page, "residents-form")


def test_a_manager_moves_a_case_and_asks_for_a_new_list(page: Page) -> None:
    sign_in(page, f"{NORTH}: team manager")
    page.goto("/worklists/north")
    page.locator(".sooner-card a").last.click()
    household = page.get_by_role("heading", level=1).inner_text()
    assert findings(page) == []
    page.get_by_role("link", name="Move this case to another team").click()
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
    # What is folded away is printed; the address of a page says nothing on paper.
    expect(page.get_by_text("It orders whom to think about first when places are few.")).to_be_visible()
    addresses = "[...document.querySelectorAll('main a')].map(a => getComputedStyle(a, '::after').content)"
    assert set(page.evaluate(addresses)) == {"none"}
    photograph(page, "worklist-print")


def test_a_family_answers_its_card_on_a_telephone_and_without_javascript(page: Page, served: str) -> None:
    sign_in_as_worker(page)
    page.get_by_role("link", name="Cards for families").click()
    assert findings(page) == []
    page.emulate_media(media="print")
    expect(page.locator("button:visible, nav:visible")).to_have_count(0)
    photograph(page, "family-cards")
    code = page.locator(".sooner-familycard strong").first.inner_text()
    page.emulate_media(media="screen")
    page.goto(f"/public/our-contact?code={code}")
    assert findings(page) == []
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("alert")).to_contain_text("Say whether it helped")
    assert page.title().startswith("Error: ")
    assert findings(page) == []
    assert page.context.browser is not None
    plain = page.context.browser.new_context(
        base_url=served, java_script_enabled=False, viewport={"width": 390, "height": 800}
    ).new_page()
    plain.goto(f"/public/our-contact?code={code}")
    photograph(plain, "family-question-390")
    plain.get_by_label("Yes").first.check()
    plain.get_by_label("It is too early to say").check()
    plain.get_by_role("button", name="Send").click()
    expect(plain.get_by_role("heading", level=1)).to_have_text("Thank you")
    plain.context.close()
