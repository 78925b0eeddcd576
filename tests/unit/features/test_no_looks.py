"""Who may be on a list and in no look below its line: by what people said of looks, and only that."""

from __future__ import annotations

import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from charter.contracts.files import write_json
from charter.contracts.workspace import Workspace
from charter.council.council import Council
from charter.errors import CharterError
from charter.invocation import Invocation
from features.engines.rows import Tables
from features.no_looks import find_no_looks
from features.permission import Choice
from tests.conftest import ROOT

AS_OF = date(2026, 3, 2)
EARLY, LATE = datetime(2025, 1, 1, tzinfo=UTC), datetime(2026, 3, 10, tzinfo=UTC)
TAKEN = datetime(2026, 3, 20, tzinfo=UTC)


def say(person: str, purpose: str, kind: str = "objection", service: str = "*", at: datetime = EARLY) -> Choice:
    return Choice(person, service, purpose, kind, "received", at, None, None, at, None)


CHOICES = (
    say("looks", "look"),
    say("later", "look", at=LATE),
    say("one service", "look", service="housing"),
    say("everything", "*"),
    say("lists", "rank"),
    say("training", "train"),
    # Health visiting's basis is consent.
    say("agreed to all", "*", "consent", "health_visiting"),
    say("agreed to lists", "rank", "consent", "health_visiting"),
)
OVERRULED = Choice(
    "overruled", "*", "look", "objection", "overruled", EARLY, None, "data_protection_officer", EARLY, None
)
ENDED = Choice("ended", "*", "look", "refusal", "received", EARLY, EARLY + timedelta(days=9), None, EARLY, None)


@pytest.fixture
def invocation(tmp_path: Path) -> Invocation:
    council = Path(shutil.copytree(ROOT / "council", tmp_path / "council"))
    workspace = Workspace(tmp_path / "workspace", "early_help")
    Tables(permission=(*CHOICES, OVERRULED, ENDED)).write(workspace.store / "one" / "tables")
    manifest = {"snapshot": "one", "taken_at": TAKEN.isoformat(), "synthetic": True, "sources": []}
    write_json(workspace.store / "one" / "manifest.json", {"schema_version": 1, **manifest})
    return Invocation(Council.load(council).serving("early_help"), "early_help", workspace)


def name_the_purpose(council: Path, *files: str) -> None:
    for name in files:
        text = (council / name).read_text(encoding="utf-8")
        (council / name).write_text(text.replace('"display", "evaluate"', '"display", "look", "evaluate"'))
    with (council / "charter.toml").open("a", encoding="utf-8") as handle:
        handle.write('\n[exploration]\nlargest_share = 0.0\npurpose = "look"\n')


def test_an_older_charter_goes_on_and_an_objection_to_looks_counts(invocation: Invocation) -> None:
    assert find_no_looks(invocation, "one", AS_OF) == {"looks", "later", "one service"}


def test_with_a_purpose_of_their_own_a_consent_to_lists_is_none_to_looks(invocation: Invocation) -> None:
    name_the_purpose(invocation.council.folder, "charter.toml", "register.toml")
    assert find_no_looks(invocation, "one", AS_OF) == {"looks", "later", "one service", "agreed to lists"}


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ((), "which the charter does not allow for the purpose look"),
        (("charter.toml",), "whose register entry does not cover the purpose look"),
    ],
)
def test_the_purpose_must_stand_in_charter_and_register(
    invocation: Invocation, files: tuple[str, ...], words: str
) -> None:
    name_the_purpose(invocation.council.folder, *files)
    with pytest.raises(CharterError, match=words):
        find_no_looks(invocation, "one", AS_OF)
