"""The casework pages: who may see what, how decisions are made, and what no page may hold."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from datetime import date

import pytest
from starlette.routing import Route

from charter.council.worklist_settings import OwnView
from charter.vault.vault import NamedPerson, Vault
from serving.casework.app import build_app
from serving.casework.second_look import draw_looks
from serving.desk import Desk
from serving.forget import forget
from serving.ranking.bundle import make_bundle
from serving.ranking.worklist import rank_households
from tests.unit.serving.client import BASE, Client, guarded
from tests.unit.serving.conftest import AS_OF, ROOT, SERVICES, World

LEAD = "demo-north-lead_practitioner"


@pytest.fixture
def desk(world: World) -> Desk:
    rank_households(world.invocation, world.matrix, AS_OF)
    opened = Desk.open(world.invocation, demo=True)
    vault = Vault.open(world.workspace.vault, opened.key)
    vault.replace(
        {
            person.decode(): NamedPerson(
                f"Kim Quillfeather{row}", date(2019, 1, 1), f"{row} Elm Lane", "Never on Mondays"
            )
            for person, row in zip(world.arrays["person"], world.arrays["person_row"], strict=True)
        }
    )
    # The own-view question is drawn by lot; the tests of it turn it on for every case.
    return replace(opened, settings=opened.settings.replace(own_view=OwnView(one_in=0)))


@pytest.fixture
def client(desk: Desk) -> Client:
    return Client(guarded(desk))


def first_case(desk: Desk, team: str = "north") -> str:
    return desk.store.referrals("early_help", f"{team}-2026-09-28")[0].id


def decide(client: Client, case: str, disposition: str, **fields: str) -> int:
    """Send the form of a choice; return 400 where it comes back with something wanting."""
    hidden = form_of_choice(client, case, disposition)
    answer = client.post(f"/cases/{case}/decision", {**hidden, **fields})
    return 400 if "problem=1" in answer.headers.get("location", "") else answer.status_code


def form_of_choice(client: Client, case: str, disposition: str) -> dict[str, str]:
    """Return the hidden fields of a choice's form, and a day where it asks for one."""
    path = f"/cases/{case}/decide/{disposition}"
    hidden = client.form_of(path, f"/cases/{case}/decision")
    days = re.findall(r'name="until" type="radio" value="(\d{4}-\d\d-\d\d)"', client.get(path).text)
    return {**hidden, **({"until": days[0]} if days else {})}


def test_nobody_is_let_in_by_default(client: Client, desk: Desk) -> None:
    for path in ("/", "/worklists/north", f"/cases/{first_case(desk)}", "/manager", "/board", "/board/packs/test"):
        answer = client.get(path)
        assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in"), path


def test_the_demo_sign_in_refuses_anything_but_this_computer(desk: Desk) -> None:
    app = guarded(desk)
    assert Client(app, client="192.0.2.7").post("/sign-in", {"who": LEAD}).status_code == 403
    assert "nowhere else" in Client(app, client="192.0.2.7").get("/sign-in").text
    behind = Client(app)
    forwarded = behind.send(
        "POST", "/sign-in", data={"who": LEAD}, headers={"origin": BASE, "x-forwarded-for": "192.0.2.7"}
    )
    assert forwarded.status_code == 403
    named = behind.send(
        "POST", "/sign-in", data={"who": LEAD},
        headers={"host": "fernhill.example", "origin": "http://fernhill.example"},
    )  # fmt: skip
    assert named.status_code == 400
    closed = Client(guarded(replace(desk, demo=False)))
    assert closed.post("/sign-in", {"who": LEAD}).status_code == 403
    assert "Nobody can sign in" in closed.get("/sign-in").text


def test_the_worklist_names_households_and_says_need_and_why(client: Client) -> None:
    client.sign_in(LEAD)
    page = client.get("/worklists/north")
    assert page.status_code == 200
    assert page.text.count('class="sooner-card"') == 8
    assert "Quillfeather" in page.text
    assert "Attendance and school" in page.text
    assert "About 4 in 10 households like this" in page.text
    assert "8 of 8 households shown" in page.text
    assert "0 of 8 households shown" in client.get("/worklists/north?status=set_aside").text


