"""Every state of every page, before and after each button and where a form lacks something, is valid HTML.

Judged by the Nu Html Checker, which needs Java 17: `npm pack vnu-jar@26.9.27`, unpack it, and name its vnu.jar in
SOONER_VNU (decision 225).
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from borough.ground import draw_ground, write_ground
from charter.invocation import Invocation
from fairness_reports.maps.whole_map import draw_maps
from fairness_reports.residents.site import list_pages
from serving.casework.page_table import PAGES
from serving.casework.second_look import draw_looks
from serving.desk import Desk
from tests.unit.serving.client import BASE, Client, guarded, signed_in
from tests.unit.serving.conftest import ROOT, World
from tests.unit.serving.link_sheets import PAIR
from tests.unit.serving.panel_sittings import find_sitting
from tests.unit.serving.test_buttons import PROMISES, desk, first_case, press
from tests.unit.serving.test_hub_counts_page import lay_hubs
from tests.unit.serving.test_page_table import client_in_role

__all__ = ["desk"]

pytestmark = pytest.mark.deep

OF_GOVUK_FRONTEND = "Attribute “aria-hidden” is unnecessary for elements that have attribute “hidden”."
"""A warning about the menu button of GOV.UK Frontend 6.3, which is used as it is published."""
PEOPLE = ("north-lead_practitioner", "north-team_manager", "front_door", "data_protection_officer", "board",
          "resident_desk", "analyst", "operator", "chief_data_officer", "partner", "residents_panel")  # fmt: skip


@pytest.fixture
def checker() -> list[str]:
    """Return the checker's command, or skip with what brings it."""
    jar, java = os.environ.get("SOONER_VNU", ""), shutil.which("java")
    if not Path(jar).is_file() or java is None:
        pytest.skip("needs Java 17 and the Nu Html Checker: npm pack vnu-jar@26.9.27, then SOONER_VNU=.../vnu.jar")
    return [java, "-jar", jar, "--format", "json", "--stdout", "--exit-zero-always"]


def find_faults(checker: list[str], folder: Path, states: dict[str, str]) -> list[str]:
    """Return what the checker says of pages, each by its name."""
    names: dict[str, str] = {}
    for name, html in states.items():
        path = folder / f"{hashlib.sha256(html.encode()).hexdigest()[:24]}.html"
        path.write_text(html, encoding="utf-8")
        names.setdefault(path.name, name)
    run = subprocess.run([*checker, *map(str, folder.glob("*.html"))], capture_output=True, text=True, check=True)
    return [
        f"{names[message['url'].rpartition('/')[2]]}: {message['message']} {message.get('extract', '')[:160]!r}"
        for message in json.loads(run.stdout)["messages"]
        if (message["type"] != "info" or message.get("subType") == "warning")
        and message["message"] != OF_GOVUK_FRONTEND
    ]


def read_pages(desk: Desk, moment: str) -> Iterator[tuple[str, str]]:
    """Yield every page that can be read, as everybody of the demonstration and as nobody, refusals among them."""
    case, look = first_case(desk), draw_looks(desk.store, "early_help", "north", desk.settings.second_look)[0].id
    form = desk.store.keep_form("complaint", {"reach": "a friend", "words": "A letter went next door."}).id
    choices, sitting = [choice.id for choice in desk.settings.choices], find_sitting(desk)
    for person in (*PEOPLE, ""):
        client = signed_in(desk, f"demo-{person}") if person else Client(guarded(desk))
        for page in (page for page in PAGES if page.method == "GET"):
            for choice in choices if "{choice}" in page.path else [""]:
                path = page.path.format(team="north", referral=case, look=look, stage="test", choice=choice,
                                        provider="test", form=form, kind="complaint", topic="food", file="map.csv",
                                        purpose="age_check", pair=PAIR, session=sitting,
                                        case="family-1")  # fmt: skip
                for query in ("", "?problem=1", "?done=decided") if "{referral}" in page.path else ("",):
                    answer = client.get(path + query)
                    if answer.headers.get("content-type", "").startswith("text/html"):
                        yield f"{moment}, {person or 'nobody'}, {path}{query} ({answer.status_code})", answer.text


