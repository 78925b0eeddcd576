"""The page table: each row is open to the roles that its act names and to nobody else; all else comes from it."""

from __future__ import annotations

import re

import pytest

from charter.acts import ACTS, TEAM_ACTS
from charter.rules.policy import Policy
from serving.casework.page_table import PAGES
from serving.casework.second_look import draw_looks
from serving.casework.visit import ANYBODY, SIGNED_IN, Page
from serving.desk import Desk
from serving.identity import Identity
from serving.session import COOKIE
from serving.web.api import ENDPOINTS
from tests.unit.serving.client import Client, guarded
from tests.unit.serving.conftest import ROOT, TEAMS
from tests.unit.serving.link_sheets import PAIR
from tests.unit.serving.panel_sittings import find_sitting

ROLES = Policy.load(ROOT / "council" / "charter.toml").acting


def client_in_role(desk: Desk, role: str) -> tuple[Client, str]:
    """Return the client of somebody in a role, for every team, and the token of their forms."""
    client = Client(guarded(desk))
    token = desk.sessions.begin(Identity(f"somebody-{role}", role, frozenset(TEAMS)))
    client.cookies.set(COOKIE, token, domain="127.0.0.1")
    session = desk.sessions.read(token)
    assert session is not None
    return client, session.form_token


def path_of(page: Page, desk: Desk) -> str:
    look = draw_looks(desk.store, "early_help", "north", desk.settings.second_look)[0].id
    case = desk.store.referrals("early_help", "north-2026-09-28")[0].id
    form = desk.store.keep_form("access", {"reach": "a friend"}).id if "{form}" in page.path else ""
    return page.path.format(
        team="north",
        referral=case,
        look=look,
        stage="test",
        choice="set_aside",
        form=form,
        topic="food",
        file="map.csv",
        purpose="age_check",
        pair=PAIR,
        session=find_sitting(desk),
        case="family-1",
    )


def test_every_row_names_an_act_there_is_and_no_row_is_there_twice() -> None:
    for row in (*PAGES, *ENDPOINTS):
        assert row.act in {*ACTS, ANYBODY, SIGNED_IN}, row
        assert row.title, row
        of_a_team = "{team}" in row.path or "{referral}" in row.path
        assert not of_a_team or row.act in TEAM_ACTS, row
    rows = [(row.method, row.path) for row in (*PAGES, *ENDPOINTS)]
    assert len(set(rows)) == len(rows)
    assert {page.path for page in PAGES if page.act in (ANYBODY, SIGNED_IN)} == {
        "/", "/session", "/sign-in", "/sign-in/with/{provider}", "/sign-in/back/{provider}", "/sign-in/role",
        "/sign-in/proxy", "/sign-in/invited", "/sign-in/emergency", "/sign-out", "/public/{kind}",
        "/public/our-contact", "/public/your-page",
        "/own-reading",
    }  # fmt: skip


@pytest.mark.parametrize("role", [role.id for role in ROLES])
def test_a_row_is_open_to_the_roles_of_its_act_and_to_nobody_else(desk: Desk, role: str) -> None:
    client, token = client_in_role(desk, role)
    asked = [page for page in PAGES if page.act in ACTS and not page.path.endswith(("conflict", "suspend"))]
    assert len(asked) > 15
    for page in asked:
        path = path_of(page, desk)
        fields = {"form_token": token, "team": "north"}
        status = (client.get(path) if page.method == "GET" else client.post(path, fields)).status_code
        assert (status != 403) == ROLES.may(role, page.act), (page.method, page.path, status)


def test_nobody_who_is_not_signed_in_reaches_a_row_that_is_not_open_to_anybody(desk: Desk) -> None:
    client = Client(guarded(desk))
    for page in PAGES:
        if page.act == ANYBODY:
            continue
        path = path_of(page, desk)
        answer = client.get(path) if page.method == "GET" else client.post(path, {"x": "y"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in"), page.path


def test_the_navigation_has_what_the_role_may_open_in_the_order_of_the_table(desk: Desk) -> None:
    client, _ = client_in_role(desk, "team_manager")
    page = client.get("/manager").text
    links = re.findall(r'<a class="govuk-service-navigation__link" href="([^"]+)"[^>]*>(.*?)</a>', page, re.DOTALL)
    paths = [path for path, _ in links if path != "/"]
    assert paths == [
        "/worklists", *(f"/worklists/{team}" for team in TEAMS), "/my-cases", "/practice",
        *(f"/reviews/{team}" for team in TEAMS), "/manager", "/access",
    ]  # fmt: skip
    assert "Blind review: North family help team" in page


def test_the_api_s_table_says_what_its_contract_says(desk: Desk) -> None:
    contract = Client(guarded(desk)).get("/v1/openapi.json").json()
    for endpoint in ENDPOINTS:
        if endpoint.path != "/v1/openapi.json":
            assert contract["paths"][endpoint.path][endpoint.method.lower()]["summary"] == endpoint.title
