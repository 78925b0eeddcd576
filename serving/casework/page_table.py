"""The page table: every page and act of the casework service, one row each.

Routes, navigation, what the guard knows of paths, and docs/reference/pages.md come from it. A new page for a role is a
row here and its handler; a page that nobody's role may open by its act is opened by nobody.
"""

from __future__ import annotations

from serving.casework.analyst import show_health
from serving.casework.board import resume_lists, show_board, show_pack, suspend_lists
from serving.casework.case.sheet import show_sheet
from serving.casework.cases import answer_challenge, give_own_view, show_case
from serving.casework.entering.emergency_page import enter_in_emergency, show_emergency
from serving.casework.entering.guest_pages import give_invitation_code, show_invited
from serving.casework.entering.reading_pages import say_why, show_own_reading, show_unusual_reading
from serving.casework.entering.signing_in import (
    answer_still_open,
    begin_session,
    end_session,
    show_first_page,
    show_sign_in,
)
from serving.casework.entering.who_is_in import end_guest, end_somebody, invite_guest, review_emergency, show_access
from serving.casework.entering.with_provider import begin_by_proxy, choose_role, come_back, go_to_provider
from serving.casework.going_out import hurry_message, show_outbox
from serving.casework.links.blind_reading import give_reading, show_reading
from serving.casework.links.pair_pages import judge_pair, show_pair, show_pairs
from serving.casework.manager import (
    change_team,
    give_second_look,
    request_refresh,
    show_second_look,
    show_teams,
)
from serving.casework.managing.team_cover_form import end_cover
from serving.casework.panel.session_pages import (
    begin_panel,
    keep_answer,
    keep_of_session,
    send_rows,
    show_panel,
    show_panel_case,
    show_panel_session,
)
from serving.casework.partners.area_maps import send_map_file, show_area_map, show_area_maps
from serving.casework.partners.hub_counts_page import has_own_hub, keep_hub_counts, show_hub_counts
from serving.casework.practice_page import mark_practice, show_practice
from serving.casework.residents.checked_once import ask_question, has_questions, show_check, show_checks
from serving.casework.residents.coded_page import open_own_page, show_own_page
from serving.casework.residents.family_question import show_cards, show_family_question, take_family_answer
from serving.casework.residents.public_door import show_public_form, take_public_form
from serving.casework.residents.sent_forms import act_on_form, show_form, show_forms
from serving.casework.reviewing import give_review, show_review
from serving.casework.signing_off import sign_decision
from serving.casework.speaking import speak_on_decision
from serving.casework.visit import ANYBODY, SIGNED_IN, Link, Page
from serving.casework.worked_answers import show_worked_answers
from serving.casework.working.after_help import keep_answers, show_look_back, show_questions
from serving.casework.working.agreeing import record_agreement, record_withdrawal, show_agreement
from serving.casework.working.case_list import show_all_teams, show_worklist
from serving.casework.working.choosing_help import choose_help, show_help
from serving.casework.working.deciding import (
    pick_case,
    record_decision,
    show_decision,
    undo_decision,
)
from serving.casework.working.handing_on import declare_conflict, show_conflict, show_transfer, transfer_case
from serving.casework.working.my_cases import show_my_cases
from serving.casework.working.reporting import answer_doubt, answer_report, show_doubts
from serving.casework.working.stepping_up import show_step_ups, show_stepped_up, step_up_case, take_step_up

__all__ = ["PAGES"]

_REVIEWS = Link(
    "Blind review", several="Blind review: {team}", shown=lambda desk, _: desk.settings.blind_review.listed > 0
)
_STEP_UPS = Link("Stepped up", shown=lambda desk, _: bool(desk.receivers.told(desk.receivers.step_up.to)))
_HUB_COUNTS = Link("What your hub counted", shown=has_own_hub)
_ALL_TEAMS = Link("All your teams", shown=lambda _, identity: len(identity.teams) > 1)

