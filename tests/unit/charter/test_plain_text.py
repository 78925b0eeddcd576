"""What a record holds can move no cursor of a terminal, hide no line of paper and forge none."""

from __future__ import annotations

import pytest

from charter.plain_text import clean_line, clean_text
from charter.voice import Voice

SHOWN = "\N{REPLACEMENT CHARACTER}"
NASTY = {
    "escape": "\x1b[2J\x1b]0;title\x07",
    "carriage return": "Ann\rBob",
    "backspace": "Ann\x08\x08\x08Bob",
    "c1": "\x9b2J",
    "right to left": "Ann\u202eboB",
    "half a character": "\ud800",
    "nul": "\x00",
}


@pytest.mark.parametrize("kind", NASTY)
def test_no_control_character_is_left_in_a_text_or_said(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = clean_text(f"before {NASTY[kind]} after")
    assert SHOWN in text
    assert text.startswith("before ")
    assert all(character.isprintable() or character in "\n\t" for character in text)
    text.encode()
    Voice().report({}, f"a list of {NASTY[kind]}")
    Voice().say(f"a list of {NASTY[kind]}")
    captured = capsys.readouterr()
    assert captured.out == captured.err == f"a list of {clean_text(NASTY[kind])}\n"


def test_lines_and_tabs_stay_in_a_text_and_not_in_a_line() -> None:
    assert clean_text("one\ttwo\nthree, \u00e9") == "one\ttwo\nthree, \u00e9"
    assert clean_line("one\ttwo\nthree\u2028four") == "one two three four"
