"""The one reader: what a slip is, how it is said, and which bytes a value is of."""

from __future__ import annotations

import hashlib
from datetime import date
from pathlib import Path
from typing import Annotated

import pytest
from pydantic import Field

from charter.council.reading import File, Listed, MarkedRow, OneOf, RefersTo, Text, Words
from charter.council.slips import choose
from charter.errors import DataError, DefinitionError, UsageError


class Dog(MarkedRow):
    """A dog of the kennel."""

    identity = "name"

    name: Annotated[Text, Field(examples=["Rex"])]
    born: Annotated[date, Field(examples=[date(2020, 1, 1)])]
    tricks: Words[Annotated[str, OneOf(("sit", "roll"))]] = frozenset()
    friend: Annotated[str | None, RefersTo("dog", "kennel.toml")] = None


class Kennel(File):
    """A file of this test alone."""

    heading = "A kennel"
    refusal = DefinitionError
    signed_by = "Nobody."

    open: Annotated[bool, Field(examples=[False])] = True
    share: Annotated[float, Field(ge=0, le=1, examples=[0.5])] = 0.5
    places: Annotated[int, Field(ge=1, examples=[8])] = 1
    dogs: Annotated[Listed[Dog], Field(validation_alias="dog")] = ()


REX = '[[dog]]\nname = "Rex"\nborn = 2020-01-01\n'


@pytest.fixture
def kennel(tmp_path: Path) -> Path:
    return tmp_path / "kennel.toml"


def refusal(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DefinitionError) as refused:
        Kennel.read(path)
    return str(refused.value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('open = "false"', "'open' is \"false\", not true or false. Write it like open = false."),
        ("open = 0", "'open' is 0, not true or false. Write it like open = false."),
        ("places = true", "'places' is true, not a whole number. Write it like places = 8."),
        ("places = 1.5", "'places' is 1.5, not a whole number. Write it like places = 8."),
        ("places = 0", "'places' is 0, and must be at least 1. Write it like places = 8."),
        ("share = true", "'share' is true, not a number. Write it like share = 0.5."),
        ("share = nan", "'share' is nan, not a finite number. Write it like share = 0.5."),
        ("shares = 0.5", "kennel.toml has an unknown key 'shares'. Did you mean 'share'?"),
        (REX.replace("2020-01-01", '"2020-01-01"'), "'born' of [[dog]] 'Rex' is \"2020-01-01\", not a date."),
        (REX.replace("2020-01-01", "2020-01-01T00:00:00"), "'born' of [[dog]] 'Rex' is 2020-01-01 00:00:00, not a"),
        (REX + 'tricks = "sit"', "'tricks' of [[dog]] 'Rex' is \"sit\", not a list."),
        (REX + 'tricks = ["sit", "rol"]', "'Rex' holds 'rol', which is not known. Did you mean 'roll'?"),
        (REX + 'friend = "Rxe"', "'Rex' is 'Rxe', which is no dog of kennel.toml. Did you mean 'Rex'?"),
        (REX.replace('name = "Rex"\n', ""), "[[dog]] 1 lacks 'name'. Write it like name = \"Rex\"."),
        (REX.replace('"Rex"', '""'), "'name' of [[dog]] 1 is an empty text."),
        (REX + REX, "kennel.toml has two [[dog]] with name = 'Rex'. Keep one of the two."),
        (REX + 'friend = "Zebra"', "'Rex' is 'Zebra', which is no dog of kennel.toml. Choose from: Rex."),
        ("dog = 1", "'dog' is 1, not a list. Write [[dog]], as in Sooner's own council."),
        ("dog = [1]", "[[dog]] 1 is 1, not a table."),
        ('[dog]\nname = "Rex"', "'dog' is { name = \"Rex\" }, not a list. Write [[dog]]"),
    ],
)  # fmt: skip
def test_a_slip_is_said_by_file_row_key_rule_and_what_to_write(kennel: Path, text: str, sentence: str) -> None:
    assert sentence in refusal(kennel, text)


def test_all_slips_of_a_file_are_said_at_once_each_on_a_line(kennel: Path) -> None:
    message = refusal(kennel, 'open = "false"\nplaces = true\ndoors = 2\n' + REX + 'friend = "Max"\n' + REX)
    assert message.splitlines()[0] == "kennel.toml has 5 slips:"
    assert len(message.splitlines()) == 6
    assert all(line.startswith("  kennel.toml") for line in message.splitlines()[1:])


def test_a_value_is_of_the_very_bytes_that_were_parsed(kennel: Path) -> None:
    kennel.write_text(REX, encoding="utf-8")
    value = Kennel.read(kennel)
    kennel.write_text("", encoding="utf-8")
    assert value.content == REX.encode()
    assert value.sha256 == hashlib.sha256(REX.encode()).hexdigest()
    assert value.replace(places=3).sha256 == value.sha256
    assert (value.path, value.dogs[0].born) == (kennel, date(2020, 1, 1))


def test_a_value_that_is_changed_in_code_is_judged_like_a_files() -> None:
    with pytest.raises(ValueError, match="greater than or equal to 1"):
        Kennel().replace(places=0)
    with pytest.raises(ValueError, match="frozen"):
        Kennel().places = 2  # type: ignore[misc]  # the very thing that is refused


def test_a_file_that_is_missing_is_a_usage_error_and_one_that_is_not_toml_says_where(kennel: Path) -> None:
    with pytest.raises(UsageError, match="is missing"):
        Kennel.read(kennel)
    for content, where in ((b"open = \n", "line 1"), (b"open = true\nopen = true\n", "line 2"), (b"\xff\xfe", "utf-8")):
        kennel.write_bytes(content)
        with pytest.raises(DataError, match=where):
            Kennel.read(kennel)


def test_rows_that_are_still_the_example_are_found_at_any_depth(kennel: Path) -> None:
    kennel.write_text(REX + "example = true\n" + REX.replace("Rex", "Max"), encoding="utf-8")
    assert Kennel.read(kennel).marked == ("dog Rex",)


def test_where_no_row_can_be_referred_to_it_is_said_that_there_is_none_yet() -> None:
    assert choose("Rex", ()) == "There is none yet: add it first."


def test_the_words_of_a_key_stand_in_its_description() -> None:
    tricks = Dog.model_json_schema()["properties"]["tricks"]
    assert tricks["items"]["enum"] == ["sit", "roll"]
