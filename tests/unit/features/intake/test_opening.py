"""Packed files, workbooks and JSON lines go through the same door: rows counted, faults named by line, no bombs."""

from __future__ import annotations

import gzip
import json
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from charter.council.register import ExtractFile, Source
from charter.errors import DataError
from charter.vault.key import Key
from features.intake.database import open_database
from features.intake.extract import FileTally, name_table, read_file
from features.intake.opening.bounded import open_unpacked, refuse_bombs
from features.intake.opening.plain_bytes import ByteSurvey, survey_bytes
from features.intake.quarantine import Quarantine

COLUMNS = {"id": "text", "born": "date", "n": "integer", "amount": "decimal"}
CSV = "id,born,n,amount\n001,01/02/2001,7,1.25\n002,,8,2\n"


def read(path: Path, tallies: list[FileTally] | None = None, **file: object) -> list[tuple[object, ...]]:
    record = {"kind": "event", "signal": "'svc.kind'", "reference": "id", "key": "id", "valid_at": "born"}
    reads = {**record, "amount": "amount", "detail": "n::varchar"}
    extract = ExtractFile.model_validate(
        {"name": path.name, "columns": COLUMNS, "key": ("id",), "record": (reads,), **file}
    )
    source = Source(
        service="svc", title="Any", basis="public task", purposes=frozenset({"link"}), retention_years=7,
        dates="%d/%m/%Y", files=(extract,),
    )  # fmt: skip
    with open_database(Key(b"k" * 32), threads=1) as database:
        tally = read_file(database, source, extract, [path], Quarantine(database, path.parent / "refused.parquet"))
        rows = database.execute(f"select id, born::varchar, n, amount::varchar from {name_table(source, extract)}")
        found = rows.fetchall()
        assert tally.rows == len(found)
        if tallies is not None:
            tallies.append(tally)
        return found


ROWS = [("001", "2001-02-01", 7, "1.2500"), ("002", None, 8, "2.0000")]


def write_zip(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "."), content)
    return path


def write_workbook(path: Path, lines: list[list[object]], sheets: int = 1) -> Path:
    """Write the least that is a workbook: texts inline, numbers, and days as Excel counts them (style 1).

    Bytes are an error (b"#N/A") or a formula without its result (b"=").
    """

    def cell(value: object, place: str) -> str:
        if isinstance(value, str):
            return f'<c r="{place}" t="inlineStr"><is><t xml:space="preserve">{value}</t></is></c>'
        if value == b"=":
            return f'<c r="{place}"><f>A1</f><v></v></c>'
        if isinstance(value, bytes):
            return f'<c r="{place}" t="e"><v>{value.decode()}</v></c>'
        if isinstance(value, tuple):
            return f'<c r="{place}" s="1"><v>{value[0]}</v></c>'
        return "" if value is None else f'<c r="{place}"><v>{value}</v></c>'

    def row(number: int, line: list[object]) -> str:
        cells = "".join(cell(value, f"{chr(65 + column)}{number}") for column, value in enumerate(line))
        return f'<row r="{number}">{cells}</row>'

    rows = "".join(row(number, line) for number, line in enumerate(lines, start=1))
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    numbers = range(1, sheets + 1)
    members = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types"><Default Extension="xml" '
        'ContentType="application/xml"/><Default Extension="rels" ContentType="application/vnd.openxmlformats-'
        'package.relationships+xml"/><Override PartName="/xl/workbook.xml" ContentType="application/vnd.'
        'openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" '
        f'Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets>'
        + "".join(f'<sheet name="List {n}" sheetId="{n}" r:id="r{n}"/>' for n in numbers)
        + "</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships">'
        + "".join(f'<Relationship Id="r{n}" Type="{office}/worksheet" Target="worksheets/s.xml"/>' for n in numbers)
        + f'<Relationship Id="r9" Type="{office}/styles" Target="styles.xml"/></Relationships>',
        "xl/styles.xml": f'<styleSheet xmlns="{main}"><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs>'
        "</styleSheet>",
        "xl/worksheets/s.xml": f'<worksheet xmlns="{main}"><sheetData>{rows}</sheetData></worksheet>',
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return path


