"""`sooner check --through rank`: each thing that is missing is said once, beside all others, before any of it runs."""

from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path

import pytest

from charter.errors import UsageError
from charter.starting.council_folder import write_council
from charter.starting.new_council import Answers
from features.intake.guessing.proposal import find_deliveries, propose_sources
from sooner.check import check_council
from sooner.readiness import Missing, list_missing_steps
from tests.conftest import run_sooner

TODAY = date(2026, 3, 1)
DELIVERY = {
    "schema_version": 1,
    "service": "care",
    "covers_from": "2015-01-01",
    "covers_to": "2019-06-01",
    "received_at": "2019-06-02",
}


@pytest.fixture
def council(tmp_path: Path) -> Path:
    """Give the folder that `sooner init` writes from four years of visits."""
    rows = "".join(f"{n},P{n % 7},{1 + n % 28:02}/{1 + n % 12:02}/{2015 + n % 4}\n" for n in range(400))
    (tmp_path / "sent/care").mkdir(parents=True)
    (tmp_path / "sent/care/visits.csv").write_text(f"visit_id,client_id,seen_on\n{rows}")
    answers = Answers("Smallford", "Europe/London", "", ("Team",), "early_help")
    deliveries, _ = find_deliveries(tmp_path / "sent")
    write_council(tmp_path / "mine", answers, propose_sources(deliveries), TODAY)
    return tmp_path / "mine"


def edit(path: Path, pattern: str, text: str) -> None:
    before = path.read_text(encoding="utf-8")
    after = re.sub(pattern, text, before, flags=re.M)
    assert after != before
    path.write_text(after, encoding="utf-8")


def missing(council: Path) -> tuple[Missing, ...]:
    return list_missing_steps(council, council.parent / "sent", council.parent / "signoffs.toml", TODAY)


def test_everything_that_is_missing_is_said_at_once(council: Path) -> None:
    assert check_council(council, TODAY) == ()
    verbs = [one.verb for one in missing(council)]
    assert verbs == ["pull", "pull", "pull", "pull", "link", "sign", "promote"]
    first, *_ = missing(council)
    assert "delivery.json is missing" in first.sentence


def test_made_up_data_asks_for_a_demos_sign_offs_alone(council: Path) -> None:
    path = council.parent / "sent/care/delivery.json"
    path.write_text(json.dumps(DELIVERY | {"synthetic": True}))
    (signing,) = missing(council)
    assert "--demo" in signing.next_step
    path.write_text(json.dumps(DELIVERY | {"synthetic": False}))
    assert len(missing(council)) == 6


@pytest.mark.parametrize(
    ("file", "pattern", "text", "said"),
    [
        ("early_help/training.toml", r"^last = .*", "last = 2016-03-01", "the folds test on 15"),
        ("council.toml", r"^start = .*", "start = 2020-01-01", "no team offers any help on 2015-0"),
        ("early_help/definition.py", r"days_since\(", "count(", "no feature counts days since"),
        (
            "early_help/definition.py",
            r"next=months\(12\)",
            "next=months(40)",
            "the outcome of 9 of 30 as-of dates is covered by deliveries (its horizon is 40 months)",
        ),
        ("early_help/definition.py", r"next=months\(12\)", "next=months(24)", "no as-of date is early enough"),
        ("early_help/definition.py", r"last=months\(12\)", "last=months(99)", "seen at no as-of date"),
        ("early_help/definition.py", r"last=months\(12\)", "last=months(24)", "when folds test already"),
        ("early_help/training.toml", r"^step = .*", r'\g<0>\neach = { signal = "care.visits" }', "has no [queue]"),
    ],
)
def test_what_training_would_refuse_is_said_before(
    council: Path, file: str, pattern: str, text: str, said: str
) -> None:
    (council.parent / "sent/care/delivery.json").write_text(json.dumps(DELIVERY | {"synthetic": True}))
    edit(council / file, pattern, text)
    assert any(said in one.sentence for one in missing(council)), missing(council)


def test_the_command_lists_them_and_leaves_with_a_code_of_its_own(council: Path) -> None:
    where = ("--through", "rank", "--extracts", str(council.parent / "sent"))
    ran = run_sooner("check", str(council), *where, "--workspace", str(council.parent / "workspace"))
    assert ran.code == 14
    assert ran.err.count("before `") == 7
    assert run_sooner("check", str(council), "--through", "serve").code == UsageError.exit_code


def test_a_missing_key_is_said_before_anything_is_pulled(council: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOONER_KEY")
    monkeypatch.setenv("SOONER_KEY_FILE", str(council.parent / "kept/smallford.key"))
    (found,) = [one for one in missing(council) if "no key of this council" in one.sentence]
    assert found.verb == "pull"
    assert f"sooner key make --council {council}" in found.next_step
    (council.parent / "kept").mkdir()
    (council.parent / "kept/smallford.key").touch(0o600)
    assert not [one for one in missing(council) if "no key of this council" in one.sentence]
