"""Code that is written twice is found, renamed or not; and there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from house.repeats import LINES, repeats_at

PROJECT = """
[tool.hatch.build.targets.wheel]
only-include = ["charter", "serving"]
"""

LOGIC = '''
def pay_bills(bills, limit):
    """Return what is left."""
    total = 0
    for bill in bills:
        if bill.cost > limit:
            raise ValueError(f"{bill} is over {limit}")
        total += bill.cost
        while total > 10:
            total -= 3
    # The rest is kept.
    rest = limit - total
    names = [bill.name for bill in bills]
    if not names:
        return None
    with open(names[0]) as handle:
        text = handle.read()
    return rest, text
'''


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Give the root of a project of two packages, one with the logic in it."""
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    for room in ("charter", "serving"):
        (tmp_path / room).mkdir()
    (tmp_path / "charter/bills.py").write_text('"""Bills."""\n\nimport os\n' + LOGIC)
    return tmp_path


def renamed(text: str) -> str:
    for name, other in (("pay_bills", "clear_debts"), ("bill", "debt"), ("total", "amount"), ("limit", "most")):
        text = text.replace(name, other)
    return text.replace("10", "25").replace("is over", "exceeds").replace("    # The rest is kept.\n", "\n\n")


def test_logic_under_other_names_numbers_and_texts_is_named_in_both_places(root: Path) -> None:
    (root / "serving/debts.py").write_text(renamed(LOGIC))
    ((here, there),) = repeats_at(root)
    assert (str(here), str(there)) == ("charter/bills.py:5-21", "serving/debts.py:2-19")


def test_logic_within_one_module_is_found_too(root: Path) -> None:
    (root / "charter/bills.py").write_text(LOGIC + renamed(LOGIC))
    ((here, there),) = repeats_at(root)
    assert here.last < there.first


@pytest.mark.parametrize(
    ("old", "new"),
    [("while total > 10", "while total >= 10"), ("total += bill.cost", "total -= bill.cost"), ("not names", "names")],
)
def test_another_sign_or_keyword_in_the_middle_is_other_logic(root: Path, old: str, new: str) -> None:
    assert old in LOGIC
    (root / "serving/debts.py").write_text(LOGIC.replace(old, new))
    assert repeats_at(root) == []


def test_a_table_of_rows_is_no_logic(root: Path) -> None:
    rows = "".join(f'    ("row{number}", {number}),\n' for number in range(2 * LINES))
    (root / "charter/bills.py").write_text(f"ROWS = (\n{rows})\n")
    (root / "serving/debts.py").write_text(f"OTHERS = (\n{rows})\n")
    assert repeats_at(root) == []


def test_no_two_places_of_the_code_share_fifteen_lines() -> None:
    pairs = repeats_at()
    assert not pairs, "Give these one home:\n" + "\n".join(f"{here} ~ {there}" for here, there in pairs)
