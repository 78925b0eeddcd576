"""Files of England's children's services, as others made them up, come in whole by the rows that are ready for them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from charter.council.register import Register
from charter.errors import DataError
from features.intake.formats.ready_rows import read_rows
from features.pull_plan import PullResult, find_newest_snapshot
from tests.conftest import run_sooner
from tests.unit.features.conftest import ROOT, Town

FAKES = ROOT.parent / "shared/data/csc_formats"
pytestmark = pytest.mark.skipif(not FAKES.exists(), reason="the sector's made-up files are not here")
Rows = Callable[[Path], list[dict[str, object]]]


def take_up(town: Town, name: str) -> Register:
    """Make the ready rows of a format the town's register, and let its charter know their signals."""
    path = town.council / "register.toml"
    path.write_text(read_rows(name), encoding="utf-8")
    return allow(town)


def allow(town: Town) -> Register:
    """Let the charter know the signals of the register."""
    register = Register.load(town.council / "register.toml")
    signals = ", ".join(f'"{signal.name}"' for signal in register.signals)
    path = town.council / "charter.toml"
    text = path.read_text(encoding="utf-8").replace('"housing.arrears",', f"{signals},", 1)
    path.write_text(text, encoding="utf-8")
    return register


def deliver(town: Town, folder: str, year: int, *files: Path, strip: str = "") -> None:
    """Lay a year's files down as a delivery; `strip` is what their names begin with."""
    below = town.workspace / "extracts" / folder / str(year)
    below.mkdir(parents=True)
    for file in files:
        shutil.copy2(file, below / file.name.removeprefix(strip))
    said = {"covers_from": "1990-01-01", "covers_to": f"{year}-04-01", "received_at": f"{year}-07-01"}
    service = "education" if folder == "sen" else "social_care"
    statement = {"schema_version": 1, "service": service, "synthetic": True, **said}
    (below / "delivery.json").write_text(json.dumps(statement), encoding="utf-8")


def count_events(town: Town, rows_of: Rows) -> dict[object, int]:
    newest = find_newest_snapshot(town.workspace / "store")
    assert newest is not None
    counts: dict[object, int] = {}
    for row in rows_of(newest / "records/events.parquet"):
        counts[row["signal"]] = counts.get(row["signal"], 0) + 1
    return counts


def check_sums(result: PullResult) -> None:
    assert result.by_file
    for where, counts in result.by_file.items():
        assert counts["rows"] == counts["kept"] + counts["quarantined"] + counts["unchanged"], where


@pytest.mark.parametrize("first", [2020, pytest.param(2017, marks=pytest.mark.deep)])
def test_years_of_children_looked_after(town: Town, rows_of: Rows, first: int) -> None:
    """Each year's return adds to the ones before. Its children have made-up pupil numbers, whose letters are wrong."""
    take_up(town, "ssda903")
    folder = FAKES / "ssda903_multiyear_fake"
    years = range(first, 2022)
    for year in years:
        # The made-up reviews go on for years after the return that they are in.
        deliver(town, "ssda903", year + 13, *folder.glob(f"{year}-*.csv"), strip=f"{year}-")
    result = town.pull()
    check_sums(result)
    files = [path for year in years for path in folder.glob(f"{year}-*.csv")]
    lines = sum(len(path.read_text(encoding="utf-8-sig").splitlines()) - 1 for path in files)
    assert result.rows == lines
    assert set(result.by_rule) <= {"key.form", "key.duplicate"}
    episodes = {2017: 1460, 2018: 974, 2019: 648, 2020: 402, 2021: 253}
    assert count_events(town, rows_of)["social_care.looked_after"] == sum(episodes[year] for year in years)


def test_a_year_of_the_children_in_need_census(town: Town, rows_of: Rows) -> None:
    take_up(town, "cin")
    deliver(town, "cin", 2023, FAKES / "cin_census_fake/fake_CIN_data.xml")
    result = town.pull()
    check_sums(result)
    assert {where: counts["rows"] for where, counts in result.by_file.items() if counts["rows"]} == {
        "social_care/2023/children": 332,
        "social_care/2023/referrals": 402,
    }
    assert result.by_rule == {"key.form": 320, "time.future": 7}
    assert count_events(town, rows_of) == {"social_care.referral": 395}
    assert town.link().references == 332


