"""A verb's invocation: which council and programme it speaks of, and how it speaks."""

from __future__ import annotations

import io
import json
import shutil
import sys
from pathlib import Path

import pytest

from charter.errors import UsageError
from charter.invocation import Invocation, shipped_council
from charter.voice import Voice


def test_the_first_programme_is_the_default_and_another_may_be_named(tmp_path: Path) -> None:
    first = Invocation.open(shipped_council(), "", tmp_path)
    assert first.programme == "early_help"
    assert first.programme_folder == shipped_council() / "early_help"
    assert Invocation.open(shipped_council(), "homelessness", tmp_path).workspace.programme == "homelessness"


def test_without_a_council_of_ones_own_the_shipped_one_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert Invocation.open(Path("council"), "", tmp_path).council.folder == shipped_council()


def test_a_programme_that_is_not_there_is_told_what_is(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no programme 'chess'") as refused:
        Invocation.open(shipped_council(), "chess", tmp_path)
    assert refused.value.next_step == "Choose one of: early_help, homelessness."
    shutil.copytree(shipped_council(), tmp_path / "council")
    for programme in ("early_help", "homelessness"):
        shutil.rmtree(tmp_path / "council" / programme)
    with pytest.raises(UsageError, match="has no programme") as refused:
        Invocation.open(tmp_path / "council", "", tmp_path)
    assert "definition.py" in refused.value.next_step


def test_an_installation_has_its_council_beside_the_borough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("charter.invocation.__file__", str(tmp_path / "charter" / "invocation.py"))
    assert shipped_council() == tmp_path / "borough" / "council"
    (tmp_path / "council").mkdir()
    (tmp_path / "council" / "council.toml").write_text("")
    assert shipped_council() == tmp_path / "council"


def test_a_result_is_a_sentence_for_a_person_json_for_a_script_and_nothing_for_the_quiet(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for voice, printed in (
        (Voice(), "Two lists [search].\n"),
        (Voice(as_json=True), json.dumps({"lists": 2}, indent=1) + "\n"),
        (Voice(quiet=True), ""),
    ):
        voice.report({"lists": 2}, "Two lists [search].")
        assert capsys.readouterr() == (printed, "")


def test_notes_go_to_standard_error_unless_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    Voice(as_json=True).say("A note.")
    Voice(quiet=True).say("Another.")
    assert capsys.readouterr() == ("", "A note.\n")


class Terminal(io.StringIO):
    """Standard error where somebody looks on."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("total", "shown"), [(4, "/4"), (None, "Counting")])
def test_a_bar_is_shown_to_a_person_and_to_nobody_else(
    monkeypatch: pytest.MonkeyPatch, total: int | None, shown: str
) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    with Voice().progress("Counting [rows]", total) as advance:
        advance()
        advance(3)
    assert shown in screen.getvalue()
    assert "[rows]" in screen.getvalue()
    for voice, stream in ((Voice(quiet=True), Terminal()), (Voice(), io.StringIO())):
        monkeypatch.setattr(sys, "stderr", stream)
        with voice.progress("Counting", total) as advance:
            advance()
            advance(3)
        assert stream.getvalue() == ""
