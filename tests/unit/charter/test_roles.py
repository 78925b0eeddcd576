"""Roles: what each may do is the charter's; what the shipped ones may do where it says nothing; one word for each."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from charter.acts import ACTS, TEAM_ACTS
from charter.commands import verbs
from charter.errors import CharterError, DataError
from charter.invocation import Invocation
from charter.rules.policy import Policy
from charter.rules.roles import DEFAULTS, FORMER_IDS, Role, Roles

ROOT = Path(__file__).resolve().parents[3]
CHARTER = (ROOT / "council" / "charter.toml").read_text(encoding="utf-8")


def role(role_id: str, **values: object) -> Role:
    return Role(id=role_id, title=role_id.title(), **{"signs": frozenset(), **values})


def charter_with(tmp_path: Path, rows: str) -> Policy:
    """Read the shipped charter with other [[role]] rows, which stand between its gates and [live]."""
    start, rest = CHARTER.split("# Roles: the one word for each", 1)
    path = tmp_path / "charter.toml"
    path.write_text(start + rows + "\n\n[live]" + rest.split("[live]", 1)[1], encoding="utf-8")
    return Policy.read(path)


def test_the_shipped_charter_says_of_its_roles_what_they_may_do_where_it_says_nothing() -> None:
    stated = {one.id: one.acts for one in Policy.load(ROOT / "council" / "charter.toml").acting}
    silent = tuple(
        role(one.id, signs=one.signs, may_suspend=one.may_suspend)
        for one in Policy.load(ROOT / "council" / "charter.toml").roles
    )
    assert {one.id: one.acts for one in Roles.of(silent)} == stated


def test_a_charter_of_before_there_was_may_has_the_shipped_roles_besides_its_own(tmp_path: Path) -> None:
    policy = charter_with(
        tmp_path,
        """
[[role]]
id = "head_of_early_help"
title = "Head of early help"
signs = ["charter", "decision"]
months = 6
may_suspend = true
""",
    )
    roles = policy.acting
    assert {one.id for one in roles} == {"head_of_early_help", *(one.id for one in DEFAULTS)}
    assert roles.may("front_door", "referral.decide")
    # Whoever may stop lists may open the page where it is done, whatever the council calls them.
    assert roles.find("head_of_early_help").acts == {"decision.sign", "suspend", "board.read"}
    assert [one.id for one in policy.signers("decision")] == ["head_of_early_help"]


def test_where_a_charter_says_what_one_may_do_there_are_no_roles_but_its_own(tmp_path: Path) -> None:
    policy = charter_with(
        tmp_path,
        """
[[role]]
id = "chief_data_officer"
title = "Chief data officer"
signs = ["charter", "decision"]
may_suspend = true

