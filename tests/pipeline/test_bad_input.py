"""Bad input through the real command: one clear sentence with the thing, the rule and what to type; nothing is lost."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from charter.contracts.files import folder_digest
from tests.conftest import ROOT, Ran, run_sooner

Row = dict[str, str]


@dataclass(frozen=True)
class Town:
    """A tiny borough whose first deliveries were pulled and linked."""

    workspace: Path
    store: str

    def unchanged(self) -> bool:
        return folder_digest(self.workspace / "store") == self.store


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Town:
    workspace = tmp_path_factory.mktemp("bad_input") / "workspace"
    for words in (("synth", "--households", "300", "--seed", "4"), ("pull",), ("link",)):
        ran = run_sooner(*words, "--quiet", "--workspace", str(workspace))
        assert ran.code == 0, ran.err
    return Town(workspace, folder_digest(workspace / "store"))


@pytest.fixture
def extracts(town: Town, tmp_path: Path) -> Path:
    """Give a copy of the borough's extracts that the test may spoil."""
    spoiled = tmp_path / "extracts"
    subprocess.run(["cp", "-a", str(town.workspace / "extracts"), str(spoiled)], check=True)
    return spoiled


@pytest.fixture
def council(tmp_path: Path) -> Path:
    """Give a copy of the council's folder that the test may spoil."""
    spoiled = tmp_path / "council"
    shutil.copytree(ROOT / "council", spoiled)
    return spoiled


def rewrite(path: Path, change: Callable[[list[Row]], list[Row]]) -> None:
    with path.open(newline="", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    header = list(rows[0])
    changed = change(rows)
    with path.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, fieldnames=list(changed[0]) if changed else header, quoting=csv.QUOTE_ALL)
        writer.writeheader()
        writer.writerows(changed)


def says(ran: Ran, code: int, *words: str) -> None:
    """Check the exit code, that the two lines are all there is, and the words that must be among them."""
    assert ran.code == code, (ran.out, ran.err)
    sentence, step = ran.err.strip().splitlines()
    assert sentence.startswith("sooner: ")
    assert step.startswith("  next: ")
    assert len(step) > len("  next: ") + 5
    assert ran.out == ""
    for word in words:
        assert word in ran.err, ran.err


def unknown_column(rows: list[Row]) -> list[Row]:
    return [{**row, "credit_score": "7"} for row in rows]


def not_a_date(rows: list[Row]) -> list[Row]:
    return [{**row, "statement_date": "31/02/2020"} for row in rows]


def known_before_valid(rows: list[Row]) -> list[Row]:
    return [{**row, "recorded_on": "01/01/2010"} for row in rows]


def twice(rows: list[Row]) -> list[Row]:
    return rows + rows


def empty(_: list[Row]) -> list[Row]:
    return []


SPOILED: Mapping[str, tuple[Callable[[list[Row]], list[Row]], tuple[str, ...]]] = {
    "an unknown column": (unknown_column, ("housing/arrears.csv", "unknown column 'credit_score'", "register.toml")),
    "a date that isn't one": (not_a_date, ("housing/arrears.csv", "value.type", "statement_date", "quarantine/")),
    "known before valid": (known_before_valid, ("housing/arrears.csv", "time.known_before_valid", "corrected file")),
    "a duplicate key": (twice, ("housing/arrears.csv", "key.duplicate", "arrears_id")),
    "a file emptied": (empty, ("housing/arrears.csv", "is empty", "Ask the service to send it again")),
}


@pytest.mark.parametrize("case", SPOILED)
def test_a_spoiled_file_is_refused_by_name_and_rule(town: Town, extracts: Path, case: str) -> None:
    change, words = SPOILED[case]
    rewrite(extracts / "housing/arrears.csv", change)
    ran = run_sooner("pull", "--extracts", str(extracts), "--workspace", str(town.workspace))
    says(ran, 11, *words)
    assert town.unchanged()


def test_one_bad_row_is_set_apart_by_its_rule_and_the_snapshot_before_it_is_kept(
    town: Town, extracts: Path, tmp_path: Path
) -> None:
    own = tmp_path / "workspace"
    subprocess.run(["cp", "-a", str(town.workspace), str(own)], check=True)
    before = {path.name for path in (own / "store").iterdir() if path.is_dir()}
    kept = {name: folder_digest(own / "store" / name) for name in before}
    path = extracts / "housing/arrears.csv"
    rewrite(path, lambda rows: [{**rows[0], "statement_date": "soon"}, *rows[1:]])
    ran = run_sooner("pull", "--extracts", str(extracts), "--workspace", str(own), "--json")
    assert ran.code == 0, ran.err
    told = json.loads(ran.out)
    assert told["by_file"]["housing/arrears.csv"]["quarantined"] == 1
    assert told["by_rule"]["value.type"] == 1
    assert {name: folder_digest(own / "store" / name) for name in before} == kept


