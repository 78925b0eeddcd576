"""Whatever comes, a file ends in a clear error, or every row of it is kept or set apart; nothing is lost or shown."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from charter.council.register import ExtractFile, Source, Tolerance
from charter.errors import DataError, SoonerError
from charter.vault.key import Key
from features.intake.database import open_database
from features.intake.extract import name_table, read_file
from features.intake.opening.strict_csv import CsvDialect
from features.intake.quarantine import Quarantine

COLUMNS = {"id": "text", "surname": "text", "born": "date", "at": "datetime", "n": "integer", "amount": "decimal"}
NAME = "Quillfeather"
SETTINGS = {"deadline": None, "suppress_health_check": list(HealthCheck), "derandomize": True}


def make_source(encoding: str, delimiter: str, bad_value: float) -> tuple[Source, ExtractFile]:
    record = {"kind": "event", "signal": "'svc.kind'", "reference": "id", "key": "id", "valid_at": "at"}
    reads = {**record, "end_at": "born", "amount": "amount + n", "detail": "surname"}
    columns = {"name": "people.csv", "columns": COLUMNS, "key": ("id",), "record": (reads,)}
    file = ExtractFile.model_validate(columns)
    source = Source(
        service="svc",
        title="Odd files",
        basis="public task",
        purposes=frozenset({"link"}),
        retention_years=7,
        encoding=encoding,
        delimiter=delimiter,
        tolerance=Tolerance(bad_value=bad_value, duplicate_key=bad_value),
        files=(file,),
    )
    return source, file


odd = st.one_of(
    st.sampled_from(
        [
            "",
            " ",
            "0",
            "1",
            "001",
            "1.5",
            "1_000",
            "1e3",
            "inf",
            "nan",
            "-",
            "1,000",
            "2024-02-30",
            "2024-01-01",
            "1066-10-14",
            "9999-12-31",
            "2024-01-01T10:00:00Z",
            "2024-01-01T24:00:00Z",
            "id",
            "surname",
            '"',
            "\n",
            "\r\n",
            "\x00",
            "\ufffd",
            "\u202e",
            "\u00a0x\u00a0",
            "=1+1",
            "NULL",
            "N" * 5_000,
            "\ufeff",
            "#N/A",
            "1.23E+11",
        ]
    ),
    st.text(max_size=12),
)
good = st.tuples(
    st.text("abc019", min_size=1, max_size=6),
    st.just(NAME),
    st.just("2001-02-03"),
    st.just("2024-01-01T10:00:00Z"),
    st.just("7"),
    st.just("1.25"),
)
rows = st.lists(st.one_of(good, st.tuples(*[odd] * len(COLUMNS)), st.lists(odd, max_size=9).map(tuple)), max_size=8)
damage = st.sampled_from(["none", "cut", "flip", "insert", "double", "no header", "blank lines", "endings"])


def write_csv(table: Sequence[Sequence[str]], delimiter: str, quoting: int) -> str:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, quoting=quoting, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(table)
    return text.getvalue()


def spoil(content: bytes, how: str, place: int, extra: bytes) -> bytes:
    at = place % (len(content) + 1)
    lines = content.split(b"\n")
    spoiled = {
        "none": content,
        "cut": content[:at],
        "flip": content[:at] + extra[:1] + content[at + 1 :],
        "insert": content[:at] + extra + content[at:],
        "double": content + content,
        "no header": b"\n".join(lines[1:]),
        "blank lines": content.replace(b"\n", b"\n\n", 1 + place % 3) + b"\n\n",
        "endings": content.replace(b"\n", b"\r\n", 1 + place % 3),
    }
    return spoiled[how]


def read_odd(path: Path, source: Source, file: ExtractFile) -> tuple[int, int, int]:
    """Return the rows read, kept and set apart."""
    with open_database(Key(b"k" * 32), threads=1) as database:
        quarantine = Quarantine(database, path.parent / "refused.parquet")
        tally = read_file(database, source, file, [path], quarantine)
        kept = database.execute(f"select count(*) from {name_table(source, file)}").fetchall()[0][0]
        set_apart = quarantine.count(source, file)
        quarantine.write(path.parent / "quarantine.parquet")
        assert pq.read_table(path.parent / "quarantine.parquet").num_rows >= set_apart
        return tally.rows, kept, set_apart


def check(path: Path, source: Source, file: ExtractFile) -> int | None:
    """Read a file; return its rows, or None where it was refused by a sentence that shows no value of a row."""
    try:
        read, kept, set_apart = read_odd(path, source, file)
    except SoonerError as error:
        check_sentence(error)
        return None
    assert read == kept + set_apart
    return read


def check_sentence(error: SoonerError) -> None:
    assert isinstance(error, DataError)
    assert error.message
    assert error.next_step
    assert NAME not in str(error)
    assert "\n" not in str(error)


def count_records(content: bytes, dialect: CsvDialect) -> int:
    """Return how many rows Python's own reader sees after the header."""
    csv.field_size_limit(10_000_000)
    text = content.decode("utf-8-sig" if dialect.encoding == "utf-8" else dialect.encoding)
    return sum(bool(row) for row in csv.reader(io.StringIO(text, newline=""), delimiter=dialect.delimiter)) - 1


