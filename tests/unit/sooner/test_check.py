"""`sooner check` says everything that is wrong with a council's folder at once, and `doctor` says it too."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import pytest

from charter.errors import CharterError, DataError, DefinitionError, SignOffError
from charter.invocation import shipped_council
from sooner.check import check_council, list_notes
from tests.conftest import run_sooner

TODAY = date(2026, 11, 28)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(shipped_council(), tmp_path / "council"))


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text, (path.name, old)
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_the_shipped_council_has_nothing_wrong(folder: Path) -> None:
    assert check_council(folder, TODAY) == ()


def test_slips_in_every_file_are_all_said(folder: Path) -> None:
    change(folder / "council.toml", "time_zone", "timezone")
    change(folder / "charter.toml", "review_by", "review_bye")
    change(folder / "register.toml", "retention_years = ", "retention_years = -")
    change(folder / "early_help" / "training.toml", "seed = ", "sead = ")
    change(folder / "homelessness" / "definition.py", "COHORT =", "KOHORT =")
    faults = check_council(folder, TODAY)
    files = ("council.toml", "charter.toml", "register.toml", "training.toml", "definition.py")
    for name in files:
        assert sum(name in error.message for error in faults) == 1, (name, [error.message for error in faults])
    assert len(faults) == len(files)
    assert "Did you mean 'time_zone'?" in faults[0].message + faults[0].next_step


def test_what_may_not_be_shown_and_what_nobody_was_asked_about_is_said_before_anything_is_run(folder: Path) -> None:
    change(folder / "register.toml", "confidential_from_household = false", "confidential_from_household = true")
    change(folder / "engagement.toml", '"council_tax", "early_help", ', '"early_help", ')
    faults = check_council(folder, TODAY)
    assert [type(error) for error in faults] == [CharterError, SignOffError, CharterError]
    assert "reads housing.arrears_stage, which is confidential from the household" in faults[0].message
    assert "lists of early_help would make a new use of the records of council_tax, and no" in faults[1].message
    (folder / "engagement.toml").unlink()
    assert not any(isinstance(error, SignOffError) for error in check_council(folder, TODAY))


def test_what_one_file_names_must_be_in_another(folder: Path) -> None:
    change(folder / "early_help" / "definition.py", 'signal("housing.arrears_stage")', 'signal("housing.arears_stage")')
    change(folder / "early_help" / "points.toml", 'feature = "', 'feature = "no_such_')
    kinds = {type(error) for error in check_council(folder, TODAY)}
    assert kinds == {DefinitionError}
    messages = " ".join(error.message for error in check_council(folder, TODAY))
    assert "asks for housing.arears_stage, which register.toml does not declare" in messages


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("council.toml", 'programmes = ["early_help"]', 'programmes = ["early_hepl"]', "no programme"),
        ("charter.toml", 'programme = "homelessness"', 'programme = "homelesness"', "no programme"),
        ("charter.toml", "homelessness = [16", "homeless = [16", "no programme"),
        ("charter.toml", '"housing.arrears_stage"', '"housing.arears_stage"', "no signal"),
        ("charter.toml", '"hospital.emergency_admission"', '"hospital.emergency"', "no signal"),
        ("early_help/worklist.toml", "with_worker = []", 'with_worker = ["early_help_nwo"]', "no feature"),
        ("early_help/worklist.toml", "places = { education = 3", "places = { education = 3, schools = 1", "no source"),
    ],
)
def test_a_name_that_no_other_file_has_is_said(folder: Path, name: str, old: str, new: str, said: str) -> None:
    change(folder / name, old, new)
    (error,) = check_council(folder, TODAY)
    assert f"which is {said} of" in error.message
    assert Path(name).name in error.message


def test_a_signal_of_the_register_that_the_charter_allows_for_nothing_is_said(folder: Path) -> None:
    change(folder / "charter.toml", '  "early_help.episode",\n', "")
    faults = check_council(folder, TODAY)
    said = [error.message for error in faults if "the charter does not know 'early_help.episode'" in error.message]
    assert len(said) == 1


def test_all_signals_that_the_charter_allows_for_nothing_are_said_at_once(folder: Path) -> None:
    for name in ("early_help.episode", "housing.notice"):
        change(folder / "charter.toml", f'  "{name}",\n', "")
    (said,) = [one.message for one in check_council(folder, TODAY) if "the charter does not know" in one.message]
    assert "'early_help.episode'" in said
    assert "'housing.notice'" in said


def test_a_date_that_counts_from_a_signal_nobody_sends_is_said(folder: Path) -> None:
    training = folder / "early_help" / "training.toml"
    text = training.read_text(encoding="utf-8")
    start = text.index("\n[as_of]") + 1
    end = text.index("\n[", start)
    own_dates = (
        '[as_of]\ndates = [2024-01-01]\neach = { signal = "registry.enrolled", after = { n = 1, unit = "days" } }\n'
    )
    training.write_text(text[:start] + own_dates + text[end:], encoding="utf-8")
    (error,) = check_council(folder, TODAY)
    assert "is 'registry.enrolled', which is no signal of register.toml" in error.message


def test_an_overdue_review_and_no_programme_are_said(folder: Path) -> None:
    (error,) = check_council(folder, date(2099, 1, 1))
    assert isinstance(error, CharterError)
    assert "review was due" in error.message
    for name in ("early_help", "homelessness"):
        shutil.rmtree(folder / name)
    (folder / "public.toml").unlink()  # it names the programmes: its slips would be told too
    (error,) = check_council(folder, TODAY)
    assert "has no programme" in error.message


def test_the_verb_exits_as_the_first_fault_does(folder: Path) -> None:
    assert run_sooner("check", str(folder)).code == 0
    change(folder / "council.toml", "time_zone", "timezone")
    ran = run_sooner("check", str(folder))
    assert ran.code == DataError.exit_code
    assert "council.toml" in ran.err
    assert "Traceback" not in ran.err


def test_the_doctor_says_each_slip_on_a_line_of_its_own(folder: Path, tmp_path: Path) -> None:
    change(folder / "early_help" / "training.toml", "seed = ", "sead = ")
    change(folder / "early_help" / "training.toml", "[folds]", "[foldz]")
    ran = run_sooner("doctor", "--council", str(folder), "--workspace", str(tmp_path / "workspace"))
    lines = [line for line in ran.out.splitlines() if "the council's folder" in line]
    assert len(lines) == 2, ran.out
    assert all(line.startswith("MISSING") for line in lines)
    assert "sead" in lines[0] + lines[1]
    assert "foldz" in lines[0] + lines[1]


def test_looks_below_the_line_are_said_with_their_yearly_most(folder: Path) -> None:
    assert list_notes(folder) == ()
    change(folder / "early_help" / "worklist.toml", "share = 0.0", "share = 0.1")
    charter = folder / "charter.toml"
    charter.write_text(f"{charter.read_text()}\n[exploration]\nlargest_share = 0.1\n")
    note, purpose = list_notes(folder)
    assert note.startswith("early_help: 0.1 of each list goes by lot")
    assert "names no most for a year" in note
    assert "names no purpose for looks below the line" in purpose
    change(charter, "largest_share = 0.1", 'largest_share = 0.1\nmost_a_year = 52\npurpose = "look"')
    (note,) = list_notes(folder)
    assert note.endswith("at most 52 in any twelve months.")
    # Looks have a purpose of their own now, and no signal is allowed for it yet.
    assert "which the charter does not allow for the purpose look" in run_sooner("check", str(folder)).err
    for name in ("charter.toml", "register.toml"):
        text = (folder / name).read_text(encoding="utf-8")
        text = text.replace('"display", "evaluate"', '"display", "look", "evaluate"')
        (folder / name).write_text(text, encoding="utf-8")
    assert check_council(folder, TODAY) == ()
    assert note in run_sooner("check", str(folder)).out
