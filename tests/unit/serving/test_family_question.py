"""One question to families: whoever has a card can answer it, nobody is found by the answer, and nothing reads it."""

from __future__ import annotations

import csv
import re
import shutil
import sqlite3
from datetime import date

import pytest

from charter.contracts import read_table_contract
from serving.casework.residents.family_question import find_card, make_code
from serving.desk import Desk
from serving.store.arriving.family_answers import find_quarter, find_quarter_before
from tests.unit.serving.client import Client, guarded, signed_in
from tests.unit.serving.conftest import ROOT, TEAMS

PATH = "/public/our-contact"
LEAD, ANALYST = "demo-north-lead_practitioner", "demo-analyst"


@pytest.fixture
def desk(desk: Desk) -> Desk:
    """Return a desk of a council that says how it is reached."""
    folder = desk.invocation.council.folder
    shutil.copy(ROOT / "council" / "register.toml", folder / "register.toml")
    text = (ROOT / "council" / "public.toml").read_text(encoding="utf-8")
    (folder / "public.toml").write_text(text.partition("# How to ask for help oneself.")[0], encoding="utf-8")
    return desk


def code_of(desk: Desk, team: str = "north") -> str:
    return make_code(desk, team, find_quarter(desk.today()))


def answer(desk: Desk, **fields: str) -> dict[str, str]:
    return {"code": code_of(desk), "all_right": "yes", "helped": "a_little"} | fields


def test_a_card_has_a_code_and_its_qr_and_no_name_and_is_the_team_s_alone(desk: Desk) -> None:
    page = signed_in(desk, LEAD).get("/cards/north").text
    code = code_of(desk)
    assert page.count(f"{code[:3]}-{code[3:]}") == 8
    assert page.count(f"QR code: https://sooner.fernhill.example{PATH}?code={code}") == 8
    assert "Quillfeather" not in page
    assert signed_in(desk, LEAD).get("/cards/south").status_code == 403
    assert signed_in(desk, ANALYST).get("/cards/north").status_code == 403


def test_whoever_has_a_card_answers_without_an_account_and_is_counted(desk: Desk) -> None:
    client = Client(guarded(desk))
    code = code_of(desk)
    page = client.get(f"{PATH}?code={code}").text
    assert f'value="{code}"' in page
    assert "Which group do you belong to? (optional)" in page
    assert "who to think about first" not in page, "a family reads nothing of a list's order"
    typed = {"code": f" {code[:3].lower()}-{code[3:]} ", "group": "White"}
    assert client.post(PATH, answer(desk, **typed)).headers["location"] == f"{PATH}?done=1"
    assert client.post(PATH, answer(desk, helped="no", group="made up <b>")).status_code == 303
    assert client.post(PATH, answer(desk)).status_code == 303
    assert client.post(PATH, answer(desk)).status_code == 303
    assert "We counted your answer" in client.get(f"{PATH}?done=1").text
    quarter = find_quarter(desk.today()).isoformat()
    said = [(row["group_named"], row["helped"], row["number"]) for row in desk.store.family_answers("early_help")]
    assert said == [("", "a_little", 2), ("White", "a_little", 1), ("", "no", 1)]
    desk.exporter.catch_up()
    with (desk.invocation.workspace.worklist / "family_answers.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == read_table_contract("family_answers").names
    assert {row["quarter"] for row in rows} == {quarter}


def test_what_is_missing_is_said_beside_the_answer_and_nothing_typed_is_lost(desk: Desk) -> None:
    client = Client(guarded(desk))
    sent = client.post(PATH, answer(desk, code="AAAAAA", helped="", group="Asian"))
    assert sent.status_code == 400
    assert "<title>" in sent.text
    assert re.search(r"<title>\s*Error: ", sent.text)
    for words in ("Type the six letters and numbers of your card", "Say whether it helped"):
        assert sent.text.count(words) == 2, "in the summary and beside the answer"
    assert 'value="yes" checked' in sent.text
    assert 'value="Asian" checked' in sent.text
    assert desk.store.family_answers("early_help") == []


def test_no_moment_no_order_and_no_line_of_the_log_says_who_answered(desk: Desk) -> None:
    """Broken by an entry of the log for each answer."""
    client = Client(guarded(desk))
    before = [entry.action for entry in desk.store.entries()]
    for helped in ("yes", "no", "yes"):
        assert client.post(PATH, answer(desk, helped=helped)).status_code == 303
    assert [entry.action for entry in desk.store.entries()] == before
    with sqlite3.connect(desk.invocation.workspace.casework) as database:
        columns = [row[1] for row in database.execute("PRAGMA table_info(family_answers)")]
        numbers = [number for (number,) in database.execute("SELECT number FROM family_answers ORDER BY number")]
    assert columns == ["programme", "team", "quarter", "all_right", "helped", "group_named", "number"]
    assert numbers == [1, 2]


def test_a_code_holds_for_its_quarter_and_the_next_and_for_its_own_team(desk: Desk) -> None:
    this = find_quarter(desk.today())
    last, before = find_quarter_before(this), find_quarter_before(find_quarter_before(this))
    codes = {make_code(desk, team, quarter) for team in TEAMS for quarter in (this, last, before)}
    assert len(codes) == 3 * len(TEAMS)
    assert find_card(desk, make_code(desk, "south", last)) == ("south", last)
    assert find_card(desk, make_code(desk, "south", before)) is None
    assert find_card(desk, "") is None
    assert find_quarter_before(date(2026, 1, 1)) == date(2025, 10, 1)


def test_one_address_is_limited_so_that_nobody_answers_for_all_or_guesses_codes(desk: Desk) -> None:
    limits = desk.invocation.council.folder / "limits.toml"
    limits.write_text("[public_forms]\nfrom_one_address = 2\n", encoding="utf-8")
    client = Client(guarded(desk))
    assert [client.post(PATH, answer(desk, code="AAAAAA")).status_code for _ in range(3)] == [400, 400, 429]
