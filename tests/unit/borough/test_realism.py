"""Our figures stand beside the public ones, and near them where the borough was fitted."""

from __future__ import annotations

from pathlib import Path

import pytest

from borough.rates import Rates
from borough.realism import measure_borough, write_table
from borough.synth import make_borough
from charter.council.council import Council
from charter.errors import UsageError


@pytest.fixture(scope="module")
def workspace(fernhill: Council, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("realism")
    make_borough(folder / "extracts", fernhill, 3000, 1)
    return folder


@pytest.mark.parametrize(
    ("name", "tolerance"),
    [
        ("referrals_per_10000", 0.25),
        ("assessments_per_10000", 0.25),
        ("cin_at_31_march_per_10000", 0.30),
        ("not_in_need_percent", 0.20),
        ("assessment_median_days", 0.10),
        ("referral_from_police_percent", 0.20),
    ],
)
def test_a_fitted_figure_is_within_the_range_of_the_public_ones(workspace: Path, name: str, tolerance: float):
    public = Rates.load().tables["public"][name]
    assert min(public) * (1 - tolerance) < measure_borough(workspace)[name] < max(public) * (1 + tolerance)


def test_the_table_has_a_row_for_every_public_figure(workspace: Path):
    text = write_table(workspace)
    figures = [name for name in Rates.load().tables["public"] if name.endswith(("_10000", "_percent", "_days"))]
    assert len(text.splitlines()) - 2 == len([name for name in figures if name != "cin_ethnicity_england_percent"])


def test_a_workspace_without_a_borough_is_refused_with_what_to_type(tmp_path: Path):
    with pytest.raises(UsageError, match="sooner synth"):
        measure_borough(tmp_path)


def test_every_rate_says_its_unit_and_where_it_comes_from():
    rows = [
        row
        for table in Rates.load().tables.values()
        for row in table.values()
        if isinstance(row, dict) and ("value" in row or "values" in row)
    ]
    assert len(rows) > 40
    assert all(row["unit"] and row["source"] for row in rows)


def test_the_documentation_shows_the_table_of_the_default_borough(fernhill: Council, tmp_path: Path):
    page = Path(__file__).parents[3] / "docs" / "explanation" / "fictional-borough.md"
    shown = [line.split("|")[1:-1] for line in page.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    make_borough(tmp_path / "extracts", fernhill, 10_000, 1)
    made = [line.split("|")[1:-1] for line in write_table(tmp_path).splitlines()]
    assert [(row[0], *row[2:]) for row in shown] == [(row[0], *row[2:]) for row in made]
    for documented, now in zip(shown[2:], made[2:], strict=True):
        # Another processor may round a rate the other way, and one event more or less follows.
        assert float(documented[1].replace(",", "")) == pytest.approx(float(now[1].replace(",", "")), rel=0.02)
