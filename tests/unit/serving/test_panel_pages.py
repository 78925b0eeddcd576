"""A session of the residents' panel: cases shown, answers kept beside the rules', its own cases run, and published."""

from __future__ import annotations

import json
import re
import shutil
import tomllib
from dataclasses import replace

import pytest

from charter.invocation import Invocation
from charter.rules.scenarios import Scenarios
from charter.signing.panel_sessions import find_session, list_sessions, session_file
from fairness_reports.residents.panel_words import describe_sessions, list_open_words, list_stoppers
from serving.casework.panel.shown_cases import Fact, PointsInUse
from serving.desk import Desk
from serving.suspension import read_suspensions
from tests.unit.serving.client import Client, signed_in
from tests.unit.serving.conftest import ROOT, World

CHAIR = "demo-residents_panel"
CASE = {
    "story": "A newspaper asks which streets have most families on the list.", "role": "newspaper",
    "act": "worklist.read", "expected": "refused", "reason": "A street is a handful of doors.", "principle": "rights",
}  # fmt: skip


@pytest.fixture
def desk(world: World, desk: Desk) -> Desk:
    """Give a desk whose council has cases and a register too."""
    for name in ("scenarios.toml", "register.toml"):
        shutil.copy(ROOT / "council" / name, world.invocation.council.folder / name)
    return desk


def begin(desk: Desk) -> tuple[Client, str]:
    """Return the chair's client, and the path of a session that was begun."""
    client = signed_in(desk, CHAIR)
    answer = client.post("/panel", {**client.form_of("/panel", "/panel"), "present": "9"})
    assert answer.status_code == 303
    return client, answer.headers["location"]


def send(client: Client, path: str, **fields: str) -> str:
    """Send a form of a session; return where it led, or the page where it was refused."""
    token = re.search(r'name="form_token" value="([^"]+)"', client.get(path).text)
    assert token
    answer = client.post(path, {"form_token": token[1], **fields})
    return answer.headers["location"] if answer.status_code == 303 else answer.text


def test_the_panel_answers_before_it_reads_what_the_rules_say(desk: Desk) -> None:
    """Broken by a case page that says the rules' answer at once."""
    client, path = begin(desk)
    case = f"{path}/cases/police_ask_for_the_list"
    assert "The rules say" not in client.get(case).text
    send(client, case, says="allowed", words="They may have a reason.")
    after = client.get(case).text
    assert "You said: that may be." in after
    assert "The rules say: that may not be." in after
    assert "They do not do what you said" in after
    send(client, case, says="refused", words="")
    assert "They do what you said." in client.get(case).text
    session = list_sessions(desk.invocation.workspace)[0]
    assert [entry.values["says"] for entry in session.entries] == ["allowed", "refused"], "nothing is taken back"
    assert {entry.role for entry in session.entries} == {"residents_panel"}
    assert session.answers["police_ask_for_the_list"].values["rules"] == "refused"


def test_a_made_up_family_is_shown_and_what_was_found_is_said_afterwards(desk: Desk) -> None:
    client, path = begin(desk)
    known = desk.practice.cases[0].known
    assert known not in client.get(f"{path}/cases/family-1").text
    send(client, f"{path}/cases/family-1", says="help")
    assert known in client.get(f"{path}/cases/family-1").text


