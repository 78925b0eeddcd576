"""The matrix as it crosses rooms: written, mapped, and refused where it is not what its contract says."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from charter.contracts.files import write_json
from charter.contracts.matrix import FREE, NONE, Matrix, MatrixDate
from charter.errors import DataError

DAY = date(2026, 9, 28)
FEATURES = np.array([[1.0, np.nan, np.nan], [3.0, 5.0, np.nan]], np.float32)


def at_day() -> MatrixDate:
    """Return two households of three people, with three features of which the last is never seen."""
    return MatrixDate(
        as_of=DAY,
        entity=np.array([b"a" * 32, b"b" * 32], "S32"),
        area=np.array([b"E01990001", b""], "S9"),
        features=FEATURES,
        seen=np.array([[1], [2]], np.uint16),
        members=np.array([1, 2], np.uint16),
        person=np.array([b"p1", b"p2", b"p3"], "S32"),
        person_row=np.array([0, 1, 1], np.int32),
        person_age=np.array([4.0, np.nan, 40.0], np.float32),
        outcome_at=np.full((2, 1), NONE),
        outcome_known_at=np.full((2, 1), NONE),
        outcome_seen=np.ones((2, 1), bool),
        outcome_before=np.zeros((2, 1), np.int8),
        outcome_until=np.array([7, 9], np.int64),
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    at_day().write(tmp_path / f"as_of={DAY}")
    write_json(tmp_path / "manifest.json", manifest())
    write_json(tmp_path / "definition.json", definition())
    return tmp_path


def manifest() -> dict[str, object]:
    dates = {"rows": 2, "cannot_tell": 0, "sha256": "0" * 64}
    return {
        "schema_version": 1, "snapshot": "s1", "inputs": {}, "id": "m1", "definition": "d1", "purpose": "rank",
        "synthetic": True, "features": ["x", "y", "z"], "seen": ["school:now"], "components": ["school.left"],
        "as_of": {"2026-10-05": dates, DAY.isoformat(): dates}, "reporting_lag_days": 10,
        "horizon": {"n": 12, "unit": "months"}, "freshness": {},
    }  # fmt: skip


def definition() -> dict[str, object]:
    feature = {
        "name": "x", "unit": "", "signals": ["school.left"], "services": ["school"], "expression": {},
        "reason": "{value}", "because": "Because.", "direction": None, "system_response": False, "seen": [],
    }  # fmt: skip
    component = {"name": "school.left", "signals": ["school.left"], "services": ["school"]}
    return {
        "schema_version": 1, "hash": "d1", "programme": "help", "entity": "household",
        "cohort": {"title": "Everybody"}, "features": [feature],
        "outcome": {"title": "A need", "horizon": {"n": 12, "unit": "months"}, "components": [component]},
    }  # fmt: skip


def test_what_is_written_is_mapped_again_bit_for_bit(folder: Path) -> None:
    matrix = Matrix.open(folder)
    again = matrix.at(DAY)
    for name in MatrixDate.ARRAYS:
        mapped, written = getattr(again, name), getattr(at_day(), name)
        assert mapped.dtype == written.dtype, name
        assert mapped.tobytes() == written.tobytes(), name
        assert isinstance(mapped, np.memmap), name
    assert matrix.features == ["x", "y", "z"]
    assert matrix.dates == [DAY, date(2026, 10, 5)]


def test_extremes_pass_over_what_is_not_seen_and_the_rows_are_there_after(folder: Path) -> None:
    mapped = Matrix.open(folder).at(DAY)
    lowest, highest = mapped.extremes()
    np.testing.assert_array_equal(lowest, np.array([1.0, 5.0, np.nan], np.float32))
    np.testing.assert_array_equal(highest, np.array([3.0, 5.0, np.nan], np.float32))
    np.testing.assert_array_equal(mapped.features, FEATURES)
    # What lies in memory has no mapped pages to give back.
    at_day().let_go()


def test_a_date_without_a_row_has_no_extremes() -> None:
    """Where cases have days of their own, on some days none comes."""
    nobody = replace(at_day(), features=FEATURES[:0])
    for ends in nobody.extremes():
        assert np.isnan(ends).tolist() == [True, True, True]


def test_whose_records_rest_on_an_uncertain_link_is_read_or_nobody_is(folder: Path) -> None:
    assert Matrix.open(folder).uncertain() == frozenset()
    (folder / "uncertain.csv").write_text("person_id,service\np1,school\np2,housing\n", encoding="utf-8")
    assert Matrix.open(folder).uncertain() == {("p1", "school"), ("p2", "housing")}


def test_a_date_that_was_not_built_is_said_with_how_to_build_it(folder: Path) -> None:
    with pytest.raises(DataError, match="the matrix m1 has no rows at 2026-10-05") as refused:
        Matrix.open(folder).at(date(2026, 10, 5))
    assert refused.value.next_step == "Build it with `sooner build --as-of 2026-10-05`."


@pytest.mark.parametrize("name", ["manifest.json", "definition.json"])
def test_a_matrix_whose_papers_break_their_contract_is_not_opened(folder: Path, name: str) -> None:
    write_json(folder / name, {"schema_version": 1})
    with pytest.raises(DataError, match=f"a {'matrix' if name == 'manifest.json' else 'definition'} document"):
        Matrix.open(folder)


def test_nothing_in_a_matrix_is_unpickled(folder: Path) -> None:
    np.save(folder / f"as_of={DAY}" / "entity.npy", np.array([{"a": 1}], object))
    with pytest.raises(ValueError, match="Python objects"):
        Matrix.open(folder).at(DAY)


def test_a_matrix_made_before_a_component_was_looked_for_says_of_nobody_that_it_was_there(folder: Path) -> None:
    (folder / f"as_of={DAY}" / "outcome_before.npy").unlink()
    rows = Matrix.open(folder).at(DAY)
    assert rows.outcome_before.tolist() == [[FREE], [FREE]]
    assert rows.outcome_before.dtype == np.int8
    (folder / f"as_of={DAY}" / "outcome_until.npy").unlink()
    assert Matrix.open(folder).at(DAY).ends(5).tolist() == [5, 5], "an older matrix has the horizon of its definition"