def test_packed_files_hold_what_they_hold(tmp_path: Path) -> None:
    packed = tmp_path / "people.csv.gz"
    packed.write_bytes(gzip.compress(CSV.encode()))
    assert read(packed) == ROWS
    assert read(write_zip(tmp_path / "people.zip", people__csv=CSV.encode())) == ROWS
    packed.write_bytes(gzip.compress((CSV + "003,soon,1,1\n").encode()))
    with pytest.raises(DataError, match=r"value.type \(first: line 4, born\)"):
        read(packed)


@pytest.mark.parametrize("kind", ["gz", "zip"])
def test_a_broken_packed_file_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"people.csv.{kind}"
    write_zip(path, people__csv=CSV.encode() * 99) if kind == "zip" else path.write_bytes(gzip.compress(CSV.encode()))
    for content in (path.read_bytes()[:-9], b"", b"no such thing"):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"not a whole packed file|is empty"):
            read(path)


@pytest.mark.parametrize(("offset", "damage"), [(10, b"\x63\x00"), (42, b"\xff\xff\xff\x7f")])
def test_a_damaged_directory_of_an_archive_is_a_broken_file(tmp_path: Path, offset: int, damage: bytes) -> None:
    """A method of compression that nobody knows, and a member that begins before its archive."""
    path = write_zip(tmp_path / "people.zip", people__csv=CSV.encode())
    content = bytearray(path.read_bytes())
    directory = content.index(b"PK\x01\x02")
    content[directory + offset : directory + offset + len(damage)] = damage
    path.write_bytes(bytes(content))
    with pytest.raises(DataError, match="is not a whole packed file"):
        read(path)


def test_two_files_in_one_archive_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds 2 files"):
        read(write_zip(tmp_path / "people.zip", people__csv=CSV.encode(), more__csv=CSV.encode()))


def test_a_bomb_is_refused_before_it_fills_the_memory(tmp_path: Path) -> None:
    bomb = tmp_path / "people.csv.gz"
    with gzip.open(bomb, "wb") as handle:
        for _ in range(100):
            handle.write(b"0" * (1 << 20))
    assert bomb.stat().st_size * 250 < 100 << 20
    chunks: list[int] = []
    with (
        open_unpacked(bomb, "svc/x") as (_, stream),
        pytest.raises(DataError, match="grows to more than 250 times"),
    ):
        chunks.extend(len(chunk) for chunk in iter(lambda: stream.read(1 << 20), b""))
    assert 0 < sum(chunks) <= 65 << 20
    workbook = write_zip(tmp_path / "people.xlsx", sheet=b"0" * (100 << 20))
    with pytest.raises(DataError, match="grows to more than 250 times"):
        refuse_bombs(workbook, "svc/x")


def test_a_sheet_is_read_as_its_cells_are_kept(tmp_path: Path) -> None:
    header = ["id", "born", "n", "amount"]
    lines = [["Quarterly list"], [], header, ["001", (36923,), 7, 1.25], [None], [2, "01/02/2001", 8, 2]]
    path = write_workbook(tmp_path / "people.xlsx", lines)
    assert read(path, header_line=3) == [("001", "2001-02-01", 7, "1.2500"), ("2", "2001-02-01", 8, "2.0000")]
    path = write_workbook(tmp_path / "people.xlsx", [header, ["001", "soon", 7, 1.5], ["002", None, 1.5, 1]])
    with pytest.raises(DataError, match=r"2 of 2 rows break the rule value.type \(first: line 2, born\)"):
        read(path)
    path = write_workbook(tmp_path / "people.xlsx", [header, ["001", None, 7, 1.5, "Quillfeather"]])
    with pytest.raises(DataError, match="line 2: it has a cell beside the columns") as refused:
        read(path)
    assert "Quill" not in str(refused.value)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (["001", None, 7, b"#DIV/0!"], r"value.type \(first: line 3, amount\)"),
        (["001", None, b"=", 1], r"value.type \(first: line 3, n\)"),
        ([b"#REF!", None, 7, 1], r"value.error \(first: line 3, id\)"),
        ([1.23456789012e19, None, 7, 1], r"id.form \(first: line 3, id\)"),
        (["001", (36923.5,), 7, 1], r"value.type \(first: line 3, born\)"),
    ],
)
def test_a_cell_that_a_spreadsheet_spoilt_is_told_and_never_empty(tmp_path: Path, row: list[object], said: str) -> None:
    path = write_workbook(tmp_path / "people.xlsx", [list(COLUMNS), ["002", (36923,), 7, 1], row])
    with pytest.raises(DataError, match=said):
        read(path)


