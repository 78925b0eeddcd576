"""`--unfair` lowers what is recorded of one group at equal need, and nothing else."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from borough.rates import Rates
from borough.synth import make_borough
from charter.contracts.files import file_digest
from charter.council.council import Council

_SIGNALS = (
    ("housing", "arrears", "person_ref"),
    ("council_tax", "recovery", "liable_ref"),
    ("social_care", "contacts", "child_id"),
    ("health_visiting", "visits", "child_ref"),
    ("education", "free_meals", "upn"),
)
_OUTCOMES = (("social_care", "cin_periods", "child_id"), ("homelessness", "duties", "applicant_ref"))


@pytest.fixture(scope="module", params=["", "signals", "labels", "both"])
def borough(
    request: pytest.FixtureRequest, fernhill: Council, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Path]:
    folder = tmp_path_factory.mktemp("unfair") / "extracts"
    make_borough(folder, fernhill, 1500, 3, request.param)
    return request.param, folder


def _share(extracts: Path, files: tuple[tuple[str, str, str], ...]) -> float:
    """Return the unfair group's share of the rows of these files."""
    with duckdb.connect() as connection:
        for name in ("references", "people"):
            connection.read_parquet(str(extracts / "truth" / f"{name}.parquet")).create_view(name)
        connection.execute("create table row_of (service text, reference text)")
        for service, name, reference in files:
            connection.read_csv(extracts / service / f"{name}.csv", all_varchar=True).project(
                f"'{service}', {reference}"
            ).insert_into("row_of")
        ((share,),) = connection.execute(
            "select avg((unit_ethnicity = $group)::int) from row_of "
            'join "references" using (service, reference) join people using (person)',
            {"group": Rates.load().unfair_group},
        ).fetchall()
    return float(share)


def test_signals_of_the_group_are_fewer_only_where_signals_are_unfair(borough: tuple[str, Path]):
    unfair, extracts = borough
    share = _share(extracts, _SIGNALS)
    assert share < 0.05 if unfair in ("signals", "both") else 0.13 < share < 0.26


def test_outcomes_of_the_group_are_fewer_only_where_labels_are_unfair(borough: tuple[str, Path]):
    unfair, extracts = borough
    share = _share(extracts, _OUTCOMES)
    assert share < 0.10 if unfair in ("labels", "both") else 0.10 < share < 0.30


def test_the_hospital_records_everybody_alike(borough: tuple[str, Path]):
    _, extracts = borough
    assert 0.13 < _share(extracts, (("hospital", "admissions", "patient_ref"),)) < 0.26


def test_the_food_bank_records_everybody_alike(borough: tuple[str, Path]):
    _, extracts = borough
    assert 0.10 < _share(extracts, (("food_bank", "parcels", "client_ref"),)) < 0.30


def test_unfair_recording_changes_neither_the_truth_nor_what_others_record(
    fernhill: Council, extracts: Path, tmp_path: Path
):
    make_borough(tmp_path / "extracts", fernhill, 600, 1, "both")
    for name in (
        "truth/people.parquet",
        "truth/need.parquet",
        "truth/residence.parquet",
        "hospital/admissions.csv",
        "food_bank/parcels.csv",
    ):
        assert file_digest(tmp_path / "extracts" / name) == file_digest(extracts / name)
    for name in ("social_care/contacts.csv", "social_care/cin_periods.csv", "education/half_terms.parquet"):
        assert file_digest(tmp_path / "extracts" / name) != file_digest(extracts / name)
