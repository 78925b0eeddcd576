"""What a button says happens: every button of every page is pressed, and what it promised is looked for."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from charter.council.worklist_settings import BlindReview, OwnView
from charter.rules.policy import Policy
from charter.vault.blind_pairs import read_readings
from charter.vault.link_judgements import read_judgements
from serving.casework.page_table import PAGES
from serving.casework.second_look import draw_looks
from serving.casework.working.choosing_help import CHOSEN
from serving.casework.working.queue import read_queue
from serving.desk import Desk
from serving.identity import Identity
from serving.ranking.worklist import rank_households
from serving.store.audit_log import find_monday
from serving.store.papers import DRAFT
from tests.unit.serving.client import Client, guarded, signed_in
from tests.unit.serving.conftest import AS_OF, ROOT, World
from tests.unit.serving.link_sheets import PAIR, leave_pairs, open_vault
from tests.unit.serving.panel_sittings import find_sitting
from tests.unit.serving.receivers_file import RECEIVERS

LEAD, MANAGER, DOOR = "demo-north-lead_practitioner", "demo-north-team_manager", "demo-front_door"
OFFICER, DESK_CLERK, OPERATOR = "demo-data_protection_officer", "demo-resident_desk", "demo-operator"
ROLES = Policy.load(ROOT / "council" / "charter.toml").acting


@pytest.fixture
def desk(world: World) -> Desk:
    """Open a desk of a council that sends referrals to a system which does not answer, and step-ups to a mailbox."""
    text = RECEIVERS.format(url="http://127.0.0.1:9/sooner", port=9, closes="23:59")
    (world.invocation.council.folder / "receivers.toml").write_text(text)
    rank_households(world.invocation, world.matrix, AS_OF)
    desk = Desk.open(world.invocation, demo=True)
    leave_pairs(desk)
    settings = desk.settings.replace(own_view=OwnView(one_in=0), blind_review=BlindReview(listed=4))
    return replace(desk, settings=settings)


def first_case(desk: Desk) -> str:
    return desk.store.referrals("early_help", "north-2026-09-28")[0].id


def acted(desk: Desk, action: str) -> bool:
    return any(entry.action == action for entry in desk.store.entries())


def status_of(desk: Desk, case: str) -> str:
    referral = desk.store.referral(case)
    assert referral is not None
    return referral.status


@dataclass(frozen=True)
class Promise:
    """One button: who presses it on which page, what they fill in, and what must be so afterwards.

    `{case}` in a path stands for a case of the north team's list, `{look}` for one of a second look.
    """

    who: str
    page: str
    action: str
    fields: dict[str, str]
    kept: Callable[[Desk, str], bool]
    before: tuple[str, ...] = ()


def press(desk: Desk, promise: Promise) -> tuple[Client, str]:
    """Press a button, after those that it needs; return the client, and where it leads."""
    case, look = first_case(desk), draw_looks(desk.store, "early_help", "north", desk.settings.second_look)[0].id
    for name in promise.before:
        press(desk, PROMISES[name])
    client = signed_in(desk, promise.who)
    page, action = (path.format(case=case, look=look) for path in (promise.page, promise.action))
    hidden = client.form_of(page, action)
    reports = desk.store.reports(outcome="")
    fields = {
        name: text.format(report=reports[-1].id if reports else "", monday=find_monday(desk.today()))
        for name, text in promise.fields.items()
    }
    if fields.get("until") == "":
        fields["until"] = re.findall(r'name="until" type="radio" value="([^"]+)"', client.get(page).text)[0]
    answer = client.post(action, {**hidden, **fields})
    assert answer.status_code == 303, (action, answer.status_code, answer.text[-300:])
    return client, answer.headers["location"]


def decision(choice: str, reason: str, **fields: str) -> tuple[str, str, dict[str, str]]:
    return f"/cases/{{case}}/decide/{choice}", "/cases/{case}/decision", {"reason": f"{choice}:{reason}", **fields}


def in_weeks(weeks: int) -> str:
    from datetime import UTC, datetime

    return (datetime.now(UTC).date() + timedelta(weeks=weeks)).isoformat()


TODAY, A_WEEK_ON = in_weeks(0), in_weeks(1)
"""Asked once: the day may turn between the press and the look."""

PROMISES: dict[str, Promise] = {
    "Record: Offer help": Promise(
        LEAD, *decision("taken_up", "need_confirmed", safe="yes"),
        kept=lambda desk, case: status_of(desk, case) == "taken_up" and desk.store.agreements(case) == [],
    ),
    "Record what they agreed to": Promise(
        LEAD, "/cases/{case}/agreement", "/cases/{case}/agreement",
        {"shared-needs": "yes", "to": "another", "recipient": "North family help team", "until": ""},
        kept=lambda desk, case: (found := desk.store.agreement(case)) is not None and found.shared == ("needs",)
        and desk.store.messages() == [],
        before=("Record: Offer help",),
    ),
    "Record what they agreed to (to a system)": Promise(
        LEAD, "/cases/{case}/agreement", "/cases/{case}/agreement",
        {"shared-needs": "yes", "to": "case_system", "until": ""},
        kept=lambda desk, case: [(each.kind, each.state, each.referral) for each in desk.store.messages()]
        == [("referral", "waiting", case)],
        before=("Record: Offer help",),
    ),
    "Try now": Promise(
        OPERATOR, "/going-out", "/going-out", {},
        kept=lambda desk, _case: acted(desk, "message.hurried"),
        before=("Record what they agreed to (to a system)",),
    ),
    "The family took it back": Promise(
        LEAD, "/cases/{case}", "/cases/{case}/withdrawn", {},
        kept=lambda desk, case: desk.store.agreement(case) is None
        and [each.kind for each in desk.store.agreements(case)] == ["agreed", "withdrawn"],
        before=("Record what they agreed to",),
    ),
    "Record: Defer": Promise(
        LEAD, *decision("deferred", "capacity", until=A_WEEK_ON),
        kept=lambda desk, case: desk.store.due_days([case]) == {case: A_WEEK_ON},
    ),
    "Record: Set aside": Promise(
        LEAD, *decision("set_aside", "no_need_found"),
        kept=lambda desk, case: case not in {each.id for each in read_queue(
            desk, Identity(LEAD, "lead_practitioner", frozenset({"north"})), desk.invocation.council.teams[0]).waiting},
    ),
    "Record: Already supported": Promise(
        LEAD, *decision("already_supported", "open_with_service"),
        kept=lambda desk, case: status_of(desk, case) == "already_supported",
    ),
    "Record: Family said no": Promise(
        LEAD, *decision("family_said_no", "declined_now", until=in_weeks(104)),
        kept=lambda desk, _case: len(desk.store.wishes(in_weeks(103))) == 1 and not desk.store.wishes(in_weeks(105)),
    ),
    "Record: Wrong data": Promise(
        LEAD, *decision("wrong_data", "wrong_record", record="housing||", wrong="We paid in March."),
        kept=lambda desk, case: [(r.kind, r.service) for r in desk.store.reports(referral=case)]
        == [("wrong_record", "housing")],
    ),
    "Keep the answer": Promise(
        LEAD, "/cases/{case}", "/cases/{case}/report", {"report": "{report}", "outcome": "corrected"},
        kept=lambda desk, case: desk.store.reports(referral=case)[0].outcome_title == "The service corrects it",
        before=("Record: Wrong data",),
    ),
    "Record: Wrong data (somebody else)": Promise(
        LEAD, *decision("wrong_data", "wrong_person", person="1"),
        kept=lambda desk, case: (found := desk.store.referral(case)) is not None and found.removed == "somebody_else",
    ),
    "Keep the answer about case": Promise(
        DESK_CLERK, "/link-doubts", "/link-doubts", {"report": "{report}", "outcome": "apart"},
        kept=lambda desk, case: desk.store.reports(referral=case)[0].outcome == "apart",
        before=("Record: Wrong data (somebody else)",),
    ),
    "Keep for later": Promise(
        LEAD, "/cases/{case}/decide/set_aside", "/cases/{case}/decision", {"act": "keep", "note": "Half a thought."},
        kept=lambda desk, case: (found := desk.papers.read(DRAFT, LEAD, f"{case}/set_aside")) is not None
        and found.fields["note"] == "Half a thought." and status_of(desk, case) == "new",
    ),
    "Undo": Promise(
        LEAD, "/cases/{case}?done=decided", "/cases/{case}/undo", {},
        kept=lambda desk, case: status_of(desk, case) == "new", before=("Record: Set aside",),
    ),
    "Step up now": Promise(
        LEAD, "/cases/{case}", "/cases/{case}/step-up", {},
        kept=lambda desk, case: status_of(desk, case) == "stepped_up",
    ),
    "Keep the answers and close the case": Promise(
        LEAD, "/cases/{case}/after", "/cases/{case}/after",
        {"taken": "yes", "ended": "finished", "went": "better", "step_down": "enough", "words": "We sleep again."},
        kept=lambda desk, case: (found := desk.store.help_answer(case)) is not None and found.words == "We sleep again."
        and case not in {each.id for each in desk.store.own_cases(
            Identity(LEAD, "lead_practitioner", frozenset({"north"})), "early_help")},
        before=("Record: Offer help",),
    ),
    "Choose these": Promise(
        LEAD, "/cases/{case}/help", "/cases/{case}/help", {"offer-own-1": "yes"},
        kept=lambda desk, case: (found := desk.papers.read(CHOSEN, "", case)) is not None
        and found.fields["ids"] == "own-1" and desk.store.messages() == [],
    ),
    "Leave out": Promise(
        LEAD, "/cases/{case}/help", "/cases/{case}/help", {"without": "own-1"},
        kept=lambda desk, case: (found := desk.papers.read(CHOSEN, "", case)) is not None and not found.fields["ids"],
        before=("Choose these",),
    ),
    "I have it": Promise(
        DOOR, "/step-ups", "/cases/{case}/take-step-up", {},
        kept=lambda desk, case: (found := desk.store.step_up(case)) is not None and found.taken_by == "front_door",
        before=("Step up now",),
    ),
    "Undo: this was a mistake": Promise(
        LEAD, "/cases/{case}/stepped-up", "/cases/{case}/undo", {},
        kept=lambda desk, case: status_of(desk, case) == "new", before=("Step up now",),
    ),
    "I am working on this": Promise(
        LEAD, "/cases/{case}", "/cases/{case}/pick", {},
        kept=lambda desk, case: desk.store.picks([case]) == {case: (LEAD, "lead_practitioner")},
    ),
    "Let this case go": Promise(
        LEAD, "/cases/{case}", "/cases/{case}/pick", {}, kept=lambda desk, case: desk.store.picks([case]) == {},
        before=("I am working on this",),
    ),
    "I know this family: somebody else should decide": Promise(
        LEAD, "/cases/{case}/conflict", "/cases/{case}/conflict", {},
        kept=lambda desk, case: signed_in(desk, LEAD).get(f"/cases/{case}").status_code == 403
        and "Waits for you" in signed_in(desk, DOOR).get("/worklists/north").text,
    ),
    "Move the case": Promise(
        MANAGER, "/cases/{case}/transfer", "/cases/{case}/transfer", {"team": "south", "why": "other_help"},
        kept=lambda desk, case: case in signed_in(desk, "demo-south-lead_practitioner").get("/worklists/south").text,
    ),
    "Ask for a new list": Promise(
        MANAGER, "/manager", "/manager/refresh", {},
        kept=lambda desk, _case: desk.store.refresh_asked("early_help", "north-2026-09-28") is not None,
    ),
    "Change the places": Promise(
        MANAGER, "/manager", "/manager/places", {"week": "{monday}", "places": "5", "why": "leave"},
        kept=lambda desk, _case: desk.store.places_set("early_help", "north", desk.today()) == 5,
    ),
    "Let them stand in": Promise(
        MANAGER, "/manager", "/manager/cover", {"by": "south", "first": TODAY, "last": A_WEEK_ON},
        kept=lambda desk, _case: signed_in(desk, "demo-south-lead_practitioner").get("/worklists/north").status_code
        == 200,
    ),
    "End it now": Promise(
        MANAGER, "/manager", "/manager/cover/end", {},
        kept=lambda desk, _case: signed_in(desk, "demo-south-lead_practitioner").get("/worklists/north").status_code
        == 403,
        before=("Let them stand in",),
    ),
    "Save and go on": Promise(
        MANAGER, "/manager/second-look/{look}", "/manager/second-look/{look}", {"view": "offer"},
        kept=lambda desk, _case: acted(desk, "second_look.given"),
    ),
    "Keep it and go on": Promise(
        DESK_CLERK, f"/link-pairs/{PAIR}", f"/link-pairs/{PAIR}", {"says": "same"},
        kept=lambda desk, _case: [each.says for each in read_judgements(desk.invocation.workspace)] == ["same"],
    ),
    "Keep my reading and go on": Promise(
        DESK_CLERK, "/link-readings", "/link-readings", {"says": "different"},
        kept=lambda desk, _case: list(read_readings(open_vault(desk)).values()) == [{"first": "different"}],
    ),
    "Stop it now": Promise(
        OFFICER, "/board", "/board/suspend", {"reason": "A feed looks wrong."},
        kept=lambda desk, _case: signed_in(desk, LEAD).get("/worklists/north").status_code == 409,
    ),
    "Ask to resume": Promise(
        OFFICER, "/board", "/board/resume", {}, kept=lambda desk, _case: acted(desk, "resume.asked"),
        before=("Stop it now",),
    ),
    "Sign out": Promise(
        LEAD, "/my-cases", "/sign-out", {}, kept=lambda desk, _case: Client(guarded(desk)).get("/my-cases").status_code
        == 303,
    ),
}  # fmt: skip

TRIED_ELSEWHERE = {
    "Menu", "Show", "Sign in", "Save and show the reasons", "See what was right", "Answer", "Accept", "Refuse",
    "Accept this decision", "Refuse this decision", "Go on", "End their sessions", "End your sessions", "Send",
    "The letter is sent", "It is answered", "Begin", "Ask the rules", "Add the points", "Keep the recommendation",
    "Keep the question", "Close it", "Keep what the panel says",
}  # fmt: skip
"""Buttons that only show, or that have a test file of their own: filters, signing in, own view, practice, challenges,
sign-offs, residents' forms, the panel's session."""


@pytest.mark.parametrize("name", list(PROMISES))
def test_a_button_does_what_it_says(desk: Desk, world: World, name: str) -> None:
    """Seen to fail for each store's act that was made to do nothing."""
    if PROMISES[name].action.startswith("/board"):
        (world.invocation.council.folder / "charter.toml").write_bytes((ROOT / "council" / "charter.toml").read_bytes())
    promise = PROMISES[name]
    case = first_case(desk)
    client, location = press(desk, promise)
    assert promise.kept(desk, case), name
    # Where it leads can be read again, and says the same.
    if name != "Sign out":
        answers = [client.get(location) for _ in range(2)]
        assert {answer.status_code for answer in answers} == {200}, location
        assert "Nothing was saved" not in answers[1].text


