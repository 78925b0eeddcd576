"""The minimal check for other services: yes, no or can't tell, and nothing that says why."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from charter.council.register import Register
from charter.errors import CharterError, UsageError
from charter.invocation import shipped_council
from charter.vault.key import Key
from charter.vault.residence_check import CANNOT_TELL, NO, YES, Question, answer_question, index_row, residents_token
from charter.vault.vault import Vault

KEY = Key(bytes(range(32)))
BORN = date(1980, 2, 1)
REGISTER = Register.load(shipped_council() / "register.toml")
ASKS = REGISTER.check("residence_check").asked_by[0]


def question(forename: str = "Zoë", surname: str = "O’Brien", uprn: str = "990001234567", by: str = ASKS) -> Question:
    return Question(forename, surname, BORN, uprn, by)


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    """Give a vault whose index may tell of one person's home, and of nothing of another's."""
    opened = Vault.open(tmp_path / "vault", KEY)
    home = KEY.pseudonym("household", "990001234567")
    told = residents_token(KEY, "Zoë", "O’Brien", BORN)
    untold = residents_token(KEY, "Ben", "Marsh", BORN)
    opened.replace_residents({told: index_row(["p1"], [home]), untold: index_row(["p2"], [])})
    return opened


def test_it_says_yes_at_the_home_and_no_at_another(vault: Vault) -> None:
    assert answer_question(vault, KEY, REGISTER, question()) == YES
    assert answer_question(vault, KEY, REGISTER, question(uprn="990000000001")) == NO


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
    assert answer_question(vault, KEY, REGISTER, question(forename, surname, uprn)) == YES


def test_who_is_not_known_and_who_may_not_be_told_of_are_answered_alike(vault: Vault, tmp_path: Path) -> None:
    assert answer_question(vault, KEY, REGISTER, question("Nobody", "Here")) == CANNOT_TELL
    assert answer_question(vault, KEY, REGISTER, question("Ben", "Marsh")) == CANNOT_TELL
    without_index = Vault.open(tmp_path / "another", KEY)
    assert answer_question(without_index, KEY, REGISTER, question()) == CANNOT_TELL


def test_a_service_that_was_not_agreed_on_learns_nothing(vault: Vault) -> None:
    with pytest.raises(CharterError, match="may not ask where anybody lives") as refused:
        answer_question(vault, KEY, REGISTER, question(by="police"))
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


def test_a_token_is_of_this_purpose_alone() -> None:
    assert residents_token(KEY, "Ada", "Marsh", BORN) != KEY.pseudonym("person", "ada", "marsh", "1980-02-01")
    assert residents_token(KEY, "Ada", "Marsh", BORN) != residents_token(KEY, "Ada", "Marsh", date(1980, 2, 2))
