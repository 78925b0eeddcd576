"""One function decides what of a household is shown: every route and verb is asked, as every role, in every state."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pytest

from charter.council.worklist_settings import BlindReview
from charter.errors import SoonerError
from charter.rules.policy import Policy
from charter.rules.showing import STATES, WAYS
from serving.access_table import SCOPES, VERB_ACTS, Cell, list_cells, list_doors
from serving.asking_to_show import require_rows, require_sealed, require_stranger
from serving.casework.page_table import PAGES
from serving.casework.printing import print_worklist
from serving.casework.second_look import draw_looks
from serving.casework.view import make_reference
from serving.desk import Desk
from serving.forget import forget
from serving.identity import Identity
from serving.session import API, COOKIE, PAGE, Beginning
from serving.store.store import Referral
from serving.trace import trace_fault
from serving.web.api import ENDPOINTS
from sooner.command import list_verbs
from tests.unit.serving.client import Client, guarded
from tests.unit.serving.conftest import ROOT
from tests.unit.serving.link_sheets import PAIR, leave_reference
from tests.unit.serving.panel_sittings import find_sitting

ROLES = Policy.load(ROOT / "council" / "charter.toml").acting
OWN, OTHER, KNOWN, TAKEN_OFF = SCOPES
STATUSES = {
    "shown": {200, 303, 400},
    "role": {403},
    "team": {403, 404},
    "conflict": {403, 404},
    "taken_off": {403, 404, 410},
    "silence": {409},
    "ended": {409},
}


@dataclass(frozen=True)
class Borough:
    """A desk in one state of its lists, and a referral (and one just below the line) of each kind."""

    desk: Desk
    state: str
    cases: dict[str, Referral]
    looks: dict[str, str]

    def reader(self, role: str, scope: str) -> Identity:
        """Return somebody of the north team in a role; who knows the family where that is asked."""
        return Identity(f"kin-{role}" if scope == KNOWN else f"reader-{role}", role, frozenset({"north"}))


def set_state(desk: Desk, state: str) -> None:
    workspace = desk.invocation.workspace
    if state == "suspended":
        workspace.suspensions.mkdir()
        (workspace.suspensions / "s.json").write_text('{"what": "programme", "name": "early_help"}')
    if state == "shadow":
        (workspace.live / "release1.json").unlink()
    if state == "ended":
        with sqlite3.connect(workspace.casework) as database:
            database.execute("UPDATE lists SET expires_at = '2026-10-05T00:00:00.000000+00:00'")


def declare(desk: Desk, user: str, referral: str) -> None:
    desk.store.log(Identity(user, "lead_practitioner", frozenset()), "conflict.declared", subject=referral)


@pytest.fixture(
    params=[pytest.param(state, marks=[] if state == "suspended" else pytest.mark.deep) for state in STATES]
)
def borough(desk: Desk, request: pytest.FixtureRequest) -> Borough:
    desk = replace(desk, settings=desk.settings.replace(blind_review=BlindReview(listed=50)))
    north, south = (desk.store.referrals("early_help", f"{team}-2026-09-28") for team in ("north", "south"))
    cases = {
        OWN: north[0],
        OTHER: south[0],
        KNOWN: north[1],
        TAKEN_OFF: north[2],
        "stepped up": north[3],
        "taken up": north[4],
    }
    assert forget(desk.store.members(north[2].id)[:1], desk.invocation.workspace) == 1
    north_looks, south_looks = (
        draw_looks(desk.store, "early_help", team, desk.settings.second_look) for team in ("north", "south")
    )
    looks = {OWN: north_looks[0].id, OTHER: south_looks[0].id, KNOWN: north_looks[1].id, TAKEN_OFF: "0" * 16}
    for role in ROLES:
        declare(desk, f"kin-{role.id}", cases[KNOWN].id)
        declare(desk, f"kin-{role.id}", north_looks[1].referral.id)
    declare(desk, "a-colleague", cases[OWN].id)
    with sqlite3.connect(desk.invocation.workspace.casework) as database:
        database.execute("UPDATE referrals SET status = 'taken_up' WHERE id = ?", [cases["taken up"].id])
    set_state(desk, request.param)
    return Borough(desk, request.param, cases, looks)


@pytest.mark.parametrize("every", [7, pytest.param(1, marks=pytest.mark.deep)])
def test_every_cell_of_the_access_table_is_what_a_request_gets(borough: Borough, every: int) -> None:
    """All cells in `make deep`; with every change one of seven, a number by which no count of roles or scopes goes."""
    client = Client(guarded(borough.desk))
    # Whoever says that they know a family knows it from then on: that door is tried below.
    all_cells = [
        cell
        for cell in list_cells(ROLES)
        if cell.state == borough.state and cell.door.method != "sooner" and not cell.door.path.endswith("/conflict")
    ]
    assert len(all_cells) > 700
    cells = all_cells[::every]
    for name in ("role", "scope", "door"):
        assert {getattr(cell, name) for cell in cells} == {getattr(cell, name) for cell in all_cells}
    wrong = [(cell, status) for cell in cells if (status := ask_route(client, borough, cell)) not in statuses(cell)]
    told = [(c.door.method, c.door.path, c.role, c.scope, c.answer, status) for c, status in wrong]
    assert not told, (len(told), told[:8])


def statuses(cell: Cell) -> set[int]:
    """Return what an answer may be.

    A whole list that is not shown is refused before anybody looks at its cases; a manager's figures stand without them.
    """
    silent = cell.door.way in ("list", "blind") and cell.state not in WAYS[cell.door.way].states
    return STATUSES[cell.answer] | ({404, 409} if silent else set())


def ask_route(client: Client, borough: Borough, cell: Cell) -> int:
    """Return the status of a request for a cell's door; 404 where the answer does not tell of the cell's household."""
    desk, door = borough.desk, cell.door
    identity = borough.reader(cell.role, cell.scope)
    case = borough.cases[cell.scope]
    if door.way == "step_up" and cell.scope == OWN:
        case = borough.cases["stepped up"]
    if door.path.endswith("/after") and cell.scope == OWN:
        case = borough.cases["taken up"]
    team = "south" if cell.scope == OTHER else "north"
    path = door.path.format(team=team, referral=case.id, look=borough.looks[cell.scope], choice="set_aside")
    token = desk.sessions.begin(identity, Beginning(API if path.startswith("/v1") else PAGE))
    if path.startswith("/v1"):
        headers = {"authorization": f"Bearer {token}", "idempotency-key": "x" * 10}
        if door.way == "score":
            # BentoML serves this one, so its handler is asked.
            return ask_scores(desk, token, case.id)
        if door.method == "GET":
            answer = client.get(path, headers=headers)
        else:
            answer = client.send("POST", path, json=write_body(desk, path, case), headers=headers)
        told = case.id in answer.text
    else:
        client.cookies.clear()
        client.cookies.set(COOKIE, token, domain="127.0.0.1")
        session = desk.sessions.read(token)
        assert session is not None
        if path == "/my-cases":
            desk.store.log(identity, "referral.viewed", subject=case.id)
        fields = {"form_token": session.form_token, "version": "1"}
        answer = client.get(path) if door.method == "GET" else client.post(path, fields)
        told = f"/cases/{case.id}" in answer.text
    if answer.status_code == 200 and path == "/v1/lookups":
        # Nothing is said of why a case is not among the caller's own.
        return 200 if told else 404 if cell.answer == "shown" else min(STATUSES[cell.answer])
    if answer.status_code == 200 and path == "/step-ups":
        # A page for everybody who decides, of those cases alone that they may be shown; this one was not sent on.
        return 200 if told or cell.answer == "shown" else min(STATUSES[cell.answer])
    if answer.status_code == 200 and door.way == "list":
        return 200 if told else (403 if cell.scope == OTHER else 404)
    if answer.status_code == 200 and door.way == "blind":
        return 200 if cell.scope == OWN or not counts_household(desk, answer.text, cell.scope) else 404
    if answer.status_code == 303 and door.way == "blind" and cell.scope != OWN:
        return 404  # a form without a view: nothing is told, and nothing kept
    return answer.status_code


def write_body(desk: Desk, path: str, case: Referral) -> dict[str, object]:
    if path == "/v1/lookups":
        return {"service": "housing", "reference": leave_reference(desk, desk.store.members(case.id)[-1])}
    return {"version": 1, "disposition": "none", "reason": ""}


def counts_household(desk: Desk, page: str, scope: str) -> bool:
    """Whether the households of a blind review are fewer by the one that is known, or without the one taken off."""
    below = desk.store.below("early_help", "north-2026-09-28")
    standing = [r for r in desk.store.referrals("early_help", "north-2026-09-28") if not r.removed]
    found = re.search(r"case \d+ of (\d+)", page)
    assert found
    # Whoever knows the family of a case said so of one just below the line too.
    return int(found[1]) == len(standing) + len(below) - (2 if scope == KNOWN else 0)


def ask_scores(desk: Desk, token: str, case: str) -> int:
    from charter.errors import BlockedError, CharterError
    from serving.identity import require_act
    from serving.web.scores import score_referrals

    session = desk.sessions.read(token)
    try:
        identity = require_act(session.identity if session else None, "score.listed")
        score_referrals(desk, identity, [case])
    except BlockedError:
        return 409
    except CharterError:
        return 403
    return 200


COMMANDS: dict[str, Callable[[Borough, str, str], object]] = {
    "print-list": lambda borough, role, scope: print_case(borough, role, scope),
    "trace": lambda borough, role, scope: trace_case(borough, role, scope),
    "explain": lambda borough, role, scope: require_rows(borough.desk.invocation, borough.cases[scope].entity, role),
    "reproduce": lambda borough, role, scope: require_sealed(borough.desk.invocation, borough.cases[scope].id, role),
    "resident show": lambda borough, role, scope: serve_resident(borough, role, scope, "rights.file"),
    "resident export": lambda borough, role, scope: serve_resident(borough, role, scope, "rights.file"),
    "hand-over": lambda borough, role, scope: serve_resident(borough, role, scope, "export.release"),
}


def print_case(borough: Borough, role: str, scope: str) -> None:
    case = borough.cases[scope]
    paper = print_worklist(borough.desk.invocation, "south" if scope == OTHER else "north", holder="worker", role=role)
    if make_reference(case) not in paper:
        raise SoonerError("not on it")


def trace_case(borough: Borough, role: str, scope: str) -> None:
    touched, _ = trace_fault(borough.desk.invocation, role=role, bundle=borough.cases[OWN].bundle)
    if borough.cases[scope].id not in {referral.referral for referral in touched}:
        raise SoonerError("left out")


def serve_resident(borough: Borough, role: str, scope: str, act: str) -> None:
    require_stranger(borough.desk.invocation, borough.desk.store.members(borough.cases[scope].id)[0], role, act)


def test_every_verb_answers_as_the_access_table_says(borough: Borough, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = 0
    for cell in list_cells(ROLES):
        if cell.state != borough.state or cell.door.method != "sooner":
            continue
        monkeypatch.setenv("SOONER_USER", borough.reader(cell.role, cell.scope).user)
        try:
            COMMANDS[cell.door.path](borough, cell.role, cell.scope)
            shown = True
        except SoonerError:
            shown = False
        assert shown == (cell.answer == "shown"), cell
        asked += 1
    assert asked == len(COMMANDS) * len(ROLES.rows) * len(SCOPES)


def test_every_route_that_tells_of_a_household_names_its_way(desk: Desk) -> None:
    """Whatever is found to tell of one, by its text, must have a way; the search is shown to find those that do."""
    listed = desk.store.referrals("early_help", "north-2026-09-28")
    marks = {mark for case in listed for mark in (case.id, case.entity)}
    declare(desk, "a-colleague", listed[0].id)
    client, found = Client(guarded(desk)), set()
    look = draw_looks(desk.store, "early_help", "north", desk.settings.second_look)[0].id
    for role in ROLES:
        reader = Identity(f"reader-{role.id}", role.id, frozenset({"north"}))
        token, api = desk.sessions.begin(reader), desk.sessions.begin(reader, Beginning(API))
        client.cookies.set(COOKIE, token, domain="127.0.0.1")
        for row in (*PAGES, *ENDPOINTS):
            if row.method == "GET":
                path = row.path.format(
                    team="north", referral=listed[0].id, look=look, stage="test", choice="set_aside", provider="staff",
                    form=desk.store.keep_form("access", {"reach": "a friend"}).id, kind="access",
                        topic="food", file="map.csv", purpose="age_check", pair=PAIR,
                    session=find_sitting(desk), case="family-1",
                )  # fmt: skip
                text = client.get(path, headers={"authorization": f"Bearer {api}"}).text
                if any(mark in text for mark in marks) and path != "/":
                    found.add(row.path)
                    assert row.way, row.path
    assert {
        "/worklists/{team}",
        "/cases/{referral}",
        "/manager",
        "/v1/worklists/{team}",
        "/v1/referrals/{referral}",
    } <= found
    for row in (*PAGES, *ENDPOINTS):
        assert row.way in {"", *WAYS}, row
        assert row.way or not ("{referral}" in row.path or "{look}" in row.path or "/reviews/" in row.path), row


SHOW_NO_HOUSEHOLD = {
    "open-emergency", "outbox", "watch", "directory", "synth-trial", "synth-ground", "map", "value",
    "demo", "init", "check", "doctor", "synth", "pull", "link", "build", "train", "audit", "run", "rank", "serve",
    "publish", "trial", "decide", "sign", "advise", "role-key", "suspend", "resume", "promote", "check-residence",
    "check-once", "overrule", "incident", "close", "exchange",
    "replay", "retain", "sources", "status", "ask-again", "clean", "known", "rotate", "upgrade", "verify-log",
    "backup", "key", "restore",
    "resident object",
    "resident withdraw",
    "resident restrict", "resident erase", "resident rectify", "resident challenge",
}  # fmt: skip
"""Verbs that print counts, figures, certificates, or one word about whoever was named to them: no household."""


def every_verb() -> Iterator[tuple[str, str]]:
    for verb in list_verbs():
        yield verb.name, verb.way
        if verb.name == "resident":
            yield from ((f"resident {name}", under.way) for name, under in verb.verbs.items())


def test_every_verb_says_whether_it_shows_a_household() -> None:
    ways = {name: way for name, way in every_verb() if name != "resident"}
    assert {name for name, way in ways.items() if not way} == SHOW_NO_HOUSEHOLD
    assert {name for name, way in ways.items() if way} == set(VERB_ACTS) == set(COMMANDS)
    verbs = {door.path: door.way for door in list_doors() if door.method == "sooner"}
    assert verbs == {name: way for name, way in ways.items() if way}
    assert {door.way for door in list_doors()} == set(WAYS)


def test_a_conflict_follows_the_people_to_other_lists(desk: Desk) -> None:
    """Whoever knows one of them is shown nothing of any household that they live or lived in."""
    north, south = (desk.store.referrals("early_help", f"{team}-2026-09-28") for team in ("north", "south"))
    reader = Identity("demo-south-lead_practitioner", "lead_practitioner", frozenset({"south"}))
    # A member of a northern household lives in a southern one too: a child in two homes.
    child = desk.store.members(north[0].id)[0]
    with sqlite3.connect(desk.invocation.workspace.casework) as database:
        database.execute("INSERT INTO members VALUES (?, ?)", (south[0].id, child))
    client = Client(guarded(desk))
    client.sign_in(reader.user)
    assert client.get(f"/cases/{south[0].id}").status_code == 200
    declare(desk, reader.user, north[0].id)
    assert client.get(f"/cases/{south[0].id}").status_code == 403
    assert south[0].id not in client.get("/worklists/south").text
    assert south[1].id in client.get("/worklists/south").text
    assert desk.store.conflicts([south[0].id, south[1].id]) == {south[0].id: 1}
    paper = print_worklist(desk.invocation, "south", holder=reader.user)
    assert make_reference(south[0]) not in paper
    assert make_reference(south[0]) in print_worklist(desk.invocation, "south", holder="somebody-else")


def test_a_list_whose_live_state_can_not_be_read_is_in_shadow(desk: Desk) -> None:
    path = desk.invocation.workspace.live / "release1.json"
    for text in ("", "{}", '{"until": 7}', '{"until": "soon"}', "[]"):
        path.write_text(text)
        assert desk.standing("north").state == "shadow", text