def check_csv(
    table, encoding: str, delimiter: str, quoting: int, how: str, place: int, extra: bytes, bad: float
) -> None:
    content = spoil(write_csv(table, delimiter, quoting).encode(encoding, errors="replace"), how, place, extra)
    source, file = make_source(encoding, delimiter, bad)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "people.csv"
        path.write_bytes(content)
        read = check(path, source, file)
    if read is not None:
        assert read == count_records(content, CsvDialect(encoding, delimiter))


odd_csv = given(
    table=rows,
    encoding=st.sampled_from(["utf-8", "utf-8", "windows-1252", "utf-16"]),
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    how=damage,
    place=st.integers(0, 10_000),
    extra=st.sampled_from([b'"', b",", b"\n", b"\r", b"\x00", b"\xff", b"\xe9", b'"x"y', b"a,b\n", b"\xef\xbb\xbf"]),
    bad=st.sampled_from([0.0, 0.99]),
)


@settings(max_examples=60, **SETTINGS)
@odd_csv
def test_an_odd_csv_ends_in_a_sentence_or_loses_no_row(table, encoding, delimiter, quoting, how, place, extra, bad):
    check_csv(table, encoding, delimiter, quoting, how, place, extra, bad)


@pytest.mark.deep
@settings(max_examples=6_000, **SETTINGS)
@odd_csv
def test_thousands_of_odd_csv_files_end_in_a_sentence_or_lose_no_row(
    table, encoding, delimiter, quoting, how, place, extra, bad
):
    check_csv(table, encoding, delimiter, quoting, how, place, extra, bad)


texts = st.lists(st.one_of(st.none(), odd), min_size=3, max_size=3).map(lambda values: pa.array(values, pa.string()))
columns = st.one_of(
    texts,
    st.sampled_from(
        [
            pa.array([1.0, 2.5, float("nan")]),
            pa.array([1, None, 2**62]),
            pa.array([b"x", None, b"\xff"]),
            pa.array([[1], None, []]),
            pa.array([date(2024, 1, 1), None, date(1066, 1, 1)]),
            pa.array([datetime(2024, 1, 1, tzinfo=UTC), None, datetime(9999, 1, 1, tzinfo=UTC)]),
            pa.array([1, 2, None], pa.timestamp("ns")),
            pa.array([True, False, None]),
            pa.array([None, None, None], pa.null()),
            pa.array(["a", "b", None]).dictionary_encode(),
            pa.array([1, 2, 3], pa.decimal128(20, 6)),
            pa.array([{"a": 1}, None, {"a": 2}]),
        ]
    ),
)


def check_parquet(cells, how: str, place: int, extra: bytes, bad: float) -> None:
    into = io.BytesIO()
    pq.write_table(pa.table(dict(zip(COLUMNS, cells, strict=True))), into)
    content = spoil(into.getvalue(), how, place, extra)
    source, file = make_source("utf-8", ",", bad)
    file = file.replace(name="people.parquet")
    with TemporaryDirectory() as folder:
        path = Path(folder) / "people.parquet"
        path.write_bytes(content)
        read = check(path, source, file)
    if read is not None and how == "none":
        assert read == 3


odd_parquet = given(
    cells=st.lists(columns, min_size=len(COLUMNS), max_size=len(COLUMNS)),
    how=st.sampled_from(["none", "none", "cut", "flip", "insert"]),
    place=st.integers(0, 100_000),
    extra=st.binary(min_size=1, max_size=4),
    bad=st.sampled_from([0.0, 0.99]),
)


@settings(max_examples=40, **SETTINGS)
@odd_parquet
def test_an_odd_parquet_ends_in_a_sentence_or_loses_no_row(cells, how, place, extra, bad):
    check_parquet(cells, how, place, extra, bad)


@pytest.mark.deep
@settings(max_examples=3_000, **SETTINGS)
@odd_parquet
def test_thousands_of_odd_parquet_files_end_in_a_sentence_or_lose_no_row(cells, how, place, extra, bad):
    check_parquet(cells, how, place, extra, bad)
