"""Wrong changes of the code: which there are, which tests they are given to, and what the page says of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from house.mutation_page import REASONS, RESULTS, mutation_table, read_reasons, wilson_interval
from tests.conftest import ROOT

TEXT = '''"""A rule."""

LIMIT = 3


class Rule:
    def holds(self, number: int) -> bool:
        """Say."""
        if number > LIMIT:
            return True
        return False
'''


def test_an_interval_of_a_share_is_wilsons() -> None:
    # 9 of 10, from the closed form by hand: (0.9 + 0.19207) / 1.38415 -+ 0.19318.
    assert wilson_interval(9, 10) == pytest.approx((0.5958, 0.9821), abs=1e-4)
    assert wilson_interval(10, 10)[1] == pytest.approx(1)


def test_the_page_counts_by_place_and_names_whatever_nobody_noticed(tmp_path: Path) -> None:
    rows = [("a", "killed"), ("a", "refused"), ("a", "survived"), ("b", "killed"), ("b", "unreached")]
    drawn = [
        {"seed": 7, "room": room, "path": f"{room}.py", "line": 1, "change": f"- x\n+ {outcome}", "outcome": outcome}
        for room, outcome in rows
    ]
    results, reasons = tmp_path / "results.json", tmp_path / "reasons.toml"
    results.write_text(json.dumps({"asked": 9, "changes": {"a": 1000, "b": 500}, "drawn": drawn}))
    reasons.write_text("[[survivor]]\npath = 'a.py'\nchange = '''\n- x\n+ survived'''\nreason = 'It is the same.'\n")
    table = mutation_table(results, reasons)
    assert table.startswith("5 of 1,500 changes, drawn by the seed 7. 4 more were drawn and not examined.")
    assert "| a | 1,000 | 3 | 1 | 1 | 1 | 67 % |" in table
    # Two thirds of a's 1,000 and half of b's 500.
    assert "| **all** | 1,500 | 5 | 2 | 1 | 2 | 61 % |" in table
    assert "`a.py`, line 1: It is the same." in table
    assert "`b.py`, line 1: no reason yet" in table


def test_each_change_that_nobody_noticed_has_its_reason_and_each_reason_its_change() -> None:
    drawn = json.loads(RESULTS.read_text(encoding="utf-8"))["drawn"]
    assert len(drawn) >= 100
    unnoticed = {(row["path"], row["change"]) for row in drawn if row["outcome"] in {"survived", "unreached"}}
    assert set(read_reasons(REASONS)) == unnoticed


def test_a_changed_module_is_what_a_process_imports_and_no_file_is_touched(tmp_path: Path) -> None:
    path = "charter/rules/choice_margin.py"
    before = (ROOT / path).read_bytes()
    changed = tmp_path / "changed.json"
    changed.write_text(json.dumps({"path": path, "source": "SAID = 'changed'\n"}))
    environment = {**os.environ, "SOONER_CHANGED": str(changed), "PYTHONPATH": f"{ROOT}:{ROOT / 'house' / 'mutated'}"}
    code = "import charter.rules.choice_margin as m, charter.errors; print(m.SAID, charter.errors.__doc__ is None)"
    ran = subprocess.run([sys.executable, "-c", code], env=environment, cwd=ROOT, capture_output=True, text=True)
    assert ran.stdout.split() == ["changed", "False"], ran.stderr
    assert (ROOT / path).read_bytes() == before


def test_each_statement_that_runs_is_noted_and_left_when_the_process_ends(tmp_path: Path) -> None:
    environment = {**os.environ, "SOONER_REACHED": str(tmp_path), "PYTHONPATH": f"{ROOT}:{ROOT / 'house' / 'mutated'}"}
    environment.pop("SOONER_COVERED", None)
    code = "from charter.plain_text import *; from charter.rules.tie_break import lots; import datetime as d; "
    ran = subprocess.run(
        [sys.executable, "-c", code + "lots(['a'], d.date(2026, 3, 1))"], env=environment, cwd=ROOT, capture_output=True
    )
    assert ran.returncode == 0, ran.stderr
    (left,) = tmp_path.glob("[0-9]*.json")
    noted = {module for module, _ in json.loads(left.read_text())}
    assert "charter/rules/tie_break.py" in noted
    lines = {line for module, line in json.loads(left.read_text()) if module == "charter/rules/tie_break.py"}
    text = (ROOT / "charter/rules/tie_break.py").read_text().splitlines()
    assert lines
    assert all(text[line - 1].strip() for line in lines)


@pytest.mark.deep
class TestWithItsOperators:
    """What needs mutmut, which only `make deep` installs."""

    def test_a_comparison_a_number_and_an_answer_are_changed_one_at_a_time(self, tmp_path: Path) -> None:
        from house.mutants import count_mutants, make_mutant

        (tmp_path / "rule.py").write_text(TEXT)
        mutants = [make_mutant("rule.py", number, tmp_path) for number in range(count_mutants("rule.py", tmp_path))]
        assert {mutant.change for mutant in mutants if mutant.is_different} >= {
            "- LIMIT = 3\n+ LIMIT = 4",
            "- if number > LIMIT:\n+ if number >= LIMIT:",
            "- return True\n+ return False",
        }
        assert all(mutant.text == TEXT for mutant in mutants)

    def test_a_line_is_noted_by_its_own_statement_and_a_constant_by_the_whole_module(self) -> None:
        from house.reach import find_noted_lines

        assert find_noted_lines(TEXT, 9) == {9}
        assert find_noted_lines(TEXT, 10) == {10}
        assert find_noted_lines(TEXT, 3) is None

    def test_a_sample_that_is_stopped_has_something_of_each_place(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Broken by examining one place after the other."""
        from house import mutation

        plan = mutation.Plan(1, 1.0, (mutation.Place("a", 4, ("a.py",)), mutation.Place("b", 2, ("b.py",))))
        ends = iter([10.0] * 3 + [30.0] * 9)
        monkeypatch.setattr(mutation, "count_kept", lambda *_: {"a.py": 50, "b.py": 50})
        monkeypatch.setattr(mutation, "make_mutant", lambda *key: key)
        monkeypatch.setattr(
            mutation, "examine_mutant", lambda key, *_: {"path": key[0], "number": key[1], "outcome": "killed"}
        )
        monkeypatch.setattr(mutation.time, "monotonic", lambda: next(ends))
        rows, ended = mutation.examine_sample(plan, plan.places, mutation.Reach({}), tmp_path, until=20.0)
        assert ([row["room"] for row in rows], ended) == (["a", "a", "b"], False)
        again, ended = mutation.examine_sample(plan, plan.places, mutation.Reach({}), tmp_path, until=99.0)
        assert ([row["room"] for row in again], ended) == (["a"] * 4 + ["b"] * 2, True)
        assert again[:2] == rows[:2]

    def test_most_wrong_changes_of_a_sample_are_noticed(self) -> None:
        """An hour at a time, from where it stopped; house/mutation.toml says how many are drawn."""
        done = subprocess.run([sys.executable, "-m", "house.mutation"], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        drawn = json.loads(RESULTS.read_text(encoding="utf-8"))["drawn"]
        noticed = sum(row["outcome"] in {"killed", "refused"} for row in drawn)
        assert noticed >= 0.9 * len(drawn), mutation_table()