def test_columns_that_are_wholly_empty_or_not_available_are_read(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("id,born,n,amount,stage,code\n001,,#N/A,,,#N/A\n002,,#N/A,,,#N/A\n")
    tallies: list[FileTally] = []
    rows = read(path, tallies, columns={**COLUMNS, "stage": "text", "code": "text"})
    assert rows == [("001", None, None, None), ("002", None, None, None)]
    assert tallies[0].not_available == {"n": 2, "code": 2}
    assert tallies[0].empty_columns == ("born", "n", "amount", "stage", "code")


def test_what_a_spreadsheet_spoilt_is_told_of_csv_too(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    for cell, rule in {"1.23457E+11": "id.form", "#N/A": "key.missing", "#NAME?": "value.error"}.items():
        path.write_text(CSV.replace("002", cell))
        with pytest.raises(DataError, match=rf"{rule} \(first: line 3, id\)"):
            read(path)
    path.write_text(CSV.replace("002", "ADE+11"))
    assert len(read(path)) == 2


def test_what_is_not_available_is_an_empty_cell_of_every_kind_of_file_and_told(tmp_path: Path) -> None:
    """A lookup that found nothing: in a day, a number, an amount and a text, as bare text or a spreadsheet's error."""
    header, line = [*COLUMNS, "stage"], ["001", "#N/A", "#N/A", " #N/A ", "#N/A"]
    text = f"{','.join(header)}\n{','.join(line)}\n002,01/02/2001,8,2,x\n"
    (tmp_path / "people.csv").write_text(text)
    (tmp_path / "people.csv.gz").write_bytes(gzip.compress(text.encode()))
    errors = ["001", b"#N/A", b"#N/A", b"#N/A", b"#N/A"]
    write_workbook(tmp_path / "people.xlsx", [header, errors, ["002", "01/02/2001", 8, 2, "x"]])
    objects = [dict(zip(header, cells, strict=True)) for cells in (line, ["002", "01/02/2001", 8, 2, "x"])]
    (tmp_path / "people.jsonl").write_text("\n".join(map(json.dumps, objects)))
    columns = zip(*(line, ["002", "01/02/2001", "8", "2", "x"]), strict=True)
    pq.write_table(pa.table(dict(zip(header, map(list, columns), strict=True))), tmp_path / "people.parquet")
    files = sorted(path for path in tmp_path.iterdir() if path.name.startswith("people"))
    assert len(files) == 5
    for path in files:
        tallies: list[FileTally] = []
        rows = read(path, tallies, columns={**COLUMNS, "stage": "text"})
        assert rows == [("001", None, None, None), ("002", "2001-02-01", 8, "2.0000")], path.name
        assert tallies[0].not_available == dict.fromkeys(("born", "n", "amount", "stage"), 1), path.name
        assert tallies[0].filled == {"id": 2, "born": 1, "n": 1, "amount": 1, "stage": 1}, path.name


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"PK\x03\x04 and so on", "is a zip file or a workbook"),
        (gzip.compress(CSV.encode(), mtime=0), "is a packed file"),
        (CSV.replace(",", ";").encode(), "has ';' between its cells"),
        (CSV.replace("id,born", "ID, Born").encode(), r"in another case, or with blanks around them: numbers 1, 2"),
        (CSV.replace("n,amount", "n,N").encode(), r"names a column twice, in whatever case: numbers 3, 4"),
    ],
    ids=["zip", "packed", "semicolons", "another case", "twice"],
)
def test_a_file_that_is_something_else_is_told_as_such(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=said):
        read(path)