def test_a_case_of_the_panel_s_own_is_asked_of_the_rules_and_becomes_a_row(desk: Desk) -> None:
    """Broken by an answer that is not the rules': a board member's act, allowed, is told from a stranger's."""
    client, path = begin(desk)
    case = send(client, path, what="rule", **CASE)
    send(client, case, says="refused")
    assert "They do what you said." in client.get(case).text
    board = {"role": "board", "act": "board.read", "story": "The board reads the pack.", "expected": "allowed"}
    assert "data" not in board
    allowed = send(client, path, what="rule", **{**CASE, **board})
    data = {"data": "ethnicity", "purpose": "rank", "role": "", "act": "", "story": "Ethnic group moves a family."}
    send(client, path, what="rule", **{**CASE, **data})
    session = list_sessions(desk.invocation.workspace)[0]
    assert [entry.values["answer"] for _, entry in session.list_kind("rule")] == ["refused", "allowed", "refused"]
    assert session.list_kind("rule")[2][1].values["case"]["characteristic"] == "ethnicity"
    assert allowed.endswith(f"/cases/{session.id}-3")

    send(client, path, what="recommendation", recommendation="Tell streets nothing.")
    send(client, path, what="question", question="Who else asked?")
    rows = client.get(f"{path}/rows").text
    scenarios = desk.invocation.council.folder / "scenarios.toml"
    (desk.invocation.council.folder / "more.toml").write_text(
        scenarios.read_text().replace("\r", "") + rows.partition("# public.toml")[0]
    )
    charter = desk.invocation.charter
    more = Scenarios.load(desk.invocation.council.folder / "more.toml", charter).scenarios
    assert len(more) == len(Scenarios.load(scenarios, charter).scenarios) + 3
    (desk.invocation.council.folder / "more.toml").unlink()
    said = tomllib.loads(rows)
    assert said["recommendation"][0]["id"] == f"{session.id}-5"
    assert said["question"][0]["asked"] == "Who else asked?"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({**CASE, "act": ""}, "Name who would do it, and what they would do"),
        ({**CASE, "role": ""}, "Name who would do it, and what they would do"),
        ({**CASE, "role": "", "act": ""}, "Name who would do what, or which data"),
        ({**CASE, "data": "library.visit"}, "Name the data, and what it would be used for"),
        ({**CASE, "story": "", "expected": "", "reason": "", "principle": "x"}, "Tell the case in a sentence or two"),
        ({**CASE, "reason": "x" * 1001}, "Write at most 1000 characters"),
        ({"what": "family", "family_story": "A mother."}, "No points list is in use"),
        ({"what": "question", "question": " "}, "Write your question"),
    ],
)  # fmt: skip
def test_a_form_that_lacks_something_is_shown_again_with_what_was_typed(
    desk: Desk, fields: dict[str, str], said: str
) -> None:
    client, path = begin(desk)
    page = send(client, path, **{"what": "rule", **fields})
    assert said in page
    assert "There is a problem" in page
    if fields.get("story"):
        assert fields["story"] in page
    assert not list_sessions(desk.invocation.workspace)[0].entries
    assert "Choose what the panel says" in send(client, f"{path}/cases/library_visits", says="help")
    assert "at most 1000" in send(client, f"{path}/cases/library_visits", says="refused", words="x" * 1001)
    assert "Say how many take part" in send(client, "/panel", present="many")


def test_points_of_a_made_up_family_are_those_that_the_rules_give() -> None:
    """Whoever has five absences has two as well; a feature that nobody chose was not seen and gives none."""
    rules = [
        {"feature": "absences", "threshold": 2.0, "at_least": True, "points": 1},
        {"feature": "absences", "threshold": 5.0, "at_least": True, "points": 3},
        {"feature": "youngest", "threshold": 4.0, "at_least": False, "points": 2},
    ]
    facts = tuple(Fact(number, f"fact {number}", r["feature"], int(str(r["points"]))) for number, r in enumerate(rules))
    points = PointsInUse(rules, facts)
    assert points.add_up([1]) == (4, ["fact 0", "fact 1"])
    assert points.add_up([0]) == (1, ["fact 0"])
    assert points.add_up([0, 2]) == (3, ["fact 0", "fact 2"])
    assert points.has_twice([0, 1])
    assert not points.has_twice([0, 2])