PAGES: tuple[Page, ...] = (
    Page("GET", "/", ANYBODY, "Your own first page", show_first_page),
    Page("GET", "/sign-in", ANYBODY, "Sign in", show_sign_in),
    Page("POST", "/sign-in", ANYBODY, "Begin a session of the demonstration", begin_session),
    Page("GET", "/sign-in/with/{provider}", ANYBODY, "Go to the council's own sign-in", go_to_provider),
    Page("GET", "/sign-in/back/{provider}", ANYBODY, "Sign in", come_back),
    Page("POST", "/sign-in/role", ANYBODY, "Choose the role one signs in with", choose_role),
    Page("POST", "/sign-in/proxy", ANYBODY, "Begin as the proxy's signed header says", begin_by_proxy),
    Page("GET", "/sign-in/invited", ANYBODY, "You were invited", show_invited),
    Page("POST", "/sign-in/invited", ANYBODY, "Give the code of an invitation", give_invitation_code),
    Page("GET", "/sign-in/emergency", ANYBODY, "Emergency access", show_emergency),
    Page("POST", "/sign-in/emergency", ANYBODY, "Begin a session with an emergency's code", enter_in_emergency),
    Page("GET", "/session", ANYBODY, "Whether an open page is still open", answer_still_open),
    Page("GET", "/public/our-contact", ANYBODY, "Was it all right that we contacted you?", show_family_question),
    Page("POST", "/public/our-contact", ANYBODY, "Count what a family says", take_family_answer),
    Page("GET", "/public/your-page", ANYBODY, "Your own page", show_own_page),
    Page("POST", "/public/your-page", ANYBODY, "Open one's own page with a code", open_own_page),
    Page("GET", "/public/{kind}", ANYBODY, "A form for residents", show_public_form),
    Page("POST", "/public/{kind}", ANYBODY, "Take what a resident sends", take_public_form),
    Page("POST", "/sign-out", SIGNED_IN, "End the session", end_session),
    Page("GET", "/worklists", "worklist.read", "Lists of all one's teams", show_all_teams, _ALL_TEAMS, "list"),
    Page("GET", "/worklists/{team}", "worklist.read", "Worklist", show_worklist, Link("{team}"), "list"),
    Page("GET", "/cases/{referral}", "referral.read", "Case", show_case, way="case"),
    Page("GET", "/cases/{referral}/sheet", "referral.read", "A sheet to take along", show_sheet, way="case"),
    Page("GET", "/cases/{referral}/decide/{choice}", "referral.decide", "Decide", show_decision, way="decision"),
    Page("POST", "/cases/{referral}/decision", "referral.decide", "Record a decision", record_decision, way="decision"),
    Page("POST", "/cases/{referral}/step-up", "referral.decide", "Step up at once", step_up_case, way="step_up"),
    Page("GET", "/cases/{referral}/stepped-up", "referral.decide", "Stepped up", show_stepped_up, way="step_up"),
    Page(
        "POST",
        "/cases/{referral}/undo",
        "referral.decide",
        "Take back one's last decision",
        undo_decision,
        way="answer",
    ),
    Page("POST", "/cases/{referral}/pick", "referral.decide", "Say that one works on a case", pick_case, way="answer"),
    Page("POST", "/cases/{referral}/own-view", "referral.decide", "Give one's view first", give_own_view, way="answer"),
    Page(
        "POST", "/cases/{referral}/challenge", "referral.decide", "Answer a challenge", answer_challenge, way="answer"
    ),
    Page("GET", "/cases/{referral}/after", "referral.decide", "After help", show_questions, way="answer"),
    Page("POST", "/cases/{referral}/after", "referral.decide", "Say what became of help", keep_answers, way="answer"),
    Page("GET", "/cases/{referral}/help", "referral.decide", "Help on offer", show_help, way="answer"),
    Page("POST", "/cases/{referral}/help", "referral.decide", "Choose help for a case", choose_help, way="answer"),
    Page("GET", "/cases/{referral}/agreement", "referral.decide", "The family said yes", show_agreement, way="answer"),
    Page("POST", "/cases/{referral}/agreement", "referral.decide", "Record a yes", record_agreement, way="answer"),
    Page(
        "POST", "/cases/{referral}/withdrawn", "referral.decide", "Record a no after", record_withdrawal, way="answer"
    ),
    Page("POST", "/cases/{referral}/report", "referral.decide", "Keep a service's answer", answer_report, way="answer"),
    Page("GET", "/cases/{referral}/conflict", "referral.decide", "You know this family", show_conflict, way="answer"),
    Page(
        "POST",
        "/cases/{referral}/conflict",
        "referral.decide",
        "Say that one knows the family",
        declare_conflict,
        way="answer",
    ),
    Page("GET", "/cases/{referral}/transfer", "referral.transfer", "Move a case", show_transfer, way="transfer"),
    Page(
        "POST",
        "/cases/{referral}/transfer",
        "referral.transfer",
        "Move a case to another team",
        transfer_case,
        way="transfer",
    ),
    Page(
        "POST",
        "/cases/{referral}/take-step-up",
        "referral.decide",
        "Say that one acts on a step-up",
        take_step_up,
        way="step_up",
    ),
    Page("GET", "/step-ups", "referral.decide", "Stepped up", show_step_ups, _STEP_UPS, "step_up"),
    Page("GET", "/look-back/{team}", "worklist.read", "What became of them", show_look_back),
    Page("GET", "/cards/{team}", "worklist.read", "Cards for families", show_cards),
    Page("GET", "/my-cases", "worklist.read", "Your cases", show_my_cases, Link("Your cases"), "list"),
    Page("GET", "/practice", "referral.decide", "Practice", show_practice, Link("Practice")),
    Page("POST", "/practice", "referral.decide", "See what was right", mark_practice),
    Page("GET", "/reviews/{team}", "review.give", "Blind review", show_review, _REVIEWS, "blind"),
    Page("POST", "/reviews/{team}", "review.give", "Give a blind view", give_review, way="blind"),
    Page("GET", "/manager", "manager.read", "Managing the lists", show_teams, Link("Managing the lists"), "list"),
    Page("POST", "/manager/refresh", "list.refresh", "Ask for a new list", request_refresh),
    Page("POST", "/manager/places", "list.refresh", "Change the places of a week", change_team),
    Page("POST", "/manager/cover", "referral.transfer", "Let another team stand in", change_team),
    Page("POST", "/manager/cover/end", "referral.transfer", "End a cover", end_cover),
    Page("GET", "/manager/second-look/{look}", "manager.read", "Second look", show_second_look, way="second_look"),
    Page(
        "POST", "/manager/second-look/{look}", "manager.read", "Give a second look", give_second_look, way="second_look"
    ),
    Page("GET", "/analyst", "analyst.read", "For analysts", show_health, Link("For analysts")),
    Page("GET", "/maps", "map.read", "Maps of need by area", show_area_maps, Link("Maps of need")),
    Page("GET", "/maps/{topic}", "map.read", "A map of need", show_area_map),
    Page("GET", "/maps/{topic}/{file}", "map.read", "A map's figures as a file", send_map_file),
    Page("GET", "/hub-counts", "map.read", "What your hub counted", show_hub_counts, _HUB_COUNTS),
    Page("POST", "/hub-counts", "map.read", "Keep what a hub counted in a week", keep_hub_counts),
    Page("GET", "/going-out", "metrics.read", "Going out", show_outbox, Link("Going out")),
    Page("POST", "/going-out", "metrics.read", "Try what waits at once", hurry_message),
    Page("GET", "/requests", "rights.file", "What residents sent", show_forms, Link("What residents sent")),
    Page("GET", "/requests/{form}", "rights.file", "What a resident sent", show_form),
    Page("POST", "/requests/{form}", "rights.file", "Note what was done on it", act_on_form),
    Page("GET", "/board", "board.read", "For the board", show_board, Link("For the board")),
    Page("GET", "/board/how-to-read", "board.read", "How to read an answer", show_worked_answers),
    Page("GET", "/board/packs/{stage}", "board.read", "Board pack", show_pack),
    Page("POST", "/board/decisions/{stage}", "decision.sign", "Accept or refuse a decision", sign_decision),
    Page("POST", "/board/words/{stage}", "board.speak", "Speak for or against a decision", speak_on_decision),
    Page("POST", "/board/suspend", "suspend", "Stop lists", suspend_lists),
    Page("POST", "/board/resume", "suspend", "Ask to start again", resume_lists),
    Page("GET", "/panel", "panel.sit", "The residents’ panel", show_panel, Link("The panel")),
    Page("POST", "/panel", "panel.sit", "Begin a session of the panel", begin_panel),
    Page("GET", "/panel/{session}", "panel.sit", "A session of the panel", show_panel_session),
    Page("POST", "/panel/{session}", "panel.sit", "Add to a session of the panel", keep_of_session),
    Page("GET", "/panel/{session}/rows", "panel.sit", "Rows for the council’s files", send_rows),
    Page("GET", "/panel/{session}/cases/{case}", "panel.sit", "A case of a session", show_panel_case),
    Page("POST", "/panel/{session}/cases/{case}", "panel.sit", "Keep what the panel says of a case", keep_answer),
    Page("GET", "/access", "access.team", "Who is signed in", show_access, Link("Who is signed in")),
    Page("POST", "/access/end", "access.team", "End somebody's sessions", end_somebody),
    Page("POST", "/access/invite", "access.manage", "Invite a guest", invite_guest),
    Page("POST", "/access/end-guest", "access.manage", "End a guest's invitation", end_guest),
    Page("POST", "/access/review", "access.manage", "Keep what the review of an emergency found", review_emergency),
    Page("GET", "/check-once", "residence.check", "Check once", show_checks, Link("Check once", shown=has_questions)),
    Page("GET", "/check-once/{purpose}", "residence.check", "Check once", show_check),
    Page("POST", "/check-once/{purpose}", "residence.check", "Answer what is checked once", ask_question),
    Page("GET", "/own-reading", SIGNED_IN, "More read than usual", show_own_reading),
    Page("POST", "/own-reading", SIGNED_IN, "Say why one read more than usual", say_why),
    Page("GET", "/unusual-reading", "log.read", "More read than usual", show_unusual_reading, Link("Unusual reading")),
    Page("GET", "/link-pairs", "link.review", "Pairs of records", show_pairs, Link("Pairs of records")),
    Page("GET", "/link-pairs/{pair}", "link.review", "Are these one person?", show_pair),
    Page("POST", "/link-pairs/{pair}", "link.review", "Say whether two records are one person", judge_pair),
    Page("GET", "/link-readings", "link.review", "Pairs read blind", show_reading),
    Page("POST", "/link-readings", "link.review", "Give a blind reading of a pair", give_reading),
    Page("GET", "/link-doubts", "link.review", "Taken for somebody else", show_doubts, Link("Link doubts")),
    Page("POST", "/link-doubts", "link.review", "Keep what a review of a link found", answer_doubt),
)
"""Every page and act, in the order of the navigation."""