def mend(town: Town, name: str, old: str = "", new: str = "") -> Path:
    """Copy a made-up return without the text that stands beside its elements, and with one more change."""
    mended = town.workspace.parent / f"{name}.xml"
    text = (FAKES / f"cin_census_fake/{name}.xml").read_text(encoding="utf-8")
    text = text.replace("</UPNunknown>PersonBirthDate", "</UPNunknown>").replace(old or new, new)
    mended.write_text(text, encoding="utf-8")
    return mended


def test_every_element_of_the_newest_census_becomes_rows(town: Town) -> None:
    take_up(town, "cin")
    deliver(town, "cin", 2030, mend(town, "CIN_Census_2026", "2020-09-19", "2028-09-19"))
    result = town.pull()
    check_sums(result)
    assert len(result.by_file) == 7
    assert all(counts["rows"] for counts in result.by_file.values())


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("CIN_Census_2021", r"value.range \(first: 2030/CIN_Census_2021.xml, line 19, ExpectedPersonBirthDate"),
        ("CIN_Census_2026", r"time.end_before_start \(first: 2030/CIN_Census_2026.xml, line 41, end_at"),
        ("CIN2rows", r"key.duplicate \(first: 2030/CIN2rows.xml, line 65, ChildIdentifiers_LAchildID, CPPstartDate"),
    ],
)
def test_errors_that_the_sectors_validators_know_are_found_by_our_rules(town: Town, name: str, found: str) -> None:
    take_up(town, "cin")
    deliver(town, "cin", 2030, mend(town, name))
    with pytest.raises(DataError, match=found):
        town.pull()


def test_a_text_that_stands_where_none_may_is_refused_by_its_line(town: Town) -> None:
    take_up(town, "cin")
    deliver(town, "cin", 2024, FAKES / "cin_census_fake/CIN_Census_2024.xml")
    with pytest.raises(DataError, match=r"CIN_Census_2024.xml \(children\), line 24: a text stands beside an element"):
        town.pull()


def test_the_lists_of_annex_a(town: Town, rows_of: Rows) -> None:
    take_up(town, "annex_a")
    deliver(town, "annex_a", 2021, FAKES / "liia_samples/Annex_A.xlsx")
    result = town.pull()
    check_sums(result)
    assert [counts["rows"] for counts in result.by_file.values()] == [5, 5, 6, 5, 5, 5, 7, 5]
    assert sum(count_events(town, rows_of).values()) == 43 - result.quarantined


def test_the_lists_of_special_educational_needs(town: Town, rows_of: Rows) -> None:
    take_up(town, "sen")
    deliver(town, "sen", 2021, FAKES / "sen_fake/fake_sen.xlsx")
    result = town.pull()
    check_sums(result)
    assert count_events(town, rows_of) == {"education.ehc_plan": 2}


def test_early_help_extracts_come_in_whole_by_rows_that_were_guessed(town: Town) -> None:
    """Two services that share no number; the rows are what `sooner sources guess` prints."""
    extracts = town.workspace / "extracts"
    shutil.rmtree(extracts / "housing")
    for service in ("csc", "education"):
        (extracts / service).mkdir()
        shutil.copy2(FAKES / f"family_context_fake/{service}.csv", extracts / service)
        said = {"covers_from": "2000-01-01", "covers_to": "2029-01-01", "received_at": "2030-01-01"}
        statement = {"schema_version": 1, "service": service, "synthetic": True, **said}
        (extracts / service / "delivery.json").write_text(json.dumps(statement), encoding="utf-8")
    guessed = run_sooner("sources", "guess", str(extracts))
    assert guessed.code == 0, guessed.err
    (town.council / "register.toml").write_text(guessed.out, encoding="utf-8")
    allow(town)
    result = town.pull()
    check_sums(result)
    assert (result.rows, result.quarantined) == (1_000, 0)
