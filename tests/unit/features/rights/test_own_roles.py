"""A council that calls every role otherwise: its desk files rights, its officers overrule and review links."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import features.commands
import sooner.residents
from charter.errors import CharterError
from charter.vault.command_log import LOG_PURPOSE
from charter.vault.key import Key
from charter.vault.link_judgements import read_judgements
from charter.vault.log import FileLog
from features.linking.review import decide_pairs, list_undecided
from serving.own_page import OWN_PAGE
from serving.store.store import open_store
from tests.own_roles import OWN, copy_with_own_roles
from tests.unit.features.conftest import Town
from tests.unit.features.rights.test_rights import pupil


@pytest.fixture
def own_town(borough_town: Town, tmp_path: Path) -> Town:
    return Town(copy_with_own_roles(tmp_path / "council"), borough_town.workspace)


def run(town: Town, verbs: Any, *words: str) -> Any:
    where = ["--council", str(town.council), "--workspace", str(town.workspace)]
    return CliRunner().invoke(verbs, [*words, *where])


def logged(town: Town) -> list[tuple[str, str]]:
    return [(entry.action, entry.role) for entry in FileLog(town.invocation.workspace.log).entries()]


def test_a_right_is_filed_in_the_first_role_that_may_and_overruled_in_the_one_that_may(own_town: Town) -> None:
    verbs = sooner.residents.verbs
    number, _ = pupil(own_town)
    person = ["--through", "education", "--reference", number]
    filed = run(own_town, verbs, "resident", "object", *person, "--service", "education", "--purpose", "rank", "--json")
    request = json.loads(filed.stdout)["request"]
    assert logged(own_town)[-1] == ("resident object", OWN["resident_desk"])
    letter = own_town.workspace.parent / "letter.html"
    overrule = ["overrule", request, "--reason", "a court <order>", "--letter", str(letter)]
    refused = run(own_town, verbs, *overrule, "--role", OWN["team_manager"])
    assert f"does not let {OWN['team_manager']} do objection.overrule" in str(refused.exception)
    unknown = run(own_town, verbs, *overrule, "--role", "data_protection_officer")
    assert "knows no role 'data_protection_officer'" in str(unknown.exception)
    officer = ["--role", OWN["data_protection_officer"]]
    safe = "--safe-contact-checked"
    without = run(own_town, verbs, "overrule", request, "--letter", str(letter), safe, *officer)
    assert "owed the reasons in writing" in str(without.exception)
    assert not letter.exists()
    unasked = run(own_town, verbs, *overrule, *officer)
    assert "unknown how it may safely reach them" in str(unasked.exception)
    assert not letter.exists()
    overrule += [safe]
    assert run(own_town, verbs, *overrule, *officer).exit_code == 0
    assert logged(own_town)[-1] == ("overrule", OWN["data_protection_officer"])
    words = letter.read_text(encoding="utf-8")
    assert "a court &lt;order&gt;" in words
    assert "Information Commissioner" in words
    assert request in words, "the reference"
    assert own_town.invocation.roles.title(OWN["data_protection_officer"]) in words
    assert number not in words, "it names nobody"
    assert letter.stat().st_mode & 0o077 == 0
    assert "a court" not in str([entry.detail for entry in FileLog(own_town.invocation.workspace.log).entries()])
    again = run(own_town, verbs, *overrule, *officer)
    assert "a file of that name already" in str(again.exception)
    assert "identity" in json.loads(run(own_town, verbs, "resident", "show", *person, "--json").stdout)
    refused = run(own_town, verbs, "resident", "show", *person, "--role", OWN["analyst"])
    assert "does not let" in str(refused.exception)


def test_a_copy_is_handed_over_by_a_code_after_every_check_and_only_where_the_council_turned_it_on(
    own_town: Town,
) -> None:
    """Broken by a code that is made before the checks, or without `own_page_days`."""
    verbs, file = sooner.residents.verbs, own_town.council / "public.toml"
    number, _ = pupil(own_town)
    drafted = run(own_town, verbs, "resident", "export", "--through", "education", "--reference", number, "--json")
    draft = json.loads(drafted.stdout)["draft"]
    hand_over = ["hand-over", draft, "--role", OWN["data_protection_officer"], "--json"]
    checks = [f"--{check}-checked" for check in ("identity", "safe-contact", "third-parties", "serious-harm")]
    assert "how the copy leaves" in str(run(own_town, verbs, *hand_over, *checks).exception)
    assert "no page can be opened by a code here" in str(run(own_town, verbs, *hand_over, "--code", *checks).exception)
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace('phone = "', 'own_page_days = 14\nphone = "', 1), encoding="utf-8")
    for missing in checks:
        rest = [check for check in checks if check != missing]
        assert "was not checked" in str(run(own_town, verbs, *hand_over, "--code", *rest).exception)
    done = json.loads(run(own_town, verbs, *hand_over, "--code", *checks).stdout)
    assert (done["files"], done["address"]) == ([], "https://sooner.fernhill.example/public/your-page")
    invocation = own_town.invocation
    key = Key.load(invocation.council, invocation.workspace)
    with open_store(invocation.workspace, key=key.derive(LOG_PURPOSE)) as store:
        page = store.open_own_page(key.derive(OWN_PAGE), done["code"])
    assert page is not None
    assert "holds about you" in page
    log = str([entry.detail for entry in FileLog(invocation.workspace.log).entries()])
    assert draft in log
    assert done["code"] not in log
    assert "no draft" in str(run(own_town, verbs, *hand_over, "--code", *checks).exception)


def test_links_are_reviewed_by_the_roles_that_may(own_town: Town) -> None:
    review = ["link", "review", "--top", "1", "--reason", "a review", "--role"]
    side_by_side = run(own_town, features.commands.verbs, *review, OWN["front_door"])
    assert "born" in side_by_side.stdout
    assert logged(own_town)[-1] == ("identify", OWN["front_door"])
    assert "does not let" in str(run(own_town, features.commands.verbs, *review, OWN["analyst"]).exception)
    pair = list_undecided(own_town.invocation.workspace)[0].name
    entries: list[Mapping[str, object]] = []
    decide_pairs(
        own_town.invocation, [f"{pair}=same"], role=OWN["resident_desk"], reason="both seen", log=entries.append
    )
    assert [judgement.role for judgement in read_judgements(own_town.invocation.workspace)] == [OWN["resident_desk"]]
    with pytest.raises(CharterError, match="knows no role 'front_door'"):
        decide_pairs(own_town.invocation, [f"{pair}=same"], role="front_door", reason="both seen", log=entries.append)