def send_empty_forms(desk: Desk, promise_name: str) -> Iterator[tuple[str, str]]:
    """Yield what follows from a form that is sent as it stands, with nothing filled in."""
    promise = PROMISES[promise_name]
    case, look = first_case(desk), draw_looks(desk.store, "early_help", "north", desk.settings.second_look)[0].id
    client = signed_in(desk, promise.who)
    page, action = (path.format(case=case, look=look) for path in (promise.page, promise.action))
    answer = client.post(action, client.form_of(page, action))
    text = read_whole(client, answer.headers["location"]) if answer.status_code == 303 else answer.text
    yield f"nothing filled in, {promise_name} ({answer.status_code})", text


def read_whole(client: Client, path: str) -> str:
    """Return a page, wherever it leads to."""
    answer = client.get(path)
    return read_whole(client, answer.headers["location"]) if answer.status_code == 303 else answer.text


def collect_states(desk: Desk, world: World, name: str) -> dict[str, str]:
    """Return the pages around one button: as it stands before, sent empty, and after it was pressed."""
    if PROMISES[name].action.startswith("/board"):
        (world.invocation.council.folder / "charter.toml").write_bytes((ROOT / "council" / "charter.toml").read_bytes())
    states = {}
    for before in PROMISES[name].before:
        press(desk, PROMISES[before])
    states |= dict(send_empty_forms(desk, name))
    try:
        client, location = press(desk, PROMISES[name])
    except AssertionError:  # what needs nothing filled in was done already
        client, location = signed_in(desk, PROMISES[name].who), "/"
    states[f"after {name}"] = read_whole(client, location)
    return states


def test_every_page_is_valid_before_anything_is_done(desk: Desk, checker: list[str], tmp_path: Path) -> None:
    states = dict(read_pages(desk, "at first"))
    press(desk, PROMISES["Record what they agreed to (to a system)"])
    press(desk, PROMISES["Choose these"])
    states |= dict(read_pages(desk, "agreed"))
    assert len(states) > 400
    assert sum("(4" in name for name in states) > 50, "refusals are among them"
    (tmp_path / "pages").mkdir()
    assert find_faults(checker, tmp_path / "pages", states) == []


def test_what_a_council_turns_on_and_what_it_publishes_is_valid(desk: Desk, checker: list[str], tmp_path: Path) -> None:
    """Pages that are nowhere by default, and those that leave the service as files: maps and the residents' site."""
    invocation, council = desk.invocation, desk.invocation.council.folder
    own_page = 'own_page_days = 14\ndoor = "https://sooner.fernhill.example"\n'
    (council / "public.toml").write_text(own_page, encoding="utf-8")
    shutil.copy(ROOT / "council" / "register.toml", council)
    write_ground(draw_ground(40, 1), invocation.workspace.maps / "food", 1)
    folder = draw_maps(invocation, "food", desk.today())
    states = {f"map for {name}": (folder / name / "map.html").read_text() for name in ("partners", "public")}
    (folder / "partners.csv").unlink()
    (folder / "hubs.csv").unlink()
    (folder / "public" / "map.csv").unlink()
    lay_hubs(folder)
    partner, token = client_in_role(desk, "partner")
    states |= {f"partner, {path}": read_whole(partner, path) for path in ("/hub-counts", "/maps", "/maps/food")}
    typed = {"form_token": token, "topic": "food", "hub": "Hill hub", "week": "", "parcels": "few"}
    states["hub counts, mistyped"] = partner.post("/hub-counts", typed).text
    nobody = Client(guarded(desk))
    states["own page"] = nobody.get("/public/your-page").text
    states["own page, wrong code"] = nobody.post("/public/your-page", {"code": "A"}, origin=BASE).text
    shipped = Invocation.open(ROOT / "council", "early_help", tmp_path / "bare", quiet=True)
    states |= {f"site, {name}": page for name, page in list_pages(shipped).items()}
    assert len(states) > 20
    assert "Hill hub" in states["partner, /hub-counts"]
    assert "Your code" in states["own page"]
    (tmp_path / "pages").mkdir()
    assert find_faults(checker, tmp_path / "pages", states) == []


@pytest.mark.parametrize("name", list(PROMISES))
def test_the_pages_around_a_button_are_valid(
    desk: Desk, world: World, checker: list[str], tmp_path: Path, name: str
) -> None:
    states = collect_states(desk, world, name)
    (tmp_path / "pages").mkdir()
    assert all(re.search("<h1", html) for html in states.values())
    assert find_faults(checker, tmp_path / "pages", states) == []