def test_a_missing_file_is_named(town: Town, extracts: Path) -> None:
    (extracts / "education/pupils.csv").unlink()
    says(
        run_sooner("pull", "--extracts", str(extracts), "--workspace", str(town.workspace)),
        11,
        "pupils.csv",
        "'education'",
        "missing",
    )
    assert town.unchanged()


def test_a_missing_delivery_is_named(town: Town, extracts: Path) -> None:
    shutil.rmtree(extracts / "youth_justice")
    says(
        run_sooner("pull", "--extracts", str(extracts), "--workspace", str(town.workspace)),
        11,
        "youth_justice",
        "--extracts",
    )
    assert town.unchanged()


def test_an_empty_source_is_named(town: Town, extracts: Path, tmp_path: Path) -> None:
    for path in (extracts / "hospital").glob("*.csv"):
        rewrite(path, empty)
    fresh = tmp_path / "fresh"
    says(run_sooner("pull", "--extracts", str(extracts), "--workspace", str(fresh)), 11, "'hospital' is empty")
    assert not list((fresh / "store").glob("*/manifest.json"))
    says(run_sooner("pull", "--extracts", str(extracts), "--workspace", str(town.workspace)), 11, "hospital", "empty")
    assert town.unchanged()


def test_a_delivery_that_says_nothing_sensible_of_itself_is_refused(town: Town, extracts: Path) -> None:
    path = extracts / "housing/delivery.json"
    delivery = json.loads(path.read_text())
    for spoiled in ({**delivery, "covers_to": "soon"}, {**delivery, "covers_to": "2099-01-01T00:00:00+00:00"}):
        path.write_text(json.dumps(spoiled))
        says(run_sooner("pull", "--extracts", str(extracts), "--workspace", str(town.workspace)), 11, "covers_to")
    path.write_text("{")
    says(
        run_sooner("pull", "--extracts", str(extracts), "--workspace", str(town.workspace)),
        11,
        "delivery.json in housing/",
    )
    assert town.unchanged()


def test_a_signal_that_the_charter_does_not_know_is_refused_at_the_door(town: Town, council: Path) -> None:
    charter = council / "charter.toml"
    charter.write_text(charter.read_text().replace('  "youth_justice.disposal",\n', ""))
    ran = run_sooner("pull", "--council", str(council), "--workspace", str(town.workspace))
    says(ran, 12, "'youth_justice.disposal'", "charter", "register.toml")
    assert town.unchanged()


def test_a_feature_of_a_signal_that_the_charter_allows_for_nothing_like_it_is_not_built(
    town: Town, council: Path
) -> None:
    charter = council / "charter.toml"
    rows = charter.read_text().replace('  "housing.notice",\n', "")
    evaluate = 'signals = ["hospital.emergency_admission", "food_bank.parcel"]'
    charter.write_text(rows.replace(evaluate, evaluate.replace("]", ', "housing.notice"]')))
    ran = run_sooner("build", "--council", str(council), "--workspace", str(town.workspace))
    says(ran, 12, "housing.notice", "charter")
    assert town.unchanged()
    assert not (town.workspace / "matrix").exists()


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (("age_as_composition = true", "age_as_composition = true\nsurveillance = true"), ("surveillance",)),
        (("review_by = 2035-12-31", "review_by = 2020-12-31"), ("review", "sooner sign")),
        (('measure = "recall"', 'measure = "recal"'), ("recal", "Did you mean 'recall'?")),
        (("[audit]", "[audit"), ("charter.toml",)),
    ],
)
def test_a_charter_that_is_not_understood_allows_nothing(
    town: Town, council: Path, edit: tuple[str, str], words: tuple[str, ...]
) -> None:
    charter = council / "charter.toml"
    charter.write_text(charter.read_text().replace(*edit, 1))
    ran = run_sooner("pull", "--council", str(council), "--workspace", str(town.workspace))
    says(ran, 12 if edit[1] != "[audit" else 11, *words)
    assert town.unchanged()


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        (("pull", "--workspce", "x"), ("--workspce", "--help")),
        (("pulll",), ("pulll",)),
        (("rank", "--as-of", "2026-13-01"), ("2026-13-01",)),
        (("build", "--as-of", "tomorrow"), ("tomorrow",)),
        (("synth", "--households", "many"), ("--households", "integer")),
        (("synth", "--households", "3"), ("too small",)),
        (("pull", "--programme", "early_hlp"), ("early_hlp", "early_help")),
        (("pull", "--council", "nowhere"), ("nowhere",)),
        (("sign", "--what", "charter"), ("--role",)),
    ],
)
def test_a_mistyped_command_is_a_usage_error(town: Town, typed: tuple[str, ...], words: tuple[str, ...]) -> None:
    where = () if "--workspce" in typed else ("--workspace", str(town.workspace))
    ran = run_sooner(*typed, *where)
    assert ran.code == 2, (ran.out, ran.err)
    assert "Traceback" not in ran.err
    for word in words:
        assert word in ran.err, ran.err
    assert "next: " in ran.err
    assert town.unchanged()
