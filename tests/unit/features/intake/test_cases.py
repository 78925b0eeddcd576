"""Situations from other tools' bug reports, each with the answer that is right (`../shared/cases`)."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from charter.contracts.files import writer_lock
from charter.errors import DataError
from charter.invocation import Invocation
from features.pull import pull_sources
from features.pull_plan import PullResult
from tests.unit.features.conftest import ROOT

CASES = ROOT.parent / "shared/cases"
pytestmark = pytest.mark.skipif(not CASES.exists(), reason="the cases are not here")


@dataclass(frozen=True)
class Case:
    """A case in a council of its own."""

    folder: Path
    root: Path

    @classmethod
    def of(cls, number: str, root: Path, register: str) -> Case:
        (found,) = CASES.glob(f"{number}-*")
        folder = root / "case"
        shutil.copytree(found, folder)
        if (folder / "make.sh").exists():
            subprocess.run(["sh", "make.sh"], cwd=folder, check=True)
        council = root / "council"
        council.mkdir()
        for name in ("council.toml", "charter.toml", "early_help"):
            copy = shutil.copytree if (CASES / "_common" / name).is_dir() else shutil.copy
            copy(CASES / "_common" / name, council / name)
        shutil.copy(CASES / "_common" / f"register-{register}.toml", council / "register.toml")
        return cls(folder, root)

    def change(self, old: str, new: str) -> None:
        """Change the register."""
        path = self.root / "council/register.toml"
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")

    def lay(self, service: str, *files: str, **renamed: str) -> None:
        """Lay files of the case down as a service's extracts; `renamed`: by the name that they get."""
        extracts = self.folder / "extracts" / service
        extracts.mkdir(parents=True, exist_ok=True)
        for name in files:
            shutil.copy(self.folder / name, extracts / name)
        for name, file in renamed.items():
            shutil.copy(self.folder / file, extracts / f"{name}.csv")

    def pull(self, extracts: str = "extracts", confirmed: frozenset[str] = frozenset()) -> PullResult:
        invocation = Invocation.open(self.root / "council", "", self.root / "workspace", quiet=True)
        with writer_lock(invocation.workspace.root):
            return pull_sources(invocation, extracts=self.folder / extracts, confirmed=confirmed)


@pytest.mark.parametrize(
    ("number", "register", "right", "not_said"),
    [
        ("01", "canonical", r"events.csv, line 8: it has \d+ of \d+ cells|line 8: it repeats the header", "p1"),
        ("04", "canonical", r"line 29: it has 6 of 7 cells", "e901"),
        ("05", "housing", r"line 602: it is not UTF-8", "Caf"),
        ("06", "housing", r"uprn.form", "E+"),
        ("09", "housing", r"2 of 2 rows name somebody whom no person record of 'housing' knows", "000123"),
        ("28", "housing", r"the first line of housing/tenants.csv is not its header", "Quillfeather"),
    ],
)
def test_it_is_refused_for_its_own_cause(tmp_path: Path, number: str, register: str, right: str, not_said: str) -> None:
    with pytest.raises(DataError) as refusal:
        Case.of(number, tmp_path, register).pull()
    assert re.search(right, str(refusal.value)), refusal.value
    assert not_said not in str(refusal.value)
    assert not (tmp_path / "workspace/store").exists()


def test_a_first_quoted_value_may_come_late(tmp_path: Path) -> None:
    assert Case.of("03", tmp_path, "canonical").pull().rows == 21_001


def test_a_transfer_that_broke_off_is_held_until_somebody_confirms(tmp_path: Path) -> None:
    case = Case.of("11", tmp_path, "plans")
    assert case.pull("extracts1").rows == 100
    with pytest.raises(DataError, match="lacks 97 of the 100 events that stood"):
        case.pull("extracts2")
    assert case.pull("extracts2", frozenset({"sc"})).rows == 3


def test_recorded_on_the_day_is_no_contradiction(tmp_path: Path) -> None:
    case = Case.of("21", tmp_path, "housing")
    case.lay("housing", "arrears.csv", "tenants.csv")
    case.change('happened = "date"', 'happened = "datetime"')
    result = case.pull()
    assert (result.rows, result.quarantined) == (2, 0)


def test_a_key_in_another_form_is_told_as_such(tmp_path: Path) -> None:
    case = Case.of("23", tmp_path, "plans")
    case.lay("sc", "plans.csv")
    case.change('key = ["id"]', 'key = ["id", "started"]')
    case.change('folder = "sc"\n', 'folder = "sc"\n' + DELIVERED)
    with pytest.raises(DataError, match=r"rule value.type"):
        case.pull()


def test_a_column_without_a_name_is_told_as_such(tmp_path: Path) -> None:
    case = Case.of("23", tmp_path, "plans")
    case.lay("sc", plans="index.csv")
    case.change('folder = "sc"\n', 'folder = "sc"\n' + DELIVERED)
    with pytest.raises(DataError, match="has a column without a name"):
        case.pull()


DELIVERED = "delivery = { covers_from = 2023-01-01, covers_to = 2024-06-01, received_at = 2024-06-02 }\n"
