"""The verbs decide, sign and suspend as a shell would type them: exit codes and what they print."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from charter.commands import verbs
from charter.errors import BlockedError, DataError, ReferredError, SoonerError
from charter.invocation import Invocation, shipped_council
from charter.vault.key import Key
from charter.vault.log import FileLog
from charter.vault.vault import Vault
from tests.unit.charter.audits import audited


@pytest.fixture
def options(tmp_path: Path) -> list[str]:
    shutil.copytree(shipped_council(), tmp_path / "council")
    return ["--council", str(tmp_path / "council"), "--workspace", str(tmp_path / "workspace")]


def leave_findings(options: list[str], ratio: float, spread: float) -> None:
    """Leave an audit in which one group of every gate has this ratio to everyone else."""
    audited(Invocation.open(Path(options[1]), "early_help", Path(options[3])), ratio, spread)


def run(words: list[str]) -> tuple[str, BaseException | None]:
    done = CliRunner().invoke(verbs, words)
    return done.stdout, done.exception


@pytest.mark.parametrize(
    ("ratio", "spread", "error", "code"),
    [(1.0, 0.1, None, 0), (0.9, 0.3, ReferredError, 15), (0.3, 0.1, BlockedError, 13)],
)
def test_decide_leaves_the_decision_and_its_exit_code(
    options: list[str], ratio: float, spread: float, error: type[SoonerError] | None, code: int
) -> None:
    leave_findings(options, ratio, spread)
    out, raised = run(["decide", "--json", *options])
    decision = json.loads(out)
    kept = json.loads((Path(options[3]) / "audit" / "early_help" / "r1" / "decision.json").read_text())
    assert kept == decision
    if error is None:
        assert raised is None
        assert decision["decision"] == "pass"
    else:
        assert isinstance(raised, error)
        assert raised.exit_code == code
        assert "report.html" in raised.next_step


def test_decide_prints_its_sentence_where_it_passes(options: list[str]) -> None:
    leave_findings(options, 1.0, 0.1)
    assert run(["decide", *options])[0].startswith("Passed")


def test_decide_needs_an_audit(options: list[str]) -> None:
    _, raised = run(["decide", *options])
    assert isinstance(raised, DataError)
    _, raised = run(["decide", "--run", "r9", *options])
    assert "of run r9" in str(raised)


def test_sign_and_suspend_say_what_they_did(options: list[str]) -> None:
    leave_findings(options, 1.0, 0.1)
    run(["decide", *options])
    out, _ = run(["sign", "--role", "chief_data_officer", "--what", "decision", "--demo", *options])
    assert "accepted the decision" in out
    out, _ = run(["suspend", "--role", "chief_data_officer", "--reason", "A feed repeats itself.", "--json", *options])
    suspension = json.loads(out)["suspension"]
    assert json.loads(out)["name"] == "early_help"
    out, _ = run(["resume", "--role", "chief_data_officer", suspension, *options])
    assert "One more role must" in out
    out, _ = run(["resume", "--role", "data_protection_officer", suspension, *options])
    assert "It is resumed" in out


def test_a_decision_that_is_printed_for_a_script_is_printed_whatever_it_is_and_once(options: list[str]) -> None:
    leave_findings(options, 0.3, 0.1)
    out, raised = run(["decide", *options])
    assert isinstance(raised, BlockedError)
    assert out == ""
    leave_findings(options, 1.0, 0.1)
    assert json.loads(run(["decide", "--json", *options])[0])["decision"] == "pass"


def test_rotate_seals_anew_with_the_same_key_or_another_and_is_logged(
    options: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, raised = run(["rotate", *options])
    assert isinstance(raised, DataError)
    assert "there is no vault in workspace/" in raised.message
    monkeypatch.setenv("SOONER_KEY", "5a" * 32)
    vault = tmp_path / "workspace" / "vault"
    Vault.open(vault, Key(bytes.fromhex("5a" * 32))).file_paper("correction", "c1", b"words")
    out, _ = run(["rotate", *options])
    assert out == "1 records were sealed anew. The same key opens it.\n"
    out, _ = run(["rotate", "--json", "--new-key-file", str(tmp_path / "new.key"), *options])
    assert json.loads(out) == {"records": 1, "new_key": True}
    monkeypatch.delenv("SOONER_KEY")
    monkeypatch.setenv("SOONER_KEY_FILE", str(tmp_path / "new.key"))
    invocation = Invocation.open(Path(options[1]), "early_help", Path(options[3]))
    key = Key.load(invocation.council, invocation.workspace)
    assert Vault.open(vault, key).papers("correction") == {"c1": b"words"}
    entries = FileLog(invocation.workspace.log).entries()
    assert [entry.detail for entry in entries] == [{"records": 1, "new_key": False}, {"records": 1, "new_key": True}]


def test_the_key_is_made_once_its_place_printed_and_it_is_never_shown(
    options: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SOONER_KEY")
    monkeypatch.setenv("SOONER_KEY_FILE", str(tmp_path / "k" / "my.key"))
    _, raised = run(["key", *options])
    assert "no key of this council yet" in str(raised)
    made, _ = run(["key", "make", *options])
    digits = (tmp_path / "k" / "my.key").read_text().strip()
    assert str(tmp_path / "k" / "my.key") in made
    again, _ = run(["key", "make", *options])
    assert "It was there already." in again
    shown, _ = run(["key", "--json", *options])
    assert json.loads(shown)["kept"] == str(tmp_path / "k" / "my.key")
    assert (tmp_path / "k" / "my.key").read_text().strip() == digits
    assert digits not in made + again + shown


def test_the_kill_switch_works_without_a_key(
    options: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SOONER_KEY")
    monkeypatch.setenv("SOONER_KEY_FILE", str(tmp_path / "none.key"))
    _, raised = run(["suspend", "--role", "data_protection_officer", "--reason", "a drill", *options])
    assert "is suspended" in str(raised)
    assert "the log does not say so" in str(raised)
    assert len(list((tmp_path / "workspace" / "suspended").glob("*.json"))) == 1