def test_a_case_page_tells_for_against_unseen_and_what_the_list_is_not(client: Client, desk: Desk) -> None:
    client.sign_in(LEAD)
    referrals = desk.store.referrals("early_help", "north-2026-09-28")
    for referral in referrals:
        page = client.get(f"/cases/{referral.id}").text
        record = json.loads(referral.sealed)
        for reason in record["reasons"]["for"]:
            assert reason["text"].replace("'", "&#39;") in page
        assert "What this list is not" in page
        # What lowers the likelihood is no strength unless the definition calls it good: this one calls nothing good.
        for reason in record["reasons"]["against"]:
            assert reason["text"].replace("'", "&#39;") not in page
        assert "Strengths</h2>" in page
        assert "can be called a strength here" in page
        assert "Fewer than 10 households are on this list" in page
        assert "Never on Mondays" in page
        assert "Family support worker, eight weeks" in page
        assert "Step up now" in page


def test_a_case_page_says_when_a_reason_rests_on_an_uncertain_link(
    world: World, request: pytest.FixtureRequest
) -> None:
    doubtful = {person.decode() for person, row in zip(world.arrays["person"], world.arrays["person_row"], strict=True)
                if row % 2}  # fmt: skip
    lines = ["person_id,service", *(f"{person},housing" for person in sorted(doubtful))]
    (world.matrix / "uncertain.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    desk: Desk = request.getfixturevalue("desk")
    client = Client(guarded(desk))
    client.sign_in(LEAD)
    told = []
    for referral in desk.store.referrals("early_help", "north-2026-09-28"):
        record = json.loads(referral.sealed)
        ours = any(person["person"] in doubtful for person in record["people"])
        why = [*record["reasons"]["for"], *record["reasons"]["against"]]
        assert ours == any(reason["uncertain"] for reason in why)
        assert ours == ("They are likely, not certain, to be theirs" in client.get(f"/cases/{referral.id}").text)
        told.append(ours)
    assert set(told) == {True, False}


def test_no_page_holds_a_column_name_a_score_or_the_word_for_insurers(client: Client, desk: Desk) -> None:
    client.sign_in(LEAD)
    names = [feature["name"] for feature in desk.manifest()["features"]]
    pages = [client.get("/worklists/north").text, client.get("/sign-in").text]
    pages += [client.get(f"/cases/{r.id}").text for r in desk.store.referrals("early_help", "north-2026-09-28")]
    client.sign_in("demo-north-team_manager")
    pages.append(client.get("/manager").text)
    client.sign_in("demo-board")
    pages.append(client.get("/board").text)
    for page in pages:
        assert not re.search(r"\brisk", page, re.IGNORECASE)
        assert not [name for name in names if name in page and "_" in name]
    for referral in desk.store.referrals("early_help", "north-2026-09-28"):
        assert not any(f"{referral.margin:.2f}" in page for page in pages)
        assert not any(referral.entity in page for page in pages)


def test_the_word_for_insurers_is_on_no_page_that_any_role_can_open(client: Client, desk: Desk) -> None:
    """Every page there is: the app's own routes, so that a new page is asked too."""
    look = draw_looks(desk.store, "early_help", "north", desk.settings.second_look)[0].id
    paths = {
        route.path.replace("{team}", "north")
        .replace("{look}", look)
        .replace("{referral}", case)
        .replace("{choice}", "set_aside")
        for route in build_app(lambda: desk).routes
        for case in [first_case(desk)]
        if isinstance(route, Route) and "GET" in (route.methods or ())
    }
    opened = set()
    for role in (
        "north-lead_practitioner",
        "north-team_manager",
        "front_door",
        "board",
        "senior_responsible_owner",
        "data_protection_officer",
        "analyst",
        "operator",
    ):
        client.sign_in(f"demo-{role}")
        for path in paths:
            answer = client.get(path)
            assert not re.search(r"\brisk", answer.text, re.IGNORECASE), path
            if answer.status_code == 200:
                opened.add(path)
    elsewhere = {
        "/session",
        "/sign-in/with/{provider}",
        "/sign-in/back/{provider}",
    }  # tests/unit/serving/test_sign_in.py
    elsewhere |= {"/maps", "/maps/{topic}", "/maps/{topic}/{file}"}  # tests/unit/serving/test_area_maps.py
    elsewhere.add("/hub-counts")  # tests/unit/serving/test_hub_counts_page.py
    elsewhere |= {"/public/{kind}", "/requests/{form}"}  # tests/unit/serving/test_resident_forms.py
    elsewhere.add("/link-pairs/{pair}")  # tests/unit/serving/test_link_pages.py
    elsewhere |= {path for path in paths if path.startswith("/panel")}  # tests/unit/serving/test_panel_pages.py
    elsewhere.add("/public/your-page")  # tests/unit/serving/test_own_page.py
    elsewhere.add("/check-once/{purpose}")  # tests/unit/serving/test_check_page.py
    elsewhere.add(f"/cases/{first_case(desk)}/after")  # tests/unit/serving/test_after_help.py
    assert opened == paths - elsewhere - {"/", "/board/packs/{stage}"}, "each is somebody's; there is no board pack"


def test_each_role_sees_its_own_teams_alone(client: Client, desk: Desk) -> None:
    client.sign_in(LEAD)
    assert client.get("/worklists/south").status_code == 403
    assert client.get(f"/cases/{first_case(desk, 'south')}").status_code == 403
    assert client.get("/manager").status_code == 403
    assert client.get("/board").status_code == 403
    assert client.get("/worklists/nowhere").status_code in (403, 404)
    assert client.get("/cases/0000000000000000").status_code == 404
    client.sign_in("demo-board")
    assert client.get("/board").status_code == 200
    assert client.get("/worklists/north").status_code == 403


def test_a_decision_is_filed_with_its_reason_and_shown(client: Client, desk: Desk) -> None:
    client.sign_in(LEAD)
    case = first_case(desk)
    assert decide(client, case, disposition="set_aside", reason="set_aside:no_need_found", note="All went well.") == 303
    (decision,) = desk.store.decisions(case)
    assert (decision.disposition, decision.reason, decision.note) == ("set_aside", "no_need_found", "All went well.")
    assert decision.actor == LEAD
    page = client.get(f"/cases/{case}").text
    assert "Decisions so far" in page
    assert "All went well." in page
    assert "7 of 8 households shown" in client.get("/worklists/north?status=new").text


@pytest.mark.parametrize(
    ("choice", "fields", "said"),
    [
        ("set_aside", {"disposition": ""}, "Choose your decision."),
        ("set_aside", {"disposition": "close_the_case", "reason": "x"}, "Choose your decision."),
        ("set_aside", {}, "Choose a reason for"),
        ("set_aside", {"reason": "taken_up:need_confirmed"}, "Choose a reason for"),
        ("taken_up", {"reason": "taken_up:need_confirmed"}, "contact is safe"),
        ("deferred", {"reason": "deferred:capacity", "until": ""}, "Choose a day from"),
        ("deferred", {"reason": "deferred:capacity", "until": "another", "until_day": "2001-01-01"}, "Choose a day"),
    ],
)
def test_an_incomplete_decision_says_what_is_missing(
    client: Client, desk: Desk, choice: str, fields: dict[str, str], said: str
) -> None:
    client.sign_in(LEAD)
    case = first_case(desk)
    hidden = form_of_choice(client, case, choice)
    sent = client.post(f"/cases/{case}/decision", {**hidden, "note": "kept note", **fields})
    assert sent.status_code == 303
    page = client.get(sent.headers["location"]).text
    assert said in page
    assert "<title>Error: " in page
    assert ("kept note" in page) == (fields.get("disposition") is None)
    assert "error-message" in page
    assert not desk.store.decisions(case)


def test_a_second_reviewer_is_told_that_the_case_changed(client: Client, desk: Desk) -> None:
    case = first_case(desk)
    client.sign_in(LEAD)
    hidden = form_of_choice(client, case, "set_aside")
    other = Client(guarded(desk))
    other.sign_in("demo-north-team_manager")
    assert decide(other, case, disposition="deferred", reason="deferred:capacity") == 303
    fields = {**hidden, "reason": "set_aside:capacity", "note": "A visit told me."}
    page = client.get(client.post(f"/cases/{case}/decision", fields).headers["location"]).text
    assert "changed this case" in page
    assert "A visit told me." in page
    assert "A visit told me." not in other.get(f"/cases/{case}/decide/set_aside").text
    assert [one.disposition for one in desk.store.decisions(case)] == ["deferred"]


def test_sending_a_form_twice_files_it_once(client: Client, desk: Desk) -> None:
    client.sign_in(LEAD)
    case = first_case(desk)
    hidden = form_of_choice(client, case, "deferred")
    fields = {**hidden, "reason": "deferred:capacity"}
    answers = [client.post(f"/cases/{case}/decision", fields).status_code for _ in range(2)]
    assert answers == [303, 303]
    assert len(desk.store.decisions(case)) == 1


def test_stepping_up_is_one_action_on_whatever_version(client: Client, desk: Desk) -> None:
    client.sign_in(LEAD)
    case = first_case(desk)
    hidden = client.form_of(f"/cases/{case}", f"/cases/{case}/step-up")
    assert decide(client, case, disposition="deferred", reason="deferred:capacity") == 303
    answer = client.post(f"/cases/{case}/step-up", hidden)
    assert answer.status_code == 303
    pages = [client.get(answer.headers["location"]) for _ in range(2)]
    assert [page.status_code for page in pages] == [200, 200]
    for page in pages:
        main = page.text.partition("<main")[2]
        assert main.index("call 999") < main.index("family-help@fernhill.example") < main.index("Back to the case")
        assert "Nothing was saved" not in page.text
    assert desk.store.decisions(case)[-1].disposition == "stepped_up"


def test_a_forged_form_changes_nothing(client: Client, desk: Desk) -> None:
    client.sign_in(LEAD)
    case = first_case(desk)
    hidden = form_of_choice(client, case, "deferred")
    fields = {**hidden, "reason": "deferred:capacity"}
    path = f"/cases/{case}/decision"
    assert client.send("POST", path, data=fields).status_code == 403
    assert client.send("POST", path, data=fields, headers={"origin": "https://elsewhere.example"}).status_code == 403
    assert client.send("POST", path, data=fields, headers={"origin": "null"}).status_code == 403
    assert client.post(path, {**fields, "form_token": "0" * 64}).status_code == 403
    assert client.send("POST", path, json=fields, headers={"origin": BASE}).status_code == 415
    assert not desk.store.decisions(case)


def test_the_own_view_is_asked_before_any_reason_is_shown(desk: Desk) -> None:
    asked = replace(desk, settings=desk.settings.replace(own_view=OwnView(one_in=1)))
    client = Client(guarded(asked))
    client.sign_in(LEAD)
    case = first_case(desk)
    page = client.get(f"/cases/{case}").text
    assert "Your own view first" in page
    assert "Why this household may need help" not in page
    assert "Likely" not in page
    hidden = client.form_of(f"/cases/{case}", f"/cases/{case}/own-view")
    assert client.post(f"/cases/{case}/own-view", {**hidden, "view": "wait"}).status_code == 303
    assert "Why this household may need help" in client.get(f"/cases/{case}").text
    assert decide(client, case, disposition="deferred", reason="deferred:capacity") == 303
    assert desk.store.decisions(case)[0].own_view == "wait"


def test_the_own_view_is_asked_on_about_one_in_five(desk: Desk) -> None:
    lots = desk.settings.replace(own_view=OwnView(one_in=5))
    asking = replace(desk, settings=lots)
    referrals = [r for team in ("north", "east", "south", "west")
                 for r in desk.store.referrals("early_help", f"{team}-2026-09-28")]  # fmt: skip
    from serving.identity import Identity

    workers = [Identity(f"worker-{n}", "lead_practitioner", frozenset({"north"})) for n in range(20)]
    asked = [asking.asks_own_view(worker, referral) for worker in workers for referral in referrals]
    assert 0.12 < sum(asked) / len(asked) < 0.28


def test_opening_a_page_is_logged_before_names_are_shown(client: Client, desk: Desk) -> None:
    client.sign_in(LEAD)
    case = first_case(desk)
    client.get(f"/cases/{case}")
    actions = [(entry.action, entry.actor, entry.subject) for entry in desk.store.entries()]
    assert ("identify", LEAD, case) in actions
    assert ("referral.viewed", LEAD, case) in actions
    text = json.dumps([entry.__dict__ for entry in desk.store.entries()], default=str)
    assert "Quillfeather" not in text
    assert "Elm Lane" not in text
    desk.store.verify_log()


def test_a_note_never_reaches_the_log(client: Client, desk: Desk) -> None:
    client.sign_in(LEAD)
    assert decide(client, first_case(desk), disposition="deferred", reason="deferred:capacity", note="Zebra") == 303
    assert "Zebra" not in json.dumps([entry.__dict__ for entry in desk.store.entries()], default=str)


def test_a_waiver_is_on_every_worklist(world: World) -> None:
    waived = {
        "question": "Do girls and boys get onto a list equally often?",
        "group": "girls",
        "role": "board",
        "reason": "Two more months of data are due before anybody can tell.",
        "expires": "2027-01-31",
    }
    manifest = json.loads((world.release / "manifest.json").read_text())
    manifest["decision"] = {"decision": "refer", "waivers": [waived]}
    (world.release / "manifest.json").write_text(json.dumps(manifest))
    make_bundle(world.invocation, world.release, SERVICES)
    rank_households(world.invocation, world.matrix, AS_OF)
    desk = Desk.open(world.invocation, demo=True)
    try:
        client = Client(guarded(desk))
        client.sign_in(LEAD)
        text = client.get("/worklists/north").text
    finally:
        desk.close()
    assert "What the board let through for now" in text
    assert "Waived until 2027-01-31 by the board: Two more months of data" in text


def test_nobody_is_shown_a_list_before_the_second_gate_opens(client: Client, desk: Desk, world: World) -> None:
    client.sign_in(LEAD)
    assert client.get("/worklists/north").status_code == 200
    (world.workspace.live / "release1.json").unlink()
    answer = client.get("/worklists/north")
    assert answer.status_code == 409
    assert "until the second gate opens" in answer.text
    assert client.get(f"/cases/{first_case(desk)}").status_code == 409


def test_while_suspended_no_list_or_case_is_shown(client: Client, desk: Desk, world: World) -> None:
    client.sign_in(LEAD)
    assert client.get("/worklists/north").status_code == 200
    world.workspace.suspensions.mkdir()
    (world.workspace.suspensions / "s.json").write_text('{"what": "team", "name": "north"}')
    answer = client.get("/worklists/north")
    assert answer.status_code == 409
    assert "suspended" in answer.text
    assert client.get(f"/cases/{first_case(desk)}").status_code == 409
    other = Client(guarded(desk))
    other.sign_in("demo-south-lead_practitioner")
    assert other.get("/worklists/south").status_code == 200


def test_a_withdrawn_household_leaves_the_list_and_its_page(client: Client, desk: Desk, world: World) -> None:
    case = first_case(desk)
    assert forget(desk.store.members(case)[:1], world.workspace) == 1
    client.sign_in(LEAD)
    assert "7 of 7 households shown" in client.get("/worklists/north").text
    assert client.get(f"/cases/{case}").status_code == 410
    stored = desk.store.referral(case)
    assert stored is not None
    assert json.loads(stored.sealed)["id"] == case


def test_every_answer_carries_its_security_headers(client: Client) -> None:
    for path in ("/sign-in", "/assets/casework.css", "/nothing-here", "/v1/worklists/north"):
        headers = client.get(path).headers
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
    assert client.get("/sign-in").headers["cache-control"] == "no-store"


def test_pages_need_no_script_of_their_own(client: Client) -> None:
    client.sign_in(LEAD)
    page = client.get("/worklists/north").text
    assert re.findall(r'<script[^>]*src="([^"]+)"', page) == ["/assets/casework.js"]
    assert " onclick=" not in page
    assert " style=" not in page


def test_the_manager_sees_figures_of_teams_never_of_workers(client: Client, desk: Desk) -> None:
    client.sign_in(LEAD)
    decide(client, first_case(desk), disposition="set_aside", reason="set_aside:no_need_found")
    client.sign_in("demo-north-team_manager")
    page = client.get("/manager").text
    assert "Waiting for a decision" in page
    assert LEAD not in page
    # Of other teams a manager reads the name alone, where one is chosen to stand in.
    assert "South family help team" not in re.sub(r"<select[^>]* id=\"by-.*?</select>", "", page, flags=re.DOTALL)


def test_the_board_reads_its_pack_without_scripts(client: Client, world: World) -> None:
    run = world.workspace.audit / "run1"
    run.mkdir(parents=True)
    (run / "report.html").write_text("<!doctype html><title>Pack</title><h1>Pack</h1>")
    (world.workspace.audit / "current").write_text("run1\n")
    client.sign_in("demo-board")
    assert client.get("/board").status_code == 200
    answer = client.get("/board/packs/test")
    assert "<h1>Pack</h1>" in answer.text
    assert "sandbox" in answer.headers["content-security-policy"]


def test_whoever_knows_the_family_hands_the_case_on(client: Client, desk: Desk) -> None:
    client.sign_in(LEAD)
    case = first_case(desk)
    hidden = client.form_of(f"/cases/{case}/conflict", f"/cases/{case}/conflict")
    assert client.post(f"/cases/{case}/conflict", hidden).status_code == 303
    assert client.get(f"/cases/{case}").status_code == 403
    assert client.get(f"/v1/referrals/{case}", headers=client.token(LEAD)).status_code == 403
    client.sign_in("demo-north-team_manager")
    assert client.get(f"/cases/{case}").status_code == 200
    assert "Waiting for somebody who doesn" in client.get("/manager").text


def test_one_role_stops_every_list_and_two_start_them_again(client: Client, desk: Desk, world: World) -> None:
    shutil.copy(ROOT / "council" / "charter.toml", world.invocation.council.folder / "charter.toml")
    worker = Client(guarded(desk))
    worker.sign_in(LEAD)
    client.sign_in("demo-senior_responsible_owner")
    hidden = client.form_of("/board", "/board/suspend")
    assert client.post("/board/suspend", {**hidden, "reason": " "}).status_code == 400
    assert worker.get("/worklists/north").status_code == 200
    assert client.post("/board/suspend", {**hidden, "reason": "A feed looks wrong."}).status_code == 303
    assert worker.get("/worklists/north").status_code == 409
    assert "A feed looks wrong." in client.get("/board").text
    hidden = client.form_of("/board", "/board/resume")
    assert client.post("/board/resume", hidden).status_code == 303
    assert worker.get("/worklists/north").status_code == 409
    assert client.post("/board/resume", hidden).status_code == 400
    client.sign_in("demo-chief_data_officer")
    assert client.post("/board/resume", client.form_of("/board", "/board/resume")).status_code == 303
    assert worker.get("/worklists/north").status_code == 200
    worker.sign_in("demo-board")
    assert "Stop it now" not in worker.get("/board").text


@pytest.mark.parametrize(
    ("what", "stopped"),
    [
        ("team:north", ["north"]),
        ("feed:housing", ["north", "south"]),
        ("all:", ["north", "south"]),
        ("team:atlantis", ["north", "south"]),
    ],
)
def test_one_team_or_one_feed_can_be_stopped_alone(
    desk: Desk, world: World, what: str, stopped: list[str]
) -> None:  # fmt: skip
    shutil.copy(ROOT / "council" / "charter.toml", world.invocation.council.folder / "charter.toml")
    client = Client(guarded(desk))
    client.sign_in("demo-senior_responsible_owner")
    hidden = client.form_of("/board", "/board/suspend")
    client.post("/board/suspend", {**hidden, "what": what, "reason": "A feed looks wrong."})
    client.sign_in("demo-front_door")
    answers = {team: client.get(f"/worklists/{team}").status_code for team in ("north", "south")}
    assert answers == {team: 409 if team in stopped else 200 for team in answers}


def test_lists_in_shadow_are_shown_to_nobody(desk: Desk) -> None:
    client = Client(
        guarded(replace(desk, settings=desk.settings.replace(list=desk.settings.list.replace(shown=False))))
    )
    client.sign_in(LEAD)
    answer = client.get("/worklists/north")
    assert (answer.status_code, "in shadow" in answer.text) == (409, True)
    assert client.get(f"/cases/{first_case(desk)}").status_code == 409
    assert client.get("/v1/worklists/north", headers=client.token(LEAD)).status_code == 409


def test_decisions_reach_the_file_that_other_rooms_read(client: Client, desk: Desk, world: World) -> None:
    client.sign_in(LEAD)
    case = first_case(desk)
    decide(client, case, disposition="deferred", reason="deferred:capacity")
    desk.close()
    header, row = (world.workspace.worklist / "actions.csv").read_text().splitlines()
    assert header == "entity,list,disposition,decided_at,offered_at,known_at"
    assert ",north-2026-09-28,deferred," in row