def test_what_is_kept_is_logged_by_its_digest_and_an_edit_afterwards_is_said(desk: Desk) -> None:
    """Broken by a page that does not compare the file with the log."""
    client, path = begin(desk)
    send(client, f"{path}/cases/library_visits", says="refused")
    assert "This is what the log says was kept" in client.get(path).text
    session = list_sessions(desk.invocation.workspace)[0]
    file = session_file(desk.invocation.workspace, session.id)
    file.write_text(file.read_text().replace('"refused"', '"allowed"'))
    assert "This is not what the log says was kept" in client.get(path).text
    acts = [entry for entry in desk.store.entries() if entry.action.startswith("panel.")]
    assert [entry.action for entry in acts] == ["panel.begun", "panel.kept"]
    assert {entry.role for entry in acts} == {"residents_panel"}


def test_a_closed_session_is_published_and_nothing_is_added(desk: Desk) -> None:
    """Broken by a site that shows a session before it is closed, or a recommendation twice once it is answered."""
    client, path = begin(desk)
    send(client, f"{path}/cases/library_visits", says="refused", words="Leave us that.")
    send(client, f"{path}/cases/police_ask_for_the_list", says="allowed")
    send(client, f"{path}/cases/family-2", says="split")
    send(client, path, what="rule", **CASE)
    send(client, path, what="recommendation", recommendation="Say it on a poster.")
    send(client, path, what="question", question="Who else asked?")
    invocation = replace(desk.invocation)
    assert describe_sessions(invocation) == []
    assert list_open_words(invocation) == ([], [])
    send(client, path, what="close")
    (shown,) = describe_sessions(invocation)
    assert (shown["present"], shown["answered"], shown["ruled"], shown["same"]) == (9, 3, 2, 1)
    assert [row["differs"] for row in shown["answers"]] == [False, True, False]
    assert "not yet" in shown["own"][0]["state"]
    (recommendation,), (question,) = list_open_words(invocation)
    assert (recommendation.said, question.asked) == ("Say it on a poster.", "Who else asked?")
    answered = _answer(invocation, recommendation.id)
    assert [len(rows) for rows in list_open_words(answered)] == [0, 1]

    page = client.get(path).text
    assert "The residents’ pages show it" in page
    assert "Ask the rules" not in page
    token = client.form_of("/panel", "/panel")["form_token"]
    assert client.post(path, {"form_token": token, "what": "close"}).status_code == 400
    assert len(list_sessions(desk.invocation.workspace)[0].entries) == 6
    for missing in ("/panel/2026-01-01-abcdef", f"{path}/cases/none", "/panel/..%2Flog"):
        assert client.get(missing).status_code == 404
    assert client.post(path, {"form_token": token, "what": "sing"}).status_code == 404
    assert find_session(desk.invocation.workspace, "../casework") is None


def _answer(invocation: Invocation, name: str) -> Invocation:
    """Return the council once it has answered a recommendation in public.toml."""
    file = invocation.council.folder / "public.toml"
    file.write_text(f'[[recommendation]]\nid = {json.dumps(name)}\non = 2026-06-20\nsaid = "A poster."\n')
    return replace(invocation)


def test_the_panel_s_chair_stops_every_list_alone_as_the_charter_promises(desk: Desk) -> None:
    """Broken by a charter that does not let the role: `may_suspend = false`."""
    client = signed_in(desk, CHAIR)
    assert 'href="/board#what"' in client.get("/panel").text
    form = client.form_of("/board", "/board/suspend")
    stopped = client.post("/board/suspend", {**form, "what": "all:", "reason": "The panel was not heard."})
    assert stopped.status_code == 303
    (suspension,) = read_suspensions(desk.invocation.workspace)
    assert (suspension.kind, suspension.role) == ("all", "residents_panel")
    assert "Chair of the residents' panel" in list_stoppers(desk.invocation)
    case = next(
        case
        for case in Scenarios.load(ROOT / "council" / "scenarios.toml", desk.invocation.charter).scenarios
        if case.id == "panel_stops_it"
    )
    assert case.allowed_by(desk.invocation.charter, desk.invocation.register)