@pytest.mark.parametrize(
    "text",
    [
        "001, letter",
        "001,letter ",
        "001,\u00e9",
        "001,x\x07",
        " 001,x",
        "001,x\t",
        '001," x"',
        '001,"x "',
        '001,"\u00e9"',
        '001,"x\t"',
        '"001", x',
        '001,"x\ny"',
        '001,"\ry"',
        '0"1, x"',
        '0"1,"\n"x',
    ],
)
def test_a_text_is_plain_only_where_no_cell_need_be_asked(tmp_path: Path, text: str) -> None:
    path = tmp_path / "plain.csv"
    path.write_text("id,stage\n001,a letter\n", newline="")
    assert survey_bytes(path, ",") == ByteSurvey(2, is_plain=True)
    for line in (f"{text}\n002,y\n", f"{text}\r\n002,y\r\n", text):
        path.write_text(f"id,stage\n{line}", newline="")
        assert not survey_bytes(path, ",").is_plain


@pytest.mark.parametrize("line", ['001,"x"', '"0,0, 1","Flat 2, 3 Low Row"', '"001",""', '001,"""x"""'])
def test_within_quotation_marks_a_mark_and_a_blank_part_nothing(tmp_path: Path, line: str) -> None:
    path = tmp_path / "quoted.csv"
    path.write_text(f'"id",stage\r\n{line}\r\n{line}', newline="")
    assert survey_bytes(path, ",") == ByteSurvey(3, is_plain=True)
    assert not survey_bytes(path, "\t").is_plain


def test_a_quoted_text_by_tabs_is_never_plain(tmp_path: Path) -> None:
    path = tmp_path / "tabs.csv"
    path.write_text("id\tstage\n001\tx\n")
    assert survey_bytes(path, "\t").is_plain
    path.write_text('id\tstage\n001\t"\tx"\n')
    assert not survey_bytes(path, "\t").is_plain


def test_neighbours_in_two_chunks_are_neighbours(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    path.write_bytes(b"x" * ((1 << 22) - 1) + b", y\n")
    assert not survey_bytes(path, ",").is_plain
    path.write_bytes(b"x" * ((1 << 22) - 1) + b",yy\n")
    assert survey_bytes(path, ",").is_plain


def test_the_sheet_is_named_where_there_are_several(tmp_path: Path) -> None:
    path = write_workbook(tmp_path / "people.xlsx", [list(COLUMNS), ["001", None, 7, 1]], sheets=2)
    with pytest.raises(DataError, match="has 2 sheets"):
        read(path)
    with pytest.raises(DataError, match="has no sheet 'List 3'"):
        read(path, sheet="List 3")
    assert read(path, sheet="List 2") == [("001", None, 7, "1.0000")]


def test_json_lines_are_rows(tmp_path: Path) -> None:
    path = tmp_path / "people.jsonl"
    objects = [{"id": "001", "born": "01/02/2001", "n": 7, "amount": 1.25}, {"id": "002", "n": 8, "amount": 2}]
    path.write_text("\n\n".join(map(json.dumps, objects)))
    assert read(path) == ROWS


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"id": "Quillfeather"', "line 2: it is not JSON"),
        ('{"id": "1", "id": "Quillfeather"}', "line 2: it is not JSON, or has a key twice"),
        ('["Quillfeather"]', "line 2: it is no JSON object"),
        ('{"id": ["Quillfeather"]}', "line 2 has a cell that holds no plain value"),
        ('{"id": "1", "amount": NaN}', "line 2: it is not JSON"),
        ('{"id": "1", "shoe_size": "Quillfeather"}', "unknown column 'shoe_size'"),
        ('{"id": "1", "n": 1.5}', r"value.type \(first: line 2, n\)"),
        ('{"id": "1\\ud800", "n": 1}', r"value.control \(first: line 2, id\)"),
        ('{"id": "1", "\\ud800": 1}', r"unknown column"),
    ],
)
def test_a_line_that_is_no_row_is_named_and_not_shown(tmp_path: Path, line: str, said: str) -> None:
    path = tmp_path / "people.jsonl"
    path.write_text('{"id": "0", "born": null, "n": 1, "amount": 1}\n' + line + "\n")
    with pytest.raises(DataError, match=said) as refused:
        read(path)
    assert "Quill" not in str(refused.value)
