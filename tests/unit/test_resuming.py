"""Long simulations go on where they stopped, and the tests of one file share an hour."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests import resuming
from tests.resuming import draw_resuming


def test_what_was_drawn_is_not_drawn_again(tmp_path: Path) -> None:
    """Broken by a line that is lost, and by half a last line that counts."""
    drawn: list[int] = []

    def draw(key: int) -> list[int]:
        drawn.append(key)
        return [key, 2 * key]

    assert draw_resuming("a", [1, 2, 2], draw, rooms=("charter",), kept=tmp_path) == {1: [1, 2], 2: [2, 4]}
    (kept,) = tmp_path.glob("a-*.jsonl")
    with kept.open("a", encoding="utf-8") as lines:
        lines.write("[3, [3")
    assert draw_resuming("a", [2, 3], draw, rooms=("charter",), kept=tmp_path) == {2: [2, 4], 3: [3, 6]}
    assert drawn == [1, 2, 3]


def test_tests_of_one_file_share_the_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Broken by an hour for each test: seven of one file would be seven hours. What there is stays."""

    def draw(key: int) -> int:
        return key

    begun = time.monotonic()
    monkeypatch.setattr(resuming, "_BEGAN", {})
    assert draw_resuming("one", range(3), draw, rooms=("charter",), kept=tmp_path) == {0: 0, 1: 1, 2: 2}
    (first,) = resuming._BEGAN.values()
    assert begun <= first <= time.monotonic()
    assert len(draw_resuming("other", range(3), draw, rooms=("charter",), kept=tmp_path)) == 3
    assert list(resuming._BEGAN.values()) == [first], "another test of the same file begins no hour of its own"
    monkeypatch.setattr(resuming, "_BEGAN", {__file__: begun - 56 * 60})
    with pytest.raises(pytest.fail.Exception, match="3 of 9 drawn in 55 minutes: run it again to go on"):
        draw_resuming("other", range(9), draw, rooms=("charter",), kept=tmp_path)
