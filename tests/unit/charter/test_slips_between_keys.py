"""Slips that no single key shows: two keys that contradict each other are refused by name, like any slip of one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import pytest
from pydantic import Field

from charter.council.points_list import PointsFile
from charter.council.reading import File
from charter.council.register import Register
from charter.council.training_settings import TrainingFile
from charter.council.worklist_settings import WorklistFile
from charter.errors import DefinitionError, SoonerError
from charter.invocation import shipped_council
from charter.rules.policy import Policy

EARLY_HELP = shipped_council() / "early_help"
SOURCE = """\
[[source]]
service = "housing"
title = "Housing"
basis = "public task"
conditions = ["UK GDPR article 6(1)(e)"]
purposes = ["link", "train"]
retention_years = 7

  [[source.file]]
  name = "tenants.csv"
  [source.file.columns]
  ref = "text"
  born = "date"
"""


def refuse(kind: type[File], path: Path, text: str, said: str) -> None:
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SoonerError, match=re.escape(said)) as refused:
        kind.read(path)
    assert path.name in str(refused.value)


@pytest.mark.parametrize(
    ("pattern", "instead", "said"),
    [
        (r"^last = .*", "last = 2001-01-01", "before the first"),
        (r"^step = .*", "dates = [2020-01-01]", "states no dates, or states them twice"),
        (
            r"^first = .*",
            'first = 2019-01-31\neach = { signal = "housing.arrears_stage" }',
            "months from there on have no such day",
        ),
        (r"^grouped = .*", "grouped = 1", "one group is no division"),
        (r"^seed = 7$", "seed = 9999999999", "must be below 2,147,483,648"),
        (r"^(count|final) = .*", r"\1 = 0", "is"),
        (r"^row_share = \[.*", "row_share = [0.5, 1.5]", "no share is above 1"),
        (r"^stated = \[0\.65.*", "stated = [0.95, 0.65]", "not two shares, ascending"),
    ],
)
def test_training_settings_that_contradict_each_other(tmp_path: Path, pattern: str, instead: str, said: str) -> None:
    text = (EARLY_HELP / "training.toml").read_text(encoding="utf-8")
    changed = re.sub(pattern, instead, text, flags=re.M)
    assert changed != text
    refuse(TrainingFile, tmp_path / "training.toml", changed, said)


def test_a_model_without_bands_has_nothing_to_say(tmp_path: Path) -> None:
    text = (EARLY_HELP / "training.toml").read_text(encoding="utf-8")
    path = tmp_path / "training.toml"
    path.write_text(re.sub(r"^\[\[bands\]\]\n(?:.+\n)*", "", text, flags=re.M), encoding="utf-8")
    with pytest.raises(DefinitionError, match="nothing could be said of a likelihood"):
        TrainingFile.read(path).require_bands()


def test_a_list_on_which_nothing_can_be_decided(tmp_path: Path) -> None:
    text = (EARLY_HELP / "worklist.toml").read_text(encoding="utf-8")
    without = re.sub(r"^\[\[decision\]\]\n(?:.+\n)*", "", text, flags=re.M)
    path = tmp_path / "worklist.toml"
    path.write_text(re.sub(r"^answers = .*\n", "", without, flags=re.M), encoding="utf-8")
    with pytest.raises(SoonerError, match=r"nothing could be done about a case|lacks stepped_up"):
        WorklistFile.read(path).require_decisions()
    never_up = re.sub(r'^\[\[decision\]\]\nid = "stepped_up"\n(?:.+\n)*', "", text, flags=re.M)
    refuse(WorklistFile, path, re.sub(r"^answers = .*\n", "", never_up, flags=re.M), "lacks stepped_up")
    unknown = text.replace("answers = { taken_up", "answers = { taken_in = 0.01, taken_up", 1)
    refuse(WorklistFile, path, unknown, "taken_in")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ('  forms = { ref = "%Y-%m-%d" }\n', "which is no date or datetime"),
        ('  query = "select 1"\n', "whose query and connection do not go together"),
        ('  cursor = "born"\n', "whose cursor does not fit"),
    ],
)
def test_a_file_that_contradicts_its_source(tmp_path: Path, more: str, said: str) -> None:
    text = SOURCE.replace('  name = "tenants.csv"\n', f'  name = "tenants.csv"\n{more}')
    refuse(Register, tmp_path / "register.toml", text, said)


def test_single_columns_write_days_in_forms_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "register.toml"
    path.write_text(
        SOURCE.replace('"tenants.csv"\n', '"tenants.csv"\n  forms = { born = "%d/%m/%Y" }\n'), encoding="utf-8"
    )
    assert Register.read(path).sources[0].files[0].forms == {"born": "%d/%m/%Y"}


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ('format = "canonical"\ndeliveries = "incremental"\n', "is incremental, of canonical tables or places"),
        ('decimal_mark = ","\nthousands_mark = ","\n', "is the decimal mark too"),
    ],
)
def test_a_source_that_contradicts_itself(tmp_path: Path, more: str, said: str) -> None:
    refuse(Register, tmp_path / "register.toml", SOURCE.replace("\n  [[", f"{more}\n  [[", 1), said)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://housing.example.org/rows", "is no https address"),
        ("https://somebody:secret@housing.example.org/rows", "holds a name, a password or a query"),
        ("https://housing.example.org/rows?token=secret", "holds a name, a password or a query"),
    ],
)
def test_an_address_that_would_send_a_secret(tmp_path: Path, url: str, said: str) -> None:
    connection = f'\n  [source.connection]\n  kind = "server"\n  url = "{url}"\n  covers_from = 2020-01-01\n'
    text = SOURCE.replace('  name = "tenants.csv"\n', '  name = "tenants.csv"\n  query = "rows"\n') + connection
    refuse(Register, tmp_path / "register.toml", text, said)
    with pytest.raises(SoonerError) as refused:
        Register.read(tmp_path / "register.toml")
    assert "secret" not in str(refused.value)


class Fives(File):
    """A file with a rule that no table of kinds and bounds has words of its own for."""

    heading = "Fives"
    signed_by = "Nobody."
    number: Annotated[int, Field(multiple_of=5, description="A five.", examples=[5])]


def test_a_rule_without_words_of_its_own_still_names_file_and_key(tmp_path: Path) -> None:
    refuse(Fives, tmp_path / "fives.toml", "number = 7\n", "'number' is 7, which cannot be read")


def test_a_role_whose_id_no_database_holds(tmp_path: Path) -> None:
    text = (shipped_council() / "charter.toml").read_text(encoding="utf-8")
    refuse(Policy, tmp_path / "charter.toml", text.replace('"front_door"', f'"{"f" * 200}"'), "letters")


def test_points_name_features_that_are_there(tmp_path: Path) -> None:
    path = tmp_path / "points.toml"
    path.write_text('[[point]]\nfeature = "absences_3m"\nat_least = 3\npoints = 2\n', encoding="utf-8")
    assert len(PointsFile.load(path).points) == 1
    with pytest.raises(DefinitionError, match="absences_3m"):
        PointsFile.load(path, ["absences_6m"])
