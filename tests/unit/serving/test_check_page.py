"""What is checked once, as a page: one word for whoever may ask, under the limits, and nothing typed is said again."""

from __future__ import annotations

import shutil
from datetime import date

import pytest

from charter.vault.check_once import AGE, RESIDENCE, find_age_token, find_birth_token, index_row
from charter.vault.vault import Vault
from serving.casework.page_table import PAGES
from serving.desk import Desk
from serving.ranking.worklist import rank_households
from tests.unit.serving.client import Client, guarded, signed_in
from tests.unit.serving.conftest import AS_OF, ROOT, World

CLERK, LEAD, DOOR = "demo-resident_desk", "demo-north-lead_practitioner", "demo-front_door"
HOME = "990001234567"
PERSON = {"forename": "Zoë", "surname": "O’Brien", "birth_date": "1980-02-01", "uprn": HOME, "asked_by": "parking"}


@pytest.fixture
def desk(world: World) -> Desk:
    """Open a desk of a council with a register, whose vault may tell of one person's home and age."""
    shutil.copy(ROOT / "council" / "register.toml", world.invocation.council.folder)
    rank_households(world.invocation, world.matrix, AS_OF)
    key = Desk.open(world.invocation, demo=True).key
    vault = Vault.open(world.workspace.vault, key)
    home, born = key.pseudonym("household", HOME), date(1980, 2, 1)
    vault.replace_residents({
        find_birth_token(key, RESIDENCE, "Zoë", "O’Brien", born): index_row(["p1"], [home]),
        find_age_token(key, "Zoë", "O’Brien", home): index_row(["p1"], [], purpose=AGE, born=born.isoformat()),
    })  # fmt: skip
    return Desk.open(world.invocation, demo=True)


def ask(client: Client, purpose: str, **fields: str) -> str:
    page = f"/check-once/{purpose}"
    answer = client.post(page, {**client.form_of(page, page), **fields})
    assert answer.headers["cache-control"] == "no-store"
    return answer.text


def test_a_question_is_answered_with_one_word_and_what_was_typed_is_not_said_again(desk: Desk) -> None:
    client = signed_in(desk, CLERK)
    assert "Is this person resident at this address?" in client.get("/check-once").text
    answer = ask(client, "residence_check", **PERSON)
    assert "<strong>Yes</strong>" in answer
    assert not any(told in answer for told in ("Zoë", "Brien", "1980", HOME))
    assert "<strong>No</strong>" in ask(client, "residence_check", **{**PERSON, "uprn": "990000000001"})
    assert "<strong>Can&#39;t tell</strong>" in ask(client, "residence_check", **{**PERSON, "surname": "Marsh"})
    old = {name: PERSON[name] for name in ("forename", "surname", "uprn", "asked_by")}
    assert "<strong>Yes</strong>" in ask(client, "age_check", **old, age="18")
    checked = [entry for entry in desk.store.entries() if entry.action.endswith(".checked")]
    assert [entry.detail["answer"] for entry in checked] == ["yes", "no", "can't tell", "yes"]
    assert {entry.detail["asked_by"] for entry in checked} == {"resident_desk"}
    assert "Brien" not in repr(checked)


def test_whom_the_register_does_not_tell_no_hears_that_it_can_not_be_told(desk: Desk) -> None:
    """Of an age nobody is told no. Seen to fail with `tells_no` left out of the answer."""
    young = {"forename": "Zoë", "surname": "O’Brien", "uprn": HOME, "asked_by": "parking", "age": "60"}
    assert "<strong>Can&#39;t tell</strong>" in ask(signed_in(desk, CLERK), "age_check", **young)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"forename": " "}, "Give a forename"),
        ({"birth_date": "first of May"}, "Birth_date is not a day"),
        ({"asked_by": "the tax office"}, "Say for which service you ask"),
        ({"asked_by": ""}, "Say for which service you ask"),
    ],
)
def test_what_is_wanting_is_said_beside_its_field_and_nothing_is_looked_up(
    desk: Desk, changed: dict[str, str], said: str
) -> None:
    page = ask(signed_in(desk, CLERK), "residence_check", **{**PERSON, **changed})
    assert said in page
    assert "There is a problem" in page
    assert 'value="O’Brien"' in page, "what was typed rightly stays in its field"
    assert not [entry for entry in desk.store.entries() if entry.action.endswith(".checked")]


def test_an_age_that_is_not_agreed_is_not_asked_about(desk: Desk) -> None:
    fields = {"forename": "Zoë", "surname": "O’Brien", "uprn": HOME, "asked_by": "parking"}
    client = signed_in(desk, CLERK)
    for age in ("17", "-1", "٣", "9" * 40, ""):
        assert "<strong>" not in ask(client, "age_check", **fields, age=age).partition("<main")[2], age


def test_a_limit_is_the_same_by_page_and_by_the_api(desk: Desk) -> None:
    (desk.invocation.council.folder / "limits.toml").write_text("[person]\nchecks = 2\n")
    client = signed_in(desk, CLERK)
    for _ in range(2):
        assert "<strong>Yes</strong>" in ask(client, "residence_check", **PERSON)
    assert "as much as you can ask today" in ask(client, "residence_check", **PERSON)
    body = dict(PERSON)
    answer = client.send("POST", "/v1/residence-checks", json=body, headers=client.token(CLERK))
    assert answer.status_code == 429, answer.text


def test_only_whose_role_may_sees_the_page_and_its_link(desk: Desk) -> None:
    assert 'href="/check-once"' in signed_in(desk, DOOR).get("/check-once").text
    lead = signed_in(desk, LEAD)
    assert 'href="/check-once"' not in lead.get("/worklists/north").text
    assert lead.get("/check-once").status_code == 403
    assert lead.get("/check-once/age_check").status_code == 403
    assert signed_in(desk, CLERK).get("/check-once/credit_check").status_code == 404
    assert Client(guarded(desk)).get("/check-once").headers["location"] == "/sign-in"
    assert {page.act for page in PAGES if page.path.startswith("/check-once")} == {"residence.check"}
