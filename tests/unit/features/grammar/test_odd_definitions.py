"""Whatever a council's definition does, it ends in exit 10 with a sentence that names the file."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from charter.errors import DefinitionError
from features.grammar import definition
from features.grammar.definition import Definition

COUNCIL = Path(__file__).resolve().parents[4] / "council" / "early_help" / "definition.py"
ODD = {
    "leaves": ("import sys\nsys.exit(0)\n", "line 2: it stops the program"),
    "leaves without a word": ("raise SystemExit\n", "line 1: it stops the program"),
    "interrupts": ("raise KeyboardInterrupt\n", "line 1: it stops the program"),
    "ends a generator": ("raise GeneratorExit\n", "line 1: it stops the program"),
    "runs out of room": ("def f(): return f()\nf()\n", "RecursionError"),
    "is no Python": ("COHORT = = 5\n", "line 1"),
    "holds a nul": ("a = 1\x00\n", "definition.py line 1: it holds a NUL character"),
    "fails": ("1 / 0\n", "line 1: ZeroDivisionError"),
    "sets nothing": ("", "sets no COHORT"),
}


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "definition.py"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize("kind", ODD)
def test_an_odd_definition_ends_in_a_sentence(tmp_path: Path, kind: str) -> None:
    text, words = ODD[kind]
    with pytest.raises(DefinitionError, match=words) as raised:
        Definition.load(written(tmp_path, text))
    assert raised.value.exit_code == 10


@pytest.mark.parametrize(
    ("line", "words"),
    [("FEATURES = 5", "FEATURES is no list"), ("FEATURES = [5]", "entry 1 of FEATURES is no Feature"),
     ("FEATURES = None", "FEATURES is no list"), ("COHORT = 'all'", "COHORT is no Cohort"),
     ("OUTCOME = 7", "OUTCOME is no Outcome")],
)  # fmt: skip
def test_a_value_of_another_kind_is_named(tmp_path: Path, line: str, words: str) -> None:
    with pytest.raises(DefinitionError, match=words):
        Definition.load(written(tmp_path, COUNCIL.read_text(encoding="utf-8") + f"\n{line}\n"))


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_another_encoding_is_said(tmp_path: Path, encoding: str) -> None:
    with pytest.raises(DefinitionError, match="is not UTF-8"):
        Definition.load(written(tmp_path, "# caf\u00e9\n".encode(encoding)))


def test_an_endless_loop_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(definition, "_SECONDS", 0.3)
    began = time.monotonic()
    with pytest.raises(DefinitionError, match="did not come to an end"):
        Definition.load(
            written(tmp_path, "while True:\n    try:\n        x = 1\n    except Exception:\n        pass\n")
        )
    assert time.monotonic() - began < 5


def test_it_is_read_in_another_thread_too_without_a_limit(tmp_path: Path) -> None:
    results = []
    path = written(tmp_path, COUNCIL.read_text(encoding="utf-8"))
    reader = threading.Thread(target=lambda: results.append(Definition.load(path)))
    reader.start()
    reader.join()
    assert results
