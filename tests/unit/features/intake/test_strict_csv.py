"""The strict door: nothing is guessed, the line and the cause are named, and no value of a row is repeated."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from charter.errors import DataError
from features.intake.opening.headers import check_header
from features.intake.opening.strict_csv import CsvDialect, open_csv

HEADER = "id,surname,day\n"


def read(path: Path, dialect: CsvDialect | None = None) -> list[tuple[str | None, ...]]:
    with duckdb.connect() as database, open_csv(path, "svc/people.csv", dialect or CsvDialect()) as table:
        try:
            return database.execute(f"select * from {table.sql}").fetchall()
        except duckdb.Error as error:
            raise table.refusal(error) from None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HEADER + "1,Quillfeather,2024-01-01\n2,Quillfeather\n", "line 3: it has 2 of 3 cells"),
        (HEADER + "1,Quillfeather,2024-01-01\n2,Quillfeather,x,y\n", "line 3: it has 4 of 3 cells"),
        (HEADER + '1,"Quill\nfeather\nMarsh",x\n2,Quillfeather\n', "line 5: it has 2 of 3 cells"),
        (HEADER + '1,"Quillfeather,x\n', "line 2: it has a quotation mark that is not closed"),
        (HEADER + '1,"Quill"feather,x\n', "line 2: it has a quotation mark that is not closed"),
        (HEADER + "1,Quillfeather,x\n2,Quillfeather,y\r\n3,Quillfeather,z\n", "line 3: it ends otherwise"),
        ("", "is empty: it has no header"),
    ],
)
def test_what_does_not_fit_is_named_by_its_line_and_no_value_is_repeated(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes(text.encode())
    with pytest.raises(DataError, match=said) as refused:
        read(path)
    assert "Quill" not in str(refused.value)
    assert "Quill" not in refused.value.next_step


def test_the_line_is_right_far_into_a_large_file(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text(HEADER + "1,Marsh,2024-01-01\n" * 400_000 + "2,Marsh\n" + "3,Marsh,2024-01-01\n" * 40_000)
    with pytest.raises(DataError, match="line 400002: it has 2 of 3 cells"):
        read(path)


def test_a_first_quotation_mark_may_come_late(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text(HEADER + "1,Marsh,x\n" * 21_000 + '2,"Marsh, the elder",x\n')
    rows = read(path)
    assert (len(rows), rows[-1][1]) == (21_001, "Marsh, the elder")


def test_an_encoding_is_stated_or_its_absence_told_with_the_line(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes((HEADER + "1,Marsh,x\n" * 600 + "2,Hervé,x\n").encode("cp1252"))
    with pytest.raises(DataError, match=r"line 602: it is not UTF-8") as refused:
        read(path)
    assert 'encoding = "windows-1252"' in refused.value.next_step
    assert read(path, CsvDialect("cp1252"))[-1][1] == "Hervé"
    path.write_text(HEADER.replace(",", ";") + "1;Hervé, Ada;x\n", encoding="utf-16")
    assert read(path, CsvDialect("utf-16", ";")) == [("1", "Hervé, Ada", "x")]
    path.write_bytes(b"id\n1\n\xd8\x00\xd8\x00\n")
    with pytest.raises(DataError, match="it is not utf-16"):
        read(path, CsvDialect("utf-16"))


def test_a_repeated_header_is_seen_and_named_by_its_line(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text(HEADER + '1,"Ma\nrsh",x\n' + HEADER + "2,Marsh,x\n")
    with duckdb.connect() as database, open_csv(path, "svc/people.csv") as table:
        rows = database.execute(
            f"select n from (select row_number() over () as n, * from {table.sql}) where {table.second_header}"
        ).fetchall()
        assert rows == [(2,)]
        assert "line 4: it repeats the header" in str(table.repeated_header(2))


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (("H1", "Quillfeather"), "is not its header: none of its 2 cells"),
        (("", "id", "surname"), "a column without a name: number 1 of 3"),
        (("id", "surname", "surname"), "names a column twice"),
        (("id", "surname", "shoe_size"), "unknown column 'shoe_size'"),
    ],
)
def test_a_header_is_refused_for_its_own_cause(columns: tuple[str, ...], said: str) -> None:
    with pytest.raises(DataError, match=said) as refused:
        check_header("svc/people.csv", columns, ("id", "surname"), "Declare it.")
    assert "Quill" not in str(refused.value)


def test_a_header_may_leave_nothing_to_say() -> None:
    check_header("svc/people.csv", ("surname", "id"), ("id", "surname"), "Declare it.")


def test_utf_16_is_named_as_such_and_half_a_character_at_the_end_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    for encoding in ("utf-16", "utf-16-le"):
        path.write_bytes((HEADER + "1,Herv\u00e9,x\n").encode(encoding))
        with pytest.raises(DataError, match=r"is (UTF-16|not UTF-8)|zero bytes") as refused:
            read(path)
        assert "utf-16" in refused.value.next_step
    path.write_bytes((HEADER + "1,Herv\u00e9,x\n").encode("utf-16")[:-1])
    with pytest.raises(DataError, match="line 3: it is not utf-16"):
        read(path, CsvDialect("utf-16"))


def test_utf_8_that_is_taken_for_windows_1252_is_told_and_no_name_is_misread(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text(HEADER + "1,Herv\u00e9,x\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"is UTF-8, though register.toml says windows-1252") as refused:
        read(path, CsvDialect("windows-1252"))
    assert "Herv" not in str(refused.value)
    path.write_text(HEADER + "1,Marsh,x\n", encoding="utf-8")
    assert read(path, CsvDialect("windows-1252")) == [("1", "Marsh", "x")]


def test_a_header_in_another_order_is_a_second_header_too(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text(HEADER + "1,Marsh,x\nDay,id,Surname\nid,Marsh,x\n")
    with duckdb.connect() as database, open_csv(path, "svc/people.csv") as table:
        rows = database.execute(
            f"select n from (select row_number() over () as n, * from {table.sql}) where {table.second_header}"
        ).fetchall()
        assert rows == [(2,)]


def test_lines_are_found_past_blank_ones_and_blank_ones_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text(HEADER + '1,"Ma\nrsh",x\n\n\n2,Marsh,y\n')
    with open_csv(path, "svc/people.csv") as table:
        assert table.find_lines([1, 2]) == {1: 3, 2: 6}
        assert table.count_blank_lines(2) == 2
    path.write_text(HEADER + "1,Marsh,x\n2,Marsh,y\n")
    with open_csv(path, "svc/people.csv") as table:
        assert table.count_blank_lines(2) == 0


def test_a_blank_first_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("\n" + HEADER)
    with pytest.raises(DataError, match="line 1: it is blank"):
        read(path)
