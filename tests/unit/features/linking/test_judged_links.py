"""How right links are by labels, and the numbers that are fitted to records: offered as a file that is read again."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

from charter.errors import DataError, UsageError
from charter.vault.key import Key
from features.intake.database import give_rows, open_database
from features.linking.fitted_numbers import loosen_parameters, write_fitted
from features.linking.judged_links import Labels, judge_links, read_labels
from features.linking.parameters import Parameters
from tests.unit.features.linking.said import COLUMNS, KINDS, link_said, make_strangers, say

KEY = Key(b"k" * 32)


def test_pairs_are_counted_by_person_and_group() -> None:
    """Ada has three references, two of them together; Ben's one is with them."""
    labels = Labels(
        {"a1": "ada", "a2": "ada", "a3": "ada", "b1": "ben"}, {"sex": {"a1": "F", "a2": "F", "a3": "F", "b1": "M"}}
    )
    everybody, women, men = judge_links({"a1": "P", "a2": "P", "b1": "P", "a3": "Q"}, labels)
    assert (everybody.pairs, everybody.people) == (3, 2)
    assert everybody.recall[0] == pytest.approx(1 / 3)
    assert everybody.precision[0] == pytest.approx(1 / 3)
    assert everybody.f1[0] == pytest.approx(1 / 3)
    assert everybody.precision[1] <= everybody.precision[0] <= everybody.precision[2]
    assert (women.value, women.recall[0]) == ("F", pytest.approx(1 / 3))
    assert women.precision[0] == pytest.approx(1 / 2)
    assert men.document()["recall"] == [None, None, None]


def test_labels_are_read_as_references_and_what_is_wrong_is_said(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("service,reference,person,ethnicity\nhousing,H1,p1,White\nhousing,H2,p1,\n", encoding="utf-8")
    labels = read_labels(path, KEY)
    assert list(labels.person) == [KEY.pseudonyms("reference")("housing", ref) for ref in ("H1", "H2")]
    assert list(labels.groups["ethnicity"].values()) == ["White", "not recorded"]
    path.write_text("service,person\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"labels\.csv has no column"):
        read_labels(path, KEY)
    with pytest.raises(UsageError, match="is missing"):
        read_labels(tmp_path / "none.csv", KEY)
    with pytest.raises(DataError, match="name no reference that was linked"):
        judge_links({"x": "P"}, labels)


def test_what_was_learned_is_a_file_that_is_read_again(tmp_path: Path) -> None:
    born = date(2001, 2, 3)
    rows = make_strangers(80)
    rows += [say("school", f"s{n}", f"Ana{'bcdfg'[n % 5]}", f"Lo{n}", born, household_id=f"h{n}") for n in range(20)]
    rows += [say("care", f"c{n}", f"Ana{'bcdfg'[n % 5]}x", f"Lo{n}", born, household_id=f"h{n}") for n in range(20)]
    table = pa.table(
        {name: pa.array([row.get(name) for row in rows], KINDS.get(name, pa.string())) for name in COLUMNS}
    )
    parameters = loosen_parameters(Parameters.load())
    with open_database(KEY, 1) as database:
        linkage = link_said(database, give_rows(database, table), parameters=parameters)
    path = tmp_path / "linkage.toml"
    path.write_text(write_fitted(parameters, linkage.model, linkage.comparisons), encoding="utf-8")
    fitted = Parameters.load(path)
    shipped = {level.name: level.m for level in Parameters.load().levels["forename"]}
    learned = {level.name: level.m for level in fitted.levels["forename"]}
    assert learned["alike"] > shipped["alike"]
    assert fitted.threshold == parameters.threshold
    assert fitted.home_order == parameters.home_order
    assert Parameters.load_for(tmp_path).sha256 == fitted.sha256
    assert Parameters.load_for(tmp_path / "none").sha256 == Parameters.load().sha256
