"""Signing in by the council's own provider: who gets in, as what, and when a session ends. The provider is a real one.

Each attack of test_sign_in_attacks.py is on what these tests show working.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from charter.council.council import Council
from charter.council.sign_in import SignIn
from charter.rules.policy import Policy
from serving.casework.page_table import PAGES
from tests.unit.serving.client import Client
from tests.unit.serving.conftest import ROOT
from tests.unit.serving.entering import Entering, form_token_of, open_entering, token_of, write_table
from tests.unit.serving.signing_provider import Provider

LIST = "/worklists/north"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, provider: Provider) -> Iterator[Entering]:
    with open_entering(tmp_path_factory.mktemp("entering"), provider) as opened:
        yield opened


@pytest.fixture
def entering(world: Entering) -> Iterator[Entering]:
    yield world
    world.provider.lie()
    write_table(world.world.invocation.council.folder, world.provider)


def open_to(client: Client, path: str = LIST) -> bool:
    answer = client.get(path)
    assert answer.status_code in (200, 303), answer.status_code
    return answer.status_code == 200


def later(entering: Entering) -> None:
    """Let so much time pass that the provider is asked again."""
    entering.let_time_pass(asked_at=datetime.now(UTC) - timedelta(seconds=31))


def test_a_worker_signs_in_with_the_council_s_account_and_sees_their_team_s_list(entering: Entering) -> None:
    entering.provider.person("w-1", ["workers-north", "canteen"])
    assert (
        'href="/sign-in/with/staff" data-module="govuk-button">Sign in with your council account'
        in entering.browser().get("/sign-in").text
    )
    client, page = entering.sign_in("w-1")
    assert (page.status_code, "You are signed in" in page.text) == (200, True)
    assert open_to(client)
    assert client.get("/worklists/east").status_code == 403
    entry = entering.desk.store.done("session.begun")[-1]
    assert (entry.actor, entry.role, entry.detail) == ("w-1", "lead_practitioner", {"kind": "page", "way": "provider"})


def test_teams_come_from_all_groups_of_a_role(entering: Entering) -> None:
    entering.provider.person("w-2", ["workers-north", "workers-east"])
    client, _ = entering.sign_in("w-2")
    assert open_to(client)
    assert open_to(client, "/worklists/east")


def test_somebody_of_two_roles_chooses_one_and_opens_nothing_before(entering: Entering) -> None:
    entering.provider.person("w-3", ["workers-north", "managers-north"])
    client, page = entering.sign_in("w-3")
    assert "Which of your roles?" in page.text
    assert not open_to(client)
    hidden = re.search(r'name="form_token" value="([0-9a-f]{64})"', page.text)
    assert hidden
    before = token_of(client)
    assert client.post("/sign-in/role", {"form_token": hidden[1], "role": "security_officer"}).status_code == 403
    assert client.post("/sign-in/role", {"form_token": "0" * 64, "role": "team_manager"}).status_code == 403
    assert client.post("/sign-in/role", {"form_token": hidden[1], "role": "team_manager"}).status_code == 303
    assert token_of(client) != before
    assert open_to(client, "/manager")


def test_whoever_is_in_no_group_of_the_table_is_told_so_and_is_not_in(entering: Entering) -> None:
    entering.provider.person("w-4", ["canteen"])
    client, page = entering.sign_in("w-4")
    assert page.status_code == 403
    assert "in no group that may sign in here" in page.text
    assert not open_to(client)


def test_signing_out_ends_the_session_on_the_server(entering: Entering) -> None:
    entering.provider.person("w-5", ["workers-north"])
    client, _ = entering.sign_in("w-5")
    token = token_of(client)
    out = client.post("/sign-out", {"form_token": form_token_of(client, LIST)})
    assert "sign out of your council account too" in client.get(out.headers["location"]).text
    client.cookies.set("sooner_session", token, domain="127.0.0.1")
    assert not open_to(client)
    assert entering.whys()[-1] == "signed_out"


def test_a_session_ends_when_nothing_is_asked_for_too_long_and_when_its_time_is_over(entering: Entering) -> None:
    entering.provider.person("w-6", ["workers-north"])
    for why, columns in (
        ("idle", {"used_at": datetime.now(UTC) - timedelta(minutes=31)}),
        ("longest", {"ends_at": datetime.now(UTC) - timedelta(seconds=1)}),
    ):
        client, _ = entering.sign_in("w-6")
        assert open_to(client)
        entering.let_time_pass(**columns)
        assert not open_to(client)
        assert entering.whys()[-1] == why


def test_a_session_s_row_is_thrown_away_three_months_after_its_time(entering: Entering) -> None:
    entering.provider.person("w-19", ["workers-north"])
    client, _ = entering.sign_in("w-19")
    session = entering.desk.sessions.read(token_of(client))
    assert session is not None
    for days, stays in ((89, True), (91, False)):
        entering.let_time_pass(ends_at=datetime.now(UTC) - timedelta(days=days))
        entering.sign_in("w-19")
        assert (entering.desk.sessions.rows.find(session.id) is not None) == stays


def test_an_open_page_that_asks_whether_it_is_still_open_is_no_use_of_a_session(entering: Entering) -> None:
    entering.provider.person("w-7", ["workers-north"])
    client, _ = entering.sign_in("w-7")
    entering.let_time_pass(used_at=datetime.now(UTC) - timedelta(minutes=20))
    assert client.get("/session").status_code == 204
    entering.let_time_pass(ends_at=datetime.now(UTC) - timedelta(minutes=1))
    assert client.get("/session").status_code == 401


def test_leaving_a_group_ends_the_session_when_the_provider_is_asked_again(entering: Entering) -> None:
    entering.provider.person("w-8", ["workers-north"])
    client, _ = entering.sign_in("w-8")
    later(entering)
    assert open_to(client)
    entering.provider.person("w-8", ["canteen"])
    assert open_to(client)  # it was asked just now
    later(entering)
    assert not open_to(client)
    assert entering.whys()[-1] == "group"


def test_another_team_s_group_ends_the_session_too(entering: Entering) -> None:
    entering.provider.person("w-9", ["workers-north"])
    client, _ = entering.sign_in("w-9")
    entering.provider.person("w-9", ["workers-north", "workers-east"])
    later(entering)
    assert not open_to(client)


def test_whom_the_provider_stands_by_no_more_is_out_when_it_is_asked_again(entering: Entering) -> None:
    entering.provider.person("w-10", ["workers-north"])
    client, _ = entering.sign_in("w-10")
    entering.provider.revoke("w-10")
    later(entering)
    assert client.get("/session").status_code == 401
    assert entering.whys()[-1] == "revoked"


def test_a_row_taken_out_of_the_table_ends_sessions_at_the_next_request(entering: Entering) -> None:
    entering.provider.person("w-11", ["workers-north"])
    client, _ = entering.sign_in("w-11")
    folder = entering.world.invocation.council.folder
    write_table(folder, entering.provider, **{'name = "workers-north"': 'name = "workers-of-the-north"'})
    assert not open_to(client)
    assert entering.whys()[-1] == "group"
    (folder / "sign_in.toml").write_text("[sessions]\nidle_minutes = 0\n")
    assert entering.sign_in("w-11")[1].status_code == 403  # a slip changes nothing: the table before goes on


def test_while_the_provider_is_down_sessions_go_on_for_so_many_minutes(entering: Entering) -> None:
    entering.provider.person("w-12", ["workers-north"])
    client, _ = entering.sign_in("w-12")
    entering.provider.lie(down=True)
    later(entering)
    assert open_to(client)
    entering.let_time_pass(
        asked_at=datetime.now(UTC) - timedelta(seconds=31), vouched_at=datetime.now(UTC) - timedelta(minutes=11)
    )
    assert not open_to(client)
    assert entering.whys()[-1] == "unvouched"


def test_a_manager_sees_and_ends_the_sessions_of_their_own_teams_alone(entering: Entering) -> None:
    for user, groups in (("w-13", ["workers-north"]), ("w-14", ["workers-east"]), ("m-1", ["managers-north"])):
        entering.provider.person(user, groups)
    north, _ = entering.sign_in("w-13")
    east, _ = entering.sign_in("w-14")
    manager, _ = entering.sign_in("m-1")
    page = manager.get("/access").text
    assert ("w-13" in page, "w-14" in page, "Invite a guest" in page) == (True, False, False)
    hidden = form_token_of(manager, "/access")
    assert manager.post("/access/end", {"form_token": hidden, "who": "w-14"}).status_code == 404
    assert manager.post("/access/end", {"form_token": hidden, "who": "w-13"}).status_code == 303
    assert not open_to(north)
    assert open_to(east, "/worklists/east")
    ended = entering.desk.store.done("session.ended")[-1]
    assert (ended.actor, ended.detail["whose"], ended.detail["why"]) == ("m-1", "w-13", "manager")


def test_a_security_officer_sees_and_ends_everybody_s(entering: Entering) -> None:
    entering.provider.person("w-15", ["workers-east"])
    entering.provider.person("s-1", ["security"])
    east, _ = entering.sign_in("w-15")
    officer, _ = entering.sign_in("s-1")
    assert "w-15" in officer.get("/access").text
    hidden = form_token_of(officer, "/access")
    assert officer.post("/access/end", {"form_token": hidden, "who": "w-15"}).status_code == 303
    assert not open_to(east, "/worklists/east")


def test_a_guest_is_in_with_the_code_a_second_factor_and_until_the_invitation_ends(entering: Entering) -> None:
    entering.provider.person("s-2", ["security"])
    entering.provider.person("g-1", [], amr=["pwd"])
    officer, _ = entering.sign_in("s-2")
    hidden = form_token_of(officer, "/access")
    made = officer.post("/access/invite", {"form_token": hidden, "role": "board", "team": "", "days": "20"})
    code = re.search(r'sooner-code">([0-9a-f ]+)<', made.text)
    assert code
    refused = officer.post("/access/invite", {"form_token": hidden, "role": "team_manager", "team": "", "days": "20"})
    assert refused.status_code == 400
    guest = entering.browser()
    assert "/sign-in/with/other" in guest.post("/sign-in/invited", {"code": code[1]}).text
    assert "second factor" in entering.sign_in("g-1", "other", guest)[1].text
    entering.provider.person("g-1", [], amr=["pwd", "mfa"])
    assert guest.post("/sign-in/invited", {"code": code[1]}).status_code == 200
    assert entering.sign_in("g-1", "other", guest)[1].status_code == 200
    assert open_to(guest, "/board")
    assert guest.get(LIST).status_code == 403
    # The code is that guest's now; they need it no more, and nobody else can use it.
    entering.provider.person("g-2", [], amr=["mfa"])
    thief = entering.browser()
    thief.post("/sign-in/invited", {"code": code[1]})
    assert entering.sign_in("g-2", "other", thief)[1].status_code == 403
    _, page = entering.sign_in("g-1", "other")
    assert page.status_code == 200
    invited = entering.desk.invitations.list_all()[0]
    hidden = form_token_of(officer, "/access")
    assert officer.post("/access/end-guest", {"form_token": hidden, "guest": invited.id}).status_code == 303
    assert not open_to(guest, "/board")
    assert entering.sign_in("g-1", "other")[1].status_code == 403
    assert b"g-1" not in entering.world.workspace.casework.read_bytes().replace(b"guest-", b"")


def test_an_emergency_s_code_lets_in_once_until_its_end_and_somebody_else_reviews_it(entering: Entering) -> None:
    from serving.access.emergency import open_emergency

    ends, code = open_emergency(entering.desk, "w-16", "team_manager", ["north"], "The provider is down.", 30)
    client = entering.browser()
    assert client.post("/sign-in/emergency", {"code": "0000-1111"}).status_code == 403
    assert client.post("/sign-in/emergency", {"code": code.upper()}).status_code == 303
    assert "Emergency" in client.get("/manager").text
    assert entering.browser().post("/sign-in/emergency", {"code": code}).status_code == 403
    with pytest.raises(Exception, match="emergency"):
        open_emergency(entering.desk, "w-16", "analyst", [], "Curious.", 30)
    entering.provider.person("s-3", ["security"])
    officer, _ = entering.sign_in("s-3")
    page = officer.get("/access").text
    assert "The provider is down." in page
    emergency = entering.desk.emergencies.list_all()[0]
    form = {"form_token": form_token_of(officer, "/access"), "emergency": emergency.id, "outcome": "in_order"}
    assert not emergency.overdue(ends)
    assert emergency.overdue(ends + timedelta(days=2))
    assert officer.post("/access/review", form).status_code == 303
    assert officer.post("/access/review", form).status_code == 400
    assert b"provider is down" not in entering.world.workspace.casework.read_bytes()
    entering.let_time_pass(ends_at=datetime.now(UTC) - timedelta(seconds=1))
    assert not open_to(client, "/manager")


def test_a_proxy_s_signed_header_signs_in_and_holds_while_it_names_the_same_person(entering: Entering) -> None:
    def header(user: str, groups: list[str], **claims: object) -> dict[str, str]:
        signed = entering.provider.token(aud="sooner-proxy", sub=user, groups=groups, **claims)
        return {"x-signed-by": signed}

    client, mine = entering.browser(), header("w-17", ["workers-north"])
    assert "Go on as lead practitioner" in client.get("/sign-in", headers=mine).text
    assert client.post("/sign-in/proxy", {"role": "team_manager"}, **mine).status_code == 403
    assert client.post("/sign-in/proxy", {"role": "lead_practitioner"}).status_code == 403
    assert client.post("/sign-in/proxy", {"role": "lead_practitioner"}, **mine).status_code == 303
    assert client.get(LIST, headers=mine).status_code == 200
    assert client.get(LIST, headers=header("w-18", ["workers-north"])).status_code == 303
    assert entering.whys()[-1] == "proxy"
    assert client.post("/sign-in/proxy", {"role": "lead_practitioner"}, **mine).status_code == 303
    assert client.get(LIST, headers=header("w-17", ["canteen"])).status_code == 303


def test_every_role_of_the_shipped_council_can_sign_in_somewhere() -> None:
    council, policy = Council.load(ROOT / "council"), Policy.load(ROOT / "council" / "charter.toml")
    table = SignIn.load(council.folder, policy.acting.ids, [team.id for team in council.teams])
    roles = [role.id for role in policy.acting if role.acts]
    assert len(roles) > 10
    table.require_every_role(roles)
    assert table.offered == ()  # examples are offered to nobody
    assert {page.path for page in PAGES if page.path.startswith("/access")} >= {"/access", "/access/end"}