[[role]]
id = "family_worker"
title = "Family worker"
signs = []
may = ["worklist.read"]
""",
    )
    assert [one.id for one in policy.acting] == ["chief_data_officer", "family_worker"]
    assert policy.acting.find("chief_data_officer").acts == {"decision.sign", "suspend", "board.read"}
    with pytest.raises(CharterError, match="knows no role 'front_door'"):
        policy.acting.find("front_door")


def test_nobody_may_suspend_or_sign_by_a_list_of_acts() -> None:
    roles = Roles.of((role("owner", may=frozenset({"board.read"})),))
    assert roles.able("suspend") == ()
    assert not any({"suspend", "decision.sign"} & (one.may or frozenset()) for one in DEFAULTS)


@pytest.mark.parametrize(
    ("row", "rule"),
    [
        ('may = ["suspend"]', "may_suspend = true"),
        ('may = ["decision.sign"]', 'signs = ["decision"]'),
        ('may = ["worklist.reads"]', "worklist.read"),
        ('may = "worklist.read"', "may"),
    ],
)
def test_what_a_role_may_do_is_one_of_the_acts_there_are(tmp_path: Path, row: str, rule: str) -> None:
    rows = f'\n[[role]]\nid = "owner"\ntitle = "Owner"\nsigns = ["charter", "decision"]\n{row}\n'
    with pytest.raises(CharterError, match=re.escape(rule)):
        charter_with(tmp_path, rows)


@pytest.mark.parametrize("word", ["system", "command", "gate"])
def test_no_role_is_called_what_the_log_says_of_who_acts_in_none(tmp_path: Path, word: str) -> None:
    with pytest.raises(CharterError, match="acts in no role"):
        charter_with(tmp_path, f'\n[[role]]\nid = "{word}"\ntitle = "X"\nsigns = ["charter", "decision"]\n')


def test_an_id_that_was_replaced_names_the_role_and_nothing_where_the_council_has_its_own() -> None:
    roles = Roles.of((role("data_protection_officer", may=frozenset({"log.read"})),))
    assert roles.find("dpo").id == "data_protection_officer"
    assert roles.ids_of("data_protection_officer") == {"data_protection_officer", "dpo"}
    assert roles.ids == {"data_protection_officer", "dpo"}
    own = Roles.of((role("dpo", may=frozenset()), role("data_protection_officer", may=frozenset())))
    assert own.find("dpo").id == "dpo"
    assert own.ids_of("data_protection_officer") == {"data_protection_officer"}
    assert set(FORMER_IDS.values()) <= {one.id for one in DEFAULTS}


def test_a_role_that_is_not_named_is_the_first_that_may() -> None:
    roles = Roles.of((role("desk", may=frozenset({"rights.file"})), role("officer", may=frozenset({"rights.file"}))))
    assert roles.choose("", "rights.file").id == "desk"
    assert roles.choose("officer", "rights.file").id == "officer"
    with pytest.raises(CharterError, match=r"does not let desk do log\.read") as refused:
        roles.require("desk", "log.read")
    assert "[[role]]" in refused.value.next_step
    with pytest.raises(CharterError, match=r"lets no role do log\.read"):
        roles.choose("", "log.read")
    assert roles.title("somebody_of_long_ago") == "somebody of long ago"


def test_every_default_is_of_an_act_there_is_and_acts_of_teams_are_acts() -> None:
    assert {act for one in DEFAULTS for act in one.acts} <= set(ACTS)
    assert set(ACTS) > TEAM_ACTS


@pytest.fixture
def council(tmp_path: Path) -> Path:
    return shutil.copytree(ROOT / "council", tmp_path / "council", ignore=shutil.ignore_patterns("__pycache__"))


def open_council(council: Path, tmp_path: Path) -> Invocation:
    return Invocation.open(council, "early_help", tmp_path / "workspace", quiet=True)


def test_the_register_shows_details_to_roles_of_the_charter_alone(council: Path, tmp_path: Path) -> None:
    path = council / "register.toml"
    shipped = path.read_text(encoding="utf-8")
    path.write_text(shipped.replace('details_to = ["front_door",', 'details_to = ["dpo",', 1), encoding="utf-8")
    assert open_council(council, tmp_path).register.sources
    path.write_text(shipped.replace('details_to = ["front_door",', 'details_to = ["front_dor",', 1), encoding="utf-8")
    with pytest.raises(DataError, match="front_dor") as refused:
        _ = open_council(council, tmp_path).register
    assert "front_door" in str(refused.value)


def test_an_overdue_review_keeps_nobody_from_stopping_lists(council: Path, tmp_path: Path) -> None:
    path = council / "charter.toml"
    text = path.read_text(encoding="utf-8").replace("review_by = 2035-12-31", "review_by = 2020-12-31")
    path.write_text(text, encoding="utf-8")
    words = ["suspend", "--role", "dpo", "--reason", "a feed repeats", "--json", "--council", str(council),
             "--programme", "early_help", "--workspace", str(tmp_path / "workspace")]  # fmt: skip
    assert json.loads(CliRunner().invoke(verbs, words).stdout)["what"] == "programme"
    (file,) = (tmp_path / "workspace" / "suspended").glob("*.json")
    assert json.loads(file.read_text(encoding="utf-8"))["role"] == "data_protection_officer"
    with pytest.raises(CharterError, match="review was due"):
        _ = open_council(council, tmp_path).policy