def test_every_button_of_every_page_is_tried(desk: Desk) -> None:
    """A new button needs its promise: what is on the pages is read from them, as every role."""
    case, look = first_case(desk), draw_looks(desk.store, "early_help", "north", desk.settings.second_look)[0].id
    choices = [choice.id for choice in desk.settings.choices]
    for name in ("Choose these", "Record what they agreed to (to a system)", "Let them stand in"):
        press(desk, PROMISES[name])
    lead = Identity(LEAD, "lead_practitioner", frozenset({"north"}))
    desk.store.report(lead, case, "wrong_record", service="housing")
    seen = read_buttons(desk, case, look, choices)
    press(desk, PROMISES["Step up now"])
    seen |= read_buttons(desk, case, look, choices)
    assert len(seen) > 20
    assert {
        "Try now",
        "I have it",
        "Leave out",
        "Keep the answers and close the case",
        "The family took it back",
        "Keep the answer",
    } <= seen
    assert seen - set(PROMISES) - TRIED_ELSEWHERE - {""} == set()


def read_buttons(desk: Desk, case: str, look: str, choices: list[str]) -> set[str]:
    """Return the words of every button of every page, as every role."""
    seen: set[str] = set()
    form, sitting = desk.store.keep_form("complaint", {"reach": "a friend"}).id, find_sitting(desk)
    for role in ("north-lead_practitioner", "north-team_manager", "front_door", "data_protection_officer", "board",
                 "resident_desk", "analyst", "operator", "residents_panel"):  # fmt: skip
        client = signed_in(desk, f"demo-{role}")
        for page in (page for page in PAGES if page.method == "GET"):
            for choice in choices if "{choice}" in page.path else [""]:
                path = page.path.format(
                    team="north", referral=case, look=look, stage="test", choice=choice, provider="test", form=form,
                    kind="complaint", topic="food", file="map.csv", purpose="age_check", pair=PAIR,
                    session=sitting, case="family-1",
                )  # fmt: skip
                text = re.sub(r'<span class="govuk-visually-hidden">.*?</span>', "", client.get(path).text)
                seen |= {re.sub(r"<[^>]+>|\s+", " ", words).strip() for words in re.findall(
                    r"<button[^>]*>(.*?)</button>", text, re.DOTALL)}  # fmt: skip
    return seen


