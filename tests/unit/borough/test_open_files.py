"""A made-up borough's open files: what synth writes and nothing else, each column in words, always the same bytes."""

from __future__ import annotations

import csv
import re
from datetime import datetime
from pathlib import Path

import pyarrow.parquet
import pytest

from borough.open_files import name_open_file, write_open_files
from borough.post import Declared, read_declarations
from charter.contracts.files import file_digest, folder_digest
from charter.council.council import Council
from charter.errors import UsageError
from tests.unit.borough.conftest import HOMES

DECLARED = [*read_declarations().values(), *read_declarations("open_files.toml").values()]
MARKS = {"DD": "%d", "MMM": "%b", "MM": "%m", "YYYY": "%Y", "hh": "%H", "mm": "%M", "ss": "%S"}


@pytest.fixture(scope="module")
def published(fernhill: Council, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("open")
    write_open_files(folder, fernhill, HOMES, 1)
    return folder


def _read_rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("file", DECLARED, ids=lambda file: f"{file.service}.{file.file}")
def test_every_file_and_column_has_words(file: Declared) -> None:
    assert file.meaning.endswith(".")
    assert [name for name, _ in file.columns] == list(file.words)
    for name, words in file.words.items():
        assert words.endswith("."), f"{file.service}/{file.file}: {name} has no words"


def test_every_column_that_is_written_is_in_the_dictionary_and_every_one_in_it_is_written(published: Path) -> None:
    """Broken by a dictionary without a file, and by a file that nobody declared."""
    for part in ("services", "truth"):
        said = [(row["file"], row["column"]) for row in _read_rows(published / part / "dictionary.csv")]
        heads = [
            (path.name, column)
            for path in (published / part).glob("made-up-*.csv")
            for column in path.read_text(encoding="utf-8").splitlines()[0].replace('"', "").split(",")
        ]
        assert len(heads) > 15
        assert sorted(said) == sorted(heads)
    names = sorted(path.name for part in ("services", "truth") for path in (published / part).iterdir())
    assert names == sorted([*map(name_open_file, DECLARED), "dictionary.csv", "dictionary.csv"])


def test_a_date_is_written_as_the_dictionary_says(published: Path) -> None:
    read = 0
    for row in _read_rows(published / "services" / "dictionary.csv"):
        assert bool(row["unit"]) == (row["type"] in ("date", "datetime"))
        if not row["unit"]:
            continue
        pattern = re.sub("|".join(MARKS), lambda found: MARKS[found[0]], row["unit"])
        values = [line[row["column"]] for line in _read_rows(published / "services" / row["file"])]
        for value in filter(None, values[:50]):
            assert datetime.strptime(value, pattern)  # noqa: DTZ007 - it is read, and not used
            read += 1
    assert read > 1000


def test_what_is_published_is_what_synth_sends(published: Path, extracts: Path) -> None:
    """Broken by another seed: what a council's synth with the same words makes is this, byte for byte."""
    for file in read_declarations().values():
        sent, out = extracts / file.service / file.file, published / "services" / name_open_file(file)
        if sent.suffix == ".csv":
            assert file_digest(out) == file_digest(sent)
        else:
            rows = pyarrow.parquet.read_table(sent).to_pylist()
            assert [list(row.values()) for row in _read_rows(out)] == [
                ["" if value is None else str(value) for value in row.values()] for row in rows
            ]
    counted = {row["file"]: int(row["rows"]) for row in _read_rows(published / "services" / "made-up-files.csv")}
    assert len(counted) == len(list((published / "services").glob("made-up-*.csv"))) - 1
    for name, rows in counted.items():
        assert len(_read_rows(published / "services" / name)) == rows


def test_the_truth_is_the_truth_of_these_files(published: Path, extracts: Path) -> None:
    references = {
        (row["service"], row["reference"]): row["person"]
        for row in _read_rows(published / "truth" / "made-up-truth-references.csv")
    }
    tenants = _read_rows(published / "services" / "made-up-housing-tenancies.csv")
    assert all(("housing", row["person_ref"]) in references for row in tenants)
    need = pyarrow.parquet.read_table(extracts / "truth" / "need.parquet").to_pylist()
    out = _read_rows(published / "truth" / "made-up-truth-need.csv")
    assert len(out) == len(need)
    for row, known in zip(out[:500], need, strict=False):
        assert float(row["money"]) == pytest.approx(known["money"], abs=0.00051)


def test_the_same_words_make_the_same_bytes_and_another_seed_others(fernhill: Council, tmp_path: Path) -> None:
    digests = []
    for name, seed, unfair in (("a", 3, ""), ("b", 3, ""), ("c", 4, ""), ("d", 3, "signals")):
        (tmp_path / name).mkdir()
        write_open_files(tmp_path / name, fernhill, 150, seed, unfair)
        digests.append(folder_digest(tmp_path / name))
    assert digests[0] == digests[1]
    assert len(set(digests)) == 3


def test_what_makes_no_borough_leaves_nothing(fernhill: Council, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="too small"):
        write_open_files(tmp_path, fernhill, 3, 1)
    assert list(tmp_path.iterdir()) == []
