"""The minimal check for other services: yes, no or can't tell, and nothing that says why."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from charter.council.register import Register
from charter.errors import CharterError, UsageError
from charter.invocation import shipped_council
from charter.vault.check_once import (
    AGE,
    CANNOT_TELL,
    ENTITLEMENT,
    NO,
    RESIDENCE,
    ROLL,
    YES,
    Asker,
    Question,
    answer_question,
    find_age_token,
    find_birth_token,
    index_row,
)
from charter.vault.key import Key
from charter.vault.vault import Vault

KEY = Key(bytes(range(32)))
BORN = date(1980, 2, 1)
TODAY = date(2026, 11, 28)
REGISTER = Register.load(shipped_council() / "register.toml")
ASKS = REGISTER.check("residence_check").asked_by[0]


def question(forename: str = "Zoë", surname: str = "O’Brien", uprn: str = "990001234567", by: str = ASKS) -> Question:
    return Question(forename, surname, BORN, uprn, by)


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    """Give a vault whose index may tell of one person's home, and of nothing of another's."""
    opened = Vault.open(tmp_path / "vault", KEY)
    home = KEY.pseudonym("household", "990001234567")
    told = find_birth_token(KEY, RESIDENCE, "Zoë", "O’Brien", BORN)
    untold = find_birth_token(KEY, RESIDENCE, "Ben", "Marsh", BORN)
    opened.replace_residents({told: index_row(["p1"], [home]), untold: index_row(["p2"], [])})
    return opened


def test_it_says_yes_at_the_home_and_no_at_another(vault: Vault) -> None:
    assert answer_question(vault, KEY, REGISTER, question(), today=TODAY) == YES
    assert answer_question(vault, KEY, REGISTER, question(uprn="990000000001"), today=TODAY) == NO


@pytest.mark.parametrize(
    ("forename", "surname", "uprn"),
    [
        ("ZOE", "O'BRIEN", "990001234567"),
        ("zoë", "obrien", " 000990001234567 "),
        ("Zoe\u0308", "O Brien", "990001234567"),
    ],
)
def test_a_name_and_an_address_may_be_written_as_people_write_them(
    vault: Vault, forename: str, surname: str, uprn: str
) -> None:
    assert answer_question(vault, KEY, REGISTER, question(forename, surname, uprn), today=TODAY) == YES


def test_a_name_of_another_script_is_its_letters_and_signs_alone_find_nobody(vault: Vault) -> None:
    """Seen to fail while letters beyond a to z were left out: every name without one of those was the same."""
    home = KEY.pseudonym("household", "990001234567")
    vault.replace_residents({find_birth_token(KEY, RESIDENCE, "محمد", "علي", BORN): index_row(["p3"], [home])})
    ask = [question("محمد", "علي"), question("李", "明"), question("Ørjan", "Łącki")]
    assert [answer_question(vault, KEY, REGISTER, one, today=TODAY) for one in ask] == [YES, CANNOT_TELL, CANNOT_TELL]
    for forename, surname in (("?", "?"), ("-", "علي"), ("1", "2")):
        with pytest.raises(UsageError, match="no name"):
            answer_question(vault, KEY, REGISTER, question(forename, surname), today=TODAY)


def test_who_is_not_known_and_who_may_not_be_told_of_are_answered_alike(vault: Vault, tmp_path: Path) -> None:
    assert answer_question(vault, KEY, REGISTER, question("Nobody", "Here"), today=TODAY) == CANNOT_TELL
    assert answer_question(vault, KEY, REGISTER, question("Ben", "Marsh"), today=TODAY) == CANNOT_TELL
    without_index = Vault.open(tmp_path / "another", KEY)
    assert answer_question(without_index, KEY, REGISTER, question(), today=TODAY) == CANNOT_TELL


def test_a_service_that_was_not_agreed_on_learns_nothing(vault: Vault) -> None:
    with pytest.raises(CharterError, match="may not ask this of anybody") as refused:
        answer_question(vault, KEY, REGISTER, question(by="police"), today=TODAY)
    assert "police" not in str(refused.value)


GOOD = {"forename": "Ada", "surname": "Marsh", "birth_date": "1980-02-01", "uprn": "1", "asked_by": "housing"}


def test_a_question_is_read_from_texts() -> None:
    assert Question.read(GOOD) == Question("Ada", "Marsh", BORN, "1", "housing")


@pytest.mark.parametrize(
    "change", [{"forename": " "}, {"uprn": 7}, {"surname": None}, {"extra": "x"}, {"birth_date": "1 February 1980"}]
)
def test_what_is_no_question_is_refused_and_not_repeated(change: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as refused:
        Question.read(GOOD | change)
    assert not any(word in str(refused.value) for word in ("Ada", "Marsh", "1 February"))
    with pytest.raises(UsageError, match="no question"):
        Question.read({name: value for name, value in GOOD.items() if name != "uprn"})


@pytest.fixture
def everything(tmp_path: Path) -> Vault:
    """Give a vault that may tell of Ada by every check, and of Ben by none."""
    opened = Vault.open(tmp_path / "vault", KEY)
    home = KEY.pseudonym("household", "990001234567")
    rows = {find_age_token(KEY, "Ada", "Marsh", home): index_row(["p1"], [home], purpose=AGE, born="2008-11-28")}
    for purpose, held in ((ROLL, True), (ENTITLEMENT, False)):
        rows[find_birth_token(KEY, purpose, "Ada", "Marsh", BORN)] = index_row(["p1"], [], purpose=purpose, held=held)
        rows[find_birth_token(KEY, purpose, "Ben", "Marsh", BORN)] = index_row(["p2"], [], purpose=purpose)
    opened.replace_residents(rows)
    return opened


AGED = Question("Ada", "Marsh", None, "990001234567", "parking", AGE, 18)


def ask(vault: Vault, question: Question, asker: Asker | None = None, today: date = TODAY) -> str:
    return answer_question(vault, KEY, REGISTER, question, asker, today=today)


def test_an_age_is_reached_on_the_birthday_and_told_without_the_birth_date(everything: Vault) -> None:
    assert ask(everything, AGED) == YES
    # The register tells no service no about an age: the day before is no different from nobody being there.
    assert ask(everything, AGED, today=date(2026, 11, 27)) == CANNOT_TELL
    assert ask(everything, replace(AGED, forename="Zed")) == CANNOT_TELL
    with pytest.raises(CharterError, match="about that age"):
        ask(everything, replace(AGED, age=17))


def test_no_is_told_to_those_alone_whom_the_register_names(everything: Vault) -> None:
    held = Question("Ada", "Marsh", BORN, purpose=ENTITLEMENT)
    assert ask(everything, held, Asker(service="leisure")) == CANNOT_TELL
    enrolled = Question("Ada", "Marsh", BORN, purpose=ROLL)
    everything.replace_residents(
        {find_birth_token(KEY, ROLL, "Ada", "Marsh", BORN): index_row(["p1"], [], purpose=ROLL, held=False)}
    )
    assert ask(everything, enrolled, Asker(service="school_admissions")) == NO
    assert ask(everything, enrolled, Asker(service="libraries")) == CANNOT_TELL
    assert ask(everything, enrolled, Asker(role="front_door")) == CANNOT_TELL


def test_a_row_of_one_purpose_answers_no_other(everything: Vault) -> None:
    known = {"forename": "Ada", "surname": "Marsh", "birth_date": BORN}
    assert ask(everything, Question(**known, purpose=ROLL), Asker(service="libraries")) == YES
    assert ask(everything, Question(**known, uprn="990001234567", asked_by="parking")) == CANNOT_TELL
    assert ask(everything, Question("Ben", "Marsh", BORN, purpose=ROLL), Asker(service="libraries")) == CANNOT_TELL


def test_an_objection_to_one_check_leaves_the_others(everything: Vault) -> None:
    everything.forget_residents(["p1"], AGE)
    assert ask(everything, AGED) == CANNOT_TELL
    assert ask(everything, Question("Ada", "Marsh", BORN, purpose=ROLL), Asker(service="libraries")) == YES
    everything.forget_residents(["p1"])
    assert ask(everything, Question("Ada", "Marsh", BORN, purpose=ROLL), Asker(service="libraries")) == CANNOT_TELL


@pytest.mark.parametrize(
    "document",
    [
        {"purpose": "age_check", "uprn": "1", "age": "18"},
        {"purpose": "age_check", "uprn": "1", "age": True},
        {"purpose": "age_check", "uprn": "1", "age": 18, "birth_date": "1980-02-01"},
        {"purpose": "roll_check"},
        {"purpose": "roll_check", "birth_date": "1980-02-01", "uprn": "1"},
        {"purpose": "rank", "birth_date": "1980-02-01"},
        {"purpose": ["age_check"]},
    ],
)
def test_each_purpose_is_asked_with_what_it_needs_and_nothing_more(document: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="no question"):
        Question.read({"forename": "Ada", "surname": "Marsh", **document})


def test_a_token_is_of_this_purpose_alone() -> None:
    assert find_birth_token(KEY, RESIDENCE, "Ada", "Marsh", BORN) != KEY.pseudonym(
        "person", "ada", "marsh", "1980-02-01"
    )
    assert find_birth_token(KEY, RESIDENCE, "Ada", "Marsh", BORN) != find_birth_token(
        KEY, RESIDENCE, "Ada", "Marsh", date(1980, 2, 2)
    )