def test_a_family_s_wish_keeps_it_off_the_next_list_longer_than_the_council_s_rule(desk: Desk, world: World) -> None:
    """Seen to fail with `wishes` left out of the list's own reading of rests."""
    case = first_case(desk)
    press(desk, PROMISES["Record: Family said no"])
    referral = desk.store.referral(case)
    assert referral is not None
    later = AS_OF.replace(year=AS_OF.year + 1, month=12)
    rank_households(world.invocation, world.matrix_at(later), later)
    listed = {each.entity for each in desk.store.referrals("early_help", f"north-{later}")}
    assert listed
    assert referral.entity not in listed


def test_somebody_else_is_hidden_from_everybody_at_once_and_goes_to_whoever_reviews_links(desk: Desk) -> None:
    case = first_case(desk)
    press(desk, PROMISES["Record: Wrong data (somebody else)"])
    for who in (LEAD, MANAGER, DOOR):
        assert case not in signed_in(desk, who).get("/worklists/north").text
        assert signed_in(desk, who).get(f"/cases/{case}").status_code in (403, 410)
    assert signed_in(desk, LEAD).get("/link-doubts").status_code == 403
    page = signed_in(desk, DESK_CLERK).get("/link-doubts").text
    assert desk.store.reports(kind="somebody_else")[0].person in page
    assert "Quillfeather" not in page


def test_wrong_data_asks_which_record_and_whose_it_is(desk: Desk) -> None:
    case = first_case(desk)
    client = signed_in(desk, LEAD)
    page = f"/cases/{case}/decide/wrong_data"
    hidden = client.form_of(page, f"/cases/{case}/decision")
    for reason, said in (("wrong_record", "Choose the record"), ("wrong_person", "Choose whose records")):
        answer = client.post(f"/cases/{case}/decision", {**hidden, "reason": f"wrong_data:{reason}"})
        assert said in client.get(answer.headers["location"]).text
    assert not desk.store.decisions(case)
    press(desk, PROMISES["Record: Wrong data"])
    page = client.get(f"/cases/{case}").text
    assert "We paid in March." in page
    assert "housing@fernhill.example" in page.partition("Said to be wrong")[2]
