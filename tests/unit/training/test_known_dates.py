"""Beside every headline stands of how many records it was assumed when they became known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from charter.contracts.files import write_json
from training.data.known_dates import measure_known_dates, say_assumed

DEFINITION: dict[str, Any] = {
    "features": [{"signals": ["housing.arrears"]}, {"signals": ["housing.arrears", "education.absence"]}],
    "outcome": {"components": [{"signals": ["education.exclusion"]}]},
}


def test_records_that_the_definition_reads_are_counted_once_and_no_others(tmp_path: Path) -> None:
    counts = {
        "housing.arrears": {"rows": 700, "assumed": 60},
        "education.exclusion": {"rows": 300, "assumed": 15},
        "hospital.admission": {"rows": 5000, "assumed": 5000},
    }
    write_json(tmp_path / "manifest.json", {"known_dates": counts})
    measured = measure_known_dates(tmp_path, DEFINITION)
    assert measured is not None
    assert (measured["rows"], measured["assumed"]) == (1000, 75)
    assert measured["sentence"].startswith("Of 1,000 records behind these figures 75 (7.5 of 100) do not say when")


def test_a_snapshot_that_did_not_count_or_is_gone_says_nothing(tmp_path: Path) -> None:
    assert measure_known_dates(tmp_path / "gone", DEFINITION) is None
    write_json(tmp_path / "manifest.json", {"snapshot": "before"})
    assert measure_known_dates(tmp_path, DEFINITION) is None


def test_few_are_not_none() -> None:
    """Broken by rounding a few to nothing."""
    assert "3 (under 0.1 of 100) do not say" in say_assumed(100_000, 3)
    assert say_assumed(100_000, 0) == (
        "Of each of the 100,000 records behind these figures it is recorded when it became known."
    )
